/* What was saturated where the response was worst: the regimes of the worst quarter of the trials.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "study/regime.h"
#include "study/study.h"

enum { FEWEST = 3 };

struct row {
	double badness;
	const char *regime;
	double service_cores, cores;
};

static int worst_first(const void *a, const void *b)
{
	double x = ((const struct row *)a)->badness, y = ((const struct row *)b)->badness;

	return x > y ? -1 : x < y;
}

static size_t gather(const struct study *s, const struct trial *trials, size_t n, struct row *rows)
{
	double sign = study_less_is_better(s->response) ? 1 : -1;
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		const json_t *d = trials[i].detail, *cpu = json_object_get(d, "cpu");
		double y = json_number_at(trials[i].responses, s->response);

		if (!trials[i].ok || !study_trial_is_design(&trials[i]) || !isfinite(y) ||
			!*json_text_at(d, "regime"))
			continue;
		rows[found++] = (struct row){sign * y, json_text_at(d, "regime"),
			json_number_at(cpu, "service_cores"), json_number_at(cpu, "cores")};
	}
	qsort(rows, found, sizeof(*rows), worst_first);
	return found;
}

static const char *text_of(const char *word)
{
	for (int i = 0; REGIME_WORDS[i]; i++)
		if (!strcmp(REGIME_WORDS[i], word))
			return REGIME_TEXTS[i];
	return "";
}

json_t *study_slow(const struct study *s, const struct trial *trials, size_t n)
{
	struct row *rows = mem_zalloc(n + 1, sizeof(*rows));
	size_t found = gather(s, trials, n, rows), worst = found / 4, most = 0;
	struct str text = STR_INIT;
	json_t *out = NULL, *counts;
	const char *main_regime = NULL;
	double used = 0;

	worst = worst < FEWEST ? FEWEST : worst;
	if (found < 2 * FEWEST) {
		free(rows);
		return NULL;
	}
	counts = json_object();
	for (size_t i = 0; i < worst; i++) {
		size_t count = (size_t)json_int_at(counts, rows[i].regime) + 1;

		json_object_set_new(counts, rows[i].regime, json_integer((json_int_t)count));
		used += rows[i].service_cores / (double)worst;
		if (count > most) {
			most = count;
			main_regime = rows[i].regime;
		}
	}
	str_addf(&text, "In the %zu settings where %s was worst, %s (%zu of %zu", worst,
		s->response, text_of(main_regime), most, worst);
	if (isfinite(used))
		str_addf(&text, "; the service used %.2f of %.0f cores", used, rows[0].cores);
	str_add(&text, ").");
	out = json_pack(
		"{s:s, s:o, s:s}", "sentence", text.p, "regimes", counts, "regime", main_regime);
	str_release(&text);
	free(rows);
	return out;
}
