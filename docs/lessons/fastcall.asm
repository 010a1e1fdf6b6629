; SYSENTER and SYSCALL.
;
; Two instructions that enter ring 0 without a table lookup: the target is in model-specific registers, the segments are taken
; to be flat. SYSENTER (here in 32-bit mode) saves nothing; SYSCALL (in 64-bit mode) saves RIP in RCX and RFLAGS in R11.
%include "lesson.inc"

PML4	equ 0x10000
PDPT	equ 0x11000
PD	equ 0x12000
%macro write_msr 2 ; number, value of the low half
	mov ecx, %1
	mov eax, %2
	xor edx, edx
	wrmsr
%endmacro

main:	mov dword [gdt_own + 4], 0x00209a00	; 30h: 64-bit code, ring 0
	mov dword [gdt_own + 12], 0x0000f200	; 38h: data; SYSCALL and SYSRET do not look at it
	mov dword [gdt_own + 20], 0x0020fa00	; 43h: 64-bit code, ring 3
	write_msr 0x174, 8		; IA32_SYSENTER_CS: ring 0's CS 8 and SS 10h; ring 3's 1Bh and 23h
	write_msr 0x175, STACK0		; IA32_SYSENTER_ESP
	write_msr 0x176, entry32	; IA32_SYSENTER_EIP
	mov edx, program
	mov ecx, STACK3
	;> SYSEXIT: EIP from EDX, ESP from ECX, CS and SS from IA32_SYSENTER_CS plus 16 and plus 24, CPL 3.
	sysexit

program: mov edx, .back
	mov ecx, STACK3
	mov eax, 1
	;> SYSENTER leaves no return address, so EDX and ECX carry where to go on. That is a convention, not the processor's.
	sysenter
.back:	mov eax, 2
	sysenter

;> Ring 0. IF is 0 now, by the instruction itself. DS is still ring 3's.
entry32: cmp eax, 2
	je to64
	tell by_sysenter
	sysexit

to64:	mov edi, PML4
	mov ecx, 0x3000 / 4
	xor eax, eax
	rep stosd
	mov dword [PML4], PDPT + 7
	mov dword [PDPT], PD + 7
	mov dword [PD], 0x87		; the first 2 MiB, user, as one page
	mov eax, cr4
	or eax, 0x20			; PAE
	mov cr4, eax
	mov eax, PML4
	;> The way to 64-bit mode: four-level tables ...
	mov cr3, eax
	write_msr 0xc0000080, 0x101	; ... IA32_EFER: LME, and SCE for SYSCALL ...
	mov eax, cr0
	or eax, 0x80000000
	;> ... and paging. With LME set this activates IA-32e mode: compatibility mode, because CS is a 32-bit segment.
	mov cr0, eax
	;> A CS with L = 1 makes it 64-bit mode.
	jmp 0x30:start64

	bits 64
start64: mov ecx, 0xc0000081		; IA32_STAR: SYSCALL's CS 30h and SS 38h, SYSRET's SS 33h + 8 and CS 33h + 16
	xor eax, eax
	mov edx, 0x00330030
	wrmsr
	write_msr 0xc0000082, entry64	; IA32_LSTAR
	write_msr 0xc0000084, 0x200	; IA32_FMASK: clear IF
	mov ecx, program64
	mov r11d, 2
	;> SYSRET: RIP from RCX, RFLAGS from R11, CPL 3.
	o64 sysret

program64: mov edi, 7
	;> SYSCALL does not touch RSP: the handler is in ring 0 on ring 3's stack and has to change it first.
	syscall
	mov edi, 8
	;> The second call does not come back.
	syscall

entry64: mov esp, STACK0
	cmp edi, 8
	je .off
	mov esi, by_syscall
	call say64
	o64 sysret
.off:	mov esi, over
	call say64
	mov dx, 0x604
	mov ax, 0x2000
	out dx, ax
	hlt

say64:	mov rbx, rcx
	mov dx, 0x3f8
.next:	lodsb
	out dx, al
	cmp al, 10
	jne .next
	mov rcx, rbx
	ret

by_sysenter: db "entered by SYSENTER, 32-bit", 10, 0
by_syscall: db "entered by SYSCALL, 64-bit", 10
over:	db "ring 3 has ended", 10
