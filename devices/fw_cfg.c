/*
 * fw_cfg.c - see fw_cfg.h. Items are read-only to the guest; reads past an item's end give zeros.
 */
#include "devices/fw_cfg.h"
#include <stdlib.h>
#include <string.h>

#define KEY_INVALID 0xFFFF
#define KEY_WRITE 0x4000 /* ignored: nothing is writable */
#define DMA_ERROR 0x01
#define DMA_READ 0x02
#define DMA_SKIP 0x04
#define DMA_SELECT 0x08
#define DMA_WRITE 0x10

static struct fw_cfg_item *item_of(struct fw_cfg *f, uint16_t key)
{
	unsigned n = key & ~(FW_CFG_ARCH | KEY_WRITE);

	if (key == KEY_INVALID || n >= FW_CFG_MAX)
		return NULL;
	return &f->item[!!(key & FW_CFG_ARCH)][n];
}

static void put_be(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> ((n - 1 - i) * 8));
}

static uint64_t get_be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static void select_item(struct fw_cfg *f, uint16_t key)
{
	f->st.key = item_of(f, key) ? key : KEY_INVALID;
	f->st.off = 0;
	f->ahead_len = 0;
}

/* Bytes [@off, @off + @n) of @it, all inside it, into @buf. */
static void item_read(struct fw_cfg *f, const struct fw_cfg_item *it, uint32_t off, uint8_t *buf, uint32_t n)
{
	if (it->data) {
		memcpy(buf, it->data + off, n);
	} else if (!it->src.read || !it->src.read(it->src.opaque, off, buf, n)) {
		UNIMP(f->dev.log, "fw_cfg: the file behind an item has become shorter or cannot be read: zeros\n");
		memset(buf, 0, n);
	}
}

static uint8_t next_byte(struct fw_cfg *f)
{
	struct fw_cfg_item *it = item_of(f, f->st.key);

	if (!it || f->st.off >= it->len)
		return 0;
	if (it->data)
		return it->data[f->st.off++];
	if (f->st.off < f->ahead_off || f->st.off - f->ahead_off >= f->ahead_len) {
		f->ahead_off = f->st.off;
		f->ahead_len = it->len - f->st.off < sizeof(f->ahead) ? it->len - f->st.off : (uint32_t)sizeof(f->ahead);
		item_read(f, it, f->ahead_off, f->ahead, f->ahead_len);
	}
	return f->ahead[f->st.off++ - f->ahead_off];
}

static uint64_t port_read(void *opaque, uint64_t off, unsigned size)
{
	return next_byte(opaque);
}

static void port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	if (size == 2 && off == 0)
		select_item(opaque, (uint16_t)val);
}

static const struct io_ops port_ops = {
	.name = "fw_cfg", .read = port_read, .write = port_write, .min = 1, .max = 2
};

/* Copy up to @len bytes of the selected item to guest memory; zeros follow its end. */
static void dma_read(struct fw_cfg *f, uint64_t addr, uint32_t len)
{
	static const uint8_t zeros[4096];
	struct fw_cfg_item *it = item_of(f, f->st.key);
	uint8_t buf[4096];
	uint32_t n;

	for (; it && len && f->st.off < it->len; addr += n, len -= n, f->st.off += n) {
		n = it->len - f->st.off < len ? it->len - f->st.off : len;
		n = n < sizeof(buf) ? n : (uint32_t)sizeof(buf);
		item_read(f, it, f->st.off, buf, n);
		space_write_buf(f->mem, addr, buf, n);
	}
	for (; len; addr += n, len -= n) {
		n = len < sizeof(zeros) ? len : (uint32_t)sizeof(zeros);
		/* a length far beyond any item is a guest's mistake: stop where no RAM is */
		if (!space_host(f->mem, addr, n, NULL))
			break;
		space_write_buf(f->mem, addr, zeros, n);
	}
}

/* One descriptor: be32 control, be32 length, be64 address. */
static void dma_run(struct fw_cfg *f, uint64_t desc)
{
	uint8_t d[16], result[4] = { 0 };
	uint32_t control, len;
	struct fw_cfg_item *it;

	space_read_buf(f->mem, desc, d, sizeof(d));
	control = (uint32_t)get_be(d, 4);
	len = (uint32_t)get_be(d + 4, 4);
	if (control & DMA_SELECT)
		select_item(f, (uint16_t)(control >> 16));
	it = item_of(f, f->st.key);
	if (control & DMA_READ) {
		dma_read(f, get_be(d + 8, 8), len);
	} else if (control & DMA_WRITE) {
		GUEST_ERR(f->dev.log, "fw_cfg: write to read-only item %04x\n", f->st.key);
		result[3] = DMA_ERROR;
	} else if ((control & DMA_SKIP) && it) {
		f->st.off = len > it->len - f->st.off ? it->len : f->st.off + len;
	}
	space_write_buf(f->mem, desc, result, sizeof(result));
}

static uint64_t dma_port_read(void *opaque, uint64_t off, unsigned size)
{
	static const char sig[8] = { 'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G' };

	uint64_t v = 0;

	if (off + size <= 8)
		memcpy(&v, sig + off, size);
	return v;
}

static void dma_port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct fw_cfg *f = opaque;
	uint8_t b[8];
	uint64_t desc;

	put_be(b, f->st.dma, 8);
	if (off + size > 8)
		return;
	memcpy(b + off, &val, size);
	f->st.dma = get_be(b, 8);
	if (off + size < 8)
		return;
	/* the last byte rings the bell */
	desc = f->st.dma;
	f->st.dma = 0;
	dma_run(f, desc);
}

static const struct io_ops dma_port_ops = {
	.name = "fw_cfg-dma", .read = dma_port_read, .write = dma_port_write, .min = 1, .max = 4
};

static void reset(struct device *d)
{
	struct fw_cfg *f = container_of(d, struct fw_cfg, dev);

	f->st = (struct fw_cfg_state){ 0 };
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct fw_cfg *f = container_of(d, struct fw_cfg, dev);
	struct fw_cfg_item *it = item_of(f, f->st.key);

	if (!it)
		f->st.key = KEY_INVALID;
	if (it && f->st.off > it->len)
		f->st.off = it->len;
	f->ahead_len = 0;
	return VM_OK;
}

static void drop_item(struct fw_cfg_item *it)
{
	free(it->data);
	if (it->src.done)
		it->src.done(it->src.opaque);
	it->data = NULL;
	it->src = (struct fw_cfg_source){0};
}

static void fini(struct device *d)
{
	struct fw_cfg *f = container_of(d, struct fw_cfg, dev);

	for (unsigned i = 0; i < 2 * FW_CFG_MAX; i++)
		drop_item(&f->item[i / FW_CFG_MAX][i % FW_CFG_MAX]);
}

static const struct device_ops ops = {
	.name = "fw_cfg",
	.version = 1,
	.state_off = offsetof(struct fw_cfg, st),
	.state_size = sizeof(struct fw_cfg_state),
	.reset = reset,
	.fini = fini,
	.post_load = post_load,
};

struct fw_cfg *fw_cfg_create(struct log *log, struct space *mem, struct space *io)
{
	struct fw_cfg *f = device_new(sizeof(*f), &ops, log);

	f->mem = mem;
	fw_cfg_add_bytes(f, FW_CFG_SIGNATURE, "QEMU", 4);
	fw_cfg_add_u32(f, FW_CFG_ID, 3); /* selector/data and DMA interfaces */
	fw_cfg_add_bytes(f, FW_CFG_FILE_DIR, "\0\0\0\0", 4);
	space_add_io(io, &f->ports, "fw_cfg", 0x510, 2, &port_ops, f);
	space_add_io(io, &f->dma_ports, "fw_cfg-dma", 0x514, 8, &dma_port_ops, f);
	return f;
}

static void set_len(struct fw_cfg *f, struct fw_cfg_item *it, size_t len)
{
	it->len = (uint32_t)len;
	f->ahead_len = 0;
	if (item_of(f, f->st.key) == it && f->st.off > it->len)
		f->st.off = it->len;
}

bool fw_cfg_add_bytes(struct fw_cfg *f, uint16_t key, const void *data, size_t len)
{
	struct fw_cfg_item *it = item_of(f, key);
	uint8_t *copy;

	if (!it || len > UINT32_MAX)
		return false;
	copy = malloc(len ? len : 1);
	if (!copy)
		return false;
	memcpy(copy, data, len);
	drop_item(it);
	it->data = copy;
	set_len(f, it, len);
	return true;
}

bool fw_cfg_add_source(struct fw_cfg *f, uint16_t key, const struct fw_cfg_source *src, size_t len)
{
	struct fw_cfg_item *it = item_of(f, key);

	if (!it || len > UINT32_MAX)
		return false;
	drop_item(it);
	it->src = *src;
	set_len(f, it, len);
	return true;
}

static bool add_int(struct fw_cfg *f, uint16_t key, uint64_t v, unsigned n)
{
	uint8_t b[8];

	for (unsigned i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> (i * 8));
	return fw_cfg_add_bytes(f, key, b, n);
}

bool fw_cfg_add_u16(struct fw_cfg *f, uint16_t key, uint16_t v)
{
	return add_int(f, key, v, 2);
}

bool fw_cfg_add_u32(struct fw_cfg *f, uint16_t key, uint32_t v)
{
	return add_int(f, key, v, 4);
}

bool fw_cfg_add_u64(struct fw_cfg *f, uint16_t key, uint64_t v)
{
	return add_int(f, key, v, 8);
}

/* The directory: be32 count, then be32 size, be16 key, be16 0, name[56] each. */
static bool write_dir(struct fw_cfg *f)
{
	uint8_t dir[4 + FW_CFG_FILE_SLOTS * 64] = { 0 };

	put_be(dir, f->nfiles, 4);
	for (unsigned i = 0; i < f->nfiles; i++) {
		const struct fw_cfg_item *it = &f->item[0][FW_CFG_FILE_FIRST + i];
		uint8_t *e = dir + 4 + i * 64;

		put_be(e, it->len, 4);
		put_be(e + 4, FW_CFG_FILE_FIRST + i, 2);
		memcpy(e + 8, it->name, FW_CFG_NAME_MAX);
	}
	return fw_cfg_add_bytes(f, FW_CFG_FILE_DIR, dir, 4 + f->nfiles * 64);
}

bool fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, size_t len)
{
	struct fw_cfg_item *it;
	unsigned i;

	if (strlen(name) >= FW_CFG_NAME_MAX)
		return false;
	for (i = 0; i < f->nfiles; i++)
		if (!strcmp(f->item[0][FW_CFG_FILE_FIRST + i].name, name))
			break;
	if (i == FW_CFG_FILE_SLOTS)
		return false;
	if (!fw_cfg_add_bytes(f, (uint16_t)(FW_CFG_FILE_FIRST + i), data, len))
		return false;
	it = &f->item[0][FW_CFG_FILE_FIRST + i];
	if (i == f->nfiles)
		f->nfiles++;
	memset(it->name, 0, sizeof(it->name));
	memcpy(it->name, name, strlen(name));
	return write_dir(f);
}

static void put_e820(uint8_t *p, uint64_t addr, uint64_t len, uint32_t type)
{
	memcpy(p, &addr, 8); /* little endian, as every host we run on */
	memcpy(p + 8, &len, 8);
	memcpy(p + 16, &type, 4);
}

bool fw_cfg_standard(struct fw_cfg *f, const struct fw_cfg_board *b)
{
	static const uint8_t states[6] = { 128, 0, 0, 129, 128, 128 }; /* S0, S3, S4, S5 exist */
	uint8_t map[40];
	bool ok = true;

	put_e820(map, 0, b->ram_below_4g, 1);
	put_e820(map + 20, 1ull << 32, b->ram_above_4g, 1);
	ok &= fw_cfg_add_u64(f, FW_CFG_RAM_SIZE, b->ram_below_4g + b->ram_above_4g);
	ok &= fw_cfg_add_u16(f, FW_CFG_NB_CPUS, (uint16_t)b->ncpus);
	ok &= fw_cfg_add_u16(f, FW_CFG_MAX_CPUS, (uint16_t)b->max_cpus);
	ok &= fw_cfg_add_u16(f, FW_CFG_NOGRAPHIC, b->nographic);
	ok &= fw_cfg_add_u16(f, FW_CFG_BOOT_MENU, b->boot_menu);
	ok &= fw_cfg_add_u32(f, FW_CFG_IRQ0_OVERRIDE, 1);
	if (b->uuid)
		ok &= fw_cfg_add_bytes(f, FW_CFG_UUID, b->uuid, 16);
	ok &= fw_cfg_add_file(f, "etc/e820", map, b->ram_above_4g ? 40 : 20);
	ok &= fw_cfg_add_file(f, "etc/system-states", states, sizeof(states));
	if (b->boot_fail_ms)
		ok &= fw_cfg_add_file(f, "etc/boot-fail-wait", &b->boot_fail_ms, 4);
	if (b->boot_menu_ms)
		ok &= fw_cfg_add_file(f, "etc/boot-menu-wait", &b->boot_menu_ms, 2);
	if (b->bootorder && *b->bootorder)
		ok &= fw_cfg_add_file(f, "bootorder", b->bootorder, strlen(b->bootorder) + 1);
	return ok;
}
