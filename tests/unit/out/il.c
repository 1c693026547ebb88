/* IL as text, as a diff and as JSON. */
#include "out/out.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define N RJ_NONE

static const rj_il_insn was[] = {
    {0, N, "ldarg.0", "", "count", false, N}, {1, N, "ldc.i4.1", "", "", false, N},
    {2, N, "add", "", "", false, N},          {3, N, "call", "int A::B\x1b(int)", "", false, N},
    {8, N, "br.s", "IL_000a", "", false, N},  {10, N, "ret", "", "", false, N},
};
static const rj_il_insn is[] = {
    {0, N, "ldc.i8", "0x7f0012345678", "gate of client 3", true, 0},
    {9, N, "pop", "", "", true, 0},
    {10, 0, "ldarg.0", "", "count", false, N},
    {11, 1, "ldc.i4.1", "", "", false, N},
    {12, 2, "add", "", "", false, N},
    {13, 3, "nop", "", "", true, N}, /* stands for the call, which follows in it */
    {14, 3, "call", "int A::B\x1b(int)", "", false, N},
    {19, 8, "br.s", "IL_0015", "", false, N},
    {21, 10, "stloc.0", "", "the result", true, N},
    {22, N, "leave.s", "IL_0019", "", true, N},
    {24, N, "ret", "", "", true, N},
};
static const rj_il_local locals[] = {{"int", "", false, N}, {"nint", "the call's record", true, 0}};
static const rj_il_region regions[] = {{"catch", "System.Exception", 0, 3, 3, 10, N, false},
                                       {"filter", "", 10, 22, 22, 24, 21, true}};
static const rj_il_layer layers[] = {{3, 42, "rejit watch", "me", 5}};

static rj_il method(bool instrumented)
{
    rj_il m = {.name = "Shop.Total(int)",
               .module = "Shop.dll",
               .token = 0x06000007,
               .reason = "",
               .note = "",
               .state = "active",
               .original = {was, RJ_COUNT(was), regions, 1, locals, 1, 11, 8, true}};
    if (!instrumented) return m;
    m.version = 2;
    m.hidden = true;
    m.layers = layers;
    m.layer_count = 1;
    m.woven = (rj_il_body){is, RJ_COUNT(is), regions, 2, locals, 2, 25, 9, true};
    return m;
}

static void is_text(const rj_il *m, bool diff, const out_style *style, const char *want)
{
    buf_t b = {0};
    out_il(&b, m, diff, style);
    assert_string_equal(buf_cstr(&b), want);
    buf_free(&b);
}

static void is_json(const rj_il *m, bool diff, const char *want)
{
    buf_t b = {0};
    out_json_il(&b, m, diff);
    assert_string_equal(buf_cstr(&b), want);
    buf_free(&b);
}

static const out_style plain;

static void the_original_alone(void **state)
{
    (void)state;
    const rj_il m = method(false);
    is_text(&m, false, &plain,
            "Shop.Total(int)  Shop.dll 0x06000007\n"
            "original: 11 bytes of IL, stack 8\n"
            "  locals, zeroed:\n"
            "     0  int\n"
            "  IL_0000  ldarg.0                         // count\n"
            "  IL_0001  ldc.i4.1\n"
            "  IL_0002  add\n"
            "  IL_0003  call         int A::B\\u001b(int)\n"
            "  IL_0008  br.s         IL_000a\n"
            "  IL_000a  ret\n"
            "  exception regions:\n"
            "    try IL_0000 to IL_0003, catch System.Exception IL_0003 to IL_000a\n");
    is_text(&m, true, &plain,
            "Shop.Total(int)  Shop.dll 0x06000007\n"
            "it is not instrumented: nothing differs\n");
}

static void woven_parts_are_marked(void **state)
{
    (void)state;
    const rj_il m = method(true);
    buf_t b = {0};
    out_il(&b, &m, false, &plain);
    const char *woven = strstr(buf_cstr(&b), "woven (");
    assert_non_null(woven);
    assert_string_equal(woven, "woven (active, version 2): 25 bytes of IL, stack 9\n"
                               "  client 3: rejit watch (pid 42, user me), probe 5\n"
                               "  locals, zeroed; a debugger sees the original ones alone:\n"
                               "         0  int\n"
                               "+ 3      1  nint  // the call's record\n"
                               "+ 3            IL_0000  ldc.i8       0x7f0012345678     // gate of client 3\n"
                               "+ 3            IL_0009  pop\n"
                               "      IL_0000  IL_000a  ldarg.0                         // count\n"
                               "      IL_0001  IL_000b  ldc.i4.1\n"
                               "      IL_0002  IL_000c  add\n"
                               "+     IL_0003  IL_000d  nop\n"
                               "      IL_0003  IL_000e  call         int A::B\\u001b(int)\n"
                               "      IL_0008  IL_0013  br.s         IL_0015\n"
                               "+     IL_000a  IL_0015  stloc.0                         // the result\n"
                               "+              IL_0016  leave.s      IL_0019\n"
                               "+              IL_0018  ret\n"
                               "  exception regions:\n"
                               "    try IL_0000 to IL_0003, catch System.Exception IL_0003 to IL_000a\n"
                               "+   try IL_000a to IL_0016, filter at IL_0015, handler IL_0016 to IL_0018\n");
    buf_free(&b);
}

static void a_diff_shows_what_differs(void **state)
{
    (void)state;
    const rj_il m = method(true);
    is_text(&m, true, &plain,
            "Shop.Total(int)  Shop.dll 0x06000007\n"
            "--- original, 11 bytes\n"
            "+++ woven, 25 bytes, active\n"
            "  client 3: rejit watch (pid 42, user me), probe 5\n"
            "  locals, zeroed; a debugger sees the original ones alone:\n"
            "+ 3      1  nint  // the call's record\n"
            "+ 3            IL_0000  ldc.i8       0x7f0012345678     // gate of client 3\n"
            "+ 3            IL_0009  pop\n"
            "      IL_0000  IL_000a  ldarg.0                         // count\n"
            "      IL_0001  IL_000b  ldc.i4.1\n"
            "      IL_0002  IL_000c  add\n"
            "+     IL_0003  IL_000d  nop\n"
            "      IL_0003  IL_000e  call         int A::B\\u001b(int)\n"
            "      IL_0008  IL_0013  br.s         IL_0015\n"
            "-     IL_000a           ret\n"
            "+     IL_000a  IL_0015  stloc.0                         // the result\n"
            "+              IL_0016  leave.s      IL_0019\n"
            "+              IL_0018  ret\n"
            "  exception regions:\n"
            "+   try IL_000a to IL_0016, filter at IL_0015, handler IL_0016 to IL_0018\n");
}

static void far_from_a_change_lines_are_left_out(void **state)
{
    (void)state;
    static rj_il_insn before[20], after[21];
    rj_il m = method(true);
    for (uint32_t i = 0; i < 20; i++) {
        before[i] = (rj_il_insn){i, N, "nop", "", "", false, N};
        after[i + (i > 9)] = (rj_il_insn){i, i, "nop", "", "", false, N};
    }
    after[10] = (rj_il_insn){100, N, "pop", "", "", true, N};
    m.original = (rj_il_body){.insns = before, .insn_count = 20};
    m.woven = (rj_il_body){.insns = after, .insn_count = 21};
    buf_t b = {0};
    out_il(&b, &m, true, &plain);
    const char *lines = strstr(buf_cstr(&b), "probe 5\n");
    assert_non_null(lines);
    assert_string_equal(lines + strlen("probe 5\n"), "  ...\n"
                                                     "      IL_0007  IL_0007  nop\n"
                                                     "      IL_0008  IL_0008  nop\n"
                                                     "      IL_0009  IL_0009  nop\n"
                                                     "+              IL_0064  pop\n"
                                                     "      IL_000a  IL_000a  nop\n"
                                                     "      IL_000b  IL_000b  nop\n"
                                                     "      IL_000c  IL_000c  nop\n");
    buf_free(&b);
}

static void a_terminal_gets_colours(void **state)
{
    (void)state;
    rj_il m = method(true);
    buf_t b = {0};
    out_il(&b, &m, true, &(out_style){.colour = true});
    assert_non_null(strstr(buf_cstr(&b), "\033[36mShop.Total(int)\033[0m"));
    assert_non_null(strstr(buf_cstr(&b), "\033[32m+ 3            IL_0009  \033[0mpop\n"));
    assert_non_null(strstr(buf_cstr(&b), "\033[31m-     IL_000a           \033[0mret\n"));
    buf_free(&b);
}

static void one_object_for_a_method(void **state)
{
    (void)state;
    rj_il m = method(true);
    m.original.insn_count = 1;
    m.woven.insn_count = 3;
    is_json(&m, false,
            "{\"method\":\"Shop.Total(int)\",\"module\":\"Shop.dll\",\"token\":\"0x06000007\",\"instrumented\":true,"
            "\"state\":\"active\",\"version\":2,\"hidden_locals\":true,"
            "\"probes\":[{\"client\":3,\"pid\":42,\"name\":\"rejit watch\",\"user\":\"me\",\"probe\":5}],"
            "\"original\":{\"il_size\":11,\"max_stack\":8,\"init_locals\":true,\"locals\":[{\"type\":\"int\"}],"
            "\"insns\":[{\"offset\":0,\"op\":\"ldarg.0\",\"comment\":\"count\"}],"
            "\"regions\":[{\"kind\":\"catch\",\"type\":\"System.Exception\",\"try_start\":0,\"try_end\":3,"
            "\"handler_start\":3,\"handler_end\":10}]},"
            "\"woven\":{\"il_size\":25,\"max_stack\":9,\"init_locals\":true,"
            "\"locals\":[{\"type\":\"int\"},"
            "{\"type\":\"nint\",\"role\":\"the call's record\",\"woven\":true,\"client\":3}],"
            "\"insns\":[{\"offset\":0,\"op\":\"ldc.i8\",\"operand\":\"0x7f0012345678\","
            "\"comment\":\"gate of client 3\",\"woven\":true,\"client\":3},"
            "{\"offset\":9,\"op\":\"pop\",\"woven\":true,\"client\":3},"
            "{\"offset\":10,\"from\":0,\"op\":\"ldarg.0\",\"comment\":\"count\"}],"
            "\"regions\":[{\"kind\":\"catch\",\"type\":\"System.Exception\",\"try_start\":0,\"try_end\":3,"
            "\"handler_start\":3,\"handler_end\":10},"
            "{\"kind\":\"filter\",\"try_start\":10,\"try_end\":22,\"filter_start\":21,\"handler_start\":22,"
            "\"handler_end\":24,\"woven\":true}]}}\n");
    m.woven.insn_count = 2;
    m.note = "a note";
    is_json(&m, true,
            "{\"method\":\"Shop.Total(int)\",\"module\":\"Shop.dll\",\"token\":\"0x06000007\",\"instrumented\":true,"
            "\"state\":\"active\",\"version\":2,\"hidden_locals\":true,\"note\":\"a note\","
            "\"probes\":[{\"client\":3,\"pid\":42,\"name\":\"rejit watch\",\"user\":\"me\",\"probe\":5}],"
            "\"diff\":[{\"change\":\"added\",\"offset\":0,\"op\":\"ldc.i8\",\"operand\":\"0x7f0012345678\","
            "\"comment\":\"gate of client 3\",\"woven\":true,\"client\":3},"
            "{\"change\":\"added\",\"offset\":9,\"op\":\"pop\",\"woven\":true,\"client\":3},"
            "{\"change\":\"removed\",\"offset\":0,\"op\":\"ldarg.0\",\"comment\":\"count\"}]}\n");
}

static void without_il_the_reason(void **state)
{
    (void)state;
    const rj_il m = {
        .name = "A.B()", .module = "A.dll", .token = 0x06000001, .reason = "abstract", .note = "", .state = ""};
    is_text(&m, false, &plain, "A.B()  A.dll 0x06000001\nno IL: abstract\n");
    is_json(&m, false,
            "{\"method\":\"A.B()\",\"module\":\"A.dll\",\"token\":\"0x06000001\",\"reason\":\"abstract\","
            "\"instrumented\":false}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_original_alone),        cmocka_unit_test(woven_parts_are_marked),
        cmocka_unit_test(a_diff_shows_what_differs), cmocka_unit_test(far_from_a_change_lines_are_left_out),
        cmocka_unit_test(a_terminal_gets_colours),   cmocka_unit_test(one_object_for_a_method),
        cmocka_unit_test(without_il_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
