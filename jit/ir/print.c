/*
 * print.c - the text form of the IR, for -d ir,opt and the golden tests.
 */
#include "jit/ir/ir.h"
#include <inttypes.h>
#include <string.h>

static const char gpr_name[16][4] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
	"r9", "r10", "r11", "r12", "r13", "r14", "r15"};
static const char seg_name[6][3] = {"es", "cs", "ss", "ds", "fs", "gs"};
static const char cc_name[16][4] = {"o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p",
	"np", "l", "ge", "le", "g"};

static void print_val(ir_val v, int64_t imm, FILE *out)
{
	switch (IR_KIND(v)) {
	case IR_KIND_G:
		fputs(gpr_name[IR_NUM(v) & 15], out);
		break;
	case IR_KIND_GH:
		fprintf(out, "%ch", "acdb"[IR_NUM(v) & 3]);
		break;
	case IR_KIND_T:
		fprintf(out, "t%u", IR_NUM(v));
		break;
	case IR_KIND_IMM:
		if (imm < 0)
			fprintf(out, "-0x%" PRIx64, -(uint64_t)imm);
		else
			fprintf(out, "0x%" PRIx64, (uint64_t)imm);
		break;
	case IR_KIND_IPBASE:
		fputs("ip_base", out);
		break;
	default:
		fputs("-", out);
	}
}

static void print_mem(const struct ir_mem *m, FILE *out)
{
	const char *sep = "";

	if (m->seg != IR_NOSEG)
		fprintf(out, "%s:", seg_name[m->seg % 6]);
	fputc('[', out);
	if (m->base != IR_NONE) {
		print_val(m->base, 0, out);
		sep = "+";
	}
	if (m->index != IR_NONE) {
		fputs(sep, out);
		print_val(m->index, 0, out);
		if (m->scale)
			fprintf(out, "*%u", 1u << m->scale);
		sep = "+";
	}
	if (m->disp < 0)
		fprintf(out, "-0x%" PRIx64, -(uint64_t)m->disp);
	else if (m->disp || !*sep)
		fprintf(out, "%s0x%" PRIx64, sep, (uint64_t)m->disp);
	fprintf(out, "]a%u", m->asize);
	if (m->idx == MMU_SMAP)
		fputs("/smap", out);
}

static void print_flags(const char *tag, uint16_t f, FILE *out)
{
	static const struct { uint16_t bit; char c; } names[] = {
		{IRF_O, 'O'}, {IRF_S, 'S'}, {IRF_Z, 'Z'}, {IRF_A, 'A'}, {IRF_P, 'P'}, {IRF_C, 'C'}};

	if (!f)
		return;
	fprintf(out, " %s", tag);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (f & names[i].bit)
			fputc(names[i].c, out);
}

static void print_op(const struct ir_op *o, FILE *out)
{
	const struct ir_op_info *info = &ir_ops[o->op];
	const char *sep = " ";

	fputs("  ", out);
	if (o->d != IR_NONE) {
		print_val(o->d, 0, out);
		fputs(" = ", out);
	}
	fputs(o->op == IR_HELPER ? helpers[o->aux].name : info->name, out);
	if (o->w && o->op != IR_HELPER)
		fprintf(out, ".%u", o->w);
	if (o->op == IR_ZEXT || o->op == IR_SEXT || o->op == IR_CRC32 || o->op == IR_LDENV)
		fprintf(out, "/%u", o->aux);
	if (o->op == IR_SETCC || o->op == IR_CMOV || o->op == IR_SIDE)
		fprintf(out, ".%s", cc_name[o->cc & 15]);
	if (strchr(info->operands, 'm') && !(o->op == IR_NATIVE && o->m.asize == 0)) {
		fputs(sep, out);
		print_mem(&o->m, out);
		sep = ", ";
	}
	const ir_val v[3] = {o->a, o->b, o->c};
	bool imm_shown = false;

	for (unsigned i = 0; i < 3; i++) {
		if (v[i] == IR_NONE)
			continue;
		fputs(sep, out);
		print_val(v[i], o->imm, out);
		imm_shown |= v[i] == IR_IMM;
		sep = ", ";
	}
	if (o->imm && !imm_shown)
		fprintf(out, " #0x%" PRIx64, (uint64_t)o->imm);
	print_flags("def:", o->fdef, out);
	print_flags("use:", o->fuse, out);
	if (o->fdef && o->flive != IRF_ALL)
		print_flags("live:", o->flive, out);
	fputc('\n', out);
}

static void print_term(const struct ir_term *t, FILE *out)
{
	static const char *const hint[] = {"", " (call)", " (ret)"};
	const char *h = hint[t->hint < 3 ? t->hint : 0];

	switch (t->kind) {
	case TERM_JMP:
		fprintf(out, "  jmp/%u %+" PRId64 "%s", t->ipsize, t->t_off, h);
		break;
	case TERM_JCC:
		fprintf(out, "  jcc.%s/%u %+" PRId64 " else %+" PRId64, cc_name[t->cc & 15],
			t->ipsize, t->t_off, t->f_off);
		break;
	case TERM_JNZ:
		fputs("  jnz ", out);
		print_val(t->val, 0, out);
		fprintf(out, ".%u/%u %+" PRId64 " else %+" PRId64, t->w, t->ipsize, t->t_off,
			t->f_off);
		break;
	case TERM_IND:
		fprintf(out, "  ind/%u ", t->ipsize);
		print_val(t->val, 0, out);
		fputs(h, out);
		break;
	case TERM_STOP:
		fprintf(out, "  stop %+" PRId64, t->f_off);
		break;
	case TERM_RIP:
		fputs("  rip", out);
		break;
	default:
		fputs("  open", out);
	}
	fputc('\n', out);
}

void ir_print(const struct ir_block *b, FILE *out)
{
	fprintf(out, "block mode=%08x off=0x%x..0x%x insns=%u\n", b->mode, b->start_off, b->end_off,
		b->ninsns);
	for (unsigned i = 0, n = 0; i < b->nops; i++) {
		const struct ir_op *o = &b->op[i];

		if (o->op == IR_INSN) {
			char text[96] = "?";

			if (n < b->ninsns)
				insn_text(&b->insns[n++], (uint64_t)o->imm, text, sizeof(text));
			fprintf(out, " 0x%03x,%u: %s\n", (unsigned)o->imm, o->aux, text);
			continue;
		}
		print_op(o, out);
	}
	print_term(&b->term, out);
}
