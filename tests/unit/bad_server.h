/*
 * An HTTP server that misbehaves on order, with exact counts of its own. The path of a request says
 * how it is answered; "/cycle?a,b,c" answers by turns over all connections. A thread a connection,
 * in the test's own process.
 */
#ifndef CULPRIT_TESTS_BAD_SERVER_H
#define CULPRIT_TESTS_BAD_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bad_server {
	int listener;
	unsigned port;
	_Atomic uint64_t connections, requests, body_bytes; /* taken; read whole; of their bodies */
	_Atomic uint64_t bytes_in, bytes_out;
	_Atomic uint64_t slow_until_ns; /* until then each answer comes 50 ms late */
	atomic_bool drop;               /* reset connections as soon as they are there */
};

/* Never stopped: it ends with the test's process. */
void bad_server_start(struct bad_server *s);

#endif
