/*
 * vga_int.h - what the vga_*.c and vbe.c files share: register names and the decoded picture
 * geometry.
 */
#ifndef DEVICES_VGA_INT_H
#define DEVICES_VGA_INT_H

#include "devices/vga.h"

/* register indices, by IBM's names */
enum { SEQ_RESET, SEQ_CLOCKING, SEQ_MAP_MASK, SEQ_FONT, SEQ_MEM_MODE };
enum { GFX_SET_RESET, GFX_ENABLE_SR, GFX_COMPARE, GFX_ROTATE, GFX_READ_MAP, GFX_MODE, GFX_MISC,
	GFX_DONT_CARE, GFX_BIT_MASK };
enum { CR_HTOTAL = 0, CR_HDISP = 1, CR_VTOTAL = 6, CR_OVERFLOW = 7, CR_PRESET_ROW = 8,
	CR_MAX_SCAN = 9, CR_CURSOR_START = 0xA, CR_CURSOR_END = 0xB, CR_START_HI = 0xC,
	CR_START_LO = 0xD, CR_CURSOR_HI = 0xE, CR_CURSOR_LO = 0xF, CR_VRETRACE_START = 0x10,
	CR_VRETRACE_END = 0x11, CR_VDISP = 0x12, CR_OFFSET = 0x13, CR_UNDERLINE = 0x14,
	CR_MODE = 0x17, CR_LINE_COMPARE = 0x18 };
enum { ATTR_MODE = 0x10, ATTR_OVERSCAN = 0x11, ATTR_PLANES = 0x12, ATTR_PAN = 0x13,
	ATTR_COLOR = 0x14 };

#define MISC_COLOR 0x01	     /* registers at 3Dxh, not 3Bxh */
#define MISC_RAM 0x02	     /* the CPU may use the window */
#define ATTR_INDEX_PAS 0x20  /* attr_index: the picture is on */
#define SEQ_CHAIN4 0x08	     /* SEQ_MEM_MODE */
#define SEQ_NO_ODD_EVEN 0x04 /* SEQ_MEM_MODE */
#define GFX_ODD_EVEN 0x10    /* GFX_MODE */
#define PLANE_WRAP 0xFFFFu   /* plane addresses of a VGA with 256 KiB */

/* How memory becomes pixels */
enum vga_kind {
	VGA_BLANK,
	VGA_TEXT,
	VGA_PLANAR, /* four planes, one bit each; with VBE also its 4 bpp modes */
	VGA_CGA,    /* two bits per pixel, planes 0/2 then 1/3 */
	VGA_256,    /* a byte per pixel, two dots wide */
	VGA_LINEAR, /* VBE 8..32 bpp */
};

struct vga_view {
	enum vga_kind kind;
	bool vbe;
	unsigned w, h;	   /* of the frame, pixels */
	unsigned cols;	   /* character clocks per row */
	unsigned dots;	   /* per character clock: 8 or 9 */
	unsigned xrep;	   /* each dot drawn this often: 1, or 2 with the dot clock halved */
	unsigned start;	   /* plane address; VGA_LINEAR: byte address */
	unsigned pitch;	   /* same unit, per row */
	unsigned wrap;	   /* mask of plane addresses */
	unsigned bpp;	   /* VGA_LINEAR: 8 15 16 24 32 */
	unsigned max_scan; /* scan lines per row - 1 */
	bool dbl;	   /* each scan line twice */
	unsigned preset;   /* row scan of the first line */
	unsigned pan;	   /* dots */
	bool pan_split;	   /* panning also below the split */
	unsigned split;	   /* last scan line above the split */
};

/* The CRTC's counters, walking down the frame. */
struct vga_scan {
	unsigned y, row; /* frame line; how many rows began above this one */
	unsigned ma;	 /* plane address of the row */
	unsigned ra;	 /* scan line within the row */
	unsigned rep;	 /* second pass of a doubled line */
	unsigned pan;
};

static inline bool vbe_on(const struct vga *v)
{
	return v->st.vbe[VBE_ENABLE] & VBE_ENABLED;
}

/* vga_regs.c */
uint8_t vga_port_read(struct vga *v, unsigned port);
void vga_port_write(struct vga *v, unsigned port, uint8_t val);
void vga_map_ports(struct vga *v);

/* vga_mem.c */
extern const uint32_t vga_planes[16]; /* byte mask of a set of planes */
void vga_map_window(struct vga *v);
void vga_window_changed(struct vga *v); /* after writes of registers that shape the window */

/* vbe.c */
void vbe_map_ports(struct vga *v);
void vbe_reset(struct vga *v);
void vbe_fix(struct vga *v); /* bring the registers of an enabled mode into range */
uint16_t vbe_read(struct vga *v, unsigned reg);
void vbe_write(struct vga *v, unsigned reg, uint16_t val);
unsigned vbe_line_bytes(unsigned width, unsigned bpp); /* of one row, 4 bpp: of all four planes */

/* vga_view.c */
void vga_get_view(const struct vga *v, struct vga_view *vw);
void vga_scan_start(const struct vga_view *vw, struct vga_scan *s);
void vga_scan_next(const struct vga_view *vw, struct vga_scan *s);

/* vga_text.c */
uint64_t vga_font_sum(const struct vga *v);
uint64_t vga_text_row_sum(const struct vga *v, const struct vga_view *vw, const struct vga_scan *s);
void vga_text_line(const struct vga *v, const struct vga_view *vw, const struct vga_scan *s,
	uint32_t *out);
void vga_text_cells(struct vga *v, struct text_screen *t);

/* vga_draw.c */
void vga_update(struct vga *v, struct frame *f, bool full);

/* vga_edid.c */
void vga_edid(uint8_t edid[128], unsigned w, unsigned h);

#endif
