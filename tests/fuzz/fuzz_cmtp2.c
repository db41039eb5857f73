/* SPDX-License-Identifier: ISC */
/*
 * A CMTP 2 stream, whole and in pieces of the first byte's size: the same
 * requests, with an envelope that reads again as itself and the hash of what
 * came.  The same bytes as replies to who asked.
 */
#include <string.h>

#include "lib/base/must.h"
#include "lib/cmtp/cmtp2_answer.h"
#include "lib/cmtp/cmtp2_enter.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp2_login.h"
#include "lib/cmtp/cmtp2_postage.h"
#include "lib/cmtp/cmtp_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define OBJECT_MAX	4000
#define ROOM		(16u << 20)

static const struct cmtp_limits limits = { .message_bytes = OBJECT_MAX };

struct seen {
	unsigned	 events;	/* but MORE and DATA */
	uint64_t	 data;
	bool		 is_faulty;
	struct buf	 object;	/* of the last MAIL2 */
	struct buf	 told;		/* envelopes, postage and signatures */
};

static void
check_envelope(struct slice envelope, const struct cmtp2_mail *m)
{
	struct slice users[CMTP2_DESTINATIONS_MAX], left = m->users;
	struct cmtp2_mail again;
	unsigned n = 0;
	struct buf b;

	must(envelope.n <= CMTP2_ENVELOPE_MAX && cmtp2_mail_read(&again, envelope) == ERR_OK);
	must(again.object_bytes == m->object_bytes && slice_eq(again.users, m->users));
	while (cmtp2_mail_user(&left, &users[n]))
		must(++n <= m->destinations);
	must(n == m->destinations);
	buf_init(&b, CMTP2_ENVELOPE_MAX);
	must(cmtp2_mail_put(&b, m, users) == ERR_OK && slice_eq(buf_slice(&b), envelope));
	buf_fini(&b);
}

static void
on_mail(struct cmtp_parser *p, struct seen *s)
{
	must(p->mail2.object_bytes <= OBJECT_MAX && p->mail2.object_bytes >= CMTP2_OBJECT_MIN);
	must(p->postage.n == 0 || p->postage.n == CMTP2_POSTAGE_BYTES);
	buf_put_slice(&s->told, p->postage);
	buf_reset(&s->object);
}

static void
on_end(struct cmtp_parser *p, struct seen *s)
{
	unsigned char hash[CRY_HASH_BYTES];
	struct cmtp2_mail m = p->mail2;

	m.postage_bytes = 0;
	check_envelope(p->envelope, &m);
	cry_hash(hash, sizeof(hash), buf_slice(&s->object));
	must(s->object.n == p->mail2.object_bytes);
	must(memcmp(hash, p->object_hash, sizeof(hash)) == 0);
	must(p->proof.kind == CMTP2_SIGNED || p->proof.kind == CMTP2_MAC);
	must(p->proof.kind == CMTP2_SIGNED || !cmtp2_proof_has_share(&p->proof));
	buf_put_slice(&s->told, p->envelope);
	cmtp2_proof_put(&s->told, &p->proof);
}

/* Of LOGIN2 and its like. */
static void
on_command(struct cmtp_parser *p, struct seen *s)
{
	bool is_record = p->verb == CMTP_RECORD2;

	if (!is_record && p->verb != CMTP_LOGIN2 && p->verb != CMTP_PROOF2 &&
	    p->verb != CMTP_REGISTER2)
		return;
	must(p->fixed.n >= CMTP2_REQUEST_BYTES && p->fixed.n < CMTP2_RECORD_HEAD);
	buf_put_slice(&s->told, p->fixed);
	if (is_record) {
		must(p->bundle.n <= CMTP2_BUNDLE_MAX);
		buf_put_slice(&s->told, p->bundle);
	}
	if (p->verb == CMTP_REGISTER2) {
		buf_put_slice(&s->told, p->param[2]);
		cmtp_parser_forget(p);
	}
}

/* False: all input is used, or a fault. */
static bool
step(struct cmtp_parser *p, struct slice *piece, struct seen *s)
{
	enum cmtp_event ev = cmtp_parser_next(p, piece);

	must(p->text.n <= CMTP_TEXT_MAX && !p->text.full);
	if (ev == CMTP_EV_MORE) {
		must(piece->n == 0);
		return false;
	}
	if (ev == CMTP_EV_FAULT) {
		must(p->fault != NULL);
		s->is_faulty = true;
		return false;
	}
	if (ev == CMTP_EV_DATA) {
		s->data += p->piece.n;
		buf_put_slice(&s->object, p->piece);
		return true;
	}
	if (ev == CMTP_EV_MAIL2)
		on_mail(p, s);
	else if (ev == CMTP_EV_END2)
		on_end(p, s);
	else if (ev == CMTP_EV_COMMAND && p->verb == CMTP_KEYREQUEST2)
		buf_put_slice(&s->told, p->nonce);
	else if (ev == CMTP_EV_COMMAND)
		on_command(p, s);
	s->events++;
	return true;
}

static void
read_all(struct slice in, size_t bytes, struct seen *s)
{
	struct cmtp_parser p;
	struct slice piece;

	memset(s, 0, sizeof(*s));
	buf_init(&s->object, ROOM);
	buf_init(&s->told, ROOM);
	cmtp_parser_init(&p, &limits);
	p.speaks_2 = true;
	do {
		piece = slice_head(in, bytes);
		in = slice_from(in, piece.n);
		while (step(&p, &piece, s))
			continue;
	} while (in.n > 0 && !s->is_faulty);
	cmtp_parser_fini(&p);
	buf_fini(&s->object);
}

static void
read_replies(struct slice in, unsigned destinations)
{
	static const unsigned char key[CRY_KEY_BYTES] = { 1 }, digest[CMTP_DIGEST_BYTES] = { 2 };
	const struct cmtp2_keys_request q = { SLICE_LIT("a"), SLICE_LIT("b"), SLICE_LIT("n"), 0 };
	const struct cmtp2_pact pact = { .stands = true, .number = 1 };
	const struct cmtp2_proof proof = { .kind = CMTP2_MAC };
	const struct cmtp2_asked asked = { digest, &proof, &pact };
	struct slice rest = in, text, statuses;
	struct cmtp2_keys_reply r;
	struct cmtp2_answer a;
	struct cmtp2_price price;
	unsigned class;

	while (cmtp2_keys_read(&r, &rest) == ERR_OK) {
		must(r.count <= CMTP2_RECORDS_MAX && r.records.n <= CMTP2_KEYS_CONTENT_MAX);
		must(cmtp2_keys_verify(&r, &q, key) == ERR_CORRUPT);
	}
	for (rest = in; cmtp2_answer_read(&a, destinations, &rest) == ERR_OK;) {
		must(cmtp2_answer_verify(&a, &asked, key) == ERR_CORRUPT);
		statuses = a.is_failure || a.what == CMTP2_POSTAGE ? SLICE_NONE : a.content;
		while (cmtp2_answer_get_status(&statuses, &class, &text) == ERR_OK)
			must(text.n <= CMTP2_TEXT_MAX);
		must(statuses.n == 0);
		must(a.is_failure || a.what != CMTP2_POSTAGE ||
		    cmtp2_postage_read(&price, a.content) != ERR_SYNTAX);
	}
}

static void
read_logins(struct slice in)
{
	static const unsigned char key[OPAQUE_HASH_BYTES];
	struct cmtp2_login_reply r;
	struct buf secret;

	buf_init(&secret, CMTP2_BUNDLE_MAX);
	while (cmtp2_login_read(&r, &in) == ERR_OK) {
		must(r.content.n <= CMTP2_BUNDLE_MAX);
		must(r.is_failure || r.status <= CMTP2_LOGIN_STATUS_MAX);
		must(cmtp2_bundle_open(&secret, r.content, key) != ERR_OK && secret.n == 0);
	}
	buf_fini(&secret);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct seen whole, pieces;
	struct slice in;

	if (n < 2)
		return 0;
	cry_init();
	in = slice_of(data + 1, n - 1);
	read_all(in, in.n, &whole);
	read_all(in, data[0] + 1u, &pieces);
	must(whole.events == pieces.events && whole.is_faulty == pieces.is_faulty);
	must(whole.data == pieces.data && slice_eq(buf_slice(&whole.told), buf_slice(&pieces.told)));
	buf_fini(&whole.told);
	buf_fini(&pieces.told);
	read_replies(in, data[0] % 4);
	read_logins(in);
	return 0;
}
