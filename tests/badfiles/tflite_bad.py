"""Bad TFLite files: every field of every table of a good one, its offsets, vtables and vectors. A
family is a (table.field, change)."""
import struct

# name: kind for the slots of each table's vtable; kinds: a scalar's struct code, "str", "[x]" vectors
# of scalars, "[Table]", "Table"
SCHEMA = {
    "Model": ["version:I", "operator_codes:[OperatorCode]", "subgraphs:[SubGraph]", "description:str", "buffers:[Buffer]",
              "metadata_buffer:[i]", "metadata:[Metadata]", "signature_defs:[SignatureDef]"],
    "OperatorCode": ["deprecated_builtin_code:b", "custom_code:str", "version:i", "builtin_code:i"],
    "SubGraph": ["tensors:[Tensor]", "inputs:[i]", "outputs:[i]", "operators:[Operator]", "name:str"],
    "Tensor": ["shape:[i]", "type:b", "buffer:I", "name:str", "quantization:Quantization", "is_variable:b", "sparsity:Sparsity",
               "shape_signature:[i]", "has_rank:b"],
    "Quantization": ["min:[f]", "max:[f]", "scale:[f]", "zero_point:[q]", "details_type:B", "details:Any", "quantized_dimension:i"],
    "Sparsity": ["traversal_order:[i]", "block_map:[i]", "dim_metadata:[Any]"],
    "Operator": ["opcode_index:I", "inputs:[i]", "outputs:[i]", "builtin_options_type:B", "builtin_options:Any", "custom_options:[B]",
                 "custom_options_format:b"],
    "Buffer": ["data:[B]", "offset:Q", "size:Q"],
    "Metadata": ["name:str", "buffer:I"],
    "SignatureDef": ["inputs:[TensorMap]", "outputs:[TensorMap]", "signature_key:str", "gap:b", "subgraph_index:I"],
    "TensorMap": ["name:str", "tensor_index:I"],
    "Any": [f"field{k}:i" for k in range(12)],
}


class File:
    def __init__(self, data):
        self.data = bytearray(data)

    def get(self, code, at):
        return struct.unpack_from("<" + code, self.data, at)[0]

    def put(self, code, at, v):
        bits = struct.calcsize(code) * 8
        v &= 2**bits - 1
        self.data[at:at + bits // 8] = v.to_bytes(bits // 8, "little")

    def slots(self, table):
        """(slot, position of the field) of what the table has."""
        vt = table - self.get("i", table)
        n = (self.get("H", vt) - 4) // 2
        return vt, [(k, table + self.get("H", vt + 4 + 2 * k)) for k in range(n) if self.get("H", vt + 4 + 2 * k)]

    def walk(self, table, name, seen):
        """(table, slot, position, table name, field, kind)."""
        if table in seen:
            return
        seen.add(table)
        vt, slots = self.slots(table)
        yield table, -1, vt, name, "vtable", "vtable"
        for k, at in slots:
            if k >= len(SCHEMA[name]):
                continue
            field, kind = SCHEMA[name][k].split(":")
            yield table, k, at, name, field, kind
            if kind in SCHEMA:
                yield from self.walk(at + self.get("I", at), kind, seen)
            elif kind[0] == "[" and kind[1:-1] in SCHEMA:
                v = at + self.get("I", at)
                for i in range(self.get("I", v)):
                    e = v + 4 + 4 * i
                    yield from self.walk(e + self.get("I", e), kind[1:-1], seen)


def scalar_changes(code, n):
    bits = struct.calcsize(code) * 8
    yield from (("zero", 0), ("one", 1), ("minus_one", -1), ("min", -2**(bits - 1)), ("max", 2**(bits - 1) - 1), ("two", 2), ("count", n),
                ("count_plus_one", n + 1), ("seventy", 70))


def offset_changes(f, at):
    rest = len(f.data) - at
    yield from (("zero", 0), ("one", 1), ("minus_one", -1), ("self", f.get("I", at) - 4), ("end", rest), ("last_byte", rest - 1),
                ("beyond", rest + 1), ("max31", 2**31 - 1), ("min31", 2**31), ("root", -at), ("misaligned", f.get("I", at) + 1))


def changes(data, table, slot, at, kind, n_tensor):
    f = File(data)
    vt = table - f.get("i", table)
    entry = vt + 4 + 2 * slot

    def made(edit):
        g = File(data)
        edit(g)
        return bytes(g.data)
    if kind == "vtable":
        for what, v in ("zero", 0), ("three", 3), ("odd", 7), ("max", 65535), ("beyond", len(data)):
            yield "size_" + what, made(lambda g: g.put("H", vt, v))
            yield "table_size_" + what, made(lambda g: g.put("H", vt + 2, v))
        for what, v in ("zero", 0), ("beyond", -(len(data) - table) - 4), ("before", table + 4), ("min", -2**31), ("max", 2**31 - 1), ("odd", table - vt + 1):
            yield "offset_" + what, made(lambda g: g.put("i", table, v))
        return
    yield "dropped", made(lambda g: g.put("H", entry, 0))
    yield "in_vtable_odd", made(lambda g: g.put("H", entry, f.get("H", entry) + 1))
    yield "in_vtable_beyond_table", made(lambda g: g.put("H", entry, f.get("H", vt + 2)))
    yield "in_vtable_max", made(lambda g: g.put("H", entry, 65535))
    yield "in_vtable_inside_head", made(lambda g: g.put("H", entry, 2))
    if len(kind) == 1:
        for what, v in scalar_changes(kind, n_tensor):
            yield what, made(lambda g: g.put(kind.upper() if kind.isalpha() else kind, at, v))
        return
    for what, v in offset_changes(f, at):
        yield "offset_" + what, made(lambda g: g.put("I", at, v))
    if kind in SCHEMA:
        return
    v = at + f.get("I", at)
    n = f.get("I", v)
    size = 1 if kind == "str" else 4 if kind[1:-1] in SCHEMA else struct.calcsize(kind[1:-1])
    for what, x in ("zero", 0), ("one", 1), ("minus_one", -1), ("plus_one", n + 1), ("remaining_plus_one", (len(data) - v - 4) // size + 1), \
            ("max31", 2**31 - 1), ("times_size_is_zero", 2**32 // max(size, 1) & 0xFFFFFFFF), ("thirty_two", 32):
        yield "length_" + what, made(lambda g: g.put("I", v, x))
    if n == 0:
        return
    if kind[1:-1] in ("i", "q", "f", "B"):
        code = {"i": "I", "q": "Q", "f": "I", "B": "B"}[kind[1:-1]]
        for what, x in scalar_changes(code, n_tensor):
            yield "element_" + what, made(lambda g: g.put(code, v + 4, x))
        if kind == "[f]":
            for what, x in ("nan", 0x7FC00000), ("inf", 0x7F800000), ("negative", 0xBF800000), ("denormal", 1):
                yield "element_" + what, made(lambda g: g.put("I", v + 4, x))
    elif kind == "str":
        yield "no_nul", made(lambda g: g.put("B", v + 4 + n, 65))
        yield "not_utf8", made(lambda g: g.put("B", v + 4, 0xFF))
        yield "nul_inside", made(lambda g: g.put("B", v + 4, 0))
    else:
        for what, x in offset_changes(f, v + 4):
            yield "element_offset_" + what, made(lambda g: g.put("I", v + 4, x))
        if n > 1:
            yield "elements_aliased", made(lambda g: g.put("I", v + 8, v + 4 + f.get("I", v + 4) - (v + 8)))


def families(bases):
    for base, data in bases.items():
        f = File(data)
        n_tensor = max([f.get("I", at + f.get("I", at)) for _, _, at, t, name, _ in f.walk(f.get("I", 0), "Model", set())
                        if name == "tensors"] or [0])
        for what, v in offset_changes(f, 0):
            g = File(data)
            g.put("I", 0, v)
            yield "root:" + what, base, bytes(g.data)
        yield "identifier", base, data[:4] + b"TFL9" + data[8:]
        seen = {}
        for table, slot, at, name, field, kind in f.walk(f.get("I", 0), "Model", set()):
            if seen.get((name, field), 0) >= 2:
                continue
            seen[name, field] = seen.get((name, field), 0) + 1
            for what, bad in changes(data, table, slot, at, kind, n_tensor):
                yield f"{name}.{field}:{what}", base, bad
    small = bases["two"]
    for n in range(len(small)):
        yield "truncated", f"two.{n}", small[:n]
    for n in range(len(small)):
        yield "byte_inverted", f"two.{n}", small[:n] + bytes([small[n] ^ 0xFF]) + small[n + 1:]
