/* trace_pb.c - Perfetto packets (trace_pb.h). */
#include "frontend/trace_pb.h"
#include <errno.h>
#include <unistd.h>

/* Field numbers of the messages */
enum { TRACE_PACKET = 1 };
enum { PACKET_TIMESTAMP = 8, PACKET_SEQUENCE = 10, PACKET_EVENT = 11, PACKET_TRACK = 60 };
enum { EVENT_ANNOTATION = 4, EVENT_TYPE = 9, EVENT_TRACK = 11, EVENT_NAME = 23, EVENT_COUNTER_VALUE = 30,
	EVENT_COUNTER_DOUBLE = 44, EVENT_FLOW = 47, EVENT_FLOW_END = 48 };
enum { NOTE_INT = 4, NOTE_STRING = 6, NOTE_POINTER = 7, NOTE_NAME = 10 };
enum { TRACK_UUID = 1, TRACK_NAME = 2, TRACK_PARENT = 5, TRACK_COUNTER = 8 };
enum { COUNTER_UNIT_NAME = 6 };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2 };

void pb_flush(struct pb *p)
{
	const uint8_t *at = p->buf;

	while (!p->broken && at < p->p) {
		ssize_t n = write(p->fd, at, (size_t)(p->p - at));

		if (n < 0 && errno != EINTR)
			p->broken = true;
		at += n > 0 ? n : 0;
	}
	p->p = p->buf;
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

/* A message whose length is not known yet: place for it; close_at() puts down how much there is behind it */
static inline uint8_t *open_at(uint8_t *o, unsigned field)
{
	return tag(o, field, WIRE_LEN) + 2;
}

static inline void close_at(uint8_t *body, const uint8_t *end)
{
	unsigned n = (unsigned)(end - body);

	body[-2] = (uint8_t)n | 0x80;
	body[-1] = (uint8_t)(n >> 7);
}

static uint8_t *packet(struct pb *p)
{
	if (UNLIKELY(p->buf + PB_BUFFER - p->p < PB_PACKET))
		pb_flush(p);
	return p->packet = open_at(p->p, TRACE_PACKET);
}

static void packet_done(struct pb *p, uint8_t *o)
{
	o = number(o, PACKET_SEQUENCE, 1);
	close_at(p->packet, o);
	p->p = o;
}

void pb_event(struct pb *p, uint64_t ns, unsigned type, uint64_t track, const char *name)
{
	uint8_t *o = number(packet(p), PACKET_TIMESTAMP, ns);

	p->event = o = open_at(o, PACKET_EVENT);
	o = number(o, EVENT_TYPE, type);
	o = number(o, EVENT_TRACK, track);
	if (name)
		o = text(o, EVENT_NAME, name);
	p->p = o;
}

void pb_done(struct pb *p)
{
	close_at(p->event, p->p);
	packet_done(p, p->p);
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

static void note_number(struct pb *p, const char *name, unsigned field, uint64_t v)
{
	uint8_t *body = open_at(p->p, EVENT_ANNOTATION), *o = text(body, NOTE_NAME, name);

	o = number(o, field, v);
	close_at(body, o);
	p->p = o;
}

void pb_note(struct pb *p, const char *name, uint64_t v)
{
	note_number(p, name, NOTE_POINTER, v);
}

void pb_note_int(struct pb *p, const char *name, int64_t v)
{
	note_number(p, name, NOTE_INT, (uint64_t)v);
}

void pb_note_text(struct pb *p, const char *name, const char *s)
{
	uint8_t *body = open_at(p->p, EVENT_ANNOTATION), *o = text(body, NOTE_NAME, name);
	char clean[PB_STRING + 1];
	size_t n = 0;

	for (; s[n] && n < PB_STRING; n++) /* a protobuf string must be UTF-8, and a guest need not know */
		clean[n] = (uint8_t)s[n] < 0x80 ? s[n] : '?';
	clean[n] = 0;
	o = text(o, NOTE_STRING, clean);
	close_at(body, o);
	p->p = o;
}

void pb_track(struct pb *p, uint64_t uuid, uint64_t parent, const char *name, const char *counter)
{
	uint8_t *o = packet(p), *track = open_at(o, PACKET_TRACK);

	o = number(track, TRACK_UUID, uuid);
	o = text(o, TRACK_NAME, name);
	if (parent)
		o = number(o, TRACK_PARENT, parent);
	if (counter) {
		uint8_t *unit = open_at(o, TRACK_COUNTER);

		o = text(unit, COUNTER_UNIT_NAME, counter);
		close_at(unit, o);
	}
	close_at(track, o);
	packet_done(p, o);
}
