/* microwire.c - see microwire.h. */
#include "devices/net/microwire.h"

#define OP_READ 0x6 /* start bit and operation 10b */

/* A rising clock edge with the chip selected: nine bits in (start, operation, address), then sixteen out. */
static void clock_in(struct microwire *w, bool di)
{
	if (w->reading) {
		w->out = w->data >> 15;
		w->data = (uint16_t)(w->data << 1);
		if (!--w->count)
			w->reading = w->in = 0;
		return;
	}
	w->out = 1;
	if (!w->count && !di)
		return; /* before the start bit */
	w->in = (uint16_t)(w->in << 1 | di);
	if (++w->count < 9)
		return;
	w->reading = w->in >> 6 == OP_READ;
	w->data = w->word[w->in & 63];
	w->count = w->reading ? 16 : 0;
	w->out = 0;
	w->in = 0;
}

void microwire_lines(struct microwire *w, bool cs, bool clock, bool di)
{
	bool rise = clock && !w->clock;

	w->clock = clock;
	if (!cs) {
		w->count = w->reading = 0;
		w->in = 0;
		w->out = 1;
	} else if (rise) {
		clock_in(w, di);
	}
}
