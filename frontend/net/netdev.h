/*
 * netdev.h - where a network card's cable leads: a private network behind this program (user), a socket, a tap device.
 */
#ifndef FRONTEND_NET_NETDEV_H
#define FRONTEND_NET_NETDEV_H

#include "devices/host/net.h"
#include "mmu/base/err.h"

struct loop;

enum netdev_kind { NETDEV_USER, NETDEV_SOCKET, NETDEV_TAP };

#define NETDEV_MAX_FWD 32
#define NETDEV_MAX_DNS 8

struct netdev_options { /* strings are borrowed; NULL: the default */
	enum netdev_kind kind;
	char id[32];
	/* user */
	const char *net, *host, *dns, *dhcp_start, *hostname, *domain, *tftp, *bootfile, *tftp_name;
	const char *hostfwd[NETDEV_MAX_FWD], *guestfwd[NETDEV_MAX_FWD], *search[NETDEV_MAX_DNS + 1];
	unsigned nfwd, nguestfwd, nsearch;
	bool restricted;
	/* socket */
	const char *listen, *connect, *mcast, *udp, *localaddr;
	int fd; /* tap and socket; -1 */
	/* tap */
	const char *ifname, *script, *downscript;
};

/* netdev_has_user() - whether this program was built with libslirp */
bool netdev_has_user(void);

/* netdev_check() - what can be said without opening anything */
enum vm_err netdev_check(const struct netdev_options *o, struct err *e);

/**
 * netdev_open() - the cable's outside; it runs on a thread of its own from now on
 * Frames reach the card on @l's machine thread.
 */
enum vm_err netdev_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e);

/* netdev_stop() - its thread ends; before the loop goes. net->ops close() frees. */
void netdev_stop(struct net *n);

/*
 * netdev_hostfwd() - a port of the host begins or ends to lead to the guest; @what: as in hostfwd=, without the guest's half to
 * end. VM_ERR_USAGE: not a user network, not understood, no such port; VM_ERR_IO: the port is in use.
 */
enum vm_err netdev_hostfwd(struct net *n, const char *what, bool add, struct err *e);
bool netdev_is_user(const struct net *n);

/* net_dump.c: every frame of @n into a pcap file, at most @max bytes of each */
enum vm_err net_dump_open(struct net *n, struct loop *l, const char *file, unsigned max, struct err *e);

#endif
