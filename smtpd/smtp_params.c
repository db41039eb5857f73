/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_params.h"

#include "lib/base/cc.h"
#include "lib/ipc/queue_proto.h"

static bool
is_keyword(struct slice s)
{
	if (s.n == 0 || !ascii_is_alnum(s.p[0]))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

enum err
smtp_params_next(struct slice *s, struct smtp_param *p)
{
	struct slice word;

	if (s->n == 0)
		return ERR_END;
	/* Runs of spaces are common and harmless. */
	if (s->p[0] != ' ')
		return ERR_SYNTAX;
	while (s->n > 0 && s->p[0] == ' ')
		*s = slice_from(*s, 1);
	if (s->n == 0)
		return ERR_END;
	word = slice_head(*s, slice_find(*s, ' '));
	*s = slice_from(*s, word.n);
	p->has_value = slice_find(word, '=') < word.n;
	p->value = slice_cut(word, '=', &p->keyword);
	if (!is_keyword(p->keyword) || (p->has_value && p->value.n == 0))
		return ERR_SYNTAX;
	for (size_t i = 0; i < p->value.n; i++)
		if ((unsigned char)p->value.p[i] <= ' ' || p->value.p[i] == 0x7f)
			return ERR_SYNTAX;
	return ERR_OK;
}

static int
hex_of(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	/* RFC 3461 s4: upper case only. */
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes over 0x7f stand for themselves when max lets them (RFC 6533 s3). */
static enum err
decode(struct slice s, unsigned char max, char *dst, size_t dst_bytes, size_t *n)
{
	int hi, lo;

	*n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (*n == dst_bytes)
			return ERR_LIMIT;
		if (s.p[i] != '+') {
			if ((unsigned char)s.p[i] < '!' || (unsigned char)s.p[i] > max ||
			    s.p[i] == '=' || s.p[i] == 0x7f)
				return ERR_SYNTAX;
			dst[(*n)++] = s.p[i];
			continue;
		}
		if (i + 2 >= s.n || (hi = hex_of(s.p[i + 1])) < 0 ||
		    (lo = hex_of(s.p[i + 2])) < 0 || hi < 2 || (hi == 7 && lo == 15))
			return ERR_SYNTAX;
		dst[(*n)++] = (char)(hi << 4 | lo);
		i += 2;
	}
	return ERR_OK;
}

enum err
smtp_params_xtext(struct slice s, char *dst, size_t dst_bytes, size_t *n)
{
	return decode(s, '~', dst, dst_bytes, n);
}

enum err
smtp_params_notify(struct slice s, uint8_t *notify)
{
	static const struct {
		const char	*word;
		uint8_t		 bit;
	} words[] = {
		{ "NEVER", QUEUE_NOTIFY_NEVER }, { "SUCCESS", QUEUE_NOTIFY_SUCCESS },
		{ "FAILURE", QUEUE_NOTIFY_FAILURE }, { "DELAY", QUEUE_NOTIFY_DELAY },
	};
	struct slice word;
	size_t i;

	*notify = 0;
	do {
		bool is_last = slice_find(s, ',') == s.n;

		s = slice_cut(s, ',', &word);
		for (i = 0; i < lengthof(words); i++)
			if (slice_ieq_str(word, words[i].word))
				break;
		/* NEVER stands alone, and nothing follows the last comma. */
		if (i == lengthof(words) || (*notify & QUEUE_NOTIFY_NEVER) ||
		    (*notify != 0 && words[i].bit == QUEUE_NOTIFY_NEVER) ||
		    (!is_last && s.n == 0))
			return ERR_SYNTAX;
		*notify |= words[i].bit;
	} while (s.n > 0);
	return ERR_OK;
}

enum err
smtp_params_orcpt(struct slice s, bool may_utf8, char dst[SMTP_ORCPT_MAX], size_t *n)
{
	struct slice type, text;
	enum err e;

	if (s.n > SMTP_ORCPT_MAX)
		return ERR_LIMIT;
	text = slice_cut(s, ';', &type);
	if (text.n == 0 || !is_keyword(type) || (may_utf8 && !utf8_ok(text)))
		return ERR_SYNTAX;
	for (size_t i = 0; i <= type.n; i++)
		dst[i] = s.p[i];
	e = decode(text, may_utf8 ? 0xff : '~', dst + type.n + 1, SMTP_ORCPT_MAX - type.n - 1, n);
	*n += type.n + 1;
	return e;
}
