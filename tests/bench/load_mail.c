/* SPDX-License-Identifier: ISC */
#include "tests/bench/load_mail.h"

#include <stdio.h>
#include <string.h>

enum { WORDS = 3000, WORD_LETTERS_MIN = 2, WORD_LETTERS = 9, LINE_WORDS = 10 };

uint32_t
load_mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

size_t
load_mail_size(uint32_t serial, size_t mean)
{
	static const unsigned share[] = { 1, 2, 3, 5, 7, 9, 11, 13, 13 };

	/* sum 64 for 9 of them: the mean is 7 */
	return mean * share[load_mix(serial) % 9] / 7;
}

/* A word of the vocabulary; common ones more often. */
static size_t
put_word(char *p, uint32_t pick)
{
	uint32_t word = load_mix(pick) % WORDS, seed;
	size_t letters;

	word = word * (load_mix(pick ^ 0x5bd1e995u) % WORDS) / WORDS;
	seed = load_mix(word + 77);
	letters = WORD_LETTERS_MIN + seed % WORD_LETTERS;
	for (size_t i = 0; i < letters; i++)
		p[i] = (char)('a' + load_mix(seed + (uint32_t)i) % 26);
	return letters;
}

static size_t
put_words(char *p, uint32_t *pick, unsigned count)
{
	size_t n = 0;

	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			p[n++] = ' ';
		n += put_word(p + n, (*pick)++);
	}
	return n;
}

static size_t
put_lines(char *p, uint32_t *pick, size_t bytes)
{
	size_t n = 0;

	while (n + 120 < bytes) {
		n += put_words(p + n, pick, LINE_WORDS);
		memcpy(p + n, "\r\n", 2);
		n += 2;
	}
	return n;
}

static size_t
put_noise(char *p, uint32_t *pick, size_t bytes)
{
	unsigned char c;

	for (size_t i = 0; i < bytes; i++) {
		c = (unsigned char)load_mix((*pick)++);
		if (i % 200 == 198 && i + 1 < bytes) {
			p[i++] = '\r';
			p[i] = '\n';
		} else {
			p[i] = (char)(c == 0 || c == '\r' || c == '\n' ? 'x' : c);
		}
	}
	return bytes;
}

static size_t
put_head(char *p, uint32_t serial, uint32_t *pick)
{
	size_t n;

	n = (size_t)sprintf(p, "Received: from client.example (client.example [192.0.2.1])\r\n"
	    "\tby mx.example.test with ESMTPS id %08x; Fri, 20 Nov 2026 10:00:00 +0000\r\n"
	    "From: Person %u <p%u@client.example>\r\n"
	    "To: Reader <reader@example.test>, c%u@client.example\r\n"
	    "Message-ID: <%u.%08x@client.example>\r\n"
	    "Date: Fri, 20 Nov 2026 10:%02u:%02u +0000\r\nSubject: ",
	    load_mix(serial), serial % 300, serial % 300, serial % 70, serial,
	    load_mix(serial + 1), serial / 60 % 60, serial % 60);
	n += put_words(p + n, pick, 6);
	return n + (size_t)sprintf(p + n, "\r\nMIME-Version: 1.0\r\n");
}

size_t
load_mail(char *p, uint32_t serial, size_t bytes, enum load_kind kind)
{
	uint32_t pick = load_mix(serial) ^ serial << 16;
	size_t n = put_head(p, serial, &pick);

	if (kind == LOAD_NOISE) {
		n += (size_t)sprintf(p + n, "Content-Type: application/octet-stream\r\n"
		    "Content-Transfer-Encoding: 8bit\r\n\r\n");
		return n + put_noise(p + n, &pick, bytes > n ? bytes - n : 0);
	}
	n += (size_t)sprintf(p + n, "Content-Type: multipart/alternative; "
	    "boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
	n += put_lines(p + n, &pick, bytes > n ? (bytes - n) / 2 : 0);
	n += (size_t)sprintf(p + n, "--=_b\r\nContent-Type: text/html; charset=utf-8\r\n"
	    "Content-Disposition: inline\r\n\r\n");
	n += put_lines(p + n, &pick, bytes > n ? bytes - n : 0);
	return n + (size_t)sprintf(p + n, "--=_b--\r\n");
}
