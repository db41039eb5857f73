/* SPDX-License-Identifier: ISC */
#include "tests/unit/smtp/fake_client.h"

#include <string.h>

#include "lib/base/must.h"

static struct buf *
host_out(void *arg)
{
	struct fake_client *f = arg;

	if (f->out.n > f->out_most)
		f->out_most = f->out.n;
	return &f->out;
}

static bool
host_is_clogged(void *arg)
{
	return ((struct fake_client *)arg)->is_clogged;
}

static enum err
host_start_tls(void *arg)
{
	struct fake_client *f = arg;

	buf_put_str(&f->log, "tls\n");
	f->wants_tls = !f->tls_refuses;
	return f->tls_refuses ? ERR_BUSY : ERR_OK;
}

static bool
host_binding(void *arg, struct sasl_binding *b)
{
	const struct fake_client *f = arg;

	if (f->binding == NULL)
		return false;
	*b = (struct sasl_binding){ .type = "tls-exporter", .n = strlen(f->binding) };
	memcpy(b->bytes, f->binding, b->n);
	return true;
}

static void
host_want_secret(void *arg)
{
	struct fake_client *f = arg;

	buf_put_str(&f->log, "secret\n");
	smtp_client_secret(&f->c, f->secret != NULL ? ERR_OK : ERR_NOTFOUND, slice_str(f->secret));
}

static void
give_body(struct fake_client *f)
{
	struct slice left = slice_from(f->body, f->body_at);
	struct slice part = slice_head(left, f->piece);

	f->wants_body = false;
	f->body_at += part.n;
	if (f->body_fails)
		smtp_client_body_failed(&f->c);
	else
		smtp_client_body(&f->c, part, part.n == left.n);
}

static void
host_want_body(void *arg)
{
	struct fake_client *f = arg;

	must(!f->wants_body);
	f->wants_body = true;
	if (!f->body_later)
		give_body(f);
}

static void
host_deadline(void *arg, enum smtp_client_phase phase)
{
	struct fake_client *f = arg;
	static const char letters[] = "-HMRITDS";

	must(!f->is_closed);
	buf_put_char(&f->phases, letters[phase]);
}

static void
give_message(struct fake_client *f)
{
	enum err e;

	f->body_at = 0;
	f->wants_body = false;
	memset(f->is_told, 0, sizeof(f->is_told));
	if (f->given < f->message_count && smtp_client_can_next(&f->c)) {
		e = smtp_client_next(&f->c, &f->messages[f->given++]);
		must(e == ERR_OK);
	} else if (!f->stays) {
		smtp_client_quit(&f->c);
	}
}

static void
host_ready(void *arg)
{
	struct fake_client *f = arg;

	buf_put_str(&f->log, "ready\n");
	give_message(f);
}

static const char *
word_of(const struct smtp_result *r)
{
	if (r->is_again)
		return "again";
	switch (err_class(r->error)) {
	case ERR_CLASS_NONE:
		return "sent";
	case ERR_CLASS_TEMP:
		return "deferred";
	case ERR_CLASS_PERM:
		return "bounced";
	}
	return "?";
}

static void
note(struct fake_client *f, const struct smtp_result *r)
{
	must(strlen(r->dsn) >= 5 && strlen(r->text) <= SMTP_RESULT_TEXT_MAX);
	buf_printf(&f->log, " %s %s%s %s\n", word_of(r), r->dsn, r->dsn_taken ? " dsn" : "", r->text);
}

static void
host_rcpt(void *arg, uint32_t idx, const struct smtp_result *r)
{
	struct fake_client *f = arg;

	must(f->given > 0 && idx < f->messages[f->given - 1].rcpt_count && !f->is_told[idx]);
	f->is_told[idx] = true;
	buf_printf(&f->log, "%u", (unsigned)idx);
	note(f, r);
}

static void
host_done(void *arg)
{
	struct fake_client *f = arg;

	for (uint32_t i = 0; i < f->messages[f->given - 1].rcpt_count; i++)
		must(f->is_told[i]);
	buf_put_str(&f->log, "done\n");
	give_message(f);
}

static void
host_closed(void *arg, enum smtp_client_end end, const struct smtp_result *why)
{
	struct fake_client *f = arg;
	static const char *const words[] = { "quit", "refused", "tls", "auth", "closing", "lost",
	    "timeout", "violation", "local" };

	must(!f->is_closed);
	f->is_closed = true;
	buf_printf(&f->log, "%s", words[end]);
	note(f, why);
}

static const struct smtp_client_host host = {
	.out = host_out, .is_clogged = host_is_clogged, .start_tls = host_start_tls,
	.binding = host_binding,
	.want_secret = host_want_secret, .want_body = host_want_body, .deadline = host_deadline,
	.ready = host_ready, .rcpt = host_rcpt, .done = host_done, .closed = host_closed
};

void
fake_client_init(struct fake_client *f)
{
	memset(f, 0, sizeof(*f));
	f->config = (struct smtp_client_config){ .ehlo = "a.example", .host = FAKE_CLIENT_HOST };
	f->piece = 100000;
	f->secret = "pencil";
	buf_init(&f->out, 4u << 20);
	buf_init(&f->log, 1u << 20);
	buf_init(&f->phases, 1u << 20);
	smtp_client_init(&f->c, &f->config, &host, f);
}

void
fake_client_fini(struct fake_client *f)
{
	smtp_client_fini(&f->c);
	buf_fini(&f->out);
	buf_fini(&f->log);
	buf_fini(&f->phases);
}

void
fake_client_turn(struct fake_client *f)
{
	if (f->wants_tls) {
		f->wants_tls = false;
		smtp_client_on_tls(&f->c, !f->tls_fails);
	}
	if (f->wants_body)
		give_body(f);
}

void
fake_client_feed(struct fake_client *f, struct slice in, size_t step)
{
	struct slice part;
	size_t used;

	for (; in.n > 0 && !f->is_closed; in = slice_from(in, part.n)) {
		part = slice_head(in, step);
		used = smtp_client_on_data(&f->c, part);
		must(used == part.n || f->is_closed);
	}
	fake_client_turn(f);
}
