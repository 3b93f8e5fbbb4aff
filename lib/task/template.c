#include "task/template.h"

#include <string.h>

static const am_template_field *find(const am_template_field *fields, int n, const char *name, size_t size)
{
	for (int i = 0; i < n; i++)
		if (strlen(fields[i].name) == size && !memcmp(fields[i].name, name, size))
			return &fields[i];
	return NULL;
}

static am_status unknown(const am_template_field *fields, int n, const char *name, size_t size, am_error *err)
{
	am_text names = {0};
	for (int i = 0; i < n; i++)
		am_text_printf(&names, "%s$%s$", i ? ", " : "", fields[i].name);
	am_status s = am_fail(err, AM_ERR_USAGE, "template: expected one of %s, found $%.*s$", am_text_str(&names), (int)size,
	                      name);
	am_text_free(&names);
	return s;
}

am_status am_template_render(const char *template, const am_template_field *fields, int n, am_text *out, am_error *err)
{
	while (*template) {
		size_t plain = strcspn(template, "$");
		am_text_append(out, template, plain);
		template += plain;
		if (!*template)
			break;
		size_t size = strspn(template + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
		if (!size || template[size + 1] != '$') {
			am_text_append(out, template++, 1);
			continue;
		}
		const am_template_field *f = find(fields, n, template + 1, size);
		if (!f)
			return unknown(fields, n, template + 1, size, err);
		am_text_puts(out, f->value ? f->value : "");
		template += size + 2;
	}
	return am_text_ok(out) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "template: out of memory");
}
