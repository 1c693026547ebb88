/* Portable PDBs as a compiler writes them: beside the assembly, embedded, missing, of another build, damaged. */
#include "pdb/pdb.h"
#include "walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER REJIT_SOURCE_DIR "/tests/unit/pdb/"

typedef struct subject {
    char path[4096];
    buf_t bytes;
    cil_image image;
    pdb symbols;
    arena a;
} subject;

static void read_file(const char *path, buf_t *out)
{
    uint8_t bytes[4096];
    FILE *f = fopen(path, "rbe");
    assert_non_null(f);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, f)) > 0;)
        buf_put(out, bytes, n);
    fclose(f);
}

static void open_image(subject *s, const char *path)
{
    err_t e = {0};
    *s = (subject){.path = ""};
    snprintf(s->path, sizeof s->path, "%s", path);
    read_file(path, &s->bytes);
    if (!cil_image_open(&s->image, s->bytes.p, s->bytes.n, CIL_FLAT, &e)) fail_msg("%s", e.text);
}

static void open_subject(subject *s, const char *path)
{
    err_t e = {0};
    open_image(s, path);
    if (!pdb_open_for(&s->symbols, &s->image, path, &e)) fail_msg("%s", e.text);
}

static void close_subject(subject *s)
{
    pdb_close(&s->symbols);
    buf_free(&s->bytes);
    arena_free(&s->a);
}

static uint32_t method(const subject *s, const char *name)
{
    for (uint32_t rid = 1; rid <= s->image.rows[CIL_METHOD_DEF]; rid++) {
        buf_t b = {0};
        cil_method_name(&s->image, rid, false, &b);
        bool found = strcmp(buf_cstr(&b), name) == 0;
        buf_free(&b);
        if (found) return rid;
    }
    fail_msg("no method %s", name);
    return 0;
}

static pdb_points points_of(subject *s, const char *name)
{
    pdb_points p;
    err_t e = {0};
    if (!pdb_points_read(&s->a, &s->symbols, method(s, name), &p, &e)) fail_msg("%s", e.text);
    return p;
}

static const char *const files[] = {FOLDER "source.dll", FOLDER "embedded.dll"};

static void lines_of_a_method(void **state)
{
    (void)state;
    static const uint32_t LINES[] = {9,  10,         11, 11, PDB_HIDDEN, 11, 12, 13, 14,         15, PDB_HIDDEN, 11,
                                     17, PDB_HIDDEN, 18, 19, 19,         20, 17, 17, PDB_HIDDEN, 22, 23};
    for (size_t f = 0; f < RJ_COUNT(files); f++) {
        subject s;
        buf_t name = {0};
        open_subject(&s, files[f]);
        pdb_points p = points_of(&s, "Source.Sum");
        assert_int_equal(p.count, RJ_COUNT(LINES));
        for (uint32_t i = 0; i < p.count; i++)
            assert_int_equal(p.v[i].line, LINES[i]);
        assert_int_equal(p.v[0].offset, 0);
        assert_int_equal(p.v[1].column, 9);
        assert_int_equal(p.v[1].end_column, 23); /* int total = 0; */
        assert_true(pdb_document_name(&s.symbols, p.v[0].document, &name));
        assert_string_equal(buf_cstr(&name), "/src/source.cs");
        assert_ptr_equal(pdb_point_at(&p, p.v[1].offset), &p.v[1]);
        assert_ptr_equal(pdb_point_at(&p, p.v[2].offset - 1), &p.v[1]);
        assert_ptr_equal(pdb_point_at(&p, UINT32_MAX), &p.v[p.count - 1]);
        buf_free(&name);
        close_subject(&s);
    }
}

static void several_lines_in_one_statement(void **state)
{
    (void)state;
    subject s;
    open_subject(&s, files[0]);
    pdb_points p = points_of(&s, "Source+<>c.<Twice>b__2_0");
    assert_int_equal(p.count, 1);
    assert_int_equal(p.v[0].line, 33);
    assert_int_equal(p.v[0].end_line, 34);
    assert_int_equal(p.v[0].end_column, 12);
    assert_int_equal(points_of(&s, "Source.NoSource").count, 0);
    close_subject(&s);
}

static void from_a_line_to_instructions(void **state)
{
    (void)state;
    subject s;
    err_t e = {0};
    pdb_place at[4];
    open_subject(&s, files[0]);
    assert_int_equal(pdb_find_line(&s.symbols, "source.cs", 14, at, 4, &e), 1);
    assert_int_equal(at[0].method_rid, method(&s, "Source.Sum"));
    assert_int_equal(at[0].offset, points_of(&s, "Source.Sum").v[8].offset);
    assert_int_equal(pdb_find_line(&s.symbols, "/src/source.cs", 33, at, 4, &e), 2); /* the method, and its lambda */
    assert_int_equal(pdb_find_line(&s.symbols, "source.cs", 33, at, 1, &e), 2);
    assert_int_equal(pdb_find_line(&s.symbols, "source.cs", 16, at, 4, &e), 0);
    assert_int_equal(pdb_find_line(&s.symbols, "ource.cs", 14, at, 4, &e), 0);
    assert_int_equal(pdb_find_line(&s.symbols, "other.cs", 14, at, 4, &e), 0);
    uint32_t before;
    assert_int_equal(pdb_near_line(&s.symbols, "source.cs", 14, &before), 14);
    assert_true(before > 0 && before < 14);
    const uint32_t next = pdb_near_line(&s.symbols, "source.cs", 16, &before);
    assert_true(next > 16 && before >= 14 && before < 16);
    assert_true(pdb_find_line(&s.symbols, "source.cs", next, at, 4, &e) >= 1);
    assert_int_equal(pdb_near_line(&s.symbols, "source.cs", 100000, &before), 0);
    assert_true(before > next);
    assert_int_equal(pdb_near_line(&s.symbols, "other.cs", 1, &before), 0);
    assert_int_equal(before, 0);
    close_subject(&s);
}

static uint32_t shown(subject *s, const char *name, uint32_t offset)
{
    pdb_point p;
    err_t e = {0};
    bool found = pdb_shown_point(&s->symbols, method(s, name), offset, &p, &e);
    assert_int_equal(e.code, ERR_NONE);
    return found ? p.line : 0;
}

/* Hidden code is shown as what stands before it. */
static void from_an_instruction_to_the_line_that_is_shown(void **state)
{
    (void)state;
    subject s;
    open_subject(&s, files[0]);
    pdb_points p = points_of(&s, "Source.Sum");
    uint32_t last = 0;
    for (uint32_t i = 0; i < p.count; i++) {
        if (p.v[i].line != PDB_HIDDEN) last = p.v[i].line;
        assert_int_equal(shown(&s, "Source.Sum", p.v[i].offset), last);
    }
    assert_int_equal(shown(&s, "Source.Sum", p.v[2].offset - 1), p.v[1].line);
    assert_int_equal(shown(&s, "Source.Sum", UINT32_MAX), 23);
    assert_int_equal(shown(&s, "Source.NoSource", 0), 0);
    assert_false(pdb_shown_point(&s.symbols, 4000, 0, p.v, NULL));
    close_subject(&s);
}

static void inside_of_an_assembly(void **state)
{
    (void)state;
    subject s;
    err_t e = {0};
    uint8_t id[CIL_PDB_ID_SIZE];
    const char *name;
    open_image(&s, files[1]);
    assert_true(cil_pdb_id(&s.image, id, &name));
    assert_string_equal(name, "embedded.pdb");
    assert_true(pdb_open_inside(&s.symbols, files[1], id, &e));
    assert_int_equal(shown(&s, "Source.Sum", 0), 9);
    pdb_close(&s.symbols);
    assert_false(pdb_open_inside(&s.symbols, files[0], id, &e)); /* of the same sources, and so the same id */
    assert_int_equal(e.code, ERR_NO_MATCH);
    id[0] ^= 1;
    assert_false(pdb_open_inside(&s.symbols, files[1], id, &e));
    assert_int_equal(e.code, ERR_REFUSED);
    assert_false(pdb_open_inside(&s.symbols, FOLDER "source.cs", id, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    assert_false(pdb_open_inside(&s.symbols, FOLDER, id, &e));
    assert_int_equal(e.code, ERR_SYSTEM);
    assert_false(pdb_open_file(&s.symbols, FOLDER "source.pdb", id, &e));
    assert_int_equal(e.code, ERR_NO_MATCH);
    id[0] ^= 1;
    assert_true(pdb_open_file(&s.symbols, FOLDER "source.pdb", id, &e));
    close_subject(&s);
}

static void names_and_scopes(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"total", "number", "doubled", "i", "doubled"};
    subject s;
    err_t e = {0};
    pdb_locals l;
    open_subject(&s, files[0]);
    assert_true(pdb_locals_read(&s.a, &s.symbols, method(&s, "Source.Sum"), &l, &e));
    uint32_t seen = 0;
    for (uint32_t i = 0; i < l.count; i++) {
        if (l.v[i].hidden) continue;
        assert_true(seen < RJ_COUNT(NAMES));
        assert_string_equal(l.v[i].name, NAMES[seen++]);
        assert_true(l.v[i].start < l.v[i].end);
    }
    assert_int_equal(seen, RJ_COUNT(NAMES));
    assert_true(l.v[2].slot != l.v[4].slot || l.v[2].end <= l.v[4].start);
    assert_true(pdb_locals_read(&s.a, &s.symbols, method(&s, "Source.NoSource"), &l, &e));
    assert_int_equal(l.count, 0);
    close_subject(&s);
}

static void state_machines(void **state)
{
    (void)state;
    subject s;
    err_t e = {0};
    pdb_awaits w;
    open_subject(&s, files[0]);
    uint32_t written = method(&s, "Source.LaterAsync"), next = method(&s, "Source+<LaterAsync>d__1.MoveNext");
    assert_int_equal(pdb_written_method(&s.symbols, next), written);
    assert_int_equal(pdb_move_next(&s.symbols, written), next);
    assert_int_equal(pdb_written_method(&s.symbols, written), 0);
    assert_int_equal(pdb_move_next(&s.symbols, next), 0);
    assert_true(pdb_awaits_read(&s.a, &s.symbols, next, &w, &e));
    assert_int_equal(w.count, 2);
    assert_int_equal(w.catch_offset, UINT32_MAX);
    for (uint32_t i = 0; i < w.count; i++) {
        assert_int_equal(w.v[i].resume_rid, next);
        assert_true(w.v[i].yield < w.v[i].resume);
    }
    assert_true(pdb_awaits_read(&s.a, &s.symbols, written, &w, &e));
    assert_int_equal(w.count, 0);
    close_subject(&s);
}

static void copy(const char *from, const char *to)
{
    buf_t b = {0};
    read_file(from, &b);
    FILE *f = fopen(to, "wbe");
    assert_non_null(f);
    assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
    fclose(f);
    buf_free(&b);
}

static void expect_none(const char *path, err_code code, const char *words)
{
    subject s;
    err_t e = {0};
    open_image(&s, path);
    assert_false(pdb_open_for(&s.symbols, &s.image, path, &e));
    assert_int_equal(e.code, code);
    if (!strstr(e.text, words)) fail_msg("%s", e.text);
    close_subject(&s);
}

static void no_pdb_that_fits(void **state)
{
    (void)state;
    char folder[] = "/tmp/rejit-pdb-XXXXXX", dll[64], symbols[64];
    assert_non_null(mkdtemp(folder));
    snprintf(dll, sizeof dll, "%s/source.dll", folder);
    snprintf(symbols, sizeof symbols, "%s/source.pdb", folder);
    copy(files[0], dll);
    expect_none(dll, ERR_NO_MATCH, "none is embedded");

    buf_t b = {0};
    read_file(FOLDER "source.pdb", &b);
    pdb p;
    err_t e = {0};
    assert_true(pdb_open(&p, b.p, b.n, &e));
    ((uint8_t *)(uintptr_t)p.image.pdb_stream.p)[0] ^= 1; /* another build: another id */
    FILE *f = fopen(symbols, "wbe");
    assert_non_null(f);
    assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
    fclose(f);
    expect_none(dll, ERR_NO_MATCH, "another build");

    assert_int_equal(truncate(symbols, (off_t)(b.n / 2)), 0);
    expect_none(dll, ERR_FORMAT, "source.pdb");
    buf_free(&b);
    unlink(symbols);
    unlink(dll);
    rmdir(folder);
}

/* An embedded one is found where the file beside is of another build. */
static void embedded_instead_of_another_build(void **state)
{
    (void)state;
    char folder[] = "/tmp/rejit-pdb-XXXXXX", dll[64], symbols[64];
    assert_non_null(mkdtemp(folder));
    snprintf(dll, sizeof dll, "%s/embedded.dll", folder);
    snprintf(symbols, sizeof symbols, "%s/embedded.pdb", folder);
    copy(files[1], dll);
    copy(FOLDER "source.pdb", symbols);
    subject s;
    open_subject(&s, dll);
    assert_int_equal(points_of(&s, "Source.Sum").v[0].line, 9);
    close_subject(&s);
    unlink(symbols);
    unlink(dll);
    rmdir(folder);
}

/* Every byte of it in turn, and every length: an error or other lines, never a crash. */
static void damaged(void **state)
{
    (void)state;
    buf_t b = {0};
    read_file(FOLDER "source.pdb", &b);
    for (size_t at = 0; at < b.n; at++) {
        pdb p;
        uint8_t was = b.p[at];
        b.p[at] = (uint8_t)~was;
        if (pdb_open(&p, b.p, b.n, NULL)) walk_pdb(&p);
        b.p[at] = was;
        if (pdb_open(&p, b.p, at, NULL)) walk_pdb(&p);
    }
    buf_free(&b);
}

static void damaged_embedded(void **state)
{
    (void)state;
    subject s;
    cil_blob data;
    uint32_t stamp;
    open_image(&s, files[1]);
    assert_true(cil_debug_entry(&s.image, CIL_DEBUG_EMBEDDED_PDB, &data, &stamp));
    for (uint32_t i = 0; i < data.n; i++) {
        uint8_t *byte = (uint8_t *)(uintptr_t)data.p + i, was = *byte;
        err_t e = {0};
        *byte = (uint8_t)~was;
        if (pdb_open_for(&s.symbols, &s.image, files[1], &e)) {
            walk_pdb(&s.symbols);
            pdb_close(&s.symbols);
        } else {
            assert_int_equal(e.code, ERR_FORMAT);
        }
        *byte = was;
    }
    close_subject(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_a_method),
        cmocka_unit_test(several_lines_in_one_statement),
        cmocka_unit_test(from_a_line_to_instructions),
        cmocka_unit_test(from_an_instruction_to_the_line_that_is_shown),
        cmocka_unit_test(inside_of_an_assembly),
        cmocka_unit_test(names_and_scopes),
        cmocka_unit_test(state_machines),
        cmocka_unit_test(no_pdb_that_fits),
        cmocka_unit_test(embedded_instead_of_another_build),
        cmocka_unit_test(damaged),
        cmocka_unit_test(damaged_embedded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
