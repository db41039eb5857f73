/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp2_answer.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp2_postage.h"
#include "lib/cmtp/cmtp_reply.h"

enum { ANSWER_HEAD_BYTES = 4 + 1 + 4 };

struct cmtp_sign
cmtp2_answer_sign(const struct cmtp2_asked *asked, enum cmtp2_what what, struct slice content,
    const unsigned char share[CRY_KEY_BYTES])
{
	static const char numbers[] = { 0, CMTP2_STATUSES, CMTP2_POSTAGE, CMTP2_REFUSED,
		CMTP2_STALE, CMTP2_BY_SMTP };

	return (struct cmtp_sign){ .purpose = "mail-reply",
	    .fields = { slice_of(asked->digest, CMTP_DIGEST_BYTES), slice_of(&numbers[what], 1),
	    content, slice_of(asked->proof->share, CRY_KEY_BYTES), slice_of(share, CRY_KEY_BYTES) },
	    .count = 5 };
}

/* ---- the receiver of mail */

static bool
is_text(char c)
{
	return (unsigned char)c >= 0x20 && c != 0x7f;
}

void
cmtp2_answer_put_status(struct buf *b, unsigned class, struct slice text)
{
	text = slice_head(text, CMTP2_TEXT_MAX);
	while (text.n > 0 && !utf8_ok(text))
		text.n--;
	buf_put_char(b, (char)class);
	for (size_t i = 0; i < text.n; i++)
		buf_put_char(b, is_text(text.p[i]) ? text.p[i] : ' ');
	buf_put_char(b, '\0');
}

void
cmtp2_answer_put(struct buf *b, enum cmtp2_what what, struct slice content,
    const struct cmtp2_proof *proof)
{
	unsigned char head[ANSWER_HEAD_BYTES];

	must(content.n <= CMTP2_CONTENT_MAX);
	enc_be32(head, CMTP2_VERSION);
	head[4] = (unsigned char)what;
	enc_be32(head + 5, (uint32_t)content.n);
	buf_put(b, head, sizeof(head));
	buf_put_slice(b, content);
	cmtp2_proof_put(b, proof);
}

/* ---- its sender */

enum err
cmtp2_answer_get_status(struct slice *content, unsigned *class, struct slice *text)
{
	size_t n;

	if (content->n == 0)
		return ERR_END;
	*class = (unsigned char)content->p[0];
	*text = slice_from(*content, 1);
	n = slice_find(*text, '\0');
	if (n == text->n || n > CMTP2_TEXT_MAX || (*class != 2 && *class != 4 && *class != 5))
		return ERR_SYNTAX;
	*content = slice_from(*text, n + 1);
	*text = slice_head(*text, n);
	for (size_t i = 0; i < n; i++)
		if (!is_text(text->p[i]))
			return ERR_SYNTAX;
	return utf8_ok(*text) ? ERR_OK : ERR_SYNTAX;
}

static bool
has_statuses(struct slice content, unsigned count)
{
	struct slice text;
	unsigned class;

	for (; count > 0; count--)
		if (cmtp2_answer_get_status(&content, &class, &text) != ERR_OK)
			return false;
	return content.n == 0;
}

static bool
is_sound(const struct cmtp2_answer *a, unsigned destinations)
{
	struct cmtp2_price price;
	enum err e;

	switch (a->what) {
	case CMTP2_STATUSES:
		return has_statuses(a->content, destinations);
	case CMTP2_POSTAGE:
		/* One that nobody pays is a price all the same. */
		e = cmtp2_postage_read(&price, a->content);
		return e != ERR_SYNTAX;
	case CMTP2_REFUSED:
	case CMTP2_STALE:
	case CMTP2_BY_SMTP:
		return has_statuses(a->content, 1);
	}
	return false;
}

static enum err
read_failure(struct cmtp2_answer *a, struct slice *in)
{
	struct cmtp_reply r;
	enum err e = cmtp_reply_read(&r, CMTP_REPLY_STATUS, in);

	a->is_failure = true;
	return e == ERR_OK && !r.is_failure ? ERR_SYNTAX : e;
}

enum err
cmtp2_answer_read(struct cmtp2_answer *a, unsigned destinations, struct slice *in)
{
	struct slice rest;
	uint32_t n;
	enum err e;

	memset(a, 0, sizeof(*a));
	if (in->n > 0 && in->p[0] != '\0')
		return read_failure(a, in);
	if (in->n < ANSWER_HEAD_BYTES)
		return ERR_SHORT;
	if (dec_be32(in->p) != CMTP2_VERSION)
		return ERR_VERSION;
	n = dec_be32(in->p + 5);
	if (in->p[4] < CMTP2_STATUSES || in->p[4] > CMTP2_BY_SMTP || n > CMTP2_CONTENT_MAX)
		return ERR_SYNTAX;
	rest = slice_from(*in, ANSWER_HEAD_BYTES + n);
	if (in->n < ANSWER_HEAD_BYTES + n)
		return ERR_SHORT;
	if ((e = cmtp2_proof_read(&a->proof, &rest)) != ERR_OK)
		return e;
	a->what = (enum cmtp2_what)in->p[4];
	a->content = slice_of(in->p + ANSWER_HEAD_BYTES, n);
	if (!is_sound(a, destinations))
		return ERR_SYNTAX;
	*in = rest;
	return ERR_OK;
}

enum err
cmtp2_answer_verify(const struct cmtp2_answer *a, const struct cmtp2_asked *asked,
    const unsigned char server_sign[CRY_KEY_BYTES])
{
	struct cmtp2_proof made;
	struct cmtp_sign s;

	if (a->is_failure)
		return ERR_CORRUPT;
	if (a->proof.kind == CMTP2_SIGNED) {
		s = cmtp2_answer_sign(asked, a->what, a->content, a->proof.share);
		return cmtp_sign_verify(a->proof.sig, &s, server_sign);
	}
	/* Who signed the request has not the pact yet by which this could be proven. */
	if (asked->proof->kind != CMTP2_MAC || !asked->pact->stands)
		return ERR_CORRUPT;
	cmtp2_pact_prove_answer(&made, asked->pact, asked->digest, (unsigned char)a->what, a->content);
	return cmtp2_proof_is_mac(&a->proof, &made) ? ERR_OK : ERR_CORRUPT;
}
