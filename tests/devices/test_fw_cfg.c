/* test_fw_cfg.c - items and files of the firmware's parts list, through ports and DMA; random accesses. */
#include "tests/devices/chip_fixture.h"
#include "devices/fw_cfg.h"
#include "mmu/ram.h"

#define RAM_SIZE 0x10000u

struct rig {
	struct board b;
	struct ram ram;
	struct region mem;
	struct fw_cfg *f;
};

static void open_rig(struct rig *r)
{
	board_init(&r->b);
	ck_assert_int_eq(ram_init(&r->ram, 16 << 20, NULL), VM_OK);
	space_fini(&r->b.mem);
	space_init(&r->b.mem, "mem", BIT(52) - 1, &r->ram, &r->b.log);
	r->mem = (struct region){.name = "ram", .kind = REGION_RAM, .len = RAM_SIZE,
		.ra = ram_alloc(&r->ram, RAM_SIZE)};
	space_add(&r->b.mem, &r->mem, 0);
	r->f = fw_cfg_create(&r->b.log, &r->b.mem, &r->b.io);
}

static void close_rig(struct rig *r)
{
	drop(&r->f->dev);
	board_fini(&r->b);
	ram_fini(&r->ram);
}

static void get(struct rig *r, uint16_t key, uint8_t *p, unsigned n)
{
	space_write(&r->b.io, 0x510, key, 2);
	for (unsigned i = 0; i < n; i++)
		p[i] = in(&r->b, 0x511);
}

START_TEST(signature_and_end)
{
	struct rig r;
	uint8_t b[8];

	open_rig(&r);
	get(&r, FW_CFG_SIGNATURE, b, 6);
	ck_assert_mem_eq(b, "QEMU\0\0", 6); /* past the end: zeros */
	ck_assert(fw_cfg_add_u32(r.f, FW_CFG_KERNEL_SIZE, 0x12345678));
	get(&r, FW_CFG_KERNEL_SIZE, b, 4);
	ck_assert_mem_eq(b, "\x78\x56\x34\x12", 4);
	get(&r, 0x7FFF, b, 4); /* no such item */
	ck_assert_mem_eq(b, "\0\0\0\0", 4);
	close_rig(&r);
}
END_TEST

START_TEST(directory)
{
	struct rig r;
	uint8_t d[4 + 64], b[5];
	uint16_t key;

	open_rig(&r);
	ck_assert(fw_cfg_add_file(r.f, "etc/some/file", "hello", 5));
	get(&r, FW_CFG_FILE_DIR, d, sizeof(d));
	ck_assert_mem_eq(d, "\0\0\0\x01\0\0\0\x05", 8);
	ck_assert_str_eq((char *)d + 12, "etc/some/file");
	key = (uint16_t)(d[8] << 8 | d[9]);
	get(&r, key, b, 5);
	ck_assert_mem_eq(b, "hello", 5);
	for (unsigned i = 0; i < FW_CFG_FILE_SLOTS + 8; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%u", i);
		ck_assert_int_eq(fw_cfg_add_file(r.f, name, "x", 1), i + 1 < FW_CFG_FILE_SLOTS);
	}
	close_rig(&r);
}
END_TEST

/* Control block at 100h: be32 control, be32 length, be64 address; the doorbell takes its address big endian. */
static uint32_t dma(struct rig *r, uint32_t control, uint32_t len, uint32_t addr)
{
	uint32_t w[4] = {__builtin_bswap32(control), __builtin_bswap32(len), 0, __builtin_bswap32(addr)};

	for (unsigned i = 0; i < 4; i++)
		space_write(&r->b.mem, 0x100 + i * 4, w[i], 4);
	space_write(&r->b.io, 0x514, 0, 4);
	space_write(&r->b.io, 0x518, __builtin_bswap32(0x100), 4);
	return __builtin_bswap32((uint32_t)space_read(&r->b.mem, 0x100, 4));
}

START_TEST(dma_reads)
{
	struct rig r;

	open_rig(&r);
	ck_assert(fw_cfg_add_bytes(r.f, FW_CFG_KERNEL_DATA, "0123456789", 10));
	space_write(&r.b.mem, 0x2004, 0x5555, 2);
	ck_assert_uint_eq(dma(&r, FW_CFG_KERNEL_DATA << 16 | 8 | 2, 4, 0x2000), 0); /* select, read */
	ck_assert_uint_eq(space_read(&r.b.mem, 0x2000, 4), 0x33323130);
	ck_assert_uint_eq(space_read(&r.b.mem, 0x2004, 2), 0x5555);
	ck_assert_uint_eq(dma(&r, 4, 2, 0), 0); /* skip */
	ck_assert_uint_eq(dma(&r, 2, 8, 0x2000), 0); /* read past the end: zeros */
	ck_assert_uint_eq(space_read(&r.b.mem, 0x2000, 4), 0x39383736);
	ck_assert_uint_eq(space_read(&r.b.mem, 0x2004, 4), 0);
	close_rig(&r);
}
END_TEST

struct numbers {
	unsigned reads, closed;
	uint64_t end; /* of what can be had */
};

static bool read_numbers(void *opaque, uint64_t off, void *buf, size_t n)
{
	struct numbers *s = opaque;

	s->reads++;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)((off + i) * 7 >> 3);
	return off + n <= s->end;
}

static void close_numbers(void *opaque)
{
	((struct numbers *)opaque)->closed++;
}

/* An item whose bytes are somewhere else: by DMA and by the port, across pieces; zeros where they cannot be had any more. */
START_TEST(from_a_source)
{
	struct numbers s = {.end = UINT64_MAX};
	struct fw_cfg_source src = {.read = read_numbers, .done = close_numbers, .opaque = &s};
	uint8_t want[9000], got[9000];
	struct rig r;

	open_rig(&r);
	read_numbers(&s, 0, want, sizeof(want));
	ck_assert(fw_cfg_add_source(r.f, FW_CFG_KERNEL_DATA, &src, sizeof(want)));
	ck_assert_uint_eq(dma(&r, FW_CFG_KERNEL_DATA << 16 | 8 | 2, sizeof(want), 0x2003), 0);
	space_read_buf(&r.b.mem, 0x2003, got, sizeof(got));
	ck_assert_mem_eq(got, want, sizeof(want));
	s.reads = 0;
	get(&r, FW_CFG_KERNEL_DATA, got, sizeof(got));
	ck_assert_mem_eq(got, want, sizeof(want));
	ck_assert_uint_le(s.reads, 3); /* not one a byte */
	ck_assert_uint_eq(in(&r.b, 0x511), 0);
	get(&r, FW_CFG_KERNEL_DATA, got, 10);
	ck_assert_uint_eq(dma(&r, 2, 4, 0x2000), 0); /* goes on behind what the port has read */
	space_read_buf(&r.b.mem, 0x2000, got, 4);
	ck_assert_mem_eq(got, want + 10, 4);
	s.end = 0;
	get(&r, FW_CFG_KERNEL_DATA, got, 16);
	ck_assert_mem_eq(got, (uint8_t[16]){0}, 16);
	ck_assert(fw_cfg_add_bytes(r.f, FW_CFG_KERNEL_DATA, "abc", 3));
	ck_assert_uint_eq(s.closed, 1);
	get(&r, FW_CFG_KERNEL_DATA, got, 3);
	ck_assert_mem_eq(got, "abc", 3);
	ck_assert(fw_cfg_add_source(r.f, FW_CFG_INITRD_DATA, &src, 4));
	close_rig(&r);
	ck_assert_uint_eq(s.closed, 2);
}
END_TEST

START_TEST(random_accesses)
{
	struct rig r;

	open_rig(&r);
	ck_assert(fw_cfg_add_file(r.f, "etc/some/file", "hello", 5));
	fuzz(&r.b, &r.b.io, 0x510, 12, &r.f->dev);
	close_rig(&r);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {signature_and_end, directory, dma_reads, from_a_source, random_accesses};

	return run_cases("fw_cfg", t, ARRAY_SIZE(t));
}
