/* SPDX-License-Identifier: ISC */
#include "imapd/imap_acl.h"

#include <string.h>

#include "imapd/imap_mailbox.h"
#include "lib/base/cc.h"
#include "lib/ipc/store_proto.h"

#define RIGHTS_CREATE	(STORE_RIGHT_K | STORE_RIGHT_X)
#define RIGHTS_DELETE	(STORE_RIGHT_T | STORE_RIGHT_E)

/* RFC 4314 s2.1, s2.1.1; in the order in which they are told. */
static const struct { char letter; uint32_t bits; } letters[] = {
	{ 'l', STORE_RIGHT_L }, { 'r', STORE_RIGHT_R }, { 's', STORE_RIGHT_S },
	{ 'w', STORE_RIGHT_W }, { 'i', STORE_RIGHT_I }, { 'p', STORE_RIGHT_P },
	{ 'k', STORE_RIGHT_K }, { 'x', STORE_RIGHT_X }, { 't', STORE_RIGHT_T },
	{ 'e', STORE_RIGHT_E }, { 'a', STORE_RIGHT_A },
	{ 'c', RIGHTS_CREATE }, { 'd', RIGHTS_DELETE },
};

/* ---- parse ---- */

struct imap_acl *
imap_acl_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct imap_acl *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return NULL;
	c->priv = a;
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
	return a;
}

/* Of an identifier without a domain: that of who asks. */
static struct slice
own_domain(const struct imap_session *s)
{
	struct slice user = slice_str(s->user);

	return slice_from(user, slice_rfind(user, '@'));
}

void
imap_acl_parse_identifier(struct imap_cmd *c, struct imap_parser *p, struct imap_acl *a)
{
	struct slice id, domain = SLICE_NONE;
	bool minus;
	char *text;

	imap_parser_sp(p);
	a->wire = imap_parser_astring(p);
	minus = slice_starts(a->wire, "-");
	/* RFC 4314 s3: one that cannot be prepared is a mistake. */
	if (imap_parser_ok(p) && (a->wire.n == minus ||
	    imap_mailbox_pattern(a->wire, true, &c->arena, &id) != ERR_OK))
		imap_parser_fail(p, "Not an identifier");
	if (!imap_parser_ok(p))
		return;
	if (slice_find(id, '@') == id.n && !slice_ieq_str(slice_from(id, minus), "anyone"))
		domain = own_domain(c->s);
	text = imap_cmd_alloc(c, id.n + domain.n + 1);
	if (text == NULL)
		return;
	memcpy(text, id.p, id.n);
	if (domain.n > 0)
		memcpy(text + id.n, domain.p, domain.n);
	for (size_t i = 0; i < id.n; i++)
		text[i] = ascii_lower(text[i]);
	a->identifier = slice_of(text, id.n + domain.n);
}

static uint32_t
bits_of(char letter)
{
	for (size_t i = 0; i < lengthof(letters); i++)
		if (letters[i].letter == letter)
			return letters[i].bits;
	return 0;
}

void
imap_acl_parse_rights(struct imap_parser *p, struct imap_acl *a)
{
	struct slice text;

	imap_parser_sp(p);
	text = imap_parser_astring(p);
	a->op = slice_starts(text, "+") ? STORE_ADD : slice_starts(text, "-") ? STORE_REMOVE :
	    STORE_REPLACE;
	if (a->op != STORE_REPLACE)
		text = slice_from(text, 1);
	for (size_t i = 0; i < text.n; i++) {
		uint32_t bits = bits_of(text.p[i]);

		if (bits == 0)
			imap_parser_fail(p, "No such right");
		a->rights |= bits;
	}
}

/* ---- ask ---- */

bool
imap_acl_begin(struct imap_cmd *c, struct imap_acl *a)
{
	if (a->name_error == ERR_OK)
		a->name_error = imap_place_of(c->s, a->name, &a->place);
	/* s6: what cannot be is not there, and neither is what may not be seen. */
	if (a->name_error != ERR_OK)
		imap_cmd_error(c, ERR_NOTFOUND);
	else if (a->identifier.n > IMAP_OWNER_MAX)
		imap_cmd_error(c, ERR_LIMIT);
	return c->answer == IMAP_ANSWER_NONE;
}

void
imap_acl_ask(struct imap_cmd *c, struct imap_acl *a, imap_reply_fn *fn)
{
	struct ipc_store_acl m = { .handle = a->place.handle, .mailbox = a->place.name };

	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_acl, &m, fn, a);
}

void
imap_acl_change(struct imap_cmd *c, struct imap_acl *a, const char *done)
{
	struct ipc_store_set_acl m = {
		.handle = a->place.handle, .op = a->op, .rights = a->rights,
		.mailbox = a->place.name, .identifier = a->identifier,
	};

	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_set_acl, &m, imap_cmd_on_ok,
	    (void *)(uintptr_t)done);
}

const struct ipc_store_acl_reply *
imap_acl_expect(struct imap_cmd *c, const struct imap_reply *r)
{
	const struct ipc_store_acl_reply *m = imap_cmd_expect(c, r, IPC_MSG_store_acl_reply);

	if (m == NULL || (m->rights & STORE_RIGHT_A))
		return m;
	imap_cmd_error(c, m->rights & STORE_RIGHT_L ? ERR_DENIED : ERR_NOTFOUND);
	return NULL;
}

/* ---- tell ---- */

void
imap_acl_put_rights(struct buf *b, uint32_t rights)
{
	if (rights == 0)
		buf_put_str(b, "\"\"");
	for (size_t i = 0; i < lengthof(letters); i++)
		if (rights & letters[i].bits)
			buf_put_char(b, letters[i].letter);
}

void
imap_acl_put_mine(struct imap_session *s, struct slice name, uint32_t rights)
{
	struct buf *out = imap_session_out(s);

	buf_put_str(out, "* MYRIGHTS ");
	imap_mailbox_put(s, out, name);
	buf_put_char(out, ' ');
	imap_acl_put_rights(out, rights);
	buf_put_str(out, "\r\n");
}
