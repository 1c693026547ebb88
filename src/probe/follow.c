/*
 * Members in conditions: from an argument along fields and elements to a value, over the live objects. Nothing moves
 * meanwhile: the thread is in cooperative mode. Where a field lies depends on the object's own type, and only the agent
 * can ask: see ask.c.
 */
#include "probe/object-priv.h"
#include "probe/probe-priv.h"
#include "wire/element.h"

/* Of an object; the lowest bits are the collector's. */
static uint64_t type_of(uint64_t object)
{
    return word(object) & ~7ull;
}

/* ---- where a field is ---- */

static probe_known *places(probe_step *s, unsigned *count)
{
    *count = s->kind == PROBE_STEP_EXACT ? PROBE_EXACT_MOST : PROBE_KNOWN_MOST;
    return s->kind == PROBE_STEP_EXACT ? s->exact : s->known;
}

/* full: it is not there, and has no place to come to. */
static const probe_known *known(probe_step *s, uint64_t type, bool *full)
{
    unsigned count;
    const probe_known *all = places(s, &count);
    *full = false;
    for (unsigned i = 0; i < count; i++) {
        const probe_known *k = &all[(type / 8 + i) % count];
        uint64_t of = __atomic_load_n(&k->type, __ATOMIC_ACQUIRE);
        if (of == type) return k;
        if (!of) return NULL;
    }
    *full = true;
    return NULL;
}

void probe_step_learn(probe_step *s, uint64_t type, uint32_t offset, uint32_t other)
{
    unsigned count;
    probe_known *all = places(s, &count);
    for (unsigned i = 0; i < count; i++) {
        probe_known *k = &all[(type / 8 + i) % count];
        if (k->type == type) return;
        if (k->type) continue;
        k->offset = offset;
        k->other = other;
        __atomic_store_n(&k->type, type, __ATOMIC_RELEASE);
        return;
    }
}

/* Of an object's type; the agent is asked where it is a new one. */
static const probe_known *ask_about(probe_step *s, uint64_t object)
{
    const uint64_t type = type_of(object);
    bool full;
    const probe_known *k = known(s, type, &full);
    return !k && !full && probe_ask(s, type) ? known(s, type, &full) : k;
}

/* NULL: not known, or the type has no such field (code may call an object what it is not). */
static const probe_known *place_of(probe_step *s, uint64_t object)
{
    const probe_known *k = ask_about(s, object);
    return k && k->offset ? k : NULL;
}

/* ---- one step ---- */

/* What the rest of a step looks at: the address of a value, or none. */
typedef enum outcome { FOUND, NONE, UNDECIDED } outcome;

static outcome array_element(uint64_t array, uint32_t index, uint8_t size, uint64_t *at)
{
    const uint64_t type = type_of(array);
    const uint32_t flags = half(type);
    if (!(flags & HAS_COMPONENTS) || (flags & 0xFFFF) != size) return UNDECIDED;
    if (index >= half(array + 8)) return NONE;
    *at = array + half(type + 4) - 8 + (uint64_t)index * size;
    return FOUND;
}

static bool is_array(uint64_t object)
{
    const uint64_t type = type_of(object);
    return half(type) & HAS_COMPONENTS && half(type + 4) != STRING_BASE;
}

static outcome list_element(probe_step *s, uint64_t object, uint64_t *at)
{
    if (is_array(object)) return array_element(object, s->index, s->size, at);
    const probe_known *k = place_of(s, object);
    if (!k || !k->other) return UNDECIDED;
    const uint64_t array = word(object + k->offset);
    if (!array || s->index >= half(object + k->other)) return NONE;
    return array_element(array, s->index, s->size, at);
}

static outcome count(probe_step *s, uint64_t object, uint64_t *number)
{
    const probe_known *k = is_array(object) ? NULL : place_of(s, object);
    if (is_array(object))
        *number = half(object + 8);
    else if (k)
        *number = half(object + k->offset) - (k->other ? half(object + k->other) : 0);
    else
        return UNDECIDED;
    return FOUND;
}

/* number: where a value that is computed is put. */
static outcome step(probe_step *s, uint64_t object, uint64_t *at, uint64_t *number)
{
    const probe_known *k;
    switch ((probe_step_kind)s->kind) {
    case PROBE_STEP_LENGTH: *at = object + 8; return half(type_of(object)) & HAS_COMPONENTS ? FOUND : UNDECIDED;
    case PROBE_STEP_ELEMENT: return array_element(object, s->index, s->size, at);
    case PROBE_STEP_LIST_ELEMENT: return list_element(s, object, at);
    case PROBE_STEP_COUNT: *at = (uint64_t)number; return count(s, object, number);
    case PROBE_STEP_EXACT:
        k = ask_about(s, object);
        if (!k) return UNDECIDED;
        *number = k->offset;
        *at = (uint64_t)number;
        return FOUND;
    case PROBE_STEP_FIELD:
        k = place_of(s, object);
        if (!k) return UNDECIDED;
        *at = object + k->offset;
        return FOUND;
    }
    return UNDECIDED;
}

/* ---- a path ---- */

static bool is_text(uint64_t object)
{
    const uint64_t type = type_of(object);
    return half(type) & HAS_COMPONENTS && half(type + 4) == STRING_BASE;
}

static void put_value(wire_event *tok, const probe_path *p, uint64_t at)
{
    probe_decimal value = {0};
    memcpy(&value, (const void *)at, RJ_MIN(p->steps[p->count - 1].size, sizeof value));
    memcpy((uint8_t *)tok + p->to, &value, probe_path_room(p->element));
}

/* What is compared with null only. A slot without a picture that is not null. */
static void put_object(wire_event *tok, const probe_path *p)
{
    memcpy((uint8_t *)tok + p->to, &(uint64_t){1}, 8);
}

/* The value at the end of the path, into its slot. */
static probe_path_state put(probe_thread *t, probe_frame *f, const probe_path *p, uint64_t at)
{
    const bool is_object = p->element == WIRE_E_STRING || p->element == WIRE_E_OBJECT;
    if (!is_object) {
        put_value(&f->event, p, at);
        return PROBE_PATH_VALUE;
    }
    const uint64_t object = word(at);
    if (!object) return PROBE_PATH_NONE;
    if (p->element == WIRE_E_OBJECT) {
        put_object(&f->event, p);
        return PROBE_PATH_VALUE;
    }
    if (!is_text(object)) return PROBE_PATH_UNDECIDED;
    probe_append_object(t, f, p->to, (uint8_t *)object);
    return PROBE_PATH_VALUE;
}

/* Where the path leads to; number: where a value that is computed is put. */
static outcome walk(probe_path *p, uint64_t object, uint64_t *at, uint64_t *number)
{
    outcome o = object ? FOUND : NONE;
    for (unsigned i = 0; o == FOUND && i < p->count; i++) {
        if (i) object = word(*at);
        o = object ? step(&p->steps[i], object, at, number) : NONE;
    }
    return o;
}

static void follow(probe_thread *t, probe_frame *f, probe_path *p, uint64_t object)
{
    uint64_t at = 0, number = 0;
    const outcome o = walk(p, object, &at, &number);
    uint64_t state = o == NONE ? PROBE_PATH_NONE : o == UNDECIDED || !at ? PROBE_PATH_UNDECIDED : put(t, f, p, at);
    memcpy((uint8_t *)&f->event + p->to + probe_path_room(p->element), &state, 8);
}

void probe_follow(probe_thread *t, probe_frame *f, int32_t slot, uint8_t *object)
{
    const probe *p = f->probe;
    for (unsigned i = 0; i < p->path_count; i++) {
        if (p->paths[i].from != slot) continue;
        if (p->paths[i].steps->kind == PROBE_STEP_EXACT) f->event.elapsed = (uint64_t)object;
        follow(t, f, &p->paths[i], (uint64_t)object);
    }
}

static const probe_op *op_of(const probe *p, const probe_path *path)
{
    for (unsigned i = 0; i < p->op_count; i++)
        if (p->ops[i].path && p->ops[i].slot == path->to) return &p->ops[i];
    return NULL;
}

void probe_follow_exception(probe_frame *f, uint8_t *exception)
{
    const probe *p = f->probe;
    for (unsigned i = 0; i < p->path_count; i++) {
        probe_path *path = &p->paths[i];
        const probe_op *op = path->from == PROBE_FROM_EXCEPTION ? op_of(p, path) : NULL;
        uint64_t at = 0, number = 0, decided[2] = {0, PROBE_PATH_UNDECIDED};
        if (!op) continue;
        const outcome o = walk(path, (uint64_t)exception, &at, &number);
        if (o != UNDECIDED && (o == NONE || at)) {
            decided[0] = probe_compare_live(op, o == FOUND ? (const uint8_t *)at : NULL);
            decided[1] = PROBE_PATH_VALUE;
        }
        memcpy((uint8_t *)&f->event + path->to, &decided[0], 8);
        memcpy((uint8_t *)&f->event + path->to + probe_path_room(path->element), &decided[1], 8);
    }
}

bool probe_only_followed(const probe *p, int32_t slot)
{
    for (unsigned i = 0; i < p->path_count; i++)
        if (p->paths[i].from == slot && p->paths[i].bare) return true;
    return false;
}

bool probe_paths_undecided(const probe *p, const wire_event *tok)
{
    for (unsigned i = 0; i < p->path_count; i++) {
        uint64_t state;
        if (p->paths[i].of_key) continue;
        memcpy(&state, (const uint8_t *)tok + p->paths[i].to + probe_path_room(p->paths[i].element), 8);
        if (state == PROBE_PATH_UNDECIDED) return true;
    }
    return false;
}
