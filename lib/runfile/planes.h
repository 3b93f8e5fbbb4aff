/* Byte planes of shuffled numbers as a zlib stream, faster than a search for repetitions.
 *
 * Of float32 statistics the planes of low bytes are noise, that of exponents and those of numbers that
 * have few bits (counts, ratios, missing values) repeat what stood a byte or a whole last axis
 * before, and between lie planes whose bytes are unequally frequent. So each plane is a block of its
 * own: stored, or coded by Huffman with repetitions at one distance. Any reader of HDF5's
 * deflate filter reads it. Formats: RFC 1950 (zlib), RFC 1951 (deflate). */
#ifndef AM_RUNFILE_PLANES_H
#define AM_RUNFILE_PLANES_H

#include <stddef.h>
#include <stdint.h>

/* Words of 64 bits that am_planes_pack needs beside its input and output. */
#define AM_PLANES_SCRATCH(n) ((n) / 1024 + 1)

enum { AM_PLANES_DISTANCES = 3 };

/* `planes` planes of n bytes each, one after another at in, into out[room]. Repetitions are looked for at
 * distance[], in bytes of a plane; one that is 0 or farther than 32768 is passed over. Returns
 * the bytes of the stream, 0 where it does not fit. scratch[AM_PLANES_SCRATCH(n)]. */
size_t am_planes_pack(const unsigned char *in, size_t n, size_t planes, const size_t distance[AM_PLANES_DISTANCES],
                      unsigned char *out, size_t room, uint64_t *scratch);

#endif
