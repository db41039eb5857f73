/* SPDX-License-Identifier: ISC */
#include "tests/unit/imapd/imap_say.h"

#include "tests/unit/test.h"

#include <string.h>

struct imap_shared	shared;
struct fake_store	store;
struct fake		f;

int
say_setup(void **state)
{
	(void)state;
	fake_shared_init(&shared);
	fake_store_init(&store);
	fake_init(&f, &shared, &store, true);
	return 0;
}

int
say_teardown(void **state)
{
	(void)state;
	fake_fini(&f);
	fake_store_fini(&store);
	fake_shared_fini(&shared);
	return 0;
}

bool
say_has(const char *text)
{
	return slice_search(buf_slice(&f.out), slice_str(text)) < f.out.n;
}

void
say_expect(const char *say, const char *const *want, size_t n)
{
	struct slice rest;

	buf_reset(&f.out);
	fake_say(&f, say);
	rest = buf_slice(&f.out);
	for (size_t i = 0; i < n; i++) {
		size_t at = slice_search(rest, slice_str(want[i]));

		if (at == rest.n && strlen(want[i]) > 0)
			fail_msg("%s: no %s in:\n%.*s", say, want[i], SLICE_FMT(buf_slice(&f.out)));
		rest = slice_from(rest, at + strlen(want[i]));
	}
}

void
say_append(const char *box, const char *args, const char *msg)
{
	struct buf b;

	buf_init(&b, 64u << 20);
	buf_printf(&b, "ap APPEND %s %s{%zu+}\r\n", box, args, strlen(msg));
	buf_put_str(&b, msg);
	buf_put_str(&b, "\r\n");
	buf_reset(&f.out);
	fake_say_bytes(&f, buf_slice(&b));
	if (!say_has("ap OK [APPENDUID 1000 "))
		fail_msg("append: %.*s", SLICE_FMT(buf_slice(&f.out)));
	buf_fini(&b);
}

void
say_login(void)
{
	EXPECT("l LOGIN alice secret\r\n", "l OK [CAPABILITY IMAP4rev1", "] Logged in\r\n");
}
