/* SPDX-License-Identifier: ISC */
/*
 * Files of templates: what is read can be written, as text that mail may
 * carry; what is refused names a line and a reason.
 */
#include "lib/base/must.h"
#include "lib/mail/mime_put.h"
#include "lib/mail/dsn_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct dsn_template_facts facts = { .hostname = "mx.example.net",
	    .lifetime_ms = 432000000, .warning_ms = 14400000 };
	struct dsn_template_set *set;
	struct dsn_template_fault why;
	struct buf text, out;

	if (dsn_template_parse(&set, slice_of(data, n), &why) != ERR_OK) {
		must(set == NULL && why.text[0] != '\0');
		return 0;
	}
	buf_init(&text, 1u << 20);
	buf_init(&out, 4u << 20);
	for (int i = 0; i < DSN_TEMPLATES; i++) {
		if (set->all[i].text.n == 0)
			continue;
		buf_reset(&text);
		dsn_template_put_text(&text, &set->all[i], &facts);
		mime_put_quoted_printable(&out, buf_slice(&text));
		must(buf_err(&out) == ERR_OK && mime_is_plain(buf_slice(&out)));
		buf_reset(&out);
		if (set->all[i].from.n > 0)
			dsn_template_put_from(&out, &set->all[i], facts.hostname);
		mime_put_words(&out, set->all[i].subject);
		must(mime_is_plain(buf_slice(&out)));
		buf_reset(&out);
	}
	buf_fini(&text);
	buf_fini(&out);
	dsn_template_free(&set);
	return 0;
}
