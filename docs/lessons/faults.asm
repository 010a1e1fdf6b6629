; Double and triple fault.
;
; A fault while another is being delivered becomes a double fault, #DF, if the two are of the wrong kinds. A fault while a
; double fault is being delivered is too much: the processor shuts down, and the board resets it.
%include "lesson.inc"

main:	gate 0, divide, 0x8e
	gate 8, double, 0x8e
	gate 13, divide, 0x0e	; as good as any other, but not present
	xor edx, edx
	xor ebx, ebx
	mov eax, 1
	;> A fault with a good gate is nothing special.
	div ebx
	mov eax, 0x8b	; beyond the GDT's limit, RPL 3
	;> #GP, but gate 13 of the IDT is not present: #NP while delivering #GP. Both are of the contributory class, and that is
	;> a double fault. Its gate is there.
	mov fs, eax
	jmp $

;> EIP is that of DIV: the handler repairs the divisor, and DIV is tried again.
divide:	mov ebx, 1
	tell zero
	iret

;> #DF is an abort: the error code is 0, and the saved EIP says where the first of the two
;> faults was, but nothing is meant to go on.
double:	tell twice
	mov word [IDT + 8 * 8 + 4], 0x0e00 ; gate 8 not present, either
	mov eax, 0x8b
	;> Once more. #GP, #NP, #DF, and #NP while delivering #DF.
	mov fs, eax
	jmp $

zero:	db "divide error, repaired", 10, 0
twice:	db "double fault; the next one will be the last", 10, 0
