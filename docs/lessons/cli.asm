; #GP on CLI in ring 3.
;
; CLI is privileged by IOPL, not by CPL: with CPL > IOPL it faults. POPF with the same aim does not fault, it just leaves
; IF alone - which is why CLI can be virtualised and POPF cannot.
%include "lesson.inc"

main:	gate 13, protection, 0x8e
	gate 0x80, service, 0xee
	mov ebx, 0x202 ; IF 1, IOPL 0
	mov al, 0xff
	out 0x21, al	; no interrupts of devices while IF is 1
	out 0xa1, al
	mov eax, program
	jmp user

user:	push 0x23
	push STACK3
	push ebx
	push 0x1b
	push eax
	;> EFLAGS in EBX decides what ring 3 may do: its IOPL is loaded by IRET, because CPL is 0.
	iret

program: mov eax, 0x23
	mov ds, eax
	;> CPL 3, IOPL 0: the processor compares the two, and raises #GP(0) instead.
	cli
	;> POPF in ring 3: no fault. IF is not changed, and nobody is told.
	push 0x002
	popf
	pushf
	pop eax
	;> HLT asks for CPL 0; IOPL does not matter.
	hlt
	mov ecx, 1
	;> Ask the kernel for IOPL 3.
	int 0x80
again:	cli	; allowed now
	pushf
	pop eax
	mov ecx, 2
	;> EAX has the flags after CLI.
	int 0x80
	jmp $

;> The handler finds the error code on top of the stack, below it EIP of the instruction that faulted. Both CLI and HLT
;> have one byte: it steps over them.
protection: push eax
	tell refused
	mov eax, [esp + 8]
	call hex
	tell newline
	pop eax
	add esp, 4
	inc dword [esp]
	iret

service: cmp ecx, 2
	je .show
	;> EAX has the flags that ring 3 read after POPF: bit 9 (IF) is still set.
	tell flags
	call hex
	tell newline
	mov eax, again
	mov ebx, 0x3202 ; IOPL 3
	jmp user
.show:	tell flags
	call hex
	tell newline
	jmp off

refused: db "refused at ", 0
flags:	db "EFLAGS in ring 3: ", 0
newline: db 10, 0
