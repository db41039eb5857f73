/* SPDX-License-Identifier: ISC */
#include "store/store_stage.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_note.h"
#include "store/store_record.h"

#define ITEM_BYTES_MAX	65000		/* as the frame it came in */

static void
make_note(const struct store *s, const struct ipc_store_append *m, uint32_t mailbox,
    struct slice name, struct buf *b)
{
	const struct note_body n = {
		.mailbox = mailbox, .epoch = m->epoch, .generation = m->generation,
		.message_id = m->message_id.n > 0 ? dec_be64(m->message_id.p) : 0,
		.internal_s = m->internal_s, .created_s = store_now_s(s), .size = m->size,
		.flags = m->flags, .commitment = m->commitment, .wrapped = m->wrapped,
		.references = m->references, .name = name,
	};

	note_body_put(&n, b);
}

enum err
stage_put_blobs(struct store *s, struct stage_item *it, struct ipc_in *in, uint64_t fd_bytes,
    uint32_t mailbox, struct slice name)
{
	const struct ipc_store_append *m = &it->m;
	struct buf note;
	enum err e;

	if (m->summary.n > RECORD_SUMMARY_INLINE &&
	    (e = blob_put(s->blob, m->account, m->content, BLOB_SUMMARY, m->summary,
	    SLICE_NONE, &it->summary)) != ERR_OK)
		return e;
	buf_init(&note, BLOB_NOTE_MAX);
	make_note(s, m, mailbox, name, &note);
	if (m->body.n > 0)
		e = blob_put(s->blob, m->account, m->content, BLOB_BODY, m->body,
		    buf_slice(&note), &it->body);
	else
		e = blob_put_fd(s->blob, m->account, m->content, BLOB_BODY,
		    ipc_take_fd(in, 0), fd_bytes, buf_slice(&note), &it->body);
	buf_fini(&note);
	return e;
}

enum err
stage_check(const struct store_session *ss)
{
	const struct store_stage *g = &ss->stage;

	if (g->n >= STORE_MULTI_MAX - 1 || g->bytes >= STAGE_BYTES_MAX)
		return ERR_LIMIT;
	return ss->peer->store->staged_bytes >= STAGE_TOTAL_MAX ? ERR_BUSY : ERR_OK;
}

enum err
stage_keep(struct store_session *ss, struct stage_item *it)
{
	struct store *s = ss->peer->store;
	struct ipc_store_append m = it->m;
	struct ipc_reader rd;
	enum err e;

	if ((e = stage_check(ss)) != ERR_OK)
		return e;
	/* What the segments hold is not needed twice. */
	m.body = SLICE_NONE;
	if (it->summary.segment != 0)
		m.summary = SLICE_NONE;
	buf_init(&it->bytes, ITEM_BYTES_MAX);
	ipc_store_append_put(&it->bytes, &m);
	must(buf_err(&it->bytes) == ERR_OK);
	rd = ipc_reader_of(buf_slice(&it->bytes));
	ipc_store_append_get(&rd, &it->m);
	blob_hold(s->blob, &it->body);
	if (it->summary.segment != 0)
		blob_hold(s->blob, &it->summary);
	list_init(&it->link);
	list_push(&ss->stage.items, &it->link);
	ss->stage.n++;
	ss->stage.bytes += it->bytes.n;
	ss->stage.size_sum += it->m.size;
	s->staged_bytes += it->bytes.n;
	return ERR_OK;
}

static void
item_drop(struct store *s, struct stage_item *it, bool used)
{
	const struct blob_ref *refs[] = { &it->body, &it->summary };

	for (unsigned i = 0; i < lengthof(refs); i++) {
		if (refs[i]->segment == 0)
			continue;
		blob_release(s->blob, refs[i]);
		if (used)
			blob_use(s->blob, refs[i]);
	}
	list_remove(&it->link);
	buf_fini(&it->bytes);
	free(it);
}

void
stage_drop(struct store_session *ss, bool used)
{
	struct store *s = ss->peer->store;
	struct list *l;

	while ((l = list_first(&ss->stage.items)) != NULL)
		item_drop(s, obj_of(l, struct stage_item, link), used);
	s->staged_bytes -= ss->stage.bytes;
	ss->stage.n = 0;
	ss->stage.bytes = 0;
	ss->stage.size_sum = 0;
}

void
store_on_append_cancel(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_append_cancel *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);

	if (ss != NULL)
		stage_drop(ss, false);
}
