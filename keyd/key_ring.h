/* SPDX-License-Identifier: ISC */
/*
 * Accounts, credentials, aliases and a few small values: all in memory, all
 * in the journal keys/ring.  Every change is durable when its function
 * returns ERR_OK, and has not happened otherwise.
 *
 * Account ids start at the second in which the ring was made times 2^20 and
 * count up: an id is never used again, not even by a ring made anew.  Secret
 * keys and values stay wrapped here; see key_unlock.h and key_pair.h.
 */
#ifndef KEY_RING_H
#define KEY_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "keyd/key_prints.h"
#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/slice.h"
#include "lib/ipc/key_proto.h"

#define KEY_ADDRESS_MAX		320
#define KEY_ACCOUNTS_MAX	10000000u
#define KEY_TARGETS_MAX		16000	/* bytes of an alias's targets */
#define KEY_VALUE_MAX		128
#define KEY_VALUES_MAX		1000
#define KEY_WRAPPED_BYTES	60	/* nonce, key, tag */
#define KEY_MORE_MAX		16000
#define KEY_SECRETS_MAX		1000
#define KEY_SECRET_NAME_MAX	255
#define KEY_SECRET_MAX		1024
#define KEY_SECRET_WRAPPED_MAX	(12 + KEY_SECRET_MAX + 16)

/* What SCRAM-SHA-256 keeps of a password (RFC 5802 s3); rounds 0: nothing. */
struct key_scram {
	uint32_t	 rounds;
	unsigned char	 salt[16];
	unsigned char	 stored_key[32];
	unsigned char	 server_key[32];
};

/* A password: Argon2id with these numbers; the verifier is a subkey of it. */
struct key_slot {
	uint32_t	 passes;
	uint32_t	 memory_kib;
	unsigned char	 salt[16];
	unsigned char	 verifier[32];
	struct key_scram scram;
};

/* What the secret half of a key pair is wrapped under. */
enum key_form {
	KEY_FORM_ROOT = 1,		/* keyd's root key */
	KEY_FORM_VAULT = 2,		/* the master key of a vault (key_vault.h) */
	KEY_FORM_NONE = 3,		/* it was never here: the owner's device has it */
	KEY_FORM_SEALED = 4		/* an earlier one, sealed to such a device's key */
};

struct key_account {
	struct map_node	 by_id;
	struct map_node	 by_address;
	struct list	 link;			/* in order of ids */
	uint64_t	 id;
	uint64_t	 created_s;
	uint64_t	 since_s;		/* tokens issued before are void */
	uint64_t	 quota_bytes;		/* 0: what the domain says */
	bool		 enabled;
	enum sealing	 sealing;
	uint32_t	 generation;
	enum key_form	 form;
	uint32_t	 vault;			/* KEY_FORM_VAULT: which */
	unsigned char	 public_key[32];
	unsigned char	 wrapped_secret[KEY_WRAPPED_BYTES];
	struct key_slot	 password;
	struct slice	 more;			/* owned: key_more.h; mostly empty */
	uint32_t	 serial;		/* of the last change; not kept */
	uint32_t	 session_count;		/* not kept */
	struct slice	 address;		/* owned, canonical */
};

struct key_alias {
	struct map_node	 by_address;
	struct list	 link;
	struct slice	 address;		/* owned */
	struct slice	 targets;		/* owned, each NUL-terminated */
};

/* What a route logs in with. */
struct key_secret {
	struct list	 link;
	struct slice	 name;			/* owned: title of the route */
	struct slice	 wrapped;		/* owned; key_secret.c opens it */
};

struct key_ring;

/* make; *why says what an operator can do about an error */
enum err	 key_ring_open(struct key_ring **, int dir_fd, const unsigned char key[32],
		    uint64_t now_s, const char **why) MUST_USE;
void		 key_ring_free(struct key_ring **);
bool		 key_ring_is_new(const struct key_ring *);
uint64_t	 key_ring_torn_bytes(const struct key_ring *);

/* look: borrowed until the next change */
struct key_account *key_ring_find(const struct key_ring *, uint64_t id);
struct key_account *key_ring_find_address(const struct key_ring *, struct slice);
struct key_alias *key_ring_find_alias(const struct key_ring *, struct slice address);
size_t		 key_ring_count(const struct key_ring *);
uint64_t	 key_ring_next_id(const struct key_ring *);
/* In order of ids: after NULL the first, NULL at the end. */
struct key_account *key_ring_next(const struct key_ring *, const struct key_account *);
struct key_alias *key_ring_next_alias(const struct key_ring *, const struct key_alias *);
/* The one before, NULL for the first. */
struct key_account *key_ring_prev(const struct key_ring *, const struct key_account *);
struct key_alias *key_ring_prev_alias(const struct key_ring *, const struct key_alias *);

/*
 * change: a is copied (address and more too); its id is 0 for a new account, whose
 * address must be free of accounts and aliases (ERR_EXISTS).  *out, may be
 * NULL, is what is in the ring then.
 */
enum err	 key_ring_put(struct key_ring *, const struct key_account *,
		    struct key_account **out) MUST_USE;
enum err	 key_ring_remove(struct key_ring *, uint64_t id) MUST_USE;
/* Empty targets remove it. */
enum err	 key_ring_put_alias(struct key_ring *, struct slice address,
		    struct slice targets) MUST_USE;

/* Write the journal anew: what earlier records held is no longer in the file. */
enum err	 key_ring_rewrite(struct key_ring *) MUST_USE;

/* Small values by number: wrapped keys; the times of the server's keys of CMTP 2. */
enum key_value { KEY_VALUE_TOKEN = 1, KEY_VALUE_SPOOL = 0x100, KEY_VALUE_CMTP2 = 0x200 };
struct slice	 key_ring_value(const struct key_ring *, uint32_t number);
enum err	 key_ring_put_value(struct key_ring *, uint32_t number, struct slice) MUST_USE;

/* Fingerprints: look, and change by the two below; they end with their account. */
const struct key_prints *key_ring_prints(const struct key_ring *);
/* ERR_NOTFOUND: no such account; ERR_EXISTS, ERR_LIMIT: as key_prints_may_add. */
enum err	 key_ring_add_print(struct key_ring *, const struct key_print *) MUST_USE;
enum err	 key_ring_drop_print(struct key_ring *,
		    const unsigned char bytes[KEY_PRINT_BYTES]) MUST_USE;

/* Empty wrapped removes it: ERR_NOTFOUND when there is none. */
enum err	 key_ring_put_secret(struct key_ring *, struct slice name,
		    struct slice wrapped) MUST_USE;
struct key_secret *key_ring_find_secret(const struct key_ring *, struct slice name);
struct key_secret *key_ring_next_secret(const struct key_ring *, const struct key_secret *);

#endif
