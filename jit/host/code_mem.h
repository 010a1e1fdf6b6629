/*
 * code_mem.h - the arena of translated code: mapped twice (W^X), filled upwards, flushed as a whole.
 *
 * It has two parts, for what runs and for the cold paths, so that what runs lies close together: processors have few pages and
 * little code at hand. The first part begins with the backend's stubs, which survive a flush.
 */
#ifndef JIT_HOST_CODE_MEM_H
#define JIT_HOST_CODE_MEM_H

#include "mmu/base/host_mem.h"
#include "jit/host/codebuf.h"

#define CODE_MEM_DEFAULT (256u << 20)
#define CODE_MEM_MOST (1u << 30)
#define CODE_VIEW_PAGES 512 /* of the writable view may be resident */

enum code_temp { CODE_HOT, CODE_COLD, CODE_TEMPS };

struct code_part {
	size_t first, used, end; /* offsets in the arena; free from @used on */
	size_t ready;		 /* pages below have been asked for */
};

struct code_mem {
	uint8_t *rw, *rx; /* byte i of one is byte i of the other */
	size_t size;
	struct code_part part[CODE_TEMPS];
	bool stale; /* host_code_stale() */
	unsigned nwritten;
	uint64_t written[CODE_MEM_MOST / 4096 / 64]; /* bit for each 4 KiB of the writable view: written since it was given back */
};

/* @size: bytes, 0 for the default; at least 1 MiB is taken, at most 1 GiB (branches reach 2 GiB). @cold: 256ths of it for cold paths. */
enum vm_err code_mem_init(struct code_mem *m, size_t size, unsigned cold, struct err *e);
void code_mem_fini(struct code_mem *m);
size_t code_mem_room(const struct code_mem *m); /* bytes free in the fuller part (of those there are) */
size_t code_mem_used(const struct code_mem *m);
/* Open the free rest of a part for writing; code_mem_commit() takes what was written; what runs is aligned to 16 bytes. */
void code_mem_open(const struct code_mem *m, enum code_temp t, struct codebuf *cb);
void code_mem_commit(struct code_mem *m, enum code_temp t, const struct codebuf *cb);
void code_mem_changed(struct code_mem *m, uint8_t *rw, size_t len); /* @rw was written: make it good to run */
void code_mem_keep(struct code_mem *m);	 /* what is there now survives flushes */
void code_mem_flush(struct code_mem *m); /* all but the kept part is free again */
bool code_mem_holds(const struct code_mem *m, const void *pc); /* is @pc an executable address in use? */

static inline uint8_t *code_mem_rw(const struct code_mem *m, const uint8_t *rx)
{
	return m->rw + (rx - m->rx);
}

#endif
