/* SPDX-License-Identifier: ISC */
/*
 * Public keys of owners: X25519 keys that somebody else made (sealing =
 * client), and the list of an account's generations.
 *
 * A key is written as 32 bytes in base64, or as the PEM of a
 * SubjectPublicKeyInfo (RFC 8410 s4): what "openssl pkey -pubout" prints.
 */
#ifndef KEY_PUBLIC_H
#define KEY_PUBLIC_H

#include "keyd/key_tool.h"

#define KEY_PUBLIC_TEXT_MAX	1000

/* ERR_SYNTAX: it is none.  Whether it is a good one is not looked at. */
enum err	 key_public_parse(unsigned char key[32], struct slice) MUST_USE;
/* The verb user.key: "generation where key", the present one first. */
void		 key_public_show(const struct key_tool_request *);

#endif
