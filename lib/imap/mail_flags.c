/* SPDX-License-Identifier: ISC */
#include "lib/imap/mail_flags.h"

#include "lib/base/cc.h"

static const struct flag {
	const char	*name;
	unsigned	 bit;
	char		 maildir;
	char		 mbox;
} flags[] = {
	/* In the order of the letters, as a Maildir wants them. */
	{ "\\Draft",	MAIL_DRAFT,	'D', 'T' },
	{ "\\Flagged",	MAIL_FLAGGED,	'F', 'F' },
	{ "\\Answered",	MAIL_ANSWERED,	'R', 'A' },
	{ "\\Seen",	MAIL_SEEN,	'S', 'R' },
	{ "\\Deleted",	MAIL_DELETED,	'T', 'D' },
};

/* RFC 3501 s9: ATOM-CHAR */
static bool
is_keyword(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f ||
		    slice_find(SLICE_LIT("(){%*\"\\]"), s.p[i]) < 8)
			return false;
	return s.n > 0 && s.n <= 100;
}

static bool
has_word(struct slice words, struct slice word)
{
	while (words.n > 0) {
		struct slice one;

		words = slice_cut(words, ' ', &one);
		if (slice_ieq(one, word))
			return true;
	}
	return false;
}

void
mail_flags_word(unsigned *bits, struct buf *keywords, struct slice word)
{
	for (size_t i = 0; i < lengthof(flags); i++)
		if (slice_ieq_str(word, flags[i].name))
			*bits |= flags[i].bit;
	if (!is_keyword(word) || keywords->n + word.n + 1 > MAIL_KEYWORDS_BYTES ||
	    has_word(buf_slice(keywords), word))
		return;
	if (keywords->n > 0)
		buf_put_char(keywords, ' ');
	buf_put_slice(keywords, word);
}

void
mail_flags_put(struct buf *b, const struct mail_flags *f)
{
	char sep = '(';

	for (size_t i = 0; i < lengthof(flags); i++) {
		if (!(f->bits & flags[i].bit))
			continue;
		buf_put_char(b, sep);
		buf_put_str(b, flags[i].name);
		sep = ' ';
	}
	if (f->keywords.n > 0 || sep == '(')
		buf_put_char(b, sep);
	buf_put_slice(b, f->keywords);
	buf_put_char(b, ')');
}

unsigned
mail_flags_of_maildir(struct slice letters)
{
	unsigned bits = 0;

	for (size_t i = 0; i < lengthof(flags); i++)
		if (slice_find(letters, flags[i].maildir) < letters.n)
			bits |= flags[i].bit;
	return bits;
}

void
mail_flags_put_maildir(struct buf *b, unsigned bits)
{
	for (size_t i = 0; i < lengthof(flags); i++)
		if (bits & flags[i].bit)
			buf_put_char(b, flags[i].maildir);
}

unsigned
mail_flags_of_mbox(struct slice letters)
{
	unsigned bits = 0;

	for (size_t i = 0; i < lengthof(flags); i++)
		if (slice_find(letters, flags[i].mbox) < letters.n)
			bits |= flags[i].bit;
	return bits;
}
