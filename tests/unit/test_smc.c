/*
 * test_smc.c - code that is changed while it runs, and instructions that lie across a page's end: in the interpreter, in the
 * translator, in both under lockstep, with each optimisation off and with one instruction to the block.
 *
 * Each scene is a program with paging on that ends in HLT with its result in EAX. Who changes the code: a store in the same block, one
 * through another linear address of the page, one in another mode or at another level, a device that is asked by a port, by a register in
 * memory or by REP INS, or one that writes by itself. A store needs no jump behind it, but one through another linear address
 * does (Vol. 3A 8.1.3 "Handling Self- and Cross-Modifying Code"). A device's would need a serializing instruction: where a scene has
 * none, all engines must agree that the new code runs at once.
 */
#include "tests/unit/long_fix.h"

#define CODE 0x100000u
#define PD_AT 0x200000u
#define PT_AT 0x201000u
#define DMA_AT 0x110000u  /* a descriptor: where, how many bytes, the bytes */
#define MMIO 0x500000u
#ifdef __x86_64__
#define HOST_REVIVES 1 /* its backend can make a block live again */
#else
#define HOST_REVIVES 0
#endif
#define PORT 0x300u	  /* +0: a descriptor's address; +4: the same, done when the CPU has stopped; +8: INC EBX to read */
#define S_CODE16 0x58	  /* base CODE */

struct scene {
	const char *name;
	uint32_t eax;
	struct { uint32_t at; const char *hex; } code[4];
	struct { uint32_t lin, phys; } map[2];
	bool lng;
};

/* the body most scenes share: a function at FN, "add eax,1; ret", and one that lies across a page's end: "add ebx,1; jmp edx" */
#define RET_FN {CODE + 0x100, "83 C0 01 C3"}
#define JMP_FN {CODE + 0x100, "83 C0 01 FF E2"}
#define ACROSS {CODE + 0xFFD, "81 C3 01 00 00 00 FF E2"}
#define ALIAS {0x300000, CODE}
#define TAIL {0x103000, "02 00 00 FF E2"} /* what the second page of ACROSS may hold instead: add ebx,201h */
#define CALL_ACROSS(hex) "31 DB BA 0C 00 10 00 E9 F1 0F 00 00 " hex
#define CHANGE(where) {DMA_AT, where " 01 00 00 00 10"}

static const struct scene scenes[] = {
#include "tests/unit/smc_scenes.def"
};

struct device {
	struct fix *f;
	uint32_t later; /* a descriptor to be done when the CPU has stopped */
};

static void transfer(struct fix *f, uint32_t at)
{
	uint8_t buf[16];
	uint32_t to = fix_rd(f, at, 4), n = fix_rd(f, at + 4, 4);

	ck_assert_uint_le(n, sizeof(buf));
	space_read_buf(&f->mem, at + 8, buf, n);
	space_write_buf(&f->mem, to, buf, n);
}

static void device_write(void *opaque, uint64_t off, uint64_t v, unsigned size)
{
	struct device *d = opaque;

	if (off != 4) {
		transfer(d->f, (uint32_t)v);
		return;
	}
	d->later = (uint32_t)v;
	vcpu_kick(d->f->cpu);
}

static uint64_t device_read(void *opaque, uint64_t off, unsigned size)
{
	return 0x43; /* inc ebx */
}

static const struct io_ops device_ops = {.name = "dma", .read = device_read, .write = device_write, .min = 1, .max = 4};

/* Pages of 4 KB, one to one but for the scene's; those of 64-bit mode are fix_long()'s. */
static void page_tables(struct fix *f, const struct scene *s)
{
	fix_wr(f, PD_AT, PT_AT | 7, 4);
	fix_wr(f, PD_AT + 4, 0x400087, 4);
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(f, PT_AT + 4 * i, i << 12 | 7, 4);
	for (unsigned i = 0; i < ARRAY_SIZE(s->map); i++)
		if (s->map[i].lin)
			fix_wr(f, PT_AT + (s->map[i].lin >> 12) * 4, s->map[i].phys | 7, 4);
	ck_assert_int_eq(h_mov_cr_to(f->cpu, 4, CR4_PSE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(f->cpu, 3, PD_AT, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(f->cpu, 0, f->cpu->cr0 | CR0_PG, 0), EXIT_NONE);
}

/* How often a translation came back with its bytes, by `info jit` */
static unsigned came_back(const struct jit *j)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	const char *p;
	unsigned times = 0;

	jit_dump_info(j, f);
	fclose(f);
	p = strstr(text, "dropped by writes");
	ck_assert(p && sscanf(p, "dropped by writes %*u (%u", &times) == 1);
	free(text);
	return times;
}

/* Return: came_back() at the end */
static unsigned play(const struct scene *s, const struct jit_options *opt, const char *how)
{
	struct fix *f = s->lng ? fix_long("max", 0) : fix_prot(0);
	struct device d = {f, 0};
	struct region ports, regs;
	enum jit_stop stop;
	unsigned times;
	struct jit *j;
	struct err e;

	space_add_io(&f->ports, &ports, "dma", PORT, 16, &device_ops, &d);
	space_add_io(&f->mem, &regs, "dma", MMIO, 4, &device_ops, &d);
	fix_gdt(f, S_CODE16, mk_seg(CODE, 0xFFFF, 0x009A));
	for (unsigned i = 0; i < ARRAY_SIZE(s->code) && s->code[i].hex; i++)
		fix_code(f, s->code[i].at, s->code[i].hex);
	if (!s->lng)
		page_tables(f, s);
	ck_assert_int_eq(jit_new(&j, f->cpu, opt, &e), VM_OK);
	f->cpu->rip = CODE;
	vcpu_update(f->cpu);
	for (unsigned i = 0; (stop = jit_run(j)) == JIT_STOPPED && i < 100; i++) {
		__atomic_fetch_and(&f->cpu->req, ~(uint32_t)REQ_KICK, __ATOMIC_RELAXED);
		if (d.later)
			transfer(f, d.later);
		d.later = 0;
	}
	ck_assert_msg(stop == JIT_HALTED, "%s, %s: ended by %d at %lx", s->name, how, stop, (unsigned long)f->cpu->rip);
	ck_assert_msg(!f->cpu->event.pending && (uint32_t)f->cpu->gpr[GPR_RAX] == s->eax, "%s, %s: %x, expected %x", s->name, how,
		(uint32_t)f->cpu->gpr[GPR_RAX], s->eax);
	times = came_back(j);
	jit_free(j);
	fix_free(f);
	return times;
}

/* The scene @_i in every engine. */
START_TEST(scene)
{
	static const enum jit_accel accel[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};
	static const char *const name[] = {"interp", "jit", "lockstep"};

	for (unsigned a = 0; a < ARRAY_SIZE(accel); a++) {
		struct jit_options opt = {.accel = accel[a], .cache_bytes = 1 << 20};
		char how[64];

		play(&scenes[_i], &opt, name[a]);
		opt.one_insn = true;
		snprintf(how, sizeof(how), "%s, one instruction to the block", name[a]);
		play(&scenes[_i], &opt, how);
		opt.one_insn = false;
		opt.all_sides = true;
		snprintf(how, sizeof(how), "%s, all sides", name[a]);
		play(&scenes[_i], &opt, how);
		opt.all_sides = false;
		for (unsigned o = 0; o < jit_nopts; o++) {
			opt.opts_off = 1u << o;
			snprintf(how, sizeof(how), "%s, opt=-%s", name[a], jit_opts[o]);
			play(&scenes[_i], &opt, how);
		}
	}
}
END_TEST

/* Code that is changed to and fro is translated once for each variant. */
START_TEST(again)
{
	struct jit_options opt = {.accel = ACCEL_JIT, .cache_bytes = 1 << 20};
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(scenes); i++) {
		if (strncmp(scenes[i].name, "to and fro between", 18))
			continue;
		n++;
		opt.opts_off = 0;
		ck_assert_uint_ge(play(&scenes[i], &opt, "jit"), HOST_REVIVES ? 190 : 0);
		opt.opts_off = JIT_OPT_AGAIN;
		ck_assert_uint_eq(play(&scenes[i], &opt, "jit, opt=-again"), 0);
	}
	ck_assert_uint_eq(n, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("self-modifying code");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, again);
	tcase_add_loop_test(t, scene, 0, ARRAY_SIZE(scenes));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
