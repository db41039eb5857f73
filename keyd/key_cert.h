/* SPDX-License-Identifier: ISC */
/*
 * Certificates of clients by their fingerprints (key_prints.h): whose holder
 * logs in by EXTERNAL as an account, on listeners with client_certificate = any.
 *
 *	cert.add USER FINGERPRINT [NAME]
 *	cert.del USER FINGERPRINT		ends the account's sessions
 *	cert.list USER
 *
 * FINGERPRINT is SHA-256 in hexadecimal, as conf_route_print reads it.
 */
#ifndef KEY_CERT_H
#define KEY_CERT_H

#include "keyd/key_tool.h"

void	 key_cert_add(const struct key_tool_request *);
void	 key_cert_del(const struct key_tool_request *);
void	 key_cert_list(const struct key_tool_request *);

#endif
