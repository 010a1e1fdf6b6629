# long_entry.S - the way into 64-bit and compatibility mode and back, for the cases of long.c.
#
# run_long() turns on long mode with the tables at 100000h, loads what `lin` says and enters the case by IRETQ. Every vector
# leads to common64, which stores what the processor saved, and the registers, in `lout` and returns to 32-bit code.
	.set lin, 0x120000	# as in long.h
	.set lout, 0x120200
	.code32
	.text
	.globl run_long
run_long:
	pushal
	movl %esp, saved_esp
	movl $1, in_case
	movb $0x0C, %al
	outb %al, $0x70
	inb $0x71, %al
	movb $0x0B, %al
	outb %al, $0x70
	movb $0x42, %al
	outb %al, $0x71
	movl %cr4, %eax
	movl %eax, old_cr4
	movl long_cr4, %eax
	movl %eax, %cr4
	movl $0x100000, %eax
	movl %eax, %cr3
	movl $0xC0000080, %ecx
	rdmsr
	movl %eax, old_efer
	orl $0x901, %eax
	wrmsr
	lidtl long_idtr
	movl %cr0, %eax
	movl %eax, old_cr0
	movl long_cr0, %eax
	movl %eax, %cr0
	ljmp $0x100, $1f
	.code64
1:	movw $0x48, %ax
	ltr %ax
	movl lin + 168, %eax
	movw %ax, %ds
	movl lin + 172, %eax
	movw %ax, %es
	movl lin + 176, %eax
	movw %ax, %fs
	movl lin + 180, %eax
	movw %ax, %gs
	movl $0xC0000100, %ecx
	movl lin + 184, %eax
	movl lin + 188, %edx
	wrmsr
	incl %ecx
	movl lin + 192, %eax
	movl lin + 196, %edx
	wrmsr
	incl %ecx
	movl lin + 200, %eax
	movl lin + 204, %edx
	wrmsr
	movq lin + 248, %rax
	movq %rax, %dr0
	movq lin + 256, %rax
	movq %rax, %dr1
	movq lin + 264, %rax
	movq %rax, %dr2
	movq lin + 272, %rax
	movq %rax, %dr3
	movl lin + 244, %eax
	orl $0x400, %eax
	movq %rax, %dr7
	movl $0x90000, %esp
	pushq lin + 152		# SS
	pushq lin + 32		# RSP
	pushq lin + 144		# RFLAGS
	pushq lin + 136		# CS
	pushq lin + 128		# RIP
	movq lin + 0, %rax
	movq lin + 8, %rcx
	movq lin + 16, %rdx
	movq lin + 24, %rbx
	movq lin + 40, %rbp
	movq lin + 48, %rsi
	movq lin + 56, %rdi
	movq lin + 64, %r8
	movq lin + 72, %r9
	movq lin + 80, %r10
	movq lin + 88, %r11
	movq lin + 96, %r12
	movq lin + 104, %r13
	movq lin + 112, %r14
	movq lin + 120, %r15
	iretq

common64:
	movq %rax, lout + 0
	movq %rcx, lout + 8
	movq %rdx, lout + 16
	movq %rbx, lout + 24
	movq %rbp, lout + 40
	movq %rsi, lout + 48
	movq %rdi, lout + 56
	movq %r8, lout + 64
	movq %r9, lout + 72
	movq %r10, lout + 80
	movq %r11, lout + 88
	movq %r12, lout + 96
	movq %r13, lout + 104
	movq %r14, lout + 112
	movq %r15, lout + 120
	popq lout + 208		# vector
	popq lout + 216		# error code
	movq %rsp, lout + 232	# the handler's stack
	popq lout + 128
	popq lout + 136
	popq lout + 144
	popq lout + 32
	popq lout + 152
	movw %ds, %ax
	movw %ax, lout + 168
	movw %es, %ax
	movw %ax, lout + 172
	movw %fs, %ax
	movw %ax, lout + 176
	movw %gs, %ax
	movw %ax, lout + 180
	movw %ss, %ax
	movw %ax, lout + 240
	movl $0xC0000100, %ecx
	rdmsr
	movl %eax, lout + 184
	movl %edx, lout + 188
	incl %ecx
	rdmsr
	movl %eax, lout + 192
	movl %edx, lout + 196
	incl %ecx
	rdmsr
	movl %eax, lout + 200
	movl %edx, lout + 204
	movq %cr2, %rax
	movq %rax, lout + 224
back64:
	movb $0x0B, %al
	outb %al, $0x70
	movb $0x02, %al
	outb %al, $0x71
	movl $0x90000, %esp
	pushq $8
	movl $2f, %eax
	pushq %rax
	lretq
	.code32
2:	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl old_cr0, %eax
	movl %eax, %cr0
	movl $0xC0000080, %ecx
	movl old_efer, %eax
	xorl %edx, %edx
	wrmsr
	movl old_cr4, %eax
	movl %eax, %cr4
	lidtl short_idtr
	jmp back

	.code64
	.globl stubs64, stub64_81, nmi64
	.balign 16
stubs64:			# 16 bytes each
	.set i, 0
	.rept 34
	.if (i == 8) || ((i >= 10) && (i <= 14)) || (i == 17)
	.else
	pushq $0
	.endif
	pushq $i
	jmp common64
	.balign 16
	.set i, i + 1
	.endr
stub64_81:
	pushq $0
	pushq $0x81
	jmp common64
nmi64:				# the watchdog
	pushq %rax
	movb $0x0C, %al
	outb %al, $0x70
	inb $0x71, %al
	movl $in_case, %eax	# a 32-bit program has no other addresses here
	cmpl $0, (%rax)
	je 1f
	movl $timed_out, %eax
	movl $1, (%rax)
	jmp back64
1:	popq %rax
	iretq

	.data
	.globl long_cr4, long_cr0
long_cr4: .long 0
long_cr0: .long 0
old_cr4: .long 0
old_cr0: .long 0
old_efer: .long 0
long_idtr: .word 0xFFF
	.long 0x121000
short_idtr: .word 0x7FF
	.long 0x2000
