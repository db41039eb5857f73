/* SPDX-License-Identifier: ISC */
#include "queue/queue_record.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/map.h"

static const char segment_magic[8] = "GODWITSP";
static const char record_magic[4] = { 'G', 'W', 'q', '\x9e' };
static const char tail_magic[8] = { 'G', 'W', 'q', 'e', 'n', 'd', '\x9e', '\n' };
static const unsigned char no_salt[QUEUE_SALT_BYTES];

void
queue_record_put_segment(unsigned char out[QUEUE_HEAD_BYTES],
    const struct queue_segment_head *h)
{
	memset(out, 0, QUEUE_HEAD_BYTES);
	memcpy(out, segment_magic, sizeof(segment_magic));
	enc_le32(out + 8, QUEUE_FORMAT);
	enc_le32(out + 12, h->flags);
	enc_le64(out + 16, h->number);
	enc_le64(out + 24, h->created_ms);
	memcpy(out + 32, h->salt, QUEUE_SALT_BYTES);
	enc_le64(out + 56, hash_sip(no_salt, out, 56));
}

enum err
queue_record_get_segment(struct slice s, struct queue_segment_head *h)
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (s.n < QUEUE_HEAD_BYTES)
		return ERR_SHORT;
	if (memcmp(p, segment_magic, sizeof(segment_magic)) != 0)
		return ERR_CORRUPT;
	/* Before the sum: a later format may keep its sum elsewhere. */
	if (dec_le32(p + 8) > QUEUE_FORMAT)
		return ERR_VERSION;
	if (dec_le32(p + 8) == 0 || dec_le64(p + 56) != hash_sip(no_salt, p, 56))
		return ERR_CORRUPT;
	h->flags = dec_le32(p + 12);
	h->number = dec_le64(p + 16);
	h->created_ms = dec_le64(p + 24);
	memcpy(h->salt, p + 32, QUEUE_SALT_BYTES);
	return ERR_OK;
}

/* The factor keeps equal pieces from cancelling each other. */
uint64_t
queue_record_chain(uint64_t sum, const unsigned char salt[QUEUE_SALT_BYTES],
    struct slice piece)
{
	return sum * 0x100000001b3ull + queue_record_sum(salt, piece);
}

uint64_t
queue_record_sum_body(const unsigned char salt[QUEUE_SALT_BYTES], struct slice body)
{
	uint64_t sum = 0;

	for (; body.n > 0; body = slice_from(body, QUEUE_PIECE_BYTES))
		sum = queue_record_chain(sum, salt, slice_head(body, QUEUE_PIECE_BYTES));
	return sum;
}

/* Two places of a head mean something else in a RESULT. */
static uint32_t
word_of(const struct queue_record *r)
{
	return r->type == QUEUE_RESULT ? r->attempts : r->key_id;
}

static uint64_t
long_of(const struct queue_record *r)
{
	return r->type == QUEUE_RESULT ? r->next_ms : r->body_bytes;
}

static void
set_places(struct queue_record *r, uint32_t word, uint64_t lng)
{
	if (r->type == QUEUE_RESULT) {
		r->attempts = word;
		r->next_ms = lng;
	} else {
		r->key_id = word;
		r->body_bytes = lng;
	}
}

uint64_t
queue_record_sum(const unsigned char salt[QUEUE_SALT_BYTES], struct slice s)
{
	return hash_sip(salt, s.p, s.n);
}

void
queue_record_put(unsigned char out[QUEUE_HEAD_BYTES], const struct queue_record *r,
    const unsigned char salt[QUEUE_SALT_BYTES])
{
	memcpy(out, record_magic, sizeof(record_magic));
	out[4] = r->type;
	out[5] = r->flags;
	enc_le16(out + 6, 0);
	enc_le64(out + 8, r->id);
	enc_le64(out + 16, long_of(r));
	enc_le32(out + 24, r->meta_bytes);
	enc_le32(out + 28, word_of(r));
	enc_le64(out + 32, r->aux);
	enc_le64(out + 40, r->meta_sum);
	enc_le64(out + 48, r->body_sum);
	enc_le64(out + 56, hash_sip(salt, out, 56));
}

static bool
sizes_ok(const struct queue_record *r)
{
	switch (r->type) {
	case QUEUE_MESSAGE:
		return r->meta_bytes <= QUEUE_META_MAX && r->body_bytes <= QUEUE_BODY_MAX;
	case QUEUE_RESULT:
		return r->meta_bytes <= QUEUE_META_MAX && r->body_bytes == 0;
	case QUEUE_DONE:
		return r->meta_bytes == 0 && r->body_bytes == 0;
	case QUEUE_INDEX:
		return r->meta_bytes <= QUEUE_INDEX_MAX * QUEUE_ENTRY_BYTES &&
		    r->meta_bytes % QUEUE_ENTRY_BYTES == 0 && r->body_bytes == 0;
	default:		/* a byte of the file */
		return false;
	}
}

enum err
queue_record_get(struct slice s, struct queue_record *r,
    const unsigned char salt[QUEUE_SALT_BYTES])
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (s.n < QUEUE_HEAD_BYTES)
		return ERR_SHORT;
	if (memcmp(p, record_magic, sizeof(record_magic)) != 0 ||
	    dec_le64(p + 56) != hash_sip(salt, p, 56))
		return ERR_CORRUPT;
	*r = (struct queue_record){
		.type = p[4], .flags = p[5], .id = dec_le64(p + 8),
		.meta_bytes = dec_le32(p + 24), .aux = dec_le64(p + 32),
		.meta_sum = dec_le64(p + 40), .body_sum = dec_le64(p + 48)
	};
	set_places(r, dec_le32(p + 28), dec_le64(p + 16));
	return sizes_ok(r) ? ERR_OK : ERR_CORRUPT;
}

uint64_t
queue_record_bytes(const struct queue_record *r)
{
	return QUEUE_HEAD_BYTES + r->meta_bytes + r->body_bytes;
}

size_t
queue_record_resync(struct slice s)
{
	size_t n = slice_search(s, slice_of(record_magic, sizeof(record_magic)));

	if (n == s.n && n >= sizeof(record_magic))	/* it may be cut by the end */
		return s.n - (sizeof(record_magic) - 1);
	return n;
}

void
queue_record_put_entry(struct buf *b, const struct queue_entry *e)
{
	unsigned char out[QUEUE_ENTRY_BYTES] = { 0 };

	out[0] = e->record.type;
	out[1] = e->record.flags;
	enc_le32(out + 4, word_of(&e->record));
	enc_le64(out + 8, e->record.id);
	enc_le64(out + 16, e->off);
	enc_le64(out + 24, long_of(&e->record));
	enc_le64(out + 32, e->record.aux);
	enc_le32(out + 40, e->record.meta_bytes);
	buf_put(b, out, sizeof(out));
}

enum err
queue_record_get_entry(struct slice *s, struct queue_entry *e)
{
	const unsigned char *p = (const unsigned char *)s->p;

	if (s->n == 0)
		return ERR_END;
	if (s->n < QUEUE_ENTRY_BYTES)
		return ERR_CORRUPT;
	*e = (struct queue_entry){
		.record = {
			.type = p[0], .flags = p[1], .id = dec_le64(p + 8),
			.aux = dec_le64(p + 32), .meta_bytes = dec_le32(p + 40)
		},
		.off = dec_le64(p + 16)
	};
	set_places(&e->record, dec_le32(p + 4), dec_le64(p + 24));
	*s = slice_from(*s, QUEUE_ENTRY_BYTES);
	return sizes_ok(&e->record) ? ERR_OK : ERR_CORRUPT;
}

void
queue_record_put_tail(unsigned char out[QUEUE_TAIL_BYTES], uint64_t index_off,
    const unsigned char salt[QUEUE_SALT_BYTES])
{
	memcpy(out, tail_magic, sizeof(tail_magic));
	enc_le64(out + 8, index_off);
	enc_le64(out + 16, hash_sip(salt, out, 16));
}

enum err
queue_record_get_tail(struct slice s, uint64_t *index_off,
    const unsigned char salt[QUEUE_SALT_BYTES])
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (s.n < QUEUE_TAIL_BYTES)
		return ERR_SHORT;
	if (memcmp(p, tail_magic, sizeof(tail_magic)) != 0 ||
	    dec_le64(p + 16) != hash_sip(salt, p, 16))
		return ERR_CORRUPT;
	*index_off = dec_le64(p + 8);
	return ERR_OK;
}
