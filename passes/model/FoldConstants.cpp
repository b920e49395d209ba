// What depends on no input is computed while compiling.
//
//   %t = nn.transpose %w            %t = pack.constant(#pack.ref<"blob0", ...>)
//   %s = nn.mul %t, %scale    ->    %s = pack.constant(...)
//   %y = nn.matmul %x, %s           %y = nn.matmul %x, %s
#include "passes/model/Passes.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace tenon::model {
#define GEN_PASS_DEF_FOLDCONSTANTSPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;

namespace {

/// Results up to this size are folded whatever they are made of.
constexpr uint64_t kSmall = 64 << 10;

/// Operations that share no result are computed apart once they read and give
/// more than this: all bytes of a computation are in memory.
constexpr uint64_t kBatch = 64 << 20;

class Folder {
public:
  Folder(func::FuncOp program, analysis::Evaluator *evaluator)
      : program(program), evaluator(evaluator), b(program.getContext()) {}
  LogicalResult run();

private:
  bool isConstant(Value v) {
    return v.getDefiningOp<pack::ConstantOp>() || folded.contains(v);
  }
  bool foldsAtOnce(Operation *op);
  bool isWorthFolding(Operation *op);
  std::vector<SmallVector<Operation *>> batches();
  LogicalResult evaluate(ArrayRef<Operation *> gathered);

  func::FuncOp program;
  analysis::Evaluator *evaluator;
  OpBuilder b;
  llvm::DenseSet<Value> folded;        // will be constants
  SmallVector<Operation *> gathered;   // in order
};

/// Splats stay splats, reshapes keep their bytes.
bool Folder::foldsAtOnce(Operation *op) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape() || type.getNumElements() == 0)
    return false;
  auto replace = [&](Attribute value) {
    b.setInsertionPoint(op);
    Value constant = pack::ConstantOp::create(b, op->getLoc(), type, value);
    op->getResult(0).replaceAllUsesWith(constant);
    op->erase();
    return true;
  };
  auto constantOf = [](Value v) {
    auto constant = v.getDefiningOp<pack::ConstantOp>();
    return constant ? constant.getValue() : Attribute();
  };
  if (auto reshape = dyn_cast<nn::ReshapeOp>(op)) {
    Attribute value = constantOf(reshape.getInput());
    if (auto dense = dyn_cast_or_null<DenseElementsAttr>(value))
      return replace(dense.reshape(type));
    return value ? replace(value) : false;
  }
  if (!isa<nn::ExpandOp, nn::TransposeOp, nn::SliceOp, nn::TileOp>(op))
    return false;
  auto dense =
      dyn_cast_or_null<DenseElementsAttr>(constantOf(op->getOperand(0)));
  return dense && dense.isSplat() ? replace(dense.resizeSplat(type)) : false;
}

/// What ends as the weights of a convolution is wanted as floats, in whatever
/// the model keeps it.
static bool makesWeights(Operation *op) {
  while (op->hasOneUse() && isa<nn::CastOp, nn::SubOp, nn::MulOp>(op)) {
    Operation *user = *op->user_begin();
    if (auto conv = dyn_cast<nn::ConvOp>(user))
      return conv.getWeights() == op->getResult(0);
    op = user;
  }
  return false;
}

bool Folder::isWorthFolding(Operation *op) {
  if (!analysis::isEvaluable(op))
    return false;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  uint64_t operandBytes = 0;
  for (Value operand : op->getOperands()) {
    if (!isConstant(operand))
      return false;
    operandBytes += pack::denseBytes(cast<RankedTensorType>(operand.getType()));
  }
  uint64_t bytes = pack::denseBytes(type);
  // A matrix product reads a transposed constant in the order it likes.
  if (auto transpose = dyn_cast<nn::TransposeOp>(op))
    if (bytes > kSmall && type.getRank() == 2 &&
        transpose.getInput().getDefiningOp<pack::ConstantOp>() &&
        llvm::all_of(op->getUsers(), [&](Operation *user) {
          auto matmul = dyn_cast<nn::MatmulOp>(user);
          return matmul && matmul.getRhs() == op->getResult(0);
        }))
      return false;
  return bytes <= kSmall || bytes <= 2 * operandBytes || makesWeights(op);
}

/// Bytes that the computation of `op` reads and gives.
static uint64_t touchedBytes(Operation *op) {
  uint64_t bytes =
      pack::denseBytes(cast<RankedTensorType>(op->getResult(0).getType()));
  for (Value operand : op->getOperands())
    if (operand.getDefiningOp<pack::ConstantOp>())
      bytes += pack::denseBytes(cast<RankedTensorType>(operand.getType()));
  return bytes;
}

/// The gathered operations, in order, those that read one another together.
std::vector<SmallVector<Operation *>> Folder::batches() {
  llvm::EquivalenceClasses<Operation *> connected;
  for (Operation *op : gathered) {
    connected.insert(op);
    for (Value operand : op->getOperands())
      if (folded.contains(operand))
        connected.unionSets(op, operand.getDefiningOp());
  }
  llvm::DenseMap<Operation *, uint64_t> bytesOf;
  for (Operation *op : gathered)
    bytesOf[connected.getLeaderValue(op)] += touchedBytes(op);
  llvm::DenseMap<Operation *, size_t> batchOf; // by leader
  std::vector<SmallVector<Operation *>> result(1);
  uint64_t held = 0;
  for (Operation *op : gathered) {
    Operation *leader = connected.getLeaderValue(op);
    auto [it, isNew] = batchOf.try_emplace(leader, result.size() - 1);
    if (isNew) {
      if (held > 0 && held + bytesOf[leader] > kBatch) {
        result.emplace_back();
        held = 0;
        it->second = result.size() - 1;
      }
      held += bytesOf[leader];
    }
    result[it->second].push_back(op);
  }
  return result;
}

/// One program of these operations gives what others read of them.
LogicalResult Folder::evaluate(ArrayRef<Operation *> gathered) {
  SmallVector<Value> frontier;
  llvm::DenseSet<Operation *> inside(gathered.begin(), gathered.end());
  for (Operation *op : gathered)
    if (llvm::any_of(op->getUsers(),
                     [&](Operation *user) { return !inside.contains(user); }))
      frontier.push_back(op->getResult(0));
  if (frontier.empty())
    return success();
  auto bytes = analysis::evaluateOperations(*evaluator, program.getLoc(),
                                            gathered, frontier);
  if (!bytes)
    return program.emitError("constants cannot be folded: ")
           << llvm::toString(bytes.takeError());
  for (auto [value, data] : llvm::zip(frontier, *bytes)) {
    b.setInsertionPointAfterValue(value);
    Value constant = pack::makeConstant(
        b, value.getLoc(), cast<RankedTensorType>(value.getType()),
        std::move(data));
    value.replaceAllUsesExcept(constant, constant.getDefiningOp());
  }
  for (Operation *op : llvm::reverse(gathered))
    if (op->use_empty())
      op->erase();
  return success();
}

LogicalResult Folder::run() {
  if (program.isExternal())
    return success();
  // Bodies of scans too: what is constant there is so in every iteration.
  program.walk([&](Operation *op) {
    if (op->getNumResults() == 1 && isa<nn::NnDialect>(op->getDialect()) &&
        foldsAtOnce(op))
      return;
    if (evaluator && isWorthFolding(op)) {
      folded.insert(op->getResult(0));
      gathered.push_back(op);
    }
  });
  if (gathered.empty())
    return success();
  for (ArrayRef<Operation *> batch : batches())
    if (failed(evaluate(batch)))
      return failure();
  return success();
}

struct FoldConstantsPass
    : model::impl::FoldConstantsPassBase<FoldConstantsPass> {
  explicit FoldConstantsPass(analysis::Evaluator *evaluator)
      : evaluator(evaluator) {}
  void runOnOperation() override {
    if (failed(Folder(getOperation(), evaluator).run()))
      signalPassFailure();
  }
  analysis::Evaluator *evaluator;
};
} // namespace

std::unique_ptr<Pass>
model::createFoldConstantsPass(analysis::Evaluator *evaluator) {
  return std::make_unique<FoldConstantsPass>(evaluator);
}
