#include "report/page.h"

#include "base/mem.h"
#include "base/version.h"
#include "report/html.h"
#include "report/page_parts.h"

#include <stdio.h>
#include <string.h>

void am_page_options_init(am_page_options *o)
{
	*o = (am_page_options){.theme = AM_PAGE_AUTO, .pictures = true};
	am_compare_options_init(&o->compare);
	o->compare.metric = NULL;
	o->compare.n_metric = 0;
}

/* --- state ---------------------------------------------------------------- */

static am_status check(int n, const am_run *control, const am_page_options *o, am_error *err)
{
	if (n < 1 || n > AM_PAGE_RUNS)
		return am_fail(err, AM_ERR_USAGE, "report: expected 1 to %d runs, found %d", AM_PAGE_RUNS, n);
	if (control && n != 2)
		return am_fail(err, AM_ERR_USAGE, "--control: expected two runs to explain the change of, found %d", n);
	if (control && o->compare.unpaired)
		return am_fail(err, AM_ERR_USAGE, "--control: runs of different sequences have no common control");
	return AM_OK;
}

static am_page *page_new(am_run *const *run, int n, am_run *control, const am_page_options *o, am_text *notes)
{
	am_page *p = am_calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->o = o;
	p->compare = o->compare;
	p->compare.aggregate.level = AM_LEVEL_HEAD;
	p->compare.trivial_told = true;
	p->compare.aggregate.position_bins = 0;
	p->compare.by_task = false;
	p->control = control;
	p->notes = notes;
	p->n_run = n;
	for (int i = 0; i < n; i++) {
		p->run[i].run = run[i];
		snprintf(p->run[i].label, sizeof p->run[i].label, i < 26 ? "%c" : "r%d", i < 26 ? 'a' + i : i + 1);
	}
	return p;
}

static void table_free(am_table *t)
{
	if (t->columns)
		am_table_fini(t);
}

static void page_free(am_page *p)
{
	for (int i = 0; i < p->n_run; i++) {
		am_page_run *r = &p->run[i];
		table_free(&r->entropy);
		table_free(&r->coverage);
		table_free(&r->recall);
		table_free(&r->apart);
		am_sequence_list_fini(&r->sequences);
		am_pictures_fini(&r->entropy_pictures);
		am_pictures_fini(&r->coverage_pictures);
		am_pictures_fini(&r->recall_pictures);
	}
	for (int i = 0; i < p->n_pair; i++) {
		if (p->pair[i].compared)
			am_comparison_fini(&p->pair[i].change);
		am_pictures_fini(&p->pair[i].pictures);
	}
	for (int i = 0; i < p->n_warnings; i++) {
		am_free(p->warning[i].text);
		am_text_free(&p->warning[i].labels);
	}
	am_free(p->warning);
	am_free(p);
}

/* --- the page ------------------------------------------------------------- */

static void put_title(const am_page *p, am_text *t)
{
	am_text_puts(t, p->n_run > 1 ? "Attention before and after: " : "Attention: ");
	for (int i = 0; i < p->n_run; i++) {
		const char *path = am_run_path(p->run[i].run), *slash = strrchr(path, '/');
		am_text_puts(t, i ? ", " : "");
		am_html_text(t, slash ? slash + 1 : path);
	}
}

static void put_link(am_text *t, const char *id, const char *text)
{
	am_text_printf(t, "<li><a href=\"#%s\">", id);
	am_html_text(t, text);
	am_text_puts(t, "</a></li>\n");
}

static void put_contents(const am_page *p, am_text *t)
{
	char id[32], text[64];
	put_link(t, "runs", "What was run");
	for (int i = 0; i < p->n_pair; i++) {
		snprintf(id, sizeof id, "change-%s", p->pair[i].b->label);
		snprintf(text, sizeof text, "Change from %s to %s", p->pair[i].a->label, p->pair[i].b->label);
		put_link(t, id, text);
	}
	for (int i = 0; i < p->n_run; i++) {
		snprintf(id, sizeof id, "run-%s", p->run[i].label);
		snprintf(text, sizeof text, p->n_run > 1 ? "Run %s" : "Measurements", p->run[i].label);
		put_link(t, id, text);
	}
	put_link(t, "methods", "Methods");
	put_link(t, "commands", "Commands");
}

static void put_body(const am_page *p, am_text *t)
{
	am_page_put_runs(p, t);
	for (int i = 0; i < p->n_pair; i++)
		am_page_put_pair(p, &p->pair[i], t);
	for (int i = 0; i < p->n_run; i++)
		am_page_put_run(p, &p->run[i], t);
	am_page_put_methods(p, t);
	am_page_put_commands(p, t);
}

static am_status assemble(const am_page *p, am_text *out, am_error *err)
{
	static const char *const themes[] = {"auto", "light", "dark"};
	am_text title = {0}, warnings = {0}, contents = {0}, glance = {0}, body = {0}, page = {0};
	put_title(p, &title);
	put_contents(p, &contents);
	am_page_put_warnings(p, &warnings);
	am_page_put_glance(p, &glance);
	put_body(p, &body);
	const char *words[] = {
		"title", am_text_str(&title), "theme", themes[p->o->theme], "style", am_page_template("style"),
		"script", am_page_template("script"), "contents", am_text_str(&contents),
		"warnings_class", p->n_warnings ? "warnings" : "warnings none",
		"warnings", p->n_warnings ? am_text_str(&warnings) : "<li>None: the files are complete and whole, and the numbers "
		                                                        "below stand as they are.</li>\n",
		"glance", am_text_str(&glance), "body", am_text_str(&body), "version", AM_VERSION, NULL,
	};
	am_html_expand(&page, am_page_template("page"), words);
	bool ok = am_text_ok(&title) && am_text_ok(&contents) && am_text_ok(&glance) && am_text_ok(&body) &&
	          !p->failed && am_text_ok(&warnings) && am_text_ok(&page);
	if (ok)
		am_text_append(out, am_text_str(&page), page.size);
	am_text_free(&title);
	am_text_free(&warnings);
	am_text_free(&contents);
	am_text_free(&glance);
	am_text_free(&body);
	am_text_free(&page);
	return ok && am_text_ok(out) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "report: out of memory");
}

static am_status make(am_page *p, am_text *out, am_error *err)
{
	am_status s = AM_OK;
	for (int i = 0; i < p->n_run && !s; i++)
		s = am_page_measure(p, &p->run[i], err);
	if (!s)
		s = am_page_compare(p, err);
	if (!s && p->o->pictures)
		s = am_page_draw(p, err);
	if (!s)
		s = am_page_warn(p, err);
	return s ? s : assemble(p, out, err);
}

am_status am_page_make(am_run *const *run, int n, am_run *control, const am_page_options *o, am_text *out,
                       am_text *notes, am_error *err)
{
	am_status s = check(n, control, o, err);
	if (s)
		return s;
	am_page *p = page_new(run, n, control, o, notes);
	if (!p)
		return am_fail(err, AM_ERR_MEMORY, "report: out of memory");
	s = make(p, out, err);
	page_free(p);
	return s;
}
