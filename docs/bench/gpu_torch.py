#!/usr/bin/env python3
"""The published forward pass and a training step in plain PyTorch, for docs/bench/gpu.lua to be compared with, and on the processor
what docs/bench/published.lua times.

    gpu_torch.py SHARED [--device cuda] [--runs 10] [--compile] [--bf16] [--seed 1] > times.json
    gpu_torch.py SHARED --device cpu --only published > times.json

SHARED is the folder of the goldens (oracle/next3d/ARCHITECTURE.md describes the network, oracle/seeded.py draws its weights).
TF32 and cudnn.benchmark are on.  --compile times the same under torch.compile, --bf16 under autocast.  Everything is on the device
before the clock starts, and the rasteriser's result, alpha and the mouth's box, which depend on the mesh alone, are given: what PyTorch
would need an extension for costs it nothing here.  The picture is compared with the golden first; the difference is in the output.
Names of lines are those of gpu.lua; with --only published those of published.lua, and the mesh has its gradient: texture coordinates are
then interpolated from its vertices, in the triangles that the rasteriser found.  Needs numpy and torch."""
import argparse, json, math, os, sys, time
import numpy as np, torch
import torch.nn.functional as F

ap = argparse.ArgumentParser()
ap.add_argument('shared'); ap.add_argument('--device', default='cuda'); ap.add_argument('--runs', type=int, default=10)
ap.add_argument('--compile', action='store_true'); ap.add_argument('--bf16', action='store_true'); ap.add_argument('--seed', type=int, default=1)
ap.add_argument('--batch', type=int, default=4, help='of the training step'); ap.add_argument('--only', default='', help='edit: leave the training step out; published: see above')
opt = ap.parse_args()
oracle = opt.shared if os.path.exists(opt.shared + '/seeded.py') else opt.shared + '/oracle'
sys.path.insert(0, oracle)
import seeded
dev = torch.device(opt.device)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True


def weights(table):
    rows = [r for r in seeded.read_table(f'{oracle}/{table}') if r[3] != 'external']
    return {n: torch.from_numpy(np.array(a)).to(dev) for n, a in seeded.fill(rows, opt.seed).items()}


P = weights('next3d/state_dict_full.tsv')
gold = seeded.load_safetensors(f'{oracle}/next3d/golden_full_seed{opt.seed}.safetensors')
topo = seeded.load_safetensors(f'{oracle}/next3d/topology.safetensors')
f1 = torch.tensor([1., 3, 3, 1], device=dev) / 8
f2 = (f1[:, None] * f1[None])[None, None]

# ---- building blocks (ARCHITECTURE.md, section 1), for batches ----


def fir(x, pad, gain=1.0, stride=1):
    return F.conv2d(F.pad(x, (pad[0], pad[1], pad[0], pad[1])), (f2 * gain).to(x.dtype).expand(x.shape[1], 1, 4, 4), groups=x.shape[1], stride=stride)


def up2(x):
    n, c, h, w = x.shape
    u = torch.zeros(n, c, h, 2, w, 2, device=x.device, dtype=x.dtype)
    u[:, :, :, 0, :, 0] = x
    return fir(u.reshape(n, c, 2 * h, 2 * w), (2, 1), 4.0)


def lrelu(x):
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def affine(name, w):
    a = P[name + '.affine.weight']
    return F.linear(w, a / math.sqrt(a.shape[1]), P[name + '.affine.bias'])


def limited(x, clamp):
    return x.clamp(-clamp, clamp) if clamp else x


def modulated(name, x, w, up, noise, clamp):
    weight, n = P[name + '.weight'], x.shape[0]
    o, i, k, _ = weight.shape
    m = weight[None] * affine(name, w)[:, None, :, None, None]                     # weights of each sample, as published
    m = m * torch.rsqrt((m * m).sum((2, 3, 4), keepdim=True) + 1e-8)
    x = x.reshape(1, n * i, *x.shape[2:])
    if up:
        x = F.conv_transpose2d(x, m.transpose(1, 2).reshape(n * i, o, k, k), stride=2, groups=n)
        x = fir(x.reshape(n, o, *x.shape[2:]), (1, 1), 4.0)
    else:
        x = F.conv2d(x, m.reshape(n * o, i, k, k), padding=1, groups=n)
        x = x.reshape(n, o, *x.shape[2:])
    if noise:
        x = x + P[name + '.noise_const'] * P[name + '.noise_strength']
    return limited(lrelu(x + P[name + '.bias'][:, None, None]), clamp)


def to_rgb(name, x, w, clamp):
    weight, n = P[name + '.weight'], x.shape[0]
    o, i = weight.shape[:2]
    m = weight[None] * (affine(name, w) / math.sqrt(i))[:, None, :, None, None]
    y = F.conv2d(x.reshape(1, n * i, *x.shape[2:]), m.reshape(n * o, i, 1, 1), groups=n).reshape(n, o, *x.shape[2:])
    return limited(y + P[name + '.bias'][:, None, None], clamp)


def block(name, x, img, w, noise=True, clamp=None):
    if name + '.conv0.weight' in P and x is not None:
        x = modulated(name + '.conv0', x, w[0], True, noise, clamp)
    else:
        x = P[name + '.const'][None].expand(w[1].shape[0], -1, -1, -1)
    x = modulated(name + '.conv1', x, w[1], False, noise, clamp)
    t = to_rgb(name + '.torgb', x, w[2], clamp)
    return x, t if img is None else up2(img) + t


def rows(ws, res):
    k = int(math.log2(res))
    if k == 2:
        return ws[:, 0], ws[:, 0], ws[:, 1]
    return ws[:, 2 * k - 5], ws[:, 2 * k - 4], ws[:, 2 * k - 3]


def plain(name, ws):
    x = img = None
    for k in range(2, 9):
        x, img = block(f'{name}.b{1 << k}', x, img, rows(ws, 1 << k))
    return img


def layer(name, x, act, down=False):
    w = P[name + '.weight']
    w = w / math.sqrt(w.shape[1] * w.shape[2] ** 2)
    x = F.conv2d(fir(x, (2, 2)), w, stride=2) if down else F.conv2d(x, w, padding=w.shape[2] // 2)
    if name + '.bias' in P:
        x = x + P[name + '.bias'][:, None, None]
    return lrelu(x) if act else x


def conditional(name, cond, ws, size, final, k):
    outs, h, x, img, j = [], None, None, None, 0
    for e in range(int(math.log2(size // final))):
        enc = f'{name}.encoder.{e}'
        if e:
            cond = fir(cond, (1, 1), stride=2)
        t = layer(enc + '.fromrgb', cond, False)
        h = layer(enc + '.conv2', layer(enc + '.conv1', t if h is None else t + h, True), True, True)
        outs.insert(0, h)
    res = 2 * final
    while res <= 256:
        if final * 2 ** j < k:
            x = layer(f'{name}.fusion.{j}', outs[0] if j == 0 else torch.cat([x, outs[j]], 1), False)
        x, img = block(f'{name}.b{res}', x, img, rows(ws, res))
        j, res = j + 1, 2 * res
    return img


def resize(x, h, w):
    return x if x.shape[2:] == (h, w) else F.interpolate(x, (h, w), mode='bilinear', align_corners=False, antialias=True)


def mapping(z, c):
    def moment(x): return x * torch.rsqrt((x * x).mean(1, keepdim=True) + 1e-8)
    def fc(name, x, lr):
        w = P['backbone.mapping.' + name + '.weight']
        return F.linear(x, w * (lr / math.sqrt(w.shape[1])), P['backbone.mapping.' + name + '.bias'] * lr)
    x = torch.cat([moment(z), moment(fc('embed', c, 1))], 1)
    for k in (0, 1):
        x = lrelu(fc(f'fc{k}', x, .01))
    return x[:, None].repeat(1, 28, 1)

# ---- the mesh: grids, alphas and the mouth's box, found once on the host (sections 4 and 5) ----


def edge(x, y, s, t): return (x - s[0]) * (t[1] - s[1]) - (y - s[1]) * (t[0] - s[0])


def views(v):
    vert, lms = v[:5023], v[5023:]
    faces, uvf, uv = topo['faces'][:, [0, 2, 1]], topo['uvfaces'][:, [0, 2, 1]], topo['raw_uvcoords']
    uvn = np.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1).astype(np.float32)
    mask = torch.from_numpy(gold['in.uv_face_mask'].astype(np.float32) / 255)[None, None]
    size, grids, alphas, hits = 256, [], [], []

    def turn(angles):
        (sx, sy, sz), (cx, cy, cz) = [f(torch.tensor(angles) * np.pi / 180.).tolist() for f in (torch.sin, torch.cos)]
        X = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]], np.float32)
        Y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]], np.float32)
        Z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]], np.float32)
        return np.float32([[1], [-1], [1]]) * (Z @ Y @ X)
    shift = np.float32([0, -.01, -.01])
    axis = (1 - (2 * np.arange(size) + 1) / size).astype(np.float32)
    for angles in ([0., 0, 0], [0., 90, 0], [0., -90, 0], [90., 0, 0]):
        M = turn(angles)
        q = (vert @ M + shift) * np.float32(5)
        pts = np.stack([-q[:, 0], q[:, 1], 10 - q[:, 2]], 1).astype(np.float32)
        depth, face, grid = np.full((size, size), np.inf, np.float32), np.full((size, size), -1), np.zeros((size, size, 2), np.float32)

        for k, (a, b, c) in enumerate(pts[faces]):
            e = edge(a[0], a[1], b, c)
            xs = np.nonzero((axis >= min(a[0], b[0], c[0])) & (axis <= max(a[0], b[0], c[0])))[0]
            ys = np.nonzero((axis >= min(a[1], b[1], c[1])) & (axis <= max(a[1], b[1], c[1])))[0]
            if e < 0 or abs(e) <= 1e-8 or not len(xs) or not len(ys):
                continue
            box = np.ix_(ys, xs)
            x, y = axis[xs][None], axis[ys][:, None]
            area = np.float32(np.float64(edge(c[0], c[1], a, b)) + 1e-8)
            w = [edge(x, y, b, c) / area, edge(x, y, c, a) / area, edge(x, y, a, b) / area]
            d = w[0] * a[2] + w[1] * b[2] + w[2] * c[2]
            ok = (w[0] > 0) & (w[1] > 0) & (w[2] > 0) & (d >= 0) & (d < depth[box])
            depth[box] = np.where(ok, d, depth[box])
            face[box] = np.where(ok, k, face[box])
            t = sum(w[i][..., None] * uvn[uvf[k, i]] for i in range(3))
            grid[box] = np.where(ok[..., None], t, grid[box])
        g = torch.from_numpy(grid)[None]
        a = (F.grid_sample(mask, g, align_corners=False)[0, 0].numpy() * (face >= 0)).astype(np.float32)
        seen, stack = np.zeros(a.shape, bool), [(0, 0)]
        while stack:
            y, x = stack.pop()
            if 0 <= y < size and 0 <= x < size and not seen[y, x] and ((y, x) == (0, 0) or a[y, x] * 255 <= 254):
                seen[y, x] = True
                stack += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
        grids.append(g)
        hits.append([torch.from_numpy(t).to(dev) for t in (M, *np.nonzero(face >= 0), faces[face[face >= 0]].astype(np.int64), uvn[uvf[face[face >= 0]]])])
        alphas.append(torch.from_numpy(np.where(seen, a, 1).astype(np.float32))[None, None])
    q = (lms @ turn([0., 0, 0]) + shift) * np.float32(5)
    p = np.stack([q[:, 0], -q[:, 1]], 1) * np.float32(128) + np.float32(128)
    h = int(np.float32(1.2) * max(np.ptp(p[48:60, 0]), np.ptp(p[48:60, 1]))) // 2
    cu, cv = (p[48] + p[54]) / 2
    alphas = [alphas[0], (alphas[1] != 0).float(), alphas[3]]


    def lookup(mesh):                                                               # the grids again, from vertices that want a gradient
        ax, again = torch.from_numpy(axis).to(dev), []
        for M, rows, columns, corners, uvs in hits:
            q = (mesh @ M + torch.from_numpy(shift).to(dev)) * 5
            a, b, c = ((-t[:, 0], t[:, 1]) for t in q[corners].unbind(1))
            x, y = ax[columns], ax[rows]
            w = torch.stack([edge(x, y, b, c), edge(x, y, c, a), edge(x, y, a, b)], 1) / (edge(*c, a, b) + 1e-8)[:, None]
            again.append(torch.zeros(1, size, size, 2, device=dev).index_put((torch.zeros_like(rows), rows, columns), (w[:, :, None] * uvs).sum(1)))
        return again
    return lookup, [g.to(dev) for g in grids], [a.to(dev) for a in alphas], (int(cv - h), int(cv + h), int(cu - h), int(cu + h))


LOOKUP, GRIDS, ALPHAS, BOX = views(gold['in.v'][0])

# ---- the generator ----


def planes(ws, texture, static, grids=GRIDS):
    n = ws.shape[0]
    st = ws[:, :14]
    r = [F.grid_sample(texture, g.expand(n, -1, -1, -1), align_corners=False) for g in grids]
    y0, y1, x0, x1 = BOX
    mouth = conditional('mouth_backbone.synthesis', resize(r[0][:, :, y0:y1, x0:x1], 64, 64), st, 64, 4, 64)
    front = r[0].clone()
    front[:, :, y0:y1, x0:x1] = resize(mouth, y1 - y0, x1 - x0).to(front.dtype)
    front = conditional('neural_blending.synthesis', front, st, 256, 32, 256)
    s = static.reshape(n, 3, 32, 256, 256)
    return torch.stack([p * a + s[:, k] * (1 - a) for k, (p, a) in enumerate(zip((front, r[1] + r[2], r[3]), ALPHAS))], 1)


def field(pl, o, d, t):
    n, r, k = t.shape
    p = (o[:, None, None] + t[..., None] * d[:, :, None]).reshape(n, 1, r * k, 3) * 2
    x, y, z = p.unbind(-1)
    f = sum(F.grid_sample(pl[:, i].float(), torch.stack(g, -1), align_corners=False) for i, g in enumerate(((x, y), (x, z), (z, y)))) / 3
    f = f[:, :, 0].transpose(1, 2)
    h = F.softplus(F.linear(f, P['decoder.net.0.weight'] / math.sqrt(32), P['decoder.net.0.bias']))
    y = F.linear(h, P['decoder.net.2.weight'] / 8, P['decoder.net.2.bias']).reshape(n, r, k, 33)
    return y[..., 0], torch.sigmoid(y[..., 1:]) * 1.002 - .001


def march(t, s, c):
    def mid(z): return (z[:, :, 1:] + z[:, :, :-1]) / 2
    a = 1 - torch.exp(-F.softplus(mid(s) - 1) * (t[:, :, 1:] - t[:, :, :-1]))
    w = a * torch.cumprod(torch.cat([torch.ones_like(a[:, :, :1]), 1 - a + 1e-10], 2), 2)[:, :, :-1]
    return 2 * (w[..., None] * mid(c)).sum(2) - 1, w


def render(pl, ws, cam):
    n, R, D, near, far = cam.shape[0], 64, 48, 2.25, 3.3
    M, K = cam[:, :16].reshape(n, 4, 4), cam[:, 16:].reshape(n, 3, 3)
    y, x = torch.meshgrid((torch.arange(R, device=dev) + .5) / R, (torch.arange(R, device=dev) + .5) / R, indexing='ij')
    x, y = x.reshape(1, -1), y.reshape(1, -1)
    fx, fy, cx, cy, sk = (K[:, i, j, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2), (0, 1)))
    yl = (y - cy) / fy
    local = torch.stack([(x - cx + cy * sk / fy - sk * y / fy) / fx, yl, torch.ones_like(yl), torch.ones_like(yl)], 2)
    o = M[:, :3, 3]
    d = F.normalize((local @ M.transpose(1, 2))[:, :, :3] - o[:, None], dim=2)
    t = (torch.linspace(near, far, D, device=dev) + .5 * (far - near) / (D - 1)).expand(n, R * R, D)
    s, c = field(pl, o, d, t)
    with torch.no_grad():
        w = march(t, s, c)[1]
        m = F.max_pool1d(F.pad(w, (1, 1), value=-1e30), 2, 1)
        pdf = ((m[:, :, 1:] + m[:, :, :-1]) / 2 + .01)[:, :, 1:-1] + 1e-5
        cdf = F.pad(torch.cumsum(pdf / pdf.sum(2, keepdim=True), 2), (1, 0))
        b = (t[:, :, 1:] + t[:, :, :-1]) / 2
        u = ((torch.arange(D, device=dev) + .5) / D).expand(n, R * R, D).contiguous()
        i = torch.searchsorted(cdf.contiguous(), u, right=True)
        lo, hi = (i - 1).clamp(min=0), i.clamp(max=D - 3)
        den = cdf.gather(2, hi) - cdf.gather(2, lo)
        fine = b.gather(2, lo) + (u - cdf.gather(2, lo)) / torch.where(den < 1e-5, torch.ones_like(den), den) * (b.gather(2, hi) - b.gather(2, lo))
    s2, c2 = field(pl, o, d, fine)
    all_t, k = torch.sort(torch.cat([t, fine], 2), 2)
    rgb, _ = march(all_t, torch.cat([s, s2], 2).gather(2, k), torch.cat([c, c2], 2).gather(2, k[..., None].expand(-1, -1, -1, 32)))
    x = resize(rgb.transpose(1, 2).reshape(n, 32, R, R), 128, 128)
    img, w = x[:, :3], ws[:, 13]
    for k in (0, 1):
        x, img = block(f'superresolution.block{k}', x, img, (w, w, w), False, 256)
    return img


def edit(ws, cam):
    return render(planes(ws, plain('texture_backbone.synthesis', ws[:, 14:]), plain('backbone.synthesis', ws[:, :14])), ws, cam)

# ---- the towers of a training step: CLIP ViT-B/32 and ArcFace IR-SE50 on seeded weights ----


def clip_image(Q, x):
    x = F.conv2d(resize_bicubic(x), Q['visual.conv1.weight'], stride=32).flatten(2).transpose(1, 2)
    x = torch.cat([Q['visual.class_embedding'].expand(x.shape[0], 1, -1), x], 1) + Q['visual.positional_embedding']
    def norm(name, y): return F.layer_norm(y, (768,), Q[name + '.weight'], Q[name + '.bias'])
    x = norm('visual.ln_pre', x)
    for k in range(12):
        p = f'visual.transformer.resblocks.{k}.'
        q, key, v = F.linear(norm(p + 'ln_1', x), Q[p + 'attn.in_proj_weight'], Q[p + 'attn.in_proj_bias']).reshape(*x.shape[:2], 3, 12, 64).permute(2, 0, 3, 1, 4)
        if hasattr(F, 'scaled_dot_product_attention'):
            y = F.scaled_dot_product_attention(q, key, v)
        else:
            y = torch.softmax(q @ key.transpose(2, 3) / 8, 3) @ v
        x = x + F.linear(y.transpose(1, 2).reshape(x.shape), Q[p + 'attn.out_proj.weight'], Q[p + 'attn.out_proj.bias'])
        h = F.linear(norm(p + 'ln_2', x), Q[p + 'mlp.c_fc.weight'], Q[p + 'mlp.c_fc.bias'])
        x = x + F.linear(h * torch.sigmoid(1.702 * h), Q[p + 'mlp.c_proj.weight'], Q[p + 'mlp.c_proj.bias'])
    return F.normalize(norm('visual.ln_post', x[:, 0]) @ Q['visual.proj'], dim=1)


def resize_bicubic(x):
    x = F.interpolate((x + 1) / 2, (224, 224), mode='bicubic', align_corners=False, antialias=True)
    mean, std = ((torch.tensor(v, device=dev)[:, None, None]) for v in ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)))
    return (x - mean) / std


def arcface(Q, x):
    def norm(name, y): return F.batch_norm(y, Q[name + '.running_mean'], Q[name + '.running_var'], Q[name + '.weight'], Q[name + '.bias'])
    x = F.adaptive_avg_pool2d(F.adaptive_avg_pool2d(x, 256)[:, :, 35:223, 32:220], 112)
    x = F.prelu(norm('input_layer.1', F.conv2d(x, Q['input_layer.0.weight'], padding=1)), Q['input_layer.2.weight'])
    for k in range(24):
        p, stride = f'body.{k}.', 2 if k in (0, 3, 7, 21) else 1
        short = x[:, :, ::stride, ::stride]
        if p + 'shortcut_layer.0.weight' in Q:
            short = norm(p + 'shortcut_layer.1', F.conv2d(x, Q[p + 'shortcut_layer.0.weight'], stride=stride))
        y = F.prelu(F.conv2d(norm(p + 'res_layer.0', x), Q[p + 'res_layer.1.weight'], padding=1), Q[p + 'res_layer.2.weight'])
        y = norm(p + 'res_layer.4', F.conv2d(y, Q[p + 'res_layer.3.weight'], padding=1, stride=stride))
        se = torch.sigmoid(F.conv2d(F.relu(F.conv2d(y.mean((2, 3), keepdim=True), Q[p + 'res_layer.5.fc1.weight'])), Q[p + 'res_layer.5.fc2.weight']))
        x = y * se + short
    x = F.linear(norm('output_layer.0', x).flatten(1), Q['output_layer.3.weight'], Q['output_layer.3.bias'])
    return F.normalize(norm('output_layer.4', x), dim=1)

# ---- timing ----


def wait():
    if dev.type == 'cuda':
        torch.cuda.synchronize()


def peak(reset=False):
    """The most memory this process has had, in bytes, since the last reset."""
    if reset:
        open('/proc/self/clear_refs', 'w').write('5')
    return int(next(row for row in open('/proc/self/status') if row.startswith('VmHWM')).split()[1]) * 1024


lines = []
def line(name, fn, note=''):
    times, work, host = [], [], dev.type == 'cpu'
    if host:
        peak(True)
    warm = 1 if opt.only == 'published' else 2 if opt.runs > 1 else 0
    for run in range(warm + opt.runs):
        wait()
        began, worked = time.perf_counter(), time.process_time()
        with torch.autocast(dev.type, torch.bfloat16, enabled=opt.bf16):
            fn()
        wait()
        if run >= warm:
            times.append((time.perf_counter() - began) * 1e3)
            work.append((time.process_time() - worked) * 1e3)
    lines.append({'name': name, 'ms': min(times), 'times': times, 'note': note, **({'work': work, 'process': peak()} if host else {})})
    print(f'{name:44} {min(times):10.3f} ms  {note}', file=sys.stderr)


def published(ws, cam):
    """The lines of published.lua."""
    mesh = torch.from_numpy(np.array(gold['in.v'])).to(dev)[0, :5023]
    cot = torch.randn(1, 3, 512, 512, device=dev)
    C = {k: v.float() for k, v in weights('clip/state_dict_vitb32.tsv').items() if k.startswith('visual')}

    def clip_gradient():
        x = cot.clone().requires_grad_()
        clip_image(C, x).sum().backward()
    with torch.no_grad():
        line('CLIP forward', lambda: clip_image(C, cot))
    line('CLIP forward and backward', clip_gradient)
    with torch.no_grad():
        line('full forward', lambda: edit(ws, cam))
        pl = planes(ws, plain('texture_backbone.synthesis', ws[:, 14:]), plain('backbone.synthesis', ws[:, :14]))
        line('a further view', lambda: render(pl, ws, cam))
        del pl

    def gradient():
        w, v = ws.clone().requires_grad_(), mesh.clone().requires_grad_()
        pl = planes(w, plain('texture_backbone.synthesis', w[:, 14:]), plain('backbone.synthesis', w[:, :14]), LOOKUP(v))
        (render(pl, w, cam) * cot).mean().backward()
        return w.grad, v.grad
    if 'grad_ws' in gold:
        print('gradients', [float((a.cpu() - torch.from_numpy(np.array(gold[k][0]))).norm() / np.linalg.norm(gold[k])) for a, k in zip(gradient(), ('grad_ws', 'grad_v_undetached'))], file=sys.stderr)
    line('forward and backward', gradient)


def main():
    compiled = torch.compile if opt.compile else lambda f: f
    ws = mapping(*(torch.from_numpy(np.array(gold[k])).to(dev) for k in ('in.z', 'in.c_cond')))
    cam = torch.from_numpy(np.array(gold['in.c'])).to(dev)
    whole, view, expression, still = compiled(edit), compiled(render), compiled(planes), compiled(lambda w: plain('texture_backbone.synthesis', w))
    with torch.no_grad():
        allowed = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        got, want = edit(ws, cam)[0].cpu().numpy(), gold['image'].astype(np.float32)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
        error = float(np.abs(got - want).max() / np.abs(want).max())
        print(f'largest difference from the golden picture, of its largest value: {error:.2g}', file=sys.stderr)
        if error > 1e-2:
            sys.exit('this is not the published forward pass')
        texture, static = still(ws[:, 14:]), plain('backbone.synthesis', ws[:, :14])
        if opt.only != 'published':
            pl = planes(ws, texture, static)
            line('an edit: codes to picture', lambda: whole(ws, cam))
            line('a change of expression alone', lambda: view(expression(ws, texture, static), ws, cam), 'rasteriser, alpha and box left out')
            line('a further view', lambda: view(pl, ws, cam))
    if opt.only == 'published':
        published(ws, cam)
    elif opt.only != 'edit':
        C = {k: v.float() for k, v in weights('clip/state_dict_vitb32.tsv').items() if k.startswith('visual')}
        A, n = weights('arcface/state_dict.tsv'), opt.batch
        w4, c4, s4 = ws.repeat(n, 1, 1), cam.repeat(n, 1), static.repeat(n, 1, 1, 1)
        offset = torch.zeros(1, 14, 512, device=dev, requires_grad=True)              # in the place of the mappers, whose cost is nothing
        goal, who = F.normalize(torch.randn(n, 512, device=dev), dim=1), F.normalize(torch.randn(n, 512, device=dev), dim=1)
        adam = torch.optim.Adam([offset], lr=1e-3)

        def loss(o):
            w = torch.cat([w4[:, :14], w4[:, 14:] + o], 1)
            picture = render(planes(w, plain('texture_backbone.synthesis', w[:, 14:]), s4), w, c4)
            return 1 - (clip_image(C, picture) * goal).sum(1).mean() + 0.2 * (1 - (arcface(A, picture) * who).sum(1).mean()) + 0.05 * o.norm(dim=2).mean()
        loss = compiled(loss)

        def step():
            adam.zero_grad()
            loss(offset + 1e-6).backward()
            adam.step()
        line(f'a training step, batch {n}, prepared', step, f'{torch.cuda.max_memory_allocated() * 1e-9:.2f} GB at most' if dev.type == 'cuda' else '')
    name = torch.cuda.get_device_name() if dev.type == 'cuda' else 'cpu'
    print(json.dumps({'device': name, 'torch': torch.__version__, 'tf32': True, 'compile': opt.compile, 'bf16': opt.bf16, 'golden_error': error, 'lines': lines}))


main()
