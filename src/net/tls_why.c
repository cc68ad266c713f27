/*
 * Why a TLS connection failed, in a sentence with a mend: OpenSSL's own reasons ("wrong version
 * number", "certificate verify failed") say little to who only typed https where http was meant.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls_internal.h"

#define INSECURE "go without verification with --insecure"

struct sentence {
	int code;
	const char *text;
};

/* What may be wrong with the server's certificate. */
static const struct sentence VERIFICATION[] = {
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
		"self-signed certificate; trust it with --ca FILE, or " INSECURE},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
		"a certificate whose root is not trusted; trust the root with --ca FILE, "
		"or " INSECURE},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		"a certificate whose issuer is not known; trust the issuer with --ca FILE, "
		"or " INSECURE},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
		"a certificate whose issuer is not known; trust the issuer with --ca FILE, "
		"or " INSECURE},
	{X509_V_ERR_CERT_HAS_EXPIRED, "the certificate has expired; renew it, or " INSECURE},
	{X509_V_ERR_CERT_NOT_YET_VALID,
		"the certificate is not valid yet; set the clock of this machine or of the one "
		"that made it, or " INSECURE},
};

/* What a server that ends the handshake by an alert means, or one that does not speak TLS. */
static const struct sentence HANDSHAKE[] = {
	{SSL_R_WRONG_VERSION_NUMBER, "the server does not speak TLS on this port; is its URL "
				     "http://, or the port another one?"},
	{SSL_R_PACKET_LENGTH_TOO_LONG, "the server does not speak TLS on this port; is its URL "
				       "http://, or the port another one?"},
	{SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
		"the server asks for a client's certificate; give one with --cert FILE"},
	{SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the server does not trust our certificate; give one of an "
				       "issuer that it knows with --cert FILE"},
	{SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
		"the server refused the handshake: no cipher in common, or it asks for a client's "
		"certificate (--cert FILE)"},
	{SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
		"the server speaks neither TLS 1.2 nor 1.3; switch one of them on there"},
	{SSL_R_UNSUPPORTED_PROTOCOL,
		"the server speaks neither TLS 1.2 nor 1.3; switch one of them on there"},
	{SSL_R_TLSV1_UNRECOGNIZED_NAME, "the server does not know the name that it was called by; "
					"give the right one with --server-name"},
	{SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL,
		"the server speaks none of the protocols that were offered; choose another with "
		"--http"},
};

static const char *look_up(const struct sentence *table, size_t n, long code)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].code == code)
			return table[i].text;
	return NULL;
}

#define LOOK_UP(table, code) look_up(table, sizeof(table) / sizeof((table)[0]), code)

/* The first name that a certificate is for; "no name" where it has none. */
static void name_of(X509 *certificate, char *out, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS) {
			snprintf(out, size, "%.*s", ASN1_STRING_length(name->d.dNSName),
				(const char *)ASN1_STRING_get0_data(name->d.dNSName));
			found = true;
		} else if (name->type == GEN_IPADD) {
			int family =
				ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;

			found = inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), out,
				(socklen_t)size);
		}
	}
	GENERAL_NAMES_free(names);
	if (!found && X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
			      out, (int)size) <= 0)
		snprintf(out, size, "no name");
	for (; *out; out++)
		if ((unsigned char)*out < ' ' || (unsigned char)*out == 127)
			*out = '?'; /* it came from outside, and goes to a terminal */
}

static char *explain_certificate(int code, X509 *certificate)
{
	const char *text = LOOK_UP(VERIFICATION, code);
	char out[TLS_WHY_MAX], name[64];

	if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
		name_of(certificate, name, sizeof(name));
		snprintf(out, sizeof(out),
			"the certificate is for %s, and not for the name of the URL; name it with "
			"--server-name, or " INSECURE,
			name);
	} else {
		snprintf(out, sizeof(out),
			"the certificate cannot be trusted (%s); mend it, or " INSECURE,
			X509_verify_cert_error_string(code));
	}
	return mem_strdup(text ? text : out);
}

int tls_judge_certificate(int good, X509_STORE_CTX *chain)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);

	if (!good && !t->why)
		t->why = explain_certificate(
			X509_STORE_CTX_get_error(chain), X509_STORE_CTX_get0_cert(chain));
	return good;
}

char *tls_explain(bool up)
{
	char out[TLS_WHY_MAX];
	unsigned long error = ERR_peek_error();
	int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
	const char *text = LOOK_UP(HANDSHAKE, reason);
	const char *plain = ERR_reason_error_string(error);

	if (up && reason == SSL_R_WRONG_VERSION_NUMBER)
		snprintf(out, sizeof(out), "the server sent bytes that are no TLS record");
	else if (text)
		snprintf(out, sizeof(out), "%s", text);
	else
		snprintf(out, sizeof(out), "TLS broke: %s", plain ? plain : "no reason is known");
	return mem_strdup(out);
}
