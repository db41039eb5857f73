/* SPDX-License-Identifier: ISC */
/*
 * Where a domain wants its reports (RFC 8460 s3): the TXT record
 * "v=TLSRPTv1; rua=mailto:a@b,https://c/d".  Pure.
 *
 * Limits: TLSRPT_RUA_MAX addresses, those behind them are left out;
 * TLSRPT_URI_MAX bytes each, longer ones and other schemes are left out.
 */
#ifndef TLSRPT_RECORD_H
#define TLSRPT_RECORD_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/conf/conf_hop.h"
#include "lib/dns/dns_answer.h"

#define TLSRPT_RUA_MAX	5u
#define TLSRPT_URI_MAX	320u
#define TLSRPT_LIST_MAX	2048u	/* of all, a line each */
#define TLSRPT_PATH_MAX	300u

/*
 * Appends a line for each: "mailto:a@b", decoded, or the https URI as it is.
 * ERR_NOTFOUND: no such record, or more than one; ERR_SYNTAX: not one that can
 * be read, or nothing in it is of use.
 */
enum err	 tlsrpt_record_put_rua(struct buf *, const struct dns_answer *) MUST_USE;
/* The same from the text of one record. */
enum err	 tlsrpt_record_parse(struct buf *, struct slice text) MUST_USE;

/* https://host[:port][/path] */
struct tlsrpt_uri {
	char		 host[CONF_HOP_NAME_MAX + 1];
	uint16_t	 port;
	char		 path[TLSRPT_PATH_MAX + 1];	/* with the query; "/" at least */
};
/* ERR_SYNTAX: none, or with something that reports need not have. */
enum err	 tlsrpt_record_parse_uri(struct tlsrpt_uri *, struct slice) MUST_USE;

#endif
