/* SPDX-License-Identifier: ISC */
/*
 * The TLS identity: certificate and key from the files that master opened,
 * signatures over handshakes and nothing else (key_tbs.h), and the keys of
 * session tickets, per role, replaced every so often.  Without certificate,
 * or with one that does not fit the key, requests are refused and the status
 * says why.  A reload that brings a pair that cannot be used keeps the old.
 */
#ifndef KEY_TLS_H
#define KEY_TLS_H

#include "keyd/key_state.h"

#define KEY_TLS_KEY_FILE_MAX	8000	/* PEM of RSA 8192 is 6.4 KB */
#define KEY_TLS_CLIENT_CA_MAX	60000
#define KEY_TLS_CHAIN_FILE_MAX	50000
#define KEY_TLS_WARN_DAYS	14

struct key_tls	*key_tls_new(struct keyd *);
void		 key_tls_free(struct key_tls **);
void		 key_tls_reload(struct keyd *);
/* "certificate 61 days (mx1.example.net)" */
/* Are there authorities that prove clients by certificate? */
bool		 key_tls_proves_clients(const struct keyd *);
void		 key_tls_note(struct keyd *, struct buf *);

void		 key_tls_on_get(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
void		 key_tls_on_sign(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

#endif
