/* New metadata: found where the module has it, made once where it has not, counted. */
#include "engine/metadata.h"
#include "fake_runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CORE, COLLECTIONS, LINQ };
static const char *paths[3]; /* of CORE, COLLECTIONS, LINQ */
static eng *engines[16];     /* they live as long as the process */
static size_t engine_count;

static fake_runtime rt;
static eng *g;
static err_t error;

#define CORELIB "System.Private.CoreLib"

static int start(void **state)
{
    (void)state;
    fake_start(&rt, paths, RJ_COUNT(paths), RJ_COUNT(paths));
    g = engines[engine_count++] = rt.g;
    error = (err_t){.code = ERR_NONE};
    return 0;
}

static int end(void **state)
{
    (void)state;
    fake_end(&rt);
    return 0;
}

static eng_module *module(unsigned index)
{
    eng_module *m = eng_module_find(g, (clr_module_id)&rt.modules[index]);
    assert_non_null(m);
    assert_true(eng_module_open(g, m));
    return m;
}

static cil_blob blob(const void *p, size_t n)
{
    return (cil_blob){p, (uint32_t)n};
}

/* void (object) */
static const uint8_t SIG[] = {0x00, 1, CIL_E_VOID, CIL_E_OBJECT};

static void what_the_module_has_is_answered(void **state)
{
    (void)state;
    eng_module *m = module(COLLECTIONS);
    const cil_image *im = &m->image;
    const char *core = cil_cell_string(im, CIL_ASSEMBLY_REF, 1, CIL_ASSEMBLY_REF_NAME);
    assert_int_equal(eng_meta_assembly_ref(g, m, core, &error), CIL_TOKEN(CIL_ASSEMBLY_REF, 1));
    cil_token object = eng_meta_type_ref(g, m, core, "System", "Object", &error);
    assert_int_equal(CIL_TABLE(object), CIL_TYPE_REF);
    assert_true(cil_type_is(im, object, "System.Object"));
    static const uint8_t constructor[] = {0x20, 0, CIL_E_VOID};
    cil_token ctor = eng_meta_member_ref(g, m, object, ".ctor", blob(constructor, sizeof constructor), &error);
    assert_int_equal(CIL_TABLE(ctor), CIL_MEMBER_REF);
    assert_in_range(CIL_RID(ctor), 1, im->rows[CIL_MEMBER_REF]);
    cil_token method = cil_cell_token(im, CIL_METHOD_SPEC, 1, CIL_METHOD_SPEC_METHOD);
    cil_blob args = cil_cell_blob(im, CIL_METHOD_SPEC, 1, CIL_METHOD_SPEC_INSTANTIATION);
    assert_int_equal(eng_meta_method_spec(g, m, method, args, &error), CIL_TOKEN(CIL_METHOD_SPEC, 1));
    assert_int_equal(rt.modules[COLLECTIONS].tokens, 0);
    assert_int_equal(m->emitted_bytes, 0);
}

static void a_type_of_the_same_assembly_is_its_definition(void **state)
{
    (void)state;
    eng_module *m = module(CORE);
    cil_token object = eng_meta_type_ref(g, m, CORELIB, "System", "Object", &error);
    assert_int_equal(CIL_TABLE(object), CIL_TYPE_DEF);
    assert_true(cil_type_is(&m->image, object, "System.Object"));
    assert_int_equal(eng_meta_type_ref(g, m, CORELIB, "System", "NoSuchType", &error), 0);
    assert_int_equal(error.code, ERR_REFUSED);
}

static void an_assembly_is_referred_to_as_it_is_loaded(void **state)
{
    (void)state;
    eng_module *m = module(CORE), *other = module(COLLECTIONS);
    const struct fake_item *last = &rt.modules[CORE].last;
    assert_int_equal(CIL_TABLE(eng_meta_assembly_ref(g, m, "System.Collections", &error)), CIL_ASSEMBLY_REF);
    assert_string_equal(last->name, "System.Collections");
    assert_int_equal(last->version[0], cil_cell(&other->image, CIL_ASSEMBLY, 1, 1));
    assert_true(last->version[0] >= 8);
    cil_blob key = cil_cell_blob(&other->image, CIL_ASSEMBLY, 1, 6);
    assert_true(key.n > 0);
    assert_int_equal(last->size, key.n);
    assert_memory_equal(last->blob, key.p, key.n);
    assert_true(eng_meta_assembly_ref(g, m, "Not.Loaded", &error) != 0);
    assert_int_equal(last->size, 0);
}

/* One item of each kind that the module cannot have. */
static void make_all(eng_module *m, cil_token *out)
{
    static const uint8_t type[] = {CIL_E_SZARRAY, CIL_E_I8};
    static const uint8_t spec[] = {0x0A, 1, CIL_E_R8};
    unsigned n = 0;
    out[n++] = eng_meta_assembly_ref(g, m, "System.Collections", &error);
    out[n++] = eng_meta_module_ref(g, m, "librejit_test", &error);
    cil_token task = out[n++] =
        eng_meta_type_ref(g, m, "System.Collections", "System.Collections.Generic", "LinkedList`1", &error);
    out[n++] = eng_meta_member_ref(g, m, task, "rejit_test", blob(SIG, sizeof SIG), &error);
    out[n++] = eng_meta_member_ref(g, m, task, "rejit_other", blob(SIG, sizeof SIG), &error);
    out[n++] = eng_meta_method_spec(g, m, out[3], blob(spec, sizeof spec), &error);
    out[n++] = eng_meta_user_string(g, m, "a text that no module has", &error);
    out[n++] = eng_meta_stand_alone_sig(g, m, blob(SIG, sizeof SIG), &error);
    out[n++] = eng_meta_type_spec(g, m, blob(type, 2), &error);
    cil_token owner = out[n++] = eng_meta_type_def(g, m, "Rejit", "Test", task, &error);
    static const uint8_t body[] = {0x06, 0x2A}; /* tiny: ret */
    eng_new_method method = {owner, "Run", blob(SIG, sizeof SIG), blob(body, sizeof body)};
    out[n++] = eng_meta_method_def(g, m, &method, &error);
}
#define ALL 11u

static void what_is_made_again_adds_nothing(void **state)
{
    (void)state;
    eng_module *m = module(CORE);
    const fake_module *fake = &rt.modules[CORE];
    cil_token first[ALL], again[ALL];
    make_all(m, first);
    assert_int_equal(error.code, ERR_NONE);
    for (unsigned i = 0; i < ALL; i++) {
        assert_true(first[i] != 0);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(first[i], first[k]);
    }
    assert_int_equal(fake->tokens, ALL);
    size_t emitted = m->emitted_bytes, kept = m->kept_bytes;
    assert_true(emitted > m->image.metadata.n); /* the runtime's copy of all of it, and the new rows */
    assert_true(kept > 0);
    for (unsigned turn = 0; turn < 100; turn++) {
        make_all(m, again);
        assert_memory_equal(first, again, sizeof first);
    }
    assert_int_equal(fake->tokens, ALL);
    assert_int_equal(m->emitted_bytes, emitted);
    assert_int_equal(m->kept_bytes, kept);
}

static void a_new_method_has_its_body_when_it_is_there(void **state)
{
    (void)state;
    eng_module *m = module(LINQ);
    cil_token object = eng_meta_type_ref(g, m, CORELIB, "System", "Object", &error);
    cil_token type = eng_meta_type_def(g, m, "Rejit", "Test", object, &error);
    const fake_module *fake = &rt.modules[LINQ];
    assert_string_equal(fake->last.name, "Rejit.Test");
    assert_int_equal(fake->last.parent, object);
    static const uint8_t body[] = {0x06, 0x2A};
    eng_new_method method = {type, "Run", blob(SIG, sizeof SIG), blob(body, sizeof body)};
    cil_token token = eng_meta_method_def(g, m, &method, &error);
    assert_int_equal(CIL_TABLE(token), CIL_METHOD_DEF);
    assert_non_null(fake->last.body);
    assert_memory_equal(fake->last.body, body, sizeof body);
}

static void it_is_applied_once_after_changes(void **state)
{
    (void)state;
    eng_module *m = module(LINQ);
    assert_true(eng_meta_apply(g, m, &error)); /* nothing is there to apply */
    assert_int_equal(rt.modules[LINQ].applied, 0);
    eng_meta_stand_alone_sig(g, m, blob(SIG, sizeof SIG), &error);
    assert_true(eng_meta_apply(g, m, &error) && eng_meta_apply(g, m, &error));
    assert_int_equal(rt.modules[LINQ].applied, 1);
    static const uint8_t value[] = {1, 0, 0, 0};
    assert_true(eng_meta_attribute(g, m, CIL_TOKEN(CIL_TYPE_DEF, 1), CIL_TOKEN(CIL_MEMBER_REF, 1),
                                   blob(value, sizeof value), &error));
    assert_true(eng_meta_apply(g, m, &error));
    assert_int_equal(rt.modules[LINQ].applied, 2);
}

static void what_the_runtime_refuses_is_not_remembered(void **state)
{
    (void)state;
    eng_module *m = module(LINQ);
    rt.metadata_answer = CLR_FAIL;
    assert_int_equal(eng_meta_user_string(g, m, "text", &error), 0);
    assert_int_equal(error.code, ERR_RUNTIME);
    assert_non_null(strstr(error.text, "80004005"));
    rt.metadata_answer = CLR_OK;
    assert_true(eng_meta_user_string(g, m, "text", &error) != 0);
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    for (size_t i = 0; i < RJ_COUNT(paths); i++)
        paths[i] = argv[i + 1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_module_has_is_answered, start, end),
        cmocka_unit_test_setup_teardown(a_type_of_the_same_assembly_is_its_definition, start, end),
        cmocka_unit_test_setup_teardown(an_assembly_is_referred_to_as_it_is_loaded, start, end),
        cmocka_unit_test_setup_teardown(what_is_made_again_adds_nothing, start, end),
        cmocka_unit_test_setup_teardown(a_new_method_has_its_body_when_it_is_there, start, end),
        cmocka_unit_test_setup_teardown(it_is_applied_once_after_changes, start, end),
        cmocka_unit_test_setup_teardown(what_the_runtime_refuses_is_not_remembered, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
