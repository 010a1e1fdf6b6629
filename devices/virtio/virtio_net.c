/* virtio_net.c - see virtio_net.h. */
#include "devices/virtio/virtio_net.h"
#include <stdlib.h>
#include <string.h>

#define F_MAC BIT(5)
#define F_MRG_RXBUF BIT(15)
#define F_STATUS BIT(16)
#define RX 0
#define TX 1
#define AT_ONCE 256 /* frames sent per notification: as many as a queue holds */
#define MAX_CHAINS 64 /* one received frame is put into */

static struct virtio_net *of(struct virtio *v)
{
	return container_of(v, struct virtio_net, v);
}

/* The header before each frame; the legacy one ends before num_buffers unless buffers are merged (5.1.6.1). */
static uint32_t header_len(const struct virtio *v)
{
	return virtio_modern(v) || virtio_has(v, F_MRG_RXBUF) ? 12 : 10;
}

static void transmit(struct virtio *v)
{
	struct virtio_net *n = of(v);
	uint8_t frame[NET_MAX_FRAME];
	struct virtq_chain c;
	unsigned done = 0;

	while (done < AT_ONCE && virtq_pop(v, TX, &c)) {
		uint32_t head = header_len(v), len = c.out_len > head ? (uint32_t)(c.out_len - head < sizeof(frame)
			? c.out_len - head : sizeof(frame)) : 0;

		len = virtio_read(v, &c, head, frame, len);
		net_send(n->net, frame, len);
		virtq_push(v, TX, &c, 0);
		done++;
	}
	if (done)
		virtq_signal(v, TX);
}

static void net_notify(struct virtio *v, unsigned q)
{
	if (q == TX)
		transmit(v);
	else if (q == VNET_CONTROL)
		virtio_net_control(of(v));
	else
		net_ready(of(v)->net);
}

/* The frame into @c behind its header, from @at on. Bytes written, header included. */
static uint32_t fill(struct virtio *v, const struct virtq_chain *c, bool first, const uint8_t *frame, unsigned len, unsigned *at)
{
	static const uint8_t header[12] = {0};
	uint32_t head = first ? header_len(v) : 0, n;

	if (first)
		virtio_write(v, c, 0, header, head);
	n = virtio_write(v, c, head, frame + *at, len - *at);
	*at += n;
	return head + n;
}

static bool net_receive(void *opaque, const uint8_t *frame, unsigned len)
{
	struct virtio_net *n = opaque;
	struct virtio *v = &n->v;
	struct virtq_chain c, head;
	uint16_t chains = 0;
	unsigned at = 0;
	uint8_t count[2];

	if (!(v->s.status & 4))
		return true; /* no driver */
	if (!virtio_net_wants(n, frame, len))
		return true;
	if (virtq_empty(v, RX))
		return v->s.status & 0x40;
	while (at < len && chains < MAX_CHAINS && virtq_pop(v, RX, &c)) {
		if (!chains && c.in_len < header_len(v)) {
			virtio_broken(v, "a receive buffer without room for its header");
			return true;
		}
		if (!chains)
			head = c;
		virtq_put(v, RX, &c, fill(v, &c, !chains, frame, len, &at));
		chains++;
		if (!virtio_has(v, F_MRG_RXBUF))
			break;
	}
	if (!chains)
		return true;
	pci_put16(count, chains);
	if (header_len(v) == 12)
		virtio_write(v, &head, 10, count, 2);
	virtq_publish(v, RX);
	virtq_signal(v, RX);
	return true;
}

static void net_config(struct virtio *v, uint8_t *buf)
{
	memcpy(buf, of(v)->f.mac, 6);
	buf[6] = of(v)->net != NULL; /* link up */
}

/* A legacy driver without the control queue sets its address here (5.1.4.1). */
static void net_set_config(struct virtio *v, const uint8_t *buf)
{
	if (!virtio_modern(v) && !virtio_has(v, VNET_F_CTRL_MAC))
		memcpy(of(v)->f.mac, buf, 6);
}

static void net_reset(struct virtio *v)
{
	virtio_net_control_reset(of(v));
}

static const struct virtio_ops net_ops = {.name = "virtio-net-pci", .type = 1, .class_code = 0x020000,
	.features = F_MAC | F_STATUS | F_MRG_RXBUF | VNET_F_CTRL_VQ | VNET_F_CTRL_RX | VNET_F_CTRL_RX_EXTRA | VNET_F_CTRL_VLAN | VNET_F_CTRL_MAC,
	.queue_size = {VIRTIO_QUEUE, VIRTIO_QUEUE, 64}, .config_len = 8, .get_config = net_config, .set_config = net_set_config,
	.notify = net_notify, .reset = net_reset};

_Static_assert(offsetof(struct virtio_net, f) == offsetof(struct virtio_net, v.s) + sizeof(struct virtio_state), "the two states are one piece");

static void reset(struct device *d)
{
	virtio_reset(container_of(d, struct virtio, dev));
}

static void fini(struct device *d)
{
	struct virtio_net *n = of(container_of(d, struct virtio, dev));

	if (n->net)
		n->net->receive = NULL;
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct virtio_net *n = of(container_of(d, struct virtio, dev));

	if (n->f.naddr > VNET_ADDRESSES)
		return err_set(e, VM_ERR_FORMAT, "virtio-net: %u addresses in a table of %u", n->f.naddr, VNET_ADDRESSES);
	return virtio_post_load(&n->v, e);
}

static void dump(struct device *d, FILE *out)
{
	struct virtio_net *n = of(container_of(d, struct virtio, dev));

	virtio_dump(&n->v, out);
	fprintf(out, "    takes %s, %u addresses in the table\n", n->f.mode[VNET_PROMISC] ? "everything" : "what is for it", n->f.naddr);
}

static const struct device_ops dev_ops = {.name = "virtio-net", .version = 4, .state_off = offsetof(struct virtio_net, v.s),
	.state_size = sizeof(struct virtio_state) + sizeof(struct virtio_net_filter), .reset = reset, .fini = fini, .post_load = post_load, .dump = dump};

struct virtio_net *virtio_net_create(struct log *log, struct pci_bus *bus, uint8_t devfn, struct net *net, const uint8_t mac[6],
	const struct region *rom)
{
	struct virtio_net *n = device_new(sizeof(*n), &dev_ops, log);

	n->net = net;
	memcpy(n->mac, mac, 6);
	if (virtio_init(&n->v, &net_ops, bus, devfn, 0, rom)) {
		free(n);
		return NULL;
	}
	virtio_reset(&n->v);
	if (net) {
		net->receive = net_receive;
		net->dev = n;
		memcpy(net->mac, mac, 6);
	}
	return n;
}
