/* SPDX-License-Identifier: ISC */
/*
 * Stored values are hostile: every decoder of the store's pages, records,
 * journal and segment heads on the same bytes.  What is read whole and put
 * again must be read the same.
 */
#include <stdlib.h>
#include <string.h>

#include "store/blob_segment.h"
#include "store/kv_lmdb.h"
#include "store/store_journal.h"
#include "store/store_note.h"
#include "store/store_page.h"
#include "store/store_record.h"
#include "store/store_view.h"
#include "store/store_wide.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
pages(struct slice s)
{
	static struct page_hot hot, hot2;
	static struct page_cold cold;
	static struct page_dir dir;
	static struct page_gone gone, gone2;
	struct page_bytes b;

	if (page_hot_read(&hot, s) == ERR_OK) {
		(void)page_hot_at(&hot, 77);
		page_hot_put(&hot, &b);
		if (page_hot_read(&hot2, page_slice(&b)) != ERR_OK || hot2.n != hot.n)
			abort();
	}
	if (page_cold_read(&cold, s) == ERR_OK) {
		page_cold_put(&cold, &b);
		if (b.n != s.n || memcmp(b.b, s.p, s.n) != 0)
			abort();
	}
	if (page_dir_read(&dir, s) == ERR_OK) {
		(void)page_dir_at(&dir, 77);
		page_dir_put(&dir, &b);
	}
	if (page_gone_read(&gone, s) == ERR_OK) {
		page_gone_put(&gone, &b);
		if (page_gone_read(&gone2, page_slice(&b)) != ERR_OK || gone2.n != gone.n)
			abort();
	}
}

static void
wide_part(struct slice s)
{
	unsigned char more[STORE_MORE_BYTES];
	struct wide w = { 0 };
	struct page_bytes b;

	if (wide_read(&w, s, PAGE_HOT_ROWS) == ERR_OK) {
		for (unsigned i = 0; i < PAGE_HOT_ROWS; i += 53)
			(void)wide_set_row(&w, i, slice_of(more, wide_row(&w, i + 1, more)));
		wide_remove_row(&w, 7);
		if (w.n > 0)
			wide_put(&w, 0, &b);
	}
	wide_fini(&w);
}

static void
records(struct slice s)
{
	struct record_delivered delivered;
	struct record_account account;
	struct record_mailbox mailbox;
	struct record_content content;
	struct record_epoch epoch;
	struct record_name name;
	struct record_removal removal;
	struct note_epoch sealed;
	struct note_body body;
	struct buf b;

	buf_init(&b, RECORD_BYTES_MAX);
	if (record_account_read(&account, s) == ERR_OK) {
		record_account_put(&account, &b);
		/* Form 1 is written as form 2, with what follows as 0. */
		if (s.p[0] == 1 ? b.n != s.n + 8 : !slice_eq(buf_slice(&b), s))
			abort();
	}
	buf_reset(&b);
	if (record_content_read(&content, s) == ERR_OK) {
		record_content_put(&content, &b);
		/* The same, with the note's length. */
		if (s.p[0] == 1 ? b.n != s.n + 2 : !slice_eq(buf_slice(&b), s))
			abort();
	}
	(void)!note_body_read(&body, s);
	(void)!note_epoch_read(&sealed, s);
	(void)!record_mailbox_read(&mailbox, s);
	(void)!record_epoch_read(&epoch, s);
	(void)!record_name_read(&name, s);
	(void)!record_removal_read(&removal, s);
	(void)!record_delivered_read(&delivered, s);
	buf_fini(&b);
}

static void
streams(struct slice s)
{
	struct journal_batch batch;
	struct slice redo = s, value;
	struct blob_head head;
	struct view_set set;
	size_t offset = 0;
	struct kv_key key;
	unsigned shard;
	bool is_gone;

	while (journal_next(s, &offset, 0, &batch) == ERR_OK)
		if (batch.index.n > s.n || batch.bodies.n > s.n)
			abort();
	while (kv_redo_next(&redo, &shard, &key, &value, &is_gone) == ERR_OK)
		if (key.n > KV_KEY_MAX)
			abort();
	(void)!blob_head_read(&head, s);
	if (view_set_read(&set, s, 100) == ERR_OK) {
		for (unsigned i = 1; i < set.n; i++)
			if (set.ranges[i].first <= set.ranges[i - 1].last)
				abort();
		view_set_fini(&set);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_of(data, size);

	pages(s);
	wide_part(s);
	records(s);
	streams(s);
	return 0;
}
