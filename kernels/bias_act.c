/* bias_act.c -- what follows a StyleGAN2 convolution, in one pass over the picture: noise, bias, activation, gain, clamp. */
#include "k.h"
#include "bias_act.h"
#include "simd.h"

KERNEL_SPREAD(bias_act_fwd, S) {
    const int64_t c = i % p->C;
    const real b = p->b ? ((const real *)p->b)[c] : 0;
    const real up = (real)p->gain, low = (real)(p->gain * p->slope), limit = (real)p->limit;
    const real *x = (const real *)p->x + i * p->S;
    real *out = (real *)p->out + i * p->S;
    if (p->noise) {
        const real *noise = (const real *)p->noise + i / p->C * p->noise_step;
        const real strength = *(const real *)p->strength;
        K_LOOP(s, p->S) {
            const real v = x[s] + strength * noise[s] + b, y = v * (v > 0 ? up : low);
            out[s] = y > limit ? limit : y < -limit ? -limit : y;
        }
    } else {
        K_LOOP(s, p->S) {
            const real v = x[s] + b, y = v * (v > 0 ? up : low);
            out[s] = y > limit ? limit : y < -limit ? -limit : y;
        }
    }
}

/* Written without branches so that the loops below become vector code. */
K_FN real slope_at(real y, real up, real low, real limit) {
    const real slope = y > 0 ? up : low;
    return k_abs(y) < limit ? slope : 0;
}

KERNEL_ROWS(bias_act_bwd) {
    const real up = (real)p->gain, low = (real)(p->gain * p->slope), limit = (real)p->limit;
    const real *y = (const real *)p->y + i * p->S, *dy = (const real *)p->dy + i * p->S;
    if (p->dx) {
        real *dx = (real *)p->dx + i * p->S;
        if (p->add) { K_LOOP(s, p->S) dx[s] += dy[s] * slope_at(y[s], up, low, limit); }
        else { K_LOOP(s, p->S) dx[s] = dy[s] * slope_at(y[s], up, low, limit); }
    }
    if (p->row_b) {
        k_acc sum = 0;
        K_SIMD_SUM(sum)
        K_LOOP(s, p->S) sum += dy[s] * slope_at(y[s], up, low, limit);
        sum = K_SUM(sum);
        if (K_FIRST) ((real *)p->row_b)[i] = (real)sum;
    }
    if (p->row_s) {
        const real *noise = (const real *)p->noise + i / p->C * p->noise_step;
        k_acc sum = 0;
        K_SIMD_SUM(sum)
        K_LOOP(s, p->S) sum += dy[s] * slope_at(y[s], up, low, limit) * noise[s];
        sum = K_SUM(sum);
        if (K_FIRST) ((real *)p->row_s)[i] = (real)sum;
    }
}
