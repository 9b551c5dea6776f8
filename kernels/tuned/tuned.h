/* tuned.h -- fast f32 versions for the CPU of kernels that exist in plain form too.
 * Each takes the plain kernel's argument struct and returns 0, or 1 when it failed (out of memory, or the library refused).
 * Tests compare each with its plain twin: tests/c/test_ops.c through f64, tests/c/test_{matmul,conv,...}.c directly. */
#ifndef K_TUNED_H
#define K_TUNED_H
#include "../attention.h"
#include "../conv.h"
#include "../matmul.h"
#include "../render_rays.h"
#include "../upfirdn.h"

int kt_matmul(const struct k_matmul *p);
int kt_conv_fwd(const struct k_conv *p);
int kt_conv_bwd_x(const struct k_conv *p);
int kt_conv_bwd_w(const struct k_conv *p);
int kt_upfirdn_fits(const struct k_upfirdn *p);     /* 0: the plain kernel has to do it */
int kt_upfirdn(const struct k_upfirdn *p);
int kt_attention_fwd(const struct k_attention *p);
int kt_attention_bwd(const struct k_attention *p);
/* Their plain form is a chain of ops (engine/ops/render_rays.c). */
int kt_render_rays_fwd(const struct k_render_rays *p);
int kt_render_rays_bwd(const struct k_render_rays *p);

#endif
