/* virtio_balloon.c - see virtio_balloon.h. */
#include "devices/virtio/virtio_balloon.h"
#include <stdlib.h>
#include <string.h>

#define INFLATE 0
#define STATS 2
#define F_STATS_VQ BIT(1)
#define F_DEFLATE_ON_OOM BIT(2)
#define STAT_LEN 10u /* number and value */
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

/* ---- statistics ---- */

static void plan(struct virtio_balloon *b)
{
	timer_cancel(&b->timer);
	if (b->b.interval)
		timer_arm(&b->timer, clock_now(b->clock) + b->b.interval * NS_PER_SEC);
}

/* The driver gets its buffer back, which asks for new ones. */
static void due(void *opaque)
{
	struct virtio_balloon *b = opaque;
	struct virtq_chain c = {.head = b->b.head};

	if (b->b.has_buffer) {
		b->b.has_buffer = 0;
		virtq_push(&b->v, STATS, &c, 0);
		virtq_signal(&b->v, STATS);
	}
	plan(b);
}

void virtio_balloon_poll(struct virtio_balloon *b, uint32_t seconds)
{
	b->b.interval = seconds;
	plan(b);
}

static void take_stats(struct virtio_balloon *b)
{
	struct virtq_chain c;

	for (unsigned n = 0; n < AT_ONCE && virtq_pop(&b->v, STATS, &c); n++) {
		struct virtq_chain old = {.head = b->b.head};

		for (unsigned i = 0; i < BALLOON_STATS; i++)
			b->b.stat[i] = UINT64_MAX;
		for (uint64_t at = 0; at + STAT_LEN <= c.out_len && at < 64 * STAT_LEN; at += STAT_LEN) {
			uint8_t s[STAT_LEN];

			virtio_read(&b->v, &c, at, s, sizeof(s));
			if (pci_get16(s) < BALLOON_STATS)
				b->b.stat[pci_get16(s)] = pci_get32(s + 2) | (uint64_t)pci_get32(s + 6) << 32;
		}
		b->b.updated = clock_now(b->clock) | 1;
		if (b->b.has_buffer) /* one is all that it is to leave */
			virtq_push(&b->v, STATS, &old, 0);
		b->b.head = c.head;
		b->b.has_buffer = 1;
	}
}

/* Pages that the guest takes back are simply used again. */
static void balloon_notify(struct virtio *v, unsigned q)
{
	struct virtq_chain c;
	unsigned done = 0;

	if (q == STATS) {
		take_stats(of(v));
		return;
	}
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
	struct virtio_balloon *b = of(v);
	uint32_t was = b->b.actual;

	b->b.actual = pci_get32(c + 4);
	if (!b->changed || b->b.actual == was)
		return;
	if (b->b.actual != b->b.wanted && b->told && clock_now(b->clock) - b->told < NS_PER_SEC)
		return;
	b->told = clock_now(b->clock);
	b->changed(b->opaque);
}

/* What was asked for stays: the guest that boots again is asked again. */
static void balloon_reset(struct virtio *v)
{
	of(v)->b.actual = 0;
	of(v)->b.has_buffer = 0;
	of(v)->b.updated = 0;
}

static const struct virtio_ops balloon_ops = {.name = "virtio-balloon-pci", .type = 5, .class_code = 0x00FF00, .features = F_STATS_VQ, .queue_size = {128, 128, 128},
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

static void fini(struct device *d)
{
	timer_cancel(&of(container_of(d, struct virtio, dev))->timer);
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct virtio_balloon *b = of(container_of(d, struct virtio, dev));

	b->told = 0;
	return virtio_post_load(&b->v, e);
}

static void dump(struct device *d, FILE *out)
{
	struct virtio_balloon *b = of(container_of(d, struct virtio, dev));

	virtio_dump(&b->v, out);
	fprintf(out, "    %u pages in the balloon, %u wanted\n", b->b.actual, b->b.wanted);
	if (b->b.updated)
		fprintf(out, "    the guest has %llu bytes, %llu free\n", (unsigned long long)b->b.stat[5], (unsigned long long)b->b.stat[4]);
}

static const struct device_ops dev_ops = {.name = "virtio-balloon", .version = 3, .timer = {offsetof(struct virtio_balloon, timer)}, .fini = fini, .state_off = offsetof(struct virtio_balloon, v.s),
	.state_size = sizeof(struct virtio_state) + sizeof(struct balloon_state), .reset = reset, .post_load = post_load, .dump = dump};

struct virtio_balloon *virtio_balloon_from(struct device *d)
{
	return d && d->ops == &dev_ops ? of(container_of(d, struct virtio, dev)) : NULL;
}

struct virtio_balloon *virtio_balloon_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct space *mem,
	uint64_t ram, bool yields)
{
	struct virtio_balloon *b = device_new(sizeof(*b), &dev_ops, log);

	b->mem = mem;
	b->ram = ram;
	b->clock = clock;
	timer_init(&b->timer, clock, due, b);
	if (virtio_init(&b->v, &balloon_ops, bus, devfn, yields ? F_DEFLATE_ON_OOM : 0, NULL)) {
		free(b);
		return NULL;
	}
	virtio_reset(&b->v);
	return b;
}
