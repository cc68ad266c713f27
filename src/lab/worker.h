/*
 * One worker process of a lab: an epoll loop that answers HTTP/1.1 requests. worker.c has the loop,
 * taking connections, and draining; conn.c reads from one connection, request.c understands what it
 * asks, answer.c does it. Within a worker a request that computes holds up the others, as in a
 * Python worker; one that sleeps does not.
 */
#ifndef CULPRIT_LAB_WORKER_H
#define CULPRIT_LAB_WORKER_H

#include <stdbool.h>
#include <time.h>

#include "base/rng.h"
#include "base/str.h"
#include "base/timers.h"
#include "lab/lab.h"
#include "lab/query.h"
#include "lab/tally.h"
#include "net/http_request.h"

struct worker;

/* A route of a lab: its path, and the parameters without which it answers 400 (a bit each). */
struct app_route {
	const char *path;
	uint32_t needs;
};

/* What makes a lab: everything else (HTTP, workers, counters, faults) is the same for all. */
struct app {
	const char *name;
	const struct app_route *routes; /* end with a path of NULL; at most APP_MAX_ROUTES */
	const struct query_param *params;
	/* Does what a request to routes[route], read at arrived_ns, costs; nanoseconds to sleep
	 * from then until "ok" is answered. */
	uint64_t (*work)(struct worker *w, size_t route, const struct query_values *values,
		uint64_t arrived_ns);
	/* Keeps histograms of its service times, and answers within microseconds of the moment, for
	 * which a worker polls through the end of each sleep. */
	bool exact;
};

/* Routes that every lab has come after the app's own, in this order; /counters and /metrics
 * have no number. */
enum app_own_route { ROUTE_HEALTH, ROUTE_OTHER, ROUTE_UNREADABLE, N_OWN_ROUTES };
enum { APP_MAX_ROUTES = TALLY_ROUTES - N_OWN_ROUTES, ROUTE_COUNTERS = TALLY_ROUTES };

enum conn_state {
	CONN_HEAD,   /* waits for a request, or has part of its head */
	CONN_BODY,   /* has a head, reads over the body */
	CONN_SLEEP,  /* its answer is not due yet */
	CONN_SEND,   /* the kernel did not take all of an answer */
	CONN_SILENT, /* never to be answered */
	CONN_LINGER, /* answered and half closed; reads until the client closes, lest it sees a
			reset */
};

struct conn {
	int fd;
	enum conn_state state;
	bool readable;  /* the kernel may hold bytes that were not read */
	bool fresh;     /* `in` holds bytes that were not looked at */
	bool peer_gone; /* the client closed its side */
	bool looked;    /* its first request is known, so it is counted as whose it is */
	bool own;       /* that was for /counters or /metrics */
	char *in;       /* bytes kept for later; most requests need none */
	size_t n_in, cap_in;
	char *out; /* the rest of an answer */
	size_t n_out, at_out;
	struct timer timer; /* of the sleep, or of lingering */
	uint64_t read_ns;   /* when bytes came last */

	/* the request under way */
	size_t route;                   /* index for the tally, or ROUTE_COUNTERS */
	bool metrics, open_metrics;     /* of ROUTE_COUNTERS: it is /metrics; in which form */
	bool head_only, keepalive, old; /* HEAD; HTTP/1.0 */
	int refusal;                    /* status to answer instead of the work; 0: none */
	char *why;                      /* its sentence */
	struct query_values values, faults;
	struct http_body body;
	uint64_t bytes; /* of the request, so far */
	size_t behind;  /* bytes that were read and lie behind it */
	int sent_status;
	uint64_t arrived_ns; /* its last byte was read, and its turn had come */
	uint64_t asked_ns;   /* to be slept */
	uint64_t served_ns;  /* from its arrival until its answer was handed to the kernel */
	enum lab_fault fault;

	struct worker *worker;
	struct conn *next, *prev; /* among the open ones; next: among the closed or free ones */
};

enum { WORKER_BUFFER = 1 << 16, WORKER_MAX_BODY = 1 << 20, WORKER_ANSWER = 512 };

struct worker {
	const struct app *app;
	size_t n_routes; /* of the app */
	const struct lab_spec *spec;
	struct tally *tally;
	struct tally_slot *slot;
	struct rng rng;
	struct timers timers;
	struct timer listen_timer, idle_timer, grace_timer;
	int epoll, listener, signals;
	bool listening, draining, turn_off; /* turn_off: whatever is open, end now */
	bool close_idle; /* draining has waited long enough for idle connections */
	struct conn *open, *free;
	struct conn *closed; /* in this round: an event of it may still name them */
	size_t n_open;
	char *buffer;           /* WORKER_BUFFER bytes, for reading */
	struct str text;        /* for answers that are composed */
	char ok[WORKER_ANSWER]; /* the answer nearly all get, made once a second for its date */
	size_t ok_len, ok_head_len;
	time_t second;
	char date[32];
	void *state; /* the app's: scratch memory; freed with free() */
	size_t state_bytes;
	double cost; /* what the request under way costs, times what it costs a warm lab */
};

/* Runs a worker in this process until it drained; its exit code. `serial` tells its random stream
 * from that of every other worker of this lab. */
int worker_run(const struct app *app, const struct lab_spec *spec, struct tally *tally,
	struct tally_slot *slot, int listener, uint64_t serial);

/* The end of the stall in which `at_ns` lies, or at_ns where it lies in none: the last `stall_ns`
 * of each `every_ns` since began_ns. */
uint64_t stall_end_ns(uint64_t began_ns, uint64_t at_ns, uint64_t stall_ns, uint64_t every_ns);

/* What a request costs t_ns into a transient of this length, times what it costs a warm lab. */
double transient_cost(uint64_t t_ns, uint64_t transient_ns);

/* request.c. Which of a request's `faults` values is the status that fault_status asks for. */
enum { REQUEST_FAULT_STATUS = N_FAULTS };

/* A head is here: fills in what is asked, and the refusal where it cannot be had. The connection is
 * then in CONN_BODY. */
void request_admit(struct conn *c, const struct http_request *r);

/* Sets the status and the sentence that this request is answered instead. */
void request_refuse(struct conn *c, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* answer.c */
const char *answer_reason(int status); /* text of a status, as far as the lab gives it of itself */
void answer_serve(struct conn *c);     /* a request is here, whole: counts it, does what it asks */
void answer_wake(struct conn *c);      /* its answer is due */
void answer_rest(struct conn *c);      /* the kernel may take more of an answer */
void answer_abandon(struct conn *c);   /* its client has gone: counts that, closes */

/* conn.c */
void conn_start(struct worker *w, int fd);
void conn_ready(struct conn *c, uint32_t events);
void conn_close(struct conn *c);
bool conn_idle(const struct conn *c); /* no request under way, no byte of one here */

/* The names of the routes in the tally's order, ending with NULL. */
void app_route_names(const struct app *app, const char *names[TALLY_ROUTES + 1]);

#endif
