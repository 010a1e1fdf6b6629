/* virtio_console.c - see virtio_console.h. */
#include "devices/virtio/virtio_console.h"
#include <stdlib.h>
#include <string.h>

#define F_MULTIPORT BIT(1)
#define F_EMERG_WRITE BIT(2)
#define CONTROL_RX 2
#define CONTROL_TX 3
#define QUEUE 128	 /* entries of a port's queues */
#define CONTROL_QUEUE 32 /* of the control queues */
#define CHAIN_MAX (1u << 20) /* bytes of one chain that are sent */

/* control messages (5.3.6.2): id (4 bytes), event (2), value (2) */
enum { DEVICE_READY, PORT_ADD, PORT_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };
/* console_port_state.events, in the order in which they go out */
#define EV_ADD 1u
#define EV_CONSOLE 2u
#define EV_NAME 4u
#define EV_OPEN 8u

_Static_assert(offsetof(struct virtio_console, c) == offsetof(struct virtio_console, v.s) + sizeof(struct virtio_state),
	"the two states are one piece");

static struct virtio_console *of(struct virtio *v)
{
	return container_of(v, struct virtio_console, v);
}

static unsigned rx_of(unsigned port)
{
	return port ? 2 * port + 2 : 0;
}

static unsigned number(const struct console_end *end)
{
	return (unsigned)(end - end->dev->end);
}

/* A terminal is always there; of a stream the guest is told whether somebody listens. */
static bool outside(const struct console_port *p)
{
	return p->console || (p->chr && p->chr->open);
}

/* Does the guest take what is sent to port @n? Without F_MULTIPORT nobody tells. */
static bool listens(const struct virtio_console *d, unsigned n)
{
	return d->v.s.status & 4 && (virtio_has(&d->v, F_MULTIPORT) ? d->c.port[n].open : n == 0);
}

/* ---- control messages ---- */

static unsigned message(struct virtio_console *d, unsigned n, unsigned ev, uint8_t *m)
{
	const struct console_port *p = &d->end[n].port;
	unsigned event = ev == EV_ADD ? PORT_ADD : ev == EV_CONSOLE ? CONSOLE_PORT : ev == EV_NAME ? PORT_NAME : PORT_OPEN;
	unsigned len = 8, name = ev == EV_NAME ? (unsigned)strnlen(p->name, 63) : 0;

	pci_put32(m, n);
	pci_put16(m + 4, (uint16_t)event);
	pci_put16(m + 6, 1);
	if (ev == EV_OPEN) {
		d->c.port[n].outside = outside(p);
		pci_put16(m + 6, d->c.port[n].outside);
	}
	if (name)
		memcpy(m + len, p->name, name);
	return len + name;
}

/* As many as there are buffers for, of one port after the other. */
static void send_control(struct virtio_console *d)
{
	bool sent = false;

	for (unsigned n = 0; n < CONSOLE_PORTS; n++)
		while (d->c.port[n].events) {
			unsigned ev = d->c.port[n].events & -d->c.port[n].events;
			uint8_t m[80];
			struct virtq_chain c;

			if (!virtq_pop(&d->v, CONTROL_RX, &c))
				goto out;
			d->c.port[n].events &= (uint8_t)~ev;
			virtq_push(&d->v, CONTROL_RX, &c, virtio_write(&d->v, &c, 0, m, message(d, n, ev, m)));
			sent = true;
		}
out:
	if (sent)
		virtq_signal(&d->v, CONTROL_RX);
}

static void port_event(struct virtio_console *d, uint32_t n, unsigned event, unsigned value)
{
	struct console_port_state *s = &d->c.port[n];
	const struct console_port *p = &d->end[n].port;

	if (event == PORT_READY && !value) {
		GUEST_ERR(d->v.dev.log, "virtio-serial: the guest could not add port %u\n", n);
	} else if (event == PORT_READY) {
		s->ready = 1;
		s->events |= (uint8_t)((p->console ? EV_CONSOLE : 0) | (p->name && p->name[0] ? EV_NAME : 0) | (outside(p) ? EV_OPEN : 0));
	} else if (event == PORT_OPEN) {
		s->open = value != 0;
		if (s->open && p->chr && p->chr->accept)
			p->chr->accept(p->chr);
	}
}

static void control(struct virtio_console *d, const uint8_t *m)
{
	uint32_t n = pci_get32(m);
	unsigned event = pci_get16(m + 4), value = pci_get16(m + 6);

	if (event == DEVICE_READY) {
		for (unsigned i = 0; value && i < CONSOLE_PORTS; i++)
			d->c.port[i].events |= d->end[i].port.present ? EV_ADD : 0;
		return;
	}
	if (n >= CONSOLE_PORTS || !d->end[n].port.present) {
		GUEST_ERR(d->v.dev.log, "virtio-serial: message %u for port %u, which does not exist\n", event, n);
		return;
	}
	port_event(d, n, event, value);
}

static void read_control(struct virtio_console *d)
{
	struct virtq_chain c;
	unsigned done = 0;

	while (done < CONTROL_QUEUE && virtq_pop(&d->v, CONTROL_TX, &c)) {
		uint8_t m[8];

		if (virtio_read(&d->v, &c, 0, m, sizeof(m)) == sizeof(m))
			control(d, m);
		virtq_push(&d->v, CONTROL_TX, &c, 0);
		done++;
	}
	if (done)
		virtq_signal(&d->v, CONTROL_TX);
	send_control(d);
}

/* ---- bytes ---- */

static void transmit(struct virtio_console *d, unsigned n)
{
	unsigned q = rx_of(n) + 1, done = 0;
	struct virtq_chain c;

	while (done < QUEUE && virtq_pop(&d->v, q, &c)) {
		uint64_t len = c.out_len < CHAIN_MAX ? c.out_len : CHAIN_MAX;
		uint8_t buf[4096];

		for (uint64_t at = 0; at < len; at += sizeof(buf)) {
			uint32_t part = len - at < sizeof(buf) ? (uint32_t)(len - at) : (uint32_t)sizeof(buf);

			chr_write(d->end[n].port.chr, buf, virtio_read(&d->v, &c, at, buf, part));
		}
		virtq_push(&d->v, q, &c, 0);
		done++;
	}
	if (done)
		virtq_signal(&d->v, q);
}

/* What waits in the port, into the guest's buffers. */
static void deliver(struct virtio_console *d, unsigned n)
{
	struct console_port_state *s = &d->c.port[n];
	unsigned q = rx_of(n);
	struct virtq_chain c;
	uint32_t at = 0;
	bool some = false;

	while (at < s->npending && listens(d, n) && virtq_pop(&d->v, q, &c)) {
		uint32_t part = virtio_write(&d->v, &c, 0, s->pending + at, s->npending - at);

		virtq_push(&d->v, q, &c, part);
		at += part;
		some = true;
	}
	memmove(s->pending, s->pending + at, s->npending - at);
	s->npending -= at;
	if (some)
		virtq_signal(&d->v, q);
}

static unsigned can_receive(void *opaque)
{
	struct console_end *end = opaque;
	unsigned n = number(end);

	if (end->dev->c.port[n].npending || !listens(end->dev, n) || virtq_empty(&end->dev->v, rx_of(n)))
		return 0;
	return CONSOLE_PENDING;
}

static void receive(void *opaque, const uint8_t *buf, unsigned len)
{
	struct console_end *end = opaque;
	struct console_port_state *s = &end->dev->c.port[number(end)];
	uint32_t room = CONSOLE_PENDING - s->npending;
	bool outer = end->dev->v.in_notify;

	if (!len)
		return;
	len = len < room ? len : room;
	memcpy(s->pending + s->npending, buf, len);
	s->npending += len;
	end->dev->v.in_notify = true; /* a buffer may lie on our own notify register */
	deliver(end->dev, number(end));
	end->dev->v.in_notify = outer;
}

/* Somebody has come to the other end, or gone. */
static void met(void *opaque)
{
	struct console_end *end = opaque;
	struct console_port_state *s = &end->dev->c.port[number(end)];

	bool outer = end->dev->v.in_notify;

	if (!s->ready || s->outside == outside(&end->port))
		return;
	s->events |= EV_OPEN;
	end->dev->v.in_notify = true;
	send_control(end->dev);
	end->dev->v.in_notify = outer;
}

static void console_notify(struct virtio *v, unsigned q)
{
	struct virtio_console *d = of(v);
	unsigned n = q < 2 ? 0 : (q - 2) / 2;
	struct chr *chr = d->end[n].port.chr;

	if (q == CONTROL_RX) {
		send_control(d);
	} else if (q == CONTROL_TX) {
		read_control(d);
	} else if (q & 1) {
		transmit(d, n);
	} else {
		deliver(d, n);
		if (chr && chr->accept && can_receive(&d->end[n]))
			chr->accept(chr);
	}
}

/* ---- the device ---- */

static void get_config(struct virtio *v, uint8_t *c)
{
	pci_put32(c + 4, CONSOLE_PORTS); /* columns and rows: not offered */
}

/* emerg_wr: a character for the console before there is a driver (5.3.4) */
static void set_config(struct virtio *v, const uint8_t *c)
{
	if (c[8])
		chr_write(of(v)->end[0].port.chr, c + 8, 1);
}

static void console_reset(struct virtio *v)
{
	memset(&of(v)->c, 0, sizeof(of(v)->c));
}

static const struct virtio_ops console_ops = {.name = "virtio-serial-pci", .type = 3, .class_code = 0x078000,
	.features = F_MULTIPORT | F_EMERG_WRITE, .queue_size = {QUEUE, QUEUE, CONTROL_QUEUE, CONTROL_QUEUE, [4 ... 2 * CONSOLE_PORTS + 1] = QUEUE},
	.config_len = 12, .get_config = get_config, .set_config = set_config, .notify = console_notify, .reset = console_reset};

static void reset(struct device *d)
{
	virtio_reset(container_of(d, struct virtio, dev));
}

static void fini(struct device *dev)
{
	struct virtio_console *d = of(container_of(dev, struct virtio, dev));

	for (unsigned n = 0; n < CONSOLE_PORTS; n++)
		if (d->end[n].port.chr) {
			d->end[n].port.chr->receive = NULL;
			d->end[n].port.chr->shown = d->end[n].port.chr->gone = NULL;
		}
}

static enum vm_err post_load(struct device *dev, struct err *e)
{
	struct virtio_console *d = of(container_of(dev, struct virtio, dev));

	for (unsigned n = 0; n < CONSOLE_PORTS; n++) {
		struct console_port_state *s = &d->c.port[n];

		if (s->npending > CONSOLE_PENDING)
			return err_set(e, VM_ERR_FORMAT, "virtio-serial: %u bytes wait in port %u", s->npending, n);
		s->events &= EV_ADD | EV_CONSOLE | EV_NAME | EV_OPEN;
		if (!d->end[n].port.present || !d->end[n].port.name)
			s->events &= (uint8_t)~EV_NAME;
		if (s->ready && s->outside != outside(&d->end[n].port))
			s->events |= EV_OPEN; /* goes out with the next message */
	}
	return virtio_post_load(&d->v, e);
}

static void dump(struct device *dev, FILE *out)
{
	struct virtio_console *d = of(container_of(dev, struct virtio, dev));

	virtio_dump(&d->v, out);
	for (unsigned n = 0; n < CONSOLE_PORTS; n++)
		if (d->end[n].port.present)
			fprintf(out, "    port %u: %s %s, %s in the guest, %s outside, %u bytes wait\n", n, d->end[n].port.console ? "virtconsole"
				: "virtserialport", d->end[n].port.name ? d->end[n].port.name : "", d->c.port[n].open ? "open" : "closed",
				outside(&d->end[n].port) ? "open" : "closed", d->c.port[n].npending);
}

static const struct device_ops dev_ops = {.name = "virtio-serial", .version = 2, .state_off = offsetof(struct virtio_console, v.s),
	.state_size = sizeof(struct virtio_state) + sizeof(struct console_state), .reset = reset, .fini = fini, .post_load = post_load, .dump = dump};

struct virtio_console *virtio_console_create(struct log *log, struct pci_bus *bus, uint8_t devfn, const struct console_port *ports)
{
	struct virtio_console *d = device_new(sizeof(*d), &dev_ops, log);

	for (unsigned n = 0; n < CONSOLE_PORTS; n++)
		d->end[n] = (struct console_end){d, ports[n]};
	if (virtio_init(&d->v, &console_ops, bus, devfn, 0, NULL)) {
		free(d);
		return NULL;
	}
	virtio_reset(&d->v);
	for (unsigned n = 0; n < CONSOLE_PORTS; n++) {
		struct chr *chr = d->end[n].port.chr;

		if (!chr)
			continue;
		chr->dev = &d->end[n];
		chr->can_receive = can_receive;
		chr->receive = receive;
		chr->shown = chr->gone = met;
	}
	return d;
}
