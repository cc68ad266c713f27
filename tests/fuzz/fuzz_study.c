/* Study files: any bytes are refused with a sentence, or are a study that can be applied. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/node.h"
#include "study/setting.h"
#include "study/study.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

/* Both ends and the middle of each factor give a setting whose load, command and environment are
 * made. */
static void apply(const struct study *s)
{
	for (int i = 0; i < 3; i++) {
		struct str text = STR_INIT;
		struct setting_load load;
		struct setting setting;
		double u[DESIGN_MAX_FACTORS];
		char **env;

		for (size_t j = 0; j < s->n_factors; j++)
			u[j] = i / 2.0;
		setting_init(&setting, s, u);
		must(json_object_size(setting.json) == s->n_factors);
		setting_load_init(&load, &setting, s);
		must(load.spec.url && *load.spec.url);
		setting_load_release(&load);
		if (s->command)
			setting_command(&setting, s, &text);
		setting_service_key(&setting, s, &text);
		env = setting_env(&setting, s, "CULPRIT=x");
		for (size_t k = 0; env[k]; k++)
			free(env[k]);
		free(env);
		str_release(&text);
		setting_release(&setting);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	struct study study;
	char *copy = malloc(size ? size : 1); /* exact, so that the sanitizer sees a byte too far */
	int rc;

	memcpy(copy, data, size);
	rc = study_read_bytes(&study, "f", copy, size, &err);
	must(rc <= 0 && (!rc || (err.text[0] && -rc == (int)err.kind)));
	if (!rc) {
		json_t *json = study_to_json(&study);

		must(json && study.key && strlen(study.key) == 32 && study.n_factors);
		json_decref(json);
		apply(&study);
	}
	study_release(&study);
	free(copy);
	return 0;
}
