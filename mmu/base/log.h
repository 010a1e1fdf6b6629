/*
 * log.h - the -d categories (log.def) and where their lines go.
 *
 * A struct log belongs to one machine; a layer that has no log pointer does not log. The test is
 * one load and mask, so log_on() may stand in warm code. Never on by default; never in a fault path
 * that a guest can spin on without -d.
 */
#ifndef MMU_BASE_LOG_H
#define MMU_BASE_LOG_H

#include "mmu/base/types.h"
#include "mmu/base/err.h"
#include <stdio.h>

enum log_cat {
#define LOG(id, name, alias, help) LOG_##id,
#include "mmu/base/log.def"
#undef LOG
	LOG_COUNT
};

#define LOG_SITES 256
#define LOG_RANGES 32

struct log {
	uint32_t mask;		 /* BIT(LOG_x) for each category that is on */
	FILE *out;		 /* stderr, or -D FILE; borrowed unless own_out */
	bool own_out;
	struct log_range {
		uint64_t lo, hi; /* both included */
	} range[LOG_RANGES];	 /* -dfilter: linear addresses for IN IR OPT OUT EXEC CPU */
	unsigned nranges;	 /* 0: all addresses */
	const void *sites[LOG_SITES]; /* once-per-site memory of UNIMP and GUEST_ERR */
	uint64_t counts[LOG_SITES];
};

static inline bool log_on(const struct log *l, enum log_cat c)
{
	return l && UNLIKELY(l->mask & (1u << c));
}

void log_init(struct log *l); /* nothing on, to stderr, filter open */
void log_fini(struct log *l);

/**
 * log_parse() - switch on the categories of a -d argument such as "in,int" (either spelling; "help" and
 * unknown words are VM_ERR_USAGE with the list in @e)
 */
enum vm_err log_parse(struct log *l, const char *list, struct err *e);

/**
 * log_filter() - the ranges of a -dfilter argument, instead of those before: START..END, START+SIZE, START-SIZE (what ends
 * at START), separated by commas, C's notation of numbers. VM_ERR_USAGE, and nothing changed, if it is no such list.
 */
enum vm_err log_filter(struct log *l, const char *list, struct err *e);
bool log_shows(const struct log *l, uint64_t at); /* is linear address @at in one of the ranges? */

/**
 * log_open() - lines go to the file @path from now on; one "%d" in it is the process number. VM_ERR_USAGE: another
 * percent sign; VM_ERR_IO: it cannot be opened, and lines go where they went.
 */
enum vm_err log_open(struct log *l, const char *path, struct err *e);

/* log_printf() - one line (caller gives the newline) if category @c is on. */
void log_printf(struct log *l, enum log_cat c, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* log_once() - as log_printf(), but only the first time for this @site in this machine. */
void log_once(struct log *l, enum log_cat c, const void *site, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Not emulated / guest misbehaved: counted, one line per site with -d unimp / guest, defined result. */
#define LOG_SITE_MARK ({ static const char site_mark; (const void *)&site_mark; })
#define UNIMP(log, ...) log_once((log), LOG_UNIMP, LOG_SITE_MARK, __VA_ARGS__)
#define GUEST_ERR(log, ...) log_once((log), LOG_GUEST, LOG_SITE_MARK, __VA_ARGS__)

#endif
