/*
 * i8259.h - the PC's pair of 8259A interrupt controllers: sixteen inputs, one wire to the CPU.
 *
 * Ports 20h/21h (master), A0h/A1h (slave on master input 2), 4D0h/4D1h (ELCR, PIIX3). The board
 * connects the output wire to the CPU's INTR (or to the local APIC's LINT0) and calls i8259_ack()
 * for the interrupt acknowledge cycle.
 */
#ifndef DEVICES_I8259_H
#define DEVICES_I8259_H

#include "devices/device.h"

struct i8259_chip {
	uint8_t lines; /* level of the inputs as last driven */
	uint8_t irr, imr, isr;
	uint8_t lowest; /* input that has the lowest priority; 7 after initialisation */
	uint8_t base;	/* vector of input 0 (ICW2, low 3 bits zero) */
	uint8_t elcr;	/* 1: level triggered */
	uint8_t icw3;
	uint8_t icw_next; /* ICW expected at port+1: 0 none, 2, 3 or 4 */
	uint8_t want_icw4, single;
	uint8_t read_isr, poll, smm, aeoi, aeoi_rotate, sfnm;
};

struct i8259_state {
	struct i8259_chip chip[2]; /* master, slave */
	uint8_t intr;		   /* level of the output */
	uint8_t pad[5];
};

struct i8259 {
	struct device dev;
	struct i8259_state s;
	struct irq intr;
	struct region io[2], elcr;
};

/**
 * i8259_create() - both chips, mapped in @io, uninitialised as after power on
 * @intr: output of the master
 */
struct i8259 *i8259_create(struct log *log, struct space *io, struct irq intr);

/* i8259_input() - wire to input @n, 0..15; 2 is the cascade and goes nowhere. */
struct irq i8259_input(struct i8259 *p, int n);

/**
 * i8259_ack() - the CPU's interrupt acknowledge cycle
 * Return: vector 0..255; with nothing pending the spurious one (input 7, or slave input 7)
 * Source: Intel 8259A data sheet (231468), "Interrupt Sequence"
 */
int i8259_ack(struct i8259 *p);

/* i8259_pending() - level of the INTR output. */
static inline bool i8259_pending(const struct i8259 *p)
{
	return p->s.intr;
}

#endif
