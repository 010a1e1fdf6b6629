/*
 * report.c - counting sensitive instructions and writing the report (report.h).
 *
 * The translator makes each instruction of the wanted trap classes (cpu/insn rows) the head of a block that only the
 * run loop enters, and tells of each execution; the rest of the guest runs as always. An instruction that faults and is
 * restarted counts each time.
 */
#include "frontend/report.h"
#include "cpu/mode.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SITES 65536 /* power of two; addresses beyond that are counted by kind only */
#define TOP 40
enum { RING0, RING1, RING2, RING3, V86, REAL, PLACES };

/* Cycles, for comparison only: a fault into a monitor and back with decoding, translated code in place, a call that jumps. */
enum { COST_TRAP = 2000, COST_TRANSLATED = 30, COST_HYPERCALL = 400 };

struct site {
	uint64_t gla, count;
	uint16_t id;
	uint8_t place;
};

struct report {
	struct machine *m;
	FILE *html, *csv;
	uint64_t (*kind)[PLACES]; /* [INSN_COUNT] */
	struct site *site;
	unsigned nsites;
	uint64_t lost; /* executions at addresses that found no room */
};

static const char *const place_names[PLACES] = {"ring 0", "ring 1", "ring 2", "ring 3", "virtual-8086", "real mode"};

static unsigned place_of(const struct vcpu *cpu)
{
	return !(cpu->cr0 & CR0_PE) ? REAL : cpu->eflags & FL_VM ? V86 : cpu->cpl;
}

static void hit(void *opaque, struct vcpu *cpu, unsigned id)
{
	struct report *r = opaque;
	unsigned place = place_of(cpu), i;
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;

	r->kind[id][place]++;
	i = (unsigned)((gla ^ gla >> 13 ^ place * 0x9E37u) * 0x9E3779B97F4A7C15ull >> 48);
	for (unsigned n = 0; n < 16; n++, i++) {
		struct site *s = &r->site[i & (SITES - 1)];

		if (!s->count)
			*s = (struct site){.gla = gla, .id = (uint16_t)id, .place = (uint8_t)place};
		if (s->gla == gla && s->id == id && s->place == place) {
			s->count++;
			return;
		}
	}
	r->lost++;
}

static bool privileged(unsigned id)
{
	return insn_rows[id].trap == TRAP_CPL0 || insn_rows[id].trap == TRAP_IOPL || insn_rows[id].trap == TRAP_IOBM;
}

static const char *in_ring1(unsigned id)
{
	static const struct {
		const char *mnemonic, *text;
	} rows[] = {
#define SENSITIVE(mnemonic, text) {mnemonic, text},
#include "frontend/sensitive.def"
#undef SENSITIVE
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows) && !privileged(id); i++)
		if (!strcmp(rows[i].mnemonic, insn_rows[id].mnemonic))
			return rows[i].text;
	return "#GP(0): traps";
}

static uint64_t total(const struct report *r, unsigned id)
{
	uint64_t n = 0;

	for (unsigned p = 0; p < PLACES; p++)
		n += r->kind[id][p];
	return n;
}

/* ---- the argument ---- */

static enum vm_err parse(const char *arg, const char **file, struct err *e)
{
	if (strncmp(arg, "sensitive=", 10) || !arg[10])
		return err_set(e, VM_ERR_USAGE, "-report: '%s' is not sensitive=FILE", arg);
	*file = arg + 10;
	return VM_OK;
}

enum vm_err report_check(const char *arg, struct err *e)
{
	const char *file;

	return parse(arg, &file, e);
}

static enum vm_err open_files(struct report *r, const char *file, struct err *e)
{
	char csv[1024];
	size_t n = strlen(file);

	if (n > 5 && !strcmp(file + n - 5, ".html"))
		n -= 5;
	if ((size_t)snprintf(csv, sizeof(csv), "%.*s.csv", (int)n, file) >= sizeof(csv))
		return err_set(e, VM_ERR_USAGE, "-report: '%s' is too long", file);
	r->html = fopen(file, "w");
	if (!r->html)
		return err_errno(e, "cannot write '%s'", file);
	r->csv = fopen(csv, "w");
	if (!r->csv)
		return err_errno(e, "cannot write '%s'", csv);
	return VM_OK;
}

static void release(struct report *r)
{
	if (r->html)
		fclose(r->html);
	if (r->csv)
		fclose(r->csv);
	free(r->kind);
	free(r->site);
	free(r);
}

enum vm_err report_new(struct report **out, struct machine *m, const char *arg, struct err *e)
{
	struct report *r = calloc(1, sizeof(*r));
	const char *file = "";
	enum vm_err x;

	BUG_ON(!r);
	r->m = m;
	r->kind = calloc(INSN_COUNT, sizeof(*r->kind));
	r->site = calloc(SITES, sizeof(*r->site));
	BUG_ON(!r->kind || !r->site);
	x = parse(arg, &file, e);
	if (!x)
		x = open_files(r, file, e);
	if (x) {
		release(r);
		return x;
	}
	jit_count_classes(machine_jit(m), ~(uint32_t)BIT(TRAP_FREE), hit, r);
	*out = r;
	return VM_OK;
}

/* ---- the report ---- */

static void write_csv(const struct report *r)
{
	fprintf(r->csv, "instruction,encoding,class,place,address,count\n");
	for (unsigned id = 0; id < INSN_COUNT; id++)
		for (unsigned p = 0; p < PLACES; p++)
			if (r->kind[id][p])
				fprintf(r->csv, "%s,%s,%s,%s,all,%" PRIu64 "\n", insn_rows[id].mnemonic, insn_rows[id].id,
					privileged(id) ? "privileged" : "sensitive", place_names[p], r->kind[id][p]);
	for (unsigned i = 0; i < SITES; i++) {
		const struct site *s = &r->site[i];

		if (s->count)
			fprintf(r->csv, "%s,%s,%s,%s,0x%" PRIx64 ",%" PRIu64 "\n", insn_rows[s->id].mnemonic,
				insn_rows[s->id].id, privileged(s->id) ? "privileged" : "sensitive",
				place_names[s->place], s->gla, s->count);
	}
}

static void bar(FILE *o, uint64_t n, uint64_t most)
{
	fprintf(o, "<td><div class=bar style=\"width:%u%%\"></div></td>", most ? (unsigned)(n * 100 / most) : 0);
}

static void kind_rows(const struct report *r, bool priv)
{
	FILE *o = r->html;
	uint64_t most = 0;

	fprintf(o, "<table><tr><th>instruction<th>ring 0<th>ring 1<th>ring 2<th>ring 3<th>virtual-8086<th>real mode<th>share<th>"
		   "a kernel in ring 1 would see</tr>\n");
	for (unsigned id = 0; id < INSN_COUNT; id++)
		if (privileged(id) == priv && total(r, id) > most)
			most = total(r, id);
	for (unsigned id = 0; id < INSN_COUNT; id++) {
		if (privileged(id) != priv || !total(r, id))
			continue;
		fprintf(o, "<tr><td>%s <small>%s</small>", insn_rows[id].mnemonic, insn_rows[id].id);
		for (unsigned p = 0; p < PLACES; p++)
			fprintf(o, "<td class=n>%" PRIu64, r->kind[id][p]);
		bar(o, total(r, id), most);
		fprintf(o, "<td>%s</tr>\n", in_ring1(id));
	}
	fprintf(o, "</table>\n");
}

static int by_count(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static void top_sites(const struct report *r)
{
	FILE *o = r->html;

	qsort(r->site, SITES, sizeof(*r->site), by_count);
	fprintf(o, "<h2>Busiest addresses</h2><table><tr><th>linear address<th>where<th>instruction<th>class<th>count<th>share</tr>\n");
	for (unsigned i = 0; i < TOP && r->site[i].count; i++) {
		const struct site *s = &r->site[i];

		fprintf(o, "<tr><td><code>%" PRIx64 "</code><td>%s<td>%s<td>%s<td class=n>%" PRIu64, s->gla,
			place_names[s->place], insn_rows[s->id].mnemonic,
			privileged(s->id) ? "privileged" : "sensitive, does not trap", s->count);
		bar(o, s->count, r->site[0].count);
		fprintf(o, "</tr>\n");
	}
	fprintf(o, "</table>\n");
	if (r->lost)
		fprintf(o, "<p>%" PRIu64 " executions at further addresses are in the tables by kind only.\n", r->lost);
}

/* What a monitor would pay for the guest's kernel: what it executed in ring 0. */
static void costs(const struct report *r)
{
	FILE *o = r->html;
	uint64_t priv = 0, sens = 0;

	for (unsigned id = 0; id < INSN_COUNT; id++)
		*(privileged(id) ? &priv : &sens) += r->kind[id][RING0];
	fprintf(o, "<h2>What it would cost</h2>\n<p>For the guest's kernel (ring 0): %" PRIu64 " privileged and %" PRIu64
		   " sensitive unprivileged instructions. The cycles are assumptions for comparison: %d a trap with emulation, %d "
		   "translated in place, %d a hypercall.\n", priv, sens, COST_TRAP, COST_TRANSLATED, COST_HYPERCALL);
	fprintf(o, "<table><tr><th>method<th>million cycles<th>share<th>remark</tr>\n<tr><td>trap and emulate<td class=n>%.1f",
		(double)priv * COST_TRAP / 1e6);
	bar(o, 100, 100);
	fprintf(o, "<td>wrong %" PRIu64 " times: those do not trap</tr>\n<tr><td>binary translation<td class=n>%.1f", sens,
		(double)(priv + sens) * COST_TRANSLATED / 1e6);
	bar(o, (priv + sens) * COST_TRANSLATED, priv * COST_TRAP);
	fprintf(o, "<td>all are found</tr>\n<tr><td>hypercalls<td class=n>%.1f", (double)(priv + sens) * COST_HYPERCALL / 1e6);
	bar(o, (priv + sens) * COST_HYPERCALL, priv * COST_TRAP);
	fprintf(o, "<td>if the kernel is changed at every place; without batching</tr>\n</table>\n");
}

static void write_html(const struct report *r)
{
	FILE *o = r->html;

	fprintf(o, "<!doctype html><html lang=en><meta charset=utf-8><title>Sensitive instructions</title>\n<style>body{font:15px "
		   "sans-serif;max-width:75em;margin:2em auto}table{border-collapse:collapse}td,th{border-bottom:1px solid "
		   "#ccc;padding:.2em .6em;text-align:left}.n{text-align:right}.bar{background:#47a;height:.8em;min-width:1px;"
		   "max-width:12em}td:has(.bar){min-width:12em}small{color:#777}</style>\n"
		   "<h1>Sensitive instructions</h1>\n<p>What this guest executed, after Popek and Goldberg (1974) and Robin and Irvine "
		   "(2000). Privileged instructions trap in a deprivileged kernel; the sensitive ones of the second table do "
		   "not, or not always, and that is why IA-32 could not be virtualised by trap and emulate alone.\n");
	fprintf(o, "<h2>Privileged</h2>\n");
	kind_rows(r, true);
	fprintf(o, "<h2>Sensitive but unprivileged</h2>\n");
	kind_rows(r, false);
	costs(r);
	top_sites(r);
	fprintf(o, "</html>\n");
}

void report_free(struct report *r)
{
	if (!r)
		return;
	jit_count_classes(machine_jit(r->m), 0, NULL, NULL);
	write_csv(r);
	write_html(r);
	if (ferror(r->html) || ferror(r->csv))
		fprintf(stderr, "dragoman: the report is incomplete\n");
	release(r);
}
