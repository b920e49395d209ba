#ifndef TENON_DIALECTS_RT_RTATTRS_TD
#define TENON_DIALECTS_RT_RTATTRS_TD

include "dialects/rt/RtDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Rt_Base : I32Enum<"Base", "what an offset counts from", [
    I32EnumCase<"Arena", 0, "arena">, I32EnumCase<"Weights", 1, "weights">,
    I32EnumCase<"Input", 2, "input">, I32EnumCase<"Output", 3, "output">]> {
  let cppNamespace = "::tenon::rt";
}

def Rt_BufferAttr : AttrDef<Rt_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "A place: an arena slot, weights, or a buffer of the caller";
  let parameters = (ins EnumParameter<Rt_Base>:$base,
                        DefaultValuedParameter<"int64_t", "0">:$number,
                        "uint64_t":$offset);
  let assemblyFormat = "`<` $base (`:` $number^)? `+` $offset `>`";
}

def Rt_SlotAttr : AttrDef<Rt_Dialect, "Slot"> {
  let mnemonic = "slot";
  let summary = "Bytes of the arena, and the steps (in order) that need them";
  let parameters = (ins "uint64_t":$offset, "uint64_t":$bytes,
                        "int64_t":$first, "int64_t":$last);
  let assemblyFormat = "`<` $offset `+` $bytes `steps` $first `to` $last `>`";
}

#endif
