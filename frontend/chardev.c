/*
 * chardev.c - character backends over file descriptors (chardev.h).
 *
 * telnet: RFC 854 (commands and their escape), 856 (binary), 857 (echo), 858 (suppress go ahead). A client is told that we
 * echo and that nobody waits for turns, so that it sends each key as it is pressed; its own commands are taken out.
 */
#define _GNU_SOURCE
#include "frontend/args_spec.h"
#include "frontend/chardev.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

struct chr_fd {
	struct chr chr;
	struct loop *loop;
	struct loop_watch in, conn;
	int rfd, wfd, listen; /* -1: none */
	char *unlink_path; /* absolute: the working directory may change; NULL: none */
	int keep;     /* a descriptor only held open: the other side of a pty; -1: none */
	bool blocked; /* input waits until the device can take it */
	bool nodelay; /* TCP: send small packets at once */
	bool stalled; /* nobody reads what we write: output is lost until somebody does */
	bool telnet, binary; /* its commands are taken out; the client sends CR as it is, not CR NUL */
	uint8_t state;	     /* enum telnet_state */
	int log;	     /* a copy of the output goes there; -1: none */
	bool have_termios;   /* a terminal of the host, whose state was this */
	struct termios termios;
};

/* ---- telnet ---- */

enum { IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, BREAK = 243, SE = 240 };
enum { TELNET_BINARY = 0, TELNET_ECHO = 1, TELNET_SGA = 3 };
enum telnet_state { PLAIN, AFTER_CR, AFTER_IAC, AFTER_WILL, AFTER_OTHER, IN_SB, SB_IAC };

static void telnet_greet(int fd)
{
	static const uint8_t words[] = {IAC, WILL, TELNET_ECHO, IAC, WILL, TELNET_SGA, IAC, WILL, TELNET_BINARY, IAC, DO, TELNET_BINARY};

	(void)!write(fd, words, sizeof(words)); /* the first bytes of a connection: there is room */
}

/* What is data of the @n bytes in @buf, moved to its front. Return: how many */
static unsigned telnet_data(struct chr_fd *f, uint8_t *buf, unsigned n)
{
	unsigned to = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t b = buf[i], was = f->state;

		f->state = PLAIN;
		if (was == IN_SB || was == SB_IAC) {
			f->state = was == IN_SB && b == IAC ? SB_IAC : was == SB_IAC && b == SE ? PLAIN : IN_SB;
		} else if (was == AFTER_WILL) {
			f->binary |= b == TELNET_BINARY;
		} else if (was == AFTER_IAC && b != IAC) {
			f->state = b == WILL ? AFTER_WILL : b > WILL ? AFTER_OTHER : b == SB ? IN_SB : PLAIN;
			if (b == BREAK && f->chr.brk)
				f->chr.brk(f->chr.dev);
		} else if (was != AFTER_IAC && was != AFTER_OTHER && b == IAC) {
			f->state = AFTER_IAC;
		} else if (was != AFTER_OTHER && !(was == AFTER_CR && !b && !f->binary)) {
			f->state = b == '\r' ? AFTER_CR : PLAIN;
			buf[to++] = b;
		}
	}
	return to;
}

/* ---- the terminal ---- */

void terminal_restore(struct loop *l)
{
	if (l->have_termios)
		tcsetattr(STDIN_FILENO, TCSANOW, &l->termios);
}

static void set_raw(struct loop *l)
{
	struct termios raw = l->termios;

	raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_oflag |= OPOST;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
	if (!l->raw_signals)
		raw.c_lflag &= ~(tcflag_t)ISIG;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void terminal_save(struct loop *l)
{
	if (!l->have_termios)
		l->have_termios = tcgetattr(STDIN_FILENO, &l->termios) == 0;
}

void terminal_raw(struct loop *l, bool signals)
{
	terminal_save(l);
	if (!l->have_termios)
		return;
	l->is_raw = true;
	l->raw_signals = signals;
	set_raw(l);
}

void terminal_again(struct loop *l)
{
	if (l->is_raw)
		set_raw(l);
}

/* ---- descriptor backend ---- */

static void put(struct chr_fd *f, const uint8_t *buf, unsigned len)
{
	while (len && f->wfd >= 0) {
		ssize_t n = write(f->wfd, buf, len);

		if (n > 0) {
			buf += n;
			len -= (unsigned)n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = f->wfd, .events = POLLOUT};

			if (poll(&p, 1, f->stalled ? 0 : 1000) <= 0) {
				f->stalled = true; /* nobody reads: a real line would lose the bytes, too */
				return;
			}
			f->stalled = false;
		} else if (n < 0 && errno != EINTR) {
			return;
		}
	}
}

static void fd_write(struct chr *c, const uint8_t *buf, unsigned len)
{
	struct chr_fd *f = container_of(c, struct chr_fd, chr);
	const uint8_t *iac;

	if (f->log >= 0)
		(void)!write(f->log, buf, len); /* a full disk does not stop the line */
	while (f->telnet && (iac = memchr(buf, IAC, len))) {
		unsigned n = (unsigned)(iac - buf) + 1;

		put(f, buf, n); /* IAC twice is the byte */
		put(f, iac, 1);
		buf += n;
		len -= n;
	}
	put(f, buf, len);
}

bool chardev_connected(const struct chr *c)
{
	return c->write == fd_write && container_of(c, struct chr_fd, chr)->wfd >= 0;
}

static void left(struct chr_fd *f)
{
	f->chr.open = false;
	if (f->chr.gone)
		f->chr.gone(f->chr.dev);
}

static void drop_client(struct chr_fd *f)
{
	loop_unwatch(&f->in);
	close(f->rfd);
	f->rfd = f->wfd = -1;
	left(f);
	if (f->listen >= 0)
		loop_rearm(&f->conn);
}

static void fd_ready(void *opaque)
{
	struct chr_fd *f = opaque;
	unsigned room = f->chr.can_receive ? f->chr.can_receive(f->chr.dev) : 4096;
	uint8_t buf[4096];
	ssize_t n;

	if (f->rfd < 0)
		return;
	if (!room && recv(f->rfd, buf, 1, MSG_PEEK | MSG_DONTWAIT)) { /* not a socket, or there is something to read yet */
		if (!f->blocked)
			loop_rearm_end(&f->in);
		f->blocked = true;
		return;
	}
	n = room ? read(f->rfd, buf, room < sizeof(buf) ? room : sizeof(buf)) : 0;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		f->blocked = false;
		if (f->listen >= 0)
			drop_client(f);
		else if (f->rfd == f->wfd)
			left(f);
		return; /* end of input: stays silent */
	}
	if (n > 0 && f->telnet)
		n = telnet_data(f, buf, (unsigned)n);
	if (n > 0 && f->chr.receive)
		f->chr.receive(f->chr.dev, buf, (unsigned)n);
	loop_rearm(&f->in);
}

static void fd_accept(struct chr *c)
{
	struct chr_fd *f = container_of(c, struct chr_fd, chr);

	if (!f->blocked)
		return;
	f->blocked = false;
	loop_rearm(&f->in);
}

static void fd_close(struct chr *c)
{
	struct chr_fd *f = container_of(c, struct chr_fd, chr);

	loop_unwatch(&f->in);
	loop_unwatch(&f->conn);
	if (f->have_termios)
		tcsetattr(f->rfd, TCSANOW, &f->termios);
	if (f->log >= 0)
		close(f->log);
	if (f->wfd > 2 && f->wfd != f->rfd)
		close(f->wfd);
	if (f->rfd > 2)
		close(f->rfd);
	if (f->listen >= 0)
		close(f->listen);
	if (f->keep >= 0)
		close(f->keep);
	if (f->unlink_path)
		unlink(f->unlink_path);
	free(f->unlink_path);
	free(f);
}

static struct chr_fd *fd_new(struct loop *l, int rfd, int wfd)
{
	struct chr_fd *f = calloc(1, sizeof(*f));

	BUG_ON(!f);
	f->loop = l;
	f->rfd = rfd;
	f->wfd = wfd;
	f->listen = f->keep = f->log = -1;
	f->chr.open = true;
	f->chr.write = fd_write;
	f->chr.accept = fd_accept;
	f->chr.close = fd_close;
	if (rfd >= 0)
		loop_watch(l, &f->in, rfd, fd_ready, f);
	return f;
}

static void set_nodelay(const struct chr_fd *f, int fd)
{
	int one = 1;

	if (f->nodelay)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void client_ready(void *opaque)
{
	struct chr_fd *f = opaque;
	int fd = accept4(f->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		loop_rearm(&f->conn);
		return;
	}
	f->rfd = f->wfd = fd;
	f->blocked = false;
	f->chr.open = true;
	loop_watch(f->loop, &f->in, fd, fd_ready, f);
	set_nodelay(f, fd);
	f->state = PLAIN;
	f->binary = false;
	if (f->telnet)
		telnet_greet(fd);
	if (f->chr.shown) /* a monitor greets its new client */
		f->chr.shown(f->chr.dev);
	else if (f->chr.receive) /* nothing yet: a debugger takes it as a new connection */
		f->chr.receive(f->chr.dev, NULL, 0);
}

/* ---- specifications ---- */

struct spec {
	char kind[16];
	char path[256];
	bool server, wait, append, nodelay;
};

static enum vm_err parse_spec(const char *text, struct spec *s, struct err *e)
{
	static const char *const kinds[] = {"stdio", "null", "none", "vc", "pty", "file", "pipe", "unix",
		"tcp", "telnet"};
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);
	char *comma, *save = NULL;
	bool known = false;

	memset(s, 0, sizeof(*s));
	s->wait = true;
	if (!strncmp(text, "/dev/", 5) && strlen(text) < sizeof(s->path)) {
		strcpy(s->kind, "dev");
		strcpy(s->path, text);
		return VM_OK;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		known |= strlen(kinds[i]) == n && !strncmp(kinds[i], text, n);
	if (!known)
		return err_set(e, VM_ERR_USAGE, "unknown character backend '%s'; did you mean '%s'? (stdio, null, none, "
			"vc, pty, file:PATH, pipe:PATH, unix:PATH,server=on,wait=off, tcp:HOST:PORT,server=on,wait=off, telnet:..., /dev/...)",
			text, spec_nearest(text, kinds, ARRAY_SIZE(kinds)));
	if (n >= sizeof(s->kind))
		return err_set(e, VM_ERR_USAGE, "unknown character backend '%s'", text);
	memcpy(s->kind, text, n);
	if (!colon) {
		if (!strcmp(s->kind, "file") || !strcmp(s->kind, "pipe") || !strcmp(s->kind, "unix") ||
			!strcmp(s->kind, "tcp") || !strcmp(s->kind, "telnet"))
			return err_set(e, VM_ERR_USAGE, "character backend '%s' needs ':' and a path or address", text);
		return VM_OK;
	}
	if (strlen(colon + 1) >= sizeof(s->path))
		return err_set(e, VM_ERR_USAGE, "character backend '%s': path too long", text);
	strcpy(s->path, colon + 1);
	comma = strchr(s->path, ',');
	if (!comma)
		return VM_OK;
	*comma++ = 0;
	for (char *o = strtok_r(comma, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		if (!strcmp(o, "server=on") || !strcmp(o, "server"))
			s->server = true;
		else if (!strcmp(o, "wait=off") || !strcmp(o, "nowait"))
			s->wait = false;
		else if (!strcmp(o, "append=on") && !strcmp(s->kind, "file"))
			s->append = true;
		else if ((!strcmp(o, "nodelay=on") || !strcmp(o, "nodelay")) && (!strcmp(s->kind, "tcp") || !strcmp(s->kind, "telnet")))
			s->nodelay = true;
		else if (strcmp(o, "server=off") && strcmp(o, "wait=on") && strcmp(o, "append=off") &&
			strcmp(o, "nodelay=off"))
			return err_set(e, VM_ERR_USAGE, "character backend '%s': unknown option '%s'", text, o);
	}
	return VM_OK;
}

enum vm_err chardev_check(const char *text, struct err *e)
{
	struct spec s;

	return parse_spec(text, &s, e);
}

static enum vm_err open_unix(struct loop *l, const struct spec *s, struct chr **out, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct chr_fd *f;
	struct stat st;
	int fd;

	if (strlen(s->path) >= sizeof(a.sun_path))
		return err_set(e, VM_ERR_USAGE, "socket path '%s' is too long", s->path);
	strcpy(a.sun_path, s->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, "cannot make a socket");
	if (!s->server) {
		if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
			close(fd);
			return err_errno(e, "cannot connect to '%s'", s->path);
		}
		*out = &fd_new(l, fd, fd)->chr;
		return VM_OK;
	}
	if (!lstat(s->path, &st) && S_ISSOCK(st.st_mode))
		unlink(s->path); /* left by an earlier run */
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1)) {
		close(fd);
		return err_errno(e, "cannot listen on '%s'", s->path);
	}
	f = fd_new(l, -1, -1);
	f->chr.open = false;
	f->listen = fd;
	f->unlink_path = realpath(s->path, NULL);
	if (s->wait) {
		fprintf(stderr, "dragoman: waiting for a connection on unix:%s\n", s->path);
		client_ready(f);
	}
	loop_watch(l, &f->conn, fd, client_ready, f);
	*out = &f->chr;
	return VM_OK;
}

static enum vm_err open_tcp(struct loop *l, const struct spec *s, struct chr **out, struct err *e)
{
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM, .ai_flags = s->server ? AI_PASSIVE : 0}, *ai;
	char host[256];
	char *port;
	int fd, one = 1, rc;
	struct chr_fd *f;

	strcpy(host, s->path);
	port = strrchr(host, ':');
	if (!port)
		return err_set(e, VM_ERR_USAGE, "'tcp:%s' needs HOST:PORT", s->path);
	*port++ = 0;
	rc = getaddrinfo(host[0] ? host : NULL, port, &hint, &ai);
	if (rc)
		return err_set(e, VM_ERR_IO, "cannot resolve 'tcp:%s': %s", s->path, gai_strerror(rc));
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->server)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || (s->server ? bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 1)
				 : connect(fd, ai->ai_addr, ai->ai_addrlen))) {
		freeaddrinfo(ai);
		if (fd >= 0)
			close(fd);
		return err_errno(e, "cannot %s 'tcp:%s'", s->server ? "listen on" : "connect to", s->path);
	}
	freeaddrinfo(ai);
	f = s->server ? fd_new(l, -1, -1) : fd_new(l, fd, fd);
	f->nodelay = s->nodelay;
	f->telnet = !strcmp(s->kind, "telnet");
	if (!s->server) {
		set_nodelay(f, fd);
		*out = &f->chr;
		return VM_OK;
	}
	f->listen = fd;
	f->chr.open = false;
	if (s->wait)
		client_ready(f);
	loop_watch(l, &f->conn, fd, client_ready, f);
	*out = &f->chr;
	return VM_OK;
}

static enum vm_err open_pipe(struct loop *l, const struct spec *s, struct chr **out, struct err *e)
{
	char in[300], outp[300];
	int r, w;

	snprintf(in, sizeof(in), "%s.in", s->path);
	snprintf(outp, sizeof(outp), "%s.out", s->path);
	r = open(in, O_RDWR | O_CLOEXEC);
	w = open(outp, O_RDWR | O_CLOEXEC);
	if (r < 0 || w < 0) {
		if (r >= 0)
			close(r);
		if (w >= 0)
			close(w);
		r = w = open(s->path, O_RDWR | O_CLOEXEC);
	}
	if (r < 0)
		return err_errno(e, "cannot open pipe '%s'", s->path);
	*out = &fd_new(l, r, w)->chr;
	return VM_OK;
}

static enum vm_err open_pty(struct loop *l, struct chr **out, struct err *e)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), keep = -1;
	struct chr_fd *f;
	struct termios t;

	if (fd >= 0 && !grantpt(fd) && !unlockpt(fd))
		keep = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (keep < 0) {
		if (fd >= 0)
			close(fd);
		return err_errno(e, "cannot open a pseudo-terminal");
	}
	if (!tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	fprintf(stderr, "char device redirected to %s\n", ptsname(fd));
	f = fd_new(l, fd, fd);
	snprintf(f->chr.label, sizeof(f->chr.label), "pty:%s", ptsname(fd));
	f->keep = keep; /* users come and go; without any the master end would only say so, again and again */
	*out = &f->chr;
	return VM_OK;
}

/* A device file is read and written, a terminal among them raw. Behind such a name may be a pipe or file (/dev/stdout): written only. */
static enum vm_err open_dev(struct loop *l, const char *path, struct chr **out, struct err *e)
{
	struct stat st;
	bool device = !stat(path, &st) && S_ISCHR(st.st_mode);
	int fd = open(path, (device ? O_RDWR : O_WRONLY | O_APPEND) | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct chr_fd *f;
	struct termios t;

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	f = fd_new(l, device ? fd : -1, fd);
	if (device && !tcgetattr(fd, &f->termios)) {
		f->have_termios = true;
		t = f->termios;
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	*out = &f->chr;
	return VM_OK;
}

enum vm_err chardev_log(struct chr *c, const char *path, bool append, struct err *e)
{
	struct chr_fd *f = container_of(c, struct chr_fd, chr);

	f->log = open(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC) | O_CLOEXEC, 0666);
	return f->log >= 0 ? VM_OK : err_errno(e, "cannot open log file '%s'", path);
}

enum vm_err chardev_open(struct loop *l, const char *text, struct chr **out, struct err *e)
{
	struct spec s;
	enum vm_err r = parse_spec(text, &s, e);
	int fd;

	*out = NULL;
	if (r || !strcmp(s.kind, "none"))
		return r;
	if (!strcmp(s.kind, "null") || !strcmp(s.kind, "vc")) {
		*out = &fd_new(l, -1, -1)->chr;
		return VM_OK;
	}
	if (!strcmp(s.kind, "stdio")) {
		*out = &fd_new(l, STDIN_FILENO, STDOUT_FILENO)->chr;
		return VM_OK;
	}
	if (!strcmp(s.kind, "unix"))
		return open_unix(l, &s, out, e);
	if (!strcmp(s.kind, "tcp") || !strcmp(s.kind, "telnet"))
		return open_tcp(l, &s, out, e);
	if (!strcmp(s.kind, "pipe"))
		return open_pipe(l, &s, out, e);
	if (!strcmp(s.kind, "pty"))
		return open_pty(l, out, e);
	if (!strcmp(s.kind, "dev"))
		return open_dev(l, s.path, out, e);
	fd = open(s.path, O_WRONLY | O_CREAT | (s.append ? O_APPEND : O_TRUNC) | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", s.path);
	*out = &fd_new(l, -1, fd)->chr;
	return VM_OK;
}
