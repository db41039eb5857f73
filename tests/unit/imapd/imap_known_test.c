/* SPDX-License-Identifier: ISC */
#include "imapd/imap_known.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

#define INBOX	SLICE_LIT("INBOX")

static int
setup(void **state)
{
	*state = imap_known_new();
	return 0;
}

static int
teardown(void **state)
{
	struct imap_known *k = *state;

	imap_known_free(&k);
	assert_null(k);
	imap_known_free(&k);
	return 0;
}

static void
keep(struct imap_known *k, uint64_t account, struct slice name, uint64_t pulse, uint32_t exists)
{
	const struct ipc_store_selected m = { .exists = exists, .keywords = SLICE_LIT("a\0b\0") };

	imap_known_keep(k, account, name, pulse, &m);
}

static uint32_t
exists(struct imap_known *k, uint64_t account, struct slice name, uint64_t pulse)
{
	const struct ipc_store_selected *m = imap_known_find(k, account, name, pulse);

	return m != NULL ? m->exists : 0;
}

static void
is_kept(void **state)
{
	const struct ipc_store_selected *m;

	keep(*state, 1, INBOX, 5, 3);
	keep(*state, 2, INBOX, 5, 4);
	keep(*state, 1, SLICE_LIT("INBOX2"), 5, 6);
	m = imap_known_find(*state, 1, INBOX, 5);
	assert_non_null(m);
	assert_int_equal(m->exists, 3);
	assert_int_equal(m->keywords.n, 4);
	assert_memory_equal(m->keywords.p, "a\0b", 4);
	assert_int_equal(exists(*state, 2, INBOX, 5), 4);
	assert_int_equal(exists(*state, 1, SLICE_LIT("INBOX2"), 5), 6);
	assert_int_equal(exists(*state, 1, SLICE_LIT("INBO"), 5), 0);
	assert_int_equal(exists(*state, 3, INBOX, 5), 0);
	/* The newest counts, and once. */
	keep(*state, 1, INBOX, 6, 7);
	assert_int_equal(exists(*state, 1, INBOX, 6), 7);
	imap_known_forget(*state);
	assert_int_equal(exists(*state, 1, INBOX, 6), 0);
	assert_int_equal(exists(*state, 2, INBOX, 5), 0);
}

/* What the pulse has left behind does not come back with it. */
static void
is_of_one_pulse(void **state)
{
	keep(*state, 1, INBOX, 5, 3);
	assert_int_equal(exists(*state, 1, INBOX, 6), 0);
	assert_int_equal(exists(*state, 1, INBOX, 5), 0);
	keep(*state, 1, INBOX, 0, 3);
	assert_int_equal(exists(*state, 1, INBOX, 0), 0);
	keep(NULL, 1, INBOX, 5, 3);
	assert_int_equal(exists(NULL, 1, INBOX, 5), 0);
	imap_known_forget(NULL);
}

static void
is_not_of_recent_mail(void **state)
{
	const struct ipc_store_selected m = { .exists = 3, .recent = 1 };

	keep(*state, 1, INBOX, 5, 2);
	imap_known_keep(*state, 1, INBOX, 5, &m);
	assert_int_equal(exists(*state, 1, INBOX, 5), 0);
}

static void
is_short(void **state)
{
	static const char words[IMAP_KNOWN_KEYWORDS_MAX + 1];
	struct ipc_store_selected m = { .exists = 3 };

	m.keywords = slice_of(words, IMAP_KNOWN_KEYWORDS_MAX);
	imap_known_keep(*state, 1, INBOX, 5, &m);
	assert_int_equal(exists(*state, 1, INBOX, 5), 3);
	m.keywords = slice_of(words, IMAP_KNOWN_KEYWORDS_MAX + 1);
	imap_known_keep(*state, 1, INBOX, 6, &m);
	assert_int_equal(exists(*state, 1, INBOX, 6), 0);
}

/* One more than there is room for: the one that was not asked for goes. */
static void
are_few(void **state)
{
	unsigned there = 0;

	for (uint64_t a = 1; a <= IMAP_KNOWN_MAX; a++)
		keep(*state, a, INBOX, 5, (uint32_t)a);
	assert_int_equal(exists(*state, 1, INBOX, 5), 1);
	keep(*state, IMAP_KNOWN_MAX + 1, INBOX, 5, 9);
	assert_int_equal(exists(*state, 2, INBOX, 5), 0);
	assert_int_equal(exists(*state, 1, INBOX, 5), 1);
	for (uint64_t a = 1; a <= IMAP_KNOWN_MAX + 1; a++)
		there += exists(*state, a, INBOX, 5) != 0;
	assert_int_equal(there, IMAP_KNOWN_MAX);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(is_kept), T(is_of_one_pulse), T(is_not_of_recent_mail), T(is_short), T(are_few),
	};
#undef T

	return cmocka_run_group_tests_name("imapd/imap_known", tests, NULL, NULL);
}
