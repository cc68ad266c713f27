/* Profiles as JSON: refused with a sentence, or one with which everything can be done, and which is
 * written as it was read. */
#include <stdint.h>
#include <string.h>

#include "profile_use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, 0, NULL), *first, *second;
	struct profile *p = NULL, *copy = NULL;
	struct err err = {0};

	if (!json)
		return 0;
	if (profile_from_json(&p, json, &err)) {
		must(err.text[0] && !p);
		json_decref(json);
		return 0;
	}
	use_profile(p, size);
	first = profile_to_json(p);
	must(profile_from_json(&copy, first, &err) == 0);
	second = profile_to_json(copy);
	must(json_equal(first, second));
	profile_add_moment(copy, (uint32_t)copy->n_nodes - 1, 0, UINT64_MAX / 2, 1);
	profile_add(copy, 0, &(struct profile_weight){1, 1, 1, 1});
	json_decref(first);
	json_decref(second);
	json_decref(json);
	profile_free(p);
	profile_free(copy);
	return 0;
}
