/*
 * emit.c - what every lowering uses: operands in registers, temporaries, and the guest's flags.
 */
#include "jit/x64/x64.h"
#include <string.h>

static const uint8_t host_of[16] = {
#define REG(guest, host) [guest] = host,
#include "jit/x64/regs.def"
#undef REG
};

struct x_mem env_mem(int32_t disp)
{
	return (struct x_mem){X_R15, X_NONE, 0, disp};
}

struct x_mem frame_mem(int32_t disp)
{
	return (struct x_mem){X_RSP, X_NONE, 0, disp};
}

struct x_mem reg_mem(unsigned base)
{
	return (struct x_mem){(uint8_t)base, X_NONE, 0, 0};
}

unsigned host_reg(unsigned guest)
{
	return host_of[guest & 15];
}

struct x_mem gpr_mem(unsigned n)
{
	return env_mem((int32_t)(offsetof(struct vcpu, gpr) + 8 * n) - VCPU_BIAS);
}

bool in_host_reg(ir_val v)
{
	return IR_KIND(v) == IR_KIND_G && host_of[IR_NUM(v) & 15] != X_NONE;
}

bool in_gpr_mem(ir_val v, struct x_mem *m)
{
	if (IR_KIND(v) != IR_KIND_G || in_host_reg(v))
		return false;
	*m = gpr_mem(IR_NUM(v) & 15);
	return true;
}

bool in_memory(const struct emitter *c, ir_val v, struct x_mem *m)
{
	return !(c->x->opts_off & JIT_OPT_FOLD) && in_gpr_mem(v, m);
}

struct x_mem home_mem(unsigned t)
{
	return frame_mem((int32_t)(8 * t));
}

static void evict(struct emitter *c, unsigned reg)
{
	unsigned t = c->reg_t[reg];
	struct x_mem m = home_mem(t);

	x_store(&c->cb, 8, &m, reg);
	c->t_reg[t] = X_NONE;
	c->reg_t[reg] = 0xFF;
}

/* A pool register nobody in this op uses: a free one, or one whose temporary goes home. */
static unsigned pick(struct emitter *c)
{
	uint32_t avail = c->pool & ~(c->busy | c->held), left;
	unsigned r;

	if (!avail) {
		c->starved = true; /* the op is taken back and done in C */
		return X_R11;
	}
	for (left = avail; left; left &= left - 1)
		if (c->reg_t[__builtin_ctz(left)] == 0xFF)
			break;
	r = (unsigned)__builtin_ctz(left ? left : avail);
	if (!left)
		evict(c, r);
	c->busy |= 1u << r;
	return r;
}

unsigned scratch(struct emitter *c)
{
	return pick(c);
}

static unsigned temp_reg(struct emitter *c, unsigned t, bool load)
{
	unsigned r = c->t_reg[t];
	struct x_mem m = home_mem(t);

	if (r == X_NONE) {
		r = pick(c);
		if (c->starved)
			return r;
		if (load)
			x_load(&c->cb, 8, r, &m);
		c->t_reg[t] = r;
		c->reg_t[r] = t;
	}
	c->busy |= 1u << r;
	return r;
}

void spill_temps(struct emitter *c)
{
	for (unsigned r = 0; r < 16; r++)
		if (c->reg_t[r] != 0xFF)
			evict(c, r);
}

/* Byte 1 of guest register n, in bits 7:0 of d. */
void get_high(struct emitter *c, unsigned d, unsigned n)
{
	struct x_mem m = frame_mem(FRAME(tmp));

	if (c->bmi2) {
		x_rorx(&c->cb, 4, d, host_of[n], 8);
		return;
	}
	x_store(&c->cb, 8, &m, host_of[n]);
	m.disp++;
	x_movzx_m(&c->cb, d, &m, 1);
}

static void put_high(struct emitter *c, unsigned n, unsigned s)
{
	struct x_mem m = frame_mem(FRAME(tmp)), hi = m;
	unsigned h = host_of[n];

	if (c->bmi2) {
		x_rorx(&c->cb, 8, h, h, 8);
		x_mov(&c->cb, 1, h, s);
		x_rorx(&c->cb, 8, h, h, 56);
		return;
	}
	hi.disp++;
	x_store(&c->cb, 8, &m, h);
	x_store(&c->cb, 1, &hi, s);
	x_load(&c->cb, 8, h, &m);
}

unsigned use(struct emitter *c, ir_val v, int64_t imm)
{
	unsigned n = IR_NUM(v), r;
	struct x_mem m;

	switch (IR_KIND(v)) {
	case IR_KIND_G:
		if (host_of[n & 15] != X_NONE)
			return host_of[n & 15];
		r = scratch(c);
		m = gpr_mem(n & 15);
		x_load(&c->cb, 8, r, &m);
		return r;
	case IR_KIND_GH:
		r = scratch(c);
		get_high(c, r, n & 3);
		return r;
	case IR_KIND_T:
		return temp_reg(c, n & (IR_MAX_TEMPS - 1), true);
	case IR_KIND_IPBASE:
		r = scratch(c);
		m = env_mem(ENV(ip_base));
		x_load(&c->cb, 8, r, &m);
		return r;
	default:
		r = scratch(c);
		x_movi(&c->cb, 8, r, (uint64_t)imm);
		return r;
	}
}

/* Does a narrow write to it keep the bytes above? */
bool is_merge(const struct emitter *c, ir_val d)
{
	(void)c;
	return IR_KIND(d) == IR_KIND_G;
}

unsigned def(struct emitter *c, ir_val d, unsigned w)
{
	unsigned n = IR_NUM(d), r;
	struct x_mem m;

	switch (IR_KIND(d)) {
	case IR_KIND_G:
		if (host_of[n & 15] != X_NONE)
			return host_of[n & 15];
		r = scratch(c);
		m = gpr_mem(n & 15);
		if (w < 4)
			x_load(&c->cb, 8, r, &m);
		return r;
	case IR_KIND_T:
		return temp_reg(c, n & (IR_MAX_TEMPS - 1), false);
	default:
		return scratch(c);
	}
}

void def_end(struct emitter *c, ir_val d, unsigned w, unsigned reg)
{
	unsigned n = IR_NUM(d);
	struct x_mem m;

	switch (IR_KIND(d)) {
	case IR_KIND_G:
		if (host_of[n & 15] != X_NONE)
			return;
		m = gpr_mem(n & 15);
		x_store(&c->cb, 8, &m, reg);
		break;
	case IR_KIND_GH:
		put_high(c, n & 3, reg);
		break;
	case IR_KIND_T:
		if (w < 4)
			x_movzx(&c->cb, reg, reg, w);
		break;
	}
}

void copy(struct emitter *c, unsigned w, unsigned d, unsigned s, bool zero)
{
	if (w < 4 && zero)
		x_movzx(&c->cb, d, s, w);
	else if (d != s || w == 4)
		x_mov(&c->cb, w, d, s);
}

/* Host flags to cpu->fl_save: AH as LAHF leaves it in the high byte, OF in bit 0. */
void emit_save(struct codebuf *cb)
{
	struct x_mem m = env_mem(ENV(fl_save));

	x_mov(cb, 8, X_R11, X_RAX);
	codebuf_u8(cb, 0x9F); /* lahf */
	x_setcc(cb, 0, X_RAX);
	x_store(cb, 2, &m, X_RAX);
	x_mov(cb, 8, X_RAX, X_R11);
}

void emit_restore(struct codebuf *cb)
{
	struct x_mem m = env_mem(ENV(fl_save));

	x_mov(cb, 8, X_R11, X_RAX);
	x_movzx_m(cb, X_RAX, &m, 2);
	x_alui(cb, X_ADD, 1, X_RAX, 0x7F); /* OF = bit 0 */
	codebuf_u8(cb, 0x9E);		   /* sahf */
	x_mov(cb, 8, X_RAX, X_R11);
}

void emit_settle(struct codebuf *cb)
{
	struct x_mem m = env_mem(ENV(fl_save));
	uint8_t *there[2], *done;

	x_mov(cb, 8, X_R11, X_RCX);
	x_movzx_m(cb, X_RCX, &m, 1);
	there[0] = x_jrcxz_fwd(cb); /* OF is clear, or set */
	x_lea(cb, 4, X_RCX, &(struct x_mem){X_RCX, X_NONE, 0, -1});
	there[1] = x_jrcxz_fwd(cb);
	x_mov(cb, 8, X_RCX, X_R11);
	emit_save(cb);
	done = x_jmp_fwd8(cb);
	x_here8(cb, there[0]);
	x_here8(cb, there[1]);
	x_mov(cb, 8, X_RCX, X_R11);
	x_here8(cb, done);
}

static void put_snippet(struct emitter *c, enum snippet_kind kind, void (*emit)(struct codebuf *))
{
	uint64_t key = snippet_key(kind, 0, 0, 0, 0);
	uint8_t *from = c->cb.p;

	if (snippet_put(c->snippet, key, &c->cb))
		return;
	emit(&c->cb);
	snippet_keep(c->snippet, key, &c->cb, from, from);
}

void put_save(struct emitter *c)
{
	put_snippet(c, SNIP_SAVE, emit_save);
}

void put_restore(struct emitter *c)
{
	put_snippet(c, SNIP_RESTORE, emit_restore);
}

void flags_save(struct emitter *c)
{
	if (c->fl_env)
		return;
	if (c->fl_host)
		put_save(c);
	else
		emit_settle(&c->cb);
	c->fl_env = true;
}

void flags_need(struct emitter *c)
{
	if (c->fl_host)
		return;
	flags_save(c);
	put_restore(c);
	c->fl_host = true;
}

void flags_lost(struct emitter *c)
{
	if (c->obs && !c->fl_env)
		flags_save(c);
	c->fl_host = false;
	c->fl_env = true; /* saved, or of no interest to anybody */
}

void flags_made(struct emitter *c)
{
	window_flags(c);
	c->fl_host = true;
	c->fl_env = false;
}

/* Is @o the last op of its instruction, and not of the block? */
static bool ends_insn(const struct emitter *c, const struct ir_op *o)
{
	return o + 1 < c->ir->op + c->ir->nops && o[1].op == IR_INSN && o[1].aux;
}

struct x64_site *new_site(struct emitter *c, const struct ir_op *o, unsigned kind)
{
	struct x64_site *s;

	if (c->nsites == X64_MAX_SITES) {
		c->cb.overflow = true;
		c->nsites = 0;
	}
	c->site_imm[c->nsites] = o->imm;
	s = &c->site[c->nsites++];
	memset(s, 0, sizeof(*s));
	s->off = (uint16_t)c->off & (PAGE_SIZE - 1);
	s->len = (uint16_t)(c->next_off - c->off) & 15;
	s->w = o->w;
	s->idx = o->m.idx & 15;
	s->ss = o->m.sreg == SEG_SS;
	s->kind = kind & 15;
	s->last = ends_insn(c, o);
	return s;
}

struct x64_op_site *eval_site(struct emitter *c, const struct ir_op *o)
{
	struct x64_op_site *s;

	if (c->nop_sites == X64_MAX_SITES) {
		c->cb.overflow = true;
		c->nop_sites = 0;
	}
	c->op_of[c->nop_sites] = (uint16_t)(o - c->ir->op);
	s = &c->op_site[c->nop_sites++];
	memset(s, 0, sizeof(*s));
	s->blk = c->blk;
	s->off = (int16_t)c->off;
	s->next_off = (int16_t)c->next_off;
	s->last = ends_insn(c, o);
	return s;
}

void emit_eval(struct emitter *c, const struct x64_op_site *s)
{
	struct x_mem m = frame_mem(FRAME(op_site));

	if (c->nrefs == X64_MAX_REFS) {
		c->cb.overflow = true;
		c->nrefs = 0;
	}
	codebuf_u8(&c->cb, 0x49); /* mov r11, imm64 */
	codebuf_u8(&c->cb, 0xB8 | (X_R11 & 7));
	c->ref[c->nrefs].at = c->cb.p;
	c->ref[c->nrefs++].site = (uint16_t)(s - c->op_site);
	codebuf_u64(&c->cb, 0);
	x_store(&c->cb, 8, &m, X_R11);
	x_call(&c->cb, c->x->stub.eval[c->code64]);
}

struct cold *new_cold(struct emitter *c, void (*emit)(struct emitter *, struct cold *))
{
	struct cold *k;

	if (c->ncold == X64_MAX_COLD) {
		c->cb.overflow = true;
		c->ncold = 0;
	}
	k = &c->cold[c->ncold++];
	k->emit = emit;
	k->from = k->from2 = NULL;
	k->site = NULL;
	memcpy(k->reg_t, c->reg_t, sizeof(k->reg_t));
	return k;
}

void cold_homes(struct emitter *c, const struct cold *k)
{
	for (unsigned r = 0; r < 16; r++) {
		if (k->reg_t[r] != 0xFF) {
			struct x_mem m = home_mem(k->reg_t[r]);

			x_store(&c->cb, 8, &m, r);
		}
	}
}

/* As use(), but what is not in a register is loaded into @spare. */
unsigned use_spare(struct emitter *c, ir_val v, int64_t imm, unsigned spare)
{
	unsigned n = IR_NUM(v);
	struct x_mem m;

	switch (IR_KIND(v)) {
	case IR_KIND_G:
		if (host_of[n & 15] != X_NONE)
			return host_of[n & 15];
		m = gpr_mem(n & 15);
		break;
	case IR_KIND_GH:
		get_high(c, spare, n & 3);
		return spare;
	case IR_KIND_T:
		if (c->t_reg[n % IR_MAX_TEMPS] != X_NONE)
			return temp_reg(c, n % IR_MAX_TEMPS, true);
		m = home_mem(n % IR_MAX_TEMPS);
		break;
	case IR_KIND_IPBASE:
		m = env_mem(ENV(ip_base));
		break;
	default:
		x_movi(&c->cb, 8, spare, (uint64_t)imm);
		return spare;
	}
	x_load(&c->cb, 8, spare, &m);
	return spare;
}

/* As def(), but may take over @areg, the register of source @a, when that is only a copy. */
unsigned def_from(struct emitter *c, ir_val d, unsigned w, ir_val a, unsigned areg)
{
	bool copy_only = areg != X_R11 && c->busy >> areg & 1 && c->reg_t[areg] == 0xFF;
	bool in_reg = IR_KIND(d) == IR_KIND_T || in_host_reg(d);

	if (copy_only && !in_reg && (w >= 4 || d == a || IR_KIND(d) == IR_KIND_GH))
		return areg;
	return def(c, d, w);
}

static bool truly_reads(const struct ir_op *o)
{
	switch (o->op) {
	case IR_ADC: case IR_SBB: case IR_RCL: case IR_RCR: case IR_SETCC: case IR_CMOV: case IR_CMC:
	case IR_ADCX: case IR_ADOX: case IR_SIDE:
		return true;
	}
	return false;
}

bool flags_wanted(const struct ir_op *o)
{
	return truly_reads(o) || (o->fdef && o->fobs & ~(o->fdef & ~o->fuse));
}

void flags_before(struct emitter *c, const struct ir_op *o)
{
	if (flags_wanted(o))
		flags_need(c);
	else if (!o->fdef)
		flags_lost(c);
}

void flags_after(struct emitter *c, const struct ir_op *o)
{
	if (o->fdef)
		flags_made(c);
}
