/*
 * socket.c - -netdev socket: an Ethernet cable between two emulators. listen= and connect=: each frame on a TCP connection behind
 * its length, 32 bits big-endian; udp= with localaddr=, and mcast=: a frame a datagram. QEMU's wire format.
 */
#define _GNU_SOURCE
#include "frontend/net/port.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct socket_net {
	struct net_port port;
	int listener, fd; /* -1: none */
	bool datagram;
	struct sockaddr_in to;
	uint8_t buf[4 + NET_MAX_FRAME]; /* of the stream: what came of the next frame */
	uint32_t have;
};

/* [HOST]:PORT */
static bool parse(const char *s, struct sockaddr_in *out)
{
	const char *colon = strrchr(s, ':');
	struct addrinfo hints = {.ai_family = AF_INET}, *found;
	char host[128], *end;
	long port;

	*out = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	if (!colon || (size_t)(colon - s) >= sizeof(host))
		return false;
	port = strtol(colon + 1, &end, 10);
	if (*end || end == colon + 1 || port < 1 || port > 65535)
		return false;
	out->sin_port = htons((uint16_t)port);
	if (colon == s)
		return true;
	memcpy(host, s, (size_t)(colon - s));
	host[colon - s] = 0;
	if (getaddrinfo(host, NULL, &hints, &found))
		return false;
	out->sin_addr = ((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;
	freeaddrinfo(found);
	return true;
}

enum vm_err net_socket_check(const struct netdev_options *o, struct err *e)
{
	unsigned n = !!o->listen + !!o->connect + !!o->mcast + !!o->udp + (o->fd >= 0);

	if (n != 1)
		return err_set(e, VM_ERR_USAGE, "-netdev: socket needs one of listen=, connect=, mcast=, udp= and fd=");
	if (o->udp && !o->localaddr)
		return err_set(e, VM_ERR_USAGE, "-netdev: socket: udp= needs localaddr=");
	return VM_OK;
}

static void hang_up(struct socket_net *s)
{
	close(s->fd);
	s->fd = -1;
	s->have = 0;
}

/* Whole frames of what has come go to the card. */
static void split(struct socket_net *s)
{
	uint32_t at = 0;

	while (s->have - at >= 4) {
		uint32_t len = (uint32_t)s->buf[at] << 24 | (uint32_t)s->buf[at + 1] << 16 | (uint32_t)s->buf[at + 2] << 8 |
			s->buf[at + 3];

		if (len > NET_MAX_FRAME) { /* the other end speaks something else */
			hang_up(s);
			return;
		}
		if (s->have - at - 4 < len)
			break;
		port_in(&s->port, s->buf + at + 4, len);
		at += 4 + len;
	}
	memmove(s->buf, s->buf + at, s->have - at);
	s->have -= at;
}

static void from_peer(struct socket_net *s)
{
	ssize_t n;

	if (s->datagram) {
		n = recv(s->fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);
		if (n > 0)
			port_in(&s->port, s->buf, (unsigned)n);
		return;
	}
	n = recv(s->fd, s->buf + s->have, sizeof(s->buf) - s->have, MSG_DONTWAIT);
	if (n > 0) {
		s->have += (uint32_t)n;
		split(s);
	} else if (!n || (errno != EAGAIN && errno != EINTR)) {
		hang_up(s);
	}
}

/* All of it; a peer that does not read for a second is gone. */
static bool send_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd w = {fd, POLLOUT, 0};

			if (poll(&w, 1, 1000) <= 0)
				return false;
			continue;
		}
		if (n < 0 && errno != EINTR)
			return false;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

static void to_peer(struct socket_net *s, const struct frame_item *i)
{
	uint8_t head[4] = {(uint8_t)(i->len >> 24), (uint8_t)(i->len >> 16), (uint8_t)(i->len >> 8), (uint8_t)i->len};

	if (s->fd < 0)
		return;
	if (s->datagram)
		sendto(s->fd, i->data, i->len, MSG_DONTWAIT, (struct sockaddr *)&s->to, sizeof(s->to));
	else if (!send_all(s->fd, head, 4) || !send_all(s->fd, i->data, i->len))
		hang_up(s);
}

static void socket_run(struct net_port *p)
{
	struct socket_net *s = container_of(p, struct socket_net, port);

	while (!port_stopping(p)) {
		struct pollfd fd[3] = {{p->wake, POLLIN, 0}, {s->fd, POLLIN, 0}, {s->fd < 0 ? s->listener : -1, POLLIN, 0}};
		struct frame_item *i;

		poll(fd, 3, -1);
		if (fd[0].revents)
			port_drain_wake(p);
		if (fd[2].revents)
			s->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		else if (fd[1].revents)
			from_peer(s);
		while ((i = port_next_out(p))) {
			to_peer(s, i);
			free(i);
		}
	}
}

static void socket_done(struct net_port *p)
{
	struct socket_net *s = container_of(p, struct socket_net, port);

	if (s->fd >= 0)
		close(s->fd);
	if (s->listener >= 0)
		close(s->listener);
	free(s);
}

static enum vm_err stream(struct socket_net *s, const struct netdev_options *o, struct err *e)
{
	const char *name = o->listen ? o->listen : o->connect;
	struct sockaddr_in a;
	int fd, on = 1;

	if (!parse(name, &a))
		return err_set(e, VM_ERR_USAGE, "-netdev: socket: '%s' is not HOST:PORT", name);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (o->listen) {
		s->listener = fd;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
			return err_errno(e, "cannot listen on '%s'", name);
		return VM_OK;
	}
	s->fd = fd;
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return err_errno(e, "cannot connect to '%s'", name);
	return VM_OK;
}

static enum vm_err datagrams(struct socket_net *s, const struct netdev_options *o, struct err *e)
{
	const char *name = o->mcast ? o->mcast : o->udp;
	struct sockaddr_in here;
	int on = 1;

	s->datagram = true;
	if (!parse(name, &s->to) || (o->udp && !parse(o->localaddr, &here)))
		return err_set(e, VM_ERR_USAGE, "-netdev: socket: '%s' is not HOST:PORT", name);
	if (o->mcast)
		here = s->to;
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd >= 0)
		setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&here, sizeof(here)))
		return err_errno(e, "cannot use '%s'", name);
	if (o->mcast) {
		struct ip_mreq m = {.imr_multiaddr = s->to.sin_addr};

		if (setsockopt(s->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)))
			return err_errno(e, "cannot join '%s'", name);
	}
	return VM_OK;
}

enum vm_err net_socket_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e)
{
	struct socket_net *s = calloc(1, sizeof(*s));
	enum vm_err r;

	BUG_ON(!s);
	s->fd = o->fd;
	s->listener = -1;
	s->port.run = socket_run;
	s->port.done = socket_done;
	r = port_init(&s->port, l, o->id, e);
	if (!r && (o->listen || o->connect))
		r = stream(s, o, e);
	else if (!r && o->fd < 0)
		r = datagrams(s, o, e);
	if (!r)
		r = port_start(&s->port, e);
	if (r) {
		s->port.net.close(&s->port.net);
		return r;
	}
	snprintf(s->port.net.info, sizeof(s->port.net.info), "type=socket,%.100s", o->listen ? o->listen
			: o->connect ? o->connect : o->mcast ? o->mcast : o->udp ? o->udp : "fd");
	*out = &s->port.net;
	return VM_OK;
}
