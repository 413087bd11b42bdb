"""Reads a model file with today's OpenVINO, in a process of its own, because a damaged file can crash OpenVINO's readers.

read: {"model", "weights", "shapes", "batch", "outputs", "layout", "xml", "bin", "memory"}
   -> {"inputs": [{"name", "shape"}, ...], "outputs": [name, ...], "note"}

`shapes` are those of --input_shape, in the order of the file, or []. `batch` is that of --batch, or null. `outputs` are the
names of --output, or []. The model is written to `xml` and `bin` as IR of today: with shapes that are fixed, pictures as
N x C x H x W, weights in float32, and tidied by OpenVINO's own passes. The inputs' shapes are those in the new model, where
each Parameter is called by its name; the outputs are in the order of its results.
"""

import resource

import numpy as np

# Sizes of a dimension that is left open can be anything.
OPEN = -1


class Problem(ValueError):
    """What the caller tells the user as it is."""


def read(values, arrays):
    """Read, fix the shapes, cut at the outputs, bring pictures to N x C x H x W, tidy, and write."""
    _limit_memory(values["memory"])
    import openvino
    from openvino._offline_transformations import apply_moc_transformations

    core = openvino.Core()
    model = (
        core.read_model(values["model"], values["weights"]) if values["weights"] else core.read_model(values["model"])
    )
    if model.get_sinks():
        raise Problem(
            "keeps a state from one run to the next, which a blob does not. Export the net with its state as inputs."
        )
    if values["outputs"]:
        model = _cut(model, values["outputs"])
    note = _fix_shapes(model, values["shapes"], values["batch"])
    _unpack_weights(model)
    inputs = [_bring_to_nchw(model, source, values["layout"]) for source in list(model.get_parameters())]
    model.validate_nodes_and_infer_types()
    # Before passes merge tensors, which then have the names of both.
    names = [_output_name(result) for result in model.get_results()]
    apply_moc_transformations(model, cf=True)
    # Anew, because one from an old IR would insist on its old version.
    model = openvino.Model(model.get_results(), model.get_parameters(), model.get_friendly_name())
    openvino.serialize(model, values["xml"], values["bin"], version="IR_V11")
    return {"inputs": inputs, "outputs": names, "note": note}, {}


def _limit_memory(most):
    """Let a file that asks for endless memory fail instead of the machine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _name(port):
    names = sorted(port.get_names())
    return names[0] if names else port.get_node().get_friendly_name()


def _output_name(result):
    """Return the name of an output: the tensor's, and of several the one after which the result is called."""
    port = result.input(0).get_source_output()
    names = sorted(port.get_names())
    chosen = [name for name in names if result.get_friendly_name() in (name, name + "/sink_port_0")]
    return chosen[0] if chosen else names[0] if names else port.get_node().get_friendly_name()


def _cut(model, names):
    """Return the part of the model that the outputs `names` need: names of tensors, or of operations."""
    import openvino
    import openvino.opset1 as op

    tensors, nodes = {}, {}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Result":
            continue
        nodes[node.get_friendly_name()] = node.outputs()
        for port in node.outputs():
            tensors.update({key: [port] for key in port.get_names()})
    results = []
    for name in names:
        if name not in tensors and name not in nodes:
            known = ", ".join(sorted(tensors)[:20])
            raise Problem(
                f"--output {name}: the model has no tensor and no operation of that name. It has {known}, ..."
            )
        for port in tensors.get(name) or nodes[name]:
            results.append(op.result(port))
    parameters = [node for node in model.get_parameters() if _reaches(node, results)]
    return openvino.Model(results, parameters, model.get_friendly_name())


def _reaches(node, results):
    ends = {result.get_name() for result in results}
    queue, seen = [node], set()
    while queue:
        for port in queue.pop().outputs():
            for target in port.get_target_inputs():
                user = target.get_node()
                if user.get_name() in ends:
                    return True
                if user.get_name() not in seen:
                    seen.add(user.get_name())
                    queue.append(user)
    return False


def _fix_shapes(model, shapes, batch):
    """Give each input a fixed shape. Returns a sentence if a batch that was left open became 1."""
    ports = [node.output(0) for node in model.get_parameters()]
    declared = [_dims(port) for port in ports]
    listed = ", ".join(f"{_name(port)} {_text(dims)}" for port, dims in zip(ports, declared, strict=False))
    if shapes and len(shapes) != len(ports):
        raise Problem(
            f"--input_shape: has {len(shapes)} shapes, but the model has {len(ports)} inputs: {listed}. "
            "Give one for each, in this order."
        )
    note = ""
    fixed = {}
    for number, (port, dims) in enumerate(zip(ports, declared, strict=False)):
        wanted = list(shapes[number]) if shapes else dims
        if wanted is None or (dims is not None and len(wanted) != len(dims)):
            raise Problem(
                f'the input "{_name(port)}" is {_text(dims)}. Give --input_shape with as many axes: {listed}.'
            )
        if batch is not None and len(wanted) > 1:
            wanted = [batch, *wanted[1:]]
        elif len(wanted) > 1 and wanted[0] == OPEN and OPEN not in wanted[1:]:
            wanted = [1, *wanted[1:]]
            note = "the file leaves it open; --batch N or --input_shape sets another"
        if OPEN in wanted or 0 in wanted:
            raise Problem(
                f'the input "{_name(port)}" is {_text(dims)}: the file leaves sizes open, and a blob has fixed ones. '
                "Give --input_shape, in the order of the file, such as "
                f"[{','.join(str(1 if at == 0 else 224) if d < 1 else str(d) for at, d in enumerate(wanted))}]."
            )
        fixed[port] = wanted
    try:
        if any(wanted != dims for wanted, dims in zip(fixed.values(), declared, strict=False)):
            model.reshape(fixed)
    except RuntimeError as error:
        raise Problem(f"cannot take inputs of {', '.join(map(_text, fixed.values()))}: {_last_line(error)}") from error
    return note


def _dims(port):
    shape = port.get_partial_shape()
    return [OPEN if d.is_dynamic else d.get_length() for d in shape] if shape.rank.is_static else None


def _text(dims):
    return "of no known shape" if dims is None else "x".join("?" if d == OPEN else str(d) for d in dims) or "one number"


def _last_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _unpack_weights(model):
    """Turn constants of half precision, which are converted when the net runs, into float32 constants."""
    from openvino.op import Constant

    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convert":
            continue
        source = node.input_value(0).get_node()
        if source.get_type_name() == "Constant" and node.get_element_type().get_type_name() in ("f32", "f16"):
            constant = Constant(np.array(source.get_data(dtype=np.float32)))
            constant.set_friendly_name(node.get_friendly_name())
            for target in node.output(0).get_target_inputs():
                target.replace_source_output(constant.output(0))


def _bring_to_nchw(model, source, layout):
    """Let an input of pictures take N x C x H x W, and call it by the tensor's name. Returns its name and shape."""
    import openvino.opset1 as op

    port = source.output(0)
    name, shape = _name(port), list(port.get_shape())
    if not _is_nhwc(shape, layout):
        source.set_friendly_name(name)
        return {"name": name, "shape": shape}
    shape = [shape[0], shape[3], shape[1], shape[2]]
    new = op.parameter(shape, source.get_element_type(), name=name)
    turned = op.transpose(new, np.array([0, 2, 3, 1]))
    for target in port.get_target_inputs():
        target.replace_source_output(turned.output(0))
    place = [node.get_name() for node in model.get_parameters()].index(source.get_name())
    later = model.get_parameters()[place + 1 :]
    for node in [source, *later]:
        model.remove_parameter(node)
    model.add_parameters([new, *later])
    return {"name": name, "shape": shape}


def _is_nhwc(shape, preferred):
    """Whether an input takes pictures with their channels last. Where both are possible, `preferred` says which."""
    if len(shape) != 4:
        return False
    _, channels, *sides = shape
    height, width, last = shape[1:]
    as_nchw = min(sides) > 1 and (channels in (1, 3) or channels < min(sides))
    as_nhwc = min(height, width) > 1 and (last in (1, 3) or (preferred == "NHWC" and last < min(height, width)))
    return as_nhwc and (not as_nchw or preferred == "NHWC")


FUNCTIONS = {"read": read}
