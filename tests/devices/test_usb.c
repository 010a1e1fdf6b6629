/*
 * test_usb.c - the USB controller by its schedule in memory: enumeration as a driver does it, NAK, stall, time-outs, short
 * packets, interrupts, schedules that never end; what tablet, mouse and keyboard report; random schedules.
 */
#include "chip_fixture.h"
#include "devices/usb/hid.h"
#include "devices/usb/uhci.h"
#include "mmu/ram.h"

#define IO 0xC040u
#define RAM (1u << 20)
#define LIST 0x1000u /* frame list: all entries lead to QH */
#define QH 0x2000u
#define TD 0x3000u
#define BUF 0x4000u
#define MS 1000000u

#define ACTIVE (1u << 23)
#define STALLED (1u << 22)
#define NAK (1u << 19)
#define IOC (1u << 24)
#define SPD (1u << 29)
#define THREE_ERRORS (3u << 27)

struct rig {
	struct board b;
	struct ram ram;
	struct region main;
	struct pci_bus *bus;
	struct input in;
	struct uhci *u;
	unsigned leds;
};

static void put32(struct rig *r, unsigned at, uint32_t v)
{
	space_write(&r->b.mem, at, v, 4);
}

static uint32_t get32(struct rig *r, unsigned at)
{
	return (uint32_t)space_read(&r->b.mem, at, 4);
}

static void wr(struct rig *r, unsigned reg, unsigned v)
{
	space_write(&r->b.io, IO + reg, v, 2);
}

static unsigned rd(struct rig *r, unsigned reg)
{
	return (unsigned)space_read(&r->b.io, IO + reg, 2);
}

static void leds(void *opaque, unsigned v)
{
	((struct rig *)opaque)->leds = v;
}

static struct rig *rig_new(const struct usb_kind *a, const struct usb_kind *b)
{
	const struct usb_kind *const kind[UHCI_PORTS] = {a, b};
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
	r->in.leds = leds;
	r->in.leds_opaque = r;
	r->u = uhci_create(&r->b.log, &r->b.clock, r->bus, PCI_DEVFN(1, 2), &r->in, kind);
	ck_assert_ptr_nonnull(r->u);
	pci_config_write(&r->u->pci, PCI_CFG_BAR0 + 16, IO, 4);
	pci_config_write(&r->u->pci, PCI_CFG_COMMAND, PCI_CMD_IO | PCI_CMD_MASTER, 2);
	for (unsigned i = 0; i < 1024; i++)
		put32(r, LIST + 4 * i, QH | 2);
	put32(r, QH, 1);
	put32(r, QH + 4, 1);
	space_write(&r->b.io, IO + 8, LIST, 4);
	wr(r, 4, 0xF);
	wr(r, 0, 1);
	for (unsigned i = 0; i < 2; i++) { /* reset and enable both ports */
		wr(r, 0x10 + 2 * i, 0x200);
		wr(r, 0x10 + 2 * i, 0);
		wr(r, 0x10 + 2 * i, 0xE);
	}
	return r;
}

static void rig_free(struct rig *r)
{
	drop(&r->u->dev);
	drop(&r->bus->dev);
	space_fini(&r->b.mem);
	ram_fini(&r->ram);
	space_fini(&r->b.io);
	log_fini(&r->b.log);
	free(r);
}

static int pin(struct rig *r)
{
	return r->b.level[0] | r->b.level[1] | r->b.level[2] | r->b.level[3];
}

/* One transaction as the only element of the queue. Return: the TD's status after @ms frames. */
static uint32_t transact(struct rig *r, unsigned pid, unsigned addr, unsigned ep, unsigned len, uint32_t ctrl, unsigned ms)
{
	put32(r, TD, 1);
	put32(r, TD + 4, ctrl);
	put32(r, TD + 8, pid | addr << 8 | ep << 15 | ((len - 1) & 0x7FF) << 21);
	put32(r, TD + 12, BUF);
	put32(r, QH + 4, TD);
	pass(&r->b, (uint64_t)ms * MS);
	return get32(r, TD + 4);
}

static unsigned actual(uint32_t ctrl)
{
	return (ctrl + 1) & 0x7FF;
}

/* A control transfer. Return: bytes read, or -1 after a stall. */
static int control(struct rig *r, unsigned addr, const char *setup, uint8_t *data)
{
	unsigned want = (uint8_t)setup[6], n = 0;
	bool in = setup[0] & 0x80;
	uint32_t c;

	space_write_buf(&r->b.mem, BUF, setup, 8);
	c = transact(r, USB_SETUP, addr, 0, 8, ACTIVE, 2);
	ck_assert(!(c & (ACTIVE | STALLED)) && actual(c) == 8);
	while (n < want) {
		unsigned part = want - n < 8 ? want - n : 8;

		if (!in)
			space_write_buf(&r->b.mem, BUF, data + n, part);
		c = transact(r, in ? USB_IN : USB_OUT, addr, 0, part, ACTIVE, 2);
		if (c & STALLED)
			return -1;
		ck_assert(!(c & ACTIVE));
		if (in)
			space_read_buf(&r->b.mem, BUF, data + n, actual(c));
		n += actual(c);
		if (actual(c) < 8)
			break;
	}
	c = transact(r, in && want ? USB_OUT : USB_IN, addr, 0, 0, ACTIVE, 2);
	return c & STALLED ? -1 : (int)n;
}

/* Give the device in port 1 address 5 and its configuration. */
static void enumerate(struct rig *r)
{
	uint8_t b[256];

	wr(r, 0x12, 0);
	ck_assert_int_eq(control(r, 0, "\x80\x06\x00\x01\x00\x00\x12\x00", b), 18);
	ck_assert(b[0] == 18 && b[1] == 1 && b[17] == 1);
	ck_assert_int_eq(control(r, 0, "\x00\x05\x05\x00\x00\x00\x00\x00", NULL), 0);
	ck_assert_int_eq(control(r, 5, "\x80\x06\x00\x02\x00\x00\xFF\x00", b), 34);
	ck_assert(b[2] == 34 && b[9 + 5] == 3);
	ck_assert_int_eq(control(r, 5, "\x81\x06\x00\x22\x00\x00\xFF\x00", b + 100), b[25]);
	ck_assert_int_eq(control(r, 5, "\x80\x06\x02\x03\x09\x04\xFF\x00", b), 2 + 2 * (int)strlen(r->u->plug[0].kind->product_name));
	ck_assert_int_eq(control(r, 5, "\x00\x09\x01\x00\x00\x00\x00\x00", NULL), 0);
	ck_assert_int_eq(control(r, 5, "\x80\x08\x00\x00\x00\x00\x01\x00", b), 1);
	ck_assert_uint_eq(b[0], 1);
}

START_TEST(tablet)
{
	struct rig *r = rig_new(&usb_tablet, NULL);
	uint32_t c;

	ck_assert_uint_eq(rd(r, 0x10) & 0x1B5, 0x95); /* connected, enabled, full speed */
	ck_assert_uint_eq(rd(r, 0x12) & 1, 0);
	ck_assert(!r->in.absolute);
	enumerate(r);
	ck_assert(r->in.absolute);
	c = transact(r, USB_IN, 5, 1, 8, ACTIVE, 3);
	ck_assert_uint_eq(c & (ACTIVE | NAK), ACTIVE | NAK);
	r->in.tablet(r->in.tablet_opaque, 1000, 2000, 0, 0);
	r->in.tablet(r->in.tablet_opaque, 3000, 40000, 1, 0); /* motion adds up to one report */
	r->in.tablet(r->in.tablet_opaque, 3000, 4000, 0, 1);
	c = transact(r, USB_IN, 5, 1, 8, ACTIVE | IOC, 2);
	ck_assert(!(c & ACTIVE) && actual(c) == 6);
	ck_assert(get32(r, BUF) == (3000 << 8 | (32767 & 0xFFu) << 24) && (get32(r, BUF + 4) & 0xFFFF) == (0x7F | 0xFF00));
	ck_assert(pin(r) && (rd(r, 2) & 1));
	wr(r, 2, 1);
	ck_assert(!pin(r));
	c = transact(r, USB_IN, 5, 1, 8, ACTIVE | SPD, 2); /* six of eight bytes: short, which is an interrupt, too */
	ck_assert(actual(c) == 6 && (get32(r, BUF) & 0xFF) == 1 && pin(r));
	ck_assert_uint_eq(get32(r, QH + 4), TD); /* and the queue stays */
	wr(r, 0, 2);
	ck_assert(!r->in.absolute);
	rig_free(r);
}
END_TEST

START_TEST(errors)
{
	struct rig *r = rig_new(&usb_mouse, NULL);
	uint8_t b[8];
	uint32_t c;

	enumerate(r);
	ck_assert_int_eq(control(r, 5, "\x80\x06\x00\x09\x00\x00\x08\x00", b), -1); /* no such descriptor */
	c = transact(r, USB_IN, 5, 2, 8, ACTIVE, 2);				    /* no such endpoint */
	ck_assert_uint_eq(c & (ACTIVE | STALLED), STALLED);
	ck_assert(pin(r) && (rd(r, 2) & 2));
	wr(r, 2, 2);
	c = transact(r, USB_IN, 9, 0, 8, ACTIVE | THREE_ERRORS, 1); /* nobody there: three tries */
	ck_assert(c & ACTIVE);
	pass(&r->b, 4 * MS);
	ck_assert_uint_eq(get32(r, TD + 4) & (ACTIVE | STALLED | THREE_ERRORS), STALLED);
	ck_assert_uint_eq(rd(r, 2) & 0x20, 0);
	transact(r, 0x33, 5, 0, 8, ACTIVE, 2); /* no PID: the controller stops */
	ck_assert_uint_eq(rd(r, 2) & 0x30, 0x30);
	rig_free(r);
}
END_TEST

START_TEST(mouse)
{
	struct rig *r = rig_new(&usb_mouse, NULL);
	uint32_t c;

	enumerate(r);
	r->in.mouse(r->in.mouse_opaque, 200, -5, -1, 2);
	c = transact(r, USB_IN, 5, 1, 4, ACTIVE, 2);
	ck_assert(actual(c) == 4 && get32(r, BUF) == 0x01FB7F02u);
	c = transact(r, USB_IN, 5, 1, 4, ACTIVE, 2); /* the rest of the movement */
	ck_assert(actual(c) == 4 && get32(r, BUF) == (2 | (200 - 127) << 8));
	c = transact(r, USB_IN, 5, 1, 4, ACTIVE, 2);
	ck_assert(c & NAK);
	rig_free(r);
}
END_TEST

START_TEST(keyboard)
{
	struct rig *r = rig_new(&usb_keyboard, NULL);
	uint8_t b[8] = {2};

	enumerate(r);
	r->in.key(r->in.key_opaque, 0x2A, true);   /* left Shift */
	r->in.key(r->in.key_opaque, 0x1E, true);   /* A */
	r->in.key(r->in.key_opaque, 0x1E, false);
	r->in.key(r->in.key_opaque, 0xE048, true); /* up */
	for (unsigned i = 0; i < 4; i++) {
		static const uint32_t want[] = {0x00000002, 0x00040002, 0x00000002, 0x00520002};

		ck_assert_uint_eq(actual(transact(r, USB_IN, 5, 1, 8, ACTIVE, 2)), 8);
		ck_assert_uint_eq(get32(r, BUF), want[i]);
	}
	ck_assert_int_eq(control(r, 5, "\x21\x09\x00\x02\x00\x00\x01\x00", b), 1); /* caps lock's light */
	ck_assert_uint_eq(r->leds, 4);
	rig_free(r);
}
END_TEST

/* Queues that lead to each other, TDs that lead to themselves: each frame ends. */
START_TEST(endless)
{
	struct rig *r = rig_new(&usb_tablet, &usb_keyboard);

	put32(r, QH, QH | 2);
	pass(&r->b, 5 * MS);
	put32(r, QH, TD);
	put32(r, TD, TD);
	put32(r, TD + 4, 0);
	pass(&r->b, 5 * MS);
	put32(r, QH, QH | 2);
	put32(r, TD, TD | 4);
	put32(r, TD + 4, ACTIVE);
	put32(r, TD + 8, USB_OUT | 0x7FFu << 21);
	put32(r, QH + 4, TD);
	pass(&r->b, 5 * MS);
	ck_assert_uint_eq(rd(r, 6), 15);
	rig_free(r);
}
END_TEST

START_TEST(random_schedules)
{
	struct rig *r = rig_new(&usb_tablet, &usb_keyboard);
	uint64_t x = 88172645463325252ull;

	for (unsigned n = 0; n < 300; n++) {
		for (unsigned i = 0; i < 64; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			put32(r, QH + 4 * (x & 0xFFF), (uint32_t)(x >> 20) & (x & 1 ? 0x5FFF : UINT32_MAX));
		}
		wr(r, (unsigned)(x >> 8) & 0x1E, (unsigned)(x >> 16));
		if (x >> 60 == 0)
			r->u->dev.ops->reset(&r->u->dev);
		space_write(&r->b.io, IO + 8, LIST, 4);
		wr(r, 0, 1);
		r->in.tablet(r->in.tablet_opaque, (unsigned)x, (unsigned)(x >> 32), (int)x, (unsigned)(x >> 5));
		r->in.key(r->in.key_opaque, (unsigned)x & 0x7F, x >> 63);
		pass(&r->b, 3 * MS);
		ck_assert(usb_valid(&r->u->s.dev[0]) && usb_valid(&r->u->s.dev[1]));
	}
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("usb");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, tablet);
	tcase_add_test(t, errors);
	tcase_add_test(t, mouse);
	tcase_add_test(t, keyboard);
	tcase_add_test(t, endless);
	tcase_add_test(t, random_schedules);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
