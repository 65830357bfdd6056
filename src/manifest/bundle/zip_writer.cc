#include <zlib.h>

#include <algorithm>

#include "manifest/bundle/zip_archive.h"

namespace phoenix::manifest {
namespace {

// The earliest time that the form knows: a time of ours would make other bytes each day.
constexpr uint16_t kNoTime = 0;
constexpr uint16_t kFirstDay = 0x21;
constexpr uint16_t kVersion = 20;
constexpr uint16_t kByUnix = 3 << 8 | kVersion;
constexpr uint32_t kRegular = 0100644U << 16;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void half(size_t value) { number(value, 2); }
  void word(size_t value) { number(value, 4); }
  void text(std::string_view bytes) { out_ += bytes; }

 private:
  void number(size_t value, size_t bytes) {
    for (size_t index = 0; index < bytes; ++index) {
      out_.push_back(static_cast<char>(value >> (8 * index) & 0xFF));
    }
  }
  std::string& out_;
};

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

// What stands in both headers of a file.
void describe(Writer& out, const ArchiveFile& file) {
  out.half(kVersion);
  out.half(is_ascii(file.path) ? 0 : 1 << 11);
  out.half(0);  // stored
  out.half(kNoTime);
  out.half(kFirstDay);
  out.word(crc32(0, reinterpret_cast<const Bytef*>(file.bytes.data()),
                 static_cast<uInt>(file.bytes.size())));
  out.word(file.bytes.size());
  out.word(file.bytes.size());
  out.half(file.path.size());
  out.half(0);  // extra fields
}

}  // namespace

std::string write_archive(const std::vector<ArchiveFile>& files) {
  std::string archive;
  std::string directory;
  Writer out(archive);
  Writer listed(directory);
  for (const ArchiveFile& file : files) {
    const size_t offset = archive.size();
    out.word(0x04034B50);
    describe(out, file);
    out.text(file.path);
    out.text(file.bytes);
    listed.word(0x02014B50);
    listed.half(kByUnix);
    describe(listed, file);
    listed.half(0);  // comment
    listed.half(0);  // part
    listed.half(0);  // internal attributes
    listed.word(kRegular);
    listed.word(offset);
    listed.text(file.path);
  }
  const size_t start = archive.size();
  out.text(directory);
  out.word(0x06054B50);
  out.half(0);
  out.half(0);
  out.half(files.size());
  out.half(files.size());
  out.word(directory.size());
  out.word(start);
  out.half(0);
  return archive;
}

}  // namespace phoenix::manifest
