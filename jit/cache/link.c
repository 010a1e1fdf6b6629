/*
 * link.c - direct links from block to block, and their exact undoing.
 *
 * Inside a page (block_exit.linkable) no paging or segment change can make a link wrong, because everything else it depends on is
 * in the mode key. To another page (block_exit.far) it is right for one IP value in one context, which the exit's code compares:
 * exactly where an entry of the jump cache would be, and it is forgotten with those. Both ends know a link: exit->to, and the
 * target's incoming list. Runs under translated code, too: compiled for general registers only.
 */
#include "jit/priv.h"

#define TRIES 32 /* an exit that two address spaces share changes hands no more often */

static bool may_link(const struct jit *j, const struct block_exit *from, const struct block *to)
{
	return !exit_owner(from)->dead && !to->dead && !j->opt.no_link && !((exit_owner(from)->mode | to->mode) & MODE_ONE) && !to->counted &&
		!to->magic && !debug_breaks(j, to->ra & (PAGE_SIZE - 1));
}

static void link_to(struct jit *j, struct block_exit *from, struct block *to)
{
	from->to = to;
	from->next_in = to->incoming;
	from->prev_in = &to->incoming;
	if (to->incoming)
		to->incoming->prev_in = &from->next_in;
	to->incoming = from;
	j->be->link(j->be_priv, from, to);
	j->st.links++;
}

void link_exit(struct jit *j, struct block_exit *from, struct block *to)
{
	if (from->linkable && !from->to && may_link(j, from, to))
		link_to(j, from, to);
}

static void drop_outgoing(struct jit *j, struct block_exit *x)
{
	if (!x->to)
		return;
	BUG_ON(*x->prev_in != x);
	*x->prev_in = x->next_in;
	if (x->next_in)
		x->next_in->prev_in = x->prev_in;
	if (x->far) {
		*x->far_prev = x->far_next;
		if (x->far_next)
			x->far_next->far_prev = x->far_prev;
	}
	j->be->unlink(j->be_priv, x);
	x->to = NULL;
}

void unlink_block(struct jit *j, struct block *b)
{
	while (b->incoming)
		drop_outgoing(j, b->incoming);
	for (unsigned i = 0; i < b->nexits; i++)
		drop_outgoing(j, &b->exit[i]);
}

static struct block_exit **far_head(struct jit *j, uint64_t tag)
{
	uint64_t page = (tag & TAG_PAGE) >> PAGE_SHIFT;

	return &j->far[(page ^ page / JIT_FAR) % JIT_FAR];
}

void link_far(struct jit *j, struct block_exit *from, struct block *to, uint64_t ip)
{
	struct block_exit **head;

	if (!from->far || to->ra2 != RADDR_NONE || !may_link(j, from, to))
		return;
	drop_outgoing(j, from);
	from->tag = ip + j->cpu->jc_key;
	from->tries = TRIES;
	head = far_head(j, from->tag);
	from->far_next = *head;
	from->far_prev = head;
	if (*head)
		(*head)->far_prev = &from->far_next;
	*head = from;
	link_to(j, from, to);
}

void link_forget_page(struct jit *j, gla_t page)
{
	struct block_exit *next;

	for (struct block_exit *x = *far_head(j, page); x; x = next) {
		next = x->far_next;
		if (!((x->tag ^ page) & TAG_PAGE))
			drop_outgoing(j, x);
	}
}

void link_forget_all(struct jit *j)
{
	for (unsigned i = 0; i < JIT_FAR; i++)
		while (j->far[i])
			drop_outgoing(j, j->far[i]);
}
