/*
 * ops.S - the instructions of mmio.c, each a function: DI points to 256 bytes, most operands begin at DI + 40h. void run_op(fn,
 * mem, state) calls one with known registers and stores what it leaves.
 */
#ifdef __x86_64__
#define AX rax
#define CX rcx
#define DX rdx
#define BX rbx
#define SI rsi
#define DI rdi
#define BP rbp
#define SP rsp
#define W 8
#define PTR .quad
#else
#define AX eax
#define CX ecx
#define DX edx
#define BX ebx
#define SI esi
#define DI edi
#define BP ebp
#define SP esp
#define W 4
#define PTR .long
#endif
#define TEXT_(x...) #x
#define TEXT(x...) TEXT_(x)
#define OP(x...) op TEXT(x) /* as a string, so that it may hold several instructions */
	.macro op text
	.pushsection .rodata.ops, "a"
	PTR 1f, 2f
	.popsection
	.pushsection .rodata.names, "a"
2:	.asciz "\text"
	.popsection
1:	\text
	ret
	.endm
	.macro ops_rw insn
	OP(\insn\()b $0x5A, 0x40(%DI))
	OP(\insn\()w $0x1234, 0x40(%DI))
	OP(\insn\()l $0x12345678, 0x40(%DI))
	OP(\insn\()l $-3, 0x40(%DI))
	OP(\insn %dl, 0x40(%DI))
	OP(\insn %dx, 0x40(%DI))
	OP(\insn %edx, 0x40(%DI))
	OP(\insn 0x40(%DI), %dl)
	OP(\insn 0x40(%DI), %dx)
	OP(\insn 0x40(%DI), %edx)
#ifdef __x86_64__
	OP(\insn %rdx, 0x40(%DI))
	OP(\insn 0x40(%DI), %rdx)
	OP(\insn\()q $0x12345678, 0x40(%DI))
#endif
	.endm
	.macro ops_u insn
	OP(\insn\()b 0x40(%DI))
	OP(\insn\()w 0x40(%DI))
	OP(\insn\()l 0x40(%DI))
#ifdef __x86_64__
	OP(\insn\()q 0x40(%DI))
#endif
	.endm
	.macro ops_sh insn
	OP(\insn\()b %cl, 0x40(%DI))
	OP(\insn\()w %cl, 0x40(%DI))
	OP(\insn\()l %cl, 0x40(%DI))
	OP(\insn\()l $1, 0x40(%DI))
	OP(\insn\()l $0, 0x40(%DI))
	OP(\insn\()w $15, 0x40(%DI))
#ifdef __x86_64__
	OP(\insn\()q $33, 0x40(%DI))
#endif
	.endm
	.pushsection .rodata.ops, "a"
	.globl ops
	.balign 8
ops:
	.popsection

	.text
	.irp i, mov, add, or, adc, sbb, and, sub, xor, cmp, test
	.ifc \i, test
	OP(testb $0x5A, 0x40(%DI))
	OP(testl $0x5A5A5A5A, 0x40(%DI))
	OP(testw %dx, 0x40(%DI))
	OP(.byte 0xF6, 0x4F, 0x40, 0x55)
	.else
	ops_rw \i
	.endif
	.endr
	.irp i, inc, dec, neg, not, mul, imul
	ops_u \i
	.endr
	OP(divb 0x43(%DI))
	OP(divl 0x40(%DI))
	OP(idivl 0x40(%DI))
	OP(imul 0x40(%DI), %edx)
	OP(imul $77, 0x40(%DI), %edx)
	OP(imul 0x40(%DI), %dx)
	.irp i, shl, shr, sar, rol, ror, rcl, rcr
	ops_sh \i
	.endr
	OP(shld $5, %edx, 0x40(%DI))
	OP(shrd $5, %edx, 0x40(%DI))
	OP(shld %cl, %dx, 0x40(%DI))
	OP(shrd %cl, %edx, 0x40(%DI))
	.irp i, bt, bts, btr, btc
	OP(\i\()l $5, 0x40(%DI))
	OP(\i\()w $13, 0x40(%DI))
	OP(\i %ecx, 0x40(%DI))
	OP(mov $-37, %ecx; \i %ecx, 0x48(%DI))
	OP(mov $77, %ecx; \i %cx, 0x40(%DI))
	.endr
	OP(bsf 0x40(%DI), %edx)
	OP(bsr 0x40(%DI), %edx)
	OP(bsf 0x40(%DI), %dx)
	.irp i, xchg, xadd, cmpxchg
	OP(\i %dl, 0x40(%DI))
	OP(\i %dx, 0x40(%DI))
	OP(\i %edx, 0x40(%DI))
	OP(lock \i %edx, 0x40(%DI))
	.endr
	OP(mov 0x40(%DI), %eax; cmpxchg %ebx, 0x40(%DI))
	OP(mov 0x40(%DI), %al; lock cmpxchg %bl, 0x40(%DI))
	OP(cmpxchg8b 0x40(%DI))
	OP(lock cmpxchg8b 0x40(%DI))
	OP(mov 0x40(%DI), %eax; mov 0x44(%DI), %edx; lock cmpxchg8b 0x40(%DI))
	OP(lock incl 0x40(%DI))
	OP(lock btsl $3, 0x40(%DI))
	OP(lock orl $1, 0x40(%DI))
	OP(lock addb $1, 0x40(%DI))
	OP(movsbw 0x40(%DI), %dx)
	OP(movsbl 0x40(%DI), %edx)
	OP(movswl 0x40(%DI), %edx)
	OP(movzbw 0x40(%DI), %dx)
	OP(movzbl 0x40(%DI), %edx)
	OP(movzwl 0x40(%DI), %edx)
	OP(movb $7, 0x40(%DI))
	OP(mov 0x40(%DI), %dh)
	OP(mov %dh, 0x40(%DI))
	OP(mov %ds, 0x40(%DI))
	OP(movl $16, 0x40(%DI); mov 0x40(%DI), %es)
	OP(sete 0x40(%DI))
	OP(setne 0x40(%DI))
	OP(seto 0x41(%DI))
	OP(cmp %eax, %eax; cmove 0x40(%DI), %edx)
	OP(cmp %eax, %eax; cmovne 0x40(%DI), %edx)
	OP(movnti %edx, 0x40(%DI))
	OP(movbe 0x40(%DI), %edx)
	OP(movbe %dx, 0x40(%DI))
	OP(popcnt 0x40(%DI), %edx)
	OP(crc32b 0x40(%DI), %edx)
	OP(crc32l 0x40(%DI), %edx)
	OP(andn 0x40(%DI), %edx, %edx)
	OP(push 0x40(%DI); pop %DX)
	OP(push %DX; pop 0x40(%DI))
	OP(pushw 0x40(%DI); popw 0x50(%DI))
	OP(xor %eax, %eax; mov $0x40, %al; lea 0(%DI), %BX; xlat; mov $0, %ebx)
	OP(smsw 0x40(%DI))
	OP(movw $0x31, 0x40(%DI); smsw %ax; mov %ax, 0x40(%DI); lmsw 0x40(%DI))
	OP(sgdt 0x40(%DI))
	OP(sidt 0x40(%DI))
	OP(sldt 0x40(%DI))
	OP(str 0x40(%DI))
	OP(sgdt 0x40(%DI); lgdt 0x40(%DI))
	OP(sidt 0x40(%DI); lidt 0x40(%DI))
	OP(movw $0x10, 0x40(%DI); lar 0x40(%DI), %edx)
	OP(movw $0x10, 0x40(%DI); lsl 0x40(%DI), %edx)
	OP(movw $0x10, 0x40(%DI); verr 0x40(%DI))
	OP(movw $0x10, 0x40(%DI); verw 0x40(%DI))
	OP(movw $0, 0x40(%DI); lldt 0x40(%DI))
	OP(prefetcht0 0x40(%DI))
	OP(clflush 0x40(%DI))
	OP(invlpg 0x40(%DI))
	/* strings: to, from, both; forward and back */
	OP(push %DI; lea 0x40(%DI), %DI; mov $11, %ecx; rep stosb; pop %DI)
	OP(push %DI; lea 0x40(%DI), %DI; mov $5, %ecx; rep stosw; pop %DI)
	OP(push %DI; lea 0x40(%DI), %DI; mov $9, %ecx; rep stosl; pop %DI)
	OP(push %DI; lea 0x40(%DI), %SI; lea 0x80(%DI), %DI; mov $11, %ecx; rep movsb; not %DI; lea 1(%SI,%DI), %SI; not %DI; pop %DI)
	OP(push %DI; lea 0x40(%DI), %SI; lea 0x43(%DI), %DI; mov $11, %ecx; rep movsl; not %DI; lea 1(%SI,%DI), %SI; not %DI; pop %DI)
	OP(push %DI; lea 0x70(%DI), %SI; lea 0x63(%DI), %DI; mov $11, %ecx; std; rep movsw; cld; not %DI; lea 1(%SI,%DI), %SI; not %DI; pop %DI)
	OP(push %DI; lea 0x40(%DI), %SI; lea buffer, %DI; mov $33, %ecx; rep movsb; pop %DI; mov $0, %esi; mov buffer+30, %edx)
	OP(push %DI; lea names, %SI; lea 0x40(%DI), %DI; mov $33, %ecx; rep movsb; pop %DI; mov $0, %esi)
	OP(push %DI; lea 0x40(%DI), %SI; lodsb; lodsw; lodsl; not %DI; lea 1(%SI,%DI), %SI; not %DI; pop %DI)
	OP(push %DI; lea 0x40(%DI), %DI; mov $0x34, %al; mov $99, %ecx; repne scasb; pop %DI)
	OP(push %DI; lea 0x40(%DI), %DI; mov $0x34, %eax; mov $9, %ecx; repne scasl; pop %DI)
	OP(push %DI; lea 0x40(%DI), %SI; lea 0x42(%DI), %DI; mov $9, %ecx; repne cmpsb; not %DI; lea 1(%SI,%DI), %SI; not %DI; pop %DI)
	OP(push %DI; lea 0x40(%DI), %SI; mov %SI, %DI; mov $9, %ecx; repe cmpsl; not %DI; lea 1(%SI,%DI), %SI; not %DI; pop %DI)
	OP(push %DI; mov $0xE8, %edx; lea 0x40(%DI), %SI; mov $7, %ecx; rep outsb; not %DI; lea 1(%SI,%DI), %SI; not %DI; pop %DI)
	OP(push %DI; mov $0xE0, %edx; lea 0x40(%DI), %SI; mov $3, %ecx; rep outsl; not %DI; lea 1(%SI,%DI), %SI; not %DI; pop %DI)
	OP(push %DI; mov $0xE0, %edx; mov $0xCAFE, %eax; out %eax, %dx; lea 0x40(%DI), %DI; mov $7, %ecx; rep insl; pop %DI)
	OP(push %DI; mov $0xE8, %edx; mov $0xCA, %eax; out %al, %dx; lea 0x40(%DI), %DI; mov $7, %ecx; rep insb; pop %DI)
	/* a stack there */
	OP(mov %SP, %BP; lea 0x60(%DI), %SP; push %DX; push %BX; pushf; pop %AX; pop %CX; mov %BP, %SP)
	OP(mov %SP, %BP; lea 0x60(%DI), %SP; push $5; enter $8, $0; mov %SP, %AX; leave; mov %BP, %SP; sub %DI, %AX)
	OP(mov %SP, %BP; lea 0x60(%DI), %SP; call 1f; 1: pop %AX; mov %BP, %SP; sub $1b, %AX)
	OP(lea 1f, %AX; mov %AX, 0x40(%DI); jmp *0x40(%DI); 1: mov $0, %eax; mov %AX, 0x40(%DI))
	OP(lea 1f, %AX; mov %AX, 0x40(%DI); call *0x40(%DI); 1: pop %AX; mov $0, %eax; mov %AX, 0x40(%DI))
	OP(movl $1f, 0x40(%DI); mov %cs, 0x44(%DI); ljmp *0x40(%DI); 1: movl $0, 0x40(%DI))
	OP(movl $1f, 0x40(%DI); mov %cs, 0x44(%DI); lcall *0x40(%DI); 1: lea 8(%SP), %SP; xor %eax, %eax; movl $0, 0x40(%DI))
	OP(movl $0x12345, 0x40(%DI); movw $0x10, 0x44(%DI); lfs 0x40(%DI), %edx; mov %fs, %eax; mov $0, %ecx; mov %ecx, %fs)
	OP(movl $0x12345, 0x40(%DI); movw $0x13, 0x44(%DI); lss 0x40(%DI), %edx)
	/* x87, MMX, SSE */
	OP(flds 0x40(%DI); fstps 0x50(%DI))
	OP(fldl 0x70(%DI); fstpl 0x40(%DI))
	OP(fldpi; fstpt 0x40(%DI); fldt 0x40(%DI); fstpl 0x50(%DI))
	OP(fildl 0x40(%DI); fistps 0x50(%DI))
	OP(fildll 0x40(%DI); fistpll 0x50(%DI))
	OP(fbld 0x40(%DI); fbstp 0x50(%DI))
	OP(fnstenv 0x40(%DI); fldenv 0x40(%DI); movl $0, 0x4C(%DI); movl $0, 0x54(%DI); movl $0, 0x50(%DI); movl $0, 0x58(%DI))
	OP(fnstcw 0x40(%DI); fldcw 0x40(%DI); fnstsw 0x50(%DI))
	OP(movq 0x40(%DI), %mm0; paddb 0x48(%DI), %mm0; movq %mm0, 0x50(%DI); emms)
	OP(movd 0x40(%DI), %mm0; movd %mm0, %edx; emms)
	OP(movq 0x40(%DI), %mm0; mov %DI, %BP; lea 0x50(%DI), %DI; maskmovq %mm0, %mm0; mov %BP, %DI; emms)
	OP(mov %DI, %BP; lea 0x40(%DI), %DI; maskmovdqu %xmm3, %xmm2; mov %BP, %DI)
	OP(movups 0x40(%DI), %xmm0)
	OP(movups %xmm1, 0x40(%DI))
	OP(movdqu 0x40(%DI), %xmm0; movdqu %xmm0, 0x51(%DI))
	OP(movaps 0x40(%DI), %xmm0)
	OP(movaps %xmm1, 0x40(%DI))
	OP(movaps 0x48(%DI), %xmm0)
	OP(movntdq %xmm1, 0x40(%DI))
	OP(movntdqa 0x40(%DI), %xmm0)
	OP(movss 0x40(%DI), %xmm0; movsd 0x44(%DI), %xmm1)
	OP(movss %xmm1, 0x40(%DI); movsd %xmm2, 0x44(%DI))
	OP(movlps 0x40(%DI), %xmm0; movhps 0x40(%DI), %xmm1; movlps %xmm1, 0x50(%DI); movhps %xmm0, 0x58(%DI))
	OP(movd 0x40(%DI), %xmm0; movq 0x40(%DI), %xmm1; movd %xmm2, 0x50(%DI); movq %xmm3, 0x58(%DI))
	OP(paddd 0x40(%DI), %xmm0; pshufb 0x40(%DI), %xmm1)
	OP(addsd 0x70(%DI), %xmm0; mulsd 0x70(%DI), %xmm0)
	OP(cvtsi2sdl 0x40(%DI), %xmm0; cvttsd2si 0x70(%DI), %edx)
	OP(pinsrw $3, 0x40(%DI), %xmm0; pinsrd $1, 0x40(%DI), %xmm1; pinsrb $7, 0x40(%DI), %xmm2)
	OP(pextrb $3, %xmm0, 0x40(%DI); pextrd $1, %xmm1, 0x44(%DI); pextrw $5, %xmm2, 0x48(%DI))
	OP(pcmpistri $0, 0x40(%DI), %xmm1; pcmpestrm $0x40, 0x40(%DI), %xmm2)
	OP(stmxcsr 0x40(%DI); ldmxcsr 0x40(%DI))
	OP(movl $0xFFFFFFFF, 0x40(%DI); ldmxcsr 0x40(%DI))
	OP(lddqu 0x40(%DI), %xmm0; movddup 0x40(%DI), %xmm1; pmovzxbw 0x40(%DI), %xmm2)
#ifdef __x86_64__
	OP(movslq 0x40(%DI), %rdx)
	OP(cmpxchg16b 0x40(%DI))
	OP(mov 0x40(%DI), %rax; mov 0x48(%DI), %rdx; lock cmpxchg16b 0x40(%DI))
	OP(lock xadd %rdx, 0x40(%DI))
	OP(mov %cr8, %rax; mov %rax, 0x40(%DI))
	OP(bts %rcx, 0x40(%DI))
	OP(movntiq %rdx, 0x40(%DI))
	OP(lea 0x40(%rdi), %rsi; push %rdi; lea 0x80(%rdi), %rdi; mov $3, %ecx; rep movsq; sub %rdi, %rsi; pop %rdi)
	OP(push %rdi; lea 0x40(%rdi), %rdi; mov $3, %ecx; rep stosq; pop %rdi)
	OP(addr32 movl $5, 0x40(%edi))
	OP(swapgs; swapgs)
	OP(mov %rsp, %rbp; lea 0x90(%rdi), %rsp; push $0x10; push %rbp; pushf; push $0x28; push $1f; iretq; 1: mov %rbp, %rsp; movl $0, 0x80(%rdi); mov $0, %eax; mov %rax, 0x80(%rdi))
#else
	OP(mov %esp, %ebp; lea 0x90(%edi), %esp; pushf; push %cs; push $1f; iret; 1: mov %ebp, %esp)
	OP(bound %eax, 0x40(%edi))
	OP(arpl %dx, 0x40(%edi))
	OP(mov %esp, %ebp; lea 0x60(%edi), %esp; push $0; pusha; popa; mov %ebp, %esp; movl $0, 0x3C(%edi); movl $0, 0x48(%edi))
	OP(mov %esp, %ebp; lea 0x60(%edi), %esp; push %es; push %ds; pop %ds; pop %es; mov %ebp, %esp)
	OP(movl $0x12345, 0x40(%DI); movw $0x10, 0x44(%DI); les 0x40(%DI), %edx; lds 0x40(%DI), %ecx)
#endif
	.pushsection .rodata.ops, "a"
	.globl ops_end
ops_end:
	.popsection

	.globl run_op
run_op:
#ifdef __x86_64__
	push %rbx; push %rbp; push %rdx
	mov %rdi, %rax
	mov %rsi, %rdi
	movdqu 64(%rdx), %xmm0
	movdqu 80(%rdx), %xmm1
	movdqu 96(%rdx), %xmm2
	movdqu 112(%rdx), %xmm3
	mov %rax, fn
	mov $0x11223344, %eax
	mov $0x105, %ecx
	mov $0x00000021, %edx
	mov $0x12345678, %ebx
	mov $0, %esi
	mov $0, %ebp
	push $0x202 - 0x200
	popf
	call *fn
	mov %rdx, saved
	pushf
	pop saved + 8
	mov 0(%rsp), %rdx
	mov %rax, (%rdx)
	mov %rcx, 8(%rdx)
	mov saved, %rax
	mov %rax, 16(%rdx)
	mov %rbx, 24(%rdx)
	mov %rsi, 40(%rdx)
	mov %rdi, 48(%rdx)
	mov saved + 8, %rax
	and $0x8D5, %rax
	mov %rax, 56(%rdx)
	movdqu %xmm0, 64(%rdx)
	movdqu %xmm1, 80(%rdx)
	movdqu %xmm2, 96(%rdx)
	movdqu %xmm3, 112(%rdx)
	pop %rdx; pop %rbp; pop %rbx
	ret
#else
	push %ebx; push %ebp; push %esi; push %edi
	mov 20(%esp), %eax
	mov %eax, fn
	mov 24(%esp), %edi
	mov 28(%esp), %edx
	push %edx
	movdqu 32(%edx), %xmm0
	movdqu 48(%edx), %xmm1
	movdqu 64(%edx), %xmm2
	movdqu 80(%edx), %xmm3
	mov $0x11223344, %eax
	mov $0x105, %ecx
	mov $0x00000021, %edx
	mov $0x12345678, %ebx
	mov $0, %esi
	mov $0, %ebp
	push $2
	popf
	call *fn
	mov %edx, saved
	pushf
	pop saved + 8
	pop %edx
	mov %eax, (%edx)
	mov %ecx, 4(%edx)
	mov saved, %eax
	mov %eax, 8(%edx)
	mov %ebx, 12(%edx)
	mov %esi, 20(%edx)
	mov %edi, 24(%edx)
	mov saved + 8, %eax
	and $0x8D5, %eax
	mov %eax, 28(%edx)
	movdqu %xmm0, 32(%edx)
	movdqu %xmm1, 48(%edx)
	movdqu %xmm2, 64(%edx)
	movdqu %xmm3, 80(%edx)
	pop %edi; pop %esi; pop %ebp; pop %ebx
	ret
#endif
	.bss
fn:	.quad 0
saved:	.quad 0, 0
buffer:	.skip 64
	.section .rodata.names, "a"
names:	.asciz "0123456789abcdefghijklmnopqrstuvwxyz"
