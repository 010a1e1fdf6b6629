/* overlay.c - see overlay.h. Cells of 6 x 9 pixels, doubled; white on a dark ground that lets the picture through a little. */
#include "frontend/sdl/overlay.h"
#include <ctype.h>
#include <string.h>

#define CELL_W 6
#define CELL_H 9
#define SCALE 2
#define COLS 84
#define ROWS 10
#define GROUND 0xC0000000u
#define INK 0xFFFFFFFFu

static const uint8_t font[128][7] = {
#define GLYPH(c, ...) [c] = {__VA_ARGS__},
#include "frontend/sdl/font.def"
#undef GLYPH
};

static void glyph(uint32_t *pix, int pitch, unsigned char c)
{
	const uint8_t *rows = font[toupper(c & 0x7F)];

	for (int y = 0; y < 7 * SCALE; y++)
		for (int x = 0; x < 5 * SCALE; x++)
			if (rows[y / SCALE] >> (4 - x / SCALE) & 1)
				pix[y * pitch + x] = INK;
}

static void measure(const char *text, int *cols, int *rows)
{
	int n = 0;

	*cols = *rows = 0;
	for (; *text && *rows < ROWS; text++) {
		if (*text == '\n') {
			n = 0;
			++*rows;
		} else if (++n > *cols && n <= COLS) {
			*cols = n;
		}
	}
	if (n && *rows < ROWS)
		++*rows;
}

static void paint(uint32_t *pix, int pitch, const char *text, int rows)
{
	int x = 0, y = 0;

	for (; *text && y < rows; text++) {
		if (*text == '\n') {
			x = 0;
			y++;
		} else if (x < COLS) {
			glyph(pix + (y * CELL_H + 2) * SCALE * pitch + (x++ * CELL_W + 1) * SCALE, pitch, (unsigned char)*text);
		}
	}
}

void overlay_set(struct overlay *o, SDL_Renderer *ren, const char *text)
{
	int cols, rows;
	uint32_t *pix;

	if (o->tex)
		SDL_DestroyTexture(o->tex);
	o->tex = NULL;
	measure(text, &cols, &rows);
	if (!cols)
		return;
	o->w = (cols * CELL_W + 2) * SCALE;
	o->h = (rows * CELL_H + 3) * SCALE;
	pix = SDL_malloc((size_t)o->w * (size_t)o->h * 4);
	if (!pix)
		return;
	for (int i = 0; i < o->w * o->h; i++)
		pix[i] = GROUND;
	paint(pix, o->w, text, rows);
	o->tex = SDL_CreateTexture(ren, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STATIC, o->w, o->h);
	if (o->tex) {
		SDL_UpdateTexture(o->tex, NULL, pix, o->w * 4);
		SDL_SetTextureBlendMode(o->tex, SDL_BLENDMODE_BLEND);
	}
	SDL_free(pix);
}

void overlay_draw(const struct overlay *o, SDL_Renderer *ren)
{
	if (o->tex)
		SDL_RenderCopy(ren, o->tex, NULL, &(SDL_Rect){0, 0, o->w, o->h});
}
