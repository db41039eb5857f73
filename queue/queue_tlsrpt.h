/* SPDX-License-Identifier: ISC */
/*
 * Sums of TLS sessions for the daily reports to domains (RFC 8460): relay
 * processes hand them over, they are kept on disk, sealed (queue_keep.h), and
 * after the end of the UTC day, spread over QUEUE_TLSRPT_SPREAD_S (s4.1), each
 * domain's become one report to each of its addresses.  What cannot be handed
 * over is tried again for a day (s5.5), then forgotten.
 *
 * An entry is one domain's day.  Limits: QUEUE_TLSRPT_DOMAINS_MAX entries and
 * QUEUE_TLSRPT_BYTES_MAX, what comes above them is lost, with a line in the
 * log; those of one entry are tls_tally.h's.  A report that was handed over
 * just before a crash may be made again: it has the same id.
 */
#ifndef QUEUE_TLSRPT_H
#define QUEUE_TLSRPT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/report/tls_report.h"
#include "queue/queue_keep.h"

#define QUEUE_TLSRPT_FILE		"tls-reports"
#define QUEUE_TLSRPT_SEAL_ID		2u	/* no queue id is as small */
#define QUEUE_TLSRPT_DOMAINS_MAX	1000u
#define QUEUE_TLSRPT_BYTES_MAX		(4u << 20)
#define QUEUE_TLSRPT_SAVE_MS		1000u
#define QUEUE_TLSRPT_SPREAD_S		14400u
#define QUEUE_TLSRPT_WAIT_S		600u	/* after midnight, for what relay still has */
#define QUEUE_TLSRPT_RETRY_S		900u	/* the first time; doubles */
#define QUEUE_TLSRPT_GIVE_UP_S		86400u	/* RFC 8460 s5.5 */
#define QUEUE_TLSRPT_RUA_MAX		5u	/* addresses of a domain */

struct queue_tlsrpt;
struct queue_tlsrpt_entry;

/* How a report leaves; each call ends in one queue_tlsrpt_sent, maybe inside. */
struct queue_tlsrpt_ops {
	bool	(*is_ready)(void *arg);
	void	(*mail)(void *arg, struct slice to, const struct tls_report *,
		    struct slice gzip, struct queue_tlsrpt_entry *, unsigned place);
	void	(*post)(void *arg, struct slice uri, struct slice gzip,
		    struct queue_tlsrpt_entry *, unsigned place);
	/* The sums are on disk (true), or were not written: answer the one who gave them. */
	void	(*kept)(void *arg, void *whose, uint64_t request, bool is_kept);
};

/* What stands in each report; the strings are borrowed until the next set. */
struct queue_tlsrpt_names {
	const char	*hostname;
	const char	*organization;
	const char	*contact;
};

/* make: reads the file; dir, keys and ops are borrowed */
struct queue_tlsrpt *queue_tlsrpt_new(struct loop *, int dir, const struct queue_keys *,
		    const struct queue_tlsrpt_ops *, void *arg);
void		 queue_tlsrpt_free(struct queue_tlsrpt **);	/* not while it is written */
void		 queue_tlsrpt_set(struct queue_tlsrpt *, const struct queue_tlsrpt_names *);

/* use */
/* ERR_VIOLATION: not what relay may send; else ops->kept follows, once. */
enum err	 queue_tlsrpt_put(struct queue_tlsrpt *, const struct ipc_tlsrpt_put *,
		    void *whose, uint64_t request) MUST_USE;
void		 queue_tlsrpt_left(struct queue_tlsrpt *, const void *whose);	/* no kept for it */
/* The report went to that address, or why not; of class PERM: never will. */
void		 queue_tlsrpt_sent(struct queue_tlsrpt_entry *, unsigned place, enum err,
		    const char *why);
unsigned	 queue_tlsrpt_count(const struct queue_tlsrpt *);
struct queue_keep *queue_tlsrpt_keep(struct queue_tlsrpt *);	/* its file */
/* Real time at which a day of the domain is reported. */
uint64_t	 queue_tlsrpt_due_s(struct slice domain, uint32_t day);

#endif
