/* SPDX-License-Identifier: ISC */
/*
 * The object stands from the bottom up: proof, pieces of the body, passes,
 * entries, envelope.  Its length comes first in the request, so it is sealed
 * once to know that, and again while it goes out, under the same key: the same
 * bytes.  One pass is enough where the object can be held, or is not compressed
 * (then it is not held, unless it is small, and goes out as it is sealed).
 */
#include "delivery/dlv_mail2_priv.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/daemon/daemon.h"

#define TURN_BYTES	(256u << 10)	/* sealed before the loop runs again */

/* ---- the end of the request */

static void
send_proof(struct dlv_mail2 *m)
{
	struct buf b;

	m->is_sent = true;
	daemon_crash_at("relay.mail2-signed");
	buf_init(&b, CMTP2_PROOF_MAX);
	cmtp2_proof_put(&b, &m->proof);
	dlv_cmtp_send_last(m->cmtp, buf_slice(&b), m->keys);
	buf_fini(&b);
}

static void
on_signed(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail2 *m = arg;
	const struct ipc_cmtp2_signature *s = msg;

	(void)in;
	m->call.id = 0;
	if (e != ERR_OK || type != IPC_MSG_cmtp2_signature || s->sig.n != CMTP_SIG_BYTES) {
		dlv_known_drop_own(m->p.known, dlv_mail2_own_domain(m));
		dlv_mail2_hold(m, "4.3.0", "the mail cannot be signed now");
		return;
	}
	memcpy(m->proof.sig, s->sig.p, sizeof(m->proof.sig));
	send_proof(m);
}

/* With a share of a pact for what comes after it. */
static void
sign(struct dlv_mail2 *m)
{
	struct ipc_cmtp2_sign q = { .purpose = CMTP2_MAIL, .serial = m->own.serial };
	struct cmtp_sign s;
	struct buf b;

	cmtp2_half_make(&m->half);
	m->proof = (struct cmtp2_proof){ .kind = CMTP2_SIGNED };
	memcpy(m->proof.share, m->half.share, sizeof(m->proof.share));
	s = cmtp2_mail_sign(buf_slice(&m->envelope), m->object_hash, m->proof.share);
	buf_init(&b, CMTP2_ENVELOPE_MAX + 1000);
	for (unsigned i = 0; i < s.count; i++) {
		const struct ipc_cmtp2_field f = { .bytes = s.fields[i] };

		ipc_cmtp2_field_put(&b, &f);
	}
	q.fields = buf_slice(&b);
	dlv_mail2_call_keyd(m, IPC_MSG_cmtp2_sign, &q, on_signed);
	buf_fini(&b);
}

static void
prove(struct dlv_mail2 *m)
{
	if (!m->pact.stands || memcmp(m->pact.client_sign, m->own.sign, sizeof(m->own.sign)) != 0) {
		sign(m);
		return;
	}
	m->pact.number++;
	cmtp2_pact_prove_mail(&m->proof, &m->pact, m->digest);
	send_proof(m);
}

static void
prove_first(struct dlv_mail2 *m)
{
	cry_hasher_end(m->hasher, m->object_hash);
	cmtp2_mail_digest(m->digest, buf_slice(&m->envelope), m->object_hash);
	prove(m);
}

/* With postage: the same signature; or the next number, unless the pact has ended. */
static void
prove_again(struct dlv_mail2 *m)
{
	if (m->proof.kind == CMTP2_MAC)
		prove(m);
	else
		send_proof(m);
}

static void
send_command(struct dlv_mail2 *m, struct slice postage)
{
	struct buf b;

	buf_init(&b, 2 * CMTP2_ENVELOPE_MAX);
	cmtp2_mail_command(&b, buf_slice(&m->envelope), postage);
	dlv_cmtp_send(m->cmtp, buf_slice(&b));
	buf_fini(&b);
}

/* ---- what is held */

static bool
is_small(const struct dlv_mail2 *m)
{
	return m->p.source->bytes <= DLV_MAIL2_HELD;
}

bool
dlv_mail2_room_take(struct dlv_mail2_room *room, uint64_t n)
{
	if (n > DLV_MAIL2_HELD_MAX || n > DLV_MAIL2_ROOM - room->used_bytes)
		return false;
	room->used_bytes += (size_t)n;
	return true;
}

static void
take_room(struct dlv_mail2 *m)
{
	m->is_held = is_small(m);
	if (!m->is_held && dlv_mail2_room_take(m->p.room, m->p.source->bytes)) {
		m->is_held = true;
		m->room_bytes = (size_t)m->p.source->bytes;
	}
}

void
dlv_mail2_object_leave(struct dlv_mail2 *m)
{
	m->is_held = false;
	m->p.room->used_bytes -= m->room_bytes;
	m->room_bytes = 0;
	buf_release(&m->held);
}

/* ---- passes */

static void end_pass(struct dlv_mail2 *);

static bool
must_wait(const struct dlv_mail2 *m)
{
	return m->pass != DLV_MAIL2_MEASURE && dlv_cmtp_is_clogged(m->cmtp);
}

static void
send_piece(struct dlv_mail2 *m, struct slice piece)
{
	if (m->pass == DLV_MAIL2_SEND)
		cry_hasher_put(m->hasher, piece);
	dlv_cmtp_send(m->cmtp, piece);
}

static void
send_held(struct dlv_mail2 *m)
{
	struct slice rest = slice_from(buf_slice(&m->held), (size_t)m->off);

	for (; rest.n > 0 && !must_wait(m); rest = slice_from(rest, DLV_PIECE_BYTES))
		send_piece(m, slice_head(rest, DLV_PIECE_BYTES));
	m->off = m->held.n - rest.n;
	if (rest.n == 0)
		end_pass(m);	/* else on_drained goes on */
}

static void
begin_held(struct dlv_mail2 *m, enum dlv_mail2_pass pass)
{
	m->pass = pass;
	m->off = 0;
	m->is_sealing = true;
	send_held(m);
}

static enum err
begin_pass(struct dlv_mail2 *m, enum dlv_mail2_pass pass)
{
	uint64_t n = m->p.source->bytes;
	enum err e = seal_writer_begin(m->writer, CRY_AES256_GCM, m->content_key, n,
	    n >= SEAL_PRESS_MIN && (pass == DLV_MAIL2_MEASURE || m->is_zstd) ?
	    SEAL_ZSTD : SEAL_STORED);

	m->pass = pass;
	m->off = 0;
	if (e == ERR_OK)
		e = seal_writer_entries(m->writer, m->entry_count, buf_slice(&m->entries));
	m->is_sealing = e == ERR_OK;
	if (e == ERR_OK)
		loop_defer(m->p.loop, &m->turn);
	return e;
}

/* What came out of the writer. */
static void
flush(struct dlv_mail2 *m)
{
	struct slice out = buf_slice(&m->out);

	if (m->pass == DLV_MAIL2_MEASURE) {
		m->object_bytes += out.n;
		if (m->is_held)
			buf_put_slice(&m->held, out);
	} else {
		send_piece(m, out);
	}
	buf_reset(&m->out);
}

static enum err put_envelope(struct dlv_mail2 *);

/* The length is known. */
static void
end_measure(struct dlv_mail2 *m)
{
	if (put_envelope(m) != ERR_OK) {
		dlv_mail2_without_keys(m, "its envelope cannot be written so");
		return;
	}
	send_command(m, SLICE_NONE);
	if (m->is_held)
		begin_held(m, DLV_MAIL2_SEND);
	else if (begin_pass(m, DLV_MAIL2_SEND) != ERR_OK)
		dlv_mail2_hold(m, "4.3.0", "the message cannot be sealed");
}

static void
end_pass(struct dlv_mail2 *m)
{
	m->is_sealing = false;
	switch (m->pass) {
	case DLV_MAIL2_MEASURE:
		end_measure(m);
		break;
	case DLV_MAIL2_SEND:
		prove_first(m);
		break;
	case DLV_MAIL2_REPEAT:
		prove_again(m);
		break;
	}
}

/* ---- pieces */

static enum err
seal_piece(struct dlv_mail2 *m)
{
	uint64_t rest = m->p.source->bytes - m->off;
	size_t n = rest < DLV_PIECE_BYTES ? (size_t)rest : DLV_PIECE_BYTES;
	enum err e = dlv_source_read(m->p.source, m->off, m->piece, n);

	m->off += n;
	if (e == ERR_OK)
		e = seal_writer_put(m->writer, slice_of(m->piece, n), &m->out);
	if (m->pass == DLV_MAIL2_MEASURE && m->out.n > 0)
		m->is_zstd = seal_writer_is_packed(m->writer);
	if (m->room_bytes > 0 && m->object_bytes + m->out.n > 0 && !m->is_zstd)
		dlv_mail2_object_leave(m);
	if (e == ERR_OK)
		flush(m);
	return e;
}

/* Not compressed, its length is known from the first frame on. */
static bool
is_measured(const struct dlv_mail2 *m)
{
	return m->pass == DLV_MAIL2_MEASURE && !m->is_held && m->object_bytes > 0 && !m->is_zstd;
}

void
dlv_mail2_object_go_on(struct dlv_mail2 *m)
{
	uint64_t n = m->p.source->bytes;
	enum err e = ERR_OK;

	if (m->is_held && m->pass != DLV_MAIL2_MEASURE) {
		send_held(m);
		return;
	}
	for (unsigned done = 0; e == ERR_OK && done < TURN_BYTES && m->off < n &&
	    !is_measured(m); done += DLV_PIECE_BYTES) {
		if (must_wait(m))
			return;		/* on_drained goes on */
		e = seal_piece(m);
	}
	if (e == ERR_OK && is_measured(m)) {
		m->object_bytes = SEAL_HEAD_BYTES + m->entries.n + n +
		    (n / SEAL_CHUNK_BYTES + 1) * CRY_TAG_BYTES;
		end_pass(m);
		return;
	}
	if (e == ERR_OK && m->off < n) {
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
	end_pass(m);
}

void
dlv_mail2_object_on_drained(void *arg)
{
	struct dlv_mail2 *m = arg;

	if (m->is_sealing)
		loop_defer(m->p.loop, &m->turn);
}

/* ---- entries and envelope */

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

static void
put_entries(struct dlv_mail2 *m)
{
	struct seal_entry entry = { .algorithm = SEAL_ENTRY_SEED };

	for (unsigned i = 0; i < m->p.count; i++) {
		struct dlv_mail2_rcpt *r = &m->rcpts[i];

		if (!r->has_key || !is_first_of_key(m, i))
			continue;
		entry.generation = r->generation;
		seal_key_id(entry.key_id, r->seal);
		entry.wrapped = slice_of(r->wrapped, sizeof(r->wrapped));
		seal_entry_put(&m->entries, &entry);
		m->entry_count++;
	}
}

static enum err
put_envelope(struct dlv_mail2 *m)
{
	size_t at = slice_rfind(m->p.sender, '@');
	struct cmtp2_mail mail = { .destinations = m->keys, .serial = m->own.serial,
		.time_s = loop_real_ms(m->p.loop) / 1000, .object_bytes = m->object_bytes,
		.source_user = at < m->p.sender.n ? slice_head(m->p.sender, at) : SLICE_NONE,
		.source_domain = dlv_mail2_own_domain(m), .domain = m->p.domain };
	struct slice users[CMTP2_DESTINATIONS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < m->p.count; i++)
		if (m->rcpts[i].has_key)
			users[n++] = m->p.users[i];
	return cmtp2_mail_put(&m->envelope, &mail, users);
}

/* It is for other keys than the one before, so it is another object. */
void
dlv_mail2_object_anew(struct dlv_mail2 *m)
{
	seal_make_key(m->content_key);
	buf_reset(&m->envelope);
	buf_reset(&m->entries);
	dlv_mail2_object_leave(m);
	cry_hasher_free(&m->hasher);
	m->entry_count = 0;
	m->object_bytes = 0;
	m->is_zstd = m->is_sent = m->has_paid = false;
}

void
dlv_mail2_object_begin(struct dlv_mail2 *m)
{
	put_entries(m);
	take_room(m);
	if (m->writer == NULL)
		m->writer = seal_writer_new(m->p.press);
	m->hasher = cry_hasher_new();
	if (m->piece == NULL)
		m->piece = must_alloc(1, DLV_PIECE_BYTES);
	if (begin_pass(m, DLV_MAIL2_MEASURE) != ERR_OK)
		dlv_mail2_without_keys(m, "it cannot be sealed");
}

void
dlv_mail2_object_repeat(struct dlv_mail2 *m, const unsigned char postage[CMTP2_POSTAGE_BYTES])
{
	send_command(m, slice_of(postage, CMTP2_POSTAGE_BYTES));
	if (m->is_held)
		begin_held(m, DLV_MAIL2_REPEAT);
	else if (begin_pass(m, DLV_MAIL2_REPEAT) != ERR_OK)
		dlv_mail2_hold(m, "4.3.0", "the message cannot be sealed");
}
