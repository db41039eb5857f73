/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_tool.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/must.h"

enum { PIECE_BYTES = 65536 };

int
gwcmtp_tool_fault(int code, const char *what, const char *why)
{
	(void)fprintf(stderr, "gwcmtp: %s: %s\n", what, why);
	return code;
}

int
gwcmtp_tool_exit_of(enum err e)
{
	static const struct {
		enum err	 e;
		int		 code;
	} map[] = {
		{ ERR_OK, EX_OK }, { ERR_NOTFOUND, EX_NOHOST }, { ERR_GONE, EX_TEMPFAIL },
		{ ERR_AGAIN, EX_TEMPFAIL }, { ERR_BUSY, EX_TEMPFAIL }, { ERR_SYNTAX, EX_PROTOCOL },
		{ ERR_UNSUPPORTED, EX_PROTOCOL }, { ERR_CORRUPT, EX_PROTOCOL },
		{ ERR_CRYPTO, EX_NOPERM }, { ERR_DENIED, EX_NOPERM },
		{ ERR_TOOBIG, EX_DATAERR }, { ERR_LIMIT, EX_DATAERR }, { ERR_STATE, EX_USAGE },
	};

	for (size_t i = 0; i < lengthof(map); i++)
		if (map[i].e == e)
			return map[i].code;
	return EX_OSERR;
}

int
gwcmtp_tool_net_fault(const struct gwcmtp *g, enum err e)
{
	(void)fprintf(stderr, "gwcmtp: %s\n", g->net.why);
	return gwcmtp_tool_exit_of(e);
}

/* Spaces and control characters would not be a name in the file of keys. */
bool
gwcmtp_tool_address(struct gwcmtp_address *a, const char *text)
{
	struct slice s = slice_str(text);
	size_t at = slice_rfind(s, '@');

	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	return at > 0 && at < s.n && at + 1 < s.n &&
	    slice_to_cstr(slice_head(s, at), a->user, sizeof(a->user)) &&
	    slice_to_cstr(slice_from(s, at + 1), a->domain, sizeof(a->domain));
}

enum err
gwcmtp_tool_read(int fd, struct buf *b)
{
	ssize_t n;
	char *at;

	while ((at = buf_reserve(b, PIECE_BYTES)) != NULL) {
		do
			n = read(fd, at, PIECE_BYTES);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return n == 0 ? ERR_OK : err_from_errno(errno);
		buf_commit(b, (size_t)n);
	}
	return ERR_TOOBIG;
}

/* ---- passwords ---- */

int
gwcmtp_tool_ask(const struct gwcmtp *g, struct gwcmtp_ring *r, const char *prompt, bool twice,
    struct gwcmtp_password **out)
{
	struct gwcmtp_password *p = secret_arena_alloc(r->arena, sizeof(*p));
	const char *why;
	enum err e;
	int code = EX_OK;

	must(p != NULL);
	e = password_read(prompt, twice, g->from_stdin, p->bytes, sizeof(p->bytes), &p->n, &why);
	if (e != ERR_OK)
		code = gwcmtp_tool_fault(e == ERR_STATE ? EX_USAGE : EX_DATAERR, "password", why);
	else if (p->n == 0 || p->n > PASSWORD_MAX)
		code = gwcmtp_tool_fault(EX_DATAERR, "password", p->n == 0 ? "it is empty" :
		    "it is longer than 1024 bytes");
	*out = p;
	if (code != EX_OK)
		gwcmtp_tool_forget(r, out);
	return code;
}

void
gwcmtp_tool_forget(struct gwcmtp_ring *r, struct gwcmtp_password **p)
{
	secret_arena_release(r->arena, *p, sizeof(**p));
	*p = NULL;
}

struct slice
gwcmtp_tool_word(const struct gwcmtp_password *p)
{
	return slice_of(p->bytes, p->n);
}
