// Sizes that shape inference takes as equal become checks that run first:
//
//   x : tensor<"n">, y : tensor<"m">      rt.check <"n">, <"m"> else 6
//   nn.add %x, %y : tensor<"n">      =>   nn.add %x, %y
//
// Without them, a caller with n = 5 and m = 3 would have y read past its end.
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
  bool isKnownAtEntry(const DimExpr &e) const;

  func::FuncOp program;
  nn::DimAnalysis dims;
  OpBuilder b;
  Operation *current = nullptr;
  std::set<std::pair<std::string, std::string>> seen;
  bool failed = false;
};

bool Checks::isKnownAtEntry(const DimExpr &e) const {
  SymbolRanges entry = nn::getSymbols(program);
  return e.fold<bool>([](int64_t) { return true; },
                      [&](StringRef s) { return entry.count(s.str()) != 0; },
                      [](char, bool x, bool y) { return x && y; });
}

void Checks::require(const DimExpr &x, const DimExpr &y) {
  if (x == y || !isKnownAtEntry(x) || !isKnownAtEntry(y))
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
  rt::CheckOp::create(b, current->getLoc(), nn::DimsAttr::get(b.getContext(), x),
                      nn::DimsAttr::get(b.getContext(), y),
                      TENON_DIM_MISMATCH);
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
      .Case<nn::ReshapeOp>([&](nn::ReshapeOp op) {
        require(product(dims.of(op.getInput())),
                product(dims.of(op->getResult(0))));
      })
      .Case<nn::ConvOp>([&](nn::ConvOp op) {
        requireChannels(op.getInput(), op.getWeights(), 1, op.getGroup());
      })
      .Case<nn::ConvTransposeOp>([&](nn::ConvTransposeOp op) {
        requireChannels(op.getInput(), op.getWeights(), 0, 1);
      });
}

LogicalResult Checks::run() {
  if (!dims.isValid())
    return failure();
  if (nn::getSymbols(program).empty())
    return success();
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
