/*
 * apic.c - local APIC: acceptance, priorities, acknowledge, LVT, mode changes, saved state.
 *
 * IRR holds what was accepted, ISR what the CPU is serving, TMR which of them end with an EOI
 * message to the I/O APICs. apic_update() recomputes the wire to the CPU after any change.
 *
 * Sources: Intel SDM Vol. 3A chapter 11 "Advanced Programmable Interrupt Controller (APIC)": 11.5
 * local interrupts, 11.6 IPIs, 11.8 handling, 11.9 spurious interrupt, 11.12 x2APIC.
 */
#include "devices/apic.h"
#include <string.h>

#define SVR_ENABLE 0x100u

static int highest(const uint32_t *v)
{
	for (int i = 7; i >= 0; i--)
		if (v[i])
			return i * 32 + 31 - __builtin_clz(v[i]);
	return -1;
}

static void set_bit(uint32_t *v, unsigned n)
{
	v[n >> 5 & 7] |= 1u << (n & 31);
}

static void clear_bit(uint32_t *v, unsigned n)
{
	v[n >> 5 & 7] &= ~(1u << (n & 31));
}

static bool test_bit(const uint32_t *v, unsigned n)
{
	return v[n >> 5 & 7] >> (n & 31) & 1;
}

static bool globally_enabled(const struct apic *a)
{
	return a->s.base & APIC_BASE_EN;
}

unsigned apic_ppr(const struct apic *a)
{
	int isr = highest(a->s.isr);
	unsigned isrv = isr < 0 ? 0 : isr;

	return (a->s.tpr >> 4) >= (isrv >> 4) ? a->s.tpr & 0xFF : isrv & 0xF0;
}

/* The vector the CPU would get from IRR, or -1: its class must exceed the processor priority's. */
static int deliverable(const struct apic *a)
{
	int v;

	if (!globally_enabled(a) || !(a->s.svr & SVR_ENABLE))
		return -1;
	v = highest(a->s.irr);
	return v >= 0 && ((unsigned)v >> 4) > (apic_ppr(a) >> 4) ? v : -1;
}

/* The 8259 is heard: APIC off (INTR pin), or LINT0 unmasked in ExtINT mode, or an ExtINT message.
 */
static bool extint_pending(const struct apic *a)
{
	uint32_t lint0 = a->s.lvt[LVT_LINT0];

	if (!globally_enabled(a))
		return a->s.bsp && a->s.lint[0];
	if (a->s.extint)
		return true;
	return a->s.lint[0] && !(lint0 & LVT_MASKED) && ((lint0 >> 8) & 7) == APIC_EXTINT;
}

bool apic_intr_pending(const struct apic *a)
{
	return deliverable(a) >= 0 || extint_pending(a);
}

void apic_update(struct apic *a)
{
	uint8_t level = apic_intr_pending(a);

	if (level == a->s.intr)
		return;
	a->s.intr = level;
	irq_set(&a->cpu.intr, level);
}

int apic_ack(struct apic *a)
{
	int v = deliverable(a);

	if (v >= 0) {
		clear_bit(a->s.irr, v);
		set_bit(a->s.isr, v);
	} else if (extint_pending(a)) {
		a->s.extint = 0;
		v = a->cpu.extint_ack ? a->cpu.extint_ack(a->cpu.extint_opaque) & 0xFF
				      : (int)(a->s.svr & 0xFF);
	} else {
		v = a->s.svr & 0xFF; /* spurious: no ISR bit, no EOI */
	}
	apic_update(a);
	return v;
}

void apic_eoi(struct apic *a)
{
	int v = highest(a->s.isr);

	if (v < 0)
		return;
	clear_bit(a->s.isr, v);
	if (test_bit(a->s.tmr, v)) {
		clear_bit(a->s.tmr, v);
		if (a->bus->eoi)
			a->bus->eoi(a->bus->eoi_opaque, v);
	}
	apic_update(a);
}

void apic_error(struct apic *a, uint32_t esr_bit)
{
	bool again = a->s.esr_pending & esr_bit;

	a->s.esr_pending |= esr_bit;
	if (!again)
		apic_local(a, LVT_ERROR);
}

static void accept_vector(struct apic *a, unsigned vector, bool level)
{
	if (!globally_enabled(a) || !(a->s.svr & SVR_ENABLE))
		return; /* 11.4.7.2: a software-disabled APIC takes INIT, NMI, SMI and SIPI only */
	if (vector < 16) {
		apic_error(a, ESR_RECV_ILLEGAL);
		return;
	}
	set_bit(a->s.irr, vector);
	if (level)
		set_bit(a->s.tmr, vector);
	else
		clear_bit(a->s.tmr, vector);
	apic_update(a);
}

void apic_accept(struct apic *a, unsigned mode, unsigned vector, bool level)
{
	vector &= 0xFF;
	switch (mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		accept_vector(a, vector, level);
		break;
	case APIC_SMI:
		if (a->cpu.smi)
			a->cpu.smi(a->cpu.opaque);
		break;
	case APIC_NMI:
		if (a->cpu.nmi)
			a->cpu.nmi(a->cpu.opaque);
		break;
	case APIC_INIT:
		apic_init_state(a);
		if (a->cpu.init)
			a->cpu.init(a->cpu.opaque);
		break;
	case APIC_SIPI:
		if (a->cpu.sipi)
			a->cpu.sipi(a->cpu.opaque, vector);
		break;
	case APIC_EXTINT:
		a->s.extint = 1;
		apic_update(a);
		break;
	default:
		GUEST_ERR(a->dev.log, "apic: reserved delivery mode %u\n", mode);
	}
}

void apic_local(struct apic *a, enum apic_lvt n)
{
	uint32_t lvt = a->s.lvt[n];
	unsigned mode = (lvt >> 8) & 7;

	if ((lvt & LVT_MASKED) || !globally_enabled(a))
		return;
	if (n == LVT_TIMER || n == LVT_ERROR)
		mode = APIC_FIXED; /* these entries have no delivery mode field */
	if (mode == APIC_EXTINT)   /* a wire, not a message: see extint_pending() */
		apic_update(a);
	else if (mode == APIC_FIXED || mode == APIC_SMI || mode == APIC_NMI || mode == APIC_INIT)
		apic_accept(a, mode, lvt & 0xFF, n == LVT_LINT0 && (lvt & 0x8000));
}

static void lint_set(void *opaque, int n, int level)
{
	struct apic *a = opaque;
	bool rise = level && !a->s.lint[n & 1];

	a->s.lint[n & 1] = level != 0;
	if (!globally_enabled(a)) {
		/* 11.4.3: with the APIC off, LINT0 and LINT1 are the INTR and NMI pins. */
		if ((n & 1) && rise && a->cpu.nmi)
			a->cpu.nmi(a->cpu.opaque);
	} else if (rise) {
		apic_local(a, n & 1 ? LVT_LINT1 : LVT_LINT0);
	}
	apic_update(a);
}

struct irq apic_lint(struct apic *a, int n)
{
	return (struct irq){lint_set, a, n & 1};
}

/* State after INIT (11.4.7.3): all but the ID, the base register and the wires. */
void apic_init_state(struct apic *a)
{
	struct apic_state *s = &a->s;

	memset(s->irr, 0, sizeof(s->irr));
	memset(s->isr, 0, sizeof(s->isr));
	memset(s->tmr, 0, sizeof(s->tmr));
	s->dfr = 0xFFFFFFFF;
	s->ldr = s->base & APIC_BASE_EXTD ? (s->id >> 4) << 16 | 1u << (s->id & 15) : 0;
	s->svr = 0xFF;
	s->tpr = s->esr = s->esr_pending = 0;
	s->icr = 0;
	s->extint = 0;
	for (unsigned i = 0; i < LVT_COUNT; i++)
		s->lvt[i] = LVT_MASKED;
	if (s->bsp) /* virtual wire from the start, for firmware that never programs it */
		s->lvt[LVT_LINT0] = APIC_EXTINT << 8;
	s->initial = s->divide = 0;
	s->timer_start = s->timer_next = s->tsc_deadline = 0;
	apic_timer_rearm(a);
	apic_update(a);
}

uint64_t apic_base(const struct apic *a)
{
	return a->s.base;
}

bool apic_set_base(struct apic *a, uint64_t val)
{
	uint64_t old = a->s.base, mode = APIC_BASE_EN | APIC_BASE_EXTD;
	bool was_on = old & APIC_BASE_EN, is_on = val & APIC_BASE_EN;

	/* #GP: reserved bits 7:0, 9 and those above the physical address width are set */
	if (val & ~(0xFFFFFFFFFF000ull | mode | APIC_BASE_BSP))
		return false;
	/* #GP: x2APIC without the enable bit, or a transition figure 11-27 does not have */
	if ((val & mode) == APIC_BASE_EXTD ||
		((old & APIC_BASE_EXTD) && (val & mode) == APIC_BASE_EN) ||
		(!was_on && (val & mode) == mode))
		return false;
	a->s.base = (val & ~APIC_BASE_BSP) | (old & APIC_BASE_BSP);
	if (was_on && !is_on) {
		uint32_t id = a->s.id;

		apic_init_state(a);
		a->s.id = id;
	}
	if ((val & APIC_BASE_EXTD) && !(old & APIC_BASE_EXTD))
		a->s.ldr = (a->s.id >> 4) << 16 | 1u << (a->s.id & 15);
	if ((val ^ old) & ~0xFFFull)
		space_move(a->bus->mem, &a->bus->mmio, val & ~0xFFFull, true);
	apic_update(a);
	return true;
}

unsigned apic_cr8(const struct apic *a)
{
	return (a->s.tpr >> 4) & 15;
}

void apic_set_cr8(struct apic *a, unsigned val)
{
	a->s.tpr = (val & 15) << 4;
	apic_update(a);
}

static void apic_reset(struct device *d)
{
	struct apic *a = container_of(d, struct apic, dev);

	a->s.base = APIC_BASE_DEFAULT | APIC_BASE_EN | (a->s.bsp ? APIC_BASE_BSP : 0);
	if (a->bus->mmio.base != APIC_BASE_DEFAULT)
		space_move(a->bus->mem, &a->bus->mmio, APIC_BASE_DEFAULT, true);
	apic_init_state(a);
}

static enum vm_err apic_post_load(struct device *d, struct err *e)
{
	struct apic *a = container_of(d, struct apic, dev);

	if (a->s.id >= APIC_MAX || (a->s.base & ~0xFFFFFFFFFFD00ull))
		return err_set(e, VM_ERR_FORMAT, "apic: impossible saved state");
	if (a->bus->mmio.base != (a->s.base & ~0xFFFull))
		space_move(a->bus->mem, &a->bus->mmio, a->s.base & ~0xFFFull, true);
	apic_timer_rearm(a);
	irq_set(&a->cpu.intr, a->s.intr);
	return VM_OK;
}

static void dump_vectors(FILE *out, const char *name, const uint32_t *v)
{
	bool any = false;

	fprintf(out, "%s\t ", name);
	for (unsigned i = 0; i < 256; i++) {
		if (test_bit(v, i)) {
			fprintf(out, "%u ", i);
			any = true;
		}
	}
	fprintf(out, "%s\n", any ? "" : "(none)");
}

static void dump_lvt(FILE *out, const char *name, uint32_t v, bool timer)
{
	static const char *const modes[] = {"Fixed", "Lowest", "SMI", "...", "NMI", "INIT", "SIPI", "ExtINT"};
	static const char *const timers[] = {"one-shot", "periodic", "tsc-deadline", ""};
	unsigned mode = v >> 8 & 7;

	fprintf(out, "%s\t 0x%08x active-%s %-5s %-6s %-7s %-12s %-6s", name, v, v & BIT(13) ? "lo" : "hi",
		v & BIT(15) ? "level" : "edge", v & LVT_MASKED ? "masked" : "", v & BIT(12) ? "pending" : "",
		timer ? timers[v >> 17 & 3] : "", modes[mode]);
	if (mode != APIC_NMI)
		fprintf(out, " (vec %u)", v & 0xFF);
	fputc('\n', out);
}

/* In the form of QEMU's info lapic. */
static void apic_dump(struct device *d, FILE *out)
{
	static const char *const shorthand[] = {"no-shorthand", "self", "all-self", "all"};
	struct apic *a = container_of(d, struct apic, dev);
	uint32_t icr = (uint32_t)a->s.icr;
	unsigned divide = ((a->s.divide & 3) | (a->s.divide >> 1 & 4));

	fprintf(out, "dumping local APIC state for CPU %u\n\n", a->s.id);
	dump_lvt(out, "LVT0", a->s.lvt[LVT_LINT0], false);
	dump_lvt(out, "LVT1", a->s.lvt[LVT_LINT1], false);
	dump_lvt(out, "LVTPC", a->s.lvt[LVT_PERF], false);
	dump_lvt(out, "LVTERR", a->s.lvt[LVT_ERROR], false);
	dump_lvt(out, "LVTTHMR", a->s.lvt[LVT_THERMAL], false);
	dump_lvt(out, "LVTT", a->s.lvt[LVT_TIMER], true);
	fprintf(out, "Timer\t DCR=0x%x (divide by %u) initial_count = %u current_count = %u\n", a->s.divide,
		divide == 7 ? 1 : 2u << divide, a->s.initial, apic_timer_current(a));
	fprintf(out, "SPIV\t 0x%08x APIC %s, focus=%s, spurious vec %u\n", a->s.svr, a->s.svr & BIT(8) ? "enabled" : "disabled",
		a->s.svr & BIT(9) ? "on" : "off", a->s.svr & 0xFF);
	fprintf(out, "ICR\t 0x%08x %s %s %s %s\n", icr, icr & BIT(11) ? "logical" : "physical", icr & BIT(15) ? "level" : "edge",
		icr & BIT(14) ? "assert" : "de-assert", shorthand[icr >> 18 & 3]);
	fprintf(out, "ICR2\t 0x%08x\nESR\t 0x%08x\n", (uint32_t)(a->s.icr >> 32), a->s.esr);
	dump_vectors(out, "ISR", a->s.isr);
	dump_vectors(out, "IRR", a->s.irr);
	fprintf(out, "\nAPR 0x00 TPR 0x%02x DFR 0x%02x LDR 0x%02x PPR 0x%02x\n", a->s.tpr, a->s.dfr >> 28, a->s.ldr >> 24, apic_ppr(a));
	fprintf(out, "base %llx, TSC deadline %llx, LINT0 %u, LINT1 %u, INTR %u\n", (unsigned long long)a->s.base,
		(unsigned long long)a->s.tsc_deadline, a->s.lint[0], a->s.lint[1], a->s.intr);
}

static void apic_fini(struct device *d)
{
	struct apic *a = container_of(d, struct apic, dev);

	timer_cancel(&a->timer);
}

static const struct device_ops apic_ops = {
	.name = "apic",
	.version = 1,
	.state_off = offsetof(struct apic, s),
	.state_size = sizeof(struct apic_state),
	.timer = {offsetof(struct apic, timer)},
	.reset = apic_reset,
	.fini = apic_fini,
	.post_load = apic_post_load,
	.dump = apic_dump,
};

struct apic *apic_create(struct log *log, struct clock *clock, struct apic_bus *bus, unsigned id,
	bool bsp, const struct apic_cpu *cpu)
{
	struct apic *a = device_new(sizeof(*a), &apic_ops, log);

	BUG_ON(bus->count >= APIC_MAX || id >= APIC_MAX);
	a->bus = bus;
	a->clock = clock;
	a->cpu = *cpu;
	a->s.id = id;
	a->s.bsp = bsp;
	apic_timer_init(a);
	bus->apic[bus->count++] = a;
	apic_reset(&a->dev);
	return a;
}
