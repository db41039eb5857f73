/* SPDX-License-Identifier: ISC */
#include "lib/mail/hdr_param.h"

#include <string.h>

#include "lib/base/num.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_word.h"

#define SECTION_NONE	(-1)
#define SECTION_MAX	(HDR_PARAM_RAW_MAX - 1)

/* A range of text, as offsets while it grows. */
struct part {
	size_t	off;
	size_t	n;
};

/* A parameter as it stands in the field. */
struct raw {
	struct part	name;		/* without "*0*" */
	struct part	full;		/* with it */
	struct part	value;
	int		section;	/* of a continuation */
	bool		extended;
	bool		used;
};

struct work {
	struct buf	*text;
	unsigned	 raw_count;
	struct raw	 raws[HDR_PARAM_RAW_MAX];
	unsigned	 count;
	struct {
		struct part	name, value;
		bool		extended;
	} done[HDR_PARAM_MAX];
};

void
hdr_param_init(struct hdr_params *p)
{
	memset(p, 0, sizeof(*p));
	buf_init(&p->text, 0);
}

void
hdr_param_fini(struct hdr_params *p)
{
	buf_fini(&p->text);
}

static struct slice
text_of(const struct buf *b, struct part p)
{
	return slice_head(slice_from(buf_slice(b), p.off), p.n);
}

static struct part
get_token(struct slice *rest, struct buf *b)
{
	size_t off = b->n;
	size_t n = 0;

	while (n < rest->n && hdr_is_token(rest->p[n]))
		n++;
	buf_put(b, rest->p, n);
	*rest = slice_from(*rest, n);
	return (struct part){ off, n };
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether only comments and space stand before the next parameter. */
static bool
ends_value(struct slice rest)
{
	hdr_skip_cfws(&rest);
	return rest.n == 0 || rest.p[0] == ';';
}

/* A token, a quoted string, or what careless writers put there, up to ';'. */
static struct part
get_value(struct slice *rest, struct buf *b)
{
	size_t off = b->n;
	bool gap = false;
	bool looked = false;	/* for the end behind a comment: once, not ever again */

	hdr_skip_cfws(rest);
	if (rest->n > 0 && rest->p[0] == '"') {
		hdr_get_quoted(rest, b);
		return (struct part){ off, b->n - off };
	}
	while (rest->n > 0 && rest->p[0] != ';') {
		char c = rest->p[0];

		if (c == '(' && gap && !looked) {
			looked = true;
			if (ends_value(*rest)) {
				hdr_skip_cfws(rest);
				break;
			}
		}
		*rest = slice_from(*rest, 1);
		if (is_blank(c)) {
			gap = true;
			continue;
		}
		if (gap && b->n > off)
			buf_put_char(b, ' ');
		gap = false;
		buf_put_char(b, c == '\0' ? '?' : c);
	}
	return (struct part){ off, b->n - off };
}

/* RFC 2231 s7: name*, name*1, name*1*; anything else is a plain name. */
static void
split_name(struct work *w, struct raw *r)
{
	struct slice full = text_of(w->text, r->full);
	size_t star = slice_find(full, '*');
	struct slice tail = slice_from(full, star + 1);
	uint32_t section;

	r->name = r->full;
	r->section = SECTION_NONE;
	if (star == full.n || star == 0)
		return;
	if (tail.n == 0) {
		r->name.n = star;
		r->extended = true;
		return;
	}
	if (tail.p[tail.n - 1] == '*') {
		r->extended = true;
		tail.n--;
	}
	if (num_parse_u32(tail, SECTION_MAX, &section) != ERR_OK) {
		r->extended = false;
		return;
	}
	r->name.n = star;
	r->section = (int)section;
}

static void
read_raws(struct work *w, struct slice rest)
{
	while (w->raw_count < HDR_PARAM_RAW_MAX) {
		struct raw *r = &w->raws[w->raw_count];
		size_t n = slice_find(rest, ';');

		if (n == rest.n)
			return;
		rest = slice_from(rest, n + 1);
		hdr_skip_cfws(&rest);
		*r = (struct raw){ .section = SECTION_NONE };
		r->full = get_token(&rest, w->text);
		hdr_skip_cfws(&rest);
		if (r->full.n == 0 || rest.n == 0 || rest.p[0] != '=')
			continue;
		for (size_t i = 0; i < r->full.n; i++) {
			char *c = buf_data(w->text) + r->full.off + i;

			*c = ascii_lower(*c);
		}
		rest = slice_from(rest, 1);
		r->value = get_value(&rest, w->text);
		split_name(w, r);
		w->raw_count++;
	}
}

static struct raw *
find_section(struct work *w, const struct raw *first, int section)
{
	struct slice name = text_of(w->text, first->name);

	for (unsigned i = 0; i < w->raw_count; i++) {
		struct raw *r = &w->raws[i];

		if (!r->used && r->section == section &&
		    slice_eq(text_of(w->text, r->name), name))
			return r;
	}
	return NULL;
}

/* The text moves when it grows: copy by offset. */
static void
copy_part(struct buf *b, struct part p)
{
	char *dst = buf_reserve(b, p.n);

	if (dst == NULL)
		return;
	memcpy(dst, buf_data(b) + p.off, p.n);
	buf_commit(b, p.n);
}

/* RFC 2231 s7, attribute-char */
static bool
is_attribute_char(char c)
{
	return (unsigned char)c < 0x80 && hdr_is_token(c) && c != '*' &&
	    c != '\'' && c != '%';
}

static void
copy_percent(struct buf *b, struct part p)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < p.n; i++) {
		char c = buf_data(b)[p.off + i];

		if (is_attribute_char(c)) {
			buf_put_char(b, c);
			continue;
		}
		buf_put_char(b, '%');
		buf_put_char(b, hex[(unsigned char)c >> 4]);
		buf_put_char(b, hex[c & 15]);
	}
}

/* Sections 0, 1, 2 ... of one parameter (RFC 2231 s3, s4.1). */
static void
join(struct work *w, struct raw *first)
{
	struct raw *chain[HDR_PARAM_RAW_MAX];
	struct buf *b = w->text;
	struct raw *r;
	bool extended = false;
	int n = 0;
	size_t off;

	while (n <= SECTION_MAX && (r = find_section(w, first, n)) != NULL) {
		extended |= r->extended;
		r->used = true;
		chain[n++] = r;
	}
	off = b->n;
	copy_part(b, first->name);
	if (extended)
		buf_put_char(b, '*');
	w->done[w->count].name = (struct part){ off, b->n - off };
	w->done[w->count].extended = extended;
	off = b->n;
	if (extended && !chain[0]->extended)
		buf_put_str(b, "''");
	for (int i = 0; i < n; i++) {
		if (extended && !chain[i]->extended)
			copy_percent(b, chain[i]->value);
		else
			copy_part(b, chain[i]->value);
	}
	w->done[w->count++].value = (struct part){ off, b->n - off };
}

static void
join_all(struct work *w)
{
	for (unsigned i = 0; i < w->raw_count && w->count < HDR_PARAM_MAX; i++) {
		struct raw *r = &w->raws[i];

		if (r->used)
			continue;
		if (r->section != SECTION_NONE && find_section(w, r, 0) != NULL) {
			join(w, r);
			continue;
		}
		r->used = true;
		w->done[w->count].name = r->full;
		w->done[w->count].value = r->value;
		w->done[w->count++].extended = r->extended &&
		    r->section == SECTION_NONE;
	}
}

void
hdr_param_parse(struct hdr_params *p, struct slice value)
{
	struct work w;
	struct slice rest = value;
	struct part main_part;
	struct part sub = { 0, 0 };

	w.text = &p->text;
	w.raw_count = w.count = 0;
	buf_reset(&p->text);
	/* Values as they are, joined once more, a byte as %XX at most. */
	p->text.max = 5 * value.n + 1024;
	hdr_skip_cfws(&rest);
	main_part = get_token(&rest, w.text);
	hdr_skip_cfws(&rest);
	if (rest.n > 0 && rest.p[0] == '/') {
		rest = slice_from(rest, 1);
		hdr_skip_cfws(&rest);
		sub = get_token(&rest, w.text);
	}
	read_raws(&w, rest);
	join_all(&w);
	p->main = text_of(w.text, main_part);
	p->sub = text_of(w.text, sub);
	p->count = w.count;
	for (unsigned i = 0; i < w.count; i++) {
		p->v[i].name = text_of(w.text, w.done[i].name);
		p->v[i].value = text_of(w.text, w.done[i].value);
		p->v[i].extended = w.done[i].extended;
	}
}

const struct hdr_param *
hdr_param_find(const struct hdr_params *p, const char *name)
{
	const struct hdr_param *found = NULL;

	for (unsigned i = 0; i < p->count; i++) {
		const struct hdr_param *v = &p->v[i];
		struct slice n = v->name;

		if (v->extended)
			n.n--;
		if (slice_ieq_str(n, name) && (found == NULL || v->extended))
			found = v;
	}
	return found;
}

static int
hex_value(char c)
{
	c = ascii_lower(c);
	if (ascii_is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const struct hdr_param *
hdr_param_find_plain(const struct hdr_params *p, const char *name)
{
	for (unsigned i = p->count; i > 0; i--)
		if (!p->v[i - 1].extended && slice_ieq_str(p->v[i - 1].name, name))
			return &p->v[i - 1];
	return NULL;
}

/* RFC 2231 s4: charset'language'percent text */
void
hdr_param_bytes(const struct hdr_param *v, struct buf *out)
{
	struct slice part, rest = v->value;

	if (!v->extended) {
		buf_put_slice(out, rest);
		return;
	}
	rest = slice_cut(rest, '\'', &part);
	rest = slice_cut(rest, '\'', &part);
	for (size_t i = 0; i < rest.n; i++) {
		if (rest.p[i] == '%' && i + 2 < rest.n && hex_value(rest.p[i + 1]) >= 0 &&
		    hex_value(rest.p[i + 2]) >= 0) {
			buf_put_char(out, (char)(hex_value(rest.p[i + 1]) << 4 |
			    hex_value(rest.p[i + 2])));
			i += 2;
		} else {
			buf_put_char(out, rest.p[i]);
		}
	}
}

void
hdr_param_decode(struct charset_set *set, const struct hdr_param *v, struct buf *out)
{
	struct slice charset;
	struct buf raw;

	if (!v->extended) {
		hdr_word_decode(set, v->value, out);
		return;
	}
	(void)slice_cut(v->value, '\'', &charset);
	buf_init(&raw, v->value.n);
	hdr_param_bytes(v, &raw);
	if (charset.n == 0)
		charset = SLICE_LIT("utf-8");
	(void)charset_put_utf8(set, charset, buf_slice(&raw), out);
	buf_fini(&raw);
}
