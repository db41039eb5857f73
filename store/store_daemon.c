/* SPDX-License-Identifier: ISC */
#include "store/store_daemon.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/mail/addr.h"
#include "store/store_acl.h"
#include "store/store_acl_tool.h"
#include "store/store_append.h"
#include "store/store_arrivals.h"
#include "store/store_args.h"
#include "store/store_change.h"
#include "store/store_check.h"
#include "store/store_compact.h"
#include "store/store_expire.h"
#include "store/store_facts.h"
#include "store/store_fetch.h"
#include "store/store_forget.h"
#include "store/store_guest.h"
#include "store/store_mailboxes.h"
#include "store/store_metadata.h"
#include "store/store_news.h"
#include "store/store_opt.h"
#include "store/store_pulse.h"
#include "store/store_quota.h"
#include "store/store_rekey.h"
#include "store/store_reserve.h"
#include "store/store_stage.h"
#include "store/store_sweep.h"
#include "store/store_sync.h"
#include "store/store_columns.h"
#include "store/store_undelete.h"
#include "store/store_vanished.h"

#define TOOL_TEXT_BYTES	50000
#define VANISHED_MIN_S	3600
#define TOOL_TURN_MS	200		/* of checking in one request */
#define COMPACT_TICK_MS	50
#define COMPACT_TICKS	20		/* then the tool hears how far it is */
#define EXIT_TEMPFAIL	75

static void	 compact_tick(void *);

const struct ipc_handler	store_deliver_handlers[] = {
	{ IPC_MSG_store_epoch,		store_on_epoch },
	{ IPC_MSG_store_file,		store_on_file },
	{ IPC_MSG_store_append,		store_on_append },
	{ 0, NULL }
};

const struct ipc_handler	store_imapd_handlers[] = {
	{ IPC_MSG_store_epoch,		store_on_epoch },
	{ IPC_MSG_store_file,		store_on_file },
	{ IPC_MSG_store_append,		store_on_append },
	{ IPC_MSG_store_append_cancel,	store_on_append_cancel },
	{ IPC_MSG_store_login,		store_on_login },
	{ IPC_MSG_store_logout,		store_on_logout },
	{ IPC_MSG_store_list,		store_on_list },
	{ IPC_MSG_store_create,		store_on_create },
	{ IPC_MSG_store_delete,		store_on_delete },
	{ IPC_MSG_store_rename,		store_on_rename },
	{ IPC_MSG_store_subscribe,	store_on_subscribe },
	{ IPC_MSG_store_uids,		store_on_uids },
	{ IPC_MSG_store_status,		store_on_status },
	{ IPC_MSG_store_select,		store_on_select },
	{ IPC_MSG_store_watch,		store_on_watch },
	{ IPC_MSG_store_arrivals,	store_on_arrivals },
	{ IPC_MSG_store_fetch,		store_on_fetch },
	{ IPC_MSG_store_read,		store_on_read },
	{ IPC_MSG_store_url,		store_on_url },
	{ IPC_MSG_store_put_summary,	store_on_put_summary },
	{ IPC_MSG_store_flags,		store_on_flags },
	{ IPC_MSG_store_expunge,	store_on_expunge },
	{ IPC_MSG_store_copy,		store_on_copy },
	{ IPC_MSG_store_sync,		store_on_sync },
	{ IPC_MSG_store_vanished,	store_on_vanished },
	{ IPC_MSG_store_columns,	store_on_columns },
	{ IPC_MSG_store_put_columns,	store_on_put_columns },
	{ IPC_MSG_store_quota,		store_on_quota },
	{ IPC_MSG_store_metadata,	store_on_metadata },
	{ IPC_MSG_store_acl,		store_on_acl },
	{ IPC_MSG_store_set_acl,	store_on_set_acl },
	{ IPC_MSG_store_open,		store_on_open },
	{ IPC_MSG_store_owners,		store_on_owners },
	{ IPC_MSG_store_grant,		store_on_grant },
	{ IPC_MSG_store_set_metadata,	store_on_set_metadata },
	{ 0, NULL }
};

const struct ipc_handler	store_queue_handlers[] = {
	{ IPC_MSG_store_forget,		store_on_forget },
	{ 0, NULL }
};

const struct ipc_handler	store_keyd_handlers[] = {
	{ IPC_MSG_fact_begin,		store_on_fact_ignored },
	{ IPC_MSG_fact_account,		store_on_fact_account },
	{ IPC_MSG_fact_account_gone,	store_on_fact_account_gone },
	{ IPC_MSG_fact_alias,		store_on_fact_ignored },
	{ IPC_MSG_fact_end,		store_on_fact_ignored },
	{ IPC_MSG_token_key,		store_on_token_key },
	{ IPC_MSG_grant_key,		store_on_grant_key },
	{ IPC_MSG_token_revoke,		store_on_token_revoke },
	{ IPC_MSG_facts_heard,		store_on_facts_heard },
	{ IPC_MSG_epoch_rewrap,		store_on_epoch_rewrap },
	{ 0, NULL }
};

static struct store_state *
state_of(struct daemon_app *app)
{
	return daemon_state(app);
}

void
store_daemon_load(struct daemon_app *app)
{
	const struct store_options *o = daemon_options(app, "store", NULL);
	struct store_state *st = state_of(app);
	struct store *s = &st->store;
	struct buf why;
	enum err e;

	st->app = app;
	store_init(s, daemon_loop(app));
	timer_init(&st->compact_timer, s->loop, compact_tick, st);
	s->dir_fd = daemon_dir(app);
	/* The engine opens its files by name. */
	if (s->dir_fd < 0 || fchdir(s->dir_fd) != 0)
		log_fatal("no mail directory");
	buf_init(&why, 1000);
	e = commit_open(&s->commit, s->loop, s->dir_fd, (unsigned)o->shards, o->segment_size,
	    &why);
	if (e != ERR_OK)
		log_fatal("cannot open the mail store: %s", buf_cstr(&why));
	buf_fini(&why);
	s->kv = commit_kv(s->commit);
	s->blob = commit_blob(s->commit);
	store_pulse_open(s);
	if (check_is_repairing(s->kv))
		log_fatal("the index is only half repaired: run gwstore repair again");
	store_daemon_reload(app);
}

static void
load_quotas(struct daemon_app *app, struct store *s, unsigned warning_percent)
{
	const struct domain_options *d;
	char name[ADDR_DOMAIN_MAX + 1];
	struct quota_conf c;
	const char *title;

	quota_conf_begin(s, warning_percent);
	for (unsigned i = 0; i < daemon_section_count(app, "domain"); i++) {
		d = daemon_section(app, "domain", i, &title);
		c = (struct quota_conf){ .messages = d->quota_messages, .bytes = d->quota_total,
		    .admins = &d->quota_admins };
		/* As it stands behind the @ of addresses. */
		if (addr_canon_domain(slice_str(title), name, &c.domain) == ERR_OK)
			quota_conf_add(s, &c);
	}
	quota_conf_end(s);
}

void
store_daemon_reload(struct daemon_app *app)
{
	const struct store_options *o = daemon_options(app, "store", NULL);
	struct store *s = &state_of(app)->store;

	s->mailbox_limit = o->mailbox_limit;
	s->compact_percent = (unsigned)o->compact_percent;
	s->undelete_s = o->undelete_window / 1000;
	/* A session may be silent for half an hour before it hears of an expunge. */
	if (s->undelete_s < VANISHED_MIN_S)
		s->undelete_s = VANISHED_MIN_S;
	load_quotas(app, s, (unsigned)o->quota_warning);
	expire_set(s, o->expire.v, o->expire.n);
}

void
store_daemon_start(struct daemon_app *app)
{
	struct store *s = &state_of(app)->store;

	commit_on_batch(s->commit, store_tell, s);
	sweep_start(s);
	compact_start(s);
}

void
store_daemon_joined(struct daemon_app *app, struct ipc_peer *peer)
{
	store_joined(&state_of(app)->store, peer);
}

void
store_daemon_left(struct daemon_app *app, struct ipc_peer *peer)
{
	store_left(&state_of(app)->store, peer);
}

static void
drained(void *arg)
{
	daemon_drained(arg);
}

void
store_daemon_drain(struct daemon_app *app)
{
	struct store *s = &state_of(app)->store;

	sweep_stop(s);
	compact_stop(s);
	rekey_stop(s);
	commit_drain(s->commit, drained, app);
}

void
store_daemon_status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	struct store *s = &state_of(app)->store;
	struct blob_stat bs;
	uint64_t disk, dead;

	*sessions = s->session_count;
	blob_stat(s->blob, &bs);
	disk = bs.bytes - bs.punched_bytes;
	dead = disk > bs.live_bytes ? disk - bs.live_bytes : 0;
	buf_printf(note, "%llu MiB, %llu messages, dead %llu %%",
	    (unsigned long long)(disk >> 20), (unsigned long long)quota_messages(s),
	    (unsigned long long)(disk > 0 ? dead * 100 / disk : 0));
}

/* ---- tools ---- */

static void
tool_check(struct daemon_app *app, uint64_t id, struct slice args)
{
	struct store *s = &state_of(app)->store;
	struct check c = { .store = s };
	/* Shard, account, faults: where the last request stopped. */
	uint64_t at[3] = { 0, 0, 0 }, begin = clock_mono_ms();
	struct slice arg;
	struct buf out;
	bool more = false;

	while (args_next(&args, &arg)) {
		if (slice_eq_str(arg, "bodies"))
			c.with_bodies = true;
		else
			args_numbers(arg, at, lengthof(at));
	}
	buf_init(&out, TOOL_TEXT_BYTES);
	c.out = &out;
	while (at[0] < kv_shard_count(s->kv)) {
		if (check_next_account(s, (unsigned)at[0], at[1], &at[1]) != ERR_OK) {
			at[0]++;
			at[1] = 0;
			continue;
		}
		check_account(&c, at[1]);
		if (clock_mono_ms() - begin > TOOL_TURN_MS || out.n > TOOL_TEXT_BYTES / 2) {
			more = true;
			break;
		}
	}
	at[2] += c.faults;
	if (more)
		buf_printf(&out, "%llu %llu %llu\n", (unsigned long long)at[0],
		    (unsigned long long)at[1], (unsigned long long)at[2]);
	else
		buf_printf(&out, "%s\n", at[2] == 0 ? "no faults" : "faults were found");
	daemon_tool_reply(app, id, at[2] != 0 && !more, more, buf_slice(&out));
	buf_fini(&out);
}

static void
tool_stat(struct daemon_app *app, uint64_t id)
{
	struct buf out;

	buf_init(&out, TOOL_TEXT_BYTES);
	check_stat(&state_of(app)->store, &out);
	daemon_tool_reply(app, id, 0, false, buf_slice(&out));
	buf_fini(&out);
}

static void
compact_tell(struct store_state *st, const struct compact_progress *p)
{
	uint64_t freed = p->freed_bytes > p->moved_bytes ? p->freed_bytes - p->moved_bytes : 0;
	struct buf out;

	buf_init(&out, TOOL_TEXT_BYTES);
	buf_printf(&out, "%llu segments emptied, %llu KiB copied, %llu KiB freed\n",
	    (unsigned long long)p->segments, (unsigned long long)(p->moved_bytes >> 10),
	    (unsigned long long)(freed >> 10));
	if (p->damaged > 0)
		buf_printf(&out, "%llu damaged segments left alone, see the log\n",
		    (unsigned long long)p->damaged);
	if (p->is_forced)
		buf_put_str(&out, "on\n");
	daemon_tool_reply(st->app, st->compact_id, !p->is_forced && p->damaged > 0,
	    p->is_forced, buf_slice(&out));
	st->compact_id = 0;
	buf_fini(&out);
}

static void
compact_tick(void *arg)
{
	struct store_state *st = arg;
	struct compact_progress p;

	compact_progress(&st->store, &p);
	if (!p.is_forced || ++st->compact_ticks == COMPACT_TICKS)
		compact_tell(st, &p);
	else
		timer_set(&st->compact_timer, loop_now(st->store.loop) + COMPACT_TICK_MS);
}

/* The first request begins; those with the cursor wait for what comes of it. */
static void
tool_compact(struct daemon_app *app, uint64_t id, struct slice args)
{
	struct store_state *st = state_of(app);
	bool is_first = args.n == 0;

	if (st->compact_id != 0 || (is_first && !compact_force(&st->store))) {
		daemon_tool_reply(app, id, EXIT_TEMPFAIL, false,
		    SLICE_LIT("a compaction is under way\n"));
		return;
	}
	st->compact_id = id;
	st->compact_ticks = 0;
	timer_set(&st->compact_timer, loop_now(st->store.loop) + COMPACT_TICK_MS);
}

/* An answer that waits until what it tells is durable. */
struct tool_answer {
	struct daemon_app	*app;
	uint64_t		 id;
	uint8_t			 code;
	bool			 more;
	struct buf		 out;
};

static void
answer_tell(void *arg, enum err e)
{
	struct tool_answer *a = arg;

	must(e == ERR_OK);	/* a commit that fails ends the process */
	daemon_tool_reply(a->app, a->id, a->code, a->more, buf_slice(&a->out));
	buf_fini(&a->out);
	free(a);
}

/* What the account's shard was given before is durable when this is. */
static enum err
answer_wait(struct store *s, uint64_t account, struct tool_answer *a)
{
	struct kv_txn *t;
	enum err e;

	if ((e = kv_begin(s->kv, account, KV_WRITE, &t)) != ERR_OK)
		return e;
	return kv_submit(&t, KV_NOW, answer_tell, a);
}

static struct tool_answer *
answer_new(struct daemon_app *app, uint64_t id)
{
	struct tool_answer *a = must_alloc(1, sizeof(*a));

	a->app = app;
	a->id = id;
	buf_init(&a->out, TOOL_TEXT_BYTES);
	return a;
}

/* changed: the account; 0: nothing was. */
static void
answer_when_durable(struct store *s, struct tool_answer *a, uint64_t changed)
{
	if (changed == 0) {
		answer_tell(a, ERR_OK);
	} else if (answer_wait(s, changed, a) != ERR_OK) {
		/* Too much is pending: the changes come, but not with this answer. */
		buf_reset(&a->out);
		buf_put_str(&a->out, "the store is busy: ask again\n");
		a->code = EXIT_TEMPFAIL;
		a->more = false;
		answer_tell(a, ERR_OK);
	}
}

static void
tool_undelete(struct daemon_app *app, uint64_t id, struct slice args)
{
	struct tool_answer *a = answer_new(app, id);
	struct store *s = &state_of(app)->store;
	uint64_t changed;

	a->code = undelete_tool(s, args, &a->out, &a->more, &changed);
	answer_when_durable(s, a, changed);
}

static void
tool_acl(struct daemon_app *app, uint64_t id, const struct ipc_ctl_tool *m)
{
	struct tool_answer *a = answer_new(app, id);
	struct store *s = &state_of(app)->store;
	uint64_t changed;

	a->code = acl_tool(s, m->verb, m->args, m->uid, &a->out, &changed);
	answer_when_durable(s, a, changed);
}

struct rekey_asked {
	struct daemon_app	*app;
	uint64_t		 id;
};

static void
rekey_told(void *arg, uint8_t code, bool more, struct slice text)
{
	struct rekey_asked *a = arg;

	daemon_tool_reply(a->app, a->id, code, more, text);
	free(a);
}

static void
tool_rekey(struct daemon_app *app, uint64_t id, struct slice args)
{
	struct rekey_asked *a = must_alloc(1, sizeof(*a));

	*a = (struct rekey_asked){ app, id };
	rekey_tool(&state_of(app)->store, args, rekey_told, a);
}

void
store_daemon_tool(struct daemon_app *app, uint64_t id, const struct ipc_ctl_tool *m,
    struct ipc_in *in)
{
	(void)in;
	if (slice_eq_str(m->verb, "store.check"))
		tool_check(app, id, m->args);
	else if (slice_eq_str(m->verb, "store.undelete"))
		tool_undelete(app, id, m->args);
	else if (slice_starts(m->verb, "acl."))
		tool_acl(app, id, m);
	else if (slice_eq_str(m->verb, "store.stat"))
		tool_stat(app, id);
	else if (slice_eq_str(m->verb, "store.compact"))
		tool_compact(app, id, m->args);
	else if (slice_eq_str(m->verb, "store.rekey"))
		tool_rekey(app, id, m->args);
	else
		daemon_tool_reply(app, id, 64, false, SLICE_LIT("unknown request\n"));
}
