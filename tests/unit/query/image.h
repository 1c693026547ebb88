/* An assembly from a file, for the tests of query. */
#ifndef TEST_QUERY_IMAGE_H
#define TEST_QUERY_IMAGE_H

#include "query/query.h"

/* names.dll, whose source lies beside this file. */
#define NAMES_DLL REJIT_SOURCE_DIR "/tests/unit/query/names.dll"

typedef struct test_image {
    cil_image im;
    void *bytes;
} test_image;

/* Fails the test where the file cannot be read. */
void test_image_open(test_image *t, const char *path);
void test_image_close(test_image *t);
/* The rid of the only method that prints as `name` with its parameters; fails the test where there is none. */
uint32_t test_method(const cil_image *im, const char *name);

#endif
