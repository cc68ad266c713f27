#include "native/demangle.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* ---- the C++ library ---- */

/* As <cxxabi.h> has it: the result is malloc()ed. */
typedef char *cxa_demangle(const char *name, char *buffer, size_t *size, int *status);

static cxa_demangle *cxa;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);

	if (library)
		*(void **)&cxa = dlsym(library, "__cxa_demangle");
}

/* ---- shorter ---- */

static bool ends(const char *name, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && !memcmp(name + n - len, with, len);
}

/* Without what may stand behind parameters. */
static size_t without_tail(const char *name, size_t n)
{
	static const char *const TAILS[] = {" const", " volatile", " &", " &&"};
	bool found = true;

	while (found) {
		found = false;
		if (n && name[n - 1] == ']') {
			size_t at = n;

			while (at && name[at - 1] != '[')
				at--;
			found = at > 1 && !strncmp(name + at - 1, "[clone ", 7) &&
				name[at - 2] == ' ';
			n = found ? at - 2 : n;
		}
		for (size_t i = 0; i < sizeof(TAILS) / sizeof(TAILS[0]); i++)
			if (ends(name, n, TAILS[i])) {
				n -= strlen(TAILS[i]);
				found = true;
			}
	}
	return n;
}

/* Where the parentheses begin that end at n; n: there are none. */
static size_t parameters(const char *name, size_t n)
{
	size_t depth = 0, at = n;

	if (!n || name[n - 1] != ')')
		return n;
	while (at--) {
		depth += name[at] == ')';
		depth -= name[at] == '(';
		if (!depth)
			return at;
	}
	return n;
}

/* "::h0123456789abcdef" */
static bool is_hash(const char *name, size_t n)
{
	return n > 19 && !memcmp(name + n - 19, "::h", 3) &&
	       strspn(name + n - 16, "0123456789abcdef") == 16;
}

void demangle_shorten(char *name)
{
	size_t n = without_tail(name, strlen(name)), at = parameters(name, n);

	if (at && at < n)
		name[at] = '\0';
	else if (is_hash(name, n))
		name[n - 19] = '\0';
}

char *demangle(const char *name)
{
	char *text;
	int status;

	if (strncmp(name, "_Z", 2) != 0 || strnlen(name, DEMANGLE_MAX_NAME + 1) > DEMANGLE_MAX_NAME)
		return NULL;
	pthread_once(&once, load);
	text = cxa ? cxa(name, NULL, NULL, &status) : NULL;
	if (text)
		demangle_shorten(text);
	return text;
}
