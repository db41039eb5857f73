/* SPDX-License-Identifier: ISC */
#include "lib/io/tls_binding.h"

#include "lib/io/tls_priv.h"

#define EXPORTER_LABEL	"EXPORTER-Channel-Binding"	/* RFC 9266 s2 */
#define EXPORTER_BYTES	32u

static const char *const names[] = {
#define B(name, text)	[TLS_BINDING_##name] = (text),
	TLS_BINDING_MAP(B)
#undef B
};

const char *
tls_binding_name(enum tls_binding_type type)
{
	return names[type];
}

bool
tls_binding_find(struct slice name, enum tls_binding_type *type)
{
	for (size_t i = 0; i < lengthof(names); i++) {
		if (!slice_eq_str(name, names[i]))
			continue;
		*type = (enum tls_binding_type)i;
		return true;
	}
	return false;
}

/* RFC 9266 s4.2: before TLS 1.3 only with the extended master secret. */
static enum err
read_exporter(struct tls_binding *b, SSL *ssl)
{
	static const unsigned char no_context[1];

	if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return ERR_UNSUPPORTED;
	b->n = EXPORTER_BYTES;
	/* The context is there, and empty. */
	return SSL_export_keying_material(ssl, b->bytes, EXPORTER_BYTES, EXPORTER_LABEL,
	    sizeof(EXPORTER_LABEL) - 1, no_context, 0, 1) == 1 ? ERR_OK : ERR_CRYPTO;
}

/*
 * RFC 5929 s4.1: the hash of its signature, SHA-256 where that is MD5 or
 * SHA-1; without a hash (Ed25519) nothing is defined.
 */
static enum err
read_end_point(struct tls_binding *b, SSL *ssl)
{
	X509 *x = SSL_is_server(ssl) ? SSL_get_certificate(ssl) :
	    SSL_get0_peer_certificate(ssl);
	const EVP_MD *md;
	unsigned n = 0;
	int nid;

	if (x == NULL || X509_get_signature_info(x, &nid, NULL, NULL, NULL) != 1)
		return ERR_UNSUPPORTED;
	if (nid == NID_md5 || nid == NID_sha1)
		nid = NID_sha256;
	md = EVP_get_digestbynid(nid);
	if (md == NULL || (size_t)EVP_MD_get_size(md) > sizeof(b->bytes))
		return ERR_UNSUPPORTED;
	if (X509_digest(x, md, b->bytes, &n) != 1)
		return ERR_CRYPTO;
	b->n = n;
	return ERR_OK;
}

enum err
tls_binding_read(struct tls_binding *b, SSL *ssl, enum tls_binding_type type)
{
	enum err e = ERR_UNSUPPORTED;

	b->type = names[type];
	b->n = 0;
	switch (type) {
	case TLS_BINDING_EXPORTER:
		e = read_exporter(b, ssl);
		break;
	case TLS_BINDING_END_POINT:
		e = read_end_point(b, ssl);
		break;
	}
	ERR_clear_error();
	return e;
}
