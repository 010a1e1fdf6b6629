/*
 * log.c - the -d categories: parsing, printing, and the memory of sites that have spoken once.
 *
 * Sites are kept in a small open-addressed table per machine. When a guest fills it (it can make up to
 * LOG_SITES of them by probing ports), further sites are silent: that bounds both the work and the output.
 */
#include "mmu/base/log.h"
#include <stdarg.h>
#include <string.h>

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
	l->hi = UINT64_MAX;
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
