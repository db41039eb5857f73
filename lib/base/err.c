/* SPDX-License-Identifier: ISC */
#include "lib/base/err.h"

#include <errno.h>
#include <stddef.h>

struct err_row {
	int		 val;
	enum err_class	 class;
	const char	*name;
	const char	*text;
};

static const struct err_row rows[] = {
#define E(name, val, class, text)	{ (val), ERR_CLASS_##class, #name, (text) },
	ERR_MAP(E)
#undef E
};

/* Rows stand in the order of their numbers, 0 down to the last. */
static const struct err_row *
row_of(int e)
{
	static const struct err_row unknown =
	    { 0, ERR_CLASS_TEMP, "UNKNOWN", "unknown error" };

	if (e > 0 || (size_t)-e >= lengthof(rows))
		return &unknown;
	return &rows[-e];
}

const char *
err_name(enum err e)
{
	return row_of((int)e)->name;
}

const char *
err_text(enum err e)
{
	return row_of((int)e)->text;
}

enum err_class
err_class(enum err e)
{
	return row_of((int)e)->class;
}

enum err
err_from_int(int v)
{
	if (v > 0 || v < -(int)(lengthof(rows) - 1))
		return ERR_VIOLATION;
	return (enum err)v;
}

enum err
err_from_errno(int e)
{
	switch (e) {
	case 0:
		return ERR_OK;
	case ENOSPC:
	case EDQUOT:
	case ENOMEM:
	case ENOBUFS:
		return ERR_FULL;
	case ENOENT:
		return ERR_NOTFOUND;
	case EEXIST:
		return ERR_EXISTS;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case EAGAIN:
	case EINTR:
		return ERR_AGAIN;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case EPIPE:
	case ECONNRESET:
	case ECONNREFUSED:
	case ENOTCONN:
		return ERR_GONE;
	case EMFILE:
	case ENFILE:
		return ERR_BUSY;
	case ENOSYS:
	case EOPNOTSUPP:
		return ERR_UNSUPPORTED;
	default:
		return ERR_IO;
	}
}
