/* port.c - see port.h. */
#include "frontend/net/port.h"
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS 20000000 /* how long a full card holds up the backend before a frame is lost */

static void list_init(struct frame_list *l)
{
	l->head = NULL;
	l->tail = &l->head;
	l->n = 0;
}

static void put(struct frame_list *l, const uint8_t *frame, unsigned len)
{
	struct frame_item *i = malloc(sizeof(*i) + len);

	BUG_ON(!i);
	i->next = NULL;
	i->len = len;
	memcpy(i->data, frame, len);
	*l->tail = i;
	l->tail = &i->next;
	l->n++;
}

static struct frame_item *take(struct frame_list *l)
{
	struct frame_item *i = l->head;

	if (!i)
		return NULL;
	l->head = i->next;
	if (!l->head)
		l->tail = &l->head;
	l->n--;
	return i;
}

void port_wake(struct net_port *p)
{
	uint64_t one = 1;

	if (write(p->wake, &one, sizeof(one)) < 0)
		return; /* full of wakes: it will */
}

void port_drain_wake(struct net_port *p)
{
	uint64_t n;

	if (read(p->wake, &n, sizeof(n)) < 0)
		return; /* nobody has */
}

bool port_stopping(struct net_port *p)
{
	bool r;

	pthread_mutex_lock(&p->mu);
	r = p->stop;
	pthread_mutex_unlock(&p->mu);
	return r;
}

/* On the machine's thread: frames to the card until there are none or it wants no more. The head stays ours meanwhile. */
static void deliver(void *arg)
{
	struct net_port *p = arg;
	struct frame_item *i;

	for (;;) {
		pthread_mutex_lock(&p->mu);
		i = p->in.head;
		if (!i)
			p->posted = false;
		pthread_mutex_unlock(&p->mu);
		if (!i || !net_deliver(&p->net, i->data, i->len))
			return; /* full: ready() calls again, and posted keeps others from it */
		pthread_mutex_lock(&p->mu);
		free(take(&p->in));
		pthread_cond_signal(&p->room);
		pthread_mutex_unlock(&p->mu);
	}
}

/* The card has room. Not from here: it is in the middle of a register write. */
static void port_ready(struct net *n)
{
	struct net_port *p = container_of(n, struct net_port, net);
	bool waiting;

	pthread_mutex_lock(&p->mu);
	waiting = p->in.head && p->posted && !p->stop;
	pthread_mutex_unlock(&p->mu);
	if (waiting) {
		loop_cancel(p->l, deliver, p);
		loop_post(p->l, deliver, p);
	}
}

static void port_send(struct net *n, const uint8_t *frame, unsigned len)
{
	struct net_port *p = container_of(n, struct net_port, net);
	bool first;

	pthread_mutex_lock(&p->mu);
	first = !p->out.head;
	if (p->out.n < PORT_MAX_OUT && !p->stop)
		put(&p->out, frame, len);
	pthread_mutex_unlock(&p->mu);
	if (first)
		port_wake(p);
}

void port_in(struct net_port *p, const uint8_t *frame, unsigned len)
{
	struct timespec until;
	bool post = false;

	if (len < 14 || len > NET_MAX_FRAME)
		return;
	pthread_mutex_lock(&p->mu);
	if (p->in.n >= PORT_MAX_IN && !p->stop) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PATIENCE_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&p->room, &p->mu, &until);
	}
	if (p->in.n < PORT_MAX_IN && !p->stop) {
		put(&p->in, frame, len);
		post = !p->posted;
		p->posted = true;
	}
	pthread_mutex_unlock(&p->mu);
	if (post)
		loop_post(p->l, deliver, p);
}

struct frame_item *port_next_out(struct net_port *p)
{
	struct frame_item *i;

	pthread_mutex_lock(&p->mu);
	i = take(&p->out);
	pthread_mutex_unlock(&p->mu);
	return i;
}

static void *thread(void *arg)
{
	struct net_port *p = arg;

	p->run(p);
	return NULL;
}

static void port_close(struct net *n)
{
	struct net_port *p = container_of(n, struct net_port, net);

	netdev_stop(n);
	if (p->pcap)
		fclose(p->pcap);
	port_fini(p);
	p->done(p);
}

enum vm_err port_init(struct net_port *p, struct loop *l, const char *id, struct err *e)
{
	p->net.send = port_send;
	p->net.ready = port_ready;
	p->net.close = port_close;
	snprintf(p->net.id, sizeof(p->net.id), "%s", id);
	p->l = l;
	list_init(&p->in);
	list_init(&p->out);
	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->room, NULL);
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return p->wake < 0 ? err_errno(e, "cannot make an event descriptor") : VM_OK;
}

enum vm_err port_start(struct net_port *p, struct err *e)
{
	if (pthread_create(&p->thread, NULL, thread, p))
		return err_set(e, VM_ERR_NOMEM, "cannot start a thread for the network");
	p->started = true;
	return VM_OK;
}

void netdev_stop(struct net *n)
{
	struct net_port *p = container_of(n, struct net_port, net);

	pthread_mutex_lock(&p->mu);
	p->stop = true;
	pthread_cond_broadcast(&p->room);
	pthread_mutex_unlock(&p->mu);
	if (!p->started)
		return;
	port_wake(p);
	pthread_join(p->thread, NULL);
	p->started = false;
}

void port_fini(struct net_port *p)
{
	struct frame_item *i;

	while ((i = take(&p->in)) || (i = take(&p->out)))
		free(i);
	if (p->wake >= 0)
		close(p->wake);
	pthread_mutex_destroy(&p->mu);
	pthread_cond_destroy(&p->room);
}

bool netdev_has_user(void)
{
#ifdef HAVE_SLIRP
	return true;
#else
	return false;
#endif
}

enum vm_err netdev_check(const struct netdev_options *o, struct err *e)
{
	switch (o->kind) {
	case NETDEV_USER:
		return net_slirp_check(o, e);
	case NETDEV_SOCKET:
		return net_socket_check(o, e);
	default:
		return VM_OK;
	}
}

enum vm_err netdev_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e)
{
	*out = NULL;
	switch (o->kind) {
	case NETDEV_USER:
		return net_slirp_open(l, o, out, e);
	case NETDEV_SOCKET:
		return net_socket_open(l, o, out, e);
	default:
		return net_tap_open(l, o, out, e);
	}
}
