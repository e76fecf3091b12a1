"""What ``docs/service.md`` lists: every setting of the service, and the figures of ``service_load.py``.

python benchmarks/service_page.py
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from service_load import RESULTS

from ai_models.serving.settings import ServiceSettings

PAGE = Path(__file__).parents[1] / "docs" / "service.md"


def settings_table() -> str:
    """Return a row for each setting: its variable, its default and what it is."""
    rows = ["| variable | default | |", "|---|---|---|"]
    for field in dataclasses.fields(ServiceSettings):
        default = field.default
        shown = f"`{str(default).lower()}`" if default != "" else ""
        rows.append(f"| `AMULET_AI_{field.name.upper()}` | {shown} | {field.metadata['help']} |")
    return "\n".join(rows)


def figures(found: dict[str, Any]) -> str:
    """Return what was measured, in words and tables."""
    cost, idle, flood, machine = found["cost"], found["idle"], found["overload"], found["machine"]
    where = f"{machine['cores']} cores ({machine['processor']})"
    slowest = 1000 * flood["refusal largest s"]
    share = flood["cpu s"] / (flood["seconds"] * machine["cores"])
    lines = [
        f"`benchmarks/service_load.py` on {where}, which the load and other programs of the machine shared; preset "
        "`fast`, photographs of 224 pixels, about 26 kB each.",
        "",
        "**Cost.** Processor time of an image, all processes of the service together, against "
        f"{cost['in process, ms']:.1f} ms of `Predictor.predict` in a process of its own (bar: 1.25 times):",
        "",
        "| asked for at once | ms an image | times in-process | answers a second | half within, ms | 95 % within, ms |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in cost.items():
        if isinstance(row, dict):
            lines.append(
                f"| {name.split()[0]} | {row['ms']:.1f} | {row['ratio']:.2f} | {row['answers a second']:.0f} | "
                f"{row['p50 ms']:.0f} | {row['p95 ms']:.0f} |"
            )
    lines += [
        "",
        f"**One answer** of an idle service, `/predict/file`, a new connection each, {idle['requests']} requests: half "
        f"within {idle['p50 ms']:.0f} ms, 95 % within {idle['p95 ms']:.0f} ms (bar: 60), 99 % within "
        f"{idle['p99 ms']:.0f} ms.",
        "",
        f"**Overload.** {flood['asked a second']:.0f} images a second, three times the "
        f"{flood['asked a second'] / 3:.0f} that it answered at most before, for {flood['seconds']:.0f} s, with "
        f"{flood['slow clients']} slow clients beside it. The peak is the higher "
        f"of those measured before and after ({flood['peak answers a second']:.0f}); "
        f"other programs of the machine left the service {share:.0%} of its processors meanwhile, so the share of the "
        "peak is as uncertain as what they left it each time:",
        "",
        "| | measured | bar |",
        "|---|---:|---:|",
        f"| answers ({flood['answers a second']:.0f} a second), as a share of the peak | {flood['goodput share']:.3f} "
        "| 0.9 |",
        f"| refusals, 99 % within, ms | {flood['refusal p99 ms']:.0f} | |",
        f"| the slowest of {flood['refused']:,} refusals, ms | {slowest:.0f} | 1000 |",
        f"| `/livez`, 99 % of {flood['livez asked']:,} within, ms | {flood['livez p99 ms']:.0f} | 100 |",
        f"| memory that it has written to, times the {flood['memory before MB']:.0f} MiB before | "
        f"{flood['memory ratio']:.2f} | 1.1 |",
        "| with its share of the pages of libraries, which depends on other programs that use them | "
        f"{flood['memory ratio with libraries']:.2f} | |",
        f"| requests without any answer | {flood['without answer']} | |",
        "",
        "**The end**, SIGTERM under load over 24 connections:",
        "",
        "| started by | ends | heads that were read | lost | slowest end, s (bar: 10) |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, words in (("stop", "`amulet-ai serve`"), ("stop, by name", "`uvicorn`")):
        if name not in found:
            continue
        row = found[name]
        slow = max(row["exit s"])
        lines.append(f"| {words} | {row['times']} | {row['heads read']:,} | {row['lost']} | {slow:.1f} |")
    return "\n".join(lines)


def _filled(text: str, part: str, content: str) -> str:
    start, end = f"<!-- {part}: benchmarks/service_page.py -->", f"<!-- end of {part} -->"
    head, _, rest = text.partition(start)
    _, _, tail = rest.partition(end)
    return f"{head}{start}\n\n{content}\n\n{end}{tail}"


if __name__ == "__main__":
    page = _filled(PAGE.read_text(encoding="utf-8"), "settings", settings_table())
    page = _filled(page, "figures", figures(json.loads(RESULTS.read_text(encoding="utf-8"))))
    PAGE.write_text(page, encoding="utf-8")
