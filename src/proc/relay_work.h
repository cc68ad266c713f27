/*
 * The inside of the relay: what culprit and the relay's process share, and that process's own
 * state. relay.c is culprit's side, relay_loop.c the process with its connections, relay_flow.c one
 * direction of a connection.
 */
#ifndef CULPRIT_PROC_RELAY_WORK_H
#define CULPRIT_PROC_RELAY_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/timers.h"
#include "net/sock.h"
#include "proc/relay.h"

enum { RELAY_UPSTREAMS = 256, RELAY_ADDRESSES = 4 };

/* What waits in one direction of a connection at most. */
enum { FLOW_BYTES = 256 << 10, FLOW_PIECES = 4096 };

enum { RELAY_SCRATCH = 64 << 10 };

struct relay_upstream {
	struct sock_address addresses[RELAY_ADDRESSES]; /* of one name */
	size_t n, good;                                 /* good: the one that took the last one */
};

/* Seen by both. Culprit writes the shape while asked == taken, the relay everything else. */
struct relay_shared {
	struct relay_shape shape;
	_Atomic uint64_t asked;
	_Alignas(64) _Atomic uint64_t taken;
	_Atomic uint64_t accepted, dropped, refused, open;
	_Atomic uint64_t bytes_up, bytes_down, pieces, delay_ns;
	_Atomic uint64_t given[RELAY_UPSTREAMS];
};

/* Of a count that one process alone writes. */
static inline void relay_add(_Atomic uint64_t *count, uint64_t more)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more,
		memory_order_relaxed);
}

/* Bytes that were read together: they are passed on together, at due_ns. */
struct piece {
	uint64_t read_ns, due_ns;
	uint32_t len;
	bool delayed, begun; /* begun: its first byte has been sent */
};

enum flow_end { END_NONE, END_FIN, END_RESET };

/* A socket of a connection, as the last events said it is (epoll is edge-triggered). */
struct relay_end {
	struct relay_link *link;
	int fd;
	bool readable, ending; /* ending: there is an end or an error behind what can be read */
	bool blocked;          /* the last send did not take all */
};

/* One direction: from one socket to the other, with what waits in between. */
struct relay_flow {
	struct relay_link *link;
	struct relay_end *from, *to;
	struct timer timer; /* when the first piece is due, or there is room in the bucket */
	char *bytes;        /* a ring of cap bytes, `used` of them from `head` on */
	size_t cap, head, used;
	struct piece *pieces; /* a ring, too */
	size_t pieces_cap, first, n;
	uint64_t delay_ns; /* that was drawn last */
	bool fresh;        /* draw another for the next piece */
	double tokens;     /* bytes that may be sent at once, as of tokens_ns */
	uint64_t tokens_ns;
	enum flow_end end; /* what was read last, */
	uint64_t end_due_ns;
	bool done; /* and passed on */
};

enum { FLOW_UP, FLOW_DOWN };

struct relay_link {
	struct relay_loop *loop;
	struct relay_end client, upstream;
	struct relay_flow flows[2];
	bool open;         /* the upstream has taken it */
	bool reset_comes;  /* the upstream's reset was seen while sending to it */
	bool closed;       /* to be freed when this round of events is over */
	size_t chosen;     /* upstream, */
	size_t address;    /* … its address that is tried, */
	size_t tries_left; /* … others of it, */
	bool last_chance;  /* … and no other upstream afterwards */
	struct relay_link *next, *previous;
};

struct relay_loop {
	struct relay_shared *shared;
	struct relay_upstream *upstreams;
	size_t n_upstreams, turn;
	struct relay_shape shape;
	double burst; /* bytes that the bucket holds */
	struct rng delays, drops;
	struct timers timers;
	struct timer listen_timer; /* no descriptor was left: try again */
	int life, listener, epoll;
	bool over;
	char *scratch;
	struct relay_link *links, *closed;
};

/* The relay's process, after fork() with all signals blocked: never returns. */
_Noreturn void relay_run(struct relay_loop *loop, pid_t parent);

void link_close(struct relay_link *link); /* both sockets, as they are */
void link_reset(struct relay_link *link); /* both, with resets */

void flow_init(struct relay_flow *f, struct relay_link *link, struct relay_end *from,
	struct relay_end *to);
void flow_release(struct relay_flow *f);

/* Reads and sends what can be now, and sets the timer for what cannot. May close the link. */
void flow_pump(struct relay_flow *f);

#endif
