/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/letter_open.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"

static const char name[] = "MAIL";	/* and its NUL: what was left out */

static void
begin(struct letter_open *o)
{
	struct slice in = slice_of(name, sizeof(name));

	cmtp_parser_init(&o->parser, &o->limits);
	o->box_count = 0;
	o->front_n = 0;
	o->left = 0;
	o->piece = SLICE_NONE;
	o->has_part = o->ended = false;
	o->error = ERR_OK;
	if (cmtp_parser_next(&o->parser, &in) != CMTP_EV_MORE)
		o->error = ERR_CORRUPT;
}

void
letter_open_init(struct letter_open *o, const struct letter_open_facts *f)
{
	memset(o, 0, sizeof(*o));
	o->facts = *f;
	/* Cut is found at its end; what its lengths say is held against what is there. */
	o->limits = (struct cmtp_limits){ .message_bytes = f->bytes, .takes_plaintext = true };
	buf_init(&o->text, CMTP_TEXT_MAX);
	begin(o);
}

void
letter_open_fini(struct letter_open *o)
{
	cmtp_parser_fini(&o->parser);
	if (o->has_mail)
		letter_mail_fini(&o->mail);
	cry_box_free(&o->box);
	if (o->keys != NULL)
		secret_wipe(o->keys, o->key_cap * sizeof(*o->keys));
	free(o->keys);
	buf_fini(&o->text);
	o->has_mail = false;
	o->keys = NULL;
}

/* ---- the envelope */

/* The parser's text does not last. */
static struct slice
keep(struct letter_open *o, struct slice s)
{
	size_t at = o->text.n;

	buf_put_slice(&o->text, s);
	return slice_of(buf_data(&o->text) + at, s.n);
}

static void
take_envelope(struct letter_open *o)
{
	const struct cmtp_parser *p = &o->parser;
	struct letter_mail_facts f = { .domain = o->facts.domain, .trace = o->facts.trace,
		.message_id = o->facts.message_id, .arrived_s = o->facts.arrived_s,
		.attachments = p->mail.attachments };

	o->is_plain = p->mail.is_plaintext;
	if (o->is_second)
		return;
	/* Room for all of it, so that nothing moves. */
	must(buf_reserve(&o->text, CMTP_TEXT_MAX) != NULL);
	f.to_user = keep(o, p->param[CMTP_TO_USER]);
	f.to_domain = keep(o, p->param[CMTP_TO_DOMAIN]);
	f.from_user = keep(o, p->param[CMTP_FROM_USER]);
	f.from_domain = keep(o, p->param[CMTP_FROM_DOMAIN]);
	f.log = keep(o, p->log);
	letter_mail_init(&o->mail, &f);
	o->has_mail = true;
}

/* ---- boxes */

static enum err
end_part(struct letter_open *o, struct buf *out)
{
	enum err e = ERR_OK;

	if (!o->has_part)
		return ERR_OK;
	o->has_part = false;
	if (o->left > 0)
		return ERR_CORRUPT;
	if (!o->is_plain) {
		/* The first time found it good; the bytes are the same. */
		if (!o->is_second)
			e = cry_box_check(o->box, o->front + CRY_KEY_BYTES);
		cry_box_free(&o->box);
		o->box_count += e == ERR_OK;
	}
	if (e == ERR_OK)
		letter_mail_box_end(&o->mail, out);
	return e;
}

static enum err
begin_part(struct letter_open *o, struct buf *out)
{
	enum err e = end_part(o, out);

	if (e != ERR_OK)
		return e;
	o->has_part = true;
	o->left = o->parser.part_bytes;
	o->front_n = 0;
	if (!o->is_plain && (o->left < CRY_SEAL_BYTES || o->box_count == LETTER_OPEN_BOXES_MAX))
		return ERR_CORRUPT;
	letter_mail_box(&o->mail, out);
	return ERR_OK;
}

static void
open_piece(struct letter_open *o, struct slice in, struct buf *out)
{
	unsigned char plain[4096];

	if (!o->is_second)
		cry_box_add(o->box, in);
	while (in.n > 0) {
		struct slice part = slice_head(in, sizeof(plain));

		cry_box_stream(o->box, plain, part);
		letter_mail_feed(&o->mail, slice_of(plain, part.n), out);
		in = slice_from(in, part.n);
	}
	secret_wipe(plain, sizeof(plain));
}

/* ERR_AGAIN: its key is needed. */
static enum err
take_piece(struct letter_open *o, struct buf *out)
{
	struct slice in = o->piece;
	size_t n;

	o->piece = SLICE_NONE;
	if (o->is_plain) {
		o->left -= in.n;
		letter_mail_feed(&o->mail, in, out);
		return ERR_OK;
	}
	n = sizeof(o->front) - o->front_n < in.n ? sizeof(o->front) - o->front_n : in.n;
	if (n > 0)
		memcpy(o->front + o->front_n, in.p, n);
	o->front_n += n;
	o->left -= n;
	in = slice_from(in, n);
	if (o->front_n < sizeof(o->front))
		return ERR_OK;
	if (o->box == NULL && o->is_second)
		o->box = cry_box_new(&o->keys[o->box_count]);
	if (o->box == NULL) {
		o->piece = in;
		return ERR_AGAIN;
	}
	o->left -= in.n;
	open_piece(o, in, out);
	return ERR_OK;
}

struct slice
letter_open_ephemeral(const struct letter_open *o)
{
	return slice_of(o->front, CRY_KEY_BYTES);
}

void
letter_open_key(struct letter_open *o, const unsigned char shared[CRY_KEY_BYTES],
    const unsigned char owner[CRY_KEY_BYTES])
{
	struct cry_box_key *k;

	if (o->box_count == o->key_cap) {
		uint32_t cap = o->key_cap > 0 ? 2 * o->key_cap : 4;
		struct cry_box_key *more = must_alloc(cap, sizeof(*more));

		if (o->key_cap > 0) {
			memcpy(more, o->keys, o->key_cap * sizeof(*more));
			secret_wipe(o->keys, o->key_cap * sizeof(*o->keys));
		}
		free(o->keys);
		o->keys = more;
		o->key_cap = cap;
	}
	k = &o->keys[o->box_count];
	memcpy(k->shared, shared, CRY_KEY_BYTES);
	memcpy(k->ephemeral, o->front, CRY_KEY_BYTES);
	memcpy(k->owner, owner, CRY_KEY_BYTES);
	o->box = cry_box_new(k);
}

/* ---- feed */

static enum err
take_event(struct letter_open *o, enum cmtp_event ev, struct buf *out)
{
	enum err e;

	switch (ev) {
	case CMTP_EV_MAIL:
		take_envelope(o);
		return ERR_OK;
	case CMTP_EV_PART:
		return begin_part(o, out);
	case CMTP_EV_DATA:
		o->piece = o->parser.piece;
		return take_piece(o, out);
	case CMTP_EV_END:
		if ((e = end_part(o, out)) == ERR_OK)
			letter_mail_end(&o->mail, out);
		o->ended = true;
		return e;
	case CMTP_EV_MORE:
	case CMTP_EV_COMMAND:
	case CMTP_EV_MAIL2:
	case CMTP_EV_END2:
	case CMTP_EV_FAULT:
		break;
	}
	return ERR_CORRUPT;
}

static enum err
feed(struct letter_open *o, struct slice *in, struct buf *out)
{
	enum cmtp_event ev;
	enum err e;

	/* What waited for its key: also an empty piece, behind which others come. */
	if (o->box != NULL && o->piece.n > 0) {
		if ((e = take_piece(o, out)) != ERR_OK)
			return e;
	}
	while (!o->ended) {
		if ((ev = cmtp_parser_next(&o->parser, in)) == CMTP_EV_MORE)
			return ERR_OK;
		if ((e = take_event(o, ev, out)) != ERR_OK)
			return e;
	}
	return in->n == 0 ? ERR_OK : ERR_CORRUPT;
}

enum err
letter_open_feed(struct letter_open *o, struct slice *in, struct buf *out)
{
	struct slice piece = slice_head(*in, LETTER_OPEN_PIECE), rest = piece;
	enum err e = o->error;

	if (e == ERR_OK)
		e = feed(o, &rest, out);
	if (e == ERR_OK && out != NULL)
		e = buf_err(out);
	*in = slice_from(*in, piece.n - rest.n);
	if (e != ERR_OK && e != ERR_AGAIN)
		o->error = e;
	return e;
}

enum err
letter_open_end(const struct letter_open *o)
{
	return o->error == ERR_OK && o->ended ? ERR_OK : ERR_CORRUPT;
}

void
letter_open_again(struct letter_open *o)
{
	must(letter_open_end(o) == ERR_OK && !o->is_second);
	cmtp_parser_fini(&o->parser);
	o->is_second = true;
	letter_mail_again(&o->mail);
	begin(o);
}

uint64_t
letter_open_bytes(const struct letter_open *o)
{
	return letter_mail_size(&o->mail);
}

bool
letter_open_fits(const struct letter_open *o)
{
	return o->box_count > 0 || o->is_plain;
}
