#include "tui/top.h"

#include <curses.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tui/top_internal.h"

/* Keys that are handled in one turn at most; whoever holds one down gets a picture in between. */
enum { KEYS_AT_ONCE = 64 };
/* Rows are made again from new data after so many times of what it took: it costs a tenth at most.
 */
enum { REST = 10 };

int top_open(struct top **out, const struct top_spec *spec, struct err *err)
{
	struct top *t = mem_zalloc(1, sizeof(*t));
	int rc = top_screen_open(t, spec, err);

	*out = NULL;
	if (rc) {
		top_close(t);
		return rc;
	}
	t->look = (struct top_look){.clock = spec->clock, .unicode = t->unicode};
	t->stale = true;
	for (int view = 0; view < TOP_N_VIEWS; view++)
		t->places[view].sort = (enum top_sort)top_sorts((enum top_view)view)[0];
	*out = t;
	return 0;
}

void top_close(struct top *t)
{
	if (!t)
		return;
	top_screen_close(t);
	top_rows_release(&t->rows);
	top_marks_release(&t->marks);
	profile_free(t->held_recent);
	profile_free(t->held_all);
	free(t);
}

/* ---- the data ---- */

const struct profile *top_shown(const struct top *t)
{
	if (t->paused)
		return t->since_start ? t->held_all : t->held_recent;
	return t->since_start ? t->all : t->recent;
}

static struct profile *copy_of(const struct profile *p)
{
	struct profile *copy = profile_new();

	profile_merge(copy, p);
	return copy;
}

void top_pause(struct top *t, bool pause)
{
	if (pause == t->paused)
		return;
	if (pause) { /* the picture stays, and can be looked at from all sides */
		t->held_recent = copy_of(t->recent);
		t->held_all = copy_of(t->all);
	} else {
		profile_free(t->held_recent);
		profile_free(t->held_all);
		t->held_recent = t->held_all = NULL;
	}
	t->paused = pause;
	t->stale = true;
}

static void minute_add(struct top_minute *m, double value, bool second_is_over)
{
	if (isfinite(value)) {
		m->sum += value;
		m->in_sum++;
	}
	if (!second_is_over)
		return;
	if (m->n == TOP_MINUTE) {
		for (size_t i = 1; i < TOP_MINUTE; i++)
			m->points[i - 1] = m->points[i];
		m->n--;
	}
	m->points[m->n++] = m->in_sum ? m->sum / (double)m->in_sum : NAN;
	m->sum = 0;
	m->in_sum = 0;
}

static void take(struct top *t, const struct profile *recent, const struct profile *all,
	const struct top_status *status)
{
	bool over = status->seconds >= t->minute_second + 1;

	if (status->seconds > t->status.seconds) {
		minute_add(&t->cpu, status->cpu_share, over);
		minute_add(&t->gil, status->gil_share, over);
		if (over)
			t->minute_second = floor(status->seconds);
	}
	t->recent = recent;
	t->all = all;
	t->status = *status;
}

/* ---- rows and selection ---- */

const struct top_item *top_selected(const struct top *t)
{
	const struct top_place_in *place = &t->places[t->view];

	return place->at < t->rows.n_shown ? &t->rows.items[t->rows.shown[place->at].item] : NULL;
}

/* The selection follows its row, and the row keeps its line on the screen where it can. */
static void follow(struct top *t)
{
	struct top_place_in *place = &t->places[t->view];
	size_t n = t->rows.n_shown, line = place->at - place->scroll;
	size_t at = place->id ? top_rows_find(&t->rows, place->id) : 0;

	if (at < n) {
		place->at = at;
		place->scroll = at > line ? at - line : 0;
	} else if (place->at >= n) {
		place->at = n ? n - 1 : 0;
	}
	if (!place->id)
		place->scroll = 0;
}

void top_reorder(struct top *t)
{
	top_rows_show(&t->rows, t->places[t->view].sort, t->filter, &t->marks);
	follow(t);
}

static bool is_due(const struct top *t)
{
	if (t->stale)
		return true;
	return !t->paused && t->status.seconds != t->made_seconds &&
	       clock_now_ns() - t->made_ns >= REST * t->make_took_ns;
}

void top_update(struct top *t)
{
	uint64_t began;

	if (!is_due(t))
		return;
	began = clock_thread_cpu_ns();
	t->look.view = t->view;
	top_rows_make(&t->rows, top_shown(t), &t->look);
	top_reorder(t);
	t->stale = false;
	t->made_seconds = t->status.seconds;
	t->made_ns = clock_now_ns();
	t->make_took_ns = clock_thread_cpu_ns() - began;
}

/* ---- a turn ---- */

/* The terminal's other end is gone: every read would return at once, for ever. */
static bool hung_up(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&in, 1, 0) > 0 && (in.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static enum top_wish handle_keys(struct top *t, int wait_ms, bool *any)
{
	enum top_wish wish = TOP_NOTHING;

	for (int i = 0; i < KEYS_AT_ONCE && wish == TOP_NOTHING; i++) {
		wint_t key = 0;
		int rc;

		timeout(i ? 0 : wait_ms);
		rc = get_wch(&key);
		if (rc == ERR)
			return hung_up() ? TOP_QUIT : TOP_NOTHING;
		*any = true;
		if (rc == KEY_CODE_YES && key == KEY_RESIZE)
			clearok(stdscr, TRUE);
		else
			wish = top_press(t, key, rc == KEY_CODE_YES);
		top_update(t); /* the next key acts on what this one made */
	}
	return wish;
}

enum top_wish top_turn(struct top *t, const struct profile *recent, const struct profile *all,
	const struct top_status *status, int wait_ms)
{
	enum top_wish wish;
	bool any = false;

	take(t, recent, all, status);
	top_update(t);
	top_draw(t);
	wish = handle_keys(t, wait_ms < 0 ? 0 : wait_ms, &any);
	if (any)
		top_draw(t);
	return wish;
}
