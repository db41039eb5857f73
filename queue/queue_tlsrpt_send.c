/* SPDX-License-Identifier: ISC */
#include "queue/queue_tlsrpt_send.h"

#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_body.h"
#include "queue/queue_msg.h"
#include "queue/queue_run.h"

/* One report on its way to one address. */
struct sending {
	struct queue_tlsrpt_entry	*entry;
	unsigned			 place;
};

static struct sending *
new_sending(struct queue_tlsrpt_entry *e, unsigned place)
{
	struct sending *s = must_alloc(1, sizeof(*s));

	*s = (struct sending){ e, place };
	return s;
}

static void
end_sending(struct sending *s, enum err e, const char *why)
{
	struct sending done = *s;

	free(s);
	queue_tlsrpt_sent(done.entry, done.place, e, why);
}

static bool
is_ready(void *arg)
{
	return queue_run_is_ready(arg);
}

/* ---- mail ---- */

static enum err
add_rcpt(void *arg, struct slice to, uint8_t class, const struct queue_account *a,
    bool forwarded)
{
	struct queue_msg *b = arg;
	const struct queue_rcpt r = { .address = to, .original = to, .class = class,
	    .notify = QUEUE_NOTIFY_NEVER };

	(void)a;
	(void)forwarded;
	return queue_envelope_add(&b->env, &r);
}

static enum err
make_body(struct queue_msg *b, const struct tls_report *r, struct slice to, struct slice gzip)
{
	struct buf text;
	enum err e;
	int fd;

	buf_init(&text, TLS_REPORT_MAIL_MAX);
	tls_report_put_mail(&text, r, to, gzip);
	e = buf_err(&text);
	if (e == ERR_OK)
		e = queue_body_make_memfd(buf_slice(&text), &fd);
	if (e == ERR_OK) {
		b->env.form = QUEUE_FORM_MEMFD;
		b->env.size = text.n;
		/* RFC 8460 s3: it is sent whatever TLS brings. */
		b->env.flags = QUEUE_TLS_OPTIONAL;
		queue_msg_take_fd(b, fd);
	}
	buf_fini(&text);
	return e;
}

static void
on_accepted(void *arg, enum err e)
{
	end_sending(arg, e, e == ERR_OK ? "" : err_text(e));
}

static void
mail(void *arg, struct slice to, const struct tls_report *r, struct slice gzip,
    struct queue_tlsrpt_entry *entry, unsigned place)
{
	struct queue *q = arg;
	struct queue_msg *b = queue_msg_new(q);
	struct queue_refusal why;
	enum err e;

	b->env.arrival_ms = loop_real_ms(q->loop);
	b->env.id = queue_core_make_id(q, b->env.arrival_ms);
	e = queue_resolve_rcpt(&q->resolver, to, true, add_rcpt, b, &why);
	if (e == ERR_OK)
		e = queue_envelope_dup(&b->env, &b->env.sender, slice_str(r->contact));
	if (e == ERR_OK)
		e = make_body(b, r, to, gzip);
	if (e == ERR_OK) {
		queue_msg_start(b, on_accepted, new_sending(entry, place));
		return;
	}
	queue_msg_free(&b);
	queue_tlsrpt_sent(entry, place, e, err_text(e));
}

/* ---- post ---- */

static void
on_posted(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_tlsrpt_posted *m = msg;
	char why[256] = "";

	(void)in;
	if (e == ERR_OK && type != IPC_MSG_tlsrpt_posted)
		e = ERR_AGAIN;
	if (e != ERR_OK) {
		end_sending(arg, ERR_AGAIN, err_text(e));
		return;
	}
	(void)slice_to_cstr(slice_head(m->reason, sizeof(why) - 1), why, sizeof(why));
	/* A server may be mended within a day; what is no URI will not. */
	end_sending(arg, m->error == ERR_OK || m->error == ERR_SYNTAX ? m->error : ERR_AGAIN, why);
}

static void
post(void *arg, struct slice uri, struct slice gzip, struct queue_tlsrpt_entry *entry,
    unsigned place)
{
	const struct ipc_tlsrpt_post m = { .uri = uri, .report = gzip };
	struct queue *q = arg;
	struct sending *s;
	enum err e;

	if (q->relay_count == 0) {
		queue_tlsrpt_sent(entry, place, ERR_AGAIN, "no relay process");
		return;
	}
	s = new_sending(entry, place);
	e = ipc_call(q->relays[hash_slice(uri) % q->relay_count], IPC_MSG_tlsrpt_post, &m, NULL,
	    0, loop_now(q->loop) + QUEUE_TLSRPT_POST_MS, on_posted, s, NULL);
	if (e != ERR_OK)
		end_sending(s, ERR_AGAIN, err_text(e));
}

/* ---- to relay ---- */

static void
kept(void *arg, void *whose, uint64_t request, bool is_kept)
{
	const struct ipc_tlsrpt_kept m = { .is_kept = is_kept };

	(void)arg;
	ipc_reply(whose, request, IPC_MSG_tlsrpt_kept, &m);
}

const struct queue_tlsrpt_ops queue_tlsrpt_send_ops = {
	.is_ready = is_ready, .mail = mail, .post = post, .kept = kept
};
