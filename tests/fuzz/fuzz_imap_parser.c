/* SPDX-License-Identifier: ISC */
/*
 * A client's bytes into the lexer, and what it gives into every parser of
 * arguments.
 */
#include <stddef.h>
#include <stdint.h>

#include "imapd/imap_flags.h"
#include "imapd/imap_items.h"
#include "imapd/imap_judge.h"
#include "imapd/imap_lexer.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_return.h"
#include "imapd/imap_search.h"
#include "imapd/imap_seqset.h"
#include "lib/mail/imap_utf7.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
parse_all(struct slice text)
{
	static const struct imap_search_facts facts = { .seq = 1, .uid = 1, .top_seq = 3,
		.top_uid = 3 };

	for (int what = 0; what < 7; what++) {
		struct imap_parser p;
		struct arena a;
		struct imap_items items;
		struct imap_return ret;
		struct imap_search search;
		struct imap_flags flags;
		struct slice s;
		enum err e = ERR_OK;

		arena_init(&a, 8u << 20);
		imap_parser_init(&p, text, &a);
		(void)imap_parser_tag(&p);
		imap_parser_sp(&p);
		(void)imap_parser_atom(&p);
		switch (what) {
		case 0:
			imap_parser_sp(&p);
			imap_items_parse(&p, true, &items);
			break;
		case 1:
			imap_parser_sp(&p);
			imap_return_parse(&p, &ret);
			imap_search_parse(&p, &search);
			if (imap_parser_end(&p) && !search.bad_charset)
				(void)imap_search_judge(&search, &facts);
			break;
		case 2:
			imap_parser_sp(&p);
			imap_flags_parse(&p, true, &flags);
			break;
		case 3:
			imap_parser_sp(&p);
			s = imap_mailbox_parse(&p, &e);
			imap_parser_sp(&p);
			(void)imap_mailbox_match(imap_parser_list_mailbox(&p), s);
			break;
		case 4:
			imap_parser_sp(&p);
			imap_seqset_read(&p, &s);
			(void)imap_seqset_has(s, 2, 5);
			break;
		case 5:
			imap_parser_sp(&p);
			(void)imap_parser_datetime(&p);
			break;
		default:
			imap_parser_sp(&p);
			(void)imap_parser_date(&p);
		}
		(void)imap_parser_end(&p);
		arena_fini(&a);
	}
}

static void
feed(struct imap_lexer *l, struct slice in)
{
	while (in.n > 0) {
		enum imap_lex event;
		size_t n = imap_lexer_feed(l, in, &event);

		in = slice_from(in, n);
		if (event == IMAP_LEX_COMMAND) {
			parse_all(buf_slice(&l->text));
			imap_lexer_next(l);
		} else if (event == IMAP_LEX_LITERAL) {
			if (l->literal_bytes > 1000)
				imap_lexer_refuse(l);
			else if (l->literal_bytes % 7 == 3)
				imap_lexer_stream(l);
			else
				imap_lexer_accept(l);
		} else if (event == IMAP_LEX_DATA && l->data.n % 11 == 7) {
			imap_lexer_abandon(l);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct imap_lexer l;
	struct slice in = slice_of(data, n);
	size_t cut = n > 0 ? data[0] % n : 0;

	imap_lexer_init(&l);
	l.line_max = 4096;
	feed(&l, slice_head(in, cut));
	feed(&l, slice_from(in, cut));
	imap_lexer_fini(&l);
	parse_all(in);
	return 0;
}
