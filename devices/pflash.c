/*
 * pflash.c - see pflash.h.
 *
 * The array lies in a ROM region, so that the CPU reads and executes it like any memory, and its writes come here.
 * Only while reads must give something else is the region an I/O region.
 */
#include "devices/pflash.h"
#include <string.h>

#define SECTOR 512u

enum { CMD_ERASE = 0x20, CMD_PROGRAM = 0x40, CMD_PROGRAM_ALT = 0x10, CMD_CLEAR = 0x50, CMD_LOCK = 0x60, CMD_STATUS = 0x70, CMD_ID = 0x90,
	CMD_CFI = 0x98, CMD_CONFIRM = 0xD0, CMD_BUFFER = 0xE8, CMD_ARRAY = 0xFF };
enum { STATUS_READY = 0x80, STATUS_ERASE_ERROR = 0x20, STATUS_PROGRAM_ERROR = 0x10 };
/* Steps of s.step: a block address to confirm, a byte to program, a count, data, a confirmation */
enum { STEP_COMMAND, STEP_ERASE, STEP_BYTE, STEP_COUNT, STEP_DATA, STEP_CONFIRM, STEP_LOCK };

/* The answer to a CFI query at @off: AP-646, tables 1 to 5. One erase region, no voltages told. */
static uint8_t cfi(const struct pflash *p, uint64_t off)
{
	uint32_t blocks = (uint32_t)(p->reg.len / PFLASH_BLOCK) - 1;

	switch (off) {
	case 0x10 ... 0x12:
		return (uint8_t)"QRY"[off - 0x10];
	case 0x13: /* primary command set: Intel's extended */
		return 1;
	case 0x15: /* where its own table is */
		return 0x31;
	case 0x1B: /* 4.5 to 5.5 V, tenths */
		return 0x45;
	case 0x1C:
		return 0x55;
	case 0x1F ... 0x21: /* typical times, powers of two: 128 us, 128 us, 1 s */
		return off == 0x21 ? 10 : 7;
	case 0x23 ... 0x25: /* at most 16 times as long */
		return 4;
	case 0x27: /* size of the chip: a power of two */
		return (uint8_t)__builtin_ctzll(p->reg.len);
	case 0x2A:
		return (uint8_t)__builtin_ctz(PFLASH_BUFFER);
	case 0x2C: /* erase regions */
		return 1;
	case 0x2D:
		return (uint8_t)blocks;
	case 0x2E:
		return (uint8_t)(blocks >> 8);
	case 0x2F: /* block size in units of 256 bytes */
		return (uint8_t)(PFLASH_BLOCK >> 8);
	case 0x30:
		return (uint8_t)(PFLASH_BLOCK >> 16);
	case 0x31 ... 0x33:
		return (uint8_t)"PRI"[off - 0x31];
	case 0x34 ... 0x35: /* version 1.0 of that table */
		return off == 0x34 ? '1' : '0';
	default:
		return 0;
	}
}

static uint8_t identification(uint64_t off)
{
	switch (off & 0xFF) {
	case 0: /* Intel */
		return 0x89;
	case 1: /* 28F640J3A */
		return 0x17;
	default: /* the block is not locked */
		return 0;
	}
}

static uint8_t read_byte(const struct pflash *p, uint64_t off)
{
	switch (p->s.command) {
	case CMD_ID:
		return identification(off);
	case CMD_CFI:
		return cfi(p, off);
	default:
		return p->s.status;
	}
}

static uint64_t flash_read(void *opaque, uint64_t off, unsigned size)
{
	const struct pflash *p = opaque;
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)read_byte(p, off + i) << (8 * i);
	return v;
}

/* What reads give follows from the command: the array's memory, or flash_read(). */
static void set_command(struct pflash *p, uint8_t command)
{
	enum region_kind kind = command == CMD_ARRAY ? REGION_ROM : REGION_IO;

	p->s.command = command;
	if (p->reg.kind == kind)
		return;
	p->reg.kind = kind;
	/* off and on again: the space must notice that the same range changed its meaning */
	space_begin(p->mem);
	space_move(p->mem, &p->reg, p->reg.base, false);
	space_move(p->mem, &p->reg, p->reg.base, true);
	space_commit(p->mem);
}

static void changed(struct pflash *p, uint64_t off, uint64_t len)
{
	ram_written(p->mem->ram, p->reg.ra + off, len);
	if (off < p->changed_from)
		p->changed_from = off;
	if (off + len > p->changed_to)
		p->changed_to = off + len;
}

static void stored(void *opaque, int error)
{
	*(int *)opaque = error;
}

/* Write what has changed, and what lies between, to the image. Done before the guest goes on. */
static void store(struct pflash *p, uint8_t failure)
{
	uint64_t from = p->changed_from & ~(uint64_t)(SECTOR - 1), to = (p->changed_to + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);
	int error = 0;
	struct blk_req r = {.op = BLK_WRITE, .off = from, .buf = p->array + from, .len = (uint32_t)(to - from), .done = stored,
		.opaque = &error};

	p->changed_from = UINT64_MAX;
	p->changed_to = 0;
	if (from >= to)
		return;
	blk_submit(p->blk, &r);
	blk_drain(p->blk);
	if (error)
		p->s.status |= failure;
}

static void program(struct pflash *p, uint64_t off, uint8_t v)
{
	if (p->blk->readonly) {
		p->s.status |= STATUS_PROGRAM_ERROR;
		return;
	}
	p->array[off] = v;
	changed(p, off, 1);
}

static void erase(struct pflash *p, uint64_t off)
{
	off &= ~(uint64_t)(PFLASH_BLOCK - 1);
	if (p->blk->readonly) {
		p->s.status |= STATUS_ERASE_ERROR;
	} else {
		memset(p->array + off, 0xFF, PFLASH_BLOCK);
		changed(p, off, PFLASH_BLOCK);
		store(p, STATUS_ERASE_ERROR);
	}
	p->s.status |= STATUS_READY;
}

static void first_write(struct pflash *p, uint8_t v)
{
	static const struct { uint8_t command, step; } with_more[] = {{CMD_ERASE, STEP_ERASE}, {CMD_PROGRAM, STEP_BYTE},
		{CMD_PROGRAM_ALT, STEP_BYTE}, {CMD_BUFFER, STEP_COUNT}, {CMD_LOCK, STEP_LOCK}};

	for (unsigned i = 0; i < ARRAY_SIZE(with_more); i++) {
		if (with_more[i].command != v)
			continue;
		p->s.step = with_more[i].step;
		if (v == CMD_BUFFER) /* reads give the extended status: a buffer is free */
			p->s.status |= STATUS_READY;
		set_command(p, v);
		return;
	}
	switch (v) {
	case CMD_CLEAR: /* and the array is read again */
		p->s.status = 0;
		set_command(p, CMD_ARRAY);
		break;
	case CMD_STATUS:
	case CMD_ID:
	case CMD_CFI:
		set_command(p, v);
		break;
	default:
		if (v != CMD_ARRAY && v != 0 && v != 0xF0) /* the latter two are other makers' reset */
			GUEST_ERR(p->dev.log, "flash: unknown command %02x\n", v);
		set_command(p, CMD_ARRAY);
	}
}

static void write_byte(struct pflash *p, uint64_t off, uint8_t v)
{
	switch (p->s.step) {
	case STEP_COMMAND:
		first_write(p, v);
		return;
	case STEP_BYTE:
		program(p, off, v);
		store(p, STATUS_PROGRAM_ERROR);
		p->s.status |= STATUS_READY;
		break;
	case STEP_ERASE:
		if (v == CMD_CONFIRM)
			erase(p, off);
		else if (v == CMD_ARRAY)
			set_command(p, CMD_ARRAY);
		else /* a sequence error sets both bits */
			p->s.status |= STATUS_READY | STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR;
		break;
	case STEP_COUNT: /* one less than the bytes to come */
		p->s.left = v + 1u;
		p->s.step = STEP_DATA;
		return;
	case STEP_DATA:
		program(p, off, v);
		if (!--p->s.left)
			p->s.step = STEP_CONFIRM;
		return;
	case STEP_CONFIRM:
		store(p, STATUS_PROGRAM_ERROR);
		p->s.status |= STATUS_READY | (v == CMD_CONFIRM ? 0 : STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR);
		break;
	default: /* locking and unlocking: nothing is ever locked */
		p->s.status |= STATUS_READY;
	}
	p->s.step = STEP_COMMAND;
}

static void flash_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pflash *p = opaque;

	/* A wider write of data is that many bytes; a command is in the lowest byte of its word. */
	if (p->s.step != STEP_BYTE && p->s.step != STEP_DATA)
		size = 1;
	for (unsigned i = 0; i < size && off + i < p->reg.len; i++) {
		uint8_t step = p->s.step;

		write_byte(p, off + i, (uint8_t)(val >> (8 * i)));
		if (step == STEP_BYTE && i + 1 < size)
			p->s.step = STEP_BYTE;
		else if (step == STEP_DATA && p->s.step != STEP_DATA)
			break;
	}
}

static const struct io_ops flash_io = {"pflash", flash_read, flash_write, 1, 8};

static void reset(struct device *d)
{
	struct pflash *p = container_of(d, struct pflash, dev);

	p->s = (struct pflash_state){0};
	set_command(p, CMD_ARRAY);
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct pflash *p = container_of(d, struct pflash, dev);

	if (p->s.step > STEP_LOCK || p->s.left > 256 || (p->s.step == STEP_DATA && !p->s.left))
		return err_set(e, VM_ERR_FORMAT, "flash: no such state");
	set_command(p, p->s.command);
	return VM_OK;
}

static void dump(struct device *d, FILE *out)
{
	struct pflash *p = container_of(d, struct pflash, dev);

	fprintf(out, "pflash: %#llx..%#llx, %s, command %02x, status %02x\n", (unsigned long long)p->reg.base,
		(unsigned long long)(p->reg.base + p->reg.len - 1), p->blk->readonly ? "read-only" : p->blk->id, p->s.command,
		p->s.status);
}

static const struct device_ops ops = {
	.name = "cfi.pflash01",
	.version = 1,
	.state_off = offsetof(struct pflash, s),
	.state_size = sizeof(struct pflash_state),
	.reset = reset,
	.post_load = post_load,
	.dump = dump,
};

struct pflash *pflash_create(struct log *log, struct space *mem, uint64_t base, raddr_t ra, struct blk *blk)
{
	struct pflash *p = device_new(sizeof(*p), &ops, log);

	p->mem = mem;
	p->blk = blk;
	p->array = mem->ram->host + ra;
	p->changed_from = UINT64_MAX;
	p->s.command = CMD_ARRAY;
	p->reg = (struct region){.name = "pflash", .kind = REGION_ROM, .len = blk->size, .ra = ra, .ops = &flash_io, .opaque = p};
	space_add(mem, &p->reg, base);
	return p;
}
