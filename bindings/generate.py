#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Renews what Go and Python know of the segment and of an engine's file from docs/layout.json and docs/engine_layout.json.

C++ includes the headers themselves and needs nothing. ctest `bindings.generated` runs --check.
usage: generate.py [--check]
"""
import json
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
GO = TOP / "bindings/go/layout.go"
GO_ENGINE = TOP / "bindings/go/engine_layout.go"
PYTHON = TOP / "bindings/python/flatline.py"
BEGIN = "# ---- made by bindings/generate.py from docs/layout.json and docs/engine_layout.json: begin ----\n"
END = "# ---- made by bindings/generate.py: end ----\n"

# The records a reader walks, by the short name their constants get.
RECORDS = {
    "flatline_header": "header",
    "flatline_section": "place",
    "flatline_lease": "lease",
    "flatline_gate_entry": "gate",
    "flatline_gate_member": "member",
    "flatline_gate_advice": "advice",
}
LIMITS = ("lease_absurd_ns", "alive_absurd_ns", "records_max")
ENUMS = {
    "Why": ("flatline_why", "why a stream or a gate is, or is not, fresh"),
    "Advice": ("flatline_advice_kind", "what operators and calendars ask of the engine"),
    "State": ("flatline_state", "what the sentinel last said of itself"),
}


def words(name):
    return name.lower().split("_")


def camel(*names):
    """Go's way to write NAMES: each word capitalised, an initialism whole."""
    return "".join(w.upper() if w == "id" else w.capitalize() for name in names for w in words(name))


def offsets(layout):
    """(short record name, field name, byte offset) of every field; field None: the record's size."""
    for record in layout["records"]:
        short = RECORDS.get(record["name"])
        if short is not None:
            yield short, "bytes", record["bytes"]
            for field in record["fields"]:
                yield short, re.sub(f"^{short}_", "", field["name"]), field["offset"]


def record_of(layout, name):
    return next(record for record in layout["records"] if record["name"] == name)


def name_bytes(layout):
    return record_of(layout, "flatline_directory_entry")["fields"][0]["bytes"]


def words_of(layout, name):
    """The 64-bit words of a slot or line, in their order from its start: (name, is signed)."""
    fields = record_of(layout, name)["fields"]
    assert all(f["bytes"] == 8 and f["offset"] == 8 * i for i, f in enumerate(fields)), name
    return [(field["name"], field.get("signed", False)) for field in fields]


def faults(layout):
    return [(fault["number"], fault["name"]) for fault in layout["faults"]]


def magic(layout):
    return int.from_bytes(layout["magic"].encode(), "little")


# ---- Go ------------------------------------------------------------------------------------------


def columns(rows, indent="\t"):
    """Rows of cells as gofmt aligns them: all but the last padded."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        yield indent + " ".join([*cells, row[-1]]).rstrip() + "\n"


def go_block(keyword, rows):
    return f"{keyword} (\n" + "".join(columns(rows)) + ")\n"


def go_enum(name, meaning, rows, texts):
    """A closed enumeration: its constants, its names, its meanings."""
    kind = f"// {name} is {meaning}.\ntype {name} uint64\n\n"
    numbers = go_block("const", [(name + camel(row_name), name, f"= {number}") for number, row_name, _ in rows])
    names = "".join(columns([(f"{number}:", f'"{row_name}",') for number, row_name, _ in rows]))
    out = kind + numbers + f"\nvar {name.lower()}Names = [...]string{{\n{names}}}\n"
    if texts:
        meanings = "".join(columns([(f"{number}:", f'"{text}",') for number, _, text in rows]))
        out += f"\nvar {name.lower()}Meanings = [...]string{{\n{meanings}}}\n"
    return out


def go_struct(name, comment, layout, record):
    rows = [(camel(field), "int64" if signed else "uint64") for field, signed in words_of(layout, record)]
    take = [f"\t\t{camel(field)}: {f'int64(w[{i}])' if signed else f'w[{i}]'},\n"
            for i, (field, signed) in enumerate(words_of(layout, record))]
    width = max(len(camel(field)) for field, _ in words_of(layout, record)) + 1
    take = [re.sub(r"^\t\t(\w+:) ", lambda m: "\t\t" + m.group(1).ljust(width) + " ", line) for line in take]
    return (f"// {name} is {comment}.\ntype {name} struct {{\n" + "".join(columns(rows)) + "}\n\n"
            f"const {name.lower()}Words = {len(rows)}\n\n"
            f"func {name.lower()}Of(w *[{name.lower()}Words]uint64) {name} {{\n\treturn {name}{{\n"
            + "".join(take) + "\t}\n}\n")


def go_text(layout):
    version = [("layoutMagic", f"= 0x{magic(layout):016x}"), ("layoutMajor", f"= {layout['major']}"),
               ("layoutMinor", f"= {layout['minor']}"), ("layoutHash", f"= {layout['layout_hash']}"),
               ("defaultDirectory", f'= "{layout["default_directory"]}"'),
               ("defaultName", f'= "{layout["default_name"]}"'), ("nameBytes", f"= {name_bytes(layout)}")]
    version += [(camel(name)[0].lower() + camel(name)[1:], f"= {layout[name]}") for name in LIMITS]
    places = [(record + camel(field), f"= {offset}") for record, field, offset in offsets(layout)]
    sections = [("section" + camel(s["name"]), f"= {s['number']}") for s in layout["sections"]]
    least = [(f"section{camel(s['name'])}:", f"{record_of(layout, s['record'])['bytes']},") for s in layout["sections"]]
    errors = layout["enums"]["flatline_error"]
    parts = [
        "// SPDX-License-Identifier: MIT\n\n"
        "// Code generated by bindings/generate.py from docs/layout.json. DO NOT EDIT.\n\npackage flatline\n",
        go_block("const", version),
        "// Where things are, in bytes from the start of their record.\n" + go_block("const", places),
        go_block("const", [*sections, ("sectionCount", f"= {len(sections)}")]),
        "// The least a record of each section holds.\nvar recordBytes = [sectionCount]uint64{\n"
        + "".join(columns(least)) + "}\n",
        "// What Attach, Find and Snapshot can fail with; compare with errors.Is.\n"
        + go_block("const", [("Err" + camel(e["name"]), "Error", f"= {e['number']}") for e in errors]),
        "var errorNames = [...]string{\n" + "".join(columns([(f"{e['number']}:", f'"{e["name"]}",') for e in errors])) + "}\n",
        "var errorMeanings = [...]string{\n" + "".join(columns([(f"{e['number']}:", f'"{e["text"]}",') for e in errors])) + "}\n",
    ]
    for name, (listed, meaning) in ENUMS.items():
        rows = [(row["number"], row["name"], row["text"]) for row in layout["enums"][listed]]
        parts.append(go_enum(name, meaning, rows, True))
    parts.append(go_enum("Fault", "a kind of fault", [(number, name, "") for number, name in faults(layout)], False))
    parts.append(go_struct("Lease", "the words of a stream's lease line, each meaningful by itself", layout, "flatline_lease"))
    parts.append(go_struct("Detail", "a stream's evidence, copied whole from its slot", layout, "flatline_detail"))
    return "\n".join(parts)


# ---- Python --------------------------------------------------------------------------------------


def python_enum(name, meaning, rows):
    lines = [f"class {name}({'_Meant' if rows[0][2] else 'enum.IntEnum'}):", f'    """{meaning[0].upper() + meaning[1:]}."""', ""]
    for number, row_name, text in rows:
        lines.append(f'    {row_name} = ({number}, "{text}")' if text else f"    {row_name} = {number}")
    return "\n".join(lines) + "\n"


def python_tuple(name, items):
    return f"{name} = (\n" + "".join(f"    {item},\n" for item in items) + ")\n"


def python_text(layout):
    constants = [f"MAGIC = 0x{magic(layout):016x}", f"MAJOR = {layout['major']}", f"MINOR = {layout['minor']}",
                 f"LAYOUT_HASH = {layout['layout_hash']}", f'DEFAULT_DIRECTORY = "{layout["default_directory"]}"',
                 f'DEFAULT_NAME = "{layout["default_name"]}"', f"_NAME_BYTES = {name_bytes(layout)}"]
    constants += [f"_{name.upper()} = {layout[name]}" for name in LIMITS]
    constants += ["", "# Where things are, in bytes from the start of their record."]
    constants += [f"_{record.upper()}_{field.upper()} = {offset}" for record, field, offset in offsets(layout)]
    constants.append("")
    constants += [f"_SECTION_{s['name']} = {s['number']}" for s in layout["sections"]]
    least = python_tuple("_RECORD_BYTES", [f"{record_of(layout, s['record'])['bytes']}  # {s['name']}" for s in layout["sections"]])
    least = re.sub(r"(\d+)  (# \w+),", r"\1,  \2", least)
    enums = [python_enum(name, meaning, [(r["number"], r["name"], r["text"]) for r in layout["enums"][listed]])
             for name, (listed, meaning) in (*ENUMS.items(), ("Code", ("flatline_error", "what an Error is about")))]
    enums.append(python_enum("Fault", "a kind of fault", [(*fault, "") for fault in faults(layout)]))
    slots = [python_tuple(f"_{short}_FIELDS", [f'"{name}"' for name, _ in words_of(layout, record)])
             for short, record in (("LEASE", "flatline_lease"), ("DETAIL", "flatline_detail"))]
    signed = [i for i, (_, is_signed) in enumerate(words_of(layout, "flatline_detail")) if is_signed]
    slots.append(f"_DETAIL_SIGNED = {tuple(signed)}\n")
    return "\n".join(constants) + "\n" + least + "\n\n" + "\n\n".join(enums) + "\n\n" + "".join(slots)


# ---- an engine's file ------------------------------------------------------------------------------


def engine_records(engine):
    """(short name, its size, its fields): flatline_engine_echo is echo."""
    for record in engine["records"]:
        yield record["name"].removeprefix("flatline_engine_"), record["bytes"], record["fields"]


def engine_constants(engine):
    """(name, value) of what is no offset."""
    yield "magic", f"0x{magic(engine):016x}"
    for name in ("major", "minor", "layout_hash", "infix", "pairs", "slots_max", "file_max_bytes", "interval_max_ns"):
        yield name, f'"{engine[name]}"' if name == "infix" else engine[name]
    yield "name_bytes", next(f["bytes"] for f in record_of(engine, "flatline_engine_header")["fields"] if f["name"] == "name")


def lower_camel(*names):
    whole = camel(*names)
    return whole[0].lower() + whole[1:]


def go_record(name, size, fields):
    """A struct that lies over a record of the file, gap by gap."""
    rows, at = [], 0
    for field in fields:
        if field["offset"] > at:
            rows.append(("_", f"[{field['offset'] - at}]byte"))
        is_text = field["name"] == "name"
        kind = f"[{field['bytes']}]byte" if is_text else "uint64" if field["bytes"] == 8 else f"[{field['bytes'] // 8}]uint64"
        rows.append((lower_camel(field["name"]), kind))
        at = field["offset"] + field["bytes"]
    if at < size:
        rows.append(("_", f"[{size - at}]byte"))
    return f"type {name}Record struct {{\n" + "".join(columns(rows)) + "}\n"


def go_engine_text(engine):
    constants = [(f"engine{camel(name)}", f"= {value}") for name, value in engine_constants(engine)]
    kinds = [("kind" + camel(kind["name"]), "= " + str(kind["number"])) for kind in engine["kinds"]]
    states = [("Worker" + camel(s["name"]), "WorkerState", f"= {s['number']}") for s in engine["worker_states"]]
    names = [(f"{s['number']}:", f'"{s["name"]}",') for s in engine["worker_states"]]
    parts = [
        "// SPDX-License-Identifier: MIT\n\n"
        "// Code generated by bindings/generate.py from docs/engine_layout.json. DO NOT EDIT.\n\npackage flatline\n",
        go_block("const", constants),
        "// What a slot is of.\n" + go_block("const", kinds),
        "// WorkerState is what a worker last said of itself.\ntype WorkerState uint64\n\n" + go_block("const", states),
        "var workerStateNames = [...]string{\n" + "".join(columns(names)) + "}\n",
        "// The records as they lie in the file: docs/ENGINE.md.\n",
    ]
    parts += [go_record(*record) for record in engine_records(engine)]
    return "\n".join(parts)


def python_engine_text(engine):
    lines = ["# An engine's file: docs/ENGINE.md. Places are in words of 64 bits from the start of their record."]
    lines += [f"_ENGINE_{name.upper()} = {value}" for name, value in engine_constants(engine)]
    for name, size, fields in engine_records(engine):
        lines.append(f"_ENGINE_{name.upper()}_WORDS = {size // 8}")
        lines += [f"_ENGINE_{name.upper()}_{field['name'].upper()} = {field['offset'] // 8}" for field in fields]
    lines += [f"_KIND_{kind['name']} = {kind['number']}" for kind in engine["kinds"]]
    states = [(state["number"], state["name"], "") for state in engine["worker_states"]]
    return "\n".join(lines) + "\n\n\n" + python_enum("WorkerState", "what a worker last said of itself", states)


def spliced(text, block):
    before, rest = text.split(BEGIN)
    return before + BEGIN + block + END + rest.split(END)[1]


def main():
    layout = json.loads((TOP / "docs/layout.json").read_text())
    engine = json.loads((TOP / "docs/engine_layout.json").read_text())
    python = python_text(layout) + "\n" + python_engine_text(engine)
    made = {GO: go_text(layout), GO_ENGINE: go_engine_text(engine), PYTHON: spliced(PYTHON.read_text(), python)}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--check" not in sys.argv:
            path.write_text(made[path])
        print(f"{path.relative_to(TOP)}: {'not what docs/layout.json and docs/engine_layout.json say; run bindings/generate.py' if '--check' in sys.argv else 'renewed'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
