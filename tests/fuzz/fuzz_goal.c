/* Texts that steer a load: a goal (first byte 'g') or stages (any other). They are refused with a
 * sentence, or become something whose numbers are finite and whose arrivals come in order. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "load/goal.h"
#include "load/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void goal(const char *text)
{
	static const struct load_result NOTHING;
	struct str sentence = STR_INIT;
	struct err err = {0};
	struct load_goal g;
	double value;

	if (load_goal_parse(&g, text, &err)) {
		must(err.text[0] != '\0' && !g.text);
		return;
	}
	must(isfinite(g.limit) && g.limit >= 0 && !strcmp(g.text, text) && g.metric[0]);
	if (load_goal_value(&g, &NOTHING, &value, &err))
		must(err.text[0] != '\0' && isnan(value));
	load_goal_describe(&g, g.limit * 2, &sentence);
	must(sentence.len > 0);
	str_release(&sentence);
	load_goal_release(&g);
}

static void stages(const char *text)
{
	struct load_spec spec = {.stages = text};
	struct load_schedule s;
	struct err err = {0};

	if (load_schedule_init(&s, &spec, &err)) {
		must(err.text[0] != '\0' && !s.stages);
		return;
	}
	must(s.n >= 1 && isfinite(s.seconds) && s.stages[s.n - 1].through >= 1);
	for (int poisson = 0; poisson < 2; poisson++) {
		struct load_arrivals_clock c;
		uint64_t last = 0;

		s.arrivals = poisson ? LOAD_POISSON : LOAD_CONSTANT;
		load_arrivals_start(&c, &s, 1, 3, 0, 1);
		for (int i = 0; i < 100; i++) {
			uint64_t at = load_arrivals_next(&c);

			must(at >= last);
			must(at == UINT64_MAX || (double)at <= s.seconds * 1e9 + 1);
			last = at;
		}
	}
	load_schedule_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = malloc(size); /* exact, so that the sanitizer sees a byte too far */
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] == 'g')
		goal(text);
	else
		stages(text);
	free(text);
	return 0;
}
