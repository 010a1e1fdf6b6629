/*
 * os.c - the workloads of bench/run.sh that spend their time in the guest's kernel, on new code, and on devices: runs inside
 * the guest, or natively. Usage: os NAME...
 */
#define _GNU_SOURCE
#include "run.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static uint32_t syscalls(unsigned n)
{
	uint32_t good = 0;

	for (unsigned i = 0; i < n * 1000; i++)
		good += syscall(SYS_getppid) > 0;
	return good;
}

static uint32_t pipe_self(unsigned n) /* a byte into a pipe and out of it, within one process */
{
	uint32_t sum = 0;
	uint8_t b;
	int p[2];

	must(!pipe(p), "pipe");
	for (unsigned i = 0; i < n * 1000; i++) {
		b = (uint8_t)i;
		must(write(p[1], &b, 1) == 1 && read(p[0], &b, 1) == 1, "pipe");
		sum += b;
	}
	close(p[0]);
	close(p[1]);
	return sum;
}

static uint32_t switches(unsigned n) /* the byte goes to another process and comes back: two switches */
{
	int to[2], back[2];
	uint32_t sum = 0;
	uint8_t b;
	pid_t child;

	must(!pipe(to) && !pipe(back), "pipe");
	child = fork();
	must(child >= 0, "fork");
	if (!child) {
		close(to[1]);
		while (read(to[0], &b, 1) == 1) {
			b ^= 0x55;
			must(write(back[1], &b, 1) == 1, "write");
		}
		_exit(0);
	}
	close(to[0]);
	for (unsigned i = 0; i < n * 1000; i++) {
		b = (uint8_t)i;
		must(write(to[1], &b, 1) == 1 && read(back[0], &b, 1) == 1, "pipe");
		sum += b;
	}
	close(to[1]);
	close(back[0]);
	close(back[1]);
	must(waitpid(child, NULL, 0) == child, "waitpid");
	return sum;
}

static uint32_t faults(unsigned n) /* first touches of anonymous pages */
{
	const size_t pages = 4000;
	uint32_t sum = 0;

	for (unsigned round = 0; round < n; round++) {
		uint8_t *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(p != MAP_FAILED, "mmap");
		for (size_t i = 0; i < pages; i++)
			sum += ++p[i * PAGE + i % PAGE];
		munmap(p, pages * PAGE);
	}
	return sum;
}

static uint32_t forks(unsigned n)
{
	uint32_t sum = 0;
	int status;

	for (unsigned i = 0; i < n; i++) {
		pid_t child = fork();

		must(child >= 0, "fork");
		if (!child)
			_exit((int)(i & 127));
		must(waitpid(child, &status, 0) == child, "waitpid");
		sum += (uint32_t)WEXITSTATUS(status);
	}
	return sum;
}

static uint32_t execs(unsigned n) /* this program again, which does nothing: main() */
{
	uint32_t sum = 0;
	int status;

	for (unsigned i = 0; i < n; i++) {
		pid_t child = fork();

		must(child >= 0, "fork");
		if (!child) {
			execl("/proc/self/exe", "os", "--exit", (char *)NULL);
			_exit(1);
		}
		must(waitpid(child, &status, 0) == child, "waitpid");
		sum += (uint32_t)WEXITSTATUS(status);
	}
	return sum;
}

static volatile sig_atomic_t signals;
static void on_signal(int number)
{
	(void)number;
	signals++;
}

static uint32_t signal_self(unsigned n)
{
	signals = 0;
	signal(SIGUSR1, on_signal);
	for (unsigned i = 0; i < n * 1000; i++)
		raise(SIGUSR1);
	return (uint32_t)signals;
}

typedef uint32_t (*code_fn)(uint32_t);

/* x86 code, of either width, that returns its argument changed by @count additions and rotations */
static uint8_t *put_function(uint8_t *p, unsigned seed, unsigned count)
{
#ifdef __x86_64__
	*p++ = 0x89, *p++ = 0xF8; /* mov eax,edi */
#else
	memcpy(p, "\x8B\x44\x24\x04", 4); /* mov eax,[esp+4] */
	p += 4;
#endif
	for (unsigned i = 0; i < count; i++) {
		uint32_t v = seed * 2654435761u + i;

		*p++ = 0x05; /* add eax,v */
		memcpy(p, &v, 4);
		p += 4;
		*p++ = 0xC1, *p++ = 0xC0, *p++ = (uint8_t)(i % 31 + 1); /* rol eax,n */
	}
	*p++ = 0xC3;
	return p;
}

static uint32_t guest_jit(unsigned n) /* functions written, protected, run a few times, overwritten */
{
	const size_t size = 64 * PAGE;
	uint8_t *code = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t x = 1;

	must(code != MAP_FAILED, "mmap");
	for (unsigned round = 0; round < n; round++) {
		uint8_t *p = code, *start[512];
		unsigned count = 0;

		must(!mprotect(code, size, PROT_READ | PROT_WRITE), "mprotect");
		while (p + 512 < code + size && count < 512) {
			start[count] = p;
			p = put_function(p, round + count, 8 + count % 16);
			count++;
		}
		must(!mprotect(code, size, PROT_READ | PROT_EXEC), "mprotect");
		for (unsigned i = 0; i < 8 * count; i++)
			x = ((code_fn)(uintptr_t)start[i % count])(x);
	}
	munmap(code, size);
	return x;
}

/* An immediate operand is overwritten before each call, with one of @values numbers by turns. */
static uint32_t patched(unsigned calls, unsigned values)
{
	uint8_t *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t x = 1;

	must(code != MAP_FAILED, "mmap");
	put_function(code, 1, 4);
	for (unsigned i = 0; i < calls; i++) {
		uint32_t v = i % values * 77;

#ifdef __x86_64__
		memcpy(code + 3, &v, 4);
#else
		memcpy(code + 5, &v, 4);
#endif
		x = ((code_fn)(uintptr_t)code)(x);
	}
	munmap(code, PAGE);
	return x;
}

static uint32_t patching(unsigned n) /* always another one, as in thunks */
{
	return patched(n * 1000, n * 1000);
}

static uint32_t toggle(unsigned n) /* as calls are switched and caches refilled */
{
	return patched(n * 1000, 4);
}

static uint32_t new_code(unsigned n) /* n MiB of straight code, run once */
{
	const size_t size = 1 << 20;
	uint32_t x = 1;

	for (unsigned round = 0; round < n; round++) {
		uint8_t *code = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p = code;

		must(code != MAP_FAILED, "mmap");
		for (unsigned i = 0; p + 512 < code + size; i++) {
			uint8_t *start = p;

			p = put_function(p, round + i, 8 + i % 16);
			x = ((code_fn)(uintptr_t)start)(x);
		}
		munmap(code, size);
	}
	return x;
}

static uint32_t ports(unsigned n) /* reads of system port B: one exit to a device each */
{
	uint32_t good = 0;

	must(!iopl(3), "iopl");
	for (unsigned i = 0; i < n * 1000; i++)
		good += !(inb(0x61) & 0xC0);
	return good;
}

static uint32_t mmio(unsigned n) /* reads of what lies behind the VGA window in text mode */
{
	int fd = open("/dev/mem", O_RDONLY);
	volatile const uint32_t *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0xA0000);
	uint32_t good = 0;

	must(p != MAP_FAILED, "/dev/mem");
	for (unsigned i = 0; i < n * 1000; i++)
		good += (p[i % 64] | 1) != 0;
	munmap((void *)p, PAGE);
	close(fd);
	return good;
}

static uint32_t disk(unsigned n) /* n MiB of the first disk */
{
	int fd = open("/dev/sda", O_RDONLY);
	static uint8_t buffer[1 << 16];
	uint32_t sum = 0;

	must(fd >= 0, "/dev/sda");
	for (unsigned i = 0; i < n * 16; i++) {
		must(read(fd, buffer, sizeof(buffer)) == sizeof(buffer), "/dev/sda");
		sum += buffer[i];
	}
	close(fd);
	return sum;
}

static const struct work works[] = {
	{"syscall", syscalls, 300}, {"pipe", pipe_self, 60},   {"switch", switches, 15}, {"fault", faults, 12},
	{"fork", forks, 400},	    {"exec", execs, 250},      {"signal", signal_self, 60}, {"jit", guest_jit, 100},
	{"patch", patching, 300},   {"toggle", toggle, 300}, {"newcode", new_code, 6}, {"port", ports, 3000},	 {"mmio", mmio, 3000},
	{"disk", disk, 64},
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--exit"))
		return 3;
	return run_works(works, sizeof(works) / sizeof(works[0]), argc, argv);
}
