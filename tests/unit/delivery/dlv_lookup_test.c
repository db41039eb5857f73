/* SPDX-License-Identifier: ISC */
/*
 * The server keys of other domains, and mail by CMTP 2, between a cmtpd, a queue
 * and a keyd that the test plays over socket pairs and a host of CMTP 2 in the
 * same loop.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "delivery/dlv_lookup.h"
#include "delivery/dlv_relay.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/cmtp/cmtp2_answer.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp2_mail.h"
#include "lib/cmtp/cmtp_pin.h"
#include "lib/crypto/cry_sign.h"
#include "lib/io/tls.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/seal_split.h"
#include "tests/unit/delivery/fake_dns.h"
#include "tests/unit/delivery/fake_host.h"
#include "tests/unit/keyd/tls_pair.h"

#define EHLO_IN_CLEAR	"250-fake\r\n250 STARTTLS"
#define EHLO_IN_TLS	"250-fake\r\n250 CMTP 1 2"
#define CHAIN		4u
#define PINS		4u
#define USERS		3u
#define BODY		"From: a@here.example\r\nSubject: x\r\n\r\nhello\r\n"

struct answer { enum err error; char reason[256]; char pin[2048]; size_t pin_n; };

static struct world {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	struct tls_ctx		*tls_server;
	struct cry_sign_key	*tls_key;
	struct dlv_relay	*relay;
	struct relay_options	 options;
	struct ipc_peer		*cmtpd, *at_cmtpd;	/* the test's end, relay's */
	struct ipc_peer		*keyd, *at_keyd;
	struct ipc_peer		*queue, *at_queue;
	struct result { enum err error; char dsn[10], text[256], reply[513]; } results[USERS];
	struct timer		 limit, tick;
	uint64_t		 tick_ms;
	struct fake_host	 host;
	int			 log;
	/* keyd */
	struct kept { char user[64]; char pin[2048]; size_t n; } pins[PINS];
	struct cmtp_key		 here;		/* our own record */
	unsigned char		 here_secret[CRY_ED_SECRET_BYTES];
	unsigned		 gets, puts;
	bool			 keyd_is_silent;
	uint64_t		 keep_until_s;
	/* the host */
	struct cmtp_key		 chain[CHAIN];
	unsigned char		 secrets[CHAIN][CRY_ED_SECRET_BYTES];
	unsigned		 chain_n;
	struct user {
		const char	*name;
		struct cmtp_key	 chain[CHAIN];
		unsigned	 n;
		unsigned char	 secret[32], box[32];	/* of the last: X25519 */
		unsigned char	 sign_secret[CRY_ED_SECRET_BYTES];
	} users[USERS];
	unsigned		 user_n, user_requests;
	struct buf		 mail;		/* MAIL2 behind its name */
	unsigned		 mails;
	char			 text[2000000];	/* the last one, opened */
	size_t			 text_n;
	char			 names[1000];	/* source and destinations, LF behind each */
	const char		*statuses;	/* what is answered: "2text\n..." */
	uint8_t			 what;
	bool			 answer_is_wrong;
	bool			 closes;	/* in place of an answer */
	unsigned		 requests;
	uint64_t		 known;
	bool			 bad_signature;
	uint8_t			 status;
	const char		*ohai;		/* with its NUL; NULL: as it should be */
	const char		*garbage;	/* instead of keys */
	/* what came */
	unsigned		 want, count;
	struct answer		 answers[8];
	struct answer		*last;
} *w;

/* ---- keyd */

static struct kept *
kept_of(struct slice user)
{
	for (unsigned i = 0; i < PINS; i++)
		if (w->pins[i].n == 0 || slice_eq_str(user, w->pins[i].user)) {
			assert_true(slice_to_cstr(user, w->pins[i].user, 64));
			return &w->pins[i];
		}
	fail_msg("too many pins");
	return NULL;
}

static struct kept *
server_pin(void)
{
	return kept_of(SLICE_NONE);
}

static void
on_pin_get(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_pin_get *m = msg;
	const struct kept *k = kept_of(m->user);
	const struct ipc_pin reply = { .found = k->n > 0, .pin = slice_of(k->pin, k->n) };

	w->gets++;
	if (!w->keyd_is_silent)
		ipc_reply(p, in->id, IPC_MSG_pin, &reply);
}

static void
on_pin_put(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_pin_put *m = msg;
	const struct ipc_pin_kept kept = { .unused = 0 };
	const struct ipc_key_fail fail = { .error = ERR_BUSY };
	struct kept *k = kept_of(m->user);
	unsigned char hash[32];

	cry_hash(hash, sizeof(hash), slice_of(k->pin, k->n));
	if (k->n > 0 ? !slice_eq(m->before, slice_of(hash, 32)) : m->before.n > 0) {
		ipc_reply(p, in->id, IPC_MSG_key_fail, &fail);
		return;
	}
	w->puts++;
	memcpy(k->pin, m->pin.p, m->pin.n);
	k->n = m->pin.n;
	if (m->user.n == 0)
		w->keep_until_s = m->keep_until_s;
	ipc_reply(p, in->id, IPC_MSG_pin_kept, &kept);
}

/* Our own: only of here.example. */
static void
on_own_keys(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp2_keys *m = msg;
	struct ipc_cmtp2_keys_reply reply = { .status = CMTP2_NOT_SERVED };
	struct buf b;

	buf_init(&b, 2000);
	if (slice_eq_str(m->user, "@here.example") || slice_eq_str(m->user, "@")) {
		assert_int_equal(cmtp_key_put(&b, &w->here), ERR_OK);
		reply = (struct ipc_cmtp2_keys_reply){ .status = CMTP2_FOUND, .count = 1,
		    .records = buf_slice(&b) };
	}
	ipc_reply(p, in->id, IPC_MSG_cmtp2_keys_reply, &reply);
	buf_fini(&b);
}

static void
on_own_sign(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp2_sign *m = msg;
	unsigned char sig[CRY_ED_SIG_BYTES];
	const struct ipc_cmtp2_signature reply = { .serial = 1, .sig = slice_of(sig, sizeof(sig)) };
	struct cmtp_sign s = { .purpose = "mail" };
	struct ipc_reader r = ipc_reader_of(m->fields);
	struct ipc_cmtp2_field f;

	assert_int_equal(m->purpose, CMTP2_MAIL);
	assert_int_equal(m->serial, 1);
	while (ipc_reader_more(&r)) {
		ipc_cmtp2_field_get(&r, &f);
		s.fields[s.count++] = f.bytes;
	}
	cmtp_sign_make(sig, &s, w->here_secret);
	ipc_reply(p, in->id, IPC_MSG_cmtp2_signature, &reply);
}

static const struct ipc_handler keyd_handlers[] = {
	{ IPC_MSG_pin_get, on_pin_get }, { IPC_MSG_pin_put, on_pin_put },
	{ IPC_MSG_cmtp2_keys, on_own_keys }, { IPC_MSG_cmtp2_sign, on_own_sign }, { 0, NULL }
};

/* ---- the host */

static void
on_sign(void *arg, struct tls_sign_job *job, uint32_t key, uint16_t scheme, struct slice tbs)
{
	unsigned char sig[CRY_SIGNATURE_MAX];
	size_t n = 0;

	(void)arg, (void)key;
	assert_int_equal(cry_sign(w->tls_key, scheme, tbs, sig, &n), ERR_OK);
	tls_sign_done(job, ERR_OK, slice_of(sig, n));
}

static struct user *
user_of(struct slice name)
{
	for (unsigned i = 0; i < w->user_n; i++)
		if (slice_eq_str(name, w->users[i].name))
			return &w->users[i];
	return NULL;
}

static void
put_keys(struct buf *out, const struct cmtp2_keys_request *q)
{
	const struct user *u = q->user.n > 0 ? user_of(q->user) : NULL;
	const struct cmtp_key *chain = q->user.n == 0 ? w->chain : u != NULL ? u->chain : NULL;
	unsigned n = q->user.n == 0 ? w->chain_n : u != NULL ? u->n : 0;
	uint8_t status = n > 0 ? w->status : CMTP2_NONE;
	unsigned char sig[CRY_ED_SIG_BYTES];
	struct buf records, content;
	struct cmtp_sign s;
	unsigned count = 0;

	buf_init(&records, 20000);
	buf_init(&content, 20000);
	for (unsigned i = 0; i < n; i++)
		if (chain[i].serial > q->known || i + 1 == n) {
			assert_int_equal(cmtp_key_put(&records, &chain[i]), ERR_OK);
			count++;
		}
	if (status != CMTP2_FOUND) {
		count = 0;
		buf_reset(&records);
	}
	cmtp2_keys_content(&content, status, count, buf_slice(&records));
	s = cmtp2_keys_sign(q, buf_slice(&content));
	cmtp_sign_make(sig, &s, w->secrets[w->chain_n - 1]);
	sig[0] ^= w->bad_signature;
	cmtp2_keys_put(out, buf_slice(&content), sig);
	buf_fini(&records);
	buf_fini(&content);
}

/* The object, by the secret of any user that has an entry. */
static void
open_object(struct slice object)
{
	struct seal_reader *r = seal_reader_new();
	unsigned char key[32], id[SEAL_KEY_ID_BYTES];
	struct seal_split split;
	struct seal_entry entry;
	struct slice rest = object;
	struct buf out;
	unsigned opened = 0;

	seal_split_init(&split);
	buf_init(&out, sizeof(w->text));
	assert_int_equal(seal_split_take(&split, &rest), ERR_OK);
	for (unsigned i = 0; i < w->user_n; i++) {
		struct user *u = &w->users[i];

		seal_key_id(id, u->box);
		if (u->n == 0 || seal_split_find(&split, 1, 1, id, &entry) != ERR_OK)
			continue;
		assert_int_equal(cry_box_open(key, entry.wrapped, u->box, u->secret), ERR_OK);
		buf_reset(&out);
		assert_int_equal(seal_open(r, key, object, NULL, sizeof(w->text), &out), ERR_OK);
		opened++;
	}
	assert_true(opened > 0 && opened == split.head.entry_count);
	w->text_n = out.n;
	memcpy(w->text, buf_data(&out), out.n);
	buf_fini(&out);
	seal_split_fini(&split);
	seal_reader_free(&r);
}

static void
answer_mail(struct conn *c, const struct cmtp_sign *signed_part)
{
	unsigned char digest[CMTP_DIGEST_BYTES], sig[CRY_ED_SIG_BYTES];
	struct slice rest = slice_str(w->statuses), line;
	struct buf content, out;
	struct cmtp_sign s;

	buf_init(&content, 10000);
	buf_init(&out, 20000);
	while (rest.n > 0) {
		rest = slice_cut(rest, '\n', &line);
		cmtp2_answer_put_status(&content, (unsigned)(line.p[0] - '0'), slice_from(line, 1));
	}
	cmtp_sign_digest(digest, signed_part);
	digest[0] ^= w->answer_is_wrong;
	s = cmtp2_answer_sign(digest, (enum cmtp2_what)w->what, buf_slice(&content));
	cmtp_sign_make(sig, &s, w->secrets[w->chain_n - 1]);
	cmtp2_answer_put(&out, (enum cmtp2_what)w->what, buf_slice(&content), sig);
	conn_write(c, buf_slice(&out));
	buf_fini(&content);
	buf_fini(&out);
}

/* The whole command, when it is there. */
static void
take_mail(struct conn *c)
{
	struct slice all = buf_slice(&w->mail), names, user, object, sig;
	unsigned char hash[CRY_HASH_BYTES];
	struct cmtp2_mail m;
	struct cmtp_sign s;
	size_t n = CMTP2_HEAD_BYTES;
	struct buf list;

	if (all.n < n || cmtp2_mail_read_head(&m, slice_head(all, n)) != ERR_OK)
		return;
	for (unsigned i = 0; i < CMTP2_NAMES + m.destinations; i++)
		n += slice_find(slice_from(all, n), '\0') + 1;
	if (all.n < n + m.object_bytes + CMTP_SIG_BYTES)
		return;
	assert_int_equal(all.n, n + m.object_bytes + CMTP_SIG_BYTES);
	assert_int_equal(cmtp2_mail_read(&m, slice_head(all, n)), ERR_OK);
	object = slice_head(slice_from(all, n), (size_t)m.object_bytes);
	sig = slice_from(all, n + object.n);
	cry_hash(hash, sizeof(hash), object);
	s = cmtp2_mail_sign(slice_head(all, n), hash);
	assert_int_equal(cmtp_sign_verify((const unsigned char *)sig.p, &s, w->here.sign), ERR_OK);
	buf_init(&list, sizeof(w->names));
	buf_printf(&list, "%.*s@%.*s\n", SLICE_FMT(m.source_user), SLICE_FMT(m.source_domain));
	names = m.users;
	while (cmtp2_mail_user(&names, &user))
		buf_printf(&list, "%.*s@%.*s\n", SLICE_FMT(user), SLICE_FMT(m.domain));
	assert_true(slice_to_cstr(buf_slice(&list), w->names, sizeof(w->names)));
	buf_fini(&list);
	open_object(object);
	w->mails++;
	if (w->closes)
		conn_close(c, "fault");
	else if (w->statuses != NULL)
		answer_mail(c, &s);
}

static size_t
on_raw(void *arg, struct conn *c, struct slice in)
{
	struct cmtp2_keys_request q = { .user = SLICE_NONE };
	struct slice word, rest;
	struct buf out;

	(void)arg;
	if (memcmp(in.p, "OHAI", in.n < 5 ? in.n : 5) == 0) {
		conn_write(c, w->ohai != NULL ? slice_of(w->ohai, strlen(w->ohai) + 1) :
		    slice_of("OHAI 1 2", 9));
		return 5;
	}
	rest = slice_cut(in, '\0', &word);
	if (w->mail.n > 0 || slice_eq_str(word, "MAIL2")) {
		buf_put_slice(&w->mail, w->mail.n > 0 ? in : rest);
		take_mail(c);
		return in.n;
	}
	assert_true(slice_eq_str(word, "KEYREQUEST2"));
	rest = slice_cut(rest, '\0', &q.user);
	rest = slice_cut(rest, '\0', &q.domain);
	assert_int_equal(rest.n, 40);
	q.nonce = slice_head(rest, 32);
	for (unsigned i = 32; i < 40; i++)
		q.known = q.known << 8 | (unsigned char)rest.p[i];
	w->requests += q.user.n == 0;
	w->user_requests += q.user.n > 0;
	w->known = q.known;
	if (w->garbage != NULL) {
		conn_write_str(c, w->garbage);
		return in.n;
	}
	buf_init(&out, 20000);
	put_keys(&out, &q);
	conn_write(c, buf_slice(&out));
	buf_fini(&out);
	return in.n;
}

static uint64_t
now_s(void)
{
	return loop_real_ms(w->loop) / 1000;
}

/* The next of the server's records. */
static void
add_record(unsigned char seed, bool is_linked)
{
	unsigned char bytes[32] = { seed };
	unsigned i = w->chain_n++;
	struct cmtp_key *k = &w->chain[i];

	*k = (struct cmtp_key){ .kind = CMTP_KEY_LIVE, .generation = i + 1, .serial = i + 1,
		.created_s = now_s() - 1000, .expires_s = now_s() + 1000000,
		.domain = SLICE_LIT("there.example") };
	cry_ed_pair(k->sign, w->secrets[i], bytes);
	if (i > 0)
		cmtp_key_hash(k->before, k - 1);
	cmtp_key_sign_own(k, w->secrets[i]);
	if (i > 0 && is_linked)
		cmtp_key_sign_previous(k, w->secrets[i - 1]);
	cmtp_key_sign_server(k, w->secrets[i]);
}

/* ---- cmtpd */

static void
on_answer(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp_found *m = msg;

	(void)arg, (void)in;
	if (e == ERR_GONE)	/* the test ends */
		return;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(type, IPC_MSG_cmtp_found);
	w->last = &w->answers[w->count % lengthof(w->answers)];
	w->last->error = m->error;
	assert_true(slice_to_cstr(m->reason, w->last->reason, sizeof(w->last->reason)));
	w->last->pin_n = m->pin.n;
	if (m->pin.n > 0)
		memcpy(w->last->pin, m->pin.p, m->pin.n);
	if (++w->count >= w->want)
		loop_stop(w->loop);
}

static void
ask(const char *domain, uint64_t serial)
{
	const struct ipc_cmtp_find m = { .domain = slice_str(domain), .serial = serial };

	assert_int_equal(ipc_call(w->cmtpd, IPC_MSG_cmtp_find, &m, NULL, 0,
	    loop_now(w->loop) + 36000000, on_answer, NULL, NULL), ERR_OK);
	w->want++;
}

static void
on_tick(void *arg)
{
	(void)arg;
	loop_advance(w->loop, w->tick_ms);
	timer_set(&w->tick, loop_now(w->loop) + 1);
}

static void
run(void)
{
	if (w->tick_ms > 0)
		timer_set(&w->tick, loop_now(w->loop) + 1);
	else
		timer_set(&w->limit, loop_now(w->loop) + 20000);
	loop_run(w->loop);
	timer_stop(&w->limit);
	timer_stop(&w->tick);
}

static enum err
find(const char *domain, uint64_t serial)
{
	ask(domain, serial);
	run();
	return w->last->error;
}

static uint64_t
serial_of_answer(void)
{
	struct cmtp_pin p;

	assert_int_equal(cmtp_pin_get(&p, slice_of(w->last->pin, w->last->pin_n)), ERR_OK);
	assert_false(p.is_broken);
	return p.newest.serial;
}

static bool
is_broken(void)
{
	struct cmtp_pin p;

	assert_int_equal(cmtp_pin_get(&p, slice_of(server_pin()->pin, server_pin()->n)), ERR_OK);
	return p.is_broken;
}

/* ---- the world */

static const struct opt_section relay_section = RELAY_OPT_SECTION;
static const struct ipc_handler	no_handlers[] = { { 0, NULL } };

static void
on_find(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	dlv_relay_find(w->relay, p, m, in);
}

static const struct ipc_handler	cmtpd_handlers[] = { { IPC_MSG_cmtp_find, on_find }, { 0, NULL } };

static void
on_job(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	dlv_relay_take(w->relay, p, m, in);
}

static const struct ipc_handler	queue_handlers[] = { { IPC_MSG_relay_job, on_job }, { 0, NULL } };

static void
on_gone(struct ipc_peer *p, void *arg)
{
	(void)p, (void)arg;
}

static void
on_limit(void *arg)
{
	(void)arg;
	fail_msg("not done in time");
}

static void
on_drained(void *arg)
{
	(void)arg;
	loop_stop(w->loop);
}

static void
wire(struct ipc_peer **ours, enum ipc_role who, const struct ipc_handler *our_handlers,
    struct ipc_peer **theirs, const struct ipc_handler *their_handlers)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*ours = ipc_peer_new(w->loop, fds[0], IPC_RELAY, 1, our_handlers, on_gone, NULL);
	*theirs = ipc_peer_new(w->loop, fds[1], who, 1, their_handlers, on_gone, NULL);
}

static int
setup(void **state)
{
	struct dlv_relay_parts parts = { .hostname = "here.example" };

	(void)state;
	w = calloc(1, sizeof(*w));
	cry_init();
	fake_dns_clear();
	w->log = memfd_create("log", MFD_CLOEXEC);
	log_to_fd(w->log);
	w->loop = loop_new();
	loop_start_threads(w->loop, 1);
	timer_init(&w->limit, w->loop, on_limit, NULL);
	timer_init(&w->tick, w->loop, on_tick, NULL);
	opt_defaults(&relay_section, &w->options);
	assert_int_equal(cry_sign_load(&w->tls_key, slice_str(tls_pair_key)), ERR_OK);
	w->tls_server = tls_ctx_new(w->loop, on_sign, NULL, 10);
	assert_int_equal(tls_ctx_set(w->tls_server, 1, slice_str(tls_pair_cert), SLICE_NONE,
	    SLICE_NONE), ERR_OK);
	w->host.tls = w->tls_server;
	w->host.ehlo = EHLO_IN_CLEAR;
	w->host.ehlo_in_tls = EHLO_IN_TLS;
	w->host.raw = on_raw;
	fake_host_open(&w->host, w->loop);
	w->options.port = w->host.port;
	fake_dns_mx("there.example", 10, "mx.there.example", false);
	fake_dns_addr("mx.there.example", "127.0.0.1", false);
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_NXDOMAIN, false);
	w->dns = dns_new(w->loop, NULL);
	w->tls = tls_client_ctx_new(w->loop, 100);
	parts.loop = w->loop;
	parts.dns = w->dns;
	parts.tls = w->tls;
	parts.options = &w->options;
	w->relay = dlv_relay_new(&parts);
	dlv_relay_set_self(w->relay, dlv_self_new("here.example"));
	wire(&w->cmtpd, IPC_CMTPD, no_handlers, &w->at_cmtpd, cmtpd_handlers);
	wire(&w->keyd, IPC_KEYD, keyd_handlers, &w->at_keyd, no_handlers);
	dlv_relay_set_keyd(w->relay, w->at_keyd);
	wire(&w->queue, IPC_QUEUE, no_handlers, &w->at_queue, queue_handlers);
	buf_init(&w->mail, 4u << 20);
	add_record(1, false);
	w->here = w->chain[0];
	memcpy(w->here_secret, w->secrets[0], sizeof(w->here_secret));
	w->what = CMTP2_STATUSES;
	return 0;
}

static void
run_for(uint64_t ms)
{
	struct timer t;

	timer_init(&t, w->loop, on_drained, NULL);
	timer_set(&t, loop_now(w->loop) + ms);
	loop_run(w->loop);
	timer_stop(&t);
}

static int
teardown(void **state)
{
	(void)state;
	timer_set(&w->limit, loop_now(w->loop) + 20000);
	dlv_relay_drain(w->relay, on_drained, NULL);
	loop_run(w->loop);
	timer_stop(&w->limit);
	dlv_relay_free(&w->relay);
	fake_host_fini(&w->host);
	run_for(10);
	ipc_peer_free(&w->cmtpd);
	ipc_peer_free(&w->at_cmtpd);
	ipc_peer_free(&w->queue);
	ipc_peer_free(&w->at_queue);
	buf_fini(&w->mail);
	ipc_peer_free(&w->keyd);
	ipc_peer_free(&w->at_keyd);
	tls_ctx_free(&w->tls_server);
	cry_sign_free(&w->tls_key);
	tls_client_ctx_free(&w->tls);
	dns_free(&w->dns);
	opt_free(&relay_section, &w->options);
	loop_free(&w->loop);
	log_to_fd(2);
	(void)close(w->log);
	free(w);
	return 0;
}

/* ---- tests */

static void
test_found(void **state)
{
	(void)state;
	assert_int_equal(find("there.example", 0), ERR_OK);
	assert_int_equal(serial_of_answer(), 1);
	assert_int_equal(w->known, 0);
	assert_int_equal(w->puts, 1);
	assert_int_equal(w->keep_until_s, w->chain[0].expires_s);
	assert_int_equal(server_pin()->n, w->last->pin_n);
	assert_memory_equal(server_pin()->pin, w->last->pin, w->last->pin_n);
	/* From the pin. */
	assert_int_equal(find("There.EXAMPLE", 1), ERR_OK);
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->host.connects, 1);
	/* A record that is not known: the host is asked again, from there. */
	add_record(2, true);
	assert_int_equal(find("there.example", 2), ERR_OK);
	assert_int_equal(serial_of_answer(), 2);
	assert_int_equal(w->known, 1);
	assert_int_equal(w->requests, 2);
	assert_int_equal(w->puts, 2);
}

/* Equal questions are one; who went away gets nothing. */
static void
test_together(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		ask("there.example", 0);
	run();
	assert_int_equal(w->count, 3);
	assert_int_equal(w->requests, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w->answers[i].error, ERR_OK);
	server_pin()->n = 0;
	ask("there.example", 0);
	run_for(1);
	dlv_relay_cmtpd_left(w->relay, w->at_cmtpd);
	w->count++;
	assert_int_equal(find("there.example", 0), ERR_OK);
}

static void
test_break(void **state)
{
	(void)state;
	assert_int_equal(find("there.example", 0), ERR_OK);
	add_record(2, false);
	assert_int_equal(find("there.example", 2), ERR_CORRUPT);
	assert_int_equal(w->last->pin_n, 0);
	assert_non_null(strstr(w->last->reason, "do not go on"));
	assert_true(is_broken());
	assert_int_equal(w->known, 0);	/* asked for all once more */
	assert_int_equal(w->requests, 3);
	/* Remembered; then it is seen anew, and the break stays. */
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	assert_int_equal(w->requests, 3);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	assert_int_equal(w->requests, 5);
	/* The old chain is back. */
	w->chain_n = 1;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(find("there.example", 0), ERR_OK);
	assert_false(is_broken());
}

static void
test_not_offered(void **state)
{
	(void)state;
	w->host.ehlo_in_tls = "250-fake\r\n250 CMTP 1";
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	assert_non_null(strstr(w->last->reason, "no host"));
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	assert_int_equal(w->host.connects, 1);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->host.ehlo_in_tls = EHLO_IN_TLS;
	assert_int_equal(find("there.example", 0), ERR_OK);
}

/* Whatever it lists in the clear. */
static void
test_without_tls(void **state)
{
	(void)state;
	w->host.tls = NULL;
	w->host.ehlo = EHLO_IN_TLS;
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	assert_int_equal(w->requests, 0);
	assert_int_equal(server_pin()->n, 0);
}

static void
test_bad_replies(void **state)
{
	(void)state;
	w->bad_signature = true;
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	w->bad_signature = false;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->chain[0].server[0] ^= 1;
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	w->chain[0].server[0] ^= 1;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->status = CMTP2_NONE;
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->status = CMTP2_LATER;
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->garbage = "220 what is this\r\n";
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	assert_non_null(strstr(w->last->reason, "cannot be read"));
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->garbage = NULL;
	w->ohai = "OHAI 1";
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	assert_non_null(strstr(w->last->reason, "version 2"));
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->ohai = "OHAI 1 2\r\n and what nobody asked for, and more of it, and more, and more";
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	assert_int_equal(server_pin()->n, 0);
}

static void
test_other_domain(void **state)
{
	(void)state;
	fake_dns_mx("other.example", 10, "mx.there.example", false);
	fake_dns_status("_cmtp.other.example", DNS_TXT, DNS_NXDOMAIN, false);
	assert_int_equal(find("other.example", 0), ERR_CORRUPT);
	assert_int_equal(server_pin()->n, 0);
	assert_int_equal(find("nowhere.example", 0), ERR_NOTFOUND);
	assert_int_equal(find("[127.0.0.1]", 0), ERR_NOTFOUND);
	assert_int_equal(find("", 0), ERR_NOTFOUND);
	assert_int_equal(find("a b", 0), ERR_NOTFOUND);
	assert_int_equal(w->host.connects, 1);
}

static void
txt_of(unsigned record, bool is_secure)
{
	struct buf b;

	buf_init(&b, 200);
	buf_put_str(&b, "v=CMTP2; p=");
	enc_put_base64(&b, slice_of(w->chain[record].sign, 32));
	fake_dns_txt("_cmtp.there.example", buf_cstr(&b));
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_OK, is_secure);
	buf_fini(&b);
}

static void
test_dns(void **state)
{
	(void)state;
	add_record(2, true);
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_SERVFAIL, false);
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->chain_n = 3;
	add_record(9, false);
	w->chain_n = 2;
	txt_of(3, true);
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	assert_non_null(strstr(w->last->reason, "_cmtp"));
	assert_int_equal(server_pin()->n, 0);
	/* Nobody has signed it: it says nothing. */
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_OK, false);
	assert_int_equal(find("there.example", 0), ERR_OK);
	/* One of the records, which need not be the newest, is named. */
	server_pin()->n = 0;
	txt_of(0, true);
	assert_int_equal(find("there.example", 0), ERR_OK);
}

static void
test_silence(void **state)
{
	(void)state;
	w->tick_ms = 500;
	w->garbage = "";
	assert_int_equal(find("there.example", 0), ERR_TIMEOUT);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->garbage = NULL;
	w->keyd_is_silent = true;
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	dlv_relay_set_keyd(w->relay, NULL);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
}

/* The oldest memory gives way; too many askers are told so. */
static void
test_limits(void **state)
{
	char name[40];

	(void)state;
	w->host.tls = NULL;
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	dlv_relay_set_keyd(w->relay, NULL);
	for (unsigned i = 0; i < DLV_LOOKUP_DOMAINS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		assert_int_equal(find(name, 0), ERR_AGAIN);
		if (i + 2 == DLV_LOOKUP_DOMAINS_MAX)
			assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	}
	dlv_relay_set_keyd(w->relay, w->at_keyd);
	assert_int_equal(w->host.connects, 1);
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	assert_int_equal(w->host.connects, 2);
	w->keyd_is_silent = true;
	for (unsigned i = 0; i < DLV_LOOKUP_ASKERS_MAX; i++)
		ask("late.example", 0);
	w->want = w->count;	/* only the next one is waited for */
	assert_int_equal(find("late.example", 0), ERR_BUSY);
	w->want = w->count + DLV_LOOKUP_ASKERS_MAX;
	w->tick_ms = 500;
	run();
	assert_int_equal(w->last->error, ERR_AGAIN);
}

/* ---- mail */

static void
add_user(const char *name)
{
	w->users[w->user_n++] = (struct user){ .name = name };
}

/* The next of a user's records; with linked signed by the key before. */
static void
add_key(unsigned at, unsigned char seed, bool is_linked)
{
	struct user *u = &w->users[at];
	struct cmtp_key *k = &u->chain[u->n];
	unsigned char bytes[32] = { seed }, before[CRY_ED_SECRET_BYTES];

	memcpy(before, u->sign_secret, sizeof(before));
	*k = (struct cmtp_key){ .kind = CMTP_KEY_LIVE, .generation = 1, .serial = u->n + 1,
		.created_s = now_s() - 1000, .expires_s = now_s() + 1000000,
		.domain = SLICE_LIT("there.example"), .user = slice_str(u->name) };
	cry_ed_pair(k->sign, u->sign_secret, bytes);
	cry_box_pair(u->box, u->secret);
	memcpy(k->seal, u->box, 32);
	if (u->n > 0)
		cmtp_key_hash(k->before, k - 1);
	cmtp_key_sign_own(k, u->sign_secret);
	if (is_linked)
		cmtp_key_sign_previous(k, before);
	cmtp_key_sign_server(k, w->secrets[w->chain_n - 1]);
	u->n++;
}

static void
on_settled(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_relay_done *m = msg;
	struct ipc_reader r;
	struct ipc_relay_result one;

	(void)arg, (void)in;
	if (e == ERR_GONE)
		return;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(type, IPC_MSG_relay_done);
	r = ipc_reader_of(m->results);
	while (ipc_reader_more(&r)) {
		struct result *to;

		ipc_relay_result_get(&r, &one);
		to = &w->results[one.idx];
		to->error = one.error;
		assert_true(slice_to_cstr(one.dsn, to->dsn, sizeof(to->dsn)));
		assert_true(slice_to_cstr(one.text, to->text, sizeof(to->text)));
		assert_true(slice_to_cstr(one.reply, to->reply, sizeof(to->reply)));
	}
	if (++w->count >= w->want)
		loop_stop(w->loop);
}

struct mail { const char *to, *sender, *route, *body; size_t body_n; };

static void
give(struct mail mail)
{
	struct ipc_relay_job m = { .msg = 0x1234567, .session = 1, .form = QUEUE_FORM_MEMFD,
		.site = SLICE_LIT("there.example"), .arrival_ms = loop_real_ms(w->loop),
		.route = slice_str(mail.route != NULL ? mail.route : ""),
		.active_ms = loop_real_ms(w->loop), .retry_ms = 36431000,
		.sender = slice_str(mail.sender != NULL ? mail.sender : "Ann@here.example") };
	const char *body = mail.body != NULL ? mail.body : BODY;
	struct slice rest = slice_str(mail.to), one;
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint32_t idx = 0;
	struct buf b;

	m.size = mail.body != NULL ? mail.body_n : strlen(body);
	assert_int_equal(write(fd, body, m.size), (ssize_t)m.size);
	memset(w->results, 0, sizeof(w->results));
	buf_reset(&w->mail);
	buf_init(&b, 60000);
	while (rest.n > 0) {
		struct ipc_relay_rcpt r = { .idx = idx++ };

		rest = slice_cut(rest, ' ', &one);
		r.address = one;
		ipc_relay_rcpt_put(&b, &r);
	}
	m.rcpts = buf_slice(&b);
	assert_int_equal(ipc_call(w->queue, IPC_MSG_relay_job, &m, &fd, 1,
	    loop_now(w->loop) + 3600000, on_settled, NULL, NULL), ERR_OK);
	w->want++;
	(void)close(fd);
	buf_fini(&b);
	run();
}

static void
is_deferred(unsigned i, const char *dsn, const char *text)
{
	assert_int_equal(err_class(w->results[i].error), ERR_CLASS_TEMP);
	assert_string_equal(w->results[i].dsn, dsn);
	if (strstr(w->results[i].text, text) == NULL)
		fail_msg("%s", w->results[i].text);
}

static void
add_route(const char *title, enum dlv_cmtp_policy cmtp)
{
	static const struct opt_section route = CONF_ROUTE_SECTION;
	struct route_options o = { 0 };

	opt_defaults(&route, &o);
	o.tls = CONF_RELAY_TLS_MAY;
	o.cmtp = cmtp;
	dlv_relay_add_route(w->relay, title, &o);
	opt_free(&route, &o);
}

static void
test_mail(void **state)
{
	static char large[1500000];

	(void)state;
	add_user("bob");
	add_user("carol");
	add_key(0, 11, false);
	add_key(1, 12, false);
	w->statuses = "22.1.5 it is yours\n55.2.2 full\n";
	give((struct mail){ .to = "bob@there.example carol@There.Example" });
	assert_int_equal(w->mails, 1);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_string_equal(w->results[0].dsn, "2.1.5");
	assert_int_equal(err_class(w->results[1].error), ERR_CLASS_PERM);
	assert_string_equal(w->results[1].dsn, "5.2.2");
	assert_non_null(strstr(w->results[1].text, "full"));
	assert_string_equal(w->names, "Ann@here.example\nbob@there.example\ncarol@there.example\n");
	assert_int_equal(w->text_n, strlen(BODY));
	assert_memory_equal(w->text, BODY, strlen(BODY));
	assert_int_equal(w->host.message_count, 0);
	/* What is known is asked for again, from there; the null sender is the server. */
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)('a' + i % 23);
	w->statuses = "44.3.1 later\n";
	give((struct mail){ .to = "bob@there.example", .sender = "", .body = large,
	    .body_n = sizeof(large) });
	is_deferred(0, "4.3.1", "later");
	assert_int_equal(w->known, 1);
	assert_string_equal(w->names, "@\nbob@there.example\n");
	assert_int_equal(w->text_n, sizeof(large));
	assert_memory_equal(w->text, large, sizeof(large));
}

/* Who has no key goes by SMTP; with require nobody does. */
static void
test_no_key(void **state)
{
	(void)state;
	add_user("bob");
	add_user("carol");
	add_key(0, 11, false);
	add_route("must", DLV_CMTP_REQUIRE);
	add_route("never", DLV_CMTP_NO);
	w->statuses = "22.1.5 yours\n";
	give((struct mail){ .to = "bob@there.example carol@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_int_equal(w->mails, 1);
	assert_int_equal(w->host.message_count, 1);
	assert_true(slice_search(buf_slice(&w->host.seen),
	    SLICE_LIT("RCPT TO:<carol@there.example>")) < w->host.seen.n);
	assert_true(slice_search(buf_slice(&w->host.seen), SLICE_LIT("RCPT TO:<bob")) ==
	    w->host.seen.n);
	give((struct mail){ .to = "bob@there.example carol@there.example", .route = "must" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(err_class(w->results[1].error), ERR_CLASS_PERM);
	assert_string_equal(w->results[1].dsn, "5.7.4");
	assert_non_null(strstr(w->results[1].text, "no key"));
	assert_int_equal(w->host.message_count, 1);
	give((struct mail){ .to = "bob@there.example", .route = "never" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->mails, 2);
	assert_int_equal(w->host.message_count, 2);
	/* Mail in another domain's name cannot be signed here. */
	give((struct mail){ .to = "bob@there.example", .sender = "x@elsewhere.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 3);
	give((struct mail){ .to = "bob@there.example", .sender = "x@elsewhere.example",
	    .route = "must" });
	assert_string_equal(w->results[0].dsn, "5.7.4");
	assert_int_equal(w->mails, 2);
}

/* What once had CMTP 2 does not fall back. */
static void
test_downgrade(void **state)
{
	(void)state;
	add_user("bob");
	add_key(0, 11, false);
	add_route("must", DLV_CMTP_REQUIRE);
	w->host.ehlo_in_tls = "250-fake\r\n250 CMTP 1";
	give((struct mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 1);
	give((struct mail){ .to = "bob@there.example", .route = "must" });
	assert_string_equal(w->results[0].dsn, "5.7.4");
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->host.ehlo_in_tls = EHLO_IN_TLS;
	w->statuses = "22.1.5 yours\n";
	fake_host_hang_up(&w->host);
	run_for(5);
	give((struct mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->mails, 1);
	w->host.ehlo_in_tls = "250-fake\r\n250 CMTP 1";
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.7.5", "was reached by CMTP 2 before");
	w->host.tls = NULL;
	w->host.ehlo = "250 fake";
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.7.5", "was reached by CMTP 2 before");
	assert_int_equal(w->host.message_count, 1);
	/* The life that it announced is over. */
	loop_advance(w->loop, 1001000u * 1000u);
	give((struct mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 2);
}

static void
test_user_breaks(void **state)
{
	(void)state;
	add_user("bob");
	add_key(0, 11, false);
	w->statuses = "22.1.5 yours\n";
	give((struct mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	add_key(0, 13, true);
	give((struct mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	add_key(0, 14, false);
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.7.5", "(reset)");
	w->users[0].n = 0;
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.7.5", "none any more");
	assert_int_equal(w->mails, 2);
	assert_int_equal(w->host.message_count, 0);
}

static void
test_bad_answers(void **state)
{
	(void)state;
	add_user("bob");
	add_key(0, 11, false);
	w->statuses = "22.1.5 yours\n";
	w->answer_is_wrong = true;
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.7.5", "does not verify");
	w->answer_is_wrong = false;
	w->statuses = "22.1.5 yours\n22.1.5 more\n";	/* of one destination */
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.4.2", "cannot be read");
	w->what = CMTP2_REFUSED;
	w->statuses = "55.7.1 not from you\n";
	give((struct mail){ .to = "bob@there.example" });
	assert_string_equal(w->results[0].dsn, "5.7.1");
	w->statuses = "52.1.5 a code of another class\n";
	give((struct mail){ .to = "bob@there.example" });
	assert_string_equal(w->results[0].dsn, "5.0.0");
	w->bad_signature = true;
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.7.5", "does not go on");
	w->bad_signature = false;
	w->garbage = "xyz";
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.4.2", "cannot be read");
	w->garbage = NULL;
	w->closes = true;
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.4.2", "closed the connection");
	w->closes = false;
	w->statuses = NULL;	/* no answer at all */
	w->tick_ms = 500;
	give((struct mail){ .to = "bob@there.example" });
	is_deferred(0, "4.4.2", "does not answer");
	assert_int_equal(w->host.message_count, 0);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found), TEST(test_together), TEST(test_break), TEST(test_not_offered),
		TEST(test_without_tls), TEST(test_bad_replies), TEST(test_other_domain),
		TEST(test_dns), TEST(test_silence), TEST(test_limits), TEST(test_mail),
		TEST(test_no_key), TEST(test_downgrade), TEST(test_user_breaks),
		TEST(test_bad_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
