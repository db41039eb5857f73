/* SPDX-License-Identifier: ISC */
/*
 * One connection to a host, dialled, with TLS and login as its parameters
 * demand: the glue between dial, conn and the pure client of lib/smtp.
 *
 * The user is told up once, then rcpt and done for each message; or, at any
 * time, down, after which the link is gone.  No call comes from inside a
 * function here.  A user that wants nothing more of it drops the link, or
 * gives it back to the pool.
 */
#ifndef DLV_LINK_H
#define DLV_LINK_H

#include "delivery/dlv_mx.h"
#include "delivery/dlv_outcome.h"
#include "delivery/dlv_tls.h"
#include "lib/cmtp/cmtp2_pact.h"
#include "lib/io/conn.h"
#include "lib/io/dial.h"
#include "lib/ipc/ipc_peer.h"
#include "lib/smtp/smtp_client.h"

#define DLV_PIECE_BYTES	65536u		/* of body, at once */
#define DLV_KEYD_MS	10000u		/* for keyd to answer */
#define DLV_SMTPS_PORT	465		/* RFC 8314 s3.3: TLS from the first byte */

/* A call to keyd; who gets the answer makes it 0. */
struct dlv_keyd_call {
	struct ipc_peer	*keyd;
	uint64_t	 id;		/* 0: none is under way */
};

struct dlv_link_times {
	uint64_t	 connect_ms;
	uint64_t	 phase_ms[SMTP_PHASE_RSET + 1];
};

enum dlv_down {
	DLV_DOWN_DIAL,		/* no address answered */
	DLV_DOWN_TLS,		/* the handshake failed */
	DLV_DOWN_BEFORE,	/* the host was not ready for mail */
	DLV_DOWN_AFTER		/* it was, and then ended the connection */
};

struct dlv_link;
struct dlv_pool;

struct dlv_link_user {
	void	(*up)(void *arg);
	void	(*rcpt)(void *arg, uint32_t idx, const struct smtp_result *);
	/* Next one (dlv_link_next), give back, or drop. */
	void	(*done)(void *arg);
	/* dlv_link_body or dlv_link_body_failed, once. */
	void	(*want_body)(void *arg);
	void	(*down)(void *arg, enum dlv_down, const struct smtp_result *why);
};

/* Another protocol on the same connection, instead of SMTP. */
struct dlv_link_raw {
	void	(*data)(void *arg, struct slice);
	void	(*drained)(void *arg);	/* after dlv_link_is_clogged */
	/* The other side ended it, or the deadline passed.  The link goes by itself. */
	void	(*end)(void *arg, const char *why);
};

struct dlv_link_params {
	struct dlv_route	*route;		/* counted by the link */
	const char		*host;		/* "" for an address */
	struct dlv_addrs	 addrs;
	struct dlv_tls		*tls;		/* counted by the link */
	bool			 in_clear;	/* TLS failed before */
};

/*
 * What another protocol has learnt on a connection that it leaves to the next
 * message: the server that was verified for a domain, by its key, and the pact
 * with it.
 */
#define DLV_LINK_DOMAIN_MAX	255
struct dlv_link_kept {
	char		 domain[DLV_LINK_DOMAIN_MAX + 1];
	unsigned char	 sign[CRY_KEY_BYTES];
	struct cmtp2_pact pact;
};

/* What the pool and the link share. */
struct dlv_link {
	struct list		 all;		/* pool: of all */
	struct list		 idle;		/* pool: of those that are idle */
	struct dlv_pool		*pool;
	const struct dlv_link_raw *raw;		/* NULL: SMTP, or was_raw */
	bool			 was_raw;	/* SMTP is over */
	unsigned		 raw_count;	/* messages of the other protocol */
	struct dlv_link_kept	 kept;		/* when it was_raw and is idle or taken again */
	const struct dlv_link_user *user;	/* NULL: idle, ending, or raw */
	void			*user_arg;
	struct dlv_route	*route;
	struct dlv_tls		*tls;
	struct conn_addr	 addr;		/* of the other side, when connected */
	struct conn_addr	 local;		/* ours */
	uint64_t		 opened_ms;
	bool			 is_idle;
	uint64_t		 idle_until_ms;
	bool			 was_used;	/* taken from the pool */
	bool			 is_up;
	char			 host[DLV_HOST_BYTES];

	struct loop		*loop;
	struct dial		*dial;
	struct conn		*conn;
	struct smtp_client	 client;
	struct smtp_client_config config;
	char			 name[CONF_HOP_NAME_MAX + 1];
	char			 ehlo[CONF_HOP_NAME_MAX + 1];
	char			 helo_v4[CONF_HOP_NAME_MAX + 1], helo_v6[CONF_HOP_NAME_MAX + 1];
	enum smtp_client_phase	 phase;
	bool			 is_closed;	/* the client ended */
	bool			 is_implicit;
	const char		*tls_text;	/* for the log */
	const char		*tls_reason;	/* of a handshake that failed */
	enum tls_failure	 tls_failure;	/* what was demanded was not met */
	const char		*tls_lack;	/* why */
	struct dlv_keyd_call	 secret_call;
	struct buf		 nowhere;	/* output when there is no connection */
};

/* for the user */
const char	*dlv_link_host(const struct dlv_link *);	/* "mx.example[192.0.2.1]:25" */
const struct smtp_caps *dlv_link_caps(const struct dlv_link *);
const char	*dlv_link_tls(const struct dlv_link *);	/* as dlv_tls_text */
/* NONE when the demand was met, STARTTLS_NOT_SUPPORTED: no TLS; why is a literal. */
enum tls_failure dlv_link_tls_failure(const struct dlv_link *, const char **why);
bool		 dlv_link_is_esmtp(const struct dlv_link *);
bool		 dlv_link_was_used(const struct dlv_link *);	/* not new: may be stale */
bool		 dlv_link_can_next(const struct dlv_link *);
bool		 dlv_link_is_finishing(const struct dlv_link *);	/* the last dot is sent */
enum err	 dlv_link_next(struct dlv_link *, const struct smtp_client_message *) MUST_USE;
void		 dlv_link_body(struct dlv_link *, struct slice, bool is_last);
void		 dlv_link_body_failed(struct dlv_link *);
void		 dlv_link_drop(struct dlv_link **);	/* no call comes any more */
/* of a link that can take a message: SMTP is over, its user hears nothing more */
bool		 dlv_link_is_inside_tls(const struct dlv_link *);
void		 dlv_link_take_over(struct dlv_link *, const struct dlv_link_raw *, void *arg);
void		 dlv_link_write(struct dlv_link *, struct slice);
bool		 dlv_link_is_clogged(const struct dlv_link *);
void		 dlv_link_set_deadline(struct dlv_link *, uint64_t at_ms);	/* 0: none */
void		 dlv_link_leave(struct dlv_link **);	/* what was written goes out */
/* For the next message of that protocol to the domain: to the pool. */
void		 dlv_link_keep(struct dlv_link **, const struct dlv_link_kept *);
/* The facts of one that was kept; NULL: SMTP is spoken on it. */
const struct dlv_link_kept *dlv_link_kept(const struct dlv_link *);
/* "mx.example[192.0.2.1]:25" */
void		 dlv_link_put_host(char dst[DLV_HOST_BYTES], const char *name,
		    const struct conn_addr *);

/* for the pool */
struct dlv_link	*dlv_link_open(struct dlv_pool *, struct loop *, const char *hostname,
		    struct dlv_link_params *, const struct dlv_link_user *, void *arg);
void		 dlv_link_quit(struct dlv_link *);
void		 dlv_link_rest(struct dlv_link *, uint64_t until_ms);	/* idle */

/* from the pool */
const struct dlv_link_times *dlv_pool_times(const struct dlv_pool *);
struct tls_client_ctx *dlv_pool_tls(const struct dlv_pool *);
/* ERR_GONE: it is not there, and nobody is called; else as ipc_call. */
enum err	 dlv_pool_call_keyd(struct dlv_pool *, enum ipc_type, const void *msg,
		    struct dlv_keyd_call *, ipc_reply_fn *, void *arg) MUST_USE;
void		 dlv_pool_cancel_keyd(struct dlv_keyd_call *);	/* legal when there is none */
void		 dlv_pool_wake(struct dlv_pool *, struct dlv_link *);	/* not idle any more */
void		 dlv_pool_forget(struct dlv_pool *, struct dlv_link *);	/* it ends */
void		 dlv_pool_give_back(struct dlv_pool *, struct dlv_link *);

#endif
