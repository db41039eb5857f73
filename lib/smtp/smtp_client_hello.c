/* SPDX-License-Identifier: ISC */
/*
 * From the greeting to the first message: EHLO or LHLO, or HELO with an old
 * host; STARTTLS and EHLO again; AUTH.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "lib/smtp/smtp_client_priv.h"

#define AUTH_LINE_MAX	512	/* RFC 4954 s4: AUTH is a command line, RFC 5321 s4.5.3.1.4 */
#define AUTH_BASE64_MAX	(SASL_RESPONSE_MAX / 3 * 4 + 8)

static bool
is_positive(const struct smtp_client *c)
{
	return c->parser.code / 100 == 2;
}

static void
put_hello(struct smtp_client *c, const char *verb, enum smtp_client_wait wait)
{
	struct buf *out = smtp_client_out(c);

	buf_put_str(out, verb);
	buf_put_char(out, ' ');
	buf_put_str(out, c->config->ehlo);
	buf_put_str(out, "\r\n");
	memset(&c->heard, 0, sizeof(c->heard));
	c->state = SMTP_CLIENT_HELLO;
	smtp_client_sent(c, wait);
}

static void
put_ehlo(struct smtp_client *c)
{
	/* RFC 2033 s4.1: LHLO takes its place. */
	put_hello(c, c->config->is_lmtp ? "LHLO" : "EHLO", SMTP_AWAIT_EHLO);
}

void
smtp_client_hello_on_greeting(struct smtp_client *c)
{
	/* RFC 5321 s3.1: 220, or 554; RFC 7504 s3: 521.  Any other refusal counts too. */
	if (c->parser.code == 220)
		put_ehlo(c);
	else if (c->parser.code >= 400)
		smtp_client_refused(c, SMTP_END_REFUSED);
	else
		smtp_client_violation(c, "greeting without 220");
}

/* ---- login ---- */

static void
fail_login(struct smtp_client *c, const char *dsn, const char *what)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_AUTH, dsn, "login at host %.150s: %s", c->config->host, what);
	smtp_client_fail(c, SMTP_END_AUTH, &r, true);
}

/* Those that the connection can bear and the login may use. */
static unsigned
wanted_mechanisms(const struct smtp_client *c)
{
	unsigned set = c->config->mechanisms != 0 ? c->config->mechanisms : SASL_BY_PASSWORD;
	struct sasl_binding b;

	if ((c->caps.mechanisms & set & SASL_SCRAM_SHA_256_PLUS) != 0 &&
	    !c->host->binding(c->arg, &b))
		set &= ~(unsigned)SASL_SCRAM_SHA_256_PLUS;
	return set;
}

/* RFC 5802 s6: a host that offered to bind is not told that it might have. */
static enum err
init_sasl(struct smtp_client *c, struct slice secret)
{
	bool is_bound = c->mechanism == SASL_SCRAM_SHA_256_PLUS;
	bool is_offered = (c->caps.mechanisms & SASL_SCRAM_SHA_256_PLUS) != 0;
	unsigned char nonce[SASL_NONCE_BYTES];
	struct sasl_binding b;
	bool has_binding;

	cry_random(nonce, sizeof(nonce));
	has_binding = is_bound == is_offered && c->host->binding(c->arg, &b);
	return sasl_client_init(c->sasl, c->mechanism, c->config->user, secret, nonce,
	    has_binding ? &b : NULL);
}

/* All is known of the host: log in, or be ready. */
static void
log_in(struct smtp_client *c)
{
	if (c->config->user.n == 0 || c->is_quitting) {
		c->state = SMTP_CLIENT_IDLE;
		return;
	}
	/* RFC 4954 s4: no password in clear, whatever the mechanism makes of it. */
	if (!c->is_tls) {
		fail_login(c, "4.7.11", "not without TLS");
		return;
	}
	c->mechanism = sasl_client_choose(c->caps.mechanisms & wanted_mechanisms(c));
	if (c->mechanism == SASL_NONE) {
		fail_login(c, "4.7.0", "no mechanism is offered that may be used");
		return;
	}
	c->state = SMTP_CLIENT_SECRET;
	c->is_fresh = true;
	c->host->want_secret(c->arg);
}

static void
init_secret(struct buf *b, size_t max)
{
	buf_init(b, max);
	b->secret = true;
}

/* RFC 4954 s4: AUTH with the first response in the same line if there is room. */
static void
put_auth(struct smtp_client *c)
{
	const char *name = sasl_client_name(c->sasl->mechanism);
	struct buf *out = smtp_client_out(c);
	struct buf first, text;
	bool has_first;

	init_secret(&first, SASL_RESPONSE_MAX);
	init_secret(&text, AUTH_BASE64_MAX);
	has_first = sasl_client_start(c->sasl, &first);
	enc_put_base64(&text, buf_slice(&first));
	buf_put_str(out, "AUTH ");
	buf_put_str(out, name);
	c->initial_due = has_first && strlen(name) + text.n + 8 > AUTH_LINE_MAX;
	if (has_first && !c->initial_due) {
		buf_put_char(out, ' ');
		buf_put_slice(out, buf_slice(&text));
	}
	buf_put_str(out, "\r\n");
	buf_fini(&first);
	buf_fini(&text);
	c->state = SMTP_CLIENT_LOGIN;
	smtp_client_sent(c, SMTP_AWAIT_AUTH);
}

void
smtp_client_secret(struct smtp_client *c, enum err e, struct slice secret)
{
	if (c->state != SMTP_CLIENT_SECRET)
		return;
	if (e != ERR_OK) {
		fail_login(c, "4.7.0", "the password is not available");
		return;
	}
	c->sasl = must_alloc(1, sizeof(*c->sasl));
	e = init_sasl(c, secret);
	if (e == ERR_OK)
		put_auth(c);
	else
		fail_login(c, "4.7.0", "user name or password cannot be sent");
	smtp_client_run(c);
}

static void
put_response(struct smtp_client *c, const struct buf *response)
{
	struct buf *out = smtp_client_out(c), text;

	init_secret(&text, AUTH_BASE64_MAX);
	enc_put_base64(&text, buf_slice(response));
	buf_put_slice(out, buf_slice(&text));
	buf_put_str(out, "\r\n");
	buf_fini(&text);
	smtp_client_sent(c, SMTP_AWAIT_AUTH);
}

static void
give_up_login(struct smtp_client *c, enum err e)
{
	/* RFC 4954 s4: a star ends the exchange. */
	buf_put_str(smtp_client_out(c), "*\r\n");
	if (e == ERR_LIMIT)
		fail_login(c, "4.7.0", "it asks for too few or too many iterations");
	else if (e == ERR_AUTH)
		fail_login(c, "4.7.0", "it does not know the password itself");
	else
		fail_login(c, "4.7.0", "its challenge makes no sense");
}

static void
on_challenge(struct smtp_client *c)
{
	struct slice text = slice_trim(c->parser.text);
	struct buf challenge, response;
	enum err e = ERR_OK;

	init_secret(&challenge, SASL_CHALLENGE_MAX);
	init_secret(&response, SASL_RESPONSE_MAX);
	if (c->parser.is_cut || c->parser.line_count > 1)
		e = ERR_SYNTAX;
	else if (c->initial_due)
		e = sasl_client_start(c->sasl, &response) ? ERR_OK : ERR_SYNTAX;
	else if (enc_get_base64(&challenge, text) != ERR_OK)
		e = c->mechanism == SASL_LOGIN ? ERR_OK : ERR_SYNTAX;
	if (e == ERR_OK && !c->initial_due)
		e = sasl_client_on_challenge(c->sasl, buf_slice(&challenge), &response);
	c->initial_due = false;
	if (e == ERR_OK && buf_err(&response) != ERR_OK)
		e = ERR_SYNTAX;
	if (e == ERR_OK || e == ERR_END)
		put_response(c, &response);
	else
		give_up_login(c, e);
	buf_fini(&challenge);
	buf_fini(&response);
}

void
smtp_client_hello_on_auth(struct smtp_client *c)
{
	struct smtp_result r;

	if (c->parser.code == 334) {
		on_challenge(c);
		return;
	}
	if (c->parser.code == 235) {
		if (c->initial_due || sasl_client_on_success(c->sasl) != ERR_OK) {
			fail_login(c, "4.7.0", "it did not prove that it knows the password");
			return;
		}
		smtp_client_hello_fini(c);
		c->state = SMTP_CLIENT_IDLE;
		return;
	}
	if (c->parser.code < 400) {
		smtp_client_violation(c, "unexpected reply code");
		return;
	}
	/* Whatever is wrong with the login, the mail can wait for its cure. */
	smtp_client_result(c, &r);
	smtp_result_soften(&r);
	smtp_client_fail(c, SMTP_END_AUTH, &r, true);
}

void
smtp_client_hello_fini(struct smtp_client *c)
{
	if (c->sasl == NULL)
		return;
	sasl_client_fini(c->sasl);
	free(c->sasl);
	c->sasl = NULL;
}

/* ---- EHLO and TLS ---- */

static void
fail_tls(struct smtp_client *c, const char *dsn, const char *what, bool has_reply)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_STARTTLS, dsn, "%s by host %.150s", what, c->config->host);
	if (has_reply)
		smtp_result_add_reply(&r, c->parser.code, c->parser.reply);
	smtp_client_fail(c, SMTP_END_TLS, &r, true);
}

static void
after_hello(struct smtp_client *c)
{
	c->caps = c->heard;
	if (c->is_tls || c->config->tls == SMTP_CLIENT_TLS_NONE) {
		log_in(c);
	} else if (smtp_caps_has(&c->caps, SMTP_CAP_STARTTLS)) {
		buf_put_str(smtp_client_out(c), "STARTTLS\r\n");
		smtp_client_sent(c, SMTP_AWAIT_STARTTLS);
	} else if (c->config->tls == SMTP_CLIENT_TLS_MUST) {
		/* RFC 8461 s4.2, RFC 7672 s2.2: mail waits, it does not bounce. */
		fail_tls(c, "4.7.4", "TLS is required, but was not offered", false);
	} else {
		log_in(c);
	}
}

void
smtp_client_hello_on_ehlo(struct smtp_client *c)
{
	if (is_positive(c)) {
		c->is_esmtp = true;
		after_hello(c);
	} else if (c->parser.code >= 500 && !c->config->is_lmtp) {
		/* RFC 5321 s3.2: the host may be older than EHLO. */
		put_hello(c, "HELO", SMTP_AWAIT_HELO);
	} else if (c->parser.code >= 400) {
		smtp_client_refused(c, SMTP_END_REFUSED);
	} else {
		smtp_client_violation(c, "unexpected reply code");
	}
}

void
smtp_client_hello_on_helo(struct smtp_client *c)
{
	if (is_positive(c)) {
		c->is_esmtp = false;
		after_hello(c);
	} else if (c->parser.code >= 400) {
		smtp_client_refused(c, SMTP_END_REFUSED);
	} else {
		smtp_client_violation(c, "unexpected reply code");
	}
}

void
smtp_client_hello_on_starttls(struct smtp_client *c)
{
	struct smtp_result r;

	if (c->parser.code == 220) {
		c->state = SMTP_CLIENT_HANDSHAKE;
		if (c->host->start_tls(c->arg) == ERR_OK)
			return;
		smtp_result_own(&r, SMTP_STAGE_STARTTLS, "4.7.5",
		    "TLS could not be started with host %.150s", c->config->host);
		smtp_client_fail(c, SMTP_END_TLS, &r, false);
	} else if (c->parser.code < 400) {
		smtp_client_violation(c, "unexpected reply code");
	} else if (c->config->tls == SMTP_CLIENT_TLS_MUST) {
		fail_tls(c, "4.7.4", "TLS is required, but was refused", true);
	} else {
		log_in(c);
	}
}

void
smtp_client_on_tls(struct smtp_client *c, bool is_up)
{
	struct smtp_result r;

	if (c->state != SMTP_CLIENT_HANDSHAKE)
		return;
	if (!is_up) {
		smtp_result_own(&r, SMTP_STAGE_STARTTLS, "4.7.5",
		    "the TLS handshake with host %.150s failed", c->config->host);
		smtp_client_fail(c, SMTP_END_TLS, &r, false);
		return;
	}
	/* RFC 3207 s4.2: what was learnt in clear is forgotten. */
	c->is_tls = true;
	c->is_esmtp = false;
	memset(&c->caps, 0, sizeof(c->caps));
	put_ehlo(c);
	smtp_client_run(c);
}
