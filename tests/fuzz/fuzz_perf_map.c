/* A JIT's map, cut anywhere: names are text of a bounded length, and are found where they say. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "native/perf_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

/* The first bytes are addresses to ask for; the one before them says where the text is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perf_map *m;
	uint64_t address, start;
	size_t len, cut, taken;
	char *text;

	if (size < 10)
		return 0;
	len = size - 9;
	memcpy(&address, data + 1, sizeof(address));
	text = malloc(len); /* exact, so that the sanitizer sees a byte too far */
	memcpy(text, data + 9, len);
	m = perf_map_new();
	cut = data[0] % (len + 1);
	taken = perf_map_add(m, text, cut);
	must(taken <= cut && (!taken || text[taken - 1] == '\n'));
	taken += perf_map_add(m, text + taken, len - taken);
	must(taken <= len);
	for (int i = 0; i < 64; i++) {
		const char *name = perf_map_find(m, address >> i, &start);

		if (!name)
			continue;
		must(start <= address >> i);
		must(*name && strlen(name) <= PERF_MAP_MAX_NAME && !strchr(name, '\n'));
	}
	perf_map_free(m);
	free(text);
	return 0;
}
