/*
 * fuzz_devices.c - the input as accesses to every port, every device register in memory and PCI configuration space, with time
 * passing in between, against a whole board with disks: no access may take the host down. Memory holds the input too, over and
 * over, so that descriptors of DMA engines are random as well.
 *
 * An operation is 8 bytes: what, size, address, value.
 */
#include "tests/fuzz/fuzz.h"
#include "frontend/block.h"
#include "frontend/drive.h"
#include "mmu/base/clock.h"
#include <string.h>
#include <unistd.h>

static const uint64_t windows[] = {0xFEE00000, 0xFEC00000, 0xA0000, 0xB8000, 0xFED00000, 0xFD000000, 0xFEBF0000, 0xFEB80000, 0xE0000000, 0xC0000, 0xFFFF0000, 0xFF000000};
static const uint16_t ports[] = {0x00, 0x20, 0x40, 0x60, 0x70, 0x80, 0x92, 0xA0, 0xC0, 0x1CE, 0x1F0, 0x170, 0x278, 0x2E8, 0x2F8, 0x378,
	0x3B0, 0x3C0, 0x3D0, 0x3E8, 0x3F0, 0x3F8, 0x4D0, 0x510, 0x600, 0xB000, 0xB100, 0xC000, 0xC020, 0xC040, 0xCF8, 0xCFC,
	0xE0, 0x220, 0x500, 0x2000, 0x2010};

static void operation(struct machine *m, const uint8_t *p)
{
	struct space *io = machine_ports(m), *mem = machine_memory(m);
	unsigned size = 1u << (p[1] & 3), at = p[2] | p[3] << 8;
	uint32_t v = p[4] | p[5] << 8 | p[6] << 16 | (uint32_t)p[7] << 24;
	uint64_t a = windows[p[1] / 4 % (sizeof(windows) / sizeof(*windows))] + at;

	if (size > 4)
		size = 4;
	switch (p[0] % 10) {
	case 0: space_write(io, at, v, size); break;
	case 1: (void)space_read(io, at, size); break;
	case 2:
	case 3: space_write(io, ports[p[2] % (sizeof(ports) / sizeof(*ports))] + p[3] % 16, v, size); break;
	case 4: (void)space_read(io, ports[p[2] % (sizeof(ports) / sizeof(*ports))] + p[3] % 16, size); break;
	case 5: space_write(mem, a, v, size); break;
	case 6: (void)space_read(mem, a, size); break;
	case 7: clock_advance(machine_clock(m), (uint64_t)v >> (p[1] & 31)); break;
	case 8: /* a register of a PCI function */
		space_write(io, 0xCF8, 0x80000000u | (at & 0x3FFC), 4);
		space_write(io, 0xCFC, v, size);
		break;
	default:
		for (unsigned i = 0; i < p[1]; i++) /* a transfer */
			(void)space_read(io, ports[p[2] % (sizeof(ports) / sizeof(*ports))], 2);
		break;
	}
	clock_run(machine_clock(m));
}

#define SCHEDULE 0x1000u /* USB: 1,024 frames; behind them transfers and queues; behind those buffers */
#define ENTRY(n) (0x2000u + (n) % 64 * 16)
#define BUFFER(n) (0x2400u + (n) * 8)

/* What a driver does to the USB controller: ports reset and enabled, a schedule of likely transfers and queues, and off it goes. */
static void start_usb(struct machine *m, const uint8_t *data, size_t size)
{
	static const uint8_t pid[4] = {0x69, 0xE1, 0x2D, 0x69};
	struct space *io = machine_ports(m), *mem = machine_memory(m);

	for (unsigned i = 0; i < 1024; i++) {
		uint8_t b = data[i % size];

		space_write(mem, SCHEDULE + 4 * i, b >= 0xF8 ? 1 : ENTRY(b) | (b >> 6 & 2), 4);
	}
	for (unsigned i = 0; i < 64; i++) {
		uint8_t b = data[(7 * i + 1) % size], c = data[(5 * i + 2) % size];

		space_write(mem, ENTRY(i), b < 0x30 ? 1 : ENTRY(b) | (b & 6), 4);
		space_write(mem, ENTRY(i) + 4, b & 1 ? 1u << 23 | (uint32_t)c << 22 : ENTRY(c) | (c >= 0xF0), 4);
		space_write(mem, ENTRY(i) + 8, pid[c & 3] | (c >> 2 & 1) << 8 | (c >> 3 & 1) << 15 | (uint32_t)(c >= 0xE0 ? 0x7FF : c >> 1) << 21, 4);
		space_write(mem, ENTRY(i) + 12, BUFFER(c), 4);
	}
	space_write(io, 0xCF8, 0x80000A20, 4);
	space_write(io, 0xCFC, 0xC021, 4);
	space_write(io, 0xCF8, 0x80000A04, 4);
	space_write(io, 0xCFC, 5, 2);
	for (unsigned port = 0xC030; port <= 0xC032; port += 2) {
		space_write(io, port, 0x200, 2);
		space_write(io, port, 0, 2);
		space_write(io, port, 4, 2);
	}
	space_write(io, 0xC024, 15, 2);
	space_write(io, 0xC028, SCHEDULE, 4);
	space_write(io, 0xC020, 1, 2);
}

static void no_play(struct audio *a, struct audio_voice *v, const int16_t *lr, unsigned frames, unsigned rate, uint64_t ns)
{
	volatile int16_t last = lr[2 * frames - 1]; /* a sanitizer looks whether the samples are there */

	(void)last;
}

static struct blk *disk(unsigned bytes)
{
	static const uint8_t zero[65536];
	struct blk_raw_options opt = {.readonly = false};
	struct blk *b = NULL;
	char path[32];
	struct err e;
	int fd = fuzz_file(zero, sizeof(zero), path);

	if (ftruncate(fd, bytes) || blk_open_raw(path, &opt, &b, &e))
		b = NULL;
	close(fd);
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chr null[3] = {{0}};
	struct audio audio = {.play = no_play};
	struct machine_config cfg = {.ide = {disk(1 << 20), disk(1 << 16), drive_new(true)}, .floppy = {drive_new(false), drive_new(false)}, .pflash = {disk(1 << 16)},
		.testdev = true, .usb = true, .usb_port = {CONFIG_USB_TABLET, CONFIG_USB_KBD},
		.serial = {&null[0], &null[1]}, .parallel = &null[2], .vga = true, .debug_exit = true, .debug_exit_iobase = 0x501,
		.debug_exit_iosize = 2,
		.nic = {{.model = NIC_E1000, .slot = -1, .romfile = ""}}, .nnics = 1, .hpet = true, .pvpanic_ioport = 0x505,
		.pvpanic_events = 3, .sound = {{SOUND_SB16, &audio, -1, 0x220, 5, 1, 5}}, .nsounds = 1, .pcspk_audio = &audio};
	struct machine *m;
	struct blk *medium = disk(1474560);

	if (medium)
		drive_insert(cfg.floppy[0], medium);
	if ((medium = disk(1 << 20)))
		drive_insert(cfg.ide[2], medium);
	m = fuzz_machine(&cfg);
	if (!m)
		return 0;
	for (unsigned at = 0; size && at < 0x4000; at += size)
		space_write_buf(machine_memory(m), at, data, size);
	if (size && data[0] & 0x10) /* what it does is a remainder by 10 */
		start_usb(m, data, size);
	for (size_t i = 0; i + 8 <= size && i < 8192 * 8; i += 8)
		operation(m, data + i);
	machine_reset(m);
	machine_destroy(m);
	return 0;
}
