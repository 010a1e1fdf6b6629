/* monitor_info.c - the topics of info. */
#include "frontend/monitor_priv.h"
#include "frontend/explain.h"
#include "frontend/screen_text.h"
#include "cpu/mode.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void seg_line(FILE *out, const char *name, const struct seg *s)
{
	unsigned type = s->attr & SEGA_TYPE;

	fprintf(out, "%-3s=%04x %016" PRIx64 " %08x %04x", name, s->sel, s->base, s->limit, s->attr);
	if (!(s->attr & SEGA_P))
		fprintf(out, " unusable");
	else if (!(s->attr & SEGA_S))
		fprintf(out, " DPL=%u %s", s->attr >> 5 & 3, type == 2 ? "LDT" : type & 8 ? "TSS" : "TSS16");
	else
		fprintf(out, " DPL=%u %s [%c%c%c]", s->attr >> 5 & 3,
			!(type & 8) ? "DS" : s->attr & SEGA_L ? "CS64" : s->attr & SEGA_DB ? "CS32" : "CS16",
			type & 4 ? type & 8 ? 'C' : 'E' : '-', type & 2 ? type & 8 ? 'R' : 'W' : '-', type & 1 ? 'A' : '-');
	fputc('\n', out);
}

static void fpu_registers(FILE *o, const struct fpu_state *f)
{
	fprintf(o, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", f->fcw, f->fsw, f->fsw >> 11 & 7, f->ftw, f->mxcsr);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t man;

		memcpy(&man, f->st[i], 8);
		fprintf(o, "ST%u=%016" PRIx64 " %04x%c", i, man, f->st[i][8] | f->st[i][9] << 8, i % 2 ? '\n' : ' ');
	}
	for (unsigned i = 0; i < 16; i++) {
		uint64_t v[2];

		memcpy(v, f->xmm[i], 16);
		fprintf(o, "XMM%02u=%016" PRIx64 "%016" PRIx64 "%c", i, v[1], v[0], i % 2 ? '\n' : ' ');
	}
}

static void msr_registers(FILE *o, const struct vcpu *c)
{
	fprintf(o, "EFER=%016" PRIx64 " [", c->efer);
	explain_bits(o, "efer", c->efer);
	fprintf(o, "]\nSTAR=%016" PRIx64 " LSTAR=%016" PRIx64 " CSTAR=%016" PRIx64 " FMASK=%08" PRIx64 "\n", c->msr.star,
		c->msr.lstar, c->msr.cstar, c->msr.fmask);
	fprintf(o, "SYSENTER=%04" PRIx64 ":%016" PRIx64 " ESP=%016" PRIx64 " KERNEL_GS=%016" PRIx64 " APIC=%09" PRIx64 "\n",
		c->msr.sysenter_cs, c->msr.sysenter_eip, c->msr.sysenter_esp, c->msr.kernel_gs_base, c->msr.apic_base);
}

static void info_registers(struct mon *mon)
{
	const struct vcpu *c = machine_cpu(mon->m);
	static const char *const name[16] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8 ",
		"R9 ", "R10", "R11", "R12", "R13", "R14", "R15"};
	static const char *const seg[6] = {"ES", "CS", "SS", "DS", "FS", "GS"};
	FILE *o = mon->out;

	for (unsigned i = 0; i < 16; i++)
		fprintf(o, "%s=%016" PRIx64 "%c", name[i], c->gpr[i], i % 4 == 3 ? '\n' : ' ');
	fprintf(o, "RIP=%016" PRIx64 " RFL=%08x [%c%c%c%c%c%c%c] CPL=%u II=%u A20=%u HLT=%u %s\n", c->rip, c->eflags,
		c->eflags & FL_DF ? 'D' : '-', c->eflags & FL_OF ? 'O' : '-', c->eflags & FL_SF ? 'S' : '-',
		c->eflags & FL_ZF ? 'Z' : '-', c->eflags & FL_AF ? 'A' : '-', c->eflags & FL_PF ? 'P' : '-',
		c->eflags & FL_CF ? 'C' : '-', c->cpl, c->shadow, c->a20, c->halted,
		explain_mode(c->mode));
	for (unsigned i = 0; i < 6; i++)
		seg_line(o, seg[i], &c->seg[i]);
	seg_line(o, "LDT", &c->ldtr);
	seg_line(o, "TR", &c->tr);
	fprintf(o, "GDT=     %016" PRIx64 " %08x\nIDT=     %016" PRIx64 " %08x\n", c->gdtr.base, c->gdtr.limit,
		c->idtr.base, c->idtr.limit);
	fprintf(o, "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08" PRIx64 "\n", c->cr0,
		c->cr2, c->cr3, c->cr4);
	fprintf(o, "DR0=%016" PRIx64 " DR1=%016" PRIx64 " DR2=%016" PRIx64 " DR3=%016" PRIx64 "\n", c->dr[0],
		c->dr[1], c->dr[2], c->dr[3]);
	fprintf(o, "DR6=%016" PRIx64 " DR7=%016" PRIx64 "\n", c->dr[6], c->dr[7]);
	msr_registers(o, c);
	fpu_registers(o, &c->fpu);
}

static void dump_chip(struct mon *mon, const char *name)
{
	if (!machine_dump_device(mon->m, name, mon->out))
		fprintf(mon->out, "there is no %s in this machine\n", name);
}

static void info_pic(struct mon *mon)
{
	dump_chip(mon, "i8259");
}

static void info_lapic(struct mon *mon)
{
	dump_chip(mon, "apic");
}

static void info_ioapic(struct mon *mon)
{
	dump_chip(mon, "ioapic");
}

static void info_pit(struct mon *mon)
{
	dump_chip(mon, "isa-pit");
}

static void info_rtc(struct mon *mon)
{
	dump_chip(mon, "mc146818rtc");
}

static void info_vga(struct mon *mon)
{
	dump_chip(mon, "VGA");
}

static void info_cpus(struct mon *mon)
{
	const struct vcpu *c = machine_cpu(mon->m);

	fprintf(mon->out, "* CPU #0: pc=0x%016" PRIx64 "%s\n", c->seg[SEG_CS].base + c->rip,
		c->halted ? " (halted)" : "");
}

static void info_irq(struct mon *mon)
{
	info_pic(mon);
	info_lapic(mon);
	info_ioapic(mon);
}

static void info_pci(struct mon *mon)
{
	machine_dump_pci(mon->m, mon->out);
}

static void info_softtlb(struct mon *mon)
{
	static const char *const names[MMU_IDX_COUNT] = {"supervisor", "user", "supervisor with SMAP"};
	const struct mmu *m = &machine_cpu(mon->m)->mmu;

	for (unsigned k = 0; k < MMU_IDX_COUNT; k++) {
		unsigned n = 0;

		for (unsigned i = 0; i < TLB_SIZE; i++) {
			const struct tlb_entry *t = &m->tlb[k][i];
			uint64_t tag = t->rd != TLB_NO_TAG ? t->rd : t->ex != TLB_NO_TAG ? t->ex : t->wr;
			gla_t gla = TLB_TAG_PAGE(tag);

			if (tag == TLB_NO_TAG)
				continue;
			if (!n++)
				fprintf(mon->out, "%s:\n", names[k]);
			fprintf(mon->out, "%016" PRIx64 ": %016" PRIx64 " %c%c%c%c\n", gla, m->side[k][i].gpa,
				t->rd != TLB_NO_TAG ? 'r' : '-', t->wr != TLB_NO_TAG ? 'w' : '-',
				t->ex != TLB_NO_TAG ? 'x' : '-', m->side[k][i].global ? 'g' : '-');
		}
	}
	fprintf(mon->out, "fills %" PRIu64 ", flushes %" PRIu64 ", single pages %" PRIu64 "\n", m->fills,
		m->flushes, m->page_flushes);
}

static void ranges(FILE *out, const char *title, const struct space *s)
{
	static const char *const kinds[] = {"-", "ram", "rom", "i/o"};

	fprintf(out, "%s:\n", title);
	for (unsigned i = 0; i < s->nranges; i++) {
		const struct range *r = &s->ranges[i];

		if (r->reg)
			fprintf(out, "  %016" PRIx64 "-%016" PRIx64 " %s %s\n", r->start, r->last,
				kinds[r->reg->kind], r->reg->name ? r->reg->name : "");
	}
}

static void info_mtree(struct mon *mon)
{
	ranges(mon->out, "memory", machine_memory(mon->m));
	ranges(mon->out, "ports", machine_ports(mon->m));
}

static void info_jit(struct mon *mon)
{
	jit_dump_info(machine_jit(mon->m), mon->out);
}

static void info_status(struct mon *mon)
{
	struct vcpu *cpu = machine_cpu(mon->m);
	const struct history *h = cpu->history;

	fprintf(mon->out, "VM status: %s%s\nCPU: ", mon->l->paused ? "paused" : machine_asleep(mon->m) ? "suspended" : "running",
		cpu->halted ? " (CPU halted)" : "");
	live_tell(mon->l, mon->out);
	fprintf(mon->out, "%" PRIu64 " transitions, %" PRIu64 " exceptions\n", h->nrecs, h->ntraps);
}

static void info_screen(struct mon *mon)
{
	struct display *d = machine_display(mon->m);
	struct text_screen *t = calloc(1, sizeof(*t));
	char *buf = malloc(65536);

	if (d && t && buf) {
		d->text(d->opaque, t);
		if (t->cols) {
			screen_text(t, buf, 65536);
			fputs(buf, mon->out);
		} else {
			fprintf(mon->out, "the screen is in a graphics mode\n");
		}
	}
	free(t);
	free(buf);
}

static void info_version(struct mon *mon)
{
	fprintf(mon->out, "Dragoman 0.1.0\n");
}

static void info_name(struct mon *mon)
{
	if (mon->l->name)
		fprintf(mon->out, "%s\n", mon->l->name);
}

static void info_kvm(struct mon *mon)
{
	fprintf(mon->out, "kvm support: not compiled\n");
}

static void info_mice(struct mon *mon)
{
	const struct input *in = machine_input(mon->m);

	fprintf(mon->out, "%c Mouse #2: PS/2 Mouse\n", in->absolute ? ' ' : '*');
	if (in->tablet)
		fprintf(mon->out, "%c Mouse #3: USB Tablet (absolute)\n", in->absolute ? '*' : ' ');
}

static void info_memory_size(struct mon *mon)
{
	fprintf(mon->out, "base memory: %" PRIu64 "\n", machine_ram_size(mon->m));
}

static const struct topic {
	const char *name;
	void (*fn)(struct mon *mon);
	const char *help;
} topics[] = {
#define INFO(name, fn, help) {name, fn, help},
#include "frontend/monitor_info.def"
#undef INFO
};

const char *mon_topic(unsigned i)
{
	return i < ARRAY_SIZE(topics) ? topics[i].name : NULL;
}

void cmd_info(struct mon *mon)
{
	char *w = mon_word(mon);

	for (unsigned i = 0; i < ARRAY_SIZE(topics); i++) {
		if (!w) {
			fprintf(mon->out, "info %s -- %s\n", topics[i].name, topics[i].help);
		} else if (!strcmp(w, topics[i].name)) {
			topics[i].fn(mon);
			return;
		}
	}
	if (w)
		fprintf(mon->out, "unknown topic '%s'; 'info' lists them\n", w);
}
