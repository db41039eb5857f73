/* SPDX-License-Identifier: ISC */
#include "imapd/imap_metadata.h"

#include <string.h>

#include "imapd/imap_mailbox.h"
#include "imapd/imap_place.h"
#include "imapd/imap_special.h"
#include "lib/mail/imap_text.h"

#define SHARED	"/shared"
#define PRIVATE	"/private"

/* ---- names ---- */

/* RFC 5464 s3.2: no wildcards, no empty part, nothing beyond ASCII. */
static bool
is_name(struct slice name)
{
	if (!slice_eq_str(name, SHARED) && !slice_eq_str(name, PRIVATE) &&
	    !slice_starts(name, SHARED "/") && !slice_starts(name, PRIVATE "/"))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!ascii_is_print(c) || c == '*' || c == '%' ||
		    (c == '/' && (i + 1 == name.n || name.p[i + 1] == '/')))
			return false;
	}
	return true;
}

struct slice
imap_metadata_parse_name(struct imap_parser *p)
{
	struct slice wire = imap_parser_astring(p);
	char *name;

	if (!imap_parser_ok(p))
		return SLICE_NONE;
	name = wire.n > 0 && wire.n <= IMAP_METADATA_NAME_MAX ? arena_str(p->arena, wire) : NULL;
	if (name != NULL)
		for (size_t i = 0; i < wire.n; i++)
			name[i] = ascii_lower(name[i]);
	if (name == NULL || !is_name(slice_of(name, wire.n))) {
		imap_parser_fail(p, "Not the name of an entry");
		return SLICE_NONE;
	}
	return slice_of(name, wire.n);
}

void
imap_metadata_parse_names(struct imap_parser *p, struct imap_metadata_ask *ask)
{
	imap_parser_want(p, '(');
	do {
		if (ask->count == IMAP_METADATA_NAMES_MAX) {
			imap_parser_fail(p, "Too many entries");
			return;
		}
		ask->names[ask->count++] = imap_metadata_parse_name(p);
	} while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

static bool
is_reached(struct slice name, struct slice asked, uint8_t depth)
{
	struct slice below;

	if (name.n < asked.n || !slice_eq(slice_head(name, asked.n), asked))
		return false;
	if (name.n == asked.n)
		return true;
	below = slice_from(name, asked.n + 1);
	return depth != IMAP_DEPTH_0 && name.p[asked.n] == '/' &&
	    (depth == IMAP_DEPTH_INFINITY || slice_find(below, '/') == below.n);
}

bool
imap_metadata_is_asked(const struct imap_metadata_ask *ask, struct slice name)
{
	for (size_t i = 0; i < ask->count; i++)
		if (is_reached(name, ask->names[i], ask->depth))
			return true;
	return false;
}

/* ---- ask ---- */

bool
imap_metadata_request(struct imap_cmd *c, const struct imap_metadata_get *g,
    imap_reply_fn *fn, void *arg)
{
	struct imap_place place = { .handle = c->s->handle };
	struct ipc_store_metadata m = {
		.depth = g->ask->depth, .after = g->after,
		/* 0 is no limit there: imap_metadata_put looks again. */
		.max_bytes = !g->ask->has_max ? 0 : g->ask->max_bytes > 0 ? g->ask->max_bytes : 1,
	};
	struct buf names;
	bool ok;

	if (g->mailbox.n > 0 && imap_place_of(c->s, g->mailbox, &place) != ERR_OK) {
		imap_cmd_error(c, ERR_NOTFOUND);
		return false;
	}
	m.handle = place.handle;
	m.mailbox = place.name;
	buf_init(&names, IMAP_METADATA_NAMES_MAX * (IMAP_METADATA_NAME_MAX + 1));
	for (size_t i = 0; i < g->ask->count; i++) {
		buf_put_slice(&names, g->ask->names[i]);
		buf_put_char(&names, '\0');
	}
	m.names = buf_slice(&names);
	ok = m.names.n <= 16000;
	if (ok)
		ok = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_metadata, &m, fn, arg);
	else
		imap_cmd_error(c, ERR_LIMIT);
	buf_fini(&names);
	return ok;
}

/* ---- tell ---- */

void
imap_metadata_put_name(struct buf *out, struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (!imap_parser_is_astring_char(name.p[i])) {
			imap_text_put_string(out, name);
			return;
		}
	}
	buf_put_slice(out, name);
}

/* nstring / literal8 */
static void
put_value(struct buf *out, struct slice value)
{
	if (slice_find(value, '\0') == value.n) {
		imap_text_put_string(out, value);
		return;
	}
	buf_printf(out, "~{%zu}\r\n", value.n);
	buf_put_slice(out, value);
}

/* The response is begun with its first entry and ended when there was one. */
struct response { struct imap_session *s; struct imap_metadata_get *g; bool begun; };

/* value.p NULL: NIL */
static void
put_entry(struct response *r, struct slice name, struct slice value)
{
	struct imap_metadata_get *g = r->g;
	struct buf *out = imap_session_out(r->s);

	if (value.p != NULL && g->ask->has_max && value.n > g->ask->max_bytes) {
		if (value.n > g->longest)
			g->longest = (uint32_t)value.n;
		return;
	}
	for (size_t i = 0; i < g->ask->count; i++)
		g->told[i] |= slice_eq(g->ask->names[i], name);
	if (r->begun) {
		buf_put_char(out, ' ');
	} else {
		buf_put_str(out, "* METADATA ");
		imap_mailbox_put(r->s, out, g->mailbox);
		buf_put_str(out, " (");
		r->begun = true;
	}
	imap_metadata_put_name(out, name);
	buf_put_char(out, ' ');
	if (value.p != NULL)
		put_value(out, value);
	else
		buf_put_str(out, "NIL");
}

static bool
is_set(const char *option)
{
	return option != NULL && option[0] != '\0';
}

/* RFC 5464 s3.2.1.1: what the operator says. */
static void
put_server(struct response *r)
{
	const struct imap_metadata_ask *ask = r->g->ask;
	const struct imap_shared *sh = r->s->shared;
	struct slice user = slice_str(r->s->user);
	struct buf b;

	buf_init(&b, 1000);
	if (is_set(sh->admin_contact)) {
		buf_put_str(&b, sh->admin_contact);
	} else {
		buf_put_str(&b, "mailto:postmaster");
		buf_put_slice(&b, slice_from(user, slice_rfind(user, '@')));
	}
	if (imap_metadata_is_asked(ask, SLICE_LIT(IMAP_METADATA_ADMIN)))
		put_entry(r, SLICE_LIT(IMAP_METADATA_ADMIN), buf_slice(&b));
	if (is_set(sh->server_comment) &&
	    imap_metadata_is_asked(ask, SLICE_LIT(IMAP_METADATA_COMMENT)))
		put_entry(r, SLICE_LIT(IMAP_METADATA_COMMENT), slice_str(sh->server_comment));
	buf_fini(&b);
}

static void
put_computed(struct response *r)
{
	const struct imap_metadata_get *g = r->g;
	struct buf b;

	buf_init(&b, 1000);
	if (g->mailbox.n == 0)
		put_server(r);
	if (g->special != 0 && imap_metadata_is_asked(g->ask, SLICE_LIT(IMAP_METADATA_USE))) {
		buf_reset(&b);
		imap_special_put(&b, g->special);
		put_entry(r, SLICE_LIT(IMAP_METADATA_USE), slice_from(buf_slice(&b), 1));
	}
	buf_fini(&b);
}

/* What was asked by name and is not there has no value; when values were too
   long to be told, which ones is not known.  A root alone is no entry. */
static void
put_missing(struct response *r)
{
	const struct imap_metadata_get *g = r->g;

	if (g->ask->depth != IMAP_DEPTH_0 || g->longest != 0)
		return;
	for (size_t i = 0; i < g->ask->count; i++)
		if (!g->told[i] && slice_rfind(g->ask->names[i], '/') > 0)
			put_entry(r, g->ask->names[i], SLICE_NONE);
}

enum err
imap_metadata_put(struct imap_cmd *c, struct imap_metadata_get *g,
    const struct ipc_store_metadata_reply *m)
{
	struct response r = { .s = c->s, .g = g };
	struct ipc_reader rd = ipc_reader_of(m->entries);
	struct ipc_entry one = { 0 };
	bool more;

	if (g->after.n == 0)
		put_computed(&r);
	while (ipc_reader_more(&rd)) {
		ipc_entry_get(&rd, &one);
		if (rd.bad)
			break;
		/* Empty values have an address too. */
		put_entry(&r, one.name, one.value.n > 0 ? one.value : SLICE_LIT(""));
	}
	if (m->longest > g->longest)
		g->longest = m->longest;
	more = m->more && one.name.n > 0;
	if (!more)
		put_missing(&r);
	if (r.begun)
		buf_put_str(imap_session_out(c->s), ")\r\n");
	if (!more)
		return ERR_OK;
	g->after = arena_dup(&c->arena, one.name);
	return g->after.p != NULL ? ERR_AGAIN : ERR_LIMIT;
}
