/*
 * uart16550.h - the 16550A serial port: eight registers, two FIFOs, one interrupt, a byte stream
 * behind it.
 */
#ifndef DEVICES_UART16550_H
#define DEVICES_UART16550_H

#include "devices/device.h"
#include "devices/host/char.h"

#define UART_FIFO 16

struct uart16550_state {
	uint8_t rx[UART_FIFO], rx_err[UART_FIFO]; /* ring; errors as in LSR bits 2..4 */
	uint8_t rx_head, rx_count;
	uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
	uint8_t thre_pending; /* transmitter-empty interrupt not yet acknowledged */
	uint8_t timeout;      /* character timeout pending */
	uint8_t irq_level;
	uint16_t divisor;
	uint8_t thr; /* byte last read; what RBR gives when it is empty */
	uint8_t pad;
	uint64_t timeout_at; /* ns, when timer armed; 0: not */
};

struct uart16550 {
	struct device dev;
	struct uart16550_state s;
	struct clock *clock;
	struct irq irq;
	struct chr *chr;
	struct timer timer;
	struct region io;
};

/**
 * uart16550_create() - eight ports from @iobase
 * @chr: borrowed; its device side is filled in. NULL: output is lost, nothing is received.
 */
struct uart16550 *uart16550_create(struct log *log, struct clock *clock, struct space *io,
	uint16_t iobase, struct irq irq, struct chr *chr);

#endif
