/* Who awaits: the boxes of state machines, as a probe has pictured them, become frames. */
#include "client/client-priv.h"

static const char box_type[] = "System.Runtime.CompilerServices.AsyncTaskMethodBuilder+AsyncStateMachineBox";

typedef struct picture {
    wire_piece head;
    const uint8_t *bytes;
} picture;

static bool read_at(const picture *p, uint32_t at, void *out, uint32_t size)
{
    if (p->head.copied < size || at > p->head.copied - size) return false;
    memcpy(out, p->bytes + at, size);
    return true;
}

static bool next_picture(const uint8_t *blob, uint32_t size, uint32_t *at, picture *out)
{
    if (size - *at < sizeof out->head) return false;
    memcpy(&out->head, blob + *at, sizeof out->head);
    *at += (uint32_t)sizeof out->head;
    out->bytes = blob + *at;
    if (out->head.copied > size - *at || out->head.copied % 8) return false;
    *at += out->head.copied;
    return true;
}

/* The number of the await that a state machine stands at; negative where the pictures do not tell. */
static int32_t state_in(const type_info *machine, uint32_t at, const picture *box, const picture *own)
{
    const type_field *f = type_field_of(machine, "<>1__state");
    int32_t state = -1;
    uint64_t address = 0;
    if (!f) return -1;
    if (machine->kind == WIRE_STRUCT)
        read_at(box, at + f->offset, &state, sizeof state);
    else if (read_at(box, at, &address, sizeof address) && own->head.address == address)
        read_at(own, f->offset, &state, sizeof state);
    return state;
}

/* False for tasks that are no state machine's: what awaits them is shown in their place. */
static bool read_awaiter(rj_session *s, const picture *p, const picture *own, frame_info *out)
{
    const type_info *box = types_get(s, p->head.type);
    const type_field *f = box && type_is(box, box_type) ? type_field_of(box, "StateMachine") : NULL;
    const type_info *machine = f ? types_get(s, f->type) : NULL;
    if (!machine || !machine->move_next) return false;
    int32_t state = state_in(machine, f->offset, p, own);
    *out = (frame_info){machine->move_next->name, {.file = ""}};
    if (s->wanted.lines && state >= 0) out->place = lines_find_await(s, &machine->move_next->code, (uint32_t)state);
    return true;
}

size_t awaiters_read(rj_session *s, const uint8_t *blob, uint32_t size, frame_info *out, size_t most)
{
    size_t n = 0;
    uint32_t at = 0;
    picture p;
    for (bool more = next_picture(blob, size, &at, &p); more && n < most;) {
        picture own = {.bytes = NULL}, next = {.bytes = NULL};
        more = next_picture(blob, size, &at, &next);
        if (more && next.head.length == WIRE_AWAITER_MACHINE) {
            own = next;
            more = next_picture(blob, size, &at, &next);
        }
        n += read_awaiter(s, &p, &own, &out[n]);
        p = next;
    }
    return n;
}
