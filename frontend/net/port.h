/*
 * port.h - a netdev's two mailboxes and its thread, the same for every kind of backend.
 */
#ifndef FRONTEND_NET_PORT_H
#define FRONTEND_NET_PORT_H

#include "frontend/net/netdev.h"
#include "frontend/loop.h"
#include <pthread.h>

#define PORT_MAX_IN  256  /* frames that wait for the card: then the backend waits */
#define PORT_MAX_OUT 1024 /* frames that wait for the backend: then they are lost, as on a wire */

struct frame_item {
	struct frame_item *next;
	unsigned len;
	uint8_t data[];
};

struct frame_list {
	struct frame_item *head, **tail;
	unsigned n;
};

struct net_port {
	struct net net;
	struct loop *l;
	pthread_t thread;
	bool started;
	pthread_mutex_t mu;
	pthread_cond_t room;
	struct frame_list in, out; /* to the card, to the backend */
	bool posted, stop;
	int wake; /* eventfd: something for the thread */
	void (*run)(struct net_port *p);  /* the thread; returns once p->stop */
	void (*done)(struct net_port *p); /* frees @p's surroundings after the thread has ended */
	FILE *pcap;
	unsigned pcap_max;
};

enum vm_err port_init(struct net_port *p, struct loop *l, const char *id, struct err *e);
enum vm_err port_start(struct net_port *p, struct err *e);
void port_fini(struct net_port *p);

void port_wake(struct net_port *p); /* its thread looks around */

/* on the thread: */
void port_in(struct net_port *p, const uint8_t *frame, unsigned len); /* for the card; waits a little when it is slow */
struct frame_item *port_next_out(struct net_port *p);		      /* from the card; the caller frees it; NULL: none */
void port_drain_wake(struct net_port *p);
bool port_stopping(struct net_port *p);

/* the backends */
enum vm_err net_slirp_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e);
enum vm_err net_slirp_check(const struct netdev_options *o, struct err *e);
enum vm_err net_socket_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e);
enum vm_err net_socket_check(const struct netdev_options *o, struct err *e);
enum vm_err net_tap_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e);

#endif
