/* SPDX-License-Identifier: ISC */
#include "keyd/key_pair.h"

#include <string.h>

#include "keyd/key_more.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

enum { AD_SECRET = 1, AD_VALUE = 2, AD_BYTES = 13 };

static void
wrap(unsigned char *out, struct cry_aead *a, const unsigned char *under,
    const unsigned char *key, struct slice ad)
{
	cry_random(out, CRY_NONCE_BYTES);
	cry_aead_key(a, CRY_AES256_GCM, under);
	cry_aead_seal(a, out + CRY_NONCE_BYTES, slice_of(key, 32), out, ad);
}

static enum err
unwrap(unsigned char *key, struct cry_aead *a, const unsigned char *under,
    struct slice wrapped, struct slice ad)
{
	if (wrapped.n != KEY_WRAPPED_BYTES)
		return ERR_CORRUPT;
	cry_aead_key(a, CRY_AES256_GCM, under);
	return cry_aead_open(a, key, slice_from(wrapped, CRY_NONCE_BYTES),
	    (const unsigned char *)wrapped.p, ad);
}

static struct slice
ad_make(unsigned char ad[AD_BYTES], unsigned char use, uint64_t id, uint32_t generation)
{
	ad[0] = use;
	enc_le64(ad + 1, id);
	enc_le32(ad + 9, generation);
	return slice_of(ad, AD_BYTES);
}

static const unsigned char *
key_of(const struct key_opener *o, enum key_form form, uint32_t vault)
{
	switch (form) {
	case KEY_FORM_ROOT:
		return o->root;
	case KEY_FORM_VAULT:
		return vault == o->vault ? o->master : NULL;
	case KEY_FORM_NONE:
	case KEY_FORM_SEALED:
		return NULL;
	}
	return NULL;
}

void
key_pair_make(struct key_account *a, struct cry_aead *aead, const struct key_opener *o,
    enum key_form form)
{
	unsigned char secret[32], ad[AD_BYTES];
	const unsigned char *under;

	a->form = form;
	a->vault = form == KEY_FORM_VAULT ? o->vault : 0;
	under = key_of(o, form, a->vault);
	must(under != NULL);
	cry_box_pair(a->public_key, secret);
	wrap(a->wrapped_secret, aead, under, secret,
	    ad_make(ad, AD_SECRET, a->id, a->generation));
	secret_wipe(secret, sizeof(secret));
}

/* One generation, wherever it stands. */
struct place {
	uint32_t	 number;
	enum key_form	*form;
	uint32_t	*vault;
	unsigned char	*wrapped;
};

static struct place
place_now(struct key_account *a)
{
	return (struct place){ a->generation, &a->form, &a->vault, a->wrapped_secret };
}

static struct place
place_earlier(struct key_generation *g)
{
	return (struct place){ g->number, &g->form, &g->vault, g->wrapped_secret };
}

static enum err
place_open(unsigned char secret[32], const struct place *p, uint64_t account,
    struct cry_aead *aead, const struct key_opener *o)
{
	const unsigned char *under = key_of(o, *p->form, *p->vault);
	unsigned char ad[AD_BYTES];

	if (*p->form == KEY_FORM_NONE || *p->form == KEY_FORM_SEALED)
		return ERR_NOTFOUND;
	if (under == NULL)
		return ERR_STATE;
	return unwrap(secret, aead, under, slice_of(p->wrapped, KEY_WRAPPED_BYTES),
	    ad_make(ad, AD_SECRET, account, p->number));
}

static enum err
place_find(struct place *p, struct key_account *a, struct key_more *more, uint32_t generation)
{
	if (generation == a->generation) {
		*p = place_now(a);
		return ERR_OK;
	}
	if (a->more.n == 0 || key_more_get(more, a->more) != ERR_OK)
		return ERR_NOTFOUND;
	for (unsigned i = 0; i < more->generation_n; i++) {
		*p = place_earlier(&more->generations[i]);
		if (p->number == generation)
			return ERR_OK;
	}
	return ERR_NOTFOUND;
}

enum err
key_pair_open(struct key_pair *pair, const struct key_account *account, uint32_t generation,
    struct cry_aead *aead, const struct key_opener *o)
{
	struct key_account a = *account;
	struct key_more more;
	struct place p;
	enum err e = place_find(&p, &a, &more, generation);

	if (e == ERR_OK)
		e = place_open(pair->secret, &p, a.id, aead, o);
	if (e == ERR_OK)
		cry_subkey(pair->epoch_wrap, pair->secret, "godwit epoch wrap");
	return e;
}

bool
key_pair_is_away(const struct key_account *a, uint32_t generation,
    struct key_generation *earlier)
{
	const struct key_generation *g;
	struct key_more more;

	memset(earlier, 0, sizeof(*earlier));
	if (generation == a->generation)
		return a->form == KEY_FORM_NONE;
	if (a->more.n == 0 || key_more_get(&more, a->more) != ERR_OK)
		return false;
	g = key_more_generation(&more, generation);
	if (g != NULL)
		*earlier = *g;
	return g != NULL && (g->form == KEY_FORM_NONE || g->form == KEY_FORM_SEALED);
}

static enum err
place_rewrap(const struct place *p, uint64_t account, struct cry_aead *aead,
    const struct key_opener *from, const struct key_opener *to, enum key_form form)
{
	unsigned char secret[32], ad[AD_BYTES];
	enum err e = place_open(secret, p, account, aead, from);

	if (e == ERR_OK) {
		*p->form = form;
		*p->vault = form == KEY_FORM_VAULT ? to->vault : 0;
		wrap(p->wrapped, aead, key_of(to, form, *p->vault), secret,
		    ad_make(ad, AD_SECRET, account, p->number));
	}
	secret_wipe(secret, sizeof(secret));
	return e;
}

enum err
key_pair_rewrap(struct key_account *a, struct key_more *more, struct cry_aead *aead,
    const struct key_opener *from, const struct key_opener *to, enum key_form form)
{
	struct place p = place_now(a);
	enum err e = ERR_OK, one = place_rewrap(&p, a->id, aead, from, to, form);

	for (unsigned i = 0;; i++) {
		/* Without a secret there is nothing to wrap. */
		if (one != ERR_OK && one != ERR_NOTFOUND)
			e = one;
		if (i == more->generation_n)
			return e;
		p = place_earlier(&more->generations[i]);
		one = place_rewrap(&p, a->id, aead, from, to, form);
	}
}

enum err
key_pair_release(uint64_t account, struct key_more *more, struct cry_aead *aead,
    const struct key_opener *from, const unsigned char public_key[32], uint32_t generation)
{
	unsigned char secret[32];
	enum err e = ERR_OK;

	for (unsigned i = 0; i < more->generation_n && e != ERR_CRYPTO; i++) {
		struct key_generation *g = &more->generations[i];
		const struct place p = place_earlier(g);
		enum err one = place_open(secret, &p, account, aead, from);

		if (one == ERR_NOTFOUND)
			continue;
		if (one == ERR_OK)
			one = cry_box_seal(g->sealed_secret, slice_of(secret, sizeof(secret)),
			    public_key);
		if (one != ERR_OK) {
			e = one;
			continue;
		}
		g->form = KEY_FORM_SEALED;
		g->vault = 0;
		g->sealed_to = generation;
		memset(g->wrapped_secret, 0, sizeof(g->wrapped_secret));
	}
	secret_wipe(secret, sizeof(secret));
	return e;
}

void
key_pair_wrap_value(unsigned char out[KEY_WRAPPED_BYTES], struct cry_aead *aead,
    const unsigned char value_root[32], uint32_t number, const unsigned char key[32])
{
	unsigned char ad[AD_BYTES];

	wrap(out, aead, value_root, key, ad_make(ad, AD_VALUE, number, 0));
}

enum err
key_pair_unwrap_value(unsigned char key[32], struct cry_aead *aead,
    const unsigned char value_root[32], uint32_t number, struct slice wrapped)
{
	unsigned char ad[AD_BYTES];

	return unwrap(key, aead, value_root, wrapped, ad_make(ad, AD_VALUE, number, 0));
}
