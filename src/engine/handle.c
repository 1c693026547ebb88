/*
 * Is a number the handle of a type? The runtime crashes on anything else, and the numbers come from outside. What is
 * known of a MethodTable, the same in 8, 9 and 10, and what is learned from types that are always there:
 *
 *      MethodTable                          EEClass, one for all instances of a generic type over references
 *      0   flags, base size                 ...
 *      2   parent, up to System.Object      back    the MethodTable that it belongs to
 *      module                               ...
 *      class   the EEClass; or, with the lowest bit set, the MethodTable that has it
 */
#include "engine/engine-priv.h"

#include <sys/uio.h>
#include <unistd.h>

#define TABLE_WORDS  8u /* of a MethodTable, among which the two are */
#define CLASS_WORDS  8u /* of an EEClass */
#define FIRST_WORD   3u
#define PARENT_WORD  2u
#define PARENTS_MOST 64u
#define OTHERS_CLASS 1u

bool eng_peek(uint64_t address, void *out, size_t size)
{
    struct iovec to = {out, size}, from = {(void *)(uintptr_t)address, size};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)size;
}

static bool read_table(uint64_t handle, uint64_t words[TABLE_WORDS])
{
    return handle >= 4096 && !(handle & 7) && eng_peek(handle, words, TABLE_WORDS * sizeof *words);
}

/* The words of an EEClass that hold the handle, a bit each. */
static unsigned backs_of(uint64_t class, uint64_t handle)
{
    uint64_t words[CLASS_WORDS];
    unsigned found = 0;
    if (class & 7 || class < 4096 || !eng_peek(class, words, sizeof words)) return 0;
    for (unsigned i = 0; i < CLASS_WORDS; i++)
        if (words[i] == handle) found |= 1u << i;
    return found;
}

/* Takes out of the sets what one type does not have there. */
static void learn_from(uint64_t handle, clr_module_id module, unsigned *modules, unsigned backs[TABLE_WORDS])
{
    uint64_t words[TABLE_WORDS] = {0};
    if (!read_table(handle, words)) *modules = 0;
    for (unsigned i = 0; i < TABLE_WORDS; i++) {
        if (words[i] != module) *modules &= ~(1u << i);
        backs[i] &= i < FIRST_WORD ? 0 : backs_of(words[i], handle);
    }
}

/* By whoever is first, or by several threads at once, to the same end. */
static void learn(eng *g, const eng_module *core)
{
    static const char *const names[] = {"Object", "String", "Exception"};
    unsigned modules = (1u << TABLE_WORDS) - 1, backs[TABLE_WORDS];
    eng_handles l = {0};
    memset(backs, 0xFF, sizeof backs);
    for (size_t i = 0; i < RJ_COUNT(names); i++)
        learn_from(eng_class_of_core(g, "System", names[i]), core->id, &modules, backs);
    if (modules) l.module = (unsigned)__builtin_ctz(modules);
    for (unsigned i = FIRST_WORD; i < TABLE_WORDS && !l.class; i++) {
        if (!backs[i]) continue;
        l.class = i;
        l.back = (unsigned)__builtin_ctz(backs[i]);
    }
    const clr_class_id object = eng_class_of_core(g, "System", "Object");
    pthread_mutex_lock(&g->ledger);
    if (!g->types.object) {
        g->types = l;
        __atomic_store_n(&g->types.object, object, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&g->ledger);
}

static const eng_handles *learned(eng *g)
{
    if (__atomic_load_n(&g->types.object, __ATOMIC_ACQUIRE)) return &g->types;
    const eng_module *core = eng_module_of_assembly(g, "System.Private.CoreLib");
    if (core) learn(g, core);
    return &g->types;
}

/* Does the EEClass know of it? */
static bool has_class(const eng_handles *l, uint64_t handle, uint64_t class)
{
    uint64_t words[TABLE_WORDS];
    if (class & OTHERS_CLASS) {
        handle = class - OTHERS_CLASS;
        if (!read_table(handle, words)) return false;
        class = words[l->class];
    }
    return l->class && backs_of(class, handle) & 1u << l->back;
}

bool eng_is_type(eng *g, uint64_t handle, eng_table *table)
{
    const eng_handles *l = learned(g);
    uint64_t words[TABLE_WORDS];
    for (unsigned i = 0; l->object && i < PARENTS_MOST; i++) {
        if (!read_table(handle, words) || !has_class(l, handle, words[l->class])) return false;
        if (i == 0) memcpy(table, words, sizeof *table);
        if (handle == l->object) return true;
        handle = words[PARENT_WORD];
    }
    return false;
}

bool eng_is_type_alive(eng *g, uint64_t handle)
{
    uint64_t words[TABLE_WORDS];
    const unsigned at = learned(g)->module;
    return at && read_table(handle, words) && eng_module_known(g, words[at]);
}
