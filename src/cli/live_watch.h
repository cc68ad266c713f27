/* How a recording goes, on stderr while it runs: on a terminal a panel that is drawn again in
 * place, elsewhere a plain line every ten seconds. */
#ifndef CULPRIT_CLI_LIVE_WATCH_H
#define CULPRIT_CLI_LIVE_WATCH_H

#include "cli/live_panel.h"
#include "stats/recording.h"

enum { WATCH_TICKS = 11 }; /* rates are over the last second: so many ticks of 100 ms */

struct live_watch {
	const struct cli *cli;
	struct str title;
	struct live_panel panel;
	struct live_series cpu, rss;
	struct live_watch_past {
		double time_s, values[RECORD_N_SERIES];
	} past[WATCH_TICKS];
	size_t n_past;
	double total_s; /* NaN: as long as it lives */
	double next_line_s;
};

void live_watch_init(
	struct live_watch *v, const struct cli *cli, const char *title, double total_s, bool panel);
/* The newest values; ten times a second. */
void live_watch_tick(struct live_watch *v, double time_s, const double values[RECORD_N_SERIES]);
void live_watch_end(struct live_watch *v);

#endif
