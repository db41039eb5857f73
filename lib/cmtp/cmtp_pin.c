/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp_pin.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

enum { FORMAT = 1, HEAD_BYTES = 2 + 3 * 8 };

/* ---- bytes */

enum err
cmtp_pin_get(struct cmtp_pin *p, struct slice bytes)
{
	struct slice rest = slice_from(bytes, HEAD_BYTES);
	unsigned why;
	enum err e;

	memset(p, 0, sizeof(*p));
	if (bytes.n < HEAD_BYTES)
		return ERR_SHORT;
	if (bytes.p[0] != FORMAT)
		return ERR_VERSION;
	why = (unsigned char)bytes.p[1];
	if (why > CMTP_CHAIN_EARLY + 1)
		return ERR_SYNTAX;
	p->is_broken = why > 0;
	p->why = why > 0 ? (enum cmtp_chain)(why - 1) : CMTP_CHAIN_NEW;
	p->first_s = dec_be64(bytes.p + 2);
	p->last_s = dec_be64(bytes.p + 10);
	p->broken_s = dec_be64(bytes.p + 18);
	e = cmtp_key_read(&p->newest, &rest);
	return e == ERR_OK && rest.n > 0 ? ERR_SYNTAX : e;
}

void
cmtp_pin_put(struct buf *b, const struct cmtp_pin *p)
{
	unsigned char head[HEAD_BYTES];
	enum err e;

	head[0] = FORMAT;
	head[1] = p->is_broken ? (unsigned char)(p->why + 1) : 0;
	enc_be64(head + 2, p->first_s);
	enc_be64(head + 10, p->last_s);
	enc_be64(head + 18, p->broken_s);
	buf_put(b, head, sizeof(head));
	e = cmtp_key_put(b, &p->newest);
	must(e == ERR_OK);	/* it was read */
}

/* ---- records */

static enum err
read_all(struct cmtp_key *v, unsigned *n, struct slice records)
{
	*n = 0;
	while (records.n > 0) {
		if (*n == CMTP_PIN_RECORDS_MAX)
			return ERR_LIMIT;
		if (cmtp_key_read(&v[*n], &records) != ERR_OK)
			return ERR_SYNTAX;
		++*n;
	}
	return *n > 0 ? ERR_OK : ERR_NOTFOUND;
}

/* To the last byte: it was verified when it was pinned. */
static bool
is_pinned(const struct cmtp_pin *known, const struct cmtp_key *k)
{
	struct buf a, b;
	bool is_same;

	if (known == NULL || known->newest.serial != k->serial)
		return false;
	buf_init(&a, CMTP_KEY_RECORD_MAX);
	buf_init(&b, CMTP_KEY_RECORD_MAX);
	is_same = cmtp_key_put(&a, &known->newest) == ERR_OK && cmtp_key_put(&b, k) == ERR_OK &&
	    slice_eq(buf_slice(&a), buf_slice(&b));
	buf_fini(&a);
	buf_fini(&b);
	return is_same;
}

static enum err
verify_all(const struct cmtp_pin *known, const struct cmtp_key *v, unsigned n,
    const unsigned char *server_sign)
{
	for (unsigned i = 0; i < n; i++)
		if (!is_pinned(known, &v[i]) && cmtp_key_verify(&v[i], server_sign != NULL ? server_sign : v[i].sign) != ERR_OK)
			return ERR_CORRUPT;
	return ERR_OK;
}

static bool
is_asked(const struct cmtp_key *k, const struct cmtp_pin_asked *a)
{
	return slice_eq(k->domain, a->domain) && slice_ieq(k->user, a->user);
}

bool
cmtp_pin_is_good(enum cmtp_chain c)
{
	return c == CMTP_CHAIN_NEW || c == CMTP_CHAIN_SAME || c == CMTP_CHAIN_NEXT ||
	    c == CMTP_CHAIN_REUSED;
}

bool
cmtp_pin_is_break(enum cmtp_chain c)
{
	return !cmtp_pin_is_good(c) && c != CMTP_CHAIN_ENDED && c != CMTP_CHAIN_EXPIRED;
}

/* Where the known record is among them, if it is: what is before says nothing new. */
static unsigned
start_of(const struct cmtp_key *known, const struct cmtp_key *v, unsigned n)
{
	for (unsigned i = n; known != NULL && i-- > 0;) {
		enum cmtp_chain c = cmtp_chain_judge(known, &v[i], v[i].created_s);

		if (c == CMTP_CHAIN_SAME || (c == CMTP_CHAIN_ENDED && known->kind == CMTP_KEY_END &&
		    v[i].serial == known->serial))
			return i;
	}
	return 0;
}

/*
 * Along the chain: each link is judged as of its own time, the last as of now.
 * *reached: the last that belongs to the chain.
 */
static enum cmtp_chain
walk(const struct cmtp_key *known, const struct cmtp_pin_asked *a, const struct cmtp_key *v,
    unsigned n, const struct cmtp_key **reached)
{
	enum cmtp_chain c = CMTP_CHAIN_OTHER;
	uint64_t at_s;

	*reached = known;
	for (unsigned i = start_of(known, v, n); i < n; i++) {
		if (!is_asked(&v[i], a))
			return CMTP_CHAIN_OTHER;
		at_s = i + 1 < n ? v[i].created_s : a->now_s;
		c = cmtp_chain_judge(*reached, &v[i], at_s);
		/* Who knows none takes the newest, whatever befell the chain before. */
		if (known == NULL && c != CMTP_CHAIN_OLD && cmtp_pin_is_break(c))
			c = cmtp_chain_judge(NULL, &v[i], at_s);
		if (!cmtp_pin_is_break(c))
			*reached = &v[i];
		else if (c != CMTP_CHAIN_OLD)
			return c;
	}
	return c;
}

enum err
cmtp_pin_take(struct cmtp_pin *fresh, const struct cmtp_pin *known,
    const struct cmtp_pin_asked *a, struct slice records, enum cmtp_chain *verdict)
{
	struct cmtp_key v[CMTP_PIN_RECORDS_MAX];
	const struct cmtp_key *reached;
	unsigned n;
	enum err e = read_all(v, &n, records);

	if (e == ERR_OK)
		e = verify_all(known, v, n, a->server_sign);
	if (e != ERR_OK)
		return e;
	*verdict = walk(known != NULL ? &known->newest : NULL, a, v, n, &reached);
	/* Not the asked one's, or nothing to begin with: there is nothing to keep. */
	if (reached == NULL || (known == NULL && cmtp_pin_is_break(*verdict)))
		return ERR_CORRUPT;
	if (known != NULL)
		*fresh = *known;
	else
		*fresh = (struct cmtp_pin){ .first_s = a->now_s };
	if (cmtp_pin_is_break(*verdict)) {
		fresh->broken_s = fresh->is_broken ? fresh->broken_s : a->now_s;
		fresh->is_broken = true;
		fresh->why = *verdict;
		return ERR_OK;
	}
	fresh->newest = *reached;
	fresh->is_broken = false;
	fresh->broken_s = 0;
	fresh->last_s = a->now_s;
	return ERR_OK;
}

/* ---- DNS */

enum err
cmtp_pin_fits_txt(struct slice records, struct slice txt)
{
	struct slice key = slice_trim(txt);
	struct cmtp_key k;
	struct buf b;
	enum err e = ERR_CORRUPT;

	if (!slice_istarts(key, "v=CMTP2;"))
		return ERR_NOTFOUND;
	key = slice_trim(slice_from(key, 8));
	if (!slice_starts(key, "p="))
		return ERR_CORRUPT;
	buf_init(&b, CRY_KEY_BYTES);
	if (enc_get_base64(&b, slice_from(key, 2)) != ERR_OK || b.n != CRY_KEY_BYTES)
		records = SLICE_NONE;
	while (e == ERR_CORRUPT && records.n > 0 && cmtp_key_read(&k, &records) == ERR_OK)
		if (slice_eq(buf_slice(&b), slice_of(k.sign, sizeof(k.sign))))
			e = ERR_OK;
	buf_fini(&b);
	return e;
}
