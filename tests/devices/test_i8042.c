/* test_i8042.c - keyboard controller with keyboard and mouse plugged in, and port 92h. */
#include "chip_fixture.h"
#include "devices/i8042.h"
#include "devices/port92.h"
#include "devices/ps2kbd.h"
#include "devices/ps2mouse.h"

enum { W_KBD, W_MOUSE, W_A20, W_RESET };

struct fix {
	struct board b;
	struct i8042 *c;
	struct ps2kbd *k;
	struct ps2mouse *m;
	struct input input;
	unsigned leds;
};

static void leds(void *opaque, unsigned v)
{
	((struct fix *)opaque)->leds = v;
}

static void setup(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	board_init(&f->b);
	struct i8042_wires w = {
		wire(&f->b, W_KBD), wire(&f->b, W_MOUSE), wire(&f->b, W_A20), wire(&f->b, W_RESET)};
	f->input.leds = leds;
	f->input.leds_opaque = f;
	f->c = i8042_create(&f->b.log, &f->b.clock, &f->b.io, &w);
	f->k = ps2kbd_create(&f->b.log, &f->b.clock, i8042_ready(f->c, 0), &f->input);
	f->m = ps2mouse_create(&f->b.log, &f->b.clock, i8042_ready(f->c, 1), &f->input);
	i8042_attach(f->c, 0, ps2kbd_port(f->k));
	i8042_attach(f->c, 1, ps2mouse_port(f->m));
}

static void teardown(struct fix *f)
{
	drop(&f->c->dev);
	drop(&f->k->dev);
	drop(&f->m->dev);
	board_fini(&f->b);
}

/* The next byte within 5 ms, with 100h added if it came from the mouse; -1: none. */
static int get(struct fix *f)
{
	pass(&f->b, 5000000);
	uint8_t st = in(&f->b, 0x64);
	if (!(st & 1))
		return -1;
	return in(&f->b, 0x60) | (st & 0x20 ? 0x100 : 0);
}

#define EXPECT(f, ...)                                                                             \
	do {                                                                                       \
		const int want_[] = {__VA_ARGS__};                                                 \
		for (unsigned i_ = 0; i_ < ARRAY_SIZE(want_); i_++)                                \
			ck_assert_int_eq(get(f), want_[i_]);                                       \
		ck_assert_int_eq(get(f), -1);                                                      \
	} while (0)

static void kbd(struct fix *f, unsigned v)
{
	out(&f->b, 0x60, v);
}

static void mouse(struct fix *f, unsigned v)
{
	out(&f->b, 0x64, 0xD4);
	out(&f->b, 0x60, v);
}

static void ctr(struct fix *f, unsigned v)
{
	out(&f->b, 0x64, 0x60);
	out(&f->b, 0x60, v);
}

static void key(struct fix *f, unsigned code, bool down)
{
	f->input.key(f->input.key_opaque, code, down);
}

START_TEST(controller)
{
	struct fix f;
	setup(&f);
	out(&f.b, 0x64, 0xAA);
	EXPECT(&f, 0x55);
	ck_assert_uint_eq(in(&f.b, 0x64) & 0x04, 0x04);
	out(&f.b, 0x64, 0xAB);
	EXPECT(&f, 0x00);
	out(&f.b, 0x64, 0xA9);
	EXPECT(&f, 0x00);
	ctr(&f, 0x47);
	out(&f.b, 0x64, 0x20);
	EXPECT(&f, 0x47);
	out(&f.b, 0x64, 0xA7);
	out(&f.b, 0x64, 0x20);
	EXPECT(&f, 0x67);
	out(&f.b, 0x64, 0xAD);
	key(&f, 0x1E, true);
	ck_assert_int_eq(get(&f), -1); /* clock held low */
	out(&f.b, 0x64, 0xAE);
	EXPECT(&f, 0x1E);
	out(&f.b, 0x64, 0xD2);
	kbd(&f, 0x77);
	EXPECT(&f, 0x77);
	out(&f.b, 0x64, 0xD3);
	kbd(&f, 0x78);
	EXPECT(&f, 0x178);
	teardown(&f);
}
END_TEST

START_TEST(a20_and_reset)
{
	struct fix f;
	setup(&f);
	ck_assert_int_eq(f.b.level[W_A20], 1);
	out(&f.b, 0x64, 0xD1);
	out(&f.b, 0x60, 0xDD);
	ck_assert_int_eq(f.b.level[W_A20], 0);
	out(&f.b, 0x64, 0xD0);
	ck_assert_int_eq(get(&f) & 3, 1);
	out(&f.b, 0x64, 0xDF);
	ck_assert_int_eq(f.b.level[W_A20], 1);
	ck_assert_uint_eq(f.b.rises[W_RESET], 0);
	out(&f.b, 0x64, 0xFF);
	ck_assert_uint_eq(f.b.rises[W_RESET], 0);
	out(&f.b, 0x64, 0xFE);
	ck_assert_uint_eq(f.b.rises[W_RESET], 1);
	out(&f.b, 0x64, 0xD1);
	out(&f.b, 0x60, 0xDE);
	ck_assert_uint_eq(f.b.rises[W_RESET], 2);
	struct port92 *p = port92_create(&f.b.log, &f.b.io, wire(&f.b, W_A20), wire(&f.b, W_RESET));
	ck_assert_uint_eq(in(&f.b, 0x92), 2);
	out(&f.b, 0x92, 0);
	ck_assert_int_eq(f.b.level[W_A20], 0);
	out(&f.b, 0x92, 3);
	out(&f.b, 0x92, 3);
	ck_assert_int_eq(f.b.level[W_A20], 1);
	ck_assert_uint_eq(f.b.rises[W_RESET], 3);
	fuzz(&f.b, &f.b.io, 0x91, 3, &p->dev);
	drop(&p->dev);
	teardown(&f);
}
END_TEST

START_TEST(kbd_commands)
{
	struct fix f;
	setup(&f);
	kbd(&f, 0xFF);
	EXPECT(&f, 0xFA, 0xAA);
	kbd(&f, 0xF2);
	EXPECT(&f, 0xFA, 0xAB, 0x83);
	kbd(&f, 0xEE);
	EXPECT(&f, 0xEE);
	kbd(&f, 0xED);
	EXPECT(&f, 0xFA);
	kbd(&f, 0x06);
	EXPECT(&f, 0xFA);
	ck_assert_uint_eq(f.leds, 6);
	kbd(&f, 0xF0);
	EXPECT(&f, 0xFA);
	kbd(&f, 0x00);
	EXPECT(&f, 0xFA, 0x02);
	kbd(&f, 0xFE);
	EXPECT(&f, 0x02);
	kbd(&f, 0xF1);
	EXPECT(&f, 0xFE);
	kbd(&f, 0xF5);
	EXPECT(&f, 0xFA);
	key(&f, 0x1E, true);
	key(&f, 0x1E, false);
	EXPECT(&f, -1);
	kbd(&f, 0xF4);
	EXPECT(&f, 0xFA);
	ctr(&f, 0x45);
	kbd(&f, 0xF2);
	EXPECT(&f, 0xFA, 0xAB, 0x41); /* the translator changes the identity too */
	teardown(&f);
}
END_TEST

START_TEST(scan_sets)
{
	struct fix f;
	setup(&f);
	key(&f, 0x1E, true);
	key(&f, 0x1E, false); /* A, set 2 */
	EXPECT(&f, 0x1C, 0xF0, 0x1C);
	key(&f, 0xE04B, true);
	key(&f, 0xE04B, false); /* Left */
	EXPECT(&f, 0xE0, 0x6B, 0xE0, 0xF0, 0x6B);
	key(&f, KEY_PRINT, true);
	key(&f, KEY_PRINT, false);
	EXPECT(&f, 0xE0, 0x12, 0xE0, 0x7C, 0xE0, 0xF0, 0x7C, 0xE0, 0xF0, 0x12);
	key(&f, KEY_PAUSE, true);
	key(&f, KEY_PAUSE, false);
	EXPECT(&f, 0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77);
	ctr(&f, 0x45); /* translated */
	key(&f, 0x41, true);
	key(&f, 0x41, false); /* F7, the odd one */
	EXPECT(&f, 0x41, 0xC1);
	key(&f, KEY_PAUSE, true);
	key(&f, KEY_PAUSE, false);
	EXPECT(&f, 0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5);
	for (unsigned c = 1; c < 0x59; c++) { /* round trip of every plain key */
		if (c == 0x54 || c == 0x55)
			continue;
		key(&f, c, true);
		key(&f, c, false);
		ck_assert_int_eq(get(&f), c);
		ck_assert_int_eq(get(&f), c | 0x80);
	}
	ctr(&f, 0x05);
	kbd(&f, 0xF0);
	EXPECT(&f, 0xFA);
	kbd(&f, 3);
	EXPECT(&f, 0xFA);
	key(&f, 0x1E, true);
	key(&f, 0x1E, false);
	EXPECT(&f, 0x1C); /* no break code by default */
	key(&f, 0x2A, true);
	key(&f, 0x2A, false);
	EXPECT(&f, 0x12, 0xF0, 0x12);
	kbd(&f, 0xF8);
	EXPECT(&f, 0xFA);
	key(&f, 0x1E, true);
	key(&f, 0x1E, false);
	EXPECT(&f, 0x1C, 0xF0, 0x1C);
	kbd(&f, 0xF0);
	EXPECT(&f, 0xFA);
	kbd(&f, 1);
	EXPECT(&f, 0xFA);
	key(&f, 0xE01D, true);
	key(&f, 0xE01D, false);
	EXPECT(&f, 0xE0, 0x1D, 0xE0, 0x9D);
	teardown(&f);
}
END_TEST

START_TEST(typematic)
{
	struct fix f;
	setup(&f);
	key(&f, 0x1E, true);
	ck_assert_int_eq(get(&f), 0x1C);
	key(&f, 0x1E, true); /* the host's repeat is not ours */
	ck_assert_int_eq(get(&f), -1);
	pass(&f.b, 480000000);
	ck_assert_int_eq(get(&f), -1);
	pass(&f.b, 15000000);
	ck_assert_int_eq(get(&f), 0x1C);
	pass(&f.b, 92000000); /* 10.9 per second */
	ck_assert_int_eq(get(&f), 0x1C);
	pass(&f.b, NS_PER_SEC); /* nobody reads: at most one waits in line */
	key(&f, 0x1E, false);
	int n = 0, v;
	while ((v = get(&f)) >= 0)
		n++;
	ck_assert_int_le(n, 4);
	pass(&f.b, NS_PER_SEC);
	ck_assert_int_eq(get(&f), -1);
	teardown(&f);
}
END_TEST

START_TEST(interrupts_one_per_byte)
{
	struct fix f;
	setup(&f);
	ctr(&f, 0x47);
	key(&f, 0x1E, true);
	key(&f, 0x1E, false);
	pass(&f.b, 1000000);
	ck_assert_int_eq(f.b.level[W_KBD], 1);
	ck_assert_uint_eq(in(&f.b, 0x60), 0x1E);
	ck_assert_uint_eq(in(&f.b, 0x60), 0x1E); /* a chained handler reads the same byte */
	ck_assert_int_eq(f.b.level[W_KBD], 0);
	pass(&f.b, 1000000);
	ck_assert_uint_eq(f.b.rises[W_KBD], 2);
	ck_assert_uint_eq(in(&f.b, 0x60), 0x9E);
	mouse(&f, 0xF4);
	pass(&f.b, 1000000);
	ck_assert_int_eq(f.b.level[W_MOUSE], 1);
	EXPECT(&f, 0x1FA);
	ck_assert_int_eq(f.b.level[W_MOUSE], 0);
	teardown(&f);
}
END_TEST

static void set_rate(struct fix *f, unsigned r)
{
	mouse(f, 0xF3);
	ck_assert_int_eq(get(f), 0x1FA);
	mouse(f, r);
	ck_assert_int_eq(get(f), 0x1FA);
}

static void move(struct fix *f, int dx, int dy, int dz, unsigned b)
{
	f->input.mouse(f->input.mouse_opaque, dx, dy, dz, b);
}

START_TEST(mouse_standard)
{
	struct fix f;
	setup(&f);
	mouse(&f, 0xFF);
	EXPECT(&f, 0x1FA, 0x1AA, 0x100);
	mouse(&f, 0xF2);
	EXPECT(&f, 0x1FA, 0x100);
	move(&f, 5, 5, 0, 0);
	EXPECT(&f, -1); /* disabled */
	mouse(&f, 0xF4);
	EXPECT(&f, 0x1FA);
	move(&f, 5, 3, 0, 1); /* host y is down, PS/2 y is up */
	EXPECT(&f, 0x129, 0x105, 0x1FD);
	move(&f, -300, 0, 0, 1);
	EXPECT(&f, 0x119, 0x101, 0x100, 0x119, 0x1D3, 0x100); /* -255, then the rest */
	mouse(&f, 0xE7);
	EXPECT(&f, 0x1FA);
	move(&f, 4, 0, 0, 1);
	EXPECT(&f, 0x109, 0x106, 0x100);
	mouse(&f, 0xE9);
	EXPECT(&f, 0x1FA, 0x134, 0x102, 0x164);
	mouse(&f, 0xF0);
	EXPECT(&f, 0x1FA);
	move(&f, 7, 0, 0, 0);
	EXPECT(&f, -1);
	mouse(&f, 0xEB);
	EXPECT(&f, 0x1FA, 0x108, 0x107, 0x100);
	mouse(&f, 0xEE);
	EXPECT(&f, 0x1FA);
	mouse(&f, 0xF2);
	EXPECT(&f, 0x1F2); /* wrap echoes */
	mouse(&f, 0xEC);
	EXPECT(&f, 0x1FA);
	mouse(&f, 0xE1);
	EXPECT(&f, 0x1FE);
	teardown(&f);
}
END_TEST

START_TEST(mouse_wheel)
{
	struct fix f;
	setup(&f);
	set_rate(&f, 200);
	set_rate(&f, 100);
	set_rate(&f, 80);
	mouse(&f, 0xF2);
	EXPECT(&f, 0x1FA, 0x103);
	mouse(&f, 0xF4);
	EXPECT(&f, 0x1FA);
	move(&f, 0, 0, -1, 0);
	EXPECT(&f, 0x108, 0x100, 0x100, 0x1FF);
	set_rate(&f, 200);
	set_rate(&f, 200);
	set_rate(&f, 80);
	mouse(&f, 0xF2);
	EXPECT(&f, 0x1FA, 0x104);
	move(&f, 0, 0, 1, 8);
	EXPECT(&f, 0x108, 0x100, 0x100, 0x111);
	teardown(&f);
}
END_TEST

START_TEST(fuzzed)
{
	struct fix f;
	uint64_t seed = 99;
	setup(&f);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t r = rnd(&seed);
		switch (r % 5) {
		case 0:
			key(&f, (r >> 8) & 0xFFFF, (r >> 40) & 1);
			break;
		case 1:
			key(&f, ((r >> 8) & 0x7F) | ((r >> 16) & 1 ? 0xE000 : 0), (r >> 40) & 1);
			break;
		case 2:
			move(&f, (int)(r >> 8), (int)(r >> 16), (int)(r >> 24),
				(unsigned)(r >> 50));
			break;
		case 3:
			mouse(&f, (r >> 8) & 0xFF);
			break;
		case 4:
			kbd(&f, (r >> 8) & 0xFF);
			break;
		}
		if (r >> 60 & 1)
			in(&f.b, 0x60);
		jump(&f.b, (r >> 20) % 1000000);
	}
	fuzz(&f.b, &f.b.io, 0x60, 6, &f.c->dev);
	ck_assert_int_eq(f.k->dev.ops->post_load(&f.k->dev, NULL), VM_OK);
	ck_assert_int_eq(f.m->dev.ops->post_load(&f.m->dev, NULL), VM_OK);
	teardown(&f);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {controller, a20_and_reset, kbd_commands, scan_sets, typematic,
		interrupts_one_per_byte, mouse_standard, mouse_wheel, fuzzed};
	return run_cases("i8042", t, ARRAY_SIZE(t));
}
