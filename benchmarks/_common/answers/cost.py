"""Answers of the pages about time and memory."""

from __future__ import annotations

from ..chart import Chart
from ..tables import number
from .parts import Answer, Question, Tables, best, table


def speed(tables: Tables) -> Answer:
    """Times beside those of peers."""
    faster: dict[str, float] = {}
    ratios: dict[tuple[str, str, str], float] = {}
    for one in tables:
        if "its time" not in one.head:
            continue
        for row in one.rows:
            line = dict(zip(one.head, row, strict=True))
            key = (one.section, line["measured"], line["against"].rstrip("*"))
            ratios[key] = number(line["ratio"])
            if key[2].startswith(("scikit", "PyOD", "faiss", "KernelDensity")):
                name = f"{one.section.split(', ')[0]}: {key[2]}"
                faster[name] = ratios[key] if "faster" in line["ratio"] else 1 / ratios[key]
    search = "exact search 50,000 × 512 float32, 2,000 queries, k 15"
    brute, faiss = (ratios[search, "skood", peer] for peer in ("scikit-learn brute", "faiss flat"))
    fits = "fit 200,000 × 128 float32, k 15"
    pyod = ratios[fits, "kNN fit", "PyOD KNN fit"]
    lof = ratios["LOF 20,000 × 64 float64, scoring 2,000, k 20", "skood fit", "scikit-learn fit"]
    every = table(tables, "All detectors", "fit")
    fit, score = every.numbers("fit"), every.numbers("score")
    forest = "scikit-learn IsolationForest"
    return Answer(
        f"Exact search takes {faiss:.2f} of faiss's time and is {brute:.2f} times as fast as "
        f"scikit-learn's; LOF is fitted {lof:.2f} times as fast as by scikit-learn, and kNN "
        f"{pyod:.0f} times as fast as by PyOD.",
        f"Detectors without neighbours are faster: {forest} takes {fit[forest]:g} s to fit and "
        f"{score[forest]:g} s to score, LCP {fit['LCP']:g} and {score['LCP']:g} s (skood's MD "
        f"{fit['MD']:g} and {score['MD']:g} s).",
        Chart("times as fast as the peer", {"faster": faster}, marks=(1.0,), log=True),
    )


def growth(tables: Tables) -> Answer:
    """Time of an exact search against four sizes."""
    by_axis = {one.head[0]: one for one in tables}
    rows = by_axis["training rows"]
    small, large = rows.rows[0], rows.rows[-1]
    ours, faiss, brute = "skood", "faiss flat", "scikit-learn brute"
    behind = {
        name: [row[0] for row in one.rows if one.numbers(faiss)[row[0]] < one.numbers(ours)[row[0]]]
        for name, one in by_axis.items()
    }
    losses = [f"{_either(values)} {name}" for name, values in behind.items() if values]
    return Answer(
        f"Nearly in proportion to the training rows: 2,000 queries among {large[0]} rows of 64 "
        f"columns take {large[1]}, and {small[1]} among {small[0]}; faiss takes "
        f"{rows.cell(large[0], faiss)} for {large[0]} rows and scikit-learn "
        f"{rows.cell(large[0], brute)}.",
        f"faiss is faster with {', with '.join(losses)}.",
        Chart(
            "seconds for 2,000 queries",
            {name: rows.numbers(name) for name in rows.head[1:]},
            kind="lines",
            below="training rows",
            log=True,
        ),
    )


def _either(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1])] * (len(names) > 1) + names[-1:])


def scale(tables: Tables) -> Answer:
    """Workers, and rows on disk."""
    strong, _, shards = (one for one in tables if one.section == "Workers")
    disk, grown = table(tables, "Rows on disk", "peak"), table(tables, "Growth", "10,000")
    gain = number(strong.rows[2][-1])
    peaks = disk.numbers("peak")
    sizes = grown.head[1:-1]
    lines = {
        row[0]: {size: number(cell) for size, cell in zip(sizes, row[1:], strict=False)}
        for row in grown.rows
        if row[0].endswith(("fit", "score"))
    }
    largest = sizes[-1]
    return Answer(
        "Yes: a process that fits and scores 5,000,000 × 64 rows on disk (1.28 GB) needs "
        f"{max(peaks.values()):.2f} GB at most, and two workers score {gain:.2f} times as fast as "
        "one.",
        f"A search over two shards gains {number(shards.rows[1][-1]):.2f} times only. Time grows "
        f"with the rows: kNN takes {lines['kNN, fit'][largest]:g} s to fit {largest} rows and "
        f"{lines['kNN, score'][largest]:g} s to score 2,000.",
        Chart("seconds", lines, kind="lines", below="training rows on disk", log=True),
    )


def memory(tables: Tables) -> Answer:
    """Memory while scoring."""
    one = tables[0]
    few, many = (one.numbers(f"scoring {n}") for n in ("2,000", "20,000"))
    ours = [name for name in many if name in {"LCP", "kNN", "LOF", "KD", "MD"}]
    most = best(many, ours)
    growth = max(many[name] - few[name] for name in ours)
    return Answer(
        f"At most {many[most]:.0f} MB above the data ({most}), for 20,000 new rows beside 50,000 × "
        f"512 training rows; ten times the new rows add {growth:.0f} MB at most.",
        f"scikit-learn's brute search needs {many['scikit-learn brute']:.0f} MB and PyOD's kNN "
        f"{many['PyOD KNN']:.0f} MB: skood's blocks for its threads take more.",
        Chart("MB above the data, scoring 20,000 rows", {"memory": many}, kind="bars", ours=ours),
    )


def streaming(tables: Tables) -> Answer:
    """A file in blocks and in memory."""
    one = tables[0]
    cell = {way: {name: one.cell(way, name) for name in one.head} for way in one.numbers("time")}
    blocks, whole = cell["in blocks"], cell["in memory"]
    return Answer(
        f"Yes: `skood score` scores 5,000,000 rows, a CSV file of 1,963 MB, in {blocks['time']} "
        f"with {blocks['memory']} of memory; pandas with all rows in memory takes {whole['time']} "
        f"and {whole['memory']}.",
        "The time is that of LCP with 2,000 training rows of 20 columns, on two processors.",
        Chart("MB of memory", {"memory": one.numbers("memory")}, kind="bars", ours=["in blocks"]),
    )


def features(tables: Tables) -> Answer:
    """Features of networks beside a forward pass."""
    times, held = table(tables, "Time", "ratio"), table(tables, "Memory", "above both")
    series: dict[str, dict[str, float]] = {}
    for row in times.rows:
        line = dict(zip(times.head, row, strict=True))
        series.setdefault(line["module"], {})[f"layers: {line['layers']}"] = number(line["ratio"])
    ratios = [value for values in series.values() for value in values.values()]
    above = max(number(row[held.head.index("above both")]) for row in held.rows)
    return Answer(
        f"No more than the forward pass: taking 1 to 8 layers takes {min(ratios):.2f} to "
        f"{max(ratios):.2f} times as long, and {above:.0f} MB at most beside one batch and the "
        "result.",
        "The runs vary more than that: other programs ran meanwhile.",
        Chart("time over that of the bare forward pass", series, marks=(1.0,)),
    )


def fssd_cost(tables: Tables) -> Answer:
    """FSSD beside a forward pass."""
    one = table(tables, "Time", "processor time")
    ratio = one.numbers("processor time")
    peak = max(table(tables, "Memory").numbers("10,000 images").values())
    moved = max(value for name, value in ratio.items() if name != "plain")
    return Answer(
        f"Plain FSSD takes {ratio['plain']:.2f} times the processor time of a forward pass, and "
        f"with moved inputs {moved:.0f} times.",
        f"We required 1.15 times at most of plain FSSD. Memory stays at {peak:.1f} MB.",
        Chart("processor time over that of a forward pass", {"ratio": ratio}, kind="bars"),
    )


def gpu(tables: Tables) -> Answer:
    """Exact search on a GPU."""
    rates = table(tables, "Beside the product", "search")
    rows = table(tables, "Rows of NumPy")
    last = rows.rows[-1]
    detectors = table(tables, "Detectors")
    lcp = dict(zip(detectors.head, next(r for r in detectors.rows if r[0].startswith("LCP")),
                   strict=True))  # fmt: skip
    cpu, card = (number(lcp[f"score, {place}"]) for place in ("processors", "GPU"))
    return Answer(
        f"On an H100, {rates.cell('full', 'search')} in full precision, "
        f"{rates.cell('full', 'share of the rate').split()[0]} of the rate of the matrix product: "
        f"2,000 queries among 1,000,000 × 128 rows take {last[1]}, {last[3]} on 16 processors and "
        f"{last[2]} by plain torch.",
        f"In half precision it reaches {rates.cell('half', 'share of the rate').split()[0]} of the "
        f"product's rate, and LCP, which has more to do than search, scores only "
        f"{cpu / card:.1f} times as fast as on the processors.",
        Chart(
            "seconds, 10 neighbours",
            {name: rows.numbers(name) for name in rows.head[1:]},
            log=True,
        ),
    )


def service(tables: Tables) -> Answer:
    """One row over HTTP."""
    rows = table(tables, "", "p50")
    whole, alone = (
        number(rows.cell(name, "p50")) for name in ("the service", "the detector alone")
    )
    series = {
        name: {row: 1000 * v for row, v in rows.numbers(name).items()} for name in rows.head[1:]
    }
    return Answer(
        f"One row takes {1000 * whole:.2f} ms in the median over HTTP, and {1000 * alone:.2f} ms "
        "by the detector alone.",
        f"One in a hundred takes {rows.cell('the service', 'p99')} or more.",
        Chart("milliseconds", series),
    )


def onnx(tables: Tables) -> Answer:
    """ONNX models beside skood."""
    one = table(tables, "", "one row, ONNX")
    model, ours = (one.numbers(f"one row, {kind}") for kind in ("ONNX", "skood"))
    most = max(one.numbers("largest difference").values())
    first, last = min(model, key=model.__getitem__), max(model, key=model.__getitem__)
    return Answer(
        f"Yes: the scores differ by {most:.0e} at most, relative, and one row takes "
        f"{one.cell(first, 'one row, ONNX')} ({first}) to {one.cell(last, 'one row, ONNX')} "
        f"({last}) with onnxruntime, {one.cell(first, 'one row, skood')} and "
        f"{one.cell(last, 'one row, skood')} with skood.",
        "A model with neighbours compares a row with all training rows: its file grows with them.",
        Chart(
            "milliseconds for one row",
            {
                "onnxruntime": {name: 1000 * value for name, value in model.items()},
                "skood": {name: 1000 * value for name, value in ours.items()},
            },
        ),
    )


QUESTIONS = {
    "speed": Question("How fast is skood beside scikit-learn, PyOD and faiss?", speed),
    "growth": Question("How does the time of a search grow?", growth),
    "scale": Question("Does skood go past one machine and its memory?", scale),
    "onnx": Question("Does an ONNX model score as skood does, and how fast?", onnx),
    "service": Question("How long does a service take for one row?", service),
    "memory": Question("How much memory does scoring take?", memory),
    "streaming": Question("Can skood score a file larger than the memory?", streaming),
    "features": Question("What do the features of a network cost?", features),
    "fssd_cost": Question("What does FSSD cost?", fssd_cost),
    "gpu": Question("How fast is exact search on a GPU?", gpu),
}
