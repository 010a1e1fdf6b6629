/*
 * enc_simd.h - AArch64 encoder: SIMD and floating point. Source: Arm Architecture Reference Manual (DDI 0487), C4.1 "Data
 * Processing -- Scalar Floating-Point and Advanced SIMD".
 *
 * An instruction of registers alone is a word with the register fields zero, A_V*; element size s is 0..3 for bytes to double words,
 * of floating point 0 or 1 for single and double. All vectors are of 16 bytes where the name does not say otherwise.
 */
#ifndef JIT_A64_ENC_SIMD_H
#define JIT_A64_ENC_SIMD_H

#include "jit/a64/enc.h"

#define A_V3(u, opc) (0x4E200400u | (uint32_t)(u) << 29 | (uint32_t)(opc) << 11)
#define A_V2(u, opc) (0x4E200800u | (uint32_t)(u) << 29 | (uint32_t)(opc) << 12)
#define A_VS(s) ((uint32_t)(s) << 22)
#define A_VLOW (1u << 30) /* to take away: 8-byte vectors; the lower half where XTN2, SMULL2 ... are the upper */

enum {
	/* d = n op m */
	A_VSQADD = A_V3(0, 1), A_VUQADD = A_V3(1, 1), A_VURHADD = A_V3(1, 2), A_VSQSUB = A_V3(0, 5), A_VUQSUB = A_V3(1, 5),
	A_VCMGT = A_V3(0, 6), A_VCMGE = A_V3(0, 7), A_VCMHI = A_V3(1, 6), A_VSSHL = A_V3(0, 8), A_VUSHL = A_V3(1, 8),
	A_VSMAX = A_V3(0, 12), A_VUMAX = A_V3(1, 12), A_VSMIN = A_V3(0, 13), A_VUMIN = A_V3(1, 13), A_VUABD = A_V3(1, 14),
	A_VADD = A_V3(0, 16), A_VSUB = A_V3(1, 16), A_VCMEQ = A_V3(1, 17), A_VMUL = A_V3(0, 19), A_VUMAXP = A_V3(1, 20),
	A_VADDP = A_V3(0, 23),
	A_VAND = A_V3(0, 3), A_VBIC = A_V3(0, 3) | A_VS(1), A_VORR = A_V3(0, 3) | A_VS(2), A_VORN = A_V3(0, 3) | A_VS(3),
	A_VEOR = A_V3(1, 3), A_VBSL = A_V3(1, 3) | A_VS(1), A_VBIT = A_V3(1, 3) | A_VS(2), A_VBIF = A_V3(1, 3) | A_VS(3),
	A_VFADD = A_V3(0, 26), A_VFSUB = A_V3(0, 26) | A_VS(2), A_VFMUL = A_V3(1, 27), A_VFDIV = A_V3(1, 31),
	A_VFMAX = A_V3(0, 30), A_VFMIN = A_V3(0, 30) | A_VS(2),
	A_VFCMEQ = A_V3(0, 28), A_VFCMGE = A_V3(1, 28), A_VFCMGT = A_V3(1, 28) | A_VS(2), A_VFADDP = A_V3(1, 26),
	A_VSMULL2 = 0x4E20C000, A_VUMULL2 = 0x6E20C000, A_VPMULL2 = 0x4E20E000,
	A_VUZP1 = 0x4E001800, A_VTRN1 = 0x4E002800, A_VZIP1 = 0x4E003800, A_VUZP2 = 0x4E005800, A_VTRN2 = 0x4E006800,
	A_VZIP2 = 0x4E007800, A_VTBL = 0x4E000000,
	/* d = op n */
	A_VREV64 = A_V2(0, 0), A_VREV32 = A_V2(1, 0), A_VUADDLP = A_V2(1, 2), A_VNOT = A_V2(1, 5), A_VCMEQ0 = A_V2(0, 9),
	A_VCMLT0 = A_V2(0, 10), A_VABS = A_V2(0, 11), A_VNEG = A_V2(1, 11), A_VXTN2 = A_V2(0, 18), A_VSQXTUN2 = A_V2(1, 18),
	A_VSQXTN2 = A_V2(0, 20), A_VUQXTN2 = A_V2(1, 20),
	A_VFCVTN2 = A_V2(0, 22), A_VFCVTL2 = A_V2(0, 23), A_VFRINTN = A_V2(0, 24), A_VFRINTM = A_V2(0, 25),
	A_VFRINTP = A_V2(0, 24) | A_VS(2), A_VFRINTZ = A_V2(0, 25) | A_VS(2), A_VFRINTX = A_V2(1, 25),
	A_VFRINTI = A_V2(1, 25) | A_VS(2), A_VFCVTZS = A_V2(0, 27) | A_VS(2), A_VSCVTF = A_V2(0, 29),
	A_VFSQRT = A_V2(1, 31) | A_VS(2),
	A_VFRINT32Z = A_V2(0, 30), A_VFRINT32X = A_V2(1, 30), /* FEAT_FRINTTS */
	A_VAESE = 0x4E284800, A_VAESD = 0x4E285800, A_VAESMC = 0x4E286800, A_VAESIMC = 0x4E287800,
	A_VSHA1C = 0x5E000000, A_VSHA1P = 0x5E001000, A_VSHA1M = 0x5E002000, A_VSHA1H = 0x5E280800, A_VSHA1SU1 = 0x5E281800,
	A_VSHA256H = 0x5E004000, A_VSHA256H2 = 0x5E005000, A_VSHA256SU0 = 0x5E282800, A_VSHA256SU1 = 0x5E006000,
	/* scalar: of the lowest element; the rest of d becomes zero or, with FPCR.NEP, n's; of instructions of one operand d's, of FCMxx m's */
	A_SFADD = 0x1E202800, A_SFSUB = 0x1E203800, A_SFMUL = 0x1E200800, A_SFDIV = 0x1E201800, A_SFMAX = 0x1E204800, A_SFMIN = 0x1E205800,
	A_SFCMEQ = 0x5E20E400, A_SFCMGE = 0x7E20E400, A_SFCMGT = 0x7EA0E400,
	A_SFSQRT = 0x1E21C000, A_SFMOV = 0x1E204000, A_SFCVT_SD = 0x1E22C000, A_SFCVT_DS = 0x1E624000,
	A_SFRINTN = 0x1E244000, A_SFRINTP = 0x1E24C000, A_SFRINTM = 0x1E254000, A_SFRINTZ = 0x1E25C000, A_SFRINTX = 0x1E274000,
	A_SFRINTI = 0x1E27C000,
	A_SFRINT32Z = 0x1E284000, A_SFRINT32X = 0x1E28C000, A_SFRINT64Z = 0x1E294000, A_SFRINT64X = 0x1E29C000, /* FEAT_FRINTTS */
	A_SFCMP = 0x1E202000, A_SFCMPE = 0x1E202010, /* flags of n, m */
	/* between general and vector registers; with 1 << 31 a 64-bit general register */
	A_GSCVTF = 0x1E220000, A_GUCVTF = 0x1E230000, A_GFCVTZS = 0x1E380000,
	A_GFCVTZU_32 = 0x1E198000, /* times 2^32 */
	A_GFMOV_TO = 0x1E270000, A_GFMOV_FROM = 0x1E260000 /* 1 << 31 | A_VS(1) for 64 bits */
};

enum a_vshift { A_VSSHR = 0x4F000400, A_VUSHR = 0x6F000400, A_VUSRA = 0x6F001400, A_VSHL = 0x4F005400, A_VSSHLL2 = 0x4F00A400,
	A_VUSHLL2 = 0x6F00A400, A_VRSHRN2 = 0x4F008C00 };

void a_v3(struct codebuf *cb, uint32_t op, unsigned d, unsigned n, unsigned m);
void a_v2(struct codebuf *cb, uint32_t op, unsigned d, unsigned n);
void a_vmov(struct codebuf *cb, unsigned d, unsigned n);
void a_vzero(struct codebuf *cb, unsigned d);
void a_vbytes(struct codebuf *cb, unsigned d, uint8_t v); /* every byte */
/* by a constant: elements 8 << @s bits wide; left 0..width-1, right 1..width; of the long and narrow forms the narrow elements */
void a_vshift(struct codebuf *cb, enum a_vshift op, unsigned s, unsigned d, unsigned n, unsigned amount);
void a_vins(struct codebuf *cb, unsigned s, unsigned d, unsigned di, unsigned n, unsigned ni); /* d[di] = n[ni] */
void a_vins_reg(struct codebuf *cb, unsigned s, unsigned d, unsigned di, unsigned r);
void a_umov(struct codebuf *cb, unsigned s, unsigned r, unsigned n, unsigned ni);
void a_vdup(struct codebuf *cb, unsigned s, unsigned d, unsigned n, unsigned ni);
void a_vdup_reg(struct codebuf *cb, unsigned s, unsigned d, unsigned r);
void a_sdup(struct codebuf *cb, unsigned s, unsigned d, unsigned n, unsigned ni); /* d[0] = n[ni], the rest 0 */
void a_vext(struct codebuf *cb, unsigned d, unsigned n, unsigned m, unsigned byte); /* bytes m:n >> 8 * byte; 0..15 */

/* memory, w 1 2 4 8 16; a load clears the rest of the register. @off: a multiple of w, below 4096 * w */
void a_vldr(struct codebuf *cb, unsigned w, unsigned t, unsigned n, int32_t off);
void a_vstr(struct codebuf *cb, unsigned w, unsigned t, unsigned n, int32_t off);
void a_vstp(struct codebuf *cb, unsigned t, unsigned t2, unsigned n, int32_t off); /* 16 bytes each, off -1024..1008 */
void a_vldr_reg(struct codebuf *cb, unsigned w, unsigned t, unsigned n, unsigned m);
void a_vstr_reg(struct codebuf *cb, unsigned w, unsigned t, unsigned n, unsigned m);

/* floating-point control and status */
#define FPCR_FIZ (1u << 0) /* this and the next two: FEAT_AFP */
#define FPCR_AH (1u << 1)
#define FPCR_NEP (1u << 2)
#define FPCR_FZ (1u << 24)
#define FPSR_IXC (1u << 4)
void a_mrs_fpsr(struct codebuf *cb, unsigned t);
void a_msr_fpsr(struct codebuf *cb, unsigned t);
void a_msr_fpcr(struct codebuf *cb, unsigned t);
void a_axflag(struct codebuf *cb); /* FEAT_FlagM2 */

#endif
