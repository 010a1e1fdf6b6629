/* test_mode.c - the mode key: kept exactly by loads of data segments; one key for 64-bit code however it was entered. */
#include "long_fix.h"
#include "cpu/mode.h"

/* Each of ES DS FS GS with each kind of descriptor: what is kept is what the registers say. */
START_TEST(kept_by_loads)
{
	static const uint16_t sel[] = {S_UDATA, 0, S_RO, S_DOWN, S_UCODE, S_KDATA, S_CONF};
	static const unsigned seg[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

	for (unsigned cpl = 0; cpl < 4; cpl += 3) {
		struct fix *f = fix_prot(cpl);
		struct vcpu *c = f->cpu;
		unsigned modes = 0;

		for (unsigned i = 0; i < ARRAY_SIZE(seg) * ARRAY_SIZE(sel) * 2; i++) {
			unsigned s = seg[i / ARRAY_SIZE(sel) % ARRAY_SIZE(seg)];
			uint32_t before = c->mode;

			if (h_load_seg(c, s, sel[i % ARRAY_SIZE(sel)] | cpl, 0))
				c->event.pending = false;
			ck_assert_uint_eq(c->mode, mode_key(c));
			modes += c->mode != before;
		}
		ck_assert_uint_gt(modes, 10);
		fix_free(f);
	}
}
END_TEST

/* The same selector once more: what its descriptor says by now, and rights that protected mode gives, whatever real mode had. */
START_TEST(same_again)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	const struct seg *s = &c->seg[SEG_FS];
	struct seg first;
	uint32_t mode;

	fix_gdt(f, S_RO, mk_seg(0x1000, 0xFFF, 0x00F1)); /* read-only */
	ck_assert_int_eq(h_load_seg(c, SEG_FS, S_RO, 0), EXIT_NONE);
	first = *s;
	mode = c->mode;
	ck_assert_uint_gt(s->wlo, s->whi);
	ck_assert_int_eq(h_load_seg(c, SEG_FS, S_RO, 0), EXIT_NONE);
	ck_assert(!memcmp(&first, s, sizeof(first)) && c->mode == mode);
	fix_gdt(f, S_RO, mk_seg(0x1000, 0xFFE, 0x00F1));
	ck_assert_int_eq(h_load_seg(c, SEG_FS, S_RO, 0), EXIT_NONE);
	ck_assert_uint_eq(s->rhi, 0xFFE);
	fix_gdt(f, S_RO, mk_seg(0, 0xFFFFF, 0xC0F3)); /* flat and writable */
	ck_assert_int_eq(h_load_seg(c, SEG_FS, S_RO, 0), EXIT_NONE);
	ck_assert(c->mode != mode && c->mode == mode_key(c) && s->whi == UINT32_MAX);
	fix_gdt(f, S_RO, mk_seg(0x1000, 0xFFF, 0x00F1));
	ck_assert_int_eq(h_load_seg(c, SEG_FS, S_RO, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, CR0_NE, 0), EXIT_NONE);
	ck_assert_uint_eq(s->whi, 0xFFF); /* there is no read-only segment in real mode */
	ck_assert_int_eq(h_mov_cr_to(c, 0, CR0_PE | CR0_NE, 0), EXIT_NONE);
	ck_assert_int_eq(h_load_seg(c, SEG_FS, S_RO, 0), EXIT_NONE);
	ck_assert(!memcmp(&first, s, sizeof(first)) && c->mode == mode);
	fix_free(f);
}
END_TEST

/* An interrupt leaves SS null, SYSCALL leaves it flat: the handler's code is the same code, to be translated once. */
START_TEST(one_key_in_long_mode)
{
	struct fix *f = fix_long("max", 3);
	struct vcpu *c = f->cpu;
	uint32_t by_syscall;

	c->msr.star = (uint64_t)S_KCODE64 << 32;
	c->msr.lstar = KCODE_AT;
	ck_assert_int_eq(h_syscall(c, 2, 0, 0), EXIT_NONE);
	by_syscall = c->mode;
	ck_assert(c->seg[SEG_SS].attr & SEGA_DB);
	ck_assert_int_eq(h_load_seg(c, SEG_SS, 0, 1), EXIT_NONE);
	ck_assert(!(c->seg[SEG_SS].attr & SEGA_DB));
	ck_assert_uint_eq(c->mode, by_syscall);
	for (unsigned s = SEG_DS; s <= SEG_GS; s++) {
		ck_assert_int_eq(h_load_seg(c, s, s & 1 ? 0 : S_UDATA, 0), EXIT_NONE);
		ck_assert_uint_eq(c->mode, by_syscall);
	}
	ck_assert_uint_eq(c->mode, mode_key(c));
	fix_free(f);
}
END_TEST

/* What a program leaves in GS does not show in the key of a kernel; it does in the program's own. */
START_TEST(gs_of_a_kernel)
{
	for (unsigned cpl = 0; cpl < 4; cpl += 3) {
		struct fix *f = fix_prot(cpl);
		struct vcpu *c = f->cpu;
		uint32_t mode;

		ck_assert_int_eq(h_load_seg(c, SEG_GS, S_UDATA | cpl, 0), EXIT_NONE);
		vcpu_update(c);
		mode = c->mode;
		ck_assert_int_eq(!!(mode & MODE_NOLIM_GS), cpl == 3);
		ck_assert_int_eq(h_load_seg(c, SEG_GS, 0, 0), EXIT_NONE);
		ck_assert_int_eq(c->mode != mode, cpl == 3);
		ck_assert_uint_eq(c->mode, mode_key(c));
		fix_free(f);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mode");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, kept_by_loads);
	tcase_add_test(t, same_again);
	tcase_add_test(t, one_key_in_long_mode);
	tcase_add_test(t, gs_of_a_kernel);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
