/* p9_wire.c - see p9_wire.h. */
#include "devices/virtio/p9_wire.h"
#include <string.h>

const uint8_t *p9_get_bytes(struct p9_in *in, uint32_t len)
{
	const uint8_t *p = in->buf + in->at;

	if (in->bad || len > in->len - in->at) {
		in->bad = true;
		return NULL;
	}
	in->at += len;
	return p;
}

uint64_t p9_get(struct p9_in *in, unsigned bytes)
{
	const uint8_t *p = p9_get_bytes(in, bytes);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << (i * 8);
	return v;
}

bool p9_get_text(struct p9_in *in, char *text, uint32_t size)
{
	uint32_t len = (uint32_t)p9_get(in, 2);
	const uint8_t *p = p9_get_bytes(in, len);

	text[0] = 0;
	if (!p || len >= size || memchr(p, 0, len)) {
		in->bad = true;
		return false;
	}
	memcpy(text, p, len);
	text[len] = 0;
	return true;
}

void p9_put(struct p9_out *out, uint64_t v, unsigned bytes)
{
	if (out->full || bytes > out->room - out->len) {
		out->full = true;
		return;
	}
	for (unsigned i = 0; i < bytes; i++)
		out->buf[out->len++] = (uint8_t)(v >> (i * 8));
}

void p9_put_text(struct p9_out *out, const char *text)
{
	size_t len = strlen(text);

	if (out->full || len > 0xFFFF || len + 2 > out->room - out->len) {
		out->full = true;
		return;
	}
	p9_put(out, len, 2);
	memcpy(out->buf + out->len, text, len);
	out->len += (uint32_t)len;
}

void p9_put_qid(struct p9_out *out, uint32_t mode, uint32_t version, uint64_t id)
{
	uint32_t type = mode & 0170000;

	p9_put(out, type == 0040000 ? P9_QID_DIR : type == 0120000 ? P9_QID_SYMLINK : 0, 1);
	p9_put(out, version, 4);
	p9_put(out, id, 8);
}
