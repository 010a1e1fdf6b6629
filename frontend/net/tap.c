/*
 * tap.c - -netdev tap: the host's network by a tap interface, made here (needs the right to) or handed over as fd=.
 */
#include "frontend/net/port.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct tap {
	struct net_port port;
	int fd;
	char ifname[IFNAMSIZ];
	char *down; /* script to run at the end, or NULL */
};

static void tap_run(struct net_port *p)
{
	struct tap *t = container_of(p, struct tap, port);
	struct pollfd fd[2] = {{p->wake, POLLIN, 0}, {t->fd, POLLIN, 0}};
	uint8_t buf[NET_MAX_FRAME];

	while (!port_stopping(p)) {
		struct frame_item *i;
		ssize_t n;

		poll(fd, 2, -1);
		if (fd[0].revents)
			port_drain_wake(p);
		if (fd[1].revents && (n = read(t->fd, buf, sizeof(buf))) > 0)
			port_in(p, buf, (unsigned)n);
		else if (fd[1].revents && n <= 0 && errno != EAGAIN && errno != EINTR)
			fd[1].fd = -1; /* the interface is gone */
		while ((i = port_next_out(p))) {
			n = write(t->fd, i->data, i->len); /* what the host does not take now is lost, as on a wire */
			free(i);
		}
	}
}

static int run_script(const char *script, const char *ifname)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		execl(script, script, ifname, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	return status;
}

static void tap_done(struct net_port *p)
{
	struct tap *t = container_of(p, struct tap, port);

	if (t->down)
		run_script(t->down, t->ifname);
	if (t->fd >= 0)
		close(t->fd);
	free(t->down);
	free(t);
}

static enum vm_err make(struct tap *t, const struct netdev_options *o, struct err *e)
{
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0)
		return err_errno(e, "cannot open /dev/net/tun");
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", o->ifname ? o->ifname : "tap%d");
	if (ioctl(t->fd, TUNSETIFF, &r))
		return err_errno(e, "cannot make the tap interface '%s'", r.ifr_name);
	snprintf(t->ifname, sizeof(t->ifname), "%s", r.ifr_name);
	if (o->script && strcmp(o->script, "no") && run_script(o->script, t->ifname))
		return err_set(e, VM_ERR_IO, "the script '%s' failed for '%s'", o->script, t->ifname);
	if (o->downscript && strcmp(o->downscript, "no"))
		t->down = strdup(o->downscript);
	return VM_OK;
}

enum vm_err net_tap_open(struct loop *l, const struct netdev_options *o, struct net **out, struct err *e)
{
	struct tap *t = calloc(1, sizeof(*t));
	enum vm_err r;

	BUG_ON(!t);
	t->fd = o->fd;
	t->port.run = tap_run;
	t->port.done = tap_done;
	r = port_init(&t->port, l, o->id, e);
	if (!r && t->fd < 0)
		r = make(t, o, e);
	else if (!r)
		fcntl(t->fd, F_SETFL, fcntl(t->fd, F_GETFL) | O_NONBLOCK);
	if (!r)
		r = port_start(&t->port, e);
	if (r) {
		t->port.net.close(&t->port.net);
		return r;
	}
	snprintf(t->port.net.info, sizeof(t->port.net.info), "type=tap,ifname=%s", t->ifname);
	*out = &t->port.net;
	return VM_OK;
}
