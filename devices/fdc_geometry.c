/* fdc_geometry.c - floppy formats: an image has no header, its size is its format. */
#include "devices/fdc.h"

static const struct fdc_format formats[] = {
	{40, 1, 8, 2, 1},  {40, 1, 9, 2, 1},  {40, 2, 8, 2, 1},	 {40, 2, 9, 2, 1},  /* 160K 180K 320K 360K */
	{80, 2, 9, 2, 4},  {80, 2, 15, 0, 2}, {80, 2, 18, 0, 4}, {80, 2, 21, 0, 4}, /* 720K 1.2M 1.44M 1.68M */
	{82, 2, 21, 0, 4}, {80, 2, 36, 3, 5},					    /* 1.72M 2.88M */
};

const struct fdc_format *fdc_format_of(uint64_t size)
{
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		const struct fdc_format *f = &formats[i];

		if (size <= (uint64_t)f->tracks * f->heads * f->sectors * FDC_SECTOR)
			return f;
	}
	return NULL;
}

uint8_t fdc_cmos_type(const struct blk *b)
{
	const struct fdc_format *f = b && b->size ? fdc_format_of(b->size) : NULL;

	return f ? f->drive : b ? 4 : 0;
}
