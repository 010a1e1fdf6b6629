/*
 * lesson.c - see lesson.h.
 *
 * The trap log calls seen() at each transition, on the machine's thread, when the CPU is already at its new place; waiting for
 * a key there stops guest and clock. The serial port's output is told where it comes in between.
 */
#define _GNU_SOURCE
#include "frontend/lesson/lesson.h"
#include "frontend/drive.h"
#include "frontend/lesson/pane.h"
#include "frontend/lesson/tell.h"
#include "cpu/vcpu.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FLOPPY_SIZE (1440u << 10)

#define LESSON(id, name, listing, title) extern const char lesson_text_##id[];
#include "frontend/lesson/lessons.def"
#undef LESSON

static const struct entry {
	const char *name, *title, *text;
} entries[] = {
#define LESSON(id, name, listing, title) {name, title, lesson_text_##id},
#include "frontend/lesson/lessons.def"
#undef LESSON
};

struct medium {
	struct blk blk;
	uint8_t data[FLOPPY_SIZE];
};

struct lesson {
	const struct entry *entry;
	const char *image; /* file to write, or NULL */
	struct lesson_source src;
	struct pane pane;
	struct loop *loop;
	struct chr serial;
	char line[256]; /* of the guest's output, not yet ended */
	unsigned column;
	unsigned steps;
	bool open, left; /* left: the reader has had enough */
};

void lesson_list(FILE *out)
{
	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
		fprintf(out, "%-10s %s\n", entries[i].name, entries[i].title);
}

enum vm_err lesson_new(struct lesson **out, const char *spec, struct err *e)
{
	size_t n = strcspn(spec, ",");
	struct lesson *l = calloc(1, sizeof(*l));

	BUG_ON(!l);
	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
		if (strlen(entries[i].name) == n && !strncmp(entries[i].name, spec, n))
			l->entry = &entries[i];
	if (!l->entry || (spec[n] && strncmp(spec + n, ",image=", 7))) {
		bool known = l->entry;

		free(l);
		return known ? err_set(e, VM_ERR_USAGE, "-lesson: '%s' is not image=FILE", spec + n + 1)
			     : err_set(e, VM_ERR_USAGE, "-lesson: there is no '%.*s'; 'list' lists them", (int)n, spec);
	}
	if (spec[n])
		l->image = spec + n + 7;
	BUG_ON(!source_parse(&l->src, l->entry->text));
	*out = l;
	return VM_OK;
}

bool lesson_write_image(const struct lesson *l, struct err *e)
{
	FILE *f;
	bool good;

	e->code = VM_OK;
	if (!l->image)
		return false;
	f = fopen(l->image, "wb");
	if (!f) {
		err_errno(e, "cannot write '%s'", l->image);
		return true;
	}
	good = fwrite(l->src.image, 1, l->src.image_len, f) == l->src.image_len;
	good = good && !fseek(f, FLOPPY_SIZE - 1, SEEK_SET) && fputc(0, f) != EOF;
	if (fclose(f) || !good)
		err_errno(e, "cannot write '%s'", l->image);
	return true;
}

/* ---- the floppy ---- */

static void submit(struct blk *b, struct blk_req *r)
{
	struct medium *m = container_of(b, struct medium, blk);
	int error = 0;

	if (r->op == BLK_READ || r->op == BLK_WRITE) {
		if (r->off > FLOPPY_SIZE || r->len > FLOPPY_SIZE - r->off)
			error = EIO;
		else if (r->op == BLK_READ)
			memcpy(r->buf, m->data + r->off, r->len);
		else
			memcpy(m->data + r->off, r->buf, r->len);
	}
	r->done(r->opaque, error);
}

static void close_medium(struct blk *b)
{
	free(container_of(b, struct medium, blk));
}

static struct blk *medium_new(const struct lesson_source *s)
{
	static const struct blk_ops ops = {submit, close_medium, NULL};
	struct medium *m = calloc(1, sizeof(*m));
	struct blk *drive = drive_new(false);

	BUG_ON(!m || !drive);
	m->blk = (struct blk){.ops = &ops, .size = FLOPPY_SIZE, .present = true};
	memcpy(m->data, s->image, s->image_len);
	drive_insert(drive, &m->blk);
	return drive;
}

/* ---- what the guest says ---- */

static void flush_line(struct lesson *l)
{
	char row[sizeof(l->line) + 16];
	int n;

	if (!l->column)
		return;
	n = snprintf(row, sizeof(row), "guest: %.*s\n", (int)l->column, l->line);
	l->column = 0;
	pane_add(&l->pane, row, (size_t)n);
}

static void serial_write(struct chr *c, const uint8_t *buf, unsigned len)
{
	struct lesson *l = container_of(c, struct lesson, serial);

	for (unsigned i = 0; i < len; i++) {
		if (buf[i] == '\n' || l->column == sizeof(l->line))
			flush_line(l);
		else if (buf[i] >= ' ' && buf[i] < 0x7F)
			l->line[l->column++] = (char)buf[i];
	}
}

static void serial_close(struct chr *c)
{
}

void lesson_configure(struct lesson *l, struct args *a)
{
	a->nodefaults = true;
	a->no_reboot = true;
	a->cfg.floppy[0] = medium_new(&l->src);
	a->cfg.boot = "a";
	l->serial = (struct chr){.write = serial_write, .close = serial_close, .label = "lesson"};
	a->cfg.serial[0] = &l->serial;
	if (a->display == ARGS_AUTO)
		a->display = ARGS_NONE;
}

/* ---- telling ---- */

static void source_row(const struct lesson *l, int i, const char *arrow, FILE *out)
{
	fprintf(out, "%-2s%4d  %.*s\n", arrow, i + 1, (int)l->src.line[i].n, l->src.line[i].text);
}

static void tell_end(struct lesson *l, int i, const struct place *p, const char *arrow, FILE *out)
{
	if (i >= 0) {
		source_row(l, i, arrow, out);
		source_about(&l->src, i, "        ", out);
	} else {
		fprintf(out, "%-2s      ", arrow);
		explain_place(out, p);
		fputs("\n", out);
	}
}

static void tell_step(struct lesson *l, struct vcpu *cpu, const struct hist_rec *r, int from, int to, FILE *out)
{
	fprintf(out, "\n--- %u: ", ++l->steps);
	tell_title(out, cpu, r);
	fputc('\n', out);
	tell_end(l, from, &r->from, ">", out);
	tell_words(out, cpu, r);
	if (to != from)
		tell_end(l, to, &r->to, "=>", out);
}

static void wait_key(struct lesson *l)
{
	if (pane_wait(&l->pane, &l->loop->quit))
		return;
	l->left = true;
	loop_quit(l->loop, 0);
}

/* An event through a task gate is noted twice: the switch has told it. */
static bool told_already(const struct vcpu *cpu, const struct hist_rec *r)
{
	struct hist_rec before;

	return history_rec(cpu->history, cpu->history->nrecs - 1, &before) && before.what == TR_TASK && r->what < TR_IRET &&
		before.from.rip == r->from.rip && before.to.rip == r->to.rip;
}

static void seen(void *opaque, struct vcpu *cpu, const struct hist_slot *s)
{
	struct lesson *l = opaque;
	char *text = NULL;
	struct hist_rec r;
	int from, to;
	size_t n;
	FILE *f;

	history_expand(s, &r);
	from = source_line(&l->src, r.from.base + r.from.rip);
	to = source_line(&l->src, r.to.base + r.to.rip);
	/* the firmware uses this memory, too, before it starts the guest; its first instruction is in the boot sector */
	if (l->loop->quit)
		l->left = true;
	if ((from < 0 && to < 0) || l->left || told_already(cpu, &r))
		return;
	f = open_memstream(&text, &n);
	BUG_ON(!f);
	tell_step(l, cpu, &r, from, to, f);
	BUG_ON(fclose(f));
	pane_add(&l->pane, text, n);
	free(text);
	pane_lines(&l->pane, from, to);
	pane_show(&l->pane);
	if (!l->pane.keys)
		return;
	loop_pause(l->loop, true);
	wait_key(l);
	loop_pause(l->loop, false);
}

void lesson_attach(struct lesson *l, struct loop *loop)
{
	struct history *h = machine_cpu(loop->m)->history;
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	BUG_ON(!f);
	l->loop = loop;
	loop->panic = LOOP_PANIC_NONE; /* the end of a lesson, told by us */
	h->seen = seen;
	h->seen_opaque = l;
	pane_open(&l->pane, &l->src, l->entry->title);
	l->open = true;
	if (!l->pane.full)
		fprintf(f, "lesson %s\n\n", l->entry->name);
	source_intro(&l->src, f);
	BUG_ON(fclose(f));
	pane_add(&l->pane, text, n);
	free(text);
	pane_show(&l->pane);
	wait_key(l);
}

static void tell_shutdown(struct lesson *l, struct vcpu *cpu, const struct trap *t)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	BUG_ON(!f);
	fprintf(f, "\n--- %u: triple fault\n", ++l->steps);
	explain_chain(f, cpu, t);
	BUG_ON(fclose(f));
	pane_add(&l->pane, text, n);
	free(text);
	pane_lines(&l->pane, source_line(&l->src, t->at.base + t->at.rip), -1);
}

void lesson_end(struct lesson *l)
{
	struct vcpu *cpu;
	const struct trap *t;

	if (!l || !l->open)
		return;
	cpu = machine_cpu(l->loop->m);
	t = history_trap(cpu->history, cpu->history->ntraps);
	flush_line(l);
	if (t && t->shutdown)
		tell_shutdown(l, cpu, t);
	if (l->pane.full && !l->left) { /* the reader has not seen the end yet; Ctrl-C counts again */
		pane_show(&l->pane);
		l->pane.running = false;
		__atomic_store_n(&l->loop->quit, false, __ATOMIC_RELEASE);
		pane_wait(&l->pane, &l->loop->quit);
	}
	pane_close(&l->pane);
	cpu->history->seen = NULL;
	l->open = false;
}

void lesson_free(struct lesson *l)
{
	free(l);
}
