/* SPDX-License-Identifier: ISC */
/*
 * Compiler attributes and the few macros every file may use.
 */
#ifndef CC_H
#define CC_H

#include <stddef.h>

#define MUST_USE	__attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a)	__attribute__((format(printf, f, a)))
#define NORETURN	__attribute__((noreturn))
#define UNUSED		__attribute__((unused))
#define PURE		__attribute__((pure))

#define lengthof(a)	(sizeof(a) / sizeof((a)[0]))

/* The object that holds a member: for intrusive list, heap and map nodes. */
#define obj_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif
