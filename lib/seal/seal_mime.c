/* SPDX-License-Identifier: ISC */
/*
 * Three regions: head, lines of base64, tail.  A range begins and ends
 * anywhere; object bytes come by the line, and of each line what lies in the
 * range is given.
 */
#include "lib/seal/seal_mime.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal.h"
#include "lib/seal/seal_arrival.h"

static const char part_line[] = "--=_sealed\r\n";
static const char tail_text[] = "--=_sealed--\r\n";

enum { TAIL_BYTES = sizeof(tail_text) - 1, FACT_MAX = 128, OBJECT_EXTRA = 800,
	TRACE_PIECE = 720 };

void
seal_mime_init(struct seal_mime *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->head, SEAL_MIME_HEAD_MAX + 2 * SEAL_ARRIVAL_MAX);
}

void
seal_mime_fini(struct seal_mime *s)
{
	buf_fini(&s->head);
}

/* ---- the head */

static void
put_header(struct buf *b, const struct seal_mime_facts *f)
{
	buf_put_str(b, "Date: ");
	clock_put_rfc5322(b, f->internal_s);
	/* A name under .invalid (RFC 6761 s6.4): an answer sent unopened goes nowhere. */
	buf_printf(b, "\r\nFrom: \"...\" <sealed@godwit.invalid>\r\n"
	    "To: undisclosed-recipients:;\r\n"
	    "Subject: [...]\r\n"
	    "Message-ID: <%llx.%llx@sealed.godwit.invalid>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/encrypted; boundary=\"=_sealed\";\r\n"
	    "\tprotocol=\"application/vnd.godwit.sealed-keys\"\r\n\r\n",
	    (unsigned long long)f->account, (unsigned long long)f->content);
}

static void
put_fact(struct buf *b, const char *name, struct slice bytes)
{
	buf_put_str(b, name);
	enc_put_base64(b, bytes);
	buf_put_str(b, "\r\n");
}

/* Longer than a line may be (RFC 5322 s2.1.1): in pieces. */
static void
put_trace(struct buf *b, struct slice arrival)
{
	struct seal_arrival a;

	if (seal_arrival_parse(&a, arrival) != ERR_OK)
		return;
	for (; arrival.n > 0; arrival = slice_from(arrival, TRACE_PIECE))
		put_fact(b, "Trace: ", slice_head(arrival, TRACE_PIECE));
}

static void
put_keys(struct buf *b, const struct seal_mime_facts *f)
{
	buf_printf(b, "Version: 1\r\nAccount: %llu\r\nContent: %llu\r\nGeneration: %u\r\n",
	    (unsigned long long)f->account, (unsigned long long)f->content, f->generation);
	put_fact(b, "Commitment: ", f->commitment);
	/* The direct form says nothing that the object does not. */
	if (f->content_key.n != EPOCH_DIRECT_BYTES)
		put_fact(b, "Content-Key: ", f->content_key);
	buf_printf(b, "Epoch: %llu\r\n", (unsigned long long)f->epoch);
	if (f->epoch_generation != f->generation)
		buf_printf(b, "Epoch-Generation: %u\r\n", f->epoch_generation);
	put_fact(b, f->epoch_is_sealed ? "Epoch-Key-Sealed: " : "Epoch-Key-Wrapped: ",
	    f->epoch_key);
	put_trace(b, f->arrival);
	if (f->account_key.n == 0)
		return;
	buf_printf(b, "Account-Key-Sealed-To: %u\r\n", f->account_key_to);
	put_fact(b, "Account-Key-Sealed: ", f->account_key);
}

enum err
seal_mime_begin(struct seal_mime *s, const struct seal_mime_facts *f, uint64_t object_bytes)
{
	struct buf *b = &s->head;

	if (f->commitment.n > FACT_MAX || f->content_key.n > FACT_MAX ||
	    f->epoch_key.n > FACT_MAX || f->account_key.n > FACT_MAX)
		return ERR_LIMIT;
	buf_reset(b);
	put_header(b, f);
	s->header_bytes = b->n;
	buf_printf(b, "Only a device of the owner has the key to this message.\r\n%s"
	    "Content-Type: application/vnd.godwit.sealed-keys\r\n\r\n", part_line);
	put_keys(b, f);
	buf_printf(b, "%sContent-Type: application/octet-stream; name=\"message.gwso\"\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n", part_line);
	s->object_bytes = object_bytes;
	s->at = s->end = 0;
	return buf_err(b);
}

/* ---- lengths */

static uint64_t
lines_bytes(uint64_t object_bytes)
{
	uint64_t rest = object_bytes % SEAL_MIME_LINE_BYTES;

	return object_bytes / SEAL_MIME_LINE_BYTES * SEAL_MIME_LINE_CHARS +
	    (rest > 0 ? (rest + 2) / 3 * 4 + 2 : 0);
}

static uint64_t
tail_off(const struct seal_mime *s)
{
	return s->head.n + lines_bytes(s->object_bytes);
}

uint64_t
seal_mime_bytes(const struct seal_mime *s)
{
	return tail_off(s) + TAIL_BYTES;
}

uint64_t
seal_mime_most(uint64_t plain_bytes, uint64_t count)
{
	/* Tags, the table, and what zstd adds to a frame that it cannot shorten. */
	uint64_t objects = plain_bytes + plain_bytes / SEAL_CHUNK_BYTES * 128 +
	    count * OBJECT_EXTRA;

	return lines_bytes(objects) + count * (SEAL_MIME_HEAD_MAX + TAIL_BYTES +
	    SEAL_MIME_LINE_CHARS);
}

bool
seal_mime_blank(const struct seal_mime *s, uint64_t *off, size_t max, struct buf *out)
{
	static const char line[SEAL_MIME_LINE_CHARS + 1] =
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n";
	uint64_t whole = s->object_bytes / SEAL_MIME_LINE_BYTES * SEAL_MIME_LINE_CHARS;
	uint64_t all = lines_bytes(s->object_bytes);
	size_t start;

	if (*off == 0)
		buf_put_slice(out, buf_slice(&s->head));
	start = out->n;
	while (*off < whole && out->n - start < max) {
		buf_put(out, line, SEAL_MIME_LINE_CHARS);
		*off += SEAL_MIME_LINE_CHARS;
	}
	if (*off < whole)
		return true;
	if (*off < all) {
		buf_put(out, line, (size_t)(all - *off - 2));
		buf_put_str(out, "\r\n");
		*off = all;
	}
	buf_put_str(out, tail_text);
	return false;
}

/* ---- ranges */

void
seal_mime_range(struct seal_mime *s, uint64_t a, uint64_t b, uint64_t *off, uint64_t *n)
{
	uint64_t all = seal_mime_bytes(s), from, to, tail = tail_off(s);

	s->end = b < all ? b : all;
	s->at = a < s->end ? a : s->end;
	s->held = 0;
	from = s->at > s->head.n ? s->at - s->head.n : 0;
	to = (s->end < tail ? s->end : tail);
	to = to > s->head.n ? to - s->head.n : 0;
	s->line = from / SEAL_MIME_LINE_CHARS;
	*off = s->line * SEAL_MIME_LINE_BYTES;
	*n = (to + SEAL_MIME_LINE_CHARS - 1) / SEAL_MIME_LINE_CHARS * SEAL_MIME_LINE_BYTES;
	*n = *n < s->object_bytes ? *n : s->object_bytes;
	*n = from < to && *n > *off ? *n - *off : 0;
	if (*n == 0)
		*off = 0;
}

/* What of a text that begins at off lies at the front of the range. */
static void
give(struct seal_mime *s, struct slice text, uint64_t off, struct buf *out)
{
	struct slice rest;

	if (s->at < off || s->at >= off + text.n || s->at >= s->end)
		return;
	rest = slice_from(text, (size_t)(s->at - off));
	if (rest.n > s->end - s->at)
		rest = slice_head(rest, (size_t)(s->end - s->at));
	buf_put_slice(out, rest);
	s->at += rest.n;
}

enum err
seal_mime_read(struct seal_mime *s, struct buf *out)
{
	if (s->at == s->end)
		return ERR_END;
	if (s->at >= s->head.n && s->at < tail_off(s))
		return ERR_AGAIN;
	give(s, buf_slice(&s->head), 0, out);
	give(s, slice_of(tail_text, TAIL_BYTES), tail_off(s), out);
	return ERR_OK;
}

static void
give_line(struct seal_mime *s, struct buf *out)
{
	uint64_t off = s->head.n + s->line * SEAL_MIME_LINE_CHARS;
	struct buf b;

	buf_init(&b, SEAL_MIME_LINE_CHARS);
	enc_put_base64(&b, slice_of(s->bytes, s->held));
	buf_put_str(&b, "\r\n");
	give(s, buf_slice(&b), off, out);
	buf_fini(&b);
	s->line++;
	s->held = 0;
}

void
seal_mime_put(struct seal_mime *s, struct slice bytes, struct buf *out)
{
	while (bytes.n > 0) {
		size_t n = SEAL_MIME_LINE_BYTES - s->held;

		if (n > bytes.n)
			n = bytes.n;
		memcpy(s->bytes + s->held, bytes.p, n);
		s->held += (unsigned)n;
		bytes = slice_from(bytes, n);
		if (s->held == SEAL_MIME_LINE_BYTES || s->line * SEAL_MIME_LINE_BYTES + s->held ==
		    s->object_bytes)
			give_line(s, out);
	}
}
