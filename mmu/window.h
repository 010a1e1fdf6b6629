/*
 * window.h - host mappings that follow the guest's: an address space of its laid out in ours, for translated code that
 * reaches guest memory by one instruction without probing the soft TLB.
 *
 * A program's window is for one address space, known by the root of its page tables: a reservation of 4 GiB (and a guard) for 32-bit code; for 64-bit
 * code, a wide one, several of 1 TiB, for the parts of the 47 bits that the program uses. Kernels (CPL 0), whatever their page tables,
 * have one window for 32-bit code, with and without paging, and a wide one. A page is mapped into it from the
 * RAM file on the first access, for reading where the soft TLB would have a read tag in the table of that privilege, for writing where
 * it would have a write tag. An access the window does not allow is a fault of the host: the backend asks window_fill(), and
 * if that cannot help goes through the soft TLB. When that ended in a page fault of the guest, window_enter() looks again.
 *
 * What the soft TLB forgets a window must not show: pages with an invalidated entry go at once, withheld write tags too; after a
 * flush (MOV CR3) a window is compared with the page tables before it is used again, instead of being emptied.
 *
 * A kernel's is in force only when no program has run for a while: what a system call or an interrupt does is over before it would pay.
 *
 * Filling a page costs the host some 10 us, so only address spaces that have been running for a while get a window, and may spend
 * on it a part of the time they run: those that fault more often are without one now and then (window.c).
 */
#ifndef MMU_WINDOW_H
#define MMU_WINDOW_H

#include "mmu/tlb.h"

#define WINDOW_BYTES (4ull << 30)
#define WINDOW_GUARD 65536ull /* behind it: an access that begins below 4 GiB and ends above faults */

struct window_stats {
	uint64_t windows, tired; /* address spaces promoted; times one had to do without for a while */
	uint64_t pages, maps;	   /* pages and runs of them mapped */
	uint64_t faults;	   /* host faults taken */
	uint64_t asked;		   /* runs mapped behind a page fault of the guest, without one of the host */
	uint64_t checks, lost;	   /* windows compared with page tables; pages they lost by that */
	uint64_t unmapped;	   /* pages lost to INVLPG and withheld write tags */
	uint64_t drops;		   /* windows emptied: out of mappings, or flushed in use */
	uint64_t demoted;	   /* sites turned back to the soft TLB (backend) */
};

struct windows;

/* For what code: of programs, of kernels; 32 or 64 bits */
enum window_kind { WINDOW_NONE, WINDOW_32, WINDOW_64, WINDOW_SUP32, WINDOW_SUP64 };

/*
 * windows_new() - NULL if the host has no room or RAM is not in a memory file. Sets m->win.
 * @use: called whenever another window's base is to be what translated code adds to addresses, between windows_begin() and
 * windows_end(); NULL for a wide window that has only the table
 */
struct windows *windows_new(struct mmu *m, void (*use)(void *opaque, uint8_t *base), void *opaque);
void windows_free(struct mmu *m);

/*
 * windows_widen() - 64-bit programs get windows, too: true if the host has room. A wide window has parts of BIT(WINDOW_TABLE_SHIFT)
 * bytes where the program has memory. windows_table() is below 2 GiB and says how far each part of the address space is moved in the
 * window in force: address + table[address >> WINDOW_TABLE_SHIFT] is a host address that faults if nothing is there. Any table entry can be read.
 */
#define WINDOW_TABLE_SHIFT 40
bool windows_widen(struct mmu *m);
const uint64_t *windows_table(const struct mmu *m); /* NULL: not widened */
/*
 * windows_near() - wide windows may have one distance for all that most programs have, which @use is told as their base: it is good for
 * an address if the byte at windows_guard()[(address >> WINDOW_GUARD_SHIFT) * 8] can be read, and no more than 2 GiB from that. If window_far()
 * the program in force is not like that, and has only the table. Kernels have windows for 64-bit code only if there is a guard.
 */
#define WINDOW_GUARD_SHIFT 32
void windows_near(struct mmu *m);
const uint8_t *windows_guard(const struct mmu *m); /* below 2 GiB; NULL: all are far */
bool window_far(const struct mmu *m);
/* window_comes_near() - @gla was behind the guard: is it near from now on? That happens to kernels' windows only. */
bool window_comes_near(struct mmu *m, gla_t gla);

/* windows_for_kernels() - code at CPL 0 gets windows, too */
void windows_for_kernels(struct mmu *m);

/* Around a run of the CPU on one thread; nothing is asked of @use outside. */
void windows_begin(struct mmu *m);
void windows_end(struct mmu *m);

/* window_enter() - code of @kind, not WINDOW_NONE, is about to run: false if it has no window, which is the usual case. */
bool window_enter(struct mmu *m, enum window_kind kind);
void window_leave(struct mmu *m);
/* The base in force; NULL: none */
uint8_t *window_base(const struct mmu *m);
/* window_gla() - the linear address that host address @at stands for in the window in force; false: none, and @gla is where the window's base would have it */
bool window_gla(const struct mmu *m, const void *at, gla_t *gla);

/* window_tick() - the CPU was interrupted in code of @kind at @us of its processor time. */
void window_tick(struct mmu *m, enum window_kind kind, uint64_t us);
/* window_tired() - the one in force has spent its credit, or is far now: window_tick() and window_enter() see to that, the sooner the better. */
bool window_tired(const struct mmu *m);

enum window_fill {
	WINDOW_RETRY,	/* mapped now */
	WINDOW_FAULT,	/* the guest's page tables do not allow it */
	WINDOW_WITHHELD /* not by a window: device, translated code, clean display page */
};
/* window_fill() - the host faulted at @gla of the window in force. Called from a signal handler, translated code running. */
enum window_fill window_fill(struct mmu *m, gla_t gla, bool write);

/* Hooks of tlb_flush.c */
void window_flush(struct mmu *m, bool globals_too);
void window_flush_page(struct mmu *m, gla_t gla);
void window_protect(struct mmu *m, raddr_t ra, uint64_t len);

struct window_stats *window_stats(struct mmu *m);

#endif
