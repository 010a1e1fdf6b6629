/*
 * cpuid.c - CPU models and what CPUID says about them.
 *
 * A model is a row of cpuid.def: a family, a leaf level and a list of features, inherited by name
 * and cut down to what is implemented. Feature leaves are computed from the set, so CPUID, #UD and
 * CR4 can never disagree.
 *
 * Source: Intel SDM Vol. 2 CPUID, tables 3-8 to 3-17.
 */
#include "cpu/ring0/priv.h"
#include <stdio.h>
#include <string.h>

struct cpu_model {
	const char *name, *base;
	uint32_t level;
	uint16_t family, model, stepping;
	const char *brand, *features;
};

static const struct cpu_model models[] = {
#define MODEL(name, base, level, fam, mod, step, brand, features)                                  \
	{name, base, level, fam, mod, step, brand, features},
#include "cpu/ring0/cpuid.def"
};

static const struct {
	const char *name;
	uint32_t leaf;
	uint8_t sub, reg, bit;
} rows[FEAT_COUNT] = {
#define FEATURE(id, name, leaf, sub, reg, bit) [FEAT_##id] = {name, leaf, sub, reg, bit},
#include "cpu/features.def"
#undef FEATURE
};

static const uint8_t implemented[] = {
#define IMPLEMENTED(id) FEAT_##id,
#include "cpu/ring0/cpuid.def"
};

static struct feature_set implemented_set(void)
{
	struct feature_set s = {{0}};

	for (unsigned i = 0; i < ARRAY_SIZE(implemented); i++)
		feature_put(&s, implemented[i], true);
	return s;
}

static int feature_find(const char *name, size_t n)
{
	for (unsigned i = 0; i < FEAT_COUNT; i++)
		if (strlen(rows[i].name) == n && !strncmp(rows[i].name, name, n))
			return i;
	return -1;
}

static const struct cpu_model *model_find(const char *name, size_t n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
		if (strlen(models[i].name) == n && !strncmp(models[i].name, name, n))
			return &models[i];
	return NULL;
}

static void model_features(const struct cpu_model *m, struct feature_set *s)
{
	const struct feature_set impl = implemented_set();
	const char *p = m->features;

	if (!strcmp(p, "*")) {
		*s = impl;
		feature_put(s, FEAT_HYPERVISOR, false);
		return;
	}
	if (m->base)
		model_features(model_find(m->base, strlen(m->base)), s);
	while (*p) {
		size_t n = strcspn(p, " ");
		int f = feature_find(p, n);

		BUG_ON(f < 0); /* a misspelt row: every model is built by the unit test */
		if (feature_has(&impl, f))
			feature_put(s, f, true);
		p += n + strspn(p + n, " ");
	}
}

static enum vm_err apply_word(struct vcpu *cpu, const char *w, size_t n, struct err *e)
{
	const struct feature_set impl = implemented_set();
	int f;

	if (n < 2 || (*w != '+' && *w != '-'))
		return err_set(
			e, VM_ERR_USAGE, "-cpu: '%.*s' is not +feature or -feature", (int)n, w);
	f = feature_find(w + 1, n - 1);
	if (f < 0)
		return err_set(e, VM_ERR_USAGE, "-cpu: no such feature '%.*s'", (int)n - 1, w + 1);
	if (*w == '+' && !feature_has(&impl, f))
		return err_set(
			e, VM_ERR_USAGE, "-cpu: feature '%s' is not implemented", rows[f].name);
	feature_put(&cpu->features, f, *w == '+');
	return VM_OK;
}

/* What cannot be without another feature goes with it. */
static void drop_dependents(struct feature_set *s)
{
	static const struct {
		uint8_t needs, feature;
	} deps[] = {
		{FEAT_FPU, FEAT_MMX},
		{FEAT_FPU, FEAT_FXSR},
		{FEAT_FXSR, FEAT_SSE},
		{FEAT_SSE, FEAT_SSE2},
		{FEAT_SSE2, FEAT_SSE3},
		{FEAT_SSE3, FEAT_SSSE3},
		{FEAT_SSSE3, FEAT_SSE41},
		{FEAT_SSE41, FEAT_SSE42},
		{FEAT_SSE2, FEAT_AES},
		{FEAT_SSE2, FEAT_PCLMUL},
		{FEAT_SSE2, FEAT_SHA},
		{FEAT_SSE2, FEAT_LM},
		{FEAT_PAE, FEAT_LM},
		{FEAT_LM, FEAT_SYSCALL},
		{FEAT_LM, FEAT_FSGSBASE},
		{FEAT_LM, FEAT_PDPE1GB},
		{FEAT_LM, FEAT_PCID},
		{FEAT_PCID, FEAT_INVPCID},
		{FEAT_LM, FEAT_CX16},
		{FEAT_FXSR, FEAT_XSAVE},
		{FEAT_XSAVE, FEAT_AVX},
		{FEAT_XSAVE, FEAT_XSAVEOPT},
		{FEAT_AVX, FEAT_AVX2},
		{FEAT_AVX, FEAT_FMA},
		{FEAT_AVX, FEAT_F16C},
		{FEAT_APIC, FEAT_X2APIC},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(deps); i++)
		if (!feature_has(s, deps[i].needs))
			feature_put(s, deps[i].feature, false);
}

enum vm_err cpuid_setup(struct vcpu *cpu, const char *arg, struct err *e)
{
	size_t n;
	const struct cpu_model *m;

	if (!arg || !*arg)
		arg = "max";
	n = strcspn(arg, ",");
	m = model_find(arg, n);
	if (!m)
		return err_set(e, VM_ERR_USAGE, "-cpu: no such model '%.*s'", (int)n, arg);
	cpu->model = m;
	cpu->features = (struct feature_set){{0}};
	model_features(m, &cpu->features);
	for (arg += n; *arg; arg += n) {
		arg++;
		n = strcspn(arg, ",");
		enum vm_err r = apply_word(cpu, arg, n, e);

		if (r != VM_OK)
			return r;
	}
	drop_dependents(&cpu->features);
	cpu->maxphyaddr =
		feature_has(&cpu->features, FEAT_LM) ? 40
		: feature_has(&cpu->features, FEAT_PAE) || feature_has(&cpu->features, FEAT_PSE36)
			? 36
			: 32;
	return VM_OK;
}

uint64_t cpuid_signature(const struct vcpu *cpu)
{
	const struct cpu_model *m = cpu->model;
	unsigned fam = m->family > 15 ? 15 : m->family, ext = m->family > 15 ? m->family - 15 : 0;

	return m->stepping | (m->model & 15) << 4 | fam << 8 | (uint32_t)(m->model >> 4) << 16 |
	       ext << 20;
}

/* Feature bits of a leaf, from the set. */
static void feature_bits(const struct vcpu *cpu, uint32_t leaf, unsigned sub, uint32_t r[4])
{
	for (unsigned i = 0; i < FEAT_COUNT; i++) {
		bool apic = i == FEAT_APIC || i == FEAT_X2APIC || i == FEAT_TSCDL;

		if (rows[i].leaf != leaf || rows[i].sub != sub || !feature_has(&cpu->features, i))
			continue;
		if (apic && !cpu->wires.apic_read) /* the board has none */
			continue;
		r[rows[i].reg] |= 1u << rows[i].bit;
	}
}

static void leaf_1(const struct vcpu *cpu, uint32_t r[4])
{
	r[0] = cpuid_signature(cpu);
	r[1] = feature_has(&cpu->features, FEAT_CLFSH) ? 0x00010800
						       : 0x00010000; /* 1 CPU, CLFLUSH line 64 */
	feature_bits(cpu, 1, 0, r);
	if (cpu->cr4 & CR4_OSXSAVE)
		r[2] |= 1u << 27;
	if (!(cpu->msr.apic_base & BIT(11)))
		r[3] &= ~(1u << 9);
}

/*
 * Cache and TLB descriptors, SDM Vol. 2 CPUID table 3-12. FFh sends the reader to leaf 4, so a model without that must
 * name its caches here: C libraries would look for the end of leaf 4 for ever.
 */
static void leaf_2(const struct vcpu *cpu, uint32_t r[4])
{
	if (cpu->model->level < 4) { /* L1 16 KiB + 16 KiB, L2 512 KiB */
		r[0] = 0x03020101;
		r[3] = 0x0C040843;
	} else { /* TLBs 03h 63h 76h B5h C1h, 64-byte prefetch */
		r[0] = 0x76036301;
		r[1] = 0x00F0B5FF;
		r[3] = 0x00C10000;
	}
}

/* 32 KiB L1 data and code, 256 KiB L2, 4 MiB L3; deterministic parameters, one thread, one core */
static void leaf_4(uint32_t sub, uint32_t r[4])
{
	static const struct {
		uint32_t eax, ways, sets;
	} c[] = {{0x00000121, 8, 64}, {0x00000122, 8, 64}, {0x00000143, 8, 512},
		{0x00000163, 16, 4096}};

	if (sub >= ARRAY_SIZE(c))
		return;
	r[0] = c[sub].eax;
	r[1] = (c[sub].ways - 1) << 22 | 63;
	r[2] = c[sub].sets - 1;
}

static void leaf_d(const struct vcpu *cpu, uint32_t sub, uint32_t r[4])
{
	bool avx = feature_has(&cpu->features, FEAT_AVX);

	if (!feature_has(&cpu->features, FEAT_XSAVE))
		return;
	if (sub == 0) {
		r[0] = avx ? 7 : 3;
		r[1] = cpu->xcr0 & 4 ? 832 : 576;
		r[2] = avx ? 832 : 576;
	} else if (sub == 1) {
		feature_bits(cpu, 0xD, 1, r);
	} else if (sub == 2 && avx) {
		r[0] = 256;
		r[1] = 576;
	}
}

static void basic_leaf(const struct vcpu *cpu, uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	switch (leaf) {
	case 0:
		r[0] = cpu->model->level;
		memcpy(&r[1], "Genu", 4);
		memcpy(&r[3], "ineI", 4);
		memcpy(&r[2], "ntel", 4);
		break;
	case 1:
		leaf_1(cpu, r);
		break;
	case 2:
		leaf_2(cpu, r);
		break;
	case 4:
		leaf_4(sub, r);
		break;
	case 5:
		if (feature_has(&cpu->features, FEAT_MONITOR))
			r[0] = r[1] = 64, r[2] = 3;
		break;
	case 6:
		r[0] = 4; /* always-running APIC timer */
		break;
	case 7:
		if (sub == 0)
			feature_bits(cpu, 7, 0, r);
		break;
	case 0xB:
		r[1] = sub < 2 ? 1 : 0;
		r[2] = sub | (sub < 2 ? (sub + 1) << 8 : 0);
		break;
	case 0xD:
		leaf_d(cpu, sub, r);
		break;
	case 0x15: /* the TSC counts the crystal's ticks, and so does the local APIC's timer */
		r[0] = r[1] = cpu->wires.tsc_hz ? 1 : 0;
		r[2] = cpu->wires.tsc_hz;
		break;
	case 0x16: /* MHz: base, maximum, bus */
		r[0] = r[1] = cpu->wires.tsc_hz / 1000000;
		r[2] = cpu->wires.tsc_hz ? 100 : 0;
		break;
	}
}

static void extended_leaf(const struct vcpu *cpu, uint32_t leaf, uint32_t r[4])
{
	char brand[64] = "";

	switch (leaf) {
	case 0x80000000:
		r[0] = 0x80000008;
		break;
	case 0x80000001:
		feature_bits(cpu, leaf, 0, r);
		if (!is_code64(cpu))
			r[3] &= ~(1u << 11); /* SYSCALL exists in 64-bit mode only */
		break;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004:
		snprintf(brand, 48, "Dragoman Virtual CPU (%s)", cpu->model->brand);
		for (unsigned i = 0; i < 4; i++)
			memcpy(&r[i], brand + (leaf - 0x80000002) * 16 + i * 4, 4);
		break;
	case 0x80000006:
		r[2] = 0x01006040; /* L2: 256 KiB, 8 ways, 64-byte lines */
		break;
	case 0x80000007:
		r[3] = 1u << 8; /* invariant TSC */
		break;
	case 0x80000008:
		r[0] = cpu->maxphyaddr | (feature_has(&cpu->features, FEAT_LM) ? 48u : 32u) << 8;
		break;
	}
}

enum exit h_cpuid(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	uint32_t leaf = cpu->gpr[GPR_RAX], sub = cpu->gpr[GPR_RCX], r[4] = {0};
	static const uint8_t to[4] = {GPR_RAX, GPR_RBX, GPR_RCX, GPR_RDX};

	if (leaf == 0x40000000 && feature_has(&cpu->features, FEAT_HYPERVISOR)) {
		r[0] = leaf;
		memcpy(&r[1], "DragomanVM\0\0", 12);
	} else if (leaf >= 0x80000000 && leaf <= 0x80000008 && cpu->model->level > 1) {
		extended_leaf(cpu, leaf, r);
	} else {
		if (leaf > cpu->model->level) /* answers as the highest basic leaf */
			leaf = cpu->model->level;
		basic_leaf(cpu, leaf, sub, r);
	}
	for (unsigned i = 0; i < 4; i++)
		cpu->gpr[to[i]] = r[i];
	return EXIT_NONE;
}
