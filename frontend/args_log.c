/* args_log.c - -d and -trace: which categories of the log are on (args_spec.h). */
#include "frontend/args_spec.h"
#include "frontend/trace.h"
#include "mmu/base/log.h"
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static void add_category(struct args *a, const char *name)
{
	char all[512];

	snprintf(all, sizeof(all), "%s%s%s", a->log ? a->log : "", a->log ? "," : "", name);
	a->log = spec_keep(a, all);
}

/* One word of -d. Those of other emulators' lists that name nothing here are told, so that nobody waits for their lines. */
static enum vm_err log_word(struct args *a, const char *w, struct err *e)
{
	static const char *const absent[] = {"fpu", "vpu", "pcall", "tid", "plugin", "strace", "op_ind"};
	struct log judge;

	if (!strcmp(w, "nochain")) {
		a->cfg.jit.no_link = true;
		return VM_OK;
	}
	if (!strncmp(w, "trace:", 6))
		return spec_trace(a, w + 6, e);
	for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
		if (!strcmp(w, absent[i])) {
			spec_warn(a, "-d: '%s': nothing is logged under this name", w);
			return VM_OK;
		}
	}
	log_init(&judge);
	if (log_parse(&judge, w, e))
		return e->code;
	add_category(a, w);
	return VM_OK;
}

enum vm_err spec_log(struct args *a, const char *v, struct err *e)
{
	char *save = NULL;

	for (char *w = strtok_r(spec_keep(a, v), ",", &save); w; w = strtok_r(NULL, ",", &save))
		if (log_word(a, w, e))
			return e->code;
	return VM_OK;
}

/*
 * With a pattern, as QEMU's: the events are the log's categories, the pattern chooses among their names, file= is the log.
 * With a file alone: the timeline of trace.h.
 */
enum vm_err spec_trace(struct args *a, const char *v, struct err *e)
{
	static const char *const names[] = {
#define LOG(id, name, alias, help) name,
#include "mmu/base/log.def"
#undef LOG
	};
	const char *file = NULL;
	bool patterns = false;
	struct items it;

	for (items_begin(&it, a, v, "enable"); items_next(&it);) {
		bool hit = false;

		if (!strcmp(it.key, "file")) {
			file = it.val;
			continue;
		}
		if (!strcmp(it.key, "os"))
			continue; /* trace_check() judges it */
		if (strcmp(it.key, "enable"))
			return err_set(e, VM_ERR_USAGE, "-trace: unknown key '%s' (enable, file, os)", it.key);
		for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
			if (fnmatch(it.val, names[i], 0))
				continue;
			add_category(a, names[i]);
			hit = patterns = true;
		}
		if (!hit)
			return spec_unknown("trace", "event", it.val, names, ARRAY_SIZE(names), e);
	}
	if (patterns) {
		a->log_file = file ? file : a->log_file;
		return VM_OK;
	}
	a->trace = v;
	return trace_check(v, e);
}
