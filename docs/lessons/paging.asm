; Page faults and demand paging.
;
; The kernel maps the first 4 MiB to themselves. What lies at 400000h is promised, not mapped: each page comes when it is
; touched. A read-only page and a supervisor page show the other two reasons of a page fault.
%include "lesson.inc"

PGDIR	equ 0x10000
PGTAB	equ 0x11000	; 0..4 MiB
LAZY	equ 0x12000	; 400000h.., empty at first
POOL	equ 0x20000	; free pages

main:	gate 14, fault, 0x8e
	gate 0x80, service, 0xee
	mov edi, PGDIR
	mov ecx, 0x3000 / 4
	xor eax, eax
	rep stosd
	mov edi, PGTAB
	mov eax, 7		; present, writable, user
.entry:	stosd
	add eax, 0x1000
	cmp eax, 0x400007
	jb .entry
	mov dword [PGTAB + 0x30 * 4], 0x30005 ; 30000h: read-only
	mov dword [PGTAB + 0x31 * 4], 0x31003 ; 31000h: supervisor only
	mov dword [PGDIR], PGTAB + 7
	mov dword [PGDIR + 4], LAZY + 7
	mov eax, PGDIR
	;> CR3 has the physical address of the page directory. Nothing changes yet.
	mov cr3, eax
	mov eax, cr0
	or eax, 0x80010000	; PG, and WP: ring 0 respects read-only pages, too
	;> CR0.PG = 1. This code goes on because it is mapped where it was.
	mov cr0, eax
	push 0x23
	push STACK3
	push 2
	push 0x1b
	push program
	iret

program: mov eax, 0x23
	mov ds, eax
	;> Not present: the entry of 400000h is 0.
	mov dword [0x400000], 41
	;> The second access finds the page there. No fault.
	inc dword [0x400000]
	;> Another page, read first.
	mov ecx, [0x403ffc]
	;> Present, but read-only.
	mov dword [0x30000], 1
	;> Present, but not for ring 3.
	mov ebx, [0x31000]
	mov eax, [0x400000]
	int 0x80
	jmp $

;> The handler has the error code (bit 0: page was present, bit 1: write, bit 2: ring 3) and in CR2 the address. The saved
;> EIP is that of the instruction that faulted: after IRET it is tried again, as if nothing had happened.
fault:	pushad
	tell code
	mov eax, [esp + 32]
	call hex
	tell address
	mov eax, cr2
	call hex
	tell newline
	test byte [esp + 32], 1
	jnz .rights
	mov ebx, cr2
	shr ebx, 12
	mov eax, [free]
	add dword [free], 0x1000
	or eax, 7
	mov [LAZY - 0x400 * 4 + ebx * 4], eax	; no INVLPG: entries that are not present are not cached
	jmp .again
.rights: mov ebx, cr2
	shr ebx, 12
	or dword [PGTAB + ebx * 4], 6
	mov eax, cr2
	invlpg [eax]				; the old rights may be cached
.again:	popad
	add esp, 4
	;> Back to the same instruction.
	iret

;> EAX is what ring 3 read from its page.
service: tell sum
	call hex
	tell newline
	jmp off

free:	dd POOL
code:	db "page fault, code ", 0
address: db " address ", 0
sum:	db "ring 3 has counted to ", 0
newline: db 10, 0
