/* SPDX-License-Identifier: ISC */
#include "imapd/imap_cmd.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_limit.h"
#include "imapd/imap_parser.h"
#include "lib/base/must.h"

#define NOAUTH			IMAP_NOAUTH
#define AUTH			IMAP_AUTH
#define SELECTED		IMAP_SELECTED
#define ANY			(IMAP_NOAUTH | IMAP_AUTH | IMAP_SELECTED)
#define NO_EXPUNGE		IMAP_CMD_NO_EXPUNGE
#define CHANGES_MAILBOX		IMAP_CMD_CHANGES_MAILBOX
#define HAS_UID			IMAP_CMD_HAS_UID
#define LINES			IMAP_CMD_LINES
#define NUMBERS			IMAP_CMD_NUMBERS
#define OPERATOR		IMAP_CMD_OPERATOR
#define SYNC			IMAP_CMD_SYNC
#define POLL			IMAP_CMD_POLL

const struct imap_verb imap_verbs[] = {
#define CMD(fn, states, flags, cite) \
	{ #fn, (states), (flags), (cite), cmd_##fn##_parse, cmd_##fn##_run },
#include "imapd/imap_cmds.def"
#undef CMD
};
const size_t imap_verbs_count = lengthof(imap_verbs);

const struct imap_verb *
imap_cmd_find(struct slice name)
{
	for (size_t i = 0; i < imap_verbs_count; i++)
		if (slice_ieq_str(name, imap_verbs[i].name))
			return &imap_verbs[i];
	return NULL;
}

/* ---- life ---- */

struct imap_cmd *
imap_cmd_new(struct imap_session *s)
{
	struct imap_cmd *c = must_alloc(1, sizeof(*c));

	arena_init(&c->arena, IMAP_CMD_ARENA_MAX);
	c->s = s;
	c->moved_ms = s->host->now_ms(s->host_arg);
	return c;
}

void
imap_cmd_free(struct imap_cmd **pc)
{
	struct imap_cmd *c = *pc;

	*pc = NULL;
	if (c == NULL)
		return;
	imap_cmd_free(&c->outer);
	if (c->fini != NULL)
		c->fini(c);
	imap_limit_free(&c->limit);
	/* LOGIN and AUTHENTICATE: a password with escapes is copied there. */
	if (c->verb != NULL && c->verb->states == IMAP_NOAUTH)
		arena_wipe(&c->arena);
	arena_fini(&c->arena);
	free(c);
}

void
imap_cmd_resume(struct imap_cmd *c)
{
	if (c != NULL && c->answer == IMAP_ANSWER_NONE && c->resume != NULL)
		c->resume(c);
}

bool
imap_cmd_is_at_work(const struct imap_cmd *c)
{
	return c != NULL && c->s->state != IMAP_NOAUTH && !c->wants_input &&
	    c->answer == IMAP_ANSWER_NONE && c->verb != NULL;
}

/* ---- answers: the first one counts ---- */

static void
answer(struct imap_cmd *c, enum imap_answer a, const char *code, const char *text)
{
	if (c->answer != IMAP_ANSWER_NONE)
		return;
	c->answer = a;
	c->code = code;
	c->text = text;
}

void
imap_cmd_ok(struct imap_cmd *c, const char *text)
{
	answer(c, IMAP_ANSWER_OK, NULL, text);
}

void
imap_cmd_ok_code(struct imap_cmd *c, const char *code, const char *text)
{
	answer(c, IMAP_ANSWER_OK, code, text);
}

void
imap_cmd_no(struct imap_cmd *c, const char *code, const char *text)
{
	answer(c, IMAP_ANSWER_NO, code, text);
}

void
imap_cmd_bad(struct imap_cmd *c, const char *text)
{
	answer(c, IMAP_ANSWER_BAD, NULL, text);
}

void
imap_cmd_then_bye(struct imap_cmd *c, const char *text)
{
	c->bye = text;
}

/* RFC 5530 s3: what each failure is called. */
static const struct error_row {
	enum err	 e;
	const char	*code;
	const char	*text;
} error_rows[] = {
	{ ERR_FULL,	  "SERVERBUG",	   "No room for that now" },
	{ ERR_NOTFOUND,	  "NONEXISTENT",   "There is no such mailbox" },
	{ ERR_EXISTS,	  "ALREADYEXISTS", "It exists already" },
	{ ERR_DENIED,	  "NOPERM",	   "Not permitted" },
	{ ERR_QUOTA,	  "OVERQUOTA",	   "Over quota" },
	{ ERR_TOOBIG,	  "LIMIT",	   "Too large" },
	{ ERR_LIMIT,	  "LIMIT",	   "Too much at once" },
	{ ERR_SYNTAX,	  "CANNOT",	   "Not a valid name" },
	{ ERR_STATE,	  "CANNOT",	   "Not possible with this mailbox" },
	{ ERR_UNSUPPORTED, "CANNOT",	   "Not supported" },
	{ ERR_CORRUPT,	  "CORRUPTION",	   "Stored data is damaged" },
	{ ERR_CRYPTO,	  "CORRUPTION",	   "Stored data does not open" },
	{ ERR_CONFLICT,	  "INUSE",	   "Changed meanwhile, try again" },
	{ ERR_DISABLED,	  "CONTACTADMIN",  "The account is disabled" },
};

void
imap_cmd_error(struct imap_cmd *c, enum err e)
{
	for (size_t i = 0; i < lengthof(error_rows); i++) {
		if (error_rows[i].e == e) {
			imap_cmd_no(c, error_rows[i].code, error_rows[i].text);
			return;
		}
	}
	imap_cmd_no(c, "UNAVAILABLE", "Not available at the moment, try again");
}

/* ---- requests ---- */

bool
imap_cmd_call(struct imap_cmd *c, enum ipc_role role, enum ipc_type type,
    const void *m, imap_reply_fn *fn, void *arg)
{
	enum err e = imap_session_call(c->s, role, type, m, NULL, 0, fn, arg);

	if (e != ERR_OK)
		imap_cmd_error(c, ERR_GONE);
	return e == ERR_OK;
}

/* The store's own words for a refusal, when it has any. */
static void
answer_store_fail(struct imap_cmd *c, const struct ipc_store_fail *f)
{
	const char *code, *text;

	if (f->code.n == 0 || f->text.n == 0) {
		imap_cmd_error(c, f->error);
		return;
	}
	for (size_t i = 0; i < f->code.n + f->text.n; i++) {
		char ch = i < f->code.n ? f->code.p[i] : f->text.p[i - f->code.n];

		if (!ascii_is_print(ch)) {
			imap_cmd_error(c, f->error);
			return;
		}
	}
	code = arena_str(&c->arena, f->code);
	text = arena_str(&c->arena, f->text);
	if (code == NULL || text == NULL)
		imap_cmd_error(c, f->error);
	else
		imap_cmd_no(c, code, text);
}

const void *
imap_cmd_expect(struct imap_cmd *c, const struct imap_reply *r, enum ipc_type type)
{
	if (r->error != ERR_OK) {
		imap_cmd_error(c, r->error);
		return NULL;
	}
	if (r->type == type)
		return r->m;
	if (r->type == IPC_MSG_store_fail) {
		answer_store_fail(c, r->m);
	} else if (r->type == IPC_MSG_key_fail) {
		const struct ipc_key_fail *f = r->m;

		imap_cmd_error(c, f->error);
		/* The token is no longer good: only a new login helps. */
		if (f->error == ERR_AUTH || f->error == ERR_DENIED)
			imap_cmd_then_bye(c, "[UNAVAILABLE] Please log in again");
	} else {
		imap_cmd_error(c, ERR_GONE);
	}
	return NULL;
}

void
imap_cmd_on_ok(struct imap_session *s, void *text, const struct imap_reply *r)
{
	if (imap_cmd_expect(s->cmd, r, IPC_MSG_store_ok) != NULL)
		imap_cmd_ok(s->cmd, text);
}

/* ---- memory ---- */

void *
imap_cmd_alloc(struct imap_cmd *c, size_t bytes)
{
	void *p = arena_alloc(&c->arena, 1, bytes);

	if (p == NULL)
		imap_cmd_error(c, ERR_LIMIT);
	return p;
}

const char *
imap_cmd_text(struct imap_cmd *c, const struct buf *b)
{
	const char *p = arena_str(&c->arena, buf_slice(b));

	return p != NULL ? p : "";
}

/* ---- what was told: ascending UIDs ---- */

static bool
told_grow(struct imap_cmd *c)
{
	size_t cap = c->told_cap > 0 ? 2 * c->told_cap : 16;
	struct imap_told *t;

	/* Beyond the cap sync repeats some rows: harmless. */
	if (cap > IMAP_TOLD_MAX)
		return false;
	t = arena_alloc(&c->arena, cap, sizeof(*t));
	if (t == NULL)
		return false;
	if (c->told_count > 0)
		memcpy(t, c->told, c->told_count * sizeof(*t));
	c->told = t;
	c->told_cap = cap;
	return true;
}

void
imap_cmd_told(struct imap_cmd *c, uint32_t seq, uint32_t uid, uint64_t modseq)
{
	struct imap_told *t = c->told_count > 0 ? &c->told[c->told_count - 1] : NULL;

	if (t != NULL && t->modseq == modseq && seq == t->last_seq + 1) {
		t->last = uid;
		t->last_seq = seq;
		return;
	}
	if (c->told_count == c->told_cap && !told_grow(c))
		return;
	c->told[c->told_count++] = (struct imap_told){ uid, uid, seq, modseq };
}

void
imap_cmd_told_all(struct imap_cmd *c, uint64_t modseq)
{
	if (c->told_all_count < IMAP_TOLD_ALL_MAX)
		c->told_all[c->told_all_count++] = modseq;
}

bool
imap_cmd_was_told(const struct imap_cmd *c, uint32_t uid, uint64_t modseq)
{
	size_t low = 0, high = c->told_count;

	for (size_t i = 0; i < c->told_all_count; i++)
		if (c->told_all[i] == modseq)
			return true;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (uid > c->told[mid].last)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->told_count && uid >= c->told[low].first &&
	    c->told[low].modseq == modseq;
}
