/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "lib/base/cc.h"
#include "lib/conf/conf_edit.h"
#include "master/master_sections.h"

static void
test_edits(void **state)
{
	static const struct {
		const char	*text, *name, *value, *want;
	} rows[] = {
		/* in place: comments and order stay */
		{ "# a\nhostname = \"x\" # b\n", "hostname", "y.z", "# a\nhostname = \"y.z\" # b\n" },
		{ "smtpd { timeout = \"5m\" } # c", "smtpd.timeout", "1m", "smtpd { timeout = \"1m\" } # c" },
		{ "listen \"mx\" { tls = may }\nlisten \"b\" { tls = may }", "listen.b.tls", "no",
		  "listen \"mx\" { tls = may }\nlisten \"b\" { tls = no }" },
		{ "domain \"a.b\" { }", "domain.a.b.quota", "1G", "domain \"a.b\" { quota = \"1G\" }" },
		{ "mynetworks = {\"::1\"\n, # x\n\"::2\"}\n", "mynetworks", "10.0.0.0/8, ::1",
		  "mynetworks = {\"10.0.0.0/8\", \"::1\"}\n" },
		{ "mynetworks = {\"::1\"}", "mynetworks", "", "mynetworks = {}" },
		/* new ones */
		{ "", "hostname", "a.b", "hostname = \"a.b\"\n" },
		{ "# c\n\ntls { }\n", "hostname", "a.b", "# c\n\nhostname = \"a.b\"\ntls { }\n" },
		{ "hostname = \"x\" # c\ntls { }\n", "postmaster", "p",
		  "hostname = \"x\" # c\npostmaster = \"p\"\ntls { }\n" },
		{ "tls {\n    key = \"k\"   # c\n}\n", "tls.certificate", "c.pem",
		  "tls {\n    key = \"k\"   # c\n    certificate = \"c.pem\"\n}\n" },
		{ "tls { key = \"k\" # c\n }", "tls.certificate", "c",
		  "tls { key = \"k\" # c\n    certificate = \"c\"\n }" },
		{ "a", "hostname", "x", NULL },
		{ "tls { }", "queue.message_limit", "5", "tls { }\nqueue { message_limit = 5 }\n" },
		{ "tls { }\n", "domain.x.class", "alias", "tls { }\ndomain \"x\" { class = alias }\n" },
		{ "", "recipient_delimiter", "\"\\", "recipient_delimiter = \"\\\"\\\\\"\n" },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct conf_name n;
		struct buf out;
		enum err e;

		assert_int_equal(conf_name_parse(master_sections, slice_str(rows[i].name), &n), ERR_OK);
		assert_non_null(n.opt);
		buf_init(&out, 4096);
		e = conf_edit(slice_str(rows[i].text), &n, slice_str(rows[i].value), &out);
		assert_int_equal(e == ERR_OK, rows[i].want != NULL);
		if (rows[i].want != NULL)
			assert_slice(buf_slice(&out), rows[i].want);
		buf_fini(&out);
	}
}

static void
test_names(void **state)
{
	static const char *const bad[] = { "", "nope", "smtpd.nope", "smtpd.x.timeout", "nope.timeout",
	    "listen.mx.nope", ".", "godwit.x" };
	struct conf_name n;

	(void)state;
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_int_equal(conf_name_parse(master_sections, slice_str(bad[i]), &n), ERR_NOTFOUND);
	assert_int_equal(conf_name_parse(master_sections, SLICE_LIT("smtpd"), &n), ERR_OK);
	assert_null(n.opt);
	assert_int_equal(conf_name_parse(master_sections, SLICE_LIT("listen.tls"), &n), ERR_OK);
	assert_null(n.title.p);
	assert_int_equal(conf_name_parse(master_sections, SLICE_LIT("domain.a.b.c.quota"), &n), ERR_OK);
	assert_slice(n.title, "a.b.c");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
