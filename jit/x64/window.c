/*
 * window.c - accesses through a window (mmu/window.h): the guest's instruction with its own addressing mode, counted from the
 * base of GS, which holds the window's; in 64-bit code with one register for the address and one for the distance to it.
 *
 * It clobbers no flags and no guest register. Should the host fault there, fault.c maps the page, or sends it to the cold path: C
 * raises the guest's fault, or has the interpreter run the instruction. Where that happens often the block is translated anew, and
 * that instruction with the inline probe. It is rare (of a boot's 140,000 accesses in windows 15), so cold paths are small rather than fast.
 */
#define _GNU_SOURCE
#include "jit/x64/x64.h"
#include "jit/priv.h"
#include "jit/profile.h"
#include "mmu/window.h"
#include <asm/prctl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SHRX_LEN 5
#define NEAR_MOVE (1 << 30) /* with a displacement of 32 bits less than the 4 GiB kept free around what is near */
#define REFUSALS 4 /* host faults of one instruction that no mapping can cure */

bool in_window(const struct emitter *c, unsigned kind, unsigned align)
{
	/* the host looks at an alignment of 16 itself, and faults; instructions that ask for 32 are changed into others */
	return c->window && align <= 16 && kind != SITE_COMMIT;
}

/* Register with the part of an address that @v is. */
static unsigned part(struct emitter *c, ir_val v)
{
	if (v == IR_NONE)
		return X_NONE;
	return use(c, v, 0);
}

/*
 * 64-bit code, near: counted from the base of GS behind a look at the guard (enc.c), on which nothing waits; without a look where the
 * register has been looked at already and has moved by less than what is kept free around places. SHRX takes the count from the low six
 * bits of RSP. The stack is near in far windows, too.
 *
 * Far: the address is counted from where the window's table says that its part of the address space is. SHRX takes the
 * count from the low six bits of R15. What the table has for places the window does not know makes the access itself fault.
 */
static struct x_mem wide_operand(struct emitter *c, const struct ir_mem *m)
{
	bool plain = m->asize == 8 && m->seg == IR_NOSEG && m->index == IR_NONE && m->disp == (int32_t)m->disp &&
		IR_KIND(m->base) == IR_KIND_G;
	unsigned g = IR_NUM(m->base) & 15, a, t;
	struct x_mem table = {X_NONE, X_NONE, 3, (int32_t)(uintptr_t)windows_table(&c->x->cpu->mmu)};
	int32_t disp = plain ? (int32_t)m->disp : 0;

	if (plain) {
		a = use(c, m->base, 0);
	} else {
		a = scratch(c);
		emit_ea(c, m, a, true);
	}
	if (plain && c->near.known >> g & 1) {
		c->trap[c->near.trap[g]].relied = true;
		c->win_mem = (struct x_mem){(uint8_t)a, X_NONE, X_GS, disp};
		return c->win_mem;
	}
	t = scratch(c);
	if (!c->far || (plain && g == GPR_RSP && c->cb.guard && c->trust)) {
		if (plain && c->trust) {
			c->near.known |= 1u << g;
			c->near.moved[g] = 0;
			c->near.trap[g] = (uint16_t)c->ntraps; /* window_access() */
		}
		c->win_mem = (struct x_mem){(uint8_t)a, (uint8_t)t, X_GS64, disp};
		return c->win_mem;
	}
	x_vex_rr(&c->cb, X_PF2 | X_0F38(0xF7), 8, 0, t, X_R15, a);
	table.index = (uint8_t)t;
	x_load(&c->cb, 8, t, &table);
	/* the address is not the base: with RBP as that, and not canonical, it would be a fault of the stack and another signal */
	c->win_mem = (struct x_mem){(uint8_t)t, (uint8_t)a, X_MARK, disp};
	return c->win_mem;
}

/* Does the instruction write no general register that its operands do not name? Of those that would, none is in maps 0 and 1 but FNSTSW. */
static bool names_written(const struct insn *in)
{
	return in->map == 1 || (!in->map && in->has_mem);
}

static void native_written(struct emitter *c, const struct insn *in)
{
	if (!names_written(in))
		c->near.known = 0;
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].kind == OPND_GPR)
			c->near.known &= ~(1u << (in->op[i].reg & 15));
}

/* Guest register and constant that @o adds up in 64 bits; IR_NONE: it does something else */
static ir_val sum_of(const struct ir_op *o, int64_t *add)
{
	if (o->w != 8)
		return IR_NONE;
	*add = o->op == IR_INC ? 1 : o->op == IR_DEC ? -1 : o->op == IR_SUB ? -o->imm : o->op == IR_LEA ? o->m.disp : o->op == IR_MOV ? 0 : o->imm;
	switch (o->op) {
	case IR_MOV: case IR_INC: case IR_DEC:
		return o->a;
	case IR_ADD: case IR_SUB:
		return IR_KIND(o->b) == IR_KIND_IMM ? o->a : IR_NONE;
	case IR_LEA:
		return o->m.index == IR_NONE && o->m.asize == 8 ? o->m.base : IR_NONE;
	}
	return IR_NONE;
}

static void result_written(struct emitter *c, const struct ir_op *o)
{
	unsigned d = IR_NUM(o->d) & 15, s;
	struct near *n = &c->near;
	int64_t add;
	ir_val v;

	if (IR_KIND(o->d) == IR_KIND_GH)
		n->known &= ~(1u << (d & 3));
	if (IR_KIND(o->d) != IR_KIND_G)
		return;
	v = sum_of(o, &add);
	s = IR_NUM(v) & 15;
	if (IR_KIND(v) == IR_KIND_G && n->known >> s & 1 && add >= -NEAR_MOVE && add <= NEAR_MOVE &&
		n->moved[s] + add >= -NEAR_MOVE && n->moved[s] + add <= NEAR_MOVE) {
		n->known |= 1u << d;
		n->moved[d] = (int32_t)(n->moved[s] + add);
		n->trap[d] = n->trap[s];
	} else {
		n->known &= ~(1u << d);
	}
}

void window_written(struct emitter *c, const struct ir_op *o)
{
	switch (o->op) {
	case IR_HELPER:
		c->near.known = 0;
		break;
	case IR_NATIVE:
		native_written(c, &c->ir->insns[o->imm]);
		break;
	case IR_MULU: case IR_MULS: case IR_DIVU: case IR_DIVS:
		c->near.known &= ~(1u << GPR_RAX | 1u << GPR_RDX);
		break;
	case IR_MULX:
		if (IR_KIND(o->c) == IR_KIND_G)
			c->near.known &= ~(1u << (IR_NUM(o->c) & 15));
		/* fall through */
	default:
		if (ir_ops[o->op].operands[0] == 'd')
			result_written(c, o);
	}
}

struct x_mem window_operand(struct emitter *c, const struct ir_mem *m)
{
	unsigned a;

	if (c->code64)
		return wide_operand(c, m);
	if (m->asize == 4 && m->seg == IR_NOSEG && IR_KIND(m->base) != IR_KIND_IPBASE) {
		a = part(c, m->base);
		return (struct x_mem){(uint8_t)a, (uint8_t)part(c, m->index), m->scale | X_GS32, (int32_t)m->disp};
	}
	a = scratch(c);
	emit_ea(c, m, a, true);
	return (struct x_mem){(uint8_t)a, X_NONE, X_GS32, 0};
}

void window_flags(struct emitter *c)
{
	if (!c->cb.gs || c->gs_flags)
		return;
	c->gs_flags = true;
	c->gs_host = c->fl_host;
	c->gs_env = c->fl_env;
}

/* By the slow path, for good, from a state just before the access: its flags as at @k. */
static void leave_window(struct emitter *c, const struct cold *k, struct x64_site *s)
{
	call_slow(c, s, !c->obs || k->env ? SAVE_NONE : k->host ? SAVE_HOST : SAVE_EITHER);
}

static void cold_window(struct emitter *c, struct cold *k)
{
	const struct ir_op *o = &c->ir->op[k->begin];
	struct x64_trap *t = &c->trap[k->trap];
	struct x64_site *s;
	unsigned a;

	temps_at(c, k->reg_t);
	c->obs = k->obs;
	c->off = k->off;
	c->next_off = k->next_off;
	t->cold = code_here(c);
	if (t->relied)
		leave_window(c, k, new_site(c, o, SITE_STRAY));
	if (t->guard)
		t[1].cold = code_here(c);
	/* temporaries will not be wanted any more, but those of the address */
	a = IR_KIND(o->m.index) == IR_KIND_T && c->t_reg[IR_NUM(o->m.index) % IR_MAX_TEMPS] == X_R13 ? X_R14 : X_R13;
	emit_ea(c, &o->m, a, true);
	s = new_site(c, o, k->kind);
	s->one = true;
	s->align = k->align ? __builtin_ctz(k->align) & 15 : 0;
	s->gla_reg = a & 15;
	leave_window(c, k, s);
}

/* The instructions that may fault, for the access that begins at codebuf.gs. */
static void add_traps(struct emitter *c)
{
	struct x64_trap t = {.at = (uint32_t)(c->cb.gs - c->x->mem.rw), .base = X_NONE, .delta = X_NONE, .disp = c->win_mem.disp};

	if (c->code64 && c->win_mem.scale & X_MARK) {
		t.base = c->win_mem.index;
		t.delta = c->win_mem.base;
	} else if (c->code64 && c->win_mem.scale & X_GS64) {
		t.at += SHRX_LEN;
		t.base = c->win_mem.base;
		t.guard = true;
		c->trap[c->ntraps++] = t;
		t.at = (uint32_t)(c->cb.access - c->x->mem.rw);
		t.guard = false;
	}
	c->trap[c->ntraps++] = t;
}

void window_access(struct emitter *c, unsigned first, unsigned n)
{
	struct cold *k;

	window_flags(c);
	k = new_cold(c, cold_window); /* temporaries are where they were at the access */
	k->host = c->gs_host;
	k->env = c->gs_env;
	k->kind = c->win_kind;
	k->align = c->win_align;
	k->begin = first;
	k->off = c->off;
	k->next_off = c->next_off;
	k->obs = c->obs;
	if (c->ntraps + 2 > ARRAY_SIZE(c->trap)) {
		c->cb.overflow = true;
		c->ntraps = 0;
	}
	k->trap = c->ntraps;
	add_traps(c);
	c->cb.gs = NULL;
}

/* The block is complete: its traps into the table. */
void windows_compiled(struct emitter *c)
{
	struct x64 *x = c->x;

	if (x->ntraps + c->ntraps > x->traps_room) {
		x->traps_room = x->traps_room ? 2 * x->traps_room : 4096;
		x->trap = realloc(x->trap, x->traps_room * sizeof(*x->trap));
		BUG_ON(!x->trap);
	}
	for (unsigned i = 0; i < c->ntraps; i++)
		x->trap[x->ntraps++] = c->trap[i];
}

static uint64_t gs_base(const struct x64 *x)
{
	uint64_t v = 0;

	if (x->fsgsbase)
		__asm__ volatile("rdgsbase %0" : "=r"(v));
	else
		syscall(SYS_arch_prctl, ARCH_GET_GS, &v);
	return v;
}

static void set_gs_base(const struct x64 *x, uint64_t v)
{
	if (x->fsgsbase)
		__asm__ volatile("wrgsbase %0" : : "r"(v));
	else
		BUG_ON(syscall(SYS_arch_prctl, ARCH_SET_GS, v));
}

static void use_window(void *opaque, uint8_t *base)
{
	struct x64 *x = opaque;

	if (!x->gs_ours) {
		x->gs = gs_base(x);
		x->gs_ours = true;
		fault_watch(x);
	}
	if (base)
		set_gs_base(x, (uintptr_t)base);
}

void windows_init(struct x64 *x)
{
	struct mmu *m = &x->cpu->mmu;

	x->fsgsbase = getauxval(AT_HWCAP2) & 2; /* the kernel lets programs use RDGSBASE and WRGSBASE */
	if (x->opts_off & JIT_OPT_WINDOW || !windows_new(m, use_window, x))
		return;
	if (!(x->opts_off & JIT_OPT_WINDOW0))
		windows_for_kernels(m);
	if (x->feat & HOSTF_BMI2 && !(x->opts_off & JIT_OPT_WINDOW64) && windows_widen(m) && x->fsgsbase)
		windows_near(m); /* GS gets bases that only WRGSBASE will load */
}

void windows_fini(struct x64 *x)
{
	if (x->cpu)
		windows_free(&x->cpu->mmu);
	fault_fini(x);
	free(x->trap);
}

void windows_run(void *priv, bool on)
{
	struct x64 *x = priv;

	if (!x->cpu->mmu.win)
		return;
	if (on) {
		windows_begin(&x->cpu->mmu);
		mode_set(x->cpu);
		return;
	}
	windows_end(&x->cpu->mmu);
	if (x->gs_ours) {
		fault_watch(NULL);
		set_gs_base(x, x->gs);
		x->gs_ours = false;
	}
}

void windows_dump(const struct x64 *x, FILE *out)
{
	const struct window_stats *s = window_stats(&x->cpu->mmu);

	if (!s)
		return;
	fprintf(out, "windows            %" PRIu64 " address spaces, %" PRIu64 " times out of credit; %" PRIu64 " pages mapped in %" PRIu64
		" runs, %" PRIu64 " of them behind page faults\n", s->windows, s->tired, s->pages, s->maps, s->asked);
	fprintf(out, "window faults      %" PRIu64 ", sites demoted %" PRIu64 "; %" PRIu64 " checks, %" PRIu64 " pages lost by them, %"
		PRIu64 " invalidated, %" PRIu64 " drops\n", s->faults, s->demoted, s->checks, s->lost, s->unmapped, s->drops);
}

static struct x64_trap *find_trap(struct x64 *x, uint32_t at)
{
	size_t lo = 0, hi = x->ntraps;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (x->trap[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->ntraps && x->trap[lo].at == at ? &x->trap[lo] : NULL;
}

/*
 * The access of 64-bit code at @t went nowhere: by an address in a part of the address space that the window does not know yet, or by
 * one that is not canonical, or it is misaligned.
 */
static enum window_fill window_learns(struct mmu *m, const struct x64_trap *t, uint64_t *reg)
{
	gla_t gla = reg[t->base] + (uint64_t)(int64_t)t->disp;
	const uint64_t *entry = windows_table(m) + (reg[t->base] >> WINDOW_TABLE_SHIFT);
	enum window_fill r;

	if (reg[t->delta] != *entry || (gla ^ reg[t->base]) >> WINDOW_TABLE_SHIFT)
		return WINDOW_WITHHELD;
	r = window_fill(m, gla, false);
	if (r == WINDOW_RETRY && reg[t->delta] == *entry)
		return WINDOW_WITHHELD;
	reg[t->delta] = *entry;
	return r;
}

/* The address of 64-bit code at @t is not near: perhaps nothing of the program is any more. */
static enum window_fill window_strays(struct mmu *m, const struct x64_trap *t, const uint64_t *reg)
{
	gla_t gla = reg[t->base] + (uint64_t)(int64_t)t->disp;
	enum window_fill r = window_fill(m, gla, false);

	return r == WINDOW_RETRY && !window_comes_near(m, reg[t->base]) ? WINDOW_WITHHELD : r;
}

/* The same of @gla that the guard let pass, as it is near in another window. */
static enum window_fill window_passed(struct mmu *m, gla_t gla)
{
	enum window_fill r = window_fill(m, gla, false);

	return r == WINDOW_RETRY ? WINDOW_WITHHELD : r;
}

static unsigned strayed_bit(const struct block *b)
{
	return (unsigned)(((b->ra ^ (b->mode & MODE_WIN)) * 0x9E3779B97F4A7C15ull) >> 32) % X64_STRAYED;
}

bool x64_strays(const struct x64 *x, const struct block *b)
{
	unsigned bit = strayed_bit(b);

	return x->strayed[bit / 64] >> (bit % 64) & 1;
}

void x64_strayed(struct x64 *x, struct block *b, unsigned weight)
{
	struct x64_block *xb = b->priv;
	unsigned bit = strayed_bit(b);

	xb->strays += weight;
	if (b->dead || xb->strays < REFUSALS * STRAYED)
		return;
	x->strayed[bit / 64] |= BIT(bit % 64);
	cache_remove(x->cpu->jit, b);
}

static unsigned refused_at(const struct block *b, unsigned off)
{
	return (unsigned)((((b->ra & PAGE_MASK) | off) * 0x9E3779B97F4A7C15ull) >> 32) % X64_REFUSED;
}

bool window_refuses(const struct emitter *c, int32_t off)
{
	return c->x->refused[refused_at(c->blk, (unsigned)off)] == REFUSALS;
}

void window_refused(struct x64 *x, struct block *b, unsigned off)
{
	uint8_t *n = &x->refused[refused_at(b, off)];

	if (!x->withheld || b->dead)
		return;
	if (x->astray) { /* the table can help it */
		x64_strayed(x, b, STRAYED);
		return;
	}
	if (*n < REFUSALS && ++*n == REFUSALS && ++x->nrefused > X64_REFUSED / 8) {
		memset(x->refused, 0, sizeof(x->refused)); /* too many would share a place */
		x->nrefused = 0;
	}
	if (*n < REFUSALS)
		return;
	window_stats(&x->cpu->mmu)->demoted++;
	if (x->cpu->jit)
		cache_remove(x->cpu->jit, b);
}

bool window_fault(struct x64 *x, uint64_t *pc, const void *at, bool write, uint64_t *reg)
{
	struct mmu *m = &x->cpu->mmu;
	enum window_fill r = WINDOW_WITHHELD;
	struct x64_trap *t;
	bool inside, passed;
	gla_t gla = 0;

	if (!code_mem_holds(&x->mem, (const void *)(uintptr_t)*pc))
		return false;
	t = find_trap(x, (uint32_t)((const uint8_t *)(uintptr_t)*pc - x->mem.rx));
	if (!t)
		return false;
	x->cpu->doing = PROF_MEMORY;
	inside = at && window_gla(m, at, &gla);
	passed = at && !inside && t->delta == X_NONE;
	if (t->guard)
		r = window_strays(m, t, reg);
	else if (inside)
		r = window_fill(m, gla, write);
	else if (passed)
		r = window_passed(m, gla);
	else if (!at && t->delta != X_NONE)
		r = window_learns(m, t, reg);
	if (window_tired(m))
		vcpu_kick(x->cpu);
	if (r == WINDOW_RETRY)
		return true;
	x->withheld = r == WINDOW_WITHHELD && !t->relied;
	x->astray = (t->guard || passed) && window_far(m);
	*pc = (uintptr_t)x->mem.rx + t->cold;
	return true;
}
