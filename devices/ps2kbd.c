/*
 * ps2kbd.c - AT/PS2 keyboard (IBM "enhanced", 102 keys).
 *
 * The keyboard speaks its native set 2 unless told otherwise; translation to set 1 is the
 * controller's business (i8042.c). It repeats by itself: repeated presses from the host are
 * dropped.
 *
 * Odd keys: Print Screen is sent with a fake Shift, or alone with Shift or Ctrl, or as SysRq with
 * Alt; Pause sends make and break at once, and is Break with Ctrl.
 *
 * Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-key)"; A.
 * Brouwer, "Keyboard scancodes" chapter 10; A. Chapweske, "The PS/2 Keyboard Interface".
 */
#include "devices/ps2kbd.h"
#include <string.h>

#define ACK 0xFA
#define NAK 0xFE
#define LONGEST 8 /* bytes of the longest sequence: Pause in set 2 */

/* Set 1 make code to set 2; the same for E0-prefixed keys behind their prefix. */
static const uint8_t set2[128] = {
	0x00,
	0x76,
	0x16,
	0x1E,
	0x26,
	0x25,
	0x2E,
	0x36,
	0x3D,
	0x3E,
	0x46,
	0x45,
	0x4E,
	0x55,
	0x66,
	0x0D,
	0x15,
	0x1D,
	0x24,
	0x2D,
	0x2C,
	0x35,
	0x3C,
	0x43,
	0x44,
	0x4D,
	0x54,
	0x5B,
	0x5A,
	0x14,
	0x1C,
	0x1B,
	0x23,
	0x2B,
	0x34,
	0x33,
	0x3B,
	0x42,
	0x4B,
	0x4C,
	0x52,
	0x0E,
	0x12,
	0x5D,
	0x1A,
	0x22,
	0x21,
	0x2A,
	0x32,
	0x31,
	0x3A,
	0x41,
	0x49,
	0x4A,
	0x59,
	0x7C,
	0x11,
	0x29,
	0x58,
	0x05,
	0x06,
	0x04,
	0x0C,
	0x03,
	0x0B,
	0x83,
	0x0A,
	0x01,
	0x09,
	0x77,
	0x7E,
	0x6C,
	0x75,
	0x7D,
	0x7B,
	0x6B,
	0x73,
	0x74,
	0x79,
	0x69,
	0x72,
	0x7A,
	0x70,
	0x71,
	0x84,
	0x60,
	0x61,
	0x78,
	0x07,
	0x0F,
	0x17,
	0x1F,
	0x27,
	0x2F,
	0x37,
	0x3F,
	0x47,
	0x4F,
	0x56,
	0x5E,
	0x08,
	0x10,
	0x18,
	0x20,
	0x28,
	0x30,
	0x38,
	0x40,
	0x48,
	0x50,
	0x57,
	0x6F,
	0x13,
	0x19,
	0x39,
	0x51,
	0x53,
	0x5C,
	0x5F,
	0x62,
	0x63,
	0x64,
	0x65,
	0x67,
	0x68,
	0x6A,
	0x6D,
	0x6E,
};

/* Set 1 make code to set 3; 0: no such key. */
static const uint8_t set3[128] = {
	0x00,
	0x08,
	0x16,
	0x1E,
	0x26,
	0x25,
	0x2E,
	0x36,
	0x3D,
	0x3E,
	0x46,
	0x45,
	0x4E,
	0x55,
	0x66,
	0x0D,
	0x15,
	0x1D,
	0x24,
	0x2D,
	0x2C,
	0x35,
	0x3C,
	0x43,
	0x44,
	0x4D,
	0x54,
	0x5B,
	0x5A,
	0x11,
	0x1C,
	0x1B,
	0x23,
	0x2B,
	0x34,
	0x33,
	0x3B,
	0x42,
	0x4B,
	0x4C,
	0x52,
	0x0E,
	0x12,
	0x5C,
	0x1A,
	0x22,
	0x21,
	0x2A,
	0x32,
	0x31,
	0x3A,
	0x41,
	0x49,
	0x4A,
	0x59,
	0x7E,
	0x19,
	0x29,
	0x14,
	0x07,
	0x0F,
	0x17,
	0x1F,
	0x27,
	0x2F,
	0x37,
	0x3F,
	0x47,
	0x4F,
	0x76,
	0x5F,
	0x6C,
	0x75,
	0x7D,
	0x84,
	0x6B,
	0x73,
	0x74,
	0x7C,
	0x69,
	0x72,
	0x7A,
	0x70,
	0x71,
	0x57,
	0x00,
	0x13,
	0x56,
	0x5E,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
};

/* The same for the E0-prefixed keys. */
static const uint8_t set3_ext[128] = {
	[0x1C] = 0x79,
	[0x1D] = 0x58,
	[0x35] = 0x77,
	[0x37] = 0x57,
	[0x38] = 0x39,
	[0x47] = 0x6E,
	[0x48] = 0x63,
	[0x49] = 0x6F,
	[0x4B] = 0x61,
	[0x4D] = 0x6A,
	[0x4F] = 0x65,
	[0x50] = 0x60,
	[0x51] = 0x6D,
	[0x52] = 0x67,
	[0x53] = 0x64,
	[0x5B] = 0x8B,
	[0x5C] = 0x8C,
	[0x5D] = 0x8D,
};

/* Keys of set 3 with a break code by default: Ctrl, Shifts, Caps Lock, left Alt. */
static const uint8_t set3_breaks[] = {0x11, 0x12, 0x14, 0x19, 0x59};

static void set_all(uint8_t *map, uint8_t v)
{
	memset(map, v, 32);
}

static void set_one(uint8_t *map, uint8_t key, bool on)
{
	map[key >> 3] = on ? map[key >> 3] | 1u << (key & 7) : map[key >> 3] & ~(1u << (key & 7));
}

static bool test_one(const uint8_t *map, uint8_t key)
{
	return map[key >> 3] >> (key & 7) & 1;
}

static void stop_repeat(struct ps2kbd *k)
{
	k->s.repeat_key = 0;
	k->s.repeat_at = 0;
	timer_cancel(&k->timer);
}

static void defaults(struct ps2kbd *k)
{
	k->s.typematic = 0x2B; /* 500 ms, 10.9 per second */
	k->s.set = 2;
	set_all(k->s.has_break, 0);
	for (unsigned i = 0; i < sizeof(set3_breaks); i++)
		set_one(k->s.has_break, set3_breaks[i], true);
	set_all(k->s.repeats, 0xFF);
	stop_repeat(k);
}

/* One key without the odd ones: prefix, code, release mark. Returns the length, 0: no such key. */
static unsigned encode_plain(struct ps2kbd *k, unsigned key, bool down, uint8_t *b)
{
	unsigned n = 0;
	uint8_t code = key & 0x7F;
	bool ext = key >> 8 == 0xE0;

	if (k->s.set == 3) {
		code = ext ? set3_ext[code] : set3[code];
		if (!code || (!down && !test_one(k->s.has_break, code)))
			return 0;
		if (!down)
			b[n++] = 0xF0;
		b[n++] = code;
		return n;
	}
	if (ext)
		b[n++] = 0xE0;
	if (k->s.set == 1) {
		b[n++] = code | (down ? 0 : 0x80);
		return n;
	}
	if (!set2[code])
		return 0;
	if (!down)
		b[n++] = 0xF0;
	b[n++] = set2[code];
	return n;
}

static unsigned encode_print(struct ps2kbd *k, bool down, uint8_t *b)
{
	unsigned n;

	if (k->s.mods & (MOD_LALT | MOD_RALT))
		return encode_plain(k, 0x54, down, b);
	if (k->s.set == 3 || (k->s.mods & (MOD_SHIFT | MOD_CTRL)))
		return encode_plain(k, KEY_PRINT, down, b);
	if (down) {
		n = encode_plain(k, 0xE02A, true, b);
		return n + encode_plain(k, KEY_PRINT, true, b + n);
	}
	n = encode_plain(k, KEY_PRINT, false, b);
	return n + encode_plain(k, 0xE02A, false, b + n);
}

static unsigned encode_pause(struct ps2kbd *k, bool down, uint8_t *b)
{
	static const uint8_t pause1[] = {0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5};
	static const uint8_t pause2[] = {0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77};
	unsigned n;

	if (k->s.set == 3) {
		b[0] = 0x62;
		return down;
	}
	if (!down)
		return 0;
	if (k->s.mods & MOD_CTRL) {
		n = encode_plain(k, 0xE046, true, b);
		return n + encode_plain(k, 0xE046, false, b + n);
	}
	n = k->s.set == 1 ? sizeof(pause1) : sizeof(pause2);
	memcpy(b, k->s.set == 1 ? pause1 : pause2, n);
	return n;
}

static void send_key(struct ps2kbd *k, unsigned key, bool down)
{
	uint8_t b[LONGEST];
	unsigned n;

	if (!k->s.scanning)
		return;
	if (key == KEY_PRINT)
		n = encode_print(k, down, b);
	else if (key == KEY_PAUSE)
		n = encode_pause(k, down, b);
	else
		n = encode_plain(k, key, down, b);
	if (!n)
		return;
	if (ps2_room(&k->s.q) < n + 1) {
		/* Overrun: one marker in place of what does not fit; FFh in set 1, 00h otherwise.
		 */
		if (ps2_room(&k->s.q) && !k->s.overrun)
			ps2_put(&k->s.q, k->s.set == 1 ? 0xFF : 0x00);
		k->s.overrun = 1;
	} else {
		k->s.overrun = 0;
		for (unsigned i = 0; i < n; i++)
			ps2_put(&k->s.q, b[i]);
	}
	irq_pulse(&k->ready);
}

static void track_modifiers(struct ps2kbd *k, unsigned key, bool down)
{
	static const struct {
		uint16_t key;
		uint8_t mod;
	} mods[] = {{0x2A, MOD_LSHIFT}, {0x36, MOD_RSHIFT}, {0x1D, MOD_LCTRL}, {0xE01D, MOD_RCTRL},
		{0x38, MOD_LALT}, {0xE038, MOD_RALT}};

	for (unsigned i = 0; i < ARRAY_SIZE(mods); i++)
		if (mods[i].key == key)
			k->s.mods = down ? k->s.mods | mods[i].mod : k->s.mods & ~mods[i].mod;
}

/* Typematic rate byte: bits 6:5 delay in 250 ms, bits 4:0 period (8 + A) * 2^B / 240 s. */
static uint64_t repeat_delay(const struct ps2kbd *k)
{
	return (((k->s.typematic >> 5) & 3) + 1) * (NS_PER_SEC / 4);
}

static uint64_t repeat_period(const struct ps2kbd *k)
{
	return ((8 + (k->s.typematic & 7)) << ((k->s.typematic >> 3) & 3)) * (NS_PER_SEC / 240);
}

static bool key_repeats(const struct ps2kbd *k, unsigned key)
{
	uint8_t code = key & 0x7F;

	if (key == KEY_PAUSE)
		return false;
	if (k->s.set != 3)
		return true;
	return test_one(k->s.repeats, key >> 8 == 0xE0 ? set3_ext[code] : set3[code]);
}

static void kbd_timer(void *opaque)
{
	struct ps2kbd *k = opaque;
	uint64_t now = clock_now(k->clock);

	if (!k->s.repeat_key)
		return;
	/* A guest that does not read gets no backlog of repeats. */
	if (!k->s.q.count)
		send_key(k, k->s.repeat_key, true);
	k->s.repeat_at += repeat_period(k);
	if (k->s.repeat_at <= now)
		k->s.repeat_at = now + repeat_period(k);
	timer_arm(&k->timer, k->s.repeat_at);
}

static void kbd_event(void *opaque, unsigned key, bool down)
{
	struct ps2kbd *k = opaque;
	unsigned at = (key & 0x7F) | (key >> 8 == 0xE0 ? 0x80 : 0);
	bool was;

	if (key != KEY_PAUSE && (!(key & 0x7F) || (key & 0x80) || (key >> 8 && key >> 8 != 0xE0)))
		return;
	if (key == KEY_PAUSE)
		at = 0;
	was = test_one(k->s.down, (uint8_t)at);
	if (was == down)
		return; /* the host's own repeat, or a release without a press */
	set_one(k->s.down, (uint8_t)at, down);
	track_modifiers(k, key, down);
	send_key(k, key, down);
	if (down && k->s.scanning && key_repeats(k, key)) {
		k->s.repeat_key = key;
		k->s.repeat_at = clock_now(k->clock) + repeat_delay(k);
		timer_arm(&k->timer, k->s.repeat_at);
	} else if (!down && k->s.repeat_key == key) {
		stop_repeat(k);
	}
}

static void set_leds(struct ps2kbd *k, uint8_t val)
{
	k->s.leds = val & 7;
	if (k->input && k->input->leds)
		k->input->leds(k->input->leds_opaque, k->s.leds);
}

/* The byte after ED, F0, F3, FB, FC or FD. False: it is a command itself. */
static bool parameter(struct ps2kbd *k, uint8_t val)
{
	uint8_t cmd = k->s.command;
	struct ps2_queue *q = &k->s.q;

	/* FB..FD take keys until the next command. */
	if (val >= 0xED) {
		k->s.command = 0;
		return false;
	}
	if (cmd < 0xFB)
		k->s.command = 0;
	switch (cmd) {
	case 0xED:
		set_leds(k, val);
		break;
	case 0xF0:
		if (val > 3) {
			ps2_reply(q, NAK);
			return true;
		}
		ps2_reply(q, ACK);
		if (val)
			k->s.set = val;
		else
			ps2_reply(q, k->s.set);
		return true;
	case 0xF3:
		k->s.typematic = val & 0x7F;
		break;
	default:
		set_one(k->s.has_break, val, cmd == 0xFC);
		set_one(k->s.repeats, val, cmd == 0xFB);
	}
	ps2_reply(q, ACK);
	return true;
}

static bool run_command(struct ps2kbd *k, uint8_t cmd)
{
	struct ps2_queue *q = &k->s.q;

	switch (cmd) {
	case 0xED:
	case 0xF0:
	case 0xF3:
	case 0xFB:
	case 0xFC:
	case 0xFD:
		k->s.command = cmd;
		break;
	case 0xF2:
		ps2_reply(q, 0xAB);
		ps2_reply(q, 0x83);
		break;
	case 0xF4: /* enable: clears the buffer */
		q->head = q->count = 0;
		k->s.scanning = 1;
		break;
	case 0xF5: /* default, disable */
	case 0xF6: /* default */
		q->head = q->count = 0;
		defaults(k);
		k->s.scanning = cmd == 0xF6;
		break;
	case 0xF7 ... 0xFA: /* all keys of set 3: typematic, make/break, make, all three */
		set_all(k->s.has_break, cmd == 0xF8 || cmd == 0xFA ? 0xFF : 0);
		set_all(k->s.repeats, cmd == 0xF7 || cmd == 0xFA ? 0xFF : 0);
		break;
	case 0xFF: /* reset: self test passed */
		q->head = q->count = 0;
		defaults(k);
		k->s.scanning = 1;
		set_leds(k, 0);
		ps2_reply(q, 0xAA);
		break;
	default:
		return false;
	}
	return true;
}

static void kbd_write(void *opaque, uint8_t val)
{
	struct ps2kbd *k = opaque;
	struct ps2_queue *q = &k->s.q;

	q->rhead = q->rcount = 0; /* a new byte cuts a pending reply short */
	if (k->s.command && parameter(k, val)) {
		/* done */
	} else if (val == 0xEE) {
		ps2_reply(q, 0xEE); /* echo */
	} else if (val == 0xFE) {
		ps2_reply(q, q->last); /* resend */
	} else {
		ps2_reply(q, ACK);
		if (!run_command(k, val)) {
			q->rhead = q->rcount = 0;
			ps2_reply(q, NAK);
		}
	}
	irq_pulse(&k->ready);
}

static int kbd_read(void *opaque)
{
	struct ps2kbd *k = opaque;

	return ps2_take(&k->s.q);
}

static bool kbd_ready(void *opaque)
{
	struct ps2kbd *k = opaque;

	return k->s.q.count || k->s.q.rcount;
}

struct ps2_port ps2kbd_port(struct ps2kbd *k)
{
	return (struct ps2_port){kbd_write, kbd_read, kbd_ready, k};
}

static void kbd_reset(struct device *d)
{
	struct ps2kbd *k = container_of(d, struct ps2kbd, dev);

	memset(&k->s, 0, sizeof(k->s));
	defaults(k);
	k->s.scanning = 1;
	set_leds(k, 0);
}

static enum vm_err kbd_post_load(struct device *d, struct err *e)
{
	struct ps2kbd *k = container_of(d, struct ps2kbd, dev);

	if (!ps2_valid(&k->s.q) || k->s.set < 1 || k->s.set > 3)
		return err_set(e, VM_ERR_FORMAT, "ps2kbd: impossible saved state");
	set_leds(k, k->s.leds);
	/* The user's fingers are not part of the saved state. */
	set_all(k->s.down, 0);
	stop_repeat(k);
	return VM_OK;
}

static void kbd_dump(struct device *d, FILE *out)
{
	struct ps2kbd *k = container_of(d, struct ps2kbd, dev);

	fprintf(out, "keyboard: set %u%s leds=%u typematic=%02x mods=%02x queued=%u\n", k->s.set,
		k->s.scanning ? "" : " disabled", k->s.leds, k->s.typematic, k->s.mods,
		k->s.q.count + k->s.q.rcount);
}

static void kbd_fini(struct device *d)
{
	struct ps2kbd *k = container_of(d, struct ps2kbd, dev);

	timer_cancel(&k->timer);
}

static const struct device_ops ps2kbd_ops = {
	.name = "ps2-kbd",
	.version = 1,
	.state_off = offsetof(struct ps2kbd, s),
	.state_size = sizeof(struct ps2kbd_state),
	.timer = {offsetof(struct ps2kbd, timer)},
	.reset = kbd_reset,
	.fini = kbd_fini,
	.post_load = kbd_post_load,
	.dump = kbd_dump,
};

struct ps2kbd *ps2kbd_create(
	struct log *log, struct clock *clock, struct irq ready, struct input *in)
{
	struct ps2kbd *k = device_new(sizeof(*k), &ps2kbd_ops, log);

	k->clock = clock;
	k->ready = ready;
	k->input = in;
	timer_init(&k->timer, clock, kbd_timer, k);
	if (in) {
		in->key = kbd_event;
		in->key_opaque = k;
	}
	kbd_reset(&k->dev);
	return k;
}
