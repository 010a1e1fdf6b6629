/*
 * test_backend_run.c - small IR blocks compiled by the host's backend against the IR interpreter: registers, flags, exits.
 */
#include "tests/unit/long_fix.h"
#include "jit/host/backend.h"
#include "jit/interp/eval.h"
#include "mmu/window.h"
#include <signal.h>

struct run {
	struct fix *f;
	void *x, *in;
	struct ir_block ir;
	bool long_mode, windowed, wide; /* wide: a window of 64-bit code */
	const uint64_t *places;
};

static uint64_t seed = 0x1234567;
static unsigned nregs = 8;
static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static struct run *run_new_in(struct fix *f, int bare)
{
	struct run *r = calloc(1, sizeof(*r));
	struct jit_options opt = { .cache_bytes = 1 << 20, .host_mask = bare ? UINT32_MAX : 0 };
	struct err e;

	r->f = f;
	ck_assert_int_eq(HOST_BACKEND->init(r->f->cpu, &opt, &r->x, &e), VM_OK);
	ck_assert_int_eq(interp_backend.init(r->f->cpu, &opt, &r->in, &e), VM_OK);
	return r;
}

static struct run *run_new_at(int bare, unsigned cpl)
{
	return run_new_in(fix_prot(cpl), bare);
}

/* @bare: on a host without any optional feature */
static struct run *run_new(int bare)
{
	return run_new_at(bare, 0);
}

static void run_free(struct run *r)
{
	if (r->windowed)
		HOST_BACKEND->enter(r->x, false);
	HOST_BACKEND->fini(r->x);
	interp_backend.fini(r->in);
	fix_free(r->f);
	free(r);
}

static void start(struct run *r)
{
	struct insn in = { .len = 2 };

	r->long_mode = r->windowed ? r->wide : rnd() & 1;
	nregs = r->long_mode ? 16 : 8;
	ir_block_init(&r->ir, (r->f->cpu->mode & ~MODE_CODE_MASK) | (r->long_mode ? MODE_CODE64 : MODE_CODE32), 0);
	ir_insn(&r->ir, 0, &in);
}

struct state {
	uint64_t gpr[16], rip;
	uint32_t eflags;
	enum run_exit x;
};

#define BLOCK_WORDS 32 /* of a backend's beside a block */

static void once(struct run *r, const struct jit_backend *be, void *p, const struct state *s0, struct state *s)
{
	struct vcpu *c = r->f->cpu;
	uint64_t room[BLOCK_WORDS] = { 0 };
	struct block b = { .ra = 0x6000, .mode = r->ir.mode, .len = 2, .ninsns = 1, .nexits = 2, .ra2 = RADDR_NONE, .priv = room };
	struct block_exit *last;

	b.exit[1].n = 1;
	b.exit[0].off = r->ir.term.t_off;
	b.exit[1].off = r->ir.term.f_off;
	memcpy(c->gpr, s0->gpr, sizeof(c->gpr));
	c->eflags = s0->eflags;
	c->rip = 0x6000;
	ck_assert_uint_le(be->block_bytes, sizeof(room));
	if (!be->compile(p, &b, &r->ir)) {
		be->flush(p);
		ck_assert(be->compile(p, &b, &r->ir));
	}
	s->x = be->run(p, c, &b, &last);
	be->free_block(p, &b);
	memcpy(s->gpr, c->gpr, sizeof(c->gpr));
	s->rip = c->rip;
	s->eflags = c->eflags;
	c->event.pending = false;
}

/* Run both ways; @undef: flags the manual leaves open. */
static void both(struct run *r, uint32_t undef, const char *what)
{
	struct state s0 = { 0 }, a, b;

	for (unsigned i = 0; i < 16; i++)
		s0.gpr[i] = rnd() & 3 ? rnd() : rnd() & 1 ? 0 : (uint64_t)((int64_t)(rnd() % 5) - 2);
	s0.eflags = (uint32_t)(rnd() & FL_ARITH) | FL_1 | FL_IF;
	once(r, HOST_BACKEND, r->x, &s0, &a);
	once(r, &interp_backend, r->in, &s0, &b);
	for (unsigned i = 0; i < 16; i++)
		ck_assert_msg(a.gpr[i] == b.gpr[i], "%s: gpr %u %lx, want %lx", what, i, a.gpr[i], b.gpr[i]);
	ck_assert_msg(!((a.eflags ^ b.eflags) & ~undef), "%s: eflags %x, want %x", what, a.eflags, b.eflags);
	ck_assert_msg(a.rip == b.rip, "%s: rip %lx, want %lx", what, a.rip, b.rip);
	ck_assert_msg(a.x == b.x, "%s: exit %d, want %d", what, a.x, b.x);
}

static uint32_t undefined(unsigned op)
{
	switch (op) {
	case IR_AND: case IR_OR: case IR_XOR: case IR_TEST:
		return IRF_A;
	case IR_SHL ... IR_SAR: case IR_SHLD: case IR_SHRD:
		return IRF_A | IRF_O | IRF_C; /* C: counts beyond the width */
	case IR_ROL ... IR_RCR:
		return IRF_O;
	case IR_IMUL:
		return IRF_S | IRF_Z | IRF_A | IRF_P;
	}
	return 0;
}

static ir_val reg(unsigned w)
{
	return w == 1 && rnd() % 4 == 0 ? IR_GH(rnd() & 3) : IR_G(rnd() % nregs);
}

START_TEST(test_alu)
{
	struct run *r = run_new(_i);
	struct ir_term t = { .kind = TERM_JCC, .t_off = 0x40, .f_off = 2, .ipsize = 4 };

	for (unsigned k = 0; k < 20000; k++) {
		unsigned op = IR_ADD + rnd() % (IR_RCR - IR_ADD + 1), w = 1u << (rnd() & 3);
		bool nd = op == IR_CMP || op == IR_TEST;
		ir_val d, a;

		t.cc = rnd() & 15;
		if (undefined(op))
			t.cc = 4; /* S: never undefined here */
		start(r);
		d = reg(w);
		a = rnd() & 1 ? d : reg(w);
		if (rnd() & 1)
			ir_emit_imm(&r->ir, op, w, nd ? IR_NONE : d, a, (int32_t)rnd());
		else
			ir_emit(&r->ir, op, w, nd ? IR_NONE : d, a, reg(w));
		ir_end(&r->ir, &t);
		both(r, undefined(op), ir_ops[op].name);
	}
	run_free(r);
}
END_TEST

START_TEST(test_moves)
{
	struct run *r = run_new(_i);
	struct ir_term t = { .kind = TERM_JNZ, .w = 4, .t_off = -3, .f_off = 2, .ipsize = 4 };

	for (unsigned k = 0; k < 5000; k++) {
		unsigned w = 2u << rnd() % 3;
		struct ir_mem m = { IR_G(rnd() % nregs), IR_G(rnd() % nregs), rnd() & 3, 2u << rnd() % 3, IR_NOSEG, 0, 0,
			(int32_t)rnd() };
		ir_val tmp;

		start(r);
		m.base = IR_G(rnd() % nregs), m.index = IR_G(rnd() % nregs);
		tmp = ir_temp(&r->ir);
		ir_mov(&r->ir, w, tmp, IR_G(rnd() % nregs));
		ir_emit(&r->ir, IR_LEA, w, IR_G(rnd() % nregs), IR_NONE, IR_NONE)->m = m;
		ir_emit(&r->ir, IR_SEXT, w, IR_G(rnd() % nregs), tmp, IR_NONE)->aux = 1;
		ir_emit(&r->ir, IR_ZEXT, w, IR_G(rnd() % nregs), tmp, IR_NONE)->aux = 2;
		ir_emit(&r->ir, IR_CMOV, w, IR_G(rnd() % nregs), tmp, IR_G(rnd() % nregs))->cc = rnd() & 15;
		ir_emit(&r->ir, IR_SETCC, 1, IR_G(rnd() % nregs), IR_NONE, IR_NONE)->cc = rnd() & 15;
		ir_emit(&r->ir, IR_IMUL, w, IR_G(rnd() % nregs), tmp, IR_G(rnd() % nregs));
		t.val = IR_G(rnd() % nregs);
		ir_end(&r->ir, &t);
		both(r, undefined(IR_IMUL), "moves");
	}
	run_free(r);
}
END_TEST

/* Loads and stores that hit RAM, and a divide that may fault, leave the same state. */
START_TEST(test_memory_fault)
{
	struct run *r = run_new(_i);
	struct ir_term t = { .kind = TERM_JMP, .t_off = 0x2000, .ipsize = 4 };

	for (unsigned k = 0; k < 2000; k++) {
		struct ir_mem m = { IR_NONE, IR_NONE, 0, 4, IR_NOSEG, r->f->cpu->cpl == 3 ? MMU_USER : MMU_SUP, SEG_DS,
			0x9000 + (int64_t)(rnd() & 0x1FFF) };
		unsigned w = 1u << rnd() % 3;

		start(r);
		ir_st(&r->ir, w, &m, IR_G(rnd() % nregs));
		ir_ld(&r->ir, w, IR_G(rnd() % nregs), &m);
		ir_insn(&r->ir, 2, &(struct insn){ .len = 2 });
		ir_emit(&r->ir, rnd() & 1 ? IR_DIVU : IR_DIVS, w, IR_NONE, IR_G(rnd() % nregs), IR_NONE);
		ir_end(&r->ir, &t);
		both(r, IRF_ALL, "div");
	}
	run_free(r);
}
END_TEST

/* A linked self-loop runs in translated code until its counter ends, polls, and unlinks to its own way out. */
START_TEST(test_link)
{
	struct run *r = run_new(_i);
	struct vcpu *c = r->f->cpu;
	struct ir_term t = { .kind = TERM_JCC, .cc = 5, .t_off = 0, .f_off = 2, .ipsize = 4 };
	uint64_t room[BLOCK_WORDS] = { 0 };
	struct block b = { .ra = 0x6000, .len = 2, .ninsns = 1, .nexits = 2, .ra2 = RADDR_NONE, .priv = room };
	struct block_exit *last;

	start(r);
	r->ir.mode = b.mode |= c->mode | MODE_FLAT_CS;
	ir_emit_imm(&r->ir, IR_SUB, 4, IR_G(0), IR_G(0), 1);
	ir_end(&r->ir, &t);
	b.exit[0] = (struct block_exit){ .off = 0, .linkable = true };
	b.exit[1] = (struct block_exit){ .off = 2, .linkable = true, .n = 1 };
	ck_assert(HOST_BACKEND->compile(r->x, &b, &r->ir));
	ck_assert_ptr_nonnull(b.exit[0].patch);
	for (unsigned k = 0; k < 3; k++) { /* unlinked, linked, unlinked again */
		c->gpr[0] = 1000;
		c->rip = 0x6000;
		c->req = 0;
		if (k == 1)
			HOST_BACKEND->link(r->x, &b.exit[0], &b);
		if (k == 2)
			HOST_BACKEND->unlink(r->x, &b.exit[0]);
		ck_assert_int_eq(HOST_BACKEND->run(r->x, c, &b, &last), RUN_LOOKUP);
		ck_assert_uint_eq(c->gpr[0], k == 1 ? 0 : 999);
		ck_assert_uint_eq(c->rip, k == 1 ? 0x6002 : 0x6000);
		ck_assert_ptr_eq(last, &b.exit[k == 1]);
	}
	HOST_BACKEND->link(r->x, &b.exit[0], &b);
	c->gpr[0] = 1000;
	c->rip = 0x6000;
	c->req = REQ_KICK;
	HOST_BACKEND->run(r->x, c, &b, &last);
	ck_assert_uint_eq(c->gpr[0], 999);
	ck_assert_uint_eq(c->rip, 0x6000);
	c->req = 0;
	HOST_BACKEND->free_block(r->x, &b);
	run_free(r);
}
END_TEST

#define WORDS 0x800 /* of the four pages from 0x9000 */

/* 32-bit paging over pages 0x9000 (all allowed), 0xA000 (absent), 0xB000 (read-only), others identical and writable. */
static void page_tables(struct run *r)
{
	struct vcpu *c = r->f->cpu;

	fix_wr(r->f, PML4, (PML4 + 0x1000) | 7, 4);
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(r->f, PML4 + 0x1000 + 4 * i, (i << 12) | (i == 10 ? 6 : i == 11 ? 5 : 7) | 0x60, 4);
	c->cr3 = PML4;
	c->cr0 |= BIT(31) | BIT(16);
	vcpu_update(c);
}

/* The same in IA-32e mode, and more than once: at r->places, but at 0 only if @low. */
static const uint64_t program_at[3] = { 0, 0x555500000000, 0x7FFF80000000 }, kernel_at[3] = { 0, 0xFFFF888000000000, 0xFFFFFFFF80000000 };

static void page_tables_64(struct run *r, bool low)
{
	r->places = r->f->cpu->cpl ? program_at : kernel_at;
	for (unsigned p = 1; p < 3; p++) {
		fix_wr(r->f, PML4 + 8 * (r->places[p] >> 39 & 511), (PML4 + 0x1000) | 7, 8);
		fix_wr(r->f, PML4 + 0x1000 + 8 * (r->places[p] >> 30 & 511), (PML4 + 0x2000) | 7, 8);
	}
	for (unsigned i = 0; i < 512; i++)
		fix_wr(r->f, PML4 + 0x3000 + 8 * i, (i << 12) | (i == 10 ? 6 : i == 11 ? 5 : 7) | 0x60, 8);
	fix_wr(r->f, PML4 + 0x2000, (PML4 + 0x3000) | 7, 8);
	if (!low)
		fix_wr(r->f, PML4, 0, 8);
	r->f->cpu->cr0 |= CR0_WP;
	vcpu_update(r->f->cpu);
	r->wide = true;
}

/* Where the pages are, or where there are none, or where there can be none. */
static uint64_t place(const struct run *r)
{
	uint64_t n = rnd();

	if (!r->wide)
		return 0;
	return n % 16 < 14 ? r->places[n % 3] : n % 16 == 14 ? 0x600000000000 : n & 32 ? 0x555500000000 << 3 : 0xFFFFFFFFFF600000;
}

static ir_val other_reg(unsigned base)
{
	unsigned n = rnd() % nregs;

	return IR_G(n == base ? (n + 1) % nregs : n);
}

/* One guest instruction near base register @base; @w: address size. */
static void near_base(struct run *r, unsigned base, unsigned asize)
{
	struct ir_mem m = { IR_G(base), IR_NONE, 0, asize, IR_NOSEG, mode_mmu_idx(r->ir.mode), SEG_DS, 0 };
	unsigned w = rnd() & 1 ? 4 : 1u << rnd() % 4;
	ir_val t;

	if (!r->long_mode && w == 8)
		w = 4;
	m.disp = (int64_t)(rnd() % 64) - 32;
	if (r->wide && rnd() % 8 == 0) /* a base of 0 */
		m.seg = SEG_FS;
	switch (rnd() % 10) {
	case 8: /* compare with memory */
		t = ir_temp(&r->ir);
		ir_ld(&r->ir, w, t, &m);
		if (rnd() & 1)
			ir_emit_imm(&r->ir, rnd() & 1 ? IR_CMP : IR_TEST, w, IR_NONE, t, (int32_t)rnd() >> rnd() % 32);
		else
			ir_emit(&r->ir, rnd() & 1 ? IR_CMP : IR_TEST, w, IR_NONE, t, IR_G(rnd() % nregs));
		break;
	case 9:
		t = ir_temp(&r->ir);
		ir_ld(&r->ir, w, t, &m);
		ir_emit(&r->ir, rnd() & 1 ? IR_CMP : IR_TEST, w, IR_NONE, IR_G(rnd() % nregs), t);
		break;
	case 0:
		ir_st(&r->ir, w, &m, IR_G(rnd() % nregs));
		break;
	case 1:
		ir_st_imm(&r->ir, w, &m, (int32_t)rnd());
		break;
	case 2:
		ir_ld(&r->ir, w, other_reg(base), &m);
		break;
	case 3: /* PUSH */
		m.disp = -4;
		ir_st(&r->ir, 4, &m, IR_G(rnd() % nregs));
		ir_emit_nf_imm(&r->ir, IR_SUB, asize, IR_G(base), IR_G(base), 4);
		break;
	case 4: /* POP */
		m.disp = 0;
		ir_ld(&r->ir, 4, other_reg(base), &m);
		ir_emit_nf_imm(&r->ir, IR_ADD, asize, IR_G(base), IR_G(base), 4);
		break;
	case 5:
		t = ir_temp(&r->ir);
		ir_ld(&r->ir, w, t, &m);
		t = other_reg(base);
		ir_emit(&r->ir, IR_ADD + rnd() % 4, w, t, t, IR_T(0));
		break;
	case 6:
		t = ir_temp(&r->ir);
		ir_memop(&r->ir, IR_LDX, w, t, &m, IR_NONE);
		ir_emit(&r->ir, IR_ADD, w, t, t, other_reg(base));
		ir_memop(&r->ir, IR_STX, w, IR_NONE, &m, t);
		break;
	default:
		t = other_reg(base);
		ir_emit(&r->ir, rnd() & 1 ? IR_ADC : IR_SUB, asize, t, t, IR_G(rnd() % nregs));
	}
}

static void snapshot(struct run *r, uint64_t *to)
{
	for (unsigned i = 0; i < WORDS; i++)
		to[i] = fix_rd(r->f, 0x9000 + 8 * i, 8);
	to[WORDS] = r->f->cpu->cr2;
}

/* The program of these tables gets a window (mmu/window.h). false: this host has none. */
static bool window_on(struct run *r)
{
	struct vcpu *c = r->f->cpu;

	if (!HOST_BACKEND->enter || !c->mmu.win || (r->wide && !windows_table(&c->mmu)))
		return false;
	r->windowed = true;
	HOST_BACKEND->enter(r->x, true);
	for (uint64_t ms = 1; ms < 1000 && !window_enter(&c->mmu, mode_window(c)); ms++)
		window_tick(&c->mmu, mode_window(c), ms * 1000);
	mode_set(c);
#ifdef __SANITIZE_ADDRESS__ /* it is where the guard of kernels' windows would be */
	if (r->wide && !c->cpl)
		return false;
#endif
	ck_assert(c->mode & MODE_WIN);
	return true;
}

/*
 * Accesses off one base, in the middle of a page and across its end, into a page that is absent, over read-only ones:
 * the same registers, flags, memory and faulting instruction, whether they share a probe, or go through a window (2; 3, 4: of a 64-bit
 * program, far or not; 5, 6: of a kernel), or not.
 */
START_TEST(test_groups)
{
	const bool wide = _i == 3 || _i == 4 || _i == 6;
	struct run *r = wide ? run_new_in(fix_long("max", _i == 6 ? 0 : 3), 0) : _i == 2 ? run_new_at(0, 3) : run_new(_i & 1 && _i < 2);
	struct ir_term t = { .kind = TERM_JMP, .t_off = 0x2000, .ipsize = 4 };
	struct state s0 = { 0 }, a, b;
	static uint64_t before[WORDS + 1], one[WORDS + 1], two[WORDS + 1];
	unsigned faults = 0;

	if (wide)
		page_tables_64(r, _i != 4);
	else
		page_tables(r);
	if (_i >= 2 && !window_on(r)) {
		run_free(r);
		return;
	}
	if (r->wide)
		ck_assert_int_eq(!!(r->f->cpu->mode & MODE_FAR), _i == 3);
	for (unsigned k = 0; k < 4000; k++) {
		unsigned base = rnd() % 8, n = 1 + rnd() % 8, asize;

		start(r);
		asize = r->long_mode && rnd() % 4 ? 8 : 4;
		for (unsigned i = 0; i < n; i++) {
			if (i)
				ir_insn(&r->ir, 2 * i, &(struct insn){ .len = 2 });
			near_base(r, base, asize);
		}
		ir_end(&r->ir, &t);
		ir_optimise(&r->ir, 0);
		for (unsigned i = 0; i < 16; i++)
			s0.gpr[i] = r->long_mode ? rnd() : (uint32_t)rnd();
		s0.gpr[base] = 0x9000 + (rnd() & 1 ? 0x800 : rnd() & 1 ? 0xFE0 + rnd() % 64 : 0x2FE0 + rnd() % 64);
		s0.gpr[base] += place(r);
		s0.eflags = (uint32_t)(rnd() & FL_ARITH) | FL_1 | FL_IF;
		for (unsigned i = 0; i < WORDS; i++)
			fix_wr(r->f, 0x9000 + 8 * i, before[i] = rnd(), 8);
		if (r->windowed) /* not to be out of credit */
			window_tick(&r->f->cpu->mmu, mode_window(r->f->cpu), (1000 + k) * 1000000ull);
		if (rnd() % 4 == 0)
			tlb_flush(&r->f->cpu->mmu, true);
		once(r, HOST_BACKEND, r->x, &s0, &a);
		snapshot(r, one);
		if (a.x == RUN_ONE) /* a read-modify-write that only the interpreter can do */
			continue;
		for (unsigned i = 0; i < WORDS; i++)
			fix_wr(r->f, 0x9000 + 8 * i, before[i], 8);
		once(r, &interp_backend, r->in, &s0, &b);
		snapshot(r, two);
		ck_assert_int_eq(a.x, b.x);
		ck_assert_int_eq(memcmp(one, two, sizeof(one)), 0);
		for (unsigned i = 0; i < 16; i++)
			ck_assert_msg(a.gpr[i] == b.gpr[i], "case %u: gpr %u %lx, want %lx", k, i, a.gpr[i], b.gpr[i]);
		ck_assert_uint_eq(a.eflags & ~IRF_A, b.eflags & ~IRF_A);
		ck_assert_uint_eq(a.rip, b.rip);
		faults += a.x == RUN_FAULT;
	}
	ck_assert_uint_gt(faults, 100);
	if (r->windowed) {
		ck_assert_uint_gt(window_stats(&r->f->cpu->mmu)->pages, 100);
		ck_assert_uint_gt(window_stats(&r->f->cpu->mmu)->faults, r->f->cpu->cpl ? faults : 500); /* a kernel's sites are given up */
	}
	run_free(r);
}
END_TEST

/* A fault of the host outside translated code ends the program as ever, even in a window. */
START_TEST(test_own_fault)
{
	struct run *r = run_new_at(0, 3);

	page_tables(r);
	if (!window_on(r))
		raise(SIGSEGV);
	*(volatile uint8_t *)(window_base(&r->f->cpu->mmu) + 0x9000) = 1;
}
END_TEST

int main(void)
{
	Suite *s = suite_create("backend_run");
	TCase *t = tcase_create("all");
	SRunner *r;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_alu, 0, 2);
	tcase_add_loop_test(t, test_moves, 0, 2);
	tcase_add_loop_test(t, test_memory_fault, 0, 2);
	tcase_add_loop_test(t, test_link, 0, 2);
	tcase_add_loop_test(t, test_groups, 0, 7);
#ifndef __SANITIZE_ADDRESS__ /* it ends programs in its own way */
	tcase_add_test_raise_signal(t, test_own_fault, SIGSEGV);
#endif
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
