/*
 * host_mem.c - mmap, memfd and the dual mapping of code memory.
 *
 * No page is ever writable and executable at once: code is written through one mapping of a memory file and
 * executed through another, which costs nothing at run time and survives hosts that forbid RWX.
 */
#define _GNU_SOURCE
#include "mmu/base/host_mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* the same version: it may not */
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3: the file may be mapped executable whatever vm.memfd_noexec says */
#endif

size_t host_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t size)
{
	size_t mask = host_page_size() - 1;

	return (size + mask) & ~mask;
}

static void *map_or_err(size_t size, int prot, int flags, int fd, uint64_t off, struct err *e)
{
	void *p = mmap(NULL, round_up(size), prot, flags, fd, (off_t)off);

	if (p != MAP_FAILED)
		return p;
	err_errno(e, "cannot map %zu bytes", size);
	return NULL;
}

void *host_map(size_t size, struct err *e)
{
	return map_or_err(size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, e);
}

/* What lies in [p, p + size + HOST_HUGE) beside an aligned stretch of @size goes. */
static uint8_t *trim(uint8_t *p, size_t size)
{
	uint8_t *at = (uint8_t *)(((uintptr_t)p + HOST_HUGE - 1) & ~(uintptr_t)(HOST_HUGE - 1));

	if (at != p)
		munmap(p, (size_t)(at - p));
	munmap(at + size, (size_t)(p + HOST_HUGE - at));
	return at;
}

void *host_map_huge(size_t size, bool low, struct err *e)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uint8_t *p = MAP_FAILED;

	size = round_up(size);
#ifdef MAP_32BIT
	if (low)
		p = mmap(NULL, size + HOST_HUGE, PROT_READ | PROT_WRITE, flags | MAP_32BIT, -1, 0);
#endif
	if (p == MAP_FAILED)
		p = map_or_err(size + HOST_HUGE, PROT_READ | PROT_WRITE, flags, -1, 0, e);
	if (!p)
		return NULL;
	p = trim(p, size);
	(void)madvise(p, size, MADV_HUGEPAGE);
	return p;
}

void host_map_small(uint8_t *at, size_t size)
{
	(void)madvise(at, size, MADV_NOHUGEPAGE);
}

void *host_reserve(size_t size, struct err *e)
{
	return map_or_err(size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, e);
}

bool host_reserve_at(uint64_t at, size_t size)
{
#ifdef MAP_FIXED_NOREPLACE
	void *want = (void *)(uintptr_t)at;
	void *p = mmap(want, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == want)
		return true;
	if (p != MAP_FAILED) /* before Linux 4.17 it was only a hint */
		munmap(p, size);
#endif
	return false;
}

void host_unmap(void *p, size_t size)
{
	if (p)
		munmap(p, round_up(size));
}

void host_make_ready(uint8_t *at, size_t len)
{
#ifdef MADV_POPULATE_WRITE
	size_t mask = host_page_size() - 1;
	uint8_t *first = (uint8_t *)(((uintptr_t)at + mask) & ~mask);

	if (first < at + len)
		(void)madvise(first, (size_t)(at + len - first) & ~mask, MADV_POPULATE_WRITE);
#else
	(void)at;
	(void)len;
#endif
}

bool host_give_back(uint8_t *at, size_t len, int fd, uint64_t off)
{
	size_t mask = host_page_size() - 1;

	if (((uintptr_t)at | len | off) & mask)
		return false;
	if (fd >= 0)
		return !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len);
	return !madvise(at, len, MADV_DONTNEED);
}

static int make_memfd(const char *name, uint64_t size, unsigned flags, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | flags);

	if (fd < 0 && flags && errno == EINVAL) /* an older kernel without MFD_EXEC */
		fd = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0) {
		err_errno(e, "cannot create memory file '%s'", name);
		return -1;
	}
	if (ftruncate(fd, (off_t)size) < 0) {
		err_errno(e, "cannot size memory file '%s' to %llu bytes", name,
			(unsigned long long)size);
		close(fd);
		return -1;
	}
	return fd;
}

void *host_map_alias(size_t size, int *fd, struct err *e)
{
	uint8_t *p;

	size = round_up(size);
	*fd = make_memfd("dragoman-ram", size, MFD_NOEXEC_SEAL, e);
	if (*fd < 0)
		return NULL;
	p = host_reserve(size + HOST_HUGE, e);
	if (p) {
		p = trim(p, size);
		if (mmap(p, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, *fd, 0) != MAP_FAILED) {
			(void)madvise(p, size, MADV_HUGEPAGE);
			return p;
		}
		err_errno(e, "cannot map %zu bytes of memory", size);
		munmap(p, size);
	}
	close(*fd);
	*fd = -1;
	return NULL;
}

int host_alias(void *at, int fd, uint64_t off, size_t len, bool write)
{
	void *p = mmap(at, len, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, (off_t)off);

	return p == MAP_FAILED ? errno : 0;
}

static int map_over(void *at, size_t len, int prot)
{
	void *p = mmap(at, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

int host_unalias(void *at, size_t len)
{
	return map_over(at, len, PROT_NONE);
}

int host_readable(void *at, size_t len)
{
	return map_over(at, len, PROT_READ);
}

static void *map_file(int fd, size_t size, struct err *e)
{
	return map_or_err(size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0, e);
}

enum vm_err host_code_alloc(size_t size, uint8_t **rw, uint8_t **rx, struct err *e)
{
	int fd = make_memfd("dragoman-code", round_up(size), MFD_EXEC, e);
	void *w, *x = NULL;

	if (fd < 0)
		return VM_ERR_IO;
	w = map_file(fd, size, e);
	if (w)
		x = map_or_err(size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0, e);
	close(fd); /* the mappings keep the file */
	if (!x) {
		host_unmap(w, size);
		return VM_ERR_NOMEM;
	}
	*rw = w;
	*rx = x;
	return VM_OK;
}

void host_code_free(uint8_t *rw, uint8_t *rx, size_t size)
{
	host_unmap(rw, size);
	host_unmap(rx, size);
}

void host_icache_flush(const uint8_t *rw, const uint8_t *rx, size_t len)
{
#if defined(__x86_64__) || defined(__i386__)
	(void)rw, (void)rx, (void)len; /* SDM Vol. 3A 11.6: stores reach the instruction stream by themselves */
#else
	/* clean the data side by the address written, then invalidate the side that fetches */
	__builtin___clear_cache((char *)rw, (char *)rw + len);
	__builtin___clear_cache((char *)rx, (char *)rx + len);
#endif
}

#if defined(__aarch64__)
bool host_code_stale(uint8_t *rw, uint8_t *rx)
{
	static const uint32_t code[2][2] = {{0x52800020, 0xD65F03C0}, {0x52800040, 0xD65F03C0}}; /* mov w0, 1 or 2; ret */
	int (*fn)(void) = (int (*)(void))(uintptr_t)rx;
	int r[2];

	for (unsigned i = 0; i < 2; i++) {
		memcpy(rw, code[i], sizeof(code[i]));
		host_icache_flush(rw, rx, sizeof(code[i]));
		r[i] = fn();
	}
	return r[1] != 2;
}
#else
bool host_code_stale(uint8_t *rw, uint8_t *rx)
{
	(void)rw, (void)rx;
	return false;
}
#endif

void host_code_forget(uint8_t *rx, size_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)rx & -page, to = ((uintptr_t)rx + len + page - 1) & -page;

	(void)mprotect((void *)from, to - from, PROT_READ | PROT_WRITE);
	BUG_ON(mprotect((void *)from, to - from, PROT_READ | PROT_EXEC));
}
