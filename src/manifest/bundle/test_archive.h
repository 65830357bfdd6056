// Archives for tests, made byte by byte, so that each part of one can lie.
#pragma once

#include <zlib.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lineage/crypto/sha256.h"

namespace phoenix::manifest::testing_archive {

struct RawFile {
  std::string path;
  std::string bytes;
  bool deflated = false;
  uint16_t flags = 0;
  uint16_t host = 3;
  uint16_t version = 20;
  uint32_t mode = 0100644;
  uint32_t dos_attributes = 0;
  uint16_t part = 0;
  std::string extra;    // of the directory
  std::string comment;  // likewise
  std::string local_extra;
  bool descriptor = false;
  // What is said instead of the truth.
  std::optional<std::string> local_path;
  std::optional<uint16_t> method;
  std::optional<uint16_t> local_method;
  std::optional<uint16_t> local_flags;
  std::optional<uint32_t> crc;
  std::optional<uint32_t> local_crc;
  std::optional<uint32_t> size;
  std::optional<uint32_t> local_size;
  std::optional<uint32_t> packed;
  std::optional<uint32_t> offset;
  std::optional<uint32_t> descriptor_size;
};

struct RawArchive {
  std::vector<RawFile> files;
  std::string before;  // of the first file
  std::string gap;     // between the files and the directory
  std::string after;   // the end record
  std::string comment;
  int more_files = 0;  // than there are, in the end record
  uint16_t part = 0;
  int directory_shift = 0;
};

inline std::string deflated(std::string_view bytes) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline void put(std::string& out, uint64_t value, int bytes) {
  for (int index = 0; index < bytes; ++index) out.push_back(static_cast<char>(value >> 8 * index));
}

inline std::string build(const RawArchive& archive) {
  std::string out = archive.before;
  std::string directory;
  for (const RawFile& file : archive.files) {
    const std::string content = file.deflated ? deflated(file.bytes) : file.bytes;
    const auto crc =
        static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(file.bytes.data()),
                                    static_cast<uInt>(file.bytes.size())));
    const uint16_t method = file.method.value_or(file.deflated ? 8 : 0);
    const uint16_t flags = file.flags | (file.descriptor ? 8 : 0);
    const auto size = static_cast<uint32_t>(file.bytes.size());
    const auto packed = file.packed.value_or(static_cast<uint32_t>(content.size()));
    const size_t offset = out.size();
    const std::string& local_path = file.local_path ? *file.local_path : file.path;
    put(out, 0x04034B50, 4);
    put(out, file.version, 2);
    put(out, file.local_flags.value_or(flags), 2);
    put(out, file.local_method.value_or(method), 2);
    put(out, 0x210000, 4);
    put(out, file.descriptor ? 0 : file.local_crc.value_or(file.crc.value_or(crc)), 4);
    put(out, file.descriptor ? 0 : packed, 4);
    put(out, file.descriptor ? 0 : file.local_size.value_or(file.size.value_or(size)), 4);
    put(out, local_path.size(), 2);
    put(out, file.local_extra.size(), 2);
    out += local_path + file.local_extra + content;
    if (file.descriptor) {
      put(out, 0x08074B50, 4);
      put(out, crc, 4);
      put(out, packed, 4);
      put(out, file.descriptor_size.value_or(size), 4);
    }
    put(directory, 0x02014B50, 4);
    put(directory, file.host << 8 | 20, 2);
    put(directory, file.version, 2);
    put(directory, flags, 2);
    put(directory, method, 2);
    put(directory, 0x210000, 4);
    put(directory, file.crc.value_or(crc), 4);
    put(directory, packed, 4);
    put(directory, file.size.value_or(size), 4);
    put(directory, file.path.size(), 2);
    put(directory, file.extra.size(), 2);
    put(directory, file.comment.size(), 2);
    put(directory, file.part, 2);
    put(directory, 0, 2);
    put(directory, uint64_t{file.mode} << 16 | file.dos_attributes, 4);
    put(directory, file.offset.value_or(static_cast<uint32_t>(offset)), 4);
    directory += file.path + file.extra + file.comment;
  }
  out += archive.gap;
  const size_t start = out.size();
  out += directory;
  put(out, 0x06054B50, 4);
  put(out, archive.part, 2);
  put(out, 0, 2);
  const size_t count = archive.files.size() + static_cast<size_t>(archive.more_files);
  put(out, count, 2);
  put(out, count, 2);
  put(out, directory.size(), 4);
  put(out, start + static_cast<size_t>(archive.directory_shift), 4);
  put(out, archive.comment.size(), 2);
  return out + archive.comment + archive.after;
}

inline std::string hash_text(std::string_view bytes) {
  return "sha256:" + lineage::hex(lineage::sha256(bytes));
}

// hashes.json of the files as they are.
inline RawFile hashes_of(const std::vector<RawFile>& files) {
  std::string text = R"({"algorithm":"SHA-256","files":{)";
  for (const RawFile& file : files) {
    if (text.back() != '{') text += ',';
    text += '"' + file.path + "\":\"" + hash_text(file.bytes) + '"';
  }
  RawFile hashes;
  hashes.path = "hashes.json";
  hashes.bytes = text + "}}";
  return hashes;
}

// A good bundle, deflated as the original does it; without hashes.json.
inline std::vector<RawFile> good_files() {
  std::vector<RawFile> files(4);
  files[0].path = "PhoenixFile";
  files[0].bytes = "kind: PhoenixApp\n";
  files[1].path = "manifest.json";
  files[1].bytes =
      R"({"kind":"PhoenixBundle","metadata":{"name":"shop","namespace":"default","version":"1.0",)"
      R"("bundleId":"pflight-0123456789abcdef","createdAt":"now"},"contents":{"agents":["agents/a.yaml"]}})";
  files[2].path = "validation-report.json";
  files[2].bytes = R"({"valid":true})";
  files[3].path = "agents/a.yaml";
  files[3].bytes = std::string(300, 'a') + "\n";
  for (RawFile& file : files) file.deflated = true;
  return files;
}

inline RawArchive good_archive() {
  RawArchive archive;
  archive.files = good_files();
  archive.files.push_back(hashes_of(archive.files));
  return archive;
}

}  // namespace phoenix::manifest::testing_archive
