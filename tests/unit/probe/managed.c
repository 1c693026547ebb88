#include "managed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HAS_COMPONENTS = 0x80000000, HAS_POINTERS = 0x01000000 };

typedef struct method_table {
    uint32_t flags, base_size;
    uint64_t more, parent;
} method_table;

static void *blocks[4096];
static size_t block_count;
static uint64_t object_type, string_type;

static uint8_t *block(size_t n)
{
    assert_true(block_count < RJ_COUNT(blocks));
    uint8_t *p = calloc(1, n);
    assert_non_null(p);
    blocks[block_count++] = p;
    return p;
}

int managed_end(void **state)
{
    (void)state;
    while (block_count)
        free(blocks[--block_count]);
    object_type = string_type = 0;
    return 0;
}

/* A MethodTable with `words` of GC description in front of it, the last of which is right before the table. */
static uint64_t table(const uint64_t *words, size_t count, method_table t)
{
    uint64_t *p = (uint64_t *)(void *)block(count * 8 + sizeof t);
    for (size_t i = 0; i < count; i++)
        p[i] = words[i];
    memcpy(p + count, &t, sizeof t);
    return (uint64_t)(p + count);
}

uint64_t managed_object(void)
{
    if (!object_type) object_type = table(NULL, 0, (method_table){.base_size = 24});
    return object_type;
}

uint64_t managed_string_type(void)
{
    if (!string_type) string_type = table(NULL, 0, (method_table){HAS_COMPONENTS | 2, 22, 0, managed_object()});
    return string_type;
}

uint64_t managed_type(uint32_t category, uint32_t bytes, const managed_refs *refs, unsigned count)
{
    uint64_t words[2 * 16 + 1];
    uint32_t base = 16 + ((bytes + 7u) & ~7u), flags = category | (count ? HAS_POINTERS : 0u);
    for (unsigned i = 0; i < count; i++) {
        /* The first series lies nearest to the table; its length is kept less the size of the object. */
        words[2 * (count - 1 - i)] = (uint64_t)refs[i].bytes - base;
        words[2 * (count - 1 - i) + 1] = refs[i].start;
    }
    words[2 * count] = count;
    return table(words, count ? 2 * count + 1 : 0, (method_table){flags, base, 0, managed_object()});
}

uint64_t managed_array(uint32_t component, bool references)
{
    uint32_t base = 24;
    uint64_t words[] = {(uint64_t)0 - base, 16, 1};
    method_table t = {HAS_COMPONENTS | component | (references ? HAS_POINTERS : 0u), base, 0, managed_object()};
    return table(words, references ? 3 : 0, t);
}

uint64_t managed_array_of_structs(uint32_t component, uint32_t first, const managed_item *items, unsigned count)
{
    uint64_t words[16 + 2];
    for (unsigned i = 0; i < count; i++)
        words[count - 1 - i] = (uint64_t)items[i].skip << 32 | items[i].references;
    words[count] = 16 + first;
    words[count + 1] = (uint64_t)0 - count;
    return table(words, count + 2, (method_table){HAS_COMPONENTS | HAS_POINTERS | component, 24, 0, managed_object()});
}

uint8_t *managed_new(uint64_t type, uint32_t bytes, uint8_t **fields)
{
    uint8_t *p = block(8 + (size_t)bytes);
    memcpy(p, &type, sizeof type);
    if (fields) *fields = p + 8;
    return p;
}

uint8_t *managed_new_array(uint64_t type, uint32_t length, uint32_t component, uint8_t **data)
{
    uint8_t *p = block(16 + (size_t)length * component);
    memcpy(p, &type, sizeof type);
    memcpy(p + 8, &length, sizeof length);
    if (data) *data = p + 16;
    return p;
}

uint8_t *managed_new_string(const char *ascii)
{
    uint64_t type = managed_string_type();
    uint32_t length = (uint32_t)strlen(ascii);
    uint8_t *p = block(12 + ((size_t)length + 1) * 2);
    memcpy(p, &type, sizeof type);
    memcpy(p + 8, &length, sizeof length);
    for (uint32_t i = 0; i < length; i++)
        p[12 + 2 * i] = (uint8_t)ascii[i];
    return p;
}

void managed_set(uint8_t *fields, uint32_t offset, const uint8_t *object)
{
    memcpy(fields + offset, &object, sizeof object);
}

picture picture_read(const uint8_t *p, uint32_t n)
{
    picture out = {.count = 0};
    const uint8_t *end = p + n;
    while (p < end) {
        assert_true((size_t)(end - p) >= sizeof(wire_piece) && out.count < RJ_COUNT(out.head));
        wire_piece *head = &out.head[out.count];
        memcpy(head, p, sizeof *head);
        out.bytes[out.count++] = p + sizeof *head;
        size_t size = sizeof *head + ((head->copied + 7u) & ~7u);
        assert_true(size <= (size_t)(end - p));
        p += size;
    }
    return out;
}

bool picture_has(const picture *p, const uint8_t *object)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->head[i].address == (uint64_t)object) return true;
    return false;
}

unsigned picture_of(const picture *p, const uint8_t *object)
{
    unsigned found = 0, count = 0;
    for (unsigned i = 0; i < p->count; i++) {
        if (p->head[i].address != (uint64_t)object) continue;
        found = i;
        count++;
    }
    assert_int_equal(count, 1);
    return found;
}
