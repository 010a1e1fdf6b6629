/* ne2000.c - see ne2000.h. */
#include "devices/net/ne2000.h"
#include "devices/net/ether.h"
#include <stdlib.h>
#include <string.h>

#define DATA 0x10 /* to 17h */
#define RESET 0x18 /* to 1Fh */
#define CR_STP 0x01
#define CR_STA 0x02
#define CR_TXP 0x04
#define CR_RD 0x38
#define RD_READ 0x08
#define RD_WRITE 0x10
#define RD_SEND 0x18
#define ISR_PRX 0x01
#define ISR_PTX 0x02
#define ISR_RDC 0x40
#define ISR_RST 0x80
#define DCR_WORD 0x01
#define DCR_NORMAL 0x08 /* LS */
#define TCR_LOOP 0x06
#define RCR_SHORT 0x02
#define RCR_BROADCAST 0x04
#define RCR_MULTICAST 0x08
#define RCR_ALL 0x10
#define RCR_MONITOR 0x20
#define RX_MAX 1518u
#define TX_MAX 1536u
#define BYTE_NS 800 /* at 10 Mbit/s */
#define WIRE_GAP 24u /* bytes of preamble, checksum and silence */
#define ROOM_NS 200000u /* from room in the ring to the frame that waited for it, which takes its time to come in */
#define AGAIN_NS 2000000u /* a full ring is looked at again */

static void update_irq(struct ne2000 *n)
{
	int level = (n->s.isr & n->s.imr & 0x7F) != 0;

	if (n->is_pci)
		pci_irq_set(&n->pci, level);
	else
		irq_set(&n->irq, level);
}

static void cause(struct ne2000 *n, uint8_t bits)
{
	n->s.isr |= bits;
	update_irq(n);
}

/* ---- the card's memory ---- */

static uint8_t mem_read(const struct ne2000 *n, uint16_t at)
{
	if (at < sizeof(n->s.prom))
		return n->s.prom[at];
	return at >= NE2000_RAM_START && at < NE2000_RAM_END ? n->s.ram[at - NE2000_RAM_START] : 0xFF;
}

static void mem_write(struct ne2000 *n, uint16_t at, uint8_t v)
{
	if (at >= NE2000_RAM_START && at < NE2000_RAM_END)
		n->s.ram[at - NE2000_RAM_START] = v;
}

/* Remote DMA moves on; it wraps from the ring's end to its start, and is complete when the count is. */
static void dma_step(struct ne2000 *n)
{
	n->s.rsar++;
	if (n->s.rsar == n->s.pstop << 8)
		n->s.rsar = (uint16_t)(n->s.pstart << 8);
	if (n->s.rbcr && !--n->s.rbcr)
		cause(n, ISR_RDC);
}

/* On a word-wide bus even an access to one byte takes two (Realtek, section 5.3.1: WTS). */
static unsigned width(const struct ne2000 *n, unsigned size)
{
	return size == 1 && n->s.dcr & DCR_WORD ? 2 : size;
}

static uint64_t data_read(struct ne2000 *n, unsigned size)
{
	uint64_t v = 0;

	size = width(n, size);
	for (unsigned i = 0; i < size; i++) {
		if (!n->s.rbcr)
			return v | ~0ull << (i * 8);
		v |= (uint64_t)mem_read(n, n->s.rsar) << (i * 8);
		dma_step(n);
	}
	return v;
}

static void data_write(struct ne2000 *n, uint64_t v, unsigned size)
{
	size = width(n, size);
	for (unsigned i = 0; i < size && n->s.rbcr; i++) {
		mem_write(n, n->s.rsar, (uint8_t)(v >> (i * 8)));
		dma_step(n);
	}
}

/* ---- receive: a ring of 256-byte pages; each frame begins with its status, the next frame's page, and its length ---- */

static bool wanted(const struct ne2000 *n, const uint8_t *f)
{
	unsigned h = ether_hash(f);

	if (ether_is_broadcast(f))
		return n->s.rcr & RCR_BROADCAST;
	if (f[0] & 1)
		return n->s.rcr & RCR_MULTICAST && n->s.mar[h / 8] >> (h & 7) & 1;
	return n->s.rcr & RCR_ALL || !memcmp(f, n->s.par, 6);
}

/* Pages between the one that is written next and the first that the driver has not read. */
static unsigned free_pages(const struct ne2000 *n)
{
	/* drivers write "the page before the next frame" without looking: before the ring's start is its end */
	int read = n->s.bnry < n->s.pstart ? n->s.pstop - 1 : n->s.bnry;

	return (unsigned)(n->s.curr < read ? read - n->s.curr : n->s.pstop - n->s.pstart - (n->s.curr - read));
}

static bool ring_valid(const struct ne2000 *n)
{
	return n->s.pstart < n->s.pstop && n->s.curr >= n->s.pstart && n->s.curr < n->s.pstop && n->s.bnry < n->s.pstop;
}

static void ring_put(struct ne2000 *n, uint16_t *at, uint8_t v)
{
	mem_write(n, *at, v);
	if (++*at == n->s.pstop << 8)
		*at = (uint16_t)(n->s.pstart << 8);
}

static bool receive(void *opaque, const uint8_t *frame, unsigned len)
{
	struct ne2000 *n = opaque;
	unsigned full = len < 60 ? 60 : len, pages = (full + 8 + 255) / 256, next;
	uint64_t now = clock_now(n->clock);
	uint16_t at;

	if (n->s.cr & CR_STP || n->s.rcr & RCR_MONITOR || !ring_valid(n) || full > RX_MAX || !wanted(n, frame))
		return true;
	if (pages >= (unsigned)(n->s.pstop - n->s.pstart))
		return true; /* a ring that never holds it */
	if (now < n->s.wire_free) {
		timer_arm(&n->next, n->s.wire_free);
		return false;
	}
	if (pages >= free_pages(n)) { /* nothing is lost, but the driver is told again of the frames that it has */
		cause(n, ISR_PRX);
		timer_arm(&n->next, now + AGAIN_NS);
		return false;
	}
	n->s.wire_free = now + (full + WIRE_GAP) * BYTE_NS;
	at = (uint16_t)(n->s.curr << 8);
	next = n->s.curr + pages;
	if (next >= n->s.pstop)
		next -= (unsigned)(n->s.pstop - n->s.pstart);
	n->s.rsr = (uint8_t)(1 | (frame[0] & 1) << 5);
	ring_put(n, &at, n->s.rsr);
	ring_put(n, &at, (uint8_t)next);
	ring_put(n, &at, (uint8_t)(full + 4));
	ring_put(n, &at, (uint8_t)((full + 4) >> 8));
	for (unsigned i = 0; i < full; i++)
		ring_put(n, &at, i < len ? frame[i] : 0);
	n->s.curr = (uint8_t)next;
	cause(n, ISR_PRX);
	return true;
}

static void wire_free(void *opaque)
{
	net_ready(((struct ne2000 *)opaque)->net);
}

/* ---- transmit ---- */

static void transmit(struct ne2000 *n)
{
	uint8_t frame[TX_MAX];
	unsigned len = n->s.tbcr < TX_MAX ? n->s.tbcr : TX_MAX;

	for (unsigned i = 0; i < len; i++)
		frame[i] = mem_read(n, (uint16_t)((n->s.tpsr << 8) + i));
	if (!(n->s.tcr & TCR_LOOP) && n->s.dcr & DCR_NORMAL)
		net_send(n->net, frame, len);
	n->s.tsr = 0x01;
	n->s.cr &= (uint8_t)~CR_TXP;
	cause(n, ISR_PTX);
}

/* ---- registers: 16 of them in four pages ---- */

static void write_cr(struct ne2000 *n, uint8_t v)
{
	bool running = !(n->s.cr & CR_STP);

	n->s.cr = (uint8_t)(v | (n->s.cr & CR_TXP)); /* writing 0 to TXP does not take a frame back */
	if (v & CR_STP) {
		n->s.isr |= ISR_RST;
		n->s.cr &= (uint8_t)~CR_TXP;
		return;
	}
	n->s.isr &= (uint8_t)~ISR_RST;
	if ((v & CR_RD) == RD_SEND) { /* the next frame of the ring, its length from its header */
		n->s.rsar = (uint16_t)(n->s.bnry << 8);
		n->s.rbcr = (uint16_t)(mem_read(n, (uint16_t)(n->s.rsar + 2)) | mem_read(n, (uint16_t)(n->s.rsar + 3)) << 8);
	}
	if (((v & CR_RD) == RD_READ || (v & CR_RD) == RD_WRITE) && !n->s.rbcr)
		cause(n, ISR_RDC);
	if (v & CR_TXP)
		transmit(n);
	if (!running)
		net_ready(n->net);
}

static uint8_t *page0(struct ne2000 *n, unsigned reg)
{
	struct ne2000_state *s = &n->s;
	uint8_t *const low[] = {NULL, &s->pstart, &s->pstop, &s->bnry, &s->tpsr, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &s->rcr,
		&s->tcr, &s->dcr, &s->imr};

	return low[reg];
}

static void set_byte(uint16_t *to, bool high, uint8_t v)
{
	*to = (uint16_t)(high ? (*to & 0xFF) | v << 8 : (*to & 0xFF00) | v);
}

static void write_page0(struct ne2000 *n, unsigned reg, uint8_t v)
{
	if (page0(n, reg))
		*page0(n, reg) = v;
	else if (reg == 0x05 || reg == 0x06)
		set_byte(&n->s.tbcr, reg == 0x06, v);
	else if (reg == 0x07)
		n->s.isr &= (uint8_t)(~v | ISR_RST);
	else if (reg == 0x08 || reg == 0x09)
		set_byte(&n->s.rsar, reg == 0x09, v);
	else if (reg == 0x0A || reg == 0x0B)
		set_byte(&n->s.rbcr, reg == 0x0B, v);
	if (reg == 0x03 && n->next.armed && clock_now(n->clock) + ROOM_NS < n->next.deadline)
		timer_arm(&n->next, clock_now(n->clock) + ROOM_NS);
	update_irq(n);
}

static uint8_t read_page0(const struct ne2000 *n, unsigned reg)
{
	switch (reg) {
	case 0x01: /* where the chip's own DMA is */
		return 0;
	case 0x02:
		return n->s.curr;
	case 0x03:
		return n->s.bnry;
	case 0x04:
		return n->s.tsr;
	case 0x07:
		return n->s.isr;
	case 0x08:
		return (uint8_t)n->s.rsar;
	case 0x09:
		return (uint8_t)(n->s.rsar >> 8);
	case 0x0A:
		return n->is_pci ? 'P' : 0xFF; /* what an RTL8029 says of itself */
	case 0x0B:
		return n->is_pci ? 'C' : 0xFF;
	case 0x0C:
		return n->s.rsr;
	default:
		return 0;
	}
}

static uint8_t reg_get(struct ne2000 *n, unsigned reg)
{
	unsigned page = n->s.cr >> 6;

	if (reg == 0)
		return n->s.cr;
	if (page == 0)
		return read_page0(n, reg);
	if (page == 1)
		return reg < 7 ? n->s.par[reg - 1] : reg == 7 ? n->s.curr : n->s.mar[reg - 8];
	return page == 2 && page0(n, reg) ? *page0(n, reg) : 0;
}

static void reg_put(struct ne2000 *n, unsigned reg, uint8_t v)
{
	unsigned page = n->s.cr >> 6;

	if (reg == 0)
		write_cr(n, v);
	else if (page == 0)
		write_page0(n, reg, v);
	else if (page == 1 && reg < 7)
		n->s.par[reg - 1] = v;
	else if (page == 1 && reg == 7)
		n->s.curr = v;
	else if (page == 1)
		n->s.mar[reg - 8] = v;
}

static void chip_reset(struct ne2000 *n)
{
	n->s.cr = CR_STP | 0x20;
	n->s.isr = ISR_RST;
	n->s.imr = 0;
	n->s.rbcr = 0;
	update_irq(n);
}

static uint64_t io_read(void *opaque, uint64_t off, unsigned size)
{
	struct ne2000 *n = opaque;
	uint64_t v = 0;

	if (off >= DATA && off < RESET)
		return data_read(n, size);
	if (off >= RESET) {
		chip_reset(n);
		return 0;
	}
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)(off + i < DATA ? reg_get(n, (unsigned)off + i) : 0xFF) << (i * 8);
	return v;
}

static void io_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ne2000 *n = opaque;

	if (off >= DATA && off < RESET)
		data_write(n, val, size);
	for (unsigned i = 0; i < size && off + i < DATA; i++)
		reg_put(n, (unsigned)off + i, (uint8_t)(val >> (i * 8)));
}

static const struct io_ops io_ops = {.name = "ne2000", .read = io_read, .write = io_write, .min = 1, .max = 4};

static void ne2000_reset(struct device *d)
{
	struct ne2000 *n = container_of(d, struct ne2000, dev);

	timer_cancel(&n->next);
	memset(&n->s, 0, sizeof(n->s));
	for (unsigned i = 0; i < 16; i++)
		n->s.prom[i * 2] = n->s.prom[i * 2 + 1] = i < 6 ? n->mac[i] : i >= 14 ? 'W' : 0;
	chip_reset(n);
}

static void ne2000_fini(struct device *d)
{
	struct ne2000 *n = container_of(d, struct ne2000, dev);

	timer_cancel(&n->next);
	if (n->net)
		n->net->receive = NULL;
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct ne2000 *n = container_of(d, struct ne2000, dev);

	if (n->s.wire_free > clock_now(n->clock) + NS_PER_SEC)
		return err_set(e, VM_ERR_FORMAT, "ne2000: a state that cannot be");
	update_irq(n);
	return VM_OK;
}

static void dump(struct device *d, FILE *out)
{
	struct ne2000 *n = container_of(d, struct ne2000, dev);

	fprintf(out, "ne2000: cr %02x isr %02x imr %02x, ring %02x-%02x at %02x, read up to %02x, dma %04x + %u\n", n->s.cr, n->s.isr,
		n->s.imr, n->s.pstart, n->s.pstop, n->s.curr, n->s.bnry, n->s.rsar, n->s.rbcr);
}

static const struct device_ops ne2000_ops = {.name = "ne2000", .version = 1, .state_off = offsetof(struct ne2000, s),
	.state_size = sizeof(struct ne2000_state),
	.timer = {offsetof(struct ne2000, next)},
	.reset = ne2000_reset, .fini = ne2000_fini, .post_load = post_load, .dump = dump};

static struct ne2000 *create(struct log *log, struct clock *clock, struct net *net, const uint8_t mac[6])
{
	struct ne2000 *n = device_new(sizeof(*n), &ne2000_ops, log);

	n->net = net;
	n->clock = clock;
	timer_init(&n->next, clock, wire_free, n);
	memcpy(n->mac, mac, 6);
	n->io = (struct region){.name = "ne2000", .kind = REGION_IO, .len = 32, .ops = &io_ops, .opaque = n};
	return n;
}

static struct ne2000 *plug_in(struct ne2000 *n)
{
	ne2000_reset(&n->dev);
	if (n->net) {
		n->net->receive = receive;
		n->net->dev = n;
		memcpy(n->net->mac, n->mac, 6);
	}
	return n;
}

struct ne2000 *ne2000_pci_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct net *net,
	const uint8_t mac[6], const struct region *rom)
{
	struct ne2000 *n = create(log, clock, net, mac);

	n->is_pci = true;
	if (pci_register(bus, &n->pci, "Ethernet controller", devfn, 0x10EC, 0x8029, 0x020000, n)) {
		free(n);
		return NULL;
	}
	pci_set_bar(&n->pci, 0, PCI_BAR_IO, &n->io);
	if (rom) {
		n->rom = *rom;
		pci_set_bar(&n->pci, PCI_ROM_BAR, PCI_BAR_MEM, &n->rom);
	}
	pci_irq_pin(&n->pci, 1);
	return plug_in(n);
}

struct ne2000 *ne2000_isa_create(struct log *log, struct clock *clock, struct space *io, uint16_t base, struct irq irq,
	struct net *net, const uint8_t mac[6])
{
	struct ne2000 *n = create(log, clock, net, mac);

	n->irq = irq;
	space_add(io, &n->io, base);
	return plug_in(n);
}
