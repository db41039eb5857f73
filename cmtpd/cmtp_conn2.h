/* SPDX-License-Identifier: ISC */
/*
 * What a session of version 2 asks (struct cmtp_env): keyd for records,
 * signatures and what is known of other servers, relay for what is not, the
 * pool of threads for an evaluation of postage.
 */
#ifndef CMTP_CONN2_H
#define CMTP_CONN2_H

#include "cmtpd/cmtp_session.h"

/* arg is a struct cmtp_conn. */
enum err	 cmtp_conn2_keys(void *arg, struct slice user, uint64_t known);
enum err	 cmtp_conn2_far_keys(void *arg, struct slice user, struct slice domain,
		    uint64_t known);
enum err	 cmtp_conn2_sign(void *arg, enum cmtp2_purpose, const struct cmtp_sign *);
enum err	 cmtp_conn2_find(void *arg, struct slice domain, uint64_t serial);
enum err	 cmtp_conn2_weigh(void *arg, const struct cmtp2_price *,
		    const unsigned char digest[CMTP_DIGEST_BYTES], uint64_t counter);

#endif
