/* SPDX-License-Identifier: ISC */
#include "imapd/imap_memo.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

struct entry {
	struct map_node		 node;
	uint64_t		 content;
	size_t			 bytes;
	struct imap_memo_text	 text;		/* of what stands behind */
};

struct imap_memo {
	struct map		 entries;
	size_t			 bytes;
	size_t			*shared;
	uint32_t		 seq_low, seq_high, uid_low, uid_high;	/* places */
};

struct imap_memo *
imap_memo_new(size_t *shared)
{
	struct imap_memo *m = must_alloc(1, sizeof(*m));

	map_init(&m->entries);
	m->shared = shared;
	return m;
}

void
imap_memo_free(struct imap_memo **pm)
{
	struct imap_memo *m = *pm;
	struct map_node *n, *next;
	size_t slot = 0;

	*pm = NULL;
	if (m == NULL)
		return;
	for (n = map_walk(&m->entries, &slot, NULL); n != NULL; n = next) {
		struct entry *e = obj_of(n, struct entry, node);

		next = map_walk(&m->entries, &slot, n);
		secret_wipe(e, e->bytes);
		free(e);
	}
	map_fini(&m->entries);
	*m->shared -= m->bytes;
	free(m);
}

void
imap_memo_add_place(struct imap_memo *m, uint32_t seq, uint32_t uid)
{
	if (m->uid_high == 0 || seq < m->seq_low)
		m->seq_low = seq;
	if (m->uid_high == 0 || uid < m->uid_low)
		m->uid_low = uid;
	m->seq_high = seq > m->seq_high ? seq : m->seq_high;
	m->uid_high = uid > m->uid_high ? uid : m->uid_high;
}

bool
imap_memo_may_have(const struct imap_memo *m, bool is_uid, uint32_t number)
{
	return m->uid_high != 0 && number >= (is_uid ? m->uid_low : m->seq_low) &&
	    number <= (is_uid ? m->uid_high : m->seq_high);
}

static struct slice
keep(char **at, struct slice s)
{
	char *p = *at;

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	*at += s.n;
	return slice_of(p, s.n);
}

void
imap_memo_add(struct imap_memo *m, uint64_t content, const struct imap_memo_text *t)
{
	size_t bytes = sizeof(struct entry) + t->envelope.n + t->structure.n + t->cuts.n;
	struct entry *e;
	char *at;

	if (bytes > IMAP_MEMO_BYTES_MAX - m->bytes || *m->shared > IMAP_MEMO_SHARED_MAX ||
	    bytes > IMAP_MEMO_SHARED_MAX - *m->shared || imap_memo_find(m, content) != NULL)
		return;
	e = must_alloc(1, bytes);
	at = (char *)(e + 1);
	e->content = content;
	e->bytes = bytes;
	e->text.envelope = keep(&at, t->envelope);
	e->text.structure = keep(&at, t->structure);
	e->text.cuts = keep(&at, t->cuts);
	map_insert(&m->entries, &e->node, hash_u64(content));
	m->bytes += bytes;
	*m->shared += bytes;
}

const struct imap_memo_text *
imap_memo_find(const struct imap_memo *m, uint64_t content)
{
	struct map_node *n;

	for (n = map_first(&m->entries, hash_u64(content)); n != NULL; n = map_next(n)) {
		const struct entry *e = obj_of(n, struct entry, node);

		if (e->content == content)
			return &e->text;
	}
	return NULL;
}
