/*
 * trace_pb.h - packets of a Perfetto trace, written straight into the file's buffer: protobuf's wire format and the few
 * messages we use.
 *
 * Several packets are written for each transition, so they are small: times are differences to the packet before (a clock of ours, declared as
 * incremental in nanoseconds), names are numbers given out by an earlier packet (interned), and the track is left out where it is the usual one. All
 * packets are of one sequence, as these three demand. Lengths come before what they count, and are known afterwards: one byte, and what
 * turns out longer is moved.
 *
 * Source: protocol buffers "Encoding"; field numbers of perfetto's public TracePacket, TrackEvent, TrackDescriptor,
 * ClockSnapshot, InternedData.
 */
#ifndef FRONTEND_TRACE_PB_H
#define FRONTEND_TRACE_PB_H

#include "mmu/base/types.h"
#include <string.h>
#include <sys/types.h>

enum { EV_BEGIN = 1, EV_END = 2, EV_INSTANT = 3, EV_COUNTER = 4 }; /* TrackEvent.Type */

/* Names of debug annotations */
enum pb_note { NOTE_FROM = 1, NOTE_HANDLER, NOTE_CODE, NOTE_ADDRESS, NOTE_FILE, NOTE_RESULT, NOTE_REGISTER, NOTE_VALUE, NOTE_BYTES,
	NOTES };

/* Written in pieces of this size, at multiples of it, which is cheap for the host's kernel. */
#define PB_BUFFER (4 * 1024 * 1024)
#define PB_PACKET 4096 /* no packet is longer: six strings of at most PB_STRING */
#define PB_STRING 256
#define PB_NAMES 1024	/* a power of two */

/* A copy of packets that are to be written again and again, with two times and a number that differ */
struct pb_image {
	uint8_t len;	 /* 0: none */
	uint8_t at[2];	 /* places of the two times, two bytes each */
	uint8_t v, v_len; /* of the last pb_note_int(); 0: there is none */
	uint8_t bytes[128];
};

struct pb {
	int fd;
	bool broken;	     /* something could not be written: the rest is dropped */
	uint8_t *p, *packet, *event; /* where to write; where the lengths of what is being written are */
	uint64_t ns;	     /* of the last event */
	uint64_t usual;	     /* track */
	unsigned names;	     /* numbers given out */
	struct {
		uint16_t number; /* 0: free */
		char text[62];
	} name[PB_NAMES];    /* by hash; a name that finds its place taken is written out each time */
	/* of the image that is being made, or NULL */
	struct pb_image *image;
	const uint8_t *image_from;
	unsigned image_time; /* times found */
	bool image_next;     /* the next event's is one */
	uint8_t *buf;	     /* PB_BUFFER + 2 * PB_PACKET bytes */
	off_t at;	     /* place of buf in the file, a multiple of PB_BUFFER */
	const uint8_t *from; /* not written yet: from here to p */
	int direct;	     /* the file past the page cache, or -1 */
	unsigned slow;	     /* pieces in succession that took long there */
};

/* pb_begin() - @fd: file, stays the caller's; @usual: the track of most events. pb_end(): false: the file lacks something */
void pb_begin(struct pb *p, int fd, uint64_t usual);
bool pb_end(struct pb *p);
void pb_flush(struct pb *p); /* all that there is, to the file */
/* pb_track() - declare track @uuid below @parent (0: top); @counter: unit of a counter track, or NULL */
void pb_track(struct pb *p, uint64_t uuid, uint64_t parent, const char *name, const char *counter);

/* One packet: pb_event(), what belongs to the event, pb_done(). @ns: not before the last event's. Strings are cut at PB_STRING. */
void pb_event(struct pb *p, uint64_t ns, unsigned type, uint64_t track, const char *name);
void pb_done(struct pb *p);

void pb_counter(struct pb *p, uint64_t v);
void pb_counter_double(struct pb *p, double v);
void pb_flow(struct pb *p, uint64_t id);     /* begins, or goes on, here */
void pb_flow_end(struct pb *p, uint64_t id);
/* debug annotations of the event: @name = @v, shown in hexadecimal; in decimal; text: bytes that are not ASCII become '?' */
void pb_note(struct pb *p, enum pb_note name, uint64_t v);
void pb_note_int(struct pb *p, enum pb_note name, int64_t v);
void pb_note_text(struct pb *p, enum pb_note name, const char *text);

/* pb_image_begin() - the packets up to pb_image_end() are one; the events of the second moment are those behind pb_image_half() */
void pb_image_begin(struct pb *p, struct pb_image *m);
void pb_image_half(struct pb *p);
void pb_image_end(struct pb *p);
/* pb_image() - false, and nothing is written: it does not fit, write the packets. @first, @second: ns; @v: for pb_note_int() */
bool pb_image(struct pb *p, const struct pb_image *m, uint64_t first, uint64_t second, int64_t v);

#endif
