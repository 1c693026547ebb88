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

/* The agent is asked where it is a new type. */
static const probe_known *ask_about(probe_step *s, uint64_t type)
{
    bool full;
    const probe_known *k = known(s, type, &full);
    return !k && !full && probe_ask(s, type) ? known(s, type, &full) : k;
}

/* NULL: not known, or the type has no such field (code may call an object what it is not). */
static const probe_known *place_of(probe_step *s, uint64_t object)
{
    const probe_known *k = ask_about(s, type_of(object));
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

static bool is_text(uint64_t object)
{
    const uint64_t type = type_of(object);
    return half(type) & HAS_COMPONENTS && half(type + 4) == STRING_BASE;
}

static bool is_key(const probe_step *s, uint64_t at)
{
    if (s->key_element != WIRE_E_STRING)
        return memcmp((const void *)at, &s->key_bits, wire_element_size(s->key_element)) == 0;
    const uint64_t key = word(at);
    return key && is_text(key) && half(key + 8) == s->key_units &&
           memcmp((const void *)(key + 12), s->key_text, (size_t)s->key_units * 2) == 0;
}

/* Goes through the entries: the program's comparer and hashes are its own code. */
static outcome look_up(probe_step *s, uint64_t array, uint32_t used, uint64_t *at)
{
    const probe_known *k = place_of(s, array);
    const uint64_t type = type_of(array), size = half(type) & 0xFFFF;
    if (!k || !(half(type) & HAS_COMPONENTS)) return UNDECIDED;
    const uint32_t count = RJ_MIN(used, half(array + 8)), most = RJ_MIN(count, PROBE_LOOKUPS_MOST);
    uint64_t entry = array + half(type + 4) - 8;
    for (uint32_t i = 0; i < most; i++, entry += size) {
        if ((int32_t)half(entry + (k->other >> 16)) < -1 || !is_key(s, entry + (k->other & 0xFFFF))) continue;
        *at = entry + k->offset - 1;
        return FOUND;
    }
    return most < count ? UNDECIDED : NONE;
}

/* number: where a value that is computed is put, and what ENTRIES says to LOOKUP. */
static outcome step(probe_step *s, uint64_t object, uint64_t *at, uint64_t *number)
{
    const probe_known *k;
    switch ((probe_step_kind)s->kind) {
    case PROBE_STEP_LENGTH: *at = object + 8; return half(type_of(object)) & HAS_COMPONENTS ? FOUND : UNDECIDED;
    case PROBE_STEP_ELEMENT: return array_element(object, s->index, s->size, at);
    case PROBE_STEP_LIST_ELEMENT: return list_element(s, object, at);
    case PROBE_STEP_COUNT: *at = (uint64_t)number; return count(s, object, number);
    case PROBE_STEP_EXACT:
        k = ask_about(s, type_of(object));
        if (!k) return UNDECIDED;
        *number = k->offset;
        *at = (uint64_t)number;
        return FOUND;
    case PROBE_STEP_FIELD:
        k = place_of(s, object);
        if (!k) return UNDECIDED;
        *at = object + k->offset;
        return FOUND;
    case PROBE_STEP_INNER:
    case PROBE_STEP_VALUE: break; /* no objects: see step_inside */
    case PROBE_STEP_ENTRIES:
        k = place_of(s, object);
        if (!k || !k->other) return UNDECIDED;
        *at = object + k->offset;
        *number = half(object + k->other);
        return FOUND;
    case PROBE_STEP_LOOKUP: return look_up(s, object, (uint32_t)*number, at);
    }
    return UNDECIDED;
}

/* From a struct at `at`, in an object of the type, or of the type itself. */
static outcome step_inside(probe_step *s, uint64_t type, uint64_t *at)
{
    const probe_known *k = ask_about(s, type);
    if (!k || !k->offset) return UNDECIDED;
    if (k->other && !*(const uint8_t *)(*at + k->other - 1)) return NONE;
    *at += k->offset - 1;
    return FOUND;
}

/* ---- a path ---- */

/* How far a path has been followed. */
typedef struct way {
    uint64_t object; /* the last one that was come by */
    uint64_t type;   /* its type, or that of the struct that the path begins with */
    uint64_t at;     /* what the last step led to */
    uint64_t number; /* where a value that is computed is put */
    bool doubt;      /* what lies at `at` as a reference may be none */
} way;

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
static probe_path_state put(probe_thread *t, probe_frame *f, const probe_path *p, const way *w)
{
    const bool is_object = p->element == WIRE_E_STRING || p->element == WIRE_E_OBJECT;
    if (!is_object) {
        put_value(&f->event, p, w->at);
        return PROBE_PATH_VALUE;
    }
    const uint64_t object = word(w->at);
    if (!object) return PROBE_PATH_NONE;
    if (w->doubt && !probe_is_object(object)) return PROBE_PATH_UNDECIDED;
    if (p->element == WIRE_E_OBJECT) {
        put_object(&f->event, p);
        return PROBE_PATH_VALUE;
    }
    if (!is_text(object)) return PROBE_PATH_UNDECIDED;
    probe_append_object(t, f, p->to, (uint8_t *)object);
    return PROBE_PATH_VALUE;
}

/* Along the reference at `at`. */
static outcome step_out(probe_step *s, way *w, bool first)
{
    if (!first) w->object = word(w->at);
    if (!w->object) return NONE;
    if (w->doubt && !probe_is_object(w->object)) return UNDECIDED;
    w->doubt = false;
    w->type = type_of(w->object);
    return step(s, w->object, &w->at, &w->number);
}

/* Where the path leads to. */
static outcome walk(probe_path *p, way *w)
{
    outcome o = FOUND;
    for (unsigned i = 0; o == FOUND && i < p->count; i++) {
        probe_step *s = &p->steps[i];
        const bool inside = s->kind == PROBE_STEP_INNER || s->kind == PROBE_STEP_VALUE;
        o = inside ? step_inside(s, w->type, &w->at) : step_out(s, w, i == 0);
    }
    return o;
}

static void follow(probe_thread *t, probe_frame *f, probe_path *p, way w)
{
    const outcome o = walk(p, &w);
    const bool undecided = o == UNDECIDED || !w.at;
    uint64_t state = o == NONE ? PROBE_PATH_NONE : undecided ? PROBE_PATH_UNDECIDED : put(t, f, p, &w);
    memcpy((uint8_t *)&f->event + p->to + probe_path_room(p->element), &state, 8);
}

void probe_follow(probe_thread *t, probe_frame *f, int32_t slot, uint8_t *object)
{
    const probe *p = f->probe;
    for (unsigned i = 0; i < p->path_count; i++) {
        if (p->paths[i].from != slot) continue;
        if (p->paths[i].steps->kind == PROBE_STEP_EXACT) f->event.elapsed = (uint64_t)object;
        follow(t, f, &p->paths[i], (way){.object = (uint64_t)object});
    }
}

void probe_follow_value(probe_thread *t, probe_frame *f, int32_t slot, probe_typedref ref)
{
    const probe *p = f->probe;
    uint8_t copy[PROBE_VALUE_MOST];
    for (unsigned i = 0; i < p->path_count; i++) {
        probe_path *path = &p->paths[i];
        way w = {.type = ref.type};
        if (path->from != slot || path->steps->kind != PROBE_STEP_VALUE) continue;
        w.at = (uint64_t)probe_value_at(ref, copy, &w.doubt);
        if (w.at)
            follow(t, f, path, w);
        else
            memcpy((uint8_t *)&f->event + path->to + probe_path_room(path->element), &(uint64_t){PROBE_PATH_UNDECIDED},
                   8);
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
        uint64_t decided[2] = {0, PROBE_PATH_UNDECIDED};
        way w = {.object = (uint64_t)exception};
        if (!op) continue;
        const outcome o = walk(path, &w);
        if (o != UNDECIDED && (o == NONE || w.at)) {
            decided[0] = probe_compare_live(op, o == FOUND ? (const uint8_t *)w.at : NULL);
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
