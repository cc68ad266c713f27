#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tls_internal.h"

/* Ceiling of the list of protocols on the wire. */
enum { ALPN_MAX = 64 };

struct tls_config {
	SSL_CTX *ctx;
	BIO_METHOD *method;
	bool resume;
};

/* A call that succeeds leaves nothing in the queue as a rule, so looking is cheaper than clearing.
 */
static void clear_errors(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

/*
 * OpenSSL's own socket BIO writes with write(), which raises SIGPIPE, and hides errno. This one
 * does neither, and counts.
 */
static int socket_read(BIO *bio, char *p, int n)
{
	struct tls *t = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	do
		got = recv(t->fd, p, (size_t)n, 0);
	while (got < 0 && errno == EINTR);
	t->drained = got < n;
	if (got > 0)
		t->bytes_in += (uint64_t)got;
	else if (got == 0)
		t->ended = true;
	else if (errno == EAGAIN || errno == EWOULDBLOCK)
		BIO_set_retry_read(bio);
	else
		t->error = errno;
	return (int)got;
}

static int socket_write(BIO *bio, const char *p, int n)
{
	struct tls *t = BIO_get_data(bio);
	ssize_t sent;

	BIO_clear_retry_flags(bio);
	do
		sent = send(t->fd, p, (size_t)n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		t->bytes_out += (uint64_t)sent;
	else if (errno == EAGAIN || errno == EWOULDBLOCK)
		BIO_set_retry_write(bio);
	else
		t->error = errno;
	return (int)sent;
}

static long socket_control(BIO *bio, int command, long number, void *p)
{
	const struct tls *t = BIO_get_data(bio);

	(void)number;
	(void)p;
	switch (command) {
	case BIO_CTRL_FLUSH: return 1;
	case BIO_CTRL_EOF: return t->ended;
	default: return 0;
	}
}

/* A session that came (TLS 1.2: with the handshake, 1.3: any time after it). 1: it is kept. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = SSL_get_app_data(ssl);

	if (!t->slot)
		return 0;
	tls_session_free(*t->slot);
	*t->slot = (struct tls_session *)session;
	return 1;
}

/* A key that is encrypted must not make a load engine ask on the terminal. */
static int no_password(char *p, int size, int writing, void *arg)
{
	(void)p;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

/* What OpenSSL holds against a file: of the row of errors that it leaves, the one that says most.
 */
static int bad_file(struct err *err, const char *what, const char *file, const char *mend)
{
	const char *reason = NULL;
	unsigned long error;

	while ((error = ERR_get_error())) {
		if (ERR_GET_LIB(error) == ERR_LIB_PEM &&
			ERR_GET_REASON(error) == PEM_R_NO_START_LINE)
			reason = "there is no such PEM block in it";
		else if (ERR_GET_LIB(error) == ERR_LIB_PEM &&
			 ERR_GET_REASON(error) == PEM_R_BAD_PASSWORD_READ)
			reason = "it is encrypted";
		else if (!reason)
			reason = ERR_reason_error_string(error);
	}
	return err_set(err, ERR_USAGE, "%s: cannot be used as %s: %s; %s", file, what,
		reason ? reason : "it is not what it should be", mend);
}

static int check_readable(const char *file, struct err *err)
{
	return access(file, R_OK) ? err_errno(err, ERR_USAGE, errno, "cannot read %s", file) : 0;
}

/* OpenSSL reads a certificate's extensions when it first needs them. All of them now: then threads
 * only ever read the store. */
static void read_extensions(X509_STORE *store)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (certificate)
			X509_check_purpose(certificate, -1, 0);
	}
}

static int load_ca(SSL_CTX *ctx, const struct tls_options *o, struct err *err)
{
	if (o->insecure) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
		return 0; /* reading the system's certificates takes tens of milliseconds */
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, tls_judge_certificate);
	if (!o->ca_file) {
		SSL_CTX_set_default_verify_paths(ctx);
		return 0;
	}
	if (check_readable(o->ca_file, err))
		return -ERR_USAGE;
	if (SSL_CTX_load_verify_file(ctx, o->ca_file) != 1)
		return bad_file(err, "certificates to trust", o->ca_file,
			"it must hold certificates in PEM form");
	/* Who names a certificate trusts it, whoever signed it. */
	X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN);
	read_extensions(SSL_CTX_get_cert_store(ctx));
	return 0;
}

static int load_own(SSL_CTX *ctx, const struct tls_options *o, struct err *err)
{
	const char *key = o->key_file ? o->key_file : o->cert_file;

	if (!o->cert_file)
		return o->key_file ? err_set(err, ERR_USAGE,
					     "%s: a key without a certificate; name its "
					     "certificate with --cert",
					     o->key_file)
				   : 0;
	if (check_readable(o->cert_file, err) || check_readable(key, err))
		return -ERR_USAGE;
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	if (SSL_CTX_use_certificate_chain_file(ctx, o->cert_file) != 1)
		return bad_file(err, "a certificate of our own", o->cert_file,
			"it must hold a certificate in PEM form");
	/* Checks that the two belong together, too. */
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return bad_file(err, "the key of our own certificate", key,
			"it must hold the certificate's key in PEM form, without a password "
			"(openssl pkey -in FILE -out FILE2 takes it away)");
	return 0;
}

static int offer(SSL_CTX *ctx, const char *const *alpn, struct err *err)
{
	unsigned char wire[ALPN_MAX];
	size_t n = 0;

	for (; alpn && *alpn; alpn++) {
		size_t len = strlen(*alpn);

		if (!len || len > 255 || n + 1 + len > sizeof(wire))
			return err_set(err, ERR_USAGE,
				"'%s' is no name of a protocol to offer by ALPN", *alpn);
		wire[n++] = (unsigned char)len;
		memcpy(wire + n, *alpn, len);
		n += len;
	}
	if (n && SSL_CTX_set_alpn_protos(ctx, wire, (unsigned)n))
		return err_set(err, ERR_SYSTEM, "OpenSSL takes no list of protocols");
	return 0;
}

static void set_modes(SSL_CTX *ctx, bool resume)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* A record costs one recv(), and a write need not be whole; the buffers, 16 KiB each way,
	 * are only there while something is in them: 10,000 connections must fit. */
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx,
		resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
	if (resume)
		SSL_CTX_sess_set_new_cb(ctx, keep_session);
}

struct tls_config *tls_config_new(const struct tls_options *o, struct err *err)
{
	struct tls_config *c = mem_zalloc(1, sizeof(*c));

	clear_errors();
	c->resume = o->resume;
	c->ctx = SSL_CTX_new(TLS_client_method());
	c->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");
	if (!c->ctx || !c->method) {
		err_set(err, ERR_SYSTEM, "OpenSSL cannot be started: %s",
			ERR_reason_error_string(ERR_get_error()));
		goto fail;
	}
	BIO_meth_set_read(c->method, socket_read);
	BIO_meth_set_write(c->method, socket_write);
	BIO_meth_set_ctrl(c->method, socket_control);
	set_modes(c->ctx, o->resume);
	if (load_ca(c->ctx, o, err) || load_own(c->ctx, o, err) || offer(c->ctx, o->alpn, err))
		goto fail;
	clear_errors();
	return c;
fail:
	clear_errors();
	tls_config_free(c);
	return NULL;
}

void tls_config_free(struct tls_config *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ctx);
	BIO_meth_free(c->method);
	free(c);
}

static bool is_address(const char *name)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* Whom we mean to speak to: it is told by name, and its certificate must say so. */
static void expect_name(SSL *ssl, const char *name)
{
	char host[TLS_NAME_MAX];
	size_t len = strlen(name);

	if (is_address(name)) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
		return;
	}
	/* "example.org." is example.org (RFC 6066, 3: without the dot) */
	len -= len > 1 && name[len - 1] == '.';
	len = len < sizeof(host) ? len : sizeof(host) - 1;
	memcpy(host, name, len);
	host[len] = '\0';
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	SSL_set1_host(ssl, host);
	SSL_set_tlsext_host_name(ssl, host);
}

struct tls *tls_new(struct tls_config *c, int fd, const char *name)
{
	struct tls *t = mem_zalloc(1, sizeof(*t));
	BIO *bio = BIO_new(c->method);

	t->ssl = SSL_new(c->ctx);
	if (!t->ssl || !bio)
		abort(); /* out of memory, as everywhere */
	t->config = c;
	t->fd = fd;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	expect_name(t->ssl, name);
	SSL_set_connect_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	if (t->up && !t->broken) {
		clear_errors();
		SSL_shutdown(t->ssl);
	}
	/* Without this OpenSSL takes a session for spoilt whose connection just ended, as most
	 * servers end it. A handshake that failed does spoil it. */
	if (t->up)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	clear_errors();
	free(t->why);
	free(t);
}

/* A call that did not succeed: what does it mean? Leaves OpenSSL's queue empty. */
static int outcome(struct tls *t)
{
	int error = SSL_get_error(t->ssl, -1);

	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		t->wants_write = error == SSL_ERROR_WANT_WRITE;
		return TLS_AGAIN;
	}
	if (error == SSL_ERROR_ZERO_RETURN && !t->error)
		return TLS_END;
	t->broken = true;
	if (t->error || t->ended) {
		clear_errors();
		if (t->error && !t->why)
			t->why = mem_strdup(strerrordesc_np(t->error));
		return t->error ? TLS_RESET : TLS_END;
	}
	if (!t->why)
		t->why = tls_explain(t->up);
	clear_errors();
	return TLS_FAILED;
}

int tls_handshake(struct tls *t)
{
	clear_errors();
	if (SSL_do_handshake(t->ssl) != 1)
		return outcome(t);
	t->up = true;
	return TLS_DONE;
}

ssize_t tls_read(struct tls *t, void *p, size_t n)
{
	size_t got;

	clear_errors();
	return SSL_read_ex(t->ssl, p, n, &got) == 1 ? (ssize_t)got : outcome(t);
}

void tls_readable(struct tls *t)
{
	t->drained = false;
}

bool tls_pending(const struct tls *t)
{
	return !t->drained || SSL_has_pending(t->ssl);
}

/* OpenSSL takes a record at a time; a socket takes what it can, and so does this. */
ssize_t tls_write(struct tls *t, const void *p, size_t n)
{
	size_t all = 0, taken;

	clear_errors();
	while (all < n && SSL_write_ex(t->ssl, (const char *)p + all, n - all, &taken) == 1)
		all += taken;
	if (all == n)
		return (ssize_t)n;
	int rc = outcome(t);

	return rc == TLS_AGAIN && all ? (ssize_t)all : rc;
}

bool tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

uint64_t tls_bytes_in(const struct tls *t)
{
	return t->bytes_in;
}

uint64_t tls_bytes_out(const struct tls *t)
{
	return t->bytes_out;
}

const char *tls_why(const struct tls *t)
{
	return t->why ? t->why : "";
}

const char *tls_protocol(const struct tls *t)
{
	static const char *const KNOWN[] = {"h2", "http/1.1", "http/1.0"};
	const unsigned char *p;
	unsigned len;

	SSL_get0_alpn_selected(t->ssl, &p, &len);
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++)
		if (len == strlen(KNOWN[i]) && !memcmp(p, KNOWN[i], len))
			return KNOWN[i];
	return "";
}

const char *tls_version(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *tls_cipher(const struct tls *t)
{
	return SSL_get_cipher_name(t->ssl);
}

bool tls_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl);
}

void tls_use_session(struct tls *t, struct tls_session **slot)
{
	if (!t->config->resume)
		return;
	t->slot = slot;
	if (*slot && !SSL_SESSION_is_resumable((SSL_SESSION *)*slot)) {
		tls_session_free(*slot);
		*slot = NULL;
	}
	if (*slot)
		SSL_set_session(t->ssl, (SSL_SESSION *)*slot);
}

void tls_session_free(struct tls_session *s)
{
	SSL_SESSION_free((SSL_SESSION *)s);
}
