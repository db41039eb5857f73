/* SPDX-License-Identifier: ISC */
#include "keyd/key_alias.h"

#include <sysexits.h>

#include "keyd/key_facts.h"
#include "keyd/key_heard.h"
#include "keyd/key_login.h"
#include "lib/mail/addr.h"

/* Any address, here or elsewhere; a bare name is in the default domain. */
static bool
target_put(const struct key_tool_request *q, struct buf *targets, struct slice arg)
{
	char mem[ADDR_TEXT_MAX + 1];
	struct slice text;
	enum err e = slice_find(arg, '@') < arg.n ? addr_canon_text(arg, mem, &text) :
	    key_login_address(q->k, arg, mem, &text);

	if (e != ERR_OK) {
		key_tool_reply(q->k, q->id, EX_DATAERR, "not a mail address", arg);
		return false;
	}
	buf_put_slice(targets, text);
	buf_put_char(targets, '\0');
	return true;
}

static bool
has_target(struct slice targets, struct slice one)
{
	while (targets.n > 0) {
		struct slice t;

		targets = slice_cut(targets, '\0', &t);
		if (slice_eq(t, one))
			return true;
	}
	return false;
}

static void
alias_store(const struct key_tool_request *q, const char *action, struct slice address,
    struct slice targets)
{
	const struct key_alias *old = key_ring_find_alias(q->k->ring, address);
	enum err e;

	if (targets.n == 0 && old != NULL)
		key_facts_alias_going(q->k, old);
	e = key_ring_put_alias(q->k->ring, address, targets);
	key_tool_audit(action, address, 0, err_text(e));
	if (e != ERR_OK) {
		key_tool_reply_err(q->k, q->id, e, address);
		return;
	}
	key_facts_alias(q->k, address, targets);
	key_heard_reply(q->k, q->id, SLICE_NONE);
}

void
key_alias_add(const struct key_tool_request *q)
{
	char mem[KEY_ADDRESS_MAX + 1];
	const struct key_alias *old;
	struct slice address;
	struct buf targets, one;
	bool good;
	unsigned i;

	if (!key_tool_address_of(q, q->argv[0], mem, &address))
		return;
	old = key_ring_find_alias(q->k->ring, address);
	buf_init(&targets, KEY_TARGETS_MAX);
	buf_init(&one, KEY_TARGETS_MAX);
	if (old != NULL)
		buf_put_slice(&targets, old->targets);
	good = true;
	for (i = 1; good && i < q->argc; i++) {
		buf_reset(&one);
		good = target_put(q, &one, q->argv[i]);
		/* Said twice, kept once. */
		if (good && !has_target(buf_slice(&targets), slice_head(buf_slice(&one), one.n - 1)))
			buf_put_slice(&targets, buf_slice(&one));
	}
	if (good && buf_err(&targets) != ERR_OK)
		key_tool_reply(q->k, q->id, EX_DATAERR, "too many targets", address);
	else if (good && key_ring_find_address(q->k->ring, address) != NULL)
		key_tool_reply(q->k, q->id, KEY_TOOL_EXISTS, "exists already, as a user", address);
	else if (good)
		alias_store(q, "alias-add", address, buf_slice(&targets));
	buf_fini(&targets);
	buf_fini(&one);
}

/* With targets only these go. */
void
key_alias_del(const struct key_tool_request *q)
{
	char mem[KEY_ADDRESS_MAX + 1];
	const struct key_alias *old = NULL;
	struct slice address = q->argv[0], rest;
	struct buf keep, gone;
	bool good = true;
	unsigned i;

	if (key_login_address(q->k, q->argv[0], mem, &address) == ERR_OK)
		old = key_ring_find_alias(q->k->ring, address);
	if (old == NULL) {
		key_tool_reply(q->k, q->id, EX_NOUSER, "no such alias", address);
		return;
	}
	buf_init(&keep, KEY_TARGETS_MAX);
	buf_init(&gone, KEY_TARGETS_MAX);
	for (i = 1; good && i < q->argc; i++)
		good = target_put(q, &gone, q->argv[i]);
	for (rest = old->targets; good && q->argc > 1 && rest.n > 0;) {
		struct slice t;

		rest = slice_cut(rest, '\0', &t);
		if (has_target(buf_slice(&gone), t))
			continue;
		buf_put_slice(&keep, t);
		buf_put_char(&keep, '\0');
	}
	if (good)
		alias_store(q, "alias-del", address, buf_slice(&keep));
	buf_fini(&keep);
	buf_fini(&gone);
}

static void
alias_put(struct buf *b, const struct key_alias *a)
{
	struct slice rest = a->targets, t;

	buf_put_slice(b, a->address);
	buf_put_char(b, ':');
	while (rest.n > 0) {
		rest = slice_cut(rest, '\0', &t);
		buf_put_char(b, ' ');
		buf_put_slice(b, t);
	}
	buf_put_char(b, '\n');
}

/* The cursor is the last address shown. */
void
key_alias_list(const struct key_tool_request *q)
{
	const struct key_alias *a = NULL;
	struct buf b;

	if (q->argc > 0 && (a = key_ring_find_alias(q->k->ring, q->argv[0])) == NULL) {
		key_tool_reply(q->k, q->id, EX_TEMPFAIL, "the aliases changed meanwhile; try again",
		    SLICE_NONE);
		return;
	}
	buf_init(&b, 2 * KEY_TOOL_LIST_BYTES);
	while ((a = key_ring_next_alias(q->k->ring, a)) != NULL) {
		alias_put(&b, a);
		if (b.n > KEY_TOOL_LIST_BYTES && key_ring_next_alias(q->k->ring, a) != NULL) {
			buf_put_slice(&b, a->address);
			break;
		}
	}
	daemon_tool_reply(q->k->app, q->id, EX_OK, a != NULL, buf_slice(&b));
	buf_fini(&b);
}
