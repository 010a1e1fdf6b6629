/*
 * chr_mux.c - one terminal for the serial port and the monitor, as -nographic users know it.
 *
 * Ctrl-A h help, x quit, s save (the disks are written through: says so), c switch to the next user (console, monitor),
 * b break on the line, Ctrl-A Ctrl-A a Ctrl-A. -echr chooses another key than Ctrl-A.
 */
#include "frontend/chardev.h"
#include <stdio.h>
#include <stdlib.h>

struct mux_end {
	struct chr chr;
	struct chr_mux *mux;
};

struct chr_mux {
	struct loop *loop;
	struct chr *base;
	struct mux_end end[MUX_MAX];
	unsigned nends, focus;
	uint8_t escape;
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

/* "C-a" for 1, else the character itself */
static const char *key_name(const struct chr_mux *m, char name[8])
{
	if (m->escape < 0x20)
		snprintf(name, 8, "C-%c", m->escape ? m->escape + 0x40 + (m->escape < 27 ? 0x20 : 0) : '@');
	else
		snprintf(name, 8, m->escape < 0x7F ? "%c" : "0x%02x", m->escape);
	return name;
}

static void help(struct chr_mux *m)
{
	static const struct { const char *key, *text; } keys[] = {{"h", "print this help"}, {"x", "exit the emulator"},
		{"c", "switch between console and monitor"}, {"b", "send break (magic sysrq)"},
		{"s", "disks are written through: nothing to save"}};
	char name[8], line[80];

	key_name(m, name);
	say(m, "\r\n");
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		snprintf(line, sizeof(line), "%s %s    %s\r\n", name, keys[i].key, keys[i].text);
		say(m, line);
	}
	snprintf(line, sizeof(line), "%s %s  sends %s\r\n", name, name, name);
	say(m, line);
}

static void command(struct chr_mux *m, uint8_t key)
{
	struct chr *c = &m->end[m->focus].chr;

	if (key == m->escape) {
		if (c->receive)
			c->receive(c->dev, &key, 1);
		return;
	}
	switch (key) {
	case 'x':
		say(m, "\r\ndragoman: terminated\r\n");
		loop_quit(m->loop, 0);
		break;
	case 'c':
		chr_mux_focus(m, (m->focus + 1) % m->nends);
		break;
	case 'b':
		if (c->brk)
			c->brk(c->dev);
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
		} else if (buf[i] == m->escape) {
			m->escaped = true;
		} else if (m->count < sizeof(m->queue)) {
			m->queue[(m->head + m->count++) % sizeof(m->queue)] = buf[i];
			pump(m);
		}
	}
}

static void mux_shown(void *opaque)
{
	struct chr_mux *m = opaque;
	struct chr *c = &m->end[m->focus].chr;

	if (c->shown)
		c->shown(c->dev);
}

struct chr_mux *chr_mux_new(struct loop *l, struct chr *base, uint8_t escape)
{
	struct chr_mux *m = calloc(1, sizeof(*m));

	BUG_ON(!m);
	m->loop = l;
	m->base = base;
	m->escape = escape;
	base->dev = m;
	base->can_receive = mux_can_receive;
	base->receive = mux_receive;
	base->shown = mux_shown;
	return m;
}

struct chr *chr_mux_add(struct chr_mux *m)
{
	struct mux_end *end;

	if (m->nends == MUX_MAX)
		return NULL;
	end = &m->end[m->nends++];
	end->mux = m;
	end->chr.open = true;
	end->chr.write = end_write;
	end->chr.accept = end_accept;
	end->chr.close = end_close;
	return &end->chr;
}

void chr_mux_focus(struct chr_mux *m, unsigned which)
{
	struct chr *c = &m->end[which].chr;

	m->focus = which;
	if (c->shown)
		c->shown(c->dev); /* the monitor prints its prompt */
	pump(m);
}

void chr_mux_free(struct chr_mux *m)
{
	if (!m)
		return;
	m->base->close(m->base);
	free(m);
}
