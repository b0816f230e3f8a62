"""The benchmark's result as a picture and as a table: see bench/run."""
import html
import math

LEFT, WIDTH, ROW, TOP = 300, 860, 22, 64
LOW, HIGH = 0.125, 2.0  # the axis, in powers of two; bars beyond it are cut


def position(ratio):
    share = (math.log2(min(max(ratio, LOW), HIGH)) - math.log2(LOW)) / (math.log2(HIGH) - math.log2(LOW))
    return LEFT + share * (WIDTH - LEFT - 60)


def svg(summary):
    """One bar a model and thread count, from 1 (as fast as the best peer) to our ratio."""
    ratios = sorted(summary["ratios"], key=lambda r: (r["precision"], r["model"], r["threads"]))
    height = TOP + ROW * len(ratios) + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
           'font-family="system-ui, sans-serif" font-size="12">',
           "<style>text{fill:#222}.grid{stroke:#ccc}.one{stroke:#222}.fast{fill:#1a7f4b}.slow{fill:#c2410c}"
           ".paper{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}"
           ".one{stroke:#ddd}.paper{fill:#161616}.fast{fill:#3fb27f}.slow{fill:#f0814a}}</style>",
           f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
           '<text x="12" y="22" font-size="15" font-weight="600">EAO against the fastest other runtime</text>',
           '<text x="12" y="40">p50 latency as a ratio, logarithmic; left of 1 EAO is faster</text>']
    tick = LOW
    while tick <= HIGH:
        x = position(tick)
        out.append(f'<line class="{"one" if tick == 1 else "grid"}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" '
                   f'y2="{height - 20}"/><text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{tick:g}</text>')
        tick *= 2
    for k, r in enumerate(ratios):
        y, a, b = TOP + k * ROW, position(1), position(r["ratio"])
        name = r["model"].removeprefix("zoo/").removesuffix(".tflite").removesuffix(".onnx").removesuffix("-int8")
        label = f'{name} · {r["precision"]} · {r["threads"]}t'
        out.append(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{html.escape(label)}</text>'
                   f'<rect class="{"fast" if r["ratio"] <= 1 else "slow"}" x="{min(a, b):.1f}" y="{y + 3}" '
                   f'width="{max(abs(a - b), 1):.1f}" height="{ROW - 7}" rx="2"/>'
                   f'<text x="{WIDTH - 8}" y="{y + 14}" text-anchor="end">{r["ratio"]:.2f}</text>')
    return "\n".join(out) + "\n</svg>\n"


def markdown(rows, summary):
    """One line a model: for each thread count our time, the best peer's and the ratio."""
    ratio = {(r["model"], r["precision"], r["threads"]): r for r in summary["ratios"]}
    threads = sorted({r["threads"] for r in rows})
    lines = ["| model | type |" + "".join(f" {t} thread{'s' * (t > 1)} | stream | best peer | ratio |" for t in threads)
             + " first ms | RSS MiB |", "|---|---|" + "---|---|---|---|" * len(threads) + "---|---|"]
    for model, precision in dict.fromkeys((r["model"], r["precision"]) for r in rows):
        cells, one = [], None
        for t in threads:
            here = {r["engine"]: r for r in rows
                    if (r["model"], r["precision"], r["threads"]) == (model, precision, t)}
            found = ratio.get((model, precision, t))
            one = one or here
            ours = [f"{here[n]['p50_ms']:.3f}" if n in here else "refused" for n in ("eao", "eao-stream")]
            cells += ours + ([f"{here[found['best_peer']]['p50_ms']:.3f} {found['best_peer']}",
                              f"{found['ratio']:.2f}"] if found else ["none agrees", ""])
        peers = [r for n, r in one.items() if not n.startswith("eao")]
        for key, scale, digits in (("first_result_ms", 1, 1), ("rss_peak_kib", 1024, 1)):
            ours = f"{one['eao'][key] / scale:.{digits}f}" if "eao" in one else "-"
            best = f"{min(r[key] for r in peers) / scale:.{digits}f}" if peers else "-"
            cells.append(f"{ours} / {best}")
        lines.append(f"| {model} | {precision} | " + " | ".join(cells) + " |")
    means = [f"{k.removeprefix('geomean_').replace('_t', ', ')} thread{'s' * (not k.endswith('1'))}: {v:.2f}"
             for k, v in summary.items() if k != "ratios"]
    return "\n".join(lines) + "\n\nGeometric mean of the ratios: " + "; ".join(means) + ".\n"
