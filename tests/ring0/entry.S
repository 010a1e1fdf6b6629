# entry.S - the part of the ring-0 test program that C cannot say: into a case and back out of it.
#
# run_case() loads the registers of `in` and enters the case by IRET at any privilege level; the case ends in an
# exception or INT 81h, whose stub stores what the processor saved, and the registers, in `out` and returns to
# run_case()'s caller. #DF comes through a task gate, because the stack of the case may be the reason.
	.code32
	.section .head, "ax"
	.globl start
start:	jmp 1f
	.balign 8
	.globl params
params:	.long 1, 0xFFFFFFFF, 0, 100, 0	# seed, types, first case, number of cases, verbose
1:	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw %ax, %fs
	movw %ax, %gs
	movl $0x90000, %esp
	call main
1:	hlt
	jmp 1b

	.text
	.globl run_case
run_case:
	pushal
	movl %esp, saved_esp
	cmpl $0, in + 48	# level
	je 1f
	pushl in + 40		# SS
	pushl in + 16		# ESP
	jmp 2f
1:	movl in + 16, %eax
	movl %eax, in_stack
	movl in + 40, %eax
	movl %eax, in_stack + 4
	lss in_stack, %esp
2:	pushl in + 36		# EFLAGS
	pushl in + 44		# CS
	pushl in + 32		# EIP
	movl in + 52, %eax	# DS ES FS GS
	movw %ax, %ds
	movl %cs:in + 56, %eax
	movw %ax, %es
	movl %cs:in + 60, %eax
	movw %ax, %fs
	movl %cs:in + 64, %eax
	movw %ax, %gs
	movl %cs:in + 0, %eax
	movl %cs:in + 4, %ecx
	movl %cs:in + 8, %edx
	movl %cs:in + 12, %ebx
	movl %cs:in + 20, %ebp
	movl %cs:in + 24, %esi
	movl %cs:in + 28, %edi
	iretl

common:
	pushal
	pushl %ds
	pushl %es
	pushl %fs
	pushl %gs
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	xorl %eax, %eax
	movw %ss, %ax
	movl %esp, %ebp
	larl %eax, %ecx
	btl $22, %ecx
	jc 1f
	movzwl %sp, %ebp
1:	movl %eax, out_handler_ss
	movl %esp, out_handler_esp
	xorl %ecx, %ecx
2:	movl %ss:(%ebp, %ecx, 4), %eax
	movl %eax, out(, %ecx, 4)
	incl %ecx
	cmpl $17, %ecx
	jb 2b
	# outer stack pointer only if the level changed
	testb $3, out + 60
	jnz 3f
	testl $0x20000, out + 64
	jz 4f
3:	movl %ss:68(%ebp), %eax
	movl %eax, out + 68
	movl %ss:72(%ebp), %eax
	movl %eax, out + 72
4:
back:	movw $0x10, %ax
	movw %ax, %ss
	movl saved_esp, %esp
	movw %ax, %fs
	movw %ax, %gs
	pushl $2
	popfl
	movl %cr2, %eax
	movl %eax, out + 76
	popal
	ret

	.globl df_entry
df_entry:			# a task: its predecessor's registers are in the TSS that was current
	movl $8, out + 48
	movl (%esp), %eax
	movl %eax, out + 52
	jmp back

	.globl stub_table
	.altmacro
	.macro stub n
	.if (\n == 8) || ((\n >= 10) && (\n <= 14)) || (\n == 17)
	.else
	pushl $0
	.endif
	pushl $\n
	jmp common
	.balign 16
	.endm
	.balign 16
stub_table:
	.set i, 0
	.rept 34
	stub %i
	.set i, i + 1
	.endr
	.globl stub_81
stub_81:
	pushl $0
	pushl $0x81
	jmp common

	.bss
	.globl in, in_stack, out, out_handler_ss, out_handler_esp
	.balign 16
in:	.skip 128
in_stack: .skip 16
out:	.skip 128
out_handler_ss: .skip 4
out_handler_esp: .skip 4
saved_esp: .skip 4
