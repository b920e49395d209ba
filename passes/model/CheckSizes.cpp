// Sizes that shape inference takes as equal become checks that run first:
//
//   x : tensor<"n">, y : tensor<"m">      rt.check <"n">, <"m"> else 6
//   nn.add %x, %y : tensor<"n">      =>   nn.add %x, %y
//
// Without them, a caller with n = 5 and m = 3 would have y read past its end.
// Where a size is found while the model runs, its check follows the nn.size.
#include "passes/model/Passes.h"

#include "dialects/nn/DimAnalysis.h"
#include "dialects/rt/Rt.h"
#include "runtime/include/tenon/abi.h"

#include "llvm/ADT/TypeSwitch.h"

namespace tenon::model {
#define GEN_PASS_DEF_CHECKSIZESPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;

namespace {

class Checks {
public:
  explicit Checks(func::FuncOp program)
      : program(program), dims(program), b(program.getContext()) {}

  LogicalResult run();

private:
  void collect(Operation *op);
  void require(const DimExpr &x, const DimExpr &y);
  /// Operands are broadcast: a size of 1 fits any.
  void requireBroadcast(ArrayRef<DimExpr> operand, ArrayRef<DimExpr> result);
  void requireChannels(Value input, Value weights, int64_t weightAxis,
                       int64_t group);
  void requireAtMost(const DimExpr &x, const DimExpr &most);
  /// A window fits into what it moves over, at one place at least.
  void requirePlaces(Value result);
  /// The window of a pool is cut by less than a stride.
  void requireReach(nn::PoolOp op);
  /// The first and the last element of a part are elements of the whole.
  void requireInside(nn::SliceOp op);
  bool isKnown(const DimExpr &e, Operation *&behind) const;

  func::FuncOp program;
  nn::DimAnalysis dims;
  OpBuilder b;
  Operation *current = nullptr;
  std::map<std::string, Operation *> found; // by the symbol
  std::set<std::pair<std::string, std::string>> seen;
  bool failed = false;
};

/// Of two operations that one place can see: the one behind the other.
static Operation *laterOf(Operation *a, Operation *b) {
  if (!a || !b)
    return a ? a : b;
  Operation *around = a->getBlock()->findAncestorOpInBlock(*b);
  return around && !around->isBeforeInBlock(a) ? b : a;
}

/// Whether no symbol counts a loop; `behind` is what finds the last of them.
bool Checks::isKnown(const DimExpr &e, Operation *&behind) const {
  SymbolRanges entry = nn::getSymbols(program);
  bool known = true;
  e.forEachSymbol([&](StringRef s) {
    auto size = found.find(s.str());
    if (size != found.end())
      behind = laterOf(behind, size->second);
    else
      known &= entry.count(s.str()) != 0;
  });
  return known;
}

void Checks::require(const DimExpr &x, const DimExpr &y) {
  Operation *behind = nullptr;
  if (x == y || !isKnown(x, behind) || !isKnown(y, behind))
    return;
  DimRange a = x.range(dims.symbols), c = y.range(dims.symbols);
  if (a.hi < c.lo || c.hi < a.lo) {
    current->emitOpError("expected sizes that agree, but ")
        << x.str() << " is " << a.lo << ".." << a.hi << " and " << y.str()
        << " is " << c.lo << ".." << c.hi;
    failed = true;
    return;
  }
  if (!seen.insert(std::minmax(x.str(), y.str())).second)
    return;
  OpBuilder::InsertionGuard guard(b);
  if (behind)
    b.setInsertionPointAfter(behind);
  rt::CheckOp::create(b, current->getLoc(), nn::DimsAttr::get(b.getContext(), x),
                      nn::DimsAttr::get(b.getContext(), y),
                      TENON_DIM_MISMATCH);
}

/// Starts and sizes from the inputs' shapes are clamped; those that are found
/// may be anything.
void Checks::requireInside(nn::SliceOp op) {
  Dims from = dims.of(op.getInput());
  auto starts = op.getStarts().getExprs(), shape = op.getShape().getExprs();
  for (auto [i, size] : llvm::enumerate(from)) {
    Operation *behind = nullptr;
    if (!isKnown(starts[i], behind) || !isKnown(shape[i], behind) || !behind)
      continue;
    DimExpr first = starts[i], count = shape[i];
    DimExpr last = first + (count - DimExpr(1)) * DimExpr(op.getSteps()[i]);
    if (op.getSteps()[i] < 0)
      std::swap(first, last);
    // An empty part may lie anywhere.
    bool some = count.range(dims.symbols).lo > 0;
    for (DimExpr outside : {last + DimExpr(1) - size, DimExpr(0) - first})
      requireAtMost(some ? outside : DimExpr::min(outside, count), 0);
  }
}

void Checks::requireAtMost(const DimExpr &x, const DimExpr &most) {
  if ((most - x).range(dims.symbols).lo < 0)
    require(DimExpr::max(x - most, 0), 0);
}

void Checks::requirePlaces(Value result) {
  Dims y = dims.of(result);
  for (const DimExpr &size : ArrayRef(y).drop_front(2))
    requireAtMost(1, size);
}

void Checks::requireReach(nn::PoolOp op) {
  Dims x = dims.of(op.getInput());
  for (auto [i, window] : llvm::enumerate(op.getWindow())) {
    DimExpr size = x[2 + i] + op.getLow().getExprs()[i] + op.getHigh().getExprs()[i];
    int64_t extent = (window - 1) * op.getDilations()[i] + 1;
    requireAtMost(extent - op.getStrides()[i] + 1, size);
  }
}

void Checks::requireBroadcast(ArrayRef<DimExpr> operand,
                              ArrayRef<DimExpr> result) {
  for (size_t i = 0; i < operand.size(); ++i) {
    const DimExpr &size = operand[operand.size() - 1 - i];
    if (!size.isConstant(1))
      require(size, result[result.size() - 1 - i]);
  }
}

void Checks::requireChannels(Value input, Value weights, int64_t weightAxis,
                             int64_t group) {
  require(dims.of(input)[1], dims.of(weights)[weightAxis] * DimExpr(group));
}

void Checks::collect(Operation *op) {
  current = op;
  TypeSwitch<Operation *>(op)
      .Case<nn::ElementwiseOpInterface>([&](auto op) {
        for (Value operand : op->getOperands())
          requireBroadcast(dims.of(operand), dims.of(op->getResult(0)));
      })
      .Case<nn::ExpandOp>([&](nn::ExpandOp op) {
        requireBroadcast(dims.of(op.getInput()), dims.of(op->getResult(0)));
      })
      .Case<nn::MatmulOp>([&](nn::MatmulOp op) {
        Dims a = dims.of(op.getLhs()), c = dims.of(op.getRhs());
        Dims to = dims.of(op->getResult(0));
        require(a.back(), c[c.size() - 2]);
        for (Dims *side : {&a, &c})
          requireBroadcast(ArrayRef(*side).drop_back(2),
                           ArrayRef(to).drop_back(2));
      })
      .Case<nn::ConcatOp>([&](nn::ConcatOp op) {
        Dims first = dims.of(op.getInputs().front());
        for (Value input : op.getInputs().drop_front())
          for (auto [i, size] : llvm::enumerate(dims.of(input)))
            if ((int64_t)i != (int64_t)op.getAxis())
              require(first[i], size);
      })
      .Case<nn::SliceOp>([&](nn::SliceOp op) { requireInside(op); })
      .Case<nn::ReshapeOp>([&](nn::ReshapeOp op) {
        require(product(dims.of(op.getInput())),
                product(dims.of(op->getResult(0))));
      })
      .Case<nn::ConvOp>([&](nn::ConvOp op) {
        requireChannels(op.getInput(), op.getWeights(), 1, op.getGroup());
        requirePlaces(op.getResult());
      })
      .Case<nn::PoolOp>([&](nn::PoolOp op) { requireReach(op); })
      .Case<nn::ConvTransposeOp>([&](nn::ConvTransposeOp op) {
        requireChannels(op.getInput(), op.getWeights(), 0, 1);
      });
}

LogicalResult Checks::run() {
  if (!dims.isValid())
    return failure();
  if (dims.symbols.empty())
    return success();
  program.walk([&](nn::SizeOp op) { found[op.getSymbol().str()] = op; });
  b.setInsertionPointToStart(&program.front());
  program.walk([&](Operation *op) {
    if (!isa<rt::CheckOp>(op))
      collect(op);
  });
  return success(!failed);
}

struct CheckSizesPass : model::impl::CheckSizesPassBase<CheckSizesPass> {
  void runOnOperation() override {
    if (mlir::failed(Checks(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
