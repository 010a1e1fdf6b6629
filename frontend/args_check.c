/* args_check.c - what can be judged only when every option is known: who uses which backend, which drive is where. */
#include "frontend/args_spec.h"
#include "frontend/chardev.h"
#include "frontend/gdb.h"
#include <string.h>

/* Backends used so far: a named one by one user unless mux=on, the terminal by one. */
struct used {
	unsigned times[ARGS_MAX_CHARDEVS];
	const char *stdio; /* the option that has it */
};

static enum vm_err check_backend(const struct args *a, struct used *u, const char *opt, const char *v, struct err *e)
{
	const struct args_chardev *c = spec_chardev_of(a, v);
	const char *spec = spec_backend(a, v);
	struct err inner;

	if (!spec)
		return err_set(e, VM_ERR_USAGE, "-%s: no -chardev has the id '%s'", opt, strchr(v, ':') + 1);
	if (chardev_check(spec, &inner))
		return err_set(e, VM_ERR_USAGE, "-%s: %s", opt, inner.msg);
	if (c && u->times[c - a->chardev]++) {
		if (!c->mux)
			return err_set(e, VM_ERR_USAGE, "-%s: the chardev '%s' is in use; mux=on lets several share it",
				opt, c->id);
		return VM_OK;
	}
	if (strcmp(spec, "stdio"))
		return VM_OK;
	if (u->stdio)
		return err_set(e, VM_ERR_USAGE, "-%s: stdio is in use by -%s; mon:stdio and mux=on share it", opt,
			u->stdio);
	if (a->daemonize)
		return err_set(e, VM_ERR_USAGE, "-daemonize: -%s uses stdio, which a daemon does not have", opt);
	u->stdio = opt;
	return VM_OK;
}

static enum vm_err check_backends(const struct args *a, struct err *e)
{
	struct used u = {0};
	enum vm_err r = VM_OK;

	for (unsigned i = 0; i < a->nserial && !r; i++)
		r = check_backend(a, &u, "serial", a->serial[i], e);
	if (!r && a->parallel)
		r = check_backend(a, &u, "parallel", a->parallel, e);
	if (!r && a->monitor)
		r = check_backend(a, &u, "monitor", a->monitor, e);
	for (unsigned i = 0; i < a->nqmp && !r; i++)
		r = check_backend(a, &u, "qmp", a->qmp[i].chr, e);
	for (unsigned i = 0; i < a->ndebugcon && !r; i++)
		r = check_backend(a, &u, "debugcon", a->debugcon[i].chr, e);
	for (unsigned i = 0; i < a->nvports && !r; i++)
		if (a->vport[i].chr)
			r = check_backend(a, &u, "device", a->vport[i].chr, e);
	if (!r && a->display == ARGS_CURSES && u.stdio)
		return err_set(e, VM_ERR_USAGE, "-display: curses: stdio is in use by -%s", u.stdio);
	if (!r && a->display == ARGS_CURSES && a->daemonize)
		return err_set(e, VM_ERR_USAGE, "-daemonize: -display curses needs the terminal that a daemon gives up");
	if (!r && a->gdb) {
		char spec[320];
		enum gdb_arch arch;

		r = gdb_spec(a->gdb, spec, sizeof(spec), &arch, e);
		if (!r)
			r = check_backend(a, &u, "gdb", spec, e);
	}
	return r;
}

/* -device ide-hd,drive=ID: the drive of -drive if=none,id=ID gets its place. */
static enum vm_err attach_drives(struct args *a, struct err *e)
{
	for (unsigned i = 0; i < a->nattach; i++) {
		const struct args_attach *t = &a->attach[i];
		struct args_drive *d = NULL;

		for (unsigned k = 0; k < a->ndrives; k++)
			if (!strcmp(a->drive[k].id, t->drive))
				d = &a->drive[k];
		if (!d)
			return err_set(e, VM_ERR_USAGE, "-device: no -drive has the id '%s'", t->drive);
		if (d->bus != ARGS_UNPLUGGED)
			return err_set(e, VM_ERR_USAGE, "-device: the drive '%s' is in use (if=none leaves it free)",
				t->drive);
		d->bus = t->bus;
		d->serial = t->serial;
		d->boot = t->boot;
		d->index = t->index;
		d->cdrom |= t->cdrom;
		d->readonly |= t->cdrom;
	}
	return VM_OK;
}

/* Drives without a place take the first free one; CD-ROMs prefer the secondary master. */
static enum vm_err place_drives(struct args *a, struct err *e)
{
	static const char *const names[] = {"IDE", "floppy", "virtio", "flash"};
	static const int room[] = {CONFIG_MAX_IDE, CONFIG_MAX_FLOPPY, CONFIG_MAX_VIRTIO, CONFIG_MAX_PFLASH};
	bool used[4][CONFIG_MAX_VIRTIO] = {{false}};

	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < a->ndrives; i++) {
			struct args_drive *d = &a->drive[i];
			int at = d->index, max;

			if (d->bus == ARGS_UNPLUGGED || (at >= 0) == (pass == 1))
				continue;
			max = room[d->bus];
			if (at < 0) {
				at = d->cdrom && !used[0][2] ? 2 : 0;
				while (at < max && used[d->bus][at])
					at++;
			}
			if (at >= max || used[d->bus][at])
				return err_set(e, VM_ERR_USAGE, "drive '%s': the %s position is taken",
					d->file ? d->file : "empty", names[d->bus]);
			used[d->bus][at] = true;
			d->index = at;
		}
	}
	return VM_OK;
}

/* No two devices are to be tried at the same time. */
static enum vm_err check_boot(const struct args *a, struct err *e)
{
	unsigned boot[ARGS_MAX_DRIVES + CONFIG_MAX_NIC], n = 0;

	for (unsigned i = 0; i < a->nattach; i++)
		boot[n++] = a->attach[i].boot;
	for (unsigned i = 0; i < a->nnics; i++)
		boot[n++] = a->nic[i].boot;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i; k++)
			if (boot[i] && boot[i] == boot[k])
				return err_set(e, VM_ERR_USAGE, "-device: two devices have bootindex=%u", boot[i] - 1);
	return VM_OK;
}

/* Flash chips are the firmware; the second is none without the first. */
static enum vm_err check_flash(const struct args *a, struct err *e)
{
	bool chip[CONFIG_MAX_PFLASH] = {false};

	for (unsigned i = 0; i < a->ndrives; i++)
		if (a->drive[i].bus == ARGS_PFLASH)
			chip[a->drive[i].index] = true;
	if (chip[1] && !chip[0])
		return err_set(e, VM_ERR_USAGE, "-drive: if=pflash: the second chip (index=1) needs a first (index=0)");
	if (chip[0] && a->cfg.bios)
		return err_set(e, VM_ERR_USAGE, "-bios: '%s': the firmware is in the flash of -drive if=pflash", a->cfg.bios);
	return VM_OK;
}

enum vm_err spec_check(struct args *a, struct err *e)
{
	enum vm_err r = spec_ports_finish(a, e);

	if (!r)
		r = check_backends(a, e);
	if (!r)
		r = spec_virtio_finish(a, e);
	if (!r)
		r = spec_share_finish(a, e);
	if (!r)
		r = attach_drives(a, e);
	if (!r)
		r = place_drives(a, e);
	if (!r)
		r = check_boot(a, e);
	return r ? r : check_flash(a, e);
}
