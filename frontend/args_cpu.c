/*
 * args_cpu.c - -cpu MODEL,WORD,...: the words other emulators' command lines have, brought to the "+feature" and "-feature"
 * the CPU layer takes.
 *
 * A feature may be spelt with '_' or '-' for any '-', '.' or '_', as +NAME, NAME, NAME=on. One that processors have and this one has not is
 * told and left out, so that a guest that looks at CPUID does without; "enforce" makes that an error.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "frontend/args_spec.h"

static const char *const model_names[] = {
#define MODEL(name, ...) name,
#include "cpu/ring0/cpuid.def"
};

static const struct {
	const char *name;
	bool milestone; /* of the processor family, for the models' rows only */
} features[] = {
#define FEATURE(id, name, leaf, ...) {name, (leaf) == 0xFFFFFFFF},
#include "cpu/features.def"
#undef FEATURE
};

/* Other names for some. */
static const struct {
	const char *name, *ours;
} aliases[] = {{"lzcnt", "abm"}, {"xd", "nx"}, {"i64", "lm"}, {"pni", "sse3"}, {"pclmuldq", "pclmulqdq"}, {"clfsh", "clflush"}, {"fxsr-opt", NULL},
	{"invtsc", NULL}};

/*
 * Models of QEMU's list that are none here: the nearest that is, with what it lacks. A "-vN", "-noTSX" or "-IBRS" behind a name is
 * about features that no model here has.
 */
static const struct {
	const char *name, *ours;
} other_models[] = {{"Conroe", "core2duo"}, {"Penryn", "core2duo,+sse4.1"}, {"coreduo", "n270"},
#define SANDY "Westmere,+avx,+xsave,+xsaveopt,+x2apic,+tsc-deadline"
#define BROADWELL "Haswell,+adx,+rdseed,+smap,+3dnowprefetch"
	{"SandyBridge", SANDY}, {"IvyBridge", SANDY ",+f16c,+rdrand,+fsgsbase,+smep,+erms"}, {"Broadwell", BROADWELL}, {"Skylake-Client", BROADWELL},
	{"Skylake-Server", BROADWELL ",+clflushopt,+clwb"}, {"Cascadelake-Server", BROADWELL ",+clflushopt,+clwb"},
	{"Icelake-Server", BROADWELL ",+clflushopt,+clwb"}, {"EPYC", BROADWELL ",+clflushopt,+sha-ni"}, {"EPYC-Rome", BROADWELL ",+clflushopt,+sha-ni"},
	{"EPYC-Milan", BROADWELL ",+clflushopt,+sha-ni"}};

/* Of processors, but not of this one. */
static const char *const absent[] = {"vmx", "svm", "pku", "pks", "ospke", "la57", "smx", "est", "tm", "tm2", "ht", "acpi", "ss", "pbe", "dca",
	"ds", "ds-cpl", "dtes64", "xtpr", "pdcm", "cid", "hle", "rtm", "mpx", "intel-pt", "avx512f", "avx512dq", "avx512ifma",
	"avx512pf", "avx512er", "avx512cd", "avx512bw", "avx512vl", "avx512vbmi", "avx512-vbmi2", "gfni", "vaes", "vpclmulqdq", "avx512vnni", "avx512bitalg",
	"avx512-vpopcntdq", "bus-lock-detect", "cldemote", "movdir64b", "fsrm", "avx-vnni", "avx512-bf16", "amx-bf16", "amx-tile",
	"amx-int8", "spec-ctrl", "stibp", "ssbd", "core-capability", "md-clear", "xsavec", "xsaves", "xgetbv1", "xfd", "waitpkg", "shstk", "ibt",
	"cmp-legacy", "extapic", "cr8legacy", "sse4a", "misalignsse", "3dnow", "3dnowext", "mmxext", "osvw", "ibs", "xop", "skinit", "wdt", "lwp", "fma4",
	"tce", "nodeid-msr", "tbm", "topoext", "perfctr-core", "perfctr-nb", "npt", "lbrv", "nrip-save", "vgif", "clzero", "wbnoinvd",
	"xsaveerptr", "rdpru", "ibpb", "virt-ssbd", "kvmclock", "kvm-nopiodelay", "kvm-mmu", "kvm-asyncpf", "kvm-steal-time", "kvm-pv-eoi",
	"kvm-pv-unhalt", "kvmclock-stable-bit", "lam", "fred", "cmpccxadd"};

/* Properties that change nothing here: wishes of how, or of what is so anyway. */
static const char *const moot[] = {"check", "kvm", "kvm-no-smi-migration", "host-phys-bits", "host-phys-bits-limit", "host-cache-info", "l3-cache", "migratable",
	"pmu", "full-cpuid-auto-level", "lmce", "tcg-cpuid", "fill-mtrr-mask", "legacy-cache", "cpuid-0xb", "vmware-cpuid-freq", "x-force-features"};

/* Properties that are numbers or texts of CPUID, which the model decides here. */
static const char *const fixed[] = {"vendor", "family", "model", "stepping", "model-id", "level", "min-level", "xlevel", "min-xlevel", "phys-bits",
	"tsc-frequency", "ucode-rev", "hv-vendor-id"};

/* Equal but for '-', '_' and '.', and for case. */
static bool same(const char *a, const char *b)
{
	for (;; a++, b++) {
		bool sep = (*a == '-' || *a == '_' || *a == '.') && (*b == '-' || *b == '_' || *b == '.');

		if (!sep && tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

static bool among(const char *v, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (same(v, names[i]))
			return true;
	return false;
}

/* The name of features.def for @v, "" if we have it always, NULL if it is none of ours. */
static const char *feature_name(const char *v)
{
	for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
		if (!features[i].milestone && same(v, features[i].name))
			return features[i].name;
	for (unsigned i = 0; i < ARRAY_SIZE(aliases); i++)
		if (same(v, aliases[i].name))
			return aliases[i].ours ? aliases[i].ours : "";
	return NULL;
}

static enum vm_err unknown_word(const char *v, struct err *e)
{
	const char *names[ARRAY_SIZE(features)];
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
		if (!features[i].milestone)
			names[n++] = features[i].name;
	return spec_unknown("cpu", "feature or property", v, names, n, e);
}

/* What -cpu is being put together from. */
struct cpu_words {
	struct args *a;
	char out[1024]; /* for the CPU layer */
	bool enforce;
	const char *missing;
};

static enum vm_err add_feature(struct cpu_words *w, const char *name, bool on, struct err *e)
{
	const char *ours = feature_name(name);
	size_t n = strlen(w->out);

	if (!ours && among(name, absent, ARRAY_SIZE(absent))) {
		if (on) {
			spec_warn(w->a, "-cpu: feature '%s' is not emulated; CPUID will not show it", name);
			w->missing = name;
		}
		return VM_OK;
	}
	if (!ours)
		return unknown_word(name, e);
	if (*ours && (size_t)snprintf(w->out + n, sizeof(w->out) - n, ",%c%s", on ? '+' : '-', ours) >= sizeof(w->out) - n)
		return err_set(e, VM_ERR_USAGE, "-cpu: too many features");
	return VM_OK;
}

static enum vm_err one_word(struct cpu_words *w, const struct items *it, struct err *e)
{
	const char *k = it->key;
	enum vm_err r;
	bool on;

	if (it->bare && (*k == '+' || *k == '-'))
		return add_feature(w, k + 1, *k == '+', e);
	if (among(k, fixed, ARRAY_SIZE(fixed)) && !it->bare) {
		if (!same(k, "vendor") || strcmp(it->val, "GenuineIntel") != 0)
			spec_warn(w->a, "-cpu: %s=%s: the model decides this", k, it->val);
		return VM_OK;
	}
	if (among(k, moot, ARRAY_SIZE(moot)))
		return VM_OK;
	if (!strncmp(k, "hv-", 3) || !strncmp(k, "hv_", 3)) {
		spec_warn(w->a, "-cpu: '%s': no enlightenments are emulated", k);
		return VM_OK;
	}
	if (!same(k, "enforce") && !feature_name(k) && !among(k, absent, ARRAY_SIZE(absent)))
		return unknown_word(k, e);
	r = spec_switch("cpu", k, it->val, &on, e);
	if (!r && same(k, "enforce"))
		w->enforce = on;
	else if (!r)
		r = add_feature(w, k, on, e);
	return r;
}

/* The name without "-vN", "-noTSX", "-IBRS" or "-IBPB". */
static void plain_model(const char *v, char *out, size_t n)
{
	static const char *const ends[] = {"-noTSX", "-IBRS", "-IBPB"};
	size_t len = strlen(v);

	snprintf(out, n, "%s", v);
	if (len > 3 && len < n && isdigit((unsigned char)v[len - 1]) && v[len - 2] == 'v' && v[len - 3] == '-')
		out[len -= 3] = 0;
	for (unsigned i = 0, twice = 0; i < ARRAY_SIZE(ends); i++) {
		size_t e = strlen(ends[i]);

		if (len <= e || len >= n || strcmp(out + len - e, ends[i]))
			continue;
		out[len -= e] = 0;
		if (!twice++)
			i = UINT32_MAX; /* "-noTSX-IBRS" */
	}
}

/* A model of ours, by the name of another one. False: there is none near it. */
static bool near_model(struct args *a, const char *v, char *out, size_t n)
{
	char name[64];

	plain_model(v, name, sizeof(name));
	for (unsigned i = 0; i < ARRAY_SIZE(model_names); i++) {
		if (!strcmp(name, model_names[i])) {
			snprintf(out, n, "%s", name);
			return true;
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(other_models); i++) {
		if (strcmp(name, other_models[i].name))
			continue;
		snprintf(out, n, "%s", other_models[i].ours);
		spec_warn(a, "-cpu: '%s' is not emulated as such; the guest sees %s", v, out);
		return true;
	}
	return false;
}

/* "host" is what we can do at most, as it is where the host's own processor runs the guest. */
enum vm_err spec_cpu(struct args *a, const char *v, struct err *e)
{
	struct cpu_words w = {.a = a};
	enum vm_err r = VM_OK;
	struct items it;
	unsigned k;

	items_begin(&it, a, v, "model");
	if (!items_next(&it) || strcmp(it.key, "model") != 0)
		return err_set(e, VM_ERR_USAGE, "-cpu: it begins with a model ('-cpu help' lists them)");
	if (!strcmp(it.val, "host")) {
		snprintf(w.out, sizeof(w.out), "max");
	} else if (!near_model(a, it.val, w.out, sizeof(w.out))) {
		r = spec_choice("cpu", "model", it.val, model_names, ARRAY_SIZE(model_names), &k, e);
		if (!r)
			snprintf(w.out, sizeof(w.out), "%s", it.val);
	}
	while (!r && items_next(&it))
		r = one_word(&w, &it, e);
	if (!r && w.enforce && w.missing)
		return err_set(e, VM_ERR_USAGE, "-cpu: feature '%s' is not emulated, and enforce was asked for", w.missing);
	a->cfg.cpu_model = spec_keep(a, w.out);
	return r;
}

void spec_cpu_help(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(model_names); i++)
		printf("x86 %s\n", model_names[i]);
	printf("x86 host (what max is)\n\nFeatures, as +NAME, -NAME or NAME=on|off:\n ");
	for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
		if (!features[i].milestone)
			printf(" %s", features[i].name);
	printf("\n");
}
