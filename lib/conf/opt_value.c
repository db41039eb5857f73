/* SPDX-License-Identifier: ISC */
/*
 * Values from text and back: units, bounds, choices, and the two halves of
 * an error text ("what is wrong; allowed: what").
 */
#include "lib/conf/opt.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/conf/opt_net.h"
#include "lib/conf/opt_priv.h"

#define DAY_MS		86400000u
#define RATE_COUNT_MAX	1000000000000u

struct unit {
	const char	*name;
	uint64_t	 factor;
};
static const struct unit time_units[] = {
	{ "d", DAY_MS }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
	{ "w", 604800000 }, { NULL, 0 }
};
static const struct unit size_units[] = {
	{ "T", 1ull << 40 }, { "G", 1ull << 30 }, { "M", 1ull << 20 }, { "K", 1ull << 10 },
	{ "", 1 }, { NULL, 0 }
};
static const struct unit rate_units[] = {
	{ "d", DAY_MS }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { NULL, 0 }
};

/* NULL, or what is wrong. */
static const char *
parse_units(struct slice s, const struct unit *units, uint64_t *v)
{
	uint64_t n;

	if (num_read_u64(&s, UINT64_MAX, &n) != ERR_OK)
		return "not a number";
	for (; units->name != NULL; units++) {
		if (!slice_eq_str(s, units->name))
			continue;
		if (n > UINT64_MAX / units->factor)
			return "too large";
		*v = n * units->factor;
		return NULL;
	}
	return s.n == 0 ? "unit missing" : "unknown unit";
}

static const char *
parse_rate(struct slice s, struct opt_rate *r)
{
	struct slice count, per;
	const char *wrong = "unknown unit";

	per = slice_cut(s, '/', &count);
	if (num_parse_u64(count, RATE_COUNT_MAX, &r->count) != ERR_OK)
		return "not a number";
	if (per.n == 0)
		return "unit missing";
	for (const struct unit *u = rate_units; u->name != NULL; u++) {
		if (slice_eq_str(per, u->name)) {
			r->per_ms = u->factor;
			wrong = NULL;
		}
	}
	return wrong;
}

static uint64_t
rate_per_day(const struct opt_rate *r)
{
	return r->count * (DAY_MS / r->per_ms);
}

static const char *
parse_scalar(enum opt_type type, struct slice s, uint64_t *v)
{
	struct opt_rate r;
	const char *wrong;

	if (type == OPT_TYPE_TIME)
		return parse_units(s, time_units, v);
	if (type == OPT_TYPE_SIZE)
		return parse_units(s, size_units, v);
	if (type == OPT_TYPE_RATE) {
		wrong = parse_rate(s, &r);
		if (wrong == NULL)
			*v = rate_per_day(&r);
		return wrong;
	}
	return num_parse_u64(s, UINT64_MAX, v) == ERR_OK ? NULL : "not a number";
}

/* With bounds; a row's own bounds are sound (checked by a test). */
static const char *
parse_bounded(const struct opt *o, struct slice s, uint64_t *v)
{
	uint64_t bound = 0;
	const char *wrong = parse_scalar(o->type, s, v);

	if (wrong != NULL)
		return wrong;
	if (parse_scalar(o->type, slice_str(o->min), &bound) == NULL && *v < bound)
		return "too small";
	if (parse_scalar(o->type, slice_str(o->max), &bound) == NULL && *v > bound)
		return "too large";
	return NULL;
}

static const char *
parse_bool(struct slice s, bool *v)
{
	static const char *const words[][2] = { { "no", "yes" }, { "off", "on" },
	    { "false", "true" } };

	for (size_t i = 0; i < lengthof(words); i++) {
		for (unsigned yes = 0; yes < 2; yes++) {
			if (slice_ieq_str(s, words[i][yes])) {
				*v = yes == 1;
				return NULL;
			}
		}
	}
	return "unknown value";
}

static bool
find_choice(const struct opt *o, struct slice s, uint32_t *v)
{
	struct slice rest = slice_str(o->min), one;

	for (uint32_t i = 0; rest.n > 0; i++) {
		rest = slice_cut(rest, ',', &one);
		if (slice_eq(slice_trim(one), s)) {
			*v = i;
			return true;
		}
	}
	return false;
}

/* Of "no" and "off" a choice may have either name: the other is taken for it. */
static const char *
parse_enum(const struct opt *o, struct slice s, uint32_t *v)
{
	struct slice other = slice_eq_str(s, "off") ? SLICE_LIT("no") :
	    slice_eq_str(s, "no") ? SLICE_LIT("off") : s;

	return find_choice(o, s, v) || find_choice(o, other, v) ? NULL : "unknown value";
}

static const char *
check_text(struct slice s)
{
	if (s.n > OPT_STRING_MAX)
		return "too long";
	if (!utf8_ok(s))
		return "not UTF-8";
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return "control character";
	}
	return NULL;
}

/* RFC 1123 s2.1, RFC 5890: A-labels only, nothing is converted here. */
static const char *
check_domain(struct slice s)
{
	struct slice label;

	if (s.n > 253)
		return "too long";
	while (s.n > 0) {
		bool dot = slice_find(s, '.') < s.n;

		s = slice_cut(s, '.', &label);
		if (label.n == 0 || (dot && s.n == 0))
			return "empty label";
		if (label.n > 63)
			return "label too long";
		if (label.p[0] == '-' || label.p[label.n - 1] == '-')
			return "hyphen at the end of a label";
		for (size_t i = 0; i < label.n; i++) {
			if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
				return "not a host name";
		}
	}
	return NULL;
}

static const char *
check_string(const struct opt *o, struct slice s)
{
	const char *wrong = check_text(s);
	uint64_t bound;

	if (wrong == NULL && o->type == OPT_TYPE_DOMAIN)
		wrong = check_domain(s);
	if (wrong == NULL && o->type == OPT_TYPE_STRING) {
		if (num_parse_u64(slice_str(o->min), SIZE_MAX, &bound) == ERR_OK && s.n < bound)
			wrong = "too short";
		if (num_parse_u64(slice_str(o->max), SIZE_MAX, &bound) == ERR_OK && s.n > bound)
			wrong = "too long";
	}
	return wrong;
}

static const char *
set_string(const struct opt *o, char **field, struct slice s, const char *dir)
{
	const char *wrong = check_string(o, s);
	struct buf full;

	if (wrong != NULL)
		return wrong;
	buf_init(&full, PATH_MAX);
	if (o->type == OPT_TYPE_PATH && s.n > 0 && s.p[0] != '/' && dir != NULL) {
		buf_put_str(&full, dir);
		buf_put_char(&full, '/');
	}
	buf_put_slice(&full, s);
	if (buf_err(&full) != ERR_OK) {
		buf_fini(&full);
		return "too long";
	}
	free(*field);
	*field = opt_strdup(buf_data(&full), buf_slice(&full).n);
	buf_fini(&full);
	return NULL;
}

static const char *
check_element(enum opt_type type, struct slice s)
{
	struct opt_net net;
	struct opt_net_addr addr;
	const char *wrong = check_text(s);

	if (wrong == NULL && s.n == 0)
		wrong = "empty string";
	if (wrong == NULL && type == OPT_TYPE_NETS && opt_net_parse(s, &net) != ERR_OK)
		wrong = "not a network";
	if (wrong == NULL && type == OPT_TYPE_ADDRS && opt_net_parse_addr(s, &addr) != ERR_OK)
		wrong = "not an address and port";
	return wrong;
}

static const char *
set_list(const struct opt *o, struct opt_list *field, const char *const *values, size_t n)
{
	struct opt_list fresh = { NULL, 0 };
	const char *wrong = NULL;
	uint64_t bound;

	if (num_parse_u64(slice_str(o->min), OPT_LIST_MAX, &bound) == ERR_OK && n < bound)
		return "too few";
	if (n > OPT_LIST_MAX ||
	    (num_parse_u64(slice_str(o->max), OPT_LIST_MAX, &bound) == ERR_OK && n > bound))
		return "too many";
	for (size_t i = 0; i < n && wrong == NULL; i++) {
		wrong = check_element(o->type, slice_str(values[i]));
		for (uint32_t j = 0; j < fresh.n && wrong == NULL; j++) {
			if (strcmp(fresh.v[j], values[i]) == 0)
				wrong = "given twice";
		}
		if (wrong == NULL)
			opt_list_add(&fresh, values[i], strlen(values[i]));
	}
	if (wrong != NULL) {
		opt_list_free(&fresh);
		return wrong;
	}
	opt_list_free(field);
	*field = fresh;
	return NULL;
}

static const char *
set_one(const struct opt *o, void *field, struct slice s, const char *dir)
{
	struct opt_rate rate;
	const char *wrong;
	uint64_t v;

	switch (o->type) {
	case OPT_TYPE_TIME:
	case OPT_TYPE_SIZE:
	case OPT_TYPE_NUM:
		wrong = parse_bounded(o, s, &v);
		if (wrong == NULL)
			*(uint64_t *)field = v;
		return wrong;
	case OPT_TYPE_RATE:
		wrong = parse_bounded(o, s, &v);
		if (wrong == NULL && parse_rate(s, &rate) == NULL)
			*(struct opt_rate *)field = rate;
		return wrong;
	case OPT_TYPE_BOOL:
		return parse_bool(s, field);
	case OPT_TYPE_ENUM:
		return parse_enum(o, s, field);
	case OPT_TYPE_STRING:
	case OPT_TYPE_PATH:
	case OPT_TYPE_DOMAIN:
		return set_string(o, field, s, dir);
	case OPT_TYPE_LIST:
	case OPT_TYPE_NETS:
	case OPT_TYPE_ADDRS:
		break;
	}
	return "not a list";
}

enum err
opt_set(const struct opt *o, void *base, const char *const *values, size_t n, const char *dir,
    struct buf *why)
{
	void *field = opt_field(o, base);
	const char *wrong;

	if (opt_is_list(o->type))
		wrong = set_list(o, field, values, n);
	else if (n != 1)
		wrong = "one value wanted";
	else
		wrong = set_one(o, field, slice_str(values[0]), dir);
	if (wrong == NULL)
		return ERR_OK;
	buf_put_str(why, wrong);
	buf_put_str(why, "; allowed: ");
	opt_print_allowed(o, why);
	return ERR_SYNTAX;
}

static void
print_bounds(const struct opt *o, struct buf *b)
{
	buf_printf(b, "%s to %s", o->min, o->max);
	if (strcmp(o->def, o->min) != 0 && strcmp(o->def, o->max) != 0)
		buf_printf(b, ", e.g. %s", o->def);
}

void
opt_print_allowed(const struct opt *o, struct buf *b)
{
	switch (o->type) {
	case OPT_TYPE_TIME:
	case OPT_TYPE_SIZE:
	case OPT_TYPE_NUM:
	case OPT_TYPE_RATE:
		print_bounds(o, b);
		return;
	case OPT_TYPE_BOOL:
		buf_put_str(b, "yes, no");
		return;
	case OPT_TYPE_ENUM:
		buf_put_str(b, o->min);
		return;
	case OPT_TYPE_STRING:
		buf_printf(b, "%s to %s bytes", o->min, o->max);
		return;
	case OPT_TYPE_PATH:
		buf_put_str(b, "a path of at most 1024 bytes");
		return;
	case OPT_TYPE_DOMAIN:
		buf_put_str(b, "a host name, e.g. mx1.example.net");
		return;
	case OPT_TYPE_LIST:
		buf_printf(b, "%s to %s different strings", o->min, o->max);
		return;
	case OPT_TYPE_NETS:
		buf_printf(b, "%s to %s networks, e.g. 10.0.0.0/8 or 2001:db8::/32", o->min,
		    o->max);
		return;
	case OPT_TYPE_ADDRS:
		buf_printf(b, "%s to %s of \"*:25\", \"192.0.2.1:25\", \"[::1]:25\"", o->min,
		    o->max);
		return;
	}
}

/* The largest unit that divides. */
static void
print_units(uint64_t v, const struct unit *units, const char *zero, struct buf *b)
{
	if (v == 0) {
		buf_put_str(b, zero);
		return;
	}
	while (v % units->factor != 0)
		units++;	/* one unit of each table is 1 */
	buf_put_num(b, v / units->factor);
	buf_put_str(b, units->name);
}

static void
print_string(const char *s, struct buf *b)
{
	buf_put_char(b, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_put_char(b, '\\');
		buf_put_char(b, *s);
	}
	buf_put_char(b, '"');
}

static void
print_list(const struct opt_list *l, struct buf *b)
{
	buf_put_char(b, '{');
	for (uint32_t i = 0; i < l->n; i++) {
		if (i > 0)
			buf_put_str(b, ", ");
		print_string(l->v[i], b);
	}
	buf_put_char(b, '}');
}

static void
print_choice(const struct opt *o, uint32_t v, struct buf *b)
{
	struct slice rest = slice_str(o->min), one = SLICE_NONE;

	for (uint32_t i = 0; i <= v && rest.n > 0; i++)
		rest = slice_cut(rest, ',', &one);
	buf_put_slice(b, slice_trim(one));
}

static void
print_rate(const struct opt_rate *r, struct buf *b)
{
	buf_put_num(b, r->count);
	for (const struct unit *u = rate_units; u->name != NULL; u++) {
		if (u->factor == r->per_ms)
			buf_printf(b, "/%s", u->name);
	}
}

void
opt_print(const struct opt *o, const void *base, struct buf *b)
{
	const void *field = opt_field_const(o, base);
	struct buf text;

	buf_init(&text, 64);
	switch (o->type) {
	case OPT_TYPE_TIME:
		print_units(*(const uint64_t *)field, time_units, "0s", &text);
		break;
	case OPT_TYPE_SIZE:
		print_units(*(const uint64_t *)field, size_units, "0", &text);
		break;
	case OPT_TYPE_NUM:
		buf_put_num(b, *(const uint64_t *)field);
		break;
	case OPT_TYPE_RATE:
		print_rate(field, &text);
		break;
	case OPT_TYPE_BOOL:
		buf_put_str(b, *(const bool *)field ? "yes" : "no");
		break;
	case OPT_TYPE_ENUM:
		print_choice(o, *(const uint32_t *)field, b);
		break;
	case OPT_TYPE_STRING:
	case OPT_TYPE_PATH:
	case OPT_TYPE_DOMAIN:
		print_string(*(char *const *)field, b);
		break;
	case OPT_TYPE_LIST:
	case OPT_TYPE_NETS:
	case OPT_TYPE_ADDRS:
		print_list(field, b);
		break;
	}
	if (buf_slice(&text).n > 0)
		buf_printf(b, "\"%s\"", buf_cstr(&text));
	buf_fini(&text);
}

void
opt_print_default(const struct opt *o, struct buf *b)
{
	struct opt_list l = { NULL, 0 };

	if (opt_is_list(o->type)) {
		opt_list_split(&l, o->def);
		print_list(&l, b);
		opt_list_free(&l);
	} else if (o->type == OPT_TYPE_NUM || o->type == OPT_TYPE_BOOL ||
	    o->type == OPT_TYPE_ENUM)
		buf_put_str(b, o->def);
	else
		print_string(o->def, b);
}
