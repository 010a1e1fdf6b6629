/*
 * test_sse_native.c - every MMX and SSE row: fpu_exec() against the host's own instruction.
 *
 * For each row an encoding is built (register forms, and memory at [RAX]), the same prepared state is run natively
 * (FXRSTOR, the instruction, FXSAVE, flags, in an executable page) and by fpu_exec(), and XMM, MMX, MXCSR, x87 words,
 * EFLAGS, general registers and memory are compared. Operands mix random bits with the floats that matter. Once with all
 * SIMD floating-point exceptions masked, once with a random set unmasked: then #XM must be the host's SIGFPE, with the same
 * sticky flags and nothing else changed.
 * Arguments: cases per row and form (default 200; 2,500 with DRAGOMAN_LONG), then the start of the row ids to run (default all).
 */
#define _GNU_SOURCE
#include "cpu/fpu/fpu.h"
#include "tests/unit/ring0_fix.h"
#include "cpu/insn/rows.h"
#include "tests/diff/support/fpcase.h"
#include "tests/diff/support/values.h"
#include "tests/diff/support/vendor.h"
#include "tests/diff/support/vexgen.h"
#include "mmu/base/log.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int cases = 200;
static const char *only = "";

#if defined(__x86_64__)
#include <sys/mman.h>
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

#define MEM_AT 0x10000u

struct state {
	struct fpu_state f;
	uint64_t rax, rcx, rdx, flags;
	uint64_t at; /* native: address of the memory operand */
	uint8_t mem[64] __attribute__((aligned(64)));
};

/* What the generated code works on; addressed from RBX inside. */
struct native {
	uint8_t host[512] __attribute__((aligned(64)));
	struct state s;
};

/* Where the generated code goes on after SIGFPE, and whether there was one. */
static struct {
	uintptr_t tail;
	bool hit;
} trap;

static void on_fpe(int sig, siginfo_t *si, void *context)
{
	ucontext_t *u = context;

	trap.hit = true;
	u->uc_mcontext.gregs[REG_RIP] = trap.tail;
}

static void prepare(struct state *s, bool x87, bool unmask)
{
	unsigned kind = value_rnd() % 10;

	memset(s, 0, sizeof(*s));
	s->f.fcw = 0x37F;
	s->f.fsw = x87 ? (value_rnd() & 7) << 11 : 0;
	s->f.ftw = x87 ? value_rnd() : 0;
	s->f.mxcsr = 0x1F80 | (value_rnd() & 3) << 13 | (value_rnd() & 3 ? 0 : 0x8040) | (value_rnd() & 7 ? 0 : value_rnd() & 0x3F);
	if (unmask)
		s->f.mxcsr &= ~(value_rnd() & 0x1F80);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t v = value_quad(kind < 9 ? kind : value_rnd() % 9);
		uint16_t e = value_rnd() & 1 ? 0xFFFF : value_rnd();

		memcpy(s->f.st[i], &v, 8);
		memcpy(s->f.st[i] + 8, &e, 2);
	}
	for (unsigned i = 0; i < 16; i++)
		value_vector(s->f.xmm[i], kind < 9 ? kind : value_rnd() % 9);
	if (!(value_rnd() & 3))
		memcpy(s->f.xmm[2], s->f.xmm[1], 16);
	for (unsigned i = 0; i < 64; i += 16)
		value_vector(s->mem + i, kind < 9 ? kind : value_rnd() % 9);
	s->rax = value_rnd();
	s->rcx = value_quad(value_rnd() & 1 ? 6 : 0);
	s->rdx = value_quad(value_rnd() & 1 ? 6 : kind % 9);
	s->flags = value_rnd() & FL_ARITH;
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
static void build(uint8_t *p, const uint8_t *code, unsigned len)
{
	p = put(p, "53 48 89 FB");			 /* push rbx; mov rbx, rdi */
	p = put_off(p, "0F AE 83", offsetof(struct native, host)); /* fxsave */
	p = put_off(p, "0F AE 8B", offsetof(struct native, s.f));  /* fxrstor */
	p = put_off(p, "48 8B B3", offsetof(struct native, s.at));
	p = put(p, "48 89 F7");
	p = put_off(p, "FF B3", offsetof(struct native, s.flags));
	p = put(p, "9D");
	p = put_off(p, "48 8B 83", offsetof(struct native, s.rax));
	p = put_off(p, "48 8B 8B", offsetof(struct native, s.rcx));
	p = put_off(p, "48 8B 93", offsetof(struct native, s.rdx));
	memcpy(p, code, len);
	p += len;
	trap.tail = (uintptr_t)p;
	p = put_off(p, "48 89 83", offsetof(struct native, s.rax));
	p = put_off(p, "48 89 8B", offsetof(struct native, s.rcx));
	p = put_off(p, "48 89 93", offsetof(struct native, s.rdx));
	p = put(p, "9C");
	p = put_off(p, "8F 83", offsetof(struct native, s.flags));
	p = put_off(p, "0F AE 83", offsetof(struct native, s.f));
	p = put_off(p, "0F AE 8B", offsetof(struct native, host));
	put(p, "5B C3");
}

/* Forms of an encoding: registers 1 and 2, memory [RSI], high registers, twice the same, and with REX.W. */
enum form { FORM_REG, FORM_MEM, FORM_HIGH, FORM_SAME, FORM_REG_W, FORM_MEM_W, FORM_COUNT };

static unsigned encode(const struct insn_row *r, enum form f, uint8_t *b)
{
	static const uint8_t modrm[FORM_COUNT] = {0xCA, 0x0E, 0xCA, 0xC9, 0xCA, 0x0E};
	bool w = f == FORM_REG_W || f == FORM_MEM_W || (r->match & MATCH_W1);
	unsigned n = 0, rex = (w ? 8 : 0) | (f == FORM_HIGH ? 5 : 0);
	uint8_t m = modrm[f];

	if (r->match & MATCH_PFX66)
		b[n++] = 0x66;
	if (r->match & MATCH_PFXF3)
		b[n++] = 0xF3;
	if (r->match & MATCH_PFXF2)
		b[n++] = 0xF2;
	if (rex)
		b[n++] = 0x40 | rex;
	b[n++] = 0x0F;
	if (r->map > 1)
		b[n++] = r->map == 2 ? 0x38 : 0x3A;
	b[n++] = r->opcode;
	if (r->match & 8)
		m = (m & 0xC7) | (r->match & 7) << 3;
	b[n++] = m;
	b[n++] = value_rnd();
	return n;
}

struct run {
	struct fix *fix;
	struct native *n;
	uint8_t *page;
	bool unmask;
	unsigned cases, bad, faults;
};

#define XM_FLAGS ~1ull	  /* in place of EFLAGS: #XM */
#define OTHER_FAULT ~0ull

static void emulate(struct run *t, const struct insn *in, struct state *s, unsigned off)
{
	struct vcpu *c = t->fix->cpu;

	c->fpu = s->f;
	c->gpr[GPR_RAX] = s->rax;
	c->gpr[GPR_RCX] = s->rcx;
	c->gpr[GPR_RDX] = s->rdx;
	c->gpr[GPR_RDI] = MEM_AT + off;
	c->eflags = s->flags | FL_1;
	mmu_write_buf(&c->mmu, MEM_AT, s->mem, 64, vcpu_mmu_idx(c));
	if (fpu_exec(c, in, MEM_AT + off) != EXIT_NONE)
		s->flags = c->event.vec == 19 ? XM_FLAGS : OTHER_FAULT;
	else
		s->flags = c->eflags & FL_ARITH;
	s->f = c->fpu;
	s->rax = c->gpr[GPR_RAX];
	s->rcx = c->gpr[GPR_RCX];
	s->rdx = c->gpr[GPR_RDX];
	mmu_read_buf(&c->mmu, MEM_AT, s->mem, 64, vcpu_mmu_idx(c));
}

/* Make our result the host's where they agree within the manual's bound. */
static void settle_approximate(const struct state *host, struct state *ours)
{
	float a[4], b[4];

	for (unsigned r = 0; r < 16; r++) {
		memcpy(a, &host->f.xmm[r], 16);
		memcpy(b, &ours->f.xmm[r], 16);
		for (unsigned i = 0; i < 4; i++)
			if (value_close(a[i], b[i]))
				b[i] = a[i];
		memcpy(&ours->f.xmm[r], b, 16);
	}
}

/* Which of several NaNs DPPS and DPPD keep: ours is Intel's choice, AMD's add in another order. */
static void settle_dot(const struct insn *in, const struct state *host, struct state *ours)
{
	unsigned r = in->op[0].reg;

	if (vexgen_is_dot(&insn_rows[in->id]) && !host_intel())
		value_same_nans(host->f.xmm[r], ours->f.xmm[r], 16, insn_rows[in->id].opcode == 0x41);
}

static const char *difference(const struct state *a, const struct state *b)
{
	if (a->flags != b->flags)
		return b->flags >= XM_FLAGS ? "it faulted" : a->flags >= XM_FLAGS ? "no #XM" : "EFLAGS";
	if (memcmp(a->f.xmm, b->f.xmm, 256))
		return "XMM";
	for (unsigned i = 0; i < 8; i++)
		if (memcmp(a->f.st[i], b->f.st[i], 10))
			return "MMX";
	if (a->f.mxcsr != b->f.mxcsr)
		return "MXCSR";
	if (a->f.fsw != b->f.fsw || a->f.ftw != b->f.ftw)
		return "x87 status or tags";
	if (a->rax != b->rax || a->rcx != b->rcx || a->rdx != b->rdx)
		return "general registers";
	return memcmp(a->mem, b->mem, 64) ? "memory" : NULL;
}

static void show(const char *what, const struct state *s)
{
	const uint64_t *x = (const uint64_t *)s->f.xmm, *m = (const uint64_t *)s->f.st;

	fprintf(stderr, "  %-6s mxcsr %04x fl %03x rax %llx rcx %llx rdx %llx x0 %016llx_%016llx x1 %016llx_%016llx "
		"x2 %016llx_%016llx st1 %04llx_%016llx st2 %016llx mem %016llx_%016llx fsw %04x ftw %02x\n", what,
		s->f.mxcsr, (unsigned)s->flags, (unsigned long long)s->rax, (unsigned long long)s->rcx,
		(unsigned long long)s->rdx, (unsigned long long)x[1], (unsigned long long)x[0], (unsigned long long)x[3],
		(unsigned long long)x[2], (unsigned long long)x[5], (unsigned long long)x[4],
		(unsigned long long)m[3] & 0xFFFF, (unsigned long long)m[2], (unsigned long long)m[4],
		((unsigned long long *)s->mem)[3], ((unsigned long long *)s->mem)[2], s->f.fsw, s->f.ftw);
}

/* From state @s by the host, whose end is t->n->s then, and by us. NULL: the same */
static const char *both(struct run *t, const struct insn *in, unsigned off, const struct state *s, struct state *ours)
{
	*ours = t->n->s = *s;
	t->n->s.at = (uintptr_t)t->n->s.mem + off;
	trap.hit = false;
	((void (*)(struct native *))(uintptr_t)t->page)(t->n);
	t->n->s.flags = trap.hit ? XM_FLAGS : t->n->s.flags & FL_ARITH;
	emulate(t, in, ours, off);
	if (vexgen_is_approximate(&insn_rows[in->id]))
		settle_approximate(&t->n->s, ours);
	settle_dot(in, &t->n->s, ours);
	return difference(&t->n->s, ours);
}

static struct fpcase fpcase_of(struct state *s, unsigned off)
{
	return (struct fpcase){&s->f, &s->rax, &s->rcx, &s->rdx, &s->flags, s->mem, sizeof(s->mem), off};
}

struct shrinking {
	struct run *t;
	const struct insn *in;
	unsigned off;
	struct state s;
};

static bool still_differs(void *opaque)
{
	struct shrinking *k = opaque;
	struct state ours;

	return both(k->t, k->in, k->off, &k->s, &ours) != NULL;
}

/* A row for fp_cases.def, with as little in it as makes the difference. */
static void print_row(struct run *t, const struct insn *in, const uint8_t *code, unsigned off, const struct state *s)
{
	struct shrinking k = {t, in, off, *s};
	struct fpcase c = fpcase_of(&k.s, off);

	fpcase_shrink(&c, still_differs, &k);
	fpcase_print(stderr, "SSE", code, in->len, &c);
}

static void one(struct run *t, const struct insn_row *r, const uint8_t *code, const struct insn *in)
{
	bool whole = in->has_mem && (in->op[0].kind == OPND_MEM ? in->op[0].size : in->op[1].size) == 16;
	unsigned off = 16 + (whole ? 0 : value_rnd() & 15);
	struct state in_s, emu;
	const char *why;

	prepare(&in_s, value_rnd() & 1, t->unmask);
	why = both(t, in, off, &in_s, &emu);
	t->faults += trap.hit;
	if (why) {
		if (!t->bad++) {
			fprintf(stderr, "%s: %s differs; bytes", r->id, why);
			for (unsigned i = 0; i < in->len; i++)
				fprintf(stderr, " %02x", code[i]);
			fprintf(stderr, "\n");
			show("before", &in_s);
			show("native", &t->n->s);
			show("ours", &emu);
			print_row(t, in, code, off, &in_s);
		}
	}
	t->cases++;
}

static bool host_sha(void) /* CPUID.7.0:EBX[29] */
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1;
}

static bool host_has(unsigned feature)
{
	switch (feature) {
	case FEAT_SSE3: return __builtin_cpu_supports("sse3");
	case FEAT_SSSE3: return __builtin_cpu_supports("ssse3");
	case FEAT_SSE41: return __builtin_cpu_supports("sse4.1");
	case FEAT_SSE42: return __builtin_cpu_supports("sse4.2");
	case FEAT_AES: return __builtin_cpu_supports("aes");
	case FEAT_PCLMUL: return __builtin_cpu_supports("pclmul");
	case FEAT_SHA: return host_sha();
	default: return true;
	}
}

static void row(struct run *t, const struct insn_row *r)
{
	unsigned ran = 0;
	uint8_t code[16];
	struct insn in;

	for (unsigned f = 0; f < FORM_COUNT; f++) {
		for (int k = 0; k < cases; k++) {
			memset(code, 0, sizeof(code));
			encode(r, f, code);
			if (insn_decode(t->fix->cpu->index, code, 15, 8, &in) != DECODE_OK || &insn_rows[in.id] != r)
				break;
			if (f == FORM_HIGH && (in.op[0].kind == OPND_GPR || in.op[1].kind == OPND_GPR))
				break;
			build(t->page, code, in.len);
			one(t, r, code, &in);
			ran++;
		}
	}
	ck_assert_msg(ran > 0, "%s: no encoding found", r->id);
}

static bool is_simd(const struct insn_row *r)
{
	return r->id && !(r->match & MATCH_VEX) && (!strcmp(r->semantics, "sse") || !strcmp(r->semantics, "mmx") ||
		!strcmp(r->semantics, "movnti"));
}

static void begin(struct run *t)
{
	t->fix = fix_new("max");
	t->fix->cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
	t->fix->cpu->cr0 &= ~(uint64_t)(CR0_EM | CR0_TS);
	t->n = aligned_alloc(64, (sizeof(*t->n) + 63) & ~63ul);
	t->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(t->page != MAP_FAILED && t->n);
}

static void end(struct run *t)
{
	munmap(t->page, 4096);
	free(t->n);
	fix_free(t->fix);
}

/* Every row whose id starts with @only. Return: the exceptions met */
static unsigned all_rows(bool unmask)
{
	struct run t = {.unmask = unmask};
	unsigned rows = 0, failed = 0, total = 0;

	begin(&t);
	for (unsigned id = 0; id < INSN_COUNT; id++) {
		const struct insn_row *r = &insn_rows[id];

		if (!is_simd(r) || !host_has(r->feature) || strncmp(r->id, only, strlen(only)))
			continue;
		t.cases = t.bad = 0;
		row(&t, r);
		rows++;
		total += t.cases;
		if (t.bad)
			fprintf(stderr, "%s: %u of %u cases differ\n", r->id, t.bad, t.cases);
		failed += t.bad != 0;
	}
	end(&t);
	printf("%u rows, %u cases, %u exceptions, %u rows differ\n", rows, total, t.faults, failed);
	ck_assert_uint_gt(rows, 0);
	ck_assert_uint_eq(failed, 0);
	return t.faults;
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

START_TEST(known_cases)
{
	struct sigaction sa = {.sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO}, old;
	struct run t = {.unmask = true};
	unsigned n = 0;

	sigaction(SIGFPE, &sa, &old);
	begin(&t);
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		struct state s = {.flags = 0}, ours;
		struct fpcase c = fpcase_of(&s, known[i].off);
		uint8_t code[16];
		struct insn in;

		if (strcmp(known[i].test, "SSE"))
			continue;
		fpcase_code(known[i].code, code);
		ck_assert_msg(fpcase_parse(known[i].state, &c) && c.off <= sizeof(s.mem) - 16 &&
			insn_decode(t.fix->cpu->index, code, 15, 8, &in) == DECODE_OK, "%s: no case", known[i].code);
		if (!host_has(insn_rows[in.id].feature))
			continue;
		build(t.page, code, in.len);
		ck_assert_msg(!both(&t, &in, c.off, &s, &ours), "%s %s differs", known[i].code, known[i].state);
		n++;
	}
	end(&t);
	sigaction(SIGFPE, &old, NULL);
	printf("%u known cases\n", n);
}
END_TEST

START_TEST(every_row)
{
	ck_assert_uint_eq(all_rows(false), 0);
}
END_TEST

START_TEST(every_row_unmasked)
{
	struct sigaction sa = {.sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO}, old;

	sigaction(SIGFPE, &sa, &old);
	ck_assert_uint_gt(all_rows(true), *only ? 0 : 1000);
	sigaction(SIGFPE, &old, NULL);
}
END_TEST
#endif

int main(int argc, char **argv)
{
	Suite *s = suite_create("sse_native");
	TCase *c = tcase_create("rows");
	SRunner *r;
	int bad;

	if (getenv("DRAGOMAN_LONG"))
		cases = 2500;
	if (argc > 1)
		cases = atoi(argv[1]);
	if (argc > 2)
		only = argv[2];
#if defined(__x86_64__)
	tcase_set_timeout(c, 3600);
	tcase_add_test(c, known_cases);
	tcase_add_test(c, every_row);
	tcase_add_test(c, every_row_unmasked);
#else
	printf("skipped: the host is no x86-64\n");
#endif
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
