"""Can a photograph's making tell its class, without the object? Frame, size, saving, camera, each alone.

`read_traits` looks at a file, `probe_shortcuts` asks the question of a set of them.
"""

from ai_models.shortcuts.frame import FRAME_BYTES, describe_frame
from ai_models.shortcuts.probing import MATERIAL, Shortcut, ShortcutProbe, probe_shortcuts
from ai_models.shortcuts.traits import REMEDIES, TRAITS, Traits, read_traits

__all__ = [
    "FRAME_BYTES",
    "MATERIAL",
    "REMEDIES",
    "TRAITS",
    "Shortcut",
    "ShortcutProbe",
    "Traits",
    "describe_frame",
    "probe_shortcuts",
    "read_traits",
]
