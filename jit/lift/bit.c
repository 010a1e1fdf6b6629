/* bit.c - bit tests, scans, counts, BMI, ADX, CRC32. */
#include "jit/lift/priv.h"

/*
 * A register bit offset reaches beyond the operand: the byte address moves by the signed offset
 * divided by the operand's width in bits. SDM Vol. 2A, BT: "Bit(BitBase, BitOffset)".
 */
static void bit_string(struct lift *l, struct ir_mem *m, unsigned w, bool write)
{
	struct ir_block *b = l->b;
	ir_val off = ir_temp(b), ea = ir_temp(b);
	unsigned lg = w == 2 ? 1 : w == 4 ? 2 : 3;

	lift_address(l, m);
	ir_memop(b, IR_LEA, m->asize, ea, m, IR_NONE);
	ir_emit_nf(b, IR_SEXT, 8, off, lift_reg(&l->in->op[1]), IR_NONE)->aux = w;
	ir_emit_nf_imm(b, IR_SARX, 8, off, off, 3 + lg);
	ir_emit_nf_imm(b, IR_SHLX, 8, off, off, lg);
	ir_emit_nf(b, IR_ADD, m->asize, ea, ea, off);
	m->base = ea;
	m->index = IR_NONE;
	m->scale = 0;
	m->disp = 0;
	lift_segment(l, m, l->in->mem.seg, w, write);
}

static void bit_test(struct lift *l, enum ir_opcode op)
{
	const struct opnd *d = &l->in->op[0];
	unsigned w = d->size;
	bool reg_off = l->in->op[1].kind == OPND_GPR, write = op != IR_BT;
	struct src s = lift_read(l, 1);
	ir_val r = lift_reg(d), out;
	struct ir_mem m;

	if (s.v == IR_IMM)
		s.imm &= 8 * w - 1;
	if (d->kind == OPND_MEM) {
		if (reg_off)
			bit_string(l, &m, w, write);
		else
			lift_memory(l, &m, w, write);
		r = ir_temp(l->b);
		ir_memop(l->b, write ? IR_LDX : IR_LD, w, r, &m, IR_NONE);
	}
	out = write ? r : IR_NONE;
	ir_emit(l->b, op, w, out, r, s.v)->imm = s.imm;
	if (d->kind == OPND_MEM && write)
		ir_memop(l->b, IR_STX, w, IR_NONE, &m, r);
}

void lift_bt(struct lift *l)
{
	bit_test(l, IR_BT);
}

void lift_bts(struct lift *l)
{
	bit_test(l, IR_BTS);
}

void lift_btr(struct lift *l)
{
	bit_test(l, IR_BTR);
}

void lift_btc(struct lift *l)
{
	bit_test(l, IR_BTC);
}

static void scan(struct lift *l, enum ir_opcode op)
{
	struct src s = lift_read(l, 1);
	ir_val d = lift_reg(&l->in->op[0]), t;
	struct ir_op *o;

	if (!lift_code64(l) || l->in->op[0].size != 4) {
		ir_emit(l->b, op, l->in->op[0].size, d, s.v, d);
		return;
	}
	/* a source of 0 leaves the whole destination as it was, its upper half too */
	t = ir_temp(l->b);
	ir_emit(l->b, op, 4, t, s.v, d);
	o = ir_emit(l->b, IR_CMOV, 8, d, d, t);
	o->cc = 4;
	o->fuse = IRF_Z;
}

static void count(struct lift *l, enum ir_opcode op)
{
	struct src s = lift_read(l, 1);

	ir_emit(l->b, op, l->in->op[0].size, lift_reg(&l->in->op[0]), s.v, IR_NONE);
}

void lift_bsf(struct lift *l)
{
	scan(l, IR_BSF);
}

void lift_bsr(struct lift *l)
{
	scan(l, IR_BSR);
}

/* Without their feature the F3 prefix is ignored and they are BSF and BSR. */
void lift_tzcnt(struct lift *l)
{
	if (feature_has(l->features, FEAT_BMI1))
		count(l, IR_TZCNT);
	else
		scan(l, IR_BSF);
}

void lift_lzcnt(struct lift *l)
{
	if (feature_has(l->features, FEAT_ABM))
		count(l, IR_LZCNT);
	else
		scan(l, IR_BSR);
}

void lift_popcnt(struct lift *l)
{
	count(l, IR_POPCNT);
}

/* op0 = op(op1, op2) with register results; one of the sources may be memory */
static void three(struct lift *l, enum ir_opcode op)
{
	struct src a = lift_read(l, 1), b = lift_read(l, 2);

	ir_emit(l->b, op, l->in->op[0].size, lift_reg(&l->in->op[0]), a.v, b.v)->imm = b.imm;
}

void lift_andn(struct lift *l)
{
	three(l, IR_ANDN);
}

void lift_bextr(struct lift *l)
{
	three(l, IR_BEXTR);
}

void lift_bzhi(struct lift *l)
{
	three(l, IR_BZHI);
}

void lift_pdep(struct lift *l)
{
	three(l, IR_PDEP);
}

void lift_pext(struct lift *l)
{
	three(l, IR_PEXT);
}

void lift_rorx(struct lift *l)
{
	three(l, IR_RORX);
}

void lift_shlx(struct lift *l)
{
	three(l, IR_SHLX);
}

void lift_shrx(struct lift *l)
{
	three(l, IR_SHRX);
}

void lift_sarx(struct lift *l)
{
	three(l, IR_SARX);
}

void lift_blsi(struct lift *l)
{
	count(l, IR_BLSI);
}

void lift_blsr(struct lift *l)
{
	count(l, IR_BLSR);
}

void lift_blsmsk(struct lift *l)
{
	count(l, IR_BLSMSK);
}

void lift_mulx(struct lift *l)
{
	struct src s = lift_read(l, 2);

	ir_emit(l->b, IR_MULX, l->in->op[0].size, lift_reg(&l->in->op[1]), s.v, IR_NONE)->c =
		lift_reg(&l->in->op[0]);
}

static void add_one_flag(struct lift *l, enum ir_opcode op)
{
	struct src s = lift_read(l, 1);
	ir_val d = lift_reg(&l->in->op[0]);

	ir_emit(l->b, op, l->in->op[0].size, d, d, s.v);
}

void lift_adcx(struct lift *l)
{
	add_one_flag(l, IR_ADCX);
}

void lift_adox(struct lift *l)
{
	add_one_flag(l, IR_ADOX);
}

void lift_crc32(struct lift *l)
{
	ir_val v = lift_value(l, 1), d = lift_reg(&l->in->op[0]);

	ir_emit(l->b, IR_CRC32, 4, d, d, v)->aux = l->in->op[1].size;
}
