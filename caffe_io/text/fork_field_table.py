"""The fields that only forks of Caffe have, by what becomes of them.

The names are from the schemas of NVIDIA's, Intel's, Microsoft's, Cambricon's, SSD's, DeepLab's and SegNet's forks.
"""

from __future__ import annotations

from collections.abc import Callable

ENGINE = "it selects the library that computes"
_PRECISION = "it selects a number format, and everything here is float32"
_SPEED = "it affects only speed or memory"
_FILES = "it affects only files that the layer writes beside its top"
_REPORT = "it affects only the log"
_SWITCHED = "it has an effect only with a field that is refused"
HARMLESS: dict[str, str] = {
    "*.engine": ENGINE,
    "BlobProto.cpu_data_type": _PRECISION,
    "ConvolutionParameter.conv_algorithm": ENGINE,
    "ConvolutionParameter.conv_algos_override": ENGINE,
    "ConvolutionParameter.cudnn_convolution_algo_seeker": ENGINE,
    "DataParameter.cache": _SPEED,
    "DataParameter.disk_reader_threads": _SPEED,
    "DataParameter.parser_threads": _SPEED,
    "DataParameter.precache": _SPEED,
    "DataParameter.threads": _SPEED,
    "DataParameter.verbose": _REPORT,
    "DetectionOutputParameter.save_file": _FILES,
    "DetectionOutputParameter.save_output_param": _FILES,
    "DetectionOutputParameter.visualize": _FILES,
    "DetectionOutputParameter.visualize_threshold": _FILES,
    "DropoutParameter.random_seed": "it only seeds random numbers",
    "ImageDataParameter.cache": _SPEED,
    "ImageDataParameter.precache": _SPEED,
    "ImageDataParameter.threads": _SPEED,
    "LayerParameter.backward_math": _PRECISION,
    "LayerParameter.backward_type": _PRECISION,
    "LayerParameter.cudnn_math_override": ENGINE,
    "LayerParameter.debug": _REPORT,
    "LayerParameter.display": _REPORT,
    "LayerParameter.forward_math": _PRECISION,
    "LayerParameter.forward_type": _PRECISION,
    "LayerParameter.quantization_param": _PRECISION,
    "NetParameter.default_backward_math": _PRECISION,
    "NetParameter.default_backward_type": _PRECISION,
    "NetParameter.default_conv_algos_override": ENGINE,
    "NetParameter.default_cudnn_math_override": ENGINE,
    "NetParameter.default_forward_math": _PRECISION,
    "NetParameter.default_forward_type": _PRECISION,
    "NetParameter.eltwise_mem_sharing": _SPEED,
    "NetParameter.global_grad_scale": "it protects float16 gradients, and everything here is float32",
    "NetParameter.global_grad_scale_adaptive": "it protects float16 gradients, and everything here is float32",
    "NetParameter.mem_param": _SPEED,
    "NetParameter.reduce_buckets": _SPEED,
    "ReLUParameter.fuse": _SPEED,
    "SolverParameter.ap_version": _REPORT,
    "SolverParameter.eval_type": _REPORT,
    "SolverParameter.larc_eta": _SWITCHED,
    "SolverParameter.larc_policy": _SWITCHED,
    "SolverParameter.larc_turbo": _SWITCHED,
    "SolverParameter.local_gw_ratio": _SWITCHED,
    "SolverParameter.max_momentum": _SWITCHED,
    "SolverParameter.max_weight_decay": _SWITCHED,
    "SolverParameter.momentum_power": _SWITCHED,
    "SolverParameter.plateau_winsize": 'it has an effect only with lr_policy "plateau"',
    "SolverParameter.rampup_lr": _SWITCHED,
    "SolverParameter.show_per_class_result": _REPORT,
    "SolverParameter.solver_data_type": _PRECISION,
    "SolverParameter.store_blobs_in_old_format": "snapshots are always written in Caffe 1.0's format",
    "SolverParameter.test_and_snapshot_last_epochs": "test_interval and snapshot decide",
    "SolverParameter.warmup_start_lr": _SWITCHED,
    "SolverParameter.weight_decay_power": _SWITCHED,
    "TransformationParameter.debug_params": _REPORT,
    "TransformationParameter.display": _REPORT,
    "TransformationParameter.forward_packing": _SPEED,
    "TransformationParameter.random_seed": "it only seeds random numbers",
    "TransformationParameter.use_gpu_transform": _SPEED,
}

_CROP = "crop to a square with crop_size, or resize when the database is made"
_RATE = "Caffe 1.0's learning-rate policies (fixed, step, multistep, exp, inv, poly, sigmoid) lack it"
_BATCHES = "in TRAIN, the fork takes the statistics of parts of a batch. Use that batch size"
# Field -> its default in the fork, which changes nothing, and what to do about any other value.
NEUTRAL: dict[str, tuple[str, str]] = {
    "BatchNormParameter.relu": ("false", "write a ReLU layer after it"),
    "BatchNormParameter.stats_batch_size": ("0", _BATCHES),
    "BatchNormParameter.update_global_stats": ("false", "choose with use_global_stats"),
    "ConvolutionParameter.relu": ("false", "write a ReLU layer after it"),
    "DataParameter.shuffle": ("false", "shuffle when the database is made (create_lmdb.sh --shuffle)"),
    "DropoutParameter.sample_weights_test": ("false", "Caffe's Dropout changes nothing in the TEST phase"),
    "InnerProductParameter.normalize": ("false", "Caffe's InnerProduct uses the weights as they are"),
    "InnerProductParameter.relu": ("false", "write a ReLU layer after it"),
    "LossParameter.label_smoothing": ("0", "use InfogainLoss with a matrix of the smoothed labels"),
    "LossParameter.weight_by_label_freqs": ("false", "use InfogainLoss with the weights on the diagonal"),
    "InterpParameter.align_corners": ("true", "Interp aligns the corners"),
    "NetParameter.bn_stats_batch_size": ("0", _BATCHES),
    "PoolingParameter.avg_include_pad": ("true", "Caffe's average divides by the padded window"),
    "PoolingParameter.axis": ("1", "Caffe pools over the axes after the channels"),
    "SolverParameter.clip_weights": ("-1", "Caffe clips gradients only (clip_gradients)"),
    "SolverParameter.larc": ("false", _RATE),
    "SolverParameter.local_lr_auto": ("false", _RATE),
    "SolverParameter.min_lr": ("0", _RATE),
    "SolverParameter.momentum_policy": ("fixed", "Caffe's momentum is constant"),
    "SolverParameter.rampup_interval": ("0", _RATE),
    "SolverParameter.warmup_iter": ("0", _RATE),
    "SolverParameter.weight_decay_policy": ("fixed", "Caffe's weight decay is constant"),
    "TransformationParameter.crop_h": ("0", _CROP),
    "TransformationParameter.crop_height": ("0", _CROP),
    "TransformationParameter.crop_w": ("0", _CROP),
    "TransformationParameter.crop_width": ("0", _CROP),
    "Yolov3DetectionOutputParameter.gaussian_box": ("false", "boxes of Gaussian YOLO v3 have other numbers"),
}

_RESIZE = (
    "resize the pictures when the LMDB is made (convert_imageset --resize_height HEIGHT --resize_width WIDTH), "
    "or with new_height and new_width of ImageData"
)
_AUGMENT = (
    "make the changed pictures when the LMDB is made; mirror and crop_size are all that transform_param changes here"
)
_V1_MULTIPLIERS = "`layer` has one block for each blob instead. Write param { lr_mult: 1 decay_mult: 1 } for each"
# Fields that always change the result -> what to do.
ADVICE: dict[str, str] = {
    "LayerParameter.blob_share_mode": "`layer` has one block for each blob instead. Write param { share_mode: STRICT }",
    "LayerParameter.blobs_lr": _V1_MULTIPLIERS,
    "LayerParameter.weight_decay": _V1_MULTIPLIERS,
    "TransformationParameter.distort_param": _AUGMENT,
    "TransformationParameter.emit_constraint": "boxes have no place in an LMDB here",
    "TransformationParameter.expand_param": _AUGMENT,
    "TransformationParameter.img_rand_resize_lower": _RESIZE,
    "TransformationParameter.img_rand_resize_upper": _RESIZE,
    "TransformationParameter.interpolation_algo_down": _RESIZE,
    "TransformationParameter.interpolation_algo_up": _RESIZE,
    "TransformationParameter.noise_param": _AUGMENT,
    "TransformationParameter.random_aspect_ratio_param": _AUGMENT,
    "TransformationParameter.random_resize_param": _AUGMENT,
    "TransformationParameter.resize_param": _RESIZE,
    "TransformationParameter.rand_resize_ratio_lower": _RESIZE,
    "TransformationParameter.rand_resize_ratio_upper": _RESIZE,
}

# Field -> the equivalent in Caffe 1.0, from the text of its value (None for a block, which keeps its content).
RENAMED: dict[str, Callable[[str | None], str]] = {
    "ConvolutionParameter.dilation_h": lambda value: f"dilation: {value}",
    "ConvolutionParameter.dilation_w": lambda value: f"dilation: {value}",
    "ConvolutionParameter.hole": lambda value: f"dilation: {value}",
    "ConvolutionParameter.hole_h": lambda value: f"dilation: {value}",
    "ConvolutionParameter.hole_w": lambda value: f"dilation: {value}",
    "LayerParameter.relu6_param": lambda value: "relu_param",
    "PoolingParameter.ceil_mode": lambda value: f"round_mode: {'CEIL' if value in ('true', 't', '1') else 'FLOOR'}",
}
