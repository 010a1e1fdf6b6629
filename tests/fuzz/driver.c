/*
 * driver.c - runs a fuzz target without libFuzzer: first every file of tests/fuzz/corpus/NAME/, then mutations of them.
 *
 * Usage: test_fuzz_NAME [-n RUNS] [-s SEED] [FILE]...   with FILEs, only those are run.
 * DRAGOMAN_FUZZ_MINUTES in the environment: that long instead of RUNS. An input that crashes, or takes more than 20 seconds, is
 * left in fuzz-NAME.bin in the current directory; it belongs into the corpus once the bug is fixed.
 */
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 65536
#define MAX_CORPUS 256

struct corpus {
	uint8_t *data[MAX_CORPUS];
	size_t size[MAX_CORPUS];
	unsigned n;
};

static uint8_t input[INPUT_MAX];
static size_t input_size;
static const char *name;
static uint64_t state = 0x9E3779B97F4A7C15ull;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545F4914F6CDD1Dull >> 16;
}

static void keep_input(int sig)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "fuzz-%s.bin", name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, input, input_size) != (ssize_t)input_size || write(2, "input kept: ", 12) < 0 ||
		write(2, path, strlen(path)) < 0 || write(2, "\n", 1) < 0)
		_exit(3);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void run_one(void)
{
	uint8_t *copy = malloc(input_size + 1); /* its own block: reads beyond its end are seen */

	memcpy(copy, input, input_size);
	alarm(20);
	LLVMFuzzerTestOneInput(copy, input_size);
	alarm(0);
	free(copy);
}

static int load(struct corpus *c, const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, input, INPUT_MAX);

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		fprintf(stderr, "%s: cannot be read\n", path);
		return -1;
	}
	input_size = (size_t)n;
	if (c && c->n < MAX_CORPUS) {
		c->data[c->n] = malloc(input_size + 1);
		memcpy(c->data[c->n], input, input_size);
		c->size[c->n++] = input_size;
	}
	run_one();
	return 0;
}

static void load_corpus(struct corpus *c)
{
	char path[512];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fuzz/corpus/%s/%s", name, d->d_name);
		load(c, path);
	}
	if (dir)
		closedir(dir);
}

static void mutate(const struct corpus *c)
{
	static const uint8_t edge[] = {0, 1, 0x7F, 0x80, 0xFF, 0x10, 0x20};
	unsigned edits = 1 + rnd() % 12;

	if (c->n && rnd() % 4) {
		unsigned i = rnd() % c->n;

		input_size = c->size[i];
		memcpy(input, c->data[i], input_size);
	} else {
		input_size = rnd() % 2048;
		for (size_t i = 0; i < input_size; i++)
			input[i] = (uint8_t)rnd();
	}
	for (unsigned k = 0; k < edits && input_size; k++) {
		size_t at = rnd() % input_size, n;

		if (rnd() & 1 && input_size > 128)
			at = rnd() % 128; /* headers are in front */
		switch (rnd() % 6) {
		case 0: input[at] ^= (uint8_t)(1u << rnd() % 8); break;
		case 1: input[at] = (uint8_t)rnd(); break;
		case 2: input[at] = edge[rnd() % sizeof(edge)]; break;
		case 3: input_size = at + 1; break;
		case 4:
			n = rnd() % 64;
			for (size_t i = at; i < at + n && i < input_size; i++)
				input[i] = input[rnd() % input_size];
			break;
		default:
			n = rnd() % 9;
			for (size_t i = at; i < at + n && i < input_size; i++)
				input[i] = (uint8_t)(rnd() % 2 ? 0xFF : 0);
			break;
		}
	}
}

int main(int argc, char **argv)
{
	const char *minutes = getenv("DRAGOMAN_FUZZ_MINUTES"), *at = strrchr(argv[0], '/');
	unsigned long runs = getenv("DRAGOMAN_LONG") ? 20000 : 400, done = 0;
	struct corpus c = {.n = 0};
	time_t end = minutes ? time(NULL) + strtol(minutes, NULL, 10) * 60 : 0;
	int files = 0;

	name = strstr(at ? at : argv[0], "fuzz_");
	name = name ? name + 5 : "input";
	signal(SIGSEGV, keep_input);
	signal(SIGABRT, keep_input);
	signal(SIGBUS, keep_input);
	signal(SIGFPE, keep_input);
	signal(SIGILL, keep_input);
	signal(SIGALRM, keep_input);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-n") && i + 1 < argc)
			runs = strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "-s") && i + 1 < argc)
			state += strtoull(argv[++i], NULL, 0) * 2;
		else if (load(NULL, argv[i]))
			return 2;
		else
			files++;
	}
	if (files)
		return 0;
	load_corpus(&c);
	for (; minutes ? time(NULL) < end : done < runs; done++) {
		mutate(&c);
		run_one();
	}
	printf("%s: %u inputs of the corpus, %lu others\n", name, c.n, done);
	for (unsigned i = 0; i < c.n; i++)
		free(c.data[i]);
	return 0;
}
