/*
 * backends.h - what the command line connects the machine to: character backends and drives, opened and closed.
 */
#ifndef FRONTEND_BACKENDS_H
#define FRONTEND_BACKENDS_H

#include "frontend/args.h"
#include "frontend/chardev.h"
#include "frontend/monitor.h"
#include "frontend/qmp.h"

#define BACKENDS_MAX (ARGS_MAX_CHARDEVS + CONFIG_MAX_SERIAL + CONFIG_MAX_DEBUGCON + 4)

struct backends {
	struct args *a;
	struct loop *l;
	struct chr *chr[BACKENDS_MAX]; /* to close at the end */
	unsigned nchr;
	struct chr_mux *mux[ARGS_MAX_CHARDEVS + CONFIG_MAX_SERIAL];
	unsigned nmux;
	struct chr_mux *shared[ARGS_MAX_CHARDEVS]; /* of -chardev mux=on, once opened */
	struct monitor *monitor[CONFIG_MAX_SERIAL + 2];
	unsigned nmonitors;
	struct qmp *qmp[ARGS_MAX_QMP];
	unsigned nqmp;
};

/* backends_open() - everything but the drives; fills in a->cfg. The machine must be freed before backends_close(). */
enum vm_err backends_open(struct backends *b, struct args *a, struct loop *l, struct err *e);
/* backends_open_chr() - one backend by a -serial argument; @out may become NULL */
enum vm_err backends_open_chr(struct backends *b, const char *arg, struct chr **out, struct err *e);
void backends_add_monitor(struct backends *b, struct chr *c); /* a monitor more, on an end that is not closed with it */
void backends_close(struct backends *b);

/* drives_open() - images, each behind a queue that completes on @l's machine thread; a->cfg gets them */
enum vm_err drives_open(struct args *a, struct loop *l, struct err *e);
void drives_close(struct args *a); /* only while no machine has taken them over */


/* nets_open() - the networks, their cards and their dumps; a->cfg gets the cards */
enum vm_err nets_open(struct args *a, struct loop *l, struct err *e);
void nets_stop(struct args *a);  /* their threads end: before the loop does */
void nets_close(struct args *a); /* after the machine */

/* folders_open() - what -virtfs and -device virtio-9p-pci share; a->cfg gets the devices. They are closed after the machine. */
enum vm_err folders_open(struct args *a, struct err *e);
void folders_close(struct args *a);

/* sounds_open() - the files and devices of -audiodev; a->cfg gets the cards. They are closed after the machine. */
enum vm_err sounds_open(struct args *a, struct err *e);
void sounds_close(struct args *a);

/* drives_queue() - @image with the given policy; @sync: requests are done in submit (counted time) */
struct blk *drives_queue(struct loop *l, struct blk *image, const struct blk_policy *p, bool sync);

#endif
