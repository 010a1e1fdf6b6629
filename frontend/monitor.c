/* monitor.c - the prompt, its line editor, and the commands that act on the machine (monitor.h). */
#include "frontend/monitor_priv.h"
#include "frontend/explain.h"
#include "frontend/monitor_edit.h"
#include "frontend/screenshot.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PROMPT "(dragoman) "

struct monitor {
	struct loop *l;
	struct chr *chr;
	struct edit edit;
	bool greeted;
};

/* A word in quotes, from @p behind the first: a backslash keeps what follows it. Return: behind the closing quote */
static char *unquote(char *p)
{
	char *to = p;

	for (; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		*to++ = *p;
	}
	if (*p)
		p++;
	*to = 0;
	return p;
}

char *mon_word(struct mon *mon)
{
	char *w = mon->args, *p;

	while (isspace((unsigned char)*w))
		w++;
	if (!*w)
		return NULL;
	if (*w == '"') {
		mon->args = unquote(++w);
		return w;
	}
	for (p = w; *p && !isspace((unsigned char)*p); p++)
		;
	if (*p)
		*p++ = 0;
	mon->args = p;
	return w;
}

char *mon_rest(struct mon *mon)
{
	char *w = mon->args;

	while (isspace((unsigned char)*w))
		w++;
	mon->args = w + strlen(w);
	return *w ? w : NULL;
}

static void cmd_quit(struct mon *mon)
{
	mon->l->asked = true;
	loop_quit(mon->l, 0);
}

static void cmd_stop(struct mon *mon)
{
	loop_pause(mon->l, true);
}

static void cmd_cont(struct mon *mon)
{
	loop_pause(mon->l, false);
}

static void cmd_reset(struct mon *mon)
{
	mon->l->asked = true;
	machine_reset(mon->m);
	loop_tell(mon->l, "RESET");
}

static void cmd_powerdown(struct mon *mon)
{
	machine_powerdown(mon->m);
	loop_tell(mon->l, "POWERDOWN");
}

static void cmd_wakeup(struct mon *mon)
{
	if (machine_asleep(mon->m))
		machine_wakeup(mon->m);
	else
		fprintf(mon->out, "the guest is not suspended\n");
}

static void cmd_nmi(struct mon *mon)
{
	machine_nmi(mon->m);
}

static void cmd_log(struct mon *mon)
{
	char *w = mon_word(mon);
	struct log *log = machine_log(mon->m);
	struct err e;

	if (!w)
		fprintf(mon->out, "log needs a list of categories or 'none'\n");
	else if (!strcmp(w, "none"))
		log->mask = 0;
	else if (log_parse(log, w, &e))
		fprintf(mon->out, "%s\n", e.msg);
}

static void cmd_logfile(struct mon *mon)
{
	char *path = mon_word(mon);
	struct log *log = machine_log(mon->m);
	struct err e;

	if (!path || !log)
		fprintf(mon->out, "%s\n", path ? "this machine has no log" : "logfile needs a file");
	else if (log_open(log, path, &e))
		fprintf(mon->out, "%s\n", e.msg);
}

static void cmd_cpu(struct mon *mon)
{
	char *w = mon_word(mon);
	uint64_t n;

	if (!w || !mon_number(mon, w, &n) || n)
		fprintf(mon->out, "there is CPU 0 only\n");
}

/* Events of other emulators' lists are not ours: our categories are, as in -trace. */
static void cmd_trace_event(struct mon *mon)
{
	char *name = mon_word(mon), *how = mon_word(mon);
	struct log *log = machine_log(mon->m), one;
	struct err e;

	if (!how || !log || (strcmp(how, "on") && strcmp(how, "off"))) {
		fprintf(mon->out, "trace-event needs a log category and on or off\n");
		return;
	}
	log_init(&one);
	if (log_parse(&one, name, &e))
		fprintf(mon->out, "%s\n", e.msg);
	else
		log->mask = strcmp(how, "on") ? log->mask & ~one.mask : log->mask | one.mask;
}

static void cmd_screendump(struct mon *mon)
{
	struct display *d = machine_display(mon->m);
	char *path = mon_word(mon), *format = NULL;
	struct frame f = {0};
	struct err e;

	if (path && !strcmp(path, "-f")) {
		format = mon_word(mon);
		path = mon_word(mon);
	} else if (path) {
		char *w = mon_word(mon);

		format = w && !strcmp(w, "-f") ? mon_word(mon) : NULL;
	}
	if (!path) {
		fprintf(mon->out, "screendump needs a file name\n");
		return;
	}
	if (format && strcmp(format, "png") && strcmp(format, "ppm")) {
		fprintf(mon->out, "screendump: '%s' is not png or ppm\n", format);
		return;
	}
	if (!d) {
		fprintf(mon->out, "this machine has no display adapter\n");
		return;
	}
	d->update(d->opaque, &f, true);
	if (format ? screenshot_write_as(&f, path, format[1] == 'n', &e) : screenshot_write(&f, path, &e))
		fprintf(mon->out, "%s\n", e.msg);
	frame_free(&f);
}

static void cmd_help(struct mon *mon);

static const struct command {
	const char *name, *alias;
	void (*fn)(struct mon *mon);
	const char *args, *help;
} commands[] = {
#define CMD(name, alias, fn, args, help) {name, alias, fn, args, help},
#include "frontend/monitor.def"
#undef CMD
};

static const struct command *find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name) || (commands[i].alias && !strcmp(commands[i].alias, name)))
			return &commands[i];
	return NULL;
}

static void cmd_help(struct mon *mon)
{
	char *w = mon_word(mon);

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];

		if (w && strcmp(w, c->name) && (!c->alias || strcmp(w, c->alias)))
			continue;
		fprintf(mon->out, "%s%s%s %s -- %s\n", c->name, c->alias ? "|" : "", c->alias ? c->alias : "",
			c->args, c->help);
	}
}

/* The i-th word that may follow command @name, or NULL. */
static const char *mon_argument(struct loop *l, const char *name, unsigned i)
{
	if (!strcmp(name, "info"))
		return mon_topic(i);
	if (!strcmp(name, "help") || !strcmp(name, "?"))
		return i < ARRAY_SIZE(commands) ? commands[i].name : NULL;
	if (!strcmp(name, "sendkey"))
		return mon_key_name(i);
	if (!strcmp(name, "eject") || !strcmp(name, "change") || !strcmp(name, "commit"))
		return mon_drive_name(l, i);
	return NULL;
}

void monitor_command(struct loop *l, const char *line, FILE *out)
{
	char buf[512];
	struct mon mon = {l, l->m, out, buf};
	const struct command *c;
	char *name, *slash;

	snprintf(buf, sizeof(buf), "%s", line);
	name = mon_word(&mon);
	if (!name)
		return;
	/* "x/4i addr": the format belongs to the arguments */
	slash = strchr(name, '/');
	if (slash) {
		char rest[512];

		snprintf(rest, sizeof(rest), "%s %s", slash, mon.args);
		*slash = 0;
		c = find(name);
		snprintf(buf, sizeof(buf), "%s", rest);
		mon.args = buf;
	} else {
		c = find(name);
	}
	if (!c) {
		fprintf(out, "unknown command: '%s'\n", slash ? line : name);
		return;
	}
	c->fn(&mon);
}

/* ---- the prompt ---- */

static void put(struct monitor *m, const char *text)
{
	uint8_t buf[1024];
	unsigned n = 0;

	for (; *text; text++) {
		if (n > sizeof(buf) - 2) {
			chr_write(m->chr, buf, n);
			n = 0;
		}
		if (*text == '\n')
			buf[n++] = '\r';
		buf[n++] = (uint8_t)*text;
	}
	if (n)
		chr_write(m->chr, buf, n);
}

static void edit_put(void *opaque, const char *text)
{
	put(opaque, text);
}

/* The n-th of the words for place @at of @line that begin as what stands there. */
static const char *candidate(void *opaque, const char *line, unsigned at, unsigned n)
{
	struct monitor *m = opaque;
	char first[32] = "", *blank;
	const char *word = line + at, *name;

	snprintf(first, sizeof(first), "%.*s", (int)at, line);
	blank = strchr(first, ' ');
	if (blank && blank[1])
		return NULL; /* only a command and its first argument are known words */
	if (blank)
		*blank = 0;
	for (unsigned i = 0; (name = !at ? i < ARRAY_SIZE(commands) ? commands[i].name : NULL
				      : mon_argument(m->l, first, i)); i++)
		if (!strncmp(name, word, strlen(word)) && !n--)
			return name;
	return NULL;
}

static void run_line(struct monitor *m)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	BUG_ON(!out);
	monitor_command(m->l, m->edit.line, out);
	fclose(out);
	put(m, text);
	free(text);
	edit_reset(&m->edit);
	put(m, PROMPT);
}

static unsigned can_receive(void *opaque)
{
	return 256;
}

/* Somebody has just come to look. */
static void shown(void *opaque)
{
	struct monitor *m = opaque;

	put(m, m->greeted ? "\n" : "\nDragoman monitor - type 'help' for more information\n");
	put(m, PROMPT);
	m->greeted = true;
}

static void receive(void *opaque, const uint8_t *buf, unsigned len)
{
	struct monitor *m = opaque;

	for (unsigned i = 0; i < len; i++)
		if (edit_key(&m->edit, buf[i]))
			run_line(m);
}

struct monitor *monitor_new(struct loop *l, struct chr *c, bool greet)
{
	struct monitor *m = calloc(1, sizeof(*m));

	BUG_ON(!m);
	m->l = l;
	m->chr = c;
	m->edit = (struct edit){.put = edit_put, .candidate = candidate, .opaque = m, .prompt = PROMPT};
	c->dev = m;
	c->can_receive = can_receive;
	c->receive = receive;
	c->shown = shown;
	if (greet)
		shown(m);
	return m;
}

void monitor_free(struct monitor *m)
{
	free(m);
}
