/* SPDX-License-Identifier: ISC */
#include "keyd/key_cert.h"

#include <string.h>
#include <sysexits.h>

#include "keyd/key_heard.h"
#include "keyd/key_more.h"
#include "keyd/key_token.h"
#include "lib/base/clock.h"
#include "lib/conf/conf_route.h"

enum { LIST_MAX = KEY_PRINTS_MAX * 200 };

_Static_assert(CONF_PRINT_BYTES == KEY_PRINT_BYTES, "both are SHA-256");
_Static_assert(KEY_TOOL_NAME_MAX == KEY_PRINT_NAME_MAX && KEY_TOOL_NAME_MAX == KEY_SLOT_NAME_MAX,
    "a name fits");

/* false: the tool has its answer. */
static bool
print_of(const struct key_tool_request *q, unsigned char bytes[KEY_PRINT_BYTES])
{
	if (conf_route_print(q->argv[1], bytes) == ERR_OK)
		return true;
	key_tool_reply(q->k, q->id, EX_DATAERR,
	    "not a SHA-256 fingerprint: 64 hexadecimal digits, with colons or without",
	    q->argv[1]);
	return false;
}

static void
reply(const struct key_tool_request *q, enum err e, const struct key_account *a)
{
	if (e == ERR_OK)
		key_heard_reply(q->k, q->id, SLICE_NONE);
	else if (e == ERR_EXISTS)
		key_tool_reply(q->k, q->id, KEY_TOOL_EXISTS, "this fingerprint is somebody's "
		    "already", a->address);
	else if (e == ERR_LIMIT)
		key_tool_reply(q->k, q->id, EX_DATAERR, "has too many of these", a->address);
	else
		key_tool_reply_err(q->k, q->id, e, a->address);
}

void
key_cert_add(const struct key_tool_request *q)
{
	struct key_print p = { .created_s = key_now_s(q->k) };
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct slice name = q->argc > 2 ? q->argv[2] : SLICE_NONE;
	enum err e;

	if (a == NULL || !print_of(q, p.bytes) || (q->argc > 2 && !key_tool_is_name(q, name)))
		return;
	p.account = a->id;
	p.name_n = name.n;
	if (name.n > 0)
		memcpy(p.name, name.p, name.n);
	e = key_ring_add_print(q->k->ring, &p);
	key_tool_audit("cert-add", a->address, a->id, err_text(e));
	reply(q, e, a);
}

/* Who may hold the key is out; so are the others, who log in again. */
static enum err
end_sessions(struct keyd *k, struct key_account **a)
{
	struct key_account changed = **a;
	enum err e;

	changed.since_s = key_token_end_s(k, *a);
	e = key_ring_put(k->ring, &changed, a);
	if (e == ERR_OK)
		key_token_revoke(k, (*a)->id, (*a)->since_s);
	return e;
}

void
key_cert_del(const struct key_tool_request *q)
{
	struct key_account *a = key_tool_account_of(q, q->argv[0]);
	unsigned char bytes[KEY_PRINT_BYTES];
	const struct key_print *p;
	enum err e;

	if (a == NULL || !print_of(q, bytes))
		return;
	p = key_prints_find(key_ring_prints(q->k->ring), bytes);
	if (p == NULL || p->account != a->id) {
		key_tool_reply(q->k, q->id, EX_DATAERR, "has no such fingerprint", a->address);
		return;
	}
	e = end_sessions(q->k, &a);
	if (e == ERR_OK)
		e = key_ring_drop_print(q->k->ring, bytes);
	key_tool_audit("cert-del", a->address, a->id, err_text(e));
	reply(q, e, a);
}

/* As openssl x509 -fingerprint writes it. */
static void
put_print(struct buf *b, const struct key_print *p)
{
	struct clock_date d;

	clock_to_date((int64_t)p->created_s, &d);
	buf_printf(b, "%04d-%02d-%02d ", d.year, d.month, d.day);
	for (unsigned i = 0; i < KEY_PRINT_BYTES; i++)
		buf_printf(b, i == 0 ? "%02X" : ":%02X", p->bytes[i]);
	if (p->name_n > 0)
		buf_put_char(b, ' ');
	buf_put_slice(b, slice_of(p->name, p->name_n));
	buf_put_char(b, '\n');
}

void
key_cert_list(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	const struct key_print *all[KEY_PRINTS_MAX];
	struct buf b;
	unsigned n;

	if (a == NULL)
		return;
	buf_init(&b, LIST_MAX);
	n = key_prints_of(key_ring_prints(q->k->ring), a->id, all);
	for (unsigned i = 0; i < n; i++)
		put_print(&b, all[i]);
	daemon_tool_reply(q->k->app, q->id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
}
