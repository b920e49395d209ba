#include "passes/lower/emitters/GpuFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

/// Words of the record before the step's own.
static constexpr int64_t kStatusWord = 0, kTilesWord = 1, kFirstWord = 2;

static MemRefType bufferOf(Type element) {
  return MemRefType::get({ShapedType::kDynamic}, element);
}

func::FuncOp GpuFrame::start(StringRef name) {
  Type words = bufferOf(b.getI32Type());
  function = func::FuncOp::create(b, loc, name,
                                  b.getFunctionType({words}, {}));
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  record = entry->getArgument(0);
  next = kFirstWord;
  invocation = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  begin = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  end = arith::IndexCastOp::create(
      b, loc, b.getIndexType(),
      memref::LoadOp::create(b, loc, record, index(kTilesWord)));
  return function;
}

void GpuFrame::finish() {
  Block &entry = function.front();
  function.setFunctionType(b.getFunctionType(entry.getArgumentTypes(), {}));
  function->setAttr(kWordsAttr, b.getI64IntegerAttr(next));
}

Value GpuFrame::argument() {
  return memref::LoadOp::create(b, loc, record, index(next++));
}

Buffer GpuFrame::nextBuffer(Type tensor) {
  Type element = cast<ShapedType>(tensor).getElementType();
  Type stored = element.isInteger(1) ? (Type)b.getI8Type()
                                     : nn::storageType(element);
  return {function.front().addArgument(bufferOf(stored), loc), element};
}

void GpuFrame::ifTrue(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}

void GpuFrame::report(Value holds, int32_t status) {
  Value yes = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  ifTrue(arith::XOrIOp::create(b, loc, holds, yes), [&] {
    Value code = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(status));
    memref::StoreOp::create(b, loc, code, record, index(kStatusWord));
  });
}

/// Workgroups take every `blocks`-th tile, so its coordinates are divided anew.
void GpuFrame::forEachTile(ArrayRef<Value> extents,
                           llvm::function_ref<void(ArrayRef<Value>)> body) {
  Value blocks = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
  auto loop = scf::ForOp::create(b, loc, begin, end, blocks);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> at(extents.size());
  Value rest = loop.getInductionVar();
  for (int i = (int)extents.size() - 1; i > 0; --i) {
    at[i] = arith::RemUIOp::create(b, loc, rest, extents[i]);
    rest = arith::DivUIOp::create(b, loc, rest, extents[i]);
  }
  at[0] = rest;
  body(at);
}

void GpuFrame::forEach(Value lo, Value hi, int64_t step,
                       llvm::function_ref<void(Value)> body) {
  Value first = add(lo, step == 1 ? invocation : mul(invocation, index(step)));
  KernelFrame::forEach(first, hi, step * facts.workgroup, body);
}

Buffer GpuFrame::shared(Type element, int64_t size) {
  auto space = gpu::AddressSpaceAttr::get(b.getContext(),
                                          gpu::AddressSpace::Workgroup);
  Type stored = element.isInteger(1) ? (Type)b.getI8Type() : element;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.front());
  auto type = MemRefType::get({size}, stored, MemRefLayoutAttrInterface(), space);
  return {memref::AllocOp::create(b, loc, type), element};
}

//===- Rows ----------------------------------------------------------------===//

SmallVector<Value> lower::combineRowOfWorkgroup(GpuFrame &f,
                                                const RowCombiner &row,
                                                ArrayRef<Value> sizes,
                                                RowElements elements) {
  assert(f.facts.workgroup == kRowLanes && "an invocation is a lane");
  auto join = [&](ValueRange a, ValueRange v) {
    SmallVector<Value> joined;
    for (auto [i, c] : llvm::enumerate(row.combiners))
      joined.push_back(combine(f, c, a[i], v[i])[0]);
    return joined;
  };
  SmallVector<Value> totals, indices;
  for (auto [c, type] : llvm::zip(row.combiners, row.types))
    totals.push_back(
        arith::ConstantOp::create(f.b, f.loc, identityOf(f.b, c, type)));
  std::function<SmallVector<Value>(ValueRange)> nest = [&](ValueRange sums) {
    bool isLast = indices.size() + 1 == sizes.size();
    return f.loop(isLast ? f.invocation : f.index(0), sizes[indices.size()],
                  isLast ? kRowLanes : 1, sums, [&](Value i, ValueRange c) {
                    indices.push_back(i);
                    SmallVector<Value> r;
                    if (!isLast) {
                      r = nest(c);
                    } else {
                      SmallVector<Value> v = elements(indices, 1, {});
                      r = row.fused
                              ? SmallVector<Value>{fuseProduct(f, c[0], v[0])}
                              : join(c, v);
                    }
                    indices.pop_back();
                    return r;
                  });
  };
  totals = nest(totals);

  // The tree of halves, through memory that all see.
  SmallVector<Buffer> lanes;
  for (Type type : row.types)
    lanes.push_back(f.shared(type, kRowLanes));
  auto load = [&](Value at) {
    SmallVector<Value> values;
    for (const Buffer &buffer : lanes)
      values.push_back(f.load(buffer, at));
    return values;
  };
  auto store = [&](ValueRange values) {
    for (auto [v, buffer] : llvm::zip(values, lanes))
      f.store(buffer, v, f.invocation);
    return values;
  };
  store(totals);
  f.barrier();
  for (int64_t half = kRowLanes / 2; half >= 1; half /= 2) {
    f.ifTrue(f.less(f.invocation, f.index(half)), [&] {
      store(join(load(f.invocation),
                 load(f.add(f.invocation, f.index(half)))));
    });
    f.barrier();
  }
  totals = load(f.index(0));
  // The next row writes the same memory.
  f.barrier();
  return totals;
}
