/*
 * ide_ata.c - disk commands: a table of opcodes, and the sector pump that PIO and DMA share.
 *
 * A transfer is lba + left; each step moves up to one PIO block (PIO) or 64 KiB (DMA) through the channel's
 * buffer. Source: ATA/ATAPI-6, chapter 8 "Command descriptions".
 */
#include "devices/ide.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECTOR 512u
#define MAX_MULT 16

enum kind {
	BAD, NOP, READ, WRITE, READ_MULT, WRITE_MULT, READ_DMA, WRITE_DMA, VERIFY, FLUSH, IDENTIFY,
	IDENTIFY_PACKET, SET_MULT, SET_FEATURES, INIT_PARAMS, RECALIBRATE, SEEK, OK, SLEEP, CHECK_POWER,
	SMART, NATIVE_MAX, PACKET
};

struct cmd {
	uint8_t op, kind, ext;
};

static const struct cmd cmds[] = {
	{ 0x00, NOP }, { 0x10, RECALIBRATE }, { 0x20, READ }, { 0x21, READ }, { 0x24, READ, 1 },
	{ 0x25, READ_DMA, 1 }, { 0x27, NATIVE_MAX, 1 }, { 0x29, READ_MULT, 1 }, { 0x30, WRITE },
	{ 0x31, WRITE }, { 0x34, WRITE, 1 }, { 0x35, WRITE_DMA, 1 }, { 0x39, WRITE_MULT, 1 },
	{ 0x3C, WRITE }, { 0x40, VERIFY }, { 0x41, VERIFY }, { 0x42, VERIFY, 1 }, { 0x70, SEEK },
	{ 0x91, INIT_PARAMS }, { 0x94, OK }, { 0x95, OK }, { 0x96, OK }, { 0x97, OK },
	{ 0x98, CHECK_POWER }, { 0x99, SLEEP }, { 0xA0, PACKET }, { 0xA1, IDENTIFY_PACKET },
	{ 0xB0, SMART }, { 0xC4, READ_MULT }, { 0xC5, WRITE_MULT }, { 0xC6, SET_MULT },
	{ 0xC8, READ_DMA }, { 0xC9, READ_DMA }, { 0xCA, WRITE_DMA }, { 0xCB, WRITE_DMA },
	{ 0xE0, OK }, { 0xE1, OK }, { 0xE2, OK }, { 0xE3, OK }, { 0xE5, CHECK_POWER },
	{ 0xE6, SLEEP }, { 0xE7, FLUSH }, { 0xEA, FLUSH, 1 }, { 0xEC, IDENTIFY },
	{ 0xEF, SET_FEATURES }, { 0xF8, NATIVE_MAX },
};

static uint64_t nsectors(struct ide_chan *c)
{
	return ide_blk(c)->size / SECTOR;
}

void ide_put_string(uint8_t *p, const char *s, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		p[i ^ 1] = *s ? (uint8_t)*s++ : ' ';
}

static uint16_t cylinders(struct ide_chan *c)
{
	uint64_t n = nsectors(c) / (16 * 63);

	return n > 16383 ? 16383 : n < 2 ? 2 : (uint16_t)n;
}

static void put64(uint8_t *p, uint64_t v)
{
	pci_put32(p, (uint32_t)v);
	pci_put32(p + 4, (uint32_t)(v >> 32));
}

/* Words 62, 63 and 88: supported modes low, the selected one high. */
static void identify_modes(uint8_t *w, const struct ide_drive_state *d)
{
	uint8_t n = d->xfer_mode & 7, group = d->xfer_mode >> 3;

	pci_put16(w + 63 * 2, (uint16_t)(7 | (group == 4 ? 0x100 << n : 0)));
	pci_put16(w + 88 * 2, (uint16_t)(0x3F | (group == 8 || !group ? 0x100 << (group ? n : 5) : 0)));
}

static void identify(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);
	const struct blk *b = ide_blk(c);
	uint8_t *w = c->st->buf;
	uint64_t n = nsectors(c);
	uint32_t lba28 = n > 0x0FFFFFFF ? 0x0FFFFFFF : (uint32_t)n;
	uint32_t cur;
	char serial[21];
	static const uint16_t fixed[][2] = {
		{ 0, 0x0040 }, { 3, 16 }, { 4, 512 * 63 }, { 5, 512 }, { 6, 63 }, { 20, 3 }, { 21, 512 },
		{ 22, 4 }, { 47, 0x8000 | MAX_MULT }, { 48, 1 }, { 49, 0x0F00 }, { 50, 0x4000 },
		{ 51, 0x0200 }, { 52, 0x0200 }, { 53, 7 }, { 64, 3 }, { 65, 120 }, { 66, 120 },
		{ 67, 120 }, { 68, 120 }, { 80, 0x00F0 }, { 81, 0x0016 }, { 82, 0x4021 },
		{ 83, 0x7400 }, { 84, 0x4000 }, { 86, 0x3400 }, { 87, 0x4000 }, { 93, 0x600B },
	};

	memset(w, 0, SECTOR);
	for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++)
		pci_put16(w + fixed[i][0] * 2, fixed[i][1]);
	if (b->serial[0])
		snprintf(serial, sizeof(serial), "%.20s", b->serial);
	else
		snprintf(serial, sizeof(serial), "DG%05u", c->n * 2 + c->st->active + 1);
	pci_put16(w + 2, cylinders(c));
	ide_put_string(w + 20, serial, 20);
	ide_put_string(w + 46, "1.0", 8);
	ide_put_string(w + 54, "DRAGOMAN HARDDISK", 40);
	pci_put16(w + 54 * 2, cylinders(c));
	pci_put16(w + 55 * 2, d->heads);
	pci_put16(w + 56 * 2, d->sectors);
	cur = (uint32_t)cylinders(c) * d->heads * d->sectors;
	pci_put32(w + 57 * 2, cur);
	pci_put16(w + 59 * 2, d->mult ? 0x100 | d->mult : 0);
	pci_put32(w + 60 * 2, lba28);
	pci_put16(w + 85 * 2, (uint16_t)(0x4000 | (d->write_cache ? 0x20 : 0) | !!d->smart));
	put64(w + 100 * 2, n);
	identify_modes(w, d);
	ide_pio(c, IDE_PIO_IN, 0, SECTOR);
	c->st->left = 0;
	ide_irq_raise(c);
}

/* Sector address and count from the task file. False: no such address. */
static bool get_range(struct ide_chan *c, bool ext)
{
	struct ide_chan_state *s = c->st;
	struct ide_drive_state *d = ide_drv(c);
	uint64_t lba;

	if (!(d->select & 0x40)) {
		uint32_t cyl = (uint32_t)(d->hcyl << 8 | d->lcyl), head = d->select & 15;

		if (!d->sector || d->sector > d->sectors || head >= d->heads)
			return false;
		lba = ((uint64_t)cyl * d->heads + head) * d->sectors + d->sector - 1;
	} else if (ext) {
		lba = (uint64_t)d->hob_hcyl << 40 | (uint64_t)d->hob_lcyl << 32 |
		      (uint64_t)d->hob_sector << 24 | (uint64_t)d->hcyl << 16 |
		      (uint64_t)d->lcyl << 8 | d->sector;
	} else {
		lba = (uint64_t)(d->select & 15) << 24 | (uint64_t)d->hcyl << 16 |
		      (uint64_t)d->lcyl << 8 | d->sector;
	}
	if (ext)
		s->left = d->nsector | d->hob_nsector << 8 ? (uint32_t)(d->nsector | d->hob_nsector << 8)
							   : 65536;
	else
		s->left = d->nsector ? d->nsector : 256;
	s->lba = lba;
	s->is_ext = ext;
	return lba < nsectors(c);
}

void ata_set_lba(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;
	struct ide_drive_state *d = ide_drv(c);
	uint64_t v = s->lba;

	if (d->select & 0x40) {
		d->sector = (uint8_t)v;
		d->lcyl = (uint8_t)(v >> 8);
		d->hcyl = (uint8_t)(v >> 16);
		if (s->is_ext) {
			d->hob_sector = (uint8_t)(v >> 24);
			d->hob_lcyl = (uint8_t)(v >> 32);
			d->hob_hcyl = (uint8_t)(v >> 40);
		} else {
			d->select = (uint8_t)((d->select & 0xF0) | bits(v, 27, 24));
		}
	} else if (d->heads && d->sectors) {
		uint64_t cyl = v / ((uint32_t)d->heads * d->sectors);

		d->sector = (uint8_t)(v % d->sectors + 1);
		d->select = (uint8_t)((d->select & 0xF0) | (v / d->sectors % d->heads & 15));
		d->lcyl = (uint8_t)cyl;
		d->hcyl = (uint8_t)(cyl >> 8);
	}
}

/* Sectors of the next step; 0 when the address has left the disk. */
static uint32_t step_len(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;
	uint64_t room = s->lba < nsectors(c) ? nsectors(c) - s->lba : 0;
	uint32_t n = s->is_dma ? IDE_BUF / SECTOR : s->block;

	if (n > s->left)
		n = s->left;
	return n > room ? (uint32_t)room : n;
}

static void range_error(struct ide_chan *c)
{
	ata_set_lba(c);
	ide_fail(c, IDE_IDNF);
}

static void next_read(struct ide_chan *c)
{
	uint32_t n = step_len(c);

	if (!n)
		range_error(c);
	else
		ide_submit(c, BLK_READ, c->st->lba * SECTOR, n * SECTOR, IDE_NX_ATA_IN);
}

static void next_write_pio(struct ide_chan *c, bool irq)
{
	uint32_t n = step_len(c);

	if (!n) {
		range_error(c);
		return;
	}
	ide_pio(c, IDE_PIO_OUT, 0, n * SECTOR);
	if (irq)
		ide_irq_raise(c);
}

static void wait_dma(struct ide_chan *c)
{
	c->st->phase = IDE_DMA;
	ide_drv(c)->status = IDE_DRDY | IDE_DSC | IDE_DRQ;
	if (bm_running(c))
		ata_dma_run(c);
}

/* The bus master runs and the drive is ready: fetch from the disk, or gather from memory and store. */
void ata_dma_run(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;
	uint32_t n = step_len(c);

	if (!n) {
		range_error(c);
		return;
	}
	if (!s->is_write) {
		next_read(c);
		return;
	}
	n = bm_copy(c, s->buf, n * SECTOR, false) / SECTOR;
	if (!n) {
		/* PRDs too short: Active drops, no interrupt, the drive gives up the command */
		s->bm_status &= (uint8_t)~1;
		s->phase = IDE_IDLE;
		ide_drv(c)->status = IDE_DRDY | IDE_DSC;
		return;
	}
	ide_submit(c, BLK_WRITE, s->lba * SECTOR, n * SECTOR, IDE_NX_ATA_OUT);
}

static void finish(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;

	ide_drv(c)->nsector = 0;
	ata_set_lba(c);
	if (s->is_dma)
		bm_stop(c);
	ide_done(c);
}

/* The disk has delivered a step of a DMA read: scatter it. */
static void dma_in(struct ide_chan *c, uint32_t bytes)
{
	struct ide_chan_state *s = c->st;

	if (!bm_running(c)) {
		wait_dma(c);
		return;
	}
	if (bm_copy(c, s->buf, bytes, true) < bytes) {
		s->bm_status &= (uint8_t)~1;
		s->phase = IDE_IDLE;
		ide_drv(c)->status = IDE_DRDY | IDE_DSC;
		return;
	}
	s->lba += bytes / SECTOR;
	s->left -= bytes / SECTOR;
	if (s->left)
		next_read(c);
	else
		finish(c);
}

static void write_done(struct ide_chan *c, uint32_t bytes)
{
	struct ide_chan_state *s = c->st;

	s->lba += bytes / SECTOR;
	s->left -= bytes / SECTOR;
	if (!s->left) {
		/* with the write cache off, a completed write is on stable storage */
		if (!ide_drv(c)->write_cache)
			ide_submit(c, BLK_FLUSH, 0, 0, IDE_NX_FLUSH);
		else
			finish(c);
	} else if (s->is_dma) {
		wait_dma(c);
	} else {
		next_write_pio(c, true);
	}
}

void ata_io_done(struct ide_chan *c, int error)
{
	struct ide_chan_state *s = c->st;
	uint32_t bytes = s->io_len;

	if (error) {
		if (s->next != IDE_NX_FLUSH)
			ata_set_lba(c);
		ide_fail(c, s->io_op == BLK_READ ? IDE_UNC : IDE_ABRT);
		return;
	}
	if (s->next != IDE_NX_FLUSH && bytes / SECTOR > s->left) {
		ide_fail(c, IDE_ABRT); /* only a damaged snapshot gets here */
		return;
	}
	switch (s->next) {
	case IDE_NX_ATA_IN:
		if (s->is_dma) {
			dma_in(c, bytes);
		} else {
			ide_pio(c, IDE_PIO_IN, 0, bytes);
			ide_irq_raise(c);
		}
		break;
	case IDE_NX_ATA_OUT:
		write_done(c, bytes);
		break;
	default:
		if (s->is_write)
			finish(c);
		else
			ide_done(c);
	}
}

void ata_pio_end(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;
	uint32_t n = s->end / SECTOR;

	if (s->phase == IDE_PIO_OUT) {
		ide_submit(c, BLK_WRITE, s->lba * SECTOR, s->end, IDE_NX_ATA_OUT);
		return;
	}
	s->phase = IDE_IDLE;
	ide_drv(c)->status = IDE_DRDY | IDE_DSC;
	if (!s->left) /* IDENTIFY, SMART: a single block */
		return;
	s->lba += n;
	s->left = s->left > n ? s->left - n : 0;
	if (s->left) {
		next_read(c);
	} else {
		ide_drv(c)->nsector = 0;
		ata_set_lba(c);
	}
}

static void transfer(struct ide_chan *c, const struct cmd *k)
{
	struct ide_chan_state *s = c->st;
	struct ide_drive_state *d = ide_drv(c);
	bool mult = k->kind == READ_MULT || k->kind == WRITE_MULT;

	if (mult && !d->mult) {
		ide_fail(c, IDE_ABRT);
		return;
	}
	if (!get_range(c, k->ext)) {
		ide_fail(c, IDE_IDNF);
		return;
	}
	s->block = mult ? d->mult : 1;
	s->is_dma = k->kind == READ_DMA || k->kind == WRITE_DMA;
	s->is_write = k->kind == WRITE || k->kind == WRITE_MULT || k->kind == WRITE_DMA;
	if (s->is_write && ide_blk(c)->readonly)
		ide_fail(c, IDE_ABRT);
	else if (s->is_dma)
		wait_dma(c);
	else if (s->is_write)
		next_write_pio(c, false);
	else
		next_read(c);
}

static void verify(struct ide_chan *c, bool ext)
{
	struct ide_chan_state *s = c->st;

	if (!get_range(c, ext) || s->left > nsectors(c) - s->lba) {
		ide_fail(c, IDE_IDNF);
		return;
	}
	s->lba += s->left;
	finish(c);
}

static void set_features(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);

	switch (d->feature) {
	case 0x02:
		d->write_cache = 1;
		break;
	case 0x82:
		d->write_cache = 0;
		ide_submit(c, BLK_FLUSH, 0, 0, IDE_NX_FLUSH);
		return;
	case 0x03: /* transfer mode: PIO default and flow control, MWDMA 0-2, UDMA 0-5 */
		if (d->nsector >> 3 > 1 && !(d->nsector >> 3 == 4 && (d->nsector & 7) <= 2) &&
		    !(d->nsector >> 3 == 8 && (d->nsector & 7) <= 5)) {
			ide_fail(c, IDE_ABRT);
			return;
		}
		d->xfer_mode = d->nsector;
		break;
	case 0x05: case 0x85: /* advanced power management */
	case 0x42: case 0xC2: /* acoustic management */
	case 0x55: case 0xAA: /* look-ahead */
	case 0x66: case 0xCC: /* defaults after soft reset */
	case 0x67: case 0x69: case 0x9A:
		break;
	default:
		ide_fail(c, IDE_ABRT);
		return;
	}
	ide_done(c);
}

static void native_max(struct ide_chan *c, bool ext)
{
	uint64_t last = nsectors(c) ? nsectors(c) - 1 : 0;

	if (!ext && last > 0x0FFFFFFF)
		last = 0x0FFFFFFF;
	ide_drv(c)->select |= 0x40;
	c->st->lba = last;
	c->st->is_ext = ext;
	ata_set_lba(c);
	ide_done(c);
}

/* SMART READ DATA and READ THRESHOLDS: no attributes, correct checksum. */
static void smart_data(struct ide_chan *c, bool thresholds)
{
	uint8_t *p = c->st->buf, sum = 0;

	memset(p, 0, SECTOR);
	p[0] = 1;
	if (!thresholds) {
		p[362] = 2;	/* off-line collection never started */
		p[368] = 3;
		p[372] = 2;
	}
	for (unsigned i = 0; i < SECTOR - 1; i++)
		sum += p[i];
	p[SECTOR - 1] = (uint8_t)-sum;
	ide_pio(c, IDE_PIO_IN, 0, SECTOR);
	c->st->left = 0;
	ide_irq_raise(c);
}

static void smart(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);

	if (d->hcyl != 0xC2 || d->lcyl != 0x4F || (!d->smart && d->feature != 0xD8)) {
		ide_fail(c, IDE_ABRT);
		return;
	}
	switch (d->feature) {
	case 0xD0:
	case 0xD1:
		smart_data(c, d->feature == 0xD1);
		return;
	case 0xD8:
	case 0xD9:
		d->smart = d->feature == 0xD8;
		ide_done(c);
		return;
	case 0xD2: case 0xDA: /* autosave; RETURN STATUS: C24Fh unchanged means healthy */
		ide_done(c);
		return;
	}
	ide_fail(c, IDE_ABRT);
}

static void init_params(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);

	if (!d->nsector) {
		ide_fail(c, IDE_ABRT);
		return;
	}
	d->sectors = d->nsector;
	d->heads = (uint8_t)((d->select & 15) + 1);
	ide_done(c);
}

static void set_mult(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);

	if (d->nsector > MAX_MULT || (d->nsector & (d->nsector - 1))) {
		ide_fail(c, IDE_ABRT);
		return;
	}
	d->mult = d->nsector;
	ide_done(c);
}

/* Commands that a packet device knows too; all others it aborts. */
static bool for_packet_device(uint8_t kind)
{
	return kind == PACKET || kind == IDENTIFY_PACKET || kind == SET_FEATURES || kind == OK ||
	       kind == SLEEP || kind == CHECK_POWER || kind == NOP || kind == FLUSH;
}

static const struct cmd *find(uint8_t op)
{
	static const struct cmd recal = { 0x10, RECALIBRATE }, seek = { 0x70, SEEK };

	/* the two oldest commands ignore the low digit */
	if (op >> 4 == 1)
		return &recal;
	if (op >> 4 == 7)
		return &seek;
	for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++)
		if (cmds[i].op == op)
			return &cmds[i];
	return NULL;
}

static void execute(struct ide_chan *c, const struct cmd *k)
{
	switch (k->kind) {
	case READ: case WRITE: case READ_MULT: case WRITE_MULT: case READ_DMA: case WRITE_DMA:
		transfer(c, k);
		break;
	case VERIFY:
		verify(c, k->ext);
		break;
	case FLUSH:
		ide_submit(c, BLK_FLUSH, 0, 0, IDE_NX_FLUSH);
		break;
	case IDENTIFY:
		identify(c);
		break;
	case IDENTIFY_PACKET:
		atapi_identify(c);
		break;
	case SET_MULT:
		set_mult(c);
		break;
	case SET_FEATURES:
		set_features(c);
		break;
	case INIT_PARAMS:
		init_params(c);
		break;
	case SLEEP:
		ide_done(c);
		ide_drv(c)->sleeping = 1;
		break;
	case CHECK_POWER:
		ide_drv(c)->nsector = 0xFF; /* active or idle */
		ide_done(c);
		break;
	case SMART:
		smart(c);
		break;
	case NATIVE_MAX:
		native_max(c, k->ext);
		break;
	case PACKET:
		atapi_start(c);
		break;
	case NOP:
		ide_fail(c, IDE_ABRT); /* NOP always ends aborted (ATA-6 §8.16) */
		break;
	default: /* RECALIBRATE, SEEK, IDLE and STANDBY have nothing to move */
		ide_done(c);
	}
}

void ata_command(struct ide_chan *c, uint8_t cmd)
{
	const struct cmd *k = find(cmd);
	bool cd = ide_blk(c)->is_cdrom;

	/* a packet device answers disk commands with abort and shows its signature */
	if (cd && k && (k->kind == IDENTIFY || k->kind == READ)) {
		ide_signature(c, c->st->active);
		ide_fail(c, IDE_ABRT);
		return;
	}
	if (!k || (cd && !for_packet_device(k->kind)) ||
	    (!cd && (k->kind == PACKET || k->kind == IDENTIFY_PACKET))) {
		GUEST_ERR(c->ide->dev.log, "ide: command %02x is not supported\n", cmd);
		ide_fail(c, IDE_ABRT);
		return;
	}
	execute(c, k);
}
