/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_reply.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "smtpd/smtp_session.h"

#define TEXT_MAX	255	/* of a refusal */

const struct smtp_reply_row smtp_reply_rows[REPLY_COUNT] = {
#define REPLY(name, code, dsn, text)	[REPLY_##name] = { #name, code, dsn, text },
#include "smtpd/smtp_replies.def"
#undef REPLY
};

void
smtp_reply_put(struct buf *b, enum smtp_reply_id id)
{
	const struct smtp_reply_row *r = &smtp_reply_rows[id];

	/* RFC 2034 s4: the enhanced code stands before the text. */
	buf_printf(b, "%u %s%s%s\r\n", r->code, r->dsn, r->dsn[0] != '\0' ? " " : "", r->text);
}

static void
log_reject(struct smtp_session *s, unsigned code, struct slice dsn, struct slice text)
{
	char from[ADDR_TEXT_MAX + 1], to[ADDR_TEXT_MAX + 1];
	struct log_kv kv[12];
	size_t n = 0;

	kv[n++] = log_session(s->id);
	if (s->txn != NULL && s->txn->msg != 0)
		kv[n++] = log_id("m", s->txn->msg);
	kv[n++] = log_str("client", s->peer);
	kv[n++] = log_str("verb", s->verb != NULL ? s->verb : "-");
	kv[n++] = log_str("state", smtp_session_state_name(s->state));
	if (s->txn != NULL) {
		kv[n++] = log_addr("from", addr_text(&s->txn->sender, from));
		if (!addr_is_null(&s->txn->rcpt))
			kv[n++] = log_addr("to", addr_text(&s->txn->rcpt, to));
	}
	kv[n++] = log_num("code", code);
	kv[n++] = log_text("dsn", dsn);
	kv[n++] = log_text("reason", text);
	kv[n] = (struct log_kv){ .kind = LOG_KIND_END };
	log_write(LOG_reject, kv);
}

/*
 * Temporary trouble of our own is not the client's error.  is_ours: a 4.3.x
 * code, "system status" (RFC 3463 s3.4).
 */
static void
count_error(struct smtp_session *s, struct slice dsn)
{
	bool is_ours = slice_starts(dsn, "4.3.");

	if (is_ours || s->end != NULL || ++s->error_count <= s->service->limits->errors)
		return;
	log_event(LOG_limit, log_session(s->id), log_str("client", s->peer),
	    log_str("name", "error_limit"), log_num("value", s->service->limits->errors));
	s->end = "too many errors";
}

void
smtp_reply(struct smtp_session *s, enum smtp_reply_id id)
{
	const struct smtp_reply_row *r = &smtp_reply_rows[id];

	if (r->code >= 400) {
		log_reject(s, r->code, slice_str(r->dsn), slice_str(r->text));
		count_error(s, slice_str(r->dsn));
		if (s->end != NULL && s->error_count > s->service->limits->errors)
			id = REPLY_ERRORS;
	}
	smtp_reply_put(&s->out, id);
}

void
smtp_reply_queued(struct smtp_session *s, uint64_t msg)
{
	char id[ENC_ID_BYTES + 1];

	enc_id_str(id, msg);
	buf_printf(&s->out, "250 2.0.0 Ok: queued as %s\r\n", id);
}

/* class "." subject "." detail (RFC 3463 s2), of a failure */
static bool
dsn_ok(struct slice dsn)
{
	struct slice part;

	if (dsn.n < 5 || dsn.n > 9 || (dsn.p[0] != '4' && dsn.p[0] != '5') || dsn.p[1] != '.')
		return false;
	dsn = slice_cut(slice_from(dsn, 2), '.', &part);
	for (int i = 0; i < 2; i++) {
		if (part.n == 0 || part.n > 3)
			return false;
		for (size_t k = 0; k < part.n; k++)
			if (!ascii_is_digit(part.p[k]))
				return false;
		part = dsn;
	}
	return true;
}

struct code_row {
	const char	*verb;		/* NULL: any */
	const char	*dsn;		/* a prefix */
	unsigned	 code;
};

/* The first match counts. */
static const struct code_row code_rows[] = {
	{ "MAIL", "5.7.0", 530 },
	{ "MAIL", "5.7.1", 553 },
	{ "RCPT", "5.7.1", 554 },
	{ NULL, "5.1.3", 553 }, { NULL, "5.1.7", 553 }, { NULL, "5.6.7", 553 },
	{ NULL, "5.1.", 550 }, { NULL, "5.2.2", 552 }, { NULL, "5.2.3", 552 },
	{ NULL, "5.2.", 550 }, { NULL, "5.3.4", 552 }, { NULL, "5.7.", 550 },
	{ NULL, "5.", 554 },
	{ NULL, "4.2.2", 452 }, { NULL, "4.2.", 450 }, { NULL, "4.3.1", 452 }, { NULL, "4.5.3", 452 },
	{ NULL, "4.1.", 450 }, { NULL, "4.7.", 450 },
	{ NULL, "", 451 },
};

unsigned
smtp_reply_code(const char *verb, struct slice dsn)
{
	size_t i;

	for (i = 0; i + 1 < lengthof(code_rows); i++)
		if ((code_rows[i].verb == NULL || strcmp(code_rows[i].verb, verb) == 0) &&
		    slice_starts(dsn, code_rows[i].dsn))
			break;
	return code_rows[i].code;
}

struct dsn_row {
	enum err	 error;
	const char	*dsn;
};

static const struct dsn_row dsn_rows[] = {
	{ ERR_FULL, "4.3.1" }, { ERR_NOTFOUND, "5.1.1" }, { ERR_DENIED, "5.7.1" },
	{ ERR_AUTH, "5.7.1" }, { ERR_TOOBIG, "5.3.4" }, { ERR_QUOTA, "5.2.2" },
	{ ERR_DISABLED, "5.2.1" }, { ERR_LIMIT, "4.5.3" }, { ERR_UNSUPPORTED, "5.6.7" },
};

static const char *
dsn_of(enum err e)
{
	for (size_t i = 0; i < lengthof(dsn_rows); i++)
		if (dsn_rows[i].error == e)
			return dsn_rows[i].dsn;
	return err_class(e) == ERR_CLASS_PERM ? "5.3.0" : "4.3.0";
}

/* Reply text is one line of printable ASCII (RFC 5321 s4.2). */
static void
put_text(struct buf *b, struct slice text)
{
	for (size_t i = 0; i < text.n && i < TEXT_MAX; i++)
		buf_put_char(b, ascii_is_print(text.p[i]) ? text.p[i] : '?');
}

void
smtp_reply_refusal(struct smtp_session *s, const struct smtp_refusal *r)
{
	struct slice dsn = dsn_ok(r->dsn) ? r->dsn : slice_str(dsn_of(r->error));
	struct slice text = r->text.n > 0 ? r->text : slice_str(err_text(r->error));
	unsigned code;

	if (r->error == ERR_GONE || r->error == ERR_TIMEOUT) {
		smtp_reply(s, REPLY_NO_QUEUE);
		return;
	}
	code = smtp_reply_code(s->verb != NULL ? s->verb : "", dsn);
	log_reject(s, code, dsn, text);
	count_error(s, dsn);
	if (s->error_count > s->service->limits->errors) {
		smtp_reply_put(&s->out, REPLY_ERRORS);
		return;
	}
	buf_printf(&s->out, "%u %.*s ", code, SLICE_FMT(dsn));
	put_text(&s->out, text);
	buf_put_str(&s->out, "\r\n");
}
