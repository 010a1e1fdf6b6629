/*
 * snapshot.h - snapshots of the running machine: in files (migrate, -incoming) and inside qcow2 images (savevm, loadvm, -loadvm).
 *
 * On the VM thread, between two slices of guest execution; guest time stands still meanwhile. One inside an image holds the
 * disks too: the state of the machine is in the first drive that can have it, under the same name as the disks' own.
 */
#ifndef FRONTEND_SNAPSHOT_H
#define FRONTEND_SNAPSHOT_H

#include "frontend/loop.h"

/* snapshot_to_file(), snapshot_from_file() - @uri: "file:NAME". The guest is stopped after saving, as it was after loading. */
enum vm_err snapshot_to_file(struct loop *l, const char *uri, struct err *e);
enum vm_err snapshot_from_file(struct loop *l, const char *uri, struct err *e);
bool snapshot_is_file(const char *uri);

#endif
