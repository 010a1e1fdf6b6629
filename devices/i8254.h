/*
 * i8254.h - the PC's 8254 programmable interval timer (ports 40h..43h).
 *
 * Counters run from the virtual clock at 1193182 Hz and are computed when looked at. Counter 0
 * drives the IRQ 0 wire; counter 2 belongs to the speaker (pcspk.h), which owns its gate.
 */
#ifndef DEVICES_I8254_H
#define DEVICES_I8254_H

#include "devices/device.h"

#define I8254_HZ 1193182u

/* All times are PIT ticks since machine creation. */
struct i8254_channel {
	uint64_t base;	   /* tick at which the counting element held count with 0 ticks elapsed */
	uint64_t frozen;   /* elapsed ticks while counting is suspended by the gate */
	uint32_t count;	   /* period in the counting element, 1..65536 (BCD: 1..16665) */
	uint32_t reload;   /* the count register: next period */
	uint16_t latch;	   /* latched count, already in the guest's number base */
	uint8_t loaded;	   /* counting element holds a count since the control word */
	uint8_t written;   /* a full count has been written since the control word */
	uint8_t pending;   /* modes 2, 3: reload takes over at the end of the cycle */
	uint8_t suspended; /* by the gate; frozen is valid */
	uint8_t gate, mode, bcd;
	uint8_t access; /* 1 low byte, 2 high byte, 3 low then high */
	uint8_t write_low, write_high_next, read_high_next;
	uint8_t latched; /* bytes of the latch still to be read; 0: not latched */
	uint8_t status, status_latched;
	uint8_t null_count; /* count register written and not yet in the counting element */
	uint8_t pad[5];
};

struct i8254_state {
	struct i8254_channel ch[3];
	uint8_t irq_level;
	uint8_t irq_off; /* the wire is taken over by another timer (HPET legacy replacement) */
	uint8_t pad[6];
};

struct i8254 {
	struct device dev;
	struct i8254_state s;
	struct clock *clock;
	struct irq irq;
	void (*changed)(void *opaque); /* counter 2 may have been reprogrammed; may be NULL */
	void *changed_opaque;
	struct timer timer;
	struct region io;
};

/* i8254_create() - mapped at 40h; @irq0 follows counter 0's output. */
struct i8254 *i8254_create(struct log *log, struct clock *clock, struct space *io, struct irq irq0);

/* i8254_set_gate() - drive GATE of counter @n (0..2); 0 and 1 are tied high on a PC. */
void i8254_set_gate(struct i8254 *p, unsigned n, int level);

/* i8254_out() - level of OUT of counter @n (0..2) at @ns, what clock_now() has just said. */
int i8254_out(struct i8254 *p, unsigned n, uint64_t ns);

/* i8254_period() - ticks of one period of counter @n if it makes a square wave or rate now, else 0.
 */
uint32_t i8254_period(struct i8254 *p, unsigned n);

/* i8254_enable_irq() - connect or disconnect the IRQ 0 wire (HPET's legacy replacement route). */
void i8254_enable_irq(struct i8254 *p, bool on);

#endif
