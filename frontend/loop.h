/*
 * loop.h - threads and time: the VM thread's loop, its mailbox, the I/O thread that watches descriptors.
 *
 * Everything of a machine happens on the VM thread. Others reach it by loop_post(): a function to call there, between
 * two slices of guest execution. A watched descriptor that becomes readable posts its handler and is silent until
 * loop_rearm(). The I/O thread also kicks the machine when a timer of its clock is due.
 */
#ifndef FRONTEND_LOOP_H
#define FRONTEND_LOOP_H

#include "frontend/hang.h"
#include "frontend/live.h"
#include "frontend/machine/machine.h"
#include "cpu/vcpu.h"
#include <pthread.h>
#include <termios.h>

struct loop_job {
	void (*fn)(void *arg);
	void *arg;
	struct loop_job *next;
	bool *done; /* loop_call() waits for it */
};

struct loop_watch {
	struct loop *loop;
	int fd;
	void (*ready)(void *opaque); /* on the VM thread */
	void *opaque;
};

/* Keys that the monitor's sendkey holds down until its timer lets them go. */
struct loop_keys {
	struct timer timer;
	struct input *in;
	unsigned code[8], n;
};

#define LOOP_MAX_CHRS 16
struct loop_chr { char label[32], spec[128]; const struct chr *chr; /* NULL: none */ };

/*
 * -action panic=: what follows a triple fault, or a panic told by pvpanic. DEFAULT: a triple fault resets, a panic ends the
 * program; NONE: no words about it, a triple fault resets, after a panic the guest goes on.
 */
enum loop_panic { LOOP_PANIC_DEFAULT, LOOP_PANIC_RESET, LOOP_PANIC_NONE, LOOP_PANIC_PAUSE, LOOP_PANIC_SHUTDOWN, LOOP_PANIC_FAILURE };

/* Told what happens to the machine: STOP, RESUME, RESET, POWERDOWN, SHUTDOWN, GUEST_PANICKED. VM thread. */
struct loop_listener {
	void (*fn)(void *opaque, const char *event);
	void *opaque;
	struct loop_listener *next;
};

struct loop {
	struct machine *m;
	const char *name;	/* the machine's, or NULL */
	struct loop_listener *listeners;
	bool asked;		/* the reset or end that comes was asked for by the user, not by the guest */
	pthread_mutex_t mu;
	pthread_cond_t wake; /* VM thread sleeps here; also signalled when a call is done */
	struct loop_job *head, **tail;
	pthread_t io;
	bool io_started;
	int epoll, timer, stop;
	bool quit, paused;
	bool over;		/* loop_run() has left: no job runs any more */
	int status;		/* of the process, once quit */
	bool watch_hangs;
	struct hang hang;
	struct timer hang_timer;
	struct live live;
	struct trace *trace;	/* -trace (trace.h), or NULL */
	bool log_counts;	/* instructions are counted because the trap log shows their numbers */
	bool no_reboot, no_shutdown;
	enum loop_panic panic;
	struct place told;	/* where the last triple fault that was told ended */
	bool told_once;
	bool icount;		/* guest time is icount_ns an instruction (0: 10); idle time is skipped, or slept */
	bool icount_sleep;
	bool asleep; /* the machine was, when last seen: ACPI S3 */
	unsigned icount_ns;
	uint64_t skipped;	/* ns of idle time so far */
	bool rtc_host;		/* the clock chip goes on while the guest is stopped */
	struct termios termios; /* of standard input before raw mode */
	bool have_termios, is_raw, raw_signals;
	uint64_t base, paused_at; /* host ns: virtual 0, and when the pause began */
	unsigned buttons;	/* mouse buttons the monitor holds down */
	unsigned pointer[2];	/* where it has moved a tablet's pointer, 0..32767 */
	struct loop_keys keys;
	struct loop_chr chrs[LOOP_MAX_CHRS]; /* what the monitor's info chardev lists */
	unsigned nchrs;
	void (*pause_changed)(void *opaque, bool paused); /* the debugger listens; may be NULL */
	void *pause_opaque;
	void (*ended)(void *opaque); /* VM loop is over: wakes the window's thread; may be NULL */
	void *ended_opaque;
};

enum vm_err loop_init(struct loop *l, struct err *e);
void loop_fini(struct loop *l);
void loop_attach(struct loop *l, struct machine *m); /* before loop_run(); installs the time source */

/* loop_run() - run the machine until loop_quit(), power-off or failure. Return: exit status of the process */
int loop_run(struct loop *l);

void loop_trap_log(struct loop *l, bool on, bool counts); /* VM thread: is the trap log kept, with instruction counts? */
void loop_watch_hangs(struct loop *l); /* after loop_attach(): tell on standard error when the guest hangs (hang.h) */

void loop_post(struct loop *l, void (*fn)(void *), void *arg); /* any thread */
void loop_cancel(struct loop *l, void (*fn)(void *), void *arg); /* VM thread: such posts are forgotten */
void loop_call(struct loop *l, void (*fn)(void *), void *arg); /* any but the VM thread: until done, or the loop is over */
void loop_quit(struct loop *l, int status);			/* any thread */
void loop_tell(struct loop *l, const char *event);		/* VM thread: to all listeners */
void loop_pause(struct loop *l, bool pause);			/* VM thread: guest time stops too */

void loop_watch(struct loop *l, struct loop_watch *w, int fd, void (*ready)(void *), void *opaque);
void loop_rearm(struct loop_watch *w);
void loop_rearm_end(struct loop_watch *w); /* ready only when the other side has closed */
void loop_unwatch(struct loop_watch *w);

#endif
