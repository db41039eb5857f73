/* SPDX-License-Identifier: ISC */
/*
 * AUTHENTICATE (RFC 3501 s6.2.2, initial response of RFC 4959): "AUTHENTICATE"
 * SP auth-type [SP (base64 / "=")] *(CRLF base64).  PLAIN (RFC 4616) and
 * LOGIN (two lines, user and password; never standardized, still in use).
 */
#include <string.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_login.h"
#include "lib/base/enc.h"
#include "lib/base/secret.h"

#define RESPONSE_MAX	2800	/* of base64 */

struct args {
	bool		 is_login;
	bool		 has_initial;
	bool		 has_user;
	struct slice	 initial;
	struct slice	 user;
};

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
	a->is_login = slice_ieq_str(name, "LOGIN");
	a->has_initial = imap_parser_take(p, ' ');
	if (a->has_initial)
		a->initial = imap_parser_atom(p);
	/* RFC 3501 s6.2.2: NO, the mechanism is not there. */
	if (imap_parser_ok(p) && !a->is_login && !slice_ieq_str(name, "PLAIN"))
		imap_cmd_no(c, "CANNOT", "Unsupported authentication mechanism");
}

/* message = [authzid] NUL authcid NUL passwd (RFC 4616 s2) */
static void
take_plain(struct imap_cmd *c, struct slice text)
{
	struct slice authzid, user, password = slice_cut(text, '\0', &authzid);

	password = slice_cut(password, '\0', &user);
	/* Nobody may act for another. */
	if (authzid.n > 0 && !slice_ieq(authzid, user))
		user = SLICE_NONE;
	imap_login_start(c, "PLAIN", user, password);
}

static void
ask(struct imap_cmd *c, const char *challenge)
{
	c->wants_input = true;
	imap_lexer_line_mode(&c->s->lexer, true);
	buf_printf(imap_session_out(c->s), "+ %s\r\n", challenge);
}

static void
take_response(struct imap_cmd *c, struct slice base64)
{
	struct args *a = c->priv;
	struct buf text;
	enum err e;

	if (base64.n > RESPONSE_MAX) {
		imap_cmd_bad(c, "Response too long");
		return;
	}
	buf_init(&text, RESPONSE_MAX);
	e = enc_get_base64(&text, base64);
	if (e != ERR_OK) {
		imap_cmd_bad(c, "Invalid base64");
	} else if (!a->is_login) {
		take_plain(c, buf_slice(&text));
	} else if (!a->has_user) {
		a->has_user = true;
		a->user = arena_dup(&c->arena, buf_slice(&text));
		ask(c, "UGFzc3dvcmQ6");		/* Password: */
	} else {
		imap_login_start(c, "LOGIN", a->user, buf_slice(&text));
	}
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

void
cmd_authenticate_run(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (!c->s->tls) {
		imap_cmd_no(c, "PRIVACYREQUIRED", "Use STARTTLS first");
		return;
	}
	c->on_line = on_line;
	if (a->has_initial)
		take_response(c, slice_eq_str(a->initial, "=") ? SLICE_NONE : a->initial);
	else
		ask(c, a->is_login ? "VXNlcm5hbWU6" : "");	/* Username: */
}
