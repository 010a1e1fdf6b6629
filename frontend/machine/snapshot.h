/*
 * snapshot.h - the whole state of a machine as a stream of bytes, and back: in another process, on another kind of host.
 *
 * A snapshot is a header and sections, each with a name, a version and a checksum: the board, the CPU, each device by its name
 * and number, armed timers, then RAM without its pages of zeroes. What drives hold is not in it.
 *
 *	header   "DragomanSnapshot", u32 format version, u32 0
 *	section  name[32], u32 instance, u32 version, u32 size, u32 CRC-32 (of all before it and the payload), payload
 *
 * Numbers are little-endian. "ram" sections hold a u64 offset into the RAM file (mmu/ram.h) and whole pages; "end" is the last one.
 */
#ifndef FRONTEND_MACHINE_SNAPSHOT_H
#define FRONTEND_MACHINE_SNAPSHOT_H

#include "frontend/machine/machine.h"

struct snapshot_out {
	bool (*write)(void *opaque, const void *data, size_t n); /* false: it cannot */
	void *opaque;
};

struct snapshot_in {
	bool (*read)(void *opaque, uint64_t at, void *data, size_t n); /* n bytes from @at; false: they are not there */
	void *opaque;
};

/**
 * machine_save() - between two runs; requests to drives are waited for
 * Return: VM_ERR_USAGE if something in the machine cannot be saved (the line names it), VM_ERR_IO if @out refused
 */
enum vm_err machine_save(struct machine *m, const struct snapshot_out *out, struct err *e);

/**
 * machine_load() - the machine goes on where machine_save() was called; its clock too
 * All of the stream is checked before anything changes. On VM_ERR_FORMAT and VM_ERR_USAGE (another machine) @m is as it was. On
 * VM_ERR_IO - the stream could be read once, but not again - it has been reset.
 */
enum vm_err machine_load(struct machine *m, const struct snapshot_in *in, struct err *e);

#endif
