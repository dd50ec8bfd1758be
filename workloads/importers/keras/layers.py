"""What each layer of Keras makes of the network before it. Every class that has no rule here is refused by its name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from archsim.errors import BadInput
from workloads.importers.keras.chain import Item
from workloads.importers.keras.dense import activation, dense, relu, softmax, time_distributed
from workloads.importers.keras.file import Part
from workloads.importers.keras.flow import Context, Flow, Rule, check_policy, held_in_int8, shaped, stored_codes
from workloads.importers.keras.norm import batch_norm, normalization, rescaling
from workloads.importers.keras.recurrent import bidirectional, recurrent


def follow(context: Context, item: Item, flow: Flow) -> Flow:
    """What comes out of a layer; BadInput names it where it has no rule, or is not as its rule needs it."""
    if item.kind not in _RULES:
        why = _INSTEAD.get(item.kind, f"layers of this class are not supported; those that are: {', '.join(_RULES)}")
        raise item.refused(why)
    if item.result and item.kind not in ("LSTM", "GRU", "SimpleRNN"):
        raise item.refused(f"its output {item.result}, a state after the last step, is not supported: use its output 0")
    if item.kind != "InputLayer":
        check_policy(context, item)
    return _RULES[item.kind](context, item, flow)


def _input(context: Context, item: Item, flow: Flow) -> Flow:
    shape = item.config.get("batch_shape", item.config.get("batch_input_shape"))
    if not isinstance(shape, list) or len(shape) not in (2, 3):
        raise item.refused(
            f"its shape must be (batch, steps) of symbols or (batch, steps, features), not {str(shape)[:80]}"
        )
    if len(shape) == 2:
        return replace(flow, symbols=True)
    if not isinstance(shape[2], int) or shape[2] < 1:
        raise item.refused(f"features must be a positive number, not {str(shape[2])[:80]}")
    return replace(flow, width=shape[2])


def _masking(context: Context, item: Item, flow: Flow) -> Flow:
    if flow.symbols or flow.layers:
        raise item.refused("is supported before the first recurrent layer alone, on vectors")
    value = item.config.get("mask_value", 0.0)
    context.note(
        f"layer {item.name!r}: Keras leaves out steps whose elements are all {str(value)[:20]}; here sequences have "
        "lengths, and every step within is computed"
    )
    return flow


def _embedding(context: Context, item: Item, flow: Flow) -> Flow:
    if context.input_kind == "one_hot":
        raise BadInput("input: one_hot does not go with an embedding")
    if flow.table is not None or flow.dense is not None or flow.layers or not (flow.symbols or flow.width is None):
        raise item.refused("must read symbols, before any other layer")
    symbols, size = item.size("input_dim"), item.size("output_dim")
    stored = None
    if held_in_int8(item):
        codes, scale = context.arrays.of(item.name, item.place, [Part((), ("embeddings", "embeddings_scale"))])[0]
        stored = stored_codes(item, codes, scale, axis=0)
        table = stored.weight
    else:
        ((table,),) = context.read(item, [Part((), ("embeddings",))])
    shaped(item, "embeddings", table, (symbols, size))
    if item.flag("mask_zero", False):
        context.note(
            f"layer {item.name!r}: Keras leaves out steps of symbol 0 (mask_zero); here sequences have lengths, and "
            "within them 0 is a symbol like any other"
        )
    names = {**flow.names, "embedding": item.name}
    return replace(flow, width=size, symbols=False, table=table, table_codes=stored, names=names)


def _unchanged(context: Context, item: Item, flow: Flow) -> Flow:
    return flow


def _reshape(context: Context, item: Item, flow: Flow) -> Flow:
    """One that leaves everything where it is."""
    shape = item.config.get("target_shape")
    wanted = [-1, flow.width] if flow.steps else [flow.width]
    if flow.width is None or flow.symbols or shape != wanted:
        raise item.refused(f"must change nothing (target_shape {wanted}), not make {str(shape)[:80]}")
    return flow


def _flatten(context: Context, item: Item, flow: Flow) -> Flow:
    if flow.steps:
        raise item.refused(
            "joins all steps, so that it takes sequences of one length alone: use the last step "
            "(return_sequences=False) or GlobalAveragePooling1D"
        )
    return flow


def _pooling(how: Literal["mean", "max"]) -> Rule:
    def rule(context: Context, item: Item, flow: Flow) -> Flow:
        if not flow.layers or not flow.steps or flow.head:
            raise item.refused("must follow a recurrent layer that returns sequences")
        item.choice("data_format", ("channels_last",), "channels_last")
        if flow.reading is not None and how == "max":
            raise item.refused(
                "must not read a norm, or directions that are added up: the largest is of what they read"
            )
        if item.flag("keepdims", False):
            raise item.refused("keepdims must be false")
        return replace(flow, pooling=how, steps=False)

    return rule


def _get_item(context: Context, item: Item, flow: Flow) -> Flow:
    """``x[:, -1]``, or ``x[:, -1, :]``."""
    everything = {"start": None, "stop": None, "step": None}
    key, whole = next(iter(item.arguments), None), {"class_name": "__slice__", "config": everything}
    if key not in ([whole, -1], [whole, -1, whole]) or not (flow.layers and flow.steps) or flow.head:
        raise item.refused("must take the last step of a recurrent layer, x[:, -1]")
    if flow.backwards:
        raise item.refused("the last step of a layer that goes backwards is not supported: use return_sequences=False")
    return replace(flow, steps=False, at_last_position=any(layer.reverse for layer in flow.layers[-2:]))


_RULES: Mapping[str, Rule] = {
    "InputLayer": _input,
    "Masking": _masking,
    "Embedding": _embedding,
    "LSTM": recurrent,
    "GRU": recurrent,
    "SimpleRNN": recurrent,
    "RNN": recurrent,
    "Bidirectional": bidirectional,
    "Dense": dense,
    "TimeDistributed": time_distributed,
    "GlobalAveragePooling1D": _pooling("mean"),
    "GlobalMaxPooling1D": _pooling("max"),
    "BatchNormalization": batch_norm,
    "Normalization": normalization,
    "Rescaling": rescaling,
    "Activation": activation,
    "ReLU": relu,
    "Softmax": softmax,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "GetItem": _get_item,
    **dict.fromkeys(
        ("Dropout", "SpatialDropout1D", "GaussianDropout", "AlphaDropout", "GaussianNoise", "ActivityRegularization",
         "Identity"),
        _unchanged,
    ),
}  # fmt: skip
_INSTEAD = {
    "Lambda": "holds code, which is never run: put layers of Keras in its place",
    "Sequential": "a model within a model is not supported: add its layers themselves",
    "Functional": "a model within a model is not supported: add its layers themselves",
    "CuDNNLSTM": "is of Keras 2's GPU layers: save the model with LSTM",
    "CuDNNGRU": "is of Keras 2's GPU layers: save the model with GRU(reset_after=True)",
    "LayerNormalization": "a norm of what each step holds is not supported: train with BatchNormalization, or without",
    **dict.fromkeys(
        ("Concatenate", "Add", "Multiply", "Average", "Dot", "Attention", "MultiHeadAttention", "AdditiveAttention"),
        "joins tensors: only a chain of layers is supported",
    ),
}
"""What to say of classes that people do bring."""
