/* embed.S - the listings of docs/lessons as bytes, ended by 0: lesson_text_ID. The assembler is given their folder by -I. */
	.section .rodata
#define LESSON(id, name, listing, title) .globl lesson_text_##id; lesson_text_##id: .incbin listing; .byte 0;
#include "frontend/lesson/lessons.def"
#undef LESSON
	.section .note.GNU-stack, "", %progbits
