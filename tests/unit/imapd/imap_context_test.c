/* SPDX-License-Identifier: ISC */
/*
 * Searches that a client follows (RFC 5267): what is kept of them, the
 * responses, and whole sessions in which a client that does as it is told has
 * at every moment what a new search finds.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/imap_context.h"
#include "imapd/imap_delta.h"
#include "imapd/imap_results.h"
#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/base/num.h"
#include "tests/unit/imapd/imap_say.h"

/* ---- results ---- */

static void
fill(struct imap_results *r, bool sorted, const char *uids)
{
	struct slice rest = slice_str(uids);
	struct imap_found found;
	uint64_t uid;

	imap_found_init(&found, 1000);
	while (rest.n > 0 && num_read_u64(&rest, 100000, &uid) == ERR_OK) {
		/* every UID is in the view: its number is the same */
		imap_found_add(&found, (uint32_t)uid, (uint32_t)uid, 0);
		rest = slice_from(rest, 1);
	}
	imap_results_init(r, sorted);
	imap_results_fill(r, &found);
	imap_found_fini(&found);
}

static void
assert_runs(const struct imap_results *r, const char *want)
{
	struct buf b;

	buf_init(&b, 10000);
	for (uint32_t i = 0; i < r->count; i++)
		buf_printf(&b, "%s%u:%u", i > 0 ? " " : "", r->v[2 * i], r->v[2 * i + 1]);
	assert_slice(buf_slice(&b), want);
	buf_fini(&b);
}

static void
test_runs(void **state)
{
	static const struct { bool sorted; const char *uids, *runs; } rows[] = {
		{ false, "", "" }, { false, "1 2 3 7 9 10", "1:3 7:7 9:10" },
		{ true, "1 2 3 7 9 10", "1:3 7:7 9:10" }, { true, "10 9 8 3 4 5", "10:8 3:5" },
		{ true, "2 1 2 3", "2:1 2:3" }, { true, "5 7 6 5", "5:5 7:5" },
		{ true, "1 3 5", "1:1 3:3 5:5" },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct imap_results r;

		fill(&r, rows[i].sorted, rows[i].uids);
		assert_runs(&r, rows[i].runs);
		imap_results_fini(&r);
	}
}

static void
test_take(void **state)
{
	static const struct { bool sorted; const char *uids; uint32_t uid, place; const char *left; } rows[] = {
		{ false, "1 2 3 7", 2, 0, "1:1 3:3 7:7" }, { false, "1 2 3 7", 1, 0, "2:3 7:7" },
		{ false, "1 2 3 7", 3, 0, "1:2 7:7" }, { false, "1 2 3 7", 7, 0, "1:3" },
		{ true, "9 8 7 1 2", 8, 2, "9:9 7:7 1:2" }, { true, "9 8 7 1 2", 9, 1, "8:7 1:2" },
		{ true, "9 8 7 1 2", 7, 3, "9:8 1:2" }, { true, "9 8 7 1 2", 2, 5, "9:7 1:1" },
		{ true, "9 8 7 1 2", 1, 4, "9:7 2:2" },
	};
	struct imap_results r;
	uint32_t place;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		fill(&r, rows[i].sorted, rows[i].uids);
		assert_false(imap_results_take(&r, 5, &place));
		assert_true(imap_results_has(&r, rows[i].uid));
		assert_true(imap_results_take(&r, rows[i].uid, &place));
		assert_int_equal(place, rows[i].place);
		assert_false(imap_results_has(&r, rows[i].uid));
		assert_runs(&r, rows[i].left);
		imap_results_fini(&r);
	}
}

static void
test_add(void **state)
{
	static const uint32_t order[] = { 5, 1, 3, 2, 4, 9, 3, 8, 7 };
	struct imap_results r;

	(void)state;
	imap_results_init(&r, false);
	for (size_t i = 0; i < lengthof(order); i++)
		imap_results_add(&r, order[i]);
	assert_runs(&r, "1:5 7:9");
	imap_results_fini(&r);
}

/* Messages that follow each other in the view are one run, whatever is missing. */
static void
test_neighbours(void **state)
{
	struct imap_results r;
	struct imap_found found;

	(void)state;
	imap_found_init(&found, 1000);
	for (uint32_t i = 1; i <= 500; i++)
		imap_found_add(&found, 3 * i, i, 0);
	imap_found_add(&found, 2000, 502, 0);
	imap_results_init(&r, false);
	imap_results_fill(&r, &found);
	assert_runs(&r, "3:1500 2000:2000");
	assert_int_equal(imap_results_bytes(&r), 16);
	imap_results_fini(&r);
	imap_found_fini(&found);
}

/* ---- contexts ---- */

static enum err
add(struct imap_context **list, const char *tag, bool sorted, const char *text, uint32_t messages)
{
	struct imap_context_new n = {
		.tag = slice_str(tag), .text = slice_str(text), .uid = true, .sorted = sorted,
	};
	struct imap_found found;
	enum err e;

	imap_found_init(&found, 100000);
	for (uint32_t i = 1; i <= messages; i++)
		imap_found_add(&found, 2 * i, 2 * i, 0);
	e = imap_context_add(list, &n, &found);
	imap_found_fini(&found);
	return e;
}

static void
test_contexts_limit(void **state)
{
	struct imap_context *list = NULL;
	char tag[8];

	(void)state;
	for (unsigned i = 0; i < IMAP_CONTEXTS_MAX; i++) {
		(void)snprintf(tag, sizeof(tag), "t%u", i);
		assert_int_equal(add(&list, tag, false, "ALL", 10), ERR_OK);
	}
	assert_int_equal(add(&list, "one-more", false, "ALL", 10), ERR_LIMIT);
	assert_null(imap_context_find(list, SLICE_LIT("one-more")));
	assert_non_null(imap_context_find(list, SLICE_LIT("t0")));
	assert_true(imap_context_cancel(&list, SLICE_LIT("t2")));
	assert_false(imap_context_cancel(&list, SLICE_LIT("t2")));
	assert_int_equal(add(&list, "one-more", true, "ALL", 10), ERR_OK);
	imap_context_free_all(&list);
	assert_null(list);
}

static void
test_bytes_limit(void **state)
{
	const uint32_t most = (IMAP_CONTEXT_BYTES_MAX - 3) / 8;
	struct imap_context *list = NULL;

	(void)state;
	for (unsigned sorted = 0; sorted < 2; sorted++) {
		assert_int_equal(add(&list, "a", sorted != 0, "ALL", most), ERR_OK);
		/* of all together */
		assert_int_equal(add(&list, "b", false, "ALL", 10), ERR_LIMIT);
		imap_context_free_all(&list);
		assert_int_equal(add(&list, "a", sorted != 0, "ALL", most + 1), ERR_LIMIT);
		assert_null(list);
	}
	/* one that grows */
	assert_int_equal(add(&list, "a", false, "ALL", most), ERR_OK);
	assert_false(imap_context_is_over(list));
	imap_results_add(&list->results, 100001);
	assert_true(imap_context_is_over(list));
	imap_context_free_all(&list);
}

static void
test_delta(void **state)
{
	static const struct { const char *steps, *want; } rows[] = {
		{ "", "" },
		{ "-0,3 -0,4 -0,9", "* ESEARCH (TAG \"t\") UID REMOVEFROM (0 3:4,9)\r\n" },
		{ "-0,3 +0,5 +0,6", "* ESEARCH (TAG \"t\") UID REMOVEFROM (0 3) ADDTO (0 5:6)\r\n" },
		{ "+1,9 +2,7 +5,4 +6,5",
		  "* ESEARCH (TAG \"t\") UID ADDTO (1 9,7 5 4:5)\r\n" },
		{ "-3,8 -3,9 -3,1 -1,2",
		  "* ESEARCH (TAG \"t\") UID REMOVEFROM (3 8:9,1 1 2)\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		const char *p = rows[i].steps;
		unsigned place, number;
		char sign;
		int used;
		struct buf b;
		struct imap_delta d = { .tag = SLICE_LIT("t"), .uid = true, .out = &b };

		buf_init(&b, 1000);
		while (sscanf(p, " %c%u,%u%n", &sign, &place, &number, &used) == 3) {
			if (sign == '-')
				imap_delta_remove(&d, place, number);
			else
				imap_delta_add(&d, place, number);
			p += used;
		}
		imap_delta_end(&d);
		assert_slice(buf_slice(&b), rows[i].want);
		buf_fini(&b);
	}
}

/* ---- a client that does as it is told ---- */

#define NUMBERS	2000
struct model { char tag[16]; bool is_sorted; const char *again; uint32_t v[NUMBERS]; size_t n; };

static void
model_insert(struct model *m, size_t at, uint32_t n)
{
	assert_true(at <= m->n && m->n < NUMBERS);
	memmove(m->v + at + 1, m->v + at, (m->n - at) * sizeof(m->v[0]));
	m->v[at] = n;
	m->n++;
}

static size_t
model_find(const struct model *m, uint32_t n)
{
	size_t at = 0;

	while (at < m->n && m->v[at] != n)
		at++;
	return at;
}

static void
model_change(struct model *m, bool adds, uint32_t place, uint32_t n)
{
	size_t at = model_find(m, n);

	if (adds) {
		if (at < m->n)
			fail_msg("%s: %u is there already", m->tag, n);
		at = place - 1;
		if (place == 0) {
			assert_false(m->is_sorted);
			for (at = 0; at < m->n && m->v[at] < n; at++)
				;
		}
		model_insert(m, at, n);
		return;
	}
	if (at == m->n || (place > 0 && at != place - 1))
		fail_msg("%s: %u is not at %u", m->tag, n, place);
	m->n--;
	memmove(m->v + at, m->v + at + 1, (m->n - at) * sizeof(m->v[0]));
}

static uint32_t
take_number(const char **p)
{
	return (uint32_t)strtoul(*p, (char **)(uintptr_t)p, 10);
}

/* A set, of an answer or of a list of changes; place grows with what is added. */
static void
model_set(struct model *m, const char **p, int kind, uint32_t place)
{
	do {
		uint32_t first, last;

		*p += **p == ',';
		first = last = take_number(p);
		if (**p == ':') {
			(*p)++;
			last = take_number(p);
		}
		assert_true(first > 0 && first <= last);
		for (; first <= last; first++) {
			if (kind == 'A')
				model_insert(m, m->n, first);
			else
				model_change(m, kind == '+', place, first);
			place += kind == '+' && place > 0;
		}
	} while (**p == ',');
}

static void
model_items(struct model *m, const char *p)
{
	while (*p == ' ' && p[1] != '\0') {
		int kind = strncmp(p, " ADDTO (", 8) == 0 ? '+' : strncmp(p, " REMOVEFROM (", 13) == 0 ? '-' :
		    strncmp(p, " ALL ", 5) == 0 ? 'A' : 0;

		if (kind == 0) {
			p++;
			p += strcspn(p, " ");
			continue;
		}
		if (kind == 'A') {
			p += 5;
			m->n = 0;
			model_set(m, &p, kind, 0);
			continue;
		}
		p += strcspn(p, "(") + 1;
		do {
			uint32_t place;

			p += *p == ' ';
			place = take_number(&p);
			assert_true(*p == ' ');
			p++;
			model_set(m, &p, kind, place);
		} while (*p == ' ');
		assert_true(*p == ')');
		p++;
	}
}

/* One line of the server's. */
static void
model_hear(struct model *m, bool uid, const char *line)
{
	char start[64];
	unsigned n;

	(void)snprintf(start, sizeof(start), "* ESEARCH (TAG \"%s\")", m->tag);
	if (strncmp(line, start, strlen(start)) == 0) {
		model_items(m, line + strlen(start));
	} else if (!uid && sscanf(line, "* %u EXPUNG%*1s", &n) == 1 && strstr(line, " EXPUNGE") != NULL) {
		assert_int_equal(model_find(m, n), m->n);	/* it was removed before */
		for (size_t i = 0; i < m->n; i++)
			m->v[i] -= m->v[i] > n;
	}
}

static void
hear(struct model *m, size_t count, const struct fake *who)
{
	const char *p = buf_cstr((struct buf *)(uintptr_t)&who->out);

	while (*p != '\0') {
		char *line = strndup(p, strcspn(p, "\r"));

		for (size_t i = 0; i < count; i++)
			model_hear(&m[i], strncmp(m[i].again, "UID", 3) == 0, line);
		free(line);
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
}

/* What a new search finds is what the client has. */
static void
assert_current(const struct model *m, unsigned step)
{
	struct model now = { .is_sorted = m->is_sorted, .again = m->again };
	char say[256];

	(void)snprintf(now.tag, sizeof(now.tag), "n%u", step);
	(void)snprintf(say, sizeof(say), "%s %s\r\n", now.tag, m->again);
	buf_reset(&f.out);
	fake_say(&f, say);
	hear(&now, 1, &f);
	if (now.n != m->n || memcmp(now.v, m->v, now.n * sizeof(now.v[0])) != 0) {
		for (size_t i = 0; i < now.n || i < m->n; i++)
			printf("%zu: %u has %u\n", i, i < now.n ? now.v[i] : 0, i < m->n ? m->v[i] : 0);
		fail_msg("step %u: %s: another result", step, m->again);
	}
}

/* ---- sessions ---- */

#define MSG(subject, date, body)	"From: Ann <ann@a.example>\r\nSubject: " subject \
	"\r\nDate: " date "\r\n\r\n" body "\r\n"

static void
start(void)
{
	say_login();
	say_append("INBOX", "(\\Flagged) ", MSG("one", "Tue, 2 Jan 2024 10:00:00 +0000", "needle"));
	say_append("INBOX", "", MSG("two", "Wed, 3 Jan 2024 10:00:00 +0000", "hay"));
	say_append("INBOX", "(\\Flagged) ", MSG("three", "Mon, 1 Jan 2024 10:00:00 +0000", "needle"));
	EXPECT("s SELECT INBOX\r\n", "* 3 EXISTS", "s OK");
}

static void
test_update(void **state)
{
	(void)state;
	start();
	EXPECT("b1 UID SEARCH RETURN (UPDATE COUNT) FLAGGED\r\n",
	    "* ESEARCH (TAG \"b1\") UID COUNT 2\r\nb1 OK");
	EXPECT("b2 SEARCH RETURN (UPDATE) UNFLAGGED\r\n", "* ESEARCH (TAG \"b2\")\r\nb2 OK");
	/* s4.3: the tag is in use */
	EXPECT("b1 SORT RETURN (UPDATE) (DATE) UTF-8 ALL\r\n", "b1 BAD ");
	EXPECT("c STORE 2 +FLAGS (\\Flagged)\r\n", "* 2 FETCH (FLAGS (",
	    "* ESEARCH (TAG \"b2\") REMOVEFROM (0 2)\r\n",
	    "* ESEARCH (TAG \"b1\") UID ADDTO (0 2)\r\nc OK");
	EXPECT("c STORE 1:2 -FLAGS.SILENT (\\Flagged)\r\n",
	    "* ESEARCH (TAG \"b2\") ADDTO (0 1:2)\r\n",
	    "* ESEARCH (TAG \"b1\") UID REMOVEFROM (0 1:2)\r\nc OK");
	/* a flag that means nothing to them */
	EXPECT("c STORE 1 +FLAGS (\\Answered)\r\n", "c OK");
	assert_false(say_has("ESEARCH"));
	/* s4.3.4: before the expunge, with numbers that hold */
	EXPECT("c STORE 1:2 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\n",
	    "* ESEARCH (TAG \"b2\") REMOVEFROM (0 1:2)\r\n* 1 EXPUNGE\r\n* 1 EXPUNGE\r\n", "d OK");
	/* s4.3.3: a new message, behind its EXISTS */
	say_append("INBOX", "(\\Flagged) ", MSG("four", "Mon, 8 Jan 2024 10:00:00 +0000", "x"));
	assert_true(say_has("* 2 EXISTS\r\n"));
	assert_true(say_has("* ESEARCH (TAG \"b1\") UID ADDTO (0 4)\r\nap OK"));
	EXPECT("d CANCELUPDATE \"b1\"\r\n", "d OK");
	EXPECT("e STORE 2 -FLAGS (\\Flagged)\r\n", "* ESEARCH (TAG \"b2\") ADDTO (0 2)\r\ne OK");
	assert_false(say_has("\"b1\""));
	EXPECT("e CANCELUPDATE \"b1\"\r\n", "e NO ");
	EXPECT("e CANCELUPDATE b2\r\n", "e BAD ");
	EXPECT("e CANCELUPDATE\r\n", "e BAD ");
	EXPECT("e CANCELUPDATE \"1\" \"2\" \"3\" \"4\" \"5\"\r\n", "e BAD ");
	/* its tag may be used again; the other ends with the mailbox */
	EXPECT("b1 SEARCH RETURN (UPDATE ALL) ALL\r\n", "* ESEARCH (TAG \"b1\") ALL 1:2\r\nb1 OK");
	EXPECT("g SELECT INBOX\r\nh STORE 1 +FLAGS (\\Flagged)\r\n", "h OK");
	assert_false(say_has("* ESEARCH"));
}

/* s4.3.1 */
static void
test_refused(void **state)
{
	(void)state;
	start();
	EXPECT("a1 SEARCH RETURN (UPDATE COUNT) 1:2\r\n", "* ESEARCH (TAG \"a1\") COUNT 2\r\n"
	    "* NO [NOUPDATE \"a1\"] ", "a1 OK");
	EXPECT("t1 SEARCH RETURN (UPDATE COUNT) ALL\r\nt2 UID SEARCH RETURN (UPDATE COUNT) ALL\r\n"
	    "t3 SEARCH RETURN (UPDATE COUNT) FLAGGED\r\n"
	    "t4 SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL\r\n", "t4 OK");
	assert_false(say_has("NOUPDATE"));
	EXPECT("t5 SEARCH RETURN (UPDATE COUNT) ALL\r\n", "* ESEARCH (TAG \"t5\") COUNT 3\r\n"
	    "* NO [NOUPDATE \"t5\"] ", "t5 OK");
	/* nothing is kept of it: the tag is free */
	EXPECT("c CANCELUPDATE \"t1\" \"t4\"\r\n", "c OK");
	EXPECT("t5 SEARCH RETURN (UPDATE COUNT CONTEXT) ALL\r\n", "t5 OK");
	assert_false(say_has("NOUPDATE"));
	/* numbers end with UIDONLY (RFC 9586) */
	EXPECT("d ENABLE UIDONLY\r\ne UID STORE 1 -FLAGS (\\Flagged)\r\n",
	    "* NO [NOUPDATE \"t5\"]", "* NO [NOUPDATE \"t3\"]", "e OK");
	assert_false(say_has("\"t2\""));
}

/* "$" and "*" mean what they mean at their time. */
static void
test_relative(void **state)
{
	(void)state;
	start();
	EXPECT("a SEARCH RETURN (SAVE) FLAGGED\r\nt1 UID SEARCH RETURN (UPDATE SAVE ALL) $ UNANSWERED\r\n",
	    "* ESEARCH (TAG \"t1\") UID ALL 1,3\r\nt1 OK");
	EXPECT("a SEARCH RETURN (SAVE) DELETED\r\nb STORE 1:3 +FLAGS.SILENT (\\Answered)\r\n",
	    "* ESEARCH (TAG \"t1\") UID REMOVEFROM (0 1,3)\r\nb OK");
	EXPECT("t2 UID SEARCH RETURN (UPDATE ALL) UID *\r\n", "UID ALL 3\r\nt2 OK");
	say_append("INBOX", "", MSG("four", "Mon, 8 Jan 2024 10:00:00 +0000", "x"));
	assert_true(say_has("* ESEARCH (TAG \"t2\") UID REMOVEFROM (0 3) ADDTO (0 4)\r\n"));
	EXPECT("t3 UID SEARCH RETURN (UPDATE ALL) YOUNGER 3600\r\n",
	    "* ESEARCH (TAG \"t3\") UID ALL 1:4\r\nt3 OK");
	say_append("INBOX", "\" 1-Jan-2000 12:00:00 +0000\" ", MSG("five", "x", "x"));
	assert_true(say_has("* 5 EXISTS"));
	assert_false(say_has("\"t3\""));
	say_append("INBOX", "", MSG("six", "Mon, 8 Jan 2024 10:00:00 +0000", "x"));
	assert_true(say_has("* ESEARCH (TAG \"t3\") UID ADDTO (0 6)\r\n"));
}

/* While the client waits: IDLE, and another that works. */
static void
test_idle(void **state)
{
	struct fake g;

	(void)state;
	start();
	fake_init(&g, &shared, &store, true);
	fake_say(&g, "l LOGIN alice secret\r\ns SELECT INBOX\r\n");
	EXPECT("t1 UID SORT RETURN (UPDATE ALL) (REVERSE DATE) UTF-8 UNDELETED\r\n",
	    "* ESEARCH (TAG \"t1\") UID ALL 2,1,3\r\nt1 OK");
	EXPECT("i IDLE\r\n", "+ idling");
	buf_reset(&f.out);
	fake_say(&g, "a STORE 1 +FLAGS (\\Deleted)\r\n");
	imap_session_on_notify(f.s, f.s->handle, 1);
	fake_run(&f);
	assert_true(say_has("* 1 FETCH (UID 1 FLAGS"));
	assert_true(say_has("* ESEARCH (TAG \"t1\") UID REMOVEFROM (2 1)\r\n"));
	buf_reset(&f.out);
	fake_say(&g, "a STORE 1 -FLAGS (\\Deleted)\r\n");
	imap_session_on_notify(f.s, f.s->handle, 1);
	fake_run(&f);
	assert_true(say_has("* ESEARCH (TAG \"t1\") UID ADDTO (2 1)\r\n"));
	/* two changes at once, DONE while they are looked at */
	buf_reset(&f.out);
	fake_say(&g, "a STORE 3 +FLAGS (\\Deleted)\r\nb EXPUNGE\r\nc STORE 1 +FLAGS (\\Deleted)\r\n");
	imap_session_on_notify(f.s, f.s->handle, 1);
	fake_say(&f, "DONE\r\nn NOOP\r\n");
	assert_true(say_has("* ESEARCH (TAG \"t1\") UID REMOVEFROM (3 3)\r\n"));
	assert_true(say_has("* ESEARCH (TAG \"t1\") UID REMOVEFROM (2 1)\r\n"));
	assert_true(say_has("i OK"));
	assert_true(say_has("n OK"));
	fake_fini(&g);
}

#define HEAD	"BODY[HEADER.FIELDS (SUBJECT)]"

/* RFC 5465 s7: what comes and matches is told before it is added. */
static void
test_fetch(void **state)
{
	(void)state;
	start();
	EXPECT("t1 UID SEARCH RETURN (COUNT UPDATE (" HEAD ")) FLAGGED\r\n",
	    "* ESEARCH (TAG \"t1\") UID COUNT 2\r\nt1 OK");
	EXPECT("t2 SORT RETURN (UPDATE(ENVELOPE) COUNT) (REVERSE DATE) UTF-8 UNDELETED\r\n",
	    "* ESEARCH (TAG \"t2\") COUNT 3\r\nt2 OK");
	say_append("INBOX", "(\\Flagged) ", MSG("new", "Thu, 4 Jan 2024 10:00:00 +0000", "x"));
	assert_true(say_has("* 4 EXISTS\r\n"));
	EXPECT("n NOOP\r\n", "n OK");
	assert_false(say_has("ESEARCH"));
	say_append("INBOX", "(\\Deleted) ", MSG("del", "Thu, 4 Jan 2024 10:00:00 +0000", "x"));
	assert_false(say_has(" FETCH (BODY"));
	assert_false(say_has(" FETCH (ENVELOPE"));
	/* a change of flags brings it in: nothing is told of it but that */
	EXPECT("a STORE 5 FLAGS.SILENT (\\Flagged)\r\n",
	    "* ESEARCH (TAG \"t2\") ADDTO (2 5)\r\n",
	    "* ESEARCH (TAG \"t1\") UID ADDTO (0 5)\r\n", "a OK");
	assert_false(say_has(" FETCH (BODY"));
	assert_false(say_has(" FETCH (ENVELOPE"));
	EXPECT("u SEARCH UNSEEN\r\n", "* SEARCH 1 2 3 4 5\r\n");
	/* with QRESYNC the UID and MODSEQ go with flags that came so */
	EXPECT("c CANCELUPDATE \"t1\" \"t2\"\r\ne ENABLE QRESYNC\r\n", "e OK");
	EXPECT("t3 SEARCH RETURN (UPDATE (FLAGS)) ALL\r\n", "t3 OK");
	say_append("INBOX", "", MSG("six", "Thu, 4 Jan 2024 10:00:00 +0000", "x"));
	assert_true(say_has("* 6 FETCH (UID 6 FLAGS (\\Recent) MODSEQ ("));
}

/* The order of it all, in the answer to one command. */
static void
test_fetch_order(void **state)
{
	struct fake g;

	(void)state;
	start();
	fake_init(&g, &shared, &store, true);
	fake_say(&g, "l LOGIN alice secret\r\n");
	EXPECT("t1 SEARCH RETURN (UPDATE (UID " HEAD ")) FLAGGED\r\n", "t1 OK");
	EXPECT("t2 SORT RETURN (UPDATE (UID)) (REVERSE DATE) UTF-8 ALL\r\n", "t2 OK");
	fake_say(&g, "a APPEND INBOX (\\Flagged) {14+}\r\nSubject: d\r\n\r\n\r\n"
	    "b APPEND INBOX {14+}\r\nSubject: e\r\n\r\n\r\n"
	    "c APPEND INBOX (\\Flagged) {14+}\r\nSubject: f\r\n\r\n\r\n");
	EXPECT("n NOOP\r\n", "* 6 EXISTS\r\n",
	    "* 4 FETCH (UID 4)\r\n* 5 FETCH (UID 5)\r\n* 6 FETCH (UID 6)\r\n",
	    "* ESEARCH (TAG \"t2\") ADDTO (1 4:6)\r\n",
	    "* 4 FETCH (UID 4 " HEAD " {14}\r\nSubject: d\r\n\r\n)\r\n"
	    "* 6 FETCH (UID 6 " HEAD " {14}\r\nSubject: f\r\n\r\n)\r\n"
	    "* ESEARCH (TAG \"t1\") ADDTO (0 4,6)\r\n", "n OK");
	EXPECT("n NOOP\r\n", "n OK");
	assert_false(say_has("* "));
	fake_fini(&g);
}

static void
test_fetch_refused(void **state)
{
	static const char *const bad[] = {
		"UPDATE (NOPE)", "UPDATE (UID", "UPDATE ()", "UPDATE UID", "UPDATE (UID)(UID)",
		"COUNT (UID)",
	};
	struct buf b;

	(void)state;
	start();
	for (size_t i = 0; i < lengthof(bad); i++) {
		buf_init(&b, 200);
		buf_printf(&b, "a SEARCH RETURN (%s) ALL\r\n", bad[i]);
		buf_reset(&f.out);
		fake_say_bytes(&f, buf_slice(&b));
		assert_true(say_has("a BAD "));
		buf_fini(&b);
	}
	/* What is kept of it counts: IMAP_CONTEXT_BYTES_MAX */
	buf_init(&b, 50000);
	buf_put_str(&b, "a SEARCH RETURN (UPDATE (UID");
	for (size_t i = 0; i < 2; i++) {
		buf_put_str(&b, " BODY.PEEK[HEADER.FIELDS (");
		for (size_t k = 0; k < IMAP_CONTEXT_BYTES_MAX / 2; k++)
			buf_put_char(&b, 'x');
		buf_put_str(&b, ")]");
	}
	buf_put_str(&b, ")) ALL\r\n");
	buf_reset(&f.out);
	fake_say_bytes(&f, buf_slice(&b));
	assert_true(say_has("* NO [NOUPDATE \"a\"] "));
	assert_true(say_has("a OK"));
	buf_fini(&b);
	EXPECT("a SEARCH RETURN (UPDATE (RFC822.HEADER)) ALL\r\n", "a OK");
	EXPECT("e ENABLE IMAP4rev2\r\nb SEARCH RETURN (UPDATE (RFC822.HEADER)) ALL\r\n", "b BAD");
}

/* Whatever happens: random work of two, and a client with four results. */
static void
test_model(void **state)
{
	static const struct { const char *tag, *first, *again; bool sorted; } follows[] = {
		{ "f1", "UID SEARCH RETURN (ALL UPDATE) UNFLAGGED", "UID SEARCH RETURN (ALL) UNFLAGGED", false },
		{ "f2", "SEARCH RETURN (ALL UPDATE) OR SEEN SUBJECT 1", "SEARCH RETURN (ALL) OR SEEN SUBJECT 1", false },
		{ "f3", "UID SORT RETURN (ALL UPDATE) (REVERSE SUBJECT) UTF-8 UNSEEN",
		  "UID SORT RETURN (ALL) (REVERSE SUBJECT) UTF-8 UNSEEN", true },
		{ "f4", "SORT RETURN (ALL UPDATE) (DATE) UTF-8 UNDELETED KEYWORD k",
		  "SORT RETURN (ALL) (DATE) UTF-8 UNDELETED KEYWORD k", true },
	};
	static const char *const flags[] = { "\\Flagged", "\\Seen", "\\Deleted", "k", "\\Answered" };
	struct model m[lengthof(follows)];
	struct fake g;

	(void)state;
	say_login();
	for (unsigned i = 0; i < 20; i++) {
		char msg[200];

		(void)snprintf(msg, sizeof(msg), MSG("%u", "%u Jan 2024 10:00:00 +0000", "x"),
		    i * 7 % 20, 1 + i * 3 % 28);
		say_append("INBOX", i % 3 ? "" : "(k) ", msg);
	}
	EXPECT("s SELECT INBOX\r\n", "s OK");
	fake_init(&g, &shared, &store, true);
	fake_say(&g, "l LOGIN alice secret\r\ns SELECT INBOX\r\n");
	memset(m, 0, sizeof(m));
	for (size_t i = 0; i < lengthof(follows); i++)
		m[i].again = follows[i].again;
	for (size_t i = 0; i < lengthof(follows); i++) {
		char say[200];

		(void)snprintf(m[i].tag, sizeof(m[i].tag), "%s", follows[i].tag);
		m[i].is_sorted = follows[i].sorted;
		(void)snprintf(say, sizeof(say), "%s %s\r\n", follows[i].tag, follows[i].first);
		buf_reset(&f.out);
		fake_say(&f, say);
		hear(m, lengthof(m), &f);
	}
	srand(7);
	for (unsigned step = 0; step < 400; step++) {
		struct fake *who = rand() % 3 ? &g : &f;
		unsigned top = (unsigned)fake_box(&store, "INBOX")->count;
		unsigned what = top < 8 ? 9 : (unsigned)rand() % 10;
		char say[400], msg[200];

		if (what < 7)
			(void)snprintf(say, sizeof(say), "w%u STORE %u:%u %cFLAGS%s (%s)\r\n", step,
			    1 + (unsigned)rand() % top, 1 + (unsigned)rand() % top, rand() % 2 ? '+' : '-',
			    rand() % 2 ? ".SILENT" : "", flags[rand() % 5]);
		else if (what == 7 && top > 10)
			(void)snprintf(say, sizeof(say), "w%u EXPUNGE\r\n", step);
		else {
			int n = snprintf(msg, sizeof(msg), MSG("%u", "%u Jan 2024 10:00:00 +0000", "x"),
			    (unsigned)rand() % 30, 1 + (unsigned)rand() % 28);

			(void)snprintf(say, sizeof(say), "w%u APPEND INBOX (%s) {%d+}\r\n%s\r\n", step,
			    rand() % 2 ? "k" : "\\Seen", n, msg);
		}
		buf_reset(&f.out);
		buf_reset(&g.out);
		fake_say(who, say);
		if (who == &g)
			fake_say(&g, "n NOOP\r\n");
		(void)snprintf(say, sizeof(say), "o%u NOOP\r\n", step);
		fake_say(&f, say);
		assert_false(say_has("NOUPDATE"));
		hear(m, lengthof(m), &f);
		if (step % 3 == 0)
			for (size_t i = 0; i < lengthof(m); i++)
				assert_current(&m[i], 10 * step + (unsigned)i);
	}
	fake_fini(&g);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs), cmocka_unit_test(test_take), cmocka_unit_test(test_add),
		cmocka_unit_test(test_neighbours), cmocka_unit_test(test_contexts_limit),
		cmocka_unit_test(test_bytes_limit), cmocka_unit_test(test_delta),
#define T(x)	cmocka_unit_test_setup_teardown(x, say_setup, say_teardown)
		T(test_update), T(test_refused), T(test_relative), T(test_idle), T(test_fetch),
		T(test_fetch_order), T(test_fetch_refused), T(test_model),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
