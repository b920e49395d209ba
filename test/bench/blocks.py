"""Models of a few layers that no package defines, in torch."""
import torch
from torch import nn
from torch.nn import functional as F


class MambaBlock(nn.Module):

    def __init__(self, width, state=16, window=4):
        super().__init__()
        inner, rank = 2 * width, width // 16
        self.sizes = rank, state, state
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.into = nn.Linear(width, 2 * inner, bias=False)
        self.conv = nn.Conv1d(inner, inner, window, groups=inner,
                              padding=window - 1)
        self.mix = nn.Linear(inner, sum(self.sizes), bias=False)
        self.rate = nn.Linear(rank, inner)
        steps = torch.arange(1, state + 1, dtype=torch.float32)
        self.log_a = nn.Parameter(steps.repeat(inner, 1).log())
        self.skip = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        from torch._higher_order_ops.scan import scan
        batch, length, _ = x.shape
        u, gate = self.into(self.norm(x)).chunk(2, -1)
        u = self.conv(u.transpose(1, 2))[..., :length].transpose(1, 2)
        u = F.silu(u)
        rate, write, read = self.mix(u).split(self.sizes, -1)
        dt = F.softplus(self.rate(rate))
        a = -torch.exp(self.log_a)

        def step(h, now):
            u, dt, write, read = now
            h = torch.exp(dt.unsqueeze(-1) * a) * h + (
                dt * u).unsqueeze(-1) * write.unsqueeze(1)
            return h, (h * read.unsqueeze(1)).sum(-1)

        h = torch.zeros(batch, *self.log_a.shape)
        _, y = scan(step, h, tuple(
            v.transpose(0, 1) for v in (u, dt, write, read)))
        y = y.transpose(0, 1) + u * self.skip
        return x + self.out(y * F.silu(gate))


class RetNet(nn.Module):
    """Retention (arXiv 2307.08621): step by step as a scan, or all steps at
    once under a mask of powers."""

    def __init__(self, parallel, width=128, heads=4):
        super().__init__()
        self.parallel, self.heads = parallel, heads
        self.into = nn.Linear(width, 4 * width, bias=False)
        self.norm = nn.GroupNorm(heads, width)
        self.out = nn.Linear(width, width, bias=False)
        self.register_buffer("decay",
                             1 - 2.0 ** -(5 + torch.arange(heads).float()))

    def forward(self, x):
        from torch._higher_order_ops.scan import scan
        batch, length, width = x.shape
        size = width // self.heads
        q, k, v, gate = self.into(x).chunk(4, -1)
        q, k, v = (t.reshape(batch, length, self.heads, size)
                   for t in (q, k * size ** -0.5, v))
        if self.parallel:
            q, k, v = (t.transpose(1, 2) for t in (q, k, v))
            at = torch.arange(length)
            ago = (at[:, None] - at[None, :]).float()
            mask = torch.where(ago >= 0, self.decay[:, None, None] ** ago, 0.0)
            y = ((q @ k.transpose(-1, -2)) * mask) @ v
            y = y.transpose(1, 2)
        else:
            decay = self.decay[:, None, None]

            def step(state, now):
                q, k, v = now
                state = decay * state + k.unsqueeze(-1) * v.unsqueeze(-2)
                return state, (q.unsqueeze(-2) @ state).squeeze(-2)

            state = torch.zeros(batch, self.heads, size, size)
            _, y = scan(step, state, tuple(t.transpose(0, 1)
                                           for t in (q, k, v)))
            y = y.transpose(0, 1)
        y = self.norm(y.reshape(batch * length, width))
        return self.out(F.silu(gate) * y.reshape(batch, length, width))


class Spiking(nn.Module):
    """Two layers of leaky integrate-and-fire neurons; x [steps, batch, 64]."""

    def __init__(self, inner=256, outer=10):
        super().__init__()
        self.a, self.b = nn.Linear(64, inner), nn.Linear(inner, outer)

    def forward(self, x):
        from torch._higher_order_ops.scan import scan

        def step(state, now):
            u, v = state
            u = 0.9 * u + self.a(now)
            fired = (u > 0.5).float()
            v = 0.9 * v + self.b(fired)
            spikes = (v > 0.5).float()
            return (u - 0.5 * fired, v - 0.5 * spikes), spikes + 0

        batch = x.shape[1]
        state = (torch.zeros(batch, self.a.out_features),
                 torch.zeros(batch, self.b.out_features))
        _, spikes = scan(step, state, x)
        return spikes.mean(0)


class Experts(nn.Module):
    """A mixture of experts, 2 of 8: all of them computed, the chosen ones'
    weights gathered, or each one given its own tokens."""

    def __init__(self, form, width=128, inner=512, experts=8):
        super().__init__()
        self.form = form
        self.router = nn.Linear(width, experts)
        self.up = nn.Parameter(torch.randn(experts, inner, width) / width ** .5)
        self.down = nn.Parameter(torch.randn(experts, width, inner) /
                                 inner ** .5)

    def forward(self, x):
        logits = self.router(x)
        weight, chosen = logits.topk(2, -1)
        weight = weight.softmax(-1)
        if self.form == "dense":
            gates = torch.zeros_like(logits).scatter(1, chosen, weight)
            h = F.silu(torch.einsum("td,ehd->teh", x, self.up))
            y = torch.einsum("teh,edh->ted", h, self.down)
            return torch.einsum("ted,te->td", y, gates)
        if self.form == "gather":
            h = F.silu(torch.einsum("td,tkhd->tkh", x, self.up[chosen]))
            y = torch.einsum("tkh,tkdh->tkd", h, self.down[chosen])
            return (y * weight.unsqueeze(-1)).sum(1)
        out = torch.zeros_like(x)
        for expert in range(self.up.shape[0]):
            token, place = torch.where(chosen == expert)
            h = F.silu(x[token] @ self.up[expert].T) @ self.down[expert].T
            out = out.index_add(0, token, h * weight[token, place, None])
        return out


class Sage(nn.Module):
    """Two layers of GraphSAGE: x [nodes, 32], edges [2, edges]."""

    def __init__(self, width=32, inner=128):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList((nn.Linear(a, inner), nn.Linear(a, inner)))
            for a in (width, inner))

    def forward(self, x, edges):
        source, target = edges[0], edges[1]
        for own, other in self.layers:
            total = torch.zeros_like(x).index_add(0, target, x[source])
            count = torch.zeros(x.shape[0]).index_add(
                0, target, torch.ones(target.shape[0])).clamp(min=1)
            x = F.relu(own(x) + other(total / count.unsqueeze(-1)))
        return x


class GraphTransformer(nn.Module):
    """Attention biased by the distances of nodes (arXiv 2106.05234): x [batch,
    nodes, 64], distances [batch, nodes, nodes]."""

    def __init__(self, width=64, heads=4, layers=2):
        super().__init__()
        self.heads = heads
        self.bias = nn.Embedding(16, heads)
        self.layers = nn.ModuleList(
            nn.ModuleList((nn.LayerNorm(width), nn.Linear(width, 3 * width),
                           nn.Linear(width, width), nn.LayerNorm(width),
                           nn.Linear(width, 4 * width),
                           nn.Linear(4 * width, width)))
            for _ in range(layers))

    def forward(self, x, distances):
        batch, nodes, width = x.shape
        bias = self.bias(distances.clamp(0, 15)).permute(0, 3, 1, 2)
        for before, qkv, out, between, up, down in self.layers:
            q, k, v = (t.reshape(batch, nodes, self.heads, -1).transpose(1, 2)
                       for t in qkv(before(x)).chunk(3, -1))
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
            x = x + out(y.transpose(1, 2).reshape(batch, nodes, width))
            x = x + down(F.gelu(up(between(x))))
        return x


class EarlyExit(nn.Module):
    """The second half runs only where the first is not sure."""

    def __init__(self, width=64):
        super().__init__()
        self.a, self.b = nn.Linear(width, width), nn.Linear(width, width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        h = F.relu(self.a(x))
        sure = self.head(h).softmax(-1).max() > 0.5
        return torch.cond(sure, lambda h: self.head(h),
                          lambda h: self.head(F.relu(self.b(h))), (h,))


class While(nn.Module):
    """Repeats a layer until the values are small, at most 20 times."""

    def __init__(self, width=64):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x):
        from torch._higher_order_ops.while_loop import while_loop
        return while_loop(
            lambda i, h: (i < 20) & (h.abs().max() > 0.1),
            lambda i, h: (i + 1, torch.tanh(self.layer(h)) * 0.8),
            (torch.zeros((), dtype=torch.int64), x))


def conv(a, b, size=3, stride=1):
    return nn.Sequential(nn.Conv2d(a, b, size, stride, size // 2, bias=False),
                         nn.BatchNorm2d(b), nn.SiLU())


class Split(nn.Module):
    """YOLOv8's block: half of the channels go through, each step is kept."""

    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.into, self.out = conv(channels, channels, 1), conv(3 * half,
                                                                channels, 1)
        self.step = nn.Sequential(conv(half, half), conv(half, half))

    def forward(self, x):
        a, b = self.into(x).chunk(2, 1)
        return self.out(torch.cat((a, b, b + self.step(b)), 1))


class Yolo(nn.Module):
    """A detector in the manner of YOLOv8: three strides, boxes as the mean of
    a distribution. The result [1, 4 + classes, anchors]."""

    def __init__(self, classes=80, bins=16):
        super().__init__()
        self.classes, self.bins = classes, bins
        self.stem = nn.Sequential(conv(3, 16, stride=2), conv(16, 32, stride=2),
                                  Split(32))
        self.p3 = nn.Sequential(conv(32, 64, stride=2), Split(64))
        self.p4 = nn.Sequential(conv(64, 128, stride=2), Split(128))
        self.p5 = nn.Sequential(conv(128, 256, stride=2), Split(256))
        self.pool, self.join = nn.MaxPool2d(5, 1, 2), conv(1024, 256, 1)
        self.up4, self.up3 = conv(384, 128, 1), conv(192, 64, 1)
        self.heads = nn.ModuleList(
            nn.Sequential(conv(a, 64), nn.Conv2d(64, 4 * bins + classes, 1))
            for a in (64, 128, 256))

    def forward(self, x):
        p3 = self.p3(self.stem(x))
        p4 = self.p4(p3)
        p5 = self.p5(p4)
        pooled = [p5]
        for _ in range(3):
            pooled.append(self.pool(pooled[-1]))
        p5 = self.join(torch.cat(pooled, 1))
        p4 = self.up4(torch.cat((F.interpolate(p5, scale_factor=2), p4), 1))
        p3 = self.up3(torch.cat((F.interpolate(p4, scale_factor=2), p3), 1))
        flat, centers, strides = [], [], []
        for stride, p, head in zip((8, 16, 32), (p3, p4, p5), self.heads):
            h, w = p.shape[2:]
            flat.append(head(p).flatten(2))
            y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5,
                                  indexing="ij")
            centers.append(torch.stack((x, y)).reshape(2, -1))
            strides.append(torch.full((h * w,), float(stride)))
        box, score = torch.cat(flat, 2).split((4 * self.bins, self.classes), 1)
        box = box.reshape(1, 4, self.bins, -1).softmax(2)
        box = (box * torch.arange(float(self.bins))[:, None]).sum(2)
        centers = torch.cat(centers, 1)
        low, high = centers - box[:, :2], centers + box[:, 2:]
        box = torch.cat(((low + high) / 2, high - low), 1) * torch.cat(strides)
        return torch.cat((box, score.sigmoid()), 1)


class Residual(nn.Module):

    def __init__(self, a, b, time):
        super().__init__()
        self.one = nn.Sequential(nn.GroupNorm(8, a), nn.SiLU(),
                                 nn.Conv2d(a, b, 3, padding=1))
        self.two = nn.Sequential(nn.GroupNorm(8, b), nn.SiLU(),
                                 nn.Conv2d(b, b, 3, padding=1))
        self.time = nn.Linear(time, b)
        self.skip = nn.Conv2d(a, b, 1) if a != b else nn.Identity()

    def forward(self, x, time):
        h = self.one(x) + self.time(F.silu(time))[:, :, None, None]
        return self.skip(x) + self.two(h)


class Attend(nn.Module):
    """A spatial transformer: attention over pixels, then to a context."""

    def __init__(self, width, context=64, heads=4):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.qkv, self.own = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.q, self.kv = nn.Linear(width, width), nn.Linear(context, 2 * width)
        self.other = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 8 * width), nn.Linear(4 * width,
                                                                    width)

    def attend(self, q, k, v):
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2)
                   for t in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1,
                                                                 2).flatten(2)

    def forward(self, x, context):
        h = self.norm(x).flatten(2).transpose(1, 2)
        h = h + self.own(self.attend(*self.qkv(self.norms[0](h)).chunk(3, -1)))
        h = h + self.other(self.attend(self.q(self.norms[1](h)),
                                       *self.kv(context).chunk(2, -1)))
        value, gate = self.up(self.norms[2](h)).chunk(2, -1)
        h = h + self.down(value * F.gelu(gate))
        return x + h.transpose(1, 2).reshape(x.shape)


class Diffusion(nn.Module):
    """A denoising UNet: x [1, 4, 32, 32], time [1], context [1, 16, 64]."""

    def __init__(self, width=32):
        super().__init__()
        time, wide = 4 * width, 2 * width
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, time), nn.SiLU(),
                                  nn.Linear(time, time))
        self.into = nn.Conv2d(4, width, 3, padding=1)
        self.down1, self.at1 = Residual(width, width, time), Attend(width)
        self.shrink = nn.Conv2d(width, width, 3, 2, 1)
        self.down2, self.at2 = Residual(width, wide, time), Attend(wide)
        self.middle = Residual(wide, wide, time)
        self.up2, self.at3 = Residual(2 * wide, wide, time), Attend(wide)
        self.grow = nn.Conv2d(wide, wide, 3, padding=1)
        self.up1, self.at4 = Residual(wide + width, width, time), Attend(width)
        self.out = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(),
                                 nn.Conv2d(width, 4, 3, padding=1))

    def forward(self, x, time, context):
        rates = torch.exp(torch.arange(self.width // 2) *
                          (-9.21 / (self.width // 2)))
        angle = time.float()[:, None] * rates
        t = self.time(torch.cat((angle.cos(), angle.sin()), -1))
        a = self.at1(self.down1(self.into(x), t), context)
        b = self.at2(self.down2(self.shrink(a), t), context)
        h = self.middle(b, t)
        h = self.at3(self.up2(torch.cat((h, b), 1), t), context)
        h = self.grow(F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return self.out(self.at4(self.up1(torch.cat((h, a), 1), t), context))


class Vocoder(nn.Module):
    """HiFi-GAN's generator (arXiv 2010.05646), small: mel [1, 80, frames] to
    [1, 1, 64 * frames]."""

    def __init__(self, width=128):
        super().__init__()
        self.into = nn.Conv1d(80, width, 7, padding=3)
        self.ups, self.blocks = nn.ModuleList(), nn.ModuleList()
        for rate in (8, 4, 2):
            self.ups.append(nn.ConvTranspose1d(width, width // 2, 2 * rate,
                                               rate, rate // 2))
            width //= 2
            self.blocks.append(nn.ModuleList(
                nn.Conv1d(width, width, 3, dilation=d, padding=d)
                for d in (1, 3, 5)))
        self.out = nn.Conv1d(width, 1, 7, padding=3)

    def forward(self, mel):
        x = self.into(mel)
        for up, block in zip(self.ups, self.blocks):
            x = up(F.leaky_relu(x, 0.1))
            for layer in block:
                x = x + layer(F.leaky_relu(x, 0.1))
        return torch.tanh(self.out(F.leaky_relu(x)))


class Speech(nn.Module):
    """Text to mel frames with predicted durations (arXiv 2006.04558): tokens
    [1, length] to [1, 4 * length, 80]; frames past the last are zero."""

    def __init__(self, width=96):
        super().__init__()
        self.embed = nn.Embedding(60, width)
        self.encode = nn.TransformerEncoderLayer(width, 4, 256,
                                                 batch_first=True)
        self.length = nn.Conv1d(width, 1, 3, padding=1)
        self.decode = nn.TransformerEncoderLayer(width, 4, 256,
                                                 batch_first=True)
        self.mel = nn.Linear(width, 80)

    def forward(self, tokens):
        h = self.encode(self.embed(tokens))
        frames = self.length(h.transpose(1, 2))[:, 0].sigmoid().mul(4).round()
        end = frames.cumsum(1)
        at = torch.arange(4 * tokens.shape[1]).float()
        inside = (at[None, :, None] >= (end - frames)[:, None, :]) & (
            at[None, :, None] < end[:, None, :])
        return self.mel(self.decode(inside.float() @ h))
