/* SPDX-License-Identifier: ISC */
/*
 * Numbers that store.msg, queue.msg and keyd.msg speak in; see there.
 */
#ifndef STORE_PROTO_H
#define STORE_PROTO_H

#include <stddef.h>

#define STORE_SET_MAX	4000		/* pairs in a set */
#define STORE_STAR	0xffffffffu	/* "*" in a set */

enum store_flag {
	STORE_SEEN = 1, STORE_ANSWERED = 2, STORE_FLAGGED = 4,
	STORE_DELETED = 8, STORE_DRAFT = 16,
	STORE_SYSTEM = 31,			/* all of them */
	STORE_CONFLICT = 128,		/* only in answers to store_flags */
	STORE_KEYWORD_SHIFT = 8, STORE_KEYWORD_COUNT = 24
};
#define STORE_KEYWORDS_MAX	1000		/* of a mailbox; beyond 24 its pages are wide */
#define STORE_KEYWORD_BYTES_MAX	12000		/* of their names, with a NUL each */
#define STORE_MORE_BYTES	((STORE_KEYWORDS_MAX - STORE_KEYWORD_COUNT + 7) / 8)
/*
 * A read window: memory of one wire that the store writes and imapd reads.  A slot
 * is imapd's to choose and stands for a request until its answer was heard; since
 * a wire keeps the order, one that nobody waits for any more may be chosen again.
 */
#define STORE_WINDOW_SLOTS	40u
#define STORE_WINDOW_SLOT_BYTES	53248u		/* whole pages, more than a store_read */
#define STORE_WINDOW_BYTES	((size_t)STORE_WINDOW_SLOTS * STORE_WINDOW_SLOT_BYTES)
/*
 * The pulse (lib/sys/pulse.h): what tells imapd, without a turn to the store, that
 * nothing has changed.  One for all imapds of a store process; the ids are accounts.
 * The counter of an account moves
 *  - before what was written of it can be seen by any request, whoever wrote it and
 *    whatever it is: mail, flags, names, rights, quota, upkeep.  So it has moved, too,
 *    before anybody hears that a change is done;
 *  - when logins of its user are revoked, before keyd hears that they are.
 * What store_select and store_sync answered to a session in its own account therefore
 * holds as long as the counter stands where it stood before the request was sent, the
 * session's own right to ask included, and while the wire to that store is up.
 * A guest's answers hang on two accounts and are not kept.
 *
 * An imapd sees how often something is written also in accounts that nobody has
 * logged into there, as far as they do not share a counter; not what.
 */
#define STORE_MULTI_MAX		1000		/* messages of one MULTIAPPEND */
#define STORE_COLUMN_KINDS	8
#define STORE_METADATA_VALUE_MAX	16000
#define STORE_METADATA_MAX	100		/* entries of a mailbox for one user */
#define STORE_ACL_MAX		100		/* entries of a mailbox */
#define STORE_NOTIFY_ALL	0xffffffffffffffffu
#define STORE_NOTIFY_ARRIVALS	0xfffffffffffffffeu
/*
 * Where mail waits that only its owner's session can make readable (store_arrivals);
 * deliver names it, and no client can: a control character is in no other name.
 */
#define STORE_ARRIVALS		"\x01" "arrivals"

enum store_want { STORE_WANT_CONTENT = 1, STORE_WANT_SUMMARY = 2, STORE_WANT_COLD = 4 };
enum store_over { STORE_OVER_NONE = 0, STORE_OVER_THESE = 1, STORE_OVER_NOT_THESE = 2 };
enum store_right {			/* RFC 4314 s2.1 */
	STORE_RIGHT_L = 1, STORE_RIGHT_R = 2, STORE_RIGHT_S = 4, STORE_RIGHT_W = 8,
	STORE_RIGHT_I = 16, STORE_RIGHT_P = 32, STORE_RIGHT_K = 64, STORE_RIGHT_X = 128,
	STORE_RIGHT_T = 256, STORE_RIGHT_E = 512, STORE_RIGHT_A = 1024,
	STORE_RIGHTS_ALL = 2047
};
enum store_op { STORE_ADD = 1, STORE_REMOVE = 2, STORE_REPLACE = 3 };
enum store_special {			/* RFC 6154 */
	STORE_ALL = 1, STORE_ARCHIVE = 2, STORE_DRAFTS = 4,
	STORE_SPECIAL_FLAGGED = 8, STORE_JUNK = 16, STORE_SENT = 32,
	STORE_TRASH = 64,
	STORE_HIDDEN = 1 << 16			/* not of RFC 6154: STORE_ARRIVALS */
};

#endif
