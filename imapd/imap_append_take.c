/* SPDX-License-Identifier: ISC */
/* What the client sends: literals, and the text behind them. */
#include "imapd/imap_append_priv.h"

/* false: refused */
static bool
is_clean(struct imap_cmd *c, struct slice data)
{
	const struct imap_append *a = c->priv;

	/* RFC 3501 s9: CHAR8 excludes NUL.  RFC 3516 s4.4: no binary content here. */
	if (slice_find(data, '\0') == data.n)
		return true;
	if (a->text.literal8)
		imap_cmd_no(c, "UNKNOWN-CTE", "NUL in the message");
	else
		imap_cmd_bad(c, "NUL in the message");
	imap_append_stop(c);
	return false;
}

/* Bytes of the message, in order; false: refused. */
bool
imap_append_take_bytes(struct imap_cmd *c, struct slice data)
{
	struct imap_append *a = c->priv;
	enum err e;

	/* RFC 9755 s4 */
	imap_header8_feed(&a->header8, data);
	if (a->header8.found && !imap_session_is(c->s, IMAP_EN_UTF8_NAMES)) {
		imap_cmd_no(c, "CANNOT", "ENABLE UTF8=ACCEPT first: 8-bit header fields");
		imap_append_stop(c);
		return false;
	}
	e = imap_deposit_put(&a->deposit, data);
	if (e != ERR_OK)
		imap_append_stop_with(c, e);
	return e == ERR_OK;
}

static void
on_literal(struct imap_cmd *c, struct slice data, bool last)
{
	struct imap_append *a = c->priv;

	(void)last;
	if (!is_clean(c, data))
		return;
	if (!a->text.catenates) {
		if (imap_append_take_bytes(c, data) && imap_deposit_needs_file(&a->deposit))
			imap_append_hand_file(c, IMAP_STAGE_RECEIVING);
		return;
	}
	imap_draft_put(&a->catenate->draft, data);
	if (a->catenate->draft.error != ERR_OK)
		imap_append_stop_with(c, a->catenate->draft.error);
	else if (imap_draft_needs_file(&a->catenate->draft))
		imap_append_hand_file(c, IMAP_STAGE_RECEIVING);
}

/* What is behind a literal: looked through before any of it is done. */
static bool
take_text(struct imap_cmd *c, struct slice line, bool announces)
{
	struct imap_append *a = c->priv;
	const char *what;
	struct slice kept;

	if (!imap_append_keep_text(c, line, &kept))
		return false;
	imap_append_text_more(&a->text, kept, announces);
	switch (imap_append_text_last(&a->text, &what)) {
	case IMAP_APPEND_BAD:
		imap_cmd_bad(c, what);
		return false;
	case IMAP_APPEND_URL_LITERAL:
		return false;
	case IMAP_APPEND_MESSAGE:
	case IMAP_APPEND_LITERAL:
	case IMAP_APPEND_URL:
	case IMAP_APPEND_DONE:
	case IMAP_APPEND_END:
		break;
	}
	a->streams = false;
	a->stage = IMAP_STAGE_SCANNING;
	c->wants_input = false;
	return true;
}

static void
on_line(struct imap_cmd *c, struct slice line)
{
	struct imap_append *a = c->priv;

	a->streams = false;
	c->wants_input = false;
	(void)take_text(c, line, false);
}

/*
 * Another part or message (RFC 3502 s6.3.11): done when all before it is.  A
 * URL may be a literal too; it becomes a part of the text.
 */
static void
on_announced(struct imap_cmd *c, struct slice line)
{
	struct imap_lexer *l = &c->s->lexer;

	if (take_text(c, line, true) || c->answer != IMAP_ANSWER_NONE)
		return;
	if (l->literal_bytes > IMAP_URL_MAX ||
	    line.n + l->literal_bytes > IMAP_COMMAND_MAX) {
		imap_cmd_bad(c, "URL too long");
		return;
	}
	if (!l->nonsync)
		buf_put_str(imap_session_out(c->s), "+ OK\r\n");
	imap_lexer_accept(l);
}

void
imap_append_take_literal(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;
	struct imap_session *s = c->s;

	a->stage = IMAP_STAGE_RECEIVING;
	a->streams = true;
	c->wants_input = true;
	if (!s->lexer.nonsync)
		buf_put_str(imap_session_out(s), "+ OK\r\n");
	imap_lexer_stream(&s->lexer);
}

void
imap_append_take_init(struct imap_cmd *c)
{
	c->on_literal = on_literal;
	c->on_line = on_line;
	c->on_announced = on_announced;
}
