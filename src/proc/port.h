/* Who listens on a TCP port of this machine, from /proc/net/tcp. */
#ifndef CULPRIT_PROC_PORT_H
#define CULPRIT_PROC_PORT_H

#include <sys/types.h>

#include "base/str.h"

/* The pids that hold a listening socket on this port; *out is freed by the caller. The number of them:
 * 0 where nobody listens, or where whoever does may not be looked at. */
size_t port_holders(unsigned port, pid_t **out);

/* "pid 123 (gunicorn: master …)" */
void port_holder_text(struct str *out, pid_t pid);

#endif
