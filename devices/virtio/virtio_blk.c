/* virtio_blk.c - see virtio_blk.h. */
#include "devices/virtio/virtio_blk.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define F_SEG_MAX BIT(2)
#define F_RO BIT(5)
#define F_BLK_SIZE BIT(6)
#define F_FLUSH BIT(9)
#define F_CONFIG_WCE BIT(11)
#define F_DISCARD BIT(13)
#define F_WRITE_ZEROES BIT(14)
#define T_IN 0
#define T_OUT 1
#define T_FLUSH 4
#define T_GET_ID 8
#define T_DISCARD 11
#define T_WRITE_ZEROES 13
#define S_OK 0
#define S_IOERR 1
#define S_UNSUPP 2
#define HEADER 16
#define SEG_MAX 254
#define REQ_MAX (8u << 20)	/* bytes of one request */
#define FLIGHT_MAX (64u << 20)	/* bytes under way: then the queue waits */
#define ZERO_MAX 0x7FFFFu	/* sectors of one discard or zeroing */

/* One request; disowned (gen differs) when the device was reset meanwhile. */
struct vreq {
	struct blk_req r;
	struct virtio_blk *b;
	struct virtq_chain c;
	uint32_t gen, type;
	bool sync; /* a flush follows the write */
	uint8_t data[];
};

static struct virtio_blk *of(struct virtio *v)
{
	return container_of(v, struct virtio_blk, v);
}

static void run_queue(struct virtio *v);

/* The status byte is the last one of what the guest receives. */
static void finish(struct virtio *v, const struct virtq_chain *c, uint8_t status, uint32_t written)
{
	virtio_write(v, c, c->in_len - 1, &status, 1);
	virtq_push(v, 0, c, written + 1);
	virtq_signal(v, 0);
}

static void io_done(void *opaque, int error)
{
	struct vreq *q = opaque;
	struct virtio_blk *b = q->b;

	if (!error && q->sync) {
		q->sync = false;
		q->r.op = BLK_FLUSH;
		blk_submit(b->blk, &q->r);
		return;
	}
	b->requests--;
	b->in_flight -= q->r.len;
	if (q->gen == b->gen) {
		if (!error && q->type == T_IN)
			virtio_write(&b->v, &q->c, 0, q->data, q->r.len);
		finish(&b->v, &q->c, error ? S_IOERR : S_OK, error || q->type != T_IN ? 0 : q->r.len);
		free(q);
		if (!b->v.in_notify)
			run_queue(&b->v); /* what had to wait for room */
		return;
	}
	free(q);
}

static void submit(struct virtio_blk *b, const struct virtq_chain *c, uint32_t type, enum blk_op op, uint64_t off, uint32_t len,
	uint32_t data)
{
	struct vreq *q = malloc(sizeof(*q) + data);

	BUG_ON(!q);
	q->r = (struct blk_req){.op = op, .off = off, .buf = q->data, .len = len, .done = io_done, .opaque = q};
	q->b = b;
	q->c = *c;
	q->gen = b->gen;
	q->type = type;
	q->sync = !b->v.s.wce && (op == BLK_WRITE || op == BLK_ZERO);
	if (op == BLK_WRITE)
		virtio_read(&b->v, c, HEADER, q->data, data);
	b->in_flight += len;
	b->requests++;
	blk_submit(b->blk, &q->r);
}

static bool in_disk(const struct virtio_blk *b, uint64_t sector, uint64_t len)
{
	return sector <= b->blk->size / 512 && len <= b->blk->size - sector * 512;
}

static void transfer(struct virtio_blk *b, const struct virtq_chain *c, uint32_t type, uint64_t sector)
{
	uint64_t len = type == T_IN ? c->in_len - 1 : c->out_len - HEADER;

	if (len % 512 || len > REQ_MAX || !in_disk(b, sector, len) || (type == T_OUT && b->blk->readonly))
		finish(&b->v, c, S_IOERR, 0);
	else if (!len)
		finish(&b->v, c, S_OK, 0);
	else
		submit(b, c, type, type == T_IN ? BLK_READ : BLK_WRITE, sector * 512, (uint32_t)len, (uint32_t)len);
}

/* Discard and zeroing of one range (5.2.6.2); several in one request were not offered. */
static void range(struct virtio_blk *b, const struct virtq_chain *c, uint32_t type)
{
	uint8_t d[16];
	uint64_t sector;
	uint32_t n;

	if (c->out_len - HEADER != sizeof(d)) {
		finish(&b->v, c, S_IOERR, 0);
		return;
	}
	virtio_read(&b->v, c, HEADER, d, sizeof(d));
	sector = pci_get32(d) | (uint64_t)pci_get32(d + 4) << 32;
	n = pci_get32(d + 8);
	if (n > ZERO_MAX || !in_disk(b, sector, (uint64_t)n * 512) || b->blk->readonly)
		finish(&b->v, c, S_IOERR, 0);
	else
		submit(b, c, type, type == T_DISCARD ? BLK_DISCARD : BLK_ZERO, sector * 512, n * 512, 0);
}

static void get_id(struct virtio_blk *b, const struct virtq_chain *c)
{
	uint32_t n = c->in_len - 1 < 20 ? (uint32_t)(c->in_len - 1) : 20;

	finish(&b->v, c, S_OK, virtio_write(&b->v, c, 0, b->blk->serial, n));
}

static void request(struct virtio_blk *b, const struct virtq_chain *c)
{
	uint8_t h[HEADER];
	uint32_t type;
	uint64_t sector;

	if (c->out_len < HEADER || !c->in_len) {
		virtio_broken(&b->v, "a request without header or status");
		return;
	}
	virtio_read(&b->v, c, 0, h, sizeof(h));
	type = pci_get32(h);
	sector = pci_get32(h + 8) | (uint64_t)pci_get32(h + 12) << 32;
	switch (type) {
	case T_IN:
	case T_OUT:
		transfer(b, c, type, sector);
		break;
	case T_FLUSH:
		submit(b, c, type, BLK_FLUSH, 0, 0, 0);
		break;
	case T_GET_ID:
		get_id(b, c);
		break;
	case T_DISCARD:
	case T_WRITE_ZEROES:
		range(b, c, type);
		break;
	default:
		finish(&b->v, c, S_UNSUPP, 0);
	}
}

static void run_queue(struct virtio *v)
{
	struct virtio_blk *b = of(v);
	struct virtq_chain c;
	bool outer = v->in_notify;

	v->in_notify = true; /* requests that complete at once do not begin the next from inside */
	while (b->in_flight < FLIGHT_MAX && b->requests < VIRTIO_QUEUE && virtq_pop(v, 0, &c))
		request(b, &c);
	v->in_notify = outer;
}

static void blk_notify(struct virtio *v, unsigned q)
{
	run_queue(v);
}

static void get_config(struct virtio *v, uint8_t *c)
{
	struct virtio_blk *b = of(v);
	uint64_t sectors = b->blk->size / 512;

	pci_put32(c, (uint32_t)sectors);
	pci_put32(c + 4, (uint32_t)(sectors >> 32));
	pci_put32(c + 12, SEG_MAX);
	pci_put32(c + 20, 512);
	c[32] = b->v.s.wce;
	pci_put32(c + 36, ZERO_MAX); /* discard: sectors, segments, alignment */
	pci_put32(c + 40, 1);
	pci_put32(c + 44, 8);
	pci_put32(c + 48, ZERO_MAX); /* write zeroes: sectors, segments */
	pci_put32(c + 52, 1);
}

static void set_config(struct virtio *v, const uint8_t *c)
{
	v->s.wce = c[32] & 1;
}

static void blk_reset(struct virtio *v)
{
	struct virtio_blk *b = of(v);

	b->gen++;
	v->s.wce = !b->blk->writethrough;
}

static const struct virtio_ops blk_ops = {.name = "virtio-blk-pci", .type = 2, .class_code = 0x010000,
	.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_CONFIG_WCE, .queue_size = {VIRTIO_QUEUE}, .config_len = 60,
	.get_config = get_config, .set_config = set_config, .notify = blk_notify, .reset = blk_reset};

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

static const struct device_ops dev_ops = {.name = "virtio-blk", .version = 3, .state_off = offsetof(struct virtio_blk, v.s),
	.state_size = sizeof(struct virtio_state), .reset = reset, .post_load = post_load, .dump = dump};

struct virtio_blk *virtio_blk_create(struct log *log, struct pci_bus *bus, uint8_t devfn, struct blk *blk)
{
	struct virtio_blk *b = device_new(sizeof(*b), &dev_ops, log);

	b->blk = blk;
	if (virtio_init(&b->v, &blk_ops, bus, devfn, blk->readonly ? F_RO : F_DISCARD | F_WRITE_ZEROES, NULL)) {
		free(b);
		return NULL;
	}
	virtio_reset(&b->v);
	return b;
}
