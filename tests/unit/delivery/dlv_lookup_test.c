/* SPDX-License-Identifier: ISC */
/*
 * The server keys of other domains, between a cmtpd and a keyd that the test
 * plays over socket pairs and a host of CMTP 2 in the same loop.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "delivery/dlv_lookup.h"
#include "delivery/dlv_relay.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp_pin.h"
#include "lib/crypto/cry_sign.h"
#include "lib/io/tls.h"
#include "lib/ipc/key_proto.h"
#include "tests/unit/delivery/fake_dns.h"
#include "tests/unit/delivery/fake_host.h"
#include "tests/unit/keyd/tls_pair.h"

#define EHLO_IN_CLEAR	"250-fake\r\n250 STARTTLS"
#define EHLO_IN_TLS	"250-fake\r\n250 CMTP 1 2"
#define CHAIN		4u

struct answer { enum err error; char reason[256]; char pin[2048]; size_t pin_n; };

static struct world {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	struct tls_ctx		*tls_server;
	struct cry_sign_key	*tls_key;
	struct dlv_relay	*relay;
	struct relay_options	 options;
	struct ipc_peer		*cmtpd, *at_cmtpd;	/* the test's end, relay's */
	struct ipc_peer		*keyd, *at_keyd;
	struct timer		 limit, tick;
	uint64_t		 tick_ms;
	struct fake_host	 host;
	int			 log;
	/* keyd */
	char			 pin[2048];
	size_t			 pin_n;
	unsigned		 gets, puts;
	bool			 keyd_is_silent;
	uint64_t		 keep_until_s;
	/* the host */
	struct cmtp_key		 chain[CHAIN];
	unsigned char		 secrets[CHAIN][CRY_ED_SECRET_BYTES];
	unsigned		 chain_n;
	unsigned		 requests;
	uint64_t		 known;
	bool			 bad_signature;
	uint8_t			 status;
	const char		*ohai;		/* with its NUL; NULL: as it should be */
	const char		*garbage;	/* instead of keys */
	/* what came */
	unsigned		 want, count;
	struct answer		 answers[8];
	struct answer		*last;
} *w;

/* ---- keyd */

static void
on_pin_get(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	const struct ipc_pin reply = { .found = w->pin_n > 0, .pin = slice_of(w->pin, w->pin_n) };

	(void)m;
	w->gets++;
	if (!w->keyd_is_silent)
		ipc_reply(p, in->id, IPC_MSG_pin, &reply);
}

static void
on_pin_put(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_pin_put *m = msg;
	const struct ipc_pin_kept kept = { .unused = 0 };
	const struct ipc_key_fail fail = { .error = ERR_BUSY };
	unsigned char hash[32];

	cry_hash(hash, sizeof(hash), slice_of(w->pin, w->pin_n));
	if (w->pin_n > 0 ? !slice_eq(m->before, slice_of(hash, 32)) : m->before.n > 0) {
		ipc_reply(p, in->id, IPC_MSG_key_fail, &fail);
		return;
	}
	w->puts++;
	memcpy(w->pin, m->pin.p, m->pin.n);
	w->pin_n = m->pin.n;
	w->keep_until_s = m->keep_until_s;
	ipc_reply(p, in->id, IPC_MSG_pin_kept, &kept);
}

static const struct ipc_handler keyd_handlers[] = {
	{ IPC_MSG_pin_get, on_pin_get }, { IPC_MSG_pin_put, on_pin_put }, { 0, NULL }
};

/* ---- the host */

static void
on_sign(void *arg, struct tls_sign_job *job, uint32_t key, uint16_t scheme, struct slice tbs)
{
	unsigned char sig[CRY_SIGNATURE_MAX];
	size_t n = 0;

	(void)arg, (void)key;
	assert_int_equal(cry_sign(w->tls_key, scheme, tbs, sig, &n), ERR_OK);
	tls_sign_done(job, ERR_OK, slice_of(sig, n));
}

static void
put_keys(struct buf *out, const struct cmtp2_keys_request *q)
{
	unsigned char sig[CRY_ED_SIG_BYTES];
	struct buf records, content;
	struct cmtp_sign s;
	unsigned count = 0;

	buf_init(&records, 20000);
	buf_init(&content, 20000);
	for (unsigned i = 0; i < w->chain_n; i++)
		if (w->chain[i].serial > q->known || i + 1 == w->chain_n) {
			assert_int_equal(cmtp_key_put(&records, &w->chain[i]), ERR_OK);
			count++;
		}
	if (w->status != CMTP2_FOUND) {
		count = 0;
		buf_reset(&records);
	}
	cmtp2_keys_content(&content, w->status, count, buf_slice(&records));
	s = cmtp2_keys_sign(q, buf_slice(&content));
	cmtp_sign_make(sig, &s, w->secrets[w->chain_n - 1]);
	sig[0] ^= w->bad_signature;
	cmtp2_keys_put(out, buf_slice(&content), sig);
	buf_fini(&records);
	buf_fini(&content);
}

static size_t
on_raw(void *arg, struct conn *c, struct slice in)
{
	struct cmtp2_keys_request q = { .user = SLICE_NONE };
	struct slice word, rest;
	struct buf out;

	(void)arg;
	if (memcmp(in.p, "OHAI", in.n < 5 ? in.n : 5) == 0) {
		conn_write(c, w->ohai != NULL ? slice_of(w->ohai, strlen(w->ohai) + 1) :
		    slice_of("OHAI 1 2", 9));
		return 5;
	}
	rest = slice_cut(in, '\0', &word);
	assert_true(slice_eq_str(word, "KEYREQUEST2"));
	rest = slice_cut(rest, '\0', &q.user);
	rest = slice_cut(rest, '\0', &q.domain);
	assert_int_equal(rest.n, 40);
	assert_int_equal(q.user.n, 0);
	q.nonce = slice_head(rest, 32);
	for (unsigned i = 32; i < 40; i++)
		q.known = q.known << 8 | (unsigned char)rest.p[i];
	w->requests++;
	w->known = q.known;
	if (w->garbage != NULL) {
		conn_write_str(c, w->garbage);
		return in.n;
	}
	buf_init(&out, 20000);
	put_keys(&out, &q);
	conn_write(c, buf_slice(&out));
	buf_fini(&out);
	return in.n;
}

static uint64_t
now_s(void)
{
	return loop_real_ms(w->loop) / 1000;
}

/* The next of the server's records. */
static void
add_record(unsigned char seed, bool is_linked)
{
	unsigned char bytes[32] = { seed };
	unsigned i = w->chain_n++;
	struct cmtp_key *k = &w->chain[i];

	*k = (struct cmtp_key){ .kind = CMTP_KEY_LIVE, .generation = i + 1, .serial = i + 1,
		.created_s = now_s() - 1000, .expires_s = now_s() + 1000000,
		.domain = SLICE_LIT("there.example") };
	cry_ed_pair(k->sign, w->secrets[i], bytes);
	if (i > 0)
		cmtp_key_hash(k->before, k - 1);
	cmtp_key_sign_own(k, w->secrets[i]);
	if (i > 0 && is_linked)
		cmtp_key_sign_previous(k, w->secrets[i - 1]);
	cmtp_key_sign_server(k, w->secrets[i]);
}

/* ---- cmtpd */

static void
on_answer(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp_found *m = msg;

	(void)arg, (void)in;
	if (e == ERR_GONE)	/* the test ends */
		return;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(type, IPC_MSG_cmtp_found);
	w->last = &w->answers[w->count % lengthof(w->answers)];
	w->last->error = m->error;
	assert_true(slice_to_cstr(m->reason, w->last->reason, sizeof(w->last->reason)));
	w->last->pin_n = m->pin.n;
	if (m->pin.n > 0)
		memcpy(w->last->pin, m->pin.p, m->pin.n);
	if (++w->count >= w->want)
		loop_stop(w->loop);
}

static void
ask(const char *domain, uint64_t serial)
{
	const struct ipc_cmtp_find m = { .domain = slice_str(domain), .serial = serial };

	assert_int_equal(ipc_call(w->cmtpd, IPC_MSG_cmtp_find, &m, NULL, 0,
	    loop_now(w->loop) + 36000000, on_answer, NULL, NULL), ERR_OK);
	w->want++;
}

static void
on_tick(void *arg)
{
	(void)arg;
	loop_advance(w->loop, w->tick_ms);
	timer_set(&w->tick, loop_now(w->loop) + 1);
}

static void
run(void)
{
	if (w->tick_ms > 0)
		timer_set(&w->tick, loop_now(w->loop) + 1);
	else
		timer_set(&w->limit, loop_now(w->loop) + 20000);
	loop_run(w->loop);
	timer_stop(&w->limit);
	timer_stop(&w->tick);
}

static enum err
find(const char *domain, uint64_t serial)
{
	ask(domain, serial);
	run();
	return w->last->error;
}

static uint64_t
serial_of_answer(void)
{
	struct cmtp_pin p;

	assert_int_equal(cmtp_pin_get(&p, slice_of(w->last->pin, w->last->pin_n)), ERR_OK);
	assert_false(p.is_broken);
	return p.newest.serial;
}

static bool
is_broken(void)
{
	struct cmtp_pin p;

	assert_int_equal(cmtp_pin_get(&p, slice_of(w->pin, w->pin_n)), ERR_OK);
	return p.is_broken;
}

/* ---- the world */

static const struct opt_section relay_section = RELAY_OPT_SECTION;
static const struct ipc_handler	no_handlers[] = { { 0, NULL } };

static void
on_find(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	dlv_relay_find(w->relay, p, m, in);
}

static const struct ipc_handler	cmtpd_handlers[] = { { IPC_MSG_cmtp_find, on_find }, { 0, NULL } };

static void
on_gone(struct ipc_peer *p, void *arg)
{
	(void)p, (void)arg;
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
	(void)arg;
	loop_stop(w->loop);
}

static void
wire(struct ipc_peer **ours, enum ipc_role who, const struct ipc_handler *our_handlers,
    struct ipc_peer **theirs, const struct ipc_handler *their_handlers)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*ours = ipc_peer_new(w->loop, fds[0], IPC_RELAY, 1, our_handlers, on_gone, NULL);
	*theirs = ipc_peer_new(w->loop, fds[1], who, 1, their_handlers, on_gone, NULL);
}

static int
setup(void **state)
{
	struct dlv_relay_parts parts = { .hostname = "here.example" };

	(void)state;
	w = calloc(1, sizeof(*w));
	cry_init();
	fake_dns_clear();
	w->log = memfd_create("log", MFD_CLOEXEC);
	log_to_fd(w->log);
	w->loop = loop_new();
	loop_start_threads(w->loop, 1);
	timer_init(&w->limit, w->loop, on_limit, NULL);
	timer_init(&w->tick, w->loop, on_tick, NULL);
	opt_defaults(&relay_section, &w->options);
	assert_int_equal(cry_sign_load(&w->tls_key, slice_str(tls_pair_key)), ERR_OK);
	w->tls_server = tls_ctx_new(w->loop, on_sign, NULL, 10);
	assert_int_equal(tls_ctx_set(w->tls_server, 1, slice_str(tls_pair_cert), SLICE_NONE,
	    SLICE_NONE), ERR_OK);
	w->host.tls = w->tls_server;
	w->host.ehlo = EHLO_IN_CLEAR;
	w->host.ehlo_in_tls = EHLO_IN_TLS;
	w->host.raw = on_raw;
	fake_host_open(&w->host, w->loop);
	w->options.port = w->host.port;
	fake_dns_mx("there.example", 10, "mx.there.example", false);
	fake_dns_addr("mx.there.example", "127.0.0.1", false);
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_NXDOMAIN, false);
	w->dns = dns_new(w->loop, NULL);
	w->tls = tls_client_ctx_new(w->loop, 100);
	parts.loop = w->loop;
	parts.dns = w->dns;
	parts.tls = w->tls;
	parts.options = &w->options;
	w->relay = dlv_relay_new(&parts);
	dlv_relay_set_self(w->relay, dlv_self_new("here.example"));
	wire(&w->cmtpd, IPC_CMTPD, no_handlers, &w->at_cmtpd, cmtpd_handlers);
	wire(&w->keyd, IPC_KEYD, keyd_handlers, &w->at_keyd, no_handlers);
	dlv_relay_set_keyd(w->relay, w->at_keyd);
	add_record(1, false);
	return 0;
}

static void
run_for(uint64_t ms)
{
	struct timer t;

	timer_init(&t, w->loop, on_drained, NULL);
	timer_set(&t, loop_now(w->loop) + ms);
	loop_run(w->loop);
	timer_stop(&t);
}

static int
teardown(void **state)
{
	(void)state;
	timer_set(&w->limit, loop_now(w->loop) + 20000);
	dlv_relay_drain(w->relay, on_drained, NULL);
	loop_run(w->loop);
	timer_stop(&w->limit);
	dlv_relay_free(&w->relay);
	fake_host_fini(&w->host);
	run_for(10);
	ipc_peer_free(&w->cmtpd);
	ipc_peer_free(&w->at_cmtpd);
	ipc_peer_free(&w->keyd);
	ipc_peer_free(&w->at_keyd);
	tls_ctx_free(&w->tls_server);
	cry_sign_free(&w->tls_key);
	tls_client_ctx_free(&w->tls);
	dns_free(&w->dns);
	opt_free(&relay_section, &w->options);
	loop_free(&w->loop);
	log_to_fd(2);
	(void)close(w->log);
	free(w);
	return 0;
}

/* ---- tests */

static void
test_found(void **state)
{
	(void)state;
	assert_int_equal(find("there.example", 0), ERR_OK);
	assert_int_equal(serial_of_answer(), 1);
	assert_int_equal(w->known, 0);
	assert_int_equal(w->puts, 1);
	assert_int_equal(w->keep_until_s, w->chain[0].expires_s);
	assert_int_equal(w->pin_n, w->last->pin_n);
	assert_memory_equal(w->pin, w->last->pin, w->pin_n);
	/* From the pin. */
	assert_int_equal(find("There.EXAMPLE", 1), ERR_OK);
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->host.connects, 1);
	/* A record that is not known: the host is asked again, from there. */
	add_record(2, true);
	assert_int_equal(find("there.example", 2), ERR_OK);
	assert_int_equal(serial_of_answer(), 2);
	assert_int_equal(w->known, 1);
	assert_int_equal(w->requests, 2);
	assert_int_equal(w->puts, 2);
}

/* Equal questions are one; who went away gets nothing. */
static void
test_together(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		ask("there.example", 0);
	run();
	assert_int_equal(w->count, 3);
	assert_int_equal(w->requests, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w->answers[i].error, ERR_OK);
	w->pin_n = 0;
	ask("there.example", 0);
	run_for(1);
	dlv_relay_cmtpd_left(w->relay, w->at_cmtpd);
	w->count++;
	assert_int_equal(find("there.example", 0), ERR_OK);
}

static void
test_break(void **state)
{
	(void)state;
	assert_int_equal(find("there.example", 0), ERR_OK);
	add_record(2, false);
	assert_int_equal(find("there.example", 2), ERR_CORRUPT);
	assert_int_equal(w->last->pin_n, 0);
	assert_non_null(strstr(w->last->reason, "do not go on"));
	assert_true(is_broken());
	assert_int_equal(w->known, 0);	/* asked for all once more */
	assert_int_equal(w->requests, 3);
	/* Remembered; then it is seen anew, and the break stays. */
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	assert_int_equal(w->requests, 3);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	assert_int_equal(w->requests, 5);
	/* The old chain is back. */
	w->chain_n = 1;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(find("there.example", 0), ERR_OK);
	assert_false(is_broken());
}

static void
test_not_offered(void **state)
{
	(void)state;
	w->host.ehlo_in_tls = "250-fake\r\n250 CMTP 1";
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	assert_non_null(strstr(w->last->reason, "no host"));
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	assert_int_equal(w->host.connects, 1);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->host.ehlo_in_tls = EHLO_IN_TLS;
	assert_int_equal(find("there.example", 0), ERR_OK);
}

/* Whatever it lists in the clear. */
static void
test_without_tls(void **state)
{
	(void)state;
	w->host.tls = NULL;
	w->host.ehlo = EHLO_IN_TLS;
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	assert_int_equal(w->requests, 0);
	assert_int_equal(w->pin_n, 0);
}

static void
test_bad_replies(void **state)
{
	(void)state;
	w->bad_signature = true;
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	w->bad_signature = false;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->chain[0].server[0] ^= 1;
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	w->chain[0].server[0] ^= 1;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->status = CMTP2_NONE;
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->status = CMTP2_LATER;
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->garbage = "220 what is this\r\n";
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	assert_non_null(strstr(w->last->reason, "cannot be read"));
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->garbage = NULL;
	w->ohai = "OHAI 1";
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	assert_non_null(strstr(w->last->reason, "version 2"));
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->ohai = "OHAI 1 2\r\n and what nobody asked for, and more of it, and more, and more";
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	assert_int_equal(w->pin_n, 0);
}

static void
test_other_domain(void **state)
{
	(void)state;
	fake_dns_mx("other.example", 10, "mx.there.example", false);
	fake_dns_status("_cmtp.other.example", DNS_TXT, DNS_NXDOMAIN, false);
	assert_int_equal(find("other.example", 0), ERR_CORRUPT);
	assert_int_equal(w->pin_n, 0);
	assert_int_equal(find("nowhere.example", 0), ERR_NOTFOUND);
	assert_int_equal(find("[127.0.0.1]", 0), ERR_NOTFOUND);
	assert_int_equal(find("", 0), ERR_NOTFOUND);
	assert_int_equal(find("a b", 0), ERR_NOTFOUND);
	assert_int_equal(w->host.connects, 1);
}

static void
txt_of(unsigned record, bool is_secure)
{
	struct buf b;

	buf_init(&b, 200);
	buf_put_str(&b, "v=CMTP2; p=");
	enc_put_base64(&b, slice_of(w->chain[record].sign, 32));
	fake_dns_txt("_cmtp.there.example", buf_cstr(&b));
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_OK, is_secure);
	buf_fini(&b);
}

static void
test_dns(void **state)
{
	(void)state;
	add_record(2, true);
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_SERVFAIL, false);
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->chain_n = 3;
	add_record(9, false);
	w->chain_n = 2;
	txt_of(3, true);
	assert_int_equal(find("there.example", 0), ERR_CORRUPT);
	assert_non_null(strstr(w->last->reason, "_cmtp"));
	assert_int_equal(w->pin_n, 0);
	/* Nobody has signed it: it says nothing. */
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_OK, false);
	assert_int_equal(find("there.example", 0), ERR_OK);
	/* One of the records, which need not be the newest, is named. */
	w->pin_n = 0;
	txt_of(0, true);
	assert_int_equal(find("there.example", 0), ERR_OK);
}

static void
test_silence(void **state)
{
	(void)state;
	w->tick_ms = 500;
	w->garbage = "";
	assert_int_equal(find("there.example", 0), ERR_TIMEOUT);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->garbage = NULL;
	w->keyd_is_silent = true;
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
	dlv_relay_set_keyd(w->relay, NULL);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(find("there.example", 0), ERR_AGAIN);
}

/* The oldest memory gives way; too many askers are told so. */
static void
test_limits(void **state)
{
	char name[40];

	(void)state;
	w->host.tls = NULL;
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	dlv_relay_set_keyd(w->relay, NULL);
	for (unsigned i = 0; i < DLV_LOOKUP_DOMAINS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		assert_int_equal(find(name, 0), ERR_AGAIN);
		if (i + 2 == DLV_LOOKUP_DOMAINS_MAX)
			assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	}
	dlv_relay_set_keyd(w->relay, w->at_keyd);
	assert_int_equal(w->host.connects, 1);
	assert_int_equal(find("there.example", 0), ERR_NOTFOUND);
	assert_int_equal(w->host.connects, 2);
	w->keyd_is_silent = true;
	for (unsigned i = 0; i < DLV_LOOKUP_ASKERS_MAX; i++)
		ask("late.example", 0);
	w->want = w->count;	/* only the next one is waited for */
	assert_int_equal(find("late.example", 0), ERR_BUSY);
	w->want = w->count + DLV_LOOKUP_ASKERS_MAX;
	w->tick_ms = 500;
	run();
	assert_int_equal(w->last->error, ERR_AGAIN);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found), TEST(test_together), TEST(test_break), TEST(test_not_offered),
		TEST(test_without_tls), TEST(test_bad_replies), TEST(test_other_domain),
		TEST(test_dns), TEST(test_silence), TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
