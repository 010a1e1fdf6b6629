/*
 * fuzz_snapshot.c - the input as changes to a snapshot, whose checksums are made right again: what is accepted must run, be looked at, be
 * saved; what is refused must leave the machine as it was. Each change is six bytes: section, place (3), value, how. Inputs that begin with the
 * snapshot's magic are loaded as they are.
 */
#include "tests/fuzz/fuzz.h"
#include "frontend/machine/snapshot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HEAD 48u
#define START 24u

struct bytes {
	uint8_t *p;
	size_t n;
};

static bool append(void *opaque, const void *data, size_t n)
{
	struct bytes *b = opaque;

	b->p = realloc(b->p, b->n + n);
	if (!b->p)
		abort();
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

	if (machine_save(m, &out, &e)) {
		free(b.p);
		b = (struct bytes){0};
	}
	return b;
}

static uint32_t size_of(const struct bytes *b, size_t at)
{
	uint32_t n;

	memcpy(&n, b->p + at + 40, 4);
	return n;
}

/* One change; RAM sections are left alone, there are enough of them */
static void change(struct bytes *b, const uint8_t *d)
{
	uint32_t size = 0, place = d[1] | (uint32_t)d[2] << 8 | (uint32_t)d[3] << 16, crc;
	size_t at = START;

	for (unsigned i = d[0] % 48; i && at + HEAD < b->n; i--) {
		if (!strcmp((char *)b->p + at, "ram"))
			at = START;
		else
			at += HEAD + size_of(b, at);
	}
	size = size_of(b, at);
	if (!size || !strcmp((char *)b->p + at, "ram"))
		return;
	place %= size;
	b->p[at + HEAD + place] = d[5] & 1 ? d[4] : d[5] & 2 ? b->p[at + HEAD + place] ^ (uint8_t)(1u << (d[4] & 7)) : 0xFF;
	crc = (uint32_t)crc32(crc32(0, b->p + at, 44), b->p + at + HEAD, size);
	memcpy(b->p + at + 44, &crc, 4);
}

static void use(struct machine *m)
{
	FILE *null = fopen("/dev/null", "w");
	struct bytes b;

	if (null) {
		machine_dump_devices(m, null);
		fclose(null);
	}
	for (unsigned i = 0; i < 40; i++) {
		unsigned port = i < 20 ? 0x1F0 + i : 0x3C0 + i;

		space_read(machine_ports(m), port, 1);
		clock_advance(machine_clock(m), 1000 << i % 12);
		machine_kick(m);
		machine_run(m);
	}
	b = save(m);
	free(b.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine_config cfg = {.vga = true, .rng = true, .usb = true, .usb_port = {CONFIG_USB_TABLET, CONFIG_USB_KBD}, .jit.accel = ACCEL_INTERP};
	struct bytes b;
	struct snapshot_in in = {fetch, &b};
	struct machine *m;
	struct err e;

	cfg.nnics = 3;
	for (unsigned i = 0; i < cfg.nnics; i++)
		cfg.nic[i] = (struct config_nic){.model = (enum config_nic_model[]){NIC_E1000, NIC_VIRTIO, NIC_RTL8139}[i], .slot = -1, .romfile = ""};
	m = fuzz_machine(&cfg);
	if (size > START && !memcmp(data, "DragomanSnapshot", 16)) {
		b = (struct bytes){NULL, 0};
		append(&b, data, size);
	} else {
		b = save(m);
		for (size_t at = 0; at + 6 <= size && at < 6 * 64; at += 6)
			change(&b, data + at);
	}
	if (!machine_load(m, &in, &e))
		use(m);
	else
		machine_run(m);
	free(b.p);
	machine_destroy(m);
	return 0;
}
