/*
 * smc.c - self-modifying code: exact invalidation by 64-byte granules.
 *
 * A page with translations has bits in ram->code; the TLB then withholds its write tag, so every store
 * takes the slow path, which calls smc_written() only if it hits a granule with code. Device writes come
 * the same way through ram_written().
 */
#include "jit/priv.h"

static void set_mask(struct jit *j, const struct block *b, raddr_t page_ra)
{
	struct ram *ram = j->cpu->mmu.ram;
	uint64_t page = page_ra >> PAGE_SHIFT;
	unsigned off = b->ra & (PAGE_SIZE - 1), end = off + b->len;

	if (page == b->ra >> PAGE_SHIFT)
		ram->code[page] |= ram_code_mask(off, (end > PAGE_SIZE ? PAGE_SIZE : end) - off);
	if (b->ra2 != RADDR_NONE && page == b->ra2 >> PAGE_SHIFT)
		ram->code[page] |= ram_code_mask(0, end - PAGE_SIZE);
}

void smc_protect(struct jit *j, const struct block *b)
{
	struct ram *ram = j->cpu->mmu.ram;
	raddr_t pages[2] = {b->ra & PAGE_MASK, b->ra2};

	for (unsigned i = 0; i < 2; i++) {
		if (pages[i] == RADDR_NONE)
			continue;
		bool fresh = ram->code[pages[i] >> PAGE_SHIFT] == 0;

		set_mask(j, b, pages[i]);
		if (fresh)
			tlb_protect_page(&j->cpu->mmu, pages[i]);
	}
}

static bool overlaps(const struct block *b, raddr_t page_ra, unsigned off, unsigned len)
{
	unsigned start = b->ra & (PAGE_SIZE - 1), end = start + b->len;

	if ((b->ra & PAGE_MASK) == page_ra && off < end && off + len > start)
		return true;
	return b->ra2 == page_ra && off + PAGE_SIZE < end;
}

void smc_written(void *opaque, raddr_t ra, unsigned len)
{
	struct jit *j = opaque;
	raddr_t page_ra = ra & PAGE_MASK;
	uint64_t page = ra >> PAGE_SHIFT;
	unsigned off = ra & (PAGE_SIZE - 1), dropped = 0;
	struct block *b = j->page[page], *next;

	j->cpu->mmu.ram->code[page] = 0;
	for (; b; b = next) {
		next = b->page_next[b->ra >> PAGE_SHIFT == page ? 0 : 1];
		if (overlaps(b, page_ra, off, len)) {
			again_drop(j, b);
			dropped++;
		} else {
			set_mask(j, b, page_ra);
		}
	}
	j->st.smc += dropped;
	if (log_on(j->cpu->log, LOG_SMC))
		log_printf(j->cpu->log, LOG_SMC, "smc: write of %u bytes at raddr %llx drops %u blocks\n",
			len, (unsigned long long)ra, dropped);
}
