//===- WeightFiles.cpp - external data of a model -------------------------===//

#include "frontends/onnx/WeightFiles.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace tenon::onnx;
using llvm::createStringError;
using llvm::SmallString;
using llvm::StringRef;
using llvm::Twine;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

llvm::Expected<int> WeightFiles::map(StringRef location) {
  auto cached = known.find(location);
  if (cached != known.end())
    return cached->second;

  std::string what = ("external data file '" + location + "'").str();
  if (modelPath.empty())
    return createStringError(what + " cannot be looked for, the model comes "
                                    "from memory; load it from its file");
  if (location.empty() || location.contains('\0'))
    return createStringError(
        "expected external_data to name a file in 'location'");
  if (path::is_absolute(location))
    return createStringError(what +
                             " has an absolute path; expected one relative to "
                             "the model's folder");

  SmallString<256> folder(path::parent_path(modelPath));
  if (folder.empty())
    folder = ".";
  SmallString<256> candidate(folder), realFolder, realFile;
  path::append(candidate, location);
  if (std::error_code error = fs::real_path(folder, realFolder))
    return createStringError("cannot resolve the model's folder '" + folder +
                             "': " + error.message());
  if (std::error_code error = fs::real_path(candidate, realFile))
    return createStringError(
        what + " cannot be opened in the model's folder '" + folder + "' (" +
        error.message() + "); put it beside the model");
  if (!realFolder.ends_with("/"))
    realFolder += "/";
  if (!realFile.starts_with(realFolder))
    return createStringError(what + " lies outside the model's folder '" +
                             folder + "'; copy it into the folder");
  // A pipe or device would block or have no end.
  if (!fs::is_regular_file(realFile))
    return createStringError(what + " is no regular file");

  auto buffer = llvm::MemoryBuffer::getFile(realFile, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(what +
                             " cannot be read: " + buffer.getError().message());
  int index = static_cast<int>(files.size());
  files.push_back({std::string(candidate), std::move(*buffer)});
  known[location] = index;
  return index;
}

llvm::Expected<ByteRange> WeightFiles::find(StringRef location, uint64_t offset,
                                            std::optional<uint64_t> length) {
  llvm::Expected<int> file = map(location);
  if (!file)
    return file.takeError();
  StringRef bytes = files[*file].buffer->getBuffer();
  uint64_t wanted = length.value_or(0);
  if (offset > bytes.size() || wanted > bytes.size() - offset)
    return createStringError("external data file '" + location +
                             "' is too short: expected " + Twine(wanted) +
                             " bytes at offset " + Twine(offset) +
                             ", but it has " + Twine(bytes.size()));
  ByteRange range;
  range.file = *file;
  range.offset = offset;
  range.bytes = llvm::ArrayRef<char>(bytes.data() + offset,
                                     length.value_or(bytes.size() - offset));
  return range;
}
