/*
 * qmp.h - the machine protocol: commands and events as JSON objects, a line each, for programs that steer a machine.
 *
 * Runs on the VM thread. What it does is what the human monitor does (monitor.h); commands are the rows of qmp.def.
 * Source: QEMU documentation, "QEMU Machine Protocol Specification" (interop/qmp-spec).
 */
#ifndef FRONTEND_QMP_H
#define FRONTEND_QMP_H

#include "devices/host/char.h"
#include "frontend/loop.h"

struct qmp;

/* qmp_check() - VM_ERR_USAGE with a line if this program was built without it */
enum vm_err qmp_check(struct err *e);
/* qmp_new() - a session on @c (its device side), begun anew by each client that connects; @pretty: indented answers */
struct qmp *qmp_new(struct loop *l, struct chr *c, bool pretty);
void qmp_free(struct qmp *q);

#endif
