/* SPDX-License-Identifier: ISC */
/*
 * Which policy holds, and when it is fetched: the DNS is a table, the web
 * servers are the fetch below, queue is the other end of a socket pair.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "delivery/dlv_sts.h"
#include "delivery/sts_fetch.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "tests/unit/delivery/fake_dns.h"

#define POLICY(mode, age)	"version: STSv1\nmode: " mode "\nmx: mx.example\nmax_age: " age "\n"
#define ENFORCE			POLICY("enforce", "604800")
#define TESTING			POLICY("testing", "604800")
#define DEADLINE		600000
/* The real clock goes on meanwhile, and ages are of whole seconds. */
#define SLACK_MS		30000u

/* ---- fetching */

struct sts_fetch {
	struct loop_idle	 turn;
	sts_fetch_fn		*fn;
	void			*arg;
};

static const char	*web;		/* NULL: it fails */
static unsigned		 fetches;
static bool		 is_slow;	/* until web_answers */
static struct sts_fetch	*open_fetch;

static void
on_fetch(void *arg)
{
	struct sts_fetch f = *(struct sts_fetch *)arg;
	struct sts_fetch_result r = { .e = ERR_GONE, .failure = TLS_FAILURE_STS_FETCH,
		.why = "refused" };

	free(arg);
	open_fetch = NULL;
	if (web != NULL)
		r.e = sts_policy_parse(&r.policy, slice_str(web), &r.why);
	f.fn(f.arg, &r);
	sts_policy_unref(&r.policy);
}

struct sts_fetch *
sts_fetch_new(const struct sts_fetch_params *p, sts_fetch_fn *fn, void *arg)
{
	struct sts_fetch *f = must_alloc(1, sizeof(*f));

	fetches++;
	f->fn = fn;
	f->arg = arg;
	open_fetch = f;
	assert_int_equal(p->port, 8443);
	loop_idle_init(&f->turn, on_fetch, f);
	if (!is_slow)
		loop_defer(p->loop, &f->turn);
	return f;
}

void
sts_fetch_cancel(struct sts_fetch **fp)
{
	if (*fp != NULL)
		loop_idle_cancel(&(*fp)->turn);
	if (open_fetch == *fp)
		open_fetch = NULL;
	free(*fp);
	*fp = NULL;
}

/* ---- the world */

struct world {
	struct loop		*loop;
	struct dns		*dns;
	struct dlv_sts		*sts;
	struct ipc_peer		*queue;		/* the test's end */
	struct ipc_peer		*rqueue;
	struct timer		 limit;
	int			 log;
	unsigned		 gets, puts;
	bool			 is_mute;	/* queue does not answer */
	/* what queue keeps: of one domain */
	bool			 found;
	char			 id[STS_ID_MAX + 1];
	char			 body[2000];
	uint64_t		 fetched_s;
	/* what the last ask said */
	unsigned		 answers;
	int			 mode;		/* -1: no policy */
};

static void
on_get(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct world *w = ipc_peer_arg(p);
	struct ipc_sts_policy reply = { .found = w->found, .id = slice_str(w->id),
	    .body = slice_str(w->body), .fetched_s = w->fetched_s, .max_age = 604800 };

	(void)m;
	w->gets++;
	if (!w->is_mute)
		ipc_reply(p, in->id, IPC_MSG_sts_policy, &reply);
}

static void
on_put(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_sts_put *m = msg;
	struct world *w = ipc_peer_arg(p);

	(void)in;
	w->puts++;
	w->found = true;
	w->fetched_s = m->fetched_s;
	assert_true(slice_to_cstr(m->id, w->id, sizeof(w->id)));
	assert_true(slice_to_cstr(m->body, w->body, sizeof(w->body)));
}

static const struct ipc_handler	handlers[] = {
	{ IPC_MSG_sts_get, on_get }, { IPC_MSG_sts_put, on_put }, { 0, NULL }
};
static const struct ipc_handler	no_handlers[] = { { 0, NULL } };

static void
on_gone(struct ipc_peer *p, void *arg)
{
	(void)p;
	(void)arg;
}

static void
on_limit(void *arg)
{
	(void)arg;
	fail_msg("not done in time");
}

static void
renew(struct world *w)
{
	dlv_sts_free(&w->sts);
	w->sts = dlv_sts_new(w->loop, w->dns, NULL);
	dlv_sts_set(w->sts, true, 8443);
	dlv_sts_set_queue(w->sts, w->rqueue);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fds[2];

	*state = w;
	fake_dns_clear();
	web = ENFORCE;
	fetches = 0;
	is_slow = false;
	w->log = memfd_create("log", MFD_CLOEXEC);
	log_to_fd(w->log);
	w->loop = loop_new();
	timer_init(&w->limit, w->loop, on_limit, w);
	w->dns = dns_new(w->loop, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w->queue = ipc_peer_new(w->loop, fds[0], IPC_RELAY, 1, handlers, on_gone, w);
	w->rqueue = ipc_peer_new(w->loop, fds[1], IPC_QUEUE, 1, no_handlers, on_gone, w);
	renew(w);
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	dlv_sts_free(&w->sts);
	ipc_peer_free(&w->queue);
	ipc_peer_free(&w->rqueue);
	dns_free(&w->dns);
	timer_stop(&w->limit);
	loop_free(&w->loop);
	log_to_fd(2);
	(void)close(w->log);
	free(w);
	return 0;
}

static void
on_policy(void *arg, const struct sts_policy *p)
{
	struct world *w = arg;

	w->answers++;
	w->mode = p == NULL ? -1 : (int)p->mode;
	loop_stop(w->loop);
}

static void
stop(void *arg)
{
	loop_stop(((struct world *)arg)->loop);
}

static void
run_for(struct world *w, uint64_t ms)
{
	struct timer t;

	timer_init(&t, w->loop, stop, w);
	timer_set(&t, loop_now(w->loop) + ms);
	loop_run(w->loop);
	timer_stop(&t);
}

/* -1: none; else the mode. */
static int
ask_for(struct world *w, const char *domain)
{
	struct dlv_sts_ask a = { .sts = NULL };
	unsigned before = w->answers;

	timer_set(&w->limit, loop_now(w->loop) + 20000);
	dlv_sts_start(w->sts, &a, domain, loop_now(w->loop) + DEADLINE, on_policy, w);
	assert_int_equal(w->answers, before);
	while (w->answers == before)
		loop_run(w->loop);
	timer_stop(&w->limit);
	assert_null(a.sts);
	return w->mode;
}

static int
ask(struct world *w)
{
	return ask_for(w, "there.example");
}

static void
set_id(const char *id)
{
	char text[60];

	fake_dns_clear();
	(void)snprintf(text, sizeof(text), "v=STSv1; id=%s;", id);
	fake_dns_txt("_mta-sts.there.example", text);
}

static bool
logged(struct world *w, const char *text)
{
	static char all[100000];
	ssize_t n = pread(w->log, all, sizeof(all) - 1, 0);

	all[n > 0 ? n : 0] = '\0';
	return strstr(all, text) != NULL;
}

/* ---- */

static void
no_record(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w), -1);
	assert_int_equal(ask(w), -1);
	assert_int_equal(fetches, 0);
	/* Once per domain and process. */
	assert_int_equal(w->gets, 1);
	assert_int_equal(fake_dns_asked("_mta-sts.there.example", DNS_TXT), 2);
}

static void
fetched_once(void **state)
{
	struct world *w = *state;

	set_id("1");
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 1);
	run_for(w, 5);
	assert_int_equal(w->puts, 1);
	assert_string_equal(w->id, "1");
	assert_string_equal(w->body, ENFORCE);
	assert_true(logged(w, "sts domain=there.example policy=fetched mode=enforce id=1"));
}

static void
changed_id(void **state)
{
	struct world *w = *state;

	set_id("1");
	assert_int_equal(ask(w), STS_ENFORCE);
	set_id("2");
	web = TESTING;
	assert_int_equal(ask(w), STS_TESTING);
	assert_int_equal(ask(w), STS_TESTING);
	assert_int_equal(fetches, 2);
	run_for(w, 5);
	assert_string_equal(w->id, "2");
}

/* RFC 8461 s5.1: who can silence the DNS or the web server gains nothing. */
static void
cached_holds(void **state)
{
	struct world *w = *state;

	set_id("1");
	assert_int_equal(ask(w), STS_ENFORCE);
	fake_dns_clear();
	assert_int_equal(ask(w), STS_ENFORCE);
	fake_dns_status("_mta-sts.there.example", DNS_TXT, DNS_SERVFAIL, false);
	assert_int_equal(ask(w), STS_ENFORCE);
	set_id("2");
	web = NULL;
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 2);
	assert_true(logged(w, "sts domain=there.example policy=failed id=2 "
	    "failure=sts-policy-fetch-error reason=refused"));
	/* Until it expires. */
	loop_advance(w->loop, 604800000);
	assert_int_equal(ask(w), -1);
}

static void
backs_off(void **state)
{
	struct world *w = *state;

	set_id("1");
	web = NULL;
	assert_int_equal(ask(w), -1);
	assert_int_equal(ask(w), -1);
	loop_advance(w->loop, DLV_STS_BACKOFF_MS - SLACK_MS);
	assert_int_equal(ask(w), -1);
	assert_int_equal(fetches, 1);
	loop_advance(w->loop, SLACK_MS);
	assert_int_equal(ask(w), -1);
	assert_int_equal(fetches, 2);
	web = ENFORCE;
	assert_int_equal(ask(w), -1);
	loop_advance(w->loop, DLV_STS_BACKOFF_MS);
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 3);
}

static void
invalid_policy(void **state)
{
	struct world *w = *state;

	set_id("1");
	web = "<html>";
	assert_int_equal(ask(w), -1);
	assert_int_equal(w->puts, 0);
}

static void
expired_is_fetched_again(void **state)
{
	struct world *w = *state;

	set_id("1");
	assert_int_equal(ask(w), STS_ENFORCE);
	loop_advance(w->loop, 604800000);
	web = TESTING;
	assert_int_equal(ask(w), STS_TESTING);
	assert_int_equal(fetches, 2);
}

/* An age of nothing is not a fetch for each message. */
static void
least_age(void **state)
{
	struct world *w = *state;

	set_id("1");
	web = POLICY("enforce", "0");
	assert_int_equal(ask(w), STS_ENFORCE);
	loop_advance(w->loop, DLV_STS_AGE_MIN_S * 1000 - SLACK_MS);
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 1);
	loop_advance(w->loop, SLACK_MS);
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 2);
}

/* A day old: fetched beside the delivery, which goes on. */
static void
refreshes(void **state)
{
	struct world *w = *state;

	set_id("1");
	assert_int_equal(ask(w), STS_ENFORCE);
	loop_advance(w->loop, DLV_STS_REFRESH_S * 1000);
	is_slow = true;
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 2);
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 2);
	web = TESTING;
	loop_defer(w->loop, &open_fetch->turn);
	run_for(w, 5);
	assert_int_equal(ask(w), STS_TESTING);
	assert_int_equal(fetches, 2);
}

/* Over a restart of relay: from queue, also when nobody answers outside. */
static void
queue_keeps_it(void **state)
{
	struct world *w = *state;

	set_id("1");
	assert_int_equal(ask(w), STS_ENFORCE);
	run_for(w, 5);
	renew(w);
	web = NULL;
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 1);
	renew(w);
	fake_dns_clear();
	assert_int_equal(ask(w), STS_ENFORCE);
	/* Its age counts. */
	renew(w);
	loop_advance(w->loop, 604800000);
	assert_int_equal(ask(w), -1);
}

static void
queue_keeps_rubbish(void **state)
{
	struct world *w = *state;

	w->found = true;
	w->fetched_s = loop_real_ms(w->loop) / 1000;
	(void)snprintf(w->id, sizeof(w->id), "1");
	(void)snprintf(w->body, sizeof(w->body), "what");
	set_id("1");
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 1);
}

static void
queue_is_away(void **state)
{
	struct world *w = *state;

	set_id("1");
	dlv_sts_set_queue(w->sts, NULL);
	assert_int_equal(ask(w), STS_ENFORCE);
	assert_int_equal(fetches, 1);
}

static void
queue_is_mute(void **state)
{
	struct dlv_sts_ask a = { .sts = NULL };
	struct world *w = *state;

	set_id("1");
	w->is_mute = true;
	dlv_sts_start(w->sts, &a, "there.example", DEADLINE, on_policy, w);
	run_for(w, 20);
	assert_int_equal(w->gets, 1);
	assert_int_equal(w->answers, 0);
	loop_advance(w->loop, DLV_STS_QUEUE_MS);
	run_for(w, 20);
	assert_null(a.sts);
	assert_int_equal(w->mode, STS_ENFORCE);
}

/* Many wait for one fetch; those that stop are not told. */
static void
all_wait(void **state)
{
	struct dlv_sts_ask asks[50] = { { .sts = NULL } };
	struct world *w = *state;

	set_id("1");
	is_slow = true;
	for (unsigned i = 0; i < 50; i++)
		dlv_sts_start(w->sts, &asks[i], "there.example", DEADLINE, on_policy, w);
	run_for(w, 20);
	assert_int_equal(fetches, 1);
	assert_int_equal(w->gets, 1);
	assert_int_equal(w->answers, 0);
	for (unsigned i = 0; i < 25; i++)
		dlv_sts_stop(&asks[i]);
	loop_defer(w->loop, &open_fetch->turn);
	run_for(w, 20);
	assert_int_equal(w->answers, 25);
	for (unsigned i = 0; i < 50; i++) {
		assert_null(asks[i].sts);
		dlv_sts_stop(&asks[i]);
	}
	/* At each stage. */
	for (unsigned turns = 0; turns < 5; turns++) {
		dlv_sts_start(w->sts, &asks[0], "other.example", DEADLINE, on_policy, w);
		if (turns > 0)
			run_for(w, turns - 1);
		dlv_sts_stop(&asks[0]);
	}
	run_for(w, 20);
}

static void
not_heeded(void **state)
{
	struct world *w = *state;

	set_id("1");
	dlv_sts_set(w->sts, false, 8443);
	assert_int_equal(ask(w), -1);
	assert_int_equal(fake_dns_asked("_mta-sts.there.example", DNS_TXT), 0);
	assert_int_equal(w->gets, 0);
}

/* Over the limit the oldest is forgotten: asked for again. */
static void
domains_limit(void **state)
{
	struct world *w = *state;
	char domain[40];

	for (unsigned i = 0; i < DLV_STS_DOMAINS_MAX + 1; i++) {
		if (i % 50 == 0)
			fake_dns_clear();
		(void)snprintf(domain, sizeof(domain), "d%u.example", i);
		assert_int_equal(ask_for(w, domain), -1);
	}
	assert_int_equal(w->gets, DLV_STS_DOMAINS_MAX + 1);
	assert_int_equal(ask_for(w, domain), -1);
	assert_int_equal(ask_for(w, "d2.example"), -1);
	assert_int_equal(w->gets, DLV_STS_DOMAINS_MAX + 1);
	assert_int_equal(ask_for(w, "d0.example"), -1);
	assert_int_equal(w->gets, DLV_STS_DOMAINS_MAX + 2);
}

static void
name_that_is_none(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask_for(w, "a b.example"), -1);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(no_record), TEST(fetched_once), TEST(changed_id), TEST(cached_holds),
		TEST(backs_off), TEST(invalid_policy), TEST(expired_is_fetched_again),
		TEST(least_age), TEST(refreshes), TEST(queue_keeps_it), TEST(queue_keeps_rubbish),
		TEST(queue_is_away), TEST(queue_is_mute),
		TEST(all_wait), TEST(not_heeded), TEST(domains_limit),
		TEST(name_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
