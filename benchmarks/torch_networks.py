"""EDSR, SwinIR and NAFNet in PyTorch, by the names of the official checkpoints, for `against_torch.py`."""
import torch
from torch import nn

MEAN = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)


class EDSRBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x):
        return x + self.conv2(self.conv1(x).relu())


class EDSR(nn.Module):
    """Upscale is a power of two."""

    def __init__(self, num_feat, num_block, upscale=1):
        super().__init__()
        conv = lambda channels, features: nn.Conv2d(channels, features, 3, padding=1)
        self.conv_first, self.conv_last = conv(3, num_feat), conv(num_feat, 3)
        self.conv_after_body = conv(num_feat, num_feat)
        self.body = nn.Sequential(*[EDSRBlock(num_feat) for _ in range(num_block)])
        steps = upscale.bit_length() - 1
        self.upsample = nn.Sequential(*[
            layer for _ in range(steps) for layer in (conv(num_feat, 4 * num_feat), nn.PixelShuffle(2))])

    def forward(self, x):
        x = self.conv_first(x - MEAN)
        x = x + self.conv_after_body(self.body(x))
        return self.conv_last(self.upsample(x)) + MEAN


class ChannelNorm(nn.LayerNorm):
    """Over the channels of each pixel of [N, C, H, W]."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class NAFBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = ChannelNorm(width, 1e-6), ChannelNorm(width, 1e-6)
        self.conv1, self.conv3 = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(width, width, 1)
        self.conv2 = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, width, 1))
        self.conv4, self.conv5 = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(width, width, 1)
        self.beta, self.gamma = (nn.Parameter(torch.ones(1, width, 1, 1)) for _ in range(2))

    def forward(self, x):
        first, second = self.conv2(self.conv1(self.norm1(x))).chunk(2, 1)
        y = first * second
        x = x + self.conv3(y * self.sca(y)) * self.beta
        first, second = self.conv4(self.norm2(x)).chunk(2, 1)
        return x + self.conv5(first * second) * self.gamma


class NAFNet(nn.Module):
    """Sides are multiples of what the levels reduce by."""

    def __init__(self, width, enc_blk_nums, middle_blk_num, dec_blk_nums):
        super().__init__()
        blocks = lambda count, width: nn.Sequential(*[NAFBlock(width) for _ in range(count)])
        self.intro, self.ending = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        widths = [width * 2**level for level in range(len(enc_blk_nums) + 1)]
        self.encoders = nn.ModuleList(blocks(*pair) for pair in zip(enc_blk_nums, widths, strict=False))
        self.downs = nn.ModuleList(nn.Conv2d(inner, 2 * inner, 2, 2) for inner in widths[:-1])
        self.middle_blks = blocks(middle_blk_num, widths[-1])
        self.ups = nn.ModuleList(nn.Sequential(nn.Conv2d(inner, 2 * inner, 1, bias=False), nn.PixelShuffle(2))
                                 for inner in widths[:0:-1])
        self.decoders = nn.ModuleList(blocks(*pair) for pair in zip(dec_blk_nums, widths[-2::-1], strict=True))

    def forward(self, x):
        y, skips = self.intro(x), []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            y = encoder(y)
            skips.append(y)
            y = down(y)
        y = self.middle_blks(y)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            y = decoder(up(y) + skips.pop())
        return x + self.ending(y)


class Attention(nn.Module):
    def __init__(self, width, window, heads):
        super().__init__()
        self.window, self.heads, self.scale = window, heads, (width // heads) ** -0.5
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.relative_position_bias_table = nn.Parameter(0.02 * torch.randn((2 * window - 1) ** 2, heads))
        place = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        apart = place[:, :, None] - place[:, None] + window - 1
        self.register_buffer("relative_position_index", apart[0] * (2 * window - 1) + apart[1])

    def forward(self, x, mask):
        """x [B * windows, tokens, C]; mask None or [windows, tokens, tokens]."""
        count, tokens, width = x.shape
        q, k, v = self.qkv(x).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        scores = (q * self.scale) @ k.transpose(-2, -1) + bias
        if mask is not None:
            scores = (scores.view(-1, len(mask), *scores.shape[1:]) + mask[:, None]).view_as(scores)
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(count, tokens, width))


class SwinBlock(nn.Module):
    def __init__(self, width, window, heads, shift, ratio):
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, window, heads)
        self.mlp = nn.Sequential()
        self.mlp.fc1, self.mlp.act, self.mlp.fc2 = (
            nn.Linear(width, int(ratio * width)), nn.GELU(), nn.Linear(int(ratio * width), width))

    def forward(self, x, mask):
        """x [B, H, W, C]."""
        count, height, width, channels = x.shape
        window, shift = self.window, self.shift
        y = self.norm1(x)
        y = torch.roll(y, (-shift, -shift), (1, 2)) if shift else y
        y = y.view(count, height // window, window, width // window, window, channels).transpose(2, 3)
        shape = y.shape
        y = self.attn(y.reshape(-1, window * window, channels), mask if shift else None)
        y = y.view(shape).transpose(2, 3).reshape(x.shape)
        x = x + (torch.roll(y, (shift, shift), (1, 2)) if shift else y)
        return x + self.mlp(self.norm2(x))


class Group(nn.Module):
    def __init__(self, width, depth, window, heads, ratio):
        super().__init__()
        self.residual_group = nn.Module()
        self.residual_group.blocks = nn.ModuleList(
            SwinBlock(width, window, heads, window // 2 * (index % 2), ratio) for index in range(depth))
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x, mask):
        y = x
        for block in self.residual_group.blocks:
            y = block(y, mask)
        return x + self.conv(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class SwinIR(nn.Module):
    """For denoising; sides are multiples of the window. `size` is that of the images, for the mask."""

    def __init__(self, size, embed_dim, depths, num_heads, window=8, ratio=2):
        super().__init__()
        self.conv_first = nn.Conv2d(3, embed_dim, 3, padding=1)
        self.patch_embed = nn.Module()
        self.patch_embed.norm, self.norm = nn.LayerNorm(embed_dim), nn.LayerNorm(embed_dim)
        self.layers = nn.ModuleList(Group(embed_dim, depth, window, heads, ratio)
                                    for depth, heads in zip(depths, num_heads, strict=True))
        self.conv_after_body = nn.Conv2d(embed_dim, embed_dim, 3, padding=1)
        self.conv_last = nn.Conv2d(embed_dim, 3, 3, padding=1)
        third = (torch.arange(size) >= size - window).int() + (torch.arange(size) >= size - window // 2).int()
        region = (3 * third[:, None] + third).view(size // window, window, size // window, window)
        region = region.transpose(1, 2).reshape(-1, window * window)
        self.mask = torch.where(region[:, None] != region[:, :, None], -100.0, 0.0)

    def forward(self, x):
        x = x - MEAN
        shallow = self.conv_first(x)
        y = self.patch_embed.norm(shallow.permute(0, 2, 3, 1))
        for layer in self.layers:
            y = layer(y, self.mask)
        y = self.conv_after_body(self.norm(y).permute(0, 3, 1, 2)) + shallow
        return x + self.conv_last(y) + MEAN
