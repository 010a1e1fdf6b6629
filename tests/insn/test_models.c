/*
 * test_models.c - -cpu models: every instruction row on every named model, and on max without each feature, in both engines.
 * A row whose feature CPUID does not show takes #UD; one whose feature it shows does not.
 *
 * One step is run; anything may come of it but #UD at the instruction itself.
 */
#include <stdio.h>
#include "tests/unit/long_fix.h"
#include "tests/insn/find_encoding.h"

#define CODE 0x6000u
#define DATA 0x9000u
#define LOW_BYTES 0x24000u /* tables, stacks, data, handlers: what a row may spoil */

static const char *const models[] = {
#define MODEL(name, ...) name,
#include "cpu/ring0/cpuid.def"
};

static const struct {
	const char *name;
	uint32_t leaf, sub, reg, bit;
} features[] = {
#define FEATURE(id, name, leaf, sub, reg, bit) {name, leaf, sub, reg, bit},
#include "cpu/features.def"
#undef FEATURE
};

struct bench {
	struct fix *f;
	struct jit *j;
	struct vcpu *clean;
	uint8_t *low;
	unsigned bits; /* code size in bytes */
	bool shown[FEAT_COUNT];
	unsigned ran, wrong;
};

/* ---- one machine ---- */

static bool apic_none(void *opaque, uint32_t msr, uint64_t *v)
{
	return false;
}

static void read_cpuid(struct bench *t)
{
	struct vcpu *c = t->f->cpu;

	c->wires.apic_read = apic_none; /* so that the features of the APIC show */
	for (unsigned i = 0; i < FEAT_COUNT; i++) {
		static const uint8_t reg[4] = {GPR_RAX, GPR_RBX, GPR_RCX, GPR_RDX};

		if (features[i].leaf == 0xFFFFFFFF) { /* a generation: has no bit */
			t->shown[i] = feature_has(&c->features, i);
			continue;
		}
		c->gpr[GPR_RAX] = features[i].leaf & 0x80000000;
		ck_assert_int_eq(h_cpuid(c, 0, 0, 0), EXIT_NONE);
		if ((uint32_t)c->gpr[GPR_RAX] < features[i].leaf)
			continue;
		c->gpr[GPR_RAX] = features[i].leaf;
		c->gpr[GPR_RCX] = features[i].sub;
		ck_assert_int_eq(h_cpuid(c, 0, 0, 0), EXIT_NONE);
		t->shown[i] = c->gpr[reg[features[i].reg]] >> features[i].bit & 1;
	}
	/* CPUID shows it in 64-bit mode only */
	if (t->bits != 8)
		t->shown[FEAT_SYSCALL] = false;
}

/* What an operating system switches on where CPUID shows it. */
static void enable(struct bench *t)
{
	static const struct {
		uint8_t feature;
		uint64_t bits;
	} on[] = {{FEAT_FXSR, CR4_OSFXSR}, {FEAT_SSE, CR4_OSXMMEXCPT}, {FEAT_XSAVE, CR4_OSXSAVE},
		{FEAT_FSGSBASE, CR4_FSGSBASE}};
	struct vcpu *c = t->f->cpu;
	uint64_t cr4 = c->cr4;

	for (unsigned i = 0; i < ARRAY_SIZE(on); i++)
		if (t->shown[on[i].feature])
			cr4 |= on[i].bits;
	ck_assert_int_eq(h_mov_cr_to(c, 4, cr4, 0), EXIT_NONE);
	if (!t->shown[FEAT_XSAVE])
		return;
	c->gpr[GPR_RCX] = c->gpr[GPR_RDX] = 0;
	c->gpr[GPR_RAX] = t->shown[FEAT_AVX] ? 7 : 3;
	ck_assert_int_eq(h_xsetbv(c, 0, 0, 0), EXIT_NONE);
}

static void handlers_32(struct fix *f)
{
	for (unsigned v = 0; v < 256; v++)
		fix_wr(f, HANDLERS + v * 16, 0xF4, 1);
}

static void setup(struct bench *t, const char *model, enum jit_accel accel)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 4 << 20};
	struct fix *probe = fix_new(model);
	bool lm = feature_has(&probe->cpu->features, FEAT_LM);
	struct err e;

	fix_free(probe);
	memset(t, 0, sizeof(*t));
	t->bits = lm ? 8 : 4;
	t->f = lm ? fix_long(model, 0) : fix_prot_model(model, 0);
	if (!lm)
		handlers_32(t->f);
	read_cpuid(t);
	enable(t);
	ck_assert_int_eq(jit_new(&t->j, t->f->cpu, &opt, &e), VM_OK);
	for (unsigned i = 0; i < 16; i++)
		if (i != GPR_RSP)
			t->f->cpu->gpr[i] = DATA;
	t->f->cpu->gpr[GPR_RCX] = 1;
	t->f->cpu->rip = CODE;
	vcpu_update(t->f->cpu);
	t->clean = malloc(offsetof(struct vcpu, mmu));
	t->low = malloc(LOW_BYTES);
	memcpy(t->clean, t->f->cpu, offsetof(struct vcpu, mmu));
	memcpy(t->low, t->f->ram.host + t->f->reg.ra, LOW_BYTES);
}

static void teardown(struct bench *t)
{
	jit_free(t->j);
	free(t->clean);
	free(t->low);
	fix_free(t->f);
}

/* Has @code taken #UD? */
static bool takes_ud(struct bench *t, const uint8_t *code)
{
	struct vcpu *c = t->f->cpu;

	memcpy(c, t->clean, offsetof(struct vcpu, mmu));
	space_write_buf(&t->f->mem, 0, t->low, LOW_BYTES);
	space_write_buf(&t->f->mem, CODE, code, INSN_MAX_LEN);
	vcpu_update(c);
	tlb_flush(&c->mmu, true);
	vcpu_update_req(c);
	jit_debug_go(t->j, true);
	jit_run(t->j);
	return c->rip == HANDLERS + 6 * 16;
}

/* ---- what is expected ---- */

/* #UD whatever the model: that is what they are for, or this form of them. */
static bool always_ud(const struct insn_row *r)
{
	return !strcmp(r->semantics, "ud") || !strcmp(r->mnemonic, "rsm");
}

static bool expected(const struct bench *t, unsigned id)
{
	const struct insn_row *r = &insn_rows[id];

	/* without their feature these are BSF and BSR */
	if (!strcmp(r->mnemonic, "tzcnt") || !strcmp(r->mnemonic, "lzcnt"))
		return false;
	if ((!strcmp(r->mnemonic, "lahf") || !strcmp(r->mnemonic, "sahf")) && t->bits == 8)
		return !t->shown[FEAT_LAHF64];
	if (!strcmp(r->semantics, "avx") && !t->shown[FEAT_AVX])
		return true;
	return !t->shown[r->feature];
}

static void every_insn(struct bench *t, const char *model)
{
	for (unsigned id = 0; id < INSN_COUNT; id++) {
		const struct insn_row *r = &insn_rows[id];
		struct find find = {t->f->cpu->index, id, t->bits, true};
		uint8_t code[INSN_MAX_LEN];
		bool ud;

		if (always_ud(r) || (r->match & (t->bits == 8 ? MATCH_NO64 : MATCH_MODE64)))
			continue;
		if (!find_encoding(&find, code)) {
			/* a form of another code size */
			ck_assert_msg(r->match & (MATCH_A16 | MATCH_A64 | MATCH_O32 | MATCH_O64 | MATCH_W1 | MATCH_B1),
				"%s: no encoding found", r->id);
			continue;
		}
		ud = takes_ud(t, code);
		t->ran++;
		if (ud == expected(t, id))
			continue;
		fprintf(stderr, "%s on %s, %u-bit: %s; bytes", r->id, model, t->bits * 8, ud ? "#UD" : "no #UD");
		for (unsigned i = 0; i < 8; i++)
			fprintf(stderr, " %02x", code[i]);
		fprintf(stderr, "\n");
		t->wrong++;
	}
}

static void on_model(const char *model, enum jit_accel accel, bool show)
{
	struct bench t;

	setup(&t, model, accel);
	every_insn(&t, model);
	teardown(&t);
	if (show)
		printf("%s: %u rows\n", model, t.ran);
	ck_assert_uint_gt(t.ran, 100);
	ck_assert_uint_eq(t.wrong, 0);
}

START_TEST(named_interp)
{
	on_model(models[_i], ACCEL_INTERP, true);
}
END_TEST

START_TEST(named_jit)
{
	on_model(models[_i], ACCEL_JIT, false);
}
END_TEST

/* max without one feature (and what depends on it) */
START_TEST(without)
{
	char model[64];

	if (features[_i].leaf == 0xFFFFFFFF || !strcmp(features[_i].name, "lm") || !strcmp(features[_i].name, "pae") ||
		!strcmp(features[_i].name, "msr"))
		return; /* the test's own 64-bit machine needs them */
	snprintf(model, sizeof(model), "max,-%s", features[_i].name);
	on_model(model, ACCEL_JIT, false);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("models");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, named_interp, 0, ARRAY_SIZE(models));
	tcase_add_loop_test(t, named_jit, 0, ARRAY_SIZE(models));
	tcase_add_loop_test(t, without, 0, FEAT_COUNT);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
