/*
 * profile.c - samples of where the time goes (profile.h).
 *
 * The handler counts by 16-byte cells of the code arena, which is what blocks are aligned to; who lived in a cell is asked when
 * somebody wants to know, or before the arena is flushed.
 */
#define _GNU_SOURCE
#include "jit/profile.h"
#include "jit/host/code_mem.h"
#include "jit/priv.h"
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PERIOD_NS 1000000
#define CELL 16
#define SHOWN 20

/* A block as it was translated, or the sum of those at one address that are gone. */
struct hot {
	gla_t gla;
	const uint8_t *code, *cold; /* NULL: gone */
	uint32_t code_len, cold_len;
	uint16_t ninsns;
	uint64_t samples; /* while it was somewhere else */
};

struct profile {
	struct jit *j;
	const struct code_mem *mem; /* NULL: the backend makes no code */
	uint32_t *cell;		    /* samples by cell of the arena, written by the handler */
	size_t ncells;
	uint64_t in_code, in_c[PROF_KINDS]; /* written by the handler */
	timer_t timer;
	bool started;
	struct hot *place;
	size_t nplaces, room;
};

static uintptr_t context_pc(const ucontext_t *u)
{
#if defined(__aarch64__)
	return u->uc_mcontext.pc;
#else
	return (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
#endif
}

static void on_sample(int sig, siginfo_t *info, void *context)
{
	struct profile *p = info->si_value.sival_ptr;
	uintptr_t pc = context_pc(context);

	(void)sig;
	if (info->si_code != SI_TIMER || !p)
		return;
	if (p->mem && pc - (uintptr_t)p->mem->rx < p->mem->size) {
		p->in_code++;
		p->cell[(pc - (uintptr_t)p->mem->rx) / CELL]++;
	} else {
		p->in_c[p->j->cpu->doing]++;
	}
}

struct profile *profile_new(struct jit *j)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->j = j;
	p->mem = j->be->code ? j->be->code(j->be_priv) : NULL;
	if (p->mem) {
		p->ncells = p->mem->size / CELL;
		p->cell = mmap(NULL, p->ncells * sizeof(*p->cell), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p->cell == MAP_FAILED) {
			free(p);
			return NULL;
		}
	}
	return p;
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	if (p->started)
		timer_delete(p->timer);
	if (p->cell)
		munmap(p->cell, p->ncells * sizeof(*p->cell));
	free(p->place);
	free(p);
}

void profile_start(struct profile *p)
{
	struct sigaction act = {.sa_sigaction = on_sample, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF, .sigev_value.sival_ptr = p};
	struct itimerspec every = {{0, PERIOD_NS}, {0, PERIOD_NS}};

	if (p->started)
		return;
	ev._sigev_un._tid = gettid();
	sigemptyset(&act.sa_mask);
	if (sigaction(SIGPROF, &act, NULL) || timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &p->timer)) {
		UNIMP(p->j->cpu->log, "profile: the host has no timer for it: %m");
		return;
	}
	p->started = true;
	timer_settime(p->timer, 0, &every, NULL);
}

void profile_block(struct profile *p, const struct block *b)
{
	const struct vcpu *cpu = p->j->cpu;
	struct hot *q;

	if (p->nplaces == p->room) {
		p->room = p->room ? 2 * p->room : 4096;
		p->place = realloc(p->place, p->room * sizeof(*p->place));
		BUG_ON(!p->place);
	}
	q = &p->place[p->nplaces++];
	*q = (struct hot){.gla = cpu->seg[SEG_CS].base + cpu->rip, .code = b->code, .cold = block_cold(b),
		.code_len = b->code_len, .cold_len = b->cold_len, .ninsns = b->ninsns};
}

static uint64_t samples_in(const struct profile *p, const uint8_t *code, uint32_t len)
{
	size_t first = (size_t)(code - p->mem->rx) / CELL, last = first + (len + CELL - 1) / CELL;
	uint64_t n = 0;

	for (size_t i = first; i < last && i < p->ncells; i++)
		n += p->cell[i];
	return n;
}

static uint64_t samples(const struct profile *p, const struct hot *q)
{
	if (!q->code || !p->mem)
		return q->samples;
	return q->samples + samples_in(p, q->code, q->code_len) + samples_in(p, q->cold, q->cold_len);
}

static int by_address(const void *a, const void *b)
{
	const struct hot *x = a, *y = b;

	return x->gla < y->gla ? -1 : x->gla > y->gla;
}

static int by_samples(const void *a, const void *b)
{
	const struct hot *x = a, *y = b;

	return x->samples > y->samples ? -1 : x->samples < y->samples;
}

/* Places with their samples, one for each guest address, into @out, which has room for all. */
static size_t sum(const struct profile *p, struct hot *out)
{
	size_t n = 0;

	for (size_t i = 0; i < p->nplaces; i++) {
		out[n] = p->place[i];
		out[n].samples = samples(p, &p->place[i]);
		if (out[n].samples)
			n++;
	}
	qsort(out, n, sizeof(*out), by_address);
	for (size_t i = 0, from = n; i < from; i++) {
		if (!i)
			n = 0;
		if (n && out[n - 1].gla == out[i].gla) {
			out[i].samples += out[n - 1].samples;
			n--;
		}
		out[n++] = out[i];
	}
	return n;
}

void profile_flushed(struct profile *p)
{
	struct hot *kept = calloc(p->nplaces + 1, sizeof(*kept));

	BUG_ON(!kept);
	p->nplaces = sum(p, kept);
	p->room = p->nplaces;
	free(p->place);
	p->place = kept;
	for (size_t i = 0; i < p->nplaces; i++)
		kept[i].code = NULL;
	if (p->cell)
		BUG_ON(madvise(p->cell, p->ncells * sizeof(*p->cell), MADV_DONTNEED));
}

void profile_name(const struct jit *j, gla_t gla, char *buf, size_t n)
{
	if (!j->symbol || !j->symbol(j->symbol_opaque, gla, buf, n))
		snprintf(buf, n, "guest_%" PRIx64, gla);
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

static void dump_hottest(const struct profile *p, uint64_t all, FILE *out)
{
	struct hot *q = calloc(p->nplaces + 1, sizeof(*q));
	size_t n;

	if (!q)
		return;
	n = sum(p, q);
	qsort(q, n, sizeof(*q), by_samples);
	fprintf(out, "hottest blocks     (instructions -> host bytes, cold paths and all)\n");
	for (size_t i = 0; i < n && i < SHOWN; i++) {
		char name[96];

		profile_name(p->j, q[i].gla, name, sizeof(name));
		fprintf(out, "  %5.1f %%  %016" PRIx64 " %3u -> %4u  %s\n", percent(q[i].samples, all), q[i].gla, q[i].ninsns,
			q[i].code_len + q[i].cold_len, name);
	}
	free(q);
}

void profile_dump(const struct profile *p, FILE *out)
{
	static const char *const what[PROF_KINDS] = {"the run loop, devices", "translation", "memory accesses in C", "helpers"};
	uint64_t all = p->in_code;

	for (unsigned i = 0; i < PROF_KINDS; i++)
		all += p->in_c[i];
	fprintf(out, "profile            %" PRIu64 " samples of CPU time\n", all);
	fprintf(out, "  %5.1f %%  translated code\n", percent(p->in_code, all));
	for (unsigned i = 0; i < PROF_KINDS; i++)
		fprintf(out, "  %5.1f %%  %s\n", percent(p->in_c[i], all), what[i]);
	dump_hottest(p, all, out);
}
