/* SPDX-License-Identifier: ISC */
#include "lib/seal/seal_split.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/seal/seal_priv.h"

void
seal_split_init(struct seal_split *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->bytes, SEAL_HEAD_BYTES + SEAL_ENTRIES_BYTES_MAX);
	s->need = SEAL_HEAD_BYTES;
}

void
seal_split_fini(struct seal_split *s)
{
	buf_fini(&s->bytes);
}

/* What stands in the first bytes, without the entries behind them. */
static enum err
read_head(struct seal_split *s)
{
	char first[SEAL_HEAD_BYTES];
	enum err e;

	memcpy(first, buf_data(&s->bytes), sizeof(first));
	s->left = (unsigned)(unsigned char)first[48] << 8 | (unsigned char)first[49];
	if (s->left > SEAL_ENTRIES_MAX)
		return ERR_CORRUPT;
	first[48] = first[49] = 0;
	if ((e = seal_head_parse(&s->head, slice_of(first, sizeof(first)))) != ERR_OK)
		return e;
	if (s->head.method == SEAL_LZ4)		/* at rest only */
		return ERR_CORRUPT;
	s->has_head = true;
	s->head.entry_count = s->left;
	s->head.entries = SLICE_NONE;
	return ERR_OK;
}

/* The bytes asked for are there: what comes next? */
static enum err
step(struct seal_split *s)
{
	const unsigned char *p = (const unsigned char *)buf_data(&s->bytes) + s->need;

	if (!s->has_head)
		return read_head(s);
	if (s->in_entry) {
		s->in_entry = false;
		s->need += (size_t)p[-2] << 8 | p[-1];
	} else {
		s->in_entry = true;
		s->need += SEAL_ENTRY_HEAD_BYTES;
		s->left--;
	}
	return s->need > SEAL_HEAD_BYTES + SEAL_ENTRIES_BYTES_MAX ? ERR_CORRUPT : ERR_OK;
}

static bool
is_done(const struct seal_split *s)
{
	return s->has_head && s->left == 0 && !s->in_entry && s->bytes.n == s->need;
}

enum err
seal_split_take(struct seal_split *s, struct slice *in)
{
	size_t n;

	while (!is_done(s)) {
		if (s->is_broken)
			return ERR_CORRUPT;
		n = s->need - s->bytes.n < in->n ? s->need - s->bytes.n : in->n;
		buf_put(&s->bytes, in->p, n);
		*in = slice_from(*in, n);
		if (s->bytes.n < s->need)
			return ERR_SHORT;
		s->is_broken = !is_done(s) && step(s) != ERR_OK;
	}
	s->head.data_off = s->bytes.n;
	s->head.entries = slice_from(buf_slice(&s->bytes), SEAL_HEAD_BYTES);
	return ERR_OK;
}

void
seal_split_head(const struct seal_split *s, unsigned char out[SEAL_HEAD_BYTES])
{
	must(is_done(s));
	memcpy(out, buf_data(&s->bytes), SEAL_HEAD_BYTES);
	out[48] = out[49] = 0;
}

uint64_t
seal_split_entries_bytes(const struct seal_split *s)
{
	return s->head.entries.n;
}

enum err
seal_split_find(const struct seal_split *s, uint8_t algorithm, uint8_t generation,
    const unsigned char key_id[SEAL_KEY_ID_BYTES], struct seal_entry *en)
{
	struct slice rest = s->head.entries;

	while (seal_entry_get(&rest, en) == ERR_OK)
		if (en->algorithm == algorithm && en->generation == generation &&
		    memcmp(en->key_id, key_id, SEAL_KEY_ID_BYTES) == 0)
			return ERR_OK;
	return ERR_NOTFOUND;
}
