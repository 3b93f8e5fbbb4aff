/* What the path of a task file says: "niah_single/512.jsonl", "4096/vt/validation.jsonl". */
#include "task/tasks.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A component of a path, without what follows its first full stop. */
typedef struct part {
	const char *at;
	size_t n;
} part;

/* The component that ends before `end`. */
static part component(const char *path, const char *end)
{
	const char *at = end;
	while (at > path && at[-1] != '/')
		at--;
	return (part){at, (size_t)(end - at)};
}

static int whole_number(const char *p, size_t n)
{
	if (!n || n > 9 || strspn(p, "0123456789") < n)
		return 0;
	return atoi(p);
}

/* Whether a stem says nothing of the task: a number, or the name of a split; its number in
 * *length. */
static bool is_plain(part stem, int *length)
{
	static const char *const splits[] = {"validation", "test", "train", "dev"};
	*length = whole_number(stem.at, stem.n);
	if (*length || strspn(stem.at, "0123456789") >= stem.n)
		return true;
	for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
		size_t n = strlen(splits[i]);
		if (stem.n < n || memcmp(stem.at, splits[i], n) != 0)
			continue;
		if (stem.n == n)
			return true;
		*length = stem.at[n] == '_' ? whole_number(stem.at + n + 1, stem.n - n - 1) : 0;
		return *length > 0;
	}
	return false;
}

static bool find_parts(const char *path, part *stem, part *folder, int *length)
{
	part base = component(path, path + strlen(path));
	size_t n = strcspn(base.at, ".");
	*stem = (part){base.at, n < base.n ? n : base.n};
	*folder = (part){base.at, 0};
	if (base.at > path && base.at - 1 > path)
		*folder = component(path, base.at - 1);
	return is_plain(*stem, length) && folder->n > 0 && folder->at[0] != '.';
}

void am_task_of_path(const char *path, char *name, size_t room, int *length)
{
	part stem, folder;
	bool plain = find_parts(path, &stem, &folder, length);
	if (plain)
		stem = folder;
	snprintf(name, room, "%.*s", (int)stem.n, stem.at);
}

void am_task_label_of_path(const char *path, char *label, size_t room)
{
	part stem, folder;
	int length;
	bool plain = find_parts(path, &stem, &folder, &length);
	if (plain && length)
		snprintf(label, room, "%.*s/%.*s", (int)folder.n, folder.at, (int)stem.n, stem.at);
	else
		am_task_of_path(path, label, room, &length);
}
