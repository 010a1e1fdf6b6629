/*
 * chr_mux.c - one terminal for the serial port and the monitor, as -nographic users know it.
 *
 * Ctrl-A h help, x quit, s save (the disks are written through: says so), c switch between console and monitor,
 * b break on the serial line, Ctrl-A Ctrl-A a Ctrl-A.
 */
#include "frontend/chardev.h"
#include <stdlib.h>

#define ESCAPE 0x01

struct mux_end {
	struct chr chr;
	struct chr_mux *mux;
};

struct chr_mux {
	struct loop *loop;
	struct chr *base;
	struct mux_end end[2];
	unsigned focus;
	bool escaped;
	uint8_t queue[256]; /* typed ahead of a guest that takes nothing; the escape key still gets through */
	unsigned head, count;
};

static void say(struct chr_mux *m, const char *text)
{
	unsigned n = 0;

	while (text[n])
		n++;
	chr_write(m->base, (const uint8_t *)text, n);
}

static void end_write(struct chr *c, const uint8_t *buf, unsigned len)
{
	chr_write(container_of(c, struct mux_end, chr)->mux->base, buf, len);
}

/* Give the focused end what has been typed, as far as it can take it. */
static void pump(struct chr_mux *m)
{
	while (m->count) {
		struct chr *c = &m->end[m->focus].chr;

		if (!c->receive || (c->can_receive && !c->can_receive(c->dev)))
			return;
		uint8_t b = m->queue[m->head];

		m->head = (m->head + 1) % sizeof(m->queue);
		m->count--;
		c->receive(c->dev, &b, 1);
	}
}

static void end_accept(struct chr *c)
{
	struct chr_mux *m = container_of(c, struct mux_end, chr)->mux;

	pump(m);
	if (m->base->accept)
		m->base->accept(m->base);
}

static void end_close(struct chr *c)
{
}

static void help(struct chr_mux *m)
{
	say(m, "\r\nC-a h    print this help\r\nC-a x    exit the emulator\r\nC-a c    switch between console and"
	       " monitor\r\nC-a b    send break (magic sysrq)\r\nC-a s    disks are written through: nothing to save\r\n"
	       "C-a C-a  sends C-a\r\n");
}

static void command(struct chr_mux *m, uint8_t key)
{
	struct chr *serial = &m->end[MUX_SERIAL].chr;
	uint8_t raw = ESCAPE;

	switch (key) {
	case 'x':
		say(m, "\r\ndragoman: terminated\r\n");
		loop_quit(m->loop, 0);
		break;
	case 'c':
		chr_mux_focus(m, !m->focus);
		break;
	case 'b':
		if (serial->brk)
			serial->brk(serial->dev);
		break;
	case ESCAPE:
		if (m->end[m->focus].chr.receive)
			m->end[m->focus].chr.receive(m->end[m->focus].chr.dev, &raw, 1);
		break;
	case 's':
	case 'h':
	case '?':
		help(m);
		break;
	}
}

static unsigned mux_can_receive(void *opaque)
{
	struct chr_mux *m = opaque;

	return sizeof(m->queue) - m->count;
}

static void mux_receive(void *opaque, const uint8_t *buf, unsigned len)
{
	struct chr_mux *m = opaque;

	for (unsigned i = 0; i < len; i++) {
		if (m->escaped) {
			m->escaped = false;
			command(m, buf[i]);
		} else if (buf[i] == ESCAPE) {
			m->escaped = true;
		} else if (m->count < sizeof(m->queue)) {
			m->queue[(m->head + m->count++) % sizeof(m->queue)] = buf[i];
			pump(m);
		}
	}
}

struct chr_mux *chr_mux_new(struct loop *l, struct chr *base)
{
	struct chr_mux *m = calloc(1, sizeof(*m));

	BUG_ON(!m);
	m->loop = l;
	m->base = base;
	base->dev = m;
	base->can_receive = mux_can_receive;
	base->receive = mux_receive;
	for (unsigned i = 0; i < 2; i++) {
		m->end[i].mux = m;
		m->end[i].chr.write = end_write;
		m->end[i].chr.accept = end_accept;
		m->end[i].chr.close = end_close;
	}
	return m;
}

struct chr *chr_mux_end(struct chr_mux *m, unsigned which)
{
	return &m->end[which & 1].chr;
}

void chr_mux_focus(struct chr_mux *m, unsigned which)
{
	struct chr *c = &m->end[which & 1].chr;

	m->focus = which & 1;
	if (which == MUX_MONITOR && c->receive)
		c->receive(c->dev, NULL, 0); /* the monitor prints its prompt */
}

void chr_mux_free(struct chr_mux *m)
{
	if (!m)
		return;
	m->base->close(m->base);
	free(m);
}
