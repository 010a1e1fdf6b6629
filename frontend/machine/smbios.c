/*
 * smbios.c - what dmidecode shows: firmware, system, chassis, processor, memory.
 *
 * The firmware copies the structures, and fills address and checksums of the anchor. It adds type 0 (itself) when we
 * give none; ours names it. Source: DMTF DSP0134, SMBIOS Reference Specification 2.8.0, chapters 5 to 7.
 */
#include "frontend/machine/smbios.h"
#include "frontend/machine/aml.h"
#include <string.h>

#define MIB (1ull << 20)

/* Handles, as other tables refer to them. */
enum { H_BIOS = 0x0000, H_SYSTEM = 0x0100, H_CHASSIS = 0x0300, H_CPU = 0x0400, H_ARRAY = 0x1000,
	H_DIMM = 0x1100, H_MAP = 0x1300, H_BOOT = 0x2000, H_END = 0x7F00 };

struct smbios {
	struct aml t;
	size_t at;	 /* of the structure being built */
	unsigned count, largest;
};

static void begin(struct smbios *s, uint8_t type, uint16_t handle)
{
	s->at = s->t.n;
	aml_byte(&s->t, type);
	aml_byte(&s->t, 0); /* length, set by end() */
	aml_le(&s->t, handle, 2);
}

/* End the formatted part and add the strings: a NULL-ended list; without any, two zero bytes. */
static void end(struct smbios *s, const char *const *strings)
{
	if (s->t.b)
		s->t.b[s->at + 1] = (uint8_t)(s->t.n - s->at);
	if (!*strings)
		aml_byte(&s->t, 0);
	for (; *strings; strings++)
		aml_bytes(&s->t, *strings, strlen(*strings) + 1);
	aml_byte(&s->t, 0);
	s->count++;
	if (s->t.n - s->at > s->largest)
		s->largest = (unsigned)(s->t.n - s->at);
}

#define TEXTS 6 /* of one structure */

/* Texts of a structure, the user's where @given, else @ours, with their numbers: 0 where there is none. */
struct texts {
	const char *str[TEXTS + 1];
	uint8_t number[TEXTS];
};

static struct texts choose_texts(const char *const *given, const char *const *ours, unsigned n)
{
	struct texts t = {{NULL}};
	uint8_t count = 0;

	for (unsigned i = 0; i < n; i++) {
		const char *text = given[i] && *given[i] ? given[i] : ours[i];

		if (!text)
			continue;
		t.str[count++] = text;
		t.number[i] = count;
	}
	return t;
}

static void build_bios(struct smbios *s, const char *const *given)
{
	static const char *const ours[] = {"SeaBIOS", "1", "01/01/2014"};
	struct texts t = choose_texts(given, ours, 3);

	begin(s, 0, H_BIOS);
	aml_bytes(&s->t, "\x01\x02", 2);	/* vendor, version */
	aml_le(&s->t, 0xE800, 2);		/* segment */
	aml_byte(&s->t, 3);			/* release date */
	aml_byte(&s->t, 0);			/* 64 KiB */
	aml_le(&s->t, BIT(3), 8);		/* characteristics are not told */
	aml_bytes(&s->t, "\x01\x14", 2);	/* ACPI; virtual machine, targeted content */
	aml_bytes(&s->t, "\x00\x00\xFF\xFF", 4); /* releases; no embedded controller */
	end(s, t.str);
}

static void build_system(struct smbios *s, const uint8_t *uuid, const char *const *given)
{
	static const char *const ours[TEXTS] = {"Dragoman", "PC (i440FX + PIIX3)", "1"};
	static const uint8_t none[16];
	struct texts t = choose_texts(given, ours, TEXTS);

	begin(s, 1, H_SYSTEM);
	aml_bytes(&s->t, t.number, 4); /* maker, product, version, serial number */
	if (uuid) { /* the first three fields are little endian since 2.6 */
		static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

		for (unsigned i = 0; i < 16; i++)
			aml_byte(&s->t, uuid[order[i]]);
	} else {
		aml_bytes(&s->t, none, 16);
	}
	aml_byte(&s->t, 6);		 /* power switch */
	aml_bytes(&s->t, t.number + 4, 2); /* SKU, family */
	end(s, t.str);
}

static void build_chassis(struct smbios *s)
{
	static const char *const str[] = {"Dragoman", NULL};

	begin(s, 3, H_CHASSIS);
	aml_bytes(&s->t, "\x01\x01\x00\x00\x00", 5); /* maker; type other; version, serial, tag */
	aml_bytes(&s->t, "\x03\x03\x03\x02", 4);     /* states safe; security unknown */
	aml_le(&s->t, 0, 4);
	aml_bytes(&s->t, "\x00\x00\x00\x00\x00", 5); /* height, cords, no elements; SKU */
	end(s, str);
}

static void build_cpu(struct smbios *s)
{
	static const char *const str[] = {"CPU 0", "Dragoman", NULL};

	begin(s, 4, H_CPU);
	aml_bytes(&s->t, "\x01\x03\x01\x02", 4); /* socket, central processor, family other, maker */
	aml_le(&s->t, 0, 8);			 /* signature: see CPUID */
	aml_bytes(&s->t, "\x00\x00", 2);	 /* version, voltage */
	aml_le(&s->t, 0, 2);			 /* external clock unknown */
	aml_le(&s->t, TSC_HZ / 1000000, 2);
	aml_le(&s->t, TSC_HZ / 1000000, 2);
	aml_bytes(&s->t, "\x41\x01", 2);	 /* populated, enabled; upgrade other */
	for (unsigned i = 0; i < 3; i++)
		aml_le(&s->t, 0xFFFF, 2);	 /* no cache structures */
	aml_bytes(&s->t, "\x00\x00\x00\x01\x01\x01", 6); /* strings; one core, enabled, one thread */
	aml_le(&s->t, 0x02, 2);			 /* characteristics unknown */
	aml_le(&s->t, 1, 2);
	end(s, str);
}

static void build_memory(struct smbios *s, uint64_t ram)
{
	static const char *const none[] = {NULL}, *const dimm[] = {"DIMM 0", "Dragoman", NULL};
	uint64_t low = i440fx_below_4g(ram), kib = ram >> 10, mib = ram / MIB;

	begin(s, 16, H_ARRAY);
	aml_bytes(&s->t, "\x01\x03\x03", 3); /* other location, system memory, no error correction */
	aml_le(&s->t, kib < 0x80000000u ? kib : 0x80000000u, 4);
	aml_le(&s->t, 0xFFFE, 2);
	aml_le(&s->t, 1, 2);
	aml_le(&s->t, kib < 0x80000000u ? 0 : ram, 8);
	end(s, none);
	begin(s, 17, H_DIMM);
	aml_le(&s->t, H_ARRAY, 2);
	aml_le(&s->t, 0xFFFE, 2);
	aml_le(&s->t, 0xFFFFFFFF, 4);	     /* widths unknown */
	aml_le(&s->t, mib < 0x7FFF ? mib : 0x7FFF, 2);
	aml_bytes(&s->t, "\x09\x00\x01\x00\x07\x02\x00", 7); /* DIMM, no set, strings, RAM, other */
	aml_le(&s->t, 0, 2);
	aml_bytes(&s->t, "\x02\x00\x00\x00\x00", 5);
	aml_le(&s->t, mib < 0x7FFF ? 0 : mib, 4);
	aml_le(&s->t, 0, 8);		     /* configured speed, voltages unknown */
	end(s, dimm);
	for (unsigned i = 0; i < (ram > low ? 2u : 1u); i++) {
		uint64_t from = i ? 4096 * MIB : 0, to = i ? from + ram - low - 1 : low - 1;
		bool ext = to >> 10 >= 0xFFFFFFFF;

		begin(s, 19, (uint16_t)(H_MAP + i));
		aml_le(&s->t, ext ? 0xFFFFFFFF : from >> 10, 4);
		aml_le(&s->t, ext ? 0xFFFFFFFF : to >> 10, 4);
		aml_le(&s->t, H_ARRAY, 2);
		aml_byte(&s->t, 1);
		aml_le(&s->t, ext ? from : 0, 8);
		aml_le(&s->t, ext ? to : 0, 8);
		end(s, none);
	}
}

static void build_rest(struct smbios *s)
{
	static const char *const none[] = {NULL};

	begin(s, 32, H_BOOT);
	aml_le(&s->t, 0, 6);
	aml_byte(&s->t, 0); /* no errors */
	end(s, none);
	begin(s, 127, H_END);
	end(s, none);
}

bool pc_smbios_tables(struct machine *m)
{
	struct smbios s = {0};
	struct aml a = {0};
	bool ok;

	build_bios(&s, m->cfg.smbios_bios);
	build_system(&s, m->cfg.uuid, m->cfg.smbios_system);
	build_chassis(&s);
	build_cpu(&s);
	build_memory(&s, m->cfg.ram_size);
	build_rest(&s);
	aml_bytes(&a, "_SM_\x00\x1F\x02\x08", 8); /* the firmware sums; 31 bytes; version 2.8 */
	aml_le(&a, s.largest, 2);
	aml_le(&a, 0, 6);
	aml_bytes(&a, "_DMI_\x00", 6);
	aml_le(&a, s.t.n, 2);
	aml_le(&a, 0, 4); /* the firmware knows where */
	aml_le(&a, s.count, 2);
	aml_byte(&a, 0x28);
	ok = fw_cfg_add_file(m->fw, "etc/smbios/smbios-tables", s.t.b, s.t.n) &&
		fw_cfg_add_file(m->fw, "etc/smbios/smbios-anchor", a.b, a.n);
	aml_free(&s.t);
	aml_free(&a);
	return ok;
}
