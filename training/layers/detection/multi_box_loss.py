"""MultiBoxLoss: how far the predictions at priors are from the objects of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import MultiBoxLossParameter, PriorBoxParameter
from common.messages import shape_text

from ..base import Shape
from ..losses.loss import Loss, at_least, divisor
from .coding import encode
from .matching import NOBODY, match

_LOG_FLT_MIN = math.log(torch.finfo(torch.float32).tiny)


class MultiBoxLoss(Loss):
    """Compute the loss of SSD: loc_weight * (loss of the boxes) + (loss of the scores), divided by the number of matched priors.

    Bottoms: differences from the priors, N x (4 for each prior); scores before the softmax, N x (priors x classes); priors and
    variances, 1 x 2 x (4 for each prior); objects, 1 x 1 x M x 8: number of the picture in the batch (-1: none), label, number
    of the object, xmin, ymin, xmax, ymax, and whether it is difficult to see.

    The boxes count at priors with an object, by smooth L1 (Girshick 2015) or L2. The scores count there, by a softmax, or a
    sigmoid for each class; with mining also at the unmatched priors of the same picture that cost most, neg_pos_ratio for
    each matched one. From the SSD fork (Liu et al. 2016), without its settings that `_refusal` names.
    """

    labels = (2, 3)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.multibox_loss_param
        if reason := _refusal(p):
            raise self.error(reason)
        locations, scores, priors, objects = shapes
        if len(priors) != 3 or priors[1] != 2 or priors[2] % 4:
            raise self.error(f"its third bottom is {shape_text(priors)}; expected 1 x 2 x (4 for each prior).")
        if len(objects) != 4 or objects[:2] != (1, 1) or objects[3] != 8:
            raise self.error(
                f"its fourth bottom is {shape_text(objects)}; expected 1 x 1 x (objects of the batch) x 8."
            )
        self.priors = priors[2] // 4
        for name, shape, count in (("first", locations, 4), ("second", scores, p.num_classes)):
            if not shape or math.prod(shape[1:]) != self.priors * count:
                raise self.error(
                    f"its {name} bottom is {shape_text(shape)}; expected {self.priors * count} numbers for each picture, "
                    f"{count} for each of {self.priors} priors."
                )
        return super().setup(shapes)

    def compute(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.multibox_loss_param
        batch = len(bottoms[0])
        locations = bottoms[0].float().reshape(batch, self.priors, 4)
        scores = bottoms[1].float().reshape(batch, self.priors, p.num_classes)
        priors, variances = bottoms[2].detach().float()[0].reshape(2, self.priors, 4).cpu()
        objects = self._objects(bottoms[3].detach().float().cpu(), batch)
        places, targets, labels, negatives = [], [], [], []
        background = torch.full(scores.shape[:2], p.background_label_id, device=scores.device)
        losses = self._class_losses(scores.detach(), background)
        for number in range(batch):
            own = objects[objects[:, 0] == number]
            if not len(own):
                negatives.append(torch.zeros(0, dtype=torch.long))
                continue
            per_prediction = p.match_type == MultiBoxLossParameter.PER_PREDICTION
            matched, largest = match(priors, own[:, 3:7], p.overlap_threshold, per_prediction)
            (positive,) = (matched != NOBODY).nonzero(as_tuple=True)
            found = own[matched[positive]]
            places.append(number * self.priors + positive)
            targets.append(self._encoded(priors[positive], variances[positive], found[:, 3:7]))
            labels.append(found[:, 1].long())
            (free,) = ((matched == NOBODY) & (largest < p.neg_overlap)).nonzero(as_tuple=True)
            count = min(int(len(positive) * p.neg_pos_ratio), len(free))
            hardest = losses[number].cpu()[free].argsort(descending=True, stable=True)[:count]
            negatives.append(number * self.priors + free[hardest])
        device = locations.device
        place = torch.cat([*places, torch.zeros(0, dtype=torch.long)]).to(device)
        target = torch.cat([*targets, torch.zeros(0, 4)]).to(device)
        label = torch.cat([*labels, torch.zeros(0, dtype=torch.long)]).to(device)
        weights = variances[(place % self.priors).cpu()].to(device)
        boxes = self._box_loss(locations.reshape(-1, 4)[place], target, weights)
        flat = scores.reshape(-1, p.num_classes)
        truth = torch.full((len(flat),), p.background_label_id, device=device)
        truth[place] = p.background_label_id + 1 if p.map_object_to_agnostic else label
        if p.mining_type == MultiBoxLossParameter.NONE:
            counted = torch.arange(len(flat), device=device)
        else:
            counted = torch.cat([place, torch.cat(negatives).to(device)])
        classes = self._class_losses(flat[counted], truth[counted]).sum()
        mode = self.param.loss_param
        # FULL counts all priors of all pictures.
        count_all = torch.zeros(batch, self.priors, dtype=torch.bool, device=device)
        count_all.view(-1)[place] = True
        return [(p.loc_weight * boxes + classes) / divisor(mode, batch, count_all)]

    def _class_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return what the scores (... x classes) of each prior cost, if `labels` (...) are right."""
        if self.param.multibox_loss_param.conf_loss_type == MultiBoxLossParameter.LOGISTIC:
            truth = F.one_hot(labels, scores.shape[-1]).to(scores.dtype)
            return F.binary_cross_entropy_with_logits(scores, truth, reduction="none").sum(-1)
        picked = scores.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
        return -at_least(picked, _LOG_FLT_MIN)

    def _box_loss(self, found: Tensor, target: Tensor, variances: Tensor) -> Tensor:
        p = self.param.multibox_loss_param
        if p.encode_variance_in_target:
            found, target = found / variances, target / variances
        if p.loc_loss_type == MultiBoxLossParameter.L2:
            return (found - target).square().sum() / 2
        return F.smooth_l1_loss(found, target, reduction="sum")

    def _encoded(self, priors: Tensor, variances: Tensor, boxes: Tensor) -> Tensor:
        p = self.param.multibox_loss_param
        if p.code_type != PriorBoxParameter.CORNER and bool((priors[:, 2:] <= priors[:, :2]).any()):
            raise self.error("a prior has no area. Look at min_size, step and clip of the PriorBox layers.")
        return encode(p.code_type, priors, None if p.encode_variance_in_target else variances, boxes)

    def _objects(self, rows: Tensor, batch: int) -> Tensor:
        """Return the objects that count, M x 8. Raises LayerError for a label or a box that cannot be right."""
        p = self.param.multibox_loss_param
        rows = rows.reshape(-1, 8)
        rows = rows[rows[:, 0] != -1]
        if not p.use_difficult_gt:
            rows = rows[rows[:, 7] == 0]
        label = rows[:, 1].long()
        classes = p.num_classes if not p.map_object_to_agnostic else 1 << 24
        for wrong, text in (
            (
                (rows[:, 0] < 0) | (rows[:, 0] >= batch),
                f"has number {{0:g}}; pictures go from 0 to {batch - 1}, and -1 is none",
            ),
            (
                (label == p.background_label_id) | (label < 0) | (label >= classes),
                f"has label {{1:g}}; expected one of {p.num_classes} classes, and not {p.background_label_id}, the background",
            ),
            (
                ~(rows[:, 5:7] > rows[:, 3:5]).all(1),
                "is {3:g}, {4:g} to {5:g}, {6:g}; expected xmin, ymin, xmax, ymax with an area",
            ),
        ):
            if bool(wrong.any()):
                raise self.error(f"an object {text.format(*rows[wrong][0].tolist())}.")
        return rows


def _refusal(p: MultiBoxLossParameter) -> str:
    """Say which setting is not computed here, and what to do; "" if all are."""
    if not p.num_classes:
        return "num_classes is missing; expected the number of classes, that of the background included."
    if p.background_label_id >= p.num_classes:
        return f"background_label_id is {p.background_label_id}, but there are {p.num_classes} classes, from 0 on."
    if p.map_object_to_agnostic and p.num_classes != 2:
        return f"map_object_to_agnostic wants num_classes: 2; found {p.num_classes}."
    if p.HasField("do_neg_mining") and p.do_neg_mining != (p.mining_type != MultiBoxLossParameter.NONE):
        return "do_neg_mining and mining_type differ. Write mining_type alone."
    if not p.neg_pos_ratio > 0:
        return f"neg_pos_ratio is {p.neg_pos_ratio:g}; expected a number above 0."
    logistic = p.conf_loss_type == MultiBoxLossParameter.LOGISTIC
    for wrong, text in (
        (not p.share_location, "share_location: false"),
        (not p.use_prior_for_matching, "use_prior_for_matching: false"),
        (logistic and p.mining_type == MultiBoxLossParameter.NONE, "conf_loss_type: LOGISTIC with mining_type: NONE"),
        (logistic and p.background_label_id != 0, "conf_loss_type: LOGISTIC with another background_label_id than 0"),
        (p.mining_type == MultiBoxLossParameter.HARD_EXAMPLE, "mining_type: HARD_EXAMPLE"),
        (p.HasField("nms_param") and p.nms_param.nms_threshold > 0, "nms_param"),
        (p.ignore_cross_boundary_bbox, "ignore_cross_boundary_bbox: true"),
        (p.bp_inside, "bp_inside: true"),
    ):
        if wrong:
            return f"{text} is not computed here, because nothing judges it. Leave it out, or train with the SSD fork."
    return ""
