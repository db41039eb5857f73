/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_sealed.h"

#include "lib/seal/seal_arrival.h"

#define EMPTY_LINE	4u	/* the end of the last field, and itself */

void
dlv_sealed_init(struct dlv_sealed *s)
{
	seal_split_init(&s->split);
	buf_init(&s->trace, SEAL_TRACE_MAX);
	buf_init(&s->own, SEAL_TRACE_MAX);
	s->error = ERR_SYNTAX;
}

void
dlv_sealed_fini(struct dlv_sealed *s)
{
	seal_split_fini(&s->split);
	buf_fini(&s->trace);
	buf_fini(&s->own);
}

/* The fields, and where the object begins; ERR_SYNTAX when that is nowhere near. */
static enum err
take_trace(struct dlv_sealed *s, struct slice first, size_t *object_off)
{
	struct slice near = slice_head(first, SEAL_TRACE_MAX + EMPTY_LINE - 2);
	size_t n = slice_search(near, SLICE_LIT("\r\n\r\n"));

	if (n + EMPTY_LINE > near.n)
		return ERR_SYNTAX;
	buf_reset(&s->trace);
	buf_put_slice(&s->trace, slice_head(first, n + 2));
	*object_off = n + EMPTY_LINE;
	return ERR_OK;
}

void
dlv_sealed_read(struct dlv_sealed *s, struct slice first, uint64_t bytes)
{
	struct slice rest;
	size_t off;

	seal_split_fini(&s->split);
	seal_split_init(&s->split);
	s->error = take_trace(s, first, &off);
	if (s->error != ERR_OK)
		return;
	rest = slice_from(first, off);
	if (seal_split_take(&s->split, &rest) != ERR_OK ||
	    !seal_head_fits(&s->split.head, bytes - off))
		s->error = ERR_SYNTAX;
	s->data_off = off + s->split.head.data_off;
}

enum err
dlv_sealed_begin(struct dlv_sealed *s, struct sealer *sealer, struct sealer_message *m,
    struct sealer_owner *owner, struct slice prefix, uint64_t now_ms, struct buf *out,
    struct ipc_store_append *a)
{
	unsigned char id[SEAL_KEY_ID_BYTES], head[SEAL_HEAD_BYTES];
	struct seal_entry en;
	enum err e = s->error;

	if (e != ERR_OK)
		return e;
	seal_key_id(id, owner->public_key);
	e = seal_entry_of(&s->split, (uint8_t)owner->generation, id, &en);
	if (e != ERR_OK || sealer_came_sealed(owner, &en) != ERR_OK)
		return ERR_NOTFOUND;
	buf_reset(&s->own);
	buf_put_slice(&s->own, prefix);
	buf_put_slice(&s->own, buf_slice(&s->trace));
	if (buf_err(&s->own) != ERR_OK)
		return ERR_SYNTAX;
	e = sealer_arrive(sealer, m, owner, &s->split.head, &en, buf_slice(&s->own),
	    now_ms, a);
	if (e != ERR_OK)
		return e;
	seal_split_head(&s->split, head);
	buf_put(out, head, sizeof(head));
	return buf_err(out);
}
