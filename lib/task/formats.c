/* The formats of task files: how each is told, and its prompt. The wording of the prompts is
 * ours; --template takes any other. */
#include "task/formats.h"

#include <string.h>

/* In the order of detection: a format whose signs include another's comes first. */
static const am_format formats[AM_FORMAT_COUNT] = {
	[AM_FORMAT_KV_RECORDS] = {"kv-records", {"ordered_kv_records"},
		"The JSON object below holds keys and values. Find the value of one key.\n\n"
		"JSON:\n$DOC$\n\nKey: \"$Q$\"\nValue:", am_read_kv_records},
	[AM_FORMAT_LONGBENCH] = {"longbench-v2", {"context", "question", "choice_A"},
		"Read the text below and answer the question about it.\n\n<text>\n$DOC$\n</text>\n\n"
		"Question: $Q$\nChoices:\n(A) $C_A$\n(B) $C_B$\n(C) $C_C$\n(D) $C_D$\n\n"
		"Reply in this form: \"The correct answer is (your choice)\".", am_read_longbench},
	[AM_FORMAT_RERANK] = {"rerank", {"query", "ctxs"},
		"Each document below has an ID. Rank the documents by how well they answer the query, best first, "
		"as in: ID3 > ID1 > ID2\n\n$DOC$\n\nQuery: $Q$\nRanking:", am_read_rerank},
	[AM_FORMAT_KILT] = {"kilt", {"question", "ctxs"},
		"Answer the question from the documents below. Give a short answer alone.\n\n$DOC$\n\n"
		"Question: $Q$\nAnswer:", am_read_kilt},
	[AM_FORMAT_HELMET_KV] = {"helmet-kv", {"context", "question", "num_kvs"},
		"The JSON object below holds keys and values. Give the value of the key that is asked for.\n\n"
		"$DOC$\n\n$DEMOS$Key: $Q$\nCorresponding value:", am_read_helmet_kv},
	[AM_FORMAT_INFBENCH] = {"infbench", {"context", "input", "answer"},
		"Read the text below and answer the question briefly.\n\n$DOC$\n\nQuestion: $Q$\nAnswer:", am_read_infbench},
	[AM_FORMAT_HELMET_RULER] = {"helmet-ruler", {"context"},
		"$EXAMPLE$$DOC$\n\nQuestion: $Q$\nAnswer:", am_read_helmet_ruler},
	[AM_FORMAT_RULER] = {"ruler", {"input"}, NULL, am_read_ruler},
};
static const am_task_format order[] = {
	AM_FORMAT_KV_RECORDS, AM_FORMAT_LONGBENCH, AM_FORMAT_RERANK, AM_FORMAT_KILT, AM_FORMAT_HELMET_KV,
	AM_FORMAT_INFBENCH, AM_FORMAT_HELMET_RULER,
};

const char *am_task_format_name(am_task_format f)
{
	return f == AM_FORMAT_AUTO ? "auto" : formats[f].name;
}

const am_format *am_format_of(am_task_format f)
{
	return f == AM_FORMAT_AUTO ? NULL : &formats[f];
}

static bool has(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return v && !json_is_null(v);
}

am_status am_format_detect(const json_t *o, const char *where, am_task_format *out, am_error *err)
{
	*out = AM_FORMAT_RULER; /* its reader says what an unknown object lacks */
	if (has(o, "instructions") && has(o, "evaluation"))
		return am_fail(err, AM_ERR_UNSUPPORTED, "%s: L-Eval files (instructions, evaluation) are not read", where);
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		const char *const *sign = formats[order[i]].signs;
		int n = 0;
		while (n < 4 && sign[n] && has(o, sign[n]))
			n++;
		if (n == 4 || !sign[n]) {
			*out = order[i];
			break;
		}
	}
	return AM_OK;
}
