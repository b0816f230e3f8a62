"""Bad ONNX files: every field of every message of a good one, changed in every way that loaders get
wrong. A family is a (message.field, change)."""
import struct

# field number: (name, kind); kind: a message, or int, float (4 bytes), double, str, bytes
SCHEMA = {
    "Model": {1: ("ir_version", "int"), 2: ("producer_name", "str"), 7: ("graph", "Graph"), 8: ("opset_import", "Opset"),
              14: ("metadata_props", "Pair"), 25: ("functions", "Function")},
    "Opset": {1: ("domain", "str"), 2: ("version", "int")},
    "Pair": {1: ("key", "str"), 2: ("value", "str")},
    "Graph": {1: ("node", "Node"), 2: ("name", "str"), 5: ("initializer", "Tensor"), 11: ("input", "Value"),
              12: ("output", "Value"), 13: ("value_info", "Value")},
    "Node": {1: ("input", "str"), 2: ("output", "str"), 3: ("name", "str"), 4: ("op_type", "str"), 5: ("attribute", "Attribute"),
             7: ("domain", "str")},
    "Attribute": {1: ("name", "str"), 2: ("f", "float"), 3: ("i", "int"), 4: ("s", "str"), 5: ("t", "Tensor"), 6: ("g", "Graph"),
                  7: ("floats", "float"), 8: ("ints", "int"), 9: ("strings", "str"), 20: ("type", "int"), 21: ("ref_attr_name", "str")},
    "Tensor": {1: ("dims", "int"), 2: ("data_type", "int"), 4: ("float_data", "bytes"), 5: ("int32_data", "bytes"),
               7: ("int64_data", "bytes"), 8: ("name", "str"), 9: ("raw_data", "bytes"), 10: ("double_data", "bytes"),
               11: ("uint64_data", "bytes"), 13: ("external_data", "Pair"), 14: ("data_location", "int")},
    "Value": {1: ("name", "str"), 2: ("type", "Type")},
    "Type": {1: ("tensor_type", "TensorType")},
    "TensorType": {1: ("elem_type", "int"), 2: ("shape", "Shape")},
    "Shape": {1: ("dim", "Dim")},
    "Dim": {1: ("dim_value", "int"), 2: ("dim_param", "str")},
    "Function": {1: ("name", "str"), 4: ("input", "str"), 5: ("output", "str"), 6: ("attribute", "str"), 7: ("node", "Node"),
                 9: ("opset_import", "Opset"), 10: ("domain", "str")},
}
INTS = {"zero": 0, "one": 1, "minus_one": -1, "min32": -2**31, "max32": 2**31 - 1, "min64": -2**63, "max64": 2**63 - 1,
        "large": 2**40, "enum_999": 999}


def varint(v):
    v &= 2**64 - 1
    out = b""
    while v >= 0x80:
        out += bytes([v & 0x7F | 0x80])
        v >>= 7
    return out + bytes([v])


class Field:
    def __init__(self, number, wire, value):
        self.number, self.wire, self.value = number, wire, value  # value: int, bytes, or a list of fields

    def pack(self):
        tag = varint(self.number << 3 | self.wire)
        if self.wire == 0:
            return tag + varint(self.value)
        body = pack(self.value) if isinstance(self.value, list) else self.value
        return tag + (varint(len(body)) if self.wire == 2 else b"") + body


def pack(fields):
    return b"".join(f.pack() for f in fields)


def parse(data, message):
    at, out = 0, []

    def number():
        nonlocal at
        v = shift = 0
        while True:
            b = data[at]
            at += 1
            v |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                return v
    while at < len(data):
        tag = number()
        wire = tag & 7
        if wire == 0:
            value = number()
        else:
            n = number() if wire == 2 else 8 if wire == 1 else 4
            value = data[at:at + n]
            at += n
        kind = SCHEMA[message].get(tag >> 3, ("", ""))[1]
        out.append(Field(tag >> 3, wire, parse(value, kind) if kind in SCHEMA else value))
    return out


def walk(fields, message, depth=0):
    """(list that holds it, index, message, name, kind) of every field, the outermost first."""
    for i, f in enumerate(fields):
        name, kind = SCHEMA[message].get(f.number, ("", ""))
        if not name:
            continue
        yield fields, i, message, name, kind
        if kind in SCHEMA:
            yield from walk(f.value, kind, depth + 1)


def changes(fields, i, kind, total, names):
    """(what, fields in the place of the one) for each change."""
    f = fields[i]
    yield "dropped", []
    yield "doubled", [f, f]
    yield "wire_type", [Field(f.number, 5, b"\1\2\3\4") if f.wire != 5 else Field(f.number, 0, 1)]
    yield "number", [Field(31, f.wire, f.value)]
    if f.wire == 0:
        for what, v in INTS.items():
            yield what, [Field(f.number, 0, v)]
        yield "remaining", [Field(f.number, 0, total)]
        yield "overlong_varint", [Raw(varint(f.number << 3) + b"\xff" * 10 + b"\1")]
        return
    if f.wire == 5:
        for what, v in ("nan", float("nan")), ("inf", float("inf")), ("huge", 3e38), ("negative", -1.0), ("tiny", 1e-45):
            yield what, [Field(f.number, 5, struct.pack("<f", v))]
        return
    body = pack(f.value) if isinstance(f.value, list) else f.value
    tag = varint(f.number << 3 | 2)
    yield "empty", [Field(f.number, 2, b"")]
    yield "length_plus_one", [Raw(tag + varint(len(body) + 1) + body)]
    yield "length_beyond", [Raw(tag + varint(total + 1) + body)]
    yield "length_max", [Raw(tag + varint(2**64 - 1) + body)]
    yield "length_sign", [Raw(tag + varint(2**31) + body)]
    if kind in SCHEMA:
        yield "garbage", [Field(f.number, 2, bytes(range(250, 256)) * 3)]
        yield "group", [Raw(varint(f.number << 3 | 3) + body)]
        return
    yield "short", [Field(f.number, 2, body[:-1])]
    yield "long", [Field(f.number, 2, body + b"\0")]
    if kind == "str":
        yield "nul", [Field(f.number, 2, b"a\0b")]
        yield "not_utf8", [Field(f.number, 2, b"\xff\xfe\x80")]
        yield "very_long", [Field(f.number, 2, b"n" * 70000)]
        for k, other in enumerate(names):
            yield f"alias_{k}", [Field(f.number, 2, other)]
        yield "path", [Field(f.number, 2, b"../../../../../../etc/passwd")]
    else:
        yield "twice_as_much", [Field(f.number, 2, body * 2)]


class Raw:
    def __init__(self, data):
        self.data = data

    def pack(self):
        return self.data


def deep(base, depth):
    """If in If in If ..."""
    top = parse(base, "Model")
    graph = next(f for f in top if f.number == 7)
    node = next(f for f in graph.value if f.number == 1)
    inner = pack(next(f for f in node.value if f.number == 5 and any(g.number == 6 for g in f.value)).value)
    body = pack(graph.value)
    for _ in range(depth):
        attr = varint(1 << 3 | 2) + varint(11) + b"then_branch" + varint(6 << 3 | 2) + varint(len(body)) + body + b"\xa0\1\5"
        n = b"\x22\2If\x0a\1c\x12\1y" + varint(5 << 3 | 2) + varint(len(attr)) + attr
        body = varint(1 << 3 | 2) + varint(len(n)) + n
    assert inner
    graph.value = body
    return pack(top)


def functions_in_functions(base, n, cycle):
    """Functions that call each other twice each: 2 ** n nodes; or in a circle."""
    top = parse(base, "Model")
    top = [f for f in top if f.number != 25]
    for k in range(n):
        callee = b"F%d" % ((k + 1) % n if cycle else k + 1)
        if not cycle and k + 1 == n:
            call = lambda a, b: [Field(1, 2, a), Field(2, 2, b), Field(4, 2, b"Relu")]
        else:
            call = lambda a, b, c=callee: [Field(1, 2, a), Field(2, 2, b), Field(4, 2, c), Field(7, 2, b"my")]
        top.append(Field(25, 2, [Field(1, 2, b"F%d" % k), Field(4, 2, b"a"), Field(5, 2, b"c"), Field(7, 2, call(b"a", b"b")),
                                 Field(7, 2, call(b"b", b"c")), Field(9, 2, [Field(1, 2, b"my"), Field(2, 0, 1)]),
                                 Field(9, 2, [Field(1, 2, b""), Field(2, 0, 17)]), Field(10, 2, b"my")]))
    graph = next(f for f in top if f.number == 7)
    node = next(f for f in graph.value if f.number == 1)
    for f in node.value:
        if f.number == 4:
            f.value = b"F0"
    return pack(top)


def families(bases):
    """(family, instance, bytes); bases: {name: bytes}."""
    for base, data in bases.items():
        assert pack(parse(data, "Model")) == data, base
        seen = {}
        tree = parse(data, "Model")
        names = [f.value for f, in ((x,) for x in tree) if f.wire == 2 and isinstance(f.value, bytes)][:1]
        graph = next(f for f in tree if f.number == 7).value
        names += [f.value[0].value for f in graph if f.number in (5, 11, 12) and isinstance(f.value, list)
                  and f.value and isinstance(f.value[0].value, bytes)][:3]
        for fields, i, message, name, kind in list(walk(tree, "Model")):
            if seen.get((message, name), 0) >= 2:
                continue
            seen[message, name] = seen.get((message, name), 0) + 1
            was = list(fields)
            for what, new in changes(was, i, kind, len(data), names):
                fields[:] = was[:i] + new + was[i + 1:]
                yield f"{message}.{name}:{what}", base, pack(tree)
            fields[:] = was
        for what, order in ("reversed", lambda x: x[::-1]),:
            for number in 1, 5, 11, 12:
                was = list(graph)
                part = order([f for f in was if f.number == number])
                graph[:] = [part.pop(0) if f.number == number else f for f in was]
                yield f"Graph:{what}_{number}", base, pack(tree)
                graph[:] = was
    for depth in 8, 40, 400, 4000:
        yield f"nesting:{depth}", "if", deep(bases["if"], depth)
    for n in 3, 30:
        yield f"functions_doubling:{n}", "function", functions_in_functions(bases["function"], n, False)
        yield f"functions_in_a_circle:{n}", "function", functions_in_functions(bases["function"], n, True)
    yield "empty", "", b""
    yield "zeros", "", bytes(4096)
    yield "ones", "", b"\xff" * 4096
    small = bases["two"]
    for n in range(len(small)):
        yield "truncated", f"two.{n}", small[:n]
    for n in range(len(small)):
        yield "byte_inverted", f"two.{n}", small[:n] + bytes([small[n] ^ 0xFF]) + small[n + 1:]
