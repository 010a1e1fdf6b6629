/*
 * vga.c - the adapter as a device: creation, reset, saved state, dump.
 *
 * The subjects live in vga_regs.c (ports), vga_mem.c (A0000h window), vbe.c (DISPI), vga_view.c
 * (geometry), vga_draw.c and vga_text.c (pixels), vga_pci.c (PCI function).
 */
#include "devices/vga_int.h"
#include <string.h>

static void reset(struct device *d)
{
	struct vga *v = container_of(d, struct vga, dev);

	memset(&v->st, 0, sizeof(v->st));
	v->st.dac_mask = 0xFF;
	v->st.gfx[GFX_BIT_MASK] = 0xFF;
	vbe_reset(v);
	vga_window_changed(v);
	v->cache.sig.valid = 0;
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct vga *v = container_of(d, struct vga, dev);
	struct vga_state *s = &v->st;

	if (s->dac_sub > 2 || s->seq_index > 7 || s->gfx_index > 15 || s->crtc_index > 31 ||
		s->vbe_index >= 0xFFFF)
		return err_set(e, VM_ERR_FORMAT, "VGA: saved register indices are out of range");
	s->attr_data = !!s->attr_data;
	vbe_fix(v);
	vga_window_changed(v);
	v->cache.sig.valid = 0;
	return VM_OK;
}

static void dump(struct device *d, FILE *out)
{
	struct vga *v = container_of(d, struct vga, dev);
	static const char *const kinds[] = {"blank", "text", "planar", "CGA", "256 colours",
		"linear"};
	struct vga_view vw;

	vga_get_view(v, &vw);
	fprintf(out, "VGA: %s %ux%u%s, start %x, pitch %x, misc %02x\n", kinds[vw.kind], vw.w, vw.h,
		vw.vbe ? " (VBE)" : "", vw.start, vw.pitch, v->st.misc);
}

static const struct device_ops ops = {
	.name = "VGA",
	.version = 1,
	.state_off = offsetof(struct vga, st),
	.state_size = sizeof(struct vga_state),
	.reset = reset,
	.post_load = post_load,
	.dump = dump,
};

static void update(void *opaque, struct frame *f, bool full)
{
	vga_update(opaque, f, full);
}

static void text(void *opaque, struct text_screen *t)
{
	vga_text_cells(opaque, t);
}

void vga_display(struct vga *v, struct display *d)
{
	d->update = update;
	d->text = text;
	d->opaque = v;
}

struct vga *vga_create(struct log *log, struct clock *clock, struct space *mem, struct space *io,
	struct ram *ram, void (*dirty_cleared)(void *opaque, raddr_t ra, uint64_t len),
	void *dirty_opaque)
{
	raddr_t ra = ram_alloc(ram, VGA_VRAM_SIZE);
	struct vga *v;

	if (ra == RADDR_NONE)
		return NULL;
	v = device_new(sizeof(*v), &ops, log);
	v->clock = clock;
	v->ram = ram;
	v->mem = mem;
	v->io = io;
	v->vram_ra = ra;
	v->vram = ram->host + ra;
	v->dirty_cleared = dirty_cleared;
	v->dirty_opaque = dirty_opaque;
	for (uint64_t p = 0; p < VGA_VRAM_SIZE / PAGE_SIZE; p++)
		ram->dirty[(ra >> PAGE_SHIFT) + p] |= DIRTY_TRACKED;
	vga_map_window(v);
	reset(&v->dev);
	vga_edid(v->edid, 1280, 800);
	vga_map_ports(v);
	vbe_map_ports(v);
	return v;
}
