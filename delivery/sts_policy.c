/* SPDX-License-Identifier: ISC */
#include "delivery/sts_policy.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/base/num.h"

#define KEY_MAX		32u	/* RFC 8461 s3.2: a letter or digit and 31 more */

/* What a body says, while it is read; the slices are of the body. */
struct draft {
	bool		 has_version, has_mode, has_age;
	enum sts_mode	 mode;
	uint32_t	 max_age_s;
	struct slice	 mx[STS_MX_MAX];
	unsigned	 mx_count;
	size_t		 mx_bytes;
	const char	*why;
};

static enum err
fault(struct draft *d, enum err e, const char *why)
{
	d->why = why;
	return e;
}

static struct slice
trim_wsp(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* ---- policy ---- */

static enum err
read_version(struct draft *d, struct slice value)
{
	if (!slice_eq_str(value, "STSv1"))
		return fault(d, ERR_VERSION, "unknown version");
	d->has_version = true;
	return ERR_OK;
}

static enum err
read_mode(struct draft *d, struct slice value)
{
	for (unsigned m = STS_NONE; m <= STS_ENFORCE; m++) {
		if (!slice_eq_str(value, sts_mode_name((enum sts_mode)m)))
			continue;
		d->mode = (enum sts_mode)m;
		d->has_mode = true;
		return ERR_OK;
	}
	return fault(d, ERR_SYNTAX, "unknown mode");
}

static enum err
read_age(struct draft *d, struct slice value)
{
	uint64_t n;

	if (value.n > 10 || num_parse_u64(value, UINT64_MAX, &n) != ERR_OK)
		return fault(d, ERR_SYNTAX, "max_age is not a number");
	d->max_age_s = n > STS_AGE_MAX_S ? STS_AGE_MAX_S : (uint32_t)n;
	d->has_age = true;
	return ERR_OK;
}

/* Labels of letters, digits, "-" and "_". */
static bool
is_name(struct slice s)
{
	size_t label = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (ascii_is_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '_') {
			label++;
		} else {
			return false;
		}
	}
	return label > 0;
}

static struct slice
without_dot(struct slice s)
{
	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	return s;
}

static enum err
read_mx(struct draft *d, struct slice value)
{
	struct slice name = value = without_dot(value);

	if (slice_starts(name, "*."))
		name = slice_from(name, 2);
	if (!is_name(name) || value.n > STS_PATTERN_MAX)
		return fault(d, ERR_SYNTAX, "an mx is not a name");
	if (d->mx_count == STS_MX_MAX)
		return fault(d, ERR_LIMIT, "too many mx");
	d->mx[d->mx_count++] = value;
	d->mx_bytes += value.n + 1;
	return ERR_OK;
}

static bool
is_key(struct slice s)
{
	if (s.n == 0 || s.n > KEY_MAX || !ascii_is_alnum(s.p[0]))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '-' && s.p[i] != '.')
			return false;
	return true;
}

/* Of what may stand once, the first counts; what is not known is passed over. */
static enum err
read_field(struct draft *d, struct slice key, struct slice value)
{
	if (!is_key(key))
		return fault(d, ERR_SYNTAX, "a line is not a field");
	if (slice_eq_str(key, "version"))
		return d->has_version ? ERR_OK : read_version(d, value);
	if (slice_eq_str(key, "mode"))
		return d->has_mode ? ERR_OK : read_mode(d, value);
	if (slice_eq_str(key, "max_age"))
		return d->has_age ? ERR_OK : read_age(d, value);
	if (slice_eq_str(key, "mx"))
		return read_mx(d, value);
	return ERR_OK;
}

static enum err
read_lines(struct draft *d, struct slice body)
{
	while (body.n > 0) {
		struct slice line, key, value;
		enum err e;

		body = slice_cut(body, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		line = trim_wsp(line);
		if (line.n == 0)
			continue;
		value = slice_cut(line, ':', &key);
		if (key.n == line.n)
			return fault(d, ERR_SYNTAX, "a line is not a field");
		if ((e = read_field(d, key, trim_wsp(value))) != ERR_OK)
			return e;
	}
	if (!d->has_version)
		return fault(d, ERR_SYNTAX, "no version");
	if (!d->has_mode)
		return fault(d, ERR_SYNTAX, "no mode");
	if (!d->has_age)
		return fault(d, ERR_SYNTAX, "no max_age");
	if (d->mx_count == 0 && d->mode != STS_NONE)
		return fault(d, ERR_SYNTAX, "no mx");
	return ERR_OK;
}

/* One piece of memory: the struct, the pointers, the text. */
static struct sts_policy *
make(const struct draft *d)
{
	size_t head = sizeof(struct sts_policy) + d->mx_count * sizeof(char *);
	struct sts_policy *p = must_alloc(1, head + d->mx_bytes);
	char *at = (char *)p + head;

	p->refs = 1;
	p->mode = d->mode;
	p->max_age_s = d->max_age_s;
	p->mx_count = d->mx_count;
	p->bytes = head + d->mx_bytes;
	for (unsigned i = 0; i < d->mx_count; i++) {
		p->patterns[i] = at;
		for (size_t k = 0; k < d->mx[i].n; k++)
			*at++ = ascii_lower(d->mx[i].p[k]);
		*at++ = '\0';
	}
	return p;
}

enum err
sts_policy_parse(struct sts_policy **out, struct slice body, const char **why)
{
	struct draft d = { .why = "" };
	enum err e;

	*out = NULL;
	if (body.n > STS_BODY_MAX)
		e = fault(&d, ERR_TOOBIG, "too large");
	else
		e = read_lines(&d, body);
	*why = d.why;
	if (e == ERR_OK)
		*out = make(&d);
	return e;
}

struct sts_policy *
sts_policy_ref(const struct sts_policy *p)
{
	/* The count is not part of the value. */
	struct sts_policy *mine = (struct sts_policy *)(uintptr_t)p;

	mine->refs++;
	return mine;
}

void
sts_policy_unref(struct sts_policy **pp)
{
	struct sts_policy *p = *pp;

	*pp = NULL;
	if (p != NULL && --p->refs == 0)
		free(p);
}

/* RFC 8461 s4.1: the asterisk stands for one label, the leftmost. */
static bool
matches(struct slice pattern, struct slice host)
{
	size_t dot;

	if (!slice_starts(pattern, "*."))
		return slice_ieq(pattern, host);
	dot = slice_find(host, '.');
	return dot > 0 && dot < host.n &&
	    slice_ieq(slice_from(pattern, 1), slice_from(host, dot));
}

bool
sts_policy_has_host(const struct sts_policy *p, struct slice host)
{
	host = without_dot(host);
	for (unsigned i = 0; i < p->mx_count; i++)
		if (matches(slice_str(p->patterns[i]), host))
			return true;
	return false;
}

const char *
sts_mode_name(enum sts_mode m)
{
	switch (m) {
	case STS_NONE: return "none";
	case STS_TESTING: return "testing";
	case STS_ENFORCE: return "enforce";
	}
	return "none";
}

void
sts_policy_put(struct buf *b, const struct sts_policy *p)
{
	buf_printf(b, "version: STSv1\nmode: %s\n", sts_mode_name(p->mode));
	for (unsigned i = 0; i < p->mx_count; i++)
		buf_printf(b, "mx: %s\n", p->patterns[i]);
	buf_printf(b, "max_age: %u\n", p->max_age_s);
}

/* ---- TXT record ---- */

static bool
is_id(struct slice s)
{
	if (s.n == 0 || s.n > STS_ID_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]))
			return false;
	return true;
}

static enum err
parse_record(char id[STS_ID_MAX + 1], struct slice s)
{
	bool has_id = false;
	struct slice field;

	s = slice_cut(s, ';', &field);
	while (s.n > 0) {
		struct slice name, value;

		s = slice_cut(s, ';', &field);
		field = trim_wsp(field);
		/* RFC 8461 s3.1: one delimiter may end the record. */
		if (field.n == 0 && s.n == 0)
			break;
		value = slice_cut(field, '=', &name);
		if (name.n == field.n || !is_key(name))
			return ERR_SYNTAX;
		if (!slice_eq_str(name, "id") || has_id)
			continue;
		if (!is_id(value) || !slice_to_cstr(value, id, STS_ID_MAX + 1))
			return ERR_SYNTAX;
		has_id = true;
	}
	return has_id ? ERR_OK : ERR_SYNTAX;
}

enum err
sts_policy_read_id(char id[STS_ID_MAX + 1], const struct dns_answer *a)
{
	const struct dns_record *found = NULL;

	id[0] = '\0';
	if (a->status == DNS_SERVFAIL)
		return ERR_AGAIN;
	for (size_t i = 0; a->status == DNS_OK && i < a->count; i++) {
		if (!slice_starts(a->records[i].data, "v=STSv1;"))
			continue;
		if (found != NULL)
			return ERR_NOTFOUND;
		found = &a->records[i];
	}
	return found == NULL ? ERR_NOTFOUND : parse_record(id, found->data);
}
