/*
 * lesson.h - -lesson NAME: a small guest with an explanation of each of its transitions as it happens.
 *
 * The guest is a floppy image in memory; nothing is opened or assembled. Told are the transitions from or to a line of the
 * lesson's own source. On a terminal each waits for a key: source and words side by side where there are PANE_MIN columns, else one
 * after the other. Anywhere else they are written one after the other without a stop.
 */
#ifndef FRONTEND_LESSON_LESSON_H
#define FRONTEND_LESSON_LESSON_H

#include "frontend/args.h"
#include "frontend/loop.h"

struct lesson;

void lesson_list(FILE *out);
/* lesson_new() - @spec: NAME, or NAME,image=FILE. VM_ERR_USAGE: no such lesson, with the nearest name */
enum vm_err lesson_new(struct lesson **out, const char *spec, struct err *e);
/* lesson_write_image() - true: image= was given and has been written (or @e says why not); there is nothing to run */
bool lesson_write_image(const struct lesson *l, struct err *e);
/* lesson_configure() - a machine with the lesson's floppy and serial port, no display, which ends when the lesson does */
void lesson_configure(struct lesson *l, struct args *a);
/* lesson_attach() - before loop_run(): listen to the machine's transitions */
void lesson_attach(struct lesson *l, struct loop *loop);
/* lesson_end() - after loop_run(), with the machine still there: the last words, the terminal as it was. NULL: nothing */
void lesson_end(struct lesson *l);
void lesson_free(struct lesson *l);

#endif
