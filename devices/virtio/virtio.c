/*
 * virtio.c - the PCI function of every virtio device: legacy registers in an I/O BAR, the modern ones in a 64-bit memory BAR,
 * MSI-X or the pin (virtio.h).
 */
#include "devices/virtio/virtio.h"
#include <string.h>

#define VENDOR 0x1AF4
#define LEGACY_LEN 128
#define MODERN_LEN 16384
#define COMMON_OFF 0x0000 /* in the modern BAR */
#define ISR_OFF 0x1000
#define CONFIG_OFF 0x2000
#define NOTIFY_OFF 0x3000
#define PART_LEN 0x1000
#define NOTIFY_STEP 4
#define CAP_VENDOR 0x09
#define NO_VECTOR 0xFFFF
#define STATUS_DRIVER_OK 0x04
#define STATUS_FEATURES_OK 0x08
#define STATUS_NEEDS_RESET 0x40
#define LEGACY_CONFIG(v) (pci_msix_enabled(&(v)->pci) ? 24u : 20u)

void virtio_interrupt(struct virtio *v, uint16_t vector, uint8_t isr)
{
	if (pci_msix_enabled(&v->pci)) {
		if (vector != NO_VECTOR)
			pci_msix_notify(&v->pci, vector);
		return;
	}
	v->s.isr |= isr;
	pci_irq_set(&v->pci, 1);
}

void virtio_config_changed(struct virtio *v)
{
	v->s.generation++;
	if (v->s.status & STATUS_DRIVER_OK)
		virtio_interrupt(v, v->s.config_vector, 2);
}

void virtio_broken(struct virtio *v, const char *why)
{
	GUEST_ERR(v->dev.log, "%s: %s; the device waits for a reset\n", v->ops->name, why);
	v->s.status |= STATUS_NEEDS_RESET;
	virtio_config_changed(v);
}

void virtio_reset(struct virtio *v)
{
	memset(&v->s, 0, sizeof(v->s));
	v->s.config_vector = NO_VECTOR;
	for (unsigned i = 0; i < v->nqueues; i++) {
		v->s.q[i].size = v->ops->queue_size[i];
		v->s.q[i].vector = NO_VECTOR;
	}
	pci_irq_set(&v->pci, 0);
	if (v->ops->reset)
		v->ops->reset(v);
}

static struct virtq_state *selected(struct virtio *v)
{
	return v->s.queue_sel < v->nqueues ? &v->s.q[v->s.queue_sel] : NULL;
}

static void notify(struct virtio *v, uint16_t q)
{
	/* a buffer that lies on our own notify register must not start us again */
	if (q >= v->nqueues || v->in_notify || !v->s.q[q].enabled || v->s.status & STATUS_NEEDS_RESET)
		return;
	v->in_notify = true;
	v->ops->notify(v, q);
	v->in_notify = false;
}

static void set_status(struct virtio *v, uint8_t status)
{
	if (!status) {
		virtio_reset(v);
		return;
	}
	/* features that were not offered, or a subset we cannot work with: the bit does not stick (2.1) */
	if (status & STATUS_FEATURES_OK && v->s.guest_features & ~v->features)
		status &= (uint8_t)~STATUS_FEATURES_OK;
	v->s.status = (uint8_t)(status | (v->s.status & STATUS_NEEDS_RESET));
	/* work may have waited for the driver */
	if (status & STATUS_DRIVER_OK)
		for (unsigned q = 0; q < v->nqueues; q++)
			notify(v, (uint16_t)q);
}

static uint16_t valid_vector(const struct virtio *v, uint64_t val)
{
	return val < v->pci.msix_nvec ? (uint16_t)val : NO_VECTOR;
}

static uint64_t config_read(struct virtio *v, uint64_t off, unsigned size)
{
	uint8_t buf[VIRTIO_CONFIG + 8] = {0};
	uint64_t r = 0;

	if (off >= VIRTIO_CONFIG)
		return 0;
	v->ops->get_config(v, buf);
	for (unsigned i = 0; i < size; i++)
		r |= (uint64_t)(off + i < v->ops->config_len ? buf[off + i] : 0) << (i * 8);
	return r;
}

static void config_write(struct virtio *v, uint64_t off, uint64_t val, unsigned size)
{
	uint8_t buf[VIRTIO_CONFIG + 8] = {0};

	if (!v->ops->set_config || off >= v->ops->config_len)
		return;
	v->ops->get_config(v, buf);
	for (unsigned i = 0; i < size; i++)
		buf[off + i] = (uint8_t)(val >> (i * 8));
	v->ops->set_config(v, buf);
}

static uint8_t read_isr(struct virtio *v)
{
	uint8_t isr = v->s.isr;

	v->s.isr = 0;
	pci_irq_set(&v->pci, 0);
	return isr;
}

/* ---- legacy: 4.1.4.8 ---- */

/* The rings lie one behind the other from page @pfn on, the used ring on a page of its own (2.6.2). */
static void legacy_queue(struct virtio *v, uint32_t pfn)
{
	struct virtq_state *q = selected(v);

	if (!q)
		return;
	q->desc = (uint64_t)pfn << 12;
	q->avail = q->desc + (uint64_t)q->size * 16;
	q->ring = (q->avail + 4 + (uint64_t)q->size * 2 + 2 + 4095) & ~4095ull;
	q->enabled = pfn != 0;
	q->last_avail = q->used = q->signalled = q->signalled_valid = 0;
}

static uint64_t legacy_read(void *opaque, uint64_t off, unsigned size)
{
	struct virtio *v = opaque;
	const struct virtq_state *q = selected(v);

	if (off >= LEGACY_CONFIG(v))
		return config_read(v, off - LEGACY_CONFIG(v), size);
	switch (off) {
	case 0:
		return (uint32_t)v->features;
	case 4:
		return (uint32_t)v->s.guest_features;
	case 8:
		return q && q->enabled ? (uint32_t)(q->desc >> 12) : 0;
	case 12:
		return q ? v->ops->queue_size[v->s.queue_sel] : 0;
	case 14:
		return v->s.queue_sel;
	case 18:
		return v->s.status;
	case 19:
		return read_isr(v);
	case 20:
		return v->s.config_vector;
	case 22:
		return q ? q->vector : NO_VECTOR;
	default:
		return 0;
	}
}

static void legacy_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct virtio *v = opaque;
	struct virtq_state *q = selected(v);

	if (off >= LEGACY_CONFIG(v)) {
		config_write(v, off - LEGACY_CONFIG(v), val, size);
		return;
	}
	switch (off) {
	case 4:
		v->s.guest_features = val & (uint32_t)v->features;
		break;
	case 8:
		if (val)
			legacy_queue(v, (uint32_t)val);
		else if (q)
			q->enabled = 0;
		break;
	case 14:
		v->s.queue_sel = (uint16_t)val;
		break;
	case 16:
		notify(v, (uint16_t)val);
		break;
	case 18:
		set_status(v, (uint8_t)val);
		break;
	case 20:
		v->s.config_vector = valid_vector(v, val);
		break;
	case 22:
		if (q)
			q->vector = valid_vector(v, val);
		break;
	}
}

/* ---- modern: 4.1.4.3 ---- */

static uint64_t common_read(struct virtio *v, uint64_t off)
{
	struct virtio_state *s = &v->s;
	const struct virtq_state *q = selected(v);

	switch (off) {
	case 0x00:
		return s->feature_sel;
	case 0x04:
		return s->feature_sel < 2 ? (uint32_t)(v->features >> s->feature_sel * 32) : 0;
	case 0x08:
		return s->guest_feature_sel;
	case 0x0C:
		return s->guest_feature_sel < 2 ? (uint32_t)(s->guest_features >> s->guest_feature_sel * 32) : 0;
	case 0x10:
		return s->config_vector;
	case 0x12:
		return v->nqueues;
	case 0x14:
		return s->status;
	case 0x15:
		return s->generation;
	case 0x16:
		return s->queue_sel;
	case 0x18:
		return q ? q->size : 0;
	case 0x1A:
		return q ? q->vector : NO_VECTOR;
	case 0x1C:
		return q ? q->enabled : 0;
	case 0x1E:
		return s->queue_sel;
	case 0x20:
	case 0x24:
		return q ? (uint32_t)(q->desc >> (off & 4) * 8) : 0;
	case 0x28:
	case 0x2C:
		return q ? (uint32_t)(q->avail >> (off & 4) * 8) : 0;
	case 0x30:
	case 0x34:
		return q ? (uint32_t)(q->ring >> (off & 4) * 8) : 0;
	default:
		return 0;
	}
}

static void set_half(uint64_t *to, bool high, uint64_t val)
{
	*to = high ? (*to & 0xFFFFFFFF) | val << 32 : (*to & ~0xFFFFFFFFull) | (uint32_t)val;
}

static void queue_write(struct virtio *v, struct virtq_state *q, uint64_t off, uint64_t val)
{
	if (off == 0x1A) {
		q->vector = valid_vector(v, val);
		return;
	}
	if (q->enabled) /* where the rings are is settled */
		return;
	switch (off) {
	case 0x18: /* a power of two, at most what was offered */
		if (val && !(val & (val - 1)) && val <= v->ops->queue_size[v->s.queue_sel])
			q->size = (uint16_t)val;
		break;
	case 0x1C:
		q->enabled = val & 1;
		q->last_avail = q->used = q->signalled = q->signalled_valid = 0;
		break;
	case 0x20:
	case 0x24:
		set_half(&q->desc, off & 4, val);
		break;
	case 0x28:
	case 0x2C:
		set_half(&q->avail, off & 4, val);
		break;
	case 0x30:
	case 0x34:
		set_half(&q->ring, off & 4, val);
		break;
	}
}

static void common_write(struct virtio *v, uint64_t off, uint64_t val)
{
	struct virtio_state *s = &v->s;

	switch (off) {
	case 0x00:
		s->feature_sel = (uint32_t)val;
		break;
	case 0x08:
		s->guest_feature_sel = (uint32_t)val;
		break;
	case 0x0C:
		if (s->guest_feature_sel < 2 && !(s->status & STATUS_FEATURES_OK))
			set_half(&s->guest_features, s->guest_feature_sel, val);
		break;
	case 0x10:
		s->config_vector = valid_vector(v, val);
		break;
	case 0x14:
		set_status(v, (uint8_t)val);
		break;
	case 0x16:
		s->queue_sel = (uint16_t)val;
		break;
	default:
		if (selected(v))
			queue_write(v, selected(v), off, val);
	}
}

static uint64_t modern_read(void *opaque, uint64_t off, unsigned size)
{
	struct virtio *v = opaque;

	switch (off & ~(uint64_t)(PART_LEN - 1)) {
	case COMMON_OFF:
		return common_read(v, off);
	case ISR_OFF:
		return off == ISR_OFF ? read_isr(v) : 0;
	case CONFIG_OFF:
		return config_read(v, off - CONFIG_OFF, size);
	default:
		return 0;
	}
}

static void modern_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct virtio *v = opaque;

	switch (off & ~(uint64_t)(PART_LEN - 1)) {
	case COMMON_OFF:
		common_write(v, off, val);
		break;
	case CONFIG_OFF:
		config_write(v, off - CONFIG_OFF, val, size);
		break;
	case NOTIFY_OFF:
		notify(v, (uint16_t)((off - NOTIFY_OFF) / NOTIFY_STEP));
		break;
	}
}

static const struct io_ops legacy_ops = {.name = "virtio-legacy", .read = legacy_read, .write = legacy_write, .min = 1, .max = 4};
static const struct io_ops modern_ops = {.name = "virtio", .read = modern_read, .write = modern_write, .min = 1, .max = 4};

/*
 * The window in configuration space: an access to its last 4 bytes is one to a BAR, for firmware that cannot reach memory
 * (4.1.4.7). False if what the guest wrote into its fields names no place in our BARs.
 */
static bool window(struct virtio *v, const struct region **reg, uint32_t *at, uint32_t *len)
{
	const uint8_t *c = v->pci.cfg + v->window;

	*reg = c[4] == 0 ? &v->legacy : &v->modern;
	*at = pci_get32(c + 8);
	*len = pci_get32(c + 12);
	return (c[4] == 0 || c[4] == 4) && (*len == 1 || *len == 2 || *len == 4) && !(*at % *len) && *at < (*reg)->len;
}

static bool in_window(const struct virtio *v, unsigned off, unsigned size)
{
	return off < v->window + 20 && off + size > v->window + 16;
}

static void config_reading(void *opaque, unsigned off, unsigned size)
{
	struct virtio *v = opaque;
	const struct region *reg;
	uint32_t at, len;

	if (in_window(v, off, size) && window(v, &reg, &at, &len))
		pci_put32(v->pci.cfg + v->window + 16, (uint32_t)reg->ops->read(v, at, len));
}

static void config_written(void *opaque, unsigned off, unsigned size)
{
	struct virtio *v = opaque;
	const struct region *reg;
	uint32_t at, len;

	if (in_window(v, off, size) && window(v, &reg, &at, &len))
		reg->ops->write(v, at, pci_get32(v->pci.cfg + v->window + 16) & (uint32_t)(BIT(len * 8) - 1), len);
}

static void add_window(struct virtio *v)
{
	uint8_t *m;

	v->window = pci_add_cap(&v->pci, CAP_VENDOR, 0, 20);
	v->pci.cfg[v->window + 2] = 20;
	v->pci.cfg[v->window + 3] = 5;
	m = v->pci.wmask + v->window;
	m[4] = 0xFF;
	memset(m + 8, 0xFF, 12);
	v->pci.config_reading = config_reading;
	v->pci.config_written = config_written;
}

static void add_cap(struct virtio *v, uint8_t type, uint32_t off, uint32_t len)
{
	bool is_notify = type == 2;
	unsigned at = pci_add_cap(&v->pci, CAP_VENDOR, 0, is_notify ? 20 : 16);
	uint8_t *c = v->pci.cfg + at;

	c[2] = is_notify ? 20 : 16;
	c[3] = type;
	c[4] = 4; /* BAR */
	pci_put32(c + 8, off);
	pci_put32(c + 12, len);
	if (is_notify)
		pci_put32(c + 16, NOTIFY_STEP);
}

enum vm_err virtio_init(struct virtio *v, const struct virtio_ops *ops, struct pci_bus *bus, uint8_t devfn, uint64_t features,
	const struct region *rom)
{
	static const uint16_t legacy_id[] = {[1] = 0x1000, [2] = 0x1001, [3] = 0x1003, [4] = 0x1005, [5] = 0x1002, [9] = 0x1009};
	enum vm_err r = pci_register(bus, &v->pci, ops->name, devfn, VENDOR, legacy_id[ops->type], ops->class_code, v);

	if (r)
		return r;
	v->ops = ops;
	v->features = features | ops->features | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1;
	while (v->nqueues < VIRTIO_MAX_QUEUES && ops->queue_size[v->nqueues])
		v->nqueues++;
	pci_put16(v->pci.cfg + PCI_CFG_SUBSYS + 2, ops->type);
	v->legacy = (struct region){.name = "virtio-legacy", .kind = REGION_IO, .len = LEGACY_LEN, .ops = &legacy_ops, .opaque = v};
	v->modern = (struct region){.name = "virtio", .kind = REGION_IO, .len = MODERN_LEN, .ops = &modern_ops, .opaque = v};
	pci_set_bar(&v->pci, 0, PCI_BAR_IO, &v->legacy);
	pci_set_bar(&v->pci, 4, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &v->modern);
	add_cap(v, 1, COMMON_OFF, PART_LEN);
	add_cap(v, 2, NOTIFY_OFF, PART_LEN);
	add_cap(v, 3, ISR_OFF, PART_LEN);
	add_cap(v, 4, CONFIG_OFF, PART_LEN);
	add_window(v);
	pci_msix_init(&v->pci, v->nqueues < PCI_MAX_MSIX ? v->nqueues + 1 : PCI_MAX_MSIX, 1); /* fewer: queues share them */
	pci_irq_pin(&v->pci, 1);
	if (rom) {
		v->rom = *rom;
		pci_set_bar(&v->pci, PCI_ROM_BAR, PCI_BAR_MEM, &v->rom);
	}
	return VM_OK;
}

enum vm_err virtio_post_load(struct virtio *v, struct err *e)
{
	for (unsigned i = 0; i < v->nqueues; i++)
		if (v->s.q[i].size > v->ops->queue_size[i] || (v->s.q[i].size & (v->s.q[i].size - 1)))
			return err_set(e, VM_ERR_FORMAT, "%s: a queue of %u entries", v->ops->name, v->s.q[i].size);
	return VM_OK;
}

void virtio_dump(struct virtio *v, FILE *out)
{
	fprintf(out, "%s: status %02x, %s, features %llx of %llx\n", v->ops->name, v->s.status,
		virtio_modern(v) ? "modern" : "legacy", (unsigned long long)v->s.guest_features,
		(unsigned long long)v->features);
	for (unsigned i = 0; i < v->nqueues; i++)
		if (v->s.q[i].enabled)
			fprintf(out, "    queue %u: %u entries, available up to %u, used %u\n", i, v->s.q[i].size, v->s.q[i].last_avail, v->s.q[i].used);
}
