/*
 * load_multiboot.c - a multiboot 1 kernel (ELF or a.out kludge) with its modules.
 *
 * -initrd "FILE ARGUMENTS,FILE ARGUMENTS,...": each is a module, at a page boundary behind the one before, and its string
 * is file name and arguments, as QEMU gives them. A doubled comma stands for one.
 *
 * Source: Multiboot Specification 0.6.96, section 3 "The Definition of Multiboot image format and boot
 * information format".
 */
#include "frontend/machine/bootrom.h"
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB_MAGIC 0x1BADB002u
#define MB_SEARCH 8192
#define MB_AOUT BIT(16)
#define INFO_SIZE 4096u  /* multiboot information, strings, memory map */
#define STACK_SIZE 4096u /* of the boot ROM, behind them: room to spare */
#define LOW_FIRST 0x1000u /* below are the firmware's vectors and data */
#define LOW_END 0x9E000u  /* above are the firmware's extended data */
#define APPEND_MAX 2048u /* with a name, the map, the modules and the rest it stays within INFO_SIZE */
#define MODULES_MAX 16u
#define MODULE_STRINGS 900u /* bytes of all modules' strings */
#define MODULE_ENTRY 16u    /* bytes of an entry of the list */

static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Offset of the header, or -1: 4-byte aligned within the first 8192 bytes, checksum zero. */
static long find_header(const uint8_t *img, size_t len)
{
	size_t end = len < MB_SEARCH ? len : MB_SEARCH;

	for (size_t i = 0; i + 12 <= end; i += 4)
		if (get32(img + i) == MB_MAGIC &&
			get32(img + i) + get32(img + i + 4) + get32(img + i + 8) == 0)
			return (long)i;
	return -1;
}

bool is_multiboot(const uint8_t *img, size_t len)
{
	return find_header(img, len) >= 0;
}

/* The kernel as one flat piece of memory [base, base + len). */
struct flat {
	uint32_t base, len, entry;
	uint8_t *mem;
};

/* Where the information lies, with the boot ROM's stack behind it: out of the way of a kernel below 1 MiB. */
static uint32_t info_place(const struct flat *k)
{
	uint32_t first = 0x9000, last = LOW_END - INFO_SIZE - STACK_SIZE;

	if (k->base >= first + INFO_SIZE + STACK_SIZE || k->base + k->len <= first)
		return first;
	return k->base + k->len <= last ? last : LOW_FIRST;
}

/* Modules lie behind the kernel, never below 1 MiB. */
static uint32_t modules_place(const struct flat *k)
{
	uint64_t behind = k->base < 0x100000 ? 0x100000 : k->base + (uint64_t)k->len;

	return (uint32_t)((behind + PAGE_SIZE - 1) & PAGE_MASK);
}

static bool flat_alloc(struct flat *k, uint64_t base, uint64_t end, const struct machine *m)
{
	bool low = base >= LOW_FIRST && end <= LOW_END;

	if ((base < 0x100000 && !low) || end <= base || end > i440fx_below_4g(m->cfg.ram_size))
		return false;
	k->base = (uint32_t)base;
	k->len = (uint32_t)(end - base);
	k->mem = calloc(1, k->len);
	return k->mem;
}

static bool load_aout(struct machine *m, const uint8_t *img, size_t len, size_t h, struct flat *k)
{
	uint32_t header, load, load_end, bss_end;
	uint64_t skip, size;

	if (h + 32 > len)
		return false;
	header = get32(img + h + 12);
	load = get32(img + h + 16);
	load_end = get32(img + h + 20);
	bss_end = get32(img + h + 24);
	k->entry = get32(img + h + 28);
	if (load > header || header - load > h)
		return false;
	skip = h - (header - load);
	size = load_end ? (uint64_t)load_end - load : len - skip;
	if (load_end && load_end < load)
		return false;
	if (size > len - skip)
		return false;
	if (bss_end < load + size)
		bss_end = (uint32_t)(load + size);
	if (!flat_alloc(k, load, bss_end, m))
		return false;
	memcpy(k->mem, img + skip, size);
	return true;
}

static bool elf_bounds(const Elf32_Ehdr *eh, const uint8_t *img, size_t len, uint64_t *lo, uint64_t *hi)
{
	*lo = UINT64_MAX;
	*hi = 0;
	if (eh->e_phentsize != sizeof(Elf32_Phdr) ||
		(uint64_t)eh->e_phoff + (uint64_t)eh->e_phnum * sizeof(Elf32_Phdr) > len)
		return false;
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		Elf32_Phdr ph;

		memcpy(&ph, img + eh->e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD || !ph.p_memsz)
			continue;
		if (ph.p_filesz > ph.p_memsz || (uint64_t)ph.p_offset + ph.p_filesz > len)
			return false;
		if (ph.p_paddr < *lo)
			*lo = ph.p_paddr;
		if ((uint64_t)ph.p_paddr + ph.p_memsz > *hi)
			*hi = (uint64_t)ph.p_paddr + ph.p_memsz;
	}
	return *hi != 0;
}

/* A virtual entry address within a segment means the same place of where the segment is loaded, as GRUB takes it. */
static uint32_t physical_entry(const Elf32_Ehdr *eh, const Elf32_Phdr *ph, uint32_t entry)
{
	bool inside = eh->e_entry >= ph->p_vaddr && eh->e_entry - ph->p_vaddr < ph->p_filesz;

	return inside && (ph->p_flags & PF_X) ? eh->e_entry - ph->p_vaddr + ph->p_paddr : entry;
}

static bool load_elf(struct machine *m, const uint8_t *img, size_t len, struct flat *k)
{
	Elf32_Ehdr eh;
	uint64_t lo, hi;

	if (len < sizeof(eh))
		return false;
	memcpy(&eh, img, sizeof(eh));
	k->entry = eh.e_entry;
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS32 ||
		eh.e_machine != EM_386)
		return false;
	if (!elf_bounds(&eh, img, len, &lo, &hi) || !flat_alloc(k, lo, hi, m))
		return false;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		Elf32_Phdr ph;

		memcpy(&ph, img + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD || !ph.p_memsz) /* as elf_bounds() does */
			continue;
		memcpy(k->mem + (ph.p_paddr - k->base), img + ph.p_offset, ph.p_filesz);
		k->entry = physical_entry(&eh, &ph, k->entry);
	}
	return true;
}

/* Modules, one behind the other as they will lie in memory from a page boundary on. */
struct modules {
	unsigned n;
	struct { uint32_t start, end; /* offsets in mem */ uint16_t string; } m[MODULES_MAX];
	char strings[MODULE_STRINGS];
	size_t used;   /* of strings */
	uint8_t *mem;
	size_t len;
};

static void modules_free(struct modules *l)
{
	free(l->mem);
}

/* One module; its file's name ends at the first blank of @s. */
static enum vm_err module_add(struct modules *l, const char *s, struct err *e)
{
	size_t len, at = (l->len + PAGE_SIZE - 1) & PAGE_MASK, n = strlen(s);
	char file[MODULE_STRINGS];
	uint8_t *data, *mem;
	enum vm_err r;

	if (l->n == MODULES_MAX || l->used + n + 1 > sizeof(l->strings))
		return err_set(e, VM_ERR_USAGE, "-initrd: more than %u modules, or their strings are too long", MODULES_MAX);
	snprintf(file, sizeof(file), "%.*s", (int)strcspn(s, " "), s);
	r = file_load(file, "initrd", 1ull << 31, &data, &len, e);
	if (r)
		return r;
	mem = at + len < 1ull << 32 ? realloc(l->mem, at + len + 1) : NULL;
	if (!mem) {
		free(data);
		return err_set(e, VM_ERR_NOMEM, "no memory for module '%s'", file);
	}
	memset(mem + l->len, 0, at - l->len);
	memcpy(mem + at, data, len);
	free(data);
	l->mem = mem;
	l->len = at + len;
	l->m[l->n].start = (uint32_t)at;
	l->m[l->n].end = (uint32_t)l->len;
	l->m[l->n++].string = (uint16_t)l->used;
	memcpy(l->strings + l->used, s, n + 1);
	l->used += n + 1;
	return VM_OK;
}

static enum vm_err modules_load(struct modules *l, const char *list, struct err *e)
{
	char one[MODULE_STRINGS];
	enum vm_err r = VM_OK;

	while (!r && list) {
		size_t n = 0;

		while (*list && (*list != ',' || list[1] == ',')) {
			if (n == sizeof(one) - 1)
				return err_set(e, VM_ERR_USAGE, "-initrd: a module's string is too long");
			list += *list == ',';
			one[n++] = *list++;
		}
		one[n] = 0;
		list = *list ? list + 1 : NULL;
		r = module_add(l, one, e);
	}
	return r;
}

/* Entries at @at of the information @p, which will lie at @info, strings from @n on. Return: behind them */
static unsigned put_modules(uint8_t *p, uint32_t info, unsigned at, unsigned n, uint32_t mod, const struct modules *l)
{
	for (unsigned i = 0; i < l->n; i++, at += MODULE_ENTRY) {
		put32(p + at, mod + l->m[i].start);
		put32(p + at + 4, mod + l->m[i].end);
		put32(p + at + 8, info + n + l->m[i].string);
	}
	memcpy(p + n, l->strings, l->used);
	return n + (unsigned)l->used;
}

/* Multiboot information for address @info: flags 0 memory, 2 command line, 3 modules, 6 memory map, 9 loader name. */
static unsigned build_info(struct machine *m, uint8_t *p, uint32_t info, uint32_t mod, const struct modules *l)
{
	uint64_t low = i440fx_below_4g(m->cfg.ram_size), high = m->cfg.ram_size - low;
	const char *cmd = m->cfg.append ? m->cfg.append : "", *name = strrchr(m->cfg.kernel, '/');
	unsigned n = 88 + MODULES_MAX * MODULE_ENTRY, map, clen;
	const struct { uint64_t at, len; uint32_t type; } e820[] = {{0, 0x9FC00, 1}, {0x9FC00, 0x400, 2},
		{0xF0000, 0x10000, 2}, {0x100000, low - 0x100000 - 0x20000, 1}, {low - 0x20000, 0x20000, 2},
		{0xFFFC0000, 0x40000, 2}, {1ull << 32, high, 1}};

	put32(p, BIT(0) | BIT(2) | BIT(6) | BIT(9) | (l->n ? BIT(3) : 0));
	put32(p + 4, 639);
	put32(p + 8, (uint32_t)((low - 0x20000 - 0x100000) >> 10)); /* up to the first hole */
	if (l->n) {
		put32(p + 20, l->n);
		put32(p + 24, info + 88);
		n = put_modules(p, info, 88, n, mod, l);
		n = (n + 3) & ~3u;
	}
	map = n;
	for (unsigned i = 0; i < ARRAY_SIZE(e820) - (high ? 0 : 1); i++, n += 24) {
		put32(p + n, 20);
		put32(p + n + 4, (uint32_t)e820[i].at);
		put32(p + n + 8, (uint32_t)(e820[i].at >> 32));
		put32(p + n + 12, (uint32_t)e820[i].len);
		put32(p + n + 16, (uint32_t)(e820[i].len >> 32));
		put32(p + n + 20, e820[i].type);
	}
	put32(p + 44, n - map);
	put32(p + 48, info + map);
	put32(p + 64, info + n);
	memcpy(p + n, "dragoman", 9);
	n += 9;
	/* Boot loaders put the kernel's name first, and kernels skip it. */
	put32(p + 16, info + n);
	clen = (unsigned)snprintf((char *)p + n, INFO_SIZE - n, "%.255s %s", name ? name + 1 : m->cfg.kernel, cmd);
	return n + clen + 1;
}

static bool give_items(struct machine *m, const struct flat *k, const struct modules *l)
{
	uint32_t info = info_place(k);
	struct bootrom b = {.protected_mode = true, .eax = 0x2BADB002, .seg = (uint16_t)(info >> 4),
		.sp = INFO_SIZE + STACK_SIZE, .ebx = info, .entry = k->entry};
	uint32_t mod_at = modules_place(k);
	uint8_t page[INFO_SIZE];
	unsigned n;
	bool ok;

	memset(page, 0, sizeof(page));
	n = build_info(m, page, info, mod_at, l);
	b.copy[b.ncopies++] = (struct bootrom_copy){FW_CFG_KERNEL_DATA, k->len, k->base};
	b.copy[b.ncopies++] = (struct bootrom_copy){FW_CFG_SETUP_DATA, n, info};
	if (l->len)
		b.copy[b.ncopies++] = (struct bootrom_copy){FW_CFG_INITRD_DATA, (uint32_t)l->len, mod_at};
	ok = fw_cfg_add_bytes(m->fw, FW_CFG_KERNEL_DATA, k->mem, k->len) &&
		fw_cfg_add_bytes(m->fw, FW_CFG_SETUP_DATA, page, n) &&
		(!l->len || fw_cfg_add_bytes(m->fw, FW_CFG_INITRD_DATA, l->mem, l->len));
	return ok && bootrom_add(m, &b);
}

enum vm_err load_multiboot(struct machine *m, const uint8_t *img, size_t len, struct err *e)
{
	long h = find_header(img, len);
	struct flat k = {0};
	struct modules l = {0};
	enum vm_err r = VM_OK;
	bool ok;

	if (m->cfg.append && strlen(m->cfg.append) > APPEND_MAX)
		return err_set(e, VM_ERR_USAGE, "-append is longer than %u bytes", APPEND_MAX);
	ok = get32(img + h + 4) & MB_AOUT ? load_aout(m, img, len, (size_t)h, &k) : load_elf(m, img, len, &k);
	if (!ok) {
		free(k.mem);
		return err_set(e, VM_ERR_FORMAT, "multiboot kernel '%s' is malformed or does not fit into memory",
			m->cfg.kernel);
	}
	if (m->cfg.initrd)
		r = modules_load(&l, m->cfg.initrd, e);
	if (!r && modules_place(&k) + (uint64_t)l.len + (2u << 20) > i440fx_below_4g(m->cfg.ram_size))
		r = err_set(e, VM_ERR_USAGE, "kernel and initrd do not fit into %llu MiB of memory",
			(unsigned long long)(m->cfg.ram_size >> 20));
	if (!r && !give_items(m, &k, &l))
		r = err_set(e, VM_ERR_NOMEM, "no memory for the kernel");
	modules_free(&l);
	free(k.mem);
	return r;
}
