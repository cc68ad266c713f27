#include "report/diff_marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int by_name(const void *a, const void *b)
{
	const struct diff_row *x = *(const struct diff_row *const *)a;
	const struct diff_row *y = *(const struct diff_row *const *)b;
	int order = strcmp(x->name, y->name);

	order = order ? order : strcmp(x->file, y->file);
	return order ? order : (int)x->kind - (int)y->kind;
}

static bool same_way(double a, double b)
{
	return (a > 0 && b > 0) || (a < 0 && b < 0);
}

unsigned char *diff_marks(const struct profile_diff *d)
{
	unsigned char *marks = mem_zalloc(d->n_nodes + 1, 1);
	const struct diff_row **real = mem_alloc(d->n_rows + 1, sizeof(*real));
	size_t n = 0;

	for (size_t i = 0; i < d->n_rows; i++)
		if (d->rows[i].real)
			real[n++] = &d->rows[i];
	if (n)
		qsort(real, n, sizeof(*real), by_name);
	for (size_t i = d->n_nodes; n && i-- > 1;) {
		const struct diff_node *node = &d->nodes[i], *above = &d->nodes[node->parent];
		const struct diff_row key = {
			.name = node->name, .file = node->file, .kind = node->kind};
		const struct diff_row *wanted = &key, **row;
		double total = node->after.total - node->before.total;

		row = bsearch(&wanted, real, n, sizeof(*real), by_name);
		if (row && same_way(node->after.self - node->before.self,
				   (*row)->after.self - (*row)->before.self))
			marks[i] = DIFF_OWN;
		if (marks[i] && node->parent &&
			same_way(total, above->after.total - above->before.total) &&
			!marks[node->parent])
			marks[node->parent] = DIFF_ABOVE;
	}
	free(real);
	return marks;
}
