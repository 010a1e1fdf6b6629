/*
 * machine.c - the life of a machine: create, run, reset, destroy (machine.h).
 */
#include "frontend/machine/board.h"
#include <stdlib.h>
#include <string.h>

struct blk *machine_drive(struct machine *m, unsigned i)
{
	if (i < CONFIG_MAX_IDE)
		return m->cfg.ide[i];
	i -= CONFIG_MAX_IDE;
	if (i < CONFIG_MAX_FLOPPY)
		return m->cfg.floppy[i];
	i -= CONFIG_MAX_FLOPPY;
	return i < CONFIG_MAX_VIRTIO ? m->cfg.virtio[i] : m->cfg.pflash[i - CONFIG_MAX_VIRTIO];
}

void machine_drain(struct machine *m)
{
	for (unsigned i = 0; i < CONFIG_PLACES; i++)
		if (machine_drive(m, i))
			blk_drain(machine_drive(m, i));
}

void machine_retry_io(struct machine *m)
{
	for (unsigned i = 0; i < CONFIG_PLACES; i++)
		if (machine_drive(m, i) && machine_drive(m, i)->ops->retry)
			machine_drive(m, i)->ops->retry(machine_drive(m, i));
}

static void machine_free(struct machine *m)
{
	struct device *d = m->devices;

	machine_drain(m);
	while (d) {
		struct device *next = d->next;

		if (d->ops->fini)
			d->ops->fini(d);
		free(d);
		d = next;
	}
	for (unsigned i = 0; i < CONFIG_PLACES; i++)
		if (machine_drive(m, i))
			machine_drive(m, i)->ops->close(machine_drive(m, i));
	jit_free(m->jit);
	if (m->cpu)
		vcpu_free(m->cpu);
	space_fini(&m->mem);
	space_fini(&m->io);
	ram_fini(&m->ram);
	free(m->vga_rom);
	log_fini(&m->own_log);
	free(m);
}

enum vm_err machine_create(struct machine **out, const struct machine_config *cfg, struct log *log,
	struct err *e)
{
	struct machine *m = calloc(1, sizeof(*m));
	enum vm_err r;

	*out = NULL;
	if (!m)
		return err_set(e, VM_ERR_NOMEM, "no memory for a machine");
	m->cfg = *cfg;
	m->devices_end = &m->devices;
	log_init(&m->own_log);
	m->log = log ? log : &m->own_log;
	clock_init(&m->clock);
	/* RAM, firmware (at most 16 MiB), video memory and option ROMs share one file */
	r = (jit_wants_alias(&cfg->jit) ? ram_init_alias : ram_init)(&m->ram, cfg->ram_size + (64ull << 20), e);
	if (r)
		goto fail;
	space_init(&m->mem, "memory", (1ull << 52) - 1, &m->ram, m->log);
	space_init(&m->io, "ports", 0xFFFF, NULL, m->log);
	r = vcpu_new(&m->cpu, cfg->cpu_model, &m->mem, &m->io, &m->ram, &m->clock, m->log, e);
	if (r)
		goto fail;
	r = pc_build(m, e);
	if (r)
		goto fail;
	r = jit_new(&m->jit, m->cpu, &cfg->jit, e);
	if (r)
		goto fail;
	machine_reset(m);
	m->resets = 0;
	if (m->cfg.boot_once)
		pc_boot_order(m, m->cfg.boot_once);
	*out = m;
	return VM_OK;
fail:
	/* backends stay with the caller when creation fails */
	memset(m->cfg.ide, 0, sizeof(m->cfg.ide));
	memset(m->cfg.floppy, 0, sizeof(m->cfg.floppy));
	memset(m->cfg.virtio, 0, sizeof(m->cfg.virtio));
	machine_free(m);
	return r;
}

void machine_destroy(struct machine *m)
{
	if (m)
		machine_free(m);
}

static void reset_all(struct machine *m, bool s3)
{
	for (struct device *d = m->devices; d; d = d->next)
		if (d->ops->reset && !(s3 && d->ops->kept_in_s3))
			d->ops->reset(d);
	vcpu_set_a20(m->cpu, 1);
	vcpu_reset(m->cpu, false);
	if (m->jit)
		jit_flush(m->jit);
}

void machine_reset(struct machine *m)
{
	m->want_reset = m->want_off = m->want_exit = m->panicked = false;
	m->want_sleep = m->want_wake = m->asleep = false;
	reset_all(m, false);
	m->resets++;
	if (m->cfg.boot_once)
		pc_boot_order(m, m->cfg.boot);
}

static bool wants(const struct machine *m)
{
	return m->want_reset || m->want_off || m->want_exit || m->panicked || m->want_sleep;
}

static enum machine_stop pending(struct machine *m)
{
	if (m->panicked) { /* told once: the owner may let the guest go on */
		m->panicked = false;
		return MACHINE_PANIC;
	}
	if (m->want_exit)
		return MACHINE_EXIT;
	if (m->want_off)
		return MACHINE_POWEROFF;
	if (m->want_sleep) {
		m->want_sleep = m->want_wake = false;
		m->asleep = true;
		return MACHINE_ASLEEP;
	}
	return MACHINE_RESET;
}

/*
 * The power comes back to all but RAM, its controller and the clock chip, and the CPU starts as after a reset. Firmware knows by
 * the shutdown code in CMOS that it is to go to the waking vector of the operating system.
 *
 * Source: ACPI specification 6.4, 16.3 "Waking"; SeaBIOS, "Resume and reboot" in docs/Execution_and_code_flow.md.
 */
static void wake(struct machine *m, uint16_t wakers)
{
	m->asleep = m->want_wake = false;
	reset_all(m, true);
	mc146818_set(m->rtc, 0x0F, 0xFE);
	acpi_pm_wake(m->pm, wakers);
}

void machine_wakeup(struct machine *m)
{
	m->want_wake = m->asleep;
}

bool machine_asleep(const struct machine *m)
{
	return m->asleep;
}

enum machine_stop machine_run(struct machine *m)
{
	enum jit_stop why;

	clock_run(&m->clock);
	if (wants(m))
		return pending(m);
	if (m->asleep) {
		uint16_t wakers = acpi_pm_wakers(m->pm);

		if (!wakers && !m->want_wake)
			return MACHINE_ASLEEP;
		wake(m, wakers);
	}
	why = jit_run(m->jit);
	/* Cleared here, before we look at the world: a kick from now on makes the next run return at once. */
	__atomic_and_fetch(&m->cpu->req, ~(uint32_t)(REQ_KICK | REQ_STOP), __ATOMIC_ACQ_REL);
	clock_run(&m->clock);
	if (wants(m))
		return pending(m);
	switch (why) {
	case JIT_HALTED: /* unless a timer that came due meanwhile has ended the halt */
		return m->cpu->req ? MACHINE_KICKED : MACHINE_HALTED;
	case JIT_TRIPLE:
		return MACHINE_TRIPLE;
	case JIT_DEBUG:
		return MACHINE_DEBUG;
	case JIT_DIVERGED:
		return MACHINE_DIVERGED;
	default:
		return MACHINE_KICKED;
	}
}

void machine_kick(struct machine *m)
{
	vcpu_kick(m->cpu);
}

void machine_powerdown(struct machine *m)
{
	acpi_pm_power_button(m->pm);
}

void machine_skip_rtc(struct machine *m, uint64_t ns)
{
	mc146818_skip(m->rtc, ns);
}

void machine_nmi(struct machine *m)
{
	vcpu_set_nmi(m->cpu, 1);
	vcpu_set_nmi(m->cpu, 0);
}

int machine_exit_code(const struct machine *m)
{
	return m->exit_code;
}

struct clock *machine_clock(struct machine *m)
{
	return &m->clock;
}

struct vcpu *machine_cpu(struct machine *m)
{
	return m->cpu;
}

struct jit *machine_jit(struct machine *m)
{
	return m->jit;
}

struct space *machine_memory(struct machine *m)
{
	return &m->mem;
}

struct space *machine_ports(struct machine *m)
{
	return &m->io;
}

uint64_t machine_ram_size(const struct machine *m)
{
	return m->cfg.ram_size;
}

struct log *machine_log(struct machine *m)
{
	return m->log;
}

struct display *machine_display(struct machine *m)
{
	return m->vga ? &m->display : NULL;
}

struct input *machine_input(struct machine *m)
{
	return &m->input;
}

const struct config_nic *machine_nics(const struct machine *m, unsigned *n)
{
	*n = m->cfg.nnics;
	return m->cfg.nic;
}

void machine_watch_irqs(struct machine *m, machine_irq_fn *seen, void *opaque)
{
	m->irq_seen = seen;
	m->irq_opaque = opaque;
}

int machine_vector_source(const struct machine *m, unsigned vector)
{
	uint32_t timer = m->apic->s.lvt[LVT_TIMER];

	if (!(timer & LVT_MASKED) && (timer & 0xFF) == vector)
		return MACHINE_APIC_TIMER;
	for (int n = 0; n < IOAPIC_PINS; n++) {
		uint64_t e = m->ioapic->s.redir[n];

		if (!(e & LVT_MASKED) && (e >> 8 & 7) <= 1 && (e & 0xFF) == vector)
			return n == 2 ? 0 : n; /* the timer's wire goes to pin 2 */
	}
	for (int n = 0; n < 16; n++) {
		const struct i8259_chip *c = &m->pic->s.chip[n >> 3];

		if (n != 2 && !(c->imr >> (n & 7) & 1) && (c->base | (n & 7)) == (int)vector)
			return n;
	}
	return -1;
}

struct device *machine_device(struct machine *m, const char *name)
{
	struct device *d = m->devices;

	while (d && name && strcmp(d->ops->name, name))
		d = d->next;
	return d;
}

bool machine_dump_device(struct machine *m, const char *name, FILE *out)
{
	bool found = false;

	for (struct device *d = m->devices; d; d = d->next) {
		if (strcmp(d->ops->name, name) || !d->ops->dump)
			continue;
		d->ops->dump(d, out);
		found = true;
	}
	return found;
}

void machine_dump_devices(struct machine *m, FILE *out)
{
	for (struct device *d = m->devices; d; d = d->next) {
		fprintf(out, "dev: %s\n", d->ops->name);
		if (d->ops->dump)
			d->ops->dump(d, out);
	}
}

void machine_dump_pci(struct machine *m, FILE *out)
{
	pci_dump(m->pci, out);
}
