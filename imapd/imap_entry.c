/* SPDX-License-Identifier: ISC */
#include "imapd/imap_entry.h"

#include "imapd/imap_casemap.h"
#include "imapd/imap_subject.h"
#include "lib/base/enc.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_addr.h"
#include "lib/mail/hdr_date.h"
#include "lib/mail/hdr_word.h"
#include "lib/mail/thread_hash.h"

#define VERSION		2
#define HEAD_BYTES	24	/* version, bits, cut, present, sent, zone, id */
#define VALUE_MAX	(8 * IMAP_ENTRY_TEXT_MAX)	/* of a field, looked at */

enum bits { HAS_SENT = 1, IS_REPLY = 2, HAS_ID = 4 };

static const struct slice names[] = {
	[IMAP_TEXT_SUBJECT] = { "Subject", 7 }, [IMAP_TEXT_FROM] = { "From", 4 },
	[IMAP_TEXT_TO] = { "To", 2 }, [IMAP_TEXT_CC] = { "Cc", 2 },
	[IMAP_TEXT_BCC] = { "Bcc", 3 }, [IMAP_TEXT_MESSAGE_ID] = { "Message-ID", 10 },
};

bool
imap_entry_find(struct slice name, bool is_raw, enum imap_text *which)
{
	for (size_t i = 0; i < lengthof(names); i++) {
		if (name.n != names[i].n || !slice_ieq(name, names[i]) ||
		    (is_raw && i >= IMAP_TEXT_FROM && i <= IMAP_TEXT_BCC))
			continue;
		*which = (enum imap_text)i;
		return true;
	}
	return false;
}

/* ---- make ---- */

/* As much of s as fits, mapped. */
static void
add_text(struct imap_entry_maker *m, enum imap_text which, struct slice s)
{
	struct buf *b = &m->text[which];

	if (s.n > IMAP_ENTRY_TEXT_MAX) {
		s = slice_head(s, IMAP_ENTRY_TEXT_MAX);
		m->cut |= (uint16_t)(1u << which);
	}
	imap_casemap(b, s);
	if (b->n > IMAP_ENTRY_TEXT_MAX) {
		buf_truncate(b, IMAP_ENTRY_TEXT_MAX);
		m->cut |= (uint16_t)(1u << which);
	}
}

static struct slice
decode(struct imap_entry_maker *m, struct slice value)
{
	buf_reset(&m->decoded);
	hdr_word_decode(m->charsets, slice_head(value, VALUE_MAX), &m->decoded);
	return buf_slice(&m->decoded);
}

static void
add_subject(struct imap_entry_maker *m, struct slice decoded)
{
	bool is_reply;

	buf_reset(&m->flat);
	imap_subject_flatten(&m->flat, decoded);
	add_text(m, IMAP_TEXT_BASE, imap_subject_base(buf_slice(&m->flat), &is_reply));
	if (is_reply)
		m->bits |= IS_REPLY;
}

/* An address as the envelope has it: name <route:box@host>, or what there is of it. */
static void
put_address(struct imap_entry_maker *m, const struct hdr_addr *a, bool whole)
{
	bool has_name = a->has_name && a->name.n > 0;

	buf_reset(&m->flat);
	if (has_name)
		hdr_word_decode(m->charsets, slice_head(a->name, VALUE_MAX), &m->flat);
	if (a->local.n == 0 || (has_name && !whole))
		return;
	buf_put_str(&m->flat, has_name ? " <" : "");
	if (whole && a->route.n > 0) {
		buf_put_slice(&m->flat, a->route);
		buf_put_char(&m->flat, ':');
	}
	buf_put_slice(&m->flat, a->local);
	if (a->domain.n > 0) {
		buf_put_char(&m->flat, '@');
		buf_put_slice(&m->flat, a->domain);
	}
	buf_put_str(&m->flat, has_name ? ">" : "");
}

/* The first address of all: RFC 5256 s3 by its mailbox, a group by its name;
 * RFC 5957 s3 by its display name, else what there is. */
static void
add_first(struct imap_entry_maker *m, enum imap_text which, const struct hdr_addr *a)
{
	static const enum imap_text boxes[] = {
		[IMAP_TEXT_FROM] = IMAP_TEXT_FROM_BOX, [IMAP_TEXT_TO] = IMAP_TEXT_TO_BOX,
		[IMAP_TEXT_CC] = IMAP_TEXT_CC_BOX,
	};

	if (which == IMAP_TEXT_BCC)
		return;
	add_text(m, boxes[which], a->kind == HDR_ADDR_MAILBOX ? a->local : a->name);
	if (which == IMAP_TEXT_CC)
		return;
	put_address(m, a, false);
	add_text(m, which == IMAP_TEXT_FROM ? IMAP_TEXT_FROM_SHOW : IMAP_TEXT_TO_SHOW,
	    buf_slice(&m->flat));
}

/* A line each; beyond what fits nothing is looked at. */
static void
add_addresses(struct imap_entry_maker *m, enum imap_text which, struct slice value)
{
	bool is_first = !(m->present >> which & 1);
	struct hdr_addr_iter it;
	struct hdr_addr a;

	hdr_addr_init(&it, slice_head(value, VALUE_MAX));
	while (!(m->cut >> which & 1) && hdr_addr_next(&it, &a)) {
		if (a.kind == HDR_ADDR_GROUP_END)
			continue;
		if (is_first)
			add_first(m, which, &a);
		is_first = false;
		put_address(m, &a, true);
		buf_put_str(&m->text[which], m->text[which].n > 0 ? "\n" : "");
		add_text(m, which, buf_slice(&m->flat));
	}
	hdr_addr_fini(&it);
}

static void
add_field(struct imap_entry_maker *m, const struct hdr_field *f)
{
	enum imap_text which;
	struct hdr_date d;
	uint16_t bit;

	if (slice_ieq_str(f->name, "Date") && !(m->bits & HAS_SENT) &&
	    hdr_date_parse(f->value, &d) == ERR_OK) {
		m->bits |= HAS_SENT;
		m->sent_s = d.unix_s;
		m->sent_zone = d.zone_minutes;
	}
	if (!imap_entry_find(f->name, false, &which))
		return;
	bit = (uint16_t)(1u << which);
	if (which >= IMAP_TEXT_FROM && which <= IMAP_TEXT_BCC) {
		add_addresses(m, which, f->value);
	} else {
		if (m->present & bit)
			buf_put_char(&m->text[which], '\n');
		add_text(m, which, decode(m, f->value));
		if (which == IMAP_TEXT_SUBJECT && !(m->present & bit))
			add_subject(m, buf_slice(&m->decoded));
	}
	m->present |= bit;
	if (f->value.n > VALUE_MAX)
		m->cut |= bit;
}

static void
put_number(struct buf *b, size_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_put_char(b, (char)(v | 0x80));
	buf_put_char(b, (char)v);
}

static void
put_head(struct buf *b, const struct imap_entry_maker *m, const struct thread_hashes *h)
{
	unsigned char head[HEAD_BYTES] = { VERSION };

	head[1] = (unsigned char)(m->bits | (h->id_bytes > 0 ? HAS_ID : 0));
	enc_le16(head + 2, m->cut);
	enc_le16(head + 4, m->present);
	enc_le16(head + 6, (uint16_t)m->sent_zone);
	enc_le64(head + 8, (uint64_t)m->sent_s);
	if (h->id_bytes > 0)
		for (size_t i = 0; i < THREAD_HASH_BYTES; i++)
			head[16 + i] = h->id[i];
	buf_put(b, head, sizeof(head));
}

void
imap_entry_maker_init(struct imap_entry_maker *m, struct charset_set *charsets,
    const unsigned char *salt)
{
	*m = (struct imap_entry_maker){ .charsets = charsets, .salt = salt };
	for (size_t i = 0; i < IMAP_TEXT_COUNT; i++)
		buf_init(&m->text[i], 2 * IMAP_CASEMAP_GROWTH * IMAP_ENTRY_TEXT_MAX);
	buf_init(&m->decoded, 4 * VALUE_MAX);
	buf_init(&m->flat, 4 * VALUE_MAX);
}

static void
wipe(struct buf *b)
{
	buf_wipe(b);
	buf_fini(b);
}

void
imap_entry_maker_fini(struct imap_entry_maker *m)
{
	for (size_t i = 0; i < IMAP_TEXT_COUNT; i++)
		wipe(&m->text[i]);
	wipe(&m->decoded);
	wipe(&m->flat);
}

void
imap_entry_put(struct imap_entry_maker *m, struct buf *b, struct slice header)
{
	struct thread_hasher hasher;
	struct thread_hashes h;
	struct hdr_iter it;
	struct hdr_field f;

	for (size_t i = 0; i < IMAP_TEXT_COUNT; i++)
		buf_reset(&m->text[i]);
	m->cut = m->present = m->bits = 0;
	m->sent_s = 0;
	m->sent_zone = 0;
	thread_hasher_begin(&hasher, m->salt, &h);
	hdr_iter_init(&it, header);
	while (hdr_next(&it, &f)) {
		thread_hasher_field(&hasher, &f);
		add_field(m, &f);
	}
	thread_hasher_end(&hasher);
	put_head(b, m, &h);
	put_number(b, h.refs_bytes);
	buf_put(b, h.refs, h.refs_bytes);
	for (size_t i = 0; i < IMAP_TEXT_COUNT; i++) {
		put_number(b, m->text[i].n);
		buf_put_slice(b, buf_slice(&m->text[i]));
	}
}

/* ---- get ---- */

static bool
get_text(struct slice *s, struct slice *text)
{
	size_t n = 0;

	for (unsigned shift = 0; s->n > 0 && shift < 21; shift += 7) {
		unsigned char c = (unsigned char)s->p[0];

		*s = slice_from(*s, 1);
		n |= (size_t)(c & 0x7f) << shift;
		if (c >= 0x80)
			continue;
		if (n > s->n)
			return false;
		*text = slice_head(*s, n);
		*s = slice_from(*s, n);
		return true;
	}
	return false;
}

enum err
imap_entry_get(struct imap_entry *e, struct slice s)
{
	unsigned char bits;

	*e = (struct imap_entry){ 0 };
	if (s.n < HEAD_BYTES)
		return ERR_CORRUPT;
	if (s.p[0] != VERSION)
		return ERR_VERSION;
	bits = (unsigned char)s.p[1];
	e->has_sent = bits & HAS_SENT;
	e->is_reply = bits & IS_REPLY;
	e->has_id = bits & HAS_ID;
	e->cut = dec_le16(s.p + 2);
	e->present = dec_le16(s.p + 4);
	e->sent_zone = (int16_t)dec_le16(s.p + 6);
	e->sent_s = (int64_t)dec_le64(s.p + 8);
	e->id = dec_le64(s.p + 16);
	if (e->sent_s > INT64_MAX / 2 || e->sent_s < INT64_MIN / 2)
		return ERR_CORRUPT;	/* sums with zones must not overflow */
	s = slice_from(s, HEAD_BYTES);
	if (!get_text(&s, &e->refs) || e->refs.n % THREAD_HASH_BYTES != 0)
		return ERR_CORRUPT;
	for (size_t i = 0; i < IMAP_TEXT_COUNT; i++)
		if (!get_text(&s, &e->text[i]))
			return ERR_CORRUPT;
	return s.n == 0 ? ERR_OK : ERR_CORRUPT;
}
