#include "base/opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

static const char *const TYPE_ARGS[] = {
#define X(name, type, arg) [OPT_##name] = arg,
	OPT_TYPES(X)
#undef X
};

static bool name_equal(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
			return false;
	return *a == *b;
}

const struct opt *opt_find(const struct opt *opts, const char *name)
{
	for (; opts && opts->name; opts++)
		if (name_equal(opts->name, name))
			return opts;
	return NULL;
}

static int set_choice(
	const struct opt *opt, int *field, const char *value, const char *what, struct err *err)
{
	struct str words = STR_INIT;
	int rc;

	for (int i = 0; opt->choices[i]; i++)
		if (!strcmp(opt->choices[i], value)) {
			*field = i;
			return 0;
		}
	for (int i = 0; opt->choices[i]; i++)
		str_addf(&words, "%s%s", i ? ", " : "", opt->choices[i]);
	rc = err_set(err, ERR_USAGE, "%s: '%s' is not one of %s", what, value, words.p);
	str_release(&words);
	return rc;
}

static int set_flag(bool *field, const char *value, const char *what, struct err *err)
{
	bool on = !strcmp(value, "true") || !strcmp(value, "yes") || !strcmp(value, "on");
	bool off = !strcmp(value, "false") || !strcmp(value, "no") || !strcmp(value, "off");

	if (!on && !off)
		return err_set(err, ERR_USAGE, "%s: '%s' is not true or false", what, value);
	*field = on;
	return 0;
}

/* As a number, or in per cent, in which its range is then told, too. */
static int set_share(
	const struct opt *opt, double *field, const char *value, const char *what, struct err *err)
{
	bool any = opt->min == 0 && opt->max == 0;
	double min = any ? -1e308 : opt->min, max = any ? 1e308 : opt->max;
	size_t len = strlen(value);
	char digits[32];
	int rc;

	if (!len || value[len - 1] != '%' || len > sizeof(digits))
		return num_parse_real(value, min, max, what, field, err);
	memcpy(digits, value, len - 1);
	digits[len - 1] = 0;
	rc = any ? num_parse_real(digits, min, max, what, field, err)
		 : num_parse_real(digits, 100 * min, 100 * max, what, field, err);
	if (!rc)
		*field /= 100;
	return rc;
}

int opt_set(const struct opt *opt, void *into, const char *value, const char *what, struct err *err)
{
	void *field = (char *)into + opt->offset;
	bool any = opt->min == 0 && opt->max == 0;

	switch (opt->type) {
	case OPT_FLAG: return set_flag(field, value, what, err);
	case OPT_TEXT: *(const char **)field = value; return 0;
	case OPT_LIST: {
		struct opt_list *list = field;

		list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(char *));
		list->items[list->n++] = value;
		return 0;
	}
	case OPT_INT:
		return num_parse_int(value, any ? INT64_MIN : (int64_t)opt->min,
			any ? INT64_MAX : (int64_t)opt->max, what, field, err);
	case OPT_REAL:
		return num_parse_real(
			value, any ? -1e308 : opt->min, any ? 1e308 : opt->max, what, field, err);
	case OPT_SHARE: return set_share(opt, field, value, what, err);
	case OPT_DURATION:
		return num_parse_duration(value, (uint64_t)opt->min,
			any ? INT64_MAX : (uint64_t)opt->max, what, field, err);
	case OPT_AUTO:
		if (!strcmp(value, "auto")) {
			*(uint64_t *)field = OPT_AUTO_NS;
			return 0;
		}
		return num_parse_duration(value, (uint64_t)opt->min,
			any ? INT64_MAX : (uint64_t)opt->max, what, field, err);
	case OPT_SIZE:
		return num_parse_size(value, (uint64_t)opt->min,
			any ? INT64_MAX : (uint64_t)opt->max, what, field, err);
	case OPT_CHOICE: return set_choice(opt, field, value, what, err);
	}
	return 0;
}

struct found {
	const struct opt *opt;
	void *into;
};

static struct found find_long(const struct opt_section *sections, const char *name)
{
	for (; sections->opts; sections++) {
		const struct opt *opt = opt_find(sections->opts, name);

		if (opt)
			return (struct found){opt, sections->into};
	}
	return (struct found){0};
}

static struct found find_letter(const struct opt_section *sections, char letter)
{
	for (; sections->opts; sections++)
		for (const struct opt *opt = sections->opts; opt->name; opt++)
			if (opt->letter == letter)
				return (struct found){opt, sections->into};
	return (struct found){0};
}

static int unknown_long(const struct opt_section *sections, const char *name, struct err *err)
{
	const char **names = NULL;
	size_t n = 0, cap = 0;
	int rc;

	for (; sections->opts; sections++)
		for (const struct opt *opt = sections->opts; opt->name; opt++) {
			names = mem_grow(names, &cap, n + 2, sizeof(*names));
			names[n++] = opt->name;
			names[n] = NULL;
		}
	const char *nearest = n ? str_nearest(name, names) : NULL;

	if (nearest)
		rc = err_set(
			err, ERR_USAGE, "unknown option --%s, did you mean --%s?", name, nearest);
	else
		rc = err_set(err, ERR_USAGE, "unknown option --%s; -h lists the options", name);
	free(names);
	return rc;
}

static int parse_long(const struct opt_section *sections, const char *text, const char *next,
	bool *took_next, struct err *err)
{
	char name[64], what[72];
	const char *equals = strchr(text, '='), *value = NULL;
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	struct found found;

	snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), text);
	found = find_long(sections, name);
	if (!found.opt && str_starts(name, "no-")) {
		found = find_long(sections, name + 3);
		if (found.opt && found.opt->type == OPT_FLAG && !equals) {
			*(bool *)((char *)found.into + found.opt->offset) = false;
			return 0;
		}
		found.opt = NULL;
	}
	if (!found.opt)
		return unknown_long(sections, name, err);
	snprintf(what, sizeof(what), "--%s", found.opt->name);
	if (found.opt->type == OPT_FLAG)
		value = equals ? equals + 1 : "true";
	else if (equals)
		value = equals + 1;
	else if (next) {
		value = next;
		*took_next = true;
	} else
		return err_set(err, ERR_USAGE, "--%s needs %s", found.opt->name,
			found.opt->arg ? found.opt->arg : TYPE_ARGS[found.opt->type]);
	return opt_set(found.opt, found.into, value, what, err);
}

static int parse_letters(const struct opt_section *sections, const char *letters, const char *next,
	bool *took_next, struct err *err)
{
	for (; *letters; letters++) {
		struct found found = find_letter(sections, *letters);
		char what[8];
		int rc;

		if (!found.opt)
			return err_set(err, ERR_USAGE, "unknown option -%c; -h lists the options",
				*letters);
		snprintf(what, sizeof(what), "-%c", *letters);
		if (found.opt->type == OPT_FLAG) {
			rc = opt_set(found.opt, found.into, "true", what, err);
			if (rc)
				return rc;
			continue;
		}
		const char *value = letters[1] ? letters + 1 : next;

		if (!value)
			return err_set(err, ERR_USAGE, "-%c needs %s", *letters,
				found.opt->arg ? found.opt->arg : TYPE_ARGS[found.opt->type]);
		*took_next = !letters[1];
		return opt_set(found.opt, found.into, value, what, err);
	}
	return 0;
}

static void rest_add(struct opt_rest *rest, const char *text)
{
	rest->items = mem_grow(rest->items, &rest->cap, rest->n + 1, sizeof(char *));
	rest->items[rest->n++] = text;
}

int opt_parse(const struct opt_section *sections, int argc, char **argv, bool stop_at_positional,
	struct opt_rest *rest, struct err *err)
{
	bool options = true;

	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		bool took_next = false;
		int rc = 0;

		if (options && !strcmp(arg, "--"))
			options = false;
		else if (options && str_starts(arg, "--"))
			rc = parse_long(sections, arg + 2, next, &took_next, err);
		else if (options && arg[0] == '-' && arg[1])
			rc = parse_letters(sections, arg + 1, next, &took_next, err);
		else {
			rest_add(rest, arg);
			options = options && !stop_at_positional;
		}
		if (rc)
			return rc;
		i += took_next;
	}
	return 0;
}

void opt_rest_release(struct opt_rest *rest)
{
	free(rest->items);
	*rest = (struct opt_rest){0};
}

/* "  -c, --connections N" */
static void help_left(const struct opt *opt, struct str *out)
{
	const char *arg = opt->arg ? opt->arg : TYPE_ARGS[opt->type];

	if (opt->letter)
		str_addf(out, "  -%c, --%s", opt->letter, opt->name);
	else
		str_addf(out, "      --%s", opt->name);
	if (*arg)
		str_addf(out, " %s", arg);
}

static void help_choices(const struct opt *opt, struct str *line)
{
	str_add(line, opt->help);
	if (opt->type != OPT_CHOICE)
		return;
	str_add(line, ": ");
	for (size_t i = 0; opt->choices[i]; i++)
		str_addf(line, "%s%s", i ? ", " : "", opt->choices[i]);
}

void opt_help(const struct opt_section *sections, size_t width, struct str *out)
{
	enum { INDENT = 27 };
	struct str left = STR_INIT, text = STR_INIT;

	for (const struct opt_section *s = sections; s->opts; s++) {
		if (s->title || s == sections)
			str_addf(out, "\n%s\n", s->title ? s->title : "Options");
		for (const struct opt *opt = s->opts; opt->name; opt++) {
			str_clear(&left);
			str_clear(&text);
			help_left(opt, &left);
			help_choices(opt, &text);
			str_add(out, left.p);
			if (left.len + 1 >= INDENT) {
				str_add_char(out, '\n');
				str_add_repeat(out, " ", INDENT);
			} else {
				str_add_repeat(out, " ", INDENT - left.len);
			}
			str_add_wrapped(out, text.p, INDENT, width);
		}
	}
	str_release(&left);
	str_release(&text);
}

int opt_check(const struct opt_section *sections, struct err *err)
{
	for (const struct opt_section *s = sections; s->opts; s++)
		for (const struct opt *opt = s->opts; opt->name; opt++) {
			if (!opt->help || !*opt->help)
				return err_set(err, ERR_USAGE, "--%s has no help", opt->name);
			if ((opt->type == OPT_CHOICE) != (opt->choices != NULL))
				return err_set(err, ERR_USAGE, "--%s: choices", opt->name);
			if (find_long(sections, opt->name).opt != opt)
				return err_set(err, ERR_USAGE, "--%s is there twice", opt->name);
			if (opt->letter && find_letter(sections, opt->letter).opt != opt)
				return err_set(err, ERR_USAGE, "-%c is there twice", opt->letter);
		}
	return 0;
}
