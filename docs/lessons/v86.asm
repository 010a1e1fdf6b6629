; Virtual-8086 mode.
;
; A task with EFLAGS.VM = 1 runs 16-bit code with real-mode segments, in ring 3. CLI, STI, PUSHF, POPF, INT n and IRET are
; sensitive to IOPL there: with IOPL < 3 each is a #GP, and a monitor in ring 0 does what the program meant.
%include "lesson.inc"

STACK86	equ 0x2000	; linear 20000h

main:	gate 13, monitor, 0x8e
	push 0		; GS
	push 0		; FS
	push SEG86	; DS
	push 0		; ES
	push STACK86	; SS
	push 0x1000	; ESP
	push 0x20202	; EFLAGS: VM, IF, IOPL 0
	push SEG86	; CS
	push 0		; EIP
	;> IRET to EFLAGS with VM = 1 pops nine words: EIP, CS, EFLAGS, ESP, SS and the data segments ES, DS, FS, GS.
	iret

	align 16, db 0
SEG86	equ (program - $$ + 0x7c00) / 16
	bits 16
;> Ring 3, real-mode addresses: CS * 16 + IP.
program: mov ax, cs
	mov ds, ax	; no descriptor is looked at
	;> The program believes it owns the machine.
	cli
	;> PUSHF would show the real IF; with IOPL 0 it is a #GP instead.
	pushf
	pop bx
	mov al, 'A'
	;> INT 10h would be the BIOS. The monitor is asked first.
	int 0x10
	;> HLT is for ring 0 always. The monitor takes it as the end.
	hlt

	bits 32
;> The processor has pushed the four data segments, too, and cleared them: EIP is at ESP + 4, CS at + 8, EFLAGS at + 12,
;> ESP at + 16, SS at + 20. CPL is 0.
monitor: pushad
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	movzx ebx, word [esp + 32 + 8]
	shl ebx, 4
	add ebx, [esp + 32 + 4]		; linear address of the instruction
	mov al, [ebx]
	cmp al, 0xfa
	je .cli
	cmp al, 0x9c
	je .pushf
	cmp al, 0xcd
	je .int
	tell stops
	jmp off
.cli:	tell is_cli
	and dword [virtual], ~0x200
	jmp .one
.pushf:	tell is_pushf
	sub word [esp + 32 + 16], 2
	movzx edi, word [esp + 32 + 20]
	shl edi, 4
	movzx ecx, word [esp + 32 + 16]
	mov eax, [virtual]
	mov [edi + ecx], ax
	jmp .one
.int:	tell is_int
	mov esi, [esp + 28]		; EAX of the program
	and esi, 0xff
	mov [char], si
	tell char
	tell newline
	inc dword [esp + 32 + 4]
.one:	inc dword [esp + 32 + 4]
	popad
	add esp, 4
	;> VM = 1 in the flags that IRET pops: back to virtual-8086 mode.
	iret

virtual: dd 0x202	; the flags the program believes in
char:	db 0, 0, 0
is_cli:	db "monitor: CLI, for the program only", 10, 0
is_pushf: db "monitor: PUSHF shows the program its own IF", 10, 0
is_int:	db "monitor: INT 10h prints ", 0
stops:	db "monitor: HLT, the program has ended", 10, 0
newline: db 10, 0
