/*
 * dma.S - a firmware of 64 KiB whose code in RAM is overwritten by devices while it runs: a loop of one jump and a function that a loop calls
 * by an IDE disk's bus master, and the instructions behind an OUT by the fw_cfg device that the OUT starts. Sector n of the disk holds
 * "mov $n, %eax; ret". It ends by isa-debug-exit (port 501h): status 85, or 2 * number of the scene that failed + 1.
 */
	.set rom, 0xf0000
	.set prd, 0x7000 /* the bus master's table; a fw_cfg descriptor is behind it */
	.set desc, 0x7100
	.set loop, 0x8000
	.set function, 0x9000
	.set routine, 0xa000
	.set bm, 0xc000
	.set rounds, 40
	.code16
	.globl _start
_start:
	cli
	cs lgdtl gdtr - _start
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $8, $rom + in_prot - _start
	.code32
in_prot:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0x6000, %esp
	mov $0x80000904, %eax /* PCI 00:01.1: ports and bus master on */
	mov $5, %ecx
	call pci_write
	mov $0x80000920, %eax
	mov $bm | 1, %ecx
	call pci_write
	mov $1, %ebp
next:	/* 1: a loop that only DMA can end */
	movw $0xfeeb, loop
	mov $loop, %edi
	call read_sector
	mov $loop, %eax
	call *%eax
	mov $1, %bl
	cmp %ebp, %eax
	jne failed
	call finish
	/* 2: a function that answers 0 until DMA has changed it */
	movl $0x00c3c031, function
	mov $function, %edi
	call read_sector
1:	mov $function, %eax
	call *%eax
	test %eax, %eax
	jz 1b
	mov $2, %bl
	cmp %ebp, %eax
	jne failed
	call finish
	/* 3: the same instruction of RAM changes at once behind the OUT that starts fw_cfg's DMA */
	mov $rom + original - _start, %esi
	mov $routine, %edi
	mov $original_end - original, %ecx
	cld
	rep movsb
	movl $0x0a000000, desc	/* big-endian: select item 0, the signature "QEMU", and read */
	movl $0x04000000, desc + 4
	movl $0, desc + 8
	mov $routine + changed - original, %eax
	bswap %eax
	mov %eax, desc + 12
	mov $0x514, %edx
	xor %eax, %eax
	out %eax, %dx
	mov $0x518, %edx
	mov $desc, %eax
	bswap %eax
	mov $routine, %ecx
	call *%ecx
	mov $3, %bl
	cmp $8, %eax
	jne failed
	inc %ebp
	cmp $rounds, %ebp
	jbe next
	mov $42, %bl
failed:	mov $0x501, %edx
	mov %bl, %al
	out %al, %dx
stop:	hlt
	jmp stop

/* "QEMU" is push %ecx; inc %ebp; dec %ebp; push %ebp. EAX: how far the stack went */
original:
	mov %esp, %esi
	out %eax, %dx
changed:
	nop
	nop
	nop
	nop
	mov %esi, %eax
	sub %esp, %eax
	mov %esi, %esp
	ret
original_end:

pci_write: /* ECX to the register that EAX names */
	mov $0xcf8, %edx
	out %eax, %dx
	mov $0xcfc, %edx
	mov %ecx, %eax
	out %eax, %dx
	ret

read_sector: /* READ DMA of sector EBP to EDI: begun, not waited for */
	mov %edi, prd
	movl $0x80000000 | 512, prd + 4
	mov $prd, %eax
	mov $bm + 4, %edx
	out %eax, %dx
	mov $bm, %edx
	mov $8, %al
	out %al, %dx
	mov $bm + 2, %edx
	mov $6, %al
	out %al, %dx
	mov $0x1f6, %edx
	mov $0xe0, %al
	out %al, %dx
	mov $0x1f2, %edx
	mov $1, %al
	out %al, %dx
	inc %edx
	mov %ebp, %eax
	out %al, %dx
	inc %edx
	xor %eax, %eax
	out %al, %dx
	inc %edx
	out %al, %dx
	mov $0x1f7, %edx
	mov $0xc8, %al
	out %al, %dx
	mov $bm, %edx
	mov $9, %al
	out %al, %dx
	ret

finish: /* until the drive has done, then the bus master off */
	mov $0x1f7, %edx
1:	in %dx, %al
	test $0x80, %al
	jnz 1b
	mov $bm, %edx
	xor %eax, %eax
	out %al, %dx
	ret
	.balign 8
gdt:	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:	.word 23
	.long rom + gdt - _start
	.org 0xfff0
	.code16
	ljmp $0xf000, $0
	.org 0x10000
