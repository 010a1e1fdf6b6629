/* fuzz_monitor.c - the input as lines for the monitor. Slashes become blanks: commands that write files find no directory. */
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"
#include "frontend/drive.h"
#include "frontend/loop.h"
#include "frontend/monitor.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void remove_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct machine_config cfg = {.ide = {[2] = drive_new(true)}, .vga = true};
	char dir[] = "/tmp/dg_fuzz_XXXXXX", *text = malloc(size + 1), *p;
	struct machine *m;
	struct err e;
	FILE *out = fopen("/dev/null", "w");
	int here = -1, home = open(".", O_RDONLY | O_DIRECTORY);

	memcpy(text, data, size);
	text[size] = 0;
	for (size_t i = 0; i < size; i++)
		if (text[i] == '/' && i && text[i - 1] != 'x' && text[i - 1] != 'p')
			text[i] = ' ';
	m = fuzz_machine(&cfg);
	if (m && !loop_init(l, &e)) {
		l->m = m;
		loop_attach(l, m);
		here = mkdtemp(dir) ? chdir(dir) : -1;
		for (p = strtok(text, "\n"); p && !here; p = strtok(NULL, "\n"))
			monitor_command(l, p, out);
		loop_fini(l);
	}
	if (m)
		machine_destroy(m);
	if (!here) {
		if (fchdir(home))
			abort();
		remove_dir(dir);
	}
	close(home);
	fclose(out);
	free(text);
	free(l);
	return 0;
}
