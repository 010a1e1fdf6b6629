/*
 * test_avx_native.c - every VEX row: fpu_exec() against the host's own instruction.
 *
 * For each case an encoding with random registers, vector length and operand form is built; the same prepared state
 * is run natively (XRSTOR, the instruction, XSAVE, in an executable page; a signal handler catches what it raises) and
 * by fpu_exec(), and YMM registers, MXCSR, EFLAGS, general registers, memory and the exception are compared.
 *
 * The outcome of each row's first cases is kept as a hash in avx_recorded.def, so that a host without AVX2 checks
 * what one with AVX2 has confirmed. BLESS=1 writes it (from the repository's root, on a host with AVX2).
 * Arguments: cases per row (default 400; 0: nothing natively, only what is recorded), then the start of the row ids to run (default all).
 */
#define _GNU_SOURCE /* REG_RIP */
#include "cpu/fpu/fpu.h"
#include "tests/unit/ring0_fix.h"
#include "cpu/insn/rows.h"
#include "mmu/base/log.h"
#include "tests/diff/support/fpcase.h"
#include "tests/diff/support/values.h"
#include "tests/diff/support/vendor.h"
#include "tests/diff/support/vexgen.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int cases = 400;
static const char *only = "";

#define RECORDED_CASES 60

static const struct {
	uint16_t id;
	uint32_t hash;
} recorded[] = {
#define RECORDED(row, hash) {INSN_##row, hash},
#include "tests/diff/avx_recorded.def"
#undef RECORDED
};

#define UE 0x10u /* of MXCSR */
#define PE 0x20u

#define MEM_AT 0x10000u
#define MEM_SIZE 192
#define MEM_MID 64 /* the operand starts from here on; gathers reach 64 bytes to both sides */

struct state {
	struct fpu_state f;
	uint64_t rax, rcx, rdx, flags;
	uint64_t at;  /* native: address of the memory operand */
	uint64_t vec; /* exception raised, 0: none */
	uint8_t mem[MEM_SIZE] __attribute__((aligned(64)));
};

/* What the generated code works on; addressed from RBX inside. */
struct native {
	uint8_t host[1024] __attribute__((aligned(64)));
	struct state s;
	uint64_t after; /* where to go on when the instruction faults */
};

static void prepare(struct state *s)
{
	unsigned kind = value_rnd() % 10;

	memset(s, 0, sizeof(*s));
	s->f.fcw = 0x37F;
	s->f.xstate_bv = 7;
	s->f.mxcsr = 0x1F80 | (value_rnd() & 3) << 13 | (value_rnd() & 3 ? 0 : 0x8040) | (value_rnd() & 7 ? 0 : value_rnd() & 0x3F);
	if (!(value_rnd() & 3))
		s->f.mxcsr &= ~(value_rnd() & 0x1F80);
	if (!(value_rnd() & 7)) /* DAZ and FTZ one by one */
		s->f.mxcsr ^= value_rnd() & 0x8040;
	for (unsigned i = 0; i < 16; i++) {
		value_vector(s->f.xmm[i], kind < 9 ? kind : value_rnd() % 9);
		value_vector(s->f.ymmh[i], kind < 9 ? kind : value_rnd() % 9);
	}
	for (unsigned i = 0; i < MEM_SIZE; i += 16)
		value_vector(s->mem + i, kind < 9 ? kind : value_rnd() % 9);
	s->rax = value_rnd();
	s->rcx = value_quad(value_rnd() & 1 ? 6 : 0);
	s->rdx = value_quad(value_rnd() & 1 ? 6 : kind % 9);
	s->flags = value_rnd() & FL_ARITH;
}

struct run {
	struct fix *fix;
	struct native *n;
	uint8_t *page;
	unsigned cases, bad;
	uint32_t hash; /* of the first RECORDED_CASES outcomes */
};

#if defined(__x86_64__)
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <cpuid.h>

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	struct native *n = (struct native *)u->uc_mcontext.gregs[REG_RBX];

	(void)info;
	n->s.vec = sig == SIGFPE ? 19 : sig == SIGILL ? 6 : 13;
	u->uc_mcontext.gregs[REG_RIP] = (greg_t)n->after;
}

static void catch_signals(void)
{
	struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

	sigaction(SIGFPE, &a, NULL);
	sigaction(SIGILL, &a, NULL);
	sigaction(SIGSEGV, &a, NULL);
	sigaction(SIGBUS, &a, NULL);
}

static uint8_t *put(uint8_t *p, const char *hex)
{
	for (unsigned v; sscanf(hex, "%2x", &v) == 1; hex += hex[2] ? 3 : 2)
		*p++ = v;
	return p;
}

static uint8_t *put_off(uint8_t *p, const char *hex, size_t off)
{
	uint32_t d = off;

	p = put(p, hex);
	memcpy(p, &d, 4);
	return p + 4;
}

/* The instruction between loading and saving of the state. RSI and RDI: memory operand. */
static void build(struct native *n, uint8_t *p, const uint8_t *code, unsigned len)
{
	p = put(p, "53 48 89 FB B8 07 00 00 00 31 D2");		 /* push rbx; mov rbx, rdi; EDX:EAX = 7 */
	p = put_off(p, "0F AE A3", offsetof(struct native, host)); /* xsave */
	p = put_off(p, "0F AE AB", offsetof(struct native, s.f));  /* xrstor */
	p = put_off(p, "48 8B B3", offsetof(struct native, s.at));
	p = put(p, "48 89 F7");
	p = put_off(p, "FF B3", offsetof(struct native, s.flags));
	p = put(p, "9D");
	p = put_off(p, "48 8B 83", offsetof(struct native, s.rax));
	p = put_off(p, "48 8B 8B", offsetof(struct native, s.rcx));
	p = put_off(p, "48 8B 93", offsetof(struct native, s.rdx));
	memcpy(p, code, len);
	p += len;
	n->after = (uintptr_t)p;
	p = put_off(p, "48 89 83", offsetof(struct native, s.rax));
	p = put_off(p, "48 89 8B", offsetof(struct native, s.rcx));
	p = put_off(p, "48 89 93", offsetof(struct native, s.rdx));
	p = put(p, "9C");
	p = put_off(p, "8F 83", offsetof(struct native, s.flags));
	p = put(p, "B8 07 00 00 00 31 D2");
	p = put_off(p, "0F AE A3", offsetof(struct native, s.f));
	p = put_off(p, "0F AE AB", offsetof(struct native, host));
	put(p, "5B C3");
}

/* What the row's feature needs of the host, and the operating system's consent to YMM state. */
static bool host_has(unsigned feature)
{
	switch (feature) {
	case FEAT_AVX: return __builtin_cpu_supports("avx");
	case FEAT_AVX2: return __builtin_cpu_supports("avx2");
	case FEAT_FMA: return __builtin_cpu_supports("fma");
	case FEAT_AES: return __builtin_cpu_supports("aes") && __builtin_cpu_supports("avx");
	case FEAT_PCLMUL: return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("avx");
	case FEAT_F16C: {
		unsigned a, b, c, d;

		return __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) && c >> 29 & 1;
	}
	default: return false;
	}
}

static void native_setup(struct run *t)
{
	t->n = aligned_alloc(64, (sizeof(*t->n) + 63) & ~63ul);
	memset(t->n, 0, sizeof(*t->n));
	t->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(t->page != MAP_FAILED && t->n);
	catch_signals();
}

static void native_run(struct run *t, const struct state *s, unsigned off, const uint8_t *code, unsigned len)
{
	t->n->s = *s;
	t->n->s.at = (uintptr_t)t->n->s.mem + off;
	build(t->n, t->page, code, len);
	((void (*)(struct native *))(uintptr_t)t->page)(t->n);
	t->n->s.flags &= FL_ARITH;
	if (!(t->n->s.f.xstate_bv & 4))
		memset(t->n->s.f.ymmh, 0, sizeof(t->n->s.f.ymmh));
}

#else
static bool host_has(unsigned feature)
{
	return false;
}

static void native_setup(struct run *t)
{
}

static void native_run(struct run *t, const struct state *s, unsigned off, const uint8_t *code, unsigned len)
{
}
#endif


static void emulate(struct run *t, const struct insn *in, struct state *s, unsigned off)
{
	struct vcpu *c = t->fix->cpu;

	c->fpu = s->f;
	c->gpr[GPR_RAX] = s->rax;
	c->gpr[GPR_RCX] = s->rcx;
	c->gpr[GPR_RDX] = s->rdx;
	c->gpr[GPR_RSI] = c->gpr[GPR_RDI] = MEM_AT + off;
	c->eflags = s->flags | FL_1;
	mmu_write_buf(&c->mmu, MEM_AT, s->mem, MEM_SIZE, vcpu_mmu_idx(c));
	s->vec = 0;
	if (fpu_exec(c, in, MEM_AT + off) != EXIT_NONE)
		s->vec = c->event.vec;
	c->event.pending = false;
	s->flags = c->eflags & FL_ARITH;
	s->f = c->fpu;
	s->rax = c->gpr[GPR_RAX];
	s->rcx = c->gpr[GPR_RCX];
	s->rdx = c->gpr[GPR_RDX];
	mmu_read_buf(&c->mmu, MEM_AT, s->mem, MEM_SIZE, vcpu_mmu_idx(c));
}

/* Make our result the host's where they agree within the manual's bound. */
static void settle_approximate(const struct state *host, struct state *ours)
{
	float a[8], b[8];

	for (unsigned r = 0; r < 16; r++) {
		memcpy(a, host->f.xmm[r], 16);
		memcpy(a + 4, host->f.ymmh[r], 16);
		memcpy(b, ours->f.xmm[r], 16);
		memcpy(b + 4, ours->f.ymmh[r], 16);
		for (unsigned i = 0; i < 8; i++)
			if (value_close(a[i], b[i]))
				b[i] = a[i];
		memcpy(ours->f.xmm[r], b, 16);
		memcpy(ours->f.ymmh[r], b + 4, 16);
	}
}

/*
 * What the manual leaves open and AMD's processors do otherwise than Intel's and ours: which of several NaNs VDPPS and VDPPD keep, and
 * PE beside an unmasked underflow of VCVTPS2PH.
 */
static void settle_vendor(const struct insn *in, const struct state *host, struct state *ours)
{
	const struct insn_row *row = &insn_rows[in->id];
	unsigned r = in->op[0].reg;

	if (vexgen_is_dot(row)) {
		value_same_nans(host->f.xmm[r], ours->f.xmm[r], 16, row->opcode == 0x41);
		value_same_nans(host->f.ymmh[r], ours->f.ymmh[r], 16, row->opcode == 0x41);
	}
	if (!strcmp(row->mnemonic, "vcvtps2ph") && ours->vec == 19 && (ours->f.mxcsr & ~(ours->f.mxcsr >> 7) & UE))
		ours->f.mxcsr = (ours->f.mxcsr & ~PE) | (host->f.mxcsr & PE);
}

static const char *difference(const struct state *a, const struct state *b)
{
	if (a->vec != b->vec)
		return "the exception";
	if (a->flags != b->flags)
		return "EFLAGS";
	if (memcmp(a->f.xmm, b->f.xmm, 256))
		return "a lower half";
	if (memcmp(a->f.ymmh, b->f.ymmh, 256))
		return "an upper half";
	if (a->f.mxcsr != b->f.mxcsr)
		return "MXCSR";
	if (a->rax != b->rax || a->rcx != b->rcx || a->rdx != b->rdx)
		return "general registers";
	return memcmp(a->mem, b->mem, MEM_SIZE) ? "memory" : NULL;
}

static void show_vector(const char *name, const uint8_t *hi, const uint8_t *lo)
{
	fprintf(stderr, " %s ", name);
	for (unsigned i = 0; i < 32; i++)
		fprintf(stderr, "%02x%s", i < 16 ? hi[15 - i] : lo[31 - i], i % 8 == 7 && i < 31 ? "_" : "");
}

static void show(const char *what, const struct state *s, const struct insn *in, unsigned off)
{
	fprintf(stderr, "  %-6s vec %u mxcsr %04x fl %03x", what, (unsigned)s->vec, s->f.mxcsr, (unsigned)s->flags);
	for (unsigned i = 0; i < in->nops; i++) {
		const struct opnd *o = &in->op[i];
		char name[8];

		snprintf(name, sizeof(name), "y%u", o->reg);
		if (o->kind == OPND_XMM || o->kind == OPND_YMM)
			show_vector(name, s->f.ymmh[o->reg], s->f.xmm[o->reg]);
		else if (o->kind == OPND_MEM)
			show_vector("mem", s->mem + off + 16, s->mem + off);
		else if (o->kind == OPND_GPR)
			fprintf(stderr, " gpr %llx", (unsigned long long)(&s->rax)[o->reg]);
	}
	fprintf(stderr, "\n");
}

/* Selected elements within reach; what is not selected may point anywhere. */
static void tame_indices(struct state *s, const struct insn *in)
{
	const struct insn_row *r = &insn_rows[in->id];
	unsigned isize = strstr(r->mnemonic, "gatherq") ? 8 : 4, esize = in->rex & 8 ? 8 : 4;
	unsigned x = in->mem.index, m = in->op[2].reg;

	for (unsigned i = 0; i < 32 / isize; i++) {
		int64_t v = (int64_t)(value_rnd() % 16) - 8;
		uint8_t *p = i * isize < 16 ? s->f.xmm[x] + i * isize : s->f.ymmh[x] + i * isize - 16;
		unsigned at = i * esize + esize - 1;
		bool on = at < 32 && ((at < 16 ? s->f.xmm[m][at] : s->f.ymmh[m][at - 16]) & 0x80);

		v = v * 8 / (1 << in->mem.scale);
		if (on || (value_rnd() & 1))
			memcpy(p, &v, isize);
	}
}

static bool natively(const struct insn_row *r)
{
	return cases > 0 && host_has(r->feature);
}

static uint32_t hash(uint32_t h, const void *p, size_t n)
{
	for (const uint8_t *b = p; n--; b++)
		h = (h ^ *b) * 0x01000193;
	return h;
}

static void record(struct run *t, const struct state *s)
{
	const uint64_t v[] = {s->vec, s->flags, s->f.mxcsr, s->rax, s->rcx, s->rdx};

	if (t->cases >= RECORDED_CASES)
		return;
	t->hash = hash(t->hash, v, sizeof(v));
	t->hash = hash(t->hash, s->f.xmm, sizeof(s->f.xmm));
	t->hash = hash(t->hash, s->f.ymmh, sizeof(s->f.ymmh));
	t->hash = hash(t->hash, s->mem, sizeof(s->mem));
}

struct shrinking {
	struct run *t;
	const uint8_t *code;
	const struct insn *in;
	unsigned off;
	struct state s;
};

/* From k->s by the host, whose end is t->n->s then, and by us: @ours is our end already, or NULL. */
static const char *compare(struct shrinking *k, struct state *ours)
{
	struct state emu;

	if (!ours) {
		ours = &emu;
		emu = k->s;
		emulate(k->t, k->in, &emu, k->off);
	}
	native_run(k->t, &k->s, k->off, k->code, k->in->len);
	if (vexgen_is_approximate(&insn_rows[k->in->id]))
		settle_approximate(&k->t->n->s, ours);
	if (!host_intel())
		settle_vendor(k->in, &k->t->n->s, ours);
	return difference(&k->t->n->s, ours);
}

static bool still_differs(void *opaque)
{
	return compare(opaque, NULL) != NULL;
}

static struct fpcase fpcase_of(struct state *s, unsigned off)
{
	return (struct fpcase){&s->f, &s->rax, &s->rcx, &s->rdx, &s->flags, s->mem, sizeof(s->mem), off};
}

/* A row for fp_cases.def, with as little in it as makes the difference. */
static void print_row(struct shrinking *k)
{
	struct fpcase c = fpcase_of(&k->s, k->off);

	if (!vexgen_is_gather(&insn_rows[k->in->id])) /* indexes must stay within reach */
		fpcase_shrink(&c, still_differs, k);
	fpcase_print(stderr, "AVX", k->code, k->in->len, &c);
}

static void one(struct run *t, const struct insn_row *r, const uint8_t *code, const struct insn *in)
{
	struct shrinking k;
	unsigned off = MEM_MID + (value_rnd() & 1 ? 0 : value_rnd() & 31);
	struct state in_s, emu;
	const char *why;

	prepare(&in_s);
	if (vexgen_is_gather(r))
		tame_indices(&in_s, in);
	if (!strcmp(r->mnemonic, "vldmxcsr")) /* bit 17 exists on AMD's processors only */
		in_s.mem[off + 2] &= ~2;
	emu = in_s;
	emulate(t, in, &emu, off);
	record(t, &emu);
	t->cases++;
	if (!natively(r))
		return;
	k = (struct shrinking){t, code, in, off, in_s};
	why = compare(&k, &emu);
	if (why && !t->bad++) {
		char text[128];

		insn_text(in, 0, text, sizeof(text));
		fprintf(stderr, "%s: %s differs; %s; bytes", r->id, why, text);
		for (unsigned i = 0; i < in->len; i++)
			fprintf(stderr, " %02x", code[i]);
		fprintf(stderr, "\n");
		show("before", &in_s, in, off);
		show("native", &t->n->s, in, off);
		show("ours", &emu, in, off);
		print_row(&k);
	}
}

/* The row's cases start from a seed of its own. */
static void row(struct run *t, const struct insn_row *r)
{
	unsigned want = natively(r) ? (unsigned)cases : RECORDED_CASES;
	uint8_t code[16] = {0};
	struct insn in;

	t->cases = t->bad = 0;
	t->hash = hash(0x811C9DC5, r->id, strlen(r->id));
	value_seed(0x9E3779B97F4A7C15ull * t->hash);
	for (unsigned tries = 0; tries < 40 * want && t->cases < want; tries++) {
		vexgen_encode(r, code, 0xFFFF);
		if (insn_decode(t->fix->cpu->index, code, 15, 8, &in) == DECODE_OK && &insn_rows[in.id] == r &&
			vexgen_usable(&in))
			one(t, r, code, &in);
	}
	ck_assert_msg(t->cases == want, "%s: %u encodings found", r->id, t->cases);
	if (t->bad)
		fprintf(stderr, "%s: %u of %u cases differ\n", r->id, t->bad, t->cases);
}

static bool recorded_is(unsigned id, uint32_t h)
{
	for (unsigned i = 0; i < ARRAY_SIZE(recorded); i++)
		if (recorded[i].id == id)
			return recorded[i].hash == h;
	return false;
}

/* Cases that once differed, as this test prints them. */
static const struct {
	const char *test, *code;
	unsigned off;
	const char *state;
} known[] = {
#define FP_CASE(test, code, off, state) {#test, code, off, state},
#include "tests/diff/fp_cases.def"
#undef FP_CASE
};

static void begin(struct run *t)
{
	t->fix = fix_prot(0);
	t->fix->cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	t->fix->cpu->xcr0 = 7;
	vcpu_update(t->fix->cpu);
	native_setup(t);
}

START_TEST(known_cases)
{
	struct run t = {.n = NULL};
	unsigned n = 0;

	begin(&t);
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		uint8_t code[16];
		struct insn in;
		struct shrinking k = {&t, code, &in, known[i].off, {.vec = 0}};
		struct fpcase c = fpcase_of(&k.s, known[i].off);

		if (strcmp(known[i].test, "AVX"))
			continue;
		fpcase_code(known[i].code, code);
		k.s.f.xstate_bv = 7;
		ck_assert_msg(fpcase_parse(known[i].state, &c) && c.off <= MEM_SIZE - 96 &&
			insn_decode(t.fix->cpu->index, code, 15, 8, &in) == DECODE_OK, "%s: no case", known[i].code);
		if (!host_has(insn_rows[in.id].feature))
			continue;
		ck_assert_msg(!still_differs(&k), "%s %s differs", known[i].code, known[i].state);
		n++;
	}
	free(t.n);
	fix_free(t.fix);
	printf("%u known cases\n", n);
}
END_TEST

START_TEST(every_row)
{
	struct run t = {.n = NULL};
	unsigned rows = 0, failed = 0, total = 0, native = 0;
	FILE *out = getenv("BLESS") ? fopen("tests/diff/avx_recorded.def", "w") : NULL;

	begin(&t);
	if (out)
		fprintf(out, "/* RECORDED(row, hash of its first outcomes): written by BLESS=1 test_avx_native */\n");
	for (unsigned id = 0; id < INSN_COUNT; id++) {
		const struct insn_row *r = &insn_rows[id];

		if (!r->id || strcmp(r->semantics, "avx") || strncmp(r->id, only, strlen(only)))
			continue;
		row(&t, r);
		rows++;
		total += t.cases;
		native += natively(r);
		if (out)
			fprintf(out, "RECORDED(%s, 0x%08X)\n", r->id, t.hash);
		else if (t.cases >= RECORDED_CASES && !recorded_is(id, t.hash))
			t.bad += fprintf(stderr, "%s: not the recorded outcomes\n", r->id);
		failed += t.bad != 0;
	}
	if (out)
		fclose(out);
	printf("%u rows (%u natively), %u cases, %u rows differ\n", rows, native, total, failed);
	free(t.n);
	fix_free(t.fix);
	ck_assert_uint_gt(rows, 0);
	ck_assert_uint_eq(failed, 0);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("avx_native");
	TCase *c = tcase_create("rows");
	SRunner *r;
	int bad;

	if (argc > 1)
		cases = atoi(argv[1]);
	if (argc > 2)
		only = argv[2];
	tcase_set_timeout(c, 600);
	tcase_add_test(c, known_cases);
	tcase_add_test(c, every_row);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
