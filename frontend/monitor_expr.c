/*
 * monitor_expr.c - expressions of the monitor: numbers, registers, the guest's names, and operators with C's meaning.
 *
 * As in QEMU's monitor the bit operators & | ^ bind least, then + -, then * / %; unary - + ~ and parentheses.
 */
#include "frontend/monitor_priv.h"
#include "frontend/symbols.h"
#include "cpu/ring0/history.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct expr {
	struct mon *mon;
	const char *p;
	unsigned depth;
	bool told; /* what is wrong */
};

static bool reg_value(struct mon *mon, const char *name, uint64_t *v)
{
	static const char *const names[16] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "8", "9", "10",
		"11", "12", "13", "14", "15"};
	static const char *const segs[] = {"es", "cs", "ss", "ds", "fs", "gs"};
	const struct vcpu *cpu = machine_cpu(mon->m);
	const struct { const char *name; uint64_t v; } others[] = {{"eflags", cpu->eflags}, {"rflags", cpu->eflags}, {"cr0", cpu->cr0},
		{"cr2", cpu->cr2}, {"cr3", cpu->cr3}, {"cr4", cpu->cr4}, {"efer", cpu->efer}, {"cpl", cpu->cpl}};
	const char *n = name[0] == 'e' || name[0] == 'r' ? name + 1 : name;

	for (unsigned i = 0; i < ARRAY_SIZE(segs); i++) {
		if (strncmp(name, segs[i], 2))
			continue;
		*v = !name[2] ? cpu->seg[i].sel : !strcmp(name + 2, ".base") ? cpu->seg[i].base : cpu->seg[i].limit;
		return !name[2] || !strcmp(name + 2, ".base") || !strcmp(name + 2, ".limit");
	}
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		if (!strcmp(name, others[i].name)) {
			*v = others[i].v;
			return true;
		}
	}
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

static void skip(struct expr *x)
{
	while (isspace((unsigned char)*x->p))
		x->p++;
}

/* A number, a register or one of the guest's names. */
static bool word(struct expr *x, uint64_t *v)
{
	char name[128], *end;
	size_t n = *x->p == '$';

	while (isalnum((unsigned char)x->p[n]) || (x->p[n] && strchr("_.@", x->p[n])))
		n++;
	if (!n || n >= sizeof(name))
		return false;
	memcpy(name, x->p, n);
	name[n] = 0;
	if (name[0] == '$') {
		x->told = !reg_value(x->mon, name + 1, v);
		if (x->told)
			fprintf(x->mon->out, "unknown register '%s'\n", name);
		else
			x->p += n;
		return !x->told;
	}
	*v = strtoull(name, &end, 0);
	if (*end && !symbols_find(machine_cpu(x->mon->m)->history->opaque, name, v))
		return false;
	x->p += n;
	return true;
}

static bool sum(struct expr *x, unsigned level, uint64_t *v);

static bool unary(struct expr *x, uint64_t *v)
{
	char op;

	skip(x);
	op = *x->p;
	if (!op || !strchr("-+~('", op))
		return word(x, v);
	if (++x->depth > 64)
		return false;
	x->p++;
	if (op == '\'') {
		*v = (uint8_t)x->p[0];
		if (!x->p[0] || x->p[1] != '\'')
			return false;
		x->p += 2;
	} else if (op == '(') {
		if (!sum(x, 0, v))
			return false;
		skip(x);
		if (*x->p++ != ')')
			return false;
	} else {
		if (!unary(x, v))
			return false;
		*v = op == '-' ? -*v : op == '~' ? ~*v : *v;
	}
	x->depth--;
	return true;
}

static bool apply(struct expr *x, char op, uint64_t *a, uint64_t b)
{
	if ((op == '/' || op == '%') && !b) {
		fprintf(x->mon->out, "division by zero\n");
		x->told = true;
		return false;
	}
	*a = op == '&' ? *a & b : op == '|' ? *a | b : op == '^' ? *a ^ b : op == '+' ? *a + b : op == '-' ? *a - b
		: op == '*' ? *a * b : op == '/' ? *a / b : *a % b;
	return true;
}

/* Operators of @level and those that bind more, from left to right. */
static bool sum(struct expr *x, unsigned level, uint64_t *v)
{
	static const char *const ops[] = {"&|^", "+-", "*/%"};
	uint64_t b;

	if (level == ARRAY_SIZE(ops))
		return unary(x, v);
	if (!sum(x, level + 1, v))
		return false;
	for (skip(x); *x->p && strchr(ops[level], *x->p); skip(x)) {
		char op = *x->p++;

		if (!sum(x, level + 1, &b) || !apply(x, op, v, b))
			return false;
	}
	return true;
}

bool mon_number(struct mon *mon, const char *text, uint64_t *v)
{
	struct expr x = {.mon = mon, .p = text};

	if (sum(&x, 0, v)) {
		skip(&x);
		if (!*x.p)
			return true;
	}
	if (!x.told)
		fprintf(mon->out, "'%s' is not a number\n", text);
	return false;
}
