/* The runtime's interfaces as data: slot numbers, interface ids, HRESULTs in words. */
#include "clr/clr.h"
#include "clr/hresult.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SLOT(table, name) (offsetof(struct table, name) / sizeof(void *))

/* Each version of ICorProfilerInfo appends to the one before: its first method tells where it begins. */
static void slots_are_where_the_runtime_has_them(void **state)
{
    (void)state;
    assert_int_equal(SLOT(clr_info_slots, GetClassFromObject), 3);
    assert_int_equal(SLOT(clr_info_slots, GetILToNativeMapping), 35);
    assert_int_equal(SLOT(clr_info_slots, DoStackSnapshot), 36);
    assert_int_equal(SLOT(clr_info_slots, EnumJITedFunctions), 57);
    assert_int_equal(SLOT(clr_info_slots, EnumThreads), 71);
    assert_int_equal(SLOT(clr_info_slots, GetEventMask2), 81);
    assert_int_equal(SLOT(clr_info_slots, EnumNgenModuleMethodsInliningThisMethod), 83);
    assert_int_equal(SLOT(clr_info_slots, ApplyMetaData), 84);
    assert_int_equal(SLOT(clr_info_slots, IsFunctionDynamic), 87);
    assert_int_equal(SLOT(clr_info_slots, GetNativeCodeStartAddresses), 90);
    assert_int_equal(SLOT(clr_info_slots, EnumerateObjectReferences), 93);
    assert_int_equal(SLOT(clr_info_slots, GetEnvironmentVariable), 99);
    assert_int_equal(SLOT(clr_info_slots, EventPipeStartSession), 101);
    assert_int_equal(sizeof(struct clr_info_slots) / sizeof(void *), 108);
    assert_int_equal(SLOT(clr_function_control_slots, SetILInstrumentedCodeMap), 5);
    assert_int_equal(SLOT(clr_enum_slots, Next), 7);
    assert_int_equal(SLOT(clr_info_slots, GetILFunctionBodyAllocator), 23);
    assert_int_equal(SLOT(clr_info_slots, SetILFunctionBody), 24);
    assert_int_equal(SLOT(clr_emit_slots, DefineTypeDef), 7);
    assert_int_equal(SLOT(clr_emit_slots, GetTokenFromTypeSpec), 26);
    assert_int_equal(SLOT(clr_emit_slots, DefineUserString), 28);
    assert_int_equal(SLOT(clr_emit_slots, DefineCustomAttribute), 37);
    assert_int_equal(SLOT(clr_emit_slots, MergeEnd), 51);
    assert_int_equal(SLOT(clr_emit_slots, DefineMethodSpec), 52);
    assert_int_equal(SLOT(clr_assembly_emit_slots, DefineAssemblyRef), 4);
}

/* ICorProfilerCallback to ICorProfilerCallback11. */
static const clr_guid callbacks[] = {
    {0x176FBED1, 0xA55C, 0x4796, {0x98, 0xCA, 0xA9, 0xDA, 0x0E, 0xF8, 0x83, 0xE7}},
    {0x8A8CC829, 0xCCF2, 0x49FE, {0xBB, 0xAE, 0x0F, 0x02, 0x22, 0x28, 0x07, 0x1A}},
    {0x4FD2ED52, 0x7731, 0x4B8D, {0x94, 0x69, 0x03, 0xD2, 0xCC, 0x30, 0x86, 0xC5}},
    {0x7B63B2E3, 0x107D, 0x4D48, {0xB2, 0xF6, 0xF6, 0x1E, 0x22, 0x94, 0x70, 0xD2}},
    {0x8DFBA405, 0x8C9F, 0x45F8, {0xBF, 0xFA, 0x83, 0xB1, 0x4C, 0xEF, 0x78, 0xB5}},
    {0xFC13DF4B, 0x4448, 0x4F4F, {0x95, 0x0C, 0xBA, 0x8D, 0x19, 0xD0, 0x0C, 0x36}},
    {0xF76A2DBA, 0x1D52, 0x4539, {0x86, 0x6C, 0x2A, 0xA5, 0x18, 0xF9, 0xEF, 0xC3}},
    {0x5BED9B15, 0xC079, 0x4D47, {0xBF, 0xE2, 0x21, 0x5A, 0x14, 0x0C, 0x07, 0xE0}},
    {0x27583EC3, 0xC8F5, 0x482F, {0x80, 0x52, 0x19, 0x4B, 0x8C, 0xE4, 0x70, 0x5A}},
    {0xCEC5B60E, 0xC69C, 0x495F, {0x87, 0xF6, 0x84, 0xD2, 0x8E, 0xE1, 0x6F, 0xFB}},
    {0x42350846, 0xAAED, 0x47F7, {0xB1, 0x28, 0xFD, 0x0C, 0x98, 0x88, 0x1C, 0xDE}},
};

/* Who promises a later interface than its table has is called beyond the table's end. */
static void only_callbacks_that_are_there_are_promised(void **state)
{
    (void)state;
    assert_true(clr_is_callback_iid(&clr_iid_unknown));
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++)
        assert_int_equal(clr_is_callback_iid(&callbacks[i]), i < 9);
    assert_false(clr_is_callback_iid(&clr_iid_class_factory));
    assert_int_equal(CLR_CB_ReJITError, 86);
    assert_int_equal(CLR_CB_SLOTS, 95);
}

static void ids_compare_by_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(clr_guid); i++) {
        clr_guid other = clr_profiler_clsid;
        assert_true(clr_guid_equal(&other, &clr_profiler_clsid));
        ((uint8_t *)&other)[i] ^= 0x10;
        assert_false(clr_guid_equal(&other, &clr_profiler_clsid));
    }
}

static void hresults_have_words(void **state)
{
    (void)state;
    assert_non_null(strstr(clr_hresult_text(CLR_PROFILER_ALREADY_ACTIVE), "profiler"));
    assert_non_null(strstr(clr_hresult_text((int32_t)0x8013138A), "Edit and Continue"));
    const char *unknown = clr_hresult_text((int32_t)0x8BADF00D);
    assert_non_null(unknown);
    assert_true(strlen(unknown) > 0);
    assert_string_not_equal(unknown, clr_hresult_text(CLR_PROFILER_ALREADY_ACTIVE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_where_the_runtime_has_them),
        cmocka_unit_test(only_callbacks_that_are_there_are_promised),
        cmocka_unit_test(ids_compare_by_every_byte),
        cmocka_unit_test(hresults_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
