/* SPDX-License-Identifier: ISC */
/* Mail by CMTP 2, from queue's job to its answer. */
#include "tests/unit/test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "delivery/dlv_mail2_priv.h"
#include "delivery/dlv_postage.h"
#include "lib/ipc/queue_proto.h"
#include "tests/unit/delivery/fake_cmtp.h"

#define BODY		FAKE_CMTP_BODY

#define BIG		(3 * DLV_MAIL2_HELD)

static const char *
big_body(void)
{
	static char big[BIG];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 23);
	return big;
}

static void
add_bob(void)
{
	fake_cmtp_add_user("bob");
	fake_cmtp_add_key(0, 11, false);
}

static struct cmtp2_price
price_of(uint8_t bits, uint32_t kib, uint32_t passes)
{
	return (struct cmtp2_price){ .bits = bits, .kib = kib, .passes = passes,
		.expires_s = fake_cmtp_now_s() + CMTP2_PRICE_LIFE_S };
}

static void
test_mail(void **state)
{
	static char large[1500000];

	(void)state;
	fake_cmtp_add_user("bob");
	fake_cmtp_add_user("carol");
	fake_cmtp_add_key(0, 11, false);
	fake_cmtp_add_key(1, 12, false);
	w->statuses = "22.1.5 it is yours\n55.2.2 full\n";
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example carol@There.Example" });
	assert_int_equal(w->mails, 1);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_string_equal(w->results[0].dsn, "2.1.5");
	assert_int_equal(err_class(w->results[1].error), ERR_CLASS_PERM);
	assert_string_equal(w->results[1].dsn, "5.2.2");
	assert_non_null(strstr(w->results[1].text, "full"));
	assert_string_equal(w->names, "Ann@here.example\nbob@there.example\ncarol@there.example\n");
	assert_int_equal(w->text_n, strlen(BODY));
	assert_memory_equal(w->text, BODY, strlen(BODY));
	assert_int_equal(w->host.message_count, 0);
	/* What is known is asked for again, from there; the null sender is the server. */
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)('a' + i % 23);
	w->statuses = "44.3.1 later\n";
	loop_advance(w->loop, DLV_KNOWN_MS);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .sender = "", .body = large,
	    .body_n = sizeof(large) });
	fake_cmtp_is_deferred(0, "4.3.1", "later");
	assert_true(w->was_zstd);
	assert_int_equal(w->known, 1);
	assert_string_equal(w->names, "@\nbob@there.example\n");
	assert_int_equal(w->text_n, sizeof(large));
	assert_memory_equal(w->text, large, sizeof(large));
}

/* Who has no key goes by SMTP; with require nobody does. */
static void
test_no_key(void **state)
{
	(void)state;
	fake_cmtp_add_user("bob");
	fake_cmtp_add_user("carol");
	fake_cmtp_add_key(0, 11, false);
	fake_cmtp_add_route("must", DLV_CMTP_REQUIRE, false);
	fake_cmtp_add_route("never", DLV_CMTP_NO, false);
	w->statuses = "22.1.5 yours\n";
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example carol@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_int_equal(w->mails, 1);
	assert_int_equal(w->host.message_count, 1);
	assert_true(slice_search(buf_slice(&w->host.seen),
	    SLICE_LIT("RCPT TO:<carol@there.example>")) < w->host.seen.n);
	assert_true(slice_search(buf_slice(&w->host.seen), SLICE_LIT("RCPT TO:<bob")) ==
	    w->host.seen.n);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example carol@there.example", .route = "must" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(err_class(w->results[1].error), ERR_CLASS_PERM);
	assert_string_equal(w->results[1].dsn, "5.7.4");
	assert_non_null(strstr(w->results[1].text, "no key"));
	assert_int_equal(w->host.message_count, 1);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .route = "never" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->mails, 2);
	assert_int_equal(w->host.message_count, 2);
	/* Mail in another domain's name cannot be signed here. */
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .sender = "x@elsewhere.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 3);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .sender = "x@elsewhere.example",
	    .route = "must" });
	assert_string_equal(w->results[0].dsn, "5.7.4");
	assert_int_equal(w->mails, 2);
}

/* Two hosts of one domain: neither takes mail in its own name by CMTP 2. */
static void
test_own_name(void **state)
{
	unsigned signs;

	(void)state;
	add_bob();
	fake_cmtp_add_route("must", DLV_CMTP_REQUIRE, false);
	w->is_twin = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 1);
	signs = w->signs;
	assert_int_equal(signs, 1);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .route = "must" });
	assert_int_equal(err_class(w->results[0].error), ERR_CLASS_PERM);
	assert_string_equal(w->results[0].dsn, "5.7.4");
	assert_non_null(strstr(w->results[0].text, "has the sender's domain too"));
	assert_int_equal(w->signs, signs + 1);
	/* What can be foreseen is not tried; for the other domain it is. */
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example",
	    .sender = "ann@There.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 2);
	assert_int_equal(w->signs, signs + 1);
	assert_int_equal(w->mails, 0);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example",
	    .sender = "ann@there.example", .route = "must" });
	assert_string_equal(w->results[0].dsn, "5.7.4");
	assert_int_equal(w->host.message_count, 2);
}

/* What once had CMTP 2 does not fall back. */
static void
test_downgrade(void **state)
{
	(void)state;
	fake_cmtp_add_user("bob");
	fake_cmtp_add_key(0, 11, false);
	fake_cmtp_add_route("must", DLV_CMTP_REQUIRE, false);
	w->host.ehlo_in_tls = "250-fake\r\n250 CMTP 1";
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 1);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .route = "must" });
	assert_string_equal(w->results[0].dsn, "5.7.4");
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_NOTFOUND);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->host.ehlo_in_tls = EHLO_IN_TLS;
	w->statuses = "22.1.5 yours\n";
	fake_host_hang_up(&w->host);
	fake_cmtp_run_for(5);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->mails, 1);
	w->host.ehlo_in_tls = "250-fake\r\n250 CMTP 1";
	fake_host_hang_up(&w->host);
	fake_cmtp_run_for(5);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "was reached by CMTP 2 before");
	assert_false(w->results[0].is_broken);
	w->host.tls = NULL;
	w->host.ehlo = "250 fake";
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "was reached by CMTP 2 before");
	assert_int_equal(w->host.message_count, 1);
	/* The life that it announced is over. */
	loop_advance(w->loop, 1001000u * 1000u);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 2);
}

/* What was kept ends, so that the server's key is asked for. */
static void
hang_up(void)
{
	fake_host_hang_up(&w->host);
	fake_cmtp_run_for(5);
}

static void
test_user_breaks(void **state)
{
	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	fake_cmtp_add_key(0, 13, true);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->stale, 1);
	fake_cmtp_add_key(0, 14, false);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "(reset)");
	assert_true(w->results[0].is_broken);
	w->users[0].n = 0;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "none any more");
	assert_true(w->results[0].is_broken);
	assert_int_equal(w->mails, 2);
	assert_int_equal(w->host.message_count, 0);
}

/* The server's, while it is asked for mail, and when it is looked for. */
static void
test_server_breaks(void **state)
{
	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_false(w->results[0].is_broken);
	fake_cmtp_add_record(2, false);
	hang_up();
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "does not go on");
	assert_true(w->results[0].is_broken);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "do not go on");
	assert_true(w->results[0].is_broken);
	/* The operator lets go of what was known. */
	memset(w->pins, 0, sizeof(w->pins));
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->users[0].n = 0;
	fake_cmtp_add_key(0, 11, false);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->mails, 2);
}

static void
test_bad_answers(void **state)
{
	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	w->answer_is_wrong = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "does not verify");
	w->answer_is_wrong = false;
	w->statuses = "22.1.5 yours\n22.1.5 more\n";	/* of one destination */
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.4.2", "cannot be read");
	w->what = CMTP2_REFUSED;
	w->statuses = "55.7.1 not from you\n";
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_string_equal(w->results[0].dsn, "5.7.1");
	w->statuses = "52.1.5 a code of another class\n";
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_string_equal(w->results[0].dsn, "5.0.0");
	w->bad_signature = true;
	hang_up();
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "does not go on");
	w->bad_signature = false;
	w->garbage = "xyz";
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.4.2", "cannot be read");
	w->garbage = NULL;
	w->closes = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.4.2", "closed the connection");
	w->closes = false;
	w->statuses = NULL;	/* no answer at all */
	w->tick_ms = 500;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.4.2", "does not answer");
	assert_int_equal(w->host.message_count, 0);
}

/* Bodies on both sides of what may be compressed and of what is held, that zstd makes
 * smaller and that it does not. */
static void
test_sizes(void **state)
{
	static const size_t sizes[] = { 1, SEAL_PRESS_MIN - 1, SEAL_PRESS_MIN, 16384,
		DLV_MAIL2_HELD - 1, DLV_MAIL2_HELD, DLV_MAIL2_HELD + 1, 700000 };
	static char body[700000];
	char statuses[] = "22.1.5 yours\n";

	(void)state;
	add_bob();
	w->statuses = statuses;
	for (unsigned random = 0; random < 2; random++) {
		if (random == 1)
			cry_random((unsigned char *)body, sizeof(body));
		else
			memset(body, 'x', sizeof(body));
		for (size_t i = 0; i < lengthof(sizes); i++) {
			fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .body = body, .body_n = sizes[i] });
			assert_int_equal(w->results[0].error, ERR_OK);
			assert_int_equal(w->text_n, sizes[i]);
			assert_memory_equal(w->text, body, sizes[i]);
			assert_int_equal(w->was_zstd, random == 0 && sizes[i] >= SEAL_PRESS_MIN);
		}
	}
}

static void
give_cut(const char *body, size_t n, bool is_one_pass)
{
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .body = body,
	    .body_n = n });
	if (!is_one_pass) {
		assert_int_equal(err_class(w->results[0].error), ERR_CLASS_TEMP);
		return;
	}
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->text_n, n);
	assert_memory_equal(w->text, body, n);
}

/* What is held is read once: it can be gone when it is sent. */
static void
test_one_pass(void **state)
{
	static char body[DLV_MAIL2_HELD_MAX + 1];
	const size_t n = sizeof(w->text);

	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	w->cuts_source = true;
	memset(body, 'x', sizeof(body));
	give_cut(body, DLV_MAIL2_HELD, true);
	/* More in turn than there is room for at once. */
	for (size_t all = 0; all <= DLV_MAIL2_ROOM; all += n)
		give_cut(body, n, true);
	/* Much on the way, so that the host is slower than what is held. */
	for (size_t i = 0; i < n; i++)
		body[i] = (char)('a' + (i * i >> 7) % 15);
	cry_random((unsigned char *)body + n / 2, n / 2);
	give_cut(body, n, true);
	assert_true(w->was_zstd);
	memset(body, 'x', sizeof(body));
	give_cut(body, sizeof(body), false);
}

static void
test_room(void **state)
{
	struct dlv_mail2_room room = { 0 };

	(void)state;
	assert_false(dlv_mail2_room_take(&room, DLV_MAIL2_HELD_MAX + 1));
	for (unsigned i = 0; i < DLV_MAIL2_ROOM / DLV_MAIL2_HELD_MAX - 1; i++)
		assert_true(dlv_mail2_room_take(&room, DLV_MAIL2_HELD_MAX));
	assert_true(dlv_mail2_room_take(&room, DLV_MAIL2_HELD_MAX - 1));
	assert_false(dlv_mail2_room_take(&room, 2));
	assert_true(dlv_mail2_room_take(&room, 1));
	assert_int_equal(room.used_bytes, DLV_MAIL2_ROOM);
	assert_false(dlv_mail2_room_take(&room, 1));
}

/* Postage is paid once for a message, small or large, whoever waits beside. */
static void
test_postage(void **state)
{
	static char large[600000];

	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	w->price = price_of(4, 64, 1);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->paid, 1);
	assert_int_equal(w->mails, 2);
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)('a' + i % 23);
	for (unsigned random = 0; random < 2; random++) {
		if (random == 1)
			cry_random((unsigned char *)large, sizeof(large));
		fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .body = large, .body_n = sizeof(large) });
		assert_int_equal(w->results[0].error, ERR_OK);
		assert_memory_equal(w->text, large, sizeof(large));
		assert_int_equal(w->paid, 2 + random);
	}
	w->asks_again = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.1", "once more");
	assert_int_equal(w->paid, 4);
}

/* What is worth more than the limit, has expired, or is no price. */
static void
test_price_limits(void **state)
{
	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	w->price = price_of(16, 1024, 1);	/* DLV_POSTAGE_WORK_MAX */
	assert_int_equal(dlv_postage_judge(&w->price, 0), ERR_OK);
	w->price.kib++;
	assert_int_equal(dlv_postage_judge(&w->price, 0), ERR_LIMIT);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.1", "more postage than is paid here");
	w->price = price_of(1, CMTP2_PRICE_KIB_MAX + 1, 1);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.1", "more postage than is paid here");
	w->price = price_of(1, 64, 0);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.4.2", "cannot be read");
	w->price = price_of(1, 64, 1);
	w->price.expires_s = fake_cmtp_now_s() - 1;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.1", "cannot be paid");
	assert_int_equal(w->paid, 0);
}

static void
again(unsigned sessions, unsigned server_requests)
{
	unsigned mails = w->mails;

	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->mails, mails + 1);
	assert_int_equal(w->sessions, sessions);
	assert_int_equal(w->requests, server_requests);
}

/* What was found out lately is asked of nobody; then it is asked for anew. */
static void
test_known(void **state)
{
	unsigned gets, requests, own_gets, signs;

	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	again(2, 2);
	gets = w->gets, requests = w->user_requests, own_gets = w->own_gets, signs = w->signs;
	for (unsigned i = 1; i <= 3; i++) {
		again(2, 2);
		assert_int_equal(w->seeds, 1);	/* one curve operation for all */
		assert_int_equal(w->gets, gets);
		assert_int_equal(w->user_requests, requests);
		assert_int_equal(w->own_gets, own_gets);
		assert_int_equal(w->signs, signs);	/* nor is anything signed */
		assert_int_equal(w->macs, i);
	}
	/* It has another key now: it says so, and the same session goes on with that. */
	fake_cmtp_add_key(0, 12, true);
	again(2, 2);
	assert_int_equal(w->stale, 1);
	assert_int_equal(w->user_requests, requests + 1);
	again(2, 2);
	assert_int_equal(w->stale, 1);
	/* As does a large one, whose object is not held. */
	fake_cmtp_add_key(0, 13, true);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .body = big_body(),
	    .body_n = BIG });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->stale, 2);
	assert_memory_equal(w->text, big_body(), BIG);
	/* For a while. */
	requests = w->user_requests;
	loop_advance(w->loop, DLV_KNOWN_MS);
	fake_cmtp_run_for(5);
	again(3, 3);
	assert_int_equal(w->user_requests, requests + 1);
	assert_int_equal(w->own_gets, own_gets + 1);
	/* Whom no key is good for does not hear of it for ever. */
	w->is_never_content = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "not those that it wants");
	assert_int_equal(w->stale, 4);
}

/* One session serves the next messages of the domain, the server's key is asked for
 * once; one that has ended meanwhile costs nobody anything. */
static void
test_session_is_kept(void **state)
{
	unsigned requests;

	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	again(2, 2);			/* with the lookup's */
	requests = w->user_requests;
	again(2, 2);
	again(2, 2);
	assert_int_equal(w->user_requests, requests);
	/* It ended while it was idle; when it was asked; its server has another key. */
	fake_host_hang_up(&w->host);
	fake_cmtp_run_for(5);
	again(3, 3);
	w->hangs_up = true;
	again(4, 4);
	fake_cmtp_add_record(22, true);
	fake_cmtp_add_key(0, 12, true);
	again(5, 5);
	/* A new one that ends is told of. */
	fake_host_hang_up(&w->host);
	fake_cmtp_run_for(5);
	w->hangs_up = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.4.2", "closed the connection");
}

/* An answer that does not verify is no reason to go on with that host. */
static void
test_session_is_not_kept(void **state)
{
	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	w->answer_is_wrong = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "does not verify");
	w->answer_is_wrong = false;
	assert_int_equal(w->sessions, 2);	/* with the lookup's */
	again(3, 3);
	again(3, 3);
	/* Nor is one that was idle for too long, or served too many. */
	fake_cmtp_run_for(2);
	loop_advance(w->loop, w->options.connection_cache_time + 1);
	fake_cmtp_run_for(5);
	again(4, 4);
	w->options.connection_reuse_limit = 2;
	dlv_relay_set_options(w->relay, &w->options);
	again(4, 4);
	again(5, 5);
}

/* One signature for a connection, by which all of both sides is proven. */
static void
test_pact(void **state)
{
	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	again(2, 2);
	for (unsigned i = 0; i < 5; i++)
		again(2, 2);
	assert_int_equal(w->signs, 1);
	assert_int_equal(w->signatures, 1);
	assert_int_equal(w->macs, 5);
	/* Each price and what is paid has its own number. */
	w->price = price_of(1, 8, 1);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->paid, 1);
	assert_int_equal(w->macs, 7);
	w->price.kib = 0;
	/* Another connection has none yet. */
	fake_host_hang_up(&w->host);
	fake_cmtp_run_for(5);
	again(3, 3);
	assert_int_equal(w->signatures, 2);
	again(3, 3);
	assert_int_equal(w->signatures, 2);
	/* What the host has forgotten is not used again. */
	w->forgets_pact = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.7", "no pact");
	assert_int_equal(w->signatures, 2);
	again(3, 3);
	assert_int_equal(w->signatures, 3);
	again(3, 3);
	assert_int_equal(w->signatures, 3);
	/* Nor for the postage that it is told of by a signature. */
	w->price = price_of(1, 8, 1);
	w->forgets_pact = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->paid, 2);
	assert_int_equal(w->signatures, 4);
	w->price.kib = 0;
	again(3, 3);
	assert_int_equal(w->signatures, 4);
	/* An answer under it that does not verify. */
	w->answer_is_wrong = true;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example" });
	fake_cmtp_is_deferred(0, "4.7.5", "does not verify");
	w->answer_is_wrong = false;
	again(4, 4);
	assert_int_equal(w->signatures, 5);
}

/* It is of the key that signed: when ours is another one, that signs. */
static void
test_pact_of_another_key(void **state)
{
	const unsigned char seed[CRY_ED_SEED_BYTES] = { 31 };

	(void)state;
	w->options.connection_cache_time = 2 * DLV_KNOWN_MS;
	dlv_relay_set_options(w->relay, &w->options);
	add_bob();
	w->statuses = "22.1.5 yours\n";
	again(2, 2);
	again(2, 2);
	assert_int_equal(w->signatures, 1);
	cry_ed_pair(w->here.sign, w->here_secret, seed);
	loop_advance(w->loop, DLV_KNOWN_MS);
	fake_cmtp_run_for(5);
	again(2, 2);
	assert_int_equal(w->signatures, 2);
	again(2, 2);
	assert_int_equal(w->signatures, 2);
}

/* A host that has no share to give. */
static void
test_no_pact(void **state)
{
	(void)state;
	add_bob();
	w->statuses = "22.1.5 yours\n";
	w->wants_no_pact = true;
	for (unsigned i = 1; i <= 3; i++) {
		again(2, 2);
		assert_int_equal(w->signatures, i);
	}
	assert_int_equal(w->macs, 0);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, fake_cmtp_setup, \
			fake_cmtp_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mail), TEST(test_no_key), TEST(test_own_name), TEST(test_downgrade), TEST(test_user_breaks),
		TEST(test_server_breaks),
		TEST(test_bad_answers), TEST(test_sizes), TEST(test_one_pass), TEST(test_room),
		TEST(test_postage), TEST(test_price_limits),
		TEST(test_known), TEST(test_session_is_kept), TEST(test_session_is_not_kept),
		TEST(test_pact), TEST(test_pact_of_another_key), TEST(test_no_pact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
