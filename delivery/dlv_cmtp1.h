/* SPDX-License-Identifier: ISC */
/*
 * CMTP 1 with a host of a domain, for mail that is sent and for keys that
 * somebody asks for (man/cmtp.7): what keyd remembers of the domain's server,
 * then, on a link whose host was ready for mail, OHAI in place of MAIL and the
 * server's key; then keys of users and messages, one at a time.  It owns the link
 * from take on, which cannot serve SMTP any more.
 *
 * Keys are judged by what is remembered of them (dlv_pin1.h): another server key
 * is a failure, another key of a user is told as such.
 *
 * The owner is told known once; after take ready once, then key or status for each
 * request; or, at any time after take, failed, after which it only frees it.  In
 * each call it may free it.  No call comes from inside a function here.  What a
 * key points to stays until the next request, or the end.
 */
#ifndef DLV_CMTP1_H
#define DLV_CMTP1_H

#include "delivery/dlv_link.h"
#include "lib/crypto/cry.h"

struct dlv_cmtp1;

enum dlv_cmtp1_verdict {
	DLV_CMTP1_GOOD,
	DLV_CMTP1_NONE,		/* there is no such user, or he has no key */
	DLV_CMTP1_GONE,		/* he had one within DLV_PIN1_REMEMBERED_S */
	DLV_CMTP1_USELESS,	/* nothing can be sealed to it */
	DLV_CMTP1_OTHER		/* than the one that was known */
};

struct dlv_cmtp1_key {
	enum dlv_cmtp1_verdict	 verdict;
	/* GOOD only */
	const unsigned char	*sign, *box;	/* CRY_KEY_BYTES: Ed25519, and as X25519 */
};

struct dlv_cmtp1_failure {
	bool		 is_broken;	/* the server's key is another */
	const char	*dsn;
	const char	*why;
};

struct dlv_cmtp1_owner {
	void	(*known)(void *arg, enum err);	/* what keyd remembers, or not */
	void	(*ready)(void *arg);
	void	(*key)(void *arg, const struct dlv_cmtp1_key *);
	/* The messages' own; NULL when none is sent. */
	void	(*status)(void *arg, bool is_success);
	void	(*drained)(void *arg);
	void	(*failed)(void *arg, const struct dlv_cmtp1_failure *);
};

/* Does the host say that it speaks it, inside TLS or not? */
bool		 dlv_cmtp1_is_offered(const struct dlv_link *);
/* pool: which has keyd; domain: in lower case; both borrowed for its life. */
struct dlv_cmtp1 *dlv_cmtp1_new(struct loop *, struct dlv_pool *, struct slice domain,
		    const struct dlv_cmtp1_owner *, void *arg);
/* Known follows; else keyd cannot be asked. */
enum err	 dlv_cmtp1_begin(struct dlv_cmtp1 *) MUST_USE;
/* After known: the server was spoken with lately. */
bool		 dlv_cmtp1_was_seen(const struct dlv_cmtp1 *);
void		 dlv_cmtp1_take(struct dlv_cmtp1 *, struct dlv_link *take);
/* After ready.  ERR_SYNTAX: the address is none of CMTP; else keyd cannot be asked. */
enum err	 dlv_cmtp1_ask(struct dlv_cmtp1 *, struct slice user) MUST_USE;
/* A message in pieces, not more while it is clogged, until drained; sent: its status. */
void		 dlv_cmtp1_write(struct dlv_cmtp1 *, struct slice);
bool		 dlv_cmtp1_is_clogged(const struct dlv_cmtp1 *);
void		 dlv_cmtp1_sent(struct dlv_cmtp1 *);
bool		 dlv_cmtp1_is_finishing(const struct dlv_cmtp1 *);	/* a status is awaited */
void		 dlv_cmtp1_free(struct dlv_cmtp1 **);	/* at any time */

#endif
