/*
 * block_queue.c - see block_queue.h.
 *
 * One thread does the image's requests in the order of their submission, so a flush covers what was submitted before it.
 * Completions gather in a list; one posted call hands them over on the machine's thread. While nothing is under way a read
 * that the host's page cache can answer is done at once: a thread's turn costs more than the copy.
 */
#include "frontend/block_queue.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
	struct blk_req *head, **tail;
};

struct queue {
	struct blk blk;
	struct blk *image;
	struct blk_policy policy;
	struct blk_host host;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t wake, done; /* the thread's; drain()'s */
	struct list todo, finished;
	bool stop, posted;
	bool draining;
	unsigned busy;	      /* submitted, not handed over: machine's thread */
	struct list stalled;  /* failed, to be tried again: machine's thread */
};

static void list_init(struct list *l)
{
	l->head = NULL;
	l->tail = &l->head;
}

static void put(struct list *l, struct blk_req *r)
{
	r->next = NULL;
	*l->tail = r;
	l->tail = &r->next;
}

static struct blk_req *take(struct list *l)
{
	struct blk_req *r = l->head;

	if (!r)
		return NULL;
	l->head = r->next;
	if (!l->head)
		l->tail = &l->head;
	return r;
}

static bool all_zero(const uint8_t *p, uint32_t len)
{
	return len && !p[0] && !memcmp(p, p + 1, len - 1);
}

/* On the queue's thread, if it has one. */
static int execute(struct queue *q, const struct blk_req *r)
{
	enum blk_op op = r->op;
	int err;

	if ((op == BLK_FLUSH && q->policy.unsafe) || (op == BLK_DISCARD && !q->policy.discard))
		return 0;
	if (op == BLK_WRITE && q->policy.detect_zeroes && all_zero(r->buf, r->len))
		op = BLK_ZERO;
	err = blk_do(q->image, op, r->off, r->buf, r->len);
	if (!err && q->policy.writethrough && op != BLK_READ && op != BLK_FLUSH)
		err = blk_do(q->image, BLK_FLUSH, 0, NULL, 0);
	return err;
}

static enum blk_on_error policy_for(const struct queue *q, const struct blk_req *r)
{
	enum blk_on_error p = r->op == BLK_READ ? q->policy.rerror : q->policy.werror;

	if (p == BLK_STOP_ENOSPC)
		return r->error == ENOSPC ? BLK_STOP : BLK_REPORT;
	return p;
}

/* The request is done with, on the machine's thread: tell the controller, or stop the guest and keep it. */
static void hand_over(struct queue *q, struct blk_req *r)
{
	enum blk_on_error p = r->error ? policy_for(q, r) : BLK_REPORT;
	char why[400];

	if (p == BLK_STOP && q->host.stop && !q->draining) {
		put(&q->stalled, r);
		q->blk.stalled = true;
		snprintf(why, sizeof(why), "drive '%s' (%s): %s; the guest is stopped, 'cont' tries again", q->blk.id,
			q->blk.file, strerror(r->error));
		q->host.stop(q->host.opaque, why);
		return;
	}
	q->busy--;
	r->done(r->opaque, p == BLK_IGNORE ? 0 : r->error);
}

static void deliver(void *arg)
{
	struct queue *q = arg;

	for (;;) {
		struct blk_req *r;

		pthread_mutex_lock(&q->mu);
		r = take(&q->finished);
		if (!r)
			q->posted = false;
		pthread_mutex_unlock(&q->mu);
		if (!r)
			return;
		hand_over(q, r);
	}
}

static void *worker(void *arg)
{
	struct queue *q = arg;

	pthread_mutex_lock(&q->mu);
	while (!q->stop || q->todo.head) {
		struct blk_req *r = q->todo.head;
		bool tell;

		if (!r) {
			pthread_cond_wait(&q->wake, &q->mu);
			continue;
		}
		take(&q->todo);
		pthread_mutex_unlock(&q->mu);
		r->error = execute(q, r);
		pthread_mutex_lock(&q->mu);
		put(&q->finished, r);
		tell = !q->posted;
		q->posted = true;
		pthread_cond_signal(&q->done);
		if (tell) { /* not under our lock: the mailbox has its own */
			pthread_mutex_unlock(&q->mu);
			q->host.post(q->host.opaque, deliver, q);
			pthread_mutex_lock(&q->mu);
		}
	}
	pthread_mutex_unlock(&q->mu);
	return NULL;
}

static void start(struct queue *q, struct blk_req *r)
{
	if (!q->host.post) {
		r->error = execute(q, r);
		hand_over(q, r);
		return;
	}
	pthread_mutex_lock(&q->mu);
	put(&q->todo, r);
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->mu);
}

static void queue_submit(struct blk *b, struct blk_req *r)
{
	struct queue *q = container_of(b, struct queue, blk);

	if (q->host.post && r->op == BLK_READ && !q->busy && q->image->ops->read_now &&
		!q->image->ops->read_now(q->image, r->buf, r->off, r->len)) {
		r->done(r->opaque, 0);
		return;
	}
	q->busy++;
	start(q, r);
}

static void queue_retry(struct blk *b)
{
	struct queue *q = container_of(b, struct queue, blk);
	struct list again = q->stalled;
	struct blk_req *r;

	if (!again.head)
		return;
	list_init(&q->stalled);
	q->blk.stalled = false;
	while (again.head) {
		r = again.head;
		again.head = r->next;
		start(q, r);
	}
}

/* What failed and waits for the user fails for good. */
static void queue_drain(struct blk *b)
{
	struct queue *q = container_of(b, struct queue, blk);
	struct blk_req *r;

	q->draining = true;
	while (q->busy) {
		while ((r = take(&q->stalled))) {
			q->busy--;
			r->done(r->opaque, r->error);
		}
		pthread_mutex_lock(&q->mu);
		while (q->busy && q->host.post && !q->finished.head)
			pthread_cond_wait(&q->done, &q->mu);
		pthread_mutex_unlock(&q->mu);
		deliver(q);
	}
	q->draining = q->blk.stalled = false;
}

static void queue_close(struct blk *b)
{
	struct queue *q = container_of(b, struct queue, blk);

	queue_drain(b);
	if (q->host.post) {
		pthread_mutex_lock(&q->mu);
		q->stop = true;
		pthread_cond_signal(&q->wake);
		pthread_mutex_unlock(&q->mu);
		pthread_join(q->thread, NULL);
		q->host.cancel(q->host.opaque, deliver, q);
	}
	q->image->ops->close(q->image);
	pthread_cond_destroy(&q->wake);
	pthread_cond_destroy(&q->done);
	pthread_mutex_destroy(&q->mu);
	free(q);
}

static int queue_commit(struct blk *b)
{
	struct queue *q = container_of(b, struct queue, blk);

	queue_drain(b);
	return q->image->ops->commit ? q->image->ops->commit(q->image) : ENOTSUP;
}

static struct blk *queue_below(struct blk *b)
{
	return container_of(b, struct queue, blk)->image;
}

static const struct blk_ops queue_ops = {.below = queue_below, .submit = queue_submit, .close = queue_close, .commit = queue_commit,
	.drain = queue_drain, .retry = queue_retry};

struct blk *blk_queue_new(struct blk *image, const struct blk_policy *p, const struct blk_host *h)
{
	struct queue *q = calloc(1, sizeof(*q));

	BUG_ON(!q);
	q->blk = *image;
	q->blk.ops = &queue_ops;
	q->blk.writethrough = p->writethrough;
	q->image = image;
	q->policy = *p;
	q->host = *h;
	list_init(&q->todo);
	list_init(&q->finished);
	list_init(&q->stalled);
	pthread_mutex_init(&q->mu, NULL);
	pthread_cond_init(&q->wake, NULL);
	pthread_cond_init(&q->done, NULL);
	/* without a thread the work is done where it is asked for */
	if (h->post && pthread_create(&q->thread, NULL, worker, q))
		q->host.post = NULL;
	return &q->blk;
}
