/*
 * vga_regs.c - the VGA's ports: miscellaneous output, sequencer, CRTC, graphics and attribute
 * controllers, DAC, and the input status register with retrace timing from the virtual clock.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem", chapters 2 and 3.
 */
#include "devices/vga_int.h"

/* Bits that exist in each register; the others read as zero. */
static const uint8_t seq_bits[8] = {0x03, 0x3D, 0x0F, 0x3F, 0x0E, 0, 0, 0};
static const uint8_t gfx_bits[16] = {0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF};
static const uint8_t attr_bits[32] = {0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F,
	0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0xEF, 0xFF, 0x3F, 0x0F, 0x0F};

/* Where the beam is. */
struct beam {
	bool blank, vretrace;
};

static struct beam get_beam(struct vga *v)
{
	const struct vga_state *s = &v->st;
	uint64_t hz = (s->misc >> 2 & 3) == 1 ? 28322000 : 25175000;
	unsigned dots = s->seq[SEQ_CLOCKING] & 1 ? 8 : 9;
	unsigned chars = s->crtc[CR_HTOTAL] + 5u, o = s->crtc[CR_OVERFLOW];
	unsigned lines = (s->crtc[CR_VTOTAL] | (o & 1) << 8 | (o >> 5 & 1) << 9) + 2;
	unsigned vdisp = (s->crtc[CR_VDISP] | (o >> 1 & 1) << 8 | (o >> 6 & 1) << 9) + 1;
	unsigned start = s->crtc[CR_VRETRACE_START] | (o >> 2 & 1) << 8 | (o >> 7 & 1) << 9;
	unsigned hdisp = s->crtc[CR_HDISP] + 1u, len, line, pos;
	uint64_t t, frame_ns;
	struct beam b;

	if (s->seq[SEQ_CLOCKING] & 8)
		hz /= 2;
	frame_ns = muldiv64((uint64_t)chars * dots * lines, NS_PER_SEC, hz);
	if (frame_ns < NS_PER_SEC / 1000 || vdisp >= lines || hdisp >= chars || start >= lines) {
		/* not a timing any monitor shows: 640x480 at 60 Hz keeps waiting loops going */
		frame_ns = NS_PER_SEC / 60;
		lines = 525;
		vdisp = 480;
		start = 490;
		chars = 100;
		hdisp = 80;
	}
	len = (s->crtc[CR_VRETRACE_END] - start) & 15;
	if (!len)
		len = 16;
	t = clock_now(v->clock) % frame_ns;
	line = (unsigned)(t * lines / frame_ns);
	pos = (unsigned)(t * lines % frame_ns * chars / frame_ns);
	b.vretrace = line >= start && line < start + len;
	b.blank = line >= vdisp || pos >= hdisp;
	return b;
}

static uint8_t status1(struct vga *v)
{
	struct beam b = get_beam(v);

	v->st.attr_data = 0;
	return (uint8_t)((b.blank ? 0x01 : 0) | (b.vretrace ? 0x08 : 0));
}

static void crtc_write(struct vga *v, uint8_t val)
{
	struct vga_state *s = &v->st;
	unsigned i = s->crtc_index;

	/* Bit 7 of the vertical retrace end register protects 0-7, bar the line compare bit in 7. */
	if (i <= 7 && s->crtc[CR_VRETRACE_END] & 0x80) {
		if (i == CR_OVERFLOW)
			s->crtc[i] = (s->crtc[i] & ~0x10) | (val & 0x10);
		return;
	}
	if (i <= 0x18)
		s->crtc[i] = val;
}

static void attr_write(struct vga *v, uint8_t val)
{
	struct vga_state *s = &v->st;
	unsigned i = s->attr_index & 31;

	if (!s->attr_data)
		s->attr_index = val & 0x3F;
	/* The palette is the CPU's only while it is not the picture's. */
	else if (i >= 16 || !(s->attr_index & ATTR_INDEX_PAS))
		s->attr[i] = val & attr_bits[i];
	s->attr_data ^= 1;
}

static void dac_write(struct vga *v, uint8_t val)
{
	struct vga_state *s = &v->st;

	s->dac_tmp[s->dac_sub] = s->vbe[VBE_ENABLE] & VBE_8BIT_DAC ? val : val & 0x3F;
	if (++s->dac_sub < 3)
		return;
	for (unsigned i = 0; i < 3; i++)
		s->dac[s->dac_write * 3 + i] = s->dac_tmp[i];
	s->dac_sub = 0;
	s->dac_write++;
}

static uint8_t dac_read(struct vga *v)
{
	struct vga_state *s = &v->st;
	uint8_t val = s->dac[s->dac_read * 3 + s->dac_sub];

	if (++s->dac_sub == 3) {
		s->dac_sub = 0;
		s->dac_read++;
	}
	return val;
}

/* 3B4h-3BAh answer in monochrome, 3D4h-3DAh in colour emulation. */
static bool other_emulation(const struct vga *v, unsigned port)
{
	return v->st.misc & MISC_COLOR ? port < 0x3C0 : port >= 0x3D0;
}

uint8_t vga_port_read(struct vga *v, unsigned port)
{
	struct vga_state *s = &v->st;

	if (other_emulation(v, port))
		return 0xFF;
	switch (port) {
	case 0x3C0:
		return s->attr_data ? s->attr[s->attr_index & 31] : s->attr_index;
	case 0x3C1:
		return s->attr[s->attr_index & 31];
	case 0x3C2:
		return 0x10; /* a monitor is there */
	case 0x3C4:
		return s->seq_index;
	case 0x3C5:
		return s->seq[s->seq_index & 7];
	case 0x3C6:
		return s->dac_mask;
	case 0x3C7:
		return s->dac_reading ? 3 : 0;
	case 0x3C8:
		return s->dac_write;
	case 0x3C9:
		return dac_read(v);
	case 0x3CA:
		return s->feature;
	case 0x3CC:
		return s->misc;
	case 0x3CE:
		return s->gfx_index;
	case 0x3CF:
		return s->gfx[s->gfx_index & 15];
	case 0x3B4:
	case 0x3D4:
		return s->crtc_index;
	case 0x3B5:
	case 0x3D5:
		return s->crtc[s->crtc_index & 31];
	case 0x3BA:
	case 0x3DA:
		return status1(v);
	}
	return 0xFF;
}

void vga_port_write(struct vga *v, unsigned port, uint8_t val)
{
	struct vga_state *s = &v->st;

	if (other_emulation(v, port))
		return;
	switch (port) {
	case 0x3C0:
		attr_write(v, val);
		break;
	case 0x3C2:
		s->misc = val & 0xEF;
		vga_window_changed(v);
		break;
	case 0x3C4:
		s->seq_index = val & 7;
		break;
	case 0x3C5:
		s->seq[s->seq_index & 7] = val & seq_bits[s->seq_index & 7];
		vga_window_changed(v);
		break;
	case 0x3C6:
		s->dac_mask = val;
		break;
	case 0x3C7:
		s->dac_read = val;
		s->dac_sub = 0;
		s->dac_reading = 1;
		break;
	case 0x3C8:
		s->dac_write = val;
		s->dac_sub = 0;
		s->dac_reading = 0;
		break;
	case 0x3C9:
		dac_write(v, val);
		break;
	case 0x3CE:
		s->gfx_index = val & 15;
		break;
	case 0x3CF:
		s->gfx[s->gfx_index & 15] = val & gfx_bits[s->gfx_index & 15];
		vga_window_changed(v);
		break;
	case 0x3B4:
	case 0x3D4:
		s->crtc_index = val & 31;
		break;
	case 0x3B5:
	case 0x3D5:
		crtc_write(v, val);
		break;
	case 0x3BA:
	case 0x3DA:
		s->feature = val & 0x08;
		break;
	}
}

static uint64_t port_read(void *opaque, uint64_t off, unsigned size)
{
	struct vga_ports *p = opaque;

	return vga_port_read(p->v, p->base + (unsigned)off);
}

static void port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct vga_ports *p = opaque;

	vga_port_write(p->v, p->base + (unsigned)off, (uint8_t)val);
}

static const struct io_ops port_ops = {
	.name = "vga",
	.read = port_read,
	.write = port_write,
	.min = 1,
	.max = 1,
};

void vga_map_ports(struct vga *v)
{
	/* 3BCh-3BEh between them belong to a parallel port */
	static const struct {
		uint16_t base, len;
	} map[ARRAY_SIZE(v->ports)] = {{0x3B4, 2}, {0x3BA, 1}, {0x3C0, 16}, {0x3D4, 2}, {0x3DA, 1}};

	for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
		struct vga_ports *p = &v->ports[i];

		p->v = v;
		p->base = map[i].base;
		space_add_io(v->io, &p->reg, "vga", p->base, map[i].len, &port_ops, p);
	}
}
