/*
 * screenshot.c - frames as PNG (libpng) and PPM files.
 *
 * libpng reports errors by longjmp; it is confined to png_body(), which owns nothing that a jump
 * could lose.
 */
#include "frontend/screenshot.h"
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void to_rgb(const uint32_t *pix, unsigned w, uint8_t *row)
{
	for (unsigned x = 0; x < w; x++) {
		*row++ = (uint8_t)(pix[x] >> 16);
		*row++ = (uint8_t)(pix[x] >> 8);
		*row++ = (uint8_t)pix[x];
	}
}

static bool png_body(png_structp png, png_infop info, const struct frame *f, FILE *out,
	uint8_t *row)
{
	if (setjmp(png_jmpbuf(png)))
		return false;
	png_init_io(png, out);
	png_set_IHDR(png, info, f->w, f->h, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
		PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_compression_level(png, 3);
	png_write_info(png, info);
	for (unsigned y = 0; y < f->h; y++) {
		to_rgb(f->pix + (size_t)y * f->w, f->w, row);
		png_write_row(png, row);
	}
	png_write_end(png, info);
	return true;
}

static bool write_png(const struct frame *f, FILE *out, uint8_t *row)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	bool ok = info && png_body(png, info, f, out, row);

	png_destroy_write_struct(&png, &info);
	return ok;
}

static bool write_ppm(const struct frame *f, FILE *out, uint8_t *row)
{
	if (fprintf(out, "P6\n%u %u\n255\n", f->w, f->h) < 0)
		return false;
	for (unsigned y = 0; y < f->h; y++) {
		to_rgb(f->pix + (size_t)y * f->w, f->w, row);
		if (fwrite(row, 3, f->w, out) != f->w)
			return false;
	}
	return true;
}

enum vm_err screenshot_write(const struct frame *f, const char *path, struct err *e)
{
	size_t n = strlen(path);

	return screenshot_write_as(f, path, n >= 4 && !strcasecmp(path + n - 4, ".png"), e);
}

enum vm_err screenshot_write_as(const struct frame *f, const char *path, bool png, struct err *e)
{
	uint8_t *row;
	FILE *out;
	bool ok;

	if (!f->pix || !f->w || !f->h)
		return err_set(e, VM_ERR_USAGE, "there is no picture to write to '%s'", path);
	out = fopen(path, "wb");
	if (!out)
		return err_errno(e, "cannot create '%s'", path);
	row = malloc((size_t)f->w * 3);
	ok = row && (png ? write_png(f, out, row) : write_ppm(f, out, row));
	free(row);
	if (fclose(out))
		ok = false;
	if (ok)
		return VM_OK;
	err_errno(e, "cannot write '%s'", path);
	unlink(path);
	return VM_ERR_IO;
}
