/* Huffman codes of a deflate block (RFC 1951, 3.2.2). */
#ifndef AM_RUNFILE_CODES_H
#define AM_RUNFILE_CODES_H

#include <stdint.h>

enum {
	AM_CODES_SYMBOLS = 286,
	AM_CODES_BITS = 14, /* at most, so that four fit 64 bits with what is held over */
};

/* Code lengths for counts, of which at least two are not 0; 0 for what does not occur. The counts add up to less than
 * 2^32. */
void am_codes_lengths(const uint32_t count[AM_CODES_SYMBOLS], unsigned char length[AM_CODES_SYMBOLS]);

/* The codes that follow from lengths: bits, the first to be written lowest, and their number from bit 16 on; 0 for
 * lengths of 0. */
void am_codes_make(const unsigned char length[AM_CODES_SYMBOLS], uint32_t code[AM_CODES_SYMBOLS]);

#endif
