#include "analysis/plot_theme.h"

#include "analysis/plot.h"

#include <string.h>

/* Palettes are viridis (heat maps) and viridis without the end that is close to
 * the page (a line a layer): even steps in lightness, safe for colour-blind eyes. */
#define VIRIDIS \
	"0 '#440154', 1 '#482878', 2 '#3e4a89', 3 '#31688e', 4 '#26828e', 5 '#1f9e89', " \
	"6 '#35b779', 7 '#6ece58', 8 '#b5de2b', 9 '#fde725'"
/* Blue fell, orange rose; equal lightness at equal size. */
#define DIVERGING "-1 '#053061', -0.6 '#4393c3', 0 '#f7f7f7', 0.6 '#e08214', 1 '#7f3b08'"

#define SCREEN_PAGE \
	{.width = 640, .axis = 54, .title = {22, 18, 21}, .subtitle = {15, 19}, .caption = {24, 14, 14}, \
	 .room = {68, 108, 118}, .key_step = 14}
/* 322 units are 3.35 inches, a column of most journals; nothing is set below 7 points
 * (9.4 units). */
#define COLUMN_PAGE \
	{.width = 322, .narrow = true, .axis = 36, .title = {12, 13, 14}, .subtitle = {12, 12}, .caption = {16, 12, 9}, \
	 .room = {50, 60, 60}, .key_step = 13}

#define SCREEN_TYPE \
	{"title_font", "15"}, {"base_font", "13"}, {"small_font", "11"}, {"tiny_font", "10"}, {"least_font", "9"}, \
	{"narrow", "0"}, {"marks", "0"}, {"palette", VIRIDIS}, {"diverging", DIVERGING}, {"low_ink", "0xffffff"}, \
	{"high_ink", "0x000000"}, {"change_ink", "abs(x) > 0.62"}, {"undefined_fill", "solid"}, \
	{"after_fill", "transparent solid 0.5"}, {"band_fill", "transparent solid 0.35"}

/* Print keeps to greys, which any printer and any eye separates: lightness for amounts,
 * dashes and hatching for what has no order. Undefined cells are hatched. */
static const am_plot_theme themes[] = {
	{"light", SCREEN_PAGE, "Grey", "darkest", 1280,
	 {{"background", "#ffffff"}, {"foreground", "#1a1a1a"}, {"muted", "#595959"}, {"faint", "#e4e4e4"},
	  {"undefined", "#bdbdbd"}, {"median", "#08306b"}, {"inner", "#6baed6"}, {"outer", "#c6dbef"},
	  {"limit", "#d55e00"}, {"hue", "#d55e00"}, {"band", "#f6cfae"}, {"before", "#595959"}, {"before_band", "#b8bcc2"},
	  {"ramp", "0 '#440154', 1 '#3e4a89', 2 '#26828e', 3 '#35b779', 4 '#a0da39'"}, SCREEN_TYPE}},
	{"dark", SCREEN_PAGE, "Grey", "darkest", 1280,
	 {{"background", "#16181d"}, {"foreground", "#f0f0f0"}, {"muted", "#a8a8a8"}, {"faint", "#363a42"},
	  {"undefined", "#6b6b6b"}, {"median", "#f7fbff"}, {"inner", "#4292c6"}, {"outer", "#08519c"},
	  {"limit", "#e69f00"}, {"hue", "#e69f00"}, {"band", "#5c4413"}, {"before", "#a8a8a8"}, {"before_band", "#5a606b"},
	  {"ramp", "0 '#5b6bb5', 1 '#31879e', 2 '#26ad81', 3 '#8bd646', 4 '#fde725'"}, SCREEN_TYPE}},
	{"print", COLUMN_PAGE, "Hatched", "palest", 2010, /* 600 dots an inch */
	 {{"background", "#ffffff"}, {"foreground", "#000000"}, {"muted", "#505050"}, {"faint", "#dcdcdc"},
	  {"undefined", "#8c8c8c"}, {"median", "#000000"}, {"inner", "#9a9a9a"}, {"outer", "#d6d6d6"},
	  {"limit", "#303030"}, {"hue", "#000000"}, {"band", "#b4b4b4"}, {"before", "#6e6e6e"}, {"before_band", "#d2d2d2"},
	  {"ramp", "0 '#000000', 1 '#a8a8a8'"},
	  {"title_font", "11"}, {"base_font", "9.8"}, {"small_font", "9.4"}, {"tiny_font", "9.4"}, {"least_font", "9.4"},
	  {"narrow", "1"}, {"marks", "1"}, {"palette", "0 '#efefef', 1 '#101010'"},
	  {"diverging", "-1 '#101010', 0 '#a6a6a6', 1 '#ffffff'"}, {"low_ink", "0x000000"}, {"high_ink", "0xffffff"},
	  {"change_ink", "x < -0.34"}, {"undefined_fill", "pattern 4"}, {"after_fill", "pattern 5"},
	  {"band_fill", "pattern 5"}}},
};

const am_plot_theme *am_plot_theme_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof themes / sizeof *themes; i++)
		if (strcmp(themes[i].name, name) == 0)
			return &themes[i];
	return NULL;
}

const char *const *am_plot_theme_names(void)
{
	static const char *const names[] = {"light", "dark", "print", NULL};
	return names;
}
