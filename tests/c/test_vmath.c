/* test_vmath.c -- the branch-free f32 functions against libm's double ones, in units of the last place. */
#include <stdlib.h>
#include "check.h"
#include "vmath.h"

static double ulps(float got, double want) {
    if (fabs(want) < 1.18e-38) return fabs((double)got - want) / 1.18e-38;    /* subnormal results may be flushed: error within one least normal */
    return fabs((double)got - want) / ldexp(1, ilogb(want) - 23);
}

int main(void) {
    double e = 0, l = 0, s = 0, p = 0;
    for (int64_t i = -2000000; i <= 2000000; i++) {
        const float x = (float)i * 4.3e-5f;                                   /* -86 .. 86 */
        e = worse(e, ulps(v_exp(x), exp(x)));
        s = worse(s, ulps(v_sigmoid(x), 1 / (1 + exp(-(double)x))));
        p = worse(p, ulps(v_softplus(x), x > 0 ? x + log1p(exp(-(double)x)) : log1p(exp(x))));
        const float z = (float)fabs((double)i / 2000000), tiny = z * z * z * z;
        l = worse(l, worse(ulps(v_log1p_unit(z), log1p(z)), ulps(v_log1p_unit(tiny), log1p(tiny))));
    }
    printf("largest error in units of the last place: exp %.2f, log1p %.2f, sigmoid %.2f, softplus %.2f\n", e, l, s, p);
    CHECK(e < 2);
    CHECK(l < 3);
    CHECK(s < 4);
    CHECK(p < 4);
    CHECK(v_exp(0) == 1 && v_exp(-INFINITY) == 0 && v_exp(-88) == 0 && isinf(v_exp(89)) && isinf(v_exp(INFINITY)) && isnan(v_exp(NAN)));
    CHECK(v_sigmoid(-INFINITY) == 0 && v_sigmoid(INFINITY) == 1 && v_sigmoid(0) == 0.5f && isnan(v_sigmoid(NAN)));
    CHECK(v_softplus(-INFINITY) < 1e-37f && isnan(v_softplus(NAN)) && v_softplus(30) == 30 && isinf(v_softplus(INFINITY)));
    return check_done("vmath");
}
