/*
 * trace_encode.c - from the trap log's transitions to slices of a timeline: the writer's half of trace.h.
 *
 * A handler's slice ends at the return to where it was entered from, or at the latest when ring 3 runs again, because
 * a kernel may leave a handler by another way than an IRET to the same place. A system call's slice ends when ring 3
 * runs again in its address space, however long other processes run in between.
 *
 * A device that pulls its line begins a flow, which ends at the handler of the vector that the interrupt controllers give that
 * line; one that sends a message (MSI), at the handler of the message's vector. The CPU's INTR wire begins another one.
 *
 * It runs in a thread of its own and sees nothing of the machine but the records (trace_rec.h) and what never changes.
 */
#include "frontend/trace_encode.h"
#include "frontend/explain.h"
#include "frontend/symbols.h"
#include "frontend/trace_linux.h"
#include "frontend/trace_pb.h"
#include "cpu/mode.h"
#include <inttypes.h>
#include <stdlib.h>

enum { T_GUEST = 1, T_RING, T_MODE, T_SPACE, T_LINE, T_INTERRUPTS, T_EXCEPTIONS, T_DEVICES, T_COUNT_EXC, T_COUNT_TLB,
	T_COUNT_INSNS, T_COUNT_MIPS, T_COUNT_EXITS, T_REQUESTS, T_SYSCALLS = 32 /* + number of the program's track */ };

#define MAX_SPACES 256 /* a power of two: also the hints' */
#define MAX_OPEN 32
#define MAX_VECTORS 256
#define FLUSH_NS 500000000
#define CALL_IMAGES 64 /* a power of two */

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

struct program {
	uint64_t space;
	char name[sizeof(((struct rec_program *)0)->name)];
};

/* A transition, unpacked */
struct move {
	uint8_t what, from_cpl, to_cpl;
	uint16_t from_cs, to_cs;
	uint64_t insns, cr3, a, b;
	uint64_t from, to; /* offsets in their code segments */
	uint32_t from_mode, to_mode, from_base, to_base;
	int64_t more;	   /* as in struct rec_move */
};

/* Time between two readings of the clock; a rate is ns an instruction, 32.32 */
struct pace {
	uint64_t ns, insns, end; /* the reading before, and ns of the one after */
	uint64_t rate, usual;
	uint64_t last;		 /* handed out: time never runs backwards */
};

struct trace_encode {
	bool linux_names;
	const struct symbols *symbols;
	bool exiting;	      /* a track is */
	struct open_slice open[MAX_OPEN];
	unsigned nopen;
	int ring;	      /* of the slice that is open: -1 none */
	uint32_t mode_bits;   /* likewise: what its name depends on */
	const char *mode;     /* its name, or NULL */
	uint64_t space;	      /* likewise: CR3, space_of() */
	bool has_space;
	struct space_track spaces[MAX_SPACES]; /* the last one is everybody else's */
	unsigned nspaces;     /* entries that have been used */
	uint8_t hint[MAX_SPACES]; /* by hash of the space: where it was found last */
	unsigned programs;    /* tracks made for them */
	struct program program[MAX_SPACES];
	unsigned next_program;
	uint64_t flows;	      /* given out */
	uint64_t flow;	      /* of an edge of the interrupt line that no handler has answered yet */
	uint64_t irq_flow[MACHINE_GSIS], msi_flow[MAX_VECTORS]; /* of a device's request, likewise */
	const char *irq_name[MACHINE_GSIS], *msi_name[MAX_VECTORS]; /* who pulled or sent last */
	struct rec_count counted;
	uint64_t counted_at;
	uint64_t flushed;     /* when the file was last brought up to date */
	uint64_t now;	      /* time of the record in hand */
	struct pace pace;
	struct move call, back; /* the last of each kind, for struct rec_call */
	struct call_image {   /* what such a record becomes while nothing else is going on, by hash of what it depends on */
		uint16_t number;
		uint8_t back;
		uint64_t from, uuid;
		struct pb_image packets;
	} image[CALL_IMAGES];
	/* of the next move */
	struct rec_trap trap;
	bool has_trap, fresh;
	char path[REC_TEXT];
	struct pb pb;
};

static void end(struct trace_encode *t, uint64_t ns, uint64_t track)
{
	pb_event(&t->pb, ns, EV_END, track, NULL);
	pb_done(&t->pb);
}

static void begin(struct trace_encode *t, uint64_t ns, uint64_t track, const char *name)
{
	pb_event(&t->pb, ns, EV_BEGIN, track, name);
	pb_done(&t->pb);
}

/* ---- states: ring, mode, address space ---- */

/* Without the code size of protected mode, which a far jump changes and the log does not note. */
static const char *mode_name(uint32_t mode)
{
	return !(mode & MODE_PE) ? "real" : mode & MODE_VM ? "virtual-8086" : !(mode & MODE_LMA) ? "protected"
		: (mode & MODE_CODE_MASK) == MODE_CODE64 ? "64-bit" : "compatibility";
}

/* CR3 without what is no address: PCID, PCD, PWT. A PAE table of Linux may share its page with others. */
static uint64_t space_of(const struct move *r)
{
	return r->cr3 & (r->to_mode & MODE_LMA ? 0x000FFFFFFFFFF000ull : 0xFFFFFFE0ull);
}

static unsigned hash(uint64_t space)
{
	return (unsigned)(space >> 12 ^ space >> 5) & (MAX_SPACES - 1);
}

static void space_name(const struct trace_encode *t, uint64_t space, char *name, size_t n)
{
	for (unsigned i = 0; i < MAX_SPACES; i++)
		if (t->program[i].name[0] && t->program[i].space == space) {
			snprintf(name, n, "%s (CR3 %" PRIx64 ")", t->program[i].name, space);
			return;
		}
	snprintf(name, n, "CR3 %" PRIx64, space);
}

static void program(struct trace_encode *t, const struct rec_program *r)
{
	struct program *p = NULL;

	t->fresh |= r->begins;
	for (unsigned i = 0; i < MAX_SPACES; i++)
		if (t->program[i].space == r->space)
			p = &t->program[i];
	if (!p)
		p = &t->program[t->next_program++ % MAX_SPACES];
	p->space = r->space;
	memcpy(p->name, r->name, sizeof(p->name));
}

static void new_mode(struct trace_encode *t, const struct move *r)
{
	const char *mode = mode_name(r->to_mode);

	t->mode_bits = r->to_mode;
	if (t->mode && !strcmp(t->mode, mode))
		return;
	if (t->mode)
		end(t, t->now, T_MODE);
	t->mode = mode;
	begin(t, t->now, T_MODE, mode);
}

static void new_space(struct trace_encode *t, const struct move *r)
{
	char name[80];

	if (t->has_space)
		end(t, t->now, T_SPACE);
	t->has_space = true;
	t->space = space_of(r);
	space_name(t, t->space, name, sizeof(name));
	begin(t, t->now, T_SPACE, name);
}

static void states(struct trace_encode *t, const struct move *r)
{
	static const char *const rings[] = {"ring 0", "ring 1", "ring 2", "ring 3"};

	if (t->ring != r->to_cpl) {
		/* the others lie within ring 0's, which halves the packets of a system call */
		if (t->ring > 0)
			end(t, t->now, T_RING);
		if (t->ring < 0)
			begin(t, t->now, T_RING, rings[0]);
		t->ring = r->to_cpl;
		if (t->ring)
			begin(t, t->now, T_RING, rings[t->ring & 3]);
	}
	if (!t->mode || t->mode_bits != r->to_mode)
		new_mode(t, r);
	if (!t->has_space || t->space != space_of(r))
		new_space(t, r);
}

/* ---- handlers ---- */

static void close_down_to(struct trace_encode *t, uint64_t ns, unsigned n)
{
	while (t->nopen > n)
		end(t, ns, t->open[--t->nopen].track);
}

/* An address of code: by name where there are symbols */
static void note_code(struct trace_encode *t, enum pb_note what, uint64_t at)
{
	char name[128];

	if (t->symbols && symbols_name(t->symbols, at, name, sizeof(name)))
		pb_note_text(&t->pb, what, name);
	else
		pb_note(&t->pb, what, at);
}

static void interrupt_name(const struct trace_encode *t, unsigned vec, int64_t source, char *name, size_t n)
{
	if (source == MACHINE_APIC_TIMER)
		snprintf(name, n, "local APIC timer (interrupt %02x)", vec);
	else if (source >= 0 && t->irq_name[source])
		snprintf(name, n, "IRQ %d %s (interrupt %02x)", (int)source, t->irq_name[source], vec);
	else if (source >= 0)
		snprintf(name, n, "IRQ %d (interrupt %02x)", (int)source, vec);
	else if (t->msi_name[vec])
		snprintf(name, n, "MSI %s (interrupt %02x)", t->msi_name[vec], vec);
	else
		snprintf(name, n, "interrupt %02x", vec);
}

static void end_flow(struct trace_encode *t, uint64_t *flow)
{
	if (*flow)
		pb_flow_end(&t->pb, *flow);
	*flow = 0;
}

static void enter(struct trace_encode *t, const struct move *r)
{
	bool exception = r->what == TR_EXCEPTION;
	unsigned vec = r->a & 0xFF;
	uint64_t track = exception ? T_EXCEPTIONS : T_INTERRUPTS;
	char name[80];

	if (t->nopen == MAX_OPEN)
		close_down_to(t, t->now, 0);
	if (t->has_trap)
		snprintf(name, sizeof(name), "%s %s", explain_vector(vec), check_rows[t->trap.check].id);
	else
		interrupt_name(t, vec, exception ? -1 : r->more, name, sizeof(name));
	pb_event(&t->pb, t->now, EV_BEGIN, track, name);
	note_code(t, NOTE_FROM, r->from_base + r->from);
	note_code(t, NOTE_HANDLER, r->to_base + r->to);
	if (t->has_trap && t->trap.has_code)
		pb_note(&t->pb, NOTE_CODE, t->trap.code);
	if (t->has_trap && t->trap.vec == 14)
		pb_note(&t->pb, NOTE_ADDRESS, t->trap.cr2);
	if (!exception) {
		end_flow(t, r->more >= 0 && r->more < MACHINE_GSIS ? &t->irq_flow[r->more] : &t->msi_flow[vec]);
		end_flow(t, &t->flow);
	}
	pb_done(&t->pb);
	t->open[t->nopen++] = (struct open_slice){track, r->from, r->from_cs};
}

static void leave(struct trace_encode *t, const struct move *r)
{
	unsigned i = t->nopen;

	while (i && (t->open[i - 1].rip != r->to || (t->open[i - 1].cs & ~3) != (r->to_cs & ~3)))
		i--;
	if (i)
		close_down_to(t, t->now, i - 1);
}

/* ---- system calls ---- */

static struct space_track *find_track(struct trace_encode *t, uint64_t space)
{
	uint8_t *hint = &t->hint[hash(space)];
	struct space_track *s = &t->spaces[*hint];

	if (s->used && s->space == space)
		return s;
	for (unsigned i = 0; i < t->nspaces; i++)
		if (t->spaces[i].used && t->spaces[i].space == space) {
			*hint = (uint8_t)i;
			return &t->spaces[i];
		}
	return NULL;
}

/* The track of what runs in @space now; made when it is new. */
static struct space_track *track_of(struct trace_encode *t, uint64_t space)
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
	pb_track(&t->pb, s->uuid, T_GUEST, name, NULL);
	return s;
}

/* The program that made these calls has ended or become another one. */
static void retire(struct trace_encode *t, uint64_t ns, struct space_track *s)
{
	for (; s->calls; s->calls--)
		end(t, ns, s->uuid);
	s->used = false;
}

static void call(struct trace_encode *t, const struct move *r)
{
	struct space_track *s = track_of(t, space_of(r));
	bool wide = r->what == TR_SYSCALL && mode_code_size(r->from_mode) == 8;
	const char *known = t->linux_names && (r->what == TR_SYSCALL || r->a == 0x80) ? linux_call_name(wide, r->b) : NULL;
	char name[48];

	if (known)
		;
	else if (r->what == TR_SYSCALL)
		snprintf(name, sizeof(name), "system call %" PRId64, (int64_t)r->b);
	else
		snprintf(name, sizeof(name), "int %02x, AX %" PRIx64, (unsigned)r->a, r->b & 0xFFFF);
	if (s->calls == UINT8_MAX)
		return;
	s->calls++;
	s->back = r->from + 2; /* SYSCALL, INT n; SYSENTER's way back is the guest's secret */
	pb_event(&t->pb, t->now, EV_BEGIN, s->uuid, known ? known : name);
	note_code(t, NOTE_FROM, r->from_base + r->from);
	if (known && t->path[0])
		pb_note_text(&t->pb, NOTE_FILE, t->path);
	pb_done(&t->pb);
	if (known && !strcmp(known, "exit_group"))
		s->exiting = t->exiting = true;
}

/* @s's innermost call is over; if it came back to where it was made from, AX has its result. */
static void call_ends(struct trace_encode *t, const struct move *r, struct space_track *s)
{
	pb_event(&t->pb, t->now, EV_END, s->uuid, NULL);
	if (t->linux_names && s->back && s->back == r->to)
		pb_note_int(&t->pb, NOTE_RESULT, mode_code_size(r->to_mode) == 8 ? r->more : (int32_t)r->more);
	pb_done(&t->pb);
	s->back = 0;
	s->calls--;
}

static void ring3_runs(struct trace_encode *t, const struct move *r)
{
	struct space_track *s;

	close_down_to(t, t->now, 0);
	for (unsigned i = 0; t->exiting && i < t->nspaces; i++)
		if (t->spaces[i].used && t->spaces[i].exiting)
			retire(t, t->now, &t->spaces[i]);
	t->exiting = false;
	s = find_track(t, space_of(r));
	if (s && t->fresh)
		retire(t, t->now, s);
	while (s && s->used && s->calls)
		call_ends(t, r, s);
	if (t->fresh) /* now it has a name */
		new_space(t, r);
}

static void move(struct trace_encode *t, const struct move *r)
{
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
	if (r->to_cpl == 3 && r->from_cpl != 3)
		ring3_runs(t, r);
	else if ((r->what == TR_IRET || r->what == TR_FARRET) && !(r->to_mode & MODE_PE)) {
		/* no rings: an INT n of real mode ends at any return there that no handler claims */
		struct space_track *s = find_track(t, space_of(r));

		if (s && s->calls)
			call_ends(t, r, s);
	}
	t->has_trap = t->fresh = false;
	t->path[0] = 0;
}

/* ---- counters, devices ---- */

static void counter(struct trace_encode *t, uint64_t ns, uint64_t track, uint64_t v)
{
	pb_event(&t->pb, ns, EV_COUNTER, track, NULL);
	pb_counter(&t->pb, v);
	pb_done(&t->pb);
}

/* Rates are of guest time. */
static void counters(struct trace_encode *t, const struct rec_count *r)
{
	double gone = (double)(t->now - t->counted_at);

	counter(t, t->now, T_COUNT_EXC, r->traps);
	counter(t, t->now, T_COUNT_TLB, r->fills);
	counter(t, t->now, T_COUNT_INSNS, r->insns);
	counter(t, t->now, T_COUNT_EXITS, (uint64_t)((double)(r->exits - t->counted.exits) * 1e9 / gone));
	pb_event(&t->pb, t->now, EV_COUNTER, T_COUNT_MIPS, NULL);
	pb_counter_double(&t->pb, (double)(r->insns - t->counted.insns) * 1e3 / gone);
	pb_done(&t->pb);
	t->counted = *r;
	t->counted_at = t->now;
}

static void begin_flow(struct trace_encode *t, const struct rec_line *r, uint64_t track, const char *name, uint64_t *flow)
{
	if (!*flow)
		*flow = ++t->flows;
	pb_event(&t->pb, t->now, EV_INSTANT, track, name);
	pb_flow(&t->pb, *flow);
	pb_done(&t->pb);
}

static void request(struct trace_encode *t, const struct rec_line *r)
{
	char name[80];

	if (r->gsi < 0) {
		t->msi_name[r->a & 0xFF] = r->name;
		snprintf(name, sizeof(name), "%s: message, interrupt %02x", r->name, (unsigned)r->a & 0xFF);
		begin_flow(t, r, T_REQUESTS, name, &t->msi_flow[r->a & 0xFF]);
		return;
	}
	t->irq_name[r->gsi] = r->name;
	snprintf(name, sizeof(name), "%s: IRQ %d", r->name, r->gsi);
	begin_flow(t, r, T_REQUESTS, name, &t->irq_flow[r->gsi]);
}

static void device(struct trace_encode *t, const struct rec_access *r)
{
	char name[64];

	snprintf(name, sizeof(name), "%s %s", r->device, r->write ? "write" : "read");
	pb_event(&t->pb, t->now, EV_INSTANT, T_DEVICES, name);
	pb_note(&t->pb, NOTE_REGISTER, r->addr);
	pb_note(&t->pb, NOTE_VALUE, r->value);
	pb_note(&t->pb, NOTE_BYTES, r->size);
	pb_done(&t->pb);
}

/* ---- time ---- */

/*
 * Between two readings time goes on with the instructions. Where it took far longer than they usually do, the guest was waiting, most likely
 * for an interrupt and thus at the end, because an interrupt has the clock read.
 */
static void new_pace(struct pace *p, const struct rec_time *from, const struct rec_time *to)
{
	uint64_t insns = to->insns - from->insns, ns = to->ns - from->ns, rate;

	p->end = to->ns;
	p->rate = 0;
	if (to->insns <= from->insns || to->ns < from->ns || ns >> 32) /* a snapshot was loaded, or the guest slept for seconds */
		return;
	rate = (ns << 32) / insns;
	p->rate = rate < 4 * p->usual ? rate : p->usual;
	if (rate < 4 * p->usual)
		p->usual += ((int64_t)rate - (int64_t)p->usual) / 8;
	else
		p->usual += p->usual / 64 + 1;
}

static void be_at(struct trace_encode *t, uint64_t insns)
{
	struct pace *p = &t->pace;
	uint64_t ns = p->ns;

	if (insns > p->insns)
		ns += (uint64_t)((unsigned __int128)(insns - p->insns) * p->rate >> 32);
	ns = ns < p->end ? ns : p->end;
	p->last = ns > p->last ? ns : p->last;
	t->now = p->last;
}

static void clock_read(struct trace_encode *t, const struct rec_time *r, const struct rec_time *next)
{
	t->pace.ns = r->ns;
	t->pace.insns = r->insns;
	if (next) {
		new_pace(&t->pace, r, next);
	} else { /* it is in another chunk */
		t->pace.rate = t->pace.usual;
		t->pace.end = UINT64_MAX;
	}
	be_at(t, r->insns);
}

/* ---- the records ---- */

static const uint8_t rec_size[] = {
	[REC_TIME] = sizeof(struct rec_time),
	[REC_MOVE] = sizeof(struct rec_move),
	[REC_CALL] = sizeof(struct rec_call),
	[REC_TRAP] = sizeof(struct rec_trap),
	[REC_PATH] = sizeof(struct rec_path),
	[REC_PROGRAM] = sizeof(struct rec_program),
	[REC_LINE] = sizeof(struct rec_line),
	[REC_REQUEST] = sizeof(struct rec_line),
	[REC_ACCESS] = sizeof(struct rec_access),
	[REC_COUNT] = sizeof(struct rec_count),
};

static unsigned next_rec(const struct chunk *c, unsigned at)
{
	BUG_ON(c->data[at] >= ARRAY_SIZE(rec_size));
	return at + ((rec_size[c->data[at]] + 7u) & ~7u);
}

static const struct rec_time *next_reading(const struct chunk *c, unsigned at)
{
	unsigned next = ((const struct rec_time *)(c->data + at))->next;

	return next ? (const void *)(c->data + at + next) : NULL;
}

static bool same_place(const struct move *a, const struct move *b)
{
	return a->from_mode == b->from_mode && a->to_mode == b->to_mode && a->from_base == b->from_base && a->from_cpl == b->from_cpl &&
		a->to_cpl == b->to_cpl && a->to == b->to;
}

/* @r becomes @last: system calls to come are like it */
static void remember(struct trace_encode *t, struct move *last, const struct move *r)
{
	if (r->what != last->what || (r->what == TR_SYSCALL && !same_place(r, last)) || (r->what == TR_SYSRET && r->to_mode != last->to_mode))
		for (unsigned i = 0; i < CALL_IMAGES; i++)
			t->image[i].packets.len = 0;
	*last = *r;
}

static struct move unpacked(const struct rec_move *x)
{
	struct hist_rec r;

	history_expand(&x->slot, &r);
	return (struct move){.what = r.what, .from_cpl = r.from.cpl, .to_cpl = r.to.cpl, .from_cs = r.from.cs, .to_cs = r.to.cs,
		.insns = r.insns, .cr3 = r.cr3, .a = r.a, .b = r.b, .from = r.from.rip, .to = r.to.rip, .from_mode = r.from.mode,
		.to_mode = r.to.mode, .from_base = r.from.base, .to_base = r.to.base, .more = x->more};
}

static void full_move(struct trace_encode *t, const struct rec_move *x)
{
	struct move r = unpacked(x);

	be_at(t, r.insns);
	move(t, &r);
	if (r.what == TR_SYSCALL)
		remember(t, &t->call, &r);
	else if (r.what == TR_SYSRET)
		remember(t, &t->back, &r);
}

/*
 * Will a call and its return leave everything as it is? The program runs, has no call open, and no handler is left: then its
 * packets depend on nothing but what struct call_image tells apart. Return: its track, or NULL
 */
static const struct space_track *nothing_else(struct trace_encode *t)
{
	const struct space_track *s;

	if (t->ring != t->back.to_cpl || t->mode_bits != t->back.to_mode || !t->has_space || t->space != space_of(&t->back) ||
		t->space != space_of(&t->call) || t->nopen || t->exiting || t->fresh || t->has_trap || t->path[0])
		return NULL;
	s = find_track(t, t->space);
	return s && !s->calls ? s : NULL;
}

static void two_moves(struct trace_encode *t, const struct rec_call *r, const struct move *back)
{
	move(t, &t->call);
	if (r->back == CALL_OPEN)
		return;
	pb_image_half(&t->pb);
	be_at(t, t->call.insns + r->took);
	move(t, back);
}

static void call_and_back(struct trace_encode *t, const struct rec_call *r)
{
	uint64_t first, insns = t->pace.insns + r->after;
	const struct space_track *s = r->back == CALL_OPEN ? NULL : nothing_else(t);
	struct move back = t->back;
	struct call_image *m;

	t->call.b = r->number;
	t->call.from = (t->call.from & ~(uint64_t)UINT32_MAX) | r->from;
	t->call.insns = insns;
	if (r->back == CALL_NEXT)
		back.to = t->call.from + 2;
	back.more = r->result;
	be_at(t, insns);
	if (!s) {
		two_moves(t, r, &back);
		return;
	}
	m = &t->image[(r->number ^ r->from >> 1 ^ s->uuid << 2) & (CALL_IMAGES - 1)];
	if (m->packets.len && m->number == r->number && m->back == r->back && m->from == t->call.from && m->uuid == s->uuid) {
		first = t->now;
		be_at(t, insns + r->took);
		if (pb_image(&t->pb, &m->packets, first, t->now, back.more))
			return;
		t->now = t->pace.last = first;
	}
	m->number = r->number;
	m->back = r->back;
	m->from = t->call.from;
	m->uuid = s->uuid;
	pb_image_begin(&t->pb, &m->packets);
	two_moves(t, r, &back);
	pb_image_end(&t->pb);
	if (t->exiting)
		m->packets.len = 0;
}

static void one(struct trace_encode *t, const struct chunk *c, unsigned at)
{
	const void *r = c->data + at;

	switch (c->data[at]) {
	case REC_TIME:
		clock_read(t, r, next_reading(c, at));
		break;
	case REC_MOVE:
		full_move(t, r);
		break;
	case REC_CALL:
		call_and_back(t, r);
		break;
	case REC_TRAP:
		t->trap = *(const struct rec_trap *)r;
		t->has_trap = true;
		break;
	case REC_PATH:
		memcpy(t->path, ((const struct rec_path *)r)->text, REC_TEXT);
		break;
	case REC_PROGRAM:
		program(t, r);
		break;
	case REC_LINE:
		begin_flow(t, r, T_LINE, "INTR rises", &t->flow);
		break;
	case REC_REQUEST:
		request(t, r);
		break;
	case REC_ACCESS:
		device(t, r);
		break;
	case REC_COUNT:
		counters(t, r);
		break;
	}
}

void trace_encode_chunk(struct trace_encode *t, const struct chunk *c)
{
	for (unsigned at = 0; at < c->len; at = next_rec(c, at))
		one(t, c, at);
	if (t->now - t->flushed > FLUSH_NS) { /* who looks at the file meanwhile finds it up to date */
		t->flushed = t->now;
		pb_flush(&t->pb);
	}
}

static void tracks(struct trace_encode *t)
{
	static const struct {
		uint64_t uuid;
		const char *name, *unit;
	} rows[] = {{T_RING, "ring", NULL}, {T_MODE, "mode", NULL}, {T_SPACE, "address space", NULL},
		{T_REQUESTS, "interrupt requests", NULL}, {T_LINE, "interrupt line", NULL}, {T_INTERRUPTS, "interrupts", NULL},
		{T_EXCEPTIONS, "exceptions", NULL}, {T_DEVICES, "devices", NULL}, {T_COUNT_EXC, "exceptions, total", "exceptions"},
		{T_COUNT_TLB, "TLB fills, total", "fills"}, {T_COUNT_INSNS, "instructions, total", "instructions"},
		{T_COUNT_MIPS, "MIPS", "million instructions a second"}, {T_COUNT_EXITS, "exits a second", "exits"}};

	pb_track(&t->pb, T_GUEST, 0, "guest", NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		pb_track(&t->pb, rows[i].uuid, T_GUEST, rows[i].name, rows[i].unit);
}

struct trace_encode *trace_encode_new(int fd, const struct symbols *symbols, bool linux_names)
{
	struct trace_encode *t = calloc(1, sizeof(*t));

	BUG_ON(!t);
	pb_begin(&t->pb, fd, T_RING);
	t->symbols = symbols;
	t->linux_names = linux_names;
	t->ring = -1;
	t->pace.usual = BIT(32);
	tracks(t);
	return t;
}

bool trace_encode_free(struct trace_encode *t)
{
	bool good;

	good = pb_end(&t->pb);
	free(t);
	return good;
}
