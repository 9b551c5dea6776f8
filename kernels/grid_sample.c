/* grid_sample.c -- bilinear lookup of a channels-last picture at given points, zero
 * outside (torch's grid_sample, align_corners false).
 *     out[n,i,j,:] = sum of the four texels around grid[n,i,j], bilinear.h's weights
 * Backward to x scatters.  A row owns a block of channels, so rows never meet and
 * each texel adds its points in their order, whatever the number of threads. */
#include "k.h"
#include "bilinear.h"
#include "grid_sample.h"

KERNEL_ROWS(grid_sample_fwd) {
    const int64_t c = p->c, b = p->shared ? 0 : i / p->ho;
    const real *x = (const real *)p->x + b * p->h * p->w * c, *grid = (const real *)p->grid + i * p->wo * 2;
    K_LOOP(j, p->wo) {
        const struct k_corners k = k_corners_at(grid[2 * j], grid[2 * j + 1], p->h, p->w, c);
        const real w00 = k.y0 * k.x0, w01 = k.y0 * k.x1, w10 = k.y1 * k.x0, w11 = k.y1 * k.x1;
        const real *__restrict__ x00 = x + k.o00, *__restrict__ x01 = x + k.o01, *__restrict__ x10 = x + k.o10, *__restrict__ x11 = x + k.o11;
        real *__restrict__ out = (real *)p->out + (i * p->wo + j) * c;
        #pragma omp simd
        for (int64_t q = 0; q < c; q++) out[q] = w00 * x00[q] + w01 * x01[q] + w10 * x10[q] + w11 * x11[q];
    }
}

KERNEL_SCATTER(grid_sample_bwd_x) {
    const int64_t c = p->c, b = i / (p->blocks * p->chunks), q = i / p->chunks % p->blocks * p->block;
    const int64_t first = i % p->chunks * p->chunk, left = p->points - first;
    const int64_t len = c - q < p->block ? c - q : p->block;
    const real *grid = (const real *)p->grid + (b * p->points + first) * 2;
    const real *dout = (const real *)p->dout + (b * p->points + first) * c + q;
    real *dx = (real *)p->dx + b * p->h * p->w * c + q;
    K_LOOP(j, left < p->chunk ? left : p->chunk) {
        const struct k_corners k = k_corners_at(grid[2 * j], grid[2 * j + 1], p->h, p->w, c);
        if (len == 16) k_spread_corners(&k, dx, 1, dout + j * c, 16);
        else k_spread_corners(&k, dx, 1, dout + j * c, len);
    }
}

KERNEL_ROWS(grid_sample_bwd_grid) {
    const int64_t c = p->c, b = p->shared ? 0 : i / p->ho;
    const real *x = (const real *)p->x + b * p->h * p->w * c, *grid = (const real *)p->grid + i * p->wo * 2;
    const real *dout = (const real *)p->dout + i * p->wo * c;
    real *dgrid = (real *)p->dgrid + i * p->wo * 2;
    K_LOOP(j, p->wo) {
        const struct k_corners k = k_corners_at(grid[2 * j], grid[2 * j + 1], p->h, p->w, c);
        real dix, diy;
        k_corners_slope(&k, x, dout + j * c, c, &dix, &diy);
        dgrid[2 * j] += dix * (real)p->w / 2;
        dgrid[2 * j + 1] += diy * (real)p->h / 2;
    }
}
