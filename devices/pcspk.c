/*
 * pcspk.c - port 61h: speaker gate and data, refresh toggle, counter 2 output.
 *
 *   bit 0  counter 2 gate        bit 4  refresh request, toggles every 15.085 us (read only)
 *   bit 1  speaker data enable   bit 5  counter 2 OUT (read only)
 *   bit 2  parity check disable  bit 6  I/O channel check (0)
 *   bit 3  IOCHK disable         bit 7  parity error (0)
 *
 * Software times short waits by the toggle of bit 4 and calibrates clocks by bit 5.
 *
 * Sources: IBM PC/AT Technical Reference, "Port B"; 82371SB data sheet, "NMI Status and Control".
 */
#include "devices/pcspk.h"

#define REFRESH_NS 15085u

static uint64_t pcspk_read(void *opaque, uint64_t off, unsigned size)
{
	struct pcspk *k = opaque;
	unsigned refresh = (clock_now(k->clock) / REFRESH_NS) & 1;

	return k->s.port | refresh << 4 | (unsigned)i8254_out(k->pit, 2) << 5;
}

static void update_tone(void *opaque)
{
	struct pcspk *k = opaque;
	uint32_t period = (k->s.port & 3) == 3 ? i8254_period(k->pit, 2) : 0;

	if (period == k->period)
		return;
	k->period = period;
	if (k->tone)
		k->tone(k->tone_opaque, period);
}

static void pcspk_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pcspk *k = opaque;

	k->s.port = val & 0x0F;
	i8254_set_gate(k->pit, 2, val & 1);
	update_tone(k);
}

static const struct io_ops pcspk_io = {"port61", pcspk_read, pcspk_write, 1, 1};

static void pcspk_reset(struct device *d)
{
	struct pcspk *k = container_of(d, struct pcspk, dev);

	k->s.port = 0;
	i8254_set_gate(k->pit, 2, 0);
	update_tone(k);
}

static enum vm_err pcspk_post_load(struct device *d, struct err *e)
{
	struct pcspk *k = container_of(d, struct pcspk, dev);

	if (k->s.port & 0xF0)
		return err_set(e, VM_ERR_FORMAT, "pcspk: impossible saved state");
	update_tone(k);
	return VM_OK;
}

static void pcspk_dump(struct device *d, FILE *out)
{
	struct pcspk *k = container_of(d, struct pcspk, dev);

	fprintf(out, "port61: %02x speaker=%s\n", (unsigned)pcspk_read(k, 0, 1),
		k->period ? "on" : "off");
	if (k->period)
		fprintf(out, "speaker: %u Hz\n", I8254_HZ / k->period);
}

static const struct device_ops pcspk_ops = {
	.name = "isa-pcspk",
	.version = 1,
	.state_off = offsetof(struct pcspk, s),
	.state_size = sizeof(struct pcspk_state),
	.reset = pcspk_reset,
	.post_load = pcspk_post_load,
	.dump = pcspk_dump,
};

struct pcspk *pcspk_create(
	struct log *log, struct clock *clock, struct space *io, struct i8254 *pit)
{
	struct pcspk *k = device_new(sizeof(*k), &pcspk_ops, log);

	k->clock = clock;
	k->pit = pit;
	pit->changed = update_tone;
	pit->changed_opaque = k;
	space_add_io(io, &k->io, "port61", 0x61, 1, &pcspk_io, k);
	return k;
}
