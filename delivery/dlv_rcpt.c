/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_rcpt.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/ipc/key_proto.h"
#include "lib/mail/hdr.h"

static const struct {
	enum err	 error;
	const char	*dsn;
	const char	*text;
} outcomes[] = {
	{ ERR_QUOTA,	"5.2.2", "mailbox is full" },
	{ ERR_DISABLED,	"5.2.1", "mailbox is disabled" },
	{ ERR_TOOBIG,	"5.3.4", "message is too large" },
	{ ERR_FULL,	"4.3.1", "mail store is full" },
	{ ERR_TIMEOUT,	"4.3.0", "mail store did not answer in time" },
	{ ERR_GONE,	"4.3.0", "mail store is not available" },
	{ ERR_BUSY,	"4.3.2", "too many deliveries at the same time" },
	{ ERR_CRYPTO,	"4.3.5", "message cannot be sealed" },
	{ ERR_CORRUPT,	"4.3.0", "message cannot be read" }
};

enum err
dlv_rcpt_read(struct dlv_rcpt *r, const struct ipc_deliver_rcpt *m)
{
	*r = (struct dlv_rcpt){ .idx = m->idx, .sealing = m->sealing,
		.address = m->address, .original = m->original,
		.mailbox = m->mailbox };
	if (m->account == 0 || m->public_key.n != CRY_KEY_BYTES || m->address.n == 0)
		return ERR_VIOLATION;
	if (r->mailbox.n == 0)
		r->mailbox = SLICE_LIT("INBOX");
	r->owner.account = m->account;
	r->owner.generation = m->generation;
	memcpy(r->owner.public_key, m->public_key.p, CRY_KEY_BYTES);
	return ERR_OK;
}

/* smtpd let no control bytes through; none shall start a field of its own. */
static void
put_clean(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= ' ' && s.p[i] != 0x7f)
			buf_put_char(b, s.p[i]);
}

/* RFC 5321 s4.4: Return-Path stands on top. */
void
dlv_rcpt_put_prefix(struct buf *b, struct slice sender, struct slice address)
{
	buf_put_str(b, "Return-Path: <");
	put_clean(b, sender);
	buf_put_str(b, ">\r\nDelivered-To: ");
	put_clean(b, address);
	buf_put_str(b, "\r\n");
}

bool
dlv_rcpt_is_loop(struct slice header, struct slice address)
{
	struct hdr_iter it;
	struct hdr_field f;

	hdr_iter_init(&it, header);
	while (hdr_next(&it, &f))
		if (slice_ieq_str(f.name, "Delivered-To") && slice_ieq(f.value, address))
			return true;
	return false;
}

void
dlv_rcpt_succeed(struct dlv_rcpt *r, bool duplicate)
{
	r->done = true;
	r->error = ERR_OK;
	r->duplicate = duplicate;
	r->dsn = "2.0.0";
	r->text = "";
}

void
dlv_rcpt_fail(struct dlv_rcpt *r, enum err e)
{
	r->done = true;
	for (size_t i = 0; i < lengthof(outcomes); i++) {
		if (outcomes[i].error != e)
			continue;
		r->error = e;
		r->dsn = outcomes[i].dsn;
		r->text = outcomes[i].text;
		return;
	}
	/*
	 * NOTFOUND too: queue has just resolved the account, so the store
	 * does not know it yet, or it was removed and queue will hear of it.
	 */
	r->error = err_class(e) == ERR_CLASS_TEMP ? e : ERR_SYS;
	r->dsn = "4.3.0";
	r->text = err_text(e);
}

void
dlv_rcpt_fail_full(struct dlv_rcpt *r)
{
	r->done = true;
	r->error = ERR_FULL;
	r->dsn = "4.2.2";
	r->text = "mailbox is full";
}

void
dlv_rcpt_fail_loop(struct dlv_rcpt *r)
{
	r->done = true;
	r->error = ERR_LIMIT;
	r->dsn = "5.4.6";
	r->text = "mail forwarding loop";
}

/* RFC 3463 s3.7, s3.8 */
void
dlv_rcpt_fail_sealed(struct dlv_rcpt *r, enum err e)
{
	r->done = true;
	r->error = e;
	r->dsn = e == ERR_NOTFOUND ? "5.7.5" : "5.6.0";
	r->text = e == ERR_NOTFOUND ? "message is not sealed to this mailbox" :
	    "message is no sealed object";
}

void
dlv_rcpt_put_result(struct buf *b, const struct dlv_rcpt *r)
{
	const struct ipc_deliver_result m = { .idx = r->idx, .error = r->error,
		.duplicate = r->duplicate, .dsn = slice_str(r->dsn),
		.text = slice_str(r->text) };

	ipc_deliver_result_put(b, &m);
}

static const char *
sealing_name(uint8_t sealing)
{
	switch (sealing) {
	case SEALING_ESCROW: return "escrow";
	case SEALING_PASSWORD: return "password";
	case SEALING_CLIENT: return "client";
	case SEALING_SERVER: return "server";
	default: return "unknown";
	}
}

void
dlv_rcpt_log(const struct dlv_rcpt *r, uint64_t session, uint64_t msg, struct slice where,
    const struct dlv_delays *delays)
{
	const struct dlv_about about = { .session = session, .msg = msg, .to = r->address,
	    .original = r->original };
	enum log_event event = r->error == ERR_OK ? LOG_sent :
	    err_class(r->error) == ERR_CLASS_PERM ? LOG_bounced : LOG_deferred;
	struct dlv_line line;

	dlv_line_begin(&line, &about);
	dlv_line_put(&line, log_str("relay", "local"));
	if (event == LOG_sent) {
		/* Where no client looks is named by a control character. */
		if (where.n > 0 && where.p[0] < ' ')
			where = slice_from(where, 1);
		dlv_line_put(&line, log_text("mailbox", where));
		dlv_line_put(&line, log_str("sealed", sealing_name(r->sealing)));
	}
	dlv_line_put(&line, log_str("dsn", r->dsn));
	dlv_line_put_delays(&line, delays);
	if (event != LOG_sent)
		dlv_line_put(&line, log_str("reason", r->text));
	else if (r->duplicate)
		dlv_line_put(&line, log_str("duplicate", "yes"));
	dlv_line_end(&line, event);
}
