/*
 * user.S - an i386 Linux program without a library. Without an argument it executes CLI. With one it makes the kernel fail: it
 * opens /dev/cpu/0/msr, writes an address where there is nothing to IA32_SYSENTER_EIP, and a child enters the kernel by SYSENTER;
 * the parent, which uses int 80h only, then puts the right value back. tests/boot/linux-traps.sh reads what is told of both.
 */
	.set SYSENTER_EIP, 0x176
	.set NOWHERE, 0xdeadbee0
	.globl _start
	.text
_start:	cmpl $1, (%esp)
	jne oops
user_cli: cli
	xor %ebx, %ebx
	mov $1, %eax		/* exit */
	int $0x80

oops:	mov $5, %eax		/* open */
	mov $path, %ebx
	mov $2, %ecx		/* O_RDWR */
	int $0x80
	test %eax, %eax
	js fail
	mov %eax, %ebx
	mov $180, %eax		/* pread64(fd, right, 8, 176h) */
	mov $right, %ecx
	call transfer
	mov $181, %eax		/* pwrite64 */
	mov $wrong, %ecx
	call transfer
	mov %ebx, %ebp
	mov $2, %eax		/* fork */
	int $0x80
	test %eax, %eax
	jz child
	mov %eax, %ebx
	mov $7, %eax		/* waitpid */
	xor %ecx, %ecx
	xor %edx, %edx
	int $0x80
	mov %ebp, %ebx
	mov $181, %eax
	mov $right, %ecx
	call transfer
	xor %ebx, %ebx
	mov $1, %eax
	int $0x80

child:	mov $20, %eax		/* getpid */
	mov %esp, %ebp
	sysenter

/* EAX(EBX, ECX, 8, SYSENTER_EIP); anything but 8 bytes is an error */
transfer: mov $8, %edx
	mov $SYSENTER_EIP, %esi
	xor %edi, %edi
	int $0x80
	cmp $8, %eax
	jne fail
	ret
fail:	mov $2, %ebx
	mov $1, %eax
	int $0x80

	.data
path:	.asciz "/dev/cpu/0/msr"
	.balign 8
wrong:	.long NOWHERE, 0
right:	.long 0, 0
