/* conv.h -- arguments of the GPU's convolution kernels (conv.cu), filled by plan_conv.c. */
#ifndef KC_CONV_H
#define KC_CONV_H
#include <stdint.h>

/* How factors are multiplied; sums are f32 always. */
enum kc_type {
    KC_F32,                             /* f32, on the ordinary units */
    KC_TF32,                            /* rounded to 10 bits of mantissa */
    KC_BF16,
    KC_F16
};
/* Tiles are rows of 64 bytes: the channels (for dw: pixels) of one step, 16 of 32 bits or 32 of 16 bits. */
enum { KC_ROW = 64, KC_UNITS = 4, KC_STAGES = 3, KC_CONV_THREADS = 256, KC_TILE_COLS = 16 };
static inline int kc_row_numbers(int type) { return type == KC_F32 || type == KC_TF32 ? 16 : 32; }

/* The weights as tiles: out[group][tap][chunk][row of rows][numbers of a row], zeros where there is no weight. */
struct kc_pack {
    int64_t n;                          /* 16-byte units of out: one thread each */
    const void *w;                      /* w[group * step_group + row * step_row + channel * step_channel + tap] */
    void *out;
    int64_t step_group, step_row, step_channel;
    int taps, chunks, rows;             /* rows is a multiple of the kernel's tile */
    int real_rows, channels;            /* per group: what is there */
};

/* What is done to a finished sum v of output channel o:  v = v d[n,o] + strength noise + b[o], then activation and clamp. */
struct kc_epilogue {
    const void *d, *b, *noise, *strength;   /* [N,O], [O], [.,OH,OW], [1]; NULL: left out */
    int64_t noise_step;                 /* numbers from one sample's noise to the next; 0: shared */
    float slope, gain, limit;
};

/* Output pixel (i, j) of a phase reads x at rows i * step + first + a', a' < taps.
 * Forward convolution: one phase.  Gradient to the input: phases of outputs that meet the same taps, stride^2 of them. */
struct kc_conv {
    const void *x;                      /* [N,C,H,W] */
    const void *s;                      /* [N,C]: scale of x, or NULL */
    const void *w;                      /* from kc_pack */
    void *out;                          /* [N,O,OH,OW], or splits of it */
    struct kc_epilogue end;
    int N, groups, C, O;                /* channels per group */
    int H, W, OH, OW;
    int kh, kw, stride, pad;
    int backward;                       /* 1: x is dy of a convolution with these sizes, out its dx */
    int chunks, rows;                   /* of the packed weights */
    int window;                         /* 1: a step's pixels with their margin are loaded once for all taps */
    int window_rows;                    /* most rows (pixels) of the loaded tile */
    int tiles, tiles_across;            /* of a phase, at most */
    int splits;                         /* parts of the sum over channels, each with its own copy of out */
    int64_t out_size;
};

/* out = epilogue(sum of splits copies) */
struct kc_finish {
    int64_t n;                          /* elements of out */
    const void *parts;                  /* [splits,n] */
    void *out;
    int splits;
    struct kc_epilogue end;
    int64_t O, S;                       /* all output channels, pixels of one */
};

/* dw[o,c,tap] = sum over samples and pixels of dy[n,o,.] x[n,c,. shifted by the tap] */
struct kc_conv_dw {
    const void *x, *dy;
    void *out;                          /* dw, or splits of it */
    int N, groups, C, O, H, W, OH, OW, kh, kw, stride, pad;
    int64_t step_group, step_row, step_channel;     /* of dw, as in kc_pack */
    int tiles_o, tiles_c;
    int splits;
    int64_t out_size;
};
#endif
