/*
 * virtio.h - the virtio transport over PCI, legacy and modern in one function, and its split queues.
 *
 * A model embeds struct virtio, describes itself by struct virtio_ops and works with chains: virtq_pop() gives the guest's next
 * buffers, virtio_read() and virtio_write() move bytes, virtq_push() gives the chain back, virtq_signal() tells the guest.
 * A chain that contradicts itself breaks the device (DEVICE_NEEDS_RESET) until the guest resets it.
 *
 * Not emulated: packed queues.
 *
 * Source: OASIS "Virtual I/O Device (VIRTIO) Version 1.1": 2.6 (split queues), 4.1 (PCI), 4.1.4.8 (legacy layout), 5 (devices).
 */
#ifndef DEVICES_VIRTIO_VIRTIO_H
#define DEVICES_VIRTIO_VIRTIO_H

#include "devices/pci.h"

#define VIRTIO_MAX_QUEUES 64
#define VIRTIO_MAX_SEGS 260 /* of one chain */
#define VIRTIO_QUEUE 256    /* entries, at most */
#define VIRTIO_CONFIG 64    /* bytes of device configuration, at most */

#define VIRTIO_F_ANY_LAYOUT BIT(27)
#define VIRTIO_F_INDIRECT BIT(28)
#define VIRTIO_F_EVENT_IDX BIT(29)
#define VIRTIO_F_VERSION_1 BIT(32)

struct virtio;

struct virtio_ops {
	const char *name;
	uint16_t type;	     /* virtio device id: 1 net, 2 block, 4 entropy ... */
	uint32_t class_code; /* PCI */
	uint64_t features;   /* the model's own */
	uint16_t queue_size[VIRTIO_MAX_QUEUES]; /* 0 ends */
	unsigned config_len;
	void (*get_config)(struct virtio *v, uint8_t *buf); /* VIRTIO_CONFIG bytes, zeroed */
	void (*set_config)(struct virtio *v, const uint8_t *buf); /* may be NULL */
	void (*notify)(struct virtio *v, unsigned q);
	void (*reset)(struct virtio *v);
};

struct virtq_state {
	uint16_t size, vector, last_avail, used, signalled, enabled;
	uint8_t signalled_valid, pad[3];
	uint64_t desc, avail, ring; /* guest-physical; ring: the used ring */
};

struct virtio_state {
	uint64_t guest_features;
	uint32_t feature_sel, guest_feature_sel;
	uint16_t queue_sel, config_vector;
	uint8_t status, isr, generation;
	uint8_t wce; /* virtio-blk: the write cache is on; the guest may turn it off */
	struct virtq_state q[VIRTIO_MAX_QUEUES];
};

struct virtio {
	struct device dev;
	struct pci_dev pci;
	const struct virtio_ops *ops;
	uint64_t features; /* offered */
	unsigned nqueues;
	struct region legacy, modern, rom;
	unsigned window; /* the configuration access capability */
	bool in_notify;
	struct virtio_state s;
};

struct virtio_seg {
	uint64_t addr;
	uint32_t len;
};

struct virtq_chain {
	uint16_t head;
	unsigned nout, nin; /* segments: to the device first, then from it */
	uint64_t out_len, in_len;
	struct virtio_seg seg[VIRTIO_MAX_SEGS];
};

/* virtio_init() - @v->dev made by device_new(); VM_ERR_USAGE if the place is taken. @rom: boot ROM or NULL */
enum vm_err virtio_init(struct virtio *v, const struct virtio_ops *ops, struct pci_bus *bus, uint8_t devfn, uint64_t features,
	const struct region *rom);
void virtio_reset(struct virtio *v);
enum vm_err virtio_post_load(struct virtio *v, struct err *e);
void virtio_dump(struct virtio *v, FILE *out);
void virtio_broken(struct virtio *v, const char *why);
void virtio_config_changed(struct virtio *v); /* the guest is told */

static inline bool virtio_has(const struct virtio *v, uint64_t feature)
{
	return v->s.guest_features & feature;
}
static inline bool virtio_modern(const struct virtio *v)
{
	return virtio_has(v, VIRTIO_F_VERSION_1);
}

/* virtio_queue.c */
bool virtq_pop(struct virtio *v, unsigned q, struct virtq_chain *c); /* false: none, or broken */
bool virtq_empty(struct virtio *v, unsigned q);
void virtq_push(struct virtio *v, unsigned q, const struct virtq_chain *c, uint32_t written);
/* virtq_put(), virtq_publish() - the two halves of virtq_push(): several chains that the guest is to see at once */
void virtq_put(struct virtio *v, unsigned q, const struct virtq_chain *c, uint32_t written);
void virtq_publish(struct virtio *v, unsigned q);
void virtq_signal(struct virtio *v, unsigned q);
/* virtio_read() - bytes [off, off+len) of what the guest sends; virtio_write() - of what it receives. Bytes moved. */
uint32_t virtio_read(struct virtio *v, const struct virtq_chain *c, uint64_t off, void *buf, uint32_t len);
uint32_t virtio_write(struct virtio *v, const struct virtq_chain *c, uint64_t off, const void *buf, uint32_t len);
/* virtio.c, for virtio_queue.c */
void virtio_interrupt(struct virtio *v, uint16_t vector, uint8_t isr);

#endif
