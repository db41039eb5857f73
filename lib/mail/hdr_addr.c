/* SPDX-License-Identifier: ISC */
#include "lib/mail/hdr_addr.h"

#include "lib/mail/hdr.h"

/* A range of it->text or it->note, as offsets while those grow. */
struct part {
	size_t	off;
	size_t	n;
};

struct entry {
	struct part	name, route, local, domain;
	struct part	comment;	/* of it->note */
};

void
hdr_addr_init(struct hdr_addr_iter *it, struct slice value)
{
	it->rest = value;
	it->count = 0;
	it->in_group = it->capped = false;
	/* An entry may be read twice, and an address be a name too. */
	buf_small_init(&it->text, 4 * value.n + 64);
	buf_small_init(&it->note, 4 * value.n + 64);
}

void
hdr_addr_fini(struct hdr_addr_iter *it)
{
	buf_small_fini(&it->text);
	buf_small_fini(&it->note);
}

static char
peek(const struct hdr_addr_iter *it)
{
	return it->rest.n > 0 ? it->rest.p[0] : '\0';
}

static void
advance(struct hdr_addr_iter *it)
{
	it->rest = slice_from(it->rest, 1);
}

static struct part
since(const struct hdr_addr_iter *it, size_t off)
{
	return (struct part){ off, it->text.b.n - off };
}

static struct slice
text_of(const struct buf *b, struct part p)
{
	return slice_head(slice_from(buf_slice(b), p.off), p.n);
}

static bool
is_gap(char c)
{
	return c == '(' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_gap(struct hdr_addr_iter *it, struct entry *e)
{
	size_t off = it->note.b.n;

	hdr_skip_cfws_keep(&it->rest, &it->note.b);
	if (it->note.b.n > off)
		e->comment = (struct part){ off, it->note.b.n - off };
}

static bool
ends_phrase(char c)
{
	return c == '<' || c == ':' || c == '@' || c == ',' || c == ';';
}

/*
 * The words before '<', ':', '@', ',' or ';' as one text.  Brackets and other
 * specials are not legal there, but common in display names.
 */
static struct part
get_phrase(struct hdr_addr_iter *it, struct entry *e)
{
	struct buf *b = &it->text.b;
	size_t off = b->n;
	bool gap = false;

	while (it->rest.n > 0 && !ends_phrase(peek(it))) {
		char c = peek(it);

		if (is_gap(c)) {
			skip_gap(it, e);
			gap = true;
			continue;
		}
		if (gap && b->n > off)
			buf_put_char(b, ' ');
		gap = false;
		if (c == '"') {
			hdr_get_quoted(&it->rest, b);
			continue;
		}
		buf_put_char(b, c == '\0' ? '?' : c);
		advance(it);
	}
	return since(it, off);
}

/* Words and dots without what is between them (RFC 5322 s4.4), up to '@'. */
static struct part
get_local(struct hdr_addr_iter *it, struct entry *e)
{
	size_t off = it->text.b.n;

	while (it->rest.n > 0) {
		char c = peek(it);

		if (is_gap(c)) {
			skip_gap(it, e);
		} else if (c == '"') {
			hdr_get_quoted(&it->rest, &it->text.b);
		} else if (c == '@' || c == '>' || c == ',' || c == ';' || c == '<') {
			break;
		} else {
			buf_put_char(&it->text.b, c == '\0' ? '?' : c);
			advance(it);
		}
	}
	return since(it, off);
}

/* rest is behind '@': dot-atom, obsolete form, or domain literal. */
static struct part
get_domain(struct hdr_addr_iter *it, struct entry *e)
{
	size_t off = it->text.b.n;
	bool literal = false;

	while (it->rest.n > 0) {
		char c = peek(it);

		if (is_gap(c) && !literal) {
			skip_gap(it, e);
			/* "a@b . c" goes on, "a@b <" does not. */
			c = peek(it);
			if (it->text.b.n > off && c != '.' &&
			    it->text.b.mem[it->text.b.off + it->text.b.n - 1] != '.')
				break;
			continue;
		}
		if (c == '[')
			literal = true;
		else if (c == ']')
			literal = false;
		else if (literal ? c == '>' || c == ',' : !hdr_is_atext(c) && c != '.')
			break;
		if (c != '\r' && c != '\n')
			buf_put_char(&it->text.b, c == '\0' ? '?' : c);
		advance(it);
	}
	return since(it, off);
}

/* rest is at '@' behind '<': "@a,@b:" (RFC 5322 s4.4), kept without ':'. */
static struct part
get_route(struct hdr_addr_iter *it)
{
	size_t off = it->text.b.n;

	while (it->rest.n > 0) {
		char c = peek(it);

		if (is_gap(c)) {
			hdr_skip_cfws(&it->rest);
			continue;
		}
		if (c == ':') {
			advance(it);
			break;
		}
		if (!hdr_is_atext(c) && c != '@' && c != ',' && c != '.' &&
		    c != '[' && c != ']')
			break;
		buf_put_char(&it->text.b, c);
		advance(it);
	}
	return since(it, off);
}

/* rest is at '<'. */
static void
get_angle(struct hdr_addr_iter *it, struct entry *e)
{
	advance(it);
	skip_gap(it, e);
	/* The innermost of "<<a@b>>". */
	while (peek(it) == '<')
		advance(it);
	if (peek(it) == '@')
		e->route = get_route(it);
	e->local = get_local(it, e);
	if (peek(it) == '@') {
		advance(it);
		e->domain = get_domain(it, e);
	}
	while (it->rest.n > 0 && peek(it) != '>' && peek(it) != ',' && peek(it) != ';')
		advance(it);
	if (peek(it) == '>')
		advance(it);
}

/* What follows an address up to the next separator is comments or junk. */
static void
skip_tail(struct hdr_addr_iter *it, struct entry *e)
{
	size_t keep;

	while (it->rest.n > 0 && peek(it) != ',' && peek(it) != ';') {
		if (is_gap(peek(it))) {
			skip_gap(it, e);
		} else if (peek(it) == '"') {
			keep = it->text.b.n;
			hdr_get_quoted(&it->rest, &it->text.b);
			buf_truncate(&it->text.b, keep);
		} else {
			advance(it);
		}
	}
}

/*
 * rest is at '@' of what started at start.  "a@b <a@b>" makes the first its
 * name; it is not legal, but common.
 */
static void
get_plain(struct hdr_addr_iter *it, struct slice start, struct entry *e)
{
	struct slice name;

	it->rest = start;
	e->local = get_local(it, e);
	if (peek(it) != '@')
		return;
	advance(it);
	e->domain = get_domain(it, e);
	hdr_skip_cfws(&it->rest);
	if (peek(it) != '<')
		return;
	name = slice_trim(slice_head(start, (size_t)(it->rest.p - start.p)));
	e->name.off = it->text.b.n;
	hdr_unfold(&it->text.b, name);
	e->name = since(it, e->name.off);
	get_angle(it, e);
}

static void
fill(const struct hdr_addr_iter *it, const struct entry *e, struct hdr_addr *a)
{
	a->name = text_of(&it->text.b, e->name);
	if (a->name.n == 0)
		a->name = slice_trim(text_of(&it->note.b, e->comment));
	a->has_name = a->name.n > 0;
	a->route = text_of(&it->text.b, e->route);
	a->local = text_of(&it->text.b, e->local);
	a->domain = text_of(&it->text.b, e->domain);
}

static bool
end_group(struct hdr_addr_iter *it, struct hdr_addr *a)
{
	it->in_group = false;
	*a = (struct hdr_addr){ .kind = HDR_ADDR_GROUP_END };
	return true;
}

/* Moves to the next entry; false at the end, or at the end of a group. */
static bool
find_entry(struct hdr_addr_iter *it, struct entry *e)
{
	for (;;) {
		skip_gap(it, e);
		if (it->rest.n == 0)
			return false;
		if (peek(it) == ';' && it->in_group) {
			advance(it);
			return false;
		}
		if (peek(it) != ',' && peek(it) != ';')
			return true;
		/* RFC 5322 s4.4: empty members. */
		advance(it);
		e->comment = (struct part){ 0, 0 };
	}
}

bool
hdr_addr_next(struct hdr_addr_iter *it, struct hdr_addr *a)
{
	struct entry e = { 0 };
	struct slice start;

	buf_reset(&it->text.b);
	buf_reset(&it->note.b);
	if (it->count >= HDR_ADDR_MAX && !it->capped) {
		it->capped = it->rest.n > 0;
		it->rest = SLICE_NONE;
	}
	if (!find_entry(it, &e)) {
		if (it->in_group)
			return end_group(it, a);
		return false;
	}
	it->count++;
	*a = (struct hdr_addr){ .kind = HDR_ADDR_MAILBOX };
	start = it->rest;
	e.name = get_phrase(it, &e);
	if (peek(it) == ':' && it->in_group) {
		/* Groups do not nest: the word was junk. */
		advance(it);
		skip_gap(it, &e);
		start = it->rest;
		buf_reset(&it->text.b);
		e.name = get_phrase(it, &e);
	} else if (peek(it) == ':') {
		advance(it);
		it->in_group = true;
		a->kind = HDR_ADDR_GROUP;
		a->name = text_of(&it->text.b, e.name);
		a->has_name = a->name.n > 0;
		return true;
	}
	if (peek(it) == '<') {
		get_angle(it, &e);
	} else if (peek(it) == '@') {
		e.name = (struct part){ 0, 0 };
		get_plain(it, start, &e);
	} else {
		e.local = e.name;
		e.name = (struct part){ 0, 0 };
	}
	skip_tail(it, &e);
	fill(it, &e, a);
	return true;
}
