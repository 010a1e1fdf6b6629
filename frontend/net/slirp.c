/*
 * slirp.c - -netdev user: a private network 10.0.2.0/24 behind this program, by libslirp (port.h).
 *
 * libslirp is called on the netdev's thread only. Its time is the host's monotonic clock; its timers are a short list.
 */
#include "frontend/net/port.h"

#ifdef HAVE_SLIRP

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_FDS 1024
#define TICK_MS 1000 /* the longest sleep */

struct user_timer {
	struct user_timer *next;
	SlirpTimerId id;
	void *opaque;
	int64_t due; /* ms; -1: not armed */
};

struct user {
	struct net_port port;
	Slirp *slirp;
	struct user_timer *timers;
	struct pollfd fd[MAX_FDS];
	unsigned nfds;
};

struct forward {
	bool udp;
	struct in_addr host, guest;
	int host_port, guest_port;
};

static int64_t now_ns(void *opaque)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static ssize_t to_guest(const void *buf, size_t len, void *opaque)
{
	struct user *u = opaque;
	uint8_t small[60] = {0};

	if (len < sizeof(small)) { /* the wire has no shorter frames */
		memcpy(small, buf, len);
		port_in(&u->port, small, sizeof(small));
	} else {
		port_in(&u->port, buf, (unsigned)len);
	}
	return (ssize_t)len;
}

static void guest_error(const char *msg, void *opaque)
{
}

static void *timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	struct user *u = opaque;
	struct user_timer *t = calloc(1, sizeof(*t));

	BUG_ON(!t);
	*t = (struct user_timer){u->timers, id, cb_opaque, -1};
	u->timers = t;
	return t;
}

static void timer_free(void *timer, void *opaque)
{
	struct user *u = opaque;

	for (struct user_timer **p = &u->timers; *p; p = &(*p)->next) {
		if (*p == timer) {
			*p = (*p)->next;
			break;
		}
	}
	free(timer);
}

static void timer_mod(void *timer, int64_t ms, void *opaque)
{
	((struct user_timer *)timer)->due = ms;
}

static void ignore_fd(int fd, void *opaque)
{
}

static void notify(void *opaque)
{
}

static const SlirpCb callbacks = {.send_packet = to_guest, .guest_error = guest_error, .clock_get_ns = now_ns,
	.timer_new_opaque = timer_new, .timer_free = timer_free, .timer_mod = timer_mod, .register_poll_fd = ignore_fd,
	.unregister_poll_fd = ignore_fd, .notify = notify};

static int add_poll(int fd, int events, void *opaque)
{
	struct user *u = opaque;
	short e = 0;

	if (u->nfds == MAX_FDS)
		return -1;
	if (events & SLIRP_POLL_IN)
		e |= POLLIN;
	if (events & SLIRP_POLL_OUT)
		e |= POLLOUT;
	if (events & SLIRP_POLL_PRI)
		e |= POLLPRI;
	u->fd[u->nfds] = (struct pollfd){fd, e, 0};
	return (int)u->nfds++;
}

static int get_revents(int i, void *opaque)
{
	struct user *u = opaque;
	short e = i < 0 || (unsigned)i >= u->nfds ? 0 : u->fd[i].revents;
	int r = 0;

	if (e & POLLIN)
		r |= SLIRP_POLL_IN;
	if (e & POLLOUT)
		r |= SLIRP_POLL_OUT;
	if (e & POLLPRI)
		r |= SLIRP_POLL_PRI;
	if (e & POLLERR)
		r |= SLIRP_POLL_ERR;
	if (e & POLLHUP)
		r |= SLIRP_POLL_HUP;
	return r;
}

static void run_timers(struct user *u)
{
	int64_t now = now_ns(NULL) / 1000000;

	for (struct user_timer *t = u->timers; t; t = t->next) {
		if (t->due < 0 || t->due > now)
			continue;
		t->due = -1;
		slirp_handle_timer(u->slirp, t->id, t->opaque);
		t = u->timers; /* the list may have changed; those that ran are not armed */
		if (!t)
			return;
	}
}

static uint32_t sleep_ms(const struct user *u)
{
	int64_t now = now_ns(NULL) / 1000000, ms = TICK_MS;

	for (const struct user_timer *t = u->timers; t; t = t->next)
		if (t->due >= 0 && t->due - now < ms)
			ms = t->due < now ? 0 : t->due - now;
	return (uint32_t)ms;
}

static void user_run(struct net_port *p)
{
	struct user *u = container_of(p, struct user, port);

	while (!port_stopping(p)) {
		uint32_t ms = sleep_ms(u);
		struct frame_item *i;
		int n;

		u->nfds = 0;
		add_poll(p->wake, SLIRP_POLL_IN, u);
		slirp_pollfds_fill(u->slirp, &ms, add_poll, u);
		n = poll(u->fd, u->nfds, (int)ms);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (u->fd[0].revents)
			port_drain_wake(p);
		slirp_pollfds_poll(u->slirp, n < 0, get_revents, u);
		run_timers(u);
		while ((i = port_next_out(p))) {
			slirp_input(u->slirp, i->data, (int)i->len);
			free(i);
		}
	}
}

static void user_done(struct net_port *p)
{
	struct user *u = container_of(p, struct user, port);

	if (u->slirp)
		slirp_cleanup(u->slirp);
	while (u->timers)
		timer_free(u->timers, u);
	free(u);
}

/* ---- options ---- */

static bool address(const char *s, size_t n, struct in_addr *out)
{
	char text[32];

	if (n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = 0;
	return inet_pton(AF_INET, text, out) == 1;
}

/* "[ADDR]:PORT", up to @end */
static bool address_port(const char *s, const char *end, struct in_addr *addr, int *port)
{
	const char *colon = memchr(s, ':', (size_t)(end - s));
	char *stop;
	long n;

	if (!colon || (colon > s && !address(s, (size_t)(colon - s), addr)))
		return false;
	n = strtol(colon + 1, &stop, 10);
	*port = (int)n;
	return stop == end && stop > colon + 1 && n > 0 && n < 65536;
}

/* [tcp|udp]:[HOST]:PORT-[GUEST]:PORT */
static enum vm_err parse_forward(const char *s, struct forward *f, struct err *e)
{
	const char *p = strchr(s, ':'), *dash = p ? strchr(p, '-') : NULL;
	bool ok = p && dash && (p == s || !strncmp(s, "tcp:", 4) || !strncmp(s, "udp:", 4));

	*f = (struct forward){.host.s_addr = htonl(INADDR_ANY)};
	f->udp = ok && s[0] == 'u';
	if (ok)
		ok = address_port(p + 1, dash, &f->host, &f->host_port) &&
			address_port(dash + 1, dash + strlen(dash), &f->guest, &f->guest_port);
	return ok ? VM_OK : err_set(e, VM_ERR_USAGE, "-netdev: hostfwd='%s' is not [tcp|udp]:[HOST]:PORT-[GUEST]:PORT", s);
}

static enum vm_err one_address(const char *key, const char *v, struct in_addr *out, struct err *e)
{
	if (!v || address(v, strlen(v), out))
		return VM_OK;
	return err_set(e, VM_ERR_USAGE, "-netdev: %s='%s' is not an IPv4 address", key, v);
}

/* net=ADDRESS[/BITS]; the other addresses are in it, at .2, .3 and .15 unless said otherwise */
static enum vm_err addresses(const struct netdev_options *o, SlirpConfig *c, struct err *e)
{
	const char *slash = o->net ? strchr(o->net, '/') : NULL;
	uint32_t mask = 0xFFFFFF00;
	struct in_addr net;
	enum vm_err r;
	char *end;

	inet_pton(AF_INET, "10.0.2.0", &net);
	if (slash) {
		long n = strtol(slash + 1, &end, 10);

		if (end == slash + 1 || *end || n < 4 || n > 28)
			return err_set(e, VM_ERR_USAGE, "-netdev: net='%s' is not ADDRESS/4..28", o->net);
		mask = ~0u << (32 - n);
	}
	if (o->net && !address(o->net, slash ? (size_t)(slash - o->net) : strlen(o->net), &net))
		return err_set(e, VM_ERR_USAGE, "-netdev: net='%s' is not an IPv4 network", o->net);
	c->vnetmask.s_addr = htonl(mask);
	c->vnetwork.s_addr = net.s_addr & htonl(mask);
	c->vhost.s_addr = c->vnetwork.s_addr | htonl(2);
	c->vnameserver.s_addr = c->vnetwork.s_addr | htonl(3);
	c->vdhcp_start.s_addr = c->vnetwork.s_addr | htonl(15 & ~mask);
	r = one_address("host", o->host, &c->vhost, e);
	if (!r)
		r = one_address("dns", o->dns, &c->vnameserver, e);
	if (!r)
		r = one_address("dhcpstart", o->dhcp_start, &c->vdhcp_start, e);
	if (!r && ((c->vhost.s_addr ^ c->vnetwork.s_addr) & c->vnetmask.s_addr ||
		(c->vdhcp_start.s_addr ^ c->vnetwork.s_addr) & c->vnetmask.s_addr))
		return err_set(e, VM_ERR_USAGE, "-netdev: host= and dhcpstart= must lie in net='%s'", o->net ? o->net : "10.0.2.0/24");
	return r;
}

static enum vm_err configure(const struct netdev_options *o, SlirpConfig *c, struct err *e)
{
	*c = (SlirpConfig){.version = 4, .in_enabled = true, .in6_enabled = true, .restricted = o->restricted,
		.vhostname = o->hostname, .tftp_server_name = o->tftp_name, .tftp_path = o->tftp,
		.bootfile = o->bootfile, .vdomainname = o->domain, .vprefix_len = 64};
	inet_pton(AF_INET6, "fec0::", &c->vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &c->vhost6);
	inet_pton(AF_INET6, "fec0::3", &c->vnameserver6);
	if (o->nsearch)
		c->vdnssearch = (const char **)o->search;
	return addresses(o, c, e);
}

enum vm_err net_slirp_check(const struct netdev_options *o, struct err *e)
{
	SlirpConfig c;
	struct forward f;
	enum vm_err r = configure(o, &c, e);

	for (unsigned i = 0; i < o->nfwd && !r; i++)
		r = parse_forward(o->hostfwd[i], &f, e);
	return r;
}

enum vm_err net_slirp_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e)
{
	struct user *u = calloc(1, sizeof(*u));
	SlirpConfig c;
	enum vm_err r;

	BUG_ON(!u);
	u->port.run = user_run;
	u->port.done = user_done;
	r = port_init(&u->port, l, o->id, e);
	if (!r)
		r = configure(o, &c, e);
	if (!r) {
		u->slirp = slirp_new(&c, &callbacks, u);
		r = u->slirp ? VM_OK : err_set(e, VM_ERR_IO, "libslirp refuses the network of '%s'", o->id);
	}
	for (unsigned i = 0; i < o->nfwd && !r; i++) {
		struct forward f;

		r = parse_forward(o->hostfwd[i], &f, e);
		if (!f.guest.s_addr)
			f.guest = c.vdhcp_start;
		if (!r && slirp_add_hostfwd(u->slirp, f.udp, f.host, f.host_port, f.guest, f.guest_port) < 0)
			r = err_set(e, VM_ERR_IO, "cannot forward '%s': %s", o->hostfwd[i], strerror(errno));
	}
	if (!r)
		r = port_start(&u->port, e);
	if (r) {
		u->port.net.close(&u->port.net);
		return r;
	}
	snprintf(u->port.net.info, sizeof(u->port.net.info), "type=user,net=%s,restrict=%s", o->net ? o->net : "10.0.2.0/24",
		o->restricted ? "on" : "off");
	*out = &u->port.net;
	return VM_OK;
}

#else

enum vm_err net_slirp_check(const struct netdev_options *o, struct err *e)
{
	return err_set(e, VM_ERR_USAGE, "-netdev: user: this program was built without libslirp (Debian: libslirp-dev)");
}

enum vm_err net_slirp_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e)
{
	return net_slirp_check(o, e);
}

#endif
