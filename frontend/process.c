/* process.c - see process.h. */
#define _GNU_SOURCE
#include "frontend/process.h"
#include "frontend/chardev.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

enum vm_err process_fork(int *fd, struct err *e)
{
	int ends[2], status = 1;
	char byte;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "-daemonize: cannot make a pipe");
	fflush(NULL);
	child = fork();
	if (child < 0)
		return err_errno(e, "-daemonize: cannot fork");
	if (!child) {
		close(ends[0]);
		*fd = ends[1];
		return VM_OK;
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) == 1)
		_exit(0);
	/* the child has ended without a word to us, but it has said why on standard error */
	if (waitpid(child, &status, 0) == child && WIFEXITED(status))
		_exit(WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
	_exit(1);
}

void process_ready(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/")) {
		/* a working directory that cannot be left only keeps its file system busy */
	}
	fflush(NULL);
	if (null >= 0)
		for (int i = 0; i < 3; i++)
			dup2(null, i);
	if (null > 2)
		close(null);
	if (write(fd, "", 1) != 1)
		return; /* the parent was killed: nobody waits */
	close(fd);
}

enum vm_err process_pidfile(const char *path, int *out, struct err *e)
{
	char text[16];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644), n;

	if (fd < 0)
		return err_errno(e, "-pidfile: cannot write '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return err_set(e, VM_ERR_IO, "-pidfile: '%s' belongs to a running process", path);
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) || write(fd, text, (size_t)n) != n) {
		err_errno(e, "-pidfile: cannot write '%s'", path);
		close(fd);
		return VM_ERR_IO;
	}
	*out = fd;
	return VM_OK;
}

void process_pidfile_done(int fd)
{
	char link[40], path[PATH_MAX];
	ssize_t n;

	if (fd < 0)
		return;
	/* the name as it was given may be relative to a directory that we have left */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n > 0) {
		path[n] = 0;
		unlink(path);
	}
	close(fd);
}

/* On the VM thread: between these lines nothing of us runs. */
static void suspend(void *arg)
{
	struct loop *l = arg;
	bool paused = l->paused;

	terminal_restore(l);
	if (!paused)
		loop_pause(l, true);
	kill(getpid(), SIGSTOP);
	terminal_again(l);
	if (!paused)
		loop_pause(l, false);
}

static void our_signals(sigset_t *set)
{
	static const int sigs[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

	sigemptyset(set);
	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaddset(set, sigs[i]);
}

static void *signal_thread(void *arg)
{
	struct loop *l = arg;
	sigset_t set;
	int sig;

	our_signals(&set);
	do {
		sigwait(&set, &sig);
		if (sig == SIGTSTP)
			loop_post(l, suspend, l);
	} while (sig == SIGTSTP);
	__atomic_store_n(&l->asked, true, __ATOMIC_RELAXED);
	loop_quit(l, sig == SIGINT ? 0 : 128 + sig);
	/* a second one ends the process whatever hangs */
	sigwait(&set, &sig);
	terminal_restore(l);
	_exit(128 + sig);
}

void process_signals(struct loop *l)
{
	pthread_t t;
	sigset_t set;

	our_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!pthread_create(&t, NULL, signal_thread, l))
		pthread_detach(t);
}
