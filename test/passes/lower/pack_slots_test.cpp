#include "passes/lower/PackSlots.h"
#include "gtest/gtest.h"
#include <random>
#include <vector>

using namespace tenon::lower;

static void expectApart(const std::vector<Slot> &slots, uint64_t bytes) {
  for (size_t i = 0; i < slots.size(); ++i) {
    EXPECT_LE(slots[i].offset + slots[i].bytes, bytes);
    for (size_t j = 0; j < i; ++j) {
      const Slot &a = slots[i], &b = slots[j];
      bool apartInTime = a.last < b.first || b.last < a.first;
      bool apartInPlace = a.offset + a.bytes <= b.offset ||
                          b.offset + b.bytes <= a.offset;
      EXPECT_TRUE(apartInTime || apartInPlace) << i << " and " << j;
    }
  }
}

TEST(PackSlots, NothingNeedsNothing) {
  std::vector<Slot> none;
  EXPECT_EQ(packSlots(none), 0u);
}

TEST(PackSlots, ValuesOfDifferentTimesShareBytes) {
  std::vector<Slot> slots = {{64, 0, 0, 1}, {64, 0, 2, 3}, {128, 0, 4, 5}};
  EXPECT_EQ(packSlots(slots), 128u);
  expectApart(slots, 128);
}

TEST(PackSlots, LastUseAndFirstUseAtOneStepAreApart) {
  std::vector<Slot> slots = {{64, 0, 0, 1}, {64, 0, 1, 2}};
  EXPECT_EQ(packSlots(slots), 128u);
  expectApart(slots, 128);
}

// By size alone the large ones land at 0 and cut what lies beside them apart.
TEST(PackSlots, HolesThatSizeAloneLeavesAreFilled) {
  std::vector<Slot> slots = {{4, 0, 0, 1}, {3, 0, 1, 2}, {5, 0, 2, 3},
                             {2, 0, 0, 2}, {3, 0, 3, 4}, {6, 0, 4, 5}};
  uint64_t bytes = packSlots(slots);
  EXPECT_EQ(bytes, peakOf(slots));
  expectApart(slots, bytes);
}

TEST(PackSlots, RandomProgramsStayNearThePeakAndApart) {
  std::mt19937 random(1);
  for (int program = 0; program < 50; ++program) {
    std::vector<Slot> slots;
    for (unsigned step = 0; step < 60; ++step)
      slots.push_back({64 * (1 + random() % 100), 0, step,
                       step + 1 + (unsigned)(random() % 8 == 0 ? 20 : random() % 3)});
    uint64_t bytes = packSlots(slots);
    EXPECT_LE(bytes, peakOf(slots) * 11 / 10) << "program " << program;
    expectApart(slots, bytes);
  }
}
