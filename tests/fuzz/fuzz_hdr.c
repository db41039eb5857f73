/* SPDX-License-Identifier: ISC */
/*
 * The parsers of header values: the first byte chooses, the rest is the value.
 */
#include <stdint.h>

#include "lib/base/must.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_addr.h"
#include "lib/mail/hdr_date.h"
#include "lib/mail/hdr_param.h"
#include "lib/mail/hdr_word.h"
#include "lib/mail/imap_text.h"
#include "lib/mail/mime_code.h"
#include "lib/mail/thread_hash.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
addresses(struct slice s)
{
	struct hdr_addr_iter it;
	struct hdr_addr a;
	size_t n = 0;

	hdr_addr_init(&it, s);
	while (hdr_addr_next(&it, &a)) {
		must(buf_err(&it.text.b) == ERR_OK && buf_err(&it.note.b) == ERR_OK);
		n++;
	}
	must(n <= 2 * s.n + 2);
	hdr_addr_fini(&it);
}

static void
params(struct slice s)
{
	struct hdr_params p;
	struct buf b;

	buf_init(&b, 16 * s.n + 1024);
	hdr_param_init(&p);
	hdr_param_parse(&p, s);
	must(buf_err(&p.text) == ERR_OK && p.count <= HDR_PARAM_MAX);
	for (unsigned i = 0; i < p.count; i++) {
		buf_reset(&b);
		hdr_param_decode(NULL, &p.v[i], &b);
		must(utf8_ok(buf_slice(&b)));
	}
	buf_reset(&b);
	imap_text_put_disposition(&b, &p, s);
	imap_text_put_language(&b, s);
	hdr_param_fini(&p);
	buf_fini(&b);
}

static void
words(struct slice s)
{
	struct buf b;

	buf_init(&b, 4 * s.n + 64);
	hdr_word_decode(NULL, s, &b);
	must(utf8_ok(buf_slice(&b)) && slice_find(buf_slice(&b), '\0') == b.n);
	must(slice_find(buf_slice(&b), '\n') == b.n);
	buf_fini(&b);
}

static void
fields(struct slice s)
{
	static const unsigned char key[16];
	struct thread_hashes h;
	struct hdr_iter it;
	struct hdr_field f;
	struct buf b;

	hdr_iter_init(&it, s);
	while (hdr_next(&it, &f))
		must(f.name.n > 0 && f.raw.n > f.name.n);
	must(hdr_length(s) <= s.n);
	thread_hash_header(key, s, &h);
	buf_init(&b, 64u << 20);
	imap_text_put_envelope(&b, s);
	must(buf_err(&b) == ERR_OK);
	buf_fini(&b);
}

static void
decode(struct slice s, enum mime_code code)
{
	struct mime_decoder d;
	struct buf b;

	buf_init(&b, s.n + 16);
	mime_decoder_init(&d, code);
	mime_decoder_put(&d, slice_head(s, s.n / 2), &b);
	mime_decoder_put(&d, slice_from(s, s.n / 2), &b);
	mime_decoder_end(&d, &b);
	must(buf_err(&b) == ERR_OK);
	mime_decoder_fini(&d);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice s;
	struct hdr_date d;

	if (n == 0)
		return 0;
	s = slice_of(p + 1, n - 1);
	switch (p[0] % 7) {
	case 0:
		addresses(s);
		break;
	case 1:
		params(s);
		break;
	case 2:
		words(s);
		break;
	case 3:
		fields(s);
		break;
	case 4:
		(void)!hdr_date_parse(s, &d);
		break;
	case 5:
		decode(s, MIME_CODE_BASE64);
		break;
	default:
		decode(s, MIME_CODE_QP);
		break;
	}
	return 0;
}
