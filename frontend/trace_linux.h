/*
 * trace_linux.h - what -trace knows of Linux (os=linux): names of system calls, files they are given, and which program an
 * address space runs.
 *
 * Only the kernel's binary interface is used: numbers and registers of system calls, the stack a program starts with, and the fact
 * that execve and fork return in an address space that did not exist before.
 */
#ifndef FRONTEND_TRACE_LINUX_H
#define FRONTEND_TRACE_LINUX_H

#include "cpu/ring0/history.h"

#define LINUX_NAME 32
#define LINUX_CALLS 512 /* numbers of system calls are less */

struct linux_procs;

struct linux_procs *linux_procs_new(void);
void linux_procs_free(struct linux_procs *p);

/* linux_call_name() - of system call @n by SYSCALL in 64-bit code (@wide), or by int 80h or SYSENTER; NULL: not known */
const char *linux_call_name(bool wide, uint64_t n);
/* linux_call_kinds() - by number: 0 if neither linux_call_path() nor linux_call() has any use for the call */
const uint8_t *linux_call_kinds(const struct linux_procs *p, bool wide);
/* linux_call_path() - the file that call @nr, about to be entered, has been given; false: it takes none, or it is not in memory */
bool linux_call_path(const struct linux_procs *p, struct vcpu *cpu, bool wide, uint64_t nr, char *buf, size_t n);
/*
 * linux_call() - call @nr is made in address space @space, and comes back to @back. Return: the program that runs there ends by it
 */
bool linux_call(struct linux_procs *p, bool wide, uint64_t nr, uint64_t space, uint64_t back);
/* linux_user() - ring 3 runs at @rip, 64-bit code or not, in @space. Return: it is a program that this space did not run before */
bool linux_user(struct linux_procs *p, struct vcpu *cpu, bool wide, uint64_t space, uint64_t rip);
/* linux_process() - name of the program in @space, NULL: not known */
const char *linux_process(const struct linux_procs *p, uint64_t space);

#endif
