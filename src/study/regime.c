#include "study/regime.h"

#include <math.h>

/* Shares from which something counts as full. A service on one core with its load never gets all of
 * it: the kernel's work for its sockets is charged to whoever is running. */
#define FULL      .90
#define THROTTLED .05
#define KEPT_UP   .97
#define WAITED    .05

const char *const REGIME_WORDS[] = {
#define X(name, word, text) word,
	REGIMES(X)
#undef X
		NULL,
};
const char *const REGIME_TEXTS[] = {
#define X(name, word, text) text,
	REGIMES(X)
#undef X
};

static double known(double value)
{
	return isfinite(value) ? value : 0;
}

enum regime regime_of(const struct regime_seen *s)
{
	double others = known(s->engine_cores) + known(s->others_cores);
	double left = fmin(s->allowed, s->cores - others);

	if (s->engine_busiest >= FULL)
		return REGIME_ENGINE;
	if (known(s->throttled) >= THROTTLED)
		return REGIME_THROTTLED;
	if (!isfinite(s->service_cores))
		return REGIME_UNKNOWN;
	if (s->service_cores >= FULL * left)
		return known(s->others_cores) > s->service_cores ? REGIME_OTHERS : REGIME_CPU;
	if (isfinite(s->processes) && s->processes > 0 && s->processes < s->allowed &&
		s->service_cores >= FULL * s->processes)
		return REGIME_PROCESS;
	if (isfinite(s->asked_rate))
		return s->rate >= KEPT_UP * s->asked_rate ? REGIME_OFFERED
		       : known(s->waited) > WAITED        ? REGIME_USERS
							  : REGIME_WAITING;
	return REGIME_WAITING;
}

void regime_sentence(struct str *out, enum regime r, const struct regime_seen *s)
{
	str_addf(out, "%s: ", REGIME_WORDS[r]);
	switch (r) {
	case REGIME_ENGINE:
		str_addf(out, "the engine's busiest thread used %.0f %% of a core",
			100 * s->engine_busiest);
		break;
	case REGIME_THROTTLED:
		str_addf(out, "the quota of %.2g cores held the service back %.0f %% of the time",
			s->allowed, 100 * s->throttled);
		break;
	case REGIME_CPU:
	case REGIME_WAITING:
		str_addf(out, "the service used %.2f of %.3g cores", s->service_cores, s->allowed);
		str_add(out, r == REGIME_CPU ? "" : ", requests waited for something else");
		break;
	case REGIME_OTHERS:
		str_addf(out, "other programs used %.2f of %.3g cores, the service %.2f",
			s->others_cores, s->cores, s->service_cores);
		break;
	case REGIME_PROCESS:
		str_addf(out, "%.0f process%s used %.2f cores of %.3g", s->processes,
			s->processes == 1 ? "" : "es", s->service_cores, s->allowed);
		break;
	case REGIME_OFFERED:
		str_addf(out, "%.4g of %.4g requests/s were answered", s->rate, s->asked_rate);
		break;
	case REGIME_USERS:
		str_addf(out, "%.0f %% of the requests found no connection free", 100 * s->waited);
		break;
	case REGIME_UNKNOWN:
	case N_REGIMES: str_add(out, REGIME_TEXTS[REGIME_UNKNOWN]); break;
	}
}
