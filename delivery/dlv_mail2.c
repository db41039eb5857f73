/* SPDX-License-Identifier: ISC */
/*
 * The steps stand from the bottom up: the end, the answer, the object, the
 * recipients' keys, own key, the server's key.  One thing is awaited at a time:
 * keyd, the lookup, or the host.
 */
#include "delivery/dlv_mail2.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/dlv_cmtp.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/cmtp/cmtp2_mail.h"
#include "lib/cmtp/cmtp_pin.h"
#include "lib/crypto/cry_hasher.h"
#include "lib/ipc/key_proto.h"
#include "lib/seal/seal.h"

#define KEYD_MS		10000u
#define TURN_BYTES	(256u << 10)	/* sealed before the loop runs again */
#define ENTRY_BYTES	(12 + SEAL_KEY_BYTES + CRY_SEAL_BYTES)

struct rcpt {
	bool		 is_told;
	bool		 has_key;
	uint8_t		 generation;
	unsigned char	 seal[CRY_KEY_BYTES];
};

struct dlv_mail2 {
	struct dlv_mail2_params	 p;
	struct slice		*users;
	const struct dlv_mail2_owner *owner;
	void			*arg;
	struct loop_idle	 turn;		/* begin, or seal, or done */
	bool			 is_sealing;
	bool			 is_over;
	struct ipc_peer		*keyd;
	uint64_t		 call;
	struct dlv_lookup_asker	*asker;
	struct dlv_cmtp		*cmtp;
	char			 host[DLV_HOST_BYTES];
	struct buf		 pin;		/* of whom is asked for; empty: none */
	bool			 asked_all;
	unsigned char		 server_sign[CRY_KEY_BYTES];
	uint64_t		 serial;	/* our own */
	unsigned		 at;		/* the recipient whose key is asked for */
	struct rcpt		*rcpts;
	unsigned		 keys;		/* recipients that have one */
	struct buf		 envelope;
	unsigned char		 content_key[SEAL_KEY_BYTES];
	struct seal_press	*press;
	struct seal_writer	*writer;
	struct cry_hasher	*hasher;
	uint64_t		 off;
	char			*piece;
	struct buf		 out;
	unsigned char		 digest[CMTP_DIGEST_BYTES];
	bool			 is_sent;
};

static void next_rcpt(struct dlv_mail2 *);

/* ---- the end */

static void
tell(struct dlv_mail2 *m, unsigned i, enum dlv_mail2_fate fate, const struct smtp_result *r)
{
	if (m->rcpts[i].is_told)
		return;
	m->rcpts[i].is_told = true;
	m->owner->rcpt(m->arg, i, fate, r);
}

static void
tell_all(struct dlv_mail2 *m, enum dlv_mail2_fate fate, const struct smtp_result *r)
{
	for (unsigned i = 0; i < m->p.count; i++)
		tell(m, i, fate, r);
}

static void
stop(struct dlv_mail2 *m)
{
	if (m->call != 0)
		ipc_cancel(m->keyd, m->call);
	m->call = 0;
	dlv_lookup_cancel(m->p.lookup, &m->asker);
	dlv_cmtp_free(&m->cmtp);
	m->is_sealing = false;
}

static void
finish(struct dlv_mail2 *m)
{
	stop(m);
	m->is_over = true;
	loop_defer(m->p.loop, &m->turn);
}

/* All that were not told of: deferred. */
static void
hold(struct dlv_mail2 *m, const char *dsn, const char *why)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_MAIL, dsn, "CMTP with %.150s: %.80s",
	    m->host[0] != '\0' ? m->host : "the domain", why);
	tell_all(m, DLV_MAIL2_TOLD, &r);
	finish(m);
}

static void
without_key(struct dlv_mail2 *m, unsigned i, const char *why)
{
	struct smtp_result r;

	if (!m->p.must) {
		tell(m, i, DLV_MAIL2_PLAIN, NULL);
		return;
	}
	smtp_result_own(&r, SMTP_STAGE_RCPT, "5.7.4",
	    "mail to this domain goes by CMTP 2 only, and %.150s", why);
	tell(m, i, DLV_MAIL2_TOLD, &r);
}

static void
without_keys(struct dlv_mail2 *m, const char *why)
{
	for (unsigned i = 0; i < m->p.count; i++)
		without_key(m, i, why);
	finish(m);
}

/* ---- keyd */

static bool
call_keyd(struct dlv_mail2 *m, enum ipc_type type, const void *msg, ipc_reply_fn *fn)
{
	m->keyd = dlv_pool_keyd(m->p.pool);
	if (m->keyd != NULL && ipc_call(m->keyd, type, msg, NULL, 0,
	    loop_now(m->p.loop) + KEYD_MS, fn, m, &m->call) == ERR_OK)
		return true;
	hold(m, "4.3.0", "the keys cannot be had now");
	return false;
}

/* What another relay put meanwhile stands. */
static void
on_kept(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	(void)arg, (void)e, (void)type, (void)msg, (void)in;
}

static void
keep_pin(struct dlv_mail2 *m, struct slice user, const struct cmtp_pin *fresh)
{
	unsigned char hash[CMTP_KEY_HASH_BYTES];
	struct ipc_pin_put put = { .domain = m->p.domain, .user = user };
	struct ipc_peer *keyd = dlv_pool_keyd(m->p.pool);
	struct buf b;
	enum err e = ERR_GONE;

	buf_init(&b, CMTP_PIN_BYTES_MAX);
	cmtp_pin_put(&b, fresh);
	put.pin = buf_slice(&b);
	put.keep_until_s = user.n == 0 ? fresh->newest.expires_s : 0;
	cry_hash(hash, sizeof(hash), buf_slice(&m->pin));
	if (m->pin.n > 0)
		put.before = slice_of(hash, sizeof(hash));
	if (keyd != NULL)
		e = ipc_call(keyd, IPC_MSG_pin_put, &put, NULL, 0,
		    loop_now(m->p.loop) + KEYD_MS, on_kept, NULL, NULL);
	(void)e;	/* then it is seen anew next time */
	buf_fini(&b);
}

static bool
known_pin(const struct dlv_mail2 *m, struct cmtp_pin *p)
{
	return m->pin.n > 0 && cmtp_pin_get(p, buf_slice(&m->pin)) == ERR_OK;
}

static bool
pin_is_in_force(const struct dlv_mail2 *m)
{
	struct cmtp_pin p;

	return known_pin(m, &p) && p.newest.kind == CMTP_KEY_LIVE &&
	    p.newest.expires_s > loop_real_ms(m->p.loop) / 1000;
}

/* What is remembered of m->domain's server or user comes into m->pin. */
static enum err
take_pin(struct dlv_mail2 *m, enum err e, uint16_t type, const void *msg)
{
	const struct ipc_pin *pin = msg;

	m->call = 0;
	buf_reset(&m->pin);
	if (e != ERR_OK || type != IPC_MSG_pin) {
		hold(m, "4.3.0", "the keys cannot be had now");
		return ERR_AGAIN;
	}
	if (pin->found)
		buf_put_slice(&m->pin, pin->pin);
	return ERR_OK;
}

static void
ask_pin(struct dlv_mail2 *m, struct slice user, ipc_reply_fn *fn)
{
	const struct ipc_pin_get get = { .domain = m->p.domain, .user = user };

	(void)call_keyd(m, IPC_MSG_pin_get, &get, fn);
}

/* ---- not by CMTP 2: but was it before? */

/* keyd is nobody's to take away from outside: mail does not wait for it. */
static void
on_pin_before(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail2 *m = arg;

	(void)in;
	m->call = 0;
	buf_reset(&m->pin);
	if (e == ERR_OK && type == IPC_MSG_pin)
		buf_put_slice(&m->pin, ((const struct ipc_pin *)msg)->pin);
	else if (m->p.must) {
		hold(m, "4.3.0", "the keys cannot be had now");
		return;
	}
	if (pin_is_in_force(m))
		hold(m, "4.7.5", "the domain was reached by CMTP 2 before and cannot be now");
	else
		without_keys(m, "its host does not speak it");
}

static void
leave(struct dlv_mail2 *m)
{
	if (dlv_pool_keyd(m->p.pool) != NULL)
		ask_pin(m, SLICE_NONE, on_pin_before);
	else
		on_pin_before(m, ERR_GONE, 0, NULL, NULL);
}

/* ---- the answer */

static struct slice
dsn_of(struct slice text)
{
	struct slice word;
	unsigned dots = 0;

	(void)slice_cut(text, ' ', &word);
	for (size_t i = 0; i < word.n; i++) {
		dots += word.p[i] == '.';
		if (word.p[i] != '.' && (word.p[i] < '0' || word.p[i] > '9'))
			return SLICE_NONE;
	}
	return dots == 2 && word.n <= SMTP_RESULT_DSN_MAX ? word : SLICE_NONE;
}

static void
take_status(struct dlv_mail2 *m, unsigned i, unsigned class, struct slice text)
{
	char words[CMTP2_TEXT_MAX + 1], code[SMTP_RESULT_DSN_MAX + 1] = "";
	struct slice dsn = dsn_of(text);
	struct smtp_result r;

	/* The code is of the class, or it is none. */
	if (dsn.n > 0 && dsn.p[0] == (char)('0' + class))
		(void)slice_to_cstr(dsn, code, sizeof(code));
	(void)slice_to_cstr(slice_head(text, CMTP2_TEXT_MAX), words, sizeof(words));
	smtp_result_reply(&r, SMTP_STAGE_END, m->host, class * 100 + 50, code, words);
	tell(m, i, DLV_MAIL2_TOLD, &r);
}

static void
take_statuses(struct dlv_mail2 *m, const struct cmtp2_answer *a)
{
	struct slice rest = a->content, text;
	unsigned class;
	bool is_one = a->what == CMTP2_REFUSED;

	if (is_one && cmtp2_answer_get_status(&rest, &class, &text) != ERR_OK)
		return;
	for (unsigned i = 0; i < m->p.count; i++) {
		if (!m->rcpts[i].has_key)
			continue;
		if (!is_one && cmtp2_answer_get_status(&rest, &class, &text) != ERR_OK)
			return;
		take_status(m, i, class, text);
	}
}

static void
on_answer(void *arg, const struct cmtp2_answer *a)
{
	struct dlv_mail2 *m = arg;

	if (cmtp2_answer_verify(a, m->digest, m->server_sign) != ERR_OK) {
		hold(m, "4.7.5", "its answer to the mail does not verify");
	} else if (a->what == CMTP2_POSTAGE) {
		hold(m, "4.7.1", "it asks for postage, which is not paid here");
	} else {
		take_statuses(m, a);
		hold(m, "4.5.0", "its answer to the mail cannot be read");
	}
}

/* ---- the object */

static void
on_signed(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail2 *m = arg;
	const struct ipc_cmtp2_signature *s = msg;

	(void)in;
	m->call = 0;
	if (e != ERR_OK || type != IPC_MSG_cmtp2_signature || s->sig.n != CMTP_SIG_BYTES) {
		hold(m, "4.3.0", "the mail cannot be signed now");
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
	(void)call_keyd(m, IPC_MSG_cmtp2_sign, &q, on_signed);
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

static void
seal_some(struct dlv_mail2 *m)
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
		hold(m, "4.3.0", "the message cannot be read");
		return;
	}
	flush(m);
	sign(m);
}

static void
on_drained(void *arg)
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
		struct rcpt *r = &m->rcpts[i];

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

static void
begin_object(struct dlv_mail2 *m)
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
		without_keys(m, "its envelope cannot be written so");
	}
	buf_fini(&entries);
	buf_fini(&command);
}

/* ---- the recipients' keys */

static void
ask_host(struct dlv_mail2 *m, struct slice user, uint64_t known)
{
	if (dlv_cmtp_ask(m->cmtp, user, m->p.domain, known) == ERR_OK)
		return;
	without_key(m, m->at++, "the address is none of CMTP");
	next_rcpt(m);
}

static void
on_user_pin(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail2 *m = arg;
	struct cmtp_pin p;

	(void)in;
	if (take_pin(m, e, type, msg) == ERR_OK)
		ask_host(m, m->p.users[m->at], known_pin(m, &p) ? p.newest.serial : 0);
}

static void
next_rcpt(struct dlv_mail2 *m)
{
	m->asked_all = false;
	if (m->at < m->p.count)
		ask_pin(m, m->p.users[m->at], on_user_pin);
	else if (m->keys > 0)
		begin_object(m);
	else
		finish(m);
}

/* The chain broke, or the host has no key where one was. */
static void
hold_rcpt(struct dlv_mail2 *m, const char *why)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_RCPT, "4.7.5",
	    "the key of the recipient does not go on from the one that was known (%.80s)", why);
	tell(m, m->at, DLV_MAIL2_TOLD, &r);
}

static bool
try_key(struct rcpt *r, const struct cmtp_key *k)
{
	unsigned char out[CRY_KEY_BYTES + CRY_SEAL_BYTES];

	memcpy(r->seal, k->seal, sizeof(r->seal));
	r->generation = (uint8_t)k->generation;
	r->has_key = cry_box_seal(out, slice_of(r->seal, sizeof(r->seal)), r->seal) == ERR_OK;
	return r->has_key;
}

static enum err
judge(struct dlv_mail2 *m, const struct cmtp2_keys_request *q, struct slice records,
    const unsigned char *server_sign, struct cmtp_pin *fresh, enum cmtp_chain *verdict)
{
	const struct cmtp_pin_asked a = { .domain = m->p.domain, .user = q->user,
		.server_sign = server_sign, .now_s = loop_real_ms(m->p.loop) / 1000 };
	struct cmtp_pin known;
	bool has = known_pin(m, &known);
	enum err e = cmtp_pin_take(fresh, has ? &known : NULL, &a, records, verdict);

	if (e == ERR_OK && (!has || known.newest.serial != fresh->newest.serial ||
	    known.is_broken != fresh->is_broken || *verdict == CMTP_CHAIN_REUSED) &&
	    (m->asked_all || !cmtp_pin_is_break(*verdict)))
		keep_pin(m, q->user, fresh);
	return e;
}

static void
take_user_keys(struct dlv_mail2 *m, const struct cmtp2_keys_request *q,
    const struct cmtp2_keys_reply *r)
{
	enum cmtp_chain verdict = CMTP_CHAIN_OTHER;
	struct cmtp_pin fresh;
	enum err e = judge(m, q, r->records, m->server_sign, &fresh, &verdict);

	if (e == ERR_OK && cmtp_pin_is_break(verdict) && !m->asked_all) {
		m->asked_all = true;
		ask_host(m, m->p.users[m->at], 0);
		return;
	}
	if (e != ERR_OK)
		hold_rcpt(m, "it does not verify");
	else if (cmtp_pin_is_break(verdict))
		hold_rcpt(m, cmtp_chain_name(verdict));
	else if (!cmtp_pin_is_good(verdict))
		without_key(m, m->at, "the recipient's key has ended");
	else if (try_key(&m->rcpts[m->at], &fresh.newest))
		m->keys++;
	else
		without_key(m, m->at, "nothing can be sealed to the recipient's key");
	m->at++;
	next_rcpt(m);
}

static void
on_user_keys(struct dlv_mail2 *m, const struct cmtp2_keys_request *q,
    const struct cmtp2_keys_reply *r)
{
	if (cmtp2_keys_verify(r, q, m->server_sign) != ERR_OK) {
		hold(m, "4.7.5", "its reply about a key does not verify");
		return;
	}
	if (r->status == CMTP2_FOUND) {
		take_user_keys(m, q, r);
		return;
	}
	if (r->status == CMTP2_LATER)
		hold_rcpt(m, "it is not to be had now");
	else if (pin_is_in_force(m))
		hold_rcpt(m, "there is none any more");
	else
		without_key(m, m->at, "the recipient has no key");
	m->at++;
	next_rcpt(m);
}

/* ---- own key: the serial that the mail names */

static void
on_own(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail2 *m = arg;
	const struct ipc_cmtp2_keys_reply *r = msg;
	struct cmtp_key k = { .serial = 0 };
	struct slice rest;

	(void)in;
	m->call = 0;
	if (e != ERR_OK || type != IPC_MSG_cmtp2_keys_reply) {
		hold(m, "4.3.0", "the keys cannot be had now");
		return;
	}
	for (rest = r->records; rest.n > 0 && cmtp_key_read(&k, &rest) == ERR_OK;)
		m->serial = k.serial;
	if (r->status != CMTP2_FOUND || m->serial == 0)
		without_keys(m, "the sender's domain is none of this host");
	else
		next_rcpt(m);
}

static void
ask_own(struct dlv_mail2 *m)
{
	char name[CMTP_PARAM_MAX + 2] = "@";
	size_t at = slice_rfind(m->p.sender, '@');
	struct slice domain = slice_from(m->p.sender, at + 1);
	const struct ipc_cmtp2_keys q = { .user = slice_of(name, domain.n + 1),
		.known = UINT64_MAX };

	if (domain.n > CMTP_PARAM_MAX) {
		without_keys(m, "the sender's address is none of CMTP");
		return;
	}
	if (domain.n > 0)
		memcpy(name + 1, domain.p, domain.n);
	(void)call_keyd(m, IPC_MSG_cmtp2_keys, &q, on_own);
}

/* ---- the server's key */

static void
on_server_keys(struct dlv_mail2 *m, const struct cmtp2_keys_request *q,
    const struct cmtp2_keys_reply *r)
{
	enum cmtp_chain verdict = CMTP_CHAIN_OTHER;
	struct cmtp_pin fresh;
	enum err e = r->status == CMTP2_FOUND ?
	    judge(m, q, r->records, NULL, &fresh, &verdict) : ERR_NOTFOUND;

	if (e == ERR_OK && cmtp_pin_is_break(verdict) && !m->asked_all) {
		m->asked_all = true;
		if (dlv_cmtp_ask(m->cmtp, SLICE_NONE, m->p.domain, 0) == ERR_OK)
			return;
		e = ERR_SYNTAX;
	}
	if (e != ERR_OK || !cmtp_pin_is_good(verdict) ||
	    cmtp2_keys_verify(r, q, fresh.newest.sign) != ERR_OK) {
		hold(m, "4.7.5", "its key does not go on from the one that was known");
		return;
	}
	memcpy(m->server_sign, fresh.newest.sign, sizeof(m->server_sign));
	ask_own(m);
}

static void
on_keys(void *arg, const struct cmtp2_keys_request *q, const struct cmtp2_keys_reply *r)
{
	struct dlv_mail2 *m = arg;

	if (q->user.n == 0)
		on_server_keys(m, q, r);
	else
		on_user_keys(m, q, r);
}

static void
on_ready(void *arg)
{
	struct dlv_mail2 *m = arg;
	struct cmtp_pin p;

	if (dlv_cmtp_ask(m->cmtp, SLICE_NONE, m->p.domain,
	    known_pin(m, &p) ? p.newest.serial : 0) != ERR_OK)
		without_keys(m, "the domain is none of CMTP");
}

static void
on_failed(void *arg, const char *why)
{
	hold(arg, "4.4.2", why);
}

static const struct dlv_cmtp_owner cmtp_owner = { .ready = on_ready, .keys = on_keys,
	.answer = on_answer, .drained = on_drained, .failed = on_failed };

static void
found(struct dlv_mail2 *m, enum err e, const char *reason)
{
	if (e == ERR_CORRUPT)
		hold(m, "4.7.5", reason);
	else
		leave(m);
}

static void
on_found(void *arg, enum err e, const char *reason, struct slice pin)
{
	struct dlv_mail2 *m = arg;

	m->asker = NULL;
	if (e != ERR_OK) {
		found(m, e, reason);
		return;
	}
	buf_reset(&m->pin);
	buf_put_slice(&m->pin, pin);
	m->owner->taken(m->arg);
	m->cmtp = dlv_cmtp_new(m->p.loop, m->p.link, &cmtp_owner, m);
	m->p.link = NULL;
}

static void
begin(struct dlv_mail2 *m)
{
	const char *reason;
	enum err e;

	if (!dlv_cmtp_is_offered(m->p.link)) {
		leave(m);
		return;
	}
	if (dlv_lookup_peek(m->p.lookup, m->p.domain, &e, &reason)) {
		found(m, e, reason);
		return;
	}
	m->asker = dlv_lookup_ask(m->p.lookup, m->p.domain, on_found, m);
	if (m->asker == NULL)
		hold(m, "4.3.2", "too many keys are looked for");
}

/* ---- life */

static void
on_turn(void *arg)
{
	struct dlv_mail2 *m = arg;

	if (m->is_over)
		m->owner->done(m->arg);
	else if (m->is_sealing)
		seal_some(m);
	else
		begin(m);
}

struct dlv_mail2 *
dlv_mail2_new(const struct dlv_mail2_params *p, const struct dlv_mail2_owner *owner, void *arg)
{
	struct dlv_mail2 *m = must_alloc(1, sizeof(*m));

	must(p->count > 0 && p->count <= CMTP2_DESTINATIONS_MAX);
	m->p = *p;
	m->users = must_alloc(p->count, sizeof(*m->users));
	memcpy(m->users, p->users, p->count * sizeof(*m->users));
	m->p.users = m->users;
	m->owner = owner;
	m->arg = arg;
	m->rcpts = must_alloc(p->count, sizeof(*m->rcpts));
	(void)slice_to_cstr(slice_str(dlv_link_host(p->link)), m->host, sizeof(m->host));
	buf_init(&m->pin, CMTP_PIN_BYTES_MAX);
	buf_init(&m->envelope, CMTP2_ENVELOPE_MAX);
	buf_init(&m->out, 4 * (SEAL_FRAME_BYTES + SEAL_ENTRIES_BYTES_MAX));
	loop_idle_init(&m->turn, on_turn, m);
	loop_defer(p->loop, &m->turn);
	return m;
}

const char *
dlv_mail2_host(const struct dlv_mail2 *m)
{
	return m->host;
}

bool
dlv_mail2_is_finishing(const struct dlv_mail2 *m)
{
	return m->is_sent && !m->is_over;
}

void
dlv_mail2_free(struct dlv_mail2 **mp)
{
	struct dlv_mail2 *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	stop(m);
	loop_idle_cancel(&m->turn);
	seal_writer_free(&m->writer);
	seal_press_free(&m->press);
	cry_hasher_free(&m->hasher);
	buf_fini(&m->pin);
	buf_fini(&m->envelope);
	buf_fini(&m->out);
	free(m->piece);
	free(m->rcpts);
	free(m->users);
	free(m);
}
