r"""MulT in plain PyTorch, written the usual way: the other side of `mult_speed.py`.

Tsai et al., "Multimodal Transformer for Unaligned Multimodal Language Sequences", ACL 2019.
The architecture and its numbers are the original's (`tests/benchmarks/test_plain_mult.py` holds
them to the original's own weights and output); the code is what one writes from the paper:

- one encoder per ordered pair of modalities, called one after the other;
- the attention weights \(\mathrm{softmax}(QK^\top/\sqrt{d_h})\) are a tensor, per head;
- keys and values of every layer come from the embedded source, normalised and projected again
  in each layer;
- no padding mask.

It knows nothing of kerasfuse and nothing of kerasfuse knows it.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def causal_mask_with_slack(query_steps, key_steps, device=None):
    """Return (query_steps, key_steps), 0 where key j <= query i + |difference|, else -inf."""
    mask = torch.full((query_steps, key_steps), float("-inf"), device=device)
    return torch.triu(mask, diagonal=1 + abs(key_steps - query_steps))


class SinusoidalPosition(nn.Module):
    """Sines then cosines, positions from 1, the zero vector where channel 0 is exactly 0."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, x):  # (batch, steps, width)
        half = self.width // 2
        frequency = torch.arange(half, device=x.device) * (-math.log(10000.0) / (half - 1))
        positions = torch.arange(1, x.shape[1] + 1, device=x.device)
        angle = positions[:, None] * torch.exp(frequency)[None, :]
        table = torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)
        return table[None] * (x[:, :, :1] != 0)


class Attention(nn.Module):
    """Multi-head attention that writes its weights out."""

    def __init__(self, width, heads, dropout, averaged_weights):
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.averaged_weights = averaged_weights
        self.input = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.input.weight)
        nn.init.zeros_(self.input.bias)
        nn.init.zeros_(self.output.bias)

    def forward(self, query, key, value, mask=None):
        batch, query_steps, width = query.shape
        size = width // self.heads
        weights = self.input.weight.chunk(3)
        biases = self.input.bias.chunk(3)

        def split(x, i):  # (batch, heads, steps, size)
            x = F.linear(x, weights[i], biases[i])
            return x.view(batch, -1, self.heads, size).transpose(1, 2)

        query = split(query, 0) * size**-0.5
        key, value = split(key, 1), split(value, 2)
        scores = query @ key.transpose(-1, -2)  # (batch, heads, query steps, key steps)
        if mask is not None:
            scores = scores + mask
        attention = torch.softmax(scores, dim=-1)
        attention = F.dropout(attention, self.dropout, self.training)
        x = (attention @ value).transpose(1, 2).reshape(batch, query_steps, width)
        averaged = attention.mean(dim=1) if self.averaged_weights else None
        return self.output(x), averaged


class Layer(nn.Module):
    """Pre-norm attention and feed-forward block; queries and keys share the first norm."""

    def __init__(
        self,
        width,
        heads,
        attention_dropout,
        feedforward_dropout,
        residual_dropout,
        averaged_weights,
    ):
        super().__init__()
        self.attention = Attention(width, heads, attention_dropout, averaged_weights)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])
        self.feedforward_dropout = feedforward_dropout
        self.residual_dropout = residual_dropout
        for linear in (self.expand, self.contract):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, x, key, value, mask=None):
        query = self.norms[0](x)
        if key is None:
            key = value = query
        else:
            key, value = self.norms[0](key), self.norms[0](value)
        update, _ = self.attention(query, key, value, mask)
        x = x + F.dropout(update, self.residual_dropout, self.training)
        update = F.relu(self.expand(self.norms[1](x)))
        update = self.contract(F.dropout(update, self.feedforward_dropout, self.training))
        return x + F.dropout(update, self.residual_dropout, self.training)


class Encoder(nn.Module):
    """A stack of `Layer`: crossmodal when `forward` gets a source, self-attention otherwise."""

    def __init__(self, width, heads, layers, embedding_dropout, causal_mask, **layer):
        super().__init__()
        self.scale = math.sqrt(width)
        self.position = SinusoidalPosition(width)
        self.embedding_dropout = embedding_dropout
        self.causal_mask = causal_mask
        self.layers = nn.ModuleList([Layer(width, heads, **layer) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def embed(self, x):
        x = self.scale * x + self.position(x)
        return F.dropout(x, self.embedding_dropout, self.training)

    def forward(self, target, source=None):
        x = self.embed(target)
        # Keys and values hold the same content under dropout masks of their own.
        key = value = None
        if source is not None:
            key, value = self.embed(source), self.embed(source)
        key_steps = x.shape[1] if key is None else key.shape[1]
        for layer in self.layers:
            mask = None
            if self.causal_mask:
                mask = causal_mask_with_slack(x.shape[1], key_steps, x.device)
            x = layer(x, key, value, mask)
        return self.norm(x)


class PlainMulT(nn.Module):
    """Score {name: (batch, steps, width)} with the Multimodal Transformer, (batch, outputs).

    `attention_dropout=0.1, causal_mask=True, return_averaged_weights=True` is how the authors
    run it; the three off is the same network without the parts that forbid a fused attention.
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=40,
        num_heads=10,
        num_layers=4,
        attention_dropout=0.1,
        causal_mask=True,
        return_averaged_weights=True,
        text_dropout=0.25,
        embedding_dropout=0.25,
        residual_dropout=0.1,
        feedforward_dropout=0.1,
        output_dropout=0.0,
    ):
        super().__init__()
        self.names = list(modalities)
        self.text_dropout = text_dropout
        self.output_dropout = output_dropout

        def encoder(width, layers, dropout):
            return Encoder(
                width,
                num_heads,
                layers,
                embedding_dropout,
                causal_mask,
                attention_dropout=dropout,
                feedforward_dropout=feedforward_dropout,
                residual_dropout=residual_dropout,
                averaged_weights=return_averaged_weights,
            )

        self.projection = nn.ModuleDict(
            {m: nn.Conv1d(width, dim, 1, bias=False) for m, width in modalities.items()}
        )
        # The original drops attention weights for text targets and memories alone.
        self.crossmodal = nn.ModuleDict(
            {
                f"{s}_to_{t}": encoder(dim, num_layers, attention_dropout if t == "text" else 0.0)
                for t in self.names
                for s in self.names
                if s != t
            }
        )
        width = dim * (len(self.names) - 1)
        self.memory = nn.ModuleDict(
            {m: encoder(width, max(num_layers, 3), attention_dropout) for m in self.names}
        )
        width *= len(self.names)
        self.hidden1 = nn.Linear(width, width)
        self.hidden2 = nn.Linear(width, width)
        self.head = nn.Linear(width, num_outputs)

    def features(self, inputs):
        """Return the last steps of the memories, concatenated."""
        streams = {}
        for name in self.names:
            x = inputs[name]
            if name == "text":
                x = F.dropout(x, self.text_dropout, self.training)
            streams[name] = self.projection[name](x.transpose(1, 2)).transpose(1, 2)
        last = []
        for target in self.names:
            pairs = [
                self.crossmodal[f"{source}_to_{target}"](streams[target], streams[source])
                for source in self.names
                if source != target
            ]
            last.append(self.memory[target](torch.cat(pairs, dim=-1))[:, -1])
        return torch.cat(last, dim=-1)

    def forward(self, inputs):
        h = self.features(inputs)
        update = F.dropout(F.relu(self.hidden1(h)), self.output_dropout, self.training)
        return self.head(h + self.hidden2(update))
