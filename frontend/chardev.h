/*
 * chardev.h - character backends: what -serial, -monitor, -debugcon and -chardev can be connected to.
 *
 * A backend is a struct chr (devices/host/char.h) over descriptors watched by the loop. Input is read on the VM
 * thread, never more than the device can take; a device that becomes ready again calls chr->accept.
 * The mux shares one backend between the first serial port and the monitor, with Ctrl-A as escape key.
 */
#ifndef FRONTEND_CHARDEV_H
#define FRONTEND_CHARDEV_H

#include "devices/host/char.h"
#include "frontend/loop.h"

/**
 * chardev_open() - open backend @spec: stdio null none vc pty file:PATH[,append=on] pipe:PATH
 * unix:PATH[,server=on][,wait=off] tcp:HOST:PORT[,server=on][,wait=off][,nodelay=on] telnet: as tcp: /dev/NAME
 * @out: NULL for "none". Freed by chr->close().
 */
enum vm_err chardev_open(struct loop *l, const char *spec, struct chr **out, struct err *e);
/* chardev_log() - a copy of everything written to @c, from chardev_open(), goes into a file from now on */
enum vm_err chardev_log(struct chr *c, const char *path, bool append, struct err *e);
/* chardev_connected() - is somebody at the other end already? Later ones are announced by shown(). */
bool chardev_connected(const struct chr *c);

/* chardev_check() - would the spec be understood? Opens nothing. */
enum vm_err chardev_check(const char *spec, struct err *e);

#define MUX_MAX 8

/* chr_mux_new() - takes over @base; users are added in the order in which Ctrl-A c goes round, the first has the focus. */
struct chr_mux;
struct chr_mux *chr_mux_new(struct loop *l, struct chr *base, uint8_t escape);
struct chr *chr_mux_add(struct chr_mux *m); /* a new end, freed with the mux; NULL: MUX_MAX are there */
void chr_mux_focus(struct chr_mux *m, unsigned which); /* number of an end */
void chr_mux_free(struct chr_mux *m); /* closes the base, too */

/*
 * Put the terminal on standard input into raw mode (@signals: Ctrl-C still interrupts), and back. The state to
 * go back to is kept in the loop; whoever ends the process calls terminal_restore().
 */
void terminal_raw(struct loop *l, bool signals);
void terminal_save(struct loop *l); /* note the state to go back to, without changing it */
void terminal_again(struct loop *l); /* raw as before terminal_restore(): the process was stopped and goes on */
void terminal_restore(struct loop *l);

#endif
