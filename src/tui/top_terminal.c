#include "tui/top_terminal.h"

#include <curses.h>
#include <signal.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "tui/top.h"

/* What a signal handler needs: it gets no pointer. */
static struct {
	volatile sig_atomic_t is_open;
	struct termios before;
	char bytes[256];
	size_t n;
} rescue;

static const char *capability(const char *name)
{
	const char *text = tigetstr(name);

	return text == (char *)-1 ? NULL : text;
}

/* A string of terminfo, without its pauses ("$<5>"). */
static void rescue_add(const char *name)
{
	const char *text = capability(name);

	while (text && *text && rescue.n < sizeof(rescue.bytes)) {
		if (text[0] == '$' && text[1] == '<' && strchr(text, '>')) {
			text = strchr(text, '>') + 1;
			continue;
		}
		rescue.bytes[rescue.n++] = *text++;
	}
}

/* What terminfo has to say; newterm() reads it once more, for itself. */
static int read_terminal(struct err *err)
{
	if (!capability("cup") || !capability("clear"))
		return err_set(err, ERR_USAGE,
			"this terminal (TERM=%s) cannot move its cursor; try TERM=xterm-256color, "
			"or take `culprit profile`",
			termname());
	rescue.n = 0;
	rescue_add("sgr0");
	rescue_add("op");
	rescue_add("rmkx");
	rescue_add("rmcup");
	rescue_add("cnorm");
	return 0;
}

int top_check(struct err *err)
{
	int found = 0, rc;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(err, ERR_USAGE,
			"the live view needs a terminal for its input and output; `culprit "
			"profile` writes to files and pipes");
	if (setupterm(NULL, STDOUT_FILENO, &found) != OK)
		return err_set(err, ERR_USAGE,
			"the kind of this terminal (TERM) is not known here; try "
			"TERM=xterm-256color, or install ncurses-term, or take `culprit profile`");
	rc = read_terminal(err);
	del_curterm(cur_term);
	return rc;
}

void top_rescue_prepare(void)
{
	rescue.is_open = !tcgetattr(STDIN_FILENO, &rescue.before);
}

void top_rescue_forget(void)
{
	rescue.is_open = 0;
}

void top_rescue(void)
{
	if (!rescue.is_open)
		return;
	rescue.is_open = 0;
	if (write(STDOUT_FILENO, rescue.bytes, rescue.n) < 0)
		return; /* the terminal is gone */
	tcsetattr(STDIN_FILENO, TCSANOW, &rescue.before);
}
