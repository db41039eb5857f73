/* SPDX-License-Identifier: ISC */
/*
 * EXTERNAL (RFC 4422 app. A): a login by the certificate that the client
 * showed in TLS.  Who ended the TLS has verified it against tls.client_ca, then
 * its rfc822Names are addresses of accounts; or it has not, then its fingerprints
 * are looked for among those of accounts (key_cert.h).  There is no secret in it
 * that could wrap a key, so that such a session opens no mail, whatever the
 * sealing: the process that speaks for the client needs no proof of his either.
 */
#ifndef KEY_EXTERNAL_H
#define KEY_EXTERNAL_H

#include "keyd/key_state.h"

void	 key_external_on_login(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

#endif
