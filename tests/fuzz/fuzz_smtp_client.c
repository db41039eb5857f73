/* SPDX-License-Identifier: ISC */
/*
 * A server of any bytes against a client with two messages: no crash, no
 * hang, every recipient told of once, and the same output and effects however
 * its bytes are split.  Byte 0 chooses the connection, byte 1 the pieces; a
 * 0x01 ends what the server says at once, a 0x02 is a passed deadline, a 0x03
 * the end of input, a 0x04 frees a clogged output.  What is spoken out of turn
 * is known only while it is in one piece: such runs are not compared.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/cry.h"
#include "tests/unit/smtp/fake_client.h"

#define RCPTS	3

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct smtp_client_rcpt rcpts[RCPTS] = {
	{ .address = { "1@b.example", 11 }, .notify = SMTP_CLIENT_FAILURE },
	{ .address = { "\xc3\xa9@b.example", 12 }, .orcpt = { "utf-8;\xc3\xa9@b", 10 } },
	{ .address = { "3@b.example", 11 }, .orcpt = { "rfc822;3@b", 10 } }
};

static void
set_up(struct fake_client *f, uint8_t kind)
{
	fake_client_init(f);
	f->config.tls = (enum smtp_client_tls)(kind & 3);
	f->config.is_lmtp = (kind & 4) != 0;
	if ((kind & 8) != 0) {
		f->config.user = SLICE_LIT("user");
		f->config.mechanisms = SASL_LOGIN | SASL_XOAUTH2 | SASL_PLAIN;
	}
	f->message_count = 2;
	for (unsigned i = 0; i < f->message_count; i++)
		f->messages[i] = (struct smtp_client_message){ .sender = SLICE_LIT("x@a"),
		    .size = 20, .rcpts = rcpts, .rcpt_count = RCPTS,
		    .flags = (kind & 16) != 0 ? SMTP_CLIENT_BINARY : SMTP_CLIENT_8BIT };
	f->body = SLICE_LIT("A: b\r\n\r\n.c\r\nd\r\n");
	f->piece = (kind & 32) != 0 ? 3 : 100;
	f->body_later = (kind & 64) != 0;
	f->is_clogged = (kind & 128) != 0;
	smtp_client_start(&f->c);
}

static void
run(struct fake_client *f, uint8_t kind, struct slice in, size_t step)
{
	size_t n;

	set_up(f, kind);
	while (in.n > 0) {
		for (n = 0; n < in.n && (in.p[n] < 1 || in.p[n] > 4); n++)
			;
		fake_client_feed(f, slice_head(in, n), step);
		if (n == in.n)
			break;
		if (in.p[n] == 2)
			smtp_client_on_deadline(&f->c);
		else if (in.p[n] == 3)
			smtp_client_on_eof(&f->c);
		else if (in.p[n] == 4) {
			f->is_clogged = false;
			smtp_client_on_drained(&f->c);
		}
		fake_client_turn(f);
		in = slice_from(in, n + 1);
	}
	smtp_client_on_eof(&f->c);
}

static size_t
count_of(const struct fake_client *f, const char *what)
{
	struct slice s = buf_slice(&f->log), w = slice_str(what);
	size_t n = 0, at;

	while ((at = slice_search(s, w)) < s.n) {
		n++;
		s = slice_from(s, at + 1);
	}
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool is_ready;
	struct fake_client whole, cut;
	struct slice in;

	if (!is_ready)
		cry_init();
	is_ready = true;
	if (n < 2)
		return 0;
	in = slice_of(data + 2, n - 2);
	run(&whole, data[0], in, in.n);
	run(&cut, data[0], in, 1 + data[1] % 16);
	if (!whole.is_closed || !cut.is_closed)
		abort();
	/* Each message that was given is done; fake_client looks at its recipients. */
	if (count_of(&whole, "\ndone\n") != whole.given)
		abort();
	if (whole.out.n > 65536 || cut.out.n > 65536)
		abort();
	if (count_of(&whole, "out of turn") == 0 && count_of(&cut, "out of turn") == 0 &&
	    (!slice_eq(buf_slice(&whole.out), buf_slice(&cut.out)) ||
	    !slice_eq(buf_slice(&whole.log), buf_slice(&cut.log)) ||
	    !slice_eq(buf_slice(&whole.phases), buf_slice(&cut.phases))))
		abort();
	fake_client_fini(&whole);
	fake_client_fini(&cut);
	return 0;
}
