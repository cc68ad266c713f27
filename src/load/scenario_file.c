/*
 * From the bytes of a scenario file to a struct load_scenario: the whole, and its section `load`.
 * What is not known is refused with its line and the nearest right name, for a check that is passed
 * over in silence is one that nobody made.
 */
#include "load/scenario_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "net/url.h"

/* ---- what all parts use ---- */

static const char *keep(const struct scenario_reader *r, const char *text)
{
	struct load_scenario_file *f = r->out;

	f->texts = mem_grow(f->texts, &f->texts_cap, f->n_texts + 1, sizeof(*f->texts));
	f->texts[f->n_texts] = mem_strdup(text);
	return f->texts[f->n_texts++];
}

const char *scenario_path(const struct scenario_reader *r, const char *path)
{
	const char *slash = strcmp(r->in.path, "-") ? strrchr(r->in.path, '/') : NULL;
	struct str joined = STR_INIT;
	const char *kept;

	if (*path != '/' && slash)
		str_add_bytes(&joined, r->in.path, (size_t)(slash - r->in.path) + 1);
	str_add(&joined, path);
	kept = keep(r, str_text(&joined));
	str_release(&joined);
	return kept;
}

static json_t *json_of_text(const struct scenario_reader *r, const struct node *n)
{
	const char *digits = n->text + (n->text[0] == '-');
	json_t *value;

	if (n->quoted)
		return json_string(n->text);
	if (!*n->text)
		return json_null();
	value = json_loads(n->text, JSON_DECODE_ANY, NULL);
	if (value)
		return value;
	if (*digits >= '1' && *digits <= '9' && !digits[strspn(digits, "0123456789")]) {
		node_refuse(&r->in, n->line,
			"%s does not fit into 64 bits; write it in quotes, or the JSON as a body",
			n->text);
		return NULL;
	}
	return json_string(n->text);
}

json_t *scenario_json(const struct scenario_reader *r, const struct node *n)
{
	json_t *all;

	if (n->kind == NODE_TEXT)
		return json_of_text(r, n);
	all = n->kind == NODE_LIST ? json_array() : json_object();
	for (size_t i = 0; i < n->n; i++) {
		json_t *value = scenario_json(r, &n->items[i]);

		if (!value) {
			json_decref(all);
			return NULL;
		}
		if (n->kind == NODE_LIST)
			json_array_append_new(all, value);
		else
			json_object_set_new(all, n->keys[i].name, value);
	}
	return all;
}

/* ---- load ---- */

/* What a run without a scenario requests; here the steps say it. */
static const char *const REQUESTED[] = {
	"target", "urls", "har", "scenario", "method", "body", "body-file", "form", NULL};

/* Files, named as seen from the scenario's folder. */
static const char *const PATHS[] = {"data", "unix-socket", "ca", "cert", "key", NULL};

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words;
}

/* Whether the command line set it: it has another value than that of load_spec_init(). */
static bool is_given(const struct opt *opt, const struct load_spec *spec)
{
	struct load_spec defaults;
	const char *field = (const char *)spec + opt->offset;
	const char *usual = (const char *)&defaults + opt->offset;

	load_spec_init(&defaults);
	switch (opt->type) {
	case OPT_LIST: return ((const struct opt_list *)(const void *)field)->n;
	case OPT_TEXT: {
		const char *a = *(const char *const *)(const void *)field;
		const char *b = *(const char *const *)(const void *)usual;

		return a != b && (!a || !b || strcmp(a, b) != 0);
	}
	case OPT_FLAG: return *field != *usual;
	case OPT_CHOICE: return memcmp(field, usual, sizeof(int)) != 0;
	default: return memcmp(field, usual, sizeof(uint64_t)) != 0;
	}
}

static int check_given(const struct scenario_reader *r)
{
	for (size_t i = 0; REQUESTED[i]; i++) {
		const struct opt *opt = opt_find(LOAD_OPTIONS, REQUESTED[i]);

		if (strcmp(opt->name, "scenario") != 0 && is_given(opt, r->spec))
			return err_set(r->in.err, ERR_USAGE,
				"--%s and the scenario %s: its steps say what is requested; leave "
				"one of the two out",
				opt->name, r->in.path);
	}
	return 0;
}

/* The keys of `load`: LOAD_OPTIONS with '_' for '-'. Free the array and each text in it. */
static char **load_keys(void)
{
	size_t n = 0;
	char **keys;

	while (LOAD_OPTIONS[n].name)
		n++;
	keys = mem_zalloc(n + 1, sizeof(*keys));
	n = 0;
	for (const struct opt *opt = LOAD_OPTIONS; opt->name; opt++) {
		if (is_one_of(opt->name, REQUESTED))
			continue;
		keys[n] = mem_strdup(opt->name);
		for (char *c = keys[n++]; *c; c++)
			if (*c == '-')
				*c = '_';
	}
	return keys;
}

static int set_load(const struct scenario_reader *r, const char *key, const struct node *value)
{
	const struct opt *opt = opt_find(LOAD_OPTIONS, key);
	struct str place = STR_INIT;
	const char *text;
	int rc = 0;

	if (value->kind == NODE_LIST && opt->type == OPT_LIST) {
		for (size_t i = 0; i < value->n && !rc; i++)
			rc = set_load(r, key, &value->items[i]);
		return rc;
	}
	rc = node_value(&r->in, value, key, &text);
	if (!rc) {
		text = is_one_of(opt->name, PATHS) ? scenario_path(r, text) : keep(r, text);
		rc = opt_set(opt, r->spec, text, node_place(&r->in, value, key, &place), r->in.err);
	}
	str_release(&place);
	return rc;
}

/* A value that the command line gave is read all the same, so that a mistake in the file is found
 * on each run. */
static int check_load(const struct scenario_reader *r, const char *key, const struct node *value)
{
	struct load_spec unused;
	struct scenario_reader other = *r;
	int rc;

	load_spec_init(&unused);
	other.spec = &unused;
	rc = set_load(&other, key, value);
	load_spec_release(&unused);
	return rc;
}

static int read_load(const struct scenario_reader *r, const struct node *n)
{
	char **keys = load_keys();
	int rc = 0;

	for (size_t i = 0; n->kind == NODE_MAP && i < n->n && !rc; i++) {
		const struct opt *opt = opt_find(LOAD_OPTIONS, n->keys[i].name);

		if (opt && is_one_of(opt->name, REQUESTED))
			rc = node_refuse(&r->in, n->keys[i].line,
				"%s cannot stand in load: the steps of a scenario say what is "
				"requested",
				n->keys[i].name);
	}
	if (!rc)
		rc = node_check_map(&r->in, n, (const char *const *)keys, "load");
	for (size_t i = 0; !rc && i < n->n; i++) {
		const char *key = n->keys[i].name;

		if (is_given(opt_find(LOAD_OPTIONS, key), r->spec))
			rc = check_load(r, key, &n->items[i]);
		else
			rc = set_load(r, key, &n->items[i]);
	}
	for (size_t i = 0; keys[i]; i++)
		free(keys[i]);
	free(keys);
	return rc;
}

/* The URL of the spec as the first origin, through a request that nobody sends. */
static int add_origin(const struct scenario_reader *r)
{
	struct load_request_text text = {
		.method = "GET", .url = r->spec->url, .weight = 1, .what = "--url"};
	struct load_request unused;
	struct url url;
	bool bare;
	int rc;

	if (!r->spec->url)
		return 0;
	rc = url_parse(&url, r->spec->url, r->in.err);
	if (rc)
		return rc;
	bare = !strcmp(url.path, "/");
	url_release(&url);
	if (!bare)
		return err_set(r->in.err, ERR_USAGE,
			"%s: %s has a path, and of the URL of a scenario only the origin is taken; "
			"write the path in the steps",
			r->in.path, r->spec->url);
	rc = load_request_init(&unused, &text, r->origins, NULL, r->in.err);
	if (!rc)
		load_request_release(&unused);
	return rc;
}

static int read_data(struct scenario_reader *r)
{
	int rc;

	if (!r->spec->data_file)
		return 0;
	rc = load_data_read(&r->out->data, r->spec->data_file, r->in.err);
	if (!rc)
		r->names.data = &r->out->data;
	return rc;
}

/* ---- the whole ---- */

static int read_cookies(const struct scenario_reader *r, const struct node *top)
{
	const char *word;
	int rc = node_text(&r->in, top, "cookies", &word);

	r->out->scenario.cookies = !word || strcmp(word, "false") != 0;
	if (!rc && word && strcmp(word, "true") != 0 && strcmp(word, "false") != 0)
		rc = node_refuse(&r->in, node_at(top, "cookies")->line,
			"cookies: '%s' is not true or false", word);
	return rc;
}

static int read_pick(const struct scenario_reader *r, const struct node *top)
{
	static const char *const WORDS[] = {"all", "one", NULL};
	const char *word;
	int rc = node_text(&r->in, top, "pick", &word);

	r->out->scenario.pick_one = word && !strcmp(word, "one");
	if (!rc && word && !is_one_of(word, WORDS))
		rc = node_refuse_word(&r->in, node_at(top, "pick")->line, "pick", word, WORDS);
	return rc;
}

static int read_steps(struct scenario_reader *r, const struct node *n, const char *key)
{
	bool start = !strcmp(key, "start");
	int rc = 0;

	if (n->kind != NODE_LIST || !n->n)
		return node_refuse(
			&r->in, n->line, "%s must be a list of steps, each as - get: /path", key);
	for (size_t i = 0; i < n->n && !rc; i++)
		rc = scenario_step(r, &n->items[i], start);
	return rc;
}

static int read_top(struct scenario_reader *r, const struct node *top)
{
	static const char *const KEYS[] = {
		"load", "cookies", "think", "pick", "start", "steps", NULL};
	const struct node *load = node_at(top, "load"), *start = node_at(top, "start");
	const struct node *think = node_at(top, "think"), *steps = node_at(top, "steps");
	int rc = node_check_map(&r->in, top, KEYS, "a scenario");

	if (!rc)
		rc = check_given(r);
	if (!rc && load)
		rc = read_load(r, load);
	if (!rc)
		rc = add_origin(r);
	if (!rc)
		rc = read_data(r);
	if (!rc)
		rc = read_cookies(r, top);
	if (!rc)
		rc = read_pick(r, top);
	if (!rc && think)
		rc = scenario_think(r, think, &r->think);
	if (!rc && !steps)
		rc = node_refuse(&r->in, top->line,
			"there is no list steps; say what each user requests, as steps: [{get: "
			"/}]");
	/* All names first: a later step's value is there for an earlier one at the next turn. */
	if (!rc && start)
		rc = scenario_variables(r, start);
	if (!rc)
		rc = scenario_variables(r, steps);
	if (!rc && start)
		rc = read_steps(r, start, "start");
	return rc ? rc : read_steps(r, steps, "steps");
}

int load_scenario_read_bytes(struct load_scenario_file *out, const char *path, const char *data,
	size_t len, struct load_spec *spec, struct load_origins *origins, struct err *err)
{
	struct scenario_reader r = {
		.in = {path, err}, .out = out, .spec = spec, .origins = origins};
	struct node top;
	int rc;

	*out = (struct load_scenario_file){0};
	rc = node_read(&top, path, data, len, err);
	if (!rc)
		rc = read_top(&r, &top);
	node_release(&top);
	return rc;
}

int load_scenario_read(struct load_scenario_file *out, const char *path, struct load_spec *spec,
	struct load_origins *origins, struct err *err)
{
	struct file_bytes file;
	int rc;

	*out = (struct load_scenario_file){0};
	rc = file_open_bytes(path, NODE_MAX_BYTES, &file, err);
	if (rc)
		return rc;
	rc = load_scenario_read_bytes(out, path, file.data, file.len, spec, origins, err);
	file_close_bytes(&file);
	return rc;
}
