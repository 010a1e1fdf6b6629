/*
 * irq.h - an interrupt wire as a value: what a device is given to pull.
 *
 * A device owns no wires and knows no controller: it calls irq_set(&dev->irq, level). The board
 * fills the three fields. A zeroed wire goes nowhere. Levels are 0 or 1, active high.
 */
#ifndef MMU_BASE_IRQ_H
#define MMU_BASE_IRQ_H

struct irq {
	void (*set)(void *opaque, int n, int level);
	void *opaque;
	int n; /* the receiver's input number */
};

static inline void irq_set(const struct irq *w, int level)
{
	if (w->set)
		w->set(w->opaque, w->n, level);
}

static inline void irq_pulse(const struct irq *w)
{
	irq_set(w, 1);
	irq_set(w, 0);
}

#endif
