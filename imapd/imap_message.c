/* SPDX-License-Identifier: ISC */
#include "imapd/imap_message.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_date.h"
#include "lib/mail/imap_text.h"
#include "lib/mail/preview.h"
#include "lib/seal/seal.h"
#include "lib/seal/seal_arrival.h"

#define STRUCTURE_MAX	(16u << 20)
#define SCRATCH_MAX	(1u << 20)
#define SUMMARY_VERSION	1
#define BLANK_TURN	(512u << 10)

/* Follows the trace of a message that does not open. */
static const char unopened[] =
    "Subject: [A message that cannot be opened]\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "\r\n"
    "This message came sealed, and does not open with your key, or not to its end.\r\n"
    "Its sender may have made it so, or it was damaged on its way.  The fields\r\n"
    "above say how it came.\r\n";

enum stage { NEW, SUMMARIZED, FIRST_ASKED, OPENING, OPEN, PARSING };

void
imap_message_init(struct imap_message *m, struct imap_walk *w)
{
	memset(m, 0, sizeof(*m));
	m->walk = w;
	imap_object_init(&m->object, w->c);
	buf_init(&m->plain, SUMMARY_MAX + 4096 + SEAL_TRACE_MAX);
	buf_init(&m->opened, SEAL_TRACE_MAX + sizeof(unopened));
	buf_init(&m->structure, STRUCTURE_MAX);
	buf_init(&m->cuts, STRUCTURE_MAX);
	buf_init(&m->scratch, SCRATCH_MAX);
	buf_init(&m->own_first.data, IMAP_READ_BYTES);
	mime_map_init(&m->stored_map);
	m->made = true;
}

void
imap_message_fini(struct imap_message *m)
{
	if (!m->made)
		return;
	m->made = false;
	imap_object_give_reader(m->walk->c->s->shared, &m->reader);
	imap_object_fini(&m->object);
	buf_wipe(&m->plain);
	buf_fini(&m->plain);
	buf_wipe(&m->opened);
	buf_fini(&m->opened);
	buf_fini(&m->structure);
	buf_fini(&m->cuts);
	buf_wipe(&m->scratch);
	buf_fini(&m->scratch);
	buf_fini(&m->own_first.data);
	mime_map_fini(&m->stored_map);
	if (m->mime != NULL) {
		mime_fini(m->mime);
		free(m->mime);
	}
}

void
imap_message_begin(struct imap_message *m)
{
	m->stage = NEW;
	m->has_sum = m->parsed = m->is_arrival = m->is_unopened = false;
	m->trace = SLICE_NONE;
	m->map = NULL;
	buf_reset(&m->structure);
	buf_reset(&m->cuts);
}

/* ---- the summary ---- */

/* A damaged one is left as it is, and the message is told without. */
static void
open_arrival(struct imap_message *m)
{
	struct imap_walk *w = m->walk;

	m->is_arrival = true;
	buf_reset(&m->opened);
	if (m->reader == NULL)
		m->reader = imap_object_take_reader(w->c->s->shared);
	if (w->arrival_key != NULL && seal_arrival_open(&m->opened, m->reader, w->arrival_key,
	    w->content.summary) == ERR_OK)
		m->trace = buf_slice(&m->opened);
}

static void
open_summary(struct imap_message *m)
{
	struct imap_walk *w = m->walk;
	struct imap_session *s = w->c->s;
	struct slice record;
	uint8_t version;

	m->stage = SUMMARIZED;
	buf_reset(&m->plain);
	if (seal_arrival_is(w->content.summary)) {
		open_arrival(m);
		return;
	}
	if (w->content.summary.n == 0 || w->key == NULL)
		return;
	/* A summary that does not open is made anew: an ordinary case. */
	if (seal_summary_open(&m->plain, s->shared->aead, w->key, w->content.summary,
	    &version) != ERR_OK)
		return;
	record = buf_slice(&m->plain);
	if (version == SEAL_TRACED && seal_traced_get(record, &m->trace, &record) != ERR_OK)
		return;
	m->has_sum = summary_get(&m->sum, record) == ERR_OK;
}

static void
take_kept(struct imap_message *m)
{
	const struct imap_memo_text *t = m->walk->kept;

	m->stage = SUMMARIZED;
	m->sum = (struct summary){ .has_envelope = true, .has_structure = true,
	    .envelope = t->envelope, .structure = t->structure, .cuts = t->cuts };
	m->has_sum = true;
}

bool
imap_message_text(const struct imap_message *m, struct imap_memo_text *t)
{
	*t = (struct imap_memo_text){ m->sum.envelope, m->sum.structure, m->sum.cuts };
	return m->has_sum && !m->parsed && m->walk->kept == NULL && m->sum.has_envelope &&
	    m->sum.has_structure;
}

void
imap_message_keep(struct imap_message *m, struct imap_memo *memo)
{
	struct imap_memo_text t;

	if (!imap_message_text(m, &t))
		return;
	imap_memo_add(memo, m->walk->content.content, &t);
	imap_memo_add_place(memo, m->walk->row.seq, m->walk->row.uid);
}

static bool
load_map(struct imap_message *m)
{
	if (m->map != NULL)
		return true;
	if (!m->has_sum || !m->sum.has_parts ||
	    mime_map_get(&m->stored_map, m->sum.parts, m->sum.size) != ERR_OK)
		return false;
	m->map = &m->stored_map;
	return true;
}

/* ---- sealed: the form instead of the text ---- */

static enum err
open_sealed(struct imap_message *m)
{
	struct imap_walk *w = m->walk;
	struct seal_mime_facts facts;
	enum err e;

	if (m->stage >= OPEN)
		return ERR_OK;
	imap_walk_facts(w, &facts);
	m->object.handle = w->at.handle;
	m->blank_off = 0;
	e = imap_object_open_sealed(&m->object, &w->content, &facts);
	if (e == ERR_OK)
		m->stage = OPEN;
	return e;
}

uint32_t
imap_message_size(struct imap_message *m)
{
	const struct imap_walk *w = m->walk;
	uint64_t n = w->cold.size;

	if (w->is_sealed && open_sealed(m) == ERR_OK)
		n = imap_object_plain_bytes(&m->object);
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* What of needs the summary cannot give. */
static bool
is_known(struct imap_message *m, unsigned needs)
{
	if (m->parsed)
		return true;
	if (m->is_arrival)
		return false;
	if ((needs & IMAP_NEED_ENVELOPE) && !(m->has_sum && m->sum.has_envelope))
		return false;
	if ((needs & IMAP_NEED_STRUCTURE) && !(m->has_sum && m->sum.has_structure))
		return false;
	if ((needs & IMAP_NEED_SENT) && !m->has_sum)
		return false;
	if ((needs & IMAP_NEED_PREVIEW) && !(m->has_sum && m->sum.has_preview))
		return false;
	return !(needs & IMAP_NEED_PARTS) || load_map(m);
}

/* ---- the message itself ---- */

static void
on_own_first(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_walk_first *f = arg;
	const struct ipc_store_data *d = r->m;

	(void)s;
	f->state = IMAP_FIRST_FAILED;
	if (r->error != ERR_OK || r->type != IPC_MSG_store_data)
		return;
	buf_put_slice(&f->data, d->data);
	f->state = IMAP_FIRST_READY;
}

static enum err
ask_own_first(struct imap_message *m)
{
	struct imap_walk *w = m->walk;
	struct ipc_store_read rd = {
		.handle = w->at.handle, .content = w->content.content,
		.bytes = w->content.blob_bytes < IMAP_READ_BYTES ?
		    (uint32_t)w->content.blob_bytes : IMAP_READ_BYTES,
		.grant = imap_walk_read_grant(w),
	};

	buf_reset(&m->own_first.data);
	m->own_first.state = IMAP_FIRST_ASKED;
	return imap_cmd_call(w->c, IPC_STORE, IPC_MSG_store_read, &rd, on_own_first,
	    &m->own_first) ? ERR_OK : ERR_GONE;
}

static enum err
open_object(struct imap_message *m)
{
	struct imap_walk *w = m->walk;
	struct imap_walk_first *f = w->first_bytes > 0 ? w->first : &m->own_first;
	enum err e;

	if (m->reader == NULL)
		m->reader = imap_object_take_reader(w->c->s->shared);
	m->object.reader = m->reader;
	if (m->stage == SUMMARIZED) {
		m->stage = FIRST_ASKED;
		if (w->first_bytes == 0) {
			e = ask_own_first(m);
			if (e != ERR_OK)
				return e;
		}
	}
	if (m->stage == FIRST_ASKED) {
		if (f->state == IMAP_FIRST_ASKED || f->state == IMAP_FIRST_OPENING)
			return ERR_AGAIN;
		if (f->state == IMAP_FIRST_OPEN) {
			imap_object_open_plain(&m->object, buf_slice(&f->text));
			imap_object_put_before(&m->object, m->trace);
			m->stage = OPEN;
			return ERR_OK;
		}
		if (f->state != IMAP_FIRST_READY)
			return ERR_IO;
		f->may_open = false;
		m->stage = OPENING;
		m->object.handle = w->at.handle;
		m->object.grant = imap_walk_read_grant(w);
		e = imap_object_open(&m->object, &w->content, w->key, buf_slice(&f->data));
	} else {
		e = imap_object_ready(&m->object);
	}
	if (e == ERR_OK) {
		imap_object_put_before(&m->object, m->trace);
		m->stage = OPEN;
	}
	return e;
}

static void
on_put(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	(void)s;
	(void)arg;
	(void)r;
}

/* Nobody made a summary yet, or a shorter one: keep ours beside the message. */
static void
store_summary(struct imap_message *m)
{
	struct imap_walk *w = m->walk;
	struct imap_session *s = w->c->s;
	struct buf plain, sealed;
	struct ipc_store_put_summary put = {
		.handle = w->at.handle, .content = w->content.content,
	};

	/* The store takes it from the owner alone. */
	if (m->has_sum || s->view.guest != NULL || w->at.pass.n > 0)
		return;
	/* Nor is a trace replaced that does not open now. */
	if (m->is_arrival && m->trace.p == NULL)
		return;
	buf_init(&plain, SUMMARY_MAX + 4096 + SEAL_TRACE_MAX);
	buf_init(&sealed, SUMMARY_MAX + 4096 + SEAL_TRACE_MAX + SEAL_SUMMARY_EXTRA);
	if (m->trace.n > 0)
		seal_traced_put(&plain, m->trace);
	if (summary_put(&plain, m->mime, SLICE_NONE, s->shared->charsets) == ERR_OK) {
		seal_summary_put(&sealed, s->shared->aead, w->key,
		    m->trace.n > 0 ? SEAL_TRACED : SUMMARY_VERSION, buf_slice(&plain));
		put.summary = buf_slice(&sealed);
		/* Without it the message is parsed again next time. */
		m->has_put = buf_err(&sealed) == ERR_OK && imap_session_call(s, IPC_STORE,
		    IPC_MSG_store_put_summary, &put, NULL, 0, on_put, NULL) == ERR_OK;
	}
	buf_wipe(&plain);
	buf_fini(&plain);
	buf_fini(&sealed);
}

static void
begin_parse(struct imap_message *m)
{
	m->stage = PARSING;
	if (m->mime == NULL) {
		m->mime = must_alloc(1, sizeof(*m->mime));
		mime_init(m->mime);
	}
	mime_start(m->mime);
}

static void
end_parse(struct imap_message *m)
{
	mime_end(m->mime);
	m->map = &m->mime->map;
	imap_text_put_structure(&m->structure, m->mime, &m->cuts);
	m->parsed = true;
	m->stage = OPEN;
}

/* Base64 is base64: lines of the same length stand for it, and nothing is read. */
static enum err
parse_sealed(struct imap_message *m)
{
	struct imap_session *s = m->walk->c->s;
	bool more;

	if (m->stage == OPEN)
		begin_parse(m);
	buf_reset(&m->scratch);
	more = seal_mime_blank(&m->object.sealed, &m->blank_off, BLANK_TURN, &m->scratch);
	mime_feed(m->mime, buf_slice(&m->scratch));
	if (more) {
		s->host->defer(s->host_arg);
		return ERR_AGAIN;
	}
	end_parse(m);
	return ERR_OK;
}

static enum err
ready_sealed(struct imap_message *m, unsigned needs)
{
	enum err e = open_sealed(m);

	if (e != ERR_OK || m->parsed || (needs & ~(unsigned)IMAP_NEED_BODY) == 0)
		return e;
	return parse_sealed(m);
}

static enum err
parse(struct imap_message *m)
{
	enum err e;

	if (m->stage == OPEN) {
		begin_parse(m);
		e = imap_object_range(&m->object, 0, UINT64_MAX);
		if (e != ERR_OK)
			return e;
	}
	for (;;) {
		buf_reset(&m->scratch);
		e = imap_object_read(&m->object, &m->scratch);
		if (e == ERR_END)
			break;
		if (e != ERR_OK)
			return e;
		mime_feed(m->mime, buf_slice(&m->scratch));
	}
	end_parse(m);
	if (!m->is_unopened)
		store_summary(m);
	return ERR_OK;
}

/* Is it the message's own fault?  Then its text says so. */
static bool
takes_text(struct imap_message *m, enum err e)
{
	if (!m->is_arrival || m->trace.p == NULL || m->is_unopened ||
	    (e != ERR_CORRUPT && e != ERR_CRYPTO))
		return false;
	m->is_unopened = true;
	buf_put_str(&m->opened, unopened);
	m->trace = slice_head(buf_slice(&m->opened), m->trace.n);
	imap_object_open_text(&m->object, buf_slice(&m->opened));
	m->stage = OPEN;
	return true;
}

static enum err
open_and_parse(struct imap_message *m, unsigned needs)
{
	enum err e;

	if (m->walk->key == NULL && !m->is_unopened)
		return ERR_CRYPTO;
	if (m->stage < OPEN) {
		e = open_object(m);
		if (e != ERR_OK)
			return e;
	}
	return m->stage != PARSING && is_known(m, needs) ? ERR_OK : parse(m);
}

enum err
imap_message_ready(struct imap_message *m, unsigned needs)
{
	enum err e;

	if (needs == 0)
		return ERR_OK;
	if (m->walk->is_sealed)
		return ready_sealed(m, needs);
	if (m->stage == NEW && m->walk->kept != NULL)
		take_kept(m);
	else if (m->stage == NEW)
		open_summary(m);
	if (m->stage != PARSING && is_known(m, needs) &&
	    (!(needs & IMAP_NEED_BODY) || m->stage == OPEN))
		return ERR_OK;
	e = open_and_parse(m, needs);
	if (e != ERR_OK && e != ERR_AGAIN && takes_text(m, e))
		e = open_and_parse(m, needs);
	return e;
}

/* ---- get ---- */

struct slice
imap_message_envelope(struct imap_message *m)
{
	if (m->has_sum && m->sum.has_envelope)
		return m->sum.envelope;
	return m->mime->map.count > 0 ? mime_text(m->mime, m->mime->meta[0].envelope) : SLICE_NONE;
}

void
imap_message_put_envelope(struct imap_message *m, struct buf *out)
{
	buf_put_slice(out, imap_message_envelope(m));
}

struct slice
imap_message_structure(struct imap_message *m)
{
	return m->parsed ? buf_slice(&m->structure) : m->sum.structure;
}

void
imap_message_put_structure(struct imap_message *m, struct buf *out, bool extended)
{
	struct slice structure = imap_message_structure(m);
	struct slice cuts = m->parsed ? buf_slice(&m->cuts) : m->sum.cuts;

	if (extended)
		buf_put_slice(out, structure);
	else
		imap_text_put_body(out, structure, cuts);
}

void
imap_message_put_preview(struct imap_message *m, struct buf *out)
{
	struct buf text;

	if (m->stage == NEW && m->walk->key != NULL)
		open_summary(m);
	if (m->has_sum && m->sum.has_preview) {
		imap_text_put_string(out, m->sum.preview);
	} else if (m->parsed) {
		buf_init(&text, 4 * SUMMARY_PREVIEW_CHARS + 4);
		preview_put(&text, m->mime, m->walk->c->s->shared->charsets,
		    SUMMARY_PREVIEW_CHARS);
		imap_text_put_string(out, buf_slice(&text));
		buf_fini(&text);
	} else {
		buf_put_str(out, "NIL");
	}
}

bool
imap_message_fields(struct imap_message *m, const struct slice *names, uint32_t count,
    struct slice *header)
{
	if (m->walk->is_sealed) {
		if (open_sealed(m) != ERR_OK)
			return false;
		*header = slice_head(buf_slice(&m->object.sealed.head),
		    m->object.sealed.header_bytes);
		return true;
	}
	if (m->stage == NEW && m->walk->key != NULL)
		open_summary(m);
	/* Without a body the header may have no blank line: only it tells. */
	if (!m->has_sum || !m->sum.has_fields || m->sum.size <= m->sum.header_bytes)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!summary_keeps(names[i]))
			return false;
	*header = m->sum.fields;
	return true;
}

enum err
imap_message_locate(struct imap_message *m, const uint32_t *path, uint32_t path_count,
    enum mime_section what, struct imap_part *out)
{
	uint64_t plain = imap_object_plain_bytes(&m->object);
	uint32_t off = 0, bytes = 0, part = 0;

	*out = (struct imap_part){ .bytes = plain, .code = MIME_CODE_BINARY };
	if (path_count == 0 && what == MIME_SECTION_ALL)
		return ERR_OK;
	if (m->map == NULL ||
	    mime_map_locate(m->map, path, path_count, what, &off, &bytes, &part) != ERR_OK ||
	    off > plain || bytes > plain - off)
		return ERR_NOTFOUND;
	out->off = off;
	out->bytes = bytes;
	/* RFC 2045 s6.4: multiparts and messages are never encoded. */
	if (what == MIME_SECTION_ALL && m->map->spans[part].kind == MIME_LEAF)
		out->code = (enum mime_code)m->map->spans[part].code;
	return ERR_OK;
}

bool
imap_message_sent(struct imap_message *m, int64_t *unix_s, int *zone_minutes)
{
	struct hdr_field f;
	struct hdr_date d;

	if (m->has_sum) {
		*unix_s = m->sum.sent_s;
		*zone_minutes = m->sum.sent_zone;
		return m->sum.has_sent;
	}
	if (!hdr_find(mime_top_header(m->mime), "Date", &f) ||
	    hdr_date_parse(f.value, &d) != ERR_OK)
		return false;
	*unix_s = d.unix_s;
	*zone_minutes = d.zone_minutes;
	return true;
}
