/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/letter_head.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/cmtp/letter_name.h"
#include "lib/mail/hdr_addr.h"
#include "lib/mail/hdr_date.h"
#include "lib/mail/hdr_word.h"
#include "lib/mail/mime_put.h"
#include "lib/mail/mime_type.h"

#define BOUNDARY	LETTER_TEXT_BOUNDARY
#define NO_ADDRESS	"unknown@sender.invalid"	/* RFC 6761 s6.4 */
#define FOLD_AT		70u
#define NAMES_MAX	1100u	/* a field, or two names of an envelope */
#define WORDS_MAX	(NAMES_MAX * 8)
#define LOG_LINE_MAX	(16u << 10)	/* CMTP_LOG_MAX */

/* A field of any text; nothing when there is none. */
static void
put_words(struct buf *b, const char *field, const char *what, struct slice s)
{
	struct buf clean;

	buf_init(&clean, 3 * s.n + 4);
	letter_name_put_clean(&clean, s);
	if (slice_trim(buf_slice(&clean)).n > 0) {
		buf_printf(b, "%s: %s", field, what);
		mime_put_words(b, slice_trim(buf_slice(&clean)));
		buf_put_str(b, "\r\n");
	}
	buf_fini(&clean);
}

/* ---- addresses */

static void
put_address(struct buf *b, struct slice name, const struct addr *a)
{
	struct buf words, clean;

	buf_init(&words, WORDS_MAX);
	buf_init(&clean, WORDS_MAX);
	hdr_word_decode(NULL, name, &words);
	letter_name_put_clean(&clean, buf_slice(&words));
	if (clean.n > 0) {
		mime_put_phrase(b, buf_slice(&clean));
		buf_put_str(b, "\r\n <");
	}
	addr_put(b, a);
	if (clean.n > 0)
		buf_put_char(b, '>');
	buf_fini(&clean);
	buf_fini(&words);
}

/* An end of the envelope; the other side's word for what it is. */
static void
put_end(struct buf *b, const char *field, struct slice user, const char *nobody,
    struct slice domain)
{
	struct buf clean;
	struct addr a;

	if (user.n == 0)
		user = slice_str(nobody);
	buf_printf(b, "%s: ", field);
	if (letter_name_join(&a, user, true, domain)) {
		addr_put(b, &a);
	} else {
		buf_init(&clean, NAMES_MAX * 4);
		letter_name_put_clean(&clean, user);
		buf_put_char(&clean, '@');
		letter_name_put_clean(&clean, domain);
		mime_put_phrase(b, buf_slice(&clean));
		buf_put_str(b, "\r\n <" NO_ADDRESS ">");
		buf_fini(&clean);
	}
	buf_put_str(b, "\r\n");
}

/* The addresses in the value; what is none is counted. */
static unsigned
put_list(struct buf *b, struct slice value, const char *before, unsigned *bad)
{
	struct hdr_addr_iter it;
	struct hdr_addr one;
	struct addr a;
	unsigned count = 0;

	hdr_addr_init(&it, value);
	while (hdr_addr_next(&it, &one)) {	/* in CMTP_FIELD_MAX bytes */
		if (one.kind != HDR_ADDR_MAILBOX)
			continue;
		if (!letter_name_join(&a, one.local, false, one.domain)) {
			(*bad)++;
			continue;
		}
		buf_put_str(b, count == 0 ? before : ",\r\n ");
		put_address(b, one.name, &a);
		count++;
	}
	hdr_addr_fini(&it);
	if (count == 0 && slice_trim(value).n > 0)
		(*bad)++;
	return count;
}

/* One field of all the values, and a comment for each that is no address. */
static void
put_lists(struct buf *b, const char *field, const struct slice *values, unsigned n)
{
	unsigned count = 0, bad;
	struct buf comments;

	buf_init(&comments, LETTER_MAIL_HEAD_MAX);
	for (unsigned i = 0; i < n; i++) {
		bad = 0;
		count += put_list(b, values[i], count == 0 ? field : ",\r\n ", &bad);
		if (bad > 0)
			put_words(&comments, "Comments", field, values[i]);
	}
	if (count > 0)
		buf_put_str(b, "\r\n");
	buf_put_slice(b, buf_slice(&comments));
	buf_fini(&comments);
}

/* ---- the log */

/* Received's own form: clauses and a date, without comments. */
static bool
is_received(struct slice line)
{
	struct hdr_date date;
	size_t end = slice_find(line, ';');

	if (!slice_starts(line, "from ") && !slice_starts(line, "by "))
		return false;
	for (size_t i = 0; i < line.n; i++)
		if (!ascii_is_print(line.p[i]) || strchr("()\"\\", line.p[i]) != NULL)
			return false;
	return line.n <= FOLD_AT * 4 && end < line.n &&
	    hdr_date_parse(slice_from(line, end + 1), &date) == ERR_OK;
}

/* What the trace, which this host wrote too, says already. */
static bool
is_in_trace(struct slice line, struct slice trace)
{
	static const char with[] = "with CMTP id ";
	size_t at = slice_search(line, slice_str(with));
	struct slice id = slice_head(slice_from(line, at + sizeof(with) - 1), ENC_ID_BYTES);

	return id.n == ENC_ID_BYTES && slice_search(trace, id) < trace.n;
}

static void
put_comment(struct buf *b, struct slice text)
{
	size_t column = 0;

	buf_put_char(b, '(');
	if (!mime_is_ascii(text)) {
		mime_put_words(b, text);
		text = SLICE_NONE;
	}
	for (size_t i = 0; i < text.n; i++) {
		if (column >= FOLD_AT) {
			buf_put_str(b, text.p[i] == ' ' ? "\r\n" : "\r\n ");
			column = 0;
		}
		if (strchr("()\\", text.p[i]) != NULL)
			buf_put_char(b, '\\');
		buf_put_char(b, text.p[i]);
		column++;
	}
	buf_put_char(b, ')');
}

static void
put_received(struct buf *b, struct slice line, uint64_t time_s)
{
	struct buf clean;
	struct slice text;

	buf_init(&clean, 3 * line.n + 4);
	letter_name_put_clean(&clean, line);
	text = slice_trim(buf_slice(&clean));
	buf_put_str(b, "Received: ");
	if (is_received(text)) {
		size_t end = slice_find(text, ';');

		buf_put_slice(b, slice_head(text, end + 1));
		buf_put_str(b, "\r\n\t");
		buf_put_slice(b, slice_trim(slice_from(text, end + 1)));
	} else {
		put_comment(b, text);
		buf_put_str(b, ";\r\n\t");
		clock_put_rfc5322(b, time_s);
	}
	buf_put_str(b, "\r\n");
	buf_fini(&clean);
}

/* The newest first, as they would have been put in front. */
static void
put_log(struct buf *b, const struct letter_mail_facts *f, uint64_t time_s)
{
	struct slice rest = f->log, line;
	unsigned count = 0;
	size_t from;

	while (rest.n > 0 && count < LETTER_MAIL_LOG_LINES) {
		if (rest.p[rest.n - 1] == '\0')
			rest.n--;
		from = slice_rfind(rest, '\0');
		from = from < rest.n ? from + 1 : 0;
		line = slice_head(slice_from(rest, from), LOG_LINE_MAX);
		rest = slice_head(rest, from);
		if (slice_trim(line).n == 0 || is_in_trace(line, f->trace))
			continue;
		put_received(b, line, time_s);
		count++;
	}
}

/* ---- the mail */

static void
put_text_fields(struct buf *b, const struct letter_text *t)
{
	static const char *const codes[] = { [MIME_CODE_7BIT] = "7bit",
		[MIME_CODE_8BIT] = "8bit", [MIME_CODE_BASE64] = "base64",
		[MIME_CODE_QP] = "quoted-printable" };

	buf_printf(b, "Content-Type: text/plain; charset=%s\r\n"
	    "Content-Transfer-Encoding: %s\r\n", t->charset, codes[t->code]);
}

void
letter_head_put(struct buf *b, const struct letter_mail_facts *f,
    const struct cmtp_letter *l, const struct letter_text *t)
{
	uint64_t time_s = l->is_bare ? f->arrived_s : l->time_s;

	buf_put_slice(b, f->trace);
	put_log(b, f, time_s);
	buf_put_str(b, "Date: ");
	clock_put_rfc5322(b, time_s);
	buf_put_str(b, "\r\n");
	put_end(b, "From", f->from_user, "MAILER-DAEMON",
	    f->from_domain.n > 0 ? f->from_domain : f->domain);
	put_end(b, "To", f->to_user, "postmaster", f->to_domain.n > 0 ? f->to_domain : f->domain);
	put_words(b, "Subject", "", l->subject);
	put_lists(b, "Reply-To: ", &l->reply_to, 1);
	put_lists(b, "Cc: ", l->cc, l->cc_count);
	put_words(b, "Message-ID", "", f->message_id);
	buf_put_str(b, "MIME-Version: 1.0\r\n");
	if (f->attachments > 0) {
		buf_put_str(b, "Content-Type: multipart/mixed; boundary=\"" BOUNDARY "\"\r\n"
		    "\r\n--" BOUNDARY "\r\n");
	}
	put_text_fields(b, t);
	buf_put_str(b, "\r\n");
}

void
letter_head_put_part(struct buf *b, struct slice name, uint32_t number)
{
	struct buf file;

	buf_init(&file, CMTP_FILE_NAME_MAX + 32);
	letter_name_put_file(&file, name, number, "");
	buf_printf(b, "\r\n--" BOUNDARY "\r\nContent-Type: %s\r\n"
	    "Content-Disposition: attachment", mime_type_of_name(buf_slice(&file)));
	mime_put_param(b, "filename", buf_slice(&file));
	buf_put_str(b, "\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	buf_fini(&file);
}

void
letter_head_put_end(struct buf *b)
{
	buf_put_str(b, "\r\n--" BOUNDARY "--\r\n");
}
