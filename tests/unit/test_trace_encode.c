/*
 * test_trace_encode.c - the timeline's times: transitions between two readings of the clock are placed by the instructions executed, waiting
 * is not taken for work, time never runs backwards; and a call and its return in one record are what two records would be.
 */
#define _GNU_SOURCE
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "cpu/mode.h"
#include "frontend/trace_encode.h"

#define CALLS 32 /* the first program's track */
#define USUAL 2 /* the track of events that name none */
#define USER 0x400000u
#define MODE64 (MODE_PE | MODE_LMA | MODE_CODE64)

struct seen {
	uint64_t ns, type, track;
};

struct fix {
	struct chunk c;
	struct trace_encode *t;
	int fd;
	uint64_t now;
	struct seen seen[4096]; /* the first or, if there are more, some of the last */
	unsigned n;
	uint64_t read; /* instructions at the last reading of the clock */
	unsigned last; /* 1 + its place in the chunk; 0: none */
};

static uint64_t varint(const uint8_t **p)
{
	uint64_t v = 0;

	for (unsigned s = 0;; s += 7) {
		v |= (uint64_t)(**p & 0x7F) << s;
		if (!(*(*p)++ & 0x80))
			return v;
	}
}

/* One field: its number, its value or length; *p at the next one, or at the bytes */
static unsigned field(const uint8_t **p, uint64_t *v, bool *bytes)
{
	unsigned tag = (unsigned)varint(p);

	*bytes = (tag & 7) == 2;
	if ((tag & 7) == 1)
		*p += 8;
	else
		*v = varint(p);
	return tag >> 3;
}

static void packet(struct fix *f, const uint8_t *p, const uint8_t *end)
{
	struct seen *s = &f->seen[f->n % ARRAY_SIZE(f->seen)];
	bool bytes, event = false;
	uint64_t v;

	while (p < end) {
		unsigned n = field(&p, &v, &bytes);

		if (n == 8)
			s->ns = f->now += v; /* differences */
		if (n != 11 && bytes)
			p += v;
		if (n != 11)
			continue;
		event = true;
		s->track = USUAL;
		for (const uint8_t *e = p + v; p < e;) {
			n = field(&p, &v, &bytes);
			if (n == 9)
				s->type = v;
			if (n == 11)
				s->track = v;
			p += bytes ? v : 0;
		}
	}
	f->n += event;
}

/* Ends the encoder and reads what it has written. */
static void read_all(struct fix *f)
{
	const uint8_t *p, *end;
	off_t len;
	bool bytes;
	uint64_t v;

	ck_assert(trace_encode_free(f->t));
	len = lseek(f->fd, 0, SEEK_END);
	p = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, f->fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	for (end = p + len; p < end; p += v) {
		if (field(&p, &v, &bytes) != 1) /* an assertion that holds is slow, too */
			ck_abort_msg("no packet");
		packet(f, p, p + v);
	}
	for (unsigned i = 1; i < f->n && f->n <= ARRAY_SIZE(f->seen); i++)
		ck_assert_uint_ge(f->seen[i].ns, f->seen[i - 1].ns);
}

/* Time of the @no'th event (from 0) of @type on @track */
static uint64_t when(const struct fix *f, unsigned type, uint64_t track, unsigned no)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->seen[i].type == type && f->seen[i].track == track && !no--)
			return f->seen[i].ns;
	ck_abort_msg("no such event");
}

static void add(struct fix *f, const void *r, size_t n)
{
	if (f->c.len + n > CHUNK_BYTES)
		ck_abort_msg("a full chunk");
	memcpy(f->c.data + f->c.len, r, n);
	f->c.len += (n + 7) & ~7u;
}

static void reading(struct fix *f, uint64_t ns, uint64_t insns)
{
	f->read = insns;
	if (f->last && f->c.len > f->last - 1)
		((struct rec_time *)(f->c.data + f->last - 1))->next = (uint16_t)(f->c.len - (f->last - 1));
	f->last = f->c.len + 1;
	add(f, &(struct rec_time){.kind = REC_TIME, .ns = ns, .insns = insns}, sizeof(struct rec_time));
}

static void move(struct fix *f, unsigned what, uint64_t insns)
{
	bool call = what == TR_SYSCALL;

	uint32_t ring3 = MODE64 | 3 << MODE_CPL_SHIFT;
	struct spot user = {call ? USER : USER + 2, SPOT_KEY(ring3, 0, 0)}, kernel = {call ? 0x8000 : 0x9000, SPOT_KEY(MODE64, 0, 0)};
	struct rec_move m = {.kind = REC_MOVE, .more = 1,
		.slot = {.from = call ? user : kernel, .to = call ? kernel : user, .insns = insns, .cr3 = 0x1000, .b = 39}};

	m.slot.to.key |= (uint64_t)what << 48;
	add(f, &m, sizeof(m));
}

static void pair(struct fix *f, uint64_t insns, unsigned took, enum call_back back)
{
	add(f, &(struct rec_call){.kind = REC_CALL, .back = (uint8_t)back, .number = 110, .after = (uint16_t)(insns - f->read), .took = (uint16_t)took, .from = USER + 64,
		.result = 1}, sizeof(struct rec_call));
}

/* The first reading at 1000 ns and no instruction; a call and its return in full */
static struct fix *begun(void)
{
	struct fix *f = calloc(1, sizeof(*f));

	ck_assert_ptr_nonnull(f);
	f->fd = memfd_create("trace", MFD_CLOEXEC);
	f->t = trace_encode_new(f->fd, NULL, false);
	reading(f, 1000, 0);
	move(f, TR_SYSCALL, 0);
	move(f, TR_SYSRET, 0);
	return f;
}

static void finish(struct fix *f)
{
	trace_encode_chunk(f->t, &f->c);
	read_all(f);
}

static void done(struct fix *f)
{
	close(f->fd);
	free(f);
}

START_TEST(shared_out)
{
	struct fix *f = begun();

	move(f, TR_SYSCALL, 200);
	move(f, TR_SYSRET, 300);
	pair(f, 500, 100, CALL_NEXT);
	pair(f, 700, 50, CALL_LIKE);
	reading(f, 3000, 1000); /* 2 ns an instruction */
	finish(f);
	ck_assert_uint_eq(when(f, 1, CALLS, 1), 1400);
	ck_assert_uint_eq(when(f, 2, CALLS, 1), 1600);
	ck_assert_uint_eq(when(f, 1, CALLS, 2), 2000);
	ck_assert_uint_eq(when(f, 2, CALLS, 2), 2200);
	ck_assert_uint_eq(when(f, 1, CALLS, 3), 2400);
	ck_assert_uint_eq(when(f, 2, CALLS, 3), 2500);
	done(f);
}
END_TEST

/* 1 ns an instruction for a while; then the guest waits for a second. */
START_TEST(waiting)
{
	struct fix *f = begun();

	for (unsigned i = 1; i < 50; i++)
		reading(f, 1000 + i * 1000, i * 1000);
	pair(f, 49100, 100, CALL_NEXT);
	reading(f, 1000000000, 49500);
	finish(f);
	ck_assert_uint_eq(when(f, 1, CALLS, 1), 50100);
	ck_assert_uint_eq(when(f, 2, CALLS, 1), 50200);
	done(f);
}
END_TEST

/* What follows the last reading of a chunk goes on at the usual pace, and a reading that is earlier than that waits for it. */
START_TEST(chunk_ends)
{
	struct fix *f = begun();

	pair(f, 600, 300, CALL_NEXT);
	trace_encode_chunk(f->t, &f->c);
	f->c.len = f->last = 0;
	reading(f, 1700, 950);
	pair(f, 950, 0, CALL_NEXT);
	reading(f, 1500, 10); /* counts go back where a snapshot is loaded */
	pair(f, 20, 10, CALL_NEXT);
	finish(f);
	ck_assert_uint_eq(when(f, 1, CALLS, 1), 1600);
	ck_assert_uint_eq(when(f, 2, CALLS, 1), 1900);
	ck_assert_uint_eq(when(f, 1, CALLS, 2), 1900);
	ck_assert_uint_eq(when(f, 2, CALLS, 3), 1900);
	done(f);
}
END_TEST

START_TEST(not_back)
{
	struct fix *f = begun();
	unsigned begins = 0, ends = 0;

	pair(f, 100, 0, CALL_OPEN);
	reading(f, 2000, 1000);
	finish(f);
	for (unsigned i = 0; i < f->n; i++) {
		begins += f->seen[i].track == CALLS && f->seen[i].type == 1;
		ends += f->seen[i].track == CALLS && f->seen[i].type == 2;
	}
	ck_assert_uint_eq(begins, 2);
	ck_assert_uint_eq(ends, 1);
	done(f);
}
END_TEST

/* More than the encoder holds, written in pieces and, as guest time goes by, in between: every packet is in the file. */
START_TEST(pieces)
{
	enum { CHUNKS_MADE = 200, PAIRS = 1000 };
	struct fix *f = begun();
	unsigned before;
	uint64_t ns = 2000, insns = 0;

	trace_encode_chunk(f->t, &f->c);
	for (unsigned i = 0; i < CHUNKS_MADE; i++) {
		f->c.len = f->last = 0;
		for (unsigned k = 0; k < PAIRS; k++) {
			if (k % 20 == 0)
				reading(f, ns += i % 64 ? 2000 : 40000000, insns);
			pair(f, insns += 10, 5, CALL_NEXT);
		}
		trace_encode_chunk(f->t, &f->c);
	}
	before = f->n;
	read_all(f);
	ck_assert_uint_gt(lseek(f->fd, 0, SEEK_CUR), 2 * 4 * 1024 * 1024);
	ck_assert_uint_eq(f->n - before, 4u * CHUNKS_MADE * PAIRS + 6); /* six: the first call and return in full */
	ck_assert_uint_lt(f->now, ns + 4000);
	ck_assert_uint_gt(f->now, ns - 4000);
	done(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trace_encode");
	TCase *tc = tcase_create("times");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, shared_out);
	tcase_add_test(tc, waiting);
	tcase_add_test(tc, chunk_ends);
	tcase_add_test(tc, not_back);
	tcase_add_test(tc, pieces);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
