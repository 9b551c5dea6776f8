/* lbs.c -- linear blend skinning as FLAME publishes it (Li et al. 2017).
 *   rotation   theta = |r + 1e-8|, K = skew(r / theta),  R = I + sin(theta) K + (1 - cos(theta)) K K
 *   chain      G_0 = [R_0 | J_0],  G_i = G_parent [R_i | J_i - J_parent]
 *   bones      A_i = G_i with translation t_i - G_i.R J_i
 *   vertices   out = (sum_i weights[v,i] A_i) [v; 1]
 * Backward follows theta too, so that r = 0 has its finite derivative. */
#include "k.h"
#include "lbs.h"

K_FN real angle_of(const real *r) {
    const real e = (real)1e-8;
    return k_sqrt((r[0] + e) * (r[0] + e) + (r[1] + e) * (r[1] + e) + (r[2] + e) * (r[2] + e));
}
K_FN void skew(const real *a, real m[9]) {
    m[0] = m[4] = m[8] = 0;
    m[1] = -a[2]; m[2] = a[1];
    m[3] = a[2]; m[5] = -a[0];
    m[6] = -a[1]; m[7] = a[0];
}
K_FN real product(const real *a, const real *b, int r, int c) { return a[3 * r] * b[c] + a[3 * r + 1] * b[3 + c] + a[3 * r + 2] * b[6 + c]; }

KERNEL(rodrigues_fwd) {
    const real *r = (const real *)p->r + 3 * i, t = angle_of(r), axis[3] = {r[0] / t, r[1] / t, r[2] / t};
    real k[9], *out = (real *)p->out + 9 * i;
    skew(axis, k);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) out[3 * a + b] = (a == b) + k_sin(t) * k[3 * a + b] + (1 - k_cos(t)) * product(k, k, a, b);
}

KERNEL(rodrigues_bwd) {
    const real *r = (const real *)p->r + 3 * i, *g = (const real *)p->dout + 9 * i, t = angle_of(r), axis[3] = {r[0] / t, r[1] / t, r[2] / t};
    const real s = k_sin(t), c = k_cos(t);
    real k[9], dk[9], dt = 0, *dr = (real *)p->dr + 3 * i;
    skew(axis, k);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            dt += g[3 * a + b] * (c * k[3 * a + b] + s * product(k, k, a, b));
            real v = 0;                 /* d (K K) : g K' + K' g */
            for (int m = 0; m < 3; m++) v += g[3 * a + m] * k[3 * b + m] + k[3 * m + a] * g[3 * m + b];
            dk[3 * a + b] = s * g[3 * a + b] + (1 - c) * v;
        }
    const real da[3] = {dk[7] - dk[5], dk[2] - dk[6], dk[3] - dk[1]};
    for (int a = 0; a < 3; a++) dt -= da[a] * axis[a] / t;
    for (int a = 0; a < 3; a++) dr[a] += da[a] / t + dt * (r[a] + (real)1e-8) / t;
}

/* One thread walks a picture's handful of joints. */
KERNEL(bones_fwd) {
    for (int64_t j = 0; j < p->j; j++) {
        const int64_t at = i * p->j + j, up = p->parents[j];
        const real *joint = (const real *)p->joints + 3 * at, *rot = (const real *)p->rot + 9 * at;
        real *g = (real *)p->chain + 12 * at, *a = (real *)p->bones + 12 * at;
        if (up < 0 || up >= j) {
            for (int r = 0; r < 3; r++) {
                for (int c = 0; c < 3; c++) g[4 * r + c] = rot[3 * r + c];
                g[4 * r + 3] = joint[r];
            }
        } else {
            const real *f = (const real *)p->chain + 12 * (i * p->j + up), *base = (const real *)p->joints + 3 * (i * p->j + up);
            for (int r = 0; r < 3; r++) {
                for (int c = 0; c < 3; c++) g[4 * r + c] = f[4 * r] * rot[c] + f[4 * r + 1] * rot[3 + c] + f[4 * r + 2] * rot[6 + c];
                g[4 * r + 3] = f[4 * r + 3];
                for (int c = 0; c < 3; c++) g[4 * r + 3] += f[4 * r + c] * (joint[c] - base[c]);
            }
        }
        for (int r = 0; r < 3; r++) {
            for (int c = 0; c < 4; c++) a[4 * r + c] = g[4 * r + c];
            for (int c = 0; c < 3; c++) a[4 * r + 3] -= g[4 * r + c] * joint[c];
            ((real *)p->posed)[3 * at + r] = g[4 * r + 3];
        }
    }
}

/* First dbones turns into the gradient of the frames G, then each joint hands its share to its parent, last joint first. */
KERNEL(bones_bwd) {
    real *drot = (real *)p->drot, *djoints = (real *)p->djoints;
    for (int64_t at = i * p->j; at < (i + 1) * p->j; at++) {
        const real *joint = (const real *)p->joints + 3 * at, *g = (const real *)p->chain + 12 * at;
        real *d = (real *)p->dbones + 12 * at;
        for (int r = 0; r < 3; r++) {
            for (int c = 0; c < 3; c++) {
                if (djoints) djoints[3 * at + c] -= g[4 * r + c] * d[4 * r + 3];
                d[4 * r + c] -= d[4 * r + 3] * joint[c];
            }
            if (p->dposed) d[4 * r + 3] += ((const real *)p->dposed)[3 * at + r];
        }
    }
    for (int64_t j = p->j - 1; j >= 0; j--) {
        const int64_t at = i * p->j + j, up = p->parents[j], from = i * p->j + up;
        const real *d = (const real *)p->dbones + 12 * at;
        if (up < 0 || up >= j) {
            for (int r = 0; r < 3; r++) {
                if (drot) for (int c = 0; c < 3; c++) drot[9 * at + 3 * r + c] += d[4 * r + c];
                if (djoints) djoints[3 * at + r] += d[4 * r + 3];
            }
            continue;
        }
        const real *joint = (const real *)p->joints + 3 * at, *base = (const real *)p->joints + 3 * from;
        const real *rot = (const real *)p->rot + 9 * at, *f = (const real *)p->chain + 12 * from;
        real *df = (real *)p->dbones + 12 * from;
        for (int r = 0; r < 3; r++)
            for (int c = 0; c < 3; c++) {
                real v = d[4 * r + 3] * (joint[c] - base[c]);
                for (int m = 0; m < 3; m++) v += d[4 * r + m] * rot[3 * c + m];
                df[4 * r + c] += v;
                if (drot) drot[9 * at + 3 * r + c] += f[r] * d[c] + f[4 + r] * d[4 + c] + f[8 + r] * d[8 + c];
            }
        for (int r = 0; r < 3; r++) {
            df[4 * r + 3] += d[4 * r + 3];
            const real back = f[r] * d[3] + f[4 + r] * d[7] + f[8 + r] * d[11];
            if (djoints) {
                djoints[3 * at + r] += back;
                djoints[3 * from + r] -= back;
            }
        }
    }
}

/* The blend of the bones at one vertex. */
K_FN void blend(const real *weights, const real *bones, int64_t j, real m[12]) {
    for (int e = 0; e < 12; e++) m[e] = 0;
    for (int64_t k = 0; k < j; k++) {
        if (weights[k] == 0) continue;
        for (int e = 0; e < 12; e++) m[e] += weights[k] * bones[12 * k + e];
    }
}

KERNEL(skin_fwd) {
    const real *v = (const real *)p->v + 3 * i;
    real m[12];
    blend((const real *)p->weights + i % p->verts * p->j, (const real *)p->bones + i / p->verts * p->j * 12, p->j, m);
    for (int r = 0; r < 3; r++) ((real *)p->out)[3 * i + r] = m[4 * r] * v[0] + m[4 * r + 1] * v[1] + m[4 * r + 2] * v[2] + m[4 * r + 3];
}

KERNEL(skin_bwd_v) {
    const real *g = (const real *)p->dout + 3 * i;
    real m[12];
    blend((const real *)p->weights + i % p->verts * p->j, (const real *)p->bones + i / p->verts * p->j * 12, p->j, m);
    for (int c = 0; c < 3; c++) ((real *)p->dv)[3 * i + c] += m[c] * g[0] + m[4 + c] * g[1] + m[8 + c] * g[2];
}

KERNEL_ROWS_HEAVY(skin_bwd_bones) {
    const int64_t b = i / p->j, j = i % p->j;
    const real *v = (const real *)p->v + b * p->verts * 3, *g = (const real *)p->dout + b * p->verts * 3, *w = (const real *)p->weights + j;
    k_acc s[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    K_LOOP(k, p->verts) {
        const real a = w[k * p->j];
        if (a == 0) continue;
        for (int r = 0; r < 3; r++) {
            for (int c = 0; c < 3; c++) s[4 * r + c] += a * g[3 * k + r] * v[3 * k + c];
            s[4 * r + 3] += a * g[3 * k + r];
        }
    }
    for (int e = 0; e < 12; e++) {
        const k_acc sum = K_SUM(s[e]);
        if (K_FIRST) ((real *)p->dbones)[12 * i + e] = (real)sum;
    }
}
