#include "study/setting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/num.h"
#include "net/url.h"

/* Decimals of a value in a range: steps of a thousandth of it or less, which no experiment tells
 * apart, and short in a URL. Never an exponent, which not every service reads. */
static int decimals(const struct factor *f)
{
	double n = 3 - floor(log10(f->high - f->low));

	return n < 0 ? 0 : n > 15 ? 15 : (int)n;
}

void factor_value(const struct factor *f, double u, struct str *text, json_t **value)
{
	const char *from;
	double number;
	size_t begin = text->len;

	if (f->n_values) {
		size_t i = (size_t)(u * (double)f->n_values);

		str_add(text, f->values[i < f->n_values ? i : f->n_values - 1]);
	} else if (f->whole) {
		number = floor(f->low + u * (f->high - f->low + 1));
		str_addf(text, "%.0f", number < f->high ? number : f->high);
	} else {
		str_addf(text, "%.*f", decimals(f), f->low + u * (f->high - f->low));
	}
	from = text->p + begin;
	if (f->words || !num_scan(from, text->p + text->len, &number))
		*value = json_string(from);
	else
		*value = f->whole ? json_integer((json_int_t)number) : json_real(number);
}

void setting_init(struct setting *out, const struct study *s, const double *u)
{
	*out = (struct setting){.values = mem_zalloc(s->n_factors + 1, sizeof(char *)),
		.json = json_object(),
		.n = s->n_factors};
	for (size_t i = 0; i < s->n_factors; i++) {
		struct str text = STR_INIT;
		json_t *value;

		factor_value(&s->factors[i], u[i], &text, &value);
		json_object_set_new(out->json, s->factors[i].name, value);
		str_add(&text, s->factors[i].unit);
		out->values[i] = str_take(&text);
	}
}

void setting_release(struct setting *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->values[i]);
	free(t->values);
	json_decref(t->json);
	*t = (struct setting){0};
}

void setting_text(const struct setting *t, const struct study *s, struct str *out)
{
	for (size_t i = 0; i < t->n; i++)
		str_addf(out, "%s%s=%s", i ? " " : "", s->factors[i].name, t->values[i]);
}

bool setting_replace(struct str *out, const char *text, const char *name, const char *value)
{
	size_t len = strlen(name);
	bool found = false;

	for (; *text; text++) {
		if (*text == '{' && !strncmp(text + 1, name, len) && text[len + 1] == '}') {
			str_add(out, value);
			text += len + 1;
			found = true;
		} else {
			str_add_char(out, *text);
		}
	}
	return found;
}

/* ---- the request ---- */

/* `to` becomes text with {name} replaced. */
static void replace_in(struct str *to, const char *name, const char *value)
{
	struct str text = STR_INIT;

	setting_replace(&text, str_text(to), name, value);
	str_release(to);
	*to = text;
}

static void apply_to_url(struct str *url, const struct factor *f, const char *value)
{
	struct str changed = STR_INIT;

	if (f->lever == LEVER_QUERY) {
		url_set_query(&changed, str_text(url), f->target, value);
		str_release(url);
		*url = changed;
	} else {
		url_add_encoded(&changed, value);
		replace_in(url, f->name, str_text(&changed));
		str_release(&changed);
	}
}

static bool is_header(const char *line, const char *name)
{
	size_t len = strlen(name);

	return !strncasecmp(line, name, len) && line[len] == ':';
}

/* The study's headers of the name are replaced by one with the value. */
static void set_header(struct setting_load *l, const char *name, const char *value)
{
	struct opt_list *list = &l->spec.headers;
	struct str line = STR_INIT;
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (!is_header(list->items[i], name))
			list->items[kept++] = list->items[i];
	list->n = kept;
	str_addf(&line, "%s: %s", name, value);
	l->headers = mem_resize(l->headers, l->n_headers + 1, sizeof(char *));
	l->headers[l->n_headers++] = line.p;
	list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(char *));
	list->items[list->n++] = line.p;
}

void setting_load_init(struct setting_load *out, const struct setting *t, const struct study *s)
{
	const struct opt_list *headers = &s->load.headers;

	*out = (struct setting_load){.spec = s->load};
	out->spec.headers = (struct opt_list){0};
	for (size_t i = 0; i < headers->n; i++) {
		struct opt_list *list = &out->spec.headers;

		list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(char *));
		list->items[list->n++] = headers->items[i];
	}
	str_add(&out->url, s->load.url);
	if (s->load.body)
		str_add(&out->body, s->load.body);
	for (size_t i = 0; i < t->n; i++) {
		const struct factor *f = &s->factors[i];

		if (f->lever == LEVER_QUERY || f->lever == LEVER_PATH)
			apply_to_url(&out->url, f, t->values[i]);
		else if (f->lever == LEVER_HEADER)
			set_header(out, f->target, t->values[i]);
		else if (f->lever == LEVER_BODY)
			replace_in(&out->body, f->name, t->values[i]);
		else if (f->lever == LEVER_LOAD)
			opt_set(opt_find(LOAD_OPTIONS, f->target), &out->spec, t->values[i],
				f->name, NULL);
	}
	if (s->load.body)
		out->spec.body = str_text(&out->body);
	out->spec.url = out->url.p;
}

void setting_load_release(struct setting_load *l)
{
	for (size_t i = 0; i < l->n_headers; i++)
		free(l->headers[i]);
	free(l->headers);
	free(l->spec.headers.items);
	str_release(&l->url);
	str_release(&l->body);
	*l = (struct setting_load){0};
}

/* ---- the service ---- */

void setting_command(const struct setting *t, const struct study *s, struct str *out)
{
	str_add(out, s->command);
	for (size_t i = 0; i < t->n; i++) {
		struct str value = STR_INIT;

		if (s->factors[i].lever != LEVER_ARG)
			continue;
		str_add_shell(&value, t->values[i]);
		replace_in(out, s->factors[i].name, value.p);
		str_release(&value);
	}
}

char **setting_env(const struct setting *t, const struct study *s, const char *more)
{
	size_t n = 0, used = 0;
	char **env;

	while (s->env && s->env[n])
		n++;
	env = mem_zalloc(n + t->n + 2, sizeof(*env));
	for (; used < n; used++)
		env[used] = mem_strdup(s->env[used]);
	for (size_t i = 0; i < t->n; i++) {
		struct str line = STR_INIT;

		if (s->factors[i].lever != LEVER_ENV)
			continue;
		str_addf(&line, "%s=%s", s->factors[i].target, t->values[i]);
		env[used++] = str_take(&line);
	}
	env[used] = mem_strdup(more);
	return env;
}

void setting_service_key(const struct setting *t, const struct study *s, struct str *out)
{
	str_add(out, ""); /* never NULL, even where nothing needs a restart */
	for (size_t i = 0; i < t->n; i++)
		if (STUDY_LEVER_HOLDS[s->factors[i].lever] == HOLD_START)
			str_addf(out, "%s=%s\n", s->factors[i].name, t->values[i]);
}
