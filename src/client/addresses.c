/*
 * Names for addresses in the target: methods by the agent, native code by the file that it comes from. Calls lead
 * through jumps of the runtime's, which are followed by reading the process's memory.
 */
#include "client/client-priv.h"
#include "client/result.h"

#include <stdio.h>
#include <stdlib.h>

#define JUMPS_MOST 4u
#define ASK_MOST   1024u /* of the agent at once */

/* An executable mapping of a file. */
typedef struct mapping {
    uint64_t start, end, base; /* base: where the file's own addresses count from */
    const char *file;          /* without directory */
} mapping;

typedef struct mappings {
    VEC(mapping) v;
    arena names;
} mappings;

static void read_mappings(int32_t pid, mappings *m)
{
    char path[64], line[4200];
    uint64_t base = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        char *at = line;
        mapping x = {.start = strtoull(at, &at, 16)};
        if (*at++ != '-') continue;
        x.end = strtoull(at, &at, 16);
        if (strlen(at) < 7) continue; /* " r-xp 0000" */
        if (!strtoull(at + 5, NULL, 16)) base = x.start;
        x.base = base;
        const bool executable = at[3] == 'x';
        char *slash = strrchr(line, '/');
        if (!executable || !slash || strstr(line, "/memfd:")) continue; /* a memfd holds what the JIT made */
        slash[strcspn(slash, "\n")] = 0;
        x.file = arena_strdup(&m->names, slash + 1);
        mapping *place = x.file ? VEC_PUSH(&m->v) : NULL;
        if (place) *place = x;
    }
    if (f) fclose(f);
}

static const mapping *mapping_of(const mappings *m, uint64_t address)
{
    for (size_t i = 0; i < m->v.n; i++)
        if (address >= m->v.v[i].start && address < m->v.v[i].end) return &m->v.v[i];
    return NULL;
}

static int64_t displacement(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* What the cell holds whose distance from `next` stands at p. */
static uint64_t cell_of(const rj_session *s, uint64_t next, const uint8_t *p)
{
    uint64_t to = 0;
    return code_read(s, next + (uint64_t)displacement(p), &to, sizeof to) ? to : 0;
}

/*
 * Where code at `address` jumps at once; 0: it does not.
 *      jmp rel32        jmp [cell]        mov rax, imm64; jmp rax
 *      mov rax, [counter]; dec word [rax]; je +6; jmp [cell]          calls of tier-0 code are counted so
 */
static uint64_t jump_of(const rj_session *s, uint64_t address)
{
    enum { COUNTED = 12 };
    static const uint8_t count[] = {0x66, 0xFF, 0x08, 0x74, 0x06, 0xFF, 0x25};
    uint8_t p[COUNTED + 6] = {0};
    uint64_t to = 0;
    if (code_read_some(s, address, p, sizeof p) < 6) return 0;
    if (p[0] == 0xE9) return address + 5 + (uint64_t)displacement(p + 1);
    if (p[0] == 0xFF && p[1] == 0x25) return cell_of(s, address + 6, p + 2);
    if (p[0] == 0x48 && p[1] == 0xB8 && p[10] == 0xFF && p[11] == 0xE0) memcpy(&to, p + 2, sizeof to);
    if (p[0] == 0x48 && p[1] == 0x8B && p[2] == 0x05 && memcmp(p + 7, count, sizeof count) == 0)
        return cell_of(s, address + sizeof p, p + COUNTED + 2);
    return to;
}

/* The code that is meant. A method that has not been compiled leads to its own stub, and no further. */
static uint64_t follow(const rj_session *s, const mappings *m, const rj_address *x)
{
    uint64_t at = x->address, next = 0;
    if (x->indirect && !code_read(s, at, &at, sizeof at)) return 0;
    for (unsigned i = 0; i < JUMPS_MOST && !mapping_of(m, at) && (next = jump_of(s, at)); i++) {
        if (next == at + 6) return 0;
        at = next;
    }
    return at;
}

/* A name of a method has the instruction before a return address in mind. */
static void ask(rj_session *s, const uint64_t *at, size_t count, arena *a, const char **names)
{
    uint64_t ips[ASK_MOST];
    const char *texts[ASK_MOST];
    for (size_t done = 0, n; done < count; done += n) {
        n = RJ_MIN(count - done, (size_t)ASK_MOST);
        for (size_t i = 0; i < n; i++)
            ips[i] = at[done + i] + 1;
        frames_describe(s, ips, n, texts, NULL);
        for (size_t i = 0; i < n; i++)
            if (at[done + i] && texts[i] != frames_native) names[done + i] = arena_strdup(a, texts[i]);
    }
}

bool rj_name_addresses(rj_session *s, const rj_address *addresses, size_t count, rj_names *out, rj_error *error)
{
    arena *a = result_arena();
    const char **names = a ? arena_array(a, count, sizeof *names) : NULL;
    uint64_t *at = a ? arena_array(a, count, sizeof *at) : NULL;
    if (!names || !at) {
        rj_free(a);
        return err_set(ERR(error), ERR_MEMORY, -1, "out of memory");
    }
    mappings m = {.names = {0}};
    read_mappings(s->pid, &m);
    for (size_t i = 0; i < count; i++)
        at[i] = follow(s, &m, &addresses[i]);
    ask(s, at, count, a, names);
    for (size_t i = 0; i < count; i++) {
        const mapping *x = names[i] ? NULL : mapping_of(&m, at[i]);
        if (x) names[i] = arena_printf(a, "%s+0x%llx", x->file, (unsigned long long)(at[i] - x->base));
        if (!names[i]) names[i] = "";
    }
    VEC_FREE(&m.v);
    arena_free(&m.names);
    *out = (rj_names){.items = names, .count = count, .memory = a};
    return true;
}
