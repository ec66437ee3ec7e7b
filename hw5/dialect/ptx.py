"""Translate PTX, NVIDIA's assembly language, to C++ of the emulator's dialect: an instruction becomes a statement.

It is written inline in a kernel, or is what nvcc made of a whole one.
"""

import re

from hw5.errors import InputError

_C = {  # the C++ type of each type of PTX
    "u8": "uint8_t", "s8": "int8_t", "b8": "uint8_t", "u16": "uint16_t", "s16": "int16_t", "b16": "uint16_t",
    "u32": "uint32_t", "s32": "int32_t", "b32": "uint32_t", "u64": "uint64_t", "s64": "int64_t", "b64": "uint64_t",
    "f32": "float", "f64": "double", "pred": "bool",
}  # fmt: skip
_WIDE = {"int32_t": "int64_t", "uint32_t": "uint64_t", "uint16_t": "uint32_t", "int16_t": "int32_t"}
OWN = "hw5v_"  # names of a statement's variables begin so, since operands have names of the user's
_LANE = "hw5_ptx::lane()"
_SPECIAL = {
    "laneid": _LANE,
    "warpid": "hw5_ptx::thread_number() / 32",
    "nwarpid": "(blockDim.x * blockDim.y * blockDim.z + 31) / 32",
    "smid": "0u",
    "nsmid": "1u",
    "gridid": "0u",
    "clock": "(uint32_t)clock64()",
    "clock64": "(uint64_t)clock64()",
    "globaltimer": "(uint64_t)clock64() * 1000",
    "lanemask_eq": f"(1u << {_LANE})",
    "lanemask_lt": f"((1u << {_LANE}) - 1)",
    "lanemask_le": f"(2u << {_LANE}) - 1",
    "lanemask_gt": f"~((2u << {_LANE}) - 1)",
    "lanemask_ge": f"~((1u << {_LANE}) - 1)",
}
_INDEX = {"tid": "threadIdx", "ctaid": "blockIdx", "ntid": "blockDim", "nctaid": "gridDim"}
_SPECIAL |= {f"{ptx}.{axis}": f"{name}.{axis}" for ptx, name in _INDEX.items() for axis in "xyz"}
_COMPARE = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "lo": "<",
    "ls": "<=",
    "hi": ">",
    "hs": ">=",
}
_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_ATOMIC = {op: f"atomic{op.capitalize()}" for op in ("add", "min", "max", "and", "or", "xor", "inc", "dec")}
_ATOMIC |= {"exch": "atomicExch", "cas": "atomicCAS"}
_STRONG = {"volatile", "relaxed", "acquire", "release"}  # of loads and stores by which threads tell each other
_BITS = {"and": "&", "or": "|", "xor": "^"}
# Of mma.sync: the types of factors and sums, and the (type, rows, depth) of the first factor
_FACTORS = {
    "f16": "__half",
    "bf16": "__nv_bfloat16",
    "tf32": "nvcuda::wmma::precision::tf32",
    "s8": "signed char",
    "u8": "unsigned char",
    "f64": "double",
}
_SUMS = {"f32": "float", "f16": "__half", "s32": "int", "f64": "double"}
_SHAPES = {(T, 16, K) for T, depths in {"f16": (8, 16), "bf16": (8, 16), "tf32": (4, 8)}.items() for K in depths}
_SHAPES |= {(T, M, K) for T in ("s8", "u8") for M, K in ((8, 16), (16, 16), (16, 32))} | {("f64", 8, 4)}
# Numbers of 16 bits and pairs of them: the type, and that of the register. Functions of one, and of a pair
_HALVES = {
    "f16": ("__half", "uint16_t"),
    "bf16": ("__nv_bfloat16", "uint16_t"),
    "f16x2": ("__half2", "uint32_t"),
    "bf16x2": ("__nv_bfloat162", "uint32_t"),
}
_OF_HALVES = {
    "add": ("__hadd", "__hadd2"), "add.sat": ("__hadd_sat", "__hadd2_sat"),
    "sub": ("__hsub", "__hsub2"), "sub.sat": ("__hsub_sat", "__hsub2_sat"),
    "mul": ("__hmul", "__hmul2"), "mul.sat": ("__hmul_sat", "__hmul2_sat"),
    "fma": ("__hfma", "__hfma2"), "fma.sat": ("__hfma_sat", "__hfma2_sat"), "fma.relu": ("__hfma_relu", "__hfma2_relu"),
    "min": ("__hmin", "__hmin2"), "min.NaN": ("__hmin_nan", "__hmin2_nan"),
    "max": ("__hmax", "__hmax2"), "max.NaN": ("__hmax_nan", "__hmax2_nan"),
    "neg": ("__hneg", "__hneg2"), "abs": ("__habs", "__habs2"), "tanh": ("htanh", "h2tanh"), "ex2": ("hexp2", "h2exp2"),
}  # fmt: skip
# The result in terms of the operands a, b, c of type T
_FUNCTIONS = {
    "ex2": "hw5_ptx::ex2{ftz}(a)", "lg2": "log2f(a)", "rcp": "hw5_ptx::rcp{ftz}(a)", "rsqrt": "(T)(1 / sqrt(a))",
    "sqrt": "(T)sqrt(a)", "sin": "sinf(a)", "cos": "cosf(a)", "tanh": "tanhf(a)",
    "popc": "(uint32_t)__builtin_popcountll(a)", "brev": "(T)hw5_ptx::reversed(a)", "clz": "hw5_ptx::leading_zeros(a)",
    "bfind": "hw5_ptx::highest_bit(a)", "abs": "a < 0 ? -a : a", "copysign": "(T)copysign(b, a)",
    "not": "(T)~a", "cnot": "(T)(a == 0)", "prmt": "__byte_perm(a, b, c)", "sad": "c + (a < b ? b - a : a - b)",
    "lop3": "hw5_ptx::lop3(a, b, c, {last})",
}  # fmt: skip


class Unknown(InputError):
    """A PTX instruction that is not translated."""


class Translator:
    """Translates instructions; a subclass says how operands are read and written.

    read(operand, T): a C++ expression of an operand as type T. write(operand, expression, T): a statement.
    address(operand, space): an expression for the address in brackets.
    """

    def instruction(self, text):
        """The C++ statement of one instruction, which may have a predicate; raises Unknown."""
        match = re.fullmatch(r"(?:@(!?)(%?\w+)\s+)?([a-z][\w.:]*)\s*(.*)", text.strip(), re.DOTALL)
        if not match:
            raise Unknown(f"the PTX instruction {text.strip()!r} is not understood")
        negated, predicate, opcode, operands = match.groups()
        arguments = [o.strip() for o in re.split(r",(?![^{\[]*[}\]])", operands)] if operands.strip() else []
        parts = opcode.split(".")
        method = getattr(self, f"_{parts[0]}", None)
        if parts[-1] in _HALVES and parts[0] in _OF_HALVES:
            method = self._of_halves
        if method is None and parts[0] not in _FUNCTIONS:
            raise Unknown(f"the PTX instruction {opcode} is not one of those that the emulator knows")
        try:
            statement = method(parts, arguments) if method else self._function(parts, arguments)
        except (KeyError, IndexError, ValueError):
            raise Unknown(
                f"the PTX instruction {opcode} {operands.strip()} is not one that the emulator knows"
            ) from None
        return f"if ({negated}{self.read(predicate, 'bool')}) {{ {statement} }}" if predicate else statement

    def _function(self, parts, a):
        T = _C[parts[-1]]
        text = re.sub(r"\b[abc]\b", lambda name: OWN + name.group(), _FUNCTIONS[parts[0]])
        text = text.replace("{ftz}", "_ftz" if "ftz" in parts and parts[-1] == "f32" else "")
        if parts[0] == "lop3":
            text = text.replace("{last}", self.read(a[-1], "uint32_t"))
        if T == "bool":
            text = f"!{OWN}a"
        declared = "".join(f"const {T} {OWN}{n} = {self.read(o, T)}; " for n, o in zip("abc", a[1:4]))
        result = "uint32_t" if parts[0] in ("popc", "clz", "bfind") else T
        return "{ " + declared + self.write(a[0], text.replace("(T)", f"({T})"), result) + " }"

    def _of_halves(self, parts, a):
        T, R = _HALVES[parts[-1]]
        name = ".".join(part for part in parts[:-1] if part not in ("rn", "approx"))
        function = _OF_HALVES[name][parts[-1].endswith("x2")]
        values = ", ".join(f"hw5_ptx::bits<{T}>({self.read(o, R)})" for o in a[1:])
        return self.write(a[0], f"hw5_ptx::bits<{R}>({function}({values}))", R)

    def _mov(self, parts, a):
        T = _C[parts[-1]]
        if a[0].startswith("{"):  # unpack
            names = [n.strip() for n in a[0].strip("{}").split(",")]
            half = {"b64": ("uint32_t", 32), "b32": ("uint16_t", 16)}[parts[-1]]
            return (
                f"{{ const {T} {OWN}v = {self.read(a[1], T)}; "
                + "".join(self.write(n, f"({half[0]})({OWN}v >> {half[1] * i})", half[0]) for i, n in enumerate(names))
                + " }"
            )
        if a[1].startswith("{"):  # pack
            low, high = (n.strip() for n in a[1].strip("{}").split(","))
            h, n = {"b64": ("uint32_t", 32), "b32": ("uint16_t", 16)}[parts[-1]]
            return self.write(a[0], f"({T})({T})({self.read(high, h)}) << {n} | {self.read(low, h)}", T)
        return self.write(a[0], self.read(a[1], T), T)

    def _cvta(self, parts, a):
        return self.write(a[0], self.read(a[1], "uint64_t"), "uint64_t")

    def _mma(self, parts, a):
        """A product by a warp: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 d, a, b, c"""
        shape = re.fullmatch(r"m(8|16)n8k(\d+)", parts[3])
        d, first, second, c = (o.strip("{}").split(",") for o in a)
        T, S = _FACTORS[parts[-3]], _SUMS[parts[-4]]
        if not shape or parts[-3:-1] != [parts[-3]] * 2 or parts[-1] != parts[-4] or parts[4:6] != ["row", "col"]:
            raise KeyError
        M, K = map(int, shape.groups())
        if (parts[-3], M, K) not in _SHAPES:
            raise KeyError
        R, D = ("double", "double") if T == "double" else ("uint32_t", {"__half": "uint32_t"}.get(S, S))
        declared = "".join(
            f"const {kind} {OWN}{name}[] = {{{', '.join(self.read(o, kind) for o in operands)}}}; "
            for name, kind, operands in (("x", R, first), ("y", R, second), ("z", D, c))
        )
        saturate = str("satfinite" in parts).lower()
        call = f"hw5_mma::mma_sync<{M}, {K}, {T}, {S}>({OWN}d, {OWN}x, {OWN}y, {OWN}z, {saturate});"
        writes = " ".join(self.write(o, f"{OWN}d[{i}]", D) for i, o in enumerate(d))
        return f"{{ {declared}{D} {OWN}d[{len(d)}]; {call} {writes} }}"

    def _ldmatrix(self, parts, a):
        if "m8n8" not in parts or parts[-1] != "b16":
            raise KeyError
        registers = a[0].strip("{}").split(",")
        where = self.address(a[1], "shared" if {"shared", "shared::cta"} & set(parts) else "generic")
        call = f"hw5_mma::ldmatrix<{len(registers)}, {str('trans' in parts).lower()}>({OWN}r, {where});"
        writes = " ".join(self.write(r, f"{OWN}r[{i}]", "uint32_t") for i, r in enumerate(registers))
        return f"{{ uint32_t {OWN}r[{len(registers)}]; {call} {writes} }}"

    def _cp(self, parts, a):
        """Asynchronous copies, in groups for which the thread waits."""
        if parts[1] != "async":
            raise KeyError
        if parts[2] == "commit_group":
            return "hw5_link.runtime.commit();"
        if parts[2] == "wait_all":
            return "hw5_link.runtime.await(0, true);"
        if parts[2] == "wait_group":
            return f"hw5_link.runtime.await({self.read(a[0], 'uint32_t')}, false);"
        if not {"ca", "cg"} & set(parts):
            raise KeyError
        to, source = self.address(a[0], "shared"), self.address(a[1], "global")
        size = self.read(a[2], "uint32_t")
        read = size
        if len(a) - ("L2::cache_hint" in parts) > 3:
            ignored = self._is_predicate(a[3])
            read = f"{self.read(a[3], 'bool')} ? 0 : {size}" if ignored else self.read(a[3], "uint32_t")
        return f"hw5_copy_async((void *)({to}), (const void *)({source}), {size}, {read});"

    def _is_predicate(self, operand):
        return False

    def _cvt(self, parts, a):
        if parts[1:] in (["rn", each, "f32"] for each in ("f16", "bf16", "f16x2", "bf16x2")):
            return self._to_halves(parts[2], a)
        if parts[-2] in ("f16", "bf16") and parts[1] == "rn":
            number = self.read(a[1], _C[parts[-1]])
            return self.write(a[0], f"hw5_ptx::bits<uint16_t>({_FACTORS[parts[-2]]}({number}))", "uint16_t")
        if parts[-1] in ("f16", "bf16"):
            F, x = "float", f"(float)hw5_ptx::bits<{_FACTORS[parts[-1]]}>({self.read(a[1], 'uint16_t')})"
        else:
            F, x = _C[parts[-1]], self.read(a[1], _C[parts[-1]])
        T = _C[parts[-2]]
        if "sat" in parts and T == "float":
            return self.write(a[0], f"hw5_ptx::sat({x})", T)
        rounding = next(
            (
                name
                for key, name in (("rni", "rint"), ("rzi", "trunc"), ("rmi", "floor"), ("rpi", "ceil"))
                if key in parts
            ),
            None,
        )
        if rounding and F in ("float", "double"):
            x = f"({F}){rounding}({x})"
        if T not in ("float", "double") and F in ("float", "double"):
            x = f"hw5_ptx::converted<{T}>({x})"
        return self.write(a[0], f"({T})({x})", T)

    def _to_halves(self, to, a):
        half = _FACTORS[to.removesuffix("x2")]
        first, *second = (f"hw5_ptx::bits<uint16_t>({half}({self.read(x, 'float')}))" for x in a[1:])
        if to.endswith("x2"):
            return self.write(a[0], f"(uint32_t){first} << 16 | {second[0]}", "uint32_t")
        return self.write(a[0], first, "uint16_t")

    def _arithmetic(self, parts, a):
        T, op = _C[parts[-1]], _ARITHMETIC[parts[0]]
        if T in ("float", "double"):
            suffix = next((s for p, s in (("rz", "rz"), ("rm", "rd"), ("rp", "ru")) if p in parts), None)
            x, y = self.read(a[1], T), self.read(a[2], T)
            e = f"__{'f' if T == 'float' else 'd'}{parts[0]}_{suffix}({x}, {y})" if suffix else f"({x} {op} {y})"
            return self.write(a[0], f"hw5_ptx::sat({e})" if "sat" in parts else e, T)
        if parts[0] == "mul":
            return self.write(a[0], *self._product(parts, a, T))
        if parts[0] == "div":
            return self.write(a[0], f"{self.read(a[1], T)} / {self.read(a[2], T)}", T)
        U = T if T.startswith("u") else "u" + T
        return self.write(a[0], f"({U})({self.read(a[1], U)} {op} {self.read(a[2], U)})", U)

    _add = _sub = _mul = _div = _arithmetic

    def _product(self, parts, a, T):
        if "wide" in parts:
            W = _WIDE[T]
            return f"({W}){self.read(a[1], T)} * ({W}){self.read(a[2], T)}", W
        if "hi" in parts:
            wide = {"int64_t": "__int128", "uint64_t": "unsigned __int128"}.get(T) or _WIDE[T]
            bits = {"8": 8, "1": 16, "3": 32, "6": 64}[T.lstrip("uint")[0]]
            return f"({T})(({wide}){self.read(a[1], T)} * {self.read(a[2], T)} >> {bits})", T
        U = T if T.startswith("u") else "u" + T
        return f"({U})({self.read(a[1], U)} * {self.read(a[2], U)})", U

    def _mad(self, parts, a):
        T = _C[parts[-1]]
        if T in ("float", "double"):
            return self._fma(parts, a)
        product, W = self._product(parts, a, T)
        U = W if W.startswith("u") else "u" + W
        return self.write(a[0], f"({U})({product}) + {self.read(a[3], U)}", U)

    def _rem(self, parts, a):
        T = _C[parts[-1]]
        return self.write(a[0], f"{self.read(a[1], T)} % {self.read(a[2], T)}", T)

    def _fma(self, parts, a):
        T = _C[parts[-1]]
        name = {"rn": "fma", "rm": "fma_rd"}[next(p for p in parts[1:] if p in ("rn", "rm", "rz", "rp"))]
        e = f"hw5_ptx::{name}({', '.join(self.read(o, T) for o in a[1:4])})"
        return self.write(a[0], f"hw5_ptx::sat({e})" if "sat" in parts else e, T)

    def _neg(self, parts, a):
        T = _C[parts[-1]]
        return self.write(a[0], f"({T})-{self.read(a[1], T)}", T)

    def _extreme(self, parts, a):
        T = _C[parts[-1]]
        return self.write(
            a[0],
            f"hw5_ptx::{parts[0]}<{T}>({self.read(a[1], T)}, {self.read(a[2], T)})"
            if T not in ("float", "double")
            else f"hw5_ptx::{parts[0]}({self.read(a[1], T)}, {self.read(a[2], T)})",
            T,
        )

    _max = _min = _extreme

    def _logic(self, parts, a):
        T = _C[parts[-1]]
        return self.write(a[0], f"({T})({self.read(a[1], T)} {_BITS[parts[0]]} {self.read(a[2], T)})", T)

    _and = _or = _xor = _logic

    def _shift(self, parts, a):
        T = _C[parts[-1]]
        return self.write(a[0], f"hw5_ptx::{parts[0]}<{T}>({self.read(a[1], T)}, {self.read(a[2], 'uint32_t')})", T)

    _shl = _shr = _shift

    def _shf(self, parts, a):
        x, y, n = (self.read(o, "uint32_t") for o in a[1:4])
        function = {"l.wrap": "l", "r.wrap": "r", "l.clamp": "lc", "r.clamp": "rc"}[".".join(parts[1:3])]
        return self.write(a[0], f"__funnelshift_{function}({x}, {y}, {n})", "uint32_t")

    def _bfe(self, parts, a):
        T = _C[parts[-1]]
        return self.write(
            a[0], f"hw5_ptx::bfe({self.read(a[1], T)}, {self.read(a[2], 'uint32_t')}, {self.read(a[3], 'uint32_t')})", T
        )

    def _bfi(self, parts, a):
        T = c_type(parts[1])
        fields = [self.read(o, T) for o in a[1:3]] + [self.read(o, "uint32_t") for o in a[3:5]]
        return self.write(a[0], f"hw5_ptx::bfi({', '.join(fields)})", T)

    def _selp(self, parts, a):
        T = _C[parts[-1]]
        return self.write(a[0], f"{self.read(a[3], 'bool')} ? {self.read(a[1], T)} : {self.read(a[2], T)}", T)

    def _setp(self, parts, a):
        T = _C[parts[-1]]
        if len(parts) != 3 and not (len(parts) == 4 and parts[2] == "ftz"):
            if parts[2] not in _BITS:
                raise KeyError
            inner = self._comparison(parts[1], self.read(a[1], T), self.read(a[2], T), T)
            return self.write(a[0], f"({inner}) {_BITS[parts[2]]} {self.read(a[3], 'bool')}", "bool")
        return self.write(a[0], self._comparison(parts[1], self.read(a[1], T), self.read(a[2], T), T), "bool")

    @staticmethod
    def _comparison(name, x, y, T):
        if T not in ("float", "double"):
            return f"({x} {_COMPARE[name]} {y})"
        unordered = f"({x} != {x} || {y} != {y})"
        if name in ("nan", "num"):
            return unordered if name == "nan" else f"!{unordered}"
        if name.endswith("u") and name[:-1] in _COMPARE:
            return f"({unordered} || {x} {_COMPARE[name[:-1]]} {y})"
        return f"(!{unordered} && {x} != {y})" if name == "ne" else f"({x} {_COMPARE[name]} {y})"

    def _shfl(self, parts, a):
        function = {"bfly": "xor", "down": "down", "up": "up", "idx": ""}[parts[2]]
        name = f"__shfl_{function}_sync" if function else "__shfl_sync"
        mask = self.read(a[4], "uint32_t") if parts[1] == "sync" else {}["old"]
        width = f"(int)(32 - ({self.read(a[3], 'uint32_t')} >> 8 & 31))"
        value = f"{name}({mask}, {self.read(a[1], 'uint32_t')}, (int){self.read(a[2], 'uint32_t')}, {width})"
        return self.write(a[0].split("|")[0], value, "uint32_t")

    def _vote(self, parts, a):
        mask, p = self.read(a[2], "uint32_t"), self.read(a[1], "bool")
        name = {"ballot": "__ballot_sync", "any": "__any_sync", "all": "__all_sync"}[parts[2]]
        return self.write(a[0], f"{name}({mask}, {p})", "uint32_t" if parts[2] == "ballot" else "bool")

    def _bar(self, parts, a):
        if parts[1] == "warp":
            return f"__syncwarp({self.read(a[0], 'uint32_t')});"
        return "__syncthreads();" if a == ["0"] else {}["named barriers"]

    _barrier = _bar

    def _membar(self, parts, a):
        return "__threadfence_block();" if "cta" in parts else "__threadfence();"

    _fence = _membar

    def _ld(self, parts, a):
        T, space = (
            _C[parts[-1]],
            next(p for p in parts[1:] if p in ("global", "shared", "const", "local", "param", "u32") or p == parts[-1]),
        )
        width = next((int(p[1]) for p in parts if p in ("v2", "v4")), 1)
        where = self.address(a[1], space)
        if width == 1:
            strong = "volatile " * bool(_STRONG & set(parts))
            return self.write(a[0], f"*({strong}{T} *)({where})", T)
        registers = [r.strip() for r in a[0].strip("{}").split(",")]
        return (
            f"{{ {_vector(T, width)}; const {OWN}V {OWN}v = *({OWN}V *)({where}); "
            + " ".join(self.write(r, f"{OWN}v.v[{i}]", T) for i, r in enumerate(registers))
            + " }"
        )

    def _st(self, parts, a):
        T, space = _C[parts[-1]], next(p for p in parts[1:] if p in ("global", "shared", "local") or p == parts[-1])
        width = next((int(p[1]) for p in parts if p in ("v2", "v4")), 1)
        where = self.address(a[0], space)
        if width == 1:
            strong, fence = "volatile " * bool(_STRONG & set(parts)), "__threadfence(); " * ("release" in parts)
            return f"{fence}*({strong}{T} *)({where}) = {self.read(a[1], T)};"
        values = ", ".join(self.read(r.strip(), T) for r in a[1].strip("{}").split(","))
        return f"{{ {_vector(T, width)}; const {OWN}V {OWN}v = {{{{{values}}}}}; *({OWN}V *)({where}) = {OWN}v; }}"

    def _atom(self, parts, a):
        fence, update, T = self._update(parts, a[1], a[2:])
        return fence + (f"{update};" if a[0] == "_" else self.write(a[0], update, T))

    def _red(self, parts, a):
        fence, update, _ = self._update(parts, a[0], a[1:])
        return f"{fence}{update};"

    def _update(self, parts, place, operands):
        """A fence before it, the call of an atomic function, and the type."""
        T, name = _C[parts[-1]], _ATOMIC[[part for part in parts if part in _ATOMIC][0]]
        C = {"uint64_t": "unsigned long long", "int64_t": "long long"}.get(T, T)
        where = self.address(place, "shared" if "shared" in parts else "global")
        values = ", ".join(f"({C})({self.read(o, T)})" for o in operands)
        fence = "__threadfence(); " * bool({"release", "acq_rel"} & set(parts))
        return fence, f"{name}(({C} *)({where}), {values})", T

    def _activemask(self, parts, a):
        return self.write(a[0], "__activemask()", "uint32_t")

    def _prefetch(self, parts, a):
        return ";"

    _prefetchu = _discard = _griddepcontrol = _nanosleep = _prefetch

    def _trap(self, parts, a):
        return "__trap();"

    def _ret(self, parts, a):
        return "return;"


def _vector(T, width):
    return f"struct alignas({width} * sizeof({T})) {OWN}V {{ {T} v[{width}]; }}"


def special(name):
    """The C++ expression of a special register such as %laneid, or None."""
    return _SPECIAL.get(name.lstrip("%"))


def literal(text, T):
    """The C++ expression of a number."""
    if re.fullmatch(r"0[fF][0-9a-fA-F]{8}", text):
        return f"hw5_ptx::bits<{T}>((uint32_t)0x{text[2:]}u)"
    if re.fullmatch(r"0[dD][0-9a-fA-F]{16}", text):
        return f"hw5_ptx::bits<{T}>((uint64_t)0x{text[2:]}ull)"
    if re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)U?", text):
        return f"({T})({text.rstrip('U')}ll)"
    if re.fullmatch(r"-?\d+\.\d*", text):
        return f"({T})({text})"
    raise Unknown(f"the PTX operand {text} is not understood")


def c_type(name):
    """The C++ type of a type of PTX."""
    return _C[name]
