/*
 * trace_rec.h - what -trace's two halves say to each other: records of fixed layout, in chunks.
 *
 * The machine's thread notes what only it can see (registers, guest memory, interrupt controllers) and formats nothing; the
 * writer's thread makes packets of it (trace_encode.c). A full chunk goes to the writer under a lock, so that a record costs
 * its stores only. When the writer is CHUNKS behind, the machine waits for it: nothing is ever lost.
 *
 * Reading the clock would be most of what a system call costs here. A reading is a record of its own (REC_TIME), made once in
 * SPAN_INSNS instructions and at what comes from outside: interrupts, requests, accesses to devices. Other records are of its
 * moment; transitions carry a count of instructions instead of a time, and the writer shares out the time between two readings.
 */
#ifndef FRONTEND_TRACE_REC_H
#define FRONTEND_TRACE_REC_H

#include "cpu/ring0/history.h"
#include <pthread.h>

enum rec_kind { REC_TIME, REC_MOVE, REC_CALL, REC_TRAP, REC_PATH, REC_PROGRAM, REC_LINE, REC_REQUEST, REC_ACCESS, REC_COUNT };

#define SPAN_INSNS 8000

struct rec_time {
	uint8_t kind;
	uint16_t next;	    /* bytes from this reading to the next one; 0: that is in another chunk */
	uint64_t ns, insns; /* virtual time, instructions executed */
};

/* A transition. Preceded by what belongs to it: REC_TRAP, REC_PATH, REC_PROGRAM */
struct rec_move {
	uint8_t kind;
	int64_t more;	   /* an interrupt's source, machine_vector_source(); else AX */
	struct hist_slot slot;
};

/*
 * A system call and its way back in one, by SYSCALL or SYSENTER and their returns: all else is as in the last move of each kind,
 * and nothing happened between the two. A caller in
 * other 4 GiB, or a result that does not fit, is put down in full.
 */
enum call_back { CALL_OPEN, CALL_NEXT, CALL_LIKE }; /* not back yet; to what follows the call; to where the last full one did */
struct rec_call {
	uint8_t kind, back; /* enum call_back */
	uint16_t number;
	uint16_t after, took; /* instructions, since the last reading of the clock */
	uint32_t from;	    /* lower half */
	int32_t result;
};

/* The exception that the next move is about */
struct rec_trap {
	uint8_t kind, vec, has_code;
	uint16_t check;
	uint32_t code;
	uint64_t cr2;
};

#define REC_TEXT 200
struct rec_path { /* the file that the next move, a system call, has been given */
	uint8_t kind;
	char text[REC_TEXT];
};
struct rec_program { /* @space runs a program that it did not run before, called @name; "": none any more, or not known */
	uint8_t kind, begins;
	char name[38];
	uint64_t space;
};

struct rec_line { /* the INTR wire rises; a device pulls @gsi (-1: sends a message of vector @a) */
	uint8_t kind;
	int8_t gsi;
	uint64_t a;
	const char *name;
};
struct rec_access { /* of a device's register */
	uint8_t kind, size, write;
	uint64_t addr, value;
	const char *device;
};
struct rec_count { /* totals */
	uint8_t kind;
	uint64_t traps, fills, insns, exits;
};

#define CHUNK_BYTES (32 * 1024)
#define CHUNKS 32

struct chunk {
	unsigned len; /* bytes used */
	_Alignas(8) uint8_t data[CHUNK_BYTES];
};

struct trace_queue {
	struct chunk *chunk; /* CHUNKS of them */
	uint8_t *at, *end;   /* free place in the one that the machine fills */
	unsigned head, tail; /* chunks given and taken so far; under mu */
	bool closed;
	pthread_mutex_t mu;
	pthread_cond_t given, taken;
};

bool trace_queue_init(struct trace_queue *q);
void trace_queue_fini(struct trace_queue *q);
/* trace_queue_give() - the machine's chunk goes to the writer; waits for an empty one. @last: there will be none */
void trace_queue_give(struct trace_queue *q, bool last);
/* trace_queue_take() - the writer: the oldest full chunk, NULL when all have been taken and closed; trace_queue_done() gives it back */
const struct chunk *trace_queue_take(struct trace_queue *q);
void trace_queue_done(struct trace_queue *q);

/* trace_queue_rec() - place for a record of @n bytes */
static inline void *trace_queue_rec(struct trace_queue *q, unsigned n)
{
	void *r;

	n = (n + 7) & ~7u;
	if (UNLIKELY((size_t)(q->end - q->at) < n))
		trace_queue_give(q, false);
	r = q->at;
	q->at += n;
	__builtin_prefetch(q->at + 64, 1);
	__builtin_prefetch(q->at + 128, 1);
	return r;
}

#endif
