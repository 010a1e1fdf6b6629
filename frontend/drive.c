/* drive.c - see drive.h. */
#include "frontend/drive.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct drive {
	struct blk blk;
	struct blk *medium; /* NULL: none */
};

static void drive_submit(struct blk *b, struct blk_req *q)
{
	struct drive *d = container_of(b, struct drive, blk);

	if (d->medium)
		blk_submit(d->medium, q);
	else
		q->done(q->opaque, EIO);
}

static void take_out(struct drive *d)
{
	struct blk *m = d->medium;

	d->medium = NULL;
	d->blk.size = 0;
	d->blk.present = false;
	d->blk.file[0] = 0;
	if (m)
		m->ops->close(m); /* waits for what is under way */
}

static void drive_close(struct blk *b)
{
	struct drive *d = container_of(b, struct drive, blk);

	take_out(d);
	free(d);
}

static int drive_commit(struct blk *b)
{
	struct drive *d = container_of(b, struct drive, blk);

	return d->medium && d->medium->ops->commit ? d->medium->ops->commit(d->medium) : ENOTSUP;
}

static void drive_drain(struct blk *b)
{
	struct drive *d = container_of(b, struct drive, blk);

	if (d->medium)
		blk_drain(d->medium);
}

static void drive_retry(struct blk *b)
{
	struct drive *d = container_of(b, struct drive, blk);

	if (d->medium && d->medium->ops->retry)
		d->medium->ops->retry(d->medium);
}

static struct blk *drive_below(struct blk *b)
{
	return container_of(b, struct drive, blk)->medium;
}

static const struct blk_ops drive_ops = {.below = drive_below, .submit = drive_submit, .close = drive_close, .commit = drive_commit,
	.drain = drive_drain, .retry = drive_retry};

struct blk *drive_new(bool cdrom)
{
	struct drive *d = calloc(1, sizeof(*d));

	BUG_ON(!d);
	d->blk.ops = &drive_ops;
	d->blk.is_cdrom = cdrom;
	d->blk.readonly = cdrom;
	return &d->blk;
}

bool drive_is(const struct blk *b)
{
	return b->ops == &drive_ops;
}

void drive_insert(struct blk *b, struct blk *medium)
{
	struct drive *d = container_of(b, struct drive, blk);

	take_out(d);
	d->medium = medium;
	b->size = medium->size;
	b->readonly = medium->readonly;
	b->present = true;
	b->changed = true;
	b->want_eject = false;
	snprintf(b->file, sizeof(b->file), "%s", medium->file);
}

void drive_eject(struct blk *b)
{
	take_out(container_of(b, struct drive, blk));
	b->changed = true;
	b->want_eject = false;
}
