#include "load/scenario.h"

#include <stdlib.h>

#include "load/regex.h"

static void release_check(struct load_check *c)
{
	free(c->name);
	free(c->statuses);
	free(c->text);
	free(c->value);
	json_decref(c->expected);
	regex_free(c->code);
}

void load_step_release(struct load_step *s)
{
	load_request_release(&s->request);
	for (size_t i = 0; i < s->n_takes; i++) {
		free(s->takes[i].text);
		regex_free(s->takes[i].code);
	}
	for (size_t i = 0; i < s->n_checks; i++)
		release_check(&s->checks[i]);
	free(s->takes);
	free(s->checks);
	*s = (struct load_step){0};
}

void load_scenario_release(struct load_scenario *s)
{
	for (size_t i = 0; i < s->n_steps; i++)
		load_step_release(&s->steps[i]);
	for (size_t i = 0; i < s->n_variables; i++)
		free(s->variables[i]);
	free(s->steps);
	free(s->variables);
	*s = (struct load_scenario){0};
}

void load_scenario_file_release(struct load_scenario_file *f)
{
	load_scenario_release(&f->scenario);
	load_data_release(&f->data);
	for (size_t i = 0; i < f->n_texts; i++)
		free(f->texts[i]);
	free(f->texts);
	*f = (struct load_scenario_file){0};
}
