/*
 * fuzz_cards.c - the input as what a driver does to network cards, virtio devices and sound cards: their registers, their rings in memory (the
 * memory holds the input, over and over), frames from outside, time passing. No guest and no frame may take the host down.
 *
 * An operation is 8 bytes: what, card and size, offset, value. Half of the values are made addresses of memory or of a card's own
 * registers, where rings and buffers may lie, too.
 */
#include "tests/fuzz/fuzz.h"
#include "devices/host/net.h"
#include "devices/virtio/virtio_balloon.h"
#include "frontend/block.h"
#include "mmu/base/clock.h"
#include <string.h>
#include <unistd.h>

#define FIRST_SLOT 3
#define SLOTS 9 /* four network cards, a disk, random bytes, console, balloon, sound */
#define SOUND_SLOT (FIRST_SLOT + 8) /* with two ranges of ports, 100h apart */
#define ISA_PORTS 0x300
#define IO_AT(slot) (0xD000u + (slot) * 0x200u)
#define MEM_AT(slot, bar) (0xE0000000u + (slot) * 0x100000u + (bar) * 0x20000u)

static void config(struct machine *m, unsigned slot, unsigned off, uint32_t v, unsigned size)
{
	space_write(machine_ports(m), 0xCF8, 0x80000000u | slot << 11 | (off & 0xFC), 4);
	space_write(machine_ports(m), 0xCFC + (off & 3), v, size);
}

/* What a firmware does: every BAR has a place. */
static void place(struct machine *m, unsigned slot)
{
	for (unsigned bar = 0, ports = 0; bar < 6; bar++) {
		uint32_t was;

		space_write(machine_ports(m), 0xCF8, 0x80000000u | slot << 11 | (0x10 + bar * 4), 4);
		was = (uint32_t)space_read(machine_ports(m), 0xCFC, 4);
		config(m, slot, 0x10 + bar * 4, was & 1 ? IO_AT(slot) + 0x100 * ports++ : MEM_AT(slot, bar), 4);
		if ((was & 7) == 4)
			config(m, slot, 0x10 + ++bar * 4, 0, 4);
	}
	config(m, slot, 4, 7, 2);
}

/* How a driver starts each card: rings at 1000h (e1000), 3000h (RTL8139), 4000h and up (virtio, see RING). */
#define RING(n) (0x4000u + (n) * 0x1000u) /* virtio: receive, transmit, disk, random bytes, console (6), balloon (2) */
#define RINGS 12

static const struct { uint8_t slot, bar /* 6: ports */; uint16_t at; uint8_t size; uint32_t v; } start[] = {
	{0, 0, 0x3800, 4, 0x1000}, {0, 0, 0x3808, 4, 0x100}, {0, 0, 0x400, 4, 2}, {0, 0, 0x2800, 4, 0x2000}, {0, 0, 0x2808, 4, 0x100},
	{0, 0, 0x2818, 4, 15}, {0, 0, 0x100, 4, 0x803E}, {0, 0, 0xD0, 4, 0xFF}, {2, 6, 0x37, 1, 0x0C}, {2, 6, 0x30, 4, 0x3000},
	{2, 6, 0x44, 4, 0xF}, {2, 6, 0x3C, 2, 0xFFFF}, {3, 6, 0, 1, 0x21}, {3, 6, 0x0E, 1, 0x49}, {3, 6, 0x0C, 1, 0x1F},
	{3, 6, 1, 1, 0x46}, {3, 6, 2, 1, 0x80}, {3, 6, 3, 1, 0x7F}, {3, 6, 0x0F, 1, 0x3F}, {3, 6, 0, 1, 0x61}, {3, 6, 7, 1, 0x46},
	{3, 6, 0, 1, 0x22}, {8, 6, 0x12C, 4, 2}, {8, 6, 0x02, 2, 0}, {8, 6, 0x18, 2, 0x0808}, {8, 6, 0x110, 4, 0x1000}, {8, 6, 0x115, 1, 31},
	{8, 6, 0x11B, 1, 0x1D}, {8, 6, 0x100, 4, 0x1080}, {8, 6, 0x105, 1, 7}, {8, 6, 0x10B, 1, 0x1D}};

static void start_virtio(struct machine *m, unsigned slot, unsigned first_ring, unsigned queues)
{
	struct space *mem = machine_memory(m);
	uint32_t bar = MEM_AT(slot, 4);

	space_write(mem, bar + 0x14, 3, 1);
	for (unsigned i = 0; i < 2; i++) { /* version 1, event indexes, indirect tables */
		space_write(mem, bar + 8, i, 4);
		space_write(mem, bar + 12, i ? 1 : 0x30000000, 4);
	}
	space_write(mem, bar + 0x14, 11, 1);
	for (unsigned q = 0; q < queues; q++) {
		uint32_t ring = RING(first_ring + q);

		space_write(mem, bar + 0x16, q, 2);
		space_write(mem, bar + 0x18, 16, 2);
		space_write(mem, bar + 0x20, ring, 4);
		space_write(mem, bar + 0x28, ring + 0x400, 4);
		space_write(mem, bar + 0x30, ring + 0x800, 4);
		space_write(mem, bar + 0x1C, 1, 2);
		space_write(mem, ring + 0x402, 0, 2);
	}
	space_write(mem, bar + 0x14, 15, 1);
}

/* Most descriptors of the input are made likely ones: they lie in memory, are short, lead to one another. */
static void likely(struct machine *m, const uint8_t *data, size_t size)
{
	struct space *mem = machine_memory(m);

	for (unsigned i = 0; i < RINGS * 16 && size; i++) {
		uint32_t at = RING(i / 16) + i % 16 * 16, b = data[i % size];

		space_write(mem, RING(i / 16) + 0x404 + i % 16 * 2, b & 15, 2);
		if (b >= 0xE0)
			continue;
		space_write(mem, at + 2, b & 0x3F, 2);
		space_write(mem, at + 4, 0, 4);
		space_write(mem, at + 8, b & 1 ? 16 : b * 8, 4);
		space_write(mem, at + 12, b >> 2 & (b & 0x80 ? 7 : 3), 2);
		space_write(mem, at + 14, b >> 3 & 15, 2);
	}
	for (unsigned i = 0; i < 32; i++) { /* e1000: both rings */
		uint32_t at = 0x1000 + i * 16 + (i < 16 ? 0 : 0xF00);

		space_write(mem, at + 2, i & 7, 2);
		space_write(mem, at + 4, 0, 4);
	}
}

static void start_all(struct machine *m, const uint8_t *data, size_t size)
{
	for (unsigned i = 0; i < sizeof(start) / sizeof(*start); i++) {
		unsigned slot = FIRST_SLOT + start[i].slot;

		if (start[i].bar == 6)
			space_write(machine_ports(m), IO_AT(slot) + start[i].at, start[i].v, start[i].size);
		else
			space_write(machine_memory(m), MEM_AT(slot, 0) + start[i].at, start[i].v, start[i].size);
		if (start[i].slot == 3)
			space_write(machine_ports(m), ISA_PORTS + start[i].at, start[i].v, start[i].size);
	}
	if (size && data[0] & 8) { /* the RTL8139 with descriptors */
		static const struct { uint8_t at, size; uint16_t v; } cp[] = {{0xE0, 2, 0x7B}, {0xE4, 4, 0x3000}, {0xE8, 4, 0}, {0x20, 4, 0x2000},
			{0x24, 4, 0}, {0x28, 4, 0x3400}, {0x2C, 4, 0}};

		for (unsigned i = 0; i < sizeof(cp) / sizeof(*cp); i++)
			space_write(machine_ports(m), IO_AT(FIRST_SLOT + 2) + cp[i].at, cp[i].v, cp[i].size);
	}
	start_virtio(m, FIRST_SLOT + 1, 0, 2);
	start_virtio(m, FIRST_SLOT + 4, 2, 1);
	start_virtio(m, FIRST_SLOT + 5, 3, 1);
	start_virtio(m, FIRST_SLOT + 6, 4, 6);
	start_virtio(m, FIRST_SLOT + 7, 10, 2);
	likely(m, data, size);
}

/* A virtio ring's available index, and the notification. */
static void ring_moves(struct machine *m, unsigned q, unsigned index)
{
	static const uint8_t slot[RINGS] = {1, 1, 4, 5, 6, 6, 6, 6, 6, 6, 7, 7}, first[RINGS] = {0, 0, 2, 3, 4, 4, 4, 4, 4, 4, 10, 10};

	space_write(machine_memory(m), RING(q) + 0x402, index, 2);
	space_write(machine_memory(m), MEM_AT(FIRST_SLOT + slot[q], 4) + 0x3000 + 4 * (q - first[q]), q - first[q], 2);
}

static void no_send(struct net *n, const uint8_t *frame, unsigned len)
{
	volatile uint8_t last = frame[len - 1]; /* a sanitizer looks whether the frame is there */

	(void)last;
}

static void no_write(struct chr *c, const uint8_t *buf, unsigned len)
{
	volatile uint8_t last = buf[len - 1];

	(void)last;
}

static void no_play(struct audio *a, struct audio_voice *v, const int16_t *lr, unsigned frames, unsigned rate, uint64_t ns)
{
	volatile int16_t last = lr[2 * frames - 1];

	(void)last;
}

static uint32_t value(const uint8_t *p, unsigned slot)
{
	uint32_t v = p[4] | p[5] << 8 | p[6] << 16 | (uint32_t)p[7] << 24;

	switch (p[0] >> 5) {
	case 0:
	case 1: return v & 0x7FF0;
	case 2: return v & 0x7FFFFF;
	case 3: return MEM_AT(slot, p[7] % 5) + (v & 0x3FFF);
	default: return v;
	}
}

/* Bytes, people and wishes from outside. */
static void from_outside(struct machine *m, struct chr *chr, const uint8_t *frame, uint32_t v)
{
	struct chr *c = &chr[v & 1];
	unsigned room;

	if (v & 2) {
		c->open = v & 4;
		c->shown(c->dev);
	} else if (v & 8) {
		virtio_balloon_set(virtio_balloon_from(machine_device(m, "virtio-balloon")), v);
	} else {
		room = c->can_receive(c->dev);
		if (room)
			c->receive(c->dev, frame, (v >> 8) % room + 1);
	}
}

static void operation(struct machine *m, struct net *nets, struct chr *chr, const uint8_t *data, size_t size, const uint8_t *p)
{
	struct space *io = machine_ports(m), *mem = machine_memory(m);
	unsigned n = 1u << (p[1] & 3) % 3, slot = FIRST_SLOT + (p[1] >> 2) % SLOTS, at = p[2] | p[3] << 8;
	uint32_t v = value(p, slot), ports = slot == SOUND_SLOT ? 0x1FF : 0xFF;
	uint8_t frame[2048];

	switch (p[0] % 12) {
	case 0:
	case 1: space_write(mem, MEM_AT(slot, 0) + at, v, n); break;
	case 2: (void)space_read(mem, MEM_AT(slot, 0) + at, n); break;
	case 3: space_write(mem, MEM_AT(slot, 4) + (at & 0x3FFF), v, n); break;
	case 4: (void)space_read(mem, MEM_AT(slot, 4) + (at & 0x303F), n); break;
	case 5:
	case 6: space_write(io, IO_AT(slot) + (at & ports), v, n); break;
	case 7: (void)space_read(io, IO_AT(slot) + (at & ports), n); break;
	case 8: space_write(io, ISA_PORTS + (at & 0x1F), v, n); break;
	case 9:
		for (unsigned i = 0; i < sizeof(frame); i++)
			frame[i] = data[(at + i) % size];
		if (v & 1)
			memset(frame, 0xFF, 6);
		if (v & 0x80)
			from_outside(m, chr, frame, v);
		else
			net_deliver(&nets[p[1] >> 2 & 7], frame, 14 + (v >> 8) % (sizeof(frame) - 14));
		break;
	case 10: clock_advance(machine_clock(m), (uint64_t)v >> (p[1] & 31)); break;
	default:
		if ((at & 0xFC) > 0x28) /* what lies behind the BARs: capabilities, among them a window to the registers */
			config(m, slot, at & 0xFF, v, at & 1 ? 1 : at & 2 ? 2 : 4);
		else
			ring_moves(m, v % RINGS, at & 0x1F);
	}
	clock_run(machine_clock(m));
}

static struct blk *disk(void)
{
	static const uint8_t zero[65536];
	struct blk_raw_options opt = {.readonly = false};
	struct blk *b = NULL;
	char path[32];
	struct err e;
	int fd = fuzz_file(zero, sizeof(zero), path);

	if (blk_open_raw(path, &opt, &b, &e))
		b = NULL;
	close(fd);
	return b;
}

static void fill(void *opaque, uint8_t *buf, uint32_t len)
{
	memset(buf, 0x5A, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum config_nic_model models[] = {NIC_E1000, NIC_VIRTIO, NIC_RTL8139, NIC_NE2K_PCI, NIC_NE2K_ISA};
	struct net nets[8] = {{.send = no_send}};
	struct chr chr[2] = {{.write = no_write, .open = true}, {.write = no_write}};
	struct audio audio = {.play = no_play};
	struct machine_config cfg = {.virtio = {disk()}, .rng = true, .random = fill, .pcspk_audio = &audio,
		.sound = {{SOUND_AC97, &audio, -1}}, .nsounds = 1, .vserial = true,
		.vport = {{true, true, NULL, &chr[0]}, {true, false, "port", &chr[1]}}, .balloon = true};
	struct machine *m;

	for (unsigned i = 0; i < sizeof(models) / sizeof(*models); i++) {
		nets[i].send = no_send;
		cfg.nic[cfg.nnics++] = (struct config_nic){.model = models[i], .net = &nets[i], .mac = {0x52, 0x54, 0, 0, 0, (uint8_t)i},
			.slot = -1, .romfile = "", .iobase = ISA_PORTS, .irq = 5};
	}
	m = fuzz_machine(&cfg);
	if (!m)
		return 0;
	for (unsigned i = 0; i < SLOTS; i++)
		place(m, FIRST_SLOT + i);
	for (unsigned at = 0; size && at < RING(RINGS); at += size)
		space_write_buf(machine_memory(m), at, data, size);
	if (size && data[0] & 3)
		start_all(m, data, size);
	for (size_t i = 0; i + 8 <= size && i < 4096 * 8; i += 8)
		operation(m, nets, chr, data, size, data + i);
	machine_reset(m);
	machine_destroy(m);
	return 0;
}
