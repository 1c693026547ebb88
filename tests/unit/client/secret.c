/* Names that look secret, and those that only look like them. */
#include "client/client-priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void secrets_are_seen(void **state)
{
    (void)state;
    static const char *const names[] = {
        "password",
        "Password",
        "_password",
        "userPassword",
        "PASSWD",
        "pwd",
        "dbPwd",
        "secret",
        "ClientSecret",
        "token",
        "apiToken",
        "access_token",
        "accesstoken",
        "Authorization",
        "cookie",
        "sessionCookies",
        "card",
        "cardNumber",
        "creditCard",
        "CREDITCARD",
        "card_no",
        "apiKey",
        "ApiKey",
        "api_key",
        "ssn",
        "userSSN",
        "cvv",
        "credentials",
        "connectionString",
        "pin",
        "IBAN",
    };
    for (size_t i = 0; i < RJ_COUNT(names); i++)
        if (!secret_name(names[i], "string")) fail_msg("%s is a secret", names[i]);
}

static void others_are_not(void **state)
{
    (void)state;
    static const char *const names[] = {
        "discard", "Cardinality", "wildcards", "cardinal", "pinned", "spinning", "opinion",  "author",
        "span",    "expand",      "name",      "value",    "x",      "",         "hotpan2x", "capwd",
    };
    for (size_t i = 0; i < RJ_COUNT(names); i++)
        if (secret_name(names[i], "string")) fail_msg("%s is no secret", names[i]);
    assert_false(secret_name("cancellationToken", "CancellationToken"));
    assert_false(secret_name("token", "System.Threading.CancellationToken"));
    assert_true(secret_name("token", "MyCancellationToken"));
}

static void the_method_part_of_a_name_is_found(void **state)
{
    (void)state;
    buf_t b = {0};
    assert_string_equal(secret_method_part(&b, "Ns.TokenStore.Read(string,Ns.Token)"), "Read");
    b.n = 0;
    assert_string_equal(secret_method_part(&b, "Ns.Store.get_Password()"), "get_Password");
    b.n = 0;
    assert_string_equal(secret_method_part(&b, "Plain"), "Plain");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_seen),
        cmocka_unit_test(others_are_not),
        cmocka_unit_test(the_method_part_of_a_name_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
