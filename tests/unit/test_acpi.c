/*
 * test_acpi.c - the firmware's tables as a firmware reads them: the loader script is run, then every table is found
 * from the RSDP with its checksum right; SMBIOS structures are walked by the anchor's numbers.
 */
#define _GNU_SOURCE
#include "frontend/machine/board.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
	char name[56];
	uint8_t *b;
	uint32_t len, at; /* pretended address of the loaded file */
};

static struct machine *open_machine(uint64_t ram)
{
	struct machine_config cfg = {.cpu_model = "max", .ram_size = ram, .isolated_time = true, .nfw_cfg = 1,
		.fw_cfg = {{"opt/greeting", NULL, "hello"}}, .smbios_system = {[1] = "Model T", [3] = "4711"}};
	char path[] = "/tmp/dragoman-rom-XXXXXX";
	uint8_t *rom = calloc(1, 65536);
	int fd = mkstemp(path);
	struct machine *m;
	struct err e = {0};
	enum vm_err r;

	ck_assert_int_eq(write(fd, rom, 65536), 65536);
	close(fd);
	free(rom);
	cfg.bios = path;
	r = machine_create(&m, &cfg, NULL, &e);
	unlink(path);
	ck_assert_msg(r == VM_OK, "%s", e.msg);
	return m;
}

static uint32_t be(struct machine *m, unsigned n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | (uint8_t)space_read(machine_ports(m), 0x511, 1);
	return v;
}

/* Read a file through the ports; exits the test if there is none. */
static struct file fetch(struct machine *m, const char *name)
{
	struct file f = {0};
	unsigned n;

	space_write(machine_ports(m), 0x510, FW_CFG_FILE_DIR, 2);
	n = be(m, 4);
	for (unsigned i = 0; i < n; i++) {
		uint32_t len = be(m, 4), key = be(m, 2);

		be(m, 2);
		for (unsigned k = 0; k < 56; k++)
			f.name[k] = (char)space_read(machine_ports(m), 0x511, 1);
		if (strcmp(f.name, name))
			continue;
		f.len = len;
		f.b = malloc(len);
		space_write(machine_ports(m), 0x510, key, 2);
		for (uint32_t k = 0; k < len; k++)
			f.b[k] = (uint8_t)space_read(machine_ports(m), 0x511, 1);
		return f;
	}
	ck_abort_msg("no file %s", name);
	return f;
}

static uint32_t le(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static uint8_t sum(const uint8_t *p, uint32_t n)
{
	uint8_t s = 0;

	while (n--)
		s = (uint8_t)(s + *p++);
	return s;
}

static struct file *named(struct file *f, const uint8_t *name)
{
	for (unsigned i = 0; i < 2; i++)
		if (!strncmp(f[i].name, (const char *)name, 56))
			return &f[i];
	ck_abort_msg("the script names %.56s", (const char *)name);
	return NULL;
}

static void run_script(const struct file *s, struct file *f)
{
	ck_assert_uint_eq(s->len % 128, 0);
	for (uint32_t i = 0; i < s->len; i += 128) {
		const uint8_t *c = s->b + i;
		struct file *d = named(f, c + 4);
		uint32_t a, b, n;

		switch (le(c, 4)) {
		case 1:
			d->at = d == f ? 0xF0000 : 0x7FE0000;
			break;
		case 2:
			a = le(c + 116, 4);
			ck_assert_uint_le(a + c[120], d->len);
			ck_assert_uint_eq(c[120], 4);
			b = le(d->b + a, 4) + named(f, c + 60)->at;
			for (n = 0; n < 4; n++)
				d->b[a + n] = (uint8_t)(b >> (n * 8));
			break;
		case 3:
			a = le(c + 60, 4);
			b = le(c + 64, 4);
			n = le(c + 68, 4);
			ck_assert(a < d->len && b <= d->len && n <= d->len - b && a >= b && a < b + n);
			d->b[a] = (uint8_t)(d->b[a] - sum(d->b + b, n));
			break;
		default:
			ck_abort_msg("command %u", le(c, 4));
		}
	}
}

/* The table at guest address @a, which must have signature @sig and sum up to zero (the FACS has no checksum). */
static const uint8_t *table(const struct file *t, uint32_t a, const char *sig)
{
	const uint8_t *p;

	ck_assert(a >= t->at && a - t->at + 36 <= t->len);
	p = t->b + (a - t->at);
	ck_assert_mem_eq(p, sig, 4);
	ck_assert_uint_le(le(p + 4, 4), t->len - (a - t->at));
	if (strcmp(sig, "FACS"))
		ck_assert_uint_eq(sum(p, le(p + 4, 4)), 0);
	else
		ck_assert_uint_eq(a % 64, 0);
	return p;
}

static void check_tables(struct machine *m, unsigned pm_base)
{
	struct file f[2] = {fetch(m, "etc/acpi/rsdp"), fetch(m, "etc/acpi/tables")};
	struct file s = fetch(m, "etc/table-loader");
	const uint8_t *rsdt, *fadt;

	run_script(&s, f);
	ck_assert_mem_eq(f[0].b, "RSD PTR ", 8);
	ck_assert_uint_eq(sum(f[0].b, 20), 0);
	rsdt = table(&f[1], le(f[0].b + 16, 4), "RSDT");
	ck_assert_uint_ge(le(rsdt + 4, 4), 36 + 8);
	fadt = table(&f[1], le(rsdt + 36, 4), "FACP");
	table(&f[1], le(fadt + 36, 4), "FACS");
	table(&f[1], le(fadt + 40, 4), "DSDT");
	ck_assert_uint_eq(le(fadt + 64, 4), pm_base + 4); /* PM1a control: where soft-off is written */
	table(&f[1], le(rsdt + 40, 4), "APIC");
	for (unsigned i = 0; i < 2; i++)
		free(f[i].b);
	free(s.b);
}

/* The function 00:01.3 of the bus: PMBA at 40h, PMREGMISC at 80h. */
static void put_pm(struct machine *m, unsigned base)
{
	static const struct { unsigned reg; bool is_base; unsigned v; } w[] = {{0x40, true, 1}, {0x80, false, 1}, {0x04, false, 1}};

	for (unsigned i = 0; i < 3; i++) {
		space_write(machine_ports(m), 0xCF8, 0x80000B00 | w[i].reg, 4);
		space_write(machine_ports(m), 0xCFC, w[i].v | (w[i].is_base ? base : 0), 4);
	}
}

START_TEST(user_files)
{
	struct machine *m = open_machine(64 << 20);
	struct file f = fetch(m, "opt/greeting");

	ck_assert_uint_eq(f.len, 5);
	ck_assert_mem_eq(f.b, "hello", 5);
	free(f.b);
	machine_destroy(m);
}
END_TEST

START_TEST(acpi_tables)
{
	struct machine *m = open_machine(64 << 20);

	check_tables(m, 0x600);
	put_pm(m, 0x600);
	check_tables(m, 0x600);
	put_pm(m, 0xB000); /* UEFI's choice */
	check_tables(m, 0xB000);
	machine_destroy(m);
}
END_TEST

static void walk_smbios(uint64_t ram, unsigned want_maps)
{
	struct machine *m = open_machine(ram);
	struct file a = fetch(m, "etc/smbios/smbios-anchor"), t = fetch(m, "etc/smbios/smbios-tables");
	unsigned seen[128] = {0}, n = 0;
	uint32_t at = 0, largest = 0;
	uint64_t kib = 0;

	ck_assert_uint_eq(a.len, 31);
	ck_assert_mem_eq(a.b, "_SM_", 4);
	ck_assert_uint_eq(a.b[5], 31);
	ck_assert_mem_eq(a.b + 16, "_DMI_", 5);
	ck_assert_uint_eq(le(a.b + 22, 2), t.len);
	while (at < t.len) {
		uint32_t from = at;
		uint8_t type = t.b[at], len = t.b[at + 1];

		ck_assert(type < 128 && len >= 4 && at + len + 2 <= t.len);
		seen[type]++;
		if (type == 19)
			kib += le(t.b + at + 8, 4) - le(t.b + at + 4, 4) + 1ull;
		at += len;
		if (!t.b[at] && !t.b[at + 1])
			at += 2;
		else {
			while (at + 1 < t.len && (t.b[at] || t.b[at + 1]))
				at++;
			at += 2;
		}
		n++;
		largest = at - from > largest ? at - from : largest;
		if (type == 127)
			break;
	}
	ck_assert_uint_eq(at, t.len);
	ck_assert(memmem(t.b, t.len, "Dragoman\0Model T\0" "1\0" "4711\0", 25));
	ck_assert_uint_eq(n, le(a.b + 28, 2));
	ck_assert_uint_eq(largest, le(a.b + 8, 2));
	ck_assert_uint_eq(seen[0] & seen[1] & seen[3] & seen[4] & seen[16] & seen[17] & seen[32] & seen[127], 1);
	ck_assert_uint_eq(seen[19], want_maps);
	ck_assert_uint_eq(kib, ram >> 10);
	free(a.b);
	free(t.b);
	machine_destroy(m);
}

START_TEST(smbios_tables)
{
	walk_smbios(64ull << 20, 1);
	walk_smbios(8ull << 30, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("acpi");
	TCase *c = tcase_create("acpi");
	SRunner *r;
	int failed;

	tcase_add_test(c, acpi_tables);
	tcase_add_test(c, user_files);
	tcase_add_test(c, smbios_tables);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
