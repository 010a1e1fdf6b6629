/* fdc.c - registers, phases, interrupts and resets of the floppy controller (fdc.h). */
#include "devices/fdc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DOR_NRESET 0x04
#define DOR_DMAGATE 0x08
#define DSR_RESET 0x80
#define MSR_RQM 0x80
#define MSR_DIO 0x40
#define MSR_NONDMA 0x20
#define MSR_BUSY 0x10
#define POLL_OFF 0x10 /* CONFIGURE */

static void set_line(struct fdc *f)
{
	irq_set(&f->irq, f->s.irq && (f->s.dor & DOR_DMAGATE));
}

void fdc_irq(struct fdc *f)
{
	f->s.irq = 1;
	set_line(f);
}

static void irq_off(struct fdc *f)
{
	f->s.irq = 0;
	set_line(f);
}

struct blk *fdc_medium(struct fdc *f, unsigned n)
{
	struct blk *b = n < FDC_DRIVES ? f->blk[n] : NULL;

	return b && b->present && b->size && fdc_format_of(b->size) ? b : NULL;
}

/* The drive's latch notices what the host did to its medium. */
static void look_at_media(struct fdc *f)
{
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		if (!f->blk[i] || !f->blk[i]->changed)
			continue;
		f->blk[i]->changed = false;
		f->s.drive[i].changed = 1;
	}
}

void fdc_wait(struct fdc *f, uint64_t ns)
{
	f->s.phase = FDC_WAIT;
	f->s.timer_at = clock_now(f->clock) + ns;
	timer_arm(&f->timer, f->s.timer_at);
}

void fdc_result(struct fdc *f, unsigned n, bool irq)
{
	f->s.phase = n ? FDC_RESULT : FDC_COMMAND;
	f->s.nresult = (uint8_t)n;
	f->s.at = f->s.ncmd = 0;
	if (irq)
		fdc_irq(f);
}

/* ---- image requests ---- */

struct fdc_io {
	struct blk_req r;
	struct fdc *f;
	uint32_t gen;
	uint8_t data[FDC_SECTOR];
};

static void io_done(void *opaque, int error)
{
	struct fdc_io *io = opaque;
	struct fdc *f = io->f;
	bool ours = io->gen == f->gen && f->s.phase == FDC_IO;

	f->in_flight--;
	if (ours && !error && io->r.op == BLK_READ)
		memcpy(f->s.buf, io->data, FDC_SECTOR);
	free(io);
	if (ours)
		fdc_data_io_done(f, error);
}

/* The place of sector (c, h, r) of the command's drive; the caller has checked that it exists. */
static uint64_t place(const struct fdc *f, const struct blk *b)
{
	const struct fdc_format *fmt = fdc_format_of(b->size);

	return (((uint64_t)f->s.c * fmt->heads + f->s.h) * fmt->sectors + f->s.r - 1) * FDC_SECTOR;
}

static bool writes(const struct fdc *f)
{
	unsigned op = f->s.cmd[0] & 0x1F;

	return op == 0x05 || op == 0x09 || op == 0x0D;
}

void fdc_submit(struct fdc *f)
{
	struct blk *b = fdc_medium(f, fdc_sel(f));
	struct fdc_io *io = calloc(1, sizeof(*io));

	BUG_ON(!io);
	f->s.phase = FDC_IO;
	io->f = f;
	io->gen = f->gen;
	io->r = (struct blk_req){.op = writes(f) ? BLK_WRITE : BLK_READ, .buf = io->data, .len = FDC_SECTOR,
		.done = io_done, .opaque = io};
	memcpy(io->data, f->s.buf, FDC_SECTOR);
	f->in_flight++;
	if (b)
		io->r.off = place(f, b);
	/* an image cut short within its format ends with sectors that cannot be read */
	if (!b || io->r.off >= b->size)
		io_done(io, EIO);
	else
		blk_submit(b, &io->r);
}

/* ---- reset ---- */

static void abandon(struct fdc *f)
{
	timer_cancel(&f->timer);
	f->s.timer_at = 0;
	f->gen++;
	f->s.phase = FDC_COMMAND;
	f->s.ncmd = f->s.nresult = f->s.at = 0;
	f->s.reset_sense = 0;
	for (unsigned i = 0; i < FDC_DRIVES; i++)
		f->s.drive[i].seek_done = 0;
	irq_off(f);
}

/* What any reset does; DOR, CCR and the drives' heads stay. */
static void controller_reset(struct fdc *f)
{
	abandon(f);
	f->s.perpendicular &= 0x3C;
	for (unsigned i = 0; i < FDC_DRIVES; i++)
		f->s.drive[i].pcn = 0;
	if (!f->s.locked) {
		f->s.config[0] = 0x20; /* FIFO off, polling on */
		f->s.config[1] = 0;
	}
}

/* Out of reset the controller polls its drives and finds that the state of each has "changed". */
static void leave_reset(struct fdc *f)
{
	if (f->s.config[0] & POLL_OFF)
		return;
	f->s.reset_sense = 4;
	fdc_irq(f);
}

/* ---- FIFO ---- */

static void command_byte(struct fdc *f, uint8_t v)
{
	if (f->s.ncmd == 0)
		f->s.want = (uint8_t)fdc_command_length(v);
	f->s.cmd[f->s.ncmd++ & 15] = v;
	if (f->s.ncmd < f->s.want)
		return;
	f->s.ncmd = 0;
	look_at_media(f);
	fdc_execute(f);
}

static void fifo_write(struct fdc *f, uint8_t v)
{
	if (f->s.phase == FDC_COMMAND) {
		command_byte(f, v);
	} else if (f->s.phase == FDC_FROM_HOST && f->s.pos < f->s.end) {
		irq_off(f);
		f->s.buf[f->s.pos++] = v;
		if (f->s.pos == f->s.end)
			fdc_data_moved(f);
		else
			fdc_irq(f);
	} else {
		GUEST_ERR(f->dev.log, "fdc: byte %02x written while none is wanted\n", v);
	}
}

static uint8_t fifo_read(struct fdc *f)
{
	uint8_t v;

	if (f->s.phase == FDC_TO_HOST && f->s.pos < f->s.end) {
		irq_off(f);
		v = f->s.buf[f->s.pos++];
		if (f->s.pos == f->s.end)
			fdc_data_moved(f);
		else
			fdc_irq(f);
		return v;
	}
	if (f->s.phase != FDC_RESULT) {
		GUEST_ERR(f->dev.log, "fdc: read while there is nothing to read\n");
		return 0;
	}
	irq_off(f);
	v = f->s.result[f->s.at++ & 15];
	if (f->s.at >= f->s.nresult)
		f->s.phase = FDC_COMMAND;
	/* more drives wait for SENSE INTERRUPT */
	if (f->s.phase == FDC_COMMAND)
		for (unsigned i = 0; i < FDC_DRIVES; i++)
			if (f->s.drive[i].seek_done)
				fdc_irq(f);
	return v;
}

static uint8_t main_status(struct fdc *f)
{
	uint8_t v = 0;

	if (!(f->s.dor & DOR_NRESET))
		return 0;
	switch (f->s.phase) {
	case FDC_COMMAND:
		return f->s.ncmd ? MSR_RQM | MSR_BUSY : MSR_RQM;
	case FDC_RESULT:
		return MSR_RQM | MSR_DIO | MSR_BUSY;
	case FDC_TO_HOST:
	case FDC_FROM_HOST:
		v = MSR_BUSY;
		if (f->s.specify[1] & 1)
			v |= MSR_NONDMA | MSR_RQM | (f->s.phase == FDC_TO_HOST ? MSR_DIO : 0);
		return v;
	default:
		return MSR_BUSY;
	}
}

/* ---- ports ---- */

static void write_dor(struct fdc *f, uint8_t v)
{
	uint8_t was = f->s.dor;

	f->s.dor = v;
	if ((was & DOR_NRESET) && !(v & DOR_NRESET))
		controller_reset(f);
	else if (!(was & DOR_NRESET) && (v & DOR_NRESET))
		leave_reset(f);
	set_line(f);
}

static uint64_t fdc_read(void *opaque, uint64_t off, unsigned size)
{
	struct fdc *f = opaque;

	switch (off) {
	case 2:
		return f->s.dor;
	case 3:
		return 0xFC | f->s.tdr;
	case 4:
		return main_status(f);
	case 5:
		return fifo_read(f);
	default: /* status registers A and B exist in PS/2 mode only */
		return 0xFF;
	}
}

static void fdc_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct fdc *f = opaque;
	uint8_t v = (uint8_t)val;

	switch (off) {
	case 2:
		write_dor(f, v);
		break;
	case 3:
		f->s.tdr = v & 3;
		break;
	case 4:
		f->s.dsr = v & 0x7F;
		f->s.ccr = v & 3; /* one rate, two ways to set it */
		if (v & DSR_RESET) {
			controller_reset(f);
			leave_reset(f);
		}
		break;
	case 5:
		if (f->s.dor & DOR_NRESET)
			fifo_write(f, v);
		break;
	}
}

static uint64_t dir_read(void *opaque, uint64_t off, unsigned size)
{
	struct fdc *f = opaque;
	unsigned n = f->s.dor & 3;

	look_at_media(f);
	/* only a drive that turns drives the line */
	if (n >= FDC_DRIVES || !f->blk[n] || !(f->s.dor & (0x10u << n)))
		return 0;
	return f->s.drive[n].changed || !fdc_medium(f, n) ? 0x80 : 0;
}

static void ccr_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct fdc *f = opaque;

	f->s.ccr = val & 3;
	f->s.dsr = (uint8_t)((f->s.dsr & ~3u) | (val & 3));
}

static const struct io_ops fdc_io_ops = {"fdc", fdc_read, fdc_write, 1, 1};
static const struct io_ops dir_ops = {"fdc-dir", dir_read, ccr_write, 1, 1};

/* ---- the device ---- */

static void timer_due(void *opaque)
{
	struct fdc *f = opaque;

	f->s.timer_at = 0;
	if (f->s.phase == FDC_WAIT)
		fdc_data_timer(f);
}

static void reset(struct device *dev)
{
	struct fdc *f = container_of(dev, struct fdc, dev);

	f->s.locked = 0;
	f->s.perpendicular = 0;
	f->s.dor = f->s.tdr = 0;
	f->s.dsr = f->s.ccr = 2;
	memset(f->s.specify, 0, sizeof(f->s.specify));
	controller_reset(f);
}

static void fini(struct device *dev)
{
	struct fdc *f = container_of(dev, struct fdc, dev);

	timer_cancel(&f->timer);
	f->gen++;
}

static enum vm_err post_load(struct device *dev, struct err *e)
{
	struct fdc *f = container_of(dev, struct fdc, dev);
	struct fdc_state *s = &f->s;

	if (s->phase > FDC_RESULT || s->ncmd > 9 || s->want > 9 || s->nresult > 16 || s->at > 16 ||
		s->end > FDC_SECTOR || s->pos > s->end || s->drive[0].track > 90 || s->drive[1].track > 90)
		return err_set(e, VM_ERR_FORMAT, "fdc: impossible saved state");
	f->gen++;
	timer_cancel(&f->timer);
	if (s->timer_at)
		timer_arm(&f->timer, s->timer_at);
	else if (s->phase == FDC_IO)
		fdc_submit(f);
	set_line(f);
	return VM_OK;
}

static void dump(struct device *dev, FILE *out)
{
	struct fdc *f = container_of(dev, struct fdc, dev);

	fprintf(out, "fdc: dor=%02x msr=%02x rate=%u phase=%u cmd=%02x irq=%u\n", f->s.dor, main_status(f), f->s.ccr,
		f->s.phase, f->s.cmd[0], f->s.irq);
	for (unsigned i = 0; i < FDC_DRIVES; i++)
		if (f->blk[i])
			fprintf(out, "  drive %c: track %u%s%s\n", 'A' + i, f->s.drive[i].track,
				fdc_medium(f, i) ? "" : ", empty", f->s.drive[i].changed ? ", changed" : "");
}

static const struct device_ops ops = {
	.name = "isa-fdc",
	.version = 1,
	.state_off = offsetof(struct fdc, s),
	.state_size = sizeof(struct fdc_state),
	.timer = {offsetof(struct fdc, timer)},
	.reset = reset,
	.fini = fini,
	.post_load = post_load,
	.dump = dump,
};

struct fdc *fdc_create(struct log *log, struct clock *clock, struct space *io, struct i8237 *dma, struct irq irq6,
	struct blk *const blk[FDC_DRIVES])
{
	struct fdc *f = device_new(sizeof(*f), &ops, log);

	f->clock = clock;
	f->dma = dma;
	f->irq = irq6;
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		f->blk[i] = blk[i];
		f->s.drive[i].changed = 1; /* until the first step with a disk in */
	}
	timer_init(&f->timer, clock, timer_due, f);
	space_add_io(io, &f->io, "fdc", 0x3F0, 6, &fdc_io_ops, f);
	space_add_io(io, &f->dir, "fdc-dir", 0x3F7, 1, &dir_ops, f);
	reset(&f->dev);
	return f;
}
