/*
 * args_drive.c - disks, floppies, CD-ROMs and flash chips of the command line (args_spec.h).
 *
 * -drive has words of several layers in one list: where it is plugged in, how the image is read, how its file is. Those that
 * only say how much the host should keep in memory are understood and change nothing.
 */
#include "frontend/args_spec.h"
#include "frontend/block.h"
#include <string.h>

static enum vm_err new_drive(struct args *a, const struct args_drive *d, struct err *e)
{
	if (a->ndrives == ARGS_MAX_DRIVES)
		return err_set(e, VM_ERR_USAGE, "too many drives: at most %u", ARGS_MAX_DRIVES);
	a->drive[a->ndrives++] = *d;
	return VM_OK;
}

enum vm_err spec_add_drive(struct args *a, const char *file, int index, bool cdrom, struct err *e)
{
	struct args_drive d = {.file = file, .index = index, .cdrom = cdrom, .readonly = cdrom,
		.policy.werror = BLK_STOP_ENOSPC};

	return new_drive(a, &d, e);
}

enum vm_err spec_add_floppy(struct args *a, const char *file, int index, struct err *e)
{
	struct args_drive d = {.file = file, .index = index, .bus = ARGS_FLOPPY, .policy.werror = BLK_STOP_ENOSPC};

	return new_drive(a, &d, e);
}

enum vm_err spec_add_flash(struct args *a, const char *file, struct err *e)
{
	struct args_drive d = {.file = file, .index = -1, .bus = ARGS_PFLASH, .policy.werror = BLK_STOP_ENOSPC};

	return new_drive(a, &d, e);
}

static enum vm_err drive_place(struct args_drive *d, const char *k, const char *v, int *bus, int *unit, struct err *e)
{
	uint64_t n;
	enum vm_err r = spec_number("drive", v, 255, &n, e);

	if (r)
		return err_set(e, VM_ERR_USAGE, "-drive: %s='%s' is not a number", k, v);
	if (!strcmp(k, "bus"))
		*bus = (int)n;
	else if (!strcmp(k, "unit"))
		*unit = (int)n;
	else
		d->index = (int)n;
	return VM_OK;
}

/* cache.writeback, cache.direct, cache.no-flush: what the modes are made of */
static enum vm_err cache_part(struct args_drive *d, const char *k, const char *v, struct err *e)
{
	bool on;
	enum vm_err r = spec_switch("drive", k, v, &on, e);

	if (r)
		return r;
	if (!strcmp(k, "cache.direct"))
		d->direct = on;
	else if (!strcmp(k, "cache.no-flush"))
		d->policy.unsafe = on;
	else
		d->policy.writethrough = !on;
	return VM_OK;
}

static void cache_mode(struct args_drive *d, unsigned n)
{
	d->policy.writethrough = n == 0 || n == 3;
	d->direct = n == 2 || n == 3;
	d->policy.unsafe = n == 4;
}

static enum vm_err drive_word(struct args_drive *d, const char *k, const char *v, struct err *e)
{
	static const char *const buses[] = {"ide", "floppy", "virtio", "pflash", "none"};
	static const char *const media[] = {"disk", "cdrom"};
	static const char *const caches[] = {"writethrough", "writeback", "none", "directsync", "unsafe"};
	unsigned n;
	enum vm_err r;

	if (!strcmp(k, "if")) {
		r = spec_choice("drive", "interface", v, buses, ARRAY_SIZE(buses), &n, e);
		d->bus = r ? d->bus : (enum args_bus)n;
	} else if (!strcmp(k, "media")) {
		r = spec_choice("drive", "medium", v, media, ARRAY_SIZE(media), &n, e);
		d->cdrom = !r && n;
	} else if (!strcmp(k, "format")) {
		r = spec_choice("drive", "format", v, blk_format_names, BLK_FORMATS, &n, e);
		d->format = r ? d->format : BLK_FORMAT_RAW + n;
	} else {
		r = spec_choice("drive", "cache mode", v, caches, ARRAY_SIZE(caches), &n, e);
		if (!r)
			cache_mode(d, n);
	}
	return r;
}

/* How the image does what the guest asks: hints, zeroes, errors. */
static enum vm_err drive_policy(struct args_drive *d, const char *k, const char *v, struct err *e)
{
	static const char *const discards[] = {"ignore", "off", "unmap", "on"}, *const detects[] = {"off", "on", "unmap"};
	static const char *const errors[] = {"report", "ignore", "stop", "enospc"};
	static const char *const aio[] = {"threads", "native", "io_uring"};
	unsigned n;
	enum vm_err r;

	if (!strcmp(k, "discard")) {
		r = spec_choice("drive", "discard mode", v, discards, ARRAY_SIZE(discards), &n, e);
		d->policy.discard = !r && n >= 2;
	} else if (!strcmp(k, "detect-zeroes")) {
		r = spec_choice("drive", "zero detection", v, detects, ARRAY_SIZE(detects), &n, e);
		d->policy.detect_zeroes = !r && n;
	} else if (!strcmp(k, "werror")) {
		r = spec_choice("drive", "error policy", v, errors, 4, &n, e);
		d->policy.werror = r ? BLK_REPORT : (enum blk_on_error)n;
	} else if (!strcmp(k, "rerror")) {
		r = spec_choice("drive", "error policy", v, errors, 3, &n, e);
		d->policy.rerror = r ? BLK_REPORT : (enum blk_on_error)n;
	} else { /* aio: always a thread */
		r = spec_choice("drive", "I/O engine", v, aio, ARRAY_SIZE(aio), &n, e);
	}
	return r;
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/*
 * Words that libraries and long command lines have: other names for some, and some that change nothing here. @known: it was
 * one of them.
 */
static enum vm_err drive_other(struct args *a, struct args_drive *d, const struct items *it, bool *known, struct err *e)
{
	static const char *const moot[] = {"node-name", "auto-read-only", "file.auto-read-only", "file.node-name", "file.locking", "file.aio", "file.discard",
		"file.cache.direct", "file.cache.no-flush", "l2-cache-size", "cache-size", "refcount-cache-size", "l2-cache-entry-size",
		"cache-clean-interval", "overlap-check", "pass-discard-request", "pass-discard-snapshot", "pass-discard-other"};
	const char *k = it->key, *v = it->val;

	*known = true;
	if (begins(k, "cache."))
		return cache_part(d, k, v, e);
	if (!strcmp(k, "driver"))
		return drive_word(d, "format", v, e);
	if (!strcmp(k, "file.driver")) {
		if (strcmp(v, "file"))
			return err_set(e, VM_ERR_USAGE, "-drive: file.driver=%s is not supported (file)", v);
	} else if (!strcmp(k, "file.filename")) {
		d->file = v;
	} else if (!strcmp(k, "copy-on-read")) {
		spec_warn(a, "-drive: copy-on-read: what is read is not written into the image");
	} else if (begins(k, "bps") || begins(k, "iops") || begins(k, "throttling.")) {
		return err_set(e, VM_ERR_USAGE, "-drive: %s: throttling is not supported", k);
	} else {
		*known = false;
		for (unsigned i = 0; i < ARRAY_SIZE(moot); i++)
			*known |= !strcmp(k, moot[i]);
	}
	return VM_OK;
}

static enum vm_err drive_key(struct args *a, struct args_drive *d, const struct items *it, int *bus, int *unit,
	struct err *e)
{
	static const char *const keys[] = {"file", "if", "index", "bus", "unit", "media", "format", "readonly",
		"read-only", "snapshot", "id", "cache", "aio", "werror", "rerror", "discard", "detect-zeroes", "lazy-refcounts"};
	enum { KEY_FILE, KEY_IF, KEY_INDEX, KEY_BUS, KEY_UNIT, KEY_MEDIA, KEY_FORMAT, KEY_RO, KEY_RO2, KEY_SNAPSHOT,
		KEY_ID, KEY_CACHE, KEY_LAZY = ARRAY_SIZE(keys) - 1 };
	unsigned k;
	bool on = false, known;
	enum vm_err r = drive_other(a, d, it, &known, e);

	if (r || known)
		return r;
	r = spec_choice("drive", "key", it->key, keys, ARRAY_SIZE(keys), &k, e);
	if (r)
		return r;
	switch (k) {
	case KEY_FILE:
		d->file = it->val + (begins(it->val, "file:") ? strlen("file:") : 0);
		if (begins(it->val, "fat:"))
			return err_set(e, VM_ERR_USAGE, "-drive: file=%s: a folder as a FAT disk is not supported; -virtfs shares folders", it->val);
		return VM_OK;
	case KEY_INDEX:
	case KEY_BUS:
	case KEY_UNIT:
		return drive_place(d, it->key, it->val, bus, unit, e);
	case KEY_IF:
	case KEY_MEDIA:
	case KEY_FORMAT:
	case KEY_CACHE:
		return drive_word(d, it->key, it->val, e);
	case KEY_LAZY:
		r = spec_switch("drive", it->key, it->val, &on, e);
		d->lazy = on ? BLK_LAZY_ON : BLK_LAZY_OFF;
		return r;
	case KEY_RO:
	case KEY_RO2:
		return spec_switch("drive", it->key, it->val, &d->readonly, e);
	case KEY_SNAPSHOT:
		return spec_switch("drive", it->key, it->val, &d->snapshot, e);
	case KEY_ID:
		snprintf(d->id, sizeof(d->id), "%s", it->val);
		return VM_OK;
	default:
		return drive_policy(d, it->key, it->val, e);
	}
}

enum vm_err spec_drive(struct args *a, const char *v, struct err *e)
{
	struct args_drive d = {.index = -1, .policy.werror = BLK_STOP_ENOSPC};
	struct items it;
	static const int room[] = {CONFIG_MAX_IDE, CONFIG_MAX_FLOPPY, CONFIG_MAX_VIRTIO, CONFIG_MAX_PFLASH, CONFIG_MAX_IDE};
	int bus = -1, unit = -1, max;
	enum vm_err r = VM_OK;

	for (items_begin(&it, a, v, NULL); !r && items_next(&it);)
		r = drive_key(a, &d, &it, &bus, &unit, e);
	if (r)
		return r;
	if (bus >= 0 || unit >= 0)
		d.index = (bus > 0 ? bus : 0) * 2 + (unit > 0 ? unit : 0);
	max = room[d.bus] - 1;
	if (d.index > max)
		return err_set(e, VM_ERR_USAGE, "-drive: index='%d' is not 0..%d", d.index, max);
	d.readonly |= d.cdrom;
	if (!d.file && !d.cdrom && d.bus != ARGS_FLOPPY)
		return err_set(e, VM_ERR_USAGE, "-drive: '%s' names no file", v);
	return new_drive(a, &d, e);
}

