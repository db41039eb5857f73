/* SPDX-License-Identifier: ISC */
/*
 * The records of keys/ring, to and from bytes.  A decoder answers
 * ERR_CORRUPT for anything it would not have written.
 */
#ifndef KEY_RECORD_H
#define KEY_RECORD_H

#include "keyd/key_ring.h"

enum key_record_type {
	KEY_RECORD_ACCOUNT = 1,
	KEY_RECORD_ACCOUNT_GONE = 2,
	KEY_RECORD_ALIAS = 3,		/* with no targets: gone */
	KEY_RECORD_NEXT_ID = 4,
	KEY_RECORD_VALUE = 5,
	KEY_RECORD_SECRET = 6,		/* of a route; empty: gone */
	KEY_RECORD_ACCOUNT_2 = 7,	/* how ACCOUNT is written today; read as ACCOUNT */
	KEY_RECORD_PRINT = 8		/* of account 0: gone */
};

/* Slices are borrowed from the bytes; only the members of the type are set. */
struct key_record {
	enum key_record_type	 type;
	struct key_account	 account;
	uint64_t		 id;
	struct slice		 address;
	struct slice		 targets;
	uint32_t		 number;
	struct slice		 value;
	struct slice		 name;
	struct key_print	 print;
};

void		 key_record_put_account(struct buf *, const struct key_account *);
void		 key_record_put_gone(struct buf *, uint64_t id);
void		 key_record_put_alias(struct buf *, struct slice address, struct slice targets);
void		 key_record_put_next_id(struct buf *, uint64_t id);
void		 key_record_put_value(struct buf *, uint32_t number, struct slice);
void		 key_record_put_secret(struct buf *, struct slice name, struct slice wrapped);
void		 key_record_put_print(struct buf *, const struct key_print *);
enum err	 key_record_get(struct key_record *, struct slice) MUST_USE;

#endif
