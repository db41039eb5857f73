/* SPDX-License-Identifier: ISC */
#include "queue/queue_notify.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_body.h"
#include "queue/queue_forward.h"
#include "queue/queue_msg.h"

static enum err
add_rcpt(void *arg, struct slice address, uint8_t class, const struct queue_account *a,
    bool forwarded)
{
	struct queue_msg *b = arg;
	const struct queue_rcpt r = { .address = address, .original = address,
	    .class = class, .notify = QUEUE_NOTIFY_NEVER };

	(void)a;
	(void)forwarded;	/* a null sender is not rewritten */
	return queue_envelope_add(&b->env, &r);
}

/* One notification on its way. */
struct notice {
	struct queue_msg	*m;
	enum queue_notice	 kind;
};

static enum err
make_body(const struct queue_bounce *in, struct queue_msg *b)
{
	struct buf text;
	enum err e;
	int fd;

	buf_init(&text, QUEUE_BOUNCE_MAX);
	queue_bounce_put(&text, in);
	e = buf_err(&text);
	if (e == ERR_OK)
		e = queue_body_make_memfd(buf_slice(&text), &fd);
	if (e == ERR_OK) {
		b->env.form = QUEUE_FORM_MEMFD;
		b->env.size = text.n;
		b->env.flags = (uint8_t)((queue_bounce_is_8bit(in) ? QUEUE_8BITMIME : 0) |
		    (queue_bounce_is_utf8(in) ? QUEUE_SMTPUTF8 : 0));
		queue_msg_take_fd(b, fd);
	}
	buf_wipe(&text);
	buf_fini(&text);
	return e;
}

/* The text as a descriptor of the new message. */
static enum err
write_text(const struct queue_msg *m, struct queue_msg *b, enum queue_notice kind)
{
	const struct queue_body body = { .fd = m->fd, .form = m->env.form,
	    .size = m->env.size, .key = m->env.file_key };
	struct queue_bounce in = { .env = &m->env, .kind = kind, .hostname = m->q->hostname,
	    .now_ms = b->env.arrival_ms, .expiry_ms = queue_msg_expiry(m), .id = b->env.id,
	    .random = cry_random_u64(), .words = queue_texts_find(m->q->texts, m->env.sender),
	    .facts = { m->q->hostname, m->q->sched.lifetime_ms, m->q->limits.warning_ms } };
	size_t max = QUEUE_BOUNCE_FULL_MAX, got = 0;
	char *start = must_alloc(1, max);
	enum err e;

	/* Without its header the notification still says what it must. */
	if (m->fd < 0 || queue_body_read_start(&body, start, max, &got) != ERR_OK)
		got = 0;
	in.header = queue_bounce_header(slice_of(start, got), QUEUE_BOUNCE_HEADER_MAX);
	if (queue_bounce_wants_full(&m->env, kind) && got == m->env.size)
		in.full = slice_of(start, got);
	e = make_body(&in, b);
	/* Words are never why nobody is told. */
	if (e == ERR_FULL && in.words != NULL) {
		in.words = NULL;
		e = make_body(&in, b);
	}
	secret_wipe(start, max);
	free(start);
	return e;
}

static void
on_accepted(void *arg, enum err e)
{
	struct notice *n = arg;
	struct queue_msg *m = n->m;
	struct queue *q = m->q;

	m->is_notifying = false;
	q->notices--;
	queue_bounce_told(&m->env, n->kind, e == ERR_OK);
	if (e == ERR_OK) {
		m->was_warned |= n->kind == QUEUE_NOTICE_DELAY;
		m->has_changed = true;
	} else
		m->notify_failed = true;
	free(n);
	queue_msg_settle(m);
	queue_line_go(q);	/* too many of them may have stopped it */
}

/* Nobody can be told: nothing more can be done. */
static void
give_up(struct notice *n, const struct queue_refusal *why)
{
	const struct queue_msg *m = n->m;

	log_event(LOG_bounced, log_id("m", m->env.id), log_addr("to", m->env.sender),
	    log_str("dsn", why->dsn), log_str("reason", "the sender cannot be told"));
	on_accepted(n, ERR_OK);
}

bool
queue_notify_is_wanted(const struct queue_msg *m, enum queue_notice kind)
{
	uint32_t i;

	for (i = 0; i < m->env.rcpt_count; i++)
		if (queue_bounce_is_wanted(&m->env, &m->env.rcpts[i], kind))
			return true;
	return false;
}

void
queue_notify_start(struct queue_msg *m, enum queue_notice kind)
{
	struct queue *q = m->q;
	struct queue_msg *b = queue_msg_new(q);
	struct notice *n = must_alloc(1, sizeof(*n));
	struct queue_refusal why;
	enum err e;

	m->is_notifying = true;
	q->notices++;
	n->m = m;
	n->kind = kind;
	(void)queue_bounce_choose(&m->env, kind);
	b->env.session = m->env.session;
	b->env.arrival_ms = loop_real_ms(q->loop);
	b->env.id = queue_core_make_id(q, b->env.arrival_ms);
	e = queue_forward_resolve(q, m->env.sender, true, add_rcpt, b, &why);
	if (e != ERR_OK) {
		queue_msg_free(&b);
		if (err_class(e) == ERR_CLASS_PERM)
			give_up(n, &why);
		else
			on_accepted(n, e);
		return;
	}
	if ((e = write_text(m, b, kind)) != ERR_OK) {
		queue_msg_free(&b);
		on_accepted(n, e);
		return;
	}
	queue_msg_start(b, on_accepted, n);
}
