/* Which native code may begin with a jump, and how that is written. */
#include "engine/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define REFUSED(...) assert_non_null(refusal((const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__}))
#define TAKEN(...)   assert_null(refusal((const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__}))

/* Where the JIT would have put it, with nothing readable behind it. */
static const char *refusal(const uint8_t *bytes, size_t size)
{
    uint8_t *code = aligned_alloc(16, (size + 15) & ~(size_t)15);
    memcpy(code, bytes, size);
    const char *why = eng_patch_refusal(code, (uint32_t)size);
    free(code);
    return why;
}

static void code_without_a_frame(void **state)
{
    (void)state;
    TAKEN(0x8B, 0xC7, 0x0F, 0xAF, 0xC7, 0xC3); /* mov eax, edi; imul eax, edi; ret */
    REFUSED(0x8B, 0xC6, 0xC3);                 /* mov eax, esi; ret: too short */
    REFUSED(0x48, 0x8B, 0xC7, 0xC3);
    REFUSED(0xFF, 0xC0, 0xFF, 0xCF, 0x75, 0xFA, 0xC3);             /* a loop that begins with the method */
    REFUSED(0x8B, 0xC7, 0xFF, 0xC0, 0xFF, 0xCF, 0x75, 0xFA, 0xC3); /* one that begins within the jump */
    TAKEN(0x8B, 0xC7, 0x33, 0xC9, 0x90, 0xFF, 0xC0, 0xFF, 0xCF, 0x75, 0xFA, 0xC3);   /* and one behind it */
    REFUSED(0x8B, 0xC7, 0x90, 0x90, 0x90, 0x0F, 0x85, 0xF7, 0xFF, 0xFF, 0xFF, 0xC3); /* jne rel32 to 2 */
    REFUSED(0x90, 0x90, 0x90, 0x90, 0x90, 0xE9, 0xF9, 0xFF, 0xFF, 0xFF);             /* jmp rel32 to 3 */
    REFUSED(0x90, 0x90, 0x90, 0x90, 0x90, 0x48, 0x8D, 0x05, 0xF7, 0xFF, 0xFF, 0xFF); /* lea rax, [rip to 3] */
}

static void code_with_a_frame(void **state)
{
    (void)state;
    /* push rbp; mov rbp, rsp; a loop right behind it; pop rbp; ret */
    REFUSED(0x55, 0x48, 0x8B, 0xEC, 0xFF, 0xCF, 0x75, 0xFC, 0x5D, 0xC3);
    /* the same, where nothing leads back; and where the method calls itself */
    TAKEN(0x55, 0x48, 0x8B, 0xEC, 0x8B, 0xC7, 0x5D, 0xC3);
    TAKEN(0x55, 0x48, 0x8B, 0xEC, 0xE8, 0xF7, 0xFF, 0xFF, 0xFF, 0x5D, 0xC3);
    /* push rbp, r15, r14, rbx, rax; lea rbp, [rsp + 20h]; what looks like a branch there is none */
    static const uint8_t long_one[] = {0x55, 0x41, 0x57, 0x41, 0x56, 0x53, 0x50, 0x48, 0x8D, 0x6C,
                                       0x24, 0x20, 0xB8, 0x75, 0xF2, 0x00, 0x00, 0xC3, 0x90, 0x90};
    assert_null(refusal(long_one, sizeof long_one));
    assert_true(eng_patch_is_prologue(long_one, sizeof long_one));
    static const uint8_t short_one[] = {0x55, 0x48, 0x8B, 0xEC, 0x8B, 0xC7, 0x5D, 0xC3, 0x90,
                                        0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
    assert_false(eng_patch_is_prologue(short_one, sizeof short_one));
    assert_false(eng_patch_is_prologue(long_one, 8)); /* nothing is read behind its end */
}

static int ten(void)
{
    return 10;
}

static void a_jump_leads_there(void **state)
{
    (void)state;
    static const uint8_t one[] = {0xB8, 0x01, 0x00, 0x00, 0x00, 0xC3, 0x77, 0x66}; /* mov eax, 1; ret */
    int (*call)(void) = ten;
    uint8_t *target = NULL, *code = MAP_FAILED;
    bool writable = true;
    memcpy(&target, &call, sizeof target);
    for (intptr_t away = 1 << 24; code == MAP_FAILED && away < 1 << 30; away *= 2)
        code = mmap((void *)(((uintptr_t)target & ~(uintptr_t)4095) + (uintptr_t)away), 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_true(code != MAP_FAILED);
    memcpy(code, one, sizeof one);
    assert_false(eng_patch_memory(code, &writable)); /* it cannot be run yet */
    mprotect(code, 4096, PROT_READ | PROT_EXEC);
    assert_true(eng_patch_memory(code, &writable));
    assert_false(writable);
    memcpy(&call, &code, sizeof call);
    assert_int_equal(call(), 1);
    assert_true(eng_patch_reaches(code, target));
    assert_false(eng_patch_reaches(code, code + (INT64_C(1) << 32)));
    assert_true(eng_patch_write(code, target, writable));
    assert_int_equal(call(), 10);
    assert_memory_equal(code + 5, one + 5, 3);
    assert_true(eng_patch_memory(code, &writable));
    assert_false(writable);
    munmap(code, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_without_a_frame),
        cmocka_unit_test(code_with_a_frame),
        cmocka_unit_test(a_jump_leads_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
