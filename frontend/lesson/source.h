/*
 * source.h - a lesson's listing (docs/lessons/NAME.lst, written by tests/tools/lessons.py): its image and its source lines.
 *
 * A row is "ADDR BYTES |source line"; further bytes of the line follow in a row that ends in "+"; rows without "|" are bytes
 * of included files. Lines that begin with ";>" tell about the line of code below them.
 */
#ifndef FRONTEND_LESSON_SOURCE_H
#define FRONTEND_LESSON_SOURCE_H

#include "mmu/base/types.h"
#include <stdio.h>

#define LESSON_ORG 0x7C00u
#define LESSON_MAX_IMAGE (18 * 512u) /* a floppy's first track */
#define LESSON_MAX_LINES 200u

struct lesson_line {
	uint32_t addr, len; /* of the code it gave; len 0: none */
	const char *text;   /* not ended by 0 */
	unsigned n;	    /* characters of it */
};

struct lesson_source {
	struct lesson_line line[LESSON_MAX_LINES];
	unsigned nlines, image_len;
	uint8_t image[LESSON_MAX_IMAGE];
};

/* source_parse() - false: @text is not such a listing, or is too large */
bool source_parse(struct lesson_source *s, const char *text);
/* source_line() - the index of the line whose code is at @gla, or -1 */
int source_line(const struct lesson_source *s, uint64_t gla);
/* source_about() - what the ";>" lines above line @i say, one line each behind @indent */
void source_about(const struct lesson_source *s, int i, const char *indent, FILE *out);
/* source_intro() - the comment the lesson begins with */
void source_intro(const struct lesson_source *s, FILE *out);

#endif
