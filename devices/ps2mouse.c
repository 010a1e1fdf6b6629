/*
 * ps2mouse.c - PS/2 mouse.
 *
 * Motion adds up; in stream mode a packet goes out at most once per sample period and only when the
 * last one has been taken, so a slow guest gets fewer and larger steps, never a backlog.
 *
 * Setting the rates 200, 100, 80 makes it an IntelliMouse (ID 3, wheel byte); 200, 200, 80 then
 * makes it an Explorer (ID 4, buttons 4 and 5).
 *
 * Sources: IBM PS/2 Hardware Interface Technical Reference, "Mouse"; Microsoft, "IntelliMouse
 * support in PS/2 mice"; A. Chapweske, "The PS/2 Mouse Interface".
 */
#include "devices/ps2mouse.h"
#include <string.h>

#define ACK 0xFA
#define NAK 0xFE

static void defaults(struct ps2mouse *m)
{
	m->s.rate = 100;
	m->s.resolution = 2;
	m->s.scaling = 0;
	m->s.remote = 0;
	m->s.enabled = 0;
	m->s.dx = m->s.dy = m->s.dz = 0;
}

/* 2:1 scaling of a count, stream mode only: 0 1 1 3 6 9, then double. */
static int scaled(int v)
{
	static const uint8_t small[6] = {0, 1, 1, 3, 6, 9};
	int mag = v < 0 ? -v : v;

	mag = mag < 6 ? small[mag] : mag * 2;
	return v < 0 ? -mag : mag;
}

static int take(int32_t *acc, int lo, int hi)
{
	int v = *acc < lo ? lo : *acc > hi ? hi : *acc;

	*acc -= v;
	return v;
}

static void put_packet(struct ps2mouse *m, bool reply)
{
	int lim = m->s.scaling && !reply ? 127 : 255;
	int dx = take(&m->s.dx, -lim, lim), dy = take(&m->s.dy, -lim, lim);
	uint8_t b[4] = {0};
	unsigned n = 3;

	if (m->s.scaling && !reply) {
		dx = scaled(dx);
		dy = scaled(dy);
	}
	b[0] = 0x08 | (m->s.buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0);
	b[1] = (uint8_t)dx;
	b[2] = (uint8_t)dy;
	if (m->s.id >= 3) {
		int dz = take(&m->s.dz, -7, 7);

		b[3] = (uint8_t)dz;
		if (m->s.id == 4)
			b[3] = (dz & 0x0F) | ((m->s.buttons & 0x18) << 1);
		n = 4;
	} else {
		m->s.dz = 0;
	}
	m->s.sent_buttons = m->s.buttons;
	for (unsigned i = 0; i < n; i++) {
		if (reply)
			ps2_reply(&m->s.q, b[i]);
		else
			ps2_put(&m->s.q, b[i]);
	}
}

static bool something_new(const struct ps2mouse *m)
{
	return m->s.dx || m->s.dy || (m->s.dz && m->s.id >= 3) || m->s.buttons != m->s.sent_buttons;
}

static void report(struct ps2mouse *m)
{
	uint64_t now = clock_now(m->clock);

	if (!m->s.enabled || m->s.remote || m->s.wrap || m->s.q.count || !something_new(m))
		return;
	if (now < m->s.next_report) {
		timer_arm(&m->timer, m->s.next_report);
		return;
	}
	put_packet(m, false);
	m->s.next_report = now + NS_PER_SEC / (m->s.rate ? m->s.rate : 100);
	irq_pulse(&m->ready);
}

static void mouse_timer(void *opaque)
{
	report(opaque);
}

static int32_t add_clamped(int32_t a, int64_t b)
{
	int64_t v = a + b;

	return (int32_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

static void mouse_event(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
	struct ps2mouse *m = opaque;

	m->s.buttons = buttons & 0x1F;
	if (!m->s.enabled && !m->s.remote)
		return;
	m->s.dx = add_clamped(m->s.dx, dx);
	m->s.dy = add_clamped(m->s.dy, -(int64_t)dy);
	m->s.dz = add_clamped(m->s.dz, dz);
	report(m);
}

static void rate_magic(struct ps2mouse *m, uint8_t rate)
{
	/* 0 none, 1: 200, 2: 200 100, 3: 200 200 */
	uint8_t was = m->s.magic;

	m->s.magic = rate == 200		 ? (was == 1 || was == 3 ? 3 : 1)
		     : rate == 100 && (was == 1) ? 2
						 : 0;
	if (rate == 80 && was == 2)
		m->s.id = 3;
	else if (rate == 80 && was == 3)
		m->s.id = 4;
}

static void parameter(struct ps2mouse *m, uint8_t val)
{
	uint8_t cmd = m->s.command;

	m->s.command = 0;
	if (cmd == 0xF3) {
		m->s.rate = val ? val : 100;
		rate_magic(m, val);
	} else {
		m->s.resolution = val & 3;
	}
	ps2_reply(&m->s.q, ACK);
}

static void send_status(struct ps2mouse *m)
{
	uint8_t b = m->s.buttons;

	ps2_reply(&m->s.q, (m->s.remote ? 0x40 : 0) | (m->s.enabled ? 0x20 : 0) |
				   (m->s.scaling ? 0x10 : 0) | (b & 1) << 2 | (b & 4) >> 1 |
				   (b & 2) >> 1);
	ps2_reply(&m->s.q, m->s.resolution);
	ps2_reply(&m->s.q, m->s.rate);
}

/* Commands that act after their acknowledge is queued; false: not a command. */
static bool run_command(struct ps2mouse *m, uint8_t cmd)
{
	struct ps2_queue *q = &m->s.q;

	switch (cmd) {
	case 0xE6:
	case 0xE7:
		m->s.scaling = cmd & 1;
		break;
	case 0xE8:
	case 0xF3:
		m->s.command = cmd;
		break;
	case 0xE9:
		send_status(m);
		break;
	case 0xEA:
		m->s.remote = 0;
		break;
	case 0xEB:
		put_packet(m, true);
		break;
	case 0xEC: /* reset wrap mode */
		m->s.wrap = 0;
		break;
	case 0xEE:
		m->s.wrap = 1;
		break;
	case 0xF0:
		m->s.remote = 1;
		break;
	case 0xF2:
		ps2_reply(q, m->s.id);
		break;
	case 0xF4:
		m->s.enabled = 1;
		m->s.dx = m->s.dy = m->s.dz = 0;
		break;
	case 0xF5:
		m->s.enabled = 0;
		break;
	case 0xF6:
		defaults(m);
		break;
	case 0xFF: /* reset: self test passed, ID 0 */
		defaults(m);
		m->s.id = m->s.magic = m->s.wrap = 0;
		ps2_reply(q, 0xAA);
		ps2_reply(q, 0x00);
		break;
	default:
		return false;
	}
	return true;
}

static void mouse_write(void *opaque, uint8_t val)
{
	struct ps2mouse *m = opaque;
	struct ps2_queue *q = &m->s.q;
	uint8_t last = q->last;

	/* Any byte from the host cuts short what is being sent. */
	ps2_flush(q);
	if (m->s.wrap && val != 0xEC && val != 0xFF) {
		ps2_reply(q, val);
	} else if (m->s.command) {
		parameter(m, val);
	} else if (val == 0xFE) {
		ps2_reply(q, last);
	} else {
		ps2_reply(q, ACK);
		if (!run_command(m, val)) {
			ps2_flush(q);
			ps2_reply(q, NAK);
		}
	}
	irq_pulse(&m->ready);
}

static int mouse_read(void *opaque)
{
	struct ps2mouse *m = opaque;
	int v = ps2_take(&m->s.q);

	/* The line is free again. Not from here: the controller is in the middle of taking a byte.
	 */
	if (v >= 0 && !m->s.q.count && !m->s.q.rcount && something_new(m))
		timer_arm(&m->timer, m->s.next_report);
	return v;
}

static bool mouse_ready(void *opaque)
{
	struct ps2mouse *m = opaque;

	return m->s.q.count || m->s.q.rcount;
}

struct ps2_port ps2mouse_port(struct ps2mouse *m)
{
	return (struct ps2_port){mouse_write, mouse_read, mouse_ready, m};
}

static void mouse_reset(struct device *d)
{
	struct ps2mouse *m = container_of(d, struct ps2mouse, dev);

	memset(&m->s, 0, sizeof(m->s));
	defaults(m);
	timer_cancel(&m->timer);
}

static enum vm_err mouse_post_load(struct device *d, struct err *e)
{
	struct ps2mouse *m = container_of(d, struct ps2mouse, dev);

	if (!ps2_valid(&m->s.q))
		return err_set(e, VM_ERR_FORMAT, "ps2mouse: impossible saved state");
	timer_cancel(&m->timer);
	report(m);
	return VM_OK;
}

static void mouse_dump(struct device *d, FILE *out)
{
	struct ps2mouse *m = container_of(d, struct ps2mouse, dev);

	fprintf(out, "mouse: id=%u %s%s rate=%u resolution=%u scaling=%s buttons=%02x queued=%u\n",
		m->s.id, m->s.remote ? "remote" : "stream", m->s.enabled ? " enabled" : " disabled",
		m->s.rate, m->s.resolution, m->s.scaling ? "2:1" : "1:1", m->s.buttons,
		m->s.q.count + m->s.q.rcount);
}

static void mouse_fini(struct device *d)
{
	struct ps2mouse *m = container_of(d, struct ps2mouse, dev);

	timer_cancel(&m->timer);
}

static const struct device_ops ps2mouse_ops = {
	.name = "ps2-mouse",
	.version = 1,
	.state_off = offsetof(struct ps2mouse, s),
	.state_size = sizeof(struct ps2mouse_state),
	.timer = {offsetof(struct ps2mouse, timer)},
	.reset = mouse_reset,
	.fini = mouse_fini,
	.post_load = mouse_post_load,
	.dump = mouse_dump,
};

struct ps2mouse *ps2mouse_create(
	struct log *log, struct clock *clock, struct irq ready, struct input *in)
{
	struct ps2mouse *m = device_new(sizeof(*m), &ps2mouse_ops, log);

	m->clock = clock;
	m->ready = ready;
	timer_init(&m->timer, clock, mouse_timer, m);
	if (in) {
		in->mouse = mouse_event;
		in->mouse_opaque = m;
	}
	mouse_reset(&m->dev);
	return m;
}
