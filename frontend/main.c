/*
 * main.c - the program: command line, backends, machine, threads, and an orderly end.
 *
 * The machine runs on a thread of its own when there is a window (SDL wants the main thread), else on the main
 * thread. Nothing is opened before the whole command line has been judged.
 */
#include "frontend/args.h"
#include "frontend/backends.h"
#include "frontend/curses.h"
#include "frontend/explain.h"
#include "frontend/gdb.h"
#include "frontend/lesson/lesson.h"
#include "frontend/loop.h"
#include "frontend/process.h"
#include "frontend/report.h"
#include "frontend/sdl/sdl.h"
#include "frontend/snapshot.h"
#include "frontend/vnc.h"
#include "frontend/trace.h"
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

struct program {
	struct args args;
	struct log log;
	struct loop loop;
	struct machine *m;
	struct backends back;
	struct gdb *gdb;
	struct symbols *symbols;
	struct report *report;
	struct lesson *lesson;
	struct sdl *sdl; /* at most one of the three */
	struct vnc *vnc;
	struct curses *curses;
	struct frame frame; /* drawn on the VM thread, handed to the window */
	int pidfile, ready; /* descriptors; -1: none */
};

static int fail(const struct err *e)
{
	fprintf(stderr, "dragoman: %s\n", e->msg);
	return 1;
}

/* ---- logging ---- */

static enum vm_err set_log(struct program *p, struct err *e)
{
	const struct args *a = &p->args;

	log_init(&p->log);
	if (a->log && log_parse(&p->log, a->log, e))
		return e->code;
	if (a->dfilter && log_filter(&p->log, a->dfilter, e))
		return e->code;
	return a->log_file ? log_open(&p->log, a->log_file, e) : VM_OK;
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
	bool absolute; /* dx and dy are a position */
	int dx, dy, dz;
	unsigned buttons;
};

static void do_mouse(void *arg)
{
	struct mouse_event *e = arg;
	struct input *in = machine_input(e->p->m);

	if (e->absolute && in->tablet)
		in->tablet(in->tablet_opaque, (unsigned)e->dx, (unsigned)e->dy, e->dz, e->buttons);
	else if (!e->absolute && in->mouse)
		in->mouse(in->mouse_opaque, e->dx, e->dy, e->dz, e->buttons);
	free(e);
}

static void win_mouse(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
	struct mouse_event *e = malloc(sizeof(*e));

	BUG_ON(!e);
	*e = (struct mouse_event){opaque, false, dx, dy, dz, buttons};
	loop_post(&e->p->loop, do_mouse, e);
}

static bool win_absolute(void *opaque)
{
	return __atomic_load_n(&machine_input(((struct program *)opaque)->m)->absolute, __ATOMIC_RELAXED);
}

static void win_tablet(void *opaque, unsigned x, unsigned y, int dz, unsigned buttons)
{
	struct mouse_event *e = malloc(sizeof(*e));

	BUG_ON(!e);
	*e = (struct mouse_event){opaque, true, (int)x, (int)y, dz, buttons};
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

struct text_request {
	struct program *p;
	struct text_screen *dst;
};

static void do_text(void *arg)
{
	struct text_request *r = arg;
	struct display *d = machine_display(r->p->m);

	r->dst->cols = 0;
	if (d)
		d->text(d->opaque, r->dst);
}

static void win_text(void *opaque, struct text_screen *dst)
{
	struct text_request r = {opaque, dst};

	loop_call(&r.p->loop, do_text, &r);
}

struct status_request {
	struct program *p;
	char *buf;
	size_t n;
};

static void do_status(void *arg)
{
	struct status_request *r = arg;
	struct loop *l = &r->p->loop;
	FILE *f;

	if (!r->buf) {
		live_stop(l);
		return;
	}
	live_start(l);
	f = fmemopen(r->buf, r->n, "w");
	if (!f)
		return;
	live_tell(l, f);
	fclose(f);
	r->buf[r->n - 1] = 0;
}

static void win_status(void *opaque, char *buf, size_t n)
{
	struct status_request r = {opaque, buf, n};

	loop_call(&r.p->loop, do_status, &r);
}

static void win_quit(void *opaque)
{
	struct program *p = opaque;

	if (p->args.keep_window)
		return;
	__atomic_store_n(&p->loop.asked, true, __ATOMIC_RELAXED);
	loop_quit(&p->loop, 0);
}

static void vm_ended(void *opaque)
{
	struct program *p = opaque;

	if (p->sdl)
		sdl_stop(p->sdl);
	else if (p->vnc)
		vnc_stop(p->vnc);
	else
		curses_stop(p->curses);
}

static void *vm_thread(void *arg)
{
	struct program *p = arg;

	loop_run(&p->loop);
	return NULL;
}

static int run_window(struct program *p)
{
	struct sdl_host host = {p, win_key, win_mouse, win_absolute, win_tablet, win_frame, win_status, win_quit};
	pthread_t vm;

	p->loop.ended = vm_ended;
	p->loop.ended_opaque = p;
	if (pthread_create(&vm, NULL, vm_thread, p)) {
		fprintf(stderr, "dragoman: cannot start the machine's thread\n");
		return 1;
	}
	if (p->sdl)
		sdl_run(p->sdl, &host);
	else if (p->vnc)
		vnc_run(p->vnc, &host);
	else
		curses_run(p->curses, &host, win_text);
	loop_quit(&p->loop, 0);
	pthread_join(vm, NULL);
	return p->loop.status;
}

/* No window wanted, or none possible: say so and go on without, if the user left the choice to us. */
static enum vm_err open_window(struct program *p, struct err *e)
{
	struct sdl_options o = {p->args.cfg.name, p->args.full_screen, false,
		(enum sdl_mod)p->args.grab_mod};

	if (p->args.display == ARGS_NONE || !p->args.cfg.vga)
		return VM_OK;
	if (p->args.display == ARGS_VNC) {
		p->vnc = vnc_open(p->args.vnc, p->args.cfg.name, e);
		return p->vnc ? VM_OK : e->code;
	}
	if (p->args.display == ARGS_CURSES) {
		p->curses = curses_open(&p->loop, e);
		if (p->curses && !p->args.monitor)
			backends_add_monitor(&p->back, curses_monitor(p->curses));
		return p->curses ? VM_OK : e->code;
	}
	p->sdl = sdl_open(&o, e);
	if (p->sdl)
		return VM_OK;
	if (p->args.display == ARGS_SDL)
		return e->code ? e->code : VM_ERR_IO;
	fprintf(stderr, "dragoman: no window (%s); running without a display, Ctrl-C ends\n", e->msg);
	return VM_OK;
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
		r = backends_open_chr(&p->back, spec, &c, e);
	if (!r && c)
		p->gdb = gdb_new(&p->loop, c, arch);
	return r;
}

static bool guest_symbol(const void *symbols, gla_t gla, char *buf, size_t n)
{
	return symbols_name(symbols, gla, buf, n);
}

static int run(struct program *p)
{
	const struct args *a = &p->args;
	struct err e;

	p->loop.icount = a->cfg.jit.icount;
	p->loop.icount_sleep = a->icount_sleep;
	p->loop.icount_ns = a->icount_shift >= 0 ? 1u << a->icount_shift : 0;
	p->loop.rtc_host = a->rtc_host;
	loop_attach(&p->loop, p->m);
	p->loop.name = a->cfg.name;
	p->loop.no_reboot = a->no_reboot;
	p->loop.no_shutdown = a->no_shutdown;
	p->loop.panic = (enum loop_panic)a->panic;
	if (a->symbols && symbols_load(&p->symbols, a->symbols, &e))
		return fail(&e);
	explain_attach(machine_cpu(p->m), p->symbols);
	if (p->symbols)
		jit_set_names(machine_jit(p->m), guest_symbol, p->symbols);
	loop_watch_hangs(&p->loop);
	loop_trap_log(&p->loop, !a->no_trap_log, a->count_insns || (!a->no_trap_log && !a->no_count && jit_counts_cheaply(machine_jit(p->m))));
	if (a->magic)
		jit_debug_magic(machine_jit(p->m));
	if (a->incoming && snapshot_from_file(&p->loop, a->incoming, &e))
		return fail(&e);
	if (a->loadvm && snapshot_load(&p->loop, a->loadvm, &e))
		return fail(&e);
	if (open_gdb(p, &e) || (a->trace && trace_new(&p->loop.trace, p->m, a->trace, a->cfg.jit.icount, &e)) ||
		(a->report && report_new(&p->report, p->m, a->report, &e)) ||
		(a->pidfile && process_pidfile(a->pidfile, &p->pidfile, &e)))
		return fail(&e);
	if (a->process)
		prctl(PR_SET_NAME, a->process);
	if (a->stopped)
		loop_pause(&p->loop, true);
	if (p->ready >= 0)
		process_ready(p->ready);
	if (p->lesson)
		lesson_attach(p->lesson, &p->loop);
	return p->sdl || p->vnc || p->curses ? run_window(p) : loop_run(&p->loop);
}

static void finish(struct program *p)
{
	lesson_end(p->lesson);
	gdb_free(p->gdb);
	if (p->m)
		machine_drain(p->m);
	nets_stop(&p->args);
	/* first the I/O thread, which kicks the machine when something arrives */
	loop_fini(&p->loop);
	trace_free(p->loop.trace);
	report_free(p->report);
	machine_destroy(p->m);
	nets_close(&p->args);
	sounds_close(&p->args);
	folders_close(&p->args);
	symbols_free(p->symbols);
	if (p->sdl)
		sdl_close(p->sdl);
	vnc_close(p->vnc);
	backends_close(&p->back);
	curses_close(p->curses);
	frame_free(&p->frame);
	log_fini(&p->log);
	terminal_restore(&p->loop);
	process_pidfile_done(p->pidfile);
	args_free(&p->args);
	lesson_free(p->lesson);
}

/* -lesson: true if there is nothing to run, with the status to end with */
static bool prepare_lesson(struct program *p, int *status)
{
	struct err e = {0};

	if (!p->args.lesson)
		return false;
	*status = 0;
	if (!strcmp(p->args.lesson, "list") || !strcmp(p->args.lesson, "help")) {
		lesson_list(stdout);
		return true;
	}
	if (lesson_new(&p->lesson, p->args.lesson, &e) || lesson_write_image(p->lesson, &e)) {
		*status = e.code ? fail(&e) : 0;
		return true;
	}
	lesson_configure(p->lesson, &p->args);
	return false;
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
	p->pidfile = p->ready = -1;
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
	for (unsigned i = 0; i < p->args.nwarnings; i++)
		fprintf(stderr, "dragoman: warning: %s\n", p->args.warning[i]);
	if (prepare_lesson(p, &status)) {
		lesson_free(p->lesson);
		args_free(&p->args);
		free(p);
		return status;
	}
	if (p->args.daemonize && process_fork(&p->ready, &e)) {
		status = fail(&e);
		args_free(&p->args);
		free(p);
		return status;
	}
	process_signals(&p->loop);
	if (loop_init(&p->loop, &e) || set_log(p, &e) || drives_open(&p->args, &p->loop, &e) || nets_open(&p->args, &p->loop, &e) ||
		sounds_open(&p->args, &e) || folders_open(&p->args, &e) ||
		backends_open(&p->back, &p->args, &p->loop, &e) ||
		machine_create(&p->m, &p->args.cfg, &p->log, &e)) {
		drives_close(&p->args);
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
