/* Is a service ready? One try: a GET that must answer 2xx, or a TCP connection. */
#ifndef CULPRIT_PROC_PROBE_H
#define CULPRIT_PROC_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "net/sock.h"
#include "net/url.h"

enum { PROBE_ADDRESSES = 8, PROBE_WHY = 160 };

struct probe {
	struct url url;
	struct str request;
	bool connect_only;
	struct sock_address addresses[PROBE_ADDRESSES];
	size_t n_addresses;
	char why[PROBE_WHY]; /* what the last try came to: "answered 503", "connection refused" */
	/* Looked at every few milliseconds; true ends a try. May be NULL. */
	bool (*give_up)(void *arg);
	void *arg;
};

/* ERR_USAGE for the URL, ERR_SERVICE where its host is unknown. Release also after failure. */
int probe_init(struct probe *p, const char *url, bool connect_only, struct err *err);
void probe_release(struct probe *p);

/* One try, of at most timeout_ns. True when it is ready; else `why` says what is wrong. */
bool probe_try(struct probe *p, uint64_t timeout_ns);

#endif
