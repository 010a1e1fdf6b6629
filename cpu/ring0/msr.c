/*
 * msr.c - RDMSR, WRMSR and the time-stamp counter.
 *
 * Plain registers are rows of msr.def; the rest - banks, time, EFER, segment bases, the local APIC
 * - is below.
 *
 * Source: Intel SDM Vol. 4 table 2-2 "IA-32 Architectural MSRs"; Vol. 2 RDMSR, WRMSR, RDTSC; Vol.
 * 3A 11.11 (MTRRs).
 */
#include "cpu/ring0/priv.h"
#include "mmu/base/log.h"

enum msr_kind { MSR_RW, MSR_RO, MSR_CANON, MSR_MEMTYPES, MSR_MTRRTYPES, MSR_MTRRTYPE };

static const struct msr_row {
	uint32_t num;
	const char *name;
	uint32_t offset;
	uint8_t feature, kind;
	uint64_t mask;
} rows[] = {
#define MSR(num, name, field, feature, mask, kind)                                                 \
	{num, name, offsetof(struct vcpu, msr.field), FEAT_##feature, MSR_##kind, mask},
#include "cpu/ring0/msr.def"
#undef MSR
};

static const struct msr_row *find(const struct vcpu *cpu, uint32_t num)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].num == num)
			return feature_has(&cpu->features, rows[i].feature) ? &rows[i] : NULL;
	return NULL;
}

static uint64_t *field(struct vcpu *cpu, const struct msr_row *r)
{
	return (uint64_t *)((char *)cpu + r->offset);
}

uint64_t vcpu_tsc(struct vcpu *cpu)
{
	uint64_t t = cpu->wires.tsc ? cpu->wires.tsc(cpu->wires.tsc_opaque) : cpu->insns;

	return t + cpu->msr.tsc_offset;
}

enum exit h_rdtsc(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t t;

	TRY(ring0_gate(cpu, GATE_RDTSC));
	t = vcpu_tsc(cpu);
	cpu->gpr[GPR_RAX] = (uint32_t)t;
	cpu->gpr[GPR_RDX] = t >> 32;
	return EXIT_NONE;
}

enum exit h_rdtscp(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	TRY(h_rdtsc(cpu, 0, 0, 0));
	cpu->gpr[GPR_RCX] = (uint32_t)cpu->msr.tsc_aux;
	return EXIT_NONE;
}

enum exit h_rdpmc(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_RDPMC));
	/* If an invalid performance counter index is specified: CPUID leaf 0AH promises none. */
	return cpu_raise_aux(cpu, CHECK_GP_RDPMC, 0, cpu->gpr[GPR_RCX], 0);
}

static bool is_apic_msr(const struct vcpu *cpu, uint32_t n)
{
	if (n == 0x6E0 && !feature_has(&cpu->features, FEAT_TSCDL)) /* IA32_TSC_DEADLINE */
		return false;
	return cpu->wires.apic_read && (n == 0x1B || n == 0x6E0 || (n >= 0x800 && n <= 0x8FF));
}

/* Machine-check banks and variable-range MTRRs: where MSR @n is kept, or NULL. */
static uint64_t *banked(struct vcpu *cpu, uint32_t n)
{
	if (n >= 0x200 && n <= 0x20F && feature_has(&cpu->features, FEAT_MTRR))
		return n & 1 ? &cpu->msr.mtrr_mask[(n - 0x200) / 2]
			     : &cpu->msr.mtrr_base[(n - 0x200) / 2];
	if (n >= 0x400 && n < 0x410 && feature_has(&cpu->features, FEAT_MCA))
		return &cpu->msr.mc[(n - 0x400) / 4][n & 3];
	return NULL;
}

/*
 * Performance monitoring by model: P6's counters and their event selectors; the uncore's of the later models. CPUID leaf 0AH
 * promises none, but drivers go by family and model.
 */
static bool is_perf_msr(const struct vcpu *cpu, uint32_t n)
{
	static const struct {
		uint32_t first, last;
		uint8_t model; /* 0: every one of family 6 */
	} t[] = {{0xC1, 0xC2, 0}, {0x186, 0x187, 0}, {0x391, 0x396, 26}, {0x3B0, 0x3CF, 26}, {0x391, 0x396, 44},
		{0x3B0, 0x3CF, 44}, {0x391, 0x397, 60}, {0x700, 0x73F, 60}};
	uint32_t sig = cpuid_signature(cpu), model = (sig >> 4 & 15) | (sig >> 12 & 0xF0);

	if ((sig >> 8 & 15) != 6)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
		if (n >= t[i].first && n <= t[i].last && (!t[i].model || t[i].model == model))
			return true;
	return false;
}

static bool read_special(struct vcpu *cpu, uint32_t n, uint64_t *v)
{
	bool lm = feature_has(&cpu->features, FEAT_LM);

	*v = 0;
	if (is_perf_msr(cpu, n)) {
		UNIMP(cpu->log, "RDMSR %#x: performance monitoring: 0\n", n);
		return true;
	}
	switch (n) {
	case 0x0: /* IA32_P5_MC_ADDR, IA32_P5_MC_TYPE: no machine check has been */
	case 0x1:
		return feature_has(&cpu->features, FEAT_MCE);
	case 0x10:
		*v = vcpu_tsc(cpu);
		return feature_has(&cpu->features, FEAT_TSC);
	case 0x3B:
		*v = cpu->msr.tsc_adjust;
		return feature_has(&cpu->features, FEAT_TSCADJ);
	case 0xFE: /* IA32_MTRRCAP: 8 variable ranges, fixed ranges, write-combining */
		*v = 0x508;
		return feature_has(&cpu->features, FEAT_MTRR);
	case 0x10A:
		/*
		 * IA32_ARCH_CAPABILITIES: RDCL_NO, SSB_NO, MDS_NO, IF_PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO,
		 * PSDP_NO. Every guest access is checked in software: an unmapped kernel would protect against nothing.
		 */
		*v = BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(13) | BIT(14) | BIT(15);
		return feature_has(&cpu->features, FEAT_ARCHCAP);
	case 0x179: /* IA32_MCG_CAP: 4 banks, MCG_CTL */
		*v = 0x104;
		return feature_has(&cpu->features, FEAT_MCA);
	case 0x8B: /* IA32_BIOS_SIGN_ID: a microcode update late enough for the erratum of the deadline timer */
		*v = 0x28ull << 32;
		return true;
	case 0x17:
	case 0x2A:
	case 0xCE:
	case 0x198:
	case 0x199:
	case 0x19A:
	case 0x19C:
	case 0x1D9:
	case 0x79:
	case 0x2C:
	case 0xCD: /* platform, microcode, frequency, thermal, DEBUGCTL: zero */
		return true;
	case 0xC0000080:
		*v = cpu->efer;
		return lm || feature_has(&cpu->features, FEAT_NX);
	case 0xC0000100:
		*v = cpu->seg[SEG_FS].base;
		return lm;
	case 0xC0000101:
		*v = cpu->seg[SEG_GS].base;
		return lm;
	}
	return false;
}

static bool read_msr(struct vcpu *cpu, uint32_t n, uint64_t *v)
{
	const struct msr_row *r;
	uint64_t *b = banked(cpu, n);

	if (is_apic_msr(cpu, n))
		return cpu->wires.apic_read(cpu->wires.opaque, n, v);
	r = find(cpu, n);
	if (r || b) {
		*v = r ? *field(cpu, r) : *b;
		return true;
	}
	return read_special(cpu, n, v);
}

enum exit h_rdmsr(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	uint32_t n = cpu->gpr[GPR_RCX];
	uint64_t v;

	TRY(ring0_gate(cpu, GATE_RDMSR));
	/* If the value in ECX specifies a reserved or unimplemented MSR address. */
	if (!read_msr(cpu, n, &v)) {
		UNIMP(cpu->log, "RDMSR %#x: #GP\n", n);
		return cpu_raise_aux(cpu, CHECK_GP_MSR_UNKNOWN, 0, n, 0);
	}
	cpu->gpr[GPR_RAX] = (uint32_t)v;
	cpu->gpr[GPR_RDX] = v >> 32;
	return EXIT_NONE;
}

static bool mtrr_type_ok(unsigned t)
{
	return t <= 6 && t != 2 && t != 3;
}

/* Every byte a memory type: 11.11.2.1 for the MTRRs; the PAT also has UC-, 11.12.2. */
static bool memtypes_ok(uint64_t v, bool pat)
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned t = v >> i * 8 & 0xFF;

		if (!mtrr_type_ok(t) && !(pat && t == 7))
			return false;
	}
	return true;
}

static bool row_accepts(const struct msr_row *r, uint64_t v)
{
	switch ((enum msr_kind)r->kind) {
	case MSR_RO:
		return false;
	case MSR_CANON:
		return canonical(v);
	case MSR_MEMTYPES:
	case MSR_MTRRTYPES:
		return !(v & ~r->mask) && memtypes_ok(v, r->kind == MSR_MEMTYPES);
	case MSR_MTRRTYPE:
		return !(v & ~r->mask) && mtrr_type_ok(v & 0xFF);
	case MSR_RW:
		break;
	}
	return !(v & ~r->mask);
}

static enum exit write_row(struct vcpu *cpu, const struct msr_row *r, uint64_t v)
{
	/* If an attempt is made to set reserved bits, a non-canonical address, or to write a
	 * read-only MSR. */
	if (!row_accepts(r, v))
		return cpu_raise_aux(cpu, CHECK_GP_MSR_RESERVED, 0, r->num, v);
	*field(cpu, r) = v;
	return EXIT_NONE;
}

/* A variable-range MTRR or a machine-check register, kept at @at. */
static enum exit write_banked(struct vcpu *cpu, uint32_t n, uint64_t *at, uint64_t v)
{
	uint64_t high = ~(BIT(cpu->maxphyaddr) - 1);
	bool ok = true;

	if (n < 0x400)
		ok = n & 1 ? !(v & (high | 0x7FF)) : !(v & (high | 0xF00)) && mtrr_type_ok(v & 0xFF);
	else if (n & 3)
		ok = v == 0;
	/* If an attempt is made to set reserved bits or a reserved memory type, or to write anything but 0 to
	 * IA32_MCi_STATUS, _ADDR or _MISC. */
	if (!ok)
		return cpu_raise_aux(cpu, CHECK_GP_MSR_RESERVED, 0, n, v);
	*at = v;
	return EXIT_NONE;
}

/* The TSC jumps by @moved; an armed deadline is a value of it, so it is armed anew (10.5.4.1). */
static void move_tsc(struct vcpu *cpu, uint64_t moved)
{
	uint64_t deadline = 0;

	cpu->msr.tsc_offset += moved;
	if (is_apic_msr(cpu, 0x6E0) && cpu->wires.apic_read(cpu->wires.opaque, 0x6E0, &deadline) && deadline &&
		cpu->wires.apic_write)
		cpu->wires.apic_write(cpu->wires.opaque, 0x6E0, deadline);
}

static void write_tsc(struct vcpu *cpu, uint64_t v)
{
	uint64_t moved = v - vcpu_tsc(cpu);

	move_tsc(cpu, moved);
	cpu->msr.tsc_adjust += moved; /* 17.17.3: whatever moves one moves the other */
}

static enum exit write_base(struct vcpu *cpu, unsigned seg, uint64_t v)
{
	if (!canonical(v))
		return cpu_raise_aux(cpu, CHECK_GP_MSR_RESERVED, 0, 0xC0000100 + seg - SEG_FS, v);
	cpu->seg[seg].base = v;
	mode_refresh(cpu);
	return EXIT_NONE;
}

static enum exit write_special(struct vcpu *cpu, uint32_t n, uint64_t v, bool *known)
{
	bool lm = feature_has(&cpu->features, FEAT_LM);

	*known = true;
	if (is_perf_msr(cpu, n)) {
		UNIMP(cpu->log, "WRMSR %#x: performance monitoring: ignored\n", n);
		return EXIT_NONE;
	}
	switch (n) {
	case 0x0:
	case 0x1:
		if (!feature_has(&cpu->features, FEAT_MCE))
			break;
		return EXIT_NONE;
	case 0x10:
		write_tsc(cpu, v);
		return EXIT_NONE;
	case 0x3B:
		if (!feature_has(&cpu->features, FEAT_TSCADJ))
			break;
		move_tsc(cpu, v - cpu->msr.tsc_adjust);
		cpu->msr.tsc_adjust = v;
		return EXIT_NONE;
	case 0x79:
	case 0x8B:
	case 0x2A:
	case 0x199:
	case 0x19A:
	case 0x1D9: /* ignored */
		return EXIT_NONE;
	case 0xC0000080:
		if (lm || feature_has(&cpu->features, FEAT_NX))
			return control_write_efer(cpu, v);
		break;
	case 0xC0000100:
	case 0xC0000101:
		if (lm)
			return write_base(cpu, SEG_FS + (n & 1), v);
		break;
	}
	*known = false;
	return EXIT_NONE;
}

/* Of IA32_APIC_BASE, by this model: the address above its width, and x2APIC mode where there is none. */
static uint64_t apic_base_reserved(const struct vcpu *cpu)
{
	return ~(BIT(cpu->maxphyaddr) - 1) | (feature_has(&cpu->features, FEAT_X2APIC) ? 0 : BIT(10));
}

enum exit h_wrmsr(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	uint32_t n = cpu->gpr[GPR_RCX];
	uint64_t v = (uint32_t)cpu->gpr[GPR_RAX] | cpu->gpr[GPR_RDX] << 32, *bank = banked(cpu, n);
	const struct msr_row *r = find(cpu, n);
	bool known;
	enum exit ex;

	TRY(ring0_gate(cpu, GATE_WRMSR));
	if (is_apic_msr(cpu, n)) {
		uint64_t reserved = n == 0x1B ? apic_base_reserved(cpu) : 0;

		/* If an attempt is made to set reserved bits. */
		if ((v & reserved) || !cpu->wires.apic_write || !cpu->wires.apic_write(cpu->wires.opaque, n, v))
			return cpu_raise_aux(cpu, CHECK_GP_MSR_RESERVED, 0, n, v);
		if (n == 0x1B)
			cpu->msr.apic_base = v;
		return EXIT_NONE;
	}
	if (r)
		return write_row(cpu, r, v);
	if (bank)
		return write_banked(cpu, n, bank, v);
	ex = write_special(cpu, n, v, &known);
	/* If the value in ECX specifies a reserved or unimplemented MSR address. */
	if (!known) {
		UNIMP(cpu->log, "WRMSR %#x: #GP\n", n);
		return cpu_raise_aux(cpu, CHECK_GP_MSR_UNKNOWN, 0, n, v);
	}
	return ex;
}
