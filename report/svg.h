/* gnuplot's SVG as a part of a page. */
#ifndef AM_REPORT_SVG_H
#define AM_REPORT_SVG_H

#include "base/error.h"
#include "base/text.h"

/* Appends the <svg> element of a file's text: scaled by the page instead of a size of its
 * own, every id and reference to one behind `prefix`, so that pictures of one page do not
 * meet; titles, comments and blanks left out, colours in their short form. `label` says
 * what it shows, to those who do not see it. Elements and attributes that can act or load
 * something are no part of a picture: AM_ERR_FORMAT names them, and `file`. Nothing is
 * appended on failure. */
am_status am_svg_inline(const char *file, const char *svg, const char *prefix, const char *label, am_text *out,
                        am_error *err) AM_MUST_CHECK;

#endif
