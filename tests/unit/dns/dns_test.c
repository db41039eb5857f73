/* SPDX-License-Identifier: ISC */
/*
 * The resolver against scripted servers on loopback, in one loop.
 */
#include "lib/dns/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/dns/dns_msg.h"
#include "tests/unit/dns/fake_dns.h"
#include "tests/unit/test.h"

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/dns/dns_query.h"

#define NEVER	(UINT64_MAX / 2)
#define SERVERS	2
#define TIMEOUT_MS	100000	/* passes only where a test says so */

struct bed {
	struct loop	*loop;
	struct dns	*dns;
	struct dns_config config;
	struct fake_dns	 server[SERVERS];
	struct buf	 m;
};

struct ask {
	struct bed	*bed;
	struct dns_ticket *ticket;
	struct dns_answer *answer;
	unsigned	 calls;
};

static struct bed *bed;		/* of the test that runs, for the scripts */

static void
bed_init(struct bed *b, unsigned servers, fake_dns_fn *script)
{
	memset(b, 0, sizeof(*b));
	b->loop = loop_new();
	buf_init(&b->m, 1u << 20);
	b->config = (struct dns_config){
		.server_count = servers, .timeout_ms = TIMEOUT_MS, .attempts = 2,
		.cache_limit = 100, .cache_min_ms = 5000,
		.cache_max_ms = 3600000, .cache_negative_ms = 60000,
	};
	for (unsigned i = 0; i < SERVERS; i++) {
		fake_dns_init(&b->server[i], b->loop, script);
		b->config.servers[i] = b->server[i].addr;
	}
	b->dns = dns_new(b->loop, &b->config);
	bed = b;
}

static void
bed_fini(struct bed *b)
{
	dns_free(&b->dns);
	for (unsigned i = 0; i < SERVERS; i++)
		fake_dns_fini(&b->server[i]);
	loop_free(&b->loop);
	buf_fini(&b->m);
}

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct ask *k = arg;

	assert_null(k->ticket);
	k->calls++;
	dns_answer_unref(&k->answer);
	k->answer = dns_answer_ref(a);
	loop_stop(k->bed->loop);
}

static void
ask_until(struct bed *b, struct ask *k, const char *name, enum dns_type type,
    uint64_t deadline_ms)
{
	*k = (struct ask){ .bed = b };
	assert_int_equal(dns_ask(b->dns, slice_str(name), type, deadline_ms,
	    on_answer, k, &k->ticket), ERR_OK);
	assert_non_null(k->ticket);
	assert_int_equal(k->calls, 0);	/* never from inside */
}

static void
ask(struct bed *b, struct ask *k, const char *name)
{
	ask_until(b, k, name, DNS_A, NEVER);
}

static void
finish(struct ask *k)
{
	while (k->calls == 0)
		loop_run(k->bed->loop);
	assert_int_equal(k->calls, 1);
}

static void
assert_failed(struct ask *k, const char *reason)
{
	assert_int_equal(k->answer->status, DNS_SERVFAIL);
	assert_string_equal(k->answer->reason, reason);
	dns_answer_unref(&k->answer);
}

/* The one address that it has. */
static void
assert_address(struct ask *k, unsigned last_byte)
{
	assert_int_equal(k->answer->status, DNS_OK);
	assert_int_equal(k->answer->count, 1);
	assert_int_equal(k->answer->records[0].addr.ip[15], last_byte);
	dns_answer_unref(&k->answer);
}

/* One turn of the loop without waiting. */
static void
stop(void *arg)
{
	loop_stop(arg);
}

static void
turn(struct bed *b)
{
	struct loop_idle i;

	loop_idle_init(&i, stop, b->loop);
	for (int n = 0; n < 3; n++) {
		loop_defer(b->loop, &i);
		loop_run(b->loop);
	}
}

/* ---- scripts ---- */

static struct slice
make_a(struct fake_dns *f, unsigned last_byte)
{
	char name[256];

	buf_reset(&bed->m);
	dns_msg_begin(&bed->m, buf_slice(&f->query), MSG_OK | MSG_AD);
	(void)dns_msg_asked(buf_slice(&f->query), name);
	dns_msg_a(&bed->m, name, 60, last_byte);
	return buf_slice(&bed->m);
}

static void
say_a(struct fake_dns *f)
{
	fake_dns_reply(f, make_a(f, 7));
}

static void
say_negative(struct fake_dns *f)
{
	buf_reset(&bed->m);
	dns_msg_begin(&bed->m, buf_slice(&f->query), MSG_OK | MSG_AD | 3);
	dns_msg_soa(&bed->m, "example", 100, 30);
	fake_dns_reply(f, buf_slice(&bed->m));
}

static void
say_servfail(struct fake_dns *f)
{
	buf_reset(&bed->m);
	dns_msg_begin(&bed->m, buf_slice(&f->query), MSG_OK | 2);
	fake_dns_reply(f, buf_slice(&bed->m));
}

static void
say_nothing(struct fake_dns *f)
{
	(void)f;
}

static void
say_truncated(struct fake_dns *f)
{
	if (f->is_tcp) {
		fake_dns_reply(f, make_a(f, 9));
		return;
	}
	buf_reset(&bed->m);
	dns_msg_begin(&bed->m, buf_slice(&f->query), MSG_OK | MSG_TC);
	fake_dns_reply(f, buf_slice(&bed->m));
}

/* ---- the cache and the AD bit ---- */

static void
positive_cache(void **state)
{
	struct dns_counts c;
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_a);
	ask(&b, &k, "H.Example.");
	finish(&k);
	assert_slice(k.answer->name, "h.example");
	assert_false(k.answer->is_secure);	/* the resolver is not trusted */
	assert_address(&k, 7);
	ask(&b, &k, "h.example");
	finish(&k);
	assert_address(&k, 7);
	assert_int_equal(b.server[0].udp_count, 1);
	loop_advance(b.loop, 30000);
	ask(&b, &k, "h.example");
	finish(&k);
	assert_address(&k, 7);
	assert_int_equal(b.server[0].udp_count, 1);
	loop_advance(b.loop, 30000);
	ask(&b, &k, "h.example");
	finish(&k);
	assert_address(&k, 7);
	assert_int_equal(b.server[0].udp_count, 2);
	c = dns_counts(b.dns);
	assert_int_equal(c.asked, 4);
	assert_int_equal(c.from_cache, 2);
	assert_int_equal(c.sent, 2);
	bed_fini(&b);
}

/*
 * How long an answer is kept under those bounds, in milliseconds.  The clock
 * of the loop also moves by itself, hence no closer look than half of it.
 */
static void
assert_kept(struct bed *b, unsigned serial, uint64_t ms)
{
	char name[32];
	struct ask k;
	unsigned before;

	(void)snprintf(name, sizeof(name), "kept%u.example", serial);
	ask(b, &k, name);
	finish(&k);
	dns_answer_unref(&k.answer);
	before = b->server[0].udp_count;
	if (ms > 0) {
		loop_advance(b->loop, ms / 2);
		ask(b, &k, name);
		finish(&k);
		dns_answer_unref(&k.answer);
		assert_int_equal(b->server[0].udp_count, before);
		loop_advance(b->loop, ms / 2);
	}
	ask(b, &k, name);
	finish(&k);
	dns_answer_unref(&k.answer);
	assert_int_equal(b->server[0].udp_count, before + 1);
}

static void
bounds_of_the_cache(void **state)
{
	struct bed b;

	(void)state;
	bed_init(&b, 1, say_negative);
	assert_kept(&b, 1, 30000);		/* the SOA's minimum */
	b.config.cache_negative_ms = 10000;
	dns_set_config(b.dns, &b.config);
	assert_kept(&b, 2, 10000);
	b.config.cache_negative_ms = 0;
	dns_set_config(b.dns, &b.config);
	assert_kept(&b, 3, 0);
	b.server[0].script = say_a;
	b.config.cache_min_ms = 90000;
	dns_set_config(b.dns, &b.config);
	assert_kept(&b, 4, 90000);
	b.config.cache_min_ms = 0;
	b.config.cache_max_ms = 2000;
	dns_set_config(b.dns, &b.config);
	assert_kept(&b, 5, 2000);
	b.config.cache_limit = 0;
	dns_set_config(b.dns, &b.config);
	assert_kept(&b, 6, 0);
	bed_fini(&b);
}

static void
failures_are_kept_shortly(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 2, say_servfail);
	ask(&b, &k, "broken.example");
	finish(&k);
	assert_failed(&k, "the server failed");
	assert_int_equal(b.server[0].udp_count, 2);	/* attempts */
	assert_int_equal(b.server[1].udp_count, 2);
	loop_advance(b.loop, DNS_FAILURE_MS / 2);
	ask(&b, &k, "broken.example");
	finish(&k);
	assert_failed(&k, "the server failed");
	assert_int_equal(b.server[0].udp_count, 2);
	loop_advance(b.loop, DNS_FAILURE_MS / 2);
	b.server[0].script = b.server[1].script = say_a;
	ask(&b, &k, "broken.example");
	finish(&k);
	assert_address(&k, 7);
	bed_fini(&b);
}

/* The AD bit counts only from a resolver that was declared trusted. */
static void
trust(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_a);
	for (unsigned i = 0; i < 4; i++) {
		b.config.is_trusted = i % 2 == 1;
		dns_set_config(b.dns, &b.config);	/* empties the cache */
		ask(&b, &k, "h.example");
		finish(&k);
		assert_true(k.answer->is_secure == b.config.is_trusted);
		assert_int_equal(b.server[0].udp_count, i + 1);
		dns_answer_unref(&k.answer);
	}
	b.server[0].script = say_negative;
	ask(&b, &k, "no.example");
	finish(&k);
	assert_true(k.answer->is_secure);	/* absence that is proven */
	dns_answer_unref(&k.answer);
	bed_fini(&b);
}

/* ---- what may come instead of an answer ---- */

static void
say_wrong_then_right(struct fake_dns *f)
{
	struct slice right = make_a(f, 66);
	char *p = buf_data(&bed->m);

	fake_dns_forge(f, right);		/* another port */
	p[1] ^= 1;				/* another id */
	fake_dns_reply(f, right);
	p[1] ^= 1;
	p[13] ^= 1;				/* another question */
	fake_dns_reply(f, right);
	p[13] ^= 1;
	fake_dns_reply(f, slice_head(right, 5));
	fake_dns_reply(f, SLICE_LIT("garbage, and long enough for a header"));
	fake_dns_reply(f, SLICE_NONE);
	fake_dns_reply(f, make_a(f, 7));
}

static void
only_the_right_answer(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_wrong_then_right);
	ask(&b, &k, "h.example");
	finish(&k);
	assert_address(&k, 7);
	assert_int_equal(dns_counts(b.dns).sent, 1);
	bed_fini(&b);
}

/* RFC 5452 s9.2: neither id nor port is to be guessed, nor used again. */
static void
ids_and_ports(void **state)
{
	enum { COUNT = 40 };
	unsigned ids[COUNT], ports[COUNT], odd_ports = 0, same = 0;
	char name[32];
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_a);
	for (unsigned i = 0; i < COUNT; i++) {
		(void)snprintf(name, sizeof(name), "h%u.example", i);
		ask(&b, &k, name);
		finish(&k);
		assert_address(&k, 7);
		ids[i] = (unsigned)(unsigned char)buf_data(&b.server[0].query)[0] << 8 |
		    (unsigned char)buf_data(&b.server[0].query)[1];
		ports[i] = ntohs(b.server[0].from.sin_port);
		assert_true(ports[i] >= 1024);
		/* the kernel by itself takes those between */
		odd_ports += ports[i] < 32768 || ports[i] > 60999;
		for (unsigned j = 0; j < i; j++)
			same += ids[i] == ids[j] || ports[i] == ports[j];
	}
	assert_true(odd_ports > 0);
	assert_true(same <= 3);		/* by chance */
	bed_fini(&b);
}

static unsigned stray_count;

static void
say_strays(struct fake_dns *f)
{
	struct slice m = make_a(f, 66);

	if (f->is_tcp) {
		fake_dns_reply(f, make_a(f, 7));
		return;
	}
	buf_data(&bed->m)[0] ^= 1;
	for (unsigned i = 0; i < stray_count; i++)
		fake_dns_reply(f, m);
	if (stray_count <= DNS_STRAYS_MAX)
		fake_dns_reply(f, make_a(f, 8));
}

static void
say_strays_only(struct fake_dns *f)
{
	struct slice m = make_a(f, 66);

	buf_data(&bed->m)[0] ^= 1;
	for (unsigned i = 0; i < DNS_STRAYS_MAX; i++)
		fake_dns_reply(f, m);
}

/* Each try has its own count: this is bad luck with two servers. */
static void
strays_of_each_try(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 2, say_strays_only);
	b.server[1].script = say_strays;
	stray_count = DNS_STRAYS_MAX;
	ask(&b, &k, "a.example");
	while (b.server[0].udp_count == 0)
		turn(&b);
	for (unsigned i = 0; i < DNS_STRAYS_MAX + 2; i++)
		turn(&b);
	loop_advance(b.loop, TIMEOUT_MS);
	finish(&k);
	assert_address(&k, 8);
	assert_int_equal(dns_counts(b.dns).over_tcp, 0);
	bed_fini(&b);
}

static void
guessing_ends_in_tcp(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_strays);
	stray_count = DNS_STRAYS_MAX;
	ask(&b, &k, "a.example");
	finish(&k);
	assert_address(&k, 8);
	stray_count = DNS_STRAYS_MAX + 1;
	ask(&b, &k, "b.example");
	finish(&k);
	assert_address(&k, 7);
	assert_int_equal(b.server[0].tcp_count, 1);
	bed_fini(&b);
}

static void
say_formerr_to_edns(struct fake_dns *f)
{
	if (buf_data(&f->query)[11] == 0) {	/* no OPT record */
		say_a(f);
		return;
	}
	buf_reset(&bed->m);
	dns_msg_begin(&bed->m, buf_slice(&f->query), MSG_OK | 1);
	fake_dns_reply(f, buf_slice(&bed->m));
}

static void
without_edns(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_formerr_to_edns);
	ask(&b, &k, "h.example");
	finish(&k);
	assert_address(&k, 7);
	assert_int_equal(b.server[0].udp_count, 2);
	bed_fini(&b);
}

static void
say_malformed(struct fake_dns *f)
{
	struct slice m = make_a(f, 7);

	fake_dns_reply(f, slice_head(m, m.n - 1));
}

static void
malformed_goes_to_the_next(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 2, say_malformed);
	b.server[1].script = say_a;
	ask(&b, &k, "h.example");
	finish(&k);
	assert_address(&k, 7);
	assert_int_equal(b.server[0].udp_count, 1);
	b.server[1].script = say_malformed;
	ask(&b, &k, "g.example");
	finish(&k);
	assert_failed(&k, "malformed answer");
	bed_fini(&b);
}

/* ---- silence ---- */

static void
second_server_after_silence(void **state)
{
	struct bed b;
	struct ask k;
	struct slice late;

	(void)state;
	bed_init(&b, 2, NULL);
	ask(&b, &k, "h.example");
	loop_run(b.loop);		/* the first has the query */
	assert_int_equal(b.server[0].udp_count, 1);
	loop_advance(b.loop, TIMEOUT_MS / 2);
	turn(&b);
	assert_int_equal(b.server[1].udp_count, 0);
	loop_advance(b.loop, TIMEOUT_MS / 2);
	loop_run(b.loop);
	assert_int_equal(b.server[1].udp_count, 1);
	assert_int_equal(k.calls, 0);
	late = make_a(&b.server[0], 66);	/* nobody listens any more */
	fake_dns_reply(&b.server[0], late);
	turn(&b);
	assert_int_equal(k.calls, 0);
	fake_dns_reply(&b.server[1], make_a(&b.server[1], 7));
	finish(&k);
	assert_address(&k, 7);
	bed_fini(&b);
}

static void
all_silent(void **state)
{
	struct bed b;
	struct ask k;
	char log[1024];
	unsigned lines = 0;
	int ends[2];
	ssize_t n;

	(void)state;
	bed_init(&b, 2, NULL);
	assert_int_equal(pipe(ends), 0);
	log_to_fd(ends[1]);
	ask(&b, &k, "h.example");
	for (unsigned i = 0; i < 4; i++) {
		loop_run(b.loop);
		assert_int_equal(b.server[i % 2].udp_count, 1 + i / 2);
		loop_advance(b.loop, TIMEOUT_MS);
	}
	finish(&k);
	assert_failed(&k, "timed out");
	/* said once for each, and again when it answers */
	b.server[0].script = b.server[1].script = say_a;
	loop_advance(b.loop, DNS_FAILURE_MS);
	ask(&b, &k, "h.example");
	finish(&k);
	assert_address(&k, 7);
	log_to_fd(2);
	(void)close(ends[1]);
	n = read(ends[0], log, sizeof(log) - 1);
	(void)close(ends[0]);
	assert_true(n > 0);
	log[n] = '\0';
	assert_non_null(strstr(log, "resolver server=[127.0.0.1]:"));
	assert_non_null(strstr(log, "state=down reason=\"timed out\""));
	assert_non_null(strstr(log, "state=up"));
	for (char *p = log; (p = strstr(p, "resolver server=")) != NULL; p++)
		lines++;
	assert_int_equal(lines, 3);	/* two down, the one asked up */
	bed_fini(&b);
}

static void
deadlines(void **state)
{
	struct bed b;
	struct ask k, longer;
	uint64_t now;

	(void)state;
	bed_init(&b, 1, NULL);
	now = loop_now(b.loop);
	ask_until(&b, &k, "h.example", DNS_A, now + 30000);
	ask_until(&b, &longer, "h.example", DNS_A, now + 90000);
	loop_run(b.loop);
	loop_advance(b.loop, 30000);
	finish(&k);
	assert_failed(&k, "timed out");
	assert_int_equal(longer.calls, 0);
	/* the question lived on for the other */
	fake_dns_reply(&b.server[0], make_a(&b.server[0], 7));
	finish(&longer);
	assert_address(&longer, 7);
	assert_int_equal(b.server[0].udp_count, 1);
	/* a deadline that passed is not a failure of the name: nothing is kept */
	ask_until(&b, &k, "g.example", DNS_A, loop_now(b.loop) + 30000);
	loop_run(b.loop);
	loop_advance(b.loop, 30000);
	finish(&k);
	assert_failed(&k, "timed out");
	b.server[0].script = say_a;
	ask(&b, &k, "g.example");
	finish(&k);
	assert_address(&k, 7);
	bed_fini(&b);
}

static void
nobody_there(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_nothing);
	/* its port is closed: the kernel says so, nothing is waited for */
	loop_poll_free(&b.server[0].udp_poll);
	(void)close(b.server[0].udp);
	b.server[0].udp = -1;
	log_to_fd(-1);
	ask(&b, &k, "h.example");
	finish(&k);
	log_to_fd(2);
	assert_failed(&k, "the server cannot be reached");
	b.config.server_count = 0;
	dns_set_config(b.dns, &b.config);
	ask(&b, &k, "h.example");
	finish(&k);
	assert_failed(&k, "no server");
	bed_fini(&b);
}

/* Without descriptors it is no server's fault, and passes. */
static void
no_descriptors(void **state)
{
	struct rlimit was, none;
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_a);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ask(&b, &k, "h.example");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	finish(&k);
	assert_failed(&k, "no socket");
	assert_int_equal(dns_counts(b.dns).sent, 0);
	loop_advance(b.loop, DNS_FAILURE_MS);
	ask(&b, &k, "h.example");
	finish(&k);
	assert_address(&k, 7);
	bed_fini(&b);
}

/* ---- TCP ---- */

static void
truncated_then_tcp(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_truncated);
	ask(&b, &k, "h.example");
	finish(&k);
	assert_address(&k, 9);
	assert_int_equal(b.server[0].udp_count, 1);
	assert_int_equal(b.server[0].tcp_count, 1);
	assert_int_equal(dns_counts(b.dns).over_tcp, 1);
	bed_fini(&b);
}

static size_t drip_first;

static void
say_drip(struct fake_dns *f)
{
	if (f->is_tcp)
		fake_dns_drip(f, make_a(f, 9), drip_first);
	else
		say_truncated(f);
}

static void
tcp_in_pieces(void **state)
{
	char name[32];
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_drip);
	for (drip_first = 0; drip_first < 60; drip_first++) {
		(void)snprintf(name, sizeof(name), "h%zu.example", drip_first);
		ask(&b, &k, name);
		finish(&k);
		assert_address(&k, 9);
	}
	bed_fini(&b);
}

static void
say_hang_up(struct fake_dns *f)
{
	struct slice m;

	if (!f->is_tcp) {
		say_truncated(f);
		return;
	}
	m = make_a(f, 9);
	fake_dns_drip(f, m, m.n);	/* two bytes less than all */
	fake_dns_hang_up(f);
}

static void
say_other_question(struct fake_dns *f)
{
	struct slice m;

	if (!f->is_tcp) {
		say_truncated(f);
		return;
	}
	m = make_a(f, 9);
	buf_data(&bed->m)[13] ^= 1;
	fake_dns_reply(f, m);
}

static void
say_empty(struct fake_dns *f)
{
	if (f->is_tcp)
		fake_dns_reply(f, SLICE_NONE);
	else
		say_truncated(f);
}

static void
tcp_that_fails(void **state)
{
	static const struct { fake_dns_fn *script; const char *reason; } rows[] = {
		{ say_hang_up, "the server closed the connection" },
		{ say_other_question, "an answer to another question" },
		{ say_empty, "an answer to another question" },
	};
	char name[32];
	struct bed b;
	struct ask k;

	(void)state;
	log_to_fd(-1);
	for (size_t i = 0; i < lengthof(rows); i++) {
		bed_init(&b, 2, rows[i].script);
		(void)snprintf(name, sizeof(name), "h%zu.example", i);
		ask(&b, &k, name);
		finish(&k);
		assert_failed(&k, rows[i].reason);
		assert_int_equal(b.server[1].tcp_count, 2);
		bed_fini(&b);
	}
	log_to_fd(2);
}

/* Nothing but a closed port over TCP. */
static void
tcp_refused(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_truncated);
	loop_poll_free(&b.server[0].tcp_poll);
	(void)close(b.server[0].tcp);
	b.server[0].tcp = -1;
	ask(&b, &k, "h.example");
	log_to_fd(-1);
	finish(&k);
	log_to_fd(2);
	assert_failed(&k, "the server cannot be reached over TCP");
	bed_fini(&b);
}

static void
say_longest(struct fake_dns *f)
{
	struct buf text;
	char name[256];

	if (!f->is_tcp) {
		say_truncated(f);
		return;
	}
	buf_init(&text, 65536);
	buf_reset(&bed->m);
	dns_msg_begin(&bed->m, buf_slice(&f->query), MSG_OK);
	(void)dns_msg_asked(buf_slice(&f->query), name);
	while (bed->m.n + strlen(name) + 12 + text.n < 65535 - 256) {
		buf_put_char(&text, (char)255);
		for (unsigned i = 0; i < 255; i++)
			buf_put_char(&text, 'x');
	}
	dns_msg_rr(&bed->m, MSG_AN, name, 16, 60, buf_slice(&text));
	fake_dns_drip(f, buf_slice(&bed->m), 60000);
	buf_fini(&text);
}

static void
longest_message(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_longest);
	ask_until(&b, &k, "long.example", DNS_TXT, NEVER);
	finish(&k);
	assert_int_equal(k.answer->status, DNS_OK);
	assert_true(k.answer->records[0].data.n > 64000);
	dns_answer_unref(&k.answer);
	bed_fini(&b);
}

/* ---- aliases that lead elsewhere ---- */

static unsigned alias_length;

/* a0 -> a1 -> ... each in an answer of its own. */
static void
say_alias(struct fake_dns *f)
{
	char name[256], target[32];
	unsigned n;

	buf_reset(&bed->m);
	dns_msg_begin(&bed->m, buf_slice(&f->query), MSG_QR | MSG_AA | MSG_AD);
	(void)dns_msg_asked(buf_slice(&f->query), name);
	n = (unsigned)strtoul(name + 1, NULL, 10);
	(void)snprintf(target, sizeof(target), "a%u.example", n + 1);
	if (n < alias_length)
		dns_msg_cname(&bed->m, name, 40 - n, target);
	else
		dns_msg_a(&bed->m, name, 60, 5);
	if (n == 1 || n == 30)	/* steps that are not secure */
		buf_data(&bed->m)[3] = (char)(buf_data(&bed->m)[3] & ~MSG_AD);
	fake_dns_reply(f, buf_slice(&bed->m));
}

static void
aliases_are_followed(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_alias);
	b.config.is_trusted = true;
	dns_set_config(b.dns, &b.config);
	alias_length = 1;
	ask(&b, &k, "a0.example");
	finish(&k);
	assert_false(k.answer->is_secure);
	assert_true(k.answer->is_alias);
	assert_slice(k.answer->name, "a1.example");
	assert_int_equal(k.answer->ttl_s, 40);
	assert_address(&k, 5);
	alias_length = 31;		/* the end is secure, the way was not */
	ask(&b, &k, "a30.example");
	finish(&k);
	assert_slice(k.answer->name, "a31.example");
	assert_false(k.answer->is_secure);
	assert_address(&k, 5);
	alias_length = DNS_ALIASES_MAX + 2;
	ask(&b, &k, "a2.example");	/* as many as may be; all are secure */
	finish(&k);
	assert_true(k.answer->is_secure);
	assert_int_equal(k.answer->ttl_s, 40 - 17);
	assert_address(&k, 5);
	alias_length++;
	ask(&b, &k, "A2.example.");	/* from the cache */
	finish(&k);
	assert_address(&k, 5);
	dns_set_config(b.dns, &b.config);
	loop_advance(b.loop, 60000);
	ask(&b, &k, "a2.example");
	finish(&k);
	assert_failed(&k, "too many aliases");
	bed_fini(&b);
}

/* ---- several at once ---- */

static void
merged(void **state)
{
	struct bed b;
	struct ask k[3], other;

	(void)state;
	bed_init(&b, 1, NULL);
	for (unsigned i = 0; i < 3; i++)
		ask(&b, &k[i], i == 1 ? "H.EXAMPLE" : "h.example");
	dns_cancel(&k[0].ticket);	/* the others still want it */
	assert_null(k[0].ticket);
	loop_run(b.loop);
	fake_dns_reply(&b.server[0], make_a(&b.server[0], 7));
	finish(&k[1]);
	finish(&k[2]);
	assert_address(&k[1], 7);
	assert_address(&k[2], 7);
	assert_int_equal(k[0].calls, 0);
	assert_int_equal(b.server[0].udp_count, 1);
	assert_int_equal(dns_counts(b.dns).merged, 2);
	ask_until(&b, &other, "h.example", DNS_MX, NEVER);	/* another question */
	loop_run(b.loop);
	assert_int_equal(b.server[0].udp_count, 2);
	dns_cancel(&other.ticket);
	bed_fini(&b);
}

static struct ask *victim;

static void
on_answer_cancel_other(void *arg, const struct dns_answer *a)
{
	on_answer(arg, a);
	dns_cancel(&victim->ticket);
}

static void
on_answer_ask_again(void *arg, const struct dns_answer *a)
{
	struct ask *k = arg;

	on_answer(k, a);
	if (k->calls == 1)
		assert_int_equal(dns_ask(k->bed->dns, a->name, DNS_A, NEVER,
		    on_answer_ask_again, k, &k->ticket), ERR_OK);
}

static void
cancelled_at_each_moment(void **state)
{
	struct bed b;
	struct ask k, first;

	(void)state;
	bed_init(&b, 1, NULL);
	ask(&b, &k, "a.example");		/* before anything was sent */
	dns_cancel(&k.ticket);
	dns_cancel(&k.ticket);			/* legal */
	ask(&b, &k, "b.example");		/* the server has it */
	do
		loop_run(b.loop);
	while (b.server[0].udp_count < 2);
	dns_cancel(&k.ticket);
	fake_dns_reply(&b.server[0], make_a(&b.server[0], 7));
	turn(&b);
	ask(&b, &k, "c.example");		/* the answer is in the socket */
	loop_run(b.loop);
	fake_dns_reply(&b.server[0], make_a(&b.server[0], 7));
	dns_cancel(&k.ticket);
	turn(&b);
	assert_int_equal(k.calls, 0);
	/* ready, but another comes first and cancels it */
	first = (struct ask){ .bed = &b };
	assert_int_equal(dns_ask(b.dns, SLICE_LIT("d.example"), DNS_A, NEVER,
	    on_answer_cancel_other, &first, &first.ticket), ERR_OK);
	ask(&b, &k, "d.example");
	victim = &k;
	b.server[0].script = say_a;
	finish(&first);
	turn(&b);
	assert_int_equal(k.calls, 0);
	assert_address(&first, 7);
	ask(&b, &k, "d.example");		/* in the cache, not yet told */
	dns_cancel(&k.ticket);
	turn(&b);
	assert_int_equal(k.calls, 0);
	/* within its own callback one may ask for the same again */
	k = (struct ask){ .bed = &b };
	assert_int_equal(dns_ask(b.dns, SLICE_LIT("e.example"), DNS_A, NEVER,
	    on_answer_ask_again, &k, &k.ticket), ERR_OK);
	finish(&k);
	while (k.calls < 2)
		loop_run(b.loop);
	assert_address(&k, 7);
	bed_fini(&b);
}

static void
cancelled_in_tcp(void **state)
{
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_drip);
	for (size_t turns = 0; turns < 40; turns++) {
		drip_first = 0;
		ask(&b, &k, "h.example");
		for (size_t i = 0; i < turns && k.calls == 0; i++)
			turn(&b);
		dns_cancel(&k.ticket);
		dns_answer_unref(&k.answer);
		turn(&b);
	}
	bed_fini(&b);
}

/* Freed with questions waiting, on the wire, and answered: no fn is called. */
static void
freed_with_work(void **state)
{
	struct bed b;
	struct ask k[3];

	(void)state;
	bed_init(&b, 1, say_a);
	ask(&b, &k[0], "a.example");
	finish(&k[0]);
	ask(&b, &k[1], "a.example");
	b.server[0].script = NULL;
	ask(&b, &k[2], "b.example");
	dns_free(&b.dns);
	assert_null(k[1].ticket);
	assert_null(k[2].ticket);
	turn(&b);
	assert_int_equal(k[1].calls + k[2].calls, 0);
	assert_address(&k[0], 7);
	bed_fini(&b);
}

/* ---- limits ---- */

static void
sockets_are_limited(void **state)
{
	struct ask *k = must_alloc(DNS_SOCKETS_MAX + 2, sizeof(*k));
	char name[32];
	struct bed b;

	(void)state;
	bed_init(&b, 1, say_nothing);
	for (unsigned i = 0; i < DNS_SOCKETS_MAX + 2; i++) {
		(void)snprintf(name, sizeof(name), "h%u.example", i);
		ask(&b, &k[i], name);
		turn(&b);
	}
	while (b.server[0].udp_count < DNS_SOCKETS_MAX)
		turn(&b);
	assert_int_equal(dns_counts(b.dns).sent, DNS_SOCKETS_MAX);
	/* a place is free by an answer, and by a cancel */
	b.server[0].script = say_nothing;
	fake_dns_reply(&b.server[0], make_a(&b.server[0], 7));
	finish(&k[DNS_SOCKETS_MAX - 1]);
	assert_address(&k[DNS_SOCKETS_MAX - 1], 7);
	while (b.server[0].udp_count < DNS_SOCKETS_MAX + 1)
		turn(&b);
	dns_cancel(&k[0].ticket);
	while (b.server[0].udp_count < DNS_SOCKETS_MAX + 2)
		turn(&b);
	assert_int_equal(dns_counts(b.dns).sent, DNS_SOCKETS_MAX + 2);
	bed_fini(&b);
	free(k);
}

static void
tickets_are_limited(void **state)
{
	struct dns_ticket **t = must_alloc(DNS_TICKETS_MAX + 1, sizeof(struct dns_ticket *));
	struct bed b;
	struct ask k = { 0 };

	(void)state;
	bed_init(&b, 1, say_nothing);
	for (unsigned i = 0; i < DNS_TICKETS_MAX; i++)
		assert_int_equal(dns_ask(b.dns, SLICE_LIT("h.example"), DNS_A,
		    NEVER, on_answer, &k, &t[i]), ERR_OK);
	assert_int_equal(dns_ask(b.dns, SLICE_LIT("h.example"), DNS_A, NEVER,
	    on_answer, &k, &t[DNS_TICKETS_MAX]), ERR_BUSY);
	assert_null(t[DNS_TICKETS_MAX]);
	dns_cancel(&t[0]);
	assert_int_equal(dns_ask(b.dns, SLICE_LIT("h.example"), DNS_A, NEVER,
	    on_answer, &k, &t[0]), ERR_OK);
	assert_int_equal(dns_ask(b.dns, SLICE_LIT("192.0.2.1"), DNS_A, NEVER,
	    on_answer, &k, &t[DNS_TICKETS_MAX]), ERR_SYNTAX);
	bed_fini(&b);
	free(t);
}

/* ---- reload ---- */

static void
reload_asks_the_new_servers(void **state)
{
	struct dns_config other;
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, NULL);
	ask(&b, &k, "h.example");
	loop_run(b.loop);
	assert_int_equal(b.server[0].udp_count, 1);
	dns_set_config(b.dns, &b.config);	/* nothing new */
	turn(&b);
	assert_int_equal(dns_counts(b.dns).sent, 1);
	other = b.config;
	other.servers[0] = b.config.servers[1];
	dns_set_config(b.dns, &other);
	loop_run(b.loop);
	assert_int_equal(b.server[1].udp_count, 1);
	fake_dns_reply(&b.server[0], make_a(&b.server[0], 66));
	fake_dns_reply(&b.server[1], make_a(&b.server[1], 7));
	finish(&k);
	assert_address(&k, 7);
	bed_fini(&b);
}

/* Begun again, the chain is followed from its beginning. */
static void
reload_within_aliases(void **state)
{
	struct dns_config other;
	struct bed b;
	struct ask k;

	(void)state;
	bed_init(&b, 1, say_alias);
	alias_length = DNS_ALIASES_MAX + 2;
	ask(&b, &k, "a2.example");
	while (b.server[0].udp_count < 3)
		turn(&b);
	assert_int_equal(k.calls, 0);
	other = b.config;
	other.servers[0] = b.config.servers[1];
	dns_set_config(b.dns, &other);
	finish(&k);
	assert_slice(k.answer->name, "a18.example");
	assert_address(&k, 5);
	assert_int_equal(b.server[1].udp_count, DNS_ALIASES_MAX + 1);
	bed_fini(&b);
}

/* ---- pairs ---- */

struct pair_ask {
	struct dns_pair	*pair;
	struct loop	*loop;
	unsigned	 calls;
	enum dns_status	 v4, v6;
};

static void
on_pair(void *arg, const struct dns_answer *a, const struct dns_answer *aaaa)
{
	struct pair_ask *k = arg;

	assert_null(k->pair);
	k->calls++;
	k->v4 = a->status;
	k->v6 = aaaa->status;
	loop_stop(k->loop);
}

static void
say_v4_only(struct fake_dns *f)
{
	char name[256];

	if (dns_msg_asked(buf_slice(&f->query), name) == 1)
		say_a(f);
	else
		say_negative(f);
}

static void
pairs(void **state)
{
	struct pair_ask k = { 0 };
	struct bed b;

	(void)state;
	bed_init(&b, 1, say_v4_only);
	k.loop = b.loop;
	assert_int_equal(dns_pair_ask(b.dns, SLICE_LIT("h.example"), NEVER,
	    on_pair, &k, &k.pair), ERR_OK);
	while (k.calls == 0)
		loop_run(b.loop);
	assert_int_equal(k.v4, DNS_OK);
	assert_int_equal(k.v6, DNS_NXDOMAIN);
	assert_int_equal(b.server[0].udp_count, 2);
	b.server[0].script = NULL;
	assert_int_equal(dns_pair_ask(b.dns, SLICE_LIT("g.example"), NEVER,
	    on_pair, &k, &k.pair), ERR_OK);
	loop_run(b.loop);
	fake_dns_reply(&b.server[0], make_a(&b.server[0], 7));	/* one of two */
	turn(&b);
	dns_pair_cancel(&k.pair);
	dns_pair_cancel(&k.pair);
	turn(&b);
	assert_int_equal(k.calls, 1);
	assert_int_equal(dns_pair_ask(b.dns, SLICE_LIT("not a host"), NEVER,
	    on_pair, &k, &k.pair), ERR_SYNTAX);
	assert_null(k.pair);
	assert_int_equal(dns_pair_ask(b.dns, SLICE_LIT("i.example"), NEVER,
	    on_pair, &k, &k.pair), ERR_OK);
	dns_free(&b.dns);
	dns_pair_cancel(&k.pair);
	bed_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positive_cache),
		cmocka_unit_test(bounds_of_the_cache),
		cmocka_unit_test(failures_are_kept_shortly),
		cmocka_unit_test(trust),
		cmocka_unit_test(only_the_right_answer),
		cmocka_unit_test(ids_and_ports),
		cmocka_unit_test(guessing_ends_in_tcp),
		cmocka_unit_test(strays_of_each_try),
		cmocka_unit_test(without_edns),
		cmocka_unit_test(malformed_goes_to_the_next),
		cmocka_unit_test(second_server_after_silence),
		cmocka_unit_test(all_silent),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(no_descriptors),
		cmocka_unit_test(truncated_then_tcp),
		cmocka_unit_test(tcp_in_pieces),
		cmocka_unit_test(tcp_that_fails),
		cmocka_unit_test(tcp_refused),
		cmocka_unit_test(longest_message),
		cmocka_unit_test(aliases_are_followed),
		cmocka_unit_test(merged),
		cmocka_unit_test(cancelled_at_each_moment),
		cmocka_unit_test(cancelled_in_tcp),
		cmocka_unit_test(freed_with_work),
		cmocka_unit_test(sockets_are_limited),
		cmocka_unit_test(tickets_are_limited),
		cmocka_unit_test(reload_asks_the_new_servers),
		cmocka_unit_test(reload_within_aliases),
		cmocka_unit_test(pairs),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
