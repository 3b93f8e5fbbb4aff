/* Byte planes as a zlib stream: zlib and libdeflate give them back, whatever the bytes and
 * lengths, and nothing is written beyond the room. */
#include "runfile/planes.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libdeflate.h>
#include <zlib.h>

enum { MOST = 200000, PLANES = 4, GUARD = 64 };

static unsigned char in[PLANES * MOST], out[PLANES * MOST + GUARD], back[PLANES * MOST];
static uint64_t scratch[AM_PLANES_SCRATCH(MOST)];

static void same_after(const unsigned char *packed, size_t size, size_t bytes)
{
	uLongf full = bytes;
	assert_int_equal(uncompress(back, &full, packed, size), Z_OK);
	assert_int_equal(full, bytes);
	assert_memory_equal(back, in, bytes);
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	size_t got = 0;
	memset(back, 0, bytes);
	assert_int_equal(libdeflate_zlib_decompress(d, packed, size, back, bytes, &got), LIBDEFLATE_SUCCESS);
	assert_int_equal(got, bytes);
	assert_memory_equal(back, in, bytes);
	libdeflate_free_decompressor(d);
}

/* Size of the stream in as much room as the bytes take; 0: none. */
static size_t pack(size_t n, size_t planes, const size_t *distance, size_t room)
{
	memset(out, 0xa5, sizeof out);
	size_t size = am_planes_pack(in, n, planes, distance, out, room, scratch);
	assert_true(size <= room);
	for (size_t i = room; i < room + GUARD; i++)
		assert_int_equal(out[i], 0xa5);
	if (size)
		same_after(out, size, n * planes);
	return size;
}

/* A byte of a kind of plane. */
static unsigned char byte_of(int kind, size_t i, size_t distance, const unsigned char *plane, am_rng *rng)
{
	uint64_t r = am_rng_next(rng);
	switch (kind) {
	case 0: return 7;                                     /* constant */
	case 1: return (unsigned char)r;                      /* noise */
	case 2: return (unsigned char)__builtin_ctzll(r | 1ull << 40); /* halving: codes of every length */
	case 3: return i >= distance && r % 400 ? plane[i - distance] : (unsigned char)(r >> 32); /* repeats */
	case 4: return (unsigned char)(r % 50 ? 0 : 1 + r / 50 % 2);     /* rare */
	case 5: return (unsigned char)(i / 3000 % 2 ? r : 255);          /* noise and constant in turn */
	default: return (unsigned char)(i * 31 >> 8);
	}
}

static void every_kind_comes_back(void **state)
{
	(void)state;
	static const size_t lengths[] = {1, 2, 15, 16, 17, 31, 33, 257, 4096, 4111, 65535, 65536, 70001, MOST};
	static const size_t distances[] = {1, 3, 8, 16, 300, 2048, 32768, 32769};
	am_rng rng = {5};
	for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
		for (size_t d = 0; d < sizeof distances / sizeof distances[0]; d++)
			for (int kind = 0; kind < 7; kind++) {
				size_t n = lengths[l], planes = 1 + (l + d) % PLANES;
				for (size_t p = 0; p < planes; p++)
					for (size_t i = 0; i < n; i++)
						in[p * n + i] = byte_of((kind + (int)p) % 7, i, distances[d], in + p * n, &rng);
				size_t size = pack(n, planes, (size_t[]){1, distances[d], 0}, planes * n);
				if (n >= 4096 && (kind == 0 || (kind == 3 && distances[d] <= 2048)) && planes == 1)
					assert_in_range(size, 1, n / 4);
			}
}

/* Counts that grow like Fibonacci's numbers ask for codes of 23 bits and more. */
static void codes_stay_short(void **state)
{
	(void)state;
	size_t n = 0, count[2] = {1, 1};
	for (int s = 0; s < 25; s++) {
		for (size_t i = 0; i < count[0] && n < MOST; i++)
			in[n++] = (unsigned char)(s * 10);
		count[1] += count[0];
		count[0] = count[1] - count[0];
	}
	for (size_t i = n - 1; i > 0; i--) { /* else all is repetition */
		size_t j = (i * 2654435761u) % (i + 1);
		unsigned char t = in[i];
		in[i] = in[j];
		in[j] = t;
	}
	assert_in_range(pack(n, 1, (size_t[]){0, 0, 0}, n), 1, n / 2);
}

static void noise_is_stored(void **state)
{
	(void)state;
	am_rng rng = {9};
	enum { N = 70000 };
	for (int noise = 0; noise <= 3; noise++) {
		for (int i = 0; i < 4 * N; i++)
			in[i] = (unsigned char)(i < noise * N ? am_rng_next(&rng) : 3);
		size_t size = pack(N, 4, (size_t[]){1, 8, 64}, 4 * N);
		assert_in_range(size, noise * N, noise * (N + 20) + 3000);
	}
	for (int i = 0; i < 4 * N; i++)
		in[i] = (unsigned char)am_rng_next(&rng);
	assert_int_equal(pack(N, 4, (size_t[]){1, 8, 64}, 4 * N), 0);
}

static void too_little_room_is_told(void **state)
{
	(void)state;
	enum { N = 5000 };
	am_rng rng = {3};
	for (int i = 0; i < 2 * N; i++)
		in[i] = (unsigned char)(am_rng_next(&rng) % 5);
	size_t size = pack(N, 2, (size_t[]){1, 8, 64}, 2 * N), least = 0;
	assert_true(size > 0);
	for (size_t room = 1; room < size + 40; room += 7) {
		size_t got = pack(N, 2, (size_t[]){1, 8, 64}, room);
		assert_true(got == 0 || got == size);
		least = got && !least ? room : least;
	}
	assert_in_range(least, size, size + 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_comes_back),
		cmocka_unit_test(codes_stay_short),
		cmocka_unit_test(noise_is_stored),
		cmocka_unit_test(too_little_room_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
