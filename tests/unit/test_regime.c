/* What limited a trial, from what was seen of it. */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "study/regime.h"

/* A quiet trial on two cores, in the closed loop. */
static const struct regime_seen QUIET = {.cores = 2,
	.allowed = 2,
	.service_cores = .2,
	.engine_cores = .1,
	.engine_busiest = .1,
	.others_cores = .01,
	.processes = NAN,
	.asked_rate = NAN,
	.rate = 100};

static void check(const struct regime_seen *s, enum regime regime, const char *says)
{
	struct str text = STR_INIT;

	ck_assert_int_eq(regime_of(s), regime);
	regime_sentence(&text, regime, s);
	ck_assert_msg(strstr(text.p, says) != NULL, "'%s' is not in: %s", says, text.p);
	str_release(&text);
}

START_TEST(regimes)
{
	struct regime_seen s = QUIET;

	check(&s, REGIME_WAITING, "0.20 of 2 cores");
	s.service_cores = 1.75; /* with the engine's .1, all there is but a little */
	check(&s, REGIME_CPU, "1.75 of 2 cores");
	s = QUIET;
	s.service_cores = 1;
	s.others_cores = .9; /* the others have the second core */
	check(&s, REGIME_CPU, "1.00 of 2 cores");
	s.service_cores = .03;
	s.others_cores = 1.9;
	check(&s, REGIME_OTHERS, "other programs used 1.90 of 2 cores, the service 0.03");
	s = QUIET;
	s.service_cores = .97;
	s.processes = 1; /* one worker, a free core beside it */
	check(&s, REGIME_PROCESS, "1 process used 0.97 cores");
	s = QUIET;
	s.allowed = .5;
	s.service_cores = .49;
	check(&s, REGIME_CPU, "of 0.5 cores");
	s.throttled = .4;
	check(&s, REGIME_THROTTLED, "40 % of the time");
	s = QUIET;
	s.engine_busiest = .97;
	check(&s, REGIME_ENGINE, "97 % of a core");
	s = QUIET;
	s.asked_rate = 100;
	check(&s, REGIME_OFFERED, "100 of 100 requests/s");
	s.rate = 60;
	check(&s, REGIME_WAITING, "waiting: ");
	s.waited = .3;
	check(&s, REGIME_USERS, "30 % of the requests");
	s = QUIET;
	s.service_cores = NAN;
	check(&s, REGIME_UNKNOWN, "not known");
}
END_TEST

UNIT_MAIN("regime", regimes)
