/* SPDX-License-Identifier: ISC */
#include "queue/queue_txn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_body.h"
#include "queue/queue_forward.h"
#include "queue/queue_msg.h"
#include "queue/queue_rate.h"
#include "queue/queue_spool.h"

struct queue_client {
	struct list	 link;
	struct ipc_peer	*peer;
	struct list	 txns;		/* open and committing */
	struct queue_txn *last;		/* that it opened; NULL: refused, or it is over */
	unsigned	 txn_count;
	unsigned	 file_count;
	size_t		 envelope_bytes;
};

struct queue_txn {
	struct list		 link;
	struct map_node		 by_id;
	struct queue		*q;
	struct queue_client	*client;	/* NULL: committed, and it went */
	struct queue_msg	*msg;		/* NULL once committed */
	uint64_t		 id;
	uint64_t		 commit_id;	/* the request to answer */
	uint64_t		 account;	/* of the login; 0: none */
	uint64_t		 issued_s;	/* its token */
	bool			 may_relay;
	bool			 is_trusted;	/* the client, not only the login */
	uint64_t		 size;		/* announced */
	uint64_t		 size_limit;	/* the smallest of its recipients; 0: none */
	bool			 has_file;
	bool			 is_rewritten;	/* or need not be: queue_forward_rewrite */
	struct queue_file_id	 file;
	size_t			 envelope_bytes;
	uint64_t		*hashes;	/* of the recipients' addresses */
	uint32_t		 hash_cap;
};

/* ---- clients and their transactions ---- */

static struct queue_client *
client_of(struct queue *q, const struct ipc_peer *peer)
{
	struct list *l;

	for (l = q->clients.next; l != &q->clients; l = l->next)
		if (obj_of(l, struct queue_client, link)->peer == peer)
			return obj_of(l, struct queue_client, link);
	return NULL;
}

void
queue_txn_join(struct queue *q, struct ipc_peer *peer)
{
	struct queue_client *c = client_of(q, peer);

	if (c != NULL)
		return;
	c = must_alloc(1, sizeof(*c));
	c->peer = peer;
	list_init(&c->txns);
	list_push(&q->clients, &c->link);
}

static void
leave_client(struct queue_txn *t)
{
	struct queue_client *c = t->client;

	if (c == NULL)
		return;
	c->txn_count--;
	c->file_count -= t->has_file;
	c->envelope_bytes -= t->envelope_bytes;
	list_remove(&t->link);
	if (c->last == t)
		c->last = NULL;
	t->client = NULL;
}

static void
free_txn(struct queue_txn **tp)
{
	struct queue_txn *t = *tp;

	leave_client(t);
	map_remove(&t->q->txns, &t->by_id);
	queue_msg_free(&t->msg);
	free(t->hashes);
	free(t);
	*tp = NULL;
}

void
queue_txn_leave(struct queue *q, struct ipc_peer *peer)
{
	struct queue_client *c = client_of(q, peer);
	struct queue_txn *t;
	struct list *l;

	if (c == NULL)
		return;
	while ((l = list_first(&c->txns)) != NULL) {
		t = obj_of(l, struct queue_txn, link);
		if (t->msg != NULL)
			free_txn(&t);
		else
			leave_client(t);	/* its message goes its way */
	}
	list_remove(&c->link);
	free(c);
}

static struct queue_txn *
find_txn(const struct queue *q, uint64_t id)
{
	struct map_node *n;
	struct queue_txn *t;

	for (n = map_first(&q->txns, hash_u64(id)); n != NULL; n = map_next(n)) {
		t = obj_of(n, struct queue_txn, by_id);
		if (t->id == id)
			return t;
	}
	return NULL;
}

unsigned
queue_txn_count(const struct queue *q)
{
	return (unsigned)q->txns.count;
}

/* The open transaction of this peer; NULL after a violation. */
static struct queue_txn *
own_txn(struct queue *q, struct ipc_peer *peer, uint64_t id)
{
	struct queue_txn *t = find_txn(q, id);

	if (t != NULL && t->msg != NULL && t->client != NULL && t->client->peer == peer)
		return t;
	ipc_peer_violation(peer, "no such transaction of this peer");
	return NULL;
}

static void
refuse(struct ipc_peer *peer, uint64_t id, enum err e, const char *dsn, const char *text)
{
	const struct ipc_queue_refused m = { .error = e, .dsn = slice_str(dsn),
	    .text = slice_str(text) };

	ipc_reply(peer, id, IPC_MSG_queue_refused, &m);
}

static bool
is_clean(struct slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

/* ---- open ---- */

/* What is found while a message is to be opened. */
struct opening {
	uint64_t	 account;	/* of the login; 0: none */
	uint64_t	 issued_s;	/* its token */
	enum err	 error;		/* why not */
	const char	*dsn;
};

/* Why no message can be taken now; NULL when one can. */
static const char *
not_now(struct queue *q, const struct queue_client *c, uint64_t size, struct opening *o)
{
	o->error = ERR_AGAIN;
	o->dsn = "4.3.0";
	if (q->is_draining)
		return "The mail system is going down";
	if (!q->resolver.is_ready || q->keys.current == 0)
		return "The mail system is starting";
	o->error = ERR_BUSY;
	o->dsn = "4.3.2";
	if (c->txn_count >= QUEUE_TXNS_MAX || c->envelope_bytes >= QUEUE_ENVELOPES_MAX)
		return "Too many transactions";
	if (q->memory_bytes / 2 > q->limits.spool_memory)
		return "Too much mail at the same time";
	o->error = ERR_FULL;
	o->dsn = "4.3.1";
	if (queue_spool_room(q, size) != ERR_OK)
		return "Insufficient system storage";
	return NULL;
}

static void
log_limit(struct queue *q, uint64_t session, uint64_t account, struct slice client,
    const char *name)
{
	const struct queue_account *a = queue_resolve_find_id(&q->resolver, account);

	log_event(LOG_limit, log_session(session), log_text("client", client),
	    log_text("sasl_username", a != NULL ? slice_of(a->address, a->address_n) : SLICE_NONE),
	    log_str("name", name));
}

/* Trusted ones are not counted. */
static struct slice
counted_client(bool is_trusted, struct slice client)
{
	return is_trusted ? SLICE_NONE : client;
}

static const char *
too_often(struct queue *q, const struct ipc_queue_open *m, struct opening *o)
{
	const char *name = queue_rate_message(q, counted_client(m->may_relay, m->client));

	if (name == NULL)
		return NULL;
	log_limit(q, m->session, 0, m->client, name);
	o->error = ERR_BUSY;
	o->dsn = "4.7.1";
	return "Too much mail from this client, try again later";
}

/* A submission: the login, and a sender that belongs to it. */
static const char *
not_owner(struct queue *q, const struct ipc_peer *peer, const struct ipc_queue_open *m,
    struct opening *o)
{
	const struct queue_account *a;
	struct token token;

	o->error = token_gate_check(&q->tokens, &token, m->token, ipc_peer_instance(peer),
	    TOKEN_SUBMIT, loop_real_ms(q->loop) / 1000);
	o->dsn = "4.3.0";
	if (o->error == ERR_AGAIN)
		return "The mail system is starting";
	o->dsn = "5.7.0";
	if (o->error != ERR_OK)
		return "Authentication required";
	a = queue_resolve_find_id(&q->resolver, token.account);
	o->error = ERR_DISABLED;
	if (a == NULL || !a->enabled)
		return "The account is disabled";
	o->account = a->id;
	o->issued_s = token.issued_s;
	o->error = queue_resolve_owns(&q->resolver, a->id, m->sender);
	o->dsn = o->error == ERR_AGAIN ? "4.3.0" : "5.7.1";
	if (o->error == ERR_AGAIN)
		return "Temporary lookup failure";
	return o->error == ERR_OK ? NULL : "Sender address rejected: not owned by user";
}

static struct queue_txn *
make_txn(struct queue *q, struct queue_client *c, const struct ipc_queue_open *m)
{
	struct queue_txn *t = must_alloc(1, sizeof(*t));
	struct queue_envelope *e;

	t->q = q;
	t->client = c;
	t->msg = queue_msg_new(q);
	e = &t->msg->env;
	e->arrival_ms = loop_real_ms(q->loop);
	e->id = queue_core_make_id(q, e->arrival_ms);
	e->session = m->session;
	e->flags = m->flags;
	e->kind = m->kind;
	t->id = e->id;
	c->txn_count++;
	list_push(&c->txns, &t->link);
	map_insert(&q->txns, &t->by_id, hash_u64(t->id));
	if (queue_envelope_dup(e, &e->sender, m->sender) != ERR_OK ||
	    queue_envelope_dup(e, &e->client, m->client) != ERR_OK ||
	    queue_envelope_dup(e, &e->helo, m->helo) != ERR_OK ||
	    queue_envelope_dup(e, &e->envid, m->envid) != ERR_OK)
		free_txn(&t);
	return t;
}

/* What the envelope took since the last time counts against the peer. */
static void
count_bytes(struct queue_txn *t)
{
	size_t now = t->msg->env.mem.total_bytes;

	t->client->envelope_bytes += now - t->envelope_bytes;
	t->envelope_bytes = now;
}

static bool
is_path(struct slice sender)
{
	struct addr a;

	return sender.n == 0 || addr_parse(sender, ADDR_UTF8, &a) == ERR_OK;
}

void
queue_txn_on_open(struct queue *q, struct ipc_peer *peer, const struct ipc_queue_open *m,
    struct ipc_in *in)
{
	struct queue_client *c = client_of(q, peer);
	struct ipc_queue_opened out;
	struct queue_txn *t;
	struct opening o = { .error = ERR_OK, .dsn = "" };
	const char *why;

	if (c == NULL)
		return;		/* it has left */
	c->last = NULL;
	if (!is_clean(m->sender) || !is_clean(m->client) || !is_clean(m->helo) ||
	    !is_clean(m->envid)) {
		ipc_peer_violation(peer, "control bytes in an envelope");
		return;
	}
	if (m->kind >= QUEUE_KINDS ||
	    (m->kind != QUEUE_KIND_MAIL && ipc_peer_role(peer) != IPC_CMTPD)) {
		ipc_peer_violation(peer, "no kind of mail of this peer");
		return;
	}
	if (!is_path(m->sender)) {
		refuse(peer, in->id, ERR_SYNTAX, "5.1.7", "Bad sender address syntax");
		return;
	}
	why = not_now(q, c, m->size, &o);
	if (why == NULL)
		why = too_often(q, m, &o);
	if (why == NULL && (m->flags & QUEUE_SUBMISSION))
		why = not_owner(q, peer, m, &o);
	if (why != NULL) {
		refuse(peer, in->id, o.error, o.dsn, why);
		return;
	}
	if ((t = make_txn(q, c, m)) == NULL) {
		refuse(peer, in->id, ERR_LIMIT, "5.5.2", "Envelope too large");
		return;
	}
	t->may_relay = (m->flags & QUEUE_SUBMISSION) || m->may_relay;
	t->is_trusted = m->may_relay;
	t->account = o.account;
	t->issued_s = o.issued_s;
	t->size = m->size;
	c->last = t;
	count_bytes(t);
	daemon_crash_at("queue.open");
	out.msg = t->id;
	ipc_reply(peer, in->id, IPC_MSG_queue_opened, &out);
}

/* ---- recipients ---- */

#define TOO_BIG	"Message size exceeds the limit of the recipient's domain"

/* limit 0: there is none. */
static bool
is_over(uint64_t size, uint64_t limit)
{
	return limit > 0 && size > limit;
}

struct adding {
	struct queue_txn		*txn;
	const struct ipc_queue_rcpt	*m;
	const struct queue_account	*account;	/* the last */
	bool				 any_remote;
	unsigned			 finals;	/* recipients that it stands for */
	unsigned			 over;		/* of these, without room */
};

static bool
has_rcpt(const struct queue_txn *t, struct slice address, uint64_t hash)
{
	const struct queue_envelope *e = &t->msg->env;
	uint32_t i;

	for (i = 0; i < e->rcpt_count; i++)
		if (t->hashes[i] == hash && slice_eq(e->rcpts[i].address, address))
			return true;
	return false;
}

/* Once for a message: some forwarded recipient was the first. */
static enum err
rewrite(struct queue_txn *t)
{
	enum err e = ERR_OK;

	if (!t->is_rewritten)
		e = queue_forward_rewrite(t->q, &t->msg->env);
	t->is_rewritten |= e == ERR_OK;
	return e;
}

static enum err
add_rcpt(void *arg, struct slice address, uint8_t class, const struct queue_account *a,
    bool forwarded)
{
	struct adding *add = arg;
	struct queue_txn *t = add->txn;
	struct queue_envelope *e = &t->msg->env;
	struct queue_rcpt r = { .address = address, .original = add->m->rcpt,
	    .orcpt = add->m->orcpt, .notify = add->m->notify, .class = class };
	uint64_t hash = hash_slice(address);
	enum err err;

	add->finals++;
	add->account = a;
	add->over += a != NULL && queue_quota_is_over(&t->q->quota, a->id,
	    slice_of(a->address, a->address_n));
	add->any_remote |= class == QUEUE_REMOTE;
	if (has_rcpt(t, address, hash))
		return ERR_OK;
	if (forwarded && (err = rewrite(t)) != ERR_OK)
		return err;
	r.is_forwarded = forwarded && e->forward_sender.n > 0;
	if ((err = queue_envelope_add(e, &r)) != ERR_OK)
		return err;
	if (e->rcpt_count > t->hash_cap) {
		t->hash_cap = t->hash_cap == 0 ? 4 : t->hash_cap * 4;
		t->hashes = must_realloc(t->hashes, t->hash_cap, sizeof(*t->hashes));
	}
	t->hashes[e->rcpt_count - 1] = hash;
	return ERR_OK;
}

static bool
names_too_many(struct queue_txn *t)
{
	struct queue_envelope *e = &t->msg->env;
	const char *name = queue_rate_rcpt(t->q, counted_client(t->is_trusted, e->client),
	    t->account);

	if (name != NULL)
		log_limit(t->q, e->session, t->account, e->client, name);
	return name != NULL;
}

static enum err
resolve(struct queue *q, const struct ipc_queue_rcpt *m, struct adding *add,
    struct queue_refusal *why)
{
	const struct queue_txn *t = add->txn;

	if (t->msg->env.kind != QUEUE_KIND_MAIL)
		return queue_resolve_sealed(&q->resolver, m->rcpt, add_rcpt, add, why);
	return queue_forward_resolve(q, m->rcpt, t->may_relay, add_rcpt, add, why);
}

/* The transaction meant; NULL after a refusal or a violation. */
static struct queue_txn *
rcpt_txn(struct queue *q, struct ipc_peer *peer, uint64_t msg, uint64_t request)
{
	const struct queue_client *c = client_of(q, peer);

	if (msg != 0)
		return own_txn(q, peer, msg);
	if (c != NULL && c->last != NULL && c->last->msg != NULL)
		return c->last;
	refuse(peer, request, ERR_AGAIN, "4.3.0", "The message was not opened");
	return NULL;
}

void
queue_txn_on_rcpt(struct queue *q, struct ipc_peer *peer, const struct ipc_queue_rcpt *m,
    struct ipc_in *in)
{
	struct queue_txn *t = rcpt_txn(q, peer, m->msg, in->id);
	struct adding add = { .txn = t, .m = m };
	struct ipc_queue_rcpt_ok ok = { .class = QUEUE_LOCAL };
	struct queue_refusal why;
	uint32_t before;
	enum err e;

	if (t == NULL)
		return;
	if (!is_clean(m->rcpt) || !is_clean(m->orcpt)) {
		ipc_peer_violation(peer, "control bytes in an envelope");
		return;
	}
	if (t->client->envelope_bytes >= QUEUE_ENVELOPES_MAX) {
		refuse(peer, in->id, ERR_BUSY, "4.3.2", "Too many transactions");
		return;
	}
	if (names_too_many(t)) {
		refuse(peer, in->id, ERR_BUSY, "4.7.1", "Too many recipients, try again later");
		return;
	}
	before = t->msg->env.rcpt_count;
	e = resolve(q, m, &add, &why);
	count_bytes(t);
	if (e == ERR_LIMIT)	/* RFC 5321 s4.5.3.1.10 */
		queue_resolve_refuse(&why, ERR_BUSY, "4.5.3", SLICE_NONE, "Too many recipients");
	/* RFC 1870 s6.1: as announced; what it really has is seen at the end. */
	if (e == ERR_OK && is_over(t->size, why.size_limit)) {
		queue_resolve_refuse(&why, ERR_LIMIT, "5.3.4", m->rcpt, TOO_BIG);
		e = ERR_LIMIT;
	}
	/* An address for several is not refused because of some: theirs comes back. */
	if (e == ERR_OK && add.over > 0 && add.over == add.finals) {
		queue_resolve_refuse(&why, ERR_FULL, "4.2.2", m->rcpt, "Mailbox is full");
		e = ERR_FULL;
	}
	if (e != ERR_OK) {
		t->msg->env.rcpt_count = before;
		refuse(peer, in->id, why.error, why.dsn, why.text);
		return;
	}
	if (t->size_limit == 0 || is_over(t->size_limit, why.size_limit))
		t->size_limit = why.size_limit;
	if (add.any_remote)
		ok.class = QUEUE_REMOTE;
	if (t->msg->env.kind == QUEUE_KIND_CMTP2 && add.account != NULL) {
		ok.key_generation = add.account->key_generation;
		ok.public_key = slice_of(add.account->public_key, sizeof(add.account->public_key));
	}
	ipc_reply(peer, in->id, IPC_MSG_queue_rcpt_ok, &ok);
}

/* ---- the message ---- */

void
queue_txn_on_file(struct queue *q, struct ipc_peer *peer, const struct ipc_queue_file *m,
    struct ipc_in *in)
{
	struct queue_txn *t = own_txn(q, peer, m->msg);
	const struct ipc_queue_file_ok ok = { 0 };
	enum err e;
	int fd;

	if (t == NULL)
		return;
	if (t->has_file) {
		ipc_peer_violation(peer, "a second file for a transaction");
		return;
	}
	e = t->client->file_count < QUEUE_FILES_MAX ? queue_spool_room(q, 0) : ERR_BUSY;
	if (e == ERR_OK)
		e = queue_body_make_file(q->dir, &fd, &t->file);
	if (e != ERR_OK) {
		refuse(peer, in->id, e, "4.3.1", "Insufficient system storage");
		return;
	}
	t->has_file = true;
	t->client->file_count++;
	ipc_reply_fds(peer, in->id, IPC_MSG_queue_file_ok, &ok, &fd, 1);
	(void)close(fd);
}

static enum err
check_body(const struct queue_txn *t, const struct ipc_queue_commit *m, int fd)
{
	if (fd < 0)
		return ERR_VIOLATION;
	switch (m->form) {
	case QUEUE_FORM_MEMFD:
		return m->key.n == 0 ? queue_body_check_memfd(fd, m->size) : ERR_VIOLATION;
	case QUEUE_FORM_FILE:
		if (!t->has_file || m->key.n != CRY_KEY_BYTES)
			return ERR_VIOLATION;
		return queue_body_check_file(fd, &t->file, m->size);
	default:		/* a byte of the wire */
		return ERR_VIOLATION;
	}
}

static void
on_accepted(void *arg, enum err e)
{
	struct queue_txn *t = arg;
	const struct ipc_queue_committed ok = { 0 };

	if (t->client != NULL && e == ERR_OK)
		ipc_reply(t->client->peer, t->commit_id, IPC_MSG_queue_committed, &ok);
	else if (t->client != NULL)
		refuse(t->client->peer, t->commit_id, err_class(e) == ERR_CLASS_TEMP ? e : ERR_IO,
		    e == ERR_FULL ? "4.3.1" : "4.3.0",
		    e == ERR_FULL ? "Insufficient system storage" : "Queue file write error");
	free_txn(&t);
}

static bool
is_complete(const struct queue_txn *t, const struct ipc_queue_commit *m, int fd,
    struct ipc_peer *peer)
{
	const char *wrong = NULL;

	if (t->msg->env.rcpt_count == 0)
		wrong = "a message without recipients";
	else if (check_body(t, m, fd) != ERR_OK)
		wrong = "not the descriptor of this message";
	if (wrong != NULL)
		ipc_peer_violation(peer, wrong);
	return wrong == NULL;
}

/* The login may have ended since the transaction began. */
static bool
is_login_over(const struct queue *q, const struct queue_txn *t)
{
	const struct queue_account *a;

	if (t->account == 0)
		return false;
	a = queue_resolve_find_id(&q->resolver, t->account);
	return a == NULL || !a->enabled ||
	    t->issued_s < token_gate_since(&q->tokens, t->account);
}

static bool
is_refused(const struct queue *q, const struct queue_txn *t, uint64_t size,
    struct ipc_peer *peer, uint64_t id)
{
	if (is_over(size, t->size_limit))
		refuse(peer, id, ERR_LIMIT, "5.3.4", TOO_BIG);
	else if (is_login_over(q, t))
		refuse(peer, id, ERR_DISABLED, "5.7.0", "The login is no longer valid");
	else
		return false;
	return true;
}

void
queue_txn_on_commit(struct queue *q, struct ipc_peer *peer,
    const struct ipc_queue_commit *m, struct ipc_in *in)
{
	struct queue_txn *t = own_txn(q, peer, m->msg);
	struct queue_envelope *e;
	struct queue_msg *msg;
	int fd = ipc_take_fd(in, 0);

	if (t == NULL || !is_complete(t, m, fd, peer)) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	if (is_refused(q, t, m->size, peer, in->id)) {
		(void)close(fd);
		free_txn(&t);
		return;
	}
	msg = t->msg;
	e = &msg->env;
	e->size = m->size;
	e->form = m->form;
	e->flags |= m->flags & QUEUE_TLS_OPTIONAL;
	if (m->form == QUEUE_FORM_FILE)
		memcpy(e->file_key, m->key.p, CRY_KEY_BYTES);
	/* Only for the log: what is not printable or too much is left out. */
	if (is_clean(m->message_id))
		(void)!queue_envelope_dup(e, &e->message_id, m->message_id);
	queue_msg_take_fd(msg, fd);
	t->msg = NULL;
	t->commit_id = in->id;
	queue_msg_start(msg, on_accepted, t);
}

void
queue_txn_on_abort(struct queue *q, struct ipc_peer *peer, const struct ipc_queue_abort *m,
    struct ipc_in *in)
{
	struct queue_txn *t = find_txn(q, m->msg);

	(void)in;
	/* It may cross our answer to a commit. */
	if (t == NULL)
		return;
	if (t->client == NULL || t->client->peer != peer) {
		ipc_peer_violation(peer, "no such transaction of this peer");
		return;
	}
	if (t->msg != NULL)
		free_txn(&t);
}
