//===----------------------------------------------------------------------===//
// The command line, by tables: `--name=VALUE`, `--name VALUE`, `-o VALUE`.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_OPTIONS_H
#define TENON_COMPILER_TENONC_OPTIONS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tenon {

enum class Takes { Nothing, Value, MaybeValue };

struct OptionRow {
  /// With its dashes.
  llvm::StringLiteral name;
  Takes takes;
  /// What stands behind `=` in the help.
  llvm::StringLiteral meta;
  llvm::StringLiteral help;
};

/// The arguments of a subcommand, sorted.
class Arguments {
public:
  bool has(llvm::StringRef option) const { return values.count(option.str()); }
  /// The last value given.
  llvm::StringRef get(llvm::StringRef option,
                      llvm::StringRef otherwise = "") const;
  llvm::ArrayRef<std::string> all(llvm::StringRef option) const;

  /// Puts other values in their place; none: as if it were not given.
  void replace(llvm::StringRef option, std::vector<std::string> others);

  std::vector<std::string> positional;
  /// Options of `passed` tables, as they were written, and positional
  /// arguments behind the first.
  std::vector<std::string> rest;

private:
  friend class ArgumentParser;
  std::map<std::string, std::vector<std::string>> values;
};

/// What a subcommand takes and says of itself.
struct CommandHelp {
  llvm::StringLiteral usage;
  llvm::StringLiteral summary;
  llvm::StringLiteral examples;
};

class ArgumentParser {
public:
  explicit ArgumentParser(std::vector<llvm::ArrayRef<OptionRow>> tables)
      : tables(std::move(tables)) {}
  /// Options that are left for somebody else, in `rest`.
  void pass(llvm::ArrayRef<OptionRow> table) { passed = table; }

  llvm::Expected<Arguments> parse(llvm::ArrayRef<const char *> arguments) const;
  void printHelp(const CommandHelp &help, llvm::raw_ostream &os) const;

private:
  const OptionRow *find(llvm::StringRef name, bool &isPassed) const;
  llvm::Error unknown(llvm::StringRef name) const;

  std::vector<llvm::ArrayRef<OptionRow>> tables;
  llvm::ArrayRef<OptionRow> passed;
};

/// The word of `candidates` that `word` may have meant; empty if none is near.
llvm::StringRef nearest(llvm::StringRef word,
                        llvm::ArrayRef<llvm::StringRef> candidates);

} // namespace tenon

#endif // TENON_COMPILER_TENONC_OPTIONS_H
