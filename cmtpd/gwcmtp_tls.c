/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_tls.h"

#include <stdio.h>
#include <sysexits.h>

#include "lib/base/enc.h"

_Static_assert(TLS_FINGERPRINT_BYTES == CMTP_KEY_BYTES, "they are remembered as keys");

/* A host without any CA certificates: then nobody is verified. */
static int
read_ca(struct gwcmtp *g, struct gwcmtp_tls *t)
{
	struct buf pem;
	unsigned count;
	int code = EX_OK;
	enum err e;

	buf_init(&pem, TLS_CA_BYTES_MAX);
	e = tls_ca_read(&pem, g->ca != NULL ? g->ca : "");
	if (e == ERR_OK)
		e = tls_client_ctx_add_ca(t->ctx, buf_slice(&pem), &count);
	if (e != ERR_OK && g->ca != NULL)
		code = gwcmtp_tool_fault(e == ERR_SYNTAX ? EX_DATAERR : EX_NOINPUT, g->ca,
		    e == ERR_SYNTAX ? "no certificate is in it" : err_text(e));
	buf_fini(&pem);
	return code;
}

int
gwcmtp_tls_init(struct gwcmtp *g, struct gwcmtp_tls *t, const char *host)
{
	*t = (struct gwcmtp_tls){ .ctx = tls_client_ctx_new(g->net.loop, 1),
	    .name = slice_str(host) };
	t->demand = (struct tls_demand){ .mode = TLS_CHAIN, .min = TLS_MIN_1_2,
	    .is_advisory = true, .sni = t->name, .names = &t->name, .name_count = 1 };
	return read_ca(g, t);
}

void
gwcmtp_tls_fini(struct gwcmtp_tls *t)
{
	tls_client_ctx_free(&t->ctx);
}

/* Known, or taken by --accept. */
static int
judge_key(struct gwcmtp *g, const struct tls_peer *p, const char *name)
{
	enum gwcmtp_pin is = gwcmtp_pins_judge(&g->pins, slice_str(name), p->key_sha256);
	struct buf b;
	enum err e;

	if (is == GWCMTP_PIN_SAME)
		return EX_OK;
	if (g->accepts) {
		e = gwcmtp_pins_put(&g->pins, slice_str(name), p->key_sha256);
		return e == ERR_OK ? EX_OK : gwcmtp_tool_fault(EX_CANTCREAT, g->dir, err_text(e));
	}
	buf_init(&b, 64);
	enc_put_base64(&b, slice_of(p->key_sha256, sizeof(p->key_sha256)));
	(void)fprintf(stderr, "gwcmtp: %s: the certificate is not verified (%s), and its key is "
	    "%s: SHA-256 %s; when it is the right one, --accept\n", name,
	    tls_failure_text(p->failure), is == GWCMTP_PIN_NEW ? "not known" :
	    "another than it was", buf_cstr(&b));
	buf_fini(&b);
	return EX_NOPERM;
}

int
gwcmtp_tls_judge(struct gwcmtp *g, const struct gwcmtp_tls *t, const struct link *link,
    const char *port)
{
	const struct tls_peer *p = link_peer(link);
	char name[300];

	(void)snprintf(name, sizeof(name), "%.*s:%s@", SLICE_FMT(t->name), port);
	if (p == NULL || !p->has_digests)
		return gwcmtp_tool_fault(EX_PROTOCOL, name, "the connection ended in the handshake");
	return p->trust == TLS_VERIFIED ? EX_OK : judge_key(g, p, name);
}
