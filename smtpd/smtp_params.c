/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_params.h"

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

enum err
smtp_params_xtext(struct slice s, char *dst, size_t dst_bytes, size_t *n)
{
	int hi, lo;

	*n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (*n == dst_bytes)
			return ERR_LIMIT;
		if (s.p[i] != '+') {
			if (s.p[i] < '!' || s.p[i] > '~' || s.p[i] == '=')
				return ERR_SYNTAX;
			dst[(*n)++] = s.p[i];
			continue;
		}
		if (i + 2 >= s.n || (hi = hex_of(s.p[i + 1])) < 0 ||
		    (lo = hex_of(s.p[i + 2])) < 0)
			return ERR_SYNTAX;
		dst[(*n)++] = (char)(hi << 4 | lo);
		i += 2;
	}
	return ERR_OK;
}
