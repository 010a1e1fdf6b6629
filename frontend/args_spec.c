/* args_spec.c - key=value arguments (args_spec.h). */
#define _GNU_SOURCE
#include "frontend/args_spec.h"
#include "frontend/gdb.h"
#include "frontend/chardev.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *spec_nearest(const char *text, const char *const *names, unsigned n)
{
	unsigned best = UINT32_MAX, row[64];
	const char *found = names[0];
	size_t len = strlen(text);

	if (len > 60)
		len = 60;
	for (unsigned k = 0; k < n; k++) {
		for (unsigned j = 0; j <= len; j++)
			row[j] = j;
		for (unsigned i = 1; names[k][i - 1]; i++) {
			unsigned diag = row[0];

			row[0] = i;
			for (unsigned j = 1; j <= len; j++) {
				unsigned up = row[j], v = diag + (names[k][i - 1] != text[j - 1]);

				v = v < up + 1 ? v : up + 1;
				v = v < row[j - 1] + 1 ? v : row[j - 1] + 1;
				diag = up;
				row[j] = v;
			}
		}
		if (row[len] < best) {
			best = row[len];
			found = names[k];
		}
	}
	return found;
}

static char *keep(struct args *a, const char *s)
{
	char *c = strdup(s);

	BUG_ON(!c || a->nstrings == ARRAY_SIZE(a->strings));
	a->strings[a->nstrings++] = c;
	return c;
}

static enum vm_err switch_value(const char *opt, const char *key, const char *v, bool *out, struct err *e)
{
	*out = !strcmp(v, "on") || !strcmp(v, "yes") || !strcmp(v, "true");
	if (*out || !strcmp(v, "off") || !strcmp(v, "no") || !strcmp(v, "false"))
		return VM_OK;
	return err_set(e, VM_ERR_USAGE, "-%s: %s='%s' is not on or off", opt, key, v);
}

/* Split "key=value" at the first '='; a key alone means "on". */
static const char *value_of(char *item)
{
	char *eq = strchr(item, '=');

	if (!eq)
		return "on";
	*eq = 0;
	return eq + 1;
}

enum vm_err spec_add_drive(struct args *a, const char *file, int index, bool cdrom, struct err *e)
{
	struct args_drive *d;

	if (a->ndrives == ARGS_MAX_DRIVES)
		return err_set(e, VM_ERR_USAGE, "too many drives");
	d = &a->drive[a->ndrives++];
	*d = (struct args_drive){.file = file, .index = index, .cdrom = cdrom, .readonly = cdrom};
	return VM_OK;
}

enum vm_err spec_add_debugcon(struct args *a, uint16_t iobase, const char *chr, struct err *e)
{
	if (a->ndebugcon == CONFIG_MAX_DEBUGCON)
		return err_set(e, VM_ERR_USAGE, "too many debug consoles");
	a->debugcon[a->ndebugcon].iobase = iobase;
	a->debugcon[a->ndebugcon++].chr = chr;
	return VM_OK;
}

static enum vm_err drive_key(struct args *a, struct args_drive *d, const char *k, const char *v, struct err *e)
{
	char *end;

	if (!strcmp(k, "file")) {
		d->file = keep(a, v);
	} else if (!strcmp(k, "if")) {
		if (strcmp(v, "ide"))
			return err_set(e, VM_ERR_USAGE, "-drive: if='%s' is not supported (ide)", v);
	} else if (!strcmp(k, "index")) {
		d->index = (int)strtol(v, &end, 10);
		if (*end || end == v || d->index < 0 || d->index > 3)
			return err_set(e, VM_ERR_USAGE, "-drive: index='%s' is not 0..3", v);
	} else if (!strcmp(k, "media")) {
		if (strcmp(v, "disk") && strcmp(v, "cdrom"))
			return err_set(e, VM_ERR_USAGE, "-drive: media='%s' is not disk or cdrom", v);
		d->cdrom = v[0] == 'c';
	} else if (!strcmp(k, "format")) {
		if (strcmp(v, "raw"))
			return err_set(e, VM_ERR_USAGE, "-drive: format='%s' is not supported (raw)", v);
	} else if (!strcmp(k, "readonly") || !strcmp(k, "read-only")) {
		return switch_value("drive", k, v, &d->readonly, e);
	} else if (!strcmp(k, "snapshot")) {
		return switch_value("drive", k, v, &d->snapshot, e);
	} else if (!strcmp(k, "id")) {
		snprintf(d->id, sizeof(d->id), "%s", v);
	} else if (strcmp(k, "cache") && strcmp(k, "aio") && strcmp(k, "werror") && strcmp(k, "rerror")) {
		return err_set(e, VM_ERR_USAGE, "-drive: unknown key '%s'", k);
	}
	return VM_OK;
}

enum vm_err spec_drive(struct args *a, const char *v, struct err *e)
{
	char *text = keep(a, v), *save = NULL;
	struct args_drive *d;
	enum vm_err r = spec_add_drive(a, NULL, -1, false, e);

	if (r)
		return r;
	d = &a->drive[a->ndrives - 1];
	for (char *item = strtok_r(text, ",", &save); item && !r; item = strtok_r(NULL, ",", &save)) {
		const char *val = value_of(item);

		r = drive_key(a, d, item, val, e);
	}
	d->readonly |= d->cdrom;
	if (!r && !d->file && !d->cdrom)
		return err_set(e, VM_ERR_USAGE, "-drive: '%s' names no file", v);
	return r;
}

static enum vm_err port_value(const char *opt, const char *v, unsigned *out, struct err *e)
{
	char *end;
	unsigned long n = strtoul(v, &end, 0);

	if (end == v || *end || n > 0xFFFF)
		return err_set(e, VM_ERR_USAGE, "-%s: '%s' is not a port number", opt, v);
	*out = (unsigned)n;
	return VM_OK;
}

enum vm_err spec_device(struct args *a, const char *v, struct err *e)
{
	static const char *const names[] = {"isa-debug-exit", "isa-debugcon"};
	char *text = keep(a, v), *save = NULL, *name = strtok_r(text, ",", &save);
	unsigned iobase = 0, iosize = 2;
	const char *chr = NULL;
	enum vm_err r = VM_OK;
	bool exit_dev = name && !strcmp(name, names[0]);

	if (!name || (!exit_dev && strcmp(name, names[1])))
		return err_set(e, VM_ERR_USAGE, "-device: unknown device '%s'; did you mean '%s'? (isa-debug-exit, isa-debugcon)",
			name ? name : "", spec_nearest(name ? name : "", names, 2));
	for (char *item = strtok_r(NULL, ",", &save); item && !r; item = strtok_r(NULL, ",", &save)) {
		const char *val = value_of(item);

		if (!strcmp(item, "iobase"))
			r = port_value("device", val, &iobase, e);
		else if (!strcmp(item, "iosize") && exit_dev)
			r = port_value("device", val, &iosize, e);
		else if (!strcmp(item, "chardev") && !exit_dev)
			chr = val;
		else if (strcmp(item, "id"))
			r = err_set(e, VM_ERR_USAGE, "-device: %s has no property '%s'", name, item);
	}
	if (r)
		return r;
	if (!exit_dev) {
		char ref[64];

		if (!chr)
			return err_set(e, VM_ERR_USAGE, "-device: isa-debugcon needs chardev=");
		snprintf(ref, sizeof(ref), "chardev:%s", chr);
		return spec_add_debugcon(a, (uint16_t)iobase, keep(a, ref), e);
	}
	if (iosize < 1 || iosize > 4)
		return err_set(e, VM_ERR_USAGE, "-device: isa-debug-exit iosize=%u is not 1..4", iosize);
	a->cfg.debug_exit = true;
	a->cfg.debug_exit_iobase = (uint16_t)(iobase ? iobase : 0x501);
	a->cfg.debug_exit_iosize = iosize;
	return VM_OK;
}

enum vm_err spec_chardev(struct args *a, const char *v, struct err *e)
{
	char *text = keep(a, v), *save = NULL, *kind = strtok_r(text, ",", &save);
	char path[200] = "", host[100] = "", port[40] = "", extra[64] = "";
	struct args_chardev *c;

	if (a->nchardevs == ARGS_MAX_CHARDEVS || !kind)
		return err_set(e, VM_ERR_USAGE, "-chardev: '%s' is not BACKEND,id=NAME", v);
	if (!strcmp(kind, "socket"))
		kind = NULL; /* unix or tcp, by its keys */
	c = &a->chardev[a->nchardevs++];
	for (char *item = strtok_r(NULL, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		const char *val = value_of(item);
		size_t n = strlen(extra);

		if (!strcmp(item, "id"))
			snprintf(c->id, sizeof(c->id), "%s", val);
		else if (!strcmp(item, "path"))
			snprintf(path, sizeof(path), "%s", val);
		else if (!strcmp(item, "host"))
			snprintf(host, sizeof(host), "%s", val);
		else if (!strcmp(item, "port"))
			snprintf(port, sizeof(port), "%s", val);
		else if (!strcmp(item, "server") || !strcmp(item, "wait"))
			snprintf(extra + n, sizeof(extra) - n, ",%s=%s", item, val);
		else if (strcmp(item, "mux") && strcmp(item, "signal"))
			return err_set(e, VM_ERR_USAGE, "-chardev: unknown key '%s'", item);
	}
	if (!c->id[0])
		return err_set(e, VM_ERR_USAGE, "-chardev: '%s' has no id=", v);
	if (!kind && path[0])
		snprintf(c->spec, sizeof(c->spec), "unix:%s%s", path, extra);
	else if (!kind)
		snprintf(c->spec, sizeof(c->spec), "tcp:%s:%s%s", host, port, extra);
	else if (path[0])
		snprintf(c->spec, sizeof(c->spec), "%s:%s", kind, path);
	else
		snprintf(c->spec, sizeof(c->spec), "%s", kind);
	return chardev_check(c->spec, e);
}

enum vm_err spec_boot(struct args *a, const char *v, struct err *e)
{
	char *text = keep(a, v), *save = NULL;

	for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		bool bare = !strchr(item, '=');
		const char *val = value_of(item);

		if (bare || !strcmp(item, "order") || !strcmp(item, "once")) {
			const char *order = bare ? item : val;

			if (!*order || strspn(order, "acdn") != strlen(order))
				return err_set(e, VM_ERR_USAGE, "-boot: order '%s' is not of the letters a c d n", order);
			a->cfg.boot = order;
		} else if (!strcmp(item, "menu")) {
			enum vm_err r = switch_value("boot", "menu", val, &a->cfg.boot_menu, e);

			if (r)
				return r;
		} else if (strcmp(item, "strict") && strcmp(item, "splash-time") && strcmp(item, "reboot-timeout")) {
			return err_set(e, VM_ERR_USAGE, "-boot: unknown key '%s'", item);
		}
	}
	return VM_OK;
}

enum vm_err spec_rtc(struct args *a, const char *v, struct err *e)
{
	char *text = keep(a, v), *save = NULL;

	for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		const char *val = value_of(item), *end;
		struct tm tm = {0};
		time_t now = time(NULL);

		if (!strcmp(item, "clock") || !strcmp(item, "driftfix"))
			continue;
		if (strcmp(item, "base"))
			return err_set(e, VM_ERR_USAGE, "-rtc: unknown key '%s'", item);
		if (!strcmp(val, "utc"))
			continue;
		if (!strcmp(val, "localtime")) {
			localtime_r(&now, &tm);
			a->cfg.rtc_base = timegm(&tm);
			continue;
		}
		end = strptime(val, strchr(val, 'T') ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm);
		if (!end || *end)
			return err_set(e, VM_ERR_USAGE, "-rtc: base='%s' is not utc, localtime or a date", val);
		a->cfg.rtc_base = timegm(&tm);
	}
	return VM_OK;
}

enum vm_err spec_action(struct args *a, const char *v, struct err *e)
{
	enum { REBOOT, SHUTDOWN, PANIC, ABSENT /* events this machine does not have */ };
	static const struct {
		const char *text;
		int what, value;
	} known[] = {{"reboot=reset", REBOOT, false}, {"reboot=shutdown", REBOOT, true},
		{"shutdown=poweroff", SHUTDOWN, false}, {"shutdown=pause", SHUTDOWN, true},
		{"panic=reset", PANIC, LOOP_PANIC_RESET}, {"panic=none", PANIC, LOOP_PANIC_NONE},
		{"panic=pause", PANIC, LOOP_PANIC_PAUSE}, {"panic=shutdown", PANIC, LOOP_PANIC_SHUTDOWN},
		{"panic=exit-failure", PANIC, LOOP_PANIC_FAILURE}, {"watchdog=none", ABSENT, 0},
		{"watchdog=reset", ABSENT, 0}, {"watchdog=shutdown", ABSENT, 0}, {"watchdog=poweroff", ABSENT, 0},
		{"watchdog=pause", ABSENT, 0}, {"watchdog=debug", ABSENT, 0}, {"watchdog=inject-nmi", ABSENT, 0}};
	char *text = keep(a, v), *save = NULL;

	for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		unsigned i = 0;

		while (i < ARRAY_SIZE(known) && strcmp(known[i].text, item))
			i++;
		if (i == ARRAY_SIZE(known))
			return err_set(e, VM_ERR_USAGE, "-action: '%s' is not reboot=reset|shutdown, "
				"shutdown=poweroff|pause or panic=reset|pause|shutdown|exit-failure|none", item);
		if (known[i].what == REBOOT)
			a->no_reboot = known[i].value;
		else if (known[i].what == SHUTDOWN)
			a->no_shutdown = known[i].value;
		else if (known[i].what == PANIC)
			a->panic = known[i].value;
	}
	return VM_OK;
}

enum vm_err spec_global(struct args *a, const char *v, struct err *e)
{
	static const char prefix[] = "isa-debugcon.iobase=";
	unsigned port;
	enum vm_err r;

	if (strncmp(v, prefix, sizeof(prefix) - 1))
		return err_set(e, VM_ERR_USAGE, "-global: unknown property '%s' (isa-debugcon.iobase=)", v);
	r = port_value("global", v + sizeof(prefix) - 1, &port, e);
	a->global_debugcon = (int)port;
	return r;
}

const char *spec_backend(const struct args *a, const char *v)
{
	if (!strncmp(v, "mon:", 4))
		v += 4;
	if (strncmp(v, "chardev:", 8))
		return v;
	for (unsigned i = 0; i < a->nchardevs; i++)
		if (!strcmp(a->chardev[i].id, v + 8))
			return a->chardev[i].spec;
	return NULL;
}

static enum vm_err check_backend(const struct args *a, const char *opt, const char *v, struct err *e)
{
	const char *spec = spec_backend(a, v);
	struct err inner;

	if (!spec)
		return err_set(e, VM_ERR_USAGE, "-%s: no -chardev has the id '%s'", opt, v + 8);
	if (chardev_check(spec, &inner))
		return err_set(e, VM_ERR_USAGE, "-%s: %s", opt, inner.msg);
	return VM_OK;
}

/* Drives without a place take the first free one; CD-ROMs prefer the secondary master. */
static enum vm_err place_drives(struct args *a, struct err *e)
{
	bool used[CONFIG_MAX_IDE] = {false};

	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < a->ndrives; i++) {
			struct args_drive *d = &a->drive[i];
			int at = d->index;

			if ((at >= 0) == (pass == 1))
				continue;
			if (at < 0) {
				at = d->cdrom && !used[2] ? 2 : 0;
				while (at < CONFIG_MAX_IDE && used[at])
					at++;
			}
			if (at >= CONFIG_MAX_IDE || used[at])
				return err_set(e, VM_ERR_USAGE, "drive '%s': the IDE position is taken",
					d->file ? d->file : "empty");
			used[at] = true;
			d->index = at;
		}
	}
	return VM_OK;
}

enum vm_err spec_check(struct args *a, struct err *e)
{
	enum vm_err r = VM_OK;

	for (unsigned i = 0; i < a->nserial && !r; i++)
		r = check_backend(a, "serial", a->serial[i], e);
	if (!r && a->monitor)
		r = check_backend(a, "monitor", a->monitor, e);
	for (unsigned i = 0; i < a->ndebugcon && !r; i++)
		r = check_backend(a, "debugcon", a->debugcon[i].chr, e);
	if (!r && a->gdb) {
		char spec[320];
		enum gdb_arch arch;

		r = gdb_spec(a->gdb, spec, sizeof(spec), &arch, e);
		if (!r)
			r = check_backend(a, "gdb", spec, e);
	}
	return r ? r : place_drives(a, e);
}
