/*
 * p9_wire.h - bytes of 9P messages: little-endian numbers, strings behind their length. Reading behind the end gives zeroes and sets bad;
 * what finds no room is not written and sets full.
 *
 * Source: Plan 9 manual, section 5, intro(5).
 */
#ifndef DEVICES_VIRTIO_P9_WIRE_H
#define DEVICES_VIRTIO_P9_WIRE_H

#include "mmu/base/types.h"

struct p9_in {
	const uint8_t *buf;
	uint32_t len, at;
	bool bad;
};

struct p9_out {
	uint8_t *buf;
	uint32_t room, len;
	bool full;
};

#define P9_QID_DIR 0x80
#define P9_QID_SYMLINK 0x02
#define P9_QID_LEN 13

uint64_t p9_get(struct p9_in *in, unsigned bytes); /* 1, 2, 4, 8 */
/* p9_get_text() - a string with less than @size bytes into @text; false and bad: longer, or with a zero byte inside */
bool p9_get_text(struct p9_in *in, char *text, uint32_t size);
const uint8_t *p9_get_bytes(struct p9_in *in, uint32_t len); /* NULL and bad: not so many */

void p9_put(struct p9_out *out, uint64_t v, unsigned bytes);
void p9_put_text(struct p9_out *out, const char *text);
void p9_put_qid(struct p9_out *out, uint32_t mode, uint32_t version, uint64_t id); /* @mode: as in stat(2) */

#endif
