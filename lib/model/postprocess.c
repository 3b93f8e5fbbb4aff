#include "model/postprocess.h"

#include "model/tokenizer_fields.h"

#include <string.h>

static const char where[] = "post_processor TemplateProcessing";

typedef struct reader {
	am_template *t;
	const am_vocab *vocab;
	bool seen; /* a template */
} reader;

/* Appends the ids that the template gives a special token. */
static am_status add_special(const reader *r, const json_t *template, const char *name,
                             am_id_list *list, am_error *err)
{
	const json_t *token = json_object_get(json_object_get(template, "special_tokens"), name);
	const json_t *ids = json_object_get(token, "ids");
	if (!json_is_array(ids))
		return am_fail(err, AM_ERR_FORMAT, "%s: special_tokens: %s: ids: expected an array, found %s",
		               where, am_quote(name).text, am_json_kind(ids));
	for (size_t i = 0; i < json_array_size(ids); i++) {
		int32_t id;
		am_status st = am_json_id(json_array_get(ids, i), where, &id, err);
		if (st != AM_OK)
			return st;
		if (!am_vocab_token(r->vocab, id))
			return am_fail(err, AM_ERR_FORMAT, "%s: special_tokens: %s: id %d is not in the vocabulary",
			               where, am_quote(name).text, id);
		am_id_list_push(list, id);
	}
	return AM_OK;
}

/* {"SpecialToken": {"id": name}} or {"Sequence": {"id": "A"}}. */
static am_status read_item(const reader *r, const json_t *template, const json_t *item,
                           bool *sequence_seen, am_error *err)
{
	const json_t *special = json_object_get(item, "SpecialToken");
	const json_t *sequence = json_object_get(item, "Sequence");
	const char *id;
	am_status st = am_field_string(special ? special : sequence, "id", where, &id, err);
	if (st != AM_OK)
		return st;
	if (special)
		return add_special(r, template, id, *sequence_seen ? &r->t->after : &r->t->before, err);
	if (strcmp(id, "A") != 0 || *sequence_seen)
		return am_fail(err, AM_ERR_UNSUPPORTED, "%s: single: more than the sequence A once", where);
	*sequence_seen = true;
	return AM_OK;
}

static am_status read_template(reader *r, const json_t *template, am_error *err)
{
	const json_t *single;
	bool sequence_seen = false;
	if (r->seen)
		return am_fail(err, AM_ERR_UNSUPPORTED, "post_processor: more than one TemplateProcessing");
	r->seen = true;
	am_status st = am_field_array(template, "single", where, &single, err);
	for (size_t i = 0; st == AM_OK && i < json_array_size(single); i++)
		st = read_item(r, template, json_array_get(single, i), &sequence_seen, err);
	if (st == AM_OK && !sequence_seen)
		st = am_fail(err, AM_ERR_FORMAT, "%s: single: the sequence A is missing", where);
	return st;
}

static am_status add_component(void *ctx, const char *type, const json_t *v, am_error *err)
{
	if (strcmp(type, "TemplateProcessing") == 0)
		return read_template(ctx, v, err);
	if (strcmp(type, "ByteLevel") == 0)
		return AM_OK;
	return am_fail(err, AM_ERR_UNSUPPORTED, "post_processor %s is not supported",
	               am_quote(type).text);
}

am_status am_template_init(am_template *t, const json_t *component, const am_vocab *vocab,
                           am_error *err)
{
	reader r = {.t = t, .vocab = vocab};
	*t = (am_template){0};
	am_status st = am_components_walk(component, "post_processor", "processors", add_component, &r,
	                                  err);
	if (st == AM_OK && (t->before.failed || t->after.failed))
		st = am_fail(err, AM_ERR_MEMORY, "no memory for the post-processor");
	if (st != AM_OK)
		am_template_fini(t);
	return st;
}

void am_template_fini(am_template *t)
{
	am_id_list_fini(&t->before);
	am_id_list_fini(&t->after);
}
