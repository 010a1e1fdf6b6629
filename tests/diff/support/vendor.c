/* vendor.c - see vendor.h. */
#include "tests/diff/support/vendor.h"
#include "tests/diff/support/diff.h"
#include "cpu/insn/rows.h"
#include <string.h>

bool host_intel(void)
{
#if defined(__x86_64__)
	return host_vendor() == VENDOR_INTEL;
#else
	return true;
#endif
}

/* VMASKMOV, VPMASKMOV */
static bool is_masked_move(const struct insn_row *r)
{
	return r->match & MATCH_VEX && r->map == 2 && ((r->opcode >= 0x2C && r->opcode <= 0x2F) || r->opcode == 0x8C || r->opcode == 0x8E);
}

/*
 * AMD's processors raise #PF where Intel's and ours raise
 * - #GP: a masked move has an element in a page that is absent and another at an address that is not canonical;
 * - #XM: VCVTPS2PH cannot store what raises it;
 * - #MF, with the next instruction that waits: an unmasked exception suppresses an x87 store.
 */
static bool amd_differs(const struct insn_row *r, const struct diff_result *host, const struct diff_result *ours)
{
	if (host->vec != 14)
		return false;
	if (is_masked_move(r))
		return ours->vec == 13 && ours->rip == host->rip;
	if (!strcmp(r->mnemonic, "vcvtps2ph"))
		return ours->vec == 19 && ours->rip == host->rip;
	return !strcmp(r->semantics, "x87") && ours->vec == 16;
}

/* Intel's processors raise #XM of VCVTPS2PH even before #GP of an address that is not canonical; we look at addresses first, as for all others. */
static bool address_later(const struct insn_row *r, const struct diff_result *host, const struct diff_result *ours)
{
	return !strcmp(r->mnemonic, "vcvtps2ph") && host->vec == 19 && ours->vec == 13 && ours->rip == host->rip;
}

/* Intel's processors say in CR2 where in the page the last byte of some element was, if an element lies across two pages. */
static bool intel_differs(const struct insn_row *r, const struct diff_result *host, const struct diff_result *ours)
{
	return is_masked_move(r) && host->vec == 14 && ours->vec == 14 && !((host->cr2 ^ ours->cr2) & ~(uint64_t)(PAGE_SIZE - 1));
}

const char *vendor_compare(const struct insn_index *ix, const struct diff_case *c, const struct diff_result *host, struct diff_result *ours)
{
	const char *why = diff_compare(c, host, ours);
	uint64_t at = host->rip - diff_ip(c), cr2 = ours->cr2;
	const struct insn_row *r;
	struct insn in;

	if (!why || at >= c->len || insn_decode(ix, c->code + at, 15, c->mode, &in) != DECODE_OK)
		return why;
	r = &insn_rows[in.id];
	if (!host_intel())
		return amd_differs(r, host, ours) ? NULL : why;
	if (address_later(r, host, ours))
		return NULL;
	if (!intel_differs(r, host, ours))
		return why;
	ours->cr2 = host->cr2;
	why = diff_compare(c, host, ours);
	ours->cr2 = cr2;
	return why;
}
