/*
 * main.c - the program: command line, backends, machine, threads, and an orderly end.
 *
 * The machine runs on a thread of its own when there is a window (SDL wants the main thread), else on the main
 * thread. Nothing is opened before the whole command line has been judged.
 */
#include "frontend/args.h"
#include "frontend/args_spec.h"
#include "frontend/block.h"
#include "frontend/chardev.h"
#include "frontend/explain.h"
#include "frontend/gdb.h"
#include "frontend/loop.h"
#include "frontend/monitor.h"
#include "frontend/sdl/sdl.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct program {
	struct args args;
	struct log log;
	struct loop loop;
	struct machine *m;
	struct chr *chr[CONFIG_MAX_SERIAL + CONFIG_MAX_DEBUGCON + 2]; /* to close at the end */
	unsigned nchr;
	struct chr_mux *mux;
	struct monitor *monitor;
	struct gdb *gdb;
	struct sdl *sdl;
	struct frame frame; /* drawn on the VM thread, handed to the window */
	int caught;	    /* signal that ended us */
};

static int fail(const struct err *e)
{
	fprintf(stderr, "dragoman: %s\n", e->msg);
	return 1;
}

/* ---- character devices ---- */

static enum vm_err open_chr(struct program *p, const char *arg, struct chr **out, struct err *e)
{
	const char *spec = spec_backend(&p->args, arg);
	enum vm_err r = chardev_open(&p->loop, spec, out, e);

	if (!r && *out)
		p->chr[p->nchr++] = *out;
	if (!r && !strcmp(spec, "stdio"))
		terminal_raw(&p->loop, true);
	return r;
}

/* -nographic and mon:stdio: serial port and monitor share the terminal. */
static enum vm_err open_mux(struct program *p, const char *arg, struct err *e)
{
	struct chr *base;
	enum vm_err r = chardev_open(&p->loop, spec_backend(&p->args, arg), &base, e);

	if (r)
		return r;
	if (!base)
		return err_set(e, VM_ERR_USAGE, "-serial: '%s' leaves the monitor without a terminal", arg);
	terminal_raw(&p->loop, false);
	p->mux = chr_mux_new(&p->loop, base);
	p->args.cfg.serial[0] = chr_mux_end(p->mux, MUX_SERIAL);
	p->monitor = monitor_new(&p->loop, chr_mux_end(p->mux, MUX_MONITOR), false);
	return VM_OK;
}

static enum vm_err open_serials(struct program *p, struct err *e)
{
	struct args *a = &p->args;
	enum vm_err r = VM_OK;

	if (!a->nserial && !a->nodefaults)
		a->serial[a->nserial++] = a->nographic && !a->monitor ? "mon:stdio"
			: a->nographic ? "stdio" : "null";
	for (unsigned i = 0; i < a->nserial && !r; i++) {
		if (!strncmp(a->serial[i], "mon:", 4) && i == 0)
			r = open_mux(p, a->serial[i], e);
		else
			r = open_chr(p, a->serial[i], &a->cfg.serial[i], e);
	}
	return r;
}

static enum vm_err open_backends(struct program *p, struct err *e)
{
	struct args *a = &p->args;
	enum vm_err r = open_serials(p, e);
	struct chr *c;

	if (!r && a->monitor && strcmp(a->monitor, "none") && !p->monitor) {
		r = open_chr(p, a->monitor, &c, e);
		if (!r && c)
			p->monitor = monitor_new(&p->loop, c, !strcmp(spec_backend(a, a->monitor), "stdio"));
	}
	for (unsigned i = 0; i < a->ndebugcon && !r; i++) {
		a->cfg.debugcon[i].iobase = a->debugcon[i].iobase;
		r = open_chr(p, a->debugcon[i].chr, &a->cfg.debugcon[i].chr, e);
		a->cfg.ndebugcon = i + 1;
	}
	return r;
}

/* ---- drives ---- */

static enum vm_err open_drives(struct program *p, struct err *e)
{
	static const char *const place[] = {"ide0-hd0", "ide0-hd1", "ide1-cd0", "ide1-hd1"};
	struct args *a = &p->args;
	enum vm_err r = VM_OK;

	for (unsigned i = 0; i < a->ndrives && !r; i++) {
		const struct args_drive *d = &a->drive[i];
		struct blk_raw_options o = {d->readonly, d->snapshot || a->snapshot, d->cdrom};
		struct blk **b = &a->cfg.ide[d->index];

		if (d->file)
			r = blk_open_raw(d->file, &o, b, e);
		else
			*b = blk_empty();
		if (!r)
			snprintf((*b)->id, sizeof((*b)->id), "%s", d->id[0] ? d->id : place[d->index]);
	}
	/* an empty CD-ROM drive, as QEMU's pc has one */
	if (!r && !a->nodefaults && !a->cfg.ide[2]) {
		a->cfg.ide[2] = blk_empty();
		snprintf(a->cfg.ide[2]->id, sizeof(a->cfg.ide[2]->id), "%s", place[2]);
	}
	return r;
}

static void close_drives(struct program *p)
{
	for (unsigned i = 0; i < CONFIG_MAX_IDE; i++)
		if (p->args.cfg.ide[i])
			p->args.cfg.ide[i]->ops->close(p->args.cfg.ide[i]);
}

/* ---- logging ---- */

static enum vm_err set_log(struct program *p, struct err *e)
{
	const struct args *a = &p->args;
	char *end;

	log_init(&p->log);
	if (a->log && log_parse(&p->log, a->log, e))
		return e->code;
	if (a->dfilter) {
		p->log.lo = strtoull(a->dfilter, &end, 0);
		if (!strncmp(end, "..", 2))
			p->log.hi = strtoull(end + 2, &end, 0);
		else if (*end == '+')
			p->log.hi = p->log.lo + strtoull(end + 1, &end, 0) - 1;
		else
			return err_set(e, VM_ERR_USAGE, "-dfilter: '%s' is not LO..HI or LO+SIZE", a->dfilter);
		if (*end)
			return err_set(e, VM_ERR_USAGE, "-dfilter: '%s' is not LO..HI or LO+SIZE", a->dfilter);
	}
	if (a->log_file) {
		p->log.out = fopen(a->log_file, "w");
		if (!p->log.out) {
			p->log.out = stderr;
			return err_errno(e, "cannot open log file '%s'", a->log_file);
		}
		p->log.own_out = true;
	}
	return VM_OK;
}

/* ---- the window ---- */

struct key_event {
	struct program *p;
	unsigned code;
	bool down;
};

static void do_key(void *arg)
{
	struct key_event *k = arg;
	struct input *in = machine_input(k->p->m);

	if (in->key)
		in->key(in->key_opaque, k->code, k->down);
	free(k);
}

static void win_key(void *opaque, unsigned set1, bool down)
{
	struct key_event *k = malloc(sizeof(*k));

	BUG_ON(!k);
	*k = (struct key_event){opaque, set1, down};
	loop_post(&k->p->loop, do_key, k);
}

struct mouse_event {
	struct program *p;
	int dx, dy, dz;
	unsigned buttons;
};

static void do_mouse(void *arg)
{
	struct mouse_event *e = arg;
	struct input *in = machine_input(e->p->m);

	if (in->mouse)
		in->mouse(in->mouse_opaque, e->dx, e->dy, e->dz, e->buttons);
	free(e);
}

static void win_mouse(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
	struct mouse_event *e = malloc(sizeof(*e));

	BUG_ON(!e);
	*e = (struct mouse_event){opaque, dx, dy, dz, buttons};
	loop_post(&e->p->loop, do_mouse, e);
}

struct frame_request {
	struct program *p;
	struct frame *dst;
};

static void do_frame(void *arg)
{
	struct frame_request *r = arg;
	struct display *d = machine_display(r->p->m);

	r->dst->y0 = r->dst->y1 = 0;
	if (d)
		d->update(d->opaque, r->dst, false);
}

static bool win_frame(void *opaque, struct frame *dst)
{
	struct frame_request r = {opaque, dst};

	loop_call(&r.p->loop, do_frame, &r);
	return dst->resized || dst->y0 < dst->y1;
}

static void win_quit(void *opaque)
{
	struct program *p = opaque;

	loop_quit(&p->loop, 0);
}

static void vm_ended(void *opaque)
{
	struct program *p = opaque;

	sdl_stop(p->sdl);
}

static void *vm_thread(void *arg)
{
	struct program *p = arg;

	loop_run(&p->loop);
	return NULL;
}

static int run_window(struct program *p)
{
	struct sdl_host host = {p, win_key, win_mouse, win_frame, win_quit};
	pthread_t vm;

	p->loop.ended = vm_ended;
	p->loop.ended_opaque = p;
	if (pthread_create(&vm, NULL, vm_thread, p)) {
		fprintf(stderr, "dragoman: cannot start the machine's thread\n");
		return 1;
	}
	sdl_run(p->sdl, &host);
	loop_quit(&p->loop, 0);
	pthread_join(vm, NULL);
	return p->loop.status;
}

/* No window wanted, or none possible: say so and go on without, if the user left the choice to us. */
static enum vm_err open_window(struct program *p, struct err *e)
{
	struct sdl_options o = {p->args.cfg.name, p->args.full_screen, false};

	if (p->args.display == ARGS_NONE || !p->args.cfg.vga)
		return VM_OK;
	p->sdl = sdl_open(&o, e);
	if (p->sdl)
		return VM_OK;
	if (p->args.display == ARGS_SDL)
		return e->code ? e->code : VM_ERR_IO;
	fprintf(stderr, "dragoman: no window (%s); running without a display, Ctrl-C ends\n", e->msg);
	return VM_OK;
}

/* ---- signals: a thread takes them, so that nothing runs in a handler ---- */

static void *signal_thread(void *arg)
{
	struct program *p = arg;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigwait(&set, &sig);
	p->caught = sig;
	loop_quit(&p->loop, sig == SIGINT ? 0 : 128 + sig);
	/* a second one ends the process whatever hangs */
	sigwait(&set, &sig);
	terminal_restore(&p->loop);
	_exit(128 + sig);
}

static void take_signals(struct program *p)
{
	pthread_t t;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!pthread_create(&t, NULL, signal_thread, p))
		pthread_detach(t);
}

static enum vm_err open_gdb(struct program *p, struct err *e)
{
	char spec[320];
	struct chr *c;
	enum gdb_arch arch;
	enum vm_err r;

	if (!p->args.gdb || !strcmp(p->args.gdb, "none"))
		return VM_OK;
	r = gdb_spec(p->args.gdb, spec, sizeof(spec), &arch, e);
	if (!r)
		r = open_chr(p, spec, &c, e);
	if (!r && c)
		p->gdb = gdb_new(&p->loop, c, arch);
	return r;
}

static int run(struct program *p)
{
	struct err e;
	FILE *pid;

	p->loop.icount = p->args.cfg.jit.icount;
	loop_attach(&p->loop, p->m);
	p->loop.no_reboot = p->args.no_reboot;
	p->loop.no_shutdown = p->args.no_shutdown;
	p->loop.panic = (enum loop_panic)p->args.panic;
	explain_attach(machine_cpu(p->m));
	if (open_gdb(p, &e))
		return fail(&e);
	if (p->args.pidfile) {
		pid = fopen(p->args.pidfile, "w");
		if (!pid) {
			fprintf(stderr, "dragoman: cannot write '%s': %s\n", p->args.pidfile, strerror(errno));
			return 1;
		}
		fprintf(pid, "%d\n", (int)getpid());
		fclose(pid);
	}
	if (p->args.stopped)
		loop_pause(&p->loop, true);
	return p->sdl ? run_window(p) : loop_run(&p->loop);
}

static void finish(struct program *p)
{
	gdb_free(p->gdb);
	/* first the I/O thread, which kicks the machine when something arrives */
	loop_fini(&p->loop);
	machine_destroy(p->m);
	if (p->sdl)
		sdl_close(p->sdl);
	monitor_free(p->monitor);
	chr_mux_free(p->mux);
	for (unsigned i = 0; i < p->nchr; i++)
		p->chr[i]->close(p->chr[i]);
	frame_free(&p->frame);
	log_fini(&p->log);
	terminal_restore(&p->loop);
	args_free(&p->args);
}

int main(int argc, char **argv)
{
	static const struct program zero;
	struct program *p = malloc(sizeof(*p));
	enum args_what what;
	struct err e = {0};
	int status;

	BUG_ON(!p);
	*p = zero;
	if (args_parse(&p->args, argc, argv, &what, &e)) {
		status = fail(&e);
		args_free(&p->args);
		free(p);
		return status;
	}
	if (what == ARGS_DONE) {
		args_free(&p->args);
		free(p);
		return 0;
	}
	take_signals(p);
	if (loop_init(&p->loop, &e) || set_log(p, &e) || open_drives(p, &e) || open_backends(p, &e) ||
		machine_create(&p->m, &p->args.cfg, &p->log, &e)) {
		close_drives(p);
		status = fail(&e);
	} else if (open_window(p, &e)) {
		status = fail(&e);
	} else {
		status = run(p);
	}
	finish(p);
	free(p);
	return status;
}
