/* fuzz_gdb.c - the input as bytes to the gdb stub: as they are, and each line as the body of a good packet. */
#include "tests/fuzz/fuzz.h"
#include "frontend/gdb.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct machine_config cfg = {.vga = false};
	struct chr *c = calloc(1, sizeof(*c));
	struct machine *m = fuzz_machine(&cfg);
	struct gdb *g;
	struct err e;

	if (!m || loop_init(l, &e))
		return 0;
	l->m = m;
	loop_attach(l, m);
	g = gdb_new(l, c, size & 1 ? GDB_I386 : GDB_AUTO);
	c->receive(c->dev, NULL, 0);
	for (size_t at = 0; at < size;) {
		const uint8_t *nl = memchr(data + at, '\n', size - at);
		size_t n = nl ? (size_t)(nl - (data + at)) : size - at;
		unsigned sum = 0;
		char tail[8];

		for (size_t i = 0; i < n; i++)
			sum += data[at + i];
		snprintf(tail, sizeof(tail), "#%02x", sum & 0xFF);
		c->receive(c->dev, (const uint8_t *)"$", 1);
		c->receive(c->dev, data + at, (unsigned)n);
		c->receive(c->dev, (const uint8_t *)tail, 3);
		if (!l->paused) {
			machine_kick(m);
			machine_run(m);
			loop_pause(l, true);
		}
		at += n + 1;
	}
	c->receive(c->dev, data, (unsigned)size);
	gdb_free(g);
	loop_fini(l);
	machine_destroy(m);
	free(c);
	free(l);
	return 0;
}
