/* backends.c - see backends.h. */
#include "frontend/backends.h"
#include "frontend/args_spec.h"
#include "devices/fdc.h"
#include "frontend/block.h"
#include "frontend/drive.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* For info chardev. */
static void note(struct backends *b, const char *label, unsigned n, const char *spec, const struct chr *c)
{
	struct loop_chr *i = &b->l->chrs[b->l->nchrs];

	if (b->l->nchrs == LOOP_MAX_CHRS)
		return;
	b->l->nchrs++;
	snprintf(i->label, sizeof(i->label), "%s%u", label, n);
	snprintf(i->spec, sizeof(i->spec), "%s", spec);
	i->chr = c;
}

static enum vm_err open_base(struct backends *b, const char *spec, const struct args_chardev *named, bool signals, struct chr **out,
	struct err *e)
{
	enum vm_err r = chardev_open(b->l, spec, out, e);

	if (!r && *out && named && named->logfile) {
		r = chardev_log(*out, named->logfile, named->logappend, e);
		if (r)
			(*out)->close(*out);
	}

	if (!r && *out && !strcmp(spec, "stdio"))
		terminal_raw(b->l, signals);
	return r;
}

/* A mux over @spec; not yet anybody's. */
static enum vm_err open_mux(struct backends *b, const char *spec, const struct args_chardev *named, struct chr_mux **out, struct err *e)
{
	struct chr *base;
	enum vm_err r = open_base(b, spec, named, false, &base, e);

	if (r)
		return r;
	if (!base || b->nmux == ARRAY_SIZE(b->mux)) {
		if (base)
			base->close(base);
		return err_set(e, VM_ERR_USAGE, "'%s' cannot be shared", spec);
	}
	*out = chr_mux_new(b->l, base, (uint8_t)b->a->echr);
	b->mux[b->nmux++] = *out;
	return VM_OK;
}

static void add_monitor(struct backends *b, struct chr *c, bool greet)
{
	if (c && b->nmonitors < ARRAY_SIZE(b->monitor))
		b->monitor[b->nmonitors++] = monitor_new(b->l, c, greet);
}

enum vm_err backends_open_chr(struct backends *b, const char *arg, struct chr **out, struct err *e)
{
	const struct args_chardev *named = spec_chardev_of(b->a, arg);
	const char *spec = spec_backend(b->a, arg);
	struct chr_mux *m = NULL, **shared = named ? &b->shared[named - b->a->chardev] : NULL;
	bool monitor = !strncmp(arg, "mon:", 4);
	enum vm_err r = VM_OK;

	*out = NULL;
	if (shared && *shared)
		m = *shared;
	else if (monitor || (named && named->mux))
		r = open_mux(b, spec, named, &m, e);
	else
		r = open_base(b, spec, named, !named || !named->raw_keys, out, e);
	if (r)
		return r;
	if (!m) {
		if (*out && b->nchr < BACKENDS_MAX)
			b->chr[b->nchr++] = *out;
		return VM_OK;
	}
	if (shared)
		*shared = m;
	*out = chr_mux_add(m);
	if (!*out)
		return err_set(e, VM_ERR_USAGE, "'%s' has more than %u users", arg, MUX_MAX);
	if (monitor)
		add_monitor(b, chr_mux_add(m), false);
	return VM_OK;
}

static enum vm_err open_serials(struct backends *b, struct err *e)
{
	struct args *a = b->a;
	enum vm_err r = VM_OK;

	if (!a->nserial && !a->nodefaults)
		a->serial[a->nserial++] = a->nographic && !a->monitor ? "mon:stdio"
			: a->nographic && strcmp(spec_backend(a, a->monitor), "stdio") ? "stdio" : "null";
	for (unsigned i = 0; i < a->nserial && !r; i++) {
		r = backends_open_chr(b, a->serial[i], &a->cfg.serial[i], e);
		note(b, "serial", i, a->serial[i], a->cfg.serial[i]);
	}
	if (!r && !a->parallel && !a->nodefaults)
		a->parallel = "null";
	if (!r && a->parallel) {
		r = backends_open_chr(b, a->parallel, &a->cfg.parallel, e);
		note(b, "parallel", 0, a->parallel, a->cfg.parallel);
	}
	return r;
}

enum vm_err backends_open(struct backends *b, struct args *a, struct loop *l, struct err *e)
{
	struct chr *c;
	enum vm_err r;

	b->a = a;
	b->l = l;
	r = open_serials(b, e);
	if (!r && a->monitor) {
		r = backends_open_chr(b, a->monitor, &c, e);
		if (!r && c)
			add_monitor(b, c, !strcmp(spec_backend(a, a->monitor), "stdio"));
		note(b, "compat_monitor", 0, a->monitor, r ? NULL : c);
	}
	for (unsigned i = 0; i < a->nqmp && !r; i++) {
		r = backends_open_chr(b, a->qmp[i].chr, &c, e);
		if (!r && c) {
			b->qmp[b->nqmp++] = qmp_new(l, c, a->qmp[i].pretty);
			if (chardev_connected(c))
				c->shown(c->dev);
		}
		note(b, "compat_qmp", i, a->qmp[i].chr, r ? NULL : c);
	}
	for (unsigned i = 0; i < a->ndebugcon && !r; i++) {
		a->cfg.debugcon[i].iobase = a->debugcon[i].iobase;
		r = backends_open_chr(b, a->debugcon[i].chr, &a->cfg.debugcon[i].chr, e);
		a->cfg.ndebugcon = i + 1;
		note(b, "debugcon", i, a->debugcon[i].chr, a->cfg.debugcon[i].chr);
	}
	for (unsigned i = 0; i < a->nvports && !r; i++) {
		struct chr **to = &a->cfg.vport[a->vport[i].nr].chr;

		if (!a->vport[i].chr)
			continue;
		r = backends_open_chr(b, a->vport[i].chr, to, e);
		note(b, "virtserial", (unsigned)a->vport[i].nr, a->vport[i].chr, *to);
	}
	return r;
}

void backends_add_monitor(struct backends *b, struct chr *c)
{
	add_monitor(b, c, true);
}

void backends_close(struct backends *b)
{
	for (unsigned i = 0; i < b->nmonitors; i++)
		monitor_free(b->monitor[i]);
	for (unsigned i = 0; i < b->nqmp; i++)
		qmp_free(b->qmp[i]);
	for (unsigned i = 0; i < b->nmux; i++)
		chr_mux_free(b->mux[i]);
	for (unsigned i = 0; i < b->nchr; i++)
		b->chr[i]->close(b->chr[i]);
}

/* ---- drives ---- */

static void name_drive(struct blk *b, const char *id, const char *place)
{
	snprintf(b->id, sizeof(b->id), "%s", id[0] ? id : place);
}

static void host_post(void *opaque, void (*fn)(void *), void *arg)
{
	loop_post(opaque, fn, arg);
}

static void host_cancel(void *opaque, void (*fn)(void *), void *arg)
{
	loop_cancel(opaque, fn, arg);
}

static void host_stop(void *opaque, const char *why)
{
	struct loop *l = opaque;

	if (l->paused)
		return;
	fprintf(stderr, "dragoman: %s\n", why);
	loop_pause(l, true);
	machine_kick(l->m); /* the guest may be in mid-instruction */
}

struct blk *drives_queue(struct loop *l, struct blk *image, const struct blk_policy *p, bool sync)
{
	struct blk_host h = {l, sync ? NULL : host_post, host_cancel, host_stop};

	return blk_queue_new(image, p, &h);
}

static void host_random(void *opaque, uint8_t *buf, uint32_t len)
{
	while (len) {
		ssize_t n = getrandom(buf, len, 0);

		if (n < 0 && errno != EINTR)
			return;
		buf += n > 0 ? n : 0;
		len -= n > 0 ? (uint32_t)n : 0;
	}
}

/* QEMU's words, which users look for. */
static void warn_guessed(const struct args_drive *d, const struct blk *b)
{
	if (d->format != BLK_FORMAT_PROBE || b->readonly || b->known_format)
		return;
	fprintf(stderr, "dragoman: warning: image format was not specified for '%s' and probing guessed raw.\n"
			"         Write operations on block 0 that would change the guess are refused.\n"
			"         Specify 'format=raw' with -drive to remove the restriction.\n", d->file);
}

static enum vm_err open_image(struct args *a, const struct args_drive *d, struct loop *l, struct blk **out, struct err *e)
{
	struct blk_options o = {.raw = {d->readonly, d->snapshot || a->snapshot, d->cdrom, .direct = d->direct,
		.unsafe = d->policy.unsafe}, .format = d->format, .lazy = (enum blk_lazy)d->lazy};
	enum vm_err r = blk_open(d->file, &o, out, e);

	if (r)
		return r;
	if (d->bus == ARGS_FLOPPY && !fdc_format_of((*out)->size)) {
		r = err_set(e, VM_ERR_FORMAT, "floppy image '%s' is larger than 2.88 MB", d->file);
		(*out)->ops->close(*out);
		return r;
	}
	warn_guessed(d, *out);
	if ((*out)->repaired)
		fprintf(stderr, "dragoman: '%s' was not closed by its last user; its reference counts have been repaired\n", d->file);
	*out = drives_queue(l, *out, &d->policy, a->cfg.jit.icount || d->bus == ARGS_PFLASH);
	return VM_OK;
}

static enum vm_err open_drive(struct args *a, const struct args_drive *d, struct loop *l, struct blk **b, struct err *e)
{
	struct blk *image = NULL;
	enum vm_err r = d->file ? open_image(a, d, l, &image, e) : VM_OK;

	if (r)
		return r;
	*b = image;
	if (d->cdrom || d->bus == ARGS_FLOPPY) {
		*b = drive_new(d->cdrom);
		if (image)
			drive_insert(*b, image);
		(*b)->changed = false; /* it was in when the power came */
	}
	return VM_OK;
}

static struct blk **drive_place(struct args *a, const struct args_drive *d)
{
	switch (d->bus) {
	case ARGS_FLOPPY:
		return &a->cfg.floppy[d->index];
	case ARGS_VIRTIO:
		return &a->cfg.virtio[d->index];
	case ARGS_PFLASH:
		return &a->cfg.pflash[d->index];
	case ARGS_IDE:
		return &a->cfg.ide[d->index];
	default:
		return NULL;
	}
}

enum vm_err drives_open(struct args *a, struct loop *l, struct err *e)
{
	static const char *const hd[] = {"ide0-hd0", "ide0-hd1", "ide1-hd0", "ide1-hd1"};
	static const char *const cd[] = {"ide0-cd0", "ide0-cd1", "ide1-cd0", "ide1-cd1"};
	static const char *const fd[] = {"floppy0", "floppy1"};
	static const char *const pf[] = {"pflash0", "pflash1"};
	static const char *const vd[] = {"virtio0", "virtio1", "virtio2", "virtio3", "virtio4", "virtio5", "virtio6", "virtio7"};
	enum vm_err r = VM_OK;

	for (unsigned i = 0; i < a->ndrives && !r; i++) {
		const struct args_drive *d = &a->drive[i];
		struct blk **b = drive_place(a, d);

		if (!b)
			continue;
		r = open_drive(a, d, l, b, e);
		if (d->bus != ARGS_PFLASH)
			*(d->bus == ARGS_IDE ? &a->cfg.ide_boot[d->index] : d->bus == ARGS_FLOPPY ? &a->cfg.floppy_boot[d->index]
				: &a->cfg.virtio_boot[d->index]) = d->boot;
		if (!r && d->serial)
			snprintf((*b)->serial, sizeof((*b)->serial), "%s", d->serial);
		if (!r)
			name_drive(*b, d->id, d->bus == ARGS_FLOPPY ? fd[d->index] : d->bus == ARGS_VIRTIO ? vd[d->index]
					: d->bus == ARGS_PFLASH ? pf[d->index]
					: d->cdrom ? cd[d->index] : hd[d->index]);
	}
	if (!a->cfg.jit.icount)
		a->cfg.random = host_random;
	/* an empty CD-ROM drive and an empty floppy drive, as QEMU's pc has them */
	if (!r && !a->nodefaults && !a->cfg.ide[2]) {
		a->cfg.ide[2] = drive_new(true);
		name_drive(a->cfg.ide[2], "", cd[2]);
	}
	if (!r && !a->nodefaults && !a->cfg.floppy[0]) {
		a->cfg.floppy[0] = drive_new(false);
		name_drive(a->cfg.floppy[0], "", fd[0]);
	}
	return r;
}

void drives_close(struct args *a)
{
	for (unsigned i = 0; i < CONFIG_MAX_IDE; i++)
		if (a->cfg.ide[i])
			a->cfg.ide[i]->ops->close(a->cfg.ide[i]);
	for (unsigned i = 0; i < CONFIG_MAX_FLOPPY; i++)
		if (a->cfg.floppy[i])
			a->cfg.floppy[i]->ops->close(a->cfg.floppy[i]);
	for (unsigned i = 0; i < CONFIG_MAX_PFLASH; i++)
		if (a->cfg.pflash[i])
			a->cfg.pflash[i]->ops->close(a->cfg.pflash[i]);
	for (unsigned i = 0; i < CONFIG_MAX_VIRTIO; i++)
		if (a->cfg.virtio[i])
			a->cfg.virtio[i]->ops->close(a->cfg.virtio[i]);
}

/* ---- networks ---- */

static struct net **net_of(struct args *a, const char *id)
{
	for (unsigned i = 0; i < a->nnetdevs; i++)
		if (!strcmp(a->netdev[i].id, id))
			return &a->net[i];
	return NULL;
}

enum vm_err nets_open(struct args *a, struct loop *l, struct err *e)
{
	enum vm_err r = VM_OK;

	for (unsigned i = 0; i < a->nnetdevs && !r; i++)
		r = netdev_open(l, &a->netdev[i], &a->net[i], e);
	for (unsigned i = 0; i < a->ndumps && !r; i++)
		r = net_dump_open(*net_of(a, a->dump[i].netdev), l, a->dump[i].file, a->dump[i].max, e);
	for (unsigned i = 0; i < a->nnics && !r; i++) {
		const struct args_nic *n = &a->nic[i];
		struct config_nic *c = &a->cfg.nic[a->cfg.nnics++];
		struct net **net = n->netdev[0] ? net_of(a, n->netdev) : NULL;

		*c = (struct config_nic){.model = n->model, .net = net ? *net : NULL, .slot = n->slot, .boot = n->boot, .romfile = n->romfile,
			.iobase = n->iobase, .irq = n->irq};
		memcpy(c->mac, n->mac, sizeof(c->mac));
	}
	return r;
}

void nets_stop(struct args *a)
{
	for (unsigned i = 0; i < a->nnetdevs; i++)
		if (a->net[i])
			netdev_stop(a->net[i]);
}

void nets_close(struct args *a)
{
	for (unsigned i = 0; i < a->nnetdevs; i++)
		if (a->net[i])
			a->net[i]->close(a->net[i]);
}

/* ---- folders ---- */

enum vm_err folders_open(struct args *a, struct err *e)
{
	enum vm_err r = VM_OK;

	for (unsigned i = 0; i < a->nfolders && !r; i++) {
		struct share *s;

		if (!a->folder[i].tag)
			continue;
		r = share_open(&a->folder[i].options, &s, e);
		if (!r) {
			a->cfg.folder[a->cfg.nfolders].share = s;
			a->cfg.folder[a->cfg.nfolders++].tag = a->folder[i].tag;
		}
	}
	return r;
}

void folders_close(struct args *a)
{
	for (unsigned i = 0; i < a->cfg.nfolders; i++)
		a->cfg.folder[i].share->ops->close(a->cfg.folder[i].share);
}

/* ---- sound ---- */

enum vm_err sounds_open(struct args *a, struct err *e)
{
	enum vm_err r = VM_OK;

	for (unsigned i = 0; i < a->naudiodevs && !r; i++)
		r = audio_open(&a->audio[i], &a->audiodev[i], e);
	for (unsigned i = 0; i < a->nsounds && !r; i++) {
		a->cfg.sound[i] = a->sound[i].card;
		a->cfg.sound[i].audio = a->audio[a->sound[i].at]; /* without audiodev=: the first one, or none */
	}
	a->cfg.nsounds = a->nsounds;
	if (!r && a->pcspk_audiodev)
		a->cfg.pcspk_audio = a->audio[a->pcspk_at];
	return r;
}

void sounds_close(struct args *a)
{
	for (unsigned i = 0; i < a->naudiodevs; i++)
		audio_close(a->audio[i]);
}
