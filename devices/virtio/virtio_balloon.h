/*
 * virtio_balloon.h - the memory balloon: pages that the guest does without are the host's again, and read as zeroes after.
 *
 * The guest's driver leaves a buffer with statistics of its memory here; it is given back, to be filled anew, as often as somebody asked for.
 *
 * Not offered: hints and reports of free pages.
 *
 * Source: VIRTIO 1.1, section 5.5.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

/* swapped in and out (bytes), major and minor faults, free, total, available, caches (bytes), huge pages taken, huge pages failed (5.5.6.4) */
#define BALLOON_STATS 10

struct balloon_state {
	uint32_t wanted, actual; /* pages of 4 KiB in the balloon: what the guest was asked for, what it says there are */
	uint32_t interval;	 /* seconds between two statistics; 0: none are asked for */
	uint16_t head;		 /* of the buffer that the driver has left, if */
	uint8_t has_buffer, pad;
	uint64_t updated; /* virtual time of the statistics; 0: there are none */
	uint64_t stat[BALLOON_STATS]; /* UINT64_MAX: the guest did not say */
};

struct virtio_balloon {
	struct virtio v;
	struct balloon_state b; /* follows v.s: one piece of state */
	struct space *mem;
	struct clock *clock;
	struct timer timer;
	uint64_t ram, told; /* bytes; virtual time when changed() was called last */
	void (*changed)(void *opaque); /* the guest has another size now: at most once a second, and when it is what was asked for. May be NULL */
	void *opaque;
};

/*
 * virtio_balloon_create() - for a guest with @ram bytes in @mem; @yields: the guest may take pages back when it runs out of memory. NULL if
 * the place is taken
 */
struct virtio_balloon *virtio_balloon_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct space *mem,
	uint64_t ram, bool yields);
struct virtio_balloon *virtio_balloon_from(struct device *d); /* NULL: it is something else, or NULL */

/* virtio_balloon_set() - the guest is asked to do with @bytes; more than it has counts as all */
void virtio_balloon_set(struct virtio_balloon *b, uint64_t bytes);
uint64_t virtio_balloon_actual(const struct virtio_balloon *b); /* bytes that the guest has now */
void virtio_balloon_poll(struct virtio_balloon *b, uint32_t seconds); /* statistics so often from now on; 0: no more */

#endif
