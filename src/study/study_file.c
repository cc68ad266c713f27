/*
 * From the bytes of a study file to a struct study. Each section is a map with a list of known
 * keys; what is not known is refused with its line and the nearest right name, for a key that is
 * passed over in silence is an experiment that was never run.
 */
#include "study/study_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/url.h"

#define READY_TIMEOUT_NS   (30 * NS_PER_S)
#define RUNNING_TIMEOUT_NS (5 * NS_PER_S) /* for a service that should run already */
#define STOP_TIMEOUT_NS    (5 * NS_PER_S)

/* trials: auto goes so many times as far as the usual number, if it must. */
enum { AUTOMATIC = 4 };

/* ---- service ---- */

/* The folder of the study file, or `folder` as seen from there; NULL for the current one. */
static char *folder_of(const struct study_file *f, const char *folder)
{
	const char *slash = strcmp(f->in.path, "-") ? strrchr(f->in.path, '/') : NULL;
	struct str path = STR_INIT;
	char *kept;

	if ((!folder && !slash) || (folder && (*folder == '/' || !slash)))
		return folder ? study_keep(f->s, folder) : NULL;
	str_add_bytes(&path, f->in.path, (size_t)(slash - f->in.path) + 1);
	str_add(&path, folder ? folder : "");
	kept = study_keep(f->s, path.p);
	str_release(&path);
	return kept;
}

static int read_env(const struct study_file *f, const struct node *map)
{
	if (!map)
		return 0;
	if (map->kind != NODE_MAP)
		return node_refuse(&f->in, map->line, "env must be a map of NAME: value");
	f->s->env = mem_zalloc(map->n + 1, sizeof(char *));
	for (size_t i = 0; i < map->n; i++) {
		const char *name = map->keys[i].name;
		struct str line = STR_INIT;

		if (map->items[i].kind != NODE_TEXT)
			return node_refuse(
				&f->in, map->items[i].line, "env: %s must be one value", name);
		if (!*name || strchr(name, '='))
			return node_refuse(&f->in, map->keys[i].line,
				"env: '%s' is no name of a variable", name);
		str_addf(&line, "%s=%s", name, map->items[i].text);
		f->s->env[i] = study_keep(f->s, line.p);
		str_release(&line);
	}
	return 0;
}

static int read_duration(
	const struct study_file *f, const struct node *map, const char *key, uint64_t *out)
{
	const struct node *n = node_at(map, key);
	struct str place = STR_INIT;
	const char *text;
	int rc = node_text(&f->in, map, key, &text);

	if (!rc && text)
		rc = num_parse_duration(text, NS_PER_MS, 3600 * NS_PER_S,
			node_place(&f->in, n, key, &place), out, f->in.err);
	str_release(&place);
	return rc;
}

static int read_service(const struct study_file *f, const struct node *n)
{
	static const char *const KEYS[] = {
		"command", "ready", "folder", "env", "ready_timeout", "stop_timeout", NULL};
	const char *command, *ready, *folder;
	int rc;

	if (!n) {
		f->s->ready_timeout_ns = RUNNING_TIMEOUT_NS;
		return 0;
	}
	rc = node_check_map(&f->in, n, KEYS, "service");
	if (!rc)
		rc = node_text(&f->in, n, "command", &command);
	if (!rc)
		rc = node_text(&f->in, n, "ready", &ready);
	if (!rc)
		rc = node_text(&f->in, n, "folder", &folder);
	if (!rc)
		rc = read_env(f, node_at(n, "env"));
	if (!rc)
		rc = read_duration(f, n, "ready_timeout", &f->s->ready_timeout_ns);
	if (!rc)
		rc = read_duration(f, n, "stop_timeout", &f->s->stop_timeout_ns);
	if (rc)
		return rc;
	if (!command && !node_at(n, "ready_timeout"))
		f->s->ready_timeout_ns = RUNNING_TIMEOUT_NS;
	f->s->command = study_keep(f->s, command);
	f->s->ready = study_keep(f->s, ready);
	f->s->folder = folder_of(f, folder);
	if (!command && (folder || f->s->env))
		return node_refuse(&f->in, n->line,
			"folder and env are for a command, and the service has none; give it one");
	return 0;
}

/* ---- load ---- */

/* The names of LOAD_OPTIONS as a study file writes them. Free the array and each text in it. */
static char **load_keys(void)
{
	size_t n = 0;
	char **keys;

	while (LOAD_OPTIONS[n].name)
		n++;
	keys = mem_zalloc(n + 1, sizeof(*keys));
	for (size_t i = 0; i < n; i++) {
		keys[i] = mem_strdup(LOAD_OPTIONS[i].name);
		for (char *c = keys[i]; *c; c++)
			if (*c == '-')
				*c = '_';
	}
	return keys;
}

static int set_load(const struct study_file *f, const char *key, const struct node *value)
{
	const struct opt *opt = opt_find(LOAD_OPTIONS, key);
	struct str place = STR_INIT;
	int rc = 0;

	node_place(&f->in, value, key, &place);
	if (value->kind == NODE_LIST && opt->type == OPT_LIST) {
		for (size_t i = 0; i < value->n && !rc; i++)
			rc = set_load(f, key, &value->items[i]);
	} else if (value->kind != NODE_TEXT) {
		rc = node_refuse(&f->in, value->line, "%s is %s, and must be one value%s", key,
			NODE_KIND_WORDS[value->kind], opt->type == OPT_LIST ? " or a list" : "");
	} else if (!*value->text && opt->type != OPT_TEXT) {
		rc = node_refuse(
			&f->in, value->line, "%s has no value; give it one, or leave it out", key);
	} else {
		rc = opt_set(opt, &f->s->load, study_keep(f->s, value->text), place.p, f->in.err);
	}
	str_release(&place);
	return rc;
}

static int read_load(const struct study_file *f, const struct node *n)
{
	char **keys = load_keys();
	int rc = node_check_map(&f->in, n, (const char *const *)keys, "load");

	for (size_t i = 0; !rc && i < n->n; i++)
		rc = set_load(f, n->keys[i].name, &n->items[i]);
	for (size_t i = 0; keys[i]; i++)
		free(keys[i]);
	free(keys);
	/* A length by rule looks for the warm-up itself, unless it is told. */
	if (f->s->load.duration_ns == OPT_AUTO_NS && !node_at(n, "warmup"))
		f->s->load.warmup_ns = OPT_AUTO_NS;
	if (!rc && (!f->s->load.url || !*f->s->load.url))
		rc = node_refuse(&f->in, n->line,
			"load has no url; say what to request, as url: http://127.0.0.1:5001/");
	return rc;
}

/* ---- response, design ---- */

static int read_response(const struct study_file *f, const struct node *top)
{
#define X(name, unit, text) name,
	static const char *const KNOWN[] = {STUDY_RESPONSES(X) NULL};
#undef X
	const char *word;
	int rc = node_text(&f->in, top, "response", &word);

	if (rc)
		return rc;
	f->s->response = study_keep(f->s, word ? word : KNOWN[0]);
	for (size_t i = 0; KNOWN[i]; i++)
		if (!strcmp(KNOWN[i], f->s->response))
			return 0;
	return node_refuse_word(&f->in, node_at(top, "response")->line, "response", word, KNOWN);
}

static int read_sampler(const struct study_file *f, const struct node *n)
{
	const char *word;
	int rc = node_text(&f->in, n, "sampler", &word);

	if (rc || !word)
		return rc;
	for (size_t i = 0; DESIGN_WORDS[i]; i++)
		if (!strcmp(DESIGN_WORDS[i], word)) {
			f->s->sampler = (enum design_sampler)i;
			return 0;
		}
	return node_refuse_word(&f->in, node_at(n, "sampler")->line, "sampler", word, DESIGN_WORDS);
}

static int read_whole(const struct study_file *f, const struct node *n, const char *key,
	int64_t min, int64_t max, int64_t *out)
{
	struct str place = STR_INIT;
	const char *text;
	int rc = node_text(&f->in, n, key, &text);

	if (!rc && text)
		rc = num_parse_int(text, min, max, node_place(&f->in, node_at(n, key), key, &place),
			out, f->in.err);
	str_release(&place);
	return rc;
}

/* A power of two, which Sobol points like, and at least four trials a factor. */
static size_t usual_trials(size_t n_factors)
{
	size_t n = 32;

	while (n < 4 * n_factors)
		n *= 2;
	return n;
}

static int read_confidence(const struct study_file *f, const struct node *n)
{
	struct str place = STR_INIT;
	const char *text;
	int rc = node_text(&f->in, n, "confidence", &text);

	f->s->confidence = .95;
	if (!rc && text)
		rc = num_parse_real(text, .5, .999,
			node_place(&f->in, node_at(n, "confidence"), "confidence", &place),
			&f->s->confidence, f->in.err);
	str_release(&place);
	return rc;
}

static int read_design(const struct study_file *f, const struct node *n)
{
	static const char *const KEYS[] = {
		"sampler", "trials", "max_trials", "confidence", "confirm", "seed", NULL};
	const struct node *count = node_at(n, "trials");
	int64_t trials = (int64_t)usual_trials(f->s->n_factors), seed = 1, confirm = 4;
	int rc = n ? node_check_map(&f->in, n, KEYS, "design") : 0;

	f->s->automatic = count && count->kind == NODE_TEXT && !strcmp(count->text, "auto");
	if (f->s->automatic)
		trials *= AUTOMATIC;
	if (!rc)
		rc = read_sampler(f, n);
	if (!rc && !f->s->automatic)
		rc = read_whole(f, n, "trials", 1, DESIGN_MAX_TRIALS, &trials);
	if (!rc && node_at(n, "max_trials") && !f->s->automatic)
		rc = node_refuse(&f->in, node_at(n, "max_trials")->line,
			"max_trials is for trials: auto; leave one of them out");
	if (!rc)
		rc = read_whole(f, n, "max_trials", 1, DESIGN_MAX_TRIALS, &trials);
	if (!rc)
		rc = read_confidence(f, n);
	if (!rc)
		rc = read_whole(f, n, "confirm", 0, 100, &confirm);
	if (!rc && confirm && confirm < 3)
		rc = node_refuse(&f->in, node_at(n, "confirm")->line,
			"confirm: %d pairs say nothing; give 3 or more, or 0 for none",
			(int)confirm);
	if (!rc)
		rc = read_whole(f, n, "seed", 0, (int64_t)1 << 53, &seed);
	if (!rc && f->s->automatic && f->s->sampler == DESIGN_LHS)
		rc = node_refuse(&f->in, count->line,
			"trials: auto needs a design that can be extended, and a Latin hypercube "
			"cannot; take sampler: sobol");
	f->s->trials = (size_t)trials;
	f->s->confirm = (size_t)confirm;
	f->s->seed = (uint64_t)seed;
	return rc;
}

/* ---- the whole ---- */

static int read_profile(const struct study_file *f, const struct node *top)
{
	const struct node *n = node_at(top, "profile");
	const char *text = NULL;
	int rc = node_text(&f->in, top, "profile", &text);

	if (rc || !text)
		return rc;
	f->s->profile = !strcmp(text, "true");
	if (!f->s->profile && strcmp(text, "false"))
		return node_refuse(&f->in, n->line,
			"profile: '%s' is neither true nor false: whether the service is profiled "
			"while each trial runs",
			text);
	if (f->s->profile && !f->s->command)
		return node_refuse(&f->in, n->line,
			"profile: true needs service: command, for what is profiled is the service "
			"that culprit starts; profile one that runs already with `culprit load "
			"--profile PID`");
	return 0;
}

static int read_top(const struct study_file *f, const struct node *top)
{
	static const char *const KEYS[] = {
		"title", "service", "load", "response", "factors", "design", "profile", NULL};
	const struct node *load = node_at(top, "load"), *factors = node_at(top, "factors");
	const char *title = NULL;
	int rc = node_check_map(&f->in, top, KEYS, "a study file");

	if (!rc)
		rc = node_text(&f->in, top, "title", &title);
	if (!rc)
		rc = read_service(f, node_at(top, "service"));
	if (!rc && !load)
		rc = node_refuse(&f->in, top->line,
			"there is no section load; say what to request, as load: {url: "
			"http://127.0.0.1:5001/}");
	if (!rc)
		rc = read_load(f, load);
	if (!rc)
		rc = read_response(f, top);
	if (!rc && !factors)
		rc = node_refuse(&f->in, top->line,
			"there is no section factors; say what to vary, as factors: {size: {range: "
			"[1, "
			"100], lever: query}}");
	if (!rc)
		rc = study_file_factors(f, factors);
	if (!rc)
		rc = read_design(f, node_at(top, "design"));
	if (!rc)
		rc = read_profile(f, top);
	f->s->title = study_keep(f->s, title ? title : f->in.path);
	return rc;
}

int study_read_bytes(
	struct study *out, const char *path, const char *data, size_t len, struct err *err)
{
	struct study_file f = {{path, err}, out};
	struct node top;
	int rc;

	*out = (struct study){
		.ready_timeout_ns = READY_TIMEOUT_NS,
		.stop_timeout_ns = STOP_TIMEOUT_NS,
	};
	load_spec_init(&out->load);
	/* A trial of a study, not a load on its own: docs/study-files.md says why these. */
	out->load.warmup_ns = 1 * NS_PER_S;
	out->load.duration_ns = 3 * NS_PER_S;
	out->path = study_keep(out, path);
	rc = node_read(&top, path, data, len, err);
	if (!rc)
		rc = read_top(&f, &top);
	node_release(&top);
	return rc ? rc : study_check(out, err);
}

int study_read(struct study *out, const char *path, struct err *err)
{
	struct file_bytes file;
	int rc;

	*out = (struct study){0};
	rc = file_open_bytes(path, NODE_MAX_BYTES, &file, err);
	if (rc)
		return rc;
	rc = study_read_bytes(out, path, file.data, file.len, err);
	file_close_bytes(&file);
	return rc;
}
