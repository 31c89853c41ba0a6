#include "textflag.h"

// STEP takes one step of each of the four checksums, of so many bytes.
#define STEP(CRC, BYTES) \
	CRC (SI), R8; \
	CRC (DI), R9; \
	CRC (BX), R10; \
	CRC (DX), R11; \
	ADDQ $BYTES, SI; \
	ADDQ $BYTES, DI; \
	ADDQ $BYTES, BX; \
	ADDQ $BYTES, DX

// func castagnoliLanes(b *[Lanes][]byte, n int, sums *[Lanes]uint32)
TEXT ·castagnoliLanes(SB), NOSPLIT, $0-24
	MOVQ b+0(FP), AX
	MOVQ 0(AX), SI   // the slices' data, 24 bytes apart
	MOVQ 24(AX), DI
	MOVQ 48(AX), BX
	MOVQ 72(AX), DX
	MOVQ n+8(FP), CX
	MOVL $0xffffffff, R8 // the checksums begin inverted
	MOVL R8, R9
	MOVL R8, R10
	MOVL R8, R11

words:
	SUBQ $8, CX
	JLT  rest
	STEP(CRC32Q, 8)
	JMP  words

rest: // the low three bits of CX are still what is left of n
	TESTQ $4, CX
	JZ    two
	STEP(CRC32L, 4)

two:
	TESTQ $2, CX
	JZ    one
	STEP(CRC32W, 2)

one:
	TESTQ $1, CX
	JZ    done
	STEP(CRC32B, 1)

done:
	NOTL R8
	NOTL R9
	NOTL R10
	NOTL R11
	MOVQ sums+16(FP), AX
	MOVL R8, 0(AX)
	MOVL R9, 4(AX)
	MOVL R10, 8(AX)
	MOVL R11, 12(AX)
	RET
