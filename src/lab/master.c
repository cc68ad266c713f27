#include "lab/master.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/sock.h"

/*
 * A worker that dies within YOUNG_NS of its start died young. The first such death is made good at
 * once like any other; each further one in a row doubles the wait, from BRAKE_NS to MAX_BRAKE_NS.
 */
#define YOUNG_NS     (1 * NS_PER_S)
#define BRAKE_NS     (100 * NS_PER_MS)
#define MAX_BRAKE_NS (5 * NS_PER_S)

/* A worker keeps its own grace; this much later the master stops believing in it. */
#define KILL_AFTER_NS (500 * NS_PER_MS)

struct seat {
	pid_t pid; /* 0: empty */
	uint64_t started_ns;
	uint64_t kill_at_ns; /* told to end: kill it then; 0: not told */
};

struct master {
	const struct app *app;
	const struct lab_spec *spec;
	const struct lab_hooks *hooks;
	struct tally *tally;
	int listener;
	size_t want;           /* workers that there should be */
	uint64_t serial;       /* of the next worker */
	unsigned young_deaths; /* in a row */
	uint64_t start_at_ns;  /* no worker before this */
	bool ending;
	struct seat seats[TALLY_SLOTS];
};

static void note(const struct master *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void note(const struct master *m, const char *format, ...)
{
	struct str text = STR_INIT;
	va_list args;

	if (!m->hooks || !m->hooks->note)
		return;
	va_start(args, format);
	str_vaddf(&text, format, args);
	va_end(args);
	m->hooks->note(m->hooks->arg, text.p);
	str_release(&text);
}

/* Workers that were not told to end; with all, those too. */
static size_t count_seats(const struct master *m, bool all)
{
	size_t n = 0;

	for (size_t i = 0; i < TALLY_SLOTS; i++)
		n += m->seats[i].pid && (all || !m->seats[i].kill_at_ns);
	return n;
}

static _Noreturn void be_worker(struct master *m, size_t seat, pid_t master)
{
	/* dies with the master; if that died before this line, nobody would tell */
	prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
	if (getppid() != master)
		_exit(1);
	_exit(worker_run(
		m->app, m->spec, m->tally, &m->tally->slots[seat], m->listener, m->serial));
}

static void start_worker(struct master *m, uint64_t now)
{
	pid_t master = getpid(), pid;
	size_t seat = 0;

	while (seat < TALLY_SLOTS && m->seats[seat].pid)
		seat++;
	if (seat == TALLY_SLOTS)
		return;
	m->serial++;
	if (seat >= m->tally->n_slots)
		tally_set(&m->tally->n_slots, seat + 1);
	tally_set(&m->tally->slots[seat].state, SLOT_STARTING);
	pid = fork();
	if (!pid)
		be_worker(m, seat, master);
	if (pid < 0) {
		note(m, "cannot start a worker: %s; trying again", strerror(errno));
		tally_set(&m->tally->slots[seat].state, SLOT_FREE);
		m->start_at_ns = now + NS_PER_S;
		return;
	}
	m->seats[seat] = (struct seat){.pid = pid, .started_ns = now};
	tally_set(&m->tally->slots[seat].pid, (uint64_t)pid);
	tally_add(&m->tally->starts, 1);
}

/* Tells the youngest worker, or all, to finish. */
static void end_workers(struct master *m, bool all)
{
	uint64_t now = clock_now_ns();
	struct seat *youngest = NULL;

	for (size_t i = 0; i < TALLY_SLOTS; i++) {
		struct seat *s = &m->seats[i];

		if (!s->pid || s->kill_at_ns)
			continue;
		if (all) {
			s->kill_at_ns = now + m->spec->grace_ns + KILL_AFTER_NS;
			kill(s->pid, SIGTERM);
		} else if (!youngest || s->started_ns > youngest->started_ns) {
			youngest = s;
		}
	}
	if (youngest) {
		youngest->kill_at_ns = now + m->spec->grace_ns + KILL_AFTER_NS;
		kill(youngest->pid, SIGTERM);
	}
}

static void kill_workers(struct master *m)
{
	for (size_t i = 0; i < TALLY_SLOTS; i++)
		if (m->seats[i].pid)
			kill(m->seats[i].pid, SIGKILL);
}

static void brake(struct master *m, uint64_t now, bool young)
{
	uint64_t wait = BRAKE_NS;

	m->young_deaths = young ? m->young_deaths + 1 : 0;
	if (m->young_deaths < 2)
		return;
	for (unsigned i = 2; i < m->young_deaths && wait < MAX_BRAKE_NS; i++)
		wait *= 2;
	m->start_at_ns = now + (wait < MAX_BRAKE_NS ? wait : MAX_BRAKE_NS);
}

static void bury(struct master *m, size_t seat, int status, uint64_t now)
{
	struct seat *s = &m->seats[seat];
	struct tally_slot *slot = &m->tally->slots[seat];
	uint64_t lost = slot->lost;

	tally_bury(slot);
	lost = slot->lost - lost;
	if (!s->kill_at_ns) {
		tally_add(&m->tally->deaths, 1);
		if (WIFSIGNALED(status))
			note(m,
				"worker %d was killed by signal %d (%s), %llu requests lost; "
				"starting "
				"another",
				(int)s->pid, WTERMSIG(status), strsignal(WTERMSIG(status)),
				(unsigned long long)lost);
		else
			note(m, "worker %d ended with code %d; starting another", (int)s->pid,
				WEXITSTATUS(status));
		brake(m, now, now - s->started_ns < YOUNG_NS);
	} else if (lost) {
		note(m, "worker %d did not finish within the grace, %llu requests lost",
			(int)s->pid, (unsigned long long)lost);
	}
	*s = (struct seat){0};
}

static void bury_all(struct master *m, uint64_t now)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < TALLY_SLOTS; i++)
			if (m->seats[i].pid == pid)
				bury(m, i, status, now);
}

/* Starts what is missing and kills what is late; when to look again, UINT64_MAX for on a signal. */
static uint64_t tend(struct master *m)
{
	uint64_t now = clock_now_ns(), next = UINT64_MAX;

	bury_all(m, now);
	while (!m->ending && now >= m->start_at_ns && count_seats(m, false) < m->want &&
		count_seats(m, true) < TALLY_SLOTS)
		start_worker(m, now);
	if (!m->ending && count_seats(m, false) < m->want)
		next = m->start_at_ns;
	for (size_t i = 0; i < TALLY_SLOTS; i++) {
		const struct seat *s = &m->seats[i];

		if (!s->pid || !s->kill_at_ns)
			continue;
		if (now >= s->kill_at_ns)
			kill(s->pid, SIGKILL);
		else if (s->kill_at_ns < next)
			next = s->kill_at_ns;
	}
	return next;
}

static void on_signal(struct master *m, int number)
{
	switch (number) {
	case SIGTTIN:
		if (!m->ending && m->want < TALLY_SLOTS - 1)
			m->want++;
		break;
	case SIGTTOU:
		if (!m->ending && m->want > 1) {
			m->want--;
			if (count_seats(m, false) > m->want)
				end_workers(m, false);
		}
		break;
	case SIGTERM:
	case SIGINT:
	case SIGHUP:
		if (m->ending) {
			kill_workers(m);
		} else {
			m->ending = true;
			close(m->listener);
			m->listener = -1;
			end_workers(m, true);
		}
		break;
	case SIGQUIT:
		m->ending = true;
		kill_workers(m);
		break;
	default: break;
	}
}

static void loop(struct master *m, const sigset_t *signals)
{
	if (m->hooks && m->hooks->stop && *m->hooks->stop)
		on_signal(m, SIGTERM);
	for (;;) {
		uint64_t next = tend(m), now = clock_now_ns();
		uint64_t wait = next == UINT64_MAX ? 3600 * NS_PER_S : next > now ? next - now : 0;
		struct timespec timeout = {(time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S)};

		if (m->ending && !count_seats(m, true))
			return;
		on_signal(m, sigtimedwait(signals, NULL, &timeout));
	}
}

/* As many connections as there may be. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int master_run(const struct app *app, const struct lab_spec *spec, const struct lab_hooks *hooks,
	struct err *err)
{
	static const int SIGNALS[] = {SIGCHLD, SIGTTIN, SIGTTOU, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
	struct master *m = mem_zalloc(1, sizeof(*m));
	sigset_t signals, before;
	char address[SOCK_TEXT];
	int rc = 0;

	if (spec->stall_ns >= spec->stall_every_ns) {
		rc = err_set(err, ERR_USAGE,
			"the lab would never answer: --stall must be shorter than --stall-every");
		free(m);
		return rc;
	}
	*m = (struct master){.app = app,
		.spec = spec,
		.hooks = hooks,
		.listener = -1,
		.want = (size_t)spec->workers};
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++)
		sigaddset(&signals, SIGNALS[i]);
	/* blocked, so that none is missed between looking and waiting */
	sigprocmask(SIG_BLOCK, &signals, &before);
	m->tally = tally_new(err);
	if (!m->tally) {
		rc = -ERR_SYSTEM;
		goto out;
	}
	m->tally->seed = spec->seed ? (uint64_t)spec->seed : rng_fresh_seed();
	m->listener = sock_listen(spec->bind, 4096, err);
	if (m->listener < 0) {
		rc = m->listener;
		goto out;
	}
	raise_file_limit();
	if (hooks && hooks->ready)
		hooks->ready(hooks->arg, sock_local_text(m->listener, address));
	loop(m, &signals);
out:
	if (m->listener >= 0)
		close(m->listener);
	tally_free(m->tally);
	free(m);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
