/*
 * trace.c - -trace: what the machine's thread notes (trace.h). It formats nothing and writes nothing: it copies a transition, and
 * what only it can see of it, into a record (trace_rec.h); the writer's thread does the rest (trace_encode.c).
 */
#include "frontend/trace.h"
#include "frontend/symbols.h"
#include "frontend/trace_encode.h"
#include "frontend/trace_linux.h"
#include "frontend/trace_time.h"
#include "cpu/mode.h"
#include "jit/jit.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNTER_NS 10000000

struct trace {
	struct machine *m;
	struct vcpu *cpu;
	struct trace_queue q;
	struct trace_time time;
	struct trace_encode *encode; /* the writer's alone while it runs */
	pthread_t writer;
	int fd;
	char *path;
	struct linux_procs *procs; /* os=linux, or NULL */
	struct hist_slot call, back; /* the last SYSCALL and SYSRET (or SYSENTER, SYSEXIT) that were put down in full */
	const uint8_t *plain; /* by number: 0 for a system call like @call that tells it nothing, or NULL: all of them */
	struct rec_call *open; /* the last record, if it is a call that has not come back */
	uint64_t stamped;     /* instructions at the last reading of the clock */
	struct rec_time *stamp; /* its record, the writer's once another chunk is being filled */
	unsigned stamp_chunk;
	bool line_up;	      /* an edge of the interrupt line that no handler has answered yet */
	uint64_t counted;     /* time of the last counters */
};

static uint64_t space_of(const struct hist_slot *r)
{
	return r->cr3 & ((uint32_t)r->to.key & MODE_LMA ? 0x000FFFFFFFFFF000ull : 0xFFFFFFE0ull);
}

/* Rates are of guest time. */
static void counters(struct trace *t, uint64_t ns)
{
	struct rec_count *x;

	t->counted = ns;
	x = trace_queue_rec(&t->q, sizeof(*x));
	*x = (struct rec_count){.kind = REC_COUNT, .traps = t->cpu->history->ntraps, .fills = t->cpu->mmu.fills,
		.insns = t->cpu->insns, .exits = jit_exits(machine_jit(t->m))};
}

/* What follows is of this moment. */
static void stamp(struct trace *t)
{
	struct rec_time *x = trace_queue_rec(&t->q, sizeof(*x));
	uint64_t ns = trace_time_now(&t->time);

	*x = (struct rec_time){.kind = REC_TIME, .ns = ns, .insns = t->cpu->insns};
	/* tell the one before, if the writer will find both in one chunk */
	if (t->stamp && t->stamp_chunk == t->q.head)
		t->stamp->next = (uint16_t)((uint8_t *)x - (uint8_t *)t->stamp);
	t->stamp = x;
	t->stamp_chunk = t->q.head;
	t->stamped = t->cpu->insns;
	if (ns - t->counted >= COUNTER_NS)
		counters(t, ns);
}

static void put_move(struct trace *t, const struct hist_slot *r, int64_t more)
{
	struct rec_move *m = trace_queue_rec(&t->q, sizeof(*m));

	*m = (struct rec_move){.kind = REC_MOVE, .more = more, .slot = *r};
	if (slot_what(r) == TR_SYSCALL)
		t->call = *r;
	else if (slot_what(r) == TR_SYSRET)
		t->back = *r;
}

static void put_trap(struct trace *t, uint64_t no)
{
	const struct trap *trap = history_trap(t->cpu->history, no);
	struct rec_trap *x;

	if (!trap)
		return;
	x = trace_queue_rec(&t->q, sizeof(*x));
	*x = (struct rec_trap){.kind = REC_TRAP, .vec = trap->ev.vec, .has_code = trap->ev.has_code, .check = trap->ev.check,
		.code = trap->ev.code, .cr2 = trap->ev.cr2};
}

static void put_program(struct trace *t, uint64_t space, bool begins)
{
	const char *name = linux_process(t->procs, space);
	struct rec_program *x = trace_queue_rec(&t->q, sizeof(*x));

	*x = (struct rec_program){.kind = REC_PROGRAM, .begins = begins, .space = space};
	snprintf(x->name, sizeof(x->name), "%s", name ? name : "");
}

static bool wide(const struct spot *s)
{
	return mode_code_size((uint32_t)s->key) == 8;
}

/* A system call's file belongs before it; that a program ends by it is true afterwards */
static void linux_move(struct trace *t, const struct hist_slot *r)
{
	bool fast = slot_what(r) == TR_SYSCALL, w = fast && wide(&r->from);
	struct rec_path *x;
	char path[REC_TEXT];

	if (fast)
		t->plain = linux_call_kinds(t->procs, w);
	if (linux_call_path(t->procs, t->cpu, w, r->b, path, sizeof(path))) {
		x = trace_queue_rec(&t->q, sizeof(*x));
		x->kind = REC_PATH;
		memcpy(x->text, path, sizeof(path));
	}
	put_move(t, r, 0);
	if (linux_call(t->procs, w, r->b, space_of(r), (wide(&r->from) ? r->from.at : (uint32_t)r->from.at) + 2))
		put_program(t, space_of(r), false);
}

static inline bool same_way(const struct hist_slot *a, const struct hist_slot *b)
{
	return !((a->cr3 ^ b->cr3) | (a->from.key ^ b->from.key) | (a->to.key ^ b->to.key));
}

/* A system call that differs from the last one in what struct rec_call has place for */
static inline bool call_again(struct trace *t, const struct hist_slot *r, uint64_t after)
{
	struct rec_call *x;

	if (after >= SPAN_INSNS || !same_way(r, &t->call) || r->to.at != t->call.to.at || (r->from.at ^ t->call.from.at) >> 32 ||
		r->b >= LINUX_CALLS || (t->plain && t->plain[r->b]))
		return false;
	x = trace_queue_rec(&t->q, sizeof(*x));
	*x = (struct rec_call){.kind = REC_CALL, .back = CALL_OPEN, .number = (uint16_t)r->b, .after = (uint16_t)after,
		.from = (uint32_t)r->from.at};
	t->open = x;
	return true;
}

/*
 * Its way back, unless something has been put down since, or the clock is to be read again. It returns to the program that made it:
 * linux_procs would learn nothing.
 */
static inline bool back_again(struct trace *t, const struct hist_slot *r, uint64_t after)
{
	struct rec_call *x = t->open;
	uint64_t took, next;

	if (!x || (uint8_t *)(x + 1) != t->q.at || !same_way(r, &t->back) || r->from.at != t->back.from.at)
		return false;
	took = after - x->after;
	next = (t->call.from.at & ~(uint64_t)UINT32_MAX) + x->from + 2;
	if (took >= SPAN_INSNS || (r->to.at != next && r->to.at != t->back.to.at) || (wide(&r->to) && (int64_t)r->b != (int32_t)r->b))
		return false;
	x->back = r->to.at == next ? CALL_NEXT : CALL_LIKE;
	x->took = (uint16_t)took;
	x->result = (int32_t)r->b;
	t->open = NULL;
	return true;
}

/* All that is not one more system call like the last one */
static __attribute__((noinline)) void seen_else(struct trace *t, struct vcpu *cpu, const struct hist_slot *r)
{
	enum transition what = slot_what(r);
	int64_t more = (int64_t)cpu->gpr[GPR_RAX];

	if (r->insns - t->stamped >= SPAN_INSNS || what == TR_INTERRUPT)
		stamp(t);
	if (what == TR_SYSCALL && call_again(t, r, r->insns - t->stamped))
		return;
	if (t->procs && mode_cpl((uint32_t)r->to.key) == 3 && mode_cpl((uint32_t)r->from.key) != 3 &&
		linux_user(t->procs, cpu, wide(&r->to), space_of(r), wide(&r->to) ? r->to.at : (uint32_t)r->to.at))
		put_program(t, space_of(r), true);
	switch (what) {
	case TR_INTERRUPT:
		more = machine_vector_source(t->m, (unsigned)(r->from.key >> 48));
		t->line_up = false;
		put_move(t, r, more);
		break;
	case TR_EXCEPTION:
		put_trap(t, r->b);
		put_move(t, r, more);
		break;
	case TR_SYSCALL:
	case TR_SOFTINT:
		if (t->procs && (what == TR_SYSCALL || r->from.key >> 48 == 0x80)) {
			linux_move(t, r);
			break;
		}
		/* fall through */
	default:
		put_move(t, r, more);
		break;
	}
}

static void seen(void *opaque, struct vcpu *cpu, const struct hist_slot *r)
{
	struct trace *t = opaque;
	uint64_t after = r->insns - t->stamped;
	enum transition what = slot_what(r);

	if (what == TR_SYSRET ? !back_again(t, r, after) : what != TR_SYSCALL || !call_again(t, r, after))
		seen_else(t, cpu, r);
}

static void line(void *opaque, struct vcpu *cpu, int level)
{
	struct trace *t = opaque;
	struct rec_line *x;

	if (!level || t->line_up)
		return;
	t->line_up = true;
	stamp(t);
	x = trace_queue_rec(&t->q, sizeof(*x));
	*x = (struct rec_line){.kind = REC_LINE};
}

static void requested(void *opaque, int gsi, unsigned vector, const char *source)
{
	struct trace *t = opaque;
	struct rec_line *x;

	stamp(t);
	x = trace_queue_rec(&t->q, sizeof(*x));
	*x = (struct rec_line){.kind = REC_REQUEST, .gsi = (int8_t)gsi, .a = vector, .name = source};
}

static void accessed(void *opaque, const char *device, uint64_t addr, uint64_t v, unsigned size, bool write)
{
	struct trace *t = opaque;
	struct rec_access *x;

	stamp(t);
	x = trace_queue_rec(&t->q, sizeof(*x));
	*x = (struct rec_access){.kind = REC_ACCESS, .size = (uint8_t)size, .write = write, .addr = addr, .value = v, .device = device};
}

static void *writer(void *opaque)
{
	struct trace *t = opaque;
	const struct chunk *c;

	while ((c = trace_queue_take(&t->q)) != NULL) {
		trace_encode_chunk(t->encode, c);
		trace_queue_done(&t->q);
	}
	return NULL;
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

/* Signals are the machine's and the loop's: the writer must not be the thread that takes them. */
static void start_writer(struct trace *t)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	BUG_ON(pthread_create(&t->writer, NULL, writer, t));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

enum vm_err trace_new(struct trace **out, struct machine *m, const char *arg, bool icount, struct err *e)
{
	struct trace *t = calloc(1, sizeof(*t));
	struct history *h = machine_cpu(m)->history;
	bool linux_names;
	char path[512];
	enum vm_err r;

	BUG_ON(!t);
	r = parse(arg, path, sizeof(path), &linux_names, e);
	if (!r) {
		t->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		r = t->fd >= 0 ? VM_OK : err_errno(e, "cannot write '%s'", path);
	}
	if (r) {
		free(t);
		return r;
	}
	t->m = m;
	t->cpu = machine_cpu(m);
	trace_time_init(&t->time, machine_clock(m), icount);
	t->path = strdup(path);
	t->procs = linux_names ? linux_procs_new() : NULL;
	t->encode = trace_encode_new(t->fd, h->opaque, linux_names);
	BUG_ON(!t->path || (linux_names && !t->procs) || !trace_queue_init(&t->q));
	stamp(t);
	put_move(t, &(struct hist_slot){.insns = t->cpu->insns, .cr3 = t->cpu->cr3, .to = spot_now(t->cpu, TR_MODE)}, 0);
	start_writer(t);
	h->seen = seen;
	h->line = line;
	h->seen_opaque = t;
	machine_watch_irqs(m, requested, t);
	jit_count_insns(machine_jit(m), true);
	machine_memory(m)->traced = machine_ports(m)->traced = accessed;
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
	trace_queue_give(&t->q, true);
	pthread_join(t->writer, NULL);
	if (!trace_encode_free(t->encode) | (close(t->fd) != 0))
		fprintf(stderr, "dragoman: the trace '%s' is incomplete\n", t->path);
	trace_queue_fini(&t->q);
	linux_procs_free(t->procs);
	free(t->path);
	free(t);
}
