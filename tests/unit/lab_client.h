/* A lab in a process of its own, and a plain blocking HTTP client that counts its bytes: the
 * independent side of every comparison. */
#ifndef CULPRIT_TESTS_LAB_CLIENT_H
#define CULPRIT_TESTS_LAB_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lab/lab.h"

struct lab_process {
	pid_t pid;
	int port;
};

/* Starts the lab on a free port; it dies with the test. */
struct lab_process lab_start(struct lab_spec spec); /* mixed */
struct lab_process lab_start_named(const char *name, struct lab_spec spec);

/* Sends the signal and waits; the exit code, or −signal. */
int lab_end(struct lab_process *lab, int number);

struct client {
	int fd;
	size_t sent, got; /* bytes */
	size_t n;         /* bytes in `buffer` that belong to later answers */
	char buffer[65536];
};

struct answer {
	int status; /* 0: the connection was closed before any byte; −1: reset; −2: in the middle of
		       it */
	bool close; /* "Connection: close" */
	size_t body_len;
	char body[60000];
};

void client_open(struct client *c, int port);
void client_close(struct client *c);
void client_send(struct client *c, const char *text);
void client_get(struct client *c, const char *target);     /* "GET target", Host, nothing else */
bool client_try_get(struct client *c, const char *target); /* false where the lab has gone */
struct answer client_answer(struct client *c);
struct answer client_answer_head(struct client *c); /* of a HEAD request: no body follows */

/* One request on a connection of its own. */
struct answer fetch(int port, const char *target);

/* The lab's counters; a number in them by its path, as "busy.cpu_seconds". */
json_t *counters(int port);
double counter_of(const json_t *json, const char *path);
double counter(int port, const char *path);

/* Waits up to ten seconds until the counter has the value; whether it did. */
bool counter_becomes(int port, const char *path, double value);

#endif
