/*
 * firmware.c - what the CPU executes after a reset: an image as ROM, or flash chips (-drive if=pflash) with UEFI in them.
 *
 * As on QEMU's pc the first chip ends at 4 GiB and the second, which keeps UEFI's variables, lies right below it.
 */
#include "frontend/machine/board.h"
#include "devices/pflash.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum vm_err load_rom(struct machine *m, struct err *e)
{
	const char *path = m->cfg.bios;
	char found[512];
	uint8_t *data;
	enum vm_err r;
	size_t len;

	/* a name alone may be that of a file beside our own */
	if (path && !strchr(path, '/') && access(path, F_OK) && !file_find(&m->cfg, path, found, sizeof(found), e))
		path = found;
	if (!path) {
		r = file_find(&m->cfg, "bios-256k.bin", found, sizeof(found), e);
		if (r)
			return r;
		path = found;
	}
	r = file_load(path, "firmware", 16 << 20, &data, &len, e);
	if (r)
		return r;
	if (len % 4096) {
		free(data);
		return err_set(e, VM_ERR_FORMAT, "firmware '%s' is not a multiple of 4096 bytes", path);
	}
	m->bios_size = len;
	m->bios_ra = ram_alloc(&m->ram, len);
	if (m->bios_ra != RADDR_NONE)
		memcpy(m->ram.host + m->bios_ra, data, len);
	free(data);
	return m->bios_ra == RADDR_NONE ? err_set(e, VM_ERR_NOMEM, "no memory for the firmware") : VM_OK;
}

static void loaded(void *opaque, int error)
{
	*(int *)opaque = error;
}

static enum vm_err load_chip(struct machine *m, unsigned i, struct err *e)
{
	struct blk *b = m->cfg.pflash[i];
	int error = 0;
	struct blk_req r = {.op = BLK_READ, .len = (uint32_t)b->size, .done = loaded, .opaque = &error};

	if (!b->size || b->size % PFLASH_BLOCK || b->size > PFLASH_MAX)
		return err_set(e, VM_ERR_FORMAT, "flash image '%s': its size is not a multiple of 4 KiB up to 16 MiB", b->file);
	m->flash_ra[i] = ram_alloc(&m->ram, b->size);
	if (m->flash_ra[i] == RADDR_NONE)
		return err_set(e, VM_ERR_NOMEM, "no memory for the firmware's flash");
	r.buf = m->ram.host + m->flash_ra[i];
	blk_submit(b, &r);
	blk_drain(b);
	if (error)
		return err_set(e, VM_ERR_IO, "cannot read flash image '%s': %s", b->file, strerror(error));
	return VM_OK;
}

enum vm_err pc_load_firmware(struct machine *m, struct err *e)
{
	enum vm_err r = VM_OK;

	if (!m->cfg.pflash[0])
		return load_rom(m, e);
	for (unsigned i = 0; i < CONFIG_MAX_PFLASH && !r; i++)
		if (m->cfg.pflash[i])
			r = load_chip(m, i, e);
	m->bios_ra = m->flash_ra[0];
	m->bios_size = m->cfg.pflash[0]->size;
	return r;
}

void pc_add_flash(struct machine *m)
{
	uint64_t end = 1ull << 32;

	for (unsigned i = 0; i < CONFIG_MAX_PFLASH && m->cfg.pflash[i]; i++) {
		end -= m->cfg.pflash[i]->size;
		pc_add(m, pflash_create(m->log, &m->mem, end, m->flash_ra[i], m->cfg.pflash[i]));
	}
}
