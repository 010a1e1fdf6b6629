/*
 * acpi_dsdt.c - the differentiated system description: PCI root, interrupt links, ISA devices, sleep states.
 *
 * PCI interrupts go through four link devices whose _SRS writes the PIIX3 PIRQ route registers (60h-63h), so one
 * _PRT serves PIC and I/O APIC alike: IRQs 5, 10, 11 are GSIs of the same numbers.
 */
#include "frontend/machine/acpi.h"
#include "frontend/machine/aml.h"

static const char *const link_name[4] = {"LNKA", "LNKB", "LNKC", "LNKD"};

static void hid(struct aml *a, const char *id)
{
	aml_name(a, "_HID");
	aml_eisaid(a, id);
}

static void ext_irq(struct aml *res, const uint8_t *irq, unsigned n)
{
	aml_byte(res, 0x89);
	aml_le(res, 2 + 4 * n, 2);
	aml_byte(res, 0x09); /* consumer, level, active high, shared */
	aml_byte(res, n);
	for (unsigned i = 0; i < n; i++)
		aml_le(res, irq[i], 4);
}

/* Word/DWord address space descriptors: type 0 memory, 1 I/O, 2 bus numbers */
static void address_space(struct aml *res, bool dword, unsigned type, unsigned specific, uint64_t lo, uint64_t hi)
{
	unsigned w = dword ? 4 : 2;

	aml_byte(res, dword ? 0x87 : 0x88);
	aml_le(res, 3 + 5 * w, 2);
	aml_byte(res, type);
	aml_byte(res, 0x0C); /* fixed minimum and maximum, positive decode */
	aml_byte(res, specific);
	aml_le(res, 0, w);
	aml_le(res, lo, w);
	aml_le(res, hi, w);
	aml_le(res, 0, w);
	aml_le(res, hi - lo + 1, w);
}

static void root_resources(struct machine *m, struct aml *a)
{
	struct aml r = {0};
	uint64_t low = i440fx_below_4g(m->cfg.ram_size);

	address_space(&r, false, 2, 0, 0, 0xFF);
	aml_io(&r, 0xCF8, 8);
	address_space(&r, false, 1, 3, 0, 0xCF7);
	address_space(&r, false, 1, 3, 0xD00, 0xFFFF);
	address_space(&r, true, 0, 3, 0xA0000, 0xBFFFF);
	address_space(&r, true, 0, 1, low < 0xC0000000 ? 0x80000000 > low ? 0x80000000 : low : low, 0xFEBFFFFF);
	aml_name(a, "_CRS");
	aml_resources(a, &r);
}

static void routing_table(struct aml *a)
{
	struct aml t = {0};

	aml_byte(&t, 32 * 4);
	for (unsigned slot = 0; slot < 32; slot++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			struct aml e = {0};

			aml_byte(&e, 4);
			aml_byte(&e, 0x0C);
			aml_le(&e, slot << 16 | 0xFFFF, 4);
			aml_int(&e, pin);
			aml_path(&e, link_name[(slot + pin + 3) & 3]);
			aml_int(&e, 0);
			aml_wrap(&t, "\x12", 1, &e);
		}
	}
	aml_name(a, "_PRT");
	aml_wrap(a, "\x12", 1, &t);
}

static void link_device(struct aml *a, unsigned n)
{
	static const uint8_t choice[3] = {5, 10, 11};
	char reg[] = "\\_SB_.PCI0.ISA_.PRQ0";
	struct aml d = {0}, r = {0}, m = {0}, t = {0};

	reg[sizeof(reg) - 2] = (char)('0' + n);
	hid(&d, "PNP0C0F");
	aml_name(&d, "_UID");
	aml_int(&d, n + 1);
	aml_name(&d, "_PRS");
	ext_irq(&r, choice, 3);
	aml_resources(&d, &r);
	/* _STA: present; enabled unless bit 7 of the route register is set */
	aml_byte(&t, 0x7B); /* And(reg, 0x80, ) */
	aml_path(&t, reg);
	aml_int(&t, 0x80);
	aml_byte(&t, 0);
	aml_byte(&t, 0xA4); /* Return(9) */
	aml_int(&t, 9);
	aml_wrap(&m, "\xA0", 1, &t); /* If */
	aml_byte(&m, 0xA4);
	aml_int(&m, 0x0B);
	aml_method(&d, "_STA", 0, &m);
	/* _DIS: Or(reg, 0x80, reg) */
	aml_byte(&m, 0x7D);
	aml_path(&m, reg);
	aml_int(&m, 0x80);
	aml_path(&m, reg);
	aml_method(&d, "_DIS", 0, &m);
	/* _CRS: a template whose interrupt number (at byte 5) is the register's low bits */
	aml_name(&m, "BUF0");
	ext_irq(&r, (const uint8_t[]){0}, 1);
	aml_resources(&m, &r);
	aml_byte(&m, 0x8A); /* CreateDWordField(BUF0, 5, IRQV) */
	aml_path(&m, "BUF0");
	aml_int(&m, 5);
	aml_path(&m, "IRQV");
	aml_byte(&m, 0x7B); /* And(reg, 0x0F, IRQV) */
	aml_path(&m, reg);
	aml_int(&m, 0x0F);
	aml_path(&m, "IRQV");
	aml_byte(&m, 0xA4);
	aml_path(&m, "BUF0");
	aml_method(&d, "_CRS", 0x08, &m);
	/* _SRS(template): Store(number, reg) */
	aml_byte(&m, 0x8A); /* CreateDWordField(Arg0, 5, PRRI) */
	aml_byte(&m, 0x68);
	aml_int(&m, 5);
	aml_path(&m, "PRRI");
	aml_byte(&m, 0x70);
	aml_path(&m, "PRRI");
	aml_path(&m, reg);
	aml_method(&d, "_SRS", 1, &m);
	aml_device(a, link_name[n], &d);
}

static void isa_device(struct aml *a, const char *name, const char *id, unsigned uid, unsigned port,
	unsigned len, unsigned port2, int irq)
{
	struct aml d = {0}, r = {0};

	hid(&d, id);
	if (uid) {
		aml_name(&d, "_UID");
		aml_int(&d, uid);
	}
	aml_name(&d, "_CRS");
	if (len)
		aml_io(&r, port, len);
	if (port2)
		aml_io(&r, port2, len);
	if (irq >= 0)
		aml_irq(&r, (unsigned)irq);
	aml_resources(&d, &r);
	aml_device(a, name, &d);
}

static void hpet_device(struct aml *a)
{
	struct aml d = {0}, r = {0};

	hid(&d, "PNP0103");
	aml_name(&d, "_CRS");
	aml_bytes(&r, "\x86\x09\x00\x00", 4); /* 32-bit fixed memory, read-only */
	aml_le(&r, HPET_BASE, 4);
	aml_le(&r, 0x400, 4);
	aml_resources(&d, &r);
	aml_device(a, "HPET", &d);
}

static void floppy_device(struct aml *a)
{
	struct aml d = {0}, r = {0};

	hid(&d, "PNP0700");
	aml_name(&d, "_CRS");
	aml_io(&r, 0x3F2, 4);
	aml_io(&r, 0x3F7, 1);
	aml_irq(&r, 6);
	aml_byte(&r, 0x2A); /* DMA channel 2, bytes, not a bus master */
	aml_byte(&r, 0x04);
	aml_byte(&r, 0x00);
	aml_resources(&d, &r);
	aml_device(a, "FDC0", &d);
}

/* The panic port under the name that Linux's driver looks for; RDPT and WRPT reach its register. */
static void pvpanic_device(struct aml *a, unsigned port)
{
	struct aml d = {0}, r = {0}, f = {0}, m = {0};

	aml_name(&d, "_HID");
	aml_bytes(&d, "\x0DQEMU0001", 10); /* a string with its 0 */
	aml_name(&d, "_CRS");
	aml_io(&r, port, 1);
	aml_resources(&d, &r);
	aml_bytes(&d, "\x5B\x80", 2); /* OperationRegion(PEOR, SystemIO, port, 1), Field of one byte PEPT */
	aml_path(&d, "PEOR");
	aml_byte(&d, 1);
	aml_int(&d, port);
	aml_int(&d, 1);
	aml_path(&f, "PEOR");
	aml_byte(&f, 1); /* ByteAcc, NoLock, Preserve */
	aml_bytes(&f, "PEPT", 4);
	aml_byte(&f, 8);
	aml_wrap(&d, "\x5B\x81", 2, &f);
	aml_name(&d, "_STA");
	aml_int(&d, 0x0F);
	aml_byte(&m, 0xA4); /* Return(PEPT) */
	aml_path(&m, "PEPT");
	aml_method(&d, "RDPT", 0, &m);
	aml_bytes(&m, "\x70\x68", 2); /* Store(Arg0, PEPT) */
	aml_path(&m, "PEPT");
	aml_method(&d, "WRPT", 1, &m);
	aml_device(a, "PEVT", &d);
}

static void isa_bridge(struct machine *m, struct aml *a)
{
	static const uint16_t com_port[4] = {0x3F8, 0x2F8, 0x3E8, 0x2E8};
	struct aml d = {0}, f = {0};

	aml_name(&d, "_ADR");
	aml_int(&d, 0x10000);
	/* OperationRegion(P40C, PCI_Config, 0x60, 4) and its four byte fields */
	aml_byte(&d, 0x5B);
	aml_byte(&d, 0x80);
	aml_path(&d, "P40C");
	aml_byte(&d, 2);
	aml_int(&d, 0x60);
	aml_int(&d, 4);
	aml_path(&f, "P40C");
	aml_byte(&f, 1); /* ByteAcc, NoLock, Preserve */
	for (unsigned i = 0; i < 4; i++) {
		char n[] = "PRQ0";

		n[3] = (char)('0' + i);
		aml_bytes(&f, n, 4);
		aml_byte(&f, 8);
	}
	aml_wrap(&d, "\x5B\x81", 2, &f);
	isa_device(&d, "RTC_", "PNP0B00", 0, 0x70, 2, 0, 8);
	isa_device(&d, "KBD_", "PNP0303", 0, 0x60, 1, 0x64, 1);
	isa_device(&d, "MOU_", "PNP0F13", 0, 0, 0, 0, 12);
	for (unsigned i = 0; i < CONFIG_MAX_SERIAL; i++) {
		char n[] = "COM1";

		n[3] = (char)('1' + i);
		if (m->cfg.serial[i])
			isa_device(&d, n, "PNP0501", i + 1, com_port[i], 8, 0, i & 1 ? 3 : 4);
	}
	if (m->cfg.hpet)
		hpet_device(&d);
	if (m->cfg.floppy[0] || m->cfg.floppy[1])
		floppy_device(&d);
	if (m->cfg.parallel)
		isa_device(&d, "LPT_", "PNP0400", 1, 0x378, 8, 0, 7);
	if (m->cfg.pvpanic_ioport)
		pvpanic_device(&d, m->cfg.pvpanic_ioport);
	aml_device(a, "ISA_", &d);
}

static void sleep_state(struct aml *a, const char *name, unsigned type)
{
	struct aml p = {0};

	aml_byte(&p, 4);
	aml_int(&p, type);
	aml_int(&p, type);
	aml_int(&p, 0);
	aml_int(&p, 0);
	aml_name(a, name);
	aml_wrap(a, "\x12", 1, &p);
}

void acpi_dsdt(struct machine *m, struct aml *a)
{
	struct aml sb = {0}, pci = {0};

	hid(&pci, "PNP0A03");
	aml_name(&pci, "_ADR");
	aml_int(&pci, 0);
	root_resources(m, &pci);
	routing_table(&pci);
	isa_bridge(m, &pci);
	aml_device(&sb, "PCI0", &pci);
	for (unsigned n = 0; n < 4; n++)
		link_device(&sb, n);
	aml_scope(a, "\\_SB_", &sb);
	sleep_state(a, "\\_S3_", ACPI_S3_TYPE);
	sleep_state(a, "\\_S5_", ACPI_S5_TYPE);
}
