/*
 * link.c - direct links from block to block, and their exact undoing.
 *
 * A link is allowed only inside one page (block_exit.linkable): there, no paging or segment change can make it wrong,
 * because everything else it depends on is in the mode key. Both ends know it: exit->to, and the target's incoming list.
 */
#include "jit/priv.h"

void link_exit(struct jit *j, struct block_exit *from, struct block *to)
{
	if (!from->linkable || from->to || from->owner->dead || to->dead || j->opt.no_link)
		return;
	if (((from->owner->mode | to->mode) & MODE_ONE) || to->counted || to->magic || debug_breaks(j, to->ra & (PAGE_SIZE - 1)))
		return;
	from->to = to;
	from->next_in = to->incoming;
	to->incoming = from;
	j->be->link(j->be_priv, from, to);
	j->st.links++;
}

static void drop_outgoing(struct jit *j, struct block_exit *x)
{
	struct block_exit **p;

	if (!x->to)
		return;
	for (p = &x->to->incoming; *p != x; p = &(*p)->next_in)
		BUG_ON(!*p);
	*p = x->next_in;
	j->be->unlink(j->be_priv, x);
	x->to = NULL;
}

void unlink_block(struct jit *j, struct block *b)
{
	while (b->incoming)
		drop_outgoing(j, b->incoming);
	drop_outgoing(j, &b->exit[0]);
	drop_outgoing(j, &b->exit[1]);
}
