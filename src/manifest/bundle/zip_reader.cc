#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <optional>

#include "manifest/bundle/zip_archive.h"
#include "manifest/bundle/zip_names.h"

namespace phoenix::manifest {
namespace {

constexpr size_t kEndBytes = 22;
constexpr size_t kCentralBytes = 46;
constexpr size_t kLocalBytes = 30;
constexpr uint32_t kEndMark = 0x06054B50;
constexpr uint32_t kCentralMark = 0x02014B50;
constexpr uint32_t kLocalMark = 0x04034B50;
constexpr uint32_t kDescriptorMark = 0x08074B50;

constexpr uint16_t kFlagDescriptor = 1 << 3;
constexpr uint16_t kFlagUtf8 = 1 << 11;
constexpr uint16_t kFlagsKnown = kFlagDescriptor | kFlagUtf8 | 1 << 1 | 1 << 2;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;

constexpr size_t kRatioFrom = 64 << 10;  // smaller files are no bombs, whatever their ratio

struct Entry {
  std::string name;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc = 0;
  uint32_t packed = 0;
  uint32_t size = 0;
  uint32_t offset = 0;
};

tl::unexpected<Error> refuse(std::string what) {
  auto refused = fail(ErrorKind::kInvalidRequest, std::move(what));
  refused.value().reason_code = "bad-archive";
  return refused;
}
tl::unexpected<Error> refuse(const Entry& entry, std::string_view what) {
  return refuse(fmt::format("{}: {}", entry.name, what));
}

class Reader {
 public:
  Reader(std::string_view archive, const ArchiveLimits& limits)
      : archive_(archive), limits_(limits) {}

  Result<std::vector<ArchiveFile>> run() {
    if (const auto wrong = read_end()) return refuse(*wrong);
    if (const auto wrong = read_directory()) return tl::unexpected(*wrong);
    if (const auto wrong = check_names()) return tl::unexpected(*wrong);
    if (const auto wrong = check_sizes()) return tl::unexpected(*wrong);
    std::vector<std::string_view> contents(entries_.size());
    if (const auto wrong = locate(contents)) return tl::unexpected(*wrong);
    std::vector<ArchiveFile> files;
    for (size_t index = 0; index < entries_.size(); ++index) {
      auto bytes = unpack(entries_[index], contents[index]);
      if (!bytes) return tl::unexpected(bytes.error());
      files.push_back({entries_[index].name, std::move(*bytes)});
    }
    return files;
  }

 private:
  uint32_t number(size_t at, size_t bytes) const {
    uint32_t value = 0;
    for (size_t index = bytes; index-- > 0;) {
      value = value << 8 | static_cast<uint8_t>(archive_[at + index]);
    }
    return value;
  }
  uint16_t half(size_t at) const { return static_cast<uint16_t>(number(at, 2)); }
  uint32_t word(size_t at) const { return number(at, 4); }

  // The end record is the last thing of the archive, and says where the directory is.
  std::optional<std::string> read_end() {
    if (archive_.size() > kMostArchiveBytes) {
      return fmt::format("the archive has more than {} bytes", kMostArchiveBytes);
    }
    if (archive_.size() < kEndBytes) return "this is no ZIP archive: it is too short";
    end_ = archive_.size() - kEndBytes;
    if (word(end_) != kEndMark) {
      return "this is no ZIP archive, or something follows its end: the last 22 bytes are no end "
             "record without a comment";
    }
    if (half(end_ + 4) != 0 || half(end_ + 6) != 0) return "the archive is one of several parts";
    if (half(end_ + 20) != 0) return "the archive has a comment";
    count_ = half(end_ + 10);
    if (count_ != half(end_ + 8)) return "the archive's counts of files differ";
    if (count_ == 0xFFFF || word(end_ + 12) == UINT32_MAX || word(end_ + 16) == UINT32_MAX) {
      return "the archive is ZIP64, which no bundle needs to be";
    }
    if (count_ > limits_.files) {
      return fmt::format("the archive has {} files; at most {}", count_, limits_.files);
    }
    directory_ = word(end_ + 16);
    if (uint64_t{directory_} + word(end_ + 12) != end_) {
      return "the archive's directory does not end where its end record begins";
    }
    return std::nullopt;
  }

  std::optional<Error> read_directory() {
    size_t at = directory_;
    for (size_t index = 0; index < count_; ++index) {
      if (at + kCentralBytes > end_ || word(at) != kCentralMark) {
        return refuse("the archive's directory has fewer files than its end record says").value();
      }
      const size_t name = half(at + 28);
      const size_t extra = half(at + 30);
      const size_t comment = half(at + 32);
      if (at + kCentralBytes + name > end_) {
        return refuse("the archive's directory is cut off").value();
      }
      Entry entry;
      entry.name = archive_.substr(at + kCentralBytes, name);
      entry.flags = half(at + 8);
      entry.method = half(at + 10);
      entry.crc = word(at + 16);
      entry.packed = word(at + 20);
      entry.size = word(at + 24);
      entry.offset = word(at + 42);
      if (const auto bad = bad_name(entry.name)) {
        return refuse(fmt::format("a file's name {}", *bad)).value();
      }
      if (extra != 0 || comment != 0) {
        return refuse(entry, "has extra fields or a comment; bundles are made by phoenix build")
            .value();
      }
      if (const auto wrong = wrong_kind(entry, at)) return refuse(entry, *wrong).value();
      at += kCentralBytes + name;
      entries_.push_back(std::move(entry));
    }
    if (at != end_) return refuse("the archive's directory is longer than its files").value();
    return std::nullopt;
  }

  // What an entry may be: a plain file that this reader can unpack.
  std::optional<std::string> wrong_kind(const Entry& entry, size_t at) const {
    const uint16_t host = half(at + 4) >> 8;
    const uint32_t attributes = word(at + 38);
    const uint32_t mode = attributes >> 16;
    if (host != 0 && host != 3) return "was packed for a system that is not known";
    if (half(at + 6) > 20) return "needs a later version of ZIP than 2.0";
    if ((entry.flags & 1) != 0) return "is encrypted";
    if ((entry.flags & ~kFlagsKnown) != 0) return "has flags that are not known";
    if (entry.method != kStored && entry.method != kDeflated) {
      return "is packed by another method than deflate";
    }
    if (half(at + 34) != 0) return "begins in another part of the archive";
    if (entry.size == UINT32_MAX || entry.packed == UINT32_MAX || entry.offset == UINT32_MAX) {
      return "is ZIP64, which no bundle needs to be";
    }
    if (entry.method == kStored && entry.size != entry.packed) return "is stored, with two sizes";
    if (host == 3 && (mode & 0170000) != 0 && (mode & 0170000) != 0100000) {
      return "is no regular file: a link, a device or a folder";
    }
    if (host == 3 && (mode & 07000) != 0) return "has a mode that changes who runs it";
    if ((attributes & 0x18) != 0) return "is a folder or a volume's name";
    const bool ascii = std::all_of(entry.name.begin(), entry.name.end(),
                                   [](char c) { return static_cast<uint8_t>(c) < 0x80; });
    if (!ascii && (entry.flags & kFlagUtf8) == 0) return "has a name that is not said to be UTF-8";
    return std::nullopt;
  }

  std::optional<Error> check_names() const {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) names.push_back(entry.name);
    if (const auto clash = clashing_names(names)) return refuse(*clash).value();
    return std::nullopt;
  }

  std::optional<Error> check_sizes() const {
    uint64_t total = 0;
    for (const Entry& entry : entries_) {
      total += entry.size;
      if (entry.size > limits_.file_bytes) {
        return refuse(entry, fmt::format("unpacks to {} bytes; at most {}", entry.size,
                                         limits_.file_bytes))
            .value();
      }
      if (entry.size > kRatioFrom && entry.size / std::max(entry.packed, 1U) > limits_.ratio) {
        return refuse(entry, fmt::format("unpacks to more than {} times its size", limits_.ratio))
            .value();
      }
    }
    if (total > limits_.total_bytes) {
      return refuse(fmt::format("the archive unpacks to {} bytes; at most {}", total,
                                limits_.total_bytes))
          .value();
    }
    return std::nullopt;
  }

  // Where the content of each file is: one behind the other, from the first byte of the archive to
  // its directory.
  std::optional<Error> locate(std::vector<std::string_view>& contents) const {
    std::vector<size_t> order(entries_.size());
    for (size_t index = 0; index < order.size(); ++index) order[index] = index;
    std::sort(order.begin(), order.end(), [this](size_t left, size_t right) {
      return entries_[left].offset < entries_[right].offset;
    });
    uint64_t at = 0;
    for (const size_t index : order) {
      const Entry& entry = entries_[index];
      if (entry.offset != at) {
        return refuse(entry, "does not begin where the one before it ends").value();
      }
      const uint64_t content = at + kLocalBytes + entry.name.size();
      if (content + entry.packed > directory_ || !same_header(entry)) {
        return refuse(entry, "is described otherwise before its content than in the directory")
            .value();
      }
      contents[index] = archive_.substr(content, entry.packed);
      at = content + entry.packed;
      if ((entry.flags & kFlagDescriptor) != 0) {
        const size_t size = descriptor(entry, at);
        if (size == 0) return refuse(entry, "has no right description behind its content").value();
        at += size;
      }
    }
    if (at != directory_) return refuse("bytes of the archive belong to no file").value();
    return std::nullopt;
  }

  bool same_header(const Entry& entry) const {
    const size_t at = entry.offset;
    if (word(at) != kLocalMark || half(at + 4) > 20 || half(at + 6) != entry.flags ||
        half(at + 8) != entry.method || half(at + 26) != entry.name.size() || half(at + 28) != 0 ||
        archive_.substr(at + kLocalBytes, entry.name.size()) != entry.name) {
      return false;
    }
    const bool later = (entry.flags & kFlagDescriptor) != 0 && word(at + 14) == 0 &&
                       word(at + 18) == 0 && word(at + 22) == 0;
    return later || (word(at + 14) == entry.crc && word(at + 18) == entry.packed &&
                     word(at + 22) == entry.size);
  }

  // Bytes of the description behind a content, with its mark or without; 0 if it is wrong.
  size_t descriptor(const Entry& entry, uint64_t at) const {
    if (at + 12 > directory_) return 0;
    const auto from = static_cast<size_t>(at);
    const size_t mark = word(from) == kDescriptorMark ? 4 : 0;
    if (from + mark + 12 > directory_) return 0;
    const bool right = word(from + mark) == entry.crc && word(from + mark + 4) == entry.packed &&
                       word(from + mark + 8) == entry.size;
    return right ? mark + 12 : 0;
  }

  static Result<std::string> unpack(const Entry& entry, std::string_view packed) {
    std::string bytes;
    if (entry.method == kStored) {
      bytes = packed;
    } else if (!inflate_all(packed, entry.size, bytes)) {
      return refuse(entry, "its content cannot be unpacked to the size that is said");
    }
    const auto crc =
        crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    if (crc != entry.crc) return refuse(entry, "its content is damaged: the CRC differs");
    return bytes;
  }

  // All of the input to exactly `size` bytes.
  static bool inflate_all(std::string_view packed, size_t size, std::string& bytes) {
    z_stream stream = {};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
    bytes.resize(size + 1);  // one more, so that what is longer is seen
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
    stream.avail_out = static_cast<uInt>(bytes.size());
    const bool whole =
        inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 1;
    inflateEnd(&stream);
    bytes.resize(size);
    return whole;
  }

  std::string_view archive_;
  ArchiveLimits limits_;
  size_t end_ = 0;
  size_t directory_ = 0;
  size_t count_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace

Result<std::vector<ArchiveFile>> read_archive(std::string_view archive,
                                              const ArchiveLimits& limits) {
  return Reader(archive, limits).run();
}

}  // namespace phoenix::manifest
