/* SPDX-License-Identifier: ISC */
/*
 * What became of a recipient that was given to another host, as queue and log
 * are told of it.  Counted: one failure may be that of many recipients.  Pure.
 */
#ifndef DLV_OUTCOME_H
#define DLV_OUTCOME_H

#include "delivery/dlv_line.h"
#include "delivery/dlv_verdict.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/smtp/smtp_result.h"

#define DLV_HOST_BYTES		301	/* of relay_result.host, and a NUL */
#define DLV_RESULTS_MAX		60000u	/* of relay_done */

struct dlv_outcome {
	unsigned	 refs;
	enum err	 error;		/* its class: sent, deferred or bounced */
	bool		 dsn_taken;
	bool		 is_broken;	/* a key changed: the sender is told at once */
	const char	*proto;		/* literals: "esmtp"; "" before there was one */
	const char	*tls;
	const char	*policy;	/* that said what TLS must be; "" for none */
	char		 dsn[SMTP_RESULT_DSN_MAX + 1];
	char		 text[SMTP_RESULT_TEXT_MAX + 1];
	char		 host[DLV_HOST_BYTES];		/* "": none was reached */
	char		 reply[SMTP_RESULT_REPLY_MAX + 1];
};

/* make */
struct dlv_outcome *dlv_outcome_of_result(const struct smtp_result *, const char *host,
		    const char *proto, const char *tls);
struct dlv_outcome *dlv_outcome_of_verdict(const struct dlv_verdict *);
struct dlv_outcome *dlv_outcome_ref(struct dlv_outcome *);
void		 dlv_outcome_unref(struct dlv_outcome **);	/* NULL inside is legal */

/* Which of two stands: a temporary one is never replaced by a permanent one. */
bool		 dlv_outcome_is_weaker(const struct dlv_outcome *old,
		    const struct dlv_outcome *fresh);

/* A relay_result; count recipients share DLV_RESULTS_MAX, the reply gives way. */
void		 dlv_outcome_put(struct buf *, const struct dlv_outcome *, uint32_t idx,
		    unsigned count);

/* One line: sent, deferred or bounced.  retry_ms: real time, 0 for none. */
void		 dlv_outcome_log(const struct dlv_outcome *, const struct dlv_about *,
		    const struct dlv_delays *, uint64_t retry_ms);

#endif
