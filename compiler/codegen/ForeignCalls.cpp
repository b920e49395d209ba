#include "compiler/codegen/ForeignCalls.h"

#include "llvm/Object/ObjectFile.h"

#include <map>

using namespace llvm;
using namespace tenon;

/// The names that every C library has; on ARM LLVM uses those of its ABI.
static bool isMemoryCall(StringRef name) {
  if (name.consume_front("__aeabi_"))
    return name.starts_with("memcpy") || name.starts_with("memmove") ||
           name.starts_with("memset") || name.starts_with("memclr");
  return name == "memcpy" || name == "memmove" || name == "memset";
}

/// Each function has a section of its own: ".rel.text.net_matmul".
static Expected<std::string> callerOf(const object::ObjectFile &object,
                                      StringRef symbol) {
  for (object::SectionRef section : object.sections())
    for (object::RelocationRef relocation : section.relocations()) {
      object::symbol_iterator target = relocation.getSymbol();
      if (target == object.symbol_end())
        continue;
      Expected<StringRef> name = target->getName();
      if (!name)
        return name.takeError();
      if (*name != symbol)
        continue;
      Expected<StringRef> text = section.getName();
      if (!text)
        return text.takeError();
      auto [before, function] = text->split(".text.");
      return function.str();
    }
  return std::string();
}

Expected<std::vector<ForeignCall>>
tenon::findForeignCalls(ArrayRef<ObjectFile> objects, StringRef prefix) {
  std::map<std::string, std::string> found;
  std::string own = (prefix + "_").str();
  for (const ObjectFile &file : objects) {
    Expected<std::unique_ptr<object::ObjectFile>> object =
        object::ObjectFile::createObjectFile(
            MemoryBufferRef(file.contents(), file.name));
    if (!object)
      return object.takeError();
    for (object::SymbolRef symbol : (*object)->symbols()) {
      Expected<uint32_t> flags = symbol.getFlags();
      if (!flags)
        return flags.takeError();
      if (!(*flags & object::SymbolRef::SF_Undefined))
        continue;
      Expected<StringRef> name = symbol.getName();
      if (!name)
        return name.takeError();
      StringRef plain = *name;
      if ((*object)->isMachO())
        plain.consume_front("_");
      if (plain.empty() || plain.starts_with(own) || isMemoryCall(plain))
        continue;
      Expected<std::string> caller = callerOf(**object, *name);
      if (!caller)
        return caller.takeError();
      found.insert({plain.str(), *caller});
    }
  }
  std::vector<ForeignCall> calls;
  for (auto &[symbol, caller] : found)
    calls.push_back({symbol, caller});
  return calls;
}
