#include "passes/model/StructuredMatchers.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::model;

static void takeApart(Value value, bool isRoot, Product &product) {
  if (std::optional<double> number = pack::getSplat(value)) {
    product.number *= *number;
    return;
  }
  Operation *op = value.getDefiningOp();
  auto whole = [&] { product.factors.push_back(value); };
  if (!op || (!isRoot && !op->hasOneUse()))
    return whole();
  if (auto mul = dyn_cast<nn::MulOp>(op)) {
    product.locations.push_back(op->getLoc());
    takeApart(mul.getLhs(), false, product);
    takeApart(mul.getRhs(), false, product);
    return;
  }
  if (auto div = dyn_cast<nn::DivOp>(op)) {
    std::optional<double> number = pack::getSplat(div.getRhs());
    if (!number || *number == 0)
      return whole();
    product.locations.push_back(op->getLoc());
    product.number /= *number;
    takeApart(div.getLhs(), false, product);
    return;
  }
  if (auto pow = dyn_cast<nn::PowOp>(op)) {
    std::optional<double> number = pack::getSplat(pow.getRhs());
    if (!number || (*number != 2 && *number != 3 && *number != 4))
      return whole();
    product.locations.push_back(op->getLoc());
    product.factors.append((size_t)*number, pow.getLhs());
    return;
  }
  whole();
}

Product model::productOf(Value value) {
  Product product;
  takeApart(value, /*isRoot=*/true, product);
  return product;
}

bool model::isAbout(double value, double expected) {
  return std::abs(value - expected) <= 1e-3 * std::abs(expected);
}

bool model::isNumber(Value value, double expected) {
  std::optional<double> number = pack::getSplat(value);
  return number && isAbout(*number, expected);
}

std::pair<Value, double> model::sumWithNumber(Value value) {
  auto add = value.getDefiningOp<nn::AddOp>();
  if (!add)
    return {};
  if (std::optional<double> number = pack::getSplat(add.getRhs()))
    return {add.getLhs(), *number};
  if (std::optional<double> number = pack::getSplat(add.getLhs()))
    return {add.getRhs(), *number};
  return {};
}

Value model::plusNumber(Value value, double number) {
  auto [term, found] = sumWithNumber(value);
  return term && isAbout(found, number) ? term : Value();
}

Value model::reducedBy(Value value, nn::ReduceKind kind,
                       ArrayRef<int64_t> axes) {
  auto reduce = value.getDefiningOp<nn::ReduceOp>();
  if (!reduce || reduce.getKind() != kind || !reduce.getKeepdims() ||
      reduce.getAxes() != axes)
    return {};
  return reduce.getInput();
}
