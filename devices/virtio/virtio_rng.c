/* virtio_rng.c - see virtio_rng.h. */
#include "devices/virtio/virtio_rng.h"
#include <stdlib.h>

#define AT_ONCE 64	/* requests per notification */
#define REQ_MAX 4096u /* bytes of one request that are filled */

static void rng_notify(struct virtio *v, unsigned q)
{
	struct virtio_rng *r = container_of(v, struct virtio_rng, v);
	struct virtq_chain c;
	unsigned done = 0;

	while (done < AT_ONCE && virtq_pop(v, 0, &c)) {
		uint8_t buf[REQ_MAX];
		uint32_t len = c.in_len < REQ_MAX ? (uint32_t)c.in_len : REQ_MAX;

		r->fill(r->opaque, buf, len);
		virtq_push(v, 0, &c, virtio_write(v, &c, 0, buf, len));
		done++;
	}
	if (done)
		virtq_signal(v, 0);
}

static void rng_config(struct virtio *v, uint8_t *buf)
{
}

static const struct virtio_ops rng_ops = {.name = "virtio-rng-pci", .type = 4, .class_code = 0x00FF00, .queue_size = {64},
	.get_config = rng_config, .notify = rng_notify};

static void reset(struct device *d)
{
	virtio_reset(container_of(d, struct virtio, dev));
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	return virtio_post_load(container_of(d, struct virtio, dev), e);
}

static void dump(struct device *d, FILE *out)
{
	virtio_dump(container_of(d, struct virtio, dev), out);
}

static const struct device_ops dev_ops = {.name = "virtio-rng", .version = 3, .state_off = offsetof(struct virtio_rng, v.s),
	.state_size = sizeof(struct virtio_state), .reset = reset, .post_load = post_load, .dump = dump};

struct virtio_rng *virtio_rng_create(struct log *log, struct pci_bus *bus, uint8_t devfn,
	void (*fill)(void *opaque, uint8_t *buf, uint32_t len), void *opaque)
{
	struct virtio_rng *r = device_new(sizeof(*r), &dev_ops, log);

	r->fill = fill;
	r->opaque = opaque;
	if (virtio_init(&r->v, &rng_ops, bus, devfn, 0, NULL)) {
		free(r);
		return NULL;
	}
	virtio_reset(&r->v);
	return r;
}
