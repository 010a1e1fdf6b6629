; The hardware task switch.
;
; A jump or call to a TSS makes the processor save all registers in the TSS of the task it leaves and load all from the new
; one. An interrupt can do it, too, by a task gate. Linux and Windows use none of it, but it is still there.
%include "lesson.inc"

TSS2	equ 0x2000
TSS3	equ 0x2080
SEL2	equ 0x30
SEL3	equ 0x38

main:	mov dword [gdt_own], TSS2 << 16 | 0x67
	mov dword [gdt_own + 4], 0x8900
	mov dword [gdt_own + 8], TSS3 << 16 | 0x67
	mov dword [gdt_own + 12], 0x8900
	mov ebx, TSS2
	mov eax, second
	mov edx, 0x6800
	call prepare
	mov ebx, TSS3
	mov eax, third
	mov edx, 0x6400
	call prepare
	mov word [IDT + 0x40 * 8 + 2], SEL3	; a task gate has nothing but a selector
	mov byte [IDT + 0x40 * 8 + 5], 0x85
	mov ecx, 1
	;> JMP to a TSS: the state goes to TSS 28h (TR), which becomes available; TSS 30h becomes busy. The offset is ignored.
	jmp SEL2:0
back:	tell first
	mov eax, ecx
	call hex
	tell newline
	;> CALL nests: the new TSS gets a link to the old one, NT is set, and both stay busy.
	call SEL2:0
	tell first
	mov eax, ecx
	call hex
	tell newline
	;> INT 40h: its gate in the IDT is a task gate.
	int 0x40
	tell over
	jmp off

;> All registers come from the TSS: ECX is 100, whatever the first task had there.
second:	inc ecx
	tell here
	;> JMP back. TSS 28h is available, so it may be entered; there the first task goes on behind its jump.
	jmp 0x28:0
	inc ecx
	tell here
	;> IRET with NT = 1 does not look at the stack: it follows the link in the TSS.
	iret

;> An interrupt handler with registers and a stack of its own, whatever was wrong with the old ones.
third:	tell gated
	iret
	jmp third

prepare: mov dword [ebx + 0x20], eax	; EIP
	mov dword [ebx + 0x24], 2	; EFLAGS
	mov dword [ebx + 0x2c], 100	; ECX
	mov dword [ebx + 0x38], edx	; ESP
	mov dword [ebx + 0x48], 0x10	; ES
	mov dword [ebx + 0x4c], 8	; CS
	mov dword [ebx + 0x50], 0x10	; SS
	mov dword [ebx + 0x54], 0x10	; DS
	mov dword [ebx + 0x64], 0x680000
	ret

first:	db "first task, its ECX is ", 0
here:	db "second task", 10, 0
gated:	db "third task, by a task gate", 10, 0
over:	db "first task again", 10, 0
newline: db 10, 0
