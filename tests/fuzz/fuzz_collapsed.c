/* Collapsed stacks: refused with a sentence, or a profile with which everything can be done, and
 * whose own text has the same weight. */
#include <stdint.h>
#include <string.h>

#include "profile_use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile *p = NULL, *again = NULL;
	struct str text = STR_INIT;
	struct err err = {0};
	char *exact = malloc(size ? size : 1); /* so that the sanitizer sees a byte too far */

	memcpy(exact, data, size);
	if (profile_read_collapsed(&p, exact, size, "fuzz", &err)) {
		must(err.text[0] && !p);
	} else {
		use_profile(p, size);
		profile_write(&text, p, PROFILE_FORMAT_COLLAPSED, PROFILE_CLOCK_SAMPLES, "fuzz");
		must(profile_read_collapsed(&again, text.p, text.len, "again", &err) == 0);
		must(use_total(again, PROFILE_CLOCK_SAMPLES) ==
			use_total(p, PROFILE_CLOCK_SAMPLES));
		profile_free(p);
		profile_free(again);
	}
	str_release(&text);
	free(exact);
	return 0;
}
