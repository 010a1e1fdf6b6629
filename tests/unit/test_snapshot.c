/*
 * test_snapshot.c - a machine with every device, saved and loaded: the same bytes again, in a machine that was in another state; what
 * cannot be loaded is refused and changes nothing.
 */
#define _GNU_SOURCE
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frontend/drive.h"
#include "frontend/machine/snapshot.h"

struct bytes {
	uint8_t *p;
	size_t n;
};

static bool append(void *opaque, const void *data, size_t n)
{
	struct bytes *b = opaque;

	b->p = realloc(b->p, b->n + n);
	ck_assert_ptr_nonnull(b->p);
	memcpy(b->p + b->n, data, n);
	b->n += n;
	return true;
}

static bool fetch(void *opaque, uint64_t at, void *data, size_t n)
{
	struct bytes *b = opaque;

	if (at > b->n || n > b->n - at)
		return false;
	memcpy(data, b->p + at, n);
	return true;
}

static struct bytes save(struct machine *m)
{
	struct bytes b = {0};
	struct snapshot_out out = {append, &b};
	struct err e;

	ck_assert_msg(!machine_save(m, &out, &e), "%s", e.msg);
	return b;
}

static enum vm_err load(struct machine *m, struct bytes *b, struct err *e)
{
	struct snapshot_in in = {fetch, b};

	return machine_load(m, &in, e);
}

/* The n-th section named @name: where its header begins */
static size_t section(const struct bytes *b, const char *name, unsigned n, uint32_t *size)
{
	for (size_t at = 24; at < b->n; at += 48 + *size) {
		memcpy(size, b->p + at + 40, 4);
		if (!strcmp((char *)b->p + at, name) && !n--)
			return at;
	}
	return 0;
}

/* Which section byte @at lies in */
static const char *place(const struct bytes *b, size_t at)
{
	uint32_t size;

	for (size_t s = 24; s < b->n; s += 48 + size) {
		memcpy(&size, b->p + s + 40, 4);
		if (at < s + 48 + size)
			return (char *)b->p + s;
	}
	return "?";
}

static struct chr null[2];

static struct machine *board(struct machine_config *cfg)
{
	char bios[] = "/tmp/dg_snapshot_XXXXXX";
	int fd = mkstemp(bios);
	uint8_t *rom = calloc(1, 65536);
	struct machine *m;
	struct err e;

	memset(rom, 0xF4, 65536);
	/* at the reset vector: count in memory and registers, for ever */
	memcpy(rom + 65536 - 16, "\x40\x01\xC3\xA3\x00\x20\xEB\xF8", 8);
	ck_assert_int_eq(write(fd, rom, 65536), 65536);
	close(fd);
	free(rom);
	cfg->cpu_model = cfg->cpu_model ? cfg->cpu_model : "max";
	cfg->ram_size = cfg->ram_size ? cfg->ram_size : 4 << 20;
	cfg->bios = bios;
	cfg->serial[0] = &null[0];
	cfg->parallel = &null[1];
	cfg->jit.accel = ACCEL_INTERP;
	cfg->floppy[0] = drive_new(false);
	cfg->ide[2] = drive_new(true);
	cfg->debugcon[0].iobase = 0x402;
	cfg->ndebugcon = 1;
	cfg->debug_exit = true;
	cfg->debug_exit_iobase = 0x501;
	cfg->debug_exit_iosize = 2;
	cfg->pvpanic_ioport = 0x505;
	cfg->rng = true;
	cfg->usb = cfg->hpet = true;
	cfg->sound[0] = (struct config_sound){.model = SOUND_AC97, .slot = -1};
	cfg->nsounds = 1;
	cfg->usb_port[0] = CONFIG_USB_TABLET;
	cfg->usb_port[1] = CONFIG_USB_KBD;
	if (!cfg->nnics) {
		static const enum config_nic_model models[] = {NIC_E1000, NIC_VIRTIO, NIC_RTL8139, NIC_NE2K_PCI, NIC_NE2K_ISA};

		for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
			cfg->nic[cfg->nnics++] = (struct config_nic){.model = models[i], .slot = -1, .romfile = "", .iobase = 0x300,
				.irq = 9, .mac = {2, 0, 0, 0, 0, (uint8_t)i}};
	}
	ck_assert_msg(!machine_create(&m, cfg, NULL, &e), "%s", e.msg);
	unlink(bios);
	return m;
}

static void out(struct machine *m, unsigned port, unsigned v)
{
	space_write(machine_ports(m), port, v, 1);
}

static void pci_write(struct machine *m, unsigned reg, uint32_t v)
{
	space_write(machine_ports(m), 0xCF8, 0x80000000u | reg, 4);
	space_write(machine_ports(m), 0xCFC, v, 4);
}

/* Registers all over moved, timers running, code run */
static void stir(struct machine *m, uint64_t seed)
{
	static const uint16_t ports[] = {0x20, 0x21, 0xA1, 0x40, 0x42, 0x43, 0x61, 0x70, 0x71, 0x64, 0x60, 0x3F8, 0x3F9, 0x3FB, 0x3FC, 0x3C4,
		0x3C5, 0x3CE, 0x3CF, 0x3D4, 0x3D5, 0x3C0, 0x3F2, 0x3F5, 0x1F1, 0x1F6, 0x378, 0x37A, 0x80, 0x300, 0x30D, 0x307, 0x4D0, 0x08, 0x0B};
	struct clock *c = machine_clock(m);

	for (unsigned i = 0; i < 4000; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		unsigned port = ports[(seed >> 33) % ARRAY_SIZE(ports)], v = seed >> 50 & 0xFF;

		if (port == 0x64 && v >= 0xF0)
			continue; /* pulses reset */
		out(m, port, v);
		if (!(seed >> 40 & 15))
			clock_advance(c, seed >> 44 & 0xFFFFF);
		if (i % 500 == 0)
			clock_run(c);
	}
	/* the HPET's first timer, periodic */
	space_write(machine_memory(m), 0xFED00100, 0x4C, 8);
	space_write(machine_memory(m), 0xFED00108, 1000000, 8);
	space_write(machine_memory(m), 0xFED00010, 1, 8);
	/* the USB controller runs: a frame a millisecond */
	pci_write(m, 1 << 11 | 2 << 8 | 0x20, 0xC001);
	pci_write(m, 1 << 11 | 2 << 8 | 0x04, 5);
	out(m, 0xC000, 1);
	clock_run(c);
	for (unsigned i = 0; i < 200; i++)
		space_write(machine_memory(m), 0x3000 + (seed >> i % 40 & 0xFFFF0), seed >> 7, 8);
	machine_kick(m);
	machine_run(m);
}

static void same(const struct bytes *a, const struct bytes *b)
{
	size_t i = 0;

	while (i < a->n && i < b->n && a->p[i] == b->p[i])
		i++;
	ck_assert_msg(i == a->n && a->n == b->n, "byte %zu of %zu (%zu) differs, in section %s", i, a->n, b->n, place(a, i));
}

/* Saved, loaded into a machine with another past, saved again: the same bytes. */
START_TEST(round_trip)
{
	struct machine_config ca = {.vga = access("/usr/share/seabios/vgabios-stdvga.bin", R_OK) == 0}, cb = ca;
	struct machine *a, *b;
	struct bytes x, y, z;
	struct err e;

	if (ca.vga)
		ca.data_dir[0] = cb.data_dir[0] = "/usr/share/seabios";
	a = board(&ca);
	b = board(&cb);
	stir(a, (uint64_t)_i + 1);
	stir(b, (uint64_t)_i * 77 + 5);
	/* a state that is saved has been looked at: chips bring themselves up to date then */
	x = save(a);
	ck_assert_msg(!load(a, &x, &e), "%s", e.msg);
	y = save(a);
	ck_assert_msg(!load(b, &y, &e), "%s", e.msg);
	z = save(b);
	same(&y, &z);
	ck_assert_uint_eq(clock_now(machine_clock(a)), clock_now(machine_clock(b)));
	/* and both go on alike */
	for (unsigned i = 0; i < 50; i++) {
		clock_advance(machine_clock(a), 1234567);
		clock_advance(machine_clock(b), 1234567);
		clock_run(machine_clock(a));
		clock_run(machine_clock(b));
	}
	free(y.p);
	free(z.p);
	y = save(a);
	z = save(b);
	same(&y, &z);
	free(x.p);
	free(y.p);
	free(z.p);
	machine_destroy(a);
	machine_destroy(b);
}
END_TEST

static void refused(struct machine *m, struct bytes *b, const char *word)
{
	struct bytes before = save(m), after;
	struct err e = {0};

	ck_assert(load(m, b, &e));
	ck_assert_msg(strstr(e.msg, word) != NULL, "'%s' does not say '%s'", e.msg, word);
	after = save(m);
	same(&before, &after);
	free(before.p);
	free(after.p);
}

START_TEST(other_machines)
{
	struct machine_config full = {0}, ram = {.ram_size = 8 << 20}, cpu = {.cpu_model = "pentium"}, nic = {.nnics = 1}, disk = {0};
	struct machine *m, *other[4];
	struct bytes b;

	nic.nic[0] = (struct config_nic){.model = NIC_E1000, .slot = -1, .romfile = ""};
	m = board(&full);
	b = save(m);
	other[0] = board(&ram);
	other[1] = board(&cpu);
	other[2] = board(&nic);
	disk.virtio[0] = drive_new(false);
	other[3] = board(&disk);
	refused(other[0], &b, "RAM (-m), this one has 8");
	refused(other[1], &b, "another CPU (-cpu)");
	refused(other[2], &b, "'virtio-net'");
	refused(other[3], &b, "lacks the device 'virtio-blk'");
	for (unsigned i = 0; i < 4; i++)
		machine_destroy(other[i]);
	machine_destroy(m);
	free(b.p);
}
END_TEST

/* Cut anywhere, or with any byte of the small sections changed: refused, nothing changes. */
START_TEST(damaged)
{
	struct machine_config cfg = {0};
	struct machine *m = board(&cfg);
	struct bytes b, cut;
	uint32_t size;
	size_t end;

	stir(m, 9);
	b = save(m);
	end = section(&b, "ram", 0, &size);
	ck_assert_uint_gt(end, 1000);
	for (size_t n = 0; n < b.n; n += 1 + b.n / 37) {
		cut = (struct bytes){b.p, n};
		refused(m, &cut, n < 24 ? "no snapshot" : "cut short");
	}
	for (size_t at = 0; at < end; at += 1 + end / 211) {
		struct err e;

		b.p[at] ^= 0x41;
		ck_assert_msg(load(m, &b, &e), "byte %zu does not matter", at);
		b.p[at] ^= 0x41;
	}
	b.p[section(&b, "ram", 3, &size) + 48 + 8 + 77] ^= 1;
	refused(m, &b, "'ram' fails its checksum");
	free(b.p);
	machine_destroy(m);
}
END_TEST

/* A device without a state struct is refused by name; so is a timer that no device has declared. */
START_TEST(not_covered)
{
	static const struct device_ops ops = {.name = "new-chip", .version = 1};
	struct machine_config cfg = {0};
	struct machine *m = board(&cfg);
	struct snapshot_out to = {append, &(struct bytes){0}};
	struct device d = {.ops = &ops}, *first;
	struct timer t;
	struct err e;

	timer_init(&t, machine_clock(m), NULL, NULL);
	timer_arm(&t, 5000000000ull);
	ck_assert_int_eq(machine_save(m, &to, &e), VM_ERR_USAGE);
	ck_assert_msg(strstr(e.msg, "timer") != NULL, "%s", e.msg);
	timer_cancel(&t);
	first = machine_device(m, NULL);
	d.next = first->next;
	first->next = &d;
	ck_assert_int_eq(machine_save(m, &to, &e), VM_ERR_USAGE);
	ck_assert_msg(strstr(e.msg, "'new-chip'") != NULL, "%s", e.msg);
	first->next = d.next;
	machine_destroy(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("snapshot");
	TCase *c = tcase_create("snapshot");
	SRunner *r;
	int bad;

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, round_trip, 0, 8);
	tcase_add_test(c, other_machines);
	tcase_add_test(c, damaged);
	tcase_add_test(c, not_covered);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad ? 1 : 0;
}
