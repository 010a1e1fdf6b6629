/*
 * ps2.h - the serial link between the 8042 and a keyboard or mouse, byte by byte.
 */
#ifndef DEVICES_PS2_H
#define DEVICES_PS2_H

#include "mmu/base/types.h"

/* What the controller sees of a device on its port. */
struct ps2_port {
	void (*write)(void *opaque, uint8_t byte); /* host to device */
	int (*read)(void *opaque);		   /* take the device's next byte; -1: none */
	bool (*ready)(void *opaque);		   /* the device has a byte */
	void *opaque;
};

#define PS2_QUEUE 64
#define PS2_REPLIES 8

/* A device's output: replies to commands overtake what it reports by itself. Part of saved states.
 */
struct ps2_queue {
	uint8_t data[PS2_QUEUE], reply[PS2_REPLIES];
	uint8_t head, count;
	uint8_t rhead, rcount;
	uint8_t last; /* for the resend command */
	uint8_t pad[3];
};

static inline unsigned ps2_room(const struct ps2_queue *q)
{
	return PS2_QUEUE - q->count;
}

static inline void ps2_put(struct ps2_queue *q, uint8_t b)
{
	if (q->count < PS2_QUEUE)
		q->data[(q->head + q->count++) % PS2_QUEUE] = b;
}

static inline void ps2_reply(struct ps2_queue *q, uint8_t b)
{
	if (q->rcount < PS2_REPLIES)
		q->reply[(q->rhead + q->rcount++) % PS2_REPLIES] = b;
}

static inline void ps2_flush(struct ps2_queue *q)
{
	q->head = q->count = q->rhead = q->rcount = 0;
}

static inline int ps2_take(struct ps2_queue *q)
{
	if (q->rcount) {
		q->last = q->reply[q->rhead];
		q->rhead = (q->rhead + 1) % PS2_REPLIES;
		q->rcount--;
	} else if (q->count) {
		q->last = q->data[q->head];
		q->head = (q->head + 1) % PS2_QUEUE;
		q->count--;
	} else {
		return -1;
	}
	return q->last;
}

static inline bool ps2_valid(const struct ps2_queue *q)
{
	return q->head < PS2_QUEUE && q->count <= PS2_QUEUE && q->rhead < PS2_REPLIES &&
	       q->rcount <= PS2_REPLIES;
}

#endif
