/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp_reply.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_put.h"

static struct slice
take(struct slice *in, size_t n)
{
	struct slice s = slice_head(*in, n);

	*in = slice_from(*in, n);
	return s;
}

static enum err
read_words(struct cmtp_reply *r, struct slice *in)
{
	size_t n = slice_find(*in, '\0');

	if (n > CMTP_REPLY_WORDS_MAX)
		return ERR_SYNTAX;
	if (n == in->n)
		return ERR_SHORT;
	r->words = take(in, n);
	*in = slice_from(*in, 1);
	return utf8_ok(r->words) ? ERR_OK : ERR_SYNTAX;
}

/* As far as it has come, it is this word. */
static bool
begins(struct slice in, struct slice word)
{
	size_t n = in.n < word.n ? in.n : word.n;

	return slice_eq(slice_head(in, n), slice_head(word, n));
}

static enum err
read_status(struct cmtp_reply *r, struct slice *in, bool success_too)
{
	struct slice s;

	r->is_failure = begins(*in, cmtp_status_word(false));
	if (!r->is_failure && !(success_too && begins(*in, cmtp_status_word(true))))
		return ERR_SYNTAX;
	if (in->n < CMTP_STATUS_BYTES)
		return ERR_SHORT;
	s = take(in, CMTP_STATUS_BYTES);
	r->signed_bytes = take(&s, CMTP_WORD_BYTES);
	r->sig = take(&s, CMTP_SIG_BYTES);
	return s.p[0] == '\0' ? ERR_OK : ERR_SYNTAX;
}

static enum err
read_key(struct cmtp_reply *r, struct slice *in)
{
	struct slice s;

	if (in->n < CMTP_KEY_REPLY_BYTES)
		return ERR_SHORT;
	s = take(in, CMTP_KEY_REPLY_BYTES);
	if (dec_be32(take(&s, 4).p) != CMTP_VERSION)
		return ERR_VERSION;
	r->signed_bytes = take(&s, CMTP_KEY_BYTES);
	if (take(&s, 1).p[0] != '\0')
		return ERR_SYNTAX;
	r->sig = take(&s, CMTP_SIG_BYTES);
	return s.p[0] == '\0' ? ERR_OK : ERR_SYNTAX;
}

static enum err
read_login(struct cmtp_reply *r, struct slice *in)
{
	if (in->n < CMTP_LOGIN_REPLY_BYTES)
		return ERR_SHORT;
	r->signed_bytes = take(in, CMTP_XZIBIT_BYTES);
	r->sig = take(in, CMTP_SIG_BYTES);
	return dec_be32(r->signed_bytes.p) == 1 ? ERR_OK : ERR_VERSION;
}

enum err
cmtp_reply_read(struct cmtp_reply *r, enum cmtp_reply_form form, struct slice *in)
{
	memset(r, 0, sizeof(*r));
	if (in->n == 0)
		return ERR_SHORT;
	switch (form) {
	case CMTP_REPLY_WORDS:
		return read_words(r, in);
	case CMTP_REPLY_STATUS:
		return read_status(r, in, true);
	case CMTP_REPLY_KEY:
		return in->p[0] == '\0' ? read_key(r, in) : read_status(r, in, false);
	case CMTP_REPLY_LOGIN:
		return in->p[0] == '\0' ? read_login(r, in) : read_status(r, in, false);
	}
	return ERR_SYNTAX;
}

bool
cmtp_reply_has_version(struct slice words, struct slice version)
{
	struct slice word;

	while (words.n > 0) {
		words = slice_cut(words, ' ', &word);
		if (slice_eq(word, version))
			return true;
	}
	return false;
}
