/* monitor.c - the prompt, its line editor, and the commands that act on the machine (monitor.h). */
#include "frontend/monitor_priv.h"
#include "frontend/screenshot.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PROMPT "(dragoman) "
#define HISTORY 16

struct monitor {
	struct loop *l;
	struct chr *chr;
	char line[512];
	unsigned len;
	char history[HISTORY][512];
	unsigned entered, at; /* lines ever kept; the one recalled (== entered: a new line) */
	bool greeted;
	unsigned skip; /* bytes of an escape sequence still to come */
};

char *mon_word(struct mon *mon)
{
	char *w = mon->args, *p;

	while (isspace((unsigned char)*w))
		w++;
	if (!*w)
		return NULL;
	for (p = w; *p && !isspace((unsigned char)*p); p++)
		;
	if (*p)
		*p++ = 0;
	mon->args = p;
	return w;
}

static bool reg_value(struct mon *mon, const char *name, uint64_t *v)
{
	static const char *const names[16] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "8", "9", "10",
		"11", "12", "13", "14", "15"};
	const struct vcpu *cpu = machine_cpu(mon->m);
	const char *n = name[0] == 'e' || name[0] == 'r' ? name + 1 : name;

	if (!strcmp(n, "ip") || !strcmp(n, "pc")) {
		*v = cpu->seg[SEG_CS].base + cpu->rip;
		return true;
	}
	for (unsigned i = 0; i < 16; i++) {
		if (!strcmp(n, names[i])) {
			*v = cpu->gpr[i];
			return true;
		}
	}
	return false;
}

bool mon_number(struct mon *mon, const char *text, uint64_t *v)
{
	uint64_t sum = 0, sign = 1;

	while (*text) {
		char word[32];
		uint64_t term;
		size_t n = strcspn(text, "+-");
		char *end;

		if (n == 0 || n >= sizeof(word))
			break;
		memcpy(word, text, n);
		word[n] = 0;
		if (word[0] == '$') {
			if (!reg_value(mon, word + 1, &term)) {
				fprintf(mon->out, "unknown register '%s'\n", word);
				return false;
			}
		} else {
			term = strtoull(word, &end, 0);
			if (*end)
				break;
		}
		sum += sign * term;
		text += n;
		if (!*text) {
			*v = sum;
			return true;
		}
		sign = *text++ == '-' ? (uint64_t)-1 : 1;
	}
	fprintf(mon->out, "'%s' is not a number\n", text);
	return false;
}

static void cmd_quit(struct mon *mon)
{
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
	machine_reset(mon->m);
}

static void cmd_powerdown(struct mon *mon)
{
	machine_powerdown(mon->m);
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

static void cmd_screendump(struct mon *mon)
{
	struct display *d = machine_display(mon->m);
	char *path = mon_word(mon);
	struct frame f = {0};
	struct err e;

	if (!path) {
		fprintf(mon->out, "screendump needs a file name\n");
		return;
	}
	if (!d) {
		fprintf(mon->out, "this machine has no display adapter\n");
		return;
	}
	d->update(d->opaque, &f, true);
	if (screenshot_write(&f, path, &e))
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
	for (; *text; text++) {
		if (*text == '\n')
			chr_write(m->chr, (const uint8_t *)"\r", 1);
		chr_write(m->chr, (const uint8_t *)text, 1);
	}
}

static void run_line(struct monitor *m)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	BUG_ON(!out);
	m->line[m->len] = 0;
	if (m->len)
		memcpy(m->history[m->entered++ % HISTORY], m->line, m->len + 1);
	m->at = m->entered;
	monitor_command(m->l, m->line, out);
	fclose(out);
	put(m, text);
	free(text);
	m->len = 0;
}

static void erase_line(struct monitor *m)
{
	while (m->len) {
		m->len--;
		put(m, "\b \b");
	}
}

/* Cursor up and down: the lines entered before, the newest HISTORY of them. */
static void recall(struct monitor *m, bool older)
{
	unsigned oldest = m->entered > HISTORY ? m->entered - HISTORY : 0;

	if (older ? m->at == oldest : m->at == m->entered)
		return;
	m->at += older ? -1u : 1u;
	erase_line(m);
	if (m->at == m->entered)
		return;
	strcpy(m->line, m->history[m->at % HISTORY]);
	m->len = (unsigned)strlen(m->line);
	put(m, m->line);
}

static void key(struct monitor *m, uint8_t b)
{
	if (m->skip) {
		if (m->skip == 1 && (b == 'A' || b == 'B'))
			recall(m, b == 'A');
		m->skip = m->skip == 2 && b == '[' ? 1 : 0; /* ESC [ x */
	} else if (b == 0x1B) {
		m->skip = 2;
	} else if (b == '\r' || b == '\n') {
		put(m, "\n");
		run_line(m);
		put(m, PROMPT);
	} else if (b == 0x7F || b == 0x08) {
		if (m->len) {
			m->len--;
			put(m, "\b \b");
		}
	} else if (b == 0x15) {
		erase_line(m);
	} else if (b >= ' ' && m->len < sizeof(m->line) - 1) {
		m->line[m->len++] = (char)b;
		chr_write(m->chr, &b, 1);
	}
}

static unsigned can_receive(void *opaque)
{
	return 256;
}

/* No bytes: somebody has just come to look. */
static void receive(void *opaque, const uint8_t *buf, unsigned len)
{
	struct monitor *m = opaque;

	if (!len) {
		put(m, m->greeted ? "\n" : "\nDragoman monitor - type 'help' for more information\n");
		put(m, PROMPT);
		m->greeted = true;
	}
	for (unsigned i = 0; i < len; i++)
		key(m, buf[i]);
}

struct monitor *monitor_new(struct loop *l, struct chr *c, bool greet)
{
	struct monitor *m = calloc(1, sizeof(*m));

	BUG_ON(!m);
	m->l = l;
	m->chr = c;
	c->dev = m;
	c->can_receive = can_receive;
	c->receive = receive;
	if (greet)
		receive(m, NULL, 0);
	return m;
}

void monitor_free(struct monitor *m)
{
	free(m);
}
