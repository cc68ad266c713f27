/* What stands behind a ranking on a terminal: the worst settings, and the confirmation. */
#include "base/str.h"
#include "learn/confirm.h"
#include "report/phrase.h"
#include "report/report.h"

enum { PROSE = 96 };

void report_slow(struct str *out, const struct term *term, const char *sentence)
{
	struct str line = STR_INIT;

	if (!*sentence)
		return;
	str_add_char(out, '\n');
	str_add(&line, sentence);
	phrase_plain(&line, term);
	str_add_wrapped(out, line.p, 0, term->width > PROSE ? PROSE : term->width);
	str_release(&line);
}

void report_confirm(struct str *out, const struct term *term, const struct confirm *c)
{
	struct str line = STR_INIT;

	if (!c->n_places)
		return;
	str_add_char(out, '\n');
	for (size_t i = 0; i < c->n_places; i++) {
		str_clear(&line);
		str_add(&line, i ? "" : "Confirmed by moving it: ");
		confirm_sentence(&line, c, &c->places[i]);
		phrase_plain(&line, term);
		str_add_wrapped(out, line.p, 0, term->width > PROSE ? PROSE : term->width);
	}
	str_release(&line);
}
