/* SPDX-License-Identifier: ISC */
/* What NOTIFY SET asks (RFC 5465 s8), and what became of names (s5.4, s5.5). */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "imapd/imap_notify_diff.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/ipc/store_proto.h"

static struct imap_notify_spec	spec;
static struct arena		arena;
static char			said[2000];

static const char *
parse(const char *text)
{
	struct imap_parser p;

	imap_notify_spec_fini(&spec);
	imap_notify_spec_init(&spec);
	arena_reset(&arena);
	imap_parser_init(&p, slice_str(text), &arena);
	imap_notify_spec_parse(&p, &spec);
	return imap_parser_end(&p) ? NULL : p.what;
}

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 8u << 20);
	imap_notify_spec_init(&spec);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	imap_notify_spec_fini(&spec);
	arena_fini(&arena);
	return 0;
}

#define MSG	"MessageNew MessageExpunge"

static void
test_parse(void **state)
{
	(void)state;
	assert_null(parse(" STATUS (selected (MessageNew (uid body.peek[header.fields (from to)]) "
	    "MessageExpunge)) (subtree (Lists \"a b\") (" MSG " flagchange)) (personal NONE)"));
	assert_true(spec.status && spec.has_selected && !spec.delayed && !spec.bad_event);
	assert_int_equal(spec.selected, IMAP_NOTIFY_NEW | IMAP_NOTIFY_EXPUNGE);
	assert_slice(spec.fetch, "(uid body.peek[header.fields (from to)])");
	assert_int_equal(spec.count, 2);
	assert_int_equal(imap_notify_spec_events(&spec, SLICE_LIT("a b/c"), false),
	    IMAP_NOTIFY_MESSAGES);
	assert_int_equal(imap_notify_spec_events(&spec, SLICE_LIT("a"), false), 0);
	/* several groups at one mailbox */
	assert_null(parse(" (mailboxes INBOX (" MSG ")) (personal (SubscriptionChange)) "
	    "(subscribed (MailboxMetadataChange)) (inboxes (MailboxName ServerMetadataChange))"));
	assert_int_equal(imap_notify_spec_events(&spec, SLICE_LIT("INBOX"), true), 127 & ~4u);
	assert_int_equal(imap_notify_spec_events(&spec, SLICE_LIT("x"), false),
	    IMAP_NOTIFY_SUBSCRIPTION);
	assert_null(parse(" (selected-delayed (" MSG "))"));
	assert_true(spec.delayed && !spec.status && spec.fetch.n == 0);
	/* no event of ours: not a mistake of the syntax */
	assert_null(parse(" (personal (" MSG " FlagChange AnnotationChange))"));
	assert_true(spec.bad_event);
	assert_null(parse(" (selected (" MSG " x-new))"));
	assert_true(spec.bad_event);
}

static void
test_mistakes(void **state)
{
	static const char *const bad[] = {
		"", " ", " STATUS", " (selected)", " (selected ())", " (selected (" MSG ")",
		" (selected (" MSG ")) ", " (selected MessageNew)", " (selected (MessageNew))",
		" (personal (MessageExpunge))", " (personal (FlagChange))",
		" (selected (" MSG ")) (selected-delayed (" MSG "))",
		" (selected (MailboxName))", " (selected (" MSG " ServerMetadataChange))",
		" (personal (MessageNew (UID) MessageExpunge))", " (nowhere (" MSG "))",
		" (subtree-one a (" MSG "))", " (mailboxes () (" MSG "))", " (subtree (" MSG "))",
		" (selected (MessageNew (BODY[) MessageExpunge))", " (selected (MessageNew () MessageExpunge))",
		" (selected NONE) (selected NONE)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i]) == NULL)
			fail_msg("taken: %s", bad[i]);
}

static void
test_limits(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	for (int over = 0; over < 2; over++) {
		buf_reset(&b);
		for (int i = 0; i < IMAP_NOTIFY_GROUPS_MAX + over; i++)
			buf_put_str(&b, " (personal (MailboxName))");
		assert_int_equal(parse(buf_cstr(&b)) != NULL, over);
		/* the text of what is told of new messages */
		buf_reset(&b);
		buf_put_str(&b, " (selected (MessageNew (BODY[HEADER.FIELDS (");
		for (size_t i = strlen("(BODY[HEADER.FIELDS ()])"); i < IMAP_NOTIFY_FETCH_MAX + (size_t)over; i++)
			buf_put_char(&b, 'x');
		buf_put_str(&b, ")]) MessageExpunge))");
		assert_int_equal(parse(buf_cstr(&b)) != NULL, over);
		if (!over)
			assert_int_equal(spec.fetch.n, IMAP_NOTIFY_FETCH_MAX);
		/* names of one filter */
		buf_reset(&b);
		buf_put_str(&b, " (mailboxes (a");
		for (int i = 1; i < IMAP_FILTER_NAMES_MAX + over; i++)
			buf_printf(&b, " b%d", i);
		buf_put_str(&b, ") (MailboxName))");
		assert_int_equal(parse(buf_cstr(&b)) != NULL, over);
	}
	/* all memory of it */
	buf_reset(&b);
	for (int i = 0; i < IMAP_NOTIFY_GROUPS_MAX; i++)
		buf_put_str(&b, " (mailboxes a (MailboxName))");
	assert_non_null(parse(buf_cstr(&b)));
	buf_fini(&b);
}

/* ---- names ---- */

struct row { uint64_t id; const char *name; bool noselect, children, subscribed, blind; };

static void
fill(struct imap_boxes *b, const struct row *rows)
{
	imap_boxes_init(b, 20);
	for (; rows->name != NULL; rows++)
		assert_int_equal(imap_boxes_add(b, &(struct ipc_mailbox){ .mailbox = rows->id,
		    .noselect = rows->noselect, .children = rows->children,
		    .subscribed = rows->subscribed, .name = slice_str(rows->name),
		    .rights = rows->blind ? STORE_RIGHT_L : STORE_RIGHTS_ALL }), ERR_OK);
	imap_boxes_end(b);
}

static void
tell(void *arg, const struct imap_notify_name *n)
{
	size_t at = strlen(said);

	(void)arg;
	(void)snprintf(said + at, sizeof(said) - at, "%s%.*s%s%.*s;", n->box == NULL ? "-" :
	    n->box->exists ? "" : "!", SLICE_FMT(n->name), n->old_name.n > 0 ? "<" : "",
	    SLICE_FMT(n->old_name));
}

static const char *
diff(const char *what, const struct row *from, const struct row *to, struct slice own)
{
	struct imap_boxes old, now;

	assert_null(parse(what));
	fill(&old, from);
	imap_notify_look(&spec, &old);
	for (size_t i = 0; i < old.count; i++)
		old.v[i].known = old.v[i].events & IMAP_NOTIFY_MESSAGES;
	fill(&now, to);
	said[0] = '\0';
	imap_notify_diff(&spec, &old, &now, own, tell, NULL);
	for (size_t i = 0; i < now.count; i++)
		if (now.v[i].dirty)
			(void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "?%.*s;",
			    SLICE_FMT(imap_boxes_name(&now, &now.v[i])));
	imap_boxes_fini(&old);
	imap_boxes_fini(&now);
	return said;
}

#define D(what, from, to) diff(what, from, to, SLICE_NONE)
#define PERSONAL " (personal (MailboxName))"

static void
test_names(void **state)
{
	static const struct row a[] = { { .id = 1, .name = "INBOX" }, { .name = NULL } };
	static const struct row ab[] = { { .id = 1, .name = "INBOX" }, { .id = 2, .name = "b", .children = true }, { .id = 3, .name = "b/c" }, { .name = NULL } };
	static const struct row moved[] = { { .id = 1, .name = "INBOX" }, { .id = 2, .name = "d", .children = true }, { .id = 3, .name = "d/c" }, { .name = NULL } };
	static const struct row left[] = { { .id = 1, .name = "INBOX" }, { .id = 2, .name = "b" }, { .name = NULL } };
	static const struct row child[] = { { .id = 1, .name = "INBOX" }, { .id = 2, .name = "b" }, { .id = 3, .name = "e" }, { .name = NULL } };
	static const struct row again[] = { { .id = 1, .name = "INBOX" }, { .id = 9, .name = "b", .children = true }, { .id = 3, .name = "b/c" }, { .name = NULL } };
	static const struct row hollow[] = { { .id = 1, .name = "INBOX" }, { .id = 2, .name = "b", .noselect = true, .children = true },
		{ .id = 3, .name = "b/c" }, { .name = NULL } };

	(void)state;
	assert_string_equal(D(PERSONAL, a, a), "");
	assert_string_equal(D(PERSONAL, a, ab), "b;b/c;");
	assert_string_equal(D(PERSONAL, ab, a), "-b;-b/c;");
	assert_string_equal(D(PERSONAL, ab, left), "-b/c;b;");
	/* children follow in silence, but one that went elsewhere */
	assert_string_equal(D(PERSONAL, ab, moved), "d<b;");
	assert_string_equal(D(PERSONAL, ab, child), "e<b/c;");
	/* the parent alone is watched: it is affected */
	assert_string_equal(D(" (mailboxes b (MailboxName))", left, ab), "b;");
	assert_string_equal(D(" (mailboxes b (MailboxName))", ab, left), "b;");
	/* either name of a renamed mailbox is enough */
	assert_string_equal(D(" (mailboxes b (MailboxName))", ab, moved), "d<b;");
	assert_string_equal(D(" (mailboxes d (MailboxName))", ab, moved), "d<b;");
	assert_string_equal(D(" (mailboxes x (MailboxName))", ab, moved), "");
	/* what the client did itself, with all below */
	assert_string_equal(diff(PERSONAL, a, ab, slice_of("b", 2)), "");
	assert_string_equal(diff(PERSONAL, ab, moved, slice_of("b\0d", 4)), "");
	assert_string_equal(diff(PERSONAL, ab, child, slice_of("b", 2)), "e<b/c;");
	/* messages of what is new; a namesake is another mailbox */
	assert_string_equal(D(" (personal (" MSG "))", a, ab), "?b;?b/c;");
	assert_string_equal(D(" (personal (" MSG "))", ab, moved), "");
	assert_string_equal(D(" (personal (" MSG "))", ab, again), "?b;");
	assert_string_equal(D(PERSONAL, ab, hollow), "");
}

static void
test_subscriptions(void **state)
{
	static const struct row off[] = { { .id = 1, .name = "INBOX" }, { .id = 2, .name = "b" }, { .name = NULL } };
	static const struct row on[] = { { .id = 1, .name = "INBOX" }, { .id = 2, .name = "b", .subscribed = true },
		{ .id = 0, .name = "x", .noselect = true, .subscribed = true }, { .name = NULL } };
	static const struct row blind[] = { { .id = 1, .name = "INBOX" }, { .id = 2, .name = "b", .blind = true }, { .name = NULL } };

	(void)state;
	assert_string_equal(D(" (personal (SubscriptionChange))", off, on), "b;!x;");
	assert_string_equal(D(" (personal (SubscriptionChange))", on, off), "-x;b;");
	assert_string_equal(D(PERSONAL, off, on), "");
	/* the set of the subscribed is looked at anew (s6.4) */
	assert_string_equal(D(" (subscribed (" MSG "))", off, on), "?b;");
	assert_string_equal(D(" (subscribed (SubscriptionChange))", on, off), "-x;b;");
	/* s5.9 */
	assert_string_equal(D(PERSONAL, off, blind), "b;");
	assert_string_equal(D(PERSONAL, blind, off), "b;");
	assert_string_equal(D(" (mailboxes x (MailboxName))", off, blind), "");
}

static void
test_boxes(void **state)
{
	struct imap_boxes b;
	char name[8];

	(void)state;
	imap_boxes_init(&b, 100);
	for (int i = 0; i <= 100; i++) {
		(void)snprintf(name, sizeof(name), "m%d", (i * 37) % 101);
		assert_int_equal(imap_boxes_add(&b, &(struct ipc_mailbox){ .mailbox = (uint64_t)i + 1,
		    .name = slice_str(name) }), i < 100 ? ERR_OK : ERR_LIMIT);
	}
	imap_boxes_end(&b);
	for (int i = 0; i < 100; i++) {
		struct imap_box *x;

		(void)snprintf(name, sizeof(name), "m%d", (i * 37) % 101);
		x = imap_boxes_find(&b, slice_str(name));
		assert_ptr_equal(x, imap_boxes_find_id(&b, (uint64_t)i + 1));
		assert_non_null(x);
	}
	assert_null(imap_boxes_find(&b, SLICE_LIT("n")));
	assert_null(imap_boxes_find_id(&b, 0));
	imap_boxes_fini(&b);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subscriptions, setup, teardown),
		cmocka_unit_test(test_boxes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
