---@meta mien

-- Annotations for editors that speak LuaLS, made by `mien docs`; do not edit.

---@class mien
local mien = {}

---@class mien.tensor
---@operator add(mien.tensor|number): mien.tensor
---@operator sub(mien.tensor|number): mien.tensor
---@operator mul(mien.tensor|number): mien.tensor
---@operator div(mien.tensor|number): mien.tensor
---@operator unm: mien.tensor
local tensor = {}

---neg(x): -x
---@param x mien.tensor
---@return mien.tensor
function mien.neg(x) end

---exp(x): e^x
---@param x mien.tensor
---@return mien.tensor
function mien.exp(x) end

---log(x): natural logarithm
---@param x mien.tensor
---@return mien.tensor
function mien.log(x) end

---sqrt(x): square root
---@param x mien.tensor
---@return mien.tensor
function mien.sqrt(x) end

---rsqrt(x): 1 / sqrt(x)
---@param x mien.tensor
---@return mien.tensor
function mien.rsqrt(x) end

---recip(x): 1 / x
---@param x mien.tensor
---@return mien.tensor
function mien.recip(x) end

---square(x): x^2
---@param x mien.tensor
---@return mien.tensor
function mien.square(x) end

---abs(x): |x|
---@param x mien.tensor
---@return mien.tensor
function mien.abs(x) end

---nonzero(x): 1 where x is not 0, else 0; takes no gradient
---@param x mien.tensor
---@return mien.tensor
function mien.nonzero(x) end

---sin(x)
---@param x mien.tensor
---@return mien.tensor
function mien.sin(x) end

---cos(x)
---@param x mien.tensor
---@return mien.tensor
function mien.cos(x) end

---tanh(x): hyperbolic tangent
---@param x mien.tensor
---@return mien.tensor
function mien.tanh(x) end

---sigmoid(x): 1 / (1 + e^-x)
---@param x mien.tensor
---@return mien.tensor
function mien.sigmoid(x) end

---softplus(x): log(1 + e^x), linear above 20
---@param x mien.tensor
---@return mien.tensor
function mien.softplus(x) end

---relu(x): max(x, 0)
---@param x mien.tensor
---@return mien.tensor
function mien.relu(x) end

---lrelu(x, {slope, gain}): gain * (x > 0 and x or slope*x); slope and gain > 0
---@param x mien.tensor
---@param options? {slope?: number, gain?: number}
---@return mien.tensor
function mien.lrelu(x, options) end

---quick_gelu(x): x * sigmoid(1.702 x), CLIP's activation
---@param x mien.tensor
---@return mien.tensor
function mien.quick_gelu(x) end

---affine(x, {scale, shift}): scale * x + shift
---@param x mien.tensor
---@param options? {scale?: number, shift?: number}
---@return mien.tensor
function mien.affine(x, options) end

---clamp(x, {lo, hi}): limited to [lo, hi]; the gradient is 0 outside
---@param x mien.tensor
---@param options? {lo?: number, hi?: number}
---@return mien.tensor
function mien.clamp(x, options) end

---add(a, b): a + b with broadcasting
---@param a mien.tensor
---@param b mien.tensor
---@return mien.tensor
function mien.add(a, b) end

---sub(a, b): a - b with broadcasting
---@param a mien.tensor
---@param b mien.tensor
---@return mien.tensor
function mien.sub(a, b) end

---mul(a, b): a * b with broadcasting
---@param a mien.tensor
---@param b mien.tensor
---@return mien.tensor
function mien.mul(a, b) end

---div(a, b): a / b with broadcasting
---@param a mien.tensor
---@param b mien.tensor
---@return mien.tensor
function mien.div(a, b) end

---maximum(a, b): the larger of both; ties go to b
---@param a mien.tensor
---@param b mien.tensor
---@return mien.tensor
function mien.maximum(a, b) end

---minimum(a, b): the smaller of both; ties go to b
---@param a mien.tensor
---@param b mien.tensor
---@return mien.tensor
function mien.minimum(a, b) end

---sum(x, {axis, last, keep}): sum over the axes axis..last
---@param x mien.tensor
---@param options? {axis?: number, last?: number, keep?: number}
---@return mien.tensor
function mien.sum(x, options) end

---mean(x, {axis, last, keep}): mean over the axes axis..last
---@param x mien.tensor
---@param options? {axis?: number, last?: number, keep?: number}
---@return mien.tensor
function mien.mean(x, options) end

---softmax(x): e^x / sum e^x over the last axis
---@param x mien.tensor
---@return mien.tensor
function mien.softmax(x) end

---log_softmax(x): x - log sum e^x over the last axis
---@param x mien.tensor
---@return mien.tensor
function mien.log_softmax(x) end

---layer_norm(x, w, b, {eps}): (x - mean) / sqrt(var + eps) * w + b over the last axis
---@param x mien.tensor
---@param w? mien.tensor
---@param b? mien.tensor
---@param options? {eps?: number}
---@return mien.tensor
function mien.layer_norm(x, w, b, options) end

---reshape(x, {d0, d1, ...}): other sizes, same numbers in the same order; one may be -1
---@param x mien.tensor
---@param options? {d0?: number, d1?: number, d2?: number, d3?: number, d4?: number, d5?: number}
---@return mien.tensor
function mien.reshape(x, options) end

---permute(x, {d0, d1, ...}): axis d_k of x becomes axis k
---@param x mien.tensor
---@param options? {d0?: number, d1?: number, d2?: number, d3?: number, d4?: number, d5?: number}
---@return mien.tensor
function mien.permute(x, options) end

---slice(x, {axis, start, stop}): elements start..stop-1 of one axis, counted from 0, negative from the end; x:slice(axis, first, last): from 1, both ends included
---@param x mien.tensor
---@param options? {axis?: number, start?: number, stop?: number}
---@return mien.tensor
function mien.slice(x, options) end

---concat(x, y, ..., {axis}): tensors one after the other along one axis
---@param ... mien.tensor
---@return mien.tensor
function mien.concat(...) end

---expand(x, {d0, d1, ...}): axes of size 1 repeated to these sizes
---@param x mien.tensor
---@param options? {d0?: number, d1?: number, d2?: number, d3?: number, d4?: number, d5?: number}
---@return mien.tensor
function mien.expand(x, options) end

---gather(x, index): rows x[index[i]] (from 0) of the first axis
---@param x mien.tensor
---@param index mien.tensor
---@return mien.tensor
function mien.gather(x, index) end

---pick(x [N,C], index [N]): x[i, index[i]] (from 0)
---@param x mien.tensor
---@param index mien.tensor
---@return mien.tensor
function mien.pick(x, index) end

---matmul(a, b, {ta, tb}): product over the last two axes, [...,M,K] x [...,K,N]; ta, tb = 1 take a side as transposed; equal batches, or one matrix for the other's batch
---@param a mien.tensor
---@param b mien.tensor
---@param options? {ta?: number, tb?: number}
---@return mien.tensor
function mien.matmul(a, b, options) end

---linear(x, w, b?): x w^T + b over the last axis; x [...,I], w [O,I], b [O]
---@param x mien.tensor
---@param w mien.tensor
---@param b? mien.tensor
---@return mien.tensor
function mien.linear(x, w, b) end

---conv2d(x, w, b?, {stride, pad, groups}): correlation; x [N,C,H,W], w [O,C/groups,kh,kw], b [O], y [N,O,(H+2pad-kh)/stride+1,...]
---@param x mien.tensor
---@param w mien.tensor
---@param b? mien.tensor
---@param options? {stride?: number, pad?: number, groups?: number}
---@return mien.tensor
function mien.conv2d(x, w, b, options) end

---conv_transpose2d(x, w, b?, {stride, pad}): every x adds its copy of the kernel to y; x [N,C,H,W], w [C,O,kh,kw], b [O], y [N,O,(H-1)stride-2pad+kh,...]
---@param x mien.tensor
---@param w mien.tensor
---@param b? mien.tensor
---@param options? {stride?: number, pad?: number}
---@return mien.tensor
function mien.conv_transpose2d(x, w, b, options) end

---grid_sample(x [N,C,H,W], grid [N,Ho,Wo,2]): [N,C,Ho,Wo], x at points (column, row) in [-1,1], bilinear, zero outside; x of N = 1 serves every grid
---@param x mien.tensor
---@param grid mien.tensor
---@return mien.tensor
function mien.grid_sample(x, grid) end

---triplane_sample(planes [N,3,C,H,W], points [N,M,3], axes? [3,3,3], {box_warp, channels_last}): [N,M,C], mean of three bilinear lookups, zero outside
---@param planes mien.tensor
---@param points mien.tensor
---@param axes? mien.tensor
---@param options? {box_warp?: number, channels_last?: number}
---@return mien.tensor
function mien.triplane_sample(planes, points, axes, options) end

---rasterize(pos [N,V,3], faces [F,3], {size}): face index [N,S,S] (-1: none), barycentrics [N,S,S,3], depth [N,S,S] (-1: none); x left, y up, nearest wins
---@param pos mien.tensor
---@param faces mien.tensor
---@param options? {size?: number}
---@return mien.tensor, mien.tensor, mien.tensor
function mien.rasterize(pos, faces, options) end

---interpolate(w [N,H,W,3], index [N,H,W], attr, faces? [F,3]): [N,H,W,D]; attr is [F,3,D], or [V,D] or [N,V,D] with faces; 0 where index is -1
---@param w mien.tensor
---@param index mien.tensor
---@param attr mien.tensor
---@param faces? mien.tensor
---@return mien.tensor
function mien.interpolate(w, index, attr, faces) end

---rays(cam [N,25], {res}): origins [N,res*res,3] and unit directions, row by row; cam is camera-to-world 4x4 and intrinsics 3x3
---@param cam mien.tensor
---@param options? {res?: number}
---@return mien.tensor, mien.tensor
function mien.rays(cam, options) end

---depths_coarse(origins [N,R,3], u? [N,R,steps], {near, far, steps}): [N,R,steps], evenly spaced from near to far plus u (0.5 if absent) of one step
---@param origins mien.tensor
---@param u? mien.tensor
---@param options? {near?: number, far?: number, steps?: number}
---@return mien.tensor
function mien.depths_coarse(origins, u, options) end

---depths_importance(weights [N,R,D-1], depths [N,R,D], u? [N,R,K], {steps}): [N,R,K] depths drawn where weights are large; u absent: K = steps even draws
---@param weights mien.tensor
---@param depths mien.tensor
---@param u? mien.tensor
---@param options? {steps?: number}
---@return mien.tensor
function mien.depths_importance(weights, depths, u, options) end

---depths_merge(a [N,R,Da], b [N,R,Db]): all depths ascending [N,R,Da+Db], and the place each had in (a, b) for merge_samples
---@param a mien.tensor
---@param b mien.tensor
---@return mien.tensor, mien.tensor
function mien.depths_merge(a, b) end

---merge_samples(a [N,R,Da,C], b [N,R,Db,C], order [N,R,Da+Db]): what was computed at two sets of depths, in depths_merge's order
---@param a mien.tensor
---@param b mien.tensor
---@param order mien.tensor
---@return mien.tensor
function mien.merge_samples(a, b, order) end

---raymarch(rgb [N,R,D,C], sigma [N,R,D,1], depths [N,R,D]): colour 2*sum(w*rgb)-1 [N,R,C], depth [N,R,1], weights w [N,R,D-1]
---@param rgb mien.tensor
---@param sigma mien.tensor
---@param depths mien.tensor
---@return mien.tensor, mien.tensor, mien.tensor
function mien.raymarch(rgb, sigma, depths) end

---upfirdn2d(x, f?, {up, down, padx0, padx1, pady0, pady1, gain}): insert zeros, pad, correlate with f along rows and columns, keep every down-th; f [taps], default [1,3,3,1]/8, takes no gradient
---@param x mien.tensor
---@param f? mien.tensor
---@param options? {up?: number, down?: number, padx0?: number, padx1?: number, pady0?: number, pady1?: number, gain?: number}
---@return mien.tensor
function mien.upfirdn2d(x, f, options) end

---bias_act(x, b?, noise?, strength?, {act, slope, gain, clamp}): gain * act(x + strength*noise + b) limited to +-clamp; x [N,C,...], b [C], noise [1 or N,1,...], strength [1]
---@param x mien.tensor
---@param b? mien.tensor
---@param noise? mien.tensor
---@param strength? mien.tensor
---@param options? {act?: number, slope?: number, gain?: number, clamp?: number}
---@return mien.tensor
function mien.bias_act(x, b, noise, strength, options) end

---render_rays(planes [N,3,C,H,W], origins [N,R,3], dirs [N,R,3], depths [N,R,D], w0, b0, w1, b1, axes?, deformation?, {box_warp, channels_last}): colour [N,R,c], depth [N,R,1], weights [N,R,D-1] through the decoder C -> hidden -> 1+c; see triplane_sample and raymarch.  deformation [N,G,G,G,3] (z, y, x), taken off from every point before it is looked up: trilinear, its nodes in the centres of G x G x G cells of the cube
---@param planes mien.tensor
---@param origins mien.tensor
---@param dirs mien.tensor
---@param depths mien.tensor
---@param w0 mien.tensor
---@param b0 mien.tensor
---@param w1 mien.tensor
---@param b1 mien.tensor
---@param axes? mien.tensor
---@param deformation? mien.tensor
---@param options? {box_warp?: number, channels_last?: number}
---@return mien.tensor, mien.tensor, mien.tensor
function mien.render_rays(planes, origins, dirs, depths, w0, b0, w1, b1, axes, deformation, options) end

---resize(x [N,C,H,W], {h, w, mode, antialias}): [N,C,h,w], bilinear (mode 0) or bicubic (1); antialias widens the filter when shrinking
---@param x mien.tensor
---@param options? {h?: number, w?: number, mode?: number, antialias?: number}
---@return mien.tensor
function mien.resize(x, options) end

---crop2d(x [N,C,H,W], {y0, y1, x0, x1}): rows y0 to y1 - 1 and columns x0 to x1 - 1
---@param x mien.tensor
---@param options? {y0?: number, y1?: number, x0?: number, x1?: number}
---@return mien.tensor
function mien.crop2d(x, options) end

---paste2d(x [N,C,H,W], patch [N,C,h,w], {y0, x0}): x with patch in place of the box at row y0, column x0
---@param x mien.tensor
---@param patch mien.tensor
---@param options? {y0?: number, x0?: number}
---@return mien.tensor
function mien.paste2d(x, patch, options) end

---crop_resize(x [N,C,H,W], box [N,4] i32, {h, w}): [N,C,h,w], each picture's box (y0, y1, x0, x1, ends excluded) resized as resize does it
---@param x mien.tensor
---@param box mien.tensor
---@param options? {h?: number, w?: number}
---@return mien.tensor
function mien.crop_resize(x, box, options) end

---paste_resize(x [N,C,H,W], patch [N,C,h,w], box [N,4] i32): x with patch, resized as resize does it, in place of each picture's box (y0, y1, x0, x1, ends excluded)
---@param x mien.tensor
---@param patch mien.tensor
---@param box mien.tensor
---@return mien.tensor
function mien.paste_resize(x, patch, box) end

---mouth_box(lms [N,68,3], {res}): [N,4] i32, the square around the outer lips (points 48 to 59) in pixels of a picture of res, kept inside it; lms are (-column, -row, depth), the picture from -1 to 1
---@param lms mien.tensor
---@param options? {res?: number}
---@return mien.tensor
function mien.mouth_box(lms, options) end

---flood_fill(alpha [N,1,H,W]): alpha where a flood from the top left corner arrives through alpha*255 <= 254, else 1
---@param alpha mien.tensor
---@return mien.tensor
function mien.flood_fill(alpha) end

---rodrigues(r [...,3]): rotation matrices [...,3,3] of axis-angle vectors, theta = |r + 1e-8| as FLAME has it
---@param r mien.tensor
---@return mien.tensor
function mien.rodrigues(r) end

---lbs(v [N,V,3], joints [N,J,3], rot [N,J,3] or [N,J,3,3], weights [V,J], parents [J]): skinned v, and posed joints [N,J,3]; no gradient to weights
---@param v mien.tensor
---@param joints mien.tensor
---@param rot mien.tensor
---@param weights mien.tensor
---@param parents mien.tensor
---@return mien.tensor, mien.tensor
function mien.lbs(v, joints, rot, weights, parents) end

---gram_schmidt(x [N,D], {tol}): orthonormal rows [K,D] in x's order, row k along what x's row adds to the span, and the rows [K] of x that were used
---@param x mien.tensor
---@param options? {tol?: number}
---@return mien.tensor, mien.tensor
function mien.gram_schmidt(x, options) end

---modconv2d(x, w, s, {demodulate, up}): convolution with w * s, padded to keep the size, scaled to unit variance per output channel; up = 2 doubles the size (3x3 only); x [N,C,H,W], w [O,C,k,k], s [N,C]
---@param x mien.tensor
---@param w mien.tensor
---@param s mien.tensor
---@param options? {demodulate?: number, up?: number}
---@return mien.tensor
function mien.modconv2d(x, w, s, options) end

---channel_affine(x, scale, shift?): x * scale + shift per channel; x [N,C,...], scale [C], shift [C]
---@param x mien.tensor
---@param scale mien.tensor
---@param shift? mien.tensor
---@return mien.tensor
function mien.channel_affine(x, scale, shift) end

---prelu(x, slope): x where x > 0, slope * x elsewhere, one slope per channel; x [N,C,...], slope [C]
---@param x mien.tensor
---@param slope mien.tensor
---@return mien.tensor
function mien.prelu(x, slope) end

---max_pool2d(x, {k, stride, pad}): the largest of every k x k window; x [N,C,H,W]
---@param x mien.tensor
---@param options? {k?: number, stride?: number, pad?: number}
---@return mien.tensor
function mien.max_pool2d(x, options) end

---avg_pool2d(x, {k, stride, pad}): the mean of every k x k window, padding counted as zeros; x [N,C,H,W]
---@param x mien.tensor
---@param options? {k?: number, stride?: number, pad?: number}
---@return mien.tensor
function mien.avg_pool2d(x, options) end

---adaptive_avg_pool2d(x, {out}): means over out x out cells that cover the picture evenly; x [N,C,H,W]
---@param x mien.tensor
---@param options? {out?: number}
---@return mien.tensor
function mien.adaptive_avg_pool2d(x, options) end

---attention(q, k, v, {heads, causal}): softmax(q k^T / sqrt(W/heads)) v per head; q [B,L,W], k and v [B,M,W]; causal = 1: query l sees keys 0..l
---@param q mien.tensor
---@param k mien.tensor
---@param v mien.tensor
---@param options? {heads?: number, causal?: number}
---@return mien.tensor
function mien.attention(q, k, v, options) end

---project_target(picture [N,D], text [1,D] or [N,D], basis [K,D], {gamma, guard, divisor}): e_I - gamma sum |c_k| b_k + gamma (sum |c_k| / sum d_k) e_T, and sum d_k; constant in text and basis
---@param picture mien.tensor
---@param text mien.tensor
---@param basis mien.tensor
---@param options? {gamma?: number, guard?: number, divisor?: number}
---@return mien.tensor, mien.tensor
function mien.project_target(picture, text, basis, options) end

---neg(x): -x
---@return mien.tensor
function tensor:neg() end

---exp(x): e^x
---@return mien.tensor
function tensor:exp() end

---log(x): natural logarithm
---@return mien.tensor
function tensor:log() end

---sqrt(x): square root
---@return mien.tensor
function tensor:sqrt() end

---rsqrt(x): 1 / sqrt(x)
---@return mien.tensor
function tensor:rsqrt() end

---recip(x): 1 / x
---@return mien.tensor
function tensor:recip() end

---square(x): x^2
---@return mien.tensor
function tensor:square() end

---abs(x): |x|
---@return mien.tensor
function tensor:abs() end

---nonzero(x): 1 where x is not 0, else 0; takes no gradient
---@return mien.tensor
function tensor:nonzero() end

---sin(x)
---@return mien.tensor
function tensor:sin() end

---cos(x)
---@return mien.tensor
function tensor:cos() end

---tanh(x): hyperbolic tangent
---@return mien.tensor
function tensor:tanh() end

---sigmoid(x): 1 / (1 + e^-x)
---@return mien.tensor
function tensor:sigmoid() end

---softplus(x): log(1 + e^x), linear above 20
---@return mien.tensor
function tensor:softplus() end

---relu(x): max(x, 0)
---@return mien.tensor
function tensor:relu() end

---lrelu(x, {slope, gain}): gain * (x > 0 and x or slope*x); slope and gain > 0
---@param options? {slope?: number, gain?: number}
---@return mien.tensor
function tensor:lrelu(options) end

---quick_gelu(x): x * sigmoid(1.702 x), CLIP's activation
---@return mien.tensor
function tensor:quick_gelu() end

---affine(x, {scale, shift}): scale * x + shift
---@param options? {scale?: number, shift?: number}
---@return mien.tensor
function tensor:affine(options) end

---clamp(x, {lo, hi}): limited to [lo, hi]; the gradient is 0 outside
---@param options? {lo?: number, hi?: number}
---@return mien.tensor
function tensor:clamp(options) end

---add(a, b): a + b with broadcasting
---@param b mien.tensor
---@return mien.tensor
function tensor:add(b) end

---sub(a, b): a - b with broadcasting
---@param b mien.tensor
---@return mien.tensor
function tensor:sub(b) end

---mul(a, b): a * b with broadcasting
---@param b mien.tensor
---@return mien.tensor
function tensor:mul(b) end

---div(a, b): a / b with broadcasting
---@param b mien.tensor
---@return mien.tensor
function tensor:div(b) end

---maximum(a, b): the larger of both; ties go to b
---@param b mien.tensor
---@return mien.tensor
function tensor:maximum(b) end

---minimum(a, b): the smaller of both; ties go to b
---@param b mien.tensor
---@return mien.tensor
function tensor:minimum(b) end

---sum(x, {axis, last, keep}): sum over the axes axis..last
---@param options? {axis?: number, last?: number, keep?: number}
---@return mien.tensor
function tensor:sum(options) end

---mean(x, {axis, last, keep}): mean over the axes axis..last
---@param options? {axis?: number, last?: number, keep?: number}
---@return mien.tensor
function tensor:mean(options) end

---softmax(x): e^x / sum e^x over the last axis
---@return mien.tensor
function tensor:softmax() end

---log_softmax(x): x - log sum e^x over the last axis
---@return mien.tensor
function tensor:log_softmax() end

---layer_norm(x, w, b, {eps}): (x - mean) / sqrt(var + eps) * w + b over the last axis
---@param w? mien.tensor
---@param b? mien.tensor
---@param options? {eps?: number}
---@return mien.tensor
function tensor:layer_norm(w, b, options) end

---reshape(x, {d0, d1, ...}): other sizes, same numbers in the same order; one may be -1
---@param options? {d0?: number, d1?: number, d2?: number, d3?: number, d4?: number, d5?: number}
---@return mien.tensor
function tensor:reshape(options) end

---permute(x, {d0, d1, ...}): axis d_k of x becomes axis k
---@param options? {d0?: number, d1?: number, d2?: number, d3?: number, d4?: number, d5?: number}
---@return mien.tensor
function tensor:permute(options) end

---slice(x, {axis, start, stop}): elements start..stop-1 of one axis, counted from 0, negative from the end; x:slice(axis, first, last): from 1, both ends included
---@param options? {axis?: number, start?: number, stop?: number}
---@return mien.tensor
function tensor:slice(options) end

---expand(x, {d0, d1, ...}): axes of size 1 repeated to these sizes
---@param options? {d0?: number, d1?: number, d2?: number, d3?: number, d4?: number, d5?: number}
---@return mien.tensor
function tensor:expand(options) end

---gather(x, index): rows x[index[i]] (from 0) of the first axis
---@param index mien.tensor
---@return mien.tensor
function tensor:gather(index) end

---pick(x [N,C], index [N]): x[i, index[i]] (from 0)
---@param index mien.tensor
---@return mien.tensor
function tensor:pick(index) end

---matmul(a, b, {ta, tb}): product over the last two axes, [...,M,K] x [...,K,N]; ta, tb = 1 take a side as transposed; equal batches, or one matrix for the other's batch
---@param b mien.tensor
---@param options? {ta?: number, tb?: number}
---@return mien.tensor
function tensor:matmul(b, options) end

---linear(x, w, b?): x w^T + b over the last axis; x [...,I], w [O,I], b [O]
---@param w mien.tensor
---@param b? mien.tensor
---@return mien.tensor
function tensor:linear(w, b) end

---conv2d(x, w, b?, {stride, pad, groups}): correlation; x [N,C,H,W], w [O,C/groups,kh,kw], b [O], y [N,O,(H+2pad-kh)/stride+1,...]
---@param w mien.tensor
---@param b? mien.tensor
---@param options? {stride?: number, pad?: number, groups?: number}
---@return mien.tensor
function tensor:conv2d(w, b, options) end

---conv_transpose2d(x, w, b?, {stride, pad}): every x adds its copy of the kernel to y; x [N,C,H,W], w [C,O,kh,kw], b [O], y [N,O,(H-1)stride-2pad+kh,...]
---@param w mien.tensor
---@param b? mien.tensor
---@param options? {stride?: number, pad?: number}
---@return mien.tensor
function tensor:conv_transpose2d(w, b, options) end

---grid_sample(x [N,C,H,W], grid [N,Ho,Wo,2]): [N,C,Ho,Wo], x at points (column, row) in [-1,1], bilinear, zero outside; x of N = 1 serves every grid
---@param grid mien.tensor
---@return mien.tensor
function tensor:grid_sample(grid) end

---triplane_sample(planes [N,3,C,H,W], points [N,M,3], axes? [3,3,3], {box_warp, channels_last}): [N,M,C], mean of three bilinear lookups, zero outside
---@param points mien.tensor
---@param axes? mien.tensor
---@param options? {box_warp?: number, channels_last?: number}
---@return mien.tensor
function tensor:triplane_sample(points, axes, options) end

---rasterize(pos [N,V,3], faces [F,3], {size}): face index [N,S,S] (-1: none), barycentrics [N,S,S,3], depth [N,S,S] (-1: none); x left, y up, nearest wins
---@param faces mien.tensor
---@param options? {size?: number}
---@return mien.tensor, mien.tensor, mien.tensor
function tensor:rasterize(faces, options) end

---interpolate(w [N,H,W,3], index [N,H,W], attr, faces? [F,3]): [N,H,W,D]; attr is [F,3,D], or [V,D] or [N,V,D] with faces; 0 where index is -1
---@param index mien.tensor
---@param attr mien.tensor
---@param faces? mien.tensor
---@return mien.tensor
function tensor:interpolate(index, attr, faces) end

---rays(cam [N,25], {res}): origins [N,res*res,3] and unit directions, row by row; cam is camera-to-world 4x4 and intrinsics 3x3
---@param options? {res?: number}
---@return mien.tensor, mien.tensor
function tensor:rays(options) end

---depths_coarse(origins [N,R,3], u? [N,R,steps], {near, far, steps}): [N,R,steps], evenly spaced from near to far plus u (0.5 if absent) of one step
---@param u? mien.tensor
---@param options? {near?: number, far?: number, steps?: number}
---@return mien.tensor
function tensor:depths_coarse(u, options) end

---depths_importance(weights [N,R,D-1], depths [N,R,D], u? [N,R,K], {steps}): [N,R,K] depths drawn where weights are large; u absent: K = steps even draws
---@param depths mien.tensor
---@param u? mien.tensor
---@param options? {steps?: number}
---@return mien.tensor
function tensor:depths_importance(depths, u, options) end

---depths_merge(a [N,R,Da], b [N,R,Db]): all depths ascending [N,R,Da+Db], and the place each had in (a, b) for merge_samples
---@param b mien.tensor
---@return mien.tensor, mien.tensor
function tensor:depths_merge(b) end

---merge_samples(a [N,R,Da,C], b [N,R,Db,C], order [N,R,Da+Db]): what was computed at two sets of depths, in depths_merge's order
---@param b mien.tensor
---@param order mien.tensor
---@return mien.tensor
function tensor:merge_samples(b, order) end

---raymarch(rgb [N,R,D,C], sigma [N,R,D,1], depths [N,R,D]): colour 2*sum(w*rgb)-1 [N,R,C], depth [N,R,1], weights w [N,R,D-1]
---@param sigma mien.tensor
---@param depths mien.tensor
---@return mien.tensor, mien.tensor, mien.tensor
function tensor:raymarch(sigma, depths) end

---upfirdn2d(x, f?, {up, down, padx0, padx1, pady0, pady1, gain}): insert zeros, pad, correlate with f along rows and columns, keep every down-th; f [taps], default [1,3,3,1]/8, takes no gradient
---@param f? mien.tensor
---@param options? {up?: number, down?: number, padx0?: number, padx1?: number, pady0?: number, pady1?: number, gain?: number}
---@return mien.tensor
function tensor:upfirdn2d(f, options) end

---bias_act(x, b?, noise?, strength?, {act, slope, gain, clamp}): gain * act(x + strength*noise + b) limited to +-clamp; x [N,C,...], b [C], noise [1 or N,1,...], strength [1]
---@param b? mien.tensor
---@param noise? mien.tensor
---@param strength? mien.tensor
---@param options? {act?: number, slope?: number, gain?: number, clamp?: number}
---@return mien.tensor
function tensor:bias_act(b, noise, strength, options) end

---render_rays(planes [N,3,C,H,W], origins [N,R,3], dirs [N,R,3], depths [N,R,D], w0, b0, w1, b1, axes?, deformation?, {box_warp, channels_last}): colour [N,R,c], depth [N,R,1], weights [N,R,D-1] through the decoder C -> hidden -> 1+c; see triplane_sample and raymarch.  deformation [N,G,G,G,3] (z, y, x), taken off from every point before it is looked up: trilinear, its nodes in the centres of G x G x G cells of the cube
---@param origins mien.tensor
---@param dirs mien.tensor
---@param depths mien.tensor
---@param w0 mien.tensor
---@param b0 mien.tensor
---@param w1 mien.tensor
---@param b1 mien.tensor
---@param axes? mien.tensor
---@param deformation? mien.tensor
---@param options? {box_warp?: number, channels_last?: number}
---@return mien.tensor, mien.tensor, mien.tensor
function tensor:render_rays(origins, dirs, depths, w0, b0, w1, b1, axes, deformation, options) end

---resize(x [N,C,H,W], {h, w, mode, antialias}): [N,C,h,w], bilinear (mode 0) or bicubic (1); antialias widens the filter when shrinking
---@param options? {h?: number, w?: number, mode?: number, antialias?: number}
---@return mien.tensor
function tensor:resize(options) end

---crop2d(x [N,C,H,W], {y0, y1, x0, x1}): rows y0 to y1 - 1 and columns x0 to x1 - 1
---@param options? {y0?: number, y1?: number, x0?: number, x1?: number}
---@return mien.tensor
function tensor:crop2d(options) end

---paste2d(x [N,C,H,W], patch [N,C,h,w], {y0, x0}): x with patch in place of the box at row y0, column x0
---@param patch mien.tensor
---@param options? {y0?: number, x0?: number}
---@return mien.tensor
function tensor:paste2d(patch, options) end

---crop_resize(x [N,C,H,W], box [N,4] i32, {h, w}): [N,C,h,w], each picture's box (y0, y1, x0, x1, ends excluded) resized as resize does it
---@param box mien.tensor
---@param options? {h?: number, w?: number}
---@return mien.tensor
function tensor:crop_resize(box, options) end

---paste_resize(x [N,C,H,W], patch [N,C,h,w], box [N,4] i32): x with patch, resized as resize does it, in place of each picture's box (y0, y1, x0, x1, ends excluded)
---@param patch mien.tensor
---@param box mien.tensor
---@return mien.tensor
function tensor:paste_resize(patch, box) end

---mouth_box(lms [N,68,3], {res}): [N,4] i32, the square around the outer lips (points 48 to 59) in pixels of a picture of res, kept inside it; lms are (-column, -row, depth), the picture from -1 to 1
---@param options? {res?: number}
---@return mien.tensor
function tensor:mouth_box(options) end

---flood_fill(alpha [N,1,H,W]): alpha where a flood from the top left corner arrives through alpha*255 <= 254, else 1
---@return mien.tensor
function tensor:flood_fill() end

---rodrigues(r [...,3]): rotation matrices [...,3,3] of axis-angle vectors, theta = |r + 1e-8| as FLAME has it
---@return mien.tensor
function tensor:rodrigues() end

---lbs(v [N,V,3], joints [N,J,3], rot [N,J,3] or [N,J,3,3], weights [V,J], parents [J]): skinned v, and posed joints [N,J,3]; no gradient to weights
---@param joints mien.tensor
---@param rot mien.tensor
---@param weights mien.tensor
---@param parents mien.tensor
---@return mien.tensor, mien.tensor
function tensor:lbs(joints, rot, weights, parents) end

---gram_schmidt(x [N,D], {tol}): orthonormal rows [K,D] in x's order, row k along what x's row adds to the span, and the rows [K] of x that were used
---@param options? {tol?: number}
---@return mien.tensor, mien.tensor
function tensor:gram_schmidt(options) end

---modconv2d(x, w, s, {demodulate, up}): convolution with w * s, padded to keep the size, scaled to unit variance per output channel; up = 2 doubles the size (3x3 only); x [N,C,H,W], w [O,C,k,k], s [N,C]
---@param w mien.tensor
---@param s mien.tensor
---@param options? {demodulate?: number, up?: number}
---@return mien.tensor
function tensor:modconv2d(w, s, options) end

---channel_affine(x, scale, shift?): x * scale + shift per channel; x [N,C,...], scale [C], shift [C]
---@param scale mien.tensor
---@param shift? mien.tensor
---@return mien.tensor
function tensor:channel_affine(scale, shift) end

---prelu(x, slope): x where x > 0, slope * x elsewhere, one slope per channel; x [N,C,...], slope [C]
---@param slope mien.tensor
---@return mien.tensor
function tensor:prelu(slope) end

---max_pool2d(x, {k, stride, pad}): the largest of every k x k window; x [N,C,H,W]
---@param options? {k?: number, stride?: number, pad?: number}
---@return mien.tensor
function tensor:max_pool2d(options) end

---avg_pool2d(x, {k, stride, pad}): the mean of every k x k window, padding counted as zeros; x [N,C,H,W]
---@param options? {k?: number, stride?: number, pad?: number}
---@return mien.tensor
function tensor:avg_pool2d(options) end

---adaptive_avg_pool2d(x, {out}): means over out x out cells that cover the picture evenly; x [N,C,H,W]
---@param options? {out?: number}
---@return mien.tensor
function tensor:adaptive_avg_pool2d(options) end

---attention(q, k, v, {heads, causal}): softmax(q k^T / sqrt(W/heads)) v per head; q [B,L,W], k and v [B,M,W]; causal = 1: query l sees keys 0..l
---@param k mien.tensor
---@param v mien.tensor
---@param options? {heads?: number, causal?: number}
---@return mien.tensor
function tensor:attention(k, v, options) end

---project_target(picture [N,D], text [1,D] or [N,D], basis [K,D], {gamma, guard, divisor}): e_I - gamma sum |c_k| b_k + gamma (sum |c_k| / sum d_k) e_T, and sum d_k; constant in text and basis
---@param text mien.tensor
---@param basis mien.tensor
---@param options? {gamma?: number, guard?: number, divisor?: number}
---@return mien.tensor, mien.tensor
function tensor:project_target(text, basis, options) end

mien.version = ''

---adam({parameters}, {lr, beta1, beta2, eps, weight_decay, clip, rates}): the Adam optimiser; clip limits the gradients' norm, rates multiply each parameter's lr
function mien.adam(...) end

---@class mien.adam
local adam = {}

---rate(lr): the learning rate of the steps to come, recorded ones too
function adam:rate(...) end

---restore({m1, v1, ...}, steps): takes such a state back
function adam:restore(...) end

---scale([s]): s: losses will be multiplied by the tensor [1] that is returned; it follows what half precision can hold
function adam:scale(...) end

---state(): {m1, v1, m2, v2, ...} and the number of steps, for checkpoints
function adam:state(...) end

---step([lr]): one step; gradients are zeroed; returns their norm before clipping (nothing while a graph is recorded)
function adam:step(...) end

---api(n): a recipe says first which API it was written for
function mien.api(...) end

mien.avatar = {}

---avatar.cosine(a, b): [N,1] of rows of unit vectors
function mien.avatar.cosine(...) end

---avatar.load([names]): the models of an avatar: the embedded one, or "next3d_ffhq_512,ViT-B-32"
function mien.avatar.load(...) end

---avatar.project(points [M,3], camera [1,25]): where points lie in the picture, columns and rows in 0..1, and view directions [M,3]
function mien.avatar.project(...) end

---avatar.unit(x): rows of length 1
function mien.avatar.unit(...) end

---@class mien.avatar
local avatar = {}

---camera{yaw, pitch, roll, focal, radius}: [1,25]
function avatar:camera(...) end

---embed(pictures): CLIP's unit vectors [N,D]
function avatar:embed(...) end

---expression_of(pictures [N,3,H,W] [, landmarks]): expression codes [N,E]
function avatar:expression_of(...) end

---identity(pictures): the identity network's unit vectors [N,D]
function avatar:identity(...) end

---mesh(shape, alpha): vertices and landmarks [N,V+68,3] of the posed head, metres
function avatar:mesh(...) end

---neural(volume, camera): the small picture before super-resolution, enlarged
function avatar:neural(...) end

---neutral([n]): expression codes [n,E] of the neutral face
function avatar:neutral(...) end

---person(seed [, psi, cutoff]): {seed, z, ws, shape}
function avatar:person(...) end

---picture(ws, shape, alpha [, camera]): the picture, without keeping tri-planes
function avatar:picture(...) end

---picture_encoder(): the encoder of pictures, opened when first asked for
function avatar:picture_encoder(...) end

---planes(ws, shape, alpha [, static]): {planes, deformation}: tri-planes of a person with an expression, and how the head deforms the volume
function avatar:planes(...) end

---planes_of(ws, mesh [, texture, static]): the same of a mesh
function avatar:planes_of(...) end

---references(expression or PNG file): expression codes [K,E]; nil when there are none of that name
function avatar:references(...) end

---size(): pixels across a picture
function avatar:size(...) end

---text(prompt [, quiet]): CLIP's unit vector [1,D], and the words it has never seen, which it warns of
function avatar:text(...) end

---texture_rows(): the first row of ws that drives the neural texture, from 1, and how many do
function avatar:texture_rows(...) end

---view(volume, ws, camera): the picture of what avatar:planes gave
function avatar:view(...) end

---backgrounds(rng, n): top and bottom colours [n,3]
function mien.backgrounds(...) end

---backward(loss [, seed]): adds d loss / d parameter to the gradient of every parameter that took part
function mien.backward(...) end

---bpe(path): CLIP's byte-pair tokenizer from its vocabulary file; or nil, message, code
function mien.bpe(...) end

---@class mien.bpe
local bpe = {}

---count(): how many ids there are
function bpe:count(...) end

---tokens(text [, {context, truncate}]): i32 [1,context]
function bpe:tokens(...) end

---bpe_clean(text): as the tokenizer's word pattern sees it
function mien.bpe_clean(...) end

---camera{yaw, pitch, roll, radius, focal, pivot}: [1,25], angles in degrees; it looks at pivot, a point {x, y, z}
function mien.camera(...) end

---caption(z or nil, weights [57], rng): a sentence about the expression; with z also about the looks of that person
function mien.caption(...) end

---caption_words(): every word a caption can hold, one a line
function mien.caption_words(...) end

---clock(): seconds, for differences
function mien.clock(...) end

---concat_rows({tensors}): a list of any length along the first axis
function mien.concat_rows(...) end

---device([name]): where tensors and models are made: cpu, cuda or cuda:1; at first MIEN_DEVICE; returns it
function mien.device(...) end

---devices(): list of {device, name, sm, processors, memory}; an empty one comes with what is missing
function mien.devices(...) end

---editor_add(line): into the history
function mien.editor_add(...) end

---editor_close(): gives the terminal back
function mien.editor_close(...) end

---editor_open(history file or nil, complete): sets up line editing
function mien.editor_open(...) end

---editor_read(prompt): a line; false after Ctrl-C; nil at the end
function mien.editor_read(...) end

---ema(average, tensor, decay): average = decay * average + (1 - decay) * tensor, in place
function mien.ema(...) end

---expression(name [, strength]): [57] unit weights of a named expression or action unit
function mien.expression(...) end

---expression_names(): the named expressions and action units
function mien.expression_names(...) end

---expression_random(rng): [57] random unit weights
function mien.expression_random(...) end

---fid(real, generated [, {unbiased}]): Frechet inception distance of features [N,D], [M,D] from a model of kind inception
function mien.fid(...) end

---file_kind(path): "file", "folder" or "other", bytes, seconds since 1970; nil when there is none
function mien.file_kind(...) end

---file_read(path [, most]): the bytes; or nil, message, code
function mien.file_read(...) end

---file_write(path, bytes): all or nothing
function mien.file_write(...) end

---folder(path): the names in it, sorted
function mien.folder(...) end

---from_pixels(u8 [H,W,3]): f32 [1,3,H,W] in -1..1
function mien.from_pixels(...) end

---full({sizes}, value [, dtype]): the value everywhere
function mien.full(...) end

mien.geometry = {}

---geometry.maps(avatar, volume, ws, camera): {depth, normal: u8 [R,R,3], near, far: metres}
function mien.geometry.maps(...) end

---geometry.surface(avatar, volume [, samples a side]): the surface as a mesh in metres, and its level
function mien.geometry.surface(...) end

---glb_write(path, mesh [, {texture, record, targets = {{name, [V,3]}, ...}}]): binary glTF with morph targets
function mien.glb_write(...) end

---graph(fn): fn, recorded on the GPU when called the second time and then run again with one call (lua/mien/graph.lua)
function mien.graph(...) end

---@class mien.graph
local graph = {}

---launch(): runs it
function graph:launch(...) end

---nodes(): launches and copies in it
function graph:nodes(...) end

---graph_begin(): launches are recorded from now on, not run; use mien.graph
function mien.graph_begin(...) end

---graph_end(): what was recorded; or nil, message, code
function mien.graph_end(...) end

---hold(tensor): the same tensor as a value that no mien.scope frees
function mien.hold(...) end

---import_files(kind, {files and KEY=VALUE}, out): notes as a text; or nil, message, code
function mien.import_files(...) end

---importers(): what `mien import` knows: {kind, files, doc, options}
function mien.importers(...) end

---inspect(path): what is in a checkpoint, as text
function mien.inspect(...) end

---interrupt_clear(): forgets it
function mien.interrupt_clear(...) end

---interrupted(): true after Ctrl-C
function mien.interrupted(...) end

---is_tensor(value): true for a tensor
function mien.is_tensor(...) end

---isatty([1]): is standard output (0 input, 2 errors) a terminal?
function mien.isatty(...) end

---json_decode(text [, where]): the value; or nil, message, code
function mien.json_decode(...) end

---json_encode(value): JSON text with sorted keys
function mien.json_encode(...) end

---kid(real, generated [, {subsets, size, seed}]): kernel inception distance, the mean over 100 pairs of subsets of 1000 rows; often reported times 1000
function mien.kid(...) end

---label(picture u8 [H,W,3], x, y, text [, {scale, color}]): writes text on it; returns it
function mien.label(...) end

---landmark_weights(landmarks [N,68,3], camera [N,25], size [, gain, radius]): [N,1,size,size] weights around brows, eyes and mouth
function mien.landmark_weights(...) end

---load_model(path [, {half}]): the model in a safetensors file, half: with its weights as f16; or nil, message, code
function mien.load_model(...) end

---march(grid [D,H,W] [, {level, origin, step}]): the surface as a mesh, and the level
function mien.march(...) end

---memory(): {live, peak, cached, tensors, gpu_live, gpu_peak, gpu_cached}: bytes held by tensors, at most so far, kept for reuse; how many tensors
function mien.memory(...) end

---memory_reset_peak(): the peak counts from now
function mien.memory_reset_peak(...) end

---mesh_normals(v, f): unit normals [V,3]
function mien.mesh_normals(...) end

---methods(value): names of the methods of a tensor, model, ...
function mien.methods(...) end

---mkdir(path): makes a folder and its parents
function mien.mkdir(...) end

---@class mien.model
local model = {}

---config(name): a setting
function model:config(...) end

---config_json(): the settings it was made with, as JSON
function model:config_json(...) end

---has(name): has it a weight of that name?
function model:has(...) end

---hash(): sha256 of the file it came from, "" when made here
function model:hash(...) end

---kind(): the name of its kind
function model:kind(...) end

---numbers(): how many trainable numbers it has
function model:numbers(...) end

---params(): list of trainable tensors, list of their names
function model:params(...) end

---restore(path): takes the weights of a file of the same kind; returns the model, or nil, message, code
function model:restore(...) end

---save(path, {half, meta = {key = text}}): writes a safetensors file
function model:save(...) end

---set_weight(name, tensor): copies the numbers in
function model:set_weight(...) end

---train([yes]): its weights want gradients, or no longer; returns the model
function model:train(...) end

---weight(name): a weight: the tensor itself
function model:weight(...) end

---model_kinds(): {kind = {doc, config, methods}}
function mien.model_kinds(...) end

---model_list(): the kinds of models with their methods in the same form
function mien.model_list(...) end

---new_model(kind [, settings as JSON, seed]): a model with fresh weights
function mien.new_model(...) end

---no_grad(fn, ...): what fn returns; meanwhile nothing is recorded for gradients
function mien.no_grad(...) end

---numpy_randn(seed, n): [1,n] as RandomState(seed).randn(n) of NumPy: the published scripts' z for that seed
function mien.numpy_randn(...) end

---obj_read(path): mesh {v, f, uv, fuv}; or nil, message, code
function mien.obj_read(...) end

---obj_write(path, mesh [, texture]): texture is the name of a picture beside the file
function mien.obj_write(...) end

---op_list(): the table of ops: {name, doc, inputs, variadic, options, outputs, differentiable}
function mien.op_list(...) end

---options{name = {default, meaning}}: the recipe's options from the command line
function mien.options(...) end

---parity_compare(kind, checkpoint or "-", golden [, dump]): is it within bounds, and a report; or nil, message, code; `mien parity`
function mien.parity_compare(...) end

---parity_models(): names of the models that can be compared
function mien.parity_models(...) end

---person_traits(z [n,80]): [n,42] colours, strengths and hair style of these people, as numbers around 0..1
function mien.person_traits(...) end

---pictures(rgba [, index, top, bottom]): [n,3,S,S] in -1..1 and the coverage
function mien.pictures(...) end

---ply_write(path, mesh): v, f, and normal and color where given
function mien.ply_write(...) end

---png_base64(picture u8 [H,W,C]): a PNG file in base64
function mien.png_base64(...) end

---png_read(path): u8 [H,W,3]; or nil, message, code
function mien.png_read(...) end

---png_text(path): {keyword = text}; or nil, message, code
function mien.png_text(...) end

---png_write(path, picture [, {keyword = text}]): picture u8 [H,W,C], C 1, 3 or 4
function mien.png_write(...) end

---precision([name]): how convolutions and products are computed: strict (f32), bf16, tf32 or f16 factors; returns the setting
function mien.precision(...) end

---program(): path of the running program
function mien.program(...) end

mien.progress = {}

---progress.new(name, steps): a progress line; bar:step(i, {loss = number}), bar:done()
function mien.progress.new(...) end

---rand({sizes}, rng): numbers in [0,1)
function mien.rand(...) end

---randn({sizes}, rng): normal numbers
function mien.randn(...) end

mien.recipe = {}

---recipe.run(file, {words}): runs another recipe with these options
function mien.recipe.run(...) end

---record_text(path [, fields]): that record as JSON
function mien.record_text(...) end

---required: stands for the default of an option that must be given
mien.required = nil ---@type any

---rng(seed [, stream]): a stream of random numbers, the same on any machine and number of threads
function mien.rng(...) end

---@class mien.rng
local rng = {}

---below(n): a whole number from 0 to n-1
function rng:below(...) end

---counter([n]): reads or sets the place in the stream
function rng:counter(...) end

---normal(): a normal number
function rng:normal(...) end

---uniform([low, high]): a number in [low,high), [0,1) at first
function rng:uniform(...) end

---@class mien.run
local run = {}

---finish(status [, message]): status complete, failed or interrupted
function run:finish(...) end

---flush(): writes what is buffered
function run:flush(...) end

---id(): its number
function run:id(...) end

---log(step, {name = number})
function run:log(...) end

---set_mapper(key): the mapper it trains
function run:set_mapper(...) end

---set_state(bytes, model or {name = tensor} [, {key = text}]): what to resume from
function run:set_state(...) end

---save_picture(path, picture [, fields]): writes a PNG whose record says how it was made; `mien info` shows it
function mien.save_picture(...) end

---scope(fn, ...): what fn returns; every other tensor made meanwhile is freed
function mien.scope(...) end

---sha256(text): 64 hexadecimal digits
function mien.sha256(...) end

---sha256_file(path): 64 hexadecimal digits; or nil, message, code
function mien.sha256_file(...) end

---sheet{rows = {{pictures}} or pictures = list or batch, columns, row_labels, column_labels, title, footer, scale, text, gap}: a labelled contact sheet; scale enlarges the pictures, text the letters
function mien.sheet(...) end

---sheet_compose{pictures = list of u8 [H,W,3] or false, columns, ...}: as sheet, from pixels only
function mien.sheet_compose(...) end

---show(picture): draws it in the terminal, or writes it and prints the path
function mien.show(...) end

---sixel(picture u8 [H,W,3]): the escape sequence that draws it in a sixel terminal
function mien.sixel(...) end

---st_load(path): {name = tensor}, {key = text}, {names in order} of a safetensors file; or nil, message, code
function mien.st_load(...) end

---st_save(path, {name = tensor} [, {key = text}]): writes a safetensors file
function mien.st_save(...) end

mien.store = {}

---store.default_path(): the file of the user's library; or nil, message
function mien.store.default_path(...) end

---store.open([path, {create}]): the library, the user's own without a path; or nil, message, code
function mien.store.open(...) end

---@class mien.store
local store = {}

---basis(name): {id, name, gamma, options, prompts, created_at}
function store:basis(...) end

---begin_run{recipe, options, seed}: a run
function store:begin_run(...) end

---close(): again is fine
function store:close(...) end

---delete(key [, {force}])
function store:delete(...) end

---edits([key, limit]): newest first
function store:edits(...) end

---embedding(text, encoder hash): [1,n], or nothing
function store:embedding(...) end

---export(key, path [, {replace}]): one mapper as a file of its own
function store:export(...) end

---gc(): {blobs, prompts, runs, bytes_before, bytes_after}: what was removed
function store:gc(...) end

---import(path [, name]): its number
function store:import(...) end

---list{words, tag, status, model_hash, limit}: mappers without their data
function store:list(...) end

---load(key, generator hash): the model, and what is known about it
function store:load(...) end

---mapper(key): everything about it, with weights and thumbnail as bytes
function store:mapper(...) end

---metrics(run [, name]): {{step, key, value}}
function store:metrics(...) end

---path(): the file
function store:path(...) end

---prompts([words, limit]): {{id, text, created_at, mappers}}
function store:prompts(...) end

---put_basis{name, gamma, options, prompts}: its number
function store:put_basis(...) end

---put_model{kind, name, hash, config}: its number
function store:put_model(...) end

---put_prompt(text [, encoder hash, embedding]): its number
function store:put_prompt(...) end

---record_edit{model_hash, options, identity_before, identity_after, clip_score, picture_path, picture_sha256, mappers, seeds}: its number
function store:record_edit(...) end

---rename(key, name)
function store:rename(...) end

---resume_run(id): the run, and its state: {name = tensor}, {key = text}; nothing without one
function store:resume_run(...) end

---runs([key, limit]): newest first
function store:runs(...) end

---save{name, status, prompt, basis, model_hash, seed, options, notes, tags, weights, thumbnail, replace}: the mapper's number
function store:save(...) end

---tag(key, tag)
function store:tag(...) end

---timeout(milliseconds): how long to wait for another writer
function store:timeout(...) end

---untag(key, tag)
function store:untag(...) end

---verify(): a list of sentences, one per problem
function store:verify(...) end

---store_open(path [, {create}]): the library; or nil, message, code.  mien.store.open() knows the place
function mien.store_open(...) end

---synchronize(): waits until the GPU has done what it was given
function mien.synchronize(...) end

---@class mien.synth
local synth = {}

---fit_head(path): the statistical head learned from samples of this source, written to path; or nil, message, code
function synth:fit_head(...) end

---render{z, expr, camera, gaze, head, light, size, supersample}: u8 [N,S,S,4], effective unit weights, looks
function synth:render(...) end

---synth_open(path [, texture width]): the renderer of synthetic people; or nil, message, code
function mien.synth_open(...) end

---tensor(numbers, nested lists or one number [, dtype]): a tensor; dtype f32, f64, i32, u8 or f16
function mien.tensor(...) end

---cast(dtype): a copy of another type; no gradient
function tensor:cast(...) end

---clone(): a copy of the numbers; no gradient
function tensor:clone(...) end

---copy(tensor): takes its numbers, as many as there are; returns itself
function tensor:copy(...) end

---detach(): the same memory without gradient
function tensor:detach(...) end

---device(): where its numbers are
function tensor:device(...) end

---dim(axis): one size; axes count from 1, negative ones from the end
function tensor:dim(...) end

---dtype(): "f32", "f64", "i32", "u8" or "f16"
function tensor:dtype(...) end

---grad(): its gradient, nil before a backward pass
function tensor:grad(...) end

---item([i]): one number, counted from 1; without i the tensor has one element
function tensor:item(...) end

---param(): marks the tensor as one that wants a gradient; returns it
function tensor:param(...) end

---set(i, value): changes one number; returns the tensor
function tensor:set(...) end

---shape(): the sizes as a list
function tensor:shape(...) end

---to(device): a copy there, or the tensor itself; takes no gradient
function tensor:to(...) end

---totable(): all numbers as a flat list
function tensor:totable(...) end

---zero_grad(): forgets the gradient; returns itself
function tensor:zero_grad(...) end

---terminal_ask(question, end of the answer): the terminal's answer, nil without one
function mien.terminal_ask(...) end

---to(tensor, device): a copy there, or the tensor itself; takes no gradient
function mien.to(...) end

---to_pixels(picture f32 [3,H,W] or [1,3,H,W] in -1..1): u8 [H,W,3]
function mien.to_pixels(...) end

---trace(fn): {name = tensor}: the generator's intermediate results while fn runs
function mien.trace(...) end

---unit_names(): names of the 57 units
function mien.unit_names(...) end

---weights([name]): how load_model keeps large weights: f32, or f16 (half the memory, computed in f32, not to be trained); returns the setting
function mien.weights(...) end

---words(one word a line, or a JSON array): the word tokenizer
function mien.words(...) end

---@class mien.words
local words = {}

---count(): how many ids there are
function words:count(...) end

---tokens(text [, {context, truncate}]): i32 [1,context], and the list of words that have no id
function words:tokens(...) end

---word(id): the word of an id, "" for special ones
function words:word(...) end

---words_split(text): its words, lower case
function mien.words_split(...) end

---zeros({sizes} [, dtype]): zeros
function mien.zeros(...) end

---mesh-driven tri-plane generator of head avatars
---@class mien.next3d : mien.model
local next3d = {}

---mapping(z [N,Z], c [N,25], {psi, cutoff}): ws [N,rows,W]; psi truncates the first cutoff rows (default: the static half)
---@param z mien.tensor
---@param c mien.tensor
---@param options? {psi?: number, cutoff?: number}
---@return mien.tensor
function next3d:mapping(z, c, options) end

---texture(ws): the neural texture [N,C,P,P]
---@param ws mien.tensor
---@return mien.tensor
function next3d:texture(ws) end

---static(ws): the static planes [N,3C,P,P]
---@param ws mien.tensor
---@return mien.tensor
function next3d:static(ws) end

---planes(ws, v [N,V+68,3], texture, static): tri-planes [N,3,C,P,P]; texture and static are computed when absent.  Then, where planes follow the head, the deformation [N,G,G,G,3] by which the volume is moved back
---@param ws mien.tensor
---@param v mien.tensor
---@param texture? mien.tensor
---@param static? mien.tensor
---@return mien.tensor, mien.tensor
function next3d:planes(ws, v, texture, static) end

---render(planes, ws, camera [N,25], coarse, fine, deformation): picture [N,3,S,S], features [N,C,R,R], depth [N,1,R,R], coverage [N,1,R,R]; coarse and fine are random draws in [0,1), deformation what planes gave
---@param planes mien.tensor
---@param ws mien.tensor
---@param camera mien.tensor
---@param coarse? mien.tensor
---@param fine? mien.tensor
---@param deformation? mien.tensor
---@return mien.tensor, mien.tensor, mien.tensor, mien.tensor
function next3d:render(planes, ws, camera, coarse, fine, deformation) end

---neural(planes, camera [N,25], coarse, fine, deformation): the picture that super-resolution would start from [N,3,R,R]
---@param planes mien.tensor
---@param camera mien.tensor
---@param coarse? mien.tensor
---@param fine? mien.tensor
---@param deformation? mien.tensor
---@return mien.tensor
function next3d:neural(planes, camera, coarse, fine, deformation) end

---canonical(points [N,M,3], deformation): where points of the volume lie in the planes
---@param points mien.tensor
---@param deformation mien.tensor
---@return mien.tensor
function next3d:canonical(points, deformation) end

---statistical head: shape, expression, jaw, neck and eyes to vertices
---@class mien.flame : mien.model
local flame = {}

---forward(shape [N,<=S], expr [N,<=E], pose [N,6] (root, jaw) or [N,15] (all joints), eyes [N,6], {detach_correctives}): vertices [N,V,3], landmarks [N,68,3], posed joints [N,5,3]; axis-angle, metres
---@param shape mien.tensor
---@param expr mien.tensor
---@param pose? mien.tensor
---@param eyes? mien.tensor
---@param options? {detach_correctives?: number}
---@return mien.tensor, mien.tensor, mien.tensor
function flame:forward(shape, expr, pose, eyes, options) end

---mesh(shape, expr, pose, eyes, {detach_correctives}): vertices followed by landmarks [N,V+68,3], the generator's input
---@param shape mien.tensor
---@param expr mien.tensor
---@param pose? mien.tensor
---@param eyes? mien.tensor
---@param options? {detach_correctives?: number}
---@return mien.tensor
function flame:mesh(shape, expr, pose, eyes, options) end

---fixed_landmarks(vertices [N,V,3]): the 68 landmarks with a contour that does not follow the pose, [N,68,3]
---@param vertices mien.tensor
---@return mien.tensor
function flame:fixed_landmarks(vertices) end

---project(points [N,K,3], camera [N,3] (scale, x, y)): where DECA's camera sees them, -1..1 across its crop, y down; z scaled alike
---@param points mien.tensor
---@param camera mien.tensor
---@return mien.tensor
function flame:project(points, camera) end

---pictures and texts to features in one space
---@class mien.clip : mien.model
local clip = {}

---image(pixels [N,3,n,n], preprocessed): features [N,E], not normalised
---@param pixels mien.tensor
---@return mien.tensor
function clip:image(pixels) end

---text(ids [N,context] i32): features [N,E], not normalised
---@param ids mien.tensor
---@return mien.tensor
function clip:text(ids) end

---preprocess(pictures [N,3,H,W] in -1..1): cropped if set, bicubic to n, the middle square, CLIP's mean and spread: [N,3,n,n]
---@param pictures mien.tensor
---@return mien.tensor
function clip:preprocess(pictures) end

---picture(picture [H,W,3] u8): pixels [1,3,n,n] as the published preprocessing makes them, and the 8-bit crop [n,n,3]
---@param picture mien.tensor
---@return mien.tensor, mien.tensor
function clip:picture(picture) end

---similarity(image [N,E], text [M,E]): cosines [N,M], and the logits exp(logit_scale) * cosine
---@param image mien.tensor
---@param text mien.tensor
---@return mien.tensor, mien.tensor
function clip:similarity(image, text) end

---faces to unit vectors that tell people apart
---@class mien.arcface : mien.model
local arcface = {}

---embed(x [N,3,n,n] in -1..1): unit vectors [N,E]
---@param x mien.tensor
---@return mien.tensor
function arcface:embed(x) end

---prepare(pictures [N,3,H,W]): the crop that embed takes, [N,3,n,n]
---@param pictures mien.tensor
---@return mien.tensor
function arcface:prepare(pictures) end

---pictures of faces to shape, expression, pose and camera
---@class mien.encoder : mien.model
local encoder = {}

---encode(x [N,3,n,n] in -1..1): all codes [N,C]
---@param x mien.tensor
---@return mien.tensor
function encoder:encode(x) end

---split(codes [N,C]): shape, expression, pose, camera
---@param codes mien.tensor
---@return mien.tensor, mien.tensor, mien.tensor, mien.tensor
function encoder:split(codes) end

---prepare(pictures [N,3,H,W] in -1..1): cropped and resized for encode, [N,3,n,n]
---@param pictures mien.tensor
---@return mien.tensor
function encoder:prepare(pictures) end

---Dual Mappers: one expression edit of texture rows and expression codes
---@class mien.mapper : mien.model
local mapper = {}

---edit(ws [N,rows,W], alpha [N,E], {strength}): edited ws and alpha, and the changes dw [N,edited rows,W], dalpha [N,E] before strength
---@param ws mien.tensor
---@param alpha mien.tensor
---@param options? {strength?: number}
---@return mien.tensor, mien.tensor, mien.tensor, mien.tensor
function mapper:edit(ws, alpha, options) end

---EMOCA's encoders: pictures of faces to the head model's numbers
---@class mien.emoca : mien.model
local emoca = {}

---encode(x [N,3,224,224] in 0..1): E_flame's codes [N,236], E_expression's [N,rows]
---@param x mien.tensor
---@return mien.tensor, mien.tensor
function emoca:encode(x) end

---split(flame [N,236], expression [N,rows]): shape [N,100], expression [N,50], pose [N,6] (root, jaw), camera [N,3]
---@param flame mien.tensor
---@param expression mien.tensor
---@return mien.tensor, mien.tensor, mien.tensor, mien.tensor
function emoca:split(flame, expression) end

---appearance(flame [N,236]): texture [N,50] and light [N,27] (9 harmonics, 3 colours each)
---@param flame mien.tensor
---@return mien.tensor, mien.tensor
function emoca:appearance(flame) end

---crop(picture u8 [H,W,3], landmarks [68,2] in pixels): the face as encode takes it [1,3,224,224], the similarity from picture to crop [3,3], the crop's side in the picture [1]
---@param picture mien.tensor
---@param landmarks mien.tensor
---@return mien.tensor, mien.tensor, mien.tensor
function emoca:crop(picture, landmarks) end

---prepare(pictures [N,3,H,W] of aligned faces, in -1..1): [N,3,224,224] in 0..1
---@param pictures mien.tensor
---@return mien.tensor
function emoca:prepare(pictures) end

---pictures to the features that FID and KID compare
---@class mien.inception : mien.model
local inception = {}

---features(pictures [N,3,H,W], u8 or in -1..1, {front}): [N,2048]; pictures become bytes, so no gradient passes
---@param pictures mien.tensor
---@param options? {front?: number}
---@return mien.tensor
function inception:features(pictures, options) end

return mien
