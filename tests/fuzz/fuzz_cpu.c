/*
 * fuzz_cpu.c - the input as code, in every mode and at ring 0 and 3, on a whole machine, by either engine or both in lockstep: whatever a guest does,
 * the process survives (BUG_ON and the sanitizers judge), and the engines agree.
 *
 * Input: a byte for the mode and one for the engine, 8 descriptors, 8 gates, 8 page table entries, 8 registers, code. The rest of
 * the tables is sensible, so that code comes far; a program that runs on is stopped after some milliseconds.
 */
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"
#include "cpu/helpers.h"
#include "cpu/mode.h"
#include "cpu/ring0/ring0.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define GDT 0x1000
#define IDT 0x2000
#define TSS 0x3000
#define CODE 0x6000
#define TABLES 0x10000
#define HANDLERS 0x20000
#define KSTACK 0x9000
#define USTACK 0xA000

enum { CODE0 = 0x08, DATA0 = 0x10, CODE3 = 0x18 | 3, DATA3 = 0x20 | 3, SEL_TSS = 0x28, LONG0 = 0x38, LONG3 = 0x40 | 3, CODE16 = 0x48,
	SEL_INPUT = 0x50 };

static struct vcpu *volatile running;

static void on_alarm(int sig)
{
	if (running)
		vcpu_kick(running);
}

static void put(struct machine *m, uint64_t at, uint64_t v)
{
	space_write(machine_memory(m), at, v, 8);
}

static uint64_t seg(uint64_t attr) /* flat; type S DPL P, 4 bits of nothing, AVL L D G */
{
	return 0xFFFF | (attr & 0xFF) << 40 | 0xFull << 48 | (attr >> 12) << 52;
}

static uint64_t word(const uint8_t *data, size_t size, size_t i)
{
	uint64_t v = 0;

	if (i * 8 + 8 <= size)
		memcpy(&v, data + i * 8, 8);
	return v;
}

static void tables(struct machine *m, bool lng, const uint8_t *data, size_t size)
{
	static const uint16_t attrs[] = {0xC09A, 0xC092, 0xC0FA, 0xC0F2};

	for (unsigned i = 0; i < 4; i++)
		put(m, GDT + 8 + i * 8, seg(attrs[i]));
	put(m, GDT + SEL_TSS, 0x67 | TSS << 16 | 0x89ull << 40);
	put(m, GDT + LONG0, seg(0xA09A));
	put(m, GDT + (LONG3 & ~3u), seg(0xA0FA));
	put(m, GDT + CODE16, seg(0x009A));
	for (unsigned i = 0; i < 8; i++)
		put(m, GDT + SEL_INPUT + i * 8, word(data, size, i));
	for (unsigned v = 0; v < 256; v++) {
		uint64_t at = HANDLERS + v % 8 * 64, g = (at & 0xFFFF) | (lng ? LONG0 : CODE0) << 16 | 0xEEull << 40 | (at >> 16) << 48;

		if (v % 32 >= 24 && word(data, size, 8 + v % 8))
			g = word(data, size, 8 + v % 8);
		put(m, lng ? IDT + v * 16 : IDT + v * 8, g);
		if (lng)
			put(m, IDT + v * 16 + 8, 0);
	}
	space_write(machine_memory(m), TSS + 4, lng ? KSTACK : KSTACK | (uint64_t)DATA0 << 32, 8);
	space_write(machine_memory(m), TSS + 0x66, 0x68, 2);
}

/* The first 4 MB as they are, four pages at 4 MB and on as the input says. 32-bit: two levels */
static void paging(struct machine *m, bool lng, const uint8_t *data, size_t size)
{
	unsigned wide = lng ? 8 : 4;

	if (lng) {
		put(m, TABLES, (TABLES + 0x1000) | 7);
		put(m, TABLES + 0x1000, (TABLES + 0x2000) | 7);
		put(m, TABLES + 0x2000, 0x87);
		put(m, TABLES + 0x2008, 0x200087);
		put(m, TABLES + 0x2010, (TABLES + 0x3000) | 7);
	} else {
		put(m, TABLES, 0x87 | (uint64_t)((TABLES + 0x3000) | 7) << 32);
	}
	for (unsigned i = 0; i < 8; i++)
		space_write(machine_memory(m), TABLES + 0x3000 + i * wide, word(data, size, 16 + i) & ~0xFF800000ull, wide);
}

static bool enter(struct machine *m, unsigned mode, const uint8_t *data, size_t size)
{
	struct vcpu *c = machine_cpu(m);
	bool lng = mode == 3 || mode == 4 || mode == 6, paged = lng || (size && data[0] & 1);
	uint32_t frame[9] = {CODE, mode == 6 ? CODE3 : CODE3, 0x3202, USTACK, DATA3, DATA3, DATA3, DATA3, DATA3};
	uint64_t long_frame[5] = {CODE, LONG3, 0x3202, USTACK, DATA3};

	tables(m, lng, data, size);
	paging(m, lng, data, size);
	if (!mode)
		return h_jmp_far(c, 0, CODE, 2 | 5 << 8) == EXIT_NONE;
	c->gdtr.base = GDT;
	c->gdtr.limit = SEL_INPUT + 63;
	c->idtr.base = IDT;
	c->idtr.limit = 0xFFF;
	c->cr0 |= CR0_PE | (paged ? CR0_PG : 0);
	c->cr3 = TABLES;
	c->cr4 |= lng ? BIT(5) : BIT(4);
	c->efer |= lng ? EFER_LME | EFER_LMA | EFER_NXE : 0;
	vcpu_update(c);
	if (h_jmp_far(c, lng ? LONG0 : mode == 7 ? CODE16 : CODE0, CODE, 4 | 7 << 8) || h_load_seg(c, SEG_SS, DATA0, 0))
		return false;
	c->shadow = 0;
	if (h_ltr(c, SEL_TSS, 0, 0))
		return false;
	c->gpr[GPR_RSP] = KSTACK;
	for (unsigned s = SEG_DS; s <= SEG_GS; s++)
		if (h_load_seg(c, s, DATA3, 0))
			return false;
	if (mode == 2 || mode == 4 || mode == 5 || mode == 6) {
		unsigned n = lng ? 40 : mode == 5 ? 36 : 20;

		if (mode == 5) {
			frame[1] = frame[4] = 0;
			frame[2] |= FL_VM;
		}
		if (mode == 6)
			long_frame[1] = CODE3;
		c->gpr[GPR_RSP] = KSTACK - n;
		space_write_buf(machine_memory(m), KSTACK - n, lng ? (void *)long_frame : (void *)frame, n);
		return h_iret(c, lng ? 8 : 4, 2, 0) == EXIT_NONE;
	}
	return true;
}

static void run(struct machine *m)
{
	const struct itimerval on = {.it_value = {0, 3000}}, off = {{0}};

	signal(SIGVTALRM, on_alarm);
	running = machine_cpu(m);
	setitimer(ITIMER_VIRTUAL, &on, NULL);
	for (unsigned i = 0; i < 4; i++) {
		enum machine_stop why = machine_run(m);

		if (why == MACHINE_DIVERGED)
			abort(); /* the log has said where */
		if (why == MACHINE_HALTED)
			clock_advance(machine_clock(m), 60000000);
		else
			break;
	}
	setitimer(ITIMER_VIRTUAL, &off, NULL);
	running = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine_config cfg = {.vga = size > 2 && data[1] & 2};
	struct machine *m;
	struct vcpu *c;

	if (size < 3)
		return 0;
	cfg.jit.accel = data[1] & 1 ? ACCEL_INTERP : data[1] & 8 ? ACCEL_LOCKSTEP : ACCEL_JIT;
	m = fuzz_machine(&cfg);
	c = machine_cpu(m);
	if (size > 2 + 256)
		for (unsigned at = CODE; at < 0x8000; at += size - 258)
			space_write_buf(machine_memory(m), at, data + 258, at + size - 258 > 0x8000 ? 0x8000 - at : size - 258);
	for (unsigned i = 0; i < 8; i++)
		space_write(machine_memory(m), HANDLERS + i * 64, i & 1 ? 0xCFull : 0xCF48C48348ull, 8);
	if (enter(m, data[0] & 7, data + 2, size - 2)) {
		for (unsigned i = 0; i < 8; i++)
			if (i != GPR_RSP)
				c->gpr[i] = word(data + 2, size - 2, 24 + i);
		c->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | (data[1] & 4 ? CR4_OSXSAVE : 0);
		vcpu_update(c);
		vcpu_update_req(c);
		run(m);
	}
	machine_destroy(m);
	return 0;
}
