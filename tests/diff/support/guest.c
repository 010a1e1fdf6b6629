/*
 * guest.c - cases on our processor: the environment of diff.h built in a few megabytes of RAM, run by one backend
 * through the ordinary run loop until the handler of the exception that ends the case halts.
 *
 * The kernel half lies at KERNEL in the upper half of the address space, so that user accesses to low addresses find
 * nothing there, as in a Linux process. Handlers are one HLT each; their frame on the kernel's stack is the result.
 */
#include "tests/diff/support/diff.h"
#include "tests/unit/ring0_fix.h"
#include "jit/jit.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#define KERNEL 0xFFFF800000000000ull
#define G_GDT 0x1000u /* physical; linear KERNEL + these */
#define G_LDT 0x1800u
#define G_IDT 0x2000u
#define G_TSS 0x3000u
#define G_HANDLERS 0x4000u /* 16 bytes a vector */
#define G_STACK 0x8000u
#define G_TABLES 0x10000u
#define G_CODE 0x200000u
#define G_DATA 0x201000u
#define G_RO 0x202000u
#define G_TSS_SEL 0x40
#define G_LDT_SEL 0x50
#define G_KCODE 0x10

struct guest {
	struct fix *f;
	struct jit *j;
};

static void put64(struct guest *g, uint64_t at, uint64_t v)
{
	memcpy(g->f->ram.host + g->f->reg.ra + at, &v, 8);
}

static void map(struct guest *g, uint64_t linear, uint64_t pa, uint64_t flags)
{
	unsigned idx = linear >> 12 & 511;

	put64(g, G_TABLES + 0x3000 + idx * 8, pa | flags);
}

/* PML4 -> PDPT -> PD -> PT for the cases' pages; the kernel half is one large page at PML4[256]. */
static void make_tables(struct guest *g)
{
	put64(g, G_TABLES, (G_TABLES + 0x1000) | 7);
	put64(g, G_TABLES + 0x1000, (G_TABLES + 0x2000) | 7);
	put64(g, G_TABLES + 0x2000 + (DIFF_HOLE >> 21) * 8, (G_TABLES + 0x3000) | 7);
	map(g, DIFF_CODE, G_CODE, 5);
	map(g, DIFF_DATA, G_DATA, BIT(63) | 7);
	map(g, DIFF_RO, G_RO, BIT(63) | 5);
	put64(g, G_TABLES + 256 * 8, (G_TABLES + 0x4000) | 3);
	put64(g, G_TABLES + 0x4000, (G_TABLES + 0x5000) | 3);
	put64(g, G_TABLES + 0x5000, 0x83);
	memset(g->f->ram.host + g->f->reg.ra + G_RO, 0x5A, PAGE_SIZE);
}

static uint64_t ldt_desc(const struct diff_ldt_entry *e)
{
	uint16_t attr = 0xF1 - (e->absent ? 0x80 : 0) + (e->code ? 8 : 0) + (e->down ? 4 : 0) + (e->no_rw ? 0 : 2);

	return mk_seg(e->base, e->limit, attr | (e->big ? SEGA_DB : 0));
}

/* The global table is a Linux process's as far as user code may use it. */
static void make_descriptors(struct guest *g)
{
	struct vcpu *c = g->f->cpu;

	put64(g, G_GDT + G_KCODE, mk_seg(0, 0xFFFFF, 0xA09B));
	put64(g, G_GDT + 0x18, mk_seg(0, 0xFFFFF, 0xC093));
	put64(g, G_GDT + 0x20, mk_seg(0, 0xFFFFF, 0xC0FB));
	put64(g, G_GDT + 0x28, mk_seg(0, 0xFFFFF, 0xC0F3));
	put64(g, G_GDT + 0x30, mk_seg(0, 0xFFFFF, 0xA0FB));
	for (unsigned i = 0; i < DIFF_LDT_COUNT; i++)
		put64(g, G_LDT + i * 8, ldt_desc(&diff_ldt[i]));
	c->gdtr.base = KERNEL + G_GDT;
	c->gdtr.limit = 0x7F;
	c->ldtr = (struct seg){.sel = G_LDT_SEL, .base = KERNEL + G_LDT, .limit = DIFF_LDT_COUNT * 8 - 1, .attr = 0x82};
	c->tr = (struct seg){.sel = G_TSS_SEL, .base = KERNEL + G_TSS, .limit = 0x67, .attr = 0x8B};
	c->idtr.base = KERNEL + G_IDT;
	c->idtr.limit = 0xFFF;
	for (unsigned v = 0; v < 256; v++) {
		uint64_t at = KERNEL + G_HANDLERS + v * 16;

		put64(g, G_IDT + v * 16, mk_gate(G_KCODE, (uint32_t)at, v == 3 || v == 4 ? 0xEE : 0x8E, 0));
		put64(g, G_IDT + v * 16 + 8, at >> 32);
		put64(g, G_HANDLERS + v * 16, 0xF4);
	}
	put64(g, G_TSS + 4, KERNEL + G_STACK);
}

struct guest *guest_new(int accel)
{
	return guest_new_masked(accel, 0);
}

struct guest *guest_new_masked(int accel, uint32_t host_mask)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct jit_options opt = {.accel = accel, .cache_bytes = 4 << 20, .host_mask = host_mask};
	struct err e = {0};
	struct vcpu *c;

	g->f = fix_new("max");
	c = g->f->cpu;
	make_tables(g);
	make_descriptors(g);
	c->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	c->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE;
	if (feature_has(&c->features, FEAT_AVX)) {
		c->cr4 |= CR4_OSXSAVE;
		c->xcr0 = 7;
	}
	c->cr3 = G_TABLES;
	c->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
	ck_assert_msg(jit_new(&g->j, c, &opt, &e) == VM_OK, "%s", e.msg);
	return g;
}

void guest_free(struct guest *g)
{
	jit_free(g->j);
	fix_free(g->f);
	free(g);
}

struct vcpu *guest_cpu(struct guest *g)
{
	return g->f->cpu;
}

static void load_segments(struct vcpu *c, const struct diff_case *k)
{
	static const uint8_t order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS};
	const struct diff_ldt_entry *e = &diff_ldt[k->sel[SEG_CS] >> 3];

	c->cpl = 3;
	if (k->mode == 8)
		seg_set(c, SEG_CS, SEL_CODE64, 0, UINT32_MAX, 0xA0FB);
	else if (k->sel[SEG_CS] == SEL_CODE32)
		seg_set(c, SEG_CS, SEL_CODE32, 0, UINT32_MAX, 0xC0FB);
	else
		seg_set(c, SEG_CS, k->sel[SEG_CS], e->base, e->limit, e->big ? 0x40FB : 0x00FB);
	vcpu_update(c);
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		ck_assert_int_eq(h_load_seg(c, order[i], k->sel[order[i]], 0), EXIT_NONE);
	c->shadow = 0;
	if (k->mode == 8) {
		c->seg[SEG_FS].base = k->fs_base;
		c->seg[SEG_GS].base = k->gs_base;
	}
	vcpu_update(c);
}

static void enter(struct guest *g, const struct diff_case *k)
{
	struct vcpu *c = g->f->cpu;
	uint8_t *ram = g->f->ram.host + g->f->reg.ra;

	memset(ram + G_CODE, 0xCC, PAGE_SIZE);
	memcpy(ram + G_CODE + k->at, k->code, k->len);
	ram_written(&g->f->ram, g->f->reg.ra + G_CODE, PAGE_SIZE);
	diff_fill(k, ram + G_DATA);
	for (unsigned i = 0; i < 16; i++)
		c->gpr[i] = k->gpr[i];
	c->eflags = k->eflags | FL_1;
	c->halted = 0;
	c->dr6_pending = 0;
	load_segments(c, k);
	c->rip = diff_ip(k);
	vcpu_update_req(c);
}

static uint64_t frame(struct guest *g, unsigned i)
{
	struct vcpu *c = g->f->cpu;
	uint64_t v;

	memcpy(&v, g->f->ram.host + g->f->reg.ra + (c->gpr[GPR_RSP] - KERNEL) + i * 8, 8);
	return v;
}

static bool has_code(unsigned vec)
{
	return vec == 8 || (vec >= 10 && vec <= 14) || vec == 17;
}

static void leave(struct guest *g, struct diff_result *r)
{
	struct vcpu *c = g->f->cpu;
	unsigned at;

	r->vec = (c->rip - 1 - KERNEL - G_HANDLERS) / 16;
	at = has_code(r->vec);
	r->err = at ? frame(g, 0) : 0;
	r->rip = frame(g, at);
	r->sel[SEG_CS] = frame(g, at + 1);
	r->eflags = frame(g, at + 2);
	r->gpr[GPR_RSP] = frame(g, at + 3);
	r->sel[SEG_SS] = frame(g, at + 4);
	r->cr2 = c->cr2;
}

/* The run's time is up: the handler of SIGALRM has kicked the processor. */
static struct vcpu *volatile alarm_cpu;

static void on_alarm(int sig)
{
	if (alarm_cpu)
		vcpu_kick(alarm_cpu);
}

void guest_run(struct guest *g, const struct diff_case *k, struct diff_result *r)
{
	const char *slow = getenv("DRAGOMAN_SLOW"); /* how many times more time than on an idle host of its own */
	const struct itimerval on = {.it_value = {slow && atoi(slow) > 0 ? atoi(slow) : 1, 0}}, off = {{0}};
	struct vcpu *c = g->f->cpu;
	enum jit_stop s;

	memset(r, 0, sizeof(*r));
	enter(g, k);
	signal(SIGALRM, on_alarm);
	alarm_cpu = c;
	setitimer(ITIMER_REAL, &on, NULL);
	s = jit_run(g->j);
	setitimer(ITIMER_REAL, &off, NULL);
	memcpy(r->gpr, c->gpr, sizeof(r->gpr));
	for (unsigned i = 0; i < SEG_COUNT; i++)
		r->sel[i] = c->seg[i].sel;
	r->fs_base = c->seg[SEG_FS].base;
	r->gs_base = c->seg[SEG_GS].base;
	r->vec = DIFF_HANGS;
	if (s == JIT_HALTED)
		leave(g, r);
	__atomic_fetch_and(&c->req, ~(uint32_t)REQ_KICK, __ATOMIC_RELAXED);
	memcpy(r->mem, g->f->ram.host + g->f->reg.ra + G_DATA, PAGE_SIZE);
}
