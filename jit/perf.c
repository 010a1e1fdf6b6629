/*
 * perf.c - tell Linux' perf what translated code is called: perf-PID.map and jitdump files.
 *
 * A map has one meaning for each address; a jitdump has times, so that it stays right when the arena is flushed and filled
 * anew (perf record -k 1, then perf inject --jit).
 */
#define _GNU_SOURCE
#include "jit/priv.h"
#include "jit/profile.h"
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define JITDUMP_MAGIC 0x4A695444u
#define JITDUMP_VERSION 1u
enum { JIT_CODE_LOAD = 0, JIT_CODE_CLOSE = 3 };

#if defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#else
#define HOST_MACHINE EM_X86_64
#endif

struct perf_files {
	FILE *map, *dump;
	void *mark; /* an executable mapping of the dump: its event leads perf inject to the file */
	uint64_t index;
};

struct dump_head {
	uint32_t magic, version, size, machine, pad, pid;
	uint64_t time, flags;
};

struct dump_record {
	uint32_t id, size;
	uint64_t time;
};

struct dump_load {
	uint32_t pid, tid;
	uint64_t vma, addr, len, index;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static enum vm_err open_map(struct perf_files *f, struct err *e)
{
	char name[64];

	snprintf(name, sizeof(name), P_tmpdir "/perf-%d.map", (int)getpid());
	f->map = fopen(name, "w");
	return f->map ? VM_OK : err_set(e, VM_ERR_IO, "-perfmap: cannot write %s: %m", name);
}

static enum vm_err open_dump(struct perf_files *f, struct err *e)
{
	struct dump_head h = {JITDUMP_MAGIC, JITDUMP_VERSION, sizeof(h), HOST_MACHINE, 0, (uint32_t)getpid(), now(), 0};
	char name[64];

	snprintf(name, sizeof(name), "jit-%d.dump", (int)getpid());
	f->dump = fopen(name, "w+");
	if (!f->dump || fwrite(&h, sizeof(h), 1, f->dump) != 1 || fflush(f->dump))
		return err_set(e, VM_ERR_IO, "-jitdump: cannot write %s: %m", name);
	f->mark = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(f->dump), 0);
	if (f->mark == MAP_FAILED)
		f->mark = NULL;
	return f->mark ? VM_OK : err_set(e, VM_ERR_IO, "-jitdump: cannot map %s for execution, which perf wants: %m", name);
}

enum vm_err perf_open(struct perf_files **out, bool map, bool dump, struct err *e)
{
	struct perf_files *f = calloc(1, sizeof(*f));
	enum vm_err r;

	*out = f;
	if (!f)
		return err_set(e, VM_ERR_NOMEM, "no memory for perf's files");
	r = map ? open_map(f, e) : VM_OK;
	if (!r && dump)
		r = open_dump(f, e);
	if (r) {
		perf_close(f);
		*out = NULL;
	}
	return r;
}

void perf_close(struct perf_files *f)
{
	struct dump_record end = {JIT_CODE_CLOSE, sizeof(end), now()};

	if (!f)
		return;
	if (f->mark) {
		fwrite(&end, sizeof(end), 1, f->dump);
		munmap(f->mark, (size_t)sysconf(_SC_PAGESIZE));
	}
	if (f->map)
		fclose(f->map);
	if (f->dump)
		fclose(f->dump);
	free(f);
}

static void dump_code_load(struct perf_files *f, const char *name, const uint8_t *code, uint32_t len)
{
	uint64_t addr = (uintptr_t)code;
	struct dump_load l = {(uint32_t)getpid(), (uint32_t)gettid(), addr, addr, len, f->index++};
	uint32_t text = (uint32_t)strlen(name) + 1;
	struct dump_record r = {JIT_CODE_LOAD, (uint32_t)(sizeof(r) + sizeof(l)) + text + len, now()};

	fwrite(&r, sizeof(r), 1, f->dump);
	fwrite(&l, sizeof(l), 1, f->dump);
	fwrite(name, 1, text, f->dump);
	fwrite(code, 1, len, f->dump);
}

void perf_code(struct perf_files *f, const char *name, const uint8_t *code, uint32_t len)
{
	if (f->map)
		fprintf(f->map, "%" PRIxPTR " %x %s\n", (uintptr_t)code, len, name);
	if (f->dump)
		dump_code_load(f, name, code, len);
}
