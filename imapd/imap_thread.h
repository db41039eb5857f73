/* SPDX-License-Identifier: ISC */
/*
 * THREAD (RFC 5256 s3): REFERENCES, ORDEREDSUBJECT, and REFS, which is
 * REFERENCES without step 5 (subjects), by dates of arrival, the thread with
 * the newest message last.  Messages are given one by one and linked at the
 * end.  Pure.
 *
 * Limits: IMAP_THREAD_NODES_MAX messages and message ids together, beyond that
 * is_full and the command is refused; the newest THREAD_REFS_MAX references of
 * a message; a thread of over IMAP_THREAD_WALK messages one below the other is
 * not put below another message.
 */
#ifndef IMAP_THREAD_H
#define IMAP_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_entry.h"
#include "imapd/imap_judge.h"
#include "imapd/imap_parser.h"
#include "lib/base/buf.h"

#define IMAP_THREAD_NODES_MAX	(4u << 20)
#define IMAP_THREAD_WALK	10000u

enum imap_threading { IMAP_THREAD_ORDEREDSUBJECT, IMAP_THREAD_REFERENCES, IMAP_THREAD_REFS };

/* thread-alg */
enum imap_threading imap_thread_parse(struct imap_parser *);

struct imap_thread_message {
	uint64_t	id;
	uint64_t	subject;	/* hash of the base subject; 0: empty */
	int64_t		date;
	uint32_t	uid, number;
	uint32_t	first_ref, ref_count;
	bool		has_id, is_reply;
};

struct imap_threader {
	enum imap_threading	 how;
	uint32_t		 max;
	struct imap_thread_message *v;
	uint32_t		 count, cap;
	uint64_t		*refs;
	uint32_t		 ref_count, ref_cap;
	bool			 is_full;
};

void	 imap_threader_init(struct imap_threader *, enum imap_threading, uint32_t max_nodes);
void	 imap_threader_fini(struct imap_threader *);
/* number: the UID or sequence number, for the answer. */
void	 imap_threader_add(struct imap_threader *, const struct imap_search_facts *,
	    const struct imap_entry *, uint32_t number);
/* Appends the threads; what was collected is no longer needed. */
void	 imap_threader_put(struct imap_threader *, struct buf *);

#endif
