; IOPL and the I/O permission bitmap.
;
; IN and OUT ask first: CPL <= IOPL? Then all ports are open. If not: the bitmap in the TSS has a bit for each port, and 0
; means open. What lies beyond the TSS's limit counts as 1.
%include "lesson.inc"

PORT	equ 0x71

main:	gate 13, protection, 0x8e
	gate 0x80, service, 0xee
enter:	push 0x23
	push STACK3
	push dword [flags]
	push 0x1b
	push program
	;> To ring 3. The first time the TSS has no bitmap: its limit ends before one could begin.
	iret

program: mov eax, 0x23
	mov ds, eax
	mov al, 15
	;> Port 70h: CPL 3 > IOPL, so the bitmap decides.
	out 0x70, al
	;> Port 71h, one bit further.
	in al, PORT
	;> A word at 71h needs the bits of 71h and of 72h.
	in ax, PORT
	int 0x80
	jmp $

;> Ring 0 says what was refused, and steps over the instruction: 2 bytes, or 3 with a 66h prefix.
protection: push eax
	push ebx
	tell refused
	mov eax, [esp + 12]
	call hex
	tell newline
	mov ebx, [esp + 12]
	cmp byte [ebx], 0x66
	jne .two
	inc dword [esp + 12]
.two:	add dword [esp + 12], 2
	pop ebx
	pop eax
	add esp, 4
	iret

;> A round is over. Round 2 has a bitmap that opens 70h and 71h; round 3 has IOPL 3.
service: inc dword [round]
	cmp dword [round], 2
	je .bitmap
	cmp dword [round], 3
	je .iopl
	tell over
	jmp off
.bitmap: tell second
	push ds
	pop es			; IRET to ring 3 had emptied it
	mov edi, TSS + 0x68
	mov ecx, 0x80 / 4 + 1
	mov eax, -1
	rep stosd		; all closed; the byte behind the last must be FFh, too
	and byte [TSS + 0x68 + 0x70 / 8], 0xfc
	mov word [TSS + 0x66], 0x68
	mov word [gdt + 0x28], 0x68 + 0x80
	and byte [gdt + 0x28 + 5], 0xfd ; not busy, or LTR would refuse
	mov eax, 0x28
	ltr ax			; again, because the limit is in TR's hidden part
	mov esp, boot
	jmp enter
.iopl:	tell third
	mov dword [flags], 0x3002
	mov esp, boot
	jmp enter

flags:	dd 2
round:	dd 1
refused: db "refused at ", 0
newline: db 10, 0
second:	db "now a bitmap that opens ports 70h and 71h", 10, 0
third:	db "now IOPL 3", 10, 0
over:	db "nothing was refused", 10, 0
