/*
 * trace_pb.h - one packet of a Perfetto trace being built: protobuf's wire format and the few messages we use.
 *
 * Source: protocol buffers "Encoding"; field numbers of perfetto's public TracePacket, TrackEvent, TrackDescriptor.
 */
#ifndef FRONTEND_TRACE_PB_H
#define FRONTEND_TRACE_PB_H

#include "mmu/base/types.h"
#include <stdio.h>

enum { EV_BEGIN = 1, EV_END = 2, EV_INSTANT = 3, EV_COUNTER = 4 }; /* TrackEvent.Type */

struct pb {
	uint8_t buf[1024];
	unsigned len;
	bool full; /* a field did not fit and was left out whole */
};

void pb_uint(struct pb *p, unsigned field, uint64_t v);
void pb_fixed64(struct pb *p, unsigned field, uint64_t v);
void pb_double(struct pb *p, unsigned field, double v);
void pb_bytes(struct pb *p, unsigned field, const void *data, size_t n);
void pb_string(struct pb *p, unsigned field, const char *s);

/* pb_note() - a debug annotation of a track event: @name = @v, shown in hexadecimal */
void pb_note(struct pb *event, const char *name, uint64_t v);
void pb_note_int(struct pb *event, const char *name, int64_t v);	    /* in decimal */
void pb_note_text(struct pb *event, const char *name, const char *text); /* bytes that are not ASCII become '?' */
/* pb_event() - begin a track event in @event */
void pb_event(struct pb *event, unsigned type, uint64_t track, const char *name);
/* pb_packet() - write @event at @ns as a packet of the trace; false: not written */
bool pb_packet(FILE *f, uint64_t ns, const struct pb *event);
/* pb_track() - declare track @uuid below @parent (0: top); @counter: unit of a counter track, or NULL */
bool pb_track(FILE *f, uint64_t uuid, uint64_t parent, const char *name, const char *counter);

#endif
