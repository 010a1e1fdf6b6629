/* monitor_history.c - info traps, info history: the trap log, filtered. */
#include "frontend/monitor_priv.h"
#include "frontend/explain.h"
#include "frontend/trace.h"
#include "jit/jit.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct filter {
	uint64_t count, vec, ring, lo, hi, cr3;
	bool by_vec, by_ring, by_addr, by_cr3;
	const char *kind; /* transition name, or NULL */
};

static bool parse_addr(struct mon *mon, char *v, struct filter *f)
{
	char *dots = strstr(v, "..");

	if (dots)
		*dots = 0;
	f->by_addr = true;
	if (!mon_number(mon, v, &f->lo))
		return false;
	f->hi = f->lo;
	return !dots || mon_number(mon, dots + 2, &f->hi);
}

/* Words: COUNT vec=N ring=N addr=LO[..HI] cr3=N kind=NAME. False: said what is wrong. */
static bool parse_filter(struct mon *mon, struct filter *f)
{
	char *w;

	*f = (struct filter){.count = 20};
	while ((w = mon_word(mon))) {
		char *eq = strchr(w, '=');
		bool ok;

		if (!eq) {
			ok = mon_number(mon, w, &f->count);
		} else if (!strncmp(w, "vec=", 4)) {
			f->by_vec = true;
			ok = mon_number(mon, eq + 1, &f->vec);
		} else if (!strncmp(w, "ring=", 5)) {
			f->by_ring = true;
			ok = mon_number(mon, eq + 1, &f->ring);
		} else if (!strncmp(w, "cr3=", 4)) {
			f->by_cr3 = true;
			ok = mon_number(mon, eq + 1, &f->cr3);
		} else if (!strncmp(w, "addr=", 5)) {
			ok = parse_addr(mon, eq + 1, f);
		} else if (!strncmp(w, "kind=", 5)) {
			f->kind = eq + 1;
			ok = true;
		} else {
			fprintf(mon->out, "'%s' is not COUNT, vec=N, ring=N, addr=LO[..HI], cr3=N or kind=NAME\n", w);
			return false;
		}
		if (!ok)
			return false;
	}
	return true;
}

static bool in_range(const struct filter *f, const struct place *p)
{
	uint64_t at = p->base + p->rip;

	return at >= f->lo && at <= f->hi;
}

/* @vec: -1 for what has none */
static bool passes(const struct filter *f, int vec, const struct place *from, const struct place *to, uint64_t cr3)
{
	if (f->by_vec && (vec < 0 || (uint64_t)vec != f->vec))
		return false;
	if (f->by_ring && from->cpl != f->ring)
		return false;
	if (f->by_cr3 && (cr3 & ~0x1Full) != (f->cr3 & ~0x1Full) && (cr3 & PAGE_MASK) != f->cr3)
		return false;
	return !f->by_addr || in_range(f, from) || in_range(f, to);
}

static bool trap_passes(const struct filter *f, const struct trap *t)
{
	return passes(f, t->ev.vec, &t->at, t->delivered ? &t->to : &t->at, t->cr3);
}

static const char *outcome(const struct trap *t)
{
	return t->delivered ? "" : t->shutdown ? " SHUTDOWN" : " delivery failed";
}

static void trap_line(FILE *o, const struct vcpu *cpu, const struct trap *t)
{
	fprintf(o, "#%-6" PRIu64, t->no);
	explain_time(o, t->time);
	fprintf(o, " %3u %-3s", t->ev.vec, explain_vector(t->ev.vec));
	if (t->ev.has_code)
		fprintf(o, " code %04x ", t->ev.code);
	else
		fprintf(o, "           ");
	explain_place(o, &t->at);
	explain_symbol(o, cpu, t->at.base + t->at.rip);
	if (t->ev.vec == 14 && t->ev.kind == EV_FAULT)
		fprintf(o, " cr2 %" PRIx64, t->ev.cr2);
	fprintf(o, " %s%s\n", t->ev.kind == EV_EXT ? "(interrupt)" : check_rows[t->ev.check].id, outcome(t));
}

void info_traps(struct mon *mon)
{
	const struct history *h = machine_cpu(mon->m)->history;
	const struct trap *t;
	struct filter f;
	uint64_t no = h->ntraps, first = no + 1, n = 0;

	if (!parse_filter(mon, &f))
		return;
	for (; n < f.count && (t = history_trap(h, no)); no--) {
		if (!trap_passes(&f, t))
			continue;
		first = no;
		n++;
	}
	for (no = first; (t = history_trap(h, no)); no++)
		if (trap_passes(&f, t))
			trap_line(mon->out, machine_cpu(mon->m), t);
	fprintf(mon->out, "%" PRIu64 " exceptions so far; 'explain N' tells one\n", h->ntraps);
}

/* The newest exception that passes: its number, 0 if there is none. */
static uint64_t newest_trap(const struct history *h, const struct filter *f)
{
	const struct trap *t;
	uint64_t no = h->ntraps;

	while ((t = history_trap(h, no)) && !trap_passes(f, t))
		no--;
	return t ? no : 0;
}

void cmd_explain(struct mon *mon)
{
	struct vcpu *cpu = machine_cpu(mon->m);
	const struct history *h = cpu->history;
	uint64_t no = h->ntraps;
	const struct trap *t;
	struct filter f;
	char *w = mon->args;

	w += strspn(w, " ");
	if (*w && strchr(w, '=')) {
		if (!parse_filter(mon, &f))
			return;
		no = newest_trap(h, &f);
		if (!no) {
			fprintf(mon->out, "no such exception in the log\n");
			return;
		}
	} else if ((w = mon_word(mon)) && !mon_number(mon, *w == '#' ? w + 1 : w, &no)) {
		return;
	}
	t = history_trap(h, no);
	if (!h->ntraps)
		fprintf(mon->out, "no exception so far\n");
	else if (!t)
		fprintf(mon->out, "trap #%" PRIu64 " is not in the log, which holds #%" PRIu64 " to #%" PRIu64 "\n", no,
			h->ntraps > HISTORY_TRAPS ? h->ntraps - HISTORY_TRAPS + 1 : 1, h->ntraps);
	else if (t->shutdown)
		explain_chain(mon->out, cpu, t);
	else
		explain_trap(mon->out, cpu, t);
}

void cmd_live(struct mon *mon)
{
	const char *w = mon_word(mon);

	if (w && !strcmp(w, "on"))
		live_start(mon->l);
	else if (w && !strcmp(w, "off"))
		live_stop(mon->l);
	else
		fprintf(mon->out, "live needs on or off\n");
}

void cmd_trap_log(struct mon *mon)
{
	const char *w = mon_word(mon);

	if (w && !strcmp(w, "on"))
		loop_trap_log(mon->l, true, jit_counts_cheaply(machine_jit(mon->m)));
	else if (w && (!strcmp(w, "count") || !strcmp(w, "plain")))
		loop_trap_log(mon->l, true, *w == 'c');
	else if (w && !strcmp(w, "off"))
		loop_trap_log(mon->l, false, false);
	else
		fprintf(mon->out, "trap-log needs on, off, plain or count\n");
}

void cmd_trace(struct mon *mon)
{
	const char *w = mon_word(mon);
	struct err e;

	if (w && !strcmp(w, "off") && !mon->l->trace) {
		fprintf(mon->out, "no timeline is being written\n");
	} else if (w && !strcmp(w, "off")) {
		trace_free(mon->l->trace);
		mon->l->trace = NULL;
	} else if (!w) {
		fprintf(mon->out, "trace needs file=NAME, or off\n");
	} else if (mon->l->trace) {
		fprintf(mon->out, "a timeline is being written; 'trace off' ends it\n");
	} else if (machine_cpu(mon->m)->history->seen) {
		fprintf(mon->out, "the trap log has another reader\n");
	} else if (trace_new(&mon->l->trace, mon->m, w, mon->l->icount, &e)) {
		fprintf(mon->out, "%s\n", e.msg);
	}
}

static int rec_vector(const struct hist_rec *r)
{
	return r->what == TR_EXCEPTION || r->what == TR_INTERRUPT || r->what == TR_SOFTINT ? (int)(r->a & 0xFF) : -1;
}

static bool rec_passes(const struct filter *f, const struct hist_rec *r)
{
	if (f->kind && strcmp(f->kind, transition_names[r->what]))
		return false;
	return passes(f, rec_vector(r), &r->from, &r->to, r->cr3);
}

static void rec_details(FILE *o, const struct hist_rec *r)
{
	switch (r->what) {
	case TR_EXCEPTION:
	case TR_INTERRUPT:
	case TR_SOFTINT:
		fprintf(o, " %3u %-3s", (unsigned)r->a, r->what == TR_EXCEPTION ? explain_vector((unsigned)r->a) : "");
		break;
	case TR_SYSCALL:
		fprintf(o, " %7" PRId64, (int64_t)r->b);
		break;
	case TR_CR3:
		fprintf(o, " %07" PRIx64, r->a);
		break;
	case TR_TASK:
		fprintf(o, " %02x->%02x ", (unsigned)r->a, (unsigned)r->b);
		break;
	case TR_MODE:
		fprintf(o, " CR0 %" PRIx64 " EFER %" PRIx64, r->a, r->b);
		break;
	default:
		fprintf(o, "        ");
	}
}

static void rec_line(FILE *o, const struct vcpu *cpu, uint64_t no, const struct hist_rec *r)
{
	fprintf(o, "#%-7" PRIu64, no);
	explain_time(o, r->time);
	if (r->insns)
		fprintf(o, " %12" PRIu64, r->insns);
	fprintf(o, " %-9s", transition_names[r->what]);
	rec_details(o, r);
	fprintf(o, " ");
	explain_place(o, &r->from);
	explain_symbol(o, cpu, r->from.base + r->from.rip);
	if (r->what != TR_CR3 && r->what != TR_MODE) {
		fprintf(o, " -> ");
		explain_place(o, &r->to);
		explain_symbol(o, cpu, r->to.base + r->to.rip);
	}
	if (r->trap)
		fprintf(o, " trap #%" PRIu64, r->trap);
	fputc('\n', o);
}

void info_history(struct mon *mon)
{
	const struct history *h = machine_cpu(mon->m)->history;
	struct hist_rec r;
	struct filter f;
	uint64_t no = h->nrecs, first = no + 1, n = 0;

	if (!parse_filter(mon, &f))
		return;
	for (; n < f.count && history_rec(h, no, &r); no--) {
		if (!rec_passes(&f, &r))
			continue;
		first = no;
		n++;
	}
	for (no = first; history_rec(h, no, &r); no++)
		if (rec_passes(&f, &r))
			rec_line(mon->out, machine_cpu(mon->m), no, &r);
	fprintf(mon->out, "%" PRIu64 " transitions so far, the last %u kept\n", h->nrecs, HISTORY_RECS);
}
