/* A small image for bodies to refer to: one row of each kind of thing that an instruction names. */
#ifndef REJIT_TEST_BODY_IMAGE_H
#define REJIT_TEST_BODY_IMAGE_H

#include "metadata_build.h"

/* Type references to System.ValueType, .Enum and .Object, and to a type of which nothing is known. */
#define T_OBJECT  CIL_TOKEN(CIL_TYPE_REF, 3)
#define T_UNKNOWN CIL_TOKEN(CIL_TYPE_REF, 4)
#define T_CLASS   CIL_TOKEN(CIL_TYPE_DEF, 2)
#define T_STRUCT  CIL_TOKEN(CIL_TYPE_DEF, 3)
#define T_ENUM    CIL_TOKEN(CIL_TYPE_DEF, 4)  /* of int64 */
#define T_INT     CIL_TOKEN(CIL_TYPE_DEF, 5)  /* System.Int32 as CoreLib defines it */
#define T_ARRAY   CIL_TOKEN(CIL_TYPE_SPEC, 1) /* int[,] */
#define T_VAR     CIL_TOKEN(CIL_TYPE_SPEC, 2) /* !0 */

#define F_INT    CIL_TOKEN(CIL_FIELD, 1) /* int, of the class */
#define F_STATIC CIL_TOKEN(CIL_FIELD, 2) /* static object, of the class */
#define F_STRUCT CIL_TOKEN(CIL_FIELD, 3) /* int, of the struct */

#define M_VOID    CIL_TOKEN(CIL_METHOD_DEF, 1)  /* static void () */
#define M_INT     CIL_TOKEN(CIL_METHOD_DEF, 2)  /* static int (int) */
#define M_OBJECT  CIL_TOKEN(CIL_METHOD_DEF, 3)  /* object (string) */
#define M_CTOR    CIL_TOKEN(CIL_METHOD_DEF, 4)  /* .ctor (int) of the class */
#define M_STRUCT  CIL_TOKEN(CIL_METHOD_DEF, 5)  /* static void (struct) */
#define M_ENUM    CIL_TOKEN(CIL_METHOD_DEF, 6)  /* static void (enum) */
#define M_BYREF   CIL_TOKEN(CIL_METHOD_DEF, 7)  /* static ref int () */
#define M_GENERIC CIL_TOKEN(CIL_METHOD_DEF, 8)  /* static T <T>(T) */
#define M_DOUBLE  CIL_TOKEN(CIL_METHOD_DEF, 9)  /* static float64 (float32) */
#define M_SCTOR   CIL_TOKEN(CIL_METHOD_DEF, 10) /* .ctor (int) of the struct */

#define R_VARARG  CIL_TOKEN(CIL_MEMBER_REF, 1)  /* vararg static void (int, ..., string) */
#define R_ARRAY   CIL_TOKEN(CIL_MEMBER_REF, 2)  /* .ctor (int, int) of the array */
#define R_FIELD   CIL_TOKEN(CIL_MEMBER_REF, 3)  /* int, of the unknown type */
#define R_CTOR    CIL_TOKEN(CIL_MEMBER_REF, 4)  /* .ctor () of the unknown type */
#define S_GENERIC CIL_TOKEN(CIL_METHOD_SPEC, 1) /* M_GENERIC<string> */

#define L_LOCALS CIL_TOKEN(CIL_STAND_ALONE_SIG, 1)  /* int, object, float64, ref int, struct, long */
#define L_CALLI  CIL_TOKEN(CIL_STAND_ALONE_SIG, 2)  /* int (int, object) */
#define U_STRING CIL_TOKEN(CIL_USER_STRING, 1)      /* "a\nb" */
#define X_CALLI  CIL_TOKEN(CIL_STAND_ALONE_SIG, 77) /* not there: for an extra */

/* Metadata of all that; to be freed. */
void body_image_make(buf_t *out);

#endif
