/* SPDX-License-Identifier: ISC */
/*
 * AUTHENTICATE (RFC 3501 s6.2.2, initial response of RFC 4959): "AUTHENTICATE"
 * SP auth-type [SP (base64 / "=")] *(CRLF base64).  PLAIN (RFC 4616), LOGIN
 * (two lines, user and password; never standardized, still in use),
 * SCRAM-SHA-256 (imap_scram.h), and EXTERNAL (RFC 4422 app. A).
 */
#include <string.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_login.h"
#include "imapd/imap_scram.h"
#include "lib/base/enc.h"
#include "lib/base/secret.h"

#define RESPONSE_MAX	2800	/* of base64 */

struct args;
struct mechanism {
	const char	*name;
	bool		 is_scram, is_plus, is_external;
	void		(*take)(struct imap_cmd *, struct args *, struct slice text);
	const char	*prompt;	/* base64 */
};

struct args {
	const struct mechanism	*mechanism;
	bool			 has_initial;
	bool			 has_user;
	struct slice		 initial;
	struct slice		 user;
	struct imap_scram	*scram;
};

static void
ask(struct imap_cmd *c, const char *challenge)
{
	c->wants_input = true;
	imap_lexer_line_mode(&c->s->lexer, true);
	buf_printf(imap_session_out(c->s), "+ %s\r\n", challenge);
}

static void
ask_scram(struct imap_cmd *c, struct slice challenge)
{
	struct buf b;

	buf_init(&b, RESPONSE_MAX);
	enc_put_base64(&b, challenge);
	buf_put_char(&b, '\0');
	ask(c, buf_err(&b) == ERR_OK ? buf_data(&b) : "");
	buf_fini(&b);
}

/* message = [authzid] NUL authcid NUL passwd (RFC 4616 s2) */
static void
take_plain(struct imap_cmd *c, struct args *a, struct slice text)
{
	struct slice authzid, user, password = slice_cut(text, '\0', &authzid);

	(void)a;
	password = slice_cut(password, '\0', &user);
	/* Nobody may act for another. */
	if (authzid.n > 0 && !slice_ieq(authzid, user))
		user = SLICE_NONE;
	imap_login_start(c, "PLAIN", user, password);
}

static void
take_login(struct imap_cmd *c, struct args *a, struct slice text)
{
	if (a->has_user) {
		imap_login_start(c, "LOGIN", a->user, text);
		return;
	}
	a->has_user = true;
	a->user = arena_dup(&c->arena, text);
	ask(c, "UGFzc3dvcmQ6");		/* Password: */
}

static void
take_scram(struct imap_cmd *c, struct args *a, struct slice text)
{
	(void)c;
	imap_scram_take(a->scram, text);
}

static void
take_external(struct imap_cmd *c, struct args *a, struct slice text)
{
	(void)a;
	imap_login_external(c, text);
}

static const struct mechanism mechanisms[] = {
	{ "PLAIN", false, false, false, take_plain, "" },
	{ "LOGIN", false, false, false, take_login, "VXNlcm5hbWU6" },	/* Username: */
	{ "SCRAM-SHA-256", true, false, false, take_scram, "" },
	{ "SCRAM-SHA-256-PLUS", true, true, false, take_scram, "" },
	{ "EXTERNAL", false, false, true, take_external, "" },
};

static const struct mechanism *
find(const struct imap_session *s, struct slice name)
{
	for (size_t i = 0; i < lengthof(mechanisms); i++)
		if (slice_ieq_str(name, mechanisms[i].name) &&
		    (!mechanisms[i].is_scram || s->shared->scram) &&
		    (!mechanisms[i].is_plus || (s->tls && s->host->binding != NULL)) &&
		    (!mechanisms[i].is_external || imap_session_has_certificate(s)))
			return &mechanisms[i];
	return NULL;
}

void
cmd_authenticate_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));
	struct slice name;

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	name = imap_parser_atom(p);
	a->mechanism = find(c->s, name);
	a->has_initial = imap_parser_take(p, ' ');
	if (a->has_initial)
		a->initial = imap_parser_atom(p);
	/* RFC 3501 s6.2.2: NO, the mechanism is not there. */
	if (imap_parser_ok(p) && a->mechanism == NULL)
		imap_cmd_no(c, "CANNOT", "Unsupported authentication mechanism");
}

static void
take_response(struct imap_cmd *c, struct slice base64)
{
	struct args *a = c->priv;
	struct buf text;

	if (base64.n > RESPONSE_MAX) {
		imap_cmd_bad(c, "Response too long");
		return;
	}
	buf_init(&text, RESPONSE_MAX);
	if (enc_get_base64(&text, base64) != ERR_OK)
		imap_cmd_bad(c, "Invalid base64");
	else
		a->mechanism->take(c, a, buf_slice(&text));
	buf_wipe(&text);
	buf_fini(&text);
}

static void
on_line(struct imap_cmd *c, struct slice line)
{
	c->wants_input = false;
	imap_lexer_line_mode(&c->s->lexer, false);
	if (slice_eq_str(line, "*"))
		imap_cmd_bad(c, "Authentication cancelled");
	else
		take_response(c, line);
}

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_scram_free(a->scram);
	/* It got a token and did not come to its last line. */
	if (c->s->state == IMAP_NOAUTH)
		imap_login_forget(c->s);
}

void
cmd_authenticate_run(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (!imap_session_takes_logins(c->s)) {
		imap_cmd_no(c, "PRIVACYREQUIRED", "Use STARTTLS first");
		return;
	}
	if (a->mechanism->is_scram) {
		a->scram = imap_scram_new(c, a->mechanism->is_plus, ask_scram);
		if (a->scram == NULL)
			return;
		c->fini = fini;
	}
	c->on_line = on_line;
	if (a->has_initial)
		take_response(c, slice_eq_str(a->initial, "=") ? SLICE_NONE : a->initial);
	else
		ask(c, a->mechanism->prompt);
}
