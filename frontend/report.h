/*
 * report.h - -report sensitive=FILE: which privileged and sensitive instructions a guest executes, where, and what they would
 * cost a virtual machine monitor.
 *
 * After Popek and Goldberg (1974): an instruction is sensitive if its effect or result depends on the privilege or the
 * configuration of the machine; a machine can be virtualised by trap and emulate if all sensitive ones trap when
 * deprivileged. Robin and Irvine (2000) list the IA-32 ones that do not.
 */
#ifndef FRONTEND_REPORT_H
#define FRONTEND_REPORT_H

#include "frontend/machine/machine.h"

struct report;

/* report_check() - is @arg "sensitive=FILE"? */
enum vm_err report_check(const char *arg, struct err *e);
/* report_new() - opens FILE (HTML) and its .csv, begins to count */
enum vm_err report_new(struct report **out, struct machine *m, const char *arg, struct err *e);
void report_free(struct report *r); /* writes both; before the machine goes */

#endif
