#include "compiler/tenonc/Options.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace tenon;

StringRef Arguments::get(StringRef option, StringRef otherwise) const {
  auto found = values.find(option.str());
  return found == values.end() ? otherwise : StringRef(found->second.back());
}

ArrayRef<std::string> Arguments::all(StringRef option) const {
  auto found = values.find(option.str());
  if (found == values.end())
    return {};
  return found->second;
}

void Arguments::replace(StringRef option, std::vector<std::string> others) {
  if (others.empty())
    values.erase(option.str());
  else
    values[option.str()] = std::move(others);
}

StringRef tenon::nearest(StringRef word, ArrayRef<StringRef> candidates) {
  StringRef best;
  unsigned distance = std::max<size_t>(2, word.size() / 3);
  // Of two that are as near, the one that begins alike.
  size_t alike = 0;
  for (StringRef candidate : candidates) {
    unsigned d = word.edit_distance(candidate, true, distance);
    size_t same = std::mismatch(word.begin(), word.end(), candidate.begin(),
                                candidate.end()).first - word.begin();
    if (d < distance || (d == distance && (best.empty() || same > alike))) {
      distance = d;
      alike = same;
      best = candidate;
    }
  }
  return best;
}

const OptionRow *ArgumentParser::find(StringRef name, bool &isPassed) const {
  isPassed = false;
  for (ArrayRef<OptionRow> table : tables)
    for (const OptionRow &row : table)
      if (row.name == name)
        return &row;
  isPassed = true;
  for (const OptionRow &row : passed)
    if (row.name == name)
      return &row;
  return nullptr;
}

Error ArgumentParser::unknown(StringRef name) const {
  std::vector<StringRef> names = {"--help"};
  for (ArrayRef<OptionRow> table : tables)
    for (const OptionRow &row : table)
      names.push_back(row.name);
  for (const OptionRow &row : passed)
    names.push_back(row.name);
  StringRef near = nearest(name, names);
  return createStringError(errc::invalid_argument,
                           "unknown option '" + name + "'" +
                               (near.empty()
                                    ? std::string()
                                    : "; did you mean " + near.str() + "?"));
}

Expected<Arguments>
ArgumentParser::parse(ArrayRef<const char *> arguments) const {
  Arguments result;
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (!argument.starts_with("-") || argument == "-") {
      if (!result.positional.empty())
        result.rest.push_back(argument.str());
      result.positional.push_back(argument.str());
      continue;
    }
    if (argument == "-h" || argument == "--help") {
      result.values["--help"].push_back("");
      continue;
    }
    size_t equals = argument.find('=');
    bool isPassed;
    const OptionRow *row = find(argument.take_front(equals), isPassed);
    if (!row)
      return unknown(argument.take_front(equals));
    std::optional<StringRef> value;
    if (equals != StringRef::npos)
      value = argument.drop_front(equals + 1);
    if (value && row->takes == Takes::Nothing)
      return createStringError(errc::invalid_argument,
                               row->name.str() + " takes no value");
    std::string written = argument.str();
    if (!value && row->takes == Takes::Value) {
      if (i + 1 == arguments.size())
        return createStringError(errc::invalid_argument,
                                 row->name.str() + " needs a value: " +
                                     row->name.str() + "=" + row->meta.str());
      value = arguments[++i];
      written = (row->name + "=" + *value).str();
    }
    if (isPassed)
      result.rest.push_back(written);
    else
      result.values[row->name.str()].push_back(value.value_or("").str());
  }
  return result;
}

void ArgumentParser::printHelp(const CommandHelp &help, raw_ostream &os) const {
  os << "usage: tenonc " << help.usage << "\n\n" << help.summary << "\n";
  auto print = [&](ArrayRef<OptionRow> table) {
    for (const OptionRow &row : table) {
      std::string left = row.name.str();
      if (row.takes == Takes::MaybeValue)
        left += "[=" + row.meta.str() + "]";
      else if (row.takes == Takes::Value)
        left += (row.name.starts_with("--") ? "=" : " ") + row.meta.str();
      if (left.size() <= 26)
        os << formatv("  {0,-27} {1}\n", left, row.help);
      else
        os << "  " << left << "\n" << std::string(30, ' ') << row.help << "\n";
    }
  };
  os << "\noptions\n";
  for (ArrayRef<OptionRow> table : tables)
    print(table);
  print(passed);
  if (!help.examples.empty())
    os << "\nexamples\n" << help.examples;
}
