/*
 * snapshot.c - the stream of a snapshot: header, sections, RAM (snapshot.h).
 *
 * Loading reads the stream twice: once to check every section and to keep the small ones, once, after these have been accepted, for RAM.
 */
#include "frontend/machine/snapshot_int.h"
#include <stdlib.h>
#include <string.h>

#define RUN_PAGES 255u /* of a RAM section, at most */
#define FLAGS_AT 16

static const char magic[FLAGS_AT] = "DragomanSnapshot";

struct snap_header {
	char magic[FLAGS_AT];
	uint32_t version, zero;
};

static bool all_zero(const uint8_t *p)
{
	const uint64_t *q = (const uint64_t *)p;
	uint64_t any = 0;

	for (unsigned i = 0; i < PAGE_SIZE / 8; i += 8) {
		any |= q[i] | q[i + 1] | q[i + 2] | q[i + 3] | q[i + 4] | q[i + 5] | q[i + 6] | q[i + 7];
		if (any)
			return false;
	}
	return true;
}

/* ---- saving ---- */

static bool put(const struct snapshot_out *out, struct snap_head *h, const uint8_t *data)
{
	h->crc = snap_crc(h, data);
	return out->write(out->opaque, h, sizeof(*h)) && out->write(out->opaque, data, h->size);
}

static bool put_ram(struct machine *m, const struct snapshot_out *out, uint8_t *buf)
{
	uint64_t ra = 0, used = m->ram.used;

	while (ra < used) {
		struct snap_head h = {.name = "ram", .version = 1, .size = 8};

		if (all_zero(m->ram.host + ra)) {
			ra += PAGE_SIZE;
			continue;
		}
		memcpy(buf, &ra, 8);
		while (ra < used && h.size < 8 + RUN_PAGES * PAGE_SIZE && !all_zero(m->ram.host + ra)) {
			memcpy(buf + h.size, m->ram.host + ra, PAGE_SIZE);
			h.size += PAGE_SIZE;
			ra += PAGE_SIZE;
		}
		if (!put(out, &h, buf))
			return false;
	}
	return true;
}

static bool put_all(struct machine *m, const struct snapshot_out *out, struct snap_state *s)
{
	struct snap_header head = {.version = SNAP_VERSION};
	struct snap_head end = {.name = "end", .version = 1};
	uint8_t *buf = malloc(SNAP_MAX + 8);
	bool ok;

	BUG_ON(!buf);
	memcpy(head.magic, magic, sizeof(magic));
	ok = out->write(out->opaque, &head, sizeof(head));
	for (unsigned i = 0; i < s->n && ok; i++)
		ok = put(out, &s->piece[i].h, s->piece[i].data);
	ok = ok && put_ram(m, out, buf) && put(out, &end, buf);
	free(buf);
	return ok;
}

enum vm_err machine_save(struct machine *m, const struct snapshot_out *out, struct err *e)
{
	struct snap_state *s = calloc(1, sizeof(*s));
	enum vm_err r;

	BUG_ON(!s);
	if (m->asleep) {
		free(s);
		return err_set(e, VM_ERR_USAGE, "the guest sleeps (ACPI S3), which a snapshot cannot say: system_wakeup first");
	}
	machine_drain(m);
	clock_run(&m->clock); /* what is due has happened */
	r = snap_collect(m, s, e);
	if (!r && !put_all(m, out, s))
		r = err_set(e, VM_ERR_IO, "the snapshot cannot be written");
	snap_free(s);
	free(s);
	return r;
}

/* ---- loading ---- */

struct reader {
	const struct snapshot_in *in;
	uint64_t at;
	struct snap_head h;
	uint8_t *buf; /* of the section that was read last */
};

static enum vm_err next(struct reader *r, struct err *e)
{
	if (!r->in->read(r->in->opaque, r->at, &r->h, sizeof(r->h)))
		return err_set(e, VM_ERR_FORMAT, "the snapshot is cut short");
	if (memchr(r->h.name, 0, SNAP_NAME) == NULL || !r->h.name[0] || r->h.size > SNAP_MAX)
		return err_set(e, VM_ERR_FORMAT, "the snapshot is damaged");
	if (!r->in->read(r->in->opaque, r->at + sizeof(r->h), r->buf, r->h.size))
		return err_set(e, VM_ERR_FORMAT, "the snapshot is cut short");
	if (r->h.crc != snap_crc(&r->h, r->buf))
		return err_set(e, VM_ERR_FORMAT, "the snapshot is damaged: section '%s' fails its checksum", r->h.name);
	r->at += sizeof(r->h) + r->h.size;
	return VM_OK;
}

/* Where a RAM section goes; it begins at @from or behind. */
static bool ram_range(const struct machine *m, const struct reader *r, uint64_t from, uint64_t *ra, uint64_t *len)
{
	if (r->h.size < 8 + PAGE_SIZE || (r->h.size - 8) % PAGE_SIZE)
		return false;
	memcpy(ra, r->buf, 8);
	*len = r->h.size - 8;
	return !(*ra % PAGE_SIZE) && *ra >= from && *ra <= m->ram.used && *len <= m->ram.used - *ra;
}

static enum vm_err check_header(struct reader *r, struct err *e)
{
	struct snap_header h;

	if (!r->in->read(r->in->opaque, 0, &h, sizeof(h)) || memcmp(h.magic, magic, sizeof(magic)))
		return err_set(e, VM_ERR_FORMAT, "this is no snapshot of this program's");
	if (h.version != SNAP_VERSION)
		return err_set(e, VM_ERR_FORMAT, "the snapshot has format %u; this program knows format %u", h.version, SNAP_VERSION);
	r->at = sizeof(h);
	return VM_OK;
}

/* All sections are whole; the small ones are kept. */
static enum vm_err check_all(struct machine *m, struct reader *r, struct snap_state *s, struct err *e)
{
	uint64_t from = 0, ra, len;
	enum vm_err err = check_header(r, e);

	while (!err) {
		err = next(r, e);
		if (err || !strcmp(r->h.name, "end"))
			break;
		if (!strcmp(r->h.name, "ram")) {
			if (!s->n)
				return err_set(e, VM_ERR_FORMAT, "the snapshot is damaged");
			/* another machine's RAM may end elsewhere: told below, by its name */
			if (!ram_range(m, r, from, &ra, &len))
				break;
			from = ra + len;
		} else if (!snap_add(s, r->h.name, r->h.instance, r->h.version, r->buf, r->h.size)) {
			return err_set(e, VM_ERR_FORMAT, "the snapshot has too many sections");
		}
	}
	if (!err)
		err = snap_match(m, s, e);
	if (!err && strcmp(r->h.name, "end"))
		err = err_set(e, VM_ERR_FORMAT, "the snapshot is damaged: RAM that the machine does not have");
	return err;
}

/* [ra, ra+len) becomes zero; pages that are stay untouched, so that they cost the host nothing */
static void clear(struct machine *m, uint64_t ra, uint64_t end)
{
	for (; ra < end; ra += PAGE_SIZE)
		if (!all_zero(m->ram.host + ra))
			memset(m->ram.host + ra, 0, PAGE_SIZE);
}

static enum vm_err load_ram(struct machine *m, struct reader *r, struct err *e)
{
	uint64_t from = 0, ra, len;
	enum vm_err err = check_header(r, e);

	while (!err && !(err = next(r, e)) && strcmp(r->h.name, "end")) {
		if (strcmp(r->h.name, "ram"))
			continue;
		if (!ram_range(m, r, from, &ra, &len))
			return err_set(e, VM_ERR_FORMAT, "the snapshot has changed");
		clear(m, from, ra);
		memcpy(m->ram.host + ra, r->buf + 8, len);
		from = ra + len;
	}
	if (!err)
		clear(m, from, m->ram.used);
	return err;
}

/* All of memory may have changed: nothing that was derived from it holds. */
static void forget_memory(struct machine *m)
{
	jit_flush(m->jit);
	for (uint64_t p = 0; p < m->ram.used >> PAGE_SHIFT; p++)
		if (m->ram.dirty[p] & DIRTY_TRACKED)
			m->ram.dirty[p] |= DIRTY_DISPLAY;
	tlb_flush(&m->cpu->mmu, true);
}

static enum vm_err load(struct machine *m, struct reader *r, struct snap_state *s, struct snap_state *old, struct err *e)
{
	enum vm_err err = check_all(m, r, s, e);

	/* a machine that cannot be saved, after a triple fault, is reset instead of given back its state */
	if (err || (snap_collect(m, old, NULL) && (machine_reset(m), snap_collect(m, old, e))))
		return err ? err : e->code;
	err = snap_apply(m, s, e);
	if (err) {
		BUG_ON(snap_apply(m, old, NULL)); /* it came from a machine */
		tlb_flush(&m->cpu->mmu, true);
		return err;
	}
	err = load_ram(m, r, e);
	forget_memory(m);
	if (err)
		machine_reset(m);
	return err ? VM_ERR_IO : VM_OK;
}

enum vm_err machine_load(struct machine *m, const struct snapshot_in *in, struct err *e)
{
	struct snap_state *s = calloc(2, sizeof(*s));
	struct reader r = {.in = in, .buf = malloc(SNAP_MAX)};
	enum vm_err err;

	BUG_ON(!s || !r.buf);
	machine_drain(m);
	err = load(m, &r, s, s + 1, e);
	snap_free(s);
	snap_free(s + 1);
	free(s);
	free(r.buf);
	return err;
}
