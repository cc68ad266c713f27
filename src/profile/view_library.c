/* What is a library's and what the program's; and library frames folded into one. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/view_tree.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Behind ".../lib/python3.11/" or ".../python311.zip/"; NULL: not the standard library. */
static const char *below_stdlib(const char *file)
{
	for (const char *p = file; (p = strstr(p, "/python")); p++) {
		const char *q = p + strlen("/python"), *digits = q;
		bool lib = (p - file >= 4 && strncmp(p - 4, "/lib", 4) == 0) ||
			   (p - file >= 6 && strncmp(p - 6, "/lib64", 6) == 0);

		while (isdigit((unsigned char)*q) || *q == '.')
			q++;
		if (q > digits && q[-1] == '.' && strncmp(q, "zip/", 4) == 0)
			return q + 4;
		while (*q == 't' || *q == 'd') /* free-threaded and debug builds */
			q++;
		if (lib && q > digits && *q == '/')
			return q + 1;
	}
	return NULL;
}

/* Behind the folder of installed packages, the innermost; NULL: in none. */
static const char *below_packages(const char *file)
{
	static const char *const folders[] = {"/site-packages/", "/dist-packages/"};
	const char *best = NULL;

	for (size_t i = 0; i < 2; i++)
		for (const char *p = file; (p = strstr(p, folders[i]));) {
			p += strlen(folders[i]);
			if (!best || p > best)
				best = p;
		}
	return best;
}

/* What every process has below it, and CPython itself. */
static bool is_system_module(const char *file)
{
	static const char *const names[] = {"libpython", "python", "libc.so", "libc-", "libm.so",
		"libm-", "libpthread", "libdl.so", "librt.so", "ld-linux", "ld-musl", "libstdc++",
		"libgcc_s", "linux-vdso", "[vdso]", "[kernel", "vmlinux"};
	const char *name = base_name(file);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* What pip and packagers make to start a package: "/usr/bin/gunicorn", "/srv/app/venv/bin/flask".
 */
static bool is_launcher(const char *file)
{
	static const char *const folders[] = {
		"/usr/bin/", "/usr/local/bin/", "venv/bin/", "/.pyenv/versions/"};

	if (strchr(base_name(file), '.'))
		return false;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (strstr(file, folders[i]))
			return true;
	return false;
}

bool view_is_library(const struct profile_function *f)
{
	if (f->kind != PROFILE_PYTHON && f->kind != PROFILE_NATIVE)
		return false;
	if (below_packages(f->file) || below_stdlib(f->file))
		return true;
	if (f->kind == PROFILE_NATIVE) /* and an extension module's that tells no names */
		return is_system_module(f->file) ||
		       (strncmp(f->name, "0x", 2) == 0 && strstr(f->file, ".cpython-"));
	if (is_launcher(f->file))
		return true;
	return strncmp(f->file, "<frozen ", 8) == 0;
}

void view_library_name(const struct profile_function *f, char *out, size_t size)
{
	const char *p = below_packages(f->file), *ends = "/.>";
	size_t len;

	if (!p)
		p = below_stdlib(f->file);
	if (!p && strncmp(f->file, "<frozen ", 8) == 0)
		p = f->file + 8;
	if (!p) { /* "libc.so.6" as it is */
		p = base_name(f->file);
		ends = "/";
	}
	if (strncmp(p, "lib-dynload/", 12) == 0)
		p += 12;
	len = strcspn(p, ends);
	snprintf(out, size, "%.*s", (int)(len < 40 ? len : 40), p);
}

/* Is `name` one of those that `list` has, separated by ", "? */
static bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; (p = strstr(p, name)); p++)
		if ((p == list || p[-1] == ' ') && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

enum { LISTED_LIBRARIES = 4 };

/* One more library frame behind a folded node. */
static void fold_one(struct view_node *node, const struct profile_function *f)
{
	char name[64];
	struct str list = STR_INIT;
	size_t n = 1;

	node->folded++;
	view_library_name(f, name, sizeof(name));
	if (!name[0])
		return;
	if (!node->libraries) {
		node->libraries = mem_strdup(name);
		return;
	}
	for (const char *p = node->libraries; (p = strstr(p, ", ")); p += 2)
		n++;
	if (n > LISTED_LIBRARIES || listed(node->libraries, name))
		return;
	str_addf(&list, "%s, %s", node->libraries, n == LISTED_LIBRARIES ? "…" : name);
	free((void *)node->libraries);
	node->libraries = str_take(&list);
}

static bool has_program(const struct view_tree *t, const struct profile *p)
{
	for (size_t i = 1; i < t->n; i++) {
		const struct profile_function *f = &p->functions[t->nodes[i].function];

		if ((f->kind == PROFILE_PYTHON || f->kind == PROFILE_NATIVE) && !view_is_library(f))
			return true;
	}
	return false;
}

void view_fold(struct view_tree *t, const struct view_tree *from, const struct profile *p)
{
	uint32_t *to = mem_alloc(from->n, sizeof(*to));
	bool *library = mem_zalloc(p->n_functions, sizeof(*library));
	bool fold = has_program(from, p);

	for (size_t i = 0; fold && i < p->n_functions; i++)
		library[i] = view_is_library(&p->functions[i]);
	to[0] = 0;
	for (size_t i = 0; i < from->n; i++) {
		const struct view_node *n = &from->nodes[i];
		bool inside = library[n->function] && i > 0;

		if (i > 0)
			to[i] = inside && library[from->nodes[n->parent].function]
					? to[n->parent]
					: view_tree_child(t, to[n->parent], n->function, n->line);
		t->nodes[to[i]].self += n->self;
		if (inside)
			fold_one(&t->nodes[to[i]], &p->functions[n->function]);
	}
	for (size_t i = 0; i < t->n; i++)
		if (t->nodes[i].folded == 1) { /* one frame hides nothing */
			t->nodes[i].folded = 0;
			free((void *)t->nodes[i].libraries);
			t->nodes[i].libraries = NULL;
		}
	free(to);
	free(library);
}
