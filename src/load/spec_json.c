/*
 * What was asked, as JSON and back: made from LOAD_OPTIONS, so that an option that is added is kept
 * with every run at once. A key is the option's name with '_' for '-'; "_s" behind a time, which is
 * in seconds; "s" behind a list.
 */
#include <math.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "load/load.h"

enum { KEY = 40 };

static void key_of(const struct opt *opt, char key[KEY])
{
	const char *ending = "";
	size_t i = 0;

	if (opt->type == OPT_DURATION || opt->type == OPT_AUTO)
		ending = "_s";
	else if (opt->type == OPT_LIST)
		ending = "s";
	for (; opt->name[i] && i + 3 < KEY; i++)
		key[i] = opt->name[i] == '-' ? '_' : opt->name[i];
	memcpy(key + i, ending, strlen(ending) + 1);
}

static json_t *list_to_json(const struct opt_list *list)
{
	json_t *out = json_array();

	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(out, json_string(list->items[i]));
	return out;
}

static json_t *value_to_json(const struct opt *opt, const void *spec)
{
	const void *field = (const char *)spec + opt->offset;
	const char *text;
	uint64_t ns;

	switch (opt->type) {
	case OPT_FLAG: return json_boolean(*(const bool *)field);
	case OPT_LIST: return list_to_json(field);
	case OPT_REAL:
	case OPT_SHARE: return json_number(*(const double *)field);
	case OPT_CHOICE: return json_string(opt->choices[*(const int *)field]);
	case OPT_INT:
	case OPT_SIZE: return json_integer((json_int_t) * (const int64_t *)field);
	case OPT_TEXT:
		text = *(const char *const *)field;
		return text ? json_string(text) : json_null();
	case OPT_DURATION:
	case OPT_AUTO:
		ns = *(const uint64_t *)field;
		if (opt->type == OPT_AUTO && ns == OPT_AUTO_NS)
			return json_string("auto");
		return json_real((double)ns / NS_PER_S);
	}
	return json_null();
}

/* ---- the files that say what is requested: with them, a run can be had again, and a study whose
 * scenario was changed is another study ---- */

enum { FILE_KEPT = 64 * 1024, FILE_MAX = 1 << 30 };

static json_t *file_to_json(const char *path, bool keep)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];
	struct file_bytes file;
	json_t *out, *text = NULL;

	if (!strcmp(path, "-") || file_open_bytes(path, FILE_MAX, &file, NULL))
		return NULL; /* whoever reads it says why it cannot be read */
	SHA256((const unsigned char *)file.data, file.len, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	out = json_pack("{s:I, s:s}", "bytes", (json_int_t)file.len, "sha256", hex);
	if (keep && file.len <= FILE_KEPT)
		text = json_stringn(file.data, file.len);
	if (text)
		json_object_set_new(out, "text", text);
	file_close_bytes(&file);
	return out;
}

static json_t *files_to_json(const struct load_spec *spec)
{
	const struct {
		const char *key, *path;
	} files[] = {{"urls", spec->urls_file}, {"har", spec->har_file},
		{"body_file", spec->body_file}, {"data", spec->data_file},
		{"scenario", spec->scenario}};
	json_t *out = json_object();

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		json_t *file =
			files[i].path ? file_to_json(files[i].path, files[i].path == spec->scenario)
				      : NULL;

		if (file)
			json_object_set_new(out, files[i].key, file);
	}
	return out;
}

json_t *load_spec_to_json(const struct load_spec *spec)
{
	json_t *out = json_object();
	char key[KEY];

	for (const struct opt *opt = LOAD_OPTIONS; opt->name; opt++) {
		json_t *value = value_to_json(opt, spec);

		key_of(opt, key);
		/* text that is not UTF-8 has no JSON form */
		json_object_set_new(out, key, value ? value : json_null());
	}
	json_object_set_new(out, "files", files_to_json(spec));
	return out;
}

static void list_from_json(struct opt_list *list, const json_t *json)
{
	for (size_t i = 0; i < json_array_size(json); i++) {
		const char *text = json_string_value(json_array_get(json, i));

		list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(*list->items));
		list->items[list->n++] = text ? text : "";
	}
}

static void choice_from_json(int *field, const struct opt *opt, const json_t *json)
{
	const char *text = json_string_value(json);

	for (int i = 0; text && opt->choices[i]; i++)
		if (!strcmp(opt->choices[i], text))
			*field = i;
}

static void time_from_json(uint64_t *field, const struct opt *opt, const json_t *json)
{
	double seconds = json_number_value(json);

	if (opt->type == OPT_AUTO && json_is_string(json))
		*field = OPT_AUTO_NS;
	else if (json_is_number(json))
		*field = seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * NS_PER_S + .5) : 0;
}

/* What is not there keeps its default: the run is older than the option. */
static void value_from_json(void *spec, const struct opt *opt, const json_t *json)
{
	void *field = (char *)spec + opt->offset;

	switch (opt->type) {
	case OPT_FLAG:
		*(bool *)field = json_is_boolean(json) ? json_is_true(json) : *(bool *)field;
		break;
	case OPT_LIST: list_from_json(field, json); break;
	case OPT_REAL:
	case OPT_SHARE: *(double *)field = json_number_value(json); break;
	case OPT_CHOICE: choice_from_json(field, opt, json); break;
	case OPT_INT:
	case OPT_SIZE:
		if (json_is_integer(json))
			*(int64_t *)field = json_integer_value(json);
		break;
	case OPT_TEXT: *(const char **)field = json_string_value(json); break;
	case OPT_DURATION:
	case OPT_AUTO: time_from_json(field, opt, json); break;
	}
}

int load_spec_from_json(struct load_spec *out, const json_t *asked, struct err *err)
{
	char key[KEY];

	load_spec_init(out);
	if (!json_is_object(asked) || !json_object_get(asked, "url"))
		return err_set(err, ERR_INPUT, "this is no load: 'asked' with its url is missing");
	for (const struct opt *opt = LOAD_OPTIONS; opt->name; opt++) {
		const json_t *value;

		key_of(opt, key);
		value = json_object_get(asked, key);
		if (value)
			value_from_json(out, opt, value);
	}
	return 0;
}
