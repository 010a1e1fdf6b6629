/*
 * trace_pb.h - packets of a Perfetto trace, written straight into the file's buffer: protobuf's wire format and the few
 * messages we use.
 *
 * Lengths come before what they count, and are known afterwards: they are two bytes of which the first always says "more
 * follows", as the wire format allows. A packet's track and kind need no branch and no copy, because several are written for each
 * transition.
 *
 * Source: protocol buffers "Encoding"; field numbers of perfetto's public TracePacket, TrackEvent, TrackDescriptor.
 */
#ifndef FRONTEND_TRACE_PB_H
#define FRONTEND_TRACE_PB_H

#include "mmu/base/types.h"
#include <string.h>

enum { EV_BEGIN = 1, EV_END = 2, EV_INSTANT = 3, EV_COUNTER = 4 }; /* TrackEvent.Type */

#define PB_BUFFER (256 * 1024)
#define PB_PACKET 4096 /* no packet is longer: six strings of at most PB_STRING */
#define PB_STRING 256

struct pb {
	int fd;
	bool broken;	     /* something could not be written: the rest is dropped */
	uint8_t *p, *packet, *event; /* where to write; where the lengths of what is being written are */
	uint8_t buf[PB_BUFFER];
};

void pb_flush(struct pb *p);
/* pb_track() - declare track @uuid below @parent (0: top); @counter: unit of a counter track, or NULL */
void pb_track(struct pb *p, uint64_t uuid, uint64_t parent, const char *name, const char *counter);

/* One packet: pb_event(), what belongs to the event, pb_done(). Strings are cut at PB_STRING. */
void pb_event(struct pb *p, uint64_t ns, unsigned type, uint64_t track, const char *name);
void pb_done(struct pb *p);

void pb_counter(struct pb *p, uint64_t v);
void pb_counter_double(struct pb *p, double v);
void pb_flow(struct pb *p, uint64_t id);     /* begins, or goes on, here */
void pb_flow_end(struct pb *p, uint64_t id);
/* debug annotations of the event: @name = @v, shown in hexadecimal; in decimal; text: bytes that are not ASCII become '?' */
void pb_note(struct pb *p, const char *name, uint64_t v);
void pb_note_int(struct pb *p, const char *name, int64_t v);
void pb_note_text(struct pb *p, const char *name, const char *text);

#endif
