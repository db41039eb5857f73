/* SPDX-License-Identifier: ISC */
/*
 * Waiting for a signature that another process makes: inside an ASYNC_JOB
 * the job pauses until tls_sign_done; in a thread of the loop's pool the
 * thread waits and the request is made from the loop.  Only for lib/io.
 */
#ifndef TLS_SIGNER_H
#define TLS_SIGNER_H

#include <stdbool.h>

#include "lib/io/loop.h"
#include "lib/io/tls.h"

struct tls_signer;

struct tls_signer *tls_signer_new(struct loop *, tls_sign_fn *, void *arg);
void		 tls_signer_free(struct tls_signer **);	/* nobody may be waiting */

/*
 * *bytes is the room in dst, then what was written.  False on any failure;
 * also in the loop's own thread outside of an ASYNC_JOB, where waiting would
 * keep the answer from coming.
 */
bool		 tls_signer_ask(struct tls_signer *, uint32_t key, uint16_t scheme,
		    struct slice tbs, unsigned char *dst, size_t *bytes);

#endif
