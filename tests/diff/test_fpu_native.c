/*
 * test_fpu_native.c - every x87 row against the host's own unit.
 *
 * A page of code loads a prepared FXSAVE image, executes one instruction (registers or [rbx] memory) and saves
 * the image; fpu_exec() gets the same. All of ST, FSW, FCW, tags, EFLAGS and the memory operand must be the same.
 * Environment FPU_CASES: cases per row (default 200; 70,000 with DRAGOMAN_LONG). What may differ is in allowed[].
 */
#include "tests/unit/ring0_fix.h"
#include "cpu/fpu/fpu.h"
#include "tests/diff/support/fpcase.h"
#include <stdio.h>

#if defined(__x86_64__)
#include <sys/mman.h>

#define OPERAND_AT 0x20000
static const struct {
	const char *mnemonic, *why;
	unsigned ulp; /* of the results; flags C1 and PE are not compared */
} allowed[] = {
	{"f2xm1", "transcendental: 1 ulp", 1}, {"fyl2x", "transcendental", 1},
	{"fyl2xp1", "undefined outside its domain", 1}, {"fptan", "transcendental", 1}, {"fpatan", "transcendental", 1},
	{"fsin", "transcendental", 1}, {"fcos", "transcendental", 1}, {"fsincos", "transcendental", 1},
	{"fcomi", "AMD keeps C1, the SDM clears it", 0}, {"fcomip", "C1", 0}, {"fucomi", "C1", 0}, {"fucomip", "C1", 0},
};

struct run {
	struct fpu_state fpu;
	uint64_t rax, flags;
	uint8_t mem[128];
};

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s * 0x2545F4914F6CDD1Dull;
}

static uint64_t mantissa(uint64_t *s)
{
	uint64_t r = rnd(s);

	switch (rnd(s) % 6) {
	case 0: return 1ull << 63;
	case 1: return ~0ull;
	case 2: return 1ull << 63 | 1ull << (r & 63);
	case 3: return ~0ull << (r & 63) | 1ull << 63;
	default: return r | 1ull << 63;
	}
}

static void random_st(uint64_t *s, uint8_t *p)
{
	static const uint16_t special[] = {0, 0, 1, 0x7FFE, 0x7FFF, 0x7FFF, 0x3F80, 0x3F81, 0x3F6A, 0x3C01, 0x43FE,
		0x407E, 0x407F, 0x3C00, 0x3BCD};
	uint64_t m = mantissa(s), k = rnd(s) % 16;
	uint16_t e = k < 4 ? special[rnd(s) % ARRAY_SIZE(special)] : k < 12 ? 0x3FFF - 40 + rnd(s) % 110 : rnd(s) & 0x7FFF;

	if (!e && rnd(s) % 4)
		m &= ~(1ull << 63);
	if (rnd(s) % 12 == 0)
		m <<= 1 + rnd(s) % 63;
	if (rnd(s) % 24 == 0)
		m = e = 0;
	e |= rnd(s) << 15;
	memcpy(p, &m, 8);
	memcpy(p + 8, &e, 2);
}

static void prepare(uint64_t *s, struct run *r)
{
	static const uint16_t pc[] = {0x300, 0x300, 0x200, 0x000};

	memset(r, 0, sizeof(*r));
	r->fpu.mxcsr = 0x1F80;
	r->fpu.fcw = 0x7F | pc[rnd(s) & 3] | (rnd(s) & 3) << 10;
	if (rnd(s) % 8 == 0)
		r->fpu.fcw &= ~(rnd(s) & 0x3F);
	r->fpu.fsw = (rnd(s) & 0x7F00 & ~0x80) | (rnd(s) % 3 ? 0 : rnd(s) & r->fpu.fcw & 0x3F);
	r->fpu.ftw = rnd(s) % 4 ? 0xFF : rnd(s);
	if (rnd(s) % 2)
		r->fpu.ftw &= ~(1u << (((r->fpu.fsw >> 11) + 7) & 7));
	for (unsigned i = 0; i < 8; i++)
		random_st(s, r->fpu.st[i]);
	for (unsigned i = 0; i < 128; i++)
		r->mem[i] = rnd(s);
	if (rnd(s) % 2) {
		uint32_t f = 0x7F800000u + (rnd(s) % 3 - 1) * (rnd(s) & 0x7FFFFF);
		uint64_t d = 0x7FF0000000000000ull | (rnd(s) % 3 ? rnd(s) & 0xFFFFFFFFFFFFFull : 0);
		if (rnd(s) & 1)
			f = rnd(s) & 0x807FFFFF, d = rnd(s) & 0x800FFFFFFFFFFFFFull;
		memcpy(r->mem, &f, 4);
		if (rnd(s) & 1)
			memcpy(r->mem, &d, 8);
	}
	r->flags = 2 | (rnd(s) & FL_ARITH);
	r->rax = rnd(s);
}

/* rdi: struct run. fninit keeps an unmasked pending state out of our own code. */
static void native(uint8_t *page, const uint8_t *insn, unsigned n, struct run *r)
{
	uint8_t c[128];
	unsigned k = 0;
#define B(...)                                                                                     \
	do {                                                                                       \
		const uint8_t b_[] = {__VA_ARGS__};                                                 \
		memcpy(c + k, b_, sizeof(b_));                                                      \
		k += sizeof(b_);                                                                    \
	} while (0)
#define OFF(f) (uint8_t)(offsetof(struct run, f)), (uint8_t)(offsetof(struct run, f) >> 8), 0, 0
	B(0x53);				       /* push rbx */
	B(0x48, 0x8D, 0x9F, OFF(mem));		       /* lea rbx, [rdi+mem] */
	B(0x0F, 0xAE, 0x0F);			       /* fxrstor [rdi] */
	B(0x48, 0x8B, 0x87, OFF(rax));		       /* mov rax, [rdi+rax] */
	B(0xFF, 0xB7, OFF(flags));		       /* push [rdi+flags] */
	B(0x9D);				       /* popfq */
	memcpy(c + k, insn, n);
	k += n;
	B(0x9C, 0x8F, 0x87, OFF(flags));	       /* pushfq; pop [rdi+flags] */
	B(0x48, 0x89, 0x87, OFF(rax));		       /* mov [rdi+rax], rax */
	B(0x0F, 0xAE, 0x07, 0xDB, 0xE3, 0x5B, 0xC3);   /* fxsave [rdi]; fninit; pop rbx; ret */
	memcpy(page, c, k);
	((void (*)(struct run *))(uintptr_t)page)(r);
}

static unsigned encode(const struct insn_row *row, uint8_t *b)
{
	unsigned ext = row->match & 8 ? row->match & 7 : 0, rm = row->match >> 4 & 8 ? row->match >> 4 & 7 : 1;

	b[0] = row->opcode;
	if (row->opcode == 0x9B)
		return 1;
	b[1] = row->match & BIT(8) ? ext << 3 | 3 : 0xC0 | ext << 3 | rm;
	return 2;
}

static uint16_t exponent(const uint8_t *p)
{
	return p[8] | p[9] << 8;
}

/* Denormals and the least normal numbers: all of one scale */
static bool both_least(const uint8_t *a, const uint8_t *b)
{
	return !((exponent(a) | exponent(b)) & 0x7FFE);
}

static bool near(const uint8_t *a, const uint8_t *b, unsigned ulp)
{
	uint64_t x, y;

	if (!memcmp(a, b, 10) || ulp == ~0u)
		return true;
	memcpy(&x, a, 8);
	memcpy(&y, b, 8);
	if (both_least(a, b) && (a[9] >> 7) == (b[9] >> 7))
		return x - y <= ulp || y - x <= ulp;
	if (exponent(a) != exponent(b)) /* neighbours across a power of two */
		return (exponent(a) + 1 == exponent(b) && x >= ~0ull - ulp && y <= (1ull << 63) + ulp) ||
		       (exponent(b) + 1 == exponent(a) && y >= ~0ull - ulp && x <= (1ull << 63) + ulp);
	return x - y <= ulp || y - x <= ulp;
}

/* Where the least normal number and the denormal beside it are one's and the other's result, one underflows: unmasked, with a result of its own. */
static bool one_underflows(const struct run *a, const struct run *b)
{
	static const uint8_t least[9] = {0, 0, 0, 0, 0, 0, 0, 0x80, 1};
	const struct run *normal = a->fpu.fsw & BIT(4) ? b : a;

	return !(a->fpu.fcw & BIT(4)) && ((a->fpu.fsw ^ b->fpu.fsw) & BIT(4)) &&
		(!memcmp(normal->fpu.st[0], least, 9) || !memcmp(normal->fpu.st[1], least, 9));
}

static bool agree(const struct insn_row *row, const struct run *a, const struct run *b)
{
	unsigned ulp = 0;
	uint16_t fsw = 0xFFFF;

	for (unsigned i = 0; i < ARRAY_SIZE(allowed); i++)
		if (!strcmp(allowed[i].mnemonic, row->mnemonic)) {
			ulp = allowed[i].ulp;
			fsw &= ~(BIT(9) | 0x20);
		}
	if (ulp && one_underflows(a, b))
		return true;
	for (unsigned i = 0; i < 8; i++) {
		const uint8_t *x = a->fpu.st[i], *y = b->fpu.st[i];

		if (!near(x, y, ulp))
			return false;
		if (ulp && exponent(x) != exponent(y) && both_least(x, y))
			fsw &= ~BIT(4); /* UE: one is tiny, its neighbour is not */
	}
	return !((a->fpu.fsw ^ b->fpu.fsw) & fsw) && a->fpu.fcw == b->fpu.fcw && a->fpu.ftw == b->fpu.ftw &&
	       !((a->flags ^ b->flags) & FL_ARITH) && (uint16_t)a->rax == (uint16_t)b->rax &&
	       !memcmp(a->mem, b->mem, sizeof(a->mem));
}

static void show(const char *who, const struct run *r)
{
	printf("   %s fcw %04x fsw %04x ftw %02x fl %03x", who, r->fpu.fcw, r->fpu.fsw, r->fpu.ftw,
		(unsigned)(r->flags & FL_ARITH));
	for (unsigned i = 0; i < 2; i++) {
		uint64_t m;
		uint16_t e;

		memcpy(&m, r->fpu.st[i], 8);
		memcpy(&e, r->fpu.st[i] + 8, 2);
		printf(" %04x:%016llx", e, (unsigned long long)m);
	}
	printf(" m %016llx\n", *(unsigned long long *)r->mem);
}

/*
 * FIP, FCS, FDP, FDS and FOP in a stored environment: the host last ran something else, and AMD loads the pointers only
 * with a pending exception. test_fpu_env.c looks at ours.
 */
static void forget_pointers(const struct insn_row *row, bool word, uint8_t *a, const uint8_t *b)
{
	unsigned at = word ? 6 : 12;

	if (strcmp(row->mnemonic, "fnstcw") && strcmp(row->mnemonic, "fnstsw"))
		memcpy(a + at, b + at, word ? 8 : 16);
}

/* One instruction, @len bytes, and the state it begins with. */
struct one {
	struct fix *f;
	uint8_t *page;
	const uint8_t *code;
	unsigned len;
	const struct insn *in;
	struct run __attribute__((aligned(64))) s, host, ours;
};

/* From o->s by the host and by us: the same end? */
static bool same(struct one *o)
{
	const struct insn_row *row = &insn_rows[o->in->id];
	struct vcpu *cpu = o->f->cpu;
	bool raised;

	o->host = o->ours = o->s;
	native(o->page, o->code, o->len, &o->host);
	memcpy(&cpu->fpu, &o->s.fpu, sizeof(o->s.fpu));
	cpu->eflags = o->s.flags;
	cpu->gpr[0] = o->s.rax;
	for (unsigned k = 0; k < 128; k++)
		fix_wr(o->f, OPERAND_AT + k, o->s.mem[k], 1);
	raised = fpu_exec(cpu, o->in, OPERAND_AT) != EXIT_NONE;
	cpu->event.pending = false;
	memcpy(&o->ours.fpu, &cpu->fpu, sizeof(cpu->fpu));
	o->ours.flags = cpu->eflags;
	o->ours.rax = cpu->gpr[0];
	for (unsigned k = 0; k < 128; k++)
		o->ours.mem[k] = fix_rd(o->f, OPERAND_AT + k, 1);
	if (!strncmp(row->mnemonic, "fnst", 4) || !strcmp(row->mnemonic, "fnsave"))
		forget_pointers(row, o->code[0] == 0x66, o->host.mem, o->ours.mem);
	return !raised && agree(row, &o->host, &o->ours);
}

static bool still_differs(void *opaque)
{
	return !same(opaque);
}

static struct fpcase fpcase_of(struct run *r)
{
	return (struct fpcase){&r->fpu, &r->rax, NULL, NULL, &r->flags, r->mem, sizeof(r->mem), 0};
}

/* What differs, and a row for fp_cases.def with as little in it as makes the difference. */
static void tell(struct one *o)
{
	struct fpcase c = fpcase_of(&o->s);

	printf("%s\n", insn_rows[o->in->id].id);
	show("before", &o->s);
	show("host  ", &o->host);
	show("here  ", &o->ours);
	fpcase_shrink(&c, still_differs, o);
	fpcase_print(stdout, "X87", o->code, o->len, &c);
}

static unsigned one_row(struct fix *f, uint8_t *page, const struct insn_row *row, unsigned cases, bool word)
{
	uint64_t s = 88172645463325252ull + row->opcode * 77 + (row->match & 0xFFF);
	unsigned bad = 0, n;
	uint8_t code[16] = {0};
	struct insn in;
	struct one o;

	code[0] = 0x66;
	n = word + encode(row, code + word);
	if (insn_decode(f->cpu->index, code, 15, 8, &in) != DECODE_OK) {
		printf("%s does not decode\n", row->id);
		return 1;
	}
	o = (struct one){.f = f, .page = page, .code = code, .len = n, .in = &in};
	for (unsigned i = 0; i < cases; i++) {
		prepare(&s, &o.s);
		if (!same(&o) && bad++ < 4)
			tell(&o);
	}
	return bad;
}

/* FNSTENV and the like: they have a 14-byte form with an operand-size prefix */
static bool environment(const struct insn_row *row)
{
	return strstr(row->mnemonic, "env") || !strcmp(row->mnemonic, "fnsave") || !strcmp(row->mnemonic, "frstor");
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
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fix *f = fix_new("max");
	unsigned n = 0;

	f->cpu->cr0 = (f->cpu->cr0 & ~(CR0_EM | CR0_TS)) | CR0_NE;
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		uint8_t code[16];
		struct insn in;
		struct one o = {.f = f, .page = page, .code = code, .len = fpcase_code(known[i].code, code), .in = &in};
		struct fpcase c = fpcase_of(&o.s);

		if (strcmp(known[i].test, "X87"))
			continue;
		ck_assert_msg(fpcase_parse(known[i].state, &c) && insn_decode(f->cpu->index, code, 15, 8, &in) == DECODE_OK,
			"%s: no case", known[i].code);
		ck_assert_msg(same(&o), "%s %s differs", known[i].code, known[i].state);
		n++;
	}
	printf("%u known cases\n", n);
	fix_free(f);
	munmap(page, 4096);
}
END_TEST

START_TEST(rows_agree)
{
	const char *arg = getenv("FPU_CASES");
	unsigned cases = arg ? atoi(arg) : getenv("DRAGOMAN_LONG") ? 70000 : 200, rows = 0, failed = 0;
	unsigned long total = 0;
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fix *f = fix_new("max");

	f->cpu->cr0 = (f->cpu->cr0 & ~(CR0_EM | CR0_TS)) | CR0_NE;
	for (unsigned i = 0; i < INSN_COUNT; i++) {
		unsigned bad;

		if (strcmp(insn_rows[i].semantics, "x87"))
			continue;
		bad = one_row(f, page, &insn_rows[i], cases, false);
		if (environment(&insn_rows[i]))
			bad += one_row(f, page, &insn_rows[i], cases, true);
		rows++;
		total += cases * (1 + environment(&insn_rows[i]));
		if (bad)
			printf("%s: %u of %u differ\n", insn_rows[i].id, bad, cases);
		failed += !!bad;
	}
	printf("%u rows, %lu cases, %u rows with differences\n", rows, total, failed);
	fix_free(f);
	munmap(page, 4096);
	ck_assert_uint_eq(failed, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fpu_native");
	TCase *tc = tcase_create("x87");
	SRunner *sr;
	int bad;

	tcase_set_timeout(tc, 3600);
	tcase_add_test(tc, known_cases);
	tcase_add_test(tc, rows_agree);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_NOFORK);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
#else
int main(void)
{
	puts("skipped: not an x86-64 host");
	return 0;
}
#endif
