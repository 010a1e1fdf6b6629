/* system.c - privileged and system instructions: each is a helper that judges and acts. */
#include "jit/lift/priv.h"

static void plain(struct lift *l, enum helper_id h)
{
	lift_do(l, h, NO, NO, NO);
}

static void ending(struct lift *l, enum helper_id h)
{
	lift_do(l, h, NO, NO, NO);
	lift_stop(l);
}

void lift_nop(struct lift *l)
{
}

void lift_pause(struct lift *l)
{
}

void lift_prefetch(struct lift *l)
{
}

void lift_fence(struct lift *l)
{
}

/* Everything before is done and code is always read as memory is now: there is nothing to wait for. */
void lift_serialize(struct lift *l)
{
}

void lift_clflush(struct lift *l)
{
	lift_do(l, HELPER_clflush, VAL(lift_linear(l, 1, false)), NO, NO);
}

void lift_hlt(struct lift *l)
{
	lift_do(l, HELPER_hlt, IMM(l->in->len), NO, NO);
	lift_rip(l);
}

void lift_cpuid(struct lift *l)
{
	plain(l, HELPER_cpuid);
}

void lift_rdtsc(struct lift *l)
{
	plain(l, HELPER_rdtsc);
}

void lift_rdtscp(struct lift *l)
{
	plain(l, HELPER_rdtscp);
}

void lift_rdpmc(struct lift *l)
{
	plain(l, HELPER_rdpmc);
}

void lift_rdmsr(struct lift *l)
{
	plain(l, HELPER_rdmsr);
}

void lift_wrmsr(struct lift *l)
{
	ending(l, HELPER_wrmsr);
}

void lift_xgetbv(struct lift *l)
{
	plain(l, HELPER_xgetbv);
}

void lift_xsetbv(struct lift *l)
{
	ending(l, HELPER_xsetbv);
}

void lift_invd(struct lift *l)
{
	plain(l, HELPER_invd);
}

void lift_wbinvd(struct lift *l)
{
	plain(l, HELPER_wbinvd);
}

void lift_clts(struct lift *l)
{
	ending(l, HELPER_clts);
}

void lift_lmsw(struct lift *l)
{
	/* #GP(0): CPL is not 0; judged before the operand is touched */
	if (mode_cpl(l->mode)) {
		lift_raise(l, CHECK_GP_CPL0);
		return;
	}
	lift_do(l, HELPER_lmsw, VAL(lift_value(l, 0)), NO, NO);
	lift_stop(l);
}

static ir_val linear(struct lift *l)
{
	ir_val t = ir_temp(l->b);
	struct ir_mem m;

	lift_memory(l, &m, 0, false);
	ir_memop(l->b, IR_LIN, 8, t, &m, IR_NONE);
	return t;
}

void lift_invlpg(struct lift *l)
{
	lift_do(l, HELPER_invlpg, VAL(linear(l)), NO, NO);
	lift_stop(l);
}

void lift_invpcid(struct lift *l)
{
	/* #GP(0): CPL is not 0; judged before the operand is touched */
	if (mode_cpl(l->mode)) {
		lift_raise(l, CHECK_GP_CPL0);
		return;
	}
	lift_do(l, HELPER_invpcid, VAL(lift_value(l, 0)), VAL(lift_linear(l, 16, false)), NO);
	lift_stop(l);
}

void lift_mov_cr_from(struct lift *l)
{
	ir_val v = lift_call(l, HELPER_mov_cr_from, IMM(l->in->op[1].reg), NO, NO);

	ir_mov(l->b, lift_code64(l) ? 8 : 4, lift_reg(&l->in->op[0]), v);
}

void lift_mov_cr_to(struct lift *l)
{
	ir_val t = ir_temp(l->b);

	ir_mov(l->b, lift_code64(l) ? 8 : 4, t, lift_reg(&l->in->op[1]));
	lift_do(l, HELPER_mov_cr_to, IMM(l->in->op[0].reg), VAL(t), NO);
	lift_stop(l);
}

void lift_mov_dr_from(struct lift *l)
{
	ir_val v = lift_call(l, HELPER_mov_dr_from, IMM(l->in->op[1].reg), NO, NO);

	ir_mov(l->b, lift_code64(l) ? 8 : 4, lift_reg(&l->in->op[0]), v);
}

void lift_mov_dr_to(struct lift *l)
{
	ir_val t = ir_temp(l->b);

	ir_mov(l->b, lift_code64(l) ? 8 : 4, t, lift_reg(&l->in->op[1]));
	lift_do(l, HELPER_mov_dr_to, IMM(l->in->op[0].reg), VAL(t), NO);
	lift_stop(l);
}

void lift_swapgs(struct lift *l)
{
	plain(l, HELPER_swapgs);
}

void lift_monitor(struct lift *l)
{
	unsigned seg = l->in->seg_override == MEM_NONE ? SEG_DS : l->in->seg_override;
	struct ir_mem m = {.base = IR_G(GPR_RAX), .index = IR_NONE, .asize = l->in->asize,
		.idx = mode_mmu_idx(l->mode)};
	ir_val t = ir_temp(l->b), ea = ir_temp(l->b);

	/* #UD: CPL is not 0; judged before the address */
	if (mode_cpl(l->mode)) {
		lift_raise(l, CHECK_UD_CPL0);
		return;
	}
	ir_memop(l->b, IR_LEA, m.asize, ea, &m, IR_NONE);
	lift_do(l, HELPER_seg_check, IMM(seg), VAL(ea), IMM(1));
	lift_segment(l, &m, seg, 0, false);
	ir_memop(l->b, IR_LIN, 8, t, &m, IR_NONE);
	lift_do(l, HELPER_monitor, VAL(t), NO, NO);
}

void lift_mwait(struct lift *l)
{
	lift_do(l, HELPER_mwait, IMM(l->in->len), NO, NO);
	lift_rip(l);
}

static void read_base(struct lift *l, unsigned seg)
{
	ir_val v = lift_call(l, HELPER_rd_fsgsbase, IMM(seg), NO, NO);

	ir_mov(l->b, l->in->op[0].size, lift_reg(&l->in->op[0]), v);
}

static void write_base(struct lift *l, unsigned seg)
{
	lift_do(l, HELPER_wr_fsgsbase, IMM(seg), VAL(lift_value(l, 0)), NO);
}

void lift_rdfsbase(struct lift *l)
{
	read_base(l, SEG_FS);
}

void lift_rdgsbase(struct lift *l)
{
	read_base(l, SEG_GS);
}

void lift_wrfsbase(struct lift *l)
{
	write_base(l, SEG_FS);
}

void lift_wrgsbase(struct lift *l)
{
	write_base(l, SEG_GS);
}

static void random_value(struct lift *l, unsigned seed)
{
	unsigned w = l->in->op[0].size;
	ir_val v = lift_call(l, HELPER_rdrand, IMM(w), IMM(seed), NO);

	ir_mov(l->b, w, lift_reg(&l->in->op[0]), v);
}

void lift_rdrand(struct lift *l)
{
	random_value(l, 0);
}

void lift_rdseed(struct lift *l)
{
	random_value(l, 1);
}

void lift_rdpid(struct lift *l)
{
	ir_val v = lift_call(l, HELPER_rdpid, NO, NO, NO);

	ir_mov(l->b, l->in->op[0].size, lift_reg(&l->in->op[0]), v);
}
