/*
 * fdc.h - the 82077AA floppy controller with two drives, in AT mode.
 *
 *	3F2h DOR  3F3h TDR  3F4h MSR/DSR  3F5h FIFO  3F7h DIR/CCR      IRQ 6, DMA channel 2
 *
 * A medium is an image of plain 512-byte sectors; its size says its format (fdc_geometry.c). A data command moves
 * sector by sector: seek and rotation are a timer, the image is asked asynchronously, DMA or the guest's FIFO accesses
 * carry the bytes.
 *
 *	fdc.c           registers, phases, interrupts, reset
 *	fdc_command.c   commands without data
 *	fdc_data.c      read, write, verify, scan, format, read ID
 *	fdc_geometry.c  formats
 *
 * Sources: Intel 82077AA data sheet (290166); Intel 82078 for DUMPREG details.
 */
#ifndef DEVICES_FDC_H
#define DEVICES_FDC_H

#include "devices/i8237.h"
#include "devices/host/block.h"

#define FDC_DRIVES 2
#define FDC_SECTOR 512u

/* formats by image size; rate: 0 500, 1 300, 2 250, 3 1000 kbit/s */
struct fdc_format {
	uint8_t tracks, heads, sectors, rate, drive; /* drive: type for CMOS byte 10h */
};
const struct fdc_format *fdc_format_of(uint64_t size); /* the smallest that holds @size; NULL: none does */
/* fdc_cmos_type() - what CMOS byte 10h says of a drive: by its medium, 1.44 MB if empty; 0: @b is NULL */
uint8_t fdc_cmos_type(const struct blk *b);

enum fdc_phase {
	FDC_COMMAND, /* takes command bytes */
	FDC_WAIT,    /* seek or rotation: the timer runs */
	FDC_IO,	     /* the image is asked */
	FDC_TO_HOST, FDC_FROM_HOST, /* bytes through the FIFO (non-DMA), or waiting for DMA */
	FDC_RESULT,
};

struct fdc_drive_state {
	uint8_t track;	 /* where the head is */
	uint8_t pcn;	 /* where the controller believes it is */
	uint8_t changed; /* the drive's disk change latch */
	uint8_t seek_st0, seek_done; /* SENSE INTERRUPT has something to say */
	uint8_t pad[3];
};

struct fdc_state {
	struct fdc_drive_state drive[FDC_DRIVES];
	uint8_t dor, tdr, dsr, ccr;
	uint8_t phase, irq, locked, perpendicular;
	uint8_t config[2]; /* CONFIGURE: EIS EFIFO POLL FIFOTHR; PRETRK */
	uint8_t specify[2];
	uint8_t reset_sense; /* drives whose reset status has still to be sensed: 4..0 */
	uint8_t cmd[16], ncmd, want;
	uint8_t result[16], nresult, at;
	/* the data command under way */
	uint8_t st1, st2;
	uint8_t c, h, r;     /* ID of the next sector */
	uint8_t tc;	     /* the transfer ends after this sector */
	uint8_t fmt_left;    /* FORMAT: sectors still to write */
	uint8_t scan_met;    /* SCAN: all sectors so far satisfied */
	uint8_t pad[3];
	uint32_t pos, end;   /* window of buf for the host */
	uint64_t timer_at;   /* ns; 0: not armed */
	uint8_t buf[FDC_SECTOR];
};

struct fdc {
	struct device dev;
	struct fdc_state s;
	struct clock *clock;
	struct timer timer;
	struct irq irq;
	struct i8237 *dma;
	struct blk *blk[FDC_DRIVES]; /* NULL: no drive */
	struct region io, dir;
	uint32_t gen;	    /* of image requests; a reset disowns them */
	unsigned in_flight;
};

/* fdc_create() - @blk: drives A: and B:, NULL where none; borrowed, must outlive the device */
struct fdc *fdc_create(struct log *log, struct clock *clock, struct space *io, struct i8237 *dma, struct irq irq6,
	struct blk *const blk[FDC_DRIVES]);

/* Between the files of this device. */
#define ST0_ABNORMAL 0x40
#define ST0_INVALID 0x80
#define ST0_SEEK_END 0x20
#define ST0_NOT_READY 0x08
#define ST0_EQUIPMENT 0x10
#define ST1_END 0x80
#define ST1_OVERRUN 0x10
#define ST1_NO_DATA 0x04
#define ST1_PROTECTED 0x02
#define ST1_NO_MARK 0x01
#define ST1_CRC 0x20
#define ST2_WRONG_C 0x10
#define ST2_SCAN_HIT 0x08
#define ST2_SCAN_MISS 0x04
#define ST2_CRC 0x20

static inline unsigned fdc_sel(const struct fdc *f)
{
	return f->s.cmd[1] & 3;
}
struct blk *fdc_medium(struct fdc *f, unsigned n); /* NULL: no drive, or nothing in it */
void fdc_irq(struct fdc *f);
void fdc_result(struct fdc *f, unsigned n, bool irq); /* result[0..n) to be read */
void fdc_wait(struct fdc *f, uint64_t ns);	      /* phase FDC_WAIT */
unsigned fdc_command_length(uint8_t cmd);	      /* bytes, with the first; 1 for an invalid one */
void fdc_execute(struct fdc *f);		      /* all command bytes are there */
void fdc_seek_to(struct fdc *f, unsigned n, int track); /* moves the head */
void fdc_data_start(struct fdc *f);
void fdc_data_timer(struct fdc *f);		      /* the sector is under the head */
void fdc_data_moved(struct fdc *f);		      /* the window is done, or TC */
void fdc_submit(struct fdc *f);			      /* phase FDC_IO: what the command wants of the current sector */
void fdc_data_io_done(struct fdc *f, int error);

#endif
