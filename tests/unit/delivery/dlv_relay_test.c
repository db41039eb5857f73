/* SPDX-License-Identifier: ISC */
/*
 * Delivery to other hosts between a queue that the test plays over a socket
 * pair and hosts in the same loop.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "delivery/dlv_relay.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/ipc/queue_proto.h"
#include "tests/unit/delivery/fake_dns.h"
#include "tests/unit/delivery/fake_host.h"

#define HOSTS		3
#define RESULTS		1000
#define BODY		"From: a@here.example\r\nSubject: x\r\n\r\n.dot\r\nhello\r\n"

struct result {
	uint32_t	idx;
	enum err	error;
	char		dsn[10], text[256], host[301], reply[513];
};

struct world {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	struct dlv_relay	*relay;
	struct relay_options	 options;
	struct ipc_peer		*queue;		/* the test's end */
	struct ipc_peer		*rqueue;	/* relay's */
	struct timer		 limit;
	struct timer		 tick;
	uint64_t		 tick_ms;	/* the clock goes by this each millisecond */
	struct fake_host	 hosts[HOSTS];
	int			 log;
	/* what came */
	unsigned		 answers, want, failures;
	enum relay_feedback	 feedback;
	unsigned		 result_count;
	struct result		 results[RESULTS];
	bool			 is_drained;
};

/* ---- the queue */

static void
copy(char *dst, size_t n, struct slice s)
{
	assert_true(slice_to_cstr(s, dst, n));
}

static void
on_done(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_relay_done *m = msg;
	struct world *w = arg;
	struct ipc_reader r;
	struct ipc_relay_result one;

	(void)in;
	if (e == ERR_OK) {
		assert_int_equal(type, IPC_MSG_relay_done);
		w->feedback = (enum relay_feedback)m->feedback;
		r = ipc_reader_of(m->results);
		while (ipc_reader_more(&r)) {
			struct result *to = &w->results[w->result_count++];

			assert_true(w->result_count < RESULTS);
			ipc_relay_result_get(&r, &one);
			to->idx = one.idx;
			to->error = one.error;
			copy(to->dsn, sizeof(to->dsn), one.dsn);
			copy(to->text, sizeof(to->text), one.text);
			copy(to->host, sizeof(to->host), one.host);
			copy(to->reply, sizeof(to->reply), one.reply);
		}
		assert_int_equal(ipc_reader_done(&r), ERR_OK);
	} else {
		w->failures++;
	}
	if (++w->answers >= w->want)
		loop_stop(w->loop);
}

static int
memfd_of(const char *body)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, body, strlen(body)), (ssize_t)strlen(body));
	return fd;
}

struct job {
	const char	*site, *route, *sender, *body;
	const char	*rcpts;		/* parted by spaces */
	const char	*original;	/* of the first; NULL: the same */
	unsigned	 flags;
	uint64_t	 for_ms;	/* deadline; 0: an hour */
};

static void
give(struct world *w, struct job j)
{
	struct ipc_relay_job m = { .msg = 0x1234567, .session = 1, .form = QUEUE_FORM_MEMFD,
		.flags = (uint8_t)j.flags, .site = slice_str(j.site),
		.route = slice_str(j.route), .arrival_ms = loop_real_ms(w->loop),
		.active_ms = loop_real_ms(w->loop), .retry_ms = 36431000,
		.sender = slice_str(j.sender != NULL ? j.sender : "alice@here.example") };
	const char *body = j.body != NULL ? j.body : BODY;
	struct slice rest = slice_str(j.rcpts != NULL ? j.rcpts : "bob@there.example"), one;
	int fd = memfd_of(body);
	uint32_t idx = 7;
	struct buf b;

	buf_init(&b, 60000);
	while (rest.n > 0) {
		struct ipc_relay_rcpt r = { .idx = idx++ };

		if (r.idx == 7 && j.original != NULL)
			r.original = slice_str(j.original);
		rest = slice_cut(rest, ' ', &one);
		r.address = one;
		ipc_relay_rcpt_put(&b, &r);
	}
	m.rcpts = buf_slice(&b);
	m.size = strlen(body);
	assert_int_equal(ipc_call(w->queue, IPC_MSG_relay_job, &m, &fd, 1, loop_now(w->loop) +
	    (j.for_ms > 0 ? j.for_ms : 3600000), on_done, w, NULL), ERR_OK);
	w->want++;
	(void)close(fd);
	buf_fini(&b);
}

static void
on_tick(void *arg)
{
	struct world *w = arg;

	loop_advance(w->loop, w->tick_ms);
	timer_set(&w->tick, loop_now(w->loop) + 1);
}

/* Until all is answered. */
static void
run(struct world *w)
{
	if (w->tick_ms > 0)
		timer_set(&w->tick, loop_now(w->loop) + 1);
	else
		timer_set(&w->limit, loop_now(w->loop) + 20000);
	loop_run(w->loop);
	timer_stop(&w->limit);
	timer_stop(&w->tick);
}

static void
stop(void *arg)
{
	loop_stop(((struct world *)arg)->loop);
}

/* Some turns more. */
static void
run_for(struct world *w, uint64_t ms)
{
	struct timer t;

	timer_init(&t, w->loop, stop, w);
	timer_set(&t, loop_now(w->loop) + ms);
	loop_run(w->loop);
	timer_stop(&t);
}

static const char *
site_of(struct world *w, unsigned host)
{
	static char text[HOSTS][40];

	(void)snprintf(text[host], sizeof(text[host]), "[127.0.0.%u]:%u",
	    w->hosts[host].octet > 0 ? w->hosts[host].octet : 1, w->hosts[host].port);
	return text[host];
}

static char *
log_of(struct world *w)
{
	static char text[100000];
	ssize_t n = pread(w->log, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool
saw(const struct fake_host *h, const char *text)
{
	return slice_search(buf_slice(&h->seen), slice_str(text)) < h->seen.n;
}

/* ---- the world */

static const struct opt_section relay_section = RELAY_OPT_SECTION;
static const struct opt_section route_section = CONF_ROUTE_SECTION;

static const struct ipc_handler	no_handlers[] = { { 0, NULL } };

static void
on_job(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	dlv_relay_take(((struct world *)ipc_peer_arg(p))->relay, p, m, in);
}

static const struct ipc_handler	queue_handlers[] = { { IPC_MSG_relay_job, on_job }, { 0, NULL } };

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
on_drained(void *arg)
{
	struct world *w = arg;

	w->is_drained = true;
	loop_stop(w->loop);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct dlv_relay_parts parts = { .hostname = "here.example" };
	struct dlv_self *self = dlv_self_new("here.example");
	int fds[2];

	*state = w;
	fake_dns_clear();
	w->log = memfd_create("log", MFD_CLOEXEC);
	log_to_fd(w->log);
	w->loop = loop_new();
	timer_init(&w->limit, w->loop, on_limit, w);
	timer_init(&w->tick, w->loop, on_tick, w);
	opt_defaults(&relay_section, &w->options);
	for (unsigned i = 0; i < HOSTS; i++) {
		w->hosts[i].octet = i + 1;
		w->hosts[i].port = i > 0 ? w->hosts[0].port : 0;
		fake_host_open(&w->hosts[i], w->loop);
	}
	w->options.port = w->hosts[0].port;
	w->dns = dns_new(w->loop, NULL);
	w->tls = tls_client_ctx_new(w->loop, 100);
	parts.loop = w->loop;
	parts.dns = w->dns;
	parts.tls = w->tls;
	parts.options = &w->options;
	w->relay = dlv_relay_new(&parts);
	dlv_relay_set_self(w->relay, self);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w->queue = ipc_peer_new(w->loop, fds[0], IPC_RELAY, 1, no_handlers, on_gone, w);
	w->rqueue = ipc_peer_new(w->loop, fds[1], IPC_QUEUE, 1, queue_handlers, on_gone, w);
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	w->want = UINT32_MAX;
	timer_set(&w->limit, loop_now(w->loop) + 20000);
	if (!w->is_drained) {
		dlv_relay_drain(w->relay, on_drained, w);
		loop_run(w->loop);
	}
	timer_stop(&w->limit);
	assert_true(w->is_drained);
	dlv_relay_free(&w->relay);
	for (unsigned i = 0; i < HOSTS; i++)
		fake_host_fini(&w->hosts[i]);
	run_for(w, 10);
	ipc_peer_free(&w->queue);
	ipc_peer_free(&w->rqueue);
	tls_client_ctx_free(&w->tls);
	dns_free(&w->dns);
	opt_free(&relay_section, &w->options);
	loop_free(&w->loop);
	log_to_fd(2);
	(void)close(w->log);
	free(w);
	return 0;
}

static void
set_options(struct world *w)
{
	dlv_relay_set_options(w->relay, &w->options);
	dlv_relay_begin_routes(w->relay);
}

/* ---- one message */

static void
sends(void **state)
{
	struct world *w = *state;
	struct fake_host *h = &w->hosts[0];

	give(w, (struct job){ .site = site_of(w, 0), .rcpts = "bob@there.example carl@there.example",
	    .original = "Sales@Here.example" });
	run(w);
	assert_int_equal(w->result_count, 2);
	assert_int_equal(w->results[0].idx, 7);
	assert_int_equal(w->results[1].idx, 8);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_string_equal(w->results[0].dsn, "2.0.0");
	assert_string_equal(w->results[0].host, site_of(w, 0));
	assert_int_equal(w->feedback, RELAY_TAKEN);
	assert_int_equal(h->message_count, 1);
	assert_slice(buf_slice(&h->messages[0]), BODY);
	assert_true(saw(h, "EHLO here.example\n"));
	assert_true(saw(h, "MAIL FROM:<alice@here.example>"));
	assert_non_null(strstr(log_of(w), "sent s=000001 m="));
	assert_non_null(strstr(log_of(w), "> orig_to=<Sales@Here.example> relay="));
	assert_non_null(strstr(log_of(w), " to=<carl@there.example> relay="));
	assert_non_null(strstr(log_of(w), " proto=esmtp tls=none dsn=2.0.0 delays="));
}

static const char *
picky(struct slice address)
{
	if (slice_starts(address, "no"))
		return "550 5.1.1 Nobody here";
	if (slice_starts(address, "later"))
		return "450 4.2.1 Come again";
	return NULL;
}

static void
recipients_differ(void **state)
{
	struct world *w = *state;

	w->hosts[0].rcpt = picky;
	give(w, (struct job){ .site = site_of(w, 0),
	    .rcpts = "ok@x.example no@x.example later@x.example" });
	run(w);
	assert_int_equal(w->result_count, 3);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(err_class(w->results[1].error), ERR_CLASS_PERM);
	assert_string_equal(w->results[1].dsn, "5.1.1");
	assert_string_equal(w->results[1].reply, "550 5.1.1 Nobody here");
	assert_int_equal(err_class(w->results[2].error), ERR_CLASS_TEMP);
	assert_string_equal(w->results[2].dsn, "4.2.1");
	assert_int_equal(w->feedback, RELAY_TAKEN);
	assert_int_equal(w->hosts[0].message_count, 1);
	assert_non_null(strstr(log_of(w), "bounced s=000001 m="));
	assert_non_null(strstr(log_of(w), "deferred s=000001 m="));
	assert_non_null(strstr(log_of(w), " next=10:07:11Z"));
}

/* What one host will not have for the moment, the next may take. */
static void
next_host(void **state)
{
	struct world *w = *state;

	fake_dns_mx("x.example", 10, "mx1.x.example", false);
	fake_dns_mx("x.example", 20, "mx2.x.example", false);
	fake_dns_addr("mx1.x.example", "127.0.0.1", false);
	fake_dns_addr("mx2.x.example", "127.0.0.2", false);
	w->hosts[0].rcpt = picky;
	give(w, (struct job){ .site = "x.example",
	    .rcpts = "ok@x.example no@x.example later@x.example" });
	run(w);
	assert_int_equal(w->results[2].error, ERR_OK);
	assert_int_equal(w->hosts[0].message_count, 1);
	assert_int_equal(w->hosts[1].message_count, 1);
	assert_false(saw(&w->hosts[1], "no@"));
	assert_false(saw(&w->hosts[1], "ok@"));
	assert_true(slice_starts(slice_str(w->results[2].host), "mx2.x.example[127.0.0.2]:"));
}

/* ---- hosts that are not there, or not for us */

static void
refused_connection(void **state)
{
	struct world *w = *state;

	give(w, (struct job){ .site = "[127.0.0.77]" });
	run(w);
	assert_int_equal(err_class(w->results[0].error), ERR_CLASS_TEMP);
	assert_string_equal(w->results[0].dsn, "4.4.1");
	assert_non_null(strstr(w->results[0].text, "Connection refused"));
	assert_int_equal(w->feedback, RELAY_DEAD);
}

static void
second_address(void **state)
{
	struct world *w = *state;

	fake_dns_mx("x.example", 10, "mx.x.example", false);
	fake_dns_addr("mx.x.example", "127.0.0.77", false);
	fake_dns_addr("mx.x.example", "127.0.0.2", false);
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->hosts[1].message_count, 1);
}

static void
greetings(void **state)
{
	struct world *w = *state;

	fake_dns_mx("x.example", 10, "mx1.x.example", false);
	fake_dns_mx("x.example", 20, "mx2.x.example", false);
	fake_dns_mx("x.example", 30, "mx3.x.example", false);
	fake_dns_addr("mx1.x.example", "127.0.0.1", false);
	fake_dns_addr("mx2.x.example", "127.0.0.2", false);
	fake_dns_addr("mx3.x.example", "127.0.0.3", false);
	w->hosts[0].greeting = "554 5.7.1 Not for you";
	w->hosts[1].greeting = "421 4.3.2 Too busy";
	give(w, (struct job){ .site = "x.example" });
	run(w);
	/* mx_session_limit: two hosts had their say */
	assert_int_equal(err_class(w->results[0].error), ERR_CLASS_TEMP);
	assert_int_equal(w->feedback, RELAY_THROTTLED);
	assert_int_equal(w->hosts[2].connects, 0);
	w->options.mx_session_limit = 3;
	set_options(w);
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(w->results[1].error, ERR_OK);
}

static void
address_limit(void **state)
{
	struct world *w = *state;
	char ip[20];

	fake_dns_mx("x.example", 10, "mx1.x.example", false);
	fake_dns_mx("x.example", 20, "mx2.x.example", false);
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(ip, sizeof(ip), "127.0.0.%u", 100 + i);
		fake_dns_addr("mx1.x.example", ip, false);
	}
	fake_dns_addr("mx2.x.example", "127.0.0.2", false);
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(err_class(w->results[0].error), ERR_CLASS_TEMP);
	w->options.mx_address_limit = 9;
	set_options(w);
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(w->results[1].error, ERR_OK);
}

/* ---- DNS */

static void
dns_says_no(void **state)
{
	static const struct { const char *site, *dsn; } rows[] = {
		{ "nowhere.example", "5.1.2" }, { "null.example", "5.1.10" },
		{ "dumb.example", "4.4.3" }, { "loop.example", "5.4.6" },
		{ "dead-mx.example", "5.1.2" }, { "no such", "5.1.2" },
		{ "half.example", "4.4.3" },
	};
	struct world *w = *state;

	fake_dns_mx("null.example", 0, "", false);
	fake_dns_status("dumb.example", DNS_MX, DNS_SERVFAIL, false);
	fake_dns_mx("dead-mx.example", 10, "mx.dead.example", false);
	fake_dns_mx("half.example", 10, "mx.dead.example", false);
	fake_dns_mx("half.example", 10, "mx.dumb.example", false);
	fake_dns_status("mx.dumb.example", DNS_A, DNS_SERVFAIL, false);
	fake_dns_status("mx.dumb.example", DNS_AAAA, DNS_SERVFAIL, false);
	fake_dns_mx("loop.example", 10, "here.example", false);
	fake_dns_mx("loop.example", 10, "other.example", false);
	for (size_t i = 0; i < lengthof(rows); i++) {
		give(w, (struct job){ .site = rows[i].site });
		run(w);
		/* without a listener of that port nobody is we */
		if (i != 3)
			assert_string_equal(w->results[i].dsn, rows[i].dsn);
		assert_int_equal(err_class(w->results[i].error), rows[i].dsn[0] == '5' ?
		    ERR_CLASS_PERM : ERR_CLASS_TEMP);
		assert_int_equal(w->feedback, RELAY_UNKNOWN);
	}
}

static void
implicit_mx(void **state)
{
	struct world *w = *state;

	fake_dns_status("x.example", DNS_MX, DNS_NODATA, false);
	fake_dns_addr("x.example", "127.0.0.1", false);
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
}

static void
alias_as_mx(void **state)
{
	struct world *w = *state;

	fake_dns_mx("x.example", 10, "alias.x.example", false);
	fake_dns_addr("real.x.example", "127.0.0.1", false);
	fake_dns_alias("alias.x.example", "real.x.example");
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
}

static void
dane(void **state)
{
	struct world *w = *state;
	char name[60];

	fake_dns_mx("x.example", 10, "mx.x.example", true);
	fake_dns_addr("mx.x.example", "127.0.0.1", true);
	(void)snprintf(name, sizeof(name), "_%u._tcp.mx.x.example", w->hosts[0].port);
	/* none: as may */
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(fake_dns_asked(name, DNS_TLSA), 1);
	/* some: the host must do TLS */
	fake_dns_tlsa(name, 3, SLICE_LIT("0123456789abcdef0123456789abcdef"), true);
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(err_class(w->results[1].error), ERR_CLASS_TEMP);
	assert_true(slice_starts(slice_str(w->results[1].dsn), "4.7."));
	assert_int_equal(w->hosts[0].message_count, 1);
	/* nobody could say: the host is not even dialled */
	fake_dns_status(name, DNS_TLSA, DNS_SERVFAIL, false);
	run_for(w, 1);
	w->hosts[0].connects = 0;
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_string_equal(w->results[2].dsn, "4.7.5");
	assert_int_equal(w->hosts[0].connects, 0);
	/* TLS-Required: No */
	give(w, (struct job){ .site = "x.example", .flags = QUEUE_TLS_OPTIONAL });
	run(w);
	assert_int_equal(w->results[3].error, ERR_OK);
}

/* RFC 7672 s2.2.2: the records at the name of a secure alias count, wherever it leads. */
static void
dane_secure_alias(void **state)
{
	struct world *w = *state;
	char alias[60], real[60];

	fake_dns_mx("x.example", 10, "alias.x.example", true);
	fake_dns_addr("real.y.example", "127.0.0.1", false);
	fake_dns_alias("alias.x.example", "real.y.example");
	(void)snprintf(alias, sizeof(alias), "_%u._tcp.alias.x.example", w->hosts[0].port);
	(void)snprintf(real, sizeof(real), "_%u._tcp.real.y.example", w->hosts[0].port);
	fake_dns_tlsa(alias, 3, SLICE_LIT("0123456789abcdef0123456789abcdef"), true);
	/* The alias may be forged as well. */
	fake_dns_status("alias.x.example", DNS_CNAME, DNS_OK, false);
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(fake_dns_asked("alias.x.example", DNS_CNAME), 1);
	assert_int_equal(fake_dns_asked(alias, DNS_TLSA), 0);
	/* It is not: who has records there must do TLS. */
	fake_dns_status("alias.x.example", DNS_CNAME, DNS_OK, true);
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_true(slice_starts(slice_str(w->results[1].dsn), "4.7."));
	assert_int_equal(fake_dns_asked(alias, DNS_TLSA), 1);
	assert_int_equal(fake_dns_asked(real, DNS_TLSA), 0);
	assert_int_equal(w->hosts[0].message_count, 1);
	/* Nobody could say: the host is not even dialled. */
	fake_dns_status("alias.x.example", DNS_CNAME, DNS_SERVFAIL, false);
	run_for(w, 1);
	w->hosts[0].connects = 0;
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_string_equal(w->results[2].dsn, "4.7.5");
	assert_int_equal(w->hosts[0].connects, 0);
	/* Of no account where DANE is not wanted. */
	give(w, (struct job){ .site = "x.example", .flags = QUEUE_TLS_OPTIONAL });
	run(w);
	assert_int_equal(w->results[3].error, ERR_OK);
	assert_int_equal(fake_dns_asked("alias.x.example", DNS_CNAME), 3);
}

static void
require_tls(void **state)
{
	struct world *w = *state;

	fake_dns_mx("x.example", 10, "mx.x.example", true);
	fake_dns_addr("mx.x.example", "127.0.0.1", true);
	give(w, (struct job){ .site = "x.example", .flags = QUEUE_REQUIRETLS });
	run(w);
	assert_int_not_equal(w->results[0].error, ERR_OK);
	assert_true(slice_starts(slice_str(w->results[0].dsn + 1), ".7."));
	assert_int_equal(w->hosts[0].message_count, 0);
}

/* ---- fallback and routes */

static void
fallback(void **state)
{
	struct world *w = *state;
	char *list[1];

	list[0] = (char *)(uintptr_t)site_of(w, 1);
	w->options.fallback = (struct opt_list){ list, 1 };
	set_options(w);
	give(w, (struct job){ .site = "[127.0.0.77]" });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->hosts[1].message_count, 1);
	/* A domain that does not exist may be known there; a null MX is final. */
	give(w, (struct job){ .site = "nowhere.example" });
	run(w);
	assert_int_equal(w->results[1].error, ERR_OK);
	fake_dns_mx("null.example", 0, "", false);
	give(w, (struct job){ .site = "null.example" });
	run(w);
	assert_string_equal(w->results[2].dsn, "5.1.10");
	w->options.fallback = (struct opt_list){ NULL, 0 };
}

static void
unknown_route(void **state)
{
	struct world *w = *state;

	give(w, (struct job){ .site = site_of(w, 0), .route = "gone" });
	run(w);
	assert_int_equal(err_class(w->results[0].error), ERR_CLASS_TEMP);
	assert_int_equal(w->feedback, RELAY_UNKNOWN);
}

static const char *
lmtp_rcpt(struct slice address)
{
	return slice_starts(address, "no") ? "550 5.1.1 Nobody" : NULL;
}

static void
lmtp(void **state)
{
	struct world *w = *state;
	struct route_options o = { .relay = NULL };

	opt_defaults(&route_section, &o);
	o.protocol = CONF_ROUTE_LMTP;
	dlv_relay_add_route(w->relay, "sink", &o);
	w->hosts[0].is_lmtp = true;
	w->hosts[0].rcpt = lmtp_rcpt;
	give(w, (struct job){ .site = site_of(w, 0), .route = "sink",
	    .rcpts = "a@x.example no@x.example b@x.example" });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_string_equal(w->results[1].dsn, "5.1.1");
	assert_int_equal(w->results[2].error, ERR_OK);
	assert_true(saw(&w->hosts[0], "LHLO "));
	assert_non_null(strstr(log_of(w), "proto=lmtp"));
	opt_free(&route_section, &o);
}

/* ---- connections */

static void
reuse(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 3; i++) {
		give(w, (struct job){ .site = site_of(w, 0) });
		run(w);
		assert_int_equal(w->results[i].error, ERR_OK);
	}
	assert_int_equal(w->hosts[0].connects, 1);
	/* after connection_cache_time it ends in order */
	loop_advance(w->loop, w->options.connection_cache_time + 1);
	run_for(w, 20);
	assert_int_equal(w->hosts[0].quits, 1);
	assert_int_equal(dlv_relay_session_count(w->relay), 0);
	give(w, (struct job){ .site = site_of(w, 0) });
	run(w);
	assert_int_equal(w->hosts[0].connects, 2);
}

static void
reuse_limits(void **state)
{
	struct world *w = *state;

	w->options.connection_reuse_limit = 2;
	set_options(w);
	for (unsigned i = 0; i < 4; i++) {
		give(w, (struct job){ .site = site_of(w, 0) });
		run(w);
	}
	assert_int_equal(w->hosts[0].connects, 2);
	w->options.connection_reuse_limit = 100;
	w->options.connection_reuse_time = 1000;
	w->options.connection_cache_time = 60000;
	set_options(w);
	give(w, (struct job){ .site = site_of(w, 1) });
	run(w);
	loop_advance(w->loop, 1001);
	for (unsigned i = 0; i < 2; i++) {
		give(w, (struct job){ .site = site_of(w, 1) });
		run(w);
	}
	/* it was old when it came back the second time */
	assert_int_equal(w->hosts[1].connects, 2);
	w->options.connection_cache_time = 0;
	set_options(w);
	for (unsigned i = 0; i < 2; i++) {
		give(w, (struct job){ .site = site_of(w, 2) });
		run(w);
	}
	assert_int_equal(w->hosts[2].connects, 2);
}

/* An idle connection that the other side ended costs nothing. */
static void
stale_connection(void **state)
{
	struct world *w = *state;

	give(w, (struct job){ .site = site_of(w, 0) });
	run(w);
	fake_host_hang_up(&w->hosts[0]);
	give(w, (struct job){ .site = site_of(w, 0) });
	run(w);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_int_equal(w->hosts[0].connects, 2);
	/* also when it is noticed only by what we say */
	w->hosts[0].mail = "421 4.4.2 Idle too long";
	w->hosts[0].rset = "421 4.4.2 Idle too long";
	give(w, (struct job){ .site = site_of(w, 0) });
	w->hosts[0].connects = 0;
	run(w);
	/* the new one says it too: that is the host's word */
	assert_int_equal(err_class(w->results[2].error), ERR_CLASS_TEMP);
	assert_int_equal(w->hosts[0].connects, 1);
}

static void
session_limit(void **state)
{
	struct world *w = *state;

	w->options.session_limit = 2;
	set_options(w);
	for (unsigned i = 0; i < 10; i++)
		give(w, (struct job){ .site = site_of(w, i % HOSTS) });
	run(w);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(w->results[i].error, ERR_OK);
	assert_true(w->hosts[0].open_max + w->hosts[1].open_max + w->hosts[2].open_max <= 6);
	assert_true(w->hosts[0].open_max <= 2);
	assert_true(dlv_relay_session_count(w->relay) <= 2);
}

static void
job_limit(void **state)
{
	struct world *w = *state;

	w->options.job_limit = 3;
	set_options(w);
	for (unsigned i = 0; i < 20; i++)
		give(w, (struct job){ .site = site_of(w, 0) });
	run(w);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(w->results[i].error, ERR_OK);
	assert_true(w->hosts[0].open_max <= 3);
}

/* ---- slow and hostile hosts */

static uint64_t
memory_kib(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (uint64_t)u.ru_maxrss;
}

static void
hostile(void **state)
{
	struct world *w = *state;
	uint64_t before = memory_kib();

	/* another host, so that this one's faults are its own */
	w->tick_ms = 1000;
	for (unsigned step = FAKE_GREETING; step < FAKE_STEPS; step++)
		for (unsigned fault = FAKE_SILENT; fault <= FAKE_BINARY; fault++) {
			unsigned at = w->result_count;
			uint64_t start = loop_now(w->loop);

			w->hosts[0].step = (enum fake_step)step;
			w->hosts[0].fault = (enum fake_fault)fault;
			give(w, (struct job){ .site = site_of(w, 0) });
			give(w, (struct job){ .site = site_of(w, 1) });
			run(w);
			assert_int_equal(w->result_count, at + 2);
			/* The good one is answered first, or in time. */
			assert_true(w->results[at].error == ERR_OK ||
			    w->results[at + 1].error == ERR_OK);
			assert_true(err_class(w->results[at].error) == ERR_CLASS_TEMP ||
			    err_class(w->results[at + 1].error) == ERR_CLASS_TEMP);
			assert_true(loop_now(w->loop) - start <= 11 * 60000);
		}
	assert_int_equal(w->failures, 0);
#ifndef GODWIT_SAN
	assert_true(memory_kib() - before < 64u << 10);
#else
	(void)before;
#endif
}

/* One byte a second: the answer to a command takes no longer than it may. */
static void
byte_a_second(void **state)
{
	struct world *w = *state;

	w->tick_ms = 200;
	w->hosts[0].by_bytes = true;
	give(w, (struct job){ .site = site_of(w, 0) });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
	w->options.helo_timeout = 20000;
	set_options(w);
	loop_advance(w->loop, 60000);
	run_for(w, 20);
	give(w, (struct job){ .site = site_of(w, 0) });
	run(w);
	assert_int_equal(err_class(w->results[1].error), ERR_CLASS_TEMP);
}

/* Lost behind the last dot: not tried at another host in the same breath. */
static void
lost_at_the_end(void **state)
{
	struct world *w = *state;

	fake_dns_mx("x.example", 10, "mx1.x.example", false);
	fake_dns_mx("x.example", 20, "mx2.x.example", false);
	fake_dns_addr("mx1.x.example", "127.0.0.1", false);
	fake_dns_addr("mx2.x.example", "127.0.0.2", false);
	w->hosts[0].step = FAKE_DOT;
	w->hosts[0].fault = FAKE_CLOSE;
	give(w, (struct job){ .site = "x.example" });
	run(w);
	assert_int_equal(err_class(w->results[0].error), ERR_CLASS_TEMP);
	assert_int_equal(w->hosts[1].connects, 0);
}

static void
deadline(void **state)
{
	struct world *w = *state;

	w->hosts[0].step = FAKE_GREETING;
	w->hosts[0].fault = FAKE_SILENT;
	w->tick_ms = 100;
	give(w, (struct job){ .site = site_of(w, 0), .for_ms = 30000 });
	run(w);
	assert_int_equal(w->failures, 0);
	assert_string_equal(w->results[0].dsn, "4.4.7");
}

/* ---- the body */

static void
eight_bits(void **state)
{
	static const char body[] = "Subject: x\r\n\r\ngr\xfc\xdf\r\n";
	struct world *w = *state;

	give(w, (struct job){ .site = site_of(w, 0), .body = body, .flags = QUEUE_8BITMIME });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_true(saw(&w->hosts[0], "BODY=8BITMIME"));
	assert_slice(buf_slice(&w->hosts[0].messages[0]), body);
}

/* A message that came with SMTPUTF8 but does not need it goes to old hosts too. */
static void
utf8_header(void **state)
{
	static const char *const bodies[] = {
		"Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9f\r\n",
		"\r\ngr\xc3\xbc\xc3\x9f\r\n", "Subject: only a header",
		"Subject: gr\xc3\xbc\xc3\x9f\r\n\r\nbody\r\n",
	};
	struct world *w = *state;

	w->hosts[0].ehlo = "250-old\r\n250 8BITMIME";
	for (size_t i = 0; i < lengthof(bodies); i++) {
		give(w, (struct job){ .site = site_of(w, 0), .body = bodies[i],
		    .flags = QUEUE_8BITMIME | QUEUE_SMTPUTF8 });
		run(w);
		assert_int_equal(err_class(w->results[i].error), i < 3 ? ERR_CLASS_NONE :
		    ERR_CLASS_PERM);
	}
	assert_string_equal(w->results[3].dsn, "5.6.7");
	give(w, (struct job){ .site = site_of(w, 1), .body = bodies[3],
	    .flags = QUEUE_8BITMIME | QUEUE_SMTPUTF8 });
	run(w);
	assert_int_equal(w->results[4].error, ERR_OK);
	assert_true(saw(&w->hosts[1], " SMTPUTF8"));
}

/* A sender's domain has a form that every host understands. */
static void
sender_domain(void **state)
{
	static const struct { const char *sender, *seen; } rows[] = {
		{ "Al@b\xc3\xbc" "cher.example", "MAIL FROM:<Al@xn--bcher-kva.example>" },
		{ "\"a@b\"@x.example", "MAIL FROM:<\"a@b\"@x.example>" },
		{ "", "MAIL FROM:<>" },
	};
	struct world *w = *state;

	w->hosts[0].ehlo = "250-old\r\n250 8BITMIME";
	for (size_t i = 0; i < lengthof(rows); i++) {
		give(w, (struct job){ .site = site_of(w, 0), .sender = rows[i].sender });
		run(w);
		assert_int_equal(w->results[i].error, ERR_OK);
		assert_true(saw(&w->hosts[0], rows[i].seen));
	}
}

static void
large_body(void **state)
{
	struct world *w = *state;
	size_t n = 800000;
	char *body = malloc(n + 1);

	for (size_t i = 0; i < n; i += 80) {
		memset(body + i, 'a' + (int)(i / 80 % 26), 78);
		memcpy(body + i + 78, "\r\n", 2);
	}
	body[n] = '\0';
	give(w, (struct job){ .site = site_of(w, 0), .body = body });
	run(w);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->hosts[0].messages[0].n, n);
	assert_memory_equal(buf_data(&w->hosts[0].messages[0]), body, n);
	free(body);
}

/* ---- queue and its rules */

static void
many_recipients(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	for (unsigned i = 0; i < RELAY_JOB_RCPTS; i++)
		buf_printf(&b, "%slater%u@x.example", i > 0 ? " " : "", i);
	w->hosts[0].rcpt = picky;
	give(w, (struct job){ .site = site_of(w, 0), .rcpts = buf_cstr(&b) });
	run(w);
	assert_int_equal(w->result_count, RELAY_JOB_RCPTS);
	for (unsigned i = 0; i < RELAY_JOB_RCPTS; i++)
		assert_string_equal(w->results[i].dsn, "4.2.1");
	assert_int_equal(w->feedback, RELAY_REFUSED);
	buf_fini(&b);
}

static void
too_many_recipients(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	for (unsigned i = 0; i < RELAY_JOB_RCPTS + 1; i++)
		buf_printf(&b, "%sr%u@x.example", i > 0 ? " " : "", i);
	give(w, (struct job){ .site = site_of(w, 0), .rcpts = buf_cstr(&b) });
	run(w);
	assert_int_equal(w->failures, 1);
	assert_int_equal(w->hosts[0].connects, 0);
	assert_non_null(strstr(log_of(w), "violation "));
	buf_fini(&b);
}

/* Queue dies: what is not sent is dropped, what is sent ends in peace. */
static void
queue_leaves(void **state)
{
	struct world *w = *state;

	w->hosts[0].step = FAKE_MAIL;
	w->hosts[0].fault = FAKE_SILENT;
	w->hosts[1].step = FAKE_DOT;
	w->hosts[1].fault = FAKE_SILENT;
	give(w, (struct job){ .site = site_of(w, 0) });
	give(w, (struct job){ .site = site_of(w, 1) });
	run_for(w, 100);
	assert_int_equal(w->hosts[1].message_count, 1);
	assert_int_equal(dlv_relay_job_count(w->relay), 2);
	dlv_relay_queue_left(w->relay, w->rqueue);
	run_for(w, 20);
	assert_int_equal(dlv_relay_job_count(w->relay), 1);
	assert_int_equal(w->hosts[0].open, 0);
	assert_int_equal(w->hosts[1].open, 1);
	loop_advance(w->loop, w->options.data_done_timeout + 1);
	run_for(w, 20);
	assert_int_equal(dlv_relay_job_count(w->relay), 0);
	assert_int_equal(w->answers, 0);
}

static void
drains(void **state)
{
	struct world *w = *state;

	w->options.job_limit = 1;
	set_options(w);
	give(w, (struct job){ .site = site_of(w, 0) });
	run(w);
	give(w, (struct job){ .site = site_of(w, 0) });
	give(w, (struct job){ .site = site_of(w, 0) });
	w->hosts[0].step = FAKE_DOT;
	w->hosts[0].fault = FAKE_SILENT;
	w->want++;
	run_for(w, 50);
	dlv_relay_drain(w->relay, on_drained, w);
	run_for(w, 50);
	/* the one in line was given back */
	assert_int_equal(w->answers, 2);
	assert_string_equal(w->results[1].dsn, "4.3.2");
	assert_false(w->is_drained);
	loop_advance(w->loop, w->options.data_done_timeout + 1);
	timer_set(&w->limit, loop_now(w->loop) + 20000);
	loop_run(w->loop);
	assert_true(w->is_drained);
	assert_int_equal(dlv_relay_session_count(w->relay), 0);
}

/* Stopping waits for nobody's answer to QUIT for long. */
static void
drains_past_silence(void **state)
{
	struct world *w = *state;

	w->hosts[0].ignores_quit = true;
	give(w, (struct job){ .site = site_of(w, 0) });
	run(w);
	dlv_relay_drain(w->relay, on_drained, w);
	run_for(w, 50);
	assert_int_equal(w->hosts[0].quits, 1);
	assert_false(w->is_drained);
	loop_advance(w->loop, 2001);
	timer_set(&w->limit, loop_now(w->loop) + 15000);
	loop_run(w->loop);
	timer_stop(&w->limit);
	assert_true(w->is_drained);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(sends), T(recipients_differ), T(next_host),
		T(refused_connection), T(second_address), T(greetings), T(address_limit),
		T(dns_says_no), T(implicit_mx), T(alias_as_mx), T(dane),
		T(dane_secure_alias), T(require_tls),
		T(fallback), T(unknown_route), T(lmtp), T(reuse), T(reuse_limits),
		T(stale_connection), T(session_limit), T(job_limit), T(hostile),
		T(byte_a_second), T(lost_at_the_end), T(deadline), T(eight_bits), T(utf8_header), T(sender_domain),
		T(large_body), T(many_recipients), T(too_many_recipients), T(queue_leaves),
		T(drains), T(drains_past_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
