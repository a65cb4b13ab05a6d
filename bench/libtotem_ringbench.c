/* The ring benchmark's client over libtotem: the proof that a C program can hold the ring in its own loop.
 * ringbench_core.h belongs to the benchmark's tools; scripts/bench builds this against it:
 *   cc -O2 -I TOOLS -I . bench/libtotem_ringbench.c -L build/release/lib -ltotem
 * Options beside those of ringbench_core.h: --addresses A,B,... --state FILE --service agreed|safe
 * --thread own|caller */
#define _GNU_SOURCE
#include "capi/totem.h"
#include "ringbench_core.h"

static struct totem_ring *ring;
static enum totem_service service = TOTEM_AGREED;

static void on_deliver(void *user, const struct totem_delivery *delivery) {
    (void)user;
    rb_on_message(delivery->payload, delivery->size);
}

static void on_configuration(void *user, const struct totem_configuration *configuration) {
    (void)user;
    if (!configuration->transitional) rb_on_members((int)configuration->members_count);
}

static void on_ended(void *user, const char *why) {
    (void)user;
    fprintf(stderr, "libtotem_ringbench: %s\n", why ? why : "left");
}

static void add_nodes(struct totem_options *options, const char *addresses) {
    char *copy = strdup(addresses), *rest = copy, *address;
    for (uint32_t node = 1; (address = strsep(&rest, ",")) != NULL; node++)
        totem_options_node(options, node, address);
    free(copy);
}

static int open_ring(int argc, char **argv) {
    static const struct totem_callbacks callbacks = {.size = sizeof callbacks,
                                                     .deliver = on_deliver,
                                                     .configuration = on_configuration,
                                                     .ended = on_ended};
    struct totem_options *options = totem_options_new();
    char why[512] = "";
    totem_options_set(options, "cluster", "totem-bench");
    totem_options_set(options, "new identity", "1");
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *key = argv[i], *value = argv[i + 1];
        if (!strcmp(key, "--addresses")) add_nodes(options, value);
        else if (!strcmp(key, "--service")) service = strcmp(value, "safe") ? TOTEM_AGREED : TOTEM_SAFE;
        else if (!strcmp(key, "--node") || !strcmp(key, "--state") || !strcmp(key, "--thread"))
            totem_options_set(options, key + 2, value);
    }
    ring = totem_open(options, &callbacks, NULL, why, sizeof why);
    totem_options_free(options);
    if (ring == NULL) fprintf(stderr, "libtotem_ringbench: %s\n", why);
    return ring != NULL ? 0 : -1;
}

static int submit(const void *bytes, size_t size) {
    enum totem_result result = totem_submit(ring, bytes, size, service);
    return result == TOTEM_OK ? 0 : result == TOTEM_FULL ? 1 : -1;
}

static int descriptor(void) { return totem_fd(ring); }

static int dispatch(void) {
    totem_dispatch(ring, 0);
    return 0;
}

int main(int argc, char **argv) {
    static const struct rb_backend backend = {"libtotem", open_ring, submit, descriptor, dispatch};
    return rb_main(argc, argv, &backend);
}
