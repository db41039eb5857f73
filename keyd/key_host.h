/* SPDX-License-Identifier: ISC */
/*
 * The server's own keys of CMTP 2.  Each generation follows from the root key
 * and its number; when it began and ends stands in the ring.  The records of
 * its chain are made when asked for, the same for each domain of this host but
 * for the name, and are signed by themselves where a user's are by the server.
 * A new generation begins when half of the present one's time is over, or when
 * the operator says so.
 */
#ifndef KEY_HOST_H
#define KEY_HOST_H

#include "keyd/key_state.h"
#include "keyd/key_tool.h"
#include "lib/cmtp/cmtp_key.h"
#include "lib/cmtp/cmtp_sign.h"

#define KEY_HOST_GENERATIONS_MAX	200u
#define KEY_HOST_RECORDS_MAX		16u	/* shown */

struct key_host;

struct key_host	*key_host_new(struct keyd *);
void		 key_host_free(struct key_host **);

/* ERR_LIMIT: KEY_HOST_GENERATIONS_MAX; ERR_FULL, ERR_IO: it was not written. */
enum err	 key_host_rotate(struct keyd *) MUST_USE;
bool		 key_host_is_due(const struct keyd *);

/* By the newest (serial 0) or the one before.  ERR_NOTFOUND: not to be had. */
enum err	 key_host_sign(const struct keyd *, uint64_t *serial, const struct cmtp_sign *,
		    unsigned char sig[CRY_ED_SIG_BYTES]) MUST_USE;
/* The server's signature on a user's record. */
void		 key_host_sign_record(const struct keyd *, struct cmtp_key *);

/* The domain whose chain is asked for, in lower case; ERR_NOTFOUND: not of this host. */
enum err	 key_host_domain(const struct keyd *, struct slice asked,
		    char dst[CMTP_KEY_NAME_MAX + 1], struct slice *domain) MUST_USE;
/* Records with a serial above known, but always the newest. */
void		 key_host_records(const struct keyd *, struct slice domain, uint64_t known,
		    struct buf *records, unsigned *count);

/* what gwkey asks for */
void		 key_host_show(const struct key_tool_request *);
void		 key_host_show_dns(const struct key_tool_request *);
void		 key_host_rotate_now(const struct key_tool_request *);

#endif
