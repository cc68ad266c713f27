#include "correlate/curl_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

static struct curl_api api;
static bool loaded;
static char why[256];

static void load(void)
{
	void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		snprintf(why, sizeof(why), "%s", dlerror());
		return;
	}
#define X(name)                                                                                    \
	*(void **)(void *)&api.name = dlsym(library, "curl_" #name);                               \
	if (!api.name) {                                                                           \
		snprintf(why, sizeof(why), "it has no curl_" #name);                               \
		return;                                                                            \
	}
	CURL_API(X)
#undef X
	loaded = api.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	if (!loaded)
		snprintf(why, sizeof(why), "it could not be started");
}

const struct curl_api *curl_api(struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (loaded)
		return &api;
	err_set(err, ERR_SYSTEM,
		"libcurl, by which servers are asked, could not be loaded (%s); install the "
		"package "
		"libcurl4",
		why);
	return NULL;
}
