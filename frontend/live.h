/*
 * live.h - what the guest is doing now: mode, speed, idle time, last interrupt and disk block, where it spends its time.
 *
 * Instructions are counted by translated code only while this is on, because the count costs a few per cent: a block adds
 * its number of instructions at its end; one that is left before (by a fault, HLT, or into the run loop) is not counted. A look every SAMPLE of guest time tells which symbol (or 4 KiB page) is
 * hottest. Figures are of the last whole second of the host's time. On the machine's thread.
 */
#ifndef FRONTEND_LIVE_H
#define FRONTEND_LIVE_H

#include "cpu/vcpu.h"
#include "mmu/base/clock.h"
#include "frontend/machine/config.h"
#include <stdio.h>

#define LIVE_SAMPLE_NS 5000000u
#define LIVE_PLACES 64
#define LIVE_NAME 48

struct loop;

struct live_place {
	char name[LIVE_NAME];
	unsigned hits;
};

struct live {
	bool on, known; /* known: there are figures */
	struct timer timer;
	uint64_t idle_ns;	  /* host time spent waiting in HLT so far; always kept */
	uint64_t since, insns, idle; /* when the present second began, and the counts then */
	struct live_place place[LIVE_PLACES];
	unsigned nplaces, samples;
	const struct blk *drive; /* where the last disk request was seen, and its count then, by drive */
	uint64_t requests[CONFIG_PLACES];
	double mips, idle_share;
	char hottest[LIVE_NAME];
	unsigned hot_share; /* per cent of the samples that were not idle */
};

void live_start(struct loop *l); /* nothing with -icount, whose time an extra deadline would change */
void live_stop(struct loop *l);
/* live_tell() - a few lines: state of the CPU, figures, last interrupt, last disk block, hottest place */
void live_tell(struct loop *l, FILE *out);

#endif
