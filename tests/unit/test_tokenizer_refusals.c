/* tokenizer.json files that are malformed, hostile or beyond what is supported:
 * the right status and one clear line, naming what is at fault. */
#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer.h"
#include "model/tokenizer_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL_WITH(vocab, merges, more) \
	"\"model\":{\"type\":\"BPE\",\"vocab\":" vocab ",\"merges\":" merges more "}"
#define VOCAB "{\"a\":0,\"b\":1,\"ab\":2}"
#define MODEL MODEL_WITH(VOCAB, "[[\"a\",\"b\"]]", "")
#define WITH(more) "{" MODEL "," more "}"

static am_status open_text(const char *json, am_tokenizer **t, am_error *err)
{
	char path[] = AM_BINARY_DIR "/test_tokenizer_XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	FILE *f = fdopen(fd, "w");
	assert_true(fputs(json, f) >= 0 && fclose(f) == 0);
	am_status st = am_tokenizer_open(path, t, err);
	if (st != AM_OK && strncmp(err->text, path, strlen(path)) != 0)
		fail_msg("the detail does not begin with the path: %s", err->text);
	unlink(path);
	return st;
}

static void refuse(const char *json, am_status expected, const char *named)
{
	am_tokenizer *t = NULL;
	am_error err = {0};
	am_status st = open_text(json, &t, &err);
	if (st != expected || err.status != expected || !strstr(err.text, named))
		fail_msg("%.200s: expected %s naming \"%s\", found %s: %s", json, am_status_name(expected),
		         named, am_status_name(st), err.text);
	if (strpbrk(err.text, "\n\r\t"))
		fail_msg("more than one line: %s", err.text);
	assert_null(t);
}

static void malformed(const char *json, const char *named)
{
	refuse(json, AM_ERR_FORMAT, named);
}

static void unsupported(const char *json, const char *named)
{
	refuse(json, AM_ERR_UNSUPPORTED, named);
}

static void accept(const char *json)
{
	am_tokenizer *t = NULL;
	am_error err = {0};
	if (open_text(json, &t, &err) != AM_OK)
		fail_msg("%s: %s", json, err.text);
	am_tokenizer_close(t);
}

static void json_itself(void **state)
{
	(void)state;
	accept("{" MODEL "}");
	malformed("", "line 1");
	malformed("{", "line 1");
	malformed("[]", "expected an object, found an array");
	malformed("{" MODEL "}x", "line 1");
	malformed("{" MODEL "," MODEL "}", "duplicate");
	malformed("{" MODEL_WITH("{\"a\\u0000b\":0}", "[]", "") "}", "line 1");
	malformed("{" MODEL_WITH("{\"\\ud800\":0}", "[]", "") "}", "line 1");
	malformed("{" MODEL_WITH("{\"\xff\":0}", "[]", "") "}", "line 1");
	malformed(WITH("\"version\":1"), "version");
	unsupported(WITH("\"version\":\"2.0\""), "2.0");
}

static void deep_nesting(void **state)
{
	(void)state;
	am_text json = {0};
	for (int i = 0; i < 100000; i++)
		am_text_puts(&json, "[");
	malformed(am_text_str(&json), "depth");
	am_text_clear(&json);
	am_text_puts(&json, "{" MODEL ",\"normalizer\":");
	for (int i = 0; i < 100; i++)
		am_text_puts(&json, "{\"type\":\"Sequence\",\"normalizers\":[");
	for (int i = 0; i < 100; i++)
		am_text_puts(&json, "]}");
	am_text_puts(&json, "}");
	malformed(am_text_str(&json), "nested deeper");
	am_text_free(&json);
}

static void model_types(void **state)
{
	(void)state;
	malformed("{}", "model: expected an object, found nothing");
	malformed("{\"model\":\"BPE\"}", "model");
	malformed("{\"model\":{\"type\":7}}", "type: expected a string, found an integer");
	unsupported("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", "WordPiece");
	unsupported("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0.5]]}}", "Unigram");
	unsupported("{\"model\":{\"vocab\":{}}}", "unnamed type");
	accept("{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}");
}

#define VOCABULARY(v) "{" MODEL_WITH(v, "[]", "") "}"

static void vocabulary(void **state)
{
	(void)state;
	malformed(VOCABULARY("[\"a\"]"), "vocab: expected an object");
	malformed(VOCABULARY("{\"a\":-1}"), "found -1");
	malformed(VOCABULARY("{\"a\":4194304}"), "found 4194304");
	malformed(VOCABULARY("{\"a\":9223372036854775807}"), "'a'");
	malformed(VOCABULARY("{\"a\":99999999999999999999}"), "line 1");
	malformed(VOCABULARY("{\"a\":1.5}"), "'a'");
	malformed(VOCABULARY("{\"a\\nb\":null}"), "'a\\x0ab'");
	malformed(VOCABULARY("{\"a\":0,\"b\":0}"), "id 0 belongs to two");
	malformed(VOCABULARY("{\"a\":0,\"a\":1}"), "duplicate");
}

#define MERGES(m) "{" MODEL_WITH(VOCAB, m, "") "}"

static void merges(void **state)
{
	(void)state;
	accept(MERGES("[\"#version: 0.2\",\"a b\"]"));
	malformed("{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", "merges: expected an array");
	malformed(MERGES("{}"), "merges: expected an array, found an object");
	malformed(MERGES("[\"ab\"]"), "merges[0]");
	malformed(MERGES("[\"a b\",\"a b a\"]"), "merges[1]");
	malformed(MERGES("[\"a \"]"), "merges[0]");
	malformed(MERGES("[[\"a\"]]"), "merges[0]");
	malformed(MERGES("[[\"a\",\"b\",\"a\"]]"), "merges[0]");
	malformed(MERGES("[[\"a\",1]]"), "merges[0]");
	malformed(MERGES("[null]"), "found null");
	malformed(MERGES("[[\"a\",\"c\"]]"), "'c' is not in the vocabulary");
	malformed(MERGES("[[\"c\",\"a\"]]"), "'c' is not in the vocabulary");
	malformed(MERGES("[[\"b\",\"a\"]]"), "'ba' is not in the vocabulary");
}

#define OPTION(o) "{" MODEL_WITH(VOCAB, "[[\"a\",\"b\"]]", "," o) "}"

static void model_options(void **state)
{
	(void)state;
	accept(OPTION("\"dropout\":0.0"));
	unsupported(OPTION("\"dropout\":0.1"), "dropout 0.1");
	malformed(OPTION("\"dropout\":\"no\""), "dropout");
	malformed(OPTION("\"unk_token\":3"), "unk_token");
	malformed(OPTION("\"byte_fallback\":\"yes\""), "byte_fallback");
	malformed(OPTION("\"continuing_subword_prefix\":\"##\""), "continuing_subword_prefix");
}

#define ADDED(id, content) \
	"{\"id\":" id ",\"content\":" content ",\"special\":true,\"lstrip\":false,\"rstrip\":false," \
	"\"single_word\":false,\"normalized\":false}"
#define ADD(list) WITH("\"added_tokens\":[" list "]")

static void added_tokens(void **state)
{
	(void)state;
	accept(ADD(ADDED("7", "\"<s>\"") "," ADDED("2", "\"ab\"")));
	malformed(WITH("\"added_tokens\":{}"), "added_tokens: expected an array");
	malformed(ADD("3"), "added_tokens[0]");
	malformed(ADD("{\"id\":3,\"content\":\"x\"}"), "special");
	malformed(ADD(ADDED("3", "null")), "content");
	malformed(ADD(ADDED("3", "\"\"")), "nothing to match");
	malformed(ADD(ADDED("-3", "\"x\"")), "found -3");
	malformed(ADD(ADDED("1000000000000", "\"x\"")), "1000000000000");
	malformed(ADD(ADDED("3", "\"ab\"")), "two ids, 2 and 3");
	malformed(ADD(ADDED("1", "\"x\"")), "id 1 belongs to two");
	malformed(ADD(ADDED("3", "\"x\"") "," ADDED("3", "\"x\"")), "same text");
}

#define NORMALIZER(n) WITH("\"normalizer\":" n)
#define REPLACE(p) NORMALIZER("{\"type\":\"Replace\",\"content\":\"\",\"pattern\":" p "}")

static void normalizers(void **state)
{
	(void)state;
	unsupported(NORMALIZER("{\"type\":\"Nmt\"}"), "normalizer 'Nmt'");
	malformed(NORMALIZER("[]"), "normalizer: expected an object");
	malformed(NORMALIZER("{}"), "type");
	malformed(NORMALIZER("{\"type\":\"Sequence\"}"), "normalizers");
	malformed(NORMALIZER("{\"type\":\"Sequence\",\"normalizers\":[null]}"), "found null");
	malformed(NORMALIZER("{\"type\":\"Prepend\"}"), "prepend");
	malformed(NORMALIZER("{\"type\":\"Strip\",\"strip_left\":1}"), "strip_left");
	malformed(REPLACE("{\"String\":\"\"}"), "pattern");
	malformed(REPLACE("\"a\""), "pattern");
}

#define PRE(p) WITH("\"pre_tokenizer\":" p)

static void pretokenizers(void **state)
{
	(void)state;
	unsupported(PRE("{\"type\":\"BertPreTokenizer\"}"), "BertPreTokenizer");
	unsupported(PRE("{\"type\":\"Punctuation\",\"behavior\":\"Glued\"}"), "Glued");
	malformed(PRE("{\"type\":\"ByteLevel\"}"), "add_prefix_space");
	malformed(PRE("{\"type\":\"Metaspace\",\"replacement\":\"__\"}"), "one character");
	malformed(PRE("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"x\"}"),
	          "prepend_scheme");
	accept(PRE("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_space\":false}"));
}

static void decoders(void **state)
{
	(void)state;
	unsupported(WITH("\"decoder\":{\"type\":\"CTC\"}"), "decoder 'CTC'");
	malformed(WITH("\"decoder\":{\"type\":\"Strip\",\"content\":\" \",\"start\":-1,\"stop\":0}"),
	          "start");
	malformed(WITH("\"decoder\":{\"type\":\"BPEDecoder\",\"suffix\":\"\"}"), "suffix");
}

#define TEMPLATE(single, tokens) \
	WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[" single "]," \
	     "\"special_tokens\":" tokens "}")
#define A "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define S "{\"SpecialToken\":{\"id\":\"s\",\"type_id\":0}}"

static void postprocessors(void **state)
{
	(void)state;
	accept(TEMPLATE(S "," A "," S, "{\"s\":{\"ids\":[0,1]}}"));
	malformed(TEMPLATE(S, "{\"s\":{\"ids\":[0]}}"), "A is missing");
	malformed(TEMPLATE(S "," A, "{}"), "'s'");
	malformed(TEMPLATE(S "," A, "{\"s\":{\"ids\":[3]}}"), "id 3");
	malformed(TEMPLATE(S "," A, "{\"s\":{\"ids\":[\"0\"]}}"), "integer id");
	malformed(TEMPLATE("3", "{}"), "id: expected a string");
	unsupported(TEMPLATE(A "," A, "{}"), "single");
	unsupported(TEMPLATE("{\"Sequence\":{\"id\":\"B\"}}", "{}"), "single");
	unsupported(WITH("\"post_processor\":{\"type\":\"RobertaProcessing\"}"), "RobertaProcessing");
	unsupported(WITH("\"post_processor\":{\"type\":\"Sequence\",\"processors\":["
	                 "{\"type\":\"TemplateProcessing\",\"single\":[" A "]},"
	                 "{\"type\":\"TemplateProcessing\",\"single\":[" A "]}]}"),
	            "more than one TemplateProcessing");
}

#define SPLIT(regex) \
	PRE("{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"" regex "\"}}")

/* Expressions that PCRE2 refuses, or would read otherwise than Oniguruma. */
static void expressions(void **state)
{
	(void)state;
	static const char *const constructs[][2] = {
		{SPLIT("("), "Split"},             {SPLIT("\\\\p{NoSuchThing}"), "NoSuchThing"},
		{SPLIT("\\\\h"), "'\\h'"},         {SPLIT("a\\\\Kb"), "'\\K'"},
		{SPLIT("(a)\\\\1"), "'\\1'"},      {SPLIT("\\\\G"), "'\\G'"},
		{SPLIT("\\\\R"), "'\\R'"},         {SPLIT("\\\\pL"), "\\p without"},
		{SPLIT("\\\\p{a b}"), "\\p with"}, {SPLIT("[\\\\W]"), "\\W in a class"},
		{SPLIT("[\\\\B]"), "\\B in"},      {SPLIT("\\\\xff"), "\\x of a byte"},
		{SPLIT("\\\\u12"), "\\u without"}, {SPLIT("\\\\x{}"), "\\x{ without"},
		{SPLIT("[a&&b]"), "&&"},           {SPLIT("[a[b]]"), "[ inside"},
		{SPLIT("[]a]"), "[]"},             {SPLIT("a{1,2}+"), "{n,m}+"},
		{SPLIT("a{2}?"), "{n} with"},      {SPLIT("a{,2}"), "{ that is not"},
		{SPLIT("(?m:a)"), "(?m:"},         {SPLIT("(?<n>a)"), "(?<n"},
		{SPLIT("a(?i)b"), "(?i)"},         {SPLIT("(*UTF)a"), "(*UT"},
		{SPLIT("a\\\\"), "a final"},       {SPLIT("[\\\\A]"), "'\\A'"},
	};
	for (size_t i = 0; i < sizeof constructs / sizeof *constructs; i++)
		unsupported(constructs[i][0], constructs[i][1]);
	accept(SPLIT("(?i)\\\\p{Han}+|\\\\u4e00|\\\\x41|\\\\x{3040}|[^\\\\s\\\\w]{2,3}?"));
}

static am_status encode(const char *json, const char *text, am_error *err)
{
	am_tokenizer *t = NULL;
	int32_t *ids = NULL;
	size_t n = 99;
	if (open_text(json, &t, err) != AM_OK)
		fail_msg("%s", err->text);
	am_status st = am_tokenizer_encode(t, text, strlen(text), true, &ids, &n, err);
	if (st != AM_OK) {
		assert_null(ids);
		assert_int_equal(n, 99);
	}
	am_free(ids);
	am_tokenizer_close(t);
	return st;
}

static void failures_while_encoding(void **state)
{
	(void)state;
	am_error err = {0};
	assert_int_equal(encode("{" MODEL "}", "abc", &err), AM_OK);
	assert_int_equal(encode(OPTION("\"unk_token\":\"<unk>\""), "abc", &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "'<unk>'"));
	/* Exponential backtracking ends at the step limit instead of never. */
	assert_int_equal(encode(SPLIT("(?:a|a|ab)+c"), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bc", &err),
	                 AM_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "limit"));
}

static void paths(void **state)
{
	(void)state;
	am_tokenizer *t = NULL;
	am_error err = {0};
	assert_int_equal(am_tokenizer_open(AM_BINARY_DIR "/no such file", &t, &err), AM_ERR_IO);
	assert_non_null(strstr(err.text, "no such file"));
	assert_int_equal(am_tokenizer_open(AM_SOURCE_DIR "/lib", &t, &err), AM_ERR_IO);
	assert_non_null(strstr(err.text, "tokenizer.json"));
	assert_null(t);
}

/* Messages of the JSON parser may be cut within a character. */
static void quotes(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"a\tb", "'a\\x09b'"}, {"ab\xc3", "'ab\xc3'"}, {"ab\xf0\x9f", "'ab\xf0\x9f'"}, {"\xe2", "'\xe2'"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *exact = am_strdup(cases[i][0]);
		assert_string_equal(am_quote(exact).text, cases[i][1]);
		am_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_itself),
		cmocka_unit_test(deep_nesting),
		cmocka_unit_test(model_types),
		cmocka_unit_test(vocabulary),
		cmocka_unit_test(merges),
		cmocka_unit_test(model_options),
		cmocka_unit_test(added_tokens),
		cmocka_unit_test(normalizers),
		cmocka_unit_test(pretokenizers),
		cmocka_unit_test(decoders),
		cmocka_unit_test(postprocessors),
		cmocka_unit_test(expressions),
		cmocka_unit_test(failures_while_encoding),
		cmocka_unit_test(paths),
		cmocka_unit_test(quotes),
	};
	return cmocka_run_group_tests_name("tokenizer refusals", tests, NULL, NULL);
}
