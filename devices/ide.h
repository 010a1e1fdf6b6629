/*
 * ide.h - the PIIX3 IDE function: two channels of two drives, PIO and bus-master DMA, ATA and ATAPI.
 *
 * One command is in progress per channel, as on the cable. Media I/O is asynchronous: a request carries its own
 * buffer and the channel's generation, so a reset simply disowns what is in flight. What a
 * snapshot finds in flight is submitted again from the saved request after loading.
 *
 *	ide.c        task file registers, resets, interrupts, PCI function, media requests
 *	ide_ata.c    disk commands
 *	ide_atapi.c  packet commands
 *	ide_bmdma.c  bus-master registers and PRD walking
 *
 * Sources: ATA/ATAPI-6 (T13 1410D r3b) chapters 6-9; SFF-8020i and MMC-3 for packet commands; Intel
 * "Programming Interface for Bus Master IDE Controller" rev 1.0; 82371SB data sheet §2.4.
 */
#ifndef DEVICES_IDE_H
#define DEVICES_IDE_H

#include "devices/pci.h"
#include "devices/host/block.h"

/* status register */
#define IDE_ERR 0x01
#define IDE_DRQ 0x08
#define IDE_DSC 0x10
#define IDE_DF 0x20
#define IDE_DRDY 0x40
#define IDE_BSY 0x80
/* error register */
#define IDE_ABRT 0x04
#define IDE_IDNF 0x10
#define IDE_UNC 0x40

#define IDE_BUF 65536u /* bytes of one media request, at most */

enum ide_phase {
	IDE_IDLE,
	IDE_PIO_IN,  /* guest reads buf[pos, end) */
	IDE_PIO_OUT, /* guest writes buf[pos, end) */
	IDE_PACKET,  /* guest writes the 12 command bytes */
	IDE_IO,	     /* a media request is in flight */
	IDE_DMA,     /* waits for the bus master to run */
};

/* What to do when the media request in flight completes. */
enum ide_next { IDE_NX_ATA_IN, IDE_NX_ATA_OUT, IDE_NX_FLUSH, IDE_NX_CD };

struct ide_drive_state {
	uint8_t feature, nsector, sector, lcyl, hcyl, select, status, error;
	uint8_t hob_feature, hob_nsector, hob_sector, hob_lcyl, hob_hcyl;
	uint8_t mult;	    /* sectors per PIO block of READ/WRITE MULTIPLE; 0: off */
	uint8_t write_cache, smart, sleeping;
	uint8_t xfer_mode;  /* as SET FEATURES 03h wrote it */
	uint8_t heads, sectors; /* current CHS translation */
	uint8_t irq;	    /* INTRQ pending */
	uint8_t sense_key, asc, ascq;
	uint8_t locked;	    /* PREVENT MEDIUM REMOVAL */
	uint8_t event;	    /* media event for GET EVENT STATUS: 0 none, 2 new, 3 removed */
	uint8_t ua;	    /* unit attention pending */
	uint8_t pad[6];
};

struct ide_chan_state {
	struct ide_drive_state drive[2];
	uint8_t selected, active; /* selected by the guest; the one that executes */
	uint8_t control;	  /* 3F6h: bit 1 nIEN, bit 2 SRST, bit 7 HOB */
	uint8_t phase, next, io_op;
	uint8_t is_dma, is_write, is_atapi, is_ext, cd_raw, pad0;
	uint32_t block;	    /* sectors per PIO block */
	uint32_t left;	    /* sectors (or CD blocks) still to be fetched or stored */
	uint64_t lba;
	uint64_t io_off;
	uint32_t io_len;
	uint32_t pos, end;  /* PIO window in buf */
	uint32_t total;	    /* ATAPI: valid bytes in buf */
	uint32_t limit;	    /* ATAPI: byte count limit */
	/* bus master */
	uint8_t bm_cmd, bm_status, bm_eot, pad1;
	uint32_t prd_table, prd_cur, prd_addr, prd_len, prd_count, pad2;
	uint8_t buf[IDE_BUF];
};

struct ide;

struct ide_chan {
	struct ide *ide;
	unsigned n;
	struct blk *blk[2]; /* NULL: no drive */
	struct irq irq;	    /* IRQ14, IRQ15 */
	struct region cmd_ports, ctl_port;
	uint32_t gen;	    /* of media requests */
	unsigned in_flight;
	struct ide_chan_state *st;
};

struct ide {
	struct device dev;
	struct pci_dev pci;
	struct ide_chan ch[2];
	struct region bm; /* BAR 4 */
	struct ide_chan_state st[2];
};

/**
 * ide_create() - IDE function at 00:01.1, ports 1F0h/3F6h and 170h/376h
 * @blk: drives in the order primary master, primary slave, secondary master, secondary slave;
 *       NULL where there is none; blk->is_cdrom makes it an ATAPI drive. Borrowed; must outlive the device.
 * @irq: the two channels' lines (ISA 14 and 15)
 */
struct ide *ide_create(struct log *log, struct pci_bus *bus, struct blk *const blk[4],
	const struct irq irq[2]);

/* ide_busy() - media requests are in flight (a snapshot is taken only when nothing is). */
bool ide_busy(const struct ide *ide);

/* Between the files of this device. */
static inline struct ide_drive_state *ide_drv(struct ide_chan *c)
{
	return &c->st->drive[c->st->active];
}
static inline struct blk *ide_blk(struct ide_chan *c)
{
	return c->blk[c->st->active];
}
void ide_irq_raise(struct ide_chan *c);
void ide_done(struct ide_chan *c);		    /* command ended well: DRDY, interrupt */
void ide_fail(struct ide_chan *c, uint8_t error);   /* command ended badly */
void ide_submit(struct ide_chan *c, enum blk_op op, uint64_t off, uint32_t len, enum ide_next next);
void ide_pio(struct ide_chan *c, enum ide_phase phase, uint32_t pos, uint32_t end);
void ide_signature(struct ide_chan *c, unsigned n);

void ata_command(struct ide_chan *c, uint8_t cmd);
void ata_io_done(struct ide_chan *c, int error);    /* NX_ATA_IN, NX_ATA_OUT, NX_FLUSH */
void ata_pio_end(struct ide_chan *c);		    /* the guest has moved the whole window */
void ata_dma_run(struct ide_chan *c);
void ata_set_lba(struct ide_chan *c);		    /* lba into the task file */

void atapi_packet(struct ide_chan *c);		    /* 12 bytes are in buf */
void atapi_identify(struct ide_chan *c);
void atapi_start(struct ide_chan *c);		    /* PACKET command */
void atapi_io_done(struct ide_chan *c, int error);
void atapi_pio_end(struct ide_chan *c);
void atapi_dma_run(struct ide_chan *c);
void ide_put_string(uint8_t *p, const char *s, unsigned len);

extern const struct io_ops ide_bm_ops;
void bm_reset(struct ide_chan *c);
bool bm_running(const struct ide_chan *c);
/*
 * bm_copy() - move @len bytes between buf and the PRD-described memory. Return: bytes moved; fewer when the
 * table ends early or bus mastering is off.
 */
uint32_t bm_copy(struct ide_chan *c, uint8_t *buf, uint32_t len, bool to_memory);
void bm_stop(struct ide_chan *c);		    /* transfer over: Active drops unless more PRDs wait */

#endif
