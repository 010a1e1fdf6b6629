/*
 * vnc.h - the screen for VNC clients (-vnc), through libvncserver. As with the window, the thread that calls vnc_run()
 * owns it and the machine has a thread of its own.
 *
 * Built without libvncserver, vnc_open() says so.
 */
#ifndef FRONTEND_VNC_H
#define FRONTEND_VNC_H

#include "frontend/sdl/sdl.h"

struct vnc;

/* vnc_check() - is @spec [HOST]:DISPLAY? Opens nothing. */
enum vm_err vnc_check(const char *spec, struct err *e);
/* vnc_open() - listen on TCP port 5900 + DISPLAY; without HOST on every interface */
struct vnc *vnc_open(const char *spec, const char *name, struct err *e);
void vnc_run(struct vnc *v, const struct sdl_host *host); /* until vnc_stop() */
void vnc_stop(struct vnc *v);				  /* any thread */
void vnc_close(struct vnc *v);

#endif
