#include "passes/lower/emitters/KernelFrame.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

//===- The step record -----------------------------------------------------===//

func::FuncOp KernelFrame::start(StringRef name) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type index = b.getIndexType();
  function = func::FuncOp::create(
      b, loc, name, b.getFunctionType({pointer, index, index, pointer}, {}));
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  step = entry->getArgument(0);
  begin = entry->getArgument(1);
  end = entry->getArgument(2);
  lane = entry->getArgument(3);
  return function;
}

Value KernelFrame::argument() {
  Type integer = b.getIntegerType(facts.indexBits);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  // kernel, tiles and node stand before args; each is as wide as a pointer.
  Value at = LLVM::GEPOp::create(b, loc, pointer, integer, step,
                                 ArrayRef<LLVM::GEPArg>{(int32_t)(3 + next++)});
  auto load = LLVM::LoadOp::create(b, loc, integer, at);
  load.setInvariant(true);
  return load;
}

Value KernelFrame::nextParameter() {
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), argument());
}

Value KernelFrame::nextConstant() {
  Value bits = argument();
  if (!bits.getType().isInteger(32))
    bits = arith::TruncIOp::create(b, loc, b.getI32Type(), bits);
  return arith::BitcastOp::create(b, loc, b.getF32Type(), bits);
}

AccessValues KernelFrame::nextAccess(unsigned loops) {
  AccessValues access;
  access.offset = nextParameter();
  for (unsigned i = 0; i < loops; ++i)
    access.strides.push_back(nextParameter());
  return access;
}

Buffer KernelFrame::nextBuffer(Type tensor) {
  Type element = cast<ShapedType>(tensor).getElementType();
  // A bf16 is its bits: as a register of its own it costs a library call on
  // CPUs that do not know it.
  Type stored = element.isInteger(1) ? (Type)b.getI8Type()
                : element.isBF16()   ? (Type)b.getI16Type()
                                     : nn::storageType(element);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value which = argument(), offset = argument();
  auto bases = LLVM::LoadOp::create(b, loc, pointer, lane);
  bases.setInvariant(true);
  Value slot = LLVM::GEPOp::create(b, loc, pointer, pointer, bases.getResult(),
                                   ArrayRef<LLVM::GEPArg>{which});
  auto base = LLVM::LoadOp::create(b, loc, pointer, slot);
  base.setInvariant(true);
  Value data = LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(),
                                   base.getResult(),
                                   ArrayRef<LLVM::GEPArg>{offset});
  return {memrefAt(data, stored), element};
}

Buffer KernelFrame::scratch(Type element) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  // tenon_lane: bases, scratch, status.
  Value at = LLVM::GEPOp::create(b, loc, pointer, pointer, lane,
                                 ArrayRef<LLVM::GEPArg>{1});
  auto data = LLVM::LoadOp::create(b, loc, pointer, at);
  data.setInvariant(true);
  return {memrefAt(data, element), element};
}

Value lower::bufferAt(OpBuilder &b, Location loc, Value data, MemRefType type,
                      int64_t indexBits) {
  // {allocated, aligned, offset, sizes, strides}; the size is never read.
  Type integer = b.getIntegerType(indexBits), pointer = data.getType();
  auto array = LLVM::LLVMArrayType::get(integer, 1);
  auto descriptor = LLVM::LLVMStructType::getLiteral(
      b.getContext(), {pointer, pointer, integer, array, array});
  Value zero = LLVM::ConstantOp::create(b, loc, integer, b.getIntegerAttr(integer, 0));
  Value one = LLVM::ConstantOp::create(b, loc, integer, b.getIntegerAttr(integer, 1));
  Value d = LLVM::UndefOp::create(b, loc, descriptor);
  auto insert = [&](Value v, ArrayRef<int64_t> at) {
    d = LLVM::InsertValueOp::create(b, loc, d, v, at);
  };
  insert(data, {0});
  insert(data, {1});
  insert(zero, {2});
  insert(zero, {3, 0});
  insert(one, {4, 0});
  return UnrealizedConversionCastOp::create(b, loc, type, d).getResult(0);
}

Value KernelFrame::memrefAt(Value data, Type stored) {
  auto type = MemRefType::get({ShapedType::kDynamic}, stored);
  return bufferAt(b, loc, data, type, facts.indexBits);
}

//===- Indices -------------------------------------------------------------===//

Value KernelFrame::roundDown(Value x, int64_t power) {
  return arith::AndIOp::create(b, loc, x, index(-power));
}

//===- Elements ------------------------------------------------------------===//

/// What is stored as the element it stands for, scalar or vector: bytes 0/1 as
/// i1, 16 bits as bf16.
static Value toElement(KernelFrame &f, const Buffer &buffer, Value v) {
  if (buffer.element.isInteger(1)) {
    Value zero = arith::ConstantOp::create(
        f.b, f.loc, cast<TypedAttr>(f.b.getZeroAttr(v.getType())));
    return arith::CmpIOp::create(f.b, f.loc, arith::CmpIPredicate::ne, v, zero);
  }
  if (!buffer.element.isBF16())
    return v;
  auto vector = dyn_cast<VectorType>(v.getType());
  Type to = vector ? (Type)vector.clone(buffer.element) : buffer.element;
  return arith::BitcastOp::create(f.b, f.loc, to, v);
}
static Value toStored(KernelFrame &f, const Buffer &buffer, Value v) {
  if (!buffer.element.isInteger(1) && !buffer.element.isBF16())
    return v;
  Type to = cast<MemRefType>(buffer.memref.getType()).getElementType();
  if (auto vector = dyn_cast<VectorType>(v.getType()))
    to = vector.clone(to);
  if (buffer.element.isBF16())
    return arith::BitcastOp::create(f.b, f.loc, to, v);
  return arith::ExtUIOp::create(f.b, f.loc, to, v);
}
static Type storedOf(const Buffer &buffer) {
  return cast<MemRefType>(buffer.memref.getType()).getElementType();
}

Value KernelFrame::load(const Buffer &buffer, Value at, int64_t width) {
  Value v;
  if (width == 1)
    v = memref::LoadOp::create(b, loc, buffer.memref, at);
  else
    v = vector::LoadOp::create(b, loc, VectorType::get({width}, storedOf(buffer)),
                               buffer.memref, at);
  return toElement(*this, buffer, v);
}

Value KernelFrame::loadStrided(const Buffer &buffer, Value at, Value stride,
                               int64_t width) {
  Type type = VectorType::get({width}, storedOf(buffer));
  Value v = arith::ConstantOp::create(b, loc, cast<TypedAttr>(b.getZeroAttr(type)));
  for (int64_t i = 0; i < width; ++i) {
    Value element = memref::LoadOp::create(b, loc, buffer.memref, at);
    v = vector::InsertOp::create(b, loc, element, v, ArrayRef<int64_t>{i});
    if (i + 1 < width)
      at = add(at, stride);
  }
  return toElement(*this, buffer, v);
}

void KernelFrame::store(const Buffer &buffer, Value v, Value at) {
  v = toStored(*this, buffer, v);
  if (isa<VectorType>(v.getType()))
    vector::StoreOp::create(b, loc, v, buffer.memref, at);
  else
    memref::StoreOp::create(b, loc, v, buffer.memref, at);
}

void KernelFrame::storeStrided(const Buffer &buffer, Value v, Value at,
                               Value stride) {
  v = toStored(*this, buffer, v);
  int64_t width = cast<VectorType>(v.getType()).getDimSize(0);
  for (int64_t i = 0; i < width; ++i) {
    Value element =
        vector::ExtractOp::create(b, loc, v, ArrayRef<int64_t>{i});
    memref::StoreOp::create(b, loc, element, buffer.memref, at);
    if (i + 1 < width)
      at = add(at, stride);
  }
}

Value KernelFrame::stackBuffer(Type element, int64_t size) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.front());
  return memref::AllocaOp::create(
      b, loc, MemRefType::get({size}, element), b.getI64IntegerAttr(64));
}

Value KernelFrame::firstLanes(Value count, int64_t width) {
  return vector::CreateMaskOp::create(
      b, loc, VectorType::get({width}, b.getI1Type()), count);
}

Value KernelFrame::loadFirst(const Buffer &buffer, Value at, Value count,
                             int64_t width, Value stride) {
  Type stored = storedOf(buffer);
  auto type = VectorType::get({width}, stored);
  Value zero = arith::ConstantOp::create(b, loc, cast<TypedAttr>(b.getZeroAttr(type)));
  Value v;
  if (facts.masks && !stride) {
    v = vector::MaskedLoadOp::create(b, loc, type, buffer.memref, at,
                                     firstLanes(count, width), zero);
  } else {
    Value stack = stackBuffer(stored, width);
    Value none = index(0);
    vector::StoreOp::create(b, loc, zero, stack, none);
    loop(none, count, 1, {}, [&](Value i, ValueRange) {
      Value e = memref::LoadOp::create(b, loc, buffer.memref,
                                       add(at, stride ? mul(i, stride) : i));
      memref::StoreOp::create(b, loc, e, stack, i);
      return SmallVector<Value>{};
    });
    v = vector::LoadOp::create(b, loc, type, stack, none);
  }
  return toElement(*this, buffer, v);
}

void KernelFrame::storeFirst(const Buffer &buffer, Value v, Value at,
                             Value count, Value stride) {
  v = toStored(*this, buffer, v);
  auto type = cast<VectorType>(v.getType());
  if (facts.masks && !stride) {
    vector::MaskedStoreOp::create(b, loc, buffer.memref, at,
                                  firstLanes(count, type.getDimSize(0)), v);
    return;
  }
  Value stack = stackBuffer(type.getElementType(), type.getDimSize(0));
  Value none = index(0);
  vector::StoreOp::create(b, loc, v, stack, none);
  loop(none, count, 1, {}, [&](Value i, ValueRange) {
    Value e = memref::LoadOp::create(b, loc, stack, i);
    memref::StoreOp::create(b, loc, e, buffer.memref,
                            add(at, stride ? mul(i, stride) : i));
    return SmallVector<Value>{};
  });
}

Value KernelFrame::loadEverySecond(const Buffer &buffer, Value at,
                                   int64_t width, Value count) {
  // Two vectors that meet in the middle touch nothing behind the last element.
  //   0 1 2 3           of 0 .. 2 width - 2
  //         3 4 5 6  -> 0 2 4 6
  // They are what is stored until they are one: bf16 is no register's type.
  Buffer stored{buffer.memref, storedOf(buffer)};
  Value low, high, middle = add(at, index(width - 1));
  if (count) {
    Value last = sub(add(count, count), index(1));
    Value rest = arith::MaxSIOp::create(b, loc, sub(last, index(width - 1)), index(0));
    low = loadFirst(stored, at, minimum(last, index(width)), width);
    high = loadFirst(stored, middle, rest, width);
  } else {
    low = load(stored, at, width);
    high = load(stored, middle, width);
  }
  SmallVector<int64_t> mask;
  for (int64_t i = 0; i < width; ++i)
    mask.push_back(2 * i < width ? 2 * i : width + 2 * i - (width - 1));
  return toElement(*this, buffer,
                   vector::ShuffleOp::create(b, loc, low, high, mask));
}

Value KernelFrame::loadLanes(const Buffer &buffer, Value at, int64_t step,
                             Value stride, int64_t width, Value count) {
  if (step == 0 || width == 1)
    return load(buffer, at);
  if (step == 3)
    return loadEverySecond(buffer, at, width, count);
  if (count)
    return loadFirst(buffer, at, count, width, step == 2 ? stride : Value());
  return step == 2 ? loadStrided(buffer, at, stride, width)
                   : load(buffer, at, width);
}

void KernelFrame::storeLanes(const Buffer &buffer, Value v, Value at,
                             int64_t step, Value stride, Value count) {
  bool scattered = isa<VectorType>(v.getType()) && step != 1;
  if (count)
    storeFirst(buffer, v, at, count, scattered ? stride : Value());
  else if (scattered)
    storeStrided(buffer, v, at, stride);
  else
    store(buffer, v, at);
}

void KernelFrame::report(Value holds, int32_t status) {
  if (auto vector = dyn_cast<VectorType>(holds.getType()))
    holds = vector::ReductionOp::create(b, loc, vector::CombiningKind::AND, holds);
  Value yes = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  Value fails = arith::XOrIOp::create(b, loc, holds, yes);
  auto branch = scf::IfOp::create(b, loc, fails, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  // tenon_lane: bases, scratch, status.
  Value at = LLVM::GEPOp::create(b, loc, pointer, pointer, lane,
                                 ArrayRef<LLVM::GEPArg>{2});
  Value where = LLVM::LoadOp::create(b, loc, pointer, at);
  Value code = LLVM::ConstantOp::create(b, loc, b.getI32Type(),
                                        b.getI32IntegerAttr(status));
  LLVM::StoreOp::create(b, loc, code, where);
}

//===- Loops ---------------------------------------------------------------===//

SmallVector<Value> KernelFrame::loop(
    Value lo, Value hi, int64_t stride, ValueRange carried,
    llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, loc, lo, hi, index(stride), carried);
  OpBuilder::InsertionGuard guard(b);
  Block *block = loop.getBody();
  // Without carried values the builder has already ended the block.
  if (!block->empty())
    block->back().erase();
  b.setInsertionPointToEnd(block);
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  b.setInsertionPointToEnd(block);
  scf::YieldOp::create(b, loc, next);
  return SmallVector<Value>(loop.getResults());
}

void KernelFrame::ladder(Value from, Value to, ArrayRef<int64_t> sizes,
                         llvm::function_ref<void(Value at, int64_t size)> body) {
  for (int64_t size : sizes) {
    Value steps = arith::DivUIOp::create(b, loc, sub(to, from), index(size));
    Value end = add(from, mul(steps, index(size)));
    loop(from, end, size, {}, [&](Value i, ValueRange) {
      body(i, size);
      return SmallVector<Value>{};
    });
    from = end;
  }
}

SmallVector<Value> KernelFrame::when(
    Value condition, ValueRange values,
    llvm::function_ref<SmallVector<Value>()> body) {
  auto branch = scf::IfOp::create(b, loc, TypeRange(values), condition,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, loc, body());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loc, values);
  return SmallVector<Value>(branch.getResults());
}

void KernelFrame::forEach(Value lo, Value hi, int64_t step,
                          llvm::function_ref<void(Value)> body) {
  loop(lo, hi, step, {}, [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>{};
  });
}

void KernelFrame::forEachTile(
    ArrayRef<Value> extents,
    llvm::function_ref<void(ArrayRef<Value>)> body) {
  SmallVector<Value> at(extents.size());
  Value rest = begin;
  for (int i = (int)extents.size() - 1; i > 0; --i) {
    at[i] = arith::RemUIOp::create(b, loc, rest, extents[i]);
    rest = arith::DivUIOp::create(b, loc, rest, extents[i]);
  }
  at[0] = rest;
  loop(begin, end, 1, at, [&](Value, ValueRange current) {
    SmallVector<Value> here(current);
    body(here);
    Value carry = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
    Value zero = index(0), one = index(1);
    for (int i = (int)extents.size() - 1; i > 0; --i) {
      Value up = add(here[i], arith::SelectOp::create(b, loc, carry, one, zero));
      carry = equal(up, extents[i]);
      here[i] = arith::SelectOp::create(b, loc, carry, zero, up);
    }
    here[0] = add(here[0], arith::SelectOp::create(b, loc, carry, one, zero));
    return here;
  });
}

int64_t KernelFrame::lanesFor(ArrayRef<Type> elements) const {
  if (facts.workgroup)
    return 1; // an invocation has one
  unsigned widest = 1;
  for (Type t : elements)
    widest = std::max(widest, storedBytes(t));
  return facts.vectorBytes / widest;
}
