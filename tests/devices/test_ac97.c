/* test_ac97.c - the AC'97 controller and codec: rings, interrupts, rates, volumes, what reaches the outside. */
#include "chip_fixture.h"
#include "devices/ac97.h"
#include "mmu/ram.h"

#define RAM (1 << 20)
#define NAM 0xC000
#define NABM 0xC400
#define PO (NABM + 0x10)
#define LIST 0x1000
#define SOUND 0x10000

struct rig {
	struct board b;
	struct ram ram;
	struct region main;
	struct pci_bus *bus;
	struct ac97 *a;
	struct audio audio;
	uint64_t frames, first_ns, last_ns;
	unsigned rate;
	int16_t peak[2], last[2];
};

static void play(struct audio *a, struct audio_voice *v, const int16_t *lr, unsigned n, unsigned rate, uint64_t ns)
{
	struct rig *r = container_of(a, struct rig, audio);

	(void)v;
	if (!r->frames)
		r->first_ns = ns;
	r->last_ns = ns;
	r->rate = rate;
	r->frames += n;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < 2; k++) {
			r->last[k] = lr[2 * i + k];
			r->peak[k] = r->last[k] > r->peak[k] ? r->last[k] : r->peak[k];
		}
}

static void wr(struct rig *r, unsigned port, uint32_t v, unsigned size)
{
	space_write(&r->b.io, port, v, size);
}

static uint32_t rd(struct rig *r, unsigned port, unsigned size)
{
	return (uint32_t)space_read(&r->b.io, port, size);
}

static struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	board_init(&r->b);
	ck_assert_int_eq(ram_init(&r->ram, RAM, NULL), VM_OK);
	space_fini(&r->b.mem);
	space_init(&r->b.mem, "mem", BIT(52) - 1, &r->ram, &r->b.log);
	r->main = (struct region){.name = "ram", .kind = REGION_RAM, .len = RAM, .ra = ram_alloc(&r->ram, RAM)};
	space_add(&r->b.mem, &r->main, 0);
	r->bus = pci_bus_create(&r->b.log, &r->b.mem, &r->b.io);
	for (int i = 0; i < 4; i++)
		r->bus->pirq[i] = wire(&r->b, i);
	r->audio.play = play;
	r->a = ac97_create(&r->b.log, &r->b.clock, r->bus, PCI_DEVFN(3, 0), &r->audio);
	ck_assert_ptr_nonnull(r->a);
	pci_config_write(&r->a->pci, 0x10, NAM, 4);
	pci_config_write(&r->a->pci, 0x14, NABM, 4);
	pci_config_write(&r->a->pci, PCI_CFG_COMMAND, PCI_CMD_IO | PCI_CMD_MASTER, 2);
	wr(r, NABM + 0x2C, 2, 4); /* out of cold reset */
	return r;
}

static void rig_free(struct rig *r)
{
	drop(&r->a->dev);
	drop(&r->bus->dev);
	ram_fini(&r->ram);
	board_fini(&r->b);
	free(r);
}

static unsigned irqs(const struct rig *r)
{
	return r->b.level[0] + r->b.level[1] + r->b.level[2] + r->b.level[3];
}

/* @n buffers of @frames stereo frames that count up from 1 (left) and down (right); every one interrupts */
static void prepare(struct rig *r, unsigned n, unsigned frames)
{
	for (unsigned i = 0; i < n; i++) {
		space_write(&r->b.mem, LIST + 8 * i, SOUND + i * frames * 4, 4);
		space_write(&r->b.mem, LIST + 8 * i + 4, frames * 2 | BIT(31), 4);
	}
	for (unsigned i = 0; i < n * frames; i++) {
		space_write(&r->b.mem, SOUND + 4 * i, (uint16_t)(i + 1), 2);
		space_write(&r->b.mem, SOUND + 4 * i + 2, (uint16_t)-(int)(i + 1), 2);
	}
	wr(r, NAM + 0x02, 0, 2);
	wr(r, NAM + 0x18, 0x0808, 2);
	wr(r, PO, LIST, 4);
	wr(r, PO + 5, n - 1, 1);
}

START_TEST(identity)
{
	struct rig *r = rig_new();

	ck_assert_uint_eq(pci_config_read(&r->a->pci, 0, 4), 0x24158086);
	ck_assert_uint_eq(rd(r, NABM + 0x30, 4) & 0x100, 0x100); /* the codec is ready */
	ck_assert_uint_eq(rd(r, NAM + 0x7C, 2) << 16 | rd(r, NAM + 0x7E, 2), 0x83847600);
	ck_assert_uint_eq(rd(r, NAM + 0x02, 2), 0x8000);
	ck_assert_uint_eq(rd(r, NABM + 0x34, 1), 0); /* the semaphore was free, and is taken now */
	ck_assert_uint_eq(rd(r, NABM + 0x34, 1), 1);
	rd(r, NAM, 2);
	ck_assert_uint_eq(rd(r, NABM + 0x34, 1), 0);
	ck_assert_uint_eq(rd(r, NAM + 0x80, 2), 0xFFFF); /* no second codec */
	ck_assert_uint_eq(rd(r, NABM + 0x30, 4) & 0x8000, 0x8000);
	wr(r, NAM + 0x02, 0x2020, 2); /* a volume with six bits becomes the lowest of five */
	ck_assert_uint_eq(rd(r, NAM + 0x02, 2), 0x1F1F);
	rig_free(r);
}
END_TEST

/* Two buffers of 10 ms: each takes its time, interrupts, and the engine halts at the last valid one. */
START_TEST(ring)
{
	struct rig *r = rig_new();

	prepare(r, 2, 480);
	wr(r, PO + 11, 0x1D, 1); /* run, all interrupts */
	ck_assert_uint_eq(rd(r, PO + 6, 2) & 1, 0);
	pass(&r->b, 5000000);
	ck_assert_uint_eq(rd(r, PO + 8, 2), 480); /* samples left: half of 960 */
	ck_assert_uint_eq(rd(r, PO + 4, 1), 0);
	ck_assert_uint_eq(irqs(r), 0);
	pass(&r->b, 5100000);
	ck_assert_uint_eq(rd(r, PO + 4, 1), 1);
	ck_assert_uint_eq(rd(r, PO + 6, 2), 0x0A); /* BCIS, and the current one is the last */
	ck_assert_uint_eq(rd(r, NABM + 0x30, 4) & 0x40, 0x40);
	ck_assert_uint_eq(irqs(r), 1);
	wr(r, PO + 6, 0x1C, 2);
	ck_assert_uint_eq(irqs(r), 0);
	pass(&r->b, 10000000);
	ck_assert_uint_eq(rd(r, PO + 6, 2), 0x0F); /* halted */
	ck_assert_uint_eq(r->frames, 960);
	ck_assert_uint_eq(r->rate, 48000);
	ck_assert_int_eq(r->last[0], 960);
	ck_assert_int_eq(r->last[1], -960);
	/* one more buffer: it goes on with the next entry */
	space_write(&r->b.mem, LIST + 16, SOUND, 4);
	space_write(&r->b.mem, LIST + 20, 480 * 2, 4);
	wr(r, PO + 5, 2, 1);
	pass(&r->b, 11000000);
	ck_assert_uint_eq(r->frames, 1440);
	ck_assert_int_eq(r->last[0], 480);
	rig_free(r);
}
END_TEST

START_TEST(rates_and_volumes)
{
	struct rig *r = rig_new();

	wr(r, NAM + 0x2C, 22050, 2);
	ck_assert_uint_eq(rd(r, NAM + 0x2C, 2), 48000); /* not before variable rates are on */
	wr(r, NAM + 0x2A, 1, 2);
	wr(r, NAM + 0x2C, 22050, 2);
	ck_assert_uint_eq(rd(r, NAM + 0x2C, 2), 22050);
	prepare(r, 1, 2205);
	wr(r, NAM + 0x02, 0x0004, 2); /* the right side 6 dB lower: half */
	wr(r, PO + 11, 1, 1);
	pass(&r->b, 99000000);
	ck_assert_uint_ge(rd(r, PO + 8, 2), 1);
	pass(&r->b, 2000000);
	ck_assert_uint_eq(r->frames, 2205);
	ck_assert_uint_eq(r->rate, 22050);
	ck_assert_int_eq(r->last[0], 2205);
	ck_assert_int_ge(-r->last[1], 1100);
	ck_assert_int_le(-r->last[1], 1110);
	wr(r, NAM + 0x18, 0x8808, 2); /* mute */
	wr(r, PO + 11, 2, 1);
	ck_assert_uint_eq(rd(r, PO + 6, 2), 1);
	prepare(r, 1, 100);
	wr(r, NAM + 0x18, 0x8808, 2);
	wr(r, PO + 11, 1, 1);
	pass(&r->b, 10000000);
	ck_assert_int_eq(r->last[0], 0);
	rig_free(r);
}
END_TEST

/* Recording: silence, at its time, into memory. */
START_TEST(capture)
{
	struct rig *r = rig_new();

	prepare(r, 1, 480);
	wr(r, NABM, LIST, 4);
	wr(r, NABM + 5, 0, 1);
	wr(r, NABM + 11, 0x11, 1);
	pass(&r->b, 5000000);
	ck_assert_uint_eq(space_read(&r->b.mem, SOUND, 2), 0);
	ck_assert_uint_eq(space_read(&r->b.mem, SOUND + 479 * 4, 2), 480);
	pass(&r->b, 6000000);
	ck_assert_uint_eq(space_read(&r->b.mem, SOUND + 479 * 4, 2), 0);
	ck_assert_uint_eq(rd(r, NABM + 0x30, 4) & 0x20, 0x20);
	ck_assert_uint_eq(r->frames, 0);
	rig_free(r);
}
END_TEST

START_TEST(random_accesses)
{
	struct rig *r = rig_new();

	fuzz(&r->b, &r->b.io, NAM, 0x440, &r->a->dev);
	rig_free(r);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {identity, ring, rates_and_volumes, capture, random_accesses};

	return run_cases("ac97", tests, ARRAY_SIZE(tests));
}
