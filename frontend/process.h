/*
 * process.h - the process around the machine: background, pid file, signals.
 */
#ifndef FRONTEND_PROCESS_H
#define FRONTEND_PROCESS_H

#include "frontend/loop.h"

/**
 * process_fork() - -daemonize, first half: before any thread exists. The parent waits until the child is ready and leaves
 * with status 0, or with the child's if that ended first; only the child returns.
 * @fd: what process_ready() needs
 */
enum vm_err process_fork(int *fd, struct err *e);
/* process_ready() - second half, once everything is open: own session, working directory /, standard files to /dev/null */
void process_ready(int fd);

/* process_pidfile() - write our number to @path and keep the file locked: VM_ERR_IO if another process holds it */
enum vm_err process_pidfile(const char *path, int *fd, struct err *e);
void process_pidfile_done(int fd); /* removes it; -1: there is none */

/*
 * process_signals() - a thread takes the signals, so that nothing runs in a handler: INT, TERM, HUP and QUIT end the loop
 * (a second one ends the process), TSTP gives the terminal back, stops the process and its guest's time until CONT.
 */
void process_signals(struct loop *l);

#endif
