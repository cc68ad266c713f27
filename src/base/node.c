#include "base/node.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"

const char *const NODE_KIND_WORDS[] = {"a text", "a list", "a map", NULL};

struct reader {
	yaml_parser_t parser;
	const char *name;
	size_t count; /* nodes so far */
	struct err *err;
};

static int refuse(struct reader *r, size_t line, const char *what)
{
	return err_set(r->err, ERR_USAGE, "%s:%zu: %s", r->name, line, what);
}

/* libyaml's own words ("did not find expected key"), with the place. */
static int parser_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	size_t line = p->problem_mark.line + 1;

	if (p->error == YAML_READER_ERROR)
		return err_set(r->err, ERR_USAGE, "%s: byte %zu: not text (%s); save it as UTF-8",
			r->name, p->problem_offset, p->problem ? p->problem : "?");
	if (p->context)
		return err_set(r->err, ERR_USAGE, "%s:%zu: not YAML: %s, %s", r->name, line,
			p->context, p->problem ? p->problem : "?");
	return err_set(r->err, ERR_USAGE, "%s:%zu: not YAML: %s", r->name, line,
		p->problem ? p->problem : "?");
}

static int next_event(struct reader *r, yaml_event_t *event)
{
	return yaml_parser_parse(&r->parser, event) ? 0 : parser_error(r);
}

static int read_node(struct reader *r, struct node *out, yaml_event_t *event, int depth);

/* A text without NUL bytes, which would hide what follows them. */
static int read_text(struct reader *r, struct node *out, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (memchr(text, '\0', len))
		return refuse(r, out->line, "a NUL byte in a text; take it out");
	out->kind = NODE_TEXT;
	out->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	out->text = mem_copy(text, len);
	if (!out->quoted && (!strcmp(out->text, "~") || !strcmp(out->text, "null")))
		out->text[0] = '\0';
	return 0;
}

static struct node *add_item(struct node *to)
{
	to->items = mem_grow(to->items, &to->cap, to->n + 1, sizeof(*to->items));
	to->items[to->n] = (struct node){0};
	return &to->items[to->n++];
}

/* The event of a key; its value comes next. */
static int read_key(struct reader *r, struct node *map, const yaml_event_t *event)
{
	size_t line = event->start_mark.line + 1;
	struct node_key *key;
	struct node text = {.line = line};
	int rc;

	if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor)
		return refuse(r, line, "a key must be a plain text");
	rc = read_text(r, &text, event);
	if (rc)
		return rc;
	for (size_t i = 0; i < map->n; i++)
		if (!strcmp(map->keys[i].name, text.text)) {
			rc = err_set(r->err, ERR_USAGE,
				"%s:%zu: '%s' is there twice, first in line %zu; keep one of them",
				r->name, line, text.text, map->keys[i].line);
			free(text.text);
			return rc;
		}
	map->keys = mem_resize(map->keys, map->n + 1, sizeof(*map->keys));
	key = &map->keys[map->n];
	*key = (struct node_key){text.text, line};
	add_item(map);
	return 0;
}

/* What is in a list or map, up to its end. */
static int read_items(struct reader *r, struct node *out, yaml_event_type_t end, int depth)
{
	yaml_event_t event;
	int rc;

	for (;;) {
		bool over;

		rc = next_event(r, &event);
		if (rc)
			return rc;
		over = event.type == end;
		if (!over && out->kind == NODE_MAP) {
			rc = read_key(r, out, &event);
			yaml_event_delete(&event);
			if (!rc)
				rc = next_event(r, &event);
			if (rc)
				return rc;
		} else if (!over) {
			add_item(out);
		}
		if (!over)
			rc = read_node(r, &out->items[out->n - 1], &event, depth);
		yaml_event_delete(&event);
		if (rc || over)
			return rc;
	}
}

static int read_node(struct reader *r, struct node *out, yaml_event_t *event, int depth)
{
	out->line = event->start_mark.line + 1;
	if (depth >= NODE_MAX_DEPTH)
		return refuse(r, out->line,
			"too deep; there are no more than a few levels in such a file");
	if (++r->count > NODE_MAX_COUNT)
		return refuse(r, out->line, "too many entries for such a file");
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		if (event->data.scalar.anchor ||
			(event->data.scalar.tag && event->data.scalar.tag[0]))
			break;
		return read_text(r, out, event);
	case YAML_SEQUENCE_START_EVENT:
		if (event->data.sequence_start.anchor || event->data.sequence_start.tag)
			break;
		out->kind = NODE_LIST;
		return read_items(r, out, YAML_SEQUENCE_END_EVENT, depth + 1);
	case YAML_MAPPING_START_EVENT:
		if (event->data.mapping_start.anchor || event->data.mapping_start.tag)
			break;
		out->kind = NODE_MAP;
		return read_items(r, out, YAML_MAPPING_END_EVENT, depth + 1);
	default: break;
	}
	return refuse(r, out->line,
		"anchors (&), aliases (*) and tags (!) are not known here; write the "
		"value "
		"out, or put it in quotes");
}

/* Stream, document, one node, and their ends. */
static int read_document(struct reader *r, struct node *out)
{
	yaml_event_t event;
	size_t line;
	int rc, kind;

	do {
		rc = next_event(r, &event);
		if (rc)
			return rc;
		kind = (int)event.type;
		line = event.start_mark.line + 1;
		if (kind == YAML_STREAM_END_EVENT)
			rc = refuse(r, line, "nothing is in it");
		else if (kind != YAML_STREAM_START_EVENT && kind != YAML_DOCUMENT_START_EVENT)
			rc = read_node(r, out, &event, 0);
		yaml_event_delete(&event);
	} while (!rc && (kind == YAML_STREAM_START_EVENT || kind == YAML_DOCUMENT_START_EVENT));
	while (!rc && kind != YAML_STREAM_END_EVENT) {
		rc = next_event(r, &event);
		if (rc)
			return rc;
		kind = (int)event.type;
		if (kind == YAML_DOCUMENT_START_EVENT)
			rc = refuse(r, event.start_mark.line + 1,
				"a second document; there can be one only");
		yaml_event_delete(&event);
	}
	return rc;
}

int node_read(struct node *out, const char *name, const char *data, size_t len, struct err *err)
{
	struct reader r = {.name = name, .err = err};
	int rc;

	*out = (struct node){0};
	if (len > NODE_MAX_BYTES)
		return err_set(err, ERR_USAGE,
			"%s: larger than 1 MiB, so not the file that is meant", name);
	if (!yaml_parser_initialize(&r.parser))
		return err_set(err, ERR_SYSTEM, "%s: libyaml could not be started", name);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)data, len);
	rc = read_document(&r, out);
	yaml_parser_delete(&r.parser);
	if (rc) {
		node_release(out);
		*out = (struct node){0};
	}
	return rc;
}

void node_release(struct node *n)
{
	free(n->text);
	for (size_t i = 0; i < n->n; i++) {
		node_release(&n->items[i]);
		if (n->keys)
			free(n->keys[i].name);
	}
	free(n->items);
	free(n->keys);
	*n = (struct node){0};
}

const struct node *node_at(const struct node *n, const char *key)
{
	for (size_t i = 0; n && n->kind == NODE_MAP && i < n->n; i++)
		if (!strcmp(n->keys[i].name, key))
			return &n->items[i];
	return NULL;
}
