/*
 * patch.c - the jumps of blocks that are there: to where a link leads, back to their own ways out, and out of dead blocks.
 *
 * Runs under translated code, too: compiled for general registers only.
 */
#include "jit/x64/x64.h"
#include <string.h>

/* Point the rel32 at @at (writable view) to executable address @to; one aligned-or-not store, one thread. */
static void patch(struct x64 *x, uint8_t *at, const uint8_t *to)
{
	int32_t rel = (int32_t)(to - (x->mem.rx + (at - x->mem.rw) + 4));

	memcpy(at, &rel, 4);
	code_mem_changed(&x->mem, at, 4);
}

/* Exit @x with its tag at x->patch: the jump behind the comparison, and what is compared (lower_far() in term.c). */
static void link_tagged(struct x64 *x, const struct block_exit *from, const struct block *to)
{
	memcpy(from->patch, &from->tag, sizeof(from->tag));
	code_mem_changed(&x->mem, from->patch, sizeof(from->tag));
	patch(x, from->patch + FAR_JUMP, to->code);
}

void x64_link(void *priv, struct block_exit *from, struct block *to)
{
	struct x64_block *xb = to->priv, *me = exit_owner(from)->priv;
	bool env = from->out == FL_IN_ENV;

	if (!from->patch)
		return;
	if (from->far) {
		link_tagged(priv, from, to);
		return;
	}
	memcpy(&from->unlinked, from->patch, 4);
	if (me->ret && from->n == 1) { /* IP is in R11 */
		patch(priv, from->patch, to->code);
		return;
	}
	if (from->out == FL_IN_BOTH)
		env = xb->in != IN_HOST;
	patch(priv, from->patch, x64_entry(to, env, me->keeps_fp ? me->fp : 0));
}

void x64_unlink(void *priv, struct block_exit *from)
{
	if (!from->patch)
		return;
	if (from->far)
		memset(from->patch, 0, sizeof(from->tag)); /* no tag is 0 */
	else
		memcpy(from->patch, &from->unlinked, 4);
	code_mem_changed(&((struct x64 *)priv)->mem, from->patch, from->far ? sizeof(from->tag) : 4);
}

void x64_save(void *priv, const struct block *blk, uint8_t *saved)
{
	const struct x64_block *xb = blk->priv;

	memcpy(saved, code_mem_rw(&((struct x64 *)priv)->mem, blk->code), 5);
	if (xb->ret)
		memcpy(saved + 5, code_mem_rw(&((struct x64 *)priv)->mem, blk->code) + xb->ret + 1, 4);
}

void x64_revive(void *priv, struct block *blk, const uint8_t *saved)
{
	const struct x64_block *xb = blk->priv;
	uint8_t *at = code_mem_rw(&((struct x64 *)priv)->mem, blk->code);

	memcpy(at, saved, 5);
	if (xb->ret)
		memcpy(at + xb->ret + 1, saved + 5, 4);
}

/* Who comes by the jump cache or by a return, with IP in R11, goes to the lookup. */
void x64_kill(void *priv, struct block *blk)
{
	const struct x64_block *xb = blk->priv;
	struct x64 *x = priv;
	const uint8_t *lookup = x->stub.lookup[mode_code_size(blk->mode) == 8];
	uint8_t *at = code_mem_rw(&x->mem, blk->code);

	x->killed = true;
	*at = 0xE9;
	patch(x, at + 1, lookup);
	if (xb->ret)
		patch(x, at + xb->ret + 1, lookup);
}
