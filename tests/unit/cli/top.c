/* rejit top without a terminal: rows, order, filter, selection, and the lines that are made of them. */
#include "cli/top.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const out_style plain, coloured = {.colour = true};

static const rj_stat first_items[] = {
    {.probe = 1, .method = "Shop.Cart.Add(int)", .module = "Shop.dll", .calls = 10, .sum = 1000, .mean = 100, .p99 = 9},
    {.probe = 2, .method = "Shop.Order.Place()", .module = "Shop.dll", .calls = 2, .errors = 1, .sum = 500000000},
    {.probe = 3, .method = "Shop.Größe.Idle()", .module = "Shop.dll"},
};
static const rj_stat second_items[] = {
    {.probe = 1, .method = "Shop.Cart.Add(int)", .module = "Shop.dll", .calls = 30, .sum = 3000, .mean = 100, .p99 = 9},
    {.probe = 2, .method = "Shop.Order.Place()", .module = "Shop.dll", .calls = 6, .errors = 1, .sum = 1500000000},
    {.probe = 3, .method = "Shop.Größe.Idle()", .module = "Shop.dll"},
};
static const rj_stats first = {.items = first_items, .count = 3}, second = {.items = second_items, .count = 3};

static top_model *begin(void)
{
    static top_model m;
    m = (top_model){.sort = TOP_BY_SHARE};
    assert_true(top_model_take(&m, 0, &first, 0));
    assert_true(top_model_take(&m, 0, &second, 2));
    top_model_arrange(&m);
    return &m;
}

static const char *shown(const top_model *m, size_t at)
{
    return at < m->view.n ? m->view.v[at]->method : "";
}

static void filter_by(top_model *m, const char *text)
{
    m->filter.n = 0;
    buf_str(&m->filter, text);
    top_model_arrange(m);
}

static void figures_are_of_the_last_interval(void **state)
{
    (void)state;
    top_model *m = begin();
    const top_row *place = m->view.v[0];
    assert_string_equal(place->method, "Shop.Order.Place()");
    assert_true(place->rate > 1.99 && place->rate < 2.01);
    assert_true(place->share > 0.49 && place->share < 0.51);
    assert_int_equal(place->errors, 1);
    assert_true(top_model_take(m, 0, &second, 2)); /* nothing was called */
    assert_true(place->rate < 0.01 && place->share < 0.01);
    assert_int_equal(place->calls, 6);
    top_model_free(m);
}

static void the_most_comes_first_and_names_from_a(void **state)
{
    (void)state;
    top_model *m = begin();
    assert_string_equal(shown(m, 0), "Shop.Order.Place()");
    assert_string_equal(shown(m, 2), "Shop.Größe.Idle()");
    top_model_sort(m, 1);
    assert_int_equal(m->sort, TOP_BY_METHOD);
    assert_string_equal(shown(m, 0), "Shop.Cart.Add(int)");
    assert_string_equal(shown(m, 2), "Shop.Order.Place()");
    top_model_reverse(m);
    assert_string_equal(shown(m, 0), "Shop.Order.Place()");
    top_model_sort(m, 1); /* round, and the usual way again */
    assert_int_equal(m->sort, TOP_BY_RATE);
    assert_string_equal(shown(m, 0), "Shop.Cart.Add(int)");
    top_model_sort(m, -2);
    assert_int_equal(m->sort, TOP_BY_SHARE);
    top_model_free(m);
}

static void equal_ones_stand_by_time_then_by_name(void **state)
{
    (void)state;
    top_model *m = begin();
    m->sort = TOP_BY_MAX;
    top_model_arrange(m);
    assert_string_equal(shown(m, 0), "Shop.Order.Place()");
    assert_string_equal(shown(m, 1), "Shop.Cart.Add(int)");
    top_model_reverse(m); /* what is equal does not turn round */
    assert_string_equal(shown(m, 0), "Shop.Order.Place()");
    top_model_free(m);
}

static void a_filter_is_text_in_any_case(void **state)
{
    (void)state;
    top_model *m = begin();
    filter_by(m, "cart.a");
    assert_int_equal(m->view.n, 1);
    assert_string_equal(shown(m, 0), "Shop.Cart.Add(int)");
    filter_by(m, "größe");
    assert_int_equal(m->view.n, 1);
    filter_by(m, "nope");
    assert_int_equal(m->view.n, 0);
    assert_null(top_model_selected(m));
    top_model_move(m, 1, 10);
    assert_null(top_model_selected(m));
    filter_by(m, "");
    assert_int_equal(m->view.n, 3);
    assert_int_equal(top_model_count(m), 3);
    top_model_free(m);
}

static void the_selection_follows_a_method_that_was_chosen(void **state)
{
    (void)state;
    top_model *m = begin();
    assert_string_equal(top_model_selected(m)->method, "Shop.Order.Place()");
    top_model_reverse(m); /* nobody has chosen: the first */
    assert_int_equal(m->selected, 0);
    top_model_reverse(m);
    top_model_move(m, 1, 10);
    assert_string_equal(top_model_selected(m)->method, "Shop.Cart.Add(int)");
    top_model_sort(m, 1);
    assert_int_equal(m->selected, 0);
    assert_string_equal(top_model_selected(m)->method, "Shop.Cart.Add(int)");
    top_model_move(m, 100, 10);
    assert_int_equal(m->selected, 2);
    top_model_move(m, -100, 10);
    assert_int_equal(m->selected, 0);
    top_model_free(m);
}

static void the_selection_is_on_the_screen(void **state)
{
    (void)state;
    top_model *m = begin();
    top_model_move(m, 2, 2);
    assert_int_equal(m->first, 1);
    top_model_move(m, -2, 2);
    assert_int_equal(m->first, 0);
    top_model_move(m, 2, 1);
    assert_int_equal(m->first, 2);
    top_model_scroll(m, 3); /* a larger screen shows all again */
    assert_int_equal(m->first, 0);
    top_model_free(m);
}

static void what_was_removed_does_not_come_back(void **state)
{
    (void)state;
    top_model *m = begin();
    top_model_remove(m, top_model_selected(m));
    assert_int_equal(top_model_count(m), 2);
    assert_true(top_model_take(m, 0, &second, 1));
    top_model_arrange(m);
    assert_int_equal(m->view.n, 2);
    assert_string_equal(shown(m, 0), "Shop.Cart.Add(int)");
    top_model_free(m);
}

static void the_same_method_is_found_in_other_groups_alone(void **state)
{
    (void)state;
    top_model *m = begin();
    const rj_stat again = {.probe = 1, .method = "Shop.Cart.Add(int)", .module = "Shop.dll"};
    const rj_stat other = {.probe = 2, .method = "Shop.Cart.Add(int)", .module = "Other.dll"};
    const rj_stat items[] = {again, other};
    assert_null(top_model_same(m, m->rows.v[0]));
    assert_true(top_model_take(m, 1, &(rj_stats){.items = items, .count = 2}, 0));
    assert_int_equal(m->rows.n, 5); /* numbers of probes are a group's own */
    assert_ptr_equal(top_model_same(m, m->rows.v[3]), m->rows.v[0]);
    assert_null(top_model_same(m, m->rows.v[4]));
    top_model_remove(m, m->rows.v[0]);
    assert_null(top_model_same(m, m->rows.v[3]));
    top_model_free(m);
}

static void a_line_is_typed_by_characters(void **state)
{
    (void)state;
    buf_t b = {0};
    const uint32_t typed[] = {'a', 0xF6, 0x20AC, 0x1F600};
    for (size_t i = 0; i < RJ_COUNT(typed); i++)
        top_line_add(&b, typed[i]);
    assert_string_equal(buf_cstr(&b), "aö€😀");
    top_line_back(&b);
    assert_string_equal(buf_cstr(&b), "aö€");
    top_line_back(&b);
    top_line_back(&b);
    assert_string_equal(buf_cstr(&b), "a");
    top_line_back(&b);
    top_line_back(&b);
    assert_int_equal(b.n, 0);
    buf_free(&b);
}

/* ---- lines ---- */

static const char *line_of(const top_model *m, const top_row *r, unsigned columns, const out_style *style)
{
    static buf_t b;
    b.n = 0;
    if (r)
        top_put_row(&b, r, columns, style);
    else
        top_put_heads(&b, m, columns, style);
    return buf_cstr(&b);
}

static void a_row_fits_its_terminal(void **state)
{
    (void)state;
    top_row r = {.method = (char[]){"Shop.Orders.OrderService.PlaceAsync(Order)"},
                 .calls = 1000,
                 .errors = 123456,
                 .mean = 1500,
                 .p50 = 850,
                 .p99 = 2500000,
                 .max = 3000000000,
                 .rate = 1234567,
                 .share = 1.5};
    top_model m = {.sort = TOP_BY_SHARE};
    assert_string_equal(line_of(&m, NULL, 80, &plain),
                        "  CALLS/S  ERRORS    MEAN     P50     P99     MAX TIME%▾  METHOD");
    assert_string_equal(line_of(&m, &r, 80, &plain),
                        "    1.23M    123k  1.50us   850ns  2.50ms   3.00s  150.0  …derService.PlaceAsync");
    assert_string_equal(line_of(&m, NULL, 40, &plain), "  CALLS/S     P99 TIME%▾  METHOD");
    assert_string_equal(line_of(&m, &r, 40, &plain), "    1.23M  2.50ms  150.0  …ce.PlaceAsync");
    for (unsigned columns = TOP_COLUMNS_LEAST; columns < 200; columns++) {
        const char *line = line_of(&m, &r, columns, &plain);
        assert_true(out_width(line, strlen(line)) <= columns);
    }
    assert_non_null(strstr(line_of(&m, &r, 140, &plain), "  Shop.Orders.OrderService.PlaceAsync(Order)"));
}

static void heads_tell_the_order(void **state)
{
    (void)state;
    top_model m = {.sort = TOP_BY_METHOD};
    assert_non_null(strstr(line_of(&m, NULL, 80, &plain), "METHOD▴"));
    m.reversed = true;
    assert_non_null(strstr(line_of(&m, NULL, 80, &plain), "METHOD▾"));
    m.sort = TOP_BY_RATE;
    assert_non_null(strstr(line_of(&m, NULL, 80, &plain), "CALLS/S▴"));
}

static void rows_without_figures_say_so(void **state)
{
    (void)state;
    top_row r = {.method = (char[]){"A.B()"}};
    assert_string_equal(line_of(NULL, &r, 80, &plain),
                        "        0       0       -       -       -       -    0.0  A.B()");
    r.off = true;
    assert_string_equal(line_of(NULL, &r, 80, &plain),
                        "      off       0       -       -       -       -    0.0  A.B()");
    assert_non_null(strstr(line_of(NULL, &r, 80, &coloured), "\033[2m"));
}

static void names_cannot_steer_the_terminal(void **state)
{
    (void)state;
    const top_row r = {.method = (char[]){"A.\033[31m\nB()"}};
    const char *line = line_of(NULL, &r, 80, &plain);
    assert_null(strchr(line, '\033'));
    assert_null(strchr(line, '\n'));
    assert_non_null(strstr(line, "A.\\u001b[31m\\nB()"));
}

static void the_top_tells_what_is_shown(void **state)
{
    (void)state;
    buf_t b = {0};
    top_model *m = begin();
    top_about a = {.pid = 42, .program = "Shop", .runtime = "10.0.12", .up_s = 7980, .refused = 3, .measured = 1};
    top_put_program(&b, &a, &plain);
    assert_string_equal(buf_cstr(&b), "Shop  pid 42  up 2h13m  .NET 10.0.12");
    b.n = 0;
    a.up_s = -1;
    top_put_program(&b, &a, &plain);
    assert_string_equal(buf_cstr(&b), "Shop  pid 42  .NET 10.0.12");
    b.n = 0;
    top_put_state(&b, &a, m, &plain);
    assert_string_equal(buf_cstr(&b), "3 methods, 3 refused, 0 dropped  by time");
    b.n = 0;
    a.paused = true;
    a.dropped = 1234;
    a.measured = 0.623;
    filter_by(m, "cart");
    top_model_reverse(m);
    top_put_state(&b, &a, m, &plain);
    assert_string_equal(
        buf_cstr(&b),
        "PAUSED  3 methods, 3 refused, 1,234 dropped, measured 62 %  by time, reversed  filter: cart (1)");
    buf_free(&b);
    top_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_of_the_last_interval),
        cmocka_unit_test(the_most_comes_first_and_names_from_a),
        cmocka_unit_test(equal_ones_stand_by_time_then_by_name),
        cmocka_unit_test(a_filter_is_text_in_any_case),
        cmocka_unit_test(the_selection_follows_a_method_that_was_chosen),
        cmocka_unit_test(the_selection_is_on_the_screen),
        cmocka_unit_test(what_was_removed_does_not_come_back),
        cmocka_unit_test(the_same_method_is_found_in_other_groups_alone),
        cmocka_unit_test(a_line_is_typed_by_characters),
        cmocka_unit_test(a_row_fits_its_terminal),
        cmocka_unit_test(heads_tell_the_order),
        cmocka_unit_test(rows_without_figures_say_so),
        cmocka_unit_test(names_cannot_steer_the_terminal),
        cmocka_unit_test(the_top_tells_what_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
