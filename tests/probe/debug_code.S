/* debug_code.S - what debug.c steps through: db_run(n) sets TF and goes to case n; the handler clears TF at the case's end. */
#ifdef __x86_64__
#define PTR .quad
#define BX %rbx
#define PSP %rsp
#else
#define PTR .long
#define BX %ebx
#define PSP %esp
#endif
#define TEXT_(x...) #x
#define TEXT(x...) TEXT_(x)
#define CASE(x...) case TEXT(x)
	.macro case text
	.pushsection .data
	PTR 1f, 2f
	.popsection
1:	\text
2:	ret
	.endm
	.data
	.balign 8
	.globl db_cases, db_var
db_var:	.quad 16
db_cases:
	.text
	CASE(nop; nop; nop)
	CASE(cpuid; cpuid; cpuid)
	CASE(mov %eax, %ss; nop; nop)
	CASE(push BX; popf; nop)
	CASE(cli; sti; cli)
	CASE(rep stosb)
	CASE(int $0x90)
	CASE(rdmsr; nop)
	CASE(in %dx, %al; nop)
	CASE(movl $16, db_var; nop)
	CASE(pushf; popf)

	.globl db_run
db_run:
#ifdef __x86_64__
	push %rbx; push %rdi
	shl $4, %edi
	mov db_cases(%rdi), %rsi
	mov $db_buffer, %edi
	mov $2, %ebx
	mov $16, %eax
	mov $0x61, %edx
	mov $0x1B, %ecx
	cmpl $5, (%rsp)
	jne 1f
	mov $3, %ecx
1:	call 2f
	pop %rdi; pop %rbx
	ret
#else
	push %ebx; push %edi; push %esi
	mov 16(%esp), %edi
	push %edi
	mov db_cases(, %edi, 8), %esi
	mov $db_buffer, %edi
	mov $2, %ebx
	mov $16, %eax
	mov $0x61, %edx
	mov $0x1B, %ecx
	cmpl $5, (%esp)
	jne 1f
	mov $3, %ecx
1:	call 2f
	add $4, %esp
	pop %esi; pop %edi; pop %ebx
	ret
#endif
2:	pushf
	orl $0x100, (PSP)
	popf
#ifdef __x86_64__
	jmp *%rsi
#else
	jmp *%esi
#endif
	.bss
db_buffer: .skip 64
