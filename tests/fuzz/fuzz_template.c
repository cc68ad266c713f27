/* Texts with placeholders: what escapes comes back as it was, what is filled in cannot end a line,
 * and what is percent-encoded keeps its words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "load/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static size_t count_feeds(const char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += p[i] == '\n' || p[i] == '\r';
	return n;
}

static void escape_and_back(const char *p, size_t len)
{
	struct str escaped = STR_INIT;
	struct template t;
	const char *text;
	size_t text_len;

	template_escape(&escaped, p, len);
	must(!template_parse(&t, str_text(&escaped), escaped.len, TEMPLATE_RAW, NULL, NULL, NULL));
	must(template_fixed(&t, &text, &text_len) && text_len == len && !memcmp(text, p, len));
	template_release(&t);
	str_release(&escaped);
}

/* The words of `p` are still words, and nothing else became one. */
static void encode(const char *p, size_t len, const struct template_names *names, int good)
{
	struct str encoded = STR_INIT;
	struct template t;

	template_encode(&encoded, p, len);
	int rc = template_parse(
		&t, str_text(&encoded), encoded.len, TEMPLATE_URL, names, NULL, NULL);

	must((rc == 0) == good);
	must(!count_feeds(str_text(&encoded), encoded.len));
	must(!good || !memchr(str_text(&encoded), '&', encoded.len));
	if (good)
		template_release(&t);
	str_release(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *columns[] = {"a", "b-1"};
	static char text[] = "x\r\ny\0\"\\&";
	static size_t at[] = {0, 5};
	static const struct load_data rows = {columns, 2, 1, text, at};
	static const char *const taken_names[] = {"t.x"};
	static char *const taken[] = {"1\n2"};
	static const struct template_names names = {&rows, taken_names, 1};
	struct str out = STR_INIT;
	struct rng rng;
	struct template_values v = {&rows, 0, taken, 5, &rng};
	char *p;

	if (size > 4096)
		return 0;
	p = malloc(size ? size : 1); /* exact, so that the sanitizer sees a byte too far */
	memcpy(p, data, size);
	escape_and_back(p, size);
	rng_seed(&rng, 1, 0);
	for (int place = TEMPLATE_RAW; place <= TEMPLATE_HEADER; place++) {
		struct err err = {0};
		struct template t;
		int rc = template_parse(&t, p, size, place, &names, "fuzz", &err);

		must(!rc || err.text[0]);
		if (place == TEMPLATE_RAW && !memchr(p, '\0', size))
			encode(p, size, &names, !rc);
		if (rc)
			break;
		str_clear(&out);
		template_render(&t, &v, &out);
		must(place == TEMPLATE_RAW ||
			count_feeds(str_text(&out), out.len) == count_feeds(p, size));
		template_release(&t);
	}
	str_release(&out);
	free(p);
	return 0;
}
