; From real to protected mode, and back.
;
; In real mode a segment register times 16 is a base. In protected mode it is an index into a table of descriptors. The
; bit that decides is CR0.PE, but each segment register goes on with what it has until it is loaded anew.
%define REAL_MODE
%include "lesson.inc"

start:	mov si, real
	call say16
	;> The BIOS is real-mode code: INT 12h (size of memory in KiB) goes through entry 12h of the table at address 0.
	int 0x12
	cli
	lgdt [gdtr]		; only notes where the table is
	mov eax, cr0
	or al, 1
	;> CR0.PE = 1: protected mode from the next instruction on. CS still has its real-mode base and 16-bit size in its
	;> hidden part, which is why this code goes on running.
	mov cr0, eax
	;> The far jump loads CS with selector 08h: the descriptor says base 0, limit 4 GiB, 32-bit code.
	jmp dword 8:code32

	bits 32
;> Now 32-bit code. The other segment registers are still as real mode left them; load them, too.
code32:	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov esp, boot
	mov edi, 0x200000	; beyond 1 MiB, where no real-mode segment reaches
	mov dword [edi], 0x12345678
	mov ebx, [edi]
	;> Back: first to a 16-bit code segment of limit FFFFh, because real mode does not reset size and limit.
	jmp 0x18:code16

	bits 16
code16:	mov eax, 0x20
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov eax, cr0
	and al, 0xfe
	;> CR0.PE = 0: real mode, with CS still 18h.
	mov cr0, eax
	jmp 0:real16		; CS has a real-mode value again
real16:	xor ax, ax
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov si, failed
	cmp ebx, 0x12345678
	jne .say
	mov si, done
.say:	call say16
	jmp off16

real:	db "real mode", 13, 10, 0
done:	db "32-bit protected mode, and back in real mode", 13, 10, 0
failed:	db "no memory at 2 MiB", 13, 10, 0
	align 8, db 0
gdt:	dq 0
	dq 0x00cf9a000000ffff	; 08h: 32-bit code, base 0, limit 4 GiB
	dq 0x00cf92000000ffff	; 10h: data, base 0, limit 4 GiB
	dq 0x00009a000000ffff	; 18h: 16-bit code, base 0, limit 64 KiB
	dq 0x000092000000ffff	; 20h: data, base 0, limit 64 KiB
gdtr:	dw gdtr - gdt - 1
	dd gdt
