/* SPDX-License-Identifier: ISC */
#include "keyd/key_pin.h"

#include <string.h>
#include <sysexits.h>

#include "keyd/key_book.h"
#include "keyd/key_gate.h"
#include "lib/base/log.h"
#include "lib/cmtp/cmtp_pin.h"

enum { HASH_BYTES = 32 };

struct key_book *
key_pin_open(struct keyd *k)
{
	struct key_book *b;
	const char *why;

	if (key_book_open(&b, daemon_dir(k->app), "pins", k->roots.pins, &why) != ERR_OK)
		log_fatal("keys/pins: %s", why);
	if (key_book_torn_bytes(b) > 0)
		log_event(LOG_recover, log_str("what", "keys/pins"),
		    log_num("bytes", key_book_torn_bytes(b)));
	return b;
}

/* "domain NUL user"; a name with a NUL is nobody's.  Empty: it is no name. */
static struct slice
name_of(struct buf *b, struct slice domain, struct slice user)
{
	buf_init(b, KEY_BOOK_NAME_MAX);
	if (domain.n > 0 && slice_find(domain, '\0') == domain.n &&
	    slice_find(user, '\0') == user.n) {
		buf_put_slice(b, domain);
		buf_put_char(b, '\0');
		buf_put_slice(b, user);
	}
	return buf_slice(b);
}

void
key_pin_on_get(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_pin_get *m = msg;
	struct buf b;
	struct slice name = name_of(&b, m->domain, m->user);
	const struct key_book_entry *e = key_book_find(k->pins, name);
	const struct ipc_pin reply = { .found = e != NULL,
		.pin = e != NULL ? e->bytes : SLICE_NONE };

	key_book_touch(k->pins, name);
	ipc_reply(p, in->id, IPC_MSG_pin, &reply);
	buf_fini(&b);
}

static bool
is_before(const struct key_book_entry *e, struct slice before)
{
	unsigned char hash[HASH_BYTES];

	if (e == NULL || before.n != HASH_BYTES)
		return e == NULL && before.n == 0;
	cry_hash(hash, sizeof(hash), e->bytes);
	return memcmp(hash, before.p, sizeof(hash)) == 0;
}

void
key_pin_on_put(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_pin_put *m = msg;
	const struct ipc_pin_kept reply = { .unused = 0 };
	struct key_book_put put = { .bytes = m->pin, .keep_until_s = m->keep_until_s,
		.now_s = key_now_s(k), .max = key_options(k)->cmtp_pins_max };
	struct buf b;
	enum err e = ERR_SYNTAX;

	put.name = name_of(&b, m->domain, m->user);
	if (put.name.n > 0 && m->pin.n > 0)
		e = is_before(key_book_find(k->pins, put.name), m->before) ?
		    key_book_put(k->pins, &put) : ERR_BUSY;
	buf_fini(&b);
	if (e == ERR_OK)
		ipc_reply(p, in->id, IPC_MSG_pin_kept, &reply);
	else
		key_gate_refuse(p, in->id, e, e == ERR_BUSY ? "it was changed meanwhile" :
		    "it cannot be kept");
}

static enum err
forget(struct keyd *k, struct slice domain, struct slice user)
{
	struct key_book_put gone = { .now_s = key_now_s(k) };
	struct buf b;
	enum err e;

	gone.name = name_of(&b, domain, user);
	e = key_book_find(k->pins, gone.name) == NULL ? ERR_NOTFOUND :
	    key_book_put(k->pins, &gone);
	buf_fini(&b);
	return e;
}

/* What was seen by version 1 is kept under the user's name with a mark, in lower case. */
static enum err
forget_1(struct keyd *k, struct slice domain, struct slice user)
{
	struct buf marked;
	enum err e;

	buf_init(&marked, KEY_BOOK_NAME_MAX);
	buf_put_char(&marked, CMTP_PIN_MARK_1);
	for (size_t i = 0; i < user.n; i++)
		buf_put_char(&marked, ascii_lower(user.p[i]));
	e = forget(k, domain, buf_slice(&marked));
	buf_fini(&marked);
	return e;
}

void
key_pin_forget(const struct key_tool_request *q)
{
	struct slice arg = q->argv[0];
	size_t at = slice_rfind(arg, '@');
	bool is_user = at < arg.n;
	struct slice domain = is_user ? slice_from(arg, at + 1) : arg;
	struct slice user = is_user ? slice_head(arg, at) : SLICE_NONE;
	enum err e = forget(q->k, domain, user), e1 = forget_1(q->k, domain, user);

	if (e == ERR_NOTFOUND || (e == ERR_OK && e1 != ERR_NOTFOUND))
		e = e1;
	log_event(LOG_key, log_str("action", "forget"), log_text("key", arg), log_str("peer", "tool"),
	    log_str("result", err_text(e)));
	if (e == ERR_OK)
		key_tool_reply_done(q->k, q->id);
	else if (e == ERR_NOTFOUND)
		key_tool_reply(q->k, q->id, EX_NOUSER, "no key of it is remembered", arg);
	else
		key_tool_reply_err(q->k, q->id, e, arg);
}
