/* SPDX-License-Identifier: ISC */
/*
 * SETMETADATA (RFC 5464 s4.3): "SETMETADATA" SP mailbox SP "(" entry SP value
 * *(SP entry SP value) ")".  All entries change, or none.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_place.h"
#include "imapd/imap_metadata.h"
#include "lib/ipc/store_proto.h"

#define ENTRIES_BYTES_MAX	50000	/* of a request: store_set_metadata */

struct value { struct slice name, value; bool present; };
struct args {
	struct slice	 name;
	enum err	 name_error;
	struct value	 values[IMAP_METADATA_NAMES_MAX];
	size_t		 count;
};

/* nstring / literal8 */
static void
parse_value(struct imap_parser *p, struct args *a)
{
	struct value *v;
	bool is_nil = false;

	if (a->count == IMAP_METADATA_NAMES_MAX) {
		imap_parser_fail(p, "Too many entries");
		return;
	}
	v = &a->values[a->count++];
	v->name = imap_metadata_parse_name(p);
	if (v->name.n > 0 && slice_find(slice_from(v->name, 1), '/') == v->name.n - 1)
		imap_parser_fail(p, "Not the name of an entry");
	imap_parser_sp(p);
	if (imap_parser_peek(p) == '~')
		v->value = imap_parser_literal8(p);
	else
		v->value = imap_parser_nstring(p, &is_nil);
	v->present = !is_nil;
}

void
cmd_setmetadata_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));
	struct slice wire;

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	wire = imap_parser_astring(p);
	if (wire.n > 0)
		a->name = imap_mailbox_take(p, wire, &a->name_error);
	imap_parser_sp(p);
	imap_parser_want(p, '(');
	do
		parse_value(p, a);
	while (imap_parser_ok(p) && imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

static void
no_maxsize(struct imap_cmd *c)
{
	struct buf code;

	buf_init(&code, 64);
	buf_printf(&code, "METADATA MAXSIZE %u", (unsigned)STORE_METADATA_VALUE_MAX);
	imap_cmd_no(c, imap_cmd_text(c, &code), "A value is too long");
	buf_fini(&code);
}

/* false: the command was answered. */
static bool
may_set(struct imap_cmd *c, const struct value *v)
{
	const struct args *a = c->priv;

	if (v->value.n > STORE_METADATA_VALUE_MAX) {
		no_maxsize(c);
		return false;
	}
	/* RFC 6154 s4: not without looking at it; it is given by CREATE. */
	if (slice_eq_str(v->name, IMAP_METADATA_USE)) {
		imap_cmd_no(c, "CANNOT", "The use of a mailbox is given by CREATE");
		return false;
	}
	if (a->name.n == 0 && slice_starts(v->name, "/shared/")) {
		imap_cmd_no(c, "NOPERM", "What all users see is the operator's to set");
		return false;
	}
	return true;
}

void
cmd_setmetadata_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_place place = { .handle = c->s->handle };
	struct ipc_store_set_metadata m = { 0 };
	size_t bytes = 0;
	struct buf b;

	if (a->name_error != ERR_OK ||
	    (a->name.n > 0 && imap_place_of(c->s, a->name, &place) != ERR_OK)) {
		imap_cmd_error(c, ERR_NOTFOUND);
		return;
	}
	m.handle = place.handle;
	m.mailbox = place.name;
	for (size_t i = 0; i < a->count; i++) {
		if (!may_set(c, &a->values[i]))
			return;
		bytes += a->values[i].name.n + a->values[i].value.n + 16;
	}
	if (bytes > ENTRIES_BYTES_MAX) {
		imap_cmd_error(c, ERR_LIMIT);
		return;
	}
	buf_init(&b, ENTRIES_BYTES_MAX);
	for (size_t i = 0; i < a->count; i++)
		ipc_entry_put(&b, &(struct ipc_entry){ .present = a->values[i].present,
		    .name = a->values[i].name, .value = a->values[i].value });
	m.entries = buf_slice(&b);
	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_set_metadata, &m, imap_cmd_on_ok,
	    "Setmetadata completed");
	buf_fini(&b);
}
