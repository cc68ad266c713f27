#include "cli/run_name.h"

#include <string.h>

#include "base/num.h"
#include "base/str.h"

static bool is_number(const char *word)
{
	return *word && !word[strspn(word, "0123456789")];
}

static bool is_last(const char *word)
{
	return !strcmp(word, "last") || str_starts(word, "last~");
}

bool run_name_is(const char *word)
{
	return is_number(word) || is_last(word);
}

static int find_last(struct store *store, const char *word, int64_t *id, struct err *err)
{
	int64_t back = 0;
	size_t n;
	int rc = 0;

	if (strcmp(word, "last"))
		rc = num_parse_int(word + strlen("last~"), 0, INT64_MAX, "last~", &back, err);
	if (!rc)
		rc = store_run_newest(store, back, id, &n, err);
	if (rc || *id)
		return rc;
	if (!n)
		return err_set(err, ERR_USAGE, "the store has no runs yet");
	return err_set(err, ERR_USAGE,
		"there is no %s: the store has %zu run%s; `culprit runs` lists them", word, n,
		n == 1 ? "" : "s");
}

int run_name_find(struct store *store, const char *word, int64_t *id, struct err *err)
{
	if (is_last(word))
		return find_last(store, word, id, err);
	if (is_number(word))
		return num_parse_int(word, 1, INT64_MAX, "RUN", id, err);
	return err_set(err, ERR_USAGE,
		"'%s' names no run: a number does, last, and last~1 for the one before it; "
		"`culprit runs` lists them",
		word);
}
