/*
 * translate_cost.c - what a guest instruction costs to be translated: the code of a 64-bit ELF program (CODE=FILE in the environment, this
 * one by default), block behind block, once; the least of ROUNDS, ns of this host. With WINDOW=1 for a window, else for the soft TLB; with
 * COUNT=1 instructions are counted. With ROUNDS=1 for valgrind --tool=callgrind.
 */
#define _GNU_SOURCE
#include "tests/unit/long_fix.h"
#include "jit/priv.h"
#include <elf.h>
#include <time.h>

#define AT 0x200000u
#define ROOM 0x200000u

/* Its first executable segment to AT. Return: bytes */
static unsigned load(struct fix *f)
{
	const char *name = getenv("CODE") ? getenv("CODE") : "/proc/self/exe";
	FILE *in = fopen(name, "rb");
	Elf64_Phdr p = {0};
	Elf64_Ehdr h;
	uint8_t *buf;

	ck_assert_msg(in && fread(&h, sizeof(h), 1, in) == 1 && !memcmp(h.e_ident, ELFMAG, 4), "%s: no ELF file", name);
	for (unsigned i = 0; i < h.e_phnum && !(p.p_type == PT_LOAD && p.p_flags & PF_X); i++)
		ck_assert(!fseek(in, (long)(h.e_phoff + i * sizeof(p)), SEEK_SET) && fread(&p, sizeof(p), 1, in) == 1);
	if (p.p_filesz > ROOM)
		p.p_filesz = ROOM;
	buf = malloc(p.p_filesz);
	ck_assert(buf && !fseek(in, (long)p.p_offset, SEEK_SET) && fread(buf, p.p_filesz, 1, in) == 1);
	space_write_buf(&f->mem, AT, buf, p.p_filesz);
	free(buf);
	fclose(in);
	return (unsigned)p.p_filesz;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* All of it, each page beginning with a block; what no processor would run is left out. */
static void translate_all(struct jit *j, unsigned size)
{
	uint32_t mode = j->cpu->mode | (getenv("WINDOW") ? MODE_WIN : 0) | (getenv("COUNT") ? MODE_ICOUNT : 0);
	const uint8_t *ram = j->cpu->mmu.ram->host;

	for (raddr_t ra = AT; ra < AT + size;) {
		struct block *b;

		j->cpu->rip = ra;
		b = cache_find(j, ra, mode);
		if (!b)
			b = translate(j, ra, ram + ra, mode);
		ra += b && b->len ? b->len : 1;
	}
}

START_TEST(cost)
{
	unsigned rounds = getenv("ROUNDS") ? (unsigned)atoi(getenv("ROUNDS")) : 40, size;
	struct jit_options opt = {.accel = ACCEL_JIT, .cache_bytes = 256 << 20};
	struct fix *f = fix_long("max", 3);
	double least = 1e18;
	struct jit_stats st = {0};
	struct jit *j;
	struct err e;

	f->cpu->cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
	f->cpu->xcr0 = 7;
	size = load(f);
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	vcpu_update(f->cpu);
	for (unsigned i = 0; i < rounds; i++) {
		double begin = now(), took;

		memset(&j->st, 0, sizeof(j->st));
		translate_all(j, size);
		took = now() - begin;
		least = took < least ? took : least;
		st = j->st;
		jit_flush(j);
		cache_bury(j);
	}
	printf("%u bytes, %lu blocks, %lu instructions, %lu host bytes: %.0f ns an instruction, %.0f a block\n", size, st.blocks, st.insns_in,
		st.bytes_out, least / (double)st.insns_in, least / (double)st.blocks);
	jit_free(j);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("what translation costs");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 0);
	tcase_add_test(t, cost);
	suite_add_tcase(s, t);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
