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
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 1024
#define TICK_MS 1000 /* the longest sleep */

struct user_timer {
	struct user_timer *next;
	SlirpTimerId id;
	void *opaque;
	int64_t due; /* ms; -1: not armed */
};

/* guestfwd=: one stream of the host that stands behind an address of the guest's network, whoever of the guest connects there */
struct guest_stream {
	struct guest_stream *next;
	struct user *user;
	struct in_addr addr;
	int port, fd, poll; /* fd -1: it has ended; poll: where in user->fd, or -1 */
};

struct user {
	struct net_port port;
	pthread_mutex_t mu; /* around every call of slirp: its thread's, but while it waits, and the monitor's */
	struct in_addr first_guest; /* the address that DHCP gives first */
	Slirp *slirp;
	struct guest_stream *streams;
	struct user_timer *timers;
	struct pollfd fd[MAX_FDS];
	unsigned nfds;
};

struct guest_forward {
	struct in_addr addr;
	int port;
	const char *to; /* cmd:..., tcp:..., unix:... */
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

/* ---- guestfwd= ---- */

static void stream_end(struct guest_stream *g)
{
	close(g->fd);
	g->fd = -1;
}

/* What the guest sent there. A host that does not read holds this network up, nothing else. */
static ssize_t stream_out(const void *buf, size_t len, void *opaque)
{
	struct guest_stream *g = opaque;
	const char *p = buf;

	for (size_t left = len; left && g->fd >= 0;) {
		ssize_t n = send(g->fd, p, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			stream_end(g);
			break;
		}
		p += n;
		left -= (size_t)n;
	}
	return (ssize_t)len;
}

static void streams_fill(struct user *u)
{
	for (struct guest_stream *g = u->streams; g; g = g->next) {
		g->poll = -1;
		if (g->fd >= 0 && slirp_socket_can_recv(u->slirp, g->addr, g->port))
			g->poll = add_poll(g->fd, SLIRP_POLL_IN, u);
	}
}

static void streams_read(struct user *u)
{
	uint8_t buf[4096];

	for (struct guest_stream *g = u->streams; g; g = g->next) {
		size_t room = g->poll >= 0 && u->fd[g->poll].revents && g->fd >= 0 ? slirp_socket_can_recv(u->slirp, g->addr, g->port) : 0;
		ssize_t n;

		if (!room)
			continue;
		n = recv(g->fd, buf, room < sizeof(buf) ? room : sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			slirp_socket_recv(u->slirp, g->addr, g->port, buf, (int)n);
		else if (!n || (errno != EAGAIN && errno != EINTR))
			stream_end(g);
	}
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
		pthread_mutex_lock(&u->mu);
		slirp_pollfds_fill(u->slirp, &ms, add_poll, u);
		streams_fill(u);
		pthread_mutex_unlock(&u->mu);
		n = poll(u->fd, u->nfds, (int)ms);
		if (n < 0 && errno == EINTR)
			n = 0;
		pthread_mutex_lock(&u->mu);
		if (u->fd[0].revents)
			port_drain_wake(p);
		slirp_pollfds_poll(u->slirp, n < 0, get_revents, u);
		if (n > 0)
			streams_read(u);
		run_timers(u);
		while ((i = port_next_out(p))) {
			slirp_input(u->slirp, i->data, (int)i->len);
			free(i);
		}
		pthread_mutex_unlock(&u->mu);
	}
}

static void user_done(struct net_port *p)
{
	struct user *u = container_of(p, struct user, port);

	if (u->slirp)
		slirp_cleanup(u->slirp);
	while (u->timers)
		timer_free(u->timers, u);
	while (u->streams) {
		struct guest_stream *g = u->streams;

		u->streams = g->next;
		if (g->fd >= 0)
			close(g->fd);
		free(g);
	}
	pthread_mutex_destroy(&u->mu);
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

/* [tcp]:ADDRESS:PORT-cmd:COMMAND, -tcp:ADDRESS:PORT or -unix:PATH */
static enum vm_err parse_guest_forward(const char *s, struct guest_forward *f, struct err *e)
{
	const char *p = strchr(s, ':'), *dash = p ? strchr(p, '-') : NULL;
	struct in_addr to;
	int port;
	bool ok = dash && (p == s || !strncmp(s, "tcp:", 4)) && p[1] != ':' && address_port(p + 1, dash, &f->addr, &f->port);

	f->to = ok ? dash + 1 : NULL;
	if (ok && !strncmp(f->to, "tcp:", 4))
		ok = f->to[4] != ':' && address_port(f->to + 4, f->to + strlen(f->to), &to, &port);
	else if (ok)
		ok = (!strncmp(f->to, "cmd:", 4) && f->to[4]) ||
			(!strncmp(f->to, "unix:", 5) && f->to[5] && strlen(f->to + 5) < sizeof(((struct sockaddr_un *)0)->sun_path));
	return ok ? VM_OK :
		    err_set(e, VM_ERR_USAGE, "-netdev: guestfwd='%s' is not [tcp]:ADDRESS:PORT-(cmd:COMMAND|tcp:ADDRESS:PORT|unix:PATH)", s);
}

/* The other end of a stream is connected to at once, as a character device's. */
static int stream_connect(const char *to)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	bool local = to[0] == 'u';
	int port = 0, fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (local)
		strcpy(un.sun_path, to + 5); /* parse_guest_forward() has looked at its length */
	else
		address_port(to + 4, to + strlen(to), &in.sin_addr, &port);
	in.sin_port = htons((uint16_t)port);
	if (fd >= 0 && connect(fd, local ? (struct sockaddr *)&un : (struct sockaddr *)&in, local ? sizeof(un) : sizeof(in))) {
		close(fd);
		return -1;
	}
	return fd;
}

static enum vm_err add_guest_forward(struct user *u, const char *s, struct err *e)
{
	struct guest_forward f;
	struct guest_stream *g;
	enum vm_err r = parse_guest_forward(s, &f, e);
	int bad;

	if (r)
		return r;
	if (f.to[0] == 'c') {
		bad = slirp_add_exec(u->slirp, f.to + 4, &f.addr, f.port);
	} else {
		g = calloc(1, sizeof(*g));
		BUG_ON(!g);
		*g = (struct guest_stream){u->streams, u, f.addr, f.port, stream_connect(f.to), -1};
		u->streams = g;
		if (g->fd < 0)
			return err_errno(e, "-netdev: guestfwd: cannot connect to '%s'", f.to);
		bad = slirp_add_guestfwd(u->slirp, stream_out, g, &f.addr, f.port);
	}
	return bad < 0 ? err_set(e, VM_ERR_USAGE, "-netdev: guestfwd='%s': not a free address of this network", s) : VM_OK;
}

static enum vm_err add_forward(struct user *u, const char *s, struct err *e)
{
	struct forward f;
	enum vm_err r = parse_forward(s, &f, e);

	if (!f.guest.s_addr)
		f.guest = u->first_guest;
	if (!r && slirp_add_hostfwd(u->slirp, f.udp, f.host, f.host_port, f.guest, f.guest_port) < 0)
		r = err_set(e, VM_ERR_IO, "cannot forward '%s': %s", s, strerror(errno));
	return r;
}

/* [tcp|udp]:[HOST]:PORT */
static enum vm_err remove_forward(struct user *u, const char *s, struct err *e)
{
	const char *p = strchr(s, ':');
	struct in_addr host = {htonl(INADDR_ANY)};
	int port;

	if (!p || (p != s && strncmp(s, "tcp:", 4) && strncmp(s, "udp:", 4)) || !address_port(p + 1, s + strlen(s), &host, &port))
		return err_set(e, VM_ERR_USAGE, "'%s' is not [tcp|udp]:[HOST]:PORT", s);
	if (slirp_remove_hostfwd(u->slirp, s[0] == 'u', host, port) < 0)
		return err_set(e, VM_ERR_USAGE, "host forwarding rule '%s' not found", s);
	return VM_OK;
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
	struct guest_forward g;
	struct forward f;
	enum vm_err r = configure(o, &c, e);

	for (unsigned i = 0; i < o->nfwd && !r; i++)
		r = parse_forward(o->hostfwd[i], &f, e);
	for (unsigned i = 0; i < o->nguestfwd && !r; i++)
		r = parse_guest_forward(o->guestfwd[i], &g, e);
	return r;
}

enum vm_err net_slirp_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e)
{
	struct user *u = calloc(1, sizeof(*u));
	SlirpConfig c;
	enum vm_err r;

	BUG_ON(!u);
	pthread_mutex_init(&u->mu, NULL);
	u->port.run = user_run;
	u->port.done = user_done;
	r = port_init(&u->port, l, o->id, e);
	if (!r)
		r = configure(o, &c, e);
	if (!r) {
		u->slirp = slirp_new(&c, &callbacks, u);
		r = u->slirp ? VM_OK : err_set(e, VM_ERR_IO, "libslirp refuses the network of '%s'", o->id);
	}
	u->first_guest = c.vdhcp_start;
	for (unsigned i = 0; i < o->nfwd && !r; i++)
		r = add_forward(u, o->hostfwd[i], e);
	for (unsigned i = 0; i < o->nguestfwd && !r; i++)
		r = add_guest_forward(u, o->guestfwd[i], e);
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

enum vm_err netdev_hostfwd(struct net *n, const char *what, bool add, struct err *e)
{
	struct net_port *p = container_of(n, struct net_port, net);
	struct user *u = container_of(p, struct user, port);
	enum vm_err r;

	if (!netdev_is_user(n))
		return err_set(e, VM_ERR_USAGE, "'%s' is not a user network", n->id);
	pthread_mutex_lock(&u->mu);
	r = add ? add_forward(u, what, e) : remove_forward(u, what, e);
	pthread_mutex_unlock(&u->mu);
	port_wake(p); /* it looks at other descriptors now */
	return r;
}

bool netdev_is_user(const struct net *n)
{
	return container_of(n, const struct net_port, net)->run == user_run;
}

#else

enum vm_err netdev_hostfwd(struct net *n, const char *what, bool add, struct err *e)
{
	return err_set(e, VM_ERR_USAGE, "'%s' is not a user network", n->id);
}

bool netdev_is_user(const struct net *n)
{
	return false;
}

enum vm_err net_slirp_check(const struct netdev_options *o, struct err *e)
{
	return err_set(e, VM_ERR_USAGE, "-netdev: user: this program was built without libslirp (Debian: libslirp-dev)");
}

enum vm_err net_slirp_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e)
{
	return net_slirp_check(o, e);
}

#endif
