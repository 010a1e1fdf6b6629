/*
 * acpi.c - RSDP, RSDT, FADT, FACS, MADT and the loader script that SeaBIOS executes.
 *
 * All tables but the RSDP lie in one file; the script tells the firmware where to put the files, which words in them
 * are pointers to others, and which bytes are checksums. Sources: ACPI Specification 6.3, 5.2 "ACPI System
 * Description Tables"; QEMU docs/specs/fw_cfg and the loader format of SeaBIOS.
 */
#include "frontend/machine/acpi.h"
#include "frontend/machine/aml.h"
#include <string.h>

#define TABLES "etc/acpi/tables"
#define RSDP "etc/acpi/rsdp"
#define GPE_BASE 0xAFE0

enum { LOADER_ALLOCATE = 1, LOADER_POINTER = 2, LOADER_CHECKSUM = 3, LOADER_SIZE = 128 };

static void padded(struct aml *a, const char *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		aml_byte(a, *s ? (unsigned char)*s++ : 0);
}

static void pad_to(struct aml *a, size_t n)
{
	while (a->n < n)
		aml_byte(a, 0);
}

static void cmd_allocate(struct aml *s, const char *file, unsigned align, unsigned zone)
{
	size_t start = s->n;

	aml_le(s, LOADER_ALLOCATE, 4);
	padded(s, file, 56);
	aml_le(s, align, 4);
	aml_byte(s, zone);
	pad_to(s, start + LOADER_SIZE);
}

static void cmd_pointer(struct aml *s, const char *dest, unsigned off, unsigned size)
{
	size_t start = s->n;

	aml_le(s, LOADER_POINTER, 4);
	padded(s, dest, 56);
	padded(s, TABLES, 56);
	aml_le(s, off, 4);
	aml_byte(s, size);
	pad_to(s, start + LOADER_SIZE);
}

static void cmd_checksum(struct aml *s, const char *file, unsigned off, unsigned from, unsigned len)
{
	size_t start = s->n;

	aml_le(s, LOADER_CHECKSUM, 4);
	padded(s, file, 56);
	aml_le(s, off, 4);
	aml_le(s, from, 4);
	aml_le(s, len, 4);
	pad_to(s, start + LOADER_SIZE);
}

/* Table header with a place for length and checksum; returns the table's offset. */
static size_t begin_table(struct aml *t, const char *sig, unsigned rev)
{
	size_t at = t->n;

	padded(t, sig, 4);
	aml_le(t, 0, 4);
	aml_byte(t, rev);
	aml_byte(t, 0);
	padded(t, "DRAGMN", 6);
	padded(t, "DRAGPC  ", 8);
	aml_le(t, 1, 4);
	padded(t, "DRGM", 4);
	aml_le(t, 1, 4);
	return at;
}

static void end_table(struct aml *t, struct aml *script, size_t at)
{
	size_t len = t->n - at;

	for (unsigned i = 0; i < 4; i++)
		t->b[at + 4 + i] = (uint8_t)(len >> (8 * i));
	cmd_checksum(script, TABLES, (unsigned)at + 9, (unsigned)at, (unsigned)len);
}

static void build_fadt(struct aml *t, struct aml *s, size_t facs, size_t dsdt, uint16_t pm)
{
	size_t at = begin_table(t, "FACP", 1);

	aml_le(t, facs, 4);
	aml_le(t, dsdt, 4);
	aml_byte(t, 1);	       /* INT_MODEL: multiple APIC */
	aml_byte(t, 0);
	aml_le(t, 9, 2);	       /* SCI_INT */
	aml_le(t, 0xB2, 4);     /* SMI_CMD */
	aml_byte(t, 0xF1);      /* ACPI_ENABLE */
	aml_byte(t, 0xF0);      /* ACPI_DISABLE */
	aml_le(t, 0, 2);	       /* S4BIOS_REQ, reserved */
	aml_le(t, pm, 4);  /* PM1a event */
	aml_le(t, 0, 4);
	aml_le(t, pm + 4u, 4); /* PM1a control */
	aml_le(t, 0, 8);	       /* PM1b, PM2 control */
	aml_le(t, pm + 8u, 4); /* PM timer */
	aml_le(t, GPE_BASE, 4);
	aml_le(t, 0, 4);
	aml_byte(t, 4);	       /* lengths: event, control, PM2, timer, GPE0, GPE1 */
	aml_byte(t, 2);
	aml_byte(t, 0);
	aml_byte(t, 4);
	aml_byte(t, 4);
	aml_byte(t, 0);
	aml_le(t, 0, 2);
	aml_le(t, 0xFFF, 2);    /* C2 and C3 not supported */
	aml_le(t, 0xFFF, 2);
	aml_le(t, 0, 6);	       /* flush size and stride, duty */
	aml_byte(t, 0);	       /* day alarm */
	aml_byte(t, 0);
	aml_byte(t, 0x32);      /* century */
	aml_le(t, 0, 3);
	/* WBINVD, PROC_C1, SLP_BUTTON absent, RTC_S4; power button is fixed hardware */
	aml_le(t, BIT(0) | BIT(2) | BIT(5) | BIT(7), 4);
	cmd_pointer(s, TABLES, (unsigned)at + 36, 4);
	cmd_pointer(s, TABLES, (unsigned)at + 40, 4);
	end_table(t, s, at);
}

static void build_madt(struct aml *t, struct aml *s)
{
	static const uint8_t level[] = {5, 9, 10, 11};
	size_t at = begin_table(t, "APIC", 1);

	aml_le(t, 0xFEE00000, 4);
	aml_le(t, 1, 4); /* 8259s are there */
	aml_bytes(t, "\x00\x08\x00\x00\x01\x00\x00\x00", 8); /* local APIC 0, enabled */
	aml_bytes(t, "\x01\x0C\x00\x00", 4);		  /* I/O APIC 0 */
	aml_le(t, 0xFEC00000, 4);
	aml_le(t, 0, 4);
	aml_bytes(t, "\x02\x0A\x00\x00", 4);		  /* ISA IRQ 0 is GSI 2 */
	aml_le(t, 2, 4);
	aml_le(t, 0, 2);
	for (unsigned i = 0; i < sizeof(level); i++) {
		aml_bytes(t, "\x02\x0A\x00", 3);
		aml_byte(t, level[i]);
		aml_le(t, level[i], 4);
		aml_le(t, 0x0D, 2); /* active high, level */
	}
	aml_bytes(t, "\x04\x06\xFF\x00\x00\x01", 6);	  /* NMI on LINT1 of all */
	end_table(t, s, at);
}

/* IA-PC HPET Specification 1.0a, 3.2.4 */
static void build_hpet(struct aml *t, struct aml *s)
{
	size_t at = begin_table(t, "HPET", 1);

	aml_le(t, hpet_id() & 0xFFFFFFFF, 4);
	aml_bytes(t, "\x00\x40\x00\x00", 4); /* memory, 64 bits */
	aml_le(t, HPET_BASE, 8);
	aml_byte(t, 0); /* the first one */
	aml_le(t, 100, 2); /* shortest period, in ticks: a microsecond */
	aml_byte(t, 0);
	end_table(t, s, at);
}

bool pc_acpi_tables(struct machine *m)
{
	struct aml t = {0}, s = {0}, rsdp = {0}, dsdt = {0};
	const uint8_t port[2] = {(uint8_t)m->cfg.pvpanic_ioport, (uint8_t)(m->cfg.pvpanic_ioport >> 8)};
	size_t facs = 0, dsdt_at, fadt, madt, hpet, rsdt;
	bool ok;

	cmd_allocate(&s, TABLES, 64, 1);
	cmd_allocate(&s, RSDP, 16, 2);
	padded(&t, "FACS", 4);
	aml_le(&t, 64, 4);
	pad_to(&t, 64);
	dsdt_at = begin_table(&t, "DSDT", 1);
	acpi_dsdt(m, &dsdt);
	aml_bytes(&t, dsdt.b, dsdt.n);
	aml_free(&dsdt);
	end_table(&t, &s, dsdt_at);
	fadt = t.n;
	build_fadt(&t, &s, facs, dsdt_at, m->pm_base);
	madt = t.n;
	build_madt(&t, &s);
	hpet = t.n;
	if (m->cfg.hpet)
		build_hpet(&t, &s);
	rsdt = begin_table(&t, "RSDT", 1);
	aml_le(&t, fadt, 4);
	aml_le(&t, madt, 4);
	if (m->cfg.hpet) {
		aml_le(&t, hpet, 4);
		cmd_pointer(&s, TABLES, (unsigned)rsdt + 44, 4);
	}
	cmd_pointer(&s, TABLES, (unsigned)rsdt + 36, 4);
	cmd_pointer(&s, TABLES, (unsigned)rsdt + 40, 4);
	end_table(&t, &s, rsdt);
	padded(&rsdp, "RSD PTR ", 8);
	aml_byte(&rsdp, 0);
	padded(&rsdp, "DRAGMN", 6);
	aml_byte(&rsdp, 0); /* ACPI 1.0 */
	aml_le(&rsdp, rsdt, 4);
	cmd_pointer(&s, RSDP, 16, 4);
	cmd_checksum(&s, RSDP, 8, 0, 20);
	ok = (!m->cfg.pvpanic_ioport || fw_cfg_add_file(m->fw, "etc/pvpanic-port", port, 2)) &&
		fw_cfg_add_file(m->fw, RSDP, rsdp.b, rsdp.n) && fw_cfg_add_file(m->fw, TABLES, t.b, t.n) &&
		fw_cfg_add_file(m->fw, "etc/table-loader", s.b, s.n);
	aml_free(&t);
	aml_free(&s);
	aml_free(&rsdp);
	return ok;
}
