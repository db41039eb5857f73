/* SPDX-License-Identifier: ISC */
#include "lib/mail/thread_hash.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/map.h"

/* White space in an id comes from folding and is no part of it. */
void
thread_hash_id(const unsigned char key[16], struct slice id,
    unsigned char dst[THREAD_HASH_BYTES])
{
	struct buf flat;
	size_t n = 0;

	while (n < id.n && (unsigned char)id.p[n] > ' ')
		n++;
	if (n == id.n) {
		enc_le64(dst, hash_sip(key, id.n > 0 ? id.p : "", id.n));
		return;
	}
	buf_init(&flat, id.n);
	for (size_t i = 0; i < id.n; i++)
		if ((unsigned char)id.p[i] > ' ')
			buf_put_char(&flat, id.p[i]);
	enc_le64(dst, hash_sip(key, flat.n > 0 ? buf_data(&flat) : "", flat.n));
	buf_fini(&flat);
}

static void
add_ref(const unsigned char key[16], struct slice id, struct thread_hashes *h)
{
	if (h->refs_bytes == sizeof(h->refs)) {
		/* The newest count. */
		memmove(h->refs, h->refs + THREAD_HASH_BYTES,
		    sizeof(h->refs) - THREAD_HASH_BYTES);
		h->refs_bytes -= THREAD_HASH_BYTES;
	}
	thread_hash_id(key, id, h->refs + h->refs_bytes);
	h->refs_bytes += THREAD_HASH_BYTES;
}

void
thread_hasher_begin(struct thread_hasher *t, const unsigned char key[16],
    struct thread_hashes *h)
{
	*t = (struct thread_hasher){ .key = key, .h = h };
	h->id_bytes = h->refs_bytes = 0;
}

void
thread_hasher_field(struct thread_hasher *t, const struct hdr_field *f)
{
	struct slice value = f->value, id;

	if (slice_ieq_str(f->name, "Message-ID") && t->h->id_bytes == 0) {
		if (hdr_next_msgid(&value, &id)) {
			thread_hash_id(t->key, id, t->h->id);
			t->h->id_bytes = THREAD_HASH_BYTES;
		}
	} else if (slice_ieq_str(f->name, "References") && t->refs.n == 0) {
		t->refs = value;
	} else if (slice_ieq_str(f->name, "In-Reply-To") && t->reply.n == 0) {
		t->reply = value;
	}
}

void
thread_hasher_end(struct thread_hasher *t)
{
	struct slice id;

	/* RFC 5256 s3: In-Reply-To counts only when References has none. */
	while (hdr_next_msgid(&t->refs, &id))
		add_ref(t->key, id, t->h);
	if (t->h->refs_bytes == 0 && hdr_next_msgid(&t->reply, &id))
		add_ref(t->key, id, t->h);
}

void
thread_hash_header(const unsigned char key[16], struct slice header,
    struct thread_hashes *h)
{
	struct thread_hasher t;
	struct hdr_iter it;
	struct hdr_field f;

	thread_hasher_begin(&t, key, h);
	hdr_iter_init(&it, header);
	while (hdr_next(&it, &f))
		thread_hasher_field(&t, &f);
	thread_hasher_end(&t);
}
