/* SPDX-License-Identifier: ISC */
#include "queue/queue_rate.h"

#include "lib/io/conn_addr.h"

void
queue_rate_init(struct queue *q)
{
	rate_init(&q->user_rcpts, QUEUE_RATE_USERS);
	rate_init(&q->client_msgs, QUEUE_RATE_CLIENTS);
	rate_init(&q->client_rcpts, QUEUE_RATE_CLIENTS);
}

void
queue_rate_fini(struct queue *q)
{
	rate_fini(&q->user_rcpts);
	rate_fini(&q->client_msgs);
	rate_fini(&q->client_rcpts);
}

/* NULL: taken, or not to be counted. */
static const char *
take_client(const struct queue *q, struct rate_table *t, const struct rate *r,
    struct slice client, const char *name)
{
	struct conn_addr a;
	uint64_t key;

	if (r->count == 0 || client.n == 0)
		return NULL;
	key = conn_addr_parse(&a, client, 0) == ERR_OK ? conn_addr_rate_key(&a) :
	    hash_slice(client);
	return rate_take(t, key, r, loop_now(q->loop)) == ERR_LIMIT ? name : NULL;
}

const char *
queue_rate_message(struct queue *q, struct slice client)
{
	return take_client(q, &q->client_msgs, &q->limits.client_msgs, client,
	    "client_message_rate_limit");
}

const char *
queue_rate_rcpt(struct queue *q, struct slice client, uint64_t account)
{
	if (account != 0 && rate_take(&q->user_rcpts, account, &q->limits.user_rcpts,
	    loop_now(q->loop)) != ERR_OK)
		return "user_recipient_rate";
	return take_client(q, &q->client_rcpts, &q->limits.client_rcpts, client,
	    "client_recipient_rate_limit");
}
