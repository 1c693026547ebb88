/*
 * Pictures of memory: copies of objects and of what they refer to, bounded, by the type's own GC description. What the
 * bytes mean is found out later, by the client, so that nothing has to be known about a type here and the first event
 * is as good as the second.
 *
 *      MethodTable  -8  number of GC series (negative: an array of structs with references)
 *                    0  flags: bit 31 has a component size (low 16 bits), bit 24 contains GC pointers
 *                    4  base size: object header word, type pointer, fields (arrays: up to the first element)
 */
#include "probe/object-priv.h"
#include "probe/probe-priv.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECES_MOST 64u
#define BYTES_MOST  PROBE_VALUE_MOST /* of one object */
#define BLOB_MOST   4096u            /* of one value */
#define SMALL_BASE  32u              /* boxed primitives, Guid, decimal, DateTime: copied at any depth */

typedef struct want {
    uint64_t address;
    unsigned level;
} want;

typedef struct camera {
    uint8_t *out;
    uint32_t used, room;
    unsigned depth;
    bool cut;
    bool doubt;           /* references found now may be no references: see probe_picture_value */
    uint32_t done, count; /* queue of objects to picture; pictured ones stay in it, which tells repetitions */
    want queue[PIECES_MOST];
} camera;

/*
 * A managed reference may point one past the end of what it refers to, or (by MemoryMarshal's convention for empty
 * spans) to address 1. Where that can be the case memory is read through the kernel, which answers an error instead of
 * a signal. A system call, but only for `ref` arguments into the heap.
 */
static bool careful_read(uint64_t from, void *to, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)from, n};
    return syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0) == (long)n;
}

/* Is there really an object? Its type's chain of parents must end at System.Object: 24 bytes and no parent. */
bool probe_is_object(uint64_t address)
{
    uint64_t type;
    struct {
        uint32_t flags, base_size;
        uint64_t more, parent;
    } table;
    if (address & 7 || !careful_read(address, &type, sizeof type)) return false;
    for (unsigned i = 0; i < 32; i++) {
        if (type & 7 || !careful_read(type, &table, sizeof table)) return false;
        if (!table.parent) return table.base_size == 24;
        type = table.parent;
    }
    return false;
}

static void ask(camera *c, uint64_t address, unsigned level)
{
    if (!address) return;
    if (c->doubt && !probe_is_object(address)) return;
    for (uint32_t i = 0; i < c->count; i++)
        if (c->queue[i].address == address) return;
    if (c->count == PIECES_MOST) {
        c->cut = true;
        return;
    }
    c->queue[c->count++] = (want){address, level};
}

static bool piece(camera *c, uint64_t type, uint64_t address, uint32_t length, const void *bytes, uint32_t n)
{
    uint32_t size = (uint32_t)sizeof(wire_piece) + ((n + 7u) & ~7u);
    if (size > c->room - c->used) {
        c->cut = true;
        return false;
    }
    wire_piece *p = (wire_piece *)(void *)(c->out + c->used);
    *p = (wire_piece){type, address, length, n};
    if (n) memcpy(p + 1, bytes, n);
    c->used += size;
    return true;
}

/* References in [from, to) of a run that holds nothing else. */
static void ask_run(camera *c, uint64_t from, uint64_t to, unsigned level)
{
    for (uint64_t at = from; at + 8 <= to; at += 8)
        ask(c, word(at), level);
}

/* `base`: where the type pointer lies, or would lie before an unboxed value. `copied` bounds what is looked at, in
 * bytes from base. */
static void ask_fields(camera *c, uint64_t type, uint64_t base, uint64_t copied, unsigned level)
{
    if (!(half(type) & HAS_POINTERS)) return;
    int64_t series = (int64_t)word(type - 8);
    uint64_t object_size = half(type + 4);
    for (int64_t i = 0; i < series; i++) {
        uint64_t at = type - 24 - 16 * (uint64_t)i, start = word(at + 8);
        uint64_t length = word(at) + object_size;
        uint64_t end = RJ_MIN(start + length, copied);
        ask_run(c, base + start, base + end, level);
    }
}

/*
 * Elements of an array of structs: each is nptrs references, then skip bytes, repeated through the items. The
 * description begins at the first reference of the first element, which need not be the element's first field.
 */
static void ask_structs(camera *c, uint64_t type, uint64_t object, uint64_t to, unsigned level)
{
    int64_t items = -(int64_t)word(type - 8);
    uint64_t at = object + word(type - 16);
    while (at < to) {
        uint64_t began = at;
        for (int64_t i = 0; i < items && at < to; i++) {
            uint64_t item = word(type - 24 - 8 * (uint64_t)i);
            uint64_t run = (item & 0xFFFFFFFFu) * 8;
            ask_run(c, at, RJ_MIN(at + run, to), level);
            at += run + (item >> 32);
        }
        if (at == began) return;
    }
}

static void picture_array(camera *c, uint64_t type, uint64_t object, unsigned level)
{
    uint64_t component = half(type) & 0xFFFF, base = half(type + 4);
    uint32_t length = half(object + 8);
    uint64_t data = object + base - 8; /* base counts the header word in front of the type pointer */
    uint64_t n = RJ_MIN(length, WIRE_ELEMENTS_MOST);
    uint64_t bytes = RJ_MIN(n * component, (uint64_t)BYTES_MOST);
    if (bytes < n * component) c->cut = true;
    if (!piece(c, type, object, length, (const void *)data, (uint32_t)bytes)) return;
    if (!(half(type) & HAS_POINTERS)) return;
    /* An array behind a field is that object's own (a list's items): its elements are as near as it is. */
    level = level ? level : 1;
    if ((int64_t)word(type - 8) > 0)
        ask_run(c, data, data + bytes, level);
    else
        ask_structs(c, type, object, data + bytes, level);
}

static void picture_string(camera *c, uint64_t type, uint64_t object)
{
    uint32_t length = half(object + 8), n = RJ_MIN(length, WIRE_STRING_MOST);
    if (length > n) c->cut = true;
    piece(c, type, object, length, (const void *)(object + 12), n * 2);
}

static void picture_one(camera *c, want w)
{
    uint64_t type = word(w.address) & ~7ull, base = half(type + 4);
    if (half(type) & HAS_COMPONENTS) {
        if (base == STRING_BASE)
            picture_string(c, type, w.address);
        else
            picture_array(c, type, w.address, w.level);
        return;
    }
    uint64_t data = base > 16 ? base - 16 : 0;
    bool small = base <= SMALL_BASE && !(half(type) & HAS_POINTERS);
    if (w.level > c->depth && !small) {
        piece(c, type, w.address, 0, NULL, 0);
        return;
    }
    uint64_t n = RJ_MIN(data, (uint64_t)BYTES_MOST);
    if (n < data) c->cut = true;
    if (piece(c, type, w.address, (uint32_t)data, (const void *)(w.address + 8), (uint32_t)n))
        ask_fields(c, type, w.address, n + 8, w.level + 1);
}

static void run(camera *c)
{
    for (; c->done < c->count; c->done++)
        picture_one(c, c->queue[c->done]);
}

static void begin(camera *c, uint8_t *out, uint32_t room, unsigned depth)
{
    c->out = out;
    c->used = 0;
    c->room = RJ_MIN(room, BLOB_MOST) & ~7u;
    c->depth = depth;
    c->cut = false;
    c->doubt = false;
    c->done = c->count = 0;
}

uint32_t probe_picture(uint8_t *out, uint32_t room, uint8_t *object, unsigned depth, bool *cut)
{
    if (!object) return 0;
    camera c;
    begin(&c, out, room, depth);
    ask(&c, (uint64_t)object, 0);
    run(&c);
    *cut = c.cut;
    return c.used;
}

/* A type handle with bit 1 set is a TypeDesc (pointers, function pointers, type variables): nothing to look into. */
static bool is_value_type(uintptr_t type)
{
    /* MTFlag category: bits 16-19 of the flags; 4..7 are the value types (plain, nullable, primitive, true primitive).
     */
    return !(type & 2) && !(half(type) & HAS_COMPONENTS) && (half(type) >> 18 & 3) == 1;
}

#define NEVER_MAPPED 65536u
#define STACK_NEAR   (1u << 20)
#define PAGE         4096u

/* Copies of arguments and locals of callers lie a little above us on the stack: they are what they say. */
static bool on_stack(const uint8_t *address)
{
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    return (uint64_t)address > here && (uint64_t)address - here < STACK_NEAR;
}

/*
 * The bytes behind a byref into the heap. It points into something, or one past its end: then only a page that begins
 * there may be missing.
 */
static bool fetch(const uint8_t *address, uint8_t *to, uint64_t n)
{
    uint64_t in_page = (uint64_t)address & (PAGE - 1);
    if (in_page && in_page + n <= PAGE) {
        memcpy(to, address, n);
        return true;
    }
    return careful_read((uint64_t)address, to, n);
}

const uint8_t *probe_value_at(probe_typedref ref, uint8_t copy[PROBE_VALUE_MOST], bool *doubt)
{
    if ((uint64_t)ref.address < NEVER_MAPPED || !is_value_type(ref.type)) return NULL;
    *doubt = !on_stack(ref.address);
    if (!*doubt) return ref.address;
    const uint64_t n = half(ref.type + 4) - 16u;
    return n <= PROBE_VALUE_MOST && fetch(ref.address, copy, n) ? copy : NULL;
}

uint32_t probe_picture_value(uint8_t *out, uint32_t room, probe_typedref ref, unsigned depth, bool *cut)
{
    if ((uint64_t)ref.address < NEVER_MAPPED || ref.type & 2) return 0;
    camera c;
    begin(&c, out, room, depth);
    c.doubt = !on_stack(ref.address);
    uint8_t bytes[BYTES_MOST];
    bool value = is_value_type(ref.type);
    uint64_t data = value ? half(ref.type + 4) - 16u : 8u, n = RJ_MIN(data, (uint64_t)BYTES_MOST);
    if (n < data) c.cut = true;
    if (c.doubt && !fetch(ref.address, bytes, n)) return 0;
    const uint8_t *from = c.doubt ? bytes : ref.address;
    if (!value)
        ask(&c, word((uint64_t)from), 0);
    else if (piece(&c, ref.type, 0, (uint32_t)data, from, (uint32_t)n))
        ask_fields(&c, ref.type, (uint64_t)from - 8, n + 8, 1);
    c.doubt = false;
    run(&c);
    *cut = c.cut;
    return c.used;
}

uint32_t probe_picture_span(uint8_t *out, uint32_t room, probe_typedref ref, int32_t element, unsigned depth, bool *cut)
{
    if (!ref.address) return 0;
    camera c;
    begin(&c, out, room, depth);
    uint64_t data = word((uint64_t)ref.address);
    uint32_t length = half((uint64_t)ref.address + 8);
    uint64_t size = (uint64_t)(element < 0 ? -(int64_t)element : element);
    uint64_t whole = data ? RJ_MIN(length, WIRE_ELEMENTS_MOST) * size : 0, n = RJ_MIN(whole, (uint64_t)BYTES_MOST);
    if (n < whole) c.cut = true;
    if (piece(&c, ref.type, 0, length, (const void *)data, (uint32_t)n) && element < 0) ask_run(&c, data, data + n, 1);
    run(&c);
    *cut = c.cut;
    return c.used;
}
