/*
 * count.c - host instructions per guest instruction, by class, for info jit: of the hot paths as they are emitted, without the two
 * instructions of a block's entry, which direct links go past. Code that several instructions share counts for the first.
 */
#include "jit/a64/a64.h"
#include "cpu/insn/rows.h"
#include <inttypes.h>
#include <string.h>

static const char *const names[CLASSES] = {"registers", "memory", "branches", "vector", "x87 and MMX"};

static enum insn_class class_of(const struct insn *in)
{
	const char *s = insn_rows[in->id].semantics;

	if (!strcmp(s, "sse") || !strcmp(s, "avx"))
		return CLASS_VECTOR;
	if (!strcmp(s, "x87") || !strcmp(s, "mmx") || !strcmp(s, "fwait"))
		return CLASS_X87;
	return CLASS_INT;
}

static void close(struct emitter *c)
{
	if (!c->class_from)
		return;
	c->count.guest[c->class]++;
	c->count.host[c->class] += (uint32_t)(c->cb.p - c->class_from) / 4;
}

void count_insn(struct emitter *c)
{
	if (!c->counting || c->insn >= c->ir->ninsns)
		return;
	close(c);
	c->class = class_of(&c->ir->insns[c->insn++]);
	c->class_from = c->cb.p;
}

void count_op(struct emitter *c, const struct ir_op *o)
{
	if (c->counting && c->class == CLASS_INT && (o->op == IR_LD || o->op == IR_ST || o->op == IR_LDX))
		c->class = CLASS_MEM;
}

static bool branches(const struct emitter *c)
{
	switch (c->ir->term.kind) {
	case TERM_JCC: case TERM_JNZ: case TERM_IND: return true;
	case TERM_JMP: return c->insn && c->ir->insns[c->insn - 1].op[0].kind == OPND_REL; /* else the block just goes on */
	default: return false;
	}
}

void count_block(struct emitter *c)
{
	if (branches(c))
		c->class = CLASS_BRANCH;
	close(c);
	c->class_from = NULL;
	c->counting = false;
}

void count_add(struct emitter *c)
{
	for (unsigned i = 0; i < CLASSES; i++) {
		c->x->guest[i] += c->count.guest[i];
		c->x->host[i] += c->count.host[i];
	}
}

void count_dump(const struct a64 *x, FILE *out)
{
	uint64_t guest = 0, host = 0;

	for (unsigned i = 0; i < CLASSES; i++) {
		guest += x->guest[i];
		host += x->host[i];
	}
	if (!guest)
		return;
	fprintf(out, "host instructions  %.2f per guest instruction of %" PRIu64 " translated\n", (double)host / (double)guest, guest);
	for (unsigned i = 0; i < CLASSES; i++)
		if (x->guest[i])
			fprintf(out, "  %-16s %.2f of %" PRIu64 "\n", names[i], (double)x->host[i] / (double)x->guest[i], x->guest[i]);
}
