/*
 * ide_bmdma.c - bus-master registers (BAR 4, 8 ports a channel) and the walk along the PRD table.
 *
 * Source: Intel "Programming Interface for Bus Master IDE Controller" rev 1.0, sections 2 and 3.
 */
#include "devices/ide.h"
#include <string.h>

#define CMD_START 0x01
#define CMD_TO_MEMORY 0x08
#define STS_ACTIVE 0x01
#define STS_ERROR 0x02
#define STS_IRQ 0x04
#define STS_CAPABLE 0x60
#define PRD_EOT 0x80000000u
#define PRD_MAX 8192 /* a table does not cross 64 KiB: this many entries at most */

void bm_reset(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;

	s->bm_cmd = s->bm_status = s->bm_eot = 0;
	s->prd_table = s->prd_cur = s->prd_addr = s->prd_len = s->prd_count = 0;
}

bool bm_running(const struct ide_chan *c)
{
	return (c->st->bm_cmd & CMD_START) && (c->st->bm_status & STS_ACTIVE);
}

void bm_stop(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;

	/* PRDs that describe more than the drive moved leave Active set (spec table in section 3.1) */
	if (s->bm_eot && !s->prd_len)
		s->bm_status &= (uint8_t)~STS_ACTIVE;
}

/* Fetch the next descriptor. False at the table's end. */
static bool next_prd(struct ide_chan *c)
{
	struct ide_chan_state *s = c->st;
	uint8_t e[8];
	uint32_t count;

	if (s->bm_eot || s->prd_count >= PRD_MAX)
		return false;
	if (!pci_dma_read(&c->ide->pci, s->prd_cur, e, sizeof(e))) {
		s->bm_status |= STS_ERROR;
		return false;
	}
	s->prd_cur += 8;
	s->prd_count++;
	s->prd_addr = pci_get32(e) & ~1u;
	count = pci_get32(e + 4);
	s->bm_eot = !!(count & PRD_EOT);
	s->prd_len = count & 0xFFFE;
	if (!s->prd_len)
		s->prd_len = 0x10000;
	return true;
}

uint32_t bm_copy(struct ide_chan *c, uint8_t *buf, uint32_t len, bool to_memory)
{
	struct ide_chan_state *s = c->st;
	uint32_t moved = 0;

	/* the guest set up the other direction: nothing moves */
	if (to_memory != !!(s->bm_cmd & CMD_TO_MEMORY)) {
		GUEST_ERR(c->ide->dev.log, "ide: bus master direction contradicts the command\n");
		s->bm_status |= STS_ERROR;
		return 0;
	}
	while (moved < len) {
		uint32_t n;
		bool ok;

		if (!s->prd_len && !next_prd(c))
			break;
		n = len - moved < s->prd_len ? len - moved : s->prd_len;
		ok = to_memory ? pci_dma_write(&c->ide->pci, s->prd_addr, buf + moved, n)
			       : pci_dma_read(&c->ide->pci, s->prd_addr, buf + moved, n);
		if (!ok) {
			s->bm_status |= STS_ERROR;
			break;
		}
		s->prd_addr += n;
		s->prd_len -= n;
		moved += n;
	}
	return moved;
}

static void write_cmd(struct ide_chan *c, uint8_t val)
{
	struct ide_chan_state *s = c->st;
	bool was = s->bm_cmd & CMD_START;

	if (!(val & CMD_START)) {
		s->bm_cmd = val & CMD_TO_MEMORY;
		s->bm_status &= (uint8_t)~STS_ACTIVE;
		return;
	}
	if (was)
		return; /* the direction cannot change while it runs */
	s->bm_cmd = val & (CMD_START | CMD_TO_MEMORY);
	s->bm_status |= STS_ACTIVE;
	s->prd_cur = s->prd_table;
	s->prd_len = s->prd_count = 0;
	s->bm_eot = 0;
	if (s->phase == IDE_DMA) {
		if (s->is_atapi)
			atapi_dma_run(c);
		else
			ata_dma_run(c);
	}
}

static uint64_t bm_read(void *opaque, uint64_t off, unsigned size)
{
	struct ide *ide = opaque;
	struct ide_chan_state *s = &ide->st[off >> 3 & 1];

	switch (off & 7) {
	case 0:
		return s->bm_cmd;
	case 2:
		return s->bm_status;
	case 4:
	case 5:
	case 6:
	case 7:
		return s->prd_table >> ((off & 3) * 8) & 0xFF;
	}
	return 0;
}

static void bm_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ide *ide = opaque;
	struct ide_chan *c = &ide->ch[off >> 3 & 1];
	struct ide_chan_state *s = c->st;
	unsigned sh = (off & 3) * 8;

	switch (off & 7) {
	case 0:
		write_cmd(c, (uint8_t)val);
		break;
	case 2: /* Error and Interrupt clear on 1, the drive-capable bits are plain */
		s->bm_status = (uint8_t)((val & STS_CAPABLE) | (s->bm_status & STS_ACTIVE) |
			(s->bm_status & ~val & (STS_ERROR | STS_IRQ)));
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		s->prd_table = (s->prd_table & ~(0xFFu << sh)) | (uint32_t)(val & 0xFF) << sh;
		s->prd_table &= ~3u;
		break;
	}
}

const struct io_ops ide_bm_ops = {
	.name = "piix3-ide-bmdma", .read = bm_read, .write = bm_write, .min = 1, .max = 1
};
