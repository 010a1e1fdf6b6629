/*
 * fdc_data.c - commands that look at the disk (fdc.h; data sheet, "Data Transfer Commands").
 *
 * One sector at a time: rotation (timer), ID check, then image and host in the order that the direction asks for.
 */
#include "devices/fdc.h"
#include <errno.h>
#include <string.h>

#define LATENCY_NS 500000u	 /* until the first sector comes by */
#define SECTOR_NS 100000u	 /* and each further one: faster than any real drive */
#define HOPELESS_NS 20000000u	 /* until a disk without a mark, or none, is given up */
#define ST2_DELETED 0x40

#define MT 0x80 /* command bits */
#define SK 0x20

enum { OP_READ_TRACK = 0x02, OP_WRITE = 0x05, OP_READ = 0x06, OP_WRITE_DEL = 0x09, OP_READ_ID = 0x0A, OP_READ_DEL = 0x0C,
	OP_FORMAT = 0x0D, OP_VERIFY = 0x16 };

static unsigned op(const struct fdc *f)
{
	return f->s.cmd[0] & 0x1F;
}

static unsigned head(const struct fdc *f)
{
	return f->s.cmd[1] >> 2 & 1;
}

static bool by_dma(const struct fdc *f)
{
	return !(f->s.specify[1] & 1);
}

static void finish(struct fdc *f, uint8_t st0)
{
	uint8_t *r = f->s.result;
	unsigned h = op(f) == OP_READ_ID || op(f) == OP_FORMAT ? head(f) : f->s.h & 1u;

	r[0] = (uint8_t)(st0 | h << 2 | fdc_sel(f));
	r[1] = f->s.st1;
	r[2] = f->s.st2;
	r[3] = f->s.c;
	r[4] = f->s.h;
	r[5] = f->s.r;
	r[6] = op(f) == OP_FORMAT ? f->s.cmd[2] : op(f) == OP_READ_ID ? 2 : f->s.cmd[5];
	fdc_result(f, 7, true);
}

static void fail(struct fdc *f, uint8_t st1, uint8_t st2)
{
	f->s.st1 |= st1;
	f->s.st2 |= st2;
	finish(f, ST0_ABNORMAL);
}

/* A disk that turns and whose cells come at the rate the controller listens for. */
static const struct fdc_format *readable(struct fdc *f)
{
	unsigned n = fdc_sel(f);
	struct blk *b = f->s.dor & 0x10u << n ? fdc_medium(f, n) : NULL;
	const struct fdc_format *fmt = b ? fdc_format_of(b->size) : NULL;

	return fmt && fmt->rate == f->s.ccr && (op(f) == OP_FORMAT || f->s.cmd[0] & 0x40) ? fmt : NULL;
}

void fdc_data_start(struct fdc *f)
{
	struct fdc_state *s = &f->s;
	unsigned n = fdc_sel(f);

	s->st1 = s->st2 = s->tc = 0;
	s->c = s->cmd[2];
	s->h = s->cmd[3];
	s->r = op(f) == OP_READ_TRACK ? 1 : s->cmd[4];
	s->fmt_left = op(f) == OP_FORMAT ? s->cmd[3] : op(f) == OP_VERIFY && (s->cmd[1] & 0x80) ? s->cmd[8] : 0;
	if (op(f) == OP_READ_ID || op(f) == OP_FORMAT) {
		s->c = n < FDC_DRIVES ? s->drive[n].track : 0;
		s->h = (uint8_t)head(f);
		s->r = 0;
	} else if ((s->config[0] & 0x40) && n < FDC_DRIVES && s->drive[n].pcn != s->cmd[2]) {
		fdc_seek_to(f, n, s->drive[n].track + s->cmd[2] - s->drive[n].pcn); /* implied seek */
		s->drive[n].pcn = s->cmd[2];
	}
	fdc_wait(f, readable(f) ? LATENCY_NS : HOPELESS_NS);
}

/* Is the sector that the command wants on this track? Else the status for it. */
static bool find_id(struct fdc *f, const struct fdc_format *fmt)
{
	const struct fdc_state *s = &f->s;
	unsigned track = s->drive[fdc_sel(f)].track;
	uint8_t st2 = 0;

	if (s->cmd[5] == 2 && s->c == track && track < fmt->tracks && (s->h & 1u) < fmt->heads && s->h < 2 &&
		s->r >= 1 && s->r <= fmt->sectors)
		return true;
	if (track >= fmt->tracks || (s->h & 1u) >= fmt->heads) {
		fail(f, ST1_NO_MARK, 0); /* nothing was ever written there */
		return false;
	}
	if (s->c != track)
		st2 = ST2_WRONG_C;
	fail(f, ST1_NO_DATA, st2);
	return false;
}

/* The next ID as the result table of the data sheet has it. False: the command's last sector is done. */
static bool next_id(struct fdc *f)
{
	struct fdc_state *s = &f->s;

	if (s->r != s->cmd[6]) {
		s->r++;
		return true;
	}
	s->r = 1;
	if (!(s->cmd[0] & MT) || op(f) == OP_READ_TRACK) {
		s->c++;
		return false;
	}
	s->h ^= 1;
	s->c = (uint8_t)(s->c + !(s->h & 1));
	return s->h & 1;
}

static void sector_done(struct fdc *f)
{
	bool more, deleted = op(f) == OP_READ_DEL;

	if (deleted)
		f->s.st2 |= ST2_DELETED; /* an ordinary sector, where deleted ones were asked for: the last */
	if (op(f) == OP_VERIFY && f->s.fmt_left && !--f->s.fmt_left)
		f->s.tc = 1;
	more = next_id(f);
	if (f->s.tc || deleted || (!more && op(f) == OP_VERIFY))
		finish(f, 0);
	else if (!more)
		fail(f, ST1_END, 0); /* the host wanted more than there is */
	else
		fdc_wait(f, SECTOR_NS);
}

/* Open the window [0, len) of buf to the host; by DMA it is done at once. */
static void exchange(struct fdc *f, uint32_t len, bool to_host)
{
	struct fdc_state *s = &f->s;
	uint32_t moved;
	bool tc;

	s->pos = 0;
	s->end = len;
	s->phase = to_host ? FDC_TO_HOST : FDC_FROM_HOST;
	if (!by_dma(f)) {
		fdc_irq(f);
		return;
	}
	moved = i8237_transfer(f->dma, 2, s->buf, len, to_host, &tc);
	if (moved < len && !tc) { /* nobody took or brought the bytes in time */
		fail(f, ST1_OVERRUN, 0);
		return;
	}
	if (!to_host)
		memset(s->buf + moved, 0, len - moved);
	s->tc = tc;
	s->pos = s->end;
	fdc_data_moved(f);
}

/* FORMAT: the host has brought an ID; write the sector it names. */
static void format_sector(struct fdc *f)
{
	struct fdc_state *s = &f->s;
	const struct fdc_format *fmt = readable(f);
	bool ours;

	s->c = s->buf[0];
	s->h = s->buf[1];
	s->r = s->buf[2];
	ours = fmt && s->buf[3] == 2 && s->c == s->drive[fdc_sel(f)].track && s->c < fmt->tracks && s->h == head(f) &&
		s->h < fmt->heads && s->r >= 1 && s->r <= fmt->sectors;
	s->fmt_left--;
	if (!ours) {
		UNIMP(f->dev.log, "fdc: formatting sector %u/%u/%u, which the image has no place for\n", s->c, s->h, s->r);
		fdc_data_io_done(f, 0);
		return;
	}
	memset(s->buf, s->cmd[5], FDC_SECTOR);
	fdc_submit(f);
}

void fdc_data_moved(struct fdc *f)
{
	if (op(f) == OP_FORMAT)
		format_sector(f);
	else if (op(f) == OP_WRITE || op(f) == OP_WRITE_DEL)
		fdc_submit(f);
	else
		sector_done(f);
}

void fdc_data_io_done(struct fdc *f, int error)
{
	if (error == EROFS)
		fail(f, ST1_PROTECTED, 0);
	else if (error)
		fail(f, ST1_CRC, ST2_CRC);
	else if (op(f) == OP_FORMAT && f->s.fmt_left && !f->s.tc)
		fdc_wait(f, SECTOR_NS);
	else if (op(f) == OP_FORMAT)
		finish(f, 0);
	else if (op(f) == OP_WRITE || op(f) == OP_WRITE_DEL || op(f) == OP_VERIFY)
		sector_done(f);
	else
		exchange(f, FDC_SECTOR, true);
}

static void read_id(struct fdc *f, const struct fdc_format *fmt)
{
	struct fdc_state *s = &f->s;
	unsigned track = s->drive[fdc_sel(f)].track;

	if (track >= fmt->tracks || head(f) >= fmt->heads) {
		fail(f, ST1_NO_MARK, 0);
		return;
	}
	s->c = (uint8_t)track;
	s->h = (uint8_t)head(f);
	s->r = (uint8_t)(1 + clock_now(f->clock) / (200000000u / fmt->sectors) % fmt->sectors);
	finish(f, 0);
}

void fdc_data_timer(struct fdc *f)
{
	const struct fdc_format *fmt = readable(f);
	struct blk *b = fdc_medium(f, fdc_sel(f));
	bool writing = op(f) == OP_WRITE || op(f) == OP_WRITE_DEL || op(f) == OP_FORMAT;

	if (!fmt) {
		fail(f, ST1_NO_MARK, 0);
	} else if (writing && b->readonly) {
		fail(f, ST1_PROTECTED, 0);
	} else if (op(f) == OP_READ_ID) {
		read_id(f, fmt);
	} else if (op(f) == OP_FORMAT) {
		if (f->s.fmt_left)
			exchange(f, 4, false);
		else
			finish(f, 0);
	} else if (op(f) == OP_READ_DEL && (f->s.cmd[0] & SK)) {
		fail(f, ST1_NO_DATA, 0); /* every sector is skipped */
	} else if (!find_id(f, fmt)) {
		return;
	} else if (writing) {
		if (op(f) == OP_WRITE_DEL)
			UNIMP(f->dev.log, "fdc: deleted data marks are not kept\n");
		exchange(f, FDC_SECTOR, false);
	} else {
		fdc_submit(f);
	}
}
