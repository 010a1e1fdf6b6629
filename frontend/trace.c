/*
 * trace.c - from the trap log's transitions to slices of a timeline (trace.h).
 *
 * A handler's slice ends at the return to where it was entered from, or at the latest when ring 3 runs again, because
 * a kernel may leave a handler by another way than an IRET to the same place. A system call's slice ends when ring 3
 * runs again in its address space, however long other processes run in between.
 *
 * A device that pulls its line begins a flow, which ends at the handler of the vector that the interrupt controllers give that
 * line; the CPU's INTR wire begins another one, the only one that a local APIC's timer or a message has.
 */
#include "frontend/trace.h"
#include "frontend/explain.h"
#include "frontend/symbols.h"
#include "frontend/trace_linux.h"
#include "frontend/trace_pb.h"
#include "cpu/mode.h"
#include "jit/jit.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { T_GUEST = 1, T_RING, T_MODE, T_SPACE, T_LINE, T_INTERRUPTS, T_EXCEPTIONS, T_DEVICES, T_COUNT_EXC, T_COUNT_TLB,
	T_COUNT_INSNS, T_COUNT_MIPS, T_COUNT_EXITS, T_REQUESTS, T_SYSCALLS = 0x1000 /* + number of the program's track */ };
enum { EVENT_COUNTER_VALUE = 30, EVENT_COUNTER_DOUBLE = 44, EVENT_FLOW = 47, EVENT_FLOW_END = 48 };

#define MAX_SPACES 256
#define MAX_OPEN 32
#define COUNTER_NS 10000000

struct open_slice {
	uint64_t track, rip;
	uint16_t cs;
};

/* An address space that has made system calls, while one program runs in it */
struct space_track {
	uint64_t space, uuid, back; /* back: where the innermost call returns to, 0: not known */
	unsigned calls;		    /* slices open */
	bool used, exiting;
};

struct trace {
	struct machine *m;
	FILE *f;
	char *path;
	struct linux_procs *procs; /* os=linux, or NULL */
	bool broken, exiting; /* exiting: a track is */
	struct open_slice open[MAX_OPEN];
	unsigned nopen;
	int ring;	      /* of the slice that is open: -1 none */
	const char *mode;     /* likewise, or NULL */
	uint64_t space;	      /* likewise: CR3, space_of() */
	bool has_space;
	struct space_track spaces[MAX_SPACES]; /* the last one is everybody else's */
	unsigned nspaces;     /* entries that have been used */
	struct space_track *last; /* found last */
	unsigned programs;    /* tracks made for them */
	uint64_t flows;	      /* given out */
	uint64_t flow;	      /* of an edge of the interrupt line that no handler has answered yet */
	uint64_t irq_flow[MACHINE_GSIS]; /* of a device's request, likewise */
	const char *irq_name[MACHINE_GSIS]; /* who pulled last */
	uint64_t counted, counted_insns, counted_exits;
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

/* CR3 without what is no address: PCID, PCD, PWT. A PAE table of Linux may share its page with others. */
static uint64_t space_of(const struct hist_rec *r)
{
	return r->cr3 & (r->to.mode & MODE_LMA ? 0x000FFFFFFFFFF000ull : 0xFFFFFFE0ull);
}

static void space_name(const struct trace *t, uint64_t space, char *name, size_t n)
{
	const char *process = t->procs ? linux_process(t->procs, space) : NULL;

	if (process)
		snprintf(name, n, "%s (CR3 %" PRIx64 ")", process, space);
	else
		snprintf(name, n, "CR3 %" PRIx64, space);
}

static void states(struct trace *t, const struct hist_rec *r)
{
	static const char *const rings[] = {"ring 0", "ring 1", "ring 2", "ring 3"};
	const char *mode = mode_name(r->to.mode);
	uint64_t space = space_of(r);
	char name[80];

	if (t->ring != r->to.cpl) {
		/* the others lie within ring 0's, which halves the packets of a system call */
		if (t->ring > 0)
			end(t, r->time, T_RING);
		if (t->ring < 0)
			begin(t, r->time, T_RING, rings[0]);
		t->ring = r->to.cpl;
		if (t->ring)
			begin(t, r->time, T_RING, rings[t->ring & 3]);
	}
	if (!t->mode || strcmp(t->mode, mode)) {
		if (t->mode)
			end(t, r->time, T_MODE);
		t->mode = mode;
		begin(t, r->time, T_MODE, mode);
	}
	if (!t->has_space || t->space != space) {
		if (t->has_space)
			end(t, r->time, T_SPACE);
		t->has_space = true;
		t->space = space;
		space_name(t, space, name, sizeof(name));
		begin(t, r->time, T_SPACE, name);
	}
}

/* ---- handlers ---- */

static void close_down_to(struct trace *t, uint64_t ns, unsigned n)
{
	while (t->nopen > n)
		end(t, ns, t->open[--t->nopen].track);
}

/* An address of code: by name where there are symbols */
static void note_code(const struct trace *t, struct pb *e, const char *what, uint64_t at)
{
	const struct symbols *known = machine_cpu(t->m)->history->opaque;
	char name[128];

	if (known && symbols_name(known, at, name, sizeof(name)))
		pb_note_text(e, what, name);
	else
		pb_note(e, what, at);
}

static void interrupt_name(const struct trace *t, unsigned vec, int source, char *name, size_t n)
{
	if (source == MACHINE_APIC_TIMER)
		snprintf(name, n, "local APIC timer (interrupt %02x)", vec);
	else if (source >= 0 && t->irq_name[source])
		snprintf(name, n, "IRQ %d %s (interrupt %02x)", source, t->irq_name[source], vec);
	else if (source >= 0)
		snprintf(name, n, "IRQ %d (interrupt %02x)", source, vec);
	else
		snprintf(name, n, "interrupt %02x", vec);
}

/* The flows that end at the handler of an interrupt from @source, see machine_vector_source() */
static void end_flows(struct trace *t, struct pb *e, int source)
{
	if (source >= 0 && source < MACHINE_GSIS && t->irq_flow[source]) {
		pb_fixed64(e, EVENT_FLOW_END, t->irq_flow[source]);
		t->irq_flow[source] = 0;
	}
	if (t->flow)
		pb_fixed64(e, EVENT_FLOW_END, t->flow);
	t->flow = 0;
}

static void enter(struct trace *t, const struct hist_rec *r)
{
	const struct trap *trap = history_trap(machine_cpu(t->m)->history, r->trap);
	bool exception = r->what == TR_EXCEPTION;
	int source = exception ? -1 : machine_vector_source(t->m, (unsigned)r->a);
	uint64_t track = exception ? T_EXCEPTIONS : T_INTERRUPTS;
	char name[80];
	struct pb e;

	if (t->nopen == MAX_OPEN)
		close_down_to(t, r->time, 0);
	if (trap)
		snprintf(name, sizeof(name), "%s %s", explain_vector((unsigned)r->a), check_rows[trap->ev.check].id);
	else
		interrupt_name(t, (unsigned)r->a, source, name, sizeof(name));
	pb_event(&e, EV_BEGIN, track, name);
	note_code(t, &e, "from", r->from.base + r->from.rip);
	note_code(t, &e, "handler", r->to.base + r->to.rip);
	if (trap && trap->ev.has_code)
		pb_note(&e, "error code", trap->ev.code);
	if (trap && trap->ev.vec == 14)
		pb_note(&e, "address", trap->ev.cr2);
	if (!exception)
		end_flows(t, &e, source);
	emit(t, r->time, &e);
	t->open[t->nopen++] = (struct open_slice){track, r->from.rip, r->from.cs};
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

static struct space_track *find_track(struct trace *t, uint64_t space)
{
	if (t->last && t->last->used && t->last->space == space)
		return t->last;
	for (unsigned i = 0; i < t->nspaces; i++)
		if (t->spaces[i].used && t->spaces[i].space == space)
			return t->last = &t->spaces[i];
	return NULL;
}

/* The track of what runs in @space now; made when it is new. */
static struct space_track *track_of(struct trace *t, uint64_t space)
{
	struct space_track *s = find_track(t, space);
	char which[80], name[96];
	unsigned i = 0;

	if (s)
		return s;
	while (i < MAX_SPACES - 1 && t->spaces[i].used)
		i++;
	s = &t->spaces[i];
	if (s->used)
		return s;
	if (i >= t->nspaces)
		t->nspaces = i + 1;
	*s = (struct space_track){.space = space, .uuid = T_SYSCALLS + t->programs++, .used = true};
	space_name(t, space, which, sizeof(which));
	snprintf(name, sizeof(name), "system calls, %s", i == MAX_SPACES - 1 ? "others" : which);
	t->broken |= !pb_track(t->f, s->uuid, T_GUEST, name, NULL);
	return s;
}

/* The program that made these calls has ended or become another one. */
static void retire(struct trace *t, uint64_t ns, struct space_track *s)
{
	for (; s->calls; s->calls--)
		end(t, ns, s->uuid);
	s->used = false;
}

static void call(struct trace *t, const struct hist_rec *r)
{
	struct space_track *s = track_of(t, space_of(r));
	bool wide = r->what == TR_SYSCALL && mode_code_size(r->from.mode) == 8;
	const char *known = t->procs && (r->what == TR_SYSCALL || r->a == 0x80) ? linux_call_name(wide, r->b) : NULL;
	char name[48], path[200];
	struct pb e;

	if (known)
		;
	else if (r->what == TR_SYSCALL)
		snprintf(name, sizeof(name), "system call %" PRId64, (int64_t)r->b);
	else
		snprintf(name, sizeof(name), "int %02x, AX %" PRIx64, (unsigned)r->a, r->b & 0xFFFF);
	if (s->calls == UINT8_MAX)
		return;
	s->calls++;
	s->back = r->from.rip + 2; /* SYSCALL, INT n; SYSENTER's way back is the guest's secret */
	pb_event(&e, EV_BEGIN, s->uuid, known ? known : name);
	note_code(t, &e, "from", r->from.base + r->from.rip);
	if (known && linux_call_path(t->procs, machine_cpu(t->m), wide, r->b, path, sizeof(path)))
		pb_note_text(&e, "file", path);
	emit(t, r->time, &e);
	if (!known)
		return;
	if (!strcmp(known, "exit_group"))
		s->exiting = t->exiting = true;
	linux_call(t->procs, wide, r->b, space_of(r), s->back);
}

/* @s's innermost call is over; if it came back to where it was made from, AX has its result. */
static void call_ends(struct trace *t, const struct hist_rec *r, struct space_track *s)
{
	struct pb e;

	pb_event(&e, EV_END, s->uuid, NULL);
	if (t->procs && s->back && s->back == r->to.rip)
		pb_note_int(&e, "result", mode_code_size(r->to.mode) == 8 ? (int64_t)machine_cpu(t->m)->gpr[GPR_RAX]
			: (int32_t)machine_cpu(t->m)->gpr[GPR_RAX]);
	emit(t, r->time, &e);
	s->back = 0;
	s->calls--;
}

static void ring3_runs(struct trace *t, const struct hist_rec *r)
{
	uint64_t space = space_of(r);
	bool fresh = t->procs && linux_user(t->procs, machine_cpu(t->m), mode_code_size(r->to.mode) == 8, space, r->to.rip);
	struct space_track *s;
	char name[80];

	close_down_to(t, r->time, 0);
	for (unsigned i = 0; t->exiting && i < t->nspaces; i++)
		if (t->spaces[i].used && t->spaces[i].exiting)
			retire(t, r->time, &t->spaces[i]);
	t->exiting = false;
	s = find_track(t, space);
	if (s && fresh)
		retire(t, r->time, s);
	while (s && s->used && s->calls)
		call_ends(t, r, s);
	if (!fresh)
		return;
	/* now it has a name */
	space_name(t, space, name, sizeof(name));
	end(t, r->time, T_SPACE);
	begin(t, r->time, T_SPACE, name);
}

/* ---- counters ---- */

static void counter(struct trace *t, uint64_t ns, uint64_t track, uint64_t v)
{
	struct pb e;

	pb_event(&e, EV_COUNTER, track, NULL);
	pb_uint(&e, EVENT_COUNTER_VALUE, v);
	emit(t, ns, &e);
}

/* Rates are of guest time. */
static void counters(struct trace *t, uint64_t ns)
{
	const struct vcpu *cpu = machine_cpu(t->m);
	uint64_t exits = jit_exits(machine_jit(t->m)), gone = ns - t->counted;
	struct pb e;

	if (gone < COUNTER_NS)
		return;
	counter(t, ns, T_COUNT_EXC, cpu->history->ntraps);
	counter(t, ns, T_COUNT_TLB, cpu->mmu.fills);
	counter(t, ns, T_COUNT_INSNS, cpu->insns);
	counter(t, ns, T_COUNT_EXITS, (uint64_t)((double)(exits - t->counted_exits) * 1e9 / (double)gone));
	pb_event(&e, EV_COUNTER, T_COUNT_MIPS, NULL);
	pb_double(&e, EVENT_COUNTER_DOUBLE, (double)(cpu->insns - t->counted_insns) * 1e3 / (double)gone);
	emit(t, ns, &e);
	t->counted = ns;
	t->counted_insns = cpu->insns;
	t->counted_exits = exits;
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
	else if ((r->what == TR_IRET || r->what == TR_FARRET) && !(r->to.mode & MODE_PE)) {
		/* no rings: an INT n of real mode ends at any return there that no handler claims */
		struct space_track *s = find_track(t, space_of(r));

		if (s && s->calls)
			call_ends(t, r, s);
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

static void requested(void *opaque, int gsi, const char *source)
{
	struct trace *t = opaque;
	char name[80];
	struct pb e;

	if (!t->irq_flow[gsi])
		t->irq_flow[gsi] = ++t->flows;
	t->irq_name[gsi] = source;
	snprintf(name, sizeof(name), "%s: IRQ %d", source, gsi);
	pb_event(&e, EV_INSTANT, T_REQUESTS, name);
	pb_fixed64(&e, EVENT_FLOW, t->irq_flow[gsi]);
	emit(t, clock_now(machine_clock(t->m)), &e);
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
		{T_REQUESTS, "interrupt requests", NULL}, {T_LINE, "interrupt line", NULL}, {T_INTERRUPTS, "interrupts", NULL}, {T_EXCEPTIONS, "exceptions", NULL},
		{T_DEVICES, "devices", NULL}, {T_COUNT_EXC, "exceptions, total", "exceptions"},
		{T_COUNT_TLB, "TLB fills, total", "fills"}, {T_COUNT_INSNS, "instructions, total", "instructions"},
		{T_COUNT_MIPS, "MIPS", "million instructions a second"}, {T_COUNT_EXITS, "exits a second", "exits"}};

	t->broken |= !pb_track(t->f, T_GUEST, 0, "guest", NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		t->broken |= !pb_track(t->f, rows[i].uuid, T_GUEST, rows[i].name, rows[i].unit);
}

enum vm_err trace_new(struct trace **out, struct machine *m, const char *arg, struct err *e)
{
	struct trace *t = calloc(1, sizeof(*t));
	struct history *h = machine_cpu(m)->history;
	bool linux_names;
	char path[512];
	enum vm_err r;

	BUG_ON(!t);
	r = parse(arg, path, sizeof(path), &linux_names, e);
	if (!r) {
		t->f = fopen(path, "wb");
		r = t->f ? VM_OK : err_errno(e, "cannot write '%s'", path);
	}
	if (r) {
		free(t);
		return r;
	}
	setvbuf(t->f, NULL, _IOFBF, 1 << 20);
	t->m = m;
	t->path = strdup(path);
	t->procs = linux_names ? linux_procs_new() : NULL;
	BUG_ON(!t->path || (linux_names && !t->procs));
	t->ring = -1;
	tracks(t);
	states(t, &(struct hist_rec){.time = clock_now(machine_clock(m)), .cr3 = machine_cpu(m)->cr3,
		.to = place_now(machine_cpu(m))});
	h->seen = seen;
	h->line = line;
	h->seen_opaque = t;
	machine_watch_irqs(m, requested, t);
	jit_count_insns(machine_jit(m), true);
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
	machine_watch_irqs(t->m, NULL, NULL);
	jit_count_insns(machine_jit(t->m), false);
	machine_memory(t->m)->traced = machine_ports(t->m)->traced = NULL;
	if (fclose(t->f) || t->broken)
		fprintf(stderr, "dragoman: the trace '%s' is incomplete\n", t->path);
	linux_procs_free(t->procs);
	free(t->path);
	free(t);
}
