#include "compiler/artifact/WeightsObject.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"

#include <array>
#include <vector>

using namespace llvm;
using namespace tenon::artifact;

static constexpr uint64_t payloadAlign = 64;

namespace {

/// A NUL-separated table of names, as ELF keeps them.
struct StringTable {
  std::string bytes = std::string(1, '\0');

  uint32_t add(const std::string &text) {
    auto offset = static_cast<uint32_t>(bytes.size());
    bytes += text;
    bytes += '\0';
    return offset;
  }
};

struct Section {
  uint32_t name = 0;
  uint32_t type = ELF::SHT_NULL;
  uint64_t flags = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint32_t link = 0;
  uint32_t info = 0;
  uint64_t align = 0;
  uint64_t entrySize = 0;
};

/// Writes the fields whose order or width differs between ELF32 and ELF64.
class ElfWriter {
public:
  ElfWriter(raw_ostream &os, bool wide)
      : writer(os, endianness::little), wide(wide) {}

  void half(uint16_t value) { writer.write(value); }
  void word(uint32_t value) { writer.write(value); }
  void address(uint64_t value) {
    if (wide)
      writer.write(value);
    else
      writer.write(static_cast<uint32_t>(value));
  }

  void header(uint16_t machine, uint32_t flags, uint64_t sectionHeaders,
              uint16_t sectionCount, uint16_t namesIndex);
  void section(const Section &section);
  void symbol(uint32_t name, uint64_t size, uint8_t info, uint8_t other,
              uint16_t index);

private:
  support::endian::Writer writer;
  bool wide;
};

} // namespace

void ElfWriter::header(uint16_t machine, uint32_t flags,
                       uint64_t sectionHeaders, uint16_t sectionCount,
                       uint16_t namesIndex) {
  const uint8_t ident[ELF::EI_NIDENT] = {0x7f,
                                         'E',
                                         'L',
                                         'F',
                                         wide ? uint8_t(ELF::ELFCLASS64)
                                              : uint8_t(ELF::ELFCLASS32),
                                         ELF::ELFDATA2LSB,
                                         ELF::EV_CURRENT};
  writer.OS.write(reinterpret_cast<const char *>(ident), sizeof(ident));
  half(ELF::ET_REL);
  half(machine);
  word(ELF::EV_CURRENT);
  address(0); // entry
  address(0); // program headers
  address(sectionHeaders);
  word(flags);
  half(wide ? sizeof(ELF::Elf64_Ehdr) : sizeof(ELF::Elf32_Ehdr));
  half(0);
  half(0);
  half(wide ? sizeof(ELF::Elf64_Shdr) : sizeof(ELF::Elf32_Shdr));
  half(sectionCount);
  half(namesIndex);
}

void ElfWriter::section(const Section &section) {
  word(section.name);
  word(section.type);
  address(section.flags);
  address(0);
  address(section.offset);
  address(section.size);
  word(section.link);
  word(section.info);
  address(section.align);
  address(section.entrySize);
}

void ElfWriter::symbol(uint32_t name, uint64_t size, uint8_t info,
                       uint8_t other, uint16_t index) {
  word(name);
  if (!wide) {
    word(0);
    word(static_cast<uint32_t>(size));
  }
  writer.write(info);
  writer.write(other);
  half(index);
  if (wide) {
    address(0);
    address(size);
  }
}

static uint16_t elfMachine(const Triple &triple) {
  if (!triple.isOSBinFormatELF())
    return ELF::EM_NONE;
  switch (triple.getArch()) {
  case Triple::x86_64:
    return triple.isX32() ? ELF::EM_NONE : ELF::EM_X86_64;
  case Triple::aarch64:
    return ELF::EM_AARCH64;
  case Triple::arm:
  case Triple::thumb:
    return ELF::EM_ARM;
  default:
    return ELF::EM_NONE;
  }
}

bool tenon::artifact::canEmbedWeights(const Triple &triple) {
  return elfMachine(triple) != ELF::EM_NONE;
}

/// Without `writePayload`, room for it.
static Error
writeObject(raw_pwrite_stream &os, const Triple &triple, StringRef symbol,
            uint64_t bytes,
            const std::function<Error(raw_ostream &)> &writePayload) {
  uint16_t machine = elfMachine(triple);
  if (machine == ELF::EM_NONE)
    return createStringError(
        errc::not_supported,
        "weights '%s' cannot be embedded for target '%s': expected ELF on "
        "x86-64, AArch64 or ARM; keep them in a side file",
        symbol.str().c_str(), triple.str().c_str());
  bool wide = machine != ELF::EM_ARM;
  if (!wide && bytes > uint64_t(1) << 31)
    return createStringError(
        errc::file_too_large,
        "weights '%s' have %llu bytes, but a 32-bit object holds at most 2 "
        "GiB; keep them in a side file",
        symbol.str().c_str(), static_cast<unsigned long long>(bytes));
  if (os.tell() != 0)
    return createStringError(errc::invalid_argument,
                             "weights '%s' must begin their file, but it has "
                             "%llu bytes already",
                             symbol.str().c_str(),
                             static_cast<unsigned long long>(os.tell()));

  enum : uint16_t { Null, Data, Symbols, Strings, Names, Stack, Bss, Count };
  StringTable strings, names;
  uint32_t symbolName = strings.add(symbol.str());
  std::array<Section, Count> sections;

  Section &data = sections[Data];
  bool large = machine == ELF::EM_X86_64;
  data.name = names.add((large ? ".lrodata." : ".rodata.") + symbol.str());
  data.type = writePayload ? ELF::SHT_PROGBITS : ELF::SHT_NOBITS;
  uint64_t stored = writePayload ? bytes : 0;
  data.flags = ELF::SHF_ALLOC | (large ? ELF::SHF_X86_64_LARGE : 0);
  data.offset = payloadAlign;
  data.size = bytes;
  data.align = payloadAlign;

  Section &symbols = sections[Symbols];
  symbols.name = names.add(".symtab");
  symbols.type = ELF::SHT_SYMTAB;
  symbols.entrySize = wide ? sizeof(ELF::Elf64_Sym) : sizeof(ELF::Elf32_Sym);
  symbols.offset = alignTo(data.offset + stored, 8);
  symbols.size = 2 * symbols.entrySize;
  symbols.link = Strings;
  symbols.info = 1; // the first global symbol
  symbols.align = 8;

  Section &stringTable = sections[Strings];
  stringTable.name = names.add(".strtab");
  stringTable.type = ELF::SHT_STRTAB;
  stringTable.offset = symbols.offset + symbols.size;
  stringTable.size = strings.bytes.size();
  stringTable.align = 1;

  Section &nameTable = sections[Names];
  nameTable.name = names.add(".shstrtab");
  Section &stack = sections[Stack];
  stack.name = names.add(".note.GNU-stack");
  nameTable.type = ELF::SHT_STRTAB;
  nameTable.offset = stringTable.offset + stringTable.size;
  nameTable.size = names.bytes.size();
  nameTable.align = 1;

  // Without this section GNU ld makes the program's stack executable.
  stack.type = ELF::SHT_PROGBITS;
  stack.offset = nameTable.offset + nameTable.size;
  stack.align = 1;

  uint64_t sectionHeaders = alignTo(stack.offset, 8);
  ElfWriter writer(os, wide);
  writer.header(machine, machine == ELF::EM_ARM ? ELF::EF_ARM_EABI_VER5 : 0,
                sectionHeaders, Count, Names);
  os.write_zeros(data.offset - os.tell());

  if (writePayload)
    if (Error error = writePayload(os))
      return error;
  if (os.tell() != data.offset + stored)
    return createStringError(
        errc::invalid_argument,
        "weights '%s' came to %lld bytes, but %llu were planned",
        symbol.str().c_str(), static_cast<long long>(os.tell() - data.offset),
        static_cast<unsigned long long>(bytes));

  os.write_zeros(symbols.offset - os.tell());
  writer.symbol(0, 0, 0, 0, 0);
  writer.symbol(symbolName, bytes, (ELF::STB_GLOBAL << 4) | ELF::STT_OBJECT,
                ELF::STV_HIDDEN, Data);
  os << strings.bytes << names.bytes;
  os.write_zeros(sectionHeaders - os.tell());
  for (const Section &section : sections)
    writer.section(section);
  return Error::success();
}

Error tenon::artifact::writeWeightsObject(
    raw_pwrite_stream &os, const Triple &triple, StringRef symbol,
    uint64_t bytes, std::function<Error(raw_ostream &)> writePayload) {
  return writeObject(os, triple, symbol, bytes, writePayload);
}

//===----------------------------------------------------------------------===//
// Room for weights, filled behind the linker
//===----------------------------------------------------------------------===//

bool tenon::artifact::canReserveWeights(const Triple &triple) {
  uint16_t machine = elfMachine(triple);
  return machine == ELF::EM_X86_64 || machine == ELF::EM_AARCH64;
}

std::string tenon::artifact::weightsRoomScript(const Triple &triple,
                                               StringRef symbol) {
  if (elfMachine(triple) == ELF::EM_X86_64)
    return "";
  return ("SECTIONS { .weights : { *(.rodata." + symbol +
          ") } } INSERT AFTER .bss;\n")
      .str();
}

Error tenon::artifact::writeWeightsRoom(raw_pwrite_stream &os,
                                        const Triple &triple, StringRef symbol,
                                        uint64_t bytes) {
  return writeObject(os, triple, symbol, bytes, nullptr);
}

namespace {

/// A file that is read and written at offsets.
class PatchedFile {
public:
  ~PatchedFile() {
    if (file != sys::fs::kInvalidFile)
      sys::fs::closeFile(file);
  }
  Error open(StringRef path) {
    name = path.str();
    Expected<sys::fs::file_t> opened = sys::fs::openNativeFileForReadWrite(
        path, sys::fs::CD_OpenExisting, sys::fs::OF_None);
    if (!opened)
      return opened.takeError();
    file = *opened;
    return Error::success();
  }
  template <typename T> Error read(uint64_t offset, T &value) {
    Expected<size_t> count = sys::fs::readNativeFileSlice(
        file, {reinterpret_cast<char *>(&value), sizeof(T)}, offset);
    if (!count)
      return count.takeError();
    return *count == sizeof(T) ? Error::success() : broken("is too short");
  }
  template <typename T> void write(uint64_t offset, const T &value) {
    raw_fd_ostream os(file, /*shouldClose=*/false);
    os.seek(offset);
    os.write(reinterpret_cast<const char *>(&value), sizeof(T));
  }
  /// Our linker's output has a form that this file knows.
  Error broken(const char *what) const {
    return createStringError(errc::invalid_argument,
                             "cannot put weights into '" + name + "': it " +
                                 what);
  }
  std::string name;
  sys::fs::file_t file = sys::fs::kInvalidFile;
};

} // namespace

/// Appends `bytes` bytes of `weights` to `linked`, at `offset`.
static Error appendPayload(PatchedFile &linked, uint64_t offset,
                           StringRef weights, uint64_t bytes) {
  Expected<sys::fs::file_t> source = sys::fs::openNativeFileForRead(weights);
  if (!source)
    return source.takeError();
  raw_fd_ostream os(linked.file, /*shouldClose=*/false, /*unbuffered=*/true);
  os.seek(offset);
  std::vector<char> buffer(1 << 20);
  Error error = Error::success();
  for (uint64_t done = 0; done < bytes && !error && !os.has_error();) {
    size_t most = std::min<uint64_t>(buffer.size(), bytes - done);
    Expected<size_t> count = sys::fs::readNativeFileSlice(
        *source, {buffer.data(), most}, payloadAlign + done);
    if (!count)
      error = count.takeError();
    else if (*count == 0)
      error = linked.broken("ends early");
    else {
      os.write(buffer.data(), *count);
      done += *count;
    }
  }
  if (!error && os.has_error())
    error = createStringError(os.error(), "cannot write '" + linked.name +
                                              "': " + os.error().message());
  os.clear_error();
  sys::fs::closeFile(*source);
  return error;
}

Error tenon::artifact::fillWeightsRoom(StringRef path, StringRef weights,
                                       uint64_t bytes) {
  PatchedFile file;
  if (Error error = file.open(path))
    return error;
  uint64_t size = 0;
  if (std::error_code code = sys::fs::file_size(path, size))
    return errorCodeToError(code);
  ELF::Elf64_Ehdr header;
  if (Error error = file.read(0, header))
    return error;

  ELF::Elf64_Shdr room = {};
  uint64_t roomAt = 0;
  for (unsigned i = 0; i < header.e_shnum && !roomAt; ++i) {
    uint64_t at = header.e_shoff + i * sizeof(room);
    if (Error error = file.read(at, room))
      return error;
    if (room.sh_type == ELF::SHT_NOBITS && room.sh_size == bytes &&
        !(room.sh_flags & ELF::SHF_WRITE))
      roomAt = at;
  }
  if (!roomAt)
    return file.broken("has no room for them");

  // A relocatable object has no segments.
  ELF::Elf64_Phdr segment = {};
  uint64_t segmentAt = 0;
  for (unsigned i = 0; i < header.e_phnum && !segmentAt; ++i) {
    uint64_t at = header.e_phoff + i * sizeof(segment);
    if (Error error = file.read(at, segment))
      return error;
    if (segment.p_type == ELF::PT_LOAD && segment.p_filesz == 0 &&
        segment.p_vaddr == room.sh_addr && segment.p_memsz == bytes)
      segmentAt = at;
  }
  if (header.e_phnum && !segmentAt)
    return file.broken("has no segment for them alone");

  // Where a segment begins in memory and in the file must agree.
  uint64_t align = segmentAt ? segment.p_align : room.sh_addralign;
  uint64_t offset = alignTo(size, align, room.sh_addr % align);
  if (Error error = appendPayload(file, offset, weights, bytes))
    return error;
  room.sh_type = ELF::SHT_PROGBITS;
  room.sh_offset = offset;
  file.write(roomAt, room);
  if (segmentAt) {
    segment.p_offset = offset;
    segment.p_filesz = bytes;
    file.write(segmentAt, segment);
  }
  return Error::success();
}
