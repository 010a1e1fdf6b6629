/*
 * snapshot_disk.c - snapshots inside qcow2 images: savevm, loadvm, delvm (snapshot.h).
 *
 * All drives that the guest can write take part, and all must be able to; the first of them holds the machine's state.
 */
#include "frontend/snapshot.h"
#include "frontend/block_snapshot.h"
#include "frontend/machine/snapshot.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct disks {
	struct blk *b[CONFIG_PLACES];
	unsigned n;
};

static struct disks writable(struct loop *l)
{
	struct disks d = {.n = 0};

	for (unsigned i = 0; i < CONFIG_PLACES; i++) {
		struct blk *b = machine_drive(l->m, i);

		if (b && b->size && !b->readonly)
			d.b[d.n++] = b;
	}
	return d;
}

static enum vm_err all_able(const struct disks *d, struct err *e)
{
	if (!d->n)
		return err_set(e, VM_ERR_USAGE, "no writable drive can hold a snapshot; one with a qcow2 image can");
	for (unsigned i = 0; i < d->n; i++)
		if (!blk_snapshot_able(d->b[i]))
			return err_set(e, VM_ERR_USAGE, "drive '%s' (%.200s) is writable and cannot have snapshots: it is no qcow2 image, or -snapshot",
				d->b[i]->id, d->b[i]->file);
	return VM_OK;
}

/* The snapshot of @b called @name, other than @but; else, with @by_id, the one with that id */
static bool find(struct blk *b, const char *name, bool by_id, const char *but, struct blk_snapshot *s)
{
	struct blk_snapshot *list;
	bool found = false;
	unsigned n;

	if (blk_snapshot_list(b, &list, &n))
		return false;
	for (unsigned pass = 0; pass < (by_id ? 2u : 1u) && !found; pass++)
		for (unsigned i = 0; i < n && !found; i++) {
			found = !strcmp(pass ? list[i].id : list[i].name, name) && !(but && !strcmp(list[i].id, but));
			if (found)
				*s = list[i];
		}
	free(list);
	return found;
}

enum vm_err snapshot_ready(struct loop *l, struct err *e)
{
	for (unsigned i = 0; i < CONFIG_PLACES; i++)
		for (struct blk *b = machine_drive(l->m, i); b; b = b->ops->below ? b->ops->below(b) : NULL)
			if (b->stalled)
				return err_set(e, VM_ERR_USAGE, "drive '%s' has requests that failed; 'cont' tries them again", b->id);
	return VM_OK;
}

/* ---- savevm ---- */

struct state_out {
	struct blk_state_writer *w;
	int err;
};

static bool write_state(void *opaque, const void *data, size_t n)
{
	struct state_out *o = opaque;

	o->err = blk_state_write(o->w, data, n);
	return !o->err;
}

static enum vm_err write_machine(struct loop *l, struct blk *b, struct state_out *o, struct err *e)
{
	struct snapshot_out out = {write_state, o};
	enum vm_err r;

	o->err = blk_state_begin(b, &o->w);
	if (o->err)
		return err_set(e, VM_ERR_IO, "drive '%s': %s", b->id, strerror(o->err));
	r = machine_save(l->m, &out, e);
	return r == VM_ERR_IO ? err_set(e, r, "drive '%s': %s", b->id, strerror(o->err)) : r;
}

static enum vm_err save_disks(const struct disks *d, const struct blk_snapshot *s, struct blk_state_writer *w, struct err *e)
{
	struct blk_snapshot made[CONFIG_PLACES], old;
	unsigned i;
	int err = 0;

	for (i = 0; i < d->n && !err; i++) {
		made[i] = *s;
		err = blk_snapshot_create(d->b[i], &made[i], i ? NULL : w);
	}
	if (err) {
		err_set(e, VM_ERR_IO, "drive '%s': %s", d->b[i - 1]->id, strerror(err));
		for (i--; i > 0; i--)
			blk_snapshot_delete(d->b[i - 1], &made[i - 1]);
		return VM_ERR_IO;
	}
	/* one of the same name is replaced, once the new one is there */
	for (i = 0; i < d->n && !err; i++)
		while (!err && find(d->b[i], s->name, false, made[i].id, &old))
			err = blk_snapshot_delete(d->b[i], &old);
	return err ? err_set(e, VM_ERR_IO, "the older snapshot '%.100s': %s", s->name, strerror(err)) : VM_OK;
}

static enum vm_err save(struct loop *l, const char *name, struct err *e)
{
	struct disks d = writable(l);
	struct blk_snapshot s = {.clock_ns = clock_now(machine_clock(l->m))};
	struct state_out o = {NULL, 0};
	struct timespec now;
	enum vm_err r = snapshot_ready(l, e);

	if (!r)
		r = all_able(&d, e);
	if (!r && strlen(name) >= sizeof(s.name))
		r = err_set(e, VM_ERR_USAGE, "the name is too long");
	if (!r)
		r = write_machine(l, d.b[0], &o, e);
	if (r) {
		blk_state_cancel(o.w);
		return r;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(s.name, sizeof(s.name), "%s", name);
	s.sec = (uint32_t)now.tv_sec;
	s.nsec = (uint32_t)now.tv_nsec;
	return save_disks(&d, &s, o.w, e);
}

enum vm_err snapshot_save(struct loop *l, const char *name, struct err *e)
{
	bool paused = l->paused;
	enum vm_err r;

	loop_pause(l, true);
	r = save(l, name, e);
	loop_pause(l, paused);
	return r;
}

/* ---- loadvm ---- */

struct state_in {
	struct blk *b;
	struct blk_snapshot s;
};

static bool read_state(void *opaque, uint64_t at, void *data, size_t n)
{
	struct state_in *i = opaque;

	return blk_state_read(i->b, &i->s, at, data, n) == 0;
}

static enum vm_err load(struct loop *l, const char *name, struct err *e)
{
	struct disks d = writable(l);
	struct blk_snapshot s[CONFIG_PLACES];
	struct state_in from;
	struct snapshot_in in = {read_state, &from};
	enum vm_err r = all_able(&d, e);
	struct err why;

	if (r)
		return r;
	for (unsigned i = 0; i < d.n; i++) {
		if (!find(d.b[i], name, !i, NULL, &s[i]))
			return err_set(e, VM_ERR_USAGE, "drive '%s' has no snapshot '%.100s'", d.b[i]->id, name);
		if (s[i].disk_size && s[i].disk_size != d.b[i]->size)
			return err_set(e, VM_ERR_USAGE, "drive '%s' has %" PRIu64 " bytes, in the snapshot '%.100s' %" PRIu64, d.b[i]->id,
				d.b[i]->size, name, s[i].disk_size);
		name = s[0].name;
	}
	if (!s[0].state_size)
		return err_set(e, VM_ERR_USAGE, "the snapshot '%.100s' is of the disk alone", name);
	machine_drain(l->m);
	from = (struct state_in){d.b[0], s[0]};
	r = machine_load(l->m, &in, &why);
	if (r)
		return err_set(e, r, "snapshot '%.100s': %.300s", name, why.msg);
	for (unsigned i = 0; i < d.n && !r; i++) {
		int err = blk_snapshot_load(d.b[i], &s[i]);

		if (err)
			r = err_set(e, VM_ERR_IO, "drive '%s': %s; the machine has been reset", d.b[i]->id, strerror(err));
	}
	if (r)
		machine_reset(l->m);
	return r;
}

enum vm_err snapshot_load(struct loop *l, const char *name, struct err *e)
{
	bool paused = l->paused;
	enum vm_err r;

	loop_pause(l, true);
	r = load(l, name, e);
	snapshot_loaded(l);
	loop_pause(l, paused);
	return r;
}

/* ---- delvm, info snapshots ---- */

enum vm_err snapshot_delete(struct loop *l, const char *name, struct err *e)
{
	struct disks d = writable(l);
	enum vm_err r = VM_OK;
	bool found = false;

	machine_drain(l->m);
	for (unsigned i = 0; i < d.n && !r; i++) {
		struct blk_snapshot s;
		int err = 0;

		if (!find(d.b[i], name, !found, NULL, &s))
			continue;
		found = true;
		err = blk_snapshot_delete(d.b[i], &s);
		if (err)
			r = err_set(e, VM_ERR_IO, "drive '%s': %s", d.b[i]->id, strerror(err));
	}
	return r || found ? r : err_set(e, VM_ERR_USAGE, "there is no snapshot '%.100s'", name);
}

static void tell_size(FILE *out, uint64_t n)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double v = (double)n;
	unsigned i = 0;

	for (; v >= 1000 && i + 1 < ARRAY_SIZE(units); i++)
		v /= 1024;
	fprintf(out, v < 10 && i ? "%5.2g %-4s" : "%5.3g %-4s", v, units[i]);
}

static void tell_one(FILE *out, const struct blk_snapshot *s)
{
	time_t t = (time_t)s->sec;
	uint64_t ms = s->clock_ns / 1000000;
	struct tm tm;
	char date[32];

	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", localtime_r(&t, &tm));
	fprintf(out, "%-4s %-20s ", s->id, s->name);
	tell_size(out, s->state_size);
	fprintf(out, " %s  %02" PRIu64 ":%02u:%02u.%03u\n", date, ms / 3600000, (unsigned)(ms / 60000 % 60), (unsigned)(ms / 1000 % 60),
		(unsigned)(ms % 1000));
}

void snapshot_tell(struct loop *l, FILE *out)
{
	struct disks d = writable(l);
	bool any = false;

	machine_drain(l->m);
	for (unsigned k = 0; k < d.n; k++) {
		struct blk_snapshot *list;
		unsigned n;

		if (blk_snapshot_list(d.b[k], &list, &n)) {
			fprintf(out, "the table of snapshots of drive '%s' is damaged\n", d.b[k]->id);
			continue;
		}
		if (n)
			fprintf(out, "Snapshots in drive '%s':\nID   TAG                     SIZE       DATE                VM CLOCK\n",
				d.b[k]->id);
		for (unsigned i = 0; i < n; i++)
			tell_one(out, &list[i]);
		any |= n != 0;
		free(list);
	}
	if (!any)
		fprintf(out, "There is no snapshot available.\n");
}
