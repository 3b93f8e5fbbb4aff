#include "model/trie.h"

#include "base/mem.h"

#include <string.h>

void am_trie_init(am_trie *t)
{
	*t = (am_trie){0};
	memset(t->first, -1, sizeof t->first);
}

void am_trie_fini(am_trie *t)
{
	am_free(t->nodes);
	am_trie_init(t);
}

static int32_t find_sibling(const am_trie *t, int32_t node, unsigned char byte)
{
	while (node >= 0 && t->nodes[node].byte != byte)
		node = t->nodes[node].sibling;
	return node;
}

static int32_t new_node(am_trie *t, unsigned char byte, int32_t sibling)
{
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		am_trie_node *nodes =
			room < INT32_MAX ? am_grow(t->nodes, t->n * sizeof *nodes, room, sizeof *nodes) : NULL;
		if (!nodes)
			return -1;
		t->nodes = nodes;
		t->room = room;
	}
	t->nodes[t->n] = (am_trie_node){.child = -1, .sibling = sibling, .value = -1, .byte = byte};
	return (int32_t)t->n++;
}

/* The child of `parent` (-1: the root) for a byte, made when it is not there. */
static int32_t child_of(am_trie *t, int32_t parent, unsigned char byte)
{
	int32_t head = parent < 0 ? t->first[byte] : t->nodes[parent].child;
	int32_t node = find_sibling(t, head, byte);
	if (node >= 0)
		return node;
	node = new_node(t, byte, head);
	if (node < 0)
		return -1;
	if (parent < 0)
		t->first[byte] = node;
	else
		t->nodes[parent].child = node;
	return node;
}

am_trie_result am_trie_add(am_trie *t, const char *s, size_t n, int32_t value)
{
	int32_t node = -1;
	for (size_t i = 0; i < n; i++) {
		node = child_of(t, node, (unsigned char)s[i]);
		if (node < 0)
			return AM_TRIE_NO_MEMORY;
	}
	if (t->nodes[node].value >= 0)
		return AM_TRIE_KNOWN;
	t->nodes[node].value = value;
	return AM_TRIE_ADDED;
}

int32_t am_trie_longest(const am_trie *t, const char *text, size_t n, size_t *size)
{
	int32_t value = -1, node = n ? t->first[(unsigned char)text[0]] : -1;
	for (size_t i = 1; node >= 0; i++) {
		if (t->nodes[node].value >= 0) {
			value = t->nodes[node].value;
			*size = i;
		}
		if (i == n)
			break;
		node = find_sibling(t, t->nodes[node].child, (unsigned char)text[i]);
	}
	return value;
}
