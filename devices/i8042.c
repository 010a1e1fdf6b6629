/*
 * i8042.c - keyboard controller: command set, translation to scan set 1, A20 and reset lines.
 *
 * Bytes from the devices come over serial lines, so at most one per BYTE_NS; the gap also keeps a
 * byte readable twice by chained interrupt handlers, which old programs rely on. The controller's
 * own answers are immediate.
 *
 * Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
 * Controller"; Intel UPI-41/42 manual; A. Brouwer, "Keyboard scancodes" chapter 11.
 */
#include "devices/i8042.h"
#include <string.h>

#define BYTE_NS 300000u

#define ST_OBF 0x01
#define ST_SYS 0x04
#define ST_CMD 0x08
#define ST_UNLOCKED 0x10
#define ST_AUX 0x20

#define CTR_KBD_INT 0x01
#define CTR_AUX_INT 0x02
#define CTR_SYS 0x04
#define CTR_KBD_OFF 0x10
#define CTR_AUX_OFF 0x20
#define CTR_XLATE 0x40

#define OUT_NO_RESET 0x01
#define OUT_A20 0x02
#define OUT_OBF 0x10
#define OUT_AUX_OBF 0x20

enum { KBD = 0, AUX = 1 };

/* Scan set 2 to set 1, as the controller's ROM has it. */
static const uint8_t xlate[0x86] = {
	0xFF,
	0x43,
	0x41,
	0x3F,
	0x3D,
	0x3B,
	0x3C,
	0x58,
	0x64,
	0x44,
	0x42,
	0x40,
	0x3E,
	0x0F,
	0x29,
	0x59,
	0x65,
	0x38,
	0x2A,
	0x70,
	0x1D,
	0x10,
	0x02,
	0x5A,
	0x66,
	0x71,
	0x2C,
	0x1F,
	0x1E,
	0x11,
	0x03,
	0x5B,
	0x67,
	0x2E,
	0x2D,
	0x20,
	0x12,
	0x05,
	0x04,
	0x5C,
	0x68,
	0x39,
	0x2F,
	0x21,
	0x14,
	0x13,
	0x06,
	0x5D,
	0x69,
	0x31,
	0x30,
	0x23,
	0x22,
	0x15,
	0x07,
	0x5E,
	0x6A,
	0x72,
	0x32,
	0x24,
	0x16,
	0x08,
	0x09,
	0x5F,
	0x6B,
	0x33,
	0x25,
	0x17,
	0x18,
	0x0B,
	0x0A,
	0x60,
	0x6C,
	0x34,
	0x35,
	0x26,
	0x27,
	0x19,
	0x0C,
	0x61,
	0x6D,
	0x73,
	0x28,
	0x74,
	0x1A,
	0x0D,
	0x62,
	0x6E,
	0x3A,
	0x36,
	0x1C,
	0x1B,
	0x75,
	0x2B,
	0x63,
	0x76,
	0x55,
	0x56,
	0x77,
	0x78,
	0x79,
	0x7A,
	0x0E,
	0x7B,
	0x7C,
	0x4F,
	0x7D,
	0x4B,
	0x47,
	0x7E,
	0x7F,
	0x6F,
	0x52,
	0x53,
	0x50,
	0x4C,
	0x4D,
	0x48,
	0x01,
	0x45,
	0x57,
	0x4E,
	0x51,
	0x4A,
	0x37,
	0x49,
	0x46,
	0x54,
	0x80,
	0x81,
	0x82,
	0x41,
	0x54,
	0x85,
};

static void set_level(struct i8042 *c, unsigned which, bool level)
{
	if (c->s.irq_level[which] == level)
		return;
	c->s.irq_level[which] = level;
	irq_set(which ? &c->wires.mouse : &c->wires.kbd, level);
}

static void update_irqs(struct i8042 *c)
{
	bool full = c->s.status & ST_OBF, aux = c->s.status & ST_AUX;

	c->s.outport &= ~(OUT_OBF | OUT_AUX_OBF);
	if (full)
		c->s.outport |= aux ? OUT_AUX_OBF : OUT_OBF;
	set_level(c, KBD, full && !aux && (c->s.ctr & CTR_KBD_INT));
	set_level(c, AUX, full && aux && (c->s.ctr & CTR_AUX_INT));
}

static void fill(struct i8042 *c, uint8_t byte, bool aux)
{
	c->s.data = byte;
	c->s.status = (c->s.status & ~ST_AUX) | ST_OBF | (aux ? ST_AUX : 0);
	update_irqs(c);
}

static bool port_ready(struct i8042 *c, unsigned which)
{
	struct ps2_port *p = &c->port[which];
	uint8_t off = which ? CTR_AUX_OFF : CTR_KBD_OFF;

	return !(c->s.ctr & off) && p->ready && p->ready(p->opaque);
}

/* A byte from the keyboard through the translator; false if it was a release prefix, swallowed. */
static bool translate(struct i8042 *c, uint8_t *byte)
{
	if (!(c->s.ctr & CTR_XLATE))
		return true;
	if (*byte == 0xF0) {
		c->s.release = 0x80;
		return false;
	}
	if (*byte < sizeof(xlate))
		*byte = xlate[*byte];
	*byte |= c->s.release;
	c->s.release = 0;
	return true;
}

/* If the output buffer is free and the line has been idle long enough, take the next byte. */
static void pump(struct i8042 *c)
{
	uint64_t now = clock_now(c->clock);
	unsigned which;
	int v;

	if (c->s.status & ST_OBF)
		return;
	/* Alternate, so that a moving mouse cannot starve the keyboard. */
	which = c->s.last_aux ? KBD : AUX;
	if (!port_ready(c, which))
		which ^= 1;
	if (!port_ready(c, which))
		return;
	if (now < c->s.next_byte) {
		timer_arm(&c->timer, c->s.next_byte);
		return;
	}
	do {
		v = c->port[which].read(c->port[which].opaque);
		if (v < 0)
			return;
		uint8_t byte = (uint8_t)v;
		if (which == AUX || translate(c, &byte)) {
			c->s.last_aux = which == AUX;
			fill(c, byte, which == AUX);
			return;
		}
	} while (port_ready(c, which));
}

static void i8042_timer(void *opaque)
{
	pump(opaque);
}

static void ready_set(void *opaque, int n, int level)
{
	struct i8042 *c = opaque;
	uint64_t now = clock_now(c->clock);

	if (!level)
		return;
	/* The byte takes its time on the wire. */
	if (c->s.next_byte < now + BYTE_NS && !(c->s.status & ST_OBF) && !c->timer.armed)
		c->s.next_byte = now + BYTE_NS;
	pump(c);
}

struct irq i8042_ready(struct i8042 *c, unsigned which)
{
	return (struct irq){ready_set, c, (int)(which & 1)};
}

static void set_outport(struct i8042 *c, uint8_t val)
{
	bool a20 = (val ^ c->s.outport) & OUT_A20;

	c->s.outport = (c->s.outport & (OUT_OBF | OUT_AUX_OBF)) | (val & ~(OUT_OBF | OUT_AUX_OBF));
	if (a20)
		irq_set(&c->wires.a20, (val & OUT_A20) != 0);
	if (!(val & OUT_NO_RESET)) {
		c->s.outport |= OUT_NO_RESET;
		irq_pulse(&c->wires.reset);
	}
}

void i8042_set_a20(struct i8042 *c, int level)
{
	c->s.outport = level ? c->s.outport | OUT_A20 : c->s.outport & ~OUT_A20;
}

static void write_ctr(struct i8042 *c, uint8_t val)
{
	c->s.ctr = val;
	c->s.status = (c->s.status & ~ST_SYS) | (val & CTR_SYS ? ST_SYS : 0);
	update_irqs(c);
	pump(c);
}

static void to_device(struct i8042 *c, unsigned which, uint8_t val)
{
	struct ps2_port *p = &c->port[which];

	/* Sending to a device re-enables its clock line. */
	c->s.ctr &= which ? ~CTR_AUX_OFF : ~CTR_KBD_OFF;
	c->s.next_byte = clock_now(c->clock) + BYTE_NS;
	if (p->write)
		p->write(p->opaque, val);
	pump(c);
}

static void write_data(struct i8042 *c, uint8_t val)
{
	uint8_t cmd = c->s.command;

	c->s.command = 0;
	c->s.status &= ~ST_CMD;
	switch (cmd) {
	case 0:
		to_device(c, KBD, val);
		break;
	case 0x60:
		write_ctr(c, val);
		break;
	case 0x61 ... 0x7F:
		c->s.ram[cmd & 31] = val;
		break;
	case 0xD1:
		set_outport(c, val);
		break;
	case 0xD2: /* as if the keyboard had sent it */
		fill(c, val, false);
		break;
	case 0xD3: /* as if the mouse had sent it */
		fill(c, val, true);
		break;
	case 0xD4:
		to_device(c, AUX, val);
		break;
	default: /* CBh and other vendors' parameters */
		break;
	}
}

/* Commands that answer or act at once. */
static void run_command(struct i8042 *c, uint8_t cmd)
{
	switch (cmd) {
	case 0xA4: /* password installed? no */
		fill(c, 0xF1, false);
		break;
	case 0xA7:
		write_ctr(c, c->s.ctr | CTR_AUX_OFF);
		break;
	case 0xA8:
		write_ctr(c, c->s.ctr & ~CTR_AUX_OFF);
		break;
	case 0xA9: /* auxiliary interface test: no error */
	case 0xAB: /* keyboard interface test: no error */
		fill(c, 0x00, false);
		break;
	case 0xAA: /* self test */
		c->s.status |= ST_SYS;
		c->s.release = 0;
		fill(c, 0x55, false);
		break;
	case 0xAD:
		write_ctr(c, c->s.ctr | CTR_KBD_OFF);
		break;
	case 0xAE:
		write_ctr(c, c->s.ctr & ~CTR_KBD_OFF);
		break;
	case 0xC0: /* input port: keyboard not locked, manufacturing jumper absent */
		fill(c, 0xA0, false);
		break;
	case 0xD0:
		fill(c, c->s.outport, false);
		break;
	case 0xDD: /* A20 off and on, as several vendors' controllers have it */
		set_outport(c, c->s.outport & ~OUT_A20);
		break;
	case 0xDF:
		set_outport(c, c->s.outport | OUT_A20);
		break;
	case 0xE0: /* test inputs: the clock lines */
		fill(c, (c->s.ctr & CTR_KBD_OFF ? 0 : 1) | (c->s.ctr & CTR_AUX_OFF ? 0 : 2), false);
		break;
	case 0xF0 ... 0xFF: /* pulse the output bits that are 0; bit 0 resets the CPU */
		if (!(cmd & 1))
			irq_pulse(&c->wires.reset);
		break;
	default:
		UNIMP(c->dev.log, "i8042: command %02x ignored\n", cmd);
	}
}

static void write_command(struct i8042 *c, uint8_t cmd)
{
	c->s.status |= ST_CMD;
	c->s.command = 0;
	if (cmd == 0x20)
		fill(c, c->s.ctr, false);
	else if (cmd >= 0x21 && cmd <= 0x3F)
		fill(c, c->s.ram[cmd & 31], false);
	else if ((cmd >= 0x60 && cmd <= 0x7F) || (cmd >= 0xD1 && cmd <= 0xD4))
		c->s.command = cmd;
	else
		run_command(c, cmd);
}

static uint64_t data_read(void *opaque, uint64_t off, unsigned size)
{
	struct i8042 *c = opaque;
	uint8_t v = c->s.data;

	if (c->s.status & ST_OBF) {
		c->s.status &= ~(ST_OBF | ST_AUX);
		c->s.next_byte = clock_now(c->clock) + BYTE_NS;
		update_irqs(c);
		pump(c);
	}
	return v;
}

static void data_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	write_data(opaque, (uint8_t)val);
}

static uint64_t cmd_read(void *opaque, uint64_t off, unsigned size)
{
	struct i8042 *c = opaque;

	return c->s.status;
}

static void cmd_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	write_command(opaque, (uint8_t)val);
}

static const struct io_ops data_io = {"i8042-data", data_read, data_write, 1, 1};
static const struct io_ops cmd_io = {"i8042-cmd", cmd_read, cmd_write, 1, 1};

void i8042_attach(struct i8042 *c, unsigned which, struct ps2_port port)
{
	c->port[which & 1] = port;
}

static void i8042_reset(struct device *d)
{
	struct i8042 *c = container_of(d, struct i8042, dev);

	timer_cancel(&c->timer);
	set_level(c, KBD, false);
	set_level(c, AUX, false);
	memset(&c->s, 0, sizeof(c->s));
	c->s.ctr = CTR_KBD_INT | CTR_AUX_INT;
	c->s.status = ST_CMD | ST_UNLOCKED;
	c->s.outport = 0xCC | OUT_NO_RESET | OUT_A20;
	irq_set(&c->wires.a20, 1);
}

static enum vm_err i8042_post_load(struct device *d, struct err *e)
{
	struct i8042 *c = container_of(d, struct i8042, dev);

	if (c->s.release & 0x7F)
		return err_set(e, VM_ERR_FORMAT, "i8042: impossible saved state");
	irq_set(&c->wires.a20, (c->s.outport & OUT_A20) != 0);
	irq_set(&c->wires.kbd, c->s.irq_level[KBD]);
	irq_set(&c->wires.mouse, c->s.irq_level[AUX]);
	/* The devices may be loaded after us: look at their queues when the clock runs. */
	timer_arm(&c->timer, c->s.next_byte);
	return VM_OK;
}

static void i8042_dump(struct device *d, FILE *out)
{
	struct i8042 *c = container_of(d, struct i8042, dev);

	fprintf(out, "i8042: status=%02x data=%02x ctr=%02x outport=%02x a20=%u command=%02x\n",
		c->s.status, c->s.data, c->s.ctr, c->s.outport, (c->s.outport & OUT_A20) != 0,
		c->s.command);
}

static void i8042_fini(struct device *d)
{
	struct i8042 *c = container_of(d, struct i8042, dev);

	timer_cancel(&c->timer);
}

static const struct device_ops i8042_ops = {
	.name = "i8042",
	.version = 1,
	.state_off = offsetof(struct i8042, s),
	.state_size = sizeof(struct i8042_state),
	.timer = {offsetof(struct i8042, timer)},
	.reset = i8042_reset,
	.fini = i8042_fini,
	.post_load = i8042_post_load,
	.dump = i8042_dump,
};

struct i8042 *i8042_create(
	struct log *log, struct clock *clock, struct space *io, const struct i8042_wires *wires)
{
	struct i8042 *c = device_new(sizeof(*c), &i8042_ops, log);

	c->clock = clock;
	c->wires = *wires;
	timer_init(&c->timer, clock, i8042_timer, c);
	space_add_io(io, &c->data, "i8042-data", 0x60, 1, &data_io, c);
	space_add_io(io, &c->cmd, "i8042-cmd", 0x64, 1, &cmd_io, c);
	i8042_reset(&c->dev);
	return c;
}
