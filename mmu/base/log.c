/*
 * log.c - the -d categories: parsing, printing, and the memory of sites that have spoken once.
 *
 * Sites are kept in a small open-addressed table per machine. When a guest fills it (it can make up to
 * LOG_SITES of them by probing ports), further sites are silent: that bounds both the work and the output.
 */
#include "mmu/base/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITE_PROBES 16

static const struct {
	const char *name, *alias;
} log_names[LOG_COUNT] = {
#define LOG(id, name, alias, help) {name, alias},
#include "mmu/base/log.def"
#undef LOG
};

void log_init(struct log *l)
{
	memset(l, 0, sizeof(*l));
	l->out = stderr;
}

void log_fini(struct log *l)
{
	if (l->own_out && l->out)
		fclose(l->out);
	l->out = NULL;
	l->own_out = false;
	l->mask = 0;
}

static bool word_is(const char *w, size_t n, const char *name)
{
	return name && strlen(name) == n && !strncmp(w, name, n);
}

static enum vm_err unknown_word(const char *w, size_t n, struct err *e)
{
	char list[256] = "";
	size_t at = 0;

	for (unsigned i = 0; i < LOG_COUNT; i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, " %s", log_names[i].name);
	if (word_is(w, n, "help"))
		return err_set(e, VM_ERR_USAGE, "-d categories:%s", list);
	return err_set(e, VM_ERR_USAGE, "unknown -d category '%.*s'; there are:%s",
		(int)(n > 64 ? 64 : n), w, list);
}

enum vm_err log_parse(struct log *l, const char *list, struct err *e)
{
	uint32_t mask = 0;

	for (const char *w = list; *w;) {
		size_t n = strcspn(w, ",");
		unsigned i;

		if (word_is(w, n, "all")) {
			mask |= (1u << LOG_COUNT) - 1;
			w += n + (w[n] == ',');
			continue;
		}
		for (i = 0; i < LOG_COUNT; i++)
			if (word_is(w, n, log_names[i].name) || word_is(w, n, log_names[i].alias))
				break;
		if (i == LOG_COUNT)
			return unknown_word(w, n, e);
		mask |= 1u << i;
		w += n;
		if (*w == ',')
			w++;
	}
	l->mask |= mask;
	return VM_OK;
}

/* A number at *@p, which moves behind it. */
static bool number(const char **p, uint64_t *v)
{
	char *end;

	if (**p < '0' || **p > '9')
		return false;
	errno = 0;
	*v = strtoull(*p, &end, 0);
	*p = end;
	return !errno;
}

static bool one_range(const char **p, struct log_range *r)
{
	uint64_t start, n;
	char how;

	if (!number(p, &start))
		return false;
	how = **p;
	if (how != '+' && how != '-' && strncmp(*p, "..", 2) != 0)
		return false;
	*p += how == '.' ? 2 : 1;
	if (!number(p, &n))
		return false;
	r->lo = how == '-' ? start - n + 1 : start;
	r->hi = how == '-' ? start : how == '+' ? start + n - 1 : n;
	/* sizes of 0 and those that leave the address space wrap around; a size of all of it cannot be given */
	return r->lo <= r->hi && (how == '.' || n);
}

enum vm_err log_filter(struct log *l, const char *list, struct err *e)
{
	struct log_range range[LOG_RANGES];
	unsigned n = 0;

	for (const char *p = list;; p++) {
		if (n == LOG_RANGES)
			return err_set(e, VM_ERR_USAGE, "-dfilter: at most %u ranges", LOG_RANGES);
		if (!one_range(&p, &range[n]) || (*p && *p != ','))
			return err_set(e, VM_ERR_USAGE, "-dfilter: '%s' is not LO..HI, LO+SIZE or HI-SIZE, or several with commas", list);
		n++;
		if (!*p)
			break;
	}
	memcpy(l->range, range, n * sizeof(range[0]));
	l->nranges = n;
	return VM_OK;
}

bool log_shows(const struct log *l, uint64_t at)
{
	for (unsigned i = 0; i < l->nranges; i++)
		if (at >= l->range[i].lo && at <= l->range[i].hi)
			return true;
	return !l->nranges;
}

enum vm_err log_open(struct log *l, const char *path, struct err *e)
{
	const char *pid = strchr(path, '%');
	char name[4096];
	FILE *f;

	if (pid && (pid[1] != 'd' || strchr(pid + 1, '%')))
		return err_set(e, VM_ERR_USAGE, "log file '%s': the only thing after a percent sign is one d, the process number", path);
	if (pid)
		snprintf(name, sizeof(name), "%.*s%d%s", (int)(pid - path), path, (int)getpid(), pid + 2);
	f = fopen(pid ? name : path, "w");
	if (!f)
		return err_errno(e, "cannot open log file '%s'", pid ? name : path);
	if (l->own_out)
		fclose(l->out);
	l->out = f;
	l->own_out = true;
	return VM_OK;
}

void log_printf(struct log *l, enum log_cat c, const char *fmt, ...)
{
	va_list ap;

	if (!log_on(l, c) || !l->out)
		return;
	va_start(ap, fmt);
	vfprintf(l->out, fmt, ap);
	va_end(ap);
}

/* Count @site; return: true if it is the first time. */
static bool site_first(struct log *l, const void *site)
{
	uint64_t h = (uint64_t)(uintptr_t)site * 0x9E3779B97F4A7C15ull >> 32;

	for (unsigned i = 0; i < SITE_PROBES; i++) {
		unsigned at = (h + i) % LOG_SITES;

		if (!l->sites[at])
			l->sites[at] = site;
		else if (l->sites[at] != site)
			continue;
		return l->counts[at]++ == 0;
	}
	return false;
}

void log_once(struct log *l, enum log_cat c, const void *site, const char *fmt, ...)
{
	size_t n = strlen(fmt);
	va_list ap;

	if (!l || !site_first(l, site) || !log_on(l, c) || !l->out)
		return;
	va_start(ap, fmt);
	vfprintf(l->out, fmt, ap);
	va_end(ap);
	if (!n || fmt[n - 1] != '\n')
		fputc('\n', l->out);
}
