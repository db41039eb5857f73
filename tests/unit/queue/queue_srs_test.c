/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/cc.h"
#include "queue/queue_srs.h"

#define DAY_S	86400u
#define NOW_S	(1000u * DAY_S + 5)	/* a day before TT begins anew: 1000 mod 1024 */

static struct queue_srs
make(void)
{
	struct queue_srs s = { .has_keys = true, .separator = '=', .max_age_days = 21 };

	memset(s.keys[0], 1, CRY_KEY_BYTES);
	memset(s.keys[1], 2, CRY_KEY_BYTES);
	return s;
}

static enum err
forward(const struct queue_srs *s, const char *sender, uint64_t now_s, char *dst)
{
	char text[ADDR_TEXT_MAX + 1];
	struct slice out = SLICE_NONE;
	enum err e;

	e = queue_srs_forward(s, slice_str(sender), SLICE_LIT("ours.example"), now_s, text, &out);
	assert_true(slice_to_cstr(out, dst, ADDR_TEXT_MAX + 1));
	return e;
}

static enum err
reverse(const struct queue_srs *s, const char *rcpt, uint64_t now_s, char *dst)
{
	char text[ADDR_TEXT_MAX + 1];
	struct addr a, out;
	enum err e;

	dst[0] = '\0';
	if (addr_parse(slice_str(rcpt), ADDR_UTF8, &a) != ERR_OK)
		return ERR_SYNTAX;
	e = queue_srs_reverse(s, &a, now_s, &out);
	if (e == ERR_OK)
		assert_true(slice_to_cstr(addr_text(&out, text), dst, ADDR_TEXT_MAX + 1));
	return e;
}

/* The addresses are on their way in other hosts' queues: they must not change. */
static void
test_vectors(void **state)
{
	static const struct { const char *sender, *rewritten, *back; } cases[] = {
		{ "alice@far.example", "SRS0=@=7I=far.example=alice@ours.example",
		  "alice@far.example" },
		{ "Alice+x=y@Far.Example", "SRS0=@=7I=Far.Example=Alice+x=y@ours.example",
		  "Alice+x=y@Far.Example" },
		{ "\"a b\"@far.example", "\"SRS0=@=7I=far.example=a b\"@ours.example",
		  "\"a b\"@far.example" },
		{ "x@[192.0.2.1]", "\"SRS0=@=7I=[192.0.2.1]=x\"@ours.example", "x@[192.0.2.1]" },
		{ "j\xc3\xbcrg@far.example", "SRS0=@=7I=far.example=j\xc3\xbcrg@ours.example",
		  "j\xc3\xbcrg@far.example" },
		{ "SRS0=abcd=7G=orig.example=bob@mid.example",
		  "SRS1=@=mid.example==abcd=7G=orig.example=bob@ours.example",
		  "SRS0=abcd=7G=orig.example=bob@mid.example" },
		{ "srs0+abcd=7G=orig.example=bob@mid.example",
		  "SRS1=@=mid.example=+abcd=7G=orig.example=bob@ours.example",
		  "SRS0+abcd=7G=orig.example=bob@mid.example" },
		{ "SRS1+zzzz=mid.example=-abcd=7G=o.example=bob@two.example",
		  "SRS1=@=mid.example=-abcd=7G=o.example=bob@ours.example",
		  "SRS0-abcd=7G=o.example=bob@mid.example" },
		/* not rewritten ones, whatever they look like */
		{ "SRS1=zzzz@two.example", "SRS0=@=7I=two.example=SRS1=zzzz@ours.example",
		  "SRS1=zzzz@two.example" },
		{ "SRS0@two.example", "SRS0=@=7I=two.example=SRS0@ours.example",
		  "SRS0@two.example" },
	};
	struct queue_srs s = make();
	char text[ADDR_TEXT_MAX + 1], back[ADDR_TEXT_MAX + 1], want[ADDR_TEXT_MAX + 1];
	char *hash;
	size_t i, at;

	(void)state;
	for (i = 0; i < lengthof(cases); i++) {
		assert_int_equal(forward(&s, cases[i].sender, NOW_S, text), ERR_OK);
		at = strcspn(cases[i].rewritten, "@");
		hash = text + at;
		(void)snprintf(want, sizeof(want), "%.*s%.6s%s", (int)at, cases[i].rewritten,
		    hash, cases[i].rewritten + at + 1);
		assert_string_equal(text, want);
		assert_int_equal(strspn(hash, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 6);
		assert_int_equal(reverse(&s, text, NOW_S, back), ERR_OK);
		assert_string_equal(back, cases[i].back);
	}
	assert_int_equal(forward(&s, "alice@far.example", NOW_S, text), ERR_OK);
	assert_string_equal(text, "SRS0=3PORDO=7I=far.example=alice@ours.example");
	assert_int_equal(forward(&s, "SRS0=abcd=7G=o.example=b@mid.example", NOW_S, text), ERR_OK);
	assert_string_equal(text, "SRS1=KYADDS=mid.example==abcd=7G=o.example=b@ours.example");
}

static void
test_separators(void **state)
{
	struct queue_srs s = make(), other = make();
	char text[ADDR_TEXT_MAX + 1], back[ADDR_TEXT_MAX + 1];
	const char *c;

	(void)state;
	for (c = "=+-"; *c != '\0'; c++) {
		s.separator = *c;
		assert_int_equal(forward(&s, "a@far.example", NOW_S, text), ERR_OK);
		assert_int_equal(text[4], *c);
		/* the option may have been another one */
		assert_int_equal(reverse(&other, text, NOW_S, back), ERR_OK);
		assert_string_equal(back, "a@far.example");
	}
}

static void
test_case(void **state)
{
	struct queue_srs s = make();
	char text[ADDR_TEXT_MAX + 1], back[ADDR_TEXT_MAX + 1];
	size_t i;

	(void)state;
	assert_int_equal(forward(&s, "Alice@far.example", NOW_S, text), ERR_OK);
	for (i = 0; text[i] != '\0'; i++)
		text[i] = ascii_lower(text[i]);
	assert_int_equal(reverse(&s, text, NOW_S, back), ERR_OK);
	assert_string_equal(back, "alice@far.example");
	for (i = 0; text[i] != '\0'; i++)
		text[i] = ascii_upper(text[i]);
	assert_int_equal(reverse(&s, text, NOW_S, back), ERR_OK);
	assert_string_equal(back, "ALICE@FAR.EXAMPLE");
}

static void
test_age(void **state)
{
	struct queue_srs s = make();
	char text[ADDR_TEXT_MAX + 1], back[ADDR_TEXT_MAX + 1];

	(void)state;
	assert_int_equal(forward(&s, "a@far.example", NOW_S, text), ERR_OK);
	assert_int_equal(reverse(&s, text, NOW_S + 21 * DAY_S, back), ERR_OK);
	assert_int_equal(reverse(&s, text, NOW_S + 22 * DAY_S, back), ERR_TIMEOUT);
	assert_int_equal(reverse(&s, text, NOW_S + 25 * DAY_S, back), ERR_TIMEOUT);
	/* over the day on which TT begins anew */
	s.max_age_days = 30;
	assert_int_equal(reverse(&s, text, NOW_S + 30 * DAY_S, back), ERR_OK);
	assert_int_equal(reverse(&s, text, NOW_S + 31 * DAY_S, back), ERR_TIMEOUT);
	/* SRS1 has no day */
	assert_int_equal(forward(&s, "SRS0=a=b=c=d@mid.example", NOW_S, text), ERR_OK);
	assert_int_equal(reverse(&s, text, NOW_S + 500 * DAY_S, back), ERR_OK);
}

static void
test_keys(void **state)
{
	struct queue_srs s = make(), next = make();
	char text[ADDR_TEXT_MAX + 1], back[ADDR_TEXT_MAX + 1];

	(void)state;
	assert_int_equal(forward(&s, "a@far.example", NOW_S, text), ERR_OK);
	/* the period is over: the key is the older one now, then it is gone */
	memcpy(next.keys[1], s.keys[0], CRY_KEY_BYTES);
	memset(next.keys[0], 3, CRY_KEY_BYTES);
	assert_int_equal(reverse(&next, text, NOW_S, back), ERR_OK);
	memset(next.keys[1], 4, CRY_KEY_BYTES);
	assert_int_equal(reverse(&next, text, NOW_S, back), ERR_DENIED);
	s.has_keys = false;
	assert_int_equal(reverse(&s, text, NOW_S, back), ERR_AGAIN);
	assert_int_equal(forward(&s, "a@far.example", NOW_S, back), ERR_AGAIN);
}

/* No byte may be another one, but for its case, and none may be missing. */
static void
test_forged(void **state)
{
	static const char *const made[] = { "alice@far.example",
		"SRS0=abcd=7G=orig.example=bob@mid.example" };
	struct queue_srs s = make();
	char text[ADDR_TEXT_MAX + 1], forged[ADDR_TEXT_MAX + 1], back[ADDR_TEXT_MAX + 1];
	size_t i, k, n;
	enum err e;

	(void)state;
	for (k = 0; k < lengthof(made); k++) {
		assert_int_equal(forward(&s, made[k], NOW_S, text), ERR_OK);
		n = strcspn(text, "@");
		for (i = 0; i < n; i++) {
			memcpy(forged, text, sizeof(forged));
			forged[i] = text[i] == 'x' ? 'y' : 'x';
			e = reverse(&s, forged, NOW_S, back);
			/* behind SRS0 any separator may stand, but no x */
			assert_true(e == ERR_DENIED || e == ERR_NOTFOUND);
			memmove(forged + i, text + i + 1, sizeof(forged) - i - 1);
			assert_int_not_equal(reverse(&s, forged, NOW_S, back), ERR_OK);
		}
		for (i = 1; i < n; i++) {
			(void)snprintf(forged, sizeof(forged), "%.*s@ours.example", (int)i, text);
			assert_int_not_equal(reverse(&s, forged, NOW_S, back), ERR_OK);
		}
	}
	assert_int_equal(reverse(&s, "SRS0=AAAAAA=7I=far.example=a@ours.example", NOW_S, back),
	    ERR_DENIED);
	assert_int_equal(reverse(&s, "SRS0==7I=far.example=a@ours.example", NOW_S, back),
	    ERR_NOTFOUND);
	assert_int_equal(reverse(&s, "SRS1=AAAAAA=far.example=x@ours.example", NOW_S, back),
	    ERR_NOTFOUND);
	assert_int_equal(reverse(&s, "SRS@ours.example", NOW_S, back), ERR_NOTFOUND);
}

/* A local part has 64 octets (RFC 5321 s4.5.3.1.1). */
static void
test_length(void **state)
{
	struct queue_srs s = make();
	char sender[ADDR_TEXT_MAX + 1], text[ADDR_TEXT_MAX + 1], back[ADDR_TEXT_MAX + 1];
	const int room = 64 - 15 - 12;	/* SRS0=HHHHHH=TT= and far.example= */

	(void)state;
	(void)snprintf(sender, sizeof(sender), "%0*d@far.example", room, 7);
	assert_int_equal(forward(&s, sender, NOW_S, text), ERR_OK);
	assert_int_equal(strcspn(text, "@"), 64);
	assert_int_equal(reverse(&s, text, NOW_S, back), ERR_OK);
	assert_string_equal(back, sender);
	(void)snprintf(sender, sizeof(sender), "%0*d@far.example", room + 1, 7);
	assert_int_equal(forward(&s, sender, NOW_S, text), ERR_LIMIT);
	assert_int_equal(forward(&s, "", NOW_S, text), ERR_SYNTAX);
	assert_int_equal(forward(&s, "alice", NOW_S, text), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_separators),
		cmocka_unit_test(test_case),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_length),
	};

	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
