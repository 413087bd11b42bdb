"""Faster R-CNN and R-FCN with Proposal, and a CRNN: deploy nets with a second input, written from their papers.

REGION_NETS holds them as tools.zoo.NETS holds those of Caffe 1.0.
"""

from __future__ import annotations

from . import Entry
from .writer import Top, Writer

_CLASSES = 4
_STRIDE = 16
_ANCHORS = 9
_SHARP = 'weight_filler { type: "msra" } bias_filler { type: "gaussian" std: 1 }'


def _body(net: Writer) -> str:
    """Write a small body with a map of a sixteenth of the picture."""
    top = "data"
    for number, channels in enumerate((64, 128, 256, 512), 1):
        top = net.pool(f"pool{number}", net.conv_relu(f"conv{number}", top, net.wide(channels), 3, pad=1), 2)
    return net.conv_relu("conv5", top, net.wide(512), 3, pad=1)


def _proposals(net: Writer, features: str) -> str:
    """Write the region proposal network (Ren et al. 2015), whose im_info is height, width and scale of the picture."""
    net.tops["im_info"] = Top((3,))
    top = net.conv_relu("rpn_conv", features, net.wide(512), 3, pad=1)
    setting = f"kernel_size: 1 {_SHARP}"
    scores = net.add(
        "rpn_cls_score", "Convolution", top, f"convolution_param {{ num_output: {2 * _ANCHORS} {setting} }}"
    )
    moves = net.add("rpn_bbox_pred", "Convolution", top, _small(4 * _ANCHORS))
    pairs = "reshape_param { shape { dim: 0 dim: 2 dim: -1 dim: 0 } }"
    back = f"reshape_param {{ shape {{ dim: 0 dim: {2 * _ANCHORS} dim: -1 dim: 0 }} }}"
    odds = net.add("rpn_cls_prob", "Softmax", net.add("rpn_pairs", "Reshape", scores, pairs))
    odds = net.add("rpn_odds", "Reshape", odds, back)
    setting = (
        f"feat_stride: {_STRIDE} base_size: 16 min_size: 8 ratio: 0.5 ratio: 1 ratio: 2 scale: 1 scale: 2 scale: 3 "
        "pre_nms_topn: 200 post_nms_topn: 16 nms_thresh: 0.6"
    )
    return net.add("rois", "Proposal", [odds, moves, "im_info"], f"proposal_param {{ {setting} }}")


def _small(outputs: int) -> str:
    """Write a 1 x 1 convolution whose numbers are about a tenth, as differences from boxes are."""
    filler = 'weight_filler { type: "gaussian" std: 0.01 } bias_filler { type: "gaussian" std: 0.2 }'
    return f"convolution_param {{ num_output: {outputs} kernel_size: 1 {filler} }}"


def faster_rcnn(net: Writer) -> None:
    """Write Faster R-CNN (Ren et al. 2015): probabilities and boxes of each class for each region."""
    features = _body(net)
    rois = _proposals(net, features)
    setting = f"roi_pooling_param {{ pooled_h: 5 pooled_w: 5 spatial_scale: {1 / _STRIDE} }}"
    top = net.add("roi_pool5", "ROIPooling", [features, rois], setting)
    top = net.fc_relu_drop("fc7", net.fc_relu_drop("fc6", top, net.wide(1024)), net.wide(1024))
    net.fc("bbox_pred", top, 4 * _CLASSES)
    net.add("cls_prob", "Softmax", net.fc("cls_score", top, _CLASSES))


def rfcn(net: Writer) -> None:
    """Write R-FCN (Dai et al. 2016): maps for each class and place, which each region averages."""
    features = _body(net)
    rois = _proposals(net, features)
    for name, outputs in (("cls", _CLASSES), ("bbox", 8)):
        maps = net.conv(f"rfcn_{name}", features, outputs * 9, 1)
        setting = f"spatial_scale: {1 / _STRIDE} output_dim: {outputs} group_size: 3"
        pooled = net.add(f"pooled_{name}", "PSROIPooling", [maps, rois], f"psroi_pooling_param {{ {setting} }}")
        mean = net.pool(f"mean_{name}", pooled, 3, 3, how="AVE")
        shape = f"reshape_param {{ shape {{ dim: -1 dim: {outputs} }} }}"
        if name == "cls":
            net.add("cls_prob", "Reshape", net.add("odds", "Softmax", mean), shape)
        else:
            net.add("bbox_pred", "Reshape", mean, shape)


def crnn(net: Writer) -> None:
    """Write a CRNN (Shi et al. 2015) with one LSTM: letters from left to right. Its cont says where a text goes on."""
    top = "data"
    for number, channels in enumerate((64, 128), 1):
        top = net.pool(f"pool{number}", net.conv_relu(f"conv{number}", top, net.wide(channels), 3, pad=1), 2)
    high = -(-net.size // 4)
    setting = f"num_output: {net.wide(256)} kernel_h: {high} kernel_w: 3 {_SHARP}"
    top = net.relu(net.add("columns", "Convolution", top, f"convolution_param {{ {setting} }}"))
    steps = high - 2
    top = net.add("by_steps", "Permute", top, "permute_param { order: 3 order: 0 order: 1 order: 2 }")
    net.tops["cont"] = Top((steps,))
    cont = net.add("cont_by_steps", "Reshape", "cont", f"reshape_param {{ shape {{ dim: {steps} dim: 1 }} }}")
    setting = 'weight_filler { type: "uniform" min: -0.2 max: 0.2 } bias_filler { type: "uniform" min: -0.5 max: 0.5 }'
    top = net.add("lstm", "LSTM", [top, cont], f"recurrent_param {{ num_output: {net.wide(128)} {setting} }}")
    setting = f"inner_product_param {{ axis: 2 num_output: 12 {_SHARP} }}"
    net.add("prob", "Softmax", net.add("letters", "InnerProduct", top, setting), "softmax_param { axis: 2 }")


REGION_NETS: dict[str, Entry] = {
    "CRNN": Entry(crnn, 32, 32, 0.25, 1),
    "Faster R-CNN": Entry(faster_rcnn, 608, 128, 0.125),
    "R-FCN": Entry(rfcn, 608, 128, 0.125),
}
