/*
 * rtl8139.c - see rtl8139.h. The registers are bytes, as the chip has them: each may be written alone, and what a write sets off
 * begins when all of its bytes are in place.
 */
#include "devices/net/rtl8139.h"
#include "devices/net/ether.h"
#include <stdlib.h>
#include <string.h>

#define MAR 0x08
#define TSD RTL_TSD
#define TSAD 0x20
#define RBSTART 0x30
#define CR RTL_CR
#define CAPR 0x38
#define CBR 0x3A
#define IMR 0x3C
#define ISR 0x3E
#define TCR 0x40
#define RCR 0x44
#define TCTR 0x48
#define MPC 0x4C
#define EECR 0x50
#define CONFIG0 0x51
#define CONFIG1 0x52
#define TIMERINT 0x54
#define MSR 0x58
#define CONFIG3 0x59
#define CONFIG4 0x5A
#define MULINT 0x5C
#define RERID 0x5E
#define TSAD_ALL 0x60
#define BMCR 0x62
#define BMSR 0x64
#define ANAR 0x66
#define ANLPAR 0x68
#define ANER 0x6A
#define PHY_FIRST 0x6C
#define PHY_LAST 0x84
#define CONFIG5 0xD8
#define ETTHR 0xEC

#define CR_BUFE 0x01
#define CR_TE RTL_CR_TE
#define CR_RE 0x08
#define CR_RST 0x10
#define TSD_OWN 0x2000u
#define TSD_TOK 0x8000u
#define TSD_ABORT 0x40000000u
#define TSD_KEEP 0x003F1FFFu /* what the driver writes: size, threshold */
#define TSD_SIZE 0x1FFFu
#define TX_MAX 1792u
#define INT_ROK RTL_INT_ROK
#define INT_TOK RTL_INT_TOK
#define INT_TER 0x0008
#define INT_TIMEOUT 0x4000
#define INT_ALL 0xE07F
#define RCR_AAP 0x01
#define RCR_APM 0x02
#define RCR_AM 0x04
#define RCR_AB 0x08
#define RCR_WRAP 0x80
#define RX_OK 0x0001
#define RX_BROADCAST 0x2000
#define RX_PHYSICAL 0x4000
#define RX_MULTICAST 0x8000u
#define EE_UNLOCKED 0xC0 /* EEM1, EEM0: configuration registers can be written */
#define EE_PROGRAM 0x80
#define PCI_KHZ 33000u
#define BYTE_NS 80	  /* at 100 Mbit/s */
#define WIRE_GAP 24u	  /* bytes of preamble, checksum and silence */
#define ROOM_NS 100000u	  /* from room in the ring to the frame that waited for it: about as long as it takes to come in */
#define AGAIN_NS 1000000u /* a full ring is looked at again */

static uint16_t get16(const struct rtl8139 *r, unsigned at)
{
	return pci_get16(r->s.reg + at);
}

static uint32_t get32(const struct rtl8139 *r, unsigned at)
{
	return pci_get32(r->s.reg + at);
}

static void put16(struct rtl8139 *r, unsigned at, unsigned v)
{
	pci_put16(r->s.reg + at, (uint16_t)v);
}

static void update_irq(struct rtl8139 *r)
{
	pci_irq_set(&r->pci, (get16(r, ISR) & get16(r, IMR) & INT_ALL) != 0);
}

void rtl8139_cause(struct rtl8139 *r, unsigned bits)
{
	put16(r, ISR, get16(r, ISR) | bits);
	update_irq(r);
}

/* ---- the timer: counts cycles of the PCI clock ---- */

static uint64_t ticks(struct rtl8139 *r)
{
	return muldiv64(clock_now(r->clock) - r->s.count_from, PCI_KHZ, 1000000);
}

/* The next time that the count is TimerInt; it wraps at 32 bits. 0: never */
static void plan_timer(struct rtl8139 *r)
{
	uint32_t at = get32(r, TIMERINT);
	uint64_t now = ticks(r), target = (now & ~0xFFFFFFFFull) + at;

	timer_cancel(&r->timer);
	if (!at)
		return;
	if (target <= now)
		target += BIT(32);
	timer_arm(&r->timer, r->s.count_from + muldiv64(target, 1000000, PCI_KHZ) + 1);
}

static void timer_due(void *opaque)
{
	struct rtl8139 *r = opaque;

	rtl8139_cause(r, INT_TIMEOUT);
	plan_timer(r);
}

/* ---- receive ---- */

static uint32_t ring_size(const struct rtl8139 *r)
{
	return 8192u << (get32(r, RCR) >> 11 & 3);
}

/* Bytes in the ring that the driver has not taken: its read pointer lags 16 behind. */
static uint32_t waiting(const struct rtl8139 *r)
{
	return (get16(r, CBR) - (get16(r, CAPR) + 16u)) & (ring_size(r) - 1);
}

/* Why the frame is for us, as status bits; 0: it is not. */
static unsigned wanted(const struct rtl8139 *r, const uint8_t *f)
{
	uint32_t rcr = get32(r, RCR);
	unsigned h = ether_hash(f);

	if (ether_is_broadcast(f))
		return rcr & (RCR_AB | RCR_AAP) ? RX_BROADCAST : 0;
	if (f[0] & 1)
		return rcr & RCR_AAP || (rcr & RCR_AM && r->s.reg[MAR + h / 8] >> (h & 7) & 1) ? RX_MULTICAST : 0;
	if (rcr & RCR_APM && !memcmp(f, r->s.reg, 6))
		return RX_PHYSICAL;
	return rcr & RCR_AAP ? RX_OK : 0;
}

/* @len bytes at @at of the ring. With WRAP the last frame runs over its end, where the driver has left room. */
static void ring_write(struct rtl8139 *r, uint32_t at, const uint8_t *p, uint32_t len)
{
	uint32_t base = get32(r, RBSTART), size = ring_size(r);
	uint32_t first = len < size - at || (get32(r, RCR) & RCR_WRAP && size < 65536) ? len : size - at;

	pci_dma_write(&r->pci, (uint64_t)base + at, p, first);
	if (first < len)
		pci_dma_write(&r->pci, base, p + first, len - first);
}

static bool receive(struct rtl8139 *r, const uint8_t *frame, unsigned len)
{
	uint8_t buf[4 + TX_MAX + 4] = {0};
	unsigned why, full = len < 60 ? 60 : len;
	uint64_t now = clock_now(r->clock);
	bool taken;

	if (!(r->s.reg[CR] & CR_RE) || r->receiving || !(pci_get16(r->pci.cfg + PCI_CFG_COMMAND) & PCI_CMD_MASTER))
		return true; /* a card that does not listen */
	why = full > TX_MAX ? 0 : wanted(r, frame);
	if (!why)
		return true;
	if (rtl8139_cp_receives(r)) {
		memcpy(buf, frame, len);
		r->receiving = true;
		taken = rtl8139_cp_receive(r, buf, full);
		r->receiving = false;
		if (!taken)
			timer_arm(&r->next, now + AGAIN_NS);
		return taken;
	}
	if (now < r->s.wire_free) {
		timer_arm(&r->next, r->s.wire_free);
		return false;
	}
	if (full + 8 >= ring_size(r) - waiting(r)) {
		rtl8139_cause(r, INT_ROK); /* nothing is lost, but the driver is told again of the frames that it has */
		timer_arm(&r->next, now + AGAIN_NS);
		return false;
	}
	r->s.wire_free = now + (full + WIRE_GAP) * BYTE_NS;
	/* header, frame and the checksum's place */
	pci_put16(buf, (uint16_t)(why | RX_OK));
	pci_put16(buf + 2, (uint16_t)(full + 4));
	memcpy(buf + 4, frame, len);
	r->receiving = true;
	ring_write(r, get16(r, CBR) & (ring_size(r) - 1), buf, full + 8);
	r->receiving = false;
	put16(r, CBR, ((get16(r, CBR) + full + 8 + 3) & ~3u) & (ring_size(r) - 1));
	rtl8139_cause(r, INT_ROK);
	return true;
}

static void offer_again(void *opaque)
{
	net_ready(((struct rtl8139 *)opaque)->net);
}

/* The driver has taken frames out, and one waits. */
static void room(struct rtl8139 *r)
{
	uint64_t at = clock_now(r->clock) + ROOM_NS;

	if (at < r->next.deadline)
		timer_arm(&r->next, at);
}

static bool net_receive(void *opaque, const uint8_t *frame, unsigned len)
{
	return receive(opaque, frame, len);
}

/* ---- transmit ---- */

void rtl8139_to_wire(struct rtl8139 *r, const uint8_t *frame, uint32_t len)
{
	if ((get32(r, TCR) >> 17 & 3) == 3) /* loopback */
		receive(r, frame, len);
	else
		net_send(r->net, frame, len);
}

static void send_one(struct rtl8139 *r, unsigned n)
{
	uint32_t tsd = get32(r, TSD + n * 4), len = tsd & TSD_SIZE;
	uint8_t frame[TX_MAX];

	if (len > TX_MAX || !pci_dma_read(&r->pci, get32(r, TSAD + n * 4), frame, len)) {
		pci_put32(r->s.reg + TSD + n * 4, tsd | TSD_OWN | TSD_ABORT);
		rtl8139_cause(r, INT_TER);
		return;
	}
	pci_put32(r->s.reg + TSD + n * 4, tsd | TSD_OWN | TSD_TOK);
	rtl8139_to_wire(r, frame, len);
	rtl8139_cause(r, INT_TOK);
}

/* The buffers are sent in turn; one that the driver still owns holds up those behind it. */
static void transmit(struct rtl8139 *r)
{
	for (unsigned i = 0; i < 4 && r->s.reg[CR] & CR_TE && !rtl8139_cp_sends(r); i++) {
		unsigned n = r->s.next_tx;

		if (get32(r, TSD + n * 4) & TSD_OWN)
			return;
		r->s.next_tx = (n + 1) & 3;
		send_one(r, n);
	}
}

/* ---- registers ---- */

static void link_registers(struct rtl8139 *r)
{
	put16(r, BMCR, 0x3100); /* 100 Mb/s, full duplex, negotiated */
	put16(r, BMSR, r->net ? 0x782D : 0x7809);
	put16(r, ANAR, 0x01E1);
	put16(r, ANLPAR, r->net ? 0x45E1 : 0);
	put16(r, ANER, r->net ? 1 : 0);
	r->s.reg[MSR] = r->net ? 0x10 : 0x14;
}

/* CR's RST: addresses, multicast filter and configuration stay as they are. */
static void soft_reset(struct rtl8139 *r)
{
	memset(r->s.reg + TSD, 0, EECR - TSD);
	memset(r->s.reg + RTL_CPCR, 0, ETTHR + 1 - RTL_CPCR);
	r->s.cp_tx = r->s.cp_high = r->s.cp_rx = 0;
	for (unsigned i = 0; i < 4; i++)
		pci_put32(r->s.reg + TSD + i * 4, TSD_OWN);
	pci_put32(r->s.reg + TCR, 0x74800000); /* RTL8139C+ */
	put16(r, CAPR, 0xFFF0);
	r->s.next_tx = 0;
	r->s.count_from = clock_now(r->clock);
	memset(r->s.reg + TIMERINT, 0, 4);
	timer_cancel(&r->timer);
	update_irq(r);
}

static void write_cr(struct rtl8139 *r, uint8_t v)
{
	if (v & CR_RST)
		soft_reset(r);
	if (v & CR_TE && !(r->s.reg[CR] & CR_TE))
		r->s.next_tx = r->s.cp_tx = r->s.cp_high = 0;
	if (v & CR_RE && !(r->s.reg[CR] & CR_RE))
		r->s.cp_rx = 0;
	r->s.reg[CR] = v & (CR_TE | CR_RE);
}

/* Bits of a byte that a driver can change by plainly writing them. */
static uint8_t writable(const struct rtl8139 *r, unsigned at)
{
	static const uint8_t bmcr[2] = {0x00, 0x31}; /* reset and restart of negotiation clear themselves */
	bool unlocked = (r->s.reg[EECR] & EE_UNLOCKED) == EE_UNLOCKED;

	if (at < 6 || at == CONFIG1 || at == CONFIG3 || at == CONFIG4 || at == CONFIG5)
		return unlocked ? 0xFF : 0;
	if ((at >= MAR && at < MAR + 8) || (at >= TSD && at < RBSTART + 4) || (at >= CAPR && at < CBR) ||
		(at >= IMR && at < ISR) || (at >= RCR && at < RCR + 4) || (at >= TIMERINT && at < TIMERINT + 4))
		return 0xFF;
	if (at >= TCR && at < TCR + 4)
		return (uint8_t)(0x030707F0u >> (at - TCR) * 8);
	if (at == RTL_CPCR)
		return 0x7B;
	if (at > RTL_CPCR && at <= ETTHR)
		return at == RTL_CPCR + 1 ? 0 : 0xFF;
	if (at == MSR)
		return 0xC0;
	if (at == BMCR || at == BMCR + 1)
		return bmcr[at - BMCR];
	return (at >= ANAR && at < ANAR + 2) || (at >= MULINT && at < MULINT + 2) || (at >= PHY_FIRST && at < PHY_LAST) ? 0xFF : 0;
}

static void write_byte(struct rtl8139 *r, unsigned at, uint8_t v)
{
	uint8_t *reg = &r->s.reg[at], w = writable(r, at);

	*reg = (uint8_t)((*reg & ~w) | (v & w));
	if (at == CR) {
		write_cr(r, v);
	} else if (at == ISR || at == ISR + 1) {
		*reg &= (uint8_t)~v;
	} else if (at == EECR) {
		*reg = v & 0xCE;
		if ((v & EE_UNLOCKED) == EE_PROGRAM)
			microwire_lines(&r->s.eeprom, v & 8, v & 4, v & 2);
		else
			microwire_lines(&r->s.eeprom, false, false, false);
	} else if (at >= MPC && at < MPC + 3) {
		memset(r->s.reg + MPC, 0, 3);
	}
}

static bool touches(unsigned off, unsigned size, unsigned lo, unsigned hi)
{
	return off < hi && off + size > lo;
}

/* What the bytes just written set off. @poll: what was written to TPPoll, if that was */
static void written(struct rtl8139 *r, unsigned off, unsigned size, uint8_t poll)
{
	if (rtl8139_cp_sends(r)) {
		if (touches(off, size, TSD, TSD + 4))
			rtl8139_cp_tally(r);
	} else if (touches(off, size, TSD, TSD + 16)) {
		for (unsigned i = 0; i < 4; i++)
			if (touches(off, size, TSD + i * 4, TSD + i * 4 + 4)) /* the rest of it is status */
				pci_put32(r->s.reg + TSD + i * 4, get32(r, TSD + i * 4) & (TSD_KEEP | TSD_OWN));
		transmit(r);
	}
	if (touches(off, size, RTL_TPPOLL, RTL_TPPOLL + 1))
		rtl8139_cp_poll(r, poll);
	if (touches(off, size, CR, CR + 1) && !r->receiving) {
		transmit(r);
		net_ready(r->net);
	}
	if (touches(off, size, CAPR, CAPR + 2) && r->next.armed)
		room(r);
	if (touches(off, size, IMR, ISR + 2)) {
		update_irq(r);
		if (rtl8139_cp_receives(r) && r->next.armed)
			room(r); /* the driver has been at its descriptors */
	}
	if (touches(off, size, TCTR, TCTR + 4))
		r->s.count_from = clock_now(r->clock);
	if (touches(off, size, TCTR, TCTR + 4) || touches(off, size, TIMERINT, TIMERINT + 4))
		plan_timer(r);
}

/* Registers that are a view of others. */
static void refresh(struct rtl8139 *r)
{
	unsigned all = 0;

	for (unsigned i = 0; i < 4; i++) {
		uint32_t tsd = get32(r, TSD + i * 4);

		all |= (tsd >> 13 & 1) << i | (tsd >> 30 & 1) << (4 + i) | (tsd >> 15 & 1) << (12 + i);
	}
	put16(r, TSAD_ALL, all);
	pci_put32(r->s.reg + TCTR, (uint32_t)ticks(r));
	r->s.reg[CR] = (uint8_t)((r->s.reg[CR] & ~CR_BUFE) | (waiting(r) ? 0 : CR_BUFE));
	r->s.reg[EECR] = (uint8_t)((r->s.reg[EECR] & ~1) | r->s.eeprom.out);
}

static uint64_t reg_read(void *opaque, uint64_t off, unsigned size)
{
	struct rtl8139 *r = opaque;
	uint64_t v = 0;

	refresh(r);
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)(off + i < sizeof(r->s.reg) ? r->s.reg[off + i] : 0xFF) << (i * 8);
	return v;
}

static void reg_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct rtl8139 *r = opaque;

	for (unsigned i = 0; i < size && off + i < sizeof(r->s.reg); i++)
		write_byte(r, (unsigned)off + i, (uint8_t)(val >> (i * 8)));
	written(r, (unsigned)off, size, off <= RTL_TPPOLL ? (uint8_t)(val >> ((RTL_TPPOLL - off) & 7) * 8) : 0);
}

static const struct io_ops mmio_ops = {.name = "rtl8139", .read = reg_read, .write = reg_write, .min = 1, .max = 4};
static const struct io_ops io_ops = {.name = "rtl8139-io", .read = reg_read, .write = reg_write, .min = 1, .max = 4};

/* Word 0 is the signature; the address is in words 7 to 9 (section 6.1). */
static void fill_eeprom(struct rtl8139 *r)
{
	static const uint16_t map[] = {0x8129, 0x10EC, 0x8139, 0x1100, 0x1AF4, 0x4020, 0xE110};
	uint16_t *w = r->s.eeprom.word;

	memset(w, 0, sizeof(r->s.eeprom.word));
	memcpy(w, map, sizeof(map));
	for (unsigned i = 0; i < 3; i++)
		w[7 + i] = pci_get16(r->mac + i * 2);
}

static void rtl8139_reset(struct device *d)
{
	struct rtl8139 *r = container_of(d, struct rtl8139, dev);

	timer_cancel(&r->next);
	memset(&r->s, 0, sizeof(r->s));
	fill_eeprom(r);
	microwire_lines(&r->s.eeprom, false, false, false);
	memcpy(r->s.reg, r->mac, 6);
	soft_reset(r);
	r->s.reg[CONFIG1] = 0x0C; /* both register windows */
	r->s.reg[RERID] = 0x20;
	link_registers(r);
}

static void rtl8139_fini(struct device *d)
{
	struct rtl8139 *r = container_of(d, struct rtl8139, dev);

	timer_cancel(&r->timer);
	timer_cancel(&r->next);
	if (r->net)
		r->net->receive = NULL;
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct rtl8139 *r = container_of(d, struct rtl8139, dev);

	if (r->s.next_tx > 3 || (r->s.cp_tx | r->s.cp_high | r->s.cp_rx) > 63 || r->s.count_from > clock_now(r->clock) || r->s.wire_free > clock_now(r->clock) + NS_PER_SEC)
		return err_set(e, VM_ERR_FORMAT, "rtl8139: a state that cannot be");
	plan_timer(r);
	update_irq(r);
	return VM_OK;
}

static void dump(struct device *d, FILE *out)
{
	struct rtl8139 *r = container_of(d, struct rtl8139, dev);

	fprintf(out, "rtl8139: cr %02x isr %04x imr %04x, ring %08x of %u, %u bytes wait, next buffer %u\n", r->s.reg[CR],
		get16(r, ISR), get16(r, IMR), get32(r, RBSTART), ring_size(r), waiting(r), r->s.next_tx);
}

static const struct device_ops rtl8139_ops = {.name = "rtl8139", .version = 2, .state_off = offsetof(struct rtl8139, s),
	.state_size = sizeof(struct rtl8139_state),
	.timer = {offsetof(struct rtl8139, timer), offsetof(struct rtl8139, next)},
	.reset = rtl8139_reset, .fini = rtl8139_fini, .post_load = post_load,
	.dump = dump};

struct rtl8139 *rtl8139_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct net *net,
	const uint8_t mac[6], const struct region *rom)
{
	struct rtl8139 *r = device_new(sizeof(*r), &rtl8139_ops, log);

	r->clock = clock;
	r->net = net;
	memcpy(r->mac, mac, 6);
	timer_init(&r->timer, clock, timer_due, r);
	timer_init(&r->next, clock, offer_again, r);
	if (pci_register(bus, &r->pci, "Ethernet controller", devfn, 0x10EC, 0x8139, 0x020000, r)) {
		free(r);
		return NULL;
	}
	r->pci.cfg[PCI_CFG_REVISION] = 0x20; /* C+ */
	r->io = (struct region){.name = "rtl8139-io", .kind = REGION_IO, .len = 256, .ops = &io_ops, .opaque = r};
	r->mmio = (struct region){.name = "rtl8139", .kind = REGION_IO, .len = 256, .ops = &mmio_ops, .opaque = r};
	pci_set_bar(&r->pci, 0, PCI_BAR_IO, &r->io);
	pci_set_bar(&r->pci, 1, PCI_BAR_MEM, &r->mmio);
	if (rom) {
		r->rom = *rom;
		pci_set_bar(&r->pci, PCI_ROM_BAR, PCI_BAR_MEM, &r->rom);
	}
	pci_irq_pin(&r->pci, 1);
	rtl8139_reset(&r->dev);
	if (net) {
		net->receive = net_receive;
		net->dev = r;
		memcpy(net->mac, mac, 6);
	}
	return r;
}
