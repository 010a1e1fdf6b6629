/*
 * guest-files.c - what a shell cannot ask of a file, on an i386 Linux without a library: guest-files FILE
 *
 * Locks by flock() and fcntl(), fsync() and fdatasync(), extended attributes: each prints its name and what it returned.
 */
static int call(int nr, int a, int b, int c, int d, int e)
{
	int r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return r;
}

static void say(const char *name, int v)
{
	char buf[64];
	int n = 0, digits = 1;

	while (*name)
		buf[n++] = *name++;
	buf[n++] = ' ';
	if (v < 0) {
		buf[n++] = '-';
		v = -v;
	}
	while (v / digits >= 10)
		digits *= 10;
	for (; digits; digits /= 10)
		buf[n++] = (char)('0' + v / digits % 10);
	buf[n++] = '\n';
	call(4, 1, (int)buf, n, 0, 0);
}

struct lock32 { /* struct flock */
	short type, whence;
	int start, len, pid;
};

__attribute__((used)) static void begin(int *stack)
{
	const char *path = (const char *)stack[2];
	int fd = call(5, (int)path, 2, 0, 0, 0);
	struct lock32 l = {.type = 1, .len = 10}, asked = {.type = 1};
	char value[32], names[64];

	say("open", fd >= 0);
	say("flock", call(143, fd, 2 | 4, 0, 0, 0));
	say("unlock", call(143, fd, 8, 0, 0, 0));
	say("setlk", call(55, fd, 6, (int)&l, 0, 0));
	say("getlk", call(55, fd, 5, (int)&asked, 0, 0));
	say("holder", asked.type);
	say("write", call(4, fd, (int)"0123456789", 10, 0, 0));
	say("fsync", call(118, fd, 0, 0, 0, 0));
	say("fdatasync", call(148, fd, 0, 0, 0, 0));
	say("setxattr", call(226, (int)path, (int)"user.colour", (int)"green", 5, 0));
	say("getxattr", call(229, (int)path, (int)"user.colour", (int)value, sizeof(value), 0));
	say("listxattr", call(232, (int)path, (int)names, sizeof(names), 0, 0));
	say("trusted", call(226, (int)path, (int)"trusted.x", (int)"green", 5, 0));
	say("files", value[0] == 'g' && names[5] == 'c');
	call(1, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start: mov %esp, %eax\npush %eax\ncall begin");
