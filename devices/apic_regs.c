/*
 * apic_regs.c - the local APIC's registers: the page at FEE00000h and the x2APIC MSRs.
 *
 * Both views number registers alike: MSR 800h + n is page offset n * 16. Differences: ICR is one
 * 64-bit MSR, ID and destinations are 32 bits wide, DFR does not exist, LDR is read only, SELF
 * IPI is new, and what the page ignores is #GP as an MSR.
 *
 * Source: Intel SDM Vol. 3A 11.4.1 table 11-1, 11.12.1.2 table 11-6.
 */
#include "devices/apic.h"

#define VERSION (0x14u | (LVT_COUNT - 1) << 16)

enum {
	R_ID = 0x2,
	R_VERSION = 0x3,
	R_TPR = 0x8,
	R_APR = 0x9,
	R_PPR = 0xA,
	R_EOI = 0xB,
	R_LDR = 0xD,
	R_DFR = 0xE,
	R_SVR = 0xF,
	R_ISR = 0x10,
	R_TMR = 0x18,
	R_IRR = 0x20,
	R_ESR = 0x28,
	R_ICR = 0x30,
	R_ICR2 = 0x31,
	R_LVT = 0x32,
	R_INITIAL = 0x38,
	R_CURRENT = 0x39,
	R_DIVIDE = 0x3E,
	R_SELF = 0x3F
};

/* Writable bits of each LVT entry (figure 11-8). */
static const uint32_t lvt_mask[LVT_COUNT] = {
	[LVT_TIMER] = 0x700FF,
	[LVT_THERMAL] = 0x107FF,
	[LVT_PERF] = 0x107FF,
	[LVT_LINT0] = 0x1A7FF,
	[LVT_LINT1] = 0x1A7FF,
	[LVT_ERROR] = 0x100FF,
};

static void write_lvt(struct apic *a, unsigned n, uint32_t val)
{
	uint32_t old = a->s.lvt[n];

	val &= lvt_mask[n];
	if (!(a->s.svr & 0x100))
		val |= LVT_MASKED; /* 11.4.7.2: mask bits cannot be cleared while software disabled
				    */
	a->s.lvt[n] = val;
	if (n == LVT_TIMER)
		apic_timer_lvt_changed(a, old);
	/* A level LINT0 that is already high is seen when it gets unmasked. */
	if (n == LVT_LINT0 && a->s.lint[0] && (val & 0x8000) && !(val & LVT_MASKED))
		apic_local(a, LVT_LINT0);
	apic_update(a);
}

static void write_svr(struct apic *a, uint32_t val)
{
	a->s.svr = val & 0x1FF;
	if (!(val & 0x100))
		for (unsigned i = 0; i < LVT_COUNT; i++)
			a->s.lvt[i] |= LVT_MASKED;
	apic_update(a);
}

static uint32_t read_id(const struct apic *a)
{
	return a->s.base & APIC_BASE_EXTD ? a->s.id : a->s.id << 24;
}

/* 11.6.2.4 describes APR for P6 processors; nothing arbitrates with it here. */
static uint32_t read_apr(const struct apic *a)
{
	return apic_ppr(a);
}

static bool reg_get(struct apic *a, unsigned r, uint32_t *v)
{
	struct apic_state *s = &a->s;

	if (r >= R_ISR && r < R_ISR + 8)
		*v = s->isr[r - R_ISR];
	else if (r >= R_TMR && r < R_TMR + 8)
		*v = s->tmr[r - R_TMR];
	else if (r >= R_IRR && r < R_IRR + 8)
		*v = s->irr[r - R_IRR];
	else if (r >= R_LVT && r < R_LVT + LVT_COUNT)
		*v = s->lvt[r - R_LVT];
	else
		switch (r) {
		case R_ID:
			*v = read_id(a);
			break;
		case R_VERSION:
			*v = VERSION;
			break;
		case R_TPR:
			*v = s->tpr;
			break;
		case R_APR:
			*v = read_apr(a);
			break;
		case R_PPR:
			*v = apic_ppr(a);
			break;
		case R_LDR:
			*v = s->ldr;
			break;
		case R_DFR:
			*v = s->dfr;
			break;
		case R_SVR:
			*v = s->svr;
			break;
		case R_ESR:
			*v = s->esr;
			break;
		case R_ICR:
			*v = (uint32_t)s->icr;
			break;
		case R_ICR2:
			*v = (uint32_t)(s->icr >> 32);
			break;
		case R_INITIAL:
			*v = s->initial;
			break;
		case R_CURRENT:
			*v = apic_timer_current(a);
			break;
		case R_DIVIDE:
			*v = s->divide;
			break;
		default:
			*v = 0;
			return false;
		}
	return true;
}

static bool reg_set(struct apic *a, unsigned r, uint32_t val)
{
	struct apic_state *s = &a->s;

	if (r >= R_LVT && r < R_LVT + LVT_COUNT) {
		write_lvt(a, r - R_LVT, val);
		return true;
	}
	switch (r) {
	case R_TPR:
		s->tpr = val & 0xFF;
		apic_update(a);
		break;
	case R_EOI:
		apic_eoi(a);
		break;
	case R_LDR:
		s->ldr = val & 0xFF000000;
		break;
	case R_DFR:
		s->dfr = val | 0x0FFFFFFF;
		break;
	case R_SVR:
		write_svr(a, val);
		break;
	case R_ESR: /* a write shows what has gathered since the last one */
		s->esr = s->esr_pending;
		s->esr_pending = 0;
		break;
	case R_ICR:
		s->icr = (s->icr & ~0xFFFFFFFFull) | (val & 0xCCFFF);
		apic_send(a, s->icr, false);
		break;
	case R_ICR2:
		s->icr = (s->icr & 0xFFFFFFFF) | (uint64_t)(val & 0xFF000000) << 32;
		break;
	case R_INITIAL:
		apic_timer_start(a, val);
		break;
	case R_DIVIDE:
		apic_timer_set_divide(a, val);
		break;
	case R_ID: /* the ID is fixed; processors since the Pentium 4 allow that */
	case R_VERSION:
		break;
	default:
		return false;
	}
	return true;
}

uint32_t apic_reg_read(struct apic *a, unsigned off)
{
	uint32_t v;

	/* Registers are 32 bits on 16-byte boundaries; the other 12 bytes are undefined, 0 here. */
	if ((off & 0xF) || off >= 0x400)
		return 0;
	if (!reg_get(a, off >> 4, &v))
		apic_error(a, ESR_ILLEGAL_REG);
	return v;
}

void apic_reg_write(struct apic *a, unsigned off, uint32_t val)
{
	if ((off & 0xF) || off >= 0x400)
		return;
	if (off >> 4 == R_SELF || !reg_set(a, off >> 4, val))
		apic_error(a, ESR_ILLEGAL_REG);
}

bool apic_msr_read(struct apic *a, uint32_t msr, uint64_t *val)
{
	unsigned r = msr - 0x800;
	uint32_t v;

	*val = 0;
	/* #GP: not in x2APIC mode, or no such register, or write only (EOI, SELF IPI) */
	if (!(a->s.base & APIC_BASE_EXTD) || r > 0x3F)
		return false;
	if (r == R_ICR) {
		*val = a->s.icr;
		return true;
	}
	if (r == R_APR || r == R_DFR || r == R_ICR2 || r == R_EOI || !reg_get(a, r, &v))
		return false;
	*val = v;
	return true;
}

/* Reserved bits of an x2APIC register: writing them is #GP. */
static uint64_t msr_valid_bits(unsigned r)
{
	if (r >= R_LVT && r < R_LVT + LVT_COUNT)
		/* delivery status and, where there is one, remote IRR are read only, not reserved */
		return lvt_mask[r - R_LVT] | 0x1000 | (lvt_mask[r - R_LVT] & 0x8000) >> 1;
	switch (r) {
	case R_TPR:
	case R_SELF:
		return 0xFF;
	case R_SVR:
		return 0x1FF;
	case R_ICR:
		return 0xFFFFFFFF000CDFFFull;
	case R_INITIAL:
		return 0xFFFFFFFF;
	case R_DIVIDE:
		return 0xB;
	default:
		return 0; /* EOI and ESR take only 0 */
	}
}

bool apic_msr_write(struct apic *a, uint32_t msr, uint64_t val)
{
	unsigned r = msr - 0x800;

	/* #GP: not in x2APIC mode, or no such register, or a reserved bit set */
	if (!(a->s.base & APIC_BASE_EXTD) || r > 0x3F || (val & ~msr_valid_bits(r)))
		return false;
	switch (r) {
	case R_ID:
	case R_VERSION:
	case R_LDR:
	case R_DFR:
	case R_ICR2:
		return false; /* #GP: read only, or not there */
	case R_ICR:
		a->s.icr = val & ~0x1000ull;
		apic_send(a, a->s.icr, true);
		return true;
	case R_SELF:
		apic_accept(a, APIC_FIXED, (unsigned)val, false);
		return true;
	default:
		return reg_set(a, r, (uint32_t)val);
	}
}
