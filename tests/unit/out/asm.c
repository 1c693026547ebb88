/* Machine code as text, as a diff and as JSON: real instructions, in an address space of our own making. */
#include "out/out.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BASE  UINT64_C(0x7f0000001000)
#define WOVEN UINT64_C(0x7f0000002000)
#define GATE  0x78, 0x56, 0x34, 0x12, 0x00, 0x7F, 0x00, 0x00

/* push rbp; lock inc [rdi]; call rel32 (outside); jz +1; nop; call [rip+0x10]; pop rbp; ret */
static const uint8_t original[] = {0x55, 0xF0, 0xFF, 0x07, 0xE8, 0xF7, 0x0F, 0x00, 0x00, 0x74,
                                   0x01, 0x90, 0xFF, 0x15, 0x10, 0x00, 0x00, 0x00, 0x5D, 0xC3};
/* The same, the call's place and the jump's width aside, with mov rax, GATE in front; a byte that is no instruction. */
static const uint8_t woven[] = {0x48, 0xB8, GATE, 0x55, 0xF0, 0xFF, 0x07, 0xE8, 0xE7, 0xFF, 0xFF, 0xFF, 0x0F, 0x84,
                                0x00, 0x00, 0x00, 0x00, 0x90, 0xFF, 0x15, 0x10, 0x00, 0x00, 0x00, 0x5D, 0xC3, 0x06};

static const rj_code_range ranges[] = {
    {BASE, original, sizeof original}, {WOVEN, woven, sizeof woven}, {WOVEN + 0x100, NULL, 8}};
static const rj_native_code codes[] = {
    {"tier-0", "original", "", 0, ranges, 1, sizeof original},
    {"tier-0", "woven", "", 2, ranges + 1, 2, sizeof woven + 8},
};
static const rj_symbol symbols[] = {{UINT64_C(0x7f0012345678), "gate of client 3"}};
static const rj_native method = {.name = "Shop.Total(int)",
                                 .module = "Shop.dll",
                                 .token = 0x06000007,
                                 .reason = "",
                                 .note = "a note",
                                 .old_versions = 1,
                                 .codes = codes,
                                 .code_count = 2,
                                 .symbols = symbols,
                                 .symbol_count = 1};
static const out_style plain;

static out_code *load(const rj_native *m)
{
    char why[OUT_CODE_WHY];
    if (!out_code_ready(why)) fail_msg("%s", why);
    out_code *c = out_code_new(m);
    assert_non_null(c);
    return c;
}

/* Every address that wants a name gets the same one, so that the calls of both are to one method. */
static void name(out_code *c, const char *const *texts, size_t n)
{
    size_t count;
    const rj_address *wanted = out_code_addresses(c, &count);
    assert_int_equal(count, n);
    assert_int_equal(wanted[0].address, BASE + 0x1000);
    assert_false(wanted[0].indirect);
    assert_int_equal(wanted[1].address, BASE + 0x22);
    assert_true(wanted[1].indirect);
    assert_true(out_code_name(c, &(rj_names){.items = texts, .count = n}));
}

static void is_text(const rj_native *m, bool diff, const char *want)
{
    static const char *const names[] = {"Shop.Sum(int)", "Shop.Get()\n", "Shop.Sum(int)", "Shop.Get()\n"};
    buf_t b = {0};
    out_code *c = load(m);
    name(c, names, 2 * m->code_count);
    out_asm(&b, c, diff, &plain);
    assert_string_equal(buf_cstr(&b), want);
    out_code_free(c);
    buf_free(&b);
}

static void every_version_is_shown(void **state)
{
    (void)state;
    is_text(&method, false,
            "Shop.Total(int)  Shop.dll 0x06000007\n"
            "original, tier-0: 20 bytes at 0x7f0000001000\n"
            "  7f0000001000  push     rbp\n"
            "  7f0000001001  lock inc dword ptr [rdi]\n"
            "  7f0000001004  call     0x7f0000002000                 // Shop.Sum(int)\n"
            "  7f0000001009  jz       0x7f000000100c\n"
            "  7f000000100b  nop\n"
            "  7f000000100c  call     qword ptr [0x7f0000001022]     // Shop.Get()\\n\n"
            "  7f0000001012  pop      rbp\n"
            "  7f0000001013  ret\n"
            "woven (version 2), tier-0: 43 bytes at 0x7f0000002000 and 0x7f0000002100\n"
            "  some of it has been freed meanwhile, or cannot be read\n"
            "  7f0000002000  mov      rax, 0x7f0012345678            // gate of client 3\n"
            "  7f000000200a  push     rbp\n"
            "  7f000000200b  lock inc dword ptr [rdi]\n"
            "  7f000000200e  call     0x7f0000001ffa                 // Shop.Sum(int)\n"
            "  7f0000002013  jz       0x7f0000002019\n"
            "  7f0000002019  nop\n"
            "  7f000000201a  call     qword ptr [0x7f0000002030]     // Shop.Get()\\n\n"
            "  7f0000002020  pop      rbp\n"
            "  7f0000002021  ret\n"
            "  7f0000002022  (bad)\n"
            "1 earlier version, which the runtime keeps, is not shown\n"
            "a note\n");
}

static void a_diff_passes_over_places(void **state)
{
    (void)state;
    is_text(&method, true,
            "Shop.Total(int)  Shop.dll 0x06000007\n"
            "--- original, tier-0: 20 bytes at 0x7f0000001000\n"
            "+++ woven (version 2), tier-0: 43 bytes at 0x7f0000002000 and 0x7f0000002100\n"
            "  some of it has been freed meanwhile, or cannot be read\n"
            "+ 7f0000002000  mov      rax, 0x7f0012345678            // gate of client 3\n"
            "  7f000000200a  push     rbp\n"
            "  7f000000200b  lock inc dword ptr [rdi]\n"
            "  7f000000200e  call     0x7f0000001ffa                 // Shop.Sum(int)\n"
            "  ...\n"
            "  7f000000201a  call     qword ptr [0x7f0000002030]     // Shop.Get()\\n\n"
            "  7f0000002020  pop      rbp\n"
            "  7f0000002021  ret\n"
            "+ 7f0000002022  (bad)\n"
            "1 earlier version, which the runtime keeps, is not shown\n"
            "a note\n");
}

static void is_json(const rj_native *m, bool diff, const char *want)
{
    buf_t b = {0};
    out_code *c = load(m);
    out_json_asm(&b, c, diff);
    assert_string_equal(buf_cstr(&b), want);
    out_code_free(c);
    buf_free(&b);
}

static void one_object_for_a_method(void **state)
{
    (void)state;
    static const uint8_t one[] = {0x31, 0xC0, 0xC3}, two[] = {0x31, 0xC0, 0x90, 0xC3};
    static const rj_code_range r[] = {{BASE, one, sizeof one}, {WOVEN, two, sizeof two}};
    static const rj_native_code c[] = {{"tier-1", "original", "<int>", 0, r, 1, 3},
                                       {"tier-0", "woven", "<int>", 2, r + 1, 1, 4}};
    const rj_native m = {
        .name = "A.B()", .module = "A.dll", .token = 1, .reason = "", .note = "", .codes = c, .code_count = 2};
    is_json(&m, false,
            "{\"method\":\"A.B()\",\"module\":\"A.dll\",\"token\":\"0x00000001\",\"old_versions\":0,\"codes\":["
            "{\"body\":\"original\",\"tier\":\"tier-1\",\"version\":0,\"instantiation\":\"<int>\",\"size\":3,"
            "\"ranges\":[{\"address\":\"0x7f0000001000\",\"size\":3,\"read\":true}],\"insns\":["
            "{\"address\":\"0x7f0000001000\",\"bytes\":\"31c0\",\"op\":\"xor\",\"operands\":\"eax, eax\"},"
            "{\"address\":\"0x7f0000001002\",\"bytes\":\"c3\",\"op\":\"ret\"}]},"
            "{\"body\":\"woven\",\"tier\":\"tier-0\",\"version\":2,\"instantiation\":\"<int>\",\"size\":4,"
            "\"ranges\":[{\"address\":\"0x7f0000002000\",\"size\":4,\"read\":true}],\"insns\":["
            "{\"address\":\"0x7f0000002000\",\"bytes\":\"31c0\",\"op\":\"xor\",\"operands\":\"eax, eax\"},"
            "{\"address\":\"0x7f0000002002\",\"bytes\":\"90\",\"op\":\"nop\"},"
            "{\"address\":\"0x7f0000002003\",\"bytes\":\"c3\",\"op\":\"ret\"}]}]}\n");
    is_json(&m, true,
            "{\"method\":\"A.B()\",\"module\":\"A.dll\",\"token\":\"0x00000001\",\"old_versions\":0,"
            "\"original\":{\"body\":\"original\",\"tier\":\"tier-1\",\"version\":0,\"instantiation\":\"<int>\","
            "\"size\":3,\"ranges\":[{\"address\":\"0x7f0000001000\",\"size\":3,\"read\":true}]},"
            "\"woven\":{\"body\":\"woven\",\"tier\":\"tier-0\",\"version\":2,\"instantiation\":\"<int>\","
            "\"size\":4,\"ranges\":[{\"address\":\"0x7f0000002000\",\"size\":4,\"read\":true}]},"
            "\"diff\":[{\"change\":\"added\",\"address\":\"0x7f0000002002\",\"bytes\":\"90\",\"op\":\"nop\"}]}\n");
}

/* The newest of the original; of a generic method two of one instantiation. */
static void a_pair_is_of_one_instantiation(void **state)
{
    (void)state;
    static const uint8_t one[] = {0xC3}, two[] = {0x90, 0xC3};
    static const rj_code_range r[] = {{BASE, one, 1}, {BASE + 0x100, two, 2}};
    static const rj_native_code c[] = {{"tier-0", "original", "<int>", 0, r, 1, 1},
                                       {"tier-1", "original", "<int>", 0, r + 1, 1, 2},
                                       {"tier-0", "woven", "<string>", 2, r, 1, 1}};
    rj_native m = {
        .name = "A.B()", .module = "A.dll", .token = 1, .reason = "", .note = "", .codes = c, .code_count = 3};
    is_json(&m, true, "{\"method\":\"A.B()\",\"module\":\"A.dll\",\"token\":\"0x00000001\",\"old_versions\":0}\n");
    m.code_count = 0;
    is_json(&m, false,
            "{\"method\":\"A.B()\",\"module\":\"A.dll\",\"token\":\"0x00000001\",\"old_versions\":0,\"codes\":[]}\n");
}

/* As long as the longest methods are: nothing but time may be lost. */
static void long_code_is_compared(void **state)
{
    (void)state;
    static uint8_t a[60000], b[60000];
    memset(a, 0x90, sizeof a);
    memset(b, 0xCC, sizeof b);
    const rj_code_range r[] = {{BASE, a, sizeof a}, {BASE + 0x100000, b, sizeof b}};
    const rj_native_code c[] = {{"tier-0", "original", "", 0, r, 1, sizeof a},
                                {"tier-0", "woven", "", 1, r + 1, 1, sizeof b}};
    const rj_native m = {
        .name = "A.B()", .module = "A.dll", .token = 1, .reason = "", .note = "", .codes = c, .code_count = 2};
    buf_t text = {0};
    size_t added = 0, removed = 0;
    out_code *code = load(&m);
    out_asm(&text, code, true, &plain);
    for (const char *line = buf_cstr(&text), *next; (next = strchr(line, '\n')); line = next + 1) {
        added += line[0] == '+' && line[1] == ' ';
        removed += line[0] == '-' && line[1] == ' ';
    }
    assert_int_equal(added, sizeof b);
    assert_int_equal(removed, sizeof a);
    out_code_free(code);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_shown),  cmocka_unit_test(a_diff_passes_over_places),
        cmocka_unit_test(one_object_for_a_method), cmocka_unit_test(a_pair_is_of_one_instantiation),
        cmocka_unit_test(long_code_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
