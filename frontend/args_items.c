/*
 * args_items.c - lists of key=value, and what to say about a word that is not among those known (args_spec.h).
 *
 * A comma separates items, two commas are one comma of a value. The first item may be a value alone: its key is implied.
 */
#include "frontend/args_spec.h"
#include <stdlib.h>
#include <string.h>

char *spec_keep(struct args *a, const char *s)
{
	char *c = strdup(s);

	BUG_ON(!c);
	if (a->nstrings == a->strings_room) {
		a->strings_room = a->strings_room ? a->strings_room * 2 : 32;
		a->strings = realloc(a->strings, a->strings_room * sizeof(*a->strings));
		BUG_ON(!a->strings);
	}
	a->strings[a->nstrings++] = c;
	return c;
}

void items_begin(struct items *it, struct args *a, const char *text, const char *implied)
{
	*it = (struct items){.next = spec_keep(a, text), .implied = implied};
}

/* The end of the item that starts at @p, its doubled commas made single. */
static char *cut_item(char *p)
{
	char *to = p;

	for (; *p && (*p != ',' || p[1] == ','); p++) {
		*to++ = *p;
		p += *p == ',';
	}
	if (*p)
		p++;
	*to = 0;
	return p;
}

bool items_next(struct items *it)
{
	char *item = it->next, *eq;

	if (!*item)
		return false;
	it->next = cut_item(item);
	eq = strchr(item, '=');
	it->key = item;
	it->val = "on";
	it->bare = !eq;
	if (eq) {
		*eq = 0;
		it->val = eq + 1;
	} else if (it->implied) {
		it->key = it->implied;
		it->val = item;
	}
	it->implied = NULL;
	return true;
}

/* @far: in how many letters the two differ */
static const char *nearest(const char *text, const char *const *names, unsigned n, unsigned *far)
{
	unsigned best = UINT32_MAX, row[64];
	const char *found = names[0];
	size_t len = strlen(text);

	if (len > 60)
		len = 60;
	for (unsigned k = 0; k < n; k++) {
		for (unsigned j = 0; j <= len; j++)
			row[j] = j;
		for (unsigned i = 1; names[k][i - 1]; i++) {
			unsigned diag = row[0];

			row[0] = i;
			for (unsigned j = 1; j <= len; j++) {
				unsigned up = row[j], v = diag + (names[k][i - 1] != text[j - 1]);

				v = v < up + 1 ? v : up + 1;
				v = v < row[j - 1] + 1 ? v : row[j - 1] + 1;
				diag = up;
				row[j] = v;
			}
		}
		if (row[len] < best) {
			best = row[len];
			found = names[k];
		}
	}
	*far = best;
	return found;
}

const char *spec_nearest(const char *text, const char *const *names, unsigned n)
{
	unsigned far;

	return nearest(text, names, n, &far);
}

/* "a, b, c" of the names, cut where the message's room ends */
static void list(char *out, size_t size, const char *const *names, unsigned n)
{
	size_t at = 0;

	out[0] = 0;
	for (unsigned i = 0; i < n && at + strlen(names[i]) + 3 < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", names[i]);
}

enum vm_err spec_unknown(const char *opt, const char *what, const char *v, const char *const *names, unsigned n,
	struct err *e)
{
	char all[160];
	unsigned far;
	const char *near = nearest(v, names, n, &far);

	list(all, sizeof(all), names, n);
	if (far > strlen(v) / 2 + 1) /* of another emulator's words, most likely: no misspelling */
		return err_set(e, VM_ERR_USAGE, "-%s: unknown %s '%s' (%s)", opt, what, v, all);
	return err_set(e, VM_ERR_USAGE, "-%s: unknown %s '%s'; did you mean '%s'? (%s)", opt, what, v, near, all);
}

enum vm_err spec_choice(const char *opt, const char *what, const char *v, const char *const *names, unsigned n,
	unsigned *at, struct err *e)
{
	for (unsigned i = 0; i < n; i++) {
		if (!strcmp(v, names[i])) {
			*at = i;
			return VM_OK;
		}
	}
	return spec_unknown(opt, what, v, names, n, e);
}

enum vm_err spec_switch(const char *opt, const char *key, const char *v, bool *out, struct err *e)
{
	*out = !strcmp(v, "on") || !strcmp(v, "yes") || !strcmp(v, "true") || !strcmp(v, "y");
	if (*out || !strcmp(v, "off") || !strcmp(v, "no") || !strcmp(v, "false") || !strcmp(v, "n"))
		return VM_OK;
	return err_set(e, VM_ERR_USAGE, "-%s: %s='%s' is not on or off", opt, key, v);
}

enum vm_err spec_number(const char *opt, const char *v, uint64_t max, uint64_t *n, struct err *e)
{
	char *end;

	*n = strtoull(v, &end, 0);
	if (end == v || *end || v[0] == '-')
		return err_set(e, VM_ERR_USAGE, "-%s: '%s' is not a number", opt, v);
	if (*n > max)
		return err_set(e, VM_ERR_USAGE, "-%s: %s is out of range (0 to %llu)", opt, v,
			(unsigned long long)max);
	return VM_OK;
}
