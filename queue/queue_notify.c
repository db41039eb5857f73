/* SPDX-License-Identifier: ISC */
#include "queue/queue_notify.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_body.h"
#include "queue/queue_bounce.h"
#include "queue/queue_msg.h"

static enum err
add_rcpt(void *arg, struct slice address, uint8_t class, const struct queue_account *a)
{
	struct queue_msg *b = arg;
	const struct queue_rcpt r = { .address = address, .original = address,
	    .class = class, .notify = QUEUE_NOTIFY_NEVER };

	(void)a;
	return queue_envelope_add(&b->env, &r);
}

/* The text as a descriptor of the new message. */
static enum err
write_text(const struct queue_msg *m, struct queue_msg *b)
{
	const struct queue_body body = { .fd = m->fd, .form = m->env.form,
	    .size = m->env.size, .key = m->env.file_key };
	struct queue_bounce in = { .env = &m->env, .hostname = m->q->hostname,
	    .now_ms = b->env.arrival_ms, .id = b->env.id, .random = cry_random_u64() };
	char *start = must_alloc(1, QUEUE_BOUNCE_HEADER_MAX);
	struct buf text;
	size_t got = 0;
	enum err e;
	int fd;

	/* Without its header the notification still says what it must. */
	if (queue_body_read_start(&body, start, QUEUE_BOUNCE_HEADER_MAX, &got) != ERR_OK)
		got = 0;
	in.header = queue_bounce_header(slice_of(start, got), QUEUE_BOUNCE_HEADER_MAX);
	buf_init(&text, QUEUE_BOUNCE_MAX);
	queue_bounce_put(&text, &in);
	e = buf_err(&text);
	if (e == ERR_OK)
		e = queue_body_make_memfd(buf_slice(&text), &fd);
	if (e == ERR_OK) {
		b->env.form = QUEUE_FORM_MEMFD;
		b->env.size = text.n;
		queue_msg_take_fd(b, fd);
	}
	buf_wipe(&text);
	buf_fini(&text);
	secret_wipe(start, QUEUE_BOUNCE_HEADER_MAX);
	free(start);
	return e;
}

static void
on_accepted(void *arg, enum err e)
{
	struct queue_msg *m = arg;

	m->is_notifying = false;
	if (e == ERR_OK) {
		queue_bounce_told(&m->env);
		m->has_changed = true;
	} else
		m->notify_failed = true;
	queue_msg_settle(m);
}

/* Nobody can be told: nothing more can be done. */
static void
give_up(struct queue_msg *m, const struct queue_refusal *why)
{
	log_event(LOG_bounced, log_id("m", m->env.id), log_addr("to", m->env.sender),
	    log_str("dsn", why->dsn), log_str("reason", "the sender cannot be told"));
	on_accepted(m, ERR_OK);
}

void
queue_notify_start(struct queue_msg *m)
{
	struct queue *q = m->q;
	struct queue_msg *b = queue_msg_new(q);
	struct queue_refusal why;
	enum err e;

	m->is_notifying = true;
	b->env.session = m->env.session;
	b->env.arrival_ms = loop_real_ms(q->loop);
	b->env.id = queue_core_make_id(q, b->env.arrival_ms);
	e = queue_resolve_rcpt(&q->resolver, m->env.sender, true, add_rcpt, b, &why);
	if (e != ERR_OK) {
		queue_msg_free(&b);
		if (err_class(e) == ERR_CLASS_PERM)
			give_up(m, &why);
		else
			on_accepted(m, e);
		return;
	}
	if ((e = write_text(m, b)) != ERR_OK) {
		queue_msg_free(&b);
		on_accepted(m, e);
		return;
	}
	queue_msg_start(b, on_accepted, m);
}
