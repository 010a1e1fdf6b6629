/*
 * monitor_views.c - the processor's tables and page walks in the monitor: info gdt ldt idt tss rings, walk, gva2gpa.
 *
 * Everything is read from guest memory as it is now, without side effects; the fields' words are explain_text.c's.
 */
#include "frontend/monitor_priv.h"
#include "frontend/explain.h"
#include "cpu/mode.h"
#include <inttypes.h>
#include <string.h>

static bool in_long_mode(const struct vcpu *cpu)
{
	return cpu->efer & EFER_LMA;
}

static bool in_real_mode(const struct vcpu *cpu)
{
	return !(cpu->cr0 & CR0_PE);
}

/* Descriptor at @off of the table; @d[1] for the wide ones. False: not in memory. */
static bool entry(struct vcpu *cpu, uint64_t base, uint32_t off, bool idt, uint64_t d[2])
{
	d[1] = 0;
	if (mmu_peek(&cpu->mmu, base + off, &d[0], 8) != 8)
		return false;
	if (idt ? in_long_mode(cpu) : explain_wide(d[0], in_long_mode(cpu)))
		mmu_peek(&cpu->mmu, base + off + 8, &d[1], 8);
	return true;
}

static const char *users(const struct vcpu *cpu, uint16_t sel)
{
	static const char *const names[] = {"ES", "CS", "SS", "DS", "FS", "GS"};

	for (unsigned i = 0; i < SEG_COUNT; i++)
		if ((cpu->seg[i].sel & ~3) == sel && sel)
			return names[i];
	return (cpu->tr.sel & ~3) == sel ? "TR" : (cpu->ldtr.sel & ~3) == sel ? "LDTR" : "";
}

static void table(struct mon *mon, uint64_t base, uint32_t limit, uint16_t bits)
{
	struct vcpu *cpu = machine_cpu(mon->m);
	unsigned shown = 0;

	for (uint32_t off = 0; off + 7 <= limit && off < 65536; off += 8) {
		uint64_t d[2];
		uint16_t sel = (uint16_t)(off | bits);

		if (!entry(cpu, base, off, false, d)) {
			fprintf(mon->out, "%04x: not in memory\n", sel);
			off = (off | (PAGE_SIZE - 1)) & ~7u; /* nor is the rest of the page */
			continue;
		}
		if (!d[0])
			continue;
		fprintf(mon->out, "%04x: %016" PRIx64 " ", sel, d[0]);
		explain_descriptor(mon->out, d[0], d[1], in_long_mode(cpu));
		fprintf(mon->out, "%s%s\n", *users(cpu, sel) ? " <- " : "", users(cpu, sel));
		shown++;
		if (explain_wide(d[0], in_long_mode(cpu)))
			off += 8;
	}
	if (!shown)
		fprintf(mon->out, "no descriptors\n");
}

void info_gdt(struct mon *mon)
{
	struct vcpu *cpu = machine_cpu(mon->m);

	fprintf(mon->out, "GDT at %" PRIx64 ", limit %x\n", cpu->gdtr.base, cpu->gdtr.limit);
	if (in_real_mode(cpu))
		fprintf(mon->out, "(real mode does not use it)\n");
	table(mon, cpu->gdtr.base, cpu->gdtr.limit, 0);
}

void info_ldt(struct mon *mon)
{
	struct vcpu *cpu = machine_cpu(mon->m);

	if (!(cpu->ldtr.attr & SEGA_P) || !(cpu->ldtr.sel & ~3)) {
		fprintf(mon->out, "no LDT is loaded\n");
		return;
	}
	fprintf(mon->out, "LDT %04x at %" PRIx64 ", limit %x\n", cpu->ldtr.sel, cpu->ldtr.base, cpu->ldtr.limit);
	table(mon, cpu->ldtr.base, cpu->ldtr.limit, 4);
}

/* One vector. False: nothing to show. */
static bool idt_line(struct mon *mon, unsigned vec)
{
	struct vcpu *cpu = machine_cpu(mon->m);
	unsigned size = in_real_mode(cpu) ? 4 : in_long_mode(cpu) ? 16 : 8;
	uint64_t d[2] = {0, 0};

	if ((vec + 1) * size - 1 > cpu->idtr.limit)
		return false;
	if (size == 4) {
		if (mmu_peek(&cpu->mmu, cpu->idtr.base + vec * 4, &d[0], 4) != 4)
			return false;
		fprintf(mon->out, "%02x: %04x:%04x\n", vec, (unsigned)(d[0] >> 16), (unsigned)(d[0] & 0xFFFF));
		return true;
	}
	if (!entry(cpu, cpu->idtr.base, vec * size, true, d)) {
		fprintf(mon->out, "%02x: not in memory\n", vec);
		return true;
	}
	if (!d[0])
		return false;
	fprintf(mon->out, "%02x %-4s: ", vec, explain_vector(vec));
	explain_descriptor(mon->out, d[0], d[1], in_long_mode(cpu));
	fputc('\n', mon->out);
	return true;
}

void info_idt(struct mon *mon)
{
	struct vcpu *cpu = machine_cpu(mon->m);
	char *w = mon_word(mon);
	uint64_t vec;
	unsigned shown = 0;

	if (w) {
		if (mon_number(mon, w, &vec) && (vec > 255 || !idt_line(mon, (unsigned)vec)))
			fprintf(mon->out, "vector %" PRIu64 " has no entry\n", vec);
		return;
	}
	fprintf(mon->out, "IDT at %" PRIx64 ", limit %x\n", cpu->idtr.base, cpu->idtr.limit);
	for (unsigned i = 0; i < 256; i++)
		shown += idt_line(mon, i);
	if (!shown)
		fprintf(mon->out, "no gates\n");
}

static void tss(struct mon *mon, bool brief)
{
	struct vcpu *cpu = machine_cpu(mon->m);
	uint8_t bytes[HISTORY_TSS];
	unsigned n = cpu->tr.limit < sizeof(bytes) ? (unsigned)cpu->tr.limit + 1 : sizeof(bytes);

	n = mmu_peek(&cpu->mmu, cpu->tr.base, bytes, n);
	explain_tss(mon->out, "", &cpu->tr, bytes, n, in_long_mode(cpu), brief);
}

void info_tss(struct mon *mon)
{
	tss(mon, false);
}

/* ---- rings ---- */

static void entry_points(struct mon *mon)
{
	struct vcpu *cpu = machine_cpu(mon->m);
	unsigned size = in_long_mode(cpu) ? 16 : 8, n = 0;
	uint64_t d[2];

	fprintf(mon->out, "open to ring 3: INT ");
	for (unsigned v = 0; v < 256 && (v + 1) * size - 1 <= cpu->idtr.limit; v++)
		if (entry(cpu, cpu->idtr.base, v * size, true, d) && (d[0] >> 47 & 1) && (d[0] >> 45 & 3) == 3)
			fprintf(mon->out, "%s%02x", n++ ? "," : "", v);
	fprintf(mon->out, "%s", n ? "" : "-");
	for (uint32_t off = 8; off + 7 <= cpu->gdtr.limit && off < 65536; off += 8) {
		if (!entry(cpu, cpu->gdtr.base, off, false, d) || (d[0] >> 44 & 1) || !(d[0] >> 47 & 1))
			continue;
		if ((d[0] >> 40 & 7) == 4 && (d[0] >> 45 & 3) == 3)
			fprintf(mon->out, ", call gate %04x", off);
		if (explain_wide(d[0], in_long_mode(cpu)))
			off += 8;
	}
	if (cpu->msr.sysenter_cs & 0xFFFC)
		fprintf(mon->out, ", SYSENTER to %" PRIx64, cpu->msr.sysenter_eip);
	if (cpu->efer & EFER_SCE)
		fprintf(mon->out, ", SYSCALL to %" PRIx64, cpu->msr.lstar);
	fputc('\n', mon->out);
}

void info_rings(struct mon *mon)
{
	struct vcpu *cpu = machine_cpu(mon->m);

	fprintf(mon->out, "CPL %u, %s, IOPL %u, CR0 = ", cpu->cpl, explain_mode(cpu->mode), cpu->eflags >> 12 & 3);
	explain_bits(mon->out, "cr0", cpu->cr0);
	fprintf(mon->out, ", CR4 = ");
	explain_bits(mon->out, "cr4", cpu->cr4);
	fprintf(mon->out, "\nring 3 may%s use CLI, STI and all ports\n", (cpu->eflags >> 12 & 3) == 3 ? "" : " not");
	if (in_real_mode(cpu)) {
		fprintf(mon->out, "real mode: there are no rings\n");
		return;
	}
	tss(mon, true);
	entry_points(mon);
}

/* ---- paging ---- */

static bool walk_arg(struct mon *mon, gla_t *gla, struct walk *w)
{
	struct vcpu *cpu = machine_cpu(mon->m);
	char *word = mon_rest(mon);

	if (!word) {
		fprintf(mon->out, "an address is needed\n");
		return false;
	}
	if (!mon_number(mon, word, gla))
		return false;
	walk(&cpu->mmu.pg, cpu->mmu.mem, *gla, MMU_READ, MMU_SUP, true, w);
	return true;
}

void cmd_walk(struct mon *mon)
{
	struct walk w;
	gla_t gla;

	if (walk_arg(mon, &gla, &w))
		explain_walk(mon->out, "", &machine_cpu(mon->m)->mmu.pg, gla, &w);
}

void cmd_gva2gpa(struct mon *mon)
{
	struct walk w;
	gla_t gla;

	if (!walk_arg(mon, &gla, &w))
		return;
	if (w.why == WALK_OK)
		fprintf(mon->out, "gpa: %#" PRIx64 "\n", w.gpa);
	else
		fprintf(mon->out, "Unmapped\n");
}

void info_qtree(struct mon *mon)
{
	machine_dump_devices(mon->m, mon->out);
}
