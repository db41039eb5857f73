/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp2_mail.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

#define POSTAGE_AT	(CMTP2_HEAD_BYTES - 2)

static bool
put_name(struct buf *b, struct slice s)
{
	if (s.n > CMTP_PARAM_MAX || slice_find(s, '\0') < s.n || !utf8_ok(s))
		return false;
	buf_put_slice(b, s);
	buf_put_char(b, '\0');
	return true;
}

enum err
cmtp2_mail_put(struct buf *b, const struct cmtp2_mail *m, const struct slice *users)
{
	unsigned char head[CMTP2_HEAD_BYTES];

	if (m->destinations == 0 || m->destinations > CMTP2_DESTINATIONS_MAX)
		return ERR_LIMIT;
	enc_be32(head, CMTP2_VERSION);
	enc_be32(head + 4, m->destinations);
	enc_be64(head + 8, m->time_s);
	enc_be64(head + 16, m->serial);
	enc_be64(head + 24, m->object_bytes);
	cmtp2_mail_unpay((char *)head);
	buf_put(b, head, sizeof(head));
	if (!put_name(b, m->source_user) || !put_name(b, m->source_domain) ||
	    !put_name(b, m->domain))
		return ERR_SYNTAX;
	for (uint32_t i = 0; i < m->destinations; i++)
		if (!put_name(b, users[i]))
			return ERR_SYNTAX;
	return buf_err(b);
}

void
cmtp2_mail_command(struct buf *b, struct slice envelope, struct slice postage)
{
	must(envelope.n >= CMTP2_HEAD_BYTES);
	must(postage.n == 0 || postage.n == CMTP2_POSTAGE_BYTES);
	buf_put(b, "MAIL2", 6);
	buf_put_slice(b, slice_head(envelope, POSTAGE_AT));
	buf_put_char(b, '\0');
	buf_put_char(b, (char)postage.n);
	buf_put_slice(b, slice_from(envelope, CMTP2_HEAD_BYTES));
	buf_put_slice(b, postage);
}

void
cmtp2_mail_unpay(char *head)
{
	head[POSTAGE_AT] = head[POSTAGE_AT + 1] = '\0';
}

enum err
cmtp2_mail_read_head(struct cmtp2_mail *m, struct slice head)
{
	const unsigned char *p = (const unsigned char *)head.p;

	must(head.n == CMTP2_HEAD_BYTES);
	*m = (struct cmtp2_mail){ .destinations = dec_be32(p + 4), .time_s = dec_be64(p + 8),
	    .serial = dec_be64(p + 16), .object_bytes = dec_be64(p + 24),
	    .postage_bytes = (uint16_t)(p[POSTAGE_AT] << 8 | p[POSTAGE_AT + 1]) };
	return dec_be32(p) == CMTP2_VERSION ? ERR_OK : ERR_VERSION;
}

void
cmtp2_mail_read_names(struct cmtp2_mail *m, struct slice names)
{
	names = slice_cut(names, '\0', &m->source_user);
	names = slice_cut(names, '\0', &m->source_domain);
	m->users = slice_cut(names, '\0', &m->domain);
}

bool
cmtp2_mail_user(struct slice *users, struct slice *user)
{
	if (users->n == 0)
		return false;
	*users = slice_cut(*users, '\0', user);
	return true;
}

/* So many names that end in NUL, and nothing else. */
static bool
are_names(struct slice s, uint32_t count)
{
	struct slice name;
	size_t n;

	for (; count > 0; count--) {
		n = slice_find(s, '\0');
		name = slice_head(s, n);
		if (n == s.n || n > CMTP_PARAM_MAX || !utf8_ok(name))
			return false;
		s = slice_from(s, n + 1);
	}
	return s.n == 0;
}

enum err
cmtp2_mail_read(struct cmtp2_mail *m, struct slice envelope)
{
	struct slice names = slice_from(envelope, CMTP2_HEAD_BYTES);
	enum err e;

	if (envelope.n < CMTP2_HEAD_BYTES)
		return ERR_SYNTAX;
	if ((e = cmtp2_mail_read_head(m, slice_head(envelope, CMTP2_HEAD_BYTES))) != ERR_OK)
		return e;
	if (m->destinations == 0 || m->destinations > CMTP2_DESTINATIONS_MAX)
		return ERR_LIMIT;
	if (m->postage_bytes != 0 || !are_names(names, CMTP2_NAMES + m->destinations))
		return ERR_SYNTAX;
	cmtp2_mail_read_names(m, names);
	return ERR_OK;
}

struct cmtp_sign
cmtp2_mail_sign(struct slice envelope, const unsigned char object_hash[CRY_HASH_BYTES],
    const unsigned char share[CRY_KEY_BYTES])
{
	return (struct cmtp_sign){ .purpose = "mail", .fields = { envelope,
	    slice_of(object_hash, CRY_HASH_BYTES), slice_of(share, CRY_KEY_BYTES) }, .count = 3 };
}

void
cmtp2_mail_digest(unsigned char out[CMTP_DIGEST_BYTES], struct slice envelope,
    const unsigned char object_hash[CRY_HASH_BYTES])
{
	const struct cmtp_sign s = { .purpose = "mail-digest",
	    .fields = { envelope, slice_of(object_hash, CRY_HASH_BYTES) }, .count = 2 };

	cmtp_sign_digest(out, &s);
}
