/* SPDX-License-Identifier: ISC */
/*
 * CMTP 2 from strangers: every limit at one more, numbers that lie, and what
 * is no reply.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/cmtp/cmtp2_answer.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp2_postage.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/cmtp_put.h"

#define OBJECT_MAX	5000
#define ROOM		(64u << 10)

static const struct cmtp_limits limits = { .message_bytes = OBJECT_MAX };

/* ---- requests */

/* All events in words, the input given in pieces of so many bytes. */
static void
tell(struct slice in, size_t step, bool speaks_2, struct buf *out)
{
	struct slice piece = SLICE_NONE;
	struct cmtp_parser p;
	enum cmtp_event ev;
	uint64_t data = 0;

	cmtp_parser_init(&p, &limits);
	p.speaks_2 = speaks_2;
	while ((ev = cmtp_parser_next(&p, &piece)) != CMTP_EV_FAULT) {
		assert_true(p.text.n <= CMTP_TEXT_MAX && !p.text.full);
		if (ev == CMTP_EV_MORE && in.n == 0)
			break;
		if (ev == CMTP_EV_MORE) {
			piece = slice_head(in, step);
			in = slice_from(in, piece.n);
		} else if (ev == CMTP_EV_COMMAND && p.verb == CMTP_KEYREQUEST2) {
			buf_printf(out, "ask(%.*s)(%.*s)%c%llu ", SLICE_FMT(p.param[0]),
			    SLICE_FMT(p.param[1]), p.nonce.p[31], (unsigned long long)p.known);
		} else if (ev == CMTP_EV_COMMAND && p.verb == CMTP_REGISTER2) {
			buf_printf(out, "register(%.*s)(%.*s)(%.*s)%zu%c ", SLICE_FMT(p.param[0]),
			    SLICE_FMT(p.param[1]), SLICE_FMT(p.param[2]), p.fixed.n, p.fixed.p[31]);
			cmtp_parser_forget(&p);
		} else if (ev == CMTP_EV_COMMAND && p.verb == CMTP_LOGIN2) {
			buf_printf(out, "login(%.*s)(%.*s)%zu%c ", SLICE_FMT(p.param[0]),
			    SLICE_FMT(p.param[1]), p.fixed.n, p.fixed.p[95]);
		} else if (ev == CMTP_EV_COMMAND && p.verb == CMTP_PROOF2) {
			buf_printf(out, "proof(%zu)%c ", p.fixed.n, p.fixed.p[63]);
		} else if (ev == CMTP_EV_COMMAND && p.verb == CMTP_RECORD2) {
			buf_printf(out, "record(%zu)%zu ", p.fixed.n, p.bundle.n);
			cmtp_parser_forget(&p);
		} else if (ev == CMTP_EV_COMMAND) {
			buf_printf(out, "%s ", cmtp_verb_name(p.verb));
		} else if (ev == CMTP_EV_MAIL2) {
			buf_printf(out, "to=%u users=%zu postage=%zu ", p.mail2.destinations,
			    p.mail2.users.n, p.postage.n);
		} else if (ev == CMTP_EV_DATA) {
			data += p.piece.n;
		} else if (ev == CMTP_EV_END2) {
			buf_printf(out, "end=%llu%c%c ", (unsigned long long)data, '0' + (char)p.proof.kind,
			    p.proof.kind == CMTP2_MAC ? p.proof.mac[31] : p.proof.sig[63]);
			data = 0;
		}
	}
	if (ev == CMTP_EV_FAULT)
		buf_printf(out, "fault=%s", p.fault);
	cmtp_parser_fini(&p);
}

/* In pieces of each small size, and whole. */
static void
expect(const struct buf *in, const char *want)
{
	struct buf got;

	for (size_t step = 1; step <= in->n; step += step < 40 ? 1 : in->n) {
		buf_init(&got, 2000);
		tell(buf_slice(in), step, true, &got);
		assert_slice(buf_slice(&got), want);
		buf_fini(&got);
	}
}

static void
expect_free(struct buf *in, const char *want)
{
	expect(in, want);
	buf_fini(in);
}

static void
put_bytes(struct buf *b, size_t n, char c)
{
	while (n-- > 0)
		buf_put_char(b, c);
}

static void
put_proof(struct buf *b, char kind)
{
	buf_put_char(b, kind);
	if (kind == CMTP2_SIGNED)
		put_bytes(b, 32 + 64, 's');
	else
		put_bytes(b, 32, 'm');
}

static void
put_head(struct buf *b, uint32_t version, uint32_t destinations, uint64_t object, unsigned postage)
{
	unsigned char head[CMTP2_HEAD_BYTES] = { 0 };

	buf_init(b, ROOM);
	enc_be32(head, version);
	enc_be32(head + 4, destinations);
	enc_be64(head + 24, object);
	head[32] = (unsigned char)(postage >> 8);
	head[33] = (unsigned char)postage;
	buf_put(b, "MAIL2", 6);
	buf_put(b, head, sizeof(head));
}

static void
put_names(struct buf *b, unsigned destinations, size_t bytes)
{
	for (unsigned i = 0; i < CMTP2_NAMES + destinations; i++) {
		put_bytes(b, bytes, 'n');
		buf_put_char(b, '\0');
	}
}

static void
test_keyrequest(void **state)
{
	struct buf b, got;

	(void)state;
	buf_init(&b, ROOM);
	buf_put(&b, "KEYREQUEST2\0alice\0example.test", 31);
	put_bytes(&b, 32, '\0');
	b.mem[b.off + b.n - 1] = '!';
	put_bytes(&b, 7, '\0');
	buf_put(&b, "\5NOOP", 6);
	expect(&b, "ask(alice)(example.test)!5 NOOP ");
	/* Where version 2 is not spoken there is no such command. */
	buf_init(&got, 2000);
	tell(buf_slice(&b), b.n, false, &got);
	assert_slice(buf_slice(&got), "fault=unknown_command");
	buf_reset(&b);
	buf_put(&b, "MAIL2", 6);
	buf_reset(&got);
	tell(buf_slice(&b), b.n, false, &got);
	assert_slice(buf_slice(&got), "fault=unknown_command");
	buf_fini(&got);
	/* The domain is never left out here. */
	buf_reset(&b);
	buf_put(&b, "KEYREQUEST2\0\0", 14);
	put_bytes(&b, 39, '!');
	expect(&b, "");
	buf_put(&b, "!OBAI", 6);
	expect(&b, "ask()()!2387225703656530209 OBAI ");
	buf_reset(&b);
	buf_put_str(&b, "KEYREQUEST2S");
	expect_free(&b, "fault=unknown_command");
}

static void
test_login(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, ROOM);
	buf_put(&b, "LOGIN2\0alice\0example.test", 26);
	put_bytes(&b, 95, '\0');
	buf_put_str(&b, "!");
	buf_put(&b, "PROOF2", 7);
	put_bytes(&b, 63, '\0');
	buf_put_str(&b, "?");
	buf_put(&b, "REGISTER2\0\0\0a pass", 19);
	put_bytes(&b, 31, 'x');
	buf_put_str(&b, "#");
	buf_put(&b, "RECORD2", 8);
	put_bytes(&b, 192, '\0');
	buf_put(&b, "\0\3abcNOOP", 10);
	expect(&b, "login(alice)(example.test)96! proof(64)? register()()(a pass)32# record(192)3 NOOP ");
	/* A bundle as large as can be, and one more. */
	buf_reset(&b);
	buf_put(&b, "RECORD2", 8);
	put_bytes(&b, 192, '\0');
	buf_put(&b, "\10\0", 2);
	put_bytes(&b, CMTP2_BUNDLE_MAX, 'b');
	buf_put(&b, "OBAI", 5);
	expect(&b, "record(192)2048 OBAI ");
	buf_reset(&b);
	buf_put(&b, "RECORD2", 8);
	put_bytes(&b, 192, '\0');
	buf_put(&b, "\10\1", 2);
	expect(&b, "fault=bundle_length");
	buf_reset(&b);
	buf_put(&b, "REGISTER2\0\0\0", 12);
	put_bytes(&b, CMTP_PARAM_MAX + 1, 'p');
	expect(&b, "fault=parameter_length");
	buf_reset(&b);
	buf_put(&b, "LOGIN2\0\377", 8);
	buf_put_char(&b, '\0');
	expect_free(&b, "fault=utf8");
}

static void
test_mail(void **state)
{
	struct buf b, two;

	(void)state;
	put_head(&b, 2, 1, 66, 0);
	put_names(&b, 1, 2);
	put_bytes(&b, 66, 'o');
	put_proof(&b, CMTP2_SIGNED);
	buf_put(&b, "NOOP", 5);
	expect_free(&b, "to=1 users=3 postage=0 end=661s NOOP ");
	put_head(&b, 2, 1, 66, 0);
	put_names(&b, 1, 2);
	put_bytes(&b, 66, 'o');
	put_proof(&b, CMTP2_MAC);
	buf_put(&b, "NOOP", 5);
	expect_free(&b, "to=1 users=3 postage=0 end=662m NOOP ");
	/* As large as can be, and one after the other. */
	put_head(&b, 2, CMTP2_DESTINATIONS_MAX, OBJECT_MAX, CMTP2_POSTAGE_BYTES);
	put_names(&b, CMTP2_DESTINATIONS_MAX, CMTP_PARAM_MAX);
	put_bytes(&b, CMTP2_POSTAGE_BYTES + OBJECT_MAX, 'o');
	put_proof(&b, CMTP2_MAC);
	expect(&b, "to=100 users=25600 postage=40 end=50002m ");
	buf_init(&two, 2 * b.n);
	buf_put_slice(&two, buf_slice(&b));
	buf_put_slice(&two, buf_slice(&b));
	buf_fini(&b);
	expect_free(&two, "to=100 users=25600 postage=40 end=50002m to=100 users=25600 postage=40 end=50002m ");
}

static void
test_mail_that_lies(void **state)
{
	static const struct {
		uint32_t	 version, destinations;
		uint64_t	 object;
		unsigned	 postage;
		const char	*want;
	} heads[] = {
		{ 1, 1, 66, 0, "fault=version" },
		{ 3, 1, 66, 0, "fault=version" },
		{ 2, 0, 66, 0, "fault=destinations" },
		{ 2, CMTP2_DESTINATIONS_MAX + 1, 66, 0, "fault=destinations" },
		{ 2, UINT32_MAX, 66, 0, "fault=destinations" },
		{ 2, 1, OBJECT_MAX + 1, 0, "fault=size" },
		{ 2, 1, UINT64_MAX, 0, "fault=size" },
		{ 2, 1, CMTP2_OBJECT_MIN - 1, 0, "fault=object_length" },
		{ 2, 1, 0, 0, "fault=object_length" },
		{ 2, 1, 66, CMTP2_POSTAGE_BYTES + 1, "fault=postage_length" },
		{ 2, 1, 66, CMTP2_POSTAGE_BYTES - 1, "fault=postage_length" },
		{ 2, 1, 66, UINT16_MAX, "fault=postage_length" },
	};
	static const char no_kinds[] = { 0, CMTP2_MAC + 1, 's', '\377' };
	struct buf b;

	(void)state;
	for (unsigned i = 0; i < lengthof(heads); i++) {
		put_head(&b, heads[i].version, heads[i].destinations, heads[i].object, heads[i].postage);
		expect_free(&b, heads[i].want);
	}
	/* A proof of no kind. */
	for (unsigned i = 0; i < lengthof(no_kinds); i++) {
		put_head(&b, 2, 1, 66, 0);
		put_names(&b, 1, 2);
		put_bytes(&b, 66, 'o');
		buf_put_char(&b, no_kinds[i]);
		expect_free(&b, "to=1 users=3 postage=0 fault=proof");
	}
	put_head(&b, 2, 2, 66, 0);
	put_names(&b, 1, 5);
	put_bytes(&b, CMTP_PARAM_MAX + 1, 'n');
	expect_free(&b, "fault=parameter_length");
	put_head(&b, 2, 2, 66, 0);
	put_names(&b, 1, 5);
	buf_put(&b, "\xff", 2);
	expect_free(&b, "fault=utf8");
}

/* ---- as an envelope that was kept */

static void
test_envelope(void **state)
{
	struct slice names[CMTP2_DESTINATIONS_MAX + 1], whole;
	struct cmtp2_mail m = { .destinations = CMTP2_DESTINATIONS_MAX }, again;
	char name[CMTP_PARAM_MAX + 1];
	struct buf b;

	(void)state;
	memset(name, 'n', sizeof(name));
	for (unsigned i = 0; i < lengthof(names); i++)
		names[i] = slice_of(name, CMTP_PARAM_MAX);
	m.source_user = m.source_domain = m.domain = names[0];
	buf_init(&b, ROOM);
	assert_int_equal(cmtp2_mail_put(&b, &m, names), ERR_OK);
	assert_int_equal(b.n, CMTP2_ENVELOPE_MAX);
	assert_int_equal(cmtp2_mail_read(&again, buf_slice(&b)), ERR_OK);
	assert_int_equal(again.users.n, CMTP2_DESTINATIONS_MAX * (CMTP_PARAM_MAX + 1));
	whole = buf_slice(&b);
	for (size_t n = 0; n < whole.n; n += n < 400 ? 1 : 97)
		assert_int_equal(cmtp2_mail_read(&again, slice_head(whole, n)), ERR_SYNTAX);
	buf_put_char(&b, '\0');
	assert_int_equal(cmtp2_mail_read(&again, buf_slice(&b)), ERR_SYNTAX);
	buf_data(&b)[33] = 40;
	assert_int_equal(cmtp2_mail_read(&again, slice_head(buf_slice(&b), b.n - 1)), ERR_SYNTAX);
	buf_data(&b)[33] = 0;
	buf_data(&b)[7]++;
	assert_int_equal(cmtp2_mail_read(&again, buf_slice(&b)), ERR_LIMIT);
	buf_data(&b)[3] = 1;
	assert_int_equal(cmtp2_mail_read(&again, buf_slice(&b)), ERR_VERSION);
	buf_reset(&b);
	m.destinations++;
	assert_int_equal(cmtp2_mail_put(&b, &m, names), ERR_LIMIT);
	m.destinations = 0;
	assert_int_equal(cmtp2_mail_put(&b, &m, names), ERR_LIMIT);
	m.destinations = 2;
	names[1] = slice_of(name, sizeof(name));
	assert_int_equal(cmtp2_mail_put(&b, &m, names), ERR_SYNTAX);
	names[1] = slice_of("a\0b", 3);
	assert_int_equal(cmtp2_mail_put(&b, &m, names), ERR_SYNTAX);
	names[1] = SLICE_LIT("\xc0");
	assert_int_equal(cmtp2_mail_put(&b, &m, names), ERR_SYNTAX);
	buf_fini(&b);
}

/* ---- replies */

static enum err
keys(const char *bytes, size_t n)
{
	struct slice in = slice_of(bytes, n);
	struct cmtp2_keys_reply r;

	return cmtp2_keys_read(&r, &in);
}

static void
test_keys(void **state)
{
	const unsigned char sig[64] = { 0 };
	struct cmtp2_keys_reply r;
	struct slice in;
	struct buf b;

	(void)state;
	assert_int_equal(keys("", 0), ERR_SHORT);
	assert_int_equal(keys("\0\0\0\1\0\0", 6), ERR_VERSION);
	assert_int_equal(keys("\0\0\0\2\4\0", 6), ERR_SYNTAX);
	assert_int_equal(keys("\0\0\0\2\3\0", 6), ERR_SHORT);
	assert_int_equal(keys("\0\0\0\2\0\20", 6), ERR_SHORT);
	assert_int_equal(keys("\0\0\0\2\0\21", 6), ERR_SYNTAX);
	assert_int_equal(keys("\0\0\0\2\0\1\2", 7), ERR_VERSION);	/* a record of format 2 */
	assert_int_equal(keys("SUCCESS", 7), ERR_SHORT);
	assert_int_equal(keys("EHLO", 4), ERR_SYNTAX);
	buf_init(&b, 200);
	cmtp_put_status(&b, false, sig);
	in = buf_slice(&b);
	assert_int_equal(cmtp2_keys_read(&r, &in), ERR_OK);
	assert_true(r.is_failure && in.n == 0);
	assert_int_equal(cmtp2_keys_verify(&r, NULL, sig), ERR_CORRUPT);
	buf_reset(&b);
	cmtp_put_status(&b, true, sig);
	assert_int_equal(keys(buf_data(&b), b.n), ERR_SYNTAX);
	buf_fini(&b);
}

static enum err
answer(enum cmtp2_what what, struct slice content, unsigned destinations)
{
	const struct cmtp2_proof proof = { .kind = CMTP2_SIGNED };
	struct cmtp2_answer a;
	struct slice in;
	struct buf b;
	enum err e;

	buf_init(&b, ROOM);
	cmtp2_answer_put(&b, what, content, &proof);
	in = buf_slice(&b);
	e = cmtp2_answer_read(&a, destinations, &in);
	buf_fini(&b);
	return e;
}

static void
test_answers(void **state)
{
	static const char *const bad[] = { "\2no end", "\1one", "\3three", "\2\x07", "\2\x7f", "\2\xff" };
	char text[CMTP2_TEXT_MAX + 2];
	struct buf b;

	(void)state;
	buf_init(&b, ROOM);
	memset(text, 't', sizeof(text));
	for (unsigned i = 0; i < CMTP2_DESTINATIONS_MAX; i++)
		cmtp2_answer_put_status(&b, 2, slice_of(text, sizeof(text)));
	assert_int_equal(b.n, CMTP2_CONTENT_MAX);
	assert_int_equal(answer(CMTP2_STATUSES, buf_slice(&b), 100), ERR_OK);
	assert_int_equal(answer(CMTP2_STATUSES, buf_slice(&b), 99), ERR_SYNTAX);
	assert_int_equal(answer(CMTP2_STATUSES, buf_slice(&b), 101), ERR_SYNTAX);
	assert_int_equal(answer(CMTP2_REFUSED, buf_slice(&b), 100), ERR_SYNTAX);
	assert_int_equal(answer(CMTP2_POSTAGE, buf_slice(&b), 100), ERR_SYNTAX);
	assert_int_equal(answer((enum cmtp2_what)0, SLICE_NONE, 0), ERR_SYNTAX);
	assert_int_equal(answer(CMTP2_STALE, SLICE_NONE, 0), ERR_SYNTAX);
	assert_int_equal(answer(CMTP2_BY_SMTP, SLICE_NONE, 0), ERR_SYNTAX);
	assert_int_equal(answer((enum cmtp2_what)6, SLICE_NONE, 0), ERR_SYNTAX);
	for (unsigned i = 0; i < lengthof(bad); i++)
		assert_int_equal(answer(CMTP2_REFUSED, slice_of(bad[i], strlen(bad[i]) + (i > 0)), 1),
		    ERR_SYNTAX);
	buf_reset(&b);
	buf_put_char(&b, 5);		/* a text of a byte too many */
	put_bytes(&b, CMTP2_TEXT_MAX + 1, 't');
	buf_put_char(&b, '\0');
	assert_int_equal(answer(CMTP2_REFUSED, buf_slice(&b), 1), ERR_SYNTAX);
	/* What could not be read is not written. */
	buf_reset(&b);
	cmtp2_answer_put_status(&b, 4, slice_of("a\r\n\0\xc3\xa4", 6));
	assert_true(slice_eq(buf_slice(&b), slice_of("\4a   \xc3\xa4", 8)));
	buf_reset(&b);
	memset(text + CMTP2_TEXT_MAX - 1, 0xc3, 1);
	memset(text + CMTP2_TEXT_MAX, 0xa4, 1);
	cmtp2_answer_put_status(&b, 4, slice_of(text, CMTP2_TEXT_MAX + 1));
	assert_int_equal(b.n, 1 + CMTP2_TEXT_MAX - 1 + 1);
	buf_fini(&b);
}

static void
test_answer_heads(void **state)
{
	static const unsigned char no_proof[10] = { 0, 0, 0, 2, CMTP2_STATUSES, 0, 0, 0, 0, 3 };
	unsigned char head[9] = { 0, 0, 0, 2, CMTP2_STATUSES };
	struct slice in = slice_of(head, sizeof(head)), rest = in;
	struct cmtp2_answer a;

	(void)state;
	enc_be32(head + 5, CMTP2_CONTENT_MAX);
	assert_int_equal(cmtp2_answer_read(&a, 1, &rest), ERR_SHORT);
	enc_be32(head + 5, CMTP2_CONTENT_MAX + 1);
	assert_int_equal(cmtp2_answer_read(&a, 1, &rest), ERR_SYNTAX);
	enc_be32(head + 5, UINT32_MAX);
	assert_int_equal(cmtp2_answer_read(&a, 1, &rest), ERR_SYNTAX);
	/* Without content; behind it a proof of no kind, or none yet. */
	head[8] = head[7] = head[6] = head[5] = 0;
	assert_int_equal(cmtp2_answer_read(&a, 1, &rest), ERR_SHORT);
	rest = slice_of(no_proof, sizeof(no_proof));
	assert_int_equal(cmtp2_answer_read(&a, 1, &rest), ERR_SYNTAX);
	rest = in;
	head[3] = 3;
	assert_int_equal(cmtp2_answer_read(&a, 1, &rest), ERR_VERSION);
	rest = SLICE_LIT("FAILURE");
	assert_int_equal(cmtp2_answer_read(&a, 1, &rest), ERR_SHORT);
}

/* ---- postage */

static void
test_postage(void **state)
{
	const struct cmtp2_price asked = { .bits = 4, .kib = 8, .passes = 1, .expires_s = 5000 };
	unsigned char digest[32] = { 1 }, secret[32] = { 2 }, solution[CMTP2_POSTAGE_BYTES];
	struct slice s = slice_of(solution, sizeof(solution));
	struct cmtp2_price p = asked, now = asked;
	uint64_t counter = 0;

	(void)state;
	cmtp2_postage_ask(&p, digest, secret);
	while (cmtp2_postage_try(&p, digest, counter) == ERR_NOTFOUND)
		counter++;
	cmtp2_postage_solution(solution, &p, counter);
	now.expires_s = 0;
	assert_int_equal(cmtp2_postage_check(&now, s, digest, secret, 4999), ERR_OK);
	assert_int_equal(cmtp2_postage_try(&now, digest, cmtp2_postage_counter(s)), ERR_OK);
	assert_int_equal(cmtp2_postage_check(&now, s, digest, secret, 5000), ERR_AUTH);
	assert_int_equal(cmtp2_postage_check(&now, SLICE_NONE, digest, secret, 1), ERR_AUTH);
	now.bits++;		/* what was asked is too little now */
	assert_int_equal(cmtp2_postage_check(&now, s, digest, secret, 1), ERR_AUTH);
	now = asked;
	digest[0]++;		/* of another message */
	assert_int_equal(cmtp2_postage_check(&now, s, digest, secret, 1), ERR_AUTH);
	digest[0]--;
	secret[0]++;		/* asked by another server */
	assert_int_equal(cmtp2_postage_check(&now, s, digest, secret, 1), ERR_AUTH);
	secret[0]--;
	for (unsigned i = 0; i < CMTP2_NONCE_BYTES; i++) {
		solution[i] ^= 1;
		assert_int_equal(cmtp2_postage_check(&now, s, digest, secret, 1), ERR_AUTH);
		solution[i] ^= 1;
	}
}

static enum err
read_price(unsigned bits, uint32_t kib, uint32_t passes)
{
	struct cmtp2_price p = { .bits = (uint8_t)bits, .kib = kib, .passes = passes }, got;
	struct buf b;
	enum err e;

	buf_init(&b, 100);
	cmtp2_postage_put(&b, &p);
	assert_int_equal(b.n, CMTP2_PRICE_BYTES);
	e = cmtp2_postage_read(&got, buf_slice(&b));
	if (e == ERR_OK)
		assert_memory_equal(&got, &p, sizeof(p));
	assert_int_equal(cmtp2_postage_read(&got, slice_head(buf_slice(&b), b.n - 1)), ERR_SYNTAX);
	buf_data(&b)[0] = 2;
	assert_int_equal(cmtp2_postage_read(&got, buf_slice(&b)), ERR_UNSUPPORTED);
	buf_fini(&b);
	return e;
}

static void
test_prices(void **state)
{
	(void)state;
	assert_int_equal(read_price(CMTP2_PRICE_BITS_MAX, CMTP2_PRICE_KIB_MAX, CMTP2_PRICE_PASSES_MAX),
	    ERR_OK);
	assert_int_equal(read_price(0, CMTP2_PRICE_KIB_MIN, 1), ERR_OK);
	assert_int_equal(read_price(CMTP2_PRICE_BITS_MAX + 1, 8, 1), ERR_LIMIT);
	assert_int_equal(read_price(1, CMTP2_PRICE_KIB_MAX + 1, 1), ERR_LIMIT);
	assert_int_equal(read_price(1, 8, CMTP2_PRICE_PASSES_MAX + 1), ERR_LIMIT);
	assert_int_equal(read_price(1, CMTP2_PRICE_KIB_MIN - 1, 1), ERR_SYNTAX);
	assert_int_equal(read_price(1, 8, 0), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keyrequest), cmocka_unit_test(test_login),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_mail_that_lies),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_answer_heads),
		cmocka_unit_test(test_postage),
		cmocka_unit_test(test_prices),
	};

	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
