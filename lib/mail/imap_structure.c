/* SPDX-License-Identifier: ISC */
#include "lib/mail/imap_structure.h"

#include "lib/base/num.h"

/* ---- values: an atom, a string, or a list of values */

/* Behind the string that begins at i; 0: it does not end. */
static size_t
end_of_quoted(struct slice s, size_t i)
{
	for (i++; i < s.n && s.p[i] != '"'; i++)
		if (s.p[i] == '\\')
			i++;
	return i < s.n ? i + 1 : 0;
}

static size_t
end_of_literal(struct slice s, size_t i)
{
	struct slice rest = slice_from(s, i + 1);
	uint64_t bytes;

	if (num_read_u64(&rest, s.n, &bytes) != ERR_OK || !slice_starts(rest, "}\r\n"))
		return 0;
	rest = slice_from(rest, 3);
	return bytes <= rest.n ? s.n - rest.n + (size_t)bytes : 0;
}

static size_t
end_of_atom(struct slice s, size_t i)
{
	while (i < s.n && s.p[i] != ' ' && s.p[i] != '(' && s.p[i] != ')')
		i++;
	return i;
}

/* The value at the front, and the space behind it; false: there is none. */
static bool
take_value(struct slice *s, struct slice *value)
{
	size_t i = 0, depth = 0;

	do {
		char c = i < s->n ? s->p[i] : ')';

		if ((c == ')' || c == ' ') && depth == 0)
			return false;
		if (i >= s->n)
			return false;
		depth += c == '(';
		depth -= c == ')';
		if (c == '"')
			i = end_of_quoted(*s, i);
		else if (c == '{')
			i = end_of_literal(*s, i);
		else if (c == '(' || c == ')' || c == ' ')
			i++;
		else
			i = end_of_atom(*s, i);
		if (i == 0)
			return false;
	} while (depth > 0);
	*value = slice_head(*s, i);
	*s = slice_from(*s, i);
	if (s->n > 0 && s->p[0] == ' ')
		*s = slice_from(*s, 1);
	return true;
}

static bool
is_list(struct slice value)
{
	return value.n >= 2 && value.p[0] == '(';
}

static struct slice
inside(struct slice list)
{
	return slice_head(slice_from(list, 1), list.n - 2);
}

/* ---- bodies */

static bool
is_multipart(struct slice body)
{
	return is_list(body) && is_list(inside(body));
}

static bool
child(struct slice multipart, uint32_t n, struct slice *body)
{
	struct slice rest = inside(multipart);

	for (uint32_t i = 0; i < n; i++)
		if (!take_value(&rest, body) || !is_list(*body))
			return false;
	return n > 0;
}

/* Of a message/rfc822: its envelope stands where others have no list. */
static bool
nested(struct slice body, struct slice *inner)
{
	struct slice rest, v[9];

	if (!is_list(body))
		return false;
	rest = inside(body);
	for (size_t i = 0; i < 9; i++)
		if (!take_value(&rest, &v[i]))
			return false;
	*inner = v[8];
	return is_list(v[7]) && is_list(v[8]);
}

bool
imap_structure_part(struct slice structure, const uint32_t *path, uint32_t path_count,
    struct slice *part)
{
	struct slice rest = structure;

	if (!take_value(&rest, part) || !is_list(*part))
		return false;
	for (uint32_t i = 0; i < path_count; i++) {
		if (i > 0 && !is_multipart(*part) && !nested(*part, part))
			return false;
		if (is_multipart(*part) ? !child(*part, path[i], part) : path[i] != 1)
			return false;
	}
	return true;
}

void
imap_structure_put_decoded(struct buf *b, struct slice part, const struct imap_decoded *d)
{
	struct slice rest, v[8];
	size_t n = 0;
	bool is_text;

	rest = is_list(part) && !is_multipart(part) ? inside(part) : SLICE_NONE;
	while (n < 7 && take_value(&rest, &v[n]))
		n++;
	is_text = n == 7 && slice_ieq_str(v[0], "\"text\"");
	if (n < 7 || (is_text && !take_value(&rest, &v[7]))) {
		buf_put_slice(b, part);
		return;
	}
	buf_put_char(b, '(');
	for (size_t i = 0; i < 5; i++) {
		buf_put_slice(b, v[i]);
		buf_put_char(b, ' ');
	}
	buf_put_str(b, d->has_nul ? "\"BINARY\" " : "\"8BIT\" ");
	buf_put_num(b, d->bytes);
	if (is_text) {
		buf_put_char(b, ' ');
		buf_put_num(b, d->lines);
	}
	if (rest.n > 0) {
		buf_put_char(b, ' ');
		buf_put_slice(b, rest);
	}
	buf_put_char(b, ')');
}
