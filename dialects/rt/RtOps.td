#ifndef TENON_DIALECTS_RT_RTOPS_TD
#define TENON_DIALECTS_RT_RTOPS_TD

include "dialects/nn/NnAttrs.td"
include "dialects/rt/RtAttrs.td"
include "dialects/rt/RtDialect.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"

class Rt_Op<string mnemonic, list<Trait> traits = []> : Op<Rt_Dialect, mnemonic, traits>;

def Rt_ProgramOp : Rt_Op<"program", [Symbol, NoTerminator, SingleBlock]> {
  let summary = "The steps of one inference";
  let description = [{
    `inputs` and `outputs` are dictionaries with `name`, `type` and `shape`;
    `slot_bytes` is the arena at the bounds of the symbols, and `slots` the map
    of it, for people and tools.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DictionaryAttr:$symbols,
                       ArrayAttr:$inputs, ArrayAttr:$outputs,
                       UI64Attr:$slot_bytes, UI64Attr:$peak_bytes, UI64Attr:$weight_bytes,
                       OptionalAttr<TypedArrayAttrBase<Rt_SlotAttr, "slots">>:$slots);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Rt_StepOp : Rt_Op<"step", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Run a kernel over its tiles";
  let description = [{
    `cost` is for people and tools: the bytes of what it reads and writes, and
    its floating-point or integer operations.

    ```mlir
    rt.step @map_f32_1 [#rt.buffer<input + 0>, #rt.buffer<arena + 64>]
      tiles #nn.dims<4> parameters #nn.dims<1024, 0, 1> constants [1065353216] cost #nn.dims<8192, 1024>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, ArrayAttr:$buffers,
                       Nn_DimsAttr:$tiles, Nn_DimsAttr:$parameters,
                       DenseI64ArrayAttr:$constants, UnitAttr:$generic,
                       Nn_DimsAttr:$cost);
  let assemblyFormat = "$kernel $buffers `tiles` $tiles `parameters` $parameters `constants` $constants `cost` $cost attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::tenon::DimExpr getBytes() { return getCost().getExprs()[0]; }
    ::tenon::DimExpr getFlops() { return getCost().getExprs()[1]; }
  }];
}

def Rt_LoopOp : Rt_Op<"loop", [NoTerminator, SingleBlock]> {
  let summary = "Steps again and again; a symbol of sizes counts";
  let description = [{
    With `while`, the byte at that place is read before every iteration, and 0
    ends the loop.

    ```mlir
    rt.loop "t0" trip #nn.dims<"seq"> {
      rt.step @map_f32_1 [#rt.buffer<input + 0>, #rt.buffer<arena + 64>]
        tiles #nn.dims<4> parameters #nn.dims<1024, "4*t0", 1> constants [] cost #nn.dims<8, 0>
    }
    ```
  }];
  let arguments = (ins StrAttr:$symbol, Nn_DimsAttr:$trip,
                       OptionalAttr<Rt_BufferAttr>:$condition);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$symbol `trip` $trip (`while` $condition^)? attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Rt_SizeOp : Rt_Op<"size"> {
  let summary = "A size that steps before have computed";
  let description = [{
    The i64 at a place becomes a symbol, to the end of the block; outside the
    bounds the run ends with the status. Those of the program itself are told
    to the caller.

    ```mlir
    rt.size "kept" at <arena + 64> in 0 to 100 else 9
    ```
  }];
  let arguments = (ins StrAttr:$symbol, Rt_BufferAttr:$place, I64Attr:$lower,
                       I64Attr:$upper, I32Attr:$status);
  let assemblyFormat = "$symbol `at` $place `in` $lower `to` $upper `else` $status attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::tenon::DimRange getRange() { return {(int64_t)getLower(), (int64_t)getUpper()}; }
  }];
}

def Rt_CheckOp : Rt_Op<"check"> {
  let summary = "Two sizes that must agree when the model runs";
  let description = [{
    Stands before all steps, or behind the `rt.size` of the last size it needs;
    where the sizes differ the run ends with the status.

    ```mlir
    rt.check <"seq">, <"past + 1"> else 6
    ```
  }];
  let arguments = (ins Nn_DimsAttr:$lhs, Nn_DimsAttr:$rhs, I32Attr:$status);
  let assemblyFormat = "$lhs `,` $rhs `else` $status attr-dict";
  let hasVerifier = 1;
}

def Rt_KernelOp : Rt_Op<"kernel", [Symbol, NoTerminator, SingleBlock, IsolatedFromAbove]> {
  let summary = "A group that stands for all with its key, until it is code";
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Rt_WeightOp : Rt_Op<"weight"> {
  let summary = "Bytes of the artifact's weights and the constant they come from";
  let description = [{
    The value holds elements, which are written as the type stores them, or with
    `encoded` the bytes that the type's encoding stores.
  }];
  let arguments = (ins UI64Attr:$offset, AnyAttr:$value, TypeAttr:$type,
                       UnitAttr:$encoded);
  let assemblyFormat = "`at` $offset `(` $value `)` (`encoded` $encoded^)? `as` $type attr-dict";
  let hasVerifier = 1;
}

#endif
