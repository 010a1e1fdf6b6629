/* args_spec.h - options whose argument is a list of key=value: -drive, -device, -chardev, -boot, -rtc, -global. */
#ifndef FRONTEND_ARGS_SPEC_H
#define FRONTEND_ARGS_SPEC_H

#include "frontend/args.h"

/* spec_nearest() - the name with the smallest edit distance to @text; n >= 1 */
const char *spec_nearest(const char *text, const char *const *names, unsigned n);
enum vm_err spec_add_drive(struct args *a, const char *file, int index, bool cdrom, struct err *e);
enum vm_err spec_add_debugcon(struct args *a, uint16_t iobase, const char *chr, struct err *e);
enum vm_err spec_drive(struct args *a, const char *v, struct err *e);
enum vm_err spec_device(struct args *a, const char *v, struct err *e);
enum vm_err spec_chardev(struct args *a, const char *v, struct err *e);
enum vm_err spec_boot(struct args *a, const char *v, struct err *e);
enum vm_err spec_rtc(struct args *a, const char *v, struct err *e);
enum vm_err spec_action(struct args *a, const char *v, struct err *e);
enum vm_err spec_global(struct args *a, const char *v, struct err *e);
/* spec_check() - cross-check once everything is read: backends named exist and are understood, positions are free */
enum vm_err spec_check(struct args *a, struct err *e);
/* spec_backend() - the chardev_open() spec behind a -serial/-monitor argument ("chardev:ID", "mon:stdio", "stdio") */
const char *spec_backend(const struct args *a, const char *v);

#endif
