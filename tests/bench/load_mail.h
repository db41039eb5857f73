/* SPDX-License-Identifier: ISC */
/*
 * Mail to measure with: the same for the same numbers, on every machine.
 * TEXT is two parts of words, and compresses; NOISE is one part of 8-bit
 * bytes, and does not.
 */
#ifndef TESTS_BENCH_LOAD_MAIL_H
#define TESTS_BENCH_LOAD_MAIL_H

#include <stddef.h>
#include <stdint.h>

enum load_kind { LOAD_TEXT, LOAD_NOISE };
enum { LOAD_HEAD_BYTES_MAX = 4096 };

/* Into p, which has room for bytes + LOAD_HEAD_BYTES_MAX; how long it is. */
size_t		 load_mail(char *p, uint32_t serial, size_t bytes, enum load_kind kind);
/* Between 1/7 and 13/7 of the mean. */
size_t		 load_mail_size(uint32_t serial, size_t mean);
uint32_t	 load_mix(uint32_t x);

#endif
