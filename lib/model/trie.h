/* A set of byte strings for finding the longest that begins at a place. */
#ifndef AM_MODEL_TRIE_H
#define AM_MODEL_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct am_trie_node {
	int32_t child, sibling; /* -1 for none */
	int32_t value;          /* of the string that ends here, -1 for none */
	unsigned char byte;
} am_trie_node;

typedef struct am_trie {
	am_trie_node *nodes;
	size_t n, room;
	int32_t first[256]; /* node of a first byte, -1 for none */
} am_trie;

/* An empty set. */
void am_trie_init(am_trie *t);
void am_trie_fini(am_trie *t);

typedef enum { AM_TRIE_ADDED, AM_TRIE_KNOWN, AM_TRIE_NO_MEMORY } am_trie_result;

/* Adds a string (n >= 1) with a value >= 0. A string already there keeps its
 * value. */
am_trie_result am_trie_add(am_trie *t, const char *s, size_t n, int32_t value);

/* The value of the longest string that begins at text[0..n), its length in *size;
 * -1 when none does. */
int32_t am_trie_longest(const am_trie *t, const char *text, size_t n, size_t *size);

#endif
