/* rasterize.c -- triangle index, barycentric coordinates and depth per pixel; the rule
 * (pytorch3d's, exactly) and the coordinate frame are described in kernels/rasterize_at.h. */
#include "../internal.h"
#include "../cuda/cuda.h"
#include "../../kernels/rasterize.h"

enum { SIZE };

static mn_status rasterize_shape(mn_op *op) {
    mn_tensor *pos = op->in[0], *faces = op->in[1];
    const double size = op->attr[SIZE];
    if (pos->nd != 3 || pos->shape[2] != 3 || !mn_is_real(pos->dtype))
        return mn_op_fail(op, MN_ESHAPE, "pos: expected [N,V,3] of f32 or f64, got %s %s", mn_dtype_name(pos->dtype), mn_shape_text(pos));
    if (faces->nd != 2 || faces->shape[1] != 3 || faces->dtype != MN_I32)
        return mn_op_fail(op, MN_ESHAPE, "faces: expected [F,3] of i32, got %s %s", mn_dtype_name(faces->dtype), mn_shape_text(faces));
    if (!(size >= 1 && size <= 16384 && size == (int64_t)size)) return mn_op_fail(op, MN_EARG, "size must be a whole number from 1 to 16384, got %g", size);
    const int64_t n = pos->shape[0], s = (int64_t)size;
    mn_status st = mn_out(op, 0, MN_I32, 3, (int64_t[]){n, s, s});
    if (!st) st = mn_out(op, 1, pos->dtype, 4, (int64_t[]){n, s, s, 3});
    return st ? st : mn_out(op, 2, pos->dtype, 3, (int64_t[]){n, s, s});
}

/* Faces by scanline, so that a scanline need not try them all.  A GPU does without: there, trying costs less than sorting. */
static mn_status bins(mn_op *op, struct k_rasterize_fwd *p) {
    if (op->device != MN_CPU || op->in[0]->shape[0] == 0) return MN_OK;
    const int64_t n = op->in[0]->shape[0];
    mn_tensor *start = mn_empty(MN_I32, 2, (int64_t[]){n, p->size + 1});
    if (!start) return mn_errcode();
    struct k_rasterize_bin b = {.n = n, .pos = p->pos, .faces = p->faces, .start = start->data, .v = p->v, .f = p->f, .size = p->size};
    mn_status s = MN_LAUNCH(op, rasterize_bin, &b);
    if (s) return s;
    if (p->f > INT32_MAX / p->size) return MN_OK;           /* places in a list are i32: try all faces instead */
    for (int64_t i = 0; i < n; i++)
        if (b.start[i * (p->size + 1) + p->size] > b.capacity) b.capacity = b.start[i * (p->size + 1) + p->size];
    mn_tensor *list = mn_empty(MN_I32, 2, (int64_t[]){n, b.capacity});
    if (!list) return mn_errcode();
    b.list = list->data;
    p->start = b.start;
    p->list = b.list;
    p->capacity = b.capacity;
    return MN_LAUNCH(op, rasterize_bin, &b);
}

static mn_status rasterize_forward(mn_op *op) {
    mn_tensor *pos = op->in[0], *faces = op->in[1];
    const int64_t size = (int64_t)op->attr[SIZE];
    struct k_rasterize_fwd p = {.n = pos->shape[0] * size, .pos = pos->data, .faces = faces->data, .index = op->out[0]->data,
                                .w = op->out[1]->data, .depth = op->out[2]->data, .v = pos->shape[1], .f = faces->shape[0], .size = size};
    if (op->recording) mn_keep_aux(op, 0, op->out[0]);
    mn_status s = bins(op, &p);
    return s ? s : MN_LAUNCH(op, rasterize_fwd, &p);
}

static mn_status rasterize_backward(mn_op *op) {
    mn_tensor *pos = op->in[0], *faces = op->in[1], *dw = mn_dout(op, 1), *ddepth = mn_dout(op, 2), *dpos = mn_din(op, 0);
    if (!dpos) return mn_errcode();
    const int64_t size = (int64_t)op->attr[SIZE], chunk = op->device == MN_CPU || mn_cuda_deterministic() ? size * size : 4096, chunks = (size * size + chunk - 1) / chunk;
    struct k_rasterize_bwd p = {.n = pos->shape[0] * chunks, .pos = pos->data, .faces = faces->data, .index = op->aux[0]->data,
                                .dw = dw ? dw->data : NULL, .ddepth = ddepth ? ddepth->data : NULL, .dpos = dpos->data,
                                .v = pos->shape[1], .f = faces->shape[0], .size = size, .chunk = chunk, .chunks = chunks};
    return MN_LAUNCH(op, rasterize_bwd, &p);
}

const mn_opdef mn_op_rasterize = {
    .name = "rasterize", .in = "pos faces", .nout = 3, .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1), .scatters = true,
    .doc = "rasterize(pos [N,V,3], faces [F,3], {size}): face index [N,S,S] (-1: none), barycentrics [N,S,S,3], depth [N,S,S] (-1: none); x left, y up, nearest wins",
    .attrs = {{"size", 256, "pixels per side"}},
    .shape = rasterize_shape, .forward = rasterize_forward, .backward = rasterize_backward};
