/*
 * block_file.h - the host file or block device below an image: whole transfers, barriers, holes. 0 or a positive errno.
 */
#ifndef FRONTEND_BLOCK_FILE_H
#define FRONTEND_BLOCK_FILE_H

#include "mmu/base/err.h"
#include "mmu/base/types.h"

struct host_file {
	int fd;	       /* -1: none */
	int direct;    /* the same file past the host's page cache, for transfers aligned to 4 KiB; -1: none */
	int reader;    /* while host_file_reopen() has given write access: the descriptor of before; -1 */
	bool no_sync;  /* cache=unsafe */
	uint8_t *bounce; /* aligned, for direct */
};

/**
 * host_file_open() - open and lock
 * @write: for writing too, with an exclusive lock; else a shared one. VM_ERR_IO if another process's lock is in the way.
 * @direct: past the page cache where file system and alignment allow
 */
enum vm_err host_file_open(struct host_file *f, const char *path, bool write, bool direct, struct err *e);
void host_file_close(struct host_file *f);

int host_file_read(struct host_file *f, void *buf, uint64_t at, uint32_t len); /* behind the end: zeroes */
/* host_file_read_now() - only what needs no waiting for a disk: EAGAIN if it does */
int host_file_read_now(struct host_file *f, void *buf, uint64_t at, uint32_t len);
int host_file_write(struct host_file *f, const void *buf, uint64_t at, uint32_t len);
int host_file_sync(struct host_file *f); /* everything written is on stable storage */
int host_file_zero(struct host_file *f, uint64_t at, uint64_t len, bool unmap); /* reads as zeroes, size unchanged or grown */
int host_file_punch(struct host_file *f, uint64_t at, uint64_t len); /* a hint: errors other than EIO are none */
/* host_file_reopen() - write access to a file opened for reading, and back. EBUSY: somebody else has it open. */
int host_file_reopen(struct host_file *f, bool write);

#endif
