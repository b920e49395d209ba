// Fused recurrences:
//
//   for tile (outer loops..., chunk of channels)
//     for i in lanes                     16 channels, or one where fewer are left
//       operands that time does not move: load
//       h[0..N) = inits                  in registers
//       for t in steps, carrying h
//         load, body for each of the N states, fold, store outputs
//       store h
#include "passes/lower/emitters/KernelFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

/// One value, or one per state.
using States = SmallVector<Value>;

class ScanWriter {
public:
  ScanWriter(KernelFrame &frame, kern::ScanOp op)
      : f(frame), op(op), body(frame), size(op.getPlan()->getRows()) {}
  void write();

private:
  int64_t along(unsigned access, unsigned what) {
    return op.getPlan()->getSteps()[3 * access + what];
  }
  Value offsetBy(Value at, Value index, Value stride, int64_t moves);
  Value loadOne(unsigned access, const Buffer &buffer, Value at);
  States load(unsigned access, const Buffer &buffer, Value at);
  void store(unsigned access, const Buffer &buffer, const States &v, Value at);
  States evaluate(Operation &op, llvm::DenseMap<Value, States> &known);
  Value make(Operation &op, ArrayRef<Value> operands);
  Value fma(Value a, Value b, Value c);
  Value widen(Value v) { return body.widen(v); }
  void writeLanes(Value i, ArrayRef<Value> bases);
  /// A product that its only reader takes up in a fused multiply-add.
  arith::MulFOp fusible(Value v);

  KernelFrame &f;
  kern::ScanOp op;
  BodyWriter body; // reads constants, widens
  int64_t size;
  SmallVector<Buffer> buffers; // ins, inits, results
  SmallVector<AccessValues> accesses;
  SmallVector<Value> sizes;
  unsigned lanesLoop = 0;
};

} // namespace

Value ScanWriter::offsetBy(Value at, Value index, Value stride, int64_t moves) {
  if (moves == 0)
    return at;
  return f.add(at, moves == 1 ? index : f.mul(index, stride));
}

Value ScanWriter::loadOne(unsigned access, const Buffer &buffer, Value at) {
  int64_t moves = along(access, 0);
  if (moves == 2 && body.width > 1)
    return f.loadStrided(buffer, at, accesses[access].strides[lanesLoop],
                         body.width);
  return f.load(buffer, at, moves ? body.width : 1);
}

States ScanWriter::load(unsigned access, const Buffer &buffer, Value at) {
  States values;
  int64_t count = along(access, 1) ? size : 1;
  for (int64_t n = 0; n < count; ++n) {
    values.push_back(loadOne(access, buffer, at));
    if (n + 1 < count)
      at = f.add(at, accesses[access].strides[lanesLoop + 1]);
  }
  return values;
}

void ScanWriter::store(unsigned access, const Buffer &buffer, const States &v,
                       Value at) {
  for (int64_t n = 0; n < (int64_t)v.size(); ++n) {
    Value value = widen(v[n]);
    if (along(access, 0) == 2 && body.width > 1)
      f.storeStrided(buffer, value, at, accesses[access].strides[lanesLoop]);
    else
      f.store(buffer, value, at);
    if (n + 1 < (int64_t)v.size())
      at = f.add(at, accesses[access].strides[lanesLoop + 1]);
  }
}

Value ScanWriter::make(Operation &inner, ArrayRef<Value> operands) {
  bool anyVector = llvm::any_of(
      operands, [](Value v) { return isa<VectorType>(v.getType()); });
  OperationState state(f.loc, inner.getName());
  for (Value v : operands)
    state.addOperands(anyVector ? widen(v) : v);
  for (Type t : inner.getResultTypes())
    state.addTypes(anyVector ? VectorType::get({body.width}, t) : t);
  state.addAttributes(inner.getAttrs());
  state.propertiesAttr = inner.getPropertiesAsAttribute();
  return f.b.create(state)->getResult(0);
}

Value ScanWriter::fma(Value a, Value b, Value c) {
  bool anyVector = isa<VectorType>(a.getType()) ||
                   isa<VectorType>(b.getType()) || isa<VectorType>(c.getType());
  if (anyVector) {
    a = widen(a);
    b = widen(b);
    c = widen(c);
  }
  return math::FmaOp::create(f.b, f.loc, a, b, c);
}

arith::MulFOp ScanWriter::fusible(Value v) {
  auto product = v.getDefiningOp<arith::MulFOp>();
  if (!product || !v.hasOneUse() ||
      !(v.getType().isF32() || v.getType().isF64()))
    return {};
  Operation *reader = *v.user_begin();
  if (isa<kern::FoldOp>(reader))
    return product;
  auto sum = dyn_cast<arith::AddFOp>(reader);
  if (!sum)
    return {};
  // The left term first; the right one if the left is no such product.
  if (sum.getLhs() == v)
    return product;
  auto left = sum.getLhs().getDefiningOp<arith::MulFOp>();
  return left && left->hasOneUse() ? arith::MulFOp() : product;
}

States ScanWriter::evaluate(Operation &inner,
                            llvm::DenseMap<Value, States> &known) {
  auto at = [&](Value v, int64_t n) {
    const States &all = known[v];
    return all.size() == 1 ? all[0] : all[n];
  };
  auto countOf = [&](ValueRange values) {
    size_t count = 1;
    for (Value v : values)
      count = std::max(count, known[v].size());
    return (int64_t)count;
  };
  if (auto fold = dyn_cast<kern::FoldOp>(inner)) {
    arith::MulFOp product = fusible(fold.getValue());
    Value sum;
    for (int64_t n = 0; n < size; ++n) {
      if (product) {
        Value a = at(product.getLhs(), n), b = at(product.getRhs(), n);
        sum = sum ? fma(a, b, sum) : make(*product, {a, b});
        continue;
      }
      Value v = at(fold.getValue(), n);
      if (!sum) {
        sum = v;
        continue;
      }
      Value x = sum;
      if (isa<VectorType>(x.getType()) || isa<VectorType>(v.getType())) {
        x = widen(x);
        v = widen(v);
      }
      sum = isa<FloatType>(fold.getType())
                ? (Value)arith::AddFOp::create(f.b, f.loc, x, v)
                : (Value)arith::AddIOp::create(f.b, f.loc, x, v);
    }
    return {sum};
  }
  if (auto sum = dyn_cast<arith::AddFOp>(inner)) {
    for (bool left : {true, false}) {
      Value term = left ? sum.getLhs() : sum.getRhs();
      Value other = left ? sum.getRhs() : sum.getLhs();
      arith::MulFOp product = fusible(term);
      if (!product)
        continue;
      States values;
      int64_t count =
          countOf({product.getLhs(), product.getRhs(), other});
      for (int64_t n = 0; n < count; ++n)
        values.push_back(fma(at(product.getLhs(), n), at(product.getRhs(), n),
                             at(other, n)));
      return values;
    }
  }
  States values;
  int64_t count = countOf(inner.getOperands());
  for (int64_t n = 0; n < count; ++n) {
    SmallVector<Value> operands;
    for (Value v : inner.getOperands())
      operands.push_back(at(v, n));
    values.push_back(make(inner, operands));
  }
  return values;
}

void ScanWriter::writeLanes(Value i, ArrayRef<Value> bases) {
  size_t ins = op.getIns().size(), states = op.getInits().size();
  size_t outputs = op.getNumResults() - states;
  Block &block = op.getBody().front();
  SmallVector<Value> places;
  for (unsigned a = 0; a < accesses.size(); ++a)
    places.push_back(
        offsetBy(bases[a], i, accesses[a].strides[lanesLoop], along(a, 0)));

  llvm::DenseMap<Value, States> fixed;
  for (unsigned a = 0; a < ins; ++a)
    if (along(a, 2) == 0)
      fixed[block.getArgument(states + a)] = load(a, buffers[a], places[a]);
  SmallVector<Value> carried;
  SmallVector<int64_t> counts;
  for (unsigned s = 0; s < states; ++s) {
    States start = load(ins + s, buffers[ins + s], places[ins + s]);
    // A start that the states share is a value for each all the same.
    bool many = along(ins + states + s, 1);
    counts.push_back(many ? size : 1);
    for (int64_t n = 0; n < counts.back(); ++n)
      carried.push_back(widen(start[start.size() == 1 ? 0 : n]));
  }
  auto statesOf = [&](ValueRange all, unsigned s) {
    size_t first = 0;
    for (unsigned k = 0; k < s; ++k)
      first += counts[k];
    return States(all.slice(first, counts[s]));
  };
  SmallVector<Value> finals = f.loop(
      f.index(0), sizes.back(), 1, carried, [&](Value t, ValueRange now) {
        llvm::DenseMap<Value, States> known = fixed;
        for (unsigned s = 0; s < states; ++s)
          known[block.getArgument(s)] = statesOf(now, s);
        auto atTime = [&](unsigned a) {
          return offsetBy(places[a], t, accesses[a].strides[lanesLoop + 2],
                          along(a, 2));
        };
        for (unsigned a = 0; a < ins; ++a)
          if (along(a, 2) != 0)
            known[block.getArgument(states + a)] =
                load(a, buffers[a], atTime(a));
        for (Operation &inner : block.without_terminator()) {
          auto parameter = body.parameters.find(&inner);
          if (parameter != body.parameters.end())
            known[inner.getResult(0)] = {parameter->second};
          else if (inner.getNumOperands() == 0)
            known[inner.getResult(0)] = {f.b.clone(inner)->getResult(0)};
          else if (!isa<arith::MulFOp>(inner) || !fusible(inner.getResult(0)))
            known[inner.getResult(0)] = evaluate(inner, known);
        }
        ValueRange yielded = block.getTerminator()->getOperands();
        for (unsigned o = 0; o < outputs; ++o) {
          unsigned a = ins + 2 * states + o;
          States v = known[yielded[states + o]];
          if (along(a, 1) && v.size() == 1)
            v.resize(size, v[0]);
          store(a, buffers[a], v, atTime(a));
        }
        SmallVector<Value> next;
        for (unsigned s = 0; s < states; ++s) {
          States &v = known[yielded[s]];
          for (int64_t n = 0; n < counts[s]; ++n)
            next.push_back(widen(v[v.size() == 1 ? 0 : n]));
        }
        return next;
      });
  for (unsigned s = 0; s < states; ++s) {
    unsigned a = ins + states + s;
    store(a, buffers[a], statesOf(finals, s), places[a]);
  }
}

void ScanWriter::write() {
  kern::PlanAttr plan = *op.getPlan();
  unsigned loops = plan.getLoops();
  lanesLoop = plan.getParallel() - 1;
  // In the order of the step record.
  for (Value v : op.getIns())
    buffers.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getInits())
    buffers.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getResults())
    buffers.push_back(f.nextBuffer(v.getType()));
  Value chunks = f.nextParameter();
  for (unsigned i = 0; i < loops; ++i)
    sizes.push_back(f.nextParameter());
  for (unsigned i = 0; i < buffers.size(); ++i)
    accesses.push_back(f.nextAccess(loops));
  body.readConstants(op.getBody());

  SmallVector<Type> types;
  for (const Buffer &buffer : buffers)
    types.push_back(buffer.element);
  int64_t lanes = std::min(f.lanesFor(types), kern::kScanChunk);

  SmallVector<Value> extents(sizes.begin(), sizes.begin() + lanesLoop);
  extents.push_back(chunks);
  f.forEachTile(extents, [&](ArrayRef<Value> tile) {
    Value lo = f.mul(tile.back(), f.index(kern::kScanChunk));
    Value hi = f.minimum(f.add(lo, f.index(kern::kScanChunk)), sizes[lanesLoop]);
    SmallVector<Value> bases;
    for (const AccessValues &a : accesses) {
      Value at = a.offset;
      for (unsigned d = 0; d < lanesLoop; ++d)
        at = f.add(at, f.mul(tile[d], a.strides[d]));
      bases.push_back(at);
    }
    auto run = [&](Value from, Value to, int64_t width) {
      f.loop(from, to, width, {}, [&](Value i, ValueRange) {
        body.width = width;
        writeLanes(i, bases);
        return SmallVector<Value>{};
      });
    };
    Value whole = f.add(lo, f.roundDown(f.sub(hi, lo), lanes));
    if (lanes > 1)
      run(lo, whole, lanes);
    run(lanes > 1 ? whole : lo, hi, 1);
  });
}

LogicalResult lower::emitScan(KernelFrame &f, kern::ScanOp op) {
  ScanWriter(f, op).write();
  return success();
}
