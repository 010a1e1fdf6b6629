/*
 * test_msr.c - model-specific registers that do more than store: time, machine check, memory types; and what CPUID
 * says of them.
 */
#include "cpu/ring0/priv.h"
#include "tests/unit/ring0_fix.h"

static uint64_t last_apic;

static bool apic_read(void *opaque, uint32_t msr, uint64_t *v)
{
	(void)opaque;
	*v = last_apic + msr;
	return true;
}

static bool apic_write(void *opaque, uint32_t msr, uint64_t v)
{
	(void)opaque;
	last_apic = v + msr;
	return true;
}

static enum exit wr(struct fix *f, uint32_t msr, uint64_t v)
{
	f->cpu->gpr[GPR_RCX] = msr;
	f->cpu->gpr[GPR_RAX] = (uint32_t)v;
	f->cpu->gpr[GPR_RDX] = v >> 32;
	return h_wrmsr(f->cpu, 0, 0, 0);
}

static uint64_t rd(struct fix *f, uint32_t msr)
{
	f->cpu->gpr[GPR_RCX] = msr;
	ck_assert_int_eq(h_rdmsr(f->cpu, 0, 0, 0), EXIT_NONE);
	return f->cpu->gpr[GPR_RAX] | f->cpu->gpr[GPR_RDX] << 32;
}

static void cpuid(struct fix *f, uint32_t leaf, uint32_t sub)
{
	f->cpu->gpr[GPR_RAX] = leaf;
	f->cpu->gpr[GPR_RCX] = sub;
	ck_assert_int_eq(h_cpuid(f->cpu, 0, 0, 0), EXIT_NONE);
}

static struct fix *with_apic(const char *model)
{
	struct fix *f = fix_new(model);

	f->cpu->wires.apic_read = apic_read;
	f->cpu->wires.apic_write = apic_write;
	f->cpu->wires.tsc_hz = 1000000000;
	return f;
}

START_TEST(tsc_deadline)
{
	struct fix *f = with_apic("max");

	cpuid(f, 1, 0);
	ck_assert(f->cpu->gpr[GPR_RCX] & BIT(24));
	ck_assert_int_eq(wr(f, 0x6E0, 123456), EXIT_NONE);
	ck_assert_uint_eq(last_apic, 123456 + 0x6E0);
	ck_assert_uint_eq(rd(f, 0x6E0), 123456 + 2 * 0x6E0);
	fix_free(f);
	f = with_apic("max,-tsc-deadline");
	ck_assert_int_eq(wr(f, 0x6E0, 1), EXIT_FAULT);
	ck_raised(f, GP_MSR_UNKNOWN, 0);
	fix_free(f);
}
END_TEST

START_TEST(tsc_adjust)
{
	struct fix *f = fix_new("max");

	f->cpu->insns = 1000;
	ck_assert_uint_eq(rd(f, 0x3B), 0);
	ck_assert_int_eq(wr(f, 0x10, 5000), EXIT_NONE); /* moves both */
	ck_assert_uint_eq(rd(f, 0x3B), 4000);
	ck_assert_int_eq(wr(f, 0x3B, 100), EXIT_NONE);
	ck_assert_uint_eq(rd(f, 0x10), 1100);
	fix_free(f);
	f = fix_new("max,-tsc-adjust");
	ck_assert_int_eq(wr(f, 0x3B, 0), EXIT_FAULT);
	ck_raised(f, GP_MSR_UNKNOWN, 0);
	fix_free(f);
}
END_TEST

static uint64_t armed, armed_at;

static bool deadline_read(void *opaque, uint32_t msr, uint64_t *v)
{
	(void)opaque;
	*v = msr == 0x6E0 ? armed : 0;
	return true;
}

static bool deadline_write(void *opaque, uint32_t msr, uint64_t v)
{
	if (msr == 0x6E0) {
		armed = v;
		armed_at = vcpu_tsc(opaque);
	}
	return true;
}

/* The deadline is a value of the TSC: moving the TSC moves the time at which it comes (Vol. 3A 10.5.4.1). */
START_TEST(tsc_moves_deadline)
{
	struct fix *f = fix_new("max");

	f->cpu->wires.apic_read = deadline_read;
	f->cpu->wires.apic_write = deadline_write;
	f->cpu->wires.opaque = f->cpu;
	f->cpu->insns = 1000;
	armed = 0;
	ck_assert_int_eq(wr(f, 0x10, 3000), EXIT_NONE);
	ck_assert_uint_eq(armed, 0);
	ck_assert_int_eq(wr(f, 0x6E0, 50000), EXIT_NONE);
	ck_assert_uint_eq(armed_at, 3000);
	ck_assert_int_eq(wr(f, 0x10, 40000), EXIT_NONE);
	ck_assert_uint_eq(armed, 50000);
	ck_assert_uint_eq(armed_at, 40000);
	ck_assert_int_eq(wr(f, 0x3B, 0), EXIT_NONE);
	ck_assert_uint_eq(armed_at, 1000);
	fix_free(f);
}
END_TEST

START_TEST(frequency)
{
	struct fix *f = with_apic("max");

	cpuid(f, 0, 0);
	ck_assert_uint_ge(f->cpu->gpr[GPR_RAX], 0x16);
	cpuid(f, 0x15, 0);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RAX], 1);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RBX], 1);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RCX], 1000000000);
	cpuid(f, 0x16, 0);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RAX], 1000);
	fix_free(f);
}
END_TEST

/* Descriptor FFh in leaf 2 promises leaf 4; a C library that believes it never ends where there is none. */
START_TEST(cache_descriptors)
{
	static const char *const models[] = {"pentium2", "pentium3", "n270", "core2duo", "qemu64", "Haswell", "max"};

	for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
		struct fix *f = fix_new(models[i]);
		uint32_t level, r[4];
		bool leaf4 = false;

		cpuid(f, 0, 0);
		level = f->cpu->gpr[GPR_RAX];
		cpuid(f, 2, 0);
		r[0] = f->cpu->gpr[GPR_RAX];
		ck_assert_uint_eq(r[0] & 0xFF, 1); /* one execution says all */
		r[1] = f->cpu->gpr[GPR_RBX];
		r[2] = f->cpu->gpr[GPR_RCX];
		r[3] = f->cpu->gpr[GPR_RDX];
		for (unsigned b = 1; b < 16; b++)
			leaf4 |= (r[b / 4] >> b % 4 * 8 & 0xFF) == 0xFF;
		ck_assert_msg(leaf4 == (level >= 4), "%s", models[i]);
		for (unsigned sub = 0; leaf4 && (cpuid(f, 4, sub), f->cpu->gpr[GPR_RAX] & 31); sub++)
			ck_assert_uint_lt(sub, 8);
		fix_free(f);
	}
}
END_TEST

START_TEST(machine_check)
{
	struct fix *f = fix_new("max");

	ck_assert_uint_eq(rd(f, 0x179) & 0xFF, 4); /* banks */
	for (unsigned bank = 0; bank < 4; bank++) {
		ck_assert_int_eq(wr(f, 0x400 + 4 * bank, ~0ull), EXIT_NONE);
		for (unsigned i = 1; i < 4; i++) {
			ck_assert_int_eq(wr(f, 0x400 + 4 * bank + i, 0), EXIT_NONE);
			ck_assert_int_eq(wr(f, 0x400 + 4 * bank + i, 1), EXIT_FAULT);
			ck_raised(f, GP_MSR_RESERVED, 0);
			ck_assert_uint_eq(rd(f, 0x400 + 4 * bank + i), 0);
		}
	}
	fix_free(f);
}
END_TEST

START_TEST(memory_types)
{
	static const struct {
		uint32_t msr;
		uint64_t v;
		bool ok;
	} t[] = {
		{0x200, 0xFEE00006, true}, {0x200, 0xFEE00002, false}, {0x200, 0xFEE00106, false},
		{0x200, BIT(40), false}, {0x201, 0xFFE00800, true}, {0x201, 0xFFE00400, false},
		{0x201, BIT(40) | 0x800, false}, {0x250, 0x0606060606060606, true}, {0x250, 0x0607060606060606, false},
		{0x26F, 0x0504010005040100, true}, {0x26F, 0x02, false}, {0x2FF, 0xC06, true}, {0x2FF, 0xC07, false},
		{0x2FF, 0x1006, false}, {0x277, 0x0007040600070406, true}, {0x277, 3, false}, {0x277, 8, false},
	};
	struct fix *f = fix_new("max");

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		enum exit x = wr(f, t[i].msr, t[i].v);

		ck_assert_msg((x == EXIT_NONE) == t[i].ok, "row %u: exit %d", i, x);
		if (x)
			ck_raised(f, GP_MSR_RESERVED, 0);
		else
			ck_assert_uint_eq(rd(f, t[i].msr), t[i].v);
	}
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("msr");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, tsc_deadline);
	tcase_add_test(t, tsc_adjust);
	tcase_add_test(t, tsc_moves_deadline);
	tcase_add_test(t, frequency);
	tcase_add_test(t, cache_descriptors);
	tcase_add_test(t, machine_check);
	tcase_add_test(t, memory_types);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
