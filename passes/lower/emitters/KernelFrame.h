// The frame of a kernel while it is written:
//
//   func @key(%step, %begin, %end, %lane)      one function per key
//     %buffers..., %parameters..., %constants  read from the step record
//     for tile in begin .. end                 written by a family's emitter
//
// Buffers are one-dimensional memrefs with linear indices.
#ifndef TENON_PASSES_LOWER_EMITTERS_KERNELFRAME_H
#define TENON_PASSES_LOWER_EMITTERS_KERNELFRAME_H

#include "passes/lower/Passes.h"
#include "passes/lower/TargetFacts.h"

namespace tenon::lower {

/// A buffer operand: its memref and the element type its tensor names.
struct Buffer {
  mlir::Value memref;
  mlir::Type element; // of the tensor: i1 is stored as a byte
};

/// An access as the kernel sees it: values in elements.
struct AccessValues {
  mlir::Value offset;
  llvm::SmallVector<mlir::Value> strides; // one per loop
};

class KernelFrame {
public:
  KernelFrame(mlir::OpBuilder &b, mlir::Location loc, const TargetFacts &facts)
      : b(b), loc(loc), facts(facts) {}
  virtual ~KernelFrame() = default;

  mlir::OpBuilder &b;
  mlir::Location loc;
  TargetFacts facts;
  mlir::Value step, begin, end, lane;

  /// Starts the function and reads its buffers.
  virtual mlir::func::FuncOp start(llvm::StringRef name);
  /// Next buffer, parameter (a size or stride) or float constant of the step.
  virtual Buffer nextBuffer(mlir::Type tensor);
  mlir::Value nextParameter();
  mlir::Value nextConstant();
  AccessValues nextAccess(unsigned loops);

  //===- Arithmetic on indices ----------------------------------------------===//
  mlir::Value index(int64_t v) { return mlir::arith::ConstantIndexOp::create(b, loc, v); }
  mlir::Value add(mlir::Value x, mlir::Value y) { return mlir::arith::AddIOp::create(b, loc, x, y); }
  mlir::Value sub(mlir::Value x, mlir::Value y) { return mlir::arith::SubIOp::create(b, loc, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return mlir::arith::MulIOp::create(b, loc, x, y); }
  mlir::Value minimum(mlir::Value x, mlir::Value y) { return mlir::arith::MinSIOp::create(b, loc, x, y); }
  mlir::Value less(mlir::Value x, mlir::Value y) {
    return mlir::arith::CmpIOp::create(b, loc, mlir::arith::CmpIPredicate::slt, x, y);
  }
  mlir::Value equal(mlir::Value x, mlir::Value y) {
    return mlir::arith::CmpIOp::create(b, loc, mlir::arith::CmpIPredicate::eq, x, y);
  }
  /// x rounded down to a multiple of a power of two.
  mlir::Value roundDown(mlir::Value x, int64_t power);

  //===- Elements ------------------------------------------------------------===//
  /// One element, or `width` neighbours as a vector (bool as i1).
  mlir::Value load(const Buffer &buffer, mlir::Value at, int64_t width = 1);
  /// `width` elements with a stride, as a vector.
  mlir::Value loadStrided(const Buffer &buffer, mlir::Value at,
                          mlir::Value stride, int64_t width);
  void store(const Buffer &buffer, mlir::Value v, mlir::Value at);
  void storeStrided(const Buffer &buffer, mlir::Value v, mlir::Value at,
                    mlir::Value stride);
  /// The first `count` of a vector's elements; the rest of memory is untouched.
  /// Without a stride they are neighbours. What is not loaded is zero.
  mlir::Value loadFirst(const Buffer &buffer, mlir::Value at, mlir::Value count,
                        int64_t width, mlir::Value stride = {});
  void storeFirst(const Buffer &buffer, mlir::Value v, mlir::Value at,
                  mlir::Value count, mlir::Value stride = {});
  /// `width` elements of an operand that moves by `step` (see kern.plan) along
  /// the lanes, of which only `count` exist if that is given. One that does
  /// not move stays a scalar.
  mlir::Value loadLanes(const Buffer &buffer, mlir::Value at, int64_t step,
                        mlir::Value stride, int64_t width, mlir::Value count = {});
  void storeLanes(const Buffer &buffer, mlir::Value v, mlir::Value at,
                  int64_t step, mlir::Value stride, mlir::Value count = {});
  /// True for the first `count` of `width` lanes.
  mlir::Value firstLanes(mlir::Value count, int64_t width);
  /// The lane's scratch as elements.
  Buffer scratch(mlir::Type element);
  /// A status for the caller; the last one stays.
  virtual void report(mlir::Value condition, int32_t status);
  /// A buffer on the stack, made once per call.
  mlir::Value stackBuffer(mlir::Type element, int64_t size);

  //===- Tiles ---------------------------------------------------------------===//
  /// Loops over tiles begin..end; `body` gets the tile's coordinates, of which
  /// the last varies fastest. They are divided once and then stepped.
  virtual void
  forEachTile(llvm::ArrayRef<mlir::Value> extents,
              llvm::function_ref<void(llvm::ArrayRef<mlir::Value>)> body);
  /// lo, lo + step, ... below hi, in any order: the invocations of a GPU's
  /// workgroup share them.
  virtual void forEach(mlir::Value lo, mlir::Value hi, int64_t step,
                       llvm::function_ref<void(mlir::Value)> body);
  /// Once for a tile: by one invocation of a GPU's workgroup.
  virtual void once(llvm::function_ref<void()> body) { body(); }
  /// scf.for with carried values.
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value lo, mlir::Value hi, int64_t step,
       mlir::ValueRange carried,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);
  /// As many steps of each size as fit, one size after the other.
  void ladder(mlir::Value from, mlir::Value to, llvm::ArrayRef<int64_t> sizes,
              llvm::function_ref<void(mlir::Value at, int64_t size)> body);

  /// What `body` makes of `values` where the condition holds, else `values`.
  llvm::SmallVector<mlir::Value>
  when(mlir::Value condition, mlir::ValueRange values,
       llvm::function_ref<llvm::SmallVector<mlir::Value>()> body);

  /// Bytes of one element in memory.
  static unsigned storedBytes(mlir::Type element) {
    return element.isInteger(1) ? 1 : element.getIntOrFloatBitWidth() / 8;
  }
  /// Vector elements such that the widest of these types fills a register.
  int64_t lanesFor(llvm::ArrayRef<mlir::Type> elements) const;

private:
  mlir::Value loadEverySecond(const Buffer &buffer, mlir::Value at,
                              int64_t width, mlir::Value count);
  mlir::Value memrefAt(mlir::Value pointer, mlir::Type stored);

protected:
  /// Next word of the step record: an integer of facts.indexBits.
  virtual mlir::Value argument();
  mlir::func::FuncOp function;
  unsigned next = 0;
};

/// A one-dimensional buffer that begins at a pointer.
mlir::Value bufferAt(mlir::OpBuilder &b, mlir::Location loc, mlir::Value data,
                     mlir::MemRefType type, int64_t indexBits);

/// Writes scalar bodies on scalars or vectors.
class BodyWriter {
public:
  explicit BodyWriter(KernelFrame &frame) : f(frame) {}

  /// Loop indices as seen by kern.index; that of the vector loop is the first
  /// of `width` neighbours.
  llvm::SmallVector<mlir::Value> indices;
  int64_t vectorLoop = -1;
  int64_t width = 1;
  /// Row-major strides of each table, and its buffer.
  llvm::DenseMap<mlir::Value, std::pair<Buffer, llvm::SmallVector<mlir::Value>>> tables;
  /// Parameters for kern.size and constants for f32 constants, by operation.
  llvm::DenseMap<mlir::Operation *, mlir::Value> parameters;

  /// Arguments are scalars (the same for all lanes) or vectors of `width`.
  llvm::SmallVector<mlir::Value> write(mlir::Region &body,
                                       mlir::ValueRange arguments);
  /// Calls `finish` with the number of each of `count` rows and its equal share
  /// of `sums`, which are vectors. A body that is long (a function of the math
  /// dialect becomes tens of instructions) shall be written once: then this is a
  /// loop, and the sums pass through memory.
  void forEachRow(mlir::Region &body, int64_t count, mlir::ValueRange sums,
                  llvm::function_ref<void(mlir::Value row, mlir::ValueRange sums)>
                      finish);
  /// A scalar as a vector of `width`; vectors stay.
  mlir::Value widen(mlir::Value v);
  /// As widen, but a product keeps its factors apart (see fuseProduct).
  mlir::Value widenProduct(mlir::Value v);
  /// Reads the parameters of a body from the record, in the order in which
  /// getStepParameters wrote them: all sizes, later all constants.
  void readSizes(mlir::Region &body);
  void readConstants(mlir::Region &body);

private:
  mlir::Value writeLoad(kern::LoadOp op, mlir::IRMapping &mapping);
  KernelFrame &f;
  Buffer kept; // sums on their way to a long body
};

/// Lanes of an emitter's rows: element i of a row goes to lane i mod 64.
inline constexpr int64_t kRowLanes = 64;

/// acc combined with v. `a` and `v` hold the combiner's one or two values.
llvm::SmallVector<mlir::Value> combine(KernelFrame &f, kern::Combiner c,
                                       mlir::ValueRange a, mlir::ValueRange v);
/// The value that changes nothing, of a scalar type.
mlir::TypedAttr identityOf(mlir::OpBuilder &b, kern::Combiner c, mlir::Type type);

/// Whether a body's value is a product with no other reader: with its sum it
/// is one fused multiply-add.
bool isProductSum(kern::Combiner c, mlir::Value yielded);
mlir::Value fuseProduct(KernelFrame &f, mlir::Value accumulator,
                        mlir::Value product);

/// How a row is combined: one value per combiner and element.
struct RowCombiner {
  llvm::SmallVector<kern::Combiner> combiners;
  llvm::SmallVector<mlir::Type> types;
  bool fused = false;
  int64_t lanes = 1; // per register
};
/// The values of `width` elements from these indices of the row's loops on; of
/// the last loop's only `count` exist if that is given.
using RowElements = llvm::function_ref<llvm::SmallVector<mlir::Value>(
    llvm::ArrayRef<mlir::Value> indices, int64_t width, mlir::Value count)>;
/// Combines over the loops of a row in the one order of rows: element i of the
/// last loop goes to lane i mod 64, the lanes fold as a tree of halves.
llvm::SmallVector<mlir::Value> combineRow(KernelFrame &f,
                                          const RowCombiner &row,
                                          llvm::ArrayRef<mlir::Value> sizes,
                                          RowElements elements);
/// One block: element j of row i becomes element i of row j. As many rows as
/// elements, a power of two.
llvm::SmallVector<mlir::Value> transposeBlock(KernelFrame &f,
                                              mlir::ValueRange rows);

mlir::LogicalResult emitMap(KernelFrame &frame, kern::MapOp op);
mlir::LogicalResult emitReduce(KernelFrame &frame, kern::ReduceOp op);
mlir::LogicalResult emitRows(KernelFrame &frame, kern::RowsOp op);
mlir::LogicalResult emitMatmul(KernelFrame &frame, kern::MatmulOp op);
/// With a right side that kern::readsPanels.
mlir::LogicalResult emitQuantMatmul(KernelFrame &frame, kern::MatmulOp op);
mlir::LogicalResult emitScan(KernelFrame &frame, kern::ScanOp op);
mlir::LogicalResult emitSequence(KernelFrame &frame, kern::SequenceOp op);

} // namespace tenon::lower

#endif // TENON_PASSES_LOWER_EMITTERS_KERNELFRAME_H
