/*
 * pc.c - the board: which chips a `pc` (i440FX + PIIX3) has, at which addresses, on which wires.
 *
 * This file decides; the chips only do. ISA interrupt lines go to the 8259 pair and to the I/O APIC alike
 * (IRQ 0 to pin 2, as the MADT's override says). The 8259's output goes to the local APIC's LINT0,
 * which passes it on to the CPU as ExtINT while the guest has not taken it over.
 */
#include "frontend/machine/board.h"
#include "frontend/machine/acpi.h"
#include "frontend/machine/smbios.h"
#include <stdlib.h>
#include <string.h>

#define CMOS_FLOPPY 0x10
#define CMOS_EQUIPMENT 0x14
#define MSR_APIC_BASE 0x1B
#define PM_BASE 0x600 /* where SeaBIOS puts the PIIX4's power management block */

void pc_add(struct machine *m, void *dev)
{
	struct device *d = dev;

	d->next = NULL;
	*m->devices_end = d;
	m->devices_end = &d->next;
}

/* ---- wires ---- */

/* A PCI function whose pin is asserted: the one behind a PCI interrupt, or one of those that share it. */
static const char *pci_puller(const struct machine *m)
{
	for (unsigned i = 0; i < m->pci->nfn; i++)
		if (m->pci->st.intx & BIT(i))
			return m->pci->fn[i]->name;
	return "PCI";
}

static void msi(void *opaque, const char *source, uint64_t addr, uint32_t data)
{
	struct machine *m = opaque;

	if (UNLIKELY(m->irq_seen != NULL))
		m->irq_seen(m->irq_opaque, -1, data & 0xFF, source);
	apic_bus_msi(&m->apic_bus, addr, data);
}

static void gsi_set(void *opaque, int n, int level)
{
	struct gsi_source *src = opaque;
	struct gsi *g = src->gsi;
	struct machine *m = src->m;

	level = !!level;
	if (level == src->level || m->loading)
		return;
	src->level = level;
	if (level && UNLIKELY(m->irq_seen != NULL))
		m->irq_seen(m->irq_opaque, n, 0, src->name ? src->name : pci_puller(m));
	g->high += level ? 1u : -1u;
	if (g->high > (unsigned)level)
		return; /* another one pulls, too */
	irq_set(&g->pic, level);
	irq_set(&g->ioapic, level);
}

struct irq gsi_irq(struct machine *m, int n, const char *name)
{
	struct gsi_source *src = &m->source[m->nsources];

	BUG_ON(m->nsources == BOARD_MAX_SOURCES);
	m->nsources++;
	src->m = m;
	src->gsi = &m->gsi[n];
	src->name = name;
	return (struct irq){gsi_set, src, n};
}

static void a20_set(void *opaque, int n, int level)
{
	struct machine *m = opaque;

	(void)n;
	if (m->loading)
		return;
	/* the chips drive the wire while they are being made, too */
	if (m->kbc)
		i8042_set_a20(m->kbc, level);
	if (m->port92)
		port92_set_a20(m->port92, level);
	vcpu_set_a20(m->cpu, level);
}

static void cpu_stop(struct machine *m)
{
	vcpu_request(m->cpu, REQ_STOP);
}

static void reset_set(void *opaque, int n, int level)
{
	struct machine *m = opaque;

	(void)n;
	if (!level)
		return;
	m->want_reset = true;
	cpu_stop(m);
}

static void intr_set(void *opaque, int n, int level)
{
	struct machine *m = opaque;

	(void)n;
	if (!m->loading)
		vcpu_set_intr(m->cpu, level);
}

static void ferr_set(void *opaque, int level)
{
	struct machine *m = opaque;

	irq_set(&m->ferr, level);
}

/* Port F0h: the latch that clears IRQ 13 after FERR#. */
static void f0_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	(void)off;
	(void)val;
	(void)size;
	ferr_set(opaque, 0);
}

static const struct io_ops f0_ops = {.name = "coprocessor", .write = f0_write};

/* ---- CPU <-> board ---- */

_Static_assert(TSC_HZ == APIC_TIMER_HZ, "CPUID leaf 15h names one crystal for both");

static int cpu_ack(void *opaque)
{
	struct machine *m = opaque;

	return apic_ack(m->apic);
}

static uint64_t cpu_tsc(void *opaque)
{
	struct machine *m = opaque;

	return muldiv64(clock_now(&m->clock), TSC_HZ, NS_PER_SEC);
}

static uint64_t tsc_to_ns(void *opaque, uint64_t tsc)
{
	struct machine *m = opaque;

	tsc -= m->cpu->msr.tsc_offset;
	return (int64_t)tsc < 0 ? 0 : muldiv64(tsc, NS_PER_SEC, TSC_HZ); /* before the machine was: long past */
}

static bool cpu_apic_read(void *opaque, uint32_t msr, uint64_t *v)
{
	struct machine *m = opaque;

	if (msr == 0x1B) { /* IA32_APIC_BASE */
		*v = apic_base(m->apic);
		return true;
	}
	if (msr == 0x6E0) { /* IA32_TSC_DEADLINE */
		*v = apic_tsc_deadline(m->apic);
		return true;
	}
	return apic_msr_read(m->apic, msr, v);
}

static bool cpu_apic_write(void *opaque, uint32_t msr, uint64_t v)
{
	struct machine *m = opaque;

	if (msr == 0x6E0) {
		apic_set_tsc_deadline(m->apic, v);
		return true;
	}
	return msr == 0x1B ? apic_set_base(m->apic, v) : apic_msr_write(m->apic, msr, v);
}

static uint8_t cpu_get_cr8(void *opaque)
{
	struct machine *m = opaque;

	return (uint8_t)apic_cr8(m->apic);
}

static void cpu_set_cr8(void *opaque, uint8_t v)
{
	struct machine *m = opaque;

	apic_set_cr8(m->apic, v);
}

static void apic_nmi(void *opaque)
{
	machine_nmi(opaque);
}

static void apic_init(void *opaque)
{
	struct machine *m = opaque;

	vcpu_request(m->cpu, REQ_INIT);
}

static int extint_ack(void *opaque)
{
	return i8259_ack(opaque);
}

static void dirty_cleared(void *opaque, raddr_t ra, uint64_t len)
{
	struct machine *m = opaque;

	for (uint64_t off = 0; off < len; off += PAGE_SIZE)
		tlb_protect_page(&m->cpu->mmu, ra + off);
}

static void mem_changed(void *opaque)
{
	struct machine *m = opaque;

	if (m->cpu)
		tlb_flush(&m->cpu->mmu, true);
}

/* ---- power ---- */

static void acpi_sleep(void *opaque, unsigned type)
{
	struct machine *m = opaque;

	switch (type) {
	case ACPI_S5_TYPE:
		m->want_off = true;
		break;
	case ACPI_S3_TYPE:
		m->want_sleep = true;
		break;
	default:
		UNIMP(m->log, "ACPI sleep type %u: stays awake\n", type);
		return;
	}
	cpu_stop(m);
}

static void debug_exit(void *opaque, uint32_t value)
{
	struct machine *m = opaque;

	m->exit_code = (int)(value << 1 | 1) & 0xFF;
	m->want_exit = true;
	cpu_stop(m);
}

static void guest_panic(void *opaque, unsigned event)
{
	struct machine *m = opaque;

	if (event != PVPANIC_PANICKED) {
		GUEST_ERR(m->log, "the guest's kernel has panicked and starts its crash kernel\n");
		return;
	}
	m->panicked = true;
	cpu_stop(m);
}

/* The firmware decides where the ACPI registers are, and fetches the tables, which name the place, after that. */
static void pm_map(void *opaque, uint16_t base, bool enabled)
{
	struct machine *m = opaque;

	acpi_pm_map(m->pm, base, enabled);
	if (!enabled || m->pm_base == (base & 0xFFC0))
		return;
	m->pm_base = base & 0xFFC0;
	if (m->fw && !m->cfg.no_acpi && !pc_acpi_tables(m))
		UNIMP(m->log, "ACPI tables: no memory to name the new place of the registers\n");
}

/* ---- construction ---- */

static void build_interrupts(struct machine *m)
{
	struct apic_cpu cpu = {.opaque = m, .intr = {intr_set, m, 0}, .nmi = apic_nmi,
		.init = apic_init, .tsc_to_ns = tsc_to_ns, .extint_ack = extint_ack};
	struct ioapic_out out = {apic_bus_deliver, &m->apic_bus};

	apic_bus_init(&m->apic_bus, &m->mem);
	/* the acknowledge needs the 8259, the 8259 needs LINT0: made in this order, joined after */
	m->pic = i8259_create(m->log, &m->io, (struct irq){0});
	cpu.extint_opaque = m->pic;
	m->apic = apic_create(m->log, &m->clock, &m->apic_bus, 0, true, &cpu);
	m->pic->intr = apic_lint(m->apic, 0);
	m->ioapic = ioapic_create(m->log, &m->mem, 0xFEC00000, 0, out);
	m->apic_bus.eoi = ioapic_eoi;
	m->apic_bus.eoi_opaque = m->ioapic;
	pc_add(m, m->pic);
	pc_add(m, m->apic);
	pc_add(m, m->ioapic);
	for (int n = 0; n < 24; n++) {
		if (n < 16 && n != 2)
			m->gsi[n].pic = i8259_input(m->pic, n);
		if (n != 2)
			m->gsi[n].ioapic = ioapic_input(m->ioapic, n ? n : 2);
	}
}

static void build_cpu_wires(struct machine *m)
{
	m->ferr = gsi_irq(m, 13, "coprocessor");
	m->cpu->wires = (struct cpu_wires){.opaque = m, .intr_ack = cpu_ack, .ferr = ferr_set,
		.tsc = cpu_tsc, .tsc_opaque = m, .tsc_hz = TSC_HZ, .apic_read = cpu_apic_read, .apic_write = cpu_apic_write,
		.get_cr8 = cpu_get_cr8, .set_cr8 = cpu_set_cr8};
	m->mem.changed = mem_changed;
	m->mem.changed_opaque = m;
}

/* The clock chip's wire, which the HPET's legacy replacement takes away from it */
static void rtc_set(void *opaque, int n, int level)
{
	struct machine *m = opaque;

	if (level && !m->rtc_level && m->pm)
		acpi_pm_rtc(m->pm);
	m->rtc_level = level;
	irq_set(&m->rtc_irq, level && !m->rtc_cut);
}

static void hpet_legacy(void *opaque, bool on)
{
	struct machine *m = opaque;

	i8254_enable_irq(m->pit, !on);
	m->rtc_cut = on;
	rtc_set(m, 0, m->rtc_level);
}

static void build_hpet(struct machine *m)
{
	struct hpet_wires w = {.pit = gsi_irq(m, 0, "hpet"), .rtc = gsi_irq(m, 8, "hpet"), .legacy = hpet_legacy, .opaque = m};

	for (int n = 0; n < HPET_GSIS; n++)
		if (HPET_ROUTES >> n & 1)
			w.gsi[n] = gsi_irq(m, n, "hpet");
	pc_add(m, hpet_create(m->log, &m->clock, &m->mem, &w));
}

static void add_testdev(struct machine *m)
{
	struct irq line[TESTDEV_LINES];

	for (int n = 0; n < TESTDEV_LINES; n++)
		line[n] = gsi_irq(m, n, "pc-testdev");
	pc_add(m, testdev_create(m->log, &m->mem, &m->io, line));
}

static void build_legacy(struct machine *m)
{
	struct irq a20 = {a20_set, m, 0}, reset = {reset_set, m, 0};
	struct i8042_wires w = {gsi_irq(m, 1, "keyboard"), gsi_irq(m, 12, "mouse"), a20, reset};
	struct ps2kbd *kbd;
	struct ps2mouse *mouse;
	static const uint16_t com[CONFIG_MAX_SERIAL] = {0x3F8, 0x2F8, 0x3E8, 0x2E8};

	m->pit = i8254_create(m->log, &m->clock, &m->io, gsi_irq(m, 0, "i8254"));
	pc_add(m, m->pit);
	pc_add(m, pcspk_create(m->log, &m->clock, &m->io, m->pit, m->cfg.pcspk_audio));
	m->rtc_irq = gsi_irq(m, 8, "mc146818");
	m->rtc = mc146818_create(m->log, &m->clock, &m->io, (struct irq){rtc_set, m, 0}, m->cfg.rtc_base);
	pc_add(m, m->rtc);
	if (m->cfg.hpet)
		build_hpet(m);
	m->kbc = i8042_create(m->log, &m->clock, &m->io, &w);
	pc_add(m, m->kbc);
	kbd = ps2kbd_create(m->log, &m->clock, i8042_ready(m->kbc, 0), &m->input);
	mouse = ps2mouse_create(m->log, &m->clock, i8042_ready(m->kbc, 1), &m->input);
	i8042_attach(m->kbc, 0, ps2kbd_port(kbd));
	i8042_attach(m->kbc, 1, ps2mouse_port(mouse));
	pc_add(m, kbd);
	pc_add(m, mouse);
	m->port92 = port92_create(m->log, &m->io, a20, reset);
	pc_add(m, m->port92);
	for (unsigned i = 0; i < CONFIG_MAX_SERIAL; i++)
		if (m->cfg.serial[i])
			pc_add(m, uart16550_create(m->log, &m->clock, &m->io, com[i],
				gsi_irq(m, i & 1 ? 3 : 4, "uart16550"), m->cfg.serial[i]));
	m->dma = i8237_create(m->log, &m->mem, &m->io);
	pc_add(m, m->dma);
	m->fdc = fdc_create(m->log, &m->clock, &m->io, m->dma, gsi_irq(m, 6, "fdc"), m->cfg.floppy);
	pc_add(m, m->fdc);
	if (m->cfg.parallel)
		pc_add(m, lpt_create(m->log, &m->clock, &m->io, 0x378, gsi_irq(m, 7, "lpt"), m->cfg.parallel));
	for (unsigned i = 0; i < m->cfg.ndebugcon; i++)
		pc_add(m, debugcon_create(m->log, &m->io, m->cfg.debugcon[i].iobase,
			m->cfg.debugcon[i].chr));
	if (m->cfg.pvpanic_ioport)
		pc_add(m, pvpanic_create(m->log, &m->io, m->cfg.pvpanic_ioport, m->cfg.pvpanic_events, guest_panic, m));
	if (m->cfg.testdev)
		add_testdev(m);
	if (m->cfg.debug_exit)
		pc_add(m, debugexit_create(m->log, &m->io, m->cfg.debug_exit_iobase,
			m->cfg.debug_exit_iosize, debug_exit, m));
	pc_add(m, port80_create(m->log, &m->io));
	space_add_io(&m->io, &m->f0, "coprocessor", 0xF0, 2, &f0_ops, m);
}

static enum vm_err build_pci(struct machine *m, struct err *e)
{
	struct i440fx_config fx = {m->ram_ra, m->cfg.ram_size, m->bios_ra, m->bios_size, m->cfg.pflash[0]};
	struct piix4_pm_hooks hooks;
	struct irq ide_irq[2] = {gsi_irq(m, 14, "ide"), gsi_irq(m, 15, "ide")};

	m->pci = pci_bus_create(m->log, &m->mem, &m->io);
	m->pci->msi = msi;
	m->pci->msi_opaque = m;
	pc_add(m, m->pci);
	m->fx = i440fx_create(m->log, m->pci, &fx);
	pc_add(m, m->fx);
	pc_add_flash(m);
	m->piix3 = piix3_create(m->log, m->pci);
	for (int n = 0; n < 16; n++)
		m->piix3->isa[n] = gsi_irq(m, n, NULL);
	m->piix3->reset = (struct irq){reset_set, m, 0};
	pc_add(m, m->piix3);
	m->ide = ide_create(m->log, m->pci, m->cfg.ide, ide_irq);
	pc_add(m, m->ide);
	m->pm = acpi_pm_create(m->log, &m->clock, &m->io, gsi_irq(m, 9, "acpi_pm"), (struct irq){0}, acpi_sleep, m);
	m->pm_base = PM_BASE;
	hooks = (struct piix4_pm_hooks){pm_map, m};
	m->pm_pci = piix4_pm_create(m->log, m->pci, &hooks, false);
	pc_add(m, m->pm_pci);
	pc_add(m, m->pm);
	if (!m->cfg.vga)
		return pc_cards(m, e);
	char path[512];
	enum vm_err r = file_find(&m->cfg, "vgabios-stdvga.bin", path, sizeof(path), e);

	if (!r)
		r = file_load(path, "VGA BIOS", 256 << 10, &m->vga_rom, &m->vga_rom_len, e);
	if (r)
		return r;
	m->vga = vga_create(m->log, &m->clock, &m->mem, &m->io, &m->ram, dirty_cleared, m);
	if (!m->vga)
		return err_set(e, VM_ERR_NOMEM, "no memory for video memory");
	pc_add(m, m->vga);
	vga_display(m->vga, &m->display);
	r = vga_pci_attach(m->vga, m->pci, 2 << 3, m->vga_rom, m->vga_rom_len, e);
	return r ? r : pc_cards(m, e);
}

void pc_boot_order(struct machine *m, const char *order)
{
	static const char letters[] = "acdn";
	unsigned code[3] = {0, 0, 0};

	if (!order)
		order = "cad";
	for (unsigned i = 0; i < 3 && order[i]; i++) {
		const char *p = strchr(letters, order[i]);

		code[i] = p ? (unsigned)(p - letters) + 1 : 0;
	}
	mc146818_set(m->rtc, 0x3D, (uint8_t)(code[1] << 4 | code[0]));
	/* bit 0: a floppy's boot sector needs no signature */
	mc146818_set(m->rtc, 0x38, (uint8_t)(code[2] << 4 | m->cfg.no_fd_check));
}

/* The CMOS bytes that SeaBIOS and old systems read: memory size, equipment, boot order. */
static void fill_cmos(struct machine *m)
{
	uint64_t low = i440fx_below_4g(m->cfg.ram_size), high = m->cfg.ram_size - low;
	uint64_t ext_kb = low > 1 << 20 ? (low - (1 << 20)) >> 10 : 0;
	uint64_t over16 = low > 16 << 20 ? (low - (16 << 20)) >> 16 : 0;
	struct mc146818 *r = m->rtc;
	int floppies;

	if (ext_kb > 65535)
		ext_kb = 65535;
	if (over16 > 65535)
		over16 = 65535;
	mc146818_set(r, 0x15, 640 & 0xFF);
	mc146818_set(r, 0x16, 640 >> 8);
	mc146818_set(r, 0x17, (uint8_t)ext_kb);
	mc146818_set(r, 0x18, (uint8_t)(ext_kb >> 8));
	mc146818_set(r, 0x30, (uint8_t)ext_kb);
	mc146818_set(r, 0x31, (uint8_t)(ext_kb >> 8));
	mc146818_set(r, 0x34, (uint8_t)over16);
	mc146818_set(r, 0x35, (uint8_t)(over16 >> 8));
	mc146818_set(r, 0x5B, (uint8_t)(high >> 16));
	mc146818_set(r, 0x5C, (uint8_t)(high >> 24));
	mc146818_set(r, 0x5D, (uint8_t)(high >> 32));
	mc146818_set(r, CMOS_FLOPPY, (uint8_t)(fdc_cmos_type(m->cfg.floppy[0]) << 4 | fdc_cmos_type(m->cfg.floppy[1])));
	floppies = !!m->cfg.floppy[0] + !!m->cfg.floppy[1];
	mc146818_set(r, CMOS_EQUIPMENT, (uint8_t)(0x06 | (floppies ? (floppies - 1) << 6 | 1 : 0))); /* FPU, mouse */
	pc_boot_order(m, m->cfg.boot);
}

/* -fw_cfg */
static enum vm_err add_user_file(struct machine *m, unsigned i, struct err *e)
{
	const char *name = m->cfg.fw_cfg[i].name, *text = m->cfg.fw_cfg[i].string;
	uint8_t *data = NULL;
	size_t len = text ? strlen(text) : 0;
	enum vm_err r = text ? VM_OK : file_load(m->cfg.fw_cfg[i].file, "fw_cfg file", 64 << 20, &data, &len, e);

	if (!r && !fw_cfg_add_file(m->fw, name, text ? (const void *)text : data, len))
		r = err_set(e, VM_ERR_NOMEM, "no room for the fw_cfg file '%s'", name);
	free(data);
	return r;
}

static enum vm_err build_fw_cfg(struct machine *m, struct err *e)
{
	uint64_t low = i440fx_below_4g(m->cfg.ram_size);
	char order[BOOTORDER_ROOM];
	struct fw_cfg_board b = {.ram_below_4g = low, .ram_above_4g = m->cfg.ram_size - low, .ncpus = 1,
		.max_cpus = 1, .nographic = m->cfg.nographic, .boot_menu = m->cfg.boot_menu,
		.uuid = m->cfg.uuid, .boot_fail_ms = m->cfg.boot_fail_ms, .boot_menu_ms = m->cfg.boot_menu_ms,
		.bootorder = order};

	pc_bootorder(m, order, sizeof(order));
	m->fw = fw_cfg_create(m->log, &m->mem, &m->io);
	pc_add(m, m->fw);
	if (!fw_cfg_standard(m->fw, &b) || (!m->cfg.no_acpi && !pc_acpi_tables(m)) ||
		!pc_smbios_tables(m))
		return err_set(e, VM_ERR_NOMEM, "no memory for the firmware's tables");
	for (unsigned i = 0; i < m->cfg.nfw_cfg; i++)
		if (add_user_file(m, i, e))
			return e->code;
	return m->cfg.kernel ? load_kernel(m, e) : VM_OK;
}

enum vm_err pc_build(struct machine *m, struct err *e)
{
	enum vm_err r;

	m->ram_ra = ram_alloc(&m->ram, m->cfg.ram_size);
	if (m->ram_ra == RADDR_NONE)
		return err_set(e, VM_ERR_NOMEM, "no memory for the guest's RAM");
	r = pc_load_firmware(m, e);
	if (r)
		return r;
	space_begin(&m->mem);
	space_begin(&m->io);
	build_interrupts(m);
	build_cpu_wires(m);
	build_legacy(m);
	r = build_pci(m, e);
	space_commit(&m->io);
	space_commit(&m->mem);
	if (r)
		return r;
	fill_cmos(m);
	return build_fw_cfg(m, e);
}
