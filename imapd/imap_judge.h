/* SPDX-License-Identifier: ISC */
/*
 * Judges a message by a search program with what is known of it so far; what
 * is not known yet makes the answer "maybe", and the caller brings more.
 * Pure.
 */
#ifndef IMAP_JUDGE_H
#define IMAP_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_entry.h"
#include "imapd/imap_match.h"
#include "imapd/imap_search.h"
#include "lib/base/slice.h"

enum imap_verdict { IMAP_NO, IMAP_YES, IMAP_MAYBE };

/* What is known of a message. */
struct imap_search_facts {
	uint32_t	 seq, uid, flags, size;
	struct slice	 more;		/* keywords beyond those in flags */
	int64_t		 internal_s, saved_s;
	uint64_t	 modseq, content, thread;
	bool		 recent;
	struct slice	 keywords;	/* names of the mailbox */
	uint32_t	 top_seq, top_uid;
	int64_t		 now_s;		/* when the command began */
	const struct imap_entry *entry;	/* NULL: not known yet */
	/* NULL: not known yet; gives the fields that hold those of this name */
	bool		(*header)(void *arg, struct slice name, struct slice *fields);
	void		*arg;
	struct charset_set *charsets;
	const struct imap_match *match;	/* NULL: text not read yet */
};

enum imap_verdict	 imap_search_judge(const struct imap_search *,
			    const struct imap_search_facts *);

#endif
