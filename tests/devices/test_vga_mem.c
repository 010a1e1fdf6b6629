/*
 * test_vga_mem.c - the A0000h window against a bit-by-bit model, the ports, retrace timing,
 * the PCI function, saved state, and a fuzz of everything a guest can reach.
 */
#include "tests/devices/vga_fixture.h"

/* The graphics controller one bit at a time, as the manual's diagrams draw it. */
static unsigned model_bit(const uint8_t *g, unsigned cpu, unsigned plane, unsigned bit, unsigned latch)
{
	unsigned mode = g[5] & 3, rot = g[3] & 7, cpu_bit = cpu >> ((bit + rot) & 7) & 1;
	unsigned sr = g[0] >> plane & 1, mask = g[8] >> bit & 1, d;

	if (mode == 1)
		return latch;
	if (mode == 0)
		d = g[1] >> plane & 1 ? sr : cpu_bit;
	else if (mode == 2)
		d = cpu >> plane & 1;
	else
		d = sr;
	if (mode == 3)
		mask &= cpu_bit;
	switch (g[3] >> 3 & 3) {
	case 1:
		d &= latch;
		break;
	case 2:
		d |= latch;
		break;
	case 3:
		d ^= latch;
		break;
	}
	return mask ? d : latch;
}

static unsigned model_write(const uint8_t *g, unsigned cpu, unsigned plane, unsigned latch)
{
	unsigned v = 0;

	for (unsigned b = 0; b < 8; b++)
		v |= model_bit(g, cpu, plane, b, latch >> b & 1) << b;
	return v;
}

START_TEST(write_modes)
{
	struct rig *r = rig_new();
	uint8_t g[9], latch[4], old[4];

	set_mode(r, &mode_12);
	for (unsigned n = 0; n < 20000; n++) {
		unsigned src = rnd(r) & 0xFFFF, dst = rnd(r) & 0xFFFF, cpu = rnd(r) & 255;
		unsigned planes = rnd(r) & 15;

		for (unsigned i = 0; i < 9; i++)
			g[i] = rnd(r) & 255;
		g[3] &= 0x1F;
		g[5] = n & 3;
		g[6] = 5;
		for (unsigned p = 0; p < 4; p++) {
			r->v->vram[src * 4 + p] = latch[p] = rnd(r) & 255;
			r->v->vram[dst * 4 + p] = old[p] = rnd(r) & 255;
		}
		if (src == dst)
			continue;
		for (unsigned i = 0; i < 9; i++)
			gfx(r, i, g[i]);
		seq(r, 2, planes);
		peek(r, 0xA0000 + src);
		poke(r, 0xA0000 + dst, cpu);
		for (unsigned p = 0; p < 4; p++) {
			unsigned want = planes >> p & 1 ? model_write(g, cpu, p, latch[p]) : old[p];

			if (r->v->vram[dst * 4 + p] != want)
				ck_abort_msg("mode %u plane %u: %02x, want %02x", g[5] & 3, p,
					r->v->vram[dst * 4 + p], want);
		}
	}
	rig_free(r);
}
END_TEST

START_TEST(read_modes)
{
	struct rig *r = rig_new();

	set_mode(r, &mode_12);
	for (unsigned n = 0; n < 5000; n++) {
		unsigned a = rnd(r) & 0xFFFF, cmp = rnd(r) & 15, care = rnd(r) & 15, want = 0;
		uint8_t *m = r->v->vram + a * 4;

		for (unsigned p = 0; p < 4; p++)
			m[p] = rnd(r) & 255;
		gfx(r, 5, 0);
		gfx(r, 4, n & 3);
		ck_assert_uint_eq(peek(r, 0xA0000 + a), m[n & 3]);
		gfx(r, 5, 8);
		gfx(r, 2, cmp);
		gfx(r, 7, care);
		for (unsigned b = 0; b < 8; b++) {
			bool same = true;

			for (unsigned p = 0; p < 4; p++)
				if (care >> p & 1 && (m[p] >> b & 1) != (cmp >> p & 1))
					same = false;
			want |= (unsigned)same << b;
		}
		ck_assert_uint_eq(peek(r, 0xA0000 + a), want);
	}
	rig_free(r);
}
END_TEST

START_TEST(window_maps)
{
	struct rig *r = rig_new();

	set_mode(r, &mode_13);
	/* chain-4 is linear in memory, wide accesses are bytes in order */
	space_write(&r->mem, 0xA0101, 0x8877665544332211ull, 8);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(r->v->vram[0x101 + i], 0x11 * (i + 1));
	ck_assert_uint_eq(space_read(&r->mem, 0xA0103, 4), 0x66554433);
	seq(r, 2, 0x0D); /* the map mask holds for chain-4 too */
	space_write(&r->mem, 0xA0100, 0, 4);
	ck_assert_uint_eq(space_read(&r->mem, 0xA0100, 4), 0x00001100);
	ck_assert_uint_eq(peek(r, 0xB0000), 0xFF);
	gfx(r, 6, 9); /* B0000h */
	ck_assert_uint_eq(peek(r, 0xA0100), 0xFF);
	ck_assert_uint_eq(peek(r, 0xB0101), 0x11);
	ck_assert_uint_eq(peek(r, 0xB8101), 0xFF);
	gfx(r, 6, 0xD); /* B8000h */
	ck_assert_uint_eq(peek(r, 0xB8101), 0x11);
	gfx(r, 6, 1); /* 128 KiB */
	ck_assert_uint_eq(peek(r, 0xA0101), 0x11);
	/* odd/even: even bytes in planes 0 and 2, odd in 1 and 3, as the map mask allows */
	set_mode(r, &mode_03);
	space_write(&r->mem, 0xB8006, 0xBBAA, 2);
	ck_assert_uint_eq(r->v->vram[3 * 4], 0xAA);
	ck_assert_uint_eq(r->v->vram[3 * 4 + 1], 0xBB);
	ck_assert_uint_eq(r->v->vram[3 * 4 + 2], 0);
	out8(r, 0x3C2, 0x65); /* RAM disabled */
	ck_assert_uint_eq(peek(r, 0xB8006), 0xFF);
	poke(r, 0xB8006, 1);
	ck_assert_uint_eq(r->v->vram[3 * 4], 0xAA);
	rig_free(r);
}
END_TEST

START_TEST(direct_window)
{
	struct rig *r = rig_new();
	raddr_t ra;

	set_mode(r, &mode_12);
	ck_assert_ptr_null(space_host(&r->mem, 0xA0000, 0x10000, &ra));
	set_mode(r, &mode_13);
	ck_assert_ptr_eq(space_host(&r->mem, 0xA0000, 0x10000, &ra), r->v->vram);
	gfx(r, 8, 0x0F); /* bit mask: no plain memory any more */
	ck_assert_ptr_null(space_host(&r->mem, 0xA0000, 0x10000, &ra));
	gfx(r, 8, 0xFF);
	ck_assert_ptr_nonnull(space_host(&r->mem, 0xA0000, 0x10000, &ra));
	seq(r, 4, 6); /* unchained */
	ck_assert_ptr_null(space_host(&r->mem, 0xA0000, 0x10000, &ra));
	seq(r, 4, 0xE);
	r->v->dev.ops->reset(&r->v->dev);
	ck_assert_ptr_null(space_host(&r->mem, 0xA0000, 0x10000, &ra));
	set_mode(r, &mode_13);
	vbe(r, VBE_XRES, 640);
	vbe(r, VBE_YRES, 480);
	vbe(r, VBE_ENABLE, VBE_ENABLED);
	vbe(r, VBE_BANK, 7);
	ck_assert_ptr_eq(space_host(&r->mem, 0xA0000, 0x10000, &ra), r->v->vram + 0x70000);
	vbe(r, VBE_ENABLE, 0);
	ck_assert_ptr_eq(space_host(&r->mem, 0xA0000, 0x10000, &ra), r->v->vram);
	rig_free(r);
}
END_TEST

START_TEST(ports)
{
	struct rig *r = rig_new();

	set_mode(r, &mode_03);
	ck_assert_uint_eq(in8(r, 0x3CC), 0x67);
	ck_assert_uint_eq(in8(r, 0x3B4), 0xFF);
	/* CRTC write protection */
	crtc(r, 0x11, 0x8E);
	crtc(r, 0x01, 0x11);
	ck_assert_uint_eq(in8(r, 0x3D5), 0x4F);
	crtc(r, 0x07, 0x00);
	ck_assert_uint_eq(in8(r, 0x3D5), 0x0F);
	crtc(r, 0x0C, 0x12);
	ck_assert_uint_eq(in8(r, 0x3D5), 0x12);
	/* attribute flip-flop; palette locked while the picture is on */
	in8(r, 0x3DA);
	out8(r, 0x3C0, 0x20 | 3);
	out8(r, 0x3C0, 0x15);
	ck_assert_uint_eq(in8(r, 0x3C1), 3);
	attr(r, 3, 0x15);
	in8(r, 0x3DA);
	out8(r, 0x3C0, 0x20 | 3);
	ck_assert_uint_eq(in8(r, 0x3C1), 0x15);
	/* DAC: three bytes an entry, auto-increment, read back */
	out8(r, 0x3C8, 254);
	for (unsigned i = 0; i < 9; i++)
		out8(r, 0x3C9, 0x40 | (10 + i));
	ck_assert_uint_eq(in8(r, 0x3C7), 0);
	out8(r, 0x3C7, 254);
	ck_assert_uint_eq(in8(r, 0x3C7), 3);
	for (unsigned i = 0; i < 9; i++)
		ck_assert_uint_eq(in8(r, 0x3C9), 10 + i);
	/* monochrome emulation moves the CRTC */
	out8(r, 0x3C2, 0x66);
	ck_assert_uint_eq(in8(r, 0x3D4), 0xFF);
	out8(r, 0x3B4, 0x0C);
	ck_assert_uint_eq(in8(r, 0x3B5), 0x12);
	rig_free(r);
}
END_TEST

START_TEST(retrace_timing)
{
	struct rig *r = rig_new();
	unsigned retrace = 0, blank = 0, edges = 0, last = 0;

	set_mode(r, &mode_13);
	/* 800 x 449 dots at 25.175 MHz: 14.268 ms a frame, 70 Hz */
	for (unsigned i = 0; i < 100000; i++) {
		unsigned st = in8(r, 0x3DA);

		edges += (st & 8) && !last;
		last = st & 8;
		retrace += !!(st & 8);
		blank += st & 1;
		clock_advance(&r->clock, 10000);
	}
	ck_assert_uint_ge(edges, 69);
	ck_assert_uint_le(edges, 71);
	ck_assert_uint_ge(retrace, 300); /* 2 of 449 lines: 445 samples */
	ck_assert_uint_le(retrace, 600);
	ck_assert_uint_ge(blank, 25000); /* 1 - 640/800 * 400/449 = 28.7 % */
	ck_assert_uint_le(blank, 33000);
	rig_free(r);
}
END_TEST

START_TEST(pci_function)
{
	struct rig *r = rig_new();
	struct pci_bus *bus = pci_bus_create(&r->log, &r->mem, &r->io);
	struct pci_dev *d = &r->v->pci;
	uint8_t rom[39936], edid[128];
	unsigned sum = 0;
	struct err e;

	for (unsigned i = 0; i < sizeof(rom); i++)
		rom[i] = (uint8_t)(i * 13);
	ck_assert_int_eq(vga_pci_attach(r->v, bus, PCI_DEVFN(2, 0), rom, sizeof(rom), &e), VM_OK);
	ck_assert_uint_eq(pci_config_read(d, 0, 4), 0x11111234);
	ck_assert_uint_eq(pci_config_read(d, 8, 4), 0x03000002);
	pci_config_write(d, 0x10, ~0u, 4);
	ck_assert_uint_eq(pci_config_read(d, 0x10, 4), 0xFF000008);
	pci_config_write(d, 0x10, 0xE0000000, 4);
	pci_config_write(d, 0x18, 0xE1000000, 4);
	pci_config_write(d, PCI_CFG_ROM, 0xE2000001, 4);
	pci_config_write(d, PCI_CFG_COMMAND, PCI_CMD_MEM | PCI_CMD_IO, 2);
	space_write(&r->mem, 0xE0ABCDE0, 0x12345678, 4);
	ck_assert_uint_eq(r->v->vram[0xABCDE1], 0x56);
	for (unsigned i = 0; i < sizeof(rom); i += 777)
		ck_assert_uint_eq(peek(r, 0xE2000000 + i), rom[i]);
	for (unsigned i = 0; i < 128; i++)
		sum += edid[i] = (uint8_t)peek(r, 0xE1000000 + i);
	ck_assert_uint_eq(sum & 255, 0);
	ck_assert_uint_eq(edid[56] | edid[58] >> 4 << 8, 1280);
	ck_assert_uint_eq(edid[59] | edid[61] >> 4 << 8, 800);
	/* the registers in memory: ports, DISPI, extension block */
	space_write(&r->mem, 0xE1000400 + 2, 0x67, 1);
	ck_assert_uint_eq(in8(r, 0x3CC), 0x67);
	space_write(&r->mem, 0xE1000502, 1024, 2);
	space_write(&r->mem, 0xE1000504, 768, 2);
	space_write(&r->mem, 0xE1000506, 32, 2);
	space_write(&r->mem, 0xE1000508, VBE_ENABLED | VBE_LFB, 2);
	ck_assert_uint_eq(space_read(&r->mem, 0xE1000500, 2), 0xB0C5);
	ck_assert_uint_eq(space_read(&r->mem, 0xE100050C, 2), 1024);
	ck_assert_uint_eq(space_read(&r->mem, 0xE1000600, 4), 8);
	ck_assert_uint_eq(space_read(&r->mem, 0xE1000604, 4), 0x1E1E1E1E);
	space_write(&r->mem, 0xE1000400, 0x20, 1); /* picture on */
	space_write(&r->mem, 0xE0000000 + (5 * 1024 + 7) * 4, 0x11ABCDEF, 4);
	update(r, false);
	assert_size(r, 1024, 768);
	assert_pix(r, 7, 5, 0xABCDEFu);
	ck_assert_int_eq(vga_pci_attach(r->v, bus, PCI_DEVFN(2, 0), NULL, 0, &e), VM_ERR_USAGE);
	if (bus->dev.ops->fini)
		bus->dev.ops->fini(&bus->dev);
	rig_free(r);
	free(bus);
}
END_TEST

START_TEST(saved_state)
{
	struct rig *r = rig_new();
	const struct device_ops *ops = r->v->dev.ops;
	uint8_t *state = (uint8_t *)r->v + ops->state_off, *copy = malloc(ops->state_size);
	uint32_t *pix = malloc(640 * 400 * 4);
	struct err e;

	set_mode(r, &mode_13);
	for (unsigned i = 0; i < 64000; i++)
		poke(r, 0xA0000 + i, rnd(r) & 255);
	update(r, false);
	memcpy(pix, r->f.pix, 640 * 400 * 4);
	memcpy(copy, state, ops->state_size);
	ops->reset(&r->v->dev);
	update(r, false);
	ck_assert_uint_eq(PIX(r, 3, 3), 0);
	memcpy(state, copy, ops->state_size);
	ck_assert_int_eq(ops->post_load(&r->v->dev, &e), VM_OK);
	update(r, false);
	ck_assert(!memcmp(pix, r->f.pix, 640 * 400 * 4));
	r->v->st.dac_sub = 200;
	ck_assert_int_eq(ops->post_load(&r->v->dev, &e), VM_ERR_FORMAT);
	free(pix);
	free(copy);
	rig_free(r);
}
END_TEST

static void fuzz_access(struct rig *r)
{
	static const uint16_t hot[] = {0x3C0, 0x3C2, 0x3C4, 0x3C5, 0x3C8, 0x3C9, 0x3CE, 0x3CF, 0x3D4,
		0x3D5, 0x3DA, 0x1CE, 0x1CF, 0x1D0, 0x3B4, 0x3B5};
	unsigned size = 1u << (rnd(r) % 3), what = rnd(r) % 16;
	unsigned port = what < 8 ? hot[rnd(r) % ARRAY_SIZE(hot)] : 0x3B0 + rnd(r) % 0x30;
	uint64_t addr = 0xA0000 + rnd(r) % 0x20000;

	if (what == 0)
		vbe(r, rnd(r) % 12, rnd(r) & 1 ? rnd(r) & 0xFFFF : rnd(r) & 0xFF);
	else if (what < 10 && what & 1)
		space_read(&r->io, port, size);
	else if (what < 10)
		space_write(&r->io, port, rnd(r), size);
	else if (what & 1)
		space_read(&r->mem, addr, what & 2 ? 8 : size);
	else
		space_write(&r->mem, addr, (uint64_t)rnd(r) << 32 | rnd(r), what & 2 ? 8 : size);
}

START_TEST(fuzz)
{
	struct rig *r = rig_new();
	struct text_screen *t = calloc(1, sizeof(*t));
	unsigned shown = 0;

	r->seed = 0x1234567 + (unsigned)_i * 7919;
	set_mode(r, &mode_12);
	for (unsigned n = 0; n < 25000; n++) {
		fuzz_access(r);
		if (n % 1000 == 0) /* off and on again, so that modes other than VBE are drawn */
			vbe(r, VBE_ENABLE, n / 1000 & 1);
		if (n % 200 == 0) {
			clock_advance(&r->clock, 16666667);
			r->v->st.attr_index |= n % 400 ? 0x20 : 0;
			update(r, n % 800 == 0);
			r->disp.text(r->disp.opaque, t);
			ck_assert_uint_le(r->f.y1, r->f.h);
			shown += r->f.y1 > r->f.y0;
		}
	}
	ck_assert_uint_gt(shown, 10);
	free(t);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vga_mem");
	TCase *t = tcase_create("all");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, write_modes);
	tcase_add_test(t, read_modes);
	tcase_add_test(t, window_maps);
	tcase_add_test(t, direct_window);
	tcase_add_test(t, ports);
	tcase_add_test(t, retrace_timing);
	tcase_add_test(t, pci_function);
	tcase_add_test(t, saved_state);
	tcase_add_loop_test(t, fuzz, 0, 4);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
