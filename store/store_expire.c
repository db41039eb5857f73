/* SPDX-License-Identifier: ISC */
#include "store/store_expire.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/ipc/store_proto.h"
#include "store/store_box.h"
#include "store/store_mark.h"
#include "store/store_names.h"
#include "store/store_op.h"
#include "store/store_quota.h"

static const struct {
	const char	*name;
	uint32_t	 bit;
} specials[] = {
	{ "\\All", STORE_ALL }, { "\\Archive", STORE_ARCHIVE }, { "\\Drafts", STORE_DRAFTS },
	{ "\\Flagged", STORE_SPECIAL_FLAGGED }, { "\\Junk", STORE_JUNK },
	{ "\\Sent", STORE_SENT }, { "\\Trash", STORE_TRASH },
};

/* ---- rules ---- */

static enum err
parse_age(struct slice s, uint64_t *age_s)
{
	static const struct { char unit; uint64_t s; } units[] = {
		{ 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 },
	};
	uint64_t n;

	if (num_read_u64(&s, 100000, &n) != ERR_OK || s.n != 1)
		return ERR_SYNTAX;
	for (size_t i = 0; i < lengthof(units); i++)
		if (s.p[0] == units[i].unit)
			*age_s = n * units[i].s;
	return *age_s >= EXPIRE_MIN_S ? ERR_OK : ERR_SYNTAX;
}

enum err
expire_parse(struct slice text, struct expire_rule *r)
{
	size_t space = slice_rfind(text, ' ');
	struct slice name = slice_trim(slice_head(text, space));
	enum err e;

	memset(r, 0, sizeof(*r));
	if (space >= text.n || name.n == 0 || name.n > sizeof(r->name))
		return ERR_SYNTAX;
	if ((e = parse_age(slice_from(text, space + 1), &r->age_s)) != ERR_OK)
		return e;
	for (size_t i = 0; i < lengthof(specials); i++)
		if (slice_ieq_str(name, specials[i].name))
			r->special = specials[i].bit;
	if (r->special == 0 && name.p[0] == '\\')
		return ERR_SYNTAX;
	if (r->special == 0 && (e = names_check(&name)) != ERR_OK)
		return e;
	memcpy(r->name, name.p, name.n);
	r->name_n = name.n;
	return ERR_OK;
}

void
expire_set(struct store *s, char *const *texts, unsigned n)
{
	free(s->expire);
	s->expire = must_alloc(EXPIRE_RULES_MAX, sizeof(*s->expire));
	s->expire_n = 0;
	for (unsigned i = 0; i < n; i++) {
		if (s->expire_n < EXPIRE_RULES_MAX &&
		    expire_parse(slice_str(texts[i]), &s->expire[s->expire_n]) == ERR_OK)
			s->expire_n++;
		else
			log_event(LOG_limit, log_str("name", "expire"),
			    log_text("value", slice_str(texts[i])),
			    log_str("reason", "not a rule, such as \"Trash 30d\""));
	}
}

/* The shortest age of the rules that fit; 0: none does. */
static uint64_t
age_of(const struct store *s, const struct names_entry *n)
{
	const struct expire_rule *r;
	uint64_t age_s = 0;

	for (unsigned i = 0; i < s->expire_n; i++) {
		r = &s->expire[i];
		if (r->special != 0 ? !(n->special & r->special) :
		    !slice_eq(n->name, slice_of(r->name, r->name_n)))
			continue;
		if (age_s == 0 || r->age_s < age_s)
			age_s = r->age_s;
	}
	return age_s;
}

/* ---- removing ---- */

/* UIDs of those that are old: they were saved in the order of their UIDs. */
static enum err
collect(struct box *b, uint64_t before_s, uint32_t *uids, unsigned *n)
{
	struct page_cold_row cold;
	struct box_pos p;
	enum err e;

	*n = 0;
	e = box_seek_rank(b, 0, &p);
	for (; e == ERR_OK && !p.is_end && *n < BOX_GONE_GROUP; e = box_next(b, &p)) {
		if ((e = box_cold(b, p.hot.uid, &cold)) != ERR_OK || cold.saved_s >= before_s)
			break;
		uids[(*n)++] = p.hot.uid;
	}
	return e;
}

static enum err
remove_old(struct op *op, struct box *b, uint64_t before_s, unsigned *n)
{
	uint64_t now_s = store_now_s(op->store), modseq, bytes = b->rec.bytes;
	uint32_t *uids = must_alloc(BOX_GONE_GROUP, sizeof(*uids));
	enum err e = collect(b, before_s, uids, n);

	modseq = e == ERR_OK && *n > 0 ? op_modseq(op) : 0;
	for (unsigned i = 0; e == ERR_OK && i < *n; i++)
		e = box_remove(b, uids[i], modseq, now_s, 0);
	free(uids);
	if (e != ERR_OK || *n == 0)
		return e;
	b->rec.modseq = modseq;
	quota_sub(op, bytes - b->rec.bytes, *n);
	mark_wanted(op);
	return box_flush(b);
}

static enum err
expire_mailbox(struct op *op, uint32_t mailbox, uint64_t age_s, bool *more)
{
	uint64_t now_s = store_now_s(op->store);
	struct box *b = must_alloc(1, sizeof(*b));
	struct store_reply *r;
	unsigned n = 0;
	enum err e;

	if ((e = box_open(b, op->txn, op->account, mailbox)) == ERR_OK)
		e = remove_old(op, b, now_s > age_s ? now_s - age_s : 0, &n);
	box_close(b);
	free(b);
	if (e != ERR_OK || n == 0)
		return e;
	*more = n == BOX_GONE_GROUP;
	/* Nobody waits for the answer; those who watch are told. */
	r = store_reply_new(NULL, NULL, IPC_MSG_store_ok);
	r->store = op->store;
	r->boxes[0] = mailbox;
	return op_submit(op, KV_LAZY, r);
}

enum err
expire_step(struct store *s, uint64_t account, bool *more)
{
	struct names_list names = { .n = 0 };
	struct op op;
	uint64_t age_s;
	enum err e;

	*more = false;
	if (s->expire_n == 0)
		return ERR_OK;
	if ((e = op_begin(&op, s, account, KV_WRITE)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	e = names_load(&op, &names);
	op_end(&op);
	for (size_t i = 0; e == ERR_OK && !*more && i < names.n; i++) {
		if (names.v[i].mailbox == 0 || (age_s = age_of(s, &names.v[i])) == 0)
			continue;
		if ((e = op_begin(&op, s, account, KV_WRITE)) == ERR_OK)
			e = expire_mailbox(&op, names.v[i].mailbox, age_s, more);
		op_end(&op);
	}
	names_free(&names);
	return e;
}
