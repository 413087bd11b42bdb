"""Nets that give every pixel a class: SegNet and ENet with masks of maxima, PSPNet with Interp."""

from __future__ import annotations

from ..writer import Writer

_SEGNETS = (
    'bn_param { bn_mode: INFERENCE scale_filler { type: "uniform" min: 0.8 max: 1.2 } shift_filler { value: 0.3 } }'
)
_PSPNETS = 'bn_param { slope_filler { type: "uniform" min: 0.8 max: 1.2 } bias_filler { value: 0.3 } momentum: 0.95 }'
CLASSES = 11


def _pooled(net: Writer, name: str, bottom: str) -> tuple[str, str]:
    """Add a MAX Pooling of 2 x 2 with its mask; return the names of both tops."""
    names = f'bottom: "{bottom}" top: "{name}" top: "{name}_mask"'
    net.lines.append(f'layer {{ name: "{name}" type: "Pooling" {names} pooling_param {{ kernel_size: 2 stride: 2 }} }}')
    return name, f"{name}_mask"


def _unpooled(net: Writer, name: str, bottom: str, mask: str, size: int) -> str:
    return net.add(name, "Upsample", [bottom, mask], f"upsample_param {{ upsample_h: {size} upsample_w: {size} }}")


def _conv(
    net: Writer, name: str, bottom: str, outputs: int, setting: str, act: str = "ReLU", bn: str = _SEGNETS
) -> str:
    """Add a convolution with a setting such as "kernel_size: 3 pad: 1", a BN in place, and an activation."""
    filler = 'weight_filler { type: "msra" }'
    blob = net.add(name, "Convolution", bottom, f"convolution_param {{ num_output: {outputs} {setting} {filler} }}")
    net.add(f"{name}_bn", "BN", blob, bn, top=blob)
    return net.relu(blob, act) if act else blob


def segnet(net: Writer) -> None:
    """Write SegNet (Badrinarayanan et al. 2017): VGG-16's convolutions, and their mirror image with the masks."""
    parts = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
    top, size, masks = "data", net.size, []
    for part, (count, channels) in enumerate(parts, 1):
        for number in range(1, count + 1):
            top = _conv(net, f"conv{part}_{number}", top, net.wide(channels), "kernel_size: 3 pad: 1")
        top, mask = _pooled(net, f"pool{part}", top)
        masks.append((mask, size))
        size = -(-size // 2)
    for part in range(5, 0, -1):
        count, channels = parts[part - 1]
        top = _unpooled(net, f"upsample{part}", top, *masks[part - 1])
        for number in range(count, 0, -1):
            last = number == 1
            outputs = net.wide(parts[part - 2][1] if last and part > 1 else channels)
            if last and part == 1:
                top = net.conv("conv1_1_D", top, CLASSES, 3, 1, 1)
            else:
                top = _conv(net, f"conv{part}_{number}_D", top, outputs, "kernel_size: 3 pad: 1")
    net.classify(top, CLASSES, (1, net.size, net.size))


def enet(net: Writer) -> None:
    """Write ENet (Paszke et al. 2016), its second part once, as the fork's prototxt has it after its BN are merged."""
    both = [net.conv("initial", "data", 13, 3, 2, 1), net.pool("initial_pool", "data", 2)]
    top = net.add("initial_both", "Concat", both)
    net.add("initial_bn", "BN", top, _SEGNETS, top=top)
    top = net.relu(top, "PReLU")
    size, masks, channels = net.size // 2, [], 16
    kinds = ("", "dilation: 2", "asymmetric", "dilation: 4", "", "dilation: 8")
    for part, (outputs, settings) in enumerate(((64, [""] * 4), (128, kinds)), 1):
        main, mask = _pooled(net, f"pool{part}", top)
        masks.append((mask, size, channels))
        size = -(-size // 2)
        main = _conv(net, f"wide{part}", main, outputs, "kernel_size: 1", "")
        top = _bottleneck(net, f"down{part}", top, outputs, "first", main)
        for number, setting in enumerate(settings, 1):
            top = _bottleneck(net, f"block{part}_{number}", top, outputs, setting, top)
        channels = outputs
    for part in (2, 1):
        mask, size, channels = masks[part - 1]
        main = _conv(net, f"thin{part}", top, channels, "kernel_size: 1", "")
        main = _unpooled(net, f"unpool{part}", main, mask, size)
        inner = _conv(net, f"up{part}_a", top, max(4, channels // 4), "kernel_size: 1")
        inner = net.conv(f"up{part}_b", inner, max(4, channels // 4), 2, 2, kind="Deconvolution")
        net.add(f"up{part}_bn", "BN", inner, _SEGNETS, top=inner)
        inner = _conv(net, f"up{part}_c", net.relu(inner), channels, "kernel_size: 1", "")
        top = net.relu(net.add(f"up{part}", "Eltwise", [main, inner]))
        top = _bottleneck(net, f"after{part}", top, channels, "", top)
    net.classify(net.conv("full", top, CLASSES, 2, 2, kind="Deconvolution"), CLASSES, (1, net.size, net.size))


def _bottleneck(net: Writer, name: str, bottom: str, outputs: int, setting: str, main: str) -> str:
    """Add a branch that is narrow in between to `main`. The setting "first" makes it half as high and wide."""
    thin = max(4, outputs // 4)
    top = _conv(
        net, f"{name}_a", bottom, thin, "kernel_size: 2 stride: 2" if setting == "first" else "kernel_size: 1", "PReLU"
    )
    if setting == "asymmetric":
        top = net.add(f"{name}_b1", "Convolution", top, _asymmetric(thin, 5, 1))
        top = _conv(net, f"{name}_b2", top, thin, "kernel_h: 1 kernel_w: 5 pad_h: 0 pad_w: 2", "PReLU")
    else:
        spread = int(setting.split()[1]) if setting.startswith("dilation") else 1
        top = _conv(net, f"{name}_b", top, thin, f"kernel_size: 3 pad: {spread} dilation: {spread}", "PReLU")
    top = _conv(net, f"{name}_c", top, outputs, "kernel_size: 1", "")
    return net.relu(net.add(name, "Eltwise", [main, top], "eltwise_param { coeff: 1 coeff: 0.3 }"), "PReLU")


def _asymmetric(outputs: int, height: int, width: int) -> str:
    return (
        f"convolution_param {{ num_output: {outputs} kernel_h: {height} kernel_w: {width} pad_h: {height // 2} "
        f'pad_w: {width // 2} weight_filler {{ type: "msra" }} }}'
    )


def pspnet(net: Writer) -> None:
    """Write PSPNet (Zhao et al. 2017) on a small dilated ResNet, with pooled maps of 1, 2, 3 and 6 rows that Interp enlarges."""
    top = "data"
    for number, stride in enumerate((2, 1, 1), 1):
        top = _conv(net, f"conv1_{number}", top, net.wide(64), f"kernel_size: 3 pad: 1 stride: {stride}", bn=_PSPNETS)
    top = net.pool("pool1", top, 3, 2, 1)
    for part, (inner, stride, dilation) in enumerate(((64, 1, 1), (128, 2, 1), (256, 1, 2), (512, 1, 4)), 2):
        setting = f"kernel_size: 3 pad: {dilation} dilation: {dilation}"
        main = _conv(net, f"conv{part}_a", top, net.wide(inner), f"kernel_size: 1 stride: {stride}", bn=_PSPNETS)
        main = _conv(net, f"conv{part}_b", main, net.wide(inner), setting, bn=_PSPNETS)
        main = _conv(net, f"conv{part}_c", main, net.wide(4 * inner), "kernel_size: 1", "", _PSPNETS)
        side = _conv(net, f"conv{part}_p", top, net.wide(4 * inner), f"kernel_size: 1 stride: {stride}", "", _PSPNETS)
        top = net.relu(net.add(f"conv{part}", "Eltwise", [main, side]))
    # 473 pixels make 60, which 6 divides; the sizes of the paper's prototxt are those of its pictures.
    size = (net.size - 1) // 8 + 1
    joined = [top]
    for rows in (1, 2, 3, 6):
        stride = -(-size // rows)
        pool = net.pool(f"pool5_{rows}", top, stride, stride, how="AVE")
        small = _conv(net, f"conv5_{rows}", pool, net.wide(512), "kernel_size: 1", bn=_PSPNETS)
        joined.append(net.add(f"interp5_{rows}", "Interp", small, f"interp_param {{ height: {size} width: {size} }}"))
    top = net.add("joined", "Concat", joined)
    top = net.conv("conv6", _conv(net, "conv5_4", top, net.wide(512), "kernel_size: 3 pad: 1", bn=_PSPNETS), CLASSES, 1)
    top = net.add("conv6_interp", "Interp", top, "interp_param { zoom_factor: 8 }")
    net.classify(top, CLASSES, (1, net.size, net.size))
