/* SPDX-License-Identifier: ISC */
/*
 * Numbers that store.msg, queue.msg and keyd.msg speak in; see there.
 */
#ifndef STORE_PROTO_H
#define STORE_PROTO_H

#define STORE_SET_MAX	4000		/* pairs in a set */
#define STORE_STAR	0xffffffffu	/* "*" in a set */

enum store_flag {
	STORE_SEEN = 1, STORE_ANSWERED = 2, STORE_FLAGGED = 4,
	STORE_DELETED = 8, STORE_DRAFT = 16,
	STORE_CONFLICT = 128,		/* only in answers to store_flags */
	STORE_KEYWORD_SHIFT = 8, STORE_KEYWORD_COUNT = 24
};
enum store_want { STORE_WANT_CONTENT = 1, STORE_WANT_SUMMARY = 2 };
enum store_op { STORE_ADD = 1, STORE_REMOVE = 2, STORE_REPLACE = 3 };
enum store_special {			/* RFC 6154 */
	STORE_ALL = 1, STORE_ARCHIVE = 2, STORE_DRAFTS = 4,
	STORE_SPECIAL_FLAGGED = 8, STORE_JUNK = 16, STORE_SENT = 32,
	STORE_TRASH = 64
};

#endif
