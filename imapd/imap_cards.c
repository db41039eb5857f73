/* SPDX-License-Identifier: ISC */
#include "imapd/imap_cards.h"

#include "imapd/imap_card.h"
#include "lib/base/enc.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"

bool
imap_cards_are_worth(const struct imap_session *s, struct slice set, bool by_uid)
{
	uint64_t top = by_uid ? s->view.uidnext - 1 : s->view.exists, n = 0;

	for (size_t i = 0; i + 8 <= set.n && n < IMAP_CARDS_MIN; i += 8) {
		uint64_t first = dec_le32(set.p + i), last = dec_le32(set.p + i + 4);

		last = last < top ? last : top;
		n += first <= last ? last - first + 1 : 0;
	}
	/* Blocks would be sealed too, to a key that is not here. */
	return n >= IMAP_CARDS_MIN && s->view.exists >= IMAP_CARDS_MIN &&
	    s->view.exists <= IMAP_FOUND_MAX &&
	    s->view.guest == NULL && s->sealing != SEALING_CLIENT && !s->opens_nothing;
}

static void
on_rows(struct imap_walk *w, struct ipc_reader rd, void *arg)
{
	struct imap_cards *s = arg;
	struct ipc_row row;
	struct ipc_cold cold;
	struct ipc_content ct;

	while (imap_walk_read(w, &rd, &row, &cold, &ct))
		imap_columns_want(&s->columns, row.uid);
	imap_columns_ask(&s->columns);
}

void
imap_cards_start(struct imap_cards *s, struct imap_walk *w, uint8_t want)
{
	s->c = w->c;
	s->walk = w;
	s->phase = IMAP_CARDS_READING;
	s->want = w->want;
	w->want = want;
	w->wants_keys = false;
	w->on_rows = on_rows;
	w->arg = s;
	imap_columns_init(&s->columns, s->c, &w->at, IMAP_COLUMN_CARDS);
	imap_column_writer_init(&s->writer, s->c, &w->at, IMAP_COLUMN_CARDS);
	imap_found_init(&s->left, IMAP_FOUND_MAX);
	buf_init(&s->left_pairs, 8 * IMAP_FOUND_MAX);
	buf_init(&s->card, IMAP_ENTRY_MAX);
}

void
imap_cards_fini(struct imap_cards *s)
{
	if (s->phase == IMAP_CARDS_NONE)
		return;
	imap_columns_fini(&s->columns);
	imap_column_writer_fini(&s->writer);
	imap_found_fini(&s->left);
	buf_fini(&s->left_pairs);
	buf_wipe(&s->card);
	buf_fini(&s->card);
	s->phase = IMAP_CARDS_NONE;
}

enum err
imap_cards_find(struct imap_cards *s)
{
	const struct ipc_row *row = &s->walk->row;
	struct slice card;
	enum err e = imap_columns_find(&s->columns, row->uid, &card);

	if (e == ERR_AGAIN)
		return e;
	if (e == ERR_OK && imap_card_get(&s->text, card) == ERR_OK) {
		s->walk->kept = &s->text;
		return ERR_OK;
	}
	imap_column_writer_lacks(&s->writer, row->uid, imap_columns_plain(&s->columns));
	imap_found_add(&s->left, row->uid, row->seq, 0);
	return ERR_NOTFOUND;
}

enum err
imap_cards_again(struct imap_cards *s)
{
	struct imap_walk *w = s->walk;

	s->phase = IMAP_CARDS_MAKING;
	imap_columns_close(&s->columns);
	imap_walk_fini(w);
	if (s->left.count == 0)
		return ERR_END;
	imap_found_put_pairs(&s->left, 0, s->left.count, &s->left_pairs);
	imap_found_fini(&s->left);
	*w = (struct imap_walk){
		.set = buf_slice(&s->left_pairs), .by_uid = true, .want = s->want,
		.wants_keys = true,
	};
	imap_walk_start(w, s->c);
	return ERR_OK;
}

void
imap_cards_make(struct imap_cards *s, struct imap_message *m)
{
	struct imap_memo_text t;

	buf_reset(&s->card);
	if (imap_message_text(m, &t) && imap_card_put(&s->card, &t) == ERR_OK)
		imap_column_writer_add(&s->writer, s->walk->row.uid, buf_slice(&s->card));
}

bool
imap_cards_end(struct imap_cards *s)
{
	return imap_column_writer_end(&s->writer);
}
