/* SPDX-License-Identifier: ISC */
/*
 * Headers of messages, one after another, into entries, sort keys and threads;
 * and the same bytes as an entry, a card or a column block that comes back from disk.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/imap_card.h"
#include "imapd/imap_casemap.h"
#include "imapd/imap_column.h"
#include "imapd/imap_entry.h"
#include "imapd/imap_sort.h"
#include "imapd/imap_subject.h"
#include "imapd/imap_thread.h"
#include "lib/base/must.h"
#include "lib/mail/hdr.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define MESSAGES_MAX	200u

static const unsigned char salt[IMAP_SALT_BYTES];
static const struct imap_sort by = {
	.v = { { IMAP_SORT_SUBJECT, false }, { IMAP_SORT_DISPLAYFROM, true },
	    { IMAP_SORT_DATE, false }, { IMAP_SORT_CC, false } },
	.count = 4, .wants_entry = true,
};

/* Every number once, parentheses in pairs. */
static void
check_threads(struct slice s, uint32_t count)
{
	bool *seen = calloc(count + 1, sizeof(*seen));
	uint32_t found = 0, depth = 0;

	must(seen != NULL);
	for (size_t i = 0; i < s.n; i++) {
		uint32_t n = 0;

		depth += s.p[i] == '(';
		must(s.p[i] != ')' || depth > 0);
		depth -= s.p[i] == ')';
		if (!ascii_is_digit(s.p[i]))
			continue;
		for (; i < s.n && ascii_is_digit(s.p[i]); i++)
			n = n * 10 + (uint32_t)(s.p[i] - '0');
		i--;
		must(n >= 1 && n <= count && !seen[n]);
		seen[n] = true;
		found++;
	}
	must(depth == 0 && found == count);
	free(seen);
}

static void
try_entry(struct slice in)
{
	struct imap_column column;
	struct imap_memo_text card;
	struct imap_entry e;
	struct buf b, flat;
	bool is_reply;

	if (imap_column_get(&column, in) == ERR_OK) {
		buf_init(&b, in.n);
		imap_column_put(&b, &column);
		must(slice_eq(slice_from(buf_slice(&b), 4), slice_from(in, 4)));
		buf_fini(&b);
		while (imap_column_drop(&column))
			continue;
	}

	if (imap_card_get(&card, in) == ERR_OK) {
		buf_init(&b, in.n);
		must(in.n > IMAP_ENTRY_MAX || imap_card_put(&b, &card) == ERR_OK);
		must(in.n > IMAP_ENTRY_MAX || slice_eq(slice_from(buf_slice(&b), 2), slice_from(in, 2)));
		buf_fini(&b);
	}
	if (imap_entry_get(&e, in) == ERR_OK)
		for (size_t i = 0; i < IMAP_TEXT_COUNT; i++)
			must(e.text[i].n <= in.n);
	buf_init(&b, IMAP_CASEMAP_GROWTH * in.n + 64);
	buf_init(&flat, in.n + 64);
	imap_casemap(&b, in);
	must(buf_err(&b) == ERR_OK);
	imap_subject_flatten(&flat, in);
	must(imap_subject_base(buf_slice(&flat), &is_reply).n <= flat.n);
	buf_fini(&b);
	buf_fini(&flat);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = slice_of(data, n);
	struct imap_threader t[3];
	struct imap_sorter s;
	struct imap_found found;
	struct imap_entry_maker maker;
	struct buf b, out;
	uint32_t count = 0;

	try_entry(in);
	imap_sorter_init(&s, &by, 1u << 20);
	imap_found_init(&found, MESSAGES_MAX);
	buf_init(&b, IMAP_ENTRY_MAX);
	imap_entry_maker_init(&maker, NULL, salt);
	for (uint32_t i = 0; i < 3; i++)
		imap_threader_init(&t[i], (enum imap_threading)i, 100000);
	while (in.n > 0 && count < MESSAGES_MAX) {
		size_t len = hdr_length(in);
		struct imap_search_facts f = { .internal_s = in.p[0] };
		struct imap_entry e;

		f.uid = f.seq = ++count;
		buf_reset(&b);
		imap_entry_put(&maker, &b, slice_head(in, len));
		must(buf_err(&b) == ERR_OK && imap_entry_get(&e, buf_slice(&b)) == ERR_OK);
		imap_sorter_add(&s, &f, &e);
		for (uint32_t i = 0; i < 3; i++)
			imap_threader_add(&t[i], &f, &e, count);
		in = slice_from(in, len > 0 ? len : 1);
	}
	imap_sorter_end(&s, &found);
	must(found.count == count);
	for (uint32_t i = 0; i < 3; i++) {
		buf_init(&out, 1u << 20);
		imap_threader_put(&t[i], &out);
		check_threads(buf_slice(&out), count);
		buf_fini(&out);
	}
	imap_found_fini(&found);
	imap_entry_maker_fini(&maker);
	buf_fini(&b);
	return 0;
}
