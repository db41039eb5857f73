/* SPDX-License-Identifier: ISC */
#include "keyd/key_chain.h"

#include <string.h>

enum { FORMAT_1 = 1, FORMAT = 2 };
enum { HAS_END = 1, HAS_SEED = 2 };

enum err
key_chain_get(struct key_chain *c, struct slice bytes)
{
	struct slice rest = slice_from(bytes, bytes.n < 2 ? bytes.n : 2);

	memset(c, 0, sizeof(*c));
	if (bytes.n == 0)
		return ERR_OK;
	if (bytes.n < 2 || (bytes.p[0] != FORMAT && bytes.p[0] != FORMAT_1) ||
	    (unsigned char)bytes.p[1] > (bytes.p[0] == FORMAT ? HAS_END | HAS_SEED : HAS_END))
		return ERR_CORRUPT;
	c->has_end = bytes.p[1] & HAS_END;
	c->has_seed = bytes.p[1] & HAS_SEED;
	if (c->has_end && cmtp_key_read(&c->end, &rest) != ERR_OK)
		return ERR_CORRUPT;
	if (c->has_seed) {
		if (rest.n < sizeof(c->seed))
			return ERR_CORRUPT;
		memcpy(c->seed, rest.p, sizeof(c->seed));
		rest = slice_from(rest, sizeof(c->seed));
	}
	while (rest.n > 0) {
		if (c->n == KEY_CHAIN_RECORDS_MAX ||
		    cmtp_key_read(&c->records[c->n], &rest) != ERR_OK)
			return ERR_CORRUPT;
		c->n++;
	}
	return c->n > 0 ? ERR_OK : ERR_CORRUPT;
}

enum err
key_chain_put(struct buf *b, const struct key_chain *c)
{
	enum err e = ERR_OK;

	buf_put_char(b, FORMAT);
	buf_put_char(b, (char)((c->has_end ? HAS_END : 0) | (c->has_seed ? HAS_SEED : 0)));
	if (c->has_end)
		e = cmtp_key_put(b, &c->end);
	if (c->has_seed)
		buf_put(b, c->seed, sizeof(c->seed));
	for (unsigned i = 0; i < c->n && e == ERR_OK; i++)
		e = cmtp_key_put(b, &c->records[i]);
	return e == ERR_OK ? buf_err(b) : e;
}

const struct cmtp_key *
key_chain_newest(const struct key_chain *c)
{
	return c->n > 0 ? &c->records[c->n - 1] : NULL;
}

bool
key_chain_is_live(const struct key_chain *c)
{
	const struct cmtp_key *k = key_chain_newest(c);

	return k != NULL && k->kind == CMTP_KEY_LIVE;
}

static void
push(struct key_chain *c, const struct cmtp_key *k)
{
	if (c->n == KEY_CHAIN_RECORDS_MAX) {
		c->n--;
		memmove(c->records, c->records + 1, c->n * sizeof(c->records[0]));
	}
	c->records[c->n++] = *k;
}

void
key_chain_link(struct cmtp_key *k, const struct cmtp_key *before,
    const unsigned char secret[CRY_ED_SECRET_BYTES], const unsigned char *previous)
{
	k->serial = before != NULL ? before->serial + 1 : 1;
	memset(k->before, 0, sizeof(k->before));
	k->has_previous = false;
	if (before != NULL)
		cmtp_key_hash(k->before, before);
	cmtp_key_sign_own(k, secret);
	if (before != NULL && previous != NULL)
		cmtp_key_sign_previous(k, previous);
}

void
key_chain_extend(struct key_chain *c, struct cmtp_key *k,
    const unsigned char secret[CRY_ED_SECRET_BYTES], const unsigned char *previous)
{
	key_chain_link(k, key_chain_is_live(c) ? key_chain_newest(c) : NULL, secret, previous);
	push(c, k);
	c->end = *k;
	c->end.kind = CMTP_KEY_END;
	key_chain_link(&c->end, k, secret, secret);
	c->has_end = true;
}

bool
key_chain_end(struct key_chain *c)
{
	if (!key_chain_is_live(c) || !c->has_end)
		return false;
	push(c, &c->end);
	c->has_end = false;
	c->has_seed = false;
	return true;
}
