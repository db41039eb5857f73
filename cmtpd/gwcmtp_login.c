/* SPDX-License-Identifier: ISC */
/*
 * register, login: the key ring is kept by the user's server, which cannot open
 * it, and fetched from there by another device (LOGIN2 and REGISTER2,
 * lib/cmtp/cmtp2_enter.h).  Its password is that of the ring.
 */
#include <stdio.h>
#include <sysexits.h>

#include "cmtpd/gwcmtp_net2.h"
#include "cmtpd/gwcmtp_ringfile.h"
#include "cmtpd/gwcmtp_tool.h"
#include "lib/cmtp/cmtp2_enter.h"

enum { OUT_MAX = 65536 };

struct session {
	struct gwcmtp		*g;
	struct gwcmtp_address	 a;
	struct gwcmtp_ringfile	 file;
	struct gwcmtp_ring	 ring;
	struct gwcmtp_password	*word;		/* of the ring */
	struct gwcmtp_tls	 tls;
};

/* Sends what is in out, and takes replies until the next is to be sent. */
static enum err
step(struct session *s, struct cmtp2_enter *c, struct buf *out)
{
	struct gwcmtp_net *n = &s->g->net;
	struct slice in, rest;
	enum err e = gwcmtp_net_write(n, buf_slice(out));

	buf_wipe(out);
	while (e == ERR_OK) {
		in = rest = link_input(n->link);
		e = in.n == 0 ? ERR_SHORT : cmtp2_enter_next(c, &rest, out);
		link_used(n->link, in.n - rest.n);
		if (e != ERR_SHORT)
			return e;
		e = gwcmtp_net_fill(n);
	}
	return e;
}

static int
enter_fault(const struct session *s, enum err e)
{
	static const struct {
		enum err	 e;
		int		 code;
		const char	*why;
	} rows[] = {
		{ ERR_AUTH, EX_NOPERM, "the password is wrong, or nothing is kept there" },
		{ ERR_DENIED, EX_NOPERM, "the password of the mailbox may not be that of the key; "
		    "passwd gives it another" },
		{ ERR_AGAIN, EX_TEMPFAIL, "the server says: later" },
		{ ERR_BUSY, EX_TEMPFAIL, "not enough memory" },
		{ ERR_CORRUPT, EX_DATAERR, "what is kept there does not open" },
		{ ERR_TOOBIG, EX_DATAERR, "the password is too long" },
		{ ERR_SYNTAX, EX_PROTOCOL, "that is no reply of CMTP 2" },
		{ ERR_VERSION, EX_PROTOCOL, "the server or what it keeps is of a later version" },
	};

	if (e == ERR_GONE)
		return gwcmtp_tool_net_fault(s->g, e);
	for (size_t i = 0; i < lengthof(rows); i++)
		if (rows[i].e == e)
			return gwcmtp_tool_fault(rows[i].code, s->file.address.p, rows[i].why);
	return gwcmtp_tool_fault(EX_SOFTWARE, s->file.address.p, err_text(e));
}

static int
exchange(struct session *s, struct cmtp2_enter *c, enum err begun, struct buf *out)
{
	enum err e = begun;

	while (e == ERR_OK)
		e = step(s, c, out);
	return e == ERR_END ? EX_OK : enter_fault(s, e);
}

static struct cmtp2_who
who(const struct session *s)
{
	return (struct cmtp2_who){ .user = slice_str(s->a.user), .domain = slice_str(s->a.domain),
	    .password = gwcmtp_tool_word(s->word) };
}

/* ---- what is common ---- */

static int
session_init(struct session *s, struct gwcmtp *g, const char *address)
{
	int code;

	*s = (struct session){ .g = g };
	if ((code = gwcmtp_ringfile_find(g, &s->file, address)) != EX_OK)
		return code;
	/* The file has it in lower case, and is an address. */
	if (!gwcmtp_tool_address(&s->a, s->file.address.p)) {
		gwcmtp_ringfile_fini(&s->file);
		return gwcmtp_tool_fault(EX_USAGE, address, "no address");
	}
	gwcmtp_ring_init(&s->ring);
	return EX_OK;
}

static void
session_fini(struct session *s)
{
	gwcmtp_net_hang_up(&s->g->net);
	gwcmtp_tls_fini(&s->tls);
	gwcmtp_tool_forget(&s->ring, &s->word);
	gwcmtp_ring_fini(&s->ring);
	gwcmtp_ringfile_fini(&s->file);
}

/* ---- register ---- */

static int
do_register(struct session *s, struct slice mail_password)
{
	const struct cmtp2_who w = who(s);
	struct cmtp2_enter c;
	struct buf bare, out;
	int code;

	buf_init(&bare, GWCMTP_RING_BARE_MAX);
	buf_init(&out, OUT_MAX);
	bare.secret = out.secret = true;
	gwcmtp_ring_put_bare(&bare, &s->ring);
	code = exchange(s, &c, cmtp2_enter_register(&c, &w, mail_password, buf_slice(&bare), &out),
	    &out);
	cmtp2_enter_fini(&c);
	buf_fini(&out);
	buf_fini(&bare);
	return code;
}

int
gwcmtp_register(struct gwcmtp *g, int argc, char *argv[])
{
	struct gwcmtp_password *mail = NULL;
	struct session s;
	int code = session_init(&s, g, argv[1]);

	(void)argc;
	if (code != EX_OK)
		return code;
	if ((code = gwcmtp_ringfile_open(g, &s.file, &s.ring, &s.word)) == EX_OK &&
	    (code = gwcmtp_net2_open(g, &s.tls, s.a.domain)) == EX_OK &&
	    (code = gwcmtp_tool_ask(g, &s.ring, "Password of the mailbox: ", false, &mail)) == EX_OK)
		code = do_register(&s, gwcmtp_tool_word(mail));
	gwcmtp_tool_forget(&s.ring, &mail);
	session_fini(&s);
	return code;
}

/* ---- login ---- */

static int
take(struct session *s, const struct cmtp2_enter *c)
{
	if (gwcmtp_ring_get_bare(&s->ring, buf_slice(&c->secret)) != ERR_OK)
		return gwcmtp_tool_fault(EX_DATAERR, s->file.address.p,
		    "what is kept there is no key ring");
	return gwcmtp_ringfile_save(s->g, &s->file, &s->ring, gwcmtp_tool_word(s->word));
}

static int
do_login(struct session *s)
{
	const struct cmtp2_who w = who(s);
	struct cmtp2_enter c;
	struct buf out;
	int code;

	buf_init(&out, OUT_MAX);
	out.secret = true;
	code = exchange(s, &c, cmtp2_enter_login(&c, &w, &out), &out);
	if (code == EX_OK)
		code = take(s, &c);
	cmtp2_enter_fini(&c);
	buf_fini(&out);
	return code;
}

int
gwcmtp_login(struct gwcmtp *g, int argc, char *argv[])
{
	struct session s;
	int code = session_init(&s, g, argv[1]);

	(void)argc;
	if (code != EX_OK)
		return code;
	if (s.file.is_there)
		code = gwcmtp_tool_fault(EX_CANTCREAT, argv[1], "it has keys here");
	else if ((code = gwcmtp_net2_open(g, &s.tls, s.a.domain)) == EX_OK &&
	    (code = gwcmtp_tool_ask(g, &s.ring, "Password of the key: ", false, &s.word)) == EX_OK)
		code = do_login(&s);
	session_fini(&s);
	return code;
}
