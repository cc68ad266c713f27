/*
 * What the parts of the load engine share. Not for other modules.
 *
 *   plan       what is to be done; made once, read-only while it runs
 *   worker     one thread: its loop, its times, its arrivals
 *   user       who sends one request at a time: what comes next, what came of it
 *   conn       a connection, shared by `pipeline` users: bytes in, bytes out
 *   http1, 2   what those bytes mean
 *   tally      what was counted; handed to the collector ten times a second
 */
#ifndef CULPRIT_LOAD_INTERNAL_H
#define CULPRIT_LOAD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/timers.h"
#include "load/cookies.h"
#include "load/data.h"
#include "load/load.h"
#include "load/order.h"
#include "load/request.h"
#include "load/scenario.h"
#include "load/schedule.h"
#include "net/h2.h"
#include "net/http_response.h"
#include "net/sock.h"
#include "net/tls.h"
#include "stats/enough.h"

/* ---- the plan ---- */

/* Where an origin is, and how it is spoken to. */
struct load_place {
	struct sock_address address;
	struct tls_config *tls; /* NULL: none */
	const char *server_name;
};

/* A request's bytes, where nothing in it is filled in. */
struct load_ready {
	struct str bytes;
	size_t head_len;
};

struct load_plan {
	const struct load_spec *spec;
	struct load_origins origins;
	struct load_place *places;            /* as many as origins */
	struct tls_config *tls;               /* of all of them; NULL where none needs it */
	struct load_scenario_file file;       /* where there is one */
	struct load_scenario made;            /* else */
	const struct load_scenario *scenario; /* one of the two */
	struct load_ready *ready;             /* a step each; bytes empty where it is filled in */
	struct load_data data_read;
	const struct load_data *data; /* NULL: none */
	struct load_order_table picks, rows;
	struct load_schedule schedule; /* n 0: closed loop */
	struct sock_address *sources;
	size_t n_sources;
	bool minds; /* users keep something: variables, cookies, rows, a place in the steps */
	bool names_seq;
	uint64_t requests; /* 0: by time */
	bool by_rule;      /* the window ends when the rule says so */
	uint64_t groups;   /* connections to each origin; each carries `depth` users */
	uint64_t depth;
	unsigned threads;
	uint64_t timeout_ns, drain_ns;
	/* In the open loop connections are opened first, from open_ns on. */
	uint64_t open_ns, start_ns, window_ns, end_ns; /* start, begin and end of the window; end
						 UINT64_MAX with a fixed number of requests */
	size_t n_targets; /* counted apart: steps, or 0 where there is only one */
};

/* ERR_USAGE for what makes no sense; ERR_SERVICE where a host is unknown. Times are left to
 * load_run(). Release with load_plan_release(), also after failure. */
int load_plan_init(struct load_plan *plan, const struct load_spec *spec, struct err *err);
void load_plan_release(struct load_plan *plan);

/* ---- counting ---- */

/* Of one target: a step, or one URL of a mix. */
struct load_target_tally {
	uint64_t completed, errors[LOAD_N_ERRORS];
	struct hist latency; /* counts NULL where it is not kept */
};

/* What one thread counts, in a slice of time or in all. */
struct load_tally {
	uint64_t started, completed, waited;
	uint64_t errors[LOAD_N_ERRORS];
	uint64_t status[600];
	struct hist latency, from_send, first_byte, late;
	struct load_target_tally *targets;
	size_t n_targets;
	uint64_t *passed, *failed; /* a check each */
	size_t n_checks;
};

void load_tally_init(struct load_tally *t, size_t n_targets, size_t n_checks);
void load_tally_release(struct load_tally *t);
void load_tally_move(struct load_tally *into, struct load_tally *from); /* adds; clears from */
uint64_t load_tally_errors(const struct load_tally *t);
void load_tally_time(struct load_target_tally *t, uint64_t ns); /* one latency */

/*
 * The window is cut into slices of 100 ms, all counted apart from each other: seconds are made from
 * ten of them, and the rules for warm-up and length look at them. What may be left out as warm-up
 * is counted in segments, which end where LOAD_SEGMENT_ENDS says.
 */
enum { LOAD_SLICES_A_SECOND = 10, LOAD_SLICES_MAX = 36000, LOAD_SERIES_MAX = 14400 };
enum load_part {
	LOAD_WARMING,
	LOAD_SEGMENT_0,
	LOAD_SEGMENT_LAST = LOAD_SEGMENT_0 + 12, /* behind 32 s */
	LOAD_DRAINING,
	LOAD_PARTS
};

/* Where each segment ends, slices; the part of the run that a slice of the window belongs to. */
extern const size_t LOAD_SEGMENT_ENDS[LOAD_SEGMENT_LAST - LOAD_SEGMENT_0 + 1];
enum load_part load_part_of_slice(size_t slice);

struct load_slice {
	uint64_t completed, ended; /* ended: with timeouts, as they are in the latency */
	double latency_sum;
	unsigned handed; /* by so many workers */
};

struct load_open_second;
struct load_closed_second {
	struct load_second second;
	struct hist latency;
	struct load_closed_second *next;
};

/*
 * Gathers what the workers counted. Each worker hands over the slice that has passed and starts a
 * new one; a second is closed when all have handed it over, and its p99 is that of all workers. So
 * memory does not grow with the rate, and only slowly, up to a ceiling, with the time.
 */
struct load_collector {
	pthread_mutex_t lock;
	const struct load_plan *plan;
	unsigned workers;
	struct load_tally parts[LOAD_PARTS];
	struct load_slice *slices;
	size_t n_slices, slices_cap;
	struct load_second *series;
	size_t n_series, series_cap;
	unsigned series_fold;          /* an entry of the series stands for 2^fold seconds */
	struct load_open_second *open; /* seconds that some have not handed over yet */
	size_t n_open, open_cap;
	bool hand_on; /* keep closed seconds for load_collector_take() */
	struct load_closed_second *closed, **closed_end;
};

void load_collector_init(struct load_collector *c, const struct load_plan *plan, bool hand_on);
void load_collector_release(struct load_collector *c);

/* `tally` is of one slice of the window (index), or of the warm-up or drain (slice is then not
 * looked at); it is added and cleared. `length_s` of the slice; `ends_second`: it is the last of
 * its second (or of the window). Thread-safe. */
void load_collector_hand_over(struct load_collector *c, enum load_part part, size_t slice,
	double length_s, bool ends_second, struct load_tally *tally);

/* A worker ends, having handed over `handed` seconds: nobody waits for more of it. When the last
 * one has left, everything is complete. */
void load_collector_leave(struct load_collector *c, size_t handed);

/* A copy of the slices that every worker has handed over, up to the first that is not; free it.
 * Before any worker has left. */
struct load_slice *load_collector_slices(struct load_collector *c, size_t *n);

/* The next closed second, in order, or NULL; load_closed_second_free() it. */
struct load_closed_second *load_collector_take(struct load_collector *c);
void load_closed_second_free(struct load_closed_second *s);

/* ---- connections and users ---- */

enum load_conn_state {
	CONN_CLOSED,
	CONN_OPENING, /* until TCP stands, since opened_ns */
	CONN_SHAKING, /* until TLS stands, since tcp_ns */
	CONN_OPEN,
};

struct load_worker;
struct load_user;

/* A row of users, first in, first out, linked through user->behind. */
struct load_row {
	struct load_user *first, *last;
};

/* What each request touches comes first: with a thousand connections, cache lines are the cost. */
struct load_conn {
	int fd; /* −1: none */
	uint8_t state;
	bool is_h2;
	bool wants_out; /* the socket was full */
	bool holds_out; /* `out` is not empty */
	bool going;     /* no further request on it: it closes when those under way are answered */
	bool working;   /* its bytes are being looked at: what is to be sent waits for their end */
	bool expecting; /* a head was sent, its body waits for 100 Continue */
	uint32_t n_kept;
	uint32_t origin, group;
	uint32_t under_way;           /* requests sent and not answered */
	struct load_row sent, unsent; /* HTTP/2: sent is not used */

	struct http_response response;
	uint64_t used; /* requests sent on it */
	struct tls *tls;
	struct h2 *h2;

	struct str out; /* bytes that the socket did not take, or that wait for a common send */
	size_t out_at;
	char *kept;      /* HTTP/1.1: an unfinished line of the answer */
	struct str held; /* a body that waits for 100 Continue */
	uint64_t opened_ns, tcp_ns;
} __attribute__((aligned(64)));

enum load_user_state {
	USER_FREE,    /* open loop: waits for an arrival */
	USER_RETIRED, /* will not start a request any more */
	USER_WAITING, /* its timer will wake it: it thinks, backs off, or opens */
	USER_QUEUED,  /* its request waits for its connection */
	USER_BUSY,    /* its request was sent */
};

/* What a user of a scenario keeps between requests. */
struct load_mind {
	char **taken;
	struct cookie_jar jar;
	size_t at;    /* the next step */
	size_t row;   /* of data */
	bool in_turn; /* it is within the steps */
	bool cut;
	struct str path;          /* of the request under way, where cookies need it */
	struct str headers, body; /* of its answer */
};

/* A virtual user: one request at a time. */
struct load_user {
	uint64_t intended_ns;     /* of the request under way */
	uint64_t sent_ns;         /* when it was turned to, then when its first byte was sent */
	uint64_t first_ns;        /* first byte of its answer; 0: none yet */
	struct load_conn *conn;   /* that carries it */
	struct load_user *behind; /* in its row */
	uint32_t step;            /* what it does */
	uint32_t group;
	uint16_t status; /* HTTP/2 */
	uint8_t state;
	uint8_t failures;       /* in a row */
	struct load_mind *mind; /* NULL: nothing to keep */
	struct load_worker *worker;
	struct timer timer;
} __attribute__((aligned(64)));

/* ---- a thread ---- */

/* Only this thread writes here while it runs; the first cache line is also read by the one that
 * shows progress. */
struct load_worker {
	_Atomic uint64_t started_live, completed_live, errors_live,
		ended_live; /* since the start */

	const struct load_plan *plan __attribute__((aligned(64)));
	struct load_shared *shared;
	pthread_t thread;
	unsigned index;
	int epoll, wake; /* wake: an eventfd, written when the end of the window has moved */
	struct load_user *users;
	struct load_conn *conns; /* group by group, an origin each */
	struct load_mind *minds;
	size_t n_users, n_groups;
	size_t n_active;                /* users with a request under way */
	char *buffer;                   /* the one receive buffer */
	struct str text, body, cookies; /* for requests that are filled in */
	struct load_fields fields;
	struct tls_session **sessions; /* an origin each: the one to resume next */
	struct http_memo memo;
	struct rng rng;
	struct load_order_draw pick, row;
	struct timers timers;
	struct load_row free;   /* open loop: users without a request */
	uint64_t free_since_ns; /* the row was empty before */
	struct load_arrivals_clock arrivals;
	uint64_t arrival_ns; /* the next one */
	uint64_t budget;     /* with a fixed number: requests claimed and not yet started */
	bool spent;          /* none is left to claim */
	bool cancelled;      /* what was not sent yet at the end of the window has been given up */
	enum load_part part;
	uint64_t now_ns;   /* when the last event was handled */
	uint64_t sweep_ns; /* of the next sweep: at or before the earliest timeout */
	uint64_t turn_ns;  /* when the next slice or part begins */
	uint64_t end_ns;   /* of the window */
	uint64_t slice_ns; /* when the slice began */
	size_t slice;      /* of the window, that is counted now */
	size_t handed;     /* seconds handed over */
	struct load_tally tally;
	struct hist connect, tls;
	uint64_t finished, unfinished, connects, handshakes, resumed, bytes_in, bytes_out;
	uint64_t last_ns;               /* of the last answer or error */
	uint64_t cpu_ns, window_cpu_ns; /* of this thread: in all, in the window */
	bool spoke_1, spoke_2;
	char tls_version[16], tls_cipher[48];
	char why[256], malformed[160]; /* why TLS failed first; what was malformed first */
};

/* What all workers share; touched rarely. */
struct load_shared {
	_Atomic uint64_t requests_left; /* with a fixed number: not claimed yet */
	_Atomic uint64_t end_ns; /* of the window: comes earlier when somebody stops the run */
	_Atomic uint64_t next_seq, next_row, next_pick;
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a worker ended */
	unsigned running;
	struct load_collector collector;
};

static inline void load_row_push(struct load_row *r, struct load_user *u)
{
	u->behind = NULL;
	if (r->first)
		r->last->behind = u;
	else
		r->first = u;
	r->last = u;
}

static inline struct load_user *load_row_pop(struct load_row *r)
{
	struct load_user *u = r->first;

	r->first = u->behind;
	return u;
}

/* The plan's step that a user does. */
static inline const struct load_step *load_step_of(
	const struct load_worker *w, const struct load_user *u)
{
	return &w->plan->scenario->steps[u->step];
}

/* user.c: who sends what, when, and what came of it. */
void load_user_open(struct load_worker *w, struct load_user *u, uint64_t now_ns); /* at first */
/* Open loop: starts its turn for the arrival at intended_ns. */
void load_user_arrive(struct load_worker *w, struct load_user *u, uint64_t intended_ns);
void load_user_finish(struct load_worker *w, struct load_user *u, unsigned status);
void load_user_fail(struct load_worker *w, struct load_user *u, enum load_error kind);
void load_user_abandon(struct load_worker *w, struct load_user *u); /* unfinished, retired */
void load_user_retire(struct load_user *u);
/* An arrival that found no user in time. */
void load_user_unsent(struct load_worker *w, uint64_t intended_ns);
/* What scenarios look at. */
void load_user_field(void *user, struct http_slice name, struct http_slice value);
void load_user_body(void *user, const char *p, size_t n);
static inline bool load_user_listens(const struct load_worker *w, const struct load_user *u)
{
	return u->mind && (load_step_of(w, u)->wants_headers || load_step_of(w, u)->wants_body);
}
/* What its request is filled in with. */
struct template_values load_user_values(struct load_worker *w, const struct load_user *u);
/* Its Cookie header, in `out`; or NULL. */
const char *load_user_cookies(struct load_worker *w, const struct load_user *u,
	const struct template_values *v, struct str *out);

/* conn.c: one connection. */
void load_conn_carry(struct load_worker *w, struct load_conn *c, struct load_user *u);
void load_conn_open(struct load_worker *w, struct load_conn *c);
void load_conn_event(struct load_worker *w, struct load_conn *c, uint32_t events);
void load_conn_close(struct load_worker *w, struct load_conn *c);
/* Everybody on it fails: the first one sent by `first`, the others by `others`. */
void load_conn_fail(
	struct load_worker *w, struct load_conn *c, enum load_error first, enum load_error others);
/* One user's request is given up: its stream is cancelled, or with HTTP/1.1 its connection is
 * closed, and those behind it fail too. */
void load_conn_give_up(struct load_worker *w, struct load_user *u, enum load_error kind);
/* Bytes to the socket, behind those that wait. */
void load_conn_write(struct load_worker *w, struct load_conn *c, const char *p, size_t n);
/* Bytes that will go with the next flush. */
void load_conn_add(struct load_conn *c, const char *p, size_t n);
/* Bytes from the socket into p: > 0, 0 at its end, −1 none now, −2 it failed and was dealt with.
 * flags: MSG_TRUNC drops them (not with TLS). Reads the clock. */
ssize_t load_conn_read(struct load_worker *w, struct load_conn *c, char *p, size_t n, int flags);
/* After a read that gave `got` of at most `room` bytes: is there no more, until an edge tells? */
bool load_conn_drained(const struct load_conn *c, size_t got, size_t room);
/* What came is not HTTP: everybody on it fails. */
void load_conn_malformed(struct load_worker *w, struct load_conn *c, const char *why);
/* A request was handed over. */
void load_conn_sent(struct load_worker *w, struct load_conn *c, struct load_user *u);
/* The answer to a user's request is whole: goes on with it. */
void load_conn_answered(
	struct load_worker *w, struct load_conn *c, struct load_user *u, unsigned status);

/* http1.c, http2.c: the two protocols. */
struct load_protocol {
	const char *name;
	/* The connection stands; or NULL. */
	void (*start)(struct load_worker *w, struct load_conn *c);
	/* How many of the waiting users may send now. */
	size_t (*room)(const struct load_worker *w, const struct load_conn *c);
	/* Sends a user's request, who has left the row of the unsent. */
	void (*send)(struct load_worker *w, struct load_conn *c, struct load_user *u);
	/* Several were sent, or bytes came: hands on what is to be written; or NULL. */
	void (*flush)(struct load_worker *w, struct load_conn *c);
	/* The socket is readable; `ended`: its end is among what came. */
	void (*receive)(struct load_worker *w, struct load_conn *c, bool ended);
	/* Ends one user's request without the connection; NULL where that cannot be. */
	void (*cancel)(struct load_worker *w, struct load_conn *c, struct load_user *u);
};
extern const struct load_protocol LOAD_OVER_HTTP1, LOAD_OVER_HTTP2;
void load_http1_body(struct load_worker *w, struct load_conn *c); /* what Expect held back */

/* worker.c: the loop of a thread. */
int load_worker_init(struct load_worker *w, const struct load_plan *plan,
	struct load_shared *shared, unsigned index, struct err *err);
void load_worker_release(struct load_worker *w);
void *load_worker_main(void *worker);                          /* for pthread_create() */
void load_worker_wake(struct load_worker *w);                  /* thread-safe */
void load_worker_turn(struct load_worker *w, uint64_t now_ns); /* to the slice and part of now */

/* series.c: what the rules look at, slice by slice. */
struct load_series {
	struct enough_slices slices;
	double *values, *busy; /* of slices.y and slices.busy */
};
void load_series_init(struct load_series *s, const struct load_plan *plan,
	const struct load_slice *slices, size_t n);
void load_series_release(struct load_series *s);
/* The rule of this plan, with nothing looked at. */
void load_rule_init(struct enough *e, const struct load_plan *plan);

/* result.c: from the tallies to the result; out->seconds is that of the whole window, out->ended is
 * known; `rule` was asked last before the end. */
void load_result_build(struct load_result *out, const struct load_plan *plan,
	struct load_collector *c, struct enough *rule, const struct load_worker *workers,
	unsigned n_workers);

enum { LOAD_BUFFER = 256 << 10 };

#endif
