/* SPDX-License-Identifier: ISC */
/*
 * KEYREQUEST2 and MAIL2, with the test in the place of keyd and queue: what
 * they are asked, what queue gets, and what the client hears, signed.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "cmtpd/cmtp_session.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp2_answer.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/cmtp_reply.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/seal.h"

#define MSG_ID	0x1234567
#define NOW	1795001000ull
#define OBJECT	500
#define TO_MAX	3

struct pair {
	unsigned char	 public_key[32];
	unsigned char	 secret_key[64];
};

static const struct cmtp_limits limits = { .message_bytes = 1000 };
static struct cmtp_self self;
static struct pair server, peer;
static const unsigned char secret[CRY_KEY_BYTES] = { 9 };
static struct cmtp_service service = { .limits = &limits, .self = &self,
    .junk_commands = 10, .hostname = "mx.example.test", .domain = "example.test",
    .price = { .bits = 3, .kib = 8, .passes = 1 }, .postage_secret = secret };

/* What was asked; the answers are given by the test. */
static struct {
	char		 user[600], sender[400], first[400], rcpt[TO_MAX][400], domain[300];
	uint64_t	 known, serial, later_s;
	uint8_t		 kind;
	unsigned	 opens, rcpts, commits, aborts, signs, finds, weighs;
	enum err	 error;		/* of each question */
	unsigned char	 sig[CMTP_SIG_BYTES];
	struct cmtp2_price price;
	unsigned char	 digest[CMTP_DIGEST_BYTES];
	uint64_t	 counter;
	struct buf	 body;
} q;

static bool
is_ours(void *arg, struct slice domain)
{
	(void)arg;
	return slice_eq_str(domain, "example.test");
}

static enum err
on_open(void *arg, const struct cmtp_open *o)
{
	(void)arg;
	q.opens++;
	q.kind = o->kind;
	assert_int_equal(o->size, OBJECT);
	assert_true(slice_to_cstr(o->sender, q.sender, sizeof(q.sender)));
	assert_true(slice_to_cstr(o->first, q.first, sizeof(q.first)));
	return q.error;
}

static enum err
on_rcpt(void *arg, uint64_t msg, struct slice rcpt)
{
	(void)arg;
	assert_int_equal(msg, MSG_ID);
	assert_true(q.rcpts < TO_MAX && slice_to_cstr(rcpt, q.rcpt[q.rcpts], 400));
	/* intake.h: what was told with open is asked for first. */
	if (q.first[0] != '\0')
		assert_true(slice_eq_str(rcpt, q.first));
	q.first[0] = '\0';
	q.rcpts++;
	return q.error;
}

static enum err
on_body(void *arg, uint64_t msg, struct slice s)
{
	(void)arg;
	assert_int_equal(msg, MSG_ID);
	if (q.error == ERR_OK)
		buf_put_slice(&q.body, s);
	return q.error;
}

static enum err
on_commit(void *arg, uint64_t msg)
{
	(void)arg;
	assert_int_equal(msg, MSG_ID);
	q.commits++;
	return q.error;
}

static void
on_abort(void *arg, uint64_t msg)
{
	(void)arg;
	assert_int_equal(msg, MSG_ID);
	q.aborts++;
}

static uint64_t
real_s(void *arg)
{
	(void)arg;
	return NOW + q.later_s;
}

static enum err
on_keys(void *arg, struct slice user, uint64_t known)
{
	(void)arg;
	q.known = known;
	assert_true(slice_to_cstr(user, q.user, sizeof(q.user)));
	return q.error;
}

static enum err
on_sign(void *arg, enum cmtp2_purpose purpose, const struct cmtp_sign *s)
{
	(void)arg;
	q.signs++;
	assert_string_equal(s->purpose, purpose == CMTP2_KEY_REPLY ? "key-reply" : "mail-reply");
	cmtp_sign_make(q.sig, s, server.secret_key);
	return q.error;
}

static enum err
on_find(void *arg, struct slice domain, uint64_t serial)
{
	(void)arg;
	q.finds++;
	q.serial = serial;
	assert_true(slice_to_cstr(domain, q.domain, sizeof(q.domain)));
	return q.error;
}

static enum err
on_weigh(void *arg, const struct cmtp2_price *p, const unsigned char *digest, uint64_t counter)
{
	(void)arg;
	q.weighs++;
	q.price = *p;
	memcpy(q.digest, digest, sizeof(q.digest));
	q.counter = counter;
	return q.error;
}

static const struct cmtp_env env = {
	.is_ours = is_ours, .open = on_open, .rcpt = on_rcpt, .body = on_body, .commit = on_commit,
	.abort = on_abort, .real_s = real_s, .keys = on_keys, .sign = on_sign, .find = on_find,
	.weigh = on_weigh,
};

static void
begin(struct cmtp_session *s)
{
	buf_fini(&q.body);
	memset(&q, 0, sizeof(q));
	buf_init(&q.body, 1u << 20);
	memset(s, 0, sizeof(*s));
	s->service = &service;
	s->env = &env;
	s->tls_version = "TLSv1.3";
	s->tls_cipher = "TLS_AES_256_GCM_SHA384";
	memcpy(s->client, "[192.0.2.7]", 12);
	memcpy(s->peer, "[192.0.2.7]:4000", 17);
	cmtp_session_start(s);
	buf_reset(&s->out);
}

static void
finish(struct cmtp_session *s)
{
	assert_int_equal(s->out.n, 0);
	cmtp_session_fini(s);
	buf_fini(&q.body);
}

static void
say(struct cmtp_session *s, struct slice in)
{
	assert_int_equal(cmtp_session_feed(s, in), in.n);
}

static void
expect_failure(struct cmtp_session *s)
{
	struct slice in = buf_slice(&s->out);
	struct cmtp_reply r;

	assert_int_equal(cmtp_reply_read(&r, CMTP_REPLY_STATUS, &in), ERR_OK);
	assert_true(r.is_failure);
	buf_consume(&s->out, CMTP_STATUS_BYTES);
}

/* ---- KEYREQUEST2 */

static const unsigned char nonce[CMTP2_NONCE_BYTES] = { 5 };

static struct cmtp2_keys_request
ask(struct cmtp_session *s, const char *user, const char *domain)
{
	const struct cmtp2_keys_request r = { slice_str(user), slice_str(domain),
	    slice_of(nonce, sizeof(nonce)), 7 };
	struct buf b;

	buf_init(&b, 1000);
	assert_int_equal(cmtp2_keys_ask(&b, &r), ERR_OK);
	say(s, buf_slice(&b));
	buf_fini(&b);
	return r;
}

static void
expect_keys(struct cmtp_session *s, const struct cmtp2_keys_request *asked, unsigned status)
{
	struct slice in = buf_slice(&s->out);
	struct cmtp2_keys_reply r;

	assert_false(cmtp_session_can_read(s));
	cmtp_session_on_signed(s, ERR_OK, q.sig);
	in = buf_slice(&s->out);
	assert_int_equal(cmtp2_keys_read(&r, &in), ERR_OK);
	assert_int_equal(cmtp2_keys_verify(&r, asked, server.public_key), ERR_OK);
	assert_int_equal(r.status, status);
	buf_consume(&s->out, s->out.n - in.n);
	assert_true(cmtp_session_can_read(s));
}

static void
test_keys(void **state)
{
	static const struct {
		const char *user, *domain, *asked;
	} names[] = {
		{ "alice", "example.test", "alice@example.test" }, { "alice", "", "alice@example.test" },
		{ "", "example.test", "@example.test" }, { "", "", "@" },
	};
	const struct cmtp_keys none = { .status = CMTP2_NONE };
	struct cmtp2_keys_request r;
	struct cmtp_session s;

	(void)state;
	begin(&s);
	for (unsigned i = 0; i < lengthof(names); i++) {
		r = ask(&s, names[i].user, names[i].domain);
		assert_string_equal(q.user, names[i].asked);
		assert_int_equal(q.known, 7);
		cmtp_session_on_keys(&s, ERR_OK, &none);
		expect_keys(&s, &r, CMTP2_NONE);
	}
	/* Too many requests: later, and signed too. */
	r = ask(&s, "alice", "example.test");
	cmtp_session_on_keys(&s, ERR_LIMIT, NULL);
	expect_keys(&s, &r, CMTP2_LATER);
	/* Nobody signs. */
	r = ask(&s, "alice", "example.test");
	cmtp_session_on_keys(&s, ERR_OK, &none);
	cmtp_session_on_signed(&s, ERR_TIMEOUT, NULL);
	expect_failure(&s);
	q.error = ERR_GONE;
	r = ask(&s, "alice", "example.test");
	expect_failure(&s);
	/* Answers that nobody waits for. */
	cmtp_session_on_keys(&s, ERR_OK, &none);
	cmtp_session_on_signed(&s, ERR_OK, q.sig);
	say(&s, SLICE_LIT("OHAI\0HELP\0"));
	assert_true(slice_starts(buf_slice(&s.out), "OHAI 1 2"));
	assert_true(slice_eq(slice_from(buf_slice(&s.out), 9),
	    SLICE_LIT("OHAI NOOP HELP KEYREQUEST LOGIN MAIL KEYREQUEST2 MAIL2 "
	    "LOGIN2 PROOF2 REGISTER2 RECORD2 OBAI\0")));
	buf_reset(&s.out);
	finish(&s);
}

/* ---- MAIL2 */

struct letter {
	const char	*user, *from, *domain;
	const char	*to[TO_MAX];
	unsigned	 count;
	uint64_t	 time_s;
	const struct pair *by;
	struct slice	 postage;
};

static const struct letter good = { "bob", "peer.test", "example.test", { "alice", "carol" }, 2,
	NOW, &peer, { NULL, 0 } };
static unsigned char digest[CMTP_DIGEST_BYTES];

/* The client's side of what proves its mail. */
static struct {
	bool			 is_by_mac;	/* the next mail */
	bool			 has_mac;	/* its reply */
	bool			 has_fixed_share;
	struct cmtp2_proof	 proof;
	struct cmtp2_half	 half;
	struct cmtp2_pact	 pact;
} client;

/* A head with an entry, and as many bytes as belong to it. */
static unsigned char object[OBJECT];

static void
make_object(void)
{
	memset(object, 'o', sizeof(object));
	memcpy(object, "GWSO\1\1\0\0", 8);
	enc_be64(object + 8, OBJECT - 50 - 92 - CRY_TAG_BYTES);
	object[48] = 0;
	object[49] = 1;
	object[60] = 0;
	object[61] = 80;
}

static void
prove(const struct letter *l, struct slice envelope, const unsigned char hash[CRY_HASH_BYTES])
{
	struct cmtp_sign sign;

	if (client.is_by_mac) {
		client.pact.number++;
		cmtp2_pact_prove_mail(&client.proof, &client.pact, digest);
		return;
	}
	client.proof = (struct cmtp2_proof){ .kind = CMTP2_SIGNED };
	if (!client.has_fixed_share)
		cmtp2_half_make(&client.half);
	memcpy(client.proof.share, client.half.share, sizeof(client.half.share));
	sign = cmtp2_mail_sign(envelope, hash, client.proof.share);
	cmtp_sign_make(client.proof.sig, &sign, l->by->secret_key);
}

static void
put_mail(struct buf *b, const struct letter *l)
{
	struct cmtp2_mail m = { .destinations = l->count, .time_s = l->time_s, .serial = 3,
	    .object_bytes = OBJECT, .source_user = slice_str(l->user),
	    .source_domain = slice_str(l->from), .domain = slice_str(l->domain) };
	unsigned char hash[CRY_HASH_BYTES];
	struct slice to[TO_MAX];
	struct buf envelope;

	for (unsigned i = 0; i < l->count; i++)
		to[i] = slice_str(l->to[i]);
	buf_init(&envelope, CMTP2_ENVELOPE_MAX);
	assert_int_equal(cmtp2_mail_put(&envelope, &m, to), ERR_OK);
	cry_hash(hash, sizeof(hash), slice_of(object, OBJECT));
	cmtp2_mail_digest(digest, buf_slice(&envelope), hash);
	prove(l, buf_slice(&envelope), hash);
	buf_init(b, 4000);
	cmtp2_mail_command(b, buf_slice(&envelope), l->postage);
	buf_put(b, object, OBJECT);
	cmtp2_proof_put(b, &client.proof);
	buf_fini(&envelope);
}

/* What the client sends; where the session waits, reading stops. */
static struct buf sent;

static void
go_on(struct cmtp_session *s)
{
	buf_consume(&sent, cmtp_session_feed(s, buf_slice(&sent)));
}

static void
begin_mail(struct cmtp_session *s, const struct letter *l)
{
	begin(s);
	memset(&client, 0, sizeof(client));
	put_mail(&sent, l);
	go_on(s);
}

static void
found(struct cmtp_session *s, enum err e)
{
	struct cmtp_sender sender = { .first_s = NOW - CMTP_KNOWN_S,
	    .ends_s = NOW + 1000 };

	memcpy(sender.sign, peer.public_key, sizeof(sender.sign));
	cmtp_session_on_found(s, e, &sender);
	go_on(s);
}

static void
opened(struct cmtp_session *s)
{
	cmtp_session_on_opened(s, MSG_ID);
	go_on(s);
}

static void
rcpts_ok(struct cmtp_session *s, unsigned count)
{
	for (; count > 0; count--) {
		cmtp_session_on_rcpt_ok(s, NULL);
		go_on(s);
	}
}

/* The reply, which is signed now; its content is one buffer's. */
static struct slice
expect_answer(struct cmtp_session *s, enum cmtp2_what what, unsigned destinations, struct buf *keep)
{
	const struct cmtp2_asked asked = { digest, &client.proof, &client.pact };
	struct cmtp2_answer a;
	struct slice in;

	assert_int_equal(sent.n, 0);
	assert_int_equal(s->mode, client.has_mac ? CMTP_READING : CMTP_WAIT_SIGN);
	if (!client.has_mac)
		cmtp_session_on_signed(s, ERR_OK, q.sig);
	in = buf_slice(&s->out);
	assert_int_equal(cmtp2_answer_read(&a, destinations, &in), ERR_OK);
	assert_int_equal(in.n, 0);
	assert_int_equal(a.what, what);
	assert_int_equal(a.proof.kind, client.has_mac ? CMTP2_MAC : CMTP2_SIGNED);
	assert_int_equal(cmtp2_answer_verify(&a, &asked, server.public_key), ERR_OK);
	if (cmtp2_proof_has_share(&a.proof))
		assert_int_equal(cmtp2_pact_make(&client.pact, &client.half, digest, &client.proof,
		    &a.proof), ERR_OK);
	buf_init(keep, CMTP2_CONTENT_MAX);
	buf_put_slice(keep, a.content);
	buf_reset(&s->out);
	buf_fini(&sent);
	return buf_slice(keep);
}

static void
expect_status(struct slice *content, unsigned class, const char *text)
{
	struct slice got;
	unsigned n;

	assert_int_equal(cmtp2_answer_get_status(content, &n, &got), ERR_OK);
	assert_int_equal(n, class);
	assert_slice(got, text);
}

static void
expect_refused(struct cmtp_session *s, unsigned class, const char *text)
{
	struct buf b;
	struct slice content = expect_answer(s, CMTP2_REFUSED, 1, &b);

	expect_status(&content, class, text);
	assert_int_equal(q.commits, 0);
	buf_fini(&b);
	assert_true(cmtp_session_can_read(s));
	say(s, SLICE_LIT("NOOP\0"));
	assert_true(slice_eq(buf_slice(&s->out), SLICE_LIT("1 2\0")));
	buf_reset(&s->out);
	finish(s);
}

static void
test_taken(void **state)
{
	struct cmtp_session s;
	struct slice content;
	struct buf b;

	(void)state;
	begin_mail(&s, &good);
	assert_string_equal(q.domain, "peer.test");
	assert_int_equal(q.serial, 3);
	assert_int_equal(q.opens, 0);
	found(&s, ERR_OK);
	assert_string_equal(q.sender, "bob@peer.test");
	assert_int_equal(q.kind, QUEUE_KIND_CMTP2);
	opened(&s);
	assert_string_equal(q.rcpt[0], "alice@example.test");
	assert_int_equal(q.rcpts, 1);
	rcpts_ok(&s, 2);
	assert_string_equal(q.rcpt[1], "carol@example.test");
	assert_int_equal(q.commits, 1);
	assert_int_equal(q.signs, 0);
	cmtp_session_on_committed(&s);
	content = expect_answer(&s, CMTP2_STATUSES, 2, &b);
	expect_status(&content, 2, "2.6.0 Message taken");
	expect_status(&content, 2, "2.6.0 Message taken");
	buf_fini(&b);
	/* The trace, an empty line, and the object. */
	content = buf_slice(&q.body);
	assert_true(slice_eq(slice_from(content, content.n - OBJECT), slice_of(object, OBJECT)));
	content = slice_head(content, content.n - OBJECT);
	assert_true(slice_starts(content, "Received: from peer.test ([192.0.2.7])"));
	assert_true(slice_ends(content, "Authentication-Results: mx.example.test;\r\n"
	    "\tcmtp=pass (CMTP 2) header.d=peer.test\r\n\r\n"));
	assert_int_equal(q.aborts, 0);
	assert_int_equal(s.message_count, 1);
	finish(&s);
}

/* The rest of a mail that was begun, as taken. */
static void
take_rest(struct cmtp_session *s)
{
	struct buf b;

	opened(s);
	rcpts_ok(s, 2);
	cmtp_session_on_committed(s);
	expect_answer(s, CMTP2_STATUSES, 2, &b);
	buf_fini(&b);
}

/* A server whose key was found is not looked for with each mail of a session. */
static void
test_sender_is_known(void **state)
{
	struct cmtp_session s;

	(void)state;
	begin_mail(&s, &good);
	found(&s, ERR_OK);
	take_rest(&s);
	for (unsigned i = 0; i < 2; i++) {
		q.rcpts = 0;
		put_mail(&sent, &good);
		go_on(&s);
		assert_int_equal(q.finds, 1);
		take_rest(&s);
	}
	assert_int_equal(s.message_count, 3);
	/* For a while. */
	q.later_s = CMTP_SENDER_S;
	q.rcpts = 0;
	put_mail(&sent, &good);
	go_on(&s);
	assert_int_equal(q.finds, 2);
	found(&s, ERR_OK);
	take_rest(&s);
	finish(&s);
}

/* An object that is not for the keys of now is not taken, and its sender told why. */
static void
test_stale_key(void **state)
{
	const unsigned char seal[CRY_KEY_BYTES] = { 4 };
	const struct cmtp_rcpt_key old = { 6, seal }, now = { 7, seal };
	struct cmtp_session s;
	struct slice content;
	struct buf b;

	(void)state;
	object[50] = 1;
	object[51] = 7;
	seal_key_id(object + 52, seal);
	for (unsigned i = 0; i < 2; i++) {
		begin_mail(&s, &good);
		found(&s, ERR_OK);
		opened(&s);
		cmtp_session_on_rcpt_ok(&s, &now);
		go_on(&s);
		cmtp_session_on_rcpt_ok(&s, i == 0 ? &now : &old);
		go_on(&s);
		if (i == 0) {
			cmtp_session_on_committed(&s);
			content = expect_answer(&s, CMTP2_STATUSES, 2, &b);
			expect_status(&content, 2, "2.6.0 Message taken");
			expect_status(&content, 2, "2.6.0 Message taken");
		} else {
			content = expect_answer(&s, CMTP2_STALE, 2, &b);
			expect_status(&content, 4, "4.7.5 A recipient has another key");
			assert_int_equal(content.n, 0);
			assert_int_equal(q.commits, 0);
			assert_int_equal(q.aborts, 1);
		}
		buf_fini(&b);
		finish(&s);
	}
	make_object();
}

static void
test_some_are_not(void **state)
{
	const struct cmtp_refusal nobody = { ERR_NOTFOUND, SLICE_LIT("5.1.1"), SLICE_LIT("No such user") };
	const struct cmtp_refusal bare = { ERR_AGAIN, SLICE_NONE, SLICE_NONE };
	struct letter l = good;
	struct cmtp_session s;
	struct slice content;
	struct buf b;

	(void)state;
	l.to[0] = "not an address";
	l.to[2] = "";
	l.count = 3;
	begin_mail(&s, &l);
	found(&s, ERR_OK);
	assert_string_equal(q.first, "carol@example.test");
	opened(&s);
	assert_string_equal(q.rcpt[0], "carol@example.test");
	cmtp_session_on_refused(&s, &nobody);
	go_on(&s);
	assert_string_equal(q.rcpt[1], "postmaster");
	rcpts_ok(&s, 1);
	cmtp_session_on_committed(&s);
	content = expect_answer(&s, CMTP2_STATUSES, 3, &b);
	expect_status(&content, 5, "5.1.3 Recipient address rejected");
	expect_status(&content, 5, "5.1.1 No such user");
	expect_status(&content, 2, "2.6.0 Message taken");
	buf_fini(&b);
	finish(&s);
	/* None of them. */
	begin_mail(&s, &good);
	found(&s, ERR_OK);
	opened(&s);
	cmtp_session_on_refused(&s, &nobody);
	cmtp_session_on_refused(&s, &bare);
	go_on(&s);
	assert_int_equal(q.aborts, 1);
	content = expect_answer(&s, CMTP2_STATUSES, 2, &b);
	expect_status(&content, 5, "5.1.1 No such user");
	expect_status(&content, 4, "4.3.0 try again");
	assert_int_equal(q.commits, 0);
	buf_fini(&b);
	finish(&s);
}

static void
test_not_from_there(void **state)
{
	static const struct {
		const char	*user, *from, *domain;
		uint64_t	 time_s;
		unsigned	 class;
		const char	*text;
	} bad[] = {
		{ "bob", "peer.test", "other.test", NOW, 5, "5.1.2 Not a domain of this host" },
		{ "bob", "", "example.test", NOW, 5, "5.1.7 Bad sender address syntax" },
		{ "", "a\r\nX: y", "example.test", NOW, 5, "5.1.7 Bad sender address syntax" },
		{ "b b", "peer.test", "example.test", NOW, 5, "5.1.7 Bad sender address syntax" },
		{ "bob", "peer.test", "example.test", NOW - CMTP2_TIME_PAST_S - 1, 4,
		    "4.7.0 The time of sending is too far from ours" },
		{ "bob", "peer.test", "example.test", NOW + CMTP2_TIME_AHEAD_S + 1, 4,
		    "4.7.0 The time of sending is too far from ours" },
	};
	struct cmtp_session s;

	(void)state;
	for (unsigned i = 0; i < lengthof(bad); i++) {
		struct letter l = good;

		l.user = bad[i].user;
		l.from = bad[i].from;
		l.domain = bad[i].domain;
		l.time_s = bad[i].time_s;
		begin_mail(&s, &l);
		assert_int_equal(q.finds + q.opens, 0);
		expect_refused(&s, bad[i].class, bad[i].text);
	}
	begin_mail(&s, &good);
	found(&s, ERR_NOTFOUND);
	assert_int_equal(q.opens, 0);
	expect_refused(&s, 4, "4.7.5 No key of the sending server is known");
	begin_mail(&s, &good);
	found(&s, ERR_CORRUPT);
	expect_refused(&s, 4, "4.7.5 The sending server's keys do not follow");
}

/* Nobody takes mail in his own name from outside; by SMTP he has his rules for it. */
static void
test_own_name(void **state)
{
	struct letter l = good;
	struct cmtp_session s;
	struct slice content;
	struct buf b;

	(void)state;
	l.from = "example.test";
	begin_mail(&s, &l);
	assert_int_equal(q.finds + q.opens, 0);
	content = expect_answer(&s, CMTP2_BY_SMTP, l.count, &b);
	expect_status(&content, 5, "5.7.1 That is a domain of this host");
	assert_int_equal(content.n, 0);
	buf_fini(&b);
	finish(&s);
}

/* Signed by somebody else: queue has it all and keeps nothing. */
static void
test_signature(void **state)
{
	struct letter l = good;
	struct cmtp_session s;

	(void)state;
	l.by = &server;
	begin_mail(&s, &l);
	found(&s, ERR_OK);
	opened(&s);
	rcpts_ok(&s, 2);
	assert_int_equal(q.aborts, 1);
	expect_refused(&s, 5, "5.7.7 Not signed by the sending server");
	begin_mail(&s, &good);
	buf_data(&sent)[sent.n - CMTP2_SIGNED_BYTES - 1] ^= 1;	/* the object's last byte */
	found(&s, ERR_OK);
	opened(&s);
	rcpts_ok(&s, 2);
	assert_int_equal(q.commits, 0);
	assert_int_equal(q.aborts, 1);
	assert_int_equal(s.mode, CMTP_WAIT_SIGN);
	buf_fini(&sent);
	finish(&s);
}

/* ---- pacts */

/* The next mail of a session, by a MAC; the reply has one, too. */
static void
begin_mac(struct cmtp_session *s, const struct letter *l)
{
	q.rcpts = 0;
	client.is_by_mac = client.has_mac = true;
	put_mail(&sent, l);
	go_on(s);
}

static void
expect_one_status(struct cmtp_session *s, enum cmtp2_what what, unsigned class, const char *text)
{
	struct buf b;
	struct slice content = expect_answer(s, what, 2, &b);

	expect_status(&content, class, text);
	buf_fini(&b);
}

/* By whatever it is proven, it is refused, and the reply is signed. */
static void
expect_no_pact(struct cmtp_session *s)
{
	client.has_mac = false;
	opened(s);
	rcpts_ok(s, 2);
	expect_one_status(s, CMTP2_REFUSED, 4, "4.7.7 Not proven by a pact with the sending server");
	assert_false(s->pact.stands);
}

static void
begin_pact(struct cmtp_session *s)
{
	begin_mail(s, &good);
	found(s, ERR_OK);
	take_rest(s);
	assert_true(client.pact.stands && s->pact.stands);
	assert_memory_equal(client.pact.key, s->pact.key, sizeof(s->pact.key));
	assert_int_equal(q.signs, 1);
}

/* After one signature of each: MACs, also of what is refused. */
static void
test_pact(void **state)
{
	struct letter elsewhere = good, again = good;
	struct cmtp_session s;

	(void)state;
	begin_pact(&s);
	for (unsigned i = 1; i <= 3; i++) {
		begin_mac(&s, &good);
		take_rest(&s);
		assert_int_equal(q.commits, 1 + i);
		assert_int_equal(s.pact.number, i);
	}
	elsewhere.domain = "other.test";
	begin_mac(&s, &elsewhere);
	expect_one_status(&s, CMTP2_REFUSED, 5, "5.1.2 Not a domain of this host");
	/* From another domain of the same server. */
	again.from = "peer2.test";
	begin_mac(&s, &again);
	found(&s, ERR_OK);
	take_rest(&s);
	assert_int_equal(q.commits, 5);
	assert_int_equal(q.signs, 1);
	/* Of another server: it has no part in the pact. */
	again.from = "peer3.test";
	begin_mac(&s, &again);
	cmtp_session_on_found(&s, ERR_OK, &(struct cmtp_sender){ .ends_s = NOW + 1000 });
	go_on(&s);
	opened(&s);
	rcpts_ok(&s, 2);
	expect_one_status(&s, CMTP2_REFUSED, 4, "4.7.7 Not proven by a pact with the sending server");
	assert_int_equal(q.signs, 1);
	assert_int_equal(q.commits, 5);
	finish(&s);
}

static void
test_no_pact(void **state)
{
	struct cmtp2_pact other;
	struct cmtp_session s;
	struct letter l = good;
	struct buf twice;

	(void)state;
	/* Of another connection, and when there is none any more. */
	begin_pact(&s);
	other = client.pact;
	finish(&s);
	begin_pact(&s);
	client.pact = other;
	begin_mac(&s, &good);
	expect_no_pact(&s);
	begin_mac(&s, &good);
	expect_no_pact(&s);
	assert_int_equal(q.commits, 1);
	/* A signature makes a new one. */
	client.is_by_mac = false;
	q.rcpts = 0;
	put_mail(&sent, &good);
	go_on(&s);
	take_rest(&s);
	begin_mac(&s, &good);
	take_rest(&s);
	assert_int_equal(q.commits, 3);
	/* The same bytes once more. */
	begin_mac(&s, &good);
	opened(&s);
	buf_fini(&sent);
	finish(&s);
	begin_pact(&s);
	begin_mac(&s, &good);
	buf_init(&twice, 4000);
	put_mail(&twice, &good);	/* number 2 */
	client.pact.number--;
	take_rest(&s);
	for (unsigned i = 0; i < 2; i++) {
		client.pact.number = 2;
		q.rcpts = 0;
		buf_init(&sent, 4000);
		buf_put_slice(&sent, buf_slice(&twice));
		go_on(&s);
		if (i == 0)
			take_rest(&s);
		else
			expect_no_pact(&s);
	}
	buf_fini(&twice);
	/* One that is not good for another ends what stood. */
	client.is_by_mac = client.has_mac = false;
	q.rcpts = 0;
	put_mail(&sent, &good);
	go_on(&s);
	take_rest(&s);
	assert_true(s.pact.stands);
	l.by = &server;
	q.rcpts = 0;
	put_mail(&sent, &l);
	go_on(&s);
	opened(&s);
	rcpts_ok(&s, 2);
	expect_one_status(&s, CMTP2_REFUSED, 5, "5.7.7 Not signed by the sending server");
	assert_false(s.pact.stands);
	finish(&s);
}

/* Zeros are no share; nor is one by which every key would be the same. */
static void
test_shares(void **state)
{
	struct cmtp_session s;
	struct cmtp2_answer a;
	struct slice in;

	(void)state;
	begin(&s);
	memset(&client, 0, sizeof(client));
	client.has_fixed_share = true;
	for (unsigned i = 0; i < 2; i++) {
		client.half.share[0] = (unsigned char)i;
		q.rcpts = 0;
		put_mail(&sent, &good);
		go_on(&s);
		if (i == 0)
			found(&s, ERR_OK);
		opened(&s);
		rcpts_ok(&s, 2);
		cmtp_session_on_committed(&s);
		cmtp_session_on_signed(&s, ERR_OK, q.sig);
		in = buf_slice(&s.out);
		assert_int_equal(cmtp2_answer_read(&a, 2, &in), ERR_OK);
		assert_int_equal(cmtp2_proof_has_share(&a.proof), i == 1);
		assert_false(s.pact.stands);
		buf_reset(&s.out);
		buf_fini(&sent);
	}
	finish(&s);
}

/* ---- objects */

/* The object as it is now, in small pieces and whole; queue has aborted it. */
static void
expect_no_object(const char *text)
{
	struct cmtp_session s;

	for (size_t step = 1; step <= 4000; step += 3999) {
		begin(&s);
		put_mail(&sent, &good);
		while (s.mode != CMTP_WAIT_SENDER)
			buf_consume(&sent, cmtp_session_feed(&s, slice_head(buf_slice(&sent), step)));
		found(&s, ERR_OK);
		cmtp_session_on_opened(&s, MSG_ID);
		cmtp_session_on_rcpt_ok(&s, NULL);
		cmtp_session_on_rcpt_ok(&s, NULL);
		while (s.mode != CMTP_WAIT_SIGN)
			buf_consume(&sent, cmtp_session_feed(&s, slice_head(buf_slice(&sent), step)));
		assert_int_equal(q.aborts, 1);
		expect_refused(&s, 5, text);
	}
	make_object();
}

static void
test_objects(void **state)
{
	static const struct {
		unsigned	 at;
		unsigned char	 value;
	} bad[] = {
		{ 0, 'g' }, { 15, 0 },		/* its length lies */
		{ 49, 0 }, { 49, 2 },		/* no entry; one too many */
		{ 61, 79 }, { 60, 0xff },	/* an entry without an end */
	};

	(void)state;
	for (unsigned i = 0; i < lengthof(bad); i++) {
		object[bad[i].at] = bad[i].value;
		expect_no_object("5.6.0 Not a sealed object");
	}
	/* Compressed text may be far longer than the object. */
	object[6] = 1;
	enc_be64(object + 8, limits.message_bytes + 1);
	expect_no_object("5.3.4 Message too large");
}

static void
test_null_sender(void **state)
{
	struct letter l = good;
	struct cmtp_session s;

	(void)state;
	l.user = "";
	begin_mail(&s, &l);
	found(&s, ERR_OK);
	assert_int_equal(q.opens, 1);
	assert_string_equal(q.sender, "");
	/* The client goes away: queue is told. */
	opened(&s);
	buf_fini(&sent);
	finish(&s);
	assert_int_equal(q.aborts, 1);
}

static void
test_queue_fails(void **state)
{
	const struct cmtp_refusal full = { ERR_FULL, SLICE_LIT("4.3.1"), SLICE_LIT("No space") };
	const struct cmtp_refusal gone = { ERR_GONE, SLICE_NONE, SLICE_NONE };
	struct cmtp_session s;

	(void)state;
	begin_mail(&s, &good);
	found(&s, ERR_OK);
	cmtp_session_on_refused(&s, &full);
	go_on(&s);
	expect_refused(&s, 4, "4.3.1 No space");
	begin_mail(&s, &good);
	found(&s, ERR_OK);
	opened(&s);
	cmtp_session_lost_queue(&s);
	cmtp_session_on_refused(&s, &gone);
	go_on(&s);
	assert_int_equal(q.aborts, 0);
	expect_refused(&s, 4, "4.3.0 peer is gone");
	/* No room for the body. */
	begin_mail(&s, &good);
	found(&s, ERR_OK);
	opened(&s);
	cmtp_session_on_rcpt_ok(&s, NULL);
	q.error = ERR_FULL;
	cmtp_session_on_rcpt_ok(&s, NULL);
	q.error = ERR_OK;
	go_on(&s);
	assert_int_equal(q.aborts, 1);
	expect_refused(&s, 4, "4.3.1 no room");
}

static void
test_commit_fails(void **state)
{
	const struct cmtp_refusal full = { ERR_FULL, SLICE_LIT("4.3.1"), SLICE_LIT("No space") };
	struct cmtp_session s;
	struct slice content;
	struct buf b;

	(void)state;
	begin_mail(&s, &good);
	found(&s, ERR_OK);
	opened(&s);
	rcpts_ok(&s, 2);
	cmtp_session_on_refused(&s, &full);
	content = expect_answer(&s, CMTP2_REFUSED, 1, &b);
	expect_status(&content, 4, "4.3.1 No space");
	buf_fini(&b);
	finish(&s);
	/* The reply cannot be signed. */
	begin_mail(&s, &good);
	found(&s, ERR_OK);
	opened(&s);
	rcpts_ok(&s, 2);
	cmtp_session_on_committed(&s);
	cmtp_session_on_signed(&s, ERR_TIMEOUT, NULL);
	expect_failure(&s);
	assert_int_equal(q.aborts, 0);
	buf_fini(&sent);
	finish(&s);
}

/* ---- postage */

static void
expect_price(struct cmtp_session *s, struct cmtp2_price *p)
{
	struct buf b;
	struct slice content = expect_answer(s, CMTP2_POSTAGE, 2, &b);

	assert_int_equal(cmtp2_postage_read(p, content), ERR_OK);
	assert_int_equal(p->bits, 3);
	assert_int_equal(p->expires_s, NOW + CMTP2_PRICE_LIFE_S);
	assert_int_equal(q.commits, 0);
	buf_fini(&b);
	finish(s);
}

/* The price and what is paid are two of a pact. */
static void
test_postage_in_pact(void **state)
{
	unsigned char solution[CMTP2_POSTAGE_BYTES];
	struct letter l = good;
	struct cmtp2_price p;
	struct cmtp_session s;
	struct slice content;
	struct buf b;

	(void)state;
	begin_pact(&s);
	service.postage = CMTP_POSTAGE_ALWAYS;
	begin_mac(&s, &l);
	content = expect_answer(&s, CMTP2_POSTAGE, 2, &b);
	assert_int_equal(cmtp2_postage_read(&p, content), ERR_OK);
	buf_fini(&b);
	cmtp2_postage_solution(solution, &p, 42);
	l.postage = slice_of(solution, sizeof(solution));
	begin_mac(&s, &l);
	opened(&s);
	rcpts_ok(&s, 2);
	cmtp_session_on_weighed(&s, ERR_OK);
	cmtp_session_on_committed(&s);
	expect_one_status(&s, CMTP2_STATUSES, 2, "2.6.0 Message taken");
	assert_int_equal(q.signs, 1);
	service.postage = CMTP_POSTAGE_OFF;
	finish(&s);
}

static void
test_postage(void **state)
{
	unsigned char solution[CMTP2_POSTAGE_BYTES];
	struct letter l = good;
	struct cmtp2_price p;
	struct cmtp_session s;

	(void)state;
	service.postage = CMTP_POSTAGE_ALWAYS;
	begin_mail(&s, &l);
	found(&s, ERR_OK);
	assert_int_equal(q.opens, 0);
	expect_price(&s, &p);
	/* Nobody who did not sign learns a price. */
	l.by = &server;
	begin_mail(&s, &l);
	found(&s, ERR_OK);
	expect_refused(&s, 5, "5.7.7 Not signed by the sending server");
	l.by = &peer;
	/* One with a solution of this price: it is weighed. */
	cmtp2_postage_solution(solution, &p, 42);
	l.postage = slice_of(solution, sizeof(solution));
	begin_mail(&s, &l);
	found(&s, ERR_OK);
	opened(&s);
	rcpts_ok(&s, 2);
	assert_int_equal(q.weighs, 1);
	assert_int_equal(q.counter, 42);
	assert_memory_equal(q.digest, digest, sizeof(digest));
	assert_memory_equal(q.price.nonce, p.nonce, sizeof(p.nonce));
	assert_int_equal(q.commits, 0);
	cmtp_session_on_weighed(&s, ERR_OK);
	assert_int_equal(q.commits, 1);
	buf_fini(&sent);
	finish(&s);
	/* It solves nothing. */
	begin_mail(&s, &l);
	found(&s, ERR_OK);
	opened(&s);
	rcpts_ok(&s, 2);
	cmtp_session_on_weighed(&s, ERR_NOTFOUND);
	assert_int_equal(q.aborts, 1);
	expect_price(&s, &p);
	begin_mail(&s, &l);
	found(&s, ERR_OK);
	opened(&s);
	rcpts_ok(&s, 2);
	cmtp_session_on_weighed(&s, ERR_BUSY);
	expect_refused(&s, 4, "4.3.0 too busy");
	/* Of another price. */
	solution[0] ^= 1;
	begin_mail(&s, &l);
	found(&s, ERR_OK);
	opened(&s);
	rcpts_ok(&s, 2);
	assert_int_equal(q.weighs, 0);
	expect_price(&s, &p);
	/* Only of strangers. */
	service.postage = CMTP_POSTAGE_UNKNOWN;
	begin_mail(&s, &good);
	found(&s, ERR_OK);
	assert_int_equal(q.opens, 1);
	buf_fini(&sent);
	finish(&s);
	begin_mail(&s, &good);
	cmtp_session_on_found(&s, ERR_OK, &(struct cmtp_sender){ .first_s = NOW - CMTP_KNOWN_S + 1 });
	assert_int_equal(q.opens, 0);
	buf_fini(&sent);
	finish(&s);
	service.postage = CMTP_POSTAGE_OFF;
}

static int
setup(void **state)
{
	unsigned char seed[32] = { 1 };

	(void)state;
	cry_init();
	cry_ed_pair(server.public_key, server.secret_key, seed);
	seed[0] = 2;
	cry_ed_pair(peer.public_key, peer.secret_key, seed);
	self.is_known = true;
	make_object();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_sender_is_known), cmocka_unit_test(test_stale_key),
		cmocka_unit_test(test_some_are_not),
		cmocka_unit_test(test_not_from_there), cmocka_unit_test(test_own_name),
		cmocka_unit_test(test_signature), cmocka_unit_test(test_pact),
		cmocka_unit_test(test_no_pact), cmocka_unit_test(test_shares),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_null_sender),
		cmocka_unit_test(test_queue_fails),
		cmocka_unit_test(test_commit_fails),
		cmocka_unit_test(test_postage), cmocka_unit_test(test_postage_in_pact),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
