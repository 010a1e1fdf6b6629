/*
 * rings.S - a firmware of 64 KiB that goes to ring 3 with paging and does there, one after the other, what a ring-3
 * program may not do. Its handlers step over each instruction (EBP: its length). At the end int 80h enters ring 0,
 * which loads an IDT without usable gates and faults: a triple fault. tests/boot/explain.sh reads what is told.
 */
	.set rom, 0xf0000
	.set tss, 0x2000
	.set pgdir, 0x10000
	.set pgtab, 0x11000
	.macro seg base, limit, attr /* attr: type, S, DPL, P, then AVL, L, D, G */
	.word \limit & 0xffff, \base & 0xffff
	.byte \base >> 16 & 0xff, \attr & 0xff, (\attr >> 8 & 0xf0) | \limit >> 16, \base >> 24
	.endm
	.macro gate target, attr
	.word (rom + \target - _start) & 0xffff, 8, \attr << 8, (rom + \target - _start) >> 16
	.endm
	.code16
	.globl _start
_start:
	cli
	cs lgdtl gdtr - _start
	cs lidtl idtr - _start
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $8, $rom + prot - _start
	.code32
prot:	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0x8000, %esp
	/* the first 1 MiB 1:1 for everyone, but: 30000h read-only, 31000h supervisor, 32000h absent */
	mov $pgtab, %edi
	mov $7, %eax
1:	stosl
	add $0x1000, %eax
	cmp $0x100007, %eax
	jb 1b
	movl $0x30005, pgtab + 0x30 * 4
	movl $0x31003, pgtab + 0x31 * 4
	movl $0x32006, pgtab + 0x32 * 4
	movl $pgtab + 7, pgdir
	mov $pgdir, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80010000, %eax
	mov %eax, %cr0
	movl $0x8000, tss + 4
	movl $0x10, tss + 8
	movl $0x680000, tss + 0x64 /* no I/O map within the limit */
	mov $0x28, %eax
	ltr %ax
	push $0x23
	push $0x9000
	pushf
	push $0x1b
	push $rom + user - _start
	iret
user:	mov $0x23, %eax
	mov %eax, %ds
	mov $1, %ebp
	cli
	mov $2, %ebp
	in $0x60, %al
	mov $10, %ebp
	movl $1, 0x30000
	mov $6, %ebp
	mov 0x31000, %ebx
	mov 0x32004, %ebx
	mov $2, %ebp
	int $0x21
	mov $0x10, %eax
	mov %eax, %es
	mov $0x1238, %eax
	mov %eax, %es
	mov $3, %ebp
	mov %cr0, %eax
	int $0x80
2:	jmp 2b
skip:	add $4, %esp
	add %ebp, (%esp)
	iret
enter:	cs lidtl rom + badr - _start
	mov $0x48, %eax
	mov %eax, %fs
3:	jmp 3b
	.balign 8
gdt:	.quad 0
	seg 0, 0xfffff, 0xc09b
	seg 0, 0xfffff, 0xc093
	seg 0, 0xfffff, 0xc0fb
	seg 0, 0xfffff, 0xc0f3
	seg tss, 0x67, 0x0089
gdtr:	.word . - gdt - 1
	.long rom + gdt - _start
	.balign 8
idt:	.fill 13, 8, 0
	gate skip, 0x8e
	gate skip, 0x8e
	.fill 0x21 - 15, 8, 0
	gate skip, 0x8e
	.fill 0x80 - 0x22, 8, 0
	gate enter, 0xee
idtr:	.word . - idt - 1
	.long rom + idt - _start
	.balign 8
bad:	.fill 13, 8, 0
	gate skip, 0x0e /* not present */
badr:	.word . - bad - 1
	.long rom + bad - _start
	.org 0xfff0
	.code16
	ljmp $0xf000, $0
	.org 0x10000
