/* SPDX-License-Identifier: ISC */
/*
 * The object stands from the bottom up: signature, pieces of the body, entries,
 * envelope.  It goes out while it is sealed, and is never held whole.
 */
#include "delivery/dlv_mail2_priv.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"

#define TURN_BYTES	(256u << 10)	/* sealed before the loop runs again */
#define ENTRY_BYTES	(12 + SEAL_KEY_BYTES + CRY_SEAL_BYTES)

static void
on_signed(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail2 *m = arg;
	const struct ipc_cmtp2_signature *s = msg;

	(void)in;
	m->call = 0;
	if (e != ERR_OK || type != IPC_MSG_cmtp2_signature || s->sig.n != CMTP_SIG_BYTES) {
		dlv_mail2_hold(m, "4.3.0", "the mail cannot be signed now");
		return;
	}
	m->is_sent = true;
	dlv_cmtp_send_last(m->cmtp, s->sig, m->keys);
}

static void
sign(struct dlv_mail2 *m)
{
	unsigned char hash[CRY_HASH_BYTES];
	struct ipc_cmtp2_sign q = { .purpose = CMTP2_MAIL, .serial = m->serial };
	struct cmtp_sign s;
	struct buf b;

	m->is_sealing = false;
	cry_hasher_end(m->hasher, hash);
	s = cmtp2_mail_sign(buf_slice(&m->envelope), hash);
	cmtp_sign_digest(m->digest, &s);
	buf_init(&b, CMTP2_ENVELOPE_MAX + 1000);
	for (unsigned i = 0; i < s.count; i++) {
		const struct ipc_cmtp2_field f = { .bytes = s.fields[i] };

		ipc_cmtp2_field_put(&b, &f);
	}
	q.fields = buf_slice(&b);
	(void)dlv_mail2_call_keyd(m, IPC_MSG_cmtp2_sign, &q, on_signed);
	buf_fini(&b);
}

static void
flush(struct dlv_mail2 *m)
{
	cry_hasher_put(m->hasher, buf_slice(&m->out));
	dlv_cmtp_send(m->cmtp, buf_slice(&m->out));
	buf_reset(&m->out);
}

static enum err
seal_piece(struct dlv_mail2 *m)
{
	uint64_t rest = m->p.source->bytes - m->off;
	size_t n = rest < DLV_PIECE_BYTES ? (size_t)rest : DLV_PIECE_BYTES;
	enum err e = dlv_source_read(m->p.source, m->off, m->piece, n);

	m->off += n;
	if (e == ERR_OK)
		e = seal_writer_put(m->writer, slice_of(m->piece, n), &m->out);
	if (e == ERR_OK)
		flush(m);
	return e;
}

void
dlv_mail2_object_go_on(struct dlv_mail2 *m)
{
	enum err e = ERR_OK;

	for (unsigned done = 0; done < TURN_BYTES && m->off < m->p.source->bytes;
	    done += DLV_PIECE_BYTES) {
		if (dlv_cmtp_is_clogged(m->cmtp))
			return;		/* on_drained goes on */
		if ((e = seal_piece(m)) != ERR_OK)
			break;
	}
	if (e == ERR_OK && m->off < m->p.source->bytes) {
		loop_defer(m->p.loop, &m->turn);
		return;
	}
	if (e == ERR_OK)
		e = seal_writer_end(m->writer, &m->out);
	if (e != ERR_OK) {
		dlv_mail2_hold(m, "4.3.0", "the message cannot be read");
		return;
	}
	flush(m);
	sign(m);
}

void
dlv_mail2_object_on_drained(void *arg)
{
	struct dlv_mail2 *m = arg;

	if (m->is_sealing)
		loop_defer(m->p.loop, &m->turn);
}

/* One entry for a key, however many addresses have it. */
static bool
is_first_of_key(const struct dlv_mail2 *m, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (m->rcpts[k].has_key &&
		    memcmp(m->rcpts[k].seal, m->rcpts[i].seal, CRY_KEY_BYTES) == 0)
			return false;
	return true;
}

static unsigned
put_entries(struct dlv_mail2 *m, struct buf *b)
{
	unsigned char wrapped[SEAL_KEY_BYTES + CRY_SEAL_BYTES];
	struct seal_entry entry = { .algorithm = 1, .wrapped = slice_of(wrapped, sizeof(wrapped)) };
	unsigned count = 0;

	for (unsigned i = 0; i < m->p.count; i++) {
		struct dlv_mail2_rcpt *r = &m->rcpts[i];

		if (!r->has_key || !is_first_of_key(m, i))
			continue;
		entry.generation = r->generation;
		seal_key_id(entry.key_id, r->seal);
		/* try_key has sealed to it before. */
		if (cry_box_seal(wrapped, slice_of(m->content_key, SEAL_KEY_BYTES), r->seal) != ERR_OK)
			continue;
		seal_entry_put(b, &entry);
		count++;
	}
	return count;
}

static enum err
put_envelope(struct dlv_mail2 *m, uint64_t object_bytes)
{
	size_t at = slice_rfind(m->p.sender, '@');
	struct cmtp2_mail mail = { .destinations = m->keys, .serial = m->serial,
		.time_s = loop_real_ms(m->p.loop) / 1000, .object_bytes = object_bytes,
		.source_user = at < m->p.sender.n ? slice_head(m->p.sender, at) : SLICE_NONE,
		.source_domain = slice_from(m->p.sender, at + 1), .domain = m->p.domain };
	struct slice users[CMTP2_DESTINATIONS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < m->p.count; i++)
		if (m->rcpts[i].has_key)
			users[n++] = m->p.users[i];
	return cmtp2_mail_put(&m->envelope, &mail, users);
}

void
dlv_mail2_object_begin(struct dlv_mail2 *m)
{
	uint64_t n = m->p.source->bytes;
	struct buf entries, command;
	unsigned count;
	enum err e;

	buf_init(&entries, CMTP2_DESTINATIONS_MAX * ENTRY_BYTES);
	buf_init(&command, 2 * CMTP2_ENVELOPE_MAX);
	seal_make_key(m->content_key);
	count = put_entries(m, &entries);
	e = put_envelope(m, SEAL_HEAD_BYTES + entries.n + n +
	    (n / SEAL_CHUNK_BYTES + 1) * CRY_TAG_BYTES);
	m->press = seal_press_new();
	m->writer = seal_writer_new(m->press);
	m->hasher = cry_hasher_new();
	m->piece = must_alloc(1, DLV_PIECE_BYTES);
	if (e == ERR_OK)
		e = seal_writer_begin(m->writer, CRY_AES256_GCM, m->content_key, n, false);
	if (e == ERR_OK)
		e = seal_writer_entries(m->writer, count, buf_slice(&entries));
	secret_wipe(m->content_key, sizeof(m->content_key));
	if (e == ERR_OK) {
		cmtp2_mail_command(&command, buf_slice(&m->envelope), SLICE_NONE);
		dlv_cmtp_send(m->cmtp, buf_slice(&command));
		m->is_sealing = true;
		loop_defer(m->p.loop, &m->turn);
	} else {
		dlv_mail2_without_keys(m, "its envelope cannot be written so");
	}
	buf_fini(&entries);
	buf_fini(&command);
}
