/* SPDX-License-Identifier: ISC */
#include "imapd/imap_subject.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void
imap_subject_flatten(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_space(s.p[i]))
			buf_put_char(b, s.p[i]);
		else if (i == 0 || !is_space(s.p[i - 1]))
			buf_put_char(b, ' ');
	}
}

static struct slice
skip_space(struct slice s)
{
	while (s.n > 0 && s.p[0] == ' ')
		s = slice_from(s, 1);
	return s;
}

/* subj-blob: "[" *BLOBCHAR "]" *WSP; false when there is none. */
static bool
take_blob(struct slice *s)
{
	size_t n = 1;

	if (s->n == 0 || s->p[0] != '[')
		return false;
	while (n < s->n && s->p[n] != '[' && s->p[n] != ']')
		n++;
	if (n == s->n || s->p[n] != ']')
		return false;
	*s = skip_space(slice_from(*s, n + 1));
	return true;
}

/* subj-refwd: ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool
take_refwd(struct slice *s)
{
	struct slice rest;

	if (slice_istarts(*s, "fwd"))
		rest = slice_from(*s, 3);
	else if (slice_istarts(*s, "re") || slice_istarts(*s, "fw"))
		rest = slice_from(*s, 2);
	else
		return false;
	rest = skip_space(rest);
	(void)take_blob(&rest);
	if (rest.n == 0 || rest.p[0] != ':')
		return false;
	*s = slice_from(rest, 1);
	return true;
}

/* Step 2: subj-trailer is "(fwd)" / WSP. */
static struct slice
drop_trailers(struct slice s, bool *is_reply)
{
	for (;;) {
		if (s.n > 0 && s.p[s.n - 1] == ' ') {
			s.n--;
		} else if (s.n >= 5 && slice_ieq_str(slice_from(s, s.n - 5), "(fwd)")) {
			s.n -= 5;
			*is_reply = true;
		} else {
			return s;
		}
	}
}

/*
 * Steps 3 to 5.  Blobs before a "Re:" go with it.  Else they go one after the
 * other while something is left; the last one stays where it is all there is.
 */
static struct slice
drop_leaders(struct slice s, bool *is_reply)
{
	for (;;) {
		struct slice rest, last;

		s = rest = last = skip_space(s);
		while (take_blob(&rest) && rest.n > 0)
			last = rest;
		if (rest.n > 0 && take_refwd(&rest)) {
			*is_reply = true;
			s = rest;
			continue;
		}
		return last;
	}
}

struct slice
imap_subject_base(struct slice s, bool *is_reply)
{
	*is_reply = false;
	for (;;) {
		s = drop_leaders(drop_trailers(s, is_reply), is_reply);
		/* Step 6: subj-fwd-hdr, subj-fwd-trl */
		if (!slice_istarts(s, "[fwd:") || s.p[s.n - 1] != ']')
			return s;
		s = slice_head(slice_from(s, 5), s.n - 6);
		*is_reply = true;
	}
}
