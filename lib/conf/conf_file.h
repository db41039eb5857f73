/* SPDX-License-Identifier: ISC */
/*
 * godwit.conf, read whole: includes one level deep, libconfuse for the values,
 * and every mistake at once.  A line of the error text is
 *
 *	<file>:<line>: <section>: <option> = <value>: <what is wrong>; allowed: <what>
 *
 * The first syntax error or unknown name ends the reading; otherwise all wrong
 * values and duplicates are told.  What only master can know (conflicts
 * between sections) it adds with conf_fault.  Files come from a callback, so
 * that tests and the fuzzer need none.
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/conf/opt.h"

#define CONF_FILE_NAME		"godwit.conf"
#define CONF_INCLUDES_MAX	100
#define CONF_ERRORS_MAX		(256u << 10)	/* bytes of error text */
#define CONF_SECTION_BYTES	60000		/* of one section on the wire */

struct conf_place {
	const char	*file;		/* NULL: a default */
	unsigned	 line;
};

struct conf_section {
	const struct opt_section	*def;
	char				*title;		/* NULL: untitled */
	struct conf_place		 place;		/* of its name */
	struct conf_place		*places;	/* of each row */
	void				*values;
	bool				*wrong;		/* each row: told already */
};

struct conf {
	char			 *dir;
	struct opt_list		  files;	/* names as in error texts */
	/* All untitled sections, then the titled ones as they were written. */
	struct conf_section	 *sections;
	size_t			  section_count;
};

/* path is absolute. */
typedef enum err conf_load_fn(void *arg, const char *path, struct buf *);
enum err	 conf_load_file(void *unused, const char *path, struct buf *) MUST_USE;

/*
 * dir/godwit.conf.  ERR_SYNTAX: *errors says why; when it is only values, there
 * is a configuration all the same, to be searched for conflicts, with defaults
 * in place of what is wrong.  Other codes: it could not be read (also in
 * *errors).  defs must outlive the result.
 */
enum err	 conf_read(const char *dir, const struct opt_section *defs,
		    conf_load_fn *, void *arg, struct conf **, struct buf *errors) MUST_USE;
void		 conf_free(struct conf **);

/* The idx-th section of that name, or NULL. */
struct conf_section *conf_find(const struct conf *, const char *name, size_t idx);
struct conf_section *conf_find_titled(const struct conf *, const char *name, const char *title);
size_t		 conf_count(const struct conf *, const char *name);
const void	*conf_values(const struct conf *, const char *name);	/* of an untitled one */
/* A titled section that nobody wrote, with defaults. */
struct conf_section *conf_add(struct conf *, const struct opt_section *, const char *title);
bool		 conf_is_set(const struct conf_section *, const struct opt *);

/*
 * One more line of errors; option may be NULL.  Nothing about an option, or a
 * titled section, that has a wrong value: it was told, and this may follow.
 */
void		 conf_fault(struct buf *errors, const struct conf_section *,
		    const char *option, const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
