/*
 * dump.c - what -d in,ir,opt,out print: guest code, IR, host code of each block. Host code by capstone.
 */
#include "jit/priv.h"
#include <capstone/capstone.h>
#include <inttypes.h>

/* how capstone names the host */
#if defined(__aarch64__)
#define HOST_CS CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN
#else
#define HOST_CS CS_ARCH_X86, CS_MODE_64
#endif

static bool wanted(const struct jit *j, enum log_cat c)
{
	const struct log *l = j->cpu->log;

	return log_on(l, c) && log_shows(l, j->cpu->seg[SEG_CS].base + j->cpu->rip);
}

void dump_block(const struct jit *j, const struct block *b, const struct ir_block *ir, bool optimised)
{
	const struct vcpu *cpu = j->cpu;
	uint64_t ip = cpu->rip;

	if (!optimised && wanted(j, LOG_IN)) {
		fprintf(cpu->log->out, "IN: %04x:%" PRIx64 " ra %" PRIx64 " mode %08x\n",
			cpu->seg[SEG_CS].sel, ip, b->ra, b->mode);
		for (unsigned i = 0; i < ir->ninsns; i++) {
			char text[96];

			insn_text(&ir->insns[i], ip, text, sizeof(text));
			fprintf(cpu->log->out, "  0x%08" PRIx64 ":  %s\n", ip, text);
			ip += ir->insns[i].len;
		}
	}
	if (wanted(j, optimised ? LOG_OPT : LOG_IR))
		ir_print(ir, cpu->log->out);
}

static void list(const struct jit *j, csh cs, const uint8_t *code, uint32_t len)
{
	cs_insn *in;
	size_t n = cs_disasm(cs, code, len, (uintptr_t)code, 0, &in);

	for (size_t i = 0; i < n; i++)
		fprintf(j->cpu->log->out, "  0x%" PRIx64 ":  %s %s\n", in[i].address, in[i].mnemonic, in[i].op_str);
	if (n)
		cs_free(in, n);
}

void dump_code(const struct jit *j, const struct block *b)
{
	csh cs;

	if (!b->code || !wanted(j, LOG_OUT))
		return;
	fprintf(j->cpu->log->out, "OUT: [%u bytes for %u, and %u of cold paths at %p]\n", b->code_len, b->len, b->cold_len,
		(const void *)block_cold(b));
	if (cs_open(HOST_CS, &cs) != CS_ERR_OK)
		return;
	cs_option(cs, CS_OPT_SKIPDATA, CS_OPT_ON); /* words it does not know, and addresses between the code */
	list(j, cs, b->code, b->code_len);
	list(j, cs, block_cold(b), b->cold_len);
	cs_close(&cs);
}
