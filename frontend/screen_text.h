/*
 * screen_text.h - a text mode screen as Unicode text.
 */
#ifndef FRONTEND_SCREEN_TEXT_H
#define FRONTEND_SCREEN_TEXT_H

#include "devices/host/display.h"

/* cp437_unicode() - the code point a PC's built-in font shows for @ch; 0 becomes a space. */
unsigned cp437_unicode(uint8_t ch);

/* utf8_put() - encode @cp (below 10000h) at @out, up to 3 bytes without a NUL; returns their number. */
unsigned utf8_put(char *out, unsigned cp);

/**
 * screen_text() - rows of @t as UTF-8 lines, trailing blanks removed, each ended by a newline
 * @buf, @size: always NUL-terminated if size > 0; text that does not fit is cut at a character
 * Return: bytes the whole text needs, without the NUL (so size <= return means it was cut).
 */
size_t screen_text(const struct text_screen *t, char *buf, size_t size);

#endif
