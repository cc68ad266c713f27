/* A study in memory: its texts, whether it makes sense as a whole, its key and its JSON. */
#include "study/study.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "net/http_field.h"
#include "net/url.h"
#include "load/template.h"
#include "study/fleet.h"
#include "study/setting.h"

const char *const STUDY_LEVER_WORDS[] = {
#define X(name, word, hold, target, text) word,
	STUDY_LEVERS(X)
#undef X
		NULL,
};

const enum lever_hold STUDY_LEVER_HOLDS[] = {
#define X(name, word, hold, target, text) HOLD_##hold,
	STUDY_LEVERS(X)
#undef X
};

const char *const STUDY_LEVER_TARGETS[] = {
#define X(name, word, hold, target, text) target,
	STUDY_LEVERS(X)
#undef X
};

const char *const PROXY_SHAPES[] = {"latency", "jitter", "sigma", "bandwidth", "drop", NULL};

char *study_keep(struct study *s, const char *text)
{
	if (!text)
		return NULL;
	s->pool = mem_grow(s->pool, &s->pool_cap, s->n_pool + 1, sizeof(char *));
	return s->pool[s->n_pool++] = mem_strdup(text);
}

void study_release(struct study *s)
{
	for (size_t i = 0; i < s->n_factors; i++)
		free(s->factors[i].values);
	for (size_t i = 0; i < s->n_pool; i++)
		free(s->pool[i]);
	free(s->pool);
	free(s->factors);
	free(s->env);
	load_spec_release(&s->load);
	*s = (struct study){0};
}

/* ---- does it make sense? ---- */

static int check_place(const struct study *s, const struct factor *f, struct err *err)
{
	const char *text = f->lever == LEVER_ARG    ? s->command
			   : f->lever == LEVER_BODY ? (s->load.body ? s->load.body : "")
						    : s->load.url;
	struct str ignored = STR_INIT;
	size_t len = f->lever == LEVER_PATH ? strcspn(text, "?#") : strlen(text);
	char *part = mem_copy(text, len);
	bool found = setting_replace(&ignored, part, f->name, "");

	free(part);
	str_release(&ignored);
	if (found)
		return 0;
	return err_set(err, ERR_USAGE,
		"%s:%zu: the lever %s puts %s where {%s} stands in %s, and it is not there: %s",
		s->path, f->line, STUDY_LEVER_WORDS[f->lever], f->name, f->name,
		f->lever == LEVER_ARG    ? "the service's command"
		: f->lever == LEVER_BODY ? "the body of the load"
					 : "the path of the URL",
		text);
}

/* Each value that a trial could have must be one that the option takes. */
static int check_load_values(const struct study *s, const struct factor *f, struct err *err)
{
	const struct opt *opt = opt_find(LOAD_OPTIONS, f->target);
	size_t n = f->n_values ? f->n_values : 2;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		struct str text = STR_INIT;
		struct load_spec spec;
		json_t *json;

		load_spec_init(&spec);
		factor_value(
			f, f->n_values ? ((double)i + .5) / (double)n : (double)i, &text, &json);
		str_add(&text, f->unit);
		rc = opt_set(opt, &spec, text.p, f->target, err);
		json_decref(json);
		str_release(&text);
	}
	return rc ? err_prefix(err, "%s:%zu: a value of %s", s->path, f->line, f->name) : 0;
}

/* Levers whose values are numbers within bounds, in the words of the study file. */
static int check_numbers(const struct study *s, const struct factor *f, struct err *err)
{
	bool counts = f->lever == LEVER_REPLICAS || f->lever == LEVER_WORKERS;
	double most = f->lever == LEVER_REPLICAS ? FLEET_MAX : 200;

	if (counts && ((!f->n_values && (!f->whole || f->low < 1 || f->high > most)) || f->words))
		return err_set(err, ERR_USAGE,
			"%s:%zu: the lever %s of %s needs whole numbers, 1 to %.0f, as range: [1, "
			"4]",
			s->path, f->line, STUDY_LEVER_WORDS[f->lever], f->name, most);
	if (f->lever == LEVER_QUOTA && !f->n_values && !(f->low > 0))
		return err_set(err, ERR_USAGE,
			"%s:%zu: the lever cpu-quota of %s needs more than 0 cores", s->path,
			f->line, f->name);
	if (f->lever == LEVER_REPLICAS && !strstr(s->command, "{port}"))
		return err_set(err, ERR_USAGE,
			"%s:%zu: the lever replicas of %s starts copies on ports of their own; say "
			"where the command takes its port, as {port}: %s",
			s->path, f->line, f->name, s->command);
	return 0;
}

static int check_factor(const struct study *s, const struct factor *f, struct err *err)
{
	if (!s->command && f->lever != LEVER_PROXY && STUDY_LEVER_HOLDS[f->lever] != HOLD_LOAD)
		return err_set(err, ERR_USAGE,
			"%s:%zu: the lever %s of %s needs a service that culprit starts; give "
			"service: a "
			"command",
			s->path, f->line, STUDY_LEVER_WORDS[f->lever], f->name);
	for (size_t i = 0; f->lever == LEVER_HEADER && i < f->n_values; i++)
		if (!http_is_text(f->values[i], strlen(f->values[i])))
			return err_set(err, ERR_USAGE,
				"%s:%zu: a value of %s cannot be in a header; it has a line break "
				"or "
				"another control character",
				s->path, f->line, f->name);
	if (f->lever == LEVER_ARG || f->lever == LEVER_PATH || f->lever == LEVER_BODY)
		return check_place(s, f, err);
	if (f->lever == LEVER_LOAD)
		return check_load_values(s, f, err);
	return check_numbers(s, f, err);
}

/* Whether it is ready is asked without TLS; the load may use it. */
static int check_url(const struct study *s, const char *what, const char *text, bool tls_allowed,
	struct err *err)
{
	struct str filled = STR_INIT;
	struct url url;
	int rc;

	fleet_port(&filled, text, "1");
	rc = url_parse(&url, filled.p, err);
	str_release(&filled);
	if (!rc && url.tls && !tls_allowed)
		rc = err_set(err, ERR_USAGE,
			"%s: whether the service is ready is not asked over https; give an http:// "
			"URL, or none: then a connection is enough",
			text);
	url_release(&url);
	return rc ? err_prefix(err, "%s: %s", s->path, what) : 0;
}

/* A placeholder that the load fills in itself: {seq}, {rand:1-9}, a column of its data. */
static bool is_filled_in(const struct study *s, const char *word)
{
	size_t len = strcspn(word, ":}");
	char *name = mem_copy(word, len);
	bool built_in = template_is_built_in(name);

	free(name);
	return built_in || s->load.data_file;
}

/* The URL as a trial has it. */
static int check_load(const struct study *s, struct err *err)
{
	double *u = mem_zalloc(s->n_factors + 1, sizeof(*u));
	struct setting_load load;
	struct setting setting;
	const char *brace;
	int rc;

	setting_init(&setting, s, u);
	setting_load_init(&load, &setting, s);
	brace = strchr(load.spec.url, '{');
	if (brace && strchr(brace, '}') && !is_filled_in(s, brace + 1))
		rc = err_set(err, ERR_USAGE,
			"%s: the url has %.*s, and no factor of that name has the lever path",
			s->path, (int)(strchr(brace, '}') - brace + 1), brace);
	else
		rc = check_url(s, "url", load.spec.url, true, err);
	setting_load_release(&load);
	setting_release(&setting);
	free(u);
	return rc;
}

int study_check_trials(const struct study *s, struct err *err)
{
	size_t least = s->n_factors + 3 < 6 ? 6 : s->n_factors + 3;

	if (s->trials < least)
		return err_set(err, ERR_USAGE,
			"%s: %zu trial%s too few to tell %zu factor%s apart; give at least %zu",
			s->path, s->trials, s->trials == 1 ? " is" : "s are", s->n_factors,
			s->n_factors == 1 ? "" : "s", least);
	return 0;
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo), from two starts: a name, not a seal. */
static void set_key(struct study *s)
{
	json_t *all = study_to_json(s);
	uint64_t hash[2] = {UINT64_C(0xcbf29ce484222325), UINT64_C(0x84222325cbf29ce4)};
	char text[33], *bytes;

	json_object_del(all, "title");
	json_object_del(all, "file");
	bytes = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
	for (const char *p = bytes; p && *p; p++)
		for (int i = 0; i < 2; i++)
			hash[i] = (hash[i] ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	snprintf(text, sizeof(text), "%016llx%016llx", (unsigned long long)hash[0],
		(unsigned long long)hash[1]);
	free(bytes);
	json_decref(all);
	s->key = study_keep(s, text);
}

/* What is read off the service's processes. */
static bool is_of_service(const char *response)
{
	return !strcmp(response, "cpu_ms_per_request") || !strcmp(response, "peak_memory_mb") ||
	       !strcmp(response, "switches_per_request");
}

int study_check(struct study *s, struct err *err)
{
	int rc = 0;

	if (s->trials > DESIGN_MAX_TRIALS)
		rc = err_set(err, ERR_USAGE, "%s: %zu trials; a study takes up to %d", s->path,
			s->trials, DESIGN_MAX_TRIALS);
	for (size_t i = 0; !rc && i < s->n_factors; i++)
		rc = check_factor(s, &s->factors[i], err);
	if (!rc)
		rc = check_load(s, err);
	if (!rc && s->ready)
		rc = check_url(s, "ready", s->ready, false, err);
	if (!rc && !s->command && is_of_service(s->response))
		rc = err_set(err, ERR_USAGE,
			"%s: %s is known only where culprit starts the service; give service: a "
			"command, or take another response",
			s->path, s->response);
	if (!rc)
		set_key(s);
	return rc;
}

/* ---- JSON ---- */

static json_t *service_json(const struct study *s)
{
	json_t *env = json_array(), *out;
	char *folder = s->command ? realpath(s->folder ? s->folder : ".", NULL) : NULL;

	for (size_t i = 0; s->env && s->env[i]; i++)
		json_array_append_new(env, json_string(s->env[i]));
	out = json_pack("{s:s?, s:s?, s:s?, s:o, s:f, s:f}", "command", s->command, "ready",
		s->ready, "folder", folder ? folder : s->folder, "env", env, "ready_timeout_s",
		(double)s->ready_timeout_ns / 1e9, "stop_timeout_s",
		(double)s->stop_timeout_ns / 1e9);
	free(folder);
	return out;
}

static json_t *factor_json(const struct factor *f)
{
	json_t *out = json_pack("{s:s, s:s, s:s}", "name", f->name, "lever",
		STUDY_LEVER_WORDS[f->lever], "target", f->target);

	if (f->lever == LEVER_PROXY) {
		json_object_set_new(out, "upstream", json_string(f->upstream));
		json_object_set_new(out, "shape", json_string(PROXY_SHAPES[f->shape]));
	}

	json_t *list = json_array();
	for (size_t i = 0; i < f->n_values; i++)
		json_array_append_new(list, json_string(f->values[i]));
	if (f->n_values) {
		json_object_set(out, "values", list);
	} else {
		json_array_append_new(list, json_real(f->low));
		json_array_append_new(list, json_real(f->high));
		json_object_set(out, "range", list);
		json_object_set_new(out, "unit", json_string(f->unit));
		json_object_set_new(out, "whole", json_boolean(f->whole));
	}
	json_decref(list);
	return out;
}

json_t *study_to_json(const struct study *s)
{
	json_t *factors = json_array();

	for (size_t i = 0; i < s->n_factors; i++)
		json_array_append_new(factors, factor_json(&s->factors[i]));
	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:b, s:{s:s, s:I, s:b, s:f, s:I, s:I}}",
		"title", s->title, "file", s->path, "service", service_json(s), "load",
		load_spec_to_json(&s->load), "response", s->response, "factors", factors, "profile",
		(int)s->profile, "design", "sampler", DESIGN_WORDS[s->sampler], "trials",
		(json_int_t)s->trials, "automatic", (int)s->automatic, "confidence", s->confidence,
		"confirm", (json_int_t)s->confirm, "seed", (json_int_t)s->seed);
}
