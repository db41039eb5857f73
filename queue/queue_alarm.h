/* SPDX-License-Identifier: ISC */
/*
 * What godwit status warns of: sites that refuse all deliveries while mail
 * for them waits, those with the most of it first.  Pure.
 */
#ifndef QUEUE_ALARM_H
#define QUEUE_ALARM_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "queue/queue_site.h"

#define QUEUE_ALARM_SITES	5u	/* that are named; the rest are counted */

/*
 * How many sites are dead, and a line for those that are named:
 *
 *	bank.example refuses since 09:14, 118 messages wait (gwqueue -s bank.example)
 */
uint32_t	 queue_alarm_put(struct queue_sites *, uint64_t now_ms, struct buf *lines);

#endif
