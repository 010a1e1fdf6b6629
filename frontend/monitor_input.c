/*
 * monitor_input.c - sendkey and the mouse: input as if from the window.
 *
 * Keys go down in the order named and up in reverse, hold_ms of guest time later (100 by default).
 */
#include "frontend/monitor_priv.h"
#include <stdlib.h>
#include <string.h>

static const struct key {
	const char *name;
	unsigned code;
} keys[] = {
#define KEY(name, code) {name, code},
#include "frontend/sendkey.def"
#undef KEY
};

static void let_go(void *opaque)
{
	struct loop_keys *h = opaque;

	while (h->n)
		h->in->key(h->in->key_opaque, h->code[--h->n], false);
}

static bool find_key(const char *name, unsigned *code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!strcmp(keys[i].name, name)) {
			*code = keys[i].code;
			return true;
		}
	}
	if (!strncmp(name, "0x", 2)) {
		*code = (unsigned)strtoul(name, NULL, 16);
		return *code && *code < 0x80;
	}
	return false;
}

const char *mon_key_name(unsigned i)
{
	return i < ARRAY_SIZE(keys) ? keys[i].name : NULL;
}

void cmd_sendkey(struct mon *mon)
{
	struct input *in = machine_input(mon->m);
	char *list = mon_word(mon), *hold = mon_word(mon), *save = NULL;
	struct loop_keys *h = &mon->l->keys;
	unsigned code[ARRAY_SIZE(h->code)], n = 0;
	uint64_t ms = 100;

	if (!list || !in->key) {
		fprintf(mon->out, "sendkey needs key names, e.g. ctrl-alt-f1\n");
		return;
	}
	if (hold && !mon_number(mon, hold, &ms))
		return;
	for (char *k = strtok_r(list, "-", &save); k; k = strtok_r(NULL, "-", &save)) {
		if (n == ARRAY_SIZE(code) || !find_key(k, &code[n])) {
			fprintf(mon->out, "unknown key: '%s'\n", k);
			return;
		}
		n++;
	}
	if (h->timer.clock) {
		timer_cancel(&h->timer);
		let_go(h); /* the keys before these */
	}
	h->in = in;
	memcpy(h->code, code, sizeof(code));
	for (h->n = 0; h->n < n; h->n++)
		in->key(in->key_opaque, code[h->n], true);
	timer_init(&h->timer, machine_clock(mon->m), let_go, h);
	h->timer.outside = true;
	timer_arm(&h->timer, clock_now(machine_clock(mon->m)) + ms * 1000000);
}

static unsigned moved(unsigned from, int pixels, unsigned size)
{
	int64_t to = from + (int64_t)pixels * 32767 / (size > 1 ? size - 1 : 1);

	return to < 0 ? 0 : to > 32767 ? 32767 : (unsigned)to;
}

/* The pointer moves by pixels, whichever device the guest uses. */
static void point(struct mon *mon, int dx, int dy, int dz)
{
	struct input *in = machine_input(mon->m);
	struct display *d = machine_display(mon->m);
	unsigned *at = mon->l->pointer;
	struct frame f = {0};

	if (!in->absolute) {
		if (in->mouse)
			in->mouse(in->mouse_opaque, dx, dy, dz, mon->l->buttons);
		return;
	}
	if (d)
		d->update(d->opaque, &f, true);
	at[0] = moved(at[0], dx, f.w);
	at[1] = moved(at[1], dy, f.h);
	frame_free(&f);
	in->tablet(in->tablet_opaque, at[0], at[1], dz, mon->l->buttons);
}

void cmd_mouse_move(struct mon *mon)
{
	uint64_t v[3] = {0, 0, 0};

	for (unsigned i = 0; i < 3; i++) {
		char *w = mon_word(mon);

		if (w)
			v[i] = (uint64_t)strtoll(w, NULL, 0);
		else if (i < 2) {
			fprintf(mon->out, "mouse_move needs dx dy\n");
			return;
		}
	}
	point(mon, (int)v[0], (int)v[1], (int)v[2]);
}

void cmd_mouse_button(struct mon *mon)
{
	char *w = mon_word(mon);
	uint64_t v;

	if (!w || !mon_number(mon, w, &v)) {
		fprintf(mon->out, "mouse_button needs a state\n");
		return;
	}
	mon->l->buttons = (unsigned)v & 7;
	point(mon, 0, 0, 0);
}
