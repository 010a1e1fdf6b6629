/*
 * load_kernel.c - -kernel: choose the loader by the image's own marks.
 */
#include "frontend/machine/board.h"
#include <stdlib.h>

enum vm_err load_kernel(struct machine *m, struct err *e)
{
	uint8_t *img;
	size_t len;
	enum vm_err r = file_load(m->cfg.kernel, "kernel", 1ull << 31, &img, &len, e);

	if (r)
		return r;
	if (is_linux(img, len))
		r = load_linux(m, img, len, e);
	else if (is_multiboot(img, len))
		r = load_multiboot(m, img, len, e);
	else
		r = err_set(e, VM_ERR_FORMAT,
			"kernel '%s' is neither a Linux bzImage nor a multiboot kernel", m->cfg.kernel);
	free(img);
	return r;
}
