// Element-wise groups:
//
//   for tile (outer loops..., chunk of the last loop)
//     for i in whole vectors   load or splat operands, body, store
//     for i in what is left    the same on scalars
#include "passes/lower/emitters/KernelFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

LogicalResult lower::emitMap(KernelFrame &f, kern::MapOp op) {
  kern::PlanAttr plan = *op.getPlan();
  unsigned loops = plan.getLoops(), last = loops - 1;
  ArrayRef<int64_t> steps = plan.getSteps();

  // In the order of the step record.
  SmallVector<Buffer> ins, tables, results;
  for (Value v : op.getIns())
    ins.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getTables())
    tables.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getResults())
    results.push_back(f.nextBuffer(v.getType()));
  Value chunks = f.nextParameter();
  SmallVector<Value> sizes;
  for (unsigned i = 0; i < loops; ++i)
    sizes.push_back(f.nextParameter());
  SmallVector<AccessValues> accesses;
  for (unsigned i = 0; i < ins.size() + results.size(); ++i)
    accesses.push_back(f.nextAccess(loops));
  BodyWriter body(f);
  Block &block = op.getBody().front();
  for (auto [i, table] : llvm::enumerate(op.getTables())) {
    SmallVector<Value> strides;
    for (int64_t d = 0; d < cast<ShapedType>(table.getType()).getRank(); ++d)
      strides.push_back(f.nextParameter());
    body.tables[block.getArgument(ins.size() + i)] = {tables[i], strides};
  }
  body.readSizes(op.getBody());
  body.readConstants(op.getBody());
  body.vectorLoop = last;

  SmallVector<Type> types;
  for (const Buffer &buffer : ins)
    types.push_back(buffer.element);
  for (const Buffer &buffer : results)
    types.push_back(buffer.element);
  int64_t lanes = f.lanesFor(types);

  SmallVector<Value> extents(sizes.begin(), sizes.end() - 1);
  extents.push_back(chunks);
  f.forEachTile(extents, [&](ArrayRef<Value> tile) {
    Value lo = f.mul(tile.back(), f.index(kern::kMapChunk));
    Value hi = f.minimum(f.add(lo, f.index(kern::kMapChunk)), sizes.back());
    SmallVector<Value> bases;
    for (const AccessValues &a : accesses) {
      Value at = a.offset;
      for (unsigned d = 0; d < last; ++d)
        at = f.add(at, f.mul(tile[d], a.strides[d]));
      bases.push_back(at);
    }
    auto run = [&](Value from, Value to, int64_t width) {
      f.loop(from, to, width, {}, [&](Value i, ValueRange) {
        auto place = [&](unsigned a) {
          return steps[a] == 0   ? bases[a]
                 : steps[a] == 1 ? f.add(bases[a], i)
                                 : f.add(bases[a], f.mul(i, accesses[a].strides[last]));
        };
        SmallVector<Value> arguments;
        for (auto [a, buffer] : llvm::enumerate(ins)) {
          if (steps[a] == 2 && width > 1)
            arguments.push_back(f.loadStrided(
                buffer, place(a), accesses[a].strides[last], width));
          else
            arguments.push_back(f.load(buffer, place(a), steps[a] ? width : 1));
        }
        body.width = width;
        body.indices.assign(tile.begin(), tile.end() - 1);
        body.indices.push_back(i);
        SmallVector<Value> values = body.write(op.getBody(), arguments);
        for (auto [r, buffer] : llvm::enumerate(results)) {
          unsigned a = ins.size() + r;
          Value v = body.widen(values[r]);
          if (steps[a] == 1 || width == 1)
            f.store(buffer, v, place(a));
          else
            f.storeStrided(buffer, v, place(a), accesses[a].strides[last]);
        }
        return SmallVector<Value>{};
      });
    };
    Value whole = f.add(lo, f.roundDown(f.sub(hi, lo), lanes));
    if (lanes > 1)
      run(lo, whole, lanes);
    run(lanes > 1 ? whole : lo, hi, 1);
  });
  return success();
}
