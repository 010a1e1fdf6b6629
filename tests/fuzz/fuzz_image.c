/* fuzz_image.c - the input as a disk image of unknown format: opened, read and written all over, flushed. */
#include "tests/fuzz/fuzz.h"
#include "frontend/block.h"
#include <unistd.h>

static void done(void *opaque, int error)
{
	*(int *)opaque = error;
}

static void request(struct blk *b, enum blk_op op, uint64_t off, uint8_t *buf, uint32_t len)
{
	int error = 0;
	struct blk_req r = {.op = op, .off = off, .buf = buf, .len = len, .done = done, .opaque = &error};

	blk_submit(b, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[65536];
	struct blk_options opt = {.format = BLK_FORMAT_PROBE};
	struct blk *b = NULL;
	char path[32];
	struct err e;
	int fd = fuzz_file(data, size, path);

	if (!blk_open(path, &opt, &b, &e)) {
		uint64_t sectors = b->size / 512;

		for (unsigned i = 0; i < 24 && sectors; i++) {
			uint64_t at = (i < 8 ? i * 128 : i * 0x9E3779B97F4A7C15ull) % sectors;
			uint64_t left = (sectors - at) * 512;
			uint32_t len = left < sizeof(buf) ? (uint32_t)left : (uint32_t)sizeof(buf);

			request(b, (i & 3) == 3 && !b->readonly ? BLK_WRITE : BLK_READ, at * 512, buf, len);
			if (i == 20 && !b->readonly)
				request(b, BLK_DISCARD, at * 512, NULL, len);
		}
		request(b, BLK_FLUSH, 0, NULL, 0);
		b->ops->close(b);
	}
	close(fd);
	return 0;
}
