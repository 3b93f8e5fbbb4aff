#include "model/token_list.h"

#include "base/mem.h"

void am_token_list_end(am_token_list *l)
{
	if (l->n == l->room && !l->failed) {
		size_t room = l->room ? 2 * l->room : 64;
		size_t *end = am_grow(l->end, l->n * sizeof *end, room, sizeof *end);
		l->failed = !end;
		if (end) {
			l->end = end;
			l->room = room;
		}
	}
	l->failed |= !am_text_ok(&l->text);
	if (!l->failed)
		l->end[l->n++] = l->text.size;
}

void am_token_list_push(am_token_list *l, const char *token, size_t n)
{
	am_text_append(&l->text, token, n);
	am_token_list_end(l);
}

void am_token_list_fini(am_token_list *l)
{
	am_text_free(&l->text);
	am_free(l->end);
	*l = (am_token_list){0};
}
