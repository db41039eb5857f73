/* SPDX-License-Identifier: ISC */
/*
 * Requests and replies of CMTP 2 as tests/golden/cmtp2.txt has them, made and
 * read.  The records in it are cmtp_key_test's, what follows is this one's:
 *	(build/test/unit/cmtp_key_test -p; build/test/unit/cmtp2_vectors_test -p) > cmtp2.txt
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/cmtp/cmtp2_answer.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp2_mail.h"
#include "lib/cmtp/cmtp2_postage.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/seal/seal_split.h"
#include "tests/unit/cmtp/vectors.h"

#define SENT		1795001000ull
#define VECTORS		20
#define TEXT		"Subject: a vector\r\n\r\nSealed.\r\n"

struct vector {
	const char	*name;
	const char	*remark;
	struct buf	 bytes;
};

static struct vector vectors[VECTORS];
static unsigned vector_count;

/* Boxes of the content key: the one who seals throws the other half away. */
static const char *const wrapped[] = {
	"b663e5557aefbe67c4f2f09fe9328294fc15c97bca07f212ef439381fa8a0d70"
	"2f507444813402ac850dbdb966bbffbb877937821d4356502652fb8546bca384"
	"6a64bed6c6e2f2f226cf1fc15a601446",
	"a675de47884b2678c1f4dcea74503e5071cfb1148aa6a038b625465042ae7806"
	"29a8f9b8fd6a6dc9d1c10f63528bc733b33fc6896646a8088df1f39a3f8dd71d"
	"877b65a4653ea433b7efa0c32b77f659",
};

struct pair {
	unsigned char	 public_key[32];
	unsigned char	 secret_key[64];
};

/* The server of example.test, the one of peer.test, and the two users. */
static struct pair server, peer, users[2];
static unsigned char nonce[CMTP2_NONCE_BYTES], content_key[32], secret[32];

static void
count_up(unsigned char *p, unsigned char first)
{
	for (unsigned i = 0; i < 32; i++)
		p[i] = (unsigned char)(first + i);
}

static void
pair_of(struct pair *p, unsigned char first)
{
	unsigned char seed[32];

	count_up(seed, first);
	cry_ed_pair(p->public_key, p->secret_key, seed);
}

/* ---- made */

static struct buf *
add(const char *name, const char *remark)
{
	struct vector *v = &vectors[vector_count++];

	assert_true(vector_count <= VECTORS);
	v->name = name;
	v->remark = remark;
	buf_init(&v->bytes, VECTOR_MAX);
	return &v->bytes;
}

static struct slice
vector(const char *name)
{
	for (unsigned i = 0; i < vector_count; i++)
		if (strcmp(vectors[i].name, name) == 0)
			return buf_slice(&vectors[i].bytes);
	fail_msg("no vector %s", name);
	return SLICE_NONE;
}

static void
sign(unsigned char sig[CMTP_SIG_BYTES], struct cmtp_sign s, const struct pair *by)
{
	cmtp_sign_make(sig, &s, by->secret_key);
}

static struct cmtp2_keys_request
keys_request(const char *user)
{
	return (struct cmtp2_keys_request){ .user = slice_str(user),
	    .domain = SLICE_LIT("example.test"), .nonce = slice_of(nonce, sizeof(nonce)), .known = 0 };
}

static void
make_keys(void)
{
	struct cmtp2_keys_request q = keys_request("alice");
	unsigned char sig[CMTP_SIG_BYTES];
	struct buf record, content;

	assert_int_equal(cmtp2_keys_ask(add("request_KEYREQUEST2", "alice, nonce e0e1..ff"), &q), ERR_OK);
	vector_get_2(&record, "key_first");
	buf_init(&content, VECTOR_MAX);
	cmtp2_keys_content(&content, 0, 1, buf_slice(&record));
	sign(sig, cmtp2_keys_sign(&q, buf_slice(&content)), &server);
	cmtp2_keys_put(add("reply_KEYREQUEST2", "found: key_first"), buf_slice(&content), sig);
	buf_reset(&content);
	q = keys_request("nobody");
	cmtp2_keys_content(&content, 1, 0, SLICE_NONE);
	sign(sig, cmtp2_keys_sign(&q, buf_slice(&content)), &server);
	cmtp2_keys_put(add("reply_KEYREQUEST2_none", "nobody, the same nonce"), buf_slice(&content), sig);
	buf_fini(&content);
	buf_fini(&record);
}

static void
put_entry(struct buf *b, unsigned i)
{
	struct seal_entry en = { .algorithm = 1, .generation = 1 };
	unsigned char box[32];
	struct buf w;

	buf_init(&w, 80);
	assert_int_equal(enc_get_hex(&w, slice_str(wrapped[i])), ERR_OK);
	en.wrapped = buf_slice(&w);
	assert_int_equal(cry_ed_box_public(box, users[i].public_key), ERR_OK);
	seal_key_id(en.key_id, box);
	seal_entry_put(b, &en);
	buf_fini(&w);
}

static void
make_object(void)
{
	struct seal_press *press = seal_press_new();
	struct seal_writer *w = seal_writer_new(press);
	struct buf *out = add("object", "of content key c0c1..df, entries for key_first and key_next");
	struct buf entries;

	buf_init(&entries, VECTOR_MAX);
	put_entry(&entries, 0);
	put_entry(&entries, 1);
	assert_int_equal(seal_writer_begin(w, CRY_AES256_GCM, content_key, sizeof(TEXT) - 1, SEAL_STORED),
	    ERR_OK);
	assert_int_equal(seal_writer_entries(w, 2, buf_slice(&entries)), ERR_OK);
	assert_int_equal(seal_writer_put(w, SLICE_LIT(TEXT), out), ERR_OK);
	assert_int_equal(seal_writer_end(w, out), ERR_OK);
	buf_fini(&entries);
	seal_writer_free(&w);
	seal_press_free(&press);
}

/* What proves a mail and its answer, as the one who sends has it. */
static struct cmtp2_proof request_proof;
static struct cmtp2_half halves[2];	/* of peer.test, of example.test */
static struct cmtp2_pact pact;

static void
half_of(struct cmtp2_half *h, unsigned char first)
{
	count_up(h->secret, first);
	cry_box_public(h->share, h->secret);
}

static void
make_mail(unsigned char digest[CMTP_DIGEST_BYTES])
{
	const struct slice to[2] = { SLICE_LIT("alice"), SLICE_LIT("carol") };
	struct slice object = vector("object");
	const struct cmtp2_mail m = { .destinations = 2, .time_s = SENT, .serial = 1,
	    .object_bytes = object.n, .source_user = SLICE_LIT("bob"),
	    .source_domain = SLICE_LIT("peer.test"), .domain = SLICE_LIT("example.test") };
	struct buf *b = add("envelope", "from bob@peer.test to alice and carol@example.test");
	unsigned char hash[CRY_HASH_BYTES];
	struct cmtp_sign s;

	assert_int_equal(cmtp2_mail_put(b, &m, to), ERR_OK);
	cry_hash(hash, sizeof(hash), object);
	cmtp2_mail_digest(digest, buf_slice(b), hash);
	buf_put(add("mail_digest", "of the request"), digest, CMTP_DIGEST_BYTES);
	request_proof.kind = CMTP2_SIGNED;
	memcpy(request_proof.share, halves[0].share, sizeof(request_proof.share));
	s = cmtp2_mail_sign(buf_slice(b), hash, request_proof.share);
	cmtp_sign_put(add("mail_signed", "what the signature is over; the share's secret is 101112..2f"), &s);
	sign(request_proof.sig, s, &peer);
	b = add("request_MAIL2", "signed by peer.test, seed a0a1..bf");
	cmtp2_mail_command(b, vector("envelope"), SLICE_NONE);
	buf_put_slice(b, object);
	cmtp2_proof_put(b, &request_proof);
}

static struct cmtp2_proof
answer(const char *name, const char *remark, enum cmtp2_what what, struct slice content,
    const struct cmtp2_half *half, const unsigned char *digest)
{
	const struct cmtp2_asked asked = { digest, &request_proof, NULL };
	struct cmtp2_proof proof = { .kind = CMTP2_SIGNED };

	if (half != NULL)
		memcpy(proof.share, half->share, sizeof(proof.share));
	sign(proof.sig, cmtp2_answer_sign(&asked, what, content, proof.share), &server);
	cmtp2_answer_put(add(name, remark), what, content, &proof);
	return proof;
}

/* The third MAIL2 under the pact, as if the first ones had been others. */
static void
make_pact(const unsigned char digest[CMTP_DIGEST_BYTES], const struct cmtp2_proof *reply,
    struct slice content)
{
	struct slice plain = vector("request_MAIL2"), envelope = vector("envelope");
	struct cmtp2_proof proof;
	struct buf *b;

	assert_int_equal(cmtp2_pact_make(&pact, &halves[0], digest, &request_proof, reply), ERR_OK);
	pact.number = 3;
	buf_put(add("pact", "of request_MAIL2 and reply_MAIL2"), pact.key, sizeof(pact.key));
	b = add("request_MAIL2_mac", "the same as the third under it");
	cmtp2_mail_command(b, envelope, SLICE_NONE);
	buf_put_slice(b, slice_head(slice_from(plain, 6 + envelope.n), vector("object").n));
	cmtp2_pact_prove_mail(&proof, &pact, digest);
	cmtp2_proof_put(b, &proof);
	cmtp2_pact_prove_answer(&proof, &pact, digest, CMTP2_STATUSES, content);
	cmtp2_answer_put(add("reply_MAIL2_mac", "to that"), CMTP2_STATUSES, content, &proof);
}

static void
make_answers(const unsigned char digest[CMTP_DIGEST_BYTES])
{
	struct cmtp2_proof proof;
	struct buf content;

	buf_init(&content, VECTOR_MAX);
	cmtp2_answer_put_status(&content, 2, SLICE_LIT("2.6.0 taken"));
	cmtp2_answer_put_status(&content, 5, SLICE_LIT("5.1.1 no such user"));
	proof = answer("reply_MAIL2", "a status for each; the share's secret is 303132..4f",
	    CMTP2_STATUSES, buf_slice(&content), &halves[1], digest);
	make_pact(digest, &proof, buf_slice(&content));
	buf_reset(&content);
	cmtp2_answer_put_status(&content, 4, SLICE_LIT("4.7.5 the sender's key cannot be had"));
	(void)answer("reply_MAIL2_refused", "whole, without a share", CMTP2_REFUSED, buf_slice(&content),
	    NULL, digest);
	buf_fini(&content);
}

static void
make_postage(const unsigned char digest[CMTP_DIGEST_BYTES])
{
	struct cmtp2_price p = { .bits = 6, .kib = 64, .passes = 2, .expires_s = SENT + 3600 };
	unsigned char solution[CMTP2_POSTAGE_BYTES];
	struct slice plain = vector("request_MAIL2"), envelope = vector("envelope");
	uint64_t counter = 0;
	struct buf content, *b;

	cmtp2_postage_ask(&p, digest, secret);
	buf_init(&content, VECTOR_MAX);
	cmtp2_postage_put(&content, &p);
	(void)answer("reply_MAIL2_postage", "6 bits, 64 KiB, 2 passes", CMTP2_POSTAGE, buf_slice(&content),
	    &halves[1], digest);
	buf_fini(&content);
	while (cmtp2_postage_try(&p, digest, counter) != ERR_OK)
		counter++;
	cmtp2_postage_solution(solution, &p, counter);
	buf_put(add("postage", "the first solution"), solution, sizeof(solution));
	b = add("request_MAIL2_paid", "the same with postage");
	cmtp2_mail_command(b, envelope, slice_of(solution, sizeof(solution)));
	buf_put_slice(b, slice_from(plain, 6 + envelope.n));
}

static int
setup(void **state)
{
	unsigned char digest[CMTP_DIGEST_BYTES];

	(void)state;
	cry_init();
	pair_of(&server, 0);
	pair_of(&peer, 0xa0);
	pair_of(&users[0], 0x20);
	pair_of(&users[1], 0x40);
	count_up(nonce, 0xe0);
	count_up(content_key, 0xc0);
	count_up(secret, 0x80);
	half_of(&halves[0], 0x10);
	half_of(&halves[1], 0x30);
	make_keys();
	make_object();
	make_mail(digest);
	make_answers(digest);
	make_postage(digest);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < vector_count; i++)
		buf_fini(&vectors[i].bytes);
	return 0;
}

static void
print_golden(void)
{
	printf("# Requests and replies. The server of example.test is key_server; carol has key_next's keys.\n");
	for (unsigned i = 0; i < vector_count; i++) {
		struct slice s = buf_slice(&vectors[i].bytes);
		struct buf b;

		printf("%s (%s) =\n", vectors[i].name, vectors[i].remark);
		buf_init(&b, 2 * VECTOR_MAX);
		enc_put_hex(&b, s);
		for (size_t at = 0; at < b.n; at += 64)
			printf("  %.*s\n", SLICE_FMT(slice_head(slice_from(buf_slice(&b), at), 64)));
		buf_fini(&b);
	}
}

static void
test_golden(void **state)
{
	struct buf want;

	(void)state;
	for (unsigned i = 0; i < vector_count; i++) {
		vector_get_2(&want, vectors[i].name);
		assert_int_equal(vectors[i].bytes.n, want.n);
		assert_memory_equal(buf_data(&vectors[i].bytes), buf_data(&want), want.n);
		buf_fini(&want);
	}
}

/* ---- read */

static void
test_keys(void **state)
{
	struct cmtp2_keys_request q = keys_request("alice");
	struct slice in = vector("reply_KEYREQUEST2"), records;
	struct cmtp2_keys_reply r;
	struct cmtp_key k;

	(void)state;
	for (size_t n = 0; n < in.n; n++) {
		struct slice part = slice_head(in, n);

		assert_int_equal(cmtp2_keys_read(&r, &part), ERR_SHORT);
		assert_int_equal(part.n, n);
	}
	assert_int_equal(cmtp2_keys_read(&r, &in), ERR_OK);
	assert_int_equal(in.n, 0);
	assert_int_equal(r.status, 0);
	assert_int_equal(cmtp2_keys_verify(&r, &q, server.public_key), ERR_OK);
	assert_int_equal(cmtp2_keys_verify(&r, &q, peer.public_key), ERR_CORRUPT);
	records = r.records;
	assert_int_equal(cmtp_key_read(&k, &records), ERR_OK);
	assert_int_equal(records.n, 0);
	assert_int_equal(cmtp_key_verify(&k, server.public_key), ERR_OK);
	/* The reply to another request. */
	nonce[0] ^= 1;
	assert_int_equal(cmtp2_keys_verify(&r, &q, server.public_key), ERR_CORRUPT);
	nonce[0] ^= 1;
	q.user = SLICE_LIT("alic");
	assert_int_equal(cmtp2_keys_verify(&r, &q, server.public_key), ERR_CORRUPT);
}

/* A user of the object finds its entry, and opens what is left. */
static void
open_object(struct slice object, unsigned i)
{
	unsigned char box[32], box_secret[32], id[SEAL_KEY_ID_BYTES], key[32];
	struct seal_reader *r = seal_reader_new();
	struct seal_entry en;
	struct seal_split s;
	struct buf plain;
	struct slice rest = object;

	assert_int_equal(cry_ed_box_public(box, users[i].public_key), ERR_OK);
	cry_ed_box_secret(box_secret, users[i].secret_key);
	seal_key_id(id, box);
	seal_split_init(&s);
	assert_int_equal(seal_split_take(&s, &rest), ERR_OK);
	assert_int_equal(seal_split_find(&s, 1, 1, id, &en), ERR_OK);
	assert_int_equal(cry_box_open(key, en.wrapped, box, box_secret), ERR_OK);
	buf_init(&plain, 100);
	assert_int_equal(seal_open(r, key, object, NULL, 100, &plain), ERR_OK);
	assert_slice(buf_slice(&plain), TEXT);
	buf_fini(&plain);
	seal_split_fini(&s);
	seal_reader_free(&r);
}

static void
expect_proof(const struct cmtp_parser *p)
{
	unsigned char digest[CMTP_DIGEST_BYTES];
	struct cmtp2_proof made;
	struct cmtp_sign s;

	cmtp2_mail_digest(digest, p->envelope, p->object_hash);
	assert_true(slice_eq(slice_of(digest, sizeof(digest)), vector("mail_digest")));
	if (p->proof.kind == CMTP2_MAC) {
		cmtp2_pact_prove_mail(&made, &pact, digest);
		assert_true(cmtp2_proof_is_mac(&p->proof, &made));
		return;
	}
	s = cmtp2_mail_sign(p->envelope, p->object_hash, p->proof.share);
	assert_int_equal(cmtp_sign_verify(p->proof.sig, &s, peer.public_key), ERR_OK);
}

static void
read_mail(struct slice in, size_t step, bool is_paid)
{
	const struct cmtp_limits limits = { .message_bytes = 1000 };
	struct slice piece = SLICE_NONE, users_left, user;
	struct cmtp_parser p;
	enum cmtp_event ev;
	struct buf object;

	buf_init(&object, 1000);
	cmtp_parser_init(&p, &limits);
	p.speaks_2 = true;
	while ((ev = cmtp_parser_next(&p, &piece)) != CMTP_EV_END2) {
		assert_int_not_equal(ev, CMTP_EV_FAULT);
		if (ev == CMTP_EV_MORE) {
			assert_true(in.n > 0);
			piece = slice_head(in, step);
			in = slice_from(in, piece.n);
		} else if (ev == CMTP_EV_MAIL2) {
			assert_int_equal(p.mail2.time_s, SENT);
			assert_int_equal(p.mail2.serial, 1);
			assert_slice(p.mail2.source_user, "bob");
			assert_slice(p.mail2.source_domain, "peer.test");
			assert_slice(p.mail2.domain, "example.test");
			users_left = p.mail2.users;
			assert_true(cmtp2_mail_user(&users_left, &user));
			assert_slice(user, "alice");
			assert_true(cmtp2_mail_user(&users_left, &user));
			assert_slice(user, "carol");
			assert_false(cmtp2_mail_user(&users_left, &user));
			assert_int_equal(p.postage.n, is_paid ? CMTP2_POSTAGE_BYTES : 0);
		} else {
			assert_int_equal(ev, CMTP_EV_DATA);
			buf_put_slice(&object, p.piece);
		}
	}
	assert_int_equal(piece.n + in.n, 0);
	assert_true(cmtp_parser_is_idle(&p));
	assert_true(slice_eq(p.envelope, vector("envelope")));
	assert_true(slice_eq(buf_slice(&object), vector("object")));
	expect_proof(&p);
	cmtp_parser_fini(&p);
	buf_fini(&object);
}

static void
test_mail(void **state)
{
	(void)state;
	for (size_t step = 1; step <= vector("request_MAIL2_paid").n; step++) {
		read_mail(vector("request_MAIL2"), step, false);
		read_mail(vector("request_MAIL2_paid"), step, true);
		read_mail(vector("request_MAIL2_mac"), step, false);
	}
	open_object(vector("object"), 0);
	open_object(vector("object"), 1);
}

static void
read_answer(const char *name, enum cmtp2_what what, struct cmtp2_proof of)
{
	unsigned char digest[CMTP_DIGEST_BYTES];
	const struct cmtp2_asked asked = { digest, &of, &pact };
	struct slice in = vector(name);
	struct cmtp2_answer a;

	memcpy(digest, vector("mail_digest").p, sizeof(digest));
	for (size_t n = 0; n < in.n; n++) {
		struct slice part = slice_head(in, n);

		assert_int_equal(cmtp2_answer_read(&a, 2, &part), ERR_SHORT);
		assert_int_equal(part.n, n);
	}
	assert_int_equal(cmtp2_answer_read(&a, 2, &in), ERR_OK);
	assert_int_equal(in.n, 0);
	assert_int_equal(a.what, what);
	assert_int_equal(cmtp2_answer_verify(&a, &asked, server.public_key), ERR_OK);
	digest[31] ^= 1;	/* a reply that was given to another request */
	assert_int_equal(cmtp2_answer_verify(&a, &asked, server.public_key), ERR_CORRUPT);
	digest[31] ^= 1;
	of.share[0] ^= 1;	/* or to another share */
	assert_int_equal(cmtp2_answer_verify(&a, &asked, server.public_key),
	    of.kind == CMTP2_MAC ? ERR_OK : ERR_CORRUPT);
	of.share[0] ^= 1;
	pact.number++;		/* or number */
	assert_int_equal(cmtp2_answer_verify(&a, &asked, server.public_key),
	    of.kind == CMTP2_MAC ? ERR_CORRUPT : ERR_OK);
	pact.number--;
	of.kind = CMTP2_SIGNED;	/* nobody takes a MAC who did not send one */
	assert_int_equal(cmtp2_answer_verify(&a, &asked, server.public_key),
	    a.proof.kind == CMTP2_MAC ? ERR_CORRUPT : ERR_OK);
	of.kind = a.proof.kind;
	a.what = what == CMTP2_REFUSED ? CMTP2_STATUSES : CMTP2_REFUSED;
	assert_int_equal(cmtp2_answer_verify(&a, &asked, server.public_key), ERR_CORRUPT);
}

static void
test_answers(void **state)
{
	(void)state;
	read_answer("reply_MAIL2", CMTP2_STATUSES, request_proof);
	read_answer("reply_MAIL2_refused", CMTP2_REFUSED, request_proof);
	read_answer("reply_MAIL2_postage", CMTP2_POSTAGE, request_proof);
	read_answer("reply_MAIL2_mac", CMTP2_STATUSES, (struct cmtp2_proof){ .kind = CMTP2_MAC });
}

/* Both halves make the same of it; what was not signed so makes another, or none. */
static void
test_pact(void **state)
{
	struct slice in = vector("reply_MAIL2");
	struct cmtp2_pact p = { .stands = false };
	unsigned char digest[CMTP_DIGEST_BYTES];
	struct cmtp2_proof request = request_proof;
	struct cmtp2_answer a;

	(void)state;
	memcpy(digest, vector("mail_digest").p, sizeof(digest));
	assert_int_equal(cmtp2_answer_read(&a, 2, &in), ERR_OK);
	assert_int_equal(cmtp2_pact_make(&p, &halves[1], digest, &request, &a.proof), ERR_OK);
	assert_memory_equal(p.key, pact.key, sizeof(p.key));
	assert_int_equal(p.number, 0);
	a.proof.sig[0] ^= 1;
	assert_int_equal(cmtp2_pact_make(&p, &halves[1], digest, &request, &a.proof), ERR_OK);
	assert_memory_not_equal(p.key, pact.key, sizeof(p.key));
	a.proof.sig[0] ^= 1;
	digest[0] ^= 1;
	assert_int_equal(cmtp2_pact_make(&p, &halves[1], digest, &request, &a.proof), ERR_OK);
	assert_memory_not_equal(p.key, pact.key, sizeof(p.key));
	memset(request.share, 0, sizeof(request.share));
	assert_false(cmtp2_proof_has_share(&request));
	assert_int_equal(cmtp2_pact_make(&p, &halves[1], digest, &request, &a.proof), ERR_CORRUPT);
	assert_false(p.stands);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_answers), cmocka_unit_test(test_pact),
	};

	if (argc > 1 && strcmp(argv[1], "-p") == 0) {
		(void)setup(NULL);
		print_golden();
		return teardown(NULL);
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
