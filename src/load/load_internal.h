/*
 * What the parts of the load engine share: the plan (read-only while it runs), the collector (one
 * lock, taken once a second by each worker), and the worker. Not for other modules.
 */
#ifndef CULPRIT_LOAD_INTERNAL_H
#define CULPRIT_LOAD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "load/load.h"
#include "net/http_response.h"
#include "net/sock.h"
#include "net/url.h"

/* Everything the workers need to know; made once, then only read. */
struct load_plan {
	struct sock_address address;
	struct str request; /* the bytes of a request, body included */
	bool to_head;
	bool keepalive;
	uint64_t requests; /* 0: by time */
	uint64_t connections;
	unsigned threads;
	uint64_t timeout_ns, drain_ns;
	uint64_t start_ns, window_ns, end_ns; /* start, begin and end of the window; end UINT64_MAX
						 with a fixed number of requests */
};

/* ERR_USAGE for what makes no sense; ERR_SERVICE where the host is unknown. Times are left to
 * load_run(). Release with load_plan_release(), also after failure. */
int load_plan_init(struct load_plan *plan, const struct load_spec *spec, struct err *err);
void load_plan_release(struct load_plan *plan);

/*
 * Gathers what the workers counted. Each worker hands over the second that has passed and starts a
 * new one; a second is closed when all have handed it over, and its p99 is that of all workers. So
 * one histogram a worker is written while measuring, and memory does not grow with the rate.
 */
struct load_collector {
	pthread_mutex_t lock;
	unsigned workers;
	struct hist total;
	struct load_second *series;
	size_t n_series, cap;
	struct load_open_second *open; /* seconds that some have not handed over yet */
	size_t n_open, open_cap;
};

struct load_open_second {
	size_t second;
	unsigned handed; /* workers that handed it over */
	uint64_t errors;
	struct hist latency;
};

void load_collector_init(struct load_collector *c, unsigned workers);
void load_collector_release(struct load_collector *c);

/* `latency` is of the completed requests of that second; it is added and cleared. Thread-safe. */
void load_collector_hand_over(
	struct load_collector *c, size_t second, struct hist *latency, uint64_t errors);

/* A worker ends, having handed over `handed` seconds: nobody waits for more of it. When the last
 * one has left, total and series are complete. */
void load_collector_leave(struct load_collector *c, size_t handed);

/* Counts of one phase. */
struct load_counts {
	uint64_t errors[LOAD_N_ERRORS];
	uint64_t status[600];
};

enum load_phase { LOAD_WARMING, LOAD_MEASURING, LOAD_DRAINING, LOAD_PHASES };

enum load_conn_state {
	CONN_RETIRED,    /* will not start a request any more */
	CONN_WAITING,    /* will start one at since_ns */
	CONN_CONNECTING, /* a request under way, its connection being opened since since_ns */
	CONN_BUSY,       /* a request under way, its first byte sent at since_ns */
};

/* A virtual user and its connection. */
struct load_conn {
	uint64_t since_ns;
	struct http_response response;
	uint32_t sent; /* bytes of the request */
	uint32_t n_kept;
	char *kept;       /* an unfinished line of the answer */
	int fd;           /* −1: none */
	uint8_t state;    /* enum load_conn_state */
	uint8_t failures; /* in a row */
};

/* One thread. Only this thread writes here while it runs; the first cache line is also read by the
 * one that shows progress. */
struct load_worker {
	_Atomic uint64_t completed_live, errors_live; /* since the start */

	const struct load_plan *plan __attribute__((aligned(64)));
	struct load_shared *shared;
	pthread_t thread;
	unsigned index;
	int epoll, wake; /* wake: an eventfd, written when the end of the window has moved */
	struct load_conn *conns;
	size_t n_conns;
	size_t n_active; /* with a request under way */
	char *buffer;    /* the one receive buffer */
	struct http_memo memo;
	uint64_t budget; /* with a fixed number: requests claimed and not yet started */
	bool spent;      /* none is left to claim */
	bool cancelled;  /* what was not sent yet at the end of the window has been given up */
	enum load_phase phase;
	uint64_t now_ns;   /* when the last event was handled */
	uint64_t sweep_ns; /* of the next sweep: at or before the earliest timeout */
	uint64_t turn_ns;  /* when the next second or phase begins */
	uint64_t end_ns;   /* of the window */
	size_t second;     /* of the window, that `latency` belongs to */
	uint64_t second_errors;
	struct hist latency;
	struct hist connect;
	struct load_counts counts[LOAD_PHASES];
	uint64_t started, finished, unfinished, connects, bytes_in, bytes_out;
	uint64_t last_ns;               /* of the last answer or error */
	uint64_t cpu_ns, window_cpu_ns; /* of this thread: in all, in the window */
};

/* What all workers share; touched rarely. */
struct load_shared {
	_Atomic uint64_t requests_left; /* with a fixed number: not claimed yet */
	_Atomic uint64_t end_ns; /* of the window: comes earlier when somebody stops the run */
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a worker ended */
	unsigned running;
	struct load_collector collector;
};

/* conn.c: what happens to one connection. */
void load_conn_begin(struct load_worker *w, struct load_conn *c, uint64_t now_ns);
void load_conn_event(struct load_worker *w, struct load_conn *c, uint32_t events);
void load_conn_fail(
	struct load_worker *w, struct load_conn *c, enum load_error kind, uint64_t now_ns);
void load_conn_abandon(struct load_worker *w, struct load_conn *c); /* unfinished, retired */
void load_conn_retire(struct load_conn *c);

/* worker.c: the loop of a thread. */
int load_worker_init(struct load_worker *w, const struct load_plan *plan,
	struct load_shared *shared, unsigned index, struct err *err);
void load_worker_release(struct load_worker *w);
void *load_worker_main(void *worker);                          /* for pthread_create() */
void load_worker_wake(struct load_worker *w);                  /* thread-safe */
void load_worker_turn(struct load_worker *w, uint64_t now_ns); /* to the second and phase of now */

enum { LOAD_BUFFER = 256 << 10 };

#endif
