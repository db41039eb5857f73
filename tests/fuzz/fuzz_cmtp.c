/* SPDX-License-Identifier: ISC */
/*
 * A CMTP 1 stream, whole and in pieces of the first byte's size: the same
 * commands, no more data than announced, never more kept than CMTP_TEXT_MAX.
 * The same bytes as replies and as what boxes hold.
 */
#include <string.h>

#include "lib/base/must.h"
#include "lib/cmtp/cmtp_letter.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/cmtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define MESSAGE_MAX	4000

static const struct cmtp_limits limits = {
	.message_bytes = MESSAGE_MAX, .takes_plaintext = true
};

struct seen {
	unsigned	 events;	/* but MORE and DATA */
	uint64_t	 data;
	uint64_t	 of_message;
	bool		 is_faulty;
};

static bool
step(struct cmtp_parser *p, struct slice *piece, struct seen *s)
{
	enum cmtp_event ev = cmtp_parser_next(p, piece);

	must(p->text.n <= CMTP_TEXT_MAX && !p->text.full);
	switch (ev) {
	case CMTP_EV_MORE:
		must(piece->n == 0);
		return false;
	case CMTP_EV_DATA:
		must(p->piece.n > 0);
		s->data += p->piece.n;
		s->of_message += p->piece.n;
		must(s->of_message <= MESSAGE_MAX);
		return true;
	case CMTP_EV_FAULT:
		must(p->fault != NULL);
		s->is_faulty = true;
		return false;
	case CMTP_EV_MAIL:
		s->of_message = 0;
		must(p->log.n <= CMTP_LOG_MAX);
		break;
	case CMTP_EV_MAIL2:
		s->of_message = 0;
		must(p->envelope.n <= CMTP2_ENVELOPE_MAX);
		break;
	case CMTP_EV_COMMAND:
	case CMTP_EV_END2:
	case CMTP_EV_PART:
	case CMTP_EV_END:
		break;
	}
	s->events++;
	return true;
}

static struct seen
read_all(struct slice in, size_t bytes)
{
	struct cmtp_parser p;
	struct seen s = { 0, 0, 0, false };
	struct slice piece;

	cmtp_parser_init(&p, &limits);
	do {
		piece = slice_head(in, bytes);
		in = slice_from(in, piece.n);
		while (step(&p, &piece, &s))
			continue;
	} while (in.n > 0 && !s.is_faulty);
	cmtp_parser_fini(&p);
	return s;
}

static void
read_replies(struct slice in)
{
	for (enum cmtp_reply_form f = CMTP_REPLY_WORDS; f <= CMTP_REPLY_LOGIN; f++) {
		struct slice rest = in;
		struct cmtp_reply r;

		while (cmtp_reply_read(&r, f, &rest) == ERR_OK)
			must(rest.n < in.n);
	}
}

static void
read_letter(struct slice in)
{
	struct cmtp_letter l, again;
	struct slice name, data;
	struct buf b;

	cmtp_letter_read(&l, in);
	buf_init(&b, in.n + 2);
	must(cmtp_letter_put(&b, &l) == ERR_OK && !b.full);
	cmtp_letter_read(&again, buf_slice(&b));
	must(again.is_bare == l.is_bare && slice_eq(again.subject, l.subject));
	must(again.cc_count == l.cc_count);
	buf_fini(&b);
	if (cmtp_attachment_read(in, &name, &data) == ERR_OK)
		must(name.n + 1 + data.n == in.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct seen whole, pieces;
	struct slice in;

	if (n < 2)
		return 0;
	in = slice_of(data + 1, n - 1);
	whole = read_all(in, in.n);
	pieces = read_all(in, data[0] + 1u);
	must(whole.events == pieces.events && whole.is_faulty == pieces.is_faulty);
	must(whole.data == pieces.data);
	read_replies(in);
	read_letter(in);
	return 0;
}
