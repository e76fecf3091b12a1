"""Every group of settings, with the defaults that the command line shows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

from ai_models._version import __version__
from ai_models.core.config import Config, setting
from ai_models.core.statements import parse_statement

__all__ = [
    "AUGMENTATION_PRESETS",
    "NETWORKS",
    "AugmentationConfig",
    "ComputeConfig",
    "DownloadConfig",
    "EvaluationConfig",
    "ExplainConfig",
    "FeatureConfig",
    "InspectionConfig",
    "PreprocessConfig",
    "SplitConfig",
    "TrainingConfig",
    "is_embedding",
    "network_of",
]

AUGMENTATION_PRESETS = ("auto", "minimal", "light", "medium", "heavy", "robust")
NETWORKS = {
    "fast": ("cnn",),
    "balanced": ("cnn_wide",),
    "accurate": ("cnn", "cnn_wide"),
    "auto": ("cnn", "cnn_wide"),
}
"""Preset -> the blocks of its networks, cheapest first; of ``auto`` training keeps those that pay."""
_CNN = "use_cnn_features"
_BY_HAND = {"cnn": ("backbone", "weights"), "cnn_wide": ("wide_backbone", "wide_image_size", "wide_weights")}


def is_embedding(block: str) -> bool:
    """Return whether a block of this name is the embedding of a network."""
    return block.startswith("cnn")


def network_of(block: str) -> str:
    """Return the block of the network that a block of this name comes from; ``""`` where it comes from none."""
    return block.replace("stages", "cnn", 1) if is_embedding(block) or block.startswith("stages") else ""


@dataclass(frozen=True)
class DownloadConfig(Config):
    """How a list of web addresses becomes a folder of images."""

    workers: int = setting(8, "requests at once", ge=1, le=64)
    per_host: int = setting(2, "requests at once to one host", ge=1, le=64)
    delay: float = setting(0.1, "seconds between the starts of two requests to one host", ge=0, le=600)
    retries: int = setting(4, "times that a passing fault (silence, a cut, a busy server) is asked again", ge=0, le=20)
    retry_failed: bool = setting(False, "ask again also for what failed for good in an earlier run")
    timeout: float = setting(20.0, "seconds of silence after which a request is given up", ge=0.1, le=600)
    deadline: float = setting(120.0, "seconds after which one request, redirects and all, is given up", ge=0.1, le=3600)
    max_wait: float = setting(60.0, "longest wait in seconds that a server's Retry-After is granted", ge=0, le=3600)
    max_megabytes: float = setting(64.0, "largest file that is taken, in MiB", ge=0.001, le=256)
    max_redirects: int = setting(5, "redirects that are followed", ge=0, le=20)
    source: str = setting("", "where the list comes from; noted in every row of the ledger")
    user_agent: str = setting(f"amulet-ai/{__version__}", "what servers are told of who asks")
    link_mode: str = setting(
        "hard", "how --consolidate-dir holds the files: hard, copy or symlink", choices=("hard", "copy", "symlink")
    )
    seed: int = setting(0, "seed of the jitter of waits", ge=0, le=2**31 - 1)

    def faults(self) -> list[str]:
        found = super().faults()
        if not found and not (self.user_agent.isascii() and self.user_agent.isprintable() and self.user_agent.strip()):
            found.append(f"user_agent must be printable ASCII, got {self.user_agent!r}")
        return found


@dataclass(frozen=True)
class PreprocessConfig(Config):
    """What is done to pixels before features, the same in training and service. Off by default."""

    preset: str = setting(
        "none", "none, basic (white balance, CLAHE) or artifact (all four)", choices=("none", "basic", "artifact")
    )
    clahe_clip: float = setting(2.0, "CLAHE clip limit", ge=0.1, le=40)
    denoise_strength: float = setting(10.0, "h of fast non-local means", ge=0.1, le=100)
    unsharp_radius: float = setting(1.0, "radius of the unsharp mask in pixels", ge=0.1, le=20)
    middle: float = setting(1.0, "share of each side, around the middle, that is looked at", ge=0.1, le=1)


@dataclass(frozen=True)
class FeatureConfig(Config):
    """Which blocks are computed, from what image size, and where they are cached."""

    use_cnn_features: bool = setting(True, "embedding of a pretrained network")
    use_stages_features: bool = setting(True, "statistics of the stages that a network's picture passes through")
    use_hog_features: bool = setting(True, "histograms of oriented gradients")
    use_lbp_features: bool = setting(True, "local binary patterns")
    use_sift_features: bool = setting(True, "dense SIFT, encoded with a codebook fitted on training rows")
    use_colour_features: bool = setting(True, "colour histograms and moments")
    use_orb_features: bool = setting(False, "ORB keypoints, encoded with a codebook fitted on training rows")
    use_surf_features: bool = setting(False, "refused: SURF is non-free and not in stock OpenCV")
    custom_blocks: tuple[str, ...] = setting((), "names of registered extractors of your own")
    preset: str = setting(
        "fast",
        "networks: fast (a small one), balanced (the wide one, a larger network on larger pictures), accurate (both), "
        "auto (both are tried, training keeps the cheapest that is not worse)",
        choices=tuple(NETWORKS),
    )
    image_size: int = setting(
        224, "side in pixels of the square that features see, except those of the wide network", ge=32, le=1024
    )
    backbone: str = setting("tf_efficientnet_lite0", "name of the network: torchvision's or timm's")
    weights: str = setting("", "local weights file of the network; empty for the ones that are installed or the hub's")
    wide_image_size: int = setting(320, "side in pixels of the square that the wide network sees", ge=32, le=1024)
    wide_backbone: str = setting("tf_efficientnet_lite2", "name of the wide network of the other presets than fast")
    wide_weights: str = setting("", "local weights file of the wide network; empty as for weights")
    device: str = setting("auto", "auto, cpu or cuda", choices=("auto", "cpu", "cuda"))
    test_time_augmentation: bool = setting(
        False, "look at the middle of each picture a second time, closer, if training shows that it helps"
    )
    cnn_backend: str = setting(
        "onnxruntime",
        "what runs the networks on a CPU: onnxruntime (fp32), openvino (bf16 where the CPU computes it, else fp32), "
        "torch (fp32, slow: the reference); a GPU always has torch",
        choices=("onnxruntime", "openvino", "torch"),
    )
    batch_size: int = setting(32, "images a network batch on a GPU; a CPU takes two of them at a time", ge=1, le=4096)
    cache_features: bool = setting(True, "keep features on disk between runs")
    cache_dir: str = setting("feature_cache", "folder of the feature cache")
    max_cache_size_gb: float = setting(2.0, "size from which the least recently used features are dropped", ge=0.001)

    def faults(self) -> list[str]:
        found = super().faults()
        if self.use_surf_features:
            found.append("use_surf_features cannot be true: SURF is non-free and absent from stock OpenCV, use SIFT")
        if not found:
            found += self._faults_of_networks()
        blocks = (
            self.use_cnn_features, self.use_hog_features, self.use_lbp_features, self.use_sift_features,
            self.use_colour_features, self.use_orb_features, self.use_surf_features,
        )  # fmt: skip
        if not any(blocks) and not self.custom_blocks:
            found.append("all feature blocks are off: switch on at least one of use_..._features")
        return found

    @property
    def networks(self) -> tuple[str, ...]:
        """Blocks that are embeddings of networks, cheapest first."""
        return NETWORKS[self.preset] if self.use_cnn_features else ()

    @property
    def stages(self) -> tuple[str, ...]:
        """Blocks that are the stages of these networks, in their order."""
        return tuple(name.replace("cnn", "stages") for name in self.networks) if self.use_stages_features else ()

    @property
    def max_cache_bytes(self) -> int:
        """The most that the feature cache may take, in bytes; a GB is 10^9."""
        return int(self.max_cache_size_gb * 1e9)

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """Sides in pixels of the squares that blocks see, each once; the usual one first."""
        return tuple(
            dict.fromkeys((self.image_size, *(self.wide_image_size for n in self.networks if n == "cnn_wide")))
        )

    def with_networks(self, *networks: str) -> Self:
        """Return the settings with these networks only; what was set for the others goes back to its default."""
        preset = next((name for name, blocks in NETWORKS.items() if blocks == networks), "fast")
        unused = [f for block, names in _BY_HAND.items() if block not in NETWORKS[preset] for f in names]
        usual = {f.name: f.default for f in dataclasses.fields(self) if f.name in unused}
        return self.replace(**usual, preset=preset, use_cnn_features=bool(networks))

    def with_blocks(self, *names: str) -> Self:
        """Return the settings with these of their blocks only; the preset stays where all of its networks do."""
        networks = tuple(name for name in self.networks if name in names)
        kept = self if networks == self.networks else self.with_networks(*networks)
        switches = [f.name for f in dataclasses.fields(self) if f.name.startswith("use_") and f.name != _CNN]
        present = {*names, *(("stages",) if not self.stages or set(self.stages) & set(names) else ())}
        off = {switch: False for switch in switches if switch[len("use_") : -len("_features")] not in present}
        return kept.replace(**off, custom_blocks=tuple(name for name in self.custom_blocks if name in names))

    def _faults_of_networks(self) -> list[str]:
        if not self.use_cnn_features:
            if self.preset == "fast":
                return []
            return [f"use_cnn_features is off, but preset '{self.preset}' asks for a network: leave out one of the two"]
        default = {f.name: f.default for f in dataclasses.fields(self)}
        return [
            f"{name} is of a network that preset '{self.preset}' does not have: "
            f"choose preset {' or '.join(p for p, blocks in NETWORKS.items() if block in blocks)}, or leave {name} out"
            for block, names in _BY_HAND.items()
            if block not in NETWORKS[self.preset]
            for name in names
            if getattr(self, name) != default[name]
        ]


@dataclass(frozen=True)
class InspectionConfig(Config):
    """How a folder is looked at."""

    quick_mode: bool = setting(False, "skip quality scores, and in a large folder all but near-equal pictures")
    check_duplicates: bool = setting(True, "look for photographs of one object; else the split does")
    group_pattern: str = setting("", "regular expression: paths in which it catches the same text show one object")
    burst_seconds: float = setting(
        1.0, "longest pause between shots of one camera (EXIF) that show one object; 0 for no bursts", ge=0, le=3600
    )
    corruption_threshold: float = setting(
        0.1, "share of undecodable rows from which a truncated image is called corrupt rather than damaged", ge=0, le=1
    )
    strict: bool = setting(False, "judge quality by the strict levels")
    keep_failing: bool = setting(True, "keep images that fail the quality levels in the manifest")
    cache_features: bool = setting(True, "keep what was seen on disk, so that nothing is looked at or compared twice")
    cache_dir: str = setting("feature_cache", "folder of the feature cache")
    workers: int = setting(0, "threads; 0 for one a core", ge=0, le=256)


@dataclass(frozen=True)
class SplitConfig(Config):
    """How rows are divided."""

    test_size: float = setting(0.15, "share of groups held out for the final figures", ge=0, le=0.9)
    val_size: float = setting(0.15, "share of groups held out for looking at while you work", ge=0, le=0.9)
    folds: int = setting(5, "folds of cross-validation among training rows", ge=2, le=50)
    seed: int = setting(0, "seed of every random choice", ge=0, le=2**31 - 1)

    def faults(self) -> list[str]:
        found = super().faults()
        if not found and self.test_size + self.val_size >= 0.95:
            found.append(
                f"test_size + val_size must leave at least 5 % to train on, got {self.test_size + self.val_size:g}"
            )
        return found


@dataclass(frozen=True)
class AugmentationConfig(Config):
    """How copies of training photographs are made."""

    target_samples: int = setting(0, "images a class after balancing; 0 for the size of the largest class", ge=0)
    augmentation_factor: float = setting(2.0, "most copies per photograph of a class, on average", ge=0, le=100)
    quality_threshold: float = setting(0.3, "quality score in [0, 1] below which a copy is thrown away", ge=0, le=1)
    preset: str = setting(
        "auto", "auto: light below 500 images, medium to 2,000, heavy above", choices=AUGMENTATION_PRESETS
    )
    label_check: bool = setting(True, "switch off, class by class, what carries photographs to another class")
    backgrounds: bool = setting(False, "also put objects that lie on one colour on other surfaces")
    flips: bool = setting(False, "also mirror and turn, where the label check shows that a class stays what it is")
    seed: int = setting(0, "seed of every random choice", ge=0, le=2**31 - 1)
    workers: int = setting(0, "threads; 0 for one a core", ge=0, le=256)

    def faults(self) -> list[str]:
        found = super().faults()
        if self.flips and not self.label_check:
            found.append("flips needs label_check, which says where they are safe: leave it on, or flips off")
        return found


@dataclass(frozen=True)
class TrainingConfig(Config):
    """How the ensemble is fitted, calibrated and judged."""

    cv_folds: int = setting(0, "grouped folds of cross-fitting; 0 for 5, or 3 in quick mode", ge=0, le=20)
    test_size: float = setting(
        0.2, "share of groups held out; 0 to fit on every row and report out-of-fold figures", ge=0, le=0.9
    )
    quick_mode: bool = setting(False, "3 folds, half the search, no ORB and no SIFT")
    max_ms_per_image: float = setting(
        0.0,
        "most milliseconds that reading an image and its features may take here; what does not fit is left out; "
        "0 for no limit",
        ge=0,
        le=600_000,
    )
    use_dimensionality_reduction: bool = setting(True, "principal components a block, fitted inside each fold")
    custom_members: tuple[str, ...] = setting((), "members of your own, as module:factory")
    demanded_gain: float = setting(
        0.0, "standard errors that the gain of a block or a kind of member must exceed to be kept", ge=-3, le=3
    )
    coverage: float = setting(0.9, "share of prediction sets that hold the true class", ge=0.5, le=0.999)
    set_method: str = setting(
        "lac", "score of prediction sets: lac (smallest) or aps (growing with difficulty)", choices=("lac", "aps")
    )
    ood_alpha: float = setting(0.05, "stated false-alarm rate of the out-of-distribution verdict", ge=0.001, le=0.5)
    confidence_threshold: float = setting(0.5, "below this confidence the verdict is at least unsure", ge=0, le=1)
    seed: int = setting(0, "seed of every random choice", ge=0, le=2**31 - 1)
    workers: int = setting(0, "processes; 0 for one a core", ge=0, le=256)

    @property
    def folds(self) -> int:
        """Folds in use: those asked for, else 5, or 3 in quick mode."""
        return self.cv_folds or (3 if self.quick_mode else 5)

    def faults(self) -> list[str]:
        found = super().faults()
        if self.cv_folds == 1:
            found.append("cv_folds must be at least 2, got 1")
        return found


@dataclass(frozen=True)
class ComputeConfig(Config):
    """Where features and fits are computed; no result depends on it."""

    engine: str = setting("local", "local (this machine) or dask (a Dask cluster)", choices=("local", "dask"))
    scheduler: str = setting(
        "",
        "address of a Dask scheduler, such as tcp://10.0.0.1:8786; empty to start workers on this machine",
    )

    def faults(self) -> list[str]:
        found = super().faults()
        if not found and self.scheduler and self.engine != "dask":
            found.append(f"scheduler '{self.scheduler}' is of a Dask cluster: add --engine dask, or leave it out")
        return found


@dataclass(frozen=True)
class EvaluationConfig(Config):
    """How a model is judged."""

    quick: bool = setting(False, "fewer bootstrap draws, no importance by feature, no error gallery")
    bootstrap_draws: int = setting(2000, "draws of the grouped bootstrap", ge=100, le=100_000)
    ece_bins: int = setting(15, "bins of the expected calibration error", ge=2, le=100)
    gallery_size: int = setting(24, "errors shown with pictures", ge=0, le=500)
    explained_errors: int = setting(8, "of them, errors explained by nearest photographs and heat map", ge=0, le=500)
    leak_meter: bool = setting(False, "measure what a split that leaks would have promised for the model's photographs")
    robustness: bool = setting(
        False, "score the photographs again under six corruptions at five strengths (31 times the features)"
    )
    field_shift: bool = setting(False, "score the photographs again on five other backgrounds (6 times the features)")
    next_photographs: bool = setting(True, "say what to photograph next (some seconds of fits; not in quick mode)")
    claims: tuple[str, ...] = setting((), "what you want to claim, such as 'f1 > 0.85 in every class'")
    seed: int = setting(0, "seed of every random choice", ge=0, le=2**31 - 1)
    workers: int = setting(0, "threads; 0 for one a core", ge=0, le=256)

    def faults(self) -> list[str]:
        found = super().faults()
        for text in self.claims:
            try:
                parse_statement(text)
            except ValueError as error:
                found.append(str(error))
        return found


@dataclass(frozen=True)
class ExplainConfig(Config):
    """How a prediction is explained."""

    neighbours: int = setting(5, "nearest training photographs, one an object", ge=1, le=50)
    score: bool = setting(True, "test each heat map by taking away and putting back what it points at")
    steps: int = setting(10, "in how many parts pixels go and come in that test", ge=2, le=100)
    random_maps: int = setting(5, "random maps that a heat map is held against", ge=1, le=100)
    seed: int = setting(0, "seed of every random choice", ge=0, le=2**31 - 1)
    workers: int = setting(0, "threads; 0 for one a core", ge=0, le=256)
