#ifndef TENON_DIALECTS_KERN_KERNATTRS_TD
#define TENON_DIALECTS_KERN_KERNATTRS_TD

include "dialects/kern/KernDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Kern_Combiner : I32Enum<"Combiner", "how a reduction joins two values", [
    I32EnumCase<"Add", 0, "add">, I32EnumCase<"Mul", 1, "mul">,
    I32EnumCase<"MinF", 2, "minf">, I32EnumCase<"MaxF", 3, "maxf">,
    I32EnumCase<"MinS", 4, "mins">, I32EnumCase<"MaxS", 5, "maxs">,
    I32EnumCase<"MinU", 6, "minu">, I32EnumCase<"MaxU", 7, "maxu">,
    I32EnumCase<"And", 8, "and">, I32EnumCase<"Or", 9, "or">,
    I32EnumCase<"ArgMaxFirst", 10, "argmax_first">,
    I32EnumCase<"ArgMaxLast", 11, "argmax_last">,
    I32EnumCase<"ArgMinFirst", 12, "argmin_first">,
    I32EnumCase<"ArgMinLast", 13, "argmin_last">]> {
  let cppNamespace = "::tenon::kern";
}

def Kern_PlanAttr : AttrDef<Kern_Dialect, "Plan"> {
  let mnemonic = "plan";
  let summary = "What is fixed in a kernel's code";
  let description = [{
    `loops` is the depth of the nest after neighbouring loops that every
    operand walks as one were merged, `parallel` how many of them (the first)
    are the results'. `vector` is the loop that becomes vectors, and `steps`
    says how each operand moves along it: 0 not at all, 1 to its neighbour,
    2 otherwise (a reduction's operand: 3 to every second). A matmul's plan says
    how many of its loops are `rows`; of a map whose last loop is short, `rows`
    indices of the loop before are one tile (0: it has one). Where a map reads
    across, `cross` is the loop along which such an operand's elements are
    neighbours, and `steps` then says how each operand moves along that one.
    Everything else (sizes, strides, constants) is a parameter
    of the step, so groups with equal plans and bodies share one kernel.
  }];
  let parameters = (ins "int64_t":$loops, "int64_t":$parallel, "int64_t":$vector,
                        "int64_t":$rows, OptionalArrayRefParameter<"int64_t">:$steps,
                        DefaultValuedParameter<"int64_t", "-1">:$cross);
  let assemblyFormat = [{
    `<` `loops` `=` $loops `,` `parallel` `=` $parallel `,` `vector` `=` $vector
    `,` `rows` `=` $rows `,` `steps` `=` `[` (`]`) : ($steps^ `]`)?
    (`,` `cross` `=` $cross^)? `>`
  }];
}

def Kern_TileAttr : AttrDef<Kern_Dialect, "Tile"> {
  let mnemonic = "tile";
  let summary = "How a product or a reduction over windows is cut into register tiles";
  let description = [{
    Each list is a ladder: as many steps of its first number as fit, then of
    the next. `rows` are rows of a register tile, `panels` how many panels of
    columns it has, `depth` how many steps of the innermost reduction are
    written out. `steps` are the strides of the left side along rows and along
    the innermost reduction, and of the right side along the latter, where they
    are fixed in the code (0: parameters of the step). With `partial`, the last
    panel may have less than its 16 columns. A CPU whose registers do not hold
    such a tile cuts it further.

    In a reduction `rows` are results along the loop before the vectors', which
    are combined side by side, the one panel is the vectors' loop, `depth` is the
    whole innermost combined loop, and `steps` are the strides of each operand
    along the results' loop and along the combined one.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$rows,
                        ArrayRefParameter<"int64_t">:$panels,
                        ArrayRefParameter<"int64_t">:$depth,
                        ArrayRefParameter<"int64_t">:$steps, "bool":$partial);
  let assemblyFormat = [{
    `<` `rows` `=` `[` $rows `]` `,` `panels` `=` `[` $panels `]` `,`
    `depth` `=` `[` $depth `]` `,` `steps` `=` `[` $steps `]` `,`
    `partial` `=` $partial `>`
  }];
}

#endif
