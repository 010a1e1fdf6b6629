/* live.c - see live.h. */
#include "frontend/live.h"
#include "frontend/explain.h"
#include "frontend/loop.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>

static uint64_t host_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void begin(struct live *v, const struct vcpu *cpu)
{
	v->since = host_now();
	v->insns = cpu->insns;
	v->idle = v->idle_ns;
	v->nplaces = v->samples = 0;
}

static void finish(struct live *v, const struct vcpu *cpu, uint64_t ns)
{
	const struct live_place *best = NULL;

	v->mips = (double)(cpu->insns - v->insns) * 1e3 / (double)ns;
	v->idle_share = (double)(v->idle_ns - v->idle) / (double)ns;
	for (unsigned i = 0; i < v->nplaces; i++)
		if (!best || v->place[i].hits > best->hits)
			best = &v->place[i];
	snprintf(v->hottest, sizeof(v->hottest), "%s", best ? best->name : "");
	v->hot_share = best ? best->hits * 100 / v->samples : 0;
	v->known = true;
}

/* Name of where the CPU is: a symbol without offset, else the page. */
static void where(const struct vcpu *cpu, char *buf, size_t n)
{
	gla_t at = cpu->seg[SEG_CS].base + cpu->rip;
	const struct symbols *s = cpu->history->opaque;
	char name[128], *plus;

	if (s && symbols_name(s, at, name, sizeof(name))) {
		plus = strchr(name, '+');
		if (plus)
			*plus = 0;
		snprintf(buf, n, "%.*s", (int)n - 1, name);
	} else {
		snprintf(buf, n, "page %" PRIx64, at & PAGE_MASK);
	}
}

static void sample(struct live *v, const struct vcpu *cpu)
{
	char name[LIVE_NAME];
	unsigned i;

	if (cpu->halted)
		return;
	v->samples++;
	where(cpu, name, sizeof(name));
	for (i = 0; i < v->nplaces && strcmp(v->place[i].name, name) != 0; i++)
		;
	if (i == LIVE_PLACES)
		return;
	if (i == v->nplaces) {
		v->nplaces++;
		memcpy(v->place[i].name, name, sizeof(name));
		v->place[i].hits = 0;
	}
	v->place[i].hits++;
}

/* The drive whose count of requests has grown since the last look; if several have, any of them. */
static void watch_disks(struct loop *l)
{
	struct live *v = &l->live;

	for (unsigned i = 0; i < CONFIG_PLACES; i++) {
		const struct blk *b = machine_drive(l->m, i);

		if (!b || b->last.count == v->requests[i])
			continue;
		v->requests[i] = b->last.count;
		v->drive = b;
	}
}

static void tick(void *opaque)
{
	struct loop *l = opaque;
	struct live *v = &l->live;
	struct vcpu *cpu = machine_cpu(l->m);
	uint64_t gone = host_now() - v->since;

	sample(v, cpu);
	watch_disks(l);
	if (gone >= NS_PER_SEC) {
		finish(v, cpu, gone);
		begin(v, cpu);
	}
	timer_arm(&v->timer, clock_now(machine_clock(l->m)) + LIVE_SAMPLE_NS);
}

void live_start(struct loop *l)
{
	struct live *v = &l->live;
	struct clock *c = machine_clock(l->m);

	if (v->on || l->icount)
		return;
	v->on = true;
	v->known = false;
	jit_count_insns(machine_jit(l->m), true);
	begin(v, machine_cpu(l->m));
	timer_init(&v->timer, c, tick, l);
	v->timer.outside = true;
	timer_arm(&v->timer, clock_now(c) + LIVE_SAMPLE_NS);
}

void live_stop(struct loop *l)
{
	if (!l->live.on)
		return;
	l->live.on = l->live.known = false;
	timer_cancel(&l->live.timer);
	jit_count_insns(machine_jit(l->m), false);
}

static void interrupt(const struct loop *l, FILE *out)
{
	const struct history *h = machine_cpu(l->m)->history;
	struct hist_rec r;
	uint64_t no = h->nrecs;

	while (history_rec(h, no, &r) && r.what != TR_INTERRUPT)
		no--;
	if (history_rec(h, no, &r))
		fprintf(out, "last interrupt: vector %02x, %.3f s ago\n", (unsigned)r.a,
			(double)(clock_now(machine_clock(l->m)) - r.time) / 1e9);
}

static void disk(struct loop *l, FILE *out)
{
	static const char *const ops[] = {"read", "write", "flush", "discard", "zero"};
	const struct blk *last;

	watch_disks(l);
	last = l->live.drive;
	if (last)
		fprintf(out, "last disk block: %s %s, sector %" PRIu64 " (%u bytes)\n", last->id, ops[last->last.op],
			last->last.off / 512, last->last.len);
}

void live_tell(struct loop *l, FILE *out)
{
	const struct live *v = &l->live;
	struct vcpu *cpu = machine_cpu(l->m);

	hang_describe(&l->hang, cpu, out);
	if (v->known) {
		fprintf(out, "%.1f MIPS, %.0f %% idle\n", v->mips, v->idle_share * 100);
		if (v->hottest[0])
			fprintf(out, "hottest: %s, %u %% of the samples\n", v->hottest, v->hot_share);
	} else {
		fprintf(out, "%s\n", v->on ? "counting ..." : "MIPS, idle share and hottest place: not measured; 'live on' begins");
	}
	interrupt(l, out);
	disk(l, out);
}
