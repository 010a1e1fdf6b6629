/*
 * test_checks.c - every row of checks.def raised by a program, in the interpreter and the translator: vector, error code,
 * saved frame, the event in the trap log and the explanation.
 *
 * The programs are rows of checks_cases.def; a row of checks.def without one fails the test by name.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include "long_fix.h"
#include "frontend/explain.h"

enum mode { P0, P3, L0, L3, R, V };

#define V86_SP 0x200u

/* Preparations: kind, where, what. */
enum prep_kind { PREP_END, PREP_MEM, PREP_REG, PREP_CR0, PREP_CR4, PREP_CR3, PREP_EFER, PREP_EFL, PREP_DR, PREP_FPU,
	PREP_MXCSR, PREP_XCR0, PREP_SEG, PREP_IDTLIM, PREP_TRLIM, PREP_TASK2, PREP_TASKGATE, PREP_NMI, PREP_SYSENTER,
	PREP_LOST };

struct prep {
	uint8_t kind, n;
	uint32_t at;
	uint64_t v;
};

struct raise {
	uint16_t row;
	uint8_t mode;
	const char *code;
	uint32_t err;
	int32_t off;
	struct prep prep[6];
};

/* Constant forms of mk_gate() and mk_seg(). */
#define GATE_(sel, off, attr) ((uint64_t)(sel) << 16 | (uint64_t)(attr) << 40 | ((off) & 0xFFFF))
#define DESC_(base, limit, attr) (((limit) & 0xFFFFull) | (uint64_t)((base) & 0xFFFFFF) << 16 | \
	(uint64_t)((attr) & 0xFF) << 40 | (uint64_t)((limit) >> 16 & 15) << 48 | (uint64_t)((attr) >> 12 & 15) << 52)
#define NONE {PREP_END, 0, 0, 0}
#define B(a, x) {PREP_MEM, 1, (a), (x)}
#define W(a, x) {PREP_MEM, 2, (a), (x)}
#define D(a, x) {PREP_MEM, 4, (a), (x)}
#define Q(a, x) {PREP_MEM, 8, (a), (x)}
#define DESC(sel, base, limit, attr) Q(GDT + (sel), DESC_(base, limit, attr))
#define PDE0(x) Q(PML4 + 0x2000, (x))	  /* first and second 2 MB of L0 and L3 */
#define PDE1(x) Q(PML4 + 0x2008, (x))
#define REG(r, x) {PREP_REG, 0, GPR_##r, (x)}
#define CR0_(x) {PREP_CR0, 0, 0, (x)}	  /* bits to set */
#define CR4_(x) {PREP_CR4, 0, 0, (x)}
#define EFER_(x) {PREP_EFER, 0, 0, (x)}
#define EFL(x) {PREP_EFL, 0, 0, (x)}
#define CR3_(x) {PREP_CR3, 0, 0, (x)}
#define DR(r, x) {PREP_DR, 0, (r), (x)}
#define FPU(cw, sw) {PREP_FPU, 0, (cw), (sw)}
#define MXCSR(x) {PREP_MXCSR, 0, 0, (x)}
#define XCR0_(x) {PREP_XCR0, 0, 0, (x)}
#define SEG_(s, sel) {PREP_SEG, 0, SEG_##s, (sel)}
#define IDTLIM(x) {PREP_IDTLIM, 0, 0, (x)}
#define TRLIM(x) {PREP_TRLIM, 0, 0, (x)}
#define TASK2(ip) {PREP_TASK2, 0, 0, (ip)}	/* TSS2 holds a task that starts there */
#define TASKGATE(vec) {PREP_TASKGATE, 0, (vec), 0} /* the handler is the task of TSS2 */
#define NMI_ {PREP_NMI, 0, 0, 0}
#define LOST {PREP_LOST, 0, 0, 0} /* its delivery fails too: only the log tells */

static const struct raise raises[] = {
#define RAISE(row, mode, code, err, off, ...) {CHECK_##row, mode, code, err, off, {__VA_ARGS__}},
#include "checks_cases.def"
#undef RAISE
};

static char text[65536];

static uint32_t code_at(unsigned mode)
{
	return mode == V ? 0x10100 : mode == P3 || mode == L3 ? 0x7000 : 0x6000;
}

/* ---- the machines ---- */

static void handlers(struct fix *f)
{
	for (unsigned v = 0; v < 256; v++)
		fix_wr(f, HANDLERS + v * 16, 0xF4, 1);
}

static struct fix *machine_real(void)
{
	struct fix *f = fix_new("max");

	for (unsigned v = 0; v < 256; v++)
		fix_wr(f, v * 4, (HANDLERS >> 4) << 16 | v * 16, 4);
	ck_assert_int_eq(h_jmp_far(f->cpu, 0, 0x6000, 2 | 5 << 8), EXIT_NONE);
	ck_assert_int_eq(h_load_seg(f->cpu, SEG_SS, 0, 0), EXIT_NONE);
	f->cpu->shadow = 0;
	f->cpu->gpr[GPR_RSP] = KSTACK;
	return f;
}

static struct fix *machine_vm86(void)
{
	uint32_t frame[9] = {0x100, 0x1000, 0x20202, V86_SP, 0x3000, 0x11, 0x22, 0x33, 0x44};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	c->gpr[GPR_RSP] = KSTACK - 36;
	space_write_buf(&f->mem, KSTACK - 36, frame, 36);
	ck_assert_int_eq(h_iret(c, 4, 0, 0), EXIT_NONE);
	return f;
}

static struct fix *machine(unsigned mode)
{
	struct fix *f;

	switch (mode) {
	case R: f = machine_real(); break;
	case V: f = machine_vm86(); break;
	case L0: f = fix_long("max", 0); break;
	case L3: f = fix_long("max", 3); break;
	default: f = fix_prot(mode == P3 ? 3 : 0); break;
	}
	handlers(f);
	for (unsigned i = 0; i < 16; i++)
		if (i != GPR_RSP)
			f->cpu->gpr[i] = 0;
	f->cpu->eflags = (f->cpu->eflags & FL_VM) | 0x202;
	return f;
}

/* A 32-bit task of ring 0 in TSS2 that starts at @ip. */
static void fill_task2(struct fix *f, uint32_t ip)
{
	fix_wr(f, TSS2 + 0x20, ip, 4);
	fix_wr(f, TSS2 + 0x24, 2, 4);
	fix_wr(f, TSS2 + 0x38, KSTACK + 0x1000, 4);
	fix_wr(f, TSS2 + 0x4C, S_KCODE, 2);
	fix_wr(f, TSS2 + 0x50, 0xB8, 2);
	fix_gdt(f, 0xB8, mk_seg(0, 0xFFFFF, 0xC092)); /* a stack segment of its own */
}

static void prepare(struct fix *f, const struct prep *p)
{
	struct vcpu *c = f->cpu;

	switch (p->kind) {
	case PREP_MEM: fix_wr(f, p->at, p->v, p->n); break;
	case PREP_REG: c->gpr[p->at] = p->v; break;
	case PREP_CR0: c->cr0 |= p->v; break;
	case PREP_CR4: c->cr4 |= p->v; break;
	case PREP_CR3: c->cr3 = p->v; break;
	case PREP_EFER: c->efer |= p->v; break;
	case PREP_EFL: c->eflags |= p->v; break;
	case PREP_DR: ck_assert_int_eq(h_mov_dr_to(c, p->at, p->v, 0), EXIT_NONE); break;
	case PREP_FPU:
		c->fpu.fcw = p->at;
		c->fpu.fsw = p->v;
		break;
	case PREP_MXCSR: c->fpu.mxcsr = p->v; break;
	case PREP_XCR0: c->xcr0 = p->v; break;
	case PREP_SEG:
		ck_assert_int_eq(h_load_seg(c, p->at, p->v, 1), EXIT_NONE);
		break;
	case PREP_IDTLIM: c->idtr.limit = p->v; break;
	case PREP_TRLIM: c->tr.limit = p->v; break;
	case PREP_TASK2: fill_task2(f, p->v); break;
	case PREP_TASKGATE:
		fill_task2(f, HANDLERS + p->at * 16);
		fix_idt(f, p->at, mk_gate(S_TSS2, 0, 0x85, 0));
		break;
	case PREP_SYSENTER: c->msr.sysenter_cs = p->v; break;
	case PREP_NMI: vcpu_set_nmi(c, 1); break;
	default: break;
	}
}

static const struct prep *find_prep(const struct raise *r, unsigned kind)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->prep); i++)
		if (r->prep[i].kind == kind)
			return &r->prep[i];
	return NULL;
}

static void start(struct fix *f, const struct raise *r)
{
	uint32_t at = code_at(r->mode);
	unsigned v;

	for (const char *p = r->code; sscanf(p, "%2x", &v) == 1; p += p[2] ? 3 : 2)
		fix_wr(f, at++, v, 1);
	for (unsigned i = 0; i < 8; i++)
		fix_wr(f, at++, 0xF4, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(r->prep); i++)
		prepare(f, &r->prep[i]);
	vcpu_update(f->cpu);
	tlb_flush(&f->cpu->mmu, true);
	vcpu_update_req(f->cpu);
}

/* ---- what must be found ---- */

static bool has_code(const struct raise *r)
{
	return r->mode != R && check_rows[r->row].form != CODE_NONE;
}

static uint64_t word(struct fix *f, unsigned mode, unsigned i)
{
	unsigned n = mode == R ? 2 : mode == L0 || mode == L3 ? 8 : 4;
	uint64_t sp = f->cpu->gpr[GPR_RSP] + i * n;

	return fix_rd(f, (mode == R ? (uint16_t)sp : sp), n);
}

static uint32_t ip_of(const struct raise *r)
{
	return (r->mode == V ? 0x100 : code_at(r->mode)) + r->off;
}

static void check_frame(struct fix *f, const struct raise *r, uint32_t eflags)
{
	const struct check_row *row = &check_rows[r->row];
	bool task = find_prep(r, PREP_TASKGATE), own = find_prep(r, PREP_TASK2);
	uint32_t seen = r->mode == R ? 0xFFFF & ~FL_IOPL : FL_ARITH | FL_IF | FL_DF | FL_TF | FL_VM | FL_AC | FL_IOPL;
	unsigned i = 0;
	uint64_t fl;

	ck_assert_msg(f->cpu->rip == (r->mode == R ? 0 : HANDLERS) + row->vec * 16u + 1, "%s: IP %#llx", row->id,
		(unsigned long long)f->cpu->rip);
	if (has_code(r))
		ck_assert_msg(word(f, r->mode, i++) == r->err, "%s: pushed %#llx", row->id,
			(unsigned long long)word(f, r->mode, 0));
	if (task) { /* the state is in the old TSS */
		ck_assert_msg(fix_rd(f, TSS + 0x20, 4) == ip_of(r), "%s: EIP in TSS", row->id);
		return;
	}
	ck_assert_msg(word(f, r->mode, i) == ip_of(r), "%s: saved IP %#llx", row->id,
		(unsigned long long)word(f, r->mode, i));
	fl = word(f, r->mode, i + 2);
	if (!own)
		ck_assert_msg(!((fl ^ eflags) & seen), "%s: saved flags %#llx", row->id, (unsigned long long)fl);
	if (r->mode == P3 || r->mode == L3)
		ck_assert_msg(word(f, r->mode, i + 3) == USTACK, "%s: saved SP", row->id);
	if (r->mode == V)
		ck_assert_msg(word(f, r->mode, i + 3) == V86_SP, "%s: saved SP", row->id);
}

static const struct trap *find_trap(struct fix *f, unsigned row)
{
	for (uint64_t no = 1; no <= f->cpu->history->ntraps; no++)
		if (history_trap(f->cpu->history, no)->ev.check == row)
			return history_trap(f->cpu->history, no);
	return NULL;
}

static void check_story(struct fix *f, const struct raise *r)
{
	const struct check_row *row = &check_rows[r->row];
	const struct trap *t = find_trap(f, r->row);
	FILE *o;

	ck_assert_msg(t != NULL, "%s: not raised, but %s", row->id, f->cpu->history->ntraps ?
		check_rows[history_trap(f->cpu->history, f->cpu->history->ntraps)->ev.check].id : "nothing");
	ck_assert_msg(t->ev.vec == row->vec, "%s: vector %u", row->id, t->ev.vec);
	if (row->form != CODE_NONE)
		ck_assert_msg(t->ev.code == r->err, "%s: error code %#x", row->id, t->ev.code);
	o = fmemopen(text, sizeof(text), "w");
	explain_trap(o, f->cpu, t);
	fclose(o);
	ck_assert_msg(strstr(text, row->id) && strstr(text, row->condition) && strstr(text, row->section),
		"%s: told as \"%s\"", row->id, text);
}

static void raise_one(const struct raise *r, enum jit_accel accel)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct fix *f = machine(r->mode);
	uint32_t eflags;
	enum jit_stop s;
	struct err e;
	struct jit *j;

	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	start(f, r);
	eflags = f->cpu->eflags;
	s = jit_run(j);
	if (r->row != CHECK_NMI) /* an interrupt, not an exception: it has no story */
		check_story(f, r);
	if (!find_prep(r, PREP_LOST)) {
		ck_assert_msg(s == JIT_HALTED, "%s: stopped by %d", check_rows[r->row].id, s);
		check_frame(f, r, eflags);
	}
	jit_free(j);
	fix_free(f);
}

START_TEST(every_case_interp)
{
	raise_one(&raises[_i], ACCEL_INTERP);
}
END_TEST

START_TEST(every_case_jit)
{
	raise_one(&raises[_i], ACCEL_JIT);
}
END_TEST

START_TEST(every_row_has_a_case)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < CHECK_COUNT; i++) {
		bool found = false;

		for (unsigned k = 0; k < ARRAY_SIZE(raises); k++)
			found |= raises[k].row == i;
		if (!found) {
			fprintf(stderr, "no program raises %s\n", check_rows[i].id);
			missing++;
		}
	}
	ck_assert_uint_eq(missing, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("checks");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_row_has_a_case);
	tcase_add_loop_test(t, every_case_interp, 0, ARRAY_SIZE(raises));
	tcase_add_loop_test(t, every_case_jit, 0, ARRAY_SIZE(raises));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
