"""Bad packages: every field of every record of src/format/eao_format.h, with the hash put right (the
`blake` command of the test program), so that the checks behind it are met. A family is a
(record.field, change)."""
import struct

HEADER = "magic:8s hash:32s major:H minor:H header_bytes:I file_bytes:Q arena_bytes:Q isa:I cpu:I threads:I n_section:I"
SECTIONS = {
    "tensors": "dtype:B rank:B place:B pad:B rows:I offset:Q bytes:Q quant_axis:i quant_n:I scale:I zero:I dim0:q dim1:q dim2:q dim3:q dim4:q dim5:q dim6:q dim7:q",
    "steps": "kernel:H op:H n_in:H n_out:H refs:I attr:I attr_bytes:I name:I scratch_offset:Q scratch_bytes:Q row_inputs:I pads:I stride:i window:i pad_top:i split:I",
    "refs": "tensor:I",
    "program": "stage:I index:I",
    "stages": "first_step:I n_step:I first_band:I n_band:I",
    "schedule": "step:H rows:H drop:I",
    "inputs": "tensor:I name:I",
    "outputs": "tensor:I name:I",
    "states": "in:I out:I name:I pad:I init:Q",
    "meta": "key:I text:I",
    "golden": "offset:Q bytes:Q",
    "strings": "char:B",
    "attrs": "word:I",
    "quant": "word:I",
    "data": "byte:B",
}
HASHED = 40  # the hash covers the rest


def fields(text, at):
    for part in text.split():
        name, code = part.split(":")
        yield name, code, at
        at += struct.calcsize(code)


def values(code, n, rest):
    bits = struct.calcsize(code) * 8
    yield from (("zero", 0), ("one", 1), ("minus_one", -1), ("min", -2**(bits - 1)), ("max", 2**(bits - 1) - 1), ("count", n), ("count_plus_one", n + 1),
                ("remaining_plus_one", rest + 1), ("seventeen", 17))


def families(bases, rehash):
    for base, data in bases.items():
        spans = [struct.unpack_from("<QQ", data, 96 - 16 + 16 * k) for k in range(len(SECTIONS))]
        places = [("header", name, code, at, 0) for name, code, at in fields(HEADER, 0)]
        for k, (name, text) in enumerate(SECTIONS.items()):
            places += [(f"section_{name}", "offset", "Q", 80 + 16 * k, 0), (f"section_{name}", "count", "Q", 88 + 16 * k, spans[k][1])]
            size = sum(struct.calcsize(p.split(":")[1]) for p in text.split())
            last = max(0, spans[k][1] * (1 if size > 4 or name == "refs" else 1) - 1)
            for row in sorted({0, last // 2, last})[:3] if spans[k][1] else []:
                places += [(name, f, code, at, spans[k][1]) for f, code, at in fields(text, spans[k][0] + row * size)]
        for record, name, code, at, n in places:
            if code.endswith("s"):
                n = struct.calcsize(code)
                yield f"{record}.{name}:zeros", base, data[:at] + bytes(n) + data[at + n:]
                yield f"{record}.{name}:ones", base, data[:at] + b"\xff" * n + data[at + n:]
                continue
            size = struct.calcsize(code)
            for what, v in values(code, n, len(data) - at):
                new = data[:at] + (v & (2**(8 * size) - 1)).to_bytes(size, "little") + data[at + size:]
                if new != data:
                    yield f"{record}.{name}:{what}", base, rehash(new)
        for k, a in enumerate(SECTIONS):
            for other in (k + 1) % len(SECTIONS), (k + 5) % len(SECTIONS):
                at, to = 80 + 16 * k, 80 + 16 * other
                new = data[:at] + data[to:to + 8] + data[at + 8:]
                yield f"section_{a}.offset:of_another_section", base, rehash(new)
        yield "byte_more", base, data + b"\0"
        yield "without_hash", base, data[:HASHED] + bytes([data[HASHED] ^ 1]) + data[HASHED + 1:]
    small = bases["two"]
    for n in range(len(small)):
        yield "truncated", f"two.{n}", small[:n]
    for n in range(8, len(small), 3):
        yield "byte_inverted_without_hash", f"two.{n}", small[:n] + bytes([small[n] ^ 0xFF]) + small[n + 1:]
        yield "byte_inverted", f"two.{n}", rehash(small[:n] + bytes([small[n] ^ 0xFF]) + small[n + 1:])
