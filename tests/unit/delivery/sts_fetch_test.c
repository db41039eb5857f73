/* SPDX-License-Identifier: ISC */
/*
 * A policy that cannot be fetched: no host, nobody there, hosts that say
 * nothing, go away or speak no TLS.  What can be is in peers/test_sts.py.
 */
#include "tests/unit/test.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "delivery/https_call.h"
#include "delivery/sts_fetch.h"
#include "tests/unit/delivery/fake_dns.h"

enum server { SILENT, CLOSES, TALKS };

struct world {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	int			 fd;		/* listens */
	uint16_t		 port;
	enum server		 server;
	struct loop_poll	*poll;
	int			 client;	/* -1: none */
	struct timer		 limit;
	/* what came */
	unsigned		 answers;
	enum err		 e;
	enum tls_failure	 failure;
	char			 why[200];
};

static void
on_connect(void *arg, int events)
{
	struct world *w = arg;

	(void)events;
	if (w->client >= 0)
		(void)close(w->client);
	w->client = accept(w->fd, NULL, NULL);
	assert_true(w->client >= 0);
	if (w->server == TALKS)
		assert_int_equal(send(w->client, "HTTP/1.1 200 OK\r\n", 17, MSG_NOSIGNAL), 17);
	if (w->server == CLOSES) {
		(void)close(w->client);
		w->client = -1;
	}
}

static void
on_limit(void *arg)
{
	(void)arg;
	fail_msg("not done in time");
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	*state = w;
	fake_dns_clear();
	fake_dns_addr("mta-sts.there.example", "127.0.0.1", false);
	w->loop = loop_new();
	w->dns = dns_new(w->loop, NULL);
	w->tls = tls_client_ctx_new(w->loop, 10);
	w->client = -1;
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(w->fd, 10), 0);
	assert_int_equal(getsockname(w->fd, (struct sockaddr *)&a, &n), 0);
	w->port = ntohs(a.sin_port);
	w->poll = loop_poll_new(w->loop, w->fd, on_connect, w);
	loop_poll_set(w->poll, LOOP_READ);
	timer_init(&w->limit, w->loop, on_limit, w);
	return 0;
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

static int
teardown(void **state)
{
	struct world *w = *state;

	timer_stop(&w->limit);
	run_for(w, 10);
	loop_poll_free(&w->poll);
	(void)close(w->fd);
	if (w->client >= 0)
		(void)close(w->client);
	tls_client_ctx_free(&w->tls);
	dns_free(&w->dns);
	loop_free(&w->loop);
	free(w);
	return 0;
}

static void
on_fetched(void *arg, const struct sts_fetch_result *r)
{
	struct world *w = arg;

	w->answers++;
	w->e = r->e;
	w->failure = r->failure;
	assert_null(r->policy);
	assert_true(slice_to_cstr(slice_str(r->why), w->why, sizeof(w->why)));
	loop_stop(w->loop);
}

static struct sts_fetch *
begin(struct world *w, const char *domain)
{
	struct sts_fetch_params p = { .loop = w->loop, .dns = w->dns, .tls = w->tls,
	    .domain = slice_str(domain), .port = w->port };
	struct sts_fetch *f = sts_fetch_new(&p, on_fetched, w);

	assert_int_equal(w->answers, 0);
	return f;
}

static void
end(struct world *w, enum err e, const char *why)
{
	timer_set(&w->limit, loop_now(w->loop) + 20000);
	while (w->answers == 0)
		loop_run(w->loop);
	timer_stop(&w->limit);
	assert_int_equal(w->e, e);
	assert_int_equal(w->failure, TLS_FAILURE_STS_FETCH);
	if (why != NULL)
		assert_string_equal(w->why, why);
	run_for(w, 10);
	assert_int_equal(w->answers, 1);
}

/* ---- */

static void
no_host(void **state)
{
	struct world *w = *state;

	(void)begin(w, "else.example");
	end(w, ERR_NOTFOUND, "Host mta-sts.else.example not found");
}

static void
no_name(void **state)
{
	struct world *w = *state;
	char domain[260];

	memset(domain, 'a', sizeof(domain) - 1);
	domain[sizeof(domain) - 1] = '\0';
	(void)begin(w, domain);
	end(w, ERR_SYNTAX, NULL);
}

static void
nobody_there(void **state)
{
	struct world *w = *state;

	fake_dns_clear();
	fake_dns_addr("mta-sts.there.example", "127.0.0.9", false);
	(void)begin(w, "there.example");
	end(w, ERR_GONE, "Connection refused");
}

static void
goes_away(void **state)
{
	struct world *w = *state;

	w->server = CLOSES;
	(void)begin(w, "there.example");
	timer_set(&w->limit, loop_now(w->loop) + 20000);
	while (w->answers == 0)
		loop_run(w->loop);
	assert_int_not_equal(w->e, ERR_OK);
	assert_int_equal(w->failure, TLS_FAILURE_STS_FETCH);
}

static void
no_tls(void **state)
{
	struct world *w = *state;

	w->server = TALKS;
	(void)begin(w, "there.example");
	end(w, ERR_CRYPTO, NULL);
}

static void
silent(void **state)
{
	struct world *w = *state;

	(void)begin(w, "there.example");
	run_for(w, 50);
	assert_true(w->client >= 0);
	assert_int_equal(w->answers, 0);
	loop_advance(w->loop, HTTPS_CALL_MS);
	end(w, ERR_TIMEOUT, NULL);
}

/* After some turns of the loop, at every stage: nobody is told. */
static void
cancelled(void **state)
{
	struct world *w = *state;

	for (unsigned ms = 0; ms < 12; ms++) {
		struct sts_fetch *f = begin(w, "there.example");

		if (ms > 0)
			run_for(w, ms - 1);
		sts_fetch_cancel(&f);
		assert_null(f);
		sts_fetch_cancel(&f);
	}
	run_for(w, 50);
	assert_int_equal(w->answers, 0);
	assert_int_equal(tls_client_ctx_handshakes(w->tls), 0);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(no_host), TEST(no_name), TEST(nobody_there), TEST(goes_away), TEST(no_tls),
		TEST(silent), TEST(cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
