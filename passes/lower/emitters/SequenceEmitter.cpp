// Plain code, as it stands in the body:
//
//   for tile (places of the loops)
//     the body, with reads and writes of single elements
#include "passes/lower/emitters/KernelFrame.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {
/// A tensor of the body: its buffer and row-major strides.
struct Table {
  Buffer buffer;
  SmallVector<Value> strides;
};
} // namespace

static Value linear(KernelFrame &f, const Table &table, ValueRange indices) {
  Value at = f.index(0);
  for (auto [index, stride] : llvm::zip(indices, table.strides))
    at = f.add(at, f.mul(index, stride));
  return at;
}

LogicalResult lower::emitSequence(KernelFrame &f, kern::SequenceOp op) {
  Block &body = op.getBody().front();
  SmallVector<Table> tables;
  for (ValueRange values : {ValueRange(op.getTables()), ValueRange(op.getResults())})
    for (Value v : values)
      tables.push_back({f.nextBuffer(v.getType()), {}});
  SmallVector<Value> extents;
  for (size_t i = 0; i < op.getSizes().getExprs().size(); ++i)
    extents.push_back(f.nextParameter());
  for (auto [table, argument] : llvm::zip(tables, body.getArguments()))
    for (int64_t d = 0; d < cast<ShapedType>(argument.getType()).getRank(); ++d)
      table.strides.push_back(f.nextParameter());
  llvm::DenseMap<Operation *, Value> parameters;
  op.getBody().walk([&](kern::SizeOp size) { parameters[size] = f.nextParameter(); });
  kern::forEachStepConstant(op.getBody(), [&](arith::ConstantOp constant) {
    parameters[constant] = f.nextConstant();
  });
  if (extents.empty())
    extents.push_back(f.index(1));

  auto writeOne = [&](Operation *inner, ArrayRef<Value> tile) {
    auto tableOf = [&](Value v) -> Table & {
      return tables[cast<BlockArgument>(v).getArgNumber()];
    };
    Value result;
    if (auto index = dyn_cast<kern::IndexOp>(inner))
      result = tile[index.getLoop()];
    else if (auto read = dyn_cast<kern::ReadOp>(inner))
      result = f.load(tableOf(read.getTable()).buffer,
                      linear(f, tableOf(read.getTable()), read.getIndices()));
    else if (auto load = dyn_cast<kern::LoadOp>(inner))
      result = f.load(tableOf(load.getTable()).buffer,
                      linear(f, tableOf(load.getTable()), load.getIndices()));
    else if (auto write = dyn_cast<kern::WriteOp>(inner))
      f.store(tableOf(write.getTable()).buffer, write.getValue(),
              linear(f, tableOf(write.getTable()), write.getIndices()));
    else if (auto check = dyn_cast<kern::CheckOp>(inner))
      f.report(check.getCondition(), check.getStatus());
    else
      return false;
    if (result)
      inner->getResult(0).replaceAllUsesWith(result);
    return true;
  };
  f.forEachTile(extents, [&](ArrayRef<Value> tile) {
    IRMapping mapping;
    SmallVector<Operation *> copies, done;
    // Tables stay arguments of the original block: they name buffers.
    for (Operation &inner : body.without_terminator())
      copies.push_back(f.b.clone(inner, mapping));
    // Same structure, so a walk of both meets equals at equal places.
    SmallVector<Operation *> originals;
    for (Operation &inner : body.without_terminator())
      inner.walk<WalkOrder::PreOrder>([&](Operation *o) { originals.push_back(o); });
    size_t next = 0;
    Operation *after = copies.empty() ? nullptr : copies.back();
    for (Operation *copy : copies)
      copy->walk<WalkOrder::PreOrder>([&](Operation *inner) {
        inner->setLoc(f.loc);
        Operation *original = originals[next++];
        OpBuilder::InsertionGuard guard(f.b);
        f.b.setInsertionPoint(inner);
        auto parameter = parameters.find(original);
        if (parameter != parameters.end())
          inner->getResult(0).replaceAllUsesWith(parameter->second);
        else if (!writeOne(inner, tile))
          return;
        done.push_back(inner);
      });
    if (after)
      f.b.setInsertionPointAfter(after);
    for (Operation *inner : llvm::reverse(done))
      inner->erase();
  });
  return success();
}
