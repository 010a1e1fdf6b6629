/*
 * trace_linux.c - see trace_linux.h.
 *
 * A successful execve returns to ring 3 in an address space that is new, with argc and argv on top of the stack (System V ABI,
 * "Process Initialization"); a child of fork starts in a new one, too, but comes back to the address its parent called from.
 * vfork's child runs in its parent's space until it calls execve, so the caller's space may live on after that (leaving: it may
 * not). The kernel soon gives a dead space's CR3 to somebody else.
 */
#include "frontend/trace_linux.h"
#include "mmu/access.h"
#include <stdlib.h>
#include <string.h>

#define MAX_PROCS 256 /* a power of two: also the hints' */
#define MAX_FORKS 8

struct proc {
	uint64_t space;
	bool used, leaving;
	uint64_t back; /* leaving: execve's return if it fails */
	char name[LINUX_NAME]; /* "": not known */
};

/* What a system call is to us; a path's argument follows */
enum kind { PLAIN, FORK, EXEC, EXIT, KIND = 3, PATH = 4 /* + 8 * argument */ };

struct linux_procs {
	uint8_t kind[2][LINUX_CALLS]; /* by number: 32-bit, 64-bit calls */
	uint8_t hint[MAX_PROCS]; /* by hash of the space: where it was found last */
	struct proc proc[MAX_PROCS];
	unsigned next; /* is overwritten next */
	struct {
		uint64_t space, back;
	} fork[MAX_FORKS]; /* calls whose child has not been seen; back 0: free */
	unsigned next_fork;
};

static const char *const linux64[] = {
#define NR64(n, name) [n] = #name,
#define NR32(n, name)
#include "frontend/syscalls.def"
#undef NR64
#undef NR32
};
static const char *const linux32[] = {
#define NR64(n, name)
#define NR32(n, name) [n] = #name,
#include "frontend/syscalls.def"
#undef NR64
#undef NR32
};

/* Which argument is the path of a file */
static const struct {
	const char *name;
	uint8_t arg;
} paths[] = {{"open", 0}, {"openat", 1}, {"execve", 0}, {"stat", 0}, {"stat64", 0}, {"lstat", 0}, {"lstat64", 0},
	{"newfstatat", 1}, {"fstatat64", 1}, {"statx", 1}, {"access", 0}, {"faccessat", 1}, {"faccessat2", 1}, {"chdir", 0},
	{"mkdir", 0}, {"mkdirat", 1}, {"rmdir", 0}, {"unlink", 0}, {"unlinkat", 1}, {"readlink", 0}, {"readlinkat", 1},
	{"chmod", 0}, {"fchmodat", 1}, {"mount", 1}, {"umount2", 0}, {"creat", 0}, {"mknod", 0}, {"mknodat", 1}};

const char *linux_call_name(bool wide, uint64_t n)
{
	uint32_t k = (uint32_t)n;

	return wide ? k < ARRAY_SIZE(linux64) ? linux64[k] : NULL : k < ARRAY_SIZE(linux32) ? linux32[k] : NULL;
}

static uint8_t kind_of(const char *name)
{
	uint8_t kind = !strcmp(name, "exit_group") ? EXIT : !strcmp(name, "execve") ? EXEC
		: !strcmp(name, "fork") || !strcmp(name, "vfork") || !strcmp(name, "clone") || !strcmp(name, "clone3") ? FORK : PLAIN;

	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++)
		if (!strcmp(paths[i].name, name))
			kind |= PATH | paths[i].arg << 3;
	return kind;
}

struct linux_procs *linux_procs_new(void)
{
	struct linux_procs *p = calloc(1, sizeof(*p));

	for (unsigned n = 0; p && n < LINUX_CALLS; n++)
		for (unsigned wide = 0; wide < 2; wide++)
			if (linux_call_name(wide, n))
				p->kind[wide][n] = kind_of(linux_call_name(wide, n));
	return p;
}

void linux_procs_free(struct linux_procs *p)
{
	free(p);
}

bool linux_call_path(const struct linux_procs *p, struct vcpu *cpu, bool wide, uint64_t nr, char *buf, size_t n)
{
	static const uint8_t args64[] = {GPR_RDI, GPR_RSI}, args32[] = {GPR_RBX, GPR_RCX};
	uint8_t kind = (uint32_t)nr < LINUX_CALLS ? p->kind[wide][(uint32_t)nr] : PLAIN;
	unsigned got;
	uint64_t at;

	if (!(kind & PATH))
		return false;
	at = wide ? cpu->gpr[args64[kind >> 3]] : (uint32_t)cpu->gpr[args32[kind >> 3]];
	got = mmu_peek(&cpu->mmu, at, buf, (unsigned)n - 1);
	buf[got] = 0;
	return buf[0] != 0;
}

static struct proc *find(struct linux_procs *p, uint64_t space)
{
	uint8_t *hint = &p->hint[(space >> 12 ^ space >> 5) & (MAX_PROCS - 1)];
	struct proc *q = &p->proc[*hint];

	if (q->used && q->space == space)
		return q;
	for (unsigned i = 0; i < MAX_PROCS; i++)
		if (p->proc[i].used && p->proc[i].space == space) {
			*hint = (uint8_t)i;
			return &p->proc[i];
		}
	return NULL;
}

const uint8_t *linux_call_kinds(const struct linux_procs *p, bool wide)
{
	return p->kind[wide];
}

const char *linux_process(const struct linux_procs *p, uint64_t space)
{
	const struct proc *q = find((struct linux_procs *)p, space);

	return q && q->name[0] ? q->name : NULL;
}

bool linux_call(struct linux_procs *p, bool wide, uint64_t nr, uint64_t space, uint64_t back)
{
	unsigned kind = (uint32_t)nr < LINUX_CALLS ? p->kind[wide][(uint32_t)nr] & KIND : PLAIN;
	struct proc *q;

	if (kind == PLAIN)
		return false;
	if (kind == FORK) {
		p->fork[p->next_fork].space = space;
		p->fork[p->next_fork].back = back;
		p->next_fork = (p->next_fork + 1) % MAX_FORKS;
		return false;
	}
	q = find(p, space);
	if (q && kind == EXIT) {
		q->used = false;
		return true;
	}
	if (q) {
		q->leaving = true;
		q->back = back;
	}
	return false;
}

/* The call of fork and the like that comes back to @rip, from @space or from another than that. */
static int forked(const struct linux_procs *p, uint64_t space, uint64_t rip, bool same)
{
	for (int i = 0; i < MAX_FORKS; i++)
		if (p->fork[i].back && p->fork[i].back == rip && (p->fork[i].space == space) == same)
			return i;
	return -1;
}

/* The name a program finds on its stack when it starts: the last part of argv[0]; else "" */
static void argument0(struct vcpu *cpu, bool wide, char *name)
{
	unsigned size = wide ? 8 : 4, got;
	uint64_t sp = wide ? cpu->gpr[GPR_RSP] : (uint32_t)cpu->gpr[GPR_RSP], argc = 0, at = 0;
	char path[128];
	const char *slash;

	name[0] = 0;
	if (mmu_peek(&cpu->mmu, sp, &argc, size) != size || argc - 1 > 100000 ||
		mmu_peek(&cpu->mmu, sp + size, &at, size) != size || !at)
		return;
	got = mmu_peek(&cpu->mmu, at, path, sizeof(path) - 1);
	path[got] = 0;
	for (unsigned i = 0; path[i]; i++)
		if ((uint8_t)path[i] < 0x20 || (uint8_t)path[i] >= 0x7F)
			return;
	slash = strrchr(path, '/');
	snprintf(name, LINUX_NAME, "%.*s", LINUX_NAME - 1, slash ? slash + 1 : path);
}

bool linux_user(struct linux_procs *p, struct vcpu *cpu, bool wide, uint64_t space, uint64_t rip)
{
	struct proc *q = find(p, space);
	char name[LINUX_NAME];
	int f;

	if (q && (!q->leaving || rip == q->back || forked(p, space, rip, true) >= 0)) {
		q->leaving = false;
		return false;
	}
	f = forked(p, space, rip, false);
	if (f >= 0) {
		const struct proc *parent = find(p, p->fork[f].space);

		snprintf(name, sizeof(name), "%s", parent ? parent->name : "");
		p->fork[f].back = 0;
	} else {
		argument0(cpu, wide, name);
	}
	if (!q) {
		q = &p->proc[p->next];
		p->next = (p->next + 1) % MAX_PROCS;
	}
	q->space = space;
	q->used = true;
	q->leaving = false;
	memcpy(q->name, name, sizeof(name));
	return true;
}
