/*
 * event.c - raising an event, delivering it, and what happens when delivery fails too.
 *
 * An event is a row of checks.def plus its operands. ring0_deliver() enters the handler; a fault
 * met on the way is combined with the first by the table of benign, contributory and page-fault
 * classes into a double fault, and a fault in that delivery shuts the processor down. The chain of
 * events is kept for explain.
 *
 * Source: Intel SDM Vol. 3A 6.3 to 6.9, 6.13 "Error Code", 6.15 "Interrupt 8", table 6-2
 * (priorities).
 */
#include "cpu/ring0/history.h"
#include "cpu/ring0/priv.h"
#include "mmu/base/log.h"

const struct check_row check_rows[CHECK_COUNT] = {
#define CHECK(id, vec, form, condition, section)                                                   \
	[CHECK_##id] = {#id, vec, form, condition, section},
#include "cpu/ring0/checks.def"
#undef CHECK
};

static enum event_kind kind_of_vector(unsigned vec)
{
	return vec == VEC_DF || vec == VEC_MC ? EV_ABORT : EV_FAULT;
}

enum exit cpu_raise(struct vcpu *cpu, enum check_id id, uint32_t code)
{
	const struct check_row *row = &check_rows[id];

	cpu->event = (struct event){
		.pending = true,
		.vec = row->vec,
		.kind = kind_of_vector(row->vec),
		.has_code = row->form != CODE_NONE,
		.check = id,
		.rip = cpu->rip,
		.cpl = cpu->cpl,
	};
	if (row->form == CODE_SEL) {
		cpu->event.sel = code;
		cpu->event.code = code & 0xFFFE;
	} else if (row->form == CODE_PF || row->form == CODE_VALUE) {
		cpu->event.code = code;
	}
	return EXIT_FAULT;
}

enum exit cpu_raise_desc(struct vcpu *cpu, enum check_id id, uint16_t sel, const struct desc *d)
{
	cpu_raise(cpu, id, sel & 0xFFFC);
	cpu->event.sel = sel;
	cpu->event.desc[0] = d->lo;
	cpu->event.desc[1] = d->hi;
	return EXIT_FAULT;
}

enum exit cpu_raise_aux(struct vcpu *cpu, enum check_id id, uint32_t code, uint64_t a, uint64_t b)
{
	cpu_raise(cpu, id, code);
	cpu->event.aux[0] = a;
	cpu->event.aux[1] = b;
	return EXIT_FAULT;
}

enum exit cpu_page_fault(struct vcpu *cpu)
{
	static const uint16_t rows[] = {
		[WALK_OK] = CHECK_PF_NOT_PRESENT,
		[WALK_NOT_PRESENT] = CHECK_PF_NOT_PRESENT,
		[WALK_RESERVED] = CHECK_PF_RESERVED,
		[WALK_USER_SUP] = CHECK_PF_USER,
		[WALK_WRITE_RO] = CHECK_PF_WRITE,
		[WALK_NX] = CHECK_PF_NX,
		[WALK_SMEP] = CHECK_PF_SMEP,
		[WALK_SMAP] = CHECK_PF_SMAP,
	};
	const struct mmu_fault *f = &cpu->mmu.fault;

	BUG_ON(f->w.why >= ARRAY_SIZE(rows));
	cpu_raise_aux(cpu, rows[f->w.why], f->w.code, f->gla, f->w.gpa);
	cpu->event.cr2 = f->gla;
	return EXIT_FAULT;
}

enum exit h_raise(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	BUG_ON(a >= CHECK_COUNT);
	return cpu_raise(cpu, a, b);
}

void cpu_transition(struct vcpu *cpu, enum transition what, uint16_t a, uint64_t b)
{
	history_add(cpu, what, a, b);
}

/* SDM Vol. 3A table 6-4: 0 benign, 1 contributory, 2 page fault, 3 double fault */
static int event_class(const struct event *e)
{
	if (e->kind == EV_EXT || e->kind == EV_NMI || e->kind == EV_SOFT)
		return 0;
	switch (e->vec) {
	case VEC_DE:
	case VEC_TS:
	case VEC_NP:
	case VEC_SS:
	case VEC_GP:
		return 1;
	case VEC_PF:
		return 2;
	case VEC_DF:
		return 3;
	default:
		return 0;
	}
}

/* Table 6-5: does @second while delivering @first make a double fault? */
static bool makes_double(const struct event *first, const struct event *second)
{
	int a = event_class(first), b = event_class(second);

	return (a == 1 && b == 1) || (a == 2 && (b == 1 || b == 2));
}

static void chain_add(struct vcpu *cpu, const struct event *e)
{
	if (cpu->nchain < ARRAY_SIZE(cpu->chain))
		cpu->chain[cpu->nchain++] = *e;
}

/* @t, the last of the chain, could not be delivered: shutdown (SDM Vol. 3A 6.15, interrupt 8). */
static enum exit shut_down(struct vcpu *cpu, struct trap *t)
{
	if (t)
		t->shutdown = true;
	history_told(cpu, t);
	cpu->triple = true;
	cpu->event.pending = false;
	vcpu_request(cpu, REQ_RESET);
	log_printf(cpu->log, LOG_RESET, "triple fault at %04x:%#llx: %s\n", cpu->seg[SEG_CS].sel,
		(unsigned long long)cpu->rip, check_rows[cpu->event.check].condition);
	return EXIT_STOP;
}

static void log_event(struct vcpu *cpu, const struct event *e)
{
	if (log_on(cpu->log, LOG_INT))
		log_printf(cpu->log, LOG_INT,
			"int: vec %u code %#x kind %u CPL %u at %04x:%#llx cr2 %#llx: %s\n", e->vec,
			e->code, e->kind, cpu->cpl, cpu->seg[SEG_CS].sel,
			(unsigned long long)cpu->rip, (unsigned long long)e->cr2,
			e->kind == EV_EXT ? "external interrupt" : check_rows[e->check].condition);
}

enum exit deliver_any(struct vcpu *cpu, const struct delivery *dv)
{
	if (is_real(cpu))
		TRY(deliver_real(cpu, dv));
	else if (vcpu_long(cpu))
		TRY(deliver_long(cpu, dv));
	else
		TRY(deliver_prot(cpu, dv));
	mode_refresh(cpu);
	vcpu_update_req(cpu);
	return EXIT_NONE;
}

static enum exit deliver_one(struct vcpu *cpu, const struct event *e)
{
	struct delivery dv = {
		.vec = e->vec,
		.has_code = e->has_code,
		.code = e->code,
		.ret_ip = cpu->rip,
		.set_rf = e->kind == EV_FAULT && e->check != CHECK_DB_INSN,
	};

	log_event(cpu, e);
	if (e->vec == VEC_PF && (e->kind == EV_FAULT))
		cpu->cr2 = e->cr2;
	if (e->vec == VEC_DB && e->kind != EV_EXT)
		cpu->dr[7] &= ~BIT(13); /* GD is cleared before the handler is entered, 17.2.4 */
	return deliver_any(cpu, &dv);
}

static bool is_external(const struct event *e)
{
	return e->kind == EV_EXT || e->kind == EV_NMI;
}

/* The delivery of @first has met the fault in cpu->event. EXIT_STOP: shutdown */
static enum exit deliver_failed(struct vcpu *cpu, const struct event *first, uint64_t *prior)
{
	unsigned form = check_rows[cpu->event.check].form;

	/* EXT: the fault occurred while delivering an event external to the program (6.13) */
	if (form == CODE_SEL || form == CODE_ZERO)
		cpu->event.code |= 1;
	chain_add(cpu, first);
	/* CR2 is loaded when the fault is found, whatever becomes of it */
	if (cpu->event.vec == VEC_PF)
		cpu->cr2 = cpu->event.cr2;
	/* Any fault while delivering a double fault: the processor enters shutdown mode. */
	if (first->vec == VEC_DF && first->kind == EV_ABORT) {
		chain_add(cpu, &cpu->event);
		return shut_down(cpu, history_begin(cpu, &cpu->event, *prior));
	}
	if (makes_double(first, &cpu->event)) {
		struct trap *t = history_begin(cpu, &cpu->event, *prior);

		history_told(cpu, t);
		*prior = t ? t->no : 0;
		chain_add(cpu, &cpu->event);
		cpu_raise(cpu, CHECK_DF_CONTRIBUTORY, 0);
	}
	return EXIT_NONE;
}

static enum exit deliver_loop(struct vcpu *cpu)
{
	uint64_t prior = 0;

	cpu->nchain = 0;
	cpu->from = spot_now(cpu, 0);
	for (;;) {
		struct event first = cpu->event;
		struct trap *t = is_external(&first) ? NULL : history_begin(cpu, &first, prior);

		cpu->event.pending = false;
		cpu->shadow = 0;
		if (deliver_one(cpu, &first) == EXIT_NONE) {
			if (t) {
				t->delivered = true;
				t->to = place_now(cpu);
			}
			history_told(cpu, t);
			break;
		}
		if (!t) /* interrupts are noted when something is to be told about them */
			t = history_begin(cpu, &first, prior);
		history_told(cpu, t);
		prior = t ? t->no : 0;
		TRY(deliver_failed(cpu, &first, &prior));
	}
	cpu->event.pending = false;
	return EXIT_NONE;
}

/* What has been delivered in the end: a double fault, or the fault that an interrupt's delivery met. */
static void note(struct vcpu *cpu)
{
	bool external = cpu->event.kind == EV_EXT || cpu->event.kind == EV_NMI;

	cpu_transition(cpu, external ? TR_INTERRUPT : TR_EXCEPTION, cpu->event.vec, 0);
}

enum exit ring0_deliver(struct vcpu *cpu)
{
	BUG_ON(!cpu->event.pending);
	TRY(deliver_loop(cpu));
	note(cpu);
	return EXIT_NONE;
}

enum exit ring0_interrupt(struct vcpu *cpu, unsigned vec, bool nmi)
{
	cpu->event = (struct event){
		.pending = true,
		.vec = vec,
		.kind = nmi ? EV_NMI : EV_EXT,
		.rip = cpu->rip,
		.cpl = cpu->cpl,
		.check = CHECK_NMI,
	};
	cpu->halted = 0;
	if (nmi) {
		cpu->nmi_line = false;
		cpu->nmi_blocked = true; /* until the next IRET, 6.7.1 */
	}
	TRY(deliver_loop(cpu));
	note(cpu);
	return EXIT_NONE;
}

/* A trap is pending from the instruction just executed: table 6-2 class 4. */
static enum exit boundary_debug(struct vcpu *cpu)
{
	if (!cpu->dr6_pending)
		return EXIT_NONE;
	debug_trap(cpu);
	cpu->halted = 0;
	return ring0_deliver(cpu);
}

static enum exit boundary_external(struct vcpu *cpu)
{
	int vec;

	if (cpu->nmi_line && !cpu->nmi_blocked)
		return ring0_interrupt(cpu, VEC_NMI, true);
	if (!cpu->intr_line || !(cpu->eflags & FL_IF) || cpu->shadow)
		return EXIT_NONE;
	vec = cpu->wires.intr_ack ? cpu->wires.intr_ack(cpu->wires.opaque) : -1;
	if (vec < 0) {
		vcpu_update_req(cpu);
		return EXIT_NONE;
	}
	return ring0_interrupt(cpu, vec & 0xFF, false);
}

#define SHADOW_RUNNING                                                                             \
	0x10 /* the instruction under the shadow is the next (or was the last) to execute */

/* true: a shadow begins now, so nothing may be taken before the next instruction */
static bool boundary_shadow(struct vcpu *cpu)
{
	if (!cpu->shadow)
		return false;
	if (cpu->shadow & SHADOW_RUNNING) {
		cpu->shadow = 0;
		mode_refresh(cpu);
		vcpu_update_req(cpu);
		return false;
	}
	cpu->shadow |= SHADOW_RUNNING;
	mode_refresh(cpu);
	return true;
}

enum exit ring0_boundary(struct vcpu *cpu)
{
	uint32_t req = __atomic_load_n(&cpu->req, __ATOMIC_ACQUIRE);

	if (req & (REQ_STOP | REQ_RESET |
			  REQ_KICK)) /* the owner looks at the world and clears the bits */
		return EXIT_STOP;
	if (req & REQ_INIT) {
		vcpu_reset(cpu, true);
		return EXIT_NONE;
	}
	if (req & REQ_SMI) {
		UNIMP(cpu->log, "SMI: system-management mode is not emulated, the request is dropped\n");
		__atomic_fetch_and(&cpu->req, ~(uint32_t)REQ_SMI, __ATOMIC_RELAXED);
	}
	if (req & REQ_DEBUG)
		__atomic_fetch_and(&cpu->req, ~(uint32_t)REQ_DEBUG, __ATOMIC_RELAXED);
	/* STI delays only maskable interrupts, MOV SS debug traps too (17.3.1.1, 6.8.3) */
	if (boundary_shadow(cpu) && !cpu->halted) {
		if ((cpu->shadow & 2) || !cpu->dr6_pending)
			return EXIT_NONE;
	}
	TRY(boundary_debug(cpu));
	TRY(boundary_external(cpu));
	return cpu->halted ? EXIT_STOP : EXIT_NONE;
}
