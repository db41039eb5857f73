/* SPDX-License-Identifier: ISC */
#include "store/store_core.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/store_proto.h"
#include "lib/sys/fd.h"
#include "lib/sys/window.h"
#include "store/store_facts.h"
#include "store/store_news.h"
#include "store/store_pulse.h"
#include "store/store_quota.h"
#include "store/store_rekey.h"
#include "store/store_arrivals.h"
#include "store/store_stage.h"

#define REPLY_BYTES_MAX	65000

void
store_init(struct store *s, struct loop *loop)
{
	s->loop = loop;
	s->dir_fd = -1;
	s->pulse_fd = -1;
	s->minfree_bytes = STORE_MINFREE_BYTES;
	s->has_room = true;
	token_gate_init(&s->gate);
	map_init(&s->accounts);
	map_init(&s->sessions);
	list_init(&s->peers);
	list_init(&s->told);
	list_init(&s->late_facts);
	timer_init(&s->late_timer, loop, store_facts_late, s);
	quota_init(s);
}

void
store_fini(struct store *s)
{
	struct list *l;

	while ((l = list_first(&s->peers)) != NULL)
		store_left(s, obj_of(l, struct store_peer, link)->peer);
	store_facts_drop(s);
	rekey_fini(s);
	quota_fini(s);
	store_pulse_close(s);
	free(s->expire);
	s->expire = NULL;
	s->expire_n = 0;
	map_fini(&s->accounts);
	map_fini(&s->sessions);
	token_gate_fini(&s->gate);
	secret_wipe(s->grant_key, sizeof(s->grant_key));
}

uint64_t
store_now_s(const struct store *s)
{
	return loop_real_ms(s->loop) / 1000;
}

bool
store_has_room(struct store *s)
{
	uint64_t now = loop_now(s->loop), free_bytes;
	bool had = s->has_room;
	struct statvfs st;

	if (now < s->room_until_ms)
		return s->has_room;
	s->room_until_ms = now + STORE_ROOM_MS;
	if (fstatvfs(s->dir_fd, &st) != 0)
		return s->has_room;
	free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	s->has_room = free_bytes >= s->minfree_bytes;
	if (had != s->has_room)
		log_event(LOG_disk, log_str("what", "mail"), log_num("free", free_bytes),
		    log_str("reason", had ? "no more mail is taken" : "mail is taken again"));
	return s->has_room;
}

/* ---- peers ---- */

static void
drop_window(struct store_peer *p)
{
	const unsigned char *mem = p->window;

	window_close(&mem, STORE_WINDOW_BYTES);
	p->window = NULL;
}

/* Without one all answers go through the wire. */
static void
make_window(struct store_peer *p)
{
	const struct ipc_store_window m = { .slots = STORE_WINDOW_SLOTS };
	int fd;

	if (window_make("godwit-read", STORE_WINDOW_BYTES, &fd, &p->window) != ERR_OK)
		return;
	/* Failing means that the peer is going. */
	if (ipc_send(p->peer, IPC_MSG_store_window, &m, &fd, 1) != ERR_OK)
		drop_window(p);
	fd_close(&fd);
}

void
store_joined(struct store *s, struct ipc_peer *peer)
{
	struct store_peer *p = must_alloc(1, sizeof(*p));

	p->store = s;
	p->peer = peer;
	list_init(&p->link);
	list_init(&p->sessions);
	list_init(&p->reservations);
	list_init(&p->replies);
	list_push(&s->peers, &p->link);
	if (ipc_peer_role(peer) == IPC_QUEUE)
		quota_joined(s, peer);
	if (ipc_peer_role(peer) == IPC_IMAPD) {
		make_window(p);
		store_pulse_offer(s, peer);
	}
}

struct store_peer *
store_peer_find(struct store *s, const struct ipc_peer *peer)
{
	struct list *l;

	for (l = list_first(&s->peers); l != NULL; l = list_next(&s->peers, l))
		if (obj_of(l, struct store_peer, link)->peer == peer)
			return obj_of(l, struct store_peer, link);
	return NULL;
}

static void
reservation_free(struct store_reservation *r)
{
	list_remove(&r->of_peer);
	list_remove(&r->of_account);
	free(r);
}

void
store_left(struct store *s, struct ipc_peer *peer)
{
	struct store_peer *p = store_peer_find(s, peer);
	struct store_reservation *r;
	struct store_account *a;
	struct store_session *ss;
	struct list *l;

	if (p == NULL)
		return;
	while ((l = list_first(&p->sessions)) != NULL) {
		ss = obj_of(l, struct store_session, of_peer);
		store_session_free(&ss);
	}
	while ((l = list_first(&p->reservations)) != NULL) {
		r = obj_of(l, struct store_reservation, of_peer);
		a = r->account;
		reservation_free(r);
		store_account_release(s, a);
	}
	/* What they asked for is done; only the answer has nowhere to go. */
	while ((l = list_first(&p->replies)) != NULL) {
		obj_of(l, struct store_reply, link)->peer = NULL;
		list_remove(l);
	}
	list_remove(&p->link);
	drop_window(p);
	free(p);
}

/* ---- accounts ---- */

struct store_account *
store_account_find(struct store *s, uint64_t id)
{
	struct map_node *n = map_first(&s->accounts, hash_u64(id));

	for (; n != NULL; n = map_next(n))
		if (obj_of(n, struct store_account, node)->id == id)
			return obj_of(n, struct store_account, node);
	return NULL;
}

struct store_account *
store_account_need(struct store *s, uint64_t id)
{
	struct store_account *a = store_account_find(s, id);

	if (a != NULL)
		return a;
	a = must_alloc(1, sizeof(*a));
	a->id = id;
	list_init(&a->sessions);
	list_init(&a->reservations);
	map_insert(&s->accounts, &a->node, hash_u64(id));
	return a;
}

void
store_account_release(struct store *s, struct store_account *a)
{
	if (!list_is_empty(&a->sessions) || !list_is_empty(&a->reservations))
		return;
	map_remove(&s->accounts, &a->node);
	free(a);
}

/* ---- sessions ---- */

static struct store_session *
session_find(struct store *s, uint32_t handle)
{
	struct map_node *n = map_first(&s->sessions, hash_u64(handle));

	for (; n != NULL; n = map_next(n))
		if (obj_of(n, struct store_session, node)->handle == handle)
			return obj_of(n, struct store_session, node);
	return NULL;
}

struct store_session *
store_session_find(struct ipc_peer *peer, uint32_t handle)
{
	struct store_session *ss = session_find(store_of(peer), handle);

	return ss != NULL && ss->peer->peer == peer ? ss : NULL;
}

struct store_session *
store_session_need(struct ipc_peer *peer, struct ipc_in *in, uint32_t handle)
{
	struct store *s = store_of(peer);
	struct store_session *ss = session_find(s, handle);

	if (ss != NULL && ss->peer->peer != peer) {
		ipc_peer_violation(peer, "handle of another peer");
		return NULL;
	}
	if (ss == NULL) {
		if (in->id != 0)
			store_fail(peer, in, ERR_STATE, "", "no such session");
		return NULL;
	}
	if (ss->issued_s < token_gate_since(&s->gate, ss->user)) {
		if (in->id != 0)
			store_fail(peer, in, ERR_AUTH, "EXPIRED", "the login was revoked");
		return NULL;
	}
	return ss;
}

struct store_session *
store_session_new(struct store *s, struct store_peer *p, uint64_t account)
{
	struct store_session *ss = must_alloc(1, sizeof(*ss));

	/* Never 0 (nobody), and no handle is given twice while in use. */
	do
		s->last_handle++;
	while (s->last_handle == 0 || session_find(s, s->last_handle) != NULL);
	ss->handle = s->last_handle;
	ss->peer = p;
	ss->account = store_account_need(s, account);
	ss->user = account;
	list_init(&ss->told);
	list_init(&ss->stage.items);
	list_init(&ss->of_peer);
	list_init(&ss->of_account);
	list_push(&p->sessions, &ss->of_peer);
	list_push(&ss->account->sessions, &ss->of_account);
	map_insert(&s->sessions, &ss->node, hash_u64(ss->handle));
	p->session_count++;
	s->session_count++;
	return ss;
}

/* The handles that hang on it, and it on another. */
static void
leave_guests(struct store *s, struct store_session *ss)
{
	struct store_session *other;
	struct list *l, *tmp;

	if (ss->guest != NULL) {
		other = session_find(s, ss->guest->parent);
		if (other != NULL && other->guests > 0)
			other->guests--;
		free(ss->guest);
		ss->guest = NULL;
	}
	if (ss->guests == 0)
		return;
	LIST_EACH(l, tmp, &ss->peer->sessions) {
		other = obj_of(l, struct store_session, of_peer);
		if (other->guest != NULL && other->guest->parent == ss->handle)
			store_session_free(&other);
	}
}

void
store_session_free(struct store_session **pss)
{
	struct store_session *ss = *pss;
	struct store *s = ss->peer->store;

	*pss = NULL;
	leave_guests(s, ss);
	stage_drop(ss, false);
	list_remove(&ss->told);
	list_remove(&ss->of_peer);
	list_remove(&ss->of_account);
	arrivals_left(ss);
	map_remove(&s->sessions, &ss->node);
	ss->peer->session_count--;
	s->session_count--;
	store_account_release(s, ss->account);
	free(ss);
}

/* ---- answers ---- */

void
store_fail(struct ipc_peer *peer, const struct ipc_in *in, enum err e, const char *code,
    const char *text)
{
	struct ipc_store_fail m = { e, slice_str(code), slice_str(text) };

	ipc_reply(peer, in->id, IPC_MSG_store_fail, &m);
}

/* RFC 5530 s3 response codes. */
static const char *
code_of(enum err e)
{
	if (e == ERR_NOTFOUND)
		return "NONEXISTENT";
	if (e == ERR_EXISTS)
		return "ALREADYEXISTS";
	if (e == ERR_QUOTA)
		return "OVERQUOTA";
	if (e == ERR_LIMIT || e == ERR_TOOBIG)
		return "LIMIT";
	if (e == ERR_DENIED)
		return "NOPERM";
	if (e == ERR_CORRUPT)
		return "CORRUPTION";
	if (e == ERR_BUSY || e == ERR_AGAIN || e == ERR_CONFLICT)
		return "INUSE";
	if (e == ERR_IO || e == ERR_FULL)
		return "UNAVAILABLE";
	return "";
}

void
store_fail_err(struct ipc_peer *peer, const struct ipc_in *in, enum err e)
{
	/* What the interface forbids ends the peer, not the request. */
	if (e == ERR_VIOLATION)
		ipc_peer_violation(peer, "request breaks the interface");
	else
		store_fail(peer, in, e, code_of(e), err_text(e));
}

struct store_reply *
store_reply_new(struct ipc_peer *peer, const struct ipc_in *in, enum ipc_type type)
{
	struct store_reply *r = must_alloc(1, sizeof(*r));
	struct store_peer *p;

	list_init(&r->link);
	r->type = type;
	buf_init(&r->a, REPLY_BYTES_MAX);
	buf_init(&r->b, REPLY_BYTES_MAX);
	if (peer == NULL)
		return r;
	r->store = store_of(peer);
	r->id = in->id;
	if ((p = store_peer_find(r->store, peer)) != NULL) {
		r->peer = peer;
		list_push(&p->replies, &r->link);
	}
	return r;
}

void
store_reply_free(struct store_reply **pr)
{
	struct store_reply *r = *pr;

	*pr = NULL;
	if (r == NULL)
		return;
	list_remove(&r->link);
	buf_fini(&r->a);
	buf_fini(&r->b);
	free(r);
}

void
store_reply_done(void *arg, enum err e)
{
	struct store_reply *r = arg;

	must(e == ERR_OK);
	news_mark(r);
	if (r->peer != NULL) {
		ipc_reply(r->peer, r->id, r->type, &r->m);
		daemon_crash_at("store.reply-sent");
	}
	store_reply_free(&r);
}
