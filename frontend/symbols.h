/*
 * symbols.h - names for the guest's addresses: -symbols FILE[,offset=N], from an ELF file or a Linux System.map.
 */
#ifndef FRONTEND_SYMBOLS_H
#define FRONTEND_SYMBOLS_H

#include "mmu/base/err.h"
#include "mmu/base/types.h"

struct symbols;

/* symbols_load() - @arg: FILE[,offset=N]; N (hexadecimal with 0x) is added to each address: a relocated kernel */
enum vm_err symbols_load(struct symbols **out, const char *arg, struct err *e);
void symbols_free(struct symbols *s);
/* symbols_name() - "name+0x12" of @at into @buf; false (and an empty string): none at or less than 1 MiB before it */
bool symbols_name(const struct symbols *s, uint64_t at, char *buf, size_t n);
/* symbols_find() - address of @name; false: no such symbol */
bool symbols_find(const struct symbols *s, const char *name, uint64_t *at);

#endif
