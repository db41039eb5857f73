/* SPDX-License-Identifier: ISC */
/*
 * What few accounts have beyond one key pair and one password, kept in
 * key_account.more: earlier key pairs, app passwords, recovery codes, and the
 * wraps of a vault's master key under the password, numbers of URL access keys.
 * Read into this struct,
 * changed here, written back whole.
 *
 * A slot is a credential that the server made itself, of 120 bits or more, so
 * that a fast keyed hash serves as its verifier.
 */
#ifndef KEY_MORE_H
#define KEY_MORE_H

#include "keyd/key_ring.h"

#define KEY_GENERATIONS_MAX	8	/* earlier ones */
#define KEY_APPS_MAX		32
#define KEY_SLOTS_MAX		(KEY_APPS_MAX + KEY_GENERATIONS_MAX + 1)
#define KEY_SLOT_NAME_MAX	64
#define KEY_SEALED_BYTES	80	/* a secret, by crypto_box_seal */
#define KEY_URL_RESETS_MAX	64	/* mailboxes with a number of their own */

enum key_slot_kind { KEY_SLOT_APP = 1, KEY_SLOT_RECOVERY = 2 };

/* A wrap of a master key; vault 0: there is none. */
struct key_wrap {
	uint32_t	 vault;
	unsigned char	 bytes[KEY_WRAPPED_BYTES];
};

struct key_generation {
	uint32_t	 number;
	enum key_form	 form;
	uint32_t	 vault;
	unsigned char	 public_key[32];
	unsigned char	 wrapped_secret[KEY_WRAPPED_BYTES];
	uint32_t	 sealed_to;		/* KEY_FORM_SEALED: to this generation's key */
	unsigned char	 sealed_secret[KEY_SEALED_BYTES];
};

struct key_made_slot {
	enum key_slot_kind kind;
	uint8_t		 scopes;	/* enum token_scope */
	uint64_t	 created_s;
	unsigned char	 salt[16];
	unsigned char	 verifier[32];
	struct key_wrap	 wrap;
	size_t		 name_n;
	char		 name[KEY_SLOT_NAME_MAX];
};

/*
 * Access keys of mailboxes (key_url.h) are numbered: by the mailbox's own
 * number, or by base.  Numbers only grow.
 */
struct key_url_resets {
	uint64_t	 last;
	uint64_t	 base;
	unsigned	 n;
	struct { uint64_t mailbox, number; } v[KEY_URL_RESETS_MAX];
};

struct key_more {
	struct key_wrap		 by_password;	/* under Argon2id's result */
	struct key_wrap		 by_scram;	/* under SCRAM's ClientKey */
	struct key_url_resets	 urls;
	uint32_t		 last_vault;	/* numbers are not used again */
	uint32_t		 cmtp_generation;	/* of cmtp_public; 0: none noted */
	unsigned char		 cmtp_public[32];	/* key_cmtp.h */
	unsigned		 generation_n;
	unsigned		 slot_n;
	struct key_generation	 generations[KEY_GENERATIONS_MAX];
	struct key_made_slot	 slots[KEY_SLOTS_MAX];
};

/* ERR_CORRUPT for what key_more_put would not write.  Empty: all zero. */
enum err	 key_more_get(struct key_more *, struct slice) MUST_USE;
void		 key_more_put(struct buf *, const struct key_more *);

/* The number of a mailbox's access key. */
uint64_t	 key_more_url_number(const struct key_more *, uint64_t mailbox);
/*
 * It gets a new one; with 0 all do, and so they do when too many mailboxes have
 * one of their own.
 */
void		 key_more_url_reset(struct key_more *, uint64_t mailbox);

/* NULL: there is none. */
struct key_made_slot *key_more_find(struct key_more *, enum key_slot_kind, struct slice name);
const struct key_generation *key_more_generation(const struct key_more *, uint32_t number);
/* ERR_LIMIT */
enum err	 key_more_add_slot(struct key_more *, const struct key_made_slot *) MUST_USE;
void		 key_more_drop_slot(struct key_more *, struct key_made_slot *);
enum err	 key_more_add_generation(struct key_more *, const struct key_generation *) MUST_USE;

#endif
