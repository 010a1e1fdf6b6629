/*
 * test_fp_faults.c - every x87, SSE and AVX row with all exceptions unmasked, in the interpreter and the translator.
 *
 * Each row runs on operands of several natures, masked first. Where that sets exception flags, the unmasked run must
 * take #XM at the instruction, having changed nothing but MXCSR's flags; or, for x87, set ES, and #MF comes with the next
 * waiting instruction and not before. Where it sets none, neither comes. Both engines must leave the same state.
 * That the flags and results are silicon's is what tests/diff/ says.
 */
#include <stdio.h>
#include "tests/unit/long_fix.h"
#include "tests/insn/find_encoding.h"

#define CODE 0x6000u
#define DATA 0x9000u
#define LOW_BYTES 0x24000u

enum { KINDS = 6, FLAGS = 0x3F, VEC_MF_ = 16, VEC_XM_ = 19 };

struct bench {
	struct fix *f;
	struct jit *j;
	struct vcpu *clean;
	uint8_t *low;
};

struct result {
	int vec;	/* -1: ran to its HLT */
	uint64_t rip;	/* of the exception */
	struct fpu_state fpu;
	uint64_t gpr[16];
	uint8_t data[256];
};

/* SNaN, denormal, near the largest, tiny, a third, zero: as float, double and extended */
static const struct {
	uint32_t f;
	uint64_t d, m;
	uint16_t e;
} values[KINDS] = {
	{0x7FA00001, 0x7FF4000000000001, 0xA000000000000001, 0x7FFF},
	{0x00000003, 0x0000000000000003, 0x0000000000000003, 0x0000},
	{0x7F7FFFFF, 0x7FEFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0x7FFE},
	{0x00800001, 0x0010000000000001, 0x8000000000000001, 0x0001},
	{0x3EAAAAAB, 0x3FD5555555555555, 0xAAAAAAAAAAAAAAAB, 0x3FFD},
	{0x00000000, 0x0000000000000000, 0x0000000000000000, 0x0000},
};

static void setup(struct bench *t, enum jit_accel accel)
{
	static const uint8_t vex[] = {FEAT_AVX, FEAT_AVX2, FEAT_FMA, FEAT_F16C};
	struct jit_options opt = {.accel = accel, .cache_bytes = 4 << 20};
	struct vcpu *c;
	struct err e;

	t->f = fix_long("max", 0);
	c = t->f->cpu;
	for (unsigned i = 0; i < ARRAY_SIZE(vex); i++)
		feature_put(&c->features, vex[i], true);
	ck_assert_int_eq(h_mov_cr_to(c, 4, c->cr4 | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE, 0), EXIT_NONE);
	c->gpr[GPR_RCX] = c->gpr[GPR_RDX] = 0;
	c->gpr[GPR_RAX] = 7;
	ck_assert_int_eq(h_xsetbv(c, 0, 0, 0), EXIT_NONE);
	ck_assert_int_eq(jit_new(&t->j, c, &opt, &e), VM_OK);
	for (unsigned i = 0; i < 16; i++)
		if (i != GPR_RSP)
			c->gpr[i] = DATA;
	c->rip = CODE;
	vcpu_update(c);
	t->clean = malloc(offsetof(struct vcpu, mmu));
	t->low = malloc(LOW_BYTES);
	memcpy(t->clean, c, offsetof(struct vcpu, mmu));
	memcpy(t->low, t->f->ram.host + t->f->reg.ra, LOW_BYTES);
}

static void teardown(struct bench *t)
{
	jit_free(t->j);
	free(t->clean);
	free(t->low);
	fix_free(t->f);
}

/* Vectors of @w bytes, x87 registers, memory; the second operand is of the next kind if @mix. */
static void operands(struct vcpu *c, uint8_t *data, unsigned w, unsigned kind, bool mix)
{
	for (unsigned r = 0; r < 16; r++) {
		unsigned k = (kind + (mix && r != 1)) % KINDS;

		for (unsigned i = 0; i < 16; i += w) {
			memcpy(c->fpu.xmm[r] + i, w == 4 ? (void *)&values[k].f : (void *)&values[k].d, w);
			memcpy(c->fpu.ymmh[r] + i, w == 4 ? (void *)&values[k].f : (void *)&values[k].d, w);
		}
	}
	for (unsigned r = 0; r < 8; r++) {
		unsigned k = (kind + (mix && r)) % KINDS;

		memcpy(c->fpu.st[r], &values[k].m, 8);
		memcpy(c->fpu.st[r] + 8, &values[k].e, 2);
	}
	for (unsigned i = 0; i < 256; i += w) {
		unsigned k = (kind + mix) % KINDS;

		memcpy(data + i, w == 4 ? (void *)&values[k].f : (void *)&values[k].d, w);
	}
}

/* The instruction, FWAIT, HLT. */
static void run(struct bench *t, const uint8_t *code, unsigned len, unsigned w, unsigned kind, bool mix, bool masked,
	struct result *r)
{
	struct vcpu *c = t->f->cpu;
	uint8_t bytes[20] = {0}, data[256];
	enum jit_stop stop;

	memcpy(c, t->clean, offsetof(struct vcpu, mmu));
	space_write_buf(&t->f->mem, 0, t->low, LOW_BYTES);
	memcpy(bytes, code, len);
	bytes[len] = 0x9B;
	bytes[len + 1] = 0xF4;
	space_write_buf(&t->f->mem, CODE, bytes, sizeof(bytes));
	operands(c, data, w, kind, mix);
	space_write_buf(&t->f->mem, DATA, data, sizeof(data));
	c->fpu.ftw = 0xFF;
	c->fpu.fcw = masked ? 0x37F : 0x340;
	c->fpu.mxcsr = masked ? 0x1F80 : 0;
	vcpu_update(c);
	tlb_flush(&c->mmu, true);
	vcpu_update_req(c);
	while ((stop = jit_run(t->j)) == JIT_STOPPED)
		;
	ck_assert_int_eq(stop, JIT_HALTED);
	memset(r, 0, sizeof(*r));
	r->vec = c->rip > HANDLERS && c->rip <= HANDLERS + 0x1000 ? (int)(c->rip - HANDLERS) / 16 : -1;
	r->rip = r->vec < 0 ? c->rip : fix_frame(t->f, 0);
	r->fpu = c->fpu;
	memcpy(r->gpr, c->gpr, sizeof(r->gpr));
	space_read_buf(&t->f->mem, DATA, r->data, sizeof(r->data));
}

static bool control(const struct insn_row *r) /* loads or resets the words that this is about, or addresses by its operands */
{
	static const char *const names[] = {"fnstenv", "fldenv", "fldcw", "fnsave", "frstor", "fninit", "fnclex", "ldmxcsr",
		"vldmxcsr", "fxrstor", "emms", "wait", "fwait"};

	if (strstr(r->mnemonic, "gather"))
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(r->mnemonic, names[i]))
			return true;
	return false;
}

static void complain(const struct insn_row *r, const uint8_t *code, unsigned len, unsigned kind, const char *what,
	const struct result *u)
{
	fprintf(stderr, "%s, operands %u: %s (vector %d at %llx, mxcsr %x, fsw %x); bytes", r->id, kind, what, u->vec,
		(unsigned long long)u->rip, u->fpu.mxcsr, u->fpu.fsw);
	for (unsigned i = 0; i < len; i++)
		fprintf(stderr, " %02x", code[i]);
	fprintf(stderr, "\n");
}

/* What the unmasked run @u must be, the masked one having been @m and the start @s. NULL: it is */
static const char *judge(bool x87, unsigned len, const struct result *m, const struct result *u, const struct vcpu *s)
{
	if (x87) {
		if (!(m->fpu.fsw & FLAGS))
			return u->vec == -1 && !(u->fpu.fsw & 0x80) ? NULL : "exception without a flag";
		if (!(u->fpu.fsw & 0x80))
			return "ES is not set";
		return u->vec == VEC_MF_ && u->rip == CODE + len ? NULL : "no #MF at the next waiting instruction";
	}
	if (!(m->fpu.mxcsr & FLAGS))
		return u->vec == -1 ? NULL : "exception without a flag";
	if (u->vec != VEC_XM_ || u->rip != CODE)
		return "no #XM at the instruction";
	if (!(u->fpu.mxcsr & FLAGS) || (u->fpu.mxcsr & ~FLAGS))
		return "MXCSR";
	if (memcmp(u->fpu.xmm, s->fpu.xmm, sizeof(s->fpu.xmm)) || memcmp(u->fpu.ymmh, s->fpu.ymmh, sizeof(s->fpu.ymmh)))
		return "a vector register has changed";
	return NULL;
}

static bool same(const struct result *a, const struct result *b)
{
	return a->vec == b->vec && a->rip == b->rip && !memcmp(a->gpr, b->gpr, sizeof(a->gpr)) &&
		!memcmp(a->data, b->data, sizeof(a->data)) && !memcmp(a->fpu.st, b->fpu.st, sizeof(a->fpu.st)) &&
		!memcmp(a->fpu.xmm, b->fpu.xmm, sizeof(a->fpu.xmm)) && !memcmp(a->fpu.ymmh, b->fpu.ymmh, sizeof(a->fpu.ymmh)) &&
		a->fpu.mxcsr == b->fpu.mxcsr && a->fpu.fsw == b->fpu.fsw && a->fpu.ftw == b->fpu.ftw;
}

/* One form of one row. Return: runs that raised something */
static unsigned form(struct bench t[2], const struct insn_row *r, const uint8_t *code, unsigned len, unsigned *bad)
{
	bool x87 = !strcmp(r->semantics, "x87");
	unsigned raised = 0;

	for (unsigned k = 0; k < KINDS * 4; k++) {
		unsigned kind = k % KINDS, w = k / KINDS & 1 ? 4 : 8;
		bool mix = k / KINDS & 2;
		struct result m, u[2];
		struct vcpu *start = t[0].clean;
		uint8_t data[256];
		const char *why;

		operands(start, data, w, kind, mix);
		run(&t[0], code, len, w, kind, mix, true, &m);
		for (unsigned e = 0; e < 2; e++)
			run(&t[e], code, len, w, kind, mix, false, &u[e]);
		why = judge(x87, len, &m, &u[0], start);
		if (!why && !same(&u[0], &u[1]))
			why = "the engines differ";
		if (why && !(*bad)++)
			complain(r, code, len, k, why, &u[0]);
		raised += u[0].vec == VEC_XM_ || u[0].vec == VEC_MF_;
	}
	return raised;
}

/* All rows of @semantics, with memory and with registers. Return: rows that raised something */
static unsigned rows(const char *semantics)
{
	unsigned n = 0, raising = 0, failed = 0;
	struct bench t[2];

	setup(&t[0], ACCEL_INTERP);
	setup(&t[1], ACCEL_JIT);
	for (unsigned id = 0; id < INSN_COUNT; id++) {
		const struct insn_row *r = &insn_rows[id];
		unsigned raised = 0, bad = 0;

		if (strcmp(r->semantics, semantics) || control(r))
			continue;
		for (unsigned memory = 0; memory < 2; memory++) {
			struct find f = {t[0].f->cpu->index, id, 8, memory};
			uint8_t code[INSN_MAX_LEN];
			struct insn in;

			if (!find_encoding(&f, code))
				continue;
			insn_decode(f.index, code, INSN_MAX_LEN, 8, &in);
			raised += form(t, r, code, in.len, &bad);
			n++;
		}
		raising += raised != 0;
		failed += bad != 0;
	}
	for (unsigned i = 0; i < 2; i++)
		teardown(&t[i]);
	printf("%s: %u forms, %u rows raise exceptions, %u rows wrong\n", semantics, n, raising, failed);
	ck_assert_uint_eq(failed, 0);
	return raising;
}

START_TEST(x87)
{
	ck_assert_uint_gt(rows("x87"), 100);
}
END_TEST

START_TEST(sse)
{
	ck_assert_uint_gt(rows("sse"), 60);
}
END_TEST

START_TEST(avx)
{
	ck_assert_uint_gt(rows("avx"), 90);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fp faults");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, x87);
	tcase_add_test(t, sse);
	tcase_add_test(t, avx);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
