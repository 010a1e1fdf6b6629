/* explain_text.c - names and short forms that the trap log's readers share. */
#include "frontend/explain.h"
#include "cpu/mode.h"
#include <inttypes.h>

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

void explain_time(FILE *out, uint64_t ns)
{
	fprintf(out, "%5" PRIu64 ".%06" PRIu64, ns / 1000000000, ns / 1000 % 1000000);
}
