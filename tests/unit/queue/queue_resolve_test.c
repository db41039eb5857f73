/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/conf/conf_sections.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_resolve.h"

static const unsigned char key[32] = "a public key for this test......";

static void
account(struct queue_resolver *r, uint64_t id, const char *address, bool enabled)
{
	const struct ipc_fact_account a = { .account = id, .address = slice_str(address),
	    .public_key = slice_of(key, 32), .sealing = SEALING_ESCROW, .enabled = enabled };

	assert_int_equal(queue_resolve_account(r, &a), ERR_OK);
}

/* targets parted by commas */
static void
alias(struct queue_resolver *r, const char *address, const char *targets)
{
	struct ipc_fact_alias a = { .address = slice_str(address) };
	char bytes[1000];
	size_t i, n = strlen(targets);

	memcpy(bytes, targets, n + 1);
	for (i = 0; i < n; i++)
		if (bytes[i] == ',')
			bytes[i] = '\0';
	a.targets = slice_of(bytes, n > 0 ? n + 1 : 0);
	assert_int_equal(queue_resolve_alias(r, &a), ERR_OK);
}

static void
domain(struct queue_resolver *r, const char *name, unsigned class, const char *target)
{
	queue_resolve_add_domain(r, &(struct queue_domain_conf){ .name = name, .class = class,
	    .target = target });
}

static void
fill(struct queue_resolver *r)
{
	queue_resolve_init(r);
	queue_resolve_set(r, "mx.example.test", "", "+");
	domain(r, "example.test", CONF_CLASS_MAILBOX, "");
	domain(r, "example.org", CONF_CLASS_ALIAS, "example.test");
	domain(r, "old.example", CONF_CLASS_RELAY, "");
	domain(r, "m\xc3\xbcnchen.example", CONF_CLASS_MAILBOX, "");
	queue_resolve_begin(r, 1);
	account(r, 2, "bob@example.test", true);
	account(r, 1, "alice@example.test", true);
	account(r, 3, "carol@example.test", false);
	account(r, 4, "dave+real@example.test", true);
	account(r, 5, "uwe@m\xc3\xbcnchen.example", true);
	alias(r, "sales@example.test", "alice@example.test,bob@example.test");
	alias(r, "all@example.test", "sales@example.test,carol@example.test,bob@example.test");
	alias(r, "bob@example.test", "bob@example.test,bob@far.example");
	alias(r, "loop1@example.test", "loop2@example.test");
	alias(r, "loop2@example.test", "loop1@example.test");
	alias(r, "dead@example.test", "nobody@example.test");
	alias(r, "bob+special@example.test", "alice@example.test");
	alias(r, "moved@example.test", "x@old.example");
	queue_resolve_end(r, 1);
}

static enum err
collect(void *arg, struct slice address, uint8_t class, const struct queue_account *a,
    bool forwarded)
{
	char *out = arg;
	size_t n = strlen(out);

	assert_true((a != NULL) == (class == QUEUE_LOCAL));
	(void)snprintf(out + n, 1000 - n, "%s%.*s%s", n > 0 ? " " : "", SLICE_FMT(address),
	    forwarded ? "!>" : class == QUEUE_REMOTE ? "!" : "");
	return ERR_OK;
}

static void
test_recipients(void **state)
{
	static const struct { const char *rcpt; bool relay; const char *result, *dsn; } cases[] = {
		{ "alice@example.test", false, "alice@example.test", "" },
		{ "ALICE@EXAMPLE.TEST", false, "alice@example.test", "" },
		{ "alice+x+y@example.test", false, "alice@example.test", "" },
		{ "alice@example.org", false, "alice@example.test", "" },
		{ "Alice+News@Example.Org", false, "alice@example.test", "" },
		{ "dave+real@example.test", false, "dave+real@example.test", "" },
		{ "dave@example.test", false, "", "5.1.1" },
		{ "nobody@example.test", false, "", "5.1.1" },
		{ "nobody@example.org", false, "", "5.1.1" },
		{ "carol@example.test", false, "", "5.2.1" },
		{ "bob@example.test", false, "bob@example.test bob@far.example!>", "" },
		{ "bob+x@example.test", false, "bob@example.test bob@far.example!>", "" },
		{ "bob+special@example.test", false, "alice@example.test", "" },
		{ "sales@example.test", false,
		  "alice@example.test bob@example.test bob@far.example!>", "" },
		{ "sales@example.org", false,
		  "alice@example.test bob@example.test bob@far.example!>", "" },
		{ "all@example.test", false,
		  "alice@example.test bob@example.test bob@far.example!>", "" },
		{ "loop1@example.test", false, "", "4.3.5" },
		{ "dead@example.test", false, "", "5.1.1" },
		{ "x@far.example", false, "", "5.7.1" },
		{ "x@far.example", true, "x@far.example!", "" },
		{ "x@old.example", false, "x@old.example!", "" },
		{ "moved@example.test", false, "x@old.example!", "" },
		{ "uwe@m\xc3\xbcnchen.example", false, "uwe@xn--mnchen-3ya.example", "" },
		{ "uwe@xn--mnchen-3ya.example", false, "uwe@xn--mnchen-3ya.example", "" },
		{ "postmaster", false, "alice@example.test", "" },
		{ "Postmaster", false, "alice@example.test", "" },
		{ "postmaster@example.test", false, "alice@example.test", "" },
		{ "abuse@example.org", false, "alice@example.test", "" },
		{ "root@mx.example.test", false, "alice@example.test", "" },
		{ "other@mx.example.test", false, "", "5.7.1" },
		{ "", false, "", "5.1.3" },
		{ "alice", false, "", "5.1.3" },
		{ "alice@", false, "", "5.1.3" },
		{ "a b@example.test", false, "", "5.1.3" },
		/* a path inside a local part is not looked into */
		{ "x%far.example@example.test", false, "", "5.1.1" },
		{ "x%far.example@example.org", false, "", "5.1.1" },
		{ "\"x@far.example\"@example.test", false, "", "5.1.1" },
		{ "far.example!x@example.test", false, "", "5.1.1" },
		{ "\"Alice\"@example.test", false, "alice@example.test", "" },
		{ "x@[192.0.2.1]", false, "", "5.7.1" },
		{ "alice@[127.0.0.1]", false, "", "5.7.1" },
		{ "alice@example.test.", false, "", "5.1.3" },
		{ "@example.test:x@far.example", false, "", "5.1.3" },
	};
	struct queue_resolver r;
	struct queue_refusal why;
	char out[1000];
	enum err e;
	size_t i;

	(void)state;
	fill(&r);
	for (i = 0; i < lengthof(cases); i++) {
		out[0] = '\0';
		e = queue_resolve_rcpt(&r, slice_str(cases[i].rcpt), cases[i].relay, collect, out,
		    &why);
		if (cases[i].result[0] != '\0') {
			assert_int_equal(e, ERR_OK);
			assert_string_equal(out, cases[i].result);
		} else {
			assert_int_not_equal(e, ERR_OK);
			assert_int_equal(why.error, e);
			assert_string_equal(why.dsn, cases[i].dsn);
		}
	}
	queue_resolve_fini(&r);
}

/* An account by its own name, or nobody. */
static void
test_sealed(void **state)
{
	static const struct { const char *rcpt, *result, *dsn; } cases[] = {
		{ "Alice@example.test", "alice@example.test", "" },
		{ "alice@example.org", "alice@example.test", "" },
		{ "bob@example.test", "bob@example.test", "" },	/* his alias is not asked */
		{ "dave+real@example.test", "dave+real@example.test", "" },
		{ "uwe@xn--mnchen-3ya.example", "uwe@xn--mnchen-3ya.example", "" },
		{ "postmaster", "alice@example.test", "" },
		{ "alice+x@example.test", "", "5.1.1" },
		{ "sales@example.test", "", "5.1.1" },
		{ "moved@example.test", "", "5.1.1" },
		{ "postmaster@example.test", "", "5.1.1" },
		{ "x@old.example", "", "5.1.1" },
		{ "x@far.example", "", "5.1.1" },
		{ "carol@example.test", "", "5.2.1" },
		{ "alice", "", "5.1.3" },
	};
	struct queue_resolver r;
	struct queue_refusal why;
	char out[1000];
	enum err e;

	(void)state;
	fill(&r);
	for (size_t i = 0; i < lengthof(cases); i++) {
		out[0] = '\0';
		e = queue_resolve_sealed(&r, slice_str(cases[i].rcpt), collect, out, &why);
		assert_string_equal(out, cases[i].result);
		assert_string_equal(why.dsn, cases[i].dsn);
		assert_int_equal(e, why.error);
	}
	alias(&r, "boss@example.test", "alice@example.test,bob@example.test");
	queue_resolve_set(&r, "mx.example.test", "boss@example.test", "+");
	out[0] = '\0';
	assert_int_equal(queue_resolve_sealed(&r, SLICE_LIT("postmaster"), collect, out, &why),
	    ERR_NOTFOUND);
	queue_resolve_fini(&r);
	queue_resolve_init(&r);
	assert_int_equal(queue_resolve_sealed(&r, SLICE_LIT("alice@example.test"), collect, out,
	    &why), ERR_AGAIN);
	queue_resolve_fini(&r);
}

static void
test_postmaster_option(void **state)
{
	struct queue_resolver r;
	struct queue_refusal why;
	char out[1000] = "";

	(void)state;
	fill(&r);
	queue_resolve_set(&r, "mx.example.test", "ops@far.example", "+");
	assert_int_equal(queue_resolve_rcpt(&r, SLICE_LIT("postmaster"), false, collect, out,
	    &why), ERR_OK);
	assert_string_equal(out, "ops@far.example!>");
	/* An account of that name is served first. */
	account(&r, 9, "abuse@example.test", true);
	out[0] = '\0';
	assert_int_equal(queue_resolve_rcpt(&r, SLICE_LIT("abuse@example.test"), false, collect,
	    out, &why), ERR_OK);
	assert_string_equal(out, "abuse@example.test");
	/* Itself, and there is no such account: refused, not turning round. */
	queue_resolve_set(&r, "mx.example.test", "postmaster@example.test", "+");
	assert_int_not_equal(queue_resolve_rcpt(&r, SLICE_LIT("postmaster"), false, collect, out,
	    &why), ERR_OK);
	queue_resolve_fini(&r);
}

static void
test_nesting(void **state)
{
	struct queue_resolver r;
	struct queue_refusal why;
	char from[64], to[64], out[1000];
	unsigned i;

	(void)state;
	fill(&r);
	/* n0 -> n1 -> ... -> n51 -> alice */
	for (i = 0; i <= QUEUE_ALIAS_DEPTH + 1; i++) {
		snprintf(from, sizeof(from), "n%u@example.test", i);
		snprintf(to, sizeof(to), "n%u@example.test", i + 1);
		alias(&r, from, i == QUEUE_ALIAS_DEPTH + 1 ? "alice@example.test" : to);
	}
	out[0] = '\0';
	/* Its fiftieth step is the account. */
	assert_int_equal(queue_resolve_rcpt(&r, SLICE_LIT("n2@example.test"), false, collect, out,
	    &why), ERR_OK);
	assert_string_equal(out, "alice@example.test");
	assert_int_equal(queue_resolve_rcpt(&r, SLICE_LIT("n1@example.test"), false, collect, out,
	    &why), ERR_BUSY);
	assert_string_equal(why.dsn, "4.3.5");
	queue_resolve_fini(&r);
}

static unsigned counted;

static enum err
count(void *arg, struct slice address, uint8_t class, const struct queue_account *a,
    bool forwarded)
{
	(void)arg;
	(void)address;
	(void)class;
	(void)a;
	(void)forwarded;
	counted++;
	return ERR_OK;
}

static void
test_expansion(void **state)
{
	static char targets[16000];
	struct queue_resolver r;
	struct queue_refusal why;
	struct ipc_fact_alias a = { .targets = SLICE_NONE };
	char name[64];
	size_t n = 0;
	unsigned i, k = 0;

	(void)state;
	fill(&r);
	/* Lists of 400 strangers each, and one list of the lists. */
	for (i = 0; i < 13; i++) {
		for (n = 0; n + 40 < sizeof(targets) && k < 400 * (i + 1); k++)
			n += (size_t)snprintf(targets + n, 40, "u%u@far.example", k) + 1;
		snprintf(name, sizeof(name), "list%u@example.test", i);
		a.address = slice_str(name);
		a.targets = slice_of(targets, n);
		assert_int_equal(queue_resolve_alias(&r, &a), ERR_OK);
	}
	counted = 0;
	assert_int_equal(queue_resolve_rcpt(&r, SLICE_LIT("list0@example.test"), false, count,
	    NULL, &why), ERR_OK);
	assert_int_equal(counted, 400);
	for (n = 0, i = 0; i < 13; i++)
		n += (size_t)snprintf(targets + n, 40, "list%u@example.test", i) + 1;
	a.address = SLICE_LIT("big@example.test");
	a.targets = slice_of(targets, n);
	assert_int_equal(queue_resolve_alias(&r, &a), ERR_OK);
	assert_int_equal(queue_resolve_rcpt(&r, SLICE_LIT("big@example.test"), false, count,
	    NULL, &why), ERR_BUSY);
	queue_resolve_fini(&r);
}

static void
test_owners(void **state)
{
	static const struct { uint64_t account; const char *sender; bool owns; } cases[] = {
		{ 1, "alice@example.test", true }, { 1, "alice+x@example.test", true },
		{ 1, "ALICE@example.org", true }, { 1, "", true },
		{ 1, "sales@example.test", true }, { 1, "all@example.test", true },
		{ 1, "bob@example.test", false }, { 2, "alice@example.test", false },
		{ 1, "bob+special@example.test", true }, { 1, "alice@far.example", false },
		{ 1, "nonsense", false }, { 99, "alice@example.test", false },
		{ 2, "loop1@example.test", false },
		{ 5, "uwe@xn--mnchen-3ya.example", true }, { 5, "Uwe+x@M\xc3\x9cNCHEN.example", true },
		{ 1, "\"alice\"@example.test", true }, { 1, "\"bob\"@example.test", false },
		{ 1, "\"alice@example.test\"@far.example", false },
		{ 1, "alice%example.test@far.example", false }, { 1, "alice@[127.0.0.1]", false },
		{ 2, "postmaster@example.test", false }, { 2, "root@mx.example.test", false },
		{ 2, "alice+bob@example.test", false }, { 1, "x@old.example", false },
	};
	struct queue_resolver r;
	size_t i;

	(void)state;
	fill(&r);
	for (i = 0; i < lengthof(cases); i++)
		assert_int_equal(queue_resolve_owns(&r, cases[i].account,
		    slice_str(cases[i].sender)), cases[i].owns ? ERR_OK : ERR_DENIED);
	queue_resolve_fini(&r);
}

/* A replay drops what it does not repeat; until its end the old facts serve. */
static void
test_replay(void **state)
{
	struct queue_resolver r;
	struct queue_refusal why;
	char out[1000] = "";

	(void)state;
	queue_resolve_init(&r);
	domain(&r, "example.test", CONF_CLASS_MAILBOX, "");
	assert_int_equal(queue_resolve_rcpt(&r, SLICE_LIT("bob@example.test"), false, collect,
	    out, &why), ERR_AGAIN);
	assert_string_equal(why.dsn, "4.3.0");
	queue_resolve_fini(&r);
	fill(&r);
	queue_resolve_begin(&r, 2);
	account(&r, 1, "alice@example.test", true);
	account(&r, 7, "dave+real@example.test", true);	/* the address has a new owner */
	assert_non_null(queue_resolve_find(&r, SLICE_LIT("bob@example.test")));
	queue_resolve_end(&r, 1);			/* of the replay before: nothing */
	assert_non_null(queue_resolve_find(&r, SLICE_LIT("bob@example.test")));
	queue_resolve_end(&r, 2);
	assert_null(queue_resolve_find(&r, SLICE_LIT("bob@example.test")));
	assert_int_equal(queue_resolve_find(&r, SLICE_LIT("dave+real@example.test"))->id, 7);
	assert_null(queue_resolve_find_id(&r, 4));
	assert_int_not_equal(queue_resolve_rcpt(&r, SLICE_LIT("sales@example.test"), false,
	    collect, out, &why), ERR_OK);
	queue_resolve_gone(&r, 1);
	queue_resolve_gone(&r, 1);
	assert_null(queue_resolve_find_id(&r, 1));
	queue_resolve_fini(&r);
}

/* A keyd that was restarted counts its replays from the start again. */
static void
test_replay_same_number(void **state)
{
	struct queue_resolver r;

	(void)state;
	fill(&r);
	queue_resolve_begin(&r, 1);
	account(&r, 1, "alice@example.test", true);
	assert_non_null(queue_resolve_find(&r, SLICE_LIT("bob@example.test")));
	queue_resolve_end(&r, 1);
	assert_non_null(queue_resolve_find(&r, SLICE_LIT("alice@example.test")));
	assert_null(queue_resolve_find(&r, SLICE_LIT("bob@example.test")));
	/* An end without its beginning, as of a keyd that is gone. */
	queue_resolve_begin(&r, 2);
	queue_resolve_end(&r, 1);
	assert_non_null(queue_resolve_find(&r, SLICE_LIT("alice@example.test")));
	queue_resolve_fini(&r);
}

static void
test_bad_facts(void **state)
{
	static const struct ipc_fact_account bad[] = {
		{ .account = 0, .address = SLICE_LIT("a@example.test"),
		  .public_key = { (const char *)key, 32 } },
		{ .account = 1, .address = SLICE_LIT("a@example.test"),
		  .public_key = { (const char *)key, 31 } },
		{ .account = 1, .address = SLICE_LIT("nonsense"),
		  .public_key = { (const char *)key, 32 } },
	};
	const struct ipc_fact_alias unended = { .address = SLICE_LIT("a@example.test"),
	    .targets = SLICE_LIT("b@example.test") };
	struct queue_resolver r;
	size_t i;

	(void)state;
	fill(&r);
	for (i = 0; i < lengthof(bad); i++)
		assert_int_equal(queue_resolve_account(&r, &bad[i]), ERR_VIOLATION);
	assert_int_equal(queue_resolve_alias(&r, &unended), ERR_VIOLATION);
	queue_resolve_fini(&r);
}

static void
test_ours(void **state)
{
	static const struct { const char *domain; bool is_ours; } cases[] = {
		{ "example.test", true }, { "EXAMPLE.org", true }, { "old.example", true },
		{ "m\xc3\xbcnchen.example", true }, { "xn--mnchen-3ya.example", true },
		{ "MX.example.test", true }, { "far.example", false }, { "", false },
		{ "sub.example.test", false },
	};
	struct queue_resolver r;
	size_t i;

	(void)state;
	fill(&r);
	for (i = 0; i < lengthof(cases); i++)
		assert_int_equal(queue_resolve_is_ours(&r, slice_str(cases[i].domain)),
		    cases[i].is_ours);
	queue_resolve_fini(&r);
}

/* ---- tables ---- */

struct queue_map {
	bool	 is_broken;
	struct {
		const char	*key;
		const char	*value;
	}	 rows[20];
};

static enum err
look(struct queue_map *m, struct slice wanted, struct slice *value)
{
	size_t i;

	*value = SLICE_NONE;
	if (m->is_broken)
		return ERR_CORRUPT;
	for (i = 0; m->rows[i].key != NULL; i++)
		if (slice_eq_str(wanted, m->rows[i].key)) {
			*value = slice_str(m->rows[i].value);
			return ERR_OK;
		}
	return ERR_NOTFOUND;
}

static struct queue_map aliases = { .rows = {
	{ "info@tables.example", "alice@example.test, far@far.example" },
	{ "team", "info, bob@example.test" },
	{ "anna+lists", "bob@example.test" },
	{ "anna", "alice@example.test" },
	{ "otto+x@tables.example", "otto" },
	{ "uli", "uli" },
	{ "bob@example.test", "alice@example.test" },	/* not of this domain's */
	{ "\"a b\"", "\"c, d\"@far.example,, alice@example.test ," },
	{ "wrong", "alice@example.test, not an address" },
	{ "turn", "nrut" }, { "nrut", "turn" },
	{ "@tables.example", "@catch.example" },
	{ "@catch.example", "postmaster@example.test" },
} };
static struct queue_map recipients = { .rows = {
	{ "carl@listed.example", "" }, { "dora", "OK" }, { "@all.example", "x" },
} };
static struct queue_map away = { .is_broken = true };

static void
fill_tables(struct queue_resolver *r)
{
	static const struct queue_domain_conf domains[] = {
		{ .name = "tables.example", .class = CONF_CLASS_MAILBOX, .target = "",
		  .aliases = &aliases, .size_limit = 500 },
		{ .name = "catch.example", .class = CONF_CLASS_MAILBOX, .target = "",
		  .aliases = &aliases },
		{ .name = "moved.example", .class = CONF_CLASS_ALIAS, .target = "tables.example",
		  .size_limit = 400 },
		{ .name = "listed.example", .class = CONF_CLASS_RELAY, .target = "",
		  .recipients = &recipients, .size_limit = 600 },
		{ .name = "all.example", .class = CONF_CLASS_RELAY, .target = "",
		  .recipients = &recipients, .aliases = &aliases },
		{ .name = "away.example", .class = CONF_CLASS_MAILBOX, .target = "",
		  .aliases = &away },
		{ .name = "gone.example", .class = CONF_CLASS_RELAY, .target = "",
		  .recipients = &away },
	};
	size_t i;

	fill(r);
	queue_resolve_set_lookup(r, look);
	for (i = 0; i < lengthof(domains); i++)
		queue_resolve_add_domain(r, &domains[i]);
	account(r, 20, "otto@tables.example", true);
	account(r, 21, "uli@tables.example", true);
	account(r, 22, "info@tables.example", true);
	account(r, 23, "ida@tables.example", true);
	account(r, 24, "ida@away.example", true);
}

static void
test_tables(void **state)
{
	static const struct { const char *rcpt, *result, *dsn; uint64_t limit; } cases[] = {
		/* a table counts before an account of the name */
		{ "info@tables.example", "alice@example.test far@far.example!>", "", 500 },
		{ "Info+x@Tables.example", "alice@example.test far@far.example!>", "", 500 },
		{ "team@tables.example", "alice@example.test far@far.example!> bob@example.test "
		  "bob@far.example!>", "", 500 },
		{ "team@moved.example", "alice@example.test far@far.example!> bob@example.test "
		  "bob@far.example!>", "", 400 },
		/* with the extension, then without */
		{ "anna+lists@tables.example", "bob@example.test bob@far.example!>", "", 500 },
		{ "anna+other@tables.example", "alice@example.test", "", 500 },
		{ "otto+x@tables.example", "otto@tables.example", "", 500 },
		{ "uli@tables.example", "uli@tables.example", "", 500 },
		{ "uli+y@tables.example", "uli@tables.example", "", 500 },
		{ "ida@tables.example", "ida@tables.example", "", 500 },
		{ "bob@example.test", "bob@example.test bob@far.example!>", "", 0 },
		{ "\"a b\"@tables.example", "\"c, d\"@far.example!> alice@example.test", "", 500 },
		{ "wrong@tables.example", "", "4.3.0", 500 },
		{ "turn@tables.example", "", "4.3.5", 500 },
		/* what is left over, at its own name in the other domain */
		{ "else@tables.example", "alice@example.test", "", 500 },
		{ "abuse@tables.example", "alice@example.test", "", 500 },
		{ "carl@listed.example", "carl@listed.example!", "", 600 },
		{ "Carl+x@LISTED.example", "Carl+x@listed.example!", "", 600 },
		{ "dora@listed.example", "dora@listed.example!", "", 600 },
		{ "emil@listed.example", "", "5.1.1", 600 },
		{ "abuse@listed.example", "", "5.1.1", 600 },
		{ "postmaster@listed.example", "postmaster@listed.example!", "", 600 },
		{ "emil@all.example", "emil@all.example!", "", 0 },
		{ "info@all.example", "info@all.example!", "", 0 },
		{ "anna@all.example", "alice@example.test", "", 0 },
		/* no table, no answer */
		{ "ida@away.example", "", "4.3.0", 0 },
		{ "postmaster@away.example", "", "4.3.0", 0 },
		{ "carl@gone.example", "", "4.3.0", 0 },
	};
	struct queue_resolver r;
	struct queue_refusal why;
	char out[1000];
	enum err e;
	size_t i;

	(void)state;
	fill_tables(&r);
	for (i = 0; i < lengthof(cases); i++) {
		out[0] = '\0';
		e = queue_resolve_rcpt(&r, slice_str(cases[i].rcpt), false, collect, out, &why);
		if (cases[i].dsn[0] == '\0') {
			assert_int_equal(e, ERR_OK);
			assert_string_equal(out, cases[i].result);
		} else {
			assert_int_not_equal(e, ERR_OK);
			assert_string_equal(why.dsn, cases[i].dsn);
		}
		assert_int_equal(why.size_limit, cases[i].limit);
	}
	queue_resolve_fini(&r);
}

static void
test_table_owners(void **state)
{
	static const struct { uint64_t account; const char *sender; enum err result; } cases[] = {
		{ 1, "anna@tables.example", ERR_OK }, { 2, "anna@tables.example", ERR_DENIED },
		{ 2, "anna+lists@tables.example", ERR_OK }, { 1, "team@moved.example", ERR_OK },
		{ 22, "info@tables.example", ERR_DENIED }, { 1, "info@tables.example", ERR_OK },
		{ 24, "ida@away.example", ERR_AGAIN },
	};
	struct queue_resolver r;
	size_t i;

	(void)state;
	fill_tables(&r);
	for (i = 0; i < lengthof(cases); i++)
		assert_int_equal(queue_resolve_owns(&r, cases[i].account,
		    slice_str(cases[i].sender)), cases[i].result);
	queue_resolve_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_postmaster_option),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_expansion),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_replay_same_number),
		cmocka_unit_test(test_bad_facts),
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_table_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
