// What the files of the emitter for encoded right sides share; the algorithm
// is told in QuantMatmulEmitter.cpp.
#ifndef TENON_PASSES_LOWER_EMITTERS_QUANTMATMULEMITTER_H
#define TENON_PASSES_LOWER_EMITTERS_QUANTMATMULEMITTER_H

#include "passes/lower/emitters/KernelFrame.h"

namespace tenon::lower {

class QuantMatmulEmitter {
public:
  QuantMatmulEmitter(KernelFrame &f, kern::MatmulOp op)
      : f(f), op(op), plan(*op.getPlan()), epilogue(f),
        type(mlir::cast<mlir::RankedTensorType>(op.getRhs().getType())) {}
  mlir::LogicalResult run();

private:
  using Values = llvm::SmallVector<mlir::Value>;

  void readRecord();
  void panelsOf(mlir::Value from, mlir::Value to, mlir::Value firstPanel);
  void rowsOf(mlir::Value from, mlir::Value to, mlir::Value firstPanel,
              int64_t panels, mlir::Value columns);
  void registerTile(mlir::Value r0, int64_t count, mlir::Value firstPanel,
                    int64_t panels, mlir::Value columns);
  void finishTile(mlir::Value firstPanel, mlir::Value r0,
                  llvm::ArrayRef<mlir::Value> sums, mlir::Value columns);

  //===- Sums over k
  //---------------------------------------------------------===//
  Values sumInt(pack::IntAttr encoding);
  Values sumTwoFour(pack::TwoFourAttr encoding);
  Values sumHalf();
  /// Units of values that share dwords, from k on; `guarded` where the left
  /// side may end before they do.
  Values addUnits(pack::IntAttr encoding, mlir::Value k, mlir::Value at,
                  mlir::Value units, Values sums,
                  llvm::ArrayRef<mlir::Value> zeros, bool guarded);
  Values addBlock(pack::IntAttr encoding, mlir::Value k, mlir::Value at,
                  mlir::Value units, mlir::Value last, Values totals);
  Values fmaBlock(pack::IntAttr encoding, mlir::Value k, mlir::Value at,
                  mlir::Value units, mlir::Value last,
                  llvm::ArrayRef<mlir::Value> zeroPoints);
  Values addTwoFour(pack::TwoFourAttr encoding, mlir::Value block,
                    mlir::Value rest, Values sums);

  //===- With an int8 left side (ByteDots.cpp)
  //------------------------------===//
  Values dotBlock(pack::IntAttr encoding, mlir::Value k, mlir::Value at,
                  mlir::Value units, mlir::Value last,
                  llvm::ArrayRef<mlir::Value> zeroPoints);
  Values addDots(pack::IntAttr encoding, mlir::Value k, mlir::Value at,
                 mlir::Value units, Values sums, bool guarded);
  mlir::Value codeBytes(mlir::Value dwords, int64_t p, int64_t bits);
  int64_t byteOffset(int64_t bits) const;
  mlir::Value loadFour(int64_t r, mlir::Value k, bool guarded);
  mlir::Value sumLeft(int64_t r, mlir::Value k, mlir::Value n);

  //===- Few rows in fixed point (FixedPoint.cpp)
  //---------------------------===//
  mlir::Value constantInt(int64_t v);
  bool hasDigits() const;
  mlir::Value fixRows();
  mlir::Value fixBlock(mlir::Value block, mlir::Value base, bool guarded,
                       mlir::Value highest);
  Values fixedSums(mlir::Value at, llvm::ArrayRef<mlir::Value> records);
  Values addFixed(pack::IntAttr encoding, mlir::Value k, mlir::Value at,
                  mlir::Value n, mlir::Value scales,
                  llvm::ArrayRef<mlir::Value> zeroPoints, Values totals);

  //===- Many rows (DecodedPanels.cpp)
  //-------------------------------------===//
  /// How a panel is cut along k: values and dwords of a block.
  struct Blocks {
    pack::IntAttr encoding; // null: f16
    int64_t size = 0, dwords = 0;
  };
  std::optional<Blocks> blocks() const;
  mlir::Value areMany(mlir::Value from, mlir::Value to);
  void manyRows(mlir::Value from, mlir::Value to, mlir::Value firstPanel,
                int64_t panels);
  void sharedRows(const Blocks &blocks, mlir::Value from, mlir::Value to,
                  mlir::Value firstPanel, int64_t panels);
  void decodeChunk(const Blocks &blocks, mlir::Value first, mlir::Value n);
  void addChunk(const Blocks &blocks, mlir::Value r0, mlir::Value place,
                int64_t rowsNow, mlir::Value first, mlir::Value n);
  mlir::Value scalesOf(const Blocks &blocks, mlir::Value block);

  //===- Pieces
  //--------------------------------------------------------------===//
  mlir::Type floats() {
    return mlir::VectorType::get({lanes}, f.b.getF32Type());
  }
  mlir::VectorType ints() {
    return mlir::VectorType::get({lanes}, f.b.getI32Type());
  }
  mlir::Value splatInt(int64_t v) {
    return mlir::arith::ConstantOp::create(
        f.b, f.loc,
        mlir::DenseElementsAttr::get(
            ints(), llvm::APInt(32, (uint64_t)v, false, true)));
  }
  Values zeroSums() {
    mlir::Value zero = mlir::arith::ConstantOp::create(
        f.b, f.loc, mlir::cast<mlir::TypedAttr>(f.b.getZeroAttr(floats())));
    return Values(count * vectors, zero);
  }
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c) {
    return mlir::math::FmaOp::create(f.b, f.loc, a, b, c);
  }
  mlir::Value splat(mlir::Value v) {
    return mlir::vector::BroadcastOp::create(f.b, f.loc, floats(), v);
  }
  /// `dwords` neighbours at a place of vector v's panel.
  mlir::Value loadDwords(int64_t v, mlir::Value at, int64_t dwords);
  mlir::Value loadDwords(int64_t v, mlir::Value at) {
    return loadDwords(v, at, lanes);
  }
  /// Where vector v's lanes begin in 16 values of `bits` bits each.
  mlir::Value lanesAt(int64_t v, mlir::Value at, int64_t bits) {
    return f.add(at, f.index(v % perPanel * lanes * bits / 32));
  }
  mlir::Value bitcast(mlir::Value v, mlir::Type element, int64_t width) {
    return mlir::vector::BitCastOp::create(
        f.b, f.loc, mlir::VectorType::get({width}, element), v);
  }
  /// Bits low .. low + bits of each dword, less the middle of their range.
  mlir::Value field(mlir::Value dwords, int64_t low, int64_t bits);
  mlir::Value shiftRight(mlir::Value dwords, int64_t by) {
    return by ? (mlir::Value)mlir::arith::ShRUIOp::create(f.b, f.loc, dwords,
                                                          splatInt(by))
              : dwords;
  }
  mlir::Value halfToFloat(mlir::Value halves);
  mlir::Value loadScale(int64_t v, mlir::Value at, bool half);
  mlir::Value loadZero(int64_t v, mlir::Value at);
  bool readsBytes() const;
  mlir::Value aheadOf(mlir::Value at);
  void prefetch(mlir::Value at, mlir::Value distance);
  void prefetch(mlir::Value at) { prefetch(at, aheadOf(at)); }
  mlir::Value loadLeft(int64_t r, mlir::Value k, bool guarded);
  void makeTable();
  Values loadZeros(pack::IntAttr encoding, mlir::Value scales);
  Values floatZeros(pack::IntAttr encoding,
                    llvm::ArrayRef<mlir::Value> zeroPoints);
  void placePanels(mlir::Value firstPanel, int64_t panels);
  Values coordinatesOf(mlir::Value number);
  void placeRows(mlir::Value r0);
  mlir::Value lookup(mlir::Value dwords);
  static int64_t splitOf(int64_t bits) { return bits == 4 ? 20 : 16; }
  mlir::Value codeAt(mlir::Value dwords, mlir::Value high, int64_t low,
                     int64_t bits);
  mlir::Value pick(llvm::ArrayRef<mlir::Value> left, mlir::Value index,
                   int64_t slot);

  KernelFrame &f;
  kern::MatmulOp op;
  kern::PlanAttr plan;
  BodyWriter epilogue;
  mlir::RankedTensorType type;
  Buffer lhs, rhs;
  llvm::SmallVector<Buffer> extras, results;
  llvm::SmallVector<AccessValues> accesses; // lhs, rhs, extras, results
  Values sizes, bases;
  mlir::Value rows, rowBlocks, columnBlocks, rowCount, columnCount, depth;
  unsigned row = 0, panel = 0, column = 0, reduction = 0; // first loops
  int64_t lanes = 0, perPanel = 0;
  int64_t widePanels = 0, tallRows = 0, tallPanels = 0;
  int64_t sharedPanels = 0, sharedTile = 0;
  Buffer decoded, totals; // of many rows, on the stack

  // The register tile at work.
  int64_t count = 0, vectors = 0;
  Values rowBase, panelBase;
  mlir::Value aheadNear, aheadEnd, aheadStep; // see aheadOf
  mlir::Value table; // of a code's value
  bool fixed = false; // the left side is read from scratch
  Buffer fixedDwords, fixedBytes;
  mlir::Value fixedRow; // dwords from one row to the next
  Values fixedBase;
};

} // namespace tenon::lower

#endif // TENON_PASSES_LOWER_EMITTERS_QUANTMATMULEMITTER_H
