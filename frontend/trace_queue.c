/* trace_queue.c - chunks of records from the machine's thread to the writer's (trace_rec.h). */
#include "frontend/trace_rec.h"
#include <stdlib.h>

static void fill_next(struct trace_queue *q)
{
	struct chunk *c = &q->chunk[q->head % CHUNKS];

	q->at = c->data;
	q->end = c->data + CHUNK_BYTES;
}

bool trace_queue_init(struct trace_queue *q)
{
	*q = (struct trace_queue){.chunk = malloc(CHUNKS * sizeof(*q->chunk))};
	if (!q->chunk)
		return false;
	pthread_mutex_init(&q->mu, NULL);
	pthread_cond_init(&q->given, NULL);
	pthread_cond_init(&q->taken, NULL);
	fill_next(q);
	return true;
}

void trace_queue_fini(struct trace_queue *q)
{
	pthread_cond_destroy(&q->taken);
	pthread_cond_destroy(&q->given);
	pthread_mutex_destroy(&q->mu);
	free(q->chunk);
}

void trace_queue_give(struct trace_queue *q, bool last)
{
	struct chunk *c = &q->chunk[q->head % CHUNKS];

	c->len = (unsigned)(q->at - c->data);
	pthread_mutex_lock(&q->mu);
	q->head++;
	q->closed = last;
	/* the writer is woken for several chunks at a time: waking it is what costs the machine's thread most */
	if (last || q->head - q->tail >= CHUNKS / 4)
		pthread_cond_signal(&q->given);
	while (q->head - q->tail == CHUNKS)
		pthread_cond_wait(&q->taken, &q->mu);
	pthread_mutex_unlock(&q->mu);
	fill_next(q);
}

const struct chunk *trace_queue_take(struct trace_queue *q)
{
	const struct chunk *c = NULL;

	pthread_mutex_lock(&q->mu);
	while (q->head == q->tail && !q->closed)
		pthread_cond_wait(&q->given, &q->mu);
	if (q->head != q->tail)
		c = &q->chunk[q->tail % CHUNKS];
	pthread_mutex_unlock(&q->mu);
	return c;
}

void trace_queue_done(struct trace_queue *q)
{
	pthread_mutex_lock(&q->mu);
	q->tail++;
	if (q->head - q->tail == CHUNKS / 2) /* not at the first: the machine then runs a while before it waits again */
		pthread_cond_signal(&q->taken);
	pthread_mutex_unlock(&q->mu);
}
