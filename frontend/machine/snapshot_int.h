/* snapshot_int.h - what the files of the snapshot share: sections in memory. */
#ifndef FRONTEND_MACHINE_SNAPSHOT_INT_H
#define FRONTEND_MACHINE_SNAPSHOT_INT_H

#include "frontend/machine/board.h"
#include "frontend/machine/snapshot.h"

#define SNAP_VERSION 1
#define SNAP_NAME 32
#define SNAP_PIECES 80		    /* sections other than RAM, at most */
#define SNAP_MAX (1u << 20)	    /* bytes of a section, at most, and 8 */

struct snap_head {
	char name[SNAP_NAME];
	uint32_t instance, version, size, crc;
};

struct snap_piece {
	struct snap_head h;
	uint8_t *data;
};

/* The small part of a snapshot: everything but RAM. */
struct snap_state {
	struct snap_piece piece[SNAP_PIECES];
	unsigned n;
};

/* Section "machine" */
struct snap_board {
	uint64_t ram_size, ram_used, now, random, resets, features[2];
	uint64_t drive_size[CONFIG_PLACES];
	uint32_t nsources;
	uint8_t has_drive[CONFIG_PLACES], locked[CONFIG_PLACES];
	uint8_t level[BOARD_MAX_SOURCES]; /* of interrupt sources */
	uint8_t maxphyaddr, init /* an INIT waits */, pad[2];
};

/* Section "timers": one of these each, in the clock's order */
struct snap_timer {
	uint32_t device, timer; /* index in the machine's list, in device_ops.timer[] */
	uint64_t deadline;
};

/* snap_add() - a section with a copy of @data; data NULL: zeroes, to be filled in. Its bytes, or NULL: too many, no memory */
uint8_t *snap_add(struct snap_state *s, const char *name, uint32_t instance, uint32_t version, const void *data, uint32_t size);
const struct snap_piece *snap_find(const struct snap_state *s, const char *name, uint32_t instance);
void snap_free(struct snap_state *s);
uint32_t snap_crc(const struct snap_head *h, const uint8_t *data);
/* snap_instance() - how many devices of the same name stand before @d */
uint32_t snap_instance(const struct machine *m, const struct device *d);

/* snap_collect() - everything but RAM of @m into @s */
enum vm_err snap_collect(struct machine *m, struct snap_state *s, struct err *e);
/* snap_match() - is @s of a machine like @m? */
enum vm_err snap_match(struct machine *m, const struct snap_state *s, struct err *e);
/* snap_apply() - @s, which matches, into @m; on an error @m is somewhere between and must be given another state */
enum vm_err snap_apply(struct machine *m, const struct snap_state *s, struct err *e);

#endif
