/* loop.c - see loop.h. */
#include "frontend/loop.h"
#include "devices/virtio/virtio_balloon.h"
#include "frontend/explain.h"
#include "cpu/ring0/history.h"
#include "jit/jit.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t host_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static uint64_t virtual_now(void *opaque)
{
	struct loop *l = opaque;

	if (l->icount)
		return machine_cpu(l->m)->insns * (l->icount_ns ? l->icount_ns : 10) + l->skipped;
	return (l->paused ? l->paused_at : host_now()) - l->base;
}

/* Host time of a deadline; l->base is "negative" when the guest's clock, from a snapshot, is older than the host's. */
static uint64_t host_time(const struct loop *l, uint64_t deadline)
{
	uint64_t at = deadline + l->base;

	if (deadline > INT64_MAX / 2)
		return INT64_MAX;
	return (int64_t)at < 1 ? 1 : at;
}

/* The timer descriptor follows the clock's earliest deadline. */
static void deadline_changed(void *opaque, uint64_t deadline)
{
	struct loop *l = opaque;
	struct itimerspec it = {{0, 0}, {0, 0}};

	/* counted time needs no alarm clock: the run loop looks after every block */
	if (deadline != UINT64_MAX && !l->paused && !l->icount) {
		uint64_t at = host_time(l, deadline);

		it.it_value.tv_sec = (time_t)(at / NS_PER_SEC);
		it.it_value.tv_nsec = (long)(at % NS_PER_SEC);
	}
	timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &it, NULL);
}

static void wake_vm(struct loop *l)
{
	if (l->m)
		machine_kick(l->m);
	pthread_mutex_lock(&l->mu);
	pthread_cond_broadcast(&l->wake);
	pthread_mutex_unlock(&l->mu);
}

static void *io_thread(void *arg)
{
	struct loop *l = arg;

	for (;;) {
		struct epoll_event ev[16];
		int n = epoll_wait(l->epoll, ev, 16, -1);

		if (n < 0 && errno != EINTR)
			return NULL;
		for (int i = 0; i < n; i++) {
			struct loop_watch *w = ev[i].data.ptr;
			uint64_t ticks;

			if (ev[i].data.ptr == &l->stop)
				return NULL;
			if (ev[i].data.ptr == &l->timer) {
				if (read(l->timer, &ticks, sizeof(ticks)) > 0)
					wake_vm(l);
				continue;
			}
			loop_post(l, w->ready, w->opaque);
		}
	}
}

static bool add(struct loop *l, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = {.events = events, .data.ptr = ptr};

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) == 0;
}

enum vm_err loop_init(struct loop *l, struct err *e)
{
	pthread_condattr_t ca;

	*l = (struct loop){.epoll = -1, .timer = -1, .stop = -1};
	l->tail = &l->head;
	pthread_mutex_init(&l->mu, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &ca);
	pthread_condattr_destroy(&ca);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	l->stop = eventfd(0, EFD_CLOEXEC);
	if (l->epoll < 0 || l->timer < 0 || l->stop < 0 || !add(l, l->timer, EPOLLIN, &l->timer) ||
		!add(l, l->stop, EPOLLIN, &l->stop))
		return err_errno(e, "cannot set up the event loop");
	if (pthread_create(&l->io, NULL, io_thread, l))
		return err_set(e, VM_ERR_NOMEM, "cannot start the I/O thread");
	l->io_started = true;
	return VM_OK;
}

void loop_fini(struct loop *l)
{
	uint64_t one = 1;

	if (l->io_started && write(l->stop, &one, sizeof(one)) > 0)
		pthread_join(l->io, NULL);
	close(l->epoll);
	close(l->timer);
	close(l->stop);
	l->epoll = l->timer = l->stop = -1; /* devices being destroyed may still cancel timers */
	while (l->head) {
		struct loop_job *j = l->head;

		l->head = j->next;
		free(j);
	}
	pthread_mutex_destroy(&l->mu);
	pthread_cond_destroy(&l->wake);
}

/* A snapshot was loaded: from here on time goes on from @now. */
static void clock_moved(void *opaque, uint64_t now)
{
	struct loop *l = opaque;

	if (l->icount)
		l->skipped = now - machine_cpu(l->m)->insns * (l->icount_ns ? l->icount_ns : 10);
	else
		l->base = (l->paused ? l->paused_at : host_now()) - now;
}

static void balloon_changed(void *l)
{
	loop_tell(l, "BALLOON_CHANGE");
}

void loop_attach(struct loop *l, struct machine *m)
{
	struct virtio_balloon *b = virtio_balloon_from(machine_device(m, "virtio-balloon"));
	struct clock *c = machine_clock(m);

	l->m = m;
	l->base = host_now() - clock_now(c);
	c->source = virtual_now;
	c->opaque = l;
	c->deadline_changed = deadline_changed;
	c->deadline_opaque = l;
	c->moved = clock_moved;
	c->moved_opaque = l;
	deadline_changed(l, clock_deadline(c));
	if (b) {
		b->changed = balloon_changed;
		b->opaque = l;
	}
}

static void look_for_hang(void *opaque)
{
	struct loop *l = opaque;

	hang_sample(&l->hang, machine_cpu(l->m), stderr);
	timer_arm(&l->hang_timer, clock_now(machine_clock(l->m)) + NS_PER_SEC);
}

void loop_trap_log(struct loop *l, bool on, bool counts)
{
	machine_cpu(l->m)->history->off = !on;
	if (counts != l->log_counts)
		jit_count_insns(machine_jit(l->m), counts);
	l->log_counts = counts;
}

void loop_watch_hangs(struct loop *l)
{
	struct clock *c = machine_clock(l->m);

	/* where instructions are the time, an extra deadline would change the guest's */
	if (l->icount)
		return;
	l->watch_hangs = true;
	timer_init(&l->hang_timer, c, look_for_hang, l);
	l->hang_timer.outside = true;
	timer_arm(&l->hang_timer, clock_now(c) + NS_PER_SEC);
}

static void enqueue(struct loop *l, struct loop_job *j)
{
	pthread_mutex_lock(&l->mu);
	*l->tail = j;
	l->tail = &j->next;
	pthread_cond_broadcast(&l->wake);
	pthread_mutex_unlock(&l->mu);
	if (l->m)
		machine_kick(l->m);
}

void loop_post(struct loop *l, void (*fn)(void *), void *arg)
{
	struct loop_job *j = calloc(1, sizeof(*j));

	BUG_ON(!j);
	j->fn = fn;
	j->arg = arg;
	enqueue(l, j);
}

void loop_cancel(struct loop *l, void (*fn)(void *), void *arg)
{
	struct loop_job **p = &l->head;

	pthread_mutex_lock(&l->mu);
	while (*p) {
		struct loop_job *j = *p;

		if (j->fn == fn && j->arg == arg) {
			*p = j->next;
			free(j);
		} else {
			p = &j->next;
		}
	}
	l->tail = p;
	pthread_mutex_unlock(&l->mu);
}

void loop_call(struct loop *l, void (*fn)(void *), void *arg)
{
	struct loop_job *j = calloc(1, sizeof(*j));
	bool done = false;

	BUG_ON(!j);
	j->fn = fn;
	j->arg = arg;
	j->done = &done;
	enqueue(l, j);
	pthread_mutex_lock(&l->mu);
	/* not merely until quit: the VM thread may be about to run the job, and @arg is the caller's */
	while (!done && !l->over)
		pthread_cond_wait(&l->wake, &l->mu);
	pthread_mutex_unlock(&l->mu);
}

static void run_jobs(struct loop *l)
{
	for (;;) {
		struct loop_job *j;

		pthread_mutex_lock(&l->mu);
		j = l->head;
		if (j) {
			l->head = j->next;
			if (!l->head)
				l->tail = &l->head;
		}
		pthread_mutex_unlock(&l->mu);
		if (!j)
			return;
		j->fn(j->arg);
		if (j->done) {
			pthread_mutex_lock(&l->mu);
			*j->done = true;
			pthread_cond_broadcast(&l->wake);
			pthread_mutex_unlock(&l->mu);
		}
		free(j);
	}
}

void loop_quit(struct loop *l, int status)
{
	pthread_mutex_lock(&l->mu);
	if (!l->quit) {
		l->quit = true;
		l->status = status;
	}
	pthread_cond_broadcast(&l->wake);
	pthread_mutex_unlock(&l->mu);
	if (l->m)
		machine_kick(l->m);
}

void loop_pause(struct loop *l, bool pause)
{
	struct clock *c = machine_clock(l->m);

	if (pause == l->paused)
		return;
	if (pause) {
		l->paused_at = host_now();
		l->paused = true;
	} else {
		uint64_t gone = host_now() - l->paused_at;

		l->base += gone;
		l->paused = false;
		if (l->rtc_host)
			machine_skip_rtc(l->m, gone);
		machine_retry_io(l->m);
	}
	deadline_changed(l, clock_deadline(c));
	if (l->pause_changed)
		l->pause_changed(l->pause_opaque, pause);
	loop_tell(l, pause ? "STOP" : "RESUME");
}

void loop_tell(struct loop *l, const char *event)
{
	for (struct loop_listener *i = l->listeners; i; i = i->next)
		i->fn(i->opaque, event);
	if (!strcmp(event, "RESET"))
		l->asked = false;
}

/* Sleep until there is mail, the clock is due, or the end. */
static void sleep_vm(struct loop *l)
{
	uint64_t deadline = l->paused ? UINT64_MAX : clock_deadline(machine_clock(l->m));
	struct timespec ts;

	pthread_mutex_lock(&l->mu);
	while (!l->head && !l->quit) {
		uint64_t at = host_time(l, deadline);

		if (at == INT64_MAX) {
			pthread_cond_wait(&l->wake, &l->mu);
			continue;
		}
		if (host_now() >= at)
			break;
		ts.tv_sec = (time_t)(at / NS_PER_SEC);
		ts.tv_nsec = (long)(at % NS_PER_SEC);
		pthread_cond_timedwait(&l->wake, &l->mu, &ts);
	}
	pthread_mutex_unlock(&l->mu);
}

/* icount sleep=on: as long as the guest idles, its time is the host's; mail ends the sleep early. */
static void sleep_counted(struct loop *l, uint64_t ns)
{
	uint64_t start = host_now(), at = start + ns, gone;
	struct timespec ts = {(time_t)(at / NS_PER_SEC), (long)(at % NS_PER_SEC)};

	pthread_mutex_lock(&l->mu);
	while (!l->head && !l->quit && host_now() < at)
		pthread_cond_timedwait(&l->wake, &l->mu, &ts);
	pthread_mutex_unlock(&l->mu);
	gone = host_now() - start;
	l->skipped += gone < ns ? gone : ns;
}

/* With counted time nothing happens before the next deadline: go there at once, or sleep so long. False: gone. */
static bool skip_idle(struct loop *l)
{
	struct clock *c = machine_clock(l->m);
	uint64_t deadline = clock_deadline(c), now = clock_now(c);

	if (deadline == UINT64_MAX)
		return true;
	if (deadline > now && l->icount_sleep)
		sleep_counted(l, deadline - now);
	else if (deadline > now)
		l->skipped += deadline - now;
	return false;
}

/* The whole story once; a guest that does the same again and again (some reboot that way) gets a line each. */
static void tell_triple(struct loop *l)
{
	struct vcpu *cpu = machine_cpu(l->m);
	const struct trap *t = history_trap(cpu->history, cpu->history->ntraps);
	bool again;

	if (l->panic == LOOP_PANIC_NONE || !t)
		return;
	again = l->told.cs == t->at.cs && l->told.rip == t->at.rip && l->told_once;
	l->told = t->at;
	l->told_once = true;
	fprintf(stderr, "dragoman: triple fault at ");
	explain_place(stderr, &t->at);
	fprintf(stderr, again ? " again\n" : ":\n");
	if (!again)
		explain_chain(stderr, cpu, t);
}

static void tell_magic(struct loop *l)
{
	const struct vcpu *cpu = machine_cpu(l->m);
	struct place at = place_now(cpu);
	gla_t gla;

	if (jit_debug_why(machine_jit(l->m), &gla) != JIT_WHY_MAGIC)
		return;
	fprintf(stderr, "dragoman: magic breakpoint before ");
	explain_place(stderr, &at);
	explain_symbol(stderr, cpu, gla);
	fputc('\n', stderr);
}

static void reset_or_leave(struct loop *l)
{
	if (l->no_reboot) {
		loop_quit(l, 0);
		return;
	}
	machine_reset(l->m);
	loop_tell(l, "RESET");
}

static void tell_panic(struct loop *l)
{
	if (l->panic != LOOP_PANIC_NONE)
		fprintf(stderr, "dragoman: the guest's kernel has panicked\n");
	loop_tell(l, "GUEST_PANICKED");
}

/* -action panic=: what follows. Stopped, the CPU stays as it is; only a reset lets it go on. */
static void panic(struct loop *l, enum loop_panic action)
{
	switch (action) {
	case LOOP_PANIC_PAUSE:
		loop_pause(l, true);
		break;
	case LOOP_PANIC_SHUTDOWN:
		loop_quit(l, 0);
		break;
	case LOOP_PANIC_FAILURE:
		loop_quit(l, 1);
		break;
	default:
		reset_or_leave(l);
	}
}

/* The guest has gone to sleep (ACPI S3), or is awake again. */
static void tell_asleep(struct loop *l, bool asleep)
{
	if (asleep != l->asleep)
		loop_tell(l, asleep ? "SUSPEND" : "WAKEUP");
	l->asleep = asleep;
}

static void handle_stop(struct loop *l, enum machine_stop why)
{
	uint64_t asleep;

	tell_asleep(l, why == MACHINE_ASLEEP);
	switch (why) {
	case MACHINE_HALTED:
	case MACHINE_ASLEEP:
		if (l->icount && !skip_idle(l))
			break;
		if (l->watch_hangs && why == MACHINE_HALTED)
			hang_halted(&l->hang, machine_cpu(l->m), stderr);
		asleep = host_now();
		sleep_vm(l);
		l->live.idle_ns += host_now() - asleep;
		break;
	case MACHINE_RESET:
		reset_or_leave(l);
		break;
	case MACHINE_POWEROFF:
		if (l->no_shutdown)
			loop_pause(l, true);
		else
			loop_quit(l, 0);
		break;
	case MACHINE_EXIT:
		loop_quit(l, machine_exit_code(l->m));
		break;
	case MACHINE_PANIC:
		tell_panic(l);
		if (l->panic != LOOP_PANIC_NONE)
			panic(l, l->panic == LOOP_PANIC_DEFAULT ? LOOP_PANIC_SHUTDOWN : l->panic);
		break;
	case MACHINE_TRIPLE:
		tell_triple(l);
		panic(l, l->panic);
		break;
	case MACHINE_DEBUG:
		tell_magic(l);
		loop_pause(l, true);
		break;
	case MACHINE_DIVERGED:
		fprintf(stderr, "dragoman: lockstep: interpreter and translator differ (see the log)\n");
		loop_quit(l, 1);
		break;
	case MACHINE_KICKED:
		break;
	}
}

int loop_run(struct loop *l)
{
	for (;;) {
		run_jobs(l);
		if (l->quit)
			break;
		if (l->paused) {
			sleep_vm(l);
			continue;
		}
		handle_stop(l, machine_run(l->m));
	}
	loop_tell(l, "SHUTDOWN");
	pthread_mutex_lock(&l->mu);
	l->over = true;
	pthread_cond_broadcast(&l->wake);
	pthread_mutex_unlock(&l->mu);
	if (l->ended)
		l->ended(l->ended_opaque);
	return l->status;
}

void loop_watch(struct loop *l, struct loop_watch *w, int fd, void (*ready)(void *), void *opaque)
{
	*w = (struct loop_watch){l, fd, ready, opaque};
	/* a regular file cannot be watched and is always ready: tell at once, and at each loop_rearm() */
	if (!add(l, fd, EPOLLIN | EPOLLONESHOT, w))
		loop_post(l, ready, opaque);
}

void loop_rearm(struct loop_watch *w)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = w};

	/* a regular file is always ready, up to its end */
	if (w->loop && epoll_ctl(w->loop->epoll, EPOLL_CTL_MOD, w->fd, &ev) && errno == EPERM)
		loop_post(w->loop, w->ready, w->opaque);
}

void loop_rearm_end(struct loop_watch *w)
{
	struct epoll_event ev = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = w};

	if (w->loop)
		epoll_ctl(w->loop->epoll, EPOLL_CTL_MOD, w->fd, &ev);
}

void loop_unwatch(struct loop_watch *w)
{
	if (w->loop)
		epoll_ctl(w->loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->loop = NULL;
}
