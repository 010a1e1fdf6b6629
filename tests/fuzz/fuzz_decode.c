/* fuzz_decode.c - the input as instructions in 16-, 32- and 64-bit code: decoded from every byte, and as text. */
#include "tests/fuzz/fuzz.h"
#include "cpu/insn/insn.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[128], text[128];
	struct insn_index *ix = insn_index_new(why, sizeof(why));

	if (!ix)
		abort();
	for (size_t i = 0; i < size && i < 4096; i++) {
		unsigned avail = size - i < 15 ? (unsigned)(size - i) : 15;

		for (unsigned code = 2; code <= 8; code *= 2) {
			uint8_t *exact = malloc(avail); /* reads beyond what is available are seen */
			enum decode_status s;
			struct insn in;

			memcpy(exact, data + i, avail);
			s = insn_decode(ix, exact, avail, code, &in);
			free(exact);
			if (s == DECODE_MORE && avail == 15)
				abort();
			if (s == DECODE_OK && (in.len == 0 || in.len > avail))
				abort();
			if (s == DECODE_OK)
				insn_text(&in, i, text, sizeof(text));
		}
	}
	insn_index_free(ix);
	return 0;
}
