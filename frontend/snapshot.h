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

/*
 * Inside images. snapshot_save() replaces one of the same name. snapshot_load() and snapshot_delete() also take an id of the first drive. If
 * loading fails the machine goes on as it was, unless the line says that it has been reset.
 */
enum vm_err snapshot_save(struct loop *l, const char *name, struct err *e);
enum vm_err snapshot_load(struct loop *l, const char *name, struct err *e);
enum vm_err snapshot_delete(struct loop *l, const char *name, struct err *e);
void snapshot_tell(struct loop *l, FILE *out); /* info snapshots */

/* between the files of this subject */
enum vm_err snapshot_ready(struct loop *l, struct err *e); /* no request waits for the user */
void snapshot_loaded(struct loop *l); /* what the program has measured of the machine begins anew */

#endif
