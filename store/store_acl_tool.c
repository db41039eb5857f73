/* SPDX-License-Identifier: ISC */
#include "store/store_acl_tool.h"

#include <sysexits.h>

#include "lib/base/err_passes.h"
#include "lib/base/log.h"
#include "lib/base/num.h"
#include "lib/ipc/store_rights.h"
#include "lib/mail/acl_identifier.h"
#include "store/store_acl.h"
#include "store/store_names.h"
#include "store/store_op.h"

#define ENTRIES_BYTES	50000	/* STORE_ACL_MAX of them */

struct request {
	struct store	*store;
	struct slice	 account, mailbox, who, rights;
	uint64_t	 id;		/* of the account */
	uint32_t	 uid;		/* who asks */
	uint32_t	 box;
	struct op	 op;
	const char	*fault;		/* that no error has a text for */
	struct slice	 about;
};

static enum err
fail(struct request *r, struct slice about, const char *fault, enum err e)
{
	r->about = about;
	r->fault = fault;
	return e;
}

static enum err
begin(struct request *r, enum kv_mode mode)
{
	enum err e = num_parse_u64(r->account, UINT64_MAX, &r->id);

	if (e == ERR_OK)
		e = op_begin(&r->op, r->store, r->id, mode);
	if (e != ERR_OK)
		return fail(r, r->account, "no such account", e);
	if ((e = names_mailbox(&r->op, r->mailbox, &r->box)) != ERR_OK)
		return fail(r, r->mailbox, "no such mailbox", e);
	return ERR_OK;
}

static enum err
list(struct request *r, struct buf *out)
{
	struct ipc_reader rd;
	struct ipc_acl one;
	struct buf b;
	enum err e;

	if ((e = begin(r, KV_READ)) != ERR_OK)
		return e;
	buf_init(&b, ENTRIES_BYTES);
	e = acl_put(&r->op, r->box, &b);
	rd = ipc_reader_of(buf_slice(&b));
	while (e == ERR_OK && ipc_reader_more(&rd)) {
		ipc_acl_get(&rd, &one);
		buf_printf(out, "%.*s ", SLICE_FMT(one.identifier));
		store_rights_put(out, one.rights);
		buf_put_char(out, '\n');
	}
	buf_fini(&b);
	return e;
}

/* Who hears of names (RFC 5465) hears of this. */
static enum err
submit(struct request *r)
{
	struct store_reply *reply = store_reply_new(NULL, NULL, IPC_MSG_store_ok);

	reply->store = r->store;
	reply->names = true;
	return op_submit(&r->op, KV_NOW, reply);
}

static enum err
change(struct request *r, uint8_t how, uint32_t rights)
{
	char mem[ACL_IDENTIFIER_MAX + 1];
	struct slice domain, who;
	enum err e;

	if ((e = begin(r, KV_WRITE)) != ERR_OK)
		return e;
	domain = slice_from(r->op.acc.address, slice_rfind(r->op.acc.address, '@'));
	if (acl_identifier(r->who, domain, mem, &who) != ERR_OK)
		return fail(r, r->who, "not an identifier; allowed: an address, anyone, "
		    "either with - in front", ERR_SYNTAX);
	e = acl_set(&r->op, r->box, who, how, rights);
	if (e == ERR_DENIED)
		return fail(r, who, "the owner has all rights, always", e);
	if (e == ERR_LIMIT)
		return fail(r, r->mailbox, "no more entries fit", e);
	if (e == ERR_OK && (e = submit(r)) == ERR_OK)
		log_event(LOG_acl, log_num("account", r->id), log_text("mailbox", r->mailbox),
		    log_text("user", who), log_text("rights", r->rights),
		    log_num("uid", r->uid));
	return e;
}

static enum err
set(struct request *r)
{
	uint32_t rights;
	uint8_t how;

	if (store_rights_parse(r->rights, &how, &rights) != ERR_OK)
		return fail(r, r->rights, "not rights; allowed: letters of lrswipkxteacd, "
		    "with + or - in front to add or take", ERR_SYNTAX);
	return change(r, how, rights);
}

static uint8_t
exit_of(const struct request *r, enum err e, struct buf *out)
{
	if (e == ERR_OK)
		return EX_OK;
	if (r->fault != NULL && err_class(e) == ERR_CLASS_PERM)
		buf_printf(out, "%.*s: %s\n", SLICE_FMT(r->about), r->fault);
	else
		buf_printf(out, "%s\n", err_text(e));
	return err_passes(e) ? EX_TEMPFAIL : EX_DATAERR;
}

/* Arguments end in NUL each. */
static unsigned
read_args(struct request *r, struct slice args)
{
	struct slice *v[] = { &r->account, &r->mailbox, &r->who, &r->rights };
	unsigned n = 0;

	for (; args.n > 0 && n < lengthof(v); n++)
		args = slice_cut(args, '\0', v[n]);
	return args.n > 0 ? UINT32_MAX : n;
}

uint8_t
acl_tool(struct store *s, struct slice verb, struct slice args, uint32_t uid, struct buf *out,
    uint64_t *changed)
{
	struct request r = { .store = s, .uid = uid, .op = { .txn = NULL } };
	unsigned n = read_args(&r, args);
	bool changes = true;
	uint8_t code;
	enum err e;

	*changed = 0;
	if (slice_eq_str(verb, "acl.list") && n == 2) {
		changes = false;
		e = list(&r, out);
	} else if (slice_eq_str(verb, "acl.set") && n == 4) {
		e = set(&r);
	} else if (slice_eq_str(verb, "acl.del") && n == 3) {
		e = change(&r, STORE_REPLACE, 0);
	} else {
		buf_put_str(out, "not a request about rights\n");
		return EX_USAGE;
	}
	if (e == ERR_OK && changes)
		*changed = r.id;
	code = exit_of(&r, e, out);
	op_end(&r.op);
	return code;
}
