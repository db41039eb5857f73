/* SPDX-License-Identifier: ISC */
/*
 * A client's bytes in pieces; the first byte says how large, and what keyd
 * answers.  What comes out is bounded, and a session that ended stays so.
 */
#include <string.h>

#include "cmtpd/cmtp_session.h"
#include "lib/base/must.h"
#include "lib/ipc/queue_proto.h"
#include "lib/mail/addr.h"

#define MSG_ID	77

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum err
user_key(void *arg, struct slice user)
{
	unsigned *asked = arg;

	must(user.n > 0 && user.n <= CMTP_USER_MAX);
	return ++*asked % 3 == 0 ? ERR_GONE : ERR_OK;
}

static bool
is_ours(void *arg, struct slice domain)
{
	(void)arg;
	return domain.n % 2 == 0;
}

/* Of every answer that queue can give. */
static enum err
queue_says(unsigned *asked)
{
	static const enum err all[] = { ERR_OK, ERR_OK, ERR_OK, ERR_GONE, ERR_OK, ERR_FULL };

	return all[++*asked % lengthof(all)];
}

static enum err
on_open(void *arg, const struct cmtp_open *o)
{
	must(o->sender.n <= ADDR_TEXT_MAX && o->kind == QUEUE_KIND_CMTP1);
	return queue_says(arg);
}

static enum err
on_rcpt(void *arg, uint64_t msg, struct slice rcpt)
{
	must(msg == MSG_ID && rcpt.n > 0 && rcpt.n <= ADDR_TEXT_MAX);
	return queue_says(arg);
}

static enum err
on_body(void *arg, uint64_t msg, struct slice bytes)
{
	unsigned *asked = arg;

	must(msg == MSG_ID && bytes.n > 0);
	return ++*asked % 7 == 0 ? ERR_FULL : *asked % 3 == 0 ? ERR_AGAIN : ERR_OK;
}

static enum err
on_commit(void *arg, uint64_t msg)
{
	must(msg == MSG_ID);
	return queue_says(arg);
}

static void
on_abort(void *arg, uint64_t msg)
{
	(void)arg;
	must(msg == MSG_ID);
}

static uint64_t
real_s(void *arg)
{
	(void)arg;
	return 1795183331;
}

static const struct cmtp_env env = {
	.user_key = user_key, .is_ours = is_ours, .open = on_open, .rcpt = on_rcpt,
	.body = on_body, .commit = on_commit, .abort = on_abort, .real_s = real_s,
};

static bool
is_waiting(const struct cmtp_session *s)
{
	return s->is_paused || s->mode == CMTP_WAIT_KEY || s->mode == CMTP_WAIT_OPEN ||
	    s->mode == CMTP_WAIT_RCPT || s->mode == CMTP_WAIT_COMMIT;
}

static void
answer(struct cmtp_session *s, unsigned n)
{
	static const unsigned char key[CMTP_KEY_BYTES], sig[CMTP_SIG_BYTES];

	const struct cmtp_refusal no = { ERR_NOTFOUND, SLICE_NONE, SLICE_NONE };

	if (s->is_paused)
		cmtp_session_resume(s);
	if (s->mode != CMTP_WAIT_KEY && n % 11 == 0)
		cmtp_session_on_refused(s, &no);
	else if (s->mode == CMTP_WAIT_OPEN)
		cmtp_session_on_opened(s, MSG_ID);
	else if (s->mode == CMTP_WAIT_RCPT)
		cmtp_session_on_rcpt_ok(s);
	else if (s->mode == CMTP_WAIT_COMMIT)
		cmtp_session_on_committed(s);
	else if (n % 2 == 0)
		cmtp_session_on_key(s, ERR_OK, key, sig);
	else
		cmtp_session_on_key(s, ERR_NOTFOUND, NULL, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct cmtp_limits limits = { .message_bytes = 5000 };
	const struct cmtp_self self = { .is_known = true };
	const struct cmtp_service service = { &limits, &self, 50, "mx.example", "example" };
	unsigned asked = 0;
	struct cmtp_session s = { .service = &service, .env = &env, .arg = &asked };
	struct slice in, piece;
	size_t used;

	if (n < 1)
		return 0;
	in = slice_of(data + 1, n - 1);
	cmtp_session_start(&s);
	while (in.n > 0 && s.mode != CMTP_CLOSED) {
		piece = slice_head(in, data[0] + 1u);
		used = cmtp_session_feed(&s, piece);
		must(used <= piece.n && s.out.n <= CMTP_OUT_MAX && !s.out.full);
		in = slice_from(in, used);
		if (is_waiting(&s))
			answer(&s, asked);
		else if (!cmtp_session_can_read(&s) && s.mode != CMTP_CLOSED)
			buf_reset(&s.out);
		else
			must(used == piece.n || s.mode == CMTP_CLOSED);
	}
	if (s.mode == CMTP_CLOSED)
		must(s.end != NULL && cmtp_session_feed(&s, SLICE_LIT("NOOP\0")) == 0);
	cmtp_session_fini(&s);
	return 0;
}
