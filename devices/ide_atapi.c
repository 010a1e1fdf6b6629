/*
 * ide_atapi.c - the CD/DVD drive: packet commands, sense data, media change.
 *
 * Replies are built in the channel's buffer and go out through atapi_send(): in PIO as chunks of at most the
 * guest's byte count limit, in DMA at once. CD data is fetched 32 blocks (64 KiB) at a time.
 *
 * Sources: SFF-8020i r2.6; INF-8090i; MMC-3 (T10 1363-D); SPC-2 for sense, INQUIRY, MODE SENSE.
 */
#include "devices/ide.h"
#include <string.h>

#define CD_BLOCK 2048u
#define RAW_BLOCK 2352u
#define IR_IO 0x02 /* interrupt reason, in the sector count register */
#define IR_CD 0x01

#define NOT_READY 2
#define MEDIUM_ERROR 3
#define ILLEGAL 5
#define UNIT_ATTENTION 6
#define ASC_BAD_OP 0x20
#define ASC_LBA 0x21
#define ASC_BAD_FIELD 0x24
#define ASC_CHANGED 0x28
#define ASC_NO_MEDIUM 0x3A
#define ASC_READ 0x11
#define ASC_LOCKED 0x53

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)(p[1] << 16 | p[2] << 8 | p[3]);
}

static void put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, v >> 16);
	put_be16(p + 2, v);
}

static uint32_t capacity(struct ide_chan *c)
{
	uint64_t n = ide_blk(c)->size / CD_BLOCK;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static bool medium(struct ide_chan *c)
{
	return ide_blk(c)->present && ide_blk(c)->size;
}

static void cd_ok(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);

	d->sense_key = d->asc = d->ascq = 0;
	d->nsector = IR_IO | IR_CD;
	ide_done(c);
}

static void cd_error(struct ide_chan *c, uint8_t key, uint8_t asc)
{
	struct ide_drive_state *d = ide_drv(c);

	d->sense_key = key;
	d->asc = asc;
	d->ascq = 0;
	d->nsector = IR_IO | IR_CD;
	ide_fail(c, (uint8_t)(key << 4 | IDE_ABRT));
}

/* Offer the next chunk of buf[pos, total) to the guest's data port. */
static void send_chunk(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;
	struct ide_drive_state *d = ide_drv(c);
	uint32_t from = s->end, n = s->total - from;

	if (n > s->limit)
		n = s->limit & ~1u ? s->limit & ~1u : 2;
	if (n > s->total - from)
		n = s->total - from;
	d->lcyl = (uint8_t)n;
	d->hcyl = (uint8_t)(n >> 8);
	d->nsector = IR_IO;
	ide_pio(c, IDE_PIO_IN, from, from + n);
	ide_irq_raise(c);
}

static void more_data(struct ide_chan *c);

/* total bytes of buf go to the guest. */
static void send_buf(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;

	s->pos = s->end = 0;
	if (s->is_dma) {
		s->phase = IDE_DMA;
		ide_drv(c)->status = IDE_DRDY | IDE_DSC | IDE_DRQ;
		ide_drv(c)->nsector = IR_IO;
		if (bm_running(c))
			atapi_dma_run(c);
	} else {
		send_chunk(c);
	}
}

/* A reply of @len bytes in buf, cut at the allocation length @max of the command. */
static void reply(struct ide_chan *c, uint32_t len, uint32_t max)
{
	c->st->left = 0;
	c->st->total = len < max ? len : max;
	if (!c->st->total)
		cd_ok(c);
	else
		send_buf(c);
}

void atapi_pio_end(struct ide_chan *c)
{
	if (c->st->end < c->st->total)
		send_chunk(c);
	else
		more_data(c);
}

void atapi_dma_run(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;

	if (bm_copy(c, s->buf, s->total, true) < s->total) {
		s->bm_status &= (uint8_t)~1;
		cd_ok(c);
		return;
	}
	more_data(c);
}

/* All of buf has gone: fetch the next blocks, or end the command. */
static void more_data(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;
	uint32_t per = s->cd_raw ? IDE_BUF / RAW_BLOCK : IDE_BUF / CD_BLOCK;
	uint32_t n = s->left < per ? s->left : per;

	if (!n) {
		if (s->is_dma)
			bm_stop(c);
		cd_ok(c);
	} else if (!medium(c) || s->lba + n > capacity(c)) {
		cd_error(c, medium(c) ? ILLEGAL : NOT_READY, medium(c) ? ASC_LBA : ASC_NO_MEDIUM);
	} else {
		ide_submit(c, BLK_READ, s->lba * CD_BLOCK, n * CD_BLOCK, IDE_NX_CD);
	}
}

static uint8_t bcd(uint32_t v)
{
	return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

static void put_msf(uint8_t *p, uint64_t lba)
{
	uint32_t f = (uint32_t)lba + 150;

	p[0] = (uint8_t)(f / 75 / 60);
	p[1] = (uint8_t)(f / 75 % 60);
	p[2] = (uint8_t)(f % 75);
}

/* 2048-byte blocks in buf become mode 1 frames, from the last one down; error correction bytes are zero. */
static void make_raw(struct ide_chan *c, uint32_t n)
{
	uint8_t *buf = c->st->buf, msf[3];

	while (n--) {
		uint8_t *f = buf + n * RAW_BLOCK;

		memmove(f + 16, buf + n * CD_BLOCK, CD_BLOCK);
		put_msf(msf, c->st->lba + n);
		memset(f, 0xFF, 12);
		f[0] = f[11] = 0;
		for (unsigned i = 0; i < 3; i++)
			f[12 + i] = bcd(msf[i]);
		f[15] = 1;
		memset(f + 16 + CD_BLOCK, 0, RAW_BLOCK - 16 - CD_BLOCK);
	}
}

void atapi_io_done(struct ide_chan *c, int error)
{
	struct ide_chan_state *s = c->st;
	uint32_t n = s->io_len / CD_BLOCK;

	if (error || n > s->left || !n || (s->cd_raw && n > IDE_BUF / RAW_BLOCK)) {
		cd_error(c, MEDIUM_ERROR, ASC_READ);
		return;
	}
	if (s->cd_raw)
		make_raw(c, n);
	s->total = n * (s->cd_raw ? RAW_BLOCK : CD_BLOCK);
	s->lba += n;
	s->left -= n;
	send_buf(c);
}

static void read_blocks(struct ide_chan *c, uint32_t lba, uint32_t n, bool raw)
{
	struct ide_chan_state *s = c->st;

	if (n && (lba >= capacity(c) || n > capacity(c) - lba)) {
		cd_error(c, ILLEGAL, ASC_LBA);
		return;
	}
	s->lba = lba;
	s->left = n;
	s->cd_raw = raw;
	more_data(c);
}

static void read_cd(struct ide_chan *c, const uint8_t *p)
{
	uint32_t n = (uint32_t)(p[6] << 16 | p[7] << 8 | p[8]);

	switch (p[9] & 0xF8) {
	case 0x00:
		cd_ok(c);
		break;
	case 0x10:
		read_blocks(c, be32(p + 2), n, false);
		break;
	case 0xF8:
		read_blocks(c, be32(p + 2), n, true);
		break;
	default:
		cd_error(c, ILLEGAL, ASC_BAD_FIELD);
	}
}

static void put_lba(uint8_t *p, uint32_t lba, bool msf)
{
	if (msf) {
		p[0] = 0;
		put_msf(p + 1, lba);
	} else {
		put_be32(p, lba);
	}
}

/* One data track that covers the disc, in one session. */
static uint32_t toc(struct ide_chan *c, uint8_t *b, unsigned format, unsigned track, bool msf)
{
	uint8_t *p = b + 4;

	memset(b, 0, 64);
	b[2] = b[3] = 1;
	if (format == 1) { /* multi-session: first track of the last session */
		p[1] = 0x14;
		p[2] = 1;
		put_lba(p + 4, 0, msf);
		p += 8;
	} else {
		if (track <= 1) {
			p[1] = 0x14;
			p[2] = 1;
			put_lba(p + 4, 0, msf);
			p += 8;
		}
		p[1] = 0x16;
		p[2] = 0xAA;
		put_lba(p + 4, capacity(c), msf);
		p += 8;
	}
	put_be16(b, (uint32_t)(p - b) - 2);
	return (uint32_t)(p - b);
}

/* Format 2, full TOC: points A0h, A1h, A2h and track 1. */
static uint32_t raw_toc(struct ide_chan *c, uint8_t *b, bool msf)
{
	static const uint8_t point[4] = { 0xA0, 0xA1, 0xA2, 0x01 };
	uint8_t *p = b + 4;

	memset(b, 0, 64);
	b[2] = b[3] = 1;
	for (unsigned i = 0; i < 4; i++, p += 11) {
		p[0] = 1;
		p[1] = 0x14;
		p[3] = point[i];
		if (i < 2)
			p[8] = 1;
		else
			put_lba(p + 7, i == 2 ? capacity(c) : 0, msf);
	}
	put_be16(b, (uint32_t)(p - b) - 2);
	return (uint32_t)(p - b);
}

static void read_toc(struct ide_chan *c, const uint8_t *p)
{
	unsigned format = p[9] >> 6 ? p[9] >> 6 : p[2] & 15;
	bool msf = p[1] & 2;
	uint8_t *b = c->st->buf;

	if (format > 2 || (format == 0 && p[6] > 1 && p[6] != 0xAA)) {
		cd_error(c, ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	reply(c, format == 2 ? raw_toc(c, b, msf) : toc(c, b, format, p[6], msf), be16(p + 7));
}

static void inquiry(struct ide_chan *c, const uint8_t *p)
{
	uint8_t *b = c->st->buf;
	uint32_t max = be16(p + 3);

	if (p[1] & 1) {
		cd_error(c, ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	memset(b, 0, 36);
	b[0] = 0x05; /* CD/DVD device */
	b[1] = 0x80; /* removable */
	b[3] = 0x21; /* ATAPI response format */
	b[4] = 31;
	memcpy(b + 8, "DRAGOMAN", 8);
	memcpy(b + 16, "DVD-ROM         ", 16);
	memcpy(b + 32, "1.0 ", 4);
	reply(c, 36, max);
}

static void request_sense(struct ide_chan *c, const uint8_t *p)
{
	struct ide_drive_state *d = ide_drv(c);
	uint8_t *b = c->st->buf;

	memset(b, 0, 18);
	b[0] = 0x70;
	b[2] = d->sense_key;
	b[7] = 10;
	b[12] = d->asc;
	b[13] = d->ascq;
	if (d->sense_key == UNIT_ATTENTION)
		d->ua = 0;
	d->sense_key = d->asc = d->ascq = 0;
	reply(c, 18, p[4]);
}

static void mode_sense(struct ide_chan *c, const uint8_t *p)
{
	uint8_t *b = c->st->buf;
	unsigned page = p[2] & 0x3F, len = 8;

	if (p[2] >> 6 == 3) { /* saved values */
		cd_error(c, ILLEGAL, 0x39);
		return;
	}
	memset(b, 0, 64);
	b[2] = medium(c) ? 0x01 : 0x70;
	if (page == 0x01 || page == 0x3F) { /* error recovery */
		b[len] = 0x01;
		b[len + 1] = 6;
		b[len + 3] = 5;
		len += 8;
	}
	if (page == 0x0E || page == 0x3F) { /* audio control */
		b[len] = 0x0E;
		b[len + 1] = 14;
		b[len + 2] = 4;
		len += 16;
	}
	if (page == 0x2A || page == 0x3F) { /* capabilities */
		b[len] = 0x2A;
		b[len + 1] = 18;
		b[len + 2] = 0x3B; /* reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM */
		b[len + 4] = 0x70;
		b[len + 6] = (uint8_t)(0x29 | (ide_drv(c)->locked ? 2 : 0)); /* tray, eject, lock */
		put_be16(b + len + 8, 706 * 16);
		put_be16(b + len + 10, 2);
		put_be16(b + len + 12, 512);
		put_be16(b + len + 14, 706 * 16);
		len += 20;
	}
	if (len == 8) {
		cd_error(c, ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	put_be16(b, len - 2);
	reply(c, len, be16(p + 7));
}

static uint16_t profile(struct ide_chan *c)
{
	if (!medium(c))
		return 0;
	return capacity(c) > 80 * 60 * 75 ? 0x10 : 0x08; /* more than a CD holds: DVD-ROM */
}

static void get_configuration(struct ide_chan *c, const uint8_t *p)
{
	uint8_t *b = c->st->buf;
	uint16_t cur = profile(c);

	memset(b, 0, 40);
	put_be16(b + 6, cur);
	put_be16(b + 8, 0); /* profile list */
	b[10] = 0x03;
	b[11] = 8;
	put_be16(b + 12, 0x10);
	b[14] = cur == 0x10;
	put_be16(b + 16, 0x08);
	b[18] = cur == 0x08;
	put_be16(b + 20, 1); /* core */
	b[22] = 0x0B;
	b[23] = 8;
	put_be32(b + 24, 2); /* ATAPI */
	b[28] = 1;
	put_be16(b + 32, 3); /* removable medium */
	b[34] = 0x03;
	b[35] = 4;
	b[36] = 0x39; /* tray, eject, lock */
	put_be32(b, 40 - 4);
	reply(c, 40, be16(p + 7));
}

static void get_event(struct ide_chan *c, const uint8_t *p)
{
	struct ide_drive_state *d = ide_drv(c);
	uint8_t *b = c->st->buf;

	if (!(p[1] & 1)) { /* asynchronous notification is not possible on ATAPI */
		cd_error(c, ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	memset(b, 0, 8);
	b[3] = 0x10; /* the one class we report: media */
	if (!(p[4] & 0x10)) {
		put_be16(b, 2);
		b[2] = 0x80;
		reply(c, 4, be16(p + 7));
		return;
	}
	put_be16(b, 6);
	b[2] = 4;
	b[4] = d->event;
	if (!d->event && ide_blk(c)->want_eject) {
		b[4] = 1; /* the user wants the medium: who has locked it may unlock and eject it */
		ide_blk(c)->want_eject = false;
	}
	b[5] = medium(c) ? 2 : 0;
	d->event = 0;
	reply(c, 8, be16(p + 7));
}

static void start_stop(struct ide_chan *c, const uint8_t *p)
{
	struct blk *b = ide_blk(c);

	if ((p[4] & 2) && !(p[4] & 1)) {
		if (ide_drv(c)->locked) {
			cd_error(c, b->present ? ILLEGAL : NOT_READY, ASC_LOCKED);
			return;
		}
		if (b->present)
			ide_drv(c)->event = 3;
		b->present = false; /* tray open; the monitor's change closes it with a medium */
	} else if ((p[4] & 3) == 3 && !b->present && b->size) {
		b->present = true;
		b->changed = true;
	}
	cd_ok(c);
}

static void read_disc_info(struct ide_chan *c, const uint8_t *p)
{
	uint8_t *b = c->st->buf;

	if (p[1] & 7) {
		cd_error(c, ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	memset(b, 0, 34);
	put_be16(b, 32);
	b[2] = 0x0E; /* complete session, finished disc */
	b[3] = b[4] = b[5] = b[6] = 1;
	b[7] = 0x20;
	reply(c, 34, be16(p + 7));
}

static void read_dvd_structure(struct ide_chan *c, const uint8_t *p)
{
	uint8_t *b = c->st->buf;
	uint32_t last = capacity(c) + 0x30000 - 1;

	if (p[7] != 0 || profile(c) != 0x10) {
		cd_error(c, ILLEGAL, ASC_BAD_FIELD);
		return;
	}
	memset(b, 0, 2052);
	put_be16(b, 2050);
	b[4] = 1; /* DVD-ROM, part version 1 */
	b[5] = 0x0F;
	b[6] = 1;
	put_be32(b + 8, 0x30000);
	put_be32(b + 12, last);
	put_be32(b + 16, last);
	reply(c, 2052, be16(p + 8));
}

static void read_capacity(struct ide_chan *c)
{
	put_be32(c->st->buf, capacity(c) - 1);
	put_be32(c->st->buf + 4, CD_BLOCK);
	reply(c, 8, 8);
}

/* Operations; MEDIA: needs a medium and reports its change first. */
#define MEDIA 1
#define NOUA 2 /* not held up by unit attention */
static const struct {
	uint8_t op, flags;
} known[] = {
	{ 0x00, MEDIA }, { 0x03, NOUA }, { 0x12, NOUA }, { 0x1B, 0 }, { 0x1E, 0 }, { 0x25, MEDIA },
	{ 0x28, MEDIA }, { 0x2B, MEDIA }, { 0x43, MEDIA }, { 0x46, NOUA }, { 0x4A, NOUA },
	{ 0x51, MEDIA }, { 0x5A, 0 }, { 0xA8, MEDIA }, { 0xAD, MEDIA }, { 0xBB, 0 }, { 0xBD, 0 },
	{ 0xBE, MEDIA },
};

static int flags_of(uint8_t op)
{
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].op == op)
			return known[i].flags;
	return -1;
}

static void execute(struct ide_chan *c, const uint8_t *p)
{
	switch (p[0]) {
	case 0x03:
		request_sense(c, p);
		break;
	case 0x12:
		inquiry(c, p);
		break;
	case 0x1B:
		start_stop(c, p);
		break;
	case 0x1E:
		ide_drv(c)->locked = p[4] & 1;
		ide_blk(c)->locked = p[4] & 1;
		cd_ok(c);
		break;
	case 0x25:
		read_capacity(c);
		break;
	case 0x28:
		read_blocks(c, be32(p + 2), be16(p + 7), false);
		break;
	case 0x2B:
		if (be32(p + 2) > capacity(c))
			cd_error(c, ILLEGAL, ASC_LBA);
		else
			cd_ok(c);
		break;
	case 0x43:
		read_toc(c, p);
		break;
	case 0x46:
		get_configuration(c, p);
		break;
	case 0x4A:
		get_event(c, p);
		break;
	case 0x51:
		read_disc_info(c, p);
		break;
	case 0x5A:
		mode_sense(c, p);
		break;
	case 0xA8:
		read_blocks(c, be32(p + 2), be32(p + 6), false);
		break;
	case 0xAD:
		read_dvd_structure(c, p);
		break;
	case 0xBD: /* mechanism status: one slot, idle */
		memset(c->st->buf, 0, 8);
		c->st->buf[5] = 1;
		reply(c, 8, be16(p + 8));
		break;
	case 0xBE:
		read_cd(c, p);
		break;
	default: /* TEST UNIT READY, SET CD SPEED */
		cd_ok(c);
	}
}

void atapi_packet(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);
	struct blk *b = ide_blk(c);
	uint8_t p[12];
	int flags;

	memcpy(p, c->st->buf, sizeof(p));
	c->st->phase = IDE_IDLE;
	c->st->cd_raw = 0;
	flags = flags_of(p[0]);
	if (b->changed) {
		b->changed = false;
		d->event = medium(c) ? 2 : 3;
		d->ua = medium(c);
	}
	if (flags < 0) {
		GUEST_ERR(c->ide->dev.log, "atapi: packet command %02x is not supported\n", p[0]);
		cd_error(c, ILLEGAL, ASC_BAD_OP);
	} else if (d->ua && !(flags & NOUA)) {
		d->ua = 0;
		cd_error(c, UNIT_ATTENTION, ASC_CHANGED);
	} else if ((flags & MEDIA) && !medium(c)) {
		cd_error(c, NOT_READY, ASC_NO_MEDIUM);
	} else {
		execute(c, p);
	}
}

void atapi_start(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;
	struct ide_drive_state *d = ide_drv(c);

	if (d->feature & 2) { /* overlapped operation */
		ide_fail(c, IDE_ABRT);
		return;
	}
	s->is_atapi = 1;
	s->is_dma = d->feature & 1;
	s->limit = (uint32_t)(d->lcyl | d->hcyl << 8);
	if (!s->limit || s->limit == 0xFFFF)
		s->limit = 0xFFFE;
	d->nsector = IR_CD;
	ide_pio(c, IDE_PACKET, 0, 12);
}

void atapi_identify(struct ide_chan *c)
{
	struct ide_drive_state *d = ide_drv(c);
	uint8_t *w = c->st->buf;
	uint8_t n = d->xfer_mode & 7, group = d->xfer_mode >> 3;
	static const uint16_t fixed[][2] = {
		{ 0, 0x85C0 }, /* ATAPI, CD-ROM, removable, 50 us DRQ, 12-byte packets */
		{ 20, 3 }, { 21, 512 }, { 22, 4 }, { 48, 1 }, { 49, 0x0B00 }, { 53, 7 }, { 64, 3 },
		{ 65, 0xB4 }, { 66, 0xB4 }, { 67, 0x12C }, { 68, 0xB4 }, { 71, 30 }, { 72, 30 },
		{ 80, 0x1E }, { 82, 0x0214 }, { 83, 0x4000 }, { 84, 0x4000 }, { 85, 0x0214 },
		{ 87, 0x4000 }, { 93, 0x600B },
	};

	memset(w, 0, 512);
	for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++)
		pci_put16(w + fixed[i][0] * 2, fixed[i][1]);
	ide_put_string(w + 20, ide_blk(c)->serial[0] ? ide_blk(c)->serial : "DG00003", 20);
	ide_put_string(w + 46, "1.0", 8);
	ide_put_string(w + 54, "DRAGOMAN DVD-ROM", 40);
	pci_put16(w + 63 * 2, (uint16_t)(7 | (group == 4 ? 0x100 << n : 0)));
	pci_put16(w + 88 * 2, (uint16_t)(0x3F | (group == 8 || !group ? 0x100 << (group ? n : 5) : 0)));
	c->st->left = 0; /* a single block; its end raises no interrupt */
	ide_pio(c, IDE_PIO_IN, 0, 512);
	ide_irq_raise(c);
}
