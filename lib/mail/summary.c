/* SPDX-License-Identifier: ISC */
#include "lib/mail/summary.h"

#include "lib/base/enc.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_date.h"
#include "lib/mail/imap_text.h"
#include "lib/mail/preview.h"

#define VERSION		1
#define TEXT_HARD_MAX	(64u << 20)	/* what one message can render */
#define BASIC_BYTES	19

/* Numbers on disk: never reuse one. */
enum item {
	ITEM_BASIC = 1,		/* u32 size, u32 header bytes, u8 has date, i64, i16 */
	ITEM_ENVELOPE = 2,
	ITEM_STRUCTURE = 3,
	ITEM_CUTS = 4,
	ITEM_PARTS = 5,
	ITEM_FIELDS = 6,
	ITEM_PREVIEW = 7
};

/*
 * What clients ask for in lists of messages.  A change of this list needs a
 * new VERSION: readers conclude from it that a message has no such field.
 * In order of length, then letters.
 */
#define KEPT(name)	{ (name), sizeof(name) - 1 }
static const struct slice kept[] = {
	KEPT("cc"), KEPT("to"), KEPT("bcc"), KEPT("date"), KEPT("from"),
	KEPT("lines"), KEPT("sender"), KEPT("x-tuid"), KEPT("list-id"),
	KEPT("subject"), KEPT("x-label"), KEPT("priority"), KEPT("reply-to"),
	KEPT("x-mailer"), KEPT("autocrypt"), KEPT("list-post"), KEPT("importance"),
	KEPT("message-id"), KEPT("newsgroups"), KEPT("precedence"),
	KEPT("references"), KEPT("user-agent"), KEPT("x-priority"),
	KEPT("feedback-id"), KEPT("in-reply-to"), KEPT("resent-date"),
	KEPT("resent-from"), KEPT("return-path"), KEPT("secure-join"),
	KEPT("x-spam-flag"), KEPT("chat-version"), KEPT("content-type"),
	KEPT("delivered-to"), KEPT("list-archive"), KEPT("mime-version"),
	KEPT("thread-topic"), KEPT("x-spam-level"), KEPT("x-spam-score"),
	KEPT("chat-group-id"), KEPT("mail-reply-to"), KEPT("x-original-to"),
	KEPT("x-spam-status"), KEPT("auto-submitted"), KEPT("list-subscribe"),
	KEPT("content-language"), KEPT("list-unsubscribe"), KEPT("mail-followup-to"),
	KEPT("x-msmail-priority"), KEPT("content-description"),
	KEPT("content-disposition"), KEPT("list-unsubscribe-post"),
	KEPT("authentication-results"), KEPT("x-forwarded-message-id"),
	KEPT("content-transfer-encoding"), KEPT("x-uniform-type-identifier"),
	KEPT("disposition-notification-to"), KEPT("x-microsoft-original-message-id"),
	KEPT("x-universally-unique-identifier")
};

bool
summary_keeps(struct slice name)
{
	for (size_t i = 0; i < lengthof(kept); i++)
		if (name.n == kept[i].n && slice_ieq(name, kept[i]))
			return true;
	return false;
}

static void
put_number(struct buf *b, size_t v)
{
	while (v >= 0x80) {
		buf_put_char(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_put_char(b, (char)v);
}

static void
put_item(struct buf *b, enum item tag, struct slice s)
{
	buf_put_char(b, (char)tag);
	put_number(b, s.n);
	buf_put_slice(b, s);
}

static void
put_kept(struct buf *b, struct slice header)
{
	struct hdr_iter it;
	struct hdr_field f;

	hdr_iter_init(&it, header);
	while (hdr_next(&it, &f)) {
		if (!summary_keeps(f.name))
			continue;
		buf_put_slice(b, f.raw);
		/* The last line of a cut header. */
		if (f.raw.p[f.raw.n - 1] != '\n')
			buf_put_str(b, "\r\n");
	}
}

static void
put_basic(struct buf *b, const struct mime *m, struct slice prefix)
{
	unsigned char mem[BASIC_BYTES] = { 0 };
	struct hdr_field f;
	struct hdr_date d;

	enc_le32(mem, m->bytes + (uint32_t)prefix.n);
	enc_le32(mem + 4, m->map.spans[0].header_bytes + (uint32_t)prefix.n);
	if (hdr_find(mime_top_header(m), "Date", &f) &&
	    hdr_date_parse(f.value, &d) == ERR_OK) {
		mem[8] = 1;
		enc_le64(mem + 9, (uint64_t)d.unix_s);
		enc_le16(mem + 17, (uint16_t)d.zone_minutes);
	}
	put_item(b, ITEM_BASIC, slice_of(mem, sizeof(mem)));
}

/* What is built before it is known whether it fits. */
struct pieces {
	struct buf	structure, cuts, parts, fields, preview;
};

static void
build(struct pieces *p, const struct mime *m, struct slice prefix,
    struct charset_set *set)
{
	buf_init(&p->structure, TEXT_HARD_MAX);
	buf_init(&p->cuts, 1u << 20);
	buf_init(&p->parts, 1u << 20);
	buf_init(&p->fields, SUMMARY_MAX);
	buf_init(&p->preview, 4 * SUMMARY_PREVIEW_CHARS + 4);
	/* Of most mail: they grow no more. */
	(void)buf_reserve(&p->structure, 512);
	(void)buf_reserve(&p->fields, 1000);
	(void)buf_reserve(&p->preview, 4 * SUMMARY_PREVIEW_CHARS);
	imap_text_put_structure(&p->structure, m, &p->cuts);
	mime_map_put(&m->map, (uint32_t)prefix.n, &p->parts);
	put_kept(&p->fields, prefix);
	put_kept(&p->fields, mime_top_header(m));
	preview_put(&p->preview, m, set, SUMMARY_PREVIEW_CHARS);
}

static void
drop(struct pieces *p)
{
	buf_fini(&p->structure);
	buf_fini(&p->cuts);
	buf_fini(&p->parts);
	buf_fini(&p->fields);
	buf_fini(&p->preview);
}

/* Length with tag and length number, 0 for what is left out. */
static size_t
cost(bool has, size_t n)
{
	return has ? n + 4 : 0;
}

enum err
summary_put(struct buf *b, const struct mime *m, struct slice prefix,
    struct charset_set *set)
{
	struct slice envelope = mime_text(m, m->meta[0].envelope);
	struct pieces p;
	bool has_envelope = mime_has(m->meta[0].envelope);
	/* A header that was not read to its end may have more fields. */
	bool cut = m->top.n < m->map.spans[0].header_bytes;
	bool has_parts, has_structure, has_fields, has_preview = true;
	size_t room = SUMMARY_MAX - 1 - BASIC_BYTES - 4;

	build(&p, m, prefix, set);
	has_parts = buf_err(&p.parts) == ERR_OK;
	has_structure = buf_err(&p.structure) == ERR_OK && buf_err(&p.cuts) == ERR_OK;
	has_fields = buf_err(&p.fields) == ERR_OK && !cut;
#define TOTAL	(cost(has_envelope, envelope.n) + cost(has_parts, p.parts.n) + \
	cost(has_structure, p.structure.n + 4 + p.cuts.n) + \
	cost(has_fields, p.fields.n) + cost(has_preview, p.preview.n))
	if (TOTAL > room)
		has_preview = false;
	if (TOTAL > room)
		has_fields = false;
	if (TOTAL > room)
		has_structure = false;
	if (TOTAL > room)
		has_parts = false;
	if (TOTAL > room)
		has_envelope = false;
#undef TOTAL
	buf_put_char(b, VERSION);
	put_basic(b, m, prefix);
	if (has_envelope)
		put_item(b, ITEM_ENVELOPE, envelope);
	if (has_structure) {
		put_item(b, ITEM_STRUCTURE, buf_slice(&p.structure));
		put_item(b, ITEM_CUTS, buf_slice(&p.cuts));
	}
	if (has_parts)
		put_item(b, ITEM_PARTS, buf_slice(&p.parts));
	if (has_fields)
		put_item(b, ITEM_FIELDS, buf_slice(&p.fields));
	if (has_preview)
		put_item(b, ITEM_PREVIEW, buf_slice(&p.preview));
	drop(&p);
	return buf_err(b);
}

static bool
get_number(struct slice *s, size_t *v)
{
	*v = 0;
	for (unsigned shift = 0; s->n > 0 && shift < 28; shift += 7) {
		unsigned char c = (unsigned char)s->p[0];

		*s = slice_from(*s, 1);
		*v |= (size_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return true;
	}
	return false;
}

static bool
get_basic(struct summary *sum, struct slice s)
{
	if (s.n != BASIC_BYTES || (unsigned char)s.p[8] > 1)
		return false;
	sum->size = dec_le32(s.p);
	sum->header_bytes = dec_le32(s.p + 4);
	sum->has_sent = s.p[8] == 1;
	sum->sent_s = (int64_t)dec_le64(s.p + 9);
	sum->sent_zone = (int16_t)dec_le16(s.p + 17);
	return sum->header_bytes <= sum->size && sum->sent_zone > -24 * 60 &&
	    sum->sent_zone < 24 * 60;
}

static bool
get_item(struct summary *sum, unsigned tag, struct slice s, bool *basic)
{
	switch (tag) {
	case ITEM_BASIC:
		*basic = true;
		return get_basic(sum, s);
	case ITEM_ENVELOPE:
		sum->envelope = s;
		sum->has_envelope = true;
		break;
	case ITEM_STRUCTURE:
		sum->structure = s;
		sum->has_structure = true;
		break;
	case ITEM_CUTS:
		sum->cuts = s;
		break;
	case ITEM_PARTS:
		sum->parts = s;
		sum->has_parts = true;
		break;
	case ITEM_FIELDS:
		sum->fields = s;
		sum->has_fields = true;
		break;
	case ITEM_PREVIEW:
		sum->preview = s;
		sum->has_preview = true;
		return utf8_ok(s);
	default:
		break;
	}
	return true;
}

enum err
summary_get(struct summary *sum, struct slice s)
{
	bool basic = false;

	*sum = (struct summary){ 0 };
	if (s.n == 0)
		return ERR_CORRUPT;
	if (s.p[0] != VERSION)
		return ERR_VERSION;
	s = slice_from(s, 1);
	while (s.n > 0) {
		unsigned tag = (unsigned char)s.p[0];
		size_t n;

		s = slice_from(s, 1);
		if (!get_number(&s, &n) || n > s.n ||
		    !get_item(sum, tag, slice_head(s, n), &basic))
			return ERR_CORRUPT;
		s = slice_from(s, n);
	}
	return basic ? ERR_OK : ERR_CORRUPT;
}

void
summary_put_body(struct buf *b, const struct summary *sum)
{
	imap_text_put_body(b, sum->structure, sum->cuts);
}
