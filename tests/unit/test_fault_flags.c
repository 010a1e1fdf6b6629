/*
 * test_fault_flags.c - the arithmetic flags a page fault's handler is shown, and those a request finds at a block's entry, are the
 * guest's: wherever the block before left them, and though the block that faults only overwrites them (IN_EITHER in jit/x64/entry.c).
 */
#include "tests/unit/long_fix.h"
#include "jit/priv.h"
#include "mmu/window.h"
#include <signal.h>
#include <sys/time.h>

#define TABLE (PML4 + 0x3000) /* the page table of all */
#define ALL 0x67u	      /* present, writable, user, accessed, dirty */
#define CODE 0x110000u
#define TARGET (CODE + 0x60)
#define NEXT_PAGE (CODE + 0x1000)
#define DATA 0x109000u
#define STACK 0x10B000u
#define HERE (DATA + 0x100)
#define NOT_HERE 0x130000u /* nor the page before it */
#define ROUNDS 12
#define ARITHMETIC 0x8D5u
#define FAR_FROM_0 0x555555400000 /* where 64-bit programs have their code */

enum kind { BITS_32, BITS_64, BITS_64_FAR, KINDS };
static const enum window_kind window_of[KINDS] = {WINDOW_32, WINDOW_64, WINDOW_64};

struct engine {
	enum jit_accel accel;
	uint32_t opts_off;
	bool count, all_sides;
};

static const struct engine engines[] = {{ACCEL_INTERP, 0, false, false}, {ACCEL_JIT, JIT_OPT_WINDOW | JIT_OPT_GROUP, true, false},
	{ACCEL_JIT, JIT_OPT_WINDOW, false, false}, {ACCEL_JIT, 0, false, false}, {ACCEL_JIT, 0, true, false}, {ACCEL_JIT, 0, false, true},
	{ACCEL_JIT, JIT_OPT_LINK | JIT_OPT_FIND, true, false}, {ACCEL_JIT, JIT_OPT_FAR | JIT_OPT_RET, false, false},
	{ACCEL_LOCKSTEP, 0, false, false}};
#define PROBES 1 /* where every access is looked at, and what has not been run not counted */

/* Summands, and with them all flags, carry and zero at once, none at all */
static const uint32_t sums[][2] = {{0, 0}, {0xFFFFFFFF, 1}, {0x7FFFFFFF, 1}, {0x80000000, 0x80000000}, {0x10, 0xFFFFFFF0}, {1, 1},
	{0x80000000, 3}, {0xFFFFFFFF, 0xFFFFFFFF}};

/* What the block that is come to does first: the memory at RDI, and last all flags. */
static const char *const forms[] = {
	"8B 07 01 C8",		     /* mov eax,[rdi]; add eax,ecx */
	"89 07 29 C8",		     /* mov [rdi],eax; sub eax,ecx */
	"C7 07 01 02 03 04 01 C8",   /* mov dword [rdi],04030201h; add eax,ecx */
	"39 0F",		     /* cmp [rdi],ecx */
	"01 0F",		     /* add [rdi],ecx */
	"8B 03 89 C8 89 47 04 31 C0", /* mov eax,[rbx]; mov eax,ecx; mov [rdi+4],eax; xor eax,eax */
	"8B 47 08 8B 07 01 C8",	     /* mov eax,[rdi+8]; mov eax,[rdi]; add eax,ecx */
	"8A 27 0F B6 07 85 C0",	     /* mov ah,[rdi]; movzx eax,byte [rdi]; test eax,eax */
	"8B 07 D3 E0",		     /* mov eax,[rdi]; shl eax,cl: which may keep them */
	"0F 10 07 01 C8",	     /* movups xmm0,[rdi]; add eax,ecx */
	"87 E7 50 58 87 E7 01 C8",   /* xchg edi,esp; push rax; pop rax; xchg edi,esp; add eax,ecx */
};
#define PUSHES 10 /* 64-bit code: xchg rdi,rsp */

enum way { JUMP, LOOP, REGISTER, PAGE, RETURN, POPF, HELPER, CHAIN, TURNS, TURNS_ABOUT, CONDITION, OWN, WAYS };

struct guest {
	struct fix *f;
	struct jit *j;
	enum kind kind;
	uint64_t base, target;
	uint64_t at; /* where the next byte of code goes */
	struct seg seg[SEG_COUNT];
};

static void put(struct guest *g, const char *hex)
{
	g->at += fix_code(g->f, g->at, hex);
}

static void put_to(struct guest *g, const char *op, uint64_t to)
{
	put(g, op);
	fix_wr(g->f, g->at, to - (g->at + 4), 4);
	g->at += 4;
}

static void put_short(struct guest *g, const char *op, uint64_t to)
{
	put(g, op);
	fix_wr(g->f, g->at, to - (g->at + 1), 1);
	g->at++;
}

#define FLAGS "8B 03 03 43 04 " /* mov eax,[rbx]; add eax,[rbx+4] */

/* From here to g->target, with the flags of the sum at RBX; RDX = the target, or for CHAIN the block before */
static void put_way(struct guest *g, enum way way)
{
	switch (way) {
	case JUMP:
		put_to(g, FLAGS "E9", g->target);
		break;
	case LOOP:
		put_short(g, FLAGS "E2", g->target);
		break;
	case REGISTER:
	case OWN:
		put(g, FLAGS "FF E2");
		break;
	case PAGE:
		put_to(g, FLAGS "E9", g->target);
		break;
	case RETURN: /* to the target, which is behind the CALL */
		put_to(g, "E9", g->target - 5);
		g->at = g->target - 5;
		put_to(g, "E8", NEXT_PAGE);
		g->at = NEXT_PAGE;
		put(g, FLAGS "C3");
		break;
	case POPF:
		put_to(g, "FF 73 08 9D E9", g->target);
		break;
	case HELPER: /* RDTSC */
		put_to(g, FLAGS "0F 31 E9", g->target);
		break;
	case CHAIN: /* by a block that overwrites all flags, too: twice the second summand */
		put(g, FLAGS "FF E2");
		g->at = CODE + 0x30;
		put_to(g, "8B 43 04 01 C0 E9", g->target);
		break;
	case TURNS: /* test ebp,1; jnz */
		put(g, "F7 C5 01 00 00 00 75 07 " FLAGS "FF E2");
		put_to(g, FLAGS "E9", g->target);
		break;
	case TURNS_ABOUT:
		put(g, "F7 C5 01 00 00 00 74 07 " FLAGS "FF E2");
		put_to(g, FLAGS "E9", g->target);
		break;
	default: /* je; js; jmp */
		put_short(g, FLAGS "74", g->target);
		put_short(g, "90 78", g->target);
		put_to(g, "90 E9", g->target);
	}
}

/* The rounds that are made: all but the last with RDI = HERE */
static void put_program(struct guest *g, enum way way, unsigned form)
{
	const char *hex = forms[form];

	g->target = way == PAGE ? TARGET + 0x1000 : TARGET;
	g->at = CODE;
	put(g, "83 FD 01"); /* cmp ebp,1; cmove rdi,rsi */
	put(g, g->kind ? "48 0F 44 FE" : "0F 44 FE");
	put_way(g, way);
	g->at = g->target;
	if (form == PUSHES && g->kind)
		hex = "48 87 E7 50 58 48 87 E7 01 C8";
	put(g, hex);
	if (way == OWN) { /* cmp ebp,1; cmove rdi,rsi; dec ebp; from itself to itself */
		put(g, g->kind ? "83 FD 01 48 0F 44 FE FF CD" : "83 FD 01 0F 44 FE FF CD");
		put_to(g, FLAGS "E9", g->target);
		return;
	}
	put_to(g, "FF CD 0F 85", CODE); /* dec ebp; jnz; hlt */
	put(g, "F4");
}

static void map_program(struct guest *g)
{
	struct fix *f = g->f;

	if (g->kind == BITS_32) {
		fix_wr(f, PML4, TABLE | ALL, 4);
		for (unsigned i = 0; i < 1024; i++)
			fix_wr(f, TABLE + 4 * i, i << 12 | ALL, 4);
		fix_wr(f, TABLE + 4 * (NOT_HERE >> 12), 0, 4);
		fix_wr(f, TABLE + 4 * (NOT_HERE >> 12) - 4, 0, 4);
		for (unsigned v = 0; v < 32; v++)
			fix_wr(f, HANDLERS + v * 16, 0xF4, 1);
		f->cpu->cr3 = PML4;
		f->cpu->cr0 |= CR0_PG | CR0_WP;
		return;
	}
	for (unsigned i = 0; i < 512; i++)
		fix_wr(f, TABLE + 8 * i, i << 12 | ALL, 8);
	fix_wr(f, TABLE + 8 * (NOT_HERE >> 12), 0, 8);
	fix_wr(f, TABLE + 8 * (NOT_HERE >> 12) - 8, 0, 8);
	fix_wr(f, PML4, (PML4 + 0x1000) | (g->kind == BITS_64_FAR ? ALL : ALL & ~4u), 8);
	fix_wr(f, PML4 + 8 * (g->base >> 39), (PML4 + 0x1000) | ALL, 8);
	fix_wr(f, PML4 + 0x1000, (PML4 + 0x2000) | ALL, 8);
	fix_wr(f, PML4 + 0x1000 + 8 * (g->base >> 30 & 511), (PML4 + 0x2000) | ALL, 8);
	fix_wr(f, PML4 + 0x2000, TABLE | ALL, 8);
	fix_wr(f, PML4 + 0x2000 + 8 * (g->base >> 21 & 511), TABLE | ALL, 8);
}

/* Time passes until the program has a window, and is seen to be far if it is. */
static void get_window(struct guest *g)
{
	struct mmu *m = &g->f->cpu->mmu;

	if (!m->win || (g->kind && !windows_table(m)))
		return;
	windows_begin(m);
	for (uint64_t us = 1; us < 1000000 && !window_enter(m, window_of[g->kind]); us += 1000)
		window_tick(m, window_of[g->kind], us);
	if (g->kind == BITS_64_FAR && !window_far(m)) {
		window_fill(m, DATA, false);
		window_enter(m, WINDOW_64);
	}
	ck_assert(window_enter(m, window_of[g->kind]));
	ck_assert(!g->kind || !windows_guard(m) || window_far(m) == (g->kind == BITS_64_FAR));
	windows_end(m);
}

static struct guest *start(enum kind kind, enum way way, unsigned form, const struct engine *e)
{
	struct jit_options opt = {.accel = e->accel, .cache_bytes = 1 << 20, .opts_off = e->opts_off, .all_sides = e->all_sides};
	struct guest *g = calloc(1, sizeof(*g));
	struct vcpu *c;
	struct err err;

	g->kind = kind;
	g->f = kind ? fix_long("max", 3) : fix_prot(3);
	g->base = kind ? FAR_FROM_0 : 0;
	c = g->f->cpu;
	map_program(g);
	put_program(g, way, form);
	ck_assert_int_eq(jit_new(&g->j, c, &opt, &err), VM_OK);
	jit_count_insns(g->j, e->count);
	c->cr4 |= CR4_OSFXSR;
	vcpu_update(c);
	tlb_flush(&c->mmu, true);
	get_window(g);
	memcpy(g->seg, c->seg, sizeof(g->seg));
	return g;
}

static void stop(struct guest *g)
{
	jit_free(g->j);
	fix_free(g->f);
	free(g);
}

/* In ring 3 before the first round, with the summands @sum. */
static void begin(struct guest *g, enum way way, const uint32_t sum[2])
{
	struct vcpu *c = g->f->cpu;

	memcpy(c->seg, g->seg, sizeof(g->seg));
	c->cpl = 3;
	c->halted = false;
	c->eflags = 0x202;
	c->insns = 0;
	c->rip = g->base + CODE;
	c->gpr[GPR_RBX] = g->base + DATA;
	c->gpr[GPR_RCX] = 0x10000001;
	c->gpr[GPR_RDX] = g->base + (way == CHAIN ? CODE + 0x30 : g->target);
	c->gpr[GPR_RSP] = g->base + STACK;
	c->gpr[GPR_RBP] = ROUNDS;
	c->gpr[GPR_RDI] = g->base + (way == OWN && sum[0] == sum[1] ? NOT_HERE : HERE); /* at once, too */
	c->gpr[GPR_RSI] = g->base + NOT_HERE;
	fix_wr(g->f, DATA, sum[0], 4);
	fix_wr(g->f, DATA + 4, sum[1], 4);
	fix_wr(g->f, DATA + 8, (sum[0] & 0x8D5) | 0x200, 8); /* POPF's */
	vcpu_update(c);
	vcpu_update_req(c);
}

static struct vcpu *volatile kicked;

static void on_alarm(int sig)
{
	(void)sig;
	vcpu_kick(kicked);
}

/* Of the sum; SDM Vol. 1 3.4.3.1 "Status Flags" */
static uint32_t flags_of(const uint32_t sum[2])
{
	uint32_t v = sum[0] + sum[1];

	return (v < sum[0]) | !__builtin_parity(v & 0xFF) << 2 | ((v ^ sum[0] ^ sum[1]) & 0x10) | !v << 6 | v >> 31 << 7 |
		((v ^ sum[0]) & (v ^ sum[1])) >> 31 << 11;
}

static enum jit_stop go(struct guest *g)
{
	enum jit_stop r;

	while ((r = jit_run(g->j)) == JIT_STOPPED) /* another kind of window is wanted */
		__atomic_and_fetch(&g->f->cpu->req, ~REQ_KICK, __ATOMIC_SEQ_CST);
	return r;
}

/* The flags its handler finds on the stack, behind error code, IP and CS */
static uint32_t shown(struct guest *g, enum way way, const uint32_t sum[2])
{
	unsigned word = g->kind ? 8 : 4;

	begin(g, way, sum);
	ck_assert_int_eq(go(g), JIT_HALTED);
	ck_assert_uint_eq(g->f->cpu->rip, HANDLERS + 14 * 16 + 1);
	return (uint32_t)fix_rd(g->f, g->f->cpu->gpr[GPR_RSP] + 3 * word, 4);
}

static void one_form(enum kind kind, enum way way, unsigned form)
{
	uint32_t reference[ARRAY_SIZE(sums)];
	uint64_t insns[ARRAY_SIZE(sums)];

	for (unsigned e = 0; e < ARRAY_SIZE(engines); e++) {
		struct guest *g = start(kind, way, form, &engines[e]);

		for (unsigned i = 0; i < ARRAY_SIZE(sums); i++) {
			uint32_t fl = shown(g, way, sums[i]);

			if (!e)
				reference[i] = fl;
			if (e == PROBES)
				insns[i] = g->f->cpu->insns;
			if (engines[e].count && jit_counts_cheaply(g->j))
				ck_assert_msg(g->f->cpu->insns == insns[i], "kind %d, way %d, form %u, engine %u: %u instructions, not %u", kind, way,
					form, e, (unsigned)g->f->cpu->insns, (unsigned)insns[i]);
			ck_assert_msg(fl == reference[i], "kind %d, way %d, form %u, engine %u, sum %u: EFLAGS %x, not %x", kind, way, form,
				e, i, fl, reference[i]);
		}
		stop(g);
	}
}

START_TEST(fault)
{
	for (unsigned form = 0; form < ARRAY_SIZE(forms); form++)
		one_form(_i % KINDS, (enum way)(_i / KINDS), form);
}
END_TEST

/* Without end, from the target at the begin to the sum behind it and by @way back: the only way on which it looks at requests. */
static void put_loop(struct guest *g, enum way way)
{
	uint64_t sum = way == PAGE ? TARGET + 0x1000 : TARGET + 0x40;

	g->target = TARGET;
	g->at = CODE;
	put_to(g, "E9", TARGET);
	g->at = TARGET;
	put_to(g, "8B 07 01 C8 E9", sum);
	g->at = sum;
	switch (way) {
	case LOOP: /* ECX is large enough */
		put_short(g, FLAGS "E2", TARGET);
		break;
	case REGISTER:
		put(g, FLAGS "FF E2");
		break;
	default:
		put_to(g, FLAGS "E9", TARGET);
	}
}

/* What the run loop sees, and shows an interrupt's handler, before a block that only overwrites the flags. */
static void one_request(enum kind kind, enum way way, const struct engine *e)
{
	static const struct itimerval soon = {.it_interval = {0, 500}, .it_value = {0, 500}}, never;

	for (unsigned i = 0; i < ARRAY_SIZE(sums); i++) {
		struct guest *g = start(kind, way, 0, e);
		struct vcpu *c = g->f->cpu;
		unsigned found = 0;

		put_loop(g, way);
		begin(g, way, sums[i]);
		c->eflags |= flags_of(sums[i]); /* it may be stopped before the first sum */
		kicked = c;
		signal(SIGALRM, on_alarm);
		setitimer(ITIMER_REAL, &soon, NULL);
		for (unsigned n = 0; n < 100000 && found < 3; n++) {
			ck_assert_int_eq(jit_run(g->j), JIT_STOPPED);
			__atomic_and_fetch(&c->req, ~REQ_KICK, __ATOMIC_SEQ_CST);
			if (c->rip != g->base + TARGET || !n)
				continue;
			found++;
			ck_assert_msg((c->eflags & ARITHMETIC) == flags_of(sums[i]), "kind %d, way %d, engine %d, sum %u: EFLAGS %x, not %x", kind,
				way, (int)(e - engines), i, c->eflags & ARITHMETIC, flags_of(sums[i]));
		}
		setitimer(ITIMER_REAL, &never, NULL);
		ck_assert_uint_eq(found, 3);
		stop(g);
	}
}

START_TEST(request)
{
	static const enum way back[] = {JUMP, LOOP, REGISTER, PAGE};

	for (unsigned way = 0; way < ARRAY_SIZE(back); way++)
		for (unsigned e = 0; e < ARRAY_SIZE(engines); e++)
			if (engines[e].accel != ACCEL_LOCKSTEP)
				one_request((enum kind)_i, back[way], &engines[e]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flags shown by a fault");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, fault, 0, KINDS * WAYS);
	tcase_add_loop_test(t, request, 0, KINDS);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
