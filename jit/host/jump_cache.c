/*
 * jump_cache.c - see jump_cache.h. Runs under translated code, too: compiled for general registers only.
 */
#define _GNU_SOURCE
#include "jit/host/jump_cache.h"
#include "jit/priv.h"
#include "mmu/base/host_mem.h"
#include <sys/mman.h>

#define JC_BYTES (JC_SIZE * sizeof(struct jc_entry))
#define RET_BYTES (JC_RETURNS * 2 * sizeof(uint64_t))

bool jc_init(struct jump_cache *jc, bool off)
{
	struct err e;

	jc->off = off;
	jc->map = host_map_huge(2 * JC_BYTES + RET_BYTES, true, &e);
	if (!jc->map)
		return false;
	jc->entry = (struct jc_entry *)(((uintptr_t)jc->map + JC_BYTES - 1) & ~(uintptr_t)(JC_BYTES - 1));
	if ((uintptr_t)(jc->entry + JC_SIZE) + RET_BYTES <= INT32_MAX) {
		jc->ret_tag = (uint64_t *)(jc->entry + JC_SIZE);
		host_map_small((uint8_t *)jc->ret_tag, RET_BYTES); /* nothing else lies behind them */
		jc->ret_code = (const uint8_t **)(jc->ret_tag + JC_RETURNS);
	}
	return true;
}

void jc_fini(struct jump_cache *jc)
{
	host_unmap(jc->map, 2 * JC_BYTES + RET_BYTES);
}

void jc_clear(struct jump_cache *jc)
{
	/* Zeros. Tag 0 matches IP = -key, which is never canonical: keys have an id from 1 on in the top 16 bits. */
	BUG_ON(madvise(jc->entry, JC_BYTES, MADV_DONTNEED));
	for (unsigned i = 0; i < JC_RETURNS && jc->ret_tag; i++)
		*(volatile uint64_t *)&jc->ret_tag[i] = 0; /* no memset(): guest FP state may be live */
}

void jc_note(struct jump_cache *jc, const struct vcpu *cpu, uint64_t ip, const struct block *blk)
{
	struct jc_entry *e = &jc->entry[jc_index(ip)];

	if (jc->off)
		return;
	e->tag = ip + cpu->jc_key;
	e->code = blk->code;
}

void jc_forget(struct jump_cache *jc, gla_t page, uint64_t lines)
{
	unsigned first = jc_index(page & PAGE_MASK) & ~63u;

	for (; lines; lines &= lines - 1) {
		struct jc_entry *e = &jc->entry[first ^ 64 * (unsigned)__builtin_ctzll(lines)];

		for (unsigned i = 0; i < 64; i++)
			if (!((e[i].tag ^ page) & TAG_PAGE))
				e[i].tag = 0;
	}
	for (unsigned i = 0; i < JC_RETURNS && jc->ret_tag; i++)
		if (!((jc->ret_tag[i] ^ page) & TAG_PAGE))
			jc->ret_tag[i] = 0;
}
