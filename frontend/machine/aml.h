/*
 * aml.h - writing ACPI Machine Language: just what the board's DSDT needs.
 *
 * A term with a package length is built body first, in a buffer of its own, then wrapped. Source: ACPI Specification
 * 6.3, chapter 20 "ACPI Machine Language (AML) Specification".
 */
#ifndef FRONTEND_MACHINE_AML_H
#define FRONTEND_MACHINE_AML_H

#include "mmu/base/types.h"

struct aml {
	uint8_t *b;
	size_t n, cap;
};

void aml_free(struct aml *a);
void aml_byte(struct aml *a, unsigned v);
void aml_le(struct aml *a, uint64_t v, unsigned bytes);
void aml_bytes(struct aml *a, const void *p, size_t n);
void aml_path(struct aml *a, const char *path); /* "PCI0", "\\_SB_.PCI0.ISA_.PRQ0": segments of four */
void aml_int(struct aml *a, uint64_t v);	 /* Zero, One, byte, word or dword constant */
void aml_eisaid(struct aml *a, const char *id);	 /* "PNP0A03" as a dword */
void aml_name(struct aml *a, const char *name);	 /* Name(name, ... the caller appends the object */
/* Append prefix, package length, body, and free the body. @prefix: opcode bytes */
void aml_wrap(struct aml *a, const char *prefix, unsigned prefix_len, struct aml *body);
/* Resource template in a Buffer; adds the end tag, frees the body. */
void aml_resources(struct aml *a, struct aml *body);
void aml_io(struct aml *res, unsigned port, unsigned len);
void aml_irq(struct aml *res, unsigned irq); /* edge, exclusive */
/* Device(name) { body }, Scope(name) { body }, Method(name, args) { body }: body freed */
void aml_device(struct aml *a, const char *name, struct aml *body);
void aml_scope(struct aml *a, const char *name, struct aml *body);
void aml_method(struct aml *a, const char *name, unsigned args, struct aml *body);

#endif
