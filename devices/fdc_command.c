/* fdc_command.c - commands that move no data: seeks, status, configuration (fdc.h; data sheet, "Command Descriptions"). */
#include "devices/fdc.h"

#define MAX_STEPS 79u /* of RECALIBRATE */
#define MAX_TRACK 85u /* where the head meets the stop */

/* Bytes of a command by its low five bits; 0: none. Which of the upper bits may be set: @flags. */
static const struct {
	uint8_t len, flags;
} commands[32] = {
	[0x02] = {9, 0x60}, [0x03] = {3, 0},	[0x04] = {2, 0},    [0x05] = {9, 0xC0}, [0x06] = {9, 0xE0},
	[0x07] = {2, 0},    [0x08] = {1, 0},	[0x09] = {9, 0xC0}, [0x0A] = {2, 0x40}, [0x0C] = {9, 0xE0},
	[0x0D] = {6, 0x40}, [0x0E] = {1, 0},	[0x0F] = {3, 0xC0}, [0x10] = {1, 0},	[0x12] = {2, 0},
	[0x13] = {4, 0},    [0x14] = {1, 0x80}, [0x16] = {9, 0xE0},
};

unsigned fdc_command_length(uint8_t cmd)
{
	unsigned op = cmd & 0x1F;

	return commands[op].len && !(cmd & 0xE0 & ~commands[op].flags) ? commands[op].len : 1;
}

static bool valid(uint8_t cmd)
{
	unsigned op = cmd & 0x1F;

	return commands[op].len && !(cmd & 0xE0 & ~commands[op].flags);
}

/* The next drive with something to say, or the reset's list of all four. */
static void sense_interrupt(struct fdc *f)
{
	f->s.irq = 0;
	irq_set(&f->irq, 0);
	if (f->s.reset_sense) {
		unsigned n = 4u - f->s.reset_sense--;

		f->s.result[0] = (uint8_t)(0xC0 | n);
		f->s.result[1] = n < FDC_DRIVES ? f->s.drive[n].pcn : 0;
		fdc_result(f, 2, false);
		return;
	}
	for (unsigned n = 0; n < FDC_DRIVES; n++) {
		if (!f->s.drive[n].seek_done)
			continue;
		f->s.drive[n].seek_done = 0;
		f->s.result[0] = f->s.drive[n].seek_st0;
		f->s.result[1] = f->s.drive[n].pcn;
		fdc_result(f, 2, false);
		return;
	}
	f->s.result[0] = ST0_INVALID;
	fdc_result(f, 1, false);
}

void fdc_seek_to(struct fdc *f, unsigned n, int track)
{
	struct fdc_drive_state *d = &f->s.drive[n];

	if (track < 0)
		track = 0;
	if (track > (int)MAX_TRACK)
		track = MAX_TRACK;
	/* the first step pulse with a disk in tells the drive that somebody has noticed */
	if (track != d->track && fdc_medium(f, n))
		d->changed = 0;
	d->track = (uint8_t)track;
}

static void seek_over(struct fdc *f, unsigned n, uint8_t st0)
{
	struct fdc_drive_state *d = &f->s.drive[n & 1];

	d->seek_st0 = (uint8_t)(st0 | ST0_SEEK_END | n | (f->s.cmd[1] & 4));
	d->seek_done = 1;
	fdc_result(f, 0, true);
}

static void recalibrate(struct fdc *f)
{
	unsigned n = fdc_sel(f), track;

	/* no drive: its track 0 line never comes, after all the steps */
	if (n >= FDC_DRIVES || !f->blk[n]) {
		f->s.drive[n & 1].pcn = 0;
		seek_over(f, n, ST0_ABNORMAL | ST0_EQUIPMENT);
		return;
	}
	track = f->s.drive[n].track;
	fdc_seek_to(f, n, track > MAX_STEPS ? (int)(track - MAX_STEPS) : 0);
	f->s.drive[n].pcn = 0;
	seek_over(f, n, f->s.drive[n].track ? ST0_ABNORMAL | ST0_EQUIPMENT : 0);
}

/* 0Fh to a cylinder; CFh and 8Fh so many steps in and out, which leaves the controller's idea of the cylinder to wrap */
static void seek(struct fdc *f)
{
	unsigned n = fdc_sel(f);
	int by = f->s.cmd[2];

	if (n >= FDC_DRIVES || !f->blk[n]) {
		if (!(f->s.cmd[0] & 0x80))
			f->s.drive[n & 1].pcn = (uint8_t)by;
		seek_over(f, n, 0);
		return;
	}
	if (f->s.cmd[0] & 0x80) {
		by = f->s.cmd[0] & 0x40 ? by : -by;
		f->s.drive[n].pcn = (uint8_t)(f->s.drive[n].pcn + by);
	} else {
		/* steps are counted from where the controller believes the head to be */
		by -= f->s.drive[n].pcn;
		f->s.drive[n].pcn = f->s.cmd[2];
	}
	fdc_seek_to(f, n, f->s.drive[n].track + by);
	seek_over(f, n, 0);
}

static void drive_status(struct fdc *f)
{
	unsigned n = fdc_sel(f);
	struct blk *b = fdc_medium(f, n);

	f->s.result[0] = (uint8_t)(0x28 | (f->s.cmd[1] & 7)); /* ready and two sides: ones on this chip */
	if (b && b->readonly)
		f->s.result[0] |= 0x40;
	if (n < FDC_DRIVES && f->blk[n] && !f->s.drive[n].track)
		f->s.result[0] |= 0x10;
	fdc_result(f, 1, false);
}

static void dump_registers(struct fdc *f)
{
	f->s.result[0] = f->s.drive[0].pcn;
	f->s.result[1] = f->s.drive[1].pcn;
	f->s.result[2] = f->s.result[3] = 0;
	f->s.result[4] = f->s.specify[0];
	f->s.result[5] = f->s.specify[1];
	f->s.result[6] = f->s.cmd[6]; /* end of track of the last data command */
	f->s.result[7] = (uint8_t)(f->s.locked << 7 | f->s.perpendicular);
	f->s.result[8] = f->s.config[0];
	f->s.result[9] = f->s.config[1];
	fdc_result(f, 10, false);
}

static void one_byte(struct fdc *f, uint8_t v)
{
	f->s.result[0] = v;
	fdc_result(f, 1, false);
}

void fdc_execute(struct fdc *f)
{
	const uint8_t *c = f->s.cmd;

	if (!valid(c[0])) {
		GUEST_ERR(f->dev.log, "fdc: command %02x does not exist\n", c[0]);
		one_byte(f, ST0_INVALID);
		return;
	}
	switch (c[0] & 0x1F) {
	case 0x03: /* SPECIFY */
		f->s.specify[0] = c[1];
		f->s.specify[1] = c[2];
		fdc_result(f, 0, false);
		break;
	case 0x04:
		drive_status(f);
		break;
	case 0x07:
		recalibrate(f);
		break;
	case 0x08:
		sense_interrupt(f);
		break;
	case 0x0E:
		dump_registers(f);
		break;
	case 0x0F:
		seek(f);
		break;
	case 0x10: /* VERSION: an enhanced controller */
		one_byte(f, 0x90);
		break;
	case 0x12: /* PERPENDICULAR MODE; the drives' bits only with OW */
		f->s.perpendicular = (uint8_t)(c[1] & 0x80 ? c[1] & 0x3F : (f->s.perpendicular & 0x3C) | (c[1] & 3));
		fdc_result(f, 0, false);
		break;
	case 0x13: /* CONFIGURE */
		f->s.config[0] = c[2] & 0x7F;
		f->s.config[1] = c[3];
		fdc_result(f, 0, false);
		break;
	case 0x14: /* LOCK */
		f->s.locked = c[0] >> 7;
		one_byte(f, (uint8_t)(f->s.locked << 4));
		break;
	default:
		fdc_data_start(f);
	}
}
