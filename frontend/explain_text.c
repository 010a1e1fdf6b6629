/* explain_text.c - names and short forms that the trap log's readers share. */
#include "frontend/explain.h"
#include "cpu/mode.h"
#include <inttypes.h>
#include <string.h>

/* SDM Vol. 3A table 6-1 */
static const char *const vectors[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "", "#TS", "#NP",
	"#SS", "#GP", "#PF", "", "#MF", "#AC", "#MC", "#XM"};

const char *explain_vector(unsigned vec)
{
	return vec < ARRAY_SIZE(vectors) ? vectors[vec] : "";
}

const char *explain_mode(uint32_t mode)
{
	static const char *const prot[] = {"prot16", "prot32"}, *const compat[] = {"compat16", "compat32"};
	unsigned code = mode & MODE_CODE_MASK;

	if (!(mode & MODE_PE))
		return "real";
	if (mode & MODE_VM)
		return "v86";
	if (code == MODE_CODE64)
		return "long";
	return mode & MODE_LMA ? compat[code & 1] : prot[code & 1];
}

void explain_place(FILE *out, const struct place *p)
{
	unsigned code = mode_code_size(p->mode);

	fprintf(out, "%04x:%0*" PRIx64 " CPL%u %s", p->cs, code == 8 ? 16 : code == 4 ? 8 : 4, p->rip, p->cpl,
		explain_mode(p->mode));
}

void explain_symbol(FILE *out, const struct vcpu *cpu, gla_t gla)
{
	char name[160];

	if (cpu->history && symbols_name(cpu->history->opaque, gla, name, sizeof(name)))
		fprintf(out, " <%s>", name);
}

void explain_time(FILE *out, uint64_t ns)
{
	fprintf(out, "%5" PRIu64 ".%06" PRIu64, ns / 1000000000, ns / 1000 % 1000000);
}

/* ---- descriptors ---- */

static void code_or_data(FILE *o, uint64_t lo)
{
	unsigned type = lo >> 40 & 15, dpl = lo >> 45 & 3;
	uint32_t base = (uint32_t)((lo >> 16 & 0xFFFFFF) | (lo >> 32 & 0xFF000000));
	uint32_t limit = (uint32_t)((lo & 0xFFFF) | (lo >> 32 & 0xF0000));
	bool g = lo >> 55 & 1, db = lo >> 54 & 1, l = lo >> 53 & 1;

	fprintf(o, "%s DPL %u%s, base %08x limit %08x (G=%u)", type & 8 ? "code" : "data", dpl,
		lo >> 47 & 1 ? "" : " NOT PRESENT", base, g ? limit << 12 | 0xFFF : limit, g);
	if (type & 8)
		fprintf(o, ", %s%s%s", l ? "64-bit" : db ? "32-bit" : "16-bit", type & 4 ? " conforming" : "",
			type & 2 ? " readable" : " execute-only");
	else
		fprintf(o, ", %s%s%s", db ? "32-bit" : "16-bit", type & 4 ? " expand-down" : "",
			type & 2 ? " writable" : " read-only");
	if (type & 1)
		fprintf(o, " accessed");
}

/* SDM Vol. 3A table 3-2 */
static const char *const system_types[2][16] = {
	{"reserved", "16-bit TSS (available)", "LDT", "16-bit TSS (busy)", "16-bit call gate", "task gate",
		"16-bit interrupt gate", "16-bit trap gate", "reserved", "32-bit TSS (available)", "reserved",
		"32-bit TSS (busy)", "32-bit call gate", "reserved", "32-bit interrupt gate", "32-bit trap gate"},
	{"reserved", "reserved", "LDT", "reserved", "reserved", "reserved", "reserved", "reserved", "reserved",
		"64-bit TSS (available)", "reserved", "64-bit TSS (busy)", "64-bit call gate", "reserved",
		"64-bit interrupt gate", "64-bit trap gate"}};

bool explain_wide(uint64_t lo, bool lma)
{
	return lma && !(lo >> 44 & 1);
}

static bool is_gate(unsigned type)
{
	return (type & 4) || type == 5;
}

void explain_descriptor(FILE *o, uint64_t lo, uint64_t hi, bool lma)
{
	unsigned type = lo >> 40 & 15;

	if (lo >> 44 & 1) {
		code_or_data(o, lo);
		return;
	}
	fprintf(o, "%s DPL %u%s", system_types[lma][type], (unsigned)(lo >> 45 & 3),
		lo >> 47 & 1 ? "" : " NOT PRESENT");
	if (type == 5 && !lma) {
		fprintf(o, ", TSS selector %04x", (unsigned)(lo >> 16 & 0xFFFF));
	} else if (is_gate(type)) {
		uint64_t off = (lo & 0xFFFF) | (type & 8 ? lo >> 32 & 0xFFFF0000 : 0) | (lma ? hi << 32 : 0);

		fprintf(o, ", target %04x:%0*" PRIx64, (unsigned)(lo >> 16 & 0xFFFF), lma ? 16 : 8, off);
		if ((type & 7) == 4 && !lma)
			fprintf(o, ", %u parameters", (unsigned)(lo >> 32 & 31));
		if (lma && (type & 6) == 6 && (lo >> 32 & 7))
			fprintf(o, ", IST %u", (unsigned)(lo >> 32 & 7));
	} else if (type == 1 || type == 2 || type == 3 || type == 9 || type == 11) {
		uint64_t base = (lo >> 16 & 0xFFFFFF) | (lo >> 32 & 0xFF000000) | (lma ? hi << 32 : 0);
		uint32_t limit = (uint32_t)((lo & 0xFFFF) | (lo >> 32 & 0xF0000));

		fprintf(o, ", base %0*" PRIx64 " limit %08x", lma ? 16 : 8, base,
			lo >> 55 & 1 ? limit << 12 | 0xFFF : limit);
	}
}

/* ---- registers ---- */

void explain_bits(FILE *o, const char *reg, uint64_t v)
{
	static const struct {
		const char *reg, *name;
		uint8_t bit;
	} bits[] = {
#define R(bit, name) {"cr0", name, bit}
		R(0, "PE"), R(1, "MP"), R(2, "EM"), R(3, "TS"), R(4, "ET"), R(5, "NE"), R(16, "WP"), R(18, "AM"),
		R(29, "NW"), R(30, "CD"), R(31, "PG"),
#undef R
#define R(bit, name) {"cr4", name, bit}
		R(0, "VME"), R(1, "PVI"), R(2, "TSD"), R(3, "DE"), R(4, "PSE"), R(5, "PAE"), R(6, "MCE"),
		R(7, "PGE"), R(8, "PCE"), R(9, "OSFXSR"), R(10, "OSXMMEXCPT"), R(11, "UMIP"), R(12, "LA57"),
		R(13, "VMXE"), R(14, "SMXE"), R(16, "FSGSBASE"), R(17, "PCIDE"), R(18, "OSXSAVE"),
		R(20, "SMEP"), R(21, "SMAP"), R(22, "PKE"),
#undef R
#define R(bit, name) {"efer", name, bit}
		R(0, "SCE"), R(8, "LME"), R(10, "LMA"), R(11, "NXE"),
#undef R
#define R(bit, name) {"eflags", name, bit}
		R(0, "CF"), R(2, "PF"), R(4, "AF"), R(6, "ZF"), R(7, "SF"), R(8, "TF"), R(9, "IF"), R(10, "DF"),
		R(11, "OF"), R(14, "NT"), R(16, "RF"), R(17, "VM"), R(18, "AC"), R(19, "VIF"), R(20, "VIP"),
		R(21, "ID"),
#undef R
	};
	bool first = true;

	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		if (strcmp(bits[i].reg, reg) || !(v >> bits[i].bit & 1))
			continue;
		fprintf(o, "%s%s", first ? "" : " ", bits[i].name);
		first = false;
	}
}
