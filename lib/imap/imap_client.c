/* SPDX-License-Identifier: ISC */
#include "lib/imap/imap_client.h"

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/mail/imap_utf7.h"

#define SAY_MAX		(64u << 10)
#define TEXT_MAX	1000
#define CAPS_MAX	16384

void
imap_client_init(struct imap_client *c, struct link *link)
{
	*c = (struct imap_client){ .link = link };
	imap_reader_init(&c->reader);
	buf_init(&c->say, SAY_MAX);
	buf_init(&c->code, TEXT_MAX);
	buf_init(&c->text, TEXT_MAX);
	buf_init(&c->caps, CAPS_MAX);
	c->say.secret = true;		/* it may have the password */
}

void
imap_client_fini(struct imap_client *c)
{
	imap_reader_fini(&c->reader);
	buf_fini(&c->say);
	buf_fini(&c->code);
	buf_fini(&c->text);
	buf_fini(&c->caps);
}

static void
keep(struct buf *b, struct slice s)
{
	buf_reset(b);
	buf_put_slice(b, slice_head(s, b->max));
}

static void
keep_caps(struct imap_client *c, struct slice words)
{
	keep(&c->caps, words);
	c->has_caps = true;
}

/* ---- reading ---- */

static enum err
next(struct imap_client *c, enum imap_reader_event *ev, struct slice *data)
{
	struct slice in, rest;
	enum err e;

	for (;;) {
		in = rest = link_input(c->link);
		*ev = imap_reader_next(&c->reader, &rest, data);
		/* data stays where it is until more is read. */
		link_used(c->link, in.n - rest.n);
		if (*ev == IMAP_READ_BAD)
			return ERR_SYNTAX;
		if (*ev != IMAP_READ_MORE)
			return ERR_OK;
		if ((e = link_fill(c->link)) != ERR_OK) {
			keep(&c->text, slice_str(link_reason(c->link)));
			return e;
		}
	}
}

/* A response that is no message; those that came unasked are passed over. */
static enum err
next_answer(struct imap_client *c, struct imap_answer *a)
{
	enum imap_reader_event ev;
	struct slice data;
	enum err e;

	do {
		if ((e = next(c, &ev, &data)) != ERR_OK)
			return e;
	} while (ev != IMAP_READ_LINE);
	if ((e = imap_answer_parse(buf_slice(&c->reader.line), a)) != ERR_OK)
		return e;
	if (a->status != IMAP_NONE && slice_istarts(a->code, "CAPABILITY "))
		keep_caps(c, slice_from(a->code, 11));
	else if (slice_eq_str(a->tag, "*") && slice_ieq_str(a->word, "CAPABILITY"))
		keep_caps(c, a->rest);
	if (slice_eq_str(a->tag, "*") && a->status == IMAP_BYE)
		keep(&c->text, a->text);
	return ERR_OK;
}

static bool
is_command(struct slice tag)
{
	return !slice_eq_str(tag, "*") && !slice_eq_str(tag, "+");
}

/* The end of the oldest command. */
static enum err
ended(struct imap_client *c, const struct imap_answer *a)
{
	uint32_t n;

	keep(&c->code, a->code);
	keep(&c->text, a->text);
	if (!slice_starts(a->tag, "G") ||
	    num_parse_u32(slice_from(a->tag, 1), UINT32_MAX, &n) != ERR_OK ||
	    n != c->heard + 1 || c->heard == c->said)
		return ERR_SYNTAX;
	c->heard++;
	return a->status == IMAP_OK ? ERR_OK : ERR_STATE;
}

enum err
imap_client_wait(struct imap_client *c, imap_client_fn *fn, void *arg)
{
	struct imap_answer a;
	enum err e;

	for (;;) {
		if ((e = next_answer(c, &a)) != ERR_OK)
			return e;
		if (is_command(a.tag))
			return ended(c, &a);
		if (fn != NULL && slice_eq_str(a.tag, "*") && (e = fn(arg, &a)) != ERR_OK)
			return e;
	}
}

enum err
imap_client_wait_plus(struct imap_client *c, bool *plus)
{
	struct imap_answer a;
	enum err e;

	do {
		if ((e = next_answer(c, &a)) != ERR_OK)
			return e;
	} while (slice_eq_str(a.tag, "*"));
	*plus = slice_eq_str(a.tag, "+");
	return *plus ? ERR_OK : ended(c, &a);
}

/* ---- writing ---- */

enum err
imap_client_say(struct imap_client *c)
{
	struct buf tag;
	enum err e;

	if (buf_err(&c->say) != ERR_OK)
		return ERR_LIMIT;
	buf_init(&tag, 20);
	buf_printf(&tag, "G%u ", ++c->said);
	buf_put_str(&c->say, "\r\n");
	e = link_write(c->link, buf_slice(&tag));
	if (e == ERR_OK)
		e = link_write(c->link, buf_slice(&c->say));
	buf_fini(&tag);
	buf_wipe(&c->say);
	if (e != ERR_OK)
		keep(&c->text, slice_str(link_reason(c->link)));
	return e;
}

enum err
imap_client_run(struct imap_client *c, imap_client_fn *fn, void *arg)
{
	enum err e = imap_client_say(c);

	return e == ERR_OK ? imap_client_wait(c, fn, arg) : e;
}

void
imap_client_put_string(struct imap_client *c, struct slice s)
{
	buf_put_char(&c->say, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_put_char(&c->say, '\\');
		buf_put_char(&c->say, s.p[i]);
	}
	buf_put_char(&c->say, '"');
}

void
imap_client_put_mailbox(struct imap_client *c, struct slice name)
{
	struct buf wire;

	buf_init(&wire, SAY_MAX);
	if (c->is_utf8)
		buf_put_slice(&wire, name);
	else
		imap_utf7_encode(name, &wire);
	imap_client_put_string(c, buf_slice(&wire));
	buf_fini(&wire);
}

/* ---- the way in ---- */

bool
imap_client_can(const struct imap_client *c, const char *capability)
{
	return imap_answer_has_word(buf_slice(&c->caps), capability);
}

static enum err
ask_caps(struct imap_client *c)
{
	buf_put_str(&c->say, "CAPABILITY");
	return imap_client_run(c, NULL, NULL);
}

enum err
imap_client_greet(struct imap_client *c)
{
	struct imap_answer a;
	enum err e = next_answer(c, &a);

	if (e != ERR_OK)
		return e;
	if (!slice_eq_str(a.tag, "*") || a.status == IMAP_NONE)
		return ERR_SYNTAX;
	if (a.status != IMAP_OK && a.status != IMAP_PREAUTH) {
		keep(&c->text, a.text);
		return ERR_STATE;
	}
	c->is_preauth = a.status == IMAP_PREAUTH;
	return c->has_caps ? ERR_OK : ask_caps(c);
}

enum err
imap_client_starttls(struct imap_client *c, struct tls_client_ctx *ctx,
    const struct tls_demand *d)
{
	enum err e;

	/* After PREAUTH there is no way to it, and nothing to trust. */
	if (!imap_client_can(c, "STARTTLS") || c->is_preauth) {
		keep(&c->text, SLICE_LIT("it does not offer STARTTLS"));
		return ERR_UNSUPPORTED;
	}
	buf_put_str(&c->say, "STARTTLS");
	if ((e = imap_client_run(c, NULL, NULL)) != ERR_OK)
		return e;
	if ((e = link_tls(c->link, ctx, d)) != ERR_OK) {
		keep(&c->text, slice_str(link_reason(c->link)));
		return e;
	}
	return ask_caps(c);
}

/* RFC 4616: nothing, NUL, user, NUL, password */
static enum err
plain(struct imap_client *c, struct slice user, struct slice password)
{
	struct buf b, line;
	bool plus;
	enum err e;

	buf_init(&b, 4000);
	buf_init(&line, 8000);
	b.secret = line.secret = true;
	buf_put_char(&b, '\0');
	buf_put_slice(&b, user);
	buf_put_char(&b, '\0');
	buf_put_slice(&b, password);
	enc_put_base64(&line, buf_slice(&b));
	buf_put_str(&line, "\r\n");
	buf_put_str(&c->say, "AUTHENTICATE PLAIN");
	e = buf_err(&b) != ERR_OK || buf_err(&line) != ERR_OK ? ERR_LIMIT : imap_client_say(c);
	if (e == ERR_OK && (e = imap_client_wait_plus(c, &plus)) == ERR_OK)
		e = plus ? link_write(c->link, buf_slice(&line)) : ERR_SYNTAX;
	if (e == ERR_OK)
		e = imap_client_wait(c, NULL, NULL);
	buf_fini(&b);
	buf_fini(&line);
	return e;
}

enum err
imap_client_login(struct imap_client *c, struct slice user, struct slice password)
{
	enum err e;

	c->has_caps = false;
	if (imap_client_can(c, "AUTH=PLAIN")) {
		e = plain(c, user, password);
	} else if (imap_client_can(c, "LOGINDISABLED")) {
		keep(&c->text, SLICE_LIT("it offers no login that is known here"));
		return ERR_UNSUPPORTED;
	} else {
		buf_put_str(&c->say, "LOGIN ");
		imap_client_put_string(c, user);
		buf_put_char(&c->say, ' ');
		imap_client_put_string(c, password);
		e = imap_client_run(c, NULL, NULL);
	}
	return e == ERR_OK && !c->has_caps ? ask_caps(c) : e;
}

/* ---- messages ---- */

enum err
imap_client_ask(struct imap_client *c, uint32_t uid)
{
	buf_printf(&c->say, "UID FETCH %u BODY.PEEK[]", (unsigned)uid);
	return imap_client_say(c);
}

static enum err
read_rest(struct imap_client *c, const struct mail_taker *t)
{
	enum imap_reader_event ev;
	struct slice data;
	enum err e = ERR_OK;

	for (uint64_t left = c->reader.body_bytes; left > 0 && e == ERR_OK; left -= data.n) {
		if ((e = next(c, &ev, &data)) == ERR_OK)
			e = ev == IMAP_READ_DATA ? t->data(t->arg, data) : ERR_SYNTAX;
	}
	return e;
}

/* What is no literal: a message so short that it came as a quoted string. */
static enum err
read_quoted(const struct imap_answer *a, const struct mail_taker *t, bool *found)
{
	struct imap_fetched f;
	struct buf b;
	enum err e = ERR_OK;

	if (*found || !a->has_number || !slice_ieq_str(a->word, "FETCH"))
		return ERR_OK;
	buf_init(&b, IMAP_READER_LINE_MAX);
	if (imap_answer_fetch(a->rest, &f, &b) == ERR_OK && f.has_body) {
		*found = true;
		if ((e = t->size(t->arg, f.body.n)) == ERR_OK && f.body.n > 0)
			e = t->data(t->arg, f.body);
	}
	buf_fini(&b);
	return e;
}

static enum err
read_message(struct imap_client *c, const struct mail_taker *t, bool *found)
{
	enum err e;

	if (*found)
		return ERR_SYNTAX;
	*found = true;
	e = t->size(t->arg, c->reader.body_bytes);
	return e == ERR_OK ? read_rest(c, t) : e;
}

enum err
imap_client_read(struct imap_client *c, const struct mail_taker *t)
{
	enum imap_reader_event ev;
	struct imap_answer a;
	struct slice data;
	bool found = false;
	enum err e;

	for (;;) {
		if ((e = next(c, &ev, &data)) != ERR_OK)
			return e;
		if (ev == IMAP_READ_BODY) {
			if ((e = read_message(c, t, &found)) != ERR_OK)
				return e;
			continue;
		}
		if (ev != IMAP_READ_LINE ||
		    imap_answer_parse(buf_slice(&c->reader.line), &a) != ERR_OK)
			return ERR_SYNTAX;
		if (is_command(a.tag))
			break;
		if ((e = read_quoted(&a, t, &found)) != ERR_OK)
			return e;
	}
	e = ended(c, &a);
	return e == ERR_OK && !found ? ERR_NOTFOUND : e;
}
