/* SPDX-License-Identifier: ISC */
#include "imapd/imap_items.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/mail/hdr.h"

#define LABEL_MAX	32768
#define PATH_TEXT_MAX	200	/* part numbers in one section */

bool
imap_items_has(const struct imap_items *items, enum imap_item_kind kind)
{
	return items->kinds >> kind & 1;
}

static struct imap_item *
add(struct imap_items *items, struct imap_parser *p, enum imap_item_kind kind)
{
	struct imap_item *i;

	/* Asked for twice, told once. */
	if (kind < IMAP_ITEM_SECTION && imap_items_has(items, kind))
		return NULL;
	if (items->count == IMAP_ITEMS_MAX) {
		imap_parser_fail(p, "Too many data items");
		return NULL;
	}
	i = &items->v[items->count++];
	memset(i, 0, sizeof(*i));
	i->kind = kind;
	items->kinds |= 1u << kind;
	return i;
}

/* ---- sections ---- */

static void
parse_path(struct imap_parser *p, struct imap_item *i)
{
	uint32_t path[PATH_TEXT_MAX];

	while (ascii_is_digit(imap_parser_peek(p))) {
		if (i->path_count == PATH_TEXT_MAX) {
			imap_parser_fail(p, "Section too deep");
			return;
		}
		path[i->path_count++] = imap_parser_nz_number(p);
		if (!imap_parser_take(p, '.'))
			break;
		if (imap_parser_peek(p) == ']')
			imap_parser_fail(p, "Invalid section");
	}
	if (i->path_count == 0 || !imap_parser_ok(p))
		return;
	i->path = arena_alloc(p->arena, i->path_count, sizeof(*i->path));
	if (i->path == NULL)
		imap_parser_fail(p, "Command too large");
	else
		memcpy(i->path, path, i->path_count * sizeof(*path));
}

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static void
parse_names(struct imap_parser *p, struct imap_item *i)
{
	i->names = arena_alloc(p->arena, IMAP_FIELDS_MAX, sizeof(*i->names));
	if (i->names == NULL) {
		imap_parser_fail(p, "Command too large");
		return;
	}
	imap_parser_sp(p);
	imap_parser_want(p, '(');
	do {
		if (i->name_count == IMAP_FIELDS_MAX) {
			imap_parser_fail(p, "Too many header fields");
			return;
		}
		i->names[i->name_count++] = imap_parser_astring(p);
	} while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

/* section-text, behind the part numbers */
static void
parse_text(struct imap_parser *p, struct imap_item *i)
{
	if (imap_parser_take_word(p, "HEADER.FIELDS.NOT")) {
		i->what = MIME_SECTION_HEADER;
		i->fields = IMAP_FIELDS_NOT;
		parse_names(p, i);
	} else if (imap_parser_take_word(p, "HEADER.FIELDS")) {
		i->what = MIME_SECTION_HEADER;
		i->fields = IMAP_FIELDS_ONLY;
		parse_names(p, i);
	} else if (imap_parser_take_word(p, "HEADER")) {
		i->what = MIME_SECTION_HEADER;
	} else if (imap_parser_take_word(p, "TEXT")) {
		i->what = MIME_SECTION_TEXT;
	} else if (i->path_count > 0 && imap_parser_take_word(p, "MIME")) {
		i->what = MIME_SECTION_MIME;
	} else {
		imap_parser_fail(p, "Invalid section");
	}
}

static void
parse_partial(struct imap_parser *p, struct imap_item *i)
{
	if (!imap_parser_take(p, '<'))
		return;
	i->is_partial = true;
	i->from = imap_parser_number(p);
	imap_parser_want(p, '.');
	i->count = imap_parser_nz_number(p);
	imap_parser_want(p, '>');
}

static void
put_name(struct buf *b, struct slice name)
{
	bool plain = name.n > 0;

	for (size_t i = 0; i < name.n; i++)
		plain = plain && imap_parser_is_astring_char(name.p[i]);
	if (plain) {
		buf_put_slice(b, name);
		return;
	}
	buf_put_char(b, '"');
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c == '"' || c == '\\')
			buf_put_char(b, '\\');
		buf_put_char(b, c == '\r' || c == '\n' || (c & 0x80) ? '?' : c);
	}
	buf_put_char(b, '"');
}

/* The name of the item in the response: RFC 3501 s7.4.2. */
static void
make_label(struct imap_parser *p, struct imap_item *i, const char *name)
{
	static const char *const texts[] = { "", "HEADER", "TEXT", "MIME" };
	struct buf b;

	buf_init(&b, LABEL_MAX);
	buf_put_str(&b, name);
	buf_put_char(&b, '[');
	for (uint32_t k = 0; k < i->path_count; k++) {
		buf_put_str(&b, k > 0 ? "." : "");
		buf_put_num(&b, i->path[k]);
	}
	if (i->path_count > 0 && i->what != MIME_SECTION_ALL)
		buf_put_char(&b, '.');
	buf_put_str(&b, texts[i->what]);
	if (i->fields != IMAP_FIELDS_ALL) {
		buf_put_str(&b, i->fields == IMAP_FIELDS_ONLY ? ".FIELDS (" : ".FIELDS.NOT (");
		for (uint32_t k = 0; k < i->name_count; k++) {
			buf_put_str(&b, k > 0 ? " " : "");
			put_name(&b, i->names[k]);
		}
		buf_put_char(&b, ')');
	}
	buf_put_char(&b, ']');
	if (i->is_partial)
		buf_printf(&b, "<%u>", i->from);
	i->label = arena_dup(p->arena, buf_slice(&b));
	if (buf_err(&b) != ERR_OK || i->label.p == NULL)
		imap_parser_fail(p, "Command too large");
	buf_fini(&b);
}

/* section-spec and the bracket behind it */
static void
parse_spec(struct imap_parser *p, struct imap_item *i)
{
	parse_path(p, i);
	/* "1.": a text follows; "1]": the part itself. */
	if (imap_parser_peek(p) != ']')
		parse_text(p, i);
	imap_parser_want(p, ']');
}

static void
parse_section(struct imap_parser *p, struct imap_items *items, bool peek)
{
	struct imap_item *i = add(items, p, IMAP_ITEM_SECTION);

	if (i == NULL)
		return;
	if (!peek)
		items->sets_seen = true;
	parse_spec(p, i);
	parse_partial(p, i);
	if (imap_parser_ok(p))
		make_label(p, i, "BODY");
}

bool
imap_items_parse_section(struct imap_item *i, struct slice spec, struct arena *a)
{
	struct imap_parser p;
	char *text = arena_alloc(a, 1, spec.n + 1);

	memset(i, 0, sizeof(*i));
	i->kind = IMAP_ITEM_SECTION;
	if (text == NULL)
		return false;
	if (spec.n > 0)
		memcpy(text, spec.p, spec.n);
	text[spec.n] = ']';
	imap_parser_init(&p, slice_of(text, spec.n + 1), a);
	parse_spec(&p, i);
	return imap_parser_end(&p);
}

/* section-binary [partial] of RFC 3516 s7: part numbers alone. */
static void
parse_binary(struct imap_parser *p, struct imap_items *items, enum imap_item_kind kind)
{
	struct imap_item *i = add(items, p, kind);

	if (i == NULL)
		return;
	imap_parser_want(p, '[');
	parse_path(p, i);
	imap_parser_want(p, ']');
	if (kind == IMAP_ITEM_BINARY)
		parse_partial(p, i);
	if (imap_parser_ok(p))
		make_label(p, i, kind == IMAP_ITEM_BINARY ? "BINARY" : "BINARY.SIZE");
}

/* ---- items ---- */

/* RFC822 and its like are other names of sections. */
static void
add_rfc822(struct imap_parser *p, struct imap_items *items, const char *label,
    enum mime_section what)
{
	struct imap_item *i = add(items, p, IMAP_ITEM_SECTION);

	if (i == NULL)
		return;
	i->label = slice_str(label);
	i->what = what;
	items->is_rev1 = true;
	/* RFC 3501 s6.4.5: RFC822.HEADER does not set \Seen. */
	if (what != MIME_SECTION_HEADER)
		items->sets_seen = true;
}

static void
parse_body(struct imap_parser *p, struct imap_items *items)
{
	if (imap_parser_take(p, '['))
		parse_section(p, items, false);
	else
		(void)add(items, p, IMAP_ITEM_BODY);
}

/* RFC 8970 s6: "PREVIEW" [SP "(LAZY)"] */
static void
parse_preview(struct imap_parser *p, struct imap_items *items)
{
	struct imap_item *i = add(items, p, IMAP_ITEM_PREVIEW);
	bool lazy = imap_parser_take_word(p, " (LAZY)");

	if (i != NULL)
		i->lazy = lazy;
}

static void
parse_item(struct imap_parser *p, struct imap_items *items)
{
	static const struct { const char *name; enum imap_item_kind kind; } plain[] = {
		{ "FLAGS", IMAP_ITEM_FLAGS }, { "UID", IMAP_ITEM_UID },
		{ "INTERNALDATE", IMAP_ITEM_INTERNALDATE },
		{ "RFC822.SIZE", IMAP_ITEM_SIZE }, { "ENVELOPE", IMAP_ITEM_ENVELOPE },
		{ "MODSEQ", IMAP_ITEM_MODSEQ }, { "SAVEDATE", IMAP_ITEM_SAVEDATE },
		{ "EMAILID", IMAP_ITEM_EMAILID }, { "THREADID", IMAP_ITEM_THREADID },
		{ "BODYSTRUCTURE", IMAP_ITEM_BODYSTRUCTURE },
	};
	struct slice name = imap_parser_item(p);

	for (size_t i = 0; i < lengthof(plain); i++) {
		if (slice_ieq_str(name, plain[i].name)) {
			(void)add(items, p, plain[i].kind);
			return;
		}
	}
	if (slice_ieq_str(name, "BODY")) {
		parse_body(p, items);
	} else if (slice_ieq_str(name, "BODY.PEEK")) {
		imap_parser_want(p, '[');
		parse_section(p, items, true);
	} else if (slice_ieq_str(name, "BINARY")) {
		items->sets_seen = true;
		parse_binary(p, items, IMAP_ITEM_BINARY);
	} else if (slice_ieq_str(name, "BINARY.PEEK")) {
		parse_binary(p, items, IMAP_ITEM_BINARY);
	} else if (slice_ieq_str(name, "BINARY.SIZE")) {
		parse_binary(p, items, IMAP_ITEM_BINARY_SIZE);
	} else if (slice_ieq_str(name, "PREVIEW")) {
		parse_preview(p, items);
	} else if (slice_ieq_str(name, "RFC822")) {
		add_rfc822(p, items, "RFC822", MIME_SECTION_ALL);
	} else if (slice_ieq_str(name, "RFC822.HEADER")) {
		add_rfc822(p, items, "RFC822.HEADER", MIME_SECTION_HEADER);
	} else if (slice_ieq_str(name, "RFC822.TEXT")) {
		add_rfc822(p, items, "RFC822.TEXT", MIME_SECTION_TEXT);
	} else {
		imap_parser_fail(p, "Unknown data item");
	}
}

static bool
parse_macro(struct imap_parser *p, struct imap_items *items)
{
	static const struct { const char *name; unsigned extra; } macros[] = {
		{ "ALL", 1 }, { "FAST", 0 }, { "FULL", 2 },
	};
	struct slice rest = slice_of(p->p, (size_t)(p->end - p->p)), word;

	(void)slice_cut(rest, ' ', &word);
	for (size_t i = 0; i < lengthof(macros); i++) {
		if (!slice_ieq_str(word, macros[i].name))
			continue;
		p->p += word.n;
		(void)add(items, p, IMAP_ITEM_FLAGS);
		(void)add(items, p, IMAP_ITEM_INTERNALDATE);
		(void)add(items, p, IMAP_ITEM_SIZE);
		if (macros[i].extra > 0)
			(void)add(items, p, IMAP_ITEM_ENVELOPE);
		if (macros[i].extra > 1)
			(void)add(items, p, IMAP_ITEM_BODY);
		return true;
	}
	return false;
}

void
imap_items_parse(struct imap_parser *p, bool uid, struct imap_items *items)
{
	memset(items, 0, sizeof(*items));
	items->v = arena_alloc(p->arena, IMAP_ITEMS_MAX, sizeof(*items->v));
	if (items->v == NULL) {
		imap_parser_fail(p, "Command too large");
		return;
	}
	/* RFC 3501 s6.4.8: UID FETCH tells the UID always. */
	if (uid)
		(void)add(items, p, IMAP_ITEM_UID);
	if (parse_macro(p, items))
		return;
	if (!imap_parser_take(p, '(')) {
		parse_item(p, items);
	} else {
		do
			parse_item(p, items);
		while (imap_parser_take(p, ' '));
		imap_parser_want(p, ')');
	}
}

static void
parse_modifier(struct imap_parser *p, bool uid, struct imap_items *items)
{
	struct slice name = imap_parser_atom(p);

	if (slice_ieq_str(name, "CHANGEDSINCE") && items->changed_since == 0) {
		imap_parser_sp(p);
		items->changed_since = imap_parser_modseq(p);
		if (items->changed_since == 0)
			imap_parser_fail(p, "Expected a mod-sequence");
	} else if (slice_ieq_str(name, "VANISHED") && uid && !items->vanished) {
		items->vanished = true;
	} else if (slice_ieq_str(name, "PARTIAL") && uid && !items->has_window) {
		/* RFC 9394 s3.3 */
		items->has_window = true;
		imap_parser_sp(p);
		imap_window_parse(p, &items->window);
	} else {
		imap_parser_fail(p, "Unknown or misplaced modifier");
	}
}

void
imap_items_parse_modifiers(struct imap_parser *p, bool uid, struct imap_items *items)
{
	if (!imap_parser_take(p, ' '))
		return;
	imap_parser_want(p, '(');
	do
		parse_modifier(p, uid, items);
	while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
	/* RFC 7162 s3.2.6 */
	if (items->vanished && items->changed_since == 0)
		imap_parser_fail(p, "VANISHED needs CHANGEDSINCE");
	/* RFC 7162 s3.1.4.1: MODSEQ is told then. */
	if (items->changed_since != 0 && !imap_items_has(items, IMAP_ITEM_MODSEQ))
		(void)add(items, p, IMAP_ITEM_MODSEQ);
}

void
imap_items_put_fields(struct buf *b, const struct imap_item *i, struct slice header,
    bool more)
{
	struct hdr_iter it;
	struct hdr_field f;

	hdr_iter_init(&it, header);
	while (hdr_next(&it, &f)) {
		bool named = false;

		for (uint32_t k = 0; k < i->name_count && !named; k++)
			named = slice_ieq(f.name, i->names[k]);
		if (named == (i->fields == IMAP_FIELDS_ONLY))
			buf_put_slice(b, f.raw);
	}
	/* RFC 9051 s6.4.5.1: the delimiting blank line, if the header has one. */
	if (more || it.rest.n > 0)
		buf_put_str(b, "\r\n");
}
