; Ring 3 and back by int 80h.
;
; The kernel builds the stack that an interrupt from ring 3 would have left, and returns to where nobody came from.
; The program asks the kernel for two things through the one gate it may use.
%include "lesson.inc"

main:	gate 0x80, service, 0xee
	push 0x23	; SS: index 4, RPL 3
	push STACK3	; ESP
	push 2		; EFLAGS: IF 0, IOPL 0
	push 0x1b	; CS: index 3, RPL 3
	push program	; EIP
	;> There is no instruction "go to ring 3". IRET pops EIP, CS, EFLAGS and, because the CS it pops has RPL 3 while
	;> CPL is 0, also ESP and SS. The five words above are what an interrupt from ring 3 would
	;> have pushed.
	iret

;> Ring 3. DS and ES had selectors of ring-0 data, so the processor has emptied them on the way.
program: mov eax, 0x23
	mov ds, eax
	mov esi, hello
	mov eax, 1
	;> INT 80h looks at gate 80h of the IDT. Its DPL is 3, so ring 3 may use it (a gate of DPL 0 would be #GP). The
	;> gate's code segment is of ring 0: the processor takes SS:ESP from the TSS and pushes ring 3's there.
	int 0x80
	mov eax, 2
	;> The second call does not come back.
	int 0x80
	jmp $

;> Ring 0 again, on the TSS's stack, at the address the gate names and no other.
service: cmp eax, 2
	je .exit
	call say
	;> IRET finds RPL 3 in the CS it pops and goes back to ring 3, with ring 3's stack.
	iret
.exit:	tell bye
	jmp off

hello:	db "ring 3 says: hello", 10, 0
bye:	db "kernel: the program has ended", 10, 0
