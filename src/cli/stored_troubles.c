#include "cli/stored_troubles.h"

#include <string.h>

#include "base/json.h"
#include "study/study.h"

/* Failed trials that are listed one by one. */
enum { TROUBLES = 10 };

/* Columns of running text, as in the report. */
enum { PROSE = 96 };

static const char DISTURBED[] = "trials were disturbed (other processes, the hypervisor, or the "
				"load engine at its limit)";

struct counts {
	size_t failed, disturbed;
};

static struct counts count(const struct trial *trials, size_t n)
{
	struct counts c = {0};

	for (size_t i = 0; i < n; i++) {
		c.failed += !trials[i].ok;
		c.disturbed += trials[i].ok &&
			       json_array_size(json_object_get(trials[i].detail, "flags")) > 0;
	}
	return c;
}

/* "workers=4 latency=2.5", for whoever wants to know what killed the service. */
static void add_setting(struct str *out, json_t *setting)
{
	const char *key;
	json_t *value;
	bool first = true;

	json_object_foreach(setting, key, value)
	{
		str_addf(out, "%s%s=", first ? "" : " ", key);
		if (json_is_string(value))
			str_add(out, json_string_value(value));
		else
			str_addf(out, "%.6g", json_number_value(value));
		first = false;
	}
}

static void add_failed(struct str *line, const struct trial *t)
{
	const char *note = json_text_at(t->detail, "note");
	const char *tail = strstr(note, ". Its last output:");

	str_addf(line, "trial %zu (", t->index + 1);
	add_setting(line, t->setting);
	str_addf(line, ") failed and was left out: %.*s",
		(int)(tail ? (size_t)(tail - note) : strcspn(note, "\n")), note);
}

static void add_line(struct str *out, const struct term *term, struct str *line)
{
	if (line->len)
		str_add_wrapped(out, line->p, 0, term->width > PROSE ? PROSE : term->width);
	str_clear(line);
}

void stored_add_troubles(const struct stored *s, const struct term *term, struct str *out)
{
	struct counts c = count(s->trials, s->n_trials);
	struct str line = STR_INIT;

	if (c.failed || c.disturbed)
		str_add_char(out, '\n');
	for (size_t i = 0, shown = 0; i < s->n_trials && shown < TROUBLES; i++) {
		if (s->trials[i].ok)
			continue;
		add_failed(&line, &s->trials[i]);
		add_line(out, term, &line);
		shown++;
	}
	study_failures(&line, s->trials, s->n_trials);
	add_line(out, term, &line);
	if (c.failed > TROUBLES)
		str_addf(&line, "%zu more trials failed; `culprit export %lld --csv` has all",
			c.failed - TROUBLES, (long long)s->run.id);
	add_line(out, term, &line);
	if (c.disturbed)
		str_addf(&line, "%zu of %zu %s; `culprit export %lld --csv` says which and how",
			c.disturbed, s->n_trials, DISTURBED, (long long)s->run.id);
	add_line(out, term, &line);
	str_release(&line);
}

void stored_troubles_sentence(struct str *out, const struct trial *trials, size_t n)
{
	struct counts c = count(trials, n);

	if (c.failed)
		str_addf(out, "%zu of %zu trials failed and were left out", c.failed, n);
	if (c.disturbed)
		str_addf(out, "%s%zu of %zu %s", c.failed ? "; " : "", c.disturbed, n, DISTURBED);
	if (out->len)
		str_add(out, ". The table of the trials says which and how.");
}
