/* test_uart16550.c - 16550A: detection as Linux does it, FIFOs, interrupts, loopback. */
#include "chip_fixture.h"
#include "devices/uart16550.h"

struct fix {
	struct board b;
	struct uart16550 *u;
	struct chr chr;
	char sent[64];
	unsigned nsent, accepted;
};

static void sink(struct chr *c, const uint8_t *buf, unsigned len)
{
	struct fix *f = container_of(c, struct fix, chr);
	for (unsigned i = 0; i < len; i++)
		f->sent[f->nsent++ % 64] = (char)buf[i];
}

static void accepted(struct chr *c)
{
	container_of(c, struct fix, chr)->accepted++;
}

static void setup(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	board_init(&f->b);
	f->chr.write = sink;
	f->chr.accept = accepted;
	f->u = uart16550_create(&f->b.log, &f->b.clock, &f->b.io, 0x3F8, wire(&f->b, 0), &f->chr);
}

static void teardown(struct fix *f)
{
	drop(&f->u->dev);
	board_fini(&f->b);
}

static void feed(struct fix *f, const char *s)
{
	f->chr.receive(f->chr.dev, (const uint8_t *)s, (unsigned)strlen(s));
}

START_TEST(detection)
{
	struct fix f;
	setup(&f);
	out(&f.b, 0x3F9, 0x00);
	ck_assert_uint_eq(in(&f.b, 0x3F9), 0);
	out(&f.b, 0x3F9, 0xFF);
	ck_assert_uint_eq(in(&f.b, 0x3F9), 0x0F);
	out(&f.b, 0x3F9, 0x00);
	out(&f.b, 0x3FC, 0x1A); /* loopback, RTS, OUT2 */
	ck_assert_uint_eq(in(&f.b, 0x3FE) & 0xF0, 0x90);
	out(&f.b, 0x3FC, 0);
	ck_assert_uint_eq(in(&f.b, 0x3FE) & 0xF0, 0xB0);
	ck_assert_uint_eq(in(&f.b, 0x3FA) >> 6, 0);
	out(&f.b, 0x3FA, 1);
	ck_assert_uint_eq(in(&f.b, 0x3FA) >> 6, 3);
	out(&f.b, 0x3FF, 0x5A);
	ck_assert_uint_eq(in(&f.b, 0x3FF), 0x5A);
	out(&f.b, 0x3FB, 0x80);
	out(&f.b, 0x3F8, 0x34);
	out(&f.b, 0x3F9, 0x12);
	ck_assert_uint_eq(in(&f.b, 0x3F8), 0x34);
	ck_assert_uint_eq(in(&f.b, 0x3F9), 0x12);
	out(&f.b, 0x3FB, 0x03);
	ck_assert_uint_eq(in(&f.b, 0x3FD), 0x60);
	teardown(&f);
}
END_TEST

START_TEST(transmit_irq)
{
	struct fix f;
	setup(&f);
	out(&f.b, 0x3F9, 2); /* THRE enabled while empty: at once */
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_uint_eq(in(&f.b, 0x3FA), 0x02);
	ck_assert_int_eq(f.b.level[0], 0); /* reading IIR acknowledged it */
	ck_assert_uint_eq(in(&f.b, 0x3FA), 0x01);
	out(&f.b, 0x3F8, 'a');
	ck_assert_int_eq(f.b.level[0], 1);
	out(&f.b, 0x3F8, 'b'); /* a new edge for each byte */
	ck_assert_uint_eq(f.b.rises[0], 3);
	ck_assert_uint_eq(f.nsent, 2);
	ck_assert_int_eq(memcmp(f.sent, "ab", 2), 0);
	out(&f.b, 0x3F9, 0);
	ck_assert_int_eq(f.b.level[0], 0);
	out(&f.b, 0x3F9, 2);
	ck_assert_uint_eq(in(&f.b, 0x3FA) & 15, 0x02);
	teardown(&f);
}
END_TEST

START_TEST(receive_fifo)
{
	struct fix f;
	setup(&f);
	ck_assert_uint_eq(f.chr.can_receive(f.chr.dev), 1);
	out(&f.b, 0x3FA, 0x81); /* FIFO, trigger 8 */
	out(&f.b, 0x3F9, 1);
	ck_assert_uint_eq(f.chr.can_receive(f.chr.dev), 16);
	feed(&f, "1234567");
	ck_assert_int_eq(f.b.level[0], 0);
	ck_assert_uint_eq(in(&f.b, 0x3FD), 0x61);
	pass(&f.b, 100 * 1000 * 1000); /* four character times at 9600 baud are 4 ms */
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_uint_eq(in(&f.b, 0x3FA), 0xCC);
	ck_assert_uint_eq(in(&f.b, 0x3F8), '1');
	ck_assert_int_eq(f.b.level[0], 0);
	feed(&f, "89");
	ck_assert_uint_eq(in(&f.b, 0x3FA), 0xC4);
	for (char c = '2'; c <= '9'; c++)
		ck_assert_uint_eq(in(&f.b, 0x3F8), c);
	ck_assert_uint_eq(in(&f.b, 0x3FD), 0x60);
	ck_assert_uint_eq(in(&f.b, 0x3FA), 0xC1);
	ck_assert_uint_gt(f.accepted, 0);
	feed(&f, "0123456789abcdef");
	ck_assert_uint_eq(f.chr.can_receive(f.chr.dev), 0);
	feed(&f, "X"); /* a backend that ignores can_receive: overrun, nothing worse */
	ck_assert_uint_eq(in(&f.b, 0x3FD) & 0x02, 0x02);
	ck_assert_uint_eq(in(&f.b, 0x3FD) & 0x02, 0x00);
	ck_assert_uint_eq(in(&f.b, 0x3F8), '0');
	out(&f.b, 0x3FA, 0x83); /* clear */
	ck_assert_uint_eq(in(&f.b, 0x3FD), 0x60);
	teardown(&f);
}
END_TEST

START_TEST(break_loopback_modem)
{
	struct fix f;
	setup(&f);
	out(&f.b, 0x3F9, 4);
	f.chr.brk(f.chr.dev);
	ck_assert_uint_eq(in(&f.b, 0x3FA), 0x06);
	ck_assert_uint_eq(in(&f.b, 0x3FD), 0x71);
	ck_assert_int_eq(f.b.level[0], 0);
	ck_assert_uint_eq(in(&f.b, 0x3F8), 0);
	out(&f.b, 0x3F9, 9);
	in(&f.b, 0x3FE);
	out(&f.b, 0x3FC, 0x10); /* loop: DCD, DSR, CTS drop */
	ck_assert_uint_eq(in(&f.b, 0x3FA), 0x00);
	ck_assert_uint_eq(in(&f.b, 0x3FE), 0x0B);
	out(&f.b, 0x3F8, 'z');
	ck_assert_uint_eq(f.nsent, 0);
	ck_assert_uint_eq(in(&f.b, 0x3FA), 0x04);
	ck_assert_uint_eq(in(&f.b, 0x3F8), 'z');
	ck_assert_uint_eq(f.chr.can_receive(f.chr.dev), 0);
	out(&f.b, 0x3FC, 0x14);
	ck_assert_uint_eq(in(&f.b, 0x3FE), 0x40); /* RI on: no delta */
	out(&f.b, 0x3FC, 0x10);
	ck_assert_uint_eq(in(&f.b, 0x3FE), 0x04); /* trailing edge */
	teardown(&f);
}
END_TEST

START_TEST(fuzzed)
{
	struct fix f;
	setup(&f);
	fuzz(&f.b, &f.b.io, 0x3F7, 10, &f.u->dev);
	teardown(&f);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {
		detection, transmit_irq, receive_fifo, break_loopback_modem, fuzzed};
	return run_cases("uart16550", t, ARRAY_SIZE(t));
}
