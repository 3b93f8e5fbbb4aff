"""Records queries and keys of a Hugging Face causal language model into a capture file
(docs/capture-format.md), for `attnmeter replay`.

    from attnmeter.capture import capture
    with capture(model, "capture.h5", layers=[0, 8], rows="last:64"):
        model(**tokenizer(text, return_tensors="pt"))

Needs torch, transformers and h5py.
"""
from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["capture"]


@contextlib.contextmanager
def capture(model: torch.nn.Module, path: str | os.PathLike[str], layers: Sequence[int] | None = None,
            rows: str | Sequence[int] = "all", *, values: bool = True, names: Sequence[str] | None = None,
            tasks: Sequence[str] | None = None) -> Iterator[Recorder]:
    """While the context lasts, every forward pass of `model` is recorded into `path`.

    layers: ids of the layers recorded, None for all. rows: the query rows recorded, "all", "last:N",
    "every:N" or positions; "last:N" counts from the end of each forward call. values: whether the
    values are kept, which --output-error needs. names, tasks: of the sequences, in the order they come.

    A forward pass over whole sequences begins new ones, one an entry of the batch; one that goes on with
    a key cache (chunks, generation) adds to them. Padding marked in a 2-D attention_mask is left out.
    Queries and keys are kept after rotation in the type they have; so are an indexer's queries, keys and head
    weights where a layer has one as DeepSeek-V3.2 does (`attnmeter replay --shadow indexer`). Data goes to
    the file as layers finish. On the way out, also by an exception, the model is as before; after an
    exception the file stays with `complete` = 0. An existing file is not replaced (FileExistsError).
    """
    recorder = Recorder(model, path, layers, rows, values, names, tasks)
    with contextlib.ExitStack() as stack:
        stack.callback(recorder.file.close)
        recorder.attach(stack)
        yield recorder
        recorder.finish()


@dataclasses.dataclass
class _Entry:
    """One sequence being recorded."""

    group: h5py.Group
    length: int = 0
    positions: int = 0  # padding included
    rows: list[int] = dataclasses.field(default_factory=list)
    ids: list[int] = dataclasses.field(default_factory=list)
    nll: list[float] | None = dataclasses.field(default_factory=list)
    logits: Any = None  # of the last token so far
    seen: dict[int, int] = dataclasses.field(default_factory=dict)  # layer: keys recorded


def _policy(rows: str | Sequence[int], start: int, n: int) -> np.ndarray:
    """Which of the positions start .. start + n - 1 are recorded."""
    positions = np.arange(start, start + n)
    if not isinstance(rows, str):
        return np.isin(positions, np.asarray(list(rows), int))
    if rows == "all":
        return np.ones(n, bool)
    kind, _, number = rows.partition(":")
    if kind not in ("last", "every") or not number.isdigit() or int(number) < 1:
        raise ValueError(f"rows: expected all, last:N, every:N or positions, found {rows!r}")
    return positions >= start + n - int(number) if kind == "last" else positions % int(number) == 0


def _append(group: h5py.Group, name: str, x: torch.Tensor) -> None:
    """Adds x[n, ...] at the end of a dataset, which it may begin."""
    import torch

    x = x.detach().cpu().contiguous()
    bfloat16 = x.dtype == torch.bfloat16
    if not bfloat16 and x.dtype not in (torch.float16, torch.float32):
        raise TypeError(f"{name}: expected float32, float16 or bfloat16, found {x.dtype}")
    data = x.view(torch.uint16).numpy() if bfloat16 else x.numpy()
    if name not in group:
        group.create_dataset(name, data=data, maxshape=(None, *data.shape[1:]), chunks=(min(max(len(data), 1), 512), *data.shape[1:]))
        if bfloat16:
            group[name].attrs["dtype"] = "bfloat16"
        return
    old = len(group[name])
    group[name].resize(old + len(data), axis=0)
    group[name][old:] = data


def _is_indexer(module: torch.nn.Module) -> bool:
    """An indexer of DeepSeek-V3.2's kind."""
    return all(hasattr(module, x) for x in ("wq_b", "wk", "weights_proj", "n_heads", "head_dim", "softmax_scale", "layer_idx"))


@contextlib.contextmanager
def _products() -> Iterator[list[tuple[torch.Tensor, torch.Tensor]]]:
    """The operands of the matrix products made meanwhile."""
    import torch
    from torch.overrides import TorchFunctionMode

    found: list[tuple[torch.Tensor, torch.Tensor]] = []

    class Mode(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func in (torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__):
                found.append(args[:2])
            return func(*args, **(kwargs or {}))

    with Mode():
        yield found


def _index_tensors(indexer: torch.nn.Module, products: Sequence[tuple[torch.Tensor, torch.Tensor]]):
    """Queries [batch, n, heads, size], keys [batch, keys, size] and weights [batch, n, heads] whose score is
    sum_h w_h relu(q_h . k), as they enter it; None where the indexer forms it in another way."""
    import torch

    why = f"expected 2 products, found {len(products)}"
    if len(products) == 2:
        (q, kt), (w, scores) = products
        if (q.ndim == kt.ndim == w.ndim == scores.ndim == 4 and q.shape[2:] == (indexer.n_heads, indexer.head_dim) and
                kt.shape[1] == w.shape[2] == 1 and scores.shape == (*q.shape[:3], kt.shape[3])):
            found, plain = scores[0, -1].float(), torch.relu(q[0, -1] @ kt[0, 0]).float()
            for scale in (float(indexer.softmax_scale), 1.0):
                if torch.allclose(found, plain * scale, rtol=1e-2, atol=1e-6 * float(found.abs().max())):
                    return q, kt[:, 0].transpose(1, 2), w[:, :, 0] * scale
        why = "its scores are not sums of w relu(q . k) over single keys"
    warnings.warn(f"{type(indexer).__name__} is not recorded: {why}", stacklevel=2)
    return None


class Recorder:
    """What `capture` yields. `sequences` is the number of sequences recorded so far."""

    def __init__(self, model, path, layers, rows, values, names, tasks) -> None:
        _policy(rows, 0, 1)
        self.model, self.rows, self.values = model, rows, values
        self.names, self.tasks = names, tasks
        self.layers = None if layers is None else set(layers)
        self.entries: list[_Entry] = []
        self.current: list[_Entry] = []
        self.seen_layers: dict[int, dict[str, Any]] = {}
        self.call: dict[str, Any] | None = None
        self.file = h5py.File(path, "x")
        config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
        import transformers

        self.file.attrs.update({
            "format": "attnmeter-capture", "format_version": 1, "complete": 0, "model_layers": int(config.num_hidden_layers),
            "model": str(getattr(model.config, "_name_or_path", "") or ""), "model_family": str(config.model_type),
            "dtype": str(model.dtype).removeprefix("torch."), "source": f"transformers {transformers.__version__}"})
        if getattr(config, "attention_chunk_size", None):
            raise NotImplementedError("attention in chunks is not supported")

    @property
    def sequences(self) -> int:
        return len(self.entries)

    def attach(self, stack: contextlib.ExitStack) -> None:
        """Puts the recorder between the model and its attention functions; undone by the stack. They keep
        their names, by which models also decide on masks."""
        from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as functions

        registry, modules = functions._global_mapping, list(self.model.modules())
        self.modules = {id(m) for m in modules}
        for kind in {getattr(m.config, "_attn_implementation", None) for m in modules if hasattr(m, "config")} - {None}:
            if kind != "eager" and kind not in functions:
                raise NotImplementedError(f"attention function {kind} is not in the registry")
            before = registry.get(kind)
            functions.register(kind, self._wrapped(kind, before))
            stack.callback(*((registry.pop, kind, None) if before is None else (functions.register, kind, before)))
        for indexer in (m for m in modules if _is_indexer(m)):
            stack.callback(*((setattr, indexer, "forward", indexer.forward) if "forward" in vars(indexer) else
                             (delattr, indexer, "forward")))
            indexer.forward = self._noting(indexer, indexer.forward)
        for handle in (self.model.register_forward_pre_hook(self._before, with_kwargs=True),
                       self.model.register_forward_hook(self._after)):
            stack.callback(handle.remove)

    def _wrapped(self, kind: str, before):
        def function(module, query, key, value, attention_mask, *args, **kwargs):
            if id(module) in self.modules:
                self._observe(kind, module, query, key, value, kwargs)
            inner = before or sys.modules[type(module).__module__].eager_attention_forward
            return inner(module, query, key, value, attention_mask, *args, **kwargs)
        return function

    def _noting(self, indexer, forward):
        """The indexer's forward, which notes what enters its scores for the layers up to the next one."""
        def noting(*args, **kwargs):
            with _products() as products:
                out = forward(*args, **kwargs)
            if self.call is not None:
                self.call["index"] = _index_tensors(indexer, products)
            return out
        return noting

    def _before(self, module, args, kwargs) -> None:
        """What the call is told of tokens and padding."""
        ids = kwargs.get("input_ids", args[0] if args else None)
        mask = kwargs.get("attention_mask")
        self.call = {"ids": ids, "mask": mask if mask is not None and mask.ndim == 2 else None, "keep": None,
                     "index": None}

    def _begin(self, batch: int, n: int, fresh: bool) -> None:
        """The first layer of a call: which tokens of it count, and whose they are."""
        mask, ids = self.call["mask"], self.call["ids"]
        keep = np.ones((batch, n), bool) if mask is None else mask[:, -n:].bool().cpu().numpy()
        if fresh:
            first = len(self.entries)
            self.current = [_Entry(self.file.create_group(f"sequences/{first + i}")) for i in range(batch)]
            self.entries += self.current
        elif not self.current:
            raise NotImplementedError("expected whole sequences in the first call, found a cache with keys already")
        elif len(self.current) != batch:
            raise ValueError(f"expected a batch of {len(self.current)} as before, found {batch}")
        picked = []
        for i, entry in enumerate(self.current):
            where = np.flatnonzero(keep[i])
            if len(where) and where[-1] - where[0] != len(where) - 1:
                raise NotImplementedError("padding within a sequence is not supported")
            chosen = _policy(self.rows, entry.length, len(where))
            picked.append((where, where[chosen], entry.length))
            entry.rows += (entry.length + np.flatnonzero(chosen)).tolist()
            entry.length += len(where)
            entry.positions += n
            if ids is not None:
                entry.ids += ids[i, where].tolist()
        self.call["keep"] = picked

    def _observe(self, kind, module, query, key, value, kwargs) -> None:
        layer, n = getattr(module, "layer_idx", None), query.shape[2]
        if layer is None or self.call is None:
            return
        if self.call["keep"] is None:
            self._begin(query.shape[0], n, key.shape[2] == n)
        if self.layers is not None and layer not in self.layers:
            return
        self._describe(kind, layer, module, query, kwargs)
        # A layer without an indexer of its own uses the sets of the one before.
        index = self.call["index"] if hasattr(module, "indexer") else None
        for i, (where, rows, before) in enumerate(self.call["keep"]):
            entry = self.current[i]
            if entry.seen.get(layer, 0) != before or key.shape[2] > entry.positions:
                raise NotImplementedError("expected a key cache that grows by the tokens of a call")
            entry.seen[layer] = entry.length
            group = entry.group.require_group(str(layer))
            last = key.shape[2] - n
            _append(group, "q", query[i][:, rows].transpose(0, 1))
            _append(group, "k", key[i][:, last + where].transpose(0, 1))
            if self.values:
                _append(group, "v", value[i][:, last + where].transpose(0, 1))
            if index is not None:
                q, k, w = index
                _append(group, "index_q", q[i][rows])
                _append(group, "index_k", k[i][last + where])
                _append(group, "index_w", w[i][rows])

    def _describe(self, kind, layer, module, query, kwargs) -> None:
        """How the layer forms scores, once a layer."""
        if layer in self.seen_layers:
            return
        causal = kwargs.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        scale, cap, window, sink = (kwargs.get(x) for x in ("scaling", "softcap", "sliding_window", "s_aux"))
        if kind == "sdpa" and (cap or sink is not None):
            warnings.warn("sdpa leaves soft caps and sink logits out of the model's own pass; the capture names them", stacklevel=2)
        group = self.file.create_group(f"layers/{layer}")
        group.attrs["scale"] = float(query.shape[-1] ** -0.5 if scale is None else scale)
        group.attrs["soft_cap"] = float(cap or 0)
        group.attrs["window"] = int(window or 0)
        group.attrs["causal"] = int(bool(causal))
        if sink is not None:
            group["sink_logit"] = sink.detach().float().cpu().numpy().reshape(-1)
        self.seen_layers[layer] = dict(group.attrs)

    def _after(self, module, args, output) -> None:
        """Likelihoods of the call's tokens, where the logits are there for all."""
        import torch

        call, self.call = self.call, None
        logits = getattr(output, "logits", None)
        for i, (where, _, before) in enumerate((call or {}).get("keep") or []):
            entry = self.current[i]
            whole = logits is not None and call["ids"] is not None and logits.shape[1] == call["ids"].shape[1]
            if not whole or entry.nll is None or not len(where):
                entry.nll = entry.nll if whole else None
                continue
            row = logits[i, where].detach().float().cpu()
            known = row if entry.logits is None else torch.cat([entry.logits, row])
            targets = torch.tensor(entry.ids[entry.length - len(where) - (entry.logits is not None):])
            entry.nll += torch.nn.functional.cross_entropy(known[:-1], targets[1:], reduction="none").tolist()
            entry.logits = row[-1:]
        self.file.flush()

    def finish(self) -> None:
        """The rest of the file; from then on it is complete."""
        if not self.entries or not self.seen_layers:
            raise ValueError("nothing was recorded: the model was not run, or has none of the layers")
        if self.layers is not None and self.layers - self.seen_layers.keys():
            raise ValueError(f"layers {sorted(self.layers - self.seen_layers.keys())} were not seen")
        self.file["layer"] = np.array(sorted(self.seen_layers), np.int32)
        self.file.attrs["sequences"] = len(self.entries)
        for i, entry in enumerate(self.entries):
            group = entry.group
            if not entry.rows:
                raise ValueError(f"sequence {i}: no row was recorded")
            group.attrs["length"] = entry.length
            for name, given in (("name", self.names), ("task", self.tasks)):
                if given is not None and i < len(given):
                    group.attrs[name] = given[i]
            group["row_position"] = np.array(entry.rows, np.int32)
            if len(entry.ids) == entry.length:
                group["token_id"] = np.array(entry.ids, np.int32)
            if entry.nll is not None and len(entry.nll) == entry.length - 1:
                group["nll"] = np.array(entry.nll + [np.nan], np.float32)
        self.file.attrs["complete"] = 1
