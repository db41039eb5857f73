/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/conf/conf_file.h"
#include "lib/conf/conf_sections.h"
#include "lib/conf/conf_text.h"
#include "master/master_sections.h"
#include "queue/queue_opt.h"
#include "lib/conf/conf_sections.h"

/* Name and text by turns, ended by NULL. */
static enum err
load(void *arg, const char *path, struct buf *b)
{
	const char *const *files = arg;

	for (; *files != NULL; files += 2) {
		char full[256];

		snprintf(full, sizeof(full), "/etc/godwit/%s", files[0]);
		if (strcmp(path, full) == 0) {
			buf_put_str(b, files[1]);
			return buf_err(b);
		}
	}
	return ERR_NOTFOUND;
}

static struct conf *
read_files(const char *const *files, struct buf *errors)
{
	struct conf *c;
	enum err e;

	buf_init(errors, CONF_ERRORS_MAX);
	e = conf_read("/etc/godwit", master_sections, load, (void *)(uintptr_t)files, &c, errors);
	if (e != ERR_OK)
		conf_free(&c);
	assert_int_equal(buf_slice(errors).n == 0, e == ERR_OK);
	return c;
}

static struct conf *
read_text(const char *text, struct buf *errors)
{
	const char *files[] = { "godwit.conf", text, NULL };

	return read_files(files, errors);
}

static const char example[] =
"# comment { = }\n"
"hostname   = \"mx1.example.net\"      # banner\n"
"postmaster = \"ops@example.net\"\n"
"mynetworks = {\"10.0.0.0/8\"}         /* many\n lines */\n"
"tls {\n"
"    certificate = \"/c.pem\"\n"
"    key         = \"k.pem\"    // only keyd reads it\n"
"}\n"
"listen \"mx\"          { service = smtp        address = {\"*:25\"}    tls = may  cmtp = yes }\n"
"listen \"imaps\"       { service = imap        address = {\"*:993\"}   tls = implicit }\n"
"listen \"balancer\"    { service = smtp        address = {\"192.0.2.25:25\", \"[2001:db8::25]:25\"}\n"
"                       tls = may             proxy_protocol = {\"192.0.2.1\"} }\n"
"domain \"example.net\"     { class = mailbox  sealing = escrow  quota = \"5G\"  aliases = \"lmdb:aliases\" }\n"
"domain \"example.org\"     { class = alias    target = \"example.net\" }\n"
"route \"exchange\" { to = {\"old.example.com\"}      relay = \"[10.0.0.5]:25\"            tls = encrypt }\n"
"route \"bank\"     { to = {\"bank.example\"}         tls = secure                       cmtp = require }\n"
"smtpd { message_size_limit = \"40M\"  recipient_limit = 999  user_recipient_rate = \"400/h\" }\n"
"queue { maximal_queue_lifetime = '4d'  queue_minfree = \"2G\" }\n";

static void
test_example(void **state)
{
	struct buf errors;
	struct conf *c = read_text(example, &errors);
	const struct godwit_options *g;
	const struct listen_options *l;
	const struct smtpd_options *s;
	const struct queue_options *q;

	(void)state;
	assert_non_null(c);
	g = conf_values(c, "godwit");
	assert_string_equal(g->hostname, "mx1.example.net");
	assert_string_equal(g->mynetworks.v[0], "10.0.0.0/8");
	assert_string_equal(g->key_root_file, "/etc/godwit/root.key");
	assert_string_equal(((const struct tls_options *)conf_values(c, "tls"))->key,
	    "/etc/godwit/k.pem");
	assert_int_equal(conf_count(c, "listen"), 3);
	l = conf_find_titled(c, "listen", "balancer")->values;
	assert_int_equal(l->address.n, 2);
	assert_string_equal(l->address.v[1], "[2001:db8::25]:25");
	assert_string_equal(l->proxy_protocol.v[0], "192.0.2.1");
	assert_string_equal(conf_find(c, "route", 1)->title, "bank");
	s = conf_values(c, "smtpd");
	assert_int_equal(s->message_size_limit, 40u << 20);
	assert_int_equal(s->recipient_limit, 999);
	q = conf_values(c, "queue");
	assert_int_equal(q->maximal_queue_lifetime, 4ull * 86400000);
	assert_int_equal(q->queue_minfree, 2ull << 30);
	conf_free(&c);
	buf_fini(&errors);
}

static void
test_empty(void **state)
{
	struct buf errors;
	struct conf *c = read_text("", &errors);

	(void)state;
	assert_non_null(c);
	assert_int_equal(conf_count(c, "listen"), 0);
	conf_free(&c);
	buf_fini(&errors);
}

#define LINE(n, text)	"godwit.conf:" #n ": " text "\n"

static void
test_mistakes(void **state)
{
	static const struct {
		const char	*text, *errors;
	} rows[] = {
		/* syntax: the first one only */
		{ "hostname \"x\"", LINE(1, "= or { missing") },
		{ "\nhostname =", LINE(2, "value missing") },
		{ "queue {\n message_limit 5 }", LINE(2, "= missing behind the name of an option") },
		{ "queue {\n", LINE(2, "} missing at the end of the file") },
		{ "}\n", LINE(1, "} without {") },
		{ "mynetworks = {\"a\" \"b\"}", LINE(1, "comma or } missing in a list") },
		{ "mynetworks = {\"a\",", LINE(1, "string or } missing in a list") },
		{ "\nhostname = \"x\n\n", LINE(2, "unfinished string") },
		{ "\n/* x\n\n", LINE(2, "unfinished comment") },
		{ "hostname = \"${HOME}\"", LINE(1, "${} is not expanded here; write the value") },
		{ "hostname = ${HOME}", LINE(1, "${} is not expanded here; write the value") },
		{ "mynetworks += {\"x\"}", LINE(1, "+= does not exist here; write the whole list") },
		{ "hostname = a;b", LINE(1, "character out of place; strings with it stand in quotes") },
		{ "hostname = \"\\x41\"", LINE(1, "numeric escape in a string") },
		{ "a\x01", LINE(1, "control character") },
		{ "#\n# \xff", LINE(1, "not UTF-8") },
		{ "domain \"a\\b\" { }", LINE(1, "title with a backslash or line end") },
		{ "\"hostname\" = \"x\"", LINE(1, "name of an option or section missing") },
		/* names: the first one only */
		{ "queue { }\nsmptd { }\nx = 1", LINE(2, "smptd: unknown section; allowed: tls, listen, "
		  "domain, route, dns, smtpd, queue, deliver, relay, store, imapd, cmtpd, keyd") },
		{ "tls { key = \"a\"\n cert = \"b\" }", LINE(2, "tls: cert: unknown option; allowed: "
		  "certificate, key, client_ca") },
		{ "tls \"x\" { }", LINE(1, "tls: takes no title") },
		{ "domain { }", LINE(1, "domain: title missing; allowed: a name in quotes") },
		{ "godwit { }", LINE(1, "godwit: unknown section; allowed: tls, listen, domain, route, "
		  "dns, smtpd, queue, deliver, relay, store, imapd, cmtpd, keyd") },
		/* values: all */
		{ "\ndomain \"law.example.net\" {\n sealing = \"pasword\" }\n"
		  "queue { maximal_queue_lifetime = \"5\" }\n",
		  LINE(3, "domain \"law.example.net\": sealing = \"pasword\": unknown value; "
		  "allowed: escrow, password, client, server")
		  LINE(4, "queue: maximal_queue_lifetime = \"5\": unit missing; allowed: 1h to 30d, e.g. 5d") },
		{ "hostname = {\"a\", \"b\"}", LINE(1, "hostname = {\"a\", \"b\"}: a list; allowed: "
		  "a host name, e.g. mx1.example.net") },
		{ "listen \"x\" { service = smtp }", LINE(1, "listen \"x\": address: missing; allowed: "
		  "1 to 64 of \"*:25\", \"192.0.2.1:25\", \"[::1]:25\"") },
		/* duplicates, together with a wrong value */
		{ "hostname = \"a.b\"\nhostname = \"c.d\"\nqueue { }\nqueue { message_limit = 1 }\n"
		  "domain \"x\" { quota = 1x }\ndomain \"y\" { }\ndomain \"x\" { }\n",
		  LINE(4, "queue: section given twice; first at godwit.conf:3")
		  LINE(7, "domain \"x\": section given twice; first at godwit.conf:5")
		  LINE(2, "hostname = \"c.d\": option given twice; first at godwit.conf:1")
		  LINE(5, "domain \"x\": quota = 1x: unknown unit; allowed: 0 to 1024T") },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct buf errors;
		struct conf *c = read_text(rows[i].text, &errors);

		if (c != NULL || strcmp(buf_cstr(&errors), rows[i].errors) != 0)
			print_message("%s\n  gave %s", rows[i].text, buf_cstr(&errors));
		assert_null(c);
		assert_slice(buf_slice(&errors), rows[i].errors);
		buf_fini(&errors);
	}
}

/* What follows a reading that failed is not disturbed by it. */
static void
test_good_after_bad(void **state)
{
	struct buf errors;
	struct conf *c;

	(void)state;
	for (size_t cut = 0; cut < sizeof(example); cut += 7) {
		char text[sizeof(example)];

		memcpy(text, example, sizeof(example));
		text[cut] = '\0';
		c = read_text(text, &errors);
		conf_free(&c);
		buf_fini(&errors);
		c = read_text(example, &errors);
		assert_non_null(c);
		conf_free(&c);
		buf_fini(&errors);
	}
}

static void
test_include(void **state)
{
	const char *files[] = { "godwit.conf", "hostname = \"a.b\"\ninclude(\"one\") postmaster = \"x\"\n"
	    "include (\n \"sub/two\")\nrecipient_delimiter = \"1234567\"\n", "one",
	    "route \"1\" { }\nqueue { message_limit = 0 }\n", "sub/two",
	    "# two\nroute \"2\" { }\nhostname = \"c.d\"", NULL };
	struct buf errors;
	struct conf *c = read_files(files, &errors);

	(void)state;
	assert_null(c);
	assert_slice(buf_slice(&errors),
	    "sub/two:3: hostname = \"c.d\": option given twice; first at godwit.conf:1\n"
	    "one:2: queue: message_limit = 0: too small; allowed: 1 to 100000000, e.g. 1000000\n"
	    "godwit.conf:5: recipient_delimiter = \"1234567\": too long; allowed: 0 to 4 bytes\n");
	buf_fini(&errors);
	files[1] = "include(\"one\")\nroute \"3\" { }\n";
	files[3] = "route \"1\" { }\n\nroute \"2\" { }";
	c = read_files(files, &errors);
	assert_non_null(c);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(conf_find(c, "route", i)->title[0], '1' + (int)i);
	assert_string_equal(conf_find(c, "route", 1)->place.file, "one");
	assert_int_equal(conf_find(c, "route", 1)->place.line, 3);
	assert_string_equal(conf_find(c, "route", 2)->place.file, "godwit.conf");
	assert_int_equal(conf_find(c, "route", 2)->place.line, 2);
	conf_free(&c);
	buf_fini(&errors);
}

static void
test_include_refused(void **state)
{
	static const struct {
		const char	*main, *errors;
	} rows[] = {
		{ "include(\"missing\")", "/etc/godwit/missing: cannot be read: not found\n" },
		{ "include(\"deep\")", "deep:2: include inside an included file\n" },
		{ "include(\"bad\")", "bad:3: } without {\n" },
		{ "include(\"a\\\\b\")", LINE(1, "file name of include is empty or has a backslash") },
		{ "include(\"\")", LINE(1, "file name of include is empty or has a backslash") },
		{ "include(\"a\", \"b\")", LINE(1, ") missing behind include") },
		{ "queue { include(\"one\") }", LINE(1, "= missing behind the name of an option") },
		{ "include \"one\"", LINE(1, "= or { missing") },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		const char *files[] = { "godwit.conf", rows[i].main, "deep", "\ninclude(\"bad\")",
		    "bad", "#\n\n}", "one", "", NULL };
		struct buf errors;

		assert_null(read_files(files, &errors));
		assert_slice(buf_slice(&errors), rows[i].errors);
		buf_fini(&errors);
	}
}

/* As many as are allowed, and one more. */
static void
test_limits(void **state)
{
	struct buf text, errors;
	struct conf *c;

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		const char *files[] = { "godwit.conf", NULL, "x", "", NULL };

		buf_init(&text, CONF_TEXT_MAX * 2);
		for (unsigned i = 0; i < CONF_INCLUDES_MAX + over; i++)
			buf_put_str(&text, "include(\"x\")\n");
		files[1] = buf_cstr(&text);
		c = read_files(files, &errors);
		assert_int_equal(c != NULL, over == 0);
		conf_free(&c);
		buf_fini(&errors);

		buf_reset(&text);
		while (text.n < CONF_TEXT_MAX + over)
			buf_put_char(&text, '\n');
		c = read_text(buf_cstr(&text), &errors);
		assert_int_equal(c != NULL, over == 0);
		conf_free(&c);
		buf_fini(&errors);
		buf_fini(&text);
	}
}

/* A list that does not fit on the wire is refused, not cut. */
static void
test_section_too_large(void **state)
{
	struct buf text, errors;

	(void)state;
	buf_init(&text, CONF_TEXT_MAX);
	buf_put_str(&text, "route \"x\" { to = {");
	for (unsigned i = 0; i < 900; i++)
		buf_printf(&text, "\"%0100u\",", i);
	buf_put_str(&text, "} }");
	assert_null(read_text(buf_cstr(&text), &errors));
	assert_slice(buf_slice(&errors),
	    "godwit.conf:1: route \"x\": section too large; allowed: 60000 bytes\n");
	buf_fini(&text);
	buf_fini(&errors);
}

static void
test_long_path(void **state)
{
	struct buf text, errors;

	(void)state;
	buf_init(&text, CONF_TEXT_MAX);
	buf_printf(&text, "include(\"%05000u\")", 0u);
	assert_null(read_text(buf_cstr(&text), &errors));
	assert_true(slice_ends(buf_slice(&errors), "...: path too long\n"));
	buf_fini(&text);
	buf_fini(&errors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_good_after_bad),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_include_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_section_too_large),
		cmocka_unit_test(test_long_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
