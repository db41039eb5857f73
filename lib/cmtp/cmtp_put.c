/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp_put.h"

#include "lib/base/enc.h"
#include "lib/base/must.h"

static void
put_u32(struct buf *b, uint32_t v)
{
	unsigned char bytes[4];

	enc_be32(bytes, v);
	buf_put(b, bytes, sizeof(bytes));
}

void
cmtp_put_length(struct buf *b, uint64_t v)
{
	unsigned char bytes[8];

	enc_be64(bytes, v);
	buf_put(b, bytes, sizeof(bytes));
}

static enum err
put_param(struct buf *b, struct slice s)
{
	if (s.n > CMTP_PARAM_MAX || slice_find(s, '\0') < s.n || !utf8_ok(s))
		return ERR_SYNTAX;
	buf_put_slice(b, s);
	buf_put_char(b, '\0');
	return ERR_OK;
}

static void
put_name(struct buf *b, enum cmtp_verb v)
{
	buf_put_str(b, cmtp_verb_name(v));
	buf_put_char(b, '\0');
}

enum err
cmtp_put_command(struct buf *b, enum cmtp_verb v, const struct slice *params, unsigned count)
{
	enum err e = ERR_OK;

	must(v != CMTP_MAIL && v != CMTP_MAIL2);
	put_name(b, v);
	for (unsigned i = 0; i < count && e == ERR_OK; i++)
		e = put_param(b, params[i]);
	return e;
}

enum err
cmtp_put_mail(struct buf *b, const struct cmtp_mail *m,
    const struct slice params[CMTP_PARAMS_MAX], struct slice log)
{
	enum err e = ERR_OK;

	must(log.n == m->log_bytes);
	put_name(b, CMTP_MAIL);
	put_u32(b, m->is_plaintext ? 0 : CMTP_VERSION);
	put_u32(b, m->attachments);
	cmtp_put_length(b, m->log_bytes);
	cmtp_put_length(b, m->body_bytes);
	for (unsigned i = 0; i < CMTP_PARAMS_MAX && e == ERR_OK; i++)
		e = put_param(b, params[i]);
	buf_put_slice(b, log);
	return e;
}

void
cmtp_put_version(struct buf *b, const char *before, const char *version)
{
	buf_put_str(b, before);
	buf_put_str(b, version);
	buf_put_char(b, '\0');
}

void
cmtp_put_help(struct buf *b, unsigned version)
{
	const char *before = "";

	for (enum cmtp_verb v = 0; v < CMTP_VERB_COUNT; v++) {
		if (cmtp_verb_version(v) > version)
			continue;
		buf_put_str(b, before);
		buf_put_str(b, cmtp_verb_name(v));
		before = " ";
	}
	buf_put_char(b, '\0');
}

struct slice
cmtp_status_word(bool is_success)
{
	return is_success ? SLICE_LIT("SUCCESS") : SLICE_LIT("FAILURE");
}

void
cmtp_put_status(struct buf *b, bool is_success, const unsigned char sig[CMTP_SIG_BYTES])
{
	buf_put_slice(b, cmtp_status_word(is_success));
	buf_put(b, sig, CMTP_SIG_BYTES);
	buf_put_char(b, '\0');
}

void
cmtp_put_key(struct buf *b, const unsigned char key[CMTP_KEY_BYTES],
    const unsigned char sig[CMTP_SIG_BYTES])
{
	put_u32(b, CMTP_VERSION);
	buf_put(b, key, CMTP_KEY_BYTES);
	buf_put_char(b, '\0');
	buf_put(b, sig, CMTP_SIG_BYTES);
	buf_put_char(b, '\0');
}

/* No NUL behind it: that is how clients read it. */
void
cmtp_put_xzibit(struct buf *b, struct slice xzibit, const unsigned char sig[CMTP_SIG_BYTES])
{
	must(xzibit.n == CMTP_XZIBIT_BYTES);
	buf_put_slice(b, xzibit);
	buf_put(b, sig, CMTP_SIG_BYTES);
}
