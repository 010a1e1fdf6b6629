/*
 * machine.h - the embedding API: a whole PC as one object.
 *
 *     struct machine *m;
 *     if (machine_create(&m, &cfg, &log_or_null, &err)) puts(err.msg);
 *     while ((why = machine_run(m)) == MACHINE_IDLE) ...
 *     machine_destroy(m);
 *
 * Starts no thread, reads no wall clock, prints nothing. All functions but machine_kick() belong to the
 * one thread that runs the machine. Frontends own threads, time and terminals.
 */
#ifndef FRONTEND_MACHINE_MACHINE_H
#define FRONTEND_MACHINE_MACHINE_H

#include "frontend/machine/config.h"
#include "devices/device.h"
#include "devices/host/display.h"
#include "devices/host/input.h"

struct machine;

enum machine_stop {
	MACHINE_KICKED,	  /* machine_kick() or a due timer: nothing special, run again */
	MACHINE_HALTED,	  /* CPU in HLT: wait until machine_deadline() or a kick */
	MACHINE_ASLEEP,	  /* S3: as MACHINE_HALTED, until machine_wakeup(), the power button, or the clock's alarm */
	MACHINE_RESET,	  /* the guest asked for a reset; call machine_reset() to go on */
	MACHINE_POWEROFF, /* S5: the guest switched itself off */
	MACHINE_EXIT,	  /* isa-debug-exit was written: machine_exit_code() */
	MACHINE_PANIC,	  /* the guest's kernel says by pvpanic that it has panicked */
	MACHINE_TRIPLE,	  /* triple fault; machine_reset() or stop */
	MACHINE_DEBUG,	  /* breakpoint, watchpoint or step: jit_debug_why() */
	MACHINE_DIVERGED  /* lockstep found a difference; told in the log */
};

struct machine_status {
	uint64_t insns, resets;
	bool halted;
};

enum vm_err machine_create(struct machine **out, const struct machine_config *cfg, struct log *log, struct err *e);
void machine_destroy(struct machine *m);

enum machine_stop machine_run(struct machine *m);
void machine_kick(struct machine *m);		  /* any thread */
void machine_reset(struct machine *m);		  /* all devices and the CPU, as the reset button */
void machine_powerdown(struct machine *m);	  /* press the ACPI power button */
void machine_wakeup(struct machine *m);		  /* out of S3; nothing otherwise */
bool machine_asleep(const struct machine *m);	  /* in S3 */
void machine_skip_rtc(struct machine *m, uint64_t ns); /* the clock chip alone moves on */
void machine_nmi(struct machine *m);
int machine_exit_code(const struct machine *m);  /* of MACHINE_EXIT: (value << 1) | 1 */

/* Virtual time. The owner may install a source before the first run; see mmu/base/clock.h. */
struct clock *machine_clock(struct machine *m);

struct vcpu *machine_cpu(struct machine *m);
struct jit *machine_jit(struct machine *m);
struct space *machine_memory(struct machine *m);
struct space *machine_ports(struct machine *m);
struct log *machine_log(struct machine *m);
uint64_t machine_ram_size(const struct machine *m); /* bytes */
struct display *machine_display(struct machine *m); /* NULL without VGA */
struct input *machine_input(struct machine *m);

/*
 * machine_watch_irqs() - @seen is told of each device that begins to pull its interrupt line @gsi, or (-1) sends the message
 * that asks for @vector; NULL: nobody is
 */
typedef void machine_irq_fn(void *opaque, int gsi, unsigned vector, const char *source);
void machine_watch_irqs(struct machine *m, machine_irq_fn *seen, void *opaque);
/*
 * machine_vector_source() - where interrupt @vector comes from, as the interrupt controllers are programmed
 * Return: GSI 0..MACHINE_GSIS-1, MACHINE_APIC_TIMER, or -1: a message or an interrupt of another kind
 */
#define MACHINE_GSIS 24
#define MACHINE_APIC_TIMER MACHINE_GSIS
int machine_vector_source(const struct machine *m, unsigned vector);

struct device *machine_device(struct machine *m, const char *name); /* the first with this ops name; NULL: of all */
/* For the monitor: calls dump() of the device with this ops name; false if there is none. */
bool machine_dump_device(struct machine *m, const char *name, FILE *out);
void machine_dump_devices(struct machine *m, FILE *out); /* all of them, in creation order */
void machine_dump_pci(struct machine *m, FILE *out);
/* machine_drain() - every request to a drive is done; before the threads that do them end. */
void machine_drain(struct machine *m);
void machine_retry_io(struct machine *m); /* requests that failed and stopped the guest are tried again */
const struct config_nic *machine_nics(const struct machine *m, unsigned *n);
/* machine_drive() - the drive at place @i, 0..CONFIG_PLACES-1: IDE, floppies, virtio, flash; NULL: none there */
struct blk *machine_drive(struct machine *m, unsigned i);

#endif
