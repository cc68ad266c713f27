#include "base/json.h"

#include <math.h>
#include <stdlib.h>

json_t *json_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

double json_number_at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

int64_t json_int_at(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *json_text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int json_append(const char *bytes, size_t len, void *out)
{
	str_add_bytes(out, bytes, len);
	return 0;
}

void json_write(struct str *out, const json_t *value, int indent)
{
	json_dump_callback(value, json_append, out,
		(size_t)JSON_INDENT(indent) | JSON_ENCODE_ANY | (indent ? 0u : JSON_COMPACT));
}

json_t *json_read(const char *text, const char *what, struct err *err)
{
	json_error_t place;
	json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &place);

	if (!value)
		err_set(err, ERR_INPUT, "%s: line %d, column %d: %s", what, place.line,
			place.column, place.text);
	return value;
}
