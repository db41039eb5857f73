/* SPDX-License-Identifier: ISC */
#include "lib/imap/imap_reader.h"

#include "lib/base/num.h"

void
imap_reader_init(struct imap_reader *r)
{
	*r = (struct imap_reader){ .left = 0 };
	buf_init(&r->line, IMAP_READER_LINE_MAX);
}

void
imap_reader_fini(struct imap_reader *r)
{
	buf_fini(&r->line);
}

/* Human text may end in what looks like a literal. */
static bool
may_have_literals(struct slice line)
{
	static const char *const plain[] = { "* OK", "* NO", "* BAD", "* BYE", "* PREAUTH" };

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (slice_istarts(line, plain[i]))
			return false;
	return slice_starts(line, "* ");
}

/* Does the text end in {n}?  Then at is where that begins. */
static bool
ends_in_literal(struct slice text, size_t *at, uint64_t *n)
{
	size_t open = slice_rfind(text, '{');
	struct slice digits = slice_from(text, open + 1);

	if (open == text.n || !slice_ends(text, "}"))
		return false;
	*at = open > 0 && text.p[open - 1] == '~' ? open - 1 : open;
	return num_parse_u64(slice_head(digits, digits.n - 1), INT64_MAX, n) == ERR_OK;
}

static bool
is_message(struct slice before)
{
	static const char name[] = "BODY[] ";
	size_t n = sizeof(name) - 1;

	return before.n >= n && slice_ieq_str(slice_from(before, before.n - n), name);
}

/* A line's end was read; it is not in the line. */
static enum imap_reader_event
line_end(struct imap_reader *r)
{
	struct slice line = buf_slice(&r->line), part = slice_from(line, r->part);
	size_t at;

	if (!may_have_literals(line) || !ends_in_literal(part, &at, &r->left)) {
		r->is_complete = true;
		return IMAP_READ_LINE;
	}
	at += r->part;
	if (is_message(slice_head(line, at))) {
		buf_truncate(&r->line, at);
		buf_put_str(&r->line, "\"\"");
		r->part = r->line.n;
		r->body_bytes = r->left;
		r->in_body = r->left > 0;
		return IMAP_READ_BODY;
	}
	if (r->left > IMAP_READER_LINE_MAX)
		return IMAP_READ_BAD;
	buf_put_str(&r->line, "\r\n");
	r->part = r->line.n + (size_t)r->left;
	return IMAP_READ_MORE;
}

static enum imap_reader_event
take_literal(struct imap_reader *r, struct slice *input, struct slice *data)
{
	*data = slice_head(*input, r->left < input->n ? (size_t)r->left : input->n);
	*input = slice_from(*input, data->n);
	r->left -= data->n;
	if (!r->in_body) {
		buf_put_slice(&r->line, *data);
		return buf_err(&r->line) == ERR_OK ? IMAP_READ_MORE : IMAP_READ_BAD;
	}
	r->in_body = r->left > 0;
	return IMAP_READ_DATA;
}

/* Text up to the end of the line or of the input; ended: the former. */
static bool
take_text(struct imap_reader *r, struct slice *input, bool *ended)
{
	size_t end = slice_find(*input, '\n');

	*ended = end < input->n;
	buf_put_slice(&r->line, slice_head(*input, end));
	*input = slice_from(*input, end + 1);
	if (*ended && r->line.n > r->part && buf_data(&r->line)[r->line.n - 1] == '\r')
		buf_truncate(&r->line, r->line.n - 1);
	return buf_err(&r->line) == ERR_OK;
}

enum imap_reader_event
imap_reader_next(struct imap_reader *r, struct slice *input, struct slice *data)
{
	enum imap_reader_event ev = IMAP_READ_MORE;

	if (r->is_complete) {
		buf_reset(&r->line);
		r->part = 0;
		r->is_complete = false;
	}
	while (input->n > 0 && ev == IMAP_READ_MORE) {
		bool ended;

		if (r->left > 0)
			ev = take_literal(r, input, data);
		else if (!take_text(r, input, &ended))
			ev = IMAP_READ_BAD;
		else if (ended)
			ev = line_end(r);
	}
	return ev;
}
