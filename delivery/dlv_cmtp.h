/* SPDX-License-Identifier: ISC */
/*
 * CMTP 2 over a link whose host was ready for mail (man/cmtp.7): OHAI in place
 * of MAIL, then one request at a time.  It owns the link from then on, which
 * cannot serve SMTP any more.  Only inside TLS.  On a link that was kept it is
 * ready from the beginning.
 *
 * The owner is told ready once, then keys or answer for each request, in its
 * order; or, at any time, failed, after which it only frees it.  No call comes
 * from inside a function here.  What a reply points to stays until the next
 * request, or the end.
 */
#ifndef DLV_CMTP_H
#define DLV_CMTP_H

#include "delivery/dlv_link.h"
#include "lib/cmtp/cmtp2_answer.h"
#include "lib/cmtp/cmtp2_keys.h"

#define DLV_CMTP_STEP_MS	60000u	/* for each reply, and for each piece to go out */
#define DLV_CMTP_ANSWER_MS	600000u	/* RFC 5321 s4.5.3.2.6: as long as behind a last dot */

struct dlv_cmtp;

struct dlv_cmtp_owner {
	void	(*ready)(void *arg);
	/* It was made for the request, and is verified by nobody yet. */
	void	(*keys)(void *arg, const struct cmtp2_keys_request *,
		    const struct cmtp2_keys_reply *);
	/* NULL when no mail is sent, as drained. */
	void	(*answer)(void *arg, const struct cmtp2_answer *);
	void	(*drained)(void *arg);
	void	(*failed)(void *arg, const char *why);
};

/* Does the host say that it speaks it, where it may be spoken? */
bool		 dlv_cmtp_is_offered(const struct dlv_link *);
struct dlv_cmtp	*dlv_cmtp_new(struct loop *, struct dlv_link *take,
		    const struct dlv_cmtp_owner *, void *arg);
/* After ready, and after the reply to the one before.  ERR_SYNTAX: no names of CMTP. */
enum err	 dlv_cmtp_ask(struct dlv_cmtp *, struct slice user, struct slice domain,
		    uint64_t known) MUST_USE;
/*
 * MAIL2 in pieces, the last one with how many destinations will be told of;
 * not more while it is clogged, until drained.
 */
void		 dlv_cmtp_send(struct dlv_cmtp *, struct slice);
bool		 dlv_cmtp_is_clogged(const struct dlv_cmtp *);
void		 dlv_cmtp_send_last(struct dlv_cmtp *, struct slice, unsigned destinations);
const char	*dlv_cmtp_host(const struct dlv_cmtp *);
/* The next message to the domain goes on here; when something is awaited, as free. */
void		 dlv_cmtp_keep(struct dlv_cmtp **, struct slice domain,
		    const unsigned char sign[CRY_KEY_BYTES], const struct cmtp2_pact *);
void		 dlv_cmtp_free(struct dlv_cmtp **);	/* at any time */

#endif
