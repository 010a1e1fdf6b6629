/* test_pcspk.c - the speaker's square wave: frequency, amplitude, when it begins and ends. */
#include "chip_fixture.h"
#include "devices/pcspk.h"

struct rig {
	struct board b;
	struct i8254 *pit;
	struct pcspk *k;
	struct audio audio;
	uint64_t frames, first_ns, rises, energy;
	int16_t peak, last;
};

static void play(struct audio *a, struct audio_voice *v, const int16_t *lr, unsigned n, unsigned rate, uint64_t ns)
{
	struct rig *r = container_of(a, struct rig, audio);

	(void)v;
	ck_assert_uint_eq(rate, 48000);
	if (!r->frames)
		r->first_ns = ns;
	r->frames += n;
	for (unsigned i = 0; i < n; i++) {
		ck_assert_int_eq(lr[2 * i], lr[2 * i + 1]);
		r->rises += r->last < 0 && lr[2 * i] >= 0;
		r->last = lr[2 * i];
		r->peak = r->last > r->peak ? r->last : r->peak;
		r->energy += (uint64_t)((int64_t)r->last * r->last);
	}
}

static struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	board_init(&r->b);
	r->audio.play = play;
	r->pit = i8254_create(&r->b.log, &r->b.clock, &r->b.io, wire(&r->b, 0));
	r->k = pcspk_create(&r->b.log, &r->b.clock, &r->b.io, r->pit, &r->audio);
	return r;
}

static void rig_free(struct rig *r)
{
	drop(&r->k->dev);
	drop(&r->pit->dev);
	board_fini(&r->b);
	free(r);
}

static void frequency(struct rig *r, unsigned hz)
{
	unsigned n = I8254_HZ / hz;

	out(&r->b, 0x43, 0xB6);
	out(&r->b, 0x42, n & 0xFF);
	out(&r->b, 0x42, n >> 8);
}

START_TEST(tone)
{
	struct rig *r = rig_new();

	pass(&r->b, 1000000);
	frequency(r, 440);
	pass(&r->b, 50000000);
	ck_assert_uint_eq(r->frames, 0); /* counter 2 runs, but the speaker is off */
	out(&r->b, 0x61, 3);
	pass(&r->b, 1000000000);
	out(&r->b, 0x61, 0);
	ck_assert_uint_eq(r->first_ns, 51000000);
	ck_assert_uint_ge(r->frames, 47990);
	ck_assert_uint_le(r->frames, 48010);
	ck_assert_uint_ge(r->rises, 439);
	ck_assert_uint_le(r->rises, 441);
	ck_assert_int_eq(r->peak, 8000);
	ck_assert_uint_ge(r->energy / r->frames, 7700 * 7700); /* square: nearly always at its peak */
	pass(&r->b, 1000000000);
	ck_assert_uint_le(r->frames, 48010);
	rig_free(r);
}
END_TEST

START_TEST(changes)
{
	struct rig *r = rig_new();

	out(&r->b, 0x61, 3);
	for (unsigned i = 1; i <= 10; i++) {
		frequency(r, 200 * i);
		pass(&r->b, 100000000);
	}
	out(&r->b, 0x61, 0);
	ck_assert_uint_ge(r->rises, 20 * 55 - 12);
	ck_assert_uint_le(r->rises, 20 * 55 + 12);
	r->energy = r->frames = 0;
	frequency(r, 400000); /* nobody can hear it: its mean is what goes out */
	out(&r->b, 0x61, 3);
	pass(&r->b, 100000000);
	out(&r->b, 0x61, 0);
	ck_assert_uint_ge(r->frames, 4700);
	ck_assert_uint_le(r->energy / r->frames, 1500 * 1500);
	rig_free(r);
}
END_TEST

START_TEST(random_accesses)
{
	struct rig *r = rig_new();

	fuzz(&r->b, &r->b.io, 0x40, 0x22, &r->k->dev);
	rig_free(r);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {tone, changes, random_accesses};

	return run_cases("pcspk", tests, ARRAY_SIZE(tests));
}
