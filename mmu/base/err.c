/*
 * err.c - error values and the end of the line for bugs.
 *
 * Owns the formatting of struct err and bug_abort(), the one place below frontend that ends the process:
 * it is reached only when our own invariants are broken, where going on would corrupt a guest.
 */
#include "mmu/base/err.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum vm_err err_set(struct err *e, enum vm_err code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return code;
}

enum vm_err err_errno(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	size_t n;
	va_list ap;

	if (!e)
		return VM_ERR_IO;
	e->code = VM_ERR_IO;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror(saved));
	errno = saved;
	return VM_ERR_IO;
}

_Noreturn void bug_abort(const char *what, const char *file, int line)
{
	fprintf(stderr, "dragoman: bug at %s:%d: %s\n", file, line, what);
	abort();
}
