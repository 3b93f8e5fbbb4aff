/* Pieces of HTML: text that is safe inside it, and tables.
 *
 * Whatever comes from a file goes through am_html_text. */
#ifndef AM_REPORT_HTML_H
#define AM_REPORT_HTML_H

#include "analysis/table.h"
#include "base/text.h"

#include <stdbool.h>

/* Text between tags or within a quoted attribute: & < > " ' become entities, bytes that
 * are not UTF-8 U+FFFD, control characters but line ends a blank. NULL adds nothing. */
void am_html_text(am_text *t, const char *s);
/* <TAG>text</TAG>. The tag must be a literal. */
void am_html_element(am_text *t, const char *tag, const char *text);
/* Paragraphs and other markup of a template in which every @word@ is replaced by its
 * value, HTML already: words is name, value, name, value, ..., NULL. A word that is not
 * there is a fault of the program. */
void am_html_expand(am_text *t, const char *template_text, const char *const *words);

/* Which rows of a table are shown; by default all. */
typedef bool am_html_keep(const am_table *t, int row, const void *ctx);

typedef struct am_html_table {
	const am_table *table;
	const char *caption;      /* text */
	const char *columns;      /* names with blanks between, in their order; NULL: all but details */
	am_html_keep *keep;       /* NULL: every row */
	const void *ctx;          /* of keep */
	const char *null_keys;    /* names of columns whose null stands for "all" */
	bool folded;              /* behind its caption until opened */
} am_html_table;

/* A table that sorts by its column heads (templates/script.js), in a box that scrolls
 * sideways where the page is narrow. Columns without a value in any row shown are left
 * out; without a row nothing is added and the result is false. */
bool am_html_put_table(am_text *t, const am_html_table *h);

/* Rows with neither layer nor head, with a layer alone, and with both: am_html_keep. */
bool am_html_is_overall(const am_table *t, int row, const void *ctx);
bool am_html_is_layer(const am_table *t, int row, const void *ctx);
bool am_html_is_head(const am_table *t, int row, const void *ctx);
/* Everything but heads. */
bool am_html_is_above_heads(const am_table *t, int row, const void *ctx);

#endif
