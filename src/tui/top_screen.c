/* The terminal under the live view: taken over, written to, and given back as it was. */
#include <curses.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tui/top_internal.h"
#include "tui/top_terminal.h"
#include "tui/top_text.h"

/* So long a lone Esc is waited on for the rest of a key's sequence. */
enum { ESCAPE_MS = 50 };

struct top_screen {
	SCREEN *screen;
	FILE *in, *out;
	attr_t attributes[INK_N];
	short pairs[INK_N];
};

/* ---- colours ---- */

static void set_inks(struct top_screen *s, bool colour)
{
	static const struct {
		attr_t attributes;
		short colour; /* -1: the terminal's own */
	} INKS[INK_N] = {
		[INK_PLAIN] = {A_NORMAL, -1},
		[INK_BOLD] = {A_BOLD, -1},
		[INK_DIM] = {A_DIM, -1},
		[INK_HOT] = {A_BOLD, COLOR_RED},
		[INK_WARM] = {A_NORMAL, COLOR_YELLOW},
		[INK_NAME] = {A_BOLD, COLOR_CYAN},
		[INK_GOOD] = {A_NORMAL, COLOR_GREEN},
		[INK_NOTE] = {A_BOLD, COLOR_YELLOW},
		[INK_HEAD] = {A_REVERSE, COLOR_BLUE},
		[INK_HEAD_SORTED] = {A_REVERSE | A_BOLD, COLOR_BLUE},
		[INK_TAB] = {A_REVERSE | A_BOLD, -1},
		[INK_SELECTED] = {A_REVERSE, COLOR_CYAN},
	};
	bool has = colour && has_colors();

	if (has) {
		start_color();
		use_default_colors();
	}
	for (short i = 0; i < INK_N; i++) {
		s->attributes[i] = INKS[i].attributes;
		if (!has || INKS[i].colour < 0)
			continue;
		s->pairs[i] = i;
		init_pair(i, INKS[i].colour, -1);
	}
}

/* ---- taking it over ---- */

/* ncurses wants streams, though it writes to their descriptors; they are closed with the view. */
static FILE *stream_of(int fd, const char *mode)
{
	int copy = dup(fd);
	FILE *file = copy < 0 ? NULL : fdopen(copy, mode);

	if (!file && copy >= 0)
		close(copy);
	return file;
}

int top_screen_open(struct top *t, const struct top_spec *spec, struct err *err)
{
	struct top_screen *s;
	int rc = top_check(err);

	if (rc)
		return rc;
	t->unicode = spec->unicode && !strcmp(nl_langinfo(CODESET), "UTF-8");
	s = t->screen = mem_zalloc(1, sizeof(*s));
	s->in = stream_of(STDIN_FILENO, "r");
	s->out = stream_of(STDOUT_FILENO, "w");
	top_rescue_prepare();
	s->screen = s->in && s->out ? newterm(NULL, s->out, s->in) : NULL;
	if (!s->screen)
		return err_set(err, ERR_USAGE,
			"this terminal cannot be used; try TERM=xterm-256color, or take `culprit "
			"profile`");
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	set_inks(s, spec->colour);
	return 0;
}

void top_screen_close(struct top *t)
{
	struct top_screen *s = t->screen;

	if (!s)
		return;
	if (s->screen) {
		endwin();
		delscreen(s->screen);
	}
	top_rescue_forget();
	if (s->in)
		fclose(s->in);
	if (s->out)
		fclose(s->out);
	free(s);
	t->screen = NULL;
}

/* ---- writing ---- */

void top_ink(struct top *t, enum top_ink ink)
{
	attr_set(t->screen->attributes[ink], t->screen->pairs[ink], NULL);
}

int top_put(struct top *t, int y, int x, int columns, enum top_ink ink, const char *text)
{
	struct str cut = STR_INIT;
	int used = 0;

	if (columns > 0 && *text) {
		used = (int)top_cut(&cut, text, (size_t)columns, TOP_CUT_END, t->unicode);
		top_ink(t, ink);
		mvaddstr(y, x, str_text(&cut));
	}
	str_release(&cut);
	return used;
}

void top_fill(struct top *t, int y, int x, int columns, enum top_ink ink)
{
	top_ink(t, ink);
	mvhline(y, x, ' ' | t->screen->attributes[ink] | (chtype)COLOR_PAIR(t->screen->pairs[ink]),
		columns);
}
