/* SPDX-License-Identifier: ISC */
#include "imapd/imap_lexer.h"

#include <string.h>

#include "lib/base/num.h"
#include "lib/base/secret.h"

#define LITERAL_MARK_MAX	24	/* longest {n+} looked at */
#define LINE_HEAD		80	/* holds any tag */

void
imap_lexer_init(struct imap_lexer *l)
{
	memset(l, 0, sizeof(*l));
	buf_init(&l->text, IMAP_COMMAND_MAX);
	l->line_max = IMAP_LINE_MAX;
}

/* A LOGIN line holds a password: leave nothing in freed memory. */
static void
wipe_text(struct imap_lexer *l)
{
	if (l->text.mem != NULL)
		secret_wipe(l->text.mem, l->text.cap);
	buf_release(&l->text);
}

void
imap_lexer_fini(struct imap_lexer *l)
{
	wipe_text(l);
	buf_fini(&l->text);
}

void
imap_lexer_next(struct imap_lexer *l)
{
	wipe_text(l);
	l->state = IMAP_LEX_TEXT;
	l->line_bytes = 0;
	l->left = 0;
	l->discard = l->quoted = l->escaped = false;
}

void
imap_lexer_line_mode(struct imap_lexer *l, bool on)
{
	l->line_mode = on;
}

bool
imap_lexer_is_idle(const struct imap_lexer *l)
{
	return l->state == IMAP_LEX_TEXT && l->text.n == 0 && !l->discard;
}

void
imap_lexer_accept(struct imap_lexer *l)
{
	buf_put_str(&l->text, "\r\n");
	l->left = l->literal_bytes;
	l->state = l->left > 0 ? IMAP_LEX_BUFFER : IMAP_LEX_TEXT;
}

void
imap_lexer_stream(struct imap_lexer *l)
{
	wipe_text(l);
	l->line_bytes = 0;
	l->left = l->literal_bytes;
	l->state = IMAP_LEX_STREAM;
}

void
imap_lexer_refuse(struct imap_lexer *l)
{
	uint64_t skip = l->nonsync ? l->literal_bytes : 0;
	bool goes_on = l->nonsync;

	imap_lexer_next(l);
	l->discard = goes_on;
	l->left = skip;
	if (skip > 0)
		l->state = IMAP_LEX_SKIP;
}

void
imap_lexer_abandon(struct imap_lexer *l)
{
	uint64_t left = l->state == IMAP_LEX_STREAM ? l->left : 0;

	if (l->state == IMAP_LEX_DONE) {
		imap_lexer_next(l);
		return;
	}
	imap_lexer_next(l);
	l->discard = true;
	l->left = left;
	if (left > 0)
		l->state = IMAP_LEX_SKIP;
}

/* Does the line end in {n} or {n+}? */
static bool
find_literal(struct imap_lexer *l, struct slice text)
{
	struct slice tail = slice_from(text, text.n > LITERAL_MARK_MAX ?
	    text.n - LITERAL_MARK_MAX : 0);
	struct slice digits;
	size_t open;

	if (l->line_mode || l->quoted || !slice_ends(tail, "}"))
		return false;
	open = slice_rfind(tail, '{');
	if (open == tail.n)
		return false;
	digits = slice_head(slice_from(tail, open + 1), tail.n - open - 2);
	l->nonsync = slice_ends(digits, "+");
	if (l->nonsync)
		digits.n--;
	for (size_t i = 0; i < digits.n; i++)
		if (!ascii_is_digit(digits.p[i]))
			return false;
	if (digits.n == 0)
		return false;
	if (num_parse_u64(digits, UINT64_MAX / 2, &l->literal_bytes) != ERR_OK)
		l->literal_bytes = UINT64_MAX / 2;
	return true;
}

/* A line of a command that is being dropped has ended. */
static void
end_discarded_line(struct imap_lexer *l)
{
	bool more = find_literal(l, buf_slice(&l->text));
	uint64_t bytes = l->literal_bytes;

	imap_lexer_next(l);
	if (more && l->nonsync) {
		l->discard = true;
		l->left = bytes;
		if (bytes > 0)
			l->state = IMAP_LEX_SKIP;
	}
}

static enum imap_lex
end_line(struct imap_lexer *l)
{
	struct slice text = buf_slice(&l->text);

	if (slice_ends(text, "\r"))
		buf_truncate(&l->text, text.n - 1);
	if (l->discard) {
		end_discarded_line(l);
		return IMAP_LEX_MORE;
	}
	if (find_literal(l, buf_slice(&l->text))) {
		l->state = IMAP_LEX_WAIT;
		return IMAP_LEX_LITERAL;
	}
	l->state = IMAP_LEX_DONE;
	return IMAP_LEX_COMMAND;
}

/* Remember only what find_literal will look at. */
static void
keep_tail(struct imap_lexer *l)
{
	if (l->text.n > 2 * LITERAL_MARK_MAX)
		buf_consume(&l->text, l->text.n - LITERAL_MARK_MAX);
}

static void
track_quotes(struct imap_lexer *l, struct slice run)
{
	for (size_t i = 0; i < run.n; i++) {
		if (l->escaped)
			l->escaped = false;
		else if (l->quoted && run.p[i] == '\\')
			l->escaped = true;
		else if (run.p[i] == '"')
			l->quoted = !l->quoted;
	}
}

/* Text up to the line's end; returns what was taken. */
static size_t
feed_text(struct imap_lexer *l, struct slice in, enum imap_lex *event)
{
	size_t lf = slice_find(in, '\n');
	struct slice run = slice_head(in, lf);

	if (!l->discard && l->line_bytes + run.n > l->line_max) {
		/* text gets the tag, for the answer; all is looked at again. */
		if (l->text.n < LINE_HEAD)
			buf_put_slice(&l->text, slice_head(run, LINE_HEAD));
		l->discard = true;
		*event = IMAP_LEX_TOOLONG;
		return 0;
	}
	if (!l->line_mode)
		track_quotes(l, run);
	l->line_bytes += run.n;
	if (l->discard) {
		keep_tail(l);
		buf_put_slice(&l->text, slice_from(run,
		    run.n > LITERAL_MARK_MAX ? run.n - LITERAL_MARK_MAX : 0));
	} else {
		buf_put_slice(&l->text, run);
	}
	if (lf < in.n)
		*event = end_line(l);
	return lf < in.n ? lf + 1 : lf;
}

static size_t
min_left(const struct imap_lexer *l, struct slice in)
{
	return l->left < in.n ? (size_t)l->left : in.n;
}

size_t
imap_lexer_feed(struct imap_lexer *l, struct slice in, enum imap_lex *event)
{
	size_t used = 0, n = 0;

	*event = IMAP_LEX_MORE;
	while (used < in.n && *event == IMAP_LEX_MORE) {
		struct slice rest = slice_from(in, used);

		switch ((enum imap_lex_state)l->state) {
		case IMAP_LEX_TEXT:
			n = feed_text(l, rest, event);
			break;
		case IMAP_LEX_BUFFER:
			n = min_left(l, rest);
			buf_put(&l->text, rest.p, n);
			l->left -= n;
			if (l->left == 0)
				l->state = IMAP_LEX_TEXT;
			break;
		case IMAP_LEX_STREAM:
			n = min_left(l, slice_head(rest, IMAP_STREAM_MAX));
			l->left -= n;
			l->data = slice_head(rest, n);
			l->is_last = l->left == 0;
			if (l->is_last)
				l->state = IMAP_LEX_TEXT;
			*event = IMAP_LEX_DATA;
			break;
		case IMAP_LEX_SKIP:
			n = min_left(l, rest);
			l->left -= n;
			if (l->left == 0)
				l->state = IMAP_LEX_TEXT;
			break;
		case IMAP_LEX_WAIT:
		case IMAP_LEX_DONE:
			return used;
		}
		used += n;
	}
	return used;
}
