/*
 * share.h - folders of the host for guests (-virtfs, -fsdev local): devices/host/share.h over the host's files.
 *
 * Every path is resolved below the folder's descriptor, name by name without following symbolic links: by openat2() where the host has it,
 * else by an openat() for each name. The last name is then used with that descriptor and never followed either. Before a file is
 * opened it is looked at, and again afterwards: devices, FIFOs and sockets are refused.
 *
 * Models, as QEMU's users know them: none and passthrough let the guest's owners, modes and links be the host's (none: as far as the host
 * allows), mapped keeps them in extended attributes user.virtfs.*, so that a process without privileges can serve a guest's root.
 */
#ifndef FRONTEND_SHARE_SHARE_H
#define FRONTEND_SHARE_SHARE_H

#include "devices/host/share.h"
#include "mmu/base/err.h"

enum share_model { SHARE_NONE, SHARE_PASSTHROUGH, SHARE_MAPPED };

struct share_options {
	const char *path;
	enum share_model model;
	bool readonly;
	bool immediate;	 /* written data is on the disk before the guest is told (writeout=immediate) */
	bool one_device; /* what is mounted below the folder is not there (multidevs=forbid) */
	bool by_hand;	 /* without openat2() */
};

/* share_open() - VM_ERR_IO if it is no directory that can be read; *out is closed by ops->close */
enum vm_err share_open(const struct share_options *o, struct share **out, struct err *e);

#endif
