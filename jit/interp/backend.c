/*
 * backend.c - the IR interpreter as a backend: exact, portable, and the lockstep partner of the others.
 *
 * "Compiling" keeps a compact copy of the IR; running walks it with eval.c. Helpers are called through libffi, whose
 * one prepared call interface fits them all (helpers.h). Direct links are followed here too, so that
 * the same cache and link code is exercised under every backend.
 */
#include "jit/host/backend.h"
#include "jit/interp/eval.h"
#include <ffi.h>
#include <stdlib.h>
#include <string.h>

struct interp {
	ffi_cif cif;
	ffi_type *args[4];
	struct eval eval;
	uint64_t t[IR_MAX_TEMPS];
};

/* A block's IR without the unused tails of struct ir_block. */
struct interp_code {
	uint32_t mode;
	unsigned nops;
	struct ir_term term;
	struct insn *insns;
	struct ir_op op[];
};

static enum exit call_helper(void *opaque, helper_fn *fn, struct vcpu *cpu, uint64_t a, uint64_t b,
	uint64_t c)
{
	struct interp *in = opaque;
	void *argv[4] = {&cpu, &a, &b, &c};
	ffi_arg ret = 0;

	ffi_call(&in->cif, FFI_FN(fn), &ret, argv);
	return (enum exit)ret;
}

static enum vm_err interp_init(struct vcpu *cpu, const struct jit_options *opt, void **priv,
	struct err *e)
{
	struct interp *in = calloc(1, sizeof(*in));

	(void)opt;
	if (!in)
		return err_set(e, VM_ERR_NOMEM, "no memory for the interpreter");
	in->args[0] = &ffi_type_pointer;
	in->args[1] = in->args[2] = in->args[3] = &ffi_type_uint64;
	BUG_ON(ffi_prep_cif(&in->cif, FFI_DEFAULT_ABI, 4, &ffi_type_sint32, in->args) != FFI_OK);
	in->eval.cpu = cpu;
	in->eval.call = call_helper;
	in->eval.call_opaque = in;
	*priv = in;
	return VM_OK;
}

static void interp_fini(void *priv)
{
	free(priv);
}

static bool interp_compile(void *priv, struct block *blk, const struct ir_block *ir)
{
	size_t ops = ir->nops * sizeof(struct ir_op), ins = ir->ninsns * sizeof(struct insn);
	struct interp_code *c = malloc(sizeof(*c) + ops + ins);

	(void)priv;
	BUG_ON(!c);
	c->mode = ir->mode;
	c->nops = ir->nops;
	c->term = ir->term;
	memcpy(c->op, ir->op, ops);
	c->insns = (struct insn *)((char *)c->op + ops);
	memcpy(c->insns, ir->insns, ins);
	blk->priv = c;
	return true;
}

static unsigned insns_behind(const struct interp_code *c, unsigned i)
{
	unsigned n = 0;

	while (++i < c->nops)
		n += c->op[i].op == IR_INSN;
	return n;
}

/*
 * One block; *taken: exit of it that was taken, -1 for none. An instruction that changes a later one of its own block is
 * its last: what follows is translated again (SDM Vol. 3A 11.6 "Self-Modifying Code").
 */
static enum exit run_block(struct interp *in, const struct interp_code *c, const bool *dead, int *taken)
{
	struct eval *e = &in->eval;

	e->t = in->t;
	e->mode = c->mode;
	e->insns = c->insns;
	e->term = &c->term;
	for (unsigned i = 0; i < c->nops; i++) {
		enum exit x;

		if (c->op[i].op == IR_SIDE) {
			if (!eval_side(e, &c->op[i]))
				continue;
			*taken = c->op[i].aux;
			e->cpu->insns -= insns_behind(c, i);
			return EXIT_NONE;
		}
		x = eval_op(e, &c->op[i]);
		if (UNLIKELY(x || (c->op[i].op == IR_INSN && *dead))) {
			*taken = -1;
			/* the block counts as a whole; an instruction that faults, or has not begun, has not been run */
			e->cpu->insns -= insns_behind(c, i) + (x == EXIT_FAULT || !x);
			return x;
		}
	}
	*taken = eval_term(e);
	return EXIT_NONE;
}

static enum run_exit interp_run(void *priv, struct vcpu *cpu, struct block *blk,
	struct block_exit **last)
{
	struct interp *in = priv;

	*last = NULL;
	for (;;) {
		const struct interp_code *c = blk->priv;
		const bool *dead = blk->is_twin ? &blk->of->dead : &blk->dead;
		uint8_t kind = c->term.kind;
		int taken;
		enum exit x;

		cpu->ip_base = cpu->rip - (blk->ra & (PAGE_SIZE - 1));
		x = run_block(in, c, dead, &taken);
		cpu->insns += blk->ninsns;
		if (x == EXIT_FAULT)
			return RUN_FAULT;
		if (x == EXIT_STOP || (taken < 0 && (kind == TERM_STOP || kind == TERM_RIP)))
			return RUN_STOP;
		if (cpu->req)
			return RUN_REQ;
		if (taken < 0 || *dead)
			return RUN_LOOKUP;
		*last = &blk->exit[taken];
		if (!blk->exit[taken].to)
			return RUN_LOOKUP;
		blk = blk->exit[taken].to;
		*last = NULL;
	}
}

static void interp_link(void *priv, struct block_exit *from, struct block *to)
{
}

static void interp_unlink(void *priv, struct block_exit *from)
{
}

static void interp_kill(void *priv, struct block *blk)
{
}

static void interp_flush(void *priv)
{
}

static void interp_dump(void *priv, FILE *out)
{
	fprintf(out, "backend: IR interpreter\n");
}

static uint32_t interp_host_features(void *priv)
{
	return 0;
}

static bool interp_can_native(void *priv, const struct insn *in)
{
	return false;
}

static void interp_free_block(void *priv, struct block *blk)
{
	free(blk->priv);
	blk->priv = NULL;
}

const struct jit_backend interp_backend = {
	.name = "interp",
	.init = interp_init,
	.fini = interp_fini,
	.compile = interp_compile,
	.free_block = interp_free_block,
	.run = interp_run,
	.link = interp_link,
	.unlink = interp_unlink,
	.kill = interp_kill,
	.flush = interp_flush,
	.dump = interp_dump,
	.host_features = interp_host_features,
	.sides = true,
	.can_native = interp_can_native,
};
