/*
 * Scenario files, and answers to their steps. The input is a file; behind a NUL byte the header
 * lines of an answer; behind another its body. Any file is refused with a sentence, or is a
 * scenario whose requests can be written and whose steps judge the answer, each check once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "load/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

/* What is before the next NUL byte, as a copy of exactly that size. */
static char *next_part(const uint8_t **data, size_t *size, size_t *n)
{
	const uint8_t *nul = *size ? memchr(*data, 0, *size) : NULL;
	char *copy;

	*n = nul ? (size_t)(nul - *data) : *size;
	copy = malloc(*n ? *n : 1);
	memcpy(copy, *data, *n);
	*data += *n + (nul != NULL);
	*size -= *n + (nul != NULL);
	return copy;
}

static void check_written(const struct load_request *r, const struct load_origins *origins,
	char *const *taken, struct rng *rng)
{
	struct str out = STR_INIT, scratch = STR_INIT;
	struct template_values v = {.taken = taken, .seq = 1, .rng = rng};
	size_t head;

	must(r->origin < origins->n);
	load_request_write(
		r, &origins->items[r->origin], &v, NULL, false, false, &scratch, &out, &head);
	must(head <= out.len && head >= 4 && !memcmp(out.p + head - 4, "\r\n\r\n", 4));
	str_release(&out);
	str_release(&scratch);
}

static void check_step(const struct load_step *s, const struct load_scenario *all,
	const struct load_answer *answer, char **taken)
{
	uint64_t *passed = mem_zalloc(all->n_checks + 1, sizeof(*passed));
	uint64_t *failed = mem_zalloc(all->n_checks + 1, sizeof(*failed));
	size_t counted = 0, lost = 0;
	bool held = load_step_judge(s, answer, taken, passed, failed);

	for (size_t i = 0; i < all->n_checks; i++) {
		must(passed[i] + failed[i] <= 1);
		counted += passed[i] + failed[i];
		lost += failed[i];
	}
	must(counted == s->n_checks && (!held || !lost));
	must(s->wants_headers || !(s->wants_body || all->cookies));
	load_step_expects(s, answer->status);
	free(passed);
	free(failed);
}

static void check_scenario(const struct load_scenario *s, const struct load_origins *origins,
	const struct load_answer *answer)
{
	char **taken = mem_zalloc(s->n_variables + 1, sizeof(*taken));
	struct rng rng;

	rng_seed(&rng, 1, 0);
	must(s->n_steps > s->n_start);
	for (size_t i = 0; i < s->n_steps; i++) {
		check_step(&s->steps[i], s, answer, taken);
		check_written(&s->steps[i].request, origins, taken, &rng);
		must(s->steps[i].think.min_ns <= s->steps[i].think.max_ns);
		must(s->steps[i].request.weight > 0);
	}
	for (size_t i = 0; i < s->n_variables; i++)
		free(taken[i]);
	free(taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct load_scenario_file file;
	struct load_origins origins = {0};
	struct load_answer answer = {.status = 200};
	struct load_spec spec;
	struct err err = {0};
	size_t n;
	char *text, *headers, *body;
	int rc;

	/* It must not read the files of the machine that it runs on. */
	if (memmem(data, size, "data", 4) || memmem(data, size, "body_file", 9))
		return 0;
	text = next_part(&data, &size, &n);
	headers = next_part(&data, &size, &answer.n_headers);
	body = malloc(size ? size : 1);
	memcpy(body, data, size);
	answer.headers = headers;
	answer.body = body;
	answer.n_body = size;
	load_spec_init(&spec);
	rc = load_scenario_read_bytes(&file, "f", text, n, &spec, &origins, &err);
	must(rc <= 0 && (!rc || (err.text[0] && -rc == (int)err.kind)));
	if (!rc)
		check_scenario(&file.scenario, &origins, &answer);
	load_scenario_file_release(&file);
	load_origins_release(&origins);
	load_spec_release(&spec);
	free(text);
	free(headers);
	free(body);
	return 0;
}
