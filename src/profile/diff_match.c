#include "profile/diff_match.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/table.h"
#include "profile/view_tree.h"

/* A file name of one profile that may be looked for in the other. */
struct file {
	const char *path, *base;
	const char *as; /* as the other one has it; `path` where it has it too */
	bool taken;
};

struct files {
	struct file *items;
	size_t n, cap;
	struct table by_path, by_base;
};

enum { MAX_NAMESAKES = 64 }; /* "__init__.py" is there often; beyond that, nothing is guessed */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static uint32_t hash_of(const char *text)
{
	return table_hash_text(text, strlen(text));
}

static struct file *files_find(const struct files *f, const char *path)
{
	uint32_t hash = hash_of(path);

	for (size_t at = table_first(&f->by_path, hash); f->by_path.slots[at].index;
		at = table_next(&f->by_path, at)) {
		struct file *file = &f->items[f->by_path.slots[at].index - 1];

		if (f->by_path.slots[at].hash == hash && strcmp(file->path, path) == 0)
			return file;
	}
	return NULL;
}

static void files_init(struct files *f, const struct profile *p)
{
	*f = (struct files){0};
	table_init(&f->by_path, 256);
	table_init(&f->by_base, 256);
	for (size_t i = 0; i < p->n_functions; i++) {
		const char *path = p->functions[i].file;

		if (files_find(f, path))
			continue;
		f->items = mem_grow(f->items, &f->cap, f->n + 1, sizeof(*f->items));
		f->items[f->n] = (struct file){path, base_of(path), path, false};
		table_put(&f->by_path, hash_of(path), (uint32_t)f->n);
		table_put(&f->by_base, hash_of(base_of(path)), (uint32_t)f->n++);
	}
}

static void files_release(struct files *f)
{
	free(f->items);
	table_discard(&f->by_path);
	table_discard(&f->by_base);
}

static size_t common_end(const char *a, const char *b)
{
	size_t n = 0, len_a = strlen(a), len_b = strlen(b);

	while (n < len_a && n < len_b && a[len_a - 1 - n] == b[len_b - 1 - n])
		n++;
	return n;
}

/* Of the files of `before` that `after` has not, the one of this name whose path is most alike. */
static struct file *namesake(
	const struct files *before, const struct files *after, const struct file *file)
{
	uint32_t hash = hash_of(file->base);
	struct file *best = NULL;
	size_t seen = 0;

	for (size_t at = table_first(&before->by_base, hash); before->by_base.slots[at].index;
		at = table_next(&before->by_base, at)) {
		struct file *other = &before->items[before->by_base.slots[at].index - 1];

		if (before->by_base.slots[at].hash != hash || strcmp(other->base, file->base) != 0)
			continue;
		if (++seen > MAX_NAMESAKES)
			return NULL;
		if (other->taken || files_find(after, other->path))
			continue;
		if (!best ||
			common_end(other->path, file->path) > common_end(best->path, file->path))
			best = other;
	}
	return best;
}

static void match_files(const struct files *before, struct files *after)
{
	for (size_t i = 0; i < after->n; i++) {
		struct file *file = &after->items[i], *other;

		if (!file->base[0] || files_find(before, file->path))
			continue;
		other = namesake(before, after, file);
		if (other) {
			other->taken = true;
			file->as = other->path;
		}
	}
}

/* A name without what differs from one run to the next: numbers of processes, threads, tasks;
 * addresses that have no symbol. Kept where it is another text than `name`. */
static const char *without_numbers(struct profile_diff *d, enum profile_kind kind, const char *name)
{
	struct str s = STR_INIT;
	size_t len = strlen(name);
	const char *open = strrchr(name, '(');

	if (kind == PROFILE_NATIVE && strncmp(name, "0x", 2) == 0)
		return "0x*";
	if (view_is_frame(kind) || kind == PROFILE_ROOT || !strpbrk(name, "0123456789"))
		return name;
	/* " (1234)" at the end goes, other numbers become "*" */
	if (open && open > name && open[-1] == ' ' && name[len - 1] == ')' &&
		strspn(open + 1, "0123456789") == (size_t)(name + len - 1 - (open + 1)))
		len = (size_t)(open - 1 - name);
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)name[i]))
			str_add_char(&s, name[i]);
		else if (i == 0 || !isdigit((unsigned char)name[i - 1]))
			str_add_char(&s, '*');
	}
	if (!s.p)
		return "";
	d->texts = mem_grow(d->texts, &d->cap_texts, d->n_texts + 1, sizeof(*d->texts));
	d->texts[d->n_texts++] = s.p;
	return s.p;
}

static uint32_t find_function(struct match *m, struct table *found, struct match_function f)
{
	uint32_t hash = table_mix(hash_of(f.name), hash_of(f.file), (uint32_t)f.kind);

	for (size_t at = table_first(found, hash); found->slots[at].index;
		at = table_next(found, at)) {
		const struct match_function *other = &m->functions[found->slots[at].index - 1];

		if (found->slots[at].hash == hash && other->kind == f.kind &&
			strcmp(other->name, f.name) == 0 && strcmp(other->file, f.file) == 0)
			return found->slots[at].index - 1;
	}
	m->functions = mem_grow(m->functions, &m->cap, m->n + 1, sizeof(*m->functions));
	m->functions[m->n] = f;
	table_put(found, hash, (uint32_t)m->n);
	return (uint32_t)m->n++;
}

void match_init(struct match *m, struct profile_diff *d, const struct profile *before,
	const struct profile *after)
{
	const struct profile *sides[2] = {before, after};
	struct files files[2];
	struct table found;

	*m = (struct match){0};
	files_init(&files[0], before);
	files_init(&files[1], after);
	match_files(&files[0], &files[1]);
	table_init(&found, 1024);
	for (int side = 0; side < 2; side++) {
		const struct profile *p = sides[side];

		m->of[side] = mem_alloc(p->n_functions, sizeof(*m->of[side]));
		for (size_t i = 0; i < p->n_functions; i++) {
			const struct profile_function *f = &p->functions[i];
			size_t had = d->n_texts;
			size_t n = m->n;

			m->of[side][i] = find_function(m, &found,
				(struct match_function){f->kind,
					without_numbers(d, f->kind, f->name),
					files_find(&files[side], f->file)->as});
			if (m->n == n && d->n_texts > had) /* it was there already */
				free(d->texts[--d->n_texts]);
		}
		files_release(&files[side]);
	}
	table_discard(&found);
}

void match_release(struct match *m)
{
	free(m->functions);
	free(m->of[0]);
	free(m->of[1]);
}
