/* test_acpi_pm.c - ACPI fixed hardware; and the small debug ports. */
#include "chip_fixture.h"
#include "devices/acpi_pm.h"
#include "devices/debugcon.h"
#include "devices/debugexit.h"
#include "devices/port80.h"

#define PM 0xB000

struct fix {
	struct board b;
	struct acpi_pm *pm;
	int slept;
	uint32_t exit_value;
	struct chr chr;
	char last;
};

static void slept(void *opaque, unsigned type)
{
	((struct fix *)opaque)->slept = (int)type;
}

static void exit_value(void *opaque, uint32_t v)
{
	((struct fix *)opaque)->exit_value = v;
}

static void sink(struct chr *c, const uint8_t *buf, unsigned len)
{
	container_of(c, struct fix, chr)->last = (char)buf[len - 1];
}

static void setup(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	f->slept = -1;
	board_init(&f->b);
	f->pm = acpi_pm_create(
		&f->b.log, &f->b.clock, &f->b.io, wire(&f->b, 0), wire(&f->b, 1), slept, f);
}

static void teardown(struct fix *f)
{
	drop(&f->pm->dev);
	board_fini(&f->b);
}

static uint32_t rd(struct fix *f, unsigned port, unsigned size)
{
	return (uint32_t)space_read(&f->b.io, port, size);
}

static void wr(struct fix *f, unsigned port, unsigned val, unsigned size)
{
	space_write(&f->b.io, port, val, size);
}

START_TEST(mapping_and_sleep)
{
	struct fix f;
	setup(&f);
	ck_assert_uint_eq(rd(&f, PM, 2), 0xFFFF);
	ck_assert_uint_eq(rd(&f, 4, 2), 0xFFFF);
	acpi_pm_map(f.pm, PM | 1, true);
	ck_assert_uint_eq(rd(&f, PM, 2), 0);
	out(&f.b, 0xB2, 0xF1);
	ck_assert_uint_eq(rd(&f, PM + 4, 2), 1);
	ck_assert_uint_eq(f.b.rises[1], 0);
	acpi_pm_enable_smi(f.pm, true);
	out(&f.b, 0xB2, 0xF0);
	ck_assert_uint_eq(f.b.rises[1], 1);
	ck_assert_uint_eq(rd(&f, PM + 4, 2), 0);
	wr(&f, PM + 4, 1 << 10, 2);
	ck_assert_int_eq(f.slept, -1);
	wr(&f, PM + 4, 1 << 13 | 1 << 10, 2);
	ck_assert_int_eq(f.slept, 1);
	ck_assert_uint_eq(rd(&f, PM + 4, 2), 1 << 10); /* SLP_EN reads 0 */
	wr(&f, PM + 4, 1 << 13, 2);
	ck_assert_int_eq(f.slept, 0);
	acpi_pm_wake(f.pm, 0);
	ck_assert_uint_eq(rd(&f, PM, 2), 0x8000);
	acpi_pm_map(f.pm, PM, false);
	ck_assert_uint_eq(rd(&f, PM, 2), 0xFFFF);
	out(&f.b, 0xB3, 0x42);
	ck_assert_uint_eq(in(&f.b, 0xB3), 0x42);
	teardown(&f);
}
END_TEST

/* What ends a sleep: status bits that are enabled. */
START_TEST(wakers)
{
	struct fix f;
	setup(&f);
	acpi_pm_map(f.pm, PM, true);
	acpi_pm_rtc(f.pm);
	acpi_pm_power_button(f.pm);
	ck_assert_uint_eq(rd(&f, PM, 2), 0x500);
	ck_assert_uint_eq(acpi_pm_wakers(f.pm), 0);
	wr(&f, PM + 2, 0x400, 2);
	ck_assert_uint_eq(acpi_pm_wakers(f.pm), 0x400);
	wr(&f, PM, 0x400, 2);
	ck_assert_uint_eq(acpi_pm_wakers(f.pm), 0);
	wr(&f, PM + 2, 0x100, 2);
	ck_assert_uint_eq(acpi_pm_wakers(f.pm), 0x100);
	acpi_pm_wake(f.pm, 0x100);
	ck_assert_uint_eq(rd(&f, PM, 2), 0x8100);
	teardown(&f);
}
END_TEST

START_TEST(button_and_gpe)
{
	struct fix f;
	setup(&f);
	acpi_pm_map(f.pm, PM, true);
	acpi_pm_power_button(f.pm);
	ck_assert_int_eq(f.b.level[0], 0);
	wr(&f, PM + 2, 0x100, 2);
	ck_assert_int_eq(f.b.level[0], 0); /* not in ACPI mode */
	out(&f.b, 0xB2, 0xF1);
	ck_assert_int_eq(f.b.level[0], 1);
	wr(&f, PM, 0x001, 2);
	ck_assert_int_eq(f.b.level[0], 1);
	wr(&f, PM, 0x100, 2); /* write one to clear */
	ck_assert_int_eq(f.b.level[0], 0);
	wr(&f, ACPI_GPE_BASE + 2, 0x0002, 2);
	acpi_pm_gpe(f.pm, 1);
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_uint_eq(rd(&f, ACPI_GPE_BASE, 2), 2);
	ck_assert_uint_eq(rd(&f, PM + 0xC, 4), 0x00020002);
	wr(&f, ACPI_GPE_BASE, 2, 1);
	ck_assert_int_eq(f.b.level[0], 0);
	teardown(&f);
}
END_TEST

START_TEST(pm_timer)
{
	struct fix f;
	setup(&f);
	acpi_pm_map(f.pm, PM, true);
	pass(&f.b, NS_PER_SEC);
	ck_assert_uint_eq(rd(&f, PM + 8, 4), 3579545);
	ck_assert_uint_eq(rd(&f, PM, 2), 0);
	pass(&f.b, 2 * NS_PER_SEC); /* 10738635 ticks: bit 23 went 0 -> 1 at 8388608 */
	ck_assert_uint_eq(rd(&f, PM + 8, 4), 10738635);
	ck_assert_uint_eq(rd(&f, PM, 2), 1);
	pass(&f.b, 2 * NS_PER_SEC);
	ck_assert_uint_eq(rd(&f, PM + 8, 4), 17897725 & 0xFFFFFF);
	wr(&f, PM, 1, 2);
	out(&f.b, 0xB2, 0xF1);
	wr(&f, PM + 2, 1, 2);
	ck_assert_int_eq(f.b.level[0], 0);
	pass(&f.b, 3 * NS_PER_SEC);
	ck_assert_uint_eq(f.b.rises[0], 1);
	wr(&f, PM, 1, 2);
	ck_assert_int_eq(f.b.level[0], 0);
	pass(&f.b, 3 * NS_PER_SEC);
	ck_assert_uint_eq(f.b.rises[0], 2);
	teardown(&f);
}
END_TEST

START_TEST(debug_ports)
{
	struct fix f;
	setup(&f);
	f.chr.write = sink;
	struct debugcon *c = debugcon_create(&f.b.log, &f.b.io, 0x402, &f.chr);
	struct debugexit *e = debugexit_create(&f.b.log, &f.b.io, 0xF4, 4, exit_value, &f);
	struct port80 *p = port80_create(&f.b.log, &f.b.io);
	ck_assert_uint_eq(in(&f.b, 0x402), 0xE9);
	out(&f.b, 0x402, 'Q');
	ck_assert_int_eq(f.last, 'Q');
	wr(&f, 0xF4, 0x12345678, 4);
	ck_assert_uint_eq(f.exit_value, 0x12345678);
	wr(&f, 0xF4, 0x31, 1);
	ck_assert_uint_eq(f.exit_value, 0x31);
	out(&f.b, 0x80, 0xAB);
	ck_assert_uint_eq(in(&f.b, 0x80), 0xAB);
	fuzz(&f.b, &f.b.io, 0x400, 4, &c->dev);
	fuzz(&f.b, &f.b.io, 0xF2, 8, &e->dev);
	fuzz(&f.b, &f.b.io, 0x7F, 3, &p->dev);
	drop(&c->dev);
	drop(&e->dev);
	drop(&p->dev);
	teardown(&f);
}
END_TEST

START_TEST(fuzzed)
{
	struct fix f;
	setup(&f);
	acpi_pm_map(f.pm, PM, true);
	fuzz(&f.b, &f.b.io, PM - 2, 68, &f.pm->dev);
	fuzz(&f.b, &f.b.io, ACPI_GPE_BASE - 2, 8, &f.pm->dev);
	fuzz(&f.b, &f.b.io, 0xB0, 6, &f.pm->dev);
	teardown(&f);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {mapping_and_sleep, button_and_gpe, wakers, pm_timer, debug_ports, fuzzed};
	return run_cases("acpi_pm", t, ARRAY_SIZE(t));
}
