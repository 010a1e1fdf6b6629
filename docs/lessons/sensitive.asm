; The 17 sensitive instructions in ring 1.
;
; A virtual machine monitor of the old kind runs the guest's kernel in ring 1 and waits for traps. That needs every instruction
; that shows or changes the state of the machine to trap outside ring 0. Robin and Irvine (2000) found 17 of the Pentium's that
; do not. Here a "kernel" in ring 1 runs them; watch how little there is to watch: no transition means that the monitor
; was not asked.
%include "lesson.inc"

CODE1	equ 0x30 | 1
DATA1	equ 0x38 | 1
GATE1	equ 0x40 | 1

	%macro show 1 ; EAX under a name
	mov esi, %%name
	call report
	jmp %%end
%%name:	db %1, 0
%%end:
	%endmacro

main:	gate 13, monitor, 0x8e
	gate 0x80, trapped, 0xee
	mov dword [gdt_own], 0xffff		; 30h: code, ring 1
	mov dword [gdt_own + 4], 0xcfba00
	mov dword [gdt_own + 8], 0xffff		; 38h: data, ring 1
	mov dword [gdt_own + 12], 0xcfb200
	mov dword [TSS + 12], STACK0 - 0x800	; ESP1, SS1
	mov dword [TSS + 16], DATA1
	push DATA1
	push STACK3
	push 0x1002	; IOPL 1, for the serial port
	push CODE1
	push kernel
	;> Down to ring 1.
	iret

kernel:	mov eax, DATA1
	mov ds, eax
	mov es, eax
	sgdt [table]			; 1
	mov eax, [table + 2]
	show "SGDT  base of the monitor's GDT   "
	sidt [table]			; 2
	mov eax, [table + 2]
	show "SIDT  base of the monitor's IDT   "
	sldt eax			; 3
	show "SLDT  the monitor's LDT           "
	smsw eax			; 4
	show "SMSW  the real CR0                "
	pushf				; 5
	pop eax
	show "PUSHF the real IF and IOPL        "
	push 0x3002			; IOPL 3
	popf				; 6
	pushf
	pop eax
	show "POPF  asked for IOPL 3, got       "
	mov ebx, 8
	xor eax, eax
	lar eax, ebx			; 7
	show "LAR   of ring 0's code: nothing   "
	xor eax, eax
	lsl eax, ebx			; 8
	show "LSL   of ring 0's code: nothing   "
	mov ebx, 0x10
	xor eax, eax
	verr bx				; 9
	setz al
	show "VERR  ring 0's data readable?     "
	xor eax, eax
	verw bx				; 10
	setz al
	show "VERW  ring 0's data writable?     "
	push cs				; 11
	pop eax
	show "PUSH  CS has RPL 1, not 0         "
	mov eax, ss			; 12
	show "MOV   SS has RPL 1, not 0         "
	push DATA1
	pop fs				; 13, of a ring-0 stack segment it would fault
	mov eax, fs
	show "POP   loads what ring 1 may       "
	str eax				; 14
	show "STR   the monitor's TSS           "
	call CODE1:far_away		; 15, and RET
	show "CALL  pushed CS                   "
	jmp CODE1:.jumped		; 16
.jumped: mov eax, cs
	show "JMP   CS is now                   "
	mov eax, esp
	;> 17: INT n enters by the monitor's IDT, not by the table that the guest's kernel believes in.
	int 0x80
	;> To compare: LGDT is privileged. Outside ring 0 it is #GP(0), and a monitor can do what was meant.
	lgdt [table]

far_away: mov eax, [esp + 4]
	;> A far CALL has pushed CS with RPL 1, and RET takes it: ring 1 to ring 1 is nobody's business.
	retf

report:	call say
	call hex
	mov esi, newline
	jmp say

trapped: tell by_int
	iret

;> This is the only one of them all that the monitor had a chance to see.
monitor: tell by_gp
	jmp off

table:	dd 0, 0
by_int:	db "INT   reached the monitor's own gate", 10, 0
by_gp:	db "LGDT  is privileged: the monitor is asked", 10, 0
newline: db 10, 0
