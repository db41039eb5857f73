/* SPDX-License-Identifier: ISC */
/*
 * Remote mail through the whole core with fake relay processes: sites and
 * routes, results, retries, notifications, processes that come and go.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf/conf_sections.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_run.h"
#include "tests/unit/queue/fake_relay.h"

#define TEXT	"Subject: a test\r\nFrom: someone\r\n\r\nThe body.\r\n"
#define DAY_MS	86400000ull

static struct fake_relays relays;

static int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	fake_start(f, true);
	fake_relays_init(&relays, f);
	fake_relay_join(&relays, 0, 500);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fake *f = *state;

	fake_stop(f);
	free(f);
	return 0;
}

static bool
is_empty(struct fake *f)
{
	return f->q.table.count == 0 && f->q.msgs.count == 0;
}

static bool
is_waiting(struct fake *f)
{
	struct list *l;

	for (l = f->q.table.order.next; l != &f->q.table.order; l = l->next)
		if (obj_of(l, struct queue_item, order)->writes > 0)
			return false;	/* a RESULT is on its way */
	return f->q.msgs.count == 0 && f->q.works == 0;
}

static unsigned wanted_jobs;

static bool
has_jobs(struct fake *f)
{
	(void)f;
	return relays.job_count >= wanted_jobs;
}

static void
wait_jobs(struct fake *f, unsigned n)
{
	wanted_jobs = n;
	assert_true(fake_run_until(f, has_jobs));
}

static bool
has_local_job(struct fake *f)
{
	return f->job_count >= 1;
}

static struct fake_answer
open_as_alice(struct fake *f, uint8_t flags)
{
	unsigned char token[TOKEN_BYTES];

	fake_token(f, FAKE_ALICE, FAKE_INSTANCE, token);
	return fake_open(f, 0, "alice@example.test", (uint8_t)(QUEUE_SUBMISSION | flags),
	    slice_of(token, sizeof(token)));
}

static void
commit(struct fake *f, uint64_t msg)
{
	struct fake_answer a;
	int fd = fake_memfd(TEXT, true);

	a = fake_commit(f, 0, msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_committed);
	close(fd);
}

/* With what RFC 3461 adds. */
static uint64_t
submit_notify(struct fake *f, const char *rcpt, uint8_t notify, uint8_t flags)
{
	struct fake_answer a = open_as_alice(f, flags);
	const struct ipc_queue_rcpt m = { .msg = a.msg, .notify = notify,
	    .rcpt = slice_str(rcpt), .orcpt = SLICE_LIT("rfc822;given@far.example") };

	assert_int_equal(fake_rcpt_with(f, 0, &m).type, IPC_MSG_queue_rcpt_ok);
	commit(f, a.msg);
	return a.msg;
}

static void
add_route(struct fake *f, const char *title, const char *to, const char *relay)
{
	char *list[] = { (char *)(uintptr_t)to };
	char host[64];
	const struct route_options o = { .to = { list, 1 }, .relay = host };

	assert_true(slice_to_cstr(slice_str(relay), host, sizeof(host)));
	queue_route_add(&f->q.routes, title, &o);
}

/* ---- sent ---- */

static void
test_sent(void **state)
{
	struct fake *f = *state;
	uint64_t id = fake_submit(f, "Mixed.Case@FAR.example", TEXT);
	const struct fake_relay_job *j = &relays.jobs[0];

	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 1);
	assert_int_equal(j->msg, id);
	assert_string_equal(j->site, "far.example");
	assert_string_equal(j->route, "");
	assert_string_equal(j->sender, "alice@example.test");
	assert_string_equal(j->rcpt, "Mixed.Case@far.example");
	assert_string_equal(j->body, TEXT);
	assert_true(j->retry_ms > loop_real_ms(f->loop));
	assert_int_equal(f->q.memory_bytes, 0);
	/* Nothing comes back after a restart. */
	fake_restart(f, false);
	assert_int_equal(f->q.table.count, 0);
}

/* One job for each site and hundred; each recipient in exactly one. */
static void
test_grouping(void **state)
{
	struct fake *f = *state;
	struct fake_answer a = open_as_alice(f, 0), r;
	unsigned i, at_far = 0, at_bank = 0, others = 0;
	char address[64];

	add_route(f, "bank", ".bank.example", "[192.0.2.25]:2525");
	relays.mode = RELAY_SAYS_NOTHING;
	f->q.limits.concurrency = 100;
	queue_line_set_limits(&f->q);
	for (i = 0; i < 250; i++) {
		(void)snprintf(address, sizeof(address), "u%u@%s", i, i < 205 ? "far.example" :
		    i < 225 ? "a.bank.example" : i < 245 ? "b.bank.example" : "o.example");
		r = fake_rcpt(f, 0, a.msg, address);
		assert_int_equal(r.class, QUEUE_REMOTE);
	}
	r = fake_rcpt(f, 0, a.msg, "bob@example.test");
	commit(f, a.msg);
	wait_jobs(f, 5);
	for (i = 0; i < relays.job_count; i++) {
		const struct fake_relay_job *j = &relays.jobs[i];

		assert_int_equal(j->msg, a.msg);
		if (strcmp(j->site, "far.example") == 0)
			at_far += j->rcpt_count;
		else if (strcmp(j->site, "[192.0.2.25]:2525") == 0) {
			assert_string_equal(j->route, "bank");
			at_bank += j->rcpt_count;
		} else
			others += j->rcpt_count;
	}
	assert_int_equal(at_far, 205);
	assert_int_equal(at_bank, 40);
	assert_int_equal(others, 5);
	assert_int_equal(f->job_count, 1);	/* bob's */
	for (i = 0; i < 5; i++)
		fake_relay_answer(&relays, i, RELAY_SAYS_SENT);
	assert_true(fake_run_until(f, is_empty));
}

/* Mail for a domain that is passed on is taken from anyone. */
static void
test_relay_domain(void **state)
{
	struct fake *f = *state;

	queue_resolve_add_domain(&f->q.resolver, &(struct queue_domain_conf){
	    .name = "inner.example", .class = CONF_CLASS_RELAY, .target = "" });
	add_route(f, "inner", "inner.example", "[192.0.2.4]:24");
	(void)fake_send(f, "stranger@out.example", "x@inner.example", TEXT);
	assert_true(fake_run_until(f, is_empty));
	assert_string_equal(relays.jobs[0].site, "[192.0.2.4]:24");
	assert_string_equal(relays.jobs[0].route, "inner");
}

/* ---- later ---- */

static void
test_deferred(void **state)
{
	struct fake *f = *state;
	struct queue_item *it;

	relays.mode = RELAY_SAYS_TEMP;
	relays.feedback = RELAY_REFUSED;
	(void)fake_submit(f, "x@far.example", TEXT);
	assert_true(fake_run_until(f, is_waiting));
	assert_int_equal(f->q.memory_bytes, 0);		/* nothing is held for it */
	it = obj_of(f->q.table.order.next, struct queue_item, order);
	assert_int_equal(it->state, QUEUE_S6_TRIED);
	loop_advance(f->loop, 299000);
	fake_run_ms(f, 20);
	assert_int_equal(relays.job_count, 1);
	loop_advance(f->loop, 2000);
	wait_jobs(f, 2);
	assert_true(fake_run_until(f, is_waiting));
	/* After a restart its time is still to come. */
	fake_restart(f, false);
	relays.mode = RELAY_SAYS_SENT;
	fake_relay_join(&relays, 0, 501);
	assert_true(fake_run_until(f, is_waiting));
	fake_run_ms(f, 30);
	assert_int_equal(relays.job_count, 2);
	loop_advance(f->loop, 601000);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 3);
	assert_string_equal(relays.jobs[2].body, TEXT);
}

/* What was sent stays so: only the others are tried again, also after kill -9. */
static void
test_half(void **state)
{
	struct fake *f = *state;
	struct fake_answer a = open_as_alice(f, 0);
	char address[64];
	unsigned i;

	for (i = 0; i < 4; i++) {
		(void)snprintf(address, sizeof(address), "u%u@far.example", i);
		(void)fake_rcpt(f, 0, a.msg, address);
	}
	relays.mode = RELAY_SAYS_HALF;
	commit(f, a.msg);
	assert_true(fake_run_until(f, is_waiting));
	fake_run_ms(f, 30);
	fake_restart(f, false);
	fake_relay_join(&relays, 0, 502);
	relays.mode = RELAY_SAYS_SENT;
	assert_true(fake_run_until(f, is_waiting));
	(void)queue_run_flush(&f->q);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 2);
	assert_int_equal(relays.jobs[1].rcpt_count, 2);
	assert_int_equal(relays.jobs[1].idx[0], 1);
	assert_int_equal(relays.jobs[1].idx[1], 3);
}

/* While one site takes long, what the other said is written. */
static void
test_checkpoint(void **state)
{
	struct fake *f = *state;
	struct fake_answer a = open_as_alice(f, 0);
	unsigned slow;

	(void)fake_rcpt(f, 0, a.msg, "x@far.example");
	(void)fake_rcpt(f, 0, a.msg, "x@slow.example");
	relays.mode = RELAY_SAYS_NOTHING;
	commit(f, a.msg);
	wait_jobs(f, 2);
	slow = strcmp(relays.jobs[0].site, "slow.example") == 0 ? 0 : 1;
	fake_relay_answer(&relays, 1 - slow, RELAY_SAYS_SENT);
	fake_run_ms(f, 50);
	fake_restart(f, false);
	relays.mode = RELAY_SAYS_SENT;
	fake_relay_join(&relays, 0, 503);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 3);
	assert_string_equal(relays.jobs[2].site, "slow.example");
}

static void
test_expired(void **state)
{
	struct fake *f = *state;

	relays.mode = RELAY_SAYS_TEMP;
	(void)fake_submit(f, "x@far.example", TEXT);
	assert_true(fake_run_until(f, is_waiting));
	loop_advance(f->loop, 5 * DAY_MS + 1000);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 1);
	assert_string_equal(f->jobs[0].rcpt, "alice@example.test");
	assert_non_null(strstr(f->jobs[0].body, "Status: 4.4.7\r\n"
	    "Remote-MTA: dns; mx.far.example\r\n"
	    "Diagnostic-Code: smtp; 450 4.2.0 not now\r\nLast-Attempt-Date: "));
	assert_non_null(strstr(f->jobs[0].body, "Subject: a test\r\n"));
}

/* A reload: what waits keeps its time, and then goes where the routes say. */
static void
test_routes_read_again(void **state)
{
	struct fake *f = *state;
	uint64_t msg;

	relays.mode = RELAY_SAYS_TEMP;
	relays.feedback = RELAY_REFUSED;
	msg = fake_submit(f, "x@far.example", TEXT);
	(void)fake_submit(f, "y@bank.example", TEXT);
	wait_jobs(f, 2);
	fake_run_ms(f, 30);
	assert_string_equal(relays.jobs[0].route, "");
	add_route(f, "far", "far.example", "[192.0.2.7]:26");
	queue_line_set_routes(&f->q);
	fake_run_ms(f, 30);
	assert_int_equal(relays.job_count, 2);
	relays.mode = RELAY_SAYS_SENT;
	loop_advance(f->loop, 301000);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 4);
	for (unsigned i = 2; i < 4; i++) {
		bool is_far = relays.jobs[i].msg == msg;

		assert_string_equal(relays.jobs[i].site, is_far ? "[192.0.2.7]:26" : "bank.example");
		assert_string_equal(relays.jobs[i].route, is_far ? "far" : "");
	}
}

/* What the sender wrote goes along where an alias made it another address. */
static void
test_original(void **state)
{
	const struct ipc_fact_alias alias = { .address = SLICE_LIT("moved@example.test"),
	    .targets = SLICE_LIT("x@far.example\0") };
	struct fake *f = *state;

	assert_int_equal(queue_resolve_alias(&f->q.resolver, &alias), ERR_OK);
	relays.mode = RELAY_SAYS_SENT;
	(void)submit_notify(f, "moved@example.test", 0, 0);
	assert_true(fake_run_until(f, is_empty));
	assert_string_equal(relays.jobs[0].rcpt, "x@far.example");
	assert_string_equal(relays.jobs[0].original, "moved@example.test");
	(void)submit_notify(f, "X@far.example", 0, 0);
	assert_true(fake_run_until(f, is_empty));
	assert_string_equal(relays.jobs[1].original, "");
}

/* ---- notifications ---- */

static void
test_bounced(void **state)
{
	struct fake *f = *state;

	relays.mode = RELAY_SAYS_PERM;
	(void)submit_notify(f, "x@far.example", 0, QUEUE_RET_FULL);
	assert_true(fake_run_until(f, is_empty));
	assert_string_equal(relays.jobs[0].orcpt, "rfc822;given@far.example");
	assert_int_equal(f->job_count, 1);
	assert_string_equal(f->jobs[0].sender, "");
	assert_string_equal(f->jobs[0].rcpt, "alice@example.test");
	assert_non_null(strstr(f->jobs[0].body, "Original-Recipient: rfc822;given@far.example\r\n"
	    "Final-Recipient: rfc822; x@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	    "Remote-MTA: dns; mx.far.example\r\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
	assert_non_null(strstr(f->jobs[0].body, "Content-Type: message/rfc822\r\n\r\n" TEXT));
}

/* The failure of a notification is nobody's to be told of. */
static void
test_double_bounce(void **state)
{
	struct fake *f = *state;

	relays.mode = RELAY_SAYS_PERM;
	f->mode = FAKE_PERM;
	(void)fake_send(f, "x@far.example", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 1);
	assert_string_equal(relays.jobs[0].sender, "");
	assert_string_equal(relays.jobs[0].rcpt, "x@far.example");
	assert_int_equal(f->job_count, 1);
}

static void
test_notify(void **state)
{
	static const struct { uint8_t notify; enum fake_relay_mode mode; const char *action; }
	cases[] = {
		{ QUEUE_NOTIFY_SUCCESS, RELAY_SAYS_SENT, "Action: relayed\r\nStatus: 2.0.0\r\n" },
		{ QUEUE_NOTIFY_SUCCESS, RELAY_SAYS_DSN, NULL },
		{ QUEUE_NOTIFY_SUCCESS, RELAY_SAYS_PERM, NULL },
		{ QUEUE_NOTIFY_FAILURE, RELAY_SAYS_SENT, NULL },
		{ QUEUE_NOTIFY_FAILURE, RELAY_SAYS_PERM, "Action: failed\r\n" },
		{ QUEUE_NOTIFY_NEVER, RELAY_SAYS_PERM, NULL },
		{ 0, RELAY_SAYS_SENT, NULL },
	};
	struct fake *f = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->job_count = relays.job_count = 0;
		relays.mode = cases[i].mode;
		(void)submit_notify(f, "x@far.example", cases[i].notify, 0);
		wait_jobs(f, 1);
		assert_int_equal(relays.jobs[0].notify, cases[i].notify);
		assert_true(fake_run_until(f, is_empty));
		assert_int_equal(f->job_count, cases[i].action != NULL);
		if (cases[i].action != NULL)
			assert_non_null(strstr(f->jobs[0].body, cases[i].action));
	}
}

/* RFC 3461 s4.1: delivered here, and the sender wants to know. */
static void
test_notify_local(void **state)
{
	struct fake *f = *state;

	(void)submit_notify(f, "bob@example.test", QUEUE_NOTIFY_SUCCESS, 0);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 2);
	assert_string_equal(f->jobs[1].rcpt, "alice@example.test");
	assert_non_null(strstr(f->jobs[1].body, "Final-Recipient: rfc822; bob@example.test\r\n"
	    "Action: delivered\r\n"));
}

/* Told once, though it is tried often, and also after a restart. */
static void
test_delay_warning(void **state)
{
	struct fake *f = *state;
	unsigned i;

	f->q.limits.warning_ms = 4 * 3600000;
	relays.mode = RELAY_SAYS_TEMP;
	(void)fake_submit(f, "x@far.example", TEXT);
	assert_true(fake_run_until(f, is_waiting));
	loop_advance(f->loop, 4 * 3600000 - 10000);
	fake_run_ms(f, 20);
	assert_true(fake_run_until(f, is_waiting));
	assert_int_equal(f->job_count, 0);
	loop_advance(f->loop, 11000);
	assert_true(fake_run_until(f, has_local_job));
	assert_true(fake_run_until(f, is_waiting));
	assert_non_null(strstr(f->jobs[0].body, "Action: delayed\r\nStatus: 4.2.0\r\n"));
	assert_non_null(strstr(f->jobs[0].body, "Will-Retry-Until: "));
	fake_run_ms(f, 20);
	fake_restart(f, false);
	f->q.limits.warning_ms = 4 * 3600000;
	fake_relay_join(&relays, 0, 504);
	for (i = 0; i < 5; i++) {
		loop_advance(f->loop, 3600000);
		fake_run_ms(f, 20);
		assert_true(fake_run_until(f, is_waiting));
	}
	assert_int_equal(f->job_count, 0);
	assert_int_equal(f->q.table.count, 1);
}

/* Told with the first attempt, once, whatever else is told of a delay; and of the end. */
static void
test_key_changed(void **state)
{
	struct fake *f = *state;
	unsigned i;

	f->q.limits.warning_ms = 4 * 3600000;
	relays.mode = RELAY_SAYS_BROKEN;
	(void)fake_submit(f, "x@far.example", TEXT);
	assert_true(fake_run_until(f, has_local_job));
	assert_true(fake_run_until(f, is_waiting));
	assert_string_equal(f->jobs[0].rcpt, "alice@example.test");
	assert_non_null(strstr(f->jobs[0].body, "Action: delayed\r\nStatus: 4.7.5\r\n"));
	assert_non_null(strstr(f->jobs[0].body, "Will-Retry-Until: "));
	fake_run_ms(f, 20);
	fake_restart(f, false);
	f->q.limits.warning_ms = 4 * 3600000;
	fake_relay_join(&relays, 0, 504);
	for (i = 0; i < 5; i++) {
		loop_advance(f->loop, 3600000);
		fake_run_ms(f, 20);
		assert_true(fake_run_until(f, is_waiting));
	}
	assert_int_equal(f->job_count, 0);
	loop_advance(f->loop, 5 * 86400000ull);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 1);
	assert_non_null(strstr(f->jobs[0].body, "Action: failed\r\n"));
}

/* ---- processes ---- */

static bool
first_is_gone(struct fake *f)
{
	return relays.at_queue[0] == NULL && f->q.relay_count == 0;
}

static void
test_relay_lost(void **state)
{
	struct fake *f = *state;

	relays.mode = RELAY_SAYS_NOTHING;
	(void)fake_submit(f, "x@far.example", TEXT);
	wait_jobs(f, 1);
	fake_relay_kill(&relays, 0);
	assert_true(fake_run_until(f, first_is_gone));
	assert_true(fake_run_until(f, is_waiting));
	relays.mode = RELAY_SAYS_SENT;
	fake_relay_join(&relays, 0, 600);
	loop_advance(f->loop, 1100);	/* soon, but not at once */
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 2);
}

static void
test_no_relay(void **state)
{
	struct fake *f = *state;

	fake_relay_kill(&relays, 0);
	assert_true(fake_run_until(f, first_is_gone));
	(void)fake_submit(f, "x@far.example", TEXT);
	assert_true(fake_run_until(f, is_waiting));
	fake_run_ms(f, 20);
	assert_int_equal(f->q.table.count, 1);
	fake_relay_join(&relays, 1, 601);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 1);
}

/* A site stays with its process, and not all sites with the same: so many that
 * chance leaves none of three out. */
enum { SITES = 45 };
static void
test_same_process(void **state)
{
	struct fake *f = *state;
	unsigned i, n, used[FAKE_RELAYS] = { 0 };
	char address[64];

	fake_relay_join(&relays, 1, 701);
	fake_relay_join(&relays, 2, 702);
	for (i = 0; i < 2 * SITES; i++) {
		(void)snprintf(address, sizeof(address), "x@far%u.example", i % SITES);
		(void)fake_submit(f, address, TEXT);
		wait_jobs(f, i + 1);
	}
	assert_true(fake_run_until(f, is_empty));
	for (i = 0; i < 2 * SITES; i++) {
		used[relays.jobs[i].relay]++;
		for (n = 0; n < i; n++)
			if (strcmp(relays.jobs[n].site, relays.jobs[i].site) == 0)
				assert_int_equal(relays.jobs[n].relay, relays.jobs[i].relay);
	}
	assert_true(used[0] > 0 && used[1] > 0 && used[2] > 0);
}

/* Results that were not asked for end the wire; the message lives. */
static void
test_odd_results(void **state)
{
	struct fake *f = *state;

	relays.mode = RELAY_SAYS_ODD;
	(void)fake_submit(f, "x@far.example", TEXT);
	assert_true(fake_run_until(f, first_is_gone));
	assert_true(fake_run_until(f, is_waiting));
	assert_int_equal(f->q.table.count, 1);
	relays.mode = RELAY_SAYS_SENT;
	relays.feedback = 77;
	fake_relay_join(&relays, 0, 801);
	loop_advance(f->loop, 1100);
	assert_true(fake_run_until(f, first_is_gone));
	assert_true(fake_run_until(f, is_waiting));
	assert_int_equal(f->q.table.count, 1);
	relays.feedback = RELAY_TAKEN;
	fake_relay_join(&relays, 0, 802);
	loop_advance(f->loop, 10000);
	assert_true(fake_run_until(f, is_empty));
}

/* ---- many ---- */

/* More than is given at once: memory holds items and bundles, no bodies. */
static void
test_backlog(void **state)
{
	struct fake *f = *state;
	unsigned i, seen = 0;
	char address[64];

	relays.mode = RELAY_SAYS_NOTHING;
	for (i = 0; i < 200; i++) {
		(void)snprintf(address, sizeof(address), "u%u@far.example", i);
		(void)fake_submit(f, address, TEXT);
	}
	fake_run_ms(f, 50);
	/* A new site gets five at a time. */
	assert_int_equal(relays.job_count, 5);
	assert_int_equal(f->q.msgs.count, 5);
	assert_int_equal(f->q.memory_bytes, 5 * (sizeof(TEXT) - 1));
	relays.mode = RELAY_SAYS_SENT;
	for (i = 0; i < 5; i++)
		fake_relay_answer(&relays, i, RELAY_SAYS_SENT);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 200);
	for (i = 0; i < 200; i++)
		seen += relays.jobs[i].rcpt_count;
	assert_int_equal(seen, 200);
	assert_int_equal(f->q.memory_bytes, 0);
}

/* The aim is 1 KiB for a message that waits, allocator included. */
static void
test_memory_per_message(void **state)
{
	(void)state;
	assert_true(sizeof(struct queue_item) + sizeof(struct queue_bundle) + 2 * 16 + 4 <= 1024);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_sent),
		T(test_grouping),
		T(test_relay_domain),
		T(test_deferred),
		T(test_half),
		T(test_checkpoint),
		T(test_expired),
		T(test_routes_read_again),
		T(test_original),
		T(test_bounced),
		T(test_double_bounce),
		T(test_notify),
		T(test_notify_local),
		T(test_delay_warning), T(test_key_changed),
		T(test_relay_lost),
		T(test_no_relay),
		T(test_same_process),
		T(test_odd_results),
		T(test_backlog),
		cmocka_unit_test(test_memory_per_message),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
