/* trace_pb.c - Perfetto packets (trace_pb.h). */
#define _GNU_SOURCE
#include "frontend/trace_pb.h"
#include "mmu/base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Field numbers of the messages */
enum { TRACE_PACKET = 1 };
enum { PACKET_CLOCKS = 6, PACKET_TIMESTAMP = 8, PACKET_SEQUENCE = 10, PACKET_EVENT = 11, PACKET_INTERNED = 12, PACKET_FLAGS = 13,
	PACKET_DEFAULTS = 59, PACKET_TRACK = 60 };
enum { FLAG_STATE_CLEARED = 1 };
enum { CLOCKS_CLOCK = 1, CLOCK_ID = 1, CLOCK_TIMESTAMP = 2, CLOCK_IS_INCREMENTAL = 3, CLOCK_UNIT_NS = 4 };
enum { CLOCK_BOOT = 6, CLOCK_OURS = 64 }; /* builtin: trace time; 64 to 127: a sequence's own */
enum { DEFAULTS_EVENT = 11, DEFAULTS_CLOCK = 58, DEFAULT_TRACK = 11 };
enum { INTERNED_EVENT = 2, INTERNED_NOTE = 3, INTERNED_ID = 1, INTERNED_NAME = 2 };
enum { EVENT_ANNOTATION = 4, EVENT_TYPE = 9, EVENT_NAME_ID = 10, EVENT_TRACK = 11, EVENT_NAME = 23, EVENT_COUNTER_VALUE = 30,
	EVENT_COUNTER_DOUBLE = 44, EVENT_FLOW = 47, EVENT_FLOW_END = 48 };
enum { NOTE_NAME_ID = 1, NOTE_INT = 4, NOTE_STRING = 6, NOTE_POINTER = 7 };
enum { TRACK_UUID = 1, TRACK_NAME = 2, TRACK_PARENT = 5, TRACK_COUNTER = 8 };
enum { COUNTER_UNIT_NAME = 6 };
#define SEQUENCE 1
#define WIDE_TIME 0x3FFF /* what two bytes hold */

static const char *const note_names[NOTES] = {[NOTE_FROM] = "from", [NOTE_HANDLER] = "handler", [NOTE_CODE] = "error code",
	[NOTE_ADDRESS] = "address", [NOTE_FILE] = "file", [NOTE_RESULT] = "result", [NOTE_REGISTER] = "register", [NOTE_VALUE] = "value",
	[NOTE_BYTES] = "bytes"};

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2 };

/*
 * Full pieces go to a regular file past the page cache, which takes a tenth of the host kernel's time: nobody reads them soon. Where that
 * cannot be done, or the device is so slow that the guest would wait for it, they go through it like the rest.
 */
#define SLOW_NS 40000000 /* a piece, twice in succession */
#define PAGE 4096

static void open_direct(struct pb *p)
{
	char path[32];
	struct stat st;

	p->direct = -1;
	if (fstat(p->fd, &st) || !S_ISREG(st.st_mode) || lseek(p->fd, 0, SEEK_CUR) != 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p->fd);
	p->direct = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
}

static void close_direct(struct pb *p)
{
	if (p->direct >= 0)
		close(p->direct);
	p->direct = -1;
}

static uint64_t host_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* false: through the page cache, then */
static bool write_direct(struct pb *p)
{
	uint64_t begun;
	bool good;

	if (p->direct < 0 || p->broken)
		return false;
	begun = host_ns();
	good = pwrite(p->direct, p->buf, PB_BUFFER, p->at) == PB_BUFFER && lseek(p->fd, p->at + PB_BUFFER, SEEK_SET) == p->at + PB_BUFFER;
	p->slow = host_ns() - begun > SLOW_NS ? p->slow + 1 : 0;
	if (!good || p->slow > 1)
		close_direct(p);
	return good;
}

static void write_to(struct pb *p, const uint8_t *end)
{
	while (!p->broken && p->from < end) {
		ssize_t n = write(p->fd, p->from, (size_t)(end - p->from));

		if (n < 0 && errno != EINTR)
			p->broken = true;
		p->from += n > 0 ? n : 0;
	}
	p->from = end;
}

void pb_flush(struct pb *p)
{
	write_to(p, p->p);
}

/* The buffer is full: what lies behind its end goes to the front. */
static void roll(struct pb *p)
{
	const uint8_t *end = p->buf + PB_BUFFER;
	size_t more = (size_t)(p->p - end);

	if (p->from < end && !write_direct(p))
		write_to(p, end);
	memmove(p->buf, end, more);
	p->from = p->from < end ? p->buf : p->buf + (p->from - end);
	p->p = p->buf + more;
	p->at += PB_BUFFER;
	p->image = NULL;
}

static inline uint8_t *varint(uint8_t *o, uint64_t v)
{
	while (v >= 0x80) {
		*o++ = (uint8_t)v | 0x80;
		v >>= 7;
	}
	*o++ = (uint8_t)v;
	return o;
}

static inline uint8_t *tag(uint8_t *o, unsigned field, unsigned wire)
{
	unsigned v = field << 3 | wire;

	if (v >= 0x80) { /* known when this is compiled: no branch */
		*o++ = (uint8_t)v | 0x80;
		v >>= 7;
	}
	*o++ = (uint8_t)v;
	return o;
}

static inline uint8_t *number(uint8_t *o, unsigned field, uint64_t v)
{
	return varint(tag(o, field, WIRE_VARINT), v);
}

static inline uint8_t *fixed64(uint8_t *o, unsigned field, uint64_t v)
{
	o = tag(o, field, WIRE_64);
	memcpy(o, &v, 8); /* little-endian, as every host we run on */
	return o + 8;
}

static inline uint8_t *text(uint8_t *o, unsigned field, const char *s)
{
	size_t n = strlen(s);

	n = n < PB_STRING ? n : PB_STRING;
	o = varint(tag(o, field, WIRE_LEN), n);
	memcpy(o, s, n);
	return o + n;
}

/* A message whose length is not known yet: place for it; close_at() puts it down, and returns the end */
static inline uint8_t *open_at(uint8_t *o, unsigned field)
{
	return tag(o, field, WIRE_LEN) + 1;
}

static inline uint8_t *close_at(uint8_t *body, uint8_t *end)
{
	unsigned n = (unsigned)(end - body);

	if (LIKELY(n < 0x80)) {
		body[-1] = (uint8_t)n;
		return end;
	}
	memmove(body + 1, body, n);
	body[-1] = (uint8_t)n | 0x80;
	body[0] = (uint8_t)(n >> 7);
	return end + 1;
}

static uint8_t *packet(struct pb *p)
{
	if (UNLIKELY(p->p >= p->buf + PB_BUFFER))
		roll(p);
	return p->packet = open_at(p->p, TRACE_PACKET);
}

static void packet_done(struct pb *p, uint8_t *o)
{
	p->p = close_at(p->packet, o);
}

/* ---- names ---- */

static void interned(struct pb *p, unsigned field, unsigned number_, const char *name)
{
	uint8_t *o = number(packet(p), PACKET_SEQUENCE, SEQUENCE), *data = open_at(o, PACKET_INTERNED), *entry = open_at(data, field);

	p->image = NULL;
	o = number(entry, INTERNED_ID, number_);
	o = text(o, INTERNED_NAME, name);
	o = close_at(entry, o);
	packet_done(p, close_at(data, o));
}

/* The number of @name, given out if need be; 0: it has none */
static unsigned number_of(struct pb *p, const char *name)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	size_t n = 0;

	for (; name[n]; n++)
		h = (h ^ (uint8_t)name[n]) * 16777619u;
	h = (h ^ h >> 16) & (PB_NAMES - 1);
	if (LIKELY(p->name[h].number))
		return strcmp(p->name[h].text, name) ? 0 : p->name[h].number;
	if (n >= sizeof(p->name[h].text))
		return 0;
	memcpy(p->name[h].text, name, n + 1);
	p->name[h].number = (uint16_t)++p->names;
	interned(p, INTERNED_EVENT, p->names, name);
	return p->names;
}

/* ---- events ---- */

static uint8_t *clock_at_0(uint8_t *o, unsigned id)
{
	uint8_t *clock = open_at(o, CLOCKS_CLOCK);

	o = number(clock, CLOCK_ID, id);
	o = number(o, CLOCK_TIMESTAMP, 0);
	if (id == CLOCK_OURS) {
		o = number(o, CLOCK_IS_INCREMENTAL, 1);
		o = number(o, CLOCK_UNIT_NS, 1);
	}
	return close_at(clock, o);
}

void pb_begin(struct pb *p, int fd, uint64_t usual)
{
	uint8_t *o, *body, *event;

	*p = (struct pb){.fd = fd, .usual = usual, .buf = aligned_alloc(PAGE, PB_BUFFER + 2 * PB_PACKET)};
	BUG_ON(!p->buf);
	p->p = p->buf;
	p->from = p->buf;
	open_direct(p);
	o = number(packet(p), PACKET_SEQUENCE, SEQUENCE);
	o = number(o, PACKET_FLAGS, FLAG_STATE_CLEARED);
	body = open_at(o, PACKET_CLOCKS);
	o = close_at(body, clock_at_0(clock_at_0(body, CLOCK_BOOT), CLOCK_OURS));
	body = open_at(o, PACKET_DEFAULTS);
	event = open_at(body, DEFAULTS_EVENT);
	o = close_at(event, number(event, DEFAULT_TRACK, usual));
	o = number(o, DEFAULTS_CLOCK, CLOCK_OURS);
	packet_done(p, close_at(body, o));
	for (unsigned i = 1; i < NOTES; i++)
		interned(p, INTERNED_NOTE, i, note_names[i]);
}

bool pb_end(struct pb *p)
{
	pb_flush(p);
	close_direct(p);
	free(p->buf);
	return !p->broken;
}

static uint8_t *wide_time(uint8_t *o, uint64_t gone)
{
	o[0] = (uint8_t)gone | 0x80;
	o[1] = (uint8_t)(gone >> 7);
	return o + 2;
}

/* The time of an event that will have another one each time the image is written */
static uint8_t *image_time(struct pb *p, uint8_t *o, uint64_t gone)
{
	if (gone > WIDE_TIME) {
		p->image = NULL;
		return varint(o, gone);
	}
	p->image->at[p->image_time++] = (uint8_t)(o - p->image_from);
	p->image_next = false;
	return wide_time(o, gone);
}

void pb_event(struct pb *p, uint64_t ns, unsigned type, uint64_t track, const char *name)
{
	unsigned id = name ? number_of(p, name) : 0;
	uint8_t *o = tag(packet(p), PACKET_TIMESTAMP, WIRE_VARINT);

	if (UNLIKELY(p->image && p->image_next))
		o = image_time(p, o, ns - p->ns);
	else
		o = varint(o, ns - p->ns);
	p->ns = ns;
	o = number(o, PACKET_SEQUENCE, SEQUENCE);
	p->event = o = open_at(o, PACKET_EVENT);
	o = number(o, EVENT_TYPE, type);
	if (track != p->usual)
		o = number(o, EVENT_TRACK, track);
	if (id)
		o = number(o, EVENT_NAME_ID, id);
	else if (name)
		o = text(o, EVENT_NAME, name);
	p->p = o;
}

void pb_done(struct pb *p)
{
	packet_done(p, close_at(p->event, p->p));
}

void pb_counter(struct pb *p, uint64_t v)
{
	p->p = number(p->p, EVENT_COUNTER_VALUE, v);
}

void pb_counter_double(struct pb *p, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, 8);
	p->p = fixed64(p->p, EVENT_COUNTER_DOUBLE, bits);
}

void pb_flow(struct pb *p, uint64_t id)
{
	p->p = fixed64(p->p, EVENT_FLOW, id);
}

void pb_flow_end(struct pb *p, uint64_t id)
{
	p->p = fixed64(p->p, EVENT_FLOW_END, id);
}

static void note_number(struct pb *p, enum pb_note name, unsigned field, uint64_t v)
{
	uint8_t *body = open_at(p->p, EVENT_ANNOTATION), *o = number(body, NOTE_NAME_ID, name);

	o = number(o, field, v);
	p->p = close_at(body, o);
}

void pb_note(struct pb *p, enum pb_note name, uint64_t v)
{
	note_number(p, name, NOTE_POINTER, v);
}

static unsigned varint_bytes(uint64_t v)
{
	return (unsigned)(70 - __builtin_clzll(v | 1)) / 7;
}

void pb_note_int(struct pb *p, enum pb_note name, int64_t v)
{
	note_number(p, name, NOTE_INT, (uint64_t)v);
	if (p->image) {
		p->image->v_len = (uint8_t)varint_bytes((uint64_t)v);
		p->image->v = (uint8_t)(p->p - p->image_from) - p->image->v_len;
	}
}

void pb_note_text(struct pb *p, enum pb_note name, const char *s)
{
	uint8_t *body = open_at(p->p, EVENT_ANNOTATION), *o = number(body, NOTE_NAME_ID, name);
	char clean[PB_STRING + 1];
	size_t n = 0;

	for (; s[n] && n < PB_STRING; n++) /* a protobuf string must be UTF-8, and a guest need not know */
		clean[n] = (uint8_t)s[n] < 0x80 ? s[n] : '?';
	clean[n] = 0;
	o = text(o, NOTE_STRING, clean);
	p->p = close_at(body, o);
}

void pb_track(struct pb *p, uint64_t uuid, uint64_t parent, const char *name, const char *counter)
{
	uint8_t *o = number(packet(p), PACKET_SEQUENCE, SEQUENCE), *track = open_at(o, PACKET_TRACK);

	p->image = NULL;
	o = number(track, TRACK_UUID, uuid);
	o = text(o, TRACK_NAME, name);
	if (parent)
		o = number(o, TRACK_PARENT, parent);
	if (counter) {
		uint8_t *unit = open_at(o, TRACK_COUNTER);

		o = text(unit, COUNTER_UNIT_NAME, counter);
		o = close_at(unit, o);
	}
	packet_done(p, close_at(track, o));
}

/* ---- images ---- */

void pb_image_begin(struct pb *p, struct pb_image *m)
{
	*m = (struct pb_image){.len = 0};
	if (p->p >= p->buf + PB_BUFFER)
		roll(p);
	p->image = m;
	p->image_from = p->p;
	p->image_time = 0;
	p->image_next = true;
}

void pb_image_half(struct pb *p)
{
	p->image_next = true;
}

void pb_image_end(struct pb *p)
{
	struct pb_image *m = p->image;
	size_t n = (size_t)(p->p - p->image_from);

	p->image = NULL;
	if (!m || p->image_time != 2 || n > sizeof(m->bytes))
		return;
	memcpy(m->bytes, p->image_from, n);
	m->len = (uint8_t)n;
}

bool pb_image(struct pb *p, const struct pb_image *m, uint64_t first, uint64_t second, int64_t v)
{
	uint8_t *o;

	if (first - p->ns > WIDE_TIME || second - first > WIDE_TIME || (m->v && varint_bytes((uint64_t)v) != m->v_len))
		return false;
	if (UNLIKELY(p->p >= p->buf + PB_BUFFER))
		roll(p);
	o = p->p;
	memcpy(o, m->bytes, sizeof(m->bytes)); /* all of it: no loop */
	wide_time(o + m->at[0], first - p->ns);
	wide_time(o + m->at[1], second - first);
	if (m->v)
		varint(o + m->v, (uint64_t)v);
	p->p = o + m->len;
	p->ns = second;
	return true;
}
