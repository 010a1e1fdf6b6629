/* uhci.c - see uhci.h. Section numbers are those of the UHCI Design Guide 1.1. */
#include "devices/usb/uhci.h"
#include "devices/usb/hid.h"
#include <stdlib.h>
#include <string.h>

enum { CMD_RS = 1, CMD_HCRESET = 2, CMD_GRESET = 4, CMD_EGSM = 8, CMD_FGR = 16 };
enum { STS_INT = 1, STS_ERROR = 2, STS_RESUME = 4, STS_SYSTEM = 8, STS_PROCESS = 16, STS_HALTED = 32 };
enum { INTR_CRC = 1, INTR_RESUME = 2, INTR_IOC = 4, INTR_SHORT = 8 };
enum { WHY_IOC = 1, WHY_SHORT = 2 };
enum { PORT_CONNECT = 1, PORT_CONNECT_CHANGE = 2, PORT_ENABLE = 4, PORT_ENABLE_CHANGE = 8, PORT_DPLUS = 0x10, PORT_DMINUS = 0x20,
	PORT_RESUME = 0x40, PORT_ONE = 0x80, PORT_LOW_SPEED = 0x100, PORT_RESET = 0x200, PORT_SUSPEND = 0x1000 };
/* TD control and status, 3.2.2 */
#define TD_ACTLEN 0x7FFu
#define TD_CRC BIT(18)
#define TD_NAK BIT(19)
#define TD_STALLED BIT(22)
#define TD_ACTIVE BIT(23)
#define TD_IOC BIT(24)
#define TD_ISO BIT(25)
#define TD_ERRORS_SHIFT 27
#define TD_SPD BIT(29)
#define LINK_END 1u
#define LINK_QH 2u
#define LINK_DEPTH 4u

#define FRAME_NS 1000000u
#define FRAME_BYTES 1280 /* what a frame has time for */
#define FRAME_LINKS 512	 /* and what we follow at most */
#define LATE_FRAMES 8	 /* frames made up for after a pause */

struct td {
	uint32_t link, ctrl, token, buf;
};

static void update_irq(struct uhci *u)
{
	const struct uhci_state *s = &u->s;
	bool completed = s->sts & STS_INT && ((s->why & WHY_IOC && s->intr & INTR_IOC) || (s->why & WHY_SHORT && s->intr & INTR_SHORT));

	pci_irq_set(&u->pci, completed || (s->sts & STS_ERROR && s->intr & INTR_CRC) || (s->sts & STS_RESUME && s->intr & INTR_RESUME) ||
		s->sts & (STS_SYSTEM | STS_PROCESS));
}

/* 2.1.2: what the controller cannot go on after. It stops. */
static void halt(struct uhci *u, uint16_t why)
{
	u->s.sts |= why | STS_HALTED;
	u->s.cmd &= (uint16_t)~CMD_RS;
	timer_cancel(&u->timer);
}

static bool fetch(struct uhci *u, uint32_t at, uint32_t *out, unsigned words)
{
	uint8_t b[16];

	if (!pci_dma_read(&u->pci, at, b, words * 4)) {
		halt(u, STS_SYSTEM);
		return false;
	}
	for (unsigned i = 0; i < words; i++)
		out[i] = pci_get32(b + 4 * i);
	return true;
}

static bool store(struct uhci *u, uint32_t at, uint32_t v)
{
	uint8_t b[4];

	pci_put32(b, v);
	if (pci_dma_write(&u->pci, at, b, 4))
		return true;
	halt(u, STS_SYSTEM);
	return false;
}

static struct usb_device *device_at(struct uhci *u, unsigned addr)
{
	for (unsigned i = 0; i < UHCI_PORTS; i++)
		if (u->plug[i].kind && (u->s.port[i] & (PORT_ENABLE | PORT_SUSPEND)) == PORT_ENABLE && u->s.dev[i].addr == addr)
			return &u->plug[i];
	return NULL;
}

/* The transaction of a TD. Return: bytes, USB_NAK, USB_STALL; with *@silent nobody answered. */
static int transact(struct uhci *u, const struct td *td, bool *silent)
{
	unsigned len = ((td->token >> 21) + 1) & TD_ACTLEN, pid = td->token & 0xFF;
	struct usb_device *d = device_at(u, td->token >> 8 & 0x7F);
	uint8_t buf[1280] = {0};
	int n;

	*silent = !d;
	if (!d)
		return USB_STALL;
	if (len > sizeof(buf))
		len = sizeof(buf);
	if (pid != USB_IN && len && !pci_dma_read(&u->pci, td->buf, buf, len)) {
		halt(u, STS_SYSTEM);
		return USB_STALL;
	}
	n = usb_packet(d, (enum usb_pid)pid, td->token >> 15 & 15, buf, len);
	if (pid == USB_IN && n > 0 && !pci_dma_write(&u->pci, td->buf, buf, (unsigned)n))
		halt(u, STS_SYSTEM);
	return n;
}

/* Nobody answered: the error counter goes down; at zero, or without one at once, the TD is given up (3.2.2, C_ERR). */
static uint32_t timed_out(uint32_t ctrl, bool *failed)
{
	uint32_t left = ctrl >> TD_ERRORS_SHIFT & 3;

	*failed = left <= 1;
	ctrl = (ctrl & ~(3u << TD_ERRORS_SHIFT)) | TD_CRC | (left ? left - 1 : 0) << TD_ERRORS_SHIFT;
	return *failed ? (ctrl & ~(uint32_t)TD_ACTIVE) | TD_STALLED : ctrl;
}

enum done { DONE_NEXT, /* the queue goes on with the next TD */ DONE_STAY /* it stays at this one */ };

/* 3.2.2: carry out the TD at @at and write its status back. @bytes: what it took of the frame. */
static enum done run_td(struct uhci *u, uint32_t at, struct td *td, bool in_queue, unsigned *bytes)
{
	unsigned pid = td->token & 0xFF, len = ((td->token >> 21) + 1) & TD_ACTLEN;
	enum done done = DONE_NEXT;
	bool silent, failed = false, is_short = false;
	int n;

	if (!(td->ctrl & TD_ACTIVE))
		return DONE_STAY;
	/* 2.1.2, host controller process error: a PID that is none, or a length over 1280 */
	if ((pid != USB_IN && pid != USB_OUT && pid != USB_SETUP) || len > FRAME_BYTES) {
		halt(u, STS_PROCESS);
		return DONE_STAY;
	}
	n = transact(u, td, &silent);
	*bytes = len + 16;
	if (silent) {
		td->ctrl = timed_out(td->ctrl, &failed);
		done = DONE_STAY;
	} else if (n == USB_NAK && !(td->ctrl & TD_ISO)) {
		td->ctrl |= TD_NAK;
		done = DONE_STAY;
	} else if (n == USB_STALL) {
		td->ctrl = (td->ctrl & ~(uint32_t)TD_ACTIVE) | TD_STALLED;
		failed = true;
		done = DONE_STAY;
	} else {
		n = n < 0 ? 0 : n;
		td->ctrl = (td->ctrl & ~(uint32_t)(TD_ACTIVE | TD_NAK | TD_ACTLEN)) | ((unsigned)(n - 1) & TD_ACTLEN);
		is_short = pid == USB_IN && (unsigned)n < len && td->ctrl & TD_SPD;
		if (is_short && in_queue)
			done = DONE_STAY;
	}
	if (failed)
		u->s.sts |= STS_ERROR;
	if (!(td->ctrl & TD_ACTIVE) && (td->ctrl & TD_IOC || is_short)) {
		u->s.sts |= STS_INT;
		u->s.why |= (td->ctrl & TD_IOC ? WHY_IOC : 0) | (is_short ? WHY_SHORT : 0);
	}
	store(u, at + 4, td->ctrl);
	return done;
}

/* 1.4: the schedule of one frame. Queues link back to each other to use up a frame: a round without work ends it. */
static void walk(struct uhci *u, uint32_t link)
{
	unsigned budget = FRAME_BYTES, idle = 0;
	uint32_t round = 0; /* the queue that a round began with */

	for (unsigned i = 0; i < FRAME_LINKS && !(link & LINK_END) && u->s.cmd & CMD_RS; i++) {
		uint32_t qh = 0, head[2], at;
		unsigned bytes = 0;
		struct td td;
		bool next;

		if (link & LINK_QH) {
			qh = link & ~15u;
			if (qh == round && idle)
				return;
			if (!round || !idle)
				round = qh;
			idle = 1;
			if (!fetch(u, qh, head, 2))
				return;
			link = head[0];
			if (head[1] & (LINK_END | LINK_QH)) { /* an empty queue; queues in queues are not used by anybody */
				if (!(head[1] & LINK_END))
					link = head[1];
				continue;
			}
		}
		at = qh ? head[1] & ~15u : link & ~15u;
		do {
			next = false;
			if (!fetch(u, at, (uint32_t *)&td, 4))
				return;
			if (run_td(u, at, &td, qh, &bytes) == DONE_NEXT && qh) {
				idle = 0;
				if (!store(u, qh + 4, td.link))
					return;
				next = td.link & LINK_DEPTH && !(td.link & (LINK_END | LINK_QH));
				at = td.link & ~15u;
			}
			if (!(u->s.cmd & CMD_RS) || bytes >= budget)
				return;
			budget -= bytes;
			bytes = 0;
		} while (next && i++ < FRAME_LINKS);
		if (!qh)
			link = td.link;
	}
}

static void run_frame(struct uhci *u)
{
	uint32_t link;

	if (fetch(u, (u->s.base & ~0xFFFu) + (u->s.frame & 0x3FF) * 4, &link, 1))
		walk(u, link);
	u->s.frame = (u->s.frame + 1) & 0x7FF;
}

static void tick(void *opaque)
{
	struct uhci *u = opaque;
	uint64_t now = clock_now(u->timer.clock);

	/* after a pause some frames are lost rather than all made up for */
	if (now > u->s.next + LATE_FRAMES * FRAME_NS)
		u->s.next = now - LATE_FRAMES * FRAME_NS;
	while (u->s.cmd & CMD_RS && u->s.next <= now) {
		run_frame(u);
		u->s.next += FRAME_NS;
	}
	if (u->s.cmd & CMD_RS)
		timer_arm(&u->timer, u->s.next);
	update_irq(u);
}

/* ---- registers, 2.1 ---- */

static void plug_in(struct uhci *u, unsigned i)
{
	u->s.port[i] = PORT_ONE;
	if (u->plug[i].kind)
		u->s.port[i] |= PORT_CONNECT | PORT_CONNECT_CHANGE | (u->plug[i].kind->low_speed ? PORT_LOW_SPEED | PORT_DMINUS : PORT_DPLUS);
}

static void reset_controller(struct uhci *u)
{
	timer_cancel(&u->timer);
	u->s.cmd = u->s.intr = u->s.frame = 0;
	u->s.sts = STS_HALTED;
	u->s.base = 0;
	u->s.why = 0;
	u->s.sofmod = 64;
	for (unsigned i = 0; i < UHCI_PORTS; i++) {
		if (u->plug[i].kind)
			usb_reset(&u->plug[i]);
		plug_in(u, i);
	}
	update_irq(u);
}

static void write_cmd(struct uhci *u, uint16_t v)
{
	bool was = u->s.cmd & CMD_RS;

	if (v & CMD_HCRESET) {
		reset_controller(u);
		return;
	}
	if (u->s.cmd & CMD_GRESET && !(v & CMD_GRESET)) /* the end of a reset of everything on the bus */
		for (unsigned i = 0; i < UHCI_PORTS; i++)
			if (u->plug[i].kind)
				usb_reset(&u->plug[i]);
	u->s.cmd = v & 0xFF;
	if (v & CMD_RS && !was) {
		u->s.sts &= (uint16_t)~STS_HALTED;
		u->s.next = clock_now(u->timer.clock) + FRAME_NS;
		timer_arm(&u->timer, u->s.next);
	} else if (!(v & CMD_RS)) {
		u->s.sts |= STS_HALTED;
		timer_cancel(&u->timer);
	}
}

static void write_port(struct uhci *u, unsigned i, uint16_t v)
{
	uint16_t *p = &u->s.port[i], keep = PORT_CONNECT | PORT_DPLUS | PORT_DMINUS | PORT_ONE | PORT_LOW_SPEED;
	bool was_reset = *p & PORT_RESET;

	*p &= (uint16_t)~(v & (PORT_CONNECT_CHANGE | PORT_ENABLE_CHANGE));
	keep |= PORT_CONNECT_CHANGE | PORT_ENABLE_CHANGE;
	*p = (uint16_t)((*p & keep) | (v & (PORT_ENABLE | PORT_RESUME | PORT_RESET | PORT_SUSPEND)));
	if (!(*p & PORT_CONNECT) || *p & PORT_RESET)
		*p &= (uint16_t)~PORT_ENABLE;
	if (was_reset && !(v & PORT_RESET) && u->plug[i].kind)
		usb_reset(&u->plug[i]);
}

static uint16_t get16(struct uhci *u, unsigned off)
{
	switch (off) {
	case 0x00:
		return u->s.cmd;
	case 0x02:
		return u->s.sts;
	case 0x04:
		return u->s.intr;
	case 0x06:
		return u->s.frame;
	case 0x08:
		return (uint16_t)u->s.base;
	case 0x0A:
		return (uint16_t)(u->s.base >> 16);
	case 0x0C:
		return u->s.sofmod;
	case 0x10:
	case 0x12:
		return u->s.port[(off - 0x10) / 2];
	default: /* beyond the last port drivers look for more: bit 7, which every port has set, must be 0 */
		return 0xFF7F;
	}
}

static void put16(struct uhci *u, unsigned off, uint16_t v)
{
	switch (off) {
	case 0x00:
		write_cmd(u, v);
		break;
	case 0x02:
		u->s.sts &= (uint16_t)~(v & 0x1F);
		if (v & STS_INT)
			u->s.why = 0;
		break;
	case 0x04:
		u->s.intr = v & 0x0F;
		break;
	case 0x06: /* written only while it stands */
		if (u->s.sts & STS_HALTED)
			u->s.frame = v & 0x7FF;
		break;
	case 0x08:
		u->s.base = (u->s.base & 0xFFFF0000u) | (v & 0xF000u);
		break;
	case 0x0A:
		u->s.base = (u->s.base & 0xFFFFu) | (uint32_t)v << 16;
		break;
	case 0x0C:
		u->s.sofmod = v & 0x7F;
		break;
	case 0x10:
	case 0x12:
		write_port(u, (off - 0x10) / 2, v);
		break;
	}
	update_irq(u);
}

static uint64_t io_read(void *opaque, uint64_t off, unsigned size)
{
	struct uhci *u = opaque;
	uint32_t v = get16(u, (unsigned)off & ~1u) | (uint32_t)get16(u, ((unsigned)off & ~1u) + 2) << 16;

	return v >> (off & 1) * 8;
}

static void io_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct uhci *u = opaque;

	if (size == 1) { /* SOFMOD is a byte; others keep their other half */
		uint16_t old = get16(u, (unsigned)off & ~1u);

		if (off == 0x02 || off == 0x03 || off >= 0x10)
			old = 0; /* bits that are cleared by ones */
		put16(u, (unsigned)off & ~1u, (uint16_t)(off & 1 ? (old & 0xFF) | val << 8 : (old & 0xFF00u) | val));
		return;
	}
	put16(u, (unsigned)off & ~1u, (uint16_t)val);
	if (size == 4)
		put16(u, ((unsigned)off & ~1u) + 2, (uint16_t)(val >> 16));
}

static const struct io_ops io = {"uhci", io_read, io_write, 1, 4};

/* ---- what the user does ---- */

static struct usb_device *plugged(struct uhci *u, const struct usb_kind *kind)
{
	for (unsigned i = 0; i < UHCI_PORTS; i++)
		if (u->plug[i].kind == kind)
			return &u->plug[i];
	return NULL;
}

/* A user's device of that kind while the guest uses it, else NULL. A sleeping bus is told (2.1.7, resume detect). */
static struct usb_device *in_use(struct uhci *u, const struct usb_kind *kind)
{
	struct usb_device *d = plugged(u, kind);

	if (!d || !d->s->config)
		return NULL;
	for (unsigned i = 0; i < UHCI_PORTS; i++)
		if (d == &u->plug[i] && u->s.port[i] & PORT_SUSPEND)
			u->s.port[i] |= PORT_RESUME;
	if (u->s.cmd & CMD_EGSM) {
		u->s.sts |= STS_RESUME;
		update_irq(u);
	}
	return d;
}

static void user_tablet(void *opaque, unsigned x, unsigned y, int dz, unsigned buttons)
{
	struct usb_device *d = in_use(opaque, &usb_tablet);

	if (d)
		hid_tablet(d, x, y, dz, buttons);
}

/* The guest that has not found the USB device has the PS/2 one. */
static void user_mouse(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
	struct uhci *u = opaque;
	struct usb_device *d = in_use(u, &usb_mouse);

	if (d)
		hid_mouse(d, dx, dy, dz, buttons);
	else if (u->ps2.mouse)
		u->ps2.mouse(u->ps2.mouse_opaque, dx, dy, dz, buttons);
}

static void user_key(void *opaque, unsigned set1, bool down)
{
	struct uhci *u = opaque;
	struct usb_device *d = in_use(u, &usb_keyboard);

	if (d)
		hid_key(d, set1, down);
	else if (u->ps2.key)
		u->ps2.key(u->ps2.key_opaque, set1, down);
}

/* ---- the device ---- */

static void reset(struct device *d)
{
	struct uhci *u = container_of(d, struct uhci, dev);

	reset_controller(u);
	u->pci.cfg[0xC1] = 0x20; /* LEGSUP 2000h: its interrupts go to PIRQD */
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct uhci *u = container_of(d, struct uhci, dev);

	for (unsigned i = 0; i < UHCI_PORTS; i++) {
		if (!usb_valid(&u->s.dev[i]))
			return err_set(e, VM_ERR_FORMAT, "uhci: no such state of a device");
		if (u->plug[i].kind && u->plug[i].kind->configured)
			u->plug[i].kind->configured(&u->plug[i], u->s.dev[i].config);
	}
	timer_cancel(&u->timer);
	if (u->s.cmd & CMD_RS)
		timer_arm(&u->timer, u->s.next);
	return VM_OK;
}

static void dump(struct device *d, FILE *out)
{
	struct uhci *u = container_of(d, struct uhci, dev);

	fprintf(out, "uhci: cmd %04x, status %04x, frame %u\n", u->s.cmd, u->s.sts, u->s.frame);
	for (unsigned i = 0; i < UHCI_PORTS; i++)
		fprintf(out, "  port %u: %04x, %s, address %u, configuration %u\n", i + 1, u->s.port[i],
			u->plug[i].kind ? u->plug[i].kind->name : "empty", u->s.dev[i].addr, u->s.dev[i].config);
}

static const struct device_ops ops = {.name = "piix3-usb-uhci", .version = 1, .state_off = offsetof(struct uhci, s),
	.state_size = sizeof(struct uhci_state), .timer = {offsetof(struct uhci, timer)}, .reset = reset, .post_load = post_load, .dump = dump};

static void take_input(struct uhci *u, struct input *in)
{
	u->ps2 = *in;
	if (plugged(u, &usb_tablet)) {
		in->tablet = user_tablet;
		in->tablet_opaque = u;
	}
	if (plugged(u, &usb_mouse)) {
		in->mouse = user_mouse;
		in->mouse_opaque = u;
	}
	if (plugged(u, &usb_keyboard)) {
		in->key = user_key;
		in->key_opaque = u;
	}
}

struct uhci *uhci_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct input *input,
	const struct usb_kind *const kind[UHCI_PORTS])
{
	struct uhci *u = device_new(sizeof(*u), &ops, log);

	if (pci_register(bus, &u->pci, "piix3-usb-uhci", devfn, 0x8086, 0x7020, 0x0C0300, u)) {
		free(u);
		return NULL;
	}
	u->pci.cfg[PCI_CFG_REVISION] = 0x01;
	u->pci.cfg[0x60] = 0x10; /* SBRN: USB 1.0 */
	u->pci.wmask[0xC0] = u->pci.wmask[0xC1] = 0xFF;
	pci_irq_pin(&u->pci, 4);
	u->ports = (struct region){.name = "uhci", .kind = REGION_IO, .len = 32, .ops = &io, .opaque = u};
	pci_set_bar(&u->pci, 4, PCI_BAR_IO, &u->ports);
	timer_init(&u->timer, clock, tick, u);
	for (unsigned i = 0; i < UHCI_PORTS; i++)
		u->plug[i] = (struct usb_device){.kind = kind[i], .s = &u->s.dev[i], .input = input};
	take_input(u, input);
	reset(&u->dev);
	return u;
}
