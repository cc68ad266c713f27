/*
 * OpenMetrics and Prometheus text, a scrape or many one after the other. Most lines of a file name
 * a series that was there before, in the same letters: those are found by their letters, and labels
 * are read once a series.
 */
#include "correlate/openmetrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "correlate/histograms.h"
#include "correlate/metric_name.h"
#include "correlate/sources.h"

/* Unix time in seconds of the year 5138, in milliseconds of 1973: what is beyond is in the other
 * unit. */
static const double SECONDS_MAX = 1e11;

struct om_series {
	struct series_points timed; /* time_s as it stood there */
	struct series_points bare;  /* without a time; time_s is the scrape's number */
};

struct reader {
	const char *what;
	size_t line;
	bool open_metrics; /* there is an # EOF */
	size_t scrape;
	bool any;                  /* in this scrape */
	struct metric_index raw;   /* letters → series; also of the one form of its name */
	struct metric_index types; /* family → enum metric_type */
	struct om_series *series;
	size_t n, cap, n_timed, n_bare;
};

static int wrong(const struct reader *r, struct err *err, const char *why)
{
	return err_set(err, ERR_INPUT, "%s:%zu: %s", r->what, r->line, why);
}

/* ---- a sample ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

/* Where name and labels end, at a glance: quotes are heeded, nothing is checked. */
static const char *letters_end(const char *p, const char *end)
{
	while (p < end && *p != '{' && !is_blank(*p))
		p++;
	if (p == end || *p != '{')
		return p;
	for (bool quoted = false; p < end; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '\\' && quoted && p + 1 < end)
			p++;
		else if (*p == '}' && !quoted)
			return p + 1;
	}
	return p;
}

/* A series that these letters name for the first time. */
static int series_new(
	struct reader *r, const char *p, const char *end, size_t *out, struct err *err)
{
	const char *name = metric_name_end(p, end), *why, *after = name;
	struct metric_labels labels = {.n = 0};
	struct str text = STR_INIT;
	size_t *at;

	if (name == p)
		return wrong(r, err,
			"it begins with no name of a metric; a sample is written as "
			"name{label=\"value\"} "
			"value time");
	if (name < end && *name == '{') {
		after = metric_labels_read(&labels, name, end, &why);
		if (!after)
			return wrong(r, err, why);
	}
	if (after != end)
		return wrong(r, err,
			"the name of the metric has a character that is no letter, digit, _ or :");
	metric_write(&text, p, (size_t)(name - p), &labels, NULL);
	if (text.len > SERIES_NAME_MAX || r->raw.n >= (size_t)2 * SERIES_MAX ||
		r->n == SERIES_MAX) {
		str_release(&text);
		return wrong(r, err,
			r->n == SERIES_MAX
				? "there are more than 1,000,000 series; take a part of the file"
				: "the name with its labels is too long, or there are too many");
	}
	at = metric_index_at(&r->raw, text.p, text.len);
	if (*at == SIZE_MAX) {
		*at = r->n;
		r->series = mem_grow(r->series, &r->cap, r->n + 1, sizeof(*r->series));
		r->series[r->n++] = (struct om_series){.timed = {.name = mem_strdup(text.p)}};
	}
	*out = *at;
	*metric_index_at(&r->raw, p, (size_t)(end - p)) = *out;
	str_release(&text);
	return 0;
}

static void point_add(struct series_points *p, double time, double value)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap + p->cap / 2 : 16;
		p->time_s = mem_resize(p->time_s, p->cap, sizeof(*p->time_s));
		p->value = mem_resize(p->value, p->cap, sizeof(*p->value));
	}
	p->time_s[p->n] = time;
	p->value[p->n++] = value;
}

/* A number, and what is behind it is a blank or the end. */
static const char *number(const char *p, const char *end, double *out)
{
	const char *after = num_scan(p, end, out);

	return after && (after == end || is_blank(*after)) ? skip_blanks(after, end) : NULL;
}

/* "# {trace_id="…"} 0.67 1520879607.789" behind a sample. */
static int check_exemplar(const struct reader *r, const char *p, const char *end, struct err *err)
{
	struct metric_labels labels;
	const char *why;
	double ignored;

	p = skip_blanks(p + 1, end);
	if (p == end || *p != '{')
		return wrong(r, err, "the exemplar behind # does not begin with labels in braces");
	p = metric_labels_read(&labels, p, end, &why);
	if (!p)
		return wrong(r, err, why);
	p = number(skip_blanks(p, end), end, &ignored);
	if (p && p < end)
		p = number(p, end, &ignored);
	return p == end ? 0 : wrong(r, err, "the exemplar behind # is no labels, value and time");
}

static int take_sample(struct reader *r, const char *p, const char *end, struct err *err)
{
	const char *name = letters_end(p, end), *rest;
	size_t i = metric_index_find(&r->raw, p, (size_t)(name - p));
	double value, time = NAN;
	struct series_points *bare;
	int rc = 0;

	if (i == SIZE_MAX)
		rc = series_new(r, p, name, &i, err);
	if (rc)
		return rc;
	rest = number(skip_blanks(name, end), end, &value);
	if (!rest)
		return wrong(r, err,
			"behind the name there is no number; a sample is written as "
			"name{label=\"value\"} value time");
	if (rest < end && *rest != '#') {
		rest = number(rest, end, &time);
		if (!rest || !isfinite(time))
			return wrong(r, err, "what is behind the value is no time");
	}
	if (rest < end && *rest == '#')
		rc = check_exemplar(r, rest, end, err);
	else if (rest < end)
		rc = wrong(r, err, "there is more behind the value and the time");
	if (rc)
		return rc;
	r->any = true;
	if (r->n_timed + r->n_bare == OPENMETRICS_POINTS_MAX)
		return wrong(
			r, err, "there are more samples than it takes; take a part of the file");
	if (!isnan(time)) {
		r->n_timed++;
		point_add(&r->series[i].timed, time, value);
		return 0;
	}
	bare = &r->series[i].bare;
	if (bare->n && bare->time_s[bare->n - 1] == (double)r->scrape)
		return wrong(r, err,
			"the series is there a second time in one scrape, without times; let each "
			"scrape end with a line # EOF");
	r->n_bare++;
	point_add(bare, (double)r->scrape, value);
	return 0;
}

/* ---- lines ---- */

static bool word_is(const char *p, const char *end, const char *word)
{
	return (size_t)(end - p) == strlen(word) && !memcmp(p, word, (size_t)(end - p));
}

static const char *word_end(const char *p, const char *end)
{
	while (p < end && !is_blank(*p))
		p++;
	return p;
}

/* Behind "# TYPE". */
static int take_type(struct reader *r, const char *p, const char *end, struct err *err)
{
	const char *name = skip_blanks(p, end), *name_end = word_end(name, end);
	const char *type = skip_blanks(name_end, end), *type_end = word_end(type, end);
	enum metric_type t = metric_type_of(type, (size_t)(type_end - type));
	size_t *at;

	if (name == name_end || metric_name_end(name, name_end) != name_end)
		return wrong(r, err, "behind # TYPE there is no name of a metric");
	if (t == METRIC_N_TYPES || skip_blanks(type_end, end) != end)
		return wrong(r, err,
			"the type is none of counter, gauge, histogram, summary, gaugehistogram, "
			"info, stateset, untyped and unknown");
	at = metric_index_at(&r->types, name, (size_t)(name_end - name));
	if (*at != SIZE_MAX && *at != (size_t)t)
		return wrong(r, err, "the metric has another type here than before");
	*at = t;
	return 0;
}

static int take_line(struct reader *r, const char *p, const char *end, struct err *err)
{
	const char *word, *after;

	if (end > p && end[-1] == '\r')
		end--;
	p = skip_blanks(p, end);
	while (end > p && is_blank(end[-1]))
		end--;
	if (p == end)
		return 0;
	if (*p != '#')
		return take_sample(r, p, end, err);
	word = skip_blanks(p + 1, end);
	after = word_end(word, end);
	if (word_is(word, after, "TYPE"))
		return take_type(r, after, end, err);
	if (word_is(word, end, "EOF")) {
		r->scrape++;
		r->any = false;
	}
	return 0; /* HELP, UNIT, or a remark */
}

/* Has it a line "# EOF"? */
static bool find_eof(const char *p, size_t len)
{
	static const char EOF_LINE[] = "# EOF";
	size_t n = sizeof(EOF_LINE) - 1;

	for (const char *at = p, *end = p + len; (at = memmem(at, (size_t)(end - at), EOF_LINE, n));
		at += n)
		if ((at == p || at[-1] == '\n') &&
			(at + n == end || at[n] == '\n' || at[n] == '\r'))
			return true;
	return false;
}

static int take_lines(
	struct reader *r, struct series_set *out, const char *p, const char *end, struct err *err)
{
	int rc = 0;

	while (!rc && p < end) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));

		r->line++;
		if (!line_end && r->open_metrics && !word_is(p, end, "# EOF")) {
			/* a file that was cut: half a number looks like a whole one */
			series_note(out, "Line %zu has no end and was left out: the file was cut.",
				r->line);
			return 0;
		}
		line_end = line_end ? line_end : end;
		rc = take_line(r, p, line_end, err);
		p = line_end + 1;
	}
	if (!rc && r->open_metrics && r->any)
		series_note(out, "The last scrape has no end (# EOF): the file was cut.");
	return rc;
}

/* ---- to a set ---- */

/* What one unit of a time is, seconds. */
static double time_unit(const struct reader *r, struct series_set *out)
{
	double largest = 0;
	bool whole = true, seconds;

	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->series[i].timed.n; k++) {
			double t = r->series[i].timed.time_s[k];

			largest = fabs(t) > largest ? fabs(t) : largest;
			whole = whole && t == floor(t);
		}
	seconds = r->open_metrics || !whole;
	if (seconds && largest > SECONDS_MAX) {
		series_note(
			out, "The times were taken as milliseconds, which is what they can be.");
		return 1e-3;
	}
	if (!seconds && largest < SECONDS_MAX) {
		series_note(out, "The times were taken as seconds, which is what they can be; "
				 "text of Prometheus without # EOF has milliseconds.");
		return 1;
	}
	return seconds ? 1 : 1e-3;
}

static int choose_times(
	struct reader *r, double scrape_s, struct series_set *notes, double *unit, struct err *err)
{
	char step[NUM_TEXT];

	if (r->n_timed) {
		*unit = time_unit(r, notes);
		if (r->n_bare)
			series_note(notes,
				"%zu samples have no time, others have; they were left out.",
				r->n_bare);
		return 0;
	}
	if (!r->n_bare)
		return err_set(err, ERR_INPUT, "%s holds no sample", r->what);
	if (r->scrape + r->any < 2)
		return err_set(err, ERR_INPUT,
			"%s is one scrape without times; it takes many times to see what moves "
			"together: put scrapes one after the other, each ended by a line # EOF",
			r->what);
	if (!(scrape_s > 0))
		return err_set(err, ERR_USAGE,
			"the scrapes in %s have no times; say with --step how far they are apart",
			r->what);
	*unit = scrape_s;
	series_note(notes, "The %zu scrapes have no times; they were taken as %s apart, from 0.",
		r->scrape + r->any, num_duration(scrape_s, step));
	return 0;
}

static int align(struct reader *r, struct series_set *out, double unit,
	const struct align_options *o, struct err *err)
{
	struct series_points *points = mem_zalloc(r->n + 1, sizeof(*points));
	struct align_options mine = *o;
	struct str notes = out->notes;
	size_t n = 0;
	int rc;

	if (!r->n_timed && !(mine.step_s > 0))
		mine.step_s = unit;
	for (size_t i = 0; i < r->n; i++) {
		const struct om_series *one = &r->series[i];
		struct series_points p = r->n_timed ? one->timed : one->bare;
		size_t len = strcspn(one->timed.name, "{");
		enum metric_role role;

		role = metric_role_of(&r->types, one->timed.name, len,
			strstr(one->timed.name + len, "le=\"") != NULL);
		if (role == ROLE_CREATED || !p.n)
			continue;
		for (size_t k = 0; k < p.n; k++)
			p.time_s[k] *= unit;
		p.name = one->timed.name;
		p.kind = role == ROLE_COUNTER ? SERIES_COUNTER : SERIES_GAUGE;
		points[n++] = p;
	}
	rc = series_align(out, points, n, &mine, err);
	str_add(&notes, str_text(&out->notes));
	str_release(&out->notes);
	out->notes = notes;
	free(points);
	return rc;
}

static void reader_release(struct reader *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->series[i].timed.name);
		free(r->series[i].timed.time_s);
		free(r->series[i].timed.value);
		free(r->series[i].bare.time_s);
		free(r->series[i].bare.value);
	}
	free(r->series);
	metric_index_release(&r->raw);
	metric_index_release(&r->types);
}

int openmetrics_read(struct series_set *out, const char *what, const char *p, size_t len,
	double scrape_s, const struct align_options *o, struct err *err)
{
	struct reader r = {.what = what, .open_metrics = find_eof(p, len)};
	const char *end = p + len;
	double unit = 1;
	int rc;

	*out = (struct series_set){0};
	if (len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	rc = take_lines(&r, out, p, end, err);
	if (!rc)
		rc = choose_times(&r, scrape_s, out, &unit, err);
	if (!rc)
		rc = align(&r, out, unit, o, err);
	if (!rc)
		histograms_derive(out);
	if (rc)
		series_set_release(out);
	reader_release(&r);
	return rc;
}

int series_read_openmetrics(struct series_set *out, const char *path, double scrape_s,
	const struct align_options *o, struct err *err)
{
	struct file_bytes file;
	int rc;

	*out = (struct series_set){0};
	rc = file_open_bytes(path, OPENMETRICS_BYTES_MAX, &file, err);
	if (rc)
		return rc;
	rc = openmetrics_read(out, path, file.data, file.len, scrape_s, o, err);
	file_close_bytes(&file);
	out->source = path;
	return rc;
}
