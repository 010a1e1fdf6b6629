/* virtio_9p.c - see virtio_9p.h. */
#include "devices/virtio/virtio_9p.h"
#include <stdlib.h>
#include <string.h>

#define F_MOUNT_TAG BIT(0)
#define AT_ONCE 128   /* requests per notification: as many as the queue holds */
#define MSG_MIN 7u    /* the head of a message */
#define ANSWER_MIN 11u /* room for an error */

static struct virtio_9p *of(struct virtio *v)
{
	return container_of(v, struct virtio_9p, v);
}

static void share_notify(struct virtio *v, unsigned q)
{
	struct virtio_9p *d = of(v);
	struct virtq_chain c;
	unsigned done = 0;

	while (done < AT_ONCE && virtq_pop(v, q, &c)) {
		uint32_t len = c.out_len < P9_MSG_MAX ? (uint32_t)c.out_len : P9_MSG_MAX;
		uint32_t room = c.in_len < P9_MSG_MAX ? (uint32_t)c.in_len : P9_MSG_MAX;

		if (len < MSG_MIN || room < ANSWER_MIN) {
			virtio_broken(v, "a request without its head, or without room for an answer");
			return;
		}
		len = p9_request(&d->p9, d->msg, virtio_read(v, &c, 0, d->msg, len), d->answer, room);
		virtq_push(v, q, &c, virtio_write(v, &c, 0, d->answer, len));
		d->requests++;
		done++;
	}
	if (done)
		virtq_signal(v, q);
}

static void share_config(struct virtio *v, uint8_t *c)
{
	pci_put16(c, (uint16_t)strlen(of(v)->tag));
	memcpy(c + 2, of(v)->tag, strlen(of(v)->tag));
}

static void share_reset(struct virtio *v)
{
	p9_drop(&of(v)->p9);
}

static const struct virtio_ops share_ops = {.name = "virtio-9p-pci", .type = 9, .class_code = 0x000200, .features = F_MOUNT_TAG,
	.queue_size = {128}, .config_len = 2 + VIRTIO_9P_TAG_MAX, .get_config = share_config, .notify = share_notify, .reset = share_reset};

static void reset(struct device *d)
{
	virtio_reset(container_of(d, struct virtio, dev));
}

static void fini(struct device *dev)
{
	struct virtio_9p *d = of(container_of(dev, struct virtio, dev));

	p9_drop(&d->p9);
	free(d->msg);
	free(d->answer);
}

static const char *unsaved(const struct device *dev)
{
	return container_of(dev, struct virtio_9p, v.dev)->p9.nfids ? "the guest has the folder mounted; unmount it first" : NULL;
}

/* The machine that was saved had nothing mounted; ours may have. */
static enum vm_err post_load(struct device *dev, struct err *e)
{
	struct virtio_9p *d = of(container_of(dev, struct virtio, dev));

	p9_drop(&d->p9);
	return virtio_post_load(&d->v, e);
}

static void dump(struct device *dev, FILE *out)
{
	struct virtio_9p *d = of(container_of(dev, struct virtio, dev));

	virtio_dump(&d->v, out);
	fprintf(out, "    share '%s': %s, messages of up to %u bytes, %u fids, %llu requests\n", d->tag, d->p9.nfids ? "mounted" : "not mounted",
		d->p9.msize, d->p9.nfids, (unsigned long long)d->requests);
}

static const struct device_ops dev_ops = {.name = "virtio-9p", .version = 2, .state_off = offsetof(struct virtio_9p, v.s),
	.state_size = sizeof(struct virtio_state), .reset = reset, .fini = fini, .unsaved = unsaved, .post_load = post_load, .dump = dump};

struct virtio_9p *virtio_9p_create(struct log *log, struct pci_bus *bus, uint8_t devfn, struct share *share, const char *tag)
{
	struct virtio_9p *d = device_new(sizeof(*d), &dev_ops, log);

	d->p9.share = share;
	snprintf(d->tag, sizeof(d->tag), "%s", tag);
	d->msg = malloc(P9_MSG_MAX);
	d->answer = malloc(P9_MSG_MAX);
	if (!d->msg || !d->answer || virtio_init(&d->v, &share_ops, bus, devfn, 0, NULL)) {
		free(d->msg);
		free(d->answer);
		free(d);
		return NULL;
	}
	virtio_reset(&d->v);
	return d;
}
