/*
 * snapshot_state.c - board, CPU, devices and timers as sections (snapshot.h), and back.
 *
 * A device's section is its state struct (devices/device.h), so there is nothing to forget: a device without one, or a timer that no
 * device has declared, is refused when a snapshot is to be taken.
 */
#include "frontend/machine/snapshot_int.h"
#include "cpu/state.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sections are structs with little-endian numbers");
_Static_assert(sizeof(struct snap_head) == 48 && sizeof(struct snap_timer) == 16, "no padding");
_Static_assert(sizeof(struct snap_board) == 56 + 8 * CONFIG_PLACES + 4 + 2 * CONFIG_PLACES + BOARD_MAX_SOURCES + 4, "no padding");

uint8_t *snap_add(struct snap_state *s, const char *name, uint32_t instance, uint32_t version, const void *data, uint32_t size)
{
	struct snap_piece *p = &s->piece[s->n];

	if (s->n == SNAP_PIECES || strlen(name) >= SNAP_NAME || size > SNAP_MAX)
		return NULL;
	memset(p, 0, sizeof(*p));
	memcpy(p->h.name, name, strlen(name));
	p->h.instance = instance;
	p->h.version = version;
	p->h.size = size;
	p->data = calloc(1, size ? size : 1);
	if (!p->data)
		return NULL;
	if (data)
		memcpy(p->data, data, size);
	s->n++;
	return p->data;
}

const struct snap_piece *snap_find(const struct snap_state *s, const char *name, uint32_t instance)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->piece[i].h.instance == instance && !strncmp(s->piece[i].h.name, name, SNAP_NAME))
			return &s->piece[i];
	return NULL;
}

void snap_free(struct snap_state *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free(s->piece[i].data);
	s->n = 0;
}

uint32_t snap_crc(const struct snap_head *h, const uint8_t *data)
{
	uLong c = crc32(0, (const Bytef *)h, offsetof(struct snap_head, crc));

	return (uint32_t)crc32(c, data, h->size);
}

uint32_t snap_instance(const struct machine *m, const struct device *d)
{
	uint32_t n = 0;

	for (const struct device *o = m->devices; o != d; o = o->next)
		n += !strcmp(o->ops->name, d->ops->name);
	return n;
}

static struct timer *device_timer(struct device *d, unsigned i)
{
	return d->ops->timer[i] ? (struct timer *)((uint8_t *)d + d->ops->timer[i]) : NULL;
}

/* ---- saving ---- */

static bool put_board(struct machine *m, struct snap_state *s)
{
	struct snap_board b = {.ram_size = m->cfg.ram_size, .ram_used = m->ram.used, .now = clock_last(&m->clock), .random = m->random,
		.resets = m->resets, .nsources = m->nsources, .maxphyaddr = m->cpu->maxphyaddr, .init = !!(m->cpu->req & REQ_INIT)};

	memcpy(b.features, m->cpu->features.w, sizeof(b.features));
	for (unsigned i = 0; i < m->nsources; i++)
		b.level[i] = (uint8_t)m->source[i].level;
	for (unsigned i = 0; i < CONFIG_PLACES; i++) {
		struct blk *d = machine_drive(m, i);

		b.has_drive[i] = d != NULL;
		b.drive_size[i] = d ? d->size : 0;
		b.locked[i] = d && d->locked;
	}
	return snap_add(s, "machine", 0, SNAP_VERSION, &b, sizeof(b));
}

/* Where @t is declared; false: nowhere */
static bool find_timer(struct machine *m, const struct timer *t, struct snap_timer *out)
{
	uint32_t n = 0;

	for (struct device *d = m->devices; d; d = d->next, n++)
		for (unsigned i = 0; i < DEVICE_TIMERS; i++)
			if (device_timer(d, i) == t) {
				*out = (struct snap_timer){n, i, t->deadline};
				return true;
			}
	return false;
}

static enum vm_err put_timers(struct machine *m, struct snap_state *s, struct err *e)
{
	struct snap_timer t[256];
	uint32_t n = 0;

	for (const struct timer *at = m->clock.head; at; at = at->next) {
		if (at->outside)
			continue;
		if (n == ARRAY_SIZE(t) || !find_timer(m, at, &t[n]))
			return err_set(e, VM_ERR_USAGE, "a timer is armed that no device has declared: the machine cannot be saved");
		n++;
	}
	return snap_add(s, "timers", 0, 1, t, n * sizeof(t[0])) ? VM_OK : err_set(e, VM_ERR_NOMEM, "no memory for a snapshot");
}

static enum vm_err put_device(struct machine *m, const struct device *d, struct snap_state *s, struct err *e)
{
	const struct device_ops *o = d->ops;

	if (!o->state_size || !o->version)
		return err_set(e, VM_ERR_USAGE, "the device '%s' cannot be saved", o->name);
	if (o->unsaved && o->unsaved(d))
		return err_set(e, VM_ERR_USAGE, "the device '%s' cannot be saved now: %s", o->name, o->unsaved(d));
	if (!snap_add(s, o->name, snap_instance(m, d), o->version, (const uint8_t *)d + o->state_off, o->state_size))
		return err_set(e, VM_ERR_NOMEM, "no memory for a snapshot");
	return VM_OK;
}

enum vm_err snap_collect(struct machine *m, struct snap_state *s, struct err *e)
{
	enum vm_err r = vcpu_state_ready(m->cpu, e);
	uint8_t *cpu;

	s->n = 0;
	if (r)
		return r;
	if (!put_board(m, s))
		return err_set(e, VM_ERR_NOMEM, "no memory for a snapshot");
	cpu = snap_add(s, "cpu", 0, VCPU_STATE_VERSION, NULL, vcpu_state_size());
	if (!cpu)
		return err_set(e, VM_ERR_NOMEM, "no memory for a snapshot");
	vcpu_state_save(m->cpu, cpu);
	for (struct device *d = m->devices; d && !r; d = d->next)
		r = put_device(m, d, s, e);
	return r ? r : put_timers(m, s, e);
}

/* ---- loading ---- */

static enum vm_err match_board(struct machine *m, const struct snap_piece *p, struct err *e)
{
	struct snap_board b;

	if (!p || p->h.version != SNAP_VERSION || p->h.size != sizeof(b))
		return err_set(e, VM_ERR_FORMAT, "the snapshot is of another version of this program");
	memcpy(&b, p->data, sizeof(b));
	if (b.ram_size != m->cfg.ram_size)
		return err_set(e, VM_ERR_USAGE, "the snapshot's machine has %" PRIu64 " MiB of RAM (-m), this one has %" PRIu64,
			b.ram_size >> 20, m->cfg.ram_size >> 20);
	if (b.ram_used != m->ram.used || b.nsources != m->nsources)
		return err_set(e, VM_ERR_USAGE, "the snapshot's machine has other devices or firmware");
	if (memcmp(b.features, m->cpu->features.w, sizeof(b.features)) || b.maxphyaddr != m->cpu->maxphyaddr)
		return err_set(e, VM_ERR_USAGE, "the snapshot's machine has another CPU (-cpu)");
	for (unsigned i = 0; i < CONFIG_PLACES; i++) {
		struct blk *d = machine_drive(m, i);

		if (!b.has_drive[i] != !d)
			return err_set(e, VM_ERR_USAGE, "the snapshot's machine has %s", d ? "fewer drives" : "a drive that this one lacks");
		if (d && b.drive_size[i] != d->size)
			return err_set(e, VM_ERR_USAGE, "drive '%s' has %" PRIu64 " bytes, in the snapshot %" PRIu64, d->id, d->size,
				b.drive_size[i]);
	}
	return VM_OK;
}

static enum vm_err match_timers(struct machine *m, const struct snap_piece *p, struct err *e)
{
	uint32_t ndevices = 0;

	for (struct device *d = m->devices; d; d = d->next)
		ndevices++;
	if (!p || p->h.version != 1 || p->h.size % sizeof(struct snap_timer))
		return err_set(e, VM_ERR_FORMAT, "the snapshot's timers are damaged");
	for (uint32_t at = 0; at < p->h.size; at += sizeof(struct snap_timer)) {
		struct device *d = m->devices;
		struct snap_timer t;

		memcpy(&t, p->data + at, sizeof(t));
		for (uint32_t i = 0; d && i < t.device; i++)
			d = d->next;
		if (t.device >= ndevices || t.timer >= DEVICE_TIMERS || !device_timer(d, t.timer))
			return err_set(e, VM_ERR_FORMAT, "the snapshot's timers are damaged");
	}
	return VM_OK;
}

/* Is there a device for the section? */
static bool wanted(struct machine *m, const struct snap_head *h)
{
	if (!strncmp(h->name, "machine", SNAP_NAME) || !strncmp(h->name, "cpu", SNAP_NAME) || !strncmp(h->name, "timers", SNAP_NAME))
		return h->instance == 0;
	for (struct device *d = m->devices; d; d = d->next)
		if (!strncmp(h->name, d->ops->name, SNAP_NAME) && h->instance == snap_instance(m, d))
			return true;
	return false;
}

enum vm_err snap_match(struct machine *m, const struct snap_state *s, struct err *e)
{
	const struct snap_piece *p;
	enum vm_err r;

	for (unsigned i = 0; i < s->n; i++) {
		const struct snap_head *h = &s->piece[i].h;

		if (snap_find(s, h->name, h->instance) != &s->piece[i])
			return err_set(e, VM_ERR_FORMAT, "the snapshot has '%s' twice", h->name);
		if (!wanted(m, h))
			return err_set(e, VM_ERR_USAGE, "the snapshot's machine has a device '%s' (number %u) that this one lacks",
				h->name, h->instance);
	}
	for (struct device *d = m->devices; d; d = d->next) {
		p = snap_find(s, d->ops->name, snap_instance(m, d));
		if (!p)
			return err_set(e, VM_ERR_USAGE, "the snapshot's machine lacks the device '%s' (number %u)", d->ops->name,
				snap_instance(m, d));
		if (p->h.version != d->ops->version || p->h.size != d->ops->state_size)
			return err_set(e, VM_ERR_USAGE, "the snapshot has the device '%s' in version %u, %u bytes; here it is %u, %u bytes",
				d->ops->name, p->h.version, p->h.size, d->ops->version, d->ops->state_size);
	}
	r = match_board(m, snap_find(s, "machine", 0), e);
	p = snap_find(s, "cpu", 0);
	if (!r && (!p || p->h.version != VCPU_STATE_VERSION || p->h.size != vcpu_state_size()))
		r = err_set(e, VM_ERR_FORMAT, "the snapshot's CPU is of another version of this program");
	return r ? r : match_timers(m, snap_find(s, "timers", 0), e);
}

/* Interrupt lines as their sources pull them; the controllers have seen the levels already. */
static void set_sources(struct machine *m, const struct snap_board *b)
{
	for (unsigned i = 0; i < ARRAY_SIZE(m->gsi); i++)
		m->gsi[i].high = 0;
	for (unsigned i = 0; i < m->nsources; i++) {
		m->source[i].level = b->level[i] & 1;
		m->source[i].gsi->high += b->level[i] & 1;
	}
}

static void set_timers(struct machine *m, const struct snap_piece *p, uint64_t now)
{
	clock_set(&m->clock, now); /* what post_load has armed is exactly what follows, in an order of its own */
	for (uint32_t at = 0; at < p->h.size; at += sizeof(struct snap_timer)) {
		struct device *d = m->devices;
		struct snap_timer t;

		memcpy(&t, p->data + at, sizeof(t));
		while (t.device--)
			d = d->next;
		timer_arm(device_timer(d, t.timer), t.deadline);
	}
}

enum vm_err snap_apply(struct machine *m, const struct snap_state *s, struct err *e)
{
	enum vm_err r = vcpu_state_load(m->cpu, snap_find(s, "cpu", 0)->data, e);
	struct snap_board b;

	if (r)
		return r;
	memcpy(&b, snap_find(s, "machine", 0)->data, sizeof(b));
	if (b.now > INT64_MAX / 2)
		return err_set(e, VM_ERR_FORMAT, "the snapshot's clock is damaged");
	m->random = b.random;
	m->resets = b.resets;
	m->want_reset = m->want_off = m->want_exit = m->panicked = false;
	m->want_sleep = m->want_wake = m->asleep = false;
	clock_set(&m->clock, b.now);
	for (struct device *d = m->devices; d; d = d->next)
		memcpy((uint8_t *)d + d->ops->state_off, snap_find(s, d->ops->name, snap_instance(m, d))->data, d->ops->state_size);
	m->loading = true;
	for (struct device *d = m->devices; d && !r; d = d->next)
		if (d->ops->post_load)
			r = d->ops->post_load(d, e);
	m->loading = false;
	if (r)
		return r;
	set_sources(m, &b);
	set_timers(m, snap_find(s, "timers", 0), b.now);
	for (unsigned i = 0; i < CONFIG_PLACES; i++)
		if (machine_drive(m, i))
			machine_drive(m, i)->locked = b.locked[i] & 1;
	if (b.init)
		vcpu_request(m->cpu, REQ_INIT);
	return VM_OK;
}
