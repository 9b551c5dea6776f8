/* bias_act.h -- arguments of the fused noise, bias, activation, gain and clamp. */
#ifndef K_BIAS_ACT_H
#define K_BIAS_ACT_H
#include <stdint.h>
/* v = x + strength * noise + b;  y = limit(gain * (v > 0 ? v : slope * v)) */
struct k_bias_act_fwd {
    int64_t n;                          /* rows: N * C */
    int64_t C, S;
    const void *x;                      /* [N,C,S] */
    const void *b;                      /* [C] or NULL */
    const void *noise;                  /* [S], or [N,S] when noise_step = S; NULL: none */
    const void *strength;               /* [1] */
    int64_t noise_step;
    double slope, gain, limit;          /* slope 1: linear; limit: infinity when off */
    void *out;                          /* [N,C,S] */
};
/* From y alone: slope, gain > 0 keep the sign of v. */
struct k_bias_act_bwd {
    int64_t n;                          /* rows: N * C */
    int64_t C, S;
    const void *y, *dy;                 /* [N,C,S] */
    const void *noise;
    int64_t noise_step;
    double slope, gain, limit;
    int add;                            /* 1: add to dx */
    void *dx;                           /* [N,C,S] or NULL */
    void *row_b;                        /* [N,C] or NULL: the row's sum of dx, for db */
    void *row_s;                        /* [N,C] or NULL: the row's sum of dx * noise, for the strength */
};
#endif
