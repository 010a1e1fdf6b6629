/*
 * args_memory.c - how much memory the machine has, and wishes about where the host takes it from (args_spec.h).
 *
 * Memory is always anonymous memory of this program. A memory backend of -object is its size; two in one machine, files and
 * nodes are told to be none.
 */
#include "frontend/args_spec.h"
#include <stdio.h>
#include <string.h>

static enum vm_err memory_size(const char *opt, const char *v, uint64_t *bytes, struct err *e)
{
	if (!args_size(v, bytes))
		return err_set(e, VM_ERR_USAGE, "-%s: '%s' is not a memory size", opt, v);
	if (*bytes < 1 << 20 || *bytes > 1ull << 40)
		return err_set(e, VM_ERR_USAGE, "-%s: %s is out of range (1M to 1T)", opt, v);
	*bytes &= PAGE_MASK;
	return VM_OK;
}

enum vm_err spec_memory(struct args *a, const char *v, struct err *e)
{
	enum { SIZE, SLOTS, MAXMEM };
	static const char *const keys[] = {"size", "slots", "maxmem"};
	uint64_t n, slots = 0, most = 0;
	struct items it;
	unsigned k;
	enum vm_err r = VM_OK;

	for (items_begin(&it, a, v, "size"); !r && items_next(&it);) {
		r = spec_choice("m", "key", it.key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r && k == SLOTS)
			r = spec_number("m", it.val, 256, &slots, e);
		else if (!r)
			r = memory_size("m", it.val, k == SIZE ? &n : &most, e);
		if (!r && k == SIZE) {
			a->cfg.ram_size = n;
			a->has_ram_size = true;
		}
	}
	/* slots and maxmem are room to plug more in later: there is no such thing here */
	if (!r && (slots != 0) != (most != 0) && most != a->cfg.ram_size)
		return err_set(e, VM_ERR_USAGE, "-m: '%s': slots= and maxmem= go together", v);
	if (!r && most && most < a->cfg.ram_size)
		return err_set(e, VM_ERR_USAGE, "-m: '%s': maxmem= is less than the memory there is", v);
	return r;
}

/* -object memory-backend-KIND,id=ID,size=SIZE: @it stands behind the kind */
enum vm_err spec_memory_object(struct args *a, const char *kind, struct items *it, struct err *e)
{
	/* of how the host keeps it: nothing a guest sees */
	static const char *const keys[] = {"id", "size", "mem-path", "share", "prealloc", "merge", "dump", "host-nodes", "policy", "prealloc-threads",
		"hugetlb", "hugetlbsize", "seal", "align", "discard-data", "pmem", "readonly", "reserve", "x-use-canonical-path-for-ramblock-id"};
	struct args_memory *m = &a->memory[a->nmemories];
	enum vm_err r = VM_OK;
	unsigned k;

	if (a->nmemories == ARGS_MAX_MEMORIES)
		return err_set(e, VM_ERR_USAGE, "-object: at most %u memory backends", ARGS_MAX_MEMORIES);
	*m = (struct args_memory){0};
	while (!r && items_next(it)) {
		r = spec_choice("object", "property", it->key, keys, ARRAY_SIZE(keys), &k, e);
		if (!r && k == 0)
			snprintf(m->id, sizeof(m->id), "%s", it->val);
		else if (!r && k == 1)
			r = memory_size("object", it->val, &m->size, e);
	}
	if (!r && (!m->id[0] || !m->size))
		return err_set(e, VM_ERR_USAGE, "-object: %s needs id= and size=", kind);
	if (!r && !strcmp(kind, "memory-backend-file"))
		spec_warn(a, "-object: memory-backend-file: the guest's memory is not in a file");
	a->nmemories += !r;
	return r;
}

enum vm_err spec_numa(struct args *a, const char *v, struct err *e)
{
	static const char *const kinds[] = {"node", "cpu", "dist", "hmat-lb", "hmat-cache"};
	struct items it;
	unsigned k;
	enum vm_err r;

	items_begin(&it, a, v, "type");
	r = items_next(&it) ? spec_choice("numa", "type", it.val, kinds, ARRAY_SIZE(kinds), &k, e)
		: err_set(e, VM_ERR_USAGE, "-numa: '' is not node,...");
	if (!r)
		spec_warn(a, "-numa: the guest sees one node and no tables about it");
	return r;
}

enum vm_err spec_memory_finish(struct args *a, struct err *e)
{
	const struct args_memory *m = NULL;

	if (!a->memory_backend)
		return VM_OK;
	for (unsigned i = 0; i < a->nmemories; i++)
		if (!strcmp(a->memory[i].id, a->memory_backend))
			m = &a->memory[i];
	if (!m)
		return err_set(e, VM_ERR_USAGE, "-machine: memory-backend=%s: no -object has this id", a->memory_backend);
	if (a->has_ram_size && m->size != a->cfg.ram_size)
		return err_set(e, VM_ERR_USAGE, "-machine: memory-backend=%s: its size is not that of -m", a->memory_backend);
	a->cfg.ram_size = m->size;
	return VM_OK;
}
