; A call gate.
;
; A far call to a selector whose descriptor is a call gate enters the code that the gate names, at the gate's address, in the
; ring of that code. The stack changes with the ring, so the gate says how many parameters the processor copies.
%include "lesson.inc"

GATE	equ 0x30 | 3
CLOSED	equ 0x38 | 3

main:	gate 13, protection, 0x8e
	mov eax, adder
	mov [gdt_own], ax
	mov word [gdt_own + 2], 8
	mov word [gdt_own + 4], 0xec02	; present, DPL 3, 32-bit call gate, 2 parameters
	shr eax, 16
	mov [gdt_own + 6], ax
	mov eax, adder
	mov [gdt_own + 8], ax
	mov word [gdt_own + 10], 8
	mov word [gdt_own + 12], 0x8c02	; the same, but DPL 0
	shr eax, 16
	mov [gdt_own + 14], ax
	push 0x23
	push STACK3
	push 2
	push 0x1b
	push program
	iret

program: mov eax, 0x23
	mov ds, eax
	push 40
	push 2
	;> CALL 33h:0. The offset is ignored: the gate names the target. DPL 3 of the gate permits ring 3 to use it; DPL 0 of
	;> the code segment makes CPL 0. SS:ESP comes from the TSS; old SS and ESP, the two parameters, CS and EIP go there.
	call GATE:0
	mov ebx, eax
	;> A gate of DPL 0 is not for ring 3.
	call CLOSED:0

;> Ring 0, with both parameters on the new stack.
adder:	mov eax, [esp + 8]
	add eax, [esp + 12]
	push eax
	tell sum
	call hex
	tell newline
	pop eax
	;> RETF 8 finds RPL 3 in the CS it pops: it drops 8 bytes of parameters from both stacks and goes back to ring 3.
	retf 8

;> The error code is the selector of the gate.
protection: tell refused
	pop eax
	call hex
	tell newline
	jmp off

sum:	db "ring 0 adds 40 and 2: ", 0
refused: db "refused, error code ", 0
newline: db 10, 0
