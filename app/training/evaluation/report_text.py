"""The figures of an evaluation, as a page of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def format_report(report: dict[str, Any]) -> str:
    """The report as readable text."""
    counts = report["counts"]
    lines = [
        f"{counts['pictures']} pictures ({counts['generated']} generated), evaluated as "
        f"{report['mode']}; "
        f"{report['pictures_per_second']} pictures/s",
        f"generated against ordinary: {_format_comparison(report['ordinary'])}",
        f"generated against photographs in the frame: {_format_comparison(report['aligned'])}",
        f"generated against all real: {_format_comparison(report['all'])}",
        *_format_framed_ratio(report["against_framed"]),
        f"llr of 3 or more: {report['strong_on_aligned']['strong']} of "
        f"{report['strong_on_aligned']['pictures']} photographs in the frame",
    ]
    lines += [
        f"at {row['recall']:.0%} of StyleGAN 1 and 2 (llr {row['llr']}): "
        f"{row['false_alarms']} false alarms in {row['ordinary']} "
        f"(95 % upper bound {row['upper_95']:.3%})"
        for row in report["false_alarms_at_recall"]
        if row["llr"] is not None
    ]
    lines += [
        "",
        f"at llr {report['threshold_llr']} (likely_stylegan):",
        *_format_groups(report["by_kind"]),
    ]
    for title, key in (
        ("apparent skin tone (ITA of the cheeks: light and print, not ancestry)", "by_skin_tone"),
        ("longer side, px", "by_size"),
    ):
        lines += ["", f"called likely_stylegan, by {title}:", *_format_rates(report[key])]
    for size, summary in report["sizes"].items():
        lines += ["", f"{size} px, AUC by the total:", *_format_pools(summary["total"])]
        for check, row in summary["checks"].items():
            lines += [f"{size} px, AUC by {check} alone:", *_format_pools(row["against"])]
    for name, groups in report["evasions"].items():
        summary = _format_roc(report["evasions_found"][name])
        lines += [
            "",
            f"{name}; of all, with ordinary ones flagged: {summary}",
            *_format_groups(groups),
        ]
    lines += ["", *(f"false alarm {a['llr']:.2f} {a['path']}" for a in report["false_alarms"])]
    return "\n".join(lines)


def _format_groups(groups: dict[str, Any]) -> list[str]:
    return [
        f"  {name:24s} {g['pictures']:6d} pictures  likely {g['likely_stylegan']:7.2%}  "
        f"unlikely {g['unlikely_stylegan']:7.2%}  median llr {g['median_llr']:5.2f}"
        + (f"  unscored {g['unscored']}" if g["unscored"] else "")
        for name, g in groups.items()
    ]


def _format_pools(table: dict[str, Any]) -> list[str]:
    return [
        f"  {kind:24s} "
        + ", ".join(f"{pool} {cell['auc']:.4f}" for pool, cell in pools.items() if pools)
        for kind, pools in table.items()
    ]


def _format_comparison(comparison: dict[str, Any]) -> str:
    points = _format_roc(comparison["roc"])
    return (
        f"AUC {comparison['auc']}, recall {points}, Cllr {comparison['cllr']} (least "
        f"{comparison['cllr_min']})"
    )


def _format_roc(roc: list[dict[str, Any]]) -> str:
    points = [f"{p['tpr']:.4f} at {p['fpr']:g}" for p in roc if p["tpr"] is not None]
    return ", ".join(points) or "not given: too few real pictures"


def _format_framed_ratio(pools: dict[str, Any]) -> Iterator[str]:
    for pool, row in pools.items():
        yield (
            f"against.framed, {pool} against photographs in the frame: AUC {row['auc']}, "
            f"Cllr {row['cllr']} (least {row['cllr_min']}, calibration loss "
            f"{row['calibration_loss']}; {row['generated']} v {row['real']})"
        )


def _format_rates(bands: dict[str, Any]) -> Iterator[str]:
    for band, pools in bands.items():
        cells = [
            f"{pool} {row['likely']} of {row['pictures']} ({row['rate']:.2%})"
            for pool, row in pools.items()
            if row["pictures"]
        ]
        yield f"  {band:14s} {', '.join(cells)}"
