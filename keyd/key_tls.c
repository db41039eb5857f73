/* SPDX-License-Identifier: ISC */
#include "keyd/key_tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyd/key_gate.h"
#include "keyd/key_tbs.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry_sign.h"
#include "lib/sys/fd.h"

enum { TICKET_BYTES = 80, TBS_MAX = 512, DAY_S = 86400 };

/* A key with its certificate: kept until the last job with it is done. */
struct identity {
	uint32_t		 number;
	unsigned		 refs;
	struct cry_sign_key	*key;
	struct buf		 chain;
	struct cry_cert		 cert;
	bool			 is_slow;	/* RSA: signs in a thread */
};

struct tickets {
	enum ipc_role	 role;
	unsigned char	*now;		/* in the arena */
	unsigned char	*old;
	bool		 has_old;
};

struct key_tls {
	struct keyd	*k;
	struct identity	*current;
	struct identity	*previous;	/* for handshakes under way at a reload */
	uint32_t	 last_number;
	const char	*trouble;	/* why there is no identity */
	struct buf	 client_ca;	/* PEM; empty: none */
	struct tickets	 tickets[3];
	struct timer	 rotate;
};

struct sign_job {
	struct keyd	*k;
	struct identity	*identity;
	enum ipc_role	 role;
	uint32_t	 instance;
	uint64_t	 id;
	uint16_t	 scheme;
	enum err	 result;
	size_t		 tbs_n;
	unsigned char	 tbs[TBS_MAX];
	size_t		 signature_n;
	unsigned char	 signature[CRY_SIGNATURE_MAX];
};

static void
identity_unref(struct identity **idp)
{
	struct identity *id = *idp;

	*idp = NULL;
	if (id == NULL || --id->refs > 0)
		return;
	cry_sign_free(&id->key);
	buf_fini(&id->chain);
	free(id);
}

/* ---- files */

/* The whole file from its beginning, 0 < n <= max. */
static enum err
file_read(int fd, void *dst, size_t max, size_t *n)
{
	if (fd_pread_file(fd, dst, max, n) != ERR_OK)
		return ERR_IO;
	return *n == max ? ERR_TOOBIG : *n == 0 ? ERR_SYNTAX : ERR_OK;
}

static enum err
key_read(struct keyd *k, int fd, struct cry_sign_key **key)
{
	char *mem = secret_arena_alloc(k->arena, KEY_TLS_KEY_FILE_MAX);
	size_t n;
	enum err e;

	if (mem == NULL)
		return ERR_FULL;
	e = file_read(fd, mem, KEY_TLS_KEY_FILE_MAX, &n);
	if (e == ERR_OK)
		e = cry_sign_load(key, slice_of(mem, n));
	secret_arena_release(k->arena, mem, KEY_TLS_KEY_FILE_MAX);
	return e;
}

static enum err
chain_read(int fd, struct buf *chain)
{
	char *dst = buf_reserve(chain, KEY_TLS_CHAIN_FILE_MAX);
	size_t n = 0;
	enum err e;

	must(dst != NULL);
	e = file_read(fd, dst, KEY_TLS_CHAIN_FILE_MAX, &n);
	if (e == ERR_OK)
		buf_commit(chain, n);
	return e;
}

/* NULL, and why, when there is nothing that can be used. */
static const char *
identity_fill(struct keyd *k, struct identity *id)
{
	int cert_fd = daemon_file(k->app, "certificate", 0, NULL);
	int key_fd = daemon_file(k->app, "key", 0, NULL);
	enum err e;

	if (cert_fd < 0 || key_fd < 0)
		return "no certificate";
	if (chain_read(cert_fd, &id->chain) != ERR_OK ||
	    cry_cert_read(&id->cert, buf_slice(&id->chain)) != ERR_OK)
		return "certificate cannot be read";
	e = key_read(k, key_fd, &id->key);
	if (e == ERR_UNSUPPORTED)
		return "TLS key is not P-256, P-384, Ed25519 or RSA of 2048 to 8192 bits";
	if (e != ERR_OK)
		return "TLS key cannot be read";
	if (!cry_sign_matches(id->key, buf_slice(&id->chain)))
		return "TLS key does not belong to the certificate";
	return NULL;
}

/* One that cannot be read is none: then nobody comes in by it. */
static void
client_ca_load(struct keyd *k)
{
	struct buf *b = &k->tls->client_ca;
	int fd = daemon_file(k->app, "client_ca", 0, NULL);
	struct cry_cert cert;
	size_t n = 0;
	enum err e;

	buf_reset(b);
	if (fd < 0)
		return;
	must(buf_reserve(b, KEY_TLS_CLIENT_CA_MAX) != NULL);
	e = file_read(fd, buf_data(b), KEY_TLS_CLIENT_CA_MAX, &n);
	if (e == ERR_OK) {
		buf_commit(b, n);
		e = cry_cert_read(&cert, buf_slice(b));
	}
	if (e == ERR_OK)
		return;
	buf_reset(b);
	log_event(LOG_key, log_str("action", "load"), log_str("key", "client_ca"),
	    log_str("result", "refused"), log_str("reason", err_text(e)));
}

static bool
identity_load(struct keyd *k)
{
	struct identity *id = must_alloc(1, sizeof(*id));
	const char *trouble;

	id->refs = 1;
	buf_init(&id->chain, KEY_TLS_CHAIN_FILE_MAX);
	trouble = identity_fill(k, id);
	if (trouble != NULL) {
		identity_unref(&id);
		if (k->tls->current == NULL)
			k->tls->trouble = trouble;
		log_event(LOG_key, log_str("action", "load"), log_str("key", "tls"),
		    log_str("result", "refused"), log_str("reason", trouble));
		return false;
	}
	id->number = ++k->tls->last_number;
	id->is_slow = strcmp(cry_sign_kind(id->key), "RSA") == 0;
	identity_unref(&k->tls->previous);
	k->tls->previous = k->tls->current;
	k->tls->current = id;
	k->tls->trouble = NULL;
	log_event(LOG_key, log_str("action", "load"), log_str("key", id->cert.name),
	    log_str("result", cry_sign_kind(id->key)));
	return true;
}

/* ---- tickets */

static struct tickets *
tickets_of(struct key_tls *t, enum ipc_role role)
{
	size_t i = 0;

	while (i < lengthof(t->tickets) && t->tickets[i].role != role)
		i++;
	/* The gate lets no other role come here. */
	must(i < lengthof(t->tickets));
	return &t->tickets[i];
}

static void
client_ca_send(const struct keyd *k, struct ipc_peer *p)
{
	const struct ipc_tls_client_ca m = { .pem = buf_slice(&k->tls->client_ca) };

	if (ipc_send(p, IPC_MSG_tls_client_ca, &m, NULL, 0) != ERR_OK)
		return;
}

static void
cert_send(struct keyd *k, struct ipc_peer *p, const uint64_t *reply_to)
{
	const struct key_tls *t = k->tls;
	const struct tickets *ti = tickets_of(k->tls, ipc_peer_role(p));
	const struct ipc_tls_cert m = {
		.key = t->current->number, .chain_pem = buf_slice(&t->current->chain),
		.ticket_keys = slice_of(ti->now, TICKET_BYTES),
		.ticket_keys_old = ti->has_old ? slice_of(ti->old, TICKET_BYTES) : SLICE_NONE
	};

	if (reply_to != NULL)
		ipc_reply(p, *reply_to, IPC_MSG_tls_cert, &m);
	else if (ipc_send(p, IPC_MSG_tls_cert, &m, NULL, 0) != ERR_OK)
		return;	/* going; the next one asks */
	client_ca_send(k, p);
}

/* What changed, to all who asked before: the certificate too, or the authorities alone. */
static void
push(struct keyd *k, bool cert)
{
	struct ipc_peer *p;
	size_t i;
	unsigned idx;

	if (k->tls->current == NULL)
		return;
	for (i = 0; i < lengthof(k->tls->tickets); i++)
		for (idx = 0; (p = daemon_peer(k->app, k->tls->tickets[i].role, idx)) != NULL;
		    idx++)
			if (key_gate_is_ready(k, p) && cert)
				cert_send(k, p, NULL);
			else if (key_gate_is_ready(k, p))
				client_ca_send(k, p);
}

static void
on_rotate(void *arg)
{
	struct key_tls *t = arg;
	struct keyd *k = t->k;
	size_t i;

	for (i = 0; i < lengthof(t->tickets); i++) {
		memcpy(t->tickets[i].old, t->tickets[i].now, TICKET_BYTES);
		t->tickets[i].has_old = true;
		cry_random(t->tickets[i].now, TICKET_BYTES);
	}
	push(k, true);
	timer_set(&t->rotate, loop_now(k->loop) + key_options(k)->ticket_key_time);
}

struct key_tls *
key_tls_new(struct keyd *k)
{
	static const enum ipc_role roles[] = { IPC_SMTPD, IPC_CMTPD, IPC_IMAPD };
	struct key_tls *t = must_alloc(1, sizeof(*t));
	size_t i;

	_Static_assert(lengthof(roles) == lengthof(t->tickets), "one row per role");
	t->k = k;
	for (i = 0; i < lengthof(roles); i++) {
		t->tickets[i].role = roles[i];
		t->tickets[i].now = secret_arena_alloc(k->arena, TICKET_BYTES);
		t->tickets[i].old = secret_arena_alloc(k->arena, TICKET_BYTES);
		must(t->tickets[i].now != NULL && t->tickets[i].old != NULL);
		cry_random(t->tickets[i].now, TICKET_BYTES);
	}
	timer_init(&t->rotate, k->loop, on_rotate, t);
	timer_set(&t->rotate, loop_now(k->loop) + key_options(k)->ticket_key_time);
	k->tls = t;
	buf_init(&t->client_ca, KEY_TLS_CLIENT_CA_MAX);
	client_ca_load(k);
	(void)identity_load(k);
	return t;
}

void
key_tls_free(struct key_tls **tp)
{
	struct key_tls *t = *tp;
	size_t i;

	if (t == NULL)
		return;
	timer_stop(&t->rotate);
	identity_unref(&t->current);
	identity_unref(&t->previous);
	buf_fini(&t->client_ca);
	for (i = 0; i < lengthof(t->tickets); i++) {
		secret_arena_release(t->k->arena, t->tickets[i].now, TICKET_BYTES);
		secret_arena_release(t->k->arena, t->tickets[i].old, TICKET_BYTES);
	}
	free(t);
	*tp = NULL;
}

void
key_tls_reload(struct keyd *k)
{
	client_ca_load(k);
	push(k, identity_load(k));
}

bool
key_tls_proves_clients(const struct keyd *k)
{
	return k->tls->client_ca.n > 0;
}

void
key_tls_note(struct keyd *k, struct buf *note)
{
	const struct identity *id = k->tls->current;
	int64_t left_s;

	if (id == NULL) {
		buf_put_str(note, k->tls->trouble);
		return;
	}
	left_s = id->cert.not_after_s - (int64_t)key_now_s(k);
	if (left_s < 0)
		buf_printf(note, "certificate EXPIRED (%s)", id->cert.name);
	else
		buf_printf(note, "certificate %lld days (%s)", (long long)(left_s / DAY_S),
		    id->cert.name);
}

/* ---- requests */

void
key_tls_on_get(struct keyd *k, struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	(void)m;
	if (k->tls->current == NULL)
		key_gate_refuse(p, in->id, ERR_NOTFOUND, k->tls->trouble);
	else
		cert_send(k, p, &in->id);
}

static void
sign_answer(struct ipc_peer *p, const struct sign_job *j)
{
	const struct ipc_tls_signed m = { .signature = slice_of(j->signature, j->signature_n) };

	if (j->result == ERR_OK)
		ipc_reply(p, j->id, IPC_MSG_tls_signed, &m);
	else
		key_gate_refuse(p, j->id, j->result, "cannot be signed");
}

static void
sign_work(void *arg)
{
	struct sign_job *j = arg;

	j->result = cry_sign(j->identity->key, j->scheme, slice_of(j->tbs, j->tbs_n),
	    j->signature, &j->signature_n);
}

static void
sign_done(void *arg)
{
	struct sign_job *j = arg;
	struct ipc_peer *p = key_gate_peer(j->k, j->role, j->instance);

	if (p != NULL)
		sign_answer(p, j);
	identity_unref(&j->identity);
	free(j);
}

static void
sign_start(struct keyd *k, struct identity *id, struct ipc_peer *p,
    const struct ipc_tls_sign *m, uint64_t request)
{
	struct sign_job *j = must_alloc(1, sizeof(*j));

	j->k = k;
	j->identity = id;
	j->role = ipc_peer_role(p);
	j->instance = ipc_peer_instance(p);
	j->id = request;
	j->scheme = m->scheme;
	j->tbs_n = m->tbs.n;
	memcpy(j->tbs, m->tbs.p, m->tbs.n);
	id->refs++;
	if (id->is_slow && loop_work(k->loop, sign_work, sign_done, j) == ERR_OK)
		return;
	sign_work(j);
	sign_done(j);
}

static struct identity *
identity_find(struct key_tls *t, uint32_t number)
{
	if (t->current != NULL && t->current->number == number)
		return t->current;
	return t->previous != NULL && t->previous->number == number ? t->previous : NULL;
}

static void
sign_refuse(struct ipc_peer *p, uint64_t id, const char *reason)
{
	log_event(LOG_sign, log_str("key", "tls"),
	    log_str("peer", ipc_role_name(ipc_peer_role(p))),
	    log_str("result", "refused"), log_str("reason", reason));
	key_gate_refuse(p, id, ERR_DENIED, reason);
}

void
key_tls_on_sign(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_tls_sign *m = msg;
	struct identity *id = identity_find(k->tls, m->key);
	enum key_tbs kind = key_tbs_check(m->tbs);

	if (kind == KEY_TBS_REFUSED)
		sign_refuse(p, in->id, "no part of a TLS handshake");
	else if (id == NULL)
		sign_refuse(p, in->id, "no such key");
	else if (kind == KEY_TBS_TLS_1_3 && cry_sign_is_pkcs1(m->scheme))
		sign_refuse(p, in->id, "RSA PKCS 1 under TLS 1.3");
	else
		sign_start(k, id, p, m, in->id);
}
