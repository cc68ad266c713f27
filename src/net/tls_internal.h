/* What tls.c and tls_why.c share, and nobody else sees. */
#ifndef CULPRIT_NET_TLS_INTERNAL_H
#define CULPRIT_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"

enum { TLS_WHY_MAX = 320, TLS_NAME_MAX = 256 };

struct tls {
	SSL *ssl;
	struct tls_config *config;
	struct tls_session **slot; /* or NULL */
	uint64_t bytes_in, bytes_out;
	char *why; /* or NULL */
	int fd;
	int error;    /* errno of the socket, once it failed */
	bool up;      /* the handshake is done */
	bool drained; /* the last recv() took less than it asked for */
	bool ended, broken, wants_write;
};

/* For SSL_CTX_set_verify(): agrees with OpenSSL, and writes down why a certificate is refused, for
 * OpenSSL forgets it. */
int tls_judge_certificate(int good, X509_STORE_CTX *chain);

/* The sentence for a connection that OpenSSL gave up, by its queue of errors; to be freed. `up`:
 * the handshake was done. */
char *tls_explain(bool up);

#endif
