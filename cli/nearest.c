/* Nearest name by edit distance, for "did you mean". */
#include "cli/options.h"

#include <string.h>

#define MAX_NAME 32

static int min3(int a, int b, int c)
{
	int m = a < b ? a : b;
	return m < c ? m : c;
}

/* Insertions, deletions, substitutions and swaps of neighbours (optimal string
 * alignment) between names shorter than MAX_NAME. */
static int distance(const char *a, const char *b)
{
	int d[MAX_NAME + 1][MAX_NAME + 1];
	int n = (int)strlen(a), m = (int)strlen(b);
	for (int i = 0; i <= n; i++)
		d[i][0] = i;
	for (int j = 0; j <= m; j++)
		d[0][j] = j;
	for (int i = 1; i <= n; i++)
		for (int j = 1; j <= m; j++) {
			int cost = a[i - 1] != b[j - 1];
			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	return d[n][m];
}

int am_nearest_name(const char *word, int n, const char *(*name)(const void *ctx, int i), const void *ctx)
{
	size_t length = strlen(word);
	if (length > MAX_NAME)
		return -1;
	int best = -1, best_distance = (int)length / 3 + 1; /* at most a third of it is wrong */
	for (int i = 0; i < n; i++) {
		const char *candidate = name(ctx, i);
		int far = strlen(candidate) > MAX_NAME ? MAX_NAME : distance(word, candidate);
		if (far < best_distance || (far == best_distance && best < 0)) {
			best = i;
			best_distance = far;
		}
	}
	return best;
}
