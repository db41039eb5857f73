/* SPDX-License-Identifier: ISC */
#include "lib/ipc/store_rights.h"

#include "lib/ipc/store_proto.h"

#define RIGHTS_CREATE	(STORE_RIGHT_K | STORE_RIGHT_X)
#define RIGHTS_DELETE	(STORE_RIGHT_T | STORE_RIGHT_E)

/* RFC 4314 s2.1, s2.1.1; in the order in which they are told. */
static const struct { char letter; uint32_t bits; } letters[] = {
	{ 'l', STORE_RIGHT_L }, { 'r', STORE_RIGHT_R }, { 's', STORE_RIGHT_S },
	{ 'w', STORE_RIGHT_W }, { 'i', STORE_RIGHT_I }, { 'p', STORE_RIGHT_P },
	{ 'k', STORE_RIGHT_K }, { 'x', STORE_RIGHT_X }, { 't', STORE_RIGHT_T },
	{ 'e', STORE_RIGHT_E }, { 'a', STORE_RIGHT_A },
	{ 'c', RIGHTS_CREATE }, { 'd', RIGHTS_DELETE },
};

static uint32_t
bits_of(char letter)
{
	for (size_t i = 0; i < lengthof(letters); i++)
		if (letters[i].letter == letter)
			return letters[i].bits;
	return 0;
}

enum err
store_rights_parse(struct slice text, uint8_t *op, uint32_t *rights)
{
	*rights = 0;
	*op = slice_starts(text, "+") ? STORE_ADD : slice_starts(text, "-") ? STORE_REMOVE :
	    STORE_REPLACE;
	if (*op != STORE_REPLACE)
		text = slice_from(text, 1);
	for (size_t i = 0; i < text.n; i++) {
		uint32_t bits = bits_of(text.p[i]);

		if (bits == 0)
			return ERR_SYNTAX;
		*rights |= bits;
	}
	return ERR_OK;
}

void
store_rights_put(struct buf *b, uint32_t rights)
{
	if (rights == 0)
		buf_put_str(b, "\"\"");
	for (size_t i = 0; i < lengthof(letters); i++)
		if (rights & letters[i].bits)
			buf_put_char(b, letters[i].letter);
}
