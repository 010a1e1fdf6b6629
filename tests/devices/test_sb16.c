/* test_sb16.c - the Sound Blaster's DSP and mixer: identity, both widths by DMA, pause, automatic blocks, resources by the mixer. */
#include "chip_fixture.h"
#include "devices/sb16.h"
#include "mmu/ram.h"

#define RAM (1 << 20)
#define BASE 0x220
#define SOUND 0x20000

struct rig {
	struct board b;
	struct ram ram;
	struct region main;
	struct i8237 *dma;
	struct sb16 *sb;
	struct audio audio;
	uint64_t frames;
	unsigned rate;
	int16_t first[2], last[2], peak;
};

static void play(struct audio *a, struct audio_voice *v, const int16_t *lr, unsigned n, unsigned rate, uint64_t ns)
{
	struct rig *r = container_of(a, struct rig, audio);

	(void)v;
	(void)ns;
	if (!r->frames)
		memcpy(r->first, lr, sizeof(r->first));
	memcpy(r->last, lr + 2 * (n - 1), sizeof(r->last));
	for (unsigned i = 0; i < 2 * n; i++)
		r->peak = lr[i] > r->peak ? lr[i] : r->peak;
	r->frames += n;
	r->rate = rate;
}

static struct rig *rig_new(void)
{
	static const struct sb16_config cfg = {.iobase = BASE, .irq = 5, .dma = 1, .dma16 = 5};
	struct rig *r = calloc(1, sizeof(*r));
	struct irq lines[SB16_LINES];

	ck_assert_ptr_nonnull(r);
	board_init(&r->b);
	ck_assert_int_eq(ram_init(&r->ram, RAM, NULL), VM_OK);
	space_fini(&r->b.mem);
	space_init(&r->b.mem, "mem", BIT(52) - 1, &r->ram, &r->b.log);
	r->main = (struct region){.name = "ram", .kind = REGION_RAM, .len = RAM, .ra = ram_alloc(&r->ram, RAM)};
	space_add(&r->b.mem, &r->main, 0);
	r->audio.play = play;
	r->dma = i8237_create(&r->b.log, &r->b.mem, &r->b.io);
	lines[0] = wire(&r->b, 9);
	lines[1] = wire(&r->b, 5);
	lines[2] = wire(&r->b, 7);
	lines[3] = wire(&r->b, 10);
	r->sb = sb16_create(&r->b.log, &r->b.clock, &r->b.io, r->dma, lines, &cfg, NULL, &r->audio);
	return r;
}

static void rig_free(struct rig *r)
{
	drop(&r->sb->dev);
	drop(&r->dma->dev);
	ram_fini(&r->ram);
	board_fini(&r->b);
	free(r);
}

static void cmd(struct rig *r, unsigned n, const uint8_t *bytes)
{
	for (unsigned i = 0; i < n; i++) {
		ck_assert_uint_eq(in(&r->b, BASE + 12) & 0x80, 0);
		out(&r->b, BASE + 12, bytes[i]);
	}
}
#define CMD(r, ...) cmd(r, sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

static void mixer(struct rig *r, uint8_t reg, uint8_t v)
{
	out(&r->b, BASE + 4, reg);
	out(&r->b, BASE + 5, v);
}

static uint8_t mixed(struct rig *r, uint8_t reg)
{
	out(&r->b, BASE + 4, reg);
	return in(&r->b, BASE + 5);
}

/* Channel 1 (bytes) or 5 (words): memory to the card, automatic or single */
static void dma(struct rig *r, bool wide, unsigned bytes, bool again)
{
	unsigned base = wide ? 0xC0 : 0, step = wide ? 2 : 1, at = wide ? SOUND / 2 & 0xFFFF : SOUND & 0xFFFF;
	unsigned n = (wide ? bytes / 2 : bytes) - 1;

	out(&r->b, base + 12 * step, 0);
	out(&r->b, base + 11 * step, 0x48 | (again ? 0x10 : 0) | 1);
	out(&r->b, base + 2 * step, at & 0xFF);
	out(&r->b, base + 2 * step, at >> 8);
	out(&r->b, base + 3 * step, n & 0xFF);
	out(&r->b, base + 3 * step, n >> 8);
	out(&r->b, wide ? 0x8B : 0x83, SOUND >> 16);
	out(&r->b, base + 10 * step, 1);
}

static void loud(struct rig *r)
{
	mixer(r, 0x30, 0xF8);
	mixer(r, 0x31, 0xF8);
	mixer(r, 0x32, 0xF8);
	mixer(r, 0x33, 0xF8);
}

START_TEST(identity)
{
	struct rig *r = rig_new();

	out(&r->b, BASE + 6, 1);
	out(&r->b, BASE + 6, 0);
	ck_assert_uint_eq(in(&r->b, BASE + 14), 0xFF);
	ck_assert_uint_eq(in(&r->b, BASE + 10), 0xAA);
	ck_assert_uint_eq(in(&r->b, BASE + 14), 0x7F);
	CMD(r, 0xE1);
	ck_assert_uint_eq(in(&r->b, BASE + 10), 4);
	ck_assert_uint_eq(in(&r->b, BASE + 10), 5);
	CMD(r, 0xE0, 0x5A);
	ck_assert_uint_eq(in(&r->b, BASE + 10), 0xA5);
	CMD(r, 0xE4, 0x77);
	CMD(r, 0xE8);
	ck_assert_uint_eq(in(&r->b, BASE + 10), 0x77);
	CMD(r, 0xF2);
	ck_assert_int_eq(r->b.level[5], 1);
	ck_assert_uint_eq(mixed(r, 0x82) & 3, 1);
	in(&r->b, BASE + 14);
	ck_assert_int_eq(r->b.level[5], 0);
	ck_assert_uint_eq(mixed(r, 0x80) & 0xF, 2);
	ck_assert_uint_eq(mixed(r, 0x81), 0x22);
	mixer(r, 0x22, 0xA5); /* the register of older cards */
	ck_assert_uint_eq(mixed(r, 0x30) & 0xF0, 0xA0);
	ck_assert_uint_eq(mixed(r, 0x31) & 0xF0, 0x50);
	rig_free(r);
}
END_TEST

/* 8 bits, unsigned, mono, one block of 100 ms */
START_TEST(bytes)
{
	struct rig *r = rig_new();

	for (unsigned i = 0; i < 1100; i++)
		space_write(&r->b.mem, SOUND + i, i < 1099 ? 0xC0 : 0x40, 1);
	loud(r);
	dma(r, false, 1100, false);
	CMD(r, 0x41, 11000 >> 8, 11000 & 0xFF);
	CMD(r, 0xC0, 0x00, 1099 & 0xFF, 1099 >> 8);
	pass(&r->b, 50000000);
	ck_assert_uint_ge(r->frames, 500);
	ck_assert_uint_le(r->frames, 560);
	ck_assert_int_eq(r->b.level[5], 0);
	CMD(r, 0xD0);
	pass(&r->b, 50000000);
	ck_assert_uint_le(r->frames, 560);
	CMD(r, 0xD4);
	pass(&r->b, 60000000);
	ck_assert_uint_eq(r->frames, 1100);
	ck_assert_uint_eq(r->rate, 11000);
	ck_assert_int_eq(r->b.level[5], 1);
	ck_assert_int_eq(r->first[0], 0x4000);
	ck_assert_int_eq(r->first[1], 0x4000);
	ck_assert_int_eq(r->last[0], -0x4000);
	in(&r->b, BASE + 14);
	pass(&r->b, 100000000);
	ck_assert_uint_eq(r->frames, 1100);
	rig_free(r);
}
END_TEST

/* 16 bits, signed, stereo, automatic: blocks half as long as the DMA buffer; told to end, it ends with the block. */
START_TEST(words)
{
	struct rig *r = rig_new();

	for (unsigned i = 0; i < 960; i++) {
		space_write(&r->b.mem, SOUND + 4 * i, 1000, 2);
		space_write(&r->b.mem, SOUND + 4 * i + 2, (uint16_t)-2000, 2);
	}
	loud(r);
	mixer(r, 0x31, 0xF8 - 3 * 8); /* the right side 6 dB lower */
	mixer(r, 0x80, 8); /* interrupt 10 */
	dma(r, true, 960 * 4, true);
	CMD(r, 0x41, 48000 >> 8, 48000 & 0xFF);
	CMD(r, 0xB6, 0x30, 959 & 0xFF, 959 >> 8); /* 960 words: 10 ms */
	pass(&r->b, 9500000);
	ck_assert_uint_eq(r->b.rises[10], 0);
	for (unsigned i = 1; i <= 10; i++) {
		pass(&r->b, 10000000);
		ck_assert_uint_eq(r->b.rises[10], i);
		ck_assert_uint_eq(mixed(r, 0x82) & 3, 2);
		in(&r->b, BASE + 15);
		ck_assert_int_eq(r->b.level[10], 0);
	}
	CMD(r, 0xD9);
	pass(&r->b, 30000000);
	ck_assert_uint_eq(r->frames, 480 * 11);
	ck_assert_int_eq(r->last[0], 1000);
	ck_assert_int_ge(r->last[1], -1010);
	ck_assert_int_le(r->last[1], -990);
	rig_free(r);
}
END_TEST

START_TEST(random_accesses)
{
	struct rig *r = rig_new();

	dma(r, false, 1000, true);
	dma(r, true, 1000, true);
	fuzz(&r->b, &r->b.io, BASE, 16, &r->sb->dev);
	rig_free(r);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {identity, bytes, words, random_accesses};

	return run_cases("sb16", tests, ARRAY_SIZE(tests));
}
