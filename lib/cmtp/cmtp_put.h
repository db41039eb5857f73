/* SPDX-License-Identifier: ISC */
/*
 * Commands and replies of CMTP 1 as bytes (of version 2: cmtp2_*.h).  What is appended to a buf that is
 * too small makes it full.
 */
#ifndef CMTP_PUT_H
#define CMTP_PUT_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/cmtp_wire.h"

#define CMTP_BANNER	"Welcome to CMTP version 1\n"	/* and its NUL: port 9001 */

/* ---- the client */
/* ERR_SYNTAX: a parameter is too long, holds a NUL or is no UTF-8. */
enum err	 cmtp_put_command(struct buf *, enum cmtp_verb, const struct slice *params,
		    unsigned count) MUST_USE;
/* MAIL as far as its log; body and attachments (their u64 length first) follow. */
enum err	 cmtp_put_mail(struct buf *, const struct cmtp_mail *,
		    const struct slice params[CMTP_PARAMS_MAX], struct slice log) MUST_USE;
void		 cmtp_put_length(struct buf *, uint64_t);

/* ---- the server */
void		 cmtp_put_version(struct buf *, const char *before, const char *version);
void		 cmtp_put_help(struct buf *, unsigned version);	/* and those before it */
/* SUCCESS or FAILURE, with the server's signature over the word. */
void		 cmtp_put_status(struct buf *, bool is_success,
		    const unsigned char sig[CMTP_SIG_BYTES]);
void		 cmtp_put_key(struct buf *, const unsigned char key[CMTP_KEY_BYTES],
		    const unsigned char sig[CMTP_SIG_BYTES]);
void		 cmtp_put_xzibit(struct buf *, struct slice xzibit,
		    const unsigned char sig[CMTP_SIG_BYTES]);

/* What the signature of a status is over. */
struct slice	 cmtp_status_word(bool is_success);

#endif
