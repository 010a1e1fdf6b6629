/*
 * trace.c - from the trap log's transitions to slices of a timeline (trace.h).
 *
 * A handler's slice ends at the return to where it was entered from, or at the latest when ring 3 runs again, because
 * a kernel may leave a handler by another way than an IRET to the same place. A system call's slice ends when ring 3
 * runs again in its address space, however long other processes run in between.
 */
#include "frontend/trace.h"
#include "frontend/explain.h"
#include "frontend/trace_pb.h"
#include "cpu/mode.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { T_GUEST = 1, T_RING, T_MODE, T_SPACE, T_LINE, T_INTERRUPTS, T_EXCEPTIONS, T_DEVICES, T_COUNT_EXC, T_COUNT_TLB,
	T_COUNT_INSNS, T_SYSCALLS = 0x1000 /* + number of the address space */ };
enum { EVENT_COUNTER_VALUE = 30, EVENT_FLOW = 47, EVENT_FLOW_END = 48 };

#define MAX_SPACES 256
#define MAX_OPEN 32
#define COUNTER_NS 10000000

struct open_slice {
	uint64_t track, rip;
	uint16_t cs;
};

struct trace {
	struct machine *m;
	FILE *f;
	char *path;
	bool linux_names, broken;
	struct open_slice open[MAX_OPEN];
	unsigned nopen;
	int ring;	      /* of the slice that is open: -1 none */
	const char *mode;     /* likewise, or NULL */
	uint64_t space;	      /* CR3 of the slice that is open */
	bool has_space;
	uint64_t spaces[MAX_SPACES]; /* CR3s that have a system-call track; the last one is everybody else's */
	uint8_t calls[MAX_SPACES]; /* slices open on it */
	unsigned nspaces;
	uint64_t flow;	      /* of an edge of the interrupt line that no handler has answered yet */
	uint64_t flows, counted;
};

static void emit(struct trace *t, uint64_t ns, const struct pb *e)
{
	if (!pb_packet(t->f, ns, e))
		t->broken = true;
}

static void end(struct trace *t, uint64_t ns, uint64_t track)
{
	struct pb e;

	pb_event(&e, EV_END, track, NULL);
	emit(t, ns, &e);
}

static void begin(struct trace *t, uint64_t ns, uint64_t track, const char *name)
{
	struct pb e;

	pb_event(&e, EV_BEGIN, track, name);
	emit(t, ns, &e);
}

/* ---- states: ring, mode, address space ---- */

/* Without the code size of protected mode, which a far jump changes and the log does not note. */
static const char *mode_name(uint32_t mode)
{
	return !(mode & MODE_PE) ? "real" : mode & MODE_VM ? "virtual-8086" : !(mode & MODE_LMA) ? "protected"
		: (mode & MODE_CODE_MASK) == MODE_CODE64 ? "64-bit" : "compatibility";
}

static void states(struct trace *t, const struct hist_rec *r)
{
	const char *mode = mode_name(r->to.mode);
	uint64_t cr3 = r->cr3 & 0x000FFFFFFFFFF000ull;
	char name[40];

	if (t->ring != r->to.cpl) {
		if (t->ring >= 0)
			end(t, r->time, T_RING);
		t->ring = r->to.cpl;
		snprintf(name, sizeof(name), "ring %d", t->ring);
		begin(t, r->time, T_RING, name);
	}
	if (!t->mode || strcmp(t->mode, mode)) {
		if (t->mode)
			end(t, r->time, T_MODE);
		t->mode = mode;
		begin(t, r->time, T_MODE, mode);
	}
	if (!t->has_space || t->space != cr3) {
		if (t->has_space)
			end(t, r->time, T_SPACE);
		t->has_space = true;
		t->space = cr3;
		snprintf(name, sizeof(name), "CR3 %" PRIx64, cr3);
		begin(t, r->time, T_SPACE, name);
	}
}

/* ---- handlers ---- */

static void close_down_to(struct trace *t, uint64_t ns, unsigned n)
{
	while (t->nopen > n)
		end(t, ns, t->open[--t->nopen].track);
}

static void enter(struct trace *t, const struct hist_rec *r)
{
	const struct history *h = machine_cpu(t->m)->history;
	const struct trap *trap = history_trap(h, r->trap);
	bool exception = r->what == TR_EXCEPTION;
	char name[64];
	struct pb e;

	if (t->nopen == MAX_OPEN)
		close_down_to(t, r->time, 0);
	if (trap)
		snprintf(name, sizeof(name), "%s %s", explain_vector((unsigned)r->a), check_rows[trap->ev.check].id);
	else
		snprintf(name, sizeof(name), "interrupt %02x", (unsigned)r->a);
	pb_event(&e, EV_BEGIN, exception ? T_EXCEPTIONS : T_INTERRUPTS, name);
	pb_note(&e, "from", r->from.base + r->from.rip);
	pb_note(&e, "handler", r->to.base + r->to.rip);
	if (trap && trap->ev.has_code)
		pb_note(&e, "error code", trap->ev.code);
	if (trap && trap->ev.vec == 14)
		pb_note(&e, "address", trap->ev.cr2);
	if (!exception && t->flow) {
		pb_fixed64(&e, EVENT_FLOW_END, t->flow);
		t->flow = 0;
	}
	emit(t, r->time, &e);
	t->open[t->nopen++] = (struct open_slice){exception ? T_EXCEPTIONS : T_INTERRUPTS, r->from.rip, r->from.cs};
}

static void leave(struct trace *t, const struct hist_rec *r)
{
	unsigned i = t->nopen;

	while (i && (t->open[i - 1].rip != r->to.rip || (t->open[i - 1].cs & ~3) != (r->to.cs & ~3)))
		i--;
	if (i)
		close_down_to(t, r->time, i - 1);
}

/* ---- system calls ---- */

/* The number of the address space's track; made when it is new. */
static unsigned space_of(struct trace *t, uint64_t cr3)
{
	char name[48];
	unsigned i = 0;

	cr3 &= 0x000FFFFFFFFFF000ull;
	while (i < t->nspaces && t->spaces[i] != cr3)
		i++;
	if (i < t->nspaces)
		return i;
	if (i == MAX_SPACES)
		return MAX_SPACES - 1;
	t->spaces[t->nspaces++] = cr3;
	snprintf(name, sizeof(name), i == MAX_SPACES - 1 ? "system calls, others" : "system calls, CR3 %" PRIx64, cr3);
	if (!pb_track(t->f, T_SYSCALLS + i, T_GUEST, name, NULL))
		t->broken = true;
	return i;
}

static const char *const linux64[] = {
#define NR64(n, name) [n] = #name,
#define NR32(n, name)
#include "frontend/syscalls.def"
#undef NR64
#undef NR32
};
static const char *const linux32[] = {
#define NR64(n, name)
#define NR32(n, name) [n] = #name,
#include "frontend/syscalls.def"
#undef NR64
#undef NR32
};

static const char *linux_name(bool wide, uint64_t n)
{
	uint32_t k = (uint32_t)n;

	return wide ? k < ARRAY_SIZE(linux64) ? linux64[k] : NULL : k < ARRAY_SIZE(linux32) ? linux32[k] : NULL;
}

static void call(struct trace *t, const struct hist_rec *r)
{
	unsigned i = space_of(t, r->cr3);
	bool wide = r->what == TR_SYSCALL && mode_code_size(r->from.mode) == 8;
	const char *known = t->linux_names && (r->what == TR_SYSCALL || r->a == 0x80) ? linux_name(wide, r->b) : NULL;
	char name[48];
	struct pb e;

	if (known)
		snprintf(name, sizeof(name), "%s", known);
	else if (r->what == TR_SYSCALL)
		snprintf(name, sizeof(name), "system call %" PRId64, (int64_t)r->b);
	else
		snprintf(name, sizeof(name), "int %02x, AX %" PRIx64, (unsigned)r->a, r->b & 0xFFFF);
	if (t->calls[i] == UINT8_MAX)
		return;
	t->calls[i]++;
	pb_event(&e, EV_BEGIN, T_SYSCALLS + i, name);
	pb_note(&e, "from", r->from.base + r->from.rip);
	emit(t, r->time, &e);
}

static void ring3_runs(struct trace *t, const struct hist_rec *r)
{
	uint64_t cr3 = r->cr3 & 0x000FFFFFFFFFF000ull;

	close_down_to(t, r->time, 0);
	for (unsigned i = 0; i < t->nspaces; i++)
		if (t->spaces[i] == cr3)
			for (; t->calls[i]; t->calls[i]--)
				end(t, r->time, T_SYSCALLS + i);
}

/* ---- counters ---- */

static void counter(struct trace *t, uint64_t ns, uint64_t track, uint64_t v)
{
	struct pb e;

	pb_event(&e, EV_COUNTER, track, NULL);
	pb_uint(&e, EVENT_COUNTER_VALUE, v);
	emit(t, ns, &e);
}

static void counters(struct trace *t, uint64_t ns)
{
	const struct vcpu *cpu = machine_cpu(t->m);

	if (ns - t->counted < COUNTER_NS)
		return;
	t->counted = ns;
	counter(t, ns, T_COUNT_EXC, cpu->history->ntraps);
	counter(t, ns, T_COUNT_TLB, cpu->mmu.fills);
	if (cpu->insns)
		counter(t, ns, T_COUNT_INSNS, cpu->insns);
}

/* ---- what the machine tells ---- */

static void seen(void *opaque, struct vcpu *cpu, const struct hist_rec *r)
{
	struct trace *t = opaque;

	states(t, r);
	switch (r->what) {
	case TR_EXCEPTION:
	case TR_INTERRUPT:
		enter(t, r);
		break;
	case TR_SOFTINT:
	case TR_SYSCALL:
		call(t, r);
		break;
	case TR_IRET:
	case TR_FARRET:
		leave(t, r);
		break;
	default:
		break;
	}
	if (r->to.cpl == 3 && r->from.cpl != 3)
		ring3_runs(t, r);
	else if ((r->what == TR_IRET || r->what == TR_FARRET) && !(r->to.mode & MODE_PE))
		/* no rings: an INT n of real mode ends at any return there that no handler claims */
		for (unsigned i = 0; i < t->nspaces; i++)
			if (t->calls[i] && t->spaces[i] == (r->cr3 & 0x000FFFFFFFFFF000ull)) {
				t->calls[i]--;
				end(t, r->time, T_SYSCALLS + i);
			}
	counters(t, r->time);
}

static void line(void *opaque, struct vcpu *cpu, int level)
{
	struct trace *t = opaque;
	struct pb e;

	if (!level || t->flow)
		return;
	t->flow = ++t->flows;
	pb_event(&e, EV_INSTANT, T_LINE, "INTR rises");
	pb_fixed64(&e, EVENT_FLOW, t->flow);
	emit(t, clock_now(cpu->clock), &e);
}

static void access(void *opaque, const char *device, uint64_t addr, uint64_t v, unsigned size, bool write)
{
	struct trace *t = opaque;
	char name[64];
	struct pb e;

	snprintf(name, sizeof(name), "%s %s", device, write ? "write" : "read");
	pb_event(&e, EV_INSTANT, T_DEVICES, name);
	pb_note(&e, "register", addr);
	pb_note(&e, "value", v);
	pb_note(&e, "bytes", size);
	emit(t, clock_now(machine_clock(t->m)), &e);
}

/* ---- the argument ---- */

static enum vm_err parse(const char *arg, char *path, size_t n, bool *linux_names, struct err *e)
{
	const char *p = arg;

	path[0] = 0;
	*linux_names = false;
	while (*p) {
		size_t len = strcspn(p, ",");

		if (!strncmp(p, "file=", 5) && len - 5 < n)
			snprintf(path, n, "%.*s", (int)len - 5, p + 5);
		else if (len == 8 && !strncmp(p, "os=linux", 8))
			*linux_names = true;
		else
			return err_set(e, VM_ERR_USAGE, "-trace: '%.*s' is not file=NAME or os=linux", (int)len, p);
		p += len;
		p += *p == ',';
	}
	return path[0] ? VM_OK : err_set(e, VM_ERR_USAGE, "-trace: '%s' names no file (file=NAME)", arg);
}

enum vm_err trace_check(const char *arg, struct err *e)
{
	char path[512];
	bool linux_names;

	return parse(arg, path, sizeof(path), &linux_names, e);
}

static void tracks(struct trace *t)
{
	static const struct {
		uint64_t uuid;
		const char *name, *unit;
	} rows[] = {{T_RING, "ring", NULL}, {T_MODE, "mode", NULL}, {T_SPACE, "address space", NULL},
		{T_LINE, "interrupt line", NULL}, {T_INTERRUPTS, "interrupts", NULL}, {T_EXCEPTIONS, "exceptions", NULL},
		{T_DEVICES, "devices", NULL}, {T_COUNT_EXC, "exceptions, total", "exceptions"},
		{T_COUNT_TLB, "TLB fills, total", "fills"}, {T_COUNT_INSNS, "instructions, total", "instructions"}};

	t->broken |= !pb_track(t->f, T_GUEST, 0, "guest", NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		t->broken |= !pb_track(t->f, rows[i].uuid, T_GUEST, rows[i].name, rows[i].unit);
}

enum vm_err trace_new(struct trace **out, struct machine *m, const char *arg, struct err *e)
{
	struct trace *t = calloc(1, sizeof(*t));
	struct history *h = machine_cpu(m)->history;
	char path[512];
	enum vm_err r;

	BUG_ON(!t);
	r = parse(arg, path, sizeof(path), &t->linux_names, e);
	if (!r) {
		t->f = fopen(path, "wb");
		r = t->f ? VM_OK : err_errno(e, "cannot write '%s'", path);
	}
	if (r) {
		free(t);
		return r;
	}
	t->m = m;
	t->path = strdup(path);
	t->ring = -1;
	tracks(t);
	states(t, &(struct hist_rec){.time = clock_now(machine_clock(m)), .cr3 = machine_cpu(m)->cr3,
		.to = place_now(machine_cpu(m))});
	h->seen = seen;
	h->line = line;
	h->seen_opaque = t;
	machine_memory(m)->traced = machine_ports(m)->traced = access;
	machine_memory(m)->traced_opaque = machine_ports(m)->traced_opaque = t;
	*out = t;
	return VM_OK;
}

void trace_free(struct trace *t)
{
	struct history *h;

	if (!t)
		return;
	h = machine_cpu(t->m)->history;
	h->seen = NULL;
	h->line = NULL;
	machine_memory(t->m)->traced = machine_ports(t->m)->traced = NULL;
	if (fclose(t->f) || t->broken)
		fprintf(stderr, "dragoman: the trace '%s' is incomplete\n", t->path);
	free(t->path);
	free(t);
}
