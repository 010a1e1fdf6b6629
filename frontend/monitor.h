/*
 * monitor.h - the human monitor (HMP): a prompt on any character backend.
 *
 * Runs on the VM thread. Commands are rows of monitor.def, info topics rows of monitor_info.def.
 */
#ifndef FRONTEND_MONITOR_H
#define FRONTEND_MONITOR_H

#include "devices/host/char.h"
#include "devices/host/display.h"
#include "frontend/loop.h"

struct monitor;

/* monitor_new() - attaches to @c (its device side); prints the prompt at once if @greet */
struct monitor *monitor_new(struct loop *l, struct chr *c, bool greet);
void monitor_free(struct monitor *m);

/* monitor_command() - run one line, output to @out; for the tests and the prompt alike */
void monitor_command(struct loop *l, const char *line, FILE *out);

#endif
