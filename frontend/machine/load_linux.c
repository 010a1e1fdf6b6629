/*
 * load_linux.c - a Linux bzImage with initrd and command line, by the kernel's own boot protocol.
 *
 * Memory: real-mode setup at 10000h, command line at 20000h, protected-mode kernel at 100000h (or its preferred
 * code32_start), initrd as high as the kernel and the firmware's tables allow.
 * Source: Linux Documentation/arch/x86/boot.rst, "The Linux/x86 Boot Protocol".
 */
#include "frontend/machine/bootrom.h"
#include <stdlib.h>
#include <string.h>

#define SETUP_ADDR 0x10000u
#define CMDLINE_ADDR 0x20000u
#define FIRMWARE_TOP (1u << 20) /* the firmware's tables at the top of low memory */

static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

bool is_linux(const uint8_t *img, size_t len)
{
	return len > 0x1000 && get32(img + 0x202) == 0x53726448 && img[0x1FE] == 0x55 && img[0x1FF] == 0xAA;
}

struct linux_image {
	unsigned version;
	uint32_t setup_len, cmdline_max, initrd_max, initrd_addr, initrd_len, cmdline_len;
	const char *cmdline;
};

static enum vm_err read_header(struct machine *m, const uint8_t *img, size_t len, struct linux_image *k,
	struct err *e)
{
	unsigned sects = img[0x1F1] ? img[0x1F1] : 4;

	k->version = img[0x206] | img[0x207] << 8;
	k->setup_len = (sects + 1) * 512;
	/* 2.02 brought the command-line pointer; bit 0 of loadflags: loaded high */
	if (k->version < 0x202 || !(img[0x211] & 1))
		return err_set(e, VM_ERR_FORMAT, "kernel '%s' uses boot protocol %u.%02u, too old to load",
			m->cfg.kernel, k->version >> 8, k->version & 0xFF);
	if (k->setup_len >= len || k->setup_len > CMDLINE_ADDR - SETUP_ADDR)
		return err_set(e, VM_ERR_FORMAT, "kernel '%s' is truncated", m->cfg.kernel);
	/* syssize (2.04+): the size of the protected-mode part in 16-byte paragraphs */
	if (k->version >= 0x204 && (uint64_t)get32(img + 0x1F4) * 16 > len - k->setup_len + 15)
		return err_set(e, VM_ERR_FORMAT, "kernel '%s' is truncated", m->cfg.kernel);
	k->cmdline_max = k->version >= 0x206 ? get32(img + 0x238) : 255;
	k->initrd_max = k->version >= 0x203 ? get32(img + 0x22C) : 0x37FFFFFF;
	return VM_OK;
}

static enum vm_err place_initrd(struct machine *m, const uint8_t *img, size_t len, struct linux_image *k,
	struct err *e)
{
	uint64_t top = i440fx_below_4g(m->cfg.ram_size), floor_ = 0x100000 + (len - k->setup_len);
	size_t n = 0;
	enum vm_err r;

	/* init_size (2.0A+): what the kernel needs to unpack itself, from its preferred address */
	if (k->version >= 0x20A)
		floor_ = get32(img + 0x258) + (uint64_t)get32(img + 0x260);
	if (!m->cfg.initrd)
		return VM_OK;
	r = file_size(m->cfg.initrd, "initrd", 1ull << 31, &n, e);
	if (r)
		return r;
	top = top > FIRMWARE_TOP ? top - FIRMWARE_TOP : 0;
	if (top > (uint64_t)k->initrd_max + 1)
		top = (uint64_t)k->initrd_max + 1;
	if (n > top || ((top - n) & PAGE_MASK) < floor_)
		return err_set(e, VM_ERR_USAGE, "initrd '%s' (%zu bytes) does not fit into %llu MiB of memory",
			m->cfg.initrd, n, (unsigned long long)(m->cfg.ram_size >> 20));
	k->initrd_len = (uint32_t)n;
	k->initrd_addr = (uint32_t)((top - n) & PAGE_MASK);
	return VM_OK;
}

/*
 * vga= on the command line is the boot loader's to obey ("Special command line options" in boot.rst): the setup code
 * takes the mode from vid_mode (offset 1FAh). Other values than a number and the three names leave the header's.
 */
static void set_video_mode(uint8_t *img, const char *cmdline)
{
	const char *p = cmdline;
	unsigned long mode;
	char *end;

	while ((p = strstr(p, "vga=")) && p != cmdline && p[-1] != ' ')
		p += 4;
	if (!p)
		return;
	p += 4;
	if (!strncmp(p, "normal", 6))
		mode = 0xFFFF;
	else if (!strncmp(p, "ext", 3))
		mode = 0xFFFE;
	else if (!strncmp(p, "ask", 3))
		mode = 0xFFFD;
	else if (mode = strtoul(p, &end, 0), end == p || mode > 0xFFFF)
		return;
	img[0x1FA] = (uint8_t)mode;
	img[0x1FB] = (uint8_t)(mode >> 8);
}

static void patch_header(uint8_t *img, const struct linux_image *k)
{
	img[0x210] = 0xFF; /* type_of_loader: unassigned */
	img[0x211] |= 0x80; /* CAN_USE_HEAP */
	put32(img + 0x218, k->initrd_addr);
	put32(img + 0x21C, k->initrd_len);
	img[0x224] = 0x00; /* heap_end_ptr: 9800h - 200h */
	img[0x225] = 0x96;
	put32(img + 0x228, CMDLINE_ADDR);
}

static bool give_items(struct machine *m, const uint8_t *img, size_t len, const struct linux_image *k)
{
	struct fw_cfg *f = m->fw;
	uint32_t klen = (uint32_t)(len - k->setup_len);
	struct bootrom b = {.seg = SETUP_ADDR >> 4, .cs = (SETUP_ADDR >> 4) + 0x20, .sp = 0x97F0};

	b.copy[b.ncopies++] = (struct bootrom_copy){FW_CFG_SETUP_DATA, k->setup_len, SETUP_ADDR};
	b.copy[b.ncopies++] = (struct bootrom_copy){FW_CFG_CMDLINE_DATA, k->cmdline_len, CMDLINE_ADDR};
	b.copy[b.ncopies++] = (struct bootrom_copy){FW_CFG_KERNEL_DATA, klen, 0x100000};
	if (k->initrd_len)
		b.copy[b.ncopies++] =
			(struct bootrom_copy){FW_CFG_INITRD_DATA, k->initrd_len, k->initrd_addr};
	return fw_cfg_add_u32(f, FW_CFG_SETUP_ADDR, SETUP_ADDR) &&
		fw_cfg_add_u32(f, FW_CFG_SETUP_SIZE, k->setup_len) &&
		fw_cfg_add_bytes(f, FW_CFG_SETUP_DATA, img, k->setup_len) &&
		fw_cfg_add_u32(f, FW_CFG_KERNEL_ADDR, 0x100000) &&
		fw_cfg_add_u32(f, FW_CFG_KERNEL_SIZE, klen) &&
		fw_cfg_add_u32(f, FW_CFG_CMDLINE_ADDR, CMDLINE_ADDR) &&
		fw_cfg_add_u32(f, FW_CFG_CMDLINE_SIZE, k->cmdline_len) &&
		fw_cfg_add_bytes(f, FW_CFG_CMDLINE_DATA, k->cmdline, k->cmdline_len) &&
		fw_cfg_add_u32(f, FW_CFG_INITRD_ADDR, k->initrd_addr) &&
		fw_cfg_add_u32(f, FW_CFG_INITRD_SIZE, k->initrd_len) &&
		bootrom_add(m, &b);
}

/* What is large is read when the firmware asks for it. */
static enum vm_err give_files(struct machine *m, size_t len, const struct linux_image *k, struct err *e)
{
	enum vm_err r = file_give(m->fw, FW_CFG_KERNEL_DATA, m->cfg.kernel, "kernel", k->setup_len, len - k->setup_len, e);

	if (!r && k->initrd_len)
		r = file_give(m->fw, FW_CFG_INITRD_DATA, m->cfg.initrd, "initrd", 0, k->initrd_len, e);
	return r;
}

enum vm_err load_linux(struct machine *m, uint8_t *img, size_t len, struct err *e)
{
	struct linux_image k = {.cmdline = m->cfg.append ? m->cfg.append : ""};
	enum vm_err r = read_header(m, img, len, &k, e);

	if (r)
		return r;
	k.cmdline_len = (uint32_t)strlen(k.cmdline) + 1;
	if (k.cmdline_len > k.cmdline_max + 1 || k.cmdline_len > 0x10000)
		return err_set(e, VM_ERR_USAGE, "-append is %u bytes long; this kernel takes at most %u",
			k.cmdline_len - 1, k.cmdline_max);
	/* the kernel must fit below the firmware's tables */
	if (0x100000 + (uint64_t)(len - k.setup_len) + FIRMWARE_TOP > i440fx_below_4g(m->cfg.ram_size))
		return err_set(e, VM_ERR_USAGE, "kernel '%s' does not fit into %llu MiB of memory",
			m->cfg.kernel, (unsigned long long)(m->cfg.ram_size >> 20));
	r = place_initrd(m, img, len, &k, e);
	if (!r) {
		patch_header(img, &k);
		set_video_mode(img, k.cmdline);
		if (!give_items(m, img, len, &k))
			r = err_set(e, VM_ERR_NOMEM, "no memory for the kernel");
		else
			r = give_files(m, len, &k, e);
	}
	return r;
}
