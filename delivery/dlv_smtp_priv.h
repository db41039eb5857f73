/* SPDX-License-Identifier: ISC */
/*
 * What the files of one delivery share.  dlv_smtp.c: hops, hosts, addresses and
 * life; dlv_smtp_round.c: a transaction; dlv_smtp_cmtp.c: CMTP in its place;
 * dlv_smtp_note.c: what became of recipients; dlv_smtp_report.c: TLS reports.
 *
 * At any moment one thing is awaited: find, a place in the pool's line, the
 * link, or what has taken the link over.
 */
#ifndef DLV_SMTP_PRIV_H
#define DLV_SMTP_PRIV_H

#include "delivery/dlv_mail1.h"
#include "delivery/dlv_mail2.h"
#include "delivery/dlv_smtp.h"
#include "lib/cmtp/cmtp_wire.h"

struct dlv_smtp {
	struct dlv_smtp_env	 env;
	struct dlv_mail		*mail;
	struct dlv_route	*route;
	dlv_smtp_fn		*fn;
	void			*arg;
	uint64_t		 taken_ms;
	uint64_t		 deadline_ms;
	struct timer		 deadline;
	struct loop_idle	 turn;		/* scan, or the end */
	enum relay_feedback	 feedback;
	unsigned		 left;		/* recipients not settled */
	bool			 is_over;

	unsigned		 hop;		/* 0: the site */
	struct dlv_find		*find;
	unsigned		 address_count;	/* tried, of this hop */
	unsigned		 session_count;	/* refused, of this hop */

	char			 host[CONF_HOP_NAME_MAX + 1];
	struct dlv_addrs	 addrs;
	unsigned		 addr;		/* the next to try */
	struct dlv_tls		*tls;
	bool			 in_clear;	/* TLS failed with addrs[addr] */
	bool			 is_fresh;	/* no used connection any more */

	struct dlv_pool_place	 place;
	struct dlv_link		*link;
	uint64_t		 ready_ms;	/* the host was ready for us */
	struct dlv_mail2	*mail2;		/* at work, on the link until it took it */
	struct dlv_mail1	*mail1;		/* the same, of version 1 */
	const char		*cmtp_tls;	/* a literal */
	char			 cmtp_domain[CMTP_PARAM_MAX + 1];	/* in lower case */

	struct smtp_client_rcpt	*round;		/* recipients of the transaction */
	unsigned		*round_idx;	/* their places in mail->rcpts */
	bool			 was_stale;	/* the connection was gone already */
	bool			 source_failed;
	uint64_t		 off;		/* of the body */
	char			*piece;

	bool			 is_scanned;
	bool			 head_8bit;
	bool			 is_scanning;
	bool			 scan_bol;
};

/* recipients */
/* The stronger of what is known of the recipient and this. */
void		 dlv_smtp_note(struct dlv_rcpt_to *, struct dlv_outcome *);
/* Its outcome stands: logged and counted. */
void		 dlv_smtp_settle(struct dlv_smtp *, struct dlv_rcpt_to *);
/* For all that are not settled; takes the outcome. */
void		 dlv_smtp_note_all(struct dlv_smtp *, struct dlv_outcome *take);
void		 dlv_smtp_note_verdict(struct dlv_smtp *, const struct dlv_verdict *);
struct dlv_outcome *dlv_smtp_outcome(const struct dlv_smtp *, const struct smtp_result *);
/* What the host, or the end of its connection, says of the site. */
enum relay_feedback dlv_smtp_feedback_of(const struct smtp_result *);

/* a transaction over the link that is up */
void		 dlv_smtp_round_start(struct dlv_smtp *);
void		 dlv_smtp_round_scan(struct dlv_smtp *);
void		 dlv_smtp_round_on_rcpt(void *arg, uint32_t idx, const struct smtp_result *);
void		 dlv_smtp_round_on_done(void *arg);
void		 dlv_smtp_round_on_want_body(void *arg);

/* CMTP in its place */
/* An idle connection where version 2 was spoken to the first domain; NULL: none. */
struct dlv_link	*dlv_smtp_cmtp_take(struct dlv_smtp *, const struct dlv_addrs *,
		    const struct dlv_link_user *);
/* False: nobody is left whom it may serve. */
bool		 dlv_smtp_cmtp_begin(struct dlv_smtp *);
bool		 dlv_smtp_cmtp_is_finishing(const struct dlv_smtp *);
void		 dlv_smtp_cmtp_drop(struct dlv_smtp *);
/* The connection ended while it was still asked for keys elsewhere. */
void		 dlv_smtp_cmtp_undo(struct dlv_smtp *);

/* reports */
bool		 dlv_smtp_report_is_on(const struct dlv_smtp *);
void		 dlv_smtp_report_up(struct dlv_smtp *);
void		 dlv_smtp_report_down(struct dlv_smtp *, enum dlv_down, const struct smtp_result *);
void		 dlv_smtp_report_skip(struct dlv_smtp *, const struct dlv_verdict *);
void		 dlv_smtp_report_testing(const struct dlv_smtp *);

/* where it goes on */
void		 dlv_smtp_give_back(struct dlv_smtp *);	/* the link, to the pool */
void		 dlv_smtp_try_address(struct dlv_smtp *);
void		 dlv_smtp_end_of_session(struct dlv_smtp *);
void		 dlv_smtp_finish(struct dlv_smtp *);

#endif
