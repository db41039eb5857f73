/* SPDX-License-Identifier: ISC */
/* Senders of forwarded mail (SRS) in the queue: out, back, and what bounces. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf/conf_sections.h"
#include "lib/ipc/queue_proto.h"
#include "tests/unit/queue/fake_relay.h"

#define TEXT	"Subject: a test\r\n\r\nhello\r\n"
#define DAY_MS	86400000u

static struct fake_relays relays;

static void
alias(struct fake *f, const char *address, const char *target)
{
	const struct ipc_fact_alias a = { .address = slice_str(address),
	    .targets = slice_of(target, strlen(target) + 1) };

	assert_int_equal(queue_resolve_alias(&f->q.resolver, &a), ERR_OK);
}

static int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	fake_start(f, true);
	fake_relays_init(&relays, f);
	fake_relay_join(&relays, 0, 500);
	f->q.limits.srs = true;
	f->q.srs_domain = "example.test";
	f->q.srs.has_keys = true;
	f->q.srs.max_age_days = 21;
	queue_resolve_add_domain(&f->q.resolver, &(struct queue_domain_conf){
	    .name = "old.example", .class = CONF_CLASS_RELAY, .target = "" });
	alias(f, "away@example.test", "x@far.example");
	alias(f, "moved@example.test", "x@old.example");
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

static const struct fake_relay_job *
job_to(const char *rcpt)
{
	unsigned i;

	for (i = 0; i < relays.job_count; i++)
		if (strcmp(relays.jobs[i].rcpt, rcpt) == 0)
			return &relays.jobs[i];
	fail_msg("nothing went to %s", rcpt);
	return NULL;
}

static void
send_to(struct fake *f, const char *sender, const char *const *rcpts, unsigned n)
{
	struct fake_answer a = fake_open(f, 0, sender, 0, SLICE_NONE);
	int fd = fake_memfd(TEXT, true);
	unsigned i;

	for (i = 0; i < n; i++)
		assert_int_equal(fake_rcpt(f, 0, a.msg, rcpts[i]).type, IPC_MSG_queue_rcpt_ok);
	assert_int_equal(fake_commit(f, 0, a.msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd,
	    SLICE_NONE).type, IPC_MSG_queue_committed);
	close(fd);
	assert_true(fake_run_until(f, is_empty));
}

static void
add_route(struct fake *f, const char *to, const char *from, const char *relay)
{
	char *to_list[] = { (char *)(uintptr_t)to }, *from_list[] = { (char *)(uintptr_t)from };
	struct route_options o = { .to = { to_list, to != NULL },
	    .from = { from_list, from != NULL }, .relay = (char *)(uintptr_t)relay };

	queue_route_add(&f->q.routes, relay, &o);
}

/* One message, one host: two senders need two transactions. */
static void
test_rewritten(void **state)
{
	static const char *const rcpts[] = { "away@example.test", "y@old.example",
		"moved@example.test", "bob@example.test" };
	struct fake *f = *state;

	add_route(f, ".example", NULL, "[192.0.2.1]");
	send_to(f, "alice@else.example", rcpts, 4);
	assert_int_equal(relays.job_count, 2);
	assert_int_equal(job_to("x@far.example")->rcpt_count, 1);
	assert_int_equal(strncmp(job_to("x@far.example")->sender, "SRS0=", 5), 0);
	assert_non_null(strstr(job_to("x@far.example")->sender, "=else.example=alice@example.test"));
	/* nobody forwards what is for a domain that we pass on */
	assert_int_equal(job_to("y@old.example")->rcpt_count, 2);
	assert_string_equal(job_to("y@old.example")->sender, "alice@else.example");
	assert_int_equal(f->job_count, 1);
	assert_string_equal(f->jobs[0].sender, "alice@else.example");
}

/* Routes by sender: the host asks who may send for the sender it sees. */
static void
test_routed(void **state)
{
	static const char *const rcpts[] = { "away@example.test", "y@old.example" };
	struct fake *f = *state;

	add_route(f, NULL, "example.test", "[192.0.2.2]");
	add_route(f, NULL, "else.example", "[192.0.2.3]");
	send_to(f, "alice@else.example", rcpts, 2);
	assert_string_equal(job_to("x@far.example")->site, "[192.0.2.2]");
	assert_string_equal(job_to("y@old.example")->site, "[192.0.2.3]");
}

static void
test_kept(void **state)
{
	static const char *const rcpts[] = { "away@example.test" };
	static const char *const senders[] = { "", "x@example.test", "x@EXAMPLE.test",
		"x@old.example", "root@mx.example.test",
		"a-sender-with-a-very-long-local-part@lists.else.example" };
	struct fake *f = *state;
	unsigned i;

	for (i = 0; i < lengthof(senders); i++) {
		send_to(f, senders[i], rcpts, 1);
		assert_int_equal(relays.job_count, i + 1);
		assert_int_equal(strncmp(relays.jobs[i].sender, senders[i],
		    sizeof(relays.jobs[i].sender) - 1), 0);
	}
	f->q.limits.srs = false;
	send_to(f, "x@else.example", rcpts, 1);
	assert_string_equal(relays.jobs[i].sender, "x@else.example");
	f->q.limits.srs = true;
	f->q.srs_domain = "";
	send_to(f, "x@else.example", rcpts, 1);
	assert_string_equal(relays.jobs[i + 1].sender, "x@else.example");
	/* a domain of its own */
	f->q.srs_domain = "srs.example";
	send_to(f, "x@else.example", rcpts, 1);
	assert_non_null(strstr(relays.jobs[i + 2].sender, "=x@srs.example"));
	send_to(f, "x@srs.example", rcpts, 1);
	assert_string_equal(relays.jobs[i + 3].sender, "x@srs.example");
}

static struct fake_answer
try_rcpt(struct fake *f, const char *rcpt)
{
	struct fake_answer a = fake_open(f, 0, "", 0, SLICE_NONE), r;

	r = fake_rcpt(f, 0, a.msg, rcpt);
	fake_abort(f, 0, a.msg);
	return r;
}

static void
test_back(void **state)
{
	static const char *const rcpts[] = { "away@example.test" };
	struct fake *f = *state;
	const char *back[1];
	char made[64], forged[64];

	send_to(f, "alice@else.example", rcpts, 1);
	memcpy(made, relays.jobs[0].sender, sizeof(made));
	back[0] = made;
	send_to(f, "", back, 1);
	assert_string_equal(job_to("alice@else.example")->sender, "");
	/* a person who writes there is forwarded, too */
	send_to(f, "bob@third.example", back, 1);
	assert_non_null(strstr(relays.jobs[2].sender, "=third.example=bob@example.test"));
	/* whatever the domain of ours */
	f->q.srs_domain = "other.example";
	assert_int_equal(try_rcpt(f, made).type, IPC_MSG_queue_rcpt_ok);
	memcpy(forged, made, sizeof(forged));
	forged[5] = made[5] == 'A' ? 'B' : 'A';
	assert_string_equal(try_rcpt(f, forged).dsn, "5.1.1");
	assert_int_equal(try_rcpt(f, forged).refused, ERR_NOTFOUND);
	assert_string_equal(try_rcpt(f, "SRS0=x@example.test").dsn, "5.1.1");
	assert_string_equal(try_rcpt(f, "SRS0=AAAAAA=AA=b=c@far.example").dsn, "5.7.1");
	loop_advance(f->loop, 21ull * DAY_MS);
	assert_int_equal(try_rcpt(f, made).type, IPC_MSG_queue_rcpt_ok);
	loop_advance(f->loop, DAY_MS);
	assert_string_equal(try_rcpt(f, made).dsn, "5.7.1");
	assert_int_equal(try_rcpt(f, made).refused, ERR_DENIED);
	f->q.srs.has_keys = false;
	assert_string_equal(try_rcpt(f, made).dsn, "4.3.0");
	f->q.srs_domain = "example.test";
	{
		struct fake_answer a = fake_open(f, 0, "y@else.example", 0, SLICE_NONE);

		assert_string_equal(fake_rcpt(f, 0, a.msg, "away@example.test").dsn, "4.3.0");
		assert_int_equal(fake_rcpt(f, 0, a.msg, "bob@example.test").type,
		    IPC_MSG_queue_rcpt_ok);
		fake_abort(f, 0, a.msg);
	}
}

/* What the other host refuses, the sender hears of: not his rewritten self. */
static void
test_bounced(void **state)
{
	static const char *const rcpts[] = { "away@example.test" };
	struct fake *f = *state;
	const struct fake_relay_job *j;

	relays.mode = RELAY_SAYS_PERM;
	send_to(f, "alice@else.example", rcpts, 1);
	j = job_to("alice@else.example");
	assert_string_equal(j->sender, "");
	assert_non_null(strstr(j->body, "To: <alice@else.example>"));
	/* It comes back rewritten by us, unchanged: the sender hears of that, too. */
	{
		const char *const list[] = { "away@example.test" };
		char made[64];

		memcpy(made, relays.jobs[0].sender, sizeof(made));
		relays.job_count = 0;
		send_to(f, made, list, 1);
		assert_string_equal(job_to("x@far.example")->sender, made);
		assert_string_equal(job_to("alice@else.example")->sender, "");
	}
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_rewritten),
		T(test_routed),
		T(test_kept),
		T(test_back),
		T(test_bounced),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
