#include "base/node_file.h"

#include <stdarg.h>
#include <string.h>

int node_refuse(const struct node_file *f, size_t line, const char *format, ...)
{
	struct str text = STR_INIT;
	va_list args;
	int rc;

	va_start(args, format);
	str_vaddf(&text, format, args);
	va_end(args);
	rc = err_set(f->err, ERR_USAGE, "%s:%zu: %s", f->path, line, text.p);
	str_release(&text);
	return rc;
}

void node_add_known(struct str *out, const char *word, const char *const *known)
{
	const char *nearest = str_nearest(word, known);

	if (nearest)
		str_addf(out, "did you mean '%s'? ", nearest);
	str_add(out, nearest ? "There is " : "there is ");
	for (size_t i = 0; known[i]; i++)
		str_addf(out, "%s%s", i ? ", " : "", known[i]);
}

int node_refuse_word(const struct node_file *f, size_t line, const char *what, const char *word,
	const char *const *known)
{
	struct str text = STR_INIT;
	int rc;

	node_add_known(&text, word, known);
	rc = node_refuse(f, line, "unknown %s '%s'; %s", what, word, text.p);
	str_release(&text);
	return rc;
}

int node_check_map(
	const struct node_file *f, const struct node *n, const char *const *known, const char *what)
{
	struct str text = STR_INIT;
	int rc = 0;

	if (n->kind != NODE_MAP)
		return node_refuse(f, n->line, "%s is %s, and must be a map of keys", what,
			n->text && !*n->text ? "empty" : NODE_KIND_WORDS[n->kind]);
	for (size_t i = 0; known && i < n->n && !rc; i++) {
		const char *key = n->keys[i].name;
		size_t k = 0;

		while (known[k] && strcmp(known[k], key) != 0)
			k++;
		if (known[k])
			continue;
		node_add_known(&text, key, known);
		rc = node_refuse(
			f, n->keys[i].line, "unknown key '%s' in %s; %s", key, what, text.p);
	}
	str_release(&text);
	return rc;
}

int node_value(const struct node_file *f, const struct node *n, const char *key, const char **out)
{
	*out = NULL;
	if (n->kind != NODE_TEXT)
		return node_refuse(f, n->line, "%s is %s, and must be one value", key,
			NODE_KIND_WORDS[n->kind]);
	if (!*n->text)
		return node_refuse(
			f, n->line, "%s has no value; give it one, or leave it out", key);
	*out = n->text;
	return 0;
}

int node_text(const struct node_file *f, const struct node *map, const char *key, const char **out)
{
	const struct node *n = node_at(map, key);

	*out = NULL;
	return n ? node_value(f, n, key, out) : 0;
}

char *node_place(
	const struct node_file *f, const struct node *value, const char *key, struct str *out)
{
	str_clear(out);
	str_addf(out, "%s:%zu: %s", f->path, value->line, key);
	return out->p;
}
