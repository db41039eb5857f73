/* SPDX-License-Identifier: ISC */
/*
 * The store's other records and all keys: pure code.  A key is the
 * big-endian account id, a letter, and what follows:
 *
 *	A	account			B mailbox		mailbox
 *	N hash	mailbox name		K mailbox		keyword names
 *	D mailbox first	directory	H mailbox first		hot page
 *	I mailbox first part		columns of a wide hot page (store_wide.h)
 *	C mailbox first	cold page	Z mailbox modseq part	vanished
 *	T hash	thread			X content		content
 *	P mailbox hash	rights of others (store_acl.c)
 *	M mailbox hash part		metadata (store_metadata.c; mailbox 0: the account's)
 *	E epoch	epoch key		O mailbox kind block	columns
 * and for account 0, the shard itself:
 *	V format, J batch (kv_lmdb.c), G segment, S (blob_segment.c),
 *	Q msg rcpt	delivered	R account mailbox	to be removed (0: all)
 *	L hash account	shares something with an identifier (store_acl.c)
 *	W account	waits for its mark pass (store_mark.c)
 *	Y when		repair is not through (store_check.h)
 *
 * Values begin with u8 form (1; account, content, epoch and removal 2, 1 is
 * read),
 * integers are little-endian.  Reads give
 * ERR_CORRUPT for anything malformed; slices borrow from the value.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/blob.h"
#include "store/kv.h"

#define RECORD_BYTES_MAX	2000
#define RECORD_MEM_BYTES	(RECORD_BYTES_MAX + 1)	/* for buf_lend, to hold one */
#define RECORD_ADDRESS_MAX	320
#define RECORD_NAME_MAX		255
#define RECORD_SALT_BYTES	16
#define RECORD_KEY_BYTES	32
#define RECORD_SUMMARY_INLINE	1600	/* beyond it in the segments */

struct record_account {
	uint32_t	 key_generation;
	uint8_t		 sealing;
	bool		 is_enabled;
	bool		 has_mailboxes;	/* INBOX and the others were made */
	uint64_t	 quota_bytes;
	uint64_t	 used_bytes;	/* sizes of the plain messages */
	uint64_t	 message_count;
	uint64_t	 modseq;
	uint32_t	 next_mailbox;
	uint32_t	 next_uidvalidity;
	uint32_t	 mailbox_count;	/* name records */
	uint64_t	 next_content;
	uint64_t	 next_epoch;
	uint64_t	 metadata_bytes;	/* form 2 */
	unsigned char	 salt[RECORD_SALT_BYTES];
	unsigned char	 public_key[RECORD_KEY_BYTES];
	struct slice	 address;
};

struct record_mailbox {
	uint32_t	 uidvalidity;
	uint32_t	 uidnext;
	uint64_t	 modseq;	/* highest */
	uint64_t	 gone_floor;	/* vanished rows up to this modseq were dropped */
	uint32_t	 exists;
	uint32_t	 unseen;
	uint32_t	 deleted;	/* with \Deleted */
	uint32_t	 recent_uid;	/* no session has claimed from here on */
	uint64_t	 bytes;
	uint32_t	 special;
	uint64_t	 name_hash;	/* its 'N' record */
};

struct record_name {
	uint32_t	 mailbox;	/* 0: only subscribed */
	bool		 is_subscribed;
	uint32_t	 special;
	struct slice	 name;
};

struct record_content {
	struct blob_ref	 body;		/* with its note: form 2 */
	struct blob_ref	 summary_ref;	/* segment 0: inline or none */
	uint64_t	 epoch;
	uint32_t	 generation;
	uint64_t	 message_id;	/* keyed hash, 0: none */
	uint64_t	 created_s;
	struct slice	 commitment;
	struct slice	 wrapped;
	struct slice	 summary;	/* inline */
};

struct record_columns {
	struct blob_ref	 data;
	uint64_t	 content;
	uint64_t	 epoch;
	uint32_t	 generation;
	struct slice	 commitment;
	struct slice	 wrapped;
};

struct record_epoch {
	struct blob_ref	 place;		/* form 2; segment 0: in no segment */
	uint32_t	 generation;
	uint8_t		 form;
	struct slice	 data;
};

/* A mailbox that was removed, as it was; pages stay until due_s. */
struct record_removal {
	uint64_t	 due_s;		/* 0: form 1, now */
	uint64_t	 removed_s;
	uint32_t	 special;
	struct slice	 name;
	struct slice	 mailbox;	/* its record */
};

struct record_delivered {
	uint64_t	 account;
	uint64_t	 rcpt;
	uint32_t	 mailbox;
	uint32_t	 uidvalidity;
	uint32_t	 uid;
	uint64_t	 modseq;
};

/* keys */
struct kv_key	 record_key(uint64_t account, char type);
struct kv_key	 record_key_u32(uint64_t account, char type, uint32_t);
struct kv_key	 record_key_u64(uint64_t account, char type, uint64_t);
struct kv_key	 record_key_page(uint64_t account, char type, uint32_t mailbox, uint32_t uid);
struct kv_key	 record_key_wide(uint64_t account, uint32_t mailbox, uint32_t first, uint16_t part);
struct kv_key	 record_key_gone(uint64_t account, uint32_t mailbox, uint64_t modseq, uint16_t part);
struct kv_key	 record_key_columns(uint64_t account, uint32_t mailbox, uint8_t kind, uint32_t block);
struct kv_key	 record_key_acl(uint64_t account, uint32_t mailbox, uint64_t hash);
/* Who shares with whom: 56 bits of the owner fit, see there. */
struct kv_key	 record_key_share(uint64_t hash, uint64_t owner);
uint64_t	 record_share_owner(const struct kv_key *);
struct kv_key	 record_key_metadata(uint64_t account, uint32_t mailbox, uint64_t hash, uint8_t part);
struct kv_key	 record_key_delivered(uint64_t msg, uint64_t account, uint64_t rcpt);
struct kv_key	 record_key_removal(uint64_t account, uint32_t mailbox);

/* values */
enum err	 record_account_read(struct record_account *, struct slice) MUST_USE;
void		 record_account_put(const struct record_account *, struct buf *);
enum err	 record_mailbox_read(struct record_mailbox *, struct slice) MUST_USE;
void		 record_mailbox_put(const struct record_mailbox *, struct buf *);
enum err	 record_name_read(struct record_name *, struct slice) MUST_USE;
void		 record_name_put(const struct record_name *, struct buf *);
enum err	 record_content_read(struct record_content *, struct slice) MUST_USE;
void		 record_content_put(const struct record_content *, struct buf *);
enum err	 record_columns_read(struct record_columns *, struct slice) MUST_USE;
void		 record_columns_put(const struct record_columns *, struct buf *);
enum err	 record_epoch_read(struct record_epoch *, struct slice) MUST_USE;
void		 record_epoch_put(const struct record_epoch *, struct buf *);
enum err	 record_removal_read(struct record_removal *, struct slice) MUST_USE;
void		 record_removal_put(const struct record_removal *, struct buf *);	/* form 2 */
enum err	 record_delivered_read(struct record_delivered *, struct slice) MUST_USE;
void		 record_delivered_put(const struct record_delivered *, struct buf *);

#endif
