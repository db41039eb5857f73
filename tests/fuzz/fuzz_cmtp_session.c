/* SPDX-License-Identifier: ISC */
/*
 * A client's bytes in pieces; the first byte says how large, and what keyd
 * answers; large ones are inside TLS, odd ones have a pact.  What comes out is
 * bounded, and a session that ended stays so.
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

/* Only of what is not ours, and for who has logged in. */
static enum err
far_key(void *arg, struct slice user, struct slice domain)
{
	unsigned *asked = arg;

	must(user.n > 0 && user.n <= CMTP_PARAM_MAX && domain.n <= CMTP_PARAM_MAX);
	must(domain.n % 2 == 1);
	return ++*asked % 3 == 0 ? ERR_GONE : ERR_OK;
}

static enum err
far_keys(void *arg, struct slice user, struct slice domain, uint64_t known)
{
	unsigned *asked = arg;

	(void)known;
	must(user.n <= CMTP_PARAM_MAX && domain.n % 2 == 1);
	return ++*asked % 3 == 0 ? ERR_GONE : ERR_OK;
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
	must(o->sender.n <= ADDR_TEXT_MAX);
	must(o->kind == QUEUE_KIND_CMTP1 || o->kind == QUEUE_KIND_CMTP2);
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
	return 1795001000;	/* when the vectors were sent */
}

static enum err
on_keys(void *arg, struct slice user, uint64_t known)
{
	(void)known;
	must(user.n > 0 && user.n <= CMTP_USER_MAX);
	return queue_says(arg);
}

static enum err
on_sign(void *arg, enum cmtp2_purpose purpose, const struct cmtp_sign *s)
{
	must(purpose == CMTP2_KEY_REPLY || purpose == CMTP2_MAIL_REPLY);
	must(s->count == (purpose == CMTP2_KEY_REPLY ? 4 : 5));
	return queue_says(arg);
}

static enum err
on_find(void *arg, struct slice domain, uint64_t serial)
{
	(void)serial;
	must(domain.n > 0 && domain.n <= CMTP_PARAM_MAX);
	return queue_says(arg);
}

static enum err
on_weigh(void *arg, const struct cmtp2_price *p, const unsigned char *digest, uint64_t counter)
{
	(void)digest;
	(void)counter;
	must(p->kib == 8);
	return queue_says(arg);
}

static enum err
on_xzibit(void *arg, struct slice user)
{
	must(user.n <= CMTP_PARAM_MAX);
	return queue_says(arg);
}

static enum err
on_enter(void *arg, const struct cmtp_enter *e)
{
	must(e->user.n <= CMTP_PARAM_MAX && e->password.n <= CMTP_PARAM_MAX);
	must(e->bundle.n <= CMTP2_BUNDLE_MAX && e->fixed.n >= CMTP2_REQUEST_BYTES);
	must((e->verb == CMTP_PROOF2 || e->verb == CMTP_RECORD2) == (e->state.n > 0));
	return queue_says(arg);
}

static const struct cmtp_env env = {
	.user_key = user_key, .far_key = far_key, .far_keys = far_keys, .is_ours = is_ours,
	.open = on_open, .rcpt = on_rcpt,
	.body = on_body, .commit = on_commit, .abort = on_abort, .real_s = real_s,
	.keys = on_keys, .sign = on_sign, .find = on_find, .weigh = on_weigh,
	.xzibit = on_xzibit, .enter = on_enter,
};

static bool
is_waiting(const struct cmtp_session *s)
{
	return s->is_paused || (s->mode != CMTP_READING && s->mode != CMTP_DRAINING &&
	    s->mode != CMTP_CLOSED);
}

static const unsigned char sig[CMTP_SIG_BYTES];

/* The sending server's key is that of the vectors. */
static void
sender_key(unsigned char out[CRY_KEY_BYTES])
{
	unsigned char seed[32], secret_key[CRY_ED_SECRET_BYTES];

	for (unsigned i = 0; i < sizeof(seed); i++)
		seed[i] = (unsigned char)(0xa0 + i);
	cry_ed_pair(out, secret_key, seed);
}

/* Of version 2. */
static void
answer2(struct cmtp_session *s, unsigned n)
{
	const struct cmtp_keys none = { .status = CMTP2_NONE };
	struct cmtp_sender sender = { .first_s = n };

	sender_key(sender.sign);
	if (s->mode == CMTP_WAIT_KEYS || s->mode == CMTP_WAIT_FAR_KEYS)
		cmtp_session_on_keys(s, n % 3 == 0 ? ERR_LIMIT : ERR_OK, &none);
	else if (s->mode == CMTP_WAIT_SENDER)
		cmtp_session_on_found(s, n % 5 == 0 ? ERR_NOTFOUND : ERR_OK, &sender);
	else if (s->mode == CMTP_WAIT_POSTAGE)
		cmtp_session_on_weighed(s, n % 3 == 0 ? ERR_NOTFOUND : ERR_OK);
	else
		cmtp_session_on_signed(s, n % 7 == 0 ? ERR_TIMEOUT : ERR_OK, sig);
}

static void
answer_login(struct cmtp_session *s, unsigned n)
{
	static const char bytes[CMTP2_BUNDLE_MAX];
	enum err e = n % 5 == 0 ? ERR_AUTH : ERR_OK;

	if (s->mode == CMTP_WAIT_XZIBIT)
		cmtp_session_on_xzibit(s, e, slice_of(bytes, CMTP_XZIBIT_BYTES), sig);
	else
		cmtp_session_on_entered(s, e, slice_of(bytes, sizeof(bytes)), SLICE_LIT("state"));
}

static void
answer(struct cmtp_session *s, unsigned n)
{
	static const unsigned char key[CMTP_KEY_BYTES];
	const struct cmtp_refusal no = { ERR_NOTFOUND, SLICE_NONE, SLICE_NONE };

	if (s->is_paused)
		cmtp_session_resume(s);
	if (s->mode >= CMTP_WAIT_KEYS && s->mode <= CMTP_WAIT_SIGN)
		answer2(s, n);
	else if (s->mode == CMTP_WAIT_XZIBIT || s->mode == CMTP_WAIT_ENTER)
		answer_login(s, n);
	else if (s->mode != CMTP_WAIT_KEY && s->mode != CMTP_WAIT_FAR_KEY && n % 11 == 0)
		cmtp_session_on_refused(s, &no);
	else if (s->mode == CMTP_WAIT_OPEN)
		cmtp_session_on_opened(s, MSG_ID);
	else if (s->mode == CMTP_WAIT_RCPT)
		cmtp_session_on_rcpt_ok(s, NULL);
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
	const unsigned char secret[CRY_KEY_BYTES] = { 1 };
	const struct cmtp_service service = { .limits = &limits, .self = &self,
	    .takes_mail = n % 8 != 1, .gives_xzibits = n % 8 != 2, .junk_commands = 50,
	    .hostname = "mx.example", .domain = "example",
	    .postage = n > 0 ? (enum cmtp_postage)(data[0] / 64 % 3) : CMTP_POSTAGE_OFF,
	    .price = { .bits = 6, .kib = 8, .passes = 1 }, .postage_secret = secret };
	unsigned asked = 0;
	struct cmtp_session s = { .service = &service, .env = &env, .arg = &asked };
	struct slice in, piece;
	size_t used;

	if (n < 1)
		return 0;
	cry_init();
	in = slice_of(data + 1, n - 1);
	s.tls_version = data[0] >= 32 ? "TLSv1.3" : NULL;
	s.tls_cipher = s.tls_version != NULL ? "TLS_AES_128_GCM_SHA256" : NULL;
	cmtp_session_start(&s);
	if (data[0] % 2 == 1) {
		s.pact = (struct cmtp2_pact){ .stands = true, .key = { 7 } };
		sender_key(s.pact.client_sign);
	}
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
