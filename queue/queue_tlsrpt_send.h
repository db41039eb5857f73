/* SPDX-License-Identifier: ISC */
/*
 * How a report of TLS sessions leaves queue: as a message of our own, from
 * the contact address and without DSN, or by way of a relay process to a web
 * server (RFC 8460 s5.3, s5.4).
 */
#ifndef QUEUE_TLSRPT_SEND_H
#define QUEUE_TLSRPT_SEND_H

#include "queue/queue_core.h"
#include "queue/queue_tlsrpt.h"

#define QUEUE_TLSRPT_POST_MS	90000u	/* for relay to answer */

/* arg is the struct queue. */
extern const struct queue_tlsrpt_ops queue_tlsrpt_send_ops;

#endif
