/* tell.h - transitions in words for lessons: which table entry decided, where the stack came from, what was saved. */
#ifndef FRONTEND_LESSON_TELL_H
#define FRONTEND_LESSON_TELL_H

#include "frontend/explain.h"

/* tell_title() - "int 80h, ring 3 -> ring 0": one line without newline */
void tell_title(FILE *out, const struct vcpu *cpu, const struct hist_rec *r);
/* tell_words() - the rest, a few lines. The CPU is where @r has brought it; memory is only read. */
void tell_words(FILE *out, struct vcpu *cpu, const struct hist_rec *r);

#endif
