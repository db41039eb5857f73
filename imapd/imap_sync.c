/* SPDX-License-Identifier: ISC */
#include "imapd/imap_sync.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_row.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_update.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"

struct slice
imap_sync_names(const struct imap_session *s)
{
	return slice_of(s->view.keywords, s->view.keywords_bytes);
}

/* Those behind the known ones. */
static bool
add_keywords(struct imap_session *s, struct slice more)
{
	struct imap_view *v = &s->view;

	if (more.n == 0)
		return false;
	v->keywords = must_realloc(v->keywords, v->keywords_bytes + more.n, 1);
	memcpy(v->keywords + v->keywords_bytes, more.p, more.n);
	v->keywords_bytes += (uint32_t)more.n;
	return true;
}

static uint32_t
count_keywords(const struct imap_session *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->view.keywords_bytes; i++)
		n += s->view.keywords[i] == '\0';
	return n;
}

bool
imap_sync_keywords(struct imap_session *s, struct slice keywords)
{
	if (slice_eq(keywords, imap_sync_names(s)))
		return false;
	s->view.keywords = must_realloc(s->view.keywords, keywords.n + 1, 1);
	if (keywords.n > 0)
		memcpy(s->view.keywords, keywords.p, keywords.n);
	s->view.keywords_bytes = (uint32_t)keywords.n;
	return true;
}

void
imap_sync_say_first(struct imap_session *s)
{
	if (s->sync.first != NULL)
		buf_put_str(imap_session_out(s), s->sync.first);
	s->sync.first = NULL;
}

static void
finish(struct imap_session *s, enum err e)
{
	imap_done_fn *done = s->sync.done;

	imap_sync_say_first(s);
	s->sync.done = NULL;
	done(s, e);
}

/*
 * What the client follows was told, too, as far as it could be.  When nothing of it
 * was kept back, the view is what the store had.
 */
static void
on_updated(struct imap_session *s)
{
	if (s->sync.pulse != 0)
		s->pulse = s->sync.pulse;
	if (s->view.v == s->sync.modseq && s->view.r == s->sync.modseq)
		s->view.pulse = s->sync.pulse;
	finish(s, ERR_OK);
}

uint64_t
imap_sync_highest(const struct imap_session *s)
{
	uint64_t n = s->view.v < s->view.r ? s->view.v : s->view.r;

	return n > 0 ? n : 1;
}

void
imap_sync_put_highest(struct imap_session *s)
{
	buf_printf(imap_session_out(s), "* OK [HIGHESTMODSEQ %llu] Known so far\r\n",
	    (unsigned long long)imap_sync_highest(s));
}

void
imap_sync_bound_highest(struct imap_session *s)
{
	if (s->state == IMAP_SELECTED && s->view.told > imap_sync_highest(s))
		imap_sync_put_highest(s);
	s->view.told = 0;
}

/* RFC 7162 s3.2.10: instead of EXPUNGE, for a client that wants it. */
static void
put_vanished(struct buf *out, struct slice pairs)
{
	struct imap_run run = { 0 };

	if (pairs.n < 8)
		return;
	buf_put_str(out, "* VANISHED ");
	for (size_t i = 0; i + 8 <= pairs.n; i += 8)
		imap_seqset_run_add(out, &run, dec_le32(pairs.p + i));
	imap_seqset_run_end(out, &run);
	buf_put_str(out, "\r\n");
}

static void
tell_expunged(struct imap_session *s, struct slice pairs)
{
	/* RFC 9586 s3.3 */
	bool vanished = imap_session_is(s, IMAP_EN_QRESYNC | IMAP_EN_UIDONLY);
	struct buf *out = imap_session_out(s);

	imap_update_expunged(s, pairs);
	for (size_t i = 0; i + 8 <= pairs.n; i += 8) {
		uint32_t uid = dec_le32(pairs.p + i);

		if (imap_recent_has(&s->view.recent, uid) && s->view.recent.count > 0)
			s->view.recent.count--;
		if (s->view.exists > 0)
			s->view.exists--;
		if (vanished)
			continue;
		buf_put_str(out, "* ");
		buf_put_num(out, dec_le32(pairs.p + i + 4));
		buf_put_str(out, " EXPUNGE\r\n");
	}
	if (vanished)
		put_vanished(out, pairs);
}

/* What came since: RFC 3501 s7.3.1, s7.3.2. */
static void
tell_arrived(struct imap_session *s, const struct ipc_store_changes *m)
{
	struct imap_view *v = &s->view;
	struct buf *out = imap_session_out(s);
	uint32_t came = m->exists > v->exists ? m->exists - v->exists : 0;

	if (m->recent_uid != 0 && m->recent_uid < m->uidnext && !v->readonly) {
		uint32_t from = m->recent_uid > v->uidnext ? m->recent_uid : v->uidnext;
		uint32_t span = m->uidnext > from ? m->uidnext - from : 0;

		imap_recent_add(&v->recent, from, m->uidnext - 1);
		v->recent.count += came < span ? came : span;
	}
	if (m->uidnext > v->uidnext)
		imap_notify_arrived(s, v->uidnext);
	v->uidnext = m->uidnext;
	/* Fewer \Recent is no news: the client heard EXPUNGE. */
	if (m->exists == v->exists)
		return;
	v->exists = m->exists;
	buf_printf(out, "* %u EXISTS\r\n", v->exists);
	if (!imap_session_is(s, IMAP_EN_REV2))
		buf_printf(out, "* %u RECENT\r\n", v->recent.count);
}

static void
tell_flags(struct imap_session *s, struct slice rows)
{
	unsigned parts = IMAP_ROW_UID | IMAP_ROW_FLAGS | imap_row_due(s);
	struct ipc_reader r = ipc_reader_of(rows);
	struct ipc_row row;

	while (ipc_reader_more(&r)) {
		ipc_row_get(&r, &row);
		if (r.bad)
			break;
		if (s->cmd != NULL && imap_cmd_was_told(s->cmd, row.uid, row.modseq))
			continue;
		imap_row_tell(s, &row, parts);
	}
}

static enum err	ask(struct imap_session *);

static void
on_changes(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_changes *m = r->m;
	enum err e;

	(void)arg;
	if (r->error != ERR_OK || r->type != IPC_MSG_store_changes) {
		finish(s, r->error != ERR_OK ? r->error : ERR_GONE);
		return;
	}
	imap_sync_say_first(s);
	if (s->sync.resume == 0) {
		tell_expunged(s, m->vanished);
		s->view.v = m->v;
		tell_arrived(s, m);
		s->sync.modseq = m->modseq;
	}
	if (!m->expunges_more) {
		if (add_keywords(s, m->keywords))
			imap_flags_put_list(imap_session_out(s), imap_sync_names(s));
		tell_flags(s, m->rows);
		if (!m->more) {
			/* What was kept back is still to be told. */
			if (s->sync.flags)
				s->view.r = s->sync.modseq;
			s->view.behind = false;
			if (!imap_update_start(s, on_updated))
				on_updated(s);
			return;
		}
	}
	s->sync.resume = m->expunges_more ? 0 : m->resume;
	e = ask(s);
	if (e != ERR_OK)
		finish(s, e);
}

static enum err
ask(struct imap_session *s)
{
	struct ipc_store_sync m = {
		.handle = imap_view_handle(s),
		.mailbox = s->view.mailbox,
		.v = s->view.v,
		.r = s->sync.flags ? s->view.r : UINT64_MAX,
		.uidnext = s->view.uidnext,
		.expunges = s->sync.expunges,
		.claims = !s->view.readonly,
		.keyword_count = count_keywords(s),
		.resume = s->sync.resume,
	};

	return imap_session_call(s, IPC_STORE, IPC_MSG_store_sync, &m, NULL, 0, on_changes, NULL);
}

bool
imap_sync_is_due(const struct imap_session *s)
{
	return s->view.pulse == 0 || s->view.behind || s->notify != NULL ||
	    s->view.contexts != NULL || s->view.pulse != imap_session_pulse(s);
}

enum err
imap_sync_start(struct imap_session *s, bool expunges, imap_done_fn *done)
{
	enum err e;

	s->sync.resume = 0;
	s->sync.pulse = s->view.guest == NULL ? imap_session_pulse(s) : 0;
	s->sync.expunges = expunges;
	s->sync.flags = imap_notify_tells(s, IMAP_NOTIFY_FLAGS);
	e = ask(s);
	if (e == ERR_OK)
		s->sync.done = done;
	return e;
}
