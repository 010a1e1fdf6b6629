/* common.c - files without names and machines without software, for the fuzz targets. */
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int fuzz_file(const uint8_t *data, size_t size, char path[32])
{
	int fd = memfd_create("fuzz", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

/* A VGA BIOS in a directory of its own: the machine looks it up by name */
static void data_dir(char dir[32], char file[64])
{
	static const uint8_t rom[512] = {0x55, 0xAA, 1, 0xCB};
	FILE *f;

	strcpy(dir, "/tmp/dg_fuzz_XXXXXX");
	if (!mkdtemp(dir))
		abort();
	snprintf(file, 64, "%s/vgabios-stdvga.bin", dir);
	f = fopen(file, "w");
	if (!f || fwrite(rom, 1, sizeof(rom), f) != sizeof(rom))
		abort();
	fclose(f);
}

struct machine *fuzz_machine(struct machine_config *cfg)
{
	static const uint8_t halt[] = {0xFA, 0xF4, 0xEB, 0xFC};
	uint8_t *rom = calloc(1, 65536);
	char path[32], dir[32], vga[64];
	struct machine *m = NULL;
	struct err e;
	int fd;

	memcpy(rom + 0xFFF0, halt, sizeof(halt));
	fd = fuzz_file(rom, 65536, path);
	free(rom);
	data_dir(dir, vga);
	cfg->data_dir[0] = dir;
	cfg->cpu_model = "max";
	cfg->ram_size = 8 << 20;
	cfg->bios = path;
	cfg->isolated_time = true;
	cfg->jit.cache_bytes = 1 << 20;
	if (machine_create(&m, cfg, NULL, &e)) {
		if (!cfg->kernel) { /* only a kernel can be refused: a target without a machine would test nothing */
			fprintf(stderr, "%s\n", e.msg);
			abort();
		}
		m = NULL;
	}
	close(fd);
	unlink(vga);
	rmdir(dir);
	return m;
}
