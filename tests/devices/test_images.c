/*
 * test_images.c - VDI, VHD and VMDK images against qemu-img: what it made we read, what we wrote it reads; damaged images and
 * kinds we do not know are refused with a line. Without qemu-img it is skipped.
 */
#include "tests/devices/image_fixture.h"
#include <sys/stat.h>

/* The checksum of a VHD's footer, the image's copy or its last sector */
static void sum_up(const char *name, long at)
{
	uint8_t b[512], sum[4];
	uint32_t s = 0;
	FILE *f = fopen(name, "r");

	ck_assert_int_eq(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
	at = ftell(f);
	ck_assert_uint_eq(fread(b, 1, 512, f), 512);
	fclose(f);
	for (unsigned i = 0; i < 512; i++)
		s += i >= 64 && i < 68 ? 0 : b[i];
	for (unsigned i = 0; i < 4; i++)
		sum[i] = (uint8_t)(~s >> (24 - 8 * i));
	patch(name, at + 64, sum, 4);
}

static enum vm_err try_open(const char *name, enum blk_format f, bool ro, bool snapshot, struct blk **b, struct err *e)
{
	struct blk_options o = {.raw = {.readonly = ro, .snapshot = snapshot}, .format = f};

	return blk_open(name, &o, b, e);
}

static struct blk *open_as(const char *name, enum blk_format f, bool ro, bool snapshot)
{
	struct err e = {0};
	struct blk *b = NULL;

	ck_assert_msg(!try_open(name, f, ro, snapshot, &b, &e), "%s", e.msg);
	return b;
}

static void refuse(const char *name, enum blk_format f, bool ro, const char *says)
{
	struct err e = {0};
	struct blk *b = NULL;

	ck_assert_int_ne(try_open(name, f, ro, false, &b, &e), 0);
	ck_assert_ptr_null(b);
	ck_assert_msg(strstr(e.msg, says) && strstr(e.msg, name) && !strchr(e.msg, '\n'), "not '%s': %s", says, e.msg);
}

/* What we wrote is what qemu-img reads; it can judge the tables of vdi and vmdk. */
static void judge_as(const char *name, const char *format)
{
	char c[300];
	FILE *f = fopen("model.raw", "w");

	ck_assert_uint_eq(fwrite(model, 1, SIZE, f), SIZE);
	ck_assert_int_eq(fclose(f), 0);
	snprintf(c, sizeof(c), "%s qemu-img check -q -f %s '%s'", strcmp(format, "vpc") ? "" : "true", format, name);
	sh(c);
	snprintf(c, sizeof(c), "qemu-img compare -q -f raw -F %s model.raw '%s'", format, name);
	sh(c);
}

static const struct made {
	const char *format, *command;
	enum blk_format as;
	bool full;
} made[] = {
	{"vdi", "qemu-img create -q -f vdi a.img 4M", BLK_FORMAT_PROBE, false},
	{"vdi", "qemu-img convert -q -O vdi base.raw a.img", BLK_FORMAT_VDI, true},
	{"vdi", "qemu-img convert -q -O vdi -o static=on base.raw a.img", BLK_FORMAT_PROBE, true},
	{"vpc", "qemu-img create -q -f vpc -o force_size=on a.img 4M", BLK_FORMAT_PROBE, false},
	{"vpc", "qemu-img convert -q -O vpc -o force_size=on base.raw a.img", BLK_FORMAT_VPC, true},
	{"vpc", "qemu-img convert -q -O vpc -o force_size=on,subformat=fixed base.raw a.img", BLK_FORMAT_VPC, true},
	{"vmdk", "qemu-img create -q -f vmdk a.img 4M", BLK_FORMAT_PROBE, false},
	{"vmdk", "qemu-img convert -q -O vmdk base.raw a.img", BLK_FORMAT_VMDK, true},
	{"vmdk", "qemu-img convert -q -O vmdk -o zeroed_grain=on base.raw a.img", BLK_FORMAT_PROBE, true},
};

static void erase(struct blk *b, uint32_t seed)
{
	for (unsigned i = 0; i < 12; i++) {
		uint32_t off = next(&seed) % (SIZE / 512) * 512, len = (next(&seed) % 900 + 1) * 512;

		len = len > SIZE - off ? SIZE - off : len;
		memset(model + off, 0, len);
		ck_assert_int_eq(io(b, BLK_ZERO, off, NULL, len), 0);
	}
}

START_TEST(as_qemu_img)
{
	const struct made *m = &made[_i];
	bool linear = strstr(m->command, "fixed");
	struct stat before, after;
	struct blk *b;
	char c[300];

	make_base();
	sh(m->command);
	if (!m->full)
		memset(model, 0, SIZE);
	ck_assert_int_eq(stat("a.img", &before), 0);
	b = open_as("a.img", m->as, true, false);
	same(b);
	ck_assert_int_eq(io(b, BLK_WRITE, 0, got, 512), EROFS);
	ck_assert_int_eq(io(b, BLK_READ, SIZE, got, 512), EIO);
	b->ops->close(b);
	b = open_as("a.img", m->as, false, false);
	erase(b, 4);
	scribble(b, (uint32_t)_i, _i & 1 ? 6 : 60);
	erase(b, 5);
	same(b);
	b->ops->close(b);
	judge_as("a.img", m->format);
	snprintf(c, sizeof(c), "qemu-io -f %s -c 'write -q -P 7 64k 200k' -c 'write -q -P 9 3000k 1M' a.img", m->format);
	sh(c);
	memset(model + 65536, 7, 200 * 1024);
	memset(model + 3000 * 1024, 9, 1 << 20);
	b = open_as("a.img", m->as, false, false);
	same(b);
	scribble(b, 77, 20);
	ck_assert_int_eq(io(b, BLK_DISCARD, 0, NULL, 1 << 20), 0);
	memset(model, 0, 1 << 20);
	same(b);
	b->ops->close(b);
	judge_as("a.img", m->format);
	ck_assert_int_eq(stat("a.img", &after), 0);
	ck_assert(!linear || before.st_size == after.st_size);
}
END_TEST

static const char *const formats[] = {"vdi", "vpc", "vmdk"};
static const enum blk_format codes[] = {BLK_FORMAT_VDI, BLK_FORMAT_VPC, BLK_FORMAT_VMDK};

/* A disk whose last block is not whole. */
START_TEST(odd)
{
	uint32_t sectors = 6275;
	struct blk *b;
	char c[300];

	snprintf(c, sizeof(c), "qemu-img create -q -f %s %s a.img %u && truncate -s %u model.raw", formats[_i],
		_i == 1 ? "-o force_size=on" : "", sectors * 512, sectors * 512);
	sh(c);
	b = open_as("a.img", BLK_FORMAT_PROBE, false, false);
	ck_assert_uint_eq(b->size, sectors * 512);
	memset(got, 0x5a, 4096);
	ck_assert_int_eq(io(b, BLK_WRITE, sectors * 512 - 4096, got, 4096), 0);
	ck_assert_int_eq(io(b, BLK_WRITE, sectors * 512 - 512, got, 1024), EIO);
	patch("model.raw", sectors * 512 - 4096, got, 4096);
	b->ops->close(b);
	snprintf(c, sizeof(c), "qemu-img compare -q -f raw -F %s model.raw a.img", formats[_i]);
	sh(c);
}
END_TEST

/* The size a footer means depends on who made it; QEMU's view is its users'. */
START_TEST(creators)
{
	static const char *const who[] = {"vpc ", "vs  ", "qemu", "qem2", "win ", "d2v ", "vbox"};
	struct blk *b;
	FILE *f;
	unsigned long long size = 0;

	sh("qemu-img create -q -f vpc -o force_size=on a.img 5M");
	patch("a.img", 28, who[_i], 4);
	patch("a.img", 2048 + 28, who[_i], 4);
	sum_up("a.img", 0);
	sum_up("a.img", -512);
	f = popen("qemu-img info --output=json -f vpc a.img 2>/dev/null | sed -n 's/^    \"virtual-size\": \\([0-9]*\\).*/\\1/p'", "r");
	ck_assert_int_eq(fscanf(f, "%llu", &size), 1);
	pclose(f);
	b = open_as("a.img", BLK_FORMAT_VPC, true, false);
	ck_assert_uint_eq(b->size, size);
	b->ops->close(b);
}
END_TEST

/* A fixed VHD is raw if nobody says what it is; its guest cannot make another kind of it. */
START_TEST(fixed_vhd)
{
	struct blk *b;

	make_base();
	sh("qemu-img convert -q -O vpc -o force_size=on,subformat=fixed base.raw a.img && qemu-img create -q -f vpc d.img 4M");
	b = open_as("a.img", BLK_FORMAT_PROBE, true, false);
	ck_assert_uint_eq(b->size, SIZE + 512);
	b->ops->close(b);
	b = open_as("a.img", BLK_FORMAT_VPC, false, false);
	memcpy(model, "conectix", 8);
	ck_assert_int_eq(io(b, BLK_WRITE, 0, model, 512), 0);
	b->ops->close(b);
	b = open_as("a.img", BLK_FORMAT_VPC, true, false);
	same(b);
	b->ops->close(b);
	sh("truncate -s -512 a.img");
	refuse("a.img", BLK_FORMAT_VPC, true, "no footer");
	refuse("base.raw", BLK_FORMAT_VPC, true, "no footer");
}
END_TEST

/* Compressed grains; also with the directory's place in a second header at the file's end, as other programs write it. */
START_TEST(stream)
{
	uint8_t sectors[3][512] = {{0}};
	struct blk *b;
	FILE *f;

	make_base();
	sh("qemu-img convert -q -O vmdk -o subformat=streamOptimized base.raw a.img");
	if (_i) {
		f = fopen("a.img", "r+");
		ck_assert_uint_eq(fread(sectors[1], 1, 512, f), 512);
		sectors[0][12] = 3;
		ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
		ck_assert_uint_eq(fwrite(sectors, 1, sizeof(sectors), f), sizeof(sectors));
		ck_assert_int_eq(fclose(f), 0);
		patch("a.img", 56, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	}
	b = open_as("a.img", BLK_FORMAT_PROBE, true, false);
	same(b);
	b->ops->close(b);
	refuse("a.img", BLK_FORMAT_PROBE, false, "snapshot=on");
	b = open_as("a.img", BLK_FORMAT_PROBE, false, true);
	scribble(b, 1, 20);
	same(b);
	ck_assert_int_eq(b->ops->commit(b), EROFS);
	b->ops->close(b);
	if (!_i)
		sh("qemu-img compare -q -f raw -F vmdk base.raw a.img");
}
END_TEST

START_TEST(other_kinds)
{
	uint8_t four = 4;

	sh("qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 4M");
	refuse("flat.vmdk", BLK_FORMAT_PROBE, true, "monolithicFlat, which is not supported: convert it with qemu-img convert");
	sh("qemu-img create -q -f vmdk -o subformat=twoGbMaxExtentSparse split.vmdk 4M");
	refuse("split.vmdk", BLK_FORMAT_PROBE, true, "twoGbMaxExtentSparse");
	refuse("split-s001.vmdk", BLK_FORMAT_PROBE, true, "part of a disk");
	sh("qemu-img create -q -f vmdk b.vmdk 4M && qemu-img create -q -f vmdk -b b.vmdk -F vmdk c.vmdk");
	refuse("c.vmdk", BLK_FORMAT_PROBE, true, "has a parent");
	sh("qemu-img create -q -f vdi a.vdi 4M && qemu-img create -q -f vpc a.vhd 4M && truncate -s 1M raw");
	patch("a.vdi", 440, &four, 1);
	refuse("a.vdi", BLK_FORMAT_PROBE, true, "has a parent");
	patch("a.vhd", 63, &four, 1);
	patch("a.vhd", 2048 + 63, &four, 1);
	refuse("a.vhd", BLK_FORMAT_PROBE, true, "checksum");
	sum_up("a.vhd", 0);
	sum_up("a.vhd", -512);
	refuse("a.vhd", BLK_FORMAT_PROBE, true, "has a parent");
	for (unsigned i = 0; i < 3; i++)
		refuse("raw", codes[i], true, "is not");
	refuse("/", BLK_FORMAT_VDI, true, "");
}
END_TEST

static const struct bad {
	unsigned format;
	long at;
	unsigned bytes;
	const char *with, *says;
} bad[] = {
	{0, 68, 1, "\2", "version"}, {0, 76, 1, "\0", "type"}, {0, 361, 1, "\4", "sector size"}, {0, 376, 1, "\1", "block size"},
	{0, 376, 4, "\0\2\0\0", "block size"}, {0, 379, 1, "\x80", "block size"}, {0, 380, 1, "\1", "block size"},
	{0, 374, 1, "\1", "disk size"}, {0, 368, 4, "\0\0\0\0", "disk size"}, {0, 384, 1, "\3", "disk size"},
	{0, 387, 1, "\x7f", "table"}, {0, 340, 4, "\0\1\0\0", "table"}, {0, 343, 1, "\x70", "table"},
	{0, 344, 4, "\0\2\0\0", "data"}, {0, 344, 1, "\1", "data"}, {0, 512, 4, "\0\0\0\0", "behind the end"},
	{1, 63, 1, "\7", "type"}, {1, 16, 8, "\0\0\0\0\0\0\0\0", "header"}, {1, 16, 1, "\x7f", "header"}, {1, 512, 1, "x", "header"},
	{1, 528, 1, "\xff", "table"}, {1, 528, 8, "\0\0\0\0\0\0\2\0", "table"}, {1, 540, 4, "\0\0\0\1", "too short"},
	{1, 540, 1, "\x7f", "table"}, {1, 544, 4, "\0\0\2\0", "block size"}, {1, 546, 1, "\1", "block size"},
	{1, 1536, 4, "\0\0\0\1", "over header"}, {1, 1536, 4, "\0\0\0\3", "over header"}, {1, 1536, 4, "\0\0\0\4", "over header"},
	{1, 1536, 4, "\0\1\0\0", "behind the end"},
	{2, 4, 1, "\4", "version"}, {2, 73, 1, "\r", "text"}, {2, 12, 4, "\0\0\0\0", "disk size"}, {2, 18, 1, "\1", "disk size"},
	{2, 20, 1, "\1", "grain size"}, {2, 20, 2, "\1\1", "grain size"}, {2, 44, 1, "\1", "table size"}, {2, 28, 1, "\0", "part of a disk"},
	{2, 36, 2, "\0\4", "description"}, {2, 30, 1, "\1", "description"}, {2, 56, 4, "\0\0\1\0", "tables"}, {2, 56, 1, "\0", "directory"},
	{2, 56, 1, "\2", "directory"}, {2, 48, 1, "\x1a", "directory"}, {2, 64, 1, "\0", "tables"}, {2, 64, 1, "\x1a", "directory"},
	{2, 64, 1, "\x1c", "place of a table"}, {2, 0x3400, 1, "\1", "place of a table"}, {2, 0x3400, 2, "\0\1", "place of a table"},
	{2, 0x2a00, 2, "\x7f", "place of a table"}, {2, 0x3600, 1, "\1", "over header"}, {2, 0x3600, 2, "\0\1", "behind the end"},
	{2, 10, 1, "\1", "compression"}, {2, 0x25a, 1, "x", "not supported"},
};

START_TEST(refused)
{
	const struct bad *x = &bad[_i];
	char c[100];

	snprintf(c, sizeof(c), "qemu-img create -q -f %s a.img 4M", formats[x->format]);
	sh(c);
	patch("a.img", x->at, x->with, x->bytes);
	if (x->format == 1 && x->at < 512) {
		patch("a.img", x->at + 2048, x->with, x->bytes);
		sum_up("a.img", 0);
		sum_up("a.img", -512);
	}
	refuse("a.img", BLK_FORMAT_PROBE, false, x->says);
}
END_TEST

/* A guest cannot make a raw image something else unless the user said it is raw. */
START_TEST(disguise)
{
	static const struct { unsigned at; const char *is; } signs[] = {{0, "QFI\xfb"}, {64, "\x7f\x10\xda\xbe"}, {0, "conectix"},
		{0, "KDMV"}, {0, "# Disk DescriptorFile\n"}};
	struct blk *b;

	make_base();
	memset(got, 0, 1024);
	memcpy(got + signs[_i].at, signs[_i].is, strlen(signs[_i].is));
	b = must_open("base.raw", false, false);
	ck_assert_int_eq(io(b, BLK_WRITE, 0, got, 1024), EPERM);
	ck_assert_int_eq(io(b, BLK_WRITE, 512, got, 512), 0);
	b->ops->close(b);
	b = open_as("base.raw", BLK_FORMAT_RAW, false, false);
	ck_assert_int_eq(io(b, BLK_WRITE, 0, got, 512), 0);
	b->ops->close(b);
}
END_TEST

/* Below a qcow2 image, with its format named; locks; a snapshot that vanishes and one that is committed. */
START_TEST(layers)
{
	char c[300];
	struct blk *b;

	make_base();
	snprintf(c, sizeof(c), "qemu-img convert -q -O %s %s base.raw a.img && cp a.img before && "
		"qemu-img create -q -f qcow2 -b a.img -F %s top.qcow2", formats[_i], _i == 1 ? "-o force_size=on" : "", formats[_i]);
	sh(c);
	b = must_open("top.qcow2", false, false);
	same(b);
	refuse("a.img", BLK_FORMAT_PROBE, false, "in use");
	scribble(b, 8, 30);
	same(b);
	b->ops->close(b);
	b = must_open("a.img", false, true);
	memset(model, 0, SIZE);
	ck_assert_int_eq(io(b, BLK_ZERO, 0, NULL, SIZE), 0);
	scribble(b, 9, 30);
	same(b);
	sh("cmp a.img before");
	ck_assert_int_eq(b->ops->commit(b), 0);
	same(b);
	b->ops->close(b);
	judge_as("a.img", formats[_i]);
	b = must_open("a.img", true, false);
	same(b);
	b->ops->close(b);
}
END_TEST

static void put_le(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* start.img of 4 MiB: in blocks of 4 KiB where qemu-img itself makes large ones, so that much is added */
static void make_small(unsigned format)
{
	uint8_t h[16], footer[512], *map = malloc(4096);
	FILE *f;

	memset(map, 0xff, 4096);
	if (format == 0) {
		sh("qemu-img create -q -f vdi start.img 4M");
		put_le(h, 512);
		put_le(h + 4, 512 + 4096);
		patch("start.img", 340, h, 8);
		put_le(h, 4096);
		put_le(h + 8, 1024);
		memset(h + 4, 0, 4);
		patch("start.img", 376, h, 12);
		patch("start.img", 512, map, 4096);
	} else if (format == 1) {
		sh("qemu-img create -q -f vpc -o force_size=on start.img 4M");
		f = fopen("start.img", "r");
		ck_assert_uint_eq(fread(footer, 1, 512, f), 512);
		fclose(f);
		patch("start.img", 540, "\0\0\4\0\0\0\x10\0", 8);
		patch("start.img", 1536, map, 4096);
		patch("start.img", 1536 + 4096, footer, 512);
	} else {
		sh("qemu-img create -q -f vmdk start.img 4M");
	}
	free(map);
}

/* After a failure qemu-img and we read the same; a vmdk has no error. A vdi may count blocks that nothing refers to. */
static void judge_failed(unsigned format, bool small)
{
	char c[300];
	struct blk *b = open_as("after.img", BLK_FORMAT_PROBE, true, false);
	FILE *f = fopen("after.raw", "w");

	ck_assert_int_eq(io(b, BLK_READ, 0, got, SIZE), 0);
	ck_assert_uint_eq(fwrite(got, 1, SIZE, f), SIZE);
	ck_assert_int_eq(fclose(f), 0);
	b->ops->close(b);
	if (format == 0 && small)
		return; /* QEMU knows blocks of 1 MiB only */
	snprintf(c, sizeof(c), "qemu-img compare -q -f raw -F %s after.raw after.img 2>/dev/null", formats[format]);
	sh(c);
	if (format == 2)
		sh("qemu-img check -q -f vmdk after.img");
}

#define FLUSHES 40
START_TEST(power_failure)
{
	static uint8_t flushed[FLUSHES][512];
	unsigned at_flush[FLUSHES], format = (unsigned)_i % 3;
	uint32_t seed = (uint32_t)_i + 5;
	uint8_t buf[8192];
	struct blk *b;

	make_small(format);
	if (_i >= 3)
		sh(_i == 3 ? "qemu-img create -q -f vdi start.img 4M" : "qemu-img create -q -f vpc -o force_size=on start.img 4M");
	sh("cp start.img a.img");
	b = must_open("a.img", false, false);
	recording = true;
	for (unsigned n = 0; n < FLUSHES; n++) {
		for (unsigned k = 0; k < 6; k++) {
			uint64_t s = FLUSHES + next(&seed) % (SIZE / 512 - FLUSHES - 16);

			memset(buf, (int)(n + k), sizeof(buf));
			ck_assert_int_eq(io(b, BLK_WRITE, s * 512, buf, 512 << k % 4), 0);
		}
		memset(flushed[n], (int)n + 1, 512);
		ck_assert_int_eq(io(b, BLK_WRITE, n * 512, flushed[n], 512), 0); /* the guest's log: sector n */
		ck_assert_int_eq(io(b, BLK_FLUSH, 0, NULL, 0), 0);
		at_flush[n] = ndiary;
	}
	recording = false;
	b->ops->close(b);
	for (unsigned t = 0; t < 25; t++) {
		unsigned cut = next(&seed) % (ndiary + 1);

		fail_at(cut, "start.img", "after.img", &seed);
		judge_failed(format, _i < 3);
		for (unsigned i = 0; i < FLUSHES && at_flush[i] <= cut; i++)
			ck_assert_msg(!memcmp(got + i * 512, flushed[i], 512), "record %u was flushed and is lost", i);
		memcpy(model, got, SIZE);
		b = must_open("after.img", false, false);
		scribble(b, seed, 10); /* what was lost at the end is used again */
		same(b);
		b->ops->close(b);
		judge_failed(format, _i < 3);
		ck_assert_int_eq(memcmp(got, model, SIZE), 0);
	}
	forget();
}
END_TEST

/* Random damage of header and tables: any result but a crash (the sanitizers look). */
START_TEST(mutated)
{
	static const char *const commands[] = {"cp start.img m.img", "cp start.img m.img", "cp start.img m.img",
		"cp stream.vmdk m.img"};
	unsigned format = _i < 3 ? (unsigned)_i : 2;
	uint32_t seed = 1;
	struct blk *b;

	make_base();
	sh("qemu-img convert -q -O vmdk -o subformat=streamOptimized base.raw stream.vmdk");
	make_small(format);
	b = must_open("start.img", false, false);
	scribble(b, 1, 20);
	b->ops->close(b);
	for (unsigned i = 0; i < 60; i++) {
		sh(commands[_i]);
		for (unsigned k = next(&seed) % 4 + 1; k; k--) {
			uint8_t v = (uint8_t)next(&seed);
			unsigned where = next(&seed) % 3;

			patch("m.img", (long)(next(&seed) % 96 + (where == 0 ? 0 : where == 1 ? 340 : format == 2 ? 0x3600 : 512)), &v, 1);
		}
		if (try_open("m.img", codes[format], _i == 3, false, &b, NULL))
			continue;
		for (unsigned k = 0; k < 20; k++) {
			uint64_t sectors = b->size / 512, s = next(&seed) % sectors;

			io(b, k & 1 ? BLK_WRITE : BLK_READ, s * 512, got, sectors - s < 9 ? 512 : 4608);
		}
		io(b, BLK_ZERO, 0, NULL, b->size < SIZE ? (uint32_t)b->size : SIZE);
		b->ops->close(b);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("images");
	TCase *t = tcase_create("images");
	SRunner *r = srunner_create(s);
	int failed;

	if (system("qemu-img --version >/dev/null 2>&1"))
		return 77;
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, start_dir, stop_dir);
	tcase_add_loop_test(t, as_qemu_img, 0, sizeof(made) / sizeof(made[0]));
	tcase_add_loop_test(t, odd, 0, 3);
	tcase_add_loop_test(t, creators, 0, 7);
	tcase_add_test(t, fixed_vhd);
	tcase_add_loop_test(t, stream, 0, 2);
	tcase_add_test(t, other_kinds);
	tcase_add_loop_test(t, refused, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(t, disguise, 0, 5);
	tcase_add_loop_test(t, layers, 0, 3);
	tcase_add_loop_test(t, power_failure, 0, 5);
	tcase_add_loop_test(t, mutated, 0, 4);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
