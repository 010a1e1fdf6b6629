/* virtio_balloon.c - see virtio_balloon.h. */
#include "devices/virtio/virtio_balloon.h"
#include <stdlib.h>
#include <string.h>

#define INFLATE 0
#define AT_ONCE 128 /* chains per notification */
#define CHAIN_MAX 65536u /* page numbers of one chain */
#define PFN_SHIFT 12 /* whatever the guest's pages are */

_Static_assert(offsetof(struct virtio_balloon, b) == offsetof(struct virtio_balloon, v.s) + sizeof(struct virtio_state),
	"the two states are one piece");

static struct virtio_balloon *of(struct virtio *v)
{
	return container_of(v, struct virtio_balloon, v);
}

/* Pages [first, first + n) go back to the host. */
static void give_back(struct virtio_balloon *b, uint64_t first, uint64_t n)
{
	if (n)
		space_discard(b->mem, first << PFN_SHIFT, n << PFN_SHIFT);
}

static void take_pages(struct virtio_balloon *b, const struct virtq_chain *c)
{
	uint64_t first = 0, n = 0, left = c->out_len / 4 < CHAIN_MAX ? c->out_len / 4 : CHAIN_MAX;

	for (uint64_t i = 0; i < left; i++) {
		uint8_t le[4];
		uint32_t pfn;

		virtio_read(&b->v, c, i * 4, le, sizeof(le));
		pfn = pci_get32(le);
		if (n && pfn == first + n) {
			n++;
		} else if (n && pfn + 1ull == first) {
			first--;
			n++;
		} else {
			give_back(b, first, n);
			first = pfn;
			n = 1;
		}
	}
	give_back(b, first, n);
}

/* Pages that the guest takes back are simply used again. */
static void balloon_notify(struct virtio *v, unsigned q)
{
	struct virtq_chain c;
	unsigned done = 0;

	while (done < AT_ONCE && virtq_pop(v, q, &c)) {
		if (q == INFLATE)
			take_pages(of(v), &c);
		virtq_push(v, q, &c, 0);
		done++;
	}
	if (done)
		virtq_signal(v, q);
}

static void get_config(struct virtio *v, uint8_t *c)
{
	pci_put32(c, of(v)->b.wanted);
	pci_put32(c + 4, of(v)->b.actual);
}

static void set_config(struct virtio *v, const uint8_t *c)
{
	of(v)->b.actual = pci_get32(c + 4);
}

/* What was asked for stays: the guest that boots again is asked again. */
static void balloon_reset(struct virtio *v)
{
	of(v)->b.actual = 0;
}

static const struct virtio_ops balloon_ops = {.name = "virtio-balloon-pci", .type = 5, .class_code = 0x00FF00, .queue_size = {128, 128},
	.config_len = 8, .get_config = get_config, .set_config = set_config, .notify = balloon_notify, .reset = balloon_reset};

void virtio_balloon_set(struct virtio_balloon *b, uint64_t bytes)
{
	uint64_t pages = bytes < b->ram ? (b->ram - bytes) >> PFN_SHIFT : 0;

	b->b.wanted = pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
	virtio_config_changed(&b->v);
}

uint64_t virtio_balloon_actual(const struct virtio_balloon *b)
{
	uint64_t in = (uint64_t)b->b.actual << PFN_SHIFT;

	return in < b->ram ? b->ram - in : 0;
}

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
	struct virtio_balloon *b = of(container_of(d, struct virtio, dev));

	virtio_dump(&b->v, out);
	fprintf(out, "    %u pages in the balloon, %u wanted\n", b->b.actual, b->b.wanted);
}

static const struct device_ops dev_ops = {.name = "virtio-balloon", .version = 1, .state_off = offsetof(struct virtio_balloon, v.s),
	.state_size = sizeof(struct virtio_state) + sizeof(struct balloon_state), .reset = reset, .post_load = post_load, .dump = dump};

struct virtio_balloon *virtio_balloon_from(struct device *d)
{
	return d && d->ops == &dev_ops ? of(container_of(d, struct virtio, dev)) : NULL;
}

struct virtio_balloon *virtio_balloon_create(struct log *log, struct pci_bus *bus, uint8_t devfn, struct space *mem, uint64_t ram)
{
	struct virtio_balloon *b = device_new(sizeof(*b), &dev_ops, log);

	b->mem = mem;
	b->ram = ram;
	if (virtio_init(&b->v, &balloon_ops, bus, devfn, 0, NULL)) {
		free(b);
		return NULL;
	}
	virtio_reset(&b->v);
	return b;
}
