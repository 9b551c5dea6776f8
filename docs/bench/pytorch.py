#!/usr/bin/env python3
"""The blocks of docs/bench/pytorch.lua in plain PyTorch; docs/bench/pytorch.sh runs both in turn.

    pytorch.py check DIR      results and gradients against those in DIR/block*.safetensors
    pytorch.py time DIR       a line `block<TAB>pass<TAB>ms` for every timed pass

Written as the published networks are, in the variants that turned out fastest here: one sample's weights are modulated before a plain
convolution, several samples are scaled before and after it (the published "fused" form and the other one); the filter is a depthwise
convolution; a decoder's layers are matrix products over all samples.  Needs numpy and torch."""
import argparse, glob, json, math, struct, sys, time
import numpy as np, torch
import torch.nn.functional as F

ap = argparse.ArgumentParser()
ap.add_argument('what', choices=['check', 'time']); ap.add_argument('dir'); ap.add_argument('--only', default='')
ap.add_argument('--runs', type=int, default=7); ap.add_argument('--threads', type=int, default=2)
opt = ap.parse_args()
torch.set_num_threads(opt.threads)


def load(path):
    data = open(path, 'rb').read()
    n = struct.unpack('<Q', data[:8])[0]
    head = json.loads(data[8:8 + n])
    meta = head.pop('__metadata__')
    return meta, {k: torch.from_numpy(np.frombuffer(data, np.float32, math.prod(v['shape']), 8 + n + v['data_offsets'][0]).reshape(v['shape']).copy()) for k, v in head.items()}

# ---- StyleGAN2 ----


f1 = torch.tensor([1., 3, 3, 1]) / 8
f2 = (f1[:, None] * f1[None])[None, None] * 4


def fir(x, pad):
    return F.conv2d(F.pad(x, (pad[0], pad[1], pad[0], pad[1])), f2.expand(x.shape[1], 1, 4, 4), groups=x.shape[1])


def up2(x):
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, 1, 0, 0, 0, 1)).reshape(n, c, 2 * h, 2 * w)
    return fir(x, (2, 1))


def modulated(x, weight, s, demodulate, up):
    n, k = x.shape[0], weight.shape[2]
    d = None
    if demodulate:
        d = torch.rsqrt((weight[None] * s[:, None, :, None, None]).square().sum((2, 3, 4)) + 1e-8)       # [n,o]
    if n == 1:
        weight = weight * s.reshape(1, -1, 1, 1)
        if demodulate:
            weight = weight * d.reshape(-1, 1, 1, 1)
    else:
        x = x * s[:, :, None, None]
    x = fir(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), (1, 1)) if up else F.conv2d(x, weight, padding=k // 2)
    return x * d[:, :, None, None] if demodulate and n > 1 else x


def style(t):
    def styles(layer, w):
        return F.linear(w, t[f'w.{layer}.affine.weight'], t[f'w.{layer}.affine.bias'])

    def styled(layer, x, w, up):
        y = modulated(x, t[f'w.{layer}.weight'], styles(layer, w), True, up)
        y = y + t[f'const.{layer}.noise'] * t[f'w.{layer}.strength'] + t[f'w.{layer}.bias'][:, None, None]
        return (F.leaky_relu(y, 0.2) * math.sqrt(2)).clamp(-256, 256)
    x = styled('conv1', styled('conv0', t['in.x'], t['in.w0'], True), t['in.w1'], False)
    rgb = modulated(x, t['w.torgb.weight'], styles('torgb', t['in.w2']) / math.sqrt(x.shape[1]), False, False)
    return {'x': x, 'img': up2(t['in.img']) + (rgb + t['w.torgb.bias'][:, None, None]).clamp(-256, 256)}

# ---- CLIP's image tower ----


def vit(t):
    x = t['in.x']
    n, m, width = x.shape

    def linear(name, y):
        return F.linear(y, t[f'w.{name}.weight'], t[f'w.{name}.bias'])

    def norm(name):
        return F.layer_norm(x, (width,), t[f'w.{name}.weight'], t[f'w.{name}.bias'])
    q, k, v = linear('in_proj', norm('ln_1')).reshape(n, m, 3, width // 64, 64).permute(2, 0, 3, 1, 4)
    y = torch.softmax((q / 8) @ k.transpose(2, 3), 3) @ v
    x = x + linear('out_proj', y.transpose(1, 2).reshape(n, m, width))
    h = linear('c_fc', norm('ln_2'))
    return {'x': x + linear('c_proj', h * torch.sigmoid(1.702 * h))}

# ---- EG3D's ray march ----


def field(t, o, d, depth):
    r, k = depth.shape
    p = (o[:, None] + depth[..., None] * d[:, None]).reshape(r * k, 3) * 2
    x, y, z = p.unbind(1)
    grid = torch.stack([torch.stack(g, 1) for g in ((x, y), (x, z), (z, y))])[:, None]
    f = F.grid_sample(t['in.planes'][0], grid, align_corners=False)[:, :, 0].mean(0).t()
    h = F.softplus(F.linear(f, t['w.w0'], t['w.b0']))
    q = F.linear(h, t['w.w1'], t['w.b1']).reshape(r, k, 33)
    return q[..., 0], torch.sigmoid(q[..., 1:]) * 1.002 - .001


def composite(depth, s, c):
    def mid(v):
        return (v[:, 1:] + v[:, :-1]) / 2
    a = 1 - torch.exp(-F.softplus(mid(s) - 1) * (depth[:, 1:] - depth[:, :-1]))
    w = a * torch.cumprod(torch.cat([torch.ones_like(a[:, :1]), 1 - a + 1e-10], 1), 1)[:, :-1]
    far = (w * mid(depth)).sum(1, keepdim=True) / w.sum(1, keepdim=True)
    return 2 * (w[..., None] * mid(c)).sum(1) - 1, torch.nan_to_num(far, float('inf')).clamp(depth.min(), depth.max()), w


def importance(depth, w):
    m = F.max_pool1d(F.pad(w, (1, 1), value=-1e30)[None], 2, 1)[0]
    pdf = ((m[:, 1:] + m[:, :-1]) / 2 + .01)[:, 1:-1] + 1e-5
    cdf = F.pad(torch.cumsum(pdf / pdf.sum(1, keepdim=True), 1), (1, 0)).contiguous()
    steps = depth.shape[1]
    u = ((torch.arange(steps) + .5) / steps).expand(depth.shape).contiguous()
    i = torch.searchsorted(cdf, u, right=True)
    lo, hi = (i - 1).clamp(min=0), i.clamp(max=steps - 3)
    b = (depth[:, 1:] + depth[:, :-1]) / 2
    c0, b0 = cdf.gather(1, lo), b.gather(1, lo)
    den = cdf.gather(1, hi) - c0
    return b0 + (u - c0) / torch.where(den < 1e-5, torch.ones_like(den), den) * (b.gather(1, hi) - b0)


def march(t):
    res, steps, near, far = 64, 48, 2.25, 3.3
    M, K = t['const.camera'][0, :16].reshape(4, 4), t['const.camera'][0, 16:].reshape(3, 3)
    y, x = torch.meshgrid((torch.arange(res) + .5) / res, (torch.arange(res) + .5) / res, indexing='ij')
    local = torch.stack([(x.reshape(-1) - K[0, 2]) / K[0, 0], (y.reshape(-1) - K[1, 2]) / K[1, 1], torch.ones(res * res)], 1)
    d = F.normalize(local @ M[:3, :3].t(), dim=1)
    o = M[:3, 3].expand(res * res, 3)
    depth = (torch.linspace(near, far, steps) + .5 * (far - near) / (steps - 1)).expand(res * res, steps)
    s, c = field(t, o, d, depth)
    with torch.no_grad():
        fine = importance(depth, composite(depth, s, c)[2])
    s2, c2 = field(t, o, d, fine)
    depth, k = torch.sort(torch.cat([depth, fine], 1), 1)
    s = torch.cat([s, s2], 1).gather(1, k)
    c = torch.cat([c, c2], 1).gather(1, k[..., None].expand(-1, -1, 32))
    rgb, at, _ = composite(depth, s, c)
    return {'rgb': rgb[None], 'depth': at[None]}

# ---- passes ----


def run(block, t, what):
    if what == 'forward':
        with torch.no_grad():
            return block(t)
    out = block(t)
    sum((y * t['seed.' + name]).sum() for name, y in out.items()).backward()
    return out


def wanted(t, what):
    names = [k for k in t if what != 'forward' and (k.startswith('in.') or k.startswith('w.') and what == 'trained')]
    for k in names:
        t[k].requires_grad_()
    return [t[k] for k in names]


def main():
    blocks, worst = {'style': style, 'vit': vit, 'march': march}, 0
    for path in sorted(glob.glob(opt.dir + '/block*.safetensors')):
        meta, t = load(path)
        if opt.only not in meta['name']:
            continue
        block = blocks[meta['kind']]
        if opt.what == 'check':
            wanted(t, 'trained')
            got = {'out.' + k: v for k, v in run(block, t, 'trained').items()}
            got.update({'grad.' + k: t[k].grad for k in t if t[k].grad is not None})
            error = {k: float((v.detach() - t[k]).norm() / t[k].norm()) for k, v in got.items()}
            missing = [k for k in t if k.startswith(('out.', 'grad.')) and k not in got]
            k = max(error, key=error.get)
            print(f"{meta['name']}: {len(got)} results and gradients, largest relative L2 error {error[k]:.1e} ({k})" + (f', without {missing}' if missing else ''))
            worst = max(worst, error[k], math.inf if missing else 0)
            continue
        for what in ('forward', 'frozen', 'trained'):
            for v in t.values():
                v.requires_grad_(False)
            asked = wanted(t, what)
            for turn in range(-1, opt.runs + 1):
                for v in asked:
                    v.grad = None
                began = time.perf_counter()
                out = run(block, t, what)
                del out
                if turn > 0:
                    print(f"{meta['name']}\t{what}\t{(time.perf_counter() - began) * 1e3:.4f}", flush=True)
    # Rounding moves a few of the four million inputs of a leaky ReLU across its kink, which shows in gradients that are sums over all of them.
    if not worst < 2e-3:
        sys.exit(f'the two do not agree: {worst:.1e}')


main()
