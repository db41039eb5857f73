/* SPDX-License-Identifier: ISC */
/*
 * What a client may say of what it wants to hear: NOTIFY's groups of events,
 * mailbox specifiers, result options with their fetch-atts.
 */
#include <stddef.h>
#include <stdint.h>

#include "imapd/imap_filter.h"
#include "imapd/imap_notify_spec.h"
#include "imapd/imap_return.h"
#include "lib/base/must.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const names[] = { "INBOX", "a", "a/b", "a/b/c", "user/ann@b.example/x" };

static void
spec(struct slice text, struct arena *a)
{
	struct imap_notify_spec n;
	struct imap_parser p;
	unsigned all = 0;

	imap_notify_spec_init(&n);
	imap_parser_init(&p, text, a);
	imap_notify_spec_parse(&p, &n);
	if (imap_parser_end(&p)) {
		for (size_t i = 0; i < lengthof(names); i++)
			all |= imap_notify_spec_events(&n, slice_str(names[i]), i % 2);
		must((all & ~n.all) == 0);
	}
	imap_notify_spec_fini(&n);
}

static void
filter(struct slice text, struct arena *a)
{
	struct imap_filter f;
	struct imap_parser p;

	imap_parser_init(&p, text, a);
	imap_filter_parse(&p, &f);
	if (!imap_parser_ok(&p))
		return;
	must(f.count <= IMAP_FILTER_NAMES_MAX);
	for (size_t i = 0; i < lengthof(names); i++)
		(void)imap_filter_fits(&f, slice_str(names[i]), i % 2, i < 4);
}

static void
result(struct slice text, struct arena *a)
{
	struct imap_return r;
	struct imap_parser p;
	uint32_t from, to;

	imap_parser_init(&p, text, a);
	imap_return_parse(&p, &r);
	if (!imap_parser_ok(&p))
		return;
	must(r.fetch.n == 0 || (r.fetch.p[0] == '(' && r.fetch.p[r.fetch.n - 1] == ')'));
	if (!(r.opts & IMAP_RETURN_PARTIAL))
		return;
	imap_window_cut(&r.window, 10, &from, &to);
	must(from <= to && to <= 10);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const parts[])(struct slice, struct arena *) = { spec, filter, result };

	for (size_t i = 0; i < lengthof(parts); i++) {
		struct arena a;

		arena_init(&a, 8u << 20);
		parts[i](slice_of(data, n), &a);
		arena_fini(&a);
	}
	return 0;
}
