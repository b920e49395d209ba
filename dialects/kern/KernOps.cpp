// Sizes, plans, keys and step parameters of the groups. The emitters in
// passes/lower/emitters read the parameters in the order written here.
#include "dialects/kern/FixedPoint.h"
#include "dialects/kern/RegisterTile.h"
#include "dialects/pack/Pack.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/SHA1.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::kern;

//===- Bodies --------------------------------------------------------------===//

bool kern::usesIndices(Region &body) {
  return body
      .walk([](Operation *op) {
        return isa<IndexOp, LoadOp>(op) ? WalkResult::interrupt()
                                        : WalkResult::advance();
      })
      .wasInterrupted();
}

void kern::forEachStepConstant(Region &body,
                               llvm::function_ref<void(arith::ConstantOp)> f) {
  body.walk([&](arith::ConstantOp op) {
    if (op.getType().isF32())
      f(op);
  });
}

static void printBody(Region &body, llvm::raw_ostream &os,
                      llvm::DenseMap<Value, unsigned> &number) {
  auto name = [&](Value v) { return number.try_emplace(v, number.size()).first->second; };
  for (Block &block : body) {
    os << "(";
    for (Value argument : block.getArguments())
      os << name(argument) << ":" << argument.getType() << " ";
    os << ")";
    for (Operation &op : block) {
      os << op.getName().getStringRef();
      for (Value operand : op.getOperands())
        os << " " << name(operand);
      bool isParameter = isa<SizeOp>(op) ||
                         (isa<arith::ConstantOp>(op) &&
                          op.getResult(0).getType().isF32());
      if (!isParameter)
        os << op.getAttrDictionary();
      for (Value result : op.getResults())
        os << "=" << name(result) << ":" << result.getType();
      os << ";";
      for (Region &nested : op.getRegions())
        printBody(nested, os, number);
    }
  }
}

/// The body as text without names and step constants: equal texts compute the
/// same from the same parameters.
static void printBody(Region &body, llvm::raw_ostream &os) {
  llvm::DenseMap<Value, unsigned> number;
  printBody(body, os, number);
}

/// "map_f32_0123456789ab": the family and result type for people, and a digest
/// of all that is fixed in the code.
static std::string makeKey(StringRef family, Type element,
                           const std::string &text) {
  llvm::SHA1 hash;
  hash.update(text);
  std::string key;
  llvm::raw_string_ostream os(key);
  os << family << "_" << nn::storageType(element) << "_"
     << llvm::toHex(hash.final(), /*LowerCase=*/true).substr(0, 12);
  return key;
}

static void printTypes(ValueRange values, llvm::raw_ostream &os) {
  for (Value v : values) {
    auto type = cast<RankedTensorType>(v.getType());
    os << type.getElementType() << "," << type.getEncoding() << ";";
  }
}

static DimExpr operationsIn(Region &body) {
  int64_t count = 0;
  body.walk([&](Operation *op) {
    if (op->getNumResults() && !isa<arith::ConstantOp, IndexOp, LoadOp, SizeOp>(op))
      ++count;
  });
  return count;
}

static void appendConstants(Region &body, StepParameters &step) {
  body.walk([&](SizeOp op) {
    llvm::append_range(step.parameters, op.getValue().getExprs());
  });
  forEachStepConstant(body, [&](arith::ConstantOp op) {
    step.constants.push_back((int64_t)cast<FloatAttr>(op.getValue())
                                 .getValue().bitcastToAPInt().getZExtValue());
  });
}

/// Row-major strides of a table, so that kern.load can be computed.
static void appendTables(ValueRange tables, const nn::DimAnalysis &dims,
                         StepParameters &step) {
  for (Value table : tables)
    llvm::append_range(step.parameters, rowMajorStrides(dims.of(table)));
}

static void appendNest(const LoopNest &nest, StepParameters &step) {
  llvm::append_range(step.parameters, nest.sizes);
  for (const LinearAccess &a : nest.accesses) {
    step.parameters.push_back(a.offset);
    llvm::append_range(step.parameters, a.strides);
  }
}

bool kern::readsPanels(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  auto encoding =
      dyn_cast_or_null<pack::EncodingInterface>(tensor.getEncoding());
  return encoding && encoding.getPanelBytes(tensor);
}

static SmallVector<int64_t> stepsAlong(const LoopNest &nest, unsigned loop) {
  SmallVector<int64_t> steps;
  for (const LinearAccess &a : nest.accesses)
    steps.push_back(stepClass(a.strides[loop]));
  return steps;
}

//===- Results -------------------------------------------------------------===//

static LogicalResult inferShapes(Operation *op, ArrayAttr shapes,
                                 SmallVectorImpl<Dims> &results) {
  for (Attribute attr : shapes) {
    auto shape = dyn_cast<nn::DimsAttr>(attr);
    if (!shape)
      return op->emitOpError("expected shapes as #nn.dims, but got ") << attr;
    results.push_back(shape.getExprs());
  }
  return success();
}

#define INFER_SHAPES(OP)                                                       \
  LogicalResult OP::inferDims(const nn::DimAnalysis &,                         \
                              SmallVectorImpl<Dims> &results) {                \
    return inferShapes(*this, getShapes(), results);                           \
  }
INFER_SHAPES(MapOp)
INFER_SHAPES(ReduceOp)
INFER_SHAPES(RowsOp)
INFER_SHAPES(MatmulOp)
INFER_SHAPES(ScanOp)
INFER_SHAPES(SequenceOp)
#undef INFER_SHAPES

OperandRange kern::destsOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, OperandRange>(op)
      .Case<MapOp, ReduceOp, RowsOp, MatmulOp, ScanOp, SequenceOp>(
          [](auto group) { return OperandRange(group.getDests()); })
      .Default([](Operation *other) {
        return OperandRange(other->operand_end(), other->operand_end());
      });
}

LogicalResult EmptyOp::inferDims(const nn::DimAnalysis &,
                                 SmallVectorImpl<Dims> &results) {
  results.push_back(getShape().getExprs());
  return success();
}
LogicalResult ViewOp::inferDims(const nn::DimAnalysis &,
                                SmallVectorImpl<Dims> &results) {
  results.push_back(getShape().getExprs());
  return success();
}

//===- Map -----------------------------------------------------------------===//

static void appendAccesses(LoopNest &nest, ValueRange values,
                           ArrayRef<Attribute> maps, ArrayRef<DimExpr> symbols,
                           const nn::DimAnalysis &dims) {
  for (auto [value, map] : llvm::zip(values, maps))
    nest.accesses.push_back(linearize(cast<AffineMapAttr>(map).getValue(),
                                      symbols, dims.of(value)));
}

/// Results are walked over only the first `loops` loops.
static void widenAccesses(LoopNest &nest, size_t from) {
  for (size_t i = from; i < nest.accesses.size(); ++i)
    nest.accesses[i].strides.resize(nest.sizes.size(), DimExpr(0));
}

LoopNest kern::loopNestOf(MapOp op, const nn::DimAnalysis &dims) {
  LoopNest nest;
  nest.sizes = op.getSizes().getExprs();
  Dims symbols = op.getSymbols().getExprs();
  ArrayRef<Attribute> maps = op.getMaps().getValue();
  size_t ins = op.getIns().size();
  appendAccesses(nest, op.getIns(), maps.take_front(ins), symbols, dims);
  appendAccesses(nest, op.getResults(), maps.drop_front(ins), symbols, dims);
  if (!usesIndices(op.getBody()))
    nest.simplify();
  if (nest.sizes.empty())
    nest.pad(0);
  return nest;
}

/// The loop along which an operand that the last loop strides through lies side
/// by side, so that blocks of it are loaded and turned; -1 where there is none.
static int64_t crossLoopOf(MapOp op, const LoopNest &nest) {
  unsigned last = nest.sizes.size() - 1;
  if (usesIndices(op.getBody()))
    return -1;
  size_t ins = op.getIns().size();
  for (const LinearAccess &a : ArrayRef(nest.accesses).drop_front(ins))
    if (stepClass(a.strides[last]) != 1)
      return -1;
  for (const LinearAccess &a : ArrayRef(nest.accesses).take_front(ins)) {
    if (stepClass(a.strides[last]) != 2)
      continue;
    for (unsigned loop = last; loop-- > 0;)
      if (stepClass(a.strides[loop]) == 1)
        return loop;
  }
  return -1;
}

/// Indices of the loop before a short last one that make a tile worth a step.
static int64_t rowsOf(const LoopNest &nest, int64_t cross) {
  const DimExpr &last = nest.sizes.back();
  if (cross >= 0 || nest.sizes.size() < 2 || !last.isConstant() ||
      last.constant() < 1 || last.constant() > 64)
    return 0;
  return kMapChunk / (int64_t)llvm::PowerOf2Ceil(last.constant());
}

std::string MapOp::planKernel(const nn::DimAnalysis &dims) {
  LoopNest nest = loopNestOf(*this, dims);
  int64_t loops = nest.sizes.size(), cross = crossLoopOf(*this, nest);
  SmallVector<int64_t> steps = stepsAlong(nest, loops - 1);
  if (cross >= 0)
    llvm::append_range(steps, stepsAlong(nest, cross));
  auto plan = PlanAttr::get(getContext(), loops, loops, loops - 1,
                            rowsOf(nest, cross), steps, cross);
  setPlanAttr(plan);
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "map " << plan << " ";
  printTypes(getIns(), os);
  os << "t:";
  for (Value table : getTables())
    os << cast<ShapedType>(table.getType()).getRank();
  printTypes(getTables(), os);
  os << "r:";
  printTypes(getResults(), os);
  printBody(getBody(), os);
  return makeKey("map", cast<ShapedType>(getResult(0).getType()).getElementType(),
                 text);
}

StepParameters MapOp::getStepParameters(const nn::DimAnalysis &dims) {
  LoopNest nest = loopNestOf(*this, dims);
  StepParameters step;
  int64_t cross = crossLoopOf(*this, nest);
  DimExpr chunks = DimExpr::ceilDiv(nest.sizes.back(),
                                    cross < 0 ? kMapChunk : kCrossColumns);
  Dims extents(ArrayRef(nest.sizes).drop_back());
  step.parameters.push_back(chunks);
  if (int64_t rows = rowsOf(nest, cross))
    extents.back() = DimExpr::ceilDiv(extents.back(), rows);
  if (cross >= 0) {
    extents[cross] = DimExpr::ceilDiv(extents[cross], kCrossRows);
    step.parameters.push_back(extents[cross]);
  }
  step.tiles = product(extents) * chunks;
  appendNest(nest, step);
  appendTables(getTables(), dims, step);
  appendConstants(getBody(), step);
  step.flops = product(nest.sizes) * operationsIn(getBody());
  return step;
}

//===- Reduce --------------------------------------------------------------===//

LoopNest kern::loopNestOf(ReduceOp op, const nn::DimAnalysis &dims) {
  LoopNest nest;
  nest.sizes = op.getSizes().getExprs();
  unsigned parallel = op.getParallel();
  Dims symbols = op.getSymbols().getExprs();
  ArrayRef<Attribute> maps = op.getMaps().getValue();
  size_t ins = op.getIns().size(), extras = op.getExtras().size();
  appendAccesses(nest, op.getIns(), maps.take_front(ins), symbols, dims);
  appendAccesses(nest, op.getExtras(), maps.slice(ins, extras), symbols, dims);
  appendAccesses(nest, op.getResults(), maps.drop_front(ins + extras), symbols,
                 dims);
  widenAccesses(nest, ins);
  if (!usesIndices(op.getBody()) && !usesIndices(op.getFinish()))
    nest.simplify(parallel);
  if (parallel == 0)
    nest.pad(parallel++);
  if (parallel == nest.sizes.size())
    nest.pad(nest.sizes.size());
  nest.parallel = parallel;
  return nest;
}

/// Rows (along the innermost combined loop) where that loop walks neighbours,
/// unless it is a window's, which the results walk too; else columns (along the
/// innermost parallel loop).
static unsigned vectorLoopOf(ReduceOp op, const LoopNest &nest) {
  size_t ins = op.getIns().size();
  unsigned last = nest.sizes.size() - 1;
  bool rows = !usesIndices(op.getBody());
  bool any = false;
  for (size_t i = 0; i < ins; ++i) {
    int64_t c = stepClass(nest.accesses[i].strides[last]);
    rows &= c != 2;
    any |= c == 1;
  }
  for (int32_t c : op.getCombiners())
    rows &= valuesOf((Combiner)c) == 1;
  bool isWindow = nest.sizes[last].isConstant() && nest.sizes[last].constant() < 16;
  for (size_t i = 0; i < ins; ++i) {
    const DimExpr &stride = nest.accesses[i].strides[nest.parallel - 1];
    isWindow &= stride.isConstant() && stride.constant() > 0 && stride.constant() <= 4;
  }
  rows &= !isWindow;
  return rows && any ? last : nest.parallel - 1;
}

std::string ReduceOp::planKernel(const nn::DimAnalysis &dims) {
  LoopNest nest = loopNestOf(*this, dims);
  unsigned vector = vectorLoopOf(*this, nest);
  SmallVector<int64_t> steps = stepsAlong(nest, vector);
  for (size_t i = 0; i < getIns().size(); ++i)
    if (nest.accesses[i].strides[vector].isConstant(2))
      steps[i] = 3;
  auto plan = PlanAttr::get(getContext(), nest.sizes.size(), nest.parallel,
                            vector, /*rows=*/0, steps, /*cross=*/-1);
  setPlanAttr(plan);
  bool moves = !usesIndices(getBody()) && !usesIndices(getFinish());
  if (moves && vector < nest.parallel)
    if (TileAttr tile = chooseWindowTile(getContext(), nest, getIns().size()))
      setTileAttr(tile);
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "reduce " << plan << " " << getTileAttr() << " ";
  printTypes(getIns(), os);
  os << "t:";
  for (Value table : getTables())
    os << cast<ShapedType>(table.getType()).getRank();
  printTypes(getTables(), os);
  os << "e:";
  printTypes(getExtras(), os);
  os << "r:";
  printTypes(getResults(), os);
  os << getCombinersAttr();
  printBody(getBody(), os);
  printBody(getFinish(), os);
  return makeKey("reduce",
                 cast<ShapedType>(getResult(0).getType()).getElementType(), text);
}

StepParameters ReduceOp::getStepParameters(const nn::DimAnalysis &dims) {
  LoopNest nest = loopNestOf(*this, dims);
  StepParameters step;
  ArrayRef<DimExpr> parallel = ArrayRef(nest.sizes).take_front(nest.parallel);
  bool rows = vectorLoopOf(*this, nest) >= nest.parallel;
  DimExpr chunks = rows ? parallel.back()
                        : DimExpr::ceilDiv(parallel.back(), kReduceChunk);
  if (std::optional<TileAttr> tile = getTile()) {
    parallel = parallel.drop_back();
    chunks = DimExpr::ceilDiv(parallel.back(), lineOfWindows(*tile));
  }
  step.tiles = product(parallel.drop_back()) * chunks;
  step.parameters.push_back(chunks);
  appendNest(nest, step);
  appendTables(getTables(), dims, step);
  appendConstants(getBody(), step);
  appendConstants(getFinish(), step);
  step.flops = product(nest.sizes) * (operationsIn(getBody()) + DimExpr(1));
  return step;
}

//===- Rows ----------------------------------------------------------------===//

LoopNest kern::loopNestOf(RowsOp op, const nn::DimAnalysis &dims) {
  LoopNest nest;
  nest.sizes = op.getSizes().getExprs();
  unsigned parallel = op.getParallel();
  Dims symbols = op.getSymbols().getExprs();
  ArrayRef<Attribute> maps = op.getMaps().getValue();
  size_t ins = op.getIns().size(), extras = op.getExtras().size();
  appendAccesses(nest, op.getIns(), maps.take_front(ins), symbols, dims);
  appendAccesses(nest, op.getExtras(), maps.slice(ins, extras), symbols, dims);
  appendAccesses(nest, op.getResults(), maps.drop_front(ins + extras), symbols,
                 dims);
  nest.simplify(parallel);
  if (parallel == 0)
    nest.pad(parallel++);
  if (parallel == nest.sizes.size())
    nest.pad(nest.sizes.size());
  nest.parallel = parallel;
  return nest;
}

/// One operand and at most one operation: nothing that is worth a store.
bool RowsOp::reloads() {
  Block &block = getPrologue().front();
  return getIns().size() == 1 && std::distance(block.begin(), block.end()) <= 2;
}

std::string RowsOp::planKernel(const nn::DimAnalysis &dims) {
  LoopNest nest = loopNestOf(*this, dims);
  int64_t last = nest.sizes.size() - 1;
  auto plan = PlanAttr::get(getContext(), nest.sizes.size(), nest.parallel, last,
                            /*rows=*/0, stepsAlong(nest, last), /*cross=*/-1);
  setPlanAttr(plan);
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "rows " << plan << " ";
  printTypes(getIns(), os);
  os << "e:";
  printTypes(getExtras(), os);
  os << "r:";
  printTypes(getResults(), os);
  os << getCombinersAttr();
  for (Region &region : getOperation()->getRegions())
    printBody(region, os);
  return makeKey("rows", cast<ShapedType>(getResult(0).getType()).getElementType(),
                 text);
}

StepParameters RowsOp::getStepParameters(const nn::DimAnalysis &dims) {
  LoopNest nest = loopNestOf(*this, dims);
  StepParameters step;
  step.tiles = product(ArrayRef(nest.sizes).take_front(nest.parallel));
  appendNest(nest, step);
  DimExpr operations = 0;
  for (Region &region : getOperation()->getRegions()) {
    appendConstants(region, step);
    operations += operationsIn(region);
  }
  Type element = getPrologue().front().getTerminator()->getOperand(0).getType();
  // The emitter starts each innermost row at a multiple of 64 elements.
  ArrayRef<DimExpr> row = ArrayRef(nest.sizes).drop_front(nest.parallel);
  step.scratchBytes = product(row.drop_back()) *
                      DimExpr::ceilDiv(row.back(), 64) *
                      DimExpr(64 * element.getIntOrFloatBitWidth() / 8);
  step.flops = product(nest.sizes) * (operations + DimExpr((int64_t)getPasses().size()));
  return step;
}

//===- Matmul --------------------------------------------------------------===//

MatmulNest kern::loopNestOf(MatmulOp op, const nn::DimAnalysis &dims) {
  MatmulNest nest;
  nest.sizes = op.getSizes().getExprs();
  unsigned panel = op.panelLoop(), column = panel + 1, reduction = panel + 2;
  Dims symbols = op.getSymbols().getExprs();
  ArrayRef<Attribute> maps = op.getMaps().getValue();
  appendAccesses(nest, {op.getLhs(), op.getRhs()}, maps.take_front(2), symbols,
                 dims);
  auto type = cast<RankedTensorType>(op.getRhs().getType());
  auto encoding = dyn_cast_or_null<pack::EncodingInterface>(type.getEncoding());
  if (uint64_t bytes = encoding ? encoding.getPanelBytes(type) : 0) {
    // The kernel knows what lies in a panel; distances are in dwords.
    LinearAccess &rhs = nest.accesses[1];
    rhs.offset = 0;
    rhs.strides.assign(nest.sizes.size(), DimExpr(0));
    rhs.strides[panel] = (int64_t)bytes / 4;
  } else if (encoding) {
    // Panels one after another, the reductions in loop order inside each.
    LinearAccess &rhs = nest.accesses[1];
    DimExpr stride = kBlock;
    for (unsigned i = nest.sizes.size(); i-- > reduction;) {
      rhs.strides[i] = stride;
      stride *= nest.sizes[i];
    }
    rhs.strides[panel] = stride;
    rhs.strides[column] = 1;
    // Matrices of a stack (groups of a convolution) follow one another: a
    // dense matrix has k * n elements, a stored one whole panels.
    DimExpr dense = op.getColumns().getExprs()[0] *
                    product(ArrayRef(nest.sizes).drop_front(reduction));
    for (unsigned i = 0; i < op.rowLoop(); ++i)
      if (auto times = DimExpr::exactDiv(rhs.strides[i], dense))
        rhs.strides[i] = *times * nest.sizes[panel] * stride;
  }
  ArrayRef<Attribute> rest = maps.drop_front(2);
  appendAccesses(nest, op.getExtras(), rest.take_front(op.getExtras().size()),
                 symbols, dims);
  appendAccesses(nest, op.getResults(), rest.drop_front(op.getExtras().size()),
                 symbols, dims);
  widenAccesses(nest, 2);
  unsigned bounds[] = {op.rowLoop(), panel, column, reduction};
  // Panel and column stay whatever their sizes: they are no loops of one.
  DimExpr panels = nest.sizes[panel];
  nest.sizes[panel] = DimExpr::symbol("panels.");
  nest.simplify(bounds);
  nest.sizes[bounds[1]] = panels;
  if (bounds[0] == bounds[1]) {
    nest.pad(bounds[0]);
    for (unsigned i = 1; i < 4; ++i)
      ++bounds[i];
  }
  if (bounds[3] == nest.sizes.size())
    nest.pad(bounds[3]);
  nest.row = bounds[0];
  nest.panel = bounds[1];
  nest.reduction = bounds[3];
  nest.parallel = nest.reduction;
  return nest;
}

std::string MatmulOp::planKernel(const nn::DimAnalysis &dims) {
  MatmulNest nest = loopNestOf(*this, dims);
  auto plan = PlanAttr::get(getContext(), nest.sizes.size(), nest.parallel,
                            nest.panel + 1, nest.panel - nest.row,
                            stepsAlong(nest, nest.panel + 1), /*cross=*/-1);
  setPlanAttr(plan);
  if (!readsPanels(getRhs().getType()))
    setTileAttr(chooseTile(getContext(), nest, getColumns().getExprs()[0]));
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "matmul " << plan << " " << getTileAttr() << " ";
  printTypes({getLhs(), getRhs()}, os);
  os << "e:";
  printTypes(getExtras(), os);
  os << "r:";
  printTypes(getResults(), os);
  printBody(getEpilogue(), os);
  return makeKey("matmul",
                 cast<ShapedType>(getResult(0).getType()).getElementType(), text);
}

/// Rows of the left side that stay in half of a 512 KiB second-level cache
/// while all panels of the right side pass by.
static DimExpr rowBlock(const DimExpr &k) {
  DimExpr rows = DimExpr::floorDiv(65536, DimExpr::max(k, 1));
  rows = DimExpr::min(DimExpr::max(rows, kRowBlock), 40 * kRowBlock);
  return DimExpr::floorDiv(rows, kRowBlock) * DimExpr(kRowBlock);
}

StepParameters MatmulOp::getStepParameters(const nn::DimAnalysis &dims) {
  MatmulNest nest = loopNestOf(*this, dims);
  assert((!readsPanels(getRhs().getType()) ||
          nest.sizes[nest.reduction].isConstant(1) ||
          nest.accesses[0].strides[nest.reduction].isConstant(1)) &&
         "a kernel for an encoded side reads rows of neighbours");
  ArrayRef<DimExpr> sizes = nest.sizes;
  DimExpr m = product(sizes.slice(nest.row, nest.panel - nest.row));
  DimExpr k = product(sizes.drop_front(nest.reduction));
  StepParameters step;
  // Blocks are cut from the last row loop, and from all of them where a kernel
  // for an encoding numbers its rows.
  TileAttr tile = getTileAttr();
  DimExpr rows = tile ? rowsOfBlock(nest, tile) : rowBlock(k);
  DimExpr inLoop = tile ? sizes[nest.panel - 1] : m;
  DimExpr rowBlocks = DimExpr::ceilDiv(inLoop, rows);
  DimExpr columnBlocks = DimExpr::ceilDiv(
      nest.sizes[nest.panel], tile ? tile.getPanels()[0] : kEncodedPanels);
  step.tiles = product(sizes.take_front(tile ? nest.panel - 1 : nest.row)) *
               rowBlocks * columnBlocks;
  step.parameters = {rows, rowBlocks, columnBlocks, inLoop,
                     getColumns().getExprs()[0]};
  appendNest(nest, step);
  appendConstants(getEpilogue(), step);
  if (int64_t block = fixedBlock(getLhs().getType(), getRhs().getType());
      block && nest.row == 0 && m.range(dims.symbols).lo < kFixedRows)
    step.scratchBytes = DimExpr::min(m, kFixedRows - 1) *
                        DimExpr::ceilDiv(k, block) *
                        DimExpr(4 * fixedRecord(block));
  step.flops = product(sizes.take_front(nest.row)) * m *
               getColumns().getExprs()[0] * k * DimExpr(2);
  return step;
}

//===- Scan ----------------------------------------------------------------===//

LoopNest kern::loopNestOf(ScanOp op, const nn::DimAnalysis &dims) {
  LoopNest nest;
  nest.sizes = op.getSizes().getExprs();
  Dims symbols = op.getSymbols().getExprs();
  ArrayRef<Attribute> maps = op.getMaps().getValue();
  size_t ins = op.getIns().size(), inits = op.getInits().size();
  appendAccesses(nest, op.getIns(), maps.take_front(ins), symbols, dims);
  appendAccesses(nest, op.getInits(), maps.slice(ins, inits), symbols, dims);
  appendAccesses(nest, op.getResults(), maps.drop_front(ins + inits), symbols,
                 dims);
  // The state's and the time's loop stay whatever their sizes.
  unsigned state = nest.sizes.size() - 2;
  DimExpr states = nest.sizes[state], steps = nest.sizes[state + 1];
  nest.sizes[state] = DimExpr::symbol("states.");
  nest.sizes[state + 1] = DimExpr::symbol("steps.");
  unsigned bounds[] = {state, state + 1};
  nest.simplify(bounds);
  if (bounds[0] == 0) {
    nest.pad(0);
    ++bounds[0];
  }
  nest.sizes[bounds[0]] = states;
  nest.sizes[bounds[0] + 1] = steps;
  nest.parallel = bounds[0];
  return nest;
}

/// Of each access: how it moves along the lanes, the states and time.
static SmallVector<int64_t> stepsOf(const LoopNest &nest) {
  SmallVector<int64_t> steps;
  for (const LinearAccess &a : nest.accesses)
    for (unsigned loop : {nest.parallel - 1, nest.parallel, nest.parallel + 1})
      steps.push_back(stepClass(a.strides[loop]));
  return steps;
}

std::string ScanOp::planKernel(const nn::DimAnalysis &dims) {
  LoopNest nest = loopNestOf(*this, dims);
  auto plan = PlanAttr::get(getContext(), nest.sizes.size(), nest.parallel,
                            nest.parallel - 1, /*rows=*/getStateSize(),
                            stepsOf(nest), /*cross=*/-1);
  setPlanAttr(plan);
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "scan " << plan << " ";
  printTypes(getIns(), os);
  os << "s:";
  printTypes(getInits(), os);
  os << "r:";
  printTypes(getResults(), os);
  printBody(getBody(), os);
  return makeKey("scan",
                 cast<ShapedType>(getResult(0).getType()).getElementType(), text);
}

StepParameters ScanOp::getStepParameters(const nn::DimAnalysis &dims) {
  LoopNest nest = loopNestOf(*this, dims);
  ArrayRef<DimExpr> parallel = ArrayRef(nest.sizes).take_front(nest.parallel);
  StepParameters step;
  DimExpr chunks = DimExpr::ceilDiv(parallel.back(), kScanChunk);
  step.tiles = product(parallel.drop_back()) * chunks;
  step.parameters.push_back(chunks);
  appendNest(nest, step);
  appendConstants(getBody(), step);
  step.flops = product(nest.sizes) * operationsIn(getBody());
  return step;
}

//===- Sequence ------------------------------------------------------------===//

std::string SequenceOp::planKernel(const nn::DimAnalysis &) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "sequence " << getSizes().getExprs().size() << " ";
  for (ValueRange values : {ValueRange(getTables()), ValueRange(getResults())}) {
    for (Value v : values)
      os << cast<ShapedType>(v.getType()).getRank();
    printTypes(values, os);
  }
  printBody(getBody(), os);
  return makeKey("sequence",
                 cast<ShapedType>(getResult(0).getType()).getElementType(), text);
}

StepParameters SequenceOp::getStepParameters(const nn::DimAnalysis &dims) {
  StepParameters step;
  step.tiles = product(getSizes().getExprs());
  llvm::append_range(step.parameters, getSizes().getExprs());
  appendTables(getTables(), dims, step);
  appendTables(getResults(), dims, step);
  appendConstants(getBody(), step);
  // Its loops may end early; one round of each is the least.
  step.flops = step.tiles * operationsIn(getBody());
  return step;
}
