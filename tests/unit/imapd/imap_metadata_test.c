/* SPDX-License-Identifier: ISC */
/* GETMETADATA, SETMETADATA (RFC 5464), LIST RETURN (METADATA) (RFC 9590). */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "imapd/imap_metadata.h"
#include "lib/base/log.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

static void
start(void)
{
	say_login();
	EXPECT("a CREATE m\r\na CREATE s (USE (\\Sent \\Trash))\r\n", "a OK", "a OK");
	EXPECT("a SETMETADATA m (/Private/Comment \"my own\" /private/comment/deep {3+}\r\n\r\nx)\r\n",
	    "a OK");
	EXPECT("a SETMETADATA m (/private/x ~{2+}\r\nab /shared/comment \"\" /shared/none NIL)\r\n",
	    "a OK");
	EXPECT("a SETMETADATA \"\" (/private/device token)\r\n", "a BAD");
	EXPECT("a SETMETADATA \"\" (/private/device \"token\")\r\n", "a OK");
}

static void
test_get(void **state)
{
	(void)state;
	start();
	EXPECT("a GETMETADATA m /private/comment\r\n",
	    "* METADATA \"m\" (/private/comment \"my own\")\r\na OK");
	EXPECT("a GETMETADATA m (/private/comment /shared/comment /private/none)\r\n",
	    "* METADATA \"m\" (/private/comment \"my own\")\r\n",
	    "* METADATA \"m\" (/shared/comment \"\")\r\n",
	    "* METADATA \"m\" (/private/none NIL)\r\na OK");
	EXPECT("a GETMETADATA (DEPTH infinity) m (/PRIVATE)\r\n",
	    "(/private/comment \"my own\")\r\n", "(/private/comment/deep {3}\r\n\r\nx)\r\n",
	    "(/private/x \"ab\")\r\na OK");
	assert_false(say_has("NIL"));
	EXPECT("a GETMETADATA m (DEPTH 1 MAXSIZE 5) (/private/comment)\r\n",
	    "(/private/comment/deep {3}\r\n\r\nx)\r\na OK [METADATA LONGENTRIES 6]");
	EXPECT("a GETMETADATA (MAXSIZE 6) m /private/comment\r\n", "\"my own\")\r\na OK Get");
	/* what was too long is not said to be missing */
	EXPECT("a GETMETADATA (MAXSIZE 5) m /private/comment\r\n", "a OK [METADATA LONGENTRIES 6]");
	assert_false(say_has("* METADATA"));
	EXPECT("a GETMETADATA (MAXSIZE 0) m /private/x\r\n", "a OK [METADATA LONGENTRIES 2]");
	EXPECT("a GETMETADATA none /private/comment\r\n", "a NO [NONEXISTENT]");
	EXPECT("a GETMETADATA \"\" (\"/private/device\")\r\n",
	    "* METADATA \"\" (/private/device \"token\")\r\na OK");
	/* a root alone is no entry */
	EXPECT("a GETMETADATA m /shared\r\n", "a OK");
	assert_false(say_has("* METADATA"));
	/* names that are no atoms */
	EXPECT("a GETMETADATA m \"/private/a b\"\r\n", "(\"/private/a b\" NIL)\r\na OK");
}

/* A literal8 may have NUL, and goes out as one (RFC 3516 s4.4). */
static void
test_binary(void **state)
{
	static const char text[] = "a SETMETADATA m (/private/z ~{3+}\r\na\0b)\r\n";

	(void)state;
	start();
	fake_say_bytes(&f, slice_of(text, sizeof(text) - 1));
	assert_true(say_has("a OK"));
	fake_say(&f, "a GETMETADATA m /private/z\r\n");
	assert_true(slice_search(buf_slice(&f.out), slice_of("(/private/z ~{3}\r\na\0b)\r\n", 24))
	    < f.out.n);
}

static void
test_computed(void **state)
{
	(void)state;
	start();
	EXPECT("a GETMETADATA \"\" /shared/admin\r\n",
	    "* METADATA \"\" (/shared/admin \"mailto:postmaster@a.example\")\r\na OK");
	EXPECT("a GETMETADATA \"\" (/shared/admin /shared/comment)\r\n", "/shared/comment NIL)\r\na OK");
	shared.admin_contact = strdup("tel:+1-201-555-0123");
	shared.server_comment = strdup("down on \"Sunday\"");
	EXPECT("a GETMETADATA \"\" (/shared/comment /shared/admin)\r\n", "* METADATA \"\" (/shared/admin "
	    "\"tel:+1-201-555-0123\" /shared/comment \"down on \\\"Sunday\\\"\")\r\na OK");
	EXPECT("a GETMETADATA (DEPTH infinity) \"\" /shared\r\n", "/shared/admin ", "/shared/comment ", "a OK");
	EXPECT("a GETMETADATA m /shared/comment\r\n", "(/shared/comment \"\")\r\na OK");
	EXPECT("a SETMETADATA \"\" (/shared/comment \"x\")\r\n", "a NO [NOPERM]");
	EXPECT("a GETMETADATA s /private/specialuse\r\n",
	    "* METADATA \"s\" (/private/specialuse \"\\\\Sent \\\\Trash\")\r\na OK");
	EXPECT("a GETMETADATA m /private/specialuse\r\n", "(/private/specialuse NIL)\r\na OK");
	EXPECT("a GETMETADATA none /private/specialuse\r\n", "a NO [NONEXISTENT]");
	EXPECT("a SETMETADATA m (/private/specialuse \"\\\\Junk\")\r\n", "a NO [CANNOT]");
	EXPECT("a SETMETADATA \"\" (/shared/admin \"mailto:me\")\r\n", "a NO [NOPERM]");
	/* nothing of a command that is refused is done */
	EXPECT("a SETMETADATA \"\" (/private/q \"x\" /shared/q \"y\")\r\n", "a NO [NOPERM]");
	EXPECT("a GETMETADATA \"\" /private/q\r\n", "(/private/q NIL)");
}

static void
test_errors(void **state)
{
	static const char *const bad[] = {
		"GETMETADATA", "GETMETADATA m", "GETMETADATA m ()", "GETMETADATA m /other/x",
		"GETMETADATA m comment", "GETMETADATA m /private/x/", "GETMETADATA m /private//x",
		"GETMETADATA m \"/private/*\"", "GETMETADATA m \"/private/%\"",
		"GETMETADATA m \"/private/\xc3\xa4\"", "GETMETADATA m /privatex",
		"GETMETADATA (DEPTH 2) m /private/x", "GETMETADATA (DEPTH) m /private/x",
		"GETMETADATA (SIZE 2) m /private/x", "GETMETADATA (MAXSIZE x) m /private/x",
		"GETMETADATA m (/private/x", "SETMETADATA m ()", "SETMETADATA m /private/x \"y\"",
		"SETMETADATA m (/private \"y\")", "SETMETADATA m (/private/x)",
		"SETMETADATA m (/private/x y)", "SETMETADATA m (/private/x ~\"y\")", "SETMETADATA m (/private/x \"y\"",
		"SETMETADATA m (/private/x \"y\"/private/y NIL)",
		"LIST \"\" m RETURN (METADATA)", "LIST \"\" m RETURN (METADATA /private/x)",
	};
	char line[100];

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f.s->errors = 0;
		(void)snprintf(line, sizeof(line), "a %s\r\n", bad[i]);
		EXPECT(line, "a BAD");
	}
}

static size_t
put_names(char *line, size_t bytes, const char *begin, unsigned count, const char *after)
{
	size_t n = (size_t)snprintf(line, bytes, "%s", begin);

	for (unsigned i = 0; i < count; i++)
		n += (size_t)snprintf(line + n, bytes - n, "%s/private/%u%s", i > 0 ? " " : "",
		    i, after);
	(void)snprintf(line + n, bytes - n, ")\r\n");
	return n;
}

static void
test_limits(void **state)
{
	static char line[STORE_METADATA_VALUE_MAX + 200];
	char name[300];
	int n;

	(void)state;
	start();
	(void)put_names(line, sizeof(line), "a GETMETADATA m (", IMAP_METADATA_NAMES_MAX, "");
	EXPECT(line, "a OK");
	(void)put_names(line, sizeof(line), "a GETMETADATA m (", IMAP_METADATA_NAMES_MAX + 1, "");
	EXPECT(line, "a BAD");
	(void)put_names(line, sizeof(line), "a SETMETADATA m (", IMAP_METADATA_NAMES_MAX, " NIL");
	EXPECT(line, "a OK");
	(void)put_names(line, sizeof(line), "a SETMETADATA m (", IMAP_METADATA_NAMES_MAX + 1, " NIL");
	EXPECT(line, "a BAD");
	for (int more = 0; more <= 1; more++) {
		memset(name, 'x', sizeof(name));
		memcpy(name, "/private/", 9);
		(void)snprintf(line, sizeof(line), "a GETMETADATA m %.*s\r\n",
		    IMAP_METADATA_NAME_MAX + more, name);
		if (more)
			EXPECT(line, "a BAD");
		else
			EXPECT(line, " NIL)\r\na OK");
		n = snprintf(line, sizeof(line), "a SETMETADATA m (/shared/v {%d+}\r\n",
		    STORE_METADATA_VALUE_MAX + more);
		memset(line + n, 'v', STORE_METADATA_VALUE_MAX + 1);
		(void)snprintf(line + n + STORE_METADATA_VALUE_MAX + more,
		    sizeof(line) - (size_t)n - STORE_METADATA_VALUE_MAX - 1, ")\r\n");
		if (more)
			EXPECT(line, "a NO [METADATA MAXSIZE 16000]");
		else
			EXPECT(line, "a OK");
	}
	/* 162 bytes each with its NUL: 16,000 fit */
	for (unsigned count = 98; count <= 99; count++) {
		struct buf b;

		buf_init(&b, 100000);
		buf_put_str(&b, "a GETMETADATA m (");
		for (unsigned i = 0; i < count; i++)
			buf_printf(&b, "%s/private/%0152u", i > 0 ? " " : "", i);
		buf_put_str(&b, ")\r\n");
		buf_reset(&f.out);
		fake_say_bytes(&f, buf_slice(&b));
		assert_true(say_has(count == 98 ? "a OK" : "a NO [LIMIT]"));
		buf_fini(&b);
	}
	/* each value is allowed, all of them are too much for one request */
	{
		struct buf b;

		buf_init(&b, 100000);
		buf_put_str(&b, "a SETMETADATA m (");
		for (int i = 0; i < 4; i++) {
			buf_printf(&b, "%s/shared/%d {15000+}\r\n", i > 0 ? " " : "", i);
			for (int k = 0; k < 15000; k++)
				buf_put_char(&b, 'v');
		}
		buf_put_str(&b, ")\r\n");
		buf_reset(&f.out);
		fake_say_bytes(&f, buf_slice(&b));
		assert_true(say_has("a NO [LIMIT]"));
		buf_fini(&b);
	}
}

static void
test_list(void **state)
{
	(void)state;
	start();
	EXPECT("a LIST \"\" * RETURN (METADATA (/private/comment /private/specialuse) "
	    "STATUS (MESSAGES))\r\n",
	    "* LIST (\\HasNoChildren) \"/\" \"m\"\r\n* STATUS \"m\" (MESSAGES 0)\r\n"
	    "* METADATA \"m\" (/private/comment \"my own\")\r\n"
	    "* METADATA \"m\" (/private/specialuse NIL)\r\n",
	    "\"s\"\r\n* STATUS \"s\" (MESSAGES 0)\r\n* METADATA \"s\" (/private/specialuse "
	    "\"\\\\Sent \\\\Trash\" /private/comment NIL)\r\na OK");
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_get), T(test_binary), T(test_computed), T(test_errors), T(test_limits),
		T(test_list),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
