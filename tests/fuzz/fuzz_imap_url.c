/* SPDX-License-Identifier: ISC */
/*
 * IMAP URLs: what parses stays within the text and the limits, names no NUL,
 * and a mailbox resolved against a base has no dot segments left.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/mail/imap_url.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_text(struct slice s)
{
	check(slice_find(s, '\0') == s.n && utf8_ok(s));
}

static void
check_mailbox(const struct imap_url *u, struct arena *a)
{
	struct slice name, level;

	if (imap_url_mailbox(u, SLICE_LIT("a/b/c"), a, &name) != ERR_OK)
		return;
	check(name.n > 0);
	check_text(name);
	while (name.n > 0) {
		name = slice_cut(name, '/', &level);
		check(!slice_eq_str(level, ".") && !slice_eq_str(level, ".."));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = slice_of(data, n);
	struct arena a;
	struct imap_url u;

	arena_init(&a, 1u << 20);
	if (imap_url_parse(&u, in, &a) == ERR_OK) {
		check(u.rump.n <= n);
		check(u.rump.n == n || (u.token.n >= 32 && u.mechanism.n > 0));
		check(u.section.n == 0 || u.uid != 0);
		check_text(u.user);
		check_text(u.mailbox);
		check_text(u.section);
		check_text(u.access_user);
		check_mailbox(&u, &a);
	}
	arena_fini(&a);
	return 0;
}
