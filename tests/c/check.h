/* check.h -- the C tests' few macros.  A test file's main() ends with `return check_done("name");`. */
#ifndef CHECK_H
#define CHECK_H
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "mien.h"

static int check_passed, check_failed;

#define CHECK(cond) do { \
    if (cond) check_passed++; \
    else { check_failed++; fprintf(stderr, "%s:%d: failed: %s (pending error: %s)\n", __FILE__, __LINE__, #cond, mn_errmsg()); } \
} while (0)

/* The larger of two differences; infinite if either is NaN, which fmax would drop. */
static inline double worse(double worst, double d) { return d <= worst ? worst : d > worst ? d : INFINITY; }

/* |a - b| <= tol; NaN fails. */
#define CHECK_NEAR(a, b, tol) do { \
    double check_a = (a), check_b = (b); \
    if (fabs(check_a - check_b) <= (tol)) check_passed++; \
    else { check_failed++; fprintf(stderr, "%s:%d: %s = %.9g, expected %.9g within %g\n", __FILE__, __LINE__, #a, check_a, check_b, (double)(tol)); } \
} while (0)

/* expr returns this status; the pending error is cleared. */
#define CHECK_STATUS(code, expr) do { \
    mn_status check_s = (expr); \
    if (check_s == (code)) check_passed++; \
    else { check_failed++; fprintf(stderr, "%s:%d: %s returned %d (%s), expected %d\n", __FILE__, __LINE__, #expr, check_s, mn_errmsg(), (int)(code)); } \
    mn_error_clear(); \
} while (0)

static inline int check_done(const char *name) {
    printf("%s: %d passed, %d failed\n", name, check_passed, check_failed);
    return check_failed != 0;
}
#endif
