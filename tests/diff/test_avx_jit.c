/*
 * test_avx_jit.c - random VEX programs, translated, against the host's processor running the very same bytes.
 *
 * A program is up to 14 instructions: rows of AVX, AVX2, FMA and F16C with register and memory operands (unaligned and across a
 * page boundary where they may be), legacy SSE rows, which leave upper halves alone, and what makes the translator move FP
 * state about: instructions by helper, block ends, x87. All registers, MXCSR, flags and two pages of memory are compared.
 * Arguments: programs (default 3000), seed.
 */
#include "tests/unit/ring0_fix.h"
#include "tests/diff/support/vendor.h"
#include "tests/diff/support/vexgen.h"
#include "cpu/insn/rows.h"
#include "jit/host/backend.h"
#include <stdio.h>

static unsigned long programs = 3000;
static uint64_t seed = 0x9E3779B97F4A7C15ull;

#if defined(__x86_64__)
#include <sys/mman.h>

#define CODE 0x6000u
#define DATA 0x210000u
#define DATA_LEN (2 * PAGE_SIZE)
#define MAX_CODE 256

struct state {
	struct fpu_state f;
	uint64_t gpr[16], flags;
};

/* What the host's code works on; in RBX. */
struct native {
	uint8_t host[512] __attribute__((aligned(64)));
	struct state s;
};

struct test {
	struct fix *f;
	struct jit *j;
	struct native *n;
	uint8_t *page, *data;	/* host: executable; the program's memory */
	unsigned mode;		/* 4, 8 */
	bool portable;		/* the translator may not use the host's AVX */
	uint16_t vex[INSN_COUNT], sse[INSN_COUNT];
	unsigned nvex, nsse;
	uint8_t code[MAX_CODE];
	unsigned len;
	char text[MAX_CODE * 4];
};

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545F4914F6CDD1Dull;
}

static bool host_runs(unsigned feature)
{
	switch (feature) {
	case FEAT_SSE: case FEAT_SSE2: return true;
	case FEAT_SSE3: return __builtin_cpu_supports("sse3");
	case FEAT_SSSE3: return __builtin_cpu_supports("ssse3");
	case FEAT_SSE41: return __builtin_cpu_supports("sse4.1");
	case FEAT_SSE42: return __builtin_cpu_supports("sse4.2");
	case FEAT_AVX: return __builtin_cpu_supports("avx");
	case FEAT_AVX2: return __builtin_cpu_supports("avx2");
	case FEAT_FMA: return __builtin_cpu_supports("fma");
	case FEAT_F16C: return host_detect() & HOSTF_F16C;
	case FEAT_AES: return __builtin_cpu_supports("aes");
	case FEAT_PCLMUL: return __builtin_cpu_supports("pclmul");
	default: return false;
	}
}

/* Implied operands, several addresses, control words; and in portable code other bits than the host's. */
static bool left_out(const struct test *t, const struct insn_row *r)
{
	if (r->map == 1 && (r->opcode == 0xF7 || r->opcode == 0xAE))
		return true;
	if (r->map == 2 && ((r->opcode >= 0x2C && r->opcode <= 0x2F) || r->opcode == 0x8C || r->opcode == 0x8E ||
		(r->opcode >= 0x90 && r->opcode <= 0x93)))
		return true;
	if (r->map == 1 && r->opcode == 0x77 && t->mode != 8)
		return true; /* VZEROx: there it leaves half the registers alone, the host's does not */
	if (t->portable && vexgen_is_dot(r) && !host_intel())
		return true;
	return t->portable && r->map == 1 && (r->opcode == 0x52 || r->opcode == 0x53);
}

static void collect(struct test *t)
{
	t->nvex = t->nsse = 0;
	for (unsigned i = 0; i < INSN_COUNT; i++) {
		const struct insn_row *r = &insn_rows[i];

		if (!r->id || !host_runs(r->feature) || left_out(t, r))
			continue;
		if (!strcmp(r->semantics, "avx"))
			t->vex[t->nvex++] = i;
		else if (!strcmp(r->semantics, "sse") && !(r->match & MATCH_VEX))
			t->sse[t->nsse++] = i;
	}
}

static unsigned pp_of(const struct insn_row *r)
{
	return r->match & MATCH_PFX66 ? 1 : r->match & MATCH_PFXF3 ? 2 : r->match & MATCH_PFXF2 ? 3 : 0;
}

/* ModRM with a register, or [RSI + disp32]; what follows it. */
static unsigned put_modrm(const struct insn_row *r, uint8_t *p, bool mem, uint32_t disp)
{
	unsigned reg = r->match & 8 ? r->match & 7 : rnd() & 7, n = 0;

	if (!mem) {
		p[n++] = 0xC0 | reg << 3 | (rnd() & 7);
	} else {
		p[n++] = 0x80 | reg << 3 | 6;
		memcpy(p + n, &disp, 4);
		n += 4;
	}
	p[n++] = rnd() & 0x7F; /* bit 7 of a register's number: 64-bit mode only */
	return n;
}

static unsigned put_vex(const struct test *t, const struct insn_row *r, uint8_t *p, bool mem, uint32_t disp)
{
	unsigned hi = t->mode == 8 ? rnd() & 5 : 0, v = rnd() & (t->mode == 8 ? 15 : 7), w, l;
	bool has_v = false;

	for (unsigned i = 0; i < 3; i++)
		has_v |= opnd_specs[r->op[i]].method == METHOD_H;
	w = r->match & MATCH_W1 ? 1 : r->match & MATCH_W0 || t->mode != 8 ? 0 : rnd() & 1;
	l = r->match & MATCH_L1 ? 1 : r->match & MATCH_L0 ? 0 : rnd() & 1;
	p[0] = 0xC4;
	p[1] = (~(mem ? hi & 4 : hi) & 7) << 5 | r->map;
	p[2] = w << 7 | (has_v ? ~v & 15 : 15) << 3 | l << 2 | pp_of(r);
	p[3] = r->opcode;
	if (r->map == 1 && r->opcode == 0x77)
		return 4;
	return 4 + put_modrm(r, p + 4, mem, disp);
}

static unsigned put_sse(const struct test *t, const struct insn_row *r, uint8_t *p)
{
	static const uint8_t prefix[4] = {0, 0x66, 0xF3, 0xF2};
	unsigned n = 0, pp = pp_of(r), rex = t->mode == 8 ? rnd() & 5 : 0;

	if (pp)
		p[n++] = prefix[pp];
	if (rex)
		p[n++] = 0x40 | rex;
	p[n++] = 0x0F;
	if (r->map > 1)
		p[n++] = r->map == 2 ? 0x38 : 0x3A;
	p[n++] = r->opcode;
	return n + put_modrm(r, p + n, false, 0);
}

/* RBX is the host's, RSI the memory's, and RSP is RSP. Quadword registers exist in 64-bit mode only. */
static bool operands_fit(const struct insn *in)
{
	const struct insn_row *r = &insn_rows[in->id];

	for (unsigned i = 0; i < 3 && in->code != 8 && (r->match & MATCH_W1); i++)
		if (opnd_specs[r->op[i]].method == METHOD_E)
			return false;
	for (unsigned i = 0; i < in->nops; i++) {
		if (in->op[i].kind == OPND_MMX)
			return false;
		if (in->op[i].kind == OPND_GPR && (in->op[i].reg == GPR_RBX || in->op[i].reg == GPR_RSI ||
			in->op[i].reg == GPR_RSP))
			return false;
	}
	return true;
}

static bool wants_alignment(const struct insn *in)
{
	unsigned op = in->map << 8 | in->opcode;

	return op == 0x128 || op == 0x129 || op == 0x12B || op == 0x1E7 || op == 0x22A ||
		((op == 0x16F || op == 0x17F) && in->pp == 0x66);
}

static void add_bytes(struct test *t, const uint8_t *p, unsigned n)
{
	memcpy(t->code + t->len, p, n);
	t->len += n;
}

static void add_row(struct test *t, bool vex)
{
	for (;;) {
		const struct insn_row *r = &insn_rows[vex ? t->vex[rnd() % t->nvex] : t->sse[rnd() % t->nsse]];
		uint8_t p[24] = {0};
		uint32_t disp = rnd() & 1 ? PAGE_SIZE - 40 + rnd() % 48 : rnd() % (DATA_LEN - 32);
		struct insn in;
		char text[80];

		if (vex)
			put_vex(t, r, p, rnd() & 1, disp);
		else
			put_sse(t, r, p);
		if (insn_decode(t->f->cpu->index, p, 15, t->mode, &in) != DECODE_OK || &insn_rows[in.id] != r ||
			!operands_fit(&in))
			continue;
		if (in.has_mem && wants_alignment(&in)) {
			disp &= ~31u;
			memcpy(p + 5, &disp, 4);
		}
		add_bytes(t, p, in.len);
		insn_text(&in, 0, text, sizeof(text));
		snprintf(t->text + strlen(t->text), sizeof(t->text) - strlen(t->text), "  +%x %s\n", t->len - in.len, text);
		return;
	}
}

static void make_program(struct test *t)
{
	static const uint8_t helper[] = {0x0F, 0xAE, 0x9E, 0, 0, 0, 0}, jump[] = {0xEB, 0}, x87[] = {0xD9, 0xE8, 0xDD, 0xD8};
	unsigned n = 1 + rnd() % 14;

	t->len = 0;
	t->text[0] = 0;
	for (unsigned i = 0; i < n; i++) {
		switch (rnd() % 16) {
		case 0: add_bytes(t, helper, sizeof(helper)); break; /* stmxcsr [rsi] */
		case 1: add_bytes(t, jump, sizeof(jump)); break;
		case 2: add_bytes(t, x87, sizeof(x87)); break;
		case 3: case 4: case 5: add_row(t, false); break;
		default: add_row(t, true);
		}
	}
}

static uint64_t operand(void)
{
	static const uint64_t t[] = {0, 1, 0x3FF0000000000000, 0x7FF0000000000000, 0x7FF8000000000000, 0x7FF4000000000000,
		0x8000000000000000, 0x3F8000003F800000, 0x7F8000007FC00000, 0x7FA0000000000001, 0x000FFFFFFFFFFFFF,
		0x0080000000000001, 0x3C003C00FC007E00};

	switch (rnd() & 3) {
	case 0: return rnd();
	case 1: return t[rnd() % ARRAY_SIZE(t)];
	case 2: return (rnd() & 0x807FFFFF807FFFFFull) | 0x3F0000003F000000ull | (rnd() & 0x0080000000800000ull);
	default: return (rnd() & 0x800FFFFFFFFFFFFFull) | 0x3FE0000000000000ull | (rnd() & 0x0030000000000000ull);
	}
}

static void make_state(struct test *t, struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->f.fcw = 0x37F;
	s->f.mxcsr = 0x1F80 | (rnd() & 3) << 13 | (rnd() & 3 ? 0 : 0x8040);
	s->f.xstate_bv = 7;
	for (unsigned i = 0; i < 16; i++) {
		uint64_t v[4] = {operand(), operand(), operand(), operand()};

		memcpy(s->f.xmm[i], v, 16);
		memcpy(s->f.ymmh[i], v + 2, 16);
	}
	for (unsigned i = 0; i < 16; i++)
		s->gpr[i] = t->mode == 8 ? rnd() : (uint32_t)rnd();
	s->flags = (rnd() & FL_ARITH) | FL_1;
	for (unsigned i = 0; i < DATA_LEN; i += 8) {
		uint64_t v = operand();

		memcpy(t->data + i, &v, 8);
	}
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

/* All general registers but RBX and RSP, loaded from or stored to the state. */
static uint8_t *put_gprs(uint8_t *p, bool load)
{
	for (unsigned i = 0; i < 16; i++) {
		uint32_t d = offsetof(struct native, s.gpr) + 8 * i;

		if (i == GPR_RBX || i == GPR_RSP)
			continue;
		*p++ = 0x48 | (i & 8) >> 1;
		*p++ = load ? 0x8B : 0x89;
		*p++ = 0x83 | (i & 7) << 3;
		memcpy(p, &d, 4);
		p += 4;
	}
	return p;
}

static void run_native(struct test *t)
{
	uint8_t *p = t->page;

	p = put(p, "53 55 41 54 41 55 41 56 41 57 48 89 FB");
	p = put_off(p, "0F AE 83", offsetof(struct native, host)); /* fxsave */
	p = put(p, "B8 07 00 00 00 31 D2");
	p = put_off(p, "48 0F AE AB", offsetof(struct native, s.f)); /* xrstor64 */
	p = put_off(p, "FF B3", offsetof(struct native, s.flags));
	p = put(p, "9D");
	p = put_gprs(p, true);
	memcpy(p, t->code, t->len);
	p += t->len;
	p = put_gprs(p, false);
	p = put(p, "9C");
	p = put_off(p, "8F 83", offsetof(struct native, s.flags));
	p = put(p, "B8 07 00 00 00 31 D2");
	p = put_off(p, "48 0F AE A3", offsetof(struct native, s.f)); /* xsave64 */
	p = put_off(p, "0F AE 8B", offsetof(struct native, host));
	put(p, "C5 F8 77 41 5F 41 5E 41 5D 41 5C 5D 5B C3");
	t->n->s.gpr[GPR_RSI] = (uintptr_t)t->data;
	((void (*)(struct native *))(uintptr_t)t->page)(t->n);
}

static void run_guest(struct test *t, struct state *s)
{
	struct vcpu *c = t->f->cpu;
	uint8_t *ram = t->f->ram.host + t->f->reg.ra;
	enum jit_stop stop;

	memcpy(ram + CODE, t->code, t->len);
	ram[CODE + t->len] = 0xF4;
	ram_written(&t->f->ram, t->f->reg.ra + CODE, t->len + 1);
	c->fpu = s->f;
	c->fpu.mxcsr_mask = 0xFFFF;
	memcpy(c->gpr, s->gpr, sizeof(c->gpr));
	c->gpr[GPR_RSI] = DATA;
	c->gpr[GPR_RSP] = KSTACK;
	c->eflags = s->flags;
	c->rip = CODE;
	c->halted = 0;
	vcpu_update(c);
	stop = jit_run(t->j);
	ck_assert_msg(stop == JIT_HALTED, "vector %u at +%llx (stop %d) in\n%s", c->nchain ? c->chain[0].vec : c->event.vec,
		(unsigned long long)(c->nchain ? c->chain[0].rip : c->event.rip) - CODE, stop, t->text);
	s->f = c->fpu;
	memcpy(s->gpr, c->gpr, sizeof(s->gpr));
	s->flags = c->eflags;
}

static const char *difference(const struct test *t, const struct state *want, const struct state *got, uint64_t rip)
{
	static const char *const names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11",
		"r12", "r13", "r14", "r15"};
	static const char *const xmm[16] = {"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		"xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"};

	if (rip != CODE + t->len + 1)
		return "RIP (an exception?)";
	for (unsigned i = 0; i < 16; i++) {
		if (memcmp(want->f.xmm[i], got->f.xmm[i], 16) || memcmp(want->f.ymmh[i], got->f.ymmh[i], 16))
			return xmm[i];
		if (i != GPR_RBX && i != GPR_RSP && i != GPR_RSI && want->gpr[i] != got->gpr[i] && (t->mode == 8 || i < 8))
			return names[i];
	}
	if (want->f.mxcsr != got->f.mxcsr)
		return "MXCSR";
	if ((want->flags ^ got->flags) & FL_ARITH)
		return "EFLAGS";
	return memcmp(t->data, t->f->ram.host + t->f->reg.ra + DATA, DATA_LEN) ? "memory" : NULL;
}

static void one(struct test *t)
{
	struct state start, got;
	const char *why;

	make_program(t);
	make_state(t, &start);
	memcpy(t->f->ram.host + t->f->reg.ra + DATA, t->data, DATA_LEN);
	got = t->n->s = start;
	run_native(t);
	run_guest(t, &got);
	why = difference(t, &t->n->s, &got, t->f->cpu->rip);
	ck_assert_msg(!why, "%u-bit code%s: %s differs after\n%s", t->mode * 8, t->portable ? ", host without AVX" : "", why,
		t->text);
}

/* Ring 0, flat, 32- or 64-bit code; memory is mapped as it lies. */
static void enter_mode(struct test *t)
{
	struct fix *f = t->f;
	struct vcpu *c = f->cpu;
	static const uint8_t on[] = {FEAT_AVX, FEAT_AVX2, FEAT_FMA, FEAT_F16C};

	for (unsigned i = 0; i < sizeof(on); i++)
		feature_put(&c->features, on[i], true);
	c->gdtr.base = GDT;
	c->gdtr.limit = GDT_END - 1;
	c->idtr.base = IDT;
	c->idtr.limit = 0xFFF;
	c->cr0 = CR0_PE | CR0_NE;
	c->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	c->xcr0 = 7;
	if (t->mode == 8) {
		fix_wr(f, PML4, (PML4 + 0x1000) | 7, 8);
		fix_wr(f, PML4 + 0x1000, (PML4 + 0x2000) | 7, 8);
		for (unsigned i = 0; i < 2; i++)
			fix_wr(f, PML4 + 0x2000 + i * 8, (uint64_t)i << 21 | 0x87, 8);
		c->cr3 = PML4;
		c->cr4 |= BIT(5);
		c->efer |= EFER_LME | EFER_LMA;
		c->cr0 |= CR0_PG;
	}
	vcpu_update(c);
	ck_assert_int_eq(h_jmp_far(c, t->mode == 8 ? S_KCODE64 : S_KCODE, CODE, 4 | 7 << 8), EXIT_NONE);
	for (unsigned i = SEG_SS; i <= SEG_GS; i++)
		ck_assert_int_eq(h_load_seg(c, i, S_KDATA, 0), EXIT_NONE);
	ck_assert_int_eq(h_load_seg(c, SEG_ES, S_KDATA, 0), EXIT_NONE);
	c->shadow = 0;
}

static void run_mode(unsigned mode, uint32_t mask)
{
	struct jit_options opt = {.accel = ACCEL_JIT, .cache_bytes = 4 << 20, .host_mask = mask};
	struct test *t = calloc(1, sizeof(*t));
	struct err e;

	t->mode = mode;
	t->portable = mask & HOSTF_AVX;
	t->f = fix_new("max");
	t->n = aligned_alloc(64, (sizeof(*t->n) + 63) & ~63ul);
	t->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t->data = mmap(NULL, DATA_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(t->page != MAP_FAILED && t->data != MAP_FAILED && t->n);
	collect(t);
	enter_mode(t);
	ck_assert_int_eq(jit_new(&t->j, t->f->cpu, &opt, &e), VM_OK);
	for (unsigned long i = 0; i < programs / (mask ? 2 : 1); i++)
		one(t);
	jit_free(t->j);
	munmap(t->page, 4096);
	munmap(t->data, DATA_LEN);
	free(t->n);
	fix_free(t->f);
	free(t);
}

START_TEST(native)
{
	run_mode(_i ? 8 : 4, 0);
}
END_TEST

/* Hosts that lack a part or all: what they lack is run by portable code, between the rest. */
START_TEST(lesser_hosts)
{
	static const uint32_t masks[] = {HOSTF_AVX, HOSTF_AVX2, HOSTF_FMA | HOSTF_F16C | HOSTF_AES | HOSTF_PCLMUL, UINT32_MAX};

	run_mode(_i & 1 ? 8 : 4, masks[_i / 2]);
}
END_TEST
#endif

int main(int argc, char **argv)
{
	Suite *s = suite_create("avx_jit");
	TCase *c = tcase_create("programs");
	SRunner *r;
	int bad;

	if (argc > 1)
		programs = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	tcase_set_timeout(c, 600);
#if defined(__x86_64__)
	if (host_detect() & HOSTF_AVX) {
		tcase_add_loop_test(c, native, 0, 2);
		tcase_add_loop_test(c, lesser_hosts, 0, 8);
	} else {
		printf("skipped: the host has no AVX\n");
	}
#else
	printf("skipped: the host is no x86-64\n");
#endif
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
