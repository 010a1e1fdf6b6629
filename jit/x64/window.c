/*
 * window.c - accesses through a window (mmu/window.h): the guest's instruction with its own addressing mode, counted from the
 * base of GS, which holds the window's; in 64-bit code with one register for the address and one for the distance to it.
 *
 * It clobbers no flags and no guest register. Should the host fault there, fault.c maps the page, or sends it to the cold path: the
 * same ops lowered once more with the inline probe, from the state just before the access. Where that happens often the
 * instruction becomes a jump to the cold path for good.
 */
#define _GNU_SOURCE
#include "jit/x64/x64.h"
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
 * 64-bit code, unless it is far: counted from the base of GS behind a look at the guard (enc.c), on which nothing waits. SHRX takes
 * the count from the low six bits of RSP.
 *
 * If it is, the address is counted from where the window's table says that its part of the address space is. SHRX takes the
 * count from the low six bits of R15. What the table has for places the window does not know makes the access itself fault.
 */
static struct x_mem wide_operand(struct emitter *c, const struct ir_mem *m)
{
	bool plain = m->asize == 8 && m->seg == IR_NOSEG && m->index == IR_NONE && m->disp == (int32_t)m->disp &&
		IR_KIND(m->base) == IR_KIND_G && host_reg(IR_NUM(m->base)) != X_NONE;
	unsigned a = plain ? host_reg(IR_NUM(m->base)) : scratch(c), t;
	struct x_mem table = {X_NONE, X_NONE, 3, (int32_t)(uintptr_t)windows_table(&c->x->cpu->mmu)};

	if (!plain)
		emit_ea(c, m, a, true);
	t = scratch(c);
	if (!c->far) {
		c->win_mem = (struct x_mem){(uint8_t)a, (uint8_t)t, X_GS64, plain ? (int32_t)m->disp : 0};
		return c->win_mem;
	}
	x_vex_rr(&c->cb, X_PF2 | X_0F38(0xF7), 8, 0, t, X_R15, a);
	table.index = (uint8_t)t;
	x_load(&c->cb, 8, t, &table);
	/* the address is not the base: with RBP as that, and not canonical, it would be a fault of the stack and another signal */
	c->win_mem = (struct x_mem){(uint8_t)t, (uint8_t)a, X_MARK, plain ? (int32_t)m->disp : 0};
	return c->win_mem;
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

static void cold_window(struct emitter *c, struct cold *k)
{
	const struct cold at = *k; /* the array may grow */

	c->trap[at.trap].cold = code_here(c);
	if (c->trap[at.trap].guard)
		c->trap[at.trap + 1].cold = code_here(c);
	c->fl_host = at.host;
	c->fl_env = at.env;
	c->window = false;
	lower_again(c, &at);
	c->window = true;
}

/* The instructions that may fault, for the access that begins at codebuf.gs. */
static void add_traps(struct emitter *c)
{
	struct x64_trap t = {.at = (uint32_t)(c->cb.gs - c->x->mem.rw), .base = X_NONE, .delta = X_NONE, .disp = c->win_mem.disp};

	if (c->code64 && c->far) {
		t.base = c->win_mem.index;
		t.delta = c->win_mem.base;
	} else if (c->code64) {
		t.at += SHRX_LEN;
		t.base = c->win_mem.base;
		t.guard = true;
		t.back = SHRX_LEN;
		c->trap[c->ntraps++] = t;
		t.at = (uint32_t)(c->cb.access - c->x->mem.rw);
		t.back = (uint8_t)(c->cb.access - c->cb.gs);
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
	k->begin = first;
	k->end = first + n;
	k->off = c->off;
	k->next_off = c->next_off;
	k->obs = c->obs;
	k->join = c->cb.p;
	k->end_host = c->fl_host;
	k->end_env = c->fl_env;
	memcpy(k->end_t, c->reg_t, sizeof(k->end_t));
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

/* From now on the cold path at once. */
static void demote(struct x64 *x, const struct x64_trap *t)
{
	uint32_t at = t->at - t->back;
	uint8_t *rw = x->mem.rw + at;
	int32_t rel = (int32_t)(t->cold - (at + 5));

	rw[0] = 0xE9;
	memcpy(rw + 1, &rel, sizeof(rel));
	window_stats(&x->cpu->mmu)->demoted++;
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

bool window_fault(struct x64 *x, uint64_t *pc, const void *at, bool write, uint64_t *reg)
{
	struct mmu *m = &x->cpu->mmu;
	enum window_fill r = WINDOW_WITHHELD;
	struct x64_trap *t;
	gla_t gla;

	if (!code_mem_holds(&x->mem, (const void *)(uintptr_t)*pc))
		return false;
	t = find_trap(x, (uint32_t)((const uint8_t *)(uintptr_t)*pc - x->mem.rx));
	if (!t)
		return false;
	x->cpu->doing = PROF_MEMORY;
	if (t->guard)
		r = window_strays(m, t, reg);
	else if (at && window_gla(m, at, &gla))
		r = window_fill(m, gla, write);
	else if (!at && t->delta != X_NONE)
		r = window_learns(m, t, reg);
	if (window_tired(m))
		vcpu_kick(x->cpu);
	if (r == WINDOW_RETRY)
		return true;
	if (r == WINDOW_WITHHELD && ++t->refused == REFUSALS)
		demote(x, t);
	*pc = (uintptr_t)x->mem.rx + t->cold;
	return true;
}
