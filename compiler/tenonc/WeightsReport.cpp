// What each constant is stored as: a table, and --report=FILE.json.
#include "compiler/tenonc/Commands.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

#include <cmath>

using namespace llvm;
using namespace tenon;

static bool isChanged(const WeightRow &row) { return row.kept.empty(); }

static std::string shapeOf(const WeightRow &row) {
  return join(map_range(row.shape, [](int64_t d) { return std::to_string(d); }),
              "x");
}

static std::string snrOf(const WeightRow &row) {
  if (!row.snr)
    return "as given";
  return std::isinf(*row.snr) ? "exact" : formatv("{0:F1} dB", *row.snr).str();
}

void tenon::printWeightsTable(const CompiledModel &model, raw_ostream &os) {
  const std::vector<WeightRow> &rows = model.weightRows;
  if (none_of(rows, isChanged))
    return;
  size_t width = 6;
  for (const WeightRow &row : rows)
    width = std::max(width, std::min<size_t>(row.name.size(), 48));
  auto line = [&](const Twine &name, const Twine &shape, const Twine &format,
                  const Twine &bits, const Twine &bytes, const Twine &error) {
    std::string first = name.str();
    if (first.size() > width)
      first = "..." + first.substr(first.size() - width + 3);
    os << first << std::string(width - first.size() + 2, ' ')
       << formatv("{0,-14} {1,-9} {2,6} {3,13}  {4}\n", shape.str(),
                  format.str(), bits.str(), bytes.str(), error.str());
  };
  line("weight", "shape", "format", "bits", "bytes", "SNR");
  uint64_t bytes = 0, dense = 0;
  for (const WeightRow &row : rows) {
    uint64_t count = 1;
    for (int64_t d : row.shape)
      count *= d;
    bytes += row.bytes;
    dense += 4 * count;
    line(row.name, shapeOf(row), row.format,
         formatv("{0:F2}", row.bitsPerWeight).str(),
         formatv("{0:N0}", row.bytes).str(),
         isChanged(row) ? snrOf(row) : row.kept);
  }
  line("all", "", "", formatv("{0:F2}", 32.0 * bytes / dense).str(),
       formatv("{0:N0}", bytes).str(), "");
}

std::optional<int> tenon::writeWeightsReport(const CompiledModel &model,
                                             StringRef path) {
  std::error_code code;
  raw_fd_ostream os(path, code);
  if (code)
    return fail("cannot write '" + path + "': " + code.message());
  json::OStream json(os, 2);
  json.array([&] {
    for (const WeightRow &row : model.weightRows)
      json.object([&] {
        json.attribute("name", row.name);
        json.attributeArray("shape", [&] {
          for (int64_t d : row.shape)
            json.value(d);
        });
        json.attribute("format", row.format);
        json.attribute("bits_per_weight", row.bitsPerWeight);
        json.attribute("bytes", (int64_t)row.bytes);
        json.attribute("changed", isChanged(row));
        // JSON has no infinity: null where nothing was lost.
        if (row.snr)
          json.attribute("snr_db", std::isinf(*row.snr)
                                       ? json::Value(nullptr)
                                       : json::Value(*row.snr));
        if (!row.kept.empty())
          json.attribute("kept_because", row.kept);
      });
  });
  os << '\n';
  return std::nullopt;
}
