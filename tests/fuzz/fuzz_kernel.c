/* fuzz_kernel.c - the input as a -kernel file (bzImage, multiboot, ELF) with itself as initrd, and as a symbol file. */
#include "tests/fuzz/fuzz.h"
#include "frontend/symbols.h"
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32], name[64];
	struct symbols *s = NULL;
	struct machine *m;
	struct err e;
	uint64_t at;
	int fd = fuzz_file(data, size, path);
	struct machine_config cfg = {.kernel = path, .initrd = size & 1 ? path : NULL, .append = "a=b"};

	m = fuzz_machine(&cfg);
	if (m)
		machine_destroy(m);
	if (!symbols_load(&s, path, &e)) {
		symbols_name(s, 0x100000, name, sizeof(name));
		symbols_find(s, "main", &at);
		symbols_free(s);
	}
	close(fd);
	return 0;
}
