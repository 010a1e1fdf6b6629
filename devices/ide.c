/*
 * ide.c - the IDE function: task file, resets, interrupts, media requests. See ide.h.
 */
#include "devices/ide.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CTL_NIEN 0x02
#define CTL_SRST 0x04
#define CTL_HOB 0x80
#define BM_IRQ 0x04
#define CMD_PACKET 0xA0
#define CMD_DEVICE_RESET 0x08
#define CMD_DIAGNOSTIC 0x90

/* One media request; disowned (gen differs) when the channel was reset meanwhile. */
struct ide_io {
	struct blk_req r;
	struct ide_chan *c;
	uint32_t gen;
	uint8_t data[];
};

static void update_irq(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;

	irq_set(&c->irq, s->drive[s->selected].irq && !(s->control & CTL_NIEN));
}

void ide_irq_raise(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);

	if (!d->irq && !(c->st->control & CTL_NIEN))
		c->st->bm_status |= BM_IRQ;
	d->irq = 1;
	update_irq(c);
}

void ide_done(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);

	c->st->phase = IDE_IDLE;
	d->status = IDE_DRDY | IDE_DSC;
	d->error = 0;
	ide_irq_raise(c);
}

void ide_fail(struct ide_chan *c, uint8_t error)
{
	struct ide_drive_state *d = ide_drv(c);

	c->st->phase = IDE_IDLE;
	d->status = IDE_DRDY | IDE_DSC | IDE_ERR;
	d->error = error;
	bm_stop(c);
	ide_irq_raise(c);
}

void ide_pio(struct ide_chan *c, enum ide_phase phase, uint32_t pos, uint32_t end)
{
	BUG_ON(end > IDE_BUF || pos > end);
	c->st->phase = (uint8_t)phase;
	c->st->pos = pos;
	c->st->end = end;
	ide_drv(c)->status = IDE_DRDY | IDE_DSC | IDE_DRQ;
}

static void io_done(void *opaque, int error)
{
	struct ide_io *io = opaque;
	struct ide_chan *c = io->c;
	struct ide_chan_state *s = c->st;

	c->in_flight--;
	if (io->gen == c->gen && s->phase == IDE_IO) {
		if (!error && io->r.op == BLK_READ)
			memcpy(s->buf, io->data, io->r.len);
		free(io);
		if (s->next == IDE_NX_CD)
			atapi_io_done(c, error);
		else
			ata_io_done(c, error);
		return;
	}
	free(io);
}

/* Submit what the state describes (also after a snapshot was loaded). */
static void submit(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;
	struct blk *b = ide_blk(c);
	struct ide_io *io;

	io = calloc(1, sizeof(*io) + s->io_len);
	BUG_ON(!io);
	io->c = c;
	io->gen = c->gen;
	io->r = (struct blk_req){ .op = s->io_op, .off = s->io_off, .buf = io->data,
		.len = s->io_len, .done = io_done, .opaque = io };
	if (s->io_op == BLK_WRITE)
		memcpy(io->data, s->buf, s->io_len);
	c->in_flight++;
	if (!b || (s->io_op != BLK_FLUSH && (s->io_off > b->size || s->io_len > b->size - s->io_off)))
		io_done(io, EIO);
	else
		blk_submit(b, &io->r);
}

void ide_submit(struct ide_chan *c, enum blk_op op, uint64_t off, uint32_t len, enum ide_next next)
{
	struct ide_chan_state *s = c->st;

	BUG_ON(len > IDE_BUF);
	s->phase = IDE_IO;
	s->io_op = (uint8_t)op;
	s->io_off = off;
	s->io_len = len;
	s->next = (uint8_t)next;
	ide_drv(c)->status = IDE_BSY | IDE_DRDY | IDE_DSC;
	submit(c);
}

void ide_signature(struct ide_chan *c, unsigned n)
{
	struct ide_drive_state *d = &c->st->drive[n];
	bool cd = c->blk[n] && c->blk[n]->is_cdrom;

	d->select &= 0xF0;
	d->nsector = d->sector = 1;
	d->lcyl = cd ? 0x14 : 0;
	d->hcyl = cd ? 0xEB : 0;
	d->hob_feature = d->hob_nsector = d->hob_sector = d->hob_lcyl = d->hob_hcyl = 0;
	d->error = 1; /* diagnostic passed */
	d->status = cd ? 0 : IDE_DRDY | IDE_DSC;
	d->sleeping = 0;
}

/* Software reset or diagnostic: both drives forget their command. */
static void soft_reset(struct ide_chan *c)
{
	c->gen++;
	c->st->phase = IDE_IDLE;
	for (unsigned n = 0; n < 2; n++) {
		ide_signature(c, n);
		c->st->drive[n].irq = 0;
		c->st->drive[n].mult = 16;
	}
	c->st->selected = c->st->active = 0;
	update_irq(c);
}

static void command(struct ide_chan *c, uint8_t cmd)
{
	struct ide_chan_state *s = c->st;
	struct ide_drive_state *d = &s->drive[s->selected];

	if (cmd == CMD_DIAGNOSTIC && (c->blk[0] || c->blk[1])) {
		soft_reset(c);
		ide_irq_raise(c);
		return;
	}
	if (!c->blk[s->selected])
		return;
	if (cmd == CMD_DEVICE_RESET && c->blk[s->selected]->is_cdrom) {
		if (s->active == s->selected) {
			c->gen++;
			s->phase = IDE_IDLE;
		}
		ide_signature(c, s->selected);
		return;
	}
	/* a drive that is busy, or waits for data, takes no other command */
	if (s->phase == IDE_IO || (d->status & (IDE_BSY | IDE_DRQ))) {
		GUEST_ERR(c->ide->dev.log, "ide: command %02x to a busy drive\n", cmd);
		return;
	}
	if (d->sleeping)
		return;
	s->active = s->selected;
	s->phase = IDE_IDLE;
	s->is_atapi = s->is_dma = s->is_write = 0;
	d->irq = 0;
	d->error = 0;
	update_irq(c);
	ata_command(c, cmd);
}

static void window_end(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;

	if (s->phase == IDE_PACKET)
		atapi_packet(c);
	else if (s->is_atapi)
		atapi_pio_end(c);
	else
		ata_pio_end(c);
}

static uint64_t data_read(struct ide_chan *c, unsigned size)
{
	struct ide_chan_state *s = c->st;
	uint64_t v = 0;

	if (s->phase != IDE_PIO_IN || s->selected != s->active)
		return 0;
	for (unsigned i = 0; i < size && s->pos < s->end; i++)
		v |= (uint64_t)s->buf[s->pos++] << (i * 8);
	if (s->pos >= s->end)
		window_end(c);
	return v;
}

static void data_write(struct ide_chan *c, uint64_t val, unsigned size)
{
	struct ide_chan_state *s = c->st;

	if ((s->phase != IDE_PIO_OUT && s->phase != IDE_PACKET) || s->selected != s->active)
		return;
	for (unsigned i = 0; i < size && s->pos < s->end; i++)
		s->buf[s->pos++] = (uint8_t)(val >> (i * 8));
	if (s->pos >= s->end)
		window_end(c);
}

static uint64_t task_read(void *opaque, uint64_t off, unsigned size)
{
	struct ide_chan *c = opaque;
	struct ide_chan_state *s = c->st;
	struct ide_drive_state *d = &s->drive[s->selected];
	bool hob = s->control & CTL_HOB;

	if (off == 0)
		return data_read(c, size);
	if (size > 1) /* several registers at once: a byte each */
		return task_read(c, off, 1) |
		       (off < 7 ? task_read(c, off + 1, size - 1) : 0xFF) << 8;
	if (!c->blk[s->selected])
		return off == 6 && (c->blk[0] || c->blk[1]) ? d->select | 0xA0 : 0;
	switch (off) {
	case 1:
		return hob ? d->hob_feature : d->error;
	case 2:
		return hob ? d->hob_nsector : d->nsector;
	case 3:
		return hob ? d->hob_sector : d->sector;
	case 4:
		return hob ? d->hob_lcyl : d->lcyl;
	case 5:
		return hob ? d->hob_hcyl : d->hcyl;
	case 6:
		return d->select | 0xA0;
	default:
		d->irq = 0;
		update_irq(c);
		return d->status;
	}
}

static void task_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ide_chan *c = opaque;
	struct ide_chan_state *s = c->st;
	uint8_t v = (uint8_t)val;

	if (off == 0) {
		data_write(c, val, size);
		return;
	}
	if (size > 1) {
		task_write(c, off, v, 1);
		if (off < 7)
			task_write(c, off + 1, val >> 8, size - 1);
		return;
	}
	s->control &= (uint8_t)~CTL_HOB;
	if (off == 7) {
		command(c, v);
		return;
	}
	/* registers are not to be written while the drive owns them */
	if (s->phase == IDE_IO && off != 6)
		return;
	for (unsigned n = 0; n < 2; n++) {
		struct ide_drive_state *d = &s->drive[n];

		switch (off) {
		case 1:
			d->hob_feature = d->feature;
			d->feature = v;
			break;
		case 2:
			d->hob_nsector = d->nsector;
			d->nsector = v;
			break;
		case 3:
			d->hob_sector = d->sector;
			d->sector = v;
			break;
		case 4:
			d->hob_lcyl = d->lcyl;
			d->lcyl = v;
			break;
		case 5:
			d->hob_hcyl = d->hcyl;
			d->hcyl = v;
			break;
		case 6:
			d->select = v;
			break;
		}
	}
	if (off == 6) {
		s->selected = v >> 4 & 1;
		update_irq(c);
	}
}

static const struct io_ops task_ops = {
	.name = "ide", .read = task_read, .write = task_write, .min = 1, .max = 4
};

static uint64_t ctl_read(void *opaque, uint64_t off, unsigned size)
{
	struct ide_chan *c = opaque;

	/* alternate status: no side effect */
	return c->blk[c->st->selected] ? c->st->drive[c->st->selected].status : 0;
}

static void ctl_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ide_chan *c = opaque;
	struct ide_chan_state *s = c->st;
	uint8_t was = s->control;

	s->control = (uint8_t)val;
	if ((val & CTL_SRST) && !(was & CTL_SRST)) {
		soft_reset(c);
		for (unsigned n = 0; n < 2; n++)
			s->drive[n].status = IDE_BSY;
	} else if (!(val & CTL_SRST) && (was & CTL_SRST)) {
		for (unsigned n = 0; n < 2; n++)
			ide_signature(c, n);
	}
	update_irq(c);
}

static const struct io_ops ctl_ops = {
	.name = "ide-ctl", .read = ctl_read, .write = ctl_write, .min = 1, .max = 1
};

static void reset(struct device *dev)
{
	struct ide *ide = container_of(dev, struct ide, dev);

	pci_put16(ide->pci.cfg + PCI_CFG_STATUS, 0x0280);
	/* The channels decode from reset on: firmware that never looks here finds its disks. */
	pci_put16(ide->pci.cfg + 0x40, 0x8000);
	pci_put16(ide->pci.cfg + 0x42, 0x8000);
	for (unsigned i = 0; i < 2; i++) {
		struct ide_chan *c = &ide->ch[i];

		memset(c->st->drive, 0, sizeof(c->st->drive));
		c->st->control = 0;
		for (unsigned n = 0; n < 2; n++) {
			c->st->drive[n].write_cache = !(c->blk[n] && c->blk[n]->writethrough);
			c->st->drive[n].heads = 16;
			c->st->drive[n].sectors = 63;
			if (c->blk[n])
				c->blk[n]->locked = false;
		}
		bm_reset(c);
		soft_reset(c);
	}
}

/* Saved numbers that index or bound something are brought into range: a snapshot is only a file. */
static enum vm_err check_state(struct ide_chan_state *s, struct err *e)
{
	if (s->pos > s->end || s->end > IDE_BUF || s->total > IDE_BUF || s->io_len > IDE_BUF ||
	    s->selected > 1 || s->active > 1 || s->phase > IDE_DMA || s->next > IDE_NX_CD ||
	    s->io_op > BLK_DISCARD || s->block > 16 || (s->io_len & 511) || (s->io_off & 511))
		return err_set(e, VM_ERR_FORMAT, "piix3-ide: bad saved state");
	for (unsigned n = 0; n < 2; n++)
		if (s->drive[n].mult > 16)
			return err_set(e, VM_ERR_FORMAT, "piix3-ide: bad saved state");
	return VM_OK;
}

static enum vm_err post_load(struct device *dev, struct err *e)
{
	struct ide *ide = container_of(dev, struct ide, dev);

	for (unsigned i = 0; i < 2; i++) {
		struct ide_chan *c = &ide->ch[i];
		enum vm_err r = check_state(c->st, e);

		if (r)
			return r;
		c->gen++;
		update_irq(c);
		if (!c->blk[c->st->active])
			c->st->phase = IDE_IDLE;
		if (c->st->phase == IDE_IO)
			submit(c);
	}
	return VM_OK;
}

static void dump(struct device *dev, FILE *out)
{
	struct ide *ide = container_of(dev, struct ide, dev);

	for (unsigned i = 0; i < 4; i++) {
		struct ide_chan *c = &ide->ch[i / 2];
		const struct ide_drive_state *d = &c->st->drive[i & 1];

		if (c->blk[i & 1])
			fprintf(out, "ide%u.%u: status %02x error %02x phase %u lba %llu left %u\n",
				i / 2, i & 1, d->status, d->error, c->st->phase,
				(unsigned long long)c->st->lba, c->st->left);
	}
}

static const struct device_ops ops = {
	.name = "piix3-ide",
	.version = 1,
	.state_off = offsetof(struct ide, st),
	.state_size = sizeof(((struct ide *)0)->st),
	.reset = reset,
	.post_load = post_load,
	.dump = dump,
};

struct ide *ide_create(struct log *log, struct pci_bus *bus, struct blk *const blk[4],
	const struct irq irq[2])
{
	static const uint16_t base[2] = { 0x1F0, 0x170 }, ctl[2] = { 0x3F6, 0x376 };
	struct ide *ide = device_new(sizeof(*ide), &ops, log);

	pci_register(bus, &ide->pci, "piix3-ide", PCI_DEVFN(1, 1), 0x8086, 0x7010, 0x010180, ide);
	for (unsigned i = 0x40; i < 0x45; i++)
		ide->pci.wmask[i] = 0xFF;
	ide->bm.name = "piix3-ide-bmdma";
	ide->bm.kind = REGION_IO;
	ide->bm.len = 16;
	ide->bm.ops = &ide_bm_ops;
	ide->bm.opaque = ide;
	pci_set_bar(&ide->pci, 4, PCI_BAR_IO, &ide->bm);
	for (unsigned i = 0; i < 2; i++) {
		struct ide_chan *c = &ide->ch[i];

		c->ide = ide;
		c->n = i;
		c->st = &ide->st[i];
		c->irq = irq[i];
		c->blk[0] = blk[i * 2];
		c->blk[1] = blk[i * 2 + 1];
		space_add_io(bus->io, &c->cmd_ports, "ide", base[i], 8, &task_ops, c);
		space_add_io(bus->io, &c->ctl_port, "ide-ctl", ctl[i], 1, &ctl_ops, c);
	}
	reset(&ide->dev);
	return ide;
}

bool ide_busy(const struct ide *ide)
{
	return ide->ch[0].in_flight || ide->ch[1].in_flight;
}
