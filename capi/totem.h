/* libtotem: a member of the ring inside any program, in its own poll loop.
 *
 *     struct totem_options *options = totem_options_new();
 *     totem_options_set(options, "node", "1");
 *     totem_options_node(options, 1, "10.0.0.1");
 *     totem_options_node(options, 2, "10.0.0.2");
 *     totem_options_set(options, "state", "/var/lib/example/totem");
 *     struct totem_ring *ring = totem_open(options, &callbacks, me, why, sizeof why);
 *     ... poll(totem_fd(ring)), then totem_dispatch(ring, 0) ...
 *
 * Every member sees the same messages in the same order, and configuration changes at the same places in
 * that order (extended virtual synchrony).
 *
 * A ring belongs to one thread: the one that calls these functions. Callbacks run inside totem_dispatch()
 * and may call totem_submit(). Nothing blocks. This interface only grows: structures that a program
 * hands over begin with their size, functions and constants keep their meaning (soname libtotem.so.1).
 */
#ifndef TOTEM_H
#define TOTEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct totem_ring;
struct totem_options;

/* agreed: in order. safe: in order, and every member of the configuration has it. */
enum totem_service { TOTEM_AGREED = 0, TOTEM_SAFE = 1 };

enum totem_result {
    TOTEM_OK = 0,
    TOTEM_FULL = 1,      /* no room now: the callback `room` will come */
    TOTEM_TOO_LARGE = 2, /* larger than totem_message_size_max() */
    TOTEM_ENDED = 3,     /* the ring was left, or broke */
    TOTEM_INVALID = 4,   /* an argument that has no meaning */
};

/* A process: its node, and which of its lives. A restart is another process. */
struct totem_processor {
    uint32_t node;
    uint32_t incarnation;
};

/* `payload` and `members` are the ring's, and valid until the callback returns. */
struct totem_delivery {
    struct totem_processor origin;
    uint64_t counter; /* (origin, counter) names the message for ever */
    enum totem_service service;
    const void *payload;
    size_t size;
};

struct totem_configuration {
    int transitional;  /* 1: who goes on together, for the last messages of the former one */
    uint64_t ring_seq; /* with `representative`, names the ring */
    struct totem_processor representative;
    const struct totem_processor *members; /* ascending */
    size_t members_count;
};

/* Any callback may be null. */
struct totem_callbacks {
    size_t size; /* sizeof(struct totem_callbacks) */
    void (*deliver)(void *user, const struct totem_delivery *delivery);
    void (*configuration)(void *user, const struct totem_configuration *configuration);
    void (*interrupted)(void *user);            /* nothing is delivered until the next configuration */
    void (*room)(void *user);                   /* after TOTEM_FULL: submit again */
    void (*ended)(void *user, const char *why); /* left, by request (why is null), or broken */
};

/* -- options, all as text; those not set keep their defaults
 *
 *   node              this node's number, 1 or more (needed)
 *   cluster           name; rings of different names do not hear each other  (totem)
 *   state             file of this node's identity; its directory must exist (needed)
 *   new identity      1: make the file if it is not there                    (0)
 *   key file          as made by totem-keygen; empty: packets are in the clear
 *   transport         multicast or unicast                                   (multicast)
 *   multicast group, port, token port, mtu
 *   spin              microseconds that the ring's own thread looks on before it sleeps (0)
 *   thread            own: the ring keeps its time whatever the program does;
 *                     caller: quicker, for a program that always comes back to totem_dispatch()
 *                     within a few milliseconds                              (own)
 */
struct totem_options *totem_options_new(void);
void totem_options_free(struct totem_options *options);
enum totem_result
totem_options_set(struct totem_options *options, const char *key, const char *value);
/* A node of the cluster, this one included, and its IPv4 or IPv6 address. */
enum totem_result
totem_options_node(struct totem_options *options, uint32_t node, const char *address);

/* -- the ring */

/* Null if it cannot be: then `why` holds a sentence for the operator. The options stay the caller's. */
struct totem_ring *totem_open(const struct totem_options *options,
                              const struct totem_callbacks *callbacks,
                              void *user,
                              char *why,
                              size_t why_size);
void totem_close(struct totem_ring *ring); /* without a leave before, the others see a crash */

struct totem_processor totem_self(const struct totem_ring *ring);
/* Readable when totem_dispatch() has something to do; the ring's, not to be read or closed. */
int totem_fd(const struct totem_ring *ring);
/* Calls back for what has happened, at most `limit` times (0: a sensible number). Returns how often. */
size_t totem_dispatch(struct totem_ring *ring, size_t limit);
/* Copies the message. */
enum totem_result
totem_submit(struct totem_ring *ring, const void *payload, size_t size, enum totem_service service);
size_t totem_message_size_max(void);
/* A clean leave: nobody has to wait for a time-out. The callback `ended` says when it is done. */
void totem_leave(struct totem_ring *ring);

#ifdef __cplusplus
}
#endif

#endif
