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
	movl $1, in_case
	movb $0x0C, %al		# the watchdog: the RTC's periodic interrupt, an NMI. Forget the one that is due
	outb %al, $0x70
	inb $0x71, %al
	movb $0x0B, %al
	outb %al, $0x70
	movb $0x42, %al
	outb %al, $0x71
	testl $0x20000, in + 36	# virtual-8086 mode: its segment registers come with the frame
	jz 1f
	pushl in + 64
	pushl in + 60
	pushl in + 52
	pushl in + 56
	jmp 3f
1:	cmpl $0, in + 48	# level
	je 1f
3:
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
	testl $0x20000, in + 36
	jnz 2f
	movl in + 52, %eax	# DS ES FS GS
	movw %ax, %ds
	movl %cs:in + 56, %eax
	movw %ax, %es
	movl %cs:in + 60, %eax
	movw %ax, %fs
	movl %cs:in + 64, %eax
	movw %ax, %gs
2:	movl %cs:in + 0, %eax
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
	testl $0x20000, out + 64
	jz 4f
	movl %ss:76(%ebp), %eax
	movl %eax, out + 8
	movl %ss:80(%ebp), %eax
	movl %eax, out + 12
	movl %ss:84(%ebp), %eax
	movl %eax, out + 4
	movl %ss:88(%ebp), %eax
	movl %eax, out
4:
	.globl back, saved_esp, in_case
back:	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl saved_esp, %esp
	movl $0, in_case
	movb $0x0B, %al
	outb %al, $0x70
	movb $0x02, %al
	outb %al, $0x71
	movw %ax, %fs
	movw %ax, %gs
	pushl $2
	popfl
	movl %cr2, %eax
	movl %eax, out + 76
	popal
	ret

	.globl nmi_entry
nmi_entry:			# the watchdog; one that comes too late is nothing
	pushl %eax
	pushl %ds
	movw $0x10, %ax
	movw %ax, %ds
	movb $0x0C, %al
	outb %al, $0x70
	inb $0x71, %al
	cmpl $0, in_case
	je 1f
	movl $1, timed_out
	jmp back
1:	popl %ds
	popl %eax
	iretl

	.globl clear_dr7
clear_dr7:			# #DB because of DR7.GD, which is clear now
	pushl %eax
	movl $0x400, %eax
	movl %eax, %dr7
	popl %eax
	iretl

	.globl df_entry
df_entry:			# a task: its predecessor's registers are in the TSS that was current
	movl $8, out + 48
	movl (%esp), %eax
	movl %eax, out + 52
	jmp back

# Real mode. run_real() drops to it through the code below, which lies at REAL (7000h) and has its inputs and outputs
# at 7A00h and 7B00h; the IVT's entries lead to real_stubs.
	.globl run_real
run_real:
	pushal
	movl %esp, saved_esp
	movl $1, in_case
	movw $0x70, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %fs
	movw %ax, %gs
	movw %ax, %ss
	ljmp $0x68, $0x7000

	.globl real_code, real_code_end, real_stub_offset
	.code16
	.balign 8
real_code:
	movl %cr0, %eax
	andb $0xFE, %al
	movl %eax, %cr0
	ljmp $0, $1f - real_code + 0x7000
1:
	lidtw %cs:real_idtr - real_code + 0x7000
	movb $0x0C, %al
	outb %al, $0x70
	inb $0x71, %al
	movb $0x0B, %al
	outb %al, $0x70
	movb $0x42, %al
	outb %al, $0x71
	xorw %ax, %ax
	movw %ax, %ds
	movw 0x7A00 + 40, %ss
	movl 0x7A00 + 16, %esp
	pushw 0x7A00 + 36
	pushw 0x7A00 + 44
	pushw 0x7A00 + 32
	movw 0x7A00 + 56, %es
	movw 0x7A00 + 60, %fs
	movw 0x7A00 + 64, %gs
	movl 0x7A00 + 0, %eax
	movl 0x7A00 + 4, %ecx
	movl 0x7A00 + 8, %edx
	movl 0x7A00 + 12, %ebx
	movl 0x7A00 + 20, %ebp
	movl 0x7A00 + 24, %esi
	movl 0x7A00 + 28, %edi
	movw 0x7A00 + 52, %ds
	iretw
real_idtr: .word 0x3FF, 0, 0
real_gdtr: .word 0x1FF, 0x1000, 0
	.balign 8
real_stubs:			# 8 bytes each; number 34 is INT 81h
	.set i, 0
	.rept 34
	pushw $i
	jmp real_common
	.balign 8
	.set i, i + 1
	.endr
	pushw $0x81
real_common:
	movl %eax, %cs:0x7B00 + 44
	popw %cs:0x7B00 + 48
	popw %cs:0x7B00 + 56
	popw %cs:0x7B00 + 60
	popw %cs:0x7B00 + 64
	movb $0x0B, %al
	outb %al, $0x70
	movb $0x02, %al
	outb %al, $0x71
	inb $0x71, %al
	movw %gs, %cs:0x7B00 + 0
	movw %fs, %cs:0x7B00 + 4
	movw %es, %cs:0x7B00 + 8
	movw %ds, %cs:0x7B00 + 12
	movl %edi, %cs:0x7B00 + 16
	movl %esi, %cs:0x7B00 + 20
	movl %ebp, %cs:0x7B00 + 24
	movl %ebx, %cs:0x7B00 + 32
	movl %edx, %cs:0x7B00 + 36
	movl %ecx, %cs:0x7B00 + 40
	movl %esp, %cs:0x7B00 + 68
	movw %ss, %cs:0x7B00 + 72
	movw $50, %cx		# an NMI on its way arrives here, not in the middle of the way back
1:	loop 1b
	lgdtl %cs:real_gdtr - real_code + 0x7000
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $8, $real_back
real_nmi:
	movl %eax, %cs:0x7B00 + 44
	movb $0x0C, %al
	outb %al, $0x70
	inb $0x71, %al
	lgdtl %cs:real_gdtr - real_code + 0x7000
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $8, $real_loop
real_code_end:
	.code32
real_loop:
	movw $0x10, %ax
	movw %ax, %ds
	movl $1, timed_out
real_back:
	jmp back
real_stub_offset: .long real_stubs - real_code, real_nmi - real_code

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
	.globl in, in_stack, out, out_handler_ss, out_handler_esp, timed_out
	.balign 16
in:	.skip 128
in_stack: .skip 16
out:	.skip 128
out_handler_ss: .skip 4
out_handler_esp: .skip 4
saved_esp: .skip 4
in_case: .skip 4
timed_out: .skip 4
