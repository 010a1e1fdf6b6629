/*
 * snippet.h - sequences of host instructions that blocks repeat: the encoder makes each once, from then on it is copied.
 *
 * What such a sequence is like may depend on its key and on what holds for the whole machine, on nothing else; it has no addresses that
 * count from where it stands. Two that fall on one entry take it by turns.
 */
#ifndef JIT_X64_SNIPPET_H
#define JIT_X64_SNIPPET_H

#include "jit/host/codebuf.h"

#define SNIPPETS 512
#define SNIPPET_MAX 54

enum snippet_kind { SNIP_NONE, SNIP_SAVE, SNIP_RESTORE, SNIP_STORE_BASE, SNIP_LOAD_BASE, SNIP_PROBE, SNIP_REQUESTED, SNIP_FAR,
	SNIP_RETURN_FROM, SNIP_RETURN_TO };

struct snippet {
	uint64_t key; /* 0: none */
	uint8_t code[SNIPPET_MAX];
	uint8_t n, hole; /* bytes; where a place for a number begins that is not known yet */
};

/* @a..@d: what the sequence depends on, of @a 32 bits, of the others 8 */
static inline uint64_t snippet_key(enum snippet_kind kind, uint32_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return kind | (uint64_t)b << 8 | (uint64_t)c << 16 | (uint64_t)d << 24 | (uint64_t)a << 32;
}

static inline struct snippet *snippet_at(struct snippet *s, uint64_t key)
{
	return &s[key * 0x9E3779B97F4A7C15u >> (64 - 9)];
}

/* To the place of its number, or to its first byte; NULL: there is none with this key, it is to be encoded and kept */
static inline uint8_t *snippet_put(struct snippet *all, uint64_t key, struct codebuf *cb)
{
	const struct snippet *s = snippet_at(all, key);
	uint8_t *at = cb->p;

	if (UNLIKELY(s->key != key || cb->end - at < SNIPPET_MAX))
		return NULL;
	memcpy(at, s->code, SNIPPET_MAX);
	cb->p += s->n;
	return at + s->hole;
}

/* The code of @key is what stands behind @from, with the place for its number at @hole, or @from. Return: @hole */
static inline uint8_t *snippet_keep(struct snippet *all, uint64_t key, const struct codebuf *cb, const uint8_t *from, uint8_t *hole)
{
	struct snippet *s = snippet_at(all, key);
	size_t n = (size_t)(cb->p - from);

	if (cb->overflow || n > SNIPPET_MAX)
		return hole;
	memcpy(s->code, from, n);
	s->n = (uint8_t)n;
	s->hole = (uint8_t)(hole - from);
	s->key = key;
	return hole;
}

_Static_assert(SNIPPETS == 1 << 9 && sizeof(struct snippet) == 64, "snippet_at(); a line of the host's cache");

#endif
