/*
 * monitor_paging.c - info tlb and info mem: what the page tables map, in QEMU's form.
 *
 * Both read the tables in memory, not the TLB (info softtlb shows that), and never a device's registers. Layouts: Intel SDM Vol. 3A 4.3 to 4.5.
 */
#include "frontend/monitor_priv.h"
#include <inttypes.h>

#define PTE_P BIT(0)
#define PTE_PS BIT(7)
#define PTE_ADDR 0x000FFFFFFFFFF000ull

static void tlb_line(FILE *out, uint64_t gla, uint64_t gpa, uint64_t pte)
{
	static const struct { unsigned bit; char c; } flags[] = {{63, 'X'}, {8, 'G'}, {7, 'P'}, {6, 'D'}, {5, 'A'}, {4, 'C'},
		{3, 'T'}, {2, 'U'}, {1, 'W'}};

	fprintf(out, "%016" PRIx64 ": %016" PRIx64 " ", gla, gpa);
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
		fputc(pte >> flags[i].bit & 1 ? flags[i].c : '-', out);
	fputc('\n', out);
}

/* Entry @i of a table in RAM or ROM; 0 (not present) elsewhere. */
static uint64_t entry(struct mon *mon, uint64_t table, unsigned i, unsigned size)
{
	const uint8_t *p = space_host(machine_memory(mon->m), table + (uint64_t)i * size, size, NULL);
	uint64_t v = 0;

	if (p)
		__builtin_memcpy(&v, p, size);
	return v;
}

/* One table of @level (1: page table) that maps @gla upwards, and all below it. */
static void tlb_table(struct mon *mon, uint64_t table, unsigned level, uint64_t gla, bool wide)
{
	const struct vcpu *cpu = machine_cpu(mon->m);
	bool lma = cpu->efer & EFER_LMA;
	unsigned size = wide ? 8 : 4, bits = wide ? 9 : 10, shift = 12 + (level - 1) * bits;
	unsigned n = wide && level == 3 && !lma ? 4 : 1u << bits;

	for (unsigned i = 0; i < n; i++) {
		uint64_t pte = entry(mon, table, i, size), at = gla + ((uint64_t)i << shift);

		if (level == 4)
			at = (uint64_t)((int64_t)(at << 16) >> 16);
		if (!(pte & PTE_P))
			continue;
		if (level == 1)
			tlb_line(mon->out, at, pte & PTE_ADDR, pte & ~PTE_PS); /* bit 7 is PAT here */
		else if ((pte & PTE_PS) && (level == 2 ? wide || (cpu->cr4 & CR4_PSE) : level == 3 && lma))
			tlb_line(mon->out, at, pte & PTE_ADDR & ~(BIT(shift) - 1), pte);
		else
			tlb_table(mon, pte & PTE_ADDR, level - 1, at, wide);
	}
}

void info_tlb(struct mon *mon)
{
	const struct vcpu *cpu = machine_cpu(mon->m);

	if (!(cpu->cr0 & CR0_PG))
		fprintf(mon->out, "PG disabled\n");
	else if (!(cpu->cr4 & CR4_PAE))
		tlb_table(mon, cpu->cr3 & 0xFFFFF000, 2, 0, false);
	else
		tlb_table(mon, cpu->cr3 & (cpu->efer & EFER_LMA ? PTE_ADDR : 0xFFFFFFE0u), cpu->efer & EFER_LMA ? 4 : 3, 0, true);
}

/* Runs of equal rights over the linear address space; walks page by page, leaping over absent tables. */
void info_mem(struct mon *mon)
{
	struct vcpu *cpu = machine_cpu(mon->m);
	bool wide = cpu->efer & EFER_LMA;
	gla_t at = 0, start = 0;
	int rights = -1;

	if (!(cpu->cr0 & CR0_PG)) {
		fprintf(mon->out, "PG disabled\n");
		return;
	}
	for (;;) {
		struct walk w;
		bool ok = walk(&cpu->mmu.pg, &cpu->mmu.mem[0], at, MMU_READ, MMU_SUP, true, &w);
		int now = ok ? (w.user ? 4 : 0) | (w.w ? 2 : 0) | 1 : -1;
		/* what one absent entry of the deepest table read covers */
		unsigned shift = ok ? w.page_shift : wide ? 48 - 9 * w.levels
			: cpu->cr4 & CR4_PAE ? (w.levels <= 1 ? 30 : w.levels == 2 ? 21 : 12) : w.levels == 1 ? 22 : 12;
		gla_t next;

		if (wide && shift < 12)
			shift = 12;
		if (now != rights) {
			if (rights >= 0)
				fprintf(mon->out, "%016" PRIx64 "-%016" PRIx64 " %016" PRIx64 " %cr%c\n", start, at,
					at - start, rights & 4 ? 'u' : '-', rights & 2 ? 'w' : '-');
			start = at;
			rights = now;
		}
		next = (at | (BIT(shift) - 1)) + 1;
		if (wide && next == BIT(47))
			next = ~0ull << 47;
		if (next == 0 || (!wide && next > UINT32_MAX))
			break;
		at = next;
	}
	if (rights >= 0)
		fprintf(mon->out, "%016" PRIx64 "-end %cr%c\n", start, rights & 4 ? 'u' : '-', rights & 2 ? 'w' : '-');
}
