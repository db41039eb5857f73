/* SPDX-License-Identifier: ISC */
#include "queue/queue_envelope.h"

#include <string.h>

#include "lib/base/secret.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/ipc/queue_proto.h"

#define ENVELOPE_FORMAT	3
#define ENVELOPE_NO_KIND 2
#define ENVELOPE_OLD	1
#define PROGRESS_FORMAT	3
#define PROGRESS_OLD	1
#define STRING_MAX	1024	/* any one string */
#define TEXT_STEP	32u

enum progress_flag { WAS_WARNED = 1 };
enum rcpt_flag { NOTIFIED = 1, DSN_TAKEN = 2, BROKEN = 4, TOLD_BROKEN = 8 };
enum envelope_rcpt_flag { FORWARDED = 1 };

void
queue_envelope_init(struct queue_envelope *e)
{
	memset(e, 0, sizeof(*e));
	arena_init(&e->mem, QUEUE_ENVELOPE_MAX);
}

void
queue_envelope_fini(struct queue_envelope *e)
{
	secret_wipe(e->file_key, sizeof(e->file_key));
	arena_fini(&e->mem);
	e->rcpts = NULL;
	e->rcpt_count = e->rcpt_cap = 0;
}

enum err
queue_envelope_dup(struct queue_envelope *e, struct slice *dst, struct slice s)
{
	if (s.n == 0) {
		*dst = SLICE_NONE;
		return ERR_OK;
	}
	*dst = arena_dup(&e->mem, s);
	return dst->p == NULL ? ERR_LIMIT : ERR_OK;
}

static enum err
make_room(struct queue_envelope *e)
{
	uint32_t cap = e->rcpt_cap == 0 ? 2 : e->rcpt_cap * 4;
	struct queue_rcpt *more;

	if (e->rcpt_count >= QUEUE_RCPTS_MAX)
		return ERR_LIMIT;
	if (e->rcpt_count < e->rcpt_cap)
		return ERR_OK;
	if ((more = arena_alloc(&e->mem, cap, sizeof(*more))) == NULL)
		return ERR_LIMIT;
	if (e->rcpt_count > 0)
		memcpy(more, e->rcpts, e->rcpt_count * sizeof(*more));
	e->rcpts = more;
	e->rcpt_cap = cap;
	return ERR_OK;
}

enum err
queue_envelope_add(struct queue_envelope *e, const struct queue_rcpt *from)
{
	struct queue_rcpt r = { .notify = from->notify, .class = from->class,
	    .is_forwarded = from->is_forwarded };
	enum err err;

	if ((err = make_room(e)) != ERR_OK ||
	    (err = queue_envelope_dup(e, &r.address, from->address)) != ERR_OK ||
	    (err = queue_envelope_dup(e, &r.orcpt, from->orcpt)) != ERR_OK)
		return err;
	r.original = r.address;		/* the usual case shares its bytes */
	if (!slice_eq(from->address, from->original) &&
	    (err = queue_envelope_dup(e, &r.original, from->original)) != ERR_OK)
		return err;
	e->rcpts[e->rcpt_count++] = r;
	return ERR_OK;
}

static void
note_text(struct queue_envelope *e, struct queue_text *t, struct slice s, size_t max)
{
	size_t i, room;

	s = slice_head(s, max);
	t->n = 0;
	if (s.n > t->room) {
		room = (s.n + TEXT_STEP - 1) / TEXT_STEP * TEXT_STEP;
		t->p = arena_alloc(&e->mem, 1, room);
		t->room = t->p != NULL ? (uint16_t)room : 0;
	}
	if (s.n > t->room)
		return;		/* a text less, nothing else */
	for (i = 0; i < s.n; i++)
		t->p[i] = ascii_is_print(s.p[i]) ? s.p[i] : '?';
	t->n = (uint16_t)s.n;
}

void
queue_envelope_note(struct queue_envelope *e, struct queue_rcpt *r, struct slice dsn,
    struct slice reason)
{
	dsn = slice_head(dsn, QUEUE_DSN_MAX);
	if (dsn.n > 0)
		memcpy(r->dsn, dsn.p, dsn.n);
	r->dsn_n = (uint8_t)dsn.n;
	note_text(e, &r->reason, reason, QUEUE_REASON_MAX);
}

void
queue_envelope_note_host(struct queue_envelope *e, struct queue_rcpt *r, struct slice host,
    struct slice reply)
{
	note_text(e, &r->host, host, QUEUE_HOST_MAX);
	note_text(e, &r->reply, reply, QUEUE_REPLY_MAX);
}

struct slice
queue_envelope_orig_to(const struct queue_rcpt *r)
{
	return slice_ieq(r->original, r->address) ? SLICE_NONE : r->original;
}

struct slice
queue_envelope_kind(const struct queue_envelope *e)
{
	static const char *const names[QUEUE_KINDS] = { [QUEUE_KIND_MAIL] = "mail",
		[QUEUE_KIND_CMTP1] = "CMTP 1", [QUEUE_KIND_CMTP2] = "CMTP 2" };

	return slice_str(names[e->kind]);
}

struct slice
queue_envelope_text(const struct queue_text *t)
{
	return slice_of(t->p, t->n);
}

struct slice
queue_envelope_sender(const struct queue_envelope *e, const struct queue_rcpt *r)
{
	return r->is_forwarded ? e->forward_sender : e->sender;
}

struct slice
queue_envelope_dsn(const struct queue_rcpt *r)
{
	return slice_of(r->dsn, r->dsn_n);
}

struct slice
queue_envelope_reason(const struct queue_rcpt *r)
{
	return queue_envelope_text(&r->reason);
}

uint32_t
queue_envelope_pending(const struct queue_envelope *e)
{
	uint32_t i, n = 0;

	for (i = 0; i < e->rcpt_count; i++)
		n += e->rcpts[i].status == QUEUE_RCPT_PENDING;
	return n;
}

static void
put_rcpt(struct buf *b, const struct queue_rcpt *r)
{
	ipc_put_u8(b, r->notify);
	ipc_put_u8(b, r->class);
	ipc_put_u8(b, r->is_forwarded ? FORWARDED : 0);
	ipc_put_var(b, r->address, STRING_MAX);
	ipc_put_var(b, r->original, STRING_MAX);
	ipc_put_var(b, r->orcpt, STRING_MAX);
}

void
queue_envelope_put(struct buf *b, const struct queue_envelope *e)
{
	uint32_t i;

	ipc_put_u8(b, ENVELOPE_FORMAT);
	ipc_put_u64(b, e->session);
	ipc_put_u64(b, e->arrival_ms);
	ipc_put_u64(b, e->size);
	ipc_put_u8(b, e->flags);
	ipc_put_u8(b, e->kind);
	ipc_put_u8(b, e->form);
	if (e->form == QUEUE_FORM_FILE)
		buf_put(b, e->file_key, sizeof(e->file_key));
	ipc_put_var(b, e->sender, STRING_MAX);
	ipc_put_var(b, e->client, STRING_MAX);
	ipc_put_var(b, e->helo, STRING_MAX);
	ipc_put_var(b, e->envid, STRING_MAX);
	ipc_put_var(b, e->message_id, STRING_MAX);
	ipc_put_var(b, e->forward_sender, STRING_MAX);
	ipc_put_u32(b, e->rcpt_count);
	for (i = 0; i < e->rcpt_count; i++)
		put_rcpt(b, &e->rcpts[i]);
}

static enum err
get_string(struct ipc_reader *r, struct queue_envelope *e, struct slice *dst)
{
	struct slice s = ipc_get_var(r, STRING_MAX);

	return r->bad ? ERR_CORRUPT : queue_envelope_dup(e, dst, s);
}

static enum err
get_rcpt(struct ipc_reader *r, struct queue_envelope *e, bool has_flags)
{
	struct queue_rcpt one = { 0 };

	one.notify = ipc_get_u8(r);
	one.class = ipc_get_u8(r);
	one.is_forwarded = has_flags && (ipc_get_u8(r) & FORWARDED);
	one.address = ipc_get_var(r, STRING_MAX);
	one.original = ipc_get_var(r, STRING_MAX);
	one.orcpt = ipc_get_var(r, STRING_MAX);
	if (r->bad || queue_envelope_add(e, &one) != ERR_OK ||
	    (one.class != QUEUE_LOCAL && one.class != QUEUE_REMOTE) ||
	    (one.is_forwarded && e->forward_sender.n == 0))
		return ERR_CORRUPT;
	return ERR_OK;
}

static enum err
get_rcpts(struct ipc_reader *r, struct queue_envelope *e, uint8_t format)
{
	uint32_t i, count = ipc_get_u32(r);

	if (r->bad || count > QUEUE_RCPTS_MAX)
		return ERR_CORRUPT;
	for (i = 0; i < count; i++)
		if (get_rcpt(r, e, format != ENVELOPE_OLD) != ERR_OK)
			return ERR_CORRUPT;
	return ERR_OK;
}

enum err
queue_envelope_get(struct slice s, struct queue_envelope *e)
{
	struct ipc_reader r = ipc_reader_of(s);
	uint8_t format = ipc_get_u8(&r);

	if (format < ENVELOPE_OLD || format > ENVELOPE_FORMAT)
		return ERR_CORRUPT;
	e->session = ipc_get_u64(&r);
	e->arrival_ms = ipc_get_u64(&r);
	e->size = ipc_get_u64(&r);
	e->flags = ipc_get_u8(&r);
	e->kind = format > ENVELOPE_NO_KIND ? ipc_get_u8(&r) : QUEUE_KIND_MAIL;
	e->form = ipc_get_u8(&r);
	if (r.bad || e->kind >= QUEUE_KINDS || (e->form != QUEUE_FORM_MEMFD && e->form != QUEUE_FORM_FILE))
		return ERR_CORRUPT;
	if (e->form == QUEUE_FORM_FILE) {
		if ((size_t)(r.end - r.p) < sizeof(e->file_key))
			return ERR_CORRUPT;
		memcpy(e->file_key, r.p, sizeof(e->file_key));
		r.p += sizeof(e->file_key);
	}
	if (get_string(&r, e, &e->sender) != ERR_OK ||
	    get_string(&r, e, &e->client) != ERR_OK ||
	    get_string(&r, e, &e->helo) != ERR_OK ||
	    get_string(&r, e, &e->envid) != ERR_OK ||
	    get_string(&r, e, &e->message_id) != ERR_OK ||
	    (format != ENVELOPE_OLD && get_string(&r, e, &e->forward_sender) != ERR_OK) ||
	    get_rcpts(&r, e, format) != ERR_OK || ipc_reader_done(&r) != ERR_OK)
		return ERR_CORRUPT;
	return ERR_OK;
}

static void
put_rcpt_state(struct buf *b, const struct queue_rcpt *r)
{
	ipc_put_u8(b, r->status);
	ipc_put_u8(b, (uint8_t)((r->notified ? NOTIFIED : 0) |
	    (r->dsn_taken ? DSN_TAKEN : 0) | (r->is_broken ? BROKEN : 0) |
	    (r->told_broken ? TOLD_BROKEN : 0)));
	ipc_put_u64(b, r->last_ms);
	ipc_put_var(b, queue_envelope_dsn(r), QUEUE_DSN_MAX);
	ipc_put_var(b, queue_envelope_reason(r), QUEUE_REASON_MAX);
	ipc_put_var(b, queue_envelope_text(&r->host), QUEUE_HOST_MAX);
	ipc_put_var(b, queue_envelope_text(&r->reply), QUEUE_REPLY_MAX);
}

/* pending is ahead of the recipients so that the start needs no envelope. */
void
queue_envelope_put_progress(struct buf *b, const struct queue_envelope *e,
    const struct queue_progress *p)
{
	uint32_t i, fixed = e->rcpt_count - e->added_count;

	ipc_put_u8(b, PROGRESS_FORMAT);
	ipc_put_u32(b, p->attempts);
	ipc_put_u32(b, p->lost);
	ipc_put_u64(b, p->next_ms);
	ipc_put_u32(b, queue_envelope_pending(e));
	ipc_put_u8(b, p->was_warned ? WAS_WARNED : 0);
	ipc_put_u32(b, fixed);
	for (i = 0; i < fixed; i++)
		put_rcpt_state(b, &e->rcpts[i]);
	ipc_put_u32(b, e->added_count);
	if (e->added_count > 0)
		ipc_put_var(b, e->forward_sender, STRING_MAX);
	for (; i < e->rcpt_count; i++) {
		put_rcpt(b, &e->rcpts[i]);
		put_rcpt_state(b, &e->rcpts[i]);
	}
}

static enum err
get_front(struct ipc_reader *r, struct queue_progress *p, uint32_t *pending,
    uint8_t *format)
{
	*format = ipc_get_u8(r);
	if (*format < PROGRESS_OLD || *format > PROGRESS_FORMAT)
		return ERR_CORRUPT;
	p->attempts = ipc_get_u32(r);
	p->lost = ipc_get_u32(r);
	p->next_ms = ipc_get_u64(r);
	*pending = ipc_get_u32(r);
	p->was_warned = *format != PROGRESS_OLD && (ipc_get_u8(r) & WAS_WARNED);
	return r->bad ? ERR_CORRUPT : ERR_OK;
}

enum err
queue_envelope_peek_progress(struct slice s, struct queue_progress *p, uint32_t *pending)
{
	struct ipc_reader r = ipc_reader_of(s);
	uint8_t format;

	return get_front(&r, p, pending, &format);
}

static enum err
get_rcpt_state(struct ipc_reader *rd, struct queue_envelope *e, struct queue_rcpt *r,
    uint8_t format)
{
	struct slice dsn, reason, host = SLICE_NONE, reply = SLICE_NONE;
	uint8_t flags;

	r->status = ipc_get_u8(rd);
	if (format == PROGRESS_OLD)
		flags = ipc_get_bool(rd) ? NOTIFIED : 0;
	else {
		flags = ipc_get_u8(rd);
		r->last_ms = ipc_get_u64(rd);
	}
	dsn = ipc_get_var(rd, QUEUE_DSN_MAX);
	reason = ipc_get_var(rd, QUEUE_REASON_MAX);
	if (format != PROGRESS_OLD) {
		host = ipc_get_var(rd, QUEUE_HOST_MAX);
		reply = ipc_get_var(rd, QUEUE_REPLY_MAX);
	}
	if (rd->bad || r->status > QUEUE_RCPT_MOVED)
		return ERR_CORRUPT;
	r->notified = flags & NOTIFIED;
	r->dsn_taken = flags & DSN_TAKEN;
	r->is_broken = flags & BROKEN;
	r->told_broken = flags & TOLD_BROKEN;
	queue_envelope_note(e, r, dsn, reason);
	queue_envelope_note_host(e, r, host, reply);
	return ERR_OK;
}

/* Those that the envelope does not have, with their state. */
static enum err
get_added(struct ipc_reader *r, struct queue_envelope *e)
{
	uint32_t i, count = ipc_get_u32(r);
	struct slice sender;

	if (r->bad || count > QUEUE_RCPTS_MAX)
		return ERR_CORRUPT;
	if (count == 0)
		return ERR_OK;
	sender = ipc_get_var(r, STRING_MAX);
	if (r->bad || (e->forward_sender.n == 0 &&
	    queue_envelope_dup(e, &e->forward_sender, sender) != ERR_OK))
		return ERR_CORRUPT;
	for (i = 0; i < count; i++) {
		if (get_rcpt(r, e, true) != ERR_OK)
			return ERR_CORRUPT;
		e->added_count++;
		if (get_rcpt_state(r, e, &e->rcpts[e->rcpt_count - 1],
		    PROGRESS_FORMAT) != ERR_OK)
			return ERR_CORRUPT;
	}
	return ERR_OK;
}

static enum err
get_progress(struct slice s, struct queue_envelope *e,
    struct queue_progress *p)
{
	struct ipc_reader r = ipc_reader_of(s);
	uint32_t i, pending;
	uint8_t format;

	if (get_front(&r, p, &pending, &format) != ERR_OK ||
	    ipc_get_u32(&r) != e->rcpt_count)
		return ERR_CORRUPT;
	for (i = 0; i < e->rcpt_count; i++)
		if (get_rcpt_state(&r, e, &e->rcpts[i], format) != ERR_OK)
			return ERR_CORRUPT;
	if (format == PROGRESS_FORMAT && get_added(&r, e) != ERR_OK)
		return ERR_CORRUPT;
	if (ipc_reader_done(&r) != ERR_OK || pending != queue_envelope_pending(e))
		return ERR_CORRUPT;
	return ERR_OK;
}

/* Half of it would be worse than nothing: somebody might get no copy. */
enum err
queue_envelope_get_progress(struct slice s, struct queue_envelope *e,
    struct queue_progress *p)
{
	uint32_t i, before = e->rcpt_count;
	enum err err = get_progress(s, e, p);

	if (err != ERR_OK) {
		e->rcpt_count = before;
		e->added_count = 0;
	}
	for (i = 0; err != ERR_OK && i < e->rcpt_count; i++) {
		e->rcpts[i].status = QUEUE_RCPT_PENDING;
		e->rcpts[i].notified = false;
		e->rcpts[i].dsn_taken = false;
	}
	return err;
}
