/* passes.c - the list of IR passes and the loop that runs them. */
#include "jit/opt/passes.h"

const struct ir_pass ir_passes[] = {
#define PASS(name, fn, doc) {name, doc, fn},
#include "jit/opt/passes.def"
#undef PASS
};
const unsigned ir_npasses = ARRAY_SIZE(ir_passes);

void ir_optimise(struct ir_block *b, uint32_t off_mask)
{
	for (unsigned i = 0; i < ir_npasses; i++)
		if (!(off_mask >> i & 1))
			ir_passes[i].run(b);
}
