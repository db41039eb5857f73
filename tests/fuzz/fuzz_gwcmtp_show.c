/* SPDX-License-Identifier: ISC */
/* A stranger's message on its way to a terminal, and to files. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cmtpd/gwcmtp_show.h"
#include "lib/base/must.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(struct slice s)
{
	must(utf8_ok(s));
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		must((c >= ' ' || c == '\n' || c == '\t') && c != 0x7f);
		must(c != 0xc2 || (unsigned char)s.p[i + 1] >= 0xa0);
	}
}

static void
check_name(struct slice s)
{
	must(s.n > 0 && s.n <= GWCMTP_SHOW_NAME_MAX && s.p[0] != '.');
	must(slice_find(s, '/') == s.n && slice_find(s, '\n') == s.n);
	check_text(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice message = slice_of(data, size);
	uint32_t part = MIME_NONE, count = 0;
	struct buf out, name, bytes;
	struct mime m;
	bool is_shown;

	mime_init(&m);
	mime_start(&m);
	mime_feed(&m, message);
	mime_end(&m);
	buf_init(&out, 64u << 20);
	gwcmtp_show_message(&out, NULL, &m, message);
	if (buf_err(&out) == ERR_OK)
		check_text(buf_slice(&out));
	buf_fini(&out);
	while (count++ < 50 && gwcmtp_show_next_part(&m, &part, &is_shown)) {
		buf_init(&name, GWCMTP_SHOW_NAME_MAX + 1);
		buf_init(&bytes, m.map.spans[part].body_bytes + 16);
		gwcmtp_show_name(&name, NULL, &m, message, part);
		check_name(buf_slice(&name));
		gwcmtp_show_bytes(&bytes, &m, message, part);
		must(buf_err(&bytes) == ERR_OK);
		buf_fini(&bytes);
		buf_fini(&name);
	}
	mime_fini(&m);
	return 0;
}
