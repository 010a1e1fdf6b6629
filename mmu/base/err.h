/*
 * err.h - host failures as values: what a person reads when a file is missing or memory is short.
 *
 * Functions return enum vm_err and, when it is not VM_OK, have filled the struct err with one
 * line that names the thing ("cannot open 'x.img': No such file or directory"). Only frontend
 * prints it or exits.
 */
#ifndef MMU_BASE_ERR_H
#define MMU_BASE_ERR_H

#include "mmu/base/types.h"

enum vm_err {
	VM_OK = 0,
	VM_ERR_USAGE, /* the user asked for something that does not exist or cannot be */
	VM_ERR_IO,    /* the host refused: file, socket, mapping */
	VM_ERR_NOMEM,
	VM_ERR_FORMAT, /* a file's content is not what it should be */
};

struct err {
	enum vm_err code;
	char msg[512];
};

/**
 * err_set() - fill @e (may be NULL) with a printf-formatted line, without a newline
 * Return: @code, so that "return err_set(e, VM_ERR_IO, ...)" reads well
 */
enum vm_err err_set(struct err *e, enum vm_err code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* err_errno() - as err_set() with VM_ERR_IO, and ": strerror(errno)" appended. */
enum vm_err err_errno(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
