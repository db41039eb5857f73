/* SPDX-License-Identifier: ISC */
#include "imapd/imap_columns.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_object.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/ipc/key_proto.h"

#define KEY_STRIDE	33u
#define WRAPS_MAX	40000u
#define RUNS_MAX	(1u << 20)	/* bytes: of the rows that are read ahead */
#define GAP_MAX		2u		/* blocks read in vain rather than asked round */

struct page {
	struct list		 link;
	struct imap_columns	*owner;
	struct buf		 blocks;
	struct ipc_reader	 rd;
	unsigned char		*keys;
	uint32_t		 count, idx;
	bool			 keys_ready;
};

void
imap_columns_init(struct imap_columns *s, struct imap_cmd *c, const struct imap_walk_at *at,
    enum imap_column_kind kind)
{
	memset(s, 0, sizeof(*s));
	s->c = c;
	s->at = *at;
	s->kind = kind;
	list_init(&s->pages);
	buf_init(&s->runs, RUNS_MAX);
	buf_init(&s->plain, IMAP_COLUMN_MAX);
}

static void
page_free(struct page *p)
{
	list_remove(&p->link);
	p->owner->page_count--;
	if (p->keys != NULL)
		secret_wipe(p->keys, (size_t)p->count * KEY_STRIDE);
	free(p->keys);
	buf_fini(&p->blocks);
	free(p);
}

void
imap_columns_close(struct imap_columns *s)
{
	s->is_broken = true;
	imap_object_give_reader(s->c->s->shared, &s->reader);
}

void
imap_columns_fini(struct imap_columns *s)
{
	struct list *n, *tmp;

	if (s->c == NULL)
		return;
	imap_columns_close(s);
	LIST_EACH(n, tmp, &s->pages)
		page_free(obj_of(n, struct page, link));
	buf_fini(&s->runs);
	buf_wipe(&s->plain);
	buf_fini(&s->plain);
	s->c = NULL;
}

/* ---- requests ---- */

static void
on_keys(struct imap_session *ses, void *arg, const struct imap_reply *r)
{
	struct page *p = arg;
	const struct ipc_open_keys_reply *m = r->m;

	(void)ses;
	p->keys_ready = true;
	if (r->error != ERR_OK || r->type != IPC_MSG_open_keys_reply ||
	    m->keys.n != (size_t)p->count * KEY_STRIDE) {
		p->owner->is_broken = true;
		return;
	}
	p->keys = must_alloc(p->count, KEY_STRIDE);
	memcpy(p->keys, m->keys.p, m->keys.n);
}

static void
ask_keys(struct imap_columns *s, struct page *p, struct slice epochs)
{
	struct imap_session *ses = s->c->s;
	struct ipc_reader rd = p->rd;
	struct ipc_columns block;
	struct buf wraps;
	struct ipc_open_keys m = {
		.token = slice_of(ses->token, ses->token_bytes), .grant = s->at.grant,
		.epochs = epochs,
	};

	buf_init(&wraps, WRAPS_MAX);
	for (; ipc_reader_more(&rd); p->count++) {
		struct ipc_wrap wrap;

		ipc_columns_get(&rd, &block);
		wrap = (struct ipc_wrap){
			.content = block.content, .epoch = block.epoch,
			.generation = block.generation, .commitment = block.commitment,
			.wrapped = block.wrapped,
		};
		ipc_wrap_put(&wraps, &wrap);
	}
	m.wraps = buf_slice(&wraps);
	if (rd.bad || p->count > OPEN_KEYS_MAX || buf_err(&wraps) != ERR_OK ||
	    imap_session_call(ses, IPC_KEYD, IPC_MSG_open_keys, &m, NULL, 0, on_keys,
	    p) != ERR_OK)
		s->is_broken = true;
	buf_fini(&wraps);
}

static void
on_blocks(struct imap_session *ses, void *arg, const struct imap_reply *r)
{
	struct imap_columns *s = arg;
	const struct ipc_store_columns_reply *m = r->m;
	struct page *p;

	(void)ses;
	s->asked = false;
	if (s->is_broken || r->error != ERR_OK || r->type != IPC_MSG_store_columns_reply ||
	    (m->more && (m->resume <= s->answered || m->resume > s->run_last))) {
		s->is_broken = true;
		return;
	}
	if (m->more)
		s->answered = m->resume;
	else
		s->answered = s->run_last + 1;
	if (m->blocks.n > 0) {
		p = must_alloc(1, sizeof(*p));
		p->owner = s;
		list_push(&s->pages, &p->link);
		s->page_count++;
		buf_init(&p->blocks, m->blocks.n);
		buf_put_slice(&p->blocks, m->blocks);
		p->rd = ipc_reader_of(buf_slice(&p->blocks));
		ask_keys(s, p, m->epochs);
	}
	if (m->more)
		enc_le32(buf_data(&s->runs), m->resume);
	else
		buf_consume(&s->runs, 8);
	imap_columns_ask(s);
}

/* The first run stays in the list until all of it was answered. */
void
imap_columns_ask(struct imap_columns *s)
{
	struct ipc_store_columns m = {
		.handle = s->at.handle, .mailbox = s->at.mailbox, .kind = s->kind,
	};

	if (s->asked || s->is_broken || s->runs.n == 0 ||
	    s->page_count >= IMAP_COLUMNS_PAGES)
		return;
	m.first = dec_le32(buf_data(&s->runs));
	m.last = s->run_last = dec_le32(buf_data(&s->runs) + 4);
	s->asked = imap_session_call(s->c->s, IPC_STORE, IPC_MSG_store_columns, &m, NULL, 0,
	    on_blocks, s) == ERR_OK;
	s->is_broken = !s->asked;
}

void
imap_columns_want(struct imap_columns *s, uint32_t uid)
{
	uint32_t block = uid / IMAP_COLUMN_UIDS;
	size_t under_way = s->asked ? 8 : 0;
	unsigned char run[8];
	char *last;

	if (block < s->answered)
		return;
	if (s->runs.n > under_way) {
		last = buf_data(&s->runs) + s->runs.n - 4;
		if (block <= dec_le32(last) + GAP_MAX) {
			enc_le32(last, block);
			return;
		}
	} else if (s->asked && block <= s->run_last) {
		return;
	}
	enc_le32(run, block);
	enc_le32(run + 4, block);
	buf_put(&s->runs, run, sizeof(run));
	s->is_broken = s->is_broken || buf_err(&s->runs) != ERR_OK;
}

/* ---- blocks ---- */

/* The block that comes next opens, or it is as if it were not there. */
static void
open_block(struct imap_columns *s, struct page *p, const struct ipc_columns *block)
{
	const unsigned char *key = p->keys == NULL || p->keys[p->idx * KEY_STRIDE] != 1 ?
	    NULL : p->keys + p->idx * KEY_STRIDE + 1;

	buf_reset(&s->plain);
	s->has_block = true;
	s->block = block->block;
	s->column.present = 0;
	if (key == NULL || block->commitment.n != SEAL_COMMITMENT_BYTES)
		return;
	if (s->reader == NULL)
		s->reader = imap_object_take_reader(s->c->s->shared);
	if (seal_open(s->reader, key, block->data, (const unsigned char *)block->commitment.p,
	    IMAP_COLUMN_MAX, &s->plain) != ERR_OK ||
	    imap_column_get(&s->column, buf_slice(&s->plain)) != ERR_OK) {
		buf_reset(&s->plain);
		s->column.present = 0;
	}
}

/* ERR_OK: at that block; ERR_NOTFOUND: there is none; ERR_AGAIN. */
static enum err
go_to(struct imap_columns *s, uint32_t block)
{
	struct list *n;

	while ((n = list_first(&s->pages)) != NULL) {
		struct page *p = obj_of(n, struct page, link);
		struct ipc_reader rd = p->rd;
		struct ipc_columns next;

		if (p->idx == p->count) {
			page_free(p);
			imap_columns_ask(s);
			continue;
		}
		ipc_columns_get(&rd, &next);
		if (next.block > block)
			return ERR_NOTFOUND;
		if (!p->keys_ready)
			return ERR_AGAIN;
		if (next.block == block)
			open_block(s, p, &next);
		p->rd = rd;
		p->idx++;
		if (next.block == block)
			return ERR_OK;
	}
	imap_columns_ask(s);
	return s->asked && s->answered <= block ? ERR_AGAIN : ERR_NOTFOUND;
}

enum err
imap_columns_find(struct imap_columns *s, uint32_t uid, struct slice *bytes)
{
	uint32_t block = uid / IMAP_COLUMN_UIDS;
	unsigned i = uid % IMAP_COLUMN_UIDS;
	enum err e;

	if (!s->has_block || s->block != block) {
		s->has_block = false;
		e = s->is_broken ? ERR_NOTFOUND : go_to(s, block);
		if (e != ERR_OK)
			return s->is_broken ? ERR_NOTFOUND : e;
	}
	*bytes = s->column.entry[i];
	return s->column.present >> i & 1 ? ERR_OK : ERR_NOTFOUND;
}

enum err
imap_columns_entry(struct imap_columns *s, uint32_t uid, struct imap_entry *entry)
{
	struct slice bytes;
	enum err e = imap_columns_find(s, uid, &bytes);

	if (e == ERR_OK && imap_entry_get(entry, bytes) != ERR_OK)
		e = ERR_NOTFOUND;
	return e;
}

struct slice
imap_columns_plain(const struct imap_columns *s)
{
	return s->has_block ? buf_slice(&s->plain) : SLICE_NONE;
}
