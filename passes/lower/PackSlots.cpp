// Slots one after the other, each at the lowest offset that is free while it
// lives; the order decides how well that goes:
//
//   offset ^   +---------+
//          |   |    B    |   +---+
//          | +-+---------+---+ C |
//          | |       A       +---+
//          +-+---------------+----> steps
//
// By size, largest first, is mostly best (Pisarchyk and Lee, arXiv 2001.03288,
// "greedy by size"). Where it leaves holes, other orders are tried, and what
// ends up on top is placed earlier the next time.
#include "passes/lower/PackSlots.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <map>

using namespace llvm;
using namespace tenon::lower;

using Order = SmallVector<unsigned>;

uint64_t tenon::lower::peakOf(ArrayRef<Slot> slots) {
  std::map<unsigned, int64_t> change;
  for (const Slot &slot : slots) {
    change[slot.first] += slot.bytes;
    change[slot.last + 1] -= slot.bytes;
  }
  int64_t live = 0;
  uint64_t peak = 0;
  for (auto [step, delta] : change)
    peak = std::max<uint64_t>(peak, live += delta);
  return peak;
}

/// Places all in this order; the arena's bytes, and the slot that ends there.
static std::pair<uint64_t, unsigned> place(MutableArrayRef<Slot> slots,
                                           ArrayRef<unsigned> order) {
  uint64_t bytes = 0;
  unsigned top = 0;
  SmallVector<unsigned> placed; // by offset
  for (unsigned i : order) {
    Slot &slot = slots[i];
    slot.offset = 0;
    for (unsigned j : placed) {
      const Slot &other = slots[j];
      if (other.first > slot.last || slot.first > other.last)
        continue;
      if (slot.offset + slot.bytes <= other.offset)
        break;
      slot.offset = std::max(slot.offset, other.offset + other.bytes);
    }
    placed.insert(llvm::upper_bound(placed, slot.offset,
                                    [&](uint64_t offset, unsigned j) {
                                      return offset < slots[j].offset;
                                    }),
                  i);
    if (slot.offset + slot.bytes > bytes) {
      bytes = slot.offset + slot.bytes;
      top = i;
    }
  }
  return {bytes, top};
}

uint64_t tenon::lower::packSlots(MutableArrayRef<Slot> slots) {
  if (slots.empty())
    return 0;
  uint64_t peak = peakOf(slots);
  Order best;
  uint64_t least = UINT64_MAX;
  // A try costs the square of the slots; large programs have few holes.
  unsigned tries = slots.size() > 2000 ? 0 : slots.size() > 200 ? 8 : 64;
  auto attempt = [&](Order order) {
    for (unsigned i = 0; i <= tries && least > peak; ++i) {
      auto [bytes, top] = place(slots, order);
      if (bytes < least) {
        least = bytes;
        best = order;
      }
      // To the front with what is on top.
      auto *it = llvm::find(order, top);
      std::rotate(order.begin(), it, it + 1);
    }
  };
  Order order(slots.size());
  for (unsigned i = 0; i < order.size(); ++i)
    order[i] = i;
  auto by = [&](auto key) {
    Order sorted = order;
    llvm::stable_sort(sorted,
                      [&](unsigned x, unsigned y) { return key(x) > key(y); });
    return sorted;
  };
  attempt(by([&](unsigned i) { return slots[i].bytes; }));
  if (tries && least > peak)
    attempt(by([&](unsigned i) {
      return slots[i].bytes * (slots[i].last - slots[i].first + 1);
    }));
  if (tries && least > peak)
    attempt(by([&](unsigned i) { return slots[i].last - slots[i].first; }));
  place(slots, best);
  return least;
}
