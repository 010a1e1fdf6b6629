/*
 * host.c - cases on the host's own processor: a child process enters each by returning from a signal handler and
 * gets its result as the next signal's context.
 *
 * The handler restores every register by sigreturn (CS and SS too: 32-bit and 16-bit code through the process's code
 * segment 23h and its local descriptor table), so the instruction sees exactly the case's state. The handler runs on
 * its own stack, clears AC, NT and ID before it touches anything, and calls nothing that needs thread-local storage,
 * because FS is the case's.
 */
#define _GNU_SOURCE
#include "tests/diff/support/diff.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct diff_ldt_entry diff_ldt[DIFF_LDT_COUNT] = {
	[LDT_CODE16] = {DIFF_CODE, 0xFFFF, .code = true},
	[LDT_LIMITED] = {DIFF_DATA, 0x7FF, .big = true},
	[LDT_STACK16] = {DIFF_DATA, 0xFFF},
	[LDT_DOWN32] = {DIFF_DATA, 0x3FF, .big = true, .down = true},
	[LDT_DOWN16] = {DIFF_DATA, 0x3FF, .down = true},
	[LDT_RO] = {DIFF_DATA, 0xFFF, .big = true, .no_rw = true},
	[LDT_XO] = {DIFF_CODE, 0xFFF, .big = true, .code = true, .no_rw = true},
	[LDT_CODE32] = {DIFF_CODE, 0xFFFF, .big = true, .code = true},
	[LDT_ABSENT] = {DIFF_DATA, 0xFFF, .big = true, .absent = true},
	[LDT_BYTE] = {DIFF_DATA + 0x800, 0, .big = true},
};

uint32_t diff_sel_base(unsigned sel)
{
	unsigned i = sel >> 3;

	return (sel & 4) && i < DIFF_LDT_COUNT ? diff_ldt[i].base : 0;
}

uint64_t diff_ip(const struct diff_case *c)
{
	return c->mode == 8 ? DIFF_CODE + c->at : DIFF_CODE + c->at - diff_sel_base(c->sel[SEG_CS]);
}

void diff_fill(const struct diff_case *c, uint8_t mem[PAGE_SIZE])
{
	uint64_t s = c->memseed | 1;

	if (c->mem) {
		memcpy(mem, c->mem, PAGE_SIZE);
		return;
	}
	for (unsigned i = 0; i < PAGE_SIZE; i += 8) {
		uint64_t v;

		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		v = s * 0x2545F4914F6CDD1Dull;
		switch (s >> 40 & 7) {
		case 0: v = (int64_t)(v << 56) >> 56; break;
		case 1: v = DIFF_CODE + (v & 0xFFF); break;
		case 2: v = DIFF_DATA + (v & 0xFFF); break;
		case 3: v = v & 1 ? 0 : v & 2 ? ~0ull : v & 4 ? 1ull << 63 : 0x7FFFFFFF80000000; break;
		default: break;
		}
		memcpy(mem + i, &v, 8);
	}
	memcpy(mem + c->patch_at, c->patch, c->patch_len);
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define ALT_STACK (256u << 10)

/* What parent and child share. */
struct shared {
	uint32_t n;	   /* cases in this batch */
	volatile uint32_t next; /* the one that runs: the culprit when the child dies */
	struct diff_case c[HOST_BATCH];
	struct diff_result r[HOST_BATCH];
};

struct host {
	struct shared *sh;
	int to, from;
	pid_t pid;
};

/* The child's own; it is a process of its own with one thread. */
struct child {
	struct shared *sh;
	uint8_t *code, *ro; /* writable aliases */
	bool running;
	uint64_t fs_base;
	ucontext_t home;
};
static struct child child;

static uint64_t sys2(uint64_t nr, uint64_t a, uint64_t b)
{
	uint64_t r;

	__asm__ volatile("syscall" : "=a"(r) : "0"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return r;
}

static const int gpr_slot[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9,
	REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void child_result(const ucontext_t *u, int sig, struct diff_result *r)
{
	const greg_t *g = u->uc_mcontext.gregs;

	for (unsigned i = 0; i < 16; i++)
		r->gpr[i] = g[gpr_slot[i]];
	r->rip = g[REG_RIP];
	r->eflags = g[REG_EFL];
	r->cr2 = g[REG_CR2];
	r->err = g[REG_ERR];
	r->vec = sig == SIGALRM ? DIFF_HANGS : g[REG_TRAPNO];
	r->sel[SEG_CS] = g[REG_CSGSFS];
	r->sel[SEG_SS] = (uint64_t)g[REG_CSGSFS] >> 48;
	__asm__ volatile("mov %%es, %0" : "=m"(r->sel[SEG_ES]));
	__asm__ volatile("mov %%ds, %0" : "=m"(r->sel[SEG_DS]));
	__asm__ volatile("mov %%fs, %0" : "=m"(r->sel[SEG_FS]));
	__asm__ volatile("mov %%gs, %0" : "=m"(r->sel[SEG_GS]));
	sys2(SYS_arch_prctl, ARCH_GET_FS, (uint64_t)&r->fs_base);
	sys2(SYS_arch_prctl, ARCH_GET_GS, (uint64_t)&r->gs_base);
	memcpy(r->mem, (void *)(uintptr_t)DIFF_DATA, PAGE_SIZE);
}

static void child_enter(ucontext_t *u, const struct diff_case *c)
{
	greg_t *g = u->uc_mcontext.gregs;

	memset(child.code, 0xCC, PAGE_SIZE);
	memcpy(child.code + c->at, c->code, c->len);
	diff_fill(c, (void *)(uintptr_t)DIFF_DATA);
	for (unsigned i = 0; i < 16; i++)
		g[gpr_slot[i]] = c->gpr[i];
	g[REG_RIP] = diff_ip(c);
	g[REG_EFL] = c->eflags;
	g[REG_CSGSFS] = c->sel[SEG_CS] | (uint64_t)c->sel[SEG_SS] << 48;
	u->uc_flags |= 4; /* UC_STRICT_RESTORE_SS */
	__asm__ volatile("mov %0, %%es" : : "m"(c->sel[SEG_ES]));
	__asm__ volatile("mov %0, %%ds" : : "m"(c->sel[SEG_DS]));
	__asm__ volatile("mov %0, %%fs" : : "m"(c->sel[SEG_FS]));
	__asm__ volatile("mov %0, %%gs" : : "m"(c->sel[SEG_GS]));
	if (c->mode == 8) {
		sys2(SYS_arch_prctl, ARCH_SET_FS, c->fs_base);
		sys2(SYS_arch_prctl, ARCH_SET_GS, c->gs_base);
	}
	/* the flags sigreturn does not restore */
	__builtin_ia32_writeeflags_u64(2 | (c->eflags & (FL_NT | FL_ID)));
}

static void child_signal(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *u = ctx;
	struct shared *sh = child.sh;

	__builtin_ia32_writeeflags_u64(2);
	if (!child.running) {
		memcpy(&child.home.uc_mcontext, &u->uc_mcontext, sizeof(u->uc_mcontext));
		sys2(SYS_arch_prctl, ARCH_GET_FS, (uint64_t)&child.fs_base);
		child.running = true;
	} else {
		child_result(u, sig, &sh->r[sh->next]);
		sh->next++;
	}
	if (sh->next < sh->n) {
		child_enter(u, &sh->c[sh->next]);
		return;
	}
	child.running = false;
	memcpy(u->uc_mcontext.gregs, child.home.uc_mcontext.gregs, sizeof(u->uc_mcontext.gregs));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0));
	sys2(SYS_arch_prctl, ARCH_SET_FS, child.fs_base);
}

static bool child_memory(void)
{
	int fd = memfd_create("diff", 0);
	uint8_t *alias;

	if (fd < 0 || ftruncate(fd, 3 * PAGE_SIZE))
		return false;
	alias = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (alias == MAP_FAILED)
		return false;
	child.code = alias;
	child.ro = alias + PAGE_SIZE;
	memset(child.ro, 0x5A, PAGE_SIZE);
	if (mmap((void *)(uintptr_t)DIFF_HOLE, DIFF_HOLE_LEN, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)(uintptr_t)DIFF_HOLE)
		return false;
	return mmap((void *)(uintptr_t)DIFF_CODE, PAGE_SIZE, PROT_READ | PROT_EXEC,
		       MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) != MAP_FAILED &&
	       mmap((void *)(uintptr_t)DIFF_DATA, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 2 * PAGE_SIZE) != MAP_FAILED &&
	       mmap((void *)(uintptr_t)DIFF_RO, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd,
		       PAGE_SIZE) != MAP_FAILED;
}

static bool child_ldt(void)
{
	for (unsigned i = 0; i < DIFF_LDT_COUNT; i++) {
		const struct diff_ldt_entry *e = &diff_ldt[i];
		struct user_desc d = {.entry_number = i,
			.base_addr = e->base,
			.limit = e->limit,
			.seg_32bit = e->big,
			.contents = e->code ? 2 : e->down,
			.read_exec_only = e->no_rw,
			.seg_not_present = e->absent};

		if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
			return false;
	}
	return true;
}

static void child_main(int from, int to)
{
	static const int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGALRM};
	stack_t ss = {.ss_sp = malloc(ALT_STACK), .ss_size = ALT_STACK};
	struct sigaction sa = {.sa_sigaction = child_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	/* for a batch; long, because hypervisors make a guest wait for its split locks, six seconds and more */
	const struct itimerval on = {.it_value = {30, 0}}, off = {{0}};
	char c = child_memory() && child_ldt() && ss.ss_sp && !sigaltstack(&ss, NULL);

	sigfillset(&sa.sa_mask);
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	if (write(to, &c, 1) != 1 || !c)
		_exit(1);
	while (read(from, &c, 1) == 1) {
		child.sh->next = 0;
		setitimer(ITIMER_REAL, &on, NULL);
		__asm__ volatile("int3" : : : "memory");
		setitimer(ITIMER_REAL, &off, NULL);
		if (write(to, &c, 1) != 1)
			break;
	}
	_exit(0);
}

static bool host_start(struct host *h)
{
	int there[2], back[2];
	char ok = 0;

	if (pipe(there) || pipe(back))
		return false;
	child.sh = h->sh;
	h->pid = fork();
	if (h->pid == 0) {
		close(there[1]);
		close(back[0]);
		child_main(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	h->to = there[1];
	h->from = back[0];
	return h->pid > 0 && read(h->from, &ok, 1) == 1 && ok;
}

static void host_stop(struct host *h)
{
	close(h->to);
	close(h->from);
	if (h->pid > 0)
		waitpid(h->pid, NULL, 0);
}

struct host *host_new(const char **why)
{
	struct host *h = calloc(1, sizeof(*h));

	h->sh = mmap(NULL, sizeof(*h->sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (h->sh == MAP_FAILED || !host_start(h)) {
		*why = "the host's kernel offers no low addresses, 32-bit code or local descriptor table";
		host_free(h);
		return NULL;
	}
	return h;
}

void host_free(struct host *h)
{
	host_stop(h);
	if (h->sh != MAP_FAILED)
		munmap(h->sh, sizeof(*h->sh));
	free(h);
}

bool host_run(struct host *h, const struct diff_case *c, struct diff_result *r, unsigned *n)
{
	char b = 1;
	bool ok;

	signal(SIGPIPE, SIG_IGN);
	h->sh->n = *n;
	memcpy(h->sh->c, c, *n * sizeof(*c));
	ok = write(h->to, &b, 1) == 1 && read(h->from, &b, 1) == 1;
	if (!ok) {
		*n = h->sh->next;
		host_stop(h);
		BUG_ON(!host_start(h));
	}
	memcpy(r, h->sh->r, *n * sizeof(*r));
	for (unsigned i = 0; i < *n; i++)
		r[i].vendor = host_vendor();
	return ok;
}

enum diff_vendor host_vendor(void)
{
	uint32_t v[4] = {0};

	__cpuid(0, v[0], v[1], v[2], v[3]);
	switch (v[1]) {
	case signature_INTEL_ebx: return VENDOR_INTEL;
	case signature_AMD_ebx:
	case 0x6F677948: return VENDOR_AMD; /* Hygon */
	default: return VENDOR_OTHER;
	}
}

bool host_has(unsigned feature)
{
	static const struct {
		uint32_t leaf;
		uint8_t sub, reg, bit;
	} rows[FEAT_COUNT] = {
#define FEATURE(id, name, leaf, sub, reg, bit) [FEAT_##id] = {leaf, sub, reg, bit},
#include "cpu/features.def"
#undef FEATURE
	};
	uint32_t v[4] = {0};

	if (rows[feature].leaf == 0xFFFFFFFF)
		return true;
	return __get_cpuid_count(rows[feature].leaf, rows[feature].sub, &v[0], &v[1], &v[2], &v[3]) &&
		(v[rows[feature].reg] >> rows[feature].bit & 1);
}

#else

struct host *host_new(const char **why)
{
#if defined(__x86_64__)
	*why = "AddressSanitizer's shadow lies among the addresses the cases use";
#else
	*why = "the host is no x86-64";
#endif
	return NULL;
}

void host_free(struct host *h) {}
bool host_run(struct host *h, const struct diff_case *c, struct diff_result *r, unsigned *n) { return false; }
bool host_has(unsigned feature) { return true; }
enum diff_vendor host_vendor(void) { return VENDOR_OTHER; }
#endif
