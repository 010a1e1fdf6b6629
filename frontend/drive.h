/*
 * drive.h - a drive with a removable medium, as a struct blk that stays while images come and go.
 *
 * The controller holds the drive; the monitor's change and eject act on it. All on the VM thread.
 */
#ifndef FRONTEND_DRIVE_H
#define FRONTEND_DRIVE_H

#include "devices/host/block.h"
#include "mmu/base/err.h"

/* drive_new() - an empty drive; closing it closes its medium */
struct blk *drive_new(bool cdrom);
bool drive_is(const struct blk *b); /* made by drive_new()? */

/* drive_insert() - @medium becomes the drive's; the one before is closed. The controller will see a change. */
void drive_insert(struct blk *drive, struct blk *medium);
void drive_eject(struct blk *drive);

#endif
