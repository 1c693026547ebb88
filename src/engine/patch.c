/* Jumps over the beginning of native code. */
#include "engine/patch.h"

#include "engine/engine-priv.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { PUSH_RBP = 0x55, JMP_REL32 = 0xE9, CALL_REL32 = 0xE8, JMP_REL8 = 0xEB, LEA = 0x8D, TWO_BYTES = 0x0F };

static int64_t le32(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Does an instruction that may begin at `at` branch to an address from `first` on to the end of the jump? */
static bool leads_in(const uint8_t *code, uint32_t size, uint32_t at, int64_t first)
{
    const uint8_t *p = code + at;
    const uint32_t left = size - at;
    int64_t to = -1;
    if (left >= 2 && (p[0] == JMP_REL8 || (p[0] & 0xF0) == 0x70 || (p[0] >= 0xE0 && p[0] <= 0xE3))) {
        to = (int64_t)at + 2 + (int8_t)p[1];
        if (to >= first && to < (int64_t)ENG_PATCH_BYTES) return true;
    }
    if (left >= 5 && (p[0] == JMP_REL32 || p[0] == CALL_REL32)) {
        to = (int64_t)at + 5 + le32(p + 1);
        if (to >= first && to < (int64_t)ENG_PATCH_BYTES) return true;
    }
    if (left >= 6 && p[0] == TWO_BYTES && (p[1] & 0xF0) == 0x80) {
        to = (int64_t)at + 6 + le32(p + 2);
        if (to >= first && to < (int64_t)ENG_PATCH_BYTES) return true;
    }
    /* lea r, [rip + n]: the base of a table of branches, or where a handler goes on. */
    if (left >= 6 && p[0] == LEA && (p[1] & 0xC7) == 0x05) {
        to = (int64_t)at + 6 + le32(p + 2);
        if (to >= 0 && to < (int64_t)ENG_PATCH_BYTES) return true;
    }
    return false;
}

/* The length of one of the instructions with which the JIT begins a method that has a frame; 0: it is none of them. */
static uint32_t prologue_step(const uint8_t *p)
{
    enum { PUSH_RAX = 0x50, PUSH_RBX = 0x53, REX_B = 0x41, PUSH_R12 = 0x54, PUSH_R15 = 0x57 };
    static const struct {
        uint8_t bytes[4], count, length;
    } known[] = {
        {{0x48, 0x8B, 0xEC}, 3, 3},       /* mov rbp, rsp */
        {{0x48, 0x83, 0xEC}, 3, 4},       /* sub rsp, imm8 */
        {{0x48, 0x81, 0xEC}, 3, 7},       /* sub rsp, imm32 */
        {{0x48, 0x8D, 0x6C, 0x24}, 4, 5}, /* lea rbp, [rsp + imm8] */
        {{0x48, 0x8D, 0xAC, 0x24}, 4, 8}, /* lea rbp, [rsp + imm32] */
    };
    if (p[0] == PUSH_RBP || p[0] == PUSH_RBX || p[0] == PUSH_RAX) return 1;
    if (p[0] == REX_B && p[1] >= PUSH_R12 && p[1] <= PUSH_R15) return 2;
    for (size_t i = 0; i < RJ_COUNT(known); i++)
        if (memcmp(p, known[i].bytes, known[i].count) == 0) return known[i].length;
    return 0;
}

bool eng_patch_is_prologue(const uint8_t *code, uint32_t size)
{
    enum { LONGEST = 8 };
    if (size < ENG_PATCH_BYTES + LONGEST || code[0] != PUSH_RBP) return false;
    for (uint32_t at = 0, step; at < ENG_PATCH_BYTES; at += step)
        if (!(step = prologue_step(code + at))) return false;
    return true;
}

/*
 * A method with a frame begins by saving the old one; no loop leads back to before that, and who jumps or calls there
 * calls the method. Without a frame a loop may begin with the method.
 */
const char *eng_patch_refusal(const uint8_t *code, uint32_t size)
{
    if ((uintptr_t)code % sizeof(uint64_t))
        return "compiled already, and its code does not begin where a jump can be put at once";
    if (size < ENG_PATCH_BYTES) return "compiled already, and its code is too short to be led elsewhere";
    if (eng_patch_is_prologue(code, size)) return NULL;
    const int64_t first = code[0] == PUSH_RBP ? 1 : 0;
    for (uint32_t at = 0; at < size; at++)
        if (leads_in(code, size, at, first)) return "compiled already, and its code may lead back to its own beginning";
    return NULL;
}

bool eng_patch_reaches(const uint8_t *code, const uint8_t *to)
{
    const int64_t distance = (int64_t)(uintptr_t)to - (int64_t)(uintptr_t)code - (int64_t)ENG_PATCH_BYTES;
    return distance == (int32_t)distance;
}

typedef struct place {
    uintptr_t at;
    bool known, writable;
} place;

static bool look_at(void *owner, const eng_range *r, const char *permissions, const char *path)
{
    place *p = owner;
    (void)path;
    if (p->at < r->start || p->at >= r->end) return true;
    p->writable = strncmp(permissions, "rwx", 3) == 0;
    p->known = p->writable || strncmp(permissions, "r-x", 3) == 0;
    return false;
}

bool eng_patch_memory(const uint8_t *code, bool *writable)
{
    place p = {.at = (uintptr_t)code};
    eng_maps(look_at, &p);
    *writable = p.writable;
    return p.known;
}

bool eng_patch_write(uint8_t *code, const uint8_t *to, bool writable)
{
    enum { PAGE = 4096 };
    const int32_t distance = (int32_t)((int64_t)(uintptr_t)to - (int64_t)(uintptr_t)code - (int64_t)ENG_PATCH_BYTES);
    void *page = (void *)((uintptr_t)code & ~(uintptr_t)(PAGE - 1));
    uint8_t bytes[sizeof(uint64_t)];
    uint64_t word;
    memcpy(bytes, code, sizeof bytes);
    bytes[0] = JMP_REL32;
    memcpy(bytes + 1, &distance, sizeof distance);
    memcpy(&word, bytes, sizeof word);
    if (!writable && mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) < 0) return false;
    __atomic_store_n((uint64_t *)(void *)code, word, __ATOMIC_SEQ_CST);
    if (!writable) mprotect(page, PAGE, PROT_READ | PROT_EXEC);
    return true;
}
