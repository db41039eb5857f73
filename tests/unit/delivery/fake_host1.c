/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/cmtp/cmtp_put.h"
#include "lib/crypto/cry_box.h"
#include "tests/unit/delivery/fake_host1.h"

struct fake_host1 h;

void
fake_host1_pair(unsigned char seed, unsigned char public_key[CRY_KEY_BYTES],
    unsigned char secret[CRY_ED_SECRET_BYTES])
{
	unsigned char bytes[CRY_ED_SEED_BYTES] = { seed };

	cry_ed_pair(public_key, secret, bytes);
}

static void
sign(unsigned char sig[CRY_ED_SIG_BYTES], struct slice what)
{
	unsigned char key[CRY_KEY_BYTES], secret[CRY_ED_SECRET_BYTES];

	fake_host1_pair(h.server, key, secret);
	cry_ed_sign(sig, what, secret);
	sig[3] ^= h.bad_signature;
}

static void
put_status(struct buf *out, bool ok)
{
	unsigned char sig[CRY_ED_SIG_BYTES];

	sign(sig, cmtp_status_word(ok));
	cmtp_put_status(out, ok, sig);
}

static void
put_key(struct buf *out, struct slice user)
{
	unsigned char key[CRY_KEY_BYTES], secret[CRY_ED_SECRET_BYTES], sig[CRY_ED_SIG_BYTES];
	unsigned char seed = user.n == 0 ? h.server : slice_eq_str(user, "bob") ? h.bob :
	    slice_eq_str(user, "carol") ? h.carol : 0;

	if (seed == 0) {
		put_status(out, false);
		return;
	}
	fake_host1_pair(seed, key, secret);
	sign(sig, slice_of(key, sizeof(key)));
	cmtp_put_key(out, key, sig);
}

static void
open_box(void)
{
	unsigned char key[CRY_KEY_BYTES], secret[CRY_ED_SECRET_BYTES], box[CRY_KEY_BYTES],
	    box_secret[CRY_KEY_BYTES];
	struct buf *to = h.is_body ? &h.text : &h.file;
	char *at;

	if (h.box.n == 0)
		return;
	fake_host1_pair(slice_starts(slice_str(h.to), "bob") ? h.bob : h.carol, key, secret);
	assert_int_equal(cry_ed_box_public(box, key), ERR_OK);
	cry_ed_box_secret(box_secret, secret);
	buf_reset(to);
	at = buf_reserve(to, h.box.n - CRY_SEAL_BYTES + 1);
	assert_int_equal(cry_box_open((unsigned char *)at, buf_slice(&h.box), box, box_secret), ERR_OK);
	buf_commit(to, h.box.n - CRY_SEAL_BYTES);
	buf_reset(&h.box);
	h.is_body = false;
}

static void
keep_name(char dst[100], enum cmtp_mail_param user, enum cmtp_mail_param domain)
{
	assert_true(snprintf(dst, 100, "%.*s@%.*s", SLICE_FMT(h.parser.param[user]),
	    SLICE_FMT(h.parser.param[domain])) < 100);
}

/* One event of the stream; what is to be answered. */
static void
take(enum cmtp_event event, struct buf *out)
{
	if (event == CMTP_EV_COMMAND && h.parser.verb == CMTP_OHAI) {
		h.greets++;
		cmtp_put_version(out, "OHAI ", h.words != NULL ? h.words : "1");
	} else if (event == CMTP_EV_COMMAND && h.parser.verb == CMTP_KEYREQUEST) {
		put_key(out, h.parser.param[0]);
	} else if (event == CMTP_EV_MAIL) {
		keep_name(h.to, CMTP_TO_USER, CMTP_TO_DOMAIN);
		keep_name(h.from, CMTP_FROM_USER, CMTP_FROM_DOMAIN);
		h.attachments = h.parser.mail.attachments;
		assert_true(slice_to_cstr(slice_head(h.parser.log, h.parser.log.n - 1), h.log,
		    sizeof(h.log)));
		h.is_body = true;
	} else if (event == CMTP_EV_PART) {
		open_box();
	} else if (event == CMTP_EV_DATA) {
		buf_put_slice(&h.box, h.parser.piece);
	} else if (event == CMTP_EV_END) {
		open_box();
		h.mails++;
		if (!h.closes)
			put_status(out, !h.fails);
	} else {
		fail_msg("event %d", (int)event);
	}
}

static size_t
on_raw(void *arg, struct conn *c, struct slice in)
{
	enum cmtp_event event;
	struct slice rest = in;
	struct buf out;

	(void)arg;
	buf_init(&out, 10000);
	/* A message that was broken off is followed by a new connection. */
	if (in.n >= 5 && memcmp(in.p, "OHAI", 5) == 0) {
		cmtp_parser_fini(&h.parser);
		cmtp_parser_init(&h.parser, &h.limits);
	}
	while ((event = cmtp_parser_next(&h.parser, &rest)) != CMTP_EV_MORE)
		take(event, &out);
	conn_write(c, buf_slice(&out));
	buf_fini(&out);
	if (h.closes && h.mails > 0)
		conn_close(c, "fault");
	return in.n;
}

int
fake_host1_setup(void **state)
{
	int rc = fake_cmtp_setup(state);

	memset(&h, 0, sizeof(h));
	h.limits.message_bytes = 2 * FAKE_HOST1_TEXT_MAX;
	h.server = 1;
	h.bob = 2;
	cmtp_parser_init(&h.parser, &h.limits);
	buf_init(&h.box, 2 * FAKE_HOST1_TEXT_MAX);
	buf_init(&h.text, 2 * FAKE_HOST1_TEXT_MAX);
	buf_init(&h.file, 2 * FAKE_HOST1_TEXT_MAX);
	w->host.raw = on_raw;
	w->host.tls = NULL;
	w->host.ehlo = FAKE_HOST1_EHLO;
	return rc;
}

int
fake_host1_teardown(void **state)
{
	cmtp_parser_fini(&h.parser);
	buf_fini(&h.box);
	buf_fini(&h.text);
	buf_fini(&h.file);
	return fake_cmtp_teardown(state);
}
