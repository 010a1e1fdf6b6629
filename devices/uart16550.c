/*
 * uart16550.c - National 16550A UART with FIFOs.
 *
 * Transmission takes no time: a byte written to THR is with the backend before the write returns,
 * so LSR always says "empty" while each write still gives one transmitter-empty interrupt.
 * Reception is paced by the guest: the backend may deliver what fits into the FIFO and no more. The
 * modem on the other end is always there (DCD, DSR, CTS on).
 *
 * OUT2 does not gate the interrupt: boards' wiring of it differs, and QEMU's port, which guests
 * are written against, ignores it.
 *
 * Source: National PC16550D data sheet (June 1995), register descriptions in section 8.
 */
#include "devices/uart16550.h"
#include <string.h>

#define UART_CLOCK 1843200u

enum { RBR = 0, IER = 1, IIR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

#define IER_RDA 0x01
#define IER_THRE 0x02
#define IER_RLS 0x04
#define IER_MSI 0x08
#define LCR_DLAB 0x80
#define LCR_BREAK 0x40
#define MCR_LOOP 0x10
#define LSR_DR 0x01
#define LSR_OE 0x02
#define LSR_BI 0x10
#define LSR_ERRS 0x1E
#define LSR_EMPTY 0x60 /* THRE and TEMT */
#define LSR_FIFO_ERR 0x80
#define FCR_ENABLE 0x01
#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80

static bool fifo_on(const struct uart16550 *u)
{
	return u->s.fcr & FCR_ENABLE;
}

static unsigned trigger_level(const struct uart16550 *u)
{
	static const uint8_t level[4] = {1, 4, 8, 14};

	return fifo_on(u) ? level[u->s.fcr >> 6] : 1;
}

/* IIR bits 3..0 of the most urgent enabled source; 1: none. Data sheet table IV. */
static uint8_t pending_id(const struct uart16550 *u)
{
	const struct uart16550_state *s = &u->s;

	if ((s->ier & IER_RLS) && (s->lsr & LSR_ERRS))
		return 0x06;
	if ((s->ier & IER_RDA) && s->rx_count >= trigger_level(u))
		return 0x04;
	if ((s->ier & IER_RDA) && s->timeout)
		return 0x0C;
	if ((s->ier & IER_THRE) && s->thre_pending)
		return 0x02;
	if ((s->ier & IER_MSI) && (s->msr & 0x0F))
		return 0x00;
	return 0x01;
}

static void update_irq(struct uart16550 *u)
{
	uint8_t level = pending_id(u) != 1;

	if (level == u->s.irq_level)
		return;
	u->s.irq_level = level;
	irq_set(&u->irq, level);
}

/* Four character times, the FIFO's receive timeout. */
static uint64_t timeout_ns(const struct uart16550 *u)
{
	unsigned bits_per_char =
		1 + 5 + (u->s.lcr & 3) + ((u->s.lcr >> 3) & 1) + 1 + ((u->s.lcr >> 2) & 1);
	uint64_t divisor = u->s.divisor ? u->s.divisor : 1;

	return muldiv64(4 * 16 * bits_per_char * divisor, NS_PER_SEC, UART_CLOCK);
}

static void restart_timeout(struct uart16550 *u)
{
	u->s.timeout = 0;
	if (!fifo_on(u) || !u->s.rx_count) {
		u->s.timeout_at = 0;
		timer_cancel(&u->timer);
		return;
	}
	u->s.timeout_at = clock_now(u->clock) + timeout_ns(u);
	timer_arm(&u->timer, u->s.timeout_at);
}

static void uart_timeout(void *opaque)
{
	struct uart16550 *u = opaque;

	u->s.timeout_at = 0;
	if (!fifo_on(u) || !u->s.rx_count)
		return;
	u->s.timeout = 1;
	update_irq(u);
}

/* LSR follows the oldest byte: DR, its error bits once it is at the top, the FIFO error summary. */
static void refresh_lsr(struct uart16550 *u)
{
	struct uart16550_state *s = &u->s;
	bool any = false;

	s->lsr &= ~(LSR_DR | LSR_FIFO_ERR);
	if (!s->rx_count)
		return;
	s->lsr |= LSR_DR | s->rx_err[s->rx_head];
	s->rx_err[s->rx_head] = 0; /* shown once; the guest's LSR read clears it */
	for (unsigned i = 0; i < s->rx_count; i++)
		any |= s->rx_err[(s->rx_head + i) % UART_FIFO] != 0;
	if (fifo_on(u) && (any || (s->lsr & (LSR_ERRS & ~LSR_OE))))
		s->lsr |= LSR_FIFO_ERR;
}

static void rx_push(struct uart16550 *u, uint8_t byte, uint8_t err)
{
	struct uart16550_state *s = &u->s;
	unsigned room = fifo_on(u) ? UART_FIFO : 1;

	if (s->rx_count >= room) {
		/* Overrun: without the FIFO the new byte replaces the old, with it the new one is
		 * lost. */
		s->lsr |= LSR_OE;
		if (room == 1)
			s->rx[s->rx_head] = byte;
	} else {
		unsigned at = (s->rx_head + s->rx_count) % UART_FIFO;

		s->rx[at] = byte;
		s->rx_err[at] = err;
		s->rx_count++;
	}
	refresh_lsr(u);
	restart_timeout(u);
	update_irq(u);
}

static unsigned uart_can_receive(void *opaque)
{
	struct uart16550 *u = opaque;
	unsigned room = fifo_on(u) ? UART_FIFO : 1;

	if (u->s.mcr & MCR_LOOP)
		return 0;
	return u->s.rx_count < room ? room - u->s.rx_count : 0;
}

static void uart_receive(void *opaque, const uint8_t *buf, unsigned len)
{
	struct uart16550 *u = opaque;

	if (u->s.mcr & MCR_LOOP)
		return;
	for (unsigned i = 0; i < len; i++)
		rx_push(u, buf[i], 0);
}

static void uart_break(void *opaque)
{
	struct uart16550 *u = opaque;

	if (!(u->s.mcr & MCR_LOOP))
		rx_push(u, 0, LSR_BI);
}

/* Room appeared: let the backend know. */
static void accept_more(struct uart16550 *u)
{
	if (u->chr && u->chr->accept && uart_can_receive(u))
		u->chr->accept(u->chr);
}

static uint8_t read_rbr(struct uart16550 *u)
{
	struct uart16550_state *s = &u->s;

	if (s->rx_count) {
		s->thr = s->rx[s->rx_head];
		s->rx_head = (s->rx_head + 1) % UART_FIFO;
		s->rx_count--;
		refresh_lsr(u);
		restart_timeout(u);
		update_irq(u);
		accept_more(u);
	}
	return s->thr;
}

static void write_thr(struct uart16550 *u, uint8_t val)
{
	/* Down while the byte is in the register, up again when it has left: an edge per byte. */
	u->s.thre_pending = 0;
	update_irq(u);
	if (u->s.mcr & MCR_LOOP)
		rx_push(u, val, 0);
	else
		chr_write(u->chr, &val, 1);
	u->s.thre_pending = 1;
	update_irq(u);
}

static void write_ier(struct uart16550 *u, uint8_t val)
{
	uint8_t old = u->s.ier;

	u->s.ier = val & 0x0F;
	/* Enabling the source while THR is empty requests at once. */
	if (!(old & IER_THRE) && (val & IER_THRE))
		u->s.thre_pending = 1;
	update_irq(u);
}

static void write_fcr(struct uart16550 *u, uint8_t val)
{
	bool toggled = (val ^ u->s.fcr) & FCR_ENABLE;

	/* "Bits 7..1 are only programmed when bit 0 is written 1"; changing bit 0 empties the
	 * FIFOs. */
	u->s.fcr = (val & FCR_ENABLE) ? val & 0xC9 : 0;
	if (toggled || ((val & FCR_ENABLE) && (val & 0x02))) {
		u->s.rx_count = 0;
		u->s.rx_head = 0;
		memset(u->s.rx_err, 0, sizeof(u->s.rx_err));
		refresh_lsr(u);
	}
	restart_timeout(u);
	update_irq(u);
	accept_more(u);
}

/* The four modem lines as the chip sees them; in loopback they are MCR's own outputs. */
static void update_modem(struct uart16550 *u)
{
	uint8_t mcr = u->s.mcr, old = u->s.msr, now = MSR_DCD | MSR_DSR | MSR_CTS, delta;

	if (mcr & MCR_LOOP)
		now = (mcr & 2 ? MSR_CTS : 0) | (mcr & 1 ? MSR_DSR : 0) | (mcr & 4 ? MSR_RI : 0) |
		      (mcr & 8 ? MSR_DCD : 0);
	delta = (old ^ now) >> 4;
	if (now & MSR_RI)
		delta &= ~0x04; /* TERI: only the trailing edge of the ring indicator */
	u->s.msr = now | (old & 0x0F) | (delta & 0x0F);
	update_irq(u);
}

static void write_lcr(struct uart16550 *u, uint8_t val)
{
	bool brk = (val & LCR_BREAK) && !(u->s.lcr & LCR_BREAK);

	u->s.lcr = val;
	if (brk && (u->s.mcr & MCR_LOOP))
		rx_push(u, 0, LSR_BI);
}

static uint64_t uart_read(void *opaque, uint64_t off, unsigned size)
{
	struct uart16550 *u = opaque;
	struct uart16550_state *s = &u->s;
	uint8_t v;

	switch (off & 7) {
	case RBR:
		return s->lcr & LCR_DLAB ? s->divisor & 0xFF : read_rbr(u);
	case IER:
		return s->lcr & LCR_DLAB ? s->divisor >> 8 : s->ier;
	case IIR:
		v = pending_id(u);
		if (v == 0x02) { /* reading IIR acknowledges THRE if it is the source shown */
			s->thre_pending = 0;
			update_irq(u);
		}
		return v | (fifo_on(u) ? 0xC0 : 0);
	case LCR:
		return s->lcr;
	case MCR:
		return s->mcr;
	case LSR:
		v = s->lsr | LSR_EMPTY;
		s->lsr &= ~LSR_ERRS;
		refresh_lsr(u);
		update_irq(u);
		return v;
	case MSR:
		v = s->msr;
		s->msr &= 0xF0;
		update_irq(u);
		return v;
	default:
		return s->scr;
	}
}

static void uart_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct uart16550 *u = opaque;
	struct uart16550_state *s = &u->s;
	uint8_t v = (uint8_t)val;

	switch (off & 7) {
	case RBR:
		if (s->lcr & LCR_DLAB)
			s->divisor = (s->divisor & 0xFF00) | v;
		else
			write_thr(u, v);
		break;
	case IER:
		if (s->lcr & LCR_DLAB)
			s->divisor = (uint16_t)(v << 8) | (s->divisor & 0xFF);
		else
			write_ier(u, v);
		break;
	case IIR:
		write_fcr(u, v);
		break;
	case LCR:
		write_lcr(u, v);
		break;
	case MCR:
		s->mcr = v & 0x1F;
		update_modem(u);
		accept_more(u);
		break;
	case SCR:
		s->scr = v;
		break;
	default: /* LSR and MSR: factory test, not for software */
		break;
	}
}

static const struct io_ops uart_io = {"uart16550", uart_read, uart_write, 1, 1};

static void uart_reset(struct device *d)
{
	struct uart16550 *u = container_of(d, struct uart16550, dev);

	memset(&u->s, 0, sizeof(u->s));
	u->s.divisor = 12; /* 9600 baud; the data sheet leaves it undefined */
	u->s.msr = MSR_DCD | MSR_DSR | MSR_CTS;
	timer_cancel(&u->timer);
	irq_set(&u->irq, 0);
	accept_more(u);
}

static enum vm_err uart_post_load(struct device *d, struct err *e)
{
	struct uart16550 *u = container_of(d, struct uart16550, dev);

	if (u->s.rx_head >= UART_FIFO || u->s.rx_count > UART_FIFO)
		return err_set(e, VM_ERR_FORMAT, "serial: impossible saved state");
	if (u->s.timeout_at)
		timer_arm(&u->timer, u->s.timeout_at);
	else
		timer_cancel(&u->timer);
	irq_set(&u->irq, u->s.irq_level);
	return VM_OK;
}

static void uart_dump(struct device *d, FILE *out)
{
	struct uart16550 *u = container_of(d, struct uart16550, dev);
	const struct uart16550_state *s = &u->s;

	fprintf(out,
		"serial %03x: ier=%02x fcr=%02x lcr=%02x mcr=%02x lsr=%02x msr=%02x divisor=%u "
		"rx=%u irq=%u backend=%s\n",
		(unsigned)u->io.base, s->ier, s->fcr, s->lcr, s->mcr, s->lsr | LSR_EMPTY, s->msr,
		s->divisor, s->rx_count, s->irq_level, u->chr ? u->chr->label : "none");
}

static void uart_fini(struct device *d)
{
	struct uart16550 *u = container_of(d, struct uart16550, dev);

	timer_cancel(&u->timer);
	if (u->chr && u->chr->dev == u) {
		u->chr->can_receive = NULL;
		u->chr->receive = NULL;
		u->chr->brk = NULL;
		u->chr->dev = NULL;
	}
}

static const struct device_ops uart_ops = {
	.name = "isa-serial",
	.version = 1,
	.state_off = offsetof(struct uart16550, s),
	.state_size = sizeof(struct uart16550_state),
	.timer = {offsetof(struct uart16550, timer)},
	.reset = uart_reset,
	.fini = uart_fini,
	.post_load = uart_post_load,
	.dump = uart_dump,
};

struct uart16550 *uart16550_create(struct log *log, struct clock *clock, struct space *io,
	uint16_t iobase, struct irq irq, struct chr *chr)
{
	struct uart16550 *u = device_new(sizeof(*u), &uart_ops, log);

	u->clock = clock;
	u->irq = irq;
	u->chr = chr;
	timer_init(&u->timer, clock, uart_timeout, u);
	if (chr) {
		chr->can_receive = uart_can_receive;
		chr->receive = uart_receive;
		chr->brk = uart_break;
		chr->dev = u;
	}
	u->s.divisor = 12;
	u->s.msr = MSR_DCD | MSR_DSR | MSR_CTS;
	space_add_io(io, &u->io, "serial", iobase, 8, &uart_io, u);
	return u;
}
