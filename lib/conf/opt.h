/* SPDX-License-Identifier: ISC */
/*
 * Options: one row, and struct field, table, configuration grammar, wire form
 * and manual page follow from it.
 *
 *	OPT(type, name, default, min, max, when, sentence)
 *
 *	TIME	uint64_t ms		"5m"; units ms s m h d w, always written
 *	SIZE	uint64_t bytes		"50M"; K M G T are powers of 1024
 *	NUM	uint64_t		"1000"
 *	RATE	struct opt_rate		"500/h"; per s m h d
 *	BOOL	bool			yes no (on off true false)
 *	ENUM	uint32_t		min holds the choices "a, b, c"; the value
 *					is the position, from 0; "no" and "off"
 *					are one word
 *	STRING	char *			min and max are bytes
 *	PATH	char *			made absolute when read; may be empty
 *	DOMAIN	char *			a host or domain name; may be empty
 *	LIST	struct opt_list		strings; min and max are their number
 *	NETS	struct opt_list		"10.0.0.0/8", "[2001:db8::]/32"; see opt_net.h
 *	ADDRS	struct opt_list		"*:25", "192.0.2.1:25", "[::1]:25"
 *
 * Strings are never NULL, NUL-terminated and owned by the struct (opt_free).
 * A daemon says in imapd/imapd_opt.h:
 *
 *	struct imapd_options {
 *	#define OPT OPT_FIELD
 *	#include "imapd/imapd.opt"
 *	#undef OPT
 *	};
 *	extern const struct opt imapd_opt_rows[];
 *	#define IMAPD_OPT_SECTION \
 *		OPT_SECTION("imapd", imapd_opt_rows, struct imapd_options)
 *
 * and the rows in imapd/imapd_opt.c.  Sections that several daemons read are
 * in conf_sections.h.
 */
#ifndef OPT_H
#define OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define OPT_STRING_MAX	1024	/* one string, or one element of a list */
#define OPT_LIST_MAX	1024	/* elements, whatever a row says */

struct opt_list {
	char		**v;
	uint32_t	  n;
};

struct opt_rate {
	uint64_t	 count;
	uint64_t	 per_ms;
};

/*	  type	 C type			 is a list */
#define OPT_TYPES(T)						\
	T(TIME,   uint64_t,		 false)			\
	T(SIZE,   uint64_t,		 false)			\
	T(NUM,    uint64_t,		 false)			\
	T(RATE,   struct opt_rate,	 false)			\
	T(BOOL,   bool,			 false)			\
	T(ENUM,   uint32_t,		 false)			\
	T(STRING, char *,		 false)			\
	T(PATH,   char *,		 false)			\
	T(DOMAIN, char *,		 false)			\
	T(LIST,   struct opt_list,	 true)			\
	T(NETS,   struct opt_list,	 true)			\
	T(ADDRS,  struct opt_list,	 true)

enum opt_type {
#define T(type, ctype, list)	OPT_TYPE_##type,
	OPT_TYPES(T)
#undef T
};
#define T(type, ctype, list)	typedef ctype opt_c_##type;
OPT_TYPES(T)
#undef T

/* When a change applies: godwit reload, godwit stop and start, or never. */
enum opt_when { OPT_RELOAD, OPT_RESTART, OPT_SETUP };

struct opt {
	const char	*name;		/* NULL ends a table */
	const char	*def;		/* lists: elements parted by ", " */
	const char	*min;
	const char	*max;
	const char	*help;
	enum opt_type	 type;
	enum opt_when	 when;
	size_t		 offset;
};

struct opt_section {
	const char		*name;	/* NULL ends a table; "godwit": top level */
	bool			 titled;
	const struct opt	*rows;
	size_t			 struct_bytes;
};

/* Make the struct, the table and the section from an .opt file. */
#define OPT_FIELD(type, name, def, min, max, when, help)	opt_c_##type name;
/* The product with 0 does not compile unless the field has the row's type. */
#define OPT_ROW(tag, type, name, def, min, max, when, help)		\
	{ #name, def, min, max, help, OPT_TYPE_##type, when,		\
	  offsetof(tag, name) +						\
	  0 * sizeof(&((tag *)0)->name == (opt_c_##type *)0) },
#define OPT_ROWS_END							\
	{ NULL, NULL, NULL, NULL, NULL, OPT_TYPE_NUM, OPT_RELOAD, 0 }
#define OPT_SECTION(name, rows, tag)		{ name, false, rows, sizeof(tag) }
#define OPT_TITLED_SECTION(name, rows, tag)	{ name, true, rows, sizeof(tag) }
#define OPT_SECTIONS_END			{ NULL, false, NULL, 0 }

/* All defaults into the caller's zeroed struct; rows must be sound. */
void		 opt_defaults(const struct opt_section *, void *);
void		 opt_free(const struct opt_section *, void *);	/* contents; leaves zeroes */

/*
 * Replace one value by text; lists take n elements, the others one.  On
 * failure the old value stays and why gets "what is wrong; allowed: what".
 * dir is where relative paths start.
 */
enum err	 opt_set(const struct opt *, void *section_struct,
		    const char *const *values, size_t n, const char *dir,
		    struct buf *why) MUST_USE;

/* The value as it would be written in the file, quotes included. */
void		 opt_print(const struct opt *, const void *section_struct, struct buf *);
/* The default, the same way; and the bounds: "1h to 30d, e.g. 5d". */
void		 opt_print_default(const struct opt *, struct buf *);
void		 opt_print_allowed(const struct opt *, struct buf *);
bool		 opt_is_list(enum opt_type);
const char	*opt_type_name(enum opt_type);
void		 opt_copy(const struct opt *, const void *from, void *to);
bool		 opt_is_equal(const struct opt *, const void *, const void *);

const struct opt		*opt_find(const struct opt_section *, struct slice name);
const struct opt_section	*opt_section_find(const struct opt_section *, struct slice name);

/* From master to the daemon, in ctl_options.values. */
void		 opt_encode(const struct opt_section *, const void *, struct buf *);
/*
 * Into the caller's struct of struct_bytes; ERR_VIOLATION for anything short,
 * trailing or out of form, with the struct left zeroed.
 */
enum err	 opt_decode(const struct opt_section *, struct slice, void *) MUST_USE;

#endif
