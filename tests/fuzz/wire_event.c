/*
 * What a hostile target can make a client read: types, probes and an event, through the decoder to text and JSON.
 *
 *      u16 size of types | u16 size of probes | TYPE fields | PROBE fields | the event behind its head
 */
#include "client/client-priv.h"
#include "out/out.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(rj_value *v)
{
    buf_t b = {0};
    out_value(&b, v);
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] < 0x20) abort(); /* nothing raw reaches a terminal */
    b.n = 0;
    out_json_value(&b, v);
    buf_free(&b);
}

static void decode(rj_session *s, const uint8_t *event, uint32_t size)
{
    for (size_t i = 0; i < s->order.n; i++) {
        for (size_t k = 0; k < s->order.v[i]->value_count; k++) {
            arena a = {0};
            rj_value v;
            value_read(s, &a, &s->order.v[i]->values[k], event, size, &v);
            show(&v);
            arena_free(&a);
        }
    }
    arena a = {0};
    rj_call c = {0};
    value_exception(s, &a, event, size, &c);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t types, probes;
    if (size < 4) return 0;
    memcpy(&types, data, 2);
    memcpy(&probes, data + 2, 2);
    data += 4;
    size -= 4;
    types = (uint16_t)RJ_MIN(types, size);
    probes = (uint16_t)RJ_MIN(probes, size - types);
    /* Nobody to ask: what is not known stays unknown. */
    rj_session *s = calloc(1, sizeof *s);
    if (!s) return 0;
    s->fd = s->pidfd = s->memory_fd = s->memory.fd = -1;
    s->closed = true;
    s->wanted.depth = 3;
    types_read(&s->types, (wire_reader){.p = data, .end = data + types});
    size_t added, refused;
    (void)probes_read(s, (wire_reader){.p = data + types, .end = data + types + probes}, &added, &refused);
    size_t rest = RJ_MIN(size - types - probes, WIRE_EVENT_MOST - sizeof(wire_event));
    uint8_t *event = malloc(sizeof(wire_event) + rest);
    if (event) {
        wire_event head = {.size = (uint32_t)(sizeof head + rest),
                           .kind = WIRE_EV_THROW,
                           .exception = (uint64_t)rest << 32 | sizeof head};
        memcpy(event, &head, sizeof head);
        memcpy(event + sizeof head, data + types + probes, rest);
        decode(s, event, head.size);
    }
    free(event);
    rj_close(s);
    return 0;
}
