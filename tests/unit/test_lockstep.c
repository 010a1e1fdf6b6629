/*
 * test_lockstep.c - what lockstep must not take for a divergence; blocks that change their own instructions, in every
 * engine.
 */
#include "tests/unit/ring0_fix.h"
#include "jit/jit.h"

#define CODE 0x100000u
#define PORT 0x300u

struct kicker {
	struct vcpu *cpu;
	unsigned written;
};

/* A device that asks for the CPU's attention at each byte, as an interrupt line or another thread may. */
static void kick(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct kicker *k = opaque;

	k->written++;
	vcpu_kick(k->cpu);
}

static const struct io_ops kick_ops = {.name = "kicker", .write = kick, .min = 1, .max = 1};

START_TEST(request_during_string)
{
	static const uint8_t code[] = {0xBE, 0x00, 0x00, 0x08, 0x00, 0xB9, 0x10, 0, 0, 0, /* esi = 80000h, ecx = 16 */
		0x66, 0xBA, PORT & 0xFF, PORT >> 8, 0xF3, 0x6E, 0xF4};	       /* dx = PORT; rep outsb; hlt */
	struct jit_options opt = {.accel = ACCEL_LOCKSTEP, .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	struct kicker k = {f->cpu, 0};
	struct region r;
	enum jit_stop stop;
	struct jit *j;
	struct err e;

	for (unsigned i = 0; i < sizeof(code); i++)
		fix_wr(f, CODE + i, code[i], 1);
	space_add_io(&f->ports, &r, "kicker", PORT, 1, &kick_ops, &k);
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	f->cpu->rip = CODE;
	while ((stop = jit_run(j)) == JIT_STOPPED)
		;
	ck_assert_int_eq(stop, JIT_HALTED);
	ck_assert_uint_eq(k.written, 16);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RCX], 0);
	jit_free(j);
	fix_free(f);
}
END_TEST

/* Run @code at CODE until it halts. */
static struct fix *run_code(enum jit_accel accel, const uint8_t *code, unsigned n)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	enum jit_stop stop;
	struct jit *j;
	struct err e;

	for (unsigned i = 0; i < n; i++)
		fix_wr(f, CODE + i, code[i], 1);
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	f->cpu->rip = CODE;
	while ((stop = jit_run(j)) == JIT_STOPPED)
		;
	ck_assert_int_eq(stop, JIT_HALTED);
	jit_free(j);
	return f;
}

static const enum jit_accel engines[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};

/* A store to a later instruction of its own block holds for that instruction (Vol. 3A 11.6 "Self-Modifying Code"). */
START_TEST(changes_next)
{
	static const uint8_t code[] = {0x31, 0xC0, 0x31, 0xD2,		/* eax = edx = 0 */
		0xC6, 0x05, 0x0B, 0x00, 0x10, 0x00, 0x42,		/* the next byte = inc edx */
		0x40, 0xF4};						/* inc eax; hlt */
	struct fix *f = run_code(engines[_i], code, sizeof(code));

	ck_assert_uint_eq(f->cpu->gpr[GPR_RAX], 0);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RDX], 1);
	fix_free(f);
}
END_TEST

/* A jump of five bytes becomes a return of one, as Linux patches its own memcpy(); what it returns to is another block. */
START_TEST(jump_becomes_return)
{
	static const uint8_t code[] = {0x31, 0xC0,			/* eax = 0 */
		0x68, 0x14, 0x00, 0x10, 0x00,				/* push address of the adds */
		0xC6, 0x05, 0x0E, 0x00, 0x10, 0x00, 0xC3,		/* the jump = ret */
		0xE9, 0x07, 0x00, 0x00, 0x00, 0x90,			/* jmp to the second hlt */
		0x83, 0xC0, 0x11, 0x83, 0xC0, 0x22, 0xF4, 0xF4};	/* add eax, 11h; add eax, 22h; hlt; hlt */
	struct fix *f = run_code(engines[_i], code, sizeof(code));

	ck_assert_uint_eq(f->cpu->gpr[GPR_RAX], 0x33);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RSP], KSTACK);
	fix_free(f);
}
END_TEST

/* The same by a string instruction, which a helper runs. */
START_TEST(string_changes_next)
{
	static const uint8_t code[] = {0x31, 0xD2, 0xB8, 0x42, 0x42, 0x42, 0x42, /* edx = 0; eax = inc edx four times */
		0xBF, 0x0D, 0x00, 0x10, 0x00, 0xAB,			/* stosd to the next bytes */
		0x40, 0x40, 0x40, 0x40, 0xF4};
	struct fix *f = run_code(engines[_i], code, sizeof(code));

	ck_assert_uint_eq(f->cpu->gpr[GPR_RAX], 0x42424242);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RDX], 4);
	fix_free(f);
}
END_TEST

/* An x87 instruction that ran on the host, then FNSTENV: both engines know the same of where it was. */
START_TEST(x87_environment)
{
	static const uint8_t code[] = {0xDB, 0xE3, 0xDD, 0x05, 0x00, 0x00, 0x08, 0x00, /* fninit; fld qword [80000h] */
		0x83, 0xEC, 0x20, 0xD9, 0x35, 0x00, 0x01, 0x08, 0x00,		       /* sub esp, 32; fnstenv [80100h] */
		0x9B, 0xDD, 0x1D, 0x08, 0x00, 0x08, 0x00, 0xF4};		       /* fstp qword [80008h]; hlt */
	struct fix *f = run_code(engines[_i], code, sizeof(code));

	ck_assert_uint_eq(fix_rd(f, 0x80100, 4), 0xFFFF037F);
	ck_assert_uint_eq(fix_rd(f, 0x80108, 4) & 0xC000, 0x4000); /* register 7 holds a zero */
	fix_free(f);
}
END_TEST

/* A data breakpoint traps behind the iteration that meets it (Vol. 3B 17.3.1.1); without a handler that is the end. */
START_TEST(breakpoint_in_string)
{
	static const uint8_t code[] = {0xB8, 0x08, 0x01, 0x08, 0x00, 0x0F, 0x23, 0xC0, /* dr0 = 80108h */
		0xB8, 0x01, 0x04, 0x01, 0x00, 0x0F, 0x23, 0xF8,			       /* dr7 = on, writes, a byte */
		0xBE, 0x00, 0x00, 0x08, 0x00, 0xBF, 0x00, 0x01, 0x08, 0x00,	       /* esi = 80000h, edi = 80100h */
		0xB9, 0x10, 0, 0, 0, 0xF3, 0xA4, 0xF4};				       /* ecx = 16; rep movsb; hlt */
	struct jit_options opt = {.accel = engines[_i], .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	enum jit_stop stop;
	struct jit *j;
	struct err e;

	for (unsigned i = 0; i < sizeof(code); i++)
		fix_wr(f, CODE + i, code[i], 1);
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	f->cpu->rip = CODE;
	f->cpu->idtr.limit = 0;
	while ((stop = jit_run(j)) == JIT_STOPPED)
		;
	ck_assert_int_eq(stop, JIT_TRIPLE);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RCX], 7);
	jit_free(j);
	fix_free(f);
}
END_TEST

/* Shifts of 16 bits by more than 16, which are undefined, have one result in every engine and on every host. */
START_TEST(double_shifts)
{
	static const uint8_t code[] = {0xB8, 0x34, 0x12, 0x00, 0x00, 0xBB, 0xCD, 0xAB, 0x00, 0x00, /* eax = 1234h; ebx = ABCDh */
		0x89, 0xC6, 0x89, 0xC7, 0xB1, 0x1B,			    /* esi = edi = eax; cl = 27 */
		0x66, 0x0F, 0xA4, 0xDE, 0x13, 0x66, 0x0F, 0xAD, 0xDF, 0xF4}; /* shld si,bx,19; shrd di,bx,cl; hlt */
	struct fix *f = run_code(engines[_i], code, sizeof(code));

	ck_assert_uint_eq(f->cpu->gpr[GPR_RSI] & 0xFFFF, 0x5E68); /* of 1234:ABCD:1234h the word 19 bits from the left */
	ck_assert_uint_eq(f->cpu->gpr[GPR_RDI] & 0xFFFF, 0x4695); /* 27 bits from the right */
	fix_free(f);
}
END_TEST

struct store {
	unsigned bytes;
};

static void count_bytes(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct store *s = opaque;

	s->bytes += size;
}

static const struct io_ops store_ops = {.name = "store", .write = count_bytes, .min = 1, .max = 4};

/* A string of more elements than the recorder has begun with, then an interrupt whose frame goes to a device: once, not twice. */
START_TEST(stack_in_device)
{
	static const uint8_t code[] = {0xBE, 0x00, 0x00, 0x08, 0x00, 0xB9, 0x80, 0x11, 0x01, 0x00, /* esi = 80000h, ecx = 70016 */
		0x66, 0xBA, PORT & 0xFF, PORT >> 8, 0xF3, 0x6E,		    /* dx = PORT; rep outsb */
		0xBC, 0x00, 0x01, 0x50, 0x00, 0xCD, 0x80};		    /* esp = 500100h; int 80h */
	struct jit_options opt = {.accel = engines[_i], .cache_bytes = 1 << 20};
	struct store stack = {0}, port = {0};
	struct fix *f = fix_prot(0);
	struct region r, p;
	enum jit_stop stop;
	struct jit *j;
	struct err e;

	for (unsigned i = 0; i < sizeof(code); i++)
		fix_wr(f, CODE + i, code[i], 1);
	fix_wr(f, 0x20800, 0xF4, 1);
	space_add_io(&f->mem, &r, "store", 0x500000, 0x1000, &store_ops, &stack);
	space_add_io(&f->ports, &p, "store", PORT, 1, &store_ops, &port);
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	f->cpu->rip = CODE;
	while ((stop = jit_run(j)) == JIT_STOPPED)
		;
	ck_assert_int_eq(stop, JIT_HALTED);
	ck_assert_uint_eq(f->cpu->rip, 0x20801);
	ck_assert_uint_eq(port.bytes, 70016);
	ck_assert_uint_eq(stack.bytes, 12);
	jit_free(j);
	fix_free(f);
}
END_TEST

/* An APIC that counts what is written to it, and answers with the count; MSR 831h is none of it. */
static bool count_write(void *opaque, uint32_t msr, uint64_t v)
{
	((struct fix *)opaque)->vector++;
	return true;
}

static bool count_read(void *opaque, uint32_t msr, uint64_t *v)
{
	*v = (uint64_t)((struct fix *)opaque)->vector;
	return msr != 0x831;
}

/* What WRMSR sends to a device arrives once, and what RDMSR reads from it is the same for both engines. */
START_TEST(registers_of_devices)
{
	static const uint8_t code[] = {0xB9, 0x30, 0x08, 0, 0, 0x0F, 0x30, 0x0F, 0x32, /* ecx = 830h; wrmsr; rdmsr */
		0x50, 0x0F, 0x30, 0x0F, 0x32, 0x50,				       /* push eax; wrmsr; rdmsr; push eax */
		0xB9, 0x31, 0x08, 0, 0, 0x0F, 0x32};				       /* ecx = 831h; rdmsr: #GP */
	struct jit_options opt = {.accel = engines[_i], .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	enum jit_stop stop;
	struct jit *j;
	struct err e;

	for (unsigned i = 0; i < sizeof(code); i++)
		fix_wr(f, CODE + i, code[i], 1);
	fix_wr(f, 0x20000 + 13 * 16, 0xF4, 1);
	f->vector = 0;
	f->cpu->wires.apic_read = count_read;
	f->cpu->wires.apic_write = count_write;
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	f->cpu->rip = CODE;
	while ((stop = jit_run(j)) == JIT_STOPPED)
		;
	ck_assert_int_eq(stop, JIT_HALTED);
	ck_assert_uint_eq(f->cpu->rip, 0x20000 + 13 * 16 + 1);
	ck_assert_int_eq(f->vector, 2);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 4, 4), 1);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 8, 4), 2);
	jit_free(j);
	ck_assert_ptr_eq(f->cpu->wires.opaque, f);
	fix_free(f);
}
END_TEST

#define TABLES 0x40000u

/* A block makes a page present, uses it, and looks at the entry: A and D are set, in every engine. */
START_TEST(makes_present)
{
	static const uint8_t code[] = {0xC7, 0x05, 0x00, 0x1C, 0x04, 0x00, 0x03, 0x00, 0x30, 0x00, /* entry of 300000h: present, writable */
		0xA1, 0x10, 0x00, 0x30, 0x00, 0x8B, 0x1D, 0x00, 0x1C, 0x04, 0x00,	   /* eax = [300010h]; ebx = the entry */
		0xA3, 0x14, 0x00, 0x30, 0x00, 0x8B, 0x0D, 0x00, 0x1C, 0x04, 0x00, 0xF4};   /* [300014h] = eax; ecx = the entry; hlt */
	struct jit_options opt = {.accel = engines[_i], .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	enum jit_stop stop;
	struct jit *j;
	struct err e;

	for (unsigned i = 0; i < sizeof(code); i++)
		fix_wr(f, CODE + i, code[i], 1);
	fix_wr(f, TABLES, (TABLES + 0x1000) | 3, 4);
	for (unsigned i = 0; i < 0x400; i++)
		fix_wr(f, TABLES + 0x1000 + 4 * i, i == 0x300 ? 0 : i << 12 | 0x63, 4);
	fix_wr(f, 0x300010, 0x1234, 4);
	f->cpu->cr3 = TABLES;
	f->cpu->cr0 |= CR0_PG;
	vcpu_update(f->cpu);
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	f->cpu->rip = CODE;
	while ((stop = jit_run(j)) == JIT_STOPPED)
		;
	ck_assert_int_eq(stop, JIT_HALTED);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RAX], 0x1234);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RBX], 0x300023);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RCX], 0x300063);
	ck_assert_uint_eq(fix_rd(f, TABLES + 0x1C00, 4), 0x300063);
	jit_free(j);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lockstep");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, request_during_string);
	tcase_add_loop_test(t, changes_next, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(t, jump_becomes_return, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(t, string_changes_next, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(t, breakpoint_in_string, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(t, x87_environment, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(t, double_shifts, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(t, stack_in_device, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(t, registers_of_devices, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(t, makes_present, 0, ARRAY_SIZE(engines));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
