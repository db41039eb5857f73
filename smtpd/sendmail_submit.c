/* SPDX-License-Identifier: ISC */
#include "smtpd/sendmail_submit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

#include "lib/base/must.h"
#include "lib/ipc/queue_proto.h"
#include "lib/smtp/smtp_client.h"
#include "smtpd/sendmail_report.h"

enum { WAIT_MS = 600000, PIECE = 65536, HELLO_MAX = 4096 };

struct submitting {
	const struct sendmail_wish *wish;
	struct slice		 raw;
	bool			 is_late;
	FILE			*err;
	struct buf		*again;

	struct smtp_client	 client;
	struct buf		 out;
	struct buf		 hello;		/* what came before the first message */
	struct buf		 text, rcpts, sender;
	struct sendmail_report	 report;
	struct slice		 rest;		/* recipients not given yet */
	struct smtp_client_rcpt	 now[SMTP_CLIENT_RCPTS_MAX];
	uint32_t		 now_count;
	size_t			 sent;		/* of text */
	unsigned		 flags;		/* of text, for the client */
	int			 code;		/* worst permanent failure */
	bool			 is_reporting;
	bool			 is_closed;
};

static struct buf *
host_out(void *arg)
{
	return &((struct submitting *)arg)->out;
}

static bool
host_is_clogged(void *arg)
{
	return ((struct submitting *)arg)->out.n > 4 * PIECE;
}

static enum err
host_start_tls(void *arg)
{
	(void)arg;
	return ERR_UNSUPPORTED;
}

static void
host_want_secret(void *arg)
{
	(void)arg;
}

static void
host_want_body(void *arg)
{
	struct submitting *s = arg;
	struct slice piece = slice_head(slice_from(buf_slice(&s->text), s->sent), PIECE);

	s->sent += piece.n;
	smtp_client_body(&s->client, piece, s->sent == s->text.n);
}

static void
host_deadline(void *arg, enum smtp_client_phase phase)
{
	(void)arg;
	(void)phase;
}

/* ---- recipients ---- */

static void
try_later(struct submitting *s, struct slice address)
{
	if (s->is_reporting)
		return;		/* the report is lost with its message: tried again too */
	buf_put_slice(s->again, address);
	buf_put_char(s->again, '\0');
}

static void
refused(struct submitting *s, struct slice address, const struct smtp_result *r)
{
	bool is_user = strncmp(r->dsn, "5.1.", 4) == 0;

	if (s->is_reporting)
		return;
	if (s->code == EX_OK || !is_user)
		s->code = is_user ? EX_NOUSER : EX_UNAVAILABLE;
	if (s->is_late)
		sendmail_report_add(&s->report, address, slice_str(r->text));
	else
		(void)fprintf(s->err, "sendmail: %.*s: %s\n", SLICE_FMT(address), r->text);
}

static void
host_rcpt(void *arg, uint32_t idx, const struct smtp_result *r)
{
	struct submitting *s = arg;
	struct slice address = s->now[idx].address;

	if (r->error == ERR_OK)
		return;
	if (r->is_again || err_class(r->error) != ERR_CLASS_PERM)
		try_later(s, address);
	else
		refused(s, address, r);
}

/* Once for all transactions of the text. */
static void
know_text(struct submitting *s)
{
	s->flags = 0;
	for (size_t i = 0; i < s->text.n && s->flags == 0; i++)
		if ((unsigned char)buf_data(&s->text)[i] >= 0x80)
			s->flags = SMTP_CLIENT_8BIT;
	if (s->wish->ret != 0)
		s->flags |= s->wish->ret == 'F' ? SMTP_CLIENT_RET_FULL : SMTP_CLIENT_RET_HDRS;
}

/* The next transaction; false: nothing is left. */
static bool
send_next(struct submitting *s)
{
	struct smtp_client_message m = { .sender = buf_slice(&s->sender),
	    .envid = s->is_reporting ? SLICE_NONE : s->wish->envid, .size = s->text.n,
	    .flags = s->flags, .rcpts = s->now };

	s->now_count = 0;
	while (s->rest.n > 0 && s->now_count < SMTP_CLIENT_RCPTS_MAX) {
		struct smtp_client_rcpt *r = &s->now[s->now_count++];

		*r = (struct smtp_client_rcpt){ .notify = s->wish->notify };
		s->rest = slice_cut(s->rest, '\0', &r->address);
	}
	m.rcpt_count = s->now_count;
	s->sent = 0;
	if (s->now_count == 0)
		return false;
	if (smtp_client_next(&s->client, &m) == ERR_OK)
		return true;
	for (uint32_t i = 0; i < s->now_count; i++)
		try_later(s, s->now[i].address);
	return false;
}

/* ---- the report to the sender of mail that waited ---- */

static bool
send_report(struct submitting *s, struct slice domain)
{
	if (s->report.text.n == 0 || s->sender.n == 0 || s->is_reporting)
		return false;
	s->is_reporting = true;
	buf_reset(&s->text);
	sendmail_report_put(&s->report, domain, buf_slice(&s->sender), &s->text);
	know_text(s);
	buf_reset(&s->rcpts);
	buf_put_slice(&s->rcpts, buf_slice(&s->sender));
	buf_put_char(&s->rcpts, '\0');
	buf_reset(&s->sender);
	s->rest = buf_slice(&s->rcpts);
	return send_next(s);
}

/* ---- the dialogue ---- */

/* smtpd tells its local clients what completes a bare name. */
static struct slice
domain_of(const struct submitting *s)
{
	static const char keyword[] = "XDOMAIN ";
	struct slice hello = buf_slice(&s->hello), domain;
	size_t at = slice_search(hello, slice_str(keyword));

	hello = slice_from(hello, at < hello.n ? at + sizeof(keyword) - 1 : at);
	(void)slice_cut(hello, '\r', &domain);
	return domain;
}

static void
complain(struct submitting *s, enum err e, struct slice wrong)
{
	s->code = e == ERR_NOTFOUND ? EX_USAGE : EX_DATAERR;
	if (e == ERR_SYNTAX)
		(void)fprintf(s->err, "sendmail: %.*s: not a mail address\n", SLICE_FMT(wrong));
	else
		(void)fprintf(s->err, "sendmail: %s\n", e == ERR_NOTFOUND ?
		    "no recipient" : e == ERR_LIMIT ? "too many recipients" : "message too large");
}

static void
host_ready(void *arg)
{
	struct submitting *s = arg;
	struct slice wrong;
	enum err e = sendmail_compose(s->wish, s->raw, domain_of(s), &s->text, &s->rcpts,
	    &s->sender, &wrong);

	if (e != ERR_OK)
		complain(s, e, wrong);
	know_text(s);
	s->rest = buf_slice(&s->rcpts);
	if (e != ERR_OK || !send_next(s))
		smtp_client_quit(&s->client);
}

static void
host_done(void *arg)
{
	struct submitting *s = arg;

	if (!send_next(s) && !send_report(s, domain_of(s)))
		smtp_client_quit(&s->client);
}

static void
host_closed(void *arg, enum smtp_client_end end, const struct smtp_result *why)
{
	struct submitting *s = arg;

	s->is_closed = true;
	if (end != SMTP_END_QUIT && s->text.n == 0 && s->code == EX_OK) {
		(void)fprintf(s->err, "sendmail: %s\n", why->text);
		s->code = EX_TEMPFAIL;
	}
	/* What was not even given. */
	while (s->rest.n > 0) {
		struct slice one;

		s->rest = slice_cut(s->rest, '\0', &one);
		try_later(s, one);
	}
}

static bool
host_binding(void *arg, struct sasl_binding *b)
{
	(void)arg;
	(void)b;
	return false;		/* there is no TLS */
}

static const struct smtp_client_host host = {
	.out = host_out, .is_clogged = host_is_clogged, .start_tls = host_start_tls,
	.binding = host_binding, .want_secret = host_want_secret,
	.want_body = host_want_body, .deadline = host_deadline, .ready = host_ready, .rcpt = host_rcpt,
	.done = host_done, .closed = host_closed,
};

static void
write_out(struct submitting *s, int fd)
{
	ssize_t n = send(fd, buf_data(&s->out), s->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0) {
		buf_consume(&s->out, (size_t)n);
		if (!host_is_clogged(s))
			smtp_client_on_drained(&s->client);
	} else if (errno != EAGAIN && errno != EINTR) {
		smtp_client_on_eof(&s->client);
	}
}

static void
read_in(struct submitting *s, int fd)
{
	char mem[PIECE];
	ssize_t n = recv(fd, mem, sizeof(mem), MSG_DONTWAIT);

	if (n > 0) {
		if (s->hello.n < HELLO_MAX)
			buf_put_slice(&s->hello, slice_head(slice_of(mem, (size_t)n),
			    HELLO_MAX - s->hello.n));
		(void)smtp_client_on_data(&s->client, slice_of(mem, (size_t)n));
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		smtp_client_on_eof(&s->client);
	}
}

static void
run(struct submitting *s, int fd)
{
	struct pollfd p = { .fd = fd };

	while (!s->is_closed) {
		p.events = (short)(POLLIN | (s->out.n > 0 ? POLLOUT : 0));
		if (poll(&p, 1, WAIT_MS) == 0)
			smtp_client_on_deadline(&s->client);
		else if (p.revents & POLLOUT)
			write_out(s, fd);
		if (!s->is_closed && (p.revents & (POLLIN | POLLHUP | POLLERR)))
			read_in(s, fd);
	}
}

int
sendmail_submit(int fd, const struct sendmail_wish *w, struct slice raw, bool is_late,
    FILE *err, struct buf *again)
{
	static const struct smtp_client_config config = { .ehlo = "localhost",
	    .host = "the mail system", .tls = SMTP_CLIENT_TLS_NONE };
	struct submitting *s = must_alloc(1, sizeof(*s));
	int code;

	s->wish = w;
	s->raw = raw;
	s->is_late = is_late;
	s->err = err;
	s->again = again;
	buf_init(&s->out, 16u << 20);
	buf_init(&s->hello, HELLO_MAX);
	buf_init(&s->text, 2u * SENDMAIL_MESSAGE_MAX);
	buf_init(&s->rcpts, 2u * SENDMAIL_RCPTS_BYTES);
	buf_init(&s->sender, 1024);
	sendmail_report_init(&s->report);
	smtp_client_init(&s->client, &config, &host, s);
	smtp_client_start(&s->client);
	run(s, fd);
	code = again->n > 0 ? EX_TEMPFAIL : s->code;
	smtp_client_fini(&s->client);
	buf_fini(&s->out);
	buf_fini(&s->hello);
	buf_fini(&s->text);
	buf_fini(&s->rcpts);
	buf_fini(&s->sender);
	sendmail_report_fini(&s->report);
	free(s);
	return code;
}
