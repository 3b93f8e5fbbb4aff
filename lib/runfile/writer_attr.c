#include "base/mem.h"
#include "runfile/writer_state.h"

#include <string.h>

/* The value of an attribute already there, or of a new one; NULL without memory. */
static am_attr *slot(am_run_writer *w, const char *name)
{
	for (int i = 0; i < w->n_attr; i++)
		if (strcmp(w->attr[i].name, name) == 0)
			return &w->attr[i];
	if (w->n_attr == w->attr_room) {
		int room = w->attr_room ? 2 * w->attr_room : 32;
		am_attr *p = am_grow(w->attr, (size_t)w->n_attr * sizeof *p, (size_t)room, sizeof *p);
		if (!p)
			return NULL;
		w->attr = p;
		w->attr_room = room;
	}
	char *copy = am_strdup(name);
	if (!copy)
		return NULL;
	am_attr *a = &w->attr[w->n_attr++];
	*a = (am_attr){.name = copy};
	return a;
}

am_status am_writer_attr(am_run_writer *w, const char *name, am_attr value, am_error *err)
{
	char *s = value.s ? am_strdup(value.s) : NULL;
	am_attr *a = value.s && !s ? NULL : slot(w, name);
	if (!a) {
		am_free(s);
		return am_fail(err, AM_ERR_MEMORY, "attribute %s: out of memory", name);
	}
	am_free(a->s);
	value.name = a->name;
	value.s = s;
	*a = value;
	return AM_OK;
}

void am_writer_attr_fini(am_run_writer *w)
{
	for (int i = 0; i < w->n_attr; i++) {
		am_free(w->attr[i].name);
		am_free(w->attr[i].s);
	}
	am_free(w->attr);
}

static am_status set(am_run_writer *w, const char *name, am_attr value, am_error *err)
{
	static const char *const own[] = {"format",  "format_version", "attnmeter_version", "tie_rule",
	                                  "created", "finished",       "complete"};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcmp(name, own[i]) == 0)
			return am_fail(err, AM_ERR_USAGE, "attribute %s: written by the writer itself", name);
	return am_writer_attr(w, name, value, err);
}

am_status am_run_writer_attr_str(am_run_writer *w, const char *name, const char *value, am_error *err)
{
	return set(w, name, (am_attr){.kind = AM_ATTR_STR, .s = (char *)value}, err);
}

am_status am_run_writer_attr_int(am_run_writer *w, const char *name, int64_t value, am_error *err)
{
	return set(w, name, (am_attr){.kind = AM_ATTR_INT, .i = value}, err);
}

am_status am_run_writer_attr_double(am_run_writer *w, const char *name, double value, am_error *err)
{
	return set(w, name, (am_attr){.kind = AM_ATTR_DOUBLE, .x = value}, err);
}
