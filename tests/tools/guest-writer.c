/*
 * guest-writer.c - a program of an i386 Linux that keeps records as a data base does, without a library: guest-writer DIRECTORY
 *
 * Record N goes to the end of a log (DIRECTORY/log.K holds 64 of them), is synced, and "<log N>" is printed; then it goes into its
 * place in DIRECTORY/pages, is synced, and "<page N>" is printed. A full log is followed by the next; the one before the last is
 * deleted, which "<drop K>" says first. tests/tools/powerfail.py reads what is left of them.
 *
 * A record: "rec!", N, its length in bytes, the sum of the payload (of 32-bit words, rotated by one bit each), payload made from N. The
 * end of the log and the pages (4096 bytes each, 256 of them) are never read back here.
 */
typedef unsigned int u32;
enum { EXIT = 1, WRITE = 4, OPEN = 5, CLOSE = 6, UNLINK = 10, MKDIR = 39, FSYNC = 118, FDATASYNC = 148, LSEEK = 19, CREATE = 0102 };

static int call(int nr, int a, int b, int c)
{
	int r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}

static char *text(char *p, const char *s)
{
	while (*s)
		*p++ = *s++;
	*p = 0;
	return p;
}

static char *decimal(char *p, u32 v)
{
	if (v > 9)
		p = decimal(p, v / 10);
	*p++ = (char)('0' + v % 10);
	*p = 0;
	return p;
}

static void say(const char *what, u32 n)
{
	char line[32], *p = text(text(text(line, "<"), what), " ");

	p = text(decimal(p, n), ">\n");
	call(WRITE, 1, (int)line, (int)(p - line));
}

static void must(int ok, const char *what)
{
	if (ok)
		return;
	say(what, 0);
	call(EXIT, 1, 0, 0);
}

/* @bytes: of the whole record, a multiple of 4. Return: the same */
static int make(u32 *r, u32 n, u32 bytes)
{
	u32 sum = 0, seed = n * 2654435761u + 1;

	r[0] = 0x21636572;
	r[1] = n;
	r[2] = bytes;
	for (u32 i = 4; i < bytes / 4; i++) {
		seed = seed * 1664525u + 1013904223u;
		r[i] = seed;
		sum = (sum << 1 | sum >> 31) + seed;
	}
	r[3] = sum;
	return (int)bytes;
}

static int in(const char *dir, const char *name, u32 k, int numbered, int nr)
{
	static char path[256];
	char *p = text(text(text(path, dir), "/"), name);

	if (numbered)
		decimal(p, k);
	return nr == UNLINK ? call(UNLINK, (int)path, 0, 0) : call(OPEN, (int)path, CREATE, 0644);
}

static void run(const char *dir)
{
	static u32 r[8192];
	int log = -1, pages, top;

	call(MKDIR, (int)dir, 0755, 0);
	top = call(OPEN, (int)dir, 0, 0);
	pages = in(dir, "pages", 0, 0, OPEN);
	must(top >= 0 && pages >= 0 && !call(FSYNC, top, 0, 0), "cannot open");
	for (u32 n = 0;; n++) {
		int bytes = make(r, n, 16 + n * 7919 % 6000 * 4);

		if (n % 64 == 0) {
			if (n >= 128) {
				say("drop", n / 64 - 2);
				must(!in(dir, "log.", n / 64 - 2, 1, UNLINK), "cannot delete");
			}
			if (log >= 0)
				call(CLOSE, log, 0, 0);
			log = in(dir, "log.", n / 64, 1, OPEN);
			must(log >= 0 && !call(FSYNC, top, 0, 0), "cannot make");
		}
		must(call(WRITE, log, (int)r, bytes) == bytes && !call(FDATASYNC, log, 0, 0), "cannot write");
		say("log", n);
		make(r, n, 4096);
		must(call(LSEEK, pages, (int)(n % 256 * 4096), 0) >= 0 && call(WRITE, pages, (int)r, 4096) == 4096 &&
			!call(FSYNC, pages, 0, 0), "cannot write");
		say("page", n);
	}
}

__attribute__((used)) void start(char **argv)
{
	if (argv[1])
		run(argv[1]);
	call(EXIT, 2, 0, 0);
}

__asm__(".globl _start\n_start: lea 4(%esp), %eax\n push %eax\n call start\n");
