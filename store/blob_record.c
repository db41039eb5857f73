/* SPDX-License-Identifier: ISC */
#include "store/blob_priv.h"

#include <string.h>

#include "lib/base/enc.h"

#define MAGIC		0x31425747u	/* "GWB1" */
#define MAGIC_NOTE	0x32425747u	/* "GWB2" */

uint64_t
blob_padded(uint64_t bytes)
{
	return (BLOB_HEAD_BYTES + bytes + BLOB_ALIGN - 1) / BLOB_ALIGN * BLOB_ALIGN;
}

uint64_t
blob_ref_padded(const struct blob_ref *ref)
{
	return blob_padded(ref->bytes + ref->note);
}

void
blob_head_put(unsigned char p[BLOB_HEAD_BYTES], const struct blob_head *h)
{
	memset(p, 0, BLOB_HEAD_BYTES);
	enc_le32(p, h->note > 0 ? MAGIC_NOTE : MAGIC);
	p[4] = (unsigned char)h->kind;
	enc_le16(p + 6, h->note);
	enc_le64(p + 8, h->account);
	enc_le64(p + 16, h->content);
	enc_le64(p + 24, h->bytes);
	enc_le64(p + 32, h->sum);
}

enum err
blob_head_read(struct blob_head *h, struct slice s)
{
	uint32_t magic = s.n < BLOB_HEAD_BYTES ? 0 : dec_le32(s.p);

	if ((magic != MAGIC && magic != MAGIC_NOTE) ||
	    s.p[4] < BLOB_BODY || s.p[4] > BLOB_EPOCH || s.p[5] != 0)
		return ERR_CORRUPT;
	h->note = dec_le16(s.p + 6);
	if ((h->note > 0) != (magic == MAGIC_NOTE) || h->note > BLOB_NOTE_MAX)
		return ERR_CORRUPT;
	h->kind = (enum blob_kind)s.p[4];
	h->account = dec_le64(s.p + 8);
	h->content = dec_le64(s.p + 16);
	h->bytes = dec_le64(s.p + 24);
	h->sum = dec_le64(s.p + 32);
	return ERR_OK;
}

/* Ready to take the data: the sum covers the fields before itself. */
void
blob_head_sum(struct blob_sum *s, const struct blob_head *h)
{
	unsigned char p[BLOB_HEAD_BYTES];

	blob_head_put(p, h);
	blob_sum_init(s);
	blob_sum_add(s, p, 32);
}
