#ifndef TENON_DIALECTS_KERN_KERNOPS_TD
#define TENON_DIALECTS_KERN_KERNOPS_TD

include "dialects/kern/KernAttrs.td"
include "dialects/kern/KernDialect.td"
include "dialects/kern/KernInterfaces.td"
include "dialects/nn/NnAttrs.td"
include "dialects/nn/NnInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Kern_Op<string mnemonic, list<Trait> traits = []>
    : Op<Kern_Dialect, mnemonic, traits>;

/// A loop nest over `sizes`. Operands `ins` are read through `maps` (one per
/// `ins`, then one per result), `tables` are whole tensors that the body may
/// index itself. A result is a new tensor of `shapes`, or where `dests` are
/// given an update of the destination.
class Kern_GroupOp<string mnemonic, list<Trait> traits = []>
    : Kern_Op<mnemonic, !listconcat(traits, [Pure, AttrSizedOperandSegments,
          DeclareOpInterfaceMethods<Nn_DimsOpInterface>,
          DeclareOpInterfaceMethods<Kern_GroupOpInterface>])>;

def Kern_MapOp : Kern_GroupOp<"map", [SingleBlock]> {
  let summary = "Each result element is a function of some elements";
  let description = [{
    ```mlir
    %y = kern.map ins(%x, %b : tensor<8x64xf32>, tensor<64xf32>)
        sizes #nn.dims<8, 64> symbols #nn.dims<>
        maps [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
              affine_map<(i, j) -> (i, j)>]
        shapes [#nn.dims<8, 64>] {
    ^bb0(%x0: f32, %b0: f32):
      %s = arith.addf %x0, %b0 : f32
      kern.yield %s : f32
    } -> tensor<8x64xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$ins,
                       Variadic<AnyRankedTensor>:$tables,
                       Variadic<AnyRankedTensor>:$dests,
                       Nn_DimsAttr:$sizes, Nn_DimsAttr:$symbols,
                       AffineMapArrayAttr:$maps, ArrayAttr:$shapes,
                       OptionalAttr<Kern_PlanAttr>:$plan);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`ins` `(` $ins^ `:` type($ins) `)`)?
    (`tables` `(` $tables^ `:` type($tables) `)`)?
    (`dests` `(` $dests^ `:` type($dests) `)`)?
    `sizes` $sizes `symbols` $symbols `maps` $maps `shapes` $shapes
    (`plan` $plan^)? attr-dict-with-keyword $body `->` type($results)
  }];
  let hasVerifier = 1;
}

def Kern_ReduceOp : Kern_GroupOp<"reduce"> {
  let summary = "Combine over the last loops, then finish each result";
  let description = [{
    The first `parallel` loops are the results', the others are combined:
    `body` gives the values to combine (one per combiner), `finish` maps the
    combined values and the elements of `extras` to the results.

    Along an innermost loop that walks neighbours, 64 lanes combine element i
    into lane i mod 64, and the lanes fold as a tree of halves; otherwise the
    order is the loops' own. Both are independent of the CPU.

    With a `tile`, the lanes are a channel block and neighbouring windows of a
    line are combined side by side (depthwise convolution, pooling).
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$ins,
                       Variadic<AnyRankedTensor>:$tables,
                       Variadic<AnyRankedTensor>:$extras,
                       Variadic<AnyRankedTensor>:$dests,
                       Nn_DimsAttr:$sizes, I64Attr:$parallel, Nn_DimsAttr:$symbols,
                       DenseI32ArrayAttr:$combiners,
                       AffineMapArrayAttr:$maps, ArrayAttr:$shapes,
                       OptionalAttr<Kern_PlanAttr>:$plan,
                       OptionalAttr<Kern_TileAttr>:$tile);
  let regions = (region SizedRegion<1>:$body, SizedRegion<1>:$finish);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`ins` `(` $ins^ `:` type($ins) `)`)?
    (`tables` `(` $tables^ `:` type($tables) `)`)?
    (`extras` `(` $extras^ `:` type($extras) `)`)?
    (`dests` `(` $dests^ `:` type($dests) `)`)?
    `sizes` $sizes `parallel` $parallel `symbols` $symbols `combiners` $combiners
    `maps` $maps `shapes` $shapes
    (`plan` $plan^)? (`tile` $tile^)? attr-dict-with-keyword $body `finish` $finish `->` type($results)
  }];
  let hasVerifier = 1;
}

def Kern_RowsOp : Kern_GroupOp<"rows"> {
  let summary = "Passes over one row after another: softmax, normalisation";
  let description = [{
    The first `parallel` loops name a row, the others walk it. `prologue` gives
    a row's element from those of `ins`; each of `passes` gets the element and
    the totals of the passes before it, and yields the element as later passes
    see it and a value to combine into its own total; `finish` gets the element,
    all totals and the elements of `extras`, and yields the results.

    Elements that are more than a load stay in the lane's scratch from pass to
    pass. The order of the totals is that of `kern.reduce` along rows.

    ```mlir
    %y = kern.rows ins(%x : tensor<8x64xf32>) sizes #nn.dims<8, 64> parallel 1
        symbols #nn.dims<> combiners [0]
        maps [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>]
        shapes [#nn.dims<8, 64>] {
    ^bb0(%x0: f32):
      kern.yield %x0 : f32
    } passes {
    ^bb0(%x0: f32):
      kern.yield %x0, %x0 : f32, f32
    } finish {
    ^bb0(%x0: f32, %sum: f32):
      %r = arith.divf %x0, %sum : f32
      kern.yield %r : f32
    } -> tensor<8x64xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$ins,
                       Variadic<AnyRankedTensor>:$extras,
                       Variadic<AnyRankedTensor>:$dests,
                       Nn_DimsAttr:$sizes, I64Attr:$parallel, Nn_DimsAttr:$symbols,
                       DenseI32ArrayAttr:$combiners,
                       AffineMapArrayAttr:$maps, ArrayAttr:$shapes,
                       OptionalAttr<Kern_PlanAttr>:$plan);
  let regions = (region SizedRegion<1>:$prologue, SizedRegion<1>:$finish,
                        VariadicRegion<SizedRegion<1>>:$passes);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`ins` `(` $ins^ `:` type($ins) `)`)?
    (`extras` `(` $extras^ `:` type($extras) `)`)?
    (`dests` `(` $dests^ `:` type($dests) `)`)?
    `sizes` $sizes `parallel` $parallel `symbols` $symbols `combiners` $combiners
    `maps` $maps `shapes` $shapes
    (`plan` $plan^)? attr-dict-with-keyword $prologue `passes` $passes
    `finish` $finish `->` type($results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// What a producer of `ins` is inlined into.
    ::mlir::Region &getBody() { return getPrologue(); }
    /// Whether the row's element is loaded again by each pass.
    bool reloads();
  }];
}

def Kern_MatmulOp : Kern_GroupOp<"matmul", [SingleBlock]> {
  let summary = "Register tiles of a matrix product with an epilogue";
  let description = [{
    Loops are (batch..., rows..., panel, column, reductions...), with 16 columns
    a panel; `rows` and `reductions` say how many loops each have, `columns` how
    many columns there are in all. A product has one row and one reduction
    loop; a convolution has rows (oh, ow) and reductions (channel block, kh,
    kw, channel), so one emitter serves both.

    `lhs` does not move along panel and column, `rhs` not along rows; its
    columns are neighbours (or it is encoded as panels). The epilogue gets the
    sum over the reductions, in order and by fused multiply-add, so that all
    CPUs agree, and the elements of `extras`; its maps and those of the results
    are over (batch..., rows..., panel, column).
  }];
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs,
                       Variadic<AnyRankedTensor>:$extras,
                       Variadic<AnyRankedTensor>:$dests,
                       Nn_DimsAttr:$sizes, I64Attr:$rows, I64Attr:$reductions,
                       Nn_DimsAttr:$columns, Nn_DimsAttr:$symbols,
                       AffineMapArrayAttr:$maps, ArrayAttr:$shapes,
                       OptionalAttr<Kern_PlanAttr>:$plan,
                       OptionalAttr<Kern_TileAttr>:$tile);
  let regions = (region SizedRegion<1>:$epilogue);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $lhs `,` $rhs `:` type($lhs) `,` type($rhs)
    (`extras` `(` $extras^ `:` type($extras) `)`)?
    (`dests` `(` $dests^ `:` type($dests) `)`)?
    `sizes` $sizes `rows` $rows `reductions` $reductions `columns` $columns
    `symbols` $symbols `maps` $maps `shapes` $shapes
    (`plan` $plan^)? (`tile` $tile^)? attr-dict-with-keyword $epilogue `->` type($results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The first loop of each kind.
    unsigned panelLoop() {
      return getSizes().getExprs().size() - 2 - getReductions();
    }
    unsigned rowLoop() { return panelLoop() - getRows(); }
  }];
}

def Kern_ScanOp : Kern_GroupOp<"scan", [SingleBlock]> {
  let summary = "A recurrence whose body is element-wise, with its states in registers";
  let description = [{
    Loops are (parallel..., state, time). Lanes are the last parallel loop, the
    state loop (a constant, 1 if there is none) is unrolled, and all of time is
    inside one tile. The body gets the states' elements, then those of `ins`,
    and yields the next states, then the outputs; `kern.fold` sums over the
    state loop. Maps are over all loops: of `ins`, of `inits`, of the results
    (the final states, then the outputs).

    The order is fixed, so that CPUs agree: time forwards, folds from state 0
    on, and a sum one of whose terms is a product with no other reader (the
    left one first) is a fused multiply-add.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$ins,
                       Variadic<AnyRankedTensor>:$inits,
                       Variadic<AnyRankedTensor>:$dests,
                       Nn_DimsAttr:$sizes, Nn_DimsAttr:$symbols,
                       AffineMapArrayAttr:$maps, ArrayAttr:$shapes,
                       OptionalAttr<Kern_PlanAttr>:$plan);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`ins` `(` $ins^ `:` type($ins) `)`)?
    (`inits` `(` $inits^ `:` type($inits) `)`)?
    (`dests` `(` $dests^ `:` type($dests) `)`)?
    `sizes` $sizes `symbols` $symbols `maps` $maps `shapes` $shapes
    (`plan` $plan^)? attr-dict-with-keyword $body `->` type($results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// How many values each state element has.
    int64_t getStateSize() {
      auto sizes = getSizes().getExprs();
      return sizes[sizes.size() - 2].constant();
    }
  }];
}

def Kern_SequenceOp : Kern_GroupOp<"sequence", [SingleBlock]> {
  let summary = "Plain code for each place of the loops: the generic path";
  let description = [{
    For what no loop nest with a scalar body can say: sorting, scattering,
    choosing boxes. The body is `scf` and `arith` code that gets the tables,
    then the results, as whole tensors, and reads and writes single elements in
    the order it stands there. Places of the loops are independent of one
    another and may run at the same time; without loops there is one place.
    Results that are not `dests` start with undefined contents.

    ```mlir
    %y = kern.sequence tables(%x : tensor<8xf32>) sizes <> shapes [#nn.dims<8>] {
    ^bb0(%x0: tensor<8xf32>, %y0: tensor<8xf32>):
      %zero = arith.constant 0 : index
      %v = kern.read %x0[%zero] : tensor<8xf32> -> f32
      kern.write %v, %y0[%zero] : f32, tensor<8xf32>
      kern.yield
    } -> tensor<8xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$tables,
                       Variadic<AnyRankedTensor>:$dests,
                       Nn_DimsAttr:$sizes, ArrayAttr:$shapes);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`tables` `(` $tables^ `:` type($tables) `)`)?
    (`dests` `(` $dests^ `:` type($dests) `)`)?
    `sizes` $sizes `shapes` $shapes
    attr-dict-with-keyword $body `->` type($results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Marked in `check`.
    bool isGeneric() { return true; }
  }];
}

def Kern_EmptyOp : Kern_Op<"empty", [DeclareOpInterfaceMethods<Nn_DimsOpInterface>]> {
  let summary = "A tensor to be filled through destinations";
  let description = "Each is a buffer of its own: two are never merged into one.";
  let arguments = (ins Nn_DimsAttr:$shape);
  let results = (outs Res<AnyRankedTensor, "", [MemAlloc]>:$result);
  let assemblyFormat = "$shape attr-dict `:` type($result)";
}

def Kern_ViewOp : Kern_Op<"view", [Pure, DeclareOpInterfaceMethods<Nn_DimsOpInterface>]> {
  let summary = "The same buffer with another shape";
  let arguments = (ins AnyRankedTensor:$source, Nn_DimsAttr:$shape);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source `as` $shape attr-dict `:` type($source) `to` type($result)";
}

//===----------------------------------------------------------------------===//
// Inside bodies
//===----------------------------------------------------------------------===//

def Kern_YieldOp : Kern_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["MapOp", "ReduceOp", "RowsOp", "MatmulOp", "ScanOp",
                 "SequenceOp"]>]> {
  let summary = "The values a body gives";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def Kern_IndexOp : Kern_Op<"index", [Pure]> {
  let summary = "The index of a loop";
  let arguments = (ins I64Attr:$loop);
  let results = (outs Index:$result);
  let assemblyFormat = "$loop attr-dict";
}

def Kern_SizeOp : Kern_Op<"size", [Pure]> {
  let summary = "A size as a number, a parameter of the step";
  let arguments = (ins Nn_DimsAttr:$value);
  let results = (outs Index:$result);
  let assemblyFormat = "$value attr-dict";
}

def Kern_LoadOp : Kern_Op<"load", [Pure]> {
  let summary = "An element of a table at computed indices";
  let description = "The indices must lie inside; check or clamp them first.";
  let arguments = (ins AnyRankedTensor:$table, Variadic<Index>:$indices);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$table `[` $indices `]` attr-dict `:` type($table) `->` type($result)";
}

def Kern_ReadOp : Kern_Op<"read", [MemoryEffects<[MemRead]>]> {
  let summary = "An element of a tensor of a sequence, as it is now";
  let arguments = (ins AnyRankedTensor:$table, Variadic<Index>:$indices);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$table `[` $indices `]` attr-dict `:` type($table) `->` type($result)";
}

def Kern_WriteOp : Kern_Op<"write", [MemoryEffects<[MemWrite]>]> {
  let summary = "Put an element into a result of a sequence";
  let arguments = (ins AnyType:$value, AnyRankedTensor:$table, Variadic<Index>:$indices);
  let assemblyFormat = "$value `,` $table `[` $indices `]` attr-dict `:` type($value) `,` type($table)";
}

def Kern_FoldOp : Kern_Op<"fold", [Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "The sum over the state loop of a scan, in its order";
  let arguments = (ins AnyType:$value);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def Kern_CheckOp : Kern_Op<"check", []> {
  let summary = "Report a status where the condition does not hold";
  let arguments = (ins I1:$condition, I32Attr:$status);
  let assemblyFormat = "$condition `else` $status attr-dict";
}

#endif
