/*
 * The two ends of a relay, for its tests: the test is the client and the upstreams, and sees each
 * byte, end and reset on both sides. What cannot be done fails the test. Nothing is left running:
 * the relay ends with the process of its test.
 */
#ifndef CULPRIT_TEST_RELAY_ENDS_H
#define CULPRIT_TEST_RELAY_ENDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/sock.h"
#include "proc/relay.h"

enum { UPSTREAMS = 3, WAIT_MS = 10000 };

extern struct err err;
extern struct relay *relay;
extern int listeners[UPSTREAMS];
extern char names[UPSTREAMS][SOCK_TEXT]; /* their addresses */
extern struct sock_address relay_at;

struct pair {
	int client, server;
};

/* For poll() events, WAIT_MS at most. */
void ends_wait(int fd, short events);
/* A relay before so many upstreams, which listen. */
void ends_start(size_t n);
void ends_set(struct relay_shape shape);
struct relay_counts ends_counts(void);
int ends_client(void);
/* The connection that comes to a listener. */
int ends_accept(int listener);
struct pair ends_pair(void);
void ends_close(struct pair p);
void ends_put(int fd, const char *p, size_t len);
void ends_get(int fd, char *p, size_t len);
void ends_expect(int fd, const char *text);
/* 0 for an end, or the errno that comes instead of data. */
int ends_end_of(int fd);
void ends_reset(int fd);
/* Until so many connections are open. */
void ends_wait_open(uint64_t n);
/* Nanoseconds of one question and its answer of one byte. */
uint64_t ends_round_trip(struct pair p);
/* True delays of n round trips, one after the other, sorted. */
void ends_delays(struct pair p, uint64_t *out, size_t n);

/* Both ways at once, as fast as it goes. */
void ends_stream_both(struct pair p, size_t bytes);
/* Of a text "host:port". */
void ends_address(const char *text, struct sock_address *out);
/* For qsort() of uint64_t. */
int ends_compare(const void *a, const void *b);

#endif
