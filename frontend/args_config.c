/*
 * args_config.c - -readconfig: options from a file (args_spec.h).
 *
 *	# a comment
 *	[drive "disk"]
 *	  file = "a,b.img"
 *	  if = "ide"
 *
 * is -drive id=disk,file=a,,b.img,if=ide. Groups are options of the same name, but for those in the table below.
 */
#include "frontend/args_spec.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const groups[] = {"machine", "memory", "smp-opts", "boot-opts", "accel", "drive", "device", "chardev",
	"mon", "rtc", "name", "global", "icount", "action", "netdev", "nic", "net", "display"};
static const char *const options[] = {"machine", "m", "smp", "boot", "accel", "drive", "device", "chardev",
	"mon", "rtc", "name", "global", "icount", "action", "netdev", "nic", "net", "display"};

struct reader {
	struct args *a;
	const char *path;
	unsigned line;
	const char *option; /* of the group being read; NULL: none yet */
	char value[4096];
	size_t n;
	enum vm_err (*take)(struct args *a, const char *name, const char *value, struct err *e);
};

static enum vm_err flush(struct reader *r, struct err *e)
{
	struct err inner;

	if (!r->option || !r->n)
		return VM_OK;
	if (r->take(r->a, r->option, spec_keep(r->a, r->value), &inner))
		return err_set(e, VM_ERR_USAGE, "-readconfig: %s, group that ends before line %u: %s", r->path,
			r->line, inner.msg);
	return VM_OK;
}

/* ",key=value" with the commas of the value doubled */
static bool append(struct reader *r, const char *key, const char *value)
{
	size_t n = r->n, room = sizeof(r->value);

	n += (size_t)snprintf(r->value + n, room - n, "%s%s=", n ? "," : "", key);
	for (; *value && n + 3 < room; value++) {
		if (*value == ',')
			r->value[n++] = ',';
		r->value[n++] = *value;
	}
	if (*value || n + 3 >= room)
		return false;
	r->value[n] = 0;
	r->n = n;
	return true;
}

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = 0;
	return s;
}

static enum vm_err bad_line(struct reader *r, struct err *e)
{
	return err_set(e, VM_ERR_USAGE, "-readconfig: %s, line %u: neither [group \"id\"] nor key = \"value\"", r->path,
		r->line);
}

static enum vm_err begin_group(struct reader *r, char *s, struct err *e)
{
	char *end = s + strlen(s) - 1, *id;
	unsigned k;
	enum vm_err x = flush(r, e);

	if (x)
		return x;
	if (*end != ']')
		return bad_line(r, e);
	*end = 0;
	s = trim(s + 1);
	id = s + strcspn(s, " \t\"");
	if (*id) {
		char *stop;

		*id++ = 0;
		id = trim(id);
		id += *id == '"';
		stop = strchr(id, '"');
		if (stop)
			*stop = 0;
	}
	x = spec_choice("readconfig", "group", s, groups, ARRAY_SIZE(groups), &k, e);
	if (x)
		return x;
	r->option = options[k];
	r->n = 0;
	r->value[0] = 0;
	return !*id || append(r, "id", id) ? VM_OK : bad_line(r, e);
}

static enum vm_err setting(struct reader *r, char *s, struct err *e)
{
	char *eq = strchr(s, '='), *v, *end;

	if (!eq || !r->option)
		return bad_line(r, e);
	*eq = 0;
	v = trim(eq + 1);
	end = v + strlen(v);
	if (end - v < 2 || v[0] != '"' || end[-1] != '"')
		return bad_line(r, e);
	end[-1] = 0;
	/* where the option's first word is known by its place, it must come first */
	if ((!strcmp(trim(s), "driver") && !strcmp(r->option, "device")) || !strcmp(trim(s), "backend")) {
		char rest[sizeof(r->value)];

		strcpy(rest, r->value);
		r->n = 0;
		if (!append(r, trim(s), v + 1))
			return bad_line(r, e);
		r->n += (size_t)snprintf(r->value + r->n, sizeof(r->value) - r->n, "%s%s", rest[0] ? "," : "", rest);
		return r->n < sizeof(r->value) ? VM_OK : bad_line(r, e);
	}
	return append(r, trim(s), v + 1) ? VM_OK : bad_line(r, e);
}

enum vm_err spec_readconfig(struct args *a, const char *path,
	enum vm_err (*option)(struct args *a, const char *name, const char *value, struct err *e), struct err *e)
{
	struct reader *r = calloc(1, sizeof(*r));
	enum vm_err x = VM_OK;
	char line[2048];
	FILE *f = fopen(path, "r");

	BUG_ON(!r);
	if (!f) {
		free(r);
		return err_errno(e, "-readconfig: cannot open '%s'", path);
	}
	r->a = a;
	r->path = path;
	r->take = option;
	while (!x && fgets(line, sizeof(line), f)) {
		char *s = trim(line);

		r->line++;
		if (!*s || *s == '#')
			continue;
		x = *s == '[' ? begin_group(r, s, e) : setting(r, s, e);
	}
	if (!x && ferror(f))
		x = err_errno(e, "-readconfig: cannot read '%s'", path);
	r->line++;
	if (!x)
		x = flush(r, e);
	fclose(f);
	free(r);
	return x;
}
