/* SPDX-License-Identifier: ISC */
/*
 * SETQUOTA (RFC 9208 s4.1.3): "SETQUOTA" SP quota-root-name SP "(" [resource-name
 * SP number64 *(SP ...)] ")".  A root is an account's address; keyd lets those
 * set its STORAGE whom quota_admins of its domain names, and none without gives
 * it what the domain says.  The other resources are the operator's.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_quota.h"

#define UNIT	1024u		/* of STORAGE, s5.1 */

struct args {
	struct slice	 root;
	uint64_t	 units;		/* 0: none was named */
	bool		 has_storage;
	bool		 has_other;
};

static void
parse_limit(struct imap_parser *p, struct args *a)
{
	struct slice name = imap_parser_atom(p);
	bool storage = slice_ieq_str(name, "STORAGE");
	uint64_t limit;

	imap_parser_sp(p);
	limit = imap_parser_modseq(p);		/* as large a number */
	if (!storage) {
		a->has_other = true;
		return;
	}
	if (a->has_storage)
		imap_parser_fail(p, "STORAGE twice");
	a->has_storage = true;
	a->units = limit;
}

void
cmd_setquota_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->root = imap_parser_astring(p);
	imap_parser_sp(p);
	imap_parser_want(p, '(');
	if (imap_parser_take(p, ')'))
		return;
	do
		parse_limit(p, a);
	while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

static void
done(struct imap_cmd *c)
{
	imap_cmd_ok(c, "Setquota completed");
}

static void
refused(struct imap_cmd *c, enum err e)
{
	if (e == ERR_DENIED)
		imap_cmd_no(c, "NOPERM", "Quotas are set by those whom the operator names");
	else
		imap_quota_no_root(c, e);
}

void
cmd_setquota_run(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	struct ipc_set_quota m = { .set = true };

	if (a->has_other) {
		imap_cmd_no(c, "CANNOT", "Only STORAGE can be set");
		return;
	}
	/* What is 0 at keyd means something else, and would close the account. */
	if ((a->has_storage && a->units == 0) || a->units > UINT64_MAX / UNIT) {
		imap_cmd_no(c, "LIMIT", "No account can have that limit");
		return;
	}
	m.bytes = a->units * UNIT;
	imap_quota_of_other(c, a->root, &m, done, refused);
}
