/* branch.c - near transfers as terminals; far ones, interrupts and system calls through ring 0. */
#include "jit/lift/priv.h"

static struct ir_term term(struct lift *l, enum ir_term_kind kind)
{
	return (struct ir_term){.kind = kind, .t_off = (int64_t)l->next_off + l->in->imm,
		.f_off = l->next_off, .ipsize = l->in->osize, .val = IR_NONE};
}

/* Can a near branch of this instruction's operand size pass the code segment's limit? */
static bool needs_limit(const struct lift *l)
{
	if (lift_code64(l) || (l->mode & MODE_CS_4G))
		return false;
	return !(l->in->osize == 2 && (l->mode & MODE_CS_64K));
}

/*
 * In 64-bit code, #GP(0): the target of an indirect branch is not canonical. Without CALL's push nothing is lost by going
 * there: no block is ever found, and RSP is put back by @undo, so this costs the fast way nothing.
 */
static void check_canonical(struct lift *l, struct ir_term *t, bool later, unsigned undo)
{
	if (!lift_code64(l))
		return;
	ir_emit_nf(l->b, IR_CANON, 8, IR_NONE, t->val, IR_NONE)->aux = later;
	t->canon = later;
	t->undo = undo;
}

/* #GP(0): the target @ip is beyond the limit; nothing has been written yet. @taken: IR_NONE for always */
static void check_target(struct lift *l, ir_val ip, struct src taken)
{
	ir_val t = ir_temp(l->b);

	ir_emit_nf(l->b, IR_ZEXT, 8, t, ip, IR_NONE)->aux = l->in->osize;
	lift_do(l, HELPER_near_check, VAL(t), taken, NO);
}

void lift_fetch_limit(struct lift *l)
{
	ir_val t;

	if (lift_code64(l) || (l->mode & MODE_CS_4G))
		return;
	t = ir_temp(l->b);
	ir_emit_nf(l->b, IR_IPVAL, 4, t, IR_NONE, IR_NONE)->imm = l->next_off - 1;
	ir_emit_nf(l->b, IR_ZEXT, 8, t, t, IR_NONE)->aux = 4;
	lift_do(l, HELPER_near_check, VAL(t), IMM(1), NO);
}

/* Could the target of this direct branch not be canonical? What stays in the page is. */
static bool may_leave(const struct lift *l)
{
	int64_t off = (int64_t)l->next_off + l->in->imm;

	if (!lift_code64(l) || !(l->mode & MODE_EDGE) || (off >= 0 && off < PAGE_SIZE))
		return false;
	return (l->mode & MODE_EDGE_NEAR) || off >= MODE_NEAR_BYTES || off <= -MODE_NEAR_BYTES;
}

static bool needs_check(const struct lift *l)
{
	return needs_limit(l) || may_leave(l);
}

static void check_direct(struct lift *l, struct src taken)
{
	ir_val t;

	if (!needs_check(l))
		return;
	t = ir_temp(l->b);
	ir_emit_nf(l->b, IR_IPVAL, lift_code64(l) ? 8 : 4, t, IR_NONE, IR_NONE)->imm = l->next_off + l->in->imm;
	check_target(l, t, taken);
}

static void push_return(struct lift *l)
{
	unsigned w = l->in->osize;
	ir_val t = ir_temp(l->b);
	struct ir_mem m;

	ir_emit_nf(l->b, IR_IPVAL, w, t, IR_NONE, IR_NONE)->imm = l->next_off;
	lift_stack(l, &m, IR_G(GPR_RSP), -(int64_t)w, w, true);
	ir_st(l->b, w, &m, t);
	lift_sp_add(l, -(int64_t)w);
}

void lift_call_near(struct lift *l)
{
	struct ir_term t = term(l, TERM_JMP);

	t.hint = HINT_CALL;
	check_direct(l, IMM(1));
	push_return(l);
	ir_end(l->b, &t);
}

void lift_call_near_ind(struct lift *l)
{
	struct ir_term t = term(l, TERM_IND);

	t.val = lift_value(l, 0);
	t.hint = HINT_CALL;
	check_canonical(l, &t, false, 0);
	if (needs_limit(l))
		check_target(l, t.val, IMM(1));
	push_return(l);
	ir_end(l->b, &t);
}

void lift_jmp_near(struct lift *l)
{
	struct ir_term t = term(l, TERM_JMP);

	check_direct(l, IMM(1));
	ir_end(l->b, &t);
}

void lift_jmp_near_ind(struct lift *l)
{
	struct ir_term t = term(l, TERM_IND);

	t.val = lift_value(l, 0);
	check_canonical(l, &t, true, 0);
	if (needs_limit(l))
		check_target(l, t.val, IMM(1));
	ir_end(l->b, &t);
}

void lift_ret_near(struct lift *l)
{
	struct ir_term t = term(l, TERM_IND);
	unsigned w = l->in->osize;
	int64_t extra = l->in->nops ? l->in->imm & 0xFFFF : 0;
	struct ir_mem m;

	t.val = ir_temp(l->b);
	t.hint = HINT_RET;
	lift_stack(l, &m, IR_G(GPR_RSP), 0, w, false);
	ir_ld(l->b, w, t.val, &m);
	check_canonical(l, &t, true, w + extra);
	t.undo = (uint32_t)(w + extra);
	if (needs_limit(l))
		check_target(l, t.val, IMM(1));
	lift_sp_add(l, w + extra);
	ir_end(l->b, &t);
}

void lift_jcc(struct lift *l)
{
	struct ir_term t = term(l, TERM_JCC);

	t.cc = l->in->opcode & 15;
	if (needs_check(l)) {
		ir_val taken = ir_temp(l->b);
		struct ir_op *o = ir_emit(l->b, IR_SETCC, 1, taken, IR_NONE, IR_NONE);

		o->cc = t.cc;
		o->fuse = ir_cc_flags(t.cc);
		ir_emit_nf(l->b, IR_ZEXT, 8, taken, taken, IR_NONE)->aux = 1;
		check_direct(l, VAL(taken));
	}
	ir_end(l->b, &t);
}

/* The count register is rCX of the address size. */
static ir_val count(struct lift *l)
{
	ir_val t = ir_temp(l->b);

	ir_emit_nf(l->b, IR_ZEXT, 8, t, IR_G(GPR_RCX), IR_NONE)->aux = l->in->asize;
	return t;
}

void lift_jcxz(struct lift *l)
{
	struct ir_term t = term(l, TERM_JNZ);

	t.f_off = t.t_off; /* zero: jump */
	t.t_off = l->next_off;
	t.falls = true;
	t.val = count(l);
	t.w = 8;
	if (needs_check(l)) {
		ir_val zero = ir_temp(l->b);

		/* -1 if the count is 0, else 0: (count - 1) borrows out of 64 bits only then */
		ir_emit_nf_imm(l->b, IR_SUB, 8, zero, t.val, 1);
		ir_emit_nf_imm(l->b, IR_SARX, 8, zero, zero, 63);
		check_direct(l, VAL(zero));
	}
	ir_end(l->b, &t);
}

/* rCX - 1, not yet written. */
static ir_val counted(struct lift *l)
{
	ir_val t = ir_temp(l->b), n = ir_temp(l->b);

	ir_emit_nf_imm(l->b, IR_SUB, 8, t, IR_G(GPR_RCX), 1);
	ir_emit_nf(l->b, IR_ZEXT, 8, n, t, IR_NONE)->aux = l->in->asize;
	return n;
}

/* To the target if @val is not 0; @n is the new count. */
static void end_loop(struct lift *l, ir_val val, ir_val n)
{
	struct ir_term t = term(l, TERM_JNZ);

	t.val = val;
	t.w = 8;
	check_direct(l, VAL(val));
	ir_mov(l->b, l->in->asize, IR_G(GPR_RCX), n);
	ir_end(l->b, &t);
}

void lift_loop(struct lift *l)
{
	ir_val n = counted(l);

	end_loop(l, n, n);
}

/* LOOPE, LOOPNE: the count not zero and ZF as asked (cc 4: equal, 5: not). */
static void loop_if(struct lift *l, unsigned cc)
{
	ir_val zero = lift_const(l, 0), n = counted(l), val = ir_temp(l->b);
	struct ir_op *o;

	o = ir_emit(l->b, IR_CMOV, 8, val, n, zero);
	o->cc = cc;
	o->fuse = IRF_Z;
	end_loop(l, val, n);
}

void lift_loope(struct lift *l)
{
	loop_if(l, 4);
}

void lift_loopne(struct lift *l)
{
	loop_if(l, 5);
}

/* ---- far ---- */

static void far_transfer(struct lift *l, enum helper_id h)
{
	unsigned w = l->in->osize;
	struct src sel = IMM(l->in->imm2), off = IMM(l->in->imm);
	struct ir_mem m;

	if (l->in->op[0].kind == OPND_MEM) {
		off = VAL(ir_temp(l->b));
		sel = VAL(ir_temp(l->b));
		lift_memory(l, &m, w, false);
		ir_ld(l->b, w, off.v, &m);
		lift_address(l, &m);
		m.disp += w;
		lift_segment(l, &m, l->in->mem.seg, 2, false);
		ir_ld(l->b, 2, sel.v, &m);
	}
	if (off.v == IR_IMM)
		off.imm &= w == 2 ? 0xFFFF : 0xFFFFFFFF;
	lift_do(l, h, sel, off, IMM(w | l->in->len << 8));
	lift_rip(l);
}

void lift_call_far(struct lift *l)
{
	far_transfer(l, HELPER_call_far);
}

void lift_jmp_far(struct lift *l)
{
	far_transfer(l, HELPER_jmp_far);
}

void lift_ret_far(struct lift *l)
{
	lift_do(l, HELPER_ret_far, IMM(l->in->osize), IMM(l->in->nops ? l->in->imm & 0xFFFF : 0), NO);
	lift_rip(l);
}

void lift_iret(struct lift *l)
{
	lift_do(l, HELPER_iret, IMM(l->in->osize), IMM(l->in->len), NO);
	lift_rip(l);
}

static void interrupt(struct lift *l, unsigned vec, unsigned kind)
{
	lift_do(l, HELPER_int_n, IMM(vec), IMM(l->in->len), IMM(kind));
	lift_rip(l);
}

void lift_int_n(struct lift *l)
{
	interrupt(l, l->in->imm & 0xFF, 0);
}

void lift_int3(struct lift *l)
{
	interrupt(l, 3, 1);
}

void lift_into(struct lift *l)
{
	interrupt(l, 4, 2); /* the helper looks at OF */
}

void lift_int1(struct lift *l)
{
	interrupt(l, 1, 3);
}

void lift_bound(struct lift *l)
{
	unsigned w = l->in->op[0].size;
	ir_val idx = ir_temp(l->b), lo = ir_temp(l->b), hi = ir_temp(l->b);
	struct ir_mem m;

	lift_memory(l, &m, w, false);
	ir_ld(l->b, w, lo, &m);
	lift_address(l, &m);
	m.disp += w;
	lift_segment(l, &m, l->in->mem.seg, w, false);
	ir_ld(l->b, w, hi, &m);
	ir_emit_nf(l->b, IR_SEXT, 8, idx, lift_reg(&l->in->op[0]), IR_NONE)->aux = w;
	ir_emit_nf(l->b, IR_SEXT, 8, lo, lo, IR_NONE)->aux = w;
	ir_emit_nf(l->b, IR_SEXT, 8, hi, hi, IR_NONE)->aux = w;
	lift_do(l, HELPER_bound, VAL(idx), VAL(lo), VAL(hi));
}

void lift_syscall(struct lift *l)
{
	lift_do(l, HELPER_syscall, IMM(l->in->len), NO, NO);
	lift_rip(l);
}

void lift_sysret(struct lift *l)
{
	lift_do(l, HELPER_sysret, IMM(l->in->osize), NO, NO);
	lift_rip(l);
}

void lift_sysenter(struct lift *l)
{
	lift_do(l, HELPER_sysenter, IMM(l->in->len), NO, NO);
	lift_rip(l);
}

void lift_sysexit(struct lift *l)
{
	lift_do(l, HELPER_sysexit, IMM(l->in->osize), NO, NO);
	lift_rip(l);
}

void lift_ud(struct lift *l)
{
	lift_raise(l, CHECK_UD_UD);
}
