/* trace_pb.c - Perfetto packets (trace_pb.h). */
#include "frontend/trace_pb.h"
#include <inttypes.h>
#include <string.h>

/* Field numbers of the messages */
enum { TRACE_PACKET = 1 };
enum { PACKET_TIMESTAMP = 8, PACKET_SEQUENCE = 10, PACKET_EVENT = 11, PACKET_TRACK = 60 };
enum { EVENT_ANNOTATION = 4, EVENT_TYPE = 9, EVENT_TRACK = 11, EVENT_NAME = 23 };
enum { NOTE_INT = 4, NOTE_STRING = 6, NOTE_POINTER = 7, NOTE_NAME = 10 };
enum { TRACK_UUID = 1, TRACK_NAME = 2, TRACK_PARENT = 5, TRACK_COUNTER = 8 };
enum { COUNTER_UNIT_NAME = 6 };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2 };

/* Not by an initializer, which would clear the buffer, too */
static void pb_clear(struct pb *p)
{
	p->len = 0;
	p->full = false;
}

static unsigned varint(uint8_t *out, uint64_t v)
{
	unsigned n = 0;

	while (v >= 0x80) {
		out[n++] = (uint8_t)v | 0x80;
		v >>= 7;
	}
	out[n++] = (uint8_t)v;
	return n;
}

static void put(struct pb *p, const uint8_t *head, unsigned nhead, const void *data, size_t n)
{
	if (nhead + n > sizeof(p->buf) - p->len) {
		p->full = true;
		return;
	}
	memcpy(p->buf + p->len, head, nhead);
	memcpy(p->buf + p->len + nhead, data, n);
	p->len += nhead + (unsigned)n;
}

void pb_uint(struct pb *p, unsigned field, uint64_t v)
{
	uint8_t head[20];
	unsigned n = varint(head, field << 3 | WIRE_VARINT);

	n += varint(head + n, v);
	put(p, head, n, "", 0);
}

void pb_fixed64(struct pb *p, unsigned field, uint64_t v)
{
	uint8_t head[10];

	put(p, head, varint(head, field << 3 | WIRE_64), &v, 8); /* little-endian, as every host we run on */
}

void pb_double(struct pb *p, unsigned field, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, 8);
	pb_fixed64(p, field, bits);
}

void pb_bytes(struct pb *p, unsigned field, const void *data, size_t n)
{
	uint8_t head[20];
	unsigned h = varint(head, field << 3 | WIRE_LEN);

	h += varint(head + h, n);
	put(p, head, h, data, n);
}

void pb_string(struct pb *p, unsigned field, const char *s)
{
	pb_bytes(p, field, s, strlen(s));
}

void pb_note(struct pb *event, const char *name, uint64_t v)
{
	struct pb note;

	pb_clear(&note);
	pb_string(&note, NOTE_NAME, name);
	pb_uint(&note, NOTE_POINTER, v);
	pb_bytes(event, EVENT_ANNOTATION, note.buf, note.len);
}

void pb_note_int(struct pb *event, const char *name, int64_t v)
{
	struct pb note;

	pb_clear(&note);
	pb_string(&note, NOTE_NAME, name);
	pb_uint(&note, NOTE_INT, (uint64_t)v);
	pb_bytes(event, EVENT_ANNOTATION, note.buf, note.len);
}

void pb_note_text(struct pb *event, const char *name, const char *text)
{
	struct pb note;
	char clean[256];
	size_t n = 0;

	for (; text[n] && n < sizeof(clean); n++) /* a protobuf string must be UTF-8, and a guest need not know */
		clean[n] = (uint8_t)text[n] < 0x80 ? text[n] : '?';
	pb_clear(&note);
	pb_string(&note, NOTE_NAME, name);
	pb_bytes(&note, NOTE_STRING, clean, n);
	pb_bytes(event, EVENT_ANNOTATION, note.buf, note.len);
}

void pb_event(struct pb *event, unsigned type, uint64_t track, const char *name)
{
	pb_clear(event);
	pb_uint(event, EVENT_TYPE, type);
	pb_uint(event, EVENT_TRACK, track);
	if (name)
		pb_string(event, EVENT_NAME, name);
}

static bool write_packet(FILE *f, struct pb *packet)
{
	uint8_t head[20];
	unsigned n = varint(head, TRACE_PACKET << 3 | WIRE_LEN);

	pb_uint(packet, PACKET_SEQUENCE, 1);
	n += varint(head + n, packet->len);
	return fwrite_unlocked(head, 1, n, f) == n && fwrite_unlocked(packet->buf, 1, packet->len, f) == packet->len;
}

/* The whole packet in one piece: this runs several times a transition. */
bool pb_packet(FILE *f, uint64_t ns, const struct pb *event)
{
	uint8_t buf[sizeof(event->buf) + 64], inner[16], *p = buf;
	unsigned n = 0;

	inner[n++] = PACKET_TIMESTAMP << 3 | WIRE_VARINT;
	n += varint(inner + n, ns);
	inner[n++] = PACKET_EVENT << 3 | WIRE_LEN;
	n += varint(inner + n, event->len);
	*p++ = TRACE_PACKET << 3 | WIRE_LEN;
	p += varint(p, n + event->len + 2);
	memcpy(p, inner, n);
	memcpy(p + n, event->buf, event->len);
	p += n + event->len;
	*p++ = PACKET_SEQUENCE << 3 | WIRE_VARINT;
	*p++ = 1;
	return fwrite_unlocked(buf, 1, (size_t)(p - buf), f) == (size_t)(p - buf);
}

bool pb_track(FILE *f, uint64_t uuid, uint64_t parent, const char *name, const char *counter)
{
	struct pb track = {.len = 0}, packet = {.len = 0}, unit = {.len = 0};

	pb_uint(&track, TRACK_UUID, uuid);
	pb_string(&track, TRACK_NAME, name);
	if (parent)
		pb_uint(&track, TRACK_PARENT, parent);
	if (counter) {
		pb_string(&unit, COUNTER_UNIT_NAME, counter);
		pb_bytes(&track, TRACK_COUNTER, unit.buf, unit.len);
	}
	pb_bytes(&packet, PACKET_TRACK, track.buf, track.len);
	return write_packet(f, &packet);
}
