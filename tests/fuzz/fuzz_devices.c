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
	0x3B0, 0x3C0, 0x3D0, 0x3E8, 0x3F0, 0x3F8, 0x4D0, 0x510, 0x600, 0xB000, 0xB100, 0xC000, 0xC020, 0xC040, 0xCF8, 0xCFC};

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
	struct machine_config cfg = {.ide = {disk(1 << 20), disk(1 << 16), drive_new(true)}, .floppy = {drive_new(false), drive_new(false)}, .pflash = {disk(1 << 16)},
		.testdev = true, .usb = true, .usb_port = {CONFIG_USB_TABLET, CONFIG_USB_KBD},
		.serial = {&null[0], &null[1]}, .parallel = &null[2], .vga = true, .debug_exit = true, .debug_exit_iobase = 0x501,
		.debug_exit_iosize = 2,
		.nic = {{.model = NIC_E1000, .slot = -1, .romfile = ""}}, .nnics = 1};
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
	for (size_t i = 0; i + 8 <= size && i < 8192 * 8; i += 8)
		operation(m, data + i);
	machine_reset(m);
	machine_destroy(m);
	return 0;
}
