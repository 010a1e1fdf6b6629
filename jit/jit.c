/*
 * jit.c - making and freeing a translator, choosing its backend, and what info jit shows.
 */
#include "jit/priv.h"
#include "mmu/base/host_mem.h"
#include "jit/profile.h"
#include "jit/host/code_mem.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum vm_err choose_backend(struct jit *j, struct err *e)
{
	enum vm_err r = interp_backend.init(j->cpu, &j->opt, &j->interp, e);
	const struct jit_backend *host;

	if (r)
		return r;
	j->be = &interp_backend;
	j->be_priv = j->interp;
	host = j->opt.accel == ACCEL_INTERP ? NULL : HOST_BACKEND;
	if (!host)
		return VM_OK;
	j->be = host;
	return j->be->init(j->cpu, &j->opt, &j->be_priv, e);
}

const char *const jit_opts[] = {"find", "fold", "group", "link", "next", "sti", "fldcw", "inline", "window", "window64", "window0",
	"far", "ret", "near", "again", "side", "poll", "key64", "keygs", "keyseg", "strings"};
const unsigned jit_nopts = ARRAY_SIZE(jit_opts);

bool jit_wants_alias(const struct jit_options *opt)
{
	const struct jit_backend *host = HOST_BACKEND;

	return opt->accel != ACCEL_INTERP && !(opt->opts_off & JIT_OPT_WINDOW) && host && host->enter;
}

#define HASH_BYTES (sizeof(struct block *) << JIT_HASH_BITS)

/* What profiles and perf files need, if they are asked for. */
static enum vm_err start_profile(struct jit *j, struct err *e)
{
	const struct code_mem *mem = j->be->code ? j->be->code(j->be_priv) : NULL;
	enum vm_err r = VM_OK;

	if (j->opt.profile) {
		j->profile = profile_new(j);
		if (!j->profile)
			return err_set(e, VM_ERR_NOMEM, "no memory for the profile");
	}
	if (j->opt.perfmap || j->opt.jitdump)
		r = perf_open(&j->perf, j->opt.perfmap, j->opt.jitdump, e);
	if (!r && j->perf && mem)
		perf_code(j->perf, "dragoman_stubs", mem->rx, (uint32_t)mem->part[CODE_HOT].first);
	return r;
}

enum vm_err jit_new(struct jit **out, struct vcpu *cpu, const struct jit_options *opt, struct err *e)
{
	struct jit *j = calloc(1, sizeof(*j));
	struct ram *ram = cpu->mmu.ram;
	enum vm_err r;

	*out = NULL;
	if (!j)
		return err_set(e, VM_ERR_NOMEM, "no memory for the translator");
	j->cpu = cpu;
	j->opt = *opt;
	cpu->opts_off = (uint8_t)(opt->opts_off >> JIT_OPT_CPU_SHIFT);
	if (cpu->opts_off)
		vcpu_update(cpu);
	/* where instructions are the time, all are counted, and the run loop looks at the clock after each block */
	j->opt.no_link |= opt->opts_off & JIT_OPT_LINK || opt->icount;
	j->npages = ram->size >> PAGE_SHIFT;
	j->tables = calloc(JIT_CONTEXTS, sizeof(*j->tables));
	j->hash = host_map_huge(HASH_BYTES, false, e);
	j->page = calloc(j->npages, sizeof(*j->page));
	if (!j->hash || !j->page || !j->tables || !again_new(j)) {
		r = err_set(e, VM_ERR_NOMEM, "no memory for the translator's tables");
		goto fail;
	}
	r = choose_backend(j, e);
	if (r)
		goto fail;
	r = start_profile(j, e);
	if (r)
		goto fail;
	ram->code_written = smc_written;
	ram->code_opaque = j;
	cpu->mmu.flushed = context_flushed;
	cpu->mmu.flushed_opaque = j;
	cpu->jit = j;
	if (opt->icount)
		jit_count_insns(j, true);
	if (opt->accel == ACCEL_LOCKSTEP) {
		r = lockstep_new(j, e);
		if (r)
			goto fail;
	}
	*out = j;
	return VM_OK;
fail:
	jit_free(j);
	return r;
}

void jit_free(struct jit *j)
{
	if (!j)
		return;
	if (j->be && j->be_priv) {
		cache_flush(j);
		cache_bury(j);
	}
	lockstep_free(j);
	profile_free(j->profile);
	perf_close(j->perf);
	if (j->be && j->be_priv && j->be != &interp_backend)
		j->be->fini(j->be_priv);
	if (j->interp)
		interp_backend.fini(j->interp);
	if (j->cpu->jit == j) {
		j->cpu->jit = NULL;
		j->cpu->mmu.flushed = NULL;
		j->cpu->mmu.ram->code_written = NULL;
	}
	pool_fini(&j->pool);
	host_unmap(j->hash, HASH_BYTES);
	free(j->page);
	again_free(j);
	free(j->tables);
	free(j);
}

void jit_set_names(struct jit *j, bool (*name)(const void *opaque, gla_t gla, char *buf, size_t n), const void *opaque)
{
	j->symbol = name;
	j->symbol_opaque = opaque;
}

void jit_flush(struct jit *j)
{
	cache_flush(j);
	context_flushed(j, TLB_FLUSH_ALL);
}

void jit_count_insns(struct jit *j, bool on)
{
	struct vcpu *cpu = j->cpu;

	if (on)
		j->counting++;
	else if (j->counting)
		j->counting--;
	/* a bit of the mode key: the other blocks stay where they are */
	cpu->mode = j->counting ? cpu->mode | MODE_ICOUNT : cpu->mode & ~MODE_ICOUNT;
	vcpu_update(cpu);
}

bool jit_counts_cheaply(const struct jit *j)
{
	return j->be->cheap_count && !j->lock;
}

uint64_t jit_exits(const struct jit *j)
{
	return j->st.entries;
}

void jit_dump_info(const struct jit *j, FILE *out)
{
	const struct jit_stats *s = &j->st;
	const struct mmu *m = &j->cpu->mmu;

	fprintf(out, "backend            %s%s\n", j->be->name, j->lock ? " in lockstep with interp" : "");
	fprintf(out, "blocks translated  %" PRIu64 " (%" PRIu64 " instructions, %" PRIu64
		" bytes -> %" PRIu64 " host bytes, %" PRIu64 " of them not cold paths)\n", s->blocks, s->insns_in, s->bytes_in,
		s->bytes_out, s->bytes_hot);
	fprintf(out, "... go on behind   %" PRIu64 " conditional branches\n", s->sides);
	fprintf(out, "run-loop entries   %" PRIu64 "\n", s->entries);
	fprintf(out, "lookups            %" PRIu64 " (%" PRIu64 " found)\n", s->lookups, s->hits);
	fprintf(out, "found on the way   %" PRIu64 "\n", s->finds);
	fprintf(out, "links made         %" PRIu64 "\n", s->links);
	fprintf(out, "contexts           %" PRIu64 " checked after a flush, %" PRIu64 " of them lost\n", s->checks, s->forgets);
	fprintf(out, "faults delivered   %" PRIu64 "\n", s->faults);
	fprintf(out, "single by interp   %" PRIu64 "\n", s->ones);
	fprintf(out, "blocks dropped by writes %" PRIu64 " (%" PRIu64 " times one came back), cache flushes %" PRIu64 "\n", s->smc, s->again,
		s->flushes);
	fprintf(out, "TLB fills          %" PRIu64 " (and %" PRIu64 " came back), flushes %" PRIu64 ", page flushes %" PRIu64 "\n",
		m->fills, m->returns, m->flushes, m->page_flushes);
	if (j->be->dump)
		j->be->dump(j->be_priv, out);
	if (j->profile)
		profile_dump(j->profile, out);
}
